/* SPDX-License-Identifier: Apache-2.0 */
/*
 * review_token - who am I, whose token is this. Nothing is stored; the answer is the
 * question with its status.
 * Source: kubernetes pkg/registry/authentication (tokenreview, selfsubjectreview).
 */
#include <string.h>

#include "api/call.h"

static enum step done(struct call *c)
{
	if (!shape_order(c, c->body_type, c->input))
		return fail_err(c, -ERR_SIZE, NULL);
	return reply_mut(c, 201, c->input);
}

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
		for (const char *const *g = u->groups; *g; g++)
			if (!groups || !yyjson_mut_arr_add_strcpy(c->doc, groups, *g))
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

/* The audiences asked for, else the API's own; NULL-terminated. */
static const char **asked(struct call *c)
{
	yyjson_mut_val *want = doc_mget(c->input, "spec.audiences"), *v;
	const char **list = arena_zalloc(c->arena, (yyjson_mut_arr_size(want) + 2) * sizeof(*list));
	yyjson_mut_arr_iter it;
	size_t n = 0;

	yyjson_mut_arr_iter_init(want, &it);
	while (list && (v = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_is_str(v))
			list[n++] = yyjson_mut_get_str(v);
	if (list && !n)
		list[0] = tokens_issuer(c->api->tokens);
	return list;
}

/* Upstream asks two authenticators; the first knows only itself. */
static enum step unknown(struct call *c, const struct err *e)
{
	const char *text = strcmp(e->msg, TOKEN_UNKNOWN) ? arena_printf(c->arena, "[" TOKEN_UNKNOWN ", %s]", e->msg)
		: TOKEN_UNKNOWN;

	if (!text || !doc_mset_str(c->doc, c->input, "status.error", text))
		return fail_err(c, -ERR_SIZE, NULL);
	return done(c);
}

static bool put_known(struct call *c, const char *token, const char *const *audiences, const struct user *u)
{
	size_t n = 0;
	const char **groups, **fit;
	struct user with = *u;
	yyjson_mut_val *out;

	while (audiences[n])
		n++;
	fit = arena_zalloc(c->arena, (n + 1) * sizeof(*fit));
	for (n = 0; u->groups && u->groups[n]; n++)
		;
	groups = arena_zalloc(c->arena, (n + 2) * sizeof(*groups));
	if (!fit || !groups || !doc_mset_bool(c->doc, c->input, "status.authenticated", true))
		return false;
	if (n)
		memcpy(groups, u->groups, n * sizeof(*groups));
	groups[n] = user_in_group(u, "system:authenticated") ? NULL : "system:authenticated";
	with.groups = groups;
	out = doc_marr(c->doc, c->input, "status.audiences");
	tokens_audiences(c->api->tokens, token, audiences, fit);
	for (; out && *fit; fit++)
		if (!yyjson_mut_arr_add_strcpy(c->doc, out, *fit))
			return false;
	return out && put_user(c, "status.user", &with);
}

static enum step token(struct call *c)
{
	const char *text = doc_mstr(c->input, "spec.token"), *ns = doc_mstr(c->input, "metadata.namespace");
	const char **audiences = asked(c);
	struct token_check check = { audiences };
	struct user u = { 0 };
	struct err e = { 0 };

	if (ns && *ns)
		return fail_bad_request(c, "namespace is not allowed on this type: %s", ns);
	if (!text || !*text)
		return fail_bad_request(c, "token is required for TokenReview in authentication");
	if (!audiences)
		return fail_err(c, -ERR_SIZE, NULL);
	doc_mdel(c->input, "status");
	if (!doc_mobj(c->doc, c->input, "status"))
		return fail_err(c, -ERR_SIZE, NULL);
	if (tokens_verify(c->api->tokens, c->arena, text, &check, &u, &e))
		return unknown(c, &e);
	return put_known(c, text, audiences, &u) ? done(c) : fail_err(c, -ERR_SIZE, NULL);
}

enum step review_token(struct call *c)
{
	return !strcmp(c->kind->kind, "TokenReview") ? token(c) : self(c);
}
