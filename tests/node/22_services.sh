#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Services over three nodes, of which two have endpoints: who may come in where, who is sent
# where, whose address is seen; balancers' addresses, and who speaks for them.
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/flow/lib.sh
. tests/flow/lib.sh
# shellcheck source=tests/node/lib.sh
. tests/node/lib.sh
command -v socat >/dev/null || skip "socat is missing"

server_up --load-balancer-pool 192.168.77.200-192.168.77.203
nodes_up "$@"
wire out 192.168.77.50
kubectl label node n1 topology.kubernetes.io/zone=z1 web=yes >/dev/null
kubectl label node n2 topology.kubernetes.io/zone=z2 web=yes >/dev/null
kubectl label node n3 topology.kubernetes.io/zone=z2 >/dev/null

service() { # NAME SPEC: spec in one line of YAML
	kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Service
metadata: {name: $1}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080${3-}}], $2}
YAML
}
kubectl apply -f - >/dev/null <<YAML
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      nodeSelector: {web: "yes"}
      terminationGracePeriodSeconds: 2
      containers:
      - name: c
        image: $B
        command: [sh, -c, "trap '' TERM; mkdir -p /tmp/w/cgi-bin && printf '#!/bin/sh\necho; echo \$NODE \$REMOTE_ADDR\n' >/tmp/w/cgi-bin/me && chmod +x /tmp/w/cgi-bin/me && exec httpd -f -p 8080 -h /tmp/w"]
        env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
YAML
service plain "type: NodePort" ", nodePort: 30081"
service local "type: NodePort, externalTrafficPolicy: Local" ", nodePort: 30082"
service inside "internalTrafficPolicy: Local"
service near "trafficDistribution: PreferSameZone"
service same "trafficDistribution: PreferSameNode"
service bound "type: NodePort, sessionAffinity: ClientIP" ", nodePort: 30083"
service vip "type: LoadBalancer, loadBalancerIP: 192.168.77.201"
service viplocal "type: LoadBalancer, externalTrafficPolicy: Local, loadBalancerIP: 192.168.77.202"
service many "type: NodePort, ports: [{name: u, port: 90, protocol: UDP, targetPort: 9000, nodePort: 30090}, {name: s, port: 90, protocol: SCTP, targetPort: 9000, nodePort: 30090}]"
check "a pod on two of three nodes" "successfully rolled out" kubectl rollout status daemonset/web --timeout=40s
[ "$bad" = 0 ] || finish

declare -A UID_OF
for n in n1 n2; do UID_OF[$n]=$(kubectl get pods -l app=web --field-selector "spec.nodeName=$n" -o 'jsonpath={.items[0].metadata.uid}'); done
of() { kubectl get service "$1" -o "jsonpath={.spec.clusterIP}"; }
me='curl -s --max-time 2'
plain() { sed 's/\[\|\]\|::ffff://g'; }
nodes_of() { plain | cut -d' ' -f1 | sort -u | xargs; }
# asked WHERE ADDRESS: which nodes' pods answer of 16 requests.
asked() { in_net "$1" bash -c "for _ in {1..16}; do $me http://$2/cgi-bin/me; done" | nodes_of; }
from_pod() { in_pod "${UID_OF[$1]}" "$1" bash -c "for _ in {1..16}; do $me http://$2/cgi-bin/me; done" | nodes_of; }
seen() { in_net "$1" bash -c "$me http://$2/cgi-bin/me" | plain; }
silent() { local out; out=$(in_net "$1" curl -s --max-time 1 "http://$2/"); [ $? = 28 ] && echo "no answer $out"; }
settled() { [ "$(asked out 192.168.77.13:30081)" = "n1 n2" ] && asked n3 "$(of plain)"; }
until_ok "the rules of all nodes are there" "^n1 n2$" settled

