# SPDX-License-Identifier: Apache-2.0
# lib - what the tests of several nodes share: each node in a network namespace of its own, on
# one wire with the server (out0, $HOST).
# shellcheck shell=bash
#
#   server_up ARG...         starts the server alone, with further options
#   nodes_up [ARG...]        joins n1, n2 and n3 at 192.168.77.11 to .13 and starts their agents
#   in_net NAME CMD...       runs CMD in a node's (or a wire's) network
#   wire NAME ADDRESS        a network namespace on the wire, without a node: a client from outside
#   agent_up NAME [ARG...]   starts a node's agent;  agent_stop NAME [SIGNAL]  ends it
#   in_pod UID NODE CMD...   runs CMD in the network of a pod; no agent is needed for that
#
# Sourced after tests/flow/lib.sh, whose check, until_ok and finish it serves.
[ "$(id -u)" = 0 ] || skip "needs root"
for t in kubectl busybox crun conmon curl dig; do command -v $t >/dev/null || skip "$t is missing"; done
tools/ci-cgroups.sh || skip "cgroups cannot be prepared"

HOST=192.168.77.1 NODES="n1 n2 n3"
# shellcheck disable=SC2034
B=localhost/busybox:1
export KUBECONFIG=$DATA/admin.kubeconfig
declare -A AGENT

wire() {
	: >"$WORK/net-$1"
	if ! { unshare --net="$WORK/net-$1" true && ip link add "w-$1" type veth peer name eth0 netns "$WORK/net-$1" &&
		ip link set "w-$1" master out0 up &&
		in_net "$1" sh -c "ip link set lo up && ip addr add $2/24 dev eth0 && ip link set eth0 up && ip route add default via $HOST"; }; then
		echo "cannot make the wire of $1"; exit 1
	fi
}
in_net() { nsenter --net="$WORK/net-$1" "${@:2}"; }
in_pod() { nsenter --net="$WORK/$2/run/ns/$1.net" "${@:3}"; }

agent_up() {
	nsenter --net="$WORK/net-$1" "$SAMPAN" agent --kubeconfig "$WORK/$1/pki/agent.kubeconfig" --data-dir "$WORK/$1/agent" --run-dir "$WORK/$1/run" \
		--node-name "$1" "${@:2}" >>"$WORK/log-$1" 2>&1 &
	AGENT[$1]=$!
}
agent_stop() { kill "-${2-TERM}" "${AGENT[$1]}"; wait "${AGENT[$1]}" 2>/dev/null; unset "AGENT[$1]"; }

cloud_down() {
	[ -n "${CLOUD-}" ] || return 0
	for n in $NODES; do
		[ -z "${AGENT[$n]-}" ] || agent_stop "$n"
		[ ! -d "$WORK/$n/agent" ] || in_net "$n" "$SAMPAN" down --data-dir "$WORK/$n" --run-dir "$WORK/$n/run" >>"$WORK/down" 2>&1 ||
			{ echo "down of $n failed:"; tail -5 "$WORK/down"; bad=$((bad + 1)); }
		cat "$WORK/log-$n" >>"$WORK/log" 2>/dev/null
		: >"$WORK/log-$n"
	done
	for n in "$WORK"/net-*; do umount "$n" 2>/dev/null; done
	kill "$CLOUD"; wait "$CLOUD" 2>/dev/null
	CLOUD=
}

server_up() {
	mkdir -p "$DATA"
	"$SAMPAN" server --data-dir "$DATA" --listen "$HOST:$PORT" "$@" >>"$WORK/log" 2>&1 &
	CLOUD=$!
	server_ready || exit 1
}

all_ready() { kubectl get nodes | grep -c ' Ready '; }

nodes_up() {
	local image line n
	image=$(busybox_image)
	for n in $NODES; do
		wire "$n" "192.168.77.1${n#n}"
		line=$("$SAMPAN" token create --data-dir "$DATA")
		# shellcheck disable=SC2086
		in_net "$n" "$SAMPAN" join ${line#sampan join } --data-dir "$WORK/$n" --node-name "$n" --no-run >>"$WORK/log" 2>&1 ||
			{ echo "$n does not join:"; tail -5 "$WORK/log"; exit 1; }
		"$SAMPAN" image import --data-dir "$WORK/$n/agent" "$image" >/dev/null || { echo "image import failed"; exit 1; }
		agent_up "$n" "$@"
	done
	until_ok "three nodes are ready" "^3$" all_ready
	until_ok "service account" default kubectl get sa default
}
