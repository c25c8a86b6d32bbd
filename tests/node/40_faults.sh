#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Faults on a lab (tools/lab), while clients write, read and watch: no history that is not linearizable,
# no watch that missed or repeated anything, no traffic that stopped but to what has failed.
# A short round by default; with SAMPAN_LONG every fault.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
[ "$(id -u)" = 0 ] || skip "needs root"
for t in kubectl busybox crun conmon curl dig jq python3 etcd etcdctl; do command -v $t >/dev/null || skip "$t is missing"; done
tools/ci-cgroups.sh || skip "cgroups cannot be prepared"

LAB=$WORK/lab
: "${SEED:=$RANDOM$RANDOM}"; export SEED
echo "seed $SEED (SEED=$SEED repeats the choices)"
lab() { tools/lab --dir "$LAB" "$@"; }
lab_down() {
	[ -f "$LAB/lab.json" ] || return
	check "nothing of the lab is left" "down: 0 processes, 0 namespaces, 0 links, 0 mounts left" lab down --keep
	cat "$LAB"/log/[ns]* >>"$WORK/log"
	refuse "what is kept is not written over" "has data and logs" lab up --etcd 0 --servers 1 --nodes 0
	rm -rf "$LAB"
}
cleanup() { lab down >/dev/null 2>&1; [ -n "${KEEP-}" ] || rm -rf "$WORK"; }
traffic() { python3 tests/node/traffic.py "$LAB" "$@"; }

# load ARG...: begins in the background;  load_ends NAME: what it has found.
load() {
	local servers
	servers=$(jq -r '.net4 as $net | [range(1; .servers + 1) | "\($net).\(40 + .):6443"] | join(",")' "$LAB/lab.json")
	: >"$WORK/load"
	SEED=$((SEED + ok)) exec python3 tests/sim/load.py "$LAB/s1/admin.kubeconfig" --servers "$servers" --seconds 600 "$@" >"$WORK/load" 2>&1 &
	LOAD=$!
	until_ok "clients write" running cat "$WORK/load"
	sleep 1
}
load_stops() { sleep 1; kill -TERM "$LOAD"; wait "$LOAD"; echo "the load ended with $?" >>"$WORK/load"; }
load_ends() {
	load_stops
	check "$1: the history is right" ": 0 violations.*ended with 0" cat "$WORK/load"
	echo "$1: $(grep -h operations "$WORK/load")"
}

# asking [--away NODE], asked NAME: between them pods ask each other and Services by name, and every question is answered.
asking() {
	: >"$WORK/steady"
	exec python3 tests/node/traffic.py "$LAB" steady "$@" >"$WORK/steady" 2>&1 &
	ASKING=$!
	until_ok "pods ask" asking cat "$WORK/steady"
}
asked() {
	kill -TERM "$ASKING"; wait "$ASKING"; echo "they ended with $?" >>"$WORK/steady"
	check "$1: pods and Services answer throughout" "questions, 0 unanswered.*ended with 0" cat "$WORK/steady"
}

# during SECONDS FAULT ARG... [+ FAULT ARG...]: then everything heals.
during() {
	local seconds=$1 args=(); shift
	for w in "$@" +; do
		if [ "$w" != +  ]; then args+=("$w"); continue; fi
		check "fault ${args[*]}" "^fault" lab fault "${args[@]}"
		args=()
	done
	sleep "$seconds"
	check "healed after $*" "^healed" lab heal
}

# round NAME SILENCE SECONDS FAULT...: the fault under load, at most SILENCE s without an answered write; the table of traffic after it.
round() {
	local name=$1 silence=$2 seconds=$3 node; shift 3
	node=$(grep -o 'n[0-9]' <<<"$*" | head -n 1)      # a node's names come from its agent
	asking ${node:+--away "$node"}
	load --silence "$silence"
	during "$seconds" "$@"
	load_ends "$name"
	asked "$name"
	check "$name: traffic is as before" ": 0 wrong" traffic
}

[ -x "$(dirname "$SAMPAN")/tests/sim/strain" ] || { echo "tests/sim/strain is not built"; exit 1; }
check "the image of the table" "traffic:1" python3 tests/node/traffic.py "$WORK/traffic.tar" image

# ---- three members of etcd, three servers, three nodes ----
check "a lab comes up" "The lab is up: e1, e2, e3, s1, s2, s3, n1, n2, n3" lab up --disk 300m --clocks --image "$WORK/traffic.tar"
[ "$bad" = 0 ] || finish
check "pods and Services" "^$" traffic setup
check "traffic" ": 0 wrong" traffic
asking
load --silence 8
during 3 kill leader
during 2 kill s1
during 4 isolate s2
load_ends "three servers"
asked "three servers"
check "traffic is as before" ": 0 wrong" traffic

