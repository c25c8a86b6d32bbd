# SPDX-License-Identifier: Apache-2.0
"""Who may do what: roles and bindings, what nobody grants, nodes, and questions about all of it.

usage: authz.py KUBECONFIG
"""
import base64
import os
import ssl
import subprocess
import sys
import tempfile

from cases import Api, get, message

api = Api(sys.argv[1])
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLES, BINDINGS = RBAC + "/clusterroles", RBAC + "/clusterrolebindings"
NS = "/api/v1/namespaces/authz"
NS_ROLES, NS_BINDINGS = RBAC + "/namespaces/authz/roles", RBAC + "/namespaces/authz/rolebindings"
AUTHZ = "/apis/authorization.k8s.io/v1"
SAR, SELF = AUTHZ + "/subjectaccessreviews", AUTHZ + "/selfsubjectaccessreviews"
NETPOLS = "/apis/networking.k8s.io/v1/namespaces/authz/networkpolicies"
LOCAL = AUTHZ + "/namespaces/authz/localsubjectaccessreviews"
GROUP = "rbac.authorization.k8s.io"


def rule(verbs, resources="", groups="", names="", urls=""):
    parts = {"verbs": verbs.split(","), "apiGroups": groups.split(",") if resources else None,
             "resources": resources.split(",") if resources else None, "resourceNames": names.split(",") if names else None,
             "nonResourceURLs": urls.split(",") if urls else None}
    return {k: v for k, v in parts.items() if v is not None}


def role(name, *rules, **meta):
    return {"metadata": {"name": name, **meta}, "rules": list(rules)}


def binding(name, role_name, *subjects, kind="ClusterRole"):
    return {"metadata": {"name": name}, "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role_name},
            "subjects": [dict(zip(("kind", "name", "namespace"), s.split(":"))) for s in subjects]}


def allowed(user, verb, resource, groups=(), **more):
    """The status of a SubjectAccessReview."""
    attributes = {"verb": verb, "resource": resource, **more}
    return get(api.obj("POST", SAR, {"spec": {"user": user, "groups": list(groups), "resourceAttributes": attributes}})[1], "status")


def prepare():
    api.run([
        ("namespace", "POST", "/api/v1/namespaces", {"metadata": {"name": "authz"}}, {}, 201, None),
        ("account", "POST", NS + "/serviceaccounts", {"metadata": {"name": "robot"}}, {}, 201, None),
    ])


def rules():
    """What a rule means."""
    grants = [rule("get", "pods/log,services"), rule("get,create,deletecollection", "secrets", names="mine"),
              rule("update", "*/scale", "*"), rule("get", urls="/logs/*,/version"), rule("*", "widgets", "*")]
    api.run([
        ("role", "POST", ROLES, role("authz-rules", *grants), {}, 201, None),
        ("bound to a user", "POST", BINDINGS, binding("authz-rules", "authz-rules", "User:ann"), {}, 201, None),
    ])
    for want, verb, resource, more in (
            (True, "get", "services", {}), (False, "get", "pods", {}), (True, "get", "pods", {"subresource": "log"}),
            (False, "list", "services", {}), (True, "get", "secrets", {"name": "mine"}),
            (False, "get", "secrets", {"name": "other"}), (False, "get", "secrets", {}),
            # The name is not known when an object is made.
            (False, "create", "secrets", {}), (False, "deletecollection", "secrets", {}),
            (True, "update", "deployments", {"subresource": "scale", "group": "apps"}),
            (False, "update", "deployments", {"group": "apps"}), (False, "get", "services", {"group": "apps"}),
            (True, "anything", "widgets", {"group": "example.com"}), (False, "get", "*", {}), (True, "*", "widgets", {"group": "*"})):
        got = allowed("ann", verb, resource, **more)
        api.check(f"{verb} {resource} {more}", got["allowed"] is want, got)
    for want, path in ((True, "/logs/x/y"), (True, "/logs/"), (False, "/logs"), (True, "/version"), (False, "/version/"),
                       (False, "/healthz")):
        got = api.obj("POST", SAR, {"spec": {"user": "ann", "nonResourceAttributes": {"path": path, "verb": "get"}}})[1]
        api.check(f"get {path}", get(got, "status.allowed") is want, got)


