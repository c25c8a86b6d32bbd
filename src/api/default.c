/* SPDX-License-Identifier: Apache-2.0 */
/* default - what the client left open, filled in by the kind's rules. */
#include "api/call.h"

enum step stage_default(struct call *c)
{
	if (c->verb == VERB_DELETE)
		return STEP_NEXT;
	/* A default of upstream that knows the object's name. */
	if (c->kind == c->api->k.ns && !*c->sub &&
	    !doc_mset_key(c->doc, c->obj, "metadata.labels", "kubernetes.io/metadata.name", c->name))
		return fail_err(c, -ERR_SIZE, NULL);
	if (kinds_default(c->doc, c->arena, c->kind, c->obj) || arena_over(c->arena))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}
