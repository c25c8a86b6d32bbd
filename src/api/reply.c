/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply - the answer in the form the client asked for. Most answers are the cache's
 * own bytes, shared.
 */
#include <stdio.h>
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "http/http.h"

void flow_headers(struct call *c)
{
	if (!c->flow_schema || !c->flow_level)
		return;
	http_set_header(c->http, "x-kubernetes-pf-flowschema-uid", c->flow_schema);
	http_set_header(c->http, "x-kubernetes-pf-prioritylevel-uid", c->flow_level);
}

void reply_headers(struct call *c, const char *content_type)
{
	struct http_req *r = c->http;

	http_set_header(r, "content-type", content_type);
	http_set_header(r, "cache-control", c->cache_control ? c->cache_control : "no-cache, private");
	if (c->audit_id)
		http_set_header(r, "audit-id", c->audit_id);
	if (c->retry_s) {
		char s[16];

		snprintf(s, sizeof(s), "%d", c->retry_s);
		http_set_header(r, "retry-after", s);
	}
	flow_headers(c);
	warn_headers(c);
}

enum step reply_obj(struct call *c, int status, struct cache_obj *o)
{
	c->status = status;
	c->out_obj = cache_obj_ref(o);
	return STEP_REPLY;
}

enum step reply_json(struct call *c, int status, struct blob *json, const struct kinds_kind *k)
{
	if (!json)
		return fail_err(c, -ERR_NOMEM, NULL);
	c->status = status;
	c->out_json = json;
	c->out_kind = k;
	return STEP_REPLY;
}

enum step reply_mut(struct call *c, int status, yyjson_mut_val *v)
{
	BUF_AUTO struct buf b = { 0 };

	if (doc_mwrite(&b, v) || b.failed)
		return fail_err(c, -ERR_NOMEM, NULL);
	return reply_json(c, status, blob_new(b.p, b.len), c->kind);
}

enum step reply_bytes(struct call *c, int status, struct blob *out, const char *type)
{
	blob_unref(c->out);
	c->out = out ? out : blob_new("", 0);
	c->status = out ? status : 500;
	c->out_type = type;
	return STEP_REPLY;
}

enum step reply_buf(struct call *c, int status, struct buf *b, const char *type)
{
	struct blob *out = b->failed ? NULL : blob_new(b->p ? b->p : "", b->len);

	buf_finish(b);
	return reply_bytes(c, status, out, type);
}

enum step reply_deleted(struct call *c, const char *name, const char *uid)
{
	struct buf b = { 0 };

	buf_adds(&b, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\",\"details\":{\"name\":");
	buf_add_json(&b, name, strlen(name));
	if (*c->group) {
		buf_adds(&b, ",\"group\":");
		buf_add_json(&b, c->group, strlen(c->group));
	}
	buf_adds(&b, ",\"kind\":");
	buf_add_json(&b, c->resource, strlen(c->resource));
	buf_adds(&b, ",\"uid\":");
	buf_add_json(&b, uid ? uid : "", uid ? strlen(uid) : 0);
	buf_adds(&b, "}}");
	return reply_buf(c, 200, &b, "application/json");
}

/* ---- forms ---- */

static const char *plain_type(const struct call *c)
{
	/* JSON is YAML: who asks for YAML gets the flow style. */
	return c->media == MEDIA_YAML ? "application/yaml" : "application/json";
}

static struct blob *as_table(struct call *c, const char *json, size_t n, yyjson_val *tree)
{
	BUF_AUTO struct buf b = { 0 };
	BUF_AUTO struct buf meta = { 0 };
	const char *rv = doc_str(tree, "metadata.resourceVersion");
	const struct kinds_kind *k = c->scale ? kinds_scale_view() : c->kind;

	buf_adds(&meta, "{\"resourceVersion\":");
	buf_add_json(&meta, rv ? rv : "", rv ? strlen(rv) : 0);
	buf_addc(&meta, '}');
	table_begin(c, &b, k, meta.failed ? "{}" : meta.p, true);
	if (table_row(c, &b, k, json, n, tree))
		return NULL;
	buf_adds(&b, "]}");
	return b.failed ? NULL : blob_new(b.p, b.len);
}

