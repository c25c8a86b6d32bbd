# SPDX-License-Identifier: Apache-2.0
"""The API as Python programs use it: python3-kubernetes, unchanged (typed, dynamic, streams)."""
import base64
import json
import threading
import time
import traceback

import yaml
from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
from kubernetes.stream import portforward, stream

NS = "python-client"
IMAGE = "localhost/busybox:1"
config.load_kube_config()
core, apps, batch, rbac = client.CoreV1Api(), client.AppsV1Api(), client.BatchV1Api(), client.RbacAuthorizationV1Api()
passed = failed = 0


def test(fn):
    """Runs fn; its name, in words, is the behaviour."""
    global passed, failed
    try:
        fn()
        passed += 1
    except Exception:
        failed += 1
        print(f"FAILED: {fn.__name__.replace('_', ' ')}\n{traceback.format_exc()[-1500:]}")
    return fn


def until(what, fn):
    for _ in range(300):
        try:
            if fn():
                return
        except ApiException:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within 30 s")


def refused(status, reason, fn):
    try:
        fn()
    except ApiException as e:
        body = json.loads(e.body)
        assert e.status == status and body["reason"] == reason, e.body
        return body
    raise AssertionError(f"no {reason}")


def pod(name, command):
    return client.V1Pod(metadata=client.V1ObjectMeta(name=name, labels={"app": name}), spec=client.V1PodSpec(
        termination_grace_period_seconds=0, restart_policy="Never",
        containers=[client.V1Container(name="c", image=IMAGE, command=command)]))


@test
def a_namespace_and_its_account():
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NS)))
    until("account", lambda: core.read_namespaced_service_account("default", NS))


@test
def objects_are_created_read_replaced_patched_and_deleted():
    cm = core.create_namespaced_config_map(NS, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="a"), data={"k": "v"}))
    assert cm.metadata.uid and cm.metadata.resource_version
    cm.data["k"] = "w"
    new = core.replace_namespaced_config_map("a", NS, cm)
    assert new.data == {"k": "w"} and new.metadata.resource_version != cm.metadata.resource_version
    refused(409, "Conflict", lambda: core.replace_namespaced_config_map("a", NS, cm))
    assert core.patch_namespaced_config_map("a", NS, {"data": {"k": None, "l": "x"}}).data == {"l": "x"}
    assert core.patch_namespaced_config_map("a", NS, [{"op": "add", "path": "/data/m", "value": "y"}]).data["m"] == "y"
    cm.metadata = client.V1ObjectMeta(name="a")
    refused(409, "AlreadyExists", lambda: core.create_namespaced_config_map(NS, cm))
    assert core.delete_namespaced_config_map("a", NS).status == "Success"
    body = refused(404, "NotFound", lambda: core.read_namespaced_config_map("a", NS))
    assert body["message"] == 'configmaps "a" not found' and body["details"]["kind"] == "configmaps"


@test
def invalid_objects_name_their_fields():
    body = refused(422, "Invalid", lambda: core.create_namespaced_service(NS, client.V1Service(
        metadata=client.V1ObjectMeta(name="s"), spec=client.V1ServiceSpec(ports=[client.V1ServicePort(port=0)]))))
    assert body["details"]["causes"][0]["field"] == "spec.ports[0].port", body


@test
def bytes_survive():
    data = bytes(range(256))
    core.create_namespaced_secret(NS, client.V1Secret(metadata=client.V1ObjectMeta(name="b"),
                                                      data={"bin": base64.b64encode(data).decode()}))
    assert base64.b64decode(core.read_namespaced_secret("b", NS).data["bin"]) == data


@test
def lists_come_in_pages():
    for i in range(7):
        core.create_namespaced_config_map(NS, {"metadata": {"name": f"p{i}", "labels": {"page": "y"}}})
    names, token = [], None
    while True:
        page = core.list_namespaced_config_map(NS, limit=3, label_selector="page=y", _continue=token)
        names += [i.metadata.name for i in page.items]
        token = page.metadata._continue
        if not token:
            break
    assert names == [f"p{i}" for i in range(7)]


