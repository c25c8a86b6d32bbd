/* SPDX-License-Identifier: Apache-2.0 */
/*
 * police - refusals that need to know more than the object: nobody grants rights that
 * he does not hold himself (police_rbac.c); then what built-in admission has against the
 * object as it would be stored (admit.c).
 */
#include "api/admit.h"

enum step stage_police(struct call *c)
{
	const struct api_kinds *k = &c->api->k;
	enum step step = STEP_NEXT;

	if (!c->obj || c->trusted)
		return STEP_NEXT;
	if (c->verb == VERB_DELETE)
		return admit_validate(c);
	if (c->kind == k->role || c->kind == k->cluster_role)
		step = police_role(c);
	else if (c->kind == k->role_binding || c->kind == k->cluster_role_binding)
		step = police_binding(c);
	return step == STEP_NEXT ? admit_validate(c) : step;
}
