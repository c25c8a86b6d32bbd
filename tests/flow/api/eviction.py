# SPDX-License-Identifier: Apache-2.0
"""Evictions and the budgets they are charged to; bindings; what a deletion does to pods and all else.

usage: eviction.py KUBECONFIG
"""
import json
import sys
import threading
import time

from cases import MERGE_PATCH, Api, get, message

api = Api(sys.argv[1])
NS = "/api/v1/namespaces/evict"
PODS = NS + "/pods"
BUDGETS = "/apis/policy/v1/namespaces/evict/poddisruptionbudgets"
REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."


def pod(name, app, node="evict-node", **more):
    return {"metadata": {"name": name, "labels": {"app": app}, **more}, "spec": {
        "terminationGracePeriodSeconds": 30, "containers": [{"name": "c", "image": "x"}], **({"nodeName": node} if node else {})}}


def budget(name, app, **spec):
    return {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"app": app}}, **spec}}


def status(phase, ready):
    return {"status": {"phase": phase, "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}}


def put(name, app, phase="Running", ready=True, **more):
    api.run([("pod " + name, "POST", PODS, pod(name, app, **more), {}, 201, None),
             (f"{name} is {phase}", "PATCH", f"{PODS}/{name}/status", status(phase, ready), {"headers": MERGE_PATCH}, 200, None)])


def evict(name, options=None, query="", version="policy/v1"):
    body = {"apiVersion": version, "kind": "Eviction", "metadata": {"name": name, "namespace": "evict"}}
    if options:
        body["deleteOptions"] = options
    return api.call("POST", f"{PODS}/{name}/eviction{query}", body)


def expect(name, got, want, text=None):
    code, headers, data = got
    o = json.loads(data)
    api.check(name, code == want and (text is None or text in o.get("message", "") or text in str(get(o, "details.causes"))), (code, o))
    return headers, o


def tells(name, **want):
    api.eventually(f"budget {name} tells {want}", lambda: all(
        get(api.obj("GET", f"{BUDGETS}/{name}")[1], "status." + k) == v for k, v in want.items()))


def gone(name):
    return api.obj("DELETE", f"{PODS}/{name}?gracePeriodSeconds=0")


def prepare():
    api.run([("namespace", "POST", "/api/v1/namespaces", {"metadata": {"name": "evict"}}, {}, 201, None),
             ("node", "POST", "/api/v1/nodes", {"metadata": {"name": "evict-node"}}, {}, 201, None)])


def budgets():
    """A budget's status follows its pods; evictions ask it and are charged to it."""
    for i in range(3):
        put(f"a{i}", "a")
    api.run([("a budget", "POST", BUDGETS, budget("a", "a", minAvailable=2), {}, 201, None)])
    tells("a", expectedPods=3, currentHealthy=3, desiredHealthy=2, disruptionsAllowed=1, observedGeneration=1)
    condition = get(api.obj("GET", BUDGETS + "/a")[1], "status.conditions.0")
    api.check("its condition", (condition["type"], condition["status"], condition["reason"], condition["observedGeneration"]) ==
              ("DisruptionAllowed", "True", "SufficientPods", 1), condition)
    expect("a dry run is allowed", evict("a0", query="?dryRun=All"), 201)
    expect("and one by its options", evict("a0", {"dryRun": ["All"]}), 201)
    expect("another's name", api.call("POST", f"{PODS}/a0/eviction", {"metadata": {"name": "a1"}}), 400,
           "name in URL does not match name in Eviction object")
    expect("another life of it", evict("a0", {"preconditions": {"uid": "x"}}), 409, "the UID in the precondition (x)")
    expect("another state of it", evict("a0", {"preconditions": {"resourceVersion": "1"}}), 409, "the ResourceVersion in the precondition")
    expect("a policy that is none", evict("a0", {"propagationPolicy": "No"}), 422, "propagationPolicy: Unsupported value")
    tells("a", disruptionsAllowed=1)
    _, o = expect("one may go", evict("a0", version="policy/v1beta1"), 201)
    api.check("success is a Status", (o["kind"], o["status"]) == ("Status", "Success"), o)
    went = api.obj("GET", PODS + "/a0")[1]
    api.check("it goes with its grace", get(went, "metadata.deletionGracePeriodSeconds") == 30, went)
    api.check("and says why", [(c["status"], c["reason"], c["message"]) for c in get(went, "status.conditions") if c["type"] ==
                               "DisruptionTarget"] == [("True", "EvictionByEvictionAPI", "Eviction API: evicting")], went)
    tells("a", expectedPods=3, currentHealthy=2, disruptionsAllowed=0)
    headers, o = expect("no second", evict("a1"), 429, REFUSED)
    api.check("with the cause", get(o, "details.causes") == [message(
        "DisruptionBudget", "The disruption budget a needs 2 healthy pods and has 2 currently")] and "retry-after" not in headers and
        o["reason"] == "TooManyRequests", (headers, o))
    expect("nor as a dry run", evict("a1", query="?dryRun=All"), 429, REFUSED)
    expect("one that goes already may", evict("a0"), 201)
    gone("a0")
    tells("a", expectedPods=2, currentHealthy=2, disruptionsAllowed=0)
    put("a3", "a")
    tells("a", expectedPods=3, disruptionsAllowed=1)
    api.run([("more is wanted", "PATCH", BUDGETS + "/a", {"spec": {"minAvailable": 3}}, {"headers": MERGE_PATCH}, 200, None)])
    tells("a", desiredHealthy=3, disruptionsAllowed=0, observedGeneration=2)
    api.run([("a second budget", "POST", BUDGETS, budget("b", "a", minAvailable=0), {}, 201, None)])
    expect("two budgets are too many", evict("a1"), 500, "This pod has more than one PodDisruptionBudget")
    api.run([("away", "DELETE", BUDGETS + "/b", None, {}, 200, None), ("away", "DELETE", BUDGETS + "/a", None, {}, 200, None)])
    expect("without a budget all may go", evict("a1"), 201)


def nobody_relies_on_them():
    """Pods that do not run, or are not well, need no allowance."""
    api.run([("a budget that allows none", "POST", BUDGETS, budget("n", "n", minAvailable=1), {}, 201, None)])
    put("waits", "n", "Pending", False)
    put("done", "n", "Succeeded", False)
    put("sick", "n", "Running", False)
    tells("n", currentHealthy=0, disruptionsAllowed=0)
    expect("a pending one", evict("waits"), 201)
    expect("a finished one", evict("done"), 201)
    expect("a sick one is guarded while the others do not suffice", evict("sick"), 429, "needs 1 healthy pods and has 0 currently")
    put("well", "n")
    tells("n", currentHealthy=1, disruptionsAllowed=0)
    expect("then it may go", evict("sick"), 201)
    api.run([("a policy", "PATCH", BUDGETS + "/n", {"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow", "minAvailable": 5}},
              {"headers": MERGE_PATCH}, 200, None)])
    tells("n", desiredHealthy=5)
    put("sick2", "n", "Running", False)
    expect("always allowed", evict("sick2"), 201)
    expect("a well one is not", evict("well"), 429, REFUSED)


def nobody_evicts_where_all_ends():
    """In a namespace that ends an eviction is new content; nothing is charged for it."""
    path, budgets = "/api/v1/namespaces/evict-end", "/apis/policy/v1/namespaces/evict-end/poddisruptionbudgets"
    api.run([
        ("a place", "POST", "/api/v1/namespaces", {"metadata": {"name": "evict-end"}, "spec": {"finalizers": ["kubernetes", "x.io/hold"]}},
         {}, 201, None),
        ("a pod", "POST", path + "/pods", pod("p", "p", finalizers=["x.io/hold"]), {}, 201, None),
        ("runs", "PATCH", path + "/pods/p/status", status("Running", True), {"headers": MERGE_PATCH}, 200, None),
        ("a budget", "POST", budgets, budget("b", "p", maxUnavailable=1), {}, 201, None),
        ("the place ends", "DELETE", path, None, {}, 200, None),
        ("no eviction", "POST", path + "/pods/p/eviction", {"metadata": {"name": "p"}}, {}, 403, lambda o:
         o["details"]["causes"][0]["reason"] == "NamespaceTerminating" and o["message"].startswith('pods "p" is forbidden')),
        ("no binding", "POST", path + "/pods/p/binding", {"metadata": {"name": "p"}, "target": {"name": "n"}}, {}, 409, None),
        ("let go", "PATCH", path + "/pods/p", {"metadata": {"finalizers": None}}, {"headers": MERGE_PATCH}, 200, None),
    ])
    api.obj("DELETE", path + "/pods/p?gracePeriodSeconds=0")


def owners():
    """Percentages and maxUnavailable are of what the pods' owners want."""
    rs = {"metadata": {"name": "r"}, "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "r"}}, "template": {
        "metadata": {"labels": {"app": "r"}}, "spec": {"nodeName": "evict-node", "containers": [{"name": "c", "image": "x"}]}}}}
    api.run([("a replicaset", "POST", "/apis/apps/v1/namespaces/evict/replicasets", rs, {}, 201, None),
             ("half may be away", "POST", BUDGETS, budget("r", "r", maxUnavailable="50%"), {}, 201, None)])
    tells("r", expectedPods=4, desiredHealthy=2, currentHealthy=0, disruptionsAllowed=0)
    api.eventually("four pods", lambda: len(api.obj("GET", PODS + "?labelSelector=app=r")[1]["items"]) == 4)
    names = [p["metadata"]["name"] for p in api.obj("GET", PODS + "?labelSelector=app=r")[1]["items"]]
    for name in names:
        api.obj("PATCH", f"{PODS}/{name}/status", status("Running", True), headers=MERGE_PATCH)
    tells("r", currentHealthy=4, disruptionsAllowed=2)
    put("alone", "alone")
    api.run([("a budget of pods without owner", "POST", BUDGETS, budget("alone", "alone", maxUnavailable=1), {}, 201, None)])
    tells("alone", expectedPods=0, disruptionsAllowed=0)
    answers, lock = [], threading.Lock()

    def one(name):
        conn = api.connect()
        conn.request("POST", f"{PODS}/{name}/eviction", json.dumps({"metadata": {"name": name}}), {"Content-Type": "application/json"})
        r = conn.getresponse()
        r.read()
        with lock:
            answers.append(r.status)
    threads = [threading.Thread(target=one, args=(n,)) for n in names]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    api.check("of four at once two may go", sorted(answers) == [201, 201, 429, 429], answers)
    api.run([("away", "DELETE", "/apis/apps/v1/namespaces/evict/replicasets/r", None, {}, 200, None)])