# ---- from outside, at ports of nodes ----
check "any node serves from all" "^n1 n2$" asked out 192.168.77.13:30081
check "seen as the node, so that answers come back" "^n[12] (192.168.77.13|10.244.)" seen out 192.168.77.13:30081
check "Local: a node serves from its own" "^n1$" asked out 192.168.77.11:30082
check "seen as who asks" "^n2 192.168.77.50$" seen out 192.168.77.12:30082
check "Local: a node without drops" "^no answer" silent out 192.168.77.13:30082
check "which its own processes do not notice" "^n1 n2$" asked n3 192.168.77.13:30082
check "nor do pods" "^n1 n2$" from_pod n1 192.168.77.11:30082
check "affinity: always the same" "^n[12]$" asked out 192.168.77.13:30083

# ---- from inside ----
check "inside Local: a node's own" "^n2$" from_pod n2 "$(of inside)"
check "so a pod reaches itself, and does not see its own address as the asker's" "^n1 10.244" seen n1 "$(of inside)"
check "a node without drops" "^no answer" silent n3 "$(of inside)"
check "hints: the zone's own" "^n2$" asked n3 "$(of near)"
check "in every zone" "^n1$" from_pod n1 "$(of near)"
check "hints: the node's own" "^n2$" from_pod n2 "$(of same)"
check "else the zone's" "^n2$" asked n3 "$(of same)"
check "affinity: always the same" "^n[12]$" from_pod n2 "$(of bound)"

kubectl apply -f - >/dev/null <<YAML
apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: {name: more}
spec: {cidrs: [10.98.0.0/24]}
YAML
until_ok "a further range of addresses" "True" kubectl get servicecidr more -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
service further "clusterIP: 10.98.0.7"
in_net n3 ip route del default
until_ok "is reached from nodes, without a default route, too" "^n1 n2$" asked n3 10.98.0.7
check "and from pods" "^n1 n2$" from_pod n1 10.98.0.7
refuse "what no Service has is refused there" "Couldn't connect" in_net n3 curl -sS --max-time 2 http://10.98.0.8/
in_net n3 ip route add default via "$HOST"

# ---- other protocols ----
for n in n1 n2; do
	for p in UDP4-RECVFROM SCTP4-LISTEN; do
		nsenter --net="$WORK/$n/run/ns/${UID_OF[$n]}.net" socat $p:9000,fork,reuseaddr "SYSTEM:read a; echo \$a $n" 2>/dev/null &
		SERVERS+=($!)
	done
done
say() { for _ in $(seq 12); do in_net "$1" timeout 2 socat -t 0.2 - "$2" <<<hello; done | sort -u | xargs; }
until_ok "UDP at the Service's address" "^hello n1 hello n2$" say n3 "UDP4:$(of many):90"
until_ok "UDP at a node's port" "^hello n1 hello n2$" say out UDP4:192.168.77.13:30090
if grep -q '^SCTP ' /proc/net/protocols; then    # not every kernel has it
	until_ok "SCTP at the Service's address" "^hello n1 hello n2$" say n3 "SCTP4:$(of many):90"
	until_ok "SCTP at a node's port" "^hello n1 hello n2$" say out SCTP4:192.168.77.13:30090
fi
kill "${SERVERS[@]}" 2>/dev/null

# ---- balancers ----
shown() { kubectl get service "$1" -o 'jsonpath={.status.loadBalancer.ingress[0].ip}'; }
until_ok "the pool's address that was asked for" "^192.168.77.201$" shown vip
until_ok "answers" "^n1 n2$" asked out 192.168.77.201
speaker() { for n in n1 n2 n3; do in_net $n ip -4 addr show dev eth0 | grep -q "inet $1/32" && echo -n "$n "; done; true; }
check "one node speaks for it" "^n[123] $" speaker 192.168.77.201
check "pods reach it, too" "^n1 n2$" from_pod n1 192.168.77.201
check "and nodes" "^n1 n2$" asked n3 192.168.77.201
refuse "what else the speaker listens on is not to be had there" "Couldn't connect" in_net out curl -sSk --max-time 2 https://192.168.77.201:10250/
until_ok "Local: a node with endpoints speaks" "^n[12] $" speaker 192.168.77.202
check "seen as who asks" "^n[12] 192.168.77.50$" seen out 192.168.77.202
probe() { in_net out curl -s -o /dev/null -D - -w '%{http_code}' --max-time 2 "http://192.168.77.1$1:$(kubectl get service viplocal -o 'jsonpath={.spec.healthCheckNodePort}')/healthz" | tr -d '\r' | grep -iE '^200|^503|weight' | xargs; }
check "its nodes say so to balancers outside" "weight: 1 200" probe 1
check "and those without" "weight: 0 503" probe 3

