# SPDX-License-Identifier: Apache-2.0
"""Server-side apply: owners, conflicts, what goes and what stays, subresources, custom kinds,
and the way over from client-side apply.

usage: apply.py KUBECONFIG
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from cases import APPLY, Api, JSON_PATCH, MERGE_PATCH, get, message

api = Api(sys.argv[1])
NS = "/api/v1/namespaces/apply"
CM = NS + "/configmaps"
DEP = "/apis/apps/v1/namespaces/apply/deployments"


def cm(name, data=None, **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **more}, **({} if data is None else {"data": data})}


def deployment(name, containers=None, **spec):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "selector": {"matchLabels": {"app": "w"}}, "template": {"metadata": {"labels": {"app": "w"}}, "spec": {
            "containers": containers or [{"name": "c", "image": "nginx"}]}}, **spec}}


def owners(o):
    """{"manager Operation[/subresource]": fields}"""
    return {f"{e['manager']} {e['operation']}" + (f"/{e['subresource']}" if "subresource" in e else ""): e["fieldsV1"]
            for e in o.get("metadata", {}).get("managedFields", [])}


def owned(**want):
    """Owners are exactly these; a key's __ stands for " ", and ___ for "/"."""
    want = {k.replace("___", "/").replace("__", " "): v for k, v in want.items()}
    return lambda o: owners(o) == want


def apply(name, path, body, manager, status, expect=None, more="", headers=None):
    return (name, "PATCH", f"{path}?fieldManager={manager}{more}", body, {"headers": headers or APPLY}, status, expect)


def setup():
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": "apply"}})


def options():
    a = cm("o", {"k": "v"})
    long = "m" * 128
    api.run([
        ("no manager", "PATCH", CM + "/o", a, {"headers": APPLY}, 422, message("Invalid",
         'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch')),
        apply("a manager of 128 bytes", CM + "/o", a, long, 201, {"metadata.managedFields.0.manager": long}),
        apply("one of 129", CM + "/o", a, long + "m", 422, message("Invalid",
              'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes')),
        apply("one that cannot be seen", CM + "/o", a, "a%07b", 422, message("Invalid", 'PatchOptions.meta.k8s.io "" is invalid: '
              'fieldManager: Invalid value: "a\\u0007b": invalid character U+0007 (at position 1)')),
        ("force is for applies", "PATCH", CM + "/o?force=true", {}, {"headers": MERGE_PATCH}, 422, message("Invalid",
         'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch')),
        ("errors come together", "PATCH", CM + "/o?fieldValidation=Some&dryRun=Most", a, {"headers": APPLY}, 422, message("Invalid",
         'PatchOptions.meta.k8s.io "" is invalid: [fieldManager: Required value: is required for apply patch, dryRun: Unsupported '
         'value: ["Most"]: supported values: "All", fieldValidation: Unsupported value: "Some": supported values: "", "Ignore", "Strict", "Warn"]')),
        apply("managedFields must be null", CM + "/o", cm("o", managedFields=[{"manager": "x"}]), "m", 400,
              message("BadRequest", "metadata.managedFields must be nil")),
        apply("empty is not null", CM + "/o", cm("o", managedFields=[]), "m", 400,
              message("BadRequest", "metadata.managedFields must be nil")),
        apply("null is", CM + "/o", cm("o", {"j": "1"}, managedFields=None), "m", 200, None),
        apply("another kind", CM + "/o", {**a, "kind": "Secret"}, "m", 400, message("BadRequest", "invalid object type: /v1, Kind=Secret")),
        apply("another version", CM + "/o", {**a, "apiVersion": "v2"}, "m", 400, message("BadRequest", "invalid object type: /v2, Kind=ConfigMap")),
        apply("no kind", CM + "/o", {"metadata": {"name": "o"}}, "m", 400, message("BadRequest", "invalid object type: /, Kind=")),
        apply("another name", CM + "/o", cm("p"), "m", 400, {"reason": "BadRequest"}),
        apply("no YAML", CM + "/o", "a: b: c", "m", 400, lambda o: o["message"].startswith("error decoding YAML: error converting YAML to JSON: yaml: line 1")),
        apply("no object", CM + "/o", "[]", "m", 400, message("BadRequest", "error decoding YAML: error unmarshaling JSON: while decoding "
              "JSON: json: cannot unmarshal array into Go value of type map[string]interface {}")),
        apply("a stale revision", CM + "/o", cm("o", resourceVersion="1"), "m", 409, {"reason": "Conflict"}),
        apply("a uid of nothing", CM + "/none", cm("none", uid="x"), "m", 409, message("Conflict", 'Operation cannot be fulfilled on '
              'configmaps "none": uid mismatch: the provided object specified uid x, and no existing object was found')),
        ("an apply creates no status", "PATCH", DEP + "/none/status?fieldManager=m", deployment("none"), {"headers": APPLY}, 404, {"reason": "NotFound"}),
    ])


