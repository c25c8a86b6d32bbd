/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched - where a pod goes: a packed table of nodes and placed pods, filters, scores.
 *
 * In:      nodes and pods as events bring them.   Out: a node's name, or why none.
 * Never:   I/O, clock.
 * Thread:  one owner. sched_pick reads only.
 * Order:   filters as upstream's default profile has them: unschedulable, name, taints,
 *          node affinity, ports, resources, spread, pod affinity.
 * Tests:   tests/unit/sched/
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"
#include "doc/selector.h"

struct sched;

int sched_open(struct sched **ret);
void sched_close(struct sched *s);
/* A node as it is now; false when nothing that placement looks at changed. */
bool sched_node_set(struct sched *s, struct cache_obj *node);
void sched_node_del(struct sched *s, const char *name);
/* A pod that takes room on node (bound, or about to be); set again to move or update. */
int sched_pod_set(struct sched *s, struct cache_obj *pod, const char *node);
bool sched_pod_del(struct sched *s, const char *uid);  /* true: it was there */

#define SCHED_REASON_MAX 2048
struct sched_result {
	const char *node;                  /* NULL: none fits; valid until the table changes */
	unsigned nodes, feasible;
	char reason[SCHED_REASON_MAX];     /* "0/3 nodes are available: 1 Insufficient cpu, ..." */
};
/* seed breaks ties between nodes of equal score. 0 or -ERR_NOMEM. */
int sched_pick(struct sched *s, struct arena *a, struct cache_obj *pod, uint32_t seed, struct sched_result *ret);

/* The first of a pod's tolerations that tolerates this taint, or NULL. Texts are never NULL. */
yyjson_val *sched_toleration_of(yyjson_val *tolerations, const char *taint_key, const char *taint_value,
	const char *taint_effect);
/* Taints that every DaemonSet pod tolerates: it belongs to the node, well or unwell. The
 * last one holds only for pods on the host's network. Ends with a NULL key. */
struct sched_toleration { const char *key, *effect; };
extern const struct sched_toleration sched_daemon_tolerations[];
/* May a DaemonSet's pod (its template's spec) be on this node: placed, only stay, or not. */
enum sched_daemon { SCHED_DAEMON_NO, SCHED_DAEMON_KEEP, SCHED_DAEMON_RUN };
enum sched_daemon sched_daemon_fit(yyjson_val *pod_spec, struct cache_obj *node);

#endif
