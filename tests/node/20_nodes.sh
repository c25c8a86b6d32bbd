#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Three nodes, each in a network namespace of its own, on one wire: their pods reach each
# other and Services from everywhere, whatever node comes, goes or starts again.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
[ "$(id -u)" = 0 ] || skip "needs root"
for t in kubectl busybox crun conmon curl dig; do command -v $t >/dev/null || skip "$t is missing"; done
tools/ci-cgroups.sh || skip "cgroups cannot be prepared"

HOST=192.168.77.1 B=localhost/busybox:1
export KUBECONFIG=$DATA/admin.kubeconfig
declare -A AGENT

# wire NAME ADDRESS: a namespace on the wire, out0.
wire() {
	unshare --net="$WORK/net-$1" true
	ip link add "w-$1" type veth peer name eth0 netns "$WORK/net-$1" && ip link set "w-$1" master out0 up
	in_net "$1" sh -c "ip link set lo up && ip addr add $2/24 dev eth0 && ip link set eth0 up && ip route add default via $HOST"
}
in_net() { nsenter --net="$WORK/net-$1" "${@:2}"; }

agent_up() {
	nsenter --net="$WORK/net-$1" "$SAMPAN" agent --kubeconfig "$WORK/$1/pki/agent.kubeconfig" --data-dir "$WORK/$1/agent" --run-dir "$WORK/$1/run" \
		--node-name "$1" >>"$WORK/log-$1" 2>&1 &
	AGENT[$1]=$!
}
agent_stop() { kill "-${2-TERM}" "${AGENT[$1]}"; wait "${AGENT[$1]}" 2>/dev/null; unset "AGENT[$1]"; }

cloud_down() {
	[ -n "${CLOUD-}" ] || return 0
	for n in n1 n2 n3; do
		[ -z "${AGENT[$n]-}" ] || agent_stop "$n"
		[ ! -d "$WORK/$n/agent" ] || in_net "$n" "$SAMPAN" down --data-dir "$WORK/$n" --run-dir "$WORK/$n/run" >>"$WORK/down" 2>&1 ||
			{ echo "down of $n failed:"; tail -5 "$WORK/down"; bad=$((bad + 1)); }
		cat "$WORK/log-$n" >>"$WORK/log" 2>/dev/null
		: >"$WORK/log-$n"
		umount "$WORK/net-$n" 2>/dev/null
	done
	kill "$CLOUD"; wait "$CLOUD" 2>/dev/null
	CLOUD=
}

mkdir -p "$DATA"
"$SAMPAN" server --data-dir "$DATA" --listen "$HOST:$PORT" >>"$WORK/log" 2>&1 &
CLOUD=$!
server_ready || exit 1
image=$(busybox_image)
for i in 1 2 3; do
	: >"$WORK/net-n$i"
	wire n$i 192.168.77.1$i || { echo "cannot make the wire"; exit 1; }
	line=$("$SAMPAN" token create --data-dir "$DATA")
	# shellcheck disable=SC2086
	in_net n$i "$SAMPAN" join ${line#sampan join } --data-dir "$WORK/n$i" --node-name n$i --no-run >>"$WORK/log" 2>&1 ||
		{ echo "n$i does not join:"; tail -5 "$WORK/log"; exit 1; }
	"$SAMPAN" image import --data-dir "$WORK/n$i/agent" "$image" >/dev/null || { echo "image import failed"; exit 1; }
	agent_up n$i
done
all_ready() { kubectl get nodes | grep -c ' Ready '; }
until_ok "three nodes are ready" "^3$" all_ready
ranges() { kubectl get nodes -o 'jsonpath={.items[*].spec.podCIDR}' | tr ' ' '\n' | sort -u | xargs; }
check "each with pod addresses of its own" "^10.244.0.0/24 10.244.1.0/24 10.244.2.0/24$" ranges

until_ok "service account" default kubectl get sa default
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
# In the network of the pod of a node: no agent is needed for that.
in_pod() { nsenter --net="$WORK/$1/run/ns/${UID_OF[$1]}.net" "${@:2}"; }
fetch() { in_pod "$1" curl -sf --max-time 5 "http://$2"; }
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
check "which its name leads to" "^$vip$" in_pod n3 dig +short +tries=1 +timeout=3 @10.96.0.10 web.default.svc.cluster.local
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
