# SPDX-License-Identifier: Apache-2.0
# lib - what the flow tests share: a cloud of their own, checks with clear words, clean-up.
# shellcheck shell=bash
#
#   cloud_up            starts $SAMPAN as a one-node cloud; sets KUBECONFIG, DATA, PORT
#   check NAME WANT CMD...   runs CMD; its output must match the regex WANT
#   refuse NAME WANT CMD...  the same for a command that must fail
#   finish              sums up; the exit code of the test
set -uo pipefail

# As root a test lives in network and mount namespaces of its own, with a default route
# that leads nowhere: it cannot meet a cloud that runs on the machine.
if [ "$(id -u)" = 0 ] && [ -z "${SAMPAN_INSIDE-}" ]; then
	export SAMPAN_INSIDE=1
	exec unshare --mount --net --propagation private -- bash -c '
		mount -t tmpfs tmpfs /run &&
		ip link set lo up && ip link add out0 type bridge && ip addr add 192.168.77.1/24 dev out0 &&
		ip link set out0 up && ip route add default dev out0 && exec bash "$0" "$@"' "$0" "$@"
fi
: "${SAMPAN:=$PWD/build/sampan}"
WORK=$(mktemp -d /tmp/sampan-flow.XXXXXX)
DATA=$WORK/data RUN=$WORK/run
PORT=${PORT:-$((20000 + RANDOM % 10000))}
ok=0 bad=0

skip() { echo "skip: $*"; exit 77; }

# An OCI-less docker-archive with busybox as every command: made from Debian's package.
busybox_image() {
	local d=$WORK/img name=${1:-localhost/busybox:1}
	rm -rf "$d"; mkdir -p "$d/root/bin" "$d/root/tmp" "$d/root/etc" "$d/root/home"
	cp "$(command -v busybox)" "$d/root/bin/busybox"
	for a in $("$d/root/bin/busybox" --list); do [ "$a" = busybox ] || ln -sf busybox "$d/root/bin/$a"; done
	printf 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$d/root/etc/passwd"
	tar -C "$d/root" --owner=0 --group=0 -cf "$d/layer.tar" .
	local diff; diff=$(sha256sum "$d/layer.tar" | cut -d' ' -f1)
	printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$diff" >"$d/config.json"
	printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$name" >"$d/manifest.json"
	tar -C "$d" -cf "$WORK/busybox.tar" manifest.json config.json layer.tar
	echo "$WORK/busybox.tar"
}

server_ready() {
	for _ in $(seq 200); do
		[ -f "$DATA/admin.kubeconfig" ] && kubectl get --raw /readyz >/dev/null 2>&1 && return 0
		kill -0 "$CLOUD" 2>/dev/null || break
		sleep 0.05
	done
	echo "the server did not get ready; its log:"; tail -30 "$WORK/log"; return 1
}

node_ready() { kubectl wait --for=condition=Ready node --all --timeout=30s >/dev/null; }

cloud_start() { # OPTION...
	export KUBECONFIG=$DATA/admin.kubeconfig
	"$SAMPAN" up --data-dir "$DATA" --listen "127.0.0.1:$PORT" "$@" >>"$WORK/log" 2>&1 &
	CLOUD=$!
	server_ready
}

