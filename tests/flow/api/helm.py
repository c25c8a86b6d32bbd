# SPDX-License-Identifier: Apache-2.0
"""What helm 4 asks of an API for a release: the version, all of discovery, release records as Secrets, objects by
server-side apply with strict validation, the hand-over from helm 3's client-side managers, waiting by informers,
upgrade, rollback, uninstall.

Source: helm pkg/storage/driver/secrets.go, pkg/kube/client.go; client-go util/csaupgrade.

usage: helm.py KUBECONFIG
"""
import base64
import gzip
import json
import sys

from cases import APPLY, JSON_PATCH, MERGE_PATCH, Api, get

api = Api(sys.argv[1])
NAME = "helm"
NS = f"/api/v1/namespaces/{NAME}"
APPS = f"/apis/apps/v1/namespaces/{NAME}"
AGENT = {"User-Agent": "Helm/4.0.0"}
STRICT = "?fieldManager=helm&fieldValidation=Strict&force=true"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


def release(revision, status):
    """A release record as helm's Secret driver writes it."""
    record = base64.b64encode(gzip.compress(json.dumps({"name": "shop", "version": revision}).encode())).decode()
    return {"kind": "Secret", "apiVersion": "v1", "type": "helm.sh/release.v1",
            "metadata": {"name": f"sh.helm.release.v1.shop.v{revision}", "labels": {
                "owner": "helm", "name": "shop", "status": status, "version": str(revision), "modifiedAt": "1764000000"}},
            "data": {"release": base64.b64encode(record.encode()).decode()}}


