# SPDX-License-Identifier: Apache-2.0
"""What an informer of client-go does on the wire: the list through a watch and the older way, what it
does when its revision is too old, with metadata only, in protobuf; and what its user may rely on.

Source: client-go tools/cache/reflector.go; KEP-3157 (WatchList), KEP-5504 (comparable revisions).

usage: informer.py KUBECONFIG
"""
import json
import struct
import sys
import urllib.parse

from cases import MERGE_PATCH, Api, get

api = Api(sys.argv[1])
NS = "/api/v1/namespaces/informer"
CMS = NS + "/configmaps"
INITIAL = "k8s.io/initial-events-end"
PROTO = "application/vnd.kubernetes.protobuf"


def query(**kw):
    return "?" + urllib.parse.urlencode(kw)


class Watch:
    """An open watch: events one by one, None at its end. Protobuf frames come as bytes."""

    def __init__(self, path, accept="application/json", **kw):
        self.conn = api.connect()
        self.conn.request("GET", path + query(watch="true", **kw), headers={"Accept": accept})
        self.answer = self.conn.getresponse()
        self.proto = accept.startswith(PROTO)

    def __next__(self):
        if self.proto:
            head = self.answer.read(4)
            return self.answer.read(struct.unpack(">I", head)[0]) if len(head) == 4 else None
        line = self.answer.readline()
        return json.loads(line) if line else None

    def close(self):
        self.conn.close()


def synced(w):
    """What a watch tells first, by name, until its end of the list: (types, objects, revision)."""
    types, objects = set(), {}
    while True:
        e = next(w)
        if not e:
            return types, objects, None
        meta = e["object"]["metadata"]
        if e["type"] == "BOOKMARK":
            if meta.get("annotations", {}).get(INITIAL) == "true":
                return types, objects, meta["resourceVersion"]
            continue
        types.add(e["type"])
        objects[meta["name"]] = e["object"]


STREAMING = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true",
             "timeoutSeconds": "30"}


def make(name, **data):
    return api.obj("POST", CMS, {"metadata": {"name": name, "labels": {"l": name}}, "data": data})[1]


def setup():
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": "informer"}})
    for i in range(5):
        make(f"c{i}", n=str(i))
    api.eventually("its root CA", lambda: api.call("GET", CMS + "/kube-root-ca.crt")[0] == 200)


def the_list_through_a_watch():
    w = Watch(CMS, **STREAMING)
    types, objects, rev = synced(w)
    api.check("the list comes as ADDED", types == {"ADDED"}, types)
    api.check("all of it", set(objects) == {"kube-root-ca.crt"} | {f"c{i}" for i in range(5)}, sorted(objects))
    api.check("ends with a revision not older than any of it",
              rev and all(int(o["metadata"]["resourceVersion"]) <= int(rev) for o in objects.values()), rev)
    api.check("objects say what they are", all(o["kind"] == "ConfigMap" and o["apiVersion"] == "v1"
                                              for o in objects.values()), objects)
    make("late")
    e = next(w)
    api.check("and goes on", e["type"] == "ADDED" and e["object"]["metadata"]["name"] == "late", e)
    api.check("at a higher revision", int(e["object"]["metadata"]["resourceVersion"]) > int(rev), e)
    api.call("DELETE", CMS + "/late")
    e = next(w)
    api.check("a deletion has the last state and a revision of its own", e["type"] == "DELETED" and
              e["object"]["metadata"]["name"] == "late", e)
    w.close()


def a_streamed_list_is_no_table():
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    w = Watch(CMS, table, **STREAMING)
    api.check("a table is refused", w.answer.status == 406, w.answer.status)
    w.close()
    w = Watch(CMS, table + ",application/json", **STREAMING)
    api.check("what is asked for after it is sent", "c0" in synced(w)[1])
    w.close()
    w = Watch(CMS, table, timeoutSeconds="30")
    api.check("a plain watch may be one", next(w)["object"]["kind"] == "Table")
    w.close()


def resumed_where_it_was():
    rev = api.obj("GET", CMS)[1]["metadata"]["resourceVersion"]
    for i in range(3):
        api.obj("PATCH", CMS + "/c0", {"data": {"round": str(i)}}, headers=MERGE_PATCH)
    w = Watch(CMS, resourceVersion=rev, allowWatchBookmarks="true", timeoutSeconds="30")
    seen = [next(w) for _ in range(3)]
    api.check("nothing is missed between a list and its watch",
              [get(e, "object.data.round") for e in seen] == ["0", "1", "2"], seen)
    w.close()
    w = Watch(CMS, **{**STREAMING, "resourceVersion": seen[2]["object"]["metadata"]["resourceVersion"]})
    _, objects, _ = synced(w)
    api.check("the list through a watch is not older than asked", objects["c0"]["data"]["round"] == "2", objects["c0"])
    w.close()


