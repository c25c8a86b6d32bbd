/* SPDX-License-Identifier: Apache-2.0 */
/* pick - filters and scores put together; and the words for why nothing fits. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sched/sched_priv.h"

struct reason { const char *text; unsigned count; };

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct reason *)a)->text, ((const struct reason *)b)->text);
}

static void tell_reasons(struct sched_result *ret, struct reason *r, unsigned n)
{
	size_t at;

	if (!ret->nodes) {
		snprintf(ret->reason, sizeof(ret->reason), "no nodes available to schedule pods");
		return;
	}
	qsort(r, n, sizeof(*r), by_text);
	at = (size_t)snprintf(ret->reason, sizeof(ret->reason), "0/%u nodes are available", ret->nodes);
	for (unsigned i = 0; i < n && at < sizeof(ret->reason); i++)
		at += (size_t)snprintf(ret->reason + at, sizeof(ret->reason) - at, "%s%u %s", i ? ", " : ": ",
			r[i].count, r[i].text);
	if (at < sizeof(ret->reason))
		snprintf(ret->reason + at, sizeof(ret->reason) - at, ".");
}

/* Reasons are few: nodes fail for the same handful. */
#define REASONS_MAX 64u

static void note(struct reason *r, unsigned *n, const char *text)
{
	for (unsigned i = 0; i < *n; i++)
		if (!strcmp(r[i].text, text)) {
			r[i].count++;
			return;
		}
	if (*n < REASONS_MAX)
		r[(*n)++] = (struct reason){ text, 1 };
}

int sched_pick(struct sched *s, struct arena *a, struct cache_obj *pod, uint32_t seed, struct sched_result *ret)
{
	struct want w = { .s = s, .a = a, .pod = pod, .tree = cache_tree(pod) };
	struct reason reasons[REASONS_MAX];
	unsigned reason_count = 0, ties = 0;
	int64_t best = -1;

	*ret = (struct sched_result){ 0 };
	w.spec = doc_get(w.tree, "spec");
	sched_requests(s, w.tree, &w.req, &w.cpu_scored, &w.memory_scored);
	w.port_count = sched_ports(a, w.tree, &w.ports);
	int rc = domains_count(&w);
	for (unsigned i = 0; !rc && i < s->node_count; i++) {
		struct sched_node *n = s->nodes[i];
		if (!n->obj)
			continue;
		ret->nodes++;
		const char *why = filter_node(&w, n);
		if (why) {
			note(reasons, &reason_count, why);
			continue;
		}
		ret->feasible++;
		int64_t score = score_node(&w, n);
		if (score >= best)
			ties = score == best ? ties + 1 : 1;
		/* Each of k equal nodes ends up chosen with probability 1/k. */
		if (score > best || (score == best && (seed = seed * 1664525u + 1013904223u) % ties == 0)) {
			best = score;
			ret->node = n->name;
		}
	}
	domains_finish(&w);
	if (!rc && !ret->node)
		tell_reasons(ret, reasons, reason_count);
	return arena_over(a) ? -ERR_NOMEM : rc;
}
