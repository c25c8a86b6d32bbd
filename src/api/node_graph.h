/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_graph - which objects the pods bound to a node refer to: kept up by observers of
 * pods and persistent volumes, so that a question is a look-up or two.
 *
 * Edges are counted, not kept as a graph: (what, namespace, name, node) -> how many pods
 * of that node refer to it. A secret of a PersistentVolume is counted for every node that
 * the volume's claim is mounted on.
 * Source: kubernetes plugin/pkg/auth/authorizer/node/graph.go, pkg/api/v1/pod (VisitPod*),
 * pkg/api/v1/persistentvolume.
 * Tests: tests/unit/api/test_node_authz.c
 */
#ifndef API_NODE_GRAPH_H
#define API_NODE_GRAPH_H

#include "api/api_priv.h"

struct node_graph;
enum node_edge { NODE_SECRET, NODE_CONFIG_MAP, NODE_CLAIM, NODE_ACCOUNT, NODE_RESOURCE_CLAIM };

int node_graph_open(struct node_graph **ret, struct api *a);
void node_graph_close(struct node_graph *g);
bool node_graph_has(struct node_graph *g, const char *node, enum node_edge what, const char *ns, const char *name);
bool node_graph_has_volume(struct node_graph *g, const char *node, const char *name);

#endif
