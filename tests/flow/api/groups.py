# SPDX-License-Identifier: Apache-2.0
"""What the groups beside core, apps and batch do on the wire: what exists from the start and follows
what it describes, approvals, claims, generations, tables, warnings.

usage: groups.py KUBECONFIG
"""
import base64
import os
import subprocess
import sys

from cases import MERGE_PATCH, Api, get, message

api = Api(sys.argv[1])
NS = "groups"
SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
FLOW = "/apis/flowcontrol.apiserver.k8s.io/v1"
NET = "/apis/networking.k8s.io/v1"
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
CLAIMS = f"/apis/resource.k8s.io/v1/namespaces/{NS}/resourceclaims"
SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{NS}/endpointslices"
PATCH = {"headers": MERGE_PATCH}
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


def cells(path):
    o = api.obj("GET", path, headers=TABLE)[1]
    return dict(zip((c["name"] for c in o["columnDefinitions"]), o["rows"][0]["cells"]))


def condition(o, kind):
    return next((c for c in get(o, "status.conditions") or [] if c["type"] == kind), {})


def api_services():
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": NS}})
    served = {f'{v["version"]}.{g["name"]}' for g in api.obj("GET", "/apis")[1]["groups"] for v in g["versions"]} | {"v1."}
    have = {o["metadata"]["name"]: o for o in api.obj("GET", SERVICES)[1]["items"]}
    api.check("one for each version", served - set(have) == {"v1.apiregistration.k8s.io"}, served ^ set(have))
    api.check("all there", all(condition(o, "Available").get("reason") == "Local" for o in have.values()), have)
    api.check("as a table", {k: v for k, v in cells(SERVICES + "/v1.apps").items() if k != "Age"} ==
              {"Name": "v1.apps", "Service": "Local", "Available": "True"}, cells(SERVICES + "/v1.apps"))
    version = lambda name, storage: {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": {"type": "object"}}}
    crd = {"metadata": {"name": "things.groups.example.com"}, "spec": {"group": "groups.example.com", "scope": "Namespaced", "names": {
        "plural": "things", "kind": "Thing"}, "versions": [version("v1", True), version("v2", False)]}}
    api.obj("POST", CRDS, crd)
    one, two = (SERVICES + f"/v{n}.groups.example.com" for n in (1, 2))
    api.eventually("a definition brings its own", lambda: condition(api.obj("GET", two)[1], "Available").get("status") == "True")
    o = api.obj("GET", one)[1]
    api.check("as upstream's", get(o, "spec") == {"group": "groups.example.com", "version": "v1", "groupPriorityMinimum": 1000,
              "versionPriority": 100} and get(o, "metadata.labels") == {"kube-aggregator.kubernetes.io/automanaged": "true"}, o)
    api.obj("DELETE", one)
    api.eventually("it comes back", lambda: api.call("GET", one)[0] == 200)
    crd["spec"]["versions"][1]["served"] = False
    api.obj("PATCH", CRDS + "/things.groups.example.com", {"spec": crd["spec"]}, headers=MERGE_PATCH)
    api.eventually("it goes with its version", lambda: api.call("GET", two)[0] == 404)
    api.obj("DELETE", CRDS + "/things.groups.example.com")
    api.eventually("and with its definition", lambda: api.call("GET", one)[0] == 404)


def flow():
    schemas, levels = FLOW + "/flowschemas", FLOW + "/prioritylevelconfigurations"
    names = lambda path: {o["metadata"]["name"] for o in api.obj("GET", path)[1]["items"]}
    api.check("levels", names(levels) >= {"exempt", "catch-all", "system", "node-high", "leader-election", "workload-high", "workload-low",
                                           "global-default"})
    api.check("schemas", names(schemas) >= {"exempt", "catch-all", "probes", "system-leader-election", "endpoint-controller",
              "workload-leader-election", "system-node-high", "system-nodes", "kube-controller-manager", "kube-scheduler",
              "kube-system-service-accounts", "service-accounts", "global-default"})
    api.run([
        ("the mandatory stay as they are", "PATCH", schemas + "/exempt", {"spec": {"matchingPrecedence": 5}}, PATCH, 422,
         lambda o: "spec of 'exempt' must equal the fixed value" in o["message"] or "must equal the fixed value" in o["message"]),
        ("of no level", "POST", schemas, {"metadata": {"name": "groups"}, "spec": {"priorityLevelConfiguration": {"name": "groups"}}}, {}, 201,
         {"spec.matchingPrecedence": 1000}),
    ])
    dangling = lambda: condition(api.obj("GET", schemas + "/groups")[1], "Dangling")
    api.eventually("is said to dangle", lambda: dangling().get("status") == "True")
    api.obj("POST", levels, {"metadata": {"name": "groups"}, "spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}}})
    api.eventually("until there is one", lambda: dangling().get("status") == "False")
    api.obj("DELETE", schemas + "/catch-all")
    api.eventually("what everybody has comes back", lambda: api.call("GET", schemas + "/catch-all")[0] == 200)
    api.eventually("and is looked at", lambda: cells(schemas + "/catch-all").get("MissingPL") == "False")
    uid = lambda path: get(api.obj("GET", path)[1], "metadata.uid")
    classed = lambda path, **kw: [api.call("GET", path, **kw)[1].get(f"x-kubernetes-pf-{w}-uid") for w in ("flowschema", "prioritylevel")]
    exempt = [uid(schemas + "/exempt"), uid(levels + "/exempt")]
    rest = [uid(schemas + "/global-default"), uid(levels + "/global-default")]
    api.check("the admin is exempt", classed(NET) == exempt, (classed(NET), exempt))
    api.check("probes are", classed("/healthz", who="anonymous") == [uid(schemas + "/probes"), exempt[1]], classed("/healthz", who="anonymous"))
    api.check("others are not", classed("/api/v1/nodes", who="ann") == rest, classed("/api/v1/nodes", who="ann"))
    rule = {"subjects": [{"kind": "User", "user": {"name": "ann"}}], "resourceRules": [{
        "verbs": ["list"], "apiGroups": [""], "resources": ["pods"], "namespaces": ["a"]}, {
        "verbs": ["list"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True}]}
    api.obj("PATCH", schemas + "/groups", {"spec": {"rules": [rule]}}, headers=MERGE_PATCH)
    mine = [uid(schemas + "/groups"), uid(levels + "/groups")]
    for path, want in (("/api/v1/nodes", mine), ("/api/v1/namespaces/a/pods", mine), ("/api/v1/namespaces/b/pods", rest),
                       ("/api/v1/namespaces/a/secrets", rest), ("/api/v1/nodes/x", rest), ("/api", rest)):
        api.check(f"classed by its rules: {path}", classed(path, who="ann") == want, classed(path, who="ann"))
    for path in (schemas, levels):
        api.obj("DELETE", path + "/groups")
    api.check("no more when it is gone", classed("/api/v1/nodes", who="ann") == rest, classed("/api/v1/nodes", who="ann"))


def addresses():
    services = f"/api/v1/namespaces/{NS}/services"
    ip = get(api.obj("POST", services, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}})[1], "spec.clusterIP")
    one = f"{NET}/ipaddresses/{ip}"
    api.eventually("a cluster IP is an object", lambda: api.call("GET", one)[0] == 200)
    o = api.obj("GET", one)[1]
    api.check("of its Service", get(o, "spec.parentRef") == {"group": "", "resource": "services", "namespace": NS, "name": "s"} or
              get(o, "spec.parentRef") == {"resource": "services", "namespace": NS, "name": "s"}, o)
    api.check("as a table", cells(one).get("ParentRef") == f"services/{NS}/s", cells(one))
    api.obj("DELETE", one)
    api.eventually("it comes back", lambda: api.call("GET", one)[0] == 200)
    api.obj("DELETE", services + "/s")
    api.eventually("and goes with the Service", lambda: api.call("GET", one)[0] == 404)
    ranges = NET + "/servicecidrs"
    api.eventually("the range is ready", lambda: condition(api.obj("GET", ranges + "/kubernetes")[1], "Ready").get("status") == "True")
    api.run([
        ("another", "POST", ranges, {"metadata": {"name": "groups"}, "spec": {"cidrs": ["172.30.0.0/24"]}}, {}, 201, None),
        ("it stays as it is", "PATCH", ranges + "/groups", {"spec": {"cidrs": ["172.30.0.0/23"]}}, PATCH, 422, None),
        ("an address of it", "POST", NET + "/ipaddresses", {"metadata": {"name": "172.30.0.9"}, "spec": {"parentRef": {
            "resource": "services", "namespace": "x", "name": "y"}}}, {}, 201, None),
    ])
    api.eventually("is held", lambda: "networking.k8s.io/service-cidr-finalizer" in
                   (get(api.obj("GET", ranges + "/groups")[1], "metadata.finalizers") or []))
    api.obj("DELETE", ranges + "/groups")
    api.eventually("while it is used", lambda: condition(api.obj("GET", ranges + "/groups")[1], "Ready").get("reason") == "Terminating")
    api.obj("DELETE", NET + "/ipaddresses/172.30.0.9")
    api.eventually("and then goes", lambda: api.call("GET", ranges + "/groups")[0] == 404)


def requests():
    made = subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                           os.devnull, "-subj", "/CN=groups"], capture_output=True, check=True).stdout
    spec = {"request": base64.b64encode(made).decode(), "signerName": "example.com/s", "usages": ["client auth"], "username": "liar"}
    one = CSRS + "/groups"
    said = lambda kind, status="True": {"type": kind, "status": status, "reason": "R", "message": "m"}
    api.run([
        ("a request is its maker's", "POST", CSRS, {"metadata": {"name": "groups"}, "spec": spec, "status": {"conditions": [said("Approved")]}},
         {}, 201, lambda o: get(o, "spec.username") != "liar" and not get(o, "status.conditions")),
        ("its status approves nothing", "PATCH", one + "/status", {"status": {"conditions": [said("Approved"), said("Failed")]}}, PATCH, 422,
         lambda o: 'updates may not add a condition of type "Approved"' in o["message"]),
        ("but may fail it", "PATCH", one + "/status", {"status": {"conditions": [said("Failed")]}}, PATCH, 200,
         lambda o: [c["type"] for c in get(o, "status.conditions")] == ["Failed"]),
        ("approval", "PATCH", one + "/approval", {"status": {"conditions": [said("Failed"), said("Approved")]}}, PATCH, 200,
         lambda o: condition(o, "Approved").get("lastUpdateTime") and condition(o, "Approved").get("lastTransitionTime")),
        ("never both", "PATCH", one + "/approval", {"status": {"conditions": [said("Failed"), said("Approved"), said("Denied")]}}, PATCH, 422,
         lambda o: "Approved and Denied conditions are mutually exclusive" in o["message"]),
        ("not taken back", "PATCH", one + "/approval", {"status": {"conditions": [said("Failed")]}}, PATCH, 422,
         lambda o: 'updates may not remove a condition of type "Approved"' in o["message"]),
        ("only said to be true", "PATCH", one + "/approval", {"status": {"conditions": [said("Approved", "False")]}}, PATCH, 422, None),
        ("the request stays", "PATCH", one, {"spec": {"usages": ["server auth"]}}, PATCH, 200, {"spec.usages": ["client auth"]}),
    ])
    api.check("as a table", cells(one).get("Condition") == "Approved,Failed", cells(one))
    api.obj("DELETE", one)


