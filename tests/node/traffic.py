#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of traffic cases, on the three nodes of a lab (tools/lab).

usage: traffic.py FILE image             makes the archive of the image that the nodes need (tools/lab up --image FILE)
       traffic.py LAB_DIR setup          pods and Services, and waits until all run
       traffic.py LAB_DIR steady [--away NODE]   until SIGTERM: pods ask pods of other nodes, names, and Services by name
       traffic.py LAB_DIR [--away NODE] [--only TEXT]    runs the rows, all but those to and from NODE

Every row is for one family: the cluster's primary one, or, with 6, IPv6; rows of a family that the lab
does not have (tools/lab up --families) are left out.
"""
import argparse
import concurrent.futures
import ipaddress
import json
import os
import signal
import subprocess
import sys
import threading
import time

IMAGE = "localhost/traffic:1"
NETS = ("192.0.2", "198.51.100", "203.0.113")     # as tools/lablib/cluster.py has them
PAUSE_S = 0.3          # of a steady client between two questions
APPLETS = "sh mkdir printf chmod head cat sleep httpd echo ["
NS = "traffic"

SERVE = ("mkdir -p /tmp/w/cgi-bin && printf %s \"$POD\" >/tmp/w/name && printf '#!/bin/sh\\necho; echo $REMOTE_ADDR\\n' >/tmp/w/cgi-bin/me && "
         "chmod +x /tmp/w/cgi-bin/me && head -c 300000 /dev/zero >/tmp/w/big && "
         "exec answer 8081 \"$POD\" & until [ -s /tmp/w/big ]; do sleep 0.1; done; exec httpd -f -p 8080 -h /tmp/w")


# Datagrams may be lost: three tries.
ASK = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
s.connect((sys.argv[1], int(sys.argv[2])))
for _ in range(3):
    try:
        s.send(b"x")
        print(s.recv(999).decode())
        break
    except OSError:
        pass
"""


def image(archive):
    answer = os.path.join(os.path.dirname(os.environ.get("SAMPAN", "build/sampan")), "tests/node/answer")
    links = [w for a in APPLETS.split() for w in ("-l", f"busybox=/usr/bin/{a}")]
    subprocess.run(["tools/mkimage", "-o", archive, "-p", "busybox-static", "-f", f"{answer}=/usr/bin/answer", *links, IMAGE, "--", "sh"], check=True)


def pod_spec(command):
    ready = {"readinessProbe": {"httpGet": {"path": "/name", "port": 8080}, "periodSeconds": 1}} if command == SERVE else {}
    return {"terminationGracePeriodSeconds": 0, "containers": [{
        "name": "c", "image": IMAGE, "command": ["sh", "-c", command], **ready,
        "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}]}


def workload(kind, name, labels, command, **spec):
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": NS}, "spec": {
        **spec, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod_spec(command)}}}


def service(name, app, **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NS}, "spec": {
        "selector": {"app": app}, "ipFamilyPolicy": "PreferDualStack", "ports": [{"name": "http", "port": 80, "targetPort": 8080},
                                            {"name": "udp", "port": 81, "targetPort": 8081, "protocol": "UDP"}], **spec}}


MANIFESTS = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}},
    workload("DaemonSet", "web", {"app": "web"}, SERVE),
    workload("DaemonSet", "client", {"app": "client"}, "exec sleep 1000000"),
    workload("DaemonSet", "friend", {"app": "friend"}, "exec sleep 1000000"),
    workload("DaemonSet", "guarded", {"app": "guarded"}, SERVE),
    workload("Deployment", "solo", {"app": "solo"}, SERVE, replicas=1),
    service("web", "web"), service("solo", "solo"), service("nobody", "nobody"),
    service("web-port", "web", type="NodePort"),
    service("web-affinity", "web", sessionAffinity="ClientIP"),
    service("web-each", "web", clusterIP="None"),
    service("web-near", "web", internalTrafficPolicy="Local"),
    service("web-outer", "web", type="NodePort", externalTrafficPolicy="Local"),
    service("web-pool", "web", type="LoadBalancer"),
    {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "guarded", "namespace": NS}, "spec": {
        "podSelector": {"matchLabels": {"app": "guarded"}}, "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}], "ports": [{"port": 8080}]}]}},
]


