#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A backup beside a running server, and a server that goes on from it: what was, is; what
# clients saw after it is never taken for something else.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
command -v kubectl >/dev/null || skip "kubectl is missing"

serve() {
	"$SAMPAN" server --data-dir "$DATA" --listen "127.0.0.1:$PORT" >>"$WORK/log" 2>&1 &
	CLOUD=$!
	server_ready || exit 1
}
halt() { kill "$CLOUD"; wait "$CLOUD"; CLOUD=; }
revision() { kubectl get --raw "/api/v1/namespaces/default/configmaps?limit=1" | grep -o '"resourceVersion":"[0-9]*"' | head -1 | tr -dc 0-9; }

mkdir -p "$DATA"
export KUBECONFIG=$DATA/admin.kubeconfig
serve
check "an object" "created" kubectl create configmap before --from-literal=a=1
check "a backup" "^$" "$SAMPAN" backup --data-dir "$DATA" "$WORK/backup"
check "is private" "^600$" stat -c %a "$WORK/backup"
check "another object" "created" kubectl create configmap after --from-literal=a=1
seen=$(revision)
check "the store is sound" "is sound" "$SAMPAN" store check --data-dir "$DATA"
check "what it holds" "core/configmaps .*revision .*free of that" bash -c "'$SAMPAN' store stats --data-dir '$DATA' | tr '\n' ' '"
refuse "compacting beside the server" "in use" "$SAMPAN" store compact --data-dir "$DATA"
refuse "restoring beside the server" "in use" "$SAMPAN" restore --force --data-dir "$DATA" "$WORK/backup"
halt
check "compacting" "^$" "$SAMPAN" store compact --data-dir "$DATA"
refuse "restoring over a store" "--force" "$SAMPAN" restore --data-dir "$DATA" "$WORK/backup"
printf garbage | dd of="$DATA/server/state.db" bs=1 seek=100 conv=notrunc status=none
refuse "a damaged store is refused" "sampan restore BACKUP --force --store sqlite:$DATA/server/state.db" "$SAMPAN" server --data-dir "$DATA" --listen "127.0.0.1:$PORT"
check "the way out" "old store is now .*goes on at revision" "$SAMPAN" restore "$WORK/backup" --force --store "sqlite:$DATA/server/state.db"
serve
check "what was, is" "before" kubectl get configmap -o name
refuse "what came later is not" "not found" kubectl get configmap after
check "revisions go on above" "^1$" bash -c "echo $(($(revision) > seen))"
check "a watch from before expired" '"code": ?410' kubectl get --raw "/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=$seen&timeoutSeconds=5"
refuse "a list of a revision from before expired" "too old" kubectl get --raw "/api/v1/namespaces/default/configmaps?resourceVersion=$seen&resourceVersionMatch=Exact&limit=5"
check "it takes writes" "created" kubectl create configmap again --from-literal=a=2
refuse "no backup" "no backup" "$SAMPAN" restore "$WORK/none" --data-dir "$WORK/fresh"
refuse "which file" "which file" "$SAMPAN" backup --data-dir "$DATA"
refuse "which command" "check, stats, compact, migrate or raise" "$SAMPAN" store
halt
finish
