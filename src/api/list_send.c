/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list_send - a list on its way out: small ones in one piece, large ones piece by piece
 * as the client takes them and its user's turns come.
 *
 *	JSON      begin, items ..., end             sent as they are made
 *	protobuf  every length goes before its bytes, so the items are made twice: counted,
 *	          then sent as JSON is; nothing waits in memory
 *
 * Source: apimachinery pkg/runtime/generated.proto (Unknown), KEP-5116 (the same idea
 * upstream).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/list.h"
#include "http/http.h"

#define PIECE_BYTES (128u << 10)   /* answers up to here are sent in one */
#define PENDING_MAX (256u << 10)   /* unsent bytes before we wait for the client */

/* ---- items ---- */

static void list_meta(struct buf *b, const struct listing *l)
{
	buf_printf(b, "{\"resourceVersion\":\"%lld\"", (long long)l->rev);
	if (l->token)
		buf_printf(b, ",\"continue\":\"%s\"", l->token);
	if (l->token && l->f.everything && l->remaining > 0)
		buf_printf(b, ",\"remainingItemCount\":%lld", (long long)l->remaining);
	buf_addc(b, '}');
}

static int item_json(struct listing *l, size_t i, struct buf *b)
{
	const char *json, *rest;
	size_t n;

	json = view_json(l->c, l->items[i], &n);
	if (!json)
		return -ERR_NOMEM;
	rest = l->c->kind->custom ? NULL : shape_skip_type(json, n);   /* custom objects name their kind everywhere */
	if (rest) {
		buf_addc(b, '{');
		buf_add(b, rest, (size_t)(json + n - rest));
	} else {
		buf_add(b, json, n);
	}
	return 0;
}

static int item_proto(struct call *c, yyjson_val *tree, struct buf *b)
{
	BUF_AUTO struct buf raw = { 0 };
	int rc = c->view == VIEW_PARTIAL ? partial_proto(&raw, tree, c->view_beta, false)
		: kinds_encode_proto_message(&raw, c->kind->type, tree, NULL);

	proto_field(b, 2, raw.p ? raw.p : "", raw.len);
	b->failed |= raw.failed;
	return rc;
}

/* Item i in the form of the answer, with what goes before it. */
static int item(struct listing *l, size_t i, struct buf *b)
{
	struct call *c = l->c;
	yyjson_val *tree;
	const char *json;
	size_t n;

	view_reset(c);
	if (i && c->media != MEDIA_PROTO)
		buf_addc(b, ',');
	if (c->view == VIEW_OBJECT && c->media != MEDIA_PROTO)
		return item_json(l, i, b);
	tree = view_tree(c, l->items[i]);
	if (!tree)
		return -ERR_NOMEM;
	if (c->view == VIEW_TABLE) {
		json = view_json(c, l->items[i], &n);
		return json ? table_row(c, b, c->kind, json, n, tree) : -ERR_NOMEM;
	}
	if (c->media == MEDIA_PROTO)
		return item_proto(c, tree, b);
	partial_json(c, b, tree);
	return 0;
}

/* Items from l->sent on, until there are enough bytes. */
static bool add_items(struct listing *l, struct buf *b, size_t enough)
{
	while (l->sent < l->n && b->len < enough) {
		if (item(l, l->sent, b))
			return false;
		l->sent++;
	}
	return !b->failed;
}

/* ---- JSON ---- */

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

static void send_canceled(struct call *c)
{
	list_free(c->work);
	c->work = NULL;
}

/* Items as they are in the cache, without kind and apiVersion: nothing is copied. */
static bool send_shared(struct listing *l)
{
	struct call *c = l->c;

	while (l->sent < l->n && http_stream_pending(c->http) < PENDING_MAX) {
		struct blob *json = l->items[l->sent++]->json;
		const char *rest = shape_skip_type(json->p, json->len);

		if (!rest)
			return false;
		http_stream_write(c->http, c->api->list_next);
		http_stream_write_from(c->http, json, (uint32_t)(rest - json->p));
		flow_charge(c, json->len);
	}
	return true;
}

static bool send_made(struct listing *l)
{
	BUF_AUTO struct buf b = { 0 };

	if (!add_items(l, &b, PIECE_BYTES))
		return false;
	flow_charge(l->c, b.len);
	l->made_bytes += b.len;
	http_stream_writec(l->c->http, b.p, b.len);
	return true;
}

/* What follows the last item. False: the items are not what was counted. */
static bool send_end(struct listing *l)
{
	struct call *c = l->c;
	BUF_AUTO struct buf b = { 0 };

	if (c->media != MEDIA_PROTO)
		buf_adds(&b, "]}");
	else if (l->made_bytes == l->raw_bytes)
		proto_envelope_end(&b);
	if (!b.p || b.failed)
		return false;
	http_stream_writec(c->http, b.p, b.len);
	http_stream_end(c->http);
	return true;
}

/* A turn: the next piece. */
static void more(struct call *c)
{
	struct listing *l = c->work;

	if (!l || !c->http || http_stream_pending(c->http) >= PENDING_MAX)
		return;
	if (!(l->shared ? send_shared(l) : send_made(l)) || (l->sent == l->n && !send_end(l)))
		http_abort(c->http);
}

static void drained(void *ctx)
{
	struct call *c = ctx;
	struct listing *l = c->work;

	if (l && l->sent < l->n)
		flow_run(c, more);
}

