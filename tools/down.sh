#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Stop the cloud of tools/up.sh and its sample registry; nothing of them stays but the data.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${DATA:=/var/lib/sampan}"
[ -x "$BUILD/sampan" ] || { echo "down: $BUILD/sampan is missing; build it with make" >&2; exit 1; }
"$BUILD/sampan" down --data-dir "$DATA"
examples/shop/build.sh --stop
echo "down: the cloud is stopped; its data is in $DATA (rm -r it to start afresh)"
