#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The API's behaviour, by subject: every tests/flow/api/*.py against one server, and every tests/flow/dual/*.py
# against one of both address families.
#   11_behaviour.sh [NAME...]      only these files, without .py
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
command -v python3 >/dev/null || skip "python3 is missing"

export KUBECONFIG=$DATA/admin.kubeconfig PYTHONPATH=$PWD/tests/flow PYTHONDONTWRITEBYTECODE=1
cloud_down() { [ -z "${CLOUD-}" ] || { kill "$CLOUD" 2>/dev/null; wait "$CLOUD" 2>/dev/null; CLOUD=; }; }
start() { # OPTION...
	"$SAMPAN" server --data-dir "$DATA" "$@" >>"$WORK/log" 2>&1 &
	CLOUD=$!
	server_ready
}
limited() { timeout 200 "$@"; }
asked() { [ -z "$ONLY" ] || [[ " $ONLY " = *" $1 "* ]]; }
run_all() { # DIRECTORY: what is asked for of it
	local f name
	for f in "$1"/*.py; do
		name=$(basename "$f" .py)
		asked "$name" || continue
		check "$name" " 0 failed" python3 "$f" "$KUBECONFIG"
	done
}
ONLY=$*
start --listen "127.0.0.1:$PORT" || exit 1
run_all tests/flow/api

if ! [ -e /proc/net/if_inet6 ]; then echo "note: this machine has no IPv6"; finish; fi
cloud_down
DATA=$WORK/dual KUBECONFIG=$DATA/admin.kubeconfig
start --listen "[::1]:$PORT" --service-cidr 10.96.0.0/16,fd00:96::/112 --cluster-cidr 10.244.0.0/16,fd00:244::/56 \
	--load-balancer-pool "192.0.2.10-192.0.2.12,2001:db8::1-2001:db8::50" || exit 1
run_all tests/flow/dual
if asked families && command -v kubectl >/dev/null; then
	openssl s_client -connect "[::1]:$PORT" </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName >"$WORK/names"
	check "kubectl by an IPv6 address" "families" kubectl --server="https://[::1]:$PORT" get namespaces
	check "its kubeconfig says so" "server: https://\[::1\]:$PORT" cat "$KUBECONFIG"
	check "the certificate is good for the first address" "10\.96\.0\.1[^0-9]" cat "$WORK/names"
	check "and for the second one" "FD00:96:0:0:0:0:0:1" cat "$WORK/names"
	check "another machine is told so" "sampan join https://\[::1\]:$PORT --token" "$SAMPAN" token create --data-dir "$DATA"
	read -ra line <<<"$("$SAMPAN" token create --data-dir "$DATA" 2>/dev/null)"
	check "which joins" "member of the cloud at https://\[::1\]" "$SAMPAN" "${line[@]:1}" --data-dir "$WORK/joined" --node-name j1 --no-run
	check "and reaches it there" "server: https://\[::1\]:$PORT" cat "$WORK/joined/pki/agent.kubeconfig"
	cloud_down
	DATA=$WORK/six KUBECONFIG=$DATA/admin.kubeconfig
	start --listen "[::1]:$PORT" --service-cidr fd00:96::/112 --cluster-cidr fd00:244::/56 || exit 1
	check "a cloud of IPv6 alone has its API there" "^fd00:96::1 IPv6$" kubectl get service kubernetes -o 'jsonpath={.spec.clusterIPs[*]} {.spec.ipFamilies[*]}'
	cloud_down
	DATA=$WORK/grows KUBECONFIG=$DATA/admin.kubeconfig
	start --listen "127.0.0.1:$PORT" && cloud_down
	start --listen "127.0.0.1:$PORT" --service-cidr 10.96.0.0/16,fd00:96::/112 || exit 1
	until_ok "a cloud may get the second family later" '"10.96.0.0/16","fd00:96::/112"' kubectl get servicecidr kubernetes -o 'jsonpath={.spec.cidrs}'
fi
finish
