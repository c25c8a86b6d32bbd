# SPDX-License-Identifier: Apache-2.0
"""Refusals of writes, in upstream's words: bodies, names, versions, options, limits.

usage: errors.py KUBECONFIG
"""
import json
import sys

from cases import APPLY, Api, JSON_PATCH, MERGE_PATCH, STRATEGIC, get, message

api = Api(sys.argv[1])
NS = "/api/v1/namespaces/errors"
CM = NS + "/configmaps"
DEP = "/apis/apps/v1/namespaces/errors/deployments"
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def cm(name, **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **more}


def bad(text):
    return message("BadRequest", text) | {"details": None}


def unrecognized(why, shown, kind="ConfigMap"):
    return bad(f"the object provided is unrecognized (must be of type {kind}): {why} ({shown})")


def parse(why, shown):
    return unrecognized("couldn't get version/kind; json parse error: " + why, shown)


def cannot(why, kind="ConfigMap", version="v1", wanted="ConfigMap"):
    return bad(f'{kind} in version "{version}" cannot be handled as a {wanted}: {why}')


# what encoding/json says of texts that are no JSON
SYNTAX = [
    ("", "unexpected end of JSON input", "<empty>"),
    ("{", "unexpected end of JSON input", "{"),
    ("{bad", "invalid character 'b' looking for beginning of object key string", "{bad"),
    ('{"a" 1}', "invalid character '1' after object key", '{"a" 1}'),
    ('{"a":1 "b"}', "invalid character '\"' after object key:value pair", '{"a":1 "b"}'),
    ('{"a":1,}', "invalid character '}' looking for beginning of object key string", '{"a":1,}'),
    ('{"a":[1 2]}', "invalid character '2' after array element", '{"a":[1 2]}'),
    ('{"a":tru}', "invalid character '}' in literal true (expecting 'e')", '{"a":tru}'),
    ('{"a":-x}', "invalid character 'x' in numeric literal", '{"a":-x}'),
    ('{"a":1.}', "invalid character '}' after decimal point in numeric literal", '{"a":1.}'),
    ('{"a":"\\x"}', "invalid character 'x' in string escape code", '{"a":"\\x"}'),
    ('{"a":"\n"}', "invalid character '\\n' in string literal", '{"a":"\n"}'),
    ('{"a":?}', "invalid character '?' looking for beginning of value", '{"a":?}'),
    ("{}x", "invalid character 'x' after top-level value", "{}x"),
    ("hello world and all who live in it", "invalid character 'h' looking for beginning of value",
     "68656c6c6f20776f726c6420616e6420616c6c2077686f206c6976652069 ..."),
]


