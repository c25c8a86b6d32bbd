/* SPDX-License-Identifier: Apache-2.0 */
/*
 * impersonate - in whose place the sender acts: the Impersonate-* headers. Each name,
 * group, uid and extra value is a question of its own to the authorizers; only when all
 * are answered with yes does the call go on as that user.
 * Source: apiserver pkg/endpoints/filters/impersonation.
 */
#include <string.h>
#include <strings.h>

#include "api/call.h"
#include "base/text.h"
#include "http/http.h"

#define ASKS_MAX 1024u         /* headers of one request */
#define AUTHN    "authentication.k8s.io"

/* One header's wish, named as upstream's ObjectReference names it. */
struct ask { const char *kind, *group, *resource, *sub, *ns, *name; };
struct asks { struct ask *v; size_t n; bool user, others; };

static bool add(struct asks *a, const char *kind, const char *group, const char *resource, const char *sub,
	const char *ns, const char *name)
{
	if (a->n == ASKS_MAX || !sub || !ns || !name)
		return false;
	a->v[a->n++] = (struct ask){ kind, group, resource, sub, ns, name };
	return true;
}

/* The key of "Impersonate-Extra-<key>", decoded and in lower case. */
static const char *extra_key(struct call *c, const char *header)
{
	char *key = arena_strdup(c->arena, header + strlen("impersonate-extra-"));

	/* What is not well-encoded is taken as it stands. */
	if (key && text_urldecode(key, false))
		key = arena_strdup(c->arena, header + strlen("impersonate-extra-"));
	for (char *p = key; p && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 32);
	return key;
}

static bool gather(struct call *c, struct asks *a)
{
	const char *who = http_header(c->http, "impersonate-user"), *uid = http_header(c->http, "impersonate-uid");
	const char *name, *value;
	char ns[64], sa[254];

	a->user = who && *who;
	if (a->user && user_service_account(who, ns, sa)) {
		if (!add(a, "ServiceAccount", "", "serviceaccounts", "", arena_strdup(c->arena, ns), arena_strdup(c->arena, sa)))
			return false;
	} else if (a->user && !add(a, "User", "", "users", "", "", arena_strdup(c->arena, who))) {
		return false;
	}
	for (size_t it = 0; http_header_next(c->http, &it, &name, &value);) {
		bool ok = true;

		if (!strcasecmp(name, "impersonate-group"))
			ok = add(a, "Group", "", "groups", "", "", arena_strdup(c->arena, value));
		else if (!strncasecmp(name, "impersonate-extra-", strlen("impersonate-extra-")))
			ok = add(a, "UserExtra", AUTHN, "userextras", extra_key(c, name), "", arena_strdup(c->arena, value));
		else
			continue;
		if (!ok)
			return false;
		a->others = true;
	}
	if (uid && *uid) {
		a->others = true;
		return add(a, "UID", AUTHN, "uids", "", "", arena_strdup(c->arena, uid));
	}
	return true;
}

/* Headers that name no user: the list as Go prints upstream's. */
static enum step nobody(struct call *c, const struct asks *a)
{
	BUF_AUTO struct buf b = { 0 };

	buf_printf(&b, "Internal Server Error: \"%s%s%s\": requested [", c->path, *c->query ? "?" : "", c->query);
	for (size_t i = 0; i < a->n; i++)
		buf_printf(&b, "%s{%s %s %s  %s%s  %s}", i ? " " : "", a->v[i].kind, a->v[i].ns, a->v[i].name,
			a->v[i].group, *a->v[i].group ? "/v1" : "", a->v[i].sub);
	buf_adds(&b, "] without impersonating a user\n");
	return b.failed ? fail_err(c, -ERR_NOMEM, NULL) : fail_text(c, 500, b.p);
}

static enum step refuse(struct call *c, const struct ask *k, const struct buf *reason)
{
	c->group = k->group;
	c->resource = k->resource;
	return fail_forbidden(c, k->name, NULL, "%s",
		forbidden_text(c, &(struct attributes){ .user = &c->user, .verb = "impersonate", .group = k->group,
			.resource = k->resource, .sub = k->sub, .ns = k->ns }, reason->p));
}

