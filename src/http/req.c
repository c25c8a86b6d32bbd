/* SPDX-License-Identifier: Apache-2.0 */
/*
 * req - a request, whichever protocol brought it: its headers, its body, its end.
 *
 *	open -> (headers) -> handed to the handler -> (body) -> received
 *	                               \-> answered (reply.c) -> end
 *
 * The memory of ended requests is kept for the next ones, up to SPARES_MAX.
 */
#define LOG_MODULE "http"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/env.h"
#include "base/log.h"
#include "http/http_priv.h"

#define SPARES_MAX      256
#define SPARE_TEXT_MAX  4096
#define HEADERS_FIRST   16

/* ---- bytes on their way out ---- */

bool http_q_push(struct http_q *q, struct blob *b, uint32_t off)
{
	if (b->len <= off)
		return true;
	if (q->len == q->cap) {
		uint32_t cap = q->cap ? q->cap * 2 : 4;
		struct http_part *v = malloc(cap * sizeof(*v));

		if (!v)
			return false;
		for (uint32_t i = 0; i < q->len; i++)
			v[i] = q->v[(q->head + i) & (q->cap - 1)];
		free(q->v);
		q->v = v;
		q->cap = cap;
		q->head = 0;
	}
	q->v[(q->head + q->len++) & (q->cap - 1)] = (struct http_part){ blob_ref(b), off };
	q->bytes += b->len - off;
	return true;
}

static void drop_first(struct http_q *q)
{
	blob_unref(q->v[q->head].b);
	q->head = (q->head + 1) & (q->cap - 1);
	q->len--;
	if (!q->len && q->cap > 16)
		http_q_finish(q);
}

size_t http_q_take(struct http_q *q, uint8_t *p, size_t n)
{
	size_t got = 0;

	while (got < n && q->len) {
		struct http_part *part = &q->v[q->head];
		size_t k = part->b->len - part->off;

		if (k > n - got)
			k = n - got;
		memcpy(p + got, part->b->p + part->off, k);
		got += k;
		part->off += (uint32_t)k;
		q->bytes -= k;
		if (part->off == part->b->len)
			drop_first(q);
	}
	return got;
}

void http_q_finish(struct http_q *q)
{
	for (uint32_t i = 0; i < q->len; i++)
		blob_unref(q->v[(q->head + i) & (q->cap - 1)].b);
	free(q->v);
	*q = (struct http_q){ 0 };
}

/* ---- headers ---- */

bool http_hdrs_add(struct http_hdrs *h, const char *name, size_t name_n, const char *value,
	size_t value_n)
{
	if (h->text.len + name_n + value_n > HTTP_HEADERS_MAX || h->n >= HTTP_HEADER_COUNT_MAX)
		return false;
	if (h->n == h->cap) {
		uint32_t cap = h->cap ? h->cap * 2 : HEADERS_FIRST;
		struct http_hdr *v = realloc(h->v, cap * sizeof(*v));

		if (!v)
			return false;
		h->v = v;
		h->cap = cap;
	}
	h->v[h->n].name = (uint32_t)h->text.len;
	buf_add(&h->text, name, name_n);
	buf_addc(&h->text, 0);
	h->v[h->n].value = (uint32_t)h->text.len;
	buf_add(&h->text, value, value_n);
	buf_addc(&h->text, 0);
	if (h->text.failed)
		return false;
	h->n++;
	return true;
}

const char *http_hdrs_get(const struct http_hdrs *h, const char *lower_name)
{
	for (uint32_t i = 0; i < h->n; i++)
		if (h->v[i].name != HTTP_HDR_GONE && strcmp(h->text.p + h->v[i].name, lower_name) == 0)
			return h->text.p + h->v[i].value;
	return NULL;
}

static void clear_hdrs(struct http_hdrs *h)
{
	if (h->text.cap > SPARE_TEXT_MAX)
		buf_finish(&h->text);
	buf_clear(&h->text);
	h->n = 0;
}

/* ---- life ---- */

