# SPDX-License-Identifier: Apache-2.0
"""A cloud of both families on the wire: addresses of Services, of nodes and of balancers, and what leads to pods.

usage: families.py KUBECONFIG      of a server with the ranges that tests/flow/11_behaviour.sh gives it
"""
import http.server
import ipaddress
import socket
import sys
import threading
import time

from cases import Api, MERGE_PATCH, get

api = Api(sys.argv[1])
NS = "/api/v1/namespaces/families"
SVC = NS + "/services"
V4, V6 = ipaddress.ip_network("10.96.0.0/16"), ipaddress.ip_network("fd00:96::/112")
PODS4, PODS6 = ipaddress.ip_network("10.244.0.0/16"), ipaddress.ip_network("fd00:244::/56")


def svc(name, **spec):
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


def says(*texts):
    return lambda o: all(t in o["message"] for t in texts)


def has(policy, *families):
    """Its policy and families, and an address of each in the cloud's ranges."""
    def look(o):
        s = o["spec"]
        ips = [ipaddress.ip_address(i) for i in s.get("clusterIPs", [])]
        return (s["ipFamilyPolicy"] == policy and s["ipFamilies"] == list(families) and s["clusterIP"] == s["clusterIPs"][0] and
                [f"IPv{i.version}" for i in ips] == list(families) and all(i in (V4 if i.version == 4 else V6) for i in ips))
    return look


def until(what, look, path, seconds=20):
    end = time.monotonic() + seconds
    while True:
        status, o = api.obj("GET", path)
        if (status == 200 and look(o)) or time.monotonic() > end:
            api.check(what, status == 200 and look(o), o)
            return o
        time.sleep(0.05)


def gone(what, path, seconds=20):
    end = time.monotonic() + seconds
    while (status := api.obj("GET", path)[0]) != 404 and time.monotonic() < end:
        time.sleep(0.05)
    api.check(what, status == 404, status)


def creation():
    api.run([
        ("namespace", "POST", "/api/v1/namespaces", {"metadata": {"name": "families"}}, {}, 201, None),
        ("the range has both", "GET", "/apis/networking.k8s.io/v1/servicecidrs/kubernetes", None, {}, 200,
         {"spec.cidrs": ["10.96.0.0/16", "fd00:96::/112"]}),
        ("the API's own is single", "GET", "/api/v1/namespaces/default/services/kubernetes", None, {}, 200,
         {"spec.clusterIPs": ["10.96.0.1"], "spec.ipFamilies": ["IPv4"], "spec.ipFamilyPolicy": "SingleStack"}),
        ("nothing said", "POST", SVC, svc("plain"), {}, 201, has("SingleStack", "IPv4")),
        ("the other family", "POST", SVC, svc("six", ipFamilies=["IPv6"]), {}, 201, has("SingleStack", "IPv6")),
        ("either", "POST", SVC, svc("prefer", ipFamilyPolicy="PreferDualStack"), {}, 201, has("PreferDualStack", "IPv4", "IPv6")),
        ("both", "POST", SVC, svc("require", ipFamilyPolicy="RequireDualStack", ipFamilies=["IPv6"], type="NodePort"), {}, 201,
         has("RequireDualStack", "IPv6", "IPv4")),
        ("one address that is asked for", "POST", SVC, svc("asks", clusterIP="fd00:96::77"), {}, 201,
         lambda o: has("SingleStack", "IPv6")(o) and o["spec"]["clusterIPs"] == ["fd00:96::77"]),
        ("both asked for", "POST", SVC, svc("asks2", ipFamilyPolicy="RequireDualStack", clusterIP="10.96.0.77",
         clusterIPs=["10.96.0.77", "fd00:96::78"]), {}, 201, {"spec.clusterIPs": ["10.96.0.77", "fd00:96::78"], "spec.ipFamilies": ["IPv4", "IPv6"]}),
        ("asked for one of two", "POST", SVC, svc("asks3", ipFamilyPolicy="PreferDualStack", clusterIP="fd00:96::79"), {}, 201,
         lambda o: has("PreferDualStack", "IPv6", "IPv4")(o) and o["spec"]["clusterIP"] == "fd00:96::79"),
        ("taken, in other words", "POST", SVC, svc("taken", clusterIP="FD00:0096:0::77"), {}, 422,
         says('spec.clusterIPs: Invalid value: ["FD00:0096:0::77"]: failed to allocate IP FD00:0096:0::77: provided IP is already allocated')),
        ("the second one taken", "POST", SVC, svc("taken2", ipFamilyPolicy="RequireDualStack", clusterIP="10.96.0.80",
         clusterIPs=["10.96.0.80", "fd00:96::77"]), {}, 422, says('["10.96.0.80","fd00:96::77"]: failed to allocate IP fd00:96::77: provided')),
        ("which left the first one free", "POST", SVC, svc("free", clusterIP="10.96.0.80"), {}, 201, has("SingleStack", "IPv4")),
        ("out of range", "POST", SVC, svc("out", clusterIP="fd00:97::1"), {}, 422,
         says("the provided IP (fd00:97::1) is not in the valid range. The range of valid IPs is fd00:96::/112")),
        ("the range's own address", "POST", SVC, svc("out", clusterIP="fd00:96::"), {}, 422, says("is not in the valid range")),
        ("two of one family", "POST", SVC, svc("same", ipFamilyPolicy="RequireDualStack", clusterIP="10.96.0.81", clusterIPs=["10.96.0.81", "10.96.0.82"]),
         {}, 422, says("may specify no more than one IP for each IP family")),
        ("two without the policy", "POST", SVC, svc("same", ipFamilies=["IPv4", "IPv6"]), {}, 422,
         says("must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified")),
        ("an address of the wrong family", "POST", SVC, svc("wrong", ipFamilies=["IPv4"], clusterIP="fd00:96::90"), {}, 422,
         says("expected an IPv4 value as indicated by `ipFamilies[0]`")),
        ("no address, two families", "POST", SVC, svc("bare", clusterIP="None"), {}, 201,
         {"spec.clusterIPs": ["None"], "spec.ipFamilies": ["IPv4", "IPv6"], "spec.ipFamilyPolicy": "RequireDualStack"}),
        ("dry", "POST", SVC + "?dryRun=All", svc("dry", clusterIP="fd00:96::91"), {}, 201, has("SingleStack", "IPv6")),
        ("takes nothing", "POST", SVC, svc("wet", clusterIP="fd00:96::91"), {}, 201, has("SingleStack", "IPv6")),
    ])
    _, headers, _ = api.call("POST", SVC, svc("spelled", clusterIP="fd00:96:0::0:92"))
    api.check("a spelling that is not canonical is warned of", headers.get("warning") == '299 - "spec.clusterIPs[0]: IPv6 address '
              '\\"fd00:96:0::0:92\\" should be in RFC 5952 canonical format (\\"fd00:96::92\\")"', headers)
    until("and its IPAddress is canonical", lambda o: get(o, "spec.parentRef.name") == "spelled",
          "/apis/networking.k8s.io/v1/ipaddresses/fd00:96::92")


