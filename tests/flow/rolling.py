# SPDX-License-Identifier: Apache-2.0
"""Clients of servers that are restarted: rolling.py KUBECONFIG URL... until SIGTERM.

They behave as client-go does: what was not sent is sent again, maybe elsewhere; so is what was
answered by 429 or 503 with Retry-After; a watch goes on from the last revision it was told. Nothing
else may happen to them. In the end every write that was acknowledged must be there, and every watch
must have seen each of them once and in order."""
import http.client
import json
import signal
import ssl
import sys
import threading
import time
import urllib.parse

from kubeconfig import Kubeconfig

NAMESPACE = "rolling"
BASE = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
WRITERS = 4
RETRY_S = 20


class Failure(Exception):
    pass


class Client:
    """One connection, kept while the server keeps it."""

    def __init__(self, config, urls, first):
        self.tls, self.servers = config.admin_tls, [urllib.parse.urlparse(u) for u in urls]
        self.at, self.conn, self.moves, self.told = first % len(urls), None, 0, 0

    def connect(self):
        server = self.servers[self.at]
        self.conn = http.client.HTTPSConnection(server.hostname, server.port, context=self.tls, timeout=15)
        self.conn.connect()

    def close(self):
        if self.conn:
            self.conn.close()
        self.conn = None

    def move(self):
        self.close()
        self.moves += 1
        self.at = (self.at + 1) % len(self.servers)

    def once(self, method, path, body):
        """The answer; None when it is to be asked again: nothing was sent, or nothing was done."""
        try:
            if not self.conn:
                self.connect()
        except (OSError, ssl.SSLError):
            self.move()
            time.sleep(0.02)
            return None
        text = json.dumps(body) if body is not None else None
        try:
            self.conn.request(method, path, text, {"content-type": "application/json"} if text else {})
            answer = self.conn.getresponse()
        except (OSError, http.client.HTTPException) as e:
            self.close()
            if method == "GET":
                self.move()
                return None
            raise Failure(f"{method} {path}: {type(e).__name__} {e} after it was sent") from e
        if answer.status in (429, 503) and answer.getheader("retry-after"):
            answer.read()
            self.told += 1
            self.move()
            time.sleep(0.05)
            return None
        return answer

    def ask(self, method, path, body=None):
        """Status and object."""
        until = time.monotonic() + RETRY_S
        while time.monotonic() < until:
            answer = self.once(method, path, body)
            if answer:
                text = answer.read()
                if answer.will_close:
                    self.close()
                return answer.status, json.loads(text)
        raise Failure(f"{method} {path}: no server for {RETRY_S} s")


class Writer(threading.Thread):
    """Creates and counts: object i of this writer is created with 0, then made 1, 2, 3 by compare-and-swap."""

    def __init__(self, client, number, stop):
        super().__init__()
        self.client, self.number, self.stop = client, number, stop
        self.acknowledged, self.error, self.writes = {}, None, 0

    def run(self):
        try:
            round_ = 0
            while not self.stop.is_set():
                self.one(f"w{self.number}-{round_}")
                round_ += 1
        except Failure as e:
            self.error = str(e)

    def one(self, name):
        status, obj = self.client.ask("POST", BASE, {"metadata": {"name": name}, "data": {"n": "0"}})
        if status != 201:
            raise Failure(f"create {name}: {status} {obj.get('message')}")
        self.acknowledged[name] = 0
        for n in range(1, 6):
            obj["data"]["n"] = str(n)
            status, obj = self.client.ask("PUT", f"{BASE}/{name}", obj)
            if status != 200:
                raise Failure(f"update {name}: {status} {obj.get('message')}")
            self.acknowledged[name] = n
            self.writes += 1
        status, got = self.client.ask("GET", f"{BASE}/{name}")
        if status != 200 or got["data"]["n"] != "5":
            raise Failure(f"read {name}: {status}, {got.get('data')} after 5 was written")


class Watcher(threading.Thread):
    def __init__(self, client, rv):
        super().__init__(daemon=True)
        self.client, self.rv = client, rv
        self.seen, self.error, self.ends, self.bookmarks, self.events = {}, None, 0, 0, 0

    def run(self):
        try:
            while True:
                self.one()
        except Failure as e:
            self.error = str(e)

    def one(self):
        answer = self.client.once("GET", f"{BASE}?watch=true&allowWatchBookmarks=true&resourceVersion={self.rv}", None)
        if not answer:
            return
        if answer.status != 200:
            raise Failure(f"watch from {self.rv}: {answer.status} {answer.read()!r}")
        last = None
        try:
            while line := answer.readline():
                last = self.event(json.loads(line))
        except TimeoutError as e:
            raise Failure("watch: nothing was said for 15 s") from e
        except (OSError, http.client.HTTPException, ValueError) as e:
            raise Failure(f"a watch was cut off: {type(e).__name__} {e}") from e
        self.ends += 1
        self.bookmarks += last == "BOOKMARK"
        self.client.close()

    def event(self, event):
        """What is no writer's (the namespace has an object of its own) counts by its revision only."""
        obj, kind = event["object"], event["type"]
        if kind == "ERROR":
            raise Failure(f"watch from {self.rv}: {obj.get('message')}")
        rv = obj["metadata"]["resourceVersion"]
        if int(rv) < int(self.rv) or (int(rv) == int(self.rv) and kind != "BOOKMARK"):
            raise Failure(f"watch: {kind} of revision {rv} after {self.rv}")
        self.rv = rv
        if kind != "BOOKMARK" and "n" in obj.get("data", {}):
            name, n = obj["metadata"]["name"], int(obj["data"]["n"])
            if n != self.seen.get(name, -1) + 1:
                raise Failure(f"watch: {name} is {n} after {self.seen.get(name)}")
            self.seen[name] = n
            self.events += 1
        return kind


def main():
    config, urls = Kubeconfig(sys.argv[1]), sys.argv[2:]
    stop = threading.Event()
    judge = Client(config, urls, 0)
    judge.ask("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    rv = judge.ask("GET", BASE)[1]["metadata"]["resourceVersion"]
    writers = [Writer(Client(config, urls, i), i, stop) for i in range(WRITERS)]
    watchers = [Watcher(Client(config, urls, i), rv) for i in range(2 * len(urls))]
    for thread in watchers + writers:
        thread.start()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print("running", flush=True)
    stop.wait()
    for w in writers:
        w.join()
    acknowledged = {name: n for w in writers for name, n in w.acknowledged.items()}
    until = time.monotonic() + 10
    while time.monotonic() < until and any(w.seen != acknowledged and not w.error for w in watchers):
        time.sleep(0.05)
    errors = [w.error for w in writers + watchers if w.error]
    there = {o["metadata"]["name"]: int(o["data"]["n"]) for o in judge.ask("GET", BASE)[1]["items"] if "n" in o.get("data", {})}
    errors += [f"{name}: {n} was acknowledged, {there.get(name)} is there" for name, n in acknowledged.items()
               if there.get(name) != n]
    errors += [f"a watch missed {len(acknowledged) - len(w.seen)} objects" for w in watchers
               if not w.error and w.seen != acknowledged]
    clients = [w.client for w in writers + watchers]
    print(f"{sum(w.writes for w in writers)} updates, {sum(w.events for w in watchers)} events, "
          f"{sum(w.ends for w in watchers)} watches ended, {sum(w.bookmarks for w in watchers)} with a bookmark, "
          f"{sum(c.moves for c in clients)} moves, {sum(c.told for c in clients)} told to come back")
    print("\n".join(errors[:20]) if errors else "nothing was lost")
    sys.exit(bool(errors))


main()