cloud_up() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	for t in kubectl busybox crun conmon; do command -v $t >/dev/null || skip "$t is missing"; done
	tools/ci-cgroups.sh || skip "cgroups cannot be prepared"
	# Groups that tests cut short have left; a cloud that runs makes an empty one again when it needs it.
	find /sys/fs/cgroup/sampan /sys/fs/cgroup/*/sampan -mindepth 1 -depth -type d -mmin +60 -exec rmdir {} + 2>/dev/null
	mkdir -p "$DATA"
	"$SAMPAN" image import --data-dir "$DATA/agent" "$(busybox_image)" >/dev/null || { echo "image import failed"; exit 1; }
	cloud_start || exit 1
	for _ in $(seq 200); do kubectl get nodes 2>/dev/null | grep -q . && break; sleep 0.05; done
	node_ready || { echo "the node did not get ready; the log:"; tail -30 "$WORK/log"; exit 1; }
}

cloud_down() {
	[ -n "${CLOUD-}" ] || return 0
	"$SAMPAN" down --data-dir "$DATA" >"$WORK/down" 2>&1 || { echo "down failed:"; cat "$WORK/down"; bad=$((bad + 1)); }
	wait "$CLOUD" 2>/dev/null
	CLOUD=
}

cleanup() { cloud_down; [ -n "${KEEP-}" ] || rm -rf "$WORK"; }
trap cleanup EXIT

report() { # NAME RC WANT OUTPUT
	if [ "$2" = 0 ]; then ok=$((ok + 1)); [ -n "${VERBOSE-}" ] && echo "ok: $1"
	else bad=$((bad + 1)); printf 'FAILED: %s\n  wanted: %s\n  got: %s\n' "$1" "$3" "$(printf '%s' "$4" | head -c 1500)"; fi
}

# A command gets 60 s; a function of the test looks after its own time.
limited() { if declare -F "$1" >/dev/null; then "$@"; else timeout 60 "$@"; fi; }

check() {
	local name=$1 want=$2 out rc; shift 2
	out=$(limited "$@" 2>&1); rc=$?
	{ [ $rc = 0 ] && [[ $out =~ $want ]]; }; report "$name" $? "$want" "rc $rc: $out"
}

refuse() {
	local name=$1 want=$2 out rc; shift 2
	out=$(limited "$@" 2>&1); rc=$?
	{ [ $rc != 0 ] && [ $rc != 124 ] && [[ $out =~ $want ]]; }; report "$name" $? "failure with $want" "rc $rc: $out"
}

# until_ok NAME WANT CMD...: check, asked again for up to a minute; less often as time goes by, for asking costs more
# of the processor than most that is waited for.
until_ok() {
	local name=$1 want=$2 out pause=1 end=$((SECONDS + 60)); shift 2
	while :; do
		out=$(limited "$@" 2>&1) && [[ $out =~ $want ]] && { report "$name" 0 "$want" "$out"; return; }
		[ $SECONDS -lt $end ] || break
		sleep 0.$pause
		[ $pause = 5 ] || pause=$((pause + 1))
	done
	report "$name" 1 "$want (within a minute)" "$out"
}

# heard WANT CMD...: what CMD says until it says WANT; then it is ended.
heard() {
	local want=$1 out=$WORK/heard.$BASHPID pid; shift
	"$@" >"$out" 2>&1 &
	pid=$!
	for _ in $(seq 300); do grep -qE "$want" "$out" && break; kill -0 $pid 2>/dev/null || break; sleep 0.1; done
	kill $pid 2>/dev/null; wait $pid 2>/dev/null
	cat "$out"
}

# session NUMBER CMD...: what CMD checks, beside other sessions; sessions_end adds them up in the order of their numbers.
session() {
	local n=$1; shift
	(ok=0 bad=0; "$@"; echo "$ok $bad" >"$WORK/session.$n.sum") >"$WORK/session.$n" 2>&1 &
	SESSIONS+=($!)
}
SESSIONS=()
sessions_end() {
	local n o b
	wait "${SESSIONS[@]}"
	for n in $(seq ${#SESSIONS[@]}); do
		cat "$WORK/session.$n"
		o=0 b=1
		read -r o b <"$WORK/session.$n.sum" || echo "FAILED: session $n did not end"
		ok=$((ok + o)) bad=$((bad + b))
	done
	SESSIONS=()
}

finish() {
	cloud_down      # sanitizers speak when a process ends, too
	local said; said=$(grep -hE -A12 'AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Assertion .* failed' "$WORK/log" 2>/dev/null)
	report "no sanitizer spoke" $((${#said} > 0)) "silence" "$said"
	if [ "$bad" != 0 ] && [ -f "$WORK/log" ]; then echo "-- last of the cloud's log"; tail -40 "$WORK/log"; fi
	echo "$ok checks passed, $bad failed"
	[ "$bad" = 0 ]
	exit $?
}
