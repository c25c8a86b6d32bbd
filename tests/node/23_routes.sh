#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Three nodes on one wire whose pods reach each other by routes, without a tunnel; the setting
# changes while they run; the wire takes smaller packets.
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/flow/lib.sh
. tests/flow/lib.sh
# shellcheck source=tests/node/lib.sh
. tests/node/lib.sh

refuse "a network of another name" "vxlan or host-routes" timeout 20 "$SAMPAN" server --data-dir "$WORK/other" --listen "$HOST:$((PORT + 1))" \
	--pod-network carrier-pigeon
server_up --pod-network host-routes
nodes_up "$@"
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
        command: [sh, -c, "mkdir -p /tmp/w && hostname >/tmp/w/name && head -c 300000 /dev/zero >/tmp/w/big && exec httpd -f -p 8080 -h /tmp/w"]
YAML
check "a pod on each node" "successfully rolled out" kubectl rollout status daemonset/web --timeout=40s
[ "$bad" = 0 ] || finish

declare -A IP UID_OF
for n in $NODES; do
	read -r "IP[$n]" "UID_OF[$n]" < <(kubectl get pods -l app=web --field-selector "spec.nodeName=$n" \
		-o 'jsonpath={.items[0].status.podIP} {.items[0].metadata.uid}{"\n"}')
done
each_pair() {
	local a b
	for a in $NODES; do for b in $NODES; do
		[ "$(in_pod "${UID_OF[$a]}" "$a" curl -sf --max-time 5 "http://${IP[$b]}:8080/big" | wc -c)" = 300000 ] || { echo "$a does not reach $b"; return 1; }
	done; done
	echo all
}
ways() { in_net n1 ip route | grep -c "^10.244.*$1"; true; }
tunnel() { in_net n1 ip link show sampanx; }
until_ok "a route to each other node" "^2$" ways "via 192.168.77.1[23] dev eth0"
until_ok "every pod reaches every pod" "^all$" each_pair
refuse "there is no tunnel" "does not exist" tunnel
mtu() { in_pod "${UID_OF[n1]}" n1 ip link show eth0; }
check "and packets are as large as the wire takes" " mtu 1500 " mtu

# ---- another setting, while pods run ----
kill "$CLOUD"; wait "$CLOUD" 2>/dev/null
server_up --pod-network vxlan
until_ok "the tunnel takes over" "^2$" ways "dev sampanx"
until_ok "and all reach all" "^all$" each_pair
check "no route is left" "^0$" ways "dev eth0"
for n in $NODES; do in_net "$n" ip link set eth0 mtu 1400; ip link set "w-$n" mtu 1400; done
until_ok "the tunnel fits a wire of smaller packets" " mtu 1350 " tunnel
check "through which large answers come" "^all$" each_pair
kill "$CLOUD"; wait "$CLOUD" 2>/dev/null
server_up --pod-network host-routes
until_ok "and back" "^2$" ways "via 192.168.77.1[23] dev eth0"
until_ok "all reach all" "^all$" each_pair
agent_stop n1
in_net n1 ip route add 10.244.9.0/24 via 192.168.77.12 proto 83
agent_up n1
until_ok "an earlier life's routes go" "^2$" ways "dev eth0"
agent_stop n1
in_net n1 "$SAMPAN" down --data-dir "$WORK/n1" --run-dir "$WORK/n1/run" >/dev/null 2>&1
check "none is left when it is taken off the machine" "^0$" ways ""
finish
