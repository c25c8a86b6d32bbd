#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every test; stops at nothing, sums up at the end.
#   tools/test.sh          what CI runs (under 15 minutes on two cores)
#   tools/test.sh --long   the same with more rounds, more seeds, longer fuzzing
# Two tests run at a time, for most wait more than they compute; each is told when it is over. What only
# computes, builds and fuzzers, takes what those leave of the processors.
set -uo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${TEST:=build-test}" "${TSAN:=build-tsan}" "${FUZZ:=build-fuzz}"
export BUILD TEST TSAN FUZZ
long=; [ "${1-}" = --long ] && long=1
if [ -n "$long" ]; then export SAMPAN_LONG=1; else unset SAMPAN_LONG; fi
passed=0 failed=0 skipped=0 broken=()
log=$(mktemp -d)
# Each of these and all that it started; timeout(1) ends its own, and those tidy up at the first signal.
end() {
	local pid kids
	for pid; do
		kids=
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = timeout ] || kids=$(pgrep -P "$pid")
		kill "$pid" 2>/dev/null
		# shellcheck disable=SC2086
		end $kids
	done
}
trap 'end $(jobs -p); rm -rf "$log"' EXIT
trap 'exit 130' INT TERM
tsan_tests=(tests/base_test_workers tests/contract/contract_test_store)
# A version manager's stand-in for python3 takes longer than most of our scripts do.
PATH=$(python3 -c 'import os, sys; print(os.path.dirname(sys.executable))'):$PATH

# What a test leaves behind: FILE NAME.
of() { echo "$log/${2//[^a-z0-9_]/-}.$1"; }

# told NAME RC SECONDS: it is over. 77 is a skip, which CI does not allow.
told() {
	local name=$1 rc=$2 counts; counts=$(of counts "$1")
	printf '\n== %s\n' "$name"
	cat "$(of out "$name")"
	[ "$3" -lt 5 ] || echo "($3 s)"
	[ "$rc" != 77 ] || [ -n "${CI-}" ] || { skipped=$((skipped + 1)); return; }
	[ "$rc" = 0 ] || broken+=("$name")
	if [ -f "$counts" ]; then
		local p f; read -r p f <"$counts"
		passed=$((passed + p)) failed=$((failed + f))
	elif [ "$rc" = 0 ]; then passed=$((passed + 1))
	else failed=$((failed + 1)); fi
}

# built NAME: waits for a build of the background.
built() {
	flock -s "$(of lock "$1")" true
	[ -e "$(of built "$1")" ] || { echo "not built:"; tail -40 "$(of build "$1")"; return 1; }
}

# flow FILE: half of them drive the release build, half the one with sanitizers.
sanitized='tests/flow/10_*|tests/flow/21_*|tests/flow/30_*|tests/node/10_*'
flow() {
	local program=$BUILD limit=$([ -n "$long" ] && echo 6000 || echo 600)
	# shellcheck disable=SC2053
	if [[ $1 = @($sanitized) ]]; then program=$TEST; built test || return 1; fi
	exec env SAMPAN="$(realpath "$program")/sampan" timeout "$limit" "$1"
}

# meson_suite NAME DIR SUITE...: counts Meson's own tests, as those of NAME.
meson_suite() {
	local name=$1 dir=$2 rc s args=(); shift 2
	for s; do args+=(--suite "$s"); done
	meson test -C "$dir" --no-rebuild --print-errorlogs --num-processes 2 ${long:+--timeout-multiplier 30} "${args[@]}" >"$log/meson" 2>&1; rc=$?
	grep -vE '^\s*[0-9]+/[0-9]+ .*OK|^$|^ninja|Entering' "$log/meson" | tail -60
	awk '/^Ok:/ { ok = $2 } /^(Fail|Timeout|Unexpected Pass):/ { bad += $NF } END { print ok + 0, bad + 0 }' "$log/meson" >"$(of counts "$name")"
	return $rc
}

units="unit, contract and crash tests (address and undefined-behaviour sanitizers)"
test_of() { # NAME
	case $1 in
	tidy) make -s tidy;;
	cgroups) tools/ci-cgroups.sh;;
	"$units") built test && meson_suite "$1" "$TEST" unit contract crash;;
	tsan\ *) built tsan && env TSAN_OPTIONS=halt_on_error=1 "$TSAN/${1#tsan }";;
	soak*) "$BUILD/bench/store_soak" "$log" 1000000;;
	*) flow "$1";;
	esac
}

declare -A name_of=() began=()
begin() { # NAME
	(test_of "$1") >"$(of out "$1")" 2>&1 &
	name_of[$!]=$1 began[$!]=$SECONDS
}
end_one() {
	local pid rc
	wait -n -p pid "${!name_of[@]}"; rc=$?
	told "${name_of[$pid]}" $rc $((SECONDS - began[$pid]))
	unset "name_of[$pid]" "began[$pid]"
}

# The background: builds, each telling when it is there, then the fuzzers.
background() {
	renice -n 19 -p $BASHPID >/dev/null
	{ make -s "$TEST/build.ninja" && ninja -C "$TEST"; } >"$(of build test)" 2>&1 && : >"$(of built test)"
	flock -u 7
	{ make -s "$TSAN/build.ninja" && ninja -C "$TSAN" "${tsan_tests[@]}"; } >"$(of build tsan)" 2>&1 && : >"$(of built tsan)"
	flock -u 8
	make -s "$FUZZ/build.ninja" >"$(of build fuzz)" 2>&1 && ninja -C "$FUZZ" fuzzers >>"$(of build fuzz)" 2>&1 || { tail -40 "$(of build fuzz)"; return 1; }
	export FUZZ_SEED=$([ -n "$long" ] && echo 0 || echo 1)
	exec tools/fuzz.sh "$FUZZ" "$([ -n "$long" ] && echo 600 || echo 60)"
}
exec 7>"$(of lock test)" 8>"$(of lock tsan)"
flock 7; flock 8
background >"$(of out fuzzers)" 2>&1 &
fuzzers=$!
exec 7>&- 8>&-

# First the longest, beside it those that mostly wait; then what else needs no build; then the rest.
first=(tests/flow/20_kubectl.sh tests/flow/12_certificates.sh tests/flow/14_etcd.sh tests/flow/40_kill.sh tests/flow/15_servers.sh
	tests/node/40_faults.sh)
then=() last=()
for t in tests/flow/*.sh tests/node/*.sh; do
	case $(basename "$t") in lib*) continue;; esac
	# shellcheck disable=SC2053
	if [[ " ${first[*]} " = *" $t "* ]]; then :
	elif [[ $t = @($sanitized) ]]; then last+=("$t")
	else then+=("$t"); fi
done
begin tidy; end_one
[ "$(id -u)" != 0 ] || { begin cgroups; end_one; }
for t in "${first[@]}" "${then[@]}" "$units" "${last[@]}" "${tsan_tests[@]/#/tsan }" ${long:+"soak: a million updates, and file, memory and latency stay flat"}; do
	[ ${#name_of[@]} -lt 2 ] || end_one
	begin "$t"
done
while [ ${#name_of[@]} -gt 0 ]; do end_one; done
wait $fuzzers
told fuzzers $? 0

printf '\n'
for b in "${broken[@]}"; do echo "failed: $b"; done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ ${#broken[@]} = 0 ]
