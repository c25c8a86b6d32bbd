/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutate - the built-in admission that may change an object, in upstream's order:
 * NamespaceLifecycle, ServiceAccount, Priority, DefaultTolerationSeconds. What it
 * wrote gets its defaults too. LimitRanger, ResourceQuota and webhooks have no part in
 * this release: creating their objects says so (validate.c).
 */
#include <string.h>

#include "api/call.h"

enum step stage_mutate(struct call *c)
{
	enum step step = mutate_namespace(c);

	if (step != STEP_NEXT || c->verb == VERB_DELETE)
		return step;
	if (c->kind == c->api->k.pod && c->creating) {
		step = mutate_pod(c);
		if (step != STEP_NEXT)
			return step;
		if (kinds_default(c->doc, c->arena, c->kind, c->obj))
			return fail_err(c, -ERR_SIZE, NULL);
	}
	return STEP_NEXT;
}