def patch(name, spec, status, want):
    return (f"{name} {spec}", "PATCH", f"{SVC}/{name}", {"spec": spec}, {"headers": MERGE_PATCH}, status, want)


def changes():
    _, o = api.obj("GET", SVC + "/plain")
    first = o["spec"]["clusterIP"]
    api.run([patch("plain", {"ipFamilyPolicy": "PreferDualStack"}, 200, lambda o: has("PreferDualStack", "IPv4", "IPv6")(o) and o["spec"]["clusterIP"] == first)])
    _, o = api.obj("GET", SVC + "/plain")
    second = o["spec"]["clusterIPs"][1]
    ip = "/apis/networking.k8s.io/v1/ipaddresses/" + second
    until("the second address has an IPAddress", lambda o: get(o, "spec.parentRef.name") == "plain" and
          get(o, "metadata.labels")["ipaddress.kubernetes.io/ip-family"] == "IPv6", ip)
    api.run([
        ("it is taken", "POST", SVC, svc("want", clusterIP=second), {}, 422, says("already allocated")),
        patch("plain", {"clusterIPs": [first]}, 422, says("must be 'SingleStack' to release the secondary cluster IP")),
        patch("plain", {"ipFamilies": ["IPv4"]}, 422, says("must be 'SingleStack' to release the secondary IP family")),
        patch("plain", {"ipFamilies": ["IPv6", "IPv4"]}, 422, says("spec.clusterIPs[0]: Invalid value", "expected an IPv6 value as indicated by `ipFamilies[0]`")),
        patch("plain", {"clusterIPs": [first, "fd00:96::1234"]}, 422, says("spec.clusterIPs[1]: Invalid value", "may not change once set")),
        patch("plain", {"selector": {"a": "b"}}, 200, {"spec.clusterIPs": [first, second]}),
        ("an old client puts it", "PUT", SVC + "/plain", svc("plain"), {}, 200, {"spec.clusterIPs": [first, second], "spec.ipFamilyPolicy": "PreferDualStack"}),
        patch("plain", {"ipFamilyPolicy": "SingleStack"}, 200, {"spec.clusterIPs": [first], "spec.ipFamilies": ["IPv4"]}),
        ("it is free", "POST", SVC, svc("want", clusterIP=second), {}, 201, None),
        patch("plain", {"ipFamilyPolicy": "RequireDualStack", "clusterIPs": [first, "fd00:96::1234"]}, 200, {"spec.clusterIPs": [first, "fd00:96::1234"]}),
        patch("plain", {"type": "ExternalName", "externalName": "a.example"}, 200, {"spec.clusterIPs": None, "spec.ipFamilies": None, "spec.ipFamilyPolicy": None}),
        ("and these are free", "POST", SVC, svc("want2", ipFamilyPolicy="PreferDualStack", clusterIP=first, clusterIPs=[first, "fd00:96::1234"]), {}, 201, None),
        patch("plain", {"type": "ClusterIP", "externalName": None, "ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6"]}, 200,
              has("PreferDualStack", "IPv6", "IPv4")),
        patch("bare", {"ipFamilies": ["IPv6"], "ipFamilyPolicy": "SingleStack"}, 200, {"spec.ipFamilies": ["IPv6"]}),
        patch("require", {"type": "ClusterIP", "ipFamilyPolicy": "SingleStack"}, 200, has("SingleStack", "IPv6")),
    ])
    gone("an address that was given back loses its IPAddress", "/apis/networking.k8s.io/v1/ipaddresses/" + "fd00:96::78") \
        if api.obj("DELETE", SVC + "/asks2")[0] == 200 else api.check("asks2 goes", False)


