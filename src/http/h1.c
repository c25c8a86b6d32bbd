/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1 - HTTP/1.0 and 1.1 of one connection, over http-parser. One request at a time:
 * what a client sends behind it waits in `in`, unparsed, until its answer is out.
 *
 *	between -> head -> (handed) body -> received --\
 *	   ^                   \-> answered ------------> both: next, or finish
 *
 * Source: RFC 9112.
 */
#define LOG_MODULE "http"

#include <http_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "http/http_priv.h"

#define OUT_AHEAD     (64u << 10)   /* answers of pipelined requests collected before one write */
#define SMALL_BODY    (16u << 10)   /* sent in one piece with its head */
#define DISCARD_MAX   (256u << 10)  /* an unwanted body is read up to here to keep the connection */

struct h1 {
	http_parser parser;
	struct http_conn *c;
	struct http_req *r;
	struct buf in;                 /* not parsed yet */
	struct buf url, name, value;   /* of the head being read */
	int64_t began_ms;              /* first byte of the head; 0: between requests */
	bool in_value, has_host;
	bool keep;                     /* the client wants the connection kept */
	bool expects;                  /* 100-continue, not sent yet */
	bool chunked_out, to_eof;
	bool answered;                 /* all of the answer is in c->out or beyond */
	bool close_after;
	int bad_status;                /* the parser was stopped for this */
	bool parsing, upgraded;
};

static bool want_more_body(const struct h1 *h)
{
	const struct http_req *r = h->r;

	return r->discard || r->body_done || r->body.len < HTTP_BODY_AHEAD;
}

/* ---- parsing ---- */

static int on_begin(http_parser *p)
{
	struct h1 *h = p->data;

	h->began_ms = loop_now_ms(h->c->s->loop);
	h->r = http_req_open(h->c);
	if (!h->r)
		return -1;
	buf_clear(&h->url);
	buf_clear(&h->name);
	buf_clear(&h->value);
	h->in_value = h->has_host = h->expects = h->chunked_out = h->to_eof = false;
	h->answered = false;
	return 0;
}

static int stop(struct h1 *h, int status)
{
	h->bad_status = status;
	return -1;
}

static bool head_grows(struct h1 *h, size_t n)
{
	return h->r->in.text.len + h->url.len + h->name.len + h->value.len + n <= HTTP_HEADERS_MAX;
}

static int on_url(http_parser *p, const char *at, size_t n)
{
	struct h1 *h = p->data;

	if (h->url.len + n > HTTP_URL_MAX)
		return stop(h, 414);
	if (!head_grows(h, n))
		return stop(h, 431);
	buf_add(&h->url, at, n);
	return 0;
}

static bool is_token(const char *s)
{
	return s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&'*+^`|~")] == 0;
}

/* A name and its value are complete. False: see bad_status. */
static bool keep_header(struct h1 *h)
{
	struct http_req *r = h->r;
	const char *name = h->name.p;

	h->in_value = false;
	for (char *s = h->name.p; s && *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s + 'a' - 'A');
	/* http-parser lets spaces pass, which others read as the end of the name. */
	if (!h->name.len || !is_token(name)) {
		h->bad_status = 400;
		return false;
	}
	while (h->value.len && (h->value.p[h->value.len - 1] == ' ' ||
				h->value.p[h->value.len - 1] == '\t'))
		h->value.len--;
	if (strcmp(name, "host") == 0)
		h->has_host = true;
	else if (strcmp(name, "expect") == 0 && h->value.len == 12 &&
		 strncasecmp(h->value.p, "100-continue", 12) == 0)
		h->expects = true;
	if (!http_hdrs_add(&r->in, name, h->name.len, h->value.p ? h->value.p : "", h->value.len)) {
		h->bad_status = 431;
		return false;
	}
	buf_clear(&h->name);
	buf_clear(&h->value);
	return true;
}

static int on_field(http_parser *p, const char *at, size_t n)
{
	struct h1 *h = p->data;

	if (h->r->handed)   /* a trailer: nobody asks for it */
		return 0;
	if (h->in_value && !keep_header(h))
		return -1;
	if (!head_grows(h, n))
		return stop(h, 431);
	buf_add(&h->name, at, n);
	return 0;
}