static const char *content_type(const struct call *c)
{
	return c->media == MEDIA_PROTO ? "application/vnd.kubernetes.protobuf" :
		c->media == MEDIA_YAML ? "application/yaml" : "application/json";
}

static void begin_stream(struct listing *l)
{
	struct call *c = l->c;

	c->status = 200;
	metrics_count(c->api->metrics, c);
	c->work = l;
	c->cancel = send_canceled;
	reply_headers(c, content_type(c));
	http_stream_begin(c->http, 200);
	http_stream_on_drained(c->http, drained);
}

static enum step fail_here(struct listing *l, struct buf *b, int rc)
{
	struct call *c = l->c;

	buf_finish(b);
	list_free(l);
	return rc == -ERR_FULL ? fail_busy(c, 429, 1, "too many large lists are being sent to this user; "
		"list in pages, or try again later") : fail_err(c, rc, NULL);
}

static enum step send_json(struct listing *l)
{
	struct call *c = l->c;
	struct buf b = { 0 };

	begin(l, &b);
	if (!add_items(l, &b, c->http ? PIECE_BYTES : SIZE_MAX))
		return fail_here(l, &b, -ERR_INTERNAL);
	if (l->sent == l->n) {
		buf_adds(&b, "]}");
		list_free(l);
		return reply_buf(c, 200, &b, content_type(c));
	}
	if (!flow_widen(c))
		return fail_here(l, &b, -ERR_FULL);
	l->shared = c->view == VIEW_OBJECT && !c->kind->custom && !convert_needed(c);
	begin_stream(l);
	flow_charge(c, b.len);
	http_stream_writec(c->http, b.p, b.len);
	buf_finish(&b);
	if (!strcmp(c->method, "HEAD"))
		http_stream_end(c->http);
	return STEP_END;
}

/* ---- protobuf ---- */

static void proto_meta(struct listing *l, struct buf *b)
{
	BUF_AUTO struct buf meta = { 0 };
	char rv[24];

	snprintf(rv, sizeof(rv), "%lld", (long long)l->rev);
	proto_field(&meta, 1, "", 0);
	proto_field(&meta, 2, rv, strlen(rv));
	proto_field(&meta, 3, l->token ? l->token : "", l->token ? strlen(l->token) : 0);
	if (l->token && l->f.everything && l->remaining > 0)
		proto_varint_field(&meta, 4, (uint64_t)l->remaining);
	proto_field(b, 1, meta.p, meta.len);
	b->failed |= meta.failed;
}

static void proto_begin(struct listing *l, struct buf *b, size_t raw_bytes)
{
	struct call *c = l->c;
	bool partial = c->view == VIEW_PARTIAL;

	proto_envelope_begin(b, partial ? c->view_beta ? "meta.k8s.io/v1beta1" : "meta.k8s.io/v1" :
		c->kind->api_version, partial ? "PartialObjectMetadataList" : c->kind->list_kind, raw_bytes);
}

/* The items are counted: again from the first, and out. */
static void proto_send(struct listing *l)
{
	struct call *c = l->c;
	BUF_AUTO struct buf head = { 0 };
	BUF_AUTO struct buf meta = { 0 };
	BUF_AUTO struct buf tail = { 0 };
	char length[24];

	proto_begin(l, &head, l->raw_bytes);
	proto_envelope_end(&tail);
	proto_meta(l, &meta);
	if (head.failed || meta.failed || tail.failed) {
		http_abort(c->http);
		return;
	}
	l->sent = 0;
	l->made_bytes = meta.len;
	snprintf(length, sizeof(length), "%zu", head.len + l->raw_bytes + tail.len);
	http_set_header(c->http, "content-length", length);
	begin_stream(l);
	http_stream_writec(c->http, head.p, head.len);
	http_stream_writec(c->http, meta.p, meta.len);
	if (!strcmp(c->method, "HEAD"))
		http_stream_end(c->http);
}

/* A turn: count some. */
static void proto_count(struct call *c)
{
	struct listing *l = c->work;
	BUF_AUTO struct buf b = { 0 };

	if (!l || !c->http)
		return;
	if (!add_items(l, &b, PIECE_BYTES)) {
		http_abort(c->http);
		return;
	}
	l->raw_bytes += b.len;
	if (l->sent < l->n)
		flow_later(c, proto_count);
	else
		proto_send(l);
}

static enum step send_proto(struct listing *l)
{
	struct call *c = l->c;
	BUF_AUTO struct buf raw = { 0 };
	struct buf out = { 0 };

	proto_meta(l, &raw);
	if (!add_items(l, &raw, c->http ? PIECE_BYTES : SIZE_MAX))
		return fail_here(l, &out, -ERR_INTERNAL);
	if (l->sent == l->n) {
		proto_begin(l, &out, raw.len);
		buf_add(&out, raw.p, raw.len);
		proto_envelope_end(&out);
		list_free(l);
		return reply_buf(c, 200, &out, content_type(c));
	}
	if (!flow_widen(c))
		return fail_here(l, &out, -ERR_FULL);
	l->raw_bytes = raw.len;
	c->work = l;
	c->cancel = send_canceled;
	flow_later(c, proto_count);
	return STEP_END;
}

enum step list_send(struct listing *l)
{
	struct buf none = { 0 };

	if (!l->c->http && !l->c->done) {   /* the client went away: nobody reads it */
		list_free(l);
		return STEP_END;
	}
	if (l->failed)
		return fail_here(l, &none, -ERR_NOMEM);
	return l->c->media == MEDIA_PROTO ? send_proto(l) : send_json(l);
}
