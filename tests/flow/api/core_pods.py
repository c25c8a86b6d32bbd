# SPDX-License-Identifier: Apache-2.0
"""Pods on the wire: what a write touches, its subresources, what tables and selectors show of them.

usage: core_pods.py KUBECONFIG
"""
import sys

from cases import Api, MERGE_PATCH, STRATEGIC, get, message

api = Api(sys.argv[1])
NS = "/api/v1/namespaces/core-pods"
PODS = NS + "/pods"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
FIXED = ("spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
         "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
         "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)")
ASKED = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}}


def pod(name, containers=None, **spec):
    return {"metadata": {"name": name}, "spec": {"containers": containers or [{"name": "c", "image": "i:1"}], **spec}}


def make(name, containers=None, **spec):
    """The stored pod; it waits behind a gate, where no node can have it."""
    spec.setdefault("schedulingGates", [{"name": "a.io/hold"}])
    return api.obj("POST", PODS, pod(name, containers, **spec))[1]


def changed(name, change, sub=""):
    """PUT of the stored pod after change, again when the scheduler was quicker."""
    for _ in range(5):
        o = api.obj("GET", f"{PODS}/{name}")[1]
        change(o)
        got = api.obj("PUT", f"{PODS}/{name}{sub}", o)
        if "has been modified" not in get(got[1], "message", ""):
            break
    return got


def refused(name, got, text, field=None):
    status, o = got
    causes = get(o, "details.causes") or []
    ok = status == 422 and text in get(o, "message", "") and (not field or field in [c.get("field") for c in causes])
    api.check(name, ok, f"{status} {o}")


def prepare():
    api.run([("namespace", "POST", "/api/v1/namespaces", {"metadata": {"name": "core-pods"}}, {}, 201, None)])
    api.eventually("its default account", lambda: api.obj("GET", NS + "/serviceaccounts/default")[0] == 200)


def creation():
    sent = pod("new", schedulingGates=[{"name": "a.io/hold"}])
    sent["metadata"].update(generation=7, selfLink="/x", uid="no", creationTimestamp="2001-01-01T00:00:00Z")
    sent["status"] = {"phase": "Running", "podIP": "10.0.0.9"}
    status, o = api.obj("POST", PODS, sent)
    api.check("created", status == 201, o)
    for path, want in {
            "kind": "Pod", "apiVersion": "v1", "metadata.generation": 1, "metadata.selfLink": None, "metadata.namespace": "core-pods",
            "status.phase": "Pending", "status.qosClass": "BestEffort", "status.podIP": None,
            "status.conditions.0.reason": "SchedulingGated", "spec.restartPolicy": "Always", "spec.dnsPolicy": "ClusterFirst",
            "spec.terminationGracePeriodSeconds": 30, "spec.securityContext": {}, "spec.schedulerName": "default-scheduler",
            "spec.enableServiceLinks": True, "spec.serviceAccountName": "default", "spec.serviceAccount": "default",
            "spec.containers.0.imagePullPolicy": "IfNotPresent", "spec.containers.0.resources": {},
            "spec.containers.0.terminationMessagePath": "/dev/termination-log",
            "spec.containers.0.terminationMessagePolicy": "File"}.items():
        api.check(f"a new pod's {path}", get(o, path) == want, get(o, path))
    api.check("uid and time are the server's", o["metadata"]["uid"] != "no" and o["metadata"]["creationTimestamp"] > "2002", o["metadata"])
    items = api.obj("GET", PODS)[1]["items"]
    api.check("items of lists name no kind", items and all("kind" not in i and "apiVersion" not in i for i in items), items)
    named = [api.obj("POST", PODS, {**pod(""), "metadata": {"generateName": "gen-"}})[1]["metadata"]["name"] for _ in range(2)]
    api.check("names are made", named[0] != named[1] and all(n.startswith("gen-") and len(n) == 9 for n in named), named)
    api.run([
        ("a name twice", "POST", PODS, pod("new"), {}, 409, message("AlreadyExists", 'pods "new" already exists')),
        ("every problem at once", "POST", PODS, pod("Bad", [{"name": "c", "image": ""}], restartPolicy="No"), {}, 422,
         lambda o: {c["field"] for c in o["details"]["causes"]} ==
         {"metadata.name", "spec.containers[0].image", "spec.restartPolicy"}),
        ("another namespace in the body", "POST", PODS, {**pod("x"), "metadata": {"name": "x", "namespace": "other"}}, {}, 400, None),
    ])


