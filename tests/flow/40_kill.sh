#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of server and agent at random moments under load: no acknowledged write is lost,
# no container restarts, everything converges.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
command -v python3 >/dev/null || skip "python3 is missing"
rounds=50; [ -n "${SAMPAN_LONG-}" ] && rounds=500
cloud_up
check "pods before" "created" kubectl create deployment steady --image=localhost/busybox:1 --replicas=5 -- sleep 100000
check "they run" "successfully" kubectl rollout status deployment/steady --timeout=60s
before=$(kubectl get pods -l app=steady -o 'jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\n"}{end}' | sort)
killing() { timeout $((rounds * 8)) python3 tests/flow/kill.py "$KUBECONFIG" "$CLOUD" "$rounds"; }
check "kill -9, $rounds times" "lost 0, changed 0" killing
check "node is ready" "condition met" kubectl wait --for=condition=Ready node --all --timeout=60s
check "still works" "successfully" bash -c "kubectl scale deployment steady --replicas=7 && kubectl rollout status deployment/steady --timeout=60s"
check "back to five" "scaled" kubectl scale deployment steady --replicas=5
until_ok "five again" "^5$" bash -c "kubectl get pods -l app=steady -o name | wc -l"
after=$(kubectl get pods -l app=steady -o 'jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\n"}{end}' | sort)
check "the same containers, never restarted" "^$" diff <(echo "$before") <(echo "$after")
finish
