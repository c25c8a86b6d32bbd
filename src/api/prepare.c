/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prepare - what this write may touch and what not. What then differs from the stored
 * object in times of managedFields alone is no write.
 */
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "base/text.h"

/* Since when a volume is in its phase, unless whoever changed it says.
 * Source: kubernetes pkg/registry/core/persistentvolume/strategy.go; KEP-3762 */
static bool note_phase(struct call *c)
{
	static const char member[] = "status.lastPhaseTransitionTime";
	const char *now = doc_mstr(c->obj, "status.phase"), *was = doc_mstr(c->old, "status.phase");
	const char *since = doc_mstr(c->obj, member), *before = doc_mstr(c->old, member);
	char text[TEXT_TIME_MAX];

	if (c->old && !strcmp(now ? now : "", was ? was : ""))
		return since || !before || doc_mset_str(c->doc, c->obj, member, before);
	if (c->old && since && (!before || strcmp(since, before)))
		return true;
	text_time(text, env_wall_us());
	return doc_mset_str(c->doc, c->obj, member, text);
}

enum step stage_prepare(struct call *c)
{
	const char *sub = *c->sub ? c->sub : NULL;

	if (c->verb == VERB_DELETE) {
		enum step step = sub && !strcmp(sub, "eviction") ? eviction_prepare(c) : delete_prepare(c);

		return step == STEP_NEXT && c->kind == c->api->k.crd ? crd_delete_prepare(c) : step;
	}
	if (kinds_prepare(c->doc, c->arena, c->kind, sub, c->obj, c->old))
		return fail_err(c, -ERR_SIZE, NULL);
	if (c->kind == c->api->k.pv && (c->creating || !strcmp(c->sub, "status")) && !note_phase(c))
		return fail_err(c, -ERR_SIZE, NULL);
	if (c->kind == c->api->k.crd || (c->kind == c->api->k.service && !sub)) {
		enum step step = c->kind == c->api->k.crd ? crd_prepare(c) : alloc_families(c);

		if (step != STEP_NEXT)
			return step;
	}
	if (c->old && kinds_settle(c->doc, c->obj, c->old))
		return fail_err(c, -ERR_SIZE, NULL);
	if (arena_over(c->arena))
		return fail_err(c, -ERR_SIZE, NULL);
	return c->kind == c->api->k.csr ? csr_prepare(c) : STEP_NEXT;
}
