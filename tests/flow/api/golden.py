# SPDX-License-Identifier: Apache-2.0
"""Transcripts of a real API server (data/golden.txt), asked again here: status, content
type and body must be the same but for what LATER says newer releases do otherwise.

usage: golden.py KUBECONFIG
"""
import json
import pathlib
import re
import sys

from cases import Api, get

api = Api(sys.argv[1])
NS = "golden"
GONE, ANY = object(), object()

# name -> {dotted path: what is there since (GONE: nothing; ANY: what this server has, for
# it has controllers and the recorded one had none)}
LATER = {
    # 1.23: bodies are decoded by a fork of encoding/json
    "wrong kind": {"message": 'Secret in version "v1" cannot be handled as a ConfigMap: illegal base64 data at input byte 0'},
    "type mismatch": {"message": 'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal '
                                 'number into Go struct field ConfigMap.data of type string'},
    # go-restful says what there is
    "406": {"message": "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
                       "application/vnd.kubernetes.protobuf"},
    # 1.33: values of errors are shown as JSON
    "bad dryRun": {"message": 'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
                   "details.causes.0.message": 'Unsupported value: ["Some"]: supported values: "All"'},
    "422 selector mismatch": {
        "message": 'Deployment.apps "w2" is invalid: spec.template.metadata.labels: Invalid value: {"app":"w"}: '
                   "`selector` does not match template `labels`",
        "details.causes.0.message": 'Invalid value: {"app":"w"}: `selector` does not match template `labels`'},
    "immutable selector": {
        "message": 'Deployment.apps "web" is invalid: [spec.template.metadata.labels: Invalid value: {"app":"w"}: `selector` does '
                   'not match template `labels`, spec.selector: Invalid value: {"matchLabels":{"app":"z"}}: field is immutable]',
        "details.causes.0.message": 'Invalid value: {"app":"w"}: `selector` does not match template `labels`',
        "details.causes.1.message": 'Invalid value: {"matchLabels":{"app":"z"}}: field is immutable'},
    "clusterIP immutable": {
        "message": 'Service "s" is invalid: spec.clusterIPs[0]: Invalid value: ["10.0.0.77"]: may not change once set',
        "details.causes.0.message": 'Invalid value: ["10.0.0.77"]: may not change once set'},
    "scale": {"status.replicas": ANY},
    "scale patch": {"status.replicas": ANY},
    # 1.22: subresources have owners of their own
    "SSA multi conflict": {
        "message": 'Apply failed with 2 conflicts: conflicts with "unknown" with subresource "scale" using apps/v1:\n- .spec.replicas\n'
                   'conflicts with "unknown" using apps/v1:\n- .spec.template.spec.containers[name="c"].image',
        "details.causes.0.message": 'conflict with "unknown" with subresource "scale" using apps/v1'},
    # fields and defaults that came: internal traffic, IP families, generation of pods, service
    # accounts' volumes, the namespace's label; selectors of services are atomic
    "service defaulting/allocation": {
        "metadata.managedFields.0.fieldsV1.f:spec.f:internalTrafficPolicy": {}, "metadata.managedFields.0.fieldsV1.f:spec.f:selector": {},
        "spec.ipFamilies": ["IPv4"], "spec.ipFamilyPolicy": "SingleStack", "spec.internalTrafficPolicy": "Cluster"},
    "pod defaulting": {"metadata.generation": 1, "spec.volumes": ANY, "spec.containers.0.volumeMounts": ANY,
                       "spec.serviceAccountName": "default", "spec.serviceAccount": "default"},
    "namespace": {"metadata.labels": {"kubernetes.io/metadata.name": "golden-t"},
                  "metadata.managedFields.0.fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:kubernetes.io/metadata.name": {}}}}},
    "crd create": {"metadata.finalizers": ANY, "status": ANY, "metadata.managedFields.0.fieldsV1.f:status": GONE},
}


