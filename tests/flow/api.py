# SPDX-License-Identifier: Apache-2.0
"""The API as clients on the wire see it: tables of requests with the answer each must get.

usage: api.py KUBECONFIG

Prints each case that fails, then "N checks passed, M failed".
"""
import http.client
import json
import sys
import threading
import time
import urllib.parse

from cases import APPLY, JSON_PATCH, MERGE_PATCH, STRATEGIC, Api, get, message

kubeconfig = sys.argv[1]
api = Api(kubeconfig)
server, admin_tls, nobody_tls = api.server, api.kube.admin_tls, api.kube.nobody_tls
check, call, obj, run = api.check, api.call, api.obj, api.run

NS = "/api/v1/namespaces/flow"
CM = NS + "/configmaps"
PODS = NS + "/pods"
DEP = "/apis/apps/v1/namespaces/flow/deployments"


def cm(name, **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": "v"}, **more}


def pod(name, **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"containers": [{"name": "c", "image": "x"}], **spec}}


def deployment(name, **labels):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": 0, "selector": {"matchLabels": {"app": "w"}}, "template": {
            "metadata": {"labels": labels or {"app": "w"}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}}}


def errors():
    run([
        ("namespace", "POST", "/api/v1/namespaces", {"metadata": {"name": "flow"}}, {}, 201,
         {"spec.finalizers.0": "kubernetes", "status.phase": "Active"}),
        ("404 object", "GET", CM + "/nope", None, {}, 404,
         message("NotFound", 'configmaps "nope" not found') | {"details.name": "nope", "details.kind": "configmaps"}),
        ("404 resource", "GET", "/api/v1/foos", None, {}, 404,
         message("NotFound", "the server could not find the requested resource")),
        ("404 group", "GET", "/apis/x.io/v1/foos", None, {}, 404, lambda o: o == b"404 page not found\n"),
        ("403 list", "GET", PODS, None, {"who": "bob"}, 403, message("Forbidden",
         'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "flow"')),
        ("403 get at cluster scope", "GET", "/api/v1/nodes/n1", None, {"who": "bob"}, 403, message("Forbidden",
         'nodes "n1" is forbidden: User "bob" cannot get resource "nodes" in API group "" at the cluster scope')),
        ("403 anonymous", "GET", PODS, None, {"who": "anonymous"}, 403, lambda o: "system:anonymous" in o["message"]),
        ("403 path", "GET", "/metrics", None, {"who": "bob"}, 403,
         message("Forbidden", 'forbidden: User "bob" cannot get path "/metrics"')),
        ("401 bad token", "GET", PODS, None, {"who": "anonymous", "headers": {"Authorization": "Bearer nope"}}, 401,
         message("Unauthorized", "Unauthorized")),
        ("create", "POST", CM, cm("a"), {}, 201, {"metadata.namespace": "flow", "data.k": "v",
         "metadata.managedFields.0.operation": "Update"}),
        ("409 exists", "POST", CM, cm("a"), {}, 409, message("AlreadyExists", 'configmaps "a" already exists')),
        ("dry run", "POST", CM + "?dryRun=All", cm("dry"), {}, 201, {"metadata.resourceVersion": None}),
        ("dry run wrote nothing", "GET", CM + "/dry", None, {}, 404, {}),
        ("bad dry run", "POST", CM + "?dryRun=Some", cm("dry"), {}, 422, {"reason": "Invalid"}),
        ("generated name", "POST", CM, {"metadata": {"generateName": "gen-"}}, {}, 201,
         lambda o: len(o["metadata"]["name"]) == 9),
        ("422 name", "POST", CM, cm("Bad_Name"), {}, 422, {"reason": "Invalid", "details.causes.0.field": "metadata.name"}),
        ("422 no name", "POST", CM, {"metadata": {}}, {}, 422, {"details.causes.0.reason": "FieldValueRequired"}),
        ("400 other namespace", "POST", CM, cm("x", metadata={"name": "x", "namespace": "other"}), {}, 400,
         message("BadRequest", "the namespace of the provided object does not match the namespace sent on the request")),
        ("404 namespace", "POST", "/api/v1/namespaces/nons/configmaps", cm("a"), {}, 404,
         message("NotFound", 'namespaces "nons" not found')),
        ("400 wrong version", "POST", CM, cm("a", apiVersion="v2"), {}, 400, {"reason": "BadRequest"}),
        ("400 no JSON", "POST", CM, "{bad", {}, 400, {"reason": "BadRequest"}),
        ("400 empty body", "POST", CM, "", {}, 400, {"reason": "BadRequest"}),
        ("400 a list for an object", "POST", CM, "[]", {}, 400, {"reason": "BadRequest"}),
        ("400 wrong type of a value", "POST", CM, cm("b", data={"k": 1}), {}, 400, {"reason": "BadRequest"}),
        ("400 deep nesting", "POST", CM, "[" * 100000, {}, 400, {"reason": "BadRequest"}),
        ("415", "POST", CM, cm("a"), {"headers": {"Content-Type": "text/csv"}}, 415, {"reason": "UnsupportedMediaType"}),
        ("406", "GET", CM + "/a", None, {"headers": {"Accept": "text/csv"}}, 406, {"reason": "NotAcceptable"}),
        ("405", "POST", CM + "/a", cm("a"), {}, 405, {"reason": "MethodNotAllowed"}),
        ("400 strict", "POST", CM + "?fieldValidation=Strict", cm("s", nosuch=1), {}, 400,
         lambda o: 'unknown field "nosuch"' in o["message"]),
        ("409 resourceVersion", "PUT", CM + "/a", cm("a", metadata={"name": "a", "resourceVersion": "1"}), {}, 409,
         {"reason": "Conflict"}),
        ("409 uid", "PUT", CM + "/a", cm("a", metadata={"name": "a", "uid": "zz"}), {}, 409, {"reason": "Conflict"}),
        ("400 name mismatch", "PUT", CM + "/a", cm("b"), {}, 400, {"reason": "BadRequest"}),
        ("404 update", "PUT", CM + "/zz", cm("zz"), {}, 404, {"reason": "NotFound"}),
        ("413 body", "POST", CM, cm("big", data={"k": "x" * (4 << 20)}), {}, 413, {"reason": "RequestEntityTooLarge"}),
        ("422 value", "POST", CM, cm("big", data={"k": "x" * (2 << 20)}), {}, 422, {"reason": "Invalid"}),
        ("422 no containers", "POST", PODS, {"metadata": {"name": "p"}, "spec": {"containers": []}}, {}, 422,
         {"details.causes.0.field": "spec.containers"}),
        ("422 selector", "POST", DEP, deployment("w2", app="q"), {}, 422,
         {"details.causes.0.field": "spec.template.metadata.labels"}),
        ("400 field selector", "GET", PODS + "?fieldSelector=spec.nope%3Dx", None, {}, 400, {"reason": "BadRequest"}),
        ("400 label selector", "GET", PODS + "?labelSelector=a%20b%20c", None, {}, 400, {"reason": "BadRequest"}),
        ("400 continue", "GET", CM + "?limit=1&continue=nonsense", None, {}, 400, {"reason": "BadRequest"}),
        ("400 resourceVersion", "GET", CM + "?resourceVersion=x", None, {}, 400, {}),
        ("protected namespace", "DELETE", "/api/v1/namespaces/default", None, {}, 403, {"reason": "Forbidden"}),
    ])


