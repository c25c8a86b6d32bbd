#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same API driven from Node by @kubernetes/client-node.
cd "$(dirname "$0")/../.." || exit 1
# The test itself has no way to the internet.
command -v node >/dev/null && command -v npm >/dev/null || { echo "skip: node and npm are missing"; exit 77; }
[ -n "${SAMPAN_INSIDE-}" ] || (cd tests/flow/node && timeout 120 npm ci --no-audit --no-fund --silent) ||
	{ echo "npm ci failed"; exit 1; }
. tests/flow/lib.sh
cloud_up
check "client-node" "checks passed, 0 failed" node tests/flow/node/client.mjs
finish
