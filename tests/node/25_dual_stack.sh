#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The table of traffic, asked by IPv4 and by IPv6, on a lab whose pods and Services have both.
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/flow/lib.sh
. tests/flow/lib.sh
[ "$(id -u)" = 0 ] || skip "needs root"
for t in kubectl crun conmon curl dig; do command -v $t >/dev/null || skip "$t is missing"; done
[ -e /proc/net/if_inet6 ] || skip "the kernel has no IPv6"
"$SAMPAN" server --help | grep -q node-cidr-mask-size-ipv6 || skip "the server has no ranges of both families"
tools/ci-cgroups.sh || skip "cgroups cannot be prepared"

export SAMPAN LAB=$WORK/lab KUBECONFIG=$WORK/lab/s1/admin.kubeconfig
lab() { tools/lab --dir "$LAB" "$@"; }
cleanup() { lab down >/dev/null 2>&1; [ -n "${KEEP-}" ] || rm -rf "$WORK"; }
traffic() { python3 tests/node/traffic.py "$LAB" "$@"; }

check "the image of the table" "traffic:1" python3 tests/node/traffic.py "$WORK/traffic.tar" image
check "a lab of both families comes up" "The lab is up: s1" lab up --etcd 0 --servers 1 --name dual --families 46 --image "$WORK/traffic.tar"
[ "$bad" = 0 ] || finish
check "pods and Services" "^$" traffic setup
check "a node has an address of each family" "^[0-9.]+ 2001:db8:[0-9a-f:]+ n1$" kubectl get node n1 -o 'jsonpath={.status.addresses[*].address}'
web=$(kubectl -n traffic get pods -l app=web -o 'jsonpath={.items[0].metadata.name}')
check "and a pod" "^10.244.[0-9.]+ fd00:10:244:[0-9a-f:]+$" kubectl -n traffic get pod "$web" -o 'jsonpath={.status.podIPs[*].ip}'
check "which its hosts file names, both" "^2$" kubectl -n traffic exec "$web" -- sh -c "n=0; while read -r a b; do [ \"\$b\" = $web ] && n=\$((n+1)); done </etc/hosts; echo \$n"
asked() { traffic; }       # not bound to 60 s
check "traffic of both" ": 0 wrong" asked
cat "$LAB"/log/[ns]* >>"$WORK/log"
check "and nothing is left" "down: 0 processes, 0 namespaces, 0 links, 0 mounts left" lab down
finish
