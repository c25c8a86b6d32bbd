# SPDX-License-Identifier: Apache-2.0
"""HorizontalPodAutoscalers in their two versions, and Scale.

usage: autoscaling.py KUBECONFIG
"""
import json
import sys

from cases import MERGE_PATCH, Api, get, message

api = Api(sys.argv[1])
NS = "autoscaling"
V1, V2 = (f"/apis/autoscaling/{v}/namespaces/{NS}/horizontalpodautoscalers" for v in ("v1", "v2"))
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NS}/deployments"
NOTE = "autoscaling.alpha.kubernetes.io/"
TARGET = {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
METRICS = [
    {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}},
    {"type": "Pods", "pods": {"metric": {"name": "p", "selector": {"matchLabels": {"a": "b"}}},
                              "target": {"type": "AverageValue", "averageValue": "10"}}},
    {"type": "Object", "object": {"describedObject": {"kind": "Ingress", "name": "i"}, "metric": {"name": "o"},
                                  "target": {"type": "Value", "value": "2k"}}},
    {"type": "External", "external": {"metric": {"name": "e"}, "target": {"type": "AverageValue", "averageValue": "30"}}},
    {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "c",
                                                        "target": {"type": "Utilization", "averageUtilization": 60}}},
]
OLD_METRICS = [
    {"type": "Resource", "resource": {"name": "memory", "targetAverageValue": "1Gi"}},
    {"type": "Pods", "pods": {"metricName": "p", "targetAverageValue": "10", "selector": {"matchLabels": {"a": "b"}}}},
    {"type": "Object", "object": {"target": {"kind": "Ingress", "name": "i"}, "metricName": "o", "targetValue": "2k"}},
    {"type": "External", "external": {"metricName": "e", "targetAverageValue": "30"}},
    {"type": "ContainerResource", "containerResource": {"name": "cpu", "targetAverageUtilization": 60, "container": "c"}},
]
BEHAVIOR = {"scaleDown": {"stabilizationWindowSeconds": 60, "selectPolicy": "Max", "policies": [
    {"type": "Pods", "value": 1, "periodSeconds": 60}]}}


def hpa(name, **spec):
    return {"metadata": {"name": name}, "spec": {"maxReplicas": 3, "scaleTargetRef": TARGET, **spec}}


def notes(o):
    return {k.removeprefix(NOTE): json.loads(v) for k, v in (get(o, "metadata.annotations") or {}).items() if k.startswith(NOTE)}


def versions():
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": NS}})
    api.run([
        ("one number, made in version 1", "POST", V1, hpa("one", targetCPUUtilizationPercentage=50), {}, 201,
         {"spec.targetCPUUtilizationPercentage": 50, "spec.minReplicas": 1, "apiVersion": "autoscaling/v1"}),
        ("is a metric in version 2", "GET", V2 + "/one", None, {}, 200, {"spec.metrics": [CPU], "apiVersion": "autoscaling/v2"}),
        ("none is 80", "POST", V1, hpa("none"), {}, 201, {"spec.targetCPUUtilizationPercentage": 80}),
        ("in version 2 too", "POST", V2, hpa("none2"), {}, 201, {"spec.metrics.0.resource.target.averageUtilization": 80}),
        ("all metrics", "POST", V2, hpa("all", metrics=[CPU, *METRICS], behavior=BEHAVIOR), {}, 201, {"spec.metrics": [CPU, *METRICS]}),
    ])
    o = api.obj("GET", V1 + "/all")[1]
    api.check("version 1 has the number", get(o, "spec.targetCPUUtilizationPercentage") == 50 and "metrics" not in o["spec"], o)
    api.check("and notes the rest", notes(o).get("metrics") == OLD_METRICS, o)
    api.check("as it does behavior", get(notes(o), "behavior.ScaleDown.Policies.0") == {"Type": "Pods", "Value": 1, "PeriodSeconds": 60} and
              get(notes(o), "behavior.ScaleDown.StabilizationWindowSeconds") == 60, o)
    o["metadata"].setdefault("labels", {})["x"] = "y"
    status, o = api.obj("PUT", V1 + "/all", o)
    api.check("written back in version 1", status == 200, o)
    o = api.obj("GET", V2 + "/all")[1]
    api.check("nothing is lost", get(o, "spec.metrics") == [*METRICS, CPU] and get(o, "metadata.labels.x") == "y" and not notes(o) and
              get(o, "spec.behavior.scaleDown.policies") == BEHAVIOR["scaleDown"]["policies"], o)
    o = api.obj("GET", V1)[1]
    api.check("a list in version 1", o["kind"] == "HorizontalPodAutoscalerList" and len(o["items"]) == 4 and
              all("targetCPUUtilizationPercentage" in i["spec"] for i in o["items"]), o)