def claims():
    spec = {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c.example.com"}}]}}
    one = CLAIMS + "/c"
    result = {"request": "r", "driver": "d.example.com", "pool": "p", "device": "d"}
    given = {"allocation": {"devices": {"results": [result]}}}
    api.run([
        ("a claim", "POST", CLAIMS, {"metadata": {"name": "c"}, "spec": spec}, {}, 201, {
            "spec.devices.requests.0.exactly.allocationMode": "ExactCount", "spec.devices.requests.0.exactly.count": 1}),
        ("stays as it is", "PATCH", one, {"spec": {"devices": {"requests": []}}}, PATCH, 422, lambda o: "field is immutable" in o["message"]),
        ("given", "PATCH", one + "/status", {"status": given}, PATCH, 200, {"status.allocation.devices.results.0.device": "d"}),
        ("once", "PATCH", one + "/status", {"status": {"allocation": {"devices": {"results": [{**result, "device": "e"}]}}}}, PATCH, 422,
         lambda o: "status.allocation: Invalid value: " in o["message"] and "field is immutable" in o["message"]),
        ("to nobody unless given", "PATCH", one + "/status", {"status": {"allocation": None, "reservedFor": [{"resource": "pods", "name": "x",
         "uid": "u"}]}}, PATCH, 422, lambda o: "status.reservedFor: Forbidden: may not be specified when `allocated` is not set" in o["message"]),
        ("taken back", "PATCH", one + "/status", {"status": {"allocation": None}}, PATCH, 200, lambda o: not get(o, "status.allocation")),
        ("gone", "DELETE", one, None, {}, 200, None),
    ])


def slices():
    slice_ = {"metadata": {"name": "s"}, "addressType": "IPv4", "endpoints": [{"addresses": ["1.2.3.4"], "deprecatedTopology": {"a": "b"}}],
              "ports": [{"name": "x", "port": 80}]}
    one = SLICES + "/s"
    api.run([
        ("a slice", "POST", SLICES, slice_, {}, 201, lambda o: "deprecatedTopology" not in o["endpoints"][0] and
         get(o, "metadata.generation") == 1 and get(o, "ports.0.protocol") == "TCP"),
        ("a label is a generation", "PATCH", one, {"metadata": {"labels": {"a": "b"}}}, PATCH, 200, {"metadata.generation": 2}),
        ("an annotation is none", "PATCH", one, {"metadata": {"annotations": {"a": "b"}}}, PATCH, 200, {"metadata.generation": 2}),
        ("of its family for good", "PATCH", one, {"addressType": "IPv6"}, PATCH, 422, lambda o: "field is immutable" in o["message"]),
        ("of no loopback", "POST", SLICES, {"metadata": {"name": "t"}, "addressType": "IPv4", "endpoints": [{"addresses": ["127.0.0.1"]}]}, {}, 422,
         message("Invalid", 'EndpointSlice.discovery.k8s.io "t" is invalid: endpoints[0].addresses[0]: Invalid value: "127.0.0.1": '
                 "may not be in the loopback range (127.0.0.0/8, ::1/128)")),
    ])
    got = cells(one)
    api.check("as a table", {k: got.get(k) for k in ("AddressType", "Ports", "Endpoints")} ==
              {"AddressType": "IPv4", "Ports": "80", "Endpoints": "1.2.3.4"}, got)


def leases():
    path = f"/apis/coordination.k8s.io/v1/namespaces/{NS}/leases"
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "me", "leaseDurationSeconds": 15}}
    api.run([
        ("a lease is made by an update", "PUT", path + "/l", lease, {}, 201, None),
        ("and changed only where it was read", "PUT", path + "/l", lease, {}, 422, None),
        ("for no time", "POST", path, {"metadata": {"name": "m"}, "spec": {"leaseDurationSeconds": 0}}, {}, 422, message("Invalid",
         'Lease.coordination.k8s.io "m" is invalid: spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0')),
    ])
    api.check("as a table", cells(path + "/l").get("Holder") == "me", cells(path + "/l"))
    own = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
    one = lambda: api.obj("GET", own + "?labelSelector=apiserver.kubernetes.io%2Fidentity%3Dkube-apiserver")[1]["items"]
    api.eventually("the API server's own", one)
    name = get(one(), "0.metadata.name")
    api.check("as upstream's", len(name) == len("apiserver-") + 26 and get(one(), "0.spec.holderIdentity").startswith(name + "_") and
              get(one(), "0.spec.leaseDurationSeconds") == 3600, one())
    api.obj("DELETE", f"{own}/{name}")
    api.eventually("comes back", one)


