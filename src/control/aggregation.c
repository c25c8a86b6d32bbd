/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregation - a ClusterRole with an aggregationRule has the rules of those that its
 * selectors pick, each once, in the order of their names; one that is picked may be
 * aggregated itself.
 * Source: kubernetes pkg/controller/clusterroleaggregation.
 */
#include <string.h>

#include "base/map.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define ROLES "rbac.authorization.k8s.io/clusterroles"

struct state { struct map aggregated; };       /* names of the roles that aggregate */

/* Any role may be one that those pick, now or before. */
static void role_changed(struct ctl *c, const struct cache_event *ev)
{
	struct state *s = ctl_state(c);
	const char *name;

	if (ev->type != CACHE_DELETED && doc_get(cache_tree(ev->obj), "aggregationRule"))
		map_put(&s->aggregated, ev->obj->name, s, NULL);
	else
		map_del(&s->aggregated, ev->obj->name);
	for (size_t it = 0; map_next(&s->aggregated, &it, &name, NULL);)
		ctl_enqueue(c, "", name);
}

struct gather {
	struct ctl *ctl;
	const char *name;              /* the role that aggregates */
	struct selector *sel;
	yyjson_mut_val *rules;
	struct map seen;               /* rules as text */
	bool failed;
};

static bool add_rules(void *arg, struct cache_obj *o)
{
	struct gather *g = arg;
	yyjson_val *rule;
	size_t i, max;

	if (!strcmp(o->name, g->name) || !selector_match(g->sel, &o->labels))
		return true;
	yyjson_arr_foreach(doc_get(cache_tree(o), "rules"), i, max, rule) {
		BUF_AUTO struct buf text = { 0 };

		if (doc_write(&text, rule)) {
			g->failed = true;
			return false;
		}
		if (map_get(&g->seen, text.p))
			continue;
		g->failed |= map_put(&g->seen, text.p, g, NULL) ||
			!yyjson_mut_arr_append(g->rules, yyjson_val_mut_copy(ctl_doc(g->ctl), rule));
	}
	return !g->failed;
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *o = cache_get(ctl_cache(c), ROLES, "", name);
	yyjson_val *role = o ? cache_tree(o) : NULL, *rule = doc_get(role, "aggregationRule"), *it;
	struct gather g = { .ctl = c, .name = name, .rules = yyjson_mut_arr(ctl_doc(c)) };
	yyjson_mut_val *patch, *had;
	size_t i, max;

	if (!rule || o->deleting)
		return 0;
	yyjson_arr_foreach(doc_get(rule, "clusterRoleSelectors"), i, max, it) {
		int rc = selector_from(ctl_arena(c), it, &g.sel, NULL);

		if (!rc)
			cache_each(ctl_cache(c), ROLES, NULL, NULL, NULL, add_rules, &g);
	}
	map_finish(&g.seen);
	if (g.failed || !g.rules)
		return -ERR_NOMEM;
	had = yyjson_val_mut_copy(ctl_doc(c), doc_get(role, "rules"));
	if (had ? doc_mequal(had, g.rules) : !yyjson_mut_arr_size(g.rules))
		return 0;
	patch = yyjson_mut_obj(ctl_doc(c));
	doc_mset(ctl_doc(c), patch, "rules", g.rules);
	ctl_patch(c, ctl_kind("rbac.authorization.k8s.io", "clusterroles"), "", name, NULL, patch);
	return 0;
}

static void close_state(struct ctl *c)
{
	struct state *s = ctl_state(c);

	map_finish(&s->aggregated);
}

static const struct ctl_watch watches[] = { { ROLES, role_changed }, { NULL, NULL } };
const struct ctl_def ctl_aggregation = { .name = "clusterrole-aggregation-controller", .watches = watches,
	.reconcile = reconcile, .state_bytes = sizeof(struct state), .close = close_state };