def typed():
    def refused(text, name="x", kind="ConfigMap", gv="/v1"):
        return {"message": f"failed to create typed patch object (/{name}; {gv}, Kind={kind}): {text}", "reason": None}

    def dep(text):
        return refused(text, "x", "Deployment", "apps/v1")

    one = ".spec.template.spec.containers"
    rows = [
        ("an unknown member", CM, {**cm("x"), "dataa": {}}, refused(".dataa: field not declared in schema")),
        ("one deep inside", DEP, deployment("x", [{"name": "c", "imag": "x"}]), dep(f'{one}[name="c"].imag: field not declared in schema')),
        ("in metadata", CM, cm("x", foo=1), refused(".metadata.foo: field not declared in schema")),
        ("two", DEP, {**deployment("x", [{"name": "c", "imag": "x"}]), "foo": 1},
         lambda o: o["message"].endswith(f'errors:\n  {one}[name="c"].imag: field not declared in schema\n  .foo: field not declared in schema')),
        ("a number for a string", CM, cm("x", {"k": 1}), refused(".data.k: expected string, got &value.valueUnstructured{Value:1}")),
        ("a port for a string", DEP, deployment("x", [{"name": "c", "env": [{"name": "P", "value": 8080}]}]),
         dep(f'{one}[name="c"].env[name="P"].value: expected string, got &value.valueUnstructured{{Value:8080}}')),
        ("a string for a number", DEP, deployment("x", replicas="2"), dep(".spec.replicas: expected numeric (int or float), got string")),
        ("a string for a boolean", DEP, deployment("x", paused="yes"), dep(".spec.paused: expected boolean, got &{yes}")),
        ("a string for a map", CM, {**cm("x"), "data": "x"}, refused(".data: expected map, got &{x}")),
        ("a map for a list", DEP, deployment("x", {"name": "c"}), dep(f"{one}: expected list, got &{{map[name:c]}}")),
        ("a missing key", DEP, deployment("x", [{"image": "x"}]), dep(f"{one}: element 0: associative list with keys has an element that "
         'omits key field "name" (and doesn\'t have default value)')),
        ("a key twice", DEP, deployment("x", [{"name": "c"}, {"name": "c"}]), dep(f'{one}: duplicate entries for key [name="c"]')),
        ("a port twice, by its default", DEP, deployment("x", [{"name": "c", "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]}]),
         dep(f'{one}[name="c"].ports: duplicate entries for key [containerPort=80,protocol="TCP"]')),
        ("a finalizer twice", CM, cm("x", finalizers=["a.b/c", "a.b/c"]), refused('.metadata.finalizers: duplicate entries for key [="a.b/c"]')),
        ("null in a set", CM, cm("x", finalizers=[None]), refused(".metadata.finalizers: element 0: associative list without keys has an "
         "element that's an explicit null")),
        ("no quantity", DEP, deployment("x", [{"name": "c", "resources": {"limits": {"cpu": "much"}}}]), {"message": "failed to convert new object "
         "(/x; apps/v1, Kind=Deployment) to proper version: unable to convert unstructured object to apps/v1, Kind=Deployment: quantities must match "
         "the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"}),
    ]
    api.run([apply("typed: " + name, path + "/x", body, "m", 500, expect) for name, path, body, expect in rows])
    api.run([("typed: nothing was made", "GET", CM + "/x", None, {}, 404, None),
             apply("numbers where text may be", DEP + "/q", deployment("q", [{"name": "c", "image": "x", "resources": {
                 "limits": {"cpu": 1}}, "livenessProbe": {"tcpSocket": {"port": "http"}}}], strategy={"rollingUpdate": {"maxSurge": 1}}),
                 "m", 201, {"spec.template.spec.containers.0.resources.limits.cpu": "1"}, "&dryRun=All")])


def ownership():
    k, j = {"f:data": {"f:k": {}}}, {"f:data": {"f:j": {}}}
    api.run([
        apply("create", CM + "/a", cm("a", {"k": "1"}), "m1", 201, owned(m1__Apply=k)),
        apply("another manager's field", CM + "/a", cm("a", {"j": "1"}), "m2", 200, owned(m1__Apply=k, m2__Apply=j)),
        apply("conflict", CM + "/a", cm("a", {"k": "2"}), "m2", 409, message("Conflict",
              'Apply failed with 1 conflict: conflict with "m1": .data.k') | {"details.causes.0.reason": "FieldManagerConflict",
              "details.causes.0.message": 'conflict with "m1"', "details.causes.0.field": ".data.k", "details.name": None}),
        apply("the same value is shared", CM + "/a", cm("a", {"k": "1", "j": "1"}), "m2", 200,
              owned(m1__Apply=k, m2__Apply={"f:data": {"f:j": {}, "f:k": {}}})),
        apply("a shared value conflicts", CM + "/a", cm("a", {"k": "2"}), "m1", 409, {"reason": "Conflict"}),
        apply("force takes it", CM + "/a", cm("a", {"k": "2"}), "m1", 200, lambda o: owners(o) == {"m1 Apply": k, "m2 Apply": j} and
              o["data"] == {"k": "2", "j": "1"}, "&force=true"),
        apply("given up, it goes", CM + "/a", cm("a"), "m2", 200, lambda o: owners(o) == {"m1 Apply": k} and o["data"] == {"k": "2"}),
        apply("an empty map is owned", CM + "/a", cm("a", {}), "m2", 200, owned(m1__Apply=k, m2__Apply={"f:data": {}})),
        apply("null is owned", CM + "/a", cm("a", {"n": None}), "m2", 200, lambda o: owners(o)["m2 Apply"] == {"f:data": {"f:n": {}}}),
        ("an update takes what it changes", "PATCH", CM + "/a?fieldManager=u", {"data": {"k": "3"}}, {"headers": MERGE_PATCH}, 200,
         lambda o: owners(o)["u Update"] == k and "m1 Apply" not in owners(o)),
        apply("and conflicts with its version", CM + "/a", cm("a", {"k": "4"}), "m1", 409, message("Conflict",
              'Apply failed with 1 conflict: conflict with "u" using v1: .data.k')),
        ("the user agent is a manager", "PUT", CM + "/a", cm("a", {"k": "5"}), {"headers": {"User-Agent": "tool/v1.2 (linux)"}}, 200,
         lambda o: owners(o)["tool Update"] == k),
        ("nobody is one too", "PUT", CM + "/a", cm("a", {"k": "6"}), {"headers": {"User-Agent": None}}, 200,
         lambda o: owners(o)["unknown Update"] == k),
    ])
    api.run([apply("lists: create", DEP + "/l", deployment("l", [{"name": "c", "image": "a", "args": ["1"], "ports": [{"containerPort": 80}],
                   "env": [{"name": "A", "value": "1"}]}]), "m1", 201, owned(m1__Apply={"f:spec": {"f:selector": {}, "f:template": {
                       "f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:containers": {'k:{"name":"c"}': {".": {}, "f:args": {},
                       "f:env": {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}}, "f:image": {}, "f:name": {},
                       "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}}}}}}}})),
             apply("an element more", DEP + "/l", deployment("l", [{"name": "side", "image": "b"}]), "m2", 200,
                   lambda o: [c["name"] for c in o["spec"]["template"]["spec"]["containers"]] == ["c", "side"]),
             apply("a member of another's element", DEP + "/l", deployment("l", [{"name": "c", "env": [{"name": "B", "value": "2"}]}]), "m3", 200,
                   lambda o: [e["name"] for e in o["spec"]["template"]["spec"]["containers"][0]["env"]] == ["A", "B"]),
             apply("its owner leaves", DEP + "/l", deployment("l", [{"name": "c", "image": "a"}]), "m1", 200,
                   lambda o: [e["name"] for e in o["spec"]["template"]["spec"]["containers"][0]["env"]] == ["B"] and
                   "args" not in o["spec"]["template"]["spec"]["containers"][0] and
                   "ports" not in o["spec"]["template"]["spec"]["containers"][0]),
             apply("atomic lists are one", DEP + "/l", deployment("l", [{"name": "c", "args": ["1"]}]), "m3", 200, None),
             apply("and conflict as one", DEP + "/l", deployment("l", [{"name": "c", "args": ["2"]}]), "m4", 409,
                   {"details.causes.0.field": '.spec.template.spec.containers[name="c"].args'}),
             apply("many conflicts", DEP + "/l", deployment("l", [{"name": "c", "args": ["2"], "image": "z"}, {"name": "side", "image": "z"}]), "m4", 409,
                   message("Conflict", 'Apply failed with 3 conflicts: conflicts with "m1":\n- .spec.template.spec.containers[name="c"].image\n'
                           'conflicts with "m2":\n- .spec.template.spec.containers[name="side"].image\n'
                           'conflicts with "m3":\n- .spec.template.spec.containers[name="c"].args')),
             apply("false and zero are owned", DEP + "/l", deployment("l", [{"name": "c"}], replicas=0, paused=False), "m5", 200,
                   lambda o: {"f:replicas", "f:paused"} <= set(owners(o)["m5 Apply"]["f:spec"]))])


def nothing_new():
    body = cm("n", {"k": "1"})
    api.run([apply("first", CM + "/n", body, "m", 201, None)])
    first = api.obj("GET", CM + "/n")[1]
    time.sleep(1.1)
    api.run([
        apply("again: same revision, same time", CM + "/n", body, "m", 200, lambda o: o == first),
        apply("an owner more has no time, for nothing changed", CM + "/n", body, "m2", 200,
              lambda o: [("time" in e) for e in o["metadata"]["managedFields"]] == [False, True] and
              [e["manager"] for e in o["metadata"]["managedFields"]] == ["m2", "m"]),
    ])
    api.run([apply("quantities: first", DEP + "/n", deployment("n", [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "0.5"}}}],
                   replicas=0), "m", 201, None)])
    first = api.obj("GET", DEP + "/n")[1]
    time.sleep(1.1)
    got = api.obj("PATCH", DEP + "/n?fieldManager=m", deployment("n", [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "0.5"}}}],
                  replicas=0), headers=APPLY)[1]
    mine = [e for e in got["metadata"]["managedFields"] if e["manager"] == "m"]
    api.check("quantities: again is nothing new", mine == [e for e in first["metadata"]["managedFields"] if e["manager"] == "m"] and
              get(got, "metadata.generation") == get(first, "metadata.generation"), mine)
    api.run([apply("a dry run", CM + "/n", cm("n", {"k": "9"}), "m", 409, None, "&dryRun=All"),
             apply("by force", CM + "/n", cm("n", {"k": "9"}), "m", 200, {"data.k": "9"}, "&dryRun=All&force=true"),
             ("wrote nothing", "GET", CM + "/n", None, {}, 200, {"data.k": "1"})])


def resets():
    api.run([
        apply("r", CM + "/r", cm("r", {"k": "1"}), "m", 201, None),
        ("an empty list clears", "PATCH", CM + "/r", {"metadata": {"managedFields": []}}, {"headers": MERGE_PATCH}, 200, lambda o: owners(o) == {}),
        ("updates track nothing then", "PATCH", CM + "/r", {"data": {"k": "2"}}, {"headers": MERGE_PATCH}, 200, lambda o: owners(o) == {}),
        apply("the next apply does", CM + "/r", cm("r", {"j": "1"}), "m", 200, owned(**{"m__Apply": {"f:data": {"f:j": {}}},
              "before-first-apply Update": {"f:data": {".": {}, "f:k": {}}}})),
        ("one empty entry clears", "PATCH", CM + "/r", [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}], {"headers": JSON_PATCH},
         200, lambda o: owners(o) == {}),
        ("an update clears", "PUT", CM + "/r", cm("r", {"k": "3"}, managedFields=[]), {}, 200, lambda o: owners(o) == {}),
        apply("again", CM + "/r", cm("r", {"j": "2"}), "m", 200, None),
        ("null does not", "PATCH", CM + "/r", {"metadata": {"managedFields": None}}, {"headers": MERGE_PATCH}, 200, lambda o: "m Apply" in owners(o)),
        ("what cannot be read does not", "PUT", CM + "/r", cm("r", {"j": "2", "k": "3"}, managedFields=[{"manager": "x", "operation": "Jump"}]), {}, 200,
         lambda o: "m Apply" in owners(o)),
        ("a subresource does not", "PATCH", NS + "/status", {"metadata": {"managedFields": [{}]}}, {"headers": MERGE_PATCH}, 200, lambda o: owners(o) != {}),
    ])


def many_managers():
    api.obj("POST", CM + "?fieldManager=m00", cm("many", {"k00": "x"}))
    for i in range(1, 13):
        o = api.obj("PATCH", f"{CM}/many?fieldManager=m{i:02}", {"data": {f"k{i:02}": "x"}}, headers=MERGE_PATCH)[1]
    updates = [e for e in o["metadata"]["managedFields"] if e["operation"] == "Update"]
    api.check("ten updaters are kept", len(updates) == 10 and any(e["manager"] == "ancient-changes" for e in updates), owners(o))


def subresources():
    status = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "s"}, "status": {"conditions": [
        {"type": "Mine", "status": "True", "reason": "R", "message": "m", "lastUpdateTime": "2026-01-01T00:00:00Z",
         "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}
    api.run([
        apply("s", DEP + "/s", {**deployment("s", replicas=0), "status": {"replicas": 5}}, "m", 201,
              lambda o: "f:status" not in owners(o)["m Apply"] and o["status"].get("replicas", 0) == 0),
        apply("status", DEP + "/s/status", {**status, "spec": {"paused": True}}, "m", 200, lambda o: o["spec"].get("paused") is None and
              owners(o)["m Apply/status"] == {"f:status": {"f:conditions": {'k:{"type":"Mine"}': {".": {}, "f:lastTransitionTime": {},
              "f:lastUpdateTime": {}, "f:message": {}, "f:reason": {}, "f:status": {}, "f:type": {}}}}}),
        ("status conflicts by subresource", "PATCH", DEP + "/s/status?fieldManager=n", {**status, "status": {"conditions": [{**status["status"][
         "conditions"][0], "status": "False"}]}}, {"headers": APPLY}, 409,
         {"message": 'Apply failed with 1 conflict: conflict with "m" with subresource "status": .status.conditions[type="Mine"].status'}),
        apply("status: labels of deployments are not written", DEP + "/s/status", {**status, "metadata": {"name": "s", "labels": {"a": "b"}}}, "l", 200,
              lambda o: "labels" not in o["metadata"] and "f:metadata" not in owners(o).get("l Apply/status", {})),
        apply("scale", DEP + "/s/scale", {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "s", "namespace": "apply"},
              "spec": {"replicas": 0}}, "sc", 200, {"kind": "Scale", "metadata.managedFields": None}),
        ("scale is owned apart", "GET", DEP + "/s", None, {}, 200, lambda o: owners(o)["sc Apply/scale"] == {"f:spec": {"f:replicas": {}}}),
        apply("scale conflicts", DEP + "/s/scale", {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "s", "namespace": "apply"},
              "spec": {"replicas": 2}}, "sd", 409, lambda o: [c["field"] for c in o["details"]["causes"]] == [".spec.replicas"] * 2),
        apply("scale of another kind", DEP + "/s/scale", deployment("s"), "sd", 400, {"message": "invalid object type: apps/v1, Kind=Deployment"}),
        ("scaled by an update", "PATCH", DEP + "/s/scale?fieldManager=k", {"spec": {"replicas": 1}}, {"headers": MERGE_PATCH}, 200, None),
        ("takes the number from everybody", "GET", DEP + "/s", None, {}, 200, lambda o: owners(o)["k Update/scale"] == {"f:spec": {"f:replicas": {}}} and
         "f:replicas" not in owners(o)["m Apply"]["f:spec"] and "sc Apply/scale" not in owners(o)),
        apply("and the main resource conflicts", DEP + "/s", deployment("s", replicas=0), "m", 409,
              {"message": 'Apply failed with 1 conflict: conflict with "k" with subresource "scale" using apps/v1: .spec.replicas'}),
    ])


DEFINITION = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "bars.apply.test"}, "spec": {
    "group": "apply.test", "scope": "Namespaced", "names": {"plural": "bars", "singular": "bar", "kind": "Bar", "listKind": "BarList"},
    "versions": [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}, "scale": {
        "specReplicasPath": ".spec.count", "statusReplicasPath": ".status.count"}}, "schema": {"openAPIV3Schema": {"type": "object", "properties": {
            "spec": {"type": "object", "properties": {
                "count": {"type": "integer"},
                "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"], "items": {
                    "type": "object", "required": ["port"], "properties": {"port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"},
                                                                          "note": {"type": "string"}}}},
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                "plain": {"type": "array", "items": {"type": "string"}},
                "pick": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
                "either": {"x-kubernetes-int-or-string": True},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}},
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}}]}}


