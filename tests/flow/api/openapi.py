# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI documents: what they say of built-in and custom kinds, how they are cached.

usage: openapi.py KUBECONFIG
"""
import copy
import json
import sys

from cases import Api, get

api = Api(sys.argv[1])
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PROTO = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
OBJECT = {"type": "object"}


def text(kind, what=None, **more):
    return {"type": kind, **({"description": what} if what else {}), **more}


FOO = text("object", "Foo CRD for Testing", properties={
    "spec": text("object", "Specification of Foo", properties={
        "bars": text("array", "List of Bars and their specs.", items=text("object", required=["name"], properties={
            "name": text("string", "Name of Bar."), "age": text("string", "Age of Bar."),
            "feeling": text("string", "Feeling of Bar.", enum=["Great", "Down"]),
            "bazs": text("array", "List of Bazs.", items=text("string"))}))}),
    "status": text("object", "Status of Foo", properties={
        "bars": text("array", "List of Bars and their statuses.", items=text("object", properties={
            "name": text("string", "Name of Bar."), "available": text("boolean", "Whether the Bar is installed."),
            "quxType": text("string", "Indicates to external qux type.", pattern="in-tree|out-of-tree")}))})})
WALDO = text("object", "Waldo CRD for Testing", properties={
    "spec": text("object", "Specification of Waldo", properties={"dummy": text("object", "Dummy property.")}),
    "status": text("object", "Status of Waldo", properties={
        "bars": text("array", "List of Bars and their statuses.", items=text("object"))})})
KEEP = {"x-kubernetes-preserve-unknown-fields": True}
NESTED = text("object", "preserve-unknown-properties in nested field for Testing", properties={
    "spec": text("object", "Specification of Waldo", properties={"dummy": text("object")}, **KEEP),
    "status": text("object", "Status of Waldo", properties={"dummy": text("object")}, **KEEP)})


def crd(name, group, schemas, **more):
    """schemas: {version: schema}; the first is stored."""
    return {"metadata": {"name": f"{name}s.{group}"}, "spec": {
        "group": group, "scope": "Namespaced", "names": {"plural": f"{name}s", "singular": name, "kind": name.capitalize()},
        "versions": [{"name": v, "served": True, "storage": i == 0, "schema": {"openAPIV3Schema": s}}
                     for i, (v, s) in enumerate(schemas.items())], **more}}


def made(o):
    name = o["metadata"]["name"]
    status, got = api.obj("POST", CRDS, o)
    api.check(f"{name} is made", status == 201, got)
    api.eventually(f"{name} is established", lambda: any(
        c["type"] == "Established" and c["status"] == "True" for c in get(api.obj("GET", f"{CRDS}/{name}")[1], "status.conditions", [])))


def v2():
    return api.obj("GET", "/openapi/v2")[1]


def definition(doc, group, version, kind):
    """As the conformance tests look at it: without what every kind has."""
    o = copy.deepcopy(doc["definitions"].get(".".join(reversed(group.split("."))) + f".{version}.{kind}"))
    if o:
        gvk = o.pop("x-kubernetes-group-version-kind", None)
        api.check(f"{kind}: kind", gvk == [{"group": group, "version": version, "kind": kind}], gvk)
        for k in ("metadata", "apiVersion", "kind"):
            (o.get("properties") or {}).pop(k, None)
    return o


def builtin():
    doc = v2()
    defs, paths = doc["definitions"], doc["paths"]
    api.check("header", doc["swagger"] == "2.0" and doc["info"]["title"] == "Kubernetes" and doc["info"]["version"].startswith("v1."), doc["info"])
    for name, gvk in (("io.k8s.api.core.v1.Pod", ("", "v1", "Pod")), ("io.k8s.api.apps.v1.Deployment", ("apps", "v1", "Deployment")),
                      ("io.k8s.api.networking.v1.IngressClass", ("networking.k8s.io", "v1", "IngressClass")),
                      ("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
                       ("apiextensions.k8s.io", "v1", "CustomResourceDefinition")),
                      ("io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService", ("apiregistration.k8s.io", "v1", "APIService"))):
        got = defs.get(name, {}).get("x-kubernetes-group-version-kind")
        api.check(name, got == [dict(zip(("group", "version", "kind"), gvk))], got)
    missing = {r for r in refs(doc) if r.rpartition("/")[2] not in defs}
    api.check("every reference leads somewhere", not missing, missing)
    meta = "io.k8s.apimachinery.pkg.apis.meta.v1."
    pod = defs["io.k8s.api.core.v1.Pod"]
    api.check("a kind's fields", get(pod, "properties.metadata.$ref") == f"#/definitions/{meta}ObjectMeta" and
              get(pod, "properties.kind.type") == "string", pod)
    api.check("quantity", defs["io.k8s.apimachinery.pkg.api.resource.Quantity"]["type"] == "string")
    api.check("int or string", defs["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] | {"description": ""} ==
              {"type": "string", "format": "int-or-string", "description": ""}, defs["io.k8s.apimachinery.pkg.util.intstr.IntOrString"])
    api.check("time", (defs[f"{meta}Time"]["type"], defs[f"{meta}Time"]["format"]) == ("string", "date-time"))
    spec = defs["io.k8s.api.core.v1.PodSpec"]
    key = spec["properties"]["containers"]
    api.check("merge keys", key["x-kubernetes-patch-merge-key"] == "name" and key["x-kubernetes-patch-strategy"] == "merge" and
              key["x-kubernetes-list-type"] == "map" and key["x-kubernetes-list-map-keys"] == ["name"] and "containers" in spec["required"], key)
    one = paths["/api/v1/namespaces/{namespace}/pods/{name}"]
    api.check("methods", {"get", "put", "patch", "delete"} <= set(one), set(one))
    for path, verb in (("/api/v1/namespaces/{namespace}/pods", "post"), ("/api/v1/namespaces/{namespace}/pods/{name}", "put"),
                       ("/api/v1/namespaces/{namespace}/pods/{name}", "patch")):
        op = paths[path][verb]
        names = {p.get("name") or p.get("$ref", "") for p in op["parameters"]}
        api.check(f"{verb} {path}: parameters", any("fieldValidation" in n for n in names) and any("dryRun" in n for n in names), names)
        api.check(f"{verb} {path}: kind", op["x-kubernetes-group-version-kind"] == {"group": "", "version": "v1", "kind": "Pod"}, op)
        api.check(f"{verb} {path}: action", op["x-kubernetes-action"] == verb, op)
    empty = [n for n, d in defs.items() if not d.get("description") and not d.get("x-kubernetes-group-version-kind")]
    api.check("types say what they are", len(empty) * 2 < len(defs), len(empty))


def refs(o):
    if isinstance(o, dict):
        if isinstance(o.get("$ref"), str):
            yield o["$ref"]
        for v in o.values():
            yield from refs(v)
    elif isinstance(o, list):
        for v in o:
            yield from refs(v)


def forms():
    status, h, data = api.call("GET", "/openapi/v2", headers={"Accept": "application/json"})
    etag = h.get("etag", "")
    api.check("JSON", status == 200 and h["content-type"].startswith("application/json") and h.get("vary") and etag.startswith('"'), h)
    status, again, body = api.call("GET", "/openapi/v2", headers={"Accept": "application/json", "If-None-Match": etag})
    api.check("not modified", status == 304 and not body and again.get("etag") == etag, (status, again))
    status, _, body = api.call("GET", "/openapi/v2", headers={"Accept": "application/json", "If-None-Match": '"other"'})
    api.check("modified", status == 200 and body == data, status)
    for accept in (PROTO, f"{PROTO},application/json", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"):
        status, h, body = api.call("GET", "/openapi/v2", headers={"Accept": accept})
        # a gnostic Document begins with swagger: "2.0"
        api.check(f"protobuf for {accept}", status == 200 and "proto-openapi" in h["content-type"] and body.startswith(b"\n\x032.0") and
                  b"io.k8s.api.core.v1.Pod" in body, (status, h, body[:20]))
    for accept in ("*/*", "application/*", "text/html,application/json;q=0.9"):
        status, h, body = api.call("GET", "/openapi/v2", headers={"Accept": accept})
        api.check(f"JSON for {accept}", status == 200 and body == data, (status, h))
    status, _, body = api.call("GET", "/openapi/v2", headers={"Accept": "image/png"})
    api.check("nothing else", status == 406, (status, body[:200]))


def third():
    status, h, data = api.call("GET", "/openapi/v3")
    index = json.loads(data)["paths"]
    api.check("index: not modified", api.call("GET", "/openapi/v3", headers={"If-None-Match": h["etag"]})[0] == 304, h)
    api.check("index", {"api", "apis", "api/v1", "apis/apps/v1", "apis/apiextensions.k8s.io/v1", "version"} - set(index) <= {"api", "apis", "version"}, set(index))
    for path, entry in index.items():
        url = entry["serverRelativeURL"]
        api.check(f"{path}: address", url.startswith(f"/openapi/v3/{path}?hash="), url)
    url = index["apis/apps/v1"]["serverRelativeURL"]
    status, h, data = api.call("GET", url)
    api.check("with its hash it lasts", status == 200 and h["cache-control"] == "public, immutable" and h.get("expires") and h.get("etag"), h)
    status, h2, again = api.call("GET", "/openapi/v3/apis/apps/v1")
    api.check("without it is asked anew", status == 200 and "immutable" not in h2.get("cache-control", "") and again == data, h2)
    status, h2, _ = api.call("GET", "/openapi/v3/apis/apps/v1", headers={"If-None-Match": h["etag"]})
    api.check("not modified", status == 304, (status, h2))
    status, h2, _ = api.call("GET", "/openapi/v3/apis/apps/v1?hash=OLD")
    api.check("an old hash leads to the new", status == 301 and h2["location"] == url, (status, h2))
    api.check("an unknown version", api.call("GET", "/openapi/v3/apis/none.example/v1")[0] == 404)
    doc = json.loads(data)
    api.check("header", doc["openapi"].startswith("3.0") and doc["info"]["title"] == "Kubernetes", doc["info"])
    missing = {r for r in refs(doc) if r.startswith("#/components/schemas/") and r.rpartition("/")[2] not in doc["components"]["schemas"]}
    api.check("every reference leads somewhere", not missing, missing)
    op = doc["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments"]["post"]
    api.check("operation", op["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"} and
              any(p.get("name") == "fieldValidation" for p in op["parameters"]) and
              get(op["requestBody"]["content"], "*/*", op["requestBody"]["content"]), op)
    spec = doc["components"]["schemas"]["io.k8s.api.apps.v1.DeploymentSpec"]
    sel = spec["properties"]["selector"]
    api.check("reference with a description", "$ref" in sel or sel["allOf"][0]["$ref"].startswith("#/components/schemas/"), sel)
    api.check("int or string", doc["components"]["schemas"]["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["oneOf"] ==
              [{"type": "integer"}, {"type": "string"}], doc["components"]["schemas"]["io.k8s.apimachinery.pkg.util.intstr.IntOrString"])


def wire(data):
    """A protobuf message: number -> values, as they lie there."""
    def varint(i):
        value = shift = 0
        while True:
            value |= (data[i] & 127) << shift
            shift, i = shift + 7, i + 1
            if data[i - 1] < 128:
                return value, i
    out, i = {}, 0
    while i < len(data):
        key, i = varint(i)
        if key & 7 == 0:
            value, i = varint(i)
        elif key & 7 == 1:
            value, i = data[i:i + 8], i + 8
        else:
            size, i = varint(i)
            value, i = data[i:i + size], i + size
        out.setdefault(key >> 3, []).append(value)
    return out


def message_schema(data):
    """gnostic's SchemaOrReference as the JSON schema's shape."""
    w = wire(data)
    if 2 in w:
        return {"$ref": wire(w[2][0])[1][0].decode()}
    w = wire(w[1][0])
    o = {name: w[n][0].decode() for n, name in ((25, "type"), (34, "description"), (35, "format"), (17, "pattern")) if n in w}
    o.update({name: [message_schema(s) for s in w[n]] for n, name in ((26, "allOf"), (27, "oneOf"), (28, "anyOf")) if n in w})
    if 23 in w:
        o["required"] = [r.decode() for r in w[23]]
    if 30 in w:
        o["items"] = message_schema(wire(w[30][0])[1][0])
    if 31 in w:
        o["properties"] = message_named(w[31][0])
    if 32 in w:
        a = wire(w[32][0])
        o["additionalProperties"] = message_schema(a[1][0]) if 1 in a else bool(a[2][0])
    for x in w.get(36, []):
        pair = wire(x)
        o[pair[1][0].decode()] = json.loads(wire(pair[2][0])[2][0])
    return o


def message_named(data):
    return {p[1][0].decode(): message_schema(p[2][0]) for p in map(wire, wire(data).get(1, []))}


def shape(s):
    if "$ref" in s:
        return {"$ref": s["$ref"]}
    o = {k: v for k, v in s.items() if k in ("type", "description", "format", "pattern", "required") or k.startswith("x-")}
    o.update({k: [shape(x) for x in s[k]] for k in ("allOf", "oneOf", "anyOf") if k in s})
    if "items" in s:
        o["items"] = shape(s["items"])
    if "properties" in s:
        o["properties"] = {k: shape(v) for k, v in s["properties"].items()}
    if "additionalProperties" in s:
        a = s["additionalProperties"]
        o["additionalProperties"] = shape(a) if isinstance(a, dict) else a
    return o


def third_as_protobuf():
    made(crd("foo", "proto.publish.example.com", {"v1": FOO}))
    for path in ("apis/apps/v1", "apis/proto.publish.example.com/v1"):
        doc = api.obj("GET", f"/openapi/v3/{path}")[1]
        for accept in (PROTO.replace(".v2@", ".v3@"), PROTO.replace(".v2@", ".v3.") + ",application/json"):
            status, h, data = api.call("GET", f"/openapi/v3/{path}", headers={"Accept": accept})
            api.check(f"{path} for {accept}", status == 200 and h["content-type"] == "application/com.github.proto-openapi.spec.v3.v1.0+protobuf", h)
        m = wire(data)
        api.check(f"{path}: header", m[1] == [doc["openapi"].encode()] and wire(m[2][0])[6] == [doc["info"]["version"].encode()], m[1])
        schemas, want = message_named(wire(m[5][0])[1][0]), {k: shape(v) for k, v in doc["components"]["schemas"].items()}
        api.check(f"{path}: schemas are those of JSON", schemas == want, [k for k in want if schemas.get(k) != want[k]])
        paths = {p[1][0].decode(): wire(p[2][0]) for p in map(wire, wire(m[4][0])[1])}
        api.check(f"{path}: paths are those of JSON", list(paths) == list(doc["paths"]), list(paths))
        name = next(p for p in paths if "post" in doc["paths"][p])
        post, op = wire(paths[name][6][0]), doc["paths"][name]["post"]
        api.check(f"{path}: an operation", post[5][0].decode() == op["operationId"] and len(post[6]) == len(op["parameters"]) and 7 in post and
                  {wire(x)[1][0].decode() for x in post[13]} == {k for k in op if k.startswith("x-")}, post.keys())
    api.obj("DELETE", f"{CRDS}/foos.proto.publish.example.com")
    api.eventually("it goes again", lambda: "apis/proto.publish.example.com/v1" not in api.obj("GET", "/openapi/v3")[1]["paths"])


def publish():
    """CustomResourcePublishOpenAPI."""
    before = {p: e["serverRelativeURL"] for p, e in api.obj("GET", "/openapi/v3")[1]["paths"].items()}
    etag = api.call("GET", "/openapi/v2")[1]["etag"]
    group = "publish.example.com"
    for name, schema, want in (("foo", FOO, FOO), ("empty", {**OBJECT, **KEEP}, OBJECT),
                               ("root", text("object", "gone", properties={"a": text("string")}, **KEEP), OBJECT)):
        made(crd(name, group, {"v1": schema}))
        got = definition(v2(), group, "v1", name.capitalize())
        api.check(f"{name} is published", got == want, got)
    made(crd("nested", group, {"v1": NESTED}))
    want = copy.deepcopy(NESTED)
    for p in want["properties"].values():
        del p["properties"], p["type"]
    got = definition(v2(), group, "v1", "Nested")
    api.check("what keeps unknown fields is open", got == want, got)
    doc = v2()
    api.check("paths of it", doc["paths"][f"/apis/{group}/v1/namespaces/{{namespace}}/foos"]["post"]["x-kubernetes-group-version-kind"] ==
              {"group": group, "version": "v1", "kind": "Foo"})
    api.check("its list", "com.example.publish.v1.FooList" in doc["definitions"])
    api.check("metadata", "ObjectMeta" in json.dumps(doc["definitions"]["com.example.publish.v1.Foo"]["properties"]["metadata"]))
    api.check("the document is another", api.call("GET", "/openapi/v2")[1]["etag"] != etag)
    after = {p: e["serverRelativeURL"] for p, e in api.obj("GET", "/openapi/v3")[1]["paths"].items()}
    changed = {p for p in after if before.get(p) != after[p]}
    api.check("only its version's document is new", changed == {f"apis/{group}", f"apis/{group}/v1"}, changed)
    third = api.obj("GET", after[f"apis/{group}/v1"])[1]
    api.check("the third version keeps everything", "dummy" in get(third, "components.schemas", {})["com.example.publish.v1.Nested"]["properties"]["spec"]["properties"])
    status, h, body = api.call("GET", "/openapi/v2", headers={"Accept": PROTO})
    api.check("protobuf has it", b"com.example.publish.v1.Foo" in body)
    for name in ("foo", "empty", "root", "nested"):
        api.obj("DELETE", f"{CRDS}/{name}s.{group}")
    api.eventually("it goes", lambda: not any(k.startswith("com.example.publish") for k in v2()["definitions"]))
    api.check("and all is as before", {p: e["serverRelativeURL"] for p, e in api.obj("GET", "/openapi/v3")[1]["paths"].items()} == before)


def several():
    made(crd("foo", "one.publish.example.com", {"v1": FOO}))
    made(crd("waldo", "two.publish.example.com", {"v1": WALDO}))
    doc = v2()
    api.check("two groups", definition(doc, "one.publish.example.com", "v1", "Foo") == FOO and
              definition(doc, "two.publish.example.com", "v1", "Waldo") == WALDO)
    made(crd("foo", "three.publish.example.com", {"v2": FOO, "v3": FOO}))
    made(crd("waldo", "three.publish.example.com", {"v2": WALDO, "v4": WALDO}))
    doc = v2()
    for v, kind, want in (("v2", "Foo", FOO), ("v3", "Foo", FOO), ("v2", "Waldo", WALDO), ("v4", "Waldo", WALDO)):
        got = definition(doc, "three.publish.example.com", v, kind)
        api.check(f"{v} {kind}", got == want, got)
    # two kinds of one group and version in one document
    third = api.obj("GET", "/openapi/v3/apis/three.publish.example.com/v2")[1]["components"]["schemas"]
    api.check("both in one document", {"com.example.publish.three.v2.Foo", "com.example.publish.three.v2.Waldo"} <= set(third), list(third))
    for n in ("foos.one", "waldos.two", "foos.three", "waldos.three"):
        api.obj("DELETE", f"{CRDS}/{n}.publish.example.com")


def versions():
    """A version is renamed; one is no longer served: the others stay as they are."""
    group = "versions.publish.example.com"
    made(crd("foo", group, {"v2": FOO, "v3": FOO}))
    path = f"{CRDS}/foos.{group}"
    kept = definition(v2(), group, "v2", "Foo")
    crd_now = api.obj("GET", path)[1]
    crd_now["spec"]["versions"][1]["name"] = "v4"
    status, o = api.obj("PUT", path, crd_now)
    api.check("v3 becomes v4", status == 200, o)
    doc = v2()
    api.check("v4 is there", definition(doc, group, "v4", "Foo") == FOO)
    api.check("v3 is gone", definition(doc, group, "v3", "Foo") is None)
    api.check("v2 is the same", definition(doc, group, "v2", "Foo") == kept)
    status, o = api.obj("PATCH", path, [{"op": "replace", "path": "/spec/versions/1/served", "value": False}],
                        headers={"Content-Type": "application/json-patch+json"})
    doc = v2()
    api.check("v4 is no longer served", status == 200 and definition(doc, group, "v4", "Foo") is None and
              definition(doc, group, "v2", "Foo") == kept)
    index = api.obj("GET", "/openapi/v3")[1]["paths"]
    api.check("nor in the index", f"apis/{group}/v2" in index and f"apis/{group}/v4" not in index)
    api.obj("DELETE", path)


def extensions():
    """What the schema's extensions become."""
    group = "ext.publish.example.com"
    schema = text("object", properties={"spec": text("object", properties={
        "port": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        "template": text("object", **{"x-kubernetes-embedded-resource": True, **KEEP}),
        "list": text("array", items=text("object", required=["name"], properties={"name": text("string")}),
                     **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}),
        "set": text("array", items=text("string"), **{"x-kubernetes-list-type": "set"}),
        "one": text("object", **{"x-kubernetes-map-type": "atomic"}, additionalProperties=text("string")),
        "size": text("integer", format="int32", minimum=1, maximum=9, default=3),
        "none": text("string", nullable=True),
        "either": text("object", properties={"a": text("string"), "b": text("string")}, oneOf=[{"required": ["a"]}, {"required": ["b"]}])})})
    made(crd("ext", group, {"v1": schema}))
    two = get(definition(v2(), group, "v1", "Ext"), "properties.spec.properties")
    three = api.obj("GET", f"/openapi/v3/apis/{group}/v1")[1]["components"]["schemas"]["com.example.publish.ext.v1.Ext"]["properties"]["spec"]["properties"]
    api.check("int or string", "type" not in two["port"] and two["port"]["x-kubernetes-int-or-string"] is True and "anyOf" not in two["port"], two["port"])
    api.check("int or string, third", three["port"]["x-kubernetes-int-or-string"] is True and len(three["port"]["anyOf"]) == 2, three["port"])
    for o in (two, three):
        api.check("lists", o["list"]["x-kubernetes-list-type"] == "map" and o["list"]["x-kubernetes-list-map-keys"] == ["name"] and
                  o["set"]["x-kubernetes-list-type"] == "set", o)
        api.check("maps", o["one"]["x-kubernetes-map-type"] == "atomic" and o["one"]["additionalProperties"] == text("string"), o["one"])
        api.check("bounds", o["size"] == schema["properties"]["spec"]["properties"]["size"], o["size"])
        api.check("embedded", o["template"]["x-kubernetes-embedded-resource"] is True, o["template"])
    api.check("nullable: type left out in the second", "type" not in two["none"] and "nullable" not in two["none"], two["none"])
    api.check("nullable: kept in the third", three["none"] == text("string", nullable=True), three["none"])
    api.check("oneOf", "oneOf" not in two["either"] and len(three["either"]["oneOf"]) == 2, (two["either"], three["either"]))
    api.obj("DELETE", f"{CRDS}/exts.{group}")


api.finish(builtin, forms, third, third_as_protobuf, publish, several, versions, extensions)
