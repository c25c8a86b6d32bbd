#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write, read and watch through all servers while something breaks them; then judge the history.

Writers do compare-and-swap updates, creations, deletions and reads (without a resourceVersion, which
must be linearizable) over a few ConfigMaps, so that they meet. What got no clear answer is kept as an
operation of unknown outcome. Watchers follow, drop their connection now and then, go on elsewhere from
their last revision, and list again on 410. After --seconds, or SIGTERM, the writers end, a last write
is waited for by every watcher, and every key is read through every server.

Judged: each key's history (linear.py), the revisions' order in time, each watcher's record (watched.py).
"""
import argparse
import http.client
import json
import math
import os
import pathlib
import random
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "flow")]
import linear  # noqa: E402
import watched  # noqa: E402
from kubeconfig import Kubeconfig  # noqa: E402

CONNECT_S = 2           # until a connection is there; then nothing was sent
TIMEOUT_S = 6           # of a request; then its outcome is unknown
WATCH_TIMEOUT_S = 8     # without a line from a watch
CATCH_UP_S = 60
WORDS = {0: "no answer", -1: "no connection"}
DONE, REFUSED = (200, 201, 202), (404, 409)
SHOWN_MAX = 20


class Server:
    """One connection at a time to one of the servers; another after a failure."""

    def __init__(self, load, rand):
        self.load, self.rand, self.conn = load, rand, None
        self.at = rand.randrange(len(load.servers))

    def open(self, timeout=TIMEOUT_S):
        host, port = self.load.servers[self.at]
        return http.client.HTTPSConnection(host, port, context=self.load.tls, timeout=timeout)

    def elsewhere(self):
        if self.conn:
            self.conn.close()
        self.conn = None
        if len(self.load.servers) > 1:
            self.at = (self.at + self.rand.randrange(1, len(self.load.servers))) % len(self.load.servers)

    def call(self, method, path, body=None):
        """(status, object); status 0: no answer, and the outcome is unknown; -1: no connection, nothing was sent."""
        failed = 0 if self.conn else -1
        try:
            if not self.conn:
                self.conn = self.open(CONNECT_S)
                self.conn.connect()
                self.conn.sock.settimeout(TIMEOUT_S)
                failed = 0
            self.conn.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
            r = self.conn.getresponse()
            data = r.read()
            out = r.status, json.loads(data)
        except (OSError, http.client.HTTPException, ValueError):
            out = failed, None
        if out[0] <= 0 or out[0] >= 500:
            self.elsewhere()
        return out


class Load:
    def __init__(self, a):
        kube = Kubeconfig(a.kubeconfig)
        self.tls, self.keys = kube.admin_tls, [f"k{i}" for i in range(a.keys)]
        self.servers = [(h, int(p)) for h, _, p in (s.rpartition(":") for s in a.servers.split(","))] if a.servers else [
            (kube.server.hostname, kube.server.port)]
        self.namespace = f"load-{a.seed}"
        self.base = f"/api/v1/namespaces/{self.namespace}/configmaps"
        self.pause_s, self.seed = a.pause / 1000, a.seed
        self.stop, self.fence, self.known = threading.Event(), None, {}
        self.ops, self.revisions, self.lists, self.listed, self.steps = [], [], [], [], {}
        self.answers, self.resumes, self.relists, self.broken = {}, 0, 0, []

    # ---- writing and reading ----

    def object(self, key, value, rev=None):
        return {"apiVersion": "v1", "kind": "ConfigMap", "data": {"v": value},
                "metadata": {"name": key, "namespace": self.namespace} | ({"resourceVersion": str(rev)} if rev else {})}

    def operate(self, server, who, kind, key, value=None, seen=None):
        """One operation, into the history. seen: (value, revision) that it expects."""
        path = f"{self.base}/{key}"
        call = time.monotonic()
        if kind == "create":
            status, obj = server.call("POST", self.base, self.object(key, value))
        elif kind == "update":
            status, obj = server.call("PUT", path, self.object(key, value, seen[1]))
        elif kind == "delete":
            status, obj = server.call("DELETE", path, {"preconditions": {"resourceVersion": str(seen[1])}})
        else:
            status, obj = server.call("GET", path)
        ret = time.monotonic()
        self.answers[status] = self.answers.get(status, 0) + 1
        expect = seen[0] if seen else None
        if kind == "read":
            if status not in (200, 404):
                return status
            value = obj["data"]["v"] if status == 200 else None
            self.known[key] = (value, int(obj["metadata"]["resourceVersion"])) if status == 200 else None
        elif status in DONE:
            rev = None if kind == "delete" else int(obj["metadata"]["resourceVersion"])
            self.known[key] = (value, rev) if rev else None
            self.revisions.append((call, ret, rev, kind, key, value if rev else expect))
        elif status in REFUSED:
            if self.known.get(key) == seen:
                self.known.pop(key, None)       # read before the next try
        elif status < 0 or 400 <= status < 500:
            return status                       # nothing was done, and nothing said about the key
        ok = True if status in DONE or kind == "read" else False if status in REFUSED else None
        self.ops.append((key, linear.Op(kind, expect if kind != "read" else None, value, ok, call,
                                        math.inf if ok is None else ret, who)))
        return status

    def writer(self, n):
        rand = random.Random(f"{self.seed} writer {n}")
        server, i = Server(self, rand), 0
        while not self.stop.is_set():
            i += 1
            if rand.random() < 0.03:
                self.list(server, self.listed, f"writer {n}")
            key = rand.choice(self.keys)
            seen = self.known.get(key, ())
            dice = rand.random()
            if seen == () or dice < 0.35:
                kind, seen = "read", None
            elif seen is None:
                kind = "create"
            else:
                kind = "delete" if dice < 0.42 else "update"
            status = self.operate(server, f"writer {n}", kind, key, f"{n}-{i}" if kind in ("create", "update") else None, seen)
            if rand.random() < 0.01:
                server.elsewhere()
            self.stop.wait(0.2 if status <= 0 or status >= 429 else self.pause_s)

    # ---- watching ----

    def watcher(self, n):
        name, rand = f"watcher {n}", random.Random(f"{self.seed} watcher {n}")
        server, at = Server(self, rand), None
        steps = self.steps[name]
        while not (self.fence and at and at >= self.fence[0]) and not (self.fence and time.monotonic() > self.fence[1]):
            try:
                if at is None:
                    at = self.list(server, steps, name)
                else:
                    at = self.follow(server, steps, at, rand)
            except (OSError, http.client.HTTPException, ValueError) as e:
                if not isinstance(e, (OSError, http.client.HTTPException, json.JSONDecodeError)):
                    raise
                time.sleep(0.1)
            server.elsewhere()

    def list(self, server, steps, who):
        """A list, as a step; its revision, None when there was no answer."""
        call = time.monotonic()
        status, obj = server.call("GET", self.base)
        if status != 200:
            time.sleep(0.1)
            return None
        rev = int(obj["metadata"]["resourceVersion"])
        self.lists.append((call, time.monotonic(), rev, f"a list of {who}"))
        steps.append(("list", rev, {o["metadata"]["name"]: (o["data"]["v"], int(o["metadata"]["resourceVersion"]))
                                    for o in obj["items"] if "v" in o.get("data", {})}))
        return rev

    def follow(self, server, steps, at, rand):
        """One connection, from revision at on: the last revision seen, None after 410."""
        conn = server.open(WATCH_TIMEOUT_S)
        until = time.monotonic() + rand.uniform(0.5, 6)
        last = at
        try:
            conn.request("GET", f"{self.base}?watch=true&allowWatchBookmarks=true&resourceVersion={at}&timeoutSeconds=30")
            r = conn.getresponse()
            if r.status == 410:
                self.relists += 1
                return None
            if r.status != 200:
                time.sleep(0.1)
                return at
            steps.append(("resume", at))
            self.resumes += 1
            while time.monotonic() < until and not (self.fence and last >= self.fence[0]):
                line = r.readline()
                if not line.endswith(b"\n"):
                    break                       # its end, maybe within an event
                ev = json.loads(line)
                if ev["type"] == "ERROR":
                    if ev["object"].get("code") == 410:
                        self.relists += 1
                        return None
                    break
                last = self.saw(steps, ev)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            conn.close()
        return last

    @staticmethod
    def saw(steps, ev):
        meta = ev["object"]["metadata"]
        rev, value = int(meta["resourceVersion"]), ev["object"].get("data", {}).get("v")
        if ev["type"] == "BOOKMARK" or value is None:       # or an object of somebody else
            steps.append(("bookmark", rev))
        else:
            steps.append(("event", ev["type"], meta["name"], value, rev))
        return rev

    # ---- the run ----

    def sure(self, what, test):
        until = time.monotonic() + CATCH_UP_S
        while time.monotonic() < until:
            out = test()
            if out is not None:
                return out
            time.sleep(0.1)
        raise SystemExit(f"load: {what}: not within {CATCH_UP_S} s")

    def guarded(self, work, n):
        try:
            work(n)
        except BaseException as e:      # a thread that ends unseen would judge too little
            self.broken.append(f"{work.__name__} {n} ended: {e!r}")
            raise

    def run(self, a):
        one = Server(self, random.Random(f"{self.seed} main"))
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        self.sure("a namespace", lambda: one.call("POST", "/api/v1/namespaces", space)[0] in (201, 409) or None)
        self.steps = {f"watcher {n}": [] for n in range(a.watchers)}
        threads = [threading.Thread(target=self.guarded, args=(self.watcher, n), daemon=True) for n in range(a.watchers)]
        for t in threads:
            t.start()
        self.sure("a list of every watcher", lambda: all(self.steps.values()) or None)
        writers = [threading.Thread(target=self.guarded, args=(self.writer, n), daemon=True) for n in range(a.writers)]
        for t in writers:
            t.start()
        print("running", flush=True)
        signal.sigtimedwait([signal.SIGTERM], a.seconds)
        self.stop.set()
        for t in writers:
            t.join()
        for i in range(len(self.servers)):      # everything acknowledged is where anybody looks
            one.elsewhere()
            one.at = i
            for key in self.keys:
                self.sure(f"a read of {key} from {self.servers[i]}", lambda: self.final_read(one, i, key))
        def last_write():
            status, obj = one.call("POST", self.base, self.object("fence", "fence"))
            if status == 409:
                status, obj = one.call("GET", f"{self.base}/fence")
            return int(obj["metadata"]["resourceVersion"]) if status in DONE else None
        self.fence = (self.sure("a last write", last_write), time.monotonic() + CATCH_UP_S)
        for t in threads:
            t.join()

    def final_read(self, one, i, key):
        one.at = i
        return self.operate(one, f"last reader of server {i}", "read", key) in (200, 404) or None

    # ---- judgement ----

    def judge(self):
        by_key = {}
        for key, op in self.ops:
            by_key.setdefault(key, []).append(op)
        bad = list(self.broken)
        bad += linear.check_keys(by_key)
        bad += linear.check_revisions([(c, r, rev, f"{kind} {key} {value}") for c, r, rev, kind, key, value in self.revisions if rev],
                                      self.lists)
        unknown = [(key, op.expect) for key, op in self.ops if op.kind == "delete" and op.ok is None]
        bad += watched.check(self.steps, [(kind, key, value, rev) for _, _, rev, kind, key, value in self.revisions], unknown,
                             fence=self.fence[0], extra=self.listed)
        return bad

    def longest_silence(self):
        """Seconds within which no write was answered."""
        times = sorted(r for _, r, *_ in self.revisions)
        return max((b - a for a, b in zip(times, times[1:])), default=math.inf)

    def summary(self):
        ops = [op for _, op in self.ops]
        count = sum(s[0] == "event" for steps in self.steps.values() for s in steps)
        codes = ", ".join(f"{n} of {WORDS.get(s, s)}" for s, n in sorted(self.answers.items()))
        return (f"{len(ops)} operations ({sum(o.ok is True and o.kind != 'read' for o in ops)} writes, {sum(o.ok is False for o in ops)} refused, "
                f"{sum(o.ok is None for o in ops)} unknown; {codes}); {len(self.listed)} lists, {count} events to {len(self.steps)} watchers over "
                f"{self.resumes} connections, {self.relists} lists after 410; longest without an answered write {self.longest_silence():.1f} s")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("kubeconfig")
    p.add_argument("--servers", help="HOST:PORT with commas between; else the kubeconfig's")
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--writers", type=int, default=6)
    p.add_argument("--watchers", type=int, default=5)
    p.add_argument("--keys", type=int, default=10)
    p.add_argument("--pause", type=float, default=5, metavar="MS", help="of a writer between two operations")
    p.add_argument("--seed", type=int, default=int(os.environ.get("SEED", random.randrange(1 << 30))))
    p.add_argument("--save", metavar="FILE", help="keep the history there, as JSON")
    p.add_argument("--least", type=int, default=100, metavar="N", help="fail when fewer writes were answered")
    p.add_argument("--silence", type=float, default=math.inf, metavar="S", help="fail when no write was answered for longer")
    a = p.parse_args()
    print(f"seed {a.seed} (SEED={a.seed} repeats the choices)", flush=True)
    load = Load(a)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])      # a handler could meet the event's own lock
    load.run(a)
    if a.save:
        with open(a.save, "w") as f:
            json.dump({"ops": [(k, *op) for k, op in load.ops], "revisions": load.revisions, "steps": load.steps}, f)
    began = time.monotonic()
    bad = load.judge()
    if len(load.revisions) < a.least:
        bad.append(f"only {len(load.revisions)} writes were answered: nothing is shown by that")
    if load.longest_silence() > a.silence:
        bad.append(f"no write was answered for {load.longest_silence():.1f} s")
    print(load.summary())
    for b in bad[:SHOWN_MAX]:
        print("WRONG:", b)
    print(f"judged in {time.monotonic() - began:.1f} s: {len(bad)} violations")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