def bindings():
    """The scheduler's word, once."""
    api.run([
        ("a pod", "POST", PODS, pod("b", "b", node=None, annotations={"a": "old"}), {}, 201, None),
        ("a kind of target that is none", "POST", PODS + "/b/binding", {"metadata": {"name": "b"}, "target": {"kind": "Pod", "name": "n"}},
         {}, 422, lambda o: 'target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"' in o["message"]),
        ("no target", "POST", PODS + "/b/binding", {"metadata": {"name": "b"}, "target": {}}, {}, 422,
         lambda o: "target.name: Required value" in o["message"]),
        ("another life of it", "POST", PODS + "/b/binding", {"metadata": {"name": "b", "uid": "x"}, "target": {"name": "n"}}, {}, 409,
         lambda o: "Precondition failed: UID in precondition: x" in o["message"]),
        ("nobody", "POST", PODS + "/none/binding", {"metadata": {"name": "none"}, "target": {"name": "n"}}, {}, 404, None),
        ("a dry run", "POST", PODS + "/b/binding?dryRun=All", {"metadata": {"name": "b"}, "target": {"name": "n"}}, {}, 201, None),
        ("is not bound", "GET", PODS + "/b", None, {}, 200, {"spec.nodeName": None}),
        ("bound, with notes", "POST", NS + "/bindings", {"metadata": {"name": "b", "annotations": {"a": "new", "c": "d"}, "labels": {
            "app": "other", "zone": "z"}}, "target": {"kind": "Node", "name": "evict-node"}}, {}, 201, {"status": "Success"}),
        ("as told", "GET", PODS + "/b", None, {}, 200, lambda o: o["spec"]["nodeName"] == "evict-node" and
         o["metadata"]["annotations"] == {"a": "new", "c": "d"} and o["metadata"]["labels"] == {"app": "b", "zone": "z"} and
         [c["status"] for c in o["status"]["conditions"] if c["type"] == "PodScheduled"] == ["True"] and o["metadata"]["generation"] == 1),
        ("not twice", "POST", PODS + "/b/binding", {"metadata": {"name": "b"}, "target": {"name": "evict-node"}}, {}, 409, {
            "message": 'Operation cannot be fulfilled on pods/binding "b": pod b is already assigned to node "evict-node"',
            "details": {"name": "b", "kind": "pods/binding"}}),
        ("a gated pod", "POST", PODS, {**pod("gate", "g", node=None), "spec": {"schedulingGates": [{"name": "x.io/y"}],
                                       "containers": [{"name": "c", "image": "x"}]}}, {}, 201, None),
        ("stays", "POST", PODS + "/gate/binding", {"metadata": {"name": "gate"}, "target": {"name": "n"}}, {}, 409,
         lambda o: "pod gate has non-empty .spec.schedulingGates" in o["message"]),
    ])


