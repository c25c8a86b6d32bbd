# SPDX-License-Identifier: Apache-2.0
"""What can be broken in a lab, and how it is mended.

All faults of the network are rules at the bridge's end of the wires, so that no machine knows
of them: one nftables table, written anew as a whole from the list of faults. What is in force is
in lab.json; `heal` ends everything.
"""
import inspect
import os
import signal

from . import delay
from .cluster import Trouble, run, wait_for

ELECTION_S = 15

HELP = """MACHINE is a name of `tools/lab status`, or `leader`: etcd's leader, or `holder`: the server
whose controllers run.

  kill MACHINE               kill -9; `heal` starts it again
  stop MACHINE               SIGSTOP; `heal` lets it go on
  start MACHINE              start again what was killed, without healing the rest
  isolate MACHINE [in|out]   nothing reaches it, nothing of it reaches others (default: both)
  partition A B [one-way]    A's packets to B are lost, and, unless one-way, B's to A
  loss MACHINE PERCENT       of its packets, each way
  delay MACHINE MS           each of its packets, each way
  slow-sync MACHINE MS       fsync and fdatasync of a member or server take so much longer
  clock MACHINE SECONDS      its wall clock is off by so much, may be negative (needs `up --clocks`)
  disk MACHINE               its disk is full (needs `up --disk SIZE`)

Loss and delay work without the kernel's netem. A node's clock and syncs stay as they are: its
containers would have them, too. Timers that a program sets on the wall clock do not step."""


def number(text, low, high, what):
    try:
        value = float(text)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise Trouble(f"{what} is a number from {low} to {high}, not {text}")
    return value


def leader(c):
    """The member that leads, by its own word; None: none says so now."""
    for m in c.of("etcd"):
        out = run("etcdctl", "--endpoints", f"http://{m.ip}:2379", "--command-timeout=2s", "endpoint", "status", quiet=True,
                  env={**os.environ, "ETCDCTL_API": "3"})
        fields = out.split(", ")
        if len(fields) > 4 and fields[4] == "true":
            return m
    return None


def holder(c):
    """The server whose controllers run; None: there is none now."""
    if len(c.of("server")) == 1:
        return c.machine("s1")
    who = c.kubectl("-n", "kube-system", "get", "lease", "kube-controller-manager", "-o", "jsonpath={.spec.holderIdentity}")
    return c.machines.get(who.split("_")[0])


def which(c, name):
    """The machine of that name. After a fault it may take a while until there is a leader, or a holder, again."""
    ask = {"leader": leader, "holder": holder}.get(name)
    if not ask:
        return c.machine(name)
    if name == "leader" and not c.of("etcd"):
        raise Trouble("this lab has no etcd that could have a leader")
    found = []
    wait_for(f"a {name}", ELECTION_S, lambda: found.append(ask(c)) or found[-1])
    return found[-1]


# ---- rules of the network ----

def rules(c):
    """The table for the faults in force: chains at what machines send, and at what they get."""
    chains = {}

    def at(machine, way, rule):
        chains.setdefault((machine, way), []).append(rule)

    def drop(a, b):
        at(b.name, "egress", f"ip saddr {a.ip} drop")
        at(b.name, "egress", f"ip6 saddr {a.ip6} drop")

    for f in c.faults:
        if f[0] == "isolate":
            for way in ("ingress", "egress"):
                if f[2] in ("both", {"ingress": "out", "egress": "in"}[way]):
                    at(f[1], way, "drop")
        elif f[0] == "partition":
            drop(c.machine(f[1]), c.machine(f[2]))
            if f[3] == "both":
                drop(c.machine(f[2]), c.machine(f[1]))
        elif f[0] == "loss":
            for way in ("ingress", "egress"):
                at(f[1], way, f"numgen random mod 1000 < {int(f[2] * 10)} drop")
    lines = []
    for (name, way), body in chains.items():
        lines.append(f"chain {name}_{way} {{ type filter hook {way} device \"{c.machine(name).link}\" priority 0; {'; '.join(body)}; }}")
    return f"table netdev {c.opt['name']} {{}}; delete table netdev {c.opt['name']};\n" + (
        f"table netdev {c.opt['name']} {{\n" + "\n".join(lines) + "\n}\n" if lines else "")


def apply_rules(c):
    run("nft", "-f", "-", input=rules(c))


# ---- the faults ----

