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
#include <time.h>

#include "api/call.h"
#include "api/openapi.h"
#include "base/text.h"
#include "http/http.h"

#define PROTO_TYPE "application/com.github.proto-openapi.spec."
#define PATH_SIZE 320

static void doc_free(struct openapi_doc *d)
{
	if (d)
		blob_unref(d->body);
	free(d);
}

void openapi_forget(struct openapi *o)
{
	const char *key;
	void *v;

	for (size_t it = 0; map_next(&o->docs, &it, &key, &v);)
		doc_free(v);
	map_finish(&o->docs);
	o->docs = (struct map){ 0 };
}

/* Keys of the kept documents: "j apis/apps/v1", "p apis/apps/v1" as protobuf; "j v2". */
static bool is_v2(const char *path)
{
	return !strcmp(path, "v2");
}

/* Documents of versions that are no longer served are not kept. */
static void forget_gone(struct openapi *o)
{
	const char *key;
	uint64_t stamp;
	void *v;

	if (o->generation == kinds_generation())
		return;
	o->generation = kinds_generation();
	for (size_t it = 0; map_next(&o->docs, &it, &key, &v);)
		if (!is_v2(key + 2) && kinds_openapi_v3_stamp(key + 2, &stamp)) {
			map_del(&o->docs, key);
			doc_free(v);
		}
}

static int make(struct buf *out, const char *path, bool proto)
{
	if (is_v2(path))
		return proto ? kinds_openapi_v2_proto(out) : kinds_openapi_v2(out);
	return proto ? kinds_openapi_v3_proto(out, path) : kinds_openapi_v3(out, path);
}

static struct openapi_doc *load(struct call *c, const char *path, bool proto)
{
	struct openapi *o = &c->api->openapi;
	struct openapi_doc *d;
	char key[PATH_SIZE];
	BUF_AUTO struct buf b = { 0 };
	uint64_t stamp = kinds_generation();
	uint8_t sum[32];
	void *old = NULL;

	forget_gone(o);
	if (!is_v2(path) && kinds_openapi_v3_stamp(path, &stamp))
		return NULL;
	if ((size_t)snprintf(key, sizeof(key), "%c %s", proto ? 'p' : 'j', path) >= sizeof(key))
		return NULL;
	d = map_get(&o->docs, key);
	if (d && d->stamp == stamp)
		return d;
	if (make(&b, path, proto))
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d || b.failed || !(d->body = blob_new(b.p, b.len)) || map_put(&o->docs, key, d, &old)) {
		doc_free(d);
		return NULL;
	}
	doc_free(old);
	d->stamp = stamp;
	text_sha256(sum, b.p, b.len);
	text_hex(d->hash, sum, 16);
	return d;
}

/* The index's hashes are of the program and of what a document is made of, not of the
 * documents: those would all have to be made to tell them. */
static void index_hash(char out[33], const char *path, uint64_t stamp)
{
	char text[PATH_SIZE + 64];
	uint8_t sum[32];

	snprintf(text, sizeof(text), "%s %s %llx", path, kinds_openapi_seed, (unsigned long long)stamp);
	text_sha256(sum, text, strlen(text));
	text_hex(out, sum, 16);
}

/* The body, which is taken; 304 for who has it. */
static enum step send(struct call *c, struct blob *body, const char *hash, const char *type)
{
	char etag[40];
	const char *known;

	snprintf(etag, sizeof(etag), "\"%s\"", hash);
	if (c->http) {
		known = http_header(c->http, "if-none-match");
		http_set_header(c->http, "etag", etag);
		http_set_header(c->http, "vary", "Accept");
		if (known && strstr(known, etag)) {
			blob_unref(body);
			return reply_bytes(c, 304, blob_new("", 0), type);
		}
	}
	return reply_bytes(c, 200, body, type);
}

static enum step serve_index(struct call *c)
{
	struct buf b = { 0 };
	struct blob *body;
	const char *path;
	uint8_t sum[32] = { 0 };
	char hash[33];
	uint64_t stamp;
	bool any = false;

	buf_adds(&b, "{\"paths\":{");
	for (size_t it = 0; kinds_openapi_v3_next(&it, &path, &stamp);) {
		index_hash(hash, path, stamp);
		buf_printf(&b, "%s\"%s\":{\"serverRelativeURL\":\"/openapi/v3/%s?hash=%s\"}", any ? "," : "", path, path, hash);
		any = true;
	}
	buf_adds(&b, "}}");
	if (!b.failed)
		text_sha256(sum, b.p, b.len);
	text_hex(hash, sum, 16);
	body = b.failed ? NULL : blob_new(b.p, b.len);
	buf_finish(&b);
	return send(c, body, hash, "application/json");
}

/* A document that a hash names is good for a year. */
static void expires(struct call *c)
{
	time_t at = (time_t)call_now_s() + 365 * 86400;
	char text[40];
	struct tm tm;

	if (c->http && gmtime_r(&at, &tm) && strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm))
		http_set_header(c->http, "expires", text);
}

static enum step send_doc(struct call *c, const char *path, bool proto)
{
	const char *asked = param(c, "hash");
	struct openapi_doc *d;
	char hash[33];
	uint64_t stamp;

	if (asked && *asked && !kinds_openapi_v3_stamp(path, &stamp)) {
		index_hash(hash, path, stamp);
		if (strcmp(asked, hash)) {
			const char *to = arena_printf(c->arena, "/openapi/v3/%s?hash=%s", path, hash);

			if (c->http)
				http_set_header(c->http, "location", to ? to : "/openapi/v3");
			return reply_bytes(c, 301, blob_new("", 0), "text/plain; charset=utf-8");
		}
		c->cache_control = "public, immutable";
		expires(c);
	}
	d = load(c, path, proto);
	if (!d)
		return fail_text(c, 404, "404 page not found\n");
	return send(c, blob_ref(d->body), d->hash, !proto ? "application/json" :
		is_v2(path) ? PROTO_TYPE "v2.v1.0+protobuf" : PROTO_TYPE "v3.v1.0+protobuf");
}

enum step openapi_serve(struct call *c, const char *path)
{
	bool v2 = !strncmp(path, "/openapi/v2", 11);
	/* kubectl before 1.28 asks for this form alone, by its older name with '@'. */
	int proto = accept_json_or(c, v2 ? PROTO_TYPE "v2" : PROTO_TYPE "v3", "v1.0+protobuf");

	if (proto < 0)
		return fail_text(c, 406, "406 not acceptable\n");
	if (v2)
		return send_doc(c, "v2", proto);
	path += strlen("/openapi/v3");
	while (*path == '/')
		path++;
	return *path ? send_doc(c, path, proto) : serve_index(c);
}
