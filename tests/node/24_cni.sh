#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Another network in the place of our own: real plugins (bridge, host-local, portmap) and one
# of ours that says what it is asked and fails when told to.
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/flow/lib.sh
. tests/flow/lib.sh
for p in bridge host-local portmap; do [ -x /usr/lib/cni/$p ] || skip "/usr/lib/cni/$p is missing (containernetworking-plugins)"; done
for t in iptables curl jq dig; do command -v $t >/dev/null || skip "$t is missing"; done
C=$WORK/cni
mkdir -p "$C/net.d" "$C/bin" "$C/ipam"
cat >"$C/bin/witness" <<SH
#!/bin/sh
conf=\$(cat)
echo "\$CNI_COMMAND \$CNI_CONTAINERID \$CNI_IFNAME \$CNI_ARGS" >>$C/calls
if [ -e $C/fail-\$CNI_COMMAND ]; then
	echo '{"cniVersion":"1.0.0","code":11,"msg":"the fabric is full","details":"of holes"}'; exit 1
fi
[ "\$CNI_COMMAND" != ADD ] || printf '%s' "\$conf" | jq -c .prevResult
SH
chmod +x "$C/bin/witness"
echo '{"cniVersion":"1.0.0","name":"first"' >"$C/net.d/05-broken.conf"
cat >"$C/net.d/10-net.conflist" <<JSON
{"cniVersion":"1.0.0","name":"othernet","plugins":[
 {"type":"bridge","bridge":"cnitest0","isGateway":true,"ipMasq":true,"hairpinMode":true,
  "ipam":{"type":"host-local","dataDir":"$C/ipam","ranges":[[{"subnet":"10.99.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
 {"type":"portmap","capabilities":{"portMappings":true}},
 {"type":"witness"}]}
JSON
echo '{"cniVersion":"1.0.0","name":"last","type":"nothing"}' >"$C/net.d/20-last.conf"

cloud_start() {
	export KUBECONFIG=$DATA/admin.kubeconfig
	"$SAMPAN" up --data-dir "$DATA" --listen "127.0.0.1:$PORT" --cluster-cidr 10.98.0.0/15 --cni-dir "$C/net.d" --cni-bin-dir "$C/bin:/usr/lib/cni" >>"$WORK/log" 2>&1 &
	CLOUD=$!
	server_ready
}
cloud_up
B=localhost/busybox:1
pod() { # NAME [PORTS]
	kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: $1}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: $B
    command: [sh, -c, "trap 'exit 0' TERM; mkdir /tmp/w; echo \$\$HOSTNAME >/tmp/w/me; httpd -p 8080 -h /tmp/w; while :; do sleep 0.1; done"]
    ports: [{containerPort: 8080${2-}}]
YAML
}
field() { kubectl get pod "$1" -o "jsonpath={$2}"; }
calls() { grep -c "^$1 $2 " "$C/calls"; }
until_ok "service account" default kubectl get sa default

# ---- pods begin ----
check "the log says whose network it is" "network othernet of .*/10-net.conflist" grep "pods are attached by" "$WORK/log"
until_ok "the Node says so" "posting ready status; pods are on the network othernet of a CNI configuration" \
	kubectl get nodes -o 'jsonpath={.items[0].status.conditions[?(@.type=="Ready")].message}'
check "status says so" "nodes +1, 1 ready.*pods are on the network othernet" "$SAMPAN" status --data-dir "$DATA"
check "and what was passed over" "05-broken.conf is passed over" grep "passed over" "$WORK/log"
pod a ", hostPort: 8099"
pod b
kubectl expose pod b --port 80 --target-port 8080 >/dev/null
check "both run" "condition met.*condition met" kubectl wait --for=condition=Ready pod/a pod/b --timeout=20s
A=$(field a .metadata.uid) AIP=$(field a .status.podIP) BIP=$(field b .status.podIP)
check "addresses are the plugin's" "^10.99.0.[0-9]+ 10.99.0.[0-9]+$" echo "$AIP $BIP"
check "podIPs has it" "^$AIP$" field a '.status.podIPs[*].ip'
check "the plugin knows whose pod it is" "^ADD $A eth0 IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=a;K8S_POD_INFRA_CONTAINER_ID=$A;K8S_POD_UID=$A$" \
	grep "^ADD $A" "$C/calls"
in_pod() { nsenter --net="/run/sampan/ns/$A.net" "$@"; }
check "pods reach each other" "^b$" in_pod curl -s --max-time 3 "http://$BIP:8080/me"
check "the machine reaches them" "^a$" curl -s --max-time 3 "http://$AIP:8080/me"
check "host ports lead to them" "^a$" curl -s --max-time 3 http://192.168.77.1:8099/me
SVC=$(kubectl get service b -o 'jsonpath={.spec.clusterIP}')
until_ok "Services are still ours, from the machine" "^b$" curl -s --max-time 3 "http://$SVC/me"
check "and from pods" "^b$" in_pod curl -s --max-time 3 "http://$SVC/me"
check "which find them by their names" "^$SVC$" in_pod dig +short +time=2 @10.96.0.10 b.default.svc.cluster.local
until_ok "its pods are known to Services by the range that was given" "saddr != 10.98.0.0/15" nft list ruleset
links() { ip -o link | grep -cE ': (sampan0|sampanx|sampan[0-9a-f]{8})[:@]'; echo; }
check "no bridge and no link of our own" "^0" links

# ---- a plugin that fails ----
touch "$C/fail-ADD"
pod c
until_ok "the pod tells why it does not begin" "Failed to create pod sandbox: failed to set up its network: plugin type=.*witness.* failed \(add\): the fabric is full; of holes" \
	kubectl get events --field-selector involvedObject.name=c,reason=FailedCreatePodSandBox -o 'jsonpath={.items[*].message}'
leased() { find "$C/ipam/othernet" -name '10.*' | wc -l; }
until_ok "what was made of it is taken back" "^2$" leased
rm "$C/fail-ADD"
until_ok "it begins when the plugin works again" "^True$" field c '.status.conditions[?(@.type=="Ready")].status'

# ---- the agent goes and comes ----
agent=$(pgrep -P "$CLOUD" -f "sampan agent")
kill -9 "$agent"
until_ok "another agent runs" "^[0-9]+$" bash -c "pgrep -P $CLOUD -f 'sampan agent' | grep -vx $agent"
touch "$C/fail-DEL"
kubectl delete pod c --wait=false >/dev/null
until_ok "a pod whose network stays is not gone, and tells why" "failed to take its network away, trying again: plugin type=.*witness.* failed \(delete\): the fabric is full" \
	kubectl get events --field-selector involvedObject.name=c,reason=FailedKillPod -o 'jsonpath={.items[*].message}'
check "it waits" "^c" kubectl get pod c --no-headers
check "running pods kept their addresses, unasked" "^$AIP 1$" echo "$(field a .status.podIP) $(calls ADD "$A")"
check "and are reached" "^a$" curl -s --max-time 3 http://192.168.77.1:8099/me
rm "$C/fail-DEL"
until_ok "it goes when the plugin lets it" "NotFound" bash -c "kubectl get pod c 2>&1 || true"

# ---- pods end ----
kubectl delete pod a --wait=true >/dev/null
check "the plugin was told" "^1$" calls DEL "$A"
check "its address is free" "^1$" leased
refuse "its host port is closed" "" curl -s --max-time 2 http://192.168.77.1:8099/me
check "its record is gone" "^1$" bash -c "ls $DATA/agent/net/cni | wc -l"
cloud_down
check "down detaches the last one" "^0$" leased
check "and leaves no link of ours" "^0" bash -c "ip -o link | grep -c sampan; echo"

# ---- our own network again, and the other one while pods have its addresses ----
mv "$C/net.d" "$C/away"; mkdir "$C/net.d"
CLOUD=; cloud_start || exit 1
node_ready
pod own
until_ok "without a configuration pods have our addresses" "^10.98." field own .status.podIP
kill "$CLOUD"; wait "$CLOUD"; CLOUD=
cp "$C/away"/* "$C/net.d"
refuse "the other network does not take over beside them" "drain the node and run .sampan down." \
	"$SAMPAN" agent --kubeconfig "$DATA/pki/agent.kubeconfig" --data-dir "$DATA/agent" --cni-dir "$C/net.d" --listen 127.0.0.1:0
check "and its pod is taken down" "" "$SAMPAN" down --data-dir "$DATA"
finish
