/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reviews - questions put as objects: may he, may I, what may I, who am I, whose token
 * is this. Nothing is stored; the answer is the question with its status.
 * Source: k8s.io/api/authorization/v1, k8s.io/api/authentication/v1.
 */
#include <string.h>

#include "api/call.h"

static const char *str(yyjson_mut_val *v, const char *path)
{
	const char *s = doc_mstr(v, path);

	return s ? s : "";
}

static enum step done(struct call *c)
{
	if (!shape_order(c, c->body_type, c->input))
		return fail_err(c, -ERR_SIZE, NULL);
	return reply_mut(c, 201, c->input);
}

static enum step required(struct call *c, const char *field, const char *text)
{
	struct field_error *e = NULL;

	field_error_add(c->arena, &e, "FieldValueInvalid", field, "%s", text);
	return fail_invalid(c, c->kind->kind, c->kind->group, "", e);
}

/* ---- access ---- */

static enum step access_review(struct call *c, const struct user *u)
{
	yyjson_mut_val *spec = doc_mget(c->input, "spec");
	yyjson_mut_val *res = doc_mget(spec, "resourceAttributes"), *path = doc_mget(spec, "nonResourceAttributes");
	struct attributes at = { .user = u, .group = "", .resource = "", .sub = "", .ns = "", .name = "" };
	BUF_AUTO struct buf reason = { 0 };
	bool allowed;

	if (!res == !path)
		return required(c, "spec.resourceAttributes",
			"Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified");
	if (res) {
		at.verb = str(res, "verb");
		at.group = str(res, "group");
		at.resource = str(res, "resource");
		at.sub = str(res, "subresource");
		at.ns = str(res, "namespace");
		at.name = str(res, "name");
	} else {
		at.verb = str(path, "verb");
		at.path = str(path, "path");
	}
	allowed = rbac_allowed(c->api->rbac, &at, &reason);
	doc_mdel(c->input, "status");
	if (!doc_mset_bool(c->doc, c->input, "status.allowed", allowed) ||
	    (reason.len && !allowed && !doc_mset_str(c->doc, c->input, "status.reason", reason.p)))
		return fail_err(c, -ERR_SIZE, NULL);
	return done(c);
}

static enum step subject(struct call *c)
{
	yyjson_mut_val *spec = doc_mget(c->input, "spec"), *groups = doc_mget(spec, "groups"), *v;
	struct user u = { .name = str(spec, "user"), .uid = str(spec, "uid") };
	const char **list = arena_zalloc(c->arena, (yyjson_mut_arr_size(groups) + 1) * sizeof(*list));
	yyjson_mut_arr_iter it;
	size_t n = 0;

	if (!list)
		return fail_err(c, -ERR_SIZE, NULL);
	if (!*u.name && !yyjson_mut_arr_size(groups))
		return required(c, "spec.user", "Invalid value: \"\": at least one of user or group must be specified");
	yyjson_mut_arr_iter_init(groups, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_is_str(v))
			list[n++] = yyjson_mut_get_str(v);
	u.groups = list;
	if (c->kind->namespaced) {
		const char *ns = str(spec, "resourceAttributes.namespace");

		if (strcmp(ns, c->ns))
			return required(c, "spec.resourceAttributes.namespace",
				"Invalid value: must match the namespace of the request");
	}
	return access_review(c, &u);
}

static enum step rules(struct call *c)
{
	const char *ns = str(c->input, "spec.namespace");
	BUF_AUTO struct buf res = { 0 };
	BUF_AUTO struct buf paths = { 0 };
	BUF_AUTO struct buf json = { 0 };
	yyjson_doc *d;

	if (!*ns)
		return fail_bad_request(c, "no namespace on request");
	rbac_rules(c->api->rbac, &c->user, ns, &res, &paths);
	buf_printf(&json, "{\"resourceRules\":[%s],\"nonResourceRules\":[%s],\"incomplete\":false}",
		res.p ? res.p : "", paths.p ? paths.p : "");
	if (res.failed || paths.failed || json.failed ||
	    doc_parse(c->arena, json.p, json.len, &d, NULL) ||
	    !doc_mset(c->doc, c->input, "status", shape_copy(c, yyjson_doc_get_root(d))))
		return fail_err(c, -ERR_SIZE, NULL);
	return done(c);
}

