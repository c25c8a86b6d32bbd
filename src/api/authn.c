/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authn - who asks: a client certificate, a bearer token, or nobody
 * (system:anonymous); and then in whose place (impersonation).
 * Source: apiserver pkg/authentication, pkg/endpoints/filters/impersonation.go.
 */
#include <string.h>
#include <strings.h>

#include "api/call.h"
#include "base/text.h"
#include "http/http.h"

#define GROUPS_MAX 1024u

bool user_in_group(const struct user *u, const char *group)
{
	for (const char *const *g = u->groups; g && *g; g++)
		if (!strcmp(*g, group))
			return true;
	return false;
}

int user_copy(struct arena *a, const struct user *from, struct user *to)
{
	size_t n = 0;
	const char **groups;

	while (from->groups && from->groups[n])
		n++;
	groups = arena_alloc(a, (n + 1) * sizeof(*groups));
	to->name = arena_strdup(a, from->name ? from->name : "");
	to->uid = from->uid ? arena_strdup(a, from->uid) : NULL;
	to->extra_json = from->extra_json ? arena_strdup(a, from->extra_json) : NULL;
	if (!groups || !to->name)
		return -ERR_SIZE;
	for (size_t i = 0; i < n; i++) {
		groups[i] = arena_strdup(a, from->groups[i]);
		if (!groups[i])
			return -ERR_SIZE;
	}
	groups[n] = NULL;
	to->groups = groups;
	return 0;
}

bool user_service_account(const char *name, char ns[64], char sa[254])
{
	const char *p, *colon;

	if (strncmp(name, "system:serviceaccount:", 22))
		return false;
	p = name + 22;
	colon = strchr(p, ':');
	if (!colon || colon == p || colon - p > 63 || !colon[1] || strlen(colon + 1) > 253 ||
	    strchr(colon + 1, ':'))
		return false;
	memcpy(ns, p, (size_t)(colon - p));
	ns[colon - p] = 0;
	strcpy(sa, colon + 1);
	return true;
}

/* The user with one more group. */
static int add_group(struct arena *a, struct user *u, const char *group)
{
	size_t n = 0;
	const char **groups;

	if (user_in_group(u, group))
		return 0;
	while (u->groups && u->groups[n])
		n++;
	groups = arena_alloc(a, (n + 2) * sizeof(*groups));
	if (!groups)
		return -ERR_SIZE;
	if (n)
		memcpy(groups, u->groups, n * sizeof(*groups));
	groups[n] = group;
	groups[n + 1] = NULL;
	u->groups = groups;
	return 0;
}

/* ---- impersonation ---- */

static bool may_impersonate(struct call *c, const char *group, const char *resource, const char *sub,
	const char *ns, const char *name)
{
	struct attributes at = { .user = &c->user, .verb = "impersonate", .group = group,
		.resource = resource, .sub = sub, .ns = ns, .name = name };

	return rbac_allowed(c->api->rbac, &at, NULL);
}

static enum step refuse(struct call *c, const char *group, const char *resource, const char *ns,
	const char *name)
{
	const char *where = *ns ? arena_printf(c->arena, "in the namespace \"%s\"", ns) : "at the cluster scope";

	c->group = group;
	c->resource = resource;
	return fail_forbidden(c, name, NULL,
		"User \"%s\" cannot impersonate resource \"%s\" in API group \"%s\" %s",
		c->user.name, resource, group, where);
}

/* Impersonate-Extra-<key> headers as an object of lists of strings. */
static enum step extras(struct call *c, struct user *to)
{
	BUF_AUTO struct buf b = { 0 };
	const char *name, *value;
	char *keys[32];
	size_t n = 0;

	for (size_t it = 0; http_header_next(c->http, &it, &name, &value);) {
		size_t i;
		char *key;

		if (strncasecmp(name, "impersonate-extra-", 18))
			continue;
		key = arena_strdup(c->arena, name + 18);
		if (!key || text_urldecode(key, false))
			return fail_bad_request(c, "an Impersonate-Extra header's name is not well-formed");
		for (char *p = key; *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p + 32);
		if (!may_impersonate(c, "authentication.k8s.io", "userextras", key, "", value))
			return refuse(c, "authentication.k8s.io", "userextras", "", value);
		for (i = 0; i < n && strcmp(keys[i], key); i++)
			;
		if (i < n)
			continue;
		if (n == sizeof(keys) / sizeof(keys[0]))
			return fail_bad_request(c, "too many Impersonate-Extra headers");
		keys[n++] = key;
	}
	if (!n)
		return STEP_NEXT;
	for (size_t i = 0; i < n; i++) {
		bool first = true;

		buf_addc(&b, i ? ',' : '{');
		buf_add_json(&b, keys[i], strlen(keys[i]));
		buf_adds(&b, ":[");
		for (size_t it = 0; http_header_next(c->http, &it, &name, &value);) {
			char *key;

			if (strncasecmp(name, "impersonate-extra-", 18))
				continue;
			key = arena_strdup(c->arena, name + 18);
			if (!key || text_urldecode(key, false) || strcasecmp(key, keys[i]))
				continue;
			if (!first)
				buf_addc(&b, ',');
			buf_add_json(&b, value, strlen(value));
			first = false;
		}
		buf_addc(&b, ']');
	}
	buf_addc(&b, '}');
	to->extra_json = b.failed ? NULL : arena_strndup(c->arena, b.p, b.len);
	return STEP_NEXT;
}