def deployment(image, **spec):
    return {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {
        "name": "web", "namespace": NAME, "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": NAME}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, **spec, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": image, "ports": [{"containerPort": 80}]}]}}}}


def apply(o, path, extra=""):
    return api.obj("PATCH", path + STRICT + extra, o, headers={**APPLY, **AGENT})


def managers(o):
    return {(m["manager"], m["operation"], m.get("subresource", "")) for m in o["metadata"]["managedFields"]}


def it_looks_around():
    status, o = api.obj("GET", "/version?timeout=32s")
    api.check("versions are numbers", status == 200 and o["major"].isdigit() and o["minor"].isdigit(), o)
    for root in ("/api", "/apis"):
        _, headers, data = api.call("GET", root + "?timeout=32s", headers={"Accept": AGGREGATED})
        o = json.loads(data)
        api.check(f"{root} in one document", "as=APIGroupDiscoveryList" in headers["content-type"] and
                  o["kind"] == "APIGroupDiscoveryList" and o["items"], headers)
        status, again, _ = api.call("GET", root, headers={"Accept": AGGREGATED, "If-None-Match": headers["etag"]})
        api.check(f"{root} is not sent twice", status == 304 and again["etag"] == headers["etag"], status)


def a_first_install():
    api.run([
        ("its namespace", "POST", "/api/v1/namespaces?fieldManager=helm", {"metadata": {"name": NAME, "labels": {"name": NAME}}}, {}, 201, None),
        ("no release yet", "GET", NS + "/secrets?labelSelector=name%3Dshop%2Cowner%3Dhelm", None, {}, 200, {"items": []}),
        ("the record", "POST", NS + "/secrets", release(1, "pending-install"), {}, 201, {"type": "helm.sh/release.v1"}),
        ("the record twice", "POST", NS + "/secrets", release(1, "pending-install"), {}, 409, {"reason": "AlreadyExists"}),
        ("by its labels", "GET", NS + "/secrets?labelSelector=name%3Dshop%2Cowner%3Dhelm%2Cstatus%3Dpending-install", None, {}, 200,
         lambda o: len(o["items"]) == 1),
        ("is it there", "GET", APPS + "/deployments/web", None, {}, 404, {"reason": "NotFound"}),
    ])
    status, o = apply(deployment("nginx:1"), APPS + "/deployments/web", "&dryRun=All")
    api.check("a dry run is an answer", status == 201 and get(o, "metadata.uid"), o)
    api.check("and no object", api.call("GET", APPS + "/deployments/web")[0] == 404)
    status, o = apply(deployment("nginx:1"), APPS + "/deployments/web")
    api.check("apply creates", status == 201 and managers(o) == {("helm", "Apply", "")}, o)
    status, o = apply(deployment("nginx:1", replicaz=3), APPS + "/deployments/web")
    api.check("an unknown field is no part of the schema", status == 500 and
              ".spec.replicaz: field not declared in schema" in o["message"], o)
    done = release(1, "deployed")
    api.check("the record is kept up", api.obj("PUT", NS + "/secrets/sh.helm.release.v1.shop.v1", done)[0] == 200)


def it_waits():
    """kstatus: a list through a watch of all Deployments, then the object's own status."""
    conn = api.connect()
    conn.request("GET", APPS + "/deployments?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
                 "&allowWatchBookmarks=true&timeoutSeconds=20")
    answer = conn.getresponse()
    seen, settled = [], None
    while not settled:
        e = json.loads(answer.readline())
        seen.append(e["type"])
        settled = get(e, "object.metadata.annotations", {}).get("k8s.io/initial-events-end")
    api.check("the informer is in step", "ADDED" in seen, seen)
    o = api.eventually("the controller saw it", lambda: (lambda d: d if get(d, "status.observedGeneration") == 1 else None)(
        api.obj("GET", APPS + "/deployments/web")[1]))
    api.check("its progress can be read", {c["type"] for c in get(o, "status.conditions", [])} >= {"Available", "Progressing"}, o)
    conn.close()


def an_upgrade():
    before = api.obj("GET", APPS + "/deployments/web")[1]
    status, o = apply(deployment("nginx:1"), APPS + "/deployments/web")
    api.check("nothing new changes nothing", status == 200 and get(o, "metadata.generation") == 1 and
              [m for m in o["metadata"]["managedFields"] if m["manager"] == "helm"] ==
              [m for m in before["metadata"]["managedFields"] if m["manager"] == "helm"], o)
    status, o = apply(deployment("nginx:2"), APPS + "/deployments/web")
    api.check("a change does", status == 200 and get(o, "metadata.generation") == 2 and
              get(o, "spec.template.spec.containers.0.image") == "nginx:2", o)
    # Somebody scales meanwhile; helm's next apply without force says so.
    api.obj("PATCH", APPS + "/deployments/web?fieldManager=somebody", {"spec": {"replicas": 5}}, headers=MERGE_PATCH)
    status, o = api.obj("PATCH", APPS + "/deployments/web?fieldManager=helm&fieldValidation=Strict", deployment("nginx:2"),
                        headers={**APPLY, **AGENT})
    api.check("without force it is a conflict", status == 409 and
              get(o, "details.causes.0.field") == ".spec.replicas" and 'conflict with "somebody"' in o["message"], o)
    status, o = apply(deployment("nginx:2"), APPS + "/deployments/web")
    api.check("with force it is helm's again", status == 200 and get(o, "spec.replicas") == 2 and
              ("somebody", "Update", "") not in managers(o), o)
    newer = deployment("nginx:2")
    del newer["spec"]["replicas"]
    status, o = apply(newer, APPS + "/deployments/web")
    api.check("what is applied no more goes back to its default", status == 200 and get(o, "spec.replicas") == 1, o)


def the_hand_over_from_client_side():
    """A release that helm 3 made: one JSON patch moves its manager to Apply, guarded by the revision."""
    old = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "old"}, "data": {"a": "1", "b": "2"}}
    o = api.obj("POST", NS + "/configmaps?fieldManager=helm", old)[1]
    api.check("client-side is an update", managers(o) == {("helm", "Update", "")}, o)
    entry = dict(o["metadata"]["managedFields"][0], operation="Apply")
    patch = [{"op": "replace", "path": "/metadata/managedFields", "value": [entry]},
             {"op": "replace", "path": "/metadata/resourceVersion", "value": o["metadata"]["resourceVersion"]}]
    status, o = api.obj("PATCH", NS + "/configmaps/old", patch, headers=JSON_PATCH)
    api.check("the patch moves it", status == 200 and managers(o) == {("helm", "Apply", "")}, o)
    stale = [patch[0], {"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}]
    status, o2 = api.obj("PATCH", NS + "/configmaps/old", stale, headers=JSON_PATCH)
    api.check("not over another's change", status == 409 and o2["reason"] == "Conflict", o2)
    status, o = apply({**old, "data": {"a": "1"}}, NS + "/configmaps/old")
    api.check("then less is less", status == 200 and o["data"] == {"a": "1"}, o)


def history_and_end():
    for n in range(2, 5):
        api.obj("POST", NS + "/secrets", release(n, "deployed" if n == 4 else "superseded"))
    status, o = api.obj("GET", NS + "/secrets?labelSelector=owner%3Dhelm%2Cstatus+in+%28deployed%2Csuperseded%29&limit=3")
    api.check("history in pages", status == 200 and len(o["items"]) == 3 and o["metadata"].get("continue"), o["metadata"])
    api.run([
        ("an old record goes", "DELETE", NS + "/secrets/sh.helm.release.v1.shop.v1", None, {}, 200, {"status": "Success"}),
        ("the objects go", "DELETE", APPS + "/deployments/web", {"propagationPolicy": "Background"}, {}, 200, {"status": "Success"}),
        ("it is gone", "GET", APPS + "/deployments/web", None, {}, 404, {"reason": "NotFound"}),
    ])
    api.eventually("with what it made", lambda: not api.obj("GET", APPS + "/replicasets")[1]["items"])
    status, o = api.obj("DELETE", NS + "/secrets?labelSelector=owner%3Dhelm")
    api.check("the records go together", status == 200 and not api.obj("GET", NS + "/secrets?labelSelector=owner%3Dhelm")[1]["items"], o)


api.finish(it_looks_around, a_first_install, it_waits, an_upgrade, the_hand_over_from_client_side, history_and_end)