/* ---- identity ---- */

/* {username, uid, groups, extra} under path of the answer. */
static bool put_user(struct call *c, const char *path, const struct user *u)
{
	yyjson_mut_val *info = doc_mobj(c->doc, c->input, path), *groups, *extra;
	yyjson_doc *d;

	if (!info || !doc_mset_str(c->doc, info, "username", u->name))
		return false;
	if (u->uid && *u->uid && !doc_mset_str(c->doc, info, "uid", u->uid))
		return false;
	if (u->groups && *u->groups) {
		groups = doc_marr(c->doc, info, "groups");
		for (const char *const *g = u->groups; groups && *g; g++)
			if (!yyjson_mut_arr_add_strcpy(c->doc, groups, *g))
				return false;
	}
	if (!u->extra_json)
		return true;
	if (doc_parse(c->arena, u->extra_json, strlen(u->extra_json), &d, NULL))
		return false;
	extra = shape_copy(c, yyjson_doc_get_root(d));
	return extra && doc_mset(c->doc, info, "extra", extra);
}

static enum step self(struct call *c)
{
	doc_mdel(c->input, "status");
	return put_user(c, "status.userInfo", &c->user) ? done(c) : fail_err(c, -ERR_SIZE, NULL);
}

static enum step token(struct call *c)
{
	const char *text = str(c->input, "spec.token");
	yyjson_mut_val *want = doc_mget(c->input, "spec.audiences"), *v, *out;
	const char **list = arena_zalloc(c->arena, (yyjson_mut_arr_size(want) + 2) * sizeof(*list));
	struct token_check check = { 0 };
	struct user u = { 0 };
	struct err e = { 0 };
	yyjson_mut_arr_iter it;
	size_t n = 0;
	int rc;

	if (!*text)
		return fail_bad_request(c, "token is required for TokenReview in authentication");
	if (!list)
		return fail_err(c, -ERR_SIZE, NULL);
	yyjson_mut_arr_iter_init(want, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_is_str(v))
			list[n++] = yyjson_mut_get_str(v);
	if (n)
		check.audiences = list;
	doc_mdel(c->input, "status");
	rc = tokens_verify(c->api->tokens, c->arena, text, &check, &u, &e);
	if (rc) {
		if (!doc_mset_str(c->doc, c->input, "status.error", e.msg))
			return fail_err(c, -ERR_SIZE, NULL);
		return done(c);
	}
	out = doc_mset_bool(c->doc, c->input, "status.authenticated", true)
		? doc_marr(c->doc, c->input, "status.audiences") : NULL;
	if (!out || !put_user(c, "status.user", &u))
		return fail_err(c, -ERR_SIZE, NULL);
	if (!n)
		list[n++] = tokens_issuer(c->api->tokens);
	for (size_t i = 0; i < n; i++) {
		const char *one[] = { list[i], NULL };
		struct token_check only = { one };

		if (!tokens_verify(c->api->tokens, c->arena, text, &only, &u, NULL) &&
		    !yyjson_mut_arr_add_strcpy(c->doc, out, list[i]))
			return fail_err(c, -ERR_SIZE, NULL);
	}
	return done(c);
}

enum step review_create(struct call *c)
{
	const char *kind = c->kind->kind;

	if (!strcmp(kind, "SelfSubjectAccessReview"))
		return access_review(c, &c->user);
	if (!strcmp(kind, "SubjectAccessReview") || !strcmp(kind, "LocalSubjectAccessReview"))
		return subject(c);
	if (!strcmp(kind, "SelfSubjectRulesReview"))
		return rules(c);
	if (!strcmp(kind, "SelfSubjectReview"))
		return self(c);
	if (!strcmp(kind, "TokenReview"))
		return token(c);
	return fail_method(c);
}
