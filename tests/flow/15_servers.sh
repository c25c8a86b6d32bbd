#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Several servers over one etcd: each joins by one command, one of them leads, and whatever happens to it the
# controllers act elsewhere soon, and never on two. A held leader is held for 60 s with SAMPAN_LONG, else for 6 s.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
[ "$(id -u)" = 0 ] || skip "needs root, for addresses of its own"
for t in etcd kubectl curl openssl socat; do command -v $t >/dev/null || skip "$t is missing"; done

NET=192.168.77
HOLD=${SAMPAN_LONG:+60} HOLD=${HOLD:-6}
declare -A PID=() WAY=()
ETCD='' WATCHES=()
for n in 2 3 4; do ip addr add "$NET.$n/24" dev out0; done

cloud_down() {
	for p in "${WATCHES[@]}" "${PID[@]}"; do kill -CONT "$p" 2>/dev/null; kill "$p" 2>/dev/null; done
	for p in "${WATCHES[@]}" "${PID[@]}"; do wait "$p" 2>/dev/null; done
	for p in "${WAY[@]}"; do kill -CONT -- "-$p" 2>/dev/null; kill -- "-$p" 2>/dev/null; wait "$p" 2>/dev/null; done
	[ -z "$ETCD" ] || { kill "$ETCD"; wait "$ETCD" 2>/dev/null; }
	cat "$WORK"/log[1-9] >>"$WORK/log" 2>/dev/null
	PID=() WAY=() ETCD='' WATCHES=()
}
# Each server has a way of its own to etcd, which can be cut.
way() {
	setsid socat "TCP-LISTEN:239$1,bind=127.0.0.1,reuseaddr,fork" TCP:127.0.0.1:2379 2>/dev/null &
	WAY[$1]=$!
}
now_ms() { date +%s%3N; }
k() { local n=$1; shift; kubectl --kubeconfig "$WORK/s$n/admin.kubeconfig" "$@"; }
ready() {
	for _ in $(seq 300); do
		[ -f "$WORK/s$1/admin.kubeconfig" ] && k "$1" get --raw /readyz >/dev/null 2>&1 && return 0
		kill -0 "${PID[$1]}" 2>/dev/null || break
		sleep 0.05
	done
	echo "server $1 did not get ready; the log:"; tail -20 "$WORK/log$1"; return 1
}
# What each server is asked in the shortest time there is: its own /metrics, by its own certificate.
metric() {
	curl -s --max-time 2 --cacert "$WORK/s$1/pki/ca.crt" --cert "$WORK/s$1/pki/admin.crt" --key "$WORK/s$1/pki/admin.key" \
		"https://$NET.$1:6443/metrics" | sed -n "s/^$2 //p"
}
leads() { [ "$(metric "$1" 'leader_election_master_status{name="kube-controller-manager"}')" = 1 ]; }
leader() { # of those given
	for _ in $(seq 200); do
		for n in "$@"; do leads "$n" && { echo "$n"; return 0; }; done
		sleep 0.05
	done
	return 1
}
transitions() { k "$1" -n kube-system get lease kube-controller-manager -o 'jsonpath={.spec.leaseTransitions}'; }
endpoints() { k "$1" get endpoints kubernetes -o 'jsonpath={.subsets[*].addresses[*].ip}'; }
slices() { k "$1" get endpointslices -l kubernetes.io/service-name=kubernetes -o 'jsonpath={.items[*].endpoints[*].addresses[0]}'; }
deploy() { # SERVER NAME REPLICAS
	cat <<-YAML
	apiVersion: apps/v1
	kind: Deployment
	metadata: {name: $2}
	spec: {replicas: $3, selector: {matchLabels: {app: $2}}, template: {metadata: {labels: {app: $2}}, spec: {containers: [{name: c, image: i}]}}}
	---
	YAML
}
sets() { k "$1" get rs -l "app=$2" -o name | wc -l; }
within() { # NAME LIMIT_MS SINCE_MS CMD...
	local name=$1 limit=$2 since=$3 took; shift 3
	for _ in $(seq 400); do "$@" >/dev/null 2>&1 && break; sleep 0.03; done
	took=$(($(now_ms) - since))
	[ -n "${VERBOSE-}" ] && echo "$name: $took ms"
	report "$name" $((took > limit)) "within $limit ms" "$took ms"
}
has_set() { [ "$(sets "$1" "$2")" -ge 1 ]; }
are() { [ "$("$1" "$2")" = "$3" ]; }
line_for() { "$SAMPAN" token create --server --data-dir "$WORK/s$1" "${@:2}" 2>>"$WORK/log"; }
join_start() { # SERVER LINE
	"$SAMPAN" join ${2#sampan join } --store "etcd://127.0.0.1:239$1" --data-dir "$WORK/s$1" --address "$NET.$1" -- \
		--listen "$NET.$1:6443" >>"$WORK/log$1" 2>&1 &
	PID[$1]=$!
}

# Who speaks to etcd shows a certificate; the servers that join get it with the rest.
mkdir "$WORK/tls"
certificate() { # NAME
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$WORK/tls/$1.key" -subj "/CN=$1" 2>/dev/null |
		openssl x509 -req -CA "$WORK/tls/ca.crt" -CAkey "$WORK/tls/ca.key" -extfile <(echo 'subjectAltName=IP:127.0.0.1') \
			-out "$WORK/tls/$1.crt" 2>/dev/null
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$WORK/tls/ca.key" -out "$WORK/tls/ca.crt" -subj /CN=store 2>/dev/null
certificate etcd; certificate client
STORE=(--store-ca "$WORK/tls/ca.crt" --store-cert "$WORK/tls/client.crt" --store-key "$WORK/tls/client.key")
etcd --data-dir "$WORK/etcd" --listen-client-urls https://127.0.0.1:2379 --advertise-client-urls https://127.0.0.1:2379 \
	--cert-file "$WORK/tls/etcd.crt" --key-file "$WORK/tls/etcd.key" --client-cert-auth --trusted-ca-file "$WORK/tls/ca.crt" \
	--listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
	--initial-cluster default=http://127.0.0.1:2380 --log-level error >"$WORK/etcd.log" 2>&1 &
ETCD=$!
for _ in $(seq 100); do (echo >/dev/tcp/127.0.0.1/2379) 2>/dev/null && break; sleep 0.05; done

# The first, and those that join it. What they fetch is sealed.
for n in 1 2 3 4; do way $n; done
"$SAMPAN" server --data-dir "$WORK/s1" --listen "$NET.1:6443" --store etcd://127.0.0.1:2391 "${STORE[@]}" >>"$WORK/log1" 2>&1 &
PID[1]=$!
ready 1 || exit 1
line=$(line_for 1)
check "the line to join another server by" "--server --key [0-9a-f]{64}$" echo "$line"
id=${line#*--token } id=${id%%.*}
sealed() { k 1 -n kube-system get secret "sampan-server-$id" -o 'jsonpath={.data.sealed}' | base64 -d | grep -ac 'PRIVATE\|BEGIN\|etcd:'; }
check "the keys in the cloud are sealed" "^0$" bash -c "$(declare -f k sealed); WORK=$WORK id=$id; sealed || true"
check "and for two hours" "^[0-9TZ:-]+$" bash -c "$(declare -f k); WORK=$WORK; k 1 -n kube-system get secret sampan-server-$id -o 'jsonpath={.data.expiration}' | base64 -d"
refuse "another key opens nothing" "do not open with --key" "$SAMPAN" join $(echo "${line#sampan join }" | sed 's/--key .*/--key '"$(printf '0%.0s' {1..64})"'/') --data-dir "$WORK/s2"
refuse "and leaves nothing" "" test -e "$WORK/s2/pki/ca.key"
node_line=$("$SAMPAN" token create --data-dir "$WORK/s1" 2>/dev/null)
refuse "a node's token is not a server's" "not of a server" "$SAMPAN" join ${node_line#sampan join } --server --key "${line##* }" --data-dir "$WORK/s2"
check "only become a server" "run it with: sampan server .*--store etcd://127.0.0.1:2392 .*--store-key $WORK/s2/server/store.key" \
	"$SAMPAN" join ${line#sampan join } --store etcd://127.0.0.1:2392 --data-dir "$WORK/s2" --no-run
check "again, by another address of the store" "run it with: sampan server .*--store etcd://127.0.0.1:2399 " \
	"$SAMPAN" join ${line#sampan join } --store etcd://127.0.0.1:2399 --data-dir "$WORK/s2" --no-run
check "the keys are its owner's alone" "^600 600 600$" bash -c "stat -c %a '$WORK/s2/pki/ca.key' '$WORK/s2/pki/sa.key' '$WORK/s2/server/shared.json' | xargs"
refuse "one that disagrees does not start" "service-cidr is 10.97.0.0/16, and that of the cloud's servers is 10.96.0.0/16" \
	"$SAMPAN" server --data-dir "$WORK/s2" --listen "$NET.2:6443" --store etcd://127.0.0.1:2379 "${STORE[@]}" --service-cidr 10.97.0.0/16
refuse "nor a stranger" "this server's ca is" "$SAMPAN" server --data-dir "$WORK/other" --listen "$NET.2:6443" --store etcd://127.0.0.1:2379 "${STORE[@]}"
join_start 2 "$line"
join_start 3 "$line"
ready 2 && ready 3 || exit 1
within "the kubernetes Service leads to all of them" 5000 "$(now_ms)" are endpoints 2 "$NET.1 $NET.2 $NET.3"
check "its slices, too" "^$NET.1 $NET.2 $NET.3$" slices 3
check "a token of one is good at another" "^system:serviceaccount:default:default" bash -c "
	t=\$(kubectl --kubeconfig $WORK/s1/admin.kubeconfig create token default --duration 10m)
	curl -s --cacert $WORK/s2/pki/ca.crt -H \"Authorization: Bearer \$t\" -H 'Content-Type: application/json' \
		-d '{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"SelfSubjectReview\"}' \
		https://$NET.2:6443/apis/authentication.k8s.io/v1/selfsubjectreviews | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"status\"][\"userInfo\"][\"username\"])'"
first=$(leader 1 2 3)
check "one of them leads" "^1 0 0$" bash -c "$(declare -f metric leads); WORK=$WORK NET=$NET; for n in 1 2 3; do leads \$n && echo 1 || echo 0; done | sort -r | xargs"

# Its death.
rest=$(echo 1 2 3 | tr -d "$first"); read -r a b <<<"$rest"
deploy "$a" d0 2 | k "$a" apply -f - >/dev/null
until_ok "what it does" "^1$" sets "$a" d0
{ kill -9 "${PID[$first]}"; died=$(now_ms); wait "${PID[$first]}"; } 2>/dev/null
unset "PID[$first]"
# Who is left is asked all the while, whatever happens to one of them.
for _ in $(seq 150); do
	for n in "$a" "$b"; do
		are=$(timeout 1 kubectl --kubeconfig "$WORK/s$n/admin.kubeconfig" get endpoints kubernetes -o 'jsonpath={.subsets[*].addresses[*].ip}') || continue
		[[ " $are " = *" $NET.$first "* ]] || { now_ms; exit; }
	done
	sleep 0.1
done >"$WORK/out" 2>/dev/null &
WATCHES+=($!)
deploy "$a" d1 2 | k "$a" apply -f - >/dev/null
within "another acts within five seconds of its death" 5000 "$died" has_set "$a" d1

# Its being held in the midst of work: every pod that was ever made is counted.
second=$(leader "$a" "$b") third=$b
[ "$second" = "$a" ] || third=$a
k "$third" get pods -w --no-headers -o custom-columns=NAME:.metadata.name >"$WORK/pods" 2>/dev/null &
WATCHES+=($!)
was=$(transitions "$third")
for i in $(seq 20); do deploy "$third" "h$i" 10; done >"$WORK/many.yaml"
k "$third" apply -f "$WORK/many.yaml" >/dev/null &
applying=$!
for _ in $(seq 1000); do [ "$(wc -l <"$WORK/pods")" -ge 12 ] && break; sleep 0.01; done
kill -STOP "${PID[$second]}"; held=$(now_ms)
wait "$applying"
within "another acts while it is held" 8000 "$held" leads "$third"
left=$((HOLD * 1000 - ($(now_ms) - held)))
[ "$left" -gt 0 ] && sleep "$((left / 1000)).$(printf '%03d' $((left % 1000)))"
kill -CONT "${PID[$second]}"
sleep 0.5
refuse "it does not lead any more" "" leads "$second"
check "the Lease went to one other, once" "^$((was + 1))$" transitions "$third"
all_sets() { k "$third" get rs -o 'jsonpath={range .items[*]}{.metadata.labels.app}{"\n"}{end}' | sort | uniq -c | awk '$1 != 1' | wc -l; k "$third" get rs -o name | wc -l; }
until_ok "each Deployment has one ReplicaSet" "^0.22$" all_sets
pods() { k "$third" get pods -o name | wc -l; }
until_ok "and the pods it asks for" "^204$" pods
sleep 0.3
ever=$(sort -u "$WORK/pods" | grep -c .)
check "of which none was made twice" "^204$" echo "$ever"

# Its being cut off from the store: it stops before the other begins.
told() { grep -h "\"msg\":\"$2" "$WORK/log$1" | tail -1 | sed 's/.*"ts":"\([^"]*\)".*/\1/'; }
before() { [[ -n $1 && $1 < $2 ]] && echo "$1 < $2"; }
kill -STOP -- "-${WAY[$third]}"; cut=$(now_ms)
within "another acts when it is cut off" 6000 "$cut" leads "$second"
refuse "then it does not lead any more" "" leads "$third"
check "and had stopped before" "<" before "$(told "$third" 'leads no more')" "$(told "$second" 'leads:')"
kill -CONT -- "-${WAY[$third]}"
until_ok "found again, it follows" "ok" k "$third" get --raw /readyz
check "and leads not" "^0$" metric "$third" 'leader_election_master_status{name="kube-controller-manager"}'
read -r second third <<<"$third $second"

# What was dead all the time is gone; what stops goes at once, and leaves the work to another.
wait "${WATCHES[0]}"
out=$(($(cat "$WORK/out") - died))
report "the dead one was out of the Service within fifteen seconds" $((out > 15000 || out < 0)) "within 15 s" "$out ms"
kill "${PID[$third]}"; stopped=$(now_ms)
within "one that stops gives the lead away at once" 1500 "$stopped" leads "$second"
within "and is out of the Service" 3000 "$stopped" are endpoints "$second" "$NET.$second"
wait "${PID[$third]}"; check "its end is a good one" "^0$" echo $?
unset "PID[$third]"
short=$(line_for "$second" --ttl 2s)

# A fourth, and the first again by the same command.
join_start 4 "$(line_for "$second")"
join_start "$third" "$line"
ready 4 && ready "$third" || exit 1
within "a fourth joins" 5000 "$(now_ms)" are endpoints 4 "$(printf '%s\n' "$NET.$second" "$NET.$third" "$NET.4" | sort | xargs)"
short_id=${short#*--token } short_id=${short_id%%.*}
gone() { k 4 -n kube-system get secrets,roles,rolebindings -o name | grep -c "sampan-server-$short_id"; true; }
until_ok "the keys that are over are taken away, and who might read them" "^0$" gone
refuse "and nobody joins by them" "does not know the token|keys were taken away" "$SAMPAN" join ${short#sampan join } --data-dir "$WORK/s5"
finish