def patches():
    run([
        ("merge patch", "PATCH", CM + "/a", {"data": {"k": None, "z": "1"}}, {"headers": MERGE_PATCH}, 200,
         {"data.k": None, "data.z": "1"}),
        ("json patch", "PATCH", CM + "/a", [{"op": "add", "path": "/data/y", "value": "2"}], {"headers": JSON_PATCH}, 200,
         {"data.y": "2"}),
        ("json patch test fails", "PATCH", CM + "/a", [{"op": "test", "path": "/data/y", "value": "3"}],
         {"headers": JSON_PATCH}, 422, {"reason": "Invalid"}),
        ("json patch of nothing", "PATCH", CM + "/a", [{"op": "remove", "path": "/data/none"}], {"headers": JSON_PATCH},
         422, {}),
        ("patch of another type", "PATCH", CM + "/a", {}, {"headers": {"Content-Type": "application/json"}}, 415, {}),
        ("patch with a stale revision", "PATCH", CM + "/a", {"metadata": {"resourceVersion": "1"}},
         {"headers": MERGE_PATCH}, 409, {"reason": "Conflict"}),
        ("deployment", "POST", DEP, deployment("web"), {}, 201, {"spec.strategy.type": "RollingUpdate",
         "spec.template.spec.containers.0.imagePullPolicy": "Always", "spec.revisionHistoryLimit": 10}),
        ("selector stays", "PATCH", DEP + "/web", {"spec": {"selector": {"matchLabels": {"app": "z"}}}},
         {"headers": MERGE_PATCH}, 422, {}),
        ("strategic: added by name, in order", "PATCH", DEP + "/web", {"spec": {"template": {"spec": {
         "containers": [{"name": "d", "image": "x"}], "$setElementOrder/containers": [{"name": "d"}, {"name": "c"}]}}}},
         {"headers": STRATEGIC}, 200, {"spec.template.spec.containers.0.name": "d", "spec.template.spec.containers.1.name": "c"}),
        ("strategic: removed by name", "PATCH", DEP + "/web", {"spec": {"template": {"spec": {
         "containers": [{"name": "d", "$patch": "delete"}]}}}}, {"headers": STRATEGIC}, 200,
         lambda o: [c["name"] for c in o["spec"]["template"]["spec"]["containers"]] == ["c"]),
        ("scale", "GET", DEP + "/web/scale", None, {}, 200, {"kind": "Scale", "spec": {}, "status.selector": "app=w"}),
        ("scale patch", "PATCH", DEP + "/web/scale", {"spec": {"replicas": 0}}, {"headers": MERGE_PATCH}, 200, {"kind": "Scale"}),
        ("status keeps the spec", "PATCH", DEP + "/web/status", {"spec": {"replicas": 9}, "status": {"observedGeneration": 1}},
         {"headers": MERGE_PATCH}, 200, {"spec.replicas": 0}),
        ("apply without a manager", "PATCH", CM + "/ssa", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\ndata: {k: a}\n",
         {"headers": APPLY}, 422, {"details.causes.0.field": "fieldManager"}),
        ("apply creates", "PATCH", CM + "/ssa?fieldManager=one", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\ndata: {k: a}\n",
         {"headers": APPLY}, 201, {"data.k": "a", "metadata.managedFields.0.operation": "Apply"}),
        ("apply conflicts", "PATCH", CM + "/ssa?fieldManager=two", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\ndata: {k: b}\n",
         {"headers": APPLY}, 409, {"reason": "Conflict", "details.causes.0.field": ".data.k",
         "message": 'Apply failed with 1 conflict: conflict with "one": .data.k'}),
        ("apply by force", "PATCH", CM + "/ssa?fieldManager=two&force=true",
         "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\ndata: {k: b}\n", {"headers": APPLY}, 200, {"data.k": "b"}),
        ("apply takes away", "PATCH", CM + "/ssa?fieldManager=two",
         "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\n", {"headers": APPLY}, 200, {"data": None}),
    ])