class Failed(Exception):
    pass


def of_family(ips, six):
    return next((i for i in ips if (":" in i) == six), None)


def url(ip):
    return f"[{ip}]" if ":" in ip else ip


class Pod:
    def __init__(self, obj, six):
        self.name, self.uid, self.node = obj["metadata"]["name"], obj["metadata"]["uid"], obj["spec"]["nodeName"]
        self.app, self.ip = obj["metadata"]["labels"]["app"], of_family([i["ip"] for i in obj["status"]["podIPs"]], six)
        self.at = url(self.ip) if self.ip else None


class Lab:
    """six: asked by IPv6; None: as the lab is."""
    def __init__(self, directory, away, six=None):
        self.dir = directory
        with open(f"{directory}/lab.json") as f:
            opt = json.load(f)
        self.families = opt["families"]
        self.six = six = "4" not in self.families if six is None else six
        self.kubeconfig = next(p for p in (f"{directory}/s{i + 1}/admin.kubeconfig" for i in range(opt["servers"])) if self.answers(p))
        self.away = away
        net = f"2001:db8:1ab:{NETS.index(opt['net4'])}::" if six else f"{opt['net4']}."
        self.outside = str(ipaddress.ip_address(f"{net}254"))
        self.nodes = {f"n{i + 1}": str(ipaddress.ip_address(f"{net}{71 + i}")) for i in range(opt["nodes"]) if f"n{i + 1}" != away}

    @staticmethod
    def answers(path):
        return subprocess.run(["kubectl", "--kubeconfig", path, "--request-timeout=3s", "get", "--raw", "/readyz"], capture_output=True).returncode == 0

    def kubectl(self, *words, **kw):
        p = subprocess.run(["kubectl", "--kubeconfig", self.kubeconfig, "-n", NS, *words], capture_output=True, text=True, **kw)
        if p.returncode:
            raise Failed(f"kubectl {' '.join(words)}: {p.stderr.strip()[-300:]}")
        return p.stdout

    def look(self):
        """Who is where, once; the rows then need no server."""
        pods = [Pod(o, self.six) for o in json.loads(self.kubectl("get", "pods", "-o", "json"))["items"]
                if o["status"].get("podIP") and o["status"].get("phase") == "Running" and not o["metadata"].get("deletionTimestamp")]
        self.pods = {}
        for p in pods:
            if p.node in self.nodes:
                self.pods.setdefault(p.app, {})[p.node] = p
        dns = json.loads(self.kubectl("-n", "kube-system", "get", "service", "kube-dns", "-o", "json"))
        api = json.loads(self.kubectl("-n", "default", "get", "service", "kubernetes", "-o", "json"))
        self.dns = of_family(dns["spec"]["clusterIPs"], self.six) or dns["spec"]["clusterIP"]
        self.api = url(api["spec"]["clusterIP"])
        self.services = {o["metadata"]["name"]: o for o in json.loads(self.kubectl("get", "services", "-o", "json"))["items"]}
        for app in ("web", "client", "friend", "guarded"):
            if set(self.pods.get(app, {})) != set(self.nodes):
                raise Failed(f"{app} runs on {sorted(self.pods.get(app, {}))} only")

    def ip(self, name):
        ip = of_family(self.services[name]["spec"]["clusterIPs"], self.six)
        if not ip:
            raise Failed(f"the Service {name} has no address of IPv{6 if self.six else 4}")
        return ip

    def vip(self, name):
        return url(self.ip(name))

    def node_port(self, name):
        return self.services[name]["spec"]["ports"][0]["nodePort"]

    # ---- from where ----

    def at(self, place):
        """place: a Pod, the name of a node, None: outside, the machine that the lab is on."""
        if place is None:
            return []
        return ["nsenter", f"--net={self.dir}/{place.node}/run/ns/{place.uid}.net" if isinstance(place, Pod) else f"--net={self.dir}/net/{place}"]

    def ask(self, place, at, seconds=4):
        p = subprocess.run([*self.at(place), "curl", "-sgf", "--max-time", str(seconds), f"http://{at}"], capture_output=True)
        return p.returncode, p.stdout.decode(errors="replace").strip()

    def get(self, place, at):
        rc, out = self.ask(place, at)
        if rc:
            raise Failed(f"{place.name if isinstance(place, Pod) else place or 'outside'}: {at}: curl {rc}")
        return out

    def udp(self, place, address, port):
        """The answer to a datagram."""
        p = subprocess.run([*self.at(place), sys.executable, "-c", ASK, address, str(port)], capture_output=True, text=True)
        if p.stdout:
            return p.stdout.strip()
        raise Failed(f"{place.name if isinstance(place, Pod) else place}: no datagram from {address}:{port}")

    def dig(self, place, *words):
        p = subprocess.run([*self.at(place), "dig", "+short", "+tries=2", "+timeout=2", f"@{self.dns}", *words], capture_output=True, text=True)
        return sorted(w for w in p.stdout.split("\n") if w and w[0] != ";")

    def of(self, app):
        return [self.pods[app][n] for n in self.nodes]


