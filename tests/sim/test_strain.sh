#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_strain.sh STRAIN: syncs get slow and clocks step by command, the program stays what it was.
set -u
strain=$1 bad=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
expect() { # NAME WANT GOT
	[[ $3 =~ $2 ]] || { echo "FAILED: $1: wanted $2, got $3"; bad=1; }
}
ms() { # CMD...: milliseconds, the least of three runs: others may hold one up
	local t took least=999999
	for _ in 1 2 3; do
		t=${EPOCHREALTIME/./}; "$@" >"$dir/out" 2>&1; took=$(((${EPOCHREALTIME/./} - t) / 1000))
		[ $took -ge $least ] || least=$took
	done
	echo "$least"
}
QUICK='^[0-9]{1,2}$|^[123][0-9]{2}$' SLOW='^[4-9][0-9]{2}$|^[0-9]{4}$'

echo "0 0" >"$dir/control"
expect "no strain" "$QUICK" "$(ms "$strain" "$dir/control" dd if=/dev/zero of="$dir/file" bs=4k count=1 conv=fsync)"
echo "400 0" >"$dir/control"
for call in fsync fdatasync; do
	expect "a slow $call" "$SLOW" "$(ms "$strain" "$dir/control" dd if=/dev/zero of="$dir/file" bs=4k count=1 conv=$call)"
done
expect "only syncs are slow" "$QUICK" "$(ms "$strain" "$dir/control" dd if=/dev/zero of="$dir/file" bs=4k count=1)"
"$strain" "$dir/control" sh -c 'exit 7'; expect "the exit code" '^7$' $?
"$strain" "$dir/control" /nowhere/to/be/found 2>"$dir/err"; expect "no such program" '^125$' $?
expect "which is said" 'No such file' "$(cat "$dir/err")"
echo 'echo $$' >"$dir/pid"
"$strain" "$dir/control" sh "$dir/pid" >"$dir/out" & wait $!
expect "its pid is the one that was started" "^$!\$" "$(cat "$dir/out")"

if [ "$(id -u)" = 0 ]; then
	# The machine's own time is looked at later, by what a start takes.
	off() { echo $(($("$strain" "$dir/control" --clock date +%s) - $(date +%s))); }
	echo "0 -3600000" >"$dir/control"; expect "an hour back" '^-360[0-9]$' "$(off)"
	echo "0 90500" >"$dir/control"; expect "a minute and a half ahead" '^(8[2-9]|9[01])$' "$(off)"
	echo "0 0" >"$dir/control"; expect "on time" '^(0|-[1-9])$' "$(off)"
	# By command, while it runs; monotonic time goes on evenly.
	echo "0 0" >"$dir/control"
	program='import time, sys
for line in sys.stdin: print(round(time.time()), round(time.monotonic()), flush=True)'
	coproc "$strain" "$dir/control" --clock "$(python3 -c 'import sys; print(sys.executable)')" -c "$program"
	echo >&"${COPROC[1]}"; read -r wall_a mono_a <&"${COPROC[0]}"
	echo "0 7200000" >"$dir/control"
	echo >&"${COPROC[1]}"; read -r wall_b mono_b <&"${COPROC[0]}"
	expect "a step while it runs" '^720[0-9]$' $((wall_b - wall_a))
	expect "which the monotonic clock does not make" '^[0-9]$' $((mono_b - mono_a))
fi
[ $bad = 0 ] && echo "strain: all as it should be"
exit $bad
