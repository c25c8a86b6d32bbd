# SPDX-License-Identifier: Apache-2.0
"""Who asks: tokens of service accounts and of machines that join, impersonation, nobody.

usage: authn.py KUBECONFIG
"""
import base64
import json
import sys
import time

from cases import Api, get, message

api = Api(sys.argv[1])
NS = "/api/v1/namespaces/authn"
SA = NS + "/serviceaccounts"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
ISSUER = "https://kubernetes.default.svc.cluster.local"
NODES = "/api/v1/nodes"


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def request(path=SA + "/robot/token", **spec):
    return api.obj("POST", path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})


def token(**spec):
    return get(request(**spec)[1], "status.token")


def review(value, *audiences):
    return api.obj("POST", REVIEWS, {"spec": {"token": value, "audiences": list(audiences)}})[1]


def pod(name, **spec):
    return {"metadata": {"name": name}, "spec": {"serviceAccountName": "robot",
            "containers": [{"name": "c", "image": "x"}], **spec}}


def prepare():
    api.run([
        ("namespace", "POST", "/api/v1/namespaces", {"metadata": {"name": "authn"}}, {}, 201, None),
        ("account", "POST", SA, {"metadata": {"name": "robot"}}, {}, 201, None),
        ("node", "POST", NODES, {"metadata": {"name": "authn-node"}}, {}, 201, None),
        ("pod", "POST", NS + "/pods", pod("p", nodeName="authn-node"), {}, 201, None),
        ("pod of another account", "POST", NS + "/pods", pod("q", serviceAccountName="default"), {}, 201, None),
        ("secret", "POST", NS + "/secrets", {"metadata": {"name": "s"}}, {}, 201, None),
    ])


def requests():
    """TokenRequest: what is asked for and refused."""
    status, o = request()
    c = claims(o["status"]["token"])
    api.check("a token", status == 201 and o["kind"] == "TokenRequest", o)
    api.check("its claims", c["iss"] == ISSUER and c["aud"] == [ISSUER] and c["exp"] - c["iat"] == 3600 and
              c["sub"] == "system:serviceaccount:authn:robot" and c["nbf"] == c["iat"] and len(c["jti"]) == 36 and
              c["kubernetes.io"]["namespace"] == "authn" and set(c["kubernetes.io"]) == {"namespace", "serviceaccount"}, c)
    api.check("defaults are told", get(o, "spec.audiences") == [ISSUER] and get(o, "spec.expirationSeconds") == 3600 and
              get(o, "metadata.name") == "robot" and get(o, "metadata.creationTimestamp"), o)
    uid = get(api.obj("GET", NS + "/pods/p")[1], "metadata.uid")
    o = request(boundObjectRef={"kind": "Pod", "apiVersion": "v1", "name": "p"}, expirationSeconds=3607)[1]
    c = claims(o["status"]["token"])
    api.check("bound to a pod", c["kubernetes.io"]["pod"] == {"name": "p", "uid": uid} and
              c["kubernetes.io"]["node"]["name"] == "authn-node" and c["kubernetes.io"]["node"]["uid"], c)
    api.check("the projected one lives a year", c["exp"] - c["iat"] == 365 * 86400 and
              c["kubernetes.io"]["warnafter"] == c["iat"] + 3607, c)
    o = request(boundObjectRef={"kind": "Pod", "apiVersion": "v1", "name": "p"}, expirationSeconds=3607, audiences=["vault"])[1]
    api.check("but not for others", claims(o["status"]["token"])["exp"] - claims(o["status"]["token"])["iat"] == 3607, o)
    t = SA + "/robot/token"
    body = lambda **spec: {"spec": spec}
    ref = lambda **r: body(boundObjectRef=r)
    api.run([
        ("too short", "POST", t, body(expirationSeconds=599), {}, 422, message("Invalid",
         'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: '
         'may not specify a duration less than 10 minutes')),
        ("too long", "POST", t, body(expirationSeconds=2**32 + 1), {}, 422, message("Invalid",
         'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 4294967297: '
         'may not specify a duration larger than 2^32 seconds')),
        ("another name", "POST", t, {"metadata": {"name": "x"}, "spec": {}}, {}, 422, message("Invalid",
         'TokenRequest.authentication.k8s.io "robot" is invalid: metadata.name: Invalid value: "x": '
         'must match the service account name if specified')),
        ("no such account", "POST", SA + "/nobody/token", body(), {}, 404, message("NotFound",
         'serviceaccounts "nobody" not found')),
        ("no such pod", "POST", t, ref(kind="Pod", apiVersion="v1", name="x"), {}, 404, message("NotFound",
         'pods "x" not found')),
        ("no such node", "POST", t, ref(kind="Node", apiVersion="v1", name="x"), {}, 404, message("NotFound",
         'nodes "x" not found')),
        ("another's pod", "POST", t, ref(kind="Pod", apiVersion="v1", name="q"), {}, 400, message("BadRequest",
         'cannot bind token for serviceaccount "robot" to pod running with different serviceaccount name.')),
        ("a kind that is not bound to", "POST", t, ref(kind="ConfigMap", apiVersion="v1", name="x"), {}, 400,
         message("BadRequest", "cannot bind token to object of type /v1, Kind=ConfigMap")),
        ("a kind of a group", "POST", t, ref(kind="Pod", apiVersion="apps/v1", name="p"), {}, 400,
         message("BadRequest", "cannot bind token to object of type apps/v1, Kind=Pod")),
        ("another uid", "POST", t, ref(kind="Pod", apiVersion="v1", name="p", uid="other"), {}, 409, message("Conflict",
         'Operation cannot be fulfilled on Pod "p": the UID in the bound object reference (other) does not match the '
         'UID in record. The object might have been deleted and then recreated')),
    ])


