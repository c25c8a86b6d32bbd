/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi - the schemas of everything served, v3 by group and version and v2 in one.
 * Made of the kinds' table when first asked for, and kept. The index names each
 * document by its hash, so that clients may keep it for good.
 * Source: KEP-2896.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/openapi.h"
#include "base/text.h"
#include "http/http.h"

#define V2_PROTO "v2 as protobuf"
#define V2_PROTO_TYPE "application/com.github.proto-openapi.spec.v2"

void openapi_forget(struct openapi *o)
{
	const char *key;
	void *v;

	for (size_t it = 0; map_next(&o->docs, &it, &key, &v);) {
		blob_unref(((struct openapi_doc *)v)->body);
		free(v);
	}
	map_finish(&o->docs);
	o->docs = (struct map){ 0 };
}

static struct openapi_doc *load(struct call *c, const char *path)
{
	struct openapi *o = &c->api->openapi;
	struct openapi_doc *d;
	BUF_AUTO struct buf b = { 0 };
	uint8_t sum[32];

	if (o->generation != kinds_generation()) {
		openapi_forget(o);
		o->generation = kinds_generation();
	}
	d = map_get(&o->docs, path);
	if (d)
		return d;
	if (!strcmp(path, "v2") ? kinds_openapi_v2(&b) : !strcmp(path, V2_PROTO) ? kinds_openapi_v2_proto(&b) :
	    kinds_openapi_v3(&b, path))
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d || b.failed || !(d->body = blob_new(b.p, b.len)) || map_put(&o->docs, path, d, NULL)) {
		if (d)
			blob_unref(d->body);
		free(d);
		return NULL;
	}
	text_sha256(sum, b.p, b.len);
	text_hex(d->hash, sum, 16);
	return d;
}

/* The index's hashes are of the program and the table, not of the documents: those
 * would all have to be made to tell them. */
static void index_hash(char out[33], const char *path)
{
	char text[320];
	uint8_t sum[32];

	snprintf(text, sizeof(text), "%s %s %llu", path, SAMPAN_OPENAPI_SEED, (unsigned long long)kinds_generation());
	text_sha256(sum, text, strlen(text));
	text_hex(out, sum, 16);
}

static enum step serve_index(struct call *c)
{
	struct buf b = { 0 };
	const char *path;
	bool any = false;

	buf_adds(&b, "{\"paths\":{");
	for (size_t it = 0; kinds_openapi_v3_next(&it, &path);) {
		char hash[33];

		index_hash(hash, path);
		buf_printf(&b, "%s\"%s\":{\"serverRelativeURL\":\"/openapi/v3/%s?hash=%s\"}", any ? "," : "", path, path, hash);
		any = true;
	}
	buf_adds(&b, "}}");
	return reply_buf(c, 200, &b, "application/json");
}

static enum step send_doc(struct call *c, const char *path)
{
	const char *asked = param(c, "hash"), *known;
	struct openapi_doc *d;
	char hash[33];
	BUF_AUTO struct buf etag = { 0 };

	if (asked && *asked && strncmp(path, "v2", 2) && c->http) {
		index_hash(hash, path);
		if (strcmp(asked, hash)) {
			const char *to = arena_printf(c->arena, "/openapi/v3/%s?hash=%s", path, hash);

			http_set_header(c->http, "location", to ? to : "/openapi/v3");
			return reply_bytes(c, 301, blob_new("", 0), "text/plain; charset=utf-8");
		}
	}
	d = load(c, path);
	if (!d)
		return fail_text(c, 404, "404 page not found\n");
	buf_printf(&etag, "\"%s\"", d->hash);
	if (c->http && etag.p) {
		known = http_header(c->http, "if-none-match");
		http_set_header(c->http, "etag", etag.p);
		http_set_header(c->http, "vary", "Accept");
		if (known && strstr(known, etag.p))
			return reply_bytes(c, 304, blob_new("", 0), "application/json");
	}
	return reply_bytes(c, 200, blob_ref(d->body), strcmp(path, V2_PROTO) ? "application/json" : V2_PROTO_TYPE ".v1.0+protobuf");
}

enum step openapi_serve(struct call *c, const char *path)
{
	if (!strncmp(path, "/openapi/v2", 11)) {
		const char *accept = c->http ? http_header(c->http, "accept") : NULL;
		/* kubectl before 1.28 asks for this form alone, by its older name with '@'. */
		bool proto = accept && strstr(accept, V2_PROTO_TYPE) && strstr(accept, "v1.0+protobuf") &&
			!strstr(accept, "application/json");

		return send_doc(c, proto ? V2_PROTO : "v2");
	}
	path += strlen("/openapi/v3");
	while (*path == '/')
		path++;
	return *path ? send_doc(c, path) : serve_index(c);
}
