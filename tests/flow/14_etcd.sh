#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A cloud over etcd: one server, then two, that show the same at once; etcd that goes and comes.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
. tests/flow/lib_etcd.sh
command -v kubectl >/dev/null || skip "kubectl is missing"
export PYTHONPATH=tests/flow PYTHONDONTWRITEBYTECODE=1
first= second=
cleanup_all() { halt "$first"; halt "$second"; etcd_cleanup; cleanup; }
trap cleanup_all EXIT

serve() { # DIR PORT
	"$SAMPAN" server --data-dir "$1" --listen "127.0.0.1:$2" --store "etcd://$ETCD_AT" --event-ttl 6s >>"$WORK/log" 2>&1 &
	CLOUD=$!
	DATA=$1 KUBECONFIG=$1/admin.kubeconfig server_ready || exit 1
}
halt() { [ -z "$1" ] || { kill "$1" 2>/dev/null; wait "$1"; }; CLOUD=; }

A=$WORK/a B=$WORK/b
mkdir -p "$A" "$B"
export KUBECONFIG=$A/admin.kubeconfig
etcd_start
refuse "etcd that is not there" "cannot use etcd at 127.0.0.1:1" "$SAMPAN" server --data-dir "$A" --listen "127.0.0.1:$PORT" --store etcd://127.0.0.1:1
refuse "the file's words" "etcdctl snapshot save" "$SAMPAN" backup --store "etcd://$ETCD_AT" "$WORK/backup"
refuse "the check's words" "etcdctl endpoint health" "$SAMPAN" store check --store "etcd://$ETCD_AT"
serve "$A" "$PORT"; first=$CLOUD
check "create" "created" kubectl create configmap c --from-literal=a=1
kubectl get configmap -w -o name >"$WORK/watched" 2>/dev/null & watcher=$!
until_ok "a watch begins" "configmap/c" cat "$WORK/watched"
check "patch" "patched" kubectl patch configmap c -p '{"data":{"a":"2"}}'
check "label" "labeled" kubectl label configmap c x=y
check "apply" "created" kubectl apply -f - <<<'{"apiVersion":"v1","kind":"Service","metadata":{"name":"s"},"spec":{"ports":[{"port":80}]}}'
check "delete" "deleted" kubectl delete service s
until_ok "the watch sees it all" "(configmap/c.*){3}" bash -c "tr '\n' ' ' <'$WORK/watched'"
kill $watcher; wait $watcher 2>/dev/null
check "health names etcd" "\[\+\]etcd ok" kubectl get --raw '/readyz?verbose'
check "the keys lie below /sampan/" "^/sampan/core/configmaps/default/c" ctl get /sampan/core/configmaps/default/c --keys-only
halt "$first"
serve "$A" "$PORT"; first=$CLOUD
check "a new server goes on" "2 y" kubectl get configmap c -o 'jsonpath={.data.a} {.metadata.labels.x}'

# A second server of the same cloud has its keys.
cp -r "$A/pki" "$B/pki"
serve "$B" "$((PORT + 1))"; second=$CLOUD
two() { python3 tests/flow/two_servers.py "$A/admin.kubeconfig" "$B/admin.kubeconfig" "$@"; }
check "two servers" "^[1-9][0-9]* checks passed, 0 failed" two at_once watches increments

# An Event ends by itself, whatever becomes of who wrote it, and who watches hears of it once.
KUBECONFIG=$B/admin.kubeconfig kubectl get events -w -o name >"$WORK/events" 2>/dev/null & watcher=$!
check "an Event" "serverside-applied" kubectl apply --server-side -f - <<<'{"apiVersion":"v1","kind":"Event","metadata":{"name":"brief","namespace":"default"},"involvedObject":{"kind":"Pod","namespace":"default","name":"p"}}'
until_ok "it is seen" "brief" cat "$WORK/events"
halt "$first"
until_ok "it has ended" "^2$" grep -c brief "$WORK/events"
serve "$A" "$PORT"; first=$CLOUD
refuse "and is gone" "not found" kubectl get event brief
check "once" "^2$" grep -c brief "$WORK/events"
kill $watcher; wait $watcher 2>/dev/null

etcd_stop
check "etcd is away" "^[1-9][0-9]* checks passed, 0 failed" two away
etcd_start
until_ok "etcd is back: ready" "^ok$" kubectl get --raw /readyz
check "what was, is" "configmap/c" kubectl get configmap c -o name
refuse "what was not acknowledged is not" "not found" kubectl get configmap never
check "and writes go on" "^[1-9][0-9]* checks passed, 0 failed" two watches
# One server is cut off while history is forgotten: its watchers begin again, and it knows what is.
kubectl create configmap kept --from-literal=a=1 >/dev/null
kubectl get --raw "/api/v1/namespaces/default/configmaps?watch=1&allowWatchBookmarks=true" >"$WORK/cut" 2>&1 & watcher=$!
until_ok "a watch before the gap" '"name":"kept"' cat "$WORK/cut"
kill -STOP "$first"
etcd_stop
etcd_start
ctl del /sampan/core/configmaps/default/kept >/dev/null
ctl compact "$(ctl get / --keys-only -w fields | sed -n 's/^"Revision" : //p')" >/dev/null
kill -CONT "$first"
until_ok "a watch over a gap is told so" '"type":"ERROR".*"code":410' cat "$WORK/cut"
kill $watcher 2>/dev/null; wait $watcher 2>/dev/null
refuse "what went in the gap is gone" "not found" kubectl get --raw "/api/v1/namespaces/default/configmaps/kept?resourceVersion=0"
check "what stayed is there" "configmap/c" kubectl get configmap c -o name
check "and both go on" "^[1-9][0-9]* checks passed, 0 failed" two watches

# etcd is put back to an earlier state: its own revisions begin again, the cloud's never do.
check "a snapshot" "Snapshot saved" ctl snapshot save "$WORK/snapshot"
check "what it does not have" "created" kubectl create configmap later --from-literal=a=1
seen=$(kubectl get configmap later -o 'jsonpath={.metadata.resourceVersion}')
refuse "beside the servers" "a server runs on it" "$SAMPAN" store raise --store "etcd://$ETCD_AT"
halt "$first"; halt "$second"
first= second=
etcd_stop
etcd_restore "$WORK/snapshot"
etcd_start
check "raised" "goes on above revision" "$SAMPAN" store raise --store "etcd://$ETCD_AT"
serve "$A" "$PORT"; first=$CLOUD
check "what was in it, is" "configmap/c" kubectl get configmap c -o name
refuse "what came later is not" "not found" kubectl get configmap later
check "a watch from then expired" '"code": ?410' kubectl get --raw "/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=$seen&timeoutSeconds=5"
check "revisions are above" "^1$" bash -c "echo \$(($(kubectl get configmap c -o 'jsonpath={.metadata.resourceVersion}') > seen))"
halt "$first"
first=

# The same cloud with a node on this machine, by one command.
if [ "$(id -u)" = 0 ]; then
	tools/ci-cgroups.sh || skip "cgroups cannot be prepared"
	DATA=$A
	cloud_start --store "etcd://$ETCD_AT" || exit 1
	check "up serves what is in etcd" "configmap/c" kubectl get configmap c -o name
	until_ok "and has a node" "^node/" kubectl get nodes -o name
	cloud_down
fi
finish
