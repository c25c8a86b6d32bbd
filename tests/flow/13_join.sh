#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A machine joins by one command: the authority is pinned, the token short-lived, the certificate asked for. The
# agent runs nothing (--runtime fake), so that neither root nor another machine is needed.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
for t in openssl kubectl; do command -v $t >/dev/null || skip "$t is missing"; done

export KUBECONFIG=$DATA/admin.kubeconfig
AGENT=
cloud_down() {
	[ -z "$AGENT" ] || { kill "$AGENT"; wait "$AGENT" 2>/dev/null; }
	[ -z "${CLOUD-}" ] || { kill "$CLOUD"; wait "$CLOUD" 2>/dev/null; }
	AGENT='' CLOUD=
}
"$SAMPAN" server --data-dir "$DATA" --listen "127.0.0.1:$PORT" --cert-validity 12s >>"$WORK/log" 2>&1 &
CLOUD=$!
server_ready || exit 1

# What `sampan token create` prints is the whole command; "$@" comes after it.
token() { "$SAMPAN" token create --data-dir "$DATA" "$@" 2>>"$WORK/log"; }
join_by() { local line=$1; shift; set -- ${line#sampan join } "$@"; "$SAMPAN" join "$@"; }
line=$(token --description "for the test")
pin=${line##* } id=${line#*--token } id=${id%%.*}
spki=$(openssl x509 -in "$DATA/pki/ca.crt" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1)
check "the pin is of the authority's key, as kubeadm's" "^sha256:$spki$" echo "$pin"
check "tokens are listed" "$id +2[34]h .*authentication +for the test" "$SAMPAN" token list --data-dir "$DATA"
check "they are upstream's Secrets" "^bootstrap.kubernetes.io/token$" kubectl -n kube-system get secret "bootstrap-token-$id" -o 'jsonpath={.type}'
kubectl -n kube-public delete configmap cluster-info >/dev/null
until_ok "what a machine must know comes back" "cluster-info" kubectl -n kube-public get configmap -o name
anybody() { curl -sk "https://127.0.0.1:$PORT/api/v1/namespaces/kube-public/configmaps/$1"; }
check "and anybody may read it" "certificate-authority-data" anybody cluster-info
check "but nothing else" "Forbidden" anybody kube-root-ca.crt

# Who is refused, and what is left of it.
N=(--node-name far --address 127.0.0.2 --data-dir "$WORK/far")
wrong="sha256:$(printf '0%.0s' {1..64})"
refuse "another authority" "is not the cloud of --ca-pin.*nothing was sent" join_by "${line/$pin/$wrong}" "${N[@]}"
refuse "an unknown token" "does not know the token.*sampan token create" join_by "${line/--token $id/--token aaaaaa}" "${N[@]}"
refuse "a token of another form" "--token is not" join_by "${line/--token $id/--token aaa}" "${N[@]}"
refuse "a server that is not there" "does not answer.*firewall" join_by "${line/:$PORT/:1}" "${N[@]}"
refuse "no membership is left" "" test -e "$WORK/far/pki/agent.kubeconfig"
refuse "the server's own directory" "server's own directory" join_by "$line" --data-dir "$DATA" --no-run
short=$(token --ttl 1s)
sleep 1.1
refuse "a token that is over" "does not know the token, or it is over" join_by "$short" "${N[@]}"
gone=$(token) gone_id=${gone#*--token } gone_id=${gone_id%%.*}
check "a token is deleted" "deleted" "$SAMPAN" token delete --data-dir "$DATA" "$gone_id"
refuse "and good for nothing" "does not know the token" join_by "$gone" "${N[@]}"

# Killed in between, the same command goes on.
"$SAMPAN" join ${line#sampan join } "${N[@]}" --no-run >/dev/null 2>&1 &
killed=$!
sleep 0.03; kill -9 $killed 2>/dev/null; wait $killed 2>/dev/null
check "run again it goes on" "node far is a member" join_by "$line" "${N[@]}" --no-run
check "one request was made, of its own" "system:bootstrap:$id" kubectl get csr -o 'jsonpath={range .items[*]}{.spec.username}{"\n"}{end}'
check "secrets are its owner's alone" "^600 600$" bash -c "stat -c %a '$WORK/far/pki/agent.key' '$WORK/far/pki/agent.kubeconfig' | xargs"
check "the token is deleted, the membership stays" "deleted" "$SAMPAN" token delete --data-dir "$DATA" "$id"

# In the background's own place, so that $! is the agent itself.
# shellcheck disable=SC2086
{ exec "$SAMPAN" join ${line#sampan join } "${N[@]}" -- --runtime fake --run-dir "$WORK/far-run" --listen "127.0.0.2:$((PORT + 1))" >>"$WORK/log" 2>&1; } &
AGENT=$!
until_ok "the node is there" "far" kubectl get nodes -o name
check "and ready" "condition met" kubectl wait --for=condition=Ready node/far --timeout=10s
check "at its address" "^127.0.0.2$" kubectl get node far -o 'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}'
# Its certificates: the serving one by a request for exactly its name and address, both renewed by the agent.
serves() { openssl s_client -connect "127.0.0.2:$((PORT + 1))" -CAfile "$DATA/pki/ca.crt" </dev/null 2>/dev/null | openssl x509 -noout "$@"; }
until_ok "it serves with a certificate of the cloud" "DNS:far, IP Address:127.0.0.2" serves -ext subjectAltName
check "asked for by itself" "^system:node:far$" kubectl get csr -o 'jsonpath={.items[?(@.spec.signerName=="kubernetes.io/kubelet-serving")].spec.username}'
check "the server reaches it" "ok" kubectl get --raw /api/v1/nodes/far/proxy/healthz
first=$(serves -serial) end=$(date -d "$(serves -enddate | cut -d= -f2)" +%s)
cp "$WORK/far/pki/agent.kubeconfig" "$WORK/first.kubeconfig"
line=$(token)
refuse "its name is taken now" "there is a node far already.*--node-name.*sampan node remove far" \
	join_by "$line" --node-name far --data-dir "$WORK/other" --no-run
refuse "this machine has joined under another name" "has joined as far already" join_by "$line" "${N[@]}" --node-name near --no-run

# Drained within budgets, then removed; meanwhile its certificates are renewed.
# Of a node where nothing runs: its pods are said to be well by hand.
kubectl create configmap owner >/dev/null
owner=$(kubectl get configmap owner -o 'jsonpath={.metadata.uid}')
kubectl create -f - >/dev/null <<Y
kind: Node
apiVersion: v1
metadata: {name: bare}
---
kind: Pod
apiVersion: v1
metadata: {name: alone}
spec: {nodeName: bare, terminationGracePeriodSeconds: 0, tolerations: [{operator: Exists}], containers: [{name: c, image: i}]}
---
kind: PodDisruptionBudget
apiVersion: policy/v1
metadata: {name: held}
spec: {maxUnavailable: 0, selector: {matchLabels: {a: h}}}
---
kind: Pod
apiVersion: v1
metadata: {name: held, labels: {a: h}, ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: owner, uid: $owner, controller: true}]}
spec: {nodeName: bare, terminationGracePeriodSeconds: 0, tolerations: [{operator: Exists}], containers: [{name: c, image: i}]}
Y
kubectl patch pod held --subresource=status -p '{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}' >/dev/null
node() { "$SAMPAN" node "$1" --data-dir "$DATA" "${@:2}"; }
refuse "no such node" "there is no node nobody" node drain nobody
refuse "what nothing would make again is asked about" "again: default/alone; delete them, or give --force" node drain bare
refuse "a budget blocks, and is named" "default/held: a disruption budget holds it" node drain bare --force --timeout 1s
kubectl delete pdb held >/dev/null
check "without it the node is emptied" "node bare is drained" node drain bare --force --timeout 10s
serial() { [ "$(serves -serial)" != "$first" ] && echo yes; }
until_ok "it serves with another certificate" yes serial
check "before the first ends" "yes" bash -c "[ \$(date +%s) -le $end ] && echo yes"
client_renewed() { cmp -s "$WORK/far/pki/agent.kubeconfig" "$WORK/first.kubeconfig" || echo yes; }
until_ok "its client certificate is another, too" yes client_renewed
kill "$AGENT"; wait "$AGENT" 2>/dev/null; AGENT=
check "removed" "node far is removed" node remove far --timeout 10s
refuse "it is gone" "not found" kubectl get node far
refuse "as is its lease" "not found" kubectl -n kube-node-lease get lease far
check "the name is free again" "is a member" join_by "$line" --node-name far --data-dir "$WORK/other" --no-run
finish
