/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner - who controls what: controllerRefs, adoption of matching orphans, release of
 * what no longer matches.
 * Source: the ownerReferences contract of garbage collection; behaviour as
 * controller_ref_manager describes it.
 */
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "control/reconcile.h"

#define CLAIM_MAX 200000u

bool ctl_is_controlled_by(yyjson_val *obj, const char *owner_uid)
{
	const char *uid = doc_str(kinds_controller_of(obj), "uid");

	return uid && !strcmp(uid, owner_uid);
}

static void enqueue_owner_of(struct ctl *c, struct cache_obj *o, const char *api_version, const char *kind)
{
	if (!o || !o->owners[0])
		return;
	yyjson_val *ref = kinds_controller_of(cache_tree(o));
	const char *k = doc_str(ref, "kind"), *v = doc_str(ref, "apiVersion"), *name = doc_str(ref, "name");
	if (name && k && v && !strcmp(k, kind) && !strcmp(v, api_version))
		ctl_enqueue(c, o->ns, name);
}

void ctl_enqueue_owner(struct ctl *c, const struct cache_event *ev, const char *api_version, const char *kind)
{
	enqueue_owner_of(c, ev->obj, api_version, kind);
	/* Released, or given to another: the one who had it looks too. */
	if (ev->old && ev->old->owners[0] != ev->obj->owners[0] &&
	    (!ev->obj->owners[0] || strcmp(ev->old->owners[0] ? ev->old->owners[0] : "", ev->obj->owners[0])))
		enqueue_owner_of(c, ev->old, api_version, kind);
}

bool ctl_has_finalizer(yyjson_val *obj, const char *name)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(obj, "metadata.finalizers"), i, max, it)
		if (yyjson_equals_str(it, name))
			return true;
	return false;
}

void ctl_drop_finalizer(struct ctl *c, struct cache_obj *o, const struct kinds_kind *k, const char *name)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *p = yyjson_mut_obj(d), *left;
	yyjson_val *it;
	size_t i, max;
	char rev[24];

	snprintf(rev, sizeof(rev), "%lld", (long long)o->rev);
	doc_mset_str(d, p, "metadata.resourceVersion", rev);
	left = doc_marr(d, p, "metadata.finalizers");
	yyjson_arr_foreach(doc_get(cache_tree(o), "metadata.finalizers"), i, max, it)
		if (!yyjson_equals_str(it, name))
			yyjson_mut_arr_append(left, yyjson_val_mut_copy(d, it));
	if (!yyjson_mut_arr_size(left))
		doc_mset(d, p, "metadata.finalizers", yyjson_mut_null(d));
	ctl_patch(c, k, o->ns, o->name, NULL, p);
}

static yyjson_mut_val *owner_ref(yyjson_mut_doc *d, struct cache_obj *owner, const struct kinds_kind *k)
{
	yyjson_mut_val *ref = yyjson_mut_obj(d);

	doc_mset_str(d, ref, "apiVersion", kinds_api_version(k));
	doc_mset_str(d, ref, "kind", k->kind);
	doc_mset_str(d, ref, "name", owner->name);
	doc_mset_str(d, ref, "uid", owner->uid);
	doc_mset_bool(d, ref, "controller", true);
	doc_mset_bool(d, ref, "blockOwnerDeletion", true);
	return ref;
}

void ctl_set_owner(yyjson_mut_doc *d, yyjson_mut_val *meta, struct cache_obj *owner, const struct kinds_kind *k)
{
	yyjson_mut_arr_append(doc_marr(d, meta, "ownerReferences"), owner_ref(d, owner, k));
}

/* A strategic merge patch on metadata.ownerReferences; uid guards against a namesake. */
static void patch_owner(struct ctl *c, struct cache_obj *o, const struct kinds_kind *k, yyjson_mut_val *ref)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *p = yyjson_mut_obj(d);
	BUF_AUTO struct buf path = { 0 };

	doc_mset_str(d, p, "metadata.uid", o->uid);
	yyjson_mut_arr_append(doc_marr(d, p, "metadata.ownerReferences"), ref);
	client_path(&path, k, o->ns, o->name, NULL);
	ctl_call(c, "PATCH", path.p, NULL, "application/strategic-merge-patch+json", p);
}

struct claim {
	struct ctl *ctl;
	struct cache_obj *owner;
	const struct kinds_kind *owner_kind, *kind;
	const struct selector *sel;
	struct cache_obj **v;
	size_t n, cap;
	bool failed;
};

static void claim_add(struct claim *m, struct cache_obj *o)
{
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 16;
		struct cache_obj **v = cap > CLAIM_MAX ? NULL : arena_realloc(ctl_arena(m->ctl), m->v,
			m->cap * sizeof(*v), cap * sizeof(*v));
		if (!v) {
			m->failed = true;
			return;
		}
		m->v = v;
		m->cap = cap;
	}
	m->v[m->n++] = o;
}

static bool claim_owned(void *arg, struct cache_obj *o)
{
	struct claim *m = arg;

	if (strcmp(o->store, m->kind->store) || strcmp(o->ns, m->owner->ns) ||
	    !ctl_is_controlled_by(cache_tree(o), m->owner->uid))
		return true;
	if (!selector_match(m->sel, &o->labels)) {
		if (!m->owner->deleting && !o->deleting) {
			yyjson_mut_val *ref = yyjson_mut_obj(ctl_doc(m->ctl));
			doc_mset_str(ctl_doc(m->ctl), ref, "$patch", "delete");
			doc_mset_str(ctl_doc(m->ctl), ref, "uid", m->owner->uid);
			patch_owner(m->ctl, o, m->kind, ref);
		}
		return true;
	}
	claim_add(m, o);
	return !m->failed;
}

static bool claim_orphan(void *arg, struct cache_obj *o)
{
	struct claim *m = arg;

	if (!selector_match(m->sel, &o->labels))
		return true;
	patch_owner(m->ctl, o, m->kind, owner_ref(ctl_doc(m->ctl), m->owner, m->owner_kind));
	claim_add(m, o);
	return !m->failed;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct cache_obj *const *)a)->name, (*(struct cache_obj *const *)b)->name);
}

struct cache_obj **ctl_claim(struct ctl *c, struct cache_obj *owner, const struct kinds_kind *owner_kind,
	const struct kinds_kind *k, const struct selector *sel, size_t *ret_n)
{
	struct claim m = { .ctl = c, .owner = owner, .owner_kind = owner_kind, .kind = k, .sel = sel };

	cache_each_owned(ctl_cache(c), owner->uid, claim_owned, &m);
	if (!owner->deleting && !m.failed)
		cache_each_orphan(ctl_cache(c), k->store, owner->ns, claim_orphan, &m);
	*ret_n = m.n;
	if (m.failed)
		return NULL;
	if (m.n)
		qsort(m.v, m.n, sizeof(*m.v), by_name);
	return m.v ? m.v : arena_alloc(ctl_arena(c), 1);
}