def bodies():
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": "errors"}})
    api.run([(f"syntax: {text[:20]!r}", "POST", CM, text, {}, 400, parse(why, shown)) for text, why, shown in SYNTAX])
    array = 'json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
    scheme = 'in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"'
    api.run([
        ("a list", "POST", CM, "[]", {}, 400, parse(array, "5b5d")),
        ("a kind is enough", "POST", CM, {"kind": "ConfigMap", "metadata": {"name": "k"}}, {}, 201, {"apiVersion": "v1"}),
        ("a version is enough", "POST", CM, {"apiVersion": "v1", "metadata": {"name": "v"}}, {}, 201, {"kind": "ConfigMap"}),
        ("neither is needed", "POST", CM, {"metadata": {"name": "n"}}, {}, 201, {"kind": "ConfigMap", "apiVersion": "v1"}),
        ("another kind", "POST", CM, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}, {}, 400,
         cannot("converting (v1.Pod) to (core.ConfigMap): unknown conversion", "Pod")),
        ("another kind of another group", "POST", CM, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}}, {}, 400,
         cannot("converting (v1.Deployment) to (core.ConfigMap): unknown conversion", "Deployment")),
        ("an unknown kind", "POST", CM, {"apiVersion": "v1", "kind": "Foo", "metadata": {"name": "x"}}, {}, 400,
         cannot(f'no kind "Foo" is registered for version "v1" {scheme}', "Foo")),
        ("an unknown version", "POST", DEP, {"apiVersion": "apps/v1beta9", "kind": "Deployment", "metadata": {"name": "x"}}, {}, 400,
         cannot(f'no kind "Deployment" is registered for version "apps/v1beta9" {scheme}', "Deployment", "v1beta9", "Deployment")),
        ("a version with another path", "POST", "/apis/autoscaling/v2/namespaces/errors/horizontalpodautoscalers",
         {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "x"}}, {}, 400,
         bad("the API version in the data (autoscaling/v1) does not match the expected API version (autoscaling/v2)")),
        ("yaml", "POST", CM, "kind: ConfigMap\nmetadata: {name: yaml}\ndata: {a: b}\n", {"headers": {"Content-Type": "application/yaml"}}, 201, {"data.a": "b"}),
        ("yaml that is none", "POST", CM, "a: b: c", {"headers": {"Content-Type": "application/yaml"}}, 400, lambda o: "yaml: line 1" in o["message"]),
        ("parameters of content types", "POST", CM, cm("ct"), {"headers": {"Content-Type": "application/json; charset=utf-8"}}, 201, None),
        ("415", "POST", CM, cm("x"), {"headers": {"Content-Type": "text/plain"}}, 415, message("UnsupportedMediaType", "the body of the request was in an "
         "unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf")),
        ("protobuf that is none", "POST", CM, b"nothing", {"headers": {"Content-Type": "application/vnd.kubernetes.protobuf"}}, 400,
         unrecognized("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]", "6e6f7468696e67")),
        ("406", "GET", CM + "/k", None, {"headers": {"Accept": "text/plain"}}, 406, message("NotAcceptable", "406: Not Acceptable\n\nAvailable "
         "representations: application/json, application/yaml, application/vnd.kubernetes.protobuf")),
        ("406 of a list", "GET", CM, None, {"headers": {"Accept": "text/plain"}}, 406, message("NotAcceptable", "406: Not Acceptable\n\nAvailable "
         "representations: application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, "
         "application/vnd.kubernetes.protobuf;stream=watch")),
        ("a form there is not", "GET", CM, None, {"headers": {"Accept": "application/json;as=Nothing;v=v1;g=meta.k8s.io"}}, 406, message("NotAcceptable",
         "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf")),
    ])


def field(kind, path, go, value="string"):
    return f"json: cannot unmarshal {value} into Go struct field {kind}.{path} of type {go}"


def types():
    def dep(**spec):
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "t"}, "spec": spec}

    def pod(**spec):
        return dep(template={"spec": spec})

    at = "spec.template.spec.containers"
    rows = [
        ("string for int", dep(replicas="2"), field("DeploymentSpec", "spec.replicas", "int32")),
        ("fraction for int", dep(replicas=2.5), field("DeploymentSpec", "spec.replicas", "int32", "number 2.5")),
        ("too large for int", dep(replicas=3000000000), field("DeploymentSpec", "spec.replicas", "int32", "number 3000000000")),
        ("string for bool", dep(paused="true"), field("DeploymentSpec", "spec.paused", "bool")),
        ("bool for string", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": True}}, field("ObjectMeta", "metadata.name", "string", "bool")),
        ("object for list", pod(containers={}), field("PodSpec", at, "[]v1.Container", "object")),
        ("string for object", pod(containers=["x"]), field("PodSpec", at, "v1.Container")),
        ("number for string", pod(containers=[{"env": [{"name": "A", "value": 1}]}]), field("EnvVar", at + ".env.value", "string", "number")),
        ("list for map", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"labels": []}}, field("ObjectMeta", "metadata.labels", "map[string]string", "array")),
        ("bool for int or string", pod(containers=[{"livenessProbe": {"httpGet": {"port": True}}}]),
         field("HTTPGetAction", at + ".livenessProbe.httpGet.port", "int32", "bool")),
        ("quantity", pod(containers=[{"resources": {"limits": {"cpu": "much"}}}]),
         "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
        ("quantity's suffix", pod(containers=[{"resources": {"limits": {"memory": "1KK"}}}]), "unable to parse quantity's suffix"),
        ("time", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"creationTimestamp": "today"}},
         'parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006"'),
    ]
    api.run([("types: " + name, "POST", DEP, body, {}, 400, cannot(why, "Deployment", "v1", "Deployment")) for name, body, why in rows])
    big = 9007199254740993
    api.run([
        ("base64", "POST", NS + "/secrets", {"metadata": {"name": "b"}, "data": {"k": "#"}}, {}, 400, cannot("illegal base64 data at input byte 0", "Secret", "v1", "Secret")),
        ("int64 keeps its digits", "POST", NS + "/pods", {"metadata": {"name": "p"}, "spec": {"securityContext": {"fsGroup": 2147483647},
         "activeDeadlineSeconds": 2147483647, "containers": [{"name": "c", "image": "i"}], "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute",
         "tolerationSeconds": big}]}}, {}, 201, {"spec.tolerations.0.tolerationSeconds": big}),
        ("a whole fraction is no integer", "POST", DEP, '{"metadata":{"name":"w"},"spec":{"replicas":1.0}}', {}, 400, None),
        ("null is absent", "POST", CM, {"metadata": {"name": "null", "labels": None, "annotations": None}, "data": {"a": None}, "immutable": None}, {}, 201,
         lambda o: "labels" not in o["metadata"] and "immutable" not in o and o["data"] == {"a": ""}),
    ])


