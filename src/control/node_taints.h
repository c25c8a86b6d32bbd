/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_taints - a Node's conditions and spec.unschedulable as taints.
 * Source: kubernetes pkg/controller/nodelifecycle (nodeConditionToTaintKeyStatusMap,
 * SwapNodeControllerTaint).
 */
#ifndef CONTROL_NODE_TAINTS_H
#define CONTROL_NODE_TAINTS_H

#include "control/reconcile.h"

#define TAINT_UNREACHABLE "node.kubernetes.io/unreachable"
#define TAINT_NOT_READY   "node.kubernetes.io/not-ready"

enum node_ready { NODE_READY_NONE, NODE_READY_TRUE, NODE_READY_FALSE, NODE_READY_UNKNOWN };

enum node_ready node_ready_of(yyjson_val *node);
bool node_has_taint(yyjson_val *node, const char *key, const char *effect);
/* One patch that gives the Node the NoSchedule taints of its conditions and, of ours, only the
 * NoExecute taint no_execute (NULL: none); other taints are left alone. */
void node_taints_sync(struct ctl *c, struct cache_obj *node, const char *no_execute);

#endif
