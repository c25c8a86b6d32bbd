/* SPDX-License-Identifier: Apache-2.0 */
/* filter - may this pod run on this node? Each answer is a reason people know. */
#include <stdlib.h>
#include <string.h>

#include "sched/sched_priv.h"

yyjson_val *sched_toleration_of(yyjson_val *tolerations, const char *taint_key, const char *taint_value,
	const char *taint_effect)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(tolerations, i, max, it) {
		const char *key = doc_str(it, "key"), *op = doc_str(it, "operator"), *value = doc_str(it, "value"),
			*effect = doc_str(it, "effect");
		bool exists = op && !strcmp(op, "Exists");

		if (effect && *effect && strcmp(effect, taint_effect))
			continue;
		if (!key || !*key ? exists : !strcmp(key, taint_key) && (exists || !strcmp(value ? value : "", taint_value)))
			return it;
	}
	return NULL;
}

bool tolerates(yyjson_val *tolerations, const struct taint *t)
{
	static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute" };

	return sched_toleration_of(tolerations, t->key, t->value, effects[t->effect]);
}

/* One requirement of a node selector term. Gt and Lt compare integers. */
static bool requirement(const char *have, yyjson_val *req)
{
	const char *op = doc_str(req, "operator");
	yyjson_val *values = doc_get(req, "values"), *it;
	size_t i, max;

	if (!op)
		return false;
	if (!strcmp(op, "Exists"))
		return have != NULL;
	if (!strcmp(op, "DoesNotExist"))
		return have == NULL;
	bool in = false;
	yyjson_arr_foreach(values, i, max, it)
		in |= have && yyjson_equals_str(it, have);
	if (!strcmp(op, "In"))
		return in;
	if (!strcmp(op, "NotIn"))
		return !in;
	const char *bound = yyjson_get_str(yyjson_arr_get_first(values));
	if (!have || !bound)
		return false;
	char *end_a, *end_b;
	long long a = strtoll(have, &end_a, 10), b = strtoll(bound, &end_b, 10);
	if (!*have || *end_a || *end_b)
		return false;
	return !strcmp(op, "Gt") ? a > b : !strcmp(op, "Lt") && a < b;
}

/* A NodeSelectorTerm: all its expressions and fields; an empty one matches nothing. */
bool affinity_term_matches(const struct cache_obj *node, yyjson_val *term)
{
	yyjson_val *exprs = doc_get(term, "matchExpressions"), *fields = doc_get(term, "matchFields"), *it;
	size_t i, max;

	if (!yyjson_arr_size(exprs) && !yyjson_arr_size(fields))
		return false;
	yyjson_arr_foreach(exprs, i, max, it) {
		const char *key = doc_str(it, "key");
		if (!key || !requirement(labels_get(&node->labels, key), it))
			return false;
	}
	yyjson_arr_foreach(fields, i, max, it) {
		const char *key = doc_str(it, "key");
		if (!key || strcmp(key, "metadata.name") || !requirement(node->name, it))
			return false;
	}
	return true;
}

