# SPDX-License-Identifier: Apache-2.0
"""Services on the wire: addresses and ports as they come and go with the type, what may not change.

usage: core_services.py KUBECONFIG
"""
import sys

from cases import Api, MERGE_PATCH, STRATEGIC, get, message

api = Api(sys.argv[1])
NS = "/api/v1/namespaces/core-services"
SVC = NS + "/services"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
HTTP = {"name": "http", "port": 80}


def svc(name, *ports, **spec):
    return {"metadata": {"name": name}, "spec": {**({"ports": list(ports or [HTTP])} if ports != (None,) else {}), **spec}}


def says(text):
    return lambda o: text in o["message"]


def patch(name, spec):
    return api.obj("PATCH", f"{SVC}/{name}", {"spec": spec}, headers=MERGE_PATCH)


def creation():
    api.run([("namespace", "POST", "/api/v1/namespaces", {"metadata": {"name": "core-services"}}, {}, 201, None)])
    status, o = api.obj("POST", SVC, {**svc("plain", selector={"a": "b"}), "status": {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}}})
    ip = get(o, "spec.clusterIP")
    api.check("created", status == 201, o)
    for path, want in {"spec.type": "ClusterIP", "spec.clusterIPs": [ip], "spec.sessionAffinity": "None", "spec.ipFamilies": ["IPv4"],
                       "spec.ipFamilyPolicy": "SingleStack", "spec.internalTrafficPolicy": "Cluster",
                       "spec.externalTrafficPolicy": None, "spec.ports.0.protocol": "TCP", "spec.ports.0.targetPort": 80,
                       "status": {"loadBalancer": {}}, "metadata.generation": None}.items():
        api.check(f"a new service's {path}", get(o, path) == want, get(o, path))
    api.run([
        ("an address that is taken", "POST", SVC, svc("taken", clusterIP=ip), {}, 422, says("provided IP is already allocated")),
        ("an address outside", "POST", SVC, svc("outside", clusterIP="192.0.2.1"), {}, 422, says("is not in the valid range")),
        ("no address", "POST", SVC, svc("headless", clusterIP="None", selector={"a": "b"}), {}, 201,
         {"spec.clusterIP": "None", "spec.clusterIPs": ["None"], "spec.ipFamilies": ["IPv4"]}),
        ("neither address nor selector", "POST", SVC, svc("bare", clusterIP="None"), {}, 201,
         {"spec.ipFamilies": ["IPv4", "IPv6"], "spec.ipFamilyPolicy": "RequireDualStack"}),
        ("both families", "POST", SVC, svc("dual", ipFamilyPolicy="RequireDualStack"), {}, 422,
         says("this cluster is not configured for dual-stack services")),
        ("the other family", "POST", SVC, svc("six", ipFamilies=["IPv6"]), {}, 422, says("not configured on this cluster")),
        ("either family", "POST", SVC, svc("prefer", ipFamilyPolicy="PreferDualStack"), {}, 201, {"spec.ipFamilies": ["IPv4"]}),
        ("a name", "POST", SVC, svc("outer", None, type="ExternalName", externalName="a.example"), {}, 201,
         {"spec.clusterIP": None, "spec.ipFamilies": None, "spec.internalTrafficPolicy": None}),
        ("a name and an address", "POST", SVC, svc("outer2", None, type="ExternalName", externalName="a.example", clusterIP="10.96.0.77"),
         {}, 422, says("spec.clusterIPs: Forbidden: may not be set for ExternalName services")),
        ("affinity", "POST", SVC, svc("sticky", sessionAffinity="ClientIP"), {}, 201,
         {"spec.sessionAffinityConfig.clientIP.timeoutSeconds": 10800}),
        ("no ports", "POST", SVC, svc("portless", None), {}, 422, says("spec.ports: Required value")),
        ("names for ports", "POST", SVC, svc("nameless", {"port": 1}, {"port": 2}), {}, 422,
         lambda o: [c["field"] for c in o["details"]["causes"]] == ["spec.ports[0].name", "spec.ports[1].name"]),
        ("a node port on no node", "POST", SVC, svc("odd", {"port": 1, "nodePort": 30999}), {}, 422,
         says("spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'")),
        ("a name of another kind", "POST", SVC, svc("1st"), {}, 422, says("a DNS-1035 label must consist of")),
    ])


