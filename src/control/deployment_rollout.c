/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deployment_rollout - the arithmetic of a rollout: how many pods each ReplicaSet may
 * have now. Source: the fields' own documentation (maxSurge, maxUnavailable,
 * revisionHistoryLimit) and the observable order of upstream's steps.
 */
#include <stdlib.h>
#include <string.h>

#include "control/deployment.h"

#define HISTORY_MAX 1900u          /* bytes; upstream's maxRevHistoryLengthInChars, less a number */

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }

static void annotate(struct deployment *d, yyjson_mut_val *obj, const char *key, int64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)v);
	doc_mset_key(ctl_doc(d->c), obj, "metadata.annotations", key, text);
}

static void annotate_size(struct deployment *d, yyjson_mut_val *obj)
{
	annotate(d, obj, DEPLOYMENT_DESIRED, d->replicas);
	annotate(d, obj, DEPLOYMENT_MAX, d->replicas + d->surge);
}

static bool scale(struct deployment *d, struct deployment_rs *rs, int64_t to)
{
	yyjson_mut_doc *doc = ctl_doc(d->c);

	if (rs->spec == to)
		return false;
	yyjson_mut_val *p = yyjson_mut_obj(doc);
	annotate_size(d, p);
	doc_mset_int(doc, p, "spec.replicas", to);
	ctl_patch(d->c, d->rs_kind, d->obj->ns, rs->obj->name, NULL, p);
	ctl_event(d->c, d->obj, "Normal", "ScalingReplicaSet", "Scaled %s replica set %s from %lld to %lld",
		to > rs->spec ? "up" : "down", rs->obj->name, (long long)rs->spec, (long long)to);
	d->total += to - rs->spec;
	rs->spec = to;
	return true;
}

/* A ReplicaSet that keeps its size is told all the same what it is a part of: else it would
 * be taken for one that the Deployment's new size did not reach yet. */
static bool note_size(struct deployment *d, struct deployment_rs *rs)
{
	const char *s = yyjson_get_str(yyjson_obj_get(doc_get(rs->tree, "metadata.annotations"), DEPLOYMENT_DESIRED));

	if (!s || strtoll(s, NULL, 10) == d->replicas)
		return false;
	yyjson_mut_val *p = yyjson_mut_obj(ctl_doc(d->c));
	annotate_size(d, p);
	ctl_patch(d->c, d->rs_kind, d->obj->ns, rs->obj->name, NULL, p);
	return true;
}

/* The Deployment's annotations that a ReplicaSet shares; kubectl's own are not. */
static void copy_annotations(struct deployment *d, yyjson_mut_val *rs)
{
	static const char *const own[] = { "kubectl.kubernetes.io/last-applied-configuration", DEPLOYMENT_REVISION,
		DEPLOYMENT_HISTORY, DEPLOYMENT_DESIRED, DEPLOYMENT_MAX,
		"deprecated.deployment.rollback.to" };
	yyjson_val *k, *v;
	size_t i, max;

	yyjson_obj_foreach(doc_get(d->tree, "metadata.annotations"), i, max, k, v) {
		bool skip = false;
		for (size_t j = 0; j < sizeof(own) / sizeof(*own); j++)
			skip |= yyjson_equals_str(k, own[j]);
		if (!skip)
			doc_mset_key(ctl_doc(d->c), rs, "metadata.annotations", yyjson_get_str(k), yyjson_get_str(v));
	}
}

/* How many pods the new ReplicaSet may have now. */
static int64_t new_size(const struct deployment *d, int64_t have, bool recreate)
{
	if (recreate)
		return d->replicas;
	int64_t room = d->replicas + d->surge - d->total;
	return min64(have + max64(room, 0), d->replicas);
}

static void rs_created(struct ctl *c, const char *ns, const char *name, int rc, yyjson_val *obj, const char *message)
{
	struct cache_obj *o = cache_get(ctl_cache(c), "apps/deployments", ns, name);

	(void)obj;
	if (!o || !rc)
		return;
	ctl_event(c, o, "Warning", "ReplicaSetCreateError", "Failed to create new replica set: %s", message);
}

