/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list - the objects of a resource at one revision, whole or in pages.
 *
 * The objects are picked in one go (references, not copies), so every byte of the
 * answer is of one revision however slowly the client reads; the bytes are made piece
 * by piece as it takes them. A page after the first must show the revision of the
 * first: when the resource did not change since, that is still the cache's; else the
 * store is asked for that revision (pages.c).
 * Source: KEP-365 (chunking), apiserver resourceVersion semantics.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/list.h"
#include "base/text.h"
#include "http/http.h"

#define WHOLE_MAX   (256u << 10)   /* answers up to here are sent in one piece */
#define PENDING_MAX (512u << 10)   /* unsent bytes before we wait for the client */

/* ---- continue tokens ---- */

const char *list_token(struct listing *l, int64_t rev, const char *ns, const char *name)
{
	BUF_AUTO struct buf start = { 0 };
	BUF_AUTO struct buf json = { 0 };
	BUF_AUTO struct buf b64 = { 0 };

	if (!l->ns && *ns)
		buf_printf(&start, "%s/", ns);
	buf_adds(&start, name);
	buf_addc(&start, 0);
	buf_printf(&json, "{\"v\":\"meta.k8s.io/v1\",\"rv\":%lld,\"start\":", (long long)rev);
	buf_add_json(&json, start.p, start.len);
	/* How many were shown tells how many remain without counting them. */
	buf_printf(&json, ",\"seen\":%lld}", (long long)(l->seen + (int64_t)l->n));
	text_base64url(&b64, json.p, json.len);
	return start.failed || json.failed || b64.failed ? NULL : arena_strndup(l->c->arena, b64.p, b64.len);
}

static enum step read_token(struct call *c, struct listing *l, const char *token)
{
	BUF_AUTO struct buf json = { 0 };
	yyjson_doc *d = NULL;
	yyjson_val *v;
	const char *start;
	char *slash;

	if (text_unbase64(&json, token, strlen(token)) || json.failed ||
	    doc_parse(c->arena, json.p ? json.p : "", json.len, &d, NULL))
		return fail_bad_request(c, "invalid continue token: continue key is not valid: it is not one of ours");
	v = yyjson_doc_get_root(d);
	start = doc_str(v, "start");
	if (!doc_str(v, "v") || strcmp(doc_str(v, "v"), "meta.k8s.io/v1") || !start || !*start)
		return fail_bad_request(c, "invalid continue token: continue key is not valid: server does not recognize this encoded version");
	l->token_rev = doc_int(v, "rv", 0);
	l->seen = doc_int(v, "seen", 0);
	if (l->token_rev == 0)
		return fail_bad_request(c, "invalid continue token: continue key is not valid: incorrect encoded start resourceVersion");
	slash = strchr(start, '/');
	if (slash) {
		l->after_ns = arena_strndup(c->arena, start, (size_t)(slash - start));
		l->after_name = arena_strdup(c->arena, slash + 1);
	} else {
		l->after_ns = l->ns ? l->ns : "";
		l->after_name = arena_strdup(c->arena, start);
	}
	return l->after_ns && l->after_name ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
}

/* ---- what is asked for ---- */

static enum step bad_match(struct call *c, const char *fmt, const char *arg)
{
	return fail_option(c, "ListOptions", "resourceVersionMatch", "FieldValueForbidden", fmt, arg);
}

static enum step read_options(struct call *c, struct listing *l)
{
	const char *rv = param(c, "resourceVersion"), *match = param(c, "resourceVersionMatch");
	const char *token = param(c, "continue");
	bool bad = false, bad_rv = false;

