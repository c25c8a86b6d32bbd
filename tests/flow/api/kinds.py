# SPDX-License-Identifier: Apache-2.0
"""The life of one object of every kind that discovery names, as upstream's conformance goes through it: made, read, listed,
watched, changed in every way, its status and scale, as a table, as protobuf, removed alone and with others.

usage: kinds.py KUBECONFIG
"""
import base64
import copy
import json
import os
import subprocess
import sys
import threading

from cases import APPLY, JSON_PATCH, MERGE_PATCH, STRATEGIC, Api, get

api = Api(sys.argv[1])
NS = "kinds"
PROTOBUF = "application/vnd.kubernetes.protobuf"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
AGED = "2020-01-01T00:00:00Z"

POD = {"containers": [{"name": "c", "image": "i"}]}
SELECTOR = {"matchLabels": {"app": "life"}}
TEMPLATE = {"metadata": {"labels": {"app": "life"}}, "spec": POD}
WORKLOAD = {"selector": SELECTOR, "template": TEMPLATE}
JOB = {"suspend": True, "template": {"spec": {**POD, "restartPolicy": "Never"}}}
CLAIM = {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c.example.com"}}]}}
ROLE_REF = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "life"}
RULES = [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]
WEBHOOK = {"name": "w.example.com", "clientConfig": {"url": "https://127.0.0.1:1/"}, "sideEffects": "None", "admissionReviewVersions": ["v1"],
           "rules": [{"operations": ["CREATE"], "apiGroups": ["life.example.com"], "apiVersions": ["v1"], "resources": ["x"]}]}
MATCH = {"resourceRules": WEBHOOK["rules"]}
CONDITION = {"type": "Life", "status": "True", "reason": "R", "message": "m", "lastTransitionTime": AGED}
SHORT = {k: CONDITION[k] for k in ("type", "status")}


def request():
    """A certificate request of one's own."""
    made = subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                           os.devnull, "-subj", "/CN=life"], capture_output=True, check=True)
    return base64.b64encode(made.stdout).decode()


def crd(name):
    plural, group = name.split(".", 1)
    names = {"plural": plural, "kind": plural.capitalize()}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}]
    return {"spec": {"group": group, "scope": "Cluster", "names": names, "versions": versions}}


