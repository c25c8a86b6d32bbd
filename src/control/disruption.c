/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disruption - a PodDisruptionBudget's status: how many of its pods there should be and
 * are healthy, and so how many evictions it stands just now. The eviction subresource
 * counts down and writes into disruptedPods whom it let go; here that is forgotten when
 * the pod goes, or when it did not within DISRUPTED_MS.
 * Source: kubernetes pkg/controller/disruption, component-helpers apps/poddisruptionbudget.
 */
#include <stdio.h>
#include <string.h>

#include "base/env.h"
#include "base/text.h"
#include "control/controllers.h"
#include "control/reconcile.h"
#include "kinds/kinds_custom.h"

#define BUDGETS "policy/poddisruptionbudgets"
#define DISRUPTED_MS 120000

/* ---- events ---- */

struct touched { struct ctl *ctl; struct cache_obj *pod; };

static bool enqueue_matching(void *arg, struct cache_obj *o)
{
	struct touched *t = arg;
	ARENA_AUTO struct arena *a = arena_open(1u << 20);
	struct selector *s;

	/* Without memory to ask every budget is looked at. */
	if (!a || selector_from(a, doc_get(cache_tree(o), "spec.selector"), &s, NULL) || selector_match(s, &t->pod->labels))
		ctl_enqueue(t->ctl, o->ns, o->name);
	return true;
}

static void pod_changed(struct ctl *c, const struct cache_event *ev)
{
	struct touched t = { c, ev->obj };

	if (!cache_count(ctl_cache(c), BUDGETS, ev->obj->ns))
		return;
	cache_each(ctl_cache(c), BUDGETS, ev->obj->ns, NULL, NULL, enqueue_matching, &t);
	if (ev->old) {
		t.pod = ev->old;
		cache_each(ctl_cache(c), BUDGETS, ev->obj->ns, NULL, NULL, enqueue_matching, &t);
	}
}

static bool enqueue(void *arg, struct cache_obj *o)
{
	ctl_enqueue(arg, o->ns, o->name);
	return true;
}

/* A controller's scale is what percentages are of. */
static void scale_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->old && doc_int(cache_tree(ev->obj), "spec.replicas", 1) == doc_int(cache_tree(ev->old), "spec.replicas", 1))
		return;
	if (cache_count(ctl_cache(c), BUDGETS, ev->obj->ns))
		cache_each(ctl_cache(c), BUDGETS, ev->obj->ns, NULL, NULL, enqueue, c);
}

/* ---- counting ---- */

struct tally {
	struct ctl *ctl;
	const struct selector *sel;
	yyjson_val *disrupted;         /* status.disruptedPods as it is */
	yyjson_mut_val *still;         /* and as it is to be */
	int64_t now_us, soonest_ms;    /* until an entry runs out; 0: there is none */
	int64_t pods, healthy;
	const char **owners;           /* uids seen */
	size_t owner_count, owner_cap;
	int64_t scale;                 /* of all owners together */
	const char *unscaled;          /* a pod whose owner has no scale */
	bool failed;
};

static bool seen(const struct tally *t, const char *uid)
{
	for (size_t i = 0; i < t->owner_count; i++)
		if (!strcmp(t->owners[i], uid))
			return true;
	return false;
}

static const char *replicas_path(const struct kinds_kind *k)
{
	const struct kinds_custom *more = kinds_custom_of(k);

	return more && more->spec_replicas && *more->spec_replicas == '.' ? more->spec_replicas + 1 : "spec.replicas";
}

/* The scale of the one who made a pod; a ReplicaSet's is its Deployment's. -1: none is known. */
static int64_t scale_of(struct ctl *c, const char *uid)
{
	static const char *const scaled[] = { "apps/replicasets", "apps/deployments", "apps/statefulsets",
		"core/replicationcontrollers", NULL };
	struct cache_obj *o = cache_by_uid(ctl_cache(c), uid);
	const struct kinds_kind *k = o ? kinds_by_store(o->store) : NULL;

	for (size_t i = 0; o && scaled[i]; i++)
		if (!strcmp(o->store, scaled[i]))
			return doc_int(cache_tree(o), "spec.replicas", 1);
	/* A custom kind tells its scale by its subresource's path. */
	if (k && kinds_sub(k, "scale"))
		return doc_int(cache_tree(o), replicas_path(k), 0);
	return -1;
}