def updates():
    api.run([
        ("to update", "POST", CM, cm("u", data={"k": "v"}), {}, 201, None),
        ("without a revision", "PUT", CM + "/u", cm("u", data={"k": "w"}), {}, 200, {"data.k": "w"}),
        ("no change is no write", "PUT", CM + "/u", cm("u", data={"k": "w"}), {}, 200, {"data.k": "w"}),
        *[(f"the revision {rv}", "PUT", CM + "/u", cm("u", metadata={"name": "u", "resourceVersion": rv}), {}, status, want) for rv, status, want in (
            ("x", 500, message(None, 'strconv.ParseUint: parsing "x": invalid syntax')), ("-1", 500, {"reason": None}), ("1.5", 500, {"reason": None}),
            ("99999999999999999999", 500, message(None, 'strconv.ParseUint: parsing "99999999999999999999": value out of range')),
            ("0", 200, None), ("", 200, None), ("18446744073709551615", 409, {"reason": "Conflict"}))],
        ("a stale revision", "PUT", CM + "/u", cm("u", metadata={"name": "u", "resourceVersion": "1"}), {}, 409,
         message("Conflict", f'Operation cannot be fulfilled on configmaps "u": {MODIFIED}') | {"details.name": "u", "details.kind": "configmaps"}),
        ("another uid", "PUT", CM + "/u", cm("u", metadata={"name": "u", "uid": "zz"}), {}, 409, lambda o: o["message"].startswith(
         'Operation cannot be fulfilled on configmaps "u": StorageError: invalid object, Code: 4, Key: /registry/configmaps/errors/u, ResourceVersion: 0, '
         "AdditionalErrorMsg: Precondition failed: UID in precondition: zz, UID in object meta: ")),
        ("another name", "PUT", CM + "/u", cm("b"), {}, 400, bad("the name of the object (b) does not match the name on the URL (u)")),
        ("no name", "PUT", CM + "/u", {"metadata": {}}, {}, 400, bad("the name of the object (u based on URL) was undeterminable: name must be provided")),
        ("another namespace", "PUT", CM + "/u", cm("u", metadata={"name": "u", "namespace": "b"}), {}, 400,
         bad("the namespace of the provided object does not match the namespace sent on the request")),
        ("of what is not there", "PUT", CM + "/none", cm("none"), {}, 404, message("NotFound", 'configmaps "none" not found')),
        ("of what is there no more", "PUT", CM + "/none", cm("none", metadata={"name": "none", "uid": "zz"}), {}, 409, message("Conflict",
         'Operation cannot be fulfilled on configmaps "none": StorageError: invalid object, Code: 4, Key: /registry/configmaps/errors/none, '
         "ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: zz, UID in object meta: ")),
        ("create with a revision", "POST", CM, cm("c", metadata={"name": "c", "resourceVersion": "5"}), {}, 400,
         bad("resourceVersion should not be set on objects to be created")),
        ("a dry run with a generated name", "POST", CM + "?dryRun=All", {"metadata": {"generateName": "g-"}}, {}, 201,
         lambda o: o["metadata"]["name"].startswith("g-") and "resourceVersion" not in o["metadata"]),
    ])
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "o", "uid": "11111111-1111-1111-1111-111111111111"}
    status, headers, data = api.call("POST", CM, cm("twins", metadata={"name": "twins", "ownerReferences": [owner, owner, {**owner, "name": "p"}]}))
    api.check("owners named twice count once", status == 201 and len(json.loads(data)["metadata"]["ownerReferences"]) == 2 and headers.get("warning") ==
              '299 - ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as '
              f'early as 1.24; please fix your requests; duplicate UID(s) observed: {owner["uid"]}"', (status, headers.get("warning"), data[:300]))
    makes = [
        ("leases", "/apis/coordination.k8s.io/v1/namespaces/errors/leases", {"spec": {}}, 201),
        ("endpoints", NS + "/endpoints", {}, 201),
        ("services", NS + "/services", {"spec": {"ports": [{"port": 80}]}}, 201),
        ("roles", "/apis/rbac.authorization.k8s.io/v1/namespaces/errors/roles", {"rules": []}, 201),
        ("limit ranges", NS + "/limitranges", {"spec": {"limits": []}}, 201),
        ("secrets", NS + "/secrets", {}, 404),
        ("pods", NS + "/pods", {"spec": {"containers": [{"name": "c", "image": "i"}]}}, 404),
        ("deployments", DEP, {"spec": {}}, 404),
    ]
    api.run([(f"an update makes {what}" if status == 201 else f"an update makes no {what}", "PUT", path + "/made", {"metadata": {"name": "made"}, **more},
              {}, status, None) for what, path, more, status in makes])
    driver = {"metadata": {"name": "errors.e"}, "spec": {"attachRequired": False}}
    api.run([("a driver", "POST", "/apis/storage.k8s.io/v1/csidrivers", driver, {}, 201, None),
             ("some are updated by revision only", "PUT", "/apis/storage.k8s.io/v1/csidrivers/errors.e", driver, {}, 422, message("Invalid",
              'csidrivers.storage.k8s.io "errors.e" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update')),
             ("a patch may not take it away", "PATCH", "/apis/storage.k8s.io/v1/csidrivers/errors.e", {"metadata": {"resourceVersion": None}},
              {"headers": MERGE_PATCH}, 422, {"reason": "Invalid"}),
             ("a patch that leaves it", "PATCH", "/apis/storage.k8s.io/v1/csidrivers/errors.e", {"metadata": {"labels": {"a": "b"}}},
              {"headers": MERGE_PATCH}, 200, None)])


