/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery - which groups, versions and resources there are: aggregated (one document
 * for all, with an ETag) and classic (one for each level). Made of the kinds' table when
 * asked for, once per generation of it, in one pass: kinds come group by group, version by
 * version, the preferred ones first.
 * Source: KEP-3352 (v2beta1 is not served any more, as since 1.33); apimachinery pkg/apis/meta/v1 (APIGroup, APIResourceList),
 * k8s.io/api/apidiscovery/v2.
 */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base/text.h"
#include "http/http.h"
#include "kinds/kinds_custom.h"

struct page { struct blob *body; char etag[68]; };

struct discovery {
	struct api *api;
	uint64_t generation;
	struct map pages;              /* "what" -> struct page */
};

static const struct { uint8_t bit; const char *name; } verb_order[] = {
	{ KVERB_CREATE, "create" }, { KVERB_DELETE, "delete" }, { KVERB_DELETECOLLECTION, "deletecollection" },
	{ KVERB_GET, "get" }, { KVERB_LIST, "list" }, { KVERB_PATCH, "patch" }, { KVERB_UPDATE, "update" },
	{ KVERB_WATCH, "watch" },
};

int discovery_open(struct discovery **ret, struct api *a)
{
	struct discovery *d = calloc(1, sizeof(*d));

	if (!d)
		return -ERR_NOMEM;
	d->api = a;
	*ret = d;
	return 0;
}

static void forget(struct discovery *d)
{
	const char *key;
	void *v;

	for (size_t it = 0; map_next(&d->pages, &it, &key, &v);) {
		blob_unref(((struct page *)v)->body);
		free(v);
	}
	map_finish(&d->pages);
	d->pages = (struct map){ 0 };
}

void discovery_close(struct discovery *d)
{
	if (!d)
		return;
	forget(d);
	free(d);
}

bool discovery_group(const struct api *a, const char *group, const char *version)
{
	const struct kinds_kind *k;

	for (size_t it = 0; kinds_next(&it, &k);)
		if (!strcmp(k->group, group) && (!version || !strcmp(k->version, version)))
			return true;
	return false;
}

/* ---- pieces ---- */

static void verbs(struct buf *b, uint8_t bits)
{
	bool first = true;

	buf_addc(b, '[');
	for (size_t i = 0; i < sizeof(verb_order) / sizeof(verb_order[0]); i++) {
		if (!(bits & verb_order[i].bit))
			continue;
		buf_printf(b, "%s\"%s\"", first ? "" : ",", verb_order[i].name);
		first = false;
	}
	buf_addc(b, ']');
}

static void names(struct buf *b, const char *key, const char *const *v)
{
	if (!v || !*v)
		return;
	buf_printf(b, ",\"%s\":[", key);
	for (size_t i = 0; v[i]; i++)
		buf_printf(b, "%s\"%s\"", i ? "," : "", v[i]);
	buf_addc(b, ']');
}

/* Whether k begins a group, or a version of one, after last (NULL: nothing). */
static bool new_group(const struct kinds_kind *last, const struct kinds_kind *k)
{
	return !last || strcmp(last->group, k->group);
}

static bool new_version(const struct kinds_kind *last, const struct kinds_kind *k)
{
	return new_group(last, k) || strcmp(last->version, k->version);
}

/* ---- aggregated ---- */

static void aggregated_resource(struct buf *b, const struct kinds_kind *k)
{
	buf_printf(b, "{\"resource\":\"%s\",\"responseKind\":{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"},"
		"\"scope\":\"%s\",\"singularResource\":\"%s\",\"verbs\":", k->plural, k->group, k->version, k->kind,
		k->namespaced ? "Namespaced" : "Cluster", k->singular);
	verbs(b, k->verbs);
	names(b, "shortNames", k->short_names);
	names(b, "categories", k->categories);
	if (k->sub_count)
		buf_adds(b, ",\"subresources\":[");
	for (unsigned i = 0; i < k->sub_count; i++) {
		const struct kinds_sub *s = &k->subs[i];

		buf_printf(b, "%s{\"subresource\":\"%s\",\"responseKind\":{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"},"
			"\"verbs\":", i ? "," : "", s->name, s->kind ? s->group ? s->group : "" : k->group,
			s->kind ? s->version : k->version, s->kind ? s->kind : k->kind);
		verbs(b, s->verbs);
		buf_addc(b, '}');
	}
	buf_adds(b, k->sub_count ? "]}" : "}");
}