static const char *owner_of(struct tally *t, yyjson_val *pod)
{
	yyjson_val *ref = kinds_controller_of(pod);
	const char *uid = doc_str(ref, "uid"), *kind = doc_str(ref, "kind");
	struct cache_obj *o = uid ? cache_by_uid(ctl_cache(t->ctl), uid) : NULL;
	yyjson_val *above;

	if (!uid || !o || !kind || strcmp(kind, "ReplicaSet"))
		return uid;
	above = kinds_controller_of(cache_tree(o));
	return above && doc_str(above, "kind") && !strcmp(doc_str(above, "kind"), "Deployment") ? doc_str(above, "uid") : uid;
}

static void count_owner(struct tally *t, struct cache_obj *o)
{
	const char *uid = owner_of(t, cache_tree(o));
	int64_t n;

	/* One without a scale spoils them all: no other is looked for. */
	if (!uid || t->unscaled || seen(t, uid))
		return;
	if (t->owner_count == t->owner_cap) {
		size_t cap = t->owner_cap ? t->owner_cap * 2 : 8;
		const char **v = arena_realloc(ctl_arena(t->ctl), t->owners, t->owner_cap * sizeof(*v), cap * sizeof(*v));

		if (!v) {
			t->failed = true;
			return;
		}
		t->owners = v;
		t->owner_cap = cap;
	}
	t->owners[t->owner_count++] = uid;
	n = scale_of(t->ctl, uid);
	if (n < 0 && !t->unscaled)
		t->unscaled = o->name;
	t->scale += n > 0 ? n : 0;
}

/* Was it evicted and is about to go? */
static bool disrupted(struct tally *t, struct cache_obj *o)
{
	yyjson_val *v = yyjson_obj_get(t->disrupted, o->name);
	int64_t at_us, left_ms;

	if (!yyjson_is_str(v) || text_parse_time(yyjson_get_str(v), &at_us))
		return false;
	left_ms = at_us / 1000 + DISRUPTED_MS - t->now_us / 1000;
	if (left_ms <= 0)
		return false;
	if (!t->soonest_ms || left_ms < t->soonest_ms)
		t->soonest_ms = left_ms;
	yyjson_mut_obj_add(t->still, yyjson_mut_strcpy(ctl_doc(t->ctl), o->name), yyjson_val_mut_copy(ctl_doc(t->ctl), v));
	return true;
}

static bool count(void *arg, struct cache_obj *o)
{
	struct tally *t = arg;
	yyjson_val *pod = cache_tree(o);

	if (!selector_match(t->sel, &o->labels))
		return true;
	t->pods++;
	count_owner(t, o);
	if (!o->deleting && !disrupted(t, o) && pod_ready(pod))
		t->healthy++;
	return !t->failed;
}

/* How many there should be, and of those healthy. False: a pod's owner has no scale. */
static bool expect(const struct tally *t, yyjson_val *spec, int64_t *ret_expected, int64_t *ret_desired)
{
	yyjson_val *most = doc_get(spec, "maxUnavailable"), *least = doc_get(spec, "minAvailable");

	*ret_expected = *ret_desired = 0;
	if (!most && !least)
		return true;
	if (!most && !yyjson_is_str(least)) {
		*ret_expected = t->pods;
		*ret_desired = yyjson_get_sint(least);
		return true;
	}
	if (t->unscaled)
		return false;
	*ret_expected = t->scale;
	*ret_desired = most ? t->scale - ctl_share(most, t->scale, true) : ctl_share(least, t->scale, true);
	if (*ret_desired < 0)
		*ret_desired = 0;
	return true;
}

