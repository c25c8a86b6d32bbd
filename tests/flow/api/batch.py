# SPDX-License-Identifier: Apache-2.0
"""Jobs, CronJobs and what else makes pods: what may not change, what a status may say, warnings.

usage: batch.py KUBECONFIG
"""
import copy
import sys

from cases import JSON_PATCH, MERGE_PATCH, Api, get, message

api = Api(sys.argv[1])
NS = "batch"
JOBS, CRON_JOBS = (f"/apis/batch/v1/namespaces/{NS}/{kind}" for kind in ("jobs", "cronjobs"))
APPS = f"/apis/apps/v1/namespaces/{NS}"
POD = {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}
AGED = "2020-01-01T00:00:00Z"


def job(name, labels=None, **spec):
    template = {"spec": POD, **({"metadata": {"labels": labels}} if labels else {})}
    return {"metadata": {"name": name}, "spec": {"suspend": True, "template": template, **spec}}


def invalid(kind, name, *errors):
    text = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
    return message("Invalid", f'{kind} "{name}" is invalid: {text}')


def selectors():
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": NS}})
    status, o = api.obj("POST", JOBS, job("plain"))
    uid = get(o, "metadata.uid")
    labels = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": "plain", "controller-uid": uid, "job-name": "plain"}
    api.check("a job selects by its uid", status == 201 and get(o, "spec.selector") == {"matchLabels": {
        "batch.kubernetes.io/controller-uid": uid}} and get(o, "spec.template.metadata.labels") == labels, o)
    api.check("defaults", {k: get(o, "spec." + k) for k in ("parallelism", "completions", "backoffLimit", "completionMode",
              "podReplacementPolicy", "manualSelector")} == {"parallelism": 1, "completions": 1, "backoffLimit": 6,
              "completionMode": "NonIndexed", "podReplacementPolicy": "TerminatingOrFailed", "manualSelector": False}, o["spec"])
    status, o = api.obj("POST", JOBS, job("mine", {"job-name": "other"}))
    api.check("labels of others", status == 422 and "spec.template.metadata.labels[job-name]: Invalid value: {" in o["message"] and
              '"job-name":"other"}: must be \'mine\'' in o["message"], o)
    status, o = api.obj("POST", JOBS, job("manual", {"a": "b"}, manualSelector=True, selector={"matchLabels": {"a": "b"}}))
    api.check("a manual selector", status == 201 and get(o, "spec.template.metadata.labels") == {"a": "b"}, o)


def changes():
    one = JOBS + "/plain"
    patch = {"headers": MERGE_PATCH}
    api.run([
        ("parallelism", "PATCH", one, {"spec": {"parallelism": 2}}, patch, 200, {"spec.parallelism": 2}),
        ("completions stay", "PATCH", one, {"spec": {"completions": 2}}, patch, 422, invalid("Job.batch", "plain",
         "spec.completions: Invalid value: 2: field is immutable")),
        ("the backoff limit may change", "PATCH", one, {"spec": {"backoffLimit": 3}}, patch, 200, {"spec.backoffLimit": 3}),
        ("the mode may not", "PATCH", one, {"spec": {"completionMode": "Indexed"}}, patch, 422, invalid("Job.batch", "plain",
         'spec.completionMode: Invalid value: "Indexed": field is immutable')),
        ("a suspended job's resources may", "PATCH", one, [{"op": "add", "path": "/spec/template/spec/nodeSelector", "value": {"a": "b"}}],
         {"headers": JSON_PATCH}, 200, {"spec.template.spec.nodeSelector": {"a": "b"}}),
    ])
    status, o = api.obj("PATCH", one, [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "j"}], headers=JSON_PATCH)
    api.check("an image may not", status == 422 and "spec.template: Invalid value: " in o["message"] and "field is immutable" in o["message"], o)
    status, o = api.obj("PATCH", one, {"spec": {"selector": {"matchLabels": {"x": "y"}}}}, headers=MERGE_PATCH)
    api.check("a selector may not", status == 422 and "spec.selector: Invalid value: " in o["message"] and "field is immutable" in o["message"], o)


def status():
    one = JOBS + "/plain/status"
    patch = {"headers": MERGE_PATCH}
    done = {"type": "Complete", "status": "True", "lastTransitionTime": AGED, "lastProbeTime": AGED}
    api.run([
        ("counts below nothing", "PATCH", one, {"status": {"active": -1}}, patch, 422,
         lambda o: "status.active: Invalid value: -1: must be greater than or equal to 0" in o["message"]),
        ("complete at no time", "PATCH", one, {"status": {"conditions": [done]}}, patch, 422,
         lambda o: "status.completionTime: Required value: completionTime is required for Complete jobs" in o["message"]),
        ("complete before it began", "PATCH", one, {"status": {"completionTime": AGED}}, patch, 422,
         lambda o: "status.completionTime" in o["message"]),
    ])


