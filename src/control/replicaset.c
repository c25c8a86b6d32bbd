/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replicaset - as many pods as spec.replicas says, neither fewer nor more.
 *
 * Creates in slow start (1, 2, 4, ... pods a run), so that a template that cannot be
 * admitted costs one refused call, not thousands.
 */
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define BURST_MAX 500u

struct rs {
	struct ctl *c;
	struct cache_obj *obj;
	yyjson_val *tree;
	const struct kinds_kind *kind;
	struct cache_obj **pods;   /* claimed; active ones first after sort_out() */
	size_t n, active;
};

static void pod_changed(struct ctl *c, const struct cache_event *ev)
{
	ctl_enqueue_owner(c, ev, "apps/v1", "ReplicaSet");
}

static bool enqueue_matching(void *arg, struct cache_obj *rs)
{
	struct { struct ctl *c; struct cache_obj *pod; struct arena *a; } *x = arg;
	struct selector *sel;

	if (!selector_from(x->a, doc_get(cache_tree(rs), "spec.selector"), &sel, NULL) && selector_match(sel, &x->pod->labels))
		ctl_enqueue(x->c, rs->ns, rs->name);
	return true;
}

/* An orphan: whoever selects it may adopt it. */
static void pod_event(struct ctl *c, const struct cache_event *ev)
{
	pod_changed(c, ev);
	if (ev->type != CACHE_DELETED && !ev->obj->owners[0] && !ev->obj->deleting) {
		ARENA_AUTO struct arena *a = arena_open(1u << 20);
		struct { struct ctl *c; struct cache_obj *pod; struct arena *a; } x = { c, ev->obj, a };
		if (a)
			cache_each(ctl_cache(c), "apps/replicasets", ev->obj->ns, NULL, NULL, enqueue_matching, &x);
	}
}

/* Active pods to the front; those that end or ended do not count. */
static void sort_out(struct rs *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct cache_obj *p = r->pods[i];
		if (p->deleting || pod_finished(cache_tree(p)))
			continue;
		r->pods[i] = r->pods[r->active];
		r->pods[r->active++] = p;
	}
}

static void created(struct ctl *c, const char *ns, const char *name, int rc, yyjson_val *obj, const char *message)
{
	struct cache_obj *o = cache_get(ctl_cache(c), "apps/replicasets", ns, name);

	if (o && rc)
		ctl_event(c, o, "Warning", "FailedCreate", "Error creating: %s", message);
	else if (o)
		ctl_event(c, o, "Normal", "SuccessfulCreate", "Created pod: %s", doc_str(obj, "metadata.name"));
}

static void deleted(struct ctl *c, const char *ns, const char *name, int rc, yyjson_val *obj, const char *message)
{
	struct cache_obj *o = cache_get(ctl_cache(c), "apps/replicasets", ns, name);
	const char *pod = doc_str(obj, "metadata.name");

	if (o && rc)
		ctl_event(c, o, "Warning", "FailedDelete", "Error deleting: %s", message);
	else if (o && pod)
		ctl_event(c, o, "Normal", "SuccessfulDelete", "Deleted pod: %s", pod);
}

static void create_pods(struct rs *r, size_t count)
{
	/* As many again as exist, at least one: a refused template stops at the first. */
	size_t burst = r->active ? r->active * 2 : 1;
	char prefix[260];

	if (burst > BURST_MAX)
		burst = BURST_MAX;
	if (count > burst) {
		count = burst;
		ctl_enqueue(r->c, r->obj->ns, r->obj->name);
	}
	snprintf(prefix, sizeof(prefix), "%s-", r->obj->name);
	for (size_t i = 0; i < count; i++) {
		yyjson_mut_val *pod = pod_from_template(r->c, doc_get(r->tree, "spec.template"), r->obj, r->kind);
		doc_mset_str(ctl_doc(r->c), pod, "metadata.generateName", prefix);
		ctl_create(r->c, ctl_kind("", "pods"), r->obj->ns, pod, false);
		ctl_on_answer(r->c, created);
	}
}

