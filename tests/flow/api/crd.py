# SPDX-License-Identifier: Apache-2.0
"""CustomResourceDefinitions: what they may say, how they come and go, what their objects do.

usage: crd.py KUBECONFIG
"""
import concurrent.futures
import json
import sys
import threading
import time

from cases import APPLY, JSON_PATCH, MERGE_PATCH, STRATEGIC, Api, get

api = Api(sys.argv[1])
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NS = "/api/v1/namespaces/crd-flow"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
STRICT = "?fieldValidation=Strict"
KEEP = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def spec(**properties):
    """An open schema of an object whose spec has these properties."""
    return {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}, "status": KEEP}}


def crd(plural, schema=None, group="flow.example.com", kind=None, scope="Namespaced", versions=None, names=None, **version):
    kind = kind or plural[:-1].capitalize()
    v1 = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema or KEEP}, **version}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {"group": group, "scope": scope, "versions": versions or [v1],
                     "names": {"plural": plural, "kind": kind, **(names or {})}}}


def path(plural, version="v1", group="flow.example.com", ns="crd-flow"):
    return f"/apis/{group}/{version}/" + (f"namespaces/{ns}/" if ns else "") + plural


def thing(name, kind, version="v1", group="flow.example.com", **body):
    return {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"name": name}, **body}


def condition(o, kind):
    return next((c for c in get(o, "status.conditions", []) if c["type"] == kind), {})


def make(definition):
    status, o = api.obj("POST", CRDS, definition)
    api.check(f"{definition['metadata']['name']} is made", status == 201, o)
    return o


def gone(name):
    return api.eventually(f"{name} is gone", lambda: api.call("GET", f"{CRDS}/{name}")[0] == 404)


def events(watch_path, n, seconds=10):
    """The first n events of a watch, collected by a thread: call the result to wait for them."""
    got, conn, opened = [], api.connect(), threading.Event()

    def read():
        conn.request("GET", watch_path)
        r = conn.getresponse()
        opened.set()
        while len(got) < n:
            line = r.readline()
            if not line:
                break
            got.append(json.loads(line))

    t = threading.Thread(target=read, daemon=True)
    t.start()
    opened.wait(seconds)

    def wait():
        t.join(seconds)
        return got
    return wait


def prepare():
    api.run([("namespace", "POST", "/api/v1/namespaces", {"metadata": {"name": "crd-flow"}}, {}, 201, None)])


# ---- definitions ----

def life():
    """Made, listed, watched, changed, its status, deleted."""
    seen = events(CRDS + "?watch=1&labelSelector=part%3Dlife", 3)
    d = crd("lives")
    d["metadata"]["labels"] = {"part": "life"}
    o = make(d)
    name = o["metadata"]["name"]
    api.check("defaults", get(o, "spec.names.singular") == "live" and get(o, "spec.names.listKind") == "LiveList" and
              get(o, "spec.conversion.strategy") == "None", o)
    api.check("established", condition(o, "Established")["status"] == "True" and condition(o, "NamesAccepted")["reason"] == "NoConflicts", o)
    api.check("accepted names", get(o, "status.acceptedNames.kind") == "Live" and get(o, "status.storedVersions") == ["v1"], o)
    api.check("its finalizer", get(o, "metadata.finalizers") == ["customresourcecleanup.apiextensions.k8s.io"], o)
    api.run([
        ("at once served", "GET", path("lives"), None, {}, 200, {"kind": "LiveList", "apiVersion": "flow.example.com/v1", "items": []}),
        ("again", "POST", CRDS, d, {}, 409, {"reason": "AlreadyExists"}),
        ("one", "GET", f"{CRDS}/{name}", None, {}, 200, {"metadata.name": name, "metadata.generation": 1}),
        ("list by label", "GET", CRDS + "?labelSelector=part%3Dlife", None, {}, 200, lambda l: len(l["items"]) == 1),
        ("status subresource", "GET", f"{CRDS}/{name}/status", None, {}, 200, {"status.acceptedNames.plural": "lives"}),
        ("patch of the status", "PATCH", f"{CRDS}/{name}/status", {"status": {"conditions": [
            {"type": "StatusPatched", "status": "True", "reason": "E2E", "message": "m"}]}}, {"headers": MERGE_PATCH}, 200,
         lambda o: condition(o, "StatusPatched")["status"] == "True" and o["metadata"]["generation"] == 1),
        ("patch of the spec", "PATCH", f"{CRDS}/{name}", {"spec": {"names": {"shortNames": ["lv"]}}}, {"headers": MERGE_PATCH}, 200,
         lambda o: o["metadata"]["generation"] == 2 and get(o, "status.acceptedNames.shortNames") == ["lv"]),
        ("delete", "DELETE", f"{CRDS}/{name}", None, {}, 200, None),
    ])
    gone(name)
    api.run([
        ("no longer served", "GET", path("lives"), None, {}, 404, None),
        ("and can be made again", "POST", CRDS, d, {}, 201, {"status.acceptedNames.shortNames": None}),
        ("many deleted", "DELETE", CRDS + "?labelSelector=part%3Dlife", None, {}, 200, None),
    ])
    gone(name)
    got = seen()
    api.check("a watch sees it", [e["type"] for e in got[:2]] == ["ADDED", "MODIFIED"], got)