def scheduled():
    cron = lambda name, **spec: {"metadata": {"name": name}, "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {
        "template": {"spec": POD}}}, **spec}}
    bad = lambda *errors: invalid("CronJob.batch", "bad", *errors)
    api.run([
        ("every five minutes", "POST", CRON_JOBS, cron("fine"), {}, 201, {
            "spec.concurrencyPolicy": "Allow", "spec.suspend": False, "spec.successfulJobsHistoryLimit": 3, "spec.failedJobsHistoryLimit": 1}),
        ("in a zone", "POST", CRON_JOBS, cron("zone", timeZone="Europe/Berlin"), {}, 201, None),
        ("in no zone", "POST", CRON_JOBS, cron("bad", timeZone="Europe/Nowhere"), {}, 422, bad(
            'spec.timeZone: Invalid value: "Europe/Nowhere": unknown time zone Europe/Nowhere')),
        ("at no time", "POST", CRON_JOBS, cron("bad", schedule="61 * * * *"), {}, 422, bad(
            'spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61')),
        ("six fields", "POST", CRON_JOBS, cron("bad", schedule="0 0 0 0 0 0"), {}, 422, bad(
            'spec.schedule: Invalid value: "0 0 0 0 0 0": expected exactly 5 fields, found 6: [0 0 0 0 0 0]')),
        ("a zone in the schedule", "POST", CRON_JOBS, cron("bad", schedule="TZ=UTC 0 * * * *"), {}, 422,
         lambda o: "cannot use TZ or CRON_TZ in schedule" in o["message"]),
        ("too long a name", "POST", CRON_JOBS, cron("x" * 53), {}, 422, lambda o:
         "must be no more than 52 characters" in o["message"]),
        ("its status", "PATCH", CRON_JOBS + "/fine/status", {"status": {"lastScheduleTime": AGED}}, {"headers": MERGE_PATCH}, 200,
         {"status.lastScheduleTime": AGED, "metadata.generation": 1}),
    ])


def sets():
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": POD["containers"]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    claims = [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]
    mounting = copy.deepcopy(spec)
    mounting["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    mounting["volumeClaimTemplates"] = claims
    one = APPS + "/statefulsets/s"
    forbidden = ("updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
                 "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden")
    patch = {"headers": MERGE_PATCH}
    api.run([
        ("a set mounts its claims", "POST", APPS + "/statefulsets", {"metadata": {"name": "s"}, "spec": mounting}, {}, 201, {
            "spec.podManagementPolicy": "OrderedReady", "spec.updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "spec.persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "spec.volumeClaimTemplates.0.status.phase": "Pending", "spec.volumeClaimTemplates.0.kind": "PersistentVolumeClaim"}),
        ("but no others", "POST", APPS + "/statefulsets", {"metadata": {"name": "t"}, "spec": {**mounting, "volumeClaimTemplates": []}}, {},
         422, lambda o: 'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"' in o["message"]),
        ("its service stays", "PATCH", one, {"spec": {"serviceName": "other"}}, patch, 422,
         invalid("StatefulSet.apps", "s", "spec: Forbidden: " + forbidden)),
        ("its replicas need not", "PATCH", one, {"spec": {"replicas": 1, "minReadySeconds": 5}}, patch, 200, {"metadata.generation": 2}),
        ("a selector stays", "POST", APPS + "/replicasets", {"metadata": {"name": "r"}, "spec": spec}, {}, 201, None),
        ("that of a ReplicaSet", "PATCH", APPS + "/replicasets/r", {"spec": {"selector": {"matchLabels": {"c": "d"}}, "template": {
            "metadata": {"labels": {"c": "d"}}}}}, patch, 422, lambda o: "spec.selector: Invalid value: " in o["message"] and
         "field is immutable" in o["message"]),
        ("more ready than there are", "PATCH", APPS + "/replicasets/r/status", {"status": {"replicas": 1, "readyReplicas": 2}}, patch, 422,
         invalid("ReplicaSet.apps", "r", "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas")),
    ])


def told():
    dns = "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended"
    api.check("a name that is no label", dns in api.warned(JOBS + "?dryRun=All", job("a.b")))
    many = job("many", completions=100001, parallelism=10001, completionMode="Indexed")
    api.check("too many indexes", "In Indexed Jobs with a number of completions higher than 10^5" in
              api.warned(JOBS + "?dryRun=All", many))
    api.check("nothing of a plain one", not api.warned(JOBS + "?dryRun=All", job("fine")))


api.finish(selectors, changes, status, scheduled, sets, told)