def lists():
    for i in range(25):
        obj("POST", CM, cm(f"l{i:02}", metadata={"name": f"l{i:02}", "labels": {"list": "yes", "n": str(i % 5)}}))
    names, token, pages, revs = [], "", 0, set()
    while True:
        status, o = obj("GET", f"{CM}?labelSelector=list%3Dyes&limit=10&continue={urllib.parse.quote(token)}")
        names += [x["metadata"]["name"] for x in o["items"]]
        revs.add(o["metadata"]["resourceVersion"])
        pages += 1
        if pages == 1:
            obj("POST", CM, cm("l00-between", metadata={"name": "l00-between", "labels": {"list": "yes"}}))
        token = o["metadata"].get("continue", "")
        if not token:
            break
    check("pages are of one revision", names == [f"l{i:02}" for i in range(25)] and pages == 3 and len(revs) == 1,
          (pages, revs, names))
    run([
        ("set based selector", "GET", CM + "?labelSelector=n%20in%20(1,2),list", None, {}, 200, lambda o: len(o["items"]) == 10),
        ("not equal", "GET", CM + "?labelSelector=list,n!%3D1", None, {}, 200, lambda o: len(o["items"]) == 21),
        ("by name", "GET", CM + "?fieldSelector=metadata.name%3Dl03", None, {}, 200,
         lambda o: [x["metadata"]["name"] for x in o["items"]] == ["l03"]),
        ("kind is of the list", "GET", CM, None, {}, 200, {"kind": "ConfigMapList", "apiVersion": "v1"}),
        ("table", "GET", CM, None, {"headers": {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}}, 200,
         lambda o: o["kind"] == "Table" and o["columnDefinitions"][0]["name"] == "Name" and
         o["rows"][0]["object"]["kind"] == "PartialObjectMetadata"),
        ("metadata alone", "GET", CM, None,
         {"headers": {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}}, 200,
         lambda o: o["kind"] == "PartialObjectMetadataList" and "data" not in o["items"][0]),
        ("revision of the future", "GET", CM + "?resourceVersion=99999999", None, {}, 504, {"reason": "Timeout"}),
    ])
    status, headers, data = call("GET", CM + "/l01", headers={"Accept": "application/vnd.kubernetes.protobuf"})
    check("protobuf", status == 200 and data[:4] == b"k8s\0" and headers["content-type"] == "application/vnd.kubernetes.protobuf",
          (status, headers, data[:40]))
    status, headers, data = call("GET", CM, headers={"Accept": "application/vnd.kubernetes.protobuf"})
    check("protobuf list", status == 200 and data[:4] == b"k8s\0" and b"ConfigMapList" in data[:40], data[:60])
    status, o = obj("POST", CM, b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x0c\x0a\x0a\x0a\x02pb\x12\x00\x1a\x00\x22\x00",
                    headers={"Content-Type": "application/vnd.kubernetes.protobuf"})
    check("protobuf body", status == 201 and get(o, "metadata.name") == "pb", o)
    status, headers, data = call("GET", CM, headers={"Accept-Encoding": "gzip"})
    plain = call("GET", CM)[2]
    check("gzip or plain, never wrong", headers.get("content-encoding") in (None, "gzip") and status == 200 and
          (data == plain or data[:2] == b"\x1f\x8b"), headers)


