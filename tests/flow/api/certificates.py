# SPDX-License-Identifier: Apache-2.0
"""Certificate signing requests: what is refused, approved, signed, and what stays as it is.

usage: certificates.py KUBECONFIG
"""
import base64
import json
import os
import ssl
import subprocess
import sys
import tempfile

from cases import Api, MERGE_PATCH, get, message

api = Api(sys.argv[1])
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
CLIENT = "kubernetes.io/kube-apiserver-client"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
work = tempfile.TemporaryDirectory()


def pem(subject, *extra):
    """A request's text, and the path of its key."""
    key = os.path.join(work.name, f"key{len(os.listdir(work.name))}")
    subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                    "-out", key + ".req", "-subj", subject, *extra], check=True, stderr=subprocess.DEVNULL)
    with open(key + ".req", "rb") as f:
        return f.read(), key


def csr(name, text, signer=CLIENT, usages=("client auth",), **spec):
    return {"metadata": {"name": name}, "spec": {"request": base64.b64encode(text).decode(), "signerName": signer,
            "usages": list(usages), **spec}}


def conditions(name, *types, status="True", sub="approval", **kw):
    o = api.obj("GET", f"{CSRS}/{name}")[1]
    o["status"] = {**o.get("status", {}), "conditions": [{"type": t, "status": status, "reason": "Test", "message": "m"} for t in types]}
    return api.obj("PUT", f"{CSRS}/{name}/{sub}", o, **kw)


ANN, ANN_KEY = pem("/O=dev/O=ops/CN=ann")


def refused():
    bad = "CertificateSigningRequest.certificates.k8s.io \"bad\" is invalid: "
    api.run([
        ("no request", "POST", CSRS, csr("bad", b"nonsense"), {}, 422,
         lambda o: o["message"].endswith("PEM block type must be CERTIFICATE REQUEST")),
        ("a damaged one", "POST", CSRS, csr("bad", ANN.replace(b"\nMI", b"\nNI")), {}, 422,
         lambda o: "spec.request: Invalid value" in o["message"] and "damaged" in o["message"]),
        ("no usages", "POST", CSRS, csr("bad", ANN, usages=()), {}, 422,
         message("Invalid", bad + "spec.usages: Required value")),
        ("an unknown usage", "POST", CSRS, csr("bad", ANN, usages=("flying",)), {}, 422,
         lambda o: "spec.usages[0]: Unsupported value: \"flying\"" in o["message"]),
        ("a usage twice", "POST", CSRS, csr("bad", ANN, usages=("client auth", "client auth")), {}, 422,
         lambda o: "spec.usages[1]: Duplicate value: \"client auth\"" in o["message"]),
        ("too short a life", "POST", CSRS, csr("bad", ANN, expirationSeconds=599), {}, 422,
         lambda o: "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)"
         in o["message"]),
        ("a signer of no domain", "POST", CSRS, csr("bad", ANN, signer="mine"), {}, 422,
         lambda o: "spec.signerName" in o["message"]),
        ("the legacy signer", "POST", CSRS, csr("bad", ANN, signer="kubernetes.io/legacy-unknown"), {}, 422,
         lambda o: "the legacy signerName is not allowed via this API version" in o["message"]),
        ("a master's", "POST", CSRS, csr("bad", pem("/O=system:masters/CN=x")[0]), {}, 403,
         lambda o: "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed" in o["message"]),
    ])


def asked():
    """Who asks is written down by the server."""
    body = csr("asked", ANN, signer="example.com/x", username="somebody", groups=["system:masters"])
    api.obj("POST", RBAC + "/clusterrolebindings", {"metadata": {"name": "certificates-ask"}, "roleRef": {
        "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node-bootstrapper"},
        "subjects": [{"kind": "Group", "name": "askers"}]})
    api.run([
        ("by him", "POST", CSRS, body, {"who": "u", "headers": {"Impersonate-Group": "askers", "Impersonate-Extra-Scopes": "a",
         "Impersonate-Uid": "7"}}, 201, {"spec.username": "u", "spec.groups": ["askers", "system:authenticated"],
                                          "spec.uid": "7", "spec.extra": {"scopes": ["a"]}}),
        ("nothing of it changes", "PATCH", CSRS + "/asked", json.dumps({"spec": {"username": "v", "usages": ["any"]},
         "metadata": {"labels": {"a": "b"}}}), {"headers": MERGE_PATCH}, 200,
         {"spec.username": "u", "spec.usages": ["client auth"], "metadata.labels": {"a": "b"}}),
        ("nor is it approved that way", "PATCH", CSRS + "/asked", json.dumps({"status": {"conditions": [
         {"type": "Approved", "status": "True"}]}}), {"headers": MERGE_PATCH}, 200, lambda o: not get(o, "status.conditions")),
        ("found by its signer", "GET", CSRS + "?fieldSelector=spec.signerName=example.com/x", None, {}, 200,
         lambda o: [i["metadata"]["name"] for i in o["items"]] == ["asked"]),
    ])


