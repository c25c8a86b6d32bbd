/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_runtime - RuntimeClass: a pod that names one takes over its overhead and where it
 * may run; nobody writes an overhead by hand.
 * Source: kubernetes plugin/pkg/admission/runtimeclass; pkg/util/tolerations (merging).
 */
#include <string.h>

#include "api/admit.h"

/* The class the pod names, or NULL with STEP_NEXT: it names none. */
static enum step class_of(struct call *c, struct cache_obj **ret)
{
	const char *name = doc_mstr(c->obj, "spec.runtimeClassName");

	*ret = NULL;
	if (!name)
		return STEP_NEXT;
	*ret = cache_get(c->api->cache, c->api->k.runtime_class->store, "", name);
	return *ret ? STEP_NEXT : admit_refuse(c, "pod rejected: RuntimeClass \"%s\" not found", name);
}

static enum step set_overhead(struct call *c, yyjson_val *class)
{
	yyjson_mut_val *has = doc_mget(c->obj, "spec.overhead"), *fixed;

	if (!doc_get(class, "overhead"))
		return STEP_NEXT;
	fixed = shape_copy(c, doc_get(class, "overhead.podFixed"));
	if (has && !doc_mequal(has, fixed))
		return admit_refuse(c, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
	return !fixed || doc_mset(c->doc, c->obj, "spec.overhead", fixed) ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
}

static enum step set_selector(struct call *c, yyjson_val *selector)
{
	yyjson_obj_iter it;
	yyjson_val *key;

	yyjson_obj_iter_init(selector, &it);
	while ((key = yyjson_obj_iter_next(&it))) {
		const char *k = yyjson_get_str(key), *want = yyjson_get_str(yyjson_obj_iter_get_val(key));
		yyjson_mut_val *has = yyjson_mut_obj_get(doc_mget(c->obj, "spec.nodeSelector"), k);

		if (has && !yyjson_mut_equals_str(has, want))
			return admit_refuse(c, "conflict: runtimeClass.scheduling.nodeSelector[%s] = %s; pod.spec.nodeSelector[%s] "
				"= %s", k, want, k, yyjson_mut_get_str(has));
		if (!has && !doc_mset_key(c->doc, c->obj, "spec.nodeSelector", k, want))
			return fail_err(c, -ERR_SIZE, NULL);
	}
	return STEP_NEXT;
}

static bool same_text(yyjson_mut_val *a, yyjson_mut_val *b, const char *key)
{
	const char *x = doc_mstr(a, key), *y = doc_mstr(b, key);

	return !strcmp(x ? x : "", y ? y : "");
}

/* Does one of list stand all that t stands? */
static bool covered(yyjson_mut_val *list, yyjson_mut_val *t)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *o;

	yyjson_mut_arr_iter_init(list, &it);
	while ((o = yyjson_mut_arr_iter_next(&it))) {
		const char *key = doc_mstr(o, "key"), *effect = doc_mstr(o, "effect");
		const char *exists = doc_mstr(o, "operator");
		yyjson_mut_val *stays = yyjson_mut_obj_get(o, "tolerationSeconds");

		if ((key && *key && !same_text(o, t, "key")) || (effect && *effect && !same_text(o, t, "effect")))
			continue;
		if (stays && (!yyjson_mut_obj_get(t, "tolerationSeconds") ||
		    doc_mint(o, "tolerationSeconds", 0) < doc_mint(t, "tolerationSeconds", 0)))
			continue;
		if ((exists && !strcmp(exists, "Exists")) || (same_text(o, t, "operator") && same_text(o, t, "value")))
			return true;
	}
	return false;
}

static enum step add_tolerations(struct call *c, yyjson_val *more)
{
	yyjson_mut_val *list;
	yyjson_val *t;
	size_t i, max;

	if (!yyjson_arr_size(more))
		return STEP_NEXT;
	list = doc_marr(c->doc, c->obj, "spec.tolerations");
	yyjson_arr_foreach(more, i, max, t) {
		yyjson_mut_val *copy = shape_copy(c, t);

		if (!list || !copy)
			return fail_err(c, -ERR_SIZE, NULL);
		if (!covered(list, copy) && !yyjson_mut_arr_append(list, copy))
			return fail_err(c, -ERR_SIZE, NULL);
	}
	return STEP_NEXT;
}

enum step runtime_mutate(struct call *c)
{
	struct cache_obj *class;
	enum step step;

	if (!admit_is(c, c->api->k.pod))
		return STEP_NEXT;
	step = class_of(c, &class);
	if (step != STEP_NEXT || !class)
		return step;
	step = set_overhead(c, cache_tree(class));
	if (step == STEP_NEXT)
		step = set_selector(c, doc_get(cache_tree(class), "scheduling.nodeSelector"));
	return step == STEP_NEXT ? add_tolerations(c, doc_get(cache_tree(class), "scheduling.tolerations")) : step;
}

enum step runtime_validate(struct call *c)
{
	yyjson_mut_val *has = doc_mget(c->obj, "spec.overhead");
	struct cache_obj *class;
	yyjson_val *overhead;
	enum step step;

	if (!admit_is(c, c->api->k.pod))
		return STEP_NEXT;
	step = class_of(c, &class);
	if (step != STEP_NEXT)
		return step;
	overhead = class ? doc_get(cache_tree(class), "overhead") : NULL;
	if (!overhead && has)
		return admit_refuse(c, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");
	if (overhead && !doc_mequal(has, shape_copy(c, doc_get(overhead, "podFixed"))))
		return admit_refuse(c, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
	return STEP_NEXT;
}