static void aggregated(struct buf *b, bool core)
{
	const struct kinds_kind *k, *last = NULL;

	buf_adds(b, "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\",\"metadata\":{},"
		"\"items\":[");
	for (size_t it = 0; kinds_next(&it, &k);) {
		if (!*k->group != core)
			continue;
		if (last)
			buf_adds(b, !new_version(last, k) ? "," : "],\"freshness\":\"Current\"}");
		if (new_group(last, k)) {
			buf_adds(b, last ? "]},{\"metadata\":{" : "{\"metadata\":{");
			if (!core)
				buf_printf(b, "\"name\":\"%s\"", k->group);
			buf_adds(b, "},\"versions\":[");
		} else if (new_version(last, k)) {
			buf_addc(b, ',');
		}
		if (new_version(last, k))
			buf_printf(b, "{\"version\":\"%s\",\"resources\":[", k->version);
		aggregated_resource(b, k);
		last = k;
	}
	buf_adds(b, last ? "],\"freshness\":\"Current\"}]}]}" : "]}");
}

/* ---- classic ---- */

static void group_end(struct buf *b, const struct kinds_kind *first)
{
	buf_printf(b, "],\"preferredVersion\":{\"groupVersion\":\"%s\",\"version\":\"%s\"}}", first->api_version, first->version);
}

/* The versions of one group, or of all but core's (only NULL), group by group. */
static void group_bodies(struct buf *b, const char *only)
{
	const struct kinds_kind *k, *last = NULL, *first = NULL;

	for (size_t it = 0; kinds_next(&it, &k);) {
		if (only ? strcmp(k->group, only) != 0 : !*k->group)
			continue;
		if (new_group(last, k)) {
			if (first)
				group_end(b, first);
			first = k;
			buf_printf(b, "%s\"name\":\"%s\",\"versions\":[", only ? "" : last ? ",{" : "{", k->group);
		} else if (new_version(last, k)) {
			buf_addc(b, ',');
		}
		if (new_version(last, k))
			buf_printf(b, "{\"groupVersion\":\"%s\",\"version\":\"%s\"}", k->api_version, k->version);
		last = k;
	}
	if (first)
		group_end(b, first);
}

