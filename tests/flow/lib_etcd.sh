# SPDX-License-Identifier: Apache-2.0
# lib_etcd - one real member on loopback for a flow test, with its data in memory.
# shellcheck shell=bash
#
#   etcd_start [ARG...]   for the first time or again; sets ETCD (its process) and ETCD_AT (host:port)
#   etcd_stop             it ends as a machine that loses power does
#   ctl ARG...            etcdctl
ETCD_PORT=${ETCD_PORT:-$((30000 + RANDOM % 10000))}
ETCD_AT=127.0.0.1:$ETCD_PORT
ETCD_DATA=$(mktemp -d /dev/shm/sampan-flow-etcd.XXXXXX)

ctl() { ETCDCTL_API=3 etcdctl --endpoints "http://$ETCD_AT" "$@"; }

etcd_start() {
	command -v etcd >/dev/null || { echo "etcd is missing: apt-get install etcd-server"; exit 1; }
	command -v etcdctl >/dev/null || { echo "etcdctl is missing: apt-get install etcd-client"; exit 1; }
	local peer=http://127.0.0.1:$((ETCD_PORT + 1))
	ETCD_UNSUPPORTED_ARCH=arm64 etcd --name m --data-dir "$ETCD_DATA" --listen-client-urls "http://$ETCD_AT" \
		--advertise-client-urls "http://$ETCD_AT" --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
		--initial-cluster "m=$peer" --log-level warn "$@" >>"$WORK/etcd.log" 2>&1 &
	ETCD=$!
	for _ in $(seq 200); do ctl endpoint health >/dev/null 2>&1 && return 0; sleep 0.05; done
	echo "etcd did not start:"; tail -5 "$WORK/etcd.log"; exit 1
}

# etcd_restore SNAPSHOT: while it is stopped
etcd_restore() {
	local peer=http://127.0.0.1:$((ETCD_PORT + 1))
	rm -rf "$ETCD_DATA"
	ctl snapshot restore "$1" --name m --data-dir "$ETCD_DATA" --initial-cluster "m=$peer" --initial-advertise-peer-urls "$peer" >/dev/null 2>&1
}

etcd_stop() { [ -z "${ETCD-}" ] || { kill -9 "$ETCD"; wait "$ETCD" 2>/dev/null; ETCD=; }; }
etcd_cleanup() { etcd_stop; rm -rf "$ETCD_DATA"; }