def decided():
    bad = "CertificateSigningRequest.certificates.k8s.io \"asked\" is invalid: "
    check = lambda name, got, want, text: api.check(name, got[0] == want and text in str(got[1].get("message")), got)
    check("both at once", conditions("asked", "Approved", "Denied"), 422, "Approved and Denied conditions are mutually exclusive")
    check("not quite approved", conditions("asked", "Approved", status="False"), 422, 'status.conditions[0].status: Unsupported value: "False"')
    check("not by status", conditions("asked", "Approved", sub="status"), 422,
          'status.conditions: Forbidden: updates may not add a condition of type "Approved"')
    status, o = conditions("asked", "Approved")
    api.check("approved", status == 200 and get(o, "status.conditions.0.lastUpdateTime") and
              get(o, "status.conditions.0.lastTransitionTime"), o)
    check("for good", conditions("asked"), 422, 'status.conditions: Forbidden: updates may not remove a condition of type "Approved"')
    check("not denied after", conditions("asked", "Approved", "Denied"), 422, "mutually exclusive")
    api.check("others' signers are theirs", "certificate" not in api.obj("GET", CSRS + "/asked")[1]["status"])
    o = api.obj("GET", CSRS + "/asked")[1]
    o["status"]["certificate"] = base64.b64encode(api.kube.ca.encode()).decode()
    status, o = api.obj("PUT", CSRS + "/asked/status", o)
    api.check("they sign by status", status == 200 and get(o, "status.certificate"), o)
    o["status"]["certificate"] = base64.b64encode((api.kube.ca + api.kube.ca).encode()).decode()
    status, o = api.obj("PUT", CSRS + "/asked/status", o)
    api.check("once", status == 422 and "updates may not modify existing certificate content" in o["message"], o)
    api.run([("deleted", "DELETE", CSRS + "/asked", None, {}, 200, None)])


def allowed():
    """Approving and signing take rights for that signer."""
    api.obj("POST", RBAC + "/clusterroles", {"metadata": {"name": "certificates-approver"}, "rules": [
        {"verbs": ["get", "update"], "apiGroups": ["certificates.k8s.io"],
         "resources": ["certificatesigningrequests", "certificatesigningrequests/approval", "certificatesigningrequests/status"]},
        {"verbs": ["approve"], "apiGroups": ["certificates.k8s.io"], "resources": ["signers"], "resourceNames": ["example.com/*"]}]})
    api.obj("POST", RBAC + "/clusterrolebindings", {"metadata": {"name": "certificates-approver"}, "roleRef": {
        "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "certificates-approver"},
        "subjects": [{"kind": "User", "name": "approver"}]})
    for name, signer in (("theirs", "example.com/x"), ("ours", CLIENT)):
        api.obj("POST", CSRS, csr(name, ANN, signer=signer))
    status, o = conditions("ours", "Approved", who="approver")
    api.check("not that one", status == 403 and "user not permitted to approve requests with signerName "
              f'"{CLIENT}"' in o["message"], o)
    api.check("a domain's", conditions("theirs", "Approved", who="approver")[0] == 200)
    o = api.obj("GET", CSRS + "/theirs")[1]
    o["status"]["certificate"] = base64.b64encode(api.kube.ca.encode()).decode()
    status, o = api.obj("PUT", CSRS + "/theirs/status", o, who="approver")
    api.check("but no signing", status == 403 and 'user not permitted to sign requests with signerName "example.com/x"'
              in o["message"], o)
    for name in ("theirs", "ours"):
        api.obj("DELETE", f"{CSRS}/{name}")


def signed():
    """A client's certificate, from the request to its use."""
    api.obj("POST", CSRS, csr("ann", ANN, usages=("client auth", "digital signature"), expirationSeconds=3600))
    conditions("ann", "Approved")
    text = api.eventually("signed", lambda: get(api.obj("GET", CSRS + "/ann")[1], "status.certificate"))
    path = os.path.join(work.name, "ann.crt")
    with open(path, "wb") as f:
        f.write(base64.b64decode(text))
    show = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-text"], capture_output=True, text=True).stdout
    api.check("with its usages", "TLS Web Client Authentication" in show and "TLS Web Server" not in show and
              "Digital Signature" in show and "Key Encipherment" not in show and "CA:FALSE" in show, show)
    ends = lambda s: subprocess.run(["openssl", "x509", "-in", path, "-noout", "-checkend", str(s)], capture_output=True).returncode
    api.check("and its life", ends(3500) == 0 and ends(3700) == 1)
    tls = ssl.create_default_context(cadata=api.kube.ca)
    tls.load_cert_chain(path, ANN_KEY)
    o = api.obj("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, tls=tls)[1]
    api.check("it is ann's", get(o, "status.userInfo.username") == "ann" and
              get(o, "status.userInfo.groups") == ["dev", "ops", "system:authenticated"], o)
    api.obj("POST", CSRS, csr("serves", ANN, usages=("server auth",)))
    conditions("serves", "Approved")
    o = api.eventually("what it may not sign has failed", lambda: len(get(api.obj("GET", CSRS + "/serves")[1], "status.conditions")) == 2
                       and api.obj("GET", CSRS + "/serves")[1])
    api.check("and says why", get(o, "status.conditions.1.type") == "Failed" and
              get(o, "status.conditions.1.reason") == "SignerValidationFailure" and
              get(o, "status.conditions.1.message") == "invalid usage for client certificate: server auth", o)
    # A certificate of another authority is no name at all: not even nobody's.
    other = os.path.join(work.name, "other")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    other + ".key", "-out", other + ".crt", "-subj", "/O=system:masters/CN=x"], check=True, stderr=subprocess.DEVNULL)
    tls = ssl.create_default_context(cadata=api.kube.ca)
    tls.load_cert_chain(other + ".crt", other + ".key")
    api.check("a stranger's", api.call("GET", "/version", tls=tls)[0] == 401)
    api.obj("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "certificates"}})
    token = get(api.obj("POST", "/api/v1/namespaces/default/serviceaccounts/certificates/token", {"spec": {}})[1], "status.token")
    api.check("with a token beside it", api.call("GET", "/version", tls=tls, headers={"Authorization": "Bearer " + token})[0] == 200)
    for name in ("ann", "serves"):
        api.obj("DELETE", f"{CSRS}/{name}")


api.finish(refused, asked, decided, allowed, signed)
