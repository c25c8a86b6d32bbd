/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route - a path taken apart: which resource, namespace, name and subresource, and
 * which verb. Nothing is looked up but the kind; whether it exists is asked in
 * serve, after authz.
 * Source: apiserver pkg/endpoints/request (RequestInfo).
 */
#include <string.h>

#include "api/call.h"
#include "base/text.h"
#include "kinds/kinds_custom.h"

#define SEGMENTS_MAX 64u

struct route {
	char *seg[SEGMENTS_MAX];
	const char *raw[SEGMENTS_MAX];     /* where each begins in the path, with its slash */
	size_t n;
};

static int split(struct call *c, struct route *r)
{
	const char *p = c->path;

	while (*p) {
		const char *begin = p, *end;

		while (*p == '/')
			p++;
		end = p + strcspn(p, "/");
		if (end == p)
			break;
		if (r->n == SEGMENTS_MAX)
			return -ERR_NOT_FOUND;
		r->raw[r->n] = begin;
		r->seg[r->n] = arena_strndup(c->arena, p, (size_t)(end - p));
		if (!r->seg[r->n])
			return -ERR_SIZE;
		if (text_urldecode(r->seg[r->n], false))
			return -ERR_BAD_REQUEST;
		r->n++;
		p = end;
	}
	return 0;
}

static enum verb verb_of(const char *method, bool named)
{
	if (!strcmp(method, "GET") || !strcmp(method, "HEAD"))
		return named ? VERB_GET : VERB_LIST;
	if (!strcmp(method, "POST"))
		return VERB_CREATE;
	if (!strcmp(method, "PUT"))
		return VERB_UPDATE;
	if (!strcmp(method, "PATCH"))
		return VERB_PATCH;
	if (!strcmp(method, "DELETE"))
		return named ? VERB_DELETE : VERB_DELETECOLLECTION;
	return VERB_NONE;
}

static const char *const verb_names[] = {
	[VERB_NONE] = "", [VERB_GET] = "get", [VERB_LIST] = "list", [VERB_WATCH] = "watch",
	[VERB_CREATE] = "create", [VERB_UPDATE] = "update", [VERB_PATCH] = "patch",
	[VERB_DELETE] = "delete", [VERB_DELETECOLLECTION] = "deletecollection",
};

/* metadata.name=x among a list's field selectors counts as its name for authz. */
static const char *selected_name(struct call *c)
{
	const char *s = param(c, "fieldSelector");
	struct fieldsel sel;

	if (!s || !strstr(s, "metadata.name") || fieldsel_parse(c->arena, s, &sel, NULL))
		return "";
	for (uint32_t i = 0; i < sel.n; i++) {
		const char *v = sel.v[i].value;

		if (!sel.v[i].negate && !strcmp(sel.v[i].field, "metadata.name") && *v &&
		    !strpbrk(v, "/%") && strcmp(v, ".") && strcmp(v, ".."))
			return v;
	}
	return "";
}

static const struct kinds_kind *unserved(struct call *c)
{
	const char *store = arena_printf(c->arena, "%s/%s", c->group, c->resource);
	const struct kinds_kind *k = store ? kinds_by_store(store) : NULL;

	return k && k->custom && !strcmp(k->version, c->version) ? k : NULL;
}

