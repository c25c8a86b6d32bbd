/* SPDX-License-Identifier: Apache-2.0 */
/*
 * convert - objects that two versions share: stored once, in the version that
 * kinds_by_store() names, shown in either. These are Events (core and events.k8s.io),
 * HorizontalPodAutoscalers (v1 and v2, convert_hpa.c) and custom objects.
 *
 * Versions of a custom kind differ in their name only, but an object that is older than
 * the schema it was stored by is pruned and has its defaults when it is read.
 * Source: kubernetes pkg/apis/events/v1/conversion.go,
 * apiextensions pkg/apiserver/customresource_handler.go (schemaCoercingDecoder).
 */
#include <string.h>

#include "api/call.h"
#include "kinds/kinds_custom.h"

bool convert_needed(const struct call *c)
{
	const struct kinds_custom *more = c->kind ? kinds_custom_of(c->kind) : NULL;

	return c->kind && (api_stored_as(c->api, c->kind) != c->kind || (more && more->changed_rev));
}

struct renamed { const char *core, *events; };
static const struct renamed event_names[] = {
	{ "message", "note" },
	{ "involvedObject", "regarding" },
	{ "source", "deprecatedSource" },
	{ "firstTimestamp", "deprecatedFirstTimestamp" },
	{ "lastTimestamp", "deprecatedLastTimestamp" },
	{ "count", "deprecatedCount" },
	{ "reportingComponent", "reportingController" },
};

static bool rename_key(struct call *c, yyjson_mut_val *obj, const char *from, const char *to)
{
	return !yyjson_mut_obj_get(obj, from) || yyjson_mut_obj_rename_key(c->doc, obj, from, to);
}

static bool events(struct call *c, yyjson_mut_val *v, bool to_core)
{
	for (size_t i = 0; i < sizeof(event_names) / sizeof(event_names[0]); i++) {
		const struct renamed *n = &event_names[i];

		if (!rename_key(c, v, to_core ? n->events : n->core, to_core ? n->core : n->events))
			return false;
	}
	/* The core kind always writes these, the other only when they say something. */
	for (size_t i = 0; i < 2; i++) {
		const char *name = i ? "reportingInstance" : to_core ? "reportingComponent" : "reportingController";
		yyjson_mut_val *m = yyjson_mut_obj_get(v, name);

		if (to_core && !m && !doc_mset_str(c->doc, v, name, ""))
			return false;
		if (!to_core && m && !yyjson_mut_get_len(m))
			doc_mdel(v, name);
	}
	return true;
}

/* A custom object pruned, and with its defaults, by the schema of k. */
static bool fit_schema(struct call *c, const struct kinds_kind *k, yyjson_val *in, yyjson_mut_val **ret)
{
	return in && !kinds_decode(c->doc, c->arena, k->type, in, KS_IGNORE, ret, NULL, NULL) &&
		!kinds_default(c->doc, c->arena, k, *ret);
}

int convert(struct call *c, const struct kinds_kind *from, const struct kinds_kind *to,
	yyjson_mut_val **obj)
{
	const struct api_kinds *k = &c->api->k;
	bool ok = true;

	if (from == to && !to->custom)
		return 0;
	if (to == k->event || to == k->events_event)
		ok = events(c, *obj, to == k->event);
	else if (to == k->hpa2)
		ok = convert_hpa_to_v2(c, *obj);
	else if (to == k->hpa1)
		ok = convert_hpa_to_v1(c, *obj);
	ok = ok && doc_mset_str(c->doc, *obj, "apiVersion", to->api_version) &&
		doc_mset_str(c->doc, *obj, "kind", to->kind);
	if (ok && to->custom && to != c->kind)     /* to be stored: as it will be read again */
		ok = fit_schema(c, to, doc_freeze(c->arena, *obj), obj);
	return ok && shape_order(c, to->type, *obj) ? 0 : -ERR_SIZE;
}

/* ---- what is stored ---- */

/* A custom object as the schema of the version it is stored in has it now. */
static yyjson_mut_val *by_schema(struct call *c, struct cache_obj *o)
{
	yyjson_val *tree = cache_tree(o);
	const char *version = doc_str(tree, "apiVersion"), *slash = version ? strchr(version, '/') : NULL;
	const struct kinds_kind *k = slash ? kinds_custom_version(c->kind, slash + 1) : NULL;
	yyjson_mut_val *v;

	return fit_schema(c, k ? k : kinds_custom_stored(c->kind), tree, &v) ? v : NULL;
}

static bool older_than_schema(const struct call *c, const struct cache_obj *o)
{
	return c->kind->custom && o->rev < kinds_custom_of(c->kind)->changed_rev;
}

static bool is_as_stored(const struct call *c, const struct cache_obj *o)
{
	return api_stored_as(c->api, c->kind) == c->kind && !older_than_schema(c, o);
}

yyjson_mut_val *convert_stored(struct call *c, struct cache_obj *o)
{
	yyjson_mut_val *v = older_than_schema(c, o) ? by_schema(c, o) : shape_copy(c, cache_tree(o));

	return v && (c->kind->custom || api_stored_as(c->api, c->kind) != c->kind) &&
		convert(c, api_stored_as(c->api, c->kind), c->kind, &v) ? NULL : v;
}

/* ---- views ---- */

/* The object converted, in memory of the views': a list makes one after another there. */
static yyjson_mut_val *converted(struct call *c, struct cache_obj *o)
{
	struct arena *arena = c->arena;
	yyjson_mut_doc *doc = c->doc;
	yyjson_mut_val *v;

	if (c->view_arena)
		c->arena = c->view_arena;
	c->doc = doc_new(c->arena);
	v = c->doc ? convert_stored(c, o) : NULL;
	c->arena = arena;
	c->doc = doc;
	return v;
}

const char *view_json(struct call *c, struct cache_obj *o, size_t *ret_len)
{
	BUF_AUTO struct buf b = { 0 };
	yyjson_mut_val *v;

	if (is_as_stored(c, o)) {
		*ret_len = o->json->len;
		return o->json->p;
	}
	v = converted(c, o);
	if (!v || doc_mwrite(&b, v) || b.failed)
		return NULL;
	*ret_len = b.len;
	return arena_strndup(c->view_arena ? c->view_arena : c->arena, b.p, b.len);
}

yyjson_val *view_tree(struct call *c, struct cache_obj *o)
{
	yyjson_mut_val *v;

	if (is_as_stored(c, o))
		return cache_tree(o);
	v = converted(c, o);
	return v ? doc_freeze(c->view_arena ? c->view_arena : c->arena, v) : NULL;
}

void view_reset(struct call *c)
{
	if (c->view_arena)
		arena_reset(c->view_arena);
	else if (convert_needed(c))
		c->view_arena = arena_open(API_ARENA_MAX);
}