def node_ports():
    _, o = api.obj("POST", SVC, svc("nodes", HTTP, {"name": "alt", "port": 81}, type="NodePort"))
    ports = [p["nodePort"] for p in o["spec"]["ports"]]
    api.check("node ports are given", len(set(ports)) == 2 and all(30000 <= p <= 32767 for p in ports), o)
    api.check("and outside traffic spread", get(o, "spec.externalTrafficPolicy") == "Cluster", o)
    api.run([
        ("a port that is taken", "POST", SVC, svc("nodes2", {"port": 1, "nodePort": ports[0]}, type="NodePort"), {}, 422,
         says("provided port is already allocated")),
        ("a port out of range", "POST", SVC, svc("nodes2", {"port": 1, "nodePort": 80}, type="NodePort"), {}, 422,
         says("The range of valid ports is 30000-32767")),
    ])
    status, o = api.obj("PUT", SVC + "/nodes", svc("nodes", {"name": "alt", "port": 81}, HTTP, type="NodePort"))
    api.check("ports keep their numbers by port", status == 200 and [p["nodePort"] for p in o["spec"]["ports"]] == ports[::-1], o)
    status, o = patch("nodes", {"type": "ClusterIP"})
    api.check("another type gives them back", status == 200 and all("nodePort" not in p for p in o["spec"]["ports"]) and
              "externalTrafficPolicy" not in o["spec"], o)
    api.run([("for others to have", "POST", SVC, svc("nodes3", {"port": 1, "nodePort": ports[0]}, type="NodePort"), {}, 201, None)])


def types():
    _, before = api.obj("POST", SVC, svc("turn"))
    rows = [
        ({"type": "LoadBalancer"}, lambda o: "nodePort" in o["ports"][0] and o["allocateLoadBalancerNodePorts"] is True),
        ({"type": "LoadBalancer", "externalTrafficPolicy": "Local"}, lambda o: o["healthCheckNodePort"] >= 30000),
        ({"type": "NodePort"}, lambda o: "healthCheckNodePort" not in o and "allocateLoadBalancerNodePorts" not in o),
        ({"type": "ClusterIP"}, lambda o: o["clusterIP"] == before["spec"]["clusterIP"] and "nodePort" not in o["ports"][0]),
        ({"type": "ExternalName", "externalName": "a.example"}, lambda o: "clusterIP" not in o and "ipFamilies" not in o),
        ({"type": "ClusterIP", "externalName": None}, lambda o: o["clusterIP"].startswith("10.") and o["ipFamilies"] == ["IPv4"]),
    ]
    for spec, want in rows:
        status, o = patch("turn", spec)
        api.check(f"a service turned {spec}", status == 200 and want(o["spec"]), o)


def immutables():
    _, o = api.obj("GET", SVC + "/plain")
    ip = o["spec"]["clusterIP"]
    api.run([
        ("the address may be left out", "PUT", SVC + "/plain", svc("plain", selector={"a": "c"}), {}, 200,
         {"spec.clusterIP": ip, "spec.selector.a": "c"}),
        ("it stays", "PATCH", SVC + "/plain", {"spec": {"clusterIP": "10.96.3.3", "clusterIPs": ["10.96.3.3"]}}, {"headers": MERGE_PATCH},
         422, lambda o: "may not change once set" in o["message"]),
        ("so does the family", "PATCH", SVC + "/plain", {"spec": {"ipFamilies": ["IPv6"]}}, {"headers": MERGE_PATCH}, 422,
         says("expected an IPv6 value as indicated by `ipFamilies[0]`")),
        ("ports merge by port", "PATCH", SVC + "/plain", {"spec": {"ports": [{"name": "more", "port": 81}]}}, {"headers": STRATEGIC}, 200,
         lambda o: [p["port"] for p in o["spec"]["ports"]] == [81, 80] or [p["port"] for p in o["spec"]["ports"]] == [80, 81]),
        ("a class", "POST", SVC, svc("classy", type="LoadBalancer", loadBalancerClass="a.io/b"), {}, 201, None),
        ("of another kind", "PATCH", SVC + "/classy", {"spec": {"loadBalancerClass": "a.io/c"}}, {"headers": MERGE_PATCH}, 422,
         says("may not change once set")),
    ])


