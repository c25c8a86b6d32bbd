# SPDX-License-Identifier: Apache-2.0
"""The machines of a lab: their networks, their processes, how they start and end.

Everything is under one directory: lab.json (what was asked for, faults), net/ (network
namespaces, as bind mounts), log/, pid/, and one directory per machine with its data.
Links are named NAME0 (the bridge) and NAME-MACHINE (the bridge's end of a machine's wire).
"""
import ipaddress
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request

from . import delay

NETS = ("192.0.2", "198.51.100", "203.0.113")     # for documentation: RFC 5737
HOST, POOL = 254, (200, 239)
ROLES = {"e": ("etcd", 11), "s": ("server", 41), "n": ("node", 71)}
RANGES = {"cluster": ("10.244.0.0/16", "fd00:10:244::/56"), "service": ("10.96.0.0/16", "fd00:10:96::/112")}
MACHINES_MAX = 30       # of one role
READY_S = 40


class Trouble(Exception):
    """Something the user must know; the text says what to do next."""


def run(*cmd, quiet=False, **kw):
    """Its output; Trouble with what it said when it fails."""
    p = subprocess.run(cmd, capture_output=True, text=True, **kw)
    if p.returncode and not quiet:
        raise Trouble(f"`{' '.join(cmd)}` failed: {(p.stderr or p.stdout).strip()[-600:]}")
    return p.stdout


def wait_for(what, seconds, test):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if test():
            return
        time.sleep(0.05)
    raise Trouble(f"{what} did not come within {seconds} s")


