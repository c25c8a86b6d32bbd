#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# crun cannot use a mixed cgroup tree while version 2 holds controllers there: mount each of
# them as version 1. Changes nothing on a machine with one version only, or run again.
set -euo pipefail

top=/sys/fs/cgroup
held=$top/unified/cgroup.controllers
[ -f "$held" ] || exit 0
for c in $(cat "$held"); do
	mkdir -p "$top/$c"
	mount -t cgroup -o "$c" cgroup "$top/$c" ||
		{ echo "ci-cgroups: cannot mount the cgroup controller $c (needs root)" >&2; exit 1; }
done
