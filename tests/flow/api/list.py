# SPDX-License-Identifier: Apache-2.0
"""Lists: options and how they go together, pages of one revision, selectors, forms.

Source of the rules: apimachinery pkg/apis/internalversion/validation, apiserver pkg/storage; API
concepts, "Semantics for get and list".
"""
import base64
import json
import sys
import urllib.parse

from cases import MERGE_PATCH, Api, get, message

api = Api(sys.argv[1])
NS = "/api/v1/namespaces/lists"
CM = NS + "/configmaps"
NOW = {}


def q(**params):
    return "?" + urllib.parse.urlencode(params)


def names(o):
    return [x["metadata"]["name"] for x in o["items"]]


def token(text):
    return base64.urlsafe_b64encode(text.encode("latin-1")).decode().rstrip("=")


def cm(name, labels=None):
    return {"metadata": {"name": name, "labels": labels or {}}, "data": {"k": name}}


def prepare():
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": "lists"}})
    for i in range(12):
        api.obj("POST", CM, cm(f"c{i:02}", {"even": str(i % 2 == 0).lower(), "n": str(i)}))
    status, o = api.obj("GET", CM + q(labelSelector="n"))
    NOW["rv"] = o["metadata"]["resourceVersion"]
    api.check("twelve", status == 200 and len(names(o)) == 12, o)


def invalid(text):
    return message("Invalid", f'ListOptions.meta.k8s.io "" is invalid: {text}')


