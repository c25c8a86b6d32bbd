# SPDX-License-Identifier: Apache-2.0
"""The core group's other kinds on the wire: what may change, what is reset, one event in two groups.

usage: core_objects.py KUBECONFIG
"""
import base64
import sys

from cases import Api, MERGE_PATCH, get, message

api = Api(sys.argv[1])
CORE = "/api/v1"
NS = CORE + "/namespaces/core-objects"
EVENTS = "/apis/events.k8s.io/v1/namespaces/core-objects/events"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
MERGE = {"headers": MERGE_PATCH}
IMMUTABLE = "field is immutable when `immutable` is set"


def named(name, **more):
    return {"metadata": {"name": name}, **more}


def says(*texts):
    return lambda o: all(t in o["message"] for t in texts)


def prepare():
    api.run([("namespace", "POST", CORE + "/namespaces", named("core-objects"), {}, 201,
              {"status.phase": "Active", "spec.finalizers": ["kubernetes"],
               "metadata.labels": {"kubernetes.io/metadata.name": "core-objects"}})])


def config_maps():
    cm = NS + "/configmaps"
    api.run([
        ("data", "POST", cm, named("fixed", data={"a": "b"}, immutable=True), {}, 201, {"metadata.generation": None}),
        ("it stays", "PATCH", cm + "/fixed", {"data": {"a": "c"}}, MERGE, 422, says("data: Forbidden: " + IMMUTABLE)),
        ("so does that it stays", "PATCH", cm + "/fixed", {"immutable": False}, MERGE, 422, says("immutable: Forbidden: " + IMMUTABLE)),
        ("labels come", "PATCH", cm + "/fixed", {"metadata": {"labels": {"a": "b"}}}, MERGE, 200, {"metadata.labels.a": "b"}),
        ("a key of no file", "POST", cm, named("x", data={"a/b": ""}), {}, 422, says("a valid config key must consist of")),
        ("one key twice", "POST", cm, named("x", data={"a": ""}, binaryData={"a": "Yg=="}), {}, 422,
         says("duplicate of key present in binaryData")),
        ("more than a mebibyte", "POST", cm, named("x", data={"a": "b" * (1 << 20), "c": "d"}), {}, 422, says("Too long: may not be more than 1048576 bytes")),
        ("notes of a quarter of that", "POST", cm, {"metadata": {"name": "x", "annotations": {"a": "b" * (256 << 10)}}}, {}, 422,
         says("metadata.annotations: Too long: may not be more than 262144 bytes")),
        ("names in capitals", "POST", cm, named("X"), {}, 422, says('metadata.name: Invalid value: "X"', "RFC 1123 subdomain")),
        ("an owner without a uid", "POST", cm, {"metadata": {"name": "x", "ownerReferences": [
            {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": ""}]}}, {}, 422,
         says('metadata.ownerReferences.uid: Invalid value: "": must not be empty')),
        ("a finalizer of nobody", "POST", cm, {"metadata": {"name": "x", "finalizers": ["mine"]}}, {}, 422,
         says("name is neither a standard finalizer name nor is it fully qualified")),
        ("null is absent", "POST", cm, named("nulls", data={"a": "b"}, binaryData=None, immutable=None), {}, 201,
         lambda o: "binaryData" not in o and "immutable" not in o),
    ])


def secrets():
    path = NS + "/secrets"
    api.run([
        ("text", "POST", path, named("text", stringData={"a": "x"}, data={"a": "Yg==", "c": "ZA=="}), {}, 201,
         {"data": {"a": "eA==", "c": "ZA=="}, "stringData": None, "type": "Opaque"}),
        ("more text", "PATCH", path + "/text", {"stringData": {"e": "y"}}, MERGE, 200, {"data.e": "eQ==", "stringData": None}),
        ("types stay", "PATCH", path + "/text", {"type": "other"}, MERGE, 422, says('type: Invalid value: "other": field is immutable')),
        ("a type's keys", "POST", path, named("tls", type="kubernetes.io/tls"), {}, 422,
         lambda o: [c["field"] for c in o["details"]["causes"]] == ["data[tls.crt]", "data[tls.key]"]),
        ("a type's form", "POST", path, named("docker", type="kubernetes.io/dockerconfigjson",
                                              data={".dockerconfigjson": base64.b64encode(b"x").decode()}), {}, 422,
         says("<secret contents redacted>", "invalid character 'x' looking for beginning of value")),
        ("fixed", "POST", path, named("fixed", data={"a": "Yg=="}, immutable=True), {}, 201, None),
        ("it stays", "PATCH", path + "/fixed", {"data": {"a": "eA=="}}, MERGE, 422, says("data: Forbidden: " + IMMUTABLE)),
        ("notes come", "PATCH", path + "/fixed", {"metadata": {"annotations": {"a": "b"}}}, MERGE, 200, {"data.a": "Yg=="}),
        ("by type", "GET", path + "?fieldSelector=type%3DOpaque", None, {}, 200,
         lambda o: {i["metadata"]["name"] for i in o["items"]} >= {"text", "fixed"}),
    ])


def events():
    both = {"involvedObject": {"kind": "Pod", "namespace": "core-objects", "name": "p"}, "reason": "Old", "message": "said",
            "type": "Normal", "source": {"component": "c"}, "count": 2, "firstTimestamp": "2026-01-01T00:00:00Z"}
    new = {"regarding": {"kind": "Pod", "namespace": "core-objects", "name": "q"}, "reason": "New", "note": "said", "action": "a",
           "type": "Warning", "eventTime": "2026-01-01T00:00:00.123456Z", "reportingController": "a.io/c", "reportingInstance": "i"}
    api.run([
        ("an event", "POST", NS + "/events", named("old", **both), {}, 201, {"kind": "Event", "apiVersion": "v1"}),
        ("in the other group", "GET", EVENTS + "/old", None, {}, 200,
         {"apiVersion": "events.k8s.io/v1", "regarding.name": "p", "note": "said", "deprecatedCount": 2, "deprecatedSource.component": "c"}),
        ("one of the other group", "POST", EVENTS, named("new", **new), {}, 201, {"eventTime": "2026-01-01T00:00:00.123456Z"}),
        ("in the first", "GET", NS + "/events/new", None, {}, 200,
         {"apiVersion": "v1", "involvedObject.name": "q", "message": "said", "reportingComponent": "a.io/c",
          "eventTime": "2026-01-01T00:00:00.123456Z"}),
        ("by object", "GET", NS + "/events?fieldSelector=involvedObject.name%3Dq,reason%3DNew,type%3DWarning", None, {}, 200,
         lambda o: [i["metadata"]["name"] for i in o["items"]] == ["new"]),
        ("by object there", "GET", EVENTS + "?fieldSelector=regarding.name%3Dp", None, {}, 200,
         lambda o: [i["metadata"]["name"] for i in o["items"]] == ["old"]),
        ("an object of elsewhere", "POST", NS + "/events", named("far", **{**both, "involvedObject": {
            "kind": "Pod", "namespace": "other", "name": "p"}}), {}, 422,
         says('involvedObject.namespace: Invalid value: "other": does not match event.namespace')),
        ("without a time", "POST", EVENTS, named("bad", **{**new, "eventTime": None}), {}, 422, says("eventTime: Required value")),
        ("with old members", "POST", EVENTS, named("bad", **new, deprecatedCount=1), {}, 422, says("count", "needs to be unset")),
        ("which note stays", "PATCH", EVENTS + "/new", {"note": "other"}, MERGE, 422, says("field is immutable")),
        ("a series grows", "PATCH", EVENTS + "/new", {"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z"}}, MERGE, 200,
         {"series.count": 2}),
        ("deleted here", "DELETE", NS + "/events/new", None, {}, 200, None),
        ("is gone there", "GET", EVENTS + "/new", None, {}, 404, None),
    ])


def nodes():
    path = CORE + "/nodes"
    api.run([
        ("a node says what it has", "POST", path, named("core-node", spec={"podCIDR": "10.9.0.0/24", "configSource": {"configMap": {"name": "x"}}},
                                                        status={"capacity": {"cpu": "2", "memory": "1024Mi"}}), {}, 201,
         {"status.capacity": {"cpu": "2", "memory": "1Gi"}, "status.allocatable.cpu": "2", "spec.podCIDRs": ["10.9.0.0/24"],
          "spec.configSource": None}),
        ("a status write leaves its spec", "PATCH", path + "/core-node/status",
         {"spec": {"unschedulable": True}, "status": {"capacity": {"cpu": "4"}}}, MERGE, 200,
         lambda o: get(o, "status.capacity.cpu") == "4" and not get(o, "spec.unschedulable")),
        ("and a spec write its status", "PATCH", path + "/core-node", {"spec": {"unschedulable": True}, "status": {"capacity": {"cpu": "8"}}},
         MERGE, 200, {"status.capacity.cpu": "4", "spec.unschedulable": True}),
        ("its range stays", "PATCH", path + "/core-node", {"spec": {"podCIDR": "10.8.0.0/24", "podCIDRs": ["10.8.0.0/24"]}}, MERGE, 422,
         says('node updates may not change podCIDR except from "" to valid')),
        ("taints are of a kind", "PATCH", path + "/core-node", {"spec": {"taints": [{"key": "a", "effect": "No"}]}}, MERGE, 422,
         says('metadata.taints[0].effect: Unsupported value: "No"')),
        ("a provider once", "PATCH", path + "/core-node", {"spec": {"providerID": "a"}}, MERGE, 200, None),
        ("not twice", "PATCH", path + "/core-node", {"spec": {"providerID": "b"}}, MERGE, 422,
         says('node updates may not change providerID except from "" to valid')),
        ("cordoned", "GET", path + "?fieldSelector=spec.unschedulable%3Dtrue", None, {}, 200,
         lambda o: "core-node" in [i["metadata"]["name"] for i in o["items"]]),
        ("its row", "GET", path + "/core-node", None, {"headers": TABLE}, 200,
         lambda o: "SchedulingDisabled" in o["rows"][0]["cells"][1] and o["rows"][0]["cells"][2] == "<none>"),
        ("deleted", "DELETE", path + "/core-node", None, {}, 200, None),
    ])


def storage():
    pv, pvc = CORE + "/persistentvolumes", NS + "/persistentvolumeclaims"
    volume = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/d"}, "storageClassName": "none"}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}, "storageClassName": "other"}
    api.run([
        ("a volume", "POST", pv, named("core-pv", spec=volume), {}, 201,
         lambda o: get(o, "spec.persistentVolumeReclaimPolicy") == "Retain" and get(o, "spec.volumeMode") == "Filesystem" and
         get(o, "status.phase") == "Pending" and get(o, "status.lastPhaseTransitionTime") == o["metadata"]["creationTimestamp"]),
        ("its source stays", "PATCH", pv + "/core-pv", {"spec": {"hostPath": {"path": "/e"}}}, MERGE, 422,
         says("spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation")),
        ("no source", "POST", pv, named("core-pv2", spec={k: v for k, v in volume.items() if k != "hostPath"}), {}, 422,
         says("spec: Required value: must specify a volume type")),
        ("a claim", "POST", pvc, named("claim", spec=claim, status={"phase": "Bound"}), {}, 201,
         {"status": {"phase": "Pending"}, "spec.resources.requests.storage": "1Gi", "spec.volumeMode": "Filesystem"}),
        ("it stays", "PATCH", pvc + "/claim", {"spec": {"accessModes": ["ReadWriteMany"]}}, MERGE, 422,
         says("spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims")),
        ("its row", "GET", pvc + "/claim", None, {"headers": TABLE}, 200,
         lambda o: o["rows"][0]["cells"][:6] == ["claim", "Pending", "", "", "", "other"]),
        ("deleted", "DELETE", pv + "/core-pv", None, {}, 200, None),
    ])


def limits():
    api.run([
        ("a range", "POST", NS + "/limitranges", named("range", spec={"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "5Gi"}}]}),
         {}, 201, None),
        ("one upside down", "POST", NS + "/limitranges", named("bad", spec={"limits": [
            {"type": "Pod", "min": {"cpu": "2"}, "max": {"cpu": "1"}}]}), {}, 422, says("min value 2 is greater than max value 1")),
        ("a quota", "POST", NS + "/resourcequotas", named("quota", spec={"hard": {"pods": "5"}, "scopes": ["Terminating"]},
                                                          status={"used": {"pods": "9"}}), {}, 201, {"status.used": None}),
        ("its scopes stay", "PATCH", NS + "/resourcequotas/quota", {"spec": {"scopes": None}}, MERGE, 422,
         says("spec.scopes: Invalid value", "field is immutable")),
        ("scopes that fight", "POST", NS + "/resourcequotas", named("bad", spec={"hard": {"pods": "5"}, "scopes": [
            "Terminating", "NotTerminating"]}), {}, 422, says("conflicting scopes")),
        ("what it cannot count", "POST", NS + "/resourcequotas", named("bad", spec={"hard": {"nope": "1"}}), {}, 422,
         says("must be a standard resource for quota")),
    ])


def templates():
    inner = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    rc = NS + "/replicationcontrollers"
    api.run([
        ("a template", "POST", NS + "/podtemplates", named("t", template=inner), {}, 201, {"metadata.generation": 1}),
        ("changed", "PATCH", NS + "/podtemplates/t", {"template": {"metadata": {"labels": {"a": "c"}}}}, MERGE, 200, {"metadata.generation": 2}),
        ("a controller", "POST", rc, named("rc", spec={"replicas": 0, "template": inner}, status={"replicas": 4}), {}, 201,
         {"spec.selector": {"a": "b"}, "metadata.labels": {"a": "b"}, "metadata.generation": 1, "status.replicas": 0}),
        ("it scales", "PATCH", rc + "/rc/scale", {"spec": {"replicas": 0}}, MERGE, 200,
         {"kind": "Scale", "status.selector": "a=b", "spec": {}}),
        ("a selector of others", "POST", rc, named("bad", spec={"selector": {"z": "z"}, "template": inner}), {}, 422,
         says("`selector` does not match template `labels`")),
        ("a pod that ends", "POST", rc, named("bad", spec={"template": {**inner, "spec": {**inner["spec"], "restartPolicy": "Never"}}}), {}, 422,
         says('spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"')),
    ])


def accounts_and_endpoints():
    api.run([
        ("an account's secrets are names", "POST", NS + "/serviceaccounts", named("sa", secrets=[{"kind": "Secret", "name": "s", "uid": "1"}]),
         {}, 201, {"secrets": [{"name": "s"}]}),
        ("endpoints", "POST", NS + "/endpoints", named("ep", subsets=[{"addresses": [{"ip": "10.1.1.1"}], "ports": [{"port": 80}]}]), {}, 201,
         {"subsets.0.ports.0.protocol": "TCP"}),
        ("on the loop", "POST", NS + "/endpoints", named("ep2", subsets=[{"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": 80}]}]), {},
         422, says("may not be in the loopback range")),
    ])
    for path, text in ((CORE + "/componentstatuses", "v1 ComponentStatus is deprecated in v1.19+"),
                       (NS + "/endpoints/ep", "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")):
        _, headers, _ = api.call("GET", path)
        api.check("what is old is warned of", headers.get("warning") == f'299 - "{text}"', headers)


def components():
    path = CORE + "/componentstatuses"
    # The controllers begin when everything else has.
    api.eventually("they run", lambda: get(api.obj("GET", path + "/scheduler")[1], "conditions.0.status") == "True")
    api.run([
        ("all are well", "GET", path, None, {}, 200, lambda o: [(i["metadata"]["name"], i["conditions"][0]["status"])
         for i in o["items"]] == [("controller-manager", "True"), ("etcd-0", "True"), ("scheduler", "True")]),
        ("as a table", "GET", path, None, {"headers": TABLE}, 200, lambda o: [r["cells"] for r in o["rows"]] ==
         [[n, "Healthy", "ok", ""] for n in ("controller-manager", "etcd-0", "scheduler")]),
        ("one as a table", "GET", path + "/scheduler", None, {"headers": TABLE}, 200, lambda o: [r["cells"] for r in o["rows"]] ==
         [["scheduler", "Healthy", "ok", ""]]),
        ("none of that name", "GET", path + "/x", None, {}, 404, {"reason": "NotFound"}),
    ])
    for p in (path, path + "/scheduler"):
        status, _, data = api.call("GET", p, headers={"Accept": "application/vnd.kubernetes.protobuf"})
        api.check("in protobuf", status == 200 and data[:4] == b"k8s\0" and b"scheduler" in data, data)


def namespaces():
    path = CORE + "/namespaces/core-going"
    api.run([
        ("made", "POST", CORE + "/namespaces", {"metadata": {"name": "core-going"}, "spec": {"finalizers": ["a.io/b"]}}, {}, 201,
         {"spec.finalizers": ["a.io/b", "kubernetes"]}),
        ("finalizers stay", "PATCH", path, {"spec": {"finalizers": []}}, MERGE, 200, {"spec.finalizers": ["a.io/b", "kubernetes"]}),
        ("a status of the wrong time", "PATCH", path + "/status", {"status": {"phase": "Terminating"}}, MERGE, 422,
         says("may only be 'Active' if `deletionTimestamp` is empty")),
        ("deleted", "DELETE", path, None, {}, 200, {"kind": "Namespace", "status.phase": "Terminating"}),
        ("nothing new in it", "POST", path + "/configmaps", named("late"), {}, 403,
         lambda o: get(o, "details.causes.0.reason") == "NamespaceTerminating"),
        ("the cloud's own stay", "DELETE", CORE + "/namespaces/kube-system", None, {}, 403, says("this namespace may not be deleted")),
        ("a name of another kind", "POST", CORE + "/namespaces", named("a.b"), {}, 422, says("RFC 1123 label")),
    ])
    api.eventually("emptied but for the other finalizer", lambda: get(api.obj("GET", path)[1], "spec.finalizers") == ["a.io/b"])
    _, o = api.obj("GET", path)
    o["spec"]["finalizers"] = []
    api.run([("finalized", "PUT", path + "/finalize", o, {}, 200, None)])
    api.eventually("gone", lambda: api.obj("GET", path) [1] and api.obj("GET", path)[0] == 404)
    api.run([("by name", "GET", path, None, {}, 404, message("NotFound", 'namespaces "core-going" not found'))])


api.finish(prepare, config_maps, secrets, events, nodes, storage, limits, templates, accounts_and_endpoints, components, namespaces)