static void resource(struct call *c, struct route *r, size_t i)
{
	bool watch_path = false;
	const struct kinds_sub *sub;

	if (i < r->n && !strcmp(r->seg[i], "watch") && i + 1 < r->n) {
		watch_path = true;     /* the old form of a watch */
		i++;
	}
	if (i < r->n && !strcmp(r->seg[i], "namespaces")) {
		if (i + 1 < r->n)
			c->ns = r->seg[i + 1];
		/* "namespaces/x/pods" is pods in x; "namespaces/x/status" stays with x. */
		if (i + 2 < r->n && strcmp(r->seg[i + 2], "status") && strcmp(r->seg[i + 2], "finalize"))
			i += 2;
	}
	if (i >= r->n)
		return;
	c->is_resource = true;
	c->resource = r->seg[i];
	if (i + 1 < r->n)
		c->name = r->seg[i + 1];
	if (i + 2 < r->n)
		c->sub = r->seg[i + 2];
	if (i + 3 < r->n)
		c->tail = r->raw[i + 3];
	c->kind = kinds_by_resource(c->group, c->version, c->resource);
	if (!c->kind && c->trusted)    /* what is no longer served is still cleaned up */
		c->kind = unserved(c);
	if (c->kind && c->kind->custom)
		c->kind_ref = kinds_ref(c->kind);
	sub = c->kind && *c->sub ? kinds_sub(c->kind, c->sub) : NULL;
	c->subdef = sub;
	if (c->kind && *c->sub && !sub)
		c->kind = NULL;
	if (c->kind && c->tail && strcmp(c->sub, "proxy"))
		c->kind = NULL;
	if (!strcmp(c->resource, "namespaces"))
		c->ns = *c->name ? c->name : "";
	c->verb = verb_of(c->method, *c->name != 0);
	if (watch_path)
		c->verb = c->verb == VERB_GET || c->verb == VERB_LIST ? VERB_WATCH : VERB_NONE;
	else if (c->verb == VERB_LIST && param_bool(c, "watch"))
		c->verb = VERB_WATCH;
	if ((c->verb == VERB_LIST || c->verb == VERB_WATCH || c->verb == VERB_DELETECOLLECTION) && !*c->name) {
		c->name = selected_name(c);
		c->list_named = *c->name != 0;
	}
	c->verb_name = verb_names[c->verb];
}

static const char *lower(struct call *c, const char *s)
{
	char *t = arena_strdup(c->arena, s);

	for (char *p = t; p && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 32);
	return t ? t : "";
}

/* Those that last as long as both sides like. Source: apiserver BasicLongRunningRequestCheck. */
static bool long_running(const struct call *c)
{
	static const char *const subs[] = { "attach", "exec", "proxy", "log", "portforward" };

	for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]); i++)
		if (!strcmp(c->sub, subs[i]))
			return true;
	return c->verb == VERB_WATCH;
}

/* What is asked here is answered long before any deadline; one that is none is told.
 * Source: apiserver pkg/endpoints/filters/request_deadline.go. */
static enum step check_timeout(struct call *c)
{
	const char *v = long_running(c) ? NULL : param(c, "timeout");
	int64_t ns;

	if (!v || !*v || !text_parse_duration(v, &ns))
		return STEP_NEXT;
	return fail_bad_request(c, "invalid timeout specified in the request URL - time: %s duration \"%s\"",
		strspn(v, "0123456789.") == strlen(v) ? "missing unit in" : "invalid", v);
}

enum step stage_route(struct call *c)
{
	struct route r = { 0 };
	int rc;

	c->verb_name = "";
	rc = query_parse(c);
	if (!rc)
		rc = split(c, &r);
	if (rc == -ERR_BAD_REQUEST)
		return fail_bad_request(c, "the request's URL is not well-formed");
	if (rc == -ERR_NOT_FOUND)
		return fail_text(c, 404, "404 page not found\n");
	if (rc)
		return fail_err(c, rc, NULL);
	if (r.n >= 3 && !strcmp(r.seg[0], "api")) {
		c->version = r.seg[1];
		resource(c, &r, 2);
	} else if (r.n >= 4 && !strcmp(r.seg[0], "apis")) {
		c->group = r.seg[1];
		c->version = r.seg[2];
		resource(c, &r, 3);
	}
	/* A custom kind may just have been defined through another server. */
	if (c->is_resource && !c->kind && fresh_ask(c) == STEP_WAIT)
		return STEP_WAIT;
	if (c->is_resource && !c->kind && c->sync_rc)
		return fresh_not(c);
	if (!c->is_resource)
		c->verb_name = lower(c, c->method);
	return check_timeout(c);
}
