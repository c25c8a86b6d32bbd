/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track - who owns the fields that this write touched (metadata.managedFields). It
 * comes before admission and the kind's own preparation: what these add belongs to
 * nobody. An apply has its owners already; those who act for the server (bindings,
 * evictions, deletions) own nothing.
 * Source: apiserver pkg/endpoints/handlers (create.go, update.go, patch.go: the field
 * manager runs before mutating admission).
 */
#include <string.h>

#include "api/call.h"
#include "base/env.h"

enum step stage_track(struct call *c)
{
	struct apply_req req = { .kind = c->kind, .sub = *c->sub ? c->sub : NULL, .manager = c->manager,
		.clear = c->clear_owners, .now_us = env_wall_us() };

	if (!c->obj || c->verb == VERB_DELETE || c->patch == PATCH_APPLY || c->only_status)
		return STEP_NEXT;
	if (kinds_track(c->doc, c->arena, &req, c->obj, c->old) || arena_over(c->arena))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}