static int on_value(http_parser *p, const char *at, size_t n)
{
	struct h1 *h = p->data;

	if (h->r->handed)
		return 0;
	h->in_value = true;
	if (!head_grows(h, n))
		return stop(h, 431);
	buf_add(&h->value, at, n);
	return 0;
}

static int on_head(http_parser *p)
{
	struct h1 *h = p->data;
	struct http_req *r = h->r;

	if (h->in_value && !keep_header(h))
		return -1;
	if (h->url.failed || h->name.failed || h->value.failed)
		return stop(h, 500);
	if (p->method == HTTP_CONNECT)
		return stop(h, 405);
	if (!h->url.len || !http_req_set_target(r, h->url.p, h->url.len) ||
	    (p->http_major == 1 && p->http_minor >= 1 && !h->has_host))
		return stop(h, 400);
	if (p->http_major != 1)
		return stop(h, 505);
	r->method = http_method_str(p->method);
	if (!(p->flags & F_CHUNKED))
		r->content_length = p->content_length == UINT64_MAX ? 0 :
			p->content_length > INT64_MAX ? INT64_MAX : (int64_t)p->content_length;
	h->keep = http_should_keep_alive(p);
	h->began_ms = 0;
	http_req_hand(r);
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
	struct h1 *h = p->data;

	h->expects = false;
	if (h->r)
		http_req_body(h->r, at, n);
	return 0;
}