def the_older_way():
    status, page = api.obj("GET", CMS + query(limit="3", resourceVersion="0"))
    api.check("a list from the cache is whole", status == 200 and len(page["items"]) == 6 and
              not page["metadata"].get("continue"), page["metadata"])
    status, page = api.obj("GET", CMS + query(limit="4"))
    rest = api.obj("GET", CMS + query(limit="4", **{"continue": page["metadata"]["continue"]}))[1]
    api.check("pages are of one revision", rest["metadata"]["resourceVersion"] == page["metadata"]["resourceVersion"] and
              len(rest["items"]) == 2 and page["metadata"]["remainingItemCount"] == 2, rest["metadata"])


def revisions_that_cannot_be():
    w = Watch(CMS, resourceVersion="1", timeoutSeconds="5")
    e = next(w) if w.answer.status == 200 else {"type": "ERROR", "object": json.loads(w.answer.read())}
    while e and e["type"] != "ERROR" and get(e, "object.metadata.name") != "c0":
        e = next(w)
    api.check("an old revision is followed, or gone", e and (e["type"] != "ERROR" or e["object"]["code"] == 410), e)
    w.close()
    status, headers, data = api.call("GET", CMS + query(resourceVersion="99999999999", resourceVersionMatch="NotOlderThan"))
    o = json.loads(data)
    api.check("one of the future is asked again later", status == 504 and headers.get("retry-after") == "1" and
              get(o, "details.causes.0.reason") == "ResourceVersionTooLarge", (status, headers, o))
    api.run([
        ("sendInitialEvents needs its match", "GET", CMS + query(watch="1", sendInitialEvents="true"), None, {}, 422,
         {"reason": "Invalid"}),
        ("sendInitialEvents is for watches", "GET", CMS + query(sendInitialEvents="true",
                                                               resourceVersionMatch="NotOlderThan"), None, {}, 422,
         {"reason": "Invalid"}),
        ("a match needs a revision", "GET", CMS + query(resourceVersionMatch="Exact"), None, {}, 422, {"reason": "Invalid"}),
    ])


def by_selectors():
    w = Watch(CMS, labelSelector="l=c1", **STREAMING)
    _, objects, _ = synced(w)
    api.check("only what is selected", list(objects) == ["c1"], list(objects))
    api.obj("PATCH", CMS + "/c1", {"metadata": {"labels": {"l": "x"}}}, headers=MERGE_PATCH)
    e = next(w)
    api.check("out of the selection is deleted", e["type"] == "DELETED" and
              get(e, "object.metadata.labels.l") == "c1", e)
    api.obj("PATCH", CMS + "/c1", {"metadata": {"labels": {"l": "c1"}}}, headers=MERGE_PATCH)
    e = next(w)
    api.check("and back is added", e["type"] == "ADDED", e)
    w.close()
    w = Watch(CMS, fieldSelector="metadata.name=c2", **STREAMING)
    _, objects, _ = synced(w)
    api.check("one by its name", list(objects) == ["c2"], list(objects))
    w.close()


def metadata_only():
    accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    w = Watch(CMS, accept, **STREAMING)
    _, objects, rev = synced(w)
    api.check("metadata informers get metadata", rev and all(
        o["kind"] == "PartialObjectMetadata" and "data" not in o for o in objects.values()), objects)
    w.close()
    _, headers, data = api.call("GET", CMS, headers={"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"})
    o = json.loads(data)
    api.check("and lists of it", o["kind"] == "PartialObjectMetadataList" and "data" not in o["items"][0], o["kind"])


def in_protobuf():
    w = Watch(CMS, PROTO + ";stream=watch", **STREAMING)
    api.check("frames are announced", w.answer.getheader("content-type") == PROTO + ";stream=watch",
              w.answer.getheader("content-type"))
    frames = []
    while not frames or b"BOOKMARK" not in frames[-1]:
        frames.append(next(w))
    api.check("each object is a frame", len(frames) == 7 and all(b"k8s\x00" in f for f in frames), len(frames))
    api.check("the last marks the end of the list", INITIAL.encode() in frames[-1], frames[-1])
    w.close()


def bookmarks_and_ends():
    w = Watch(CMS, allowWatchBookmarks="true", timeoutSeconds="1", resourceVersion=api.obj("GET", CMS)[1]["metadata"]["resourceVersion"])
    make("other", a="b")
    events = list(iter(lambda: next(w), None))
    last = events[-1]
    api.check("a watch says where it ended", last["type"] == "BOOKMARK" and last["object"]["kind"] == "ConfigMap" and
              last["object"]["apiVersion"] == "v1" and int(last["object"]["metadata"]["resourceVersion"]) > 0, events)
    w.close()


def revisions_compare():
    seen = [int(make(f"r{i}")["metadata"]["resourceVersion"]) for i in range(5)]
    pod = int(api.obj("POST", NS + "/secrets", {"metadata": {"name": "r"}})[1]["metadata"]["resourceVersion"])
    api.check("revisions grow, over all kinds", seen == sorted(seen) and pod > seen[-1], (seen, pod))


api.finish(setup, the_list_through_a_watch, a_streamed_list_is_no_table, resumed_where_it_was, the_older_way,
           revisions_that_cannot_be, by_selectors, metadata_only, in_protobuf, bookmarks_and_ends, revisions_compare)