def grace():
    """Pods go in two steps, and only ever sooner."""
    at = lambda o: time.mktime(time.strptime(o["metadata"]["deletionTimestamp"], "%Y-%m-%dT%H:%M:%SZ"))
    api.run([("a pod", "POST", PODS, pod("g", "g"), {}, 201, None)])
    first = api.obj("DELETE", PODS + "/g", {"gracePeriodSeconds": 100})[1]
    made = time.mktime(time.strptime(first["metadata"]["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ"))
    api.check("it will go in so long", first["metadata"]["deletionGracePeriodSeconds"] == 100 and 98 <= at(first) - made <= 105 and
              first["metadata"]["generation"] == 2, first)
    later = api.obj("DELETE", PODS + "/g", {"gracePeriodSeconds": 200})[1]
    api.check("not later", later["metadata"]["deletionGracePeriodSeconds"] == 100 and at(later) == at(first), later)
    again = api.obj("DELETE", PODS + "/g")[1]
    api.check("nor by asking again", at(again) == at(first), again)
    sooner = api.obj("DELETE", PODS + "/g?gracePeriodSeconds=10")[1]
    api.check("sooner", sooner["metadata"]["deletionGracePeriodSeconds"] == 10 and at(sooner) == at(first) - 90 and
              sooner["metadata"]["generation"] == 2, sooner)
    api.run([
        ("a dry run changes nothing", "DELETE", PODS + "/g?gracePeriodSeconds=0&dryRun=All", None, {}, 200, None),
        ("still there", "GET", PODS + "/g", None, {}, 200, {"metadata.deletionGracePeriodSeconds": 10}),
        ("at once", "DELETE", PODS + "/g?gracePeriodSeconds=0", None, {}, 200, {"kind": "Pod"}),
        ("gone", "GET", PODS + "/g", None, {}, 404, None),
        ("a pod on no node", "POST", PODS, pod("h", "h", node=None), {}, 201, None),
        ("goes at once", "DELETE", PODS + "/h", None, {}, 200, {"metadata.deletionGracePeriodSeconds": 0}),
        ("gone", "GET", PODS + "/h", None, {}, 404, None),
        ("a negative grace", "POST", PODS, {**pod("i", "i")}, {}, 201, None),
        ("is the shortest", "DELETE", PODS + "/i", {"gracePeriodSeconds": -5}, {}, 200, {"metadata.deletionGracePeriodSeconds": 1}),
        ("a held pod", "POST", PODS, pod("f", "f", finalizers=["x.io/f"]), {}, 201, None),
        ("waits for its finalizers", "DELETE", PODS + "/f?gracePeriodSeconds=0", None, {}, 200, {
            "metadata.finalizers": ["x.io/f"], "metadata.deletionGracePeriodSeconds": 0}),
        ("no new ones", "PATCH", PODS + "/f", {"metadata": {"finalizers": ["x.io/f", "x.io/g"]}}, {"headers": MERGE_PATCH}, 422, None),
        ("let go", "PATCH", PODS + "/f", {"metadata": {"finalizers": None}}, {"headers": MERGE_PATCH}, 200, None),
        ("gone", "GET", PODS + "/f", None, {}, 404, None),
    ])


def preconditions_and_policies():
    """What a deletion depends on, and what becomes of dependents."""
    cms = NS + "/configmaps"
    deployments = "/apis/apps/v1/namespaces/evict/deployments"
    jobs = "/apis/batch/v1/namespaces/evict/jobs"
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
    made = api.obj("POST", cms, {"metadata": {"name": "p"}})[1]["metadata"]
    api.run([
        ("another uid", "DELETE", cms + "/p", {"preconditions": {"uid": "u"}}, {}, 409, {
            "message": f'Operation cannot be fulfilled on ConfigMap "p": the UID in the precondition (u) does not match the UID in record '
                       f'({made["uid"]}). The object might have been deleted and then recreated',
            "details": {"name": "p", "kind": "ConfigMap"}}),
        ("another revision", "DELETE", cms + "/p", {"preconditions": {"resourceVersion": "1"}}, {}, 409, {
            "message": f'Operation cannot be fulfilled on ConfigMap "p": the ResourceVersion in the precondition (1) does not match the '
                       f'ResourceVersion in record ({made["resourceVersion"]}). The object might have been modified'}),
        ("its own", "DELETE", cms + "/p", {"preconditions": {"uid": made["uid"], "resourceVersion": made["resourceVersion"]}}, {}, 200,
         {"kind": "Status", "status": "Success", "details": {"name": "p", "kind": "configmaps", "uid": made["uid"]}}),
        ("both policies", "DELETE", cms + "/p", {"propagationPolicy": "Orphan", "orphanDependents": True}, {}, 422, lambda o:
         "orphanDependents and deletionPropagation cannot be both set" in o["message"]),
        ("a deployment", "POST", deployments, {"metadata": {"name": "d", "finalizers": ["x.io/hold"]}, "spec": {
            "replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": {**template, "spec": {"containers": template["spec"][
                "containers"]}}}}, {}, 201, None),
        ("waits in the foreground", "DELETE", deployments + "/d?propagationPolicy=Foreground", None, {}, 200, lambda o:
         "foregroundDeletion" in o["metadata"]["finalizers"] and o["metadata"]["generation"] == 2),
        ("let go", "PATCH", deployments + "/d", {"metadata": {"finalizers": None}}, {"headers": MERGE_PATCH}, 200, None),
        ("a job held", "POST", jobs, {"metadata": {"name": "j", "finalizers": ["x.io/hold"]}, "spec": {"template": template}}, {}, 201, None),
        ("orphans by old habit", "DELETE", jobs + "/j", None, {}, 200, lambda o: set(o["metadata"]["finalizers"]) == {"x.io/hold", "orphan"}),
        ("another mind", "DELETE", jobs + "/j?propagationPolicy=Background", None, {}, 200,
         lambda o: o["metadata"]["finalizers"] == ["x.io/hold"]),
        ("let go", "PATCH", jobs + "/j", {"metadata": {"finalizers": None}}, {"headers": MERGE_PATCH}, 200, None),
    ])
    api.eventually("the deployment is gone", lambda: api.obj("GET", deployments + "/d")[0] == 404)


def collections():
    """deletecollection answers the list of what it deleted."""
    cms = NS + "/configmaps"
    for i in range(5):
        api.obj("POST", cms, {"metadata": {"name": f"coll{i}", "labels": {"coll": "a" if i else "b"}}})
    api.run([
        ("a dry run", "DELETE", cms + "?labelSelector=coll=a&dryRun=All", None, {}, 200, lambda o: len(o["items"]) == 4),
        ("all are there", "GET", cms + "?labelSelector=coll", None, {}, 200, lambda o: len(o["items"]) == 5),
        ("some", "DELETE", cms + "?labelSelector=coll=a", None, {}, 200, lambda o: o["kind"] == "ConfigMapList" and len(o["items"]) == 4),
        ("the others stay", "GET", cms + "?labelSelector=coll", None, {}, 200, lambda o: [i["metadata"]["name"] for i in o["items"]] == [
            "coll0"]),
        ("of pods with their grace", "POST", PODS, pod("coll", "coll"), {}, 201, None),
        ("marked", "DELETE", PODS + "?labelSelector=app=coll", {"gracePeriodSeconds": 7}, {}, 200, None),
        ("as asked", "GET", PODS + "/coll", None, {}, 200, {"metadata.deletionGracePeriodSeconds": 7}),
        ("no namespaces", "DELETE", "/api/v1/namespaces", None, {}, 405, None),
    ])


def in_use():
    """Claims and volumes go when nobody uses them."""
    claims, volumes = NS + "/persistentvolumeclaims", "/api/v1/persistentvolumes"
    user = pod("user", "user")
    user["spec"]["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": "held"}}]
    size = {"storage": "1Gi"}
    api.run([
        ("a claim", "POST", claims, {"metadata": {"name": "held"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": size}}},
         {}, 201, {"metadata.finalizers": ["kubernetes.io/pvc-protection"]}),
        ("a user", "POST", PODS, user, {}, 201, None),
        ("deleted", "DELETE", claims + "/held", None, {}, 200, lambda o: "deletionTimestamp" in o["metadata"]),
        ("it is used", "GET", claims + "/held", None, {}, 200, None),
        ("the user ends", "PATCH", PODS + "/user/status", {"status": {"phase": "Succeeded"}}, {"headers": MERGE_PATCH}, 200, None),
    ])
    api.eventually("so it goes", lambda: api.obj("GET", claims + "/held")[0] == 404)
    api.run([
        ("a volume", "POST", volumes, {"metadata": {"name": "evict-v"}, "spec": {"capacity": size, "accessModes": ["ReadWriteOnce"],
                                       "hostPath": {"path": "/tmp/x"}}}, {}, 201, {"metadata.finalizers": ["kubernetes.io/pv-protection"]}),
        ("bound", "PATCH", volumes + "/evict-v/status", {"status": {"phase": "Bound"}}, {"headers": MERGE_PATCH}, 200, None),
        ("deleted", "DELETE", volumes + "/evict-v", None, {}, 200, None),
        ("it is bound", "GET", volumes + "/evict-v", None, {}, 200, None),
        ("released", "PATCH", volumes + "/evict-v/status", {"status": {"phase": "Released"}}, {"headers": MERGE_PATCH}, 200, None),
    ])
    api.eventually("so it goes", lambda: api.obj("GET", volumes + "/evict-v")[0] == 404)


api.finish(prepare, budgets, nobody_relies_on_them, nobody_evicts_where_all_ends, owners, bindings, grace, preconditions_and_policies, collections, in_use)
