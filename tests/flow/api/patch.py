# SPDX-License-Identifier: Apache-2.0
"""JSON, merge and strategic merge patches: what they do, what they refuse, and in which words.

usage: patch.py KUBECONFIG
"""
import json
import sys

from cases import Api, JSON_PATCH, MERGE_PATCH, STRATEGIC, get, message

api = Api(sys.argv[1])
NS = "/api/v1/namespaces/patch"
CM = NS + "/configmaps"
DEP = "/apis/apps/v1/namespaces/patch/deployments"
SENT = "the server rejected our request due to an error in our request"
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def cm(name, **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": "v"}, **more}


def deployment(name, **spec):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": 0, "selector": {"matchLabels": {"app": "w"}}, "template": {"metadata": {"labels": {"app": "w"}}, "spec": {
            "containers": [{"name": "c", "image": "nginx", "ports": [{"containerPort": 80}]}, {"name": "d", "image": "x"}],
            "volumes": [{"name": "v", "emptyDir": {}}]}}, **spec}}


def refused(text=SENT):
    return {"reason": "Invalid", "message": text, "details": {}}


def setup():
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": "patch"}})
    api.run([("a config map", "POST", CM, cm("a"), {}, 201, None),
             ("a deployment", "POST", DEP, deployment("web"), {}, 201, None)])


# name, operations, status, what must then hold
JSON_CASES = [
    ("add a member", [{"op": "add", "path": "/data/x", "value": "1"}], 200, {"data.x": "1", "data.k": "v"}),
    ("add replaces", [{"op": "add", "path": "/data/x", "value": "2"}], 200, {"data.x": "2"}),
    ("add the parent first", [{"op": "add", "path": "/metadata/labels", "value": {}},
                              {"op": "add", "path": "/metadata/labels/a~1b", "value": "c"}], 200, lambda o: o["metadata"]["labels"] == {"a/b": "c"}),
    ("no parent", [{"op": "add", "path": "/metadata/annotations/a", "value": "c"}], 422, refused()),
    ("replace", [{"op": "replace", "path": "/data/x", "value": "3"}], 200, {"data.x": "3"}),
    ("replace nothing", [{"op": "replace", "path": "/data/none", "value": "3"}], 422, refused()),
    ("copy and move", [{"op": "copy", "from": "/data/x", "path": "/data/y"}, {"op": "move", "from": "/data/x", "path": "/data/z"}],
     200, lambda o: o["data"] == {"k": "v", "y": "3", "z": "3"}),
    ("remove", [{"op": "remove", "path": "/data/y"}, {"op": "remove", "path": "/data/z"}], 200, lambda o: o["data"] == {"k": "v"}),
    ("remove nothing", [{"op": "remove", "path": "/data/none"}], 422, refused()),
    ("test holds", [{"op": "test", "path": "/data/k", "value": "v"}], 200, None),
    ("test fails", [{"op": "test", "path": "/data/k", "value": "w"}], 422, refused()),
    ("test of a missing path for null", [{"op": "test", "path": "/data/none", "value": None}], 200, None),
    ("unknown operation", [{"op": "jump", "path": "/data/k"}], 422, refused()),
    ("all or nothing", [{"op": "add", "path": "/data/half", "value": "1"}, {"op": "test", "path": "/data/k", "value": "w"}], 422, refused()),
    ("nothing of it", [], 200, {"data.half": None}),
    ("not a list", {}, 400, message("BadRequest", "error decoding patch: json: cannot unmarshal object into Go value of type "
                                                  "[]handlers.jsonPatchOp")),
    ("not operations", [1], 400, message("BadRequest", "error decoding patch: json: cannot unmarshal number into Go value of type "
                                                       "handlers.jsonPatchOp")),
    ("10,000 operations", [{"op": "test", "path": "/data/k", "value": "v"}] * 10000, 200, None),
    ("one more", [{"op": "test", "path": "/data/k", "value": "v"}] * 10001, 413, message("RequestEntityTooLarge",
     "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001")),
    ("copies that double", [{"op": "add", "path": "/data/a", "value": {"x": "y" * 1000}}] +
     [{"op": "copy", "from": "/data", "path": f"/data/b{i}"} for i in range(64)], 413, {"reason": "RequestEntityTooLarge"}),
    ("another name", [{"op": "replace", "path": "/metadata/name", "value": "b"}], 400, message("BadRequest",
     "the name of the object (b) does not match the name on the URL (a)")),
    ("another namespace", [{"op": "replace", "path": "/metadata/namespace", "value": "b"}], 400, message("BadRequest",
     "the namespace of the provided object does not match the namespace sent on the request")),
    ("another uid", [{"op": "replace", "path": "/metadata/uid", "value": "b"}], 409, {"reason": "Conflict"}),
    ("a stale revision", [{"op": "add", "path": "/metadata/resourceVersion", "value": "1"}], 409, message("Conflict",
     f'Operation cannot be fulfilled on configmaps "a": {MODIFIED}')),
    ("another kind", [{"op": "replace", "path": "/kind", "value": "Secret"}], 422,
     lambda o: "converting (v1.Secret) to (core.ConfigMap): unknown conversion" in o["message"] or "illegal base64" in o["message"]),
    ("whole document", [{"op": "replace", "path": "", "value": cm("a", data={"n": "1"})}], 200, lambda o: o["data"] == {"n": "1"}),
    ("back", [{"op": "replace", "path": "/data", "value": {"k": "v"}}], 200, lambda o: o["data"] == {"k": "v"}),
]


