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

/* What still is in the namespace. */
struct content { struct ctl *ctl; unsigned left, finalizing, sent; char kinds[600]; const struct kinds_kind *kind; };

static bool delete_one(void *arg, struct cache_obj *o)
{
	struct content *x = arg;

	x->left++;
	if (doc_len(cache_tree(o), "metadata.finalizers"))
		x->finalizing++;
	if (!o->deleting && x->sent < DELETES_PER_RUN) {
		ctl_delete(x->ctl, x->kind, o->ns, o->name, o->uid, "Background", -1);
		x->sent++;
	}
	return x->sent < DELETES_PER_RUN || o->deleting;
}

static void delete_all_of(struct content *x, const char *store, const char *ns)
{
	unsigned before = x->left;

	x->kind = kinds_by_store(store);
	if (!x->kind || !x->kind->namespaced)
		return;
	cache_each(ctl_cache(x->ctl), store, ns, NULL, NULL, delete_one, x);
	if (x->left > before) {
		size_t n = strlen(x->kinds);
		snprintf(x->kinds + n, sizeof(x->kinds) - n, "%s%s. has %u resource instances", n ? ", " : "",
			x->kind->plural, x->left - before);
	}
}

static void write_conditions(struct ctl *c, struct cache_obj *o, const struct content *x)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *obj = yyjson_val_mut_copy(d, cache_tree(o)), *status = doc_mobj(d, obj, "status");
	int64_t now = env_wall_us();
	char message[700];
	bool changed = false;

	snprintf(message, sizeof(message), "Some resources are remaining: %s", x->kinds);
	changed |= ctl_condition(d, status, "NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered",
		"All resources successfully discovered", now);
	changed |= ctl_condition(d, status, "NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions",
		"All legacy kube types successfully parsed", now);
	changed |= ctl_condition(d, status, "NamespaceDeletionContentFailure", "False", "ContentDeleted",
		"All content successfully deleted, may be waiting on finalization", now);
	changed |= ctl_condition(d, status, "NamespaceContentRemaining", x->left ? "True" : "False",
		x->left ? "SomeResourcesRemain" : "ContentRemoved",
		x->left ? message : "All content successfully removed", now);
	changed |= ctl_condition(d, status, "NamespaceFinalizersRemaining", x->finalizing ? "True" : "False",
		x->finalizing ? "SomeFinalizersRemain" : "ContentHasNoFinalizers",
		x->finalizing ? "Some content in the namespace has finalizers remaining" : "All content-preserving finalizers finished", now);
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
	while (!x.left && cache_next_store(ctl_cache(c), &it, &store))
		if (strcmp(store, "core/events"))
			delete_all_of(&x, store, name);
	/* Events last: what goes above may still speak. */
	if (!x.left)
		delete_all_of(&x, "core/events", name);
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
	{ "core/namespaces", namespace_changed, false },
	{ "*", content_changed, false },
	{ NULL, NULL, false },
};
const struct ctl_def ctl_namespace = { .name = "namespace-controller", .watches = watches, .reconcile = reconcile };
