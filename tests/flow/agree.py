# SPDX-License-Identifier: Apache-2.0
"""Several servers over one store are asked for the same at once: agree.py KUBECONFIG URL..."""
import http.client
import json
import sys
import threading
import urllib.parse

from kubeconfig import Kubeconfig

THREADS, EACH, QUOTA = 8, 8, 20
SPEC = {"type": "NodePort", "ports": [{"port": 80}]}
NAMESPACE = "/api/v1/namespaces/agreed"


def ask(conn, method, path, body=None):
    conn.request(method, path, json.dumps(body) if body else None, {"content-type": "application/json"})
    answer = conn.getresponse()
    return answer.status, json.loads(answer.read())


def main():
    config, servers = Kubeconfig(sys.argv[1]), [urllib.parse.urlparse(u) for u in sys.argv[2:]]
    results = {"services": [], "secrets": [], "wish": []}

    def connect(n):
        s = servers[n % len(servers)]
        return http.client.HTTPSConnection(s.hostname, s.port, context=config.admin_tls, timeout=30)

    def work(n):
        conn = connect(n)
        for i in range(EACH):
            name = f"x{n}-{i}"
            results["services"].append(ask(conn, "POST", f"{NAMESPACE}/services", {"metadata": {"name": name}, "spec": SPEC}))
            results["secrets"].append(ask(conn, "POST", f"{NAMESPACE}/secrets", {"metadata": {"name": name}}))
        wish = {"metadata": {"name": f"wish{n}"}, "spec": {"clusterIP": "10.96.77.7", "ports": [{"port": 80}]}}
        results["wish"].append(ask(conn, "POST", f"{NAMESPACE}/services", wish))

    first = connect(0)
    ask(first, "POST", "/api/v1/namespaces", {"metadata": {"name": "agreed"}})
    ask(first, "POST", f"{NAMESPACE}/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": {"secrets": str(QUOTA)}}})
    for n in range(len(servers)):
        ask(connect(n), "GET", f"{NAMESPACE}/resourcequotas/q")
    threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    made = {kind: [o for status, o in answers if status == 201] for kind, answers in results.items()}
    counts = {"services": THREADS * EACH, "secrets": QUOTA, "wish": 1}
    wrong = [f"{kind}: {len(made[kind])} of {n}, {[o.get('message') for s, o in results[kind] if s != 201][:2]}"
             for kind, n in counts.items() if len(made[kind]) != n]
    for what in ("clusterIP", "ports"):
        seen = [json.dumps(o["spec"][what] if what == "clusterIP" else o["spec"][what][0]["nodePort"]) for o in made["services"]]
        wrong += [f"{what} given twice"] if len(set(seen)) != len(seen) else []
    print("\n".join(wrong) or "all is well")
    sys.exit(bool(wrong))


main()
