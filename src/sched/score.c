/* SPDX-License-Identifier: Apache-2.0 */
/*
 * score - how good a node is for a pod that may run there. Weights are those of
 * upstream's default profile: taints 3, node affinity 2, spread 2, the rest 1.
 */
#include <math.h>
#include <string.h>

#include "sched/sched_priv.h"

static int64_t least_allocated(const struct want *w, const struct sched_node *n)
{
	int64_t cpu = n->alloc.v[RES_CPU], memory = n->alloc.v[RES_MEMORY], score = 0;
	int64_t cpu_used = n->used_cpu_scored + w->cpu_scored, memory_used = n->used_memory_scored + w->memory_scored;

	if (cpu > 0 && cpu_used <= cpu)
		score += (cpu - cpu_used) * 100 / cpu;
	if (memory > 0 && memory_used <= memory)
		score += (int64_t)((double)(memory - memory_used) * 100 / (double)memory);
	return score / 2;
}

/* The closer the shares of CPU and memory in use, the better. */
static int64_t balanced(const struct want *w, const struct sched_node *n)
{
	double cpu = n->alloc.v[RES_CPU] ? (double)(n->used.v[RES_CPU] + w->req.v[RES_CPU]) / (double)n->alloc.v[RES_CPU] : 1;
	double memory = n->alloc.v[RES_MEMORY] ? (double)(n->used.v[RES_MEMORY] + w->req.v[RES_MEMORY]) / (double)n->alloc.v[RES_MEMORY] : 1;

	cpu = cpu > 1 ? 1 : cpu;
	memory = memory > 1 ? 1 : memory;
	return (int64_t)((1 - fabs(cpu - memory) / 2) * 100);
}

static int64_t preferred_affinity(struct want *w, struct sched_node *n)
{
	yyjson_val *list = doc_get(w->spec, "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution"), *it;
	int64_t got = 0, all = 0;
	size_t i, max;

	yyjson_arr_foreach(list, i, max, it) {
		int64_t weight = doc_int(it, "weight", 0);
		all += weight;
		if (affinity_term_matches(n->obj, doc_get(it, "preference")))
			got += weight;
	}
	return all ? got * 100 / all : 0;
}

static int64_t taints(struct want *w, const struct sched_node *n)
{
	int64_t hated = 0;

	for (unsigned i = 0; i < n->taint_count; i++)
		hated += n->taints[i].effect == TAINT_PREFER && !tolerates(doc_get(w->spec, "tolerations"), &n->taints[i]);
	return hated > 3 ? 0 : 100 - hated * 25;
}

static int64_t soft_spread(const struct want *w, const struct sched_node *n)
{
	int64_t score = 0;

	if (!w->soft_count)
		return 0;
	for (unsigned i = 0; i < w->soft_count; i++) {
		int64_t have = domains_of(&w->soft[i], n);
		if (have >= 0)
			score += 100 / (1 + have);
	}
	return score / w->soft_count;
}

/* Without constraints of its own a workload still spreads over nodes: fewer of the same
 * pods (by controller) is better. */
static int64_t default_spread(const struct want *w, const struct sched_node *n)
{
	const char *owner = w->pod->owners[0];
	int64_t same = 0;

	if (!owner || w->soft_count || w->hard_count)
		return 0;
	list_each(&n->pods, l) {
		const struct sched_pod *p = list_entry(l, struct sched_pod, link);
		same += p->obj->owners[0] && !strcmp(p->obj->owners[0], owner);
	}
	return 100 / (1 + same);
}

int64_t score_node(struct want *w, struct sched_node *n)
{
	return least_allocated(w, n) + balanced(w, n) + 2 * preferred_affinity(w, n) + 3 * taints(w, n) +
		2 * soft_spread(w, n) + 2 * default_spread(w, n);
}
