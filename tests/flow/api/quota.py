# SPDX-License-Identifier: Apache-2.0
"""ResourceQuota: what is refused, what is counted, what its status tells, and that many writers at once fit exactly.

usage: quota.py KUBECONFIG
"""
import json
import sys
import threading

from cases import MERGE_PATCH, Api, get

api = Api(sys.argv[1])
SECOND = {"cpu": "100m", "memory": "64Mi"}


def ns(name, part=""):
    return f"/api/v1/namespaces/{name}" + ("/" + part if part else "")


def quota(name, hard, **spec):
    return {"metadata": {"name": name}, "spec": {"hard": hard, **spec}}


def pod(name, requests=None, limits=None, **spec):
    resources = {k: v for k, v in (("requests", requests), ("limits", limits)) if v}
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "x", "resources": resources}], **spec}}


def claim(name, size="1Gi", **spec):
    return {"metadata": {"name": name}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec}}


def place(name):
    """A namespace whose account and root certificate are there, so that later counts hold still."""
    api.run([(f"namespace {name}", "POST", "/api/v1/namespaces", {"metadata": {"name": name}}, {}, 201, None)])
    api.eventually(f"{name} is ready", lambda: api.obj("GET", ns(name, "serviceaccounts/default"))[0] == 200 and
                   api.obj("GET", ns(name, "configmaps/kube-root-ca.crt"))[0] == 200)


def used(name, of, want):
    """Wait until the status tells want."""
    status = {}

    def look():
        status.update(get(api.obj("GET", ns(name, "resourcequotas/" + of))[1], "status") or {})
        return all(get(status, "used").get(k) == v for k, v in want.items()) if status.get("used") else not want
    api.eventually(f"{of} in {name} tells {want}", look)
    return status


def refused(text):
    return lambda o: text in o["message"] and o["reason"] == "Forbidden"


