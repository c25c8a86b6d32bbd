/* SPDX-License-Identifier: Apache-2.0 */
/* node_priv - between node.c, agent.c and the kubelet API. */
#ifndef AGENT_NODE_PRIV_H
#define AGENT_NODE_PRIV_H

#include "agent/agent_priv.h"

#define NODE_KUBELET_VERSION "v1.34.0"
#define NODE_LEASE_S 40
#define NODE_RUNTIME_VERSION "0.1.0"

bool node_up(const struct node *n);
void node_status_text(struct node *n, struct buf *out);
/* Tell who waits for it, once node and pods are known. */
void agent_maybe_ready(struct agent *a);

#endif