def bar(name, **spec):
    return {"apiVersion": "apply.test/v1", "kind": "Bar", "metadata": {"name": name}, "spec": spec}


def custom():
    path = "/apis/apply.test/v1/namespaces/apply/bars"
    api.obj("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION)
    api.eventually("bars are served", lambda: api.obj("GET", path)[0] == 200)
    one = bar("b", ports=[{"port": 1}], tags=["b", "a"], plain=["x"], pick={"p": "q"}, either=1, free={"any": {"thing": 1}, "list": [1]})
    api.run([
        apply("custom: create", path + "/b", one, "m", 201, owned(m__Apply={"f:spec": {"f:either": {}, "f:free": {
              "f:any": {".": {}, "f:thing": {}}, "f:list": {}}, "f:pick": {}, "f:plain": {}, "f:ports": {
              'k:{"port":1,"protocol":"TCP"}': {".": {}, "f:port": {}}}, "f:tags": {'v:"a"': {}, 'v:"b"': {}}}})),
        apply("custom: by another", path + "/b", bar("b", ports=[{"port": 1, "protocol": "UDP"}], tags=["c"], free={"more": 1}), "n", 200,
              lambda o: [p["protocol"] for p in o["spec"]["ports"]] == ["TCP", "UDP"] and o["spec"]["tags"] == ["b", "a", "c"] and
              set(o["spec"]["free"]) == {"any", "list", "more"}),
        apply("custom: maps that are atomic conflict whole", path + "/b", bar("b", pick={"z": "q"}), "n", 409, {"details.causes.0.field": ".spec.pick"}),
        apply("custom: lists without a type too", path + "/b", bar("b", plain=["y"]), "n", 409, {"details.causes.0.field": ".spec.plain"}),
        apply("custom: keys in messages", path + "/b", bar("b", ports=[{"port": 1, "note": "x"}]), "m", 200, None),
        apply("custom: an element's member", path + "/b", bar("b", ports=[{"port": 1, "note": "y"}]), "o", 409,
              {"details.causes.0.field": '.spec.ports[port=1,protocol="TCP"].note'}),
        apply("custom: a number of another type", path + "/b", bar("b", either="x"), "p", 200, {"spec.either": "x"}),
        apply("custom: unknown members", path + "/b", bar("b", nosuch=1), "p", 500, {"message": "failed to create typed patch object "
              "(/b; apply.test/v1, Kind=Bar): .spec.nosuch: field not declared in schema"}),
        apply("custom: a value of another type", path + "/b", bar("b", count="x"), "p", 500, {"message": "failed to create typed patch object "
              "(/b; apply.test/v1, Kind=Bar): .spec.count: expected numeric (int or float), got string"}),
        apply("custom: status", path + "/b/status", {**bar("b"), "status": {"phase": "On"}}, "st", 200,
              lambda o: o["status"] == {"phase": "On"} and owners(o)["st Apply/status"] == {"f:status": {"f:phase": {}}}),
        apply("custom: scale", path + "/b/scale", {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "b", "namespace": "apply"},
              "spec": {"replicas": 3}}, "sc", 200, {"spec.replicas": 3}),
        ("custom: its number is elsewhere", "GET", path + "/b", None, {}, 200, lambda o: o["spec"]["count"] == 3 and
         owners(o)["sc Apply/scale"] == {"f:spec": {"f:count": {}}}),
        ("custom: no strategic merge", "PATCH", path + "/b", {}, {"headers": {"Content-Type": "application/strategic-merge-patch+json"}}, 415,
         message("UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: "
                 "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml")),
    ])