def reviews():
    """TokenReview, and tokens that ended with what they were bound to."""
    plain = token()
    o = review(plain)
    api.check("known", get(o, "status.authenticated") is True and get(o, "status.audiences") == [ISSUER], o)
    api.check("as whom", get(o, "status.user.username") == "system:serviceaccount:authn:robot" and
              get(o, "status.user.groups") == ["system:serviceaccounts", "system:serviceaccounts:authn", "system:authenticated"],
              o)
    extra = get(o, "status.user.extra") or {}
    api.check("by what", extra.get("authentication.kubernetes.io/credential-id") == ["JTI=" + claims(plain)["jti"]], extra)
    two = token(audiences=["a", "b"])
    api.check("audiences meet", get(review(two, "b", "c"), "status.audiences") == ["b"], review(two, "b", "c"))
    o = review(two)
    api.check("or do not", not get(o, "status.authenticated") and get(o, "status.error") ==
              f'[invalid bearer token, token audiences ["a" "b"] is invalid for the target audiences ["{ISSUER}"]]', o)
    api.check("nor at the door", api.call("GET", "/api", token=two)[0] == 401)
    for name, junk in (("junk", "x"), ("three parts", "a.b.c"), ("no signature", plain.rsplit(".", 1)[0] + "."),
                       ("none", ".".join(["eyJhbGciOiJub25lIn0", plain.split(".")[1], ""]))):
        o = review(junk)
        api.check(f"{name} is not", not get(o, "status.authenticated") and "invalid bearer token" in get(o, "status.error"), o)
        api.check(f"{name} at the door", api.call("GET", "/version", token=junk)[0] == 401)
    api.run([
        ("no token", "POST", REVIEWS, {"spec": {}}, {}, 400, message("BadRequest",
         "token is required for TokenReview in authentication")),
        ("in a namespace", "POST", REVIEWS, {"metadata": {"namespace": "x"}, "spec": {"token": "x"}}, {}, 400,
         message("BadRequest", "namespace is not allowed on this type: x")),
    ])
    refs = {k: token(boundObjectRef={"kind": k, "apiVersion": "v1", "name": n})
            for k, n in (("Pod", "p"), ("Secret", "s"), ("Node", "authn-node"))}
    o = review(refs["Pod"])
    extra = get(o, "status.user.extra") or {}
    api.check("a pod's token names pod and node", extra.get("authentication.kubernetes.io/pod-name") == ["p"] and
              extra.get("authentication.kubernetes.io/node-name") == ["authn-node"] and
              extra.get("authentication.kubernetes.io/node-uid") and extra.get("authentication.kubernetes.io/pod-uid"), o)
    api.obj("DELETE", NODES + "/authn-node")
    api.check("a pod's token outlives its node's object", get(review(refs["Pod"]), "status.authenticated") is True)
    api.obj("DELETE", NS + "/pods/p?gracePeriodSeconds=0")
    api.obj("DELETE", NS + "/secrets/s")
    for kind, value in refs.items():
        o = review(value)
        api.check(f"ended with its {kind}", get(o, "status.error") ==
                  "[invalid bearer token, service account token has been invalidated]", o)
    api.obj("DELETE", SA + "/robot")
    o = review(plain)
    api.check("ended with its account", get(o, "status.error") == '[invalid bearer token, serviceaccounts "robot" not found]', o)
    api.obj("POST", SA, {"metadata": {"name": "robot"}})
    o = review(plain)
    api.check("and is not another's of that name", "does not match claim" in (get(o, "status.error") or ""), o)


