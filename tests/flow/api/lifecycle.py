# SPDX-License-Identifier: Apache-2.0
"""The life of an object of every kind, as upstream's conformance goes through it: found in discovery,
created three times, read, listed, watched, patched each way, updated, its status patched and updated
apart from the rest, deleted alone and with the others.

usage: lifecycle.py KUBECONFIG
"""
import base64
import json
import sys
import threading

from cases import APPLY, Api, JSON_PATCH, MERGE_PATCH, STRATEGIC, get

api = Api(sys.argv[1])
NS = "lifecycle"
PODS = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
JOB = {**PODS, "spec": {**PODS["spec"], "restartPolicy": "Never"}}
SELECTOR = {"matchLabels": {"app": "x"}}
RULES = [{"name": "a.example.com", "clientConfig": {"url": "https://127.0.0.1:1/"}, "sideEffects": "None",
          "admissionReviewVersions": ["v1"], "namespaceSelector": {"matchLabels": {"never": "ever"}}}]
MATCH = {"resourceRules": [{"apiGroups": ["example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["nones"]}]}
CONDITION = {"type": "StatusPatched", "status": "True", "reason": "E2E", "message": "Set from e2e test", "lastTransitionTime": "2026-01-02T03:04:05Z"}
CONDITIONS = {"conditions": [CONDITION]}
LB = {"loadBalancer": {"ingress": [{"ip": "169.1.1.1"}]}}
# kinds whose status takes no labels and annotations along; source: their strategies, pkg/registry
APART = ("volumeattachments", "validatingadmissionpolicies", "flowschemas", "prioritylevelconfigurations", "apiservices",
         "servicecidrs")
DEVICE = {"driver": "d.example.com", "nodeName": "n", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}}
# group/version, resource, is in a namespace, what the object says, what its status is patched with
KINDS = [
    ("v1", "configmaps", True, {"data": {"a": "b"}}, None),
    ("v1", "secrets", True, {"stringData": {"a": "b"}}, None),
    ("v1", "endpoints", True, {"subsets": [{"addresses": [{"ip": "10.9.8.7"}], "ports": [{"port": 80}]}]}, None),
    ("v1", "limitranges", True, {"spec": {"limits": [{"type": "Pod", "max": {"cpu": "64"}}]}}, None),
    ("v1", "resourcequotas", True, {"spec": {"hard": {"count/none.example.com": "5"}}}, {"hard": {"cpu": "7"}}),
    ("v1", "podtemplates", True, {"template": PODS}, None),
    ("v1", "serviceaccounts", True, {}, None),
    ("v1", "services", True, {"spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}, LB),
    ("v1", "replicationcontrollers", True, {"spec": {"replicas": 0, "selector": {"app": "x"}, "template": PODS}}, CONDITIONS),
    ("v1", "persistentvolumes", False, {"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "none",
                                                 "hostPath": {"path": "/x"}}}, {"message": "patched", "reason": "E2E"}),
    ("v1", "persistentvolumeclaims", True, {"spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "none",
                                                     "resources": {"requests": {"storage": "1Gi"}}}}, CONDITIONS),
    ("v1", "nodes", False, {"spec": {"unschedulable": True}}, CONDITIONS),
    ("v1", "pods", True, {"spec": {**PODS["spec"], "nodeSelector": {"never": "ever"}}}, CONDITIONS),
    ("v1", "events", True, {"involvedObject": {"kind": "Pod", "namespace": NS, "name": "x"}, "reason": "Test", "message": "m", "type": "Normal",
                            "source": {"component": "e2e"}, "count": 1}, None),
    ("events.k8s.io/v1", "events", True, {"regarding": {"kind": "Pod", "namespace": NS, "name": "x"}, "reason": "Test", "action": "Do", "type": "Normal",
                                          "eventTime": "2026-01-02T03:04:05.123456Z", "reportingController": "e2e", "reportingInstance": "i"}, None),
    ("apps/v1", "controllerrevisions", True, {"revision": 1, "data": {"a": 1}}, None),
    ("apps/v1", "daemonsets", True, {"spec": {"selector": SELECTOR, "template": PODS}}, CONDITIONS),
    ("apps/v1", "deployments", True, {"spec": {"replicas": 0, "selector": SELECTOR, "template": PODS}}, CONDITIONS),
    ("apps/v1", "replicasets", True, {"spec": {"replicas": 0, "selector": SELECTOR, "template": PODS}}, CONDITIONS),
    ("apps/v1", "statefulsets", True, {"spec": {"replicas": 0, "serviceName": "x", "selector": SELECTOR, "template": PODS}}, CONDITIONS),
    ("autoscaling/v1", "horizontalpodautoscalers", True, {"spec": {"maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "x"}}},
     {"currentReplicas": 1, "desiredReplicas": 2}),
    ("autoscaling/v2", "horizontalpodautoscalers", True, {"spec": {"maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "x"}}}, CONDITIONS),
    ("batch/v1", "cronjobs", True, {"spec": {"schedule": "*/1 * * * ?", "suspend": True, "jobTemplate": {"spec": {"template": JOB}}}},
     {"lastScheduleTime": "2026-01-02T03:04:05Z"}),
    ("batch/v1", "jobs", True, {"spec": {"suspend": True, "template": JOB}}, CONDITIONS),
    ("certificates.k8s.io/v1", "certificatesigningrequests", False, None, CONDITIONS),
    ("coordination.k8s.io/v1", "leases", True, {"spec": {"holderIdentity": "h", "leaseDurationSeconds": 30, "acquireTime": "2026-01-02T03:04:05.000006Z"}}, None),
    ("discovery.k8s.io/v1", "endpointslices", True, {"addressType": "IPv4", "endpoints": [{"addresses": ["10.9.8.7"]}]}, None),
    ("networking.k8s.io/v1", "ingresses", True, {"spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}}, LB),
    ("networking.k8s.io/v1", "ingressclasses", False, {"spec": {"controller": "example.com/controller"}}, None),
    ("networking.k8s.io/v1", "networkpolicies", True, {"spec": {"podSelector": {}}}, None),
    ("networking.k8s.io/v1", "ipaddresses", False, {"spec": {"parentRef": {"resource": "services", "namespace": NS, "name": "x"}}}, None),
    ("networking.k8s.io/v1", "servicecidrs", False, None, CONDITIONS),
    ("node.k8s.io/v1", "runtimeclasses", False, {"handler": "h"}, None),
    ("policy/v1", "poddisruptionbudgets", True, {"spec": {"minAvailable": 1, "selector": SELECTOR}}, {"disruptedPods": {"p": "2026-01-02T03:04:05Z"}}),
    ("rbac.authorization.k8s.io/v1", "roles", True, {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}, None),
    ("rbac.authorization.k8s.io/v1", "clusterroles", False, {"rules": [{"nonResourceURLs": ["/x"], "verbs": ["get"]}]}, None),
    ("rbac.authorization.k8s.io/v1", "rolebindings", True, {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"}}, None),
    ("rbac.authorization.k8s.io/v1", "clusterrolebindings", False, {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "x"}}, None),
    ("scheduling.k8s.io/v1", "priorityclasses", False, {"value": 7}, None),
    ("storage.k8s.io/v1", "csidrivers", False, {"spec": {"attachRequired": False}}, None),
    ("storage.k8s.io/v1", "csinodes", False, {"spec": {"drivers": []}}, None),
    ("storage.k8s.io/v1", "csistoragecapacities", True, {"storageClassName": "none", "capacity": "1Gi"}, None),
    ("storage.k8s.io/v1", "storageclasses", False, {"provisioner": "e2e.example.com"}, None),
    ("storage.k8s.io/v1", "volumeattachments", False, {"spec": {"attacher": "a", "nodeName": "n", "source": {"persistentVolumeName": "p"}}}, {"attached": True}),
    ("storage.k8s.io/v1", "volumeattributesclasses", False, {"driverName": "d.example.com", "parameters": {"a": "b"}}, None),
    ("admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", False, {"webhooks": RULES}, None),
    ("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", False, {"webhooks": RULES}, None),
    ("admissionregistration.k8s.io/v1", "validatingadmissionpolicies", False,
     {"spec": {"matchConstraints": MATCH, "validations": [{"expression": "true"}]}}, CONDITIONS),
    ("admissionregistration.k8s.io/v1", "validatingadmissionpolicybindings", False, {"spec": {"policyName": "x", "validationActions": ["Deny"]}}, None),
    ("flowcontrol.apiserver.k8s.io/v1", "flowschemas", False, {"spec": {
        "matchingPrecedence": 10000, "priorityLevelConfiguration": {"name": "global-default"}, "distinguisherMethod": {"type": "ByUser"},
        "rules": [{"subjects": [{"kind": "User", "user": {"name": "example-e2e-non-existing-user"}}],
                   "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]}]}},
     {"conditions": [CONDITION]}),
    ("flowcontrol.apiserver.k8s.io/v1", "prioritylevelconfigurations", False, {"spec": {
        "type": "Limited", "limited": {"nominalConcurrencyShares": 2, "limitResponse": {"type": "Reject"}}}}, CONDITIONS),
    ("resource.k8s.io/v1", "deviceclasses", False, {"spec": {}}, None),
    ("resource.k8s.io/v1", "resourceclaims", True, {"spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}}}, None),
    ("resource.k8s.io/v1", "resourceclaimtemplates", True, {"spec": {"spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}}}}, None),
    ("resource.k8s.io/v1", "resourceslices", False, {"spec": {**DEVICE, "devices": [{"name": "d"}]}}, None),
    ("apiregistration.k8s.io/v1", "apiservices", False, None, CONDITIONS),
]


def body(gv, resource, i):
    """What cannot be said three times alike."""
    if resource == "certificatesigningrequests":
        return {"spec": {"signerName": "example.com/e2e", "usages": ["digital signature", "client auth"], "expirationSeconds": 600,
                         "request": base64.b64encode(REQUEST.encode()).decode()}}
    if resource == "servicecidrs":
        return {"spec": {"cidrs": [f"10.{97 + i}.0.0/24"]}}
    if resource == "apiservices":
        return {"spec": {"group": f"l{i}.example.com", "version": "v1", "groupPriorityMinimum": 1000, "versionPriority": 10, "insecureSkipTLSVerify": True,
                         "service": {"namespace": NS, "name": "none"}}}
    return next(k[3] for k in KINDS if k[:2] == (gv, resource))


def name(gv, resource, i):
    return {"ipaddresses": f"10.33.0.{i + 1}", "apiservices": f"v1.l{i}.example.com"}.get(resource, f"lc-{gv.count('2')}{len(gv)}-{i}")


class Watch(threading.Thread):
    """Events of a watch, as they come."""
    def __init__(self, path):
        super().__init__(daemon=True)
        self.events = []
        self.conn = api.connect()
        self.conn.request("GET", path)
        self.answer = self.conn.getresponse()
        self.start()

    def run(self):
        try:
            for line in self.answer:
                self.events.append(json.loads(line))
        except (OSError, ValueError, AttributeError):
            pass                            # the connection was closed under it: the watch is over

    def seen(self, kind, test=lambda o: True):
        return any(e["type"] == kind and test(e["object"]) for e in list(self.events))


def annotation(key):
    return lambda o: get(o, "metadata.annotations", {}).get(key) == "true"


def discovered(what, gv, resource, status):
    group, _, version = gv.rpartition("/")
    if group:
        _, groups = api.obj("GET", "/apis")
        found = [g for g in groups["groups"] if g["name"] == group]
        api.check(f"{what}: the group is listed", found and gv in [v["groupVersion"] for v in found[0]["versions"]], groups)
        _, one = api.obj("GET", f"/apis/{group}")
        api.check(f"{what}: the group has the version", gv in [v["groupVersion"] for v in one["versions"]], one)
    _, listed = api.obj("GET", f"/apis/{gv}" if group else f"/api/{version}")
    names = [r["name"] for r in listed["resources"]]
    api.check(f"{what}: the version has the resource", resource in names and (not status or f"{resource}/status" in names), names)


def life(gv, resource, namespaced, _, status):
    what, label = f"{resource}.{gv}", "e2e=lc-" + gv.replace("/", "-").replace(".", "-")
    root = f"/apis/{gv}" if "/" in gv else f"/api/{gv}"
    many = f"{root}/namespaces/{NS}/{resource}" if namespaced else f"{root}/{resource}"
    selected, names = f"{many}?labelSelector={label}", [name(gv, resource, i) for i in range(3)]
    key, value = label.split("=")
    discovered(what, gv, resource, status)

    for i, n in enumerate(names):
        o = {"metadata": {"name": n, "labels": {key: value}}, **body(gv, resource, i)}
        s, made = api.obj("POST", many, o)
        api.check(f"{what}: created", s == 201 and made["metadata"]["name"] == n and made["metadata"]["uid"], f"{s} {made}")
        if s != 201:
            return
    api.run([(f"{what}: created again", "POST", many, o, {}, 409, {"reason": "AlreadyExists"})])
    one = f"{many}/{names[0]}"
    s, got = api.obj("GET", one)
    api.check(f"{what}: read", s == 200 and got["metadata"]["uid"] and get(got, "apiVersion") == gv and got.get("kind"), f"{s} {got}")
    _, listed = api.obj("GET", selected)
    api.check(f"{what}: listed", len(listed.get("items", [])) == 3 and listed["kind"] == got["kind"] + "List", listed)
    if namespaced:
        _, everywhere = api.obj("GET", f"{root}/{resource}?labelSelector={label}")
        api.check(f"{what}: listed everywhere", len(everywhere.get("items", [])) == 3, everywhere)
    watch = Watch(f"{many}?watch=true&labelSelector={label}&resourceVersion={listed['metadata']['resourceVersion']}&timeoutSeconds=60")

    def put(path, change, test):
        for _ in range(20):                 # as a client retries after conflicts
            _, o = api.obj("GET", path)
            change(o)
            s, o = api.obj("PUT", path, o)
            if s != 409:
                break
        api.check(f"{what}: PUT {path.rsplit('/', 1)[-1]}", s == 200 and test(o), f"{s} {o}")

    for way, headers, key in (("merge", MERGE_PATCH, "patched"), ("strategic", STRATEGIC, "strategic")):
        s, o = api.obj("PATCH", one, {"metadata": {"annotations": {key: "true"}}}, headers=headers)
        api.check(f"{what}: {way} patch", s == 200 and annotation(key)(o), f"{s} {o}")
    s, o = api.obj("PATCH", one, [{"op": "add", "path": "/metadata/annotations/json", "value": "true"}], headers=JSON_PATCH)
    api.check(f"{what}: JSON patch", s == 200 and annotation("json")(o), f"{s} {o}")
    s, o = api.obj("PATCH", one + "?fieldManager=e2e", {"apiVersion": gv, "kind": got["kind"], "metadata": {"name": names[0],
                   "annotations": {"applied": "true"}}}, headers=APPLY)
    api.check(f"{what}: apply", s == 200 and annotation("applied")(o) and annotation("patched")(o), f"{s} {o}")
    put(one, lambda o: o["metadata"].setdefault("annotations", {}).update(updated="true"), annotation("updated"))
    for key in ("patched", "updated"):
        api.eventually(f"{what}: the watch shows what was {key}", lambda: watch.seen("MODIFIED", annotation(key)))

    if status:
        s, o = api.obj("GET", one + "/status")
        api.check(f"{what}: its status is read", s == 200 and o["kind"] == got["kind"], f"{s} {o}")
        s, o = api.obj("PATCH", one + "/status", {"metadata": {"annotations": {"patchedstatus": "true"}}, "status": status}, headers=MERGE_PATCH)
        first = next(iter(status))
        api.check(f"{what}: its status is patched", s == 200 and first in o.get("status", {}) and
                  (first != "conditions" or any(c["type"] == CONDITION["type"] for c in o["status"][first])), f"{s} {o}")
        if resource in APART:
            api.check(f"{what}: but no annotation", not annotation("patchedstatus")(o), o)
        else:
            api.check(f"{what}: with an annotation", annotation("patchedstatus")(o), o)
            put(one + "/status", lambda o: o["metadata"].setdefault("annotations", {}).update(updatedstatus="true"), annotation("updatedstatus"))
            api.eventually(f"{what}: the watch shows the status", lambda: watch.seen("MODIFIED", annotation("updatedstatus")))

    s, o = api.obj("DELETE", one)
    api.check(f"{what}: deleted", s in (200, 202), f"{s} {o}")
    api.eventually(f"{what}: is gone", lambda: api.obj("GET", one)[0] == 404)
    api.check(f"{what}: two are left", len(api.obj("GET", selected)[1].get("items", [])) == 2)
    s, o = api.obj("DELETE", selected)
    api.check(f"{what}: the collection is deleted", s == 200, f"{s} {o}")
    api.eventually(f"{what}: none is left", lambda: not api.obj("GET", selected)[1].get("items"))
    api.eventually(f"{what}: the watch shows their ends", lambda: sum(e["type"] == "DELETED" for e in watch.events) == 3)
    api.check(f"{what}: the watch had no error", not watch.seen("ERROR"), watch.events[-1:])


REQUEST = """-----BEGIN CERTIFICATE REQUEST-----
MIHJMHACAQAwDjEMMAoGA1UEAwwDZTJlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD
QgAErZCy2YbtLWBPYLiEQb6f1hiqBTTjGMd0+JvMk7TuXuzPu9QUdrCrxZwZB/LX
oca5qM+65gyem1KjSY0BGRYE96AAMAoGCCqGSM49BAMCA0kAMEYCIQCGEVhc/cLF
uBAEM4bqQMloHC1PLnbD974GoYIH64hC5wIhALqgw1RoOpSyLMoIK7af2THN5SZi
pFr1/bTyUtEUeckE
-----END CERTIFICATE REQUEST-----
"""


def lives():
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": NS}})
    for row in KINDS:
        life(*row)


api.finish(lives)