def isolation():
    make("iso")

    def all_of_it(o):
        o["metadata"]["labels"] = {"a": "b"}
        o["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "m", "uid": "1"}]
        o["spec"]["containers"][0]["image"] = "i:2"
        o["status"]["message"] = "said"

    status, o = changed("iso", all_of_it, "/status")
    api.check("a status write leaves spec and owners", status == 200 and get(o, "spec.containers.0.image") == "i:1" and
              get(o, "metadata.ownerReferences") is None and get(o, "metadata.generation") == 1, o)
    api.check("and takes status and labels", get(o, "status.message") == "said" and get(o, "metadata.labels.a") == "b", o)
    status, o = changed("iso", lambda o: (o["spec"]["containers"][0].update(image="i:3"), o["status"].update(message="other")))
    api.check("a spec write leaves status", status == 200 and get(o, "status.message") == "said", o)
    api.check("and is a new generation", get(o, "metadata.generation") == 2 and get(o, "spec.containers.0.image") == "i:3", o)
    status, o = changed("iso", lambda o: o["metadata"].update(annotations={"n": "o"}, generation=9))
    api.check("metadata alone is none", status == 200 and get(o, "metadata.generation") == 2, o)
    conditions = {"status": {"conditions": [{"type": "A", "status": "True", "message": "m"}]}}
    api.obj("PATCH", PODS + "/iso/status", conditions, headers=STRATEGIC)
    status, o = api.obj("PATCH", PODS + "/iso/status", {"status": {"conditions": [{"type": "A", "status": "False"}]}}, headers=STRATEGIC)
    a = [c for c in get(o, "status.conditions", []) if c["type"] == "A"]
    api.check("a status patch merges deeply", status == 200 and a == [{**a[0], "status": "False", "message": "m"}] and
              len(o["status"]["conditions"]) == 2, o)


def immutables():
    make("imm", activeDeadlineSeconds=50)
    rows = [
        ("a container's name", lambda o: o["spec"]["containers"][0].update(name="d"), FIXED, "spec"),
        ("containers", lambda o: o["spec"]["containers"].append({"name": "d", "image": "i"}),
         "spec.containers: Forbidden: pod updates may not add or remove containers", "spec.containers"),
        ("restartPolicy", lambda o: o["spec"].update(restartPolicy="Never"), FIXED, "spec"),
        ("a longer deadline", lambda o: o["spec"].update(activeDeadlineSeconds=60),
         "spec.activeDeadlineSeconds: Invalid value: 60: must be less than or equal to previous value", None),
        ("a debugger by update", lambda o: o["spec"].update(ephemeralContainers=[{"name": "d", "image": "i"}]), FIXED, "spec"),
        ("a new gate", lambda o: o["spec"]["schedulingGates"].append({"name": "b"}),
         "only deletion is allowed, but found new scheduling gate 'b'", None),
        ("uid", lambda o: o["metadata"].update(uid="other"), "", None),
        ("a toleration there is", lambda o: o["spec"]["tolerations"][0].update(operator="Equal", value="v"),
         "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds", None),
    ]
    for name, change, text, field in rows:
        got = changed("imm", change)
        if name == "uid":
            api.check("another uid is another object", got[0] == 409, got)
        else:
            refused(f"{name} may not change", got, text, field)
    status, o = changed("imm", lambda o: o["spec"].update(activeDeadlineSeconds=40, nodeSelector={"a": "b"}))
    api.check("selectors grow behind a gate", status == 200 and get(o, "metadata.generation") == 2, o)
    refused("but only grow", changed("imm", lambda o: o["spec"].pop("nodeSelector")),
            "only additions to spec.nodeSelector are allowed (no mutations or deletions)")
    status, o = changed("imm", lambda o: o["spec"].update(schedulingGates=[]))
    api.check("gates go", status == 200 and "schedulingGates" not in o["spec"], o)
    refused("then selectors stay", changed("imm", lambda o: o["spec"]["nodeSelector"].update(c="d")), FIXED)


def binding():
    make("bound", schedulingGates=[])
    target = {"metadata": {"name": "bound"}, "target": {"kind": "Node", "name": "core-no-node"}}
    gated = {"metadata": {"name": "gated"}, "target": {"kind": "Node", "name": "core-no-node"}}
    make("gated")
    api.run([
        ("bound", "POST", PODS + "/bound/binding", target, {}, 201, {"kind": "Status", "status": "Success"}),
        ("is on the node", "GET", PODS + "/bound", None, {}, 200,
         {"spec.nodeName": "core-no-node", "metadata.generation": 1, "status.conditions.0.type": "PodScheduled",
          "status.conditions.0.status": "True"}),
        ("twice", "POST", PODS + "/bound/binding", target, {}, 409, lambda o: o["reason"] == "Conflict" and
         'pod bound is already assigned to node "core-no-node"' in o["message"]),
        ("gated", "POST", PODS + "/gated/binding", gated, {}, 409, lambda o: "gated" in o["message"]),
        ("by a node's name", "GET", PODS + "?fieldSelector=spec.nodeName%3Dcore-no-node", None, {}, 200,
         lambda o: [i["metadata"]["name"] for i in o["items"]] == ["bound"]),
    ])
    refused("a node is for good", changed("bound", lambda o: o["spec"].update(nodeName="other")), FIXED)


def debuggers():
    make("debug")
    debugger = {"name": "d", "image": "i:1"}
    status, o = api.obj("PATCH", PODS + "/debug/ephemeralcontainers", {"spec": {"ephemeralContainers": [debugger], "hostPID": True},
                                                                      "metadata": {"labels": {"a": "b"}}}, headers=STRATEGIC)
    api.check("a debugger is added", status == 200 and get(o, "spec.ephemeralContainers.0.name") == "d", o)
    api.check("with its defaults, and nothing else is", get(o, "spec.ephemeralContainers.0.imagePullPolicy") == "IfNotPresent" and
              get(o, "metadata.labels") is None and "hostPID" not in o["spec"] and get(o, "metadata.generation") == 2, o)
    refused("one may not go", changed("debug", lambda o: o["spec"].pop("ephemeralContainers"), "/ephemeralcontainers"),
            'existing ephemeral containers "d" may not be removed')
    refused("nor change", changed("debug", lambda o: o["spec"]["ephemeralContainers"][0].update(image="j"), "/ephemeralcontainers"),
            'existing ephemeral containers "d" may not be changed')
    refused("nor have ports", changed("debug", lambda o: o["spec"]["ephemeralContainers"].append(
        {**debugger, "name": "e", "ports": [{"containerPort": 1}]}), "/ephemeralcontainers"),
        "spec.ephemeralContainers[1].ports: Forbidden: cannot be set for an Ephemeral Container")
    refused("names are shared with containers", changed("debug", lambda o: o["spec"]["ephemeralContainers"].append(
        {**debugger, "name": "c"}), "/ephemeralcontainers"), 'spec.ephemeralContainers[1].name: Duplicate value: "c"')
    api.run([("as it was made it is refused", "POST", PODS, pod("early", ephemeralContainers=[debugger]), {}, 422,
              lambda o: "spec.ephemeralContainers: Forbidden: cannot be set on create" in o["message"])])


def resize():
    make("size", [{"name": "c", "image": "i:1", "resources": ASKED}])

    def cpu(**more):
        return {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "150m"}}, **more}]}}

    status, o = api.obj("PATCH", PODS + "/size/resize", {**cpu(image="other"), "metadata": {"labels": {"a": "b"}}}, headers=STRATEGIC)
    api.check("resources change", status == 200 and get(o, "spec.containers.0.resources.requests") ==
              {"cpu": "150m", "memory": "64Mi"}, o)
    api.check("and nothing else", get(o, "spec.containers.0.image") == "i:1" and get(o, "metadata.labels") is None and
              get(o, "metadata.generation") == 2, o)
    equal = {"cpu": "200m", "memory": "128Mi"}
    refused("not the class of service", changed("size", lambda o: o["spec"]["containers"][0].update(
        resources={"requests": equal, "limits": equal}), "/resize"), "Pod QOS Class may not change as a result of resizing")
    refused("limits stay", changed("size", lambda o: o["spec"]["containers"][0]["resources"].pop("limits"), "/resize"),
            "resource limits cannot be removed")
    refused("so do containers", changed("size", lambda o: o["spec"]["containers"].append({"name": "d", "image": "i"}), "/resize"),
            "spec.containers: Forbidden: containers may not be added or removed on resize")
    refused("and their names", changed("size", lambda o: o["spec"]["containers"][0].update(name="d"), "/resize"),
            "spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize")
    refused("not by an update", changed("size", lambda o: o["spec"]["containers"][0]["resources"]["requests"].update(cpu="10m")), FIXED)


