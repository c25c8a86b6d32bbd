/* SPDX-License-Identifier: Apache-2.0 */
/* reply - an answer is collected here; h1.c or h2.c puts it on the wire. */
#define LOG_MODULE "http"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "http/http_priv.h"

static bool gone(const struct http_req *r)
{
	return r->aborted || r->c->dead;
}

/* Names in lower case; bytes that would end a header become spaces. */
static bool add_header(struct http_req *r, const char *name, const char *value)
{
	struct http_hdrs *h = &r->out;
	uint32_t at = h->n;

	if (!http_hdrs_add(h, name, strlen(name), value, strlen(value)))
		return false;
	for (char *p = h->text.p + h->v[at].name; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 'a' - 'A');
	for (char *p = h->text.p + h->v[at].value; *p; p++)
		if ((unsigned char)*p < ' ' && *p != '\t')
			*p = ' ';
	return true;
}

void http_add_header(struct http_req *r, const char *name, const char *value)
{
	if (r->replied || gone(r))
		return;
	if (!add_header(r, name, value))
		log_error("too many or too large headers in an answer to %s", http_path(r));
}

void http_set_header(struct http_req *r, const char *name, const char *value)
{
	uint32_t had = r->out.n;

	http_add_header(r, name, value);
	if (r->out.n == had)
		return;
	for (uint32_t i = 0; i < had; i++)
		if (r->out.v[i].name != HTTP_HDR_GONE && strcmp(r->out.text.p + r->out.v[i].name,
			    r->out.text.p + r->out.v[had].name) == 0)
			r->out.v[i].name = HTTP_HDR_GONE;
}

static void begin(struct http_req *r, int status)
{
	r->replied = true;
	r->status = status;
	snprintf(r->status_text, sizeof(r->status_text), "%03u", (unsigned)status % 1000);
	r->no_body = status < 200 || status == 204 || status == 304 || strcmp(r->method, "HEAD") == 0;
}

static void push(struct http_req *r, struct blob *b, uint32_t off)
{
	if (!r->q.bytes)
		r->moved_ms = loop_now_ms(r->c->s->loop);
	if (!r->no_body && !http_q_push(&r->q, b, off)) {
		log_error("no memory for an answer to %s", http_path(r));
		http_abort(r);
	}
}

/* b NULL: an empty answer. */
static void reply(struct http_req *r, int status, struct blob *b)
{
	size_t n = b ? b->len : 0;

	begin(r, status);
	if (status >= 200 && status != 204 && (status != 304 || n)) {
		r->sized = true;
		snprintf(r->length_text, sizeof(r->length_text), "%zu", n);
	}
	if (b)
		push(r, b, 0);
	r->ended = true;
	r->c->proto->head(r);
	http_conn_schedule(r->c);
}

void http_reply(struct http_req *r, int status, const void *p, size_t n)
{
	struct blob *b = NULL;

	assert(!r->replied);
	if (gone(r))
		return;
	if (n && !(b = blob_new(p, n))) {
		log_error("no memory for an answer to %s", http_path(r));
		http_abort(r);
		return;
	}
	reply(r, status, b);
	blob_unref(b);
}

void http_reply_blob(struct http_req *r, int status, struct blob *b)
{
	assert(!r->replied);
	if (!gone(r))
		reply(r, status, b);
}

void http_req_refuse(struct http_req *r, int status, const char *text)
{
	http_set_header(r, "content-type", "text/plain; charset=utf-8");
	http_reply(r, status, text, strlen(text));
}

void http_stream_begin(struct http_req *r, int status)
{
	assert(!r->replied);
	if (gone(r))
		return;
	begin(r, status);
	r->streaming = true;
	r->c->proto->head(r);
	http_conn_schedule(r->c);
}

void http_stream_write(struct http_req *r, struct blob *b)
{
	http_stream_write_from(r, b, 0);
}

void http_stream_write_from(struct http_req *r, struct blob *b, uint32_t off)
{
	if (gone(r) || !r->streaming || r->ended || b->len <= off)
		return;
	if (r->q.bytes > HTTP_STREAM_PENDING_MAX) {
		log_warn("%s reads %s too slowly, cut off", r->c->peer.addr, http_path(r));
		http_abort(r);
		return;
	}
	push(r, b, off);
	if (gone(r))
		return;
	r->c->proto->more(r);
	http_conn_schedule(r->c);
}

void http_stream_writec(struct http_req *r, const void *p, size_t n)
{
	struct blob *b = n ? blob_new(p, n) : NULL;

	if (b)
		http_stream_write(r, b);
	else if (n)
		http_abort(r);
	blob_unref(b);
}

size_t http_stream_pending(const struct http_req *r) { return r->q.bytes; }
void http_stream_on_drained(struct http_req *r, void (*fn)(void *ctx)) { r->drained = fn; }

void http_stream_end(struct http_req *r)
{
	if (gone(r) || !r->streaming || r->ended)
		return;
	r->ended = true;
	r->c->proto->more(r);
	http_conn_schedule(r->c);
}

void http_abort(struct http_req *r)
{
	if (gone(r))
		return;
	r->aborted = true;
	r->c->proto->abort(r);
	http_conn_schedule(r->c);
}
