/* SPDX-License-Identifier: Apache-2.0 */
/*
 * police - refusals that need to know more than the object: nobody grants rights that
 * he does not hold himself, nor binds to a role that would give him more; a node keeps
 * to what is its own (police_node.c), approvers to their signers (csr.c).
 * Source: kubernetes pkg/registry/rbac (policybased storage).
 */
#include <string.h>

#include "api/call.h"

static bool may(struct call *c, const char *verb, const char *resource, const char *name)
{
	struct attributes at = { .user = &c->user, .verb = verb, .group = "rbac.authorization.k8s.io",
		.resource = resource, .sub = "", .ns = call_ns(c), .name = name };

	return rbac_allowed(c->api->rbac, &at, NULL);
}

static enum step escalates(struct call *c, const struct buf *missing)
{
	return fail_forbidden(c, c->name, NULL,
		"user \"%s\" is attempting to grant RBAC permissions not currently held:\n%s",
		c->user.name, missing->len ? missing->p : "");
}

static enum step role(struct call *c)
{
	yyjson_mut_val *rules = doc_mget(c->obj, "rules"), *was = doc_mget(c->old, "rules");
	BUF_AUTO struct buf missing = { 0 };
	yyjson_val *frozen;

	/* Rules that stay are nobody's new grant; an aggregation grants what others hold. */
	if (was && rules && doc_mequal(was, rules) &&
	    doc_mlen(c->obj, "aggregationRule.clusterRoleSelectors") ==
	    doc_mlen(c->old, "aggregationRule.clusterRoleSelectors"))
		return STEP_NEXT;
	if (may(c, "escalate", c->resource, c->name))
		return STEP_NEXT;
	if (doc_mget(c->obj, "aggregationRule")) {
		static const char all[] = "[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]},"
			"{\"verbs\":[\"*\"],\"nonResourceURLs\":[\"*\"]}]";
		yyjson_doc *d;

		if (doc_parse(c->arena, all, sizeof(all) - 1, &d, NULL))
			return fail_err(c, -ERR_SIZE, NULL);
		if (!rbac_covers(c->api->rbac, &c->user, "", yyjson_doc_get_root(d), &missing))
			return fail_forbidden(c, c->name, NULL, "must have cluster-admin privileges to use an aggregationRule");
	}
	if (!rules)
		return STEP_NEXT;
	frozen = doc_freeze(c->arena, rules);
	if (!frozen)
		return fail_err(c, -ERR_SIZE, NULL);
	if (!rbac_covers(c->api->rbac, &c->user, call_ns(c), frozen, &missing))
		return escalates(c, &missing);
	return STEP_NEXT;
}

static enum step binding(struct call *c)
{
	const char *kind = doc_mstr(c->obj, "roleRef.kind"), *name = doc_mstr(c->obj, "roleRef.name");
	BUF_AUTO struct buf missing = { 0 };
	bool cluster = kind && !strcmp(kind, "ClusterRole");
	yyjson_val *rules;

	if (!kind || !name)
		return STEP_NEXT;
	if (c->old && doc_mequal(doc_mget(c->old, "subjects"), doc_mget(c->obj, "subjects")) &&
	    doc_mequal(doc_mget(c->old, "roleRef"), doc_mget(c->obj, "roleRef")))
		return STEP_NEXT;
	if (may(c, "bind", cluster ? "clusterroles" : "roles", name))
		return STEP_NEXT;
	rules = rbac_role_rules(c->api, kind, call_ns(c), name);
	if (!rules)
		return fail_not_found(c, cluster ? "clusterroles" : "roles", "rbac.authorization.k8s.io", name);
	if (!rbac_covers(c->api->rbac, &c->user, call_ns(c), rules, &missing))
		return escalates(c, &missing);
	return STEP_NEXT;
}

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
		return role(c);
	if (c->kind == k->role_binding || c->kind == k->cluster_role_binding)
		return binding(c);
	if (c->kind == k->csr)
		return csr_police(c);
	return STEP_NEXT;
}