def options():
    future = str(int(NOW["rv"]) + 1000000)
    forbidden = "resourceVersionMatch: Forbidden: "
    rows = [
        # name, parameters, status, answer
        ("nothing", {}, 200, {"kind": "ConfigMapList", "apiVersion": "v1"}),
        ("0: anything will do", {"resourceVersion": "0"}, 200, None),
        ("at least that", {"resourceVersion": NOW["rv"]}, 200, None),
        ("at least that, in words", {"resourceVersion": NOW["rv"], "resourceVersionMatch": "NotOlderThan"}, 200, None),
        ("exactly that", {"resourceVersion": NOW["rv"], "resourceVersionMatch": "Exact"}, 200,
         {"metadata.resourceVersion": NOW["rv"]}),
        ("a limit makes it exact", {"resourceVersion": NOW["rv"], "limit": "3"}, 200, {"metadata.resourceVersion": NOW["rv"]}),
        ("not older than 0", {"resourceVersion": "0", "resourceVersionMatch": "NotOlderThan"}, 200, None),
        ("exact 0", {"resourceVersion": "0", "resourceVersionMatch": "Exact"}, 422, invalid(
            forbidden + 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')),
        ("match without a revision", {"resourceVersionMatch": "Exact"}, 422, invalid(
            forbidden + "resourceVersionMatch is forbidden unless resourceVersion is provided")),
        ("an unknown match", {"resourceVersion": "1", "resourceVersionMatch": "Newest"}, 422, invalid(
            'resourceVersionMatch: Unsupported value: "Newest": supported values: "Exact", "NotOlderThan", ""')),
        ("two mistakes", {"resourceVersionMatch": "Newest"}, 422, invalid(
            "[" + forbidden + "resourceVersionMatch is forbidden unless resourceVersion is provided, "
            'resourceVersionMatch: Unsupported value: "Newest": supported values: "Exact", "NotOlderThan", ""]')),
        ("match with a token", {"continue": "x", "resourceVersion": "5", "resourceVersionMatch": "Exact"}, 422, invalid(
            forbidden + "resourceVersionMatch is forbidden when continue is provided")),
        ("initial events of a list", {"sendInitialEvents": "true"}, 422, invalid(
            "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list")),
        ("the cause is told", {"sendInitialEvents": "true"}, 422, {"details.causes.0": {
            "reason": "FieldValueForbidden", "message": "Forbidden: sendInitialEvents is forbidden for list",
            "field": "sendInitialEvents"}}),
        ("no revision", {"resourceVersion": "abc"}, 400, message("BadRequest",
            'invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax')),
        ("a revision below 0", {"resourceVersion": "-1"}, 400, {"reason": "BadRequest"}),
        ("of the future", {"resourceVersion": future}, 504, {"reason": "Timeout", "details.retryAfterSeconds": 1,
            "details.causes.0.reason": "ResourceVersionTooLarge"}),
        ("exactly of the future", {"resourceVersion": future, "resourceVersionMatch": "Exact"}, 504, {"reason": "Timeout"}),
        ("limit is no number", {"limit": "many"}, 400, message("BadRequest", 'strconv.ParseInt: parsing "many": invalid syntax')),
        ("timeout is no number", {"timeoutSeconds": "1s"}, 400,
         message("BadRequest", 'strconv.ParseInt: parsing "1s": invalid syntax')),
        ("limit is too long", {"limit": "9" * 30}, 400,
         message("BadRequest", f'strconv.ParseInt: parsing "{"9" * 30}": value out of range')),
        ("a limit below 0 is none", {"limit": "-5"}, 200, lambda o: len(o["items"]) >= 12),
    ]
    api.run([(name, "GET", CM + q(**p), None, {}, want, expect) for name, p, want, expect in rows])
    api.run([("deletecollection has them too", "DELETE", CM + q(resourceVersionMatch="Exact"), None, {}, 422, {"reason": "Invalid"}),
             ("and none over all namespaces", "DELETE", "/api/v1/configmaps", None, {}, 405, {"reason": "MethodNotAllowed"})])


def tokens():
    bad = "invalid continue token: continue key is not valid"
    rows = [
        ("not base64", "a b", f"{bad}: illegal base64 data at input byte 1"),
        ("padded base64", "e30=", f"{bad}: illegal base64 data at input byte 3"),
        ("one character", "e", f"{bad}: illegal base64 data at input byte 0"),
        ("not JSON", "zzz", f"{bad}: invalid character 'Ï' looking for beginning of value"),
        ("a word", token("what"), f"{bad}: invalid character 'w' looking for beginning of value"),
        ("cut off", token('{"v":"meta.k8s.io/v1"'), f"{bad}: unexpected end of JSON input"),
        ("an unknown version", token('{"v":"v9","rv":1,"start":"a"}'),
         f"{bad}: server does not recognize this encoded version v9"),
        ("no version", token("{}"), f"{bad}: server does not recognize this encoded version "),
        ("no revision", token('{"v":"meta.k8s.io/v1","start":"a"}'),
         f"{bad}: incorrect encoded start resourceVersion (version meta.k8s.io/v1)"),
        ("no start", token('{"v":"meta.k8s.io/v1","rv":5}'), f"{bad}: encoded start key empty (version meta.k8s.io/v1)"),
        ("out of the list", token('{"v":"meta.k8s.io/v1","rv":5,"start":"../secrets/x"}'), f"{bad}: ../secrets/x"),
    ]
    api.run([(f"token: {name}", "GET", CM + q(**{"continue": t}), None, {}, 400, message("BadRequest", text))
             for name, t, text in rows])
    fine = token('{"v":"meta.k8s.io/v1","rv":%s,"start":"c03\\u0000"}' % NOW["rv"])
    api.run([
        ("a token of upstream's form", "GET", CM + q(**{"continue": fine, "limit": 2}), None, {}, 200,
         lambda o: names(o) == ["c04", "c05"]),
        ("token and revision", "GET", CM + q(**{"continue": fine, "resourceVersion": 5}), None, {}, 400,
         message("BadRequest", "specifying resource version is not allowed when using continue")),
        ("token and 0", "GET", CM + q(**{"continue": fine, "resourceVersion": 0}), None, {}, 200, None),
        ("what is there now", "GET", CM + q(**{"continue": token('{"v":"meta.k8s.io/v1","rv":-1,"start":"c09\\u0000"}')}),
         None, {}, 200, lambda o: names(o)[:2] == ["c10", "c11"]),
        ("of the future", "GET", CM + q(**{"continue": token('{"v":"meta.k8s.io/v1","rv":99999999,"start":"a"}')}),
         None, {}, 504, {"reason": "Timeout"}),
    ])


def walk(path, limit, between=None):
    """All pages: their names, revisions, remaining counts."""
    t, got, revs, left = "", [], set(), []
    while True:
        sep = "&" if "?" in path else "?"
        status, o = api.obj("GET", f"{path}{sep}limit={limit}" + (f"&continue={urllib.parse.quote(t)}" if t else ""))
        if status != 200:
            return o, revs, left
        got += [(get(x, "metadata.namespace"), x["metadata"]["name"]) for x in o["items"]]
        revs.add(o["metadata"]["resourceVersion"])
        left.append(o["metadata"].get("remainingItemCount"))
        t = o["metadata"].get("continue", "")
        if not t:
            return got, revs, left
        if between:
            between()


def pages():
    before = names(api.obj("GET", CM)[1])
    n = len(before)
    got, revs, left = walk(CM, 5)
    api.check("pages", [x[1] for x in got] == before and len(revs) == 1, got)
    api.check("how many remain", left == [n - 5 if n > 5 else None, n - 10 if n > 10 else None, None], left)
    got, revs, left = walk(CM + q(labelSelector="even=true"), 4)
    api.check("with a selector nobody counts", len(got) == 6 and left[0] is None, (got, left))
    state = {"i": 0}

    def write():
        state["i"] += 1
        api.obj("POST", CM, cm(f"b-between-{state['i']}"))
        api.obj("DELETE", f"{CM}/c{5 + state['i']:02}")
        api.obj("PATCH", f"{CM}/c11", {"data": {"k": str(state["i"])}}, headers=MERGE_PATCH)

    got, revs, left = walk(CM, 4, write)
    api.check("pages while others write are of one revision", [x[1] for x in got] == before and len(revs) == 1, (got, revs))
    api.check("and count what remains of it", left == [n - 4, n - 8, n - 12 if n > 12 else None][:len(left)] or
              left[:2] == [n - 4, n - 8], left)
    # Bytes of the keys order a list over namespaces: "lists-a/x" is before "lists/x".
    api.obj("POST", "/api/v1/namespaces", {"metadata": {"name": "lists-a"}})
    for i in range(3):
        api.obj("POST", "/api/v1/namespaces/lists-a/configmaps", cm(f"x{i}", {"far": "yes"}))
        api.obj("PATCH", f"{CM}/c0{i}", {"metadata": {"labels": {"far": "yes"}}}, headers=MERGE_PATCH)
    want = [("lists-a", f"x{i}") for i in range(3)] + [("lists", f"c0{i}") for i in range(3)]
    got, revs, _ = walk("/api/v1/configmaps" + q(labelSelector="far"), 2)
    api.check("order over namespaces", got == want, got)
    whole = [(x["metadata"]["namespace"], x["metadata"]["name"]) for x in api.obj("GET", "/api/v1/configmaps")[1]["items"]]
    got, revs, _ = walk("/api/v1/configmaps", 3, lambda: api.obj("PATCH", f"{CM}/c11", {"data": {"z": str(len(NOW))}},
                                                              headers=MERGE_PATCH))
    api.check("pages over namespaces while others write", got == whole and len(revs) == 1, (got, whole))
    exact = api.obj("GET", CM + q(resourceVersion=NOW["rv"], resourceVersionMatch="Exact"))[1]
    api.check("an exact revision that passed", get(exact, "metadata.resourceVersion") == NOW["rv"] and
              {"c06", "c07"} <= set(names(exact)) and "b-between-1" not in names(exact), names(exact))


def past():
    """Pages of a revision that passed are shown as a current list is."""
    n = {"i": 0}

    def write():   # the resource goes on: what follows is read from the history
        n["i"] += 1
        api.obj("POST", EVENTS, event(f"z{n['i']}"))
        api.obj("PATCH", HPA.format("v2") + "/h0", {"metadata": {"labels": {"n": str(n["i"])}}}, headers=MERGE_PATCH)
        api.obj("PATCH", CM + "/b0", {"metadata": {"labels": {"n": str(n["i"])}}}, headers=MERGE_PATCH)

    EVENTS, HPA = NS + "/events", "/apis/autoscaling/{}/namespaces/lists/horizontalpodautoscalers"
    event = lambda name: {"metadata": {"name": name, "namespace": "lists"}, "message": "m-" + name, "reason": "R", "type": "Normal",
                          "involvedObject": {"kind": "Pod", "namespace": "lists", "name": "odd" if name in ("e1", "e3") else "even"}}
    for i in range(5):
        api.obj("POST", EVENTS, event(f"e{i}"))
        api.obj("POST", HPA.format("v2"), {"metadata": {"name": f"h{i}"}, "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}, "maxReplicas": 3, "metrics": [
                {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 40 + i}}}]}})

    def items(path, limit):
        out, t = [], ""
        while True:
            status, o = api.obj("GET", f"{path}{'&' if '?' in path else '?'}limit={limit}" + (f"&continue={urllib.parse.quote(t)}" if t else ""))
            if status != 200:
                return o
            out += o["items"]
            t = o["metadata"].get("continue", "")
            if not t:
                return out
            write()

    new = "/apis/events.k8s.io/v1/namespaces/lists/events"
    for what, path, limit in (("Events of the other group", new, 2), ("autoscalers of the other version", HPA.format("v1"), 2),
                              ("a field of the other group", new + q(fieldSelector="regarding.name=odd"), 1)):
        whole = api.obj("GET", path)[1]["items"]
        api.check(f"pages of the past: {what}", items(path, limit) == whole and len(whole) > 1, items(path, limit))
    api.check("and that field selects", [x["metadata"]["name"] for x in whole] == ["e1", "e3"], whole)
    for i in range(22):
        api.obj("POST", CM, {"metadata": {"name": f"b{i}"}, "data": {"k": "x" * 1000000}})
    big = api.obj("GET", CM)[1]
    rv, want = big["metadata"]["resourceVersion"], names(big)
    write()
    status, o = api.obj("GET", CM + q(resourceVersion=rv, resourceVersionMatch="Exact", limit=100))
    api.check("a page of the past ends when it is large", status == 200 and 10 < len(o["items"]) < 25 and
              o["metadata"].get("remainingItemCount") == len(want) - len(o["items"]), (len(o["items"]), o["metadata"]))
    rest = api.obj("GET", CM + q(**{"continue": o["metadata"]["continue"]}))[1]
    api.check("and the next goes on", names(o) + names(rest) == want, (names(o), names(rest)))
    whole = api.obj("GET", CM + q(resourceVersion=rv, resourceVersionMatch="Exact"))[1]
    api.check("without a limit it is whole", names(whole) == want, len(names(whole)))
    for i in range(22):
        api.obj("DELETE", f"{CM}/b{i}")