def ranges():
    cidrs = "/apis/networking.k8s.io/v1/servicecidrs"
    api.run([
        ("another range", "POST", cidrs, {"metadata": {"name": "more"}, "spec": {"cidrs": ["fd00:97::/64", "10.97.0.0/16"]}}, {}, 201, None),
        ("two of one family", "POST", cidrs, {"metadata": {"name": "bad"}, "spec": {"cidrs": ["fd00:97::/64", "fd00:98::/64"]}}, {}, 422,
         says("may specify no more than one IP for each IP family")),
        ("not canonical", "POST", cidrs, {"metadata": {"name": "bad"}, "spec": {"cidrs": ["FD00:97::/64"]}}, {}, 422, says('must be in canonical form')),
        ("bits beyond", "POST", cidrs, {"metadata": {"name": "bad"}, "spec": {"cidrs": ["fd00:97::1/64"]}}, {}, 422, says("must not have bits set beyond")),
        ("has addresses", "POST", SVC, svc("more", clusterIP="fd00:97::ffff:0:1"), {}, 201, None),
    ])
    until("its finalizer", lambda o: o["metadata"].get("finalizers"), cidrs + "/more")
    until("its address is known", lambda o: True, "/apis/networking.k8s.io/v1/ipaddresses/fd00:97::ffff:0:1")
    api.run([("it is asked to go", "DELETE", cidrs + "/more", None, {}, 200, None)])
    until("it stays while it has addresses in use", lambda o: any(c["reason"] == "Terminating" for c in get(o, "status.conditions", [])), cidrs + "/more")
    api.run([("they go", "DELETE", SVC + "/more", None, {}, 200, None)])
    gone("then it goes", cidrs + "/more")


def node(name, **spec):
    return {"metadata": {"name": name}, "spec": spec, "status": {"nodeInfo": {k: "v1.34.0" if k == "kubeletVersion" else "x" for k in (
        "machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion", "kubeletVersion", "kubeProxyVersion",
        "operatingSystem", "architecture")}, "conditions": [{"type": "Ready", "status": "True"}]}}