def json_patches():
    api.run([("json patch: " + name, "PATCH", CM + "/a", ops, {"headers": JSON_PATCH}, status, expect)
             for name, ops, status, expect in JSON_CASES])
    api.run([
        ("json patch of what is not there", "PATCH", CM + "/none", [], {"headers": JSON_PATCH}, 404,
         message("NotFound", 'configmaps "none" not found')),
        ("json patch that is no JSON", "PATCH", CM + "/a", "[{bad", {"headers": JSON_PATCH}, 400, message("BadRequest",
         "error decoding patch: invalid character 'b' looking for beginning of object key string")),
        ("json patch that is no JSON, not validated", "PATCH", CM + "/a?fieldValidation=Ignore", "[{bad", {"headers": JSON_PATCH}, 400,
         message("BadRequest", "invalid character 'b' looking for beginning of object key string")),
        ("the content type has parameters", "PATCH", CM + "/a", [], {"headers": {"Content-Type":
         "application/json-patch+json; charset=utf-8"}}, 200, None),
    ])


# name, patch, status, what must then hold
MERGE_CASES = [
    ("set and delete", {"data": {"k": None, "z": "1"}}, 200, lambda o: o["data"] == {"z": "1"}),
    ("null of nothing", {"data": {"none": None}, "binaryData": None}, 200, lambda o: o["data"] == {"z": "1"}),
    ("lists are replaced", {"metadata": {"finalizers": ["x.io/a", "x.io/b"]}}, 200, lambda o: o["metadata"]["finalizers"] == ["x.io/a", "x.io/b"]),
    ("lists are replaced again", {"metadata": {"finalizers": ["x.io/b"]}}, 200, lambda o: o["metadata"]["finalizers"] == ["x.io/b"]),
    ("lists go", {"metadata": {"finalizers": None}}, 200, {"metadata.finalizers": None}),
    ("a list", [], 400, message("BadRequest", "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}")),
    ("a value of another type", {"data": {"k": 1}}, 422, lambda o: o["message"].startswith(' "" is invalid: patch: Invalid value: "{\\"apiVersion\\":\\"v1\\"')
     and o["message"].endswith(': json: cannot unmarshal number into Go struct field ConfigMap.data of type string')
     and o["details"]["causes"][0]["field"] == "patch" and "name" not in o["details"]),
    ("another name", {"metadata": {"name": "b"}}, 400, message("BadRequest", "the name of the object (b) does not match the name on the URL (a)")),
    ("no name", {"metadata": {"name": None}}, 400, message("BadRequest",
     "the name of the object (a based on URL) was undeterminable: name must be provided")),
    ("a stale revision", {"metadata": {"resourceVersion": "1"}}, 409, {"reason": "Conflict"}),
    ("immutable metadata", {"metadata": {"creationTimestamp": "2020-01-01T00:00:00Z"}}, 422, None),
    ("back", {"data": {"z": None, "k": "v"}}, 200, lambda o: o["data"] == {"k": "v"}),
]


def merge_patches():
    api.run([("merge patch: " + name, "PATCH", CM + "/a", p, {"headers": MERGE_PATCH}, status, expect)
             for name, p, status, expect in MERGE_CASES])
    before = api.obj("GET", CM + "/a")[1]
    api.run([
        ("a patch that changes nothing", "PATCH", CM + "/a", {"data": {"k": "v"}}, {"headers": MERGE_PATCH}, 200,
         lambda o: o == before),
        ("a patch of nothing", "PATCH", CM + "/a", {}, {"headers": MERGE_PATCH}, 200, lambda o: o == before),
        ("by another manager", "PATCH", CM + "/a?fieldManager=other", {"data": {"k": "v"}}, {"headers": MERGE_PATCH}, 200,
         lambda o: o == before),
        ("a dry run", "PATCH", CM + "/a?dryRun=All", {"data": {"k": "w"}}, {"headers": MERGE_PATCH}, 200, {"data.k": "w"}),
        ("wrote nothing", "GET", CM + "/a", None, {}, 200, lambda o: o == before),
        ("a merge of what is not there", "PATCH", CM + "/none", {}, {"headers": MERGE_PATCH}, 404, {"reason": "NotFound"}),
        ("a patch of an unknown type", "PATCH", CM + "/a", {}, {"headers": {"Content-Type": "application/json"}}, 415,
         message("UnsupportedMediaType", "415: Unsupported Media Type") | {"details": {}}),
    ])


