#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Three nodes, each in a network namespace of its own, on one wire: their pods reach each
# other and Services from everywhere, whatever node comes, goes or starts again.
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/flow/lib.sh
. tests/flow/lib.sh
# shellcheck source=tests/node/lib.sh
. tests/node/lib.sh

server_up "$@"
nodes_up "$@"
ranges() { kubectl get nodes -o 'jsonpath={.items[*].spec.podCIDR}' | tr ' ' '\n' | sort -u | xargs; }
check "each with pod addresses of its own" "^10.244.0.0/24 10.244.1.0/24 10.244.2.0/24$" ranges

kubectl apply -f - >/dev/null <<YAML
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: c
        image: $B
        command: [sh, -c, "mkdir -p /tmp/w/cgi-bin && hostname >/tmp/w/name && printf '#!/bin/sh\necho; echo \$REMOTE_ADDR\n' >/tmp/w/cgi-bin/me && chmod +x /tmp/w/cgi-bin/me && head -c 300000 /dev/zero >/tmp/w/big && exec httpd -f -p 8080 -h /tmp/w"]
        env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30090}]}
YAML
check "a pod on each node" "successfully rolled out" kubectl rollout status daemonset/web --timeout=40s
[ "$bad" = 0 ] || finish

declare -A POD IP UID_OF
places() {
	for n in n1 n2 n3; do
		read -r "POD[$n]" "IP[$n]" "UID_OF[$n]" < <(kubectl get pods -l app=web --field-selector "spec.nodeName=$n" \
			-o 'jsonpath={.items[0].metadata.name} {.items[0].status.podIP} {.items[0].metadata.uid}{"\n"}')
	done
}
places
web_of() { in_pod "${UID_OF[$1]}" "$1" "${@:2}"; }
fetch() { web_of "$1" curl -sf --max-time 5 "http://$2"; }
each_pair() {
	local a b
	for a in "$@"; do for b in "$@"; do
		[ "$(fetch "$a" "${IP[$b]}:8080/name")" = "${POD[$b]}" ] || { echo "$a does not reach $b"; return 1; }
	done; done
	echo all
}
source_kept() { fetch n1 "${IP[n2]}:8080/cgi-bin/me"; }
large() { fetch n1 "${IP[n3]}:8080/big" | wc -c; }
served() { for _ in $(seq 24); do fetch "$1" "$2"; done | sort -u | wc -l; }
outside() { for _ in $(seq 24); do curl -sf --max-time 5 "http://$1:30090/name"; done | sort -u | wc -l; }
way() { in_net n1 ip route show dev sampanx | wc -l; }

vip=$(kubectl get service web -o 'jsonpath={.spec.clusterIP}')
check "every pod reaches every pod" "^all$" each_pair n1 n2 n3
check "and is seen under its own address" "(^|:)${IP[n1]}(\]|:|$)" source_kept
check "large answers come through" "^300000$" large
check "a Service has the pods of all nodes" "^3$" served n2 "$vip/name"
check "which its name leads to" "^$vip$" web_of n3 dig +short +tries=1 +timeout=3 @10.96.0.10 web.default.svc.cluster.local
for i in 1 2 3; do check "and at the port of node n$i" "^3$" outside 192.168.77.1$i; done
check "a node itself reaches pods elsewhere" "${POD[n3]}" in_net n1 curl -sf --max-time 5 "http://${IP[n3]}:8080/name"
until_ok "the server reaches what runs there" "^${POD[n3]}$" kubectl exec "${POD[n3]}" -- hostname
check "packets fit the wire" " mtu 1450 " in_net n1 ip link show sampanx
check "nothing is flooded" "^2$" sh -c "nsenter --net=$WORK/net-n1 bridge fdb show dev sampanx | grep -c 'dst 192.168.77'"

# ---- an agent ends, and comes again ----
agent_stop n2 KILL
check "pods of a node without its agent are reached as before" "^all$" each_pair n1 n3
check "its own, too" "${POD[n2]}" fetch n1 "${IP[n2]}:8080/name"
agent_up n2
ready_line() { kubectl get node "$1" --no-headers; }
until_ok "it comes back" " Ready " ready_line n2
check "to the same pods" "^all$" each_pair n1 n2 n3

# ---- a node goes ----
agent_stop n3
kubectl delete node n3 >/dev/null
until_ok "no way leads to a node that is gone" "^1$" way
agent_stop n1
ip=$(in_net n1 ip -4 route show dev sampanx | cut -d/ -f1)
in_net n1 ip route add 10.244.9.0/24 via "$ip" dev sampanx onlink
agent_up n1
until_ok "nor what an earlier life knew" "^1$" way
check "what is left works" "^all$" each_pair n1 n2

# ---- and another takes its place ----
in_net n3 "$SAMPAN" down --data-dir "$WORK/n3" --run-dir "$WORK/n3/run" >/dev/null 2>&1
agent_up n3
until_ok "it joins again" " Ready " ready_line n3
check "with a pod" "successfully rolled out" kubectl rollout status daemonset/web --timeout=40s
places
until_ok "that all reach" "^all$" each_pair n1 n2 n3
finish
