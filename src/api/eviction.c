/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eviction - a deletion of a pod that asks its PodDisruptionBudget first.
 * Source: kubernetes pkg/registry/core/pod/storage/eviction.go.
 */
#include <string.h>

#include "api/call.h"

struct budgets { struct call *c; struct cache_obj *found; unsigned count; };

static bool match_budget(void *arg, struct cache_obj *o)
{
	struct budgets *b = arg;
	struct selector *s;
	yyjson_val *sel = doc_get(cache_tree(o), "spec.selector");

	if (sel && !selector_from(b->c->arena, sel, &s, NULL) && selector_match(s, &b->c->cur->labels)) {
		b->found = o;
		b->count++;
	}
	return true;
}

static bool ready(struct call *c)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *v;

	yyjson_mut_arr_iter_init(doc_mget(c->old, "status.conditions"), &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(v, "type"), "Ready"))
			return yyjson_mut_equals_str(yyjson_mut_obj_get(v, "status"), "True");
	return false;
}

static enum step refuse(struct call *c, struct cache_obj *pdb)
{
	yyjson_val *v = cache_tree(pdb);
	struct cause cause = { "DisruptionBudget", arena_printf(c->arena,
		"The disruption budget %s needs %lld healthy pods and has %lld currently", pdb->name,
		(long long)doc_int(v, "status.desiredHealthy", 0), (long long)doc_int(v, "status.currentHealthy", 0)),
		NULL };

	return fail_status(c, 429, "TooManyRequests", &cause, 1,
		"Cannot evict pod as it would violate the pod's disruption budget.");
}

/* Nobody relies on a pod that does not run, or that goes already. */
static bool needs_no_budget(struct call *c)
{
	const char *phase = doc_mstr(c->old, "status.phase");

	return c->cur->deleting || (phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed") ||
			!strcmp(phase, "Pending")));
}

enum step eviction_load(struct call *c)
{
	struct budgets b = { .c = c };
	const char *name = doc_mstr(c->input, "metadata.name");
	yyjson_mut_val *opts = doc_mget(c->input, "deleteOptions");
	bool found;
	enum step step;

	if (name && *name && strcmp(name, c->name))
		return fail_bad_request(c, "name in URL does not match name in Eviction object");
	step = load_current(c, &found);
	if (step != STEP_NEXT)
		return step;
	if (!found)
		return fail_not_found(c, "pods", "", c->name);
	c->only_status = true;
	c->obj = NULL;
	if (yyjson_mut_obj_get(opts, "gracePeriodSeconds"))
		c->grace_s = doc_mint(opts, "gracePeriodSeconds", 0);
	c->propagation = doc_mstr(opts, "propagationPolicy");
	c->want_uid = doc_mstr(opts, "preconditions.uid");
	if (c->want_uid && strcmp(c->want_uid, c->cur->uid))
		return fail_conflict(c, "the UID in the precondition (%s) does not match the UID in record (%s). "
			"The object might have been deleted and then recreated", c->want_uid, c->cur->uid);
	c->verb = VERB_DELETE;         /* from here on it is one */
	if (doc_mstr(opts, "dryRun.0"))
		c->dry_run = true;
	if (needs_no_budget(c))
		return STEP_NEXT;
	cache_each(c->api->cache, c->api->k.pdb->store, c->ns, NULL, NULL, match_budget, &b);
	if (b.count > 1)
		return fail_status(c, 500, "InternalError", NULL, 0, "This pod has more than one "
			"PodDisruptionBudget, which the eviction subresource does not support.");
	if (!b.found)
		return STEP_NEXT;
	/* Counting down disruptionsAllowed is the controller's; while it has not counted,
	 * nothing is allowed. A pod that is not ready costs the budget nothing when the
	 * others suffice. */
	if (doc_int(cache_tree(b.found), "status.observedGeneration", 0) <
	    doc_int(cache_tree(b.found), "metadata.generation", 0))
		return fail_busy(c, 429, 10, "Cannot evict pod as it would violate the pod's disruption budget.");
	if (!ready(c) && doc_int(cache_tree(b.found), "status.currentHealthy", 0) >=
	    doc_int(cache_tree(b.found), "status.desiredHealthy", 0) &&
	    doc_int(cache_tree(b.found), "status.desiredHealthy", 0) > 0)
		return STEP_NEXT;
	if (doc_int(cache_tree(b.found), "status.disruptionsAllowed", 0) <= 0)
		return refuse(c, b.found);
	return STEP_NEXT;
}
