/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gc - the garbage collector: what lost its owners goes, and owners that wait for
 * (foreground) or let go of (orphan) their dependents are helped along.
 *
 * Keys are objects of any kind: ns is the store prefix, name is "namespace/name".
 * The cache holds every object, so an owner that is not in it does not exist.
 * Source: Kubernetes' description of garbage collection; finalizers
 * foregroundDeletion and orphan.
 */
#include <string.h>

#include "control/controllers.h"
#include "control/reconcile.h"

#define FOREGROUND "foregroundDeletion"
#define ORPHAN     "orphan"

static void enqueue(struct ctl *c, const struct cache_obj *o)
{
	char name[600];

	snprintf(name, sizeof(name), "%s/%s", o->ns, o->name);
	ctl_enqueue(c, o->store, name);
}

static bool enqueue_each(void *arg, struct cache_obj *o)
{
	enqueue(arg, o);
	return true;
}

/* An owner may have waited for this one: to go, or to name it no more. */
static void wake_owners(struct ctl *c, const struct cache_obj *o)
{
	for (const char *const *u = o->owners; *u; u++) {
		struct cache_obj *owner = cache_by_uid(ctl_cache(c), *u);
		if (owner && owner->deleting)
			enqueue(c, owner);
	}
}

static void observe(struct ctl *c, const struct cache_event *ev)
{
	struct cache_obj *o = ev->obj;

	if (ev->type == CACHE_DELETED) {
		cache_each_owned(ctl_cache(c), o->uid, enqueue_each, c);
		wake_owners(c, o);
		return;
	}
	if (ev->old)
		wake_owners(c, ev->old);
	if (o->owners[0] || o->deleting)
		enqueue(c, o);
	/* It begins to wait for its dependents: they are looked at again. */
	if (o->deleting && (!ev->old || !ev->old->deleting))
		cache_each_owned(ctl_cache(c), o->uid, enqueue_each, c);
}

static const struct kinds_kind *kind_of(const struct cache_obj *o)
{
	return kinds_by_store(o->store);
}

/* ---- the owner's side ---- */
struct dependents { struct ctl *ctl; struct cache_obj *owner; bool orphaning; unsigned left; };

static yyjson_val *ref_to(yyjson_val *obj, const char *uid)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(obj, "metadata.ownerReferences"), i, max, it) {
		const char *u = doc_str(it, "uid");
		if (u && !strcmp(u, uid))
			return it;
	}
	return NULL;
}

/* A merge patch of o as it was read, so that a change meanwhile is seen. */
static yyjson_mut_val *patch_of(yyjson_mut_doc *d, const struct cache_obj *o)
{
	yyjson_mut_val *p = yyjson_mut_obj(d);
	char rev[24];

	snprintf(rev, sizeof(rev), "%lld", (long long)o->rev);
	doc_mset_str(d, p, "metadata.resourceVersion", rev);
	doc_mset_str(d, p, "metadata.uid", o->uid);
	return p;
}

/* ownerReferences without those that drop says. */
static void drop_refs(struct ctl *c, struct cache_obj *o, bool (*drop)(void *arg, yyjson_val *ref), void *arg)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *p = patch_of(d, o), *left = doc_marr(d, p, "metadata.ownerReferences");
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(cache_tree(o), "metadata.ownerReferences"), i, max, it)
		if (!drop(arg, it))
			yyjson_mut_arr_append(left, yyjson_val_mut_copy(d, it));
	if (!yyjson_mut_arr_size(left))
		doc_mset(d, p, "metadata.ownerReferences", yyjson_mut_null(d));
	ctl_patch(c, kind_of(o), o->ns, o->name, NULL, p);
}

static bool is_uid(void *uid, yyjson_val *ref)
{
	const char *u = doc_str(ref, "uid");

	return u && !strcmp(u, uid);
}

static bool release_dependent(void *arg, struct cache_obj *o)
{
	struct dependents *x = arg;

	if (ref_to(cache_tree(o), x->owner->uid)) {
		x->left++;
		drop_refs(x->ctl, o, is_uid, (void *)(uintptr_t)x->owner->uid);
	}
	return true;
}

static bool wait_for_dependent(void *arg, struct cache_obj *o)
{
	struct dependents *x = arg;
	yyjson_val *ref = ref_to(cache_tree(o), x->owner->uid);

	if (ref) {
		enqueue(x->ctl, o);
		x->left += (*o->ns || !*x->owner->ns) && doc_bool(ref, "blockOwnerDeletion", false);
	}
	return true;
}

/* o is being deleted and may wait for us. */
static int finish_owner(struct ctl *c, struct cache_obj *o)
{
	yyjson_val *tree = cache_tree(o);
	struct dependents x = { .ctl = c, .owner = o };

	if (ctl_has_finalizer(tree, ORPHAN)) {
		cache_each_owned(ctl_cache(c), o->uid, release_dependent, &x);
		if (!x.left)
			ctl_drop_finalizer(c, o, kind_of(o), ORPHAN);
		/* The run after the answers finds none left. */
		else
			enqueue(c, o);
	} else if (ctl_has_finalizer(tree, FOREGROUND)) {
		cache_each_owned(ctl_cache(c), o->uid, wait_for_dependent, &x);
		if (!x.left)
			ctl_drop_finalizer(c, o, kind_of(o), FOREGROUND);
	}
	return 0;
}