static bool create_rs(struct deployment *d, bool recreate)
{
	yyjson_mut_doc *doc = ctl_doc(d->c);
	yyjson_mut_val *rs = yyjson_mut_obj(doc);
	yyjson_val *template = doc_get(d->tree, "spec.template");
	char hash[16], name[300];
	int64_t size = new_size(d, 0, recreate);

	/* A name taken by a ReplicaSet with another template: another hash. */
	int64_t collisions = doc_int(d->tree, "status.collisionCount", 0);
	do {
		pod_template_hash(template, collisions, hash);
		snprintf(name, sizeof(name), "%s-%s", d->obj->name, hash);
	} while (cache_get(ctl_cache(d->c), "apps/replicasets", d->obj->ns, name) && ++collisions);
	d->collisions = collisions;
	doc_mset_str(doc, rs, "kind", "ReplicaSet");
	doc_mset_str(doc, rs, "apiVersion", "apps/v1");
	doc_mset_str(doc, rs, "metadata.name", name);
	doc_mset_str(doc, rs, "metadata.namespace", d->obj->ns);
	yyjson_val *labels = doc_get(template, "metadata.labels");
	if (labels)
		doc_mset(doc, rs, "metadata.labels", yyjson_val_mut_copy(doc, labels));
	doc_mset_key(doc, rs, "metadata.labels", "pod-template-hash", hash);
	copy_annotations(d, rs);
	annotate_size(d, rs);
	annotate(d, rs, DEPLOYMENT_REVISION, d->revision_max + 1);
	ctl_set_owner(doc, doc_mobj(doc, rs, "metadata"), d->obj, d->kind);
	doc_mset_int(doc, rs, "spec.replicas", size);
	doc_mset_int(doc, rs, "spec.minReadySeconds", doc_int(d->tree, "spec.minReadySeconds", 0));
	doc_mset(doc, rs, "spec.selector", yyjson_val_mut_copy(doc, doc_get(d->tree, "spec.selector")));
	doc_mset_key(doc, rs, "spec.selector.matchLabels", "pod-template-hash", hash);
	doc_mset(doc, rs, "spec.template", yyjson_val_mut_copy(doc, template));
	doc_mset_key(doc, rs, "spec.template.metadata.labels", "pod-template-hash", hash);
	ctl_create(d->c, d->rs_kind, d->obj->ns, rs, false);
	ctl_on_answer(d->c, rs_created);
	if (size)
		ctl_event(d->c, d->obj, "Normal", "ScalingReplicaSet", "Scaled up replica set %s from 0 to %lld", name,
			(long long)size);
	return true;
}

/* The revisions that the ReplicaSet was before, oldest first and as many as fit. */
static void keep_history(struct deployment *d, yyjson_mut_val *rs)
{
	const char *had = yyjson_get_str(yyjson_obj_get(doc_get(d->new->tree, "metadata.annotations"), DEPLOYMENT_HISTORY));
	BUF_AUTO struct buf b = { 0 };

	if (!d->new->revision)
		return;
	while (had && strlen(had) > HISTORY_MAX) {
		had = strchr(had, ',');
		had = had ? had + 1 : NULL;
	}
	buf_printf(&b, "%s%s%lld", had ? had : "", had && *had ? "," : "", (long long)d->new->revision);
	if (!b.failed)
		doc_mset_key(ctl_doc(d->c), rs, "metadata.annotations", DEPLOYMENT_HISTORY, b.p);
}

/* An old ReplicaSet that has the template again (a rollback) becomes the newest revision. */
static bool number_revision(struct deployment *d)
{
	if (d->new->revision && d->new->revision == d->revision_max)
		return false;
	yyjson_mut_val *p = yyjson_mut_obj(ctl_doc(d->c));
	keep_history(d, p);
	d->new->revision = ++d->revision_max;
	annotate(d, p, DEPLOYMENT_REVISION, d->new->revision);
	copy_annotations(d, p);
	ctl_patch(d->c, d->rs_kind, d->obj->ns, d->new->obj->name, NULL, p);
	return true;
}

bool deployment_new_rs(struct deployment *d)
{
	const char *strategy = doc_str(d->tree, "spec.strategy.type");

	if (!d->new)
		return create_rs(d, strategy && !strcmp(strategy, "Recreate"));
	return number_revision(d);
}

/* Half away from zero. */
static int64_t divide_rounded(int64_t a, int64_t b)
{
	return (2 * a + b) / (2 * b);
}

/* The largest first; of equals the newest first when growing, the oldest first when shrinking. */
static int larger_newer(const void *a, const void *b)
{
	const struct deployment_rs *x = *(struct deployment_rs *const *)a, *y = *(struct deployment_rs *const *)b;

	if (x->spec != y->spec)
		return x->spec > y->spec ? -1 : 1;
	return x->obj->create_rev > y->obj->create_rev ? -1 : x->obj->create_rev < y->obj->create_rev;
}

static int larger_older(const void *a, const void *b)
{
	const struct deployment_rs *x = *(struct deployment_rs *const *)a, *y = *(struct deployment_rs *const *)b;

	return x->spec != y->spec ? larger_newer(a, b) : -larger_newer(a, b);
}

/* The share of rs in what is to be added (or, below zero, taken away), at most left. */
static int64_t share(const struct deployment *d, const struct deployment_rs *rs, int64_t left)
{
	const char *max = yyjson_get_str(yyjson_obj_get(doc_get(rs->tree, "metadata.annotations"), DEPLOYMENT_MAX));
	int64_t was = max ? strtoll(max, NULL, 10) : 0;

	if (was <= 0 || was > INT32_MAX)
		was = max64(doc_int(d->tree, "status.replicas", 0), 1);
	int64_t part = divide_rounded(rs->spec * (d->replicas + d->surge), was) - rs->spec;
	return left > 0 ? min64(part, left) : max64(part, left);
}