struct http_req *http_req_open(struct http_conn *c)
{
	struct http_req *r = c->s->spares;

	if (r) {
		c->s->spares = r->ctx;
		c->s->spare_count--;
		r->ctx = NULL;
	} else if (!(r = calloc(1, sizeof(*r)))) {
		return NULL;
	}
	r->c = c;
	r->content_length = -1;
	r->last_ms = loop_now_ms(c->s->loop);
	c->fresh = true;
	list_add_tail(&c->reqs, &r->node);
	c->s->stats.streams++;
	return r;
}

static void free_req(struct http_req *r)
{
	buf_finish(&r->in.text);
	buf_finish(&r->out.text);
	free(r->in.v);
	free(r->out.v);
	free(r);
}

static void drop_body(struct http_req *r)
{
	r->c->s->body_bytes -= r->body.len;
	buf_finish(&r->body);
}

void http_req_end(struct http_req *r)
{
	struct http_server *s = r->c->s;
	struct http_hdrs in, out;

	loop_defer_cancel(s->loop, &r->body_task);
	if (r->body_done) {
		void (*done)(void *, struct http_req *, int, const char *, size_t) = r->body_done;

		r->body_done = NULL;
		r->aborted = true;
		done(r->body_arg, r, -ERR_CANCELED, NULL, 0);
	}
	if (r->closed)
		r->closed(r->ctx);
	list_del(&r->node);
	s->stats.streams--;
	drop_body(r);
	http_q_finish(&r->q);
	clear_hdrs(&r->in);
	clear_hdrs(&r->out);
	in = r->in;
	out = r->out;
	*r = (struct http_req){ .in = in, .out = out };
	if (s->spare_count >= SPARES_MAX) {
		free_req(r);
		return;
	}
	r->ctx = s->spares;
	s->spares = r;
	s->spare_count++;
}

void http_req_free_spares(struct http_server *s)
{
	while (s->spares) {
		struct http_req *r = s->spares;

		s->spares = r->ctx;
		free_req(r);
	}
	s->spare_count = 0;
}

bool http_req_set_target(struct http_req *r, const char *p, size_t n)
{
	const char *q;

	if (n && *p != '/' && !(n == 1 && *p == '*')) {   /* absolute-form: the path begins after the host */
		const char *host = memmem(p, n, "://", 3);
		const char *path = host ? memchr(host + 3, '/', n - (size_t)(host + 3 - p)) : NULL;

		if (!path)
			return false;
		n -= (size_t)(path - p);
		p = path;
	}
	if (!n || n > HTTP_URL_MAX || r->in.text.len > HTTP_HEADERS_MAX - 2 - n)
		return false;
	q = memchr(p, '?', n);
	r->path = (uint32_t)r->in.text.len;
	buf_add(&r->in.text, p, q ? (size_t)(q - p) : n);
	buf_addc(&r->in.text, 0);
	r->query = (uint32_t)r->in.text.len;
	if (q)
		buf_add(&r->in.text, q + 1, n - (size_t)(q + 1 - p));
	buf_addc(&r->in.text, 0);
	return !r->in.text.failed;
}

void http_req_hand(struct http_req *r)
{
	struct http_server *s = r->c->s;

	r->handed = true;
	r->began_ms = loop_now_ms(s->loop);
	r->c->requests++;
	s->stats.requests++;
	s->handler(s->arg, r);
}

/* ---- what the handler may ask ---- */

const char *http_method(const struct http_req *r) { return r->method; }
const char *http_path(const struct http_req *r) { return r->in.text.p ? r->in.text.p + r->path : ""; }
const char *http_query(const struct http_req *r) { return r->in.text.p + r->query; }
const char *http_peer_addr(const struct http_req *r) { return r->c->peer.addr; }
bool http_is_h2(const struct http_req *r) { return r->c->proto == &http_h2; }
const void *http_connection(const struct http_req *r) { return r->c; }
void *http_context(const struct http_req *r) { return r->ctx; }

const char *http_header(const struct http_req *r, const char *lower_name)
{
	return http_hdrs_get(&r->in, lower_name);
}

