#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The store is away for a while: what agents ask meanwhile is bounded, their watches live on, and soon after it is back
# all of them have said so.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
. tests/flow/lib_etcd.sh
for t in kubectl curl python3; do command -v $t >/dev/null || skip "$t is missing"; done

AGENTS=6 AWAY=20
SERVERS=() NODES=()
halt() { for p in "$@"; do kill "$p"; done 2>/dev/null; for p in "$@"; do wait "$p" 2>/dev/null; done; }
cloud_down() { halt "${NODES[@]}"; halt "${SERVERS[@]}"; etcd_cleanup; NODES=() SERVERS=(); }
A=$WORK/a B=$WORK/b
export KUBECONFIG=$A/admin.kubeconfig
now_ms() { date +%s%3N; }

serve() { # DIR PORT
	"$SAMPAN" server --data-dir "$1" --listen "127.0.0.1:$2" --store "etcd://$ETCD_AT" >>"$WORK/log" 2>&1 &
	SERVERS+=($!) CLOUD=$!
	DATA=$1 KUBECONFIG=$1/admin.kubeconfig server_ready || exit 1
	CLOUD=
}
ask() { # DIR PORT PATH
	curl -s --max-time 5 --cacert "$1/pki/ca.crt" --cert "$1/pki/admin.crt" --key "$1/pki/admin.key" "https://127.0.0.1:$2/$3"
}
metrics() { ask "$1" "$2" metrics; }
requests() { { metrics "$A" "$PORT"; metrics "$B" $((PORT + 1)); } | awk '/^apiserver_request_total/ { n += $NF } END { print n + 0 }'; }
watches() { { metrics "$A" "$PORT"; metrics "$B" $((PORT + 1)); } | awk '/^apiserver_request_total.*verb="WATCH"/ { n += $NF } END { print n + 0 }'; }
# A line for each node's Lease: its name and revision.
leases() {
	ask "$A" "$PORT" "apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases?resourceVersion=0&pretty=false" |
		sed 's/"metadata":/\n&/g' | sed -n 's/^"metadata":.*"name":"\(n[0-9]*\)".*"resourceVersion":"\([0-9]*\)".*/\1 \2/p' | sort
}
# How many were written since they were as in the file.
renewed() { leases | comm -13 "$WORK/leases" - | wc -l; }

mkdir -p "$A" "$B"
etcd_start
serve "$A" "$PORT"
cp -r "$A/pki" "$B/pki"
serve "$B" $((PORT + 1))
for i in $(seq $AGENTS); do
	line=$("$SAMPAN" token create --data-dir "$A" 2>>"$WORK/log")
	"$SAMPAN" join ${line#sampan join } --node-name "n$i" --data-dir "$WORK/n$i" --no-run >>"$WORK/log" 2>&1 || { echo "n$i does not join"; exit 1; }
	"$SAMPAN" agent --kubeconfig "$WORK/n$i/pki/agent.kubeconfig" --data-dir "$WORK/n$i/agent" --node-name "n$i" --runtime fake \
		--run-dir "$WORK/n$i-run" --address 127.0.0.1 --listen "127.0.0.1:$((PORT + 10 + i))" >>"$WORK/agents" 2>&1 &
	NODES+=($!)
done
until_ok "the nodes are ready" "condition met" kubectl wait --for=condition=Ready node --all --timeout=10s
sleep 2

etcd_stop
sleep 2
before=$(requests) watched=$(watches)
sleep $AWAY
asked=$(($(requests) - before)) watched=$(($(watches) - watched))
# Of each agent: a probe every second or two, and what its Lease wants; health is counted nowhere.
report "what $AGENTS agents asked in $AWAY s" $((asked > AGENTS * AWAY)) "at most $((AGENTS * AWAY))" "$asked"
report "their watches lived on" $((watched > AGENTS)) "at most $AGENTS new ones" "$watched"
leases >"$WORK/leases"
etcd_start
back=$(now_ms)
for _ in $(seq 60); do [ "$(renewed)" = $AGENTS ] && break; sleep 0.1; done
took=$(($(now_ms) - back))
[ -z "${VERBOSE-}" ] || echo "$asked requests, $watched watches, back after $took ms"
report "all said so soon after it was back" $((took > 4000)) "within 4 s" "$took ms; $(renewed)"
check "nobody was given up" "^$AGENTS\$" bash -c "kubectl get nodes --no-headers | grep -c ' Ready'"
finish