	param_int(c, "limit", &l->limit, &bad);
	param_int(c, "resourceVersion", &l->rv, &bad_rv);
	if (bad || l->limit < 0)
		return fail_bad_request(c, "limit is not a number of objects");
	if (bad_rv || l->rv < 0)
		return fail_bad_request(c, "resourceVersion: Invalid value: \"%s\": strconv.ParseUint: parsing "
			"\"%s\": invalid syntax", rv, rv);
	if (token && *token) {
		if (match && *match)
			return bad_match(c, "Forbidden: resourceVersionMatch is forbidden when continue is provided%s", "");
		if (rv && *rv && strcmp(rv, "0"))
			return fail_bad_request(c, "specifying resource version is not allowed when using continue");
		return read_token(c, l, token);
	}
	if (match && *match) {
		if (!rv || !*rv)
			return bad_match(c, "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided%s", "");
		if (!strcmp(match, "Exact")) {
			if (!strcmp(rv, "0"))
				return bad_match(c, "Forbidden: resourceVersionMatch \"%s\" is forbidden for resourceVersion \"0\"", match);
			l->exact = true;
		} else if (strcmp(match, "NotOlderThan")) {
			return fail_option(c, "ListOptions", "resourceVersionMatch", "FieldValueNotSupported",
				"Unsupported value: \"%s\": supported values: \"Exact\", \"NotOlderThan\", \"\"", match);
		}
	} else if (l->limit && l->rv > 0) {
		l->exact = true;       /* what limit with a revision always meant */
	}
	return l->rv > cache_rev(c->api->cache) ? fail_too_large_rv(c, l->rv) : STEP_NEXT;
}

/* ---- picking ---- */

bool list_add(struct listing *l, struct cache_obj *o, struct blob *json)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 256;
		struct list_item *v = realloc(l->items, cap * sizeof(*v));

		if (!v) {
			l->failed = true;
			return false;
		}
		l->items = v;
		l->cap = cap;
	}
	l->items[l->n++] = (struct list_item){ o ? cache_obj_ref(o) : NULL, json ? blob_ref(json) : NULL };
	return true;
}

static bool pick(void *arg, struct cache_obj *o)
{
	struct listing *l = arg;

	if (l->limit && l->n >= (size_t)l->limit) {
		l->remaining = 1;
		return false;
	}
	view_reset(l->c);
	if (!filter_match(l->c, &l->f, o))
		return true;
	if (!list_add(l, o, NULL))
		return false;
	l->last = o;
	return true;
}

static void pick_on_node(struct listing *l)
{
	cache_each_on_node(l->c->api->cache, l->f.node, pick, l);
}

void list_free(struct listing *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++) {
		cache_obj_unref(l->items[i].o);
		blob_unref(l->items[i].json);
	}
	free(l->items);
	free(l);
}

/* Has the resource not changed since rev? */
static void nothing(void *arg)
{
	(void)arg;
}

static bool unchanged_since(struct call *c, const struct listing *l, int64_t rev)
{
	struct cache_watch *w;
	struct cache_event *ev;
	bool same;

	if (rev >= cache_rev(c->api->cache))
		return true;
	if (cache_watch_open(&w, c->api->cache, c->kind->store, l->ns, NULL, NULL, rev, nothing, NULL))
		return false;
	same = cache_watch_next(w, &ev) == -ERR_AGAIN;
	cache_watch_close(w);
	return same;
}

/* ---- writing ---- */

static void list_meta(struct buf *b, const struct listing *l)
{
	buf_printf(b, "{\"resourceVersion\":\"%lld\"", (long long)l->rev);
	if (l->token)
		buf_printf(b, ",\"continue\":\"%s\"", l->token);
	if (l->token && l->f.everything && l->remaining > 0)
		buf_printf(b, ",\"remainingItemCount\":%lld", (long long)l->remaining);
	buf_addc(b, '}');
}

static yyjson_val *item_tree(struct listing *l, size_t i, yyjson_doc **ret_doc)
{
	struct list_item *it = &l->items[i];

	*ret_doc = NULL;
	if (it->o)
		return view_tree(l->c, it->o);
	*ret_doc = yyjson_read(it->json->p, it->json->len, 0);
	return yyjson_doc_get_root(*ret_doc);
}

static int item_json(struct listing *l, size_t i, struct buf *b)
{
	struct list_item *it = &l->items[i];
	const char *json, *rest;
	size_t n;

	if (it->o) {
		json = view_json(l->c, it->o, &n);
		if (!json)
			return -ERR_NOMEM;
	} else {
		json = it->json->p;
		n = it->json->len;
	}
	rest = shape_skip_type(json, n);
	if (rest) {
		buf_addc(b, '{');
		buf_add(b, rest, (size_t)(json + n - rest));
	} else {
		buf_add(b, json, n);
	}
	return 0;
}