class Watch(threading.Thread):
    """A watch in the background: events, and how it ended."""

    def __init__(self, path, headers=None):
        super().__init__(daemon=True)
        self.events, self.status, self.ended = [], None, False
        self.conn = http.client.HTTPSConnection(server.hostname, server.port, context=admin_tls, timeout=20)
        self.conn.request("GET", path, headers=headers or {})
        self.r = self.conn.getresponse()
        self.status = self.r.status
        self.start()

    def run(self):
        try:
            for line in self.r:
                self.events.append(json.loads(line))
        except (OSError, ValueError, http.client.HTTPException):
            pass
        self.ended = True

    def wait(self, done, seconds=5):
        until = time.monotonic() + seconds
        while time.monotonic() < until and not done(self.events):
            time.sleep(0.01)
        return done(self.events)


def kinds_of(events, name=None):
    return [e["type"] for e in events if name is None or get(e, "object.metadata.name") == name]


def watches():
    rev = obj("GET", CM)[1]["metadata"]["resourceVersion"]
    w = Watch(f"{CM}?watch=1&resourceVersion={rev}&allowWatchBookmarks=true")
    labeled = Watch(f"{CM}?watch=1&resourceVersion={rev}&labelSelector=w%3Dyes")
    obj("POST", CM, cm("w"))
    obj("PATCH", CM + "/w", {"metadata": {"labels": {"w": "yes"}}}, headers=MERGE_PATCH)
    obj("PATCH", CM + "/w", {"data": {"x": "1"}}, headers=MERGE_PATCH)
    obj("PATCH", CM + "/w", {"metadata": {"labels": {"w": "no"}}}, headers=MERGE_PATCH)
    obj("DELETE", CM + "/w")
    want = ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]
    w.wait(lambda e: len(kinds_of(e, "w")) == 5)
    check("watch sees each write, in order", kinds_of(w.events, "w") == want, w.events)
    labeled.wait(lambda e: len(e) == 3)
    check("a label that comes and goes is ADDED and DELETED", kinds_of(labeled.events, "w") == ["ADDED", "MODIFIED", "DELETED"],
          labeled.events)
    revs = [int(e["object"]["metadata"]["resourceVersion"]) for e in w.events]
    check("revisions rise", revs == sorted(revs) and len(set(revs)) == len(revs) and revs[0] > int(rev), revs)
    again = Watch(f"{CM}?watch=1&resourceVersion={rev}")
    again.wait(lambda e: len(kinds_of(e, "w")) == 5)
    check("history is told again", again.events[:5] == w.events[:5], again.events)

    initial = Watch(f"{CM}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true")
    done = lambda e: any(x["type"] == "BOOKMARK" for x in e)
    check("initial events end in a bookmark", initial.wait(done) and
          get(initial.events[-1], "object.metadata.annotations", {}).get("k8s.io/initial-events-end") == "true" and
          len(initial.events) > 25, initial.events[-1:])
    zero = Watch(f"{CM}?watch=1&resourceVersion=0&fieldSelector=metadata.name%3Dl01")
    check("from 0: what there is", zero.wait(lambda e: kinds_of(e) == ["ADDED"]), zero.events)
    table = Watch(f"{CM}?watch=1&resourceVersion=0&fieldSelector=metadata.name%3Dl01",
                  {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})
    check("tables on a watch", table.wait(lambda e: e and e[0]["object"]["kind"] == "Table"), table.events)
    short = Watch(f"{CM}?watch=1&timeoutSeconds=1")
    time.sleep(2)
    check("a watch ends when asked to", short.ended, short.events[-1:])
    run([("422 sendInitialEvents needs a match", "GET", f"{CM}?watch=1&sendInitialEvents=true", None, {}, 422, {}),
         ("a write to many watchers", "POST", CM, cm("fan"), {}, 201, {})])


