/* SPDX-License-Identifier: Apache-2.0 */
/*
 * police_rbac - nobody grants rights that he does not hold himself, nor binds to a role
 * that would give him more, unless he may escalate or bind.
 * Source: kubernetes pkg/registry/rbac/clusterrole/policybased, pkg/registry/rbac/validation.
 */
#include <string.h>

#include "api/call.h"

static bool may(struct call *c, const char *verb, const char *resource, const char *name)
{
	struct attributes at = { .user = &c->user, .verb = verb, .group = "rbac.authorization.k8s.io",
		.resource = resource, .sub = "", .ns = call_ns(c), .name = name };

	return authorize(c->api, &at, NULL);
}

static const char *group_list(struct call *c)
{
	BUF_AUTO struct buf b = { 0 };
	const char *text;

	for (const char *const *g = c->user.groups; g && *g; g++) {
		if (b.len)
			buf_addc(&b, ' ');
		buf_add_json(&b, *g, strlen(*g));
	}
	text = b.p && !b.failed ? arena_strndup(c->arena, b.p, b.len) : NULL;
	return text ? text : "";
}

/* Does he hold all of rules? STEP_NEXT, or the refusal. */
static enum step holds(struct call *c, yyjson_val *rules)
{
	BUF_AUTO struct buf missing = { 0 };
	int rc = rbac_covers(c->api->rbac, &c->user, call_ns(c), rules, &missing);

	if (!rc)
		return STEP_NEXT;
	if (rc == -ERR_SIZE)
		return fail_forbidden(c, c->name, NULL, "the rules name more permissions than are compared with your own in one "
			"request; divide them over several roles");
	if (rc != -ERR_FORBIDDEN)
		return fail_err(c, rc, NULL);
	return fail_forbidden(c, c->name, NULL,
		"user \"%s\" (groups=[%s]) is attempting to grant RBAC permissions not currently held:\n%s",
		c->user.name, group_list(c), missing.p ? missing.p : "");
}

/* An aggregation gathers whatever others label later, so it takes all rights. */
static enum step holds_all(struct call *c)
{
	static const char all[] = "[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]},"
		"{\"verbs\":[\"*\"],\"nonResourceURLs\":[\"*\"]}]";
	BUF_AUTO struct buf missing = { 0 };
	yyjson_doc *d;

	if (doc_parse(c->arena, all, sizeof(all) - 1, &d, NULL))
		return fail_err(c, -ERR_SIZE, NULL);
	if (rbac_covers(c->api->rbac, &c->user, "", yyjson_doc_get_root(d), &missing))
		return fail_forbidden(c, c->name, NULL, "must have cluster-admin privileges to use an aggregationRule");
	return STEP_NEXT;
}

static bool same(struct call *c, const char *path)
{
	yyjson_mut_val *now = doc_mget(c->obj, path), *was = doc_mget(c->old, path);

	return now && was ? doc_mequal(now, was) : !now && !was;
}

enum step police_role(struct call *c)
{
	yyjson_mut_val *rules = doc_mget(c->obj, "rules");
	yyjson_val *frozen = NULL;
	enum step step;

	/* Rules that stay are nobody's new grant. */
	if (c->old && same(c, "rules") && same(c, "aggregationRule"))
		return STEP_NEXT;
	if (may(c, "escalate", c->resource, c->verb == VERB_CREATE ? "" : c->name))
		return STEP_NEXT;
	if (rules && !(frozen = doc_freeze(c->arena, rules)))
		return fail_err(c, -ERR_SIZE, NULL);
	step = holds(c, frozen);
	if (step == STEP_NEXT && (doc_mget(c->obj, "aggregationRule") || doc_mget(c->old, "aggregationRule")))
		step = holds_all(c);
	return step;
}

enum step police_binding(struct call *c)
{
	const char *kind = doc_mstr(c->obj, "roleRef.kind"), *name = doc_mstr(c->obj, "roleRef.name"), *plural;
	yyjson_val *rules;

	if (!kind || !name || (c->old && same(c, "subjects") && same(c, "roleRef")))
		return STEP_NEXT;
	plural = !strcmp(kind, "ClusterRole") ? "clusterroles" : "roles";
	if (may(c, "bind", plural, name))
		return STEP_NEXT;
	if (!rbac_role_rules(c->api, kind, call_ns(c), name, &rules))
		return fail_not_found(c, plural, "rbac.authorization.k8s.io", name);
	return holds(c, rules);
}
