/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deployment - rolls ReplicaSets from one template to the next. Every run takes at
 * most one step and then says in the status where it is; the step's effects bring
 * the next run.
 */
#include "control/deployment.h"

#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "control/controllers.h"

static void rs_changed(struct ctl *c, const struct cache_event *ev)
{
	ctl_enqueue_owner(c, ev, "apps/v1", "Deployment");
}

/* Recreate waits for old pods to be gone. */
static void pod_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type != CACHE_DELETED || !ev->obj->owners[0])
		return;
	struct cache_obj *rs = cache_by_uid(ctl_cache(c), ev->obj->owners[0]);
	yyjson_val *owner = rs && !strcmp(rs->store, "apps/replicasets") ? kinds_controller_of(cache_tree(rs)) : NULL;
	if (owner && doc_str(owner, "name"))
		ctl_enqueue(c, rs->ns, doc_str(owner, "name"));
}

static int64_t annotation_int(yyjson_val *obj, const char *key)
{
	const char *s = yyjson_get_str(yyjson_obj_get(doc_get(obj, "metadata.annotations"), key));

	return s ? strtoll(s, NULL, 10) : 0;
}

static void limits(struct deployment *d)
{
	yyjson_val *rolling = doc_get(d->tree, "spec.strategy.rollingUpdate");

	d->replicas = doc_int(d->tree, "spec.replicas", 1);
	if (rolling) {
		d->surge = ctl_share(doc_get(rolling, "maxSurge"), d->replicas, true);
		d->unavailable = ctl_share(doc_get(rolling, "maxUnavailable"), d->replicas, false);
		if (!d->surge && !d->unavailable)
			d->unavailable = 1;
	}
	if (d->unavailable > d->replicas)
		d->unavailable = d->replicas;
	d->min_available = d->replicas - d->unavailable;
}

/* The label the controller adds does not make two templates differ. */
static bool same_template(struct deployment *d, yyjson_val *rs)
{
	yyjson_mut_doc *doc = ctl_doc(d->c);
	yyjson_mut_val *a = yyjson_val_mut_copy(doc, doc_get(d->tree, "spec.template"));
	yyjson_mut_val *b = yyjson_val_mut_copy(doc, doc_get(rs, "spec.template"));

	yyjson_mut_obj_remove_key(doc_mget(a, "metadata.labels"), "pod-template-hash");
	yyjson_mut_obj_remove_key(doc_mget(b, "metadata.labels"), "pod-template-hash");
	return doc_mequal(a, b);
}

static int oldest_first(const void *a, const void *b)
{
	int64_t x = ((const struct deployment_rs *)a)->obj->create_rev, y = ((const struct deployment_rs *)b)->obj->create_rev;

	return x < y ? -1 : x > y;
}

static int load(struct deployment *d)
{
	struct selector *sel;
	size_t n;

	if (selector_from(ctl_arena(d->c), doc_get(d->tree, "spec.selector"), &sel, NULL))
		return -ERR_INVALID;
	struct cache_obj **objs = ctl_claim(d->c, d->obj, d->kind, d->rs_kind, sel, &n);
	d->rs = objs ? arena_zalloc(ctl_arena(d->c), (n + 1) * sizeof(*d->rs)) : NULL;
	if (!d->rs)
		return -ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		yyjson_val *t = cache_tree(objs[i]);
		d->rs[d->n++] = (struct deployment_rs){ .obj = objs[i], .tree = t, .spec = doc_int(t, "spec.replicas", 0),
			.replicas = doc_int(t, "status.replicas", 0), .ready = doc_int(t, "status.readyReplicas", 0),
			.available = doc_int(t, "status.availableReplicas", 0),
			.revision = annotation_int(t, DEPLOYMENT_REVISION) };
	}
	qsort(d->rs, d->n, sizeof(*d->rs), oldest_first);
	for (size_t i = 0; i < d->n; i++) {
		d->total += d->rs[i].spec;
		if (d->rs[i].revision > d->revision_max)
			d->revision_max = d->rs[i].revision;
		if (!d->new && !d->rs[i].obj->deleting && same_template(d, d->rs[i].tree))
			d->new = &d->rs[i];
	}
	return 0;
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct deployment d = { .c = c, .obj = cache_get(ctl_cache(c), "apps/deployments", ns, name),
		.kind = ctl_kind("apps", "deployments"), .rs_kind = ctl_kind("apps", "replicasets"),
		.now_us = env_wall_us() };

	if (!d.obj)
		return 0;
	d.tree = cache_tree(d.obj);
	limits(&d);
	d.collisions = doc_int(d.tree, "status.collisionCount", 0);
	int rc = load(&d);
	if (rc)
		return rc == -ERR_INVALID ? 0 : rc;
	const char *strategy = doc_str(d.tree, "spec.strategy.type");
	bool paused = doc_bool(d.tree, "spec.paused", false);
	if (d.obj->deleting || deployment_resize(&d))
		;
	else if (paused)
		deployment_history(&d);
	else if (strategy && !strcmp(strategy, "Recreate"))
		deployment_recreate(&d);
	else
		deployment_rolling(&d);
	deployment_status(&d);
	return 0;
}

static const struct ctl_watch watches[] = {
	{ "apps/deployments", ctl_map_self },
	{ "apps/replicasets", rs_changed },
	{ "core/pods", pod_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_deployment = { .name = "deployment-controller", .watches = watches, .reconcile = reconcile };
