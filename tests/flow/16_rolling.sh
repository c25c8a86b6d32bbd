#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Servers are restarted under load: nothing but retryable errors, no write lost, no watch with a gap.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
for t in curl python3; do command -v $t >/dev/null || skip "$t is missing"; done

DELAY=1s
export KUBECONFIG=$DATA/admin.kubeconfig
cloud_down() {
	[ -z "${LOAD-}" ] || { kill "$LOAD"; wait "$LOAD"; } 2>/dev/null
	[ -z "${CLOUD-}" ] || { kill "$CLOUD"; wait "$CLOUD"; } 2>/dev/null
	CLOUD='' LOAD=''
}
says() { curl -sk --max-time 5 -o "$WORK/said" -w '%{http_code}' "$URL/$1"; }
server_up() {
	"$SAMPAN" server --data-dir "$DATA" --listen "127.0.0.1:$PORT" --shutdown-delay "$DELAY" >>"$WORK/log" 2>&1 &
	CLOUD=$!
	for _ in $(seq 400); do
		[ -f "$KUBECONFIG" ] && [ "$(says readyz)" = 200 ] && return 0
		kill -0 "$CLOUD" 2>/dev/null || break
		sleep 0.025
	done
	echo "the server did not get ready; its log:"; tail -30 "$WORK/log"; return 1
}
retiring() { [ "$(says readyz)" = 500 ] && cat "$WORK/said"; }

URL=https://127.0.0.1:$PORT
server_up || exit 1
refuse "a delay that is none" "--shutdown-delay soon is not a duration" "$SAMPAN" server --data-dir "$WORK/no" --shutdown-delay soon

# Between the signal and the end of the delay it serves, but is not ready.
python3 tests/flow/rolling.py "$KUBECONFIG" "$URL" >"$WORK/load" 2>&1 &
LOAD=$!
until_ok "load runs" "running" cat "$WORK/load"
for round in 1 2 3; do
	sleep 1
	kill "$CLOUD"
	until_ok "round $round: it says that it stops" '\[-\]shutdown failed' retiring
	check "round $round: while it serves" "^200$" says livez
	wait "$CLOUD"; rc=$?
	check "round $round: it ended in good order" "^0$" echo $rc
	server_up || exit 1
done
sleep 1
kill "$LOAD"
wait "$LOAD"; rc=$? LOAD=
check "the load ended well" "^0$" echo $rc
check "no write was lost, no watch has a gap" "nothing was lost" cat "$WORK/load"
check "watches ended with a bookmark" "[1-9][0-9]* watches ended, [1-9][0-9]* with a bookmark" cat "$WORK/load"
[ -z "${VERBOSE-}" ] || cat "$WORK/load"
finish
