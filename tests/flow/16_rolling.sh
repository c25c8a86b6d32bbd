#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Servers are restarted under load: nothing but retryable errors, no write lost, no watch with a gap. First one alone;
# then two over one etcd, which also agree on what they give out, and an agent that finds the one that is left.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
for t in curl python3 kubectl; do command -v $t >/dev/null || skip "$t is missing"; done

NET=192.168.77
declare -A PID=() HOST=()
LOAD='' AGENT='' ETCD=''
end() { [ -z "$1" ] || { kill "${@:2}" "$1"; wait "$1"; } 2>/dev/null; }
cloud_down() {
	end "$LOAD"; end "$AGENT"
	for p in "${PID[@]}"; do end "$p"; done
	end "$ETCD"
	cat "$WORK"/log[0-9] >>"$WORK/log" 2>/dev/null
	PID=() LOAD='' AGENT='' ETCD=''
}
url() { echo "https://${HOST[$1]}:$PORT"; }
says() { curl -sk --max-time 5 -o "$WORK/said" -w '%{http_code}' "$(url "$1")/$2"; }
retiring() { [ "$(says "$1" readyz)" = 500 ] && cat "$WORK/said"; }
k() { kubectl --kubeconfig "$WORK/s$1/admin.kubeconfig" "${@:2}"; }
server_up() { # NUMBER OPTION...
	"$SAMPAN" server --data-dir "$WORK/s$1" --listen "${HOST[$1]}:$PORT" --shutdown-delay 2s "${@:2}" >>"$WORK/log$1" 2>&1 &
	PID[$1]=$!
	for _ in $(seq 400); do
		[ -f "$WORK/s$1/admin.kubeconfig" ] && [ "$(says "$1" readyz)" = 200 ] && return 0
		kill -0 "${PID[$1]}" 2>/dev/null || break
		sleep 0.025
	done
	echo "server $1 did not get ready; its log:"; tail -30 "$WORK/log$1"; return 1
}
# Between the signal and the end of the delay it serves, but is not ready.
restart() { # NUMBER OPTION...
	kill "${PID[$1]}"
	until_ok "server $1 says that it stops, and serves" '\[-\]shutdown failed' retiring "$1"
	wait "${PID[$1]}"; rc=$?
	check "it ended in good order" "^0$" echo $rc
	server_up "$@"
}
load_begins() { # NUMBER...: of servers
	local urls=(); for n in "$@"; do urls+=("$(url "$n")"); done
	python3 tests/flow/rolling.py "$WORK/s$1/admin.kubeconfig" "${urls[@]}" >"$WORK/load" 2>&1 &
	LOAD=$!
	until_ok "load runs" "running" cat "$WORK/load"
	sleep 0.5
}
load_ends() {
	sleep 0.5
	kill "$LOAD"; wait "$LOAD"; rc=$? LOAD=
	check "the load ended well" "^0$" echo $rc
	check "no write was lost, no watch has a gap" "nothing was lost" cat "$WORK/load"
	check "watches ended with a bookmark" "[1-9][0-9]* watches ended, [1-9][0-9]* with a bookmark" cat "$WORK/load"
	[ -z "${VERBOSE-}" ] || cat "$WORK/load"
}

# One alone.
HOST[0]=127.0.0.1
server_up 0 || exit 1
refuse "a delay that is none" "--shutdown-delay soon is not a duration" "$SAMPAN" server --data-dir "$WORK/no" --shutdown-delay soon
load_begins 0
restart 0 || exit 1
load_ends
# One that was killed: who has seen a revision before that goes on there, whatever others wrote before and after.
rev_of() { k 0 get configmap "$1" -o 'jsonpath={.metadata.resourceVersion}'; }
since() { # REVISION: each event since, once and in order
	k 0 get --raw "/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=$1&timeoutSeconds=2" |
		sed -n 's/^{"type":"\([A-Z]*\)".*"name":"\([^"]*\)".*/\1 \2/p' | tr '\n' ';'
}
k 0 create configmap seen >/dev/null; k 0 create configmap goes >/dev/null; seen=$(rev_of goes)
k 0 create configmap other >/dev/null; k 0 label configmap seen a=b >/dev/null
end "${PID[0]}" -9
server_up 0 || exit 1
k 0 delete configmap goes >/dev/null
end "${PID[0]}"
server_up 0 || exit 1
k 0 create configmap last >/dev/null
check "a watch goes on over two restarts" '^ADDED other;MODIFIED seen;DELETED goes;ADDED last;$' since "$seen"
end "${PID[0]}"; unset 'PID[0]'
[ "$(id -u)" = 0 ] || { echo "the rest needs root, for addresses of its own"; finish; }
command -v etcd >/dev/null || skip "etcd is missing"

