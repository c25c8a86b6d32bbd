#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Certificates renew themselves while the server runs: lives of seconds instead of a year
# (--cert-validity), watched from outside. A cluster that was off until all had ended mends
# itself at its start.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
for t in openssl kubectl; do command -v $t >/dev/null || skip "$t is missing"; done

export KUBECONFIG=$DATA/admin.kubeconfig
server_up() {
	"$SAMPAN" server --data-dir "$DATA" --listen "127.0.0.1:$PORT" --cert-validity "$1" >>"$WORK/log" 2>&1 &
	CLOUD=$!
	server_ready
}
stop() { kill "$CLOUD"; wait "$CLOUD" 2>/dev/null; CLOUD=; }
cloud_down() { [ -z "${AGENT-}" ] || kill "$AGENT" 2>/dev/null; [ -z "${CLOUD-}" ] || stop; }
served() { openssl s_client -connect "127.0.0.1:$PORT" -CAfile "$DATA/pki/ca.crt" </dev/null 2>/dev/null | openssl x509 -noout "$@"; }
metric() { kubectl get --raw /metrics | awk -v n="$1" '$1 ~ n {print $2}'; }

server_up 12s || exit 1
openssl x509 -in "$DATA/pki/ca.crt" -noout -checkend $((3600 * 24 * 3600)) >/dev/null
check "the authority lives ten years" "^0$" echo $?
first=$(served -serial); cp "$KUBECONFIG" "$WORK/old.kubeconfig"
check "what the server shows is what is on disk" "$(openssl x509 -in "$DATA/pki/server.crt" -noout -serial)" echo "$first"
# An agent beside it, whose certificates the server makes, too.
KUBELET=$((PORT + 1))
"$SAMPAN" agent --kubeconfig "$DATA/pki/agent.kubeconfig" --data-dir "$WORK/agent" --run-dir "$WORK/agent-run" \
	--address 127.0.0.1 --listen "127.0.0.1:$KUBELET" --node-name "$(hostname)" --runtime fake >>"$WORK/log" 2>&1 &
AGENT=$!
until_ok "a node" "$(hostname)" kubectl get nodes -o name
agent_serves() { openssl s_client -connect "127.0.0.1:$KUBELET" -CAfile "$DATA/pki/ca.crt" </dev/null 2>/dev/null | openssl x509 -noout "$@"; }
agent_first=$(agent_serves -serial); agent_end=$(date -d "$(agent_serves -enddate | cut -d= -f2)" +%s)
# A connection that was open before goes on with its certificate.
kubectl get configmaps -A --watch -o name >"$WORK/watched" 2>&1 &
watch=$!
renewed() { [ "$(served -serial)" != "$first" ] && echo yes; }
until_ok "another certificate is served before the first ends" yes renewed
until_ok "in time" "^0$" bash -c "openssl x509 -in '$DATA/pki/server.crt' -noout -checkend 6 >/dev/null; echo \$?"
check "and is on disk" "$(openssl x509 -in "$DATA/pki/server.crt" -noout -serial)" served -serial
refuse "the administrator's has changed, too" "" cmp "$KUBECONFIG" "$WORK/old.kubeconfig"
check "and works" "kube-system" kubectl get namespaces -o name
until_ok "as does the agent's" "CN *= *system:node:" bash -c \
	"awk '/client-certificate-data/ {print \$2}' '$DATA/pki/agent.kubeconfig' | base64 -d | openssl x509 -noout -subject -checkend 3"
check "renewals are counted" "^[1-9]" metric renewals_total
kubectl create configmap after-renewal >/dev/null
until_ok "the watch goes on" "after-renewal" cat "$WORK/watched"
kill "$watch" 2>/dev/null; wait "$watch" 2>/dev/null
until_ok "a copy of the old one ends" "logged in|Unauthorized|expired" bash -c \
	"kubectl --kubeconfig '$WORK/old.kubeconfig' get namespaces 2>&1 || true"
agent_renewed() { [ "$(agent_serves -serial)" != "$agent_first" ] && echo yes; }
until_ok "the agent serves with another" yes agent_renewed
while [ "$(date +%s)" -le "$agent_end" ]; do sleep 0.5; done
kubectl get --raw "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/$(hostname)" | grep -o '"renewTime":"[^"]*"' >"$WORK/lease"
beats() { kubectl get --raw "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/$(hostname)" | grep -o '"renewTime":"[^"]*"' | diff -q - "$WORK/lease" >/dev/null || echo yes; }
until_ok "and is heard after its first has ended" yes beats
kill "$AGENT"; wait "$AGENT" 2>/dev/null
stop

# Off until everything has ended.
sleep 13
for c in server proxy admin agent agent-serving; do
	refuse "$c has ended" "will expire" openssl x509 -in "$DATA/pki/$c.crt" -noout -checkend 0
done
ca=$(sha256sum "$DATA/pki/ca.crt")
server_up 8760h || exit 1
for c in server proxy admin agent agent-serving; do
	check "$c is new" "will not expire" openssl x509 -in "$DATA/pki/$c.crt" -noout -checkend $((300 * 24 * 3600))
done
check "by the same authority" "^$" diff <(echo "$ca") <(sha256sum "$DATA/pki/ca.crt")
check "and it works" "kube-system" kubectl get namespaces -o name
check "the end is told" "^[0-9][0-9.e+]*$" metric 'expiration_timestamp_seconds.*ca'
stop

# An authority that ends: everybody is warned, and nothing outlives it.
rm -rf "$DATA/pki" "$DATA/admin.kubeconfig"; mkdir -p "$DATA/pki"
openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$DATA/pki/ca.key"
openssl req -x509 -key "$DATA/pki/ca.key" -subj /CN=short -days 30 -addext keyUsage=critical,keyCertSign,digitalSignature \
	-out "$DATA/pki/ca.crt" 2>/dev/null
server_up 8760h || exit 1
check "a warning" "authority ends at" grep -o "authority ends at.*" "$WORK/log"
check "certificates end with it" "will expire" bash -c "openssl x509 -in '$DATA/pki/server.crt' -noout -checkend $((31 * 24 * 3600)) || true"
check "and work until then" "kube-system" kubectl get namespaces -o name
serial=$(served -serial)
stop
server_up 8760h || exit 1
check "they are not made again for nothing" "$serial" served -serial
finish
