# SPDX-License-Identifier: Apache-2.0
"""Built-in admission on the wire: Pod Security Standards with their warnings, limit ranges, certificates, quotas' names.

Each plug-in by itself is in tests/unit/api/test_admit.c.
usage: admission.py KUBECONFIG
"""
import base64
import json
import subprocess
import sys

from cases import MERGE_PATCH, STRATEGIC, Api, get

api = Api(sys.argv[1])
LEVEL = "pod-security.kubernetes.io/"
GOOD = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"}}


def ns(name, part=""):
    return f"/api/v1/namespaces/{name}" + ("/" + part if part else "")


def place(name, **labels):
    api.run([(f"namespace {name}", "POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": {
        LEVEL + k.replace("_", "-"): v for k, v in labels.items()}}}, {}, 201, None)])
    api.eventually(f"{name} is ready", lambda: api.obj("GET", ns(name, "serviceaccounts/default"))[0] == 200)


def pod(name="p", security=None, container=None, **spec):
    c = {"name": "c", "image": "x", **(container or {})}
    if security is not None:
        c["securityContext"] = security
    return {"metadata": {"name": name}, "spec": {"containers": [c], **spec}}


def warned(method, path, body, content_type="application/json"):
    """(status, the texts of all warnings)"""
    conn = api.connect()
    conn.request(method, path, json.dumps(body), {"Content-Type": content_type})
    r = conn.getresponse()
    r.read()
    texts = [w.removeprefix('299 - "').removesuffix('"').replace('\\"', '"') for w in r.headers.get_all("warning") or []]
    conn.close()
    return r.status, texts


def security():
    """A pod per check: what baseline and restricted say of it; None: nothing."""
    place("ps-baseline", enforce="baseline")
    place("ps-restricted", enforce="restricted")
    place("ps-old", enforce="restricted", enforce_version="v1.24")
    escalation = 'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)'
    everything = (escalation + ', unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), '
                  'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), seccompProfile '
                  '(pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")')
    volume = {"volumes": [{"name": "v", "hostPath": {"path": "/"}}, {"name": "w", "emptyDir": {}}]}
    two = {"initContainers": [{"name": "i", "image": "x", "securityContext": {**GOOD, "runAsUser": 0}}]}
    rows = [
        ("nothing said", pod(), None, everything),
        ("all said", pod(security=GOOD), None, None),
        ("privileged", pod(security={"privileged": True}), 'privileged (container "c" must not set securityContext.privileged=true)',
         'privileged (container "c" must not set securityContext.privileged=true), ' + everything),
        ("host namespaces", pod(security=GOOD, hostNetwork=True, hostPID=True), "host namespaces (hostNetwork=true, hostPID=true)", ...),
        ("host paths", pod(security=GOOD, **volume), 'hostPath volumes (volume "v")',
         'restricted volume types (volume "v" uses restricted volume type "hostPath")'),
        ("host ports", pod(security=GOOD, container={"ports": [{"containerPort": 1, "hostPort": 81}, {"containerPort": 2, "hostPort": 82}]}),
         'hostPort (container "c" uses hostPorts 81, 82)', ...),
        ("capabilities", pod(security={**GOOD, "capabilities": {"drop": ["ALL"], "add": ["SYS_TIME", "CHOWN"]}}),
         'non-default capabilities (container "c" must not include "SYS_TIME" in securityContext.capabilities.add)',
         'unrestricted capabilities (container "c" must not include "CHOWN", "SYS_TIME" in securityContext.capabilities.add)'),
        ("proc", pod(security={**GOOD, "procMount": "Unmasked"}, hostUsers=False), None, None),
        ("selinux", pod(security={**GOOD, "seLinuxOptions": {"type": "spc_t", "user": "u"}}),
         'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)', ...),
        ("seccomp", pod(security={**GOOD, "seccompProfile": {"type": "Unconfined"}}),
         'seccompProfile (container "c" must not set securityContext.seccompProfile.type to "Unconfined")', ...),
        ("seccomp of the pod", pod(security={**GOOD, "seccompProfile": None}, securityContext={"seccompProfile": {"type": "RuntimeDefault"}}),
         None, None),
        ("sysctls", pod(security=GOOD, securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"},
                                                                    {"name": "net.ipv4.tcp_rmem", "value": "1"}]}),
         "forbidden sysctls (kernel.msgmax)", ...),
        ("apparmor", pod(security={**GOOD, "appArmorProfile": {"type": "Unconfined"}}),
         'forbidden AppArmor profile (container "c" must not set AppArmor profile type to "Unconfined")', ...),
        ("probes", pod(security=GOOD, container={"livenessProbe": {"httpGet": {"port": 80, "host": "h"}}}),
         'probe or lifecycle host (container "c" uses probe or lifecycle host "h")', ...),
        ("root", pod(security={**GOOD, "runAsUser": 0}), None, 'runAsUser=0 (container "c" must not set runAsUser=0)'),
        ("may be root", pod(security={**GOOD, "runAsNonRoot": False}), None,
         'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)'),
        ("init containers", pod(security=GOOD, **two), None, 'runAsUser=0 (container "i" must not set runAsUser=0)'),
    ]
    for name, body, baseline, restricted in rows:
        for where, level, want in (("ps-baseline", "baseline", baseline), ("ps-restricted", "restricted",
                                                                            baseline if restricted is ... else restricted)):
            status, o = api.obj("POST", ns(where, "pods?dryRun=All"), body)
            if want is None:
                api.check(f"{name} at {level}", status == 201, (status, o))
            else:
                api.check(f"{name} at {level}", status == 403 and o["message"] ==
                          f'pods "p" is forbidden: violates PodSecurity "{level}:latest": {want}', (status, o, want))
    status, o = api.obj("POST", ns("ps-old", "pods"), pod(container={"livenessProbe": {"httpGet": {"port": 80, "host": "h"}}}))
    api.check("an old version of the policy", status == 403 and 'PodSecurity "restricted:v1.24"' in o["message"] and
              "lifecycle host" not in o["message"], o)