def reasons():
    """Why, in upstream's words."""
    api.run([
        ("role here", "POST", NS_ROLES, role("reader", rule("get", "pods")), {}, 201, None),
        ("bound here", "POST", NS_BINDINGS, binding("b", "reader", "User:bob", "ServiceAccount:robot:authz", "Group:team", kind="Role"), {}, 201, None),
        ("bound to no role", "POST", NS_BINDINGS, binding("dangling", "nothing", "User:bob"), {}, 201, None),
    ])
    sa = "system:serviceaccount:authz:robot"
    for user, groups, want in (
            ("bob", (), 'RBAC: allowed by RoleBinding "b/authz" of Role "reader" to User "bob"'),
            ("x", ("team",), 'RBAC: allowed by RoleBinding "b/authz" of Role "reader" to Group "team"'),
            (sa, (), 'RBAC: allowed by RoleBinding "b/authz" of Role "reader" to ServiceAccount "robot/authz"'),
            ("x", ("system:masters",), None)):
        got = allowed(user, "get", "pods", groups, namespace="authz")
        api.check(f"why {user} {groups}", got == {"allowed": True, **({"reason": want} if want else {})}, got)
    got = allowed("ann", "get", "services")
    api.check("by a ClusterRoleBinding", got["reason"] ==
              'RBAC: allowed by ClusterRoleBinding "authz-rules" of ClusterRole "authz-rules" to User "ann"', got)
    got = allowed("bob", "list", "pods", namespace="authz")
    api.check("why not", got == {"allowed": False, "reason": f'RBAC: clusterrole.{GROUP} "nothing" not found'}, got)
    api.run([("refused in the same words", "GET", NS + "/pods", None, {"who": "bob"}, 403, message("Forbidden",
             'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "authz": '
             f'RBAC: clusterrole.{GROUP} "nothing" not found'))])
    got = allowed("bob", "get", "pods", namespace="default")
    api.check("not elsewhere", got == {"allowed": False}, got)


