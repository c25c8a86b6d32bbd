/* SPDX-License-Identifier: Apache-2.0 */
/* node_priv - between node.c, agent.c and the kubelet API. */
#ifndef AGENT_NODE_PRIV_H
#define AGENT_NODE_PRIV_H

#include "agent/agent_priv.h"

#define NODE_KUBELET_VERSION "v1.34.0"
#define NODE_LEASE_S 40
#define NODE_RUNTIME_VERSION "0.1.0"

/* node_twin.c: {0} at first; own is the owner's to finish. */
struct node_twin {
	struct buf own;                /* where this agent's statuses are from */
	int64_t own_rev, seen_ms;
	bool there;
};
/* The Node as the API answered this agent's own write; NULL: it said nothing. */
void twin_wrote(struct node_twin *t, yyjson_val *node);
/* Is what the Node says another agent's? Told once in the log and as an Event. */
bool twin_seen(struct node_twin *t, struct agent *a, yyjson_val *node);
/* Has one been seen lately? */
bool twin_there(struct node_twin *t, const struct agent *a);

bool node_up(const struct node *n);
/* patch: for a strategic merge, which would take two addresses of one type for one. */
void node_status_text(struct node *n, struct buf *out, bool patch);
/* Tell who waits for it, once node and pods are known. */
void agent_maybe_ready(struct agent *a);

#endif