def template(o):
    return o["spec"]["template"]["spec"]


def names(o):
    return [c["name"] for c in template(o)["containers"]]


def pod(**spec):
    return {"spec": {"template": {"spec": spec}}}


# name, patch, status, what must then hold
STRATEGIC_CASES = [
    ("elements merge by name", pod(containers=[{"name": "c", "image": "nginx:2"}]), 200,
     lambda o: names(o) == ["c", "d"] and template(o)["containers"][0]["image"] == "nginx:2" and template(o)["containers"][0]["ports"]),
    ("new ones come first", pod(containers=[{"name": "e", "image": "y"}]), 200, lambda o: names(o) == ["e", "c", "d"]),
    ("$setElementOrder", pod(**{"$setElementOrder/containers": [{"name": "d"}, {"name": "e"}, {"name": "c"}]}), 200,
     lambda o: names(o) == ["d", "e", "c"]),
    ("$patch: delete", pod(containers=[{"name": "e", "$patch": "delete"}]), 200, lambda o: names(o) == ["d", "c"]),
    ("$patch: replace", pod(containers=[{"name": "c", "image": "z"}, {"$patch": "replace"}]), 200, lambda o: names(o) == ["c"]),
    ("ports merge by their number alone", pod(containers=[{"name": "c", "ports": [{"containerPort": 80, "protocol": "UDP"}]}]), 200,
     lambda o: template(o)["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "UDP"}]),
    ("$retainKeys", {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}, 200,
     lambda o: o["spec"]["strategy"] == {"type": "Recreate"}),
    ("$retainKeys of a volume", pod(volumes=[{"name": "v", "$retainKeys": ["name", "configMap"], "configMap": {"name": "x"}}]), 200,
     lambda o: template(o)["volumes"] == [{"name": "v", "configMap": {"name": "x", "defaultMode": 420}}]),
    ("$retainKeys that lack a member", {"spec": {"strategy": {"$retainKeys": ["rollingUpdate"], "type": "Recreate"}}}, 422, refused()),
    ("$retainKeys that are no list", {"spec": {"strategy": {"$retainKeys": 1}}}, 400,
     message("BadRequest", "invalid patch format of retainKeys")),
    ("finalizers are a set", {"metadata": {"finalizers": ["x.io/a", "x.io/b"]}}, 200, lambda o: o["metadata"]["finalizers"] == ["x.io/a", "x.io/b"]),
    ("that unites", {"metadata": {"finalizers": ["x.io/c"]}}, 200,
     lambda o: set(o["metadata"]["finalizers"]) == {"x.io/a", "x.io/b", "x.io/c"}),
    ("$deleteFromPrimitiveList", {"metadata": {"$deleteFromPrimitiveList/finalizers": ["x.io/a", "x.io/b", "x.io/c"]}}, 200,
     {"metadata.finalizers": None}),
    ("$patch: delete of a map", {"metadata": {"labels": {"a": "b"}}}, 200, {"metadata.labels.a": "b"}),
    ("$patch: replace of a map", {"metadata": {"labels": {"$patch": "replace", "c": "d"}}}, 200, lambda o: o["metadata"]["labels"] == {"c": "d"}),
    ("an unknown directive", {"metadata": {"labels": {"$patch": "jump"}}}, 500, {"message": "unknown patch type found: jump in map: map[$patch:jump]"}),
    ("no merge key", pod(containers=[{"image": "x"}]), 500,
     {"message": "map: map[image:x] does not contain declared merge key: name"}),
    ("an order that does not match", pod(containers=[{"name": "x", "image": "i"}, {"name": "y", "image": "i"}],
     **{"$setElementOrder/containers": [{"name": "y"}, {"name": "x"}]}), 500,
     lambda o: "reason" not in o and o["message"].startswith("The order in patch list:\n[map[image:i name:x] map[image:i name:y]]\n doesn't match")),
    ("a value of another type", {"spec": {"replicas": "many"}}, 422, refused() |
     {"message": ' "" is invalid: patch: Invalid value: "map[spec:map[replicas:many]]": unrecognized type: int32', "details": None}),
    ("a number for a string", {"metadata": {"labels": {"n": 1}}}, 422, lambda o: o["message"].endswith("cannot convert int64 to string")),
    ("a list for an object", {"spec": {"template": []}}, 422, lambda o: o["message"].endswith("cannot restore struct from: slice")),
    ("not an object", [], 400, message("BadRequest", "json: cannot unmarshal array into Go value of type map[string]interface {}")),
    ("null of a list", pod(volumes=None), 200, lambda o: "volumes" not in template(o)),
    ("quantities are normal", pod(containers=[{"name": "c", "resources": {"limits": {"cpu": "0.5"}}}]), 200,
     lambda o: template(o)["containers"][0]["resources"]["limits"]["cpu"] == "500m"),
]


def strategic_patches():
    for name, p, status, expect in STRATEGIC_CASES:
        if isinstance(expect, dict) and expect.get("details", 0) is None:
            expect = {k: v for k, v in expect.items() if k != "details"}
        api.run([("strategic merge: " + name, "PATCH", DEP + "/web", p, {"headers": STRATEGIC}, status, expect)])
    api.run([
        ("topology constraints by key", "PATCH", DEP + "/web", pod(topologySpreadConstraints=[
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "w"}}}]),
         {"headers": STRATEGIC}, 200, None),
        ("are one whatever else differs", "PATCH", DEP + "/web", pod(topologySpreadConstraints=[
            {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]), {"headers": STRATEGIC}, 200,
         lambda o: [c["maxSkew"] for c in template(o)["topologySpreadConstraints"]] == [2]),
        ("a service", "POST", NS + "/services", {"metadata": {"name": "s"}, "spec": {"ports": [{"name": "a", "port": 80}]}}, {}, 201, None),
        ("ports of services by their number", "PATCH", NS + "/services/s", {"spec": {"ports": [{"port": 80, "protocol": "UDP"}]}},
         {"headers": STRATEGIC}, 200, lambda o: [(p["port"], p["protocol"], p["name"]) for p in o["spec"]["ports"]] == [(80, "UDP", "a")]),
    ])


