/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain - a node is emptied, and removed.
 *
 *   cordon --> pods followed --all are known--> evicted, as budgets let it --none is left--> drained
 * Source: kubernetes staging/src/k8s.io/kubectl/pkg/drain (which pods stay, which need --force).
 * Tests:  tests/flow/13_join.sh
 */
#ifndef CLI_DRAIN_H
#define CLI_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/ask.h"

struct drain_config {
	const char *node;
	int64_t timeout_ms;            /* 0: none */
	bool force;                    /* pods that nothing would make again, too */
};
/* Pods of DaemonSets and mirrors of static pods stay. Says what it evicts and what blocks to stdout; -ERR_DEADLINE
 * with what is left. */
int drain_node(struct ask *a, const struct drain_config *cfg, struct err *reterr);
/* Drained, then its Node and Lease are deleted. Pods of a machine that does not answer are only asked to end. */
int drain_remove(struct ask *a, const struct drain_config *cfg, struct err *reterr);

#endif