def discovery():
    """OpenID: any service account finds the keys."""
    t = token()
    status, headers, data = api.call("GET", "/.well-known/openid-configuration", token=t)
    o = json.loads(data)
    api.check("configuration", status == 200 and o["issuer"] == ISSUER and o["jwks_uri"].endswith("/openid/v1/jwks") and
              o["response_types_supported"] == ["id_token"] and o["subject_types_supported"] == ["public"] and
              o["id_token_signing_alg_values_supported"] == ["RS256"], o)
    api.check("may be kept", headers.get("cache-control") == "public, max-age=3600", headers)
    status, headers, data = api.call("GET", "/openid/v1/jwks", token=t)
    key = json.loads(data)["keys"][0]
    head = json.loads(base64.urlsafe_b64decode(t.split(".")[0] + "=="))
    api.check("keys", status == 200 and headers["content-type"] == "application/jwk-set+json" and key["kid"] == head["kid"] and
              key["kty"] == "RSA" and key["alg"] == "RS256" and key["use"] == "sig", data)
    api.check("not for everybody", api.call("GET", "/openid/v1/jwks", who="anonymous")[0] == 403)


def anonymous():
    for path, want in (("/healthz", 200), ("/livez", 200), ("/readyz", 200), ("/version", 200), ("/api", 403),
                       ("/apis", 403), ("/openapi/v2", 403), ("/metrics", 403), ("/livez/ping", 403)):
        api.check(f"nobody: {path}", api.call("GET", path, who="anonymous")[0] == want)
    api.run([
        ("nobody has a name", "GET", "/api/v1/nodes", None, {"who": "anonymous"}, 403, message("Forbidden",
         'nodes is forbidden: User "system:anonymous" cannot list resource "nodes" in API group "" at the cluster scope')),
        ("a scheme that is not bearer is nobody's", "GET", "/version", None,
         {"who": "anonymous", "headers": {"Authorization": "Basic eDp5"}}, 200, None),
    ])


def who(headers=None, **kw):
    return api.obj("POST", SELF, {}, headers=headers, **kw)