def reviews():
    """Questions that are not well put, and the others."""
    kind = '.authorization.k8s.io "" is invalid: '
    res = {"verb": "get", "resource": "pods"}
    sel = lambda **s: {"spec": {"user": "u", "resourceAttributes": {**res, "fieldSelector": s}}}
    f = "spec.resourceAttributes.fieldSelector."
    api.run([
        ("nothing asked", "POST", SAR, {"spec": {"user": "u"}}, {}, 422, message("Invalid", kind +
         "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified")),
        ("both asked", "POST", SELF, {"spec": {"resourceAttributes": res, "nonResourceAttributes": {"path": "/"}}}, {}, 422,
         lambda o: "spec.nonResourceAttributes: Invalid value" in o["message"] and
         "cannot be specified in combination with resourceAttributes" in o["message"]),
        ("about nobody", "POST", SAR, {"spec": {"resourceAttributes": res}}, {}, 422, message("Invalid", kind +
         'spec.user: Invalid value: "": at least one of user or group must be specified')),
        ("with metadata", "POST", SELF, {"metadata": {"labels": {"a": "b"}}, "spec": {"resourceAttributes": res}}, {}, 422,
         lambda o: "metadata: Invalid value" in o["message"] and "must be empty" in o["message"]),
        ("two selectors", "POST", SAR, sel(rawSelector="a=b", requirements=[{"key": "a", "operator": "Exists"}]), {}, 422,
         message("Invalid", kind + f + 'rawSelector: Invalid value: "a=b": may not specified at the same time as requirements')),
        ("an empty selector", "POST", SAR, sel(), {}, 422, message("Invalid", kind + f + "requirements: Required value: when "
         "spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required")),
        ("In nothing", "POST", SAR, sel(requirements=[{"key": "a", "operator": "In"}]), {}, 422, message("Invalid", kind + f +
         "requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'")),
        ("Exists with values", "POST", SAR, sel(requirements=[{"key": "a", "operator": "Exists", "values": ["x"]}]), {}, 422,
         message("Invalid", kind + f + "requirements[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'")),
        ("no key", "POST", SAR, sel(requirements=[{"key": "", "operator": "Exists"}]), {}, 422, message("Invalid", kind + f +
         "requirements[0].key: Required value: must be specified")),
        ("a newer operator", "POST", SAR, sel(requirements=[{"key": "a", "operator": "Newer", "values": ["x"]}]), {}, 201,
         {"status.allowed": False}),
        ("local", "POST", LOCAL, {"spec": {"user": "bob", "resourceAttributes": {**res, "namespace": "authz"}}}, {}, 201,
         {"status.allowed": True, "metadata.namespace": "authz"}),
        ("local, elsewhere", "POST", LOCAL, {"spec": {"user": "bob", "resourceAttributes": {**res, "namespace": "default"}}}, {}, 422,
         message("Invalid", kind + 'spec.resourceAttributes.namespace: Invalid value: "default": must match metadata.namespace')),
        ("local, of a path", "POST", LOCAL, {"spec": {"user": "bob", "nonResourceAttributes": {"path": "/", "verb": "get"}}}, {}, 422,
         lambda o: "disallowed on this kind of request" in o["message"]),
        ("local, another namespace", "POST", LOCAL, {"metadata": {"namespace": "default"}, "spec": {"user": "bob",
         "resourceAttributes": {**res, "namespace": "authz"}}}, {}, 400, None),
        ("may I", "POST", SELF, {"spec": {"resourceAttributes": {**res, "namespace": "authz"}}}, {"who": "bob"}, 201,
         {"status.allowed": True}),
        ("what may I: where", "POST", AUTHZ + "/selfsubjectrulesreviews", {"spec": {}}, {"who": "bob"}, 400,
         message("BadRequest", "no namespace on request")),
        ("what may I", "POST", AUTHZ + "/selfsubjectrulesreviews", {"spec": {"namespace": "authz"}}, {"who": "bob"}, 201,
         lambda o: {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]} in o["status"]["resourceRules"] and
         o["status"]["incomplete"] is False and "nothing" in o["status"]["evaluationError"] and
         any("/healthz" in r["nonResourceURLs"] for r in o["status"]["nonResourceRules"])),
    ])