def kubectl(*args, stdin=None, fails=False):
    r = subprocess.run(["kubectl", "-n", "apply", *args], input=stdin, capture_output=True, text=True, timeout=60,
                       env={**os.environ, "KUBECONFIG": sys.argv[1]})
    return r.returncode, r.stdout + r.stderr


NOTE = "kubectl.kubernetes.io/last-applied-configuration"


def command_line():
    if not shutil.which("kubectl"):
        return
    first, second = json.dumps(cm("kc", {"k": "1", "gone": "1"})), json.dumps(cm("kc", {"k": "2"}))
    code, out = kubectl("apply", "-f", "-", stdin=first)
    api.check("kubectl apply", code == 0 and "created" in out, out)
    code, out = kubectl("apply", "view-last-applied", "configmap/kc")
    api.check("kubectl apply view-last-applied", code == 0 and "gone:" in out, out)
    code, out = kubectl("apply", "--server-side", "-f", "-", stdin=second)
    api.check("kubectl apply --server-side comes over without conflict", code == 0 and "serverside-applied" in out, out)
    o = api.obj("GET", CM + "/kc")[1]
    api.check("fields applied no more are gone", o["data"] == {"k": "2"}, o)
    api.check("the manager of client-side apply is gone", "kubectl Apply" in owners(o) and "kubectl-client-side-apply Update" not in owners(o), owners(o))
    api.check("the annotation follows", json.loads(o["metadata"]["annotations"][NOTE])["data"] == {"k": "2"}, o)
    code, out = kubectl("diff", "--server-side", "-f", "-", stdin=json.dumps(cm("kc", {"k": "3"})))
    api.check("kubectl diff --server-side", code == 1 and "+  k: \"3\"" in out and "-  k: \"2\"" in out, out)
    code, out = kubectl("diff", "--server-side", "-f", "-", stdin=second)
    api.check("of nothing", code == 0 and not out.strip(), out)
    code, out = kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=json.dumps(cm("kc", {"k": "3"})))
    api.check("a conflict is explained", code == 1 and 'conflict with "kubectl": .data.k' in out and "--force-conflicts" in out, out)
    code, out = kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=other", "-f", "-", stdin=json.dumps(cm("kc", {"k": "3"})))
    api.check("and may be forced", code == 0, out)
    code, out = kubectl("apply", "-f", "-", stdin=json.dumps(cm("kc", {"k": "4"})))
    api.check("client-side apply still works", code == 0 and "configured" in out, out)
    code, out = kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(cm("kc", {"k": "5"})))
    api.check("kubectl apply --dry-run=server", code == 0 and "(server dry run)" in out and api.obj("GET", CM + "/kc")[1]["data"]["k"] == "4", out)


