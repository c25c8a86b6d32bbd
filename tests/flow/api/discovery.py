# SPDX-License-Identifier: Apache-2.0
"""Which groups, versions and resources there are: aggregated and classic, as they come and go.

usage: discovery.py KUBECONFIG
"""
import base64
import hashlib
import json
import sys

from cases import Api, get

api = Api(sys.argv[1])
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
V2BETA = V2.replace("v=v2;", "v=v2beta1;")
STD = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
GROUPS = ["apiregistration.k8s.io", "apps", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io", "autoscaling", "batch",
          "certificates.k8s.io", "networking.k8s.io", "policy", "rbac.authorization.k8s.io", "storage.k8s.io",
          "admissionregistration.k8s.io", "apiextensions.k8s.io", "scheduling.k8s.io", "coordination.k8s.io", "node.k8s.io",
          "discovery.k8s.io", "resource.k8s.io", "flowcontrol.apiserver.k8s.io"]


def ask(path, accept, **headers):
    status, h, data = api.call("GET", path, headers={"Accept": accept, **headers})
    try:
        return status, h, json.loads(data)
    except ValueError:
        return status, h, data


def crd(plural, group, versions=("v1",), kind=None, **names):
    kind = kind or plural[:-1].capitalize()
    return {"metadata": {"name": f"{plural}.{group}"}, "spec": {
        "group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind, **names},
        "versions": [{"name": v, "served": True, "storage": i == 0, "subresources": {"status": {}, "scale": {
            "specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"}},
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
            for i, v in enumerate(versions)]}}


def aggregated():
    for path, names in (("/api", [None]), ("/apis", GROUPS)):
        status, h, o = ask(path, f"{V2},{V2BETA},application/json")
        api.check(f"{path}: aggregated", status == 200 and o["kind"] == "APIGroupDiscoveryList" and
                  o["apiVersion"] == "apidiscovery.k8s.io/v2" and h["content-type"] == V2, (h, o))
        got = [get(i, "metadata.name") for i in o["items"]]
        api.check(f"{path}: groups by priority", [n for n in got if n in names] == names, got)
        api.check(f"{path}: versions are fresh", all(v["freshness"] == "Current" for i in o["items"] for v in i["versions"]), o)
        api.check(f"{path}: caching", h.get("vary") == "Accept" and h.get("cache-control") == "public" and h["etag"].startswith('"'), h)
        status, again, _ = ask(path, V2, **{"If-None-Match": h["etag"]})
        api.check(f"{path}: not modified", status == 304 and again["etag"] == h["etag"], (status, again))
    pods = next(r for r in ask("/api", V2)[2]["items"][0]["versions"][0]["resources"] if r["resource"] == "pods")
    api.check("a resource", pods["responseKind"]["kind"] == "Pod" and pods["scope"] == "Namespaced" and pods["singularResource"] == "pod" and
              pods["shortNames"] == ["po"] and pods["categories"] == ["all"] and pods["verbs"] == STD, pods)
    subs = {s["subresource"]: s for s in pods["subresources"]}
    api.check("its subresources", subs["eviction"]["responseKind"] == {"group": "policy", "version": "v1", "kind": "Eviction"} and
              subs["log"]["verbs"] == ["get"] and "status" in subs, subs)


def accept():
    """The order of what the client takes decides; what newer servers no longer speak is passed over."""
    for want, accepts in (("APIGroupList", ("application/json", f"application/json,{V2}", f"{V2BETA},application/json", "*/*")),
                          ("APIGroupDiscoveryList", (V2, f"{V2},application/json", f"{V2BETA},{V2},application/json"))):
        for a in accepts:
            status, h, o = ask("/apis", a)
            api.check(f"{want} for {a}", status == 200 and o["kind"] == want, (h, o))
    api.check("versions of core", ask("/api", "application/json")[2]["versions"] == ["v1"])


def classic():
    o = ask("/apis", "application/json")[2]
    api.check("groups in order", [g["name"] for g in o["groups"] if g["name"] in GROUPS] == GROUPS, o)
    group = next(g for g in o["groups"] if g["name"] == "autoscaling")
    api.check("the preferred version first", group["preferredVersion"] == {"groupVersion": "autoscaling/v2", "version": "v2"} and
              [v["version"] for v in group["versions"]] == ["v2", "v1"], group)
    o = ask("/apis/apps", "application/json")[2]
    api.check("one group", o["kind"] == "APIGroup" and o["apiVersion"] == "v1" and o["preferredVersion"]["groupVersion"] == "apps/v1", o)
    o = ask("/apis/apps/v1", "application/json")[2]
    rows = {r["name"]: r for r in o["resources"]}
    api.check("resources", o["kind"] == "APIResourceList" and o["groupVersion"] == "apps/v1" and rows["deployments"]["verbs"] == STD, o)
    api.check("scale is of another group", rows["deployments/scale"]["group"] == "autoscaling" and rows["deployments/scale"]["kind"] == "Scale", rows)
    core = {r["name"]: r for r in ask("/api/v1", "application/json")[2]["resources"]}
    api.check("hash of the stored version", core["pods"]["storageVersionHash"] == "xPOwRZ+Yhw8=", core["pods"])
    api.check("namespaces", "deletecollection" not in core["namespaces"]["verbs"] and not core["namespaces"]["namespaced"], core["namespaces"])
    events = ask("/apis/events.k8s.io/v1", "application/json")[2]["resources"][0]
    api.check("events are one", events["storageVersionHash"] == core["events"]["storageVersionHash"], events)
    for path in ("/api/", "/apis/", "/apis/apps/", "/apis/apps/v1/", "/api/v1/"):
        api.check(f"{path}", ask(path, "application/json")[0] == 200)
    for path in ("/apis/nope", "/apis/apps/v9", "/api/v2"):
        status, _, data = ask(path, "application/json")
        api.check(f"{path} is not there", status == 404 and data == b"404 page not found\n", data)
    paths = ask("/", "application/json")[2]["paths"]
    api.check("paths", all(p in paths for p in ("/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/healthz", "/openapi/v2", "/version")), paths)


def custom():
    """Custom kinds are there at once, and gone at once."""
    etag = ask("/apis", V2)[1]["etag"]
    api.run([("definition", "POST", CRDS, crd("widgets", "disc.example.com", ("v1beta1", "v1", "v2alpha1"), shortNames=["wd"],
                                              categories=["all", "gear"]), {}, 201, None),
             ("another of the group", "POST", CRDS, crd("gadgets", "disc.example.com", ("v1",)), {}, 201, None)])
    status, h, o = ask("/apis", V2, **{"If-None-Match": etag})
    group = next((i for i in o["items"] if i["metadata"]["name"] == "disc.example.com"), {}) if status == 200 else {}
    api.check("another document", status == 200 and h["etag"] != etag, status)
    api.check("versions in order", [v["version"] for v in group.get("versions", [])] == ["v1", "v1beta1", "v2alpha1"], group)
    api.check("both in one version", [r["resource"] for r in get(group, "versions.0.resources", [])] == ["gadgets", "widgets"], group)
    row = get(group, "versions.0.resources.1", {})
    api.check("its names", row.get("shortNames") == ["wd"] and row.get("categories") == ["all", "gear"] and row.get("singularResource") == "widget" and
              row.get("responseKind") == {"group": "disc.example.com", "version": "v1", "kind": "Widget"} and row.get("verbs") is not None and
              sorted(row["verbs"]) == STD, row)
    api.check("its subresources", [(s["subresource"], s["responseKind"]["kind"]) for s in row.get("subresources", [])] ==
              [("scale", "Scale"), ("status", "Widget")], row)
    o = ask("/apis/disc.example.com", "application/json")[2]
    api.check("classic", o["preferredVersion"]["version"] == "v1" and len(o["versions"]) == 3, o)
    o = ask("/apis/disc.example.com/v1", "application/json")[2]
    rows = {r["name"]: r for r in o["resources"]}
    want = base64.b64encode(hashlib.sha256(b"disc.example.com/v1beta1/Widget").digest()[:8]).decode()
    api.check("the hash is of the stored version", rows["widgets"]["storageVersionHash"] == want, rows)
    d = api.obj("GET", CRDS + "/widgets.disc.example.com")[1]
    d["spec"]["versions"][2]["served"] = False
    api.run([("one version less", "PUT", CRDS + "/widgets.disc.example.com", d, {}, 200, None),
             ("not there", "GET", "/apis/disc.example.com/v2alpha1", None, {}, 404, None),
             ("unknown resource of a group", "GET", "/apis/disc.example.com/v1/nopes", None, {}, 404, {"reason": "NotFound"}),
             ("delete", "DELETE", CRDS + "/widgets.disc.example.com", None, {}, 200, None),
             ("delete", "DELETE", CRDS + "/gadgets.disc.example.com", None, {}, 200, None)])
    api.eventually("the group goes with the last", lambda: ask("/apis/disc.example.com", "application/json")[0] == 404)
    api.check("the first document again", ask("/apis", V2)[1]["etag"] == etag)


api.finish(aggregated, accept, classic, custom)