static void groups(struct buf *b)
{
	buf_adds(b, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");
	group_bodies(b, NULL);
	buf_adds(b, "]}");
}

static void resource_sub(struct buf *b, const struct kinds_kind *k, const struct kinds_sub *s)
{
	buf_printf(b, ",{\"name\":\"%s/%s\",\"singularName\":\"\",\"namespaced\":%s,", k->plural, s->name,
		k->namespaced ? "true" : "false");
	if (s->kind && s->group && *s->group)
		buf_printf(b, "\"group\":\"%s\",\"version\":\"%s\",", s->group, s->version);
	buf_printf(b, "\"kind\":\"%s\",\"verbs\":", s->kind ? s->kind : k->kind);
	verbs(b, s->verbs);
	buf_addc(b, '}');
}

/* Tells clients when a resource is stored in another version. Source: apiserver
 * pkg/endpoints/discovery/storageversionhash.go */
static void storage_hash(struct buf *b, const struct kinds_kind *k)
{
	const char *version = k->custom ? kinds_custom_storage_version(k) : kinds_by_store(k->store)->version;
	const char *group = k->custom ? k->group : kinds_by_store(k->store)->group;
	BUF_AUTO struct buf text = { 0 }, hash = { 0 };
	uint8_t sum[32];

	buf_printf(&text, "%s/%s/%s", group, version, k->kind);
	if (text.failed)
		return;
	text_sha256(sum, text.p, text.len);
	text_base64(&hash, sum, 8);
	buf_printf(b, ",\"storageVersionHash\":\"%s\"", hash.p ? hash.p : "");
}

static void resources(struct buf *b, const char *group, const char *version)
{
	const struct kinds_kind *k;
	bool any = false;

	buf_printf(b, "{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":\"%s%s%s\",\"resources\":[",
		group, *group ? "/" : "", version);
	for (size_t it = 0; kinds_next(&it, &k);) {
		if (strcmp(k->group, group) || strcmp(k->version, version))
			continue;
		buf_printf(b, "%s{\"name\":\"%s\",\"singularName\":\"%s\",\"namespaced\":%s,\"kind\":\"%s\",\"verbs\":",
			any ? "," : "", k->plural, k->singular, k->namespaced ? "true" : "false", k->kind);
		any = true;
		verbs(b, k->verbs);
		names(b, "shortNames", k->short_names);
		names(b, "categories", k->categories);
		if (k->store)
			storage_hash(b, k);
		buf_addc(b, '}');
		for (unsigned i = 0; i < k->sub_count; i++)
			resource_sub(b, k, &k->subs[i]);
	}
	buf_adds(b, "]}");
}

static void versions(struct buf *b, const struct api *a)
{
	buf_adds(b, "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":[{"
		"\"clientCIDR\":\"0.0.0.0/0\",\"serverAddress\":");
	buf_add_json(b, a->advertise, strlen(a->advertise));
	buf_adds(b, "}]}");
}

static void root_paths(struct buf *b)
{
	static const char *const fixed[] = { "/.well-known/openid-configuration", "/api", "/api/v1", "/apis", "/apis/" };
	static const char *const last[] = { "/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3",
		"/openid/v1/jwks", "/readyz", "/version" };
	const struct kinds_kind *k, *before = NULL;

	buf_adds(b, "{\"paths\":[");
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		buf_printf(b, "%s\"%s\"", i ? "," : "", fixed[i]);
	for (size_t it = 0; kinds_next(&it, &k);) {
		if (!*k->group)
			continue;
		if (new_group(before, k))
			buf_printf(b, ",\"/apis/%s\"", k->group);
		if (new_version(before, k))
			buf_printf(b, ",\"/apis/%s\"", k->api_version);
		before = k;
	}
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++)
		buf_printf(b, ",\"%s\"", last[i]);
	buf_adds(b, "]}");
}

/* ---- serving ---- */

static struct page *page_new(struct discovery *d, const char *what, struct buf *b)
{
	struct page *p = calloc(1, sizeof(*p));
	uint8_t sum[32];

	if (!p || b->failed || !(p->body = blob_new(b->p, b->len)) || map_put(&d->pages, what, p, NULL)) {
		if (p)
			blob_unref(p->body);
		free(p);
		return NULL;
	}
	text_sha256(sum, b->p, b->len);
	p->etag[0] = '"';
	text_hex(p->etag + 1, sum, 32);
	strcat(p->etag, "\"");
	return p;
}

typedef void make_fn(struct buf *b, const struct api *a, const char *x, const char *y);

static enum step send_page(struct call *c, const char *what, make_fn *make, const char *x, const char *y,
	const char *type)
{
	struct discovery *d = c->api->discovery;
	struct page *p;
	const char *known;

	if (d->generation != kinds_generation()) {
		forget(d);
		d->generation = kinds_generation();
	}
	p = map_get(&d->pages, what);
	if (!p) {
		BUF_AUTO struct buf b = { 0 };

		make(&b, c->api, x, y);
		p = page_new(d, what, &b);
		if (!p)
			return fail_err(c, -ERR_NOMEM, NULL);
	}
	if (c->http) {
		known = http_header(c->http, "if-none-match");
		http_set_header(c->http, "etag", p->etag);
		http_set_header(c->http, "vary", "Accept");
		if (known && strstr(known, p->etag))
			return reply_bytes(c, 304, blob_new("", 0), type);
	}
	return reply_bytes(c, 200, blob_ref(p->body), type);
}

static void make_aggregated(struct buf *b, const struct api *a, const char *x, const char *y)
{
	aggregated(b, !strcmp(x, "api"));
}

static void make_classic(struct buf *b, const struct api *a, const char *x, const char *y)
{
	if (!strcmp(x, "api"))
		versions(b, a);
	else
		groups(b);
}

static void make_group(struct buf *b, const struct api *a, const char *x, const char *y)
{
	buf_adds(b, "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",");
	group_bodies(b, x);
}

static void make_resources(struct buf *b, const struct api *a, const char *x, const char *y)
{
	resources(b, x, y);
}

static void make_root(struct buf *b, const struct api *a, const char *x, const char *y)
{
	root_paths(b);
}

static enum step top(struct call *c, const char *which)
{
	const char *what = arena_printf(c->arena, "%s v2", which);

	if (!what)
		return fail_err(c, -ERR_SIZE, NULL);
	if (!accept_prefers(c, "application/json", "APIGroupDiscoveryList", "v2"))
		return send_page(c, which, make_classic, which, NULL, "application/json");
	c->cache_control = "public";
	return send_page(c, what, make_aggregated, which, NULL, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
}

enum step discovery_serve(struct call *c, const char *path)
{
	char *p = arena_strdup(c->arena, path), *group, *version;
	const char *what;
	size_t n;

	if (!p)
		return fail_err(c, -ERR_SIZE, NULL);
	for (n = strlen(p); n > 1 && p[n - 1] == '/'; n--)
		p[n - 1] = 0;
	what = arena_strdup(c->arena, p);
	if (!strcmp(p, "/"))
		return send_page(c, "/", make_root, NULL, NULL, "application/json");
	if (!strcmp(p, "/api") || !strcmp(p, "/apis"))
		return top(c, p + 1);
	if (!strncmp(p, "/api/", 5) && !strchr(p + 5, '/')) {
		if (!discovery_group(c->api, "", p + 5))
			return fail_text(c, 404, "404 page not found\n");
		return send_page(c, what, make_resources, "", p + 5, "application/json");
	}
	if (strncmp(p, "/apis/", 6))
		return fail_text(c, 404, "404 page not found\n");
	group = p + 6;
	version = strchr(group, '/');
	if (version)
		*version++ = 0;
	if (!discovery_group(c->api, group, version))
		return fail_text(c, 404, "404 page not found\n");
	if (version)
		return send_page(c, what, make_resources, group, version, "application/json");
	return send_page(c, what, make_group, group, NULL, "application/json");
}