bool node_selected(yyjson_val *spec, const struct cache_obj *node)
{
	yyjson_val *sel = doc_get(spec, "nodeSelector"), *k, *v, *it;
	yyjson_val *terms = doc_get(spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
	size_t i, max;

	yyjson_obj_foreach(sel, i, max, k, v) {
		const char *have = labels_get(&node->labels, yyjson_get_str(k));
		if (!have || !yyjson_equals_str(v, have))
			return false;
	}
	yyjson_arr_foreach(terms, i, max, it)
		if (affinity_term_matches(node, it))
			return true;
	return !terms;
}

static bool ports_clash(const struct want *w, const struct sched_node *n)
{
	if (!w->port_count)
		return false;
	list_each(&n->pods, l) {
		const struct sched_pod *p = list_entry(l, struct sched_pod, link);
		for (unsigned i = 0; i < p->port_count; i++)
			for (unsigned j = 0; j < w->port_count; j++) {
				const struct port *a = &p->ports[i], *b = &w->ports[j];
				if (a->port == b->port && !strcmp(a->proto, b->proto) &&
				    (!strcmp(a->ip, b->ip) || !strcmp(a->ip, "0.0.0.0") || !strcmp(b->ip, "0.0.0.0")))
					return true;
			}
	}
	return false;
}

static const char *resources(struct want *w, const struct sched_node *n)
{
	for (unsigned i = 0; i < w->s->res_count; i++) {
		if (!w->req.v[i] || n->used.v[i] + w->req.v[i] <= n->alloc.v[i])
			continue;
		return i == RES_PODS ? "Too many pods" : arena_printf(w->a, "Insufficient %s", w->s->res_names[i]);
	}
	return NULL;
}

static const char *spread(struct want *w, const struct sched_node *n)
{
	for (unsigned i = 0; i < w->hard_count; i++) {
		const struct domains *d = &w->hard[i];
		int64_t have = domains_of(d, n);
		if (have < 0)
			return "node(s) didn't match pod topology spread constraints (missing required label)";
		if (have + d->self - d->min > d->max_skew)
			return "node(s) didn't match pod topology spread constraints";
	}
	return NULL;
}

static const char *pod_affinity(struct want *w, const struct sched_node *n)
{
	size_t it = 0;
	const char *pair;

	for (unsigned i = 0; i < w->affinity_count; i++) {
		const struct domains *d = &w->affinity[i];
		int64_t have = domains_of(d, n);
		/* The first of a group that wants its own kind may go anywhere with the label. */
		if (have < 0 || (have == 0 && !(d->total == 0 && d->self)))
			return "node(s) didn't match pod affinity rules";
	}
	for (unsigned i = 0; i < w->anti_count; i++)
		if (domains_of(&w->anti[i], n) > 0)
			return "node(s) didn't match pod anti-affinity rules";
	while (map_next(&w->forbidden, &it, &pair, NULL)) {
		const char *eq = strchr(pair, '=');
		char key[400];
		snprintf(key, sizeof(key), "%.*s", (int)(eq - pair), pair);
		const char *have = labels_get(&n->obj->labels, key);
		if (have && !strcmp(have, eq + 1))
			return "node(s) didn't satisfy existing pods anti-affinity rules";
	}
	return NULL;
}

const char *filter_node(struct want *w, struct sched_node *n)
{
	static const struct taint cordoned = { "node.kubernetes.io/unschedulable", "", TAINT_NO_SCHEDULE };
	yyjson_val *tolerations = doc_get(w->spec, "tolerations");
	const char *name = doc_str(w->spec, "nodeName"), *why;

	if (n->unschedulable && !tolerates(tolerations, &cordoned))
		return "node(s) were unschedulable";
	if (name && *name && strcmp(name, n->name))
		return "node(s) didn't match the requested node name";
	for (unsigned i = 0; i < n->taint_count; i++) {
		const struct taint *t = &n->taints[i];
		if (t->effect != TAINT_PREFER && !tolerates(tolerations, t))
			return arena_printf(w->a, "node(s) had untolerated taint {%s: %s}", t->key, t->value);
	}
	if (!node_selected(w->spec, n->obj))
		return "node(s) didn't match Pod's node affinity/selector";
	if (ports_clash(w, n))
		return "node(s) didn't have free ports for the requested pod ports";
	if ((why = resources(w, n)) || (why = spread(w, n)))
		return why;
	return pod_affinity(w, n);
}

const struct sched_toleration sched_daemon_tolerations[] = {
	{ "node.kubernetes.io/not-ready", "NoExecute" },
	{ "node.kubernetes.io/unreachable", "NoExecute" },
	{ "node.kubernetes.io/disk-pressure", "NoSchedule" },
	{ "node.kubernetes.io/memory-pressure", "NoSchedule" },
	{ "node.kubernetes.io/pid-pressure", "NoSchedule" },
	{ "node.kubernetes.io/unschedulable", "NoSchedule" },
	{ "node.kubernetes.io/network-unavailable", "NoSchedule" },
	{ NULL, NULL },
};

static bool daemon_tolerates(const struct taint *t)
{
	for (const struct sched_toleration *a = sched_daemon_tolerations; a->key; a++)
		if (!strcmp(a->key, t->key) && taint_effect(a->effect) == t->effect)
			return true;
	return false;
}

enum sched_daemon sched_daemon_fit(yyjson_val *spec, struct cache_obj *node)
{
	yyjson_val *tolerations = doc_get(spec, "tolerations"), *it;
	const char *name = doc_str(spec, "nodeName");
	enum sched_daemon fit = SCHED_DAEMON_RUN;
	size_t i, max;

	if ((name && *name && strcmp(name, node->name)) || !node_selected(spec, node))
		return SCHED_DAEMON_NO;
	yyjson_arr_foreach(doc_get(cache_tree(node), "spec.taints"), i, max, it) {
		const char *key = doc_str(it, "key"), *value = doc_str(it, "value"), *effect = doc_str(it, "effect");
		struct taint t = { .key = key ? key : "", .value = value ? value : "", .effect = taint_effect(effect) };
		if (t.effect == TAINT_PREFER || daemon_tolerates(&t) || tolerates(tolerations, &t))
			continue;
		if (t.effect == TAINT_NO_EXECUTE)
			return SCHED_DAEMON_NO;
		fit = SCHED_DAEMON_KEEP;
	}
	return fit;
}