def deletes():
    run([
        ("uid precondition", "DELETE", CM + "/a", {"preconditions": {"uid": "nope"}}, {}, 409, {"reason": "Conflict"}),
        ("bad propagation", "DELETE", CM + "/a", {"propagationPolicy": "Nope"}, {}, 422, {"reason": "Invalid"}),
        ("delete", "DELETE", CM + "/a", None, {}, 200, {"kind": "Status", "status": "Success"}),
        ("deleted", "GET", CM + "/a", None, {}, 404, {}),
        ("finalizer", "POST", CM, cm("f", metadata={"name": "f", "finalizers": ["x.io/y"]}), {}, 201, {}),
        ("finalizer holds", "DELETE", CM + "/f", None, {}, 200, lambda o: o["metadata"]["deletionTimestamp"]),
        ("still there", "GET", CM + "/f", None, {}, 200, {}),
        ("finalizer gone, object gone", "PATCH", CM + "/f", {"metadata": {"finalizers": None}}, {"headers": MERGE_PATCH}, 200, {}),
        ("really", "GET", CM + "/f", None, {}, 404, {}),
        ("pod without a node", "POST", PODS, pod("p"), {}, 201, {"spec.restartPolicy": "Always", "status.phase": "Pending",
         "spec.schedulerName": "default-scheduler", "spec.serviceAccountName": "default"}),
        ("pod is deleted at once", "DELETE", PODS + "/p", None, {}, 200, {}),
        ("deletecollection", "DELETE", CM + "?labelSelector=list", None, {}, 200, {}),
        ("collection is empty", "GET", CM + "?labelSelector=list", None, {}, 200, lambda o: o["items"] == []),
    ])


