# SPDX-License-Identifier: Apache-2.0
"""A slow wire, for kernels without netem: the machine's port leaves the bridge, and a program
carries each frame between it and another port, some time later.

  delay.py PORT OTHER MS
"""
import heapq
import os
import select
import signal
import socket
import subprocess
import sys
import time

QUEUE_MAX = 20000       # frames under way; more are lost, as on a wire that is full
PACKET_VNET_HDR, SOL_PACKET = 15, 263
PACKET_IGNORE_OUTGOING = 23


def port(name):
    """Frames with the header that says what is still to be cut or summed, so that large ones pass."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    s.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)     # SO_RCVBUFFORCE
    s.bind((name, 3))
    s.setblocking(False)
    return s


def carry(a, b, seconds):
    ways = {a: b, b: a}
    under_way, count = [], 0
    while True:
        wait = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        for s in select.select([a, b], [], [], wait)[0]:
            try:
                while len(under_way) < QUEUE_MAX:
                    frame = s.recv(1 << 17)
                    count += 1
                    heapq.heappush(under_way, (time.monotonic() + seconds, count, ways[s], frame))
            except OSError:
                pass
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, to, frame = heapq.heappop(under_way)
            try:
                to.send(frame)
            except OSError:
                pass     # lost: the wire is full or gone


def pid_file(m):
    return m.pid_file + ".delay"


def pid(m):
    from .cluster import began
    try:
        with open(pid_file(m)) as f:
            p, ticks = map(int, f.read().split())
        return p if began(p) == ticks else None
    except (OSError, ValueError):
        return None


def begin(m, ms):
    from .cluster import Trouble, began, run, wait_for
    name = m.cluster.opt["name"]
    near, far = f"{name}-d{m.name}", f"{name}-w{m.name}"
    run("ip", "link", "add", near, "type", "veth", "peer", "name", far)
    run("ip", "link", "set", near, "up")
    run("ip", "link", "set", m.link, "nomaster")
    run("ip", "link", "set", far, "master", name + "0", "up")
    with open(m.log, "ab") as log:
        p = subprocess.Popen([sys.executable, os.path.realpath(__file__), m.link, near, str(ms)], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=log, start_new_session=True)
    if p.stdout.readline() != b"ready\n":
        run("ip", "link", "set", m.link, "master", name + "0")
        run("ip", "link", "delete", near)
        raise Trouble(f"the slow wire does not start; see {m.log}")
    with open(pid_file(m), "w") as f:
        f.write(f"{p.pid} {began(p.pid)}\n")


def end_all(c):
    from .cluster import run
    for m in c.machines.values():
        if not os.path.exists(pid_file(m)):
            continue
        if pid(m):
            os.kill(pid(m), signal.SIGKILL)
        run("ip", "link", "set", m.link, "master", c.opt["name"] + "0", quiet=True)
        run("ip", "link", "delete", f"{c.opt['name']}-d{m.name}", quiet=True)
        os.unlink(pid_file(m))


if __name__ == "__main__":
    one, other = port(sys.argv[1]), port(sys.argv[2])
    print("ready", flush=True)
    carry(one, other, float(sys.argv[3]) / 1000)