def security_modes():
    """Warnings, workloads, labels that change, and labels that are none."""
    place("ps-warn", warn="restricted", audit="baseline")
    status, texts = warned("POST", ns("ps-warn", "pods"), pod())
    api.check("a pod that is warned of", status == 201 and len(texts) == 1 and texts[0].startswith(
        'would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false'), (status, texts))
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    deployment = {"metadata": {"name": "d"}, "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template}}
    cron = {"metadata": {"name": "c"}, "spec": {"schedule": "1 1 1 1 1", "jobTemplate": {"spec": {"template": {"spec": {
        **template["spec"], "restartPolicy": "Never"}}}}}}
    for what, group, body in (("a workload", "apps/v1", deployment), ("a cron job", "batch/v1", cron)):
        status, texts = warned("POST", f"/apis/{group}/namespaces/ps-warn/{'cronjobs' if body is cron else 'deployments'}", body)
        api.check(what, status == 201 and any("would violate" in t for t in texts), (status, texts))
    status, texts = warned("POST", "/apis/apps/v1/namespaces/ps-restricted/deployments", deployment)
    api.check("enforce is for pods alone", status == 201 and not any("would violate" in t for t in texts), (status, texts))
    for i in range(2):
        api.obj("POST", ns("ps-warn", "pods"), pod(f"q{i}", {"privileged": True}))
    status, texts = warned("PATCH", ns("ps-warn"), {"metadata": {"labels": {LEVEL + "enforce": "baseline"}}},
                           "application/merge-patch+json")
    api.check("pods that a new level would refuse", status == 200 and texts == [
        'existing pods in namespace "ps-warn" violate the new PodSecurity enforce level "baseline:latest"',
        "q0 (and 1 other pod): privileged"], texts)
    api.run([
        ("they go on", "PATCH", ns("ps-warn", "pods/q0"), {"metadata": {"labels": {"x": "y"}}}, {"headers": MERGE_PATCH}, 200, None),
        ("but take no other image", "PATCH", ns("ps-warn", "pods/q0"), {"spec": {"containers": [{"name": "c", "image": "y"}]}},
         {"headers": STRATEGIC}, 403, None),
        ("a level that is none", "PATCH", ns("ps-warn"), {"metadata": {"labels": {LEVEL + "enforce": "strict"}}}, {"headers": MERGE_PATCH},
         422, lambda o: o["message"] == f'Namespace "ps-warn" is invalid: metadata.labels[{LEVEL}enforce]: Invalid value: "strict": '
                                        'must be one of privileged, baseline, restricted'),
        ("a version that is none", "POST", "/api/v1/namespaces", {"metadata": {"name": "ps-none", "labels": {LEVEL + "warn-version": "1.9"}}},
         {}, 422, lambda o: f'metadata.labels[{LEVEL}warn-version]: Invalid value: "1.9": must be "latest" or "v1.x"' in o["message"]),
    ])


def certificates():
    """Who approves, who signs, and whom nobody gets a certificate for."""
    csrs = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    rbac = "/apis/rbac.authorization.k8s.io/v1"

    def request(name, subject, signer):
        key = subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                              "/dev/null", "-subj", subject], capture_output=True, check=True).stdout
        return {"metadata": {"name": name}, "spec": {"request": base64.b64encode(key).decode(), "signerName": signer,
                                                     "usages": ["client auth"]}}
    client, mine = "kubernetes.io/kube-apiserver-client", "example.com/mine"
    approved = {"status": {"conditions": [{"type": "Approved", "status": "True", "reason": "R", "message": "m"}]}}
    rules = [{"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests/approval", "certificatesigningrequests/status"],
              "verbs": ["update", "patch"]},
             {"apiGroups": ["certificates.k8s.io"], "resources": ["signers"], "resourceNames": ["example.org/*"], "verbs": ["approve", "sign"]}]
    api.run([
        ("of masters", "POST", csrs, request("adm-masters", "/O=system:masters/CN=m", client), {}, 403, lambda o:
         "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed" in o["message"]),
        ("of another signer", "POST", csrs, request("adm-other", "/O=system:masters/CN=m", mine), {}, 201, None),
        ("a role", "POST", rbac + "/clusterroles", {"metadata": {"name": "adm-signer"}, "rules": rules}, {}, 201, None),
        ("for one", "POST", rbac + "/clusterrolebindings", {"metadata": {"name": "adm-signer"}, "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "adm-signer"}, "subjects": [
            {"kind": "User", "name": "adm-signer", "apiGroup": "rbac.authorization.k8s.io"}]}, {}, 201, None),
        ("not his signer", "PATCH", csrs + "/adm-other/approval", approved, {"headers": MERGE_PATCH, "who": "adm-signer"}, 403,
         lambda o: 'user not permitted to approve requests with signerName "example.com/mine"' in o["message"]),
        ("nor to sign", "PATCH", csrs + "/adm-other/status", {"status": {"certificate": base64.b64encode(b"x").decode()}},
         {"headers": MERGE_PATCH, "who": "adm-signer"}, 403,
         lambda o: 'user not permitted to sign requests with signerName "example.com/mine"' in o["message"]),
        ("his", "POST", csrs, request("adm-his", "/CN=h", "example.org/x"), {}, 201, None),
        ("is approved", "PATCH", csrs + "/adm-his/approval", approved, {"headers": MERGE_PATCH, "who": "adm-signer"}, 200, None),
    ])
    for name in ("adm-other", "adm-his"):
        api.obj("DELETE", f"{csrs}/{name}")


