/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eviction - a deletion of a pod that asks its PodDisruptionBudget first.
 *
 *   load:    preconditions; admission; is a budget asked at all; does it allow one more
 *   charge:  the budget's status is counted down by a compare-and-swap of its own, so
 *            that two evictions never share one allowance; those of one budget take turns
 *            at it; then load again
 *   prepare: as a deletion, with the condition DisruptionTarget
 *
 * What was charged is not charged again when the pod changes meanwhile. A dry run asks
 * and charges nothing.
 * Source: kubernetes pkg/registry/core/pod/storage/eviction.go.
 */
#include <stdlib.h>
#include <string.h>

#include "api/admit.h"
#include "base/env.h"
#include "base/text.h"

#define DISRUPTED_MAX 2000u    /* evictions the controller has not seen yet */
#define PROCESSING_RETRY_S 10
#define REFUSED "Cannot evict pod as it would violate the pod's disruption budget."

/* ---- the budget ---- */

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

/* Nobody relies on a pod that does not run, or that goes already. */
static bool needs_no_budget(struct call *c)
{
	const char *phase = doc_mstr(c->old, "status.phase");

	return c->cur->deleting || (phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed") ||
			!strcmp(phase, "Pending")));
}

/* One that is not ready costs the budget nothing, if its policy or the others allow. */
static bool free_of_charge(struct call *c, yyjson_val *pdb)
{
	const char *policy = doc_str(pdb, "spec.unhealthyPodEvictionPolicy");
	int64_t desired = doc_int(pdb, "status.desiredHealthy", 0);

	if (ready(c))
		return false;
	return (policy && !strcmp(policy, "AlwaysAllow")) ||
		(desired > 0 && doc_int(pdb, "status.currentHealthy", 0) >= desired);
}

/* Why nothing is allowed. What a controller that failed counted is not to be trusted. */
static const char *why_none(struct call *c, struct cache_obj *o)
{
	yyjson_val *pdb = cache_tree(o), *v;
	int64_t desired = doc_int(pdb, "status.desiredHealthy", 0), healthy = doc_int(pdb, "status.currentHealthy", 0);
	const char *reason = NULL, *message = NULL;
	size_t i, max;

	yyjson_arr_foreach(doc_get(pdb, "status.conditions"), i, max, v)
		if (yyjson_equals_str(doc_get(v, "type"), "DisruptionAllowed") && yyjson_equals_str(doc_get(v, "status"), "False")) {
			reason = doc_str(v, "reason");
			message = doc_str(v, "message");
		}
	if (!message || !*message)
		reason = NULL;
	if (reason && !strcmp(reason, "SyncFailed"))
		return arena_printf(c->arena, "The disruption budget %s does not allow evicting pods currently because it failed "
			"sync: %s", o->name, message);
	if (healthy <= desired)
		return arena_printf(c->arena, "The disruption budget %s needs %lld healthy pods and has %lld currently", o->name,
			(long long)desired, (long long)healthy);
	if (reason)
		return arena_printf(c->arena, "The disruption budget %s does not allow evicting pods currently (%s): %s", o->name,
			reason, message);
	return arena_printf(c->arena, "The disruption budget %s does not allow evicting pods currently", o->name);
}

static enum step refuse(struct call *c, int retry_s, const char *why)
{
	struct cause cause = { "DisruptionBudget", why ? why : "", NULL };

	return fail_too_many(c, retry_s, &cause, REFUSED);
}

static enum step forbid(struct call *c, struct cache_obj *o, const char *why)
{
	return fail_status(c, 403, "Forbidden", NULL, 0, "poddisruptionbudget.policy \"%s\" is forbidden: %s", o->name, why);
}

/* STEP_NEXT: it allows one more. */
static enum step check_budget(struct call *c, struct cache_obj *o)
{
	yyjson_val *pdb = cache_tree(o);
	int64_t allowed = doc_int(pdb, "status.disruptionsAllowed", 0);

	if (doc_int(pdb, "status.observedGeneration", 0) < doc_int(pdb, "metadata.generation", 0))
		return refuse(c, PROCESSING_RETRY_S, arena_printf(c->arena,
			"The disruption budget %s is still being processed by the server.", o->name));
	if (allowed < 0)
		return forbid(c, o, "pdb disruptions allowed is negative");
	if (doc_len(pdb, "status.disruptedPods") > DISRUPTED_MAX)
		return forbid(c, o, "DisruptedPods map too big - too many evictions not confirmed by PDB controller");
	if (allowed > 0)
		return STEP_NEXT;
	return refuse(c, 0, why_none(c, o));
}

