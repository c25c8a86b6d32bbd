#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same API driven from Python by Debian's python3-kubernetes.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
/usr/bin/python3 -c 'import kubernetes' 2>/dev/null || skip "python3-kubernetes is missing"
cloud_up
check "python3-kubernetes" "checks passed, 0 failed" /usr/bin/python3 tests/flow/python_client.py
finish
