/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutate - what may change an object on its way: built-in admission (admit.c); then what
 * it wrote gets its defaults, too.
 */
#include "api/admit.h"

enum step stage_mutate(struct call *c)
{
	enum step step = admit_mutate(c);

	if (step != STEP_NEXT || c->verb == VERB_DELETE)
		return step;
	if (admit_is(c, c->api->k.pod) && c->creating && kinds_default(c->doc, c->arena, c->kind, c->obj))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}