def options():
    def wrong(kind, text):
        return message("Invalid", f'{kind}.meta.k8s.io "" is invalid: {text}') | {"details.kind": kind, "details.group": "meta.k8s.io", "details.name": None}

    api.run([
        ("to delete", "POST", CM, cm("o"), {}, 201, None),
        ("dryRun", "POST", CM + "?dryRun=Some", cm("x"), {}, 422, wrong("CreateOptions", 'dryRun: Unsupported value: ["Some"]: supported values: "All"')),
        ("dryRun twice", "POST", CM + "?dryRun=All&dryRun=Some", cm("x"), {}, 422,
         wrong("CreateOptions", 'dryRun: Unsupported value: ["All","Some"]: supported values: "All"')),
        ("dryRun, and again", "POST", CM + "?dryRun=All&dryRun=All", cm("x"), {}, 201, None),
        ("dryRun of an update", "PUT", CM + "/o?dryRun=None", cm("o"), {}, 422, wrong("UpdateOptions", 'dryRun: Unsupported value: ["None"]: supported values: "All"')),
        ("fieldValidation", "POST", CM + "?fieldValidation=strict", cm("x"), {}, 422,
         wrong("CreateOptions", 'fieldValidation: Unsupported value: "strict": supported values: "", "Ignore", "Strict", "Warn"')),
        ("dryRun of a deletion", "DELETE", CM + "/o?dryRun=Some", None, {}, 422, wrong("DeleteOptions", 'dryRun: Unsupported value: ["Some"]: supported values: "All"')),
        ("in its body", "DELETE", CM + "/o", {"dryRun": ["Some"]}, {}, 422, wrong("DeleteOptions", 'dryRun: Unsupported value: ["Some"]: supported values: "All"')),
        ("policies", "DELETE", CM + "/o?propagationPolicy=None", None, {}, 422, wrong("DeleteOptions",
         'propagationPolicy: Unsupported value: "None": supported values: "Foreground", "Background", "Orphan", "nil"')),
        ("two policies", "DELETE", CM + "/o?propagationPolicy=Orphan&orphanDependents=true", None, {}, 422, wrong("DeleteOptions",
         'propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set')),
        ("two policies in the body", "DELETE", CM + "/o", {"propagationPolicy": "Orphan", "orphanDependents": False}, {}, 422, {"reason": "Invalid"}),
        ("grace that is no number", "DELETE", CM + "/o?gracePeriodSeconds=soon", None, {}, 400, bad('strconv.ParseInt: parsing "soon": invalid syntax')),
        ("the uid meant", "DELETE", CM + "/o", {"preconditions": {"uid": "zz"}}, {}, 409, {"reason": "Conflict"}),
        ("a dry run deletes nothing", "DELETE", CM + "/o?dryRun=All", None, {}, 200, {"status": "Success"}),
        ("a dry run by the body", "DELETE", CM + "/o", {"dryRun": ["All"]}, {}, 200, {"status": "Success"}),
        ("still there", "GET", CM + "/o", None, {}, 200, None),
    ])