DEFINITION_ERRORS = [
    ("name", lambda d: d["metadata"].update(name="x.example.com"), "metadata.name",
     'Invalid value: "x.example.com": must be spec.names.plural+"."+spec.group'),
    ("schema", lambda d: d["spec"]["versions"][0].pop("schema"), "spec.versions[0].schema.openAPIV3Schema",
     "Required value: schemas are required"),
    ("type", lambda d: d["spec"]["versions"][0].update(schema={"openAPIV3Schema": spec(a={})}),
     "spec.validation.openAPIV3Schema.properties[spec].properties[a].type",
     "Required value: must not be empty for specified object fields"),
    ("storage", lambda d: d["spec"]["versions"][0].update(storage=False), "status.storedVersions",
     "Invalid value: []: must have at least one stored version"),
    ("preserveUnknownFields", lambda d: d["spec"].update(preserveUnknownFields=True), "spec.preserveUnknownFields",
     "Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"),
    ("default", lambda d: d["spec"]["versions"][0].update(schema={"openAPIV3Schema": spec(a={"type": "integer", "default": "x"})}),
     "spec.validation.openAPIV3Schema.properties[spec].properties[a].default",
     'Invalid value: "string":  in body must be of type integer: "string"'),
]


def refusals():
    for name, change, field, text in DEFINITION_ERRORS:
        d = crd("refusals")
        change(d)
        status, o = api.obj("POST", CRDS, d)
        api.check(f"refused: {name}", status == 422 and (field, text) in [(c["field"], c["message"]) for c in
                  get(o, "details.causes", [])], o)
    d = crd("refusals", group="x.k8s.io")
    status, o = api.obj("POST", CRDS, d)
    api.check("a community group needs approval", status == 422 and get(o, "details.causes.0.field") ==
              "metadata.annotations[api-approved.kubernetes.io]", o)
    d["metadata"]["annotations"] = {"api-approved.kubernetes.io": "https://github.com/kubernetes/kubernetes/pull/78458"}
    o = make(d)
    api.check("approved", condition(o, "KubernetesAPIApprovalPolicyConformant").get("message") ==
              "approved in https://github.com/kubernetes/kubernetes/pull/78458", o)
    api.call("DELETE", f"{CRDS}/refusals.x.k8s.io")


def names():
    """Who comes second waits for the names, and has them when they are free."""
    first = make(crd("namers", names={"shortNames": ["nm"]}))
    second = make(crd("others", kind="Namer", names={"shortNames": ["nm", "ot"]}))
    c = condition(second, "NamesAccepted")
    api.check("a conflict", c["status"] == "False" and c["reason"] in ("KindConflict", "ListKindConflict") and
              "is already in use" in c["message"] and condition(second, "Established")["reason"] == "NotAccepted", second)
    api.check("what is free is accepted", get(second, "status.acceptedNames.plural") == "others" and
              get(second, "status.acceptedNames.kind") == "", second)
    api.run([("not served", "GET", path("others"), None, {}, 404, None),
             ("delete the first", "DELETE", f"{CRDS}/{first['metadata']['name']}", None, {}, 200, None)])
    gone(first["metadata"]["name"])
    api.eventually("the second has them", lambda: api.call("GET", path("others"))[0] == 200)
    api.call("DELETE", f"{CRDS}/others.flow.example.com")
    gone("others.flow.example.com")


def end():
    """A definition goes after its objects; none are made meanwhile."""
    make(crd("enders"))
    api.run([("object", "POST", path("enders"), thing("a", "Ender"), {}, 201, None),
             ("object with a finalizer", "POST", path("enders"), {**thing("b", "Ender"), "metadata": {
                 "name": "b", "finalizers": ["x.example.com/wait"]}}, {}, 201, None),
             ("delete", "DELETE", CRDS + "/enders.flow.example.com", None, {}, 200,
              lambda o: get(o, "metadata.deletionTimestamp") and condition(o, "Terminating")["reason"] == "InstanceDeletionInProgress")])
    api.eventually("its objects go", lambda: api.call("GET", path("enders") + "/a")[0] == 404)
    api.run([
        ("it waits for the last", "GET", CRDS + "/enders.flow.example.com", None, {}, 200, None),
        ("no new ones", "POST", path("enders"), thing("c", "Ender"), {}, 405, {"reason": "MethodNotAllowed"}),
        ("the last lets go", "PATCH", path("enders") + "/b", {"metadata": {"finalizers": None}}, {"headers": MERGE_PATCH}, 200, None)])
    gone("enders.flow.example.com")
    # what is not served any more goes too
    d = make(crd("unserveds"))
    d["spec"]["versions"][0]["served"] = False
    api.run([("object", "POST", path("unserveds"), thing("a", "Unserved"), {}, 201, None),
             ("no longer served", "PUT", CRDS + "/unserveds.flow.example.com", d, {}, 200, None),
             ("not found", "GET", path("unserveds"), None, {}, 404, None),
             ("delete", "DELETE", CRDS + "/unserveds.flow.example.com", None, {}, 200, None)])
    gone("unserveds.flow.example.com")
    make(crd("unserveds"))
    api.run([("nothing is left", "GET", path("unserveds"), None, {}, 200, {"items": []})])


# ---- objects ----