static struct blob *as_partial(struct call *c, yyjson_val *tree)
{
	BUF_AUTO struct buf b = { 0 };

	if (c->media == MEDIA_PROTO) {
		if (partial_proto(&b, tree, c->view_beta, true))
			return NULL;
	} else {
		partial_json(c, &b, tree);
	}
	return b.failed ? NULL : blob_new(b.p, b.len);
}

static struct blob *as_proto(struct call *c, yyjson_val *tree)
{
	BUF_AUTO struct buf b = { 0 };
	char group[254], version[64];
	const char *kind = doc_str(tree, "kind"), *av = doc_str(tree, "apiVersion");
	const struct kinds_type *t = NULL;

	if (kind && av) {
		kinds_split_api_version(av, group, version);
		t = kinds_type_by_gvk(group, version, kind);
	}
	if (!t || kinds_encode_proto(&b, t, tree, NULL))
		return NULL;
	return b.failed ? NULL : blob_new(b.p, b.len);
}

/* The answer's bytes; *ret_type its content type. NULL: it could not be made. */
static struct blob *render(struct call *c, const char **ret_type)
{
	const char *json;
	size_t n;
	yyjson_val *tree;

	*ret_type = plain_type(c);
	if (c->view == VIEW_OBJECT && c->media != MEDIA_PROTO) {
		if (c->out_json)
			return blob_ref(c->out_json);
		json = view_json(c, c->out_obj, &n);
		if (!json)
			return NULL;
		return json == c->out_obj->json->p ? blob_ref(c->out_obj->json) : blob_new(json, n);
	}
	if (c->out_json) {
		yyjson_doc *d;

		if (doc_parse(c->arena, c->out_json->p, c->out_json->len, &d, NULL))
			return NULL;
		json = c->out_json->p;
		n = c->out_json->len;
		tree = yyjson_doc_get_root(d);
	} else {
		json = view_json(c, c->out_obj, &n);
		tree = view_tree(c, c->out_obj);
	}
	if (!tree || !json)
		return NULL;
	if (c->view == VIEW_TABLE)
		return as_table(c, json, n, tree);
	if (c->media == MEDIA_PROTO) {
		struct blob *b = c->view == VIEW_PARTIAL ? as_partial(c, tree) : as_proto(c, tree);

		if (b)
			*ret_type = "application/vnd.kubernetes.protobuf";
		else if (c->view == VIEW_OBJECT)
			b = blob_new(json, n);     /* clients go by the content type */
		return b;
	}
	return as_partial(c, tree);
}

static void send_inside(struct call *c)
{
	api_done_fn *done = c->done;
	struct blob *b = c->out ? c->out : c->out_json;
	size_t n;

	c->done = NULL;
	if (!b && c->out_obj && convert_needed(c)) {
		const char *json = view_json(c, c->out_obj, &n);

		c->out_json = b = json ? blob_new(json, n) : NULL;
	} else if (!b && c->out_obj) {
		b = c->out_obj->json;
	}
	done(c->done_arg, b ? c->status : 500, b);
}

enum step stage_reply(struct call *c)
{
	struct blob *b, *send;
	const char *type;

	turn_end(c);
	metrics_count(c->api->metrics, c);
	if (c->done) {
		send_inside(c);
		return STEP_END;
	}
	if (!c->http)
		return STEP_END;
	if (c->out) {
		type = c->out_type;
		b = blob_ref(c->out);
	} else {
		b = render(c, &type);
	}
	if (!b) {
		static const char text[] = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
			"\"message\":\"the answer could not be encoded\",\"reason\":\"InternalError\",\"code\":500}";

		reply_headers(c, "application/json");
		http_reply(c->http, 500, text, sizeof(text) - 1);
		return STEP_END;
	}
	send = pretty(c, type, b);
	reply_headers(c, type);
	http_reply_blob(c->http, c->status, send);
	blob_unref(send);
	blob_unref(b);
	return STEP_END;
}