def escalation():
    """Nobody grants what he does not hold."""
    api.run([
        ("a role for roles", "POST", NS_ROLES, role("granter", rule("create,update", "roles,rolebindings", GROUP), rule("get", "pods")),
         {}, 201, None),
        ("bound", "POST", NS_BINDINGS, binding("granter", "granter", "User:carl", kind="Role"), {}, 201, None),
    ])
    carl = {"who": "carl"}
    head = f'%s.{GROUP} "%s" is forbidden: user "carl" (groups=["system:authenticated"]) is attempting to grant RBAC permissions ' \
           'not currently held:\n'
    over = role("r", rule("list,get", "secrets,pods"), rule("get", "services", names="a,b"))
    want = '{APIGroups:[""], Resources:["pods"], Verbs:["list"]}\n' \
           '{APIGroups:[""], Resources:["secrets"], Verbs:["list" "get"]}\n' \
           '{APIGroups:[""], Resources:["services"], ResourceNames:["a"], Verbs:["get"]}\n' \
           '{APIGroups:[""], Resources:["services"], ResourceNames:["b"], Verbs:["get"]}'
    api.run([
        ("what he has", "POST", NS_ROLES, role("ok", rule("get", "pods", names="x")), carl, 201, None),
        ("what he has not", "POST", NS_ROLES, over, carl, 403, message("Forbidden", head % ("roles", "r") + want)),
        ("a change to it", "PUT", NS_ROLES + "/ok", role("ok", rule("get", "secrets")), carl, 403,
         lambda o: '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}' in o["message"]),
        ("a change to nothing", "PUT", NS_ROLES + "/ok", role("ok", rule("get", "pods", names="x"), labels={"a": "b"}), carl, 200, None),
        ("bound to what he has", "POST", NS_BINDINGS, binding("ok", "ok", "User:dora", kind="Role"), carl, 201, None),
        ("bound to more", "POST", NS_BINDINGS, binding("more", "view", "User:dora"), carl, 403,
         lambda o: o["message"].startswith(head % ("rolebindings", "more") + "{")),
        ("bound to what is not there", "POST", NS_BINDINGS, binding("none", "nope", "User:dora", kind="Role"), carl, 404,
         message("NotFound", f'roles.{GROUP} "nope" not found')),
        ("may bind that one", "POST", NS_ROLES, role("binder", rule("bind", "clusterroles", GROUP, names="view")), {}, 201, None),
        ("given", "POST", NS_BINDINGS, binding("binder", "binder", "User:carl", kind="Role"), {}, 201, None),
        ("so he may", "POST", NS_BINDINGS, binding("more", "view", "User:dora"), carl, 201, None),
        ("that one only", "POST", NS_BINDINGS, binding("most", "edit", "User:dora"), carl, 403, None),
        ("may escalate", "POST", NS_ROLES, role("escalator", rule("escalate", "roles", GROUP)), {}, 201, None),
        ("given that", "POST", NS_BINDINGS, binding("escalator", "escalator", "User:carl", kind="Role"), {}, 201, None),
        ("so he may anything", "POST", NS_ROLES, over, carl, 201, None),
        ("a role reference stays", "PUT", NS_BINDINGS + "/ok", binding("ok", "reader", "User:dora", kind="Role"), {}, 422,
         lambda o: "cannot change roleRef" in o["message"]),
        ("roles for all", "POST", ROLES, role("authz-cluster-granter", rule("create", "clusterroles", GROUP)),
         {}, 201, None),
        ("bound for all", "POST", BINDINGS, binding("authz-cluster-granter", "authz-cluster-granter", "User:emil"), {}, 201, None),
    ])
    big = role("big", *[rule(",".join(f"v{i}" for i in range(100)), ",".join(f"r{i}" for i in range(100)),
                             ",".join(f"g{i}" for i in range(100)))])
    api.run([("more than can be compared", "POST", NS_ROLES, big, {"who": "carl", "headers": {"X": "y"}}, 201, None)])
    api.obj("DELETE", NS_BINDINGS + "/escalator")
    big["metadata"]["name"] = "bigger"
    api.run([("more than can be compared, by whom it matters", "POST", NS_ROLES, big, carl, 403,
              lambda o: "divide them over several roles" in o["message"])])


def aggregation():
    label = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    ann = lambda: allowed("fay", "get", "gadgets", namespace="authz", group="example.com")["allowed"]
    api.run([
        ("bound to view", "POST", NS_BINDINGS, binding("fay", "view", "User:fay"), {}, 201, None),
        ("labelled into view", "POST", ROLES, role("authz-gadgets", rule("get", "gadgets", "example.com"), labels=label), {}, 201, None),
    ])
    api.eventually("view has it", ann)
    has = lambda name: any("gadgets" in r.get("resources", []) for r in get(api.obj("GET", ROLES + "/" + name)[1], "rules"))
    for name in ("view", "edit", "admin"):
        api.eventually(f"{name} says so", lambda: has(name))
    api.obj("DELETE", ROLES + "/authz-gadgets")
    api.eventually("and no more", lambda: not ann() and not has("admin"))
    api.run([("an aggregation takes all rights", "POST", ROLES, {"metadata": {"name": "authz-all"}, "aggregationRule": {
        "clusterRoleSelectors": [{"matchLabels": {"x": "y"}}]}}, {"who": "emil"}, 403, message("Forbidden",
        f'clusterroles.{GROUP} "authz-all" is forbidden: must have cluster-admin privileges to use an aggregationRule'))])


