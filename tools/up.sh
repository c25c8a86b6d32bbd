#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A one-node cloud in the background with the sample shop on it, shown answering.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${DATA:=/var/lib/sampan}"
# What is told to `sampan up`, where it is set: SERVICE_CIDR=10.96.0.0/16,fd00:96::/112 and so on.
options=(--data-dir "$DATA" ${LISTEN:+--listen "$LISTEN"} ${ADVERTISE:+--advertise "$ADVERTISE"}
	${SERVICE_CIDR:+--service-cidr "$SERVICE_CIDR"} ${CLUSTER_CIDR:+--cluster-cidr "$CLUSTER_CIDR"}
	${LOAD_BALANCER_POOL:+--load-balancer-pool "$LOAD_BALANCER_POOL"})
say() { printf 'up: %s\n' "$*"; }
die() { printf 'up: %s\n' "$*" >&2; exit 1; }

# A proxy, where there is one, is for images from elsewhere: this machine is reached directly.
proxy=${HTTPS_PROXY-${https_proxy-${HTTP_PROXY-${http_proxy-}}}}
if [ -n "$proxy" ]; then
	own=$(ip -o address show scope global | awk '{ split($4, a, "/"); printf "%s,", a[1] }')
	NO_PROXY=${NO_PROXY-${no_proxy-}}
	export NO_PROXY=${NO_PROXY:+$NO_PROXY,}localhost,127.0.0.1,${own}${SERVICE_CIDR:-10.96.0.0/16},${CLUSTER_CIDR:-10.244.0.0/16}
	export no_proxy=$NO_PROXY
fi

[ "$(id -u)" = 0 ] || die "must run as root (sudo make up)"
command -v kubectl >/dev/null || die "kubectl is missing; run sudo make deps"
tools/ci-cgroups.sh
export KUBECONFIG=$DATA/admin.kubeconfig
log=$DATA/sampan.log
mkdir -p "$DATA"

if kubectl get --raw /readyz >/dev/null 2>&1; then
	say "a cloud is running already"
else
	say "starting (log: $log)"
	setsid "$BUILD/sampan" up "${options[@]}" >>"$log" 2>&1 </dev/null &
	pid=$!
	for _ in $(seq 300); do
		[ -f "$KUBECONFIG" ] && kubectl get --raw /readyz >/dev/null 2>&1 && break
		kill -0 $pid 2>/dev/null || { tail -5 "$log" >&2; die "it did not start; see above. Another port: sudo make up LISTEN=0.0.0.0:7443"; }
		sleep 0.1
	done
	kubectl get --raw /readyz >/dev/null || { tail -5 "$log" >&2; die "the server does not answer; its log is $log, and sudo make down ends it"; }
fi
for _ in $(seq 100); do kubectl get nodes 2>/dev/null | grep -q . && break; sleep 0.1; done
kubectl wait --for=condition=Ready node --all --timeout=60s >/dev/null || { tail -20 "$log" >&2; die "the node is not ready; why: KUBECONFIG=$KUBECONFIG kubectl describe node, and $log"; }

say "making the shop's images from Debian's packages"
examples/shop/build.sh
say "deploying the shop"
kubectl apply -f examples/shop/shop.yaml
for d in redis web front; do
	kubectl rollout status deployment/$d --timeout=120s || { kubectl get pods; die "$d does not run; why: KUBECONFIG=$KUBECONFIG kubectl describe pods -l app=$d"; }
done

ip=$(kubectl get service front -o 'jsonpath={.spec.clusterIP}')
case $ip in *:*) ip="[$ip]";; esac
answer=
for _ in $(seq 50); do answer=$(curl -sf --max-time 5 "http://$ip/") && break; sleep 0.2; done
[ -n "$answer" ] || die "the shop does not answer at http://$ip/; look with: KUBECONFIG=$KUBECONFIG kubectl get pods"
printf '\n$ curl http://%s/\n%s\n\n' "$ip" "$answer"
printf '$ kubectl get all -o wide\n'
kubectl get all -o wide
cat <<TEXT

The cloud runs in the background. To use it, as root:
    export KUBECONFIG=$KUBECONFIG${proxy:+ NO_PROXY=$NO_PROXY}
    kubectl get pods
To take it down:
    sudo make down
TEXT
