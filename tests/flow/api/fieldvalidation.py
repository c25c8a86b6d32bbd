# SPDX-License-Identifier: Apache-2.0
"""Field validation: what Ignore, Warn and Strict say of unknown and repeated members, in bodies
of JSON and YAML and in patches.

usage: fieldvalidation.py KUBECONFIG
"""
import http.client
import json
import sys

from cases import APPLY, Api, JSON_PATCH, MERGE_PATCH, STRATEGIC

http.client._MAXHEADERS = 200        # warnings are headers, and many
api = Api(sys.argv[1])
NS = "/api/v1/namespaces/fields"
CM = NS + "/configmaps"
DEP = "/apis/apps/v1/namespaces/fields/deployments"
YAML = {"Content-Type": "application/yaml"}


def raw(method, path, body, headers=None):
    """(status, object, [warnings])"""
    conn = api.connect()
    conn.request(method, path, body if isinstance(body, str) else json.dumps(body), {"Content-Type": "application/json", **(headers or {})})
    r = conn.getresponse()
    data = r.read()
    warnings = [v.split(" - ", 1)[1][1:-1].replace('\\"', '"').replace("\\\\", "\\") for k, v in r.getheaders() if k.lower() == "warning"]
    conn.close()
    return r.status, json.loads(data), warnings


DEPLOYMENT = """{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"NAME","unknownMeta":"x","labels":{"app":"a"}},
"spec":{"unknown1":1,"paused":true,"paused":false,"replicas":0,"selector":{"matchLabels":{"app":"a"}},"template":{
"metadata":{"labels":{"app":"a"},"unknownSubMeta":"x"},"spec":{"containers":[{"name":"c","image":"i","imagePullPolicy":"Always",
"imagePullPolicy":"Never","unknownNested":"x","ports":[{"containerPort":80,"hostPort":0,"unknownPort":1}]}]}}}}"""
FOUND = ['unknown field "metadata.unknownMeta"', 'unknown field "spec.unknown1"', 'duplicate field "spec.paused"',
         'unknown field "spec.template.metadata.unknownSubMeta"', 'duplicate field "spec.template.spec.containers[0].imagePullPolicy"',
         'unknown field "spec.template.spec.containers[0].unknownNested"',
         'unknown field "spec.template.spec.containers[0].ports[0].unknownPort"']

DEPLOYMENT_YAML = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
  labels: {app: a}
spec:
  unknown1: 1
  paused: true
  paused: false
  replicas: 0
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec:
      containers:
      - name: c
        image: i
        imagePullPolicy: Always
        imagePullPolicy: Never
        unknownNested: x