def bootstrap():
    """The roles that every cloud has."""
    o = api.obj("GET", ROLES + "?labelSelector=kubernetes.io/bootstrapping=rbac-defaults")[1]
    names = {i["metadata"]["name"] for i in o["items"]}
    api.check("roles", len(names) > 60 and {"cluster-admin", "admin", "edit", "view", "system:node", "system:discovery",
              "system:controller:certificate-controller"} <= names, sorted(names))
    api.check("kept up to date", all(get(i, "metadata.annotations") == {"rbac.authorization.kubernetes.io/autoupdate": "true"}
              for i in o["items"]))
    o = api.obj("GET", BINDINGS + "/system:node")[1]
    api.check("nodes are the Node authorizer's", "subjects" not in o, o)


def node_tls(name):
    """TLS as the node's agent speaks it: a certificate by a request of its own, approved."""
    csr = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    with tempfile.TemporaryDirectory() as d:
        key, req, crt = (os.path.join(d, n) for n in ("key", "req", "crt"))
        subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                        "-out", req, "-subj", f"/O=system:nodes/CN=system:node:{name}"], check=True, stderr=subprocess.DEVNULL)
        with open(req, "rb") as f:
            body = {"metadata": {"name": name}, "spec": {"request": base64.b64encode(f.read()).decode(),
                    "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
                    "usages": ["digital signature", "client auth"]}}
        status, o = api.obj("POST", csr, body)
        o["status"] = {"conditions": [{"type": "Approved", "status": "True", "reason": "Test"}]}
        api.obj("PUT", f"{csr}/{name}/approval", o)
        cert = api.eventually("a node's certificate", lambda: get(api.obj("GET", f"{csr}/{name}")[1], "status.certificate"))
        with open(crt, "wb") as f:
            f.write(base64.b64decode(cert))
        tls = ssl.create_default_context(cadata=api.kube.ca)
        tls.load_cert_chain(crt, key)
        return tls