/* ---- the dependent's side ---- */
enum owner_state { OWNER_SOLID, OWNER_WAITING, OWNER_GONE };

static enum owner_state owner_state(struct ctl *c, const struct cache_obj *o, yyjson_val *ref)
{
	const char *uid = doc_str(ref, "uid"), *api = doc_str(ref, "apiVersion"), *kind = doc_str(ref, "kind");
	char group[254], version[64];
	struct cache_obj *owner = uid ? cache_by_uid(ctl_cache(c), uid) : NULL;
	const struct kinds_kind *k;

	if (!uid || !api || !kind || strlen(api) > 316)
		return OWNER_SOLID;    /* nothing to decide on */
	kinds_split_api_version(api, group, version);
	k = owner ? NULL : kinds_by_kind(group, version, kind);
	/* What is in no namespace cannot be owned by what is in one: nothing is decided by
	 * that. Source: pkg/controller/garbagecollector (namespacedOwnerOfClusterScopedObjectErr). */
	if (!*o->ns && (owner ? *owner->ns != 0 : k && k->namespaced))
		return OWNER_SOLID;
	if (!owner)
		/* Of a kind nobody serves (any more): its objects cannot be looked for. */
		return k ? OWNER_GONE : OWNER_SOLID;
	if (*owner->ns && strcmp(owner->ns, o->ns))
		return OWNER_GONE;     /* owners live in the same namespace, or in none */
	if (owner->deleting && ctl_has_finalizer(cache_tree(owner), FOREGROUND) && doc_bool(ref, "blockOwnerDeletion", false))
		return OWNER_WAITING;
	return OWNER_SOLID;
}

struct drop_not_solid { struct ctl *ctl; struct cache_obj *o; };

static bool not_solid(void *arg, yyjson_val *ref)
{
	struct drop_not_solid *x = arg;

	return owner_state(x->ctl, x->o, ref) != OWNER_SOLID;
}

/* No owner waits for o any more. */
static void unblock(struct ctl *c, struct cache_obj *o)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *p = patch_of(d, o), *refs = doc_marr(d, p, "metadata.ownerReferences"), *ref;
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(cache_tree(o), "metadata.ownerReferences"), i, max, it) {
		ref = yyjson_val_mut_copy(d, it);
		doc_mset(d, ref, "blockOwnerDeletion", yyjson_mut_bool(d, false));
		yyjson_mut_arr_append(refs, ref);
	}
	ctl_patch(c, kind_of(o), o->ns, o->name, NULL, p);
}

struct below { bool any, waits; };

static bool look_below(void *arg, struct cache_obj *o)
{
	struct below *b = arg;

	b->any = true;
	b->waits = o->deleting && ctl_has_finalizer(cache_tree(o), FOREGROUND);
	return !b->waits;
}

static int check_dependent(struct ctl *c, struct cache_obj *o)
{
	yyjson_val *tree = cache_tree(o), *it;
	unsigned solid = 0, waiting = 0, gone = 0;
	struct below below = { 0 };
	size_t i, max;

	yyjson_arr_foreach(doc_get(tree, "metadata.ownerReferences"), i, max, it) {
		enum owner_state s = owner_state(c, o, it);
		solid += s == OWNER_SOLID;
		waiting += s == OWNER_WAITING;
		gone += s == OWNER_GONE;
	}
	if (!waiting && !gone)
		return 0;
	if (solid) {
		struct drop_not_solid x = { c, o };
		drop_refs(c, o, not_solid, &x);
		return 0;
	}
	cache_each_owned(ctl_cache(c), o->uid, look_below, &below);
	if (waiting && below.waits) {
		/* Perhaps a circle of owners, all of which would wait for ever. The owner goes
		 * now without waiting for o, and o after it. */
		unblock(c, o);
		return 0;
	}
	const char *how = waiting && below.any ? "Foreground" : ctl_has_finalizer(tree, ORPHAN) ? "Orphan" :
		ctl_has_finalizer(tree, FOREGROUND) ? "Foreground" : "Background";
	ctl_delete(c, kind_of(o), o->ns, o->name, o->uid, how, -1);
	return 0;
}

static int reconcile(struct ctl *c, const char *store, const char *name)
{
	const char *slash = strchr(name, '/');
	char ns[254];

	snprintf(ns, sizeof(ns), "%.*s", (int)(slash - name), name);
	struct cache_obj *o = cache_get(ctl_cache(c), store, ns, slash + 1);
	if (!o || !kind_of(o))
		return 0;
	return o->deleting ? finish_owner(c, o) : check_dependent(c, o);
}

static const struct ctl_watch watches[] = { { "*", observe }, { NULL, NULL } };
const struct ctl_def ctl_gc = { .name = "generic-garbage-collector", .watches = watches, .reconcile = reconcile };