def impersonation():
    as_ = lambda **h: {k.replace("_", "-"): v for k, v in h.items()}
    info = lambda status_o: get(status_o[1], "status.userInfo")
    me = info(who())
    api.check("a certificate", me["username"] == "admin" and me["groups"] == ["system:masters", "system:authenticated"] and
              me["extra"]["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256="), me)
    rows = [
        ("a user", as_(Impersonate_User="u"), {"username": "u", "groups": ["system:authenticated"]}),
        ("groups", as_(Impersonate_User="u", Impersonate_Group="g"), {"username": "u", "groups": ["g", "system:authenticated"]}),
        ("a uid", as_(Impersonate_User="u", Impersonate_Uid="42"),
         {"username": "u", "uid": "42", "groups": ["system:authenticated"]}),
        ("extra values", as_(Impersonate_User="u", **{"Impersonate-Extra-Acme.com%2fProject": "x"}),
         {"username": "u", "groups": ["system:authenticated"], "extra": {"acme.com/project": ["x"]}}),
        ("a service account", as_(Impersonate_User="system:serviceaccount:authn:robot"),
         {"username": "system:serviceaccount:authn:robot",
          "groups": ["system:serviceaccounts", "system:serviceaccounts:authn", "system:authenticated"]}),
        ("a service account with groups", as_(Impersonate_User="system:serviceaccount:authn:robot", Impersonate_Group="g"),
         {"username": "system:serviceaccount:authn:robot", "groups": ["g", "system:authenticated"]}),
    ]
    for name, headers, want in rows:
        got = who(headers)
        api.check(f"impersonated: {name}", info(got) == want, got)
    # Without system:authenticated nobody may ask who he is.
    for name, h in (("nobody", as_(Impersonate_User="system:anonymous")),
                    ("a group that says it", as_(Impersonate_User="u", Impersonate_Group="system:unauthenticated"))):
        api.check(f"impersonated: {name}", who(h)[0] == 403 and api.call("GET", "/version", headers=h)[0] == 200)
    status, _, data = api.call("GET", "/api/v1/nodes?x=y", headers=as_(Impersonate_Group="foo", Impersonate_Uid="7"))
    api.check("without a user", status == 500 and data == b'Internal Server Error: "/api/v1/nodes?x=y": requested '
              b'[{Group  foo    } {UID  7  authentication.k8s.io/v1  }] without impersonating a user\n', data)
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    api.obj("POST", rbac + "/clusterroles", {"metadata": {"name": "authn-actor"}, "rules": [
        {"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"], "resourceNames": ["u"]},
        {"verbs": ["impersonate"], "apiGroups": [""], "resources": ["groups"], "resourceNames": ["g"]},
        {"verbs": ["impersonate"], "apiGroups": ["authentication.k8s.io"], "resources": ["userextras/scopes"],
         "resourceNames": ["view"]}]})
    api.obj("POST", rbac + "/clusterrolebindings", {"metadata": {"name": "authn-actor"}, "roleRef": {
        "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "authn-actor"},
        "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": "authn"}]})
    t = token()
    api.check("allowed ones", info(who(as_(Impersonate_User="u", Impersonate_Group="g", **{"Impersonate-Extra-Scopes": "view"}),
              token=t)) == {"username": "u", "groups": ["g", "system:authenticated"], "extra": {"scopes": ["view"]}})
    me = 'User "system:serviceaccount:authn:robot" cannot impersonate resource '
    tail = 'in API group "%s" at the cluster scope'
    ask = ("POST", SELF, {})
    api.run([
        ("another user", *ask, {"token": t, "headers": as_(Impersonate_User="v")}, 403,
         message("Forbidden", f'users "v" is forbidden: {me}"users" {tail % ""}')),
        ("another group", *ask, {"token": t, "headers": as_(Impersonate_User="u", Impersonate_Group="h")}, 403,
         message("Forbidden", f'groups "h" is forbidden: {me}"groups" {tail % ""}')),
        ("a uid", *ask, {"token": t, "headers": as_(Impersonate_User="u", Impersonate_Uid="1")}, 403,
         message("Forbidden", f'uids.authentication.k8s.io "1" is forbidden: {me}"uids" {tail % "authentication.k8s.io"}')),
        ("another value", *ask, {"token": t, "headers": as_(Impersonate_User="u", **{"Impersonate-Extra-Scopes": "all"})}, 403,
         message("Forbidden", 'userextras.authentication.k8s.io "all" is forbidden: '
                 f'{me}"userextras/scopes" {tail % "authentication.k8s.io"}')),
        ("an account", *ask, {"token": t, "headers": as_(Impersonate_User="system:serviceaccount:authn:x")}, 403,
         message("Forbidden", f'serviceaccounts "x" is forbidden: {me}"serviceaccounts" '
                 'in API group "" in the namespace "authn"')),
    ])