static int on_complete(http_parser *p)
{
	struct h1 *h = p->data;

	if (h->r)
		http_req_body_end(h->r);
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings callbacks = {
	.on_message_begin = on_begin, .on_url = on_url, .on_header_field = on_field,
	.on_header_value = on_value, .on_headers_complete = on_head, .on_body = on_body,
	.on_message_complete = on_complete,
};

/* An answer to what never became a request; the connection ends with it. */
static void refuse(struct h1 *h, int status)
{
	const char *why = http_status_str((enum http_status)status);

	buf_printf(&h->c->out, "HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\n"
		"connection: close\r\ncontent-length: %zu\r\n\r\n%d %s\n", status, why,
		strlen(why) + 5, status, why);
	http_conn_finish(h->c);
}

/* Parse p; keep what lies behind the end of a request. False: beyond use. */
static bool parse(struct h1 *h, const char *p, size_t n)
{
	struct http_conn *c = h->c;
	enum http_errno e;
	size_t used;

	h->parsing = true;
	used = http_parser_execute(&h->parser, &callbacks, p, n);
	h->parsing = false;
	e = HTTP_PARSER_ERRNO(&h->parser);
	if (h->upgraded) {
		http_raw_keep(c, p + used, n - used);
		return true;
	}
	if (e == HPE_PAUSED || e == HPE_OK) {
		buf_add(&h->in, p + used, n - used);
		return !h->in.failed;
	}
	if (h->r && h->r->handed)   /* a broken body: its sender cannot be understood */
		return false;
	if (h->r) {
		http_req_end(h->r);
		h->r = NULL;
	}
	refuse(h, h->bad_status ? h->bad_status : e == HPE_HEADER_OVERFLOW ? 431 :
		e == HPE_INVALID_VERSION ? 505 : 400);
	return true;
}

static bool feed(struct http_conn *c, const uint8_t *p, size_t n)
{
	struct h1 *h = c->state;

	if (!h) {
		h = c->state = calloc(1, sizeof(*h));
		if (!h)
			return false;
		h->c = c;
		http_parser_init(&h->parser, HTTP_REQUEST);
		h->parser.data = h;
	}
	if (h->r && h->r->received) {
		buf_add(&h->in, p, n);
		return !h->in.failed;
	}
	return parse(h, (const char *)p, n);
}

static bool want_read(struct http_conn *c)
{
	const struct h1 *h = c->state;

	if (!h)
		return true;
	if (h->r && h->r->handed && !h->r->received)
		return want_more_body(h);
	return h->in.len < HTTP_PIPELINE_MAX;
}

static void eof(struct http_conn *c)
{
	struct h1 *h = c->state;

	if (!h) {
		http_conn_finish(c);
		return;
	}
	/* A client may close its side behind its last request and wait for the answer;
	 * one that gets a stream has gone. */
	if (h->r && !h->r->ended && (!h->r->received || h->r->streaming))
		http_conn_kill(c);
	else if (h->r && !h->r->received)
		h->close_after = true;
}

/* ---- answering ---- */

/* May the connection serve another request after this answer? */
static bool may_stay(const struct h1 *h)
{
	const struct http_req *r = h->r;

	if (!h->keep || h->close_after || h->to_eof || h->c->s->retiring)
		return false;
	if (r->received)
		return true;
	/* A body that was announced but held back for 100 Continue may come or not. */
	return !h->expects && r->content_length >= 0 && r->content_length <= DISCARD_MAX;
}

static void move_small_body(struct h1 *h)
{
	struct http_req *r = h->r;

	if (h->chunked_out || !r->ended || r->q.bytes > SMALL_BODY ||
	    buf_reserve(&h->c->out, r->q.bytes) < 0)
		return;
	h->c->out.len += http_q_take(&r->q, (uint8_t *)h->c->out.p + h->c->out.len, r->q.bytes);
	h->answered = true;
}

static void head(struct http_req *r)
{
	struct h1 *h = r->c->state;
	struct buf *out = &r->c->out;
	bool own_length = http_hdrs_get(&r->out, "content-length") != NULL;

	if (!r->received)
		r->discard = true;
	buf_printf(out, "HTTP/1.1 %d %s\r\ndate: %s\r\n", r->status,
		http_status_str((enum http_status)r->status), http_server_date(r->c->s));
	for (uint32_t i = 0; i < r->out.n; i++) {
		if (r->out.v[i].name == HTTP_HDR_GONE)
			continue;
		buf_adds(out, r->out.text.p + r->out.v[i].name);
		buf_add(out, ": ", 2);
		buf_adds(out, r->out.text.p + r->out.v[i].value);
		buf_add(out, "\r\n", 2);
	}
	if (r->sized && !own_length) {
		buf_printf(out, "content-length: %s\r\n", r->length_text);
	} else if (r->streaming && !r->no_body && !own_length) {
		if (h->parser.http_major == 1 && h->parser.http_minor == 0)
			h->to_eof = true;
		else
			h->chunked_out = true;
	}
	if (h->chunked_out)
		buf_adds(out, "transfer-encoding: chunked\r\n");
	if (!may_stay(h)) {
		h->close_after = true;
		buf_adds(out, "connection: close\r\n");
	} else if (h->parser.http_minor == 0) {
		buf_adds(out, "connection: keep-alive\r\n");
	}
	buf_add(out, "\r\n", 2);
	r->head_sent = true;
	if (out->failed || (r->streaming && r->c->eof)) {
		http_conn_kill(r->c);
		return;
	}
	move_small_body(h);
}

/* Chunks: one a blob, cut where the buffer ends. */
static size_t fill_chunks(struct h1 *h, uint8_t *p, size_t cap)
{
	struct http_req *r = h->r;
	size_t n = 0;

	while (cap - n > 64 && r->q.bytes) {
		size_t k = r->q.bytes < cap - n - 32 ? r->q.bytes : cap - n - 32;

		n += (size_t)snprintf((char *)p + n, 20, "%zx\r\n", k);
		n += http_q_take(&r->q, p + n, k);
		memcpy(p + n, "\r\n", 2);
		n += 2;
		r->took = true;
	}
	if (!r->q.bytes && r->ended && cap - n > 8) {
		memcpy(p + n, "0\r\n\r\n", 5);
		n += 5;
		h->answered = true;
	}
	return n;
}

static size_t fill(struct http_conn *c, uint8_t *p, size_t cap)
{
	struct h1 *h = c->state;
	struct http_req *r = h ? h->r : NULL;
	size_t n;

	if (!r || !r->head_sent || h->answered)
		return 0;
	if (h->chunked_out)
		return fill_chunks(h, p, cap);
	n = http_q_take(&r->q, p, cap);
	r->took |= n > 0;
	if (!r->q.bytes && r->ended)
		h->answered = true;
	return n;
}

/* End what is over, go on with what waits. */
static bool settle(struct http_conn *c)
{
	struct h1 *h = c->state;

	while (h && !c->dead && !c->closing) {
		struct http_req *r = h->r;

		if (r && r->took) {
			r->took = false;
			if (r->drained && !r->ended && r->q.bytes < HTTP_LOW_WATER) {
				r->drained(r->ctx);
				return r->q.bytes > 0 || r->ended;
			}
		}
		if (r && h->answered && (r->received || h->close_after)) {
			h->r = NULL;
			http_req_end(r);
			if (h->close_after) {
				http_conn_finish(c);
				return false;
			}
			h->answered = false;
			http_parser_pause(&h->parser, 0);
			c->last_ms = loop_now_ms(c->s->loop);
			continue;
		}
		if (c->eof && !h->in.len && !(r && (r->received || r->ended))) {   /* no more can come */
			if (r && r->handed)
				http_conn_kill(c);
			else
				http_conn_finish(c);
			return false;
		}
		if ((r && r->received) || !h->in.len || http_conn_unsent(c) > OUT_AHEAD)
			return false;
		struct buf in = h->in;

		h->in = (struct buf){ 0 };
		if (!parse(h, in.p, in.len))
			http_conn_kill(c);
		buf_finish(&in);
		if (c->proto != &http_h1)
			return false;
	}
	return false;
}

static void body_wanted(struct http_req *r)
{
	struct h1 *h = r->c->state;

	if (h->expects && !r->received) {
		h->expects = false;
		buf_adds(&r->c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	}
	http_conn_schedule(r->c);
}

static void more(struct http_req *r)
{
	if (r->c->eof)
		http_conn_kill(r->c);
}

static void abort_req(struct http_req *r) { http_conn_kill(r->c); }

/* ---- time and the end ---- */

/* When a reader of nothing is cut off; 0: nothing waits for it. */
static int64_t stalled_at(const struct http_conn *c)
{
	const struct http_req *r = ((const struct h1 *)c->state)->r;

	if (!c->write_blocked)
		return 0;
	return (c->sent_ms > r->moved_ms ? c->sent_ms : r->moved_ms) + HTTP_STALL_MS;
}

static int64_t min_ms(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t deadline(struct http_conn *c)
{
	const struct h1 *h = c->state;

	if (!h)
		return c->last_ms + HTTP_IDLE_MS;
	if (h->r && !h->r->handed)
		return h->began_ms + HTTP_IDLE_MS;
	if (h->r && !h->r->received && !want_more_body(h))
		return stalled_at(c);
	if (h->r && !h->r->received)
		return min_ms(c->last_ms + HTTP_IDLE_MS, h->r->began_ms + HTTP_BODY_MS);
	if (h->r)
		return stalled_at(c);
	return c->last_ms + (c->requests ? HTTP_KEEPALIVE_MS : HTTP_IDLE_MS);
}

static void timeout(struct http_conn *c)
{
	struct h1 *h = c->state;

	if (h && h->r && !h->r->handed) {
		http_req_end(h->r);
		h->r = NULL;
		refuse(h, 408);
	} else if (h && h->r && !h->r->received && http_req_body_late(h->r)) {
		h->close_after = true;
	} else if (h && h->r) {
		http_conn_kill(c);
	} else {
		http_conn_finish(c);
	}
}

static void drain(struct http_conn *c)
{
	struct h1 *h = c->state;

	if (!h || !h->r || !h->r->handed)
		http_conn_finish(c);
	else
		h->close_after = true;
}

static void free_h1(struct h1 *h)
{
	if (h->r)
		http_req_end(h->r);
	buf_finish(&h->in);
	buf_finish(&h->url);
	buf_finish(&h->name);
	buf_finish(&h->value);
	free(h);
}

static void close_h1(struct http_conn *c)
{
	struct h1 *h = c->state;

	c->state = NULL;
	if (h)
		free_h1(h);
}

bool http_h1_upgrade(struct http_req *r)
{
	struct h1 *h = r->c->state;

	/* The bytes behind a request are another protocol's only when it has no body. */
	if (r->replied || h->expects || r->content_length != 0 || r->c->closing || r->c->dead)
		return false;
	h->upgraded = true;
	return true;
}

void http_h1_retire(void *state, struct http_conn *c)
{
	struct h1 *h = state;

	/* While it parses, the rest of its input is yet to come to http_raw_keep. */
	http_raw_keep(c, h->in.p, h->in.len);
	free_h1(h);
}

const struct http_proto http_h1 = {
	.feed = feed, .eof = eof, .fill = fill, .settle = settle, .want_read = want_read,
	.deadline = deadline, .timeout = timeout, .drain = drain, .close = close_h1, .head = head,
	.more = more, .body_wanted = body_wanted, .abort = abort_req,
};