def limits():
    """The name a refusal goes by, and controllers that hear of it."""
    place("adm-lim")
    path = ns("adm-lim")
    rs = {"metadata": {"name": "r"}, "spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x", "resources": {"limits": {"cpu": "3"}}}]}}}}
    api.run([
        ("a limit range", "POST", path + "/limitranges", {"metadata": {"name": "l"}, "spec": {"limits": [
            {"type": "Container", "max": {"cpu": "1"}}]}}, {}, 201, lambda o: get(o, "spec.limits.0.default.cpu") == "1" and
         get(o, "spec.limits.0.defaultRequest.cpu") == "1"),
        ("a generated name is told once it is picked", "POST", path + "/pods", {"metadata": {"generateName": "gen-"}, "spec": {
            "containers": [{"name": "c", "image": "x", "resources": {"limits": {"cpu": "2"}}}]}}, {}, 403, lambda o:
         o["message"].startswith('pods "gen-') and "maximum cpu usage per Container is 1, but limit is 2" in o["message"]),
        ("what is changed needs no defaults", "POST", path + "/pods", pod(), {}, 201, {
            "spec.containers.0.resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}}),
        ("a replicaset", "POST", "/apis/apps/v1/namespaces/adm-lim/replicasets", rs, {}, 201, None),
    ])
    api.eventually("its events say why it has no pods", lambda: any(
        "maximum cpu usage per Container is 1, but limit is 3" in e.get("message", "") for e in api.obj("GET", path + "/events")[1]["items"]))


api.finish(security, security_modes, certificates, limits)
