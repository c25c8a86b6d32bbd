/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve - what can be answered without writing: paths, single objects, lists,
 * watches, connections to pods. Writes pass through, once it is clear that the
 * resource exists and has that verb.
 */
#include <string.h>

#include "api/call.h"

static const uint8_t verb_bits[] = {
	[VERB_GET] = KVERB_GET, [VERB_LIST] = KVERB_LIST, [VERB_WATCH] = KVERB_WATCH,
	[VERB_CREATE] = KVERB_CREATE, [VERB_UPDATE] = KVERB_UPDATE, [VERB_PATCH] = KVERB_PATCH,
	[VERB_DELETE] = KVERB_DELETE, [VERB_DELETECOLLECTION] = KVERB_DELETECOLLECTION,
};

static enum step not_served(struct call *c)
{
	if (discovery_group(c->api, c->group, c->version))
		return fail_no_resource(c);
	return fail_text(c, 404, "404 page not found\n");
}

bool serve_connects(const struct call *c)
{
	const char *sub = c->sub;

	return !strcmp(sub, "log") || !strcmp(sub, "exec") || !strcmp(sub, "attach") ||
		!strcmp(sub, "portforward") || !strcmp(sub, "proxy");
}

enum step serve_get(struct call *c)
{
	struct cache_obj *o = cache_get(c->api->cache, c->kind->store, call_ns(c), c->name);
	int64_t rv = 0;
	bool bad = false;

	param_int(c, "resourceVersion", &rv, &bad);
	if (bad || rv < 0)
		return fail_bad_request(c, "resourceVersion: Invalid value: \"%s\": invalid syntax",
			param(c, "resourceVersion"));
	if (rv > cache_rev(c->api->cache))
		return fail_too_large_rv(c, rv);
	if (!o)
		return fail_not_found(c, c->resource, c->group, c->name);
	if (c->scale)
		return scale_reply(c, 200, view_tree(c, o));
	return reply_obj(c, 200, o);
}

enum step stage_serve(struct call *c)
{
	const struct kinds_kind *k = c->kind;
	const struct kinds_type *t;
	enum step step;
	uint8_t verbs;

	if (!c->is_resource)
		return serve_path(c);
	if (!k)
		return not_served(c);
	if (!k->namespaced && *c->ns && k != c->api->k.ns)
		return fail_no_resource(c);
	if (k->namespaced && !*c->ns) {
		if (c->verb == VERB_CREATE || c->verb == VERB_DELETECOLLECTION)
			return fail_method(c);
		if (c->verb != VERB_LIST && c->verb != VERB_WATCH)
			return fail_no_resource(c);
	}
	if (serve_connects(c)) {
		step = fresh_target(c);
		return step == STEP_NEXT ? proxy_serve(c) : step;
	}
	verbs = c->subdef ? c->subdef->verbs : k->verbs;
	if (c->verb == VERB_NONE || !(verbs & verb_bits[c->verb]) ||
	    (c->verb == VERB_CREATE && *c->name && !c->subdef))
		return fail_method(c);
	if (k->custom && c->verb == VERB_CREATE && crd_ending(c))
		return fail_status(c, 405, "MethodNotAllowed", NULL, 0,
			"create is not supported on resources of kind \"%s\": its definition is terminating", call_resource(c));
	if (k->custom && (step = crd_serve(c)) != STEP_NEXT)
		return step;
	if (kinds_deprecation(k))
		call_warn(c, kinds_deprecation(k));
	c->scale = c->subdef && !strcmp(c->sub, "scale");
	t = k->type;
	if (c->subdef && c->subdef->kind)
		t = kinds_type_by_gvk(c->subdef->group ? c->subdef->group : "", c->subdef->version, c->subdef->kind);
	if (accept_pick(c, t, (k->store || c->verb == VERB_GET || c->verb == VERB_LIST) && (!c->subdef || !c->subdef->kind || c->scale)))
		return fail_not_acceptable(c);
	step = k->store ? fresh_read(c) : STEP_NEXT;
	if (step != STEP_NEXT)
		return step;
	switch (c->verb) {
	case VERB_GET:
		return k->store ? serve_get(c) : components_get(c);
	case VERB_LIST:
		return serve_list(c);
	case VERB_WATCH:
		return serve_watch(c);
	default:
		return STEP_NEXT;
	}
}

/* ---- paths ---- */

static bool under(const char *path, const char *prefix, const char **rest)
{
	size_t n = strlen(prefix);

	if (strncmp(path, prefix, n) || (path[n] && path[n] != '/'))
		return false;
	*rest = path + n;
	while (**rest == '/')
		(*rest)++;
	return true;
}

enum step serve_path(struct call *c)
{
	const char *p = c->path, *rest;

	if (strcmp(c->method, "GET") && strcmp(c->method, "HEAD"))
		return fail_method(c);
	if (under(p, "/healthz", &rest) || under(p, "/livez", &rest) || under(p, "/readyz", &rest))
		return health_serve(c, p);
	if (under(p, "/version", &rest) && !*rest)
		return health_serve(c, p);
	if (under(p, "/metrics", &rest) && !*rest)
		return metrics_serve(c);
	if (under(p, "/openapi/v2", &rest) || under(p, "/openapi/v3", &rest))
		return openapi_serve(c, p);
	if (under(p, "/.well-known/openid-configuration", &rest) && !*rest)
		return oidc_serve(c, false);
	if (under(p, "/openid/v1/jwks", &rest) && !*rest)
		return oidc_serve(c, true);
	return discovery_serve(c, p);
}