if [ -n "${SAMPAN_LONG-}" ]; then
	round "a member is killed" 8 10 kill e1
	round "the leader is killed" 10 10 kill leader
	round "two members are killed" 40 10 kill e1 + kill e2
	round "all members are killed" 40 5 kill e1 + kill e2 + kill e3
	round "a server is killed" 8 10 kill s2
	round "the holder of the Lease is killed" 8 15 kill holder
	round "all servers are killed" 30 2 kill s1 + kill s2 + kill s3
	round "an agent is killed" 5 10 kill n1
	round "a member, a server and an agent are killed" 12 10 kill leader + kill s3 + kill n2
	for way in both in out; do
		round "the leader is isolated ($way)" 15 15 isolate leader $way
		round "a server is isolated ($way)" 10 15 isolate s1 $way
	done
	round "the members part" 15 12 partition e1 e2
	round "the members part, one way" 15 12 partition e2 e1 one-way + partition e3 e2 one-way
	round "a server and a member part" 10 12 partition s1 e1
	round "a server and a member part, one way" 10 12 partition s1 e2 one-way
	round "a server and a member part, the other way" 10 12 partition e2 s1 one-way
	round "a server finds no member" 10 15 partition s2 e1 + partition s2 e2 + partition s2 e3
	round "slow syncs of the leader" 15 15 slow-sync leader 500
	round "slow syncs of all" 20 15 slow-sync e1 500 + slow-sync e2 500 + slow-sync e3 500
	round "20 % loss" 30 20 loss e1 20 + loss e2 20 + loss e3 20 + loss s1 20 + loss s2 20 + loss s3 20
	round "slow wires" 30 15 delay leader 100 + delay s1 100
	round "clocks of servers step" 8 15 clock s1 3600 + clock s2 -3600
	round "clocks of members step" 15 15 clock e1 86400 + clock e2 -86400
	round "the leader's disk is full" 20 10 disk leader
	round "a server stands still for 60 s" 10 60 stop s1
	round "the leader stands still for 60 s" 15 60 stop leader
	round "the holder stands still for 60 s" 15 60 stop holder
	RANDOM=$((SEED % 32768))
	members=("kill e1" "kill leader" "stop e2" "isolate e3" "isolate leader in" "slow-sync leader 300" "loss e1 20" "clock e2 7200" "disk e3")
	servers=("kill s1" "kill holder" "stop s2" "isolate s3" "isolate s1 out" "loss s2 20" "clock s3 -7200" "partition s1 e2" "delay s2 50")
	load
	for _ in $(seq 15); do
		# shellcheck disable=SC2086
		during $((RANDOM % 7)) ${members[RANDOM % 9]} + ${servers[RANDOM % 9]}
	done
	load_ends "faults at random"
	away() { # a node of which nobody hears: the others do not notice
		check "fault isolate n2" "^fault" lab fault isolate n2
		check "pods reach each other without n2" ": 0 wrong" traffic --away n2 --only "pod to pod"
		check "names are found without n2" ": 0 wrong" traffic --away n2 --only DNS
		check "healed after isolate n2" "^healed" lab heal
	}
	load; away; load_ends "a node is isolated"
	until_ok "the node is believed again" ": 0 wrong" traffic
fi
lab_down

# ---- one server, SQLite ----
nodes=0; [ -n "${SAMPAN_LONG-}" ] && nodes=3
check "a lab with SQLite comes up" "The lab is up: s1" lab up --etcd 0 --servers 1 --nodes $nodes --disk 300m --clocks --image "$WORK/traffic.tar"
[ "$bad" = 0 ] || finish
load --silence 12
during 1 kill s1
during 2 stop s1
during 2 slow-sync s1 500 + clock s1 -3600
during 1 clock s1 86400 + loss s1 20
during 1 disk s1
load_ends "one server"

refuse "a lab in the same place" "already: take it down first" lab up
refuse "a machine that is not there" "there is no machine z9; there are s1" lab fault kill z9
refuse "loss of more than all" "a number from 0 to 100, not 120" lab fault loss s1 120
refuse "a fault with too many words" "takes other arguments" lab fault kill s1 now
check "a command in a machine's network" "inet 192.0.2.41/24" lab exec s1 ip -4 addr show eth0

# What the judges are for: a cloud that goes back in time is found out.
load
check "a backup" "" "$SAMPAN" backup --data-dir "$LAB/s1" "$WORK/backup"
sleep 1
check "fault kill s1" "^fault" lab fault kill s1
check "the backup takes the place of what was acknowledged" "" "$SAMPAN" restore --data-dir "$LAB/s1" --force "$WORK/backup"
check "healed" "^healed" lab heal
load_stops
check "writes that are lost are found" "not linearizable.*ended with 1" cat "$WORK/load"

if [ -n "${SAMPAN_LONG-}" ]; then
	check "pods and Services" "^$" traffic setup
	round "the server is killed, again and again" 12 1 kill s1
	for _ in 1 2 3 4 5; do round "killed under slow syncs" 15 1 slow-sync s1 500 + kill s1; done
	round "60 s of stillness" 75 60 stop s1
	round "an agent is killed" 5 5 kill n1
	round "a slow wire" 5 10 delay s1 100
	round "a lossy wire" 10 20 loss s1 20 + loss n1 20
	round "nobody hears the server" 20 8 isolate s1 out
	round "the server hears nobody" 20 8 isolate s1 in
	round "a full disk" 15 8 disk s1
	round "a full disk, and a kill" 15 3 disk s1 + kill s1
fi
lab_down
finish