def nodes():
    path = "/api/v1/nodes"
    seen = set()
    for i in range(3):
        api.obj("POST", path, node(f"n{i}"))
        o = until(f"node {i} gets a block of each range", lambda o: len(o["spec"].get("podCIDRs", [])) == 2, f"{path}/n{i}")
        blocks = [ipaddress.ip_network(c) for c in get(o, "spec.podCIDRs", [])]
        api.check("of the ranges, in their order", len(blocks) == 2 and blocks[0].subnet_of(PODS4) and blocks[0].prefixlen == 24 and
                  blocks[1].subnet_of(PODS6) and blocks[1].prefixlen == 64 and o["spec"]["podCIDR"] == str(blocks[0]), o)
        seen.update(blocks)
    api.check("no block twice", len(seen) == 6, seen)
    api.run([
        ("three blocks", "POST", path, node("bad", podCIDRs=["10.1.0.0/24", "fd00:1::/64", "fd00:2::/64"]), {}, 422,
         says("may specify no more than one CIDR for each IP family")),
        ("two of one family", "POST", path, node("bad", podCIDRs=["fd00:1::/64", "fd00:2::/64"]), {}, 422,
         says("may specify no more than one CIDR for each IP family")),
        ("another first", "POST", path, node("first", podCIDRs=["fd00:1::/64", "10.1.0.0/24"]), {}, 201, {"spec.podCIDR": "fd00:1::/64"}),
        ("they stay", "PATCH", path + "/n0", {"spec": {"podCIDRs": ["10.1.0.0/24"], "podCIDR": "10.1.0.0/24"}}, {"headers": MERGE_PATCH}, 422,
         says('node updates may not change podCIDR except from "" to valid')),
    ])


