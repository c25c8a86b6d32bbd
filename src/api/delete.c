/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delete - what a deletion does to an object: marks it (grace of pods, finalizers,
 * propagation), or removes it.
 *
 * A pod on a node goes in two steps: its agent stops it and deletes it again with
 * grace 0. Whatever has finalizers is only marked; the update that drops the last one
 * removes it. A namespace is marked until its spec.finalizers are gone.
 * Source: apiserver pkg/registry/rest/delete.go, pkg/registry/generic/registry/store.go.
 */
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "base/text.h"

#define GRACE_MAX_S 9223372036    /* what upstream measures grace in holds no more: 292 years of nanoseconds */
#define ORPHAN "orphan"
#define FOREGROUND "foregroundDeletion"

static bool has_finalizer(yyjson_mut_val *list, const char *name)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *v;

	yyjson_mut_arr_iter_init(list, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_equals_str(v, name))
			return true;
	return false;
}

/* The policy of a deletion that names none. Source: the strategies' DefaultGarbageCollectionPolicy */
static bool orphans_by_default(const struct call *c)
{
	return c->kind == c->api->k.rc || c->kind == c->api->k.job;
}

/* Finalizers as the propagation policy wants them. */
static bool set_propagation(struct call *c, yyjson_mut_val *meta)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(meta, "finalizers"), *fresh, *v;
	yyjson_mut_arr_iter it;
	bool orphan, foreground;

	if (c->kind == c->api->k.event || c->kind == c->api->k.events_event)
		return true;
	if (c->propagation) {
		orphan = !strcmp(c->propagation, "Orphan");
		foreground = !strcmp(c->propagation, "Foreground");
	} else {
		foreground = has_finalizer(list, FOREGROUND);
		orphan = has_finalizer(list, ORPHAN) || (!foreground && orphans_by_default(c));
	}
	if (orphan == has_finalizer(list, ORPHAN) && foreground == has_finalizer(list, FOREGROUND))
		return true;
	fresh = yyjson_mut_arr(c->doc);
	if (!fresh)
		return false;
	yyjson_mut_arr_iter_init(list, &it);
	while ((v = yyjson_mut_arr_iter_next(&it))) {
		if (yyjson_mut_equals_str(v, ORPHAN) || yyjson_mut_equals_str(v, FOREGROUND))
			continue;
		if (!yyjson_mut_arr_append(fresh, yyjson_mut_val_mut_copy(c->doc, v)))
			return false;
	}
	if (orphan && !yyjson_mut_arr_add_str(c->doc, fresh, ORPHAN))
		return false;
	if (foreground && !yyjson_mut_arr_add_str(c->doc, fresh, FOREGROUND))
		return false;
	if (!yyjson_mut_arr_size(fresh))
		return doc_mdel(meta, "finalizers") || true;
	return doc_mset(c->doc, meta, "finalizers", fresh);
}

static bool mark(struct call *c, yyjson_mut_val *meta, int64_t at_s, int64_t grace_s)
{
	char text[TEXT_TIME_MAX];
	int64_t generation = doc_mint(meta, "generation", 0);
	bool fresh = !yyjson_mut_obj_get(meta, "deletionTimestamp");

	text_time(text, at_s * 1000000);
	if (fresh && generation > 0 && !doc_mset_int(c->doc, meta, "generation", generation + 1))
		return false;
	return doc_mset_str(c->doc, meta, "deletionTimestamp", text) &&
		(grace_s < 0 || doc_mset_int(c->doc, meta, "deletionGracePeriodSeconds", grace_s));
}

static int64_t bounded(int64_t grace_s)
{
	return grace_s < 0 ? 1 : grace_s > GRACE_MAX_S ? GRACE_MAX_S : grace_s;
}

static int64_t pod_grace(struct call *c)
{
	const char *phase = doc_mstr(c->obj, "status.phase"), *node = doc_mstr(c->obj, "spec.nodeName");
	int64_t s = c->grace_s >= 0 ? c->grace_s : doc_mint(c->obj, "spec.terminationGracePeriodSeconds", 30);

	if (!node || !*node || (phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"))))
		return 0;
	return bounded(s);
}

static enum step too_big(struct call *c)
{
	return fail_err(c, -ERR_SIZE, NULL);
}

/* STEP_NEXT with c->obj marked, or c->remove set. */
static enum step pod(struct call *c, yyjson_mut_val *meta)
{
	const char *when = doc_mstr(meta, "deletionTimestamp");
	int64_t grace = pod_grace(c), now = call_now_s(), at_us;

	if (when && yyjson_mut_obj_get(meta, "deletionGracePeriodSeconds")) {
		int64_t was = bounded(doc_mint(meta, "deletionGracePeriodSeconds", 0));

		/* Going already: grace may only be cut. */
		if (c->grace_s < 0 || grace >= was) {
			if (was > 0 || doc_mlen(meta, "finalizers"))
				return STEP_NEXT;
			grace = 0;
		}
		if (text_parse_time(when, &at_us))
			at_us = now * 1000000;
		now = at_us / 1000000 - was;
	}
	if (!set_propagation(c, meta) || !mark(c, meta, now + grace, grace))
		return too_big(c);
	c->remove = grace == 0 && !doc_mlen(meta, "finalizers");
	return STEP_NEXT;
}

static enum step namespace(struct call *c, yyjson_mut_val *meta)
{
	if (!yyjson_mut_obj_get(meta, "deletionTimestamp")) {
		if (!mark(c, meta, call_now_s(), -1) || !doc_mset_str(c->doc, c->obj, "status.phase", "Terminating"))
			return too_big(c);
		return STEP_NEXT;
	}
	c->remove = delete_complete(c, c->obj);
	return STEP_NEXT;
}

enum step delete_prepare(struct call *c)
{
	yyjson_mut_val *meta;

	c->obj = yyjson_mut_val_mut_copy(c->doc, c->old);
	meta = c->obj ? doc_mobj(c->doc, c->obj, "metadata") : NULL;
	if (!meta)
		return too_big(c);
	if (c->kind == c->api->k.pod)
		return pod(c, meta);
	if (c->kind == c->api->k.ns)
		return namespace(c, meta);
	if (!set_propagation(c, meta))
		return too_big(c);
	if (!doc_mlen(meta, "finalizers")) {
		c->remove = true;
		return mark(c, meta, call_now_s(), 0) ? STEP_NEXT : too_big(c);
	}
	if (yyjson_mut_obj_get(meta, "deletionTimestamp"))
		return STEP_NEXT;
	return mark(c, meta, call_now_s(), 0) ? STEP_NEXT : too_big(c);
}

bool delete_complete(struct call *c, yyjson_mut_val *obj)
{
	yyjson_mut_val *meta = yyjson_mut_obj_get(obj, "metadata");

	if (!yyjson_mut_obj_get(meta, "deletionTimestamp") || doc_mlen(meta, "finalizers") ||
	    doc_mint(meta, "deletionGracePeriodSeconds", 0))
		return false;
	return c->kind != c->api->k.ns || !doc_mlen(obj, "spec.finalizers");
}
