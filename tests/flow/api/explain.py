# SPDX-License-Identifier: Apache-2.0
"""kubectl explain and kubectl's own validation, by several versions of kubectl.

Every kubectl.N.M beside kubectl is used, else kubectl alone.

usage: explain.py KUBECONFIG
"""
import concurrent.futures
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from cases import Api, get

api = Api(sys.argv[1])
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "explain.example.com"
CACHE = tempfile.mkdtemp(prefix="sampan-explain.")
POOL = concurrent.futures.ThreadPoolExecutor(4)


def kubectls():
    one = os.path.realpath(shutil.which("kubectl") or sys.exit("0 checks passed, 0 failed: kubectl is missing"))
    found = [p for p in glob.glob(os.path.join(os.path.dirname(one), "kubectl.*")) if re.search(r"kubectl\.\d+\.\d+$", p)]
    return sorted(found, key=lambda p: int(p.rpartition(".")[2])) or [one]


ALL = kubectls()
NEW = ALL[-1]
ENDS = sorted({ALL[0], NEW})


def kubectl(program, *args, stdin=None):
    """(exit code, what it said)"""
    r = subprocess.run([program, "--kubeconfig", sys.argv[1], "--cache-dir", os.path.join(CACHE, os.path.basename(program)), *args],
                       input=json.dumps(stdin) if stdin is not None else None, capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout + r.stderr


def expect(rows):
    """Rows of kubectls, arguments, a regular expression (None: success is enough), whether it fails."""
    asked = [(p, args, want, fails) for programs, args, want, fails in rows for p in programs]
    for (p, args, want, fails), (code, out) in zip(asked, POOL.map(lambda r: kubectl(r[0], *r[1]), asked)):
        ok = (code != 0) == fails and (want is None or re.search(want, out, re.S))
        api.check(f"{os.path.basename(p)} {' '.join(args)}: {want}", ok, f"exit {code}\n{out}")


def explain(*args, want=None, by=(NEW,), fails=False):
    return by, ("explain", *args), want, fails


def kinds():
    """Every kind is explained; the usual ones with words for every field."""
    rows = []
    for groups in (api.obj("GET", "/api", headers={"Accept": AGGREGATED})[1], api.obj("GET", "/apis", headers={"Accept": AGGREGATED})[1]):
        for group in groups["items"]:
            name = get(group, "metadata.name", "")
            for version in group["versions"]:
                gv = f"{name}/{version['version']}" if name else version["version"]
                for r in version["resources"]:
                    if "responseKind" in r and "get" in r["verbs"]:
                        rows.append(explain(r["resource"], f"--api-version={gv}", by=[NEW],
                                            want=rf"KIND: +{r['responseKind']['kind']}\n.*VERSION: +{version['version']}\n.*DESCRIPTION:\n +[A-Z].*(FIELDS:\n.*  kind\t<string>|<empty>)"))
    api.check("kinds are many", len(rows) > 40, len(rows))
    expect(rows)


AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def nested():
    expect([
        explain("pods", want=r"KIND: +Pod\nVERSION: +v1\n\n+DESCRIPTION:\n.*FIELDS:\n  apiVersion\t<string>\n    APIVersion defines", by=ALL),
        explain("po.spec.containers", want=r"FIELD: containers <\[\]Container>\n.*  image\t<string>\n +[A-Z].*  name\t<string> -required-\n", by=ENDS),
        explain("deployments.spec.template.spec.containers.resources.limits",
                want=r"GROUP: +apps\nKIND: +Deployment\nVERSION: +v1\n\nFIELD: limits <map\[string\]Quantity>\n\n+DESCRIPTION:\n +[A-Z]"),
        explain("statefulset.spec.volumeClaimTemplates.spec.resources", want=r"FIELD: resources <VolumeResourceRequirements>\n.*  requests\t<map\[string\]Quantity>"),
        explain("pvc.spec.accessModes", want=r"FIELD: accessModes <\[\]string>\n\n+DESCRIPTION:\n +[A-Z]"),
        explain("ingress.spec.rules.http.paths.pathType", want=r"FIELD: pathType <string>(?: -required-)?\n.*DESCRIPTION:\n +[A-Z]"),
        explain("service.spec.ports.targetPort", want=r"FIELD: targetPort <IntOrString>\n\n+DESCRIPTION:\n +[A-Z]"),
        explain("cronjobs.spec.jobTemplate.spec.backoffLimit", want=r"FIELD: backoffLimit <integer>\n\n+DESCRIPTION:\n +[A-Z]"),
        explain("secrets.data", want=r"FIELD: data <map\[string\]string>\n\n+DESCRIPTION:\n +[A-Z]"),
        explain("netpol.spec.ingress.from.podSelector.matchExpressions", want=r"FIELD: matchExpressions <\[\]LabelSelectorRequirement>\n.*  key\t<string> -required-"),
        explain("hpa.spec.metrics.resource.target", want=r"FIELD: target <MetricTarget>(?: -required-)?\n.*  type\t<string> -required-"),
        explain("hpa.spec", "--api-version=autoscaling/v1", want=r"VERSION: +v1\n.*targetCPUUtilizationPercentage\t<integer>"),
        explain("roles.rules.verbs", want=r"FIELD: verbs <\[\]string>"),
        explain("crd.spec.versions.schema.openAPIV3Schema", want=r"GROUP: +apiextensions.k8s.io\nKIND: +CustomResourceDefinition\n.*FIELD: openAPIV3Schema <JSONSchemaProps>"),
        explain("nodes.status.conditions", want=r"FIELD: conditions <\[\]NodeCondition>\n.*  status\t<string> -required-"),
        explain("ns.metadata.creationTimestamp", want=r"FIELD: creationTimestamp <string>\n\n+DESCRIPTION:\n +CreationTimestamp is a timestamp"),
        explain("deployments.metadata.ownerReferences.uid", want=r"FIELD: uid <string>"),
        explain("pods", "--recursive", want=r"FIELDS:\n  apiVersion\t<string>\n  kind\t<string>\n.*  spec\t<PodSpec>\n.*    containers\t<\[\]Container> -required-\n      args\t<\[\]string>\n"),
        explain("pods.spec.affinity", "--recursive", want=r"nodeAffinity\t<NodeAffinity>\n +preferredDuringScheduling"),
        explain("pods.spec", "--output=plaintext-openapiv2", want=r"RESOURCE: spec <Object>\n\n+DESCRIPTION:\n.*   containers\t<\[\]Object> -required-\n", by=ENDS),
        explain("pods", "--output=plaintext-openapiv2", "--recursive", want=r"   spec\t<Object>\n.*      containers\t<\[\]Object>"),
        explain("pods.spec.nothing", want=r"field \"nothing\" does not exist", fails=True, by=ENDS),
        explain("pods.spec.containers.image.more", want=r"field \"more\" does not exist", fails=True),
        explain("nothing", want=r"the server doesn't have a resource type \"nothing\"|couldn't find resource", fails=True),
    ])


# ---- of custom kinds: CustomResourcePublishOpenAPI ----

def text(kind, what, **more):
    return {"type": kind, "description": what, **more}


BARS = text("array", "List of Bars and their specs.", items={"type": "object", "required": ["name"], "properties": {
    "name": text("string", "Name of Bar."), "age": text("string", "Age of Bar."),
    "feeling": text("string", "Whether Bar is feeling great.", enum=["Great", "Down"]),
    "bazs": text("array", "List of Bazs.", items={"type": "string"})}})
KEEP = {"x-kubernetes-preserve-unknown-fields": True}
SCHEMAS = {
    "foo": text("object", "Foo CRD for Testing", properties={"spec": text("object", "Specification of Foo", properties={"bars": BARS}),
                                                            "status": text("object", "Status of Foo")}),
    "empty": {"type": "object", **KEEP},
    "root": text("object", "preserve-unknown-properties at root for Testing", properties={"spec": text("object", "Specification of Waldo")}, **KEEP),
    "nested": text("object", "preserve-unknown-properties in nested field for Testing", properties={
        "spec": text("object", "Specification of Waldo", properties={"dummy": text("object", "Dummy property.")}, **KEEP)}),
}


def define():
    for name, schema in SCHEMAS.items():
        status, o = api.obj("POST", CRDS, {"metadata": {"name": f"{name}s.{GROUP}"}, "spec": {
            "group": GROUP, "scope": "Namespaced",
            "names": {"plural": f"{name}s", "singular": name, "kind": name.capitalize(), "shortNames": [f"x{name}"], "categories": ["explained"]},
            "versions": [{"name": v, "served": True, "storage": v == "v1", "schema": {"openAPIV3Schema": schema}} for v in ("v1", "v2")]}})
        api.check(f"{name} is defined", status == 201, o)
        api.eventually(f"{name} is established", lambda: any(
            c["type"] == "Established" and c["status"] == "True" for c in get(api.obj("GET", f"{CRDS}/{name}s.{GROUP}")[1], "status.conditions", [])))


def custom():
    foos = f"foos.{GROUP}"
    expect([
        explain(foos, want=r"DESCRIPTION:.*Foo CRD for Testing.*FIELDS:.*apiVersion.*<string>.*APIVersion defines.*spec.*<Object>.*Specification of Foo", by=ALL),
        explain("foos.metadata", want=r"DESCRIPTION:.*Standard object's metadata.*FIELDS:.*creationTimestamp.*<(string|Time)>.*CreationTimestamp is a timestamp", by=ENDS),
        explain("foos.spec", want=r"DESCRIPTION:.*Specification of Foo.*FIELDS:.*bars.*<\[\]Object>.*List of Bars and their specs", by=ENDS),
        explain("foos.spec.bars", want=r"(FIELD|RESOURCE):.*bars.*<\[\]Object>.*DESCRIPTION:.*List of Bars and their specs.*FIELDS:.*bazs.*<\[\]string>.*List of Bazs.*name.*<string>.*Name of Bar", by=ALL),
        explain("foos.spec.bars2", want=r'field "bars2" does not exist', fails=True, by=ALL),
        explain("xfoo.spec.bars.feeling", want=r"feeling <string>\n.*(enum|ENUM).*Great.*Down|DESCRIPTION:\n +Whether Bar", by=ENDS),
        explain("foos", "--api-version=explain.example.com/v2", "--recursive", want=r"VERSION: +v2\n.*spec\t<Object>\n    bars\t<\[\]Object>\n      age\t<string>"),
        explain(foos, "--output=plaintext-openapiv2", want=r"Foo CRD for Testing.*spec\t<Object>\n +Specification of Foo"),
        explain(f"emptys.{GROUP}", want=r"DESCRIPTION:.*<empty>", by=ENDS),
        explain(f"roots.{GROUP}", want=r"KIND:.*Root", by=ENDS),
        explain(f"nesteds.{GROUP}", want=r"DESCRIPTION:.*preserve-unknown-properties in nested field for Testing", by=ENDS),
        explain("nesteds.spec", want=r"Specification of Waldo"),
    ])


def validated():
    """kubectl's validation: by the server where it can, else by the document."""
    def cr(kind, spec, name="test-cr"):
        return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}

    def step(name, program, args, o, want, fails=False):
        code, out = kubectl(program, *args, stdin=o)
        api.check(f"{os.path.basename(program)}: {name}", (code != 0) == fails and re.search(want, out, re.S), f"exit {code}\n{out}")

    for p in ENDS:
        for verb in ("create", "apply") if p == NEW else ("apply",):
            step(f"{verb} with known and required fields", p, (verb, "-f", "-"), cr("Foo", {"bars": [{"name": "test-bar"}]}), "created")
            step("delete", p, ("delete", "foos", "test-cr"), None, "deleted")
            step(f"{verb} with an unknown field", p, (verb, "-f", "-"), cr("Foo", {"foo": True}), r'unknown field "spec\.foo"', True)
            step(f"{verb} with an unknown field at the root", p, (verb, "-f", "-"), {**cr("Foo", {"bars": [{"name": "a"}]}), "zebra": 1}, 'unknown field "zebra"', True)
            step(f"{verb} without a required field", p, (verb, "-f", "-"), cr("Foo", {"bars": [{"age": "10"}]}), r"spec\.bars\[0\]\.name: Required value", True)
            step(f"{verb} with a value that is not listed", p, (verb, "-f", "-"), cr("Foo", {"bars": [{"name": "b", "feeling": "NonExistentValue"}]}),
                 r'Unsupported value: "NonExistentValue"', True)
            for kind in ("Empty", "Root"):
                step(f"{verb} {kind} with any field", p, (verb, "-f", "-"), {**cr(kind, {}), "a": {"b": [{"c": "d"}]}}, "created")
                step("delete", p, ("delete", f"{kind.lower()}s", "test-cr"), None, "deleted")
            step(f"{verb} Nested with any field in spec", p, (verb, "-f", "-"), cr("Nested", {"a": None, "b": [{"c": "d"}]}), "created")
            step("delete", p, ("delete", "nesteds", "test-cr"), None, "deleted")
        step("apply changes", p, ("apply", "-f", "-"), cr("Foo", {"bars": [{"name": "one"}]}), "created")
        step("apply changes", p, ("apply", "-f", "-"), cr("Foo", {"bars": [{"name": "two"}]}), "configured")
        step("apply again", p, ("apply", "-f", "-"), cr("Foo", {"bars": [{"name": "two"}]}), "unchanged")
        step("apply by the server", p, ("apply", "--server-side", "--force-conflicts", "-f", "-"), cr("Foo", {"bars": [{"name": "three"}]}), "serverside-applied")
        step("by category", p, ("get", "explained"), None, r"^NAME +AGE\nfoo\.explain\.example\.com/test-cr|^NAME +AGE\ntest-cr")
        step("by short name", p, ("get", "xfoo", "-o", "name"), None, r"foo\.explain\.example\.com/test-cr")
        step("delete", p, ("delete", "foo", "test-cr"), None, "deleted")
        step("a Pod with an unknown field", p, ("create", "--dry-run=server", "-f", "-"), {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "a", "imagee": "b"}]}},
             r'unknown field "spec\.containers\[0\]\.imagee"', True)
        step("the same at the client", p, ("create", "--dry-run=client", "-f", "-"), {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "a", "imagee": "b"}]}},
             r"created \(dry run\)|unknown field")


def gone():
    for name in SCHEMAS:
        api.obj("DELETE", f"{CRDS}/{name}s.{GROUP}")
    api.eventually("no longer served", lambda: api.call("GET", f"/apis/{GROUP}/v1")[0] == 404)
    expect([explain(f"foos.{GROUP}", want="doesn't have a resource type|couldn't find|could not find", fails=True, by=[NEW])])
    shutil.rmtree(CACHE, ignore_errors=True)


api.finish(kinds, nested, define, custom, validated, gone)
