/* SPDX-License-Identifier: Apache-2.0 */
/*
 * namespace - a Terminating namespace is emptied, pods first, told about in its
 * conditions, and let go by removing the finalizer kubernetes.
 * Source: KEP-5080 (ordered deletion); the condition types of core/v1.
 */
#include <string.h>

#include "base/env.h"
#include "client/client.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define DELETES_PER_RUN 500u
#define FINALIZERS_TOLD_MAX 100u  /* names in one condition; who makes objects picks them */

struct finalizing { struct finalizing *next; const char *name; unsigned n; };
/* What still is in the namespace. */
struct content {
	struct ctl *ctl;
	size_t left;
	unsigned sent, told;
	const struct kinds_kind *kind; /* walked now */
	struct finalizing *finalizers; /* that hold objects here, by name */
	struct text_list *kinds;       /* "pods. has 3 resource instances", sorted */
};
struct text_list { struct text_list *next; const char *text; };

static void note_finalizer(struct content *x, const char *name)
{
	struct finalizing **at = &x->finalizers;

	while (*at && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	if (!*at || strcmp((*at)->name, name)) {
		if (x->told == FINALIZERS_TOLD_MAX)
			return;
		struct finalizing *f = arena_zalloc(ctl_arena(x->ctl), sizeof(*f));
		if (!f)
			return;
		*f = (struct finalizing){ *at, arena_strdup(ctl_arena(x->ctl), name), 0 };
		if (!f->name)
			return;
		*at = f;
		x->told++;
	}
	(*at)->n++;
}

/* One that is deleting waits for its finalizers, a pod for its node, too. */
static bool delete_one(void *arg, struct cache_obj *o)
{
	struct content *x = arg;
	yyjson_val *it;
	size_t i, max;

	if (o->deleting) {
		yyjson_arr_foreach(doc_get(cache_tree(o), "metadata.finalizers"), i, max, it)
			note_finalizer(x, yyjson_get_str(it));
		return true;
	}
	if (x->sent == DELETES_PER_RUN)
		return false;
	ctl_delete(x->ctl, x->kind, o->ns, o->name, o->uid, "Background", -1);
	x->sent++;
	return true;
}

static void note_kind(struct content *x, size_t n)
{
	struct text_list **at = &x->kinds, *k = arena_zalloc(ctl_arena(x->ctl), sizeof(*k));
	char text[400];

	snprintf(text, sizeof(text), "%s.%s has %zu resource instances", x->kind->plural, x->kind->group, n);
	if (!k || !(k->text = arena_strdup(ctl_arena(x->ctl), text)))
		return;
	while (*at && strcmp((*at)->text, text) < 0)
		at = &(*at)->next;
	k->next = *at;
	*at = k;
}

static void delete_all_of(struct content *x, const char *store, const char *ns)
{
	size_t n = cache_count(ctl_cache(x->ctl), store, ns);

	x->kind = kinds_by_store(store);
	if (!x->kind || !x->kind->namespaced || !n)
		return;
	x->left += n;
	note_kind(x, n);
	cache_each(ctl_cache(x->ctl), store, ns, NULL, NULL, delete_one, x);
}

static void write_conditions(struct ctl *c, struct cache_obj *o, const struct content *x)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *obj = yyjson_val_mut_copy(d, cache_tree(o)), *status = doc_mobj(d, obj, "status");
	BUF_AUTO struct buf remaining = { 0 }, finalizers = { 0 };
	int64_t now = env_wall_us();
	bool changed = false;

	for (struct text_list *k = x->kinds; k; k = k->next)
		buf_printf(&remaining, "%s%s", remaining.len ? ", " : "Some resources are remaining: ", k->text);
	for (struct finalizing *f = x->finalizers; f; f = f->next)
		buf_printf(&finalizers, "%s%s in %u resource instances", finalizers.len ? ", " :
			"Some content in the namespace has finalizers remaining: ", f->name, f->n);
	changed |= ctl_condition(d, status, "NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered",
		"All resources successfully discovered", now);
	changed |= ctl_condition(d, status, "NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions",
		"All legacy kube types successfully parsed", now);
	changed |= ctl_condition(d, status, "NamespaceDeletionContentFailure", "False", "ContentDeleted",
		"All content successfully deleted, may be waiting on finalization", now);
	changed |= ctl_condition(d, status, "NamespaceContentRemaining", remaining.len ? "True" : "False",
		remaining.len ? "SomeResourcesRemain" : "ContentRemoved",
		remaining.len ? remaining.p : "All content successfully removed", now);
	changed |= ctl_condition(d, status, "NamespaceFinalizersRemaining", finalizers.len ? "True" : "False",
		finalizers.len ? "SomeFinalizersRemain" : "ContentHasNoFinalizers",
		finalizers.len ? finalizers.p : "All content-preserving finalizers finished", now);
	if (changed)
		ctl_update(c, ctl_kind("", "namespaces"), NULL, o->name, "status", obj);
}

static void finalize(struct ctl *c, struct cache_obj *o)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *obj = yyjson_val_mut_copy(d, cache_tree(o)), *left = yyjson_mut_arr(d);
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(cache_tree(o), "spec.finalizers"), i, max, it)
		if (!yyjson_equals_str(it, "kubernetes"))
			yyjson_mut_arr_append(left, yyjson_val_mut_copy(d, it));
	doc_mset(d, obj, "spec.finalizers", left);
	ctl_update(c, ctl_kind("", "namespaces"), NULL, o->name, "finalize", obj);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *o = cache_get(ctl_cache(c), "core/namespaces", "", name);
	struct content x = { .ctl = c };
	const char *store;
	size_t it = 0;

	(void)ns;
	if (!o || !o->deleting || !doc_len(cache_tree(o), "spec.finalizers"))
		return 0;
	delete_all_of(&x, "core/pods", name);
	/* Everything else at once: one object that cannot go keeps no other. */
	if (!x.left)
		while (cache_next_store(ctl_cache(c), &it, &store))
			delete_all_of(&x, store, name);
	if (!x.left) {
		finalize(c, o);
		return 0;
	}
	write_conditions(c, o, &x);
	if (x.sent == DELETES_PER_RUN)
		ctl_enqueue(c, "", name);    /* the rest, once these are answered */
	return 0;
}

/* Something went away: its namespace may be empty now. */
static void content_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type != CACHE_DELETED || !*ev->obj->ns)
		return;
	struct cache_obj *ns = cache_get(ctl_cache(c), "core/namespaces", "", ev->obj->ns);
	if (ns && ns->deleting)
		ctl_enqueue(c, "", ev->obj->ns);
}

static void namespace_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type != CACHE_DELETED && ev->obj->deleting)
		ctl_enqueue(c, "", ev->obj->name);
}

static const struct ctl_watch watches[] = {
	{ "core/namespaces", namespace_changed },
	{ "*", content_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_namespace = { .name = "namespace-controller", .watches = watches, .reconcile = reconcile };