/* Item i in the form of the answer, with what goes before it. */
static int item(struct listing *l, size_t i, struct buf *b)
{
	struct call *c = l->c;
	yyjson_doc *d;
	yyjson_val *tree;
	const char *json;
	size_t n;
	int rc = 0;

	view_reset(c);
	if (i && c->media != MEDIA_PROTO)
		buf_addc(b, ',');
	if (c->view == VIEW_OBJECT && c->media != MEDIA_PROTO)
		return item_json(l, i, b);
	tree = item_tree(l, i, &d);
	if (!tree)
		return -ERR_NOMEM;
	if (c->view == VIEW_TABLE) {
		if (l->items[i].o) {
			json = view_json(c, l->items[i].o, &n);
		} else {
			json = l->items[i].json->p;
			n = l->items[i].json->len;
		}
		rc = json ? table_row(c, b, c->kind, json, n, tree) : -ERR_NOMEM;
	} else if (c->media == MEDIA_PROTO) {
		BUF_AUTO struct buf raw = { 0 };

		rc = c->view == VIEW_PARTIAL ? partial_proto(&raw, tree, c->view_beta, false)
			: kinds_encode_proto_message(&raw, c->kind->type, tree, NULL);
		proto_field(b, 2, raw.p ? raw.p : "", raw.len);
	} else {
		partial_json(c, b, tree);
	}
	yyjson_doc_free(d);
	return rc;
}

static void begin(struct listing *l, struct buf *b)
{
	struct call *c = l->c;
	BUF_AUTO struct buf meta = { 0 };

	list_meta(&meta, l);
	if (c->view == VIEW_TABLE)
		table_begin(c, b, c->kind, meta.p ? meta.p : "{}", true);
	else if (c->view == VIEW_PARTIAL)
		buf_printf(b, "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/%s\","
			"\"metadata\":%s,\"items\":[", c->view_beta ? "v1beta1" : "v1", meta.p ? meta.p : "{}");
	else
		buf_printf(b, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":%s,\"items\":[",
			c->kind->list_kind, c->kind->api_version, meta.p ? meta.p : "{}");
	b->failed |= meta.failed;
}

/* A protobuf list says its length first, so it is made whole. */
static enum step send_proto(struct listing *l)
{
	struct call *c = l->c;
	BUF_AUTO struct buf meta = { 0 };
	BUF_AUTO struct buf raw = { 0 };
	struct buf out = { 0 };
	char rv[24];
	bool partial = c->view == VIEW_PARTIAL;

	snprintf(rv, sizeof(rv), "%lld", (long long)l->rev);
	proto_field(&meta, 1, "", 0);
	proto_field(&meta, 2, rv, strlen(rv));
	proto_field(&meta, 3, l->token ? l->token : "", l->token ? strlen(l->token) : 0);
	if (l->token && l->f.everything && l->remaining > 0)
		proto_varint_field(&meta, 4, (uint64_t)l->remaining);
	proto_field(&raw, 1, meta.p, meta.len);
	for (size_t i = 0; i < l->n; i++)
		if (item(l, i, &raw))
			return fail_err(c, -ERR_NOMEM, NULL);
	proto_envelope(&out, partial ? c->view_beta ? "meta.k8s.io/v1beta1" : "meta.k8s.io/v1" : c->kind->api_version,
		partial ? "PartialObjectMetadataList" : c->kind->list_kind, raw.p, raw.len);
	out.failed |= raw.failed || meta.failed;
	return reply_buf(c, 200, &out, "application/vnd.kubernetes.protobuf");
}

