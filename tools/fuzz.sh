#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Run every fuzzer for so many seconds of a processor, however busy the machine is, two at a time, each from its
# committed corpus; those of small formats for a third of them.
#   tools/fuzz.sh BUILD_DIR SECONDS
# The seed is fixed, so that a run can be repeated; FUZZ_SEED=0 takes another every time.
set -uo pipefail
cd "$(dirname "$0")/.."
dir=$1 seconds=$2 rc=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
hz=$(getconf CLK_TCK)
# spent PID: its seconds of a processor so far; nothing when it has ended.
spent() { awk -v hz="$hz" '{ sub(/.*\) /, ""); printf "%d", ($12 + $13) / hz }' "/proc/$1/stat" 2>/dev/null; }
one() {
	local bin=$1 name corpus=$work/$(basename "$1") time=$seconds used=0 pid
	name=$(basename "$bin")
	case $name in fuzz_cni|fuzz_csr|fuzz_etcd|fuzz_list|fuzz_spdy|fuzz_token) time=$(((seconds + 2) / 3));; esac
	mkdir -p "$corpus"
	# The limit by the clock is for one that waits for ever; at SIGUSR1 a fuzzer ends in good order.
	"$bin" -seed="${FUZZ_SEED:-1}" -max_total_time=$((time * 30)) -rss_limit_mb=2048 -timeout=30 -print_final_stats=1 \
		-artifact_prefix="$work/$name-" "$corpus" "tests/fuzz/corpus/$name" >"$work/$name.log" 2>&1 &
	pid=$!
	while now=$(spent $pid) && [ -n "$now" ]; do
		used=$now
		[ "$used" -lt "$time" ] || { kill -USR1 $pid 2>/dev/null; break; }
		sleep 0.5
	done
	if wait $pid && [ "$used" -ge "$time" ]; then
		printf '%-24s %s runs in %s s, clean\n' "$name" "$(awk '/number_of_executed_units/ {print $2}' "$work/$name.log")" "$used"
	else
		printf '%-24s FAILED after %s s\n' "$name" "$used"; tail -40 "$work/$name.log"
		for f in "$work/$name-"*; do [ -f "$f" ] && { echo "input (base64):"; base64 <"$f" | head -c 4000; echo; }; done
		return 1
	fi
}
export -f one spent; export work seconds hz
found=$(find "$dir/tests/fuzz" -maxdepth 1 -type f -name 'fuzz_*' -perm -u+x | sort)
[ -n "$found" ] || { echo "no fuzzers were built in $dir"; exit 1; }
printf '%s\n' "$found" | xargs -P2 -I{} bash -c 'one {}' || rc=1
exit $rc