static void delete_pods(struct rs *r, size_t count)
{
	if (count > BURST_MAX) {
		count = BURST_MAX;
		ctl_enqueue(r->c, r->obj->ns, r->obj->name);
	}
	qsort(r->pods, r->active, sizeof(*r->pods), pod_kill_order);
	for (size_t i = 0; i < count; i++) {
		ctl_delete(r->c, ctl_kind("", "pods"), r->obj->ns, r->pods[i]->name, r->pods[i]->uid, NULL, -1);
		ctl_on_answer(r->c, deleted);
	}
}

static void set_count(yyjson_mut_doc *d, yyjson_mut_val *status, const char *field, size_t n, bool *changed)
{
	if (doc_mint(status, field, 0) != (int64_t)n) {
		doc_mset_int(d, status, field, (int64_t)n);
		*changed = true;
	}
}

static void write_status(struct rs *r)
{
	yyjson_mut_doc *d = ctl_doc(r->c);
	yyjson_mut_val *obj = yyjson_val_mut_copy(d, r->tree), *status = doc_mobj(d, obj, "status");
	struct labels want = { 0 };
	size_t labeled = 0, ready = 0, available = 0;
	int64_t min_ready_s = doc_int(r->tree, "spec.minReadySeconds", 0), now = env_wall_us(), wait, soonest = 0;
	int64_t generation = doc_int(r->tree, "metadata.generation", 0);
	bool changed = !doc_mget(obj, "status.replicas");

	labels_from(ctl_arena(r->c), doc_get(r->tree, "spec.template.metadata.labels"), &want);
	for (size_t i = 0; i < r->active; i++) {
		yyjson_val *pod = cache_tree(r->pods[i]);
		bool all = true;
		for (uint32_t l = 0; l < want.n && all; l++) {
			const char *v = labels_get(&r->pods[i]->labels, want.v[l].key);
			all = v && !strcmp(v, want.v[l].value);
		}
		labeled += all;
		ready += pod_ready(pod);
		available += pod_available(pod, min_ready_s, now, &wait);
		if (wait && (!soonest || wait < soonest))
			soonest = wait;
	}
	set_count(d, status, "replicas", r->active, &changed);
	set_count(d, status, "fullyLabeledReplicas", labeled, &changed);
	set_count(d, status, "readyReplicas", ready, &changed);
	set_count(d, status, "availableReplicas", available, &changed);
	set_count(d, status, "observedGeneration", (size_t)generation, &changed);
	if (changed) {
		doc_mset_int(d, status, "replicas", (int64_t)r->active);
		ctl_update(r->c, r->kind, r->obj->ns, r->obj->name, "status", obj);
	}
	if (soonest)
		ctl_enqueue_after(r->c, r->obj->ns, r->obj->name, soonest);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct rs r = { .c = c, .obj = cache_get(ctl_cache(c), "apps/replicasets", ns, name),
		.kind = ctl_kind("apps", "replicasets") };
	struct selector *sel;

	if (!r.obj)
		return 0;
	r.tree = cache_tree(r.obj);
	if (selector_from(ctl_arena(c), doc_get(r.tree, "spec.selector"), &sel, NULL))
		return 0;              /* validated on write; nothing to do about it here */
	r.pods = ctl_claim(c, r.obj, r.kind, ctl_kind("", "pods"), sel, &r.n);
	if (!r.pods)
		return -ERR_NOMEM;
	sort_out(&r);
	size_t want = (size_t)doc_int(r.tree, "spec.replicas", 1);
	if (!r.obj->deleting && r.active < want)
		create_pods(&r, want - r.active);
	else if (!r.obj->deleting && r.active > want)
		delete_pods(&r, r.active - want);
	write_status(&r);
	return 0;
}

static const struct ctl_watch watches[] = {
	{ "apps/replicasets", ctl_map_self },
	{ "core/pods", pod_event },
	{ NULL, NULL },
};
const struct ctl_def ctl_replicaset = { .name = "replicaset-controller", .watches = watches, .reconcile = reconcile };
