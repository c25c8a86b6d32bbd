#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A machine dies: Services forget its pods, others take their place elsewhere; one that was only
# held up keeps what it has.
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/flow/lib.sh
. tests/flow/lib.sh
# shellcheck source=tests/node/lib.sh
. tests/node/lib.sh

server_up --node-monitor-grace-period 3s --node-eviction-rate 1
nodes_up --node-lease-duration 4s --region here --zone a --labels tier=front,example.com/rack=7
labels() { kubectl get node "$1" -o 'jsonpath={.metadata.labels.topology\.kubernetes\.io/region}/{.metadata.labels.topology\.kubernetes\.io/zone} {.metadata.labels.tier} {.metadata.labels.example\.com/rack}'; }
check "nodes are labelled as their operator says" "^here/a front 7$" labels n2

kubectl apply -f - >/dev/null <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 4}
      containers:
      - {name: c, image: $B, command: [sleep, "100000"]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
YAML
check "pods run" "successfully rolled out" kubectl rollout status deployment/web --timeout=40s
on() { kubectl get pods -l app=web --field-selector "spec.nodeName=$1" --no-headers "${@:2}" 2>/dev/null; }
count() { on "$@" | grep -c Running; }
endpoints() { kubectl get endpoints web -o 'jsonpath={.subsets[*].addresses[*].nodeName}' 2>/dev/null | tr ' ' '\n' | sort | xargs; }
check "one on each node" "^1$" count n3
until_ok "and the Service has them" "^n1 n2 n3$" endpoints
node_taints() { kubectl get node "$1" -o 'jsonpath={range .spec.taints[*]}{.key}:{.effect} {end}'; }
ready_reason() { kubectl get node "$1" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].reason}'; }

# ---- a machine dies ----
agent_stop n3 KILL
died=$EPOCHREALTIME
until_ok "it is not believed any more" "^Unknown NodeStatusUnknown$" ready_reason n3
check "nor before its time" "^yes" awk "BEGIN { took = $EPOCHREALTIME - $died; print (took > 2 ? \"yes\" : \"no\"), took }"
until_ok "it is tainted" "^node.kubernetes.io/unreachable:NoSchedule node.kubernetes.io/unreachable:NoExecute $" node_taints n3
until_ok "Services do without its pods" "^n1 n2$" endpoints
until_ok "which are to go" "^DeletionByTaintManager$" kubectl get pods -l app=web --field-selector spec.nodeName=n3 \
	-o 'jsonpath={.items[*].status.conditions[?(@.type=="DisruptionTarget")].reason}'
elsewhere() { echo $(($(count n1) + $(count n2))); }
until_ok "another runs elsewhere" "^3$" elsewhere

# ---- one is held up, and goes on ----
pod=$(on n2 -o 'jsonpath={.items[0].metadata.uid}')
kill -STOP "${AGENT[n2]}"
until_ok "a node that is held up is not believed either" "^Unknown NodeStatusUnknown$" ready_reason n2
kill -CONT "${AGENT[n2]}"
until_ok "when it goes on it is, at once" "^True KubeletReady$" ready_reason n2
until_ok "its taints go" "^$" node_taints n2
until_ok "its pods are ready again" "n2" endpoints
check "the same as before" "$pod" on n2 -o 'jsonpath={.items[*].metadata.uid}'

# ---- the dead one comes back ----
agent_up n3 --node-lease-duration 4s
until_ok "the dead one comes back" "^True KubeletReady$" ready_reason n3
until_ok "without taints" "^$" node_taints n3
pods_left() { on "$1" | wc -l; }
until_ok "and without the pod that was given up" "^0$" pods_left n3

# ---- and is taken out of the cloud, while it runs ----
as_n3() { kubectl --kubeconfig "$WORK/n3/pki/agent.kubeconfig" get node n3 -o name; }
check "its certificate is good" "^node/n3$" as_n3
check "it is removed" "node n3 is removed" "$SAMPAN" node remove n3 --data-dir "$DATA" --timeout 20s --force
refuse "then it is good for nothing" "must be logged in|Unauthorized" as_n3
gone() { kubectl get node n3 2>&1; true; }
check "so that it does not come back by itself" "not found" gone
agent_stop n3
rm -r "$WORK/n3/pki"
line=$("$SAMPAN" token create --data-dir "$DATA")
# shellcheck disable=SC2086
check "the name is free for who joins anew" "is a member" in_net n3 "$SAMPAN" join ${line#sampan join } --data-dir "$WORK/n3" --node-name n3 --no-run
agent_up n3 --node-lease-duration 4s
until_ok "who then is a node" "^True KubeletReady$" ready_reason n3
finish
