#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same API driven from Node by @kubernetes/client-node.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
command -v node >/dev/null && command -v npm >/dev/null || skip "node and npm are missing"
(cd tests/flow/node && npm ci --no-audit --no-fund --silent) || { echo "npm ci failed"; exit 1; }
cloud_up
check "client-node" "checks passed, 0 failed" node tests/flow/node/client.mjs
finish