def tables():
    make("row")
    status, o = api.obj("GET", PODS + "/row", headers=TABLE)
    names = [c["name"] for c in o["columnDefinitions"]]
    api.check("a pod's columns", names == ["Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node",
                                           "Readiness Gates"], names)
    api.check("the narrow ones first", [c["priority"] for c in o["columnDefinitions"]] == [0] * 5 + [1] * 4, o)
    cells = o["rows"][0]["cells"]
    api.check("a gated pod's row", cells[:4] == ["row", "0/1", "SchedulingGated", "0"] and cells[5:] == ["<none>"] * 4, cells)
    api.check("rows name the object", get(o, "rows.0.object.kind") == "PartialObjectMetadata", o["rows"])

    def status_of(name, **status):
        api.obj("PATCH", f"{PODS}/{name}/status", {"status": {"conditions": None, **status}}, headers=MERGE_PATCH)
        return api.obj("GET", f"{PODS}/{name}", headers=TABLE)[1]["rows"][0]["cells"]

    def state(**what):
        return [{"name": "c", "image": "i", "imageID": "", "ready": "running" in what, "restartCount": 3, "state": what}]

    rows = [
        ("waiting", {"phase": "Pending", "containerStatuses": state(waiting={"reason": "ImagePullBackOff"})}, "0/1", "ImagePullBackOff"),
        ("running", {"phase": "Running", "containerStatuses": state(running={})}, "1/1", "Running"),
        ("failed", {"phase": "Failed", "containerStatuses": state(terminated={"exitCode": 1, "reason": "Error"})}, "0/1", "Error"),
        ("by a signal", {"phase": "Failed", "containerStatuses": state(terminated={"exitCode": 1, "signal": 9})}, "0/1", "Signal:9"),
        ("by its code", {"phase": "Failed", "containerStatuses": state(terminated={"exitCode": 3})}, "0/1", "ExitCode:3"),
        ("evicted", {"phase": "Failed", "reason": "Evicted", "containerStatuses": None}, "0/1", "Evicted"),
    ]
    for name, new, ready, word in rows:
        cells = status_of("row", **new)
        api.check(f"the row of one {name}", cells[1:3] == [ready, word], cells)