/*
 * Somebody changed spec.replicas in the middle of a rollout: what every ReplicaSet has
 * is scaled by the same factor, and what rounding left goes to the largest. Outside a
 * rollout the ordinary steps do it.
 * Source: pkg/controller/deployment/sync.go (scale), util/deployment_util.go (GetReplicaSetProportion).
 */
bool deployment_resize(struct deployment *d)
{
	struct deployment_rs **by_size = arena_alloc(ctl_arena(d->c), (d->n + 1) * sizeof(*by_size));
	size_t n = 0;
	bool asked = false, wrote = false;

	for (size_t i = 0; i < d->n && by_size; i++) {
		const char *s = yyjson_get_str(yyjson_obj_get(doc_get(d->rs[i].tree, "metadata.annotations"), DEPLOYMENT_DESIRED));
		if (d->rs[i].spec <= 0)
			continue;
		asked |= s && strtoll(s, NULL, 10) != d->replicas;
		by_size[n++] = &d->rs[i];
	}
	if (!asked)
		return false;
	if (n == 1)
		return scale(d, by_size[0], d->replicas) || note_size(d, by_size[0]);
	int64_t left = (d->replicas ? d->replicas + d->surge : 0) - d->total;
	qsort(by_size, n, sizeof(*by_size), left > 0 ? larger_newer : larger_older);
	int64_t *to = arena_alloc(ctl_arena(d->c), n * sizeof(*to));
	for (size_t i = 0; i < n && to; i++) {
		int64_t part = left ? share(d, by_size[i], left) : 0;
		to[i] = by_size[i]->spec + part;
		left -= part;
	}
	for (size_t i = 0; i < n && to; i++)
		wrote |= scale(d, by_size[i], max64(to[i] + (i ? 0 : left), 0)) || note_size(d, by_size[i]);
	return wrote;
}

static bool scale_down_old(struct deployment *d)
{
	int64_t available = 0, new_unavailable = d->new->spec - d->new->available;
	bool wrote = false;

	for (size_t i = 0; i < d->n; i++)
		available += d->rs[i].available;
	int64_t room = d->total - d->min_available - max64(new_unavailable, 0);
	if (room <= 0)
		return false;
	/* What does not work goes first: it is missed by nobody. */
	for (size_t i = 0; i < d->n && room > 0; i++) {
		struct deployment_rs *r = &d->rs[i];
		int64_t broken = r->spec - r->available;
		if (r == d->new || r->spec == 0 || broken <= 0)
			continue;
		int64_t cut = min64(broken, room);
		wrote |= scale(d, r, r->spec - cut);
		room -= cut;
	}
	room = min64(room, available - d->min_available);
	for (size_t i = 0; i < d->n && room > 0; i++) {
		struct deployment_rs *r = &d->rs[i];
		if (r == d->new || r->spec == 0)
			continue;
		int64_t cut = min64(r->spec, room);
		wrote |= scale(d, r, r->spec - cut);
		room -= cut;
	}
	return wrote;
}

bool deployment_rolling(struct deployment *d)
{
	if (deployment_new_rs(d))
		return true;
	if (scale(d, d->new, d->new->spec > d->replicas ? d->replicas : new_size(d, d->new->spec, false)))
		return true;
	return scale_down_old(d) || deployment_history(d);
}

static bool running(void *arg, struct cache_obj *o)
{
	if (strcmp(o->store, "core/pods") || pod_finished(cache_tree(o)))
		return true;
	*(bool *)arg = true;
	return false;
}

bool deployment_recreate(struct deployment *d)
{
	bool wrote = false, old_pods = false;

	for (size_t i = 0; i < d->n; i++)
		if (&d->rs[i] != d->new) {
			wrote |= scale(d, &d->rs[i], 0);
			cache_each_owned(ctl_cache(d->c), d->rs[i].obj->uid, running, &old_pods);
		}
	if (wrote || old_pods)
		return true;
	if (deployment_new_rs(d))
		return true;
	return scale(d, d->new, d->replicas) || deployment_history(d);
}

/* Old ReplicaSets beyond the limit go, the oldest first, once they have nothing. */
bool deployment_history(struct deployment *d)
{
	int64_t keep = doc_int(d->tree, "spec.revisionHistoryLimit", 10), old = 0;
	bool wrote = false;

	for (size_t i = 0; i < d->n; i++)
		old += &d->rs[i] != d->new && !d->rs[i].obj->deleting;
	for (size_t i = 0; i < d->n && old > keep; i++) {
		struct deployment_rs *r = &d->rs[i];
		if (r == d->new || r->obj->deleting || r->spec || r->replicas)
			continue;
		ctl_delete(d->c, d->rs_kind, d->obj->ns, r->obj->name, r->obj->uid, NULL, -1);
		old--;
		wrote = true;
	}
	return wrote;
}