def nodes():
    """A node reads what its pods refer to, and what bears its name."""
    me, pods = {"tls": node_tls("n1")}, NS + "/pods"
    pod = {"metadata": {"name": "p"}, "spec": {
        "nodeName": "n1", "serviceAccountName": "robot", "containers": [{"name": "c", "image": "x", "env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "in-env", "key": "k"}}}],
            "envFrom": [{"configMapRef": {"name": "from"}}]}],
        "imagePullSecrets": [{"name": "pull"}],
        "volumes": [{"name": "v", "secret": {"secretName": "vol"}}, {"name": "w", "projected": {"sources": [{"configMap": {"name": "proj"}}]}},
                    {"name": "x", "persistentVolumeClaim": {"claimName": "claim"}}]}}
    for plural, names in (("secrets", ("in-env", "pull", "vol", "other", "csi")), ("configmaps", ("from", "proj", "other"))):
        for n in names:
            api.obj("POST", f"{NS}/{plural}", {"metadata": {"name": n}})
    claim = {"metadata": {"name": "claim"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    pv = {"metadata": {"name": "authz-pv"}, "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "claimRef": {
          "namespace": "authz", "name": "claim"}, "csi": {"driver": "d", "volumeHandle": "h", "nodeStageSecretRef": {"name": "csi", "namespace": "authz"}}}}
    api.run([
        ("claim", "POST", NS + "/persistentvolumeclaims", claim, {}, 201, None),
        ("volume", "POST", "/api/v1/persistentvolumes", pv, {}, 201, None),
        ("no pod yet", "GET", NS + "/secrets/vol", None, me, 403, message("Forbidden",
         'secrets "vol" is forbidden: User "system:node:n1" cannot get resource "secrets" in API group "" in the namespace "authz": '
         "no relationship found between node 'n1' and this object")),
        ("a pod on it", "POST", pods, pod, {}, 201, None),
        ("a pod elsewhere", "POST", pods, {"metadata": {"name": "q"}, "spec": {"nodeName": "n2", "containers": [{"name": "c", "image": "x"}]}}, {}, 201, None),
    ])
    read = [(200, f"{NS}/secrets/{n}") for n in ("in-env", "pull", "vol", "csi")] + [(200, f"{NS}/configmaps/{n}") for n in ("from", "proj")]
    read += [(200, NS + "/persistentvolumeclaims/claim"), (200, "/api/v1/persistentvolumes/authz-pv"), (200, NS + "/pods/p"),
             (200, NS + "/secrets?fieldSelector=metadata.name=vol"), (200, "/api/v1/pods?fieldSelector=spec.nodeName=n1"),
             (200, NS + "/serviceaccounts/robot"), (200, "/api/v1/services"), (200, "/apis/discovery.k8s.io/v1/endpointslices"),
             (404, "/api/v1/nodes/n1"), (403, "/api/v1/nodes/n2"), (403, NS + "/secrets/other"), (403, NS + "/configmaps/other"),
             (403, NS + "/secrets"), (403, "/api/v1/secrets"), (403, NS + "/pods/q"), (403, "/api/v1/pods"),
             (403, "/api/v1/pods?fieldSelector=spec.nodeName=n2"), (403, "/api/v1/pods?fieldSelector=spec.nodeName!=n1"),
             (403, NS + "/serviceaccounts/default"), (403, NS + "/persistentvolumeclaims"), (403, ROLES),
             (403, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n2"),
             (404, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"),
             (403, "/apis/resource.k8s.io/v1/resourceslices"), (200, "/apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName=n1"),
             (404, "/apis/storage.k8s.io/v1/csinodes/n1"), (403, "/apis/storage.k8s.io/v1/csinodes/n2")]
    # sampan:agent: the way to the pods of others, and who may talk to whom
    read += [(200, "/api/v1/nodes"), (200, "/api/v1/namespaces"), (200, "/apis/networking.k8s.io/v1/networkpolicies"), (200, "/apis/networking.k8s.io/v1/servicecidrs"),
             (403, "/api/v1/namespaces/authz")]
    for want, path in read:
        status, o = api.obj("GET", path, **me)
        api.check(f"a node reads {path}", status == want, f"{status} {o}")
    token = lambda sa: api.obj("POST", f"{NS}/serviceaccounts/{sa}/token", {"spec": {"boundObjectRef": {
        "kind": "Pod", "apiVersion": "v1", "name": "p", "uid": get(api.obj("GET", pods + "/p")[1], "metadata.uid")}}}, **me)[0]
    api.check("a token for its pod's account", token("robot") == 201)
    api.check("for no other", token("default") == 403)
    got = api.obj("POST", AUTHZ + "/selfsubjectrulesreviews", {"spec": {"namespace": "authz"}}, **me)[1]
    api.check("what a node may is not listed", get(got, "status.incomplete") is True and get(got, "status.evaluationError") ==
              "node authorizer does not support user rule resolution", got)
    raw = {"verb": "list", "resource": "pods", "fieldSelector": {"requirements": [{"key": "spec.nodeName", "operator": "In", "values": ["n1"]}]}}
    api.check("asked with a selector", allowed("system:node:n1", groups=["system:nodes"], **raw)["allowed"] is True)
    raw["fieldSelector"] = {"rawSelector": "spec.nodeName=n2"}
    got = allowed("system:node:n1", groups=["system:nodes"], **raw)
    api.check("asked with another", got == {"allowed": False, "reason": "can only list/watch pods with spec.nodeName field selector"}, got)
    api.obj("POST", NETPOLS, {"metadata": {"name": "np"}, "spec": {"podSelector": {}}})
    for want, path in ((200, "/api/v1/pods"), (200, "/api/v1/pods?fieldSelector=spec.nodeName!=n1"), (403, NS + "/pods/q"),
                       (403, "/api/v1/pods?fieldSelector=metadata.name=q")):
        api.check(f"with policies about, {path}", api.call("GET", path, **me)[0] == want)
    api.obj("DELETE", NETPOLS + "/np")
    api.check("and without them, again", api.call("GET", "/api/v1/pods", **me)[0] == 403)
    api.obj("DELETE", pods + "/p?gracePeriodSeconds=0")
    api.check("no more when the pod is gone", api.call("GET", NS + "/secrets/vol", **me)[0] == 403)


api.finish(prepare, rules, reasons, reviews, escalation, aggregation, bootstrap, nodes)
