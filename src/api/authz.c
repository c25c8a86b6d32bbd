/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authz - may this user do this: asked before anything of the request's body or of the
 * object is looked at. The first to say yes is enough: the privileged group, the Node
 * authorizer, the rules of RBAC. When all have no opinion it is no.
 * Source: kube-apiserver --authorization-mode=Node,RBAC; apiserver
 * pkg/endpoints/filters/authorization.go, handlers/responsewriters/errors.go.
 */
#include <string.h>

#include "api/call.h"

bool authorize(struct api *a, const struct attributes *at, struct buf *reason)
{
	/* Whoever holds the cluster's own key needs no binding, or nobody could repair them. */
	return user_in_group(at->user, "system:masters") || node_allowed(a->node_authz, at, reason) ||
		rbac_allowed(a->rbac, at, reason);
}

const char *forbidden_text(struct call *c, const struct attributes *at, const char *reason)
{
	const char *colon = reason && *reason ? ": " : "", *where = "at the cluster scope", *text;

	if (!reason)
		reason = "";
	if (at->path) {
		text = arena_printf(c->arena, "User \"%s\" cannot %s path \"%s\"%s%s", at->user->name, at->verb, at->path,
			colon, reason);
		return text ? text : "";
	}
	if (*at->ns)
		where = arena_printf(c->arena, "in the namespace \"%s\"", at->ns);
	text = arena_printf(c->arena, "User \"%s\" cannot %s resource \"%s%s%s\" in API group \"%s\" %s%s%s",
		at->user->name, at->verb, at->resource, *at->sub ? "/" : "", at->sub, at->group, where ? where : "", colon,
		reason);
	return text ? text : "";
}

/* What the field selector of a list demands of spec.nodeName; it is parsed for nodes
 * only, nobody else's rights depend on it. */
static const char *node_selected(struct call *c)
{
	struct fieldsel sel = { 0 };
	const char *s = param(c, "fieldSelector");

	if (!s || !user_node(&c->user) ||
	    (c->verb != VERB_LIST && c->verb != VERB_WATCH && c->verb != VERB_DELETECOLLECTION) ||
	    fieldsel_parse(c->arena, s, &sel, NULL))
		return NULL;
	for (uint32_t i = 0; i < sel.n; i++)
		if (!sel.v[i].negate && !strcmp(sel.v[i].field, "spec.nodeName"))
			return sel.v[i].value;
	return NULL;
}

enum step stage_authz(struct call *c)
{
	struct attributes at = { .user = &c->user, .verb = c->verb_name, .group = c->group,
		.resource = c->resource, .sub = c->sub, .ns = c->ns, .name = c->name,
		.path = c->is_resource ? NULL : c->path, .node_selected = node_selected(c) };
	BUF_AUTO struct buf reason = { 0 };

	if (c->trusted || authorize(c->api, &at, &reason))
		return STEP_NEXT;
	/* Whoever is not known at all is told to say who he is only by a 401 of authn;
	 * here he is the user system:anonymous, as upstream has it. */
	if (!c->is_resource)
		return fail_forbidden_path(c, arena_printf(c->arena, "forbidden: %s", forbidden_text(c, &at, reason.p)));
	return fail_forbidden(c, c->list_named ? "" : c->name, NULL, "%s", forbidden_text(c, &at, reason.p));
}