/* ---- charging it ---- */

static void charged(void *arg, int status, const struct blob *body)
{
	struct call *c = arg;
	enum step step = STEP_AGAIN;

	c->stage = STAGE_LOAD;
	if (status == 200) {
		c->budget_spent = true;
		turn_leave(&c->budget);
	}
	/* When another was faster, one of them got on: no round that counts. */
	if (status == 200 || status == 409 || status == 404)
		c->tries = 1;
	else
		step = reply_bytes(c, status, body ? blob_new(body->p, body->len) : blob_new("", 0), "application/json");
	call_resume(c, step);
	call_drop(c);
}

static enum step charge(struct call *c, struct cache_obj *o)
{
	static const char *const groups[] = { "system:masters", NULL };
	static const struct user server = { .name = "system:apiserver", .groups = groups };
	BUF_AUTO struct buf body = { 0 };
	struct api_call q = { .method = "PATCH", .query = "fieldManager=eviction", .user = &server,
		.content_type = "application/merge-patch+json", .may_write = c->may_write, .may_arg = c->may_arg };
	char now[TEXT_TIME_MAX];

	text_time(now, env_wall_us());
	buf_printf(&body, "{\"metadata\":{\"resourceVersion\":\"%lld\"},\"status\":{\"disruptionsAllowed\":%lld,"
		"\"disruptedPods\":{", (long long)o->rev, (long long)doc_int(cache_tree(o), "status.disruptionsAllowed", 0) - 1);
	buf_add_json(&body, c->name, strlen(c->name));
	buf_printf(&body, ":\"%s\"}}}", now);
	q.path = arena_printf(c->arena, "/apis/policy/v1/namespaces/%s/poddisruptionbudgets/%s/status", o->ns, o->name);
	q.body = body.p;
	q.body_len = body.len;
	if (body.failed || !q.path || api_call_trusted(c->api, &q, charged, c))
		return fail_err(c, -ERR_NOMEM, NULL);
	call_hold(c);
	return STEP_WAIT;
}

/* Its turn to charge o. Who waited asks the budget again: it is another one by then. */
static enum step take_turn(struct call *c, struct cache_obj *o)
{
	const char *key = arena_printf(c->arena, "charge/%s/%s", o->ns, o->name);
	enum step step = key ? turn_take_at(c, &c->budget, key) : fail_err(c, -ERR_SIZE, NULL);

	if (step == STEP_WAIT)
		c->tries--;    /* nothing was tried */
	return step;
}

enum step eviction_load(struct call *c)
{
	struct budgets b = { .c = c };
	const char *name = doc_mstr(c->input, "metadata.name");
	bool found;
	enum step step;

	if (strcmp(name ? name : "", c->name))
		return fail_bad_request(c, "name in URL does not match name in Eviction object");
	step = options_delete_of(c, doc_mget(c->input, "deleteOptions"));
	if (step == STEP_NEXT)
		step = load_current(c, &found);
	if (step != STEP_NEXT)
		return step;
	if (!found)
		return fail_not_found(c, "pods", "", c->name);
	c->only_status = true;
	c->obj = NULL;
	c->verb = VERB_DELETE;         /* from here on it is one */
	step = load_preconditions(c);
	if (step != STEP_NEXT || c->budget_spent)
		return step;
	/* Who may not evict here charges nothing. */
	step = admit_mutate(c);
	if (step != STEP_NEXT || needs_no_budget(c))
		return step;
	cache_each(c->api->cache, c->api->k.pdb->store, c->ns, NULL, NULL, match_budget, &b);
	if (b.count > 1)
		return fail_status(c, 500, "", NULL, 0, "This pod has more than one PodDisruptionBudget, which the eviction "
			"subresource does not support.");
	if (!b.found || free_of_charge(c, cache_tree(b.found)))
		return STEP_NEXT;
	step = check_budget(c, b.found);
	if (step != STEP_NEXT || c->dry_run)
		return step;
	step = take_turn(c, b.found);
	return step == STEP_NEXT ? charge(c, b.found) : step;
}

/* The pod says why it goes, for those who count its failures. */
enum step eviction_prepare(struct call *c)
{
	enum step step = delete_prepare(c);

	if (step != STEP_NEXT || c->remove)
		return step;
	return pod_condition(c, "DisruptionTarget", "EvictionByEvictionAPI", "Eviction API: evicting") ? STEP_NEXT
		: fail_err(c, -ERR_SIZE, NULL);
}