def selectors():
    api.run([
        ("by name", "GET", PODS + "?fieldSelector=metadata.name%3Drow", None, {}, 200, lambda o: len(o["items"]) == 1),
        ("not by name", "GET", PODS + "?fieldSelector=metadata.name!%3Drow", None, {}, 200,
         lambda o: o["items"] and "row" not in [i["metadata"]["name"] for i in o["items"]]),
        ("by phase and account", "GET", PODS + "?fieldSelector=status.phase%3DPending,spec.serviceAccountName%3Ddefault", None, {}, 200,
         lambda o: len(o["items"]) > 2),
        ("by host network", "GET", PODS + "?fieldSelector=spec.hostNetwork%3Dtrue", None, {}, 200, {"items": []}),
        ("by what there is not", "GET", PODS + "?fieldSelector=spec.nope%3Dx", None, {}, 400, lambda o: o["reason"] == "BadRequest" and
         "field label not supported: spec.nope" in o["message"]),
    ])


def warnings():
    twice = [{"name": "c", "image": "i", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}]
    _, headers, _ = api.call("POST", PODS, pod("warned", twice))
    api.check("a variable set twice is warned of", headers.get("warning") ==
              '299 - "spec.containers[0].env[1]: hides previous definition of \\"A\\", which may be dropped when using apply"', headers)


def deletion():
    api.run([
        ("on no node: at once", "DELETE", PODS + "/gated", None, {}, 200, {"kind": "Pod", "metadata.name": "gated"}),
        ("gone", "GET", PODS + "/gated", None, {}, 404, message("NotFound", 'pods "gated" not found')),
        ("on a node: in two steps", "DELETE", PODS + "/bound", None, {}, 200,
         {"metadata.deletionGracePeriodSeconds": 30, "metadata.generation": 2}),
        ("still there", "GET", PODS + "/bound", None, {"headers": TABLE}, 200, lambda o: o["rows"][0]["cells"][2] == "Terminating"),
        ("grace only shortens", "DELETE", PODS + "/bound?gracePeriodSeconds=60", None, {}, 200,
         {"metadata.deletionGracePeriodSeconds": 30}),
        ("now", "DELETE", PODS + "/bound?gracePeriodSeconds=0", None, {}, 200, None),
        ("gone as well", "GET", PODS + "/bound", None, {}, 404, None),
    ])


api.finish(prepare, creation, isolation, immutables, binding, debuggers, resize, tables, selectors, warnings, deletion)
