# SPDX-License-Identifier: Apache-2.0
"""Watches: where they begin, what they show, how they end; in every form, over WebSockets too.

Source of the rules: apimachinery pkg/apis/internalversion, KEP-956 (bookmarks), KEP-3157 (initial
events), apiserver pkg/endpoints/handlers/watch.go.
"""
import base64
import json
import os
import struct
import sys
import threading
import time
import urllib.parse

from cases import MERGE_PATCH, Api, get, message

api = Api(sys.argv[1])
NS = "/api/v1/namespaces/watches"
CM = NS + "/configmaps"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
PARTIAL = {"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
PROTO = {"Accept": "application/vnd.kubernetes.protobuf"}


def q(**params):
    return "?" + urllib.parse.urlencode(params)


class Watch(threading.Thread):
    def __init__(self, path, headers=None, raw=False):
        super().__init__(daemon=True)
        self.events, self.data, self.ended, self.raw = [], b"", False, raw
        self.conn = api.connect()
        self.conn.request("GET", path, headers=headers or {})
        self.r = self.conn.getresponse()
        self.status, self.type = self.r.status, self.r.getheader("content-type")
        self.start()

    def run(self):
        try:
            while self.raw:
                part = self.r.read1(65536)
                if not part:
                    break
                self.data += part
            for line in self.r if not self.raw else []:
                self.events.append(json.loads(line))
        except (OSError, ValueError, AttributeError):
            pass
        self.ended = True

    def wait(self, done, seconds=5):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not done(self):
            time.sleep(0.005)
        return done(self)

    def types(self, name=None):
        return [e["type"] for e in self.events if name is None or get(e, "object.metadata.name") == name]


def cm(name, **labels):
    return {"metadata": {"name": name, "labels": labels}, "data": {"k": name}}


def now():
    return api.obj("GET", CM + "?limit=1")[1]["metadata"]["resourceVersion"]


def prepare():
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": "watches"}})
    for i in range(3):
        status, o = api.obj("POST", CM, cm(f"w{i}", n=str(i)))
        api.check("create", status == 201, o)


def options():
    invalid = 'ListOptions.meta.k8s.io "" is invalid: '
    forbidden = "resourceVersionMatch: Forbidden: "
    unless = forbidden + "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
    requires = forbidden + "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    only = 'resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"'
    rows = [
        ("match alone", {"resourceVersionMatch": "NotOlderThan"}, 422, invalid + unless),
        ("exact", {"resourceVersion": "1", "resourceVersionMatch": "Exact"}, 422, f"{invalid}[{unless}, {only}]"),
        ("initial events without a match", {"sendInitialEvents": "true"}, 422, invalid + requires),
        ("none of them without a match", {"sendInitialEvents": "false"}, 422, invalid + requires),
        ("initial events, exact", {"sendInitialEvents": "true", "resourceVersionMatch": "Exact"}, 422,
         f"{invalid}[{requires}, {only}]"),
        ("and a token", {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "continue": "x"}, 422,
         invalid + forbidden + "resourceVersionMatch is forbidden when continue is provided"),
        ("no revision", {"resourceVersion": "abc"}, 400,
         'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax'),
        ("timeout is no number", {"timeoutSeconds": "x"}, 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("a bad selector", {"labelSelector": "a b"}, 400,
         "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("an unknown field", {"fieldSelector": "a=b"}, 400,
         '"a" is not a known field selector: only "metadata.name", "metadata.namespace"'),
        ("at least the future", {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan",
                                 "resourceVersion": "99999999"}, 504, None),
    ]
    api.run([(name, "GET", CM + q(watch=1, **p), None, {}, want, {"message": text} if text else {"reason": "Timeout"})
             for name, p, want, text in rows])
    api.run([("watch on the path of one object is a get", "GET", CM + "/w0?watch=1", None, {}, 200, {"metadata.name": "w0"}),
             ("the old path takes no writes", "POST", "/api/v1/watch/namespaces/watches/configmaps", {}, {}, 405, None),
             ("watch=false is a list", "GET", CM + "?watch=false", None, {}, 200, {"kind": "ConfigMapList"})])


def beginnings():
    initial = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    rv = now()
    api.obj("POST", CM, cm("later"))
    four = ["ADDED"] * 4
    marked = four + ["BOOKMARK"]
    rows = [
        ("from nowhere", {}, four), ("from 0", {"resourceVersion": "0"}, four), ("after a revision", {"resourceVersion": rv}, ["ADDED"]),
        ("with bookmarks from 0, the end of it is marked", {"resourceVersion": "0", "allowWatchBookmarks": "true"}, marked),
        ("initial events", {**initial, "allowWatchBookmarks": "true"}, marked),
        ("initial events, at least", {**initial, "resourceVersion": rv, "allowWatchBookmarks": "true"}, marked),
        ("initial events, no bookmarks", initial, four),
        ("no initial events", {"sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan", "resourceVersion": rv}, ["ADDED"]),
        ("no initial events from 0", {"sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan"}, []),
        ("the future is waited for", {"resourceVersion": "99999999"}, []),
    ]
    for name, p, want in rows:
        w = Watch(CM + q(watch=1, labelSelector="!kube", fieldSelector="metadata.name!=kube-root-ca.crt", **p))
        w.wait(lambda w: len(w.events) >= len(want))
        time.sleep(0 if want else 0.2)
        api.check(name, w.status == 200 and w.types() == want, w.events)
        if want[-1:] == ["BOOKMARK"]:
            o = w.events[-1]["object"]
            api.check(name + ": the mark", o["kind"] == "ConfigMap" and o["apiVersion"] == "v1" and
                      set(o["metadata"]) == {"resourceVersion", "annotations"} and int(o["metadata"]["resourceVersion"]) >= int(rv) and
                      o["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}, o)
        w.conn.sock and w.conn.sock.close()
    old = [("all", "/api/v1/watch/configmaps", 4), ("a namespace", "/api/v1/watch/namespaces/watches/configmaps", 4),
           ("one name", "/api/v1/watch/namespaces/watches/configmaps/w1", 1), ("cluster-scoped", "/api/v1/watch/namespaces/watches", 1)]
    for name, path, want in old:
        w = Watch(path)
        api.check("old path: " + name, w.wait(lambda w: len(w.events) >= want) and set(w.types()) == {"ADDED"}, w.events)


def transitions():
    rv = now()
    whole = Watch(CM + q(watch=1, resourceVersion=rv))
    label = Watch(CM + q(watch=1, resourceVersion=rv, labelSelector="on=yes"))
    name = Watch(CM + q(watch=1, resourceVersion=rv, fieldSelector="metadata.name=t"))
    table = Watch(CM + q(watch=1, resourceVersion=rv, labelSelector="on=yes"), TABLE)
    partial = Watch(CM + q(watch=1, resourceVersion=rv, labelSelector="on=yes"), PARTIAL)
    api.obj("POST", CM, cm("t"))
    for labels, data in (({"on": "yes"}, "1"), ({"on": "yes"}, "2"), ({"on": "no"}, "3"), ({"on": "yes"}, "4")):
        api.obj("PATCH", CM + "/t", {"metadata": {"labels": labels}, "data": {"x": data}}, headers=MERGE_PATCH)
    api.obj("POST", CM, cm("other"))
    api.obj("DELETE", CM + "/t")
    want = ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]
    api.check("everything", whole.wait(lambda w: len(w.types("t")) == 6) and
              whole.types("t") == ["ADDED"] + ["MODIFIED"] * 4 + ["DELETED"], whole.types("t"))
    api.check("one name", name.wait(lambda w: len(w.events) == 6) and set(e["object"]["metadata"]["name"] for e in name.events) == {"t"},
              name.events)
    api.check("in and out of a selection", label.wait(lambda w: len(w.events) == 5) and label.types() == want, label.events)
    left = label.events[2]["object"] if len(label.events) > 2 else {}
    third = [e for e in whole.events if get(e, "object.data.x") == "3"]
    api.check("who left is shown as it was, at the revision of leaving", get(left, "metadata.labels.on") == "yes" and
              get(left, "data.x") == "2" and get(left, "metadata.resourceVersion") == get(third, "0.object.metadata.resourceVersion"), left)
    revs = [int(e["object"]["metadata"]["resourceVersion"]) for e in whole.events]
    api.check("revisions rise", revs == sorted(set(revs)) and revs[0] > int(rv), revs)
    api.check("a deletion has its own revision", int(get(label.events, "-1.object.metadata.resourceVersion") or
              label.events[-1]["object"]["metadata"]["resourceVersion"]) == revs[-1], revs)
    table.wait(lambda w: len(w.events) == 5)
    tables = [e["object"] for e in table.events]
    api.check("in tables", table.types() == want and all(t["kind"] == "Table" and len(t["rows"]) == 1 for t in tables) and
              tables[0]["columnDefinitions"] and tables[2]["rows"][0]["object"]["metadata"]["labels"]["on"] == "yes", tables)
    partial.wait(lambda w: len(w.events) == 5)
    api.check("metadata alone", partial.types() == want and all(e["object"]["kind"] == "PartialObjectMetadata" and "data" not in e["object"]
              for e in partial.events), partial.events)
    pods = Watch(NS + "/pods" + q(watch=1, resourceVersion=rv, fieldSelector="status.phase=Running"))
    api.obj("POST", NS + "/pods", {"metadata": {"name": "p"}, "spec": {"schedulerName": "nobody", "containers": [{"name": "c", "image": "x"}]}})
    for phase in ("Running", "Failed"):
        api.obj("PATCH", NS + "/pods/p/status", {"status": {"phase": phase}}, headers=MERGE_PATCH)
    api.check("in and out by a field", pods.wait(lambda w: len(w.events) == 2) and pods.types() == ["ADDED", "DELETED"] and
              get(pods.events[1], "object.status.phase") == "Running", pods.events)


def ends():
    w = Watch(CM + q(watch=1, resourceVersion=now(), timeoutSeconds=1, allowWatchBookmarks="true"))
    begun = time.monotonic()
    w.wait(lambda w: w.ended, 4)
    api.check("it ends in time, and tells where it was", w.ended and 0.8 < time.monotonic() - begun < 3 and w.types() == ["BOOKMARK"] and
              w.events[0]["object"]["metadata"]["resourceVersion"] != "0", w.events)
    w = Watch(CM + q(watch=1, resourceVersion=now(), timeoutSeconds=1))
    w.wait(lambda w: w.ended, 4)
    api.check("without bookmarks it just ends", w.ended and w.events == [], w.events)
    w = Watch(CM + q(watch=1, timeoutSeconds=-1))
    api.check("a time that has passed", w.wait(lambda w: w.ended), w.events)
    conn = api.connect()
    conn.request("HEAD", CM + "?watch=1")
    r = conn.getresponse()
    api.check("HEAD of a watch ends", r.status == 200 and r.read() == b"", r.status)


def frames(data):
    out = []
    while len(data) >= 4:
        n = struct.unpack(">I", data[:4])[0]
        if len(data) < 4 + n:
            break
        out.append(data[4:4 + n])
        data = data[4 + n:]
    return out


def protobuf():
    rv = now()
    w = Watch(CM + q(watch=1, resourceVersion=rv, allowWatchBookmarks="true"), {"Accept": PROTO["Accept"]}, raw=True)
    part = Watch(CM + q(watch=1, resourceVersion=rv), {"Accept": PROTO["Accept"] + ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}, raw=True)
    api.obj("POST", CM, cm("pb"))
    api.obj("DELETE", CM + "/pb")
    w.wait(lambda w: len(frames(w.data)) == 2)
    got = frames(w.data)
    api.check("protobuf frames", len(got) == 2 and got[0][:7] == b"\n\x05ADDED" and got[1][:9] == b"\n\x07DELETED" and
              b"k8s\0" in got[0] and b"ConfigMap" in got[0] and w.type == "application/vnd.kubernetes.protobuf;stream=watch", (w.type, got))
    part.wait(lambda w: len(frames(w.data)) == 2)
    got = frames(part.data)
    api.check("metadata alone", len(got) == 2 and b"PartialObjectMetadata" in got[0], got)


class Socket:
    """A WebSocket to a watch: messages of the server."""

    def __init__(self, path, headers=()):
        self.sock = api.kube.admin_tls.wrap_socket(__import__("socket").create_connection(
            (api.server.hostname, api.server.port), 5), server_hostname=api.server.hostname)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                 f"Sec-WebSocket-Key: {key}", "Origin: http://x", *headers, "", ""]
        self.sock.sendall("\r\n".join(lines).encode())
        self.data = b""
        while b"\r\n\r\n" not in self.data:
            self.data += self.sock.recv(4096) or b"\r\n\r\n"
        self.head, _, self.data = self.data.partition(b"\r\n\r\n")

    def need(self, n):
        while len(self.data) < n:
            part = self.sock.recv(65536)
            if not part:
                raise EOFError
            self.data += part
        got, self.data = self.data[:n], self.data[n:]
        return got

    def message(self):
        first, n = self.need(2)
        if n == 126:
            n = struct.unpack(">H", self.need(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self.need(8))[0]
        return first & 15, self.need(n)


def websockets():
    rv = now()
    s = Socket(CM + q(watch=1, resourceVersion=rv, timeoutSeconds=2))
    api.check("the handshake", s.head.startswith(b"HTTP/1.1 101"), s.head)
    p = Socket(CM + q(watch=1, resourceVersion=rv), ["Accept: " + PROTO["Accept"]])
    for i in range(3):
        api.obj("POST", CM, cm(f"ws{i}"))
    got = [s.message() for _ in range(3)]
    api.check("a message an event", [x[0] for x in got] == [1, 1, 1] and
              [json.loads(x[1])["object"]["metadata"]["name"] for x in got] == ["ws0", "ws1", "ws2"] and got[0][1].endswith(b"}\n"), got)
    opcode, data = p.message()
    api.check("protobuf is binary", opcode == 2 and data[:7] == b"\n\x05ADDED" and b"k8s\0" in data, (opcode, data[:60]))
    api.check("its end is a close", s.message()[0] == 8, "")
    p.sock.close()
    api.run([("errors come before the handshake", "GET", CM + "?watch=1&labelSelector=a%20b", None,
              {"headers": {"Upgrade": "websocket", "Connection": "Upgrade"}}, 400, {"reason": "BadRequest"})])


def slow():
    """One that does not read is no matter to another."""
    lazy = api.connect()
    lazy.request("GET", CM + q(watch=1, resourceVersion=now()))
    quick = Watch(CM + q(watch=1, resourceVersion=now()))
    for i in range(60):
        api.obj("PUT", CM + "/w0", {"metadata": {"name": "w0"}, "data": {"k": str(i) + "x" * 200000}})
    api.check("who reads has it all", quick.wait(lambda w: len(w.events) == 60, 20), len(quick.events))
    lazy.close()
    api.run([("and the server goes on", "GET", CM + "/w0", None, {}, 200, None)])


api.finish(prepare, options, beginnings, transitions, ends, protobuf, websockets, slow)