def same(what, want, got):
    if want != got:
        raise Failed(f"{what}: wanted {want}, got {got}")


# ---- the rows ----

def pairs(lab, test, near):
    for a in lab.of("client"):
        for b in lab.of("web"):
            if (a.node == b.node) == near:
                test(a, b)


def tcp(lab, near):
    pairs(lab, lambda a, b: same(f"{a.name} to {b.ip}", b.name, lab.get(a, f"{b.at}:8080/name")), near)


def udp(lab, near):
    pairs(lab, lambda a, b: same(f"{a.name} to {b.ip}", b.name, lab.udp(a, b.ip, 8081)), near)


def large(lab):
    pairs(lab, lambda a, b: same("bytes", 300000, len(subprocess.run([*lab.at(a), "curl", "-s", "--max-time", "8", f"http://{b.at}:8080/big"],
                                                                     capture_output=True).stdout)), False)


def source(lab):
    pairs(lab, lambda a, b: same("source", a.ip, lab.get(a, f"{b.at}:8080/cgi-bin/me").strip("[]").removeprefix("::ffff:")), False)


def everyone(lab, place, ask):
    """All pods of web answer, within so many questions that one of three stays away once in a million."""
    want, got = {p.name for p in lab.of("web")}, set()
    for _ in range(40):
        got.add(ask(place))
        if got >= want:
            break
    if not lab.away:
        same("who answered", sorted(want), sorted(got))


def cluster_ip(lab):
    for c in lab.of("client"):
        everyone(lab, c, lambda at: lab.get(at, f"{lab.vip('web')}/name"))


def cluster_ip_udp(lab):
    for c in lab.of("client"):
        if lab.udp(c, lab.ip("web"), 81) not in {p.name for p in lab.of("web")} and not lab.away:
            raise Failed("an answer of nobody")


def cluster_ip_node(lab):
    for n in lab.nodes:
        lab.get(n, f"{lab.vip('web')}/name")


def node_port(lab):
    for ip in lab.nodes.values():
        everyone(lab, None, lambda at, ip=ip: lab.get(at, f"{url(ip)}:{lab.node_port('web-port')}/name"))


def node_port_pod(lab):
    for c in lab.of("client"):
        for ip in lab.nodes.values():
            lab.get(c, f"{url(ip)}:{lab.node_port('web-port')}/name")


def hairpin(lab):
    for p in lab.pods.get("solo", {}).values():
        same("itself", p.name, lab.get(p, f"{lab.vip('solo')}/name"))