@test
def a_watch_sees_changes_in_order():
    start = core.list_namespaced_config_map(NS).metadata.resource_version
    core.create_namespaced_config_map(NS, {"metadata": {"name": "w"}})
    core.patch_namespaced_config_map("w", NS, {"data": {"a": "b"}})
    core.delete_namespaced_config_map("w", NS)
    seen = [(e["type"], e["object"].metadata.name) for e in watch.Watch().stream(
        core.list_namespaced_config_map, NS, resource_version=start, timeout_seconds=2)]
    assert seen == [("ADDED", "w"), ("MODIFIED", "w"), ("DELETED", "w")], seen


@test
def a_watch_from_too_far_back_is_an_error():
    try:
        for _ in watch.Watch().stream(core.list_namespaced_config_map, NS, resource_version="99999999", timeout_seconds=1):
            raise AssertionError("an event of the future")
    except ApiException as e:
        assert e.status in (410, 504), e


@test
def a_deployment_comes_up_and_scales():
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [
        {"name": "c", "image": IMAGE, "command": ["sleep", "3600"]}]}}
    apps.create_namespaced_deployment(NS, {"metadata": {"name": "web"}, "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}})
    until("two", lambda: apps.read_namespaced_deployment_status("web", NS).status.ready_replicas == 2)
    scale = apps.read_namespaced_deployment_scale("web", NS)
    assert scale.status.selector == "app=web"
    scale.spec.replicas = 1
    apps.replace_namespaced_deployment_scale("web", NS, scale)
    until("one", lambda: apps.read_namespaced_deployment("web", NS).status.replicas == 1)
    apps.delete_namespaced_deployment("web", NS, propagation_policy="Foreground")
    until("gone", lambda: not core.list_namespaced_pod(NS, label_selector="app=web").items)


@test
def a_pod_is_spoken_with():
    core.create_namespaced_pod(NS, pod("talk", ["sh", "-c", "echo out; echo hello >/index.html; exec httpd -f -p 8080 -h /"]))
    until("running", lambda: core.read_namespaced_pod("talk", NS).status.phase == "Running")
    until("log", lambda: core.read_namespaced_pod_log("talk", NS) == "out\n")
    assert stream(core.connect_get_namespaced_pod_exec, "talk", NS, command=["echo", "hi"],
                  stdout=True, stderr=True) == "hi\n"
    s = stream(core.connect_get_namespaced_pod_exec, "talk", NS, command=["sh"], stdin=True, stdout=True,
               stderr=True, _preload_content=False)
    s.write_stdin("echo one; echo two >&2; exit 7\n")
    s.run_forever(timeout=10)
    assert s.read_stdout() == "one\n" and s.read_stderr() == "two\n"
    assert s.returncode == 7, s.returncode
    until("http", lambda: stream(core.connect_get_namespaced_pod_exec, "talk", NS, stdout=True, stderr=True,
                                 command=["wget", "-qO-", "http://127.0.0.1:8080/index.html"]) == "hello\n")
    pf = portforward(core.connect_get_namespaced_pod_portforward, "talk", NS, ports="8080")
    sock = pf.socket(8080)
    sock.settimeout(10)
    sock.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
    got = b""
    while True:
        piece = sock.recv(4096)
        if not piece:
            break
        got += piece
    assert got.endswith(b"hello\n"), got
    assert "hello" in core.connect_get_namespaced_pod_proxy_with_path("talk:8080", NS, "index.html")
    core.delete_namespaced_pod("talk", NS)


@test
def a_job_completes():
    batch.create_namespaced_job(NS, {"metadata": {"name": "j"}, "spec": {"template": {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": IMAGE, "command": ["true"]}]}}}})
    until("complete", lambda: batch.read_namespaced_job_status("j", NS).status.succeeded == 1)
    batch.delete_namespaced_job("j", NS, propagation_policy="Background")


@test
def a_collection_is_deleted():
    core.delete_collection_namespaced_config_map(NS, label_selector="page=y")
    assert not core.list_namespaced_config_map(NS, label_selector="page=y").items


@test
def yaml_is_applied():
    docs = list(yaml.safe_load_all("""
apiVersion: v1
kind: Service
metadata: {name: from-yaml}
spec: {ports: [{port: 80}], selector: {a: b}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: from-yaml}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
"""))
    for doc in docs:
        utils.create_from_dict(client.ApiClient(), doc, namespace=NS)
    assert core.read_namespaced_service("from-yaml", NS).spec.cluster_ip
    assert rbac.read_namespaced_role("from-yaml", NS).rules[0].verbs == ["get"]


@test
def the_dynamic_client_finds_every_kind():
    d = dynamic.DynamicClient(client.ApiClient())
    cms = d.resources.get(api_version="v1", kind="ConfigMap")
    made = cms.create(body={"metadata": {"name": "dyn"}, "data": {"a": "b"}}, namespace=NS)
    assert made.data.a == "b"
    assert cms.patch(body={"data": {"c": "d"}}, name="dyn", namespace=NS,
                     content_type="application/merge-patch+json").data.c == "d"
    applied = cms.patch(body=json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dyn"},
                                         "data": {"e": "f"}}), name="dyn", namespace=NS, field_manager="py",
                        content_type="application/apply-patch+yaml")
    assert applied.data.e == "f"
    assert {m.manager for m in applied.metadata.managedFields} >= {"py"}
    for kind in ("Deployment", "Ingress", "Lease", "StorageClass", "CustomResourceDefinition"):
        assert d.resources.search(kind=kind), kind


@test
def a_custom_kind_is_used_at_once():
    api, objects = client.ApiextensionsV1Api(), client.CustomObjectsApi()
    api.create_custom_resource_definition({"metadata": {"name": "pets.example.org"}, "spec": {
        "group": "example.org", "scope": "Namespaced", "names": {"plural": "pets", "kind": "Pet"},
        "versions": [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}, "schema": {
            "openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "properties": {"legs": {"type": "integer", "default": 4}}},
                "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}}]}})
    until("served", lambda: objects.list_namespaced_custom_object("example.org", "v1", NS, "pets"))
    pet = objects.create_namespaced_custom_object("example.org", "v1", NS, "pets", {
        "apiVersion": "example.org/v1", "kind": "Pet", "metadata": {"name": "cat"}, "spec": {}})
    assert pet["spec"]["legs"] == 4
    got = objects.patch_namespaced_custom_object_status("example.org", "v1", NS, "pets", "cat", {"status": {"mood": "good"}})
    assert got["status"]["mood"] == "good" and got["metadata"]["generation"] == 1
    api.delete_custom_resource_definition("pets.example.org")
    until("gone", lambda: not [c for c in api.list_custom_resource_definition().items if c.metadata.name == "pets.example.org"])


@test
def one_leader_is_elected():
    led = threading.Event()
    lock = ConfigMapLock("leader", NS, "candidate")
    conf = electionconfig.Config(lock, lease_duration=4, renew_deadline=3, retry_period=1,
                                 onstarted_leading=led.set, onstopped_leading=lambda: None)
    threading.Thread(target=leaderelection.LeaderElection(conf).run, daemon=True).start()
    assert led.wait(20)


@test
def an_eviction_deletes():
    core.create_namespaced_pod(NS, pod("ev", ["sleep", "60"]))
    core.create_namespaced_pod_eviction("ev", NS, client.V1Eviction(metadata=client.V1ObjectMeta(name="ev")))
    until("gone", lambda: not [p for p in core.list_namespaced_pod(NS).items if p.metadata.name == "ev"])


@test
def who_may_what_is_answered():
    auth = client.AuthorizationV1Api()
    review = auth.create_self_subject_access_review({"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}})
    assert review.status.allowed
    assert client.VersionApi().get_code().major == "1"
    assert "v1" in client.CoreApi().get_api_versions().versions


core.delete_namespace(NS)
print(f"{passed} checks passed, {failed} failed")