/* {"key":["value",...]} of the extra values, each key once. */
static bool put_extras(struct call *c, const struct asks *a, struct user *to)
{
	BUF_AUTO struct buf b = { 0 };

	for (size_t i = 0; i < a->n; i++) {
		size_t seen = 0;

		if (!*a->v[i].sub)
			continue;
		while (seen < i && strcmp(a->v[seen].sub, a->v[i].sub))
			seen++;
		if (seen < i)
			continue;
		buf_addc(&b, b.len ? ',' : '{');
		buf_add_json(&b, a->v[i].sub, strlen(a->v[i].sub));
		for (size_t j = i; j < a->n; j++) {
			if (strcmp(a->v[j].sub, a->v[i].sub))
				continue;
			buf_adds(&b, j == i ? ":[" : ",");
			buf_add_json(&b, a->v[j].name, strlen(a->v[j].name));
		}
		buf_addc(&b, ']');
	}
	if (!b.len)
		return true;
	buf_addc(&b, '}');
	to->extra_json = b.failed ? NULL : arena_strndup(c->arena, b.p, b.len);
	return to->extra_json != NULL;
}

/* Named groups are all there are, but for the one that says whether he is known. */
static bool put_groups(struct call *c, const struct asks *a, struct user *to)
{
	bool anonymous = !strcmp(to->name, "system:anonymous");
	const char **groups = arena_zalloc(c->arena, (a->n + 4) * sizeof(*groups));
	size_t n = 0;

	if (!groups)
		return false;
	to->groups = groups;
	for (size_t i = 0; i < a->n; i++)
		if (!strcmp(a->v[i].resource, "groups"))
			groups[n++] = a->v[i].name;
	if (!n && !strcmp(a->v[0].resource, "serviceaccounts")) {
		groups[n++] = "system:serviceaccounts";
		groups[n] = arena_printf(c->arena, "system:serviceaccounts:%s", a->v[0].ns);
		if (!groups[n++])
			return false;
	}
	if (user_in_group(to, "system:unauthenticated") || (!anonymous && user_in_group(to, "system:authenticated")))
		return true;
	groups[n] = anonymous ? "system:unauthenticated" : "system:authenticated";
	return true;
}

enum step impersonate(struct call *c)
{
	struct asks a = { .v = NULL };
	struct user to = { 0 };
	bool any = false;
	const char *name, *value;

	for (size_t it = 0; !any && http_header_next(c->http, &it, &name, &value);)
		any = !strncasecmp(name, "impersonate-", strlen("impersonate-"));
	if (!any)
		return STEP_NEXT;
	a.v = arena_alloc(c->arena, ASKS_MAX * sizeof(*a.v));
	if (!a.v)
		return fail_err(c, -ERR_SIZE, NULL);
	if (!gather(c, &a))
		return arena_over(c->arena) ? fail_err(c, -ERR_SIZE, NULL)
			: fail_bad_request(c, "more than %u Impersonate headers", ASKS_MAX);
	if (!a.user)
		return a.others ? nobody(c, &a) : STEP_NEXT;
	for (size_t i = 0; i < a.n; i++) {
		const struct ask *k = &a.v[i];
		struct attributes at = { .user = &c->user, .verb = "impersonate", .group = k->group,
			.resource = k->resource, .sub = k->sub, .ns = k->ns, .name = k->name };
		BUF_AUTO struct buf reason = { 0 };

		if (!authorize(c->api, &at, &reason))
			return refuse(c, k, &reason);
		if (!strcmp(k->resource, "uids"))
			to.uid = k->name;
	}
	to.name = arena_strdup(c->arena, http_header(c->http, "impersonate-user"));
	if (!to.name || !put_groups(c, &a, &to) || !put_extras(c, &a, &to))
		return fail_err(c, -ERR_SIZE, NULL);
	c->user = to;
	return STEP_NEXT;
}