def counts():
    """Kinds by count, old names and new, and the status of all."""
    place("q-count")
    hard = {"count/configmaps": "2", "configmaps": "3", "secrets": "1", "services": "2", "services.nodeports": "1",
            "services.loadbalancers": "0", "count/deployments.apps": "1", "resourcequotas": "2", "pods": "1", "count/pods": "2",
            "replicationcontrollers": "0", "count/widgets.example.com": "5"}
    path = ns("q-count")
    deployments = "/apis/apps/v1/namespaces/q-count/deployments"

    def service(name, kind="ClusterIP", ports=1):
        return {"metadata": {"name": name}, "spec": {"type": kind, "selector": {"a": "b"}, "ports": [
            {"name": f"p{i}", "port": 80 + i} for i in range(ports)]}}
    def deployment(name):
        return {"metadata": {"name": name}, "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": {
            "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}}}
    api.run([("a quota", "POST", path + "/resourcequotas", quota("q", hard), {}, 201, None)])
    status = used("q-count", "q", {"count/configmaps": "1", "configmaps": "1", "services": "0", "pods": "0", "resourcequotas": "1"})
    api.check("what is allowed is told, too", get(status, "hard") == hard, status)
    api.run([
        ("a second configmap", "POST", path + "/configmaps", {"metadata": {"name": "a"}}, {}, 201, None),
        ("no third", "POST", path + "/configmaps", {"metadata": {"name": "b"}}, {}, 403, refused(
            'configmaps "b" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=2, '
            'limited: count/configmaps=2')),
        ("an update is free", "PATCH", path + "/configmaps/a", {"data": {"k": "v"}}, {"headers": MERGE_PATCH}, 200, None),
        ("a dry run is refused as well", "POST", path + "/configmaps?dryRun=All", {"metadata": {"name": "b"}}, {}, 403, None),
        ("a secret", "POST", path + "/secrets", {"metadata": {"name": "a"}}, {}, 201, None),
        ("no second", "POST", path + "/secrets", {"metadata": {"name": "b"}}, {}, 403, refused("secrets=1")),
        ("a dry run counts nothing", "POST", path + "/services?dryRun=All", service("n", "NodePort"), {}, 201, None),
        ("node ports", "POST", path + "/services", service("n", "NodePort"), {}, 201, None),
        ("too many", "POST", path + "/services", service("m", "NodePort", 2), {}, 403, refused(
            "requested: services.nodeports=2, used: services.nodeports=1, limited: services.nodeports=1")),
        ("none", "POST", path + "/services", service("c"), {}, 201, None),
        ("no third service", "POST", path + "/services", service("d"), {}, 403, refused("services=2")),
        ("one that becomes a balancer", "PATCH", path + "/services/c", {"spec": {"type": "LoadBalancer"}}, {"headers": MERGE_PATCH},
         403, refused("services.loadbalancers=1")),
        ("a deployment", "POST", deployments, deployment("a"), {}, 201, None),
        ("no second", "POST", deployments, deployment("b"), {}, 403, refused("count/deployments.apps=1")),
        ("a pod", "POST", path + "/pods", pod("a"), {}, 201, None),
        ("no second", "POST", path + "/pods", pod("b"), {}, 403, refused("requested: pods=1, used: pods=1, limited: pods=1")),
        ("it ends", "PATCH", path + "/pods/a/status", {"status": {"phase": "Succeeded"}}, {"headers": MERGE_PATCH}, 200, None),
        ("finished pods are free", "POST", path + "/pods", pod("b"), {}, 201, None),
        ("but are counted as objects", "POST", path + "/pods", pod("c"), {}, 403, refused("count/pods=1")),
        ("no name before the count", "POST", path + "/replicationcontrollers", {"metadata": {"name": "r"}, "spec": {
            "replicas": 0, "template": deployment("x")["spec"]["template"]}}, {}, 403, refused("replicationcontrollers=1")),
    ])
    used("q-count", "q", {"count/configmaps": "2", "secrets": "1", "services": "2", "services.nodeports": "1",
                          "services.loadbalancers": "0", "count/deployments.apps": "1", "pods": "1", "count/pods": "2",
                          "count/widgets.example.com": "0"})
    api.run([("one goes", "DELETE", path + "/configmaps/a", None, {}, 200, None),
             ("so there is room at once", "POST", path + "/configmaps", {"metadata": {"name": "b"}}, {}, 201, None),
             ("more is allowed", "PATCH", path + "/resourcequotas/q", {"spec": {"hard": {"count/configmaps": "9", "secrets": None}}},
              {"headers": MERGE_PATCH}, 200, None),
             ("at once", "POST", path + "/configmaps", {"metadata": {"name": "c"}}, {}, 201, None),
             ("and what is not named is free", "POST", path + "/secrets", {"metadata": {"name": "b"}}, {}, 201, None)])
    status = used("q-count", "q", {"count/configmaps": "3", "configmaps": "3"})
    api.check("the status forgets what is not named", "secrets" not in get(status, "used") and get(status, "hard").get(
        "count/configmaps") == "9", status)
    api.run([("somebody writes the status", "PATCH", path + "/resourcequotas/q/status", {"status": {"hard": {"pods": "77"}, "used": {
        "pods": "55"}}}, {"headers": MERGE_PATCH}, 200, lambda o: o["status"]["hard"]["pods"] == "77")])
    used("q-count", "q", {"pods": "1"})
    api.run([("the quota goes", "DELETE", path + "/resourcequotas/q", None, {}, 200, {"kind": "ResourceQuota"}),
             ("and so do the limits", "POST", path + "/configmaps", {"metadata": {"name": "d"}}, {}, 201, None)])


def compute():
    """cpu, memory, extended resources; what every container must say; what a pod takes as a whole."""
    place("q-cpu")
    path = ns("q-cpu")
    hard = {"cpu": "1", "requests.cpu": "1", "memory": "1Gi", "limits.cpu": "2", "limits.memory": "2Gi", "pods": "10",
            "requests.example.com/gpu": "2", "requests.ephemeral-storage": "1Gi", "hugepages-2Mi": "4Mi"}
    lim = {"cpu": "200m", "memory": "100Mi"}
    api.run([
        ("a quota", "POST", path + "/resourcequotas", quota("q", hard), {}, 201, None),
        ("nothing said", "POST", path + "/pods", pod("a"), {}, 403, refused(
            'pods "a" is forbidden: failed quota: q: must specify cpu for: c; limits.cpu for: c; limits.memory for: c; memory for: '
            'c; requests.cpu for: c')),
        ("half of them", "POST", path + "/pods", {"metadata": {"name": "a"}, "spec": {
            "initContainers": [{"name": "z", "image": "x", "resources": {"limits": {"cpu": "1"}}}],
            "containers": [{"name": "y", "image": "x", "resources": {"limits": lim}}, {"name": "b", "image": "x"}]}}, {}, 403,
         refused("must specify cpu for: b; limits.cpu for: b; limits.memory for: b,z; memory for: b,z; requests.cpu for: b")),
        ("all", "POST", path + "/pods", pod("a", {"cpu": "100m", "memory": "50Mi"}, lim), {}, 201, None),
        ("limits are requests", "POST", path + "/pods", pod("b", None, lim), {}, 201, None),
        ("too much of several", "POST", path + "/pods", pod("c", {"cpu": "800m", "memory": "1Gi"}, {"cpu": "1", "memory": "1Gi"}), {}, 403,
         refused("exceeded quota: q, requested: cpu=800m,memory=1Gi,requests.cpu=800m, used: cpu=300m,memory=150Mi,requests.cpu=300m, "
                 "limited: cpu=1,memory=1Gi,requests.cpu=1")),
        ("an init container at its worst", "POST", path + "/pods", {"metadata": {"name": "i"}, "spec": {
            "initContainers": [{"name": "i", "image": "x", "resources": {"limits": {"cpu": "900m", "memory": "1Mi"}}}],
            "containers": [{"name": "c", "image": "x", "resources": {"limits": {"cpu": "10m", "memory": "1Mi"}}}]}}, {}, 403,
         refused("requested: cpu=900m,requests.cpu=900m")),
        ("an extended resource", "POST", path + "/pods", pod("g", None, {**lim, "example.com/gpu": "2"}), {}, 201, None),
        ("no more of it", "POST", path + "/pods", pod("h", None, {"cpu": "1m", "memory": "1Mi", "example.com/gpu": "1"}), {}, 403,
         refused("requested: requests.example.com/gpu=1, used: requests.example.com/gpu=2, limited: requests.example.com/gpu=2")),
    ])
    used("q-cpu", "q", {"cpu": "500m", "requests.cpu": "500m", "memory": "250Mi", "limits.cpu": "600m", "limits.memory": "300Mi",
                        "requests.example.com/gpu": "2", "pods": "3", "requests.ephemeral-storage": "0"})
    api.run([("resized beyond", "PATCH", path + "/pods/a/resize", {"spec": {"containers": [{"name": "c", "resources": {
                 "requests": {"cpu": "900m", "memory": "50Mi"}, "limits": {"cpu": "1", "memory": "100Mi"}}}]}},
              {"headers": {"Content-Type": "application/strategic-merge-patch+json"}}, 403,
              refused("requested: cpu=800m,requests.cpu=800m, used: cpu=500m,requests.cpu=500m, limited: cpu=1,requests.cpu=1")),
             ("it is deleted on no node", "DELETE", path + "/pods/g", None, {}, 200, None),
             ("and free", "POST", path + "/pods", pod("h", None, {**lim, "example.com/gpu": "2"}), {}, 201, None)])


def wide():
    """A quota of many resources misses none of them."""
    place("q-wide")
    path = ns("q-wide")
    hard = {f"count/widgets{i:02}.example.com": "1" for i in range(30)}
    api.run([("a quota", "POST", path + "/resourcequotas", quota("q", {**hard, "requests.memory": "1Gi"}), {}, 201, None),
             ("nothing said", "POST", path + "/pods", pod("a"), {}, 403, refused("must specify requests.memory for: c")),
             ("too much", "POST", path + "/pods", pod("a", {"memory": "2Gi"}), {}, 403, refused("requests.memory=2Gi"))])


def claims():
    """Claims by number and size, all together and of one class."""
    place("q-claim")
    path = ns("q-claim")
    hard = {"persistentvolumeclaims": "3", "requests.storage": "10Gi", "count/persistentvolumeclaims": "5",
            "gold.storageclass.storage.k8s.io/requests.storage": "3Gi", "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1"}
    api.run([
        ("a quota", "POST", path + "/resourcequotas", quota("q", hard), {}, 201, None),
        ("a claim", "POST", path + "/persistentvolumeclaims", claim("a", storageClassName="gold"), {}, 201, None),
        ("no second of that class", "POST", path + "/persistentvolumeclaims", claim("b", storageClassName="gold"), {}, 403,
         refused("gold.storageclass.storage.k8s.io/persistentvolumeclaims=1")),
        ("of another", "POST", path + "/persistentvolumeclaims", claim("b", "8Gi", storageClassName="tin"), {}, 201, None),
        ("too large", "POST", path + "/persistentvolumeclaims", claim("c", "2Gi", storageClassName="tin"), {}, 403,
         refused("requested: requests.storage=2Gi, used: requests.storage=9Gi, limited: requests.storage=10Gi")),
    ])
    used("q-claim", "q", {"persistentvolumeclaims": "2", "requests.storage": "9Gi",
                          "gold.storageclass.storage.k8s.io/requests.storage": "1Gi"})


def scopes():
    """Quotas of some pods only: by class, by how they end, by quality, by whom they look for elsewhere."""
    place("q-scope")
    path = ns("q-scope")
    api.run([("a class", "POST", "/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "q-high"}, "value": 5}, {}, 201, None)])
    def select(name, op, *values):
        return {"scopeSelector": {"matchExpressions": [{"scopeName": name, "operator": op, **({"values": list(values)} if values else {})}]}}
    rows = [("terminating", {"scopes": ["Terminating"]}), ("staying", {"scopes": ["NotTerminating"]}),
            ("best-effort", {"scopes": ["BestEffort"]}), ("not-best-effort", {"scopes": ["NotBestEffort"]}),
            ("high", select("PriorityClass", "In", "q-high")), ("not-high", select("PriorityClass", "NotIn", "q-high")),
            ("any-class", {"scopes": ["PriorityClass"]}), ("no-class", select("PriorityClass", "DoesNotExist")),
            ("cross", {"scopes": ["CrossNamespacePodAffinity"]})]
    for name, spec in rows:
        api.run([("quota " + name, "POST", path + "/resourcequotas", quota(name, {"pods": "10"}, **spec), {}, 201, None)])
    term = {"podAffinityTerm": {"topologyKey": "a", "namespaces": ["x"], "labelSelector": {}}, "weight": 1}
    for name, more, resources, counted in [
            ("plain", {}, None, {"staying", "best-effort", "not-high", "no-class"}),
            ("ends", {"activeDeadlineSeconds": 5}, None, {"terminating", "best-effort", "not-high", "no-class"}),
            ("sized", {}, SECOND, {"staying", "not-best-effort", "not-high", "no-class"}),
            ("high", {"priorityClassName": "q-high"}, None, {"staying", "best-effort", "high", "any-class"}),
            ("far", {"affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}}, None,
             {"staying", "best-effort", "not-high", "no-class", "cross"})]:
        api.run([("pod " + name, "POST", path + "/pods", pod(name, resources, **more), {}, 201, None)])
        for q, _ in rows:
            used("q-scope", q, {"pods": "1" if q in counted else "0"})
        api.run([("away", "DELETE", path + "/pods/" + name, None, {}, 200, None)])
    api.run([("none of that class", "POST", path + "/resourcequotas", quota("none", {"pods": "0"}, **select("PriorityClass", "In", "q-high")),
              {}, 201, None),
             ("refused", "POST", path + "/pods", pod("x", priorityClassName="q-high"), {}, 403, refused("exceeded quota: none")),
             ("others are not", "POST", path + "/pods", pod("y"), {}, 201, None)])


def many_at_once():
    """Two hundred writers, room for a few: exactly those, and nothing held back after failures."""
    place("q-many")
    path = ns("q-many")
    api.run([("a quota", "POST", path + "/resourcequotas", quota("q", {"pods": "17", "requests.cpu": "1700m"}), {}, 201, None)])
    answers, lock = [], threading.Lock()

    def write(n):
        conn = api.connect()
        for i in range(10):
            dry = "?dryRun=All" if i % 3 == 0 else ""
            conn.request("POST", path + "/pods" + dry, json.dumps(pod(f"p{n}-{i}", SECOND)), {"Content-Type": "application/json"})
            r = conn.getresponse()
            r.read()
            with lock:
                answers.append((bool(dry), r.status))
        conn.close()
    threads = [threading.Thread(target=write, args=(n,)) for n in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    made = [s for dry, s in answers if not dry and s == 201]
    api.check("exactly those that fit", len(made) == 17, answers)
    api.check("all others are refused", {s for dry, s in answers if not dry} == {201, 403}, answers)
    items = api.obj("GET", path + "/pods")[1]["items"]
    api.check("and so many are there", len(items) == 17, len(items))
    used("q-many", "q", {"pods": "17", "requests.cpu": "1700m"})
    api.run([("one goes", "DELETE", path + "/pods/" + items[0]["metadata"]["name"], None, {}, 200, None),
             ("one comes", "POST", path + "/pods", pod("last", SECOND), {}, 201, None),
             ("a name twice holds nothing back", "POST", path + "/pods", pod("last", SECOND), {}, 403, None),
             ("two go", "DELETE", path + "/pods/last", None, {}, 200, None),
             ("two go", "DELETE", path + "/pods/" + items[1]["metadata"]["name"], None, {}, 200, None),
             ("one comes", "POST", path + "/pods", pod("one", SECOND), {}, 201, None),
             ("its name is taken", "POST", path + "/pods", pod("one", SECOND), {}, 409, None),
             ("another one comes", "POST", path + "/pods", pod("two", SECOND), {}, 201, None)])


api.finish(counts, compute, wide, claims, scopes, many_at_once)