static enum step impersonate(struct call *c)
{
	const char *who = http_header(c->http, "impersonate-user");
	const char *uid = http_header(c->http, "impersonate-uid");
	const char *name, *value;
	char ns[64], sa[254];
	struct user to = { 0 };
	const char **groups;
	size_t n = 0;
	enum step step;

	if (!who || !*who) {
		if (http_header(c->http, "impersonate-group") || uid)
			return fail_bad_request(c, "requested group or uid without impersonating a user");
		return STEP_NEXT;
	}
	if (user_service_account(who, ns, sa)) {
		if (!may_impersonate(c, "", "serviceaccounts", "", ns, sa))
			return refuse(c, "", "serviceaccounts", arena_strdup(c->arena, ns), arena_strdup(c->arena, sa));
	} else if (!may_impersonate(c, "", "users", "", "", who)) {
		return refuse(c, "", "users", "", arena_strdup(c->arena, who));
	}
	if (uid && *uid && !may_impersonate(c, "authentication.k8s.io", "uids", "", "", uid))
		return refuse(c, "authentication.k8s.io", "uids", "", arena_strdup(c->arena, uid));
	groups = arena_zalloc(c->arena, (GROUPS_MAX + 1) * sizeof(*groups));
	if (!groups)
		return fail_err(c, -ERR_SIZE, NULL);
	for (size_t it = 0; http_header_next(c->http, &it, &name, &value);) {
		if (strcasecmp(name, "impersonate-group"))
			continue;
		if (!may_impersonate(c, "", "groups", "", "", value))
			return refuse(c, "", "groups", "", arena_strdup(c->arena, value));
		if (n == GROUPS_MAX)
			return fail_bad_request(c, "too many Impersonate-Group headers");
		groups[n++] = arena_strdup(c->arena, value);
	}
	step = extras(c, &to);
	if (step != STEP_NEXT)
		return step;
	to.name = arena_strdup(c->arena, who);
	to.uid = uid && *uid ? arena_strdup(c->arena, uid) : NULL;
	to.groups = groups;
	if (!to.name)
		return fail_err(c, -ERR_SIZE, NULL);
	if (!n && user_service_account(who, ns, sa)) {
		if (add_group(c->arena, &to, "system:serviceaccounts") ||
		    add_group(c->arena, &to, arena_printf(c->arena, "system:serviceaccounts:%s", ns)))
			return fail_err(c, -ERR_SIZE, NULL);
	}
	if (add_group(c->arena, &to, strcmp(who, "system:anonymous") ? "system:authenticated"
			: "system:unauthenticated"))
		return fail_err(c, -ERR_SIZE, NULL);
	c->user = to;
	return STEP_NEXT;
}

/* ---- who ---- */

/* Browsers cannot set headers on a WebSocket: the token comes as a subprotocol,
 * "base64url.bearer.authorization.k8s.io.<token>". */
static const char *websocket_token(struct call *c)
{
	static const char prefix[] = "base64url.bearer.authorization.k8s.io.";
	const char *p = http_header(c->http, "sec-websocket-protocol");
	BUF_AUTO struct buf b = { 0 };
	size_t n;

	p = p ? strstr(p, prefix) : NULL;
	if (!p)
		return NULL;
	p += sizeof(prefix) - 1;
	n = strcspn(p, ", ");
	if (text_unbase64(&b, p, n) || b.failed || !b.len)
		return NULL;
	return arena_strndup(c->arena, b.p, b.len);
}

static const char *bearer(struct call *c)
{
	const char *h = http_header(c->http, "authorization");

	if (!h)
		return websocket_token(c);
	if (strncasecmp(h, "bearer ", 7))
		return NULL;
	h += 7;
	while (*h == ' ')
		h++;
	return *h ? h : NULL;
}

enum step stage_authn(struct call *c)
{
	const char *cn, *const *orgs, *token;
	struct user u = { 0 };

	if (!c->http)
		return add_group(c->arena, &c->user, "system:authenticated")
			? fail_err(c, -ERR_SIZE, NULL) : STEP_NEXT;
	token = bearer(c);
	if (http_peer_cert(c->http, &cn, &orgs) && cn && *cn) {
		u.name = cn;
		u.groups = orgs;
		if (user_copy(c->arena, &u, &c->user) || add_group(c->arena, &c->user, "system:authenticated"))
			return fail_err(c, -ERR_SIZE, NULL);
	} else if (token) {
		struct err e = { 0 };

		if (tokens_verify(c->api->tokens, c->arena, token, NULL, &c->user, &e))
			return fail_unauthorized(c);
		if (add_group(c->arena, &c->user, "system:authenticated"))
			return fail_err(c, -ERR_SIZE, NULL);
	} else {
		static const char *const groups[] = { "system:unauthenticated", NULL };

		c->user = (struct user){ .name = "system:anonymous", .groups = groups };
	}
	return impersonate(c);
}