def ingresses():
    path = f"{NET}/namespaces/{NS}/ingresses"
    backend = {"service": {"name": "s", "port": {"number": 80}}}
    rules = [{"host": h, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}} for h in ("a.example.com", "*.b.example.com")]
    note = {"metadata": {"name": "noted", "annotations": {"kubernetes.io/ingress.class": "x"}}, "spec": {"defaultBackend": backend}}
    api.run([("an ingress", "POST", path, {"metadata": {"name": "i"}, "spec": {"rules": rules, "tls": [{"hosts": ["a.example.com"]}]}}, {}, 201,
              {"metadata.generation": 1})])
    got = cells(path + "/i")
    api.check("as a table", {k: got.get(k) for k in ("Class", "Hosts", "Ports")} ==
              {"Class": "<none>", "Hosts": "a.example.com,*.b.example.com", "Ports": "80, 443"}, got)
    text = "annotation \\\"kubernetes.io/ingress.class\\\" is deprecated, please use 'spec.ingressClassName' instead"
    got = api.warned(path + "?dryRun=All", note)
    api.check("told of the old way", text in got, got)
    policy = {"metadata": {"name": "p"}, "spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.1/8"}}]}]}}
    got = api.warned(f"{NET}/namespaces/{NS}/networkpolicies?dryRun=All", policy)
    api.check("told of a block's odd bits", "spec.ingress[0].from[0].ipBlock.cidr: CIDR value \\\"10.0.0.1/8\\\" is ambiguous in this context" in got, got)
    classes = {"metadata": {"name": "groups"}, "provisioner": "example.com/p", "allowedTopologies": [{"matchLabelExpressions": [
        {"key": "failure-domain.beta.kubernetes.io/zone", "values": ["z"]}]}]}
    got = api.warned("/apis/storage.k8s.io/v1/storageclasses?dryRun=All", classes)
    api.check("told of a label's new name", "allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.17" in got, got)


def priorities():
    path = "/apis/scheduling.k8s.io/v1/priorityclasses"
    names = {o["metadata"]["name"]: o["value"] for o in api.obj("GET", path)[1]["items"]}
    api.check("the system's own", names.get("system-node-critical") == 2000001000 and names.get("system-cluster-critical") == 2000000000, names)
    api.run([
        ("too high", "POST", path, {"metadata": {"name": "groups"}, "value": 1000000001}, {}, 422, lambda o:
         "maximum allowed value of a user defined priority is 1000000000" in o["message"]),
        ("the system's names", "POST", path, {"metadata": {"name": "system-groups"}, "value": 1}, {}, 422, lambda o:
         "priority class names with 'system-' prefix are reserved for system use only" in o["message"]),
        ("one", "POST", path, {"metadata": {"name": "groups"}, "value": 1}, {}, 201, {"preemptionPolicy": "PreemptLowerPriority"}),
        ("of one value", "PATCH", path + "/groups", {"value": 2}, PATCH, 422, lambda o: "may not be changed in an update" in o["message"]),
        ("gone", "DELETE", path + "/groups", None, {}, 200, None),
    ])


api.finish(api_services, flow, addresses, requests, claims, slices, leases, ingresses, priorities)