def subresources():
    api.run([
        ("status is merged deeply", "PATCH", DEP + "/web/status", {"status": {"conditions": [
            {"type": "A", "status": "True"}], "observedGeneration": 1}}, {"headers": MERGE_PATCH}, 200, None),
        ("status keeps the rest", "PATCH", DEP + "/web/status", {"status": {"collisionCount": 2}}, {"headers": MERGE_PATCH}, 200,
         lambda o: o["status"]["collisionCount"] == 2 and any(c["type"] == "A" for c in o["status"]["conditions"])),
        ("conditions merge by type", "PATCH", DEP + "/web/status", {"status": {"conditions": [{"type": "B", "status": "False"}]}},
         {"headers": STRATEGIC}, 200, lambda o: {"A", "B"} <= {c["type"] for c in o["status"]["conditions"]}),
        ("status does not touch the spec", "PATCH", DEP + "/web/status", {"spec": {"replicas": 7}}, {"headers": MERGE_PATCH}, 200, {"spec.replicas": 0}),
        ("the main resource does not touch status", "PATCH", DEP + "/web", {"status": {"collisionCount": 9}}, {"headers": MERGE_PATCH}, 200,
         {"status.collisionCount": 2}),
        ("scale", "PATCH", DEP + "/web/scale", {"spec": {"replicas": 0}}, {"headers": MERGE_PATCH}, 200, {"kind": "Scale"}),
        ("scale below zero", "PATCH", DEP + "/web/scale", {"spec": {"replicas": -1}}, {"headers": MERGE_PATCH}, 422,
         message("Invalid", 'Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0')),
        ("status of what is not there", "PATCH", DEP + "/none/status", {}, {"headers": MERGE_PATCH}, 404, {"reason": "NotFound"}),
    ])


def generations():
    def generation(p, headers=MERGE_PATCH, path=DEP + "/web"):
        return get(api.obj("PATCH", path, p, headers=headers)[1], "metadata.generation")

    first = generation({})
    api.check("nothing is no generation", generation({"spec": {"paused": False}}) == first, first)
    api.check("labels are none", generation({"metadata": {"labels": {"g": "1"}}}) == first, first)
    api.check("a client's value is none", generation({"metadata": {"generation": 77}}) == first, first)
    api.check("spec is one", generation({"spec": {"minReadySeconds": 3}}) == first + 1, first)
    api.check("status is none", generation({"status": {"collisionCount": 3}}, path=DEP + "/web/status") == first + 1, first)


def races():
    """A patch that loses a race is tried again: of many at once, none is refused and none is lost."""
    import threading
    api.obj("POST", CM, cm("race", data={}))
    answers = []

    def one(i):
        mine = Api(sys.argv[1])
        for j in range(10):
            answers.append(mine.obj("PATCH", CM + "/race", {"data": {f"k{i}-{j}": "v"}}, headers=MERGE_PATCH)[0])

    threads = [threading.Thread(target=one, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    api.check("80 patches of one object at once", set(answers) == {200} and
              len(api.obj("GET", CM + "/race")[1].get("data", {})) == 80, answers)


api.finish(setup, json_patches, merge_patches, strategic_patches, subresources, generations, races)
