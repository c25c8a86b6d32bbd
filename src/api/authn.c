/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authn - who asks: a client certificate, a bearer token, or nobody
 * (system:anonymous); and then in whose place (impersonate.c). A certificate that does
 * not verify, or a token that is not known, is nobody's request but a refused one.
 * Source: apiserver pkg/authentication, kube-apiserver's order of authenticators.
 */
#include <string.h>
#include <strings.h>

#include "api/call.h"
#include "base/text.h"
#include "http/http.h"
#include "kinds/removed_node.h"

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

const char *user_node(const struct user *u)
{
	if (strncmp(u->name, "system:node:", 12) || !user_in_group(u, "system:nodes"))
		return NULL;
	return u->name + 12;
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

/* "Bearer TOKEN": one space, as upstream has it; anything else is no token. */
static const char *bearer(struct call *c)
{
	const char *h = http_header(c->http, "authorization");

	if (!h)
		return websocket_token(c);
	h += strspn(h, " \t");
	if (strncasecmp(h, "bearer ", 7))
		return NULL;
	h += 7;
	return *h && *h != ' ' ? arena_strndup(c->arena, h, strcspn(h, " ")) : NULL;
}

/* Was the node taken out of the cloud after its certificate was issued? */
static bool is_removed(struct call *c)
{
	const char *node = user_node(&c->user), *at;
	char name[REMOVED_NODE_MAX];
	struct cache_obj *o;
	int64_t us;

	if (!node)
		return false;
	removed_node_name(name, node);
	o = cache_get(c->api->cache, "core/configmaps", REMOVED_NODE_NS, name);
	at = o ? doc_str(cache_tree(o), "metadata.creationTimestamp") : NULL;
	return at && (text_parse_time(at, &us) || http_peer_issued_s(c->http) <= us / 1000000);
}

static enum step by_certificate(struct call *c, const char *cn, const char *const *orgs)
{
	struct user u = { .name = cn, .groups = orgs };

	u.extra_json = arena_printf(c->arena, "{\"" USER_CREDENTIAL_ID "\":[\"X509SHA256=%s\"]}",
		http_peer_fingerprint(c->http));
	if (!u.extra_json || user_copy(c->arena, &u, &c->user))
		return fail_err(c, -ERR_SIZE, NULL);
	return is_removed(c) ? fail_unauthorized(c) : STEP_NEXT;
}

static enum step identify(struct call *c)
{
	static const char *const groups[] = { "system:unauthenticated", NULL };
	const char *cn, *const *orgs, *token;

	if (http_peer_cert(c->http, &cn, &orgs) && *cn)
		return by_certificate(c, cn, orgs);
	token = bearer(c);
	if (token)
		return tokens_verify(c->api->tokens, c->arena, token, NULL, &c->user, NULL)
			? fail_unauthorized(c) : STEP_NEXT;
	if (http_peer_refused(c->http))
		return fail_unauthorized(c);
	c->user = (struct user){ .name = "system:anonymous", .groups = groups };
	return STEP_NEXT;
}

enum step stage_authn(struct call *c)
{
	enum step step = c->http ? identify(c) : STEP_NEXT;

	if (step != STEP_NEXT)
		return step;
	if (!user_in_group(&c->user, "system:unauthenticated") &&
	    add_group(c->arena, &c->user, "system:authenticated"))
		return fail_err(c, -ERR_SIZE, NULL);
	return c->http ? impersonate(c) : STEP_NEXT;
}