/* ---- telling ---- */

static void set_condition(yyjson_mut_doc *d, yyjson_mut_val *status, int64_t generation, const char *is, const char *reason,
	const char *message, int64_t now_us)
{
	yyjson_mut_val *v;
	size_t i, max;

	ctl_condition(d, status, "DisruptionAllowed", is, reason, message, now_us);
	yyjson_mut_arr_foreach(doc_mget(status, "conditions"), i, max, v)
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(v, "type"), "DisruptionAllowed"))
			doc_mset_int(d, v, "observedGeneration", generation);
}

static void write_status(struct ctl *c, struct cache_obj *o, const struct tally *t)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_val *tree = cache_tree(o);
	yyjson_mut_val *obj = yyjson_val_mut_copy(d, tree), *status = doc_mobj(d, obj, "status");
	int64_t generation = doc_int(tree, "metadata.generation", 0), expected, desired, allowed;
	char why[300];

	if (!expect(t, doc_get(tree, "spec"), &expected, &desired)) {
		/* Nothing is known: nothing is allowed. */
		snprintf(why, sizeof(why), "found no controllers for pod \"%s\"", t->unscaled);
		doc_mset_int(d, status, "disruptionsAllowed", 0);
		set_condition(d, status, doc_int(tree, "status.observedGeneration", 0), "False", "SyncFailed", why, t->now_us);
		ctl_event(c, o, "Warning", "CalculateExpectedPodCountFailed", "Failed to calculate the number of expected pods: %s",
			why);
	} else {
		allowed = expected > 0 && t->healthy > desired ? t->healthy - desired : 0;
		doc_mset_int(d, status, "observedGeneration", generation);
		doc_mset_int(d, status, "disruptionsAllowed", allowed);
		doc_mset_int(d, status, "currentHealthy", t->healthy);
		doc_mset_int(d, status, "desiredHealthy", desired);
		doc_mset_int(d, status, "expectedPods", expected);
		set_condition(d, status, generation, allowed ? "True" : "False", allowed ? "SufficientPods" : "InsufficientPods", "",
			t->now_us);
	}
	if (yyjson_mut_obj_size(t->still))
		doc_mset(d, status, "disruptedPods", t->still);
	else
		doc_mdel(status, "disruptedPods");
	if (!doc_equal(doc_freeze(ctl_arena(c), status), doc_get(tree, "status")))
		ctl_update(c, ctl_kind("policy", "poddisruptionbudgets"), o->ns, o->name, "status", obj);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *o = cache_get(ctl_cache(c), BUDGETS, ns, name);
	struct tally t = { .ctl = c, .now_us = env_wall_us(), .still = yyjson_mut_obj(ctl_doc(c)) };
	struct selector *sel;

	if (!o || o->deleting)
		return 0;
	if (!t.still || selector_from(ctl_arena(c), doc_get(cache_tree(o), "spec.selector"), &sel, NULL))
		return -ERR_NOMEM;
	t.sel = sel;
	t.disrupted = doc_get(cache_tree(o), "status.disruptedPods");
	cache_each(ctl_cache(c), "core/pods", ns, NULL, NULL, count, &t);
	if (t.failed)
		return -ERR_NOMEM;
	if (!t.pods)
		ctl_event(c, o, "Normal", "NoPods", "No matching pods found");
	write_status(c, o, &t);
	if (t.soonest_ms)
		ctl_enqueue_after(c, ns, name, t.soonest_ms);
	return 0;
}

static const struct ctl_watch watches[] = {
	{ BUDGETS, ctl_map_self },
	{ "core/pods", pod_changed },
	{ "apps/deployments", scale_changed },
	{ "apps/replicasets", scale_changed },
	{ "apps/statefulsets", scale_changed },
	{ "core/replicationcontrollers", scale_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_disruption = { .name = "disruption-controller", .watches = watches, .reconcile = reconcile };