def status():
    condition = {"type": "AbleToScale", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z", "reason": "R", "message": "m"}
    current = [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 40, "averageValue": "100m"}}},
               {"type": "External", "external": {"metric": {"name": "e"}, "current": {"averageValue": "3"}}}]
    said = {"currentReplicas": 1, "desiredReplicas": 2, "currentMetrics": current, "conditions": [condition]}
    code, o = api.obj("PATCH", V2 + "/all/status", {"status": said}, headers=MERGE_PATCH)
    api.check("status in version 2", code == 200 and get(o, "status.currentMetrics") == current, o)
    o = api.obj("GET", V1 + "/all")[1]
    api.check("in version 1", get(o, "status") == {"currentReplicas": 1, "desiredReplicas": 2, "currentCPUUtilizationPercentage": 40}, o)
    api.check("its conditions", notes(o).get("conditions") == [condition], o)
    api.check("its metrics", notes(o).get("current-metrics") == [
        {"type": "Resource", "resource": {"name": "cpu", "currentAverageUtilization": 40, "currentAverageValue": "100m"}},
        {"type": "External", "external": {"metricName": "e", "currentValue": "0", "currentAverageValue": "3"}}], o)
    code, o = api.obj("PUT", V1 + "/all/status", o)
    api.check("written back", code == 200, o)
    o = api.obj("GET", V2 + "/all")[1]
    api.check("nothing of the status is lost", get(o, "status.currentMetrics") == current and get(o, "status.conditions") == [condition], o)
    table = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    o = api.obj("GET", V2 + "/all", headers=table)[1]
    cells = dict(zip((c["name"] for c in o["columnDefinitions"]), o["rows"][0]["cells"]))
    api.check("as a table", cells["Targets"] == "memory: 100m/1Gi, <unknown>/10 + 4 more...", cells)


def errors():
    bad = 'HorizontalPodAutoscaler.autoscaling "bad" is invalid: '
    api.run([
        ("fewer than the least", "POST", V2, hpa("bad", minReplicas=5), {}, 422, message("Invalid", bad +
         "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`")),
        ("no target", "POST", V2, {"metadata": {"name": "bad"}, "spec": {"maxReplicas": 1, "scaleTargetRef": {}}}, {}, 422, message(
            "Invalid", bad + "[spec.scaleTargetRef.kind: Required value, spec.scaleTargetRef.name: Required value]")),
        ("version 1's number", "POST", V1, hpa("bad", targetCPUUtilizationPercentage=0), {}, 422, message(
            "Invalid", bad + "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0")),
    ])
    noted = hpa("bad", targetCPUUtilizationPercentage=50)
    for what, name, value, want in (
            ("a metric without its source", "metrics", [{"type": "Pods"}], "spec.metrics[0].pods: Required value: must populate information for the "
             "given metric source"),
            ("a behavior without policies", "behavior", {"ScaleUp": {"StabilizationWindowSeconds": 4000, "Policies": None}}, "[spec.behavior.scaleUp."
             "stabilizationWindowSeconds: Invalid value: 4000: must be less than or equal to 3600, spec.behavior.scaleUp.policies: Required value: "
             "must specify at least one Policy]")):
        noted["metadata"]["annotations"] = {NOTE + name: json.dumps(value)}
        api.run([(f"version 1, noted: {what}", "POST", V1, noted, {}, 422, message("Invalid", bad + want))])
    zero = hpa("zero", minReplicas=0, targetCPUUtilizationPercentage=50)
    api.run([("no pods need a metric from outside", "POST", V1, zero, {}, 422, None)])


def scale():
    template = {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    api.obj("POST", DEPLOYMENTS, {"metadata": {"name": "d"}, "spec": {
        "replicas": 0, "selector": {"matchLabels": {"app": "d"}, "matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]},
        "template": template}})
    one = DEPLOYMENTS + "/d/scale"
    o = api.obj("GET", one)[1]
    anyhow = {k: v for k, v in o["metadata"].items() if k != "resourceVersion"}    # controllers change it meanwhile
    uid = get(api.obj("GET", DEPLOYMENTS + "/d")[1], "metadata.uid")
    api.check("names its object", get(o, "metadata.uid") == uid and get(o, "status.selector") == "app=d,!x" and o["spec"] == {}, o)
    api.run([
        ("below nothing", "PUT", one, {**o, "metadata": anyhow, "spec": {"replicas": -2}}, {}, 422, message(
            "Invalid", 'Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -2: must be greater than or equal to 0')),
        ("of another name", "PUT", one, {**o, "metadata": {"name": "e"}}, {}, 400, None),
        ("of an older revision", "PUT", one, {**o, "metadata": {**o["metadata"], "resourceVersion": "1"}}, {}, 409, {"reason": "Conflict"}),
        ("of no revision", "PUT", one, {"metadata": {"name": "d", "namespace": NS}, "spec": {"replicas": 0}}, {}, 200, {"spec": {}}),
        ("of nothing", "GET", DEPLOYMENTS + "/no/scale", None, {}, 404, message("NotFound", 'deployments.apps "no" not found')),
        ("a dry run", "PATCH", one + "?dryRun=All", {"spec": {"replicas": 2}}, {"headers": MERGE_PATCH}, 200, {"spec.replicas": 2}),
        ("changes nothing", "GET", one, None, {}, 200, {"spec": {}}),
        ("as its kind", "PUT", one, {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "d"}}, {}, 400, None),
    ])
    o = api.obj("GET", DEPLOYMENTS + "/d")[1]
    before = get(o, "metadata.generation")
    api.obj("PATCH", one, {"spec": {"replicas": 1}}, headers=MERGE_PATCH)
    o = api.obj("GET", DEPLOYMENTS + "/d")[1]
    api.check("is a new generation", get(o, "metadata.generation") == before + 1 and get(o, "spec.replicas") == 1, o)
    fields = [(m["manager"], m["operation"], m.get("subresource")) for m in get(o, "metadata.managedFields")]
    api.check("is noted as scale", any(f[2] == "scale" for f in fields), fields)


api.finish(versions, status, errors, scale)
