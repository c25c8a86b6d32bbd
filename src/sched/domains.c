/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domains - placed pods counted by topology: for spread constraints and for pod
 * affinity. Counted once per pod to place, then asked per node.
 * Source: the fields' documentation of TopologySpreadConstraint and PodAffinityTerm.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sched/sched_priv.h"

/* Values hold the count plus one, so that a known domain without pods differs from none. */
static int64_t count_of(const struct domains *d, const char *value)
{
	return (int64_t)(intptr_t)map_get(&d->counts, value) - 1;
}

static int count_add(struct domains *d, const char *value, int64_t n)
{
	int64_t have = count_of(d, value);

	return map_put(&d->counts, value, (void *)(intptr_t)((have < 0 ? 0 : have) + n + 1), NULL);
}

int64_t domains_of(const struct domains *d, const struct sched_node *n)
{
	const char *value = labels_get(&n->obj->labels, d->key);

	if (!value)
		return -1;
	int64_t have = count_of(d, value);
	return have < 0 ? 0 : have;
}

struct term {
	struct selector *sel;
	yyjson_val *namespaces;        /* list of names, or NULL: the pod's own */
	bool all_namespaces;
	bool honor_affinity, honor_taints;  /* which nodes count (spread) */
};

static bool in_namespaces(const struct want *w, const struct term *t, const struct cache_obj *pod)
{
	yyjson_val *it;
	size_t i, max;

	if (t->all_namespaces)
		return true;
	if (!yyjson_arr_size(t->namespaces))
		return !strcmp(pod->ns, w->pod->ns);
	yyjson_arr_foreach(t->namespaces, i, max, it)
		if (yyjson_equals_str(it, pod->ns))
			return true;
	return false;
}

static bool node_counts(struct want *w, struct sched_node *n, const struct term *t)
{
	if (t->honor_affinity && !node_selected(w->spec, n->obj))
		return false;
	for (unsigned i = 0; t->honor_taints && i < n->taint_count; i++)
		if (n->taints[i].effect != TAINT_PREFER && !tolerates(doc_get(w->spec, "tolerations"), &n->taints[i]))
			return false;
	return true;
}

/* Fill d: every domain there is, and the matching pods in each. */
static int count(struct want *w, struct domains *d, const struct term *t)
{
	for (unsigned i = 0; i < w->s->node_count; i++) {
		struct sched_node *n = w->s->nodes[i];
		const char *value = n->obj ? labels_get(&n->obj->labels, d->key) : NULL;
		int64_t here = 0;
		if (!value || !node_counts(w, n, t))
			continue;
		list_each(&n->pods, l) {
			struct sched_pod *p = list_entry(l, struct sched_pod, link);
			here += !p->obj->deleting && in_namespaces(w, t, p->obj) && selector_match(t->sel, &p->obj->labels);
		}
		d->total += (unsigned)here;
		if (count_add(d, value, here))
			return -ERR_NOMEM;
	}
	return 0;
}

static void find_min(struct domains *d, int64_t min_domains)
{
	size_t it = 0;
	void *v;
	int64_t least = INT64_MAX, known = 0;

	while (map_next(&d->counts, &it, NULL, &v)) {
		int64_t n = (int64_t)(intptr_t)v - 1;
		known++;
		least = n < least ? n : least;
	}
	d->min = known && known >= min_domains ? least : 0;
}

/* matchLabelKeys: the pod's own values of these labels must match too. */
static int with_label_keys(struct want *w, yyjson_val *term, yyjson_val **ret)
{
	yyjson_val *keys = doc_get(term, "matchLabelKeys"), *it;
	size_t i, max;

	*ret = doc_get(term, "labelSelector");
	if (!yyjson_arr_size(keys) || !*ret)
		return 0;
	yyjson_mut_doc *d = doc_new(w->a);
	yyjson_mut_val *sel = d ? yyjson_val_mut_copy(d, *ret) : NULL;
	if (!sel)
		return -ERR_NOMEM;
	yyjson_arr_foreach(keys, i, max, it) {
		const char *have = labels_get(&w->pod->labels, yyjson_get_str(it));
		if (have)
			doc_mset_key(d, sel, "matchLabels", yyjson_get_str(it), have);
	}
	*ret = doc_freeze(w->a, sel);
	return *ret ? 0 : -ERR_NOMEM;
}

static int spread_constraint(struct want *w, yyjson_val *c)
{
	const char *when = doc_str(c, "whenUnsatisfiable"), *aff = doc_str(c, "nodeAffinityPolicy"),
		*taints = doc_str(c, "nodeTaintsPolicy");
	bool hard = !when || !strcmp(when, "DoNotSchedule");
	struct domains *d = hard ? &w->hard[w->hard_count] : &w->soft[w->soft_count];
	struct term t = { .honor_affinity = !aff || !strcmp(aff, "Honor"), .honor_taints = taints && !strcmp(taints, "Honor") };
	yyjson_val *sel;

	*d = (struct domains){ .key = doc_str(c, "topologyKey"), .max_skew = doc_int(c, "maxSkew", 1) };
	if (!d->key)
		return 0;
	if (with_label_keys(w, c, &sel) || selector_from(w->a, sel, &t.sel, NULL))
		return -ERR_NOMEM;
	*(hard ? &w->hard_count : &w->soft_count) += 1;
	d->self = selector_match(t.sel, &w->pod->labels);
	int rc = count(w, d, &t);
	find_min(d, doc_int(c, "minDomains", 1));
	return rc;
}

