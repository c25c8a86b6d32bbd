/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_priority - Priority: a pod's PriorityClass by its name, or the class that is the
 * default of all, written into the pod as numbers; and one such default at most.
 * Source: kubernetes plugin/pkg/admission/priority.
 */
#include <string.h>

#include "api/admit.h"

/* The default class with the smallest value, as a race may have left two. */
static bool find_default(void *arg, struct cache_obj *o)
{
	struct cache_obj **best = arg;
	yyjson_val *v = cache_tree(o);

	if (!doc_bool(v, "globalDefault", false))
		return true;
	if (!*best || doc_int(v, "value", 0) < doc_int(cache_tree(*best), "value", 0))
		*best = o;
	return true;
}

static struct cache_obj *default_class(struct call *c)
{
	struct cache_obj *o = NULL;

	cache_each(c->api->cache, c->api->k.priority_class->store, "", NULL, NULL, find_default, &o);
	return o;
}

/* What the server wrote once stays when a client sends the pod back without it. */
static enum step keep(struct call *c)
{
	static const char *const members[] = { "priority", "preemptionPolicy" };
	yyjson_mut_val *spec = doc_mget(c->obj, "spec"), *was = doc_mget(c->old, "spec");

	for (size_t i = 0; i < 2; i++) {
		yyjson_mut_val *v = yyjson_mut_obj_get(was, members[i]);

		if (v && spec && !yyjson_mut_obj_get(spec, members[i]) &&
		    !doc_mset(c->doc, spec, members[i], yyjson_mut_val_mut_copy(c->doc, v)))
			return fail_err(c, -ERR_SIZE, NULL);
	}
	return STEP_NEXT;
}

enum step priority_mutate(struct call *c)
{
	yyjson_mut_val *spec;
	const char *name, *policy = NULL, *wanted;
	struct cache_obj *o;
	int64_t value = 0;

	if (!admit_is(c, c->api->k.pod))
		return STEP_NEXT;
	if (admit_op(c) == ADMIT_UPDATE)
		return keep(c);
	spec = doc_mobj(c->doc, c->obj, "spec");
	name = doc_mstr(spec, "priorityClassName");
	if (name && *name) {
		o = cache_get(c->api->cache, c->api->k.priority_class->store, "", name);
		if (!o)
			return admit_refuse(c, "no PriorityClass with name %s was found", name);
	} else {
		o = default_class(c);
	}
	if (o) {
		value = doc_int(cache_tree(o), "value", 0);
		policy = doc_str(cache_tree(o), "preemptionPolicy");
		if (!doc_mset_str(c->doc, spec, "priorityClassName", o->name))
			return fail_err(c, -ERR_SIZE, NULL);
	}
	if (!policy || !*policy)
		policy = "PreemptLowerPriority";
	if (yyjson_mut_obj_get(spec, "priority") && doc_mint(spec, "priority", 0) != value)
		return admit_refuse(c, "the integer value of priority (%lld) must not be provided in pod spec; priority admission "
			"controller computed %lld from the given PriorityClass name", (long long)doc_mint(spec, "priority", 0),
			(long long)value);
	wanted = doc_mstr(spec, "preemptionPolicy");
	if (wanted && strcmp(wanted, policy))
		return admit_refuse(c, "the string value of PreemptionPolicy (%s) must not be provided in pod spec; priority "
			"admission controller computed %s from the given PriorityClass name", wanted, policy);
	if (!spec || !doc_mset_int(c->doc, spec, "priority", value) ||
	    !doc_mset_str(c->doc, spec, "preemptionPolicy", policy))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}

enum step priority_validate(struct call *c)
{
	struct cache_obj *other;

	if (!admit_is(c, c->api->k.priority_class) || !doc_mbool(c->obj, "globalDefault", false))
		return STEP_NEXT;
	other = default_class(c);
	if (other && (admit_op(c) == ADMIT_CREATE || strcmp(other->name, c->name)))
		return admit_refuse(c, "PriorityClass %s is already marked as default. Only one default can exist", other->name);
	return STEP_NEXT;
}