def strain(c, m):
    """Write what the helper beside a member or server reads."""
    sync = sum(f[2] for f in c.faults if f[0] == "slow-sync" and f[1] == m.name)
    clock = sum(f[2] for f in c.faults if f[0] == "clock" and f[1] == m.name)
    with open(m.control, "r+") as f:
        f.write(f"{int(sync)} {int(clock * 1000)}\n")
        f.truncate()


def needs_strain(c, m, what):
    if m.role == "node":
        raise Trouble(f"{what} is for members and servers, and {m.name} is a node")
    if not c.strain():
        raise Trouble(f"{what} needs tests/sim/strain beside {c.opt['sampan']} when the lab comes up: build it, then down and up")


def kill(c, m):
    if not m.pid:
        raise Trouble(f"{m.name} is dead already")
    m.signal(signal.SIGKILL)
    m.wait_end()


def stop(c, m):
    if not m.pid:
        raise Trouble(f"{m.name} is dead; start it first: tools/lab fault start {m.name}")
    os.kill(m.pid, signal.SIGSTOP)


def start(c, m):
    c.faults[:] = [f for f in c.faults if f[:2] != ["kill", m.name]]
    m.start()
    m.wait_ready()


def isolate(c, m, way="both"):
    if way not in ("in", "out", "both"):
        raise Trouble(f"isolate {m.name} {way}: in, out or nothing")
    c.faults.append(["isolate", m.name, way])
    apply_rules(c)


def partition(c, a, b, way="both"):
    if way not in ("one-way", "both"):
        raise Trouble(f"partition {a.name} {b} {way}: one-way or nothing")
    c.faults.append(["partition", a.name, which(c, b).name, way])
    apply_rules(c)


def loss(c, m, percent):
    c.faults.append(["loss", m.name, number(percent, 0, 100, "loss in percent")])
    apply_rules(c)


def delayed(c, m, ms):
    if delay.pid(m):
        raise Trouble(f"{m.name} is delayed already; heal first")
    ms = number(ms, 1, 10000, "a delay in milliseconds")
    delay.begin(m, ms)
    c.faults.append(["delay", m.name, ms])


def slow_sync(c, m, ms):
    needs_strain(c, m, "slow-sync")
    c.faults.append(["slow-sync", m.name, number(ms, 0, 60000, "milliseconds of a sync")])
    strain(c, m)


def clock(c, m, seconds):
    needs_strain(c, m, "clock")
    if not c.opt["clocks"]:
        raise Trouble("clocks of this lab are the machine's own: down, then up --clocks")
    c.faults.append(["clock", m.name, number(seconds, -1e9, 1e9, "a step in seconds")])
    strain(c, m)


def disk(c, m):
    if not c.opt["disk"] or m.role == "node":
        raise Trouble(f"{m.name} has no disk of its own that could be full: members and servers have with up --disk SIZE")
    c.faults.append(["disk", m.name])
    try:
        with open(f"{m.dir}/ballast", "ab", buffering=0) as f:
            for piece in (1 << 20, 1 << 12):
                while f.write(bytes(piece)) == piece:
                    pass
    except OSError:
        pass     # full, as wanted


FAULTS = {"kill": kill, "stop": stop, "start": start, "isolate": isolate, "partition": partition, "loss": loss, "delay": delayed,
          "slow-sync": slow_sync, "clock": clock, "disk": disk}


def fault(c, name, args):
    if not args:
        raise Trouble(f"which machine? tools/lab fault {name} MACHINE; see tools/lab fault --help")
    m = which(c, args[0])
    try:
        inspect.signature(FAULTS[name]).bind(c, m, *args[1:])
    except TypeError:
        raise Trouble(f"fault {name} takes other arguments; see tools/lab fault --help") from None
    FAULTS[name](c, m, *args[1:])
    if name in ("kill", "stop"):
        c.faults.append([name, m.name])
    c.save()
    print(f"fault {name} {' '.join([m.name, *args[1:]])}")


def heal(c):
    """The network first, so that what starts again finds the others; disks before their owners."""
    was = {f[1] for f in c.faults}
    c.faults.clear()
    apply_rules(c)
    delay.end_all(c)
    for name in was:
        m = c.machine(name)
        if os.path.exists(f"{m.dir}/ballast"):
            os.unlink(f"{m.dir}/ballast")
        if os.path.exists(m.control):
            strain(c, m)
        if m.pid:
            os.kill(m.pid, signal.SIGCONT)
    c.save()
    # What a fault has ended on its own (a full disk may) starts again, too.
    dead = [m for m in c.machines.values() if not m.pid]
    for m in dead:
        m.start()
    for m in dead:
        m.wait_ready()
    c.wait_nodes()
    print("healed")