def affinity(lab):
    for c in lab.of("client"):
        same("one pod", 1, len({lab.get(c, f"{lab.vip('web-affinity')}/name") for _ in range(8)}))


def refused(lab):
    for c in lab.of("client"):
        same("curl's word for refused", 7, lab.ask(c, f"{lab.vip('nobody')}/")[0])


def names(lab, *words):
    kind = "AAAA" if lab.six else "A"
    for c in lab.of("client"):
        same("web's address", [lab.ip("web")], lab.dig(c, *words, kind, f"web.{NS}.svc.cluster.local"))
        same("its pods'", sorted(p.ip for p in lab.of("web")) if not lab.away else "some",
             lab.dig(c, *words, kind, f"web-each.{NS}.svc.cluster.local") if not lab.away else "some")
        same("its name", [f"web.{NS}.svc.cluster.local."], lab.dig(c, *words, "-x", lab.ip("web")))


def by_name_of(lab, c):
    ip = lab.dig(c, "AAAA" if lab.six else "A", f"web.{NS}.svc.cluster.local")
    lab.get(c, f"{url(ip[0]) if ip else 'no-name'}/name")


def by_name(lab):
    for c in lab.of("client"):
        by_name_of(lab, c)


def node_to_pod(lab):
    for n in lab.nodes:
        for p in lab.of("web"):
            same("who", p.name, lab.get(n, f"{p.at}:8080/name"))


def api(lab):
    for c in lab.of("client"):
        p = subprocess.run([*lab.at(c), "curl", "-skg", "--max-time", "4", f"https://{lab.api}/readyz"], capture_output=True, text=True)
        same(f"{c.node}: readyz", "ok", p.stdout.strip())


def outer(lab):
    for n, ip in lab.nodes.items():
        port = lab.node_port("web-outer")
        same("the pod of the node", {lab.pods["web"][n].name}, {lab.get(None, f"{url(ip)}:{port}/name") for _ in range(6)})
        same("source", lab.outside, lab.get(None, f"{url(ip)}:{port}/cgi-bin/me").strip("[]").removeprefix("::ffff:"))


def near(lab):
    for c in lab.of("client"):
        same("the pod of the node", {lab.pods["web"][c.node].name}, {lab.get(c, f"{lab.vip('web-near')}/name") for _ in range(6)})


def pool(lab):
    given = of_family([i["ip"] for i in lab.services["web-pool"].get("status", {}).get("loadBalancer", {}).get("ingress", [])], lab.six)
    if not given:
        raise Failed("it has no address")
    everyone(lab, None, lambda at: lab.get(at, f"{url(given)}/name"))


def allowed(lab):
    for f in lab.of("friend"):
        for g in lab.of("guarded"):
            same("who", g.name, lab.get(f, f"{g.at}:8080/name"))


def denied(lab):
    for c in lab.of("client"):
        for g in lab.of("guarded"):
            if lab.ask(c, f"{g.at}:8080/name", 1)[0] == 0:
                raise Failed(f"{c.name} reaches {g.name}")


def denied_port(lab):
    f, g = lab.of("friend")[0], lab.of("guarded")[-1]
    try:
        lab.udp(f, g.ip, 8081)
    except Failed:
        return
    raise Failed(f"{f.name} reaches a port of {g.name} that is not allowed")


