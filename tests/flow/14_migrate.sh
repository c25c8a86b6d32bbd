#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A cloud moves from its file into etcd and back, cut short on the way: every object is as it
# was, and no revision means two things.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
. tests/flow/lib_etcd.sh
command -v kubectl >/dev/null || skip "kubectl is missing"
trap 'halt; etcd_cleanup; cleanup' EXIT

FILE=sqlite:$DATA/server/state.db BACK=sqlite:$DATA/server/back.db
serve() { # URI
	"$SAMPAN" server --data-dir "$DATA" --listen "127.0.0.1:$PORT" --store "$1" >>"$WORK/log" 2>&1 &
	CLOUD=$!
	server_ready || exit 1
}
halt() { [ -z "${CLOUD-}" ] || { kill "$CLOUD" 2>/dev/null; wait "$CLOUD"; }; CLOUD=; }
migrate() { "$SAMPAN" store migrate "$@"; }
# Everything but what servers of a shared store write by themselves, and without revisions.
objects() {
	kubectl get namespaces,configmaps,secrets,services,deployments,clusterroles,clusterrolebindings,priorityclasses -A -o json \
		--field-selector metadata.name!=sampan-servers |
		sed 's/"resourceVersion": "[0-9]*"//'
}
revision() { kubectl get --raw "/api/v1/namespaces/default/configmaps?limit=1" | grep -o '"resourceVersion":"[0-9]*"' | head -1 | tr -dc 0-9; }
# So many small and some large objects that a move takes a while.
fill() {
	local i big; big=$(head -c 150000 /dev/zero | tr '\0' x)
	for i in $(seq 200); do
		printf '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m%d"},"data":{"k":"%s"}}\n' "$i" "${big:0:$((i % 10 ? 200 : 150000))}"
	done | kubectl create -f - >/dev/null
}

mkdir -p "$DATA/server"
export KUBECONFIG=$DATA/admin.kubeconfig
etcd_start
serve "$FILE"
check "a Deployment" "created" kubectl create deployment d --image=nginx
check "a Secret" "created" kubectl create secret generic s --from-literal=a=b
fill
kubectl label configmap m1 x=1 >/dev/null; kubectl label configmap m1 x=2 --overwrite >/dev/null
seen=$(revision)
objects >"$WORK/before"
refuse "beside the server" "in use" migrate "$FILE" "etcd://$ETCD_AT"
halt

# Killed early, and as soon as anything is there; then to the end.
marked() { [ -n "$(ctl get /sampan/sampan/migrations/unfinished --keys-only)" ]; }
for when in "sleep 0.005" "sleep 0.05" "until_marked"; do
	(exec "$SAMPAN" store migrate "$FILE" "etcd://$ETCD_AT" >/dev/null 2>&1) & pid=$!
	if [ "$when" = until_marked ]; then until marked || ! kill -0 $pid 2>/dev/null; do :; done; else $when; fi
	kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
done
if marked; then
	refuse "no server starts on half of it" "unfinished migration from $FILE" "$SAMPAN" server --data-dir "$DATA" --listen "127.0.0.1:$PORT" --store "etcd://$ETCD_AT"
	cp "$DATA/server/state.db" "$WORK/other.db"
	refuse "another's unfinished work" "finish that" migrate "sqlite:$WORK/other.db" "etcd://$ETCD_AT"
	check "it goes on" "compared, sha256 .*it goes on above revision" migrate "$FILE" "etcd://$ETCD_AT"
else
	refuse "it was done already" "is not empty" migrate "$FILE" "etcd://$ETCD_AT"
fi
refuse "a target that holds a cloud" "is not empty" migrate "$FILE" "etcd://$ETCD_AT"
serve "etcd://$ETCD_AT"
check "every object is as it was" "^$" diff "$WORK/before" <(objects)
check "revisions go on above" "^1$" bash -c "echo $(($(revision) > seen))"
check "a watch from before expired" '"code": ?410' kubectl get --raw "/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=$seen&timeoutSeconds=5"
refuse "a list of a revision from before expired" "too old" kubectl get --raw "/api/v1/namespaces/default/configmaps?resourceVersion=$seen&resourceVersionMatch=Exact&limit=5"
check "pages of the present" "configmap/m200" kubectl get configmap --chunk-size=50 -o name
check "it takes writes" "labeled" kubectl label configmap m1 moved=yes
seen=$(revision)
objects >"$WORK/before"
# While a server runs, one write of it is enough to be noticed.
(for _ in $(seq 50); do kubectl label configmap m2 "t=$RANDOM" --overwrite; sleep 0.1; done) >/dev/null 2>&1 & writer=$!
refuse "a server writes to the source" "is being written to: a server runs on it" migrate "etcd://$ETCD_AT" "$BACK"
kill $writer; wait $writer 2>/dev/null
check "back to what it was" "labeled" kubectl label configmap m2 t-
kubectl get configmap m2 -o json >/dev/null
objects >"$WORK/before"
seen=$(revision)
halt

check "and back" "compared, sha256" migrate "etcd://$ETCD_AT" "$BACK"
check "the file is sound" "is sound" "$SAMPAN" store check --store "$BACK"
serve "$BACK"
check "every object came back" "^$" diff "$WORK/before" <(objects)
check "revisions go on above those, too" "^1$" bash -c "echo $(($(revision) > seen))"
check "a watch from etcd's time expired" '"code": ?410' kubectl get --raw "/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=$seen&timeoutSeconds=5"
check "and it takes writes" "created" kubectl create configmap after --from-literal=a=1
halt
finish
