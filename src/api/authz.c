/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authz - may this user do this: the rules of RBAC, asked before anything of the
 * request's body or of the object is looked at.
 */
#include <string.h>

#include "api/call.h"

enum step stage_authz(struct call *c)
{
	struct attributes at = { .user = &c->user, .verb = c->verb_name, .group = c->group,
		.resource = c->resource, .sub = c->sub, .ns = c->ns, .name = c->name,
		.path = c->is_resource ? NULL : c->path };
	BUF_AUTO struct buf reason = { 0 };
	const char *where;

	if (c->trusted || rbac_allowed(c->api->rbac, &at, &reason))
		return STEP_NEXT;
	/* Whoever is not known at all is told to say who he is only by a 401 of authn;
	 * here he is the user system:anonymous, as upstream has it. */
	if (!c->is_resource)
		return fail_forbidden_path(c, arena_printf(c->arena,
			"forbidden: User \"%s\" cannot %s path \"%s\"%s%s", c->user.name, c->verb_name,
			c->path, reason.len ? ": " : "", reason.len ? reason.p : ""));
	where = *c->ns ? arena_printf(c->arena, "in the namespace \"%s\"", c->ns) : "at the cluster scope";
	return fail_forbidden(c, c->list_named ? "" : c->name, NULL,
		"User \"%s\" cannot %s resource \"%s%s%s\" in API group \"%s\" %s%s%s",
		c->user.name, c->verb_name, c->resource, *c->sub ? "/" : "", c->sub, c->group, where,
		reason.len ? ": " : "", reason.len ? reason.p : "");
}
