#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The sample shop on real containers: images pulled from a registry, Services, names,
# node ports; what happens when parts of it go and come.
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/flow/lib.sh
. tests/flow/lib.sh
for t in docker-registry skopeo jq dig; do command -v $t >/dev/null || skip "$t is missing"; done
export SHOP_DIR=$WORK/shop
cloud_up
trap 'examples/shop/build.sh --stop >/dev/null; cleanup' EXIT

check "images are made and pushed" "shop/front:1" examples/shop/build.sh
check "a second time nothing is to be done" "there already" examples/shop/build.sh
check "the manifests are taken" "service/front created" kubectl apply -f examples/shop/shop.yaml
for d in redis web front; do
	check "$d is rolled out" "successfully rolled out" kubectl rollout status deployment/$d --timeout=60s
done

visit() { curl -sf --max-time 5 "http://$1/"; }
ip=$(kubectl get service front -o 'jsonpath={.spec.clusterIP}')
until_ok "the shop answers at its address" "visitor [0-9]+, served by web-" visit "$ip"
check "and at the node's port on localhost" "visitor" visit 127.0.0.1:30080
check "and from outside" "visitor" visit 192.168.77.1:30080
both() { for _ in $(seq 30); do visit "$ip"; done | grep -o 'web-[a-z0-9-]*' | sort -u | wc -l; }
check "both web servers serve" "^2$" both

in_web() { kubectl exec deploy/web -- "$@"; }
check "a pod sees its resolver" "nameserver 10.96.0.10" in_web cat /etc/resolv.conf
check "a pod reaches a Service by its short name" "PONG|NOAUTH" in_web sh -c "printf 'PING\r\nQUIT\r\n' | nc -w 3 redis 6379"
check "and by its long one" "PONG|NOAUTH" in_web sh -c "printf 'PING\r\nQUIT\r\n' | nc -w 3 redis.default.svc.cluster.local 6379"
names() { dig +short +tries=1 +timeout=3 @10.96.0.10 "$@"; }
check "a Service has its address" "^$ip$" names front.default.svc.cluster.local
check "and a record for its port" "0 100 80 front.default.svc.cluster.local." names _http._tcp.front.default.svc.cluster.local SRV
check "an address has its Service" "^front.default.svc.cluster.local.$" names -x "$ip"
check "a name that is not there is said not to be" "NXDOMAIN" dig +tries=1 @10.96.0.10 nothing.default.svc.cluster.local

headless() {
	kubectl apply -f - <<-YAML
		apiVersion: v1
		kind: Service
		metadata: { name: each }
		spec:
		  clusterIP: None
		  selector: { app: web }
		  ports: [ { port: 8080 } ]
	YAML
}
check "a headless Service is made" "created" headless
pods() { names each.default.svc.cluster.local | sort | tr '\n' ' '; }
until_ok "its name stands for its pods" "^10\.244\.0\.[0-9]+ 10\.244\.0\.[0-9]+ $" pods

check "web is scaled down" "scaled" kubectl scale deployment/web --replicas=0
refused() { curl -s --max-time 5 "http://$(kubectl get service web -o 'jsonpath={.spec.clusterIP}'):8080/healthz" >/dev/null; [ $? = 7 ] && echo refused; }
until_ok "without pods connections are refused, not dropped" "refused" refused
check "web is scaled up" "scaled" kubectl scale deployment/web --replicas=3
check "and is rolled out" "successfully" kubectl rollout status deployment/web --timeout=60s
until_ok "the shop answers again" "visitor" visit "$ip"

check "redis is deleted" "deleted" kubectl delete pod -l app=redis --wait=false
until_ok "and comes back under its Service, counting anew" "visitor [0-9]+," visit "$ip"

refuse "an image in use is not removed" "use" "$SAMPAN" image rm --data-dir "$DATA/agent" 127.0.0.1:5000/shop/front:1
check "the shop is taken away" "deleted" kubectl delete -f examples/shop/shop.yaml --timeout=60s
cloud_down
check "nothing of the network stays" "^0$" bash -c 'ip -o link | grep -c sampan || true'
check "no rule stays" "^0$" bash -c 'nft list tables | grep -c sampan || true'
check "no mount stays" "^0$" bash -c "grep -c '$WORK' /proc/self/mountinfo || true"
finish
