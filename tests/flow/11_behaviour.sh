#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The API's behaviour, by subject: every tests/flow/api/*.py against one server.
#   11_behaviour.sh [NAME...]      only these files, without .py
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
command -v python3 >/dev/null || skip "python3 is missing"

export KUBECONFIG=$DATA/admin.kubeconfig PYTHONPATH=$PWD/tests/flow PYTHONDONTWRITEBYTECODE=1
cloud_down() { [ -z "${CLOUD-}" ] || { kill "$CLOUD" 2>/dev/null; wait "$CLOUD" 2>/dev/null; CLOUD=; }; }
"$SAMPAN" server --data-dir "$DATA" --listen "127.0.0.1:$PORT" >>"$WORK/log" 2>&1 &
CLOUD=$!
server_ready || exit 1
limited() { timeout 200 "$@"; }
for f in tests/flow/api/*.py; do
	name=$(basename "$f" .py)
	[ $# = 0 ] || [[ " $* " = *" $name "* ]] || continue
	check "$name" " 0 failed" python3 "$f" "$KUBECONFIG"
done
finish