"""
LINES = ['line 9: key "paused" already set in map', 'line 19: key "imagePullPolicy" already set in map']
FOUND_YAML = ['unknown field "spec.unknown1"', 'unknown field "spec.template.spec.containers[0].unknownNested"']


def bodies():
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": "fields"}})
    prefix = 'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: '
    status, o, warnings = raw("POST", DEP + "?fieldValidation=Strict", DEPLOYMENT.replace("NAME", "a"))
    api.check("strict refuses", status == 400 and o["reason"] == "BadRequest" and o["message"] == prefix + ", ".join(FOUND) and not warnings, (o, warnings))
    status, o, warnings = raw("POST", DEP + "?fieldValidation=Warn", DEPLOYMENT.replace("NAME", "a"))
    api.check("warn warns, each once", status == 201 and warnings == FOUND, (status, warnings))
    api.check("the last of two counts", o["spec"].get("paused") is None and
              o["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == "Never", o)
    status, o, warnings = raw("POST", DEP, DEPLOYMENT.replace("NAME", "b"))
    api.check("warn is the default", status == 201 and warnings == FOUND, (status, warnings))
    status, o, warnings = raw("POST", DEP + "?fieldValidation=Ignore", DEPLOYMENT.replace("NAME", "c"))
    api.check("ignore says nothing", status == 201 and not warnings, (status, warnings))
    status, o, warnings = raw("PUT", DEP + "/a?fieldValidation=Strict", DEPLOYMENT.replace("NAME", "a"))
    api.check("updates too", status == 400 and o["message"] == prefix + ", ".join(FOUND), o)

    status, o, warnings = raw("POST", DEP + "?fieldValidation=Strict", DEPLOYMENT_YAML.replace("NAME", "yaml"), YAML)
    api.check("yaml: strict", status == 400 and o["message"] == prefix + "yaml: unmarshal errors:\n  " + "\n  ".join(LINES) + ", " +
              ", ".join(FOUND_YAML), o)
    status, o, warnings = raw("POST", DEP + "?fieldValidation=Warn", DEPLOYMENT_YAML.replace("NAME", "yaml"), YAML)
    api.check("yaml: warn", status == 201 and warnings == LINES + FOUND_YAML, (status, warnings))
    status, o, warnings = raw("POST", DEP + "?fieldValidation=Ignore", DEPLOYMENT_YAML.replace("NAME", "yaml2"), YAML)
    api.check("yaml: ignore", status == 201 and not warnings, (status, warnings))
    status, o, warnings = raw("POST", CM + "?fieldValidation=Strict", '{"metadata":{"name":"x"},"data":{"k":"1","k":"2"}}')
    api.check("a key of a free map twice", status == 400 and 'duplicate field "data.k"' in o["message"], o)
    status, o, warnings = raw("POST", CM + "?fieldValidation=Strict", '{"metadata":{"name":"x","NAME":"y"},"Data":{}}')
    api.check("names are case sensitive", status == 400 and o["message"].endswith('unknown field "metadata.NAME", unknown field "Data"'), o)
    status, o, warnings = raw("POST", CM + "?fieldValidation=Strict", {"metadata": {"name": "ok", "creationTimestamp": None}, "data": None})
    api.check("null is absent", status == 201 and "data" not in o, o)
    status, o, warnings = raw("POST", CM + "?fieldValidation=Strict", '{"metadata":{"name":"w","x":1},"data":{"k":1}}')
    api.check("a wrong type comes before strictness", status == 400 and "cannot unmarshal number" in o["message"] and "strict" not in o["message"], o)


def limits():
    many = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "many"}, **{f"unknown{i:03}": 1 for i in range(150)}}
    status, o, warnings = raw("POST", CM, many)
    api.check("a hundred are told", status == 201 and len(warnings) == 100, len(warnings))
    long = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "long"}, **{f"u{i}" + "x" * 300: 1 for i in range(20)}}
    status, o, warnings = raw("POST", CM, long)
    api.check("long ones are cut to 256", status == 201 and warnings and all(len(w) == 256 for w in warnings) and
              sum(map(len, warnings)) <= 4096 + 256, [len(w) for w in warnings])


def patches():
    for headers, name in ((MERGE_PATCH, "merge"), (STRATEGIC, "strategic")):
        p = '{"spec":{"unknown1":1,"replicas":0,"replicas":0,"template":{"spec":{"unknownPod":1}}}}'
        want = ['duplicate field "spec.replicas"', 'unknown field "spec.unknown1"', 'unknown field "spec.template.spec.unknownPod"']
        status, o, warnings = raw("PATCH", DEP + "/a?fieldValidation=Strict", p, headers)
        api.check(name + ": strict", status == 422 and o["reason"] == "Invalid" and o["message"].startswith(' "" is invalid: patch: Invalid value: "') and
                  set(o["message"].split('": strict decoding error: ')[1].split(", ")) == set(want) and o["details"]["causes"][0]["field"] == "patch", o)
        status, o, warnings = raw("PATCH", DEP + "/a?fieldValidation=Warn", p, headers)
        api.check(name + ": warn", status == 200 and sorted(warnings) == sorted(want), (status, warnings))
        status, o, warnings = raw("PATCH", DEP + "/a?fieldValidation=Ignore", p, headers)
        api.check(name + ": ignore", status == 200 and not warnings, (status, warnings))
    p = '[{"op":"add","path":"/spec/unknown1","value":1,"op":"add","foo":"x"}]'
    want = ['json patch unknown field "[0].foo"', 'json patch duplicate field "[0].op"', 'unknown field "spec.unknown1"']
    status, o, warnings = raw("PATCH", DEP + "/a?fieldValidation=Strict", p, JSON_PATCH)
    api.check("json patch: strict", status == 422 and all(w in o["message"] for w in want), o)
    status, o, warnings = raw("PATCH", DEP + "/a?fieldValidation=Warn", p, JSON_PATCH)
    api.check("json patch: warn", status == 200 and sorted(warnings) == sorted(want), (status, warnings))
    status, o, warnings = raw("PATCH", DEP + "/a?fieldValidation=Ignore", p, JSON_PATCH)
    api.check("json patch: ignore", status == 200 and not warnings, (status, warnings))


APPLIED = """apiVersion: v1
kind: ConfigMap
metadata:
  name: ap
data:
  k: one
  k: two
