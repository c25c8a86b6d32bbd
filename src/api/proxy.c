/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy - requests that are answered elsewhere: by the agent of a pod's node (log, exec,
 * attach, portforward, nodes/proxy), or by a pod (pods/proxy, services/proxy).
 *
 *   asked     the request was rewritten and sent
 *   head      the answer's head is being read
 *   body      its body is passed on as it comes; or
 *   raw       both sides agreed on another protocol: bytes both ways
 *
 * The client's own credentials never go further: towards agents the server shows its
 * certificate, towards pods nothing.
 * Source: kubernetes pkg/registry/core/pod/rest; apimachinery pkg/util/proxy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/proxy.h"
#include "http/http.h"

#define PENDING_MAX (256u << 10)
#define HEAD_MAX    (64u << 10)

/* ---- headers ---- */

static bool hop_by_hop(const char *name)
{
	static const char *const names[] = { "connection", "keep-alive", "proxy-connection", "transfer-encoding",
		"te", "trailer", "upgrade", "content-length" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

static bool private_header(const char *name)
{
	return !strcasecmp(name, "authorization") || !strncasecmp(name, "impersonate-", 12) ||
		!strcasecmp(name, "host") || *name == ':';
}

/* The subprotocol that carries a browser's token stays here. */
static void add_protocols(struct buf *b, const char *value)
{
	bool first = true;

	while (*value) {
		size_t n;

		value += strspn(value, ", ");
		n = strcspn(value, ", ");
		if (n && strncmp(value, "base64url.bearer.authorization.k8s.io.", 38)) {
			buf_adds(b, first ? "sec-websocket-protocol: " : ", ");
			buf_add(b, value, n);
			first = false;
		}
		value += n;
	}
	if (!first)
		buf_adds(b, "\r\n");
}

void proxy_request(struct proxy *px, const char *path, const char *query, size_t body_len)
{
	struct call *c = px->c;
	struct buf *b = &px->request;
	const char *name, *value;

	buf_printf(b, "%s %s%s%s HTTP/1.1\r\nhost: %s%s%s:%u\r\n", c->method, path, *query ? "?" : "", query,
		strchr(px->host, ':') ? "[" : "", px->host, strchr(px->host, ':') ? "]" : "", px->port);
	for (size_t it = 0; http_header_next(c->http, &it, &name, &value);) {
		if (hop_by_hop(name) || private_header(name))
			continue;
		if (!strcasecmp(name, "sec-websocket-protocol"))
			add_protocols(b, value);
		else
			buf_printf(b, "%s: %s\r\n", name, value);
	}
	if (px->upgrade)
		buf_printf(b, "connection: Upgrade\r\nupgrade: %s\r\n", http_header(c->http, "upgrade"));
	else
		buf_adds(b, "connection: close\r\n");
	if (body_len || strcmp(c->method, "GET"))
		buf_printf(b, "content-length: %zu\r\n", body_len);
	buf_adds(b, "\r\n");
}

/* ---- ends ---- */

static void proxy_free(struct proxy *px)
{
	tunnel_end(px->t);
	buf_finish(&px->request);
	buf_finish(&px->name);
	buf_finish(&px->value);
	free(px);
}

/* The client went away, or its answer is complete. */
static void canceled(struct call *c)
{
	struct proxy *px = c->work;

	c->work = NULL;
	c->cancel = NULL;
	if (!px || px->switched)
		return;                /* upgraded: the raw connection has its own end */
	px->ended = true;
	proxy_free(px);
	call_drop(c);
}

/* Nothing was answered yet: say why. */
static void refuse(struct proxy *px, const char *why)
{
	struct call *c = px->c;
	enum step step;

	c->work = NULL;
	c->cancel = NULL;
	step = fail_status(c, 502, "InternalError", NULL, 0, "error dialing backend: %s port %u: %s", px->host, px->port, why);
	proxy_free(px);
	call_resume(c, step);
	call_drop(c);
}

static void closed(void *arg, const char *why)
{
	struct proxy *px = arg;
	struct call *c = px->c;

	px->t = NULL;
	if (px->raw) {
		http_raw_close(px->raw);
		return;
	}
	if (!px->begun) {
		refuse(px, why ? why : "the connection was closed without an answer");
		return;
	}
	/* An answer without a length ends so. */
	http_parser_execute(&px->parser, &(http_parser_settings){ 0 }, NULL, 0);
	if (c->http && why)
		http_abort(c->http);
	else if (c->http)
		http_stream_end(c->http);
}

/* ---- the upgraded connection ---- */

static void raw_data(void *arg, const void *p, size_t n)
{
	struct proxy *px = arg;

	if (!px->t)
		return;
	if (!n) {
		tunnel_finish(px->t);
		return;
	}
	tunnel_write(px->t, p, n);
	if (tunnel_pending(px->t) > PENDING_MAX) {
		px->paused_here = true;
		http_raw_pause(px->raw, true);
	}
}

static void raw_drained(void *arg)
{
	struct proxy *px = arg;

	if (px->t && px->paused_there) {
		px->paused_there = false;
		tunnel_pause(px->t, false);
	}
}

static void raw_closed(void *arg)
{
	struct proxy *px = arg;
	struct call *c = px->c;

	px->raw = NULL;
	proxy_free(px);
	call_drop(c);
}

static const struct http_raw_ops raw_ops = { raw_data, raw_drained, raw_closed };

static void go_raw(struct proxy *px, const char *rest, size_t n)
{
	struct call *c = px->c;

	px->switched = true;
	c->status = 101;
	metrics_count(c->api->metrics, c);
	px->raw = http_upgrade(c->http, &raw_ops, px);
	if (!px->raw) {
		px->switched = false;
		http_abort(c->http);
		return;
	}
	if (n)
		http_raw_write(px->raw, rest, n);
}

/* ---- the answer ---- */

static int header_done(struct proxy *px)
{
	if (!px->in_value)
		return 0;
	px->in_value = false;
	if (px->c->http && px->name.p && (!hop_by_hop(px->name.p) ||
		    (px->upgrade && !strcasecmp(px->name.p, "upgrade")) ||
		    (!strcasecmp(px->name.p, "content-length") && !px->upgrade && px->parser.status_code == 304))) {
		for (char *p = px->name.p; *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p + 32);
		http_set_header(px->c->http, px->name.p, px->value.p ? px->value.p : "");
	}
	buf_clear(&px->name);
	buf_clear(&px->value);
	return 0;
}

static int on_name(http_parser *p, const char *at, size_t n)
{
	struct proxy *px = p->data;

	header_done(px);
	buf_add(&px->name, at, n);
	px->head_bytes += n;
	return px->name.failed || px->head_bytes > HEAD_MAX;
}

static int on_value(http_parser *p, const char *at, size_t n)
{
	struct proxy *px = p->data;

	px->in_value = true;
	buf_add(&px->value, at, n);
	px->head_bytes += n;
	return px->value.failed || px->head_bytes > HEAD_MAX;
}

static int on_head(http_parser *p)
{
	struct proxy *px = p->data;
	struct call *c = px->c;

	header_done(px);
	if (p->status_code == 100)
		return 0;
	px->begun = true;
	if (p->status_code == 101)
		return px->upgrade ? 2 : 1;
	if (!c->http)
		return 1;
	c->status = p->status_code;
	metrics_count(c->api->metrics, c);
	if (c->audit_id)
		http_set_header(c->http, "audit-id", c->audit_id);
	flow_headers(c);
	http_set_header(c->http, "cache-control", "no-cache, private");
	http_stream_begin(c->http, p->status_code);
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
	struct proxy *px = p->data;
	struct call *c = px->c;

	if (!c->http)
		return 1;
	http_stream_writec(c->http, at, n);
	if (px->t && http_stream_pending(c->http) > PENDING_MAX) {
		px->paused_there = true;
		tunnel_pause(px->t, true);
	}
	return 0;
}

static int on_end(http_parser *p)
{
	struct proxy *px = p->data;

	if (p->status_code == 100 || p->status_code == 101)
		return 0;
	px->ended = true;
	return 0;
}

static const http_parser_settings settings = { .on_header_field = on_name, .on_header_value = on_value,
	.on_headers_complete = on_head, .on_body = on_body, .on_message_complete = on_end };

static void data(void *arg, const void *p, size_t n)
{
	struct proxy *px = arg;
	struct call *c = px->c;
	size_t used;

	if (px->raw) {
		http_raw_write(px->raw, p, n);
		if (http_raw_pending(px->raw) > PENDING_MAX) {
			px->paused_there = true;
			tunnel_pause(px->t, true);
		}
		return;
	}
	used = http_parser_execute(&px->parser, &settings, p, n);
	if (px->parser.upgrade && px->parser.status_code == 101) {
		go_raw(px, (const char *)p + used, n - used);
		return;
	}
	if (px->parser.http_errno != HPE_OK) {
		if (px->begun && c->http)
			http_abort(c->http);
		else if (!px->begun)
			refuse(px, http_errno_description((enum http_errno)px->parser.http_errno));
		return;
	}
	if (px->ended && c->http)
		http_stream_end(c->http);
}

static void drained(void *arg)
{
	struct proxy *px = arg;

	if (px->raw && px->paused_here) {
		px->paused_here = false;
		http_raw_pause(px->raw, false);
	}
}

static void client_drained(void *ctx)
{
	struct call *c = ctx;
	struct proxy *px = c->work;

	if (px && px->t && px->paused_there) {
		px->paused_there = false;
		tunnel_pause(px->t, false);
	}
}

static void opened(void *arg)
{
	struct proxy *px = arg;

	tunnel_write(px->t, px->request.p, px->request.len);
	buf_finish(&px->request);
}

static const struct tunnel_ops ops = { opened, data, drained, closed };

static enum step begin(struct proxy *px)
{
	struct call *c = px->c;
	struct err e = { 0 };

	if (px->request.failed) {
		proxy_free(px);
		return fail_err(c, -ERR_NOMEM, NULL);
	}
	http_parser_init(&px->parser, HTTP_RESPONSE);
	px->parser.data = px;
	if (tunnel_connect(&px->t, c->api->loop, px->tls ? c->api->tunnel : NULL, px->host, px->port, px->node,
		    &ops, px, &e)) {
		enum step step = fail_status(c, 502, "InternalError", NULL, 0, "error dialing backend: %s", e.msg);

		proxy_free(px);
		return step;
	}
	c->work = px;
	c->cancel = canceled;
	http_stream_on_drained(c->http, client_drained);
	call_hold(c);
	return STEP_WAIT;
}

static void body_read(void *arg, struct http_req *r, int rc, const char *p, size_t n)
{
	struct proxy *px = arg;
	struct call *c = px->c;
	enum step step;

	if (rc == -ERR_CANCELED) {
		proxy_free(px);
		call_drop(c);
		return;
	}
	if (rc) {
		proxy_free(px);
		step = fail_err(c, rc, NULL);
	} else {
		proxy_request(px, c->tail && *c->tail ? c->tail : "/", c->query, n);
		buf_add(&px->request, p, n);
		step = begin(px);
	}
	call_resume(c, step);
	call_drop(c);
}

enum step proxy_serve(struct call *c)
{
	const char *up;
	struct proxy *px;
	enum step step;

	if (!c->http)
		return fail_bad_request(c, "a connection to a pod needs a connection");
	/* What becomes part of the request line must not end it. */
	for (const char *p = c->tail; p && *p; p++)
		if ((unsigned char)*p <= ' ')
			return fail_bad_request(c, "the request's URL is not well-formed");
	for (const char *p = c->query; *p; p++)
		if ((unsigned char)*p <= ' ')
			return fail_bad_request(c, "the request's URL is not well-formed");
	px = calloc(1, sizeof(*px));
	if (!px)
		return fail_err(c, -ERR_NOMEM, NULL);
	px->c = c;
	up = http_header(c->http, "upgrade");
	px->upgrade = up && *up;
	step = proxy_target(px);
	if (step != STEP_NEXT) {
		proxy_free(px);
		return step;
	}
	if (!strcmp(c->sub, "exec") || !strcmp(c->sub, "attach") || !strcmp(c->sub, "portforward")) {
		if (!px->upgrade || http_is_h2(c->http)) {
			proxy_free(px);
			return fail_bad_request(c, "Upgrade request required");
		}
	}
	if (strcmp(c->sub, "proxy"))
		return begin(px);
	if (px->upgrade) {
		proxy_request(px, c->tail && *c->tail ? c->tail : "/", c->query, 0);
		return begin(px);
	}
	call_hold(c);
	http_read_body(c->http, API_BODY_MAX, body_read, px);
	return STEP_WAIT;
}