def others():
    for path in ("/livez", "/readyz", "/healthz"):
        status, _, data = call("GET", path, who="anonymous")
        check(path + " for everybody", status == 200 and data == b"ok", (status, data))
    status, _, data = call("GET", "/readyz?verbose", who="anonymous")
    check("readyz in words", status == 200 and b"[+]" in data and b"readyz check passed" in data, data)
    status, headers, data = call("GET", "/metrics")
    check("metrics", status == 200 and headers["content-type"].startswith("text/plain") and
          b"# TYPE" in data and b"apiserver_request_total" in data, data[:300])
    status, _, data = call("GET", "/version", who="anonymous")
    check("version", status == 200 and json.loads(data)["major"] == "1", data)
    run([
        ("api", "GET", "/api", None, {}, 200, {"kind": "APIVersions", "versions.0": "v1"}),
        ("apis", "GET", "/apis", None, {}, 200, lambda o: o["kind"] == "APIGroupList" and
         {"apps", "batch", "rbac.authorization.k8s.io"} <= {g["name"] for g in o["groups"]}),
        ("group", "GET", "/apis/apps", None, {}, 200, {"kind": "APIGroup", "preferredVersion.groupVersion": "apps/v1"}),
        ("resources", "GET", "/apis/apps/v1", None, {}, 200, lambda o: {"deployments", "deployments/scale"} <=
         {r["name"] for r in o["resources"]}),
        ("index of OpenAPI", "GET", "/openapi/v3", None, {}, 200, lambda o: "apis/apps/v1" in o["paths"]),
        ("who am I", "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, {}, 201,
         {"status.userInfo.username": "admin"}),
        ("access of mine", "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
         {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}, {}, 201, {"status.allowed": True}),
        ("access of bob", "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews",
         {"spec": {"user": "bob", "resourceAttributes": {"verb": "get", "resource": "pods"}}}, {}, 201, {"status.allowed": False}),
        ("bob may not be another", "GET", CM, None, {"who": "bob", "headers": {"Impersonate-User": "carol"}}, 403, None),
        ("service", "POST", NS + "/services", {"metadata": {"name": "s"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}},
         {}, 201, lambda o: o["spec"]["clusterIP"].startswith("10.96.") and 30000 <= o["spec"]["ports"][0]["nodePort"] < 32768),
        ("address out of range", "POST", NS + "/services", {"metadata": {"name": "s3"}, "spec": {"clusterIP": "10.1.1.1",
         "ports": [{"port": 80}]}}, {}, 422, {}),
    ])
    aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    status, headers, data = call("GET", "/apis", headers={"Accept": aggregated})
    etag = headers.get("etag")
    check("aggregated discovery", status == 200 and json.loads(data)["kind"] == "APIGroupDiscoveryList" and etag, headers)
    status, headers, data = call("GET", "/apis", headers={"Accept": aggregated, "If-None-Match": etag or ""})
    check("discovery is known by its ETag", status == 304 and not data, (status, data[:80]))
    index = obj("GET", "/openapi/v3")[1]["paths"]["apis/apps/v1"]["serverRelativeURL"]
    status, headers, data = call("GET", index)
    check("OpenAPI v3 by hash", status == 200 and json.loads(data)["openapi"].startswith("3.") and "?hash=" in index, status)
    status, headers, _ = call("GET", index.split("?")[0] + "?hash=0")
    check("another hash leads to the right one", status == 301 and headers["location"] == index, (status, headers))
    status, headers, data = call("GET", "/openapi/v2")
    check("OpenAPI v2", status == 200 and json.loads(data)["swagger"] == "2.0", status)
    status, headers, data = call("GET", "/openapi/v2",
                                 headers={"Accept": "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"})
    check("OpenAPI v2 as protobuf", status == 200 and data[:5] == b"\x0a\x032.0", data[:20])
    for _ in range(50):
        status, o = obj("POST", NS + "/serviceaccounts/default/token", {"spec": {"expirationSeconds": 600}})
        if status != 404:
            break
        time.sleep(0.1)
    token = get(o, "status.token", "")
    check("token", status == 201 and token.count(".") == 2, o)
    bearer = {"Authorization": "Bearer " + token}
    status, o = obj("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, who="anonymous", headers=bearer)
    check("token is known", get(o, "status.userInfo.username") == "system:serviceaccount:flow:default", o)
    broken = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    status, o = obj("GET", CM, who="anonymous", headers={"Authorization": "Bearer " + broken})
    check("a forged token is not", status == 401, o)


def limits():
    """Raw bytes that no client library would send."""
    def raw(data, seconds=8):
        s = nobody_tls.wrap_socket(__import__("socket").create_connection((server.hostname, server.port), seconds),
                                   server_hostname=server.hostname)
        got = b""
        try:
            s.sendall(data)
            while True:
                part = s.recv(65536)
                if not part:
                    break
                got += part
                if b"\r\n\r\n" in got and len(got) > 0:
                    break
        except OSError:
            pass
        s.close()
        return got

    got = raw(b"GET /version HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100000 + b"\r\n\r\n")
    check("too many headers", got.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400")) or got == b"", got[:200])
    got = raw(b"NONSENSE\r\n\r\n")
    check("no HTTP", got.startswith(b"HTTP/1.1 400") or got == b"", got[:200])
    got = raw(b"GET /version HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    check("two lengths", not got.startswith(b"HTTP/1.1 200"), got[:200])
    got = raw(b"GET /%2e%2e/%00 HTTP/1.1\r\nHost: x\r\n\r\n")
    check("odd path", got.startswith((b"HTTP/1.1 40",)), got[:200])
    got = raw(b"GET /version HTTP/1.0\r\n\r\n")
    check("HTTP/1.0", got.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")), got[:200])
    check("and it lives", call("GET", "/readyz")[0] == 200)


api.finish(errors, patches, lists, watches, deletes, others, limits)