def limits():
    deep = "[" * 100000 + "]" * 100000
    api.run([
        ("413", "POST", CM, " " * (3 << 20) + "{}", {}, 413, message("RequestEntityTooLarge", "Request entity too large: limit is 3145728")),
        ("413 of a patch", "PATCH", CM + "/k", " " * (3 << 20) + "{}", {"headers": MERGE_PATCH}, 413, {"reason": "RequestEntityTooLarge"}),
        ("413 of an apply", "PATCH", CM + "/k?fieldManager=m", " " * (3 << 20) + "{}", {"headers": APPLY}, 413, {"reason": "RequestEntityTooLarge"}),
        ("413 of a deletion", "DELETE", CM + "/k", " " * (3 << 20) + "{}", {}, 413, {"reason": "RequestEntityTooLarge"}),
        ("just under", "PATCH", CM + "/k", "{" + " " * ((3 << 20) - 2) + "}", {"headers": MERGE_PATCH}, 200, None),
        ("just under, json patch", "PATCH", CM + "/k", "[" + " " * ((3 << 20) - 2) + "]", {"headers": JSON_PATCH}, 200, None),
        ("just under, strategic", "PATCH", CM + "/k", "{" + " " * ((3 << 20) - 2) + "}", {"headers": STRATEGIC}, 200, None),
        ("deep", "POST", CM, deep, {}, 400, {"reason": "BadRequest"}),
        ("deep json patch", "PATCH", CM + "/k", '[{"op":"add","path":"/foo","value":' + deep + "}]", {"headers": JSON_PATCH}, 400, {"reason": "BadRequest"}),
        ("deep merge patch", "PATCH", CM + "/k", '{"value":' + deep + "}", {"headers": MERGE_PATCH}, 400, {"reason": "BadRequest"}),
        ("deep strategic patch", "PATCH", CM + "/k", '{"value":' + deep + "}", {"headers": STRATEGIC}, 400, {"reason": "BadRequest"}),
        ("deep apply", "PATCH", CM + "/k?fieldManager=m", '{"value":' + deep + "}", {"headers": APPLY}, 400, {"reason": "BadRequest"}),
        ("deep yaml", "POST", CM, "a: " + deep, {"headers": {"Content-Type": "application/yaml"}}, 400, {"reason": "BadRequest"}),
        ("deep yaml of blocks", "POST", CM, "- " * 100000 + "x", {"headers": {"Content-Type": "application/yaml"}}, 400, {"reason": "BadRequest"}),
        ("yaml that multiplies", "POST", CM, "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi")),
         {"headers": {"Content-Type": "application/yaml"}}, 400, {"reason": "BadRequest"}),
        ("a value the store does not take", "POST", NS + "/podtemplates", {"metadata": {"name": "big"}, "template": {"spec": {"containers": [
            {"name": f"c{i}", "image": "i", "args": ["x" * 1000] * 100} for i in range(20)]}}}, {}, 500,
         {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "etcdserver: request is too large", "code": 500}),
    ])
    body = {"metadata": {"name": "room"}, "data": {f"{i:06}": "" for i in range(65000)}}
    status, o = api.obj("POST", CM, body)
    api.check("owners of fields go where there is no room for them", status == 201 and "managedFields" not in o["metadata"] and len(o["data"]) == 65000,
              (status, str(o)[:300]))


api.finish(bodies, types, updates, options, limits)