def pruning():
    make(crd("prunes", spec(a={"type": "string"}, any={**KEEP, "properties": {"known": {"type": "object"}}},
                            n={"type": "string", "nullable": True}, port={"x-kubernetes-int-or-string": True},
                            map={"type": "object", "additionalProperties": {"type": "string"}},
                            inner={"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True})))
    api.run([
        ("unknown members go, null may stay", "POST", path("prunes"), thing("a", "Prune", spec={
            "a": None, "x": 1, "any": {"z": {"q": None}, "known": {"q": 1}}, "n": None, "port": "http", "map": {"k": "v"}}, extra=1), {}, 201,
         {"spec": {"any": {"known": {}, "z": {"q": None}}, "map": {"k": "v"}, "n": None, "port": "http"}, "extra": None}),
        ("strict", "POST", path("prunes") + STRICT, thing("b", "Prune", spec={"x": 1, "a": "y"}, extra=1), {}, 400,
         lambda o: o["message"].endswith('strict decoding error: unknown field "extra", unknown field "spec.x"')),
        ("strict: duplicates", "POST", path("prunes") + STRICT,
         '{"apiVersion":"flow.example.com/v1","kind":"Prune","metadata":{"name":"b"},"spec":{"a":"1","a":"2"}}', {}, 400,
         lambda o: 'duplicate field "spec.a"' in o["message"]),
        ("strict: metadata", "POST", path("prunes") + STRICT, {**thing("b", "Prune"), "metadata": {"name": "b", "unknown": 1}}, {}, 400,
         lambda o: 'unknown field "metadata.unknown"' in o["message"]),
        ("numbers keep their type", "PATCH", path("prunes") + "/a", {"spec": {"port": 80}}, {"headers": MERGE_PATCH}, 200, {"spec.port": 80}),
        ("an embedded object", "PATCH", path("prunes") + "/a", {"spec": {"inner": {"apiVersion": "v1", "kind": "Pod", "metadata": {
            "name": "x", "bad": 1}, "spec": {"any": 1}}}}, {"headers": MERGE_PATCH}, 200,
         {"spec.inner": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"any": 1}}}),
        ("it has a kind", "PATCH", path("prunes") + "/a", {"spec": {"inner": {"kind": None}}}, {"headers": MERGE_PATCH}, 422,
         {"details.causes.0.field": "spec.inner.kind", "details.causes.0.message": "Required value: must not be empty"}),
        ("no strategic merge", "PATCH", path("prunes") + "/a", {"spec": {}}, {"headers": STRATEGIC}, 415, None),
        ("json patch", "PATCH", path("prunes") + "/a", [{"op": "add", "path": "/spec/x", "value": 1},
                                                        {"op": "add", "path": "/spec/a", "value": "v"}], {"headers": JSON_PATCH}, 200,
         {"spec.a": "v", "spec.x": None}),
        ("apply", "PATCH", path("prunes") + "/applied?fieldManager=m", thing("applied", "Prune", spec={"a": "1"}), {"headers": APPLY}, 201,
         {"spec.a": "1", "metadata.managedFields.0.operation": "Apply"}),
        ("apply: a conflict", "PATCH", path("prunes") + "/applied?fieldManager=o", thing("applied", "Prune", spec={"a": "2"}),
         {"headers": APPLY}, 409, {"details.causes.0.field": ".spec.a"}),
        ("apply: what the schema does not know", "PATCH", path("prunes") + "/applied?fieldManager=m&fieldValidation=Strict",
         thing("applied", "Prune", spec={"zz": "1"}), {"headers": APPLY}, 500, lambda o: ".spec.zz: field not declared in schema" in o["message"]),
    ])
    status, headers, _ = api.call("POST", path("prunes") + "?fieldValidation=Warn", thing("w", "Prune", spec={"x": 1}))
    api.check("warnings", status == 201 and headers.get("warning") == '299 - "unknown field \\"spec.x\\""', headers)


RULES = spec(
    n={"type": "integer", "minimum": 1, "maximum": 10}, x={"type": "number", "exclusiveMinimum": True, "minimum": 0, "multipleOf": 0.5},
    s={"type": "string", "minLength": 2, "maxLength": 3}, p={"type": "string", "pattern": "^[a-z]+$"}, e={"type": "string", "enum": ["a", "b"]},
    when={"type": "string", "format": "date-time"}, ip={"type": "string", "format": "ipv4"}, odd={"type": "string", "format": "no-such"},
    l={"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string"}},
    set={"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
    map={"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {
        "type": "object", "required": ["k"], "properties": {"k": {"type": "string"}, "v": {"type": "integer"}}}},
    o={"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}},
    one={"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
    no={"type": "string", "not": {"enum": ["bad"]}}, all={"type": "string", "allOf": [{"minLength": 1}, {"pattern": "x"}]},
    dflt={"type": "string", "default": "d"})
RULE_CASES = [
    ({"n": 1, "x": 1.5, "s": "ab", "p": "a", "e": "a", "when": "2020-01-01T00:00:00Z", "ip": "1.2.3.4", "odd": "?", "l": ["a"], "set": ["a"],
      "map": [{"k": "1"}, {"k": "2"}], "o": {"a": "b"}, "one": {"a": "x"}, "no": "good", "all": "x"}, None, None),
    ({"n": 0}, "spec.n", "Invalid value: 0: spec.n in body should be greater than or equal to 1"),
    ({"n": 11}, "spec.n", "Invalid value: 11: spec.n in body should be less than or equal to 10"),
    ({"n": "1"}, "spec.n", 'Invalid value: "string": spec.n in body must be of type integer: "string"'),
    ({"n": 1.5}, "spec.n", 'Invalid value: "number": spec.n in body must be of type integer: "number"'),
    ({"x": 0}, "spec.x", "Invalid value: 0: spec.x in body should be greater than 0"),
    ({"x": 0.7}, "spec.x", "Invalid value: 0.7: spec.x in body should be a multiple of 0.5"),
    ({"s": "a"}, "spec.s", 'Invalid value: "a": spec.s in body should be at least 2 chars long'),
    ({"s": "abcd"}, "spec.s", "Too long: may not be more than 3 bytes"),
    ({"p": "A"}, "spec.p", "Invalid value: \"A\": spec.p in body should match '^[a-z]+$'"),
    ({"e": "c"}, "spec.e", 'Unsupported value: "c": supported values: "a", "b"'),
    ({"when": "now"}, "spec.when", 'Invalid value: "now": spec.when in body must be of type date-time: "now"'),
    ({"ip": "::1"}, "spec.ip", 'Invalid value: "::1": spec.ip in body must be of type ipv4: "::1"'),
    ({"l": []}, "spec.l", "Invalid value: 0: spec.l in body should have at least 1 items"),
    ({"l": ["a", "b", "c"]}, "spec.l", "Too many: 3: must have at most 2 items"),
    ({"l": [1]}, "spec.l[0]", 'Invalid value: "integer": spec.l[0] in body must be of type string: "integer"'),
    ({"set": ["a", "a"]}, "spec.set[1]", 'Duplicate value: "a"'),
    ({"map": [{"k": "1"}, {"k": "1", "v": 2}]}, "spec.map[1]", 'Duplicate value: {"k":"1"}'),
    ({"map": [{"v": 1}]}, "spec.map[0].k", "Required value"),
    ({"o": {}}, "spec.o", "Invalid value: 0: spec.o in body should have at least 1 properties"),
    ({"o": {"a": 1}}, "spec.o.a", 'Invalid value: "integer": spec.o.a in body must be of type string: "integer"'),
    ({"one": {}}, "<nil>", 'Invalid value: "": "spec.one" must validate one and only one schema (oneOf). Found none valid'),
    ({"no": "bad"}, "<nil>", 'Invalid value: "": "spec.no" must not validate the schema (not)'),
    ({"all": "y"}, "<nil>", 'Invalid value: "": "spec.all" must validate all the schemas (allOf)'),
]


def rules():
    make(crd("rules", RULES))
    for body, field, text in RULE_CASES:
        status, o = api.obj("POST", path("rules") + "?dryRun=All", thing("r", "Rule", spec=body))
        if field is None:
            api.check("what fits", status == 201 and o["spec"]["dflt"] == "d", o)
        else:
            api.check(f"rule {body}", status == 422 and (field, text) in [(c["field"], c["message"]) for c in get(o, "details.causes", [])], o)
    status, o = api.obj("POST", path("rules"), thing("r", "Rule", spec={"n": 0}))
    api.check("the message", get(o, "message") == 'Rule.flow.example.com "r" is invalid: spec.n: Invalid value: 0: '
              "spec.n in body should be greater than or equal to 1", o)


def ratcheting():
    """A schema that gets stricter leaves alone what nobody touches."""
    d = make(crd("ratchets", spec(n={"type": "integer"}, s={"type": "string"})))
    api.run([("object", "POST", path("ratchets"), thing("a", "Ratchet", spec={"n": 100}), {}, 201, None)])
    d["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = spec(n={"type": "integer", "maximum": 10}, s={"type": "string"})
    api.run([
        ("stricter", "PUT", CRDS + "/ratchets.flow.example.com", d, {}, 200, None),
        ("untouched", "PATCH", path("ratchets") + "/a", {"spec": {"s": "x"}}, {"headers": MERGE_PATCH}, 200, {"spec.n": 100, "spec.s": "x"}),
        ("touched", "PATCH", path("ratchets") + "/a", {"spec": {"n": 99}}, {"headers": MERGE_PATCH}, 422, {"details.causes.0.field": "spec.n"}),
        ("mended", "PATCH", path("ratchets") + "/a", {"spec": {"n": 9}}, {"headers": MERGE_PATCH}, 200, None),
        ("not back", "PATCH", path("ratchets") + "/a", {"spec": {"n": 100}}, {"headers": MERGE_PATCH}, 422, None),
    ])


def defaulting():
    """On write, and on what was stored before there were defaults: get, list, watch."""
    d = make(crd("defaults", spec(a={"type": "string", "default": "A"}, gone={"type": "string"})))
    api.run([("default", "POST", path("defaults"), thing("a", "Default", spec={"gone": "x"}), {}, 201, {"spec.a": "A", "spec.gone": "x"}),
             ("no spec, no default", "POST", path("defaults"), thing("b", "Default"), {}, 201, {"spec": None})])
    d["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = spec(a={"type": "string", "default": "A"}, b={
        "type": "object", "default": {}, "properties": {"c": {"type": "string", "default": "C"}}})
    seen = events(path("defaults") + "?watch=1", 9)
    api.run([
        ("another schema", "PUT", CRDS + "/defaults.flow.example.com", d, {}, 200, {"metadata.generation": 2}),
        ("read", "GET", path("defaults") + "/a", None, {}, 200, {"spec": {"a": "A", "b": {"c": "C"}}}),
        ("listed", "GET", path("defaults"), None, {}, 200, lambda l: l["items"][0]["spec"] == {"a": "A", "b": {"c": "C"}}),
    ])
    api.check("a watch ends with its schema", [e["type"] for e in seen()] == ["ADDED", "ADDED"], seen())
    fresh = events(path("defaults") + "?watch=1", 3)
    api.run([("a label only", "PATCH", path("defaults") + "/a", {"metadata": {"labels": {"l": "1"}}}, {"headers": MERGE_PATCH}, 200,
              {"spec": {"a": "A", "b": {"c": "C"}}})])
    got = fresh()
    api.check("watched", len(got) == 3 and all(e["object"]["spec"] == {"a": "A", "b": {"c": "C"}} for e in (got[0], got[2])), got)


def status():
    """The status subresource keeps the two apart; generation counts the spec."""
    make(crd("stats", spec(a={"type": "string"}), subresources={"status": {}}))
    make(crd("nosubs", spec(a={"type": "string"})))
    api.run([
        ("no status on create", "POST", path("stats"), thing("a", "Stat", spec={"a": "1"}, status={"x": 1}), {}, 201,
         {"status": None, "metadata.generation": 1}),
        ("status by its subresource", "PATCH", path("stats") + "/a/status", {"spec": {"a": "2"}, "status": {"x": 1}}, {"headers": MERGE_PATCH}, 200,
         {"spec.a": "1", "status": {"x": 1}, "metadata.generation": 1}),
        ("spec without status", "PATCH", path("stats") + "/a", {"spec": {"a": "3"}, "status": {"x": 2}}, {"headers": MERGE_PATCH}, 200,
         {"spec.a": "3", "status": {"x": 1}, "metadata.generation": 2}),
        ("metadata is no generation", "PATCH", path("stats") + "/a", {"metadata": {"labels": {"l": "1"}}}, {"headers": MERGE_PATCH}, 200,
         {"metadata.generation": 2}),
        ("no scale", "GET", path("stats") + "/a/scale", None, {}, 404, None),
        ("status as any member", "POST", path("nosubs"), thing("a", "Nosub", status={"x": 1}), {}, 201, {"status": {"x": 1}}),
        ("it counts", "PATCH", path("nosubs") + "/a", {"status": {"x": 2}}, {"headers": MERGE_PATCH}, 200, {"metadata.generation": 2}),
        ("no subresource", "GET", path("nosubs") + "/a/status", None, {}, 404, None),
        ("an update names its revision", "PUT", path("stats") + "/a", thing("a", "Stat"), {}, 422,
         {"details.causes.0.field": "metadata.resourceVersion"}),
    ])


def scale():
    make(crd("scales", {"type": "object", "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}, "status": {
        "type": "object", "properties": {"n": {"type": "integer"}, "sel": {"type": "string"}}}}}, kind="Scaled", subresources={
            "status": {}, "scale": {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n", "labelSelectorPath": ".status.sel"}}))
    api.run([
        ("object", "POST", path("scales"), thing("a", "Scaled", spec={"n": 2}), {}, 201, None),
        ("status", "PATCH", path("scales") + "/a/status", {"status": {"n": 1, "sel": "a=b"}}, {"headers": MERGE_PATCH}, 200, None),
        ("scale", "GET", path("scales") + "/a/scale", None, {}, 200, {"kind": "Scale", "apiVersion": "autoscaling/v1", "spec.replicas": 2,
                                                                     "status.replicas": 1, "status.selector": "a=b"}),
        ("scaled", "PATCH", path("scales") + "/a/scale", {"spec": {"replicas": 5}}, {"headers": MERGE_PATCH}, 200, {"spec.replicas": 5}),
        ("the object", "GET", path("scales") + "/a", None, {}, 200, {"spec.n": 5, "metadata.generation": 2, "status.n": 1}),
        ("not below zero", "PATCH", path("scales") + "/a/scale", {"spec": {"replicas": -1}}, {"headers": MERGE_PATCH}, 422, None),
        ("nor in the object", "PATCH", path("scales") + "/a", {"spec": {"n": -1}}, {"headers": MERGE_PATCH}, 422,
         {"details.causes.0.field": ".spec.n", "details.causes.0.message": "Invalid value: -1: should be a non-negative integer"}),
    ])


def columns():
    make(crd("cols", spec(s={"type": "string"}, n={"type": "integer"}, l={"type": "array", "items": KEEP}), additionalPrinterColumns=[
        {"name": "S", "type": "string", "jsonPath": ".spec.s", "description": "the s"}, {"name": "N", "type": "integer", "jsonPath": ".spec.n", "priority": 1},
        {"name": "Ready", "type": "string", "jsonPath": '.spec.l[?(@.type=="Ready")].status'}, {"name": "First", "type": "string", "jsonPath": ".spec.l[0].type"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]))
    api.run([("object", "POST", path("cols"), thing("a", "Col", spec={"s": "x", "n": 3, "l": [{"type": "A", "status": "no"},
                                                                                            {"type": "Ready", "status": "yes"}]}), {}, 201, None),
             ("object without", "POST", path("cols"), thing("b", "Col"), {}, 201, None)])
    status, o = api.obj("GET", path("cols"), headers=TABLE)
    api.check("columns", [(c["name"], c["type"], c["priority"]) for c in o["columnDefinitions"]] == [
        ("Name", "string", 0), ("S", "string", 0), ("N", "integer", 1), ("Ready", "string", 0), ("First", "string", 0), ("Age", "date", 0)], o)
    api.check("cells", o["rows"][0]["cells"][:5] == ["a", "x", 3, "yes", "A"] and o["rows"][1]["cells"][:5] == ["b", None, None, None, None], o["rows"])


def selectable():
    make(crd("sels", spec(color={"type": "string"}, size={"type": "integer"}, on={"type": "boolean"}),
             selectableFields=[{"jsonPath": ".spec.color"}, {"jsonPath": ".spec.size"}, {"jsonPath": ".spec.on"}]))
    for name, body in (("a", {"color": "red", "size": 1, "on": True}), ("b", {"color": "red", "size": 2}), ("c", {"color": "blue"})):
        api.obj("POST", path("sels"), thing(name, "Sel", spec=body))
    for selector, want in (("spec.color=red", "ab"), ("spec.color!=red", "c"), ("spec.color=red,spec.size=2", "b"), ("spec.on=true", "a"),
                           ("spec.size=", "c"), ("metadata.name=c", "c")):
        status, o = api.obj("GET", path("sels") + "?fieldSelector=" + selector.replace("=", "%3D").replace(",", "%2C"))
        api.check(f"select {selector}", "".join(i["metadata"]["name"] for i in get(o, "items", [])) == want, o)
    api.run([("not selectable", "GET", path("sels") + "?fieldSelector=spec.other%3Dx", None, {}, 400,
              lambda o: "field label not supported: spec.other" in o["message"])])
    seen = events(path("sels") + "?watch=1&fieldSelector=spec.color%3Dblue", 3)
    api.obj("PATCH", path("sels") + "/a", {"spec": {"color": "blue"}}, headers=MERGE_PATCH)
    api.obj("PATCH", path("sels") + "/a", {"spec": {"color": "red"}}, headers=MERGE_PATCH)
    got = seen()
    api.check("into and out of a watch", [(e["type"], e["object"]["metadata"]["name"]) for e in got] ==
              [("ADDED", "c"), ("ADDED", "a"), ("DELETED", "a")], got)
    api.run([("deleted by field", "DELETE", path("sels") + "?fieldSelector=spec.color%3Dred", None, {}, 200, None),
             ("the others stay", "GET", path("sels"), None, {}, 200, lambda l: [i["metadata"]["name"] for i in l["items"]] == ["c"])])


def versions():
    """Several versions without a webhook: only the name of the version differs."""
    def v(name, storage, **schema):
        return {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": spec(**schema)}}
    d = crd("vers", versions=[v("v1", True, a={"type": "string"}, only1={"type": "string"}),
                              {**v("v1beta1", False, a={"type": "string"}, only2={"type": "string"}), "deprecated": True}], kind="Ver")
    d = make(d)
    api.run([
        ("by one", "POST", path("vers"), thing("a", "Ver", spec={"a": "1", "only1": "x"}), {}, 201, {"apiVersion": "flow.example.com/v1"}),
        ("by the other", "GET", path("vers", "v1beta1") + "/a", None, {}, 200, {"apiVersion": "flow.example.com/v1beta1", "spec.a": "1"}),
        ("listed", "GET", path("vers", "v1beta1"), None, {}, 200, {"apiVersion": "flow.example.com/v1beta1", "kind": "VerList"}),
        ("made by the other", "POST", path("vers", "v1beta1"), thing("b", "Ver", "v1beta1", spec={"a": "2", "only2": "y"}), {}, 201,
         {"apiVersion": "flow.example.com/v1beta1", "spec.a": "2"}),
        ("is pruned by the stored one", "GET", path("vers") + "/b", None, {}, 200, {"apiVersion": "flow.example.com/v1", "spec": {"a": "2"}}),
        ("a body of another version", "POST", path("vers"), thing("c", "Ver", "v1beta1"), {}, 400, None),
    ])
    _, headers, _ = api.call("GET", path("vers", "v1beta1"))
    api.check("deprecated", headers.get("warning") == '299 - "flow.example.com/v1beta1 Ver is deprecated"', headers)
    seen = events(path("vers", "v1beta1") + "?watch=1", 2)
    api.check("watched by the other", all(e["object"]["apiVersion"] == "flow.example.com/v1beta1" for e in seen()) and len(seen()) == 2, seen())
    for i, storage in ((0, False), (1, True)):
        d["spec"]["versions"][i]["storage"] = storage
    api.run([
        ("another storage version", "PUT", CRDS + "/vers.flow.example.com", d, {}, 200, {"status.storedVersions": ["v1", "v1beta1"]}),
        ("read what was stored before", "GET", path("vers", "v1beta1") + "/a", None, {}, 200, {"apiVersion": "flow.example.com/v1beta1", "spec.a": "1"}),
        ("and by its version", "GET", path("vers") + "/a", None, {}, 200, {"apiVersion": "flow.example.com/v1", "spec.only1": "x"}),
        ("a stored version stays", "PATCH", CRDS + "/vers.flow.example.com", [{"op": "remove", "path": "/spec/versions/0"}], {"headers": JSON_PATCH},
         422, {"details.causes.0.field": "status.storedVersions[0]"}),
    ])


def owners():
    """Owners of fields over versions: an apply's are its manager's whatever the version, an update's are of its version."""
    schema = {"openAPIV3Schema": spec(a={"type": "string"}, b={"type": "string"})}
    make(crd("owns", versions=[{"name": n, "served": True, "storage": n == "v1", "schema": schema} for n in ("v1", "v2")]))

    def apply(name, version, manager, status, expect=None, **said):
        return (name, "PATCH", path("owns", version) + f"/o?fieldManager={manager}", thing("o", "Own", version, spec=said), {"headers": APPLY},
                status, expect)

    def owner(name, version, operation="Apply"):
        return lambda o: [(m["apiVersion"], m["operation"]) for m in o["metadata"]["managedFields"] if m["manager"] == name] == [
            (f"flow.example.com/{version}", operation)]

    api.run([
        apply("applied in one version", "v1", "m", 201, owner("m", "v1"), a="1", b="1"),
        apply("what the other version leaves out goes", "v2", "m", 200, lambda o: o["spec"] == {"a": "1"} and owner("m", "v2")(o), a="1"),
        apply("the same again changes nothing", "v2", "m", 200, owner("m", "v2"), a="1"),
        apply("another manager meets it", "v1", "n", 409, {"details.causes.0.message": 'conflict with "m"'}, a="2"),
        ("an update in one version", "PATCH", path("owns") + "/o?fieldManager=u", {"spec": {"a": "3"}}, {"headers": MERGE_PATCH}, 200, owner("u", "v1", "Update")),
        apply("is met by an apply in the other", "v2", "m", 409, {"details.causes.0.message": 'conflict with "u" using flow.example.com/v1',
                                                                  "details.causes.0.field": ".spec.a"}, a="1"),
        ("an update in the other version", "PATCH", path("owns", "v2") + "/o?fieldManager=u", {"spec": {"b": "3"}}, {"headers": MERGE_PATCH}, 200,
         lambda o: sorted((m["apiVersion"], json.dumps(m["fieldsV1"])) for m in o["metadata"]["managedFields"] if m["manager"] == "u") == [
             ("flow.example.com/v1", '{"f:spec": {"f:a": {}}}'), ("flow.example.com/v2", '{"f:spec": {"f:b": {}}}')]),
    ])


def webhook():
    """Conversion by webhook is not done, and not half done."""
    d = crd("hooks", versions=[{"name": n, "served": True, "storage": n == "v1", "schema": {"openAPIV3Schema": KEEP}} for n in ("v1", "v2")])
    d["spec"]["conversion"] = {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1/"}}}
    _, headers, _ = api.call("POST", CRDS, d)
    api.check("a warning", "webhooks are not called" in headers.get("warning", ""), headers)
    api.run([("the stored version", "POST", path("hooks"), thing("a", "Hook"), {}, 201, None),
             ("the other", "GET", path("hooks", "v2") + "/a", None, {}, 500, lambda o: "conversion webhook for flow.example.com/v2" in o["message"])])
    d = crd("celers", {**KEEP, "x-kubernetes-validations": [{"rule": "self.a == 1"}]})
    _, headers, _ = api.call("POST", CRDS, d)
    api.check("a warning about CEL", "x-kubernetes-validations" in headers.get("warning", ""), headers)


def field_validation():
    """FieldValidation of custom objects, applied as YAML with fieldValidation=Strict."""
    ports = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
             "items": {"type": "object", "required": ["containerPort", "protocol"], "properties": {
                 "containerPort": {"type": "integer", "format": "int32"}, "name": {"type": "string"}, "protocol": {"type": "string"}}}}
    typed = {"foo": {"type": "string"}, "cronSpec": {"type": "string", "pattern": "^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$"}, "ports": ports}
    template = {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {
        "metadata": {"type": "object", "properties": {"name": {"type": "string"}}}, "spec": {"type": "object"}}}
    keep = {"x-kubernetes-preserve-unknown-fields": True}
    for kind, schema in (("Anys", {"type": "object", **keep}), ("Knowns", spec(**typed)),
                         ("Keeps", {"type": "object", "properties": {"spec": {"type": "object", "properties": {"template": template, **typed}, **keep}}})):
        make(crd(kind.lower(), schema, kind=kind[:-1], scope="Cluster"))

    def applied(name, kind, body, status, want=None):
        got, o = api.obj("PATCH", f"/apis/flow.example.com/v1/{kind.lower()}s/mytest?fieldManager=field_validation_mgr&fieldValidation=Strict",
                         f"\napiVersion: flow.example.com/v1\nkind: {kind}\nmetadata:\n  name: mytest\n" + body +
                         '  cronSpec: "* * * * */5"\n  ports:\n  - name: x\n    containerPort: 80\n    protocol: TCP', headers=APPLY)
        api.check(f"field validation: {name}", got == status and (not want or want in o["message"]), (got, o))

    applied("known fields", "Known", "spec:\n  foo: foo1\n", 201)
    applied("any field without a schema", "Any", "spec:\n  unknown: uk1\n", 201)
    applied("an unknown field", "Known", "unknownField: unknown\nspec:\n  foo: foo1\n", 500, ".unknownField: field not declared in schema")
    applied("unknown metadata", "Keep", "  unknownMeta: unknown\nspec:\n  template:\n    apiversion: foo/v1\n    kind: Sub\n    metadata:\n"
            "        unknownSubMeta: unknown\n        name: subobject\n        namespace: ns\n  foo: foo1\n", 500, ".metadata.unknownMeta: field not declared in schema")
    applied("a repeated field", "Keep", "spec:\n  unknown: uk1\n  foo: foo1\n  foo: foo2\n", 400, 'line 9: key "foo" already set in map')
    for n in ("anys", "knowns", "keeps"):
        api.obj("DELETE", f"{CRDS}/{n}.flow.example.com")
        gone(f"{n}.flow.example.com")


def inlined(schemas, s):
    """A built-in type as a definition must spell it out: without references, structural."""
    ref = s.get("$ref") or get(s, "allOf.0.$ref")
    if ref:
        name = ref.rpartition("/")[2]
        special = {"Quantity": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                   "IntOrString": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                   "ObjectMeta": KEEP, "FieldsV1": KEEP, "Time": {"type": "string", "format": "date-time"}}
        o = dict(special.get(name.rpartition(".")[2]) or inlined(schemas, schemas[name]))
        return {**o, **({"description": s["description"]} if "description" in s else {})}
    o = {}
    for k, v in s.items():
        if k == "properties":
            o[k] = {name: inlined(schemas, p) for name, p in v.items()}
        elif k in ("items", "additionalProperties"):
            o[k] = inlined(schemas, v)
        elif k in ("type", "format", "description", "required") or k.startswith("x-kubernetes-list") or k.startswith("x-kubernetes-map"):
            o[k] = v
    for key in o.get("x-kubernetes-list-map-keys", []):
        if key == "protocol":
            o["items"]["properties"][key]["default"] = "TCP"
        elif key not in o["items"].get("required", []):
            o["items"].setdefault("required", []).append(key)
    return o


def operators():
    """A definition of the size operators bring: two versions, each with all of a pod's template."""
    schemas = api.obj("GET", "/openapi/v3/api/v1")[1]["components"]["schemas"]
    schema = spec(template=inlined(schemas, {"$ref": "/io.k8s.api.core.v1.PodTemplateSpec"}), replicas={"type": "integer"})
    size = len(json.dumps(schema))
    api.check("it is large", size > 90000, size)
    began = time.monotonic()
    make(crd("bigs", versions=[{"name": v, "served": True, "storage": v == "v1", "schema": {"openAPIV3Schema": schema}} for v in ("v1", "v1beta1")]))
    container = {"name": "c", "image": "i", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
                 "livenessProbe": {"httpGet": {"port": "http"}}}
    big = thing("big", "Big", spec={"replicas": 1, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}})
    one = "spec.template.spec.containers.0"
    api.run([
        ("its object", "POST", path("bigs") + STRICT, big, {}, 201, {f"{one}.ports.0.protocol": "TCP", f"{one}.resources.limits.cpu": 1}),
        ("applied by key in another version", "PATCH", path("bigs", "v1beta1") + "/big?fieldManager=m",
         thing("big", "Big", "v1beta1", spec={"template": {"spec": {"containers": [{"name": "c", "env": [{"name": "A", "value": "1"}]}]}}}),
         {"headers": APPLY}, 200, {f"{one}.image": "i", f"{one}.env": [{"name": "A", "value": "1"}]}),
        ("a repeated key", "PATCH", path("bigs") + "/big", {"spec": {"template": {"spec": {"containers": [container, container]}}}},
         {"headers": MERGE_PATCH}, 422, lambda o: "Duplicate value" in o["message"] and "spec.template.spec.containers[1]" in o["message"]),
        ("an unknown member deep inside", "POST", path("bigs") + STRICT,
         thing("b", "Big", spec={"template": {"spec": {"containers": [{**container, "imagee": "x"}]}}}), {}, 400,
         lambda o: 'unknown field "spec.template.spec.containers[0].imagee"' in o["message"]),
        ("a missing member deep inside", "POST", path("bigs"), thing("b", "Big", spec={"template": {"spec": {"containers": [{"image": "x"}]}}}), {}, 422,
         lambda o: "spec.template.spec.containers[0].name: Required value" in o["message"]),
    ])
    api.check("in reasonable time", time.monotonic() - began < 5, time.monotonic() - began)
    api.obj("DELETE", f"{CRDS}/bigs.flow.example.com")
    gone("bigs.flow.example.com")


def cluster_scope():
    make(crd("wides", scope="Cluster"))
    api.run([("object", "POST", path("wides", ns=""), thing("a", "Wide"), {}, 201, {"metadata.namespace": None}),
             ("not in a namespace", "GET", path("wides"), None, {}, 404, None)])
    make(crd("all-in-alls", kind="AllInAll"))
    api.run([("a name with dashes", "GET", path("all-in-alls"), None, {}, 200, {"kind": "AllInAllList"})])


def many():
    """A thousand definitions: made without getting slower, each served."""
    def one(i):
        mine = Api(sys.argv[1])
        times = []
        for n in range(i, 1000, 4):
            start = time.monotonic()
            if mine.call("POST", CRDS, crd(f"many{n}s", RULES, group=f"g{n % 50}.many.example.com"))[0] == 201:
                times.append(time.monotonic() - start)
        return times
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        times = list(pool.map(one, range(4)))
    first, last = sum(sum(t[:25]) for t in times), sum(sum(t[-25:]) for t in times)
    api.check("all made", sum(map(len, times)) == 1000, times)
    api.check("the last as quickly as the first", last < 3 * first + 0.5, (first, last))
    api.check("each served", all(api.call("GET", path(f"many{n}s", group=f"g{n % 50}.many.example.com"))[0] == 200 for n in range(0, 1000, 37)))
    status, _, data = api.call("GET", "/apis", headers={"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"})
    api.check("all discovered", data.count(b'"resource":"many') == 1000, len(data))
    api.run([("delete all", "DELETE", CRDS + "?fieldSelector=metadata.name!%3Dx", None, {}, 200, None)])
    api.eventually("all gone", lambda: api.obj("GET", CRDS)[1]["items"] == [], 120)


api.finish(prepare, life, refusals, names, end, pruning, rules, ratcheting, defaulting, status, scale, columns, selectable, versions, owners,
           field_validation, operators, webhook, cluster_scope, many)