was=$(speaker 192.168.77.201) was=${was% }
kubectl label node "$was" node.kubernetes.io/exclude-from-external-load-balancers= >/dev/null
moved() { [ "$(speaker 192.168.77.201)" != "$was " ] && speaker 192.168.77.201; }
until_ok "another speaks when that one may not" "^n[123] $" moved
check "and is heard" "^n1 n2$" asked out 192.168.77.201
now=$(speaker 192.168.77.201) now=${now% }
mac_of() { in_net "$1" ip -br link show eth0 | awk '{ print $3 }'; }
check "at once: it told the wire" "lladdr $(mac_of "$now")" in_net out ip neigh show 192.168.77.201
agent_stop "$now" KILL
check "while its agent is away, too" "^n1 n2$" asked out 192.168.77.201
kubectl label node "$now" node.kubernetes.io/exclude-from-external-load-balancers= >/dev/null
agent_up "$now"
given_up() { [[ "$(speaker 192.168.77.201)" =~ ^n[123]\ $ ]] && [ "$(speaker 192.168.77.201)" != "$now " ] && echo "given up"; }
until_ok "which gives up what it spoke for, and may not any more, when it comes back" "^given up$" given_up
kubectl label node "$now" node.kubernetes.io/exclude-from-external-load-balancers- >/dev/null

until_ok "and is ready" " Ready " kubectl get node "$now" --no-headers
kubectl label node "$was" node.kubernetes.io/exclude-from-external-load-balancers- >/dev/null
until_ok "who may speak again does" "^$was $" speaker 192.168.77.201
ip link set "w-$was" down
other() { for n in n1 n2 n3; do [ $n = "$was" ] || ! in_net $n ip -4 addr show dev eth0 | grep -q "inet $1/32" || echo $n; done; }
began=$SECONDS
until_ok "a node that no longer answers is stood in for" "^n[123]$" other 192.168.77.201
check "within seconds" "^[0-9]$" echo $((SECONDS - began))
until_ok "and that is heard" "^n[12]" seen out 192.168.77.201
ip link set "w-$was" up
nobody_else() { [ -z "$(other "$1")" ] && echo "$was alone"; }
until_ok "until it answers again" "^$was alone$" nobody_else 192.168.77.201
kubectl patch service vip -p '{"spec":{"loadBalancerSourceRanges":["203.0.113.0/24"]}}' >/dev/null
until_ok "who is not of the ranges is dropped" "^no answer" silent out 192.168.77.201
kubectl patch service vip -p '{"spec":{"loadBalancerSourceRanges":["203.0.113.0/24","192.168.77.48/29"]}}' >/dev/null
until_ok "who is comes in" "^n1 n2$" asked out 192.168.77.201
kubectl patch service vip -p '{"spec":{"type":"ClusterIP","loadBalancerIP":null,"loadBalancerSourceRanges":null}}' >/dev/null
none() { [ -z "$(speaker 192.168.77.201)" ] && echo nobody; }
until_ok "no balancer any more: nobody speaks" "^nobody$" none

# ---- endpoints that end ----
kubectl label node n2 web- >/dev/null
until_ok "one is left" "^n1$" asked out 192.168.77.13:30081
until_ok "and speaks" "^n1 $" speaker 192.168.77.202
kubectl label node n1 web- >/dev/null
ending() { kubectl get endpointslices -l kubernetes.io/service-name=plain -o 'jsonpath={.items[*].endpoints[*].conditions}'; }
until_ok "the last one ends" '"ready":false,"serving":true,"terminating":true' ending
check "it serves as long as it does" "^n[12] " seen out 192.168.77.13:30081
gone() { curl -sS --max-time 2 "http://192.168.77.13:30081/" 2>&1; true; }
until_ok "then nobody" "Couldn't connect" gone
finish