def helm():
    """What helm 4 does: server-side apply with strict validation, and managedFields patched when a release comes over."""
    api.obj("POST", CM + "?fieldManager=helm", cm("h", {"k": "1", "j": "1"}))
    o = api.obj("GET", CM + "/h")[1]
    entry = next(e for e in o["metadata"]["managedFields"] if e["manager"] == "helm")
    api.run([
        ("csaupgrade: the updates of the manager become its applies", "PATCH", CM + "/h", [
            {"op": "replace", "path": "/metadata/managedFields", "value": [{**entry, "operation": "Apply"}]},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": o["metadata"]["resourceVersion"]}], {"headers": JSON_PATCH}, 200,
         lambda x: list(owners(x)) == ["helm Apply"]),
        ("with a stale revision it is refused", "PATCH", CM + "/h", [
            {"op": "replace", "path": "/metadata/managedFields", "value": [entry]},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}], {"headers": JSON_PATCH}, 409, {"reason": "Conflict"}),
        apply("then what is applied no more goes", CM + "/h", cm("h", {"k": "2"}), "helm", 200, lambda x: x["data"] == {"k": "2"},
              "&fieldValidation=Strict&force=false"),
    ])


api.finish(setup, options, typed, ownership, nothing_new, resets, many_managers, subresources, custom, command_line, helm)