static void stream_more(void *ctx)
{
	struct call *c = ctx;
	struct listing *l = c->work;

	while (c->http && l && l->sent < l->n && http_stream_pending(c->http) < PENDING_MAX) {
		BUF_AUTO struct buf b = { 0 };
		struct blob *piece;

		while (l->sent < l->n && b.len < WHOLE_MAX) {
			if (item(l, l->sent, &b) || b.failed) {
				http_abort(c->http);
				return;
			}
			l->sent++;
		}
		if (l->sent == l->n)
			buf_adds(&b, "]}");
		piece = b.failed ? NULL : blob_new(b.p, b.len);
		if (!piece) {
			http_abort(c->http);
			return;
		}
		http_stream_write(c->http, piece);
		blob_unref(piece);
	}
	if (c->http && l && l->sent == l->n)
		http_stream_end(c->http);
}

static void stream_canceled(struct call *c)
{
	list_free(c->work);
	c->work = NULL;
}

enum step list_send(struct listing *l)
{
	struct call *c = l->c;
	struct buf b = { 0 };
	enum step step;

	if (l->failed) {
		list_free(l);
		return fail_err(c, -ERR_NOMEM, NULL);
	}
	if (c->media == MEDIA_PROTO) {
		step = send_proto(l);
		list_free(l);
		return step;
	}
	begin(l, &b);
	while (l->sent < l->n && (!c->http || b.len < WHOLE_MAX)) {
		if (item(l, l->sent, &b)) {
			buf_finish(&b);
			list_free(l);
			return fail_err(c, -ERR_INTERNAL, NULL);
		}
		l->sent++;
	}
	if (l->sent == l->n) {
		buf_adds(&b, "]}");
		list_free(l);
		return reply_buf(c, 200, &b, c->media == MEDIA_YAML ? "application/yaml" : "application/json");
	}
	if (b.failed) {
		buf_finish(&b);
		list_free(l);
		return fail_err(c, -ERR_NOMEM, NULL);
	}
	c->status = 200;
	metrics_count(c->api->metrics, c);
	c->work = l;
	c->cancel = stream_canceled;
	reply_headers(c, c->media == MEDIA_YAML ? "application/yaml" : "application/json");
	http_stream_begin(c->http, 200);
	http_stream_writec(c->http, b.p, b.len);
	buf_finish(&b);
	http_stream_on_drained(c->http, stream_more);
	stream_more(c);
	return STEP_END;
}

enum step serve_list(struct call *c)
{
	struct listing *l;
	enum step step;
	int64_t want;

	if (!c->kind->store) {         /* kinds that are never stored have empty lists */
		l = calloc(1, sizeof(*l));
		if (!l)
			return fail_err(c, -ERR_NOMEM, NULL);
		l->c = c;
		l->rev = cache_rev(c->api->cache);
		return list_send(l);
	}
	l = calloc(1, sizeof(*l));
	if (!l)
		return fail_err(c, -ERR_NOMEM, NULL);
	l->c = c;
	l->ns = c->kind->namespaced && *c->ns ? c->ns : c->kind->namespaced ? NULL : "";
	step = filter_parse(c, &l->f);
	if (step == STEP_NEXT)
		step = read_options(c, l);
	if (step != STEP_NEXT) {
		list_free(l);
		return step;
	}
	want = l->token_rev > 0 ? l->token_rev : l->exact ? l->rv : 0;
	if (want && !unchanged_since(c, l, want))
		return pages_load(l, want);
	l->rev = want ? want : cache_rev(c->api->cache);
	if (l->f.node && l->ns == NULL && !l->limit && !l->after_name)
		pick_on_node(l);
	else if (l->f.name && l->ns && !l->after_name) {
		struct cache_obj *o = cache_get(c->api->cache, c->kind->store, l->ns, l->f.name);

		if (o)
			pick(l, o);
	} else {
		cache_each(c->api->cache, c->kind->store, l->ns, l->after_ns, l->after_name, pick, l);
	}
	if (l->remaining && l->last) {
		/* Only a list without selectors says how much is left. */
		if (l->f.everything)
			l->remaining = (int64_t)cache_count(c->api->cache, c->kind->store, l->ns) - l->seen - (int64_t)l->n;
		l->token = list_token(l, l->rev, l->last->ns, l->last->name);
		if (!l->token)
			l->failed = true;
	}
	return list_send(l);
}