def selectors():
    bad = "unable to parse requirement: "
    fine = [
        # labels, fields, how many
        ("even=true", "", 6), ("even==true,n in (0,2,3)", "", 2), ("even,!far", "", 9), ("n notin (0,1)", "", None),
        ("n>9", "", 2), ("n<2", "", 2), ("n>3,n<6", "", 2), ("!even", "", None), ("even!=true,n", "", 6), ("", "metadata.name=c04", 1),
        ("", "metadata.name!=c04", None), ("", "metadata.name=c04,metadata.namespace=lists", 1),
        ("even=false", "metadata.name=c04", 0), ("", "metadata.namespace=other", 0), ("n in (0,,)", "", 1), (",".join(["even"] * 300), "", 12),
        ("", "metadata.name==c04", 1), ("", "", None),
    ]
    for i in range(12):
        api.obj("POST", CM, cm(f"c{i:02}", {"even": str(i % 2 == 0).lower(), "n": str(i)}))
    for labels, fields, want in fine:
        status, o = api.obj("GET", CM + q(labelSelector=labels, fieldSelector=fields))
        api.check(f"selector {labels[:40]!r} {fields!r}", status == 200 and (want is None or len(o["items"]) == want), (status, str(o)[:200]))
    rows = [
        ("a===b", "", bad + "found '=', expected: identifier"), ("a,,b", "", "found ',', expected: identifier after ','"),
        ("a in b", "", bad + "found 'b' expected: '('"), ("a b", "", bad + "found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a>b", "", bad + "values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer"),
        ("", "data.k=v", '"data.k" is not a known field selector: only "metadata.name", "metadata.namespace"'),
        ("", "metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
    ]
    api.run([(f"selector {labels!r} {fields!r}", "GET", CM + q(labelSelector=labels, fieldSelector=fields), None, {}, 400,
              message("BadRequest", text)) for labels, fields, text in rows])
    api.run([
        ("field of pods", "GET", NS + "/pods" + q(fieldSelector="spec.foo=x"), None, {}, 400,
         message("BadRequest", "field label not supported: spec.foo")),
        ("field of nodes", "GET", "/api/v1/nodes" + q(fieldSelector="metadata.namespace=x"), None, {}, 400,
         message("BadRequest", "field label not supported: metadata.namespace")),
        ("too many terms", "GET", CM + q(labelSelector=",".join(["a"] * 1500)), None, {}, 400, {"reason": "BadRequest"}),
        ("selector comes before the match", "GET", CM + q(labelSelector="a b", resourceVersionMatch="x"), None, {}, 400, None),
        ("match comes before the field", "GET", CM + q(fieldSelector="data.k=v", resourceVersionMatch="x"), None, {}, 422, None),
    ])
    for i in range(3):
        api.obj("POST", NS + "/pods", {"metadata": {"name": f"p{i}"}, "spec": {"schedulerName": "nobody",
                "restartPolicy": "Never" if i else "Always", "containers": [{"name": "c", "image": "x"}]}})
    api.run([
        ("inside of objects", "GET", NS + "/pods" + q(fieldSelector="spec.restartPolicy=Never"), None, {}, 200, lambda o: names(o) == ["p1", "p2"]),
        ("a page of those", "GET", NS + "/pods" + q(fieldSelector="spec.restartPolicy=Never", limit=1), None, {}, 200,
         lambda o: names(o) == ["p1"] and o["metadata"]["continue"] and "remainingItemCount" not in o["metadata"]),
        ("unscheduled", "GET", NS + "/pods" + q(fieldSelector="spec.nodeName="), None, {}, 200, lambda o: len(o["items"]) == 3),
    ])
    rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/lists"
    api.obj("POST", rbac + "/roles", {"metadata": {"name": "p1"}, "rules": [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"], "resourceNames": ["p1"]}]})
    api.obj("POST", rbac + "/rolebindings", {"metadata": {"name": "p1"}, "subjects": [{"kind": "User", "name": "bob",
            "apiGroup": "rbac.authorization.k8s.io"}], "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "p1"}})
    api.run([(f"a rule for one name: {fields!r}", "GET", NS + "/pods" + q(fieldSelector=fields), None, {"who": "bob"}, want, None)
             for fields, want in (("metadata.name=p1", 200), ("status.phase=Pending,metadata.name=p1", 200),
                                  ("metadata.name=p2", 403), ("metadata.name!=p1", 403), ("", 403))])


def varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return n, at


def fields(data):
    """Top-level fields of a protobuf message: (number, value)."""
    at, out = 0, []
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            v, at = varint(data, at)
        else:
            n, at = varint(data, at)
            v, at = data[at:at + n], at + n
        out.append((key >> 3, v))
    return out


def forms():
    many = 600
    big = {"k": "x" * 1500}
    for i in range(many):
        api.obj("POST", NS + "/secrets", {"metadata": {"name": f"s{i:03}"}, "stringData": big})
    _, o = api.obj("GET", NS + "/secrets")
    mine = [n for n in names(o) if n.startswith("s")]
    api.check("a large list", len(mine) == many, len(mine))
    status, headers, data = api.call("GET", NS + "/secrets", headers={"Accept": "application/vnd.kubernetes.protobuf"})
    unknown = dict(fields(data[4:]))
    items = [v for n, v in fields(unknown[2]) if n == 2]
    api.check("the same as protobuf", status == 200 and data[:4] == b"k8s\0" and len(items) == len(o["items"]) and
              int(headers.get("content-length", 0)) == len(data), (status, len(items), headers))
    accept = {"Accept": "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
    status, headers, data = api.call("GET", NS + "/secrets", headers=accept)
    items = [v for n, v in fields(dict(fields(data[4:]))[2]) if n == 2]
    api.check("metadata alone as protobuf", status == 200 and len(items) == len(o["items"]) and b"PartialObjectMetadataList" in data[:80], len(items))
    api.run([
        ("table", "GET", NS + "/secrets", None, {"headers": {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}}, 200,
         lambda t: t["kind"] == "Table" and len(t["rows"]) == len(o["items"]) and t["rows"][0]["object"]["kind"] == "PartialObjectMetadata"),
        ("a table's page", "GET", NS + "/secrets?limit=7", None, {"headers": {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}}, 200,
         lambda t: len(t["rows"]) == 7 and t["metadata"]["continue"] and t["metadata"]["remainingItemCount"] == len(o["items"]) - 7),
        ("table without objects", "GET", NS + "/secrets?includeObject=None", None,
         {"headers": {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}}, 200, lambda t: t["rows"][0]["object"] is None),
        ("items have no kind", "GET", CM, None, {}, 200, lambda l: "kind" not in l["items"][0] and "apiVersion" not in l["items"][0]),
    ])
    conn = api.connect()
    conn.request("HEAD", NS + "/secrets")
    r = conn.getresponse()
    api.check("HEAD of a large list", r.status == 200 and r.read() == b"", r.status)
    conn.close()
    rv = [int(api.obj("GET", CM)[1]["metadata"]["resourceVersion"]) for _ in range(2)]
    api.check("a list's revision is the store's", rv[0] >= max(int(x["metadata"]["resourceVersion"]) for x in o["items"]) and
              rv[1] >= rv[0], rv)


api.finish(prepare, options, tokens, pages, past, selectors, forms)