def secrets():
    """A Secret that names an account gets a token of it, for as long as both are there."""
    path, name = NS + "/secrets", "kubernetes.io/service-account.name"
    body = lambda n, sa: {"metadata": {"name": n, "annotations": {name: sa}}, "type": "kubernetes.io/service-account-token"}
    api.obj("POST", SA, {"metadata": {"name": "keeper"}})
    uid = get(api.obj("GET", SA + "/keeper")[1], "metadata.uid")
    api.obj("POST", path, body("kept", "keeper"))
    o = api.eventually("filled", lambda: "token" in api.obj("GET", path + "/kept")[1].get("data", {}) and api.obj("GET", path + "/kept")[1])
    data = {k: base64.b64decode(v).decode() for k, v in o["data"].items()}
    api.check("with all of it", set(data) == {"token", "ca.crt", "namespace"} and data["namespace"] == "authn" and
              data["ca.crt"] == api.kube.ca and o["metadata"]["annotations"]["kubernetes.io/service-account.uid"] == uid, data)
    o = review(data["token"])
    api.check("it works", get(o, "status.user.username") == "system:serviceaccount:authn:keeper", o)
    api.obj("DELETE", SA + "/keeper")
    api.eventually("gone with its account", lambda: api.obj("GET", path + "/kept")[0] == 404)
    api.obj("POST", path, body("early", "nobody"))
    api.eventually("none without one", lambda: api.obj("GET", path + "/early")[0] == 404)


def machines():
    """Bootstrap tokens, and their cleaner."""
    secrets = "/api/v1/namespaces/kube-system/secrets"
    stamp = lambda s: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + s))

    def secret(id, **data):
        d = {"token-id": id, "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true", **data}
        api.obj("POST", secrets, {"metadata": {"name": "bootstrap-token-" + id}, "type": "bootstrap.kubernetes.io/token",
                                  "stringData": {k.replace("_", "-"): v for k, v in d.items() if v is not None}})
        return f"{id}.0123456789abcdef"

    good = secret("aaaaaa", auth_extra_groups="system:bootstrappers:x,system:bootstrappers:y:z", expiration=stamp(3600))
    o = get(who(token=good)[1], "status.userInfo")
    api.check("a machine that joins", o == {"username": "system:bootstrap:aaaaaa", "groups": [
        "system:bootstrappers", "system:bootstrappers:x", "system:bootstrappers:y:z", "system:authenticated"]}, o)
    rows = [("a wrong secret", good[:-1] + "0"), ("an unknown id", "bbbbbb.0123456789abcdef"),
            ("not for authentication", secret("cccccc", usage_bootstrap_authentication="false")),
            ("groups of others", secret("dddddd", auth_extra_groups="system:masters")),
            ("an id that is not its name's", secret("eeeeee", token_id="ffffff")),
            ("a time that is none", secret("gggggg", expiration="tomorrow"))]
    for name, value in rows:
        api.check(f"no machine: {name}", who(token=value)[0] == 401)
    ends = secret("hhhhhh", expiration=stamp(2))
    api.check("until it ends", who(token=ends)[0] == 201)
    api.eventually("then no more", lambda: who(token=ends)[0] == 401)
    api.eventually("and it is cleaned away", lambda: api.obj("GET", secrets + "/bootstrap-token-hhhhhh")[0] == 404)
    api.obj("DELETE", secrets + "/bootstrap-token-aaaaaa")
    api.check("gone with its Secret", who(token=good)[0] == 401)


api.finish(prepare, requests, reviews, discovery, anonymous, impersonation, secrets, machines)
