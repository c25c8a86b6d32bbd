/* SPDX-License-Identifier: Apache-2.0 */
/*
 * police - refusals that need to know more than the object: nobody grants rights that
 * he does not hold himself (police_rbac.c); a node keeps to what is its own
 * (police_node.c), approvers and signers to their signers (csr.c).
 */
#include "api/call.h"

enum step stage_police(struct call *c)
{
	const struct api_kinds *k = &c->api->k;
	enum step step;

	if (!c->obj || c->trusted)
		return STEP_NEXT;
	step = police_node(c);
	if (step != STEP_NEXT || c->verb == VERB_DELETE)
		return step;
	if (c->kind == k->role || c->kind == k->cluster_role)
		return police_role(c);
	if (c->kind == k->role_binding || c->kind == k->cluster_role_binding)
		return police_binding(c);
	if (c->kind == k->csr)
		return csr_police(c);
	return STEP_NEXT;
}
