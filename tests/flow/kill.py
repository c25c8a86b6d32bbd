# SPDX-License-Identifier: Apache-2.0
"""Write under load while the server and the agent are killed; then look for what was lost.

usage: kill.py KUBECONFIG SUPERVISOR_PID ROUNDS
"""
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

from kubeconfig import Kubeconfig

kubeconfig, supervisor, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
print(f"seed {seed} (SEED={seed} repeats the moments)")
rand = random.Random(seed)
kube = Kubeconfig(kubeconfig)
server, tls = kube.server, kube.admin_tls
BASE = "/api/v1/namespaces/default/configmaps"


class Client:
    def __init__(self):
        self.conn = None

    def call(self, method, path, body=None):
        """(status, object); status 0: no answer."""
        try:
            if not self.conn:
                self.conn = http.client.HTTPSConnection(server.hostname, server.port, context=tls, timeout=10)
            self.conn.request(method, path, json.dumps(body) if body is not None else None,
                              {"Content-Type": "application/json"})
            r = self.conn.getresponse()
            return r.status, json.loads(r.read())
        except (OSError, http.client.HTTPException, ValueError):
            if self.conn:
                self.conn.close()
            self.conn = None
            return 0, None


stop = threading.Event()
acked = {}      # name -> last value acknowledged
maybe = {}      # name -> values sent without an answer since
lock = threading.Lock()


def writer(n):
    c, i = Client(), 0
    while not stop.is_set():
        i += 1
        name, value = f"kill-{n}-{i % 200}", str(i)
        obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"v": value}}
        with lock:
            known = name in acked
            maybe.setdefault(name, set()).add(value)
        status, _ = c.call("PUT" if known else "POST", f"{BASE}/{name}" if known else BASE, obj)
        if status in (200, 201):
            with lock:
                acked[name] = value
                maybe[name] = set()
        elif status == 409 and not known:
            with lock:      # an earlier attempt without an answer was written after all
                acked[name] = None
        elif status == 0:
            time.sleep(0.01)


def child(role):
    out = subprocess.run(["pgrep", "-P", str(supervisor), "-f", f"sampan {role}"], capture_output=True, text=True).stdout
    return [int(p) for p in out.split()]


threads = [threading.Thread(target=writer, args=(n,)) for n in range(4)]
for t in threads:
    t.start()
kills = 0
while kills < rounds:
    time.sleep(rand.uniform(0.05, 0.8))
    for pid in child(rand.choice(["server", "agent"])):
        os.kill(pid, signal.SIGKILL)
        kills += 1
time.sleep(1)
stop.set()
for t in threads:
    t.join()

c = Client()
for _ in range(200):
    if c.call("GET", "/readyz")[0]:
        break
    time.sleep(0.1)
status, have = 0, None
for _ in range(200):
    status, have = c.call("GET", BASE)
    if status == 200:
        break
    time.sleep(0.1)
values = {o["metadata"]["name"]: o.get("data", {}).get("v") for o in have["items"]}
lost = [n for n in acked if n not in values]
changed = [n for n, v in acked.items() if n in values and v is not None and values[n] != v and values[n] not in maybe[n]]
print(f"{kills} kills, {len(acked)} objects acknowledged, revision {have['metadata']['resourceVersion']}: "
      f"lost {len(lost)}, changed {len(changed)}")
for n in (lost + changed)[:5]:
    print(n, "acknowledged", acked[n], "has", values.get(n), "unknown", maybe[n])
sys.exit(1 if lost or changed else 0)
