/* SPDX-License-Identifier: Apache-2.0 */
/* sched_priv - the table, as table.c keeps it and filters and scores read it. */
#ifndef SCHED_SCHED_PRIV_H
#define SCHED_SCHED_PRIV_H

#include "base/list.h"
#include "base/map.h"
#include "sched/sched.h"

#define SCHED_RES_MAX 24               /* resource names in use in one cloud */
enum { RES_CPU, RES_MEMORY, RES_EPHEMERAL, RES_PODS, RES_NAMED };  /* cpu in milli, others in units */

struct res { int64_t v[SCHED_RES_MAX]; };
enum taint_effect { TAINT_NO_SCHEDULE, TAINT_PREFER, TAINT_NO_EXECUTE };
struct taint { const char *key, *value; enum taint_effect effect; };
struct port { char proto[8], ip[46]; int port; };

struct sched_node {
	char *name;
	struct cache_obj *obj;         /* NULL: pods are there, the node is not (yet) */
	struct arena *arena;           /* of taints */
	struct taint *taints;
	unsigned taint_count;
	bool unschedulable;
	struct res alloc, used;
	int64_t used_cpu_scored, used_memory_scored;   /* with defaults for pods that ask for nothing */
	struct list pods;              /* sched_pod.link */
	unsigned index;                /* in sched.nodes */
};
struct sched_pod {
	struct list link;
	struct sched_node *node;
	struct cache_obj *obj;
	struct res req;
	int64_t cpu_scored, memory_scored;
	struct port *ports;
	unsigned port_count;
	bool anti;                     /* has required anti-affinity terms */
};
struct sched {
	struct sched_node **nodes;     /* dense */
	unsigned node_count, node_cap;
	struct map by_name, pods;      /* name -> node, uid -> pod */
	char *res_names[SCHED_RES_MAX];
	unsigned res_count;
	unsigned anti_count;           /* pods with required anti-affinity terms */
};

/* What the pod to place asks for, read once. */
struct want {
	struct sched *s;
	struct arena *a;
	struct cache_obj *pod;
	yyjson_val *tree, *spec;
	struct res req;
	int64_t cpu_scored, memory_scored;
	struct port *ports;
	unsigned port_count;
	struct domains *hard, *soft;   /* spread constraints, counted */
	unsigned hard_count, soft_count;
	struct domains *affinity, *anti;   /* the pod's own terms */
	unsigned affinity_count, anti_count;
	struct map forbidden;          /* "key=value" that placed pods' anti-affinity keeps it from */
};

/* Pods matching one selector, counted by the value of one node label. */
struct domains {
	const char *key;               /* topology key */
	struct map counts;             /* value -> count + 1 */
	int64_t min, max_skew, weight;
	unsigned total;
	bool self;                     /* the pod to place matches the selector itself */
};

/* table.c */
enum taint_effect taint_effect(const char *effect);
int sched_requests(struct sched *s, yyjson_val *pod, struct res *ret, int64_t *ret_cpu_scored, int64_t *ret_memory_scored);
unsigned sched_ports(struct arena *a, yyjson_val *pod, struct port **ret);   /* a NULL: malloc */
/* filter.c: NULL when the node will do, else why not (static or in w->a). */
const char *filter_node(struct want *w, struct sched_node *n);
bool node_selected(yyjson_val *spec, const struct cache_obj *node);   /* nodeSelector and required affinity */
bool affinity_term_matches(const struct cache_obj *node, yyjson_val *term);
bool tolerates(yyjson_val *tolerations, const struct taint *t);
/* domains.c */
int domains_count(struct want *w);
int64_t domains_of(const struct domains *d, const struct sched_node *n);  /* -1: the node lacks the label */
void domains_finish(struct want *w);
/* score.c: 0 to 100 times the weights, higher is better. */
int64_t score_node(struct want *w, struct sched_node *n);

#endif