ROWS = [
    ("pod to pod, same node, TCP", lambda lab: tcp(lab, True)),
    ("pod to pod, other node, TCP", lambda lab: tcp(lab, False)),
    ("pod to pod, same node, UDP", lambda lab: udp(lab, True)),
    ("pod to pod, other node, UDP", lambda lab: udp(lab, False)),
    ("pod to pod, a large answer", large),
    ("pod to pod, the source is kept", source),
    ("node to pod", node_to_pod),
    ("ClusterIP, TCP, all pods", cluster_ip),
    ("ClusterIP, UDP", cluster_ip_udp),
    ("ClusterIP, from a node", cluster_ip_node),
    ("ClusterIP, no pods: refused", refused),
    ("the API's Service", api),
    ("NodePort, each node, from outside", node_port),
    ("NodePort, each node, from a pod", node_port_pod),
    ("hairpin", hairpin),
    ("session affinity", affinity),
    ("DNS, UDP", names),
    ("DNS, TCP", lambda lab: names(lab, "+tcp")),
    ("a Service by its name", by_name),
    ("external policy Local, the source kept", outer),
    ("internal policy Local", near),
    ("LoadBalancer, from outside", pool),
    ("policy allows", allowed),
    ("policy denies", denied),
    ("policy denies another port", denied_port),
]


def setup(lab):
    lab.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": MANIFESTS}))
    for what in ("daemonset/web", "daemonset/client", "daemonset/friend", "daemonset/guarded", "deployment/solo"):
        lab.kubectl("rollout", "status", what, "--timeout=60s")


def steady(lab):
    """Nothing that is asked stays without its answer."""
    stop, asked, unanswered = threading.Event(), [], []

    def client(c):
        while not stop.is_set():
            for b in lab.of("web"):
                try:
                    if b.node == c.node:
                        by_name_of(lab, c)
                    else:
                        same(f"{c.name} to {b.ip}", b.name, lab.get(c, f"{b.at}:8080/name"))
                except Failed as e:
                    unanswered.append(f"{time.strftime('%T')} {e}")
                asked.append(b.name)
                stop.wait(PAUSE_S)

    threads = [threading.Thread(target=client, args=(c,)) for c in lab.of("client")]
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])      # a handler could meet the event's own lock
    for t in threads:
        t.start()
    print("asking", flush=True)
    signal.sigwait([signal.SIGTERM])
    stop.set()
    for t in threads:
        t.join()
    for u in unanswered[:10]:
        print("UNANSWERED:", u)
    print(f"{len(asked)} questions, {len(unanswered)} unanswered")
    return 1 if unanswered or len(asked) < 10 else 0


def attempt(lab, row):
    """(seconds, what went wrong). What follows a change of pods may take a moment: asked twice."""
    began = time.monotonic()
    for again in (True, False):
        try:
            row[1](lab)
            return time.monotonic() - began, ""
        except Failed as e:
            if row[0].startswith("policy denies") or not again:
                return time.monotonic() - began, str(e)
            time.sleep(2)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("lab")
    p.add_argument("verb", nargs="?", choices=["image", "setup", "steady"])
    p.add_argument("--away", metavar="NODE")
    p.add_argument("--only", default="", metavar="TEXT", help="rows with that in their name")
    a = p.parse_args()
    if a.verb == "image":
        return image(a.lab)
    try:
        lab = Lab(os.path.abspath(a.lab), a.away)
        if a.verb == "setup":
            return setup(lab)
        lab.look()
        if a.verb == "steady":
            return steady(lab)
    except (Failed, StopIteration) as e:
        print(f"traffic: {e or 'no server answers'}")
        return 1
    rows = [(lab, r) for r in ROWS if a.only in r[0]] if "4" in lab.families else []
    try:
        if "6" in lab.families:
            six = Lab(os.path.abspath(a.lab), a.away, True)
            six.look()
            rows += [(six, (f"{name}, 6", *rest)) for name, *rest in ROWS if a.only in f"{name}, 6"]
    except Failed as e:
        print(f"traffic: {e}")
        return 1
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(6) as pool_of_threads:
        for (_, (name, _)), (took, wrong) in zip(rows, pool_of_threads.map(lambda r: attempt(*r), rows)):
            bad += bool(wrong)
            print(f"{'WRONG' if wrong else 'ok':8} {name:42} {took:4.1f} s  {wrong}")
    print(f"{len(rows)} rows{f' without {a.away}' if a.away else ''}: {bad} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
