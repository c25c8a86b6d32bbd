# SPDX-License-Identifier: Apache-2.0
"""Two servers over one store, as clients of both see them.

usage: two_servers.py KUBECONFIG_A KUBECONFIG_B [CHECK...]

Prints each check that fails, then "N checks passed, M failed".
"""
import http.client
import json
import sys
import threading
import time

from kubeconfig import Kubeconfig

kubes = [Kubeconfig(path) for path in sys.argv[1:3]]
CM = "/api/v1/namespaces/default/configmaps"
passed = failed = 0


def check(name, good, got=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {name}\n  got: {str(got)[:600]}")


class Client:
    def __init__(self, server):
        self.kube, self.conn = kubes[server], None

    def call(self, method, path, body=None, timeout=20):
        """(status, object, headers); a connection that died is made once more."""
        for again in (True, False):
            try:
                if not self.conn:
                    self.conn = http.client.HTTPSConnection(self.kube.server.hostname, self.kube.server.port,
                                                            context=self.kube.admin_tls, timeout=timeout)
                kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
                self.conn.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": kind})
                r = self.conn.getresponse()
                text = r.read()
                return r.status, json.loads(text) if text[:1] == b"{" else text, r.headers
            except (OSError, http.client.HTTPException):
                self.conn = None
                if not again:
                    raise


def cm(name, value, rv=None):
    meta = {"name": name, **({"resourceVersion": rv} if rv else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"v": str(value)}}


class Watch(threading.Thread):
    """Every event of ConfigMaps labelled so, as (type, name, value, revision)."""

    def __init__(self, server, rv=None):
        super().__init__(daemon=True)
        self.kube, self.rv, self.events, self.open = kubes[server], rv, [], threading.Event()
        self.start()
        self.open.wait(10)

    def run(self):
        conn = http.client.HTTPSConnection(self.kube.server.hostname, self.kube.server.port,
                                           context=self.kube.admin_tls, timeout=60)
        conn.request("GET", CM + "?watch=1" + (f"&resourceVersion={self.rv}" if self.rv else ""))
        r = conn.getresponse()
        self.open.set()
        try:
            for line in r:
                e = json.loads(line)
                o = e["object"]
                meta = o.get("metadata", {})
                self.events.append((e["type"], meta.get("name"), o.get("data", {}).get("v"), int(meta.get("resourceVersion") or 0)))
        except (OSError, http.client.HTTPException):
            pass


def at_once():
    """What one server acknowledged the other shows, in whichever way it is asked."""
    a, b = Client(0), Client(1)
    stale = []
    a.call("POST", CM, cm("now", "start"))
    for i in range(100):
        one, other = (a, b) if i % 2 else (b, a)
        status, o, _ = one.call("PUT", CM + "/now", cm("now", i))
        got = other.call("GET", CM + "/now")[1]
        if status != 200 or got.get("data", {}).get("v") != str(i):
            stale.append(("get", i, got))
        got = [x for x in other.call("GET", CM)[1]["items"] if x["metadata"]["name"] == "now"]
        if not got or got[0]["data"]["v"] != str(i):
            stale.append(("list", i, got))
        rv = o["metadata"]["resourceVersion"]
        got = other.call("GET", f"{CM}/now?resourceVersion={rv}")
        if got[0] != 200 or int(got[1]["metadata"]["resourceVersion"]) < int(rv):
            stale.append(("get at least", i, got))
        # the other writes at the revision that it was just told by somebody else
        status, o, _ = other.call("PUT", CM + "/now", cm("now", f"{i}b", rv))
        if status != 200:
            stale.append(("put", i, o))
    check("what one server acknowledged, the other shows at once", not stale, stale[:3])
    status, o, _ = b.call("GET", CM + "/now?resourceVersion=99999999999999")
    check("a revision of the future", status == 504 and "Too large resource version" in o["message"], o)
    a.call("PUT", CM + "/now", cm("now", "watched"))
    w = Watch(1)
    deadline = time.time() + 10
    while not any(e[1] == "now" for e in w.events) and time.time() < deadline:
        time.sleep(0.02)
    got = [e for e in w.events if e[1] == "now"]
    check("a watch begins with what the other server acknowledged", got and got[0][2] == "watched", got)
    for one, other, group in ((a, b, "a.example.com"), (b, a, "b.example.com")):
        schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
        one.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"things.{group}"},
            "spec": {"group": group, "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
                     "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}]}})
        status, o, _ = other.call("GET", f"/apis/{group}/v1/namespaces/default/things")
        check("a kind that was just defined is known", status == 200, o)
    a.call("POST", CM, cm("gone", 1))
    status, o, _ = b.call("DELETE", CM + "/gone")
    check("what was just made can be deleted", status == 200, o)
    status, o, _ = a.call("POST", CM, cm("gone", 2))
    check("what was just deleted can be made", status == 201, o)
    status, o, _ = b.call("POST", CM, cm("gone", 2))
    check("what was just made cannot be made again", status == 409 and o["reason"] == "AlreadyExists", o)


def watches():
    """Watches on both servers see every event once and in order, whoever wrote."""
    rv = Client(0).call("GET", CM)[1]["metadata"]["resourceVersion"]
    seen = [Watch(0, rv), Watch(1, rv)]
    writers = []

    def write(n):
        c = Client(n % 2)
        c.call("POST", CM, cm(f"w{n}", 0))
        for i in range(1, 40):
            c.call("PUT", CM + f"/w{n}", cm(f"w{n}", i))
        c.call("DELETE", CM + f"/w{n}")

    for n in range(4):
        writers.append(threading.Thread(target=write, args=(n,)))
        writers[-1].start()
    for t in writers:
        t.join()
    want = 4 * 41
    deadline = time.time() + 10
    while any(len(w.events) < want for w in seen) and time.time() < deadline:
        time.sleep(0.02)
    for i, w in enumerate(seen):
        revs = [e[3] for e in w.events]
        check(f"watch {i}: every event once", len(w.events) == want, (len(w.events), w.events[-3:]))
        check(f"watch {i}: in order", revs == sorted(set(revs)), revs)
        for n in range(4):
            mine = [e[2] for e in w.events if e[1] == f"w{n}" and e[0] != "DELETED"]
            check(f"watch {i}: w{n} complete", mine == [str(k) for k in range(40)], mine)
    check("both saw the same", seen[0].events == seen[1].events)


def increments():
    """1,000 increments by compare-and-swap through both servers at once lose nothing."""
    Client(0).call("POST", CM, cm("counter", 0))
    conflicts = [0] * 10

    def add(n):
        c = Client(n % 2)
        for _ in range(100):
            while True:
                o = c.call("GET", CM + "/counter")[1]
                status, new, _ = c.call("PUT", CM + "/counter",
                                        cm("counter", int(o["data"]["v"]) + 1, o["metadata"]["resourceVersion"]))
                if status == 200:
                    break
                if status != 409:
                    check("an increment", False, new)
                    return
                conflicts[n] += 1

    threads = [threading.Thread(target=add, args=(n,)) for n in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for server in (0, 1):
        o = Client(server).call("GET", CM + "/counter")[1]
        check("no increment is lost", o["data"]["v"] == "1000", o)
    # Without a revision nothing conflicts: the server takes turns with the other one.
    results = []

    def label(n):
        results.append(Client(n % 2).call("PATCH", CM + "/counter", {"metadata": {"labels": {f"l{n}": "x"}}})[0])

    threads = [threading.Thread(target=label, args=(n,)) for n in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    labels = Client(0).call("GET", CM + "/counter")[1]["metadata"].get("labels", {})
    check("patches through both all count", results == [200] * 20 and len(labels) == 20, (results, labels))


def away():
    """The store is away: what is known is shown to whoever takes that, all else is told to come back."""
    def needs_store(name, method, path, body):
        began = time.time()
        status, o, headers = Client(0).call(method, path, body)
        took = time.time() - began
        check(f"away: {name}", status in (500, 503, 504) and took < 15, (status, o, took))
        if status == 503:
            check(f"away: {name} says when to come back", headers.get("Retry-After") == "1", headers)

    def health(path):
        status, o, _ = Client(0).call("GET", path)
        check(f"away: {path}", status == 500 and b"etcd failed" in o, o)

    threads = [threading.Thread(target=needs_store, args=args) for args in (
        ("get", "GET", CM + "/now", None), ("list", "GET", CM, None), ("watch", "GET", CM + "?watch=1", None),
        ("put", "PUT", CM + "/now", cm("now", "lost")), ("create", "POST", CM, cm("never", 1)),
        ("delete", "DELETE", CM + "/never", None))]
    threads += [threading.Thread(target=health, args=(path,)) for path in ("/readyz", "/livez", "/livez/etcd")]
    for t in threads:
        t.start()
    c = Client(0)
    status, o, _ = c.call("GET", CM + "/now?resourceVersion=0")
    check("away: get from what is known", status == 200, o)
    status, o, _ = c.call("GET", CM + "?resourceVersion=0")
    check("away: list of what is known", status == 200 and o["items"], o)
    check("away: /livez/ping", c.call("GET", "/livez/ping")[0] == 200)
    for t in threads:
        t.join()
    # By now that is known, and nobody waits to hear it, whoever asks.
    for name, path in (("a list", CM), ("a kind that nobody knows", "/apis/example.com/v1/things")):
        began = time.time()
        status, o, got = c.call("GET", path)
        took = time.time() - began
        check(f"away: {name} is told at once", status == 503 and took < 1 and got.get("Retry-After") == "1", (status, o, took))


for name in sys.argv[3:]:
    globals()[name]()
print(f"{passed} checks passed, {failed} failed")
sys.exit(failed != 0)
