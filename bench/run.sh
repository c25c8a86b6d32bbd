#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What it costs: a table of start, memory, CPU, throughput and latencies, each beside its target.
#   bench/run.sh          BUILD says where the release build is (build); needs root for the pods
cd "$(dirname "$0")/.." || exit 1
: "${BUILD:=build}"
export SAMPAN=${SAMPAN:-$PWD/$BUILD/sampan}
. tests/flow/lib.sh
cores=$(nproc) cpu=$(awk -F: '/model name/ {print $2; exit}' /proc/cpuinfo)
echo "machine: $cores cores,$cpu; $(awk '/MemTotal/ {printf "%.0f GB", $2 / 1e6}' /proc/meminfo); kernel $(uname -r); load $(cut -d' ' -f1 /proc/loadavg)"
nodes=
if [ "$(id -u)" = 0 ] && command -v crun >/dev/null && command -v conmon >/dev/null && command -v busybox >/dev/null &&
	tools/ci-cgroups.sh >/dev/null; then
	nodes=$(busybox_image)
else
	echo "pods are left out: they need root, crun, conmon and busybox"
fi
python3 bench/bench.py "$SAMPAN" "$BUILD/bench/http_load" "$WORK" $nodes
