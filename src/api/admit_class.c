/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_class - DefaultStorageClass, DefaultIngressClass: a claim or an Ingress that names
 * no class gets the one that is marked as the default; of several the youngest, and of
 * equally old ones the first by name.
 * Source: kubernetes plugin/pkg/admission/storage/storageclass/setdefault,
 * plugin/pkg/admission/network/defaultingressclass, test/e2e/network/ingressclass.go.
 */
#include <string.h>

#include "api/admit.h"

#define OLD_CLAIM_CLASS   "volume.beta.kubernetes.io/storage-class"
#define OLD_INGRESS_CLASS "kubernetes.io/ingress.class"

struct defaults { const char *const *notes; struct cache_obj *best; };

static bool find(void *arg, struct cache_obj *o)
{
	struct defaults *d = arg;
	yyjson_val *notes = doc_get(cache_tree(o), "metadata.annotations");
	const char *made = doc_str(cache_tree(o), "metadata.creationTimestamp");
	bool marked = false;

	for (const char *const *n = d->notes; *n; n++)
		marked |= yyjson_equals_str(yyjson_obj_get(notes, *n), "true");
	if (!marked)
		return true;
	/* Walked by name: of equally old ones the first stays. Times are text of one length. */
	if (!d->best || strcmp(made ? made : "", doc_str(cache_tree(d->best), "metadata.creationTimestamp")) > 0)
		d->best = o;
	return true;
}

static bool annotated(const struct call *c, const char *key)
{
	return yyjson_mut_obj_get(doc_mget(c->obj, "metadata.annotations"), key) != NULL;
}

static enum step set(struct call *c, const char *path, const struct cache_obj *class)
{
	return !class || doc_mset_str(c->doc, c->obj, path, class->name) ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
}

enum step storage_class_mutate(struct call *c)
{
	static const char *const notes[] = { "storageclass.kubernetes.io/is-default-class",
		"storageclass.beta.kubernetes.io/is-default-class", NULL };
	struct defaults d = { .notes = notes };

	if (!admit_is(c, c->api->k.pvc) || annotated(c, OLD_CLAIM_CLASS) || doc_mget(c->obj, "spec.storageClassName"))
		return STEP_NEXT;
	cache_each(c->api->cache, c->api->k.storage_class->store, "", NULL, NULL, find, &d);
	return set(c, "spec.storageClassName", d.best);
}

enum step ingress_class_mutate(struct call *c)
{
	static const char *const notes[] = { "ingressclass.kubernetes.io/is-default-class", NULL };
	struct defaults d = { .notes = notes };

	if (!admit_is(c, c->api->k.ingress) || annotated(c, OLD_INGRESS_CLASS) || doc_mget(c->obj, "spec.ingressClassName"))
		return STEP_NEXT;
	cache_each(c->api->cache, c->api->k.ingress_class->store, "", NULL, NULL, find, &d);
	return set(c, "spec.ingressClassName", d.best);
}
