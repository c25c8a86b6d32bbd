#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every test, the simplest first; stops at nothing, sums up at the end.
#   tools/test.sh          what CI runs (under 15 minutes on two cores)
#   tools/test.sh --long   the same with more rounds, more seeds, longer fuzzing
set -uo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${TEST:=build-test}" "${TSAN:=build-tsan}" "${FUZZ:=build-fuzz}"
long=; [ "${1-}" = --long ] && long=1
if [ -n "$long" ]; then export SAMPAN_LONG=1; else unset SAMPAN_LONG; fi
passed=0 failed=0 skipped=0 broken=()
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

say() { printf '\n== %s\n' "$*"; }

# step NAME COMMAND...: counts it as one test; 77 is a skip, which CI does not allow.
step() {
	local name=$1 began=$SECONDS; shift
	say "$name"
	"$@"; local rc=$?
	[ $((SECONDS - began)) -lt 5 ] || echo "($((SECONDS - began)) s)"
	if [ $rc = 0 ]; then passed=$((passed + 1))
	elif [ $rc = 77 ] && [ -z "${CI-}" ]; then skipped=$((skipped + 1))
	else failed=$((failed + 1)); broken+=("$name"); fi
}

# aside NAME...: flows that mostly wait, one after the other beside the steps that follow;
# asides_told tells how they went, as steps of their own.
aside() {
	asides+=("$@")
	(for t; do
		began=$SECONDS
		flow "$t" >"$log/$(basename "$t")" 2>&1; rc=$?
		echo "($((SECONDS - began)) s, beside others)" >>"$log/$(basename "$t")"
		echo $rc >"$log/$(basename "$t").rc"
	done) &
	aside_pid=$!
}
asides=()
asides_told() {
	wait "$aside_pid"
	for t in "${asides[@]}"; do step "$t" told "$t"; done
}
told() { cat "$log/$(basename "$1")"; return "$(cat "$log/$(basename "$1").rc")"; }

# flow FILE: half of them drive the release build, half the one with sanitizers.
flow() {
	local program=$BUILD limit=$([ -n "$long" ] && echo 6000 || echo 600)
	case $1 in tests/flow/10_*|tests/flow/21_*|tests/flow/30_*|tests/node/10_*) program=$TEST;; esac
	env SAMPAN="$(realpath "$program")/sampan" timeout "$limit" "$1"
}

# meson_suite DIR SUITE...: counts Meson's own tests.
meson_suite() {
	local dir=$1; shift
	local args=(); for s in "$@"; do args+=(--suite "$s"); done
	meson test -C "$dir" --no-rebuild --print-errorlogs --num-processes 2 ${long:+--timeout-multiplier 30} "${args[@]}" >"$log/meson" 2>&1; local rc=$?
	grep -vE '^\s*[0-9]+/[0-9]+ .*OK|^$|^ninja|Entering' "$log/meson" | tail -60
	passed=$((passed + $(awk '/^Ok:/ {print $2}' "$log/meson" || echo 0)))
	failed=$((failed + $(awk '/^(Fail|Timeout|Unexpected Pass):/ {s += $NF} END {print s + 0}' "$log/meson")))
	[ $rc = 0 ] || broken+=("$dir $*")
}

say "build with sanitizers"
ninja -C "$TEST" >"$log/build" 2>&1 || { tail -40 "$log/build"; echo "0 passed, 1 failed"; exit 1; }
say "build with the thread sanitizer"
tsan_tests=(tests/base_test_workers tests/contract/contract_test_store)
ninja -C "$TSAN" "${tsan_tests[@]}" >"$log/build" 2>&1 || { tail -40 "$log/build"; echo "0 passed, 1 failed"; exit 1; }

step tidy make -s tidy
[ "$(id -u)" != 0 ] || step cgroups tools/ci-cgroups.sh
say "unit, contract and crash tests (address and undefined-behaviour sanitizers)"
meson_suite "$TEST" unit contract crash
say "workers and store under the thread sanitizer"
for t in "${tsan_tests[@]}"; do step "tsan $t" env TSAN_OPTIONS=halt_on_error=1 "$TSAN/$t"; done
aside tests/flow/12_certificates.sh tests/flow/14_etcd.sh tests/flow/15_servers.sh tests/flow/40_kill.sh tests/node/22_node_death.sh tests/node/40_faults.sh
for t in tests/flow/*.sh tests/node/*.sh; do
	case $(basename "$t") in lib*) continue;; esac
	[[ " ${asides[*]} " = *" $t "* ]] || step "$t" flow "$t"
done
asides_told
[ -z "$long" ] || step "a million updates: file, memory and latency stay flat" "$BUILD/bench/store_soak" "$log" 1000000
step "fuzzers" env FUZZ_SEED=$([ -n "$long" ] && echo 0 || echo 1) make -s fuzz FUZZ_SECONDS=$([ -n "$long" ] && echo 600 || echo 60)

printf '\n'
for b in "${broken[@]}"; do echo "failed: $b"; done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ ${#broken[@]} = 0 ]
