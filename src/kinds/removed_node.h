/* SPDX-License-Identifier: Apache-2.0 */
/*
 * removed_node - the record that a node was taken out of the cloud: a ConfigMap of
 * kube-system, one a node. Its creationTimestamp, which is the server's, is the time;
 * certificates of that node that were issued before are refused (src/api/authn.c).
 * `sampan node remove` writes it, and waits for the second to be over: whoever joins under
 * the name then has a later one.
 */
#ifndef KINDS_REMOVED_NODE_H
#define KINDS_REMOVED_NODE_H

#define REMOVED_NODE_NS "kube-system"
#define REMOVED_NODE_MAX 64

/* The ConfigMap's name: any node's name has one, however long it is. */
void removed_node_name(char ret[REMOVED_NODE_MAX], const char *node);

#endif