bool http_header_next(const struct http_req *r, size_t *it, const char **ret_name,
	const char **ret_value)
{
	if (*it >= r->in.n)
		return false;
	*ret_name = r->in.text.p + r->in.v[*it].name;
	*ret_value = r->in.text.p + r->in.v[*it].value;
	(*it)++;
	return true;
}

bool http_peer_cert(const struct http_req *r, const char **ret_cn, const char *const **ret_orgs)
{
	const struct http_peer *p = &r->c->peer;

	/* A connection may outlive the certificate it was opened with. */
	if (!p->cn || !p->orgs || http_peer_refused(r))
		return false;
	*ret_cn = p->cn;
	*ret_orgs = (const char *const *)p->orgs;
	return true;
}

const char *http_peer_fingerprint(const struct http_req *r) { return r->c->peer.fingerprint; }
int64_t http_peer_issued_s(const struct http_req *r) { return r->c->peer.issued_s; }

bool http_peer_refused(const struct http_req *r)
{
	const struct http_peer *p = &r->c->peer;

	return p->refused || (p->cn && env_wall_us() / 1000000 > p->until_s);
}

void http_set_context(struct http_req *r, void *ctx, void (*closed)(void *ctx))
{
	r->ctx = ctx;
	r->closed = closed;
}

/* ---- the body ---- */

static void give_body(struct http_req *r, int rc)
{
	void (*done)(void *, struct http_req *, int, const char *, size_t) = r->body_done;

	r->body_done = NULL;
	if (rc < 0) {
		r->discard = true;
		drop_body(r);
	}
	done(r->body_arg, r, rc, rc < 0 ? NULL : r->body.p ? r->body.p : "", rc < 0 ? 0 : r->body.len);
}

/* 0: it goes on; else what to give. */
static int body_state(const struct http_req *r, bool *ret_over)
{
	*ret_over = true;
	if (r->body.failed)
		return -ERR_NOMEM;
	if (r->body.len > r->body_max ||
	    (r->content_length >= 0 && (uint64_t)r->content_length > r->body_max))
		return -ERR_SIZE;
	if (r->c->s->body_bytes > HTTP_BODIES_MAX && r->body.len > HTTP_BODY_SMALL)
		return -ERR_FULL;
	*ret_over = r->received;
	return 0;
}

static void look_at_body(struct http_req *r)
{
	bool over;
	int rc;

	if (!r->body_done)
		return;
	rc = body_state(r, &over);
	if (over)
		give_body(r, rc);
}

static void look_later(void *arg)
{
	struct http_req *r = arg;

	look_at_body(r);
	http_conn_schedule(r->c);
}

void http_req_body(struct http_req *r, const void *p, size_t n)
{
	r->last_ms = loop_now_ms(r->c->s->loop);
	if (r->discard)
		return;
	if (!r->body.p && r->content_length > 0 && r->body_done &&
	    (uint64_t)r->content_length <= r->body_max)
		buf_reserve(&r->body, (size_t)r->content_length);
	r->c->s->body_bytes -= r->body.len;
	buf_add(&r->body, p, n);
	r->c->s->body_bytes += r->body.len;
	look_at_body(r);
}

bool http_req_body_late(struct http_req *r)
{
	if (!r->body_done || r->late)
		return false;
	r->late = true;
	give_body(r, -ERR_DEADLINE);
	return true;
}

void http_req_body_end(struct http_req *r)
{
	r->received = true;
	look_at_body(r);
}

void http_read_body(struct http_req *r, size_t max_bytes,
	void (*done)(void *arg, struct http_req *r, int rc, const char *p, size_t n), void *arg)
{
	bool over;

	assert(!r->body_done);
	r->body_done = done;
	r->body_arg = arg;
	r->body_max = max_bytes;
	body_state(r, &over);
	if (over)   /* never from within this call */
		loop_defer(r->c->s->loop, &r->body_task, look_later, r);
	else if (r->c->proto->body_wanted)
		r->c->proto->body_wanted(r);
}