def began(pid):
    """When a process started, in ticks of the machine; None: it is not there, or a zombie."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])
    except (OSError, ValueError):
        return None


def free_net():
    """One of NETS in which the machine has no address."""
    own = [ipaddress.ip_interface(line.split()[3]).network for line in run("ip", "-4", "-o", "addr").splitlines()]
    for net in NETS:
        if not any(ipaddress.ip_network(f"{net}.0/24").overlaps(o) for o in own):
            return net
    raise Trouble(f"this machine is in each of {', '.join(f'{n}.0/24' for n in NETS)}: take another lab down, or run in a "
                  "network namespace of your own (unshare --net)")


class Machine:
    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name
        self.role, base = ROLES[name[0]]
        number = base + int(name[1:]) - 1
        self.ip, self.ip6 = cluster.address(number)
        self.dir, self.link = f"{cluster.dir}/{name}", f"{cluster.opt['name']}-{name}"
        self.net, self.log = f"{cluster.dir}/net/{name}", f"{cluster.dir}/log/{name}"
        self.pid_file, self.control = f"{cluster.dir}/pid/{name}", f"{cluster.dir}/pid/{name}.strain"

    def addresses(self):
        """What it is reached at by pods and nodes: of the families that the lab has."""
        return ",".join((self.ip, self.ip6)[f] for f in self.cluster.families())

    def enter(self):
        return ["nsenter", f"--net={self.net}", "--"]

    def run(self, *cmd, **kw):
        return run(*self.enter(), *cmd, **kw)

    @property
    def pid(self):
        """Of its program, when that runs and is the one that was started."""
        try:
            with open(self.pid_file) as f:
                pid, ticks = map(int, f.read().split())
        except (OSError, ValueError):
            return None
        return pid if began(pid) == ticks else None

    def state(self):
        pid = self.pid
        if not pid:
            return "dead"
        with open(f"/proc/{pid}/stat") as f:
            return "stopped" if f.read().rpartition(")")[2].split()[0] == "T" else "runs"

    def wire(self):
        """A namespace with eth0, whose other end is a port of the bridge."""
        bridge, (host, host6) = self.cluster.opt["name"] + "0", self.cluster.address(HOST)
        open(self.net, "w").close()
        run("unshare", f"--net={self.net}", "true")
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.net)
        run("ip", "link", "set", self.link, "master", bridge, "up")
        self.run("sh", "-ec", f"ip link set lo up; ip addr add {self.ip}/24 dev eth0; "
                 f"ip -6 addr add {self.ip6}/64 dev eth0 nodad; ip link set eth0 up; "
                 f"ip route add default via {host}; ip -6 route add default via {host6}")
        os.makedirs(self.dir, exist_ok=True)
        if self.cluster.opt["disk"] and self.role != "node":
            run("mount", "-t", "tmpfs", "-o", f"size={self.cluster.opt['disk']}", "tmpfs", self.dir)

    def command(self):
        c, d = self.cluster, self.dir
        if self.role == "etcd":
            peers = ",".join(f"{m.name}=http://{m.ip}:2380" for m in c.of("etcd"))
            return ["etcd", "--name", self.name, "--data-dir", f"{d}/etcd", "--logger", "zap",
                    "--listen-peer-urls", f"http://{self.ip}:2380", "--initial-advertise-peer-urls", f"http://{self.ip}:2380",
                    "--listen-client-urls", f"http://{self.ip}:2379", "--advertise-client-urls", f"http://{self.ip}:2379",
                    "--initial-cluster", peers, "--initial-cluster-token", c.opt["name"]]
        if self.role == "server":
            store = ["--store", c.store()] if c.opt["etcd"] else []
            pool = ",".join(f"{c.address(POOL[0])[f]}-{c.address(POOL[1])[f]}" for f in c.families())
            ranges = [] if c.opt["families"] == "4" else [
                f"--{what}-cidr=" + ",".join(RANGES[what][f] for f in c.families()) for what in RANGES]
            return [c.opt["sampan"], "server", "--data-dir", d, "--listen", f"{self.ip}:6443", "--node-name", self.name,
                    "--load-balancer-pool", pool, *ranges, *store, *c.opt["server_option"]]
        return [c.opt["sampan"], "agent", "--kubeconfig", f"{d}/pki/agent.kubeconfig", "--data-dir", f"{d}/agent",
                "--run-dir", f"{d}/run", "--node-name", self.name, "--address", self.addresses()]

    def start(self):
        if self.pid:
            return
        strain = []
        if self.role != "node" and self.cluster.strain():
            with open(self.control, "w") as f:
                f.write("0 0\n")
            strain = [self.cluster.strain(), self.control] + (["--clock"] if self.cluster.opt["clocks"] else [])
        with open(self.log, "ab") as log:
            # A name of its own, too: that is who holds the Lease of the controllers.
            named = ["unshare", "--uts", "--", "sh", "-c", 'hostname "$0" && exec "$@"', self.name]
            p = subprocess.Popen(self.enter() + named + strain + self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True)
        with open(self.pid_file, "w") as f:
            f.write(f"{p.pid} {began(p.pid) or 0}\n")

    def signal(self, signo):
        pid = self.pid
        if pid:
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signo)

    def wait_end(self, seconds=15):
        try:
            wait_for(f"the end of {self.name}", seconds, lambda: not self.pid)
        except Trouble:
            self.signal(signal.SIGKILL)
            wait_for(f"the end of {self.name}", 5, lambda: not self.pid)

    def wait_ready(self):
        """Members and servers say so themselves; a node's state is the servers' to tell."""
        url = {"etcd": f"http://{self.ip}:2379/health", "server": f"https://{self.ip}:6443/readyz"}.get(self.role)
        if not url:
            return
        anyone = ssl._create_unverified_context()

        def ready():
            if not self.pid:
                raise Trouble(f"{self.name} ended; see {self.log}")
            try:
                return urllib.request.urlopen(url, timeout=2, context=anyone if url[4] == "s" else None).status == 200
            except (OSError, urllib.error.URLError):
                return False
        wait_for(f"{self.name} ({url}; its log is {self.log})", READY_S, ready)

    def join(self, line):
        """line: what `sampan token create` printed."""
        words, sampan = line.split(), self.cluster.opt["sampan"]
        name = ["--node-name", self.name] if self.role == "node" else []
        self.run(sampan, *words[words.index("join"):], "--data-dir", self.dir, *name, "--address", self.addresses() if name else self.ip, "--no-run")
        for image in self.cluster.opt["image"] if self.role == "node" else ():
            run(sampan, "image", "import", "--data-dir", f"{self.dir}/agent", image)


class Cluster:
    def __init__(self, directory, opt):
        self.dir, self.opt = directory, opt
        self.faults = opt.setdefault("faults", [])
        self.machines = {}
        for letter, (role, _) in ROLES.items():
            for i in range(opt["nodes" if role == "node" else "servers" if role == "server" else role]):
                self.machines[f"{letter}{i + 1}"] = Machine(self, f"{letter}{i + 1}")

    @classmethod
    def new(cls, a):
        if os.path.exists(f"{a.dir}/lab.json"):
            raise Trouble(f"there is a lab in {a.dir} already: take it down first (tools/lab --dir {a.dir} down), or choose another --dir")
        if os.path.isdir(f"{a.dir}/s1"):
            raise Trouble(f"{a.dir} has data and logs that an earlier lab has left: rm -r {a.dir}, or choose another --dir")
        if not re.fullmatch("[a-z][a-z0-9]{0,5}", a.name):
            raise Trouble(f"--name {a.name}: one to six small letters and digits, like lab2")
        for what in ("etcd", "servers", "nodes"):
            if not 0 <= getattr(a, what) <= MACHINES_MAX:
                raise Trouble(f"--{what} {getattr(a, what)}: from 0 to {MACHINES_MAX}")
        if not a.servers:
            raise Trouble("--servers 0: a cloud has one server at least")
        if a.servers > 1 and not a.etcd:
            raise Trouble(f"--servers {a.servers} --etcd 0: several servers need a store they share; SQLite is one server's own")
        sampan = os.path.abspath(a.sampan)
        need = ["ip", "nft", "nsenter", "unshare"] + (["crun", "conmon"] if a.nodes else []) + (["etcd", "etcdctl"] if a.etcd else [])
        missing = [t for t in need if not shutil.which(t)]
        if missing:
            raise Trouble(f"missing: {' '.join(missing)} (sudo make deps)")
        if not os.access(sampan, os.X_OK):
            raise Trouble(f"{sampan} is not there; build it with make, or say where it is: --sampan FILE")
        opt = {k: getattr(a, k) for k in ("etcd", "servers", "nodes", "name", "disk", "clocks", "families", "server_option")}
        opt |= {"net4": free_net(), "sampan": sampan, "image": [os.path.abspath(i) for i in a.image]}
        c = cls(a.dir, opt)
        if c.links():
            raise Trouble(f"there are links {a.name}0 or {a.name}-.. already: choose another --name")
        if a.clocks and not c.strain():
            raise Trouble(f"--clocks needs tests/sim/strain beside {sampan}: ninja -C {os.path.dirname(sampan)} tests/sim/strain")
        return c

    @classmethod
    def load(cls, directory):
        try:
            with open(f"{directory}/lab.json") as f:
                return cls(directory, json.load(f))
        except FileNotFoundError:
            raise Trouble(f"there is no lab in {directory}: tools/lab --dir {directory} up") from None

    def save(self):
        with open(f"{self.dir}/lab.json.new", "w") as f:
            json.dump(self.opt, f, indent=1)
        os.rename(f"{self.dir}/lab.json.new", f"{self.dir}/lab.json")

    def address(self, number):
        """Of the machine with that number: IPv4, IPv6."""
        net = self.opt["net4"]
        return f"{net}.{number}", f"2001:db8:1ab:{NETS.index(net)}::{number}"

    def families(self):
        """0: IPv4, 1: IPv6; the first is the primary one."""
        return {"4": (0,), "6": (1,), "46": (0, 1), "64": (1, 0)}[self.opt["families"]]

    def of(self, role):
        return [m for m in self.machines.values() if m.role == role]

    def machine(self, name):
        if name not in self.machines:
            raise Trouble(f"there is no machine {name}; there are {', '.join(self.machines)}")
        return self.machines[name]

    def strain(self):
        """The helper that makes syncs slow and clocks step, when it was built."""
        path = os.path.join(os.path.dirname(self.opt["sampan"]), "tests/sim/strain")
        return path if os.access(path, os.X_OK) else None

    def store(self):
        return "etcd://" + ",".join(f"{m.ip}:2379" for m in self.of("etcd"))

    def kubeconfig(self):
        return f"{self.dir}/s1/admin.kubeconfig"

    def kubectl(self, *words):
        """The answer of the first server that gives one, "" when none does."""
        for m in self.of("server"):
            p = m.state() == "runs" and subprocess.run(["kubectl", "--kubeconfig", f"{m.dir}/admin.kubeconfig", "--request-timeout=5s", *words],
                                                       capture_output=True, text=True)
            if p and not p.returncode:
                return p.stdout
        return ""

    def up(self):
        for d in ("net", "log", "pid"):
            os.makedirs(f"{self.dir}/{d}", exist_ok=True)
        self.save()
        try:
            self.make()
        except BaseException:
            self.down(keep=True, quiet=True)
            raise

    def make(self):
        bridge, (host, host6) = self.opt["name"] + "0", self.address(HOST)
        run("ip", "link", "add", bridge, "type", "bridge")
        run("ip", "addr", "add", f"{host}/24", "dev", bridge)
        run("ip", "-6", "addr", "add", f"{host6}/64", "dev", bridge, "nodad")
        run("ip", "link", "set", bridge, "up")
        for m in self.machines.values():
            m.wire()
        for m in self.of("etcd"):
            m.start()
        for m in self.of("etcd"):
            m.wait_ready()
        first, *others = self.of("server")
        first.start()
        first.wait_ready()
        for m in others:
            m.join(run(self.opt["sampan"], "token", "create", "--server", "--data-dir", first.dir))
            m.start()
        for m in others:
            m.wait_ready()
        for m in self.of("node"):
            m.join(run(self.opt["sampan"], "token", "create", "--data-dir", first.dir))
            m.start()
        self.wait_nodes()

    def wait_nodes(self, seconds=READY_S):
        names = [m.name for m in self.of("node")]
        if not names:
            return
        path = "jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type==\"Ready\")].status} {end}"
        wait_for(f"the state Ready of {', '.join(names)}", seconds, lambda: set(
            self.kubectl("get", "nodes", "-o", path).split()) >= {f"{n}=True" for n in names})

    # ---- the end ----

    def down(self, keep=False, quiet=False):
        for m in self.of("node"):
            m.signal(signal.SIGTERM)
        for m in self.of("node"):
            m.wait_end()
            if os.path.isdir(f"{m.dir}/agent") and os.path.exists(m.net):
                m.run(self.opt["sampan"], "down", "--data-dir", m.dir, "--run-dir", f"{m.dir}/run", quiet=quiet)
        # Members would hand the lead to each other until the last, for seconds; what they wrote survives a kill.
        for role, signo in ("server", signal.SIGTERM), ("etcd", signal.SIGKILL):
            for m in self.of(role):
                m.signal(signo)
            for m in self.of(role):
                m.wait_end()
        run("nft", "delete", "table", "netdev", self.opt["name"], quiet=True)
        delay.end_all(self)
        for m in self.machines.values():
            run("ip", "link", "delete", m.link, quiet=True)
        run("ip", "link", "delete", self.opt["name"] + "0", quiet=True)
        inside = [p for p in self.processes() if began(p)]
        for _ in range(40):      # helpers end with what they helped
            if not (inside := [p for p in inside if began(p)]):
                break
            time.sleep(0.05)
        for path in sorted(self.mounts(), reverse=True):
            run("umount", path, quiet=True)
        left = {"processes": len(inside), "namespaces": sum(1 for p in self.mounts() if p.startswith(f"{self.dir}/net/")),
                "links": self.links(), "mounts": len(self.mounts())}
        if not any(left.values()):
            os.unlink(f"{self.dir}/lab.json")
            if not keep:
                shutil.rmtree(self.dir)
        if not quiet:
            print("down: " + ", ".join(f"{n} {what}" for what, n in left.items()) + " left" +
                  (f" ({' '.join(map(str, inside))})" if inside else ""))
        return 1 if any(left.values()) else 0

    def processes(self):
        """In the machines' networks, or started by them: a container has its own, its conmon not."""
        nets = {os.stat(m.net).st_ino for m in self.machines.values() if os.path.exists(m.net)}
        found = []
        for p in filter(str.isdigit, os.listdir("/proc")):
            try:
                here = os.stat(f"/proc/{p}/ns/net").st_ino in nets
                with open(f"/proc/{p}/cmdline", "rb") as f:
                    here = here or f"{self.dir}/".encode() in f.read() and int(p) != os.getpid()
            except OSError:
                continue
            if here:
                found.append(int(p))
        return found

    def mounts(self):
        with open("/proc/self/mountinfo") as f:
            return [w for w in (line.split()[4] for line in f) if w.startswith(self.dir + "/")]

    def links(self):
        """Asked of the network we are in; /sys may show another's."""
        names = re.findall(r"^\d+: ([^:@]+)", run("ip", "-o", "link"), re.M)
        return sum(n == self.opt["name"] + "0" or n.startswith(self.opt["name"] + "-") for n in names)