static int affinity_term(struct want *w, yyjson_val *c, struct domains *d, unsigned *n)
{
	yyjson_val *nssel = doc_get(c, "namespaceSelector"), *sel;
	/* Namespaces' labels are not here: an empty selector means all, another one is
	 * matched by the listed names only. */
	struct term t = { .namespaces = doc_get(c, "namespaces"),
		.all_namespaces = nssel && yyjson_obj_size(nssel) == 0 };

	*d = (struct domains){ .key = doc_str(c, "topologyKey") };
	if (!d->key)
		return 0;
	if (with_label_keys(w, c, &sel) || selector_from(w->a, sel, &t.sel, NULL))
		return -ERR_NOMEM;
	(*n)++;
	d->self = in_namespaces(w, &t, w->pod) && selector_match(t.sel, &w->pod->labels);
	return count(w, d, &t);
}

/* Placed pods that will not have this one near: the label pairs they forbid. */
static int others_anti(struct want *w)
{
	for (unsigned i = 0; w->s->anti_count && i < w->s->node_count; i++) {
		struct sched_node *n = w->s->nodes[i];
		list_each(&n->pods, l) {
			struct sched_pod *p = list_entry(l, struct sched_pod, link);
			yyjson_val *it;
			size_t j, max;
			if (!p->anti || !n->obj)
				continue;
			yyjson_arr_foreach(doc_get(cache_tree(p->obj), "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution"), j, max, it) {
				struct want theirs = { .s = w->s, .a = w->a, .pod = p->obj };
				yyjson_val *nssel = doc_get(it, "namespaceSelector"), *sel;
				struct term t = { .namespaces = doc_get(it, "namespaces"),
					.all_namespaces = nssel && yyjson_obj_size(nssel) == 0 };
				const char *key = doc_str(it, "topologyKey"), *value = key ? labels_get(&n->obj->labels, key) : NULL;
				if (!value)
					continue;
				if (with_label_keys(&theirs, it, &sel) || selector_from(w->a, sel, &t.sel, NULL))
					return -ERR_NOMEM;
				if (!in_namespaces(&theirs, &t, w->pod) || !selector_match(t.sel, &w->pod->labels))
					continue;
				const char *pair = arena_printf(w->a, "%s=%s", key, value);
				if (!pair || map_put(&w->forbidden, pair, w, NULL))
					return -ERR_NOMEM;
			}
		}
	}
	return 0;
}

int domains_count(struct want *w)
{
	yyjson_val *spread = doc_get(w->spec, "topologySpreadConstraints"), *it;
	yyjson_val *near = doc_get(w->spec, "affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution");
	yyjson_val *apart = doc_get(w->spec, "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution");
	size_t n = yyjson_arr_size(spread), i, max;
	int rc = 0;

	w->hard = arena_zalloc(w->a, (n + 1) * sizeof(*w->hard));
	w->soft = arena_zalloc(w->a, (n + 1) * sizeof(*w->soft));
	w->affinity = arena_zalloc(w->a, (yyjson_arr_size(near) + 1) * sizeof(*w->affinity));
	w->anti = arena_zalloc(w->a, (yyjson_arr_size(apart) + 1) * sizeof(*w->anti));
	if (!w->hard || !w->soft || !w->affinity || !w->anti)
		return -ERR_NOMEM;
	yyjson_arr_foreach(spread, i, max, it)
		if (!rc)
			rc = spread_constraint(w, it);
	yyjson_arr_foreach(near, i, max, it)
		if (!rc)
			rc = affinity_term(w, it, &w->affinity[w->affinity_count], &w->affinity_count);
	yyjson_arr_foreach(apart, i, max, it)
		if (!rc)
			rc = affinity_term(w, it, &w->anti[w->anti_count], &w->anti_count);
	return rc ? rc : others_anti(w);
}

void domains_finish(struct want *w)
{
	for (unsigned i = 0; i < w->hard_count; i++)
		map_finish(&w->hard[i].counts);
	for (unsigned i = 0; i < w->soft_count; i++)
		map_finish(&w->soft[i].counts);
	for (unsigned i = 0; i < w->affinity_count; i++)
		map_finish(&w->affinity[i].counts);
	for (unsigned i = 0; i < w->anti_count; i++)
		map_finish(&w->anti[i].counts);
	map_finish(&w->forbidden);
}
