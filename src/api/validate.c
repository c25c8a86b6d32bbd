/* SPDX-License-Identifier: Apache-2.0 */
/* validate - is the object well-formed, and is the change allowed; and what the
 * client should be warned about. */
#include <string.h>

#include "api/call.h"

enum step stage_validate(struct call *c)
{
	const char *sub = *c->sub ? c->sub : NULL;
	struct field_error *errors = NULL;
	struct kinds_problem *warnings = NULL;

	if (!c->obj || c->verb == VERB_DELETE)
		return STEP_NEXT;
	if (kinds_validate(c->arena, c->kind, sub, c->obj, c->old, &errors))
		return fail_err(c, -ERR_SIZE, NULL);
	if (errors)
		return fail_invalid(c, c->kind->kind, c->group, c->name, errors);
	if (!sub && c->tries <= 1 && !kinds_warnings(c->arena, c->kind, c->obj, c->old, &warnings))
		for (; warnings; warnings = warnings->next)
			call_warn(c, warnings->text);
	return STEP_NEXT;
}