# Kind -> what an object of it has beside its metadata.
BODIES = {
    "v1/configmaps": {"data": {"k": "v"}},
    "v1/endpoints": {"subsets": [{"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 80}]}]},
    "v1/events": {"involvedObject": {"kind": "Pod", "namespace": NS, "name": "x"}, "reason": "R"},
    "v1/limitranges": {"spec": {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "1Ti"}}]}},
    "v1/namespaces": {},
    "v1/nodes": {"spec": {"unschedulable": True}},
    "v1/persistentvolumeclaims": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
    "v1/persistentvolumes": {"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}},
    "v1/pods": {"spec": {**POD, "schedulingGates": [{"name": "example.com/wait"}]}},
    "v1/podtemplates": {"template": TEMPLATE},
    "v1/replicationcontrollers": {"spec": {"replicas": 0, "selector": {"app": "life"}, "template": TEMPLATE}},
    "v1/resourcequotas": {"spec": {"hard": {"count/widgets.example.com": "1"}}},
    "v1/secrets": {"data": {"k": "dg=="}},
    "v1/serviceaccounts": {},
    "v1/services": {"spec": {"ports": [{"port": 80}]}},
    "apiregistration.k8s.io/v1/apiservices": {"spec": {"group": "life.example.com", "version": "", "groupPriorityMinimum": 1, "versionPriority": 1}},
    "apps/v1/controllerrevisions": {"data": {"x": 1}, "revision": 1},
    "apps/v1/daemonsets": {"spec": {"selector": SELECTOR, "template": {"metadata": TEMPLATE["metadata"],
                           "spec": {**POD, "nodeSelector": {"no": "where"}}}}},
    "apps/v1/deployments": {"spec": {"replicas": 0, **WORKLOAD}},
    "apps/v1/replicasets": {"spec": {"replicas": 0, **WORKLOAD}},
    "apps/v1/statefulsets": {"spec": {"replicas": 0, "serviceName": "s", **WORKLOAD}},
    "events.k8s.io/v1/events": {"regarding": {"kind": "Pod", "namespace": NS, "name": "x"}, "reason": "R", "type": "Normal", "action": "A",
                                "eventTime": "2020-01-01T00:00:00.000000Z", "reportingController": "example.com/c", "reportingInstance": "i"},
    "autoscaling/v1/horizontalpodautoscalers": {"spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"}}},
    "autoscaling/v2/horizontalpodautoscalers": {"spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"}}},
    "batch/v1/cronjobs": {"spec": {"schedule": "@yearly", "jobTemplate": {"spec": JOB}}},
    "batch/v1/jobs": {"spec": JOB},
    "certificates.k8s.io/v1/certificatesigningrequests": {"spec": {"signerName": "example.com/s", "usages": ["client auth"]}},
    "networking.k8s.io/v1/ingressclasses": {"spec": {"controller": "example.com/c"}},
    "networking.k8s.io/v1/ingresses": {"spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}},
    "networking.k8s.io/v1/ipaddresses": {"spec": {"parentRef": {"resource": "services", "namespace": "x", "name": "y"}}},
    "networking.k8s.io/v1/networkpolicies": {"spec": {"podSelector": {}}},
    "networking.k8s.io/v1/servicecidrs": {"spec": {"cidrs": ["192.168.0.0/24"]}},
    "policy/v1/poddisruptionbudgets": {"spec": {"minAvailable": 1, "selector": SELECTOR}},
    "rbac.authorization.k8s.io/v1/clusterrolebindings": {"roleRef": ROLE_REF},
    "rbac.authorization.k8s.io/v1/clusterroles": {"rules": RULES},
    "rbac.authorization.k8s.io/v1/rolebindings": {"roleRef": ROLE_REF},
    "rbac.authorization.k8s.io/v1/roles": {"rules": RULES},
    "storage.k8s.io/v1/csidrivers": {"spec": {}},
    "storage.k8s.io/v1/csinodes": {"spec": {"drivers": [{"name": "d.example.com", "nodeID": "n"}]}},
    "storage.k8s.io/v1/csistoragecapacities": {"storageClassName": "c", "capacity": "1Gi"},
    "storage.k8s.io/v1/storageclasses": {"provisioner": "example.com/p"},
    "storage.k8s.io/v1/volumeattachments": {"spec": {"attacher": "a.example.com", "nodeName": "n", "source": {"persistentVolumeName": "p"}}},
    "storage.k8s.io/v1/volumeattributesclasses": {"driverName": "d.example.com", "parameters": {"a": "b"}},
    "admissionregistration.k8s.io/v1/mutatingadmissionpolicies": {"spec": {
        "matchConstraints": MATCH, "reinvocationPolicy": "Never", "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}}]}},
    "admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings": {"spec": {"policyName": "life"}},
    "admissionregistration.k8s.io/v1/mutatingwebhookconfigurations": {"webhooks": [WEBHOOK]},
    "admissionregistration.k8s.io/v1/validatingadmissionpolicies": {"spec": {"matchConstraints": MATCH, "validations": [{"expression": "true"}]}},
    "admissionregistration.k8s.io/v1/validatingadmissionpolicybindings": {"spec": {"policyName": "life", "validationActions": ["Deny"]}},
    "admissionregistration.k8s.io/v1/validatingwebhookconfigurations": {"webhooks": [WEBHOOK]},
    "apiextensions.k8s.io/v1/customresourcedefinitions": {},
    "scheduling.k8s.io/v1/priorityclasses": {"value": 1},
    "coordination.k8s.io/v1/leases": {"spec": {"holderIdentity": "h"}},
    "node.k8s.io/v1/runtimeclasses": {"handler": "h"},
    "discovery.k8s.io/v1/endpointslices": {"addressType": "IPv4", "endpoints": [{"addresses": ["1.2.3.4"]}]},
    "resource.k8s.io/v1/deviceclasses": {"spec": {}},
    "resource.k8s.io/v1/resourceclaims": {"spec": CLAIM},
    "resource.k8s.io/v1/resourceclaimtemplates": {"spec": {"spec": CLAIM}},
    "resource.k8s.io/v1/resourceslices": {"spec": {"driver": "d.example.com", "nodeName": "n", "devices": [{"name": "d"}],
                                                   "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}}},
    "flowcontrol.apiserver.k8s.io/v1/flowschemas": {"spec": {"priorityLevelConfiguration": {"name": "exempt"}}},
    "flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations": {"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}}},
}
# What a status may be given, and where that shows.
STATUSES = {
    "v1/namespaces": ({"conditions": [SHORT]}, "conditions.0.type"),
    "v1/nodes": ({"conditions": [SHORT]}, "conditions.0.type"),
    "v1/persistentvolumeclaims": ({"phase": "Pending", "conditions": [SHORT]}, "conditions.0.type"),
    "v1/persistentvolumes": ({"phase": "Available", "message": "m"}, "message"),
    "v1/pods": ({"phase": "Pending", "message": "m"}, "message"),
    "v1/replicationcontrollers": ({"replicas": 0, "observedGeneration": 7}, "observedGeneration"),
    "v1/resourcequotas": ({"used": {"count/widgets.example.com": "0"}}, "used"),
    "v1/services": ({"conditions": [CONDITION]}, "conditions.0.type"),
    "apiregistration.k8s.io/v1/apiservices": ({"conditions": [CONDITION]}, "conditions.0.type"),
    "apps/v1/daemonsets": ({"numberReady": 0, "currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0,
                            "conditions": [SHORT]}, "conditions.0.type"),
    "apps/v1/deployments": ({"conditions": [{**SHORT, "type": "Life"}]}, "conditions"),
    "apps/v1/replicasets": ({"replicas": 0, "conditions": [SHORT]}, "conditions.0.type"),
    "apps/v1/statefulsets": ({"replicas": 0, "conditions": [SHORT]}, "conditions.0.type"),
    "autoscaling/v1/horizontalpodautoscalers": ({"currentReplicas": 1, "desiredReplicas": 2}, "desiredReplicas"),
    "autoscaling/v2/horizontalpodautoscalers": ({"currentReplicas": 1, "desiredReplicas": 2}, "desiredReplicas"),
    "batch/v1/cronjobs": ({"lastScheduleTime": AGED}, "lastScheduleTime"),
    "batch/v1/jobs": ({"conditions": [SHORT]}, "conditions"),
    "certificates.k8s.io/v1/certificatesigningrequests": ({"conditions": [{"type": "Failed", "status": "True"}]}, "conditions.0.type"),
    "networking.k8s.io/v1/ingresses": ({"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}, "loadBalancer.ingress.0.ip"),
    "networking.k8s.io/v1/servicecidrs": ({"conditions": [CONDITION]}, "conditions"),
    "policy/v1/poddisruptionbudgets": ({"conditions": [CONDITION], "currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0,
                                        "expectedPods": 0}, "conditions"),
    "storage.k8s.io/v1/volumeattachments": ({"attached": True}, "attached"),
    "admissionregistration.k8s.io/v1/validatingadmissionpolicies": ({"conditions": [CONDITION]}, "conditions.0.type"),
    "apiextensions.k8s.io/v1/customresourcedefinitions": ({"storedVersions": ["v1"], "conditions": [SHORT]}, "conditions"),
    "resource.k8s.io/v1/resourceclaims": ({"allocation": {"devices": {}}}, "allocation"),
    "flowcontrol.apiserver.k8s.io/v1/flowschemas": ({"conditions": [{**SHORT, "lastTransitionTime": AGED}]}, "conditions"),
    "flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations": ({"conditions": [{**SHORT, "lastTransitionTime": AGED}]}, "conditions"),
}
# Kinds whose names are not free: the first and the second of them.
NAMES = {
    "apiregistration.k8s.io/v1/apiservices": ("v1.life.example.com", "v2.life.example.com"),
    "apiextensions.k8s.io/v1/customresourcedefinitions": ("lifes.life.example.org", "others.life.example.org"),
    "networking.k8s.io/v1/ipaddresses": ("192.168.7.1", "192.168.7.2"),
}


# Kinds whose status takes no labels and annotations along; source: their strategies, pkg/registry
APART = ("volumeattachments", "validatingadmissionpolicies", "flowschemas", "prioritylevelconfigurations", "apiservices",
         "servicecidrs", "customresourcedefinitions", "resourceclaims")


def body_of(kind, i):
    """The i-th object of a kind."""
    name = NAMES.get(kind, ("life-1", "life-2"))[i]
    o = {"metadata": {"name": name, "labels": {"kinds": "test"}}, **copy.deepcopy(BODIES[kind])}
    if kind.endswith("/customresourcedefinitions"):
        o.update(crd(name))
    if kind.endswith("/apiservices"):
        o["spec"]["version"] = name.split(".")[0]
    if kind.endswith("/certificatesigningrequests"):
        o["spec"]["request"] = request()
    return o


def resources():
    """(kind, path of the collection, its APIResource, names of its subresources)"""
    groups = [("v1", "/api/v1")] + [(v["groupVersion"], "/apis/" + v["groupVersion"])
                                    for g in api.obj("GET", "/apis")[1]["groups"] for v in g["versions"]]
    for version, path in groups:
        listed = api.obj("GET", path)[1]["resources"]
        for r in listed:
            if "/" not in r["name"]:
                subs = {s["name"].split("/")[1]: s["verbs"] for s in listed if s["name"].startswith(r["name"] + "/")}
                yield f"{version}/{r['name']}", f"{path}/namespaces/{NS}/{r['name']}" if r["namespaced"] else f"{path}/{r['name']}", r, subs


def write(path, change, headers=None):
    """A PUT of what is there now with a change, again when somebody was faster."""
    for _ in range(5):
        o = api.obj("GET", path)[1]
        change(o)
        got = api.obj("PUT", path, o, headers=headers)
        if got[0] != 409:
            break
    return got


def label(value):
    return lambda o: o["metadata"].setdefault("labels", {}).update({"step": value})


class Watch(threading.Thread):
    """The events after a revision, as they come."""
    def __init__(self, path, rev):
        super().__init__(daemon=True)
        self.events = []
        self.conn = api.connect()
        self.conn.request("GET", f"{path}?watch=1&resourceVersion={rev}&timeoutSeconds=60&labelSelector=kinds%3Dtest")
        self.answer = self.conn.getresponse()
        self.start()

    def run(self):
        try:
            for line in self.answer:
                self.events.append(json.loads(line))
        except (OSError, ValueError, AttributeError):
            pass                            # the connection was closed under it: the watch is over

    def count(self, what, where="type", value=None):
        """Events of a type, whose object has a value where one is given."""
        return sum(e["type"] == what and get(e, where) == (value or what) for e in list(self.events))


def discovered(kind, r):
    """By its group alone, too."""
    if kind.count("/") > 1:
        group, version, _ = kind.split("/")
        status, o = api.obj("GET", f"/apis/{group}")
        api.check(f"{kind}: its group has the version", status == 200 and f"{group}/{version}" in [v["groupVersion"] for v in o["versions"]], o)


def reads(kind, path, r, name):
    one = f"{path}/{name}"
    status, o = api.obj("GET", one)
    api.check(f"{kind} get", status == 200 and o["kind"] == r["kind"] and get(o, "metadata.name") == name, o)
    status, rows = api.obj("GET", f"{path}?labelSelector=kinds%3Dtest")
    api.check(f"{kind} list", status == 200 and rows["kind"] == r["kind"] + "List" and len(rows["items"]) == 1 and
              "kind" not in rows["items"][0], rows)
    if r["namespaced"]:
        status, rows = api.obj("GET", path.replace(f"/namespaces/{NS}", "") + "?labelSelector=kinds%3Dtest")
        api.check(f"{kind} list of all namespaces", status == 200 and len(rows["items"]) == 1, rows)
    for what, accept, kinds in (("table", TABLE, ("Table", "Table")), ("metadata", PARTIAL, ("PartialObjectMetadata",)),
                                ("metadata list", PARTIAL_LIST, (None, "PartialObjectMetadataList"))):
        for url, want in zip((one, f"{path}?labelSelector=kinds%3Dtest"), kinds):
            if not want:
                continue
            status, o = api.obj("GET", url, headers={"Accept": accept})
            ok = status == 200 and o["kind"] == want
            if want == "Table":
                ok = ok and len(o["rows"]) == 1 and len(o["rows"][0]["cells"]) == len(o["columnDefinitions"]) and \
                    o["columnDefinitions"][0]["name"] in ("Name", "Last Seen") and get(o, "rows.0.object.metadata.name") == name
            api.check(f"{kind} {what}", ok, o)
    status, headers, data = api.call("GET", one, headers={"Accept": PROTOBUF})
    api.check(f"{kind} protobuf", status == 200 and data[:4] == b"k8s\0" and headers["content-type"] == PROTOBUF, data[:80])
    body = lambda o: {k: v for k, v in o.items() if k not in ("metadata", "status")}
    for _ in range(5):                      # controllers write meanwhile
        before = api.obj("GET", one)[1]
        data = api.call("GET", one, headers={"Accept": PROTOBUF})[2]
        status, o = api.obj("PUT", one, data, headers={"Content-Type": PROTOBUF})
        if status == 200 and body(o) == body(before):
            break
    api.check(f"{kind} protobuf written back", status == 200 and body(o) == body(before), o)


def changes(kind, path, r, name, watch):
    one = f"{path}/{name}"
    first = api.obj("GET", one)[1]
    status, o = write(one, label("put"))
    api.check(f"{kind} update", status == 200 and get(o, "metadata.labels")["step"] == "put" and
              get(o, "metadata.uid") == get(first, "metadata.uid"), o)
    api.eventually(f"{kind} watch", lambda: watch.count("MODIFIED", "object.metadata.labels.step", "put") and
                   get(watch.events[0], "object.kind") == r["kind"])
    status, o = api.obj("PUT", one, first)
    api.check(f"{kind} stale update", status == 409 and "the object has been modified" in o["message"], o)
    del first["metadata"]["resourceVersion"]
    status, o = api.obj("PUT", one, first)
    api.check(f"{kind} update without a revision", status == 200 or (status == 422 and o["message"].startswith(r["name"] + ".") and
              "metadata.resourceVersion: Invalid value: 0: must be specified for an update" in o["message"]), o)
    for how, headers, patch in (
            ("merge patch", MERGE_PATCH, {"metadata": {"labels": {"step": "merge"}}}),
            ("strategic patch", STRATEGIC, {"metadata": {"labels": {"step": "strategic"}}}),
            ("JSON patch", JSON_PATCH, [{"op": "add", "path": "/metadata/labels/step", "value": "JSON"}])):
        status, o = api.obj("PATCH", one, patch, headers=headers)
        api.check(f"{kind} {how}", status == 200 and get(o, "metadata.labels")["step"] == how.split()[0], o)
        api.eventually(f"{kind} watch of a {how}", lambda: watch.count("MODIFIED", "object.metadata.labels.step", how.split()[0]))
    group_version = kind.rsplit("/", 1)[0]
    applied = {"apiVersion": group_version, "kind": r["kind"], "metadata": {"name": name, "annotations": {"applied": "yes"}}}
    status, o = api.obj("PATCH", f"{one}?fieldManager=life", applied, headers=APPLY)
    managers = [m["manager"] for m in get(o, "metadata.managedFields", []) if m["operation"] == "Apply"]
    api.check(f"{kind} apply", status == 200 and get(o, "metadata.annotations", {}).get("applied") == "yes" and managers == ["life"], o)


def statuses(kind, path, r, name, watch):
    one, (want, where) = f"{path}/{name}/status", STATUSES[kind]
    at = "status." + where
    if not get(api.obj("GET", one)[1], at):
        write(f"{path}/{name}", lambda o: o.update({"status": {**o.get("status", {}), **want}}))
        got = api.obj("GET", one)[1]
        api.check(f"{kind} status is not the object's to write", not get(got, at) or kind in WHOLE, got)

    def change(o):
        o["status"] = {**o.get("status", {}), **want}
        o["metadata"].setdefault("annotations", {})["status-wrote"] = "this"
        if "spec" in o and isinstance(get(o, "spec.replicas"), int):
            o["spec"]["replicas"] = 5

    before = api.obj("GET", one)[1]
    status, o = write(one, change)
    api.check(f"{kind} status update", status == 200 and get(o, at) is not None, o)
    api.check(f"{kind} status update leaves the spec", o.get("spec") == before.get("spec") and
              get(o, "metadata.generation") == get(before, "metadata.generation"), o)
    along = r["name"] not in APART
    api.check(f"{kind} status update and annotations", (get(o, "metadata.annotations.status-wrote") == "this") == along, o)
    status, o = api.obj("PATCH", one, {"metadata": {"annotations": {"status-patched": "this"}}, "status": want}, headers=MERGE_PATCH)
    api.check(f"{kind} status patch", status == 200 and get(o, at) is not None, o)
    api.check(f"{kind} status patch and annotations", (get(o, "metadata.annotations.status-patched") == "this") == along, o)
    if along:
        api.eventually(f"{kind} watch of a status", lambda: watch.count("MODIFIED", "object.metadata.annotations.status-patched", "this"))
    status, o = api.obj("GET", one)
    api.check(f"{kind} status get", status == 200 and o["kind"] == r["kind"], o)


WHOLE = ("v1/nodes",)      # their status is written with the rest


def scales(kind, path, name):
    one = f"{path}/{name}/scale"
    status, o = api.obj("GET", one)
    api.check(f"{kind} scale", status == 200 and o["kind"] == "Scale" and o["apiVersion"] == "autoscaling/v1" and
              get(o, "status.selector") == "app=life" and get(o, "metadata.name") == name, o)
    stale = copy.deepcopy(o)
    status, table = api.obj("GET", one, headers={"Accept": TABLE})
    api.check(f"{kind} scale table", status == 200 and [c["name"] for c in table["columnDefinitions"]] ==
              ["Name", "Desired", "Available", "Age"] and get(table, "rows.0.cells")[:3] == [name, 0, 0], table)
    status, o = write(one, lambda o: o.update({"spec": {"replicas": 1}}))
    api.check(f"{kind} scale update", status == 200 and get(o, "spec.replicas") == 1, o)
    stale["spec"] = {"replicas": 2}
    status, o = api.obj("PUT", one, stale)
    api.check(f"{kind} stale scale", status == 409, o)
    status, o = api.obj("PATCH", one, {"spec": {"replicas": 0}}, headers=MERGE_PATCH)
    api.check(f"{kind} scale patch", status == 200 and not get(o, "spec.replicas"), o)
    status, o = api.obj("PATCH", one, {"spec": {"replicas": -1}}, headers=MERGE_PATCH)
    api.check(f"{kind} scale below nothing", status == 422 and o["message"].endswith(
        "spec.replicas: Invalid value: -1: must be greater than or equal to 0"), o)
    for _ in range(20):
        data = api.call("GET", one, headers={"Accept": PROTOBUF})[2]
        status, o = api.obj("PUT", one, data, headers={"Content-Type": PROTOBUF})
        if status != 409:
            break
    api.check(f"{kind} scale as protobuf", status == 200 and o["kind"] == "Scale", o)


def removes(kind, path, r, name, watch):
    one, now = f"{path}/{name}", "?gracePeriodSeconds=0"
    status, o = api.obj("DELETE", one + now)
    api.check(f"{kind} delete", status in (200, 202), o)
    api.eventually(f"{kind} is gone", lambda: api.call("GET", one)[0] == 404)
    status, o = api.obj("GET", one)
    group = kind.split("/")[0] if kind.count("/") > 1 else ""
    api.check(f"{kind} not found", o.get("message") == f'{r["name"]}{"." + group if group else ""} "{name}" not found', o)
    api.eventually(f"{kind} watch of a deletion", lambda: watch.count("DELETED"))
    if "deletecollection" not in r["verbs"]:
        return
    names = [api.obj("POST", path, body_of(kind, i)) for i in (0, 1)]
    api.check(f"{kind} two more", [n[0] for n in names] == [201, 201], names)
    status, o = api.obj("DELETE", f"{path}{now}&labelSelector=kinds%3Dtest")
    api.check(f"{kind} delete collection", status == 200 and o["kind"] == r["kind"] + "List" and len(o["items"]) == 2, o)
    api.eventually(f"{kind} are gone", lambda: not api.obj("GET", f"{path}?labelSelector=kinds%3Dtest")[1]["items"])
    api.eventually(f"{kind} watch of all deletions", lambda: watch.count("DELETED") == 3 and watch.count("ADDED") == 2)
    api.check(f"{kind} watch without an error", not watch.count("ERROR"), watch.events[-1:])


def life(kind, path, r, subs):
    body = body_of(kind, 0)
    name = body["metadata"]["name"]
    status, o = api.obj("POST", path + "?dryRun=All", body)
    api.check(f"{kind} dry run", status == 201 and api.call("GET", f"{path}/{name}")[0] == 404, o)
    status, headers, data = api.call("POST", path, body)
    o = json.loads(data)
    api.check(f"{kind} create", status == 201 and o["kind"] == r["kind"] and all(
        get(o, "metadata." + m) for m in ("uid", "resourceVersion", "creationTimestamp", "managedFields")), o)
    if status != 201:
        return
    api.check(f"{kind} exists", api.obj("POST", path, body)[1].get("reason") == "AlreadyExists")
    discovered(kind, r)
    watch = Watch(path, get(o, "metadata.resourceVersion"))
    reads(kind, path, r, name)
    changes(kind, path, r, name, watch)
    if "status" in subs:
        statuses(kind, path, r, name, watch)
    if "scale" in subs:
        scales(kind, path, name)
    removes(kind, path, r, name, watch)


def lives():
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": NS}})
    custom = {o["spec"]["group"] for o in api.obj("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")[1]["items"]}
    kept = [x for x in resources() if {"create", "delete"} <= set(x[2]["verbs"]) and x[0].split("/")[0] not in custom and
            (len(sys.argv) < 3 or x[0] in sys.argv[2:])]
    api.check("every kind has an example", {x[0] for x in kept} <= set(BODIES), {x[0] for x in kept} - set(BODIES))
    for x in kept:
        if x[0] in BODIES:
            try:
                life(*x)
            except Exception as e:
                api.check(f"{x[0]} to its end", False, repr(e))


api.finish(lives)
