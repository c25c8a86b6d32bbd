/* SPDX-License-Identifier: Apache-2.0 */
/* node_taints - see node_taints.h. */
#include "control/node_taints.h"

#include <stdio.h>
#include <string.h>

#include "base/env.h"
#include "base/text.h"

struct wish { const char *key, *effect; bool want; };

enum node_ready node_ready_of(yyjson_val *node)
{
	const char *s = doc_str(ctl_condition_get(node, "Ready"), "status");

	return !s ? NODE_READY_NONE : !strcmp(s, "True") ? NODE_READY_TRUE : !strcmp(s, "False") ? NODE_READY_FALSE :
		NODE_READY_UNKNOWN;
}

static bool is_taint(yyjson_val *taint, const char *key, const char *effect)
{
	const char *k = doc_str(taint, "key"), *e = doc_str(taint, "effect");

	return k && e && !strcmp(k, key) && !strcmp(e, effect);
}

bool node_has_taint(yyjson_val *node, const char *key, const char *effect)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(node, "spec.taints"), i, max, it)
		if (is_taint(it, key, effect))
			return true;
	return false;
}

static void add_taint(yyjson_mut_doc *d, yyjson_mut_val *list, const struct wish *w)
{
	yyjson_mut_val *t = yyjson_mut_obj(d);
	char now[TEXT_TIME_MAX];

	text_time(now, env_wall_us());
	doc_mset_str(d, t, "key", w->key);
	doc_mset_str(d, t, "effect", w->effect);
	doc_mset_str(d, t, "timeAdded", now);
	yyjson_mut_arr_append(list, t);
}

void node_taints_sync(struct ctl *c, struct cache_obj *node, const char *no_execute)
{
	yyjson_val *tree = cache_tree(node), *it;
	enum node_ready ready = node_ready_of(tree);
	const struct wish wishes[] = {
		{ TAINT_UNREACHABLE, "NoSchedule", ready == NODE_READY_UNKNOWN },
		{ TAINT_UNREACHABLE, "NoExecute", no_execute && !strcmp(no_execute, TAINT_UNREACHABLE) },
		{ TAINT_NOT_READY, "NoSchedule", ready == NODE_READY_FALSE },
		{ TAINT_NOT_READY, "NoExecute", no_execute && !strcmp(no_execute, TAINT_NOT_READY) },
		{ "node.kubernetes.io/memory-pressure", "NoSchedule", ctl_condition_true(tree, "MemoryPressure") },
		{ "node.kubernetes.io/disk-pressure", "NoSchedule", ctl_condition_true(tree, "DiskPressure") },
		{ "node.kubernetes.io/pid-pressure", "NoSchedule", ctl_condition_true(tree, "PIDPressure") },
		{ "node.kubernetes.io/network-unavailable", "NoSchedule", ctl_condition_true(tree, "NetworkUnavailable") },
		{ "node.kubernetes.io/unschedulable", "NoSchedule", doc_bool(tree, "spec.unschedulable", false) },
	};
	enum { WISHES = sizeof(wishes) / sizeof(*wishes) };
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *list = yyjson_mut_arr(d), *p = yyjson_mut_obj(d);
	bool have[WISHES] = { false }, changed = false;
	size_t i, max, w;
	char rev[24];

	yyjson_arr_foreach(doc_get(tree, "spec.taints"), i, max, it) {
		for (w = 0; w < WISHES && !is_taint(it, wishes[w].key, wishes[w].effect); w++)
			;
		if (w < WISHES && (!wishes[w].want || have[w])) {
			changed = true;
			continue;
		}
		if (w < WISHES)
			have[w] = true;
		yyjson_mut_arr_append(list, yyjson_val_mut_copy(d, it));
	}
	for (w = 0; w < WISHES; w++)
		if (wishes[w].want && !have[w]) {
			add_taint(d, list, &wishes[w]);
			changed = true;
		}
	if (!changed)
		return;
	snprintf(rev, sizeof(rev), "%lld", (long long)node->rev);
	doc_mset_str(d, p, "metadata.resourceVersion", rev);
	doc_mset(d, p, "spec.taints", yyjson_mut_arr_size(list) ? list : yyjson_mut_null(d));
	ctl_patch(c, ctl_kind("", "nodes"), NULL, node->name, NULL, p);
}