def pod(name):
    return {"metadata": {"name": name, "labels": {"app": "p"}}, "spec": {"nodeName": "n0", "containers": [{"name": "c", "image": "x",
            "env": [{"name": "IPS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIPs"}}},
                    {"name": "HOSTS", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIPs"}}}]}]}}


def slices(service):
    _, o = api.obj("GET", f"/apis/discovery.k8s.io/v1/namespaces/families/endpointslices?labelSelector=kubernetes.io/service-name%3D{service}")
    return {s["addressType"]: sorted(e["addresses"][0] for e in s["endpoints"] or []) for s in o["items"]}


def leads(what, service, want, seconds=20):
    end = time.monotonic() + seconds
    while (found := slices(service)) != want and time.monotonic() < end:
        time.sleep(0.05)
    api.check(what, found == want, found)


def endpoints():
    ips = {"a": ["10.244.0.5", "fd00:244::5"], "b": ["10.244.0.6", "fd00:244::6"], "c": ["fd00:244::7"]}
    for name, own in ips.items():
        api.run([
            ("pod", "POST", NS + "/pods", pod(name), {}, 201, None),
            ("its addresses", "PATCH", f"{NS}/pods/{name}/status", {"status": {"phase": "Running", "podIP": own[0], "podIPs": [{"ip": i} for i in own],
             "conditions": [{"type": "Ready", "status": "True"}]}}, {"headers": MERGE_PATCH}, 200, None),
        ])
    api.run([
        ("two addresses of one family", "PATCH", NS + "/pods/a/status", {"status": {"podIPs": [{"ip": "10.244.0.5"}, {"ip": "10.244.0.9"}]}},
         {"headers": MERGE_PATCH}, 422, says("may specify no more than one IP for each IP family")),
        ("both", "POST", SVC, svc("both", selector={"app": "p"}, ipFamilyPolicy="RequireDualStack"), {}, 201, None),
        ("headless", "POST", SVC, svc("headless", selector={"app": "p"}, clusterIP="None", ipFamilies=["IPv6"]), {}, 201, {"spec.ipFamilies": ["IPv6"]}),
    ])
    four, six = ["10.244.0.5", "10.244.0.6"], ["fd00:244::5", "fd00:244::6", "fd00:244::7"]
    leads("slices of both families", "both", {"IPv4": four, "IPv6": six})
    leads("a headless Service of one", "headless", {"IPv6": six})
    until("Endpoints of the primary one", lambda o: sorted(a["ip"] for a in get(o, "subsets.0.addresses", [])) == four, NS + "/endpoints/both")
    until("which may be IPv6", lambda o: sorted(a["ip"] for a in get(o, "subsets.0.addresses", [])) == six, NS + "/endpoints/headless")
    api.run([patch("both", {"ipFamilyPolicy": "SingleStack"}, 200, None)])
    leads("the second family goes with the Service's", "both", {"IPv4": four})
    api.run([patch("both", {"ipFamilyPolicy": "PreferDualStack"}, 200, None)])
    leads("and comes with it", "both", {"IPv4": four, "IPv6": six})
    api.run([
        ("no pods", "POST", SVC, svc("empty", selector={"app": "none"}, ipFamilyPolicy="PreferDualStack"), {}, 201, None),
        ("somebody's own", "POST", SVC, svc("own", ipFamilies=["IPv6"]), {}, 201, None),
        ("endpoints", "POST", NS + "/endpoints", {"metadata": {"name": "own"}, "subsets": [{"addresses": [{"ip": "2001:db8::7"}, {"ip": "192.0.2.7"}],
         "ports": [{"port": 80}]}]}, {}, 201, None),
        ("slice of the wrong family", "POST", "/apis/discovery.k8s.io/v1/namespaces/families/endpointslices", {"metadata": {"name": "x"},
         "addressType": "IPv6", "endpoints": [{"addresses": ["10.0.0.1"]}]}, {}, 422, says("must be a valid IPv6 address")),
        ("link-local", "POST", "/apis/discovery.k8s.io/v1/namespaces/families/endpointslices", {"metadata": {"name": "x"},
         "addressType": "IPv6", "endpoints": [{"addresses": ["fe80::1"]}]}, {}, 422, says("may not be in the link-local range")),
        ("a block", "POST", "/apis/networking.k8s.io/v1/namespaces/families/networkpolicies", {"metadata": {"name": "n"}, "spec": {"podSelector": {},
         "ingress": [{"from": [{"ipBlock": {"cidr": "2001:db8::/32", "except": ["2001:db8:1::/48"]}}]}]}}, {}, 201, None),
        ("an exception elsewhere", "POST", "/apis/networking.k8s.io/v1/namespaces/families/networkpolicies", {"metadata": {"name": "n2"},
         "spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "2001:db8::/32", "except": ["10.0.0.0/8"]}}]}]}}, {}, 422,
         says("must be a strict subset of `cidr`")),
    ])
    leads("none is said for each family", "empty", {"IPv4": [], "IPv6": []})
    leads("mirrored by family", "own", {"IPv4": ["192.0.2.7"], "IPv6": ["2001:db8::7"]})


def ingress(*want):
    return lambda o: [i["ip"] for i in get(o, "status.loadBalancer.ingress") or []] == list(want) and \
        all(i["ipMode"] == "VIP" for i in get(o, "status.loadBalancer.ingress") or [])


def balancers():
    lb = {"type": "LoadBalancer"}
    rows = [
        ("one of one family", svc("lb1", **lb), ["192.0.2.10"]),
        ("one of each", svc("lb2", ipFamilyPolicy="RequireDualStack", **lb), ["192.0.2.11", "2001:db8::1"]),
        ("in the order of its families", svc("lb3", ipFamilyPolicy="PreferDualStack", ipFamilies=["IPv6"], **lb), ["2001:db8::2", "192.0.2.12"]),
        ("one that is asked for", svc("lb4", ipFamilies=["IPv6"], loadBalancerIP="2001:DB8:0::42", loadBalancerSourceRanges=["2001:db8::/32"], **lb),
         ["2001:db8::42"]),
        ("of a family that it has not", svc("lb5", loadBalancerIP="2001:db8::43", **lb), []),
        ("of each, as far as there are any", svc("lb6", ipFamilyPolicy="PreferDualStack", **lb), ["2001:db8::3"]),
    ]
    for what, body, want in rows:
        api.check(what, api.obj("POST", SVC, body)[0] == 201)
        until(what, ingress(*want), f"{SVC}/{body['metadata']['name']}")
    api.run([patch("lb2", {"ipFamilyPolicy": "SingleStack"}, 200, None)])
    until("the second family gives its address back", ingress("192.0.2.11"), SVC + "/lb2")
    api.run([("one goes", "DELETE", SVC + "/lb1", None, {}, 200, None)])
    until("who waited gets it", ingress("192.0.2.10", "2001:db8::3"), SVC + "/lb6")
    api.run([patch("lb2", {"ipFamilyPolicy": "PreferDualStack"}, 200, None)])
    until("and the lowest that is free", ingress("192.0.2.11", "2001:db8::1"), SVC + "/lb2")


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.path} for {self.headers['Host']} from {self.client_address[0]}".encode())

    def log_message(self, *args):
        pass


class Server6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def proxied():
    server = Server6(("::1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    api.run([
        ("pod", "POST", NS + "/pods", {"metadata": {"name": "web"}, "spec": {"nodeName": "n0", "containers": [
            {"name": "c", "image": "x", "ports": [{"containerPort": port}]}]}}, {}, 201, None),
        ("its address", "PATCH", NS + "/pods/web/status", {"status": {"podIP": "::1", "podIPs": [{"ip": "::1"}]}}, {"headers": MERGE_PATCH}, 200,
         {"status.podIP": "::1"}),
        ("a pod is reached by its IPv6 address", "GET", f"{NS}/pods/web:{port}/proxy/a?b=c", None, {}, 200,
         lambda o: o == f"/a?b=c for [::1]:{port} from ::1".encode()),
    ])
    server.shutdown()


api.finish(creation, changes, ranges, nodes, endpoints, balancers, proxied)