def transcripts():
    text = (pathlib.Path(__file__).parent / "data" / "golden.txt").read_text()
    for block in re.split(r"(?m)^### ", text)[1:]:
        name, request, *rest = block.rstrip("\n").split("\n")
        headers = {{"CT": "Content-Type", "Accept": "Accept"}[k]: v for k, v in re.findall(r"\[(CT|Accept): ([^]]*)\]", request)}
        method, path = request.split(" [")[0].split(" ", 1)
        answer = next(i for i, line in enumerate(rest) if line.startswith("< "))
        body = "\n".join(rest[:answer])[2:] if answer else None
        yield name, method, path, headers, body, int(rest[answer][2:]), rest[answer + 1][2:]


def here(text):
    """The transcript's namespace is the test's own."""
    for was, now in (("/namespaces/default/", f"/namespaces/{NS}/"), ("/default/", f"/{NS}/"),
                     ('"namespace":"default"', f'"namespace":"{NS}"'), ('"name": "t"', f'"name": "{NS}-t"'),
                     ('"name":"t"', f'"name":"{NS}-t"'), ("foos.x.io", "foos.golden.io"), ("x.io", "golden.io")):
        text = (text or "").replace(was, now)
    return text


VARYING = {"uid", "resourceVersion", "creationTimestamp", "time", "clusterIP", "nodePort"}


def steady(v):
    """What is the same at every run: no names, times and numbers that the server picks."""
    if isinstance(v, list):
        return [steady(x) for x in v]
    if not isinstance(v, dict):
        return re.sub(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b", "UID", v) if isinstance(v, str) else v
    out = {}
    for key, x in v.items():
        if key == "creationTimestamp" and x is None:
            continue                    # 1.34: times that are not set are left out
        out[key] = "*" if key in VARYING else ["*"] if key == "clusterIPs" else steady(x)
        if key == "name" and v.get("generateName"):
            out[key] = "*"
    return out


def put(o, dotted, value):
    *way, last = dotted.split(".")
    for part in way:
        o = o[int(part)] if isinstance(o, list) else o.setdefault(part, {})
    if value is GONE:
        o.pop(last, None)
    elif isinstance(o, list):
        o[int(last)] = value
    else:
        o[last] = value


def replay():
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": NS}})
    for name, method, path, headers, body, status, answer in transcripts():
        headers = {"User-Agent": None, **headers}
        got_status, got_headers, data = api.call(method, here(path), here(body) if body else None, headers=headers)
        api.check(f"{name}: status", got_status == status, f"{got_status} {data[:300]}")
        api.check(f"{name}: headers", got_headers.get("content-type") == "application/json" and
                  got_headers.get("cache-control") == "no-cache, private" and "audit-id" in got_headers, got_headers)
        if answer == "...":
            continue
        want, got = steady(json.loads(here(answer))), steady(json.loads(data))
        for dotted, value in LATER.get(name, {}).items():
            put(want, dotted, get(got, dotted) if value is ANY else value)
        api.check(f"{name}: body", got == want, f"{json.dumps(got)}\n want {json.dumps(want)}")


def command_line():
    """What kubectl asks (data/kubectl.txt) is understood, whatever there is to be found."""
    ns = NS + "-kubectl"
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": ns}})
    api.obj("POST", "/api/v1/nodes", {"metadata": {"name": ns}})
    for line in (pathlib.Path(__file__).parent / "data" / "kubectl.txt").read_text().splitlines()[1:]:
        request, accept, content_type, body = line.replace("/namespaces/default", f"/namespaces/{ns}").replace("/nodes/n1", f"/nodes/{ns}") \
            .replace("namespaces/foo", f"namespaces/{ns}-foo").replace('"namespace":"default"', f'"namespace":"{ns}"').split(" | ", 3)
        method, path = request.split(" ", 1)
        headers = {"Accept": accept}
        if body:
            headers["Content-Type"] = content_type
        status, got, data = api.call(method, path, body or None, headers=headers)
        kind = got.get("content-type", "")
        ok = status in (200, 201) or (status in (404, 409) and get(json.loads(data), "details")) or \
            (status == 400 and "fieldValidation=Strict" in path and b"strict decoding error" in data)
        form = "openapi" in accept or path == "/healthz" or status >= 300 or kind.split(";")[0] in accept
        table = "as=Table" not in accept or status >= 300 or json.loads(data)["kind"] == "Table"
        api.check(f"kubectl: {request}", ok and form and table, (status, kind, data[:300]))


api.finish(replay, command_line)
