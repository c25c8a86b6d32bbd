/* SPDX-License-Identifier: Apache-2.0 */
/*
 * in_use - claims and volumes that were deleted while somebody uses them go when nobody
 * does any more: these controllers take off the finalizers that admission put on
 * (api/admit_in_use.c).
 *
 * A claim is used by every pod that names it and is not finished; one that was never
 * placed on a node uses nothing yet. A volume is used while it is bound.
 * Source: kubernetes pkg/controller/volume/{pvcprotection,pvprotection}.
 */
#include <stdio.h>
#include <string.h>

#include "control/controllers.h"
#include "control/reconcile.h"

#define CLAIMS  "core/persistentvolumeclaims"
#define VOLUMES "core/persistentvolumes"
#define CLASSES "storage.k8s.io/volumeattributesclasses"

static bool going(struct cache_obj *o, const char *finalizer)
{
	return o && o->deleting && ctl_has_finalizer(cache_tree(o), finalizer);
}

/* By an update of the whole object, with the revision read: what their roles allow. */
static void let_go(struct ctl *c, struct cache_obj *o, const struct kinds_kind *k, const char *finalizer)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *obj = yyjson_val_mut_copy(d, cache_tree(o)), *left = yyjson_mut_arr(d);
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(cache_tree(o), "metadata.finalizers"), i, max, it)
		if (!yyjson_equals_str(it, finalizer))
			yyjson_mut_arr_append(left, yyjson_val_mut_copy(d, it));
	doc_mset(d, obj, "metadata.finalizers", left);
	ctl_update(c, k, o->ns, o->name, NULL, obj);
}

static void self_if_going(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type != CACHE_DELETED && ev->obj->deleting)
		ctl_enqueue(c, ev->obj->ns, ev->obj->name);
}

/* ---- claims ---- */

/* The claim of a volume: named, or made for an ephemeral volume under the pod's name. */
static void claim_name(struct cache_obj *pod, yyjson_val *volume, char ret[512])
{
	const char *name = doc_str(volume, "persistentVolumeClaim.claimName");

	*ret = 0;
	if (name)
		snprintf(ret, 512, "%s", name);
	else if (doc_get(volume, "ephemeral"))
		snprintf(ret, 512, "%s-%s", pod->name, doc_str(volume, "name") ? doc_str(volume, "name") : "");
}

static void pod_changed(struct ctl *c, const struct cache_event *ev)
{
	yyjson_val *v;
	size_t i, max;
	char name[512];

	if (ev->type == CACHE_ADDED || (ev->type == CACHE_MODIFIED && !pod_finished(cache_tree(ev->obj))))
		return;
	yyjson_arr_foreach(doc_get(cache_tree(ev->obj), "spec.volumes"), i, max, v) {
		claim_name(ev->obj, v, name);
		if (*name)
			ctl_enqueue(c, ev->obj->ns, name);
	}
}

struct search { const char *name; bool used; };

static bool uses(void *arg, struct cache_obj *pod)
{
	struct search *s = arg;
	yyjson_val *v;
	size_t i, max;
	char name[512];

	if (!*pod->node || pod_finished(cache_tree(pod)))
		return true;
	yyjson_arr_foreach(doc_get(cache_tree(pod), "spec.volumes"), i, max, v) {
		claim_name(pod, v, name);
		s->used |= !strcmp(name, s->name);
	}
	return !s->used;
}

static int reconcile_claim(struct ctl *c, const char *ns, const char *name)
{
	static const char finalizer[] = "kubernetes.io/pvc-protection";
	struct cache_obj *o = cache_get(ctl_cache(c), CLAIMS, ns, name);
	struct search s = { .name = name };

	if (!going(o, finalizer))
		return 0;
	cache_each(ctl_cache(c), "core/pods", ns, NULL, NULL, uses, &s);
	if (!s.used)
		let_go(c, o, ctl_kind("", "persistentvolumeclaims"), finalizer);
	return 0;
}

static const struct ctl_watch claim_watches[] = {
	{ CLAIMS, self_if_going },
	{ "core/pods", pod_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_claim_in_use = { .name = "pvc-protection-controller", .watches = claim_watches,
	.reconcile = reconcile_claim };

/* ---- volumes ---- */

static int reconcile_volume(struct ctl *c, const char *ns, const char *name)
{
	static const char finalizer[] = "kubernetes.io/pv-protection";
	struct cache_obj *o = cache_get(ctl_cache(c), VOLUMES, ns, name);
	const char *phase;

	if (!going(o, finalizer))
		return 0;
	phase = doc_str(cache_tree(o), "status.phase");
	if (!phase || strcmp(phase, "Bound"))
		let_go(c, o, ctl_kind("", "persistentvolumes"), finalizer);
	return 0;
}

static const struct ctl_watch volume_watches[] = {
	{ VOLUMES, self_if_going },
	{ NULL, NULL },
};
const struct ctl_def ctl_volume_in_use = { .name = "pv-protection-controller", .watches = volume_watches,
	.reconcile = reconcile_volume };

/* ---- volume attributes classes ---- */

static bool names_class(struct cache_obj *o, const char *class)
{
	static const char *const paths[] = { "spec.volumeAttributesClassName", "status.currentVolumeAttributesClassName",
		"status.modifyVolumeStatus.targetVolumeAttributesClassName" };

	for (size_t i = 0; i < 3; i++) {
		const char *s = doc_str(cache_tree(o), paths[i]);

		if (s && !strcmp(s, class))
			return true;
	}
	return false;
}

static bool uses_class(void *arg, struct cache_obj *o)
{
	struct search *s = arg;

	s->used = names_class(o, s->name);
	return !s->used;
}

static bool enqueue_going(void *arg, struct cache_obj *o)
{
	if (o->deleting)
		ctl_enqueue(arg, "", o->name);
	return true;
}

static void user_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type != CACHE_ADDED)
		cache_each(ctl_cache(c), CLASSES, NULL, NULL, NULL, enqueue_going, c);
}

static int reconcile_class(struct ctl *c, const char *ns, const char *name)
{
	static const char finalizer[] = "kubernetes.io/vac-protection";
	struct cache_obj *o = cache_get(ctl_cache(c), CLASSES, ns, name);
	struct search s = { .name = name };

	if (!going(o, finalizer))
		return 0;
	cache_each(ctl_cache(c), CLAIMS, NULL, NULL, NULL, uses_class, &s);
	if (!s.used)
		cache_each(ctl_cache(c), VOLUMES, NULL, NULL, NULL, uses_class, &s);
	if (!s.used)
		let_go(c, o, ctl_kind("storage.k8s.io", "volumeattributesclasses"), finalizer);
	return 0;
}

static const struct ctl_watch class_watches[] = {
	{ CLASSES, self_if_going },
	{ CLAIMS, user_changed },
	{ VOLUMES, user_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_class_in_use = { .name = "volumeattributesclass-protection-controller", .watches = class_watches,
	.reconcile = reconcile_class };
