/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi - the schemas of everything served, v3 by group and version and v2 in one.
 * Made of the kinds' table when first asked for, on a worker, and kept. Who asks meanwhile
 * for the same waits for the same job. The index names each document by its hash, so that
 * clients may keep it for good.
 * Source: KEP-2896.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/call.h"
#include "api/openapi.h"
#include "base/loop.h"
#include "base/text.h"
#include "base/workers.h"
#include "http/http.h"

#define PROTO_TYPE "application/com.github.proto-openapi.spec."
#define PATH_SIZE 320

struct job {
	struct list link;              /* openapi.jobs */
	struct openapi *o;
	struct kinds_openapi *of;
	struct openapi_doc *doc;       /* what is being made */
	struct list waiting;           /* call.document_line */
	bool proto;
	int rc;
	char key[PATH_SIZE];
};

static void doc_free(struct openapi_doc *d)
{
	if (d)
		blob_unref(d->body);
	free(d);
}

int openapi_docs_open(struct openapi *o, struct loop *l)
{
	list_init(&o->jobs);
	return workers_open(&o->workers, l, "openapi", 1, OPENAPI_JOBS_MAX);
}

void openapi_docs_close(struct openapi *o)
{
	const char *key;
	void *v;

	atomic_store(&o->closing, true);
	if (o->workers)
		workers_close(o->workers);
	for (size_t it = 0; map_next(&o->docs, &it, &key, &v);)
		doc_free(v);
	map_finish(&o->docs);
}

/* Keys of the kept documents: "j apis/apps/v1", "p apis/apps/v1" as protobuf; "j v2". */
static bool is_v2(const char *path)
{
	return !strcmp(path, "v2");
}

static void seen(struct openapi *o, char form, const char *path)
{
	char key[PATH_SIZE];
	struct openapi_doc *d;

	snprintf(key, sizeof(key), "%c %s", form, path);
	d = map_get(&o->docs, key);
	if (d)
		d->generation = o->generation;
}

/* Documents of versions that are no longer served are not kept. */
static void forget_gone(struct openapi *o)
{
	const char *key, *path;
	uint64_t stamp;
	void *v;

	if (o->generation == kinds_generation())
		return;
	o->generation = kinds_generation();
	for (size_t it = 0; kinds_openapi_v3_next(&it, &path, &stamp);) {
		seen(o, 'j', path);
		seen(o, 'p', path);
	}
	for (size_t it = 0; map_next(&o->docs, &it, &key, &v);)
		if (!is_v2(key + 2) && ((struct openapi_doc *)v)->generation != o->generation) {
			map_del(&o->docs, key);
			doc_free(v);
		}
}

/* ---- making one ---- */

/* On the worker. */
static void make(void *arg)
{
	struct job *j = arg;
	BUF_AUTO struct buf b = { 0 };
	uint8_t sum[32];

	j->rc = atomic_load(&j->o->closing) ? -ERR_CANCELED : kinds_openapi_make(j->of, j->proto, &b);
	if (!j->rc && !(j->doc->body = blob_new(b.p, b.len)))
		j->rc = -ERR_NOMEM;
	if (j->rc)
		return;
	text_sha256(sum, b.p, b.len);
	text_hex(j->doc->hash, sum, 16);
}

static void keep(struct openapi *o, struct job *j)
{
	uint64_t stamp;
	void *old = NULL;

	forget_gone(o);
	if (!is_v2(j->key + 2) && kinds_openapi_v3_stamp(j->key + 2, &stamp))
		return;
	j->doc->generation = o->generation;
	if (map_put(&o->docs, j->key, j->doc, &old)) {
		j->rc = -ERR_NOMEM;
		return;
	}
	j->doc = NULL;
	doc_free(old);
}

static void made(void *arg)
{
	struct job *j = arg;
	struct openapi *o = j->o;

	list_del(&j->link);
	kinds_openapi_end(j->of);
	if (!j->rc)
		keep(o, j);
	while (!atomic_load(&o->closing) && !list_empty(&j->waiting)) {
		struct call *c = list_entry(j->waiting.next, struct call, document_line);

		list_del(&c->document_line);
		c->document_made = true;
		call_resume(c, j->rc ? fail_err(c, j->rc, NULL) : STEP_AGAIN);
		call_drop(c);
	}
	doc_free(j->doc);
	free(j);
}

static int begin(struct openapi *o, const char *key, uint64_t stamp, struct job **ret)
{
	struct job *j = calloc(1, sizeof(*j));
	int rc = -ERR_NOMEM;

	if (j && (j->doc = calloc(1, sizeof(*j->doc))))
		rc = kinds_openapi_begin(&j->of, key + 2);
	if (!rc) {
		j->o = o;
		j->proto = *key == 'p';
		j->doc->stamp = stamp;
		snprintf(j->key, sizeof(j->key), "%s", key);
		list_init(&j->waiting);
		rc = workers_submit(o->workers, make, made, j);
	}
	if (rc) {
		if (j) {
			kinds_openapi_end(j->of);
			free(j->doc);
		}
		free(j);
		return rc;
	}
	list_add_tail(&o->jobs, &j->link);
	*ret = j;
	return 0;
}

/* c waits for the document, made of what there is now or by whoever asked before. */
static enum step wait_for(struct call *c, const char *key, uint64_t stamp)
{
	struct openapi *o = &c->api->openapi;
	struct job *j = NULL;
	int rc;

	list_each(&o->jobs, it) {
		struct job *at = list_entry(it, struct job, link);

		if (at->doc->stamp == stamp && !strcmp(at->key, key))
			j = at;
	}
	rc = j ? 0 : begin(o, key, stamp, &j);
	if (rc)
		return rc == -ERR_FULL ? fail_busy(c, 429, 1, "too many documents are being made, please try again later") :
			fail_err(c, rc, NULL);
	list_add_tail(&j->waiting, &c->document_line);
	call_hold(c);
	return STEP_WAIT;
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
	struct openapi *o = &c->api->openapi;
	const char *asked = param(c, "hash");
	struct openapi_doc *d;
	char hash[33], key[PATH_SIZE];
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
	forget_gone(o);
	stamp = kinds_generation();
	if ((!is_v2(path) && kinds_openapi_v3_stamp(path, &stamp)) ||
	    (size_t)snprintf(key, sizeof(key), "%c %s", proto ? 'p' : 'j', path) >= sizeof(key))
		return fail_text(c, 404, "404 page not found\n");
	d = map_get(&o->docs, key);
	if (!d || (d->stamp != stamp && !c->document_made))
		return wait_for(c, key, stamp);
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