"""


def applies():
    path = CM + "/ap?fieldManager=m&fieldValidation="
    told = 'line 7: key "k" already set in map'
    status, o, warnings = raw("PATCH", path + "Strict", APPLIED, APPLY)
    api.check("apply: strict", status == 400 and o["message"] == "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  " + told, o)
    status, o, warnings = raw("PATCH", path + "Warn", APPLIED, APPLY)
    api.check("apply: warn", status == 201 and warnings == [told] and o["data"] == {"k": "two"}, (status, o, warnings))
    status, o, warnings = raw("PATCH", path + "Ignore", APPLIED, APPLY)
    api.check("apply: ignore", status == 200 and not warnings, (status, warnings))
    status, o, warnings = raw("PATCH", path + "Strict", '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"ap"},"data":{"k":"1","k":"2"}}', APPLY)
    api.check("apply: of JSON, by its lines", status == 400 and 'line 1: key "k" already set in map' in o["message"], o)
    status, o, warnings = raw("PATCH", path + "Ignore", APPLIED + "foo: 1\n", APPLY)
    api.check("apply: unknown members are refused whatever is asked", status == 500 and ".foo: field not declared in schema" in o["message"], o)


DEFINITION = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "PLURAL.fields.test"}, "spec": {
    "group": "fields.test", "scope": "Namespaced", "names": {"plural": "PLURAL", "singular": "one", "kind": "Kind", "listKind": "KindList"},
    "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}]}}
TYPED = {"type": "object", "properties": {"spec": {"type": "object", "properties": {
    "known": {"type": "string"}, "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "integer"}}}},
    "template": {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}}}}}
FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def definition(plural, kind, schema):
    d = json.loads(json.dumps(DEFINITION).replace("PLURAL", plural).replace("KindList", kind + "List").replace('"Kind"', f'"{kind}"'))
    d["spec"]["names"]["singular"] = kind.lower()
    d["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = schema
    api.obj("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", d)
    path = f"/apis/fields.test/v1/namespaces/fields/{plural}"
    api.eventually(kind + " is served", lambda: api.obj("GET", path)[0] == 200)
    return path


def customs():
    typed, free = definition("typeds", "Typed", TYPED), definition("frees", "Free", FREE)
    body = ('{"apiVersion":"fields.test/v1","kind":"Typed","metadata":{"name":"NAME","unknownMeta":"x"},"spec":{"known":"1","known":"2",'
            '"foo":1,"list":[{"a":1,"b":2}],"template":{"apiVersion":"v1","kind":"X","metadata":{"name":"t","unknownSubMeta":"y"},"any":1}}}')
    want = {'unknown field "metadata.unknownMeta"', 'duplicate field "spec.known"', 'unknown field "spec.foo"', 'unknown field "spec.list[0].b"',
            'unknown field "spec.template.metadata.unknownSubMeta"'}
    status, o, warnings = raw("POST", typed + "?fieldValidation=Strict", body.replace("NAME", "a"))
    api.check("custom: strict", status == 400 and o["message"].startswith('Typed in version "v1" cannot be handled as a Typed: strict decoding error: ') and
              set(o["message"].split("strict decoding error: ")[1].split(", ")) == want, o)
    status, o, warnings = raw("POST", typed, body.replace("NAME", "a"))
    api.check("custom: warn", status == 201 and set(warnings) == want and len(warnings) == len(want), (status, o, warnings))
    api.check("custom: pruned", o.get("spec", {}).get("list") == [{"a": 1}] and "foo" not in o["spec"] and "unknownMeta" not in o["metadata"] and
              "unknownSubMeta" not in o["spec"]["template"]["metadata"] and o["spec"]["template"]["any"] == 1, o)
    status, o, warnings = raw("POST", free + "?fieldValidation=Strict", '{"apiVersion":"fields.test/v1","kind":"Free","metadata":{"name":"f"},"spec":{"x":1,"y":2}}')
    api.check("custom: what is kept is not unknown", status == 201 and o["spec"] == {"x": 1, "y": 2}, o)
    status, o, warnings = raw("POST", free + "?fieldValidation=Strict", '{"apiVersion":"fields.test/v1","kind":"Free","metadata":{"name":"g"},"spec":{"x":1,"x":2}}')
    api.check("custom: but repeated", status == 400 and 'duplicate field "spec.x"' in o["message"], o)
    status, o, warnings = raw("PATCH", typed + "/a?fieldValidation=Strict", {"spec": {"foo": 1}}, MERGE_PATCH)
    api.check("custom: patches", status == 422 and o["message"].endswith('strict decoding error: unknown field "spec.foo"'), o)


api.finish(bodies, limits, patches, applies, customs)
