/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track - who owns the fields that this write touched (metadata.managedFields). It
 * comes before admission and the kind's own preparation: what these add belongs to
 * nobody. An apply has its owners already; those who act for the server (bindings,
 * evictions, deletions) own nothing.
 * Source: apiserver pkg/endpoints/handlers (create.go, update.go, patch.go: the field
 * manager runs before mutating admission; rest.go: dedupOwnerReferences).
 */
#include <string.h>

#include "api/call.h"
#include "base/env.h"

#define OWNERS_COMPARED_MAX 1000u   /* each with each */

/* Owners of the object that are named twice, alike in all, count once. */
static void drop_twins(struct call *c)
{
	yyjson_mut_val *refs = doc_mget(c->obj, "metadata.ownerReferences"), *ref;
	BUF_AUTO struct buf uids = { 0 };
	yyjson_mut_arr_iter it;
	const char *text;
	size_t i = 0;

	if (yyjson_mut_arr_size(refs) > OWNERS_COMPARED_MAX)
		return;
	yyjson_mut_arr_iter_init(refs, &it);
	for (; (ref = yyjson_mut_arr_iter_next(&it)); i++) {
		yyjson_mut_val *other = yyjson_mut_arr_get_first(refs);
		const char *uid = doc_mstr(ref, "uid");
		size_t k = 0;

		while (k < i && !doc_mequal(other, ref)) {
			other = other->next;
			k++;
		}
		if (k == i)
			continue;
		buf_printf(&uids, "%s%s", uids.len ? ", " : "", uid ? uid : "");
		doc_arr_iter_remove(&it);
		i--;
	}
	if (!uids.len || uids.failed)
		return;
	text = arena_printf(c->arena, ".metadata.ownerReferences contains duplicate entries%s; API server dedups owner references in 1.20+, "
		"and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: %s",
		c->verb == VERB_PATCH ? " after mutating admission happens" : "", uids.p);
	if (text)
		call_warn(c, text);
}

enum step stage_track(struct call *c)
{
	struct apply_req req = { .kind = c->kind, .sub = *c->sub ? c->sub : NULL, .manager = c->manager,
		.clear = c->clear_owners, .now_us = env_wall_us() };

	if (!c->obj || c->verb == VERB_DELETE || c->patch == PATCH_APPLY || c->only_status)
		return STEP_NEXT;
	drop_twins(c);
	if (kinds_track(c->doc, c->arena, &req, c->obj, c->old) || arena_over(c->arena))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}