def status_writes():
    _, o = api.obj("GET", SVC + "/classy")
    o["spec"]["selector"] = {"z": "z"}
    o["metadata"]["labels"] = {"a": "b"}
    o["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}}
    api.run([
        ("status alone", "PUT", SVC + "/classy/status", o, {}, 200,
         {"spec.selector": None, "metadata.labels.a": "b", "status.loadBalancer.ingress": [{"ip": "192.0.2.10", "ipMode": "VIP"}]}),
        ("not by the service", "PATCH", SVC + "/classy", {"status": {"loadBalancer": None}}, {"headers": MERGE_PATCH}, 200,
         {"status.loadBalancer.ingress.0.ip": "192.0.2.10"}),
        ("no balancer, no address", "PATCH", SVC + "/plain/status", {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}},
         {"headers": MERGE_PATCH}, 422, says("may only be used when `spec.type` is 'LoadBalancer'")),
        ("a row", "GET", SVC + "/classy", None, {"headers": TABLE}, 200,
         lambda o: o["rows"][0]["cells"][1] == "LoadBalancer" and o["rows"][0]["cells"][3] == "192.0.2.10"),
        ("a pending row", "GET", SVC + "/headless", None, {"headers": TABLE}, 200,
         lambda o: o["rows"][0]["cells"][:5] == ["headless", "ClusterIP", "None", "<none>", "80/TCP"]),
        ("by type", "GET", SVC + "?fieldSelector=spec.type%3DExternalName", None, {}, 200,
         lambda o: [i["metadata"]["name"] for i in o["items"]] == ["outer"]),
    ])
    _, headers, _ = api.call("POST", SVC, svc("ignored", externalName="a.example"))
    api.check("what is ignored is warned of",
              headers.get("warning") == '299 - "spec.externalName is ignored when spec.type is not \\"ExternalName\\""', headers)


def kept():
    api.run([
        ("the cloud's own", "GET", "/api/v1/namespaces/default/services/kubernetes", None, {}, 200,
         {"spec.type": "ClusterIP", "spec.ports.0.name": "https", "spec.ports.0.port": 443}),
        ("a deleted one answers what it was", "DELETE", SVC + "/sticky", None, {}, 200, {"kind": "Service"}),
        ("and is gone", "GET", SVC + "/sticky", None, {}, 404, message("NotFound", 'services "sticky" not found')),
        ("PUT makes one", "PUT", SVC + "/put", svc("put"), {}, 201, {"metadata.name": "put"}),
    ])


def what_no_cloud_can_do_without():
    service = "/api/v1/namespaces/default/services/kubernetes"
    before = api.obj("GET", service)[1]
    api.run([("the API's own Service may be deleted", "DELETE", service, None, {}, 200, None)])
    api.eventually("it comes back, with its address", lambda: get(api.obj("GET", service)[1], "spec.clusterIP") ==
                   before["spec"]["clusterIP"])
    leases = "/api/v1/namespaces/kube-node-lease"
    uid = api.obj("GET", leases)[1]["metadata"]["uid"]
    api.run([("the namespace of nodes' leases too", "DELETE", leases, None, {}, 200, None)])
    api.eventually("it comes back", lambda: get(api.obj("GET", leases)[1], "metadata.uid") not in (uid, None))


api.finish(creation, node_ports, types, immutables, status_writes, kept, what_no_cloud_can_do_without)