# Two over one etcd.
ip addr add "$NET.2/24" dev out0
HOST[1]=$NET.1 HOST[2]=$NET.2
etcd --data-dir "$WORK/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
	--listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
	--initial-cluster default=http://127.0.0.1:2380 --log-level error >"$WORK/etcd.log" 2>&1 &
ETCD=$!
STORE=(--store etcd://127.0.0.1:2379)
for _ in $(seq 100); do curl -s http://127.0.0.1:2379/health >/dev/null && break; sleep 0.05; done
server_up 1 "${STORE[@]}" || exit 1
line=$("$SAMPAN" token create --server --data-dir "$WORK/s1" 2>>"$WORK/log")
check "another joins" "run it with" "$SAMPAN" join ${line#sampan join } "${STORE[@]}" --data-dir "$WORK/s2" --address "$NET.2" --no-run
server_up 2 "${STORE[@]}" || exit 1
check "what many ask for at once through both is given once" "all is well" \
	python3 tests/flow/agree.py "$WORK/s1/admin.kubeconfig" "$(url 1)" "$(url 2)"
load_begins 1 2
restart 1 "${STORE[@]}" || exit 1
sleep 0.5
restart 2 "${STORE[@]}" || exit 1
load_ends

until_ok "kubectl has a context for each" "$NET.1:$PORT https://$NET.2:$PORT" k 1 config view -o 'jsonpath={.clusters[*].cluster.server}'
check "that leads there" "agreed" k 1 --context sampan-2 get namespaces -o name

# An agent that was told of one.
line=$("$SAMPAN" token create --data-dir "$WORK/s1" 2>>"$WORK/log")
check "a machine joins the first" "is a member" "$SAMPAN" join ${line#sampan join } --node-name n --data-dir "$WORK/n" --no-run
agent_up() {
	"$SAMPAN" agent --kubeconfig "$WORK/n/pki/agent.kubeconfig" --data-dir "$WORK/n/agent" --node-name n --runtime fake \
		--run-dir "$WORK/n-run" --address "$NET.9" --listen "127.0.0.1:$((PORT + 1))" >>"$WORK/log" 2>&1 &
	AGENT=$!
}
agent_up
until_ok "its node is ready" "condition met" k 2 wait --for=condition=Ready node/n --timeout=10s
until_ok "it learns the servers" "$NET.1:$PORT.*$NET.2:$PORT" xargs -a "$WORK/n/pki/agent.servers"
pod_runs() { # NAME
	k 2 create -f - >/dev/null 2>&1 <<-Y
	{"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "$1"}, "spec": {"nodeName": "n", "tolerations": [{"operator": "Exists"}],
	"automountServiceAccountToken": false, "containers": [{"name": "c", "image": "localhost/none", "imagePullPolicy": "Never"}]}}
	Y
	k 2 get pod "$1" -o 'jsonpath={.status.hostIP}'
}
until_ok "what it is given it takes up" "$NET.9" pod_runs before
if [ -n "${SAMPAN_LONG-}" ]; then
	kill -STOP "${PID[1]}"
	until_ok "also when its server is held up" "$NET.9" pod_runs held
	kill -CONT "${PID[1]}"
fi
end "${PID[1]}" -9; unset 'PID[1]'
until_ok "also when its server was killed" "$NET.9" pod_runs after
end "$AGENT"
agent_up
until_ok "and when it starts after that" "$NET.9" pod_runs last
check "commands find the one that is left, too" "nodes +1" "$SAMPAN" status --kubeconfig "$WORK/s1/admin.kubeconfig"
finish
