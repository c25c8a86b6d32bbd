/* SPDX-License-Identifier: Apache-2.0 */
/* raw - a connection after its upgrade: bytes both ways, whoever speaks over it. */
#define LOG_MODULE "http"

#include <http_parser.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "http/http_priv.h"

struct http_raw {
	struct http_conn *c;
	struct http_raw_ops ops;
	void *arg;
	void *h1;                /* to retire */
	struct buf in;           /* came before anybody listened, or while paused */
	struct http_q q;
	bool paused, closing, took, told_eof;
};

struct http_raw *http_upgrade(struct http_req *r, const struct http_raw_ops *ops, void *arg)
{
	struct http_conn *c = r->c;
	struct http_raw *w;

	if (c->proto != &http_h1 || r->aborted || !(w = calloc(1, sizeof(*w))))
		return NULL;
	if (!http_h1_upgrade(r)) {
		free(w);
		return NULL;
	}
	*w = (struct http_raw){ .c = c, .ops = *ops, .arg = arg, .h1 = c->state };
	c->proto = &http_raw_proto;
	c->state = w;
	r->replied = true;
	buf_printf(&c->out, "HTTP/1.1 101 %s\r\nconnection: Upgrade\r\n",
		http_status_str(HTTP_STATUS_SWITCHING_PROTOCOLS));
	for (uint32_t i = 0; i < r->out.n; i++)
		if (r->out.v[i].name != HTTP_HDR_GONE)
			buf_printf(&c->out, "%s: %s\r\n", r->out.text.p + r->out.v[i].name,
				r->out.text.p + r->out.v[i].value);
	buf_adds(&c->out, "\r\n");
	if (c->out.failed)
		http_conn_kill(c);
	http_conn_schedule(c);
	return w;
}

void http_raw_keep(struct http_conn *c, const void *p, size_t n)
{
	struct http_raw *w = c->state;

	buf_add(&w->in, p, n);
	if (w->in.failed)
		http_conn_kill(c);
}

void http_raw_unread(struct http_raw *w, const void *p, size_t n)
{
	http_raw_keep(w->c, p, n);   /* empty while data() runs, so this is its front */
}

void http_raw_writev(struct http_raw *w, const struct http_raw_part *parts, size_t count)
{
	struct blob *b;
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += parts[i].n;
	if (!n || w->closing || w->c->dead)
		return;
	if (w->q.bytes > HTTP_STREAM_PENDING_MAX) {
		log_warn("%s reads too slowly, cut off", w->c->peer.addr);
		http_conn_kill(w->c);
		return;
	}
	b = n < UINT32_MAX ? malloc(sizeof(*b) + n + 1) : NULL;
	if (!b) {
		http_conn_kill(w->c);
		return;
	}
	b->refs = 1;
	b->len = (uint32_t)n;
	n = 0;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].n)
			memcpy(b->p + n, parts[i].p, parts[i].n);
		n += parts[i].n;
	}
	b->p[n] = 0;
	if (!http_q_push(&w->q, b, 0))
		http_conn_kill(w->c);
	blob_unref(b);
	http_conn_schedule(w->c);
}

void http_raw_write(struct http_raw *w, const void *p, size_t n)
{
	http_raw_writev(w, &(struct http_raw_part){ p, n }, 1);
}

struct loop *http_raw_loop(const struct http_raw *w) { return w->c->s->loop; }
size_t http_raw_pending(const struct http_raw *w) { return w->q.bytes; }

void http_raw_pause(struct http_raw *w, bool paused)
{
	w->paused = paused;
	http_conn_schedule(w->c);
}

void http_raw_close(struct http_raw *w)
{
	w->closing = true;
	w->c->sent_ms = loop_now_ms(w->c->s->loop);
	http_conn_schedule(w->c);
}

/* ---- the protocol of the connection ---- */

static bool feed(struct http_conn *c, const uint8_t *p, size_t n)
{
	struct http_raw *w = c->state;

	if (w->closing)
		return true;
	if (w->h1 || w->in.len)
		http_raw_keep(c, p, n);
	else
		w->ops.data(w->arg, p, n);
	return true;
}

static void eof(struct http_conn *c) { http_conn_schedule(c); }

static size_t fill(struct http_conn *c, uint8_t *p, size_t cap)
{
	struct http_raw *w = c->state;
	size_t n = http_q_take(&w->q, p, cap);

	w->took |= n > 0;
	return n;
}

static bool settle(struct http_conn *c)
{
	struct http_raw *w = c->state;

	if (w->h1) {
		http_h1_retire(w->h1, c);
		w->h1 = NULL;
	}
	while (w->in.len && !w->paused && !w->closing && !c->dead) {
		struct buf in = w->in;

		w->in = (struct buf){ 0 };
		w->ops.data(w->arg, in.p, in.len);
		buf_finish(&in);
	}
	if (c->eof && !w->told_eof && !w->in.len && !w->paused && !w->closing && !c->dead) {
		w->told_eof = true;
		w->ops.data(w->arg, NULL, 0);
	}
	if (w->took && !w->closing && w->q.bytes < HTTP_LOW_WATER && !c->dead) {
		w->took = false;
		if (w->ops.drained)
			w->ops.drained(w->arg);
	}
	if (w->closing && !w->q.bytes)
		http_conn_finish(c);
	return w->q.bytes > 0;
}

static bool want_read(struct http_conn *c)
{
	const struct http_raw *w = c->state;

	return !w->paused && w->in.len < HTTP_PIPELINE_MAX;
}

static int64_t deadline(struct http_conn *c)
{
	const struct http_raw *w = c->state;

	/* Who closes waits for the peer to take the rest, as long as it moves. */
	return w->closing ? c->sent_ms + HTTP_IDLE_MS : 0;
}

static void timeout(struct http_conn *c) { http_conn_kill(c); }
static void drain(struct http_conn *c) { }

static void close_raw(struct http_conn *c)
{
	struct http_raw *w = c->state;

	if (w->h1)
		http_h1_retire(w->h1, c);
	c->state = NULL;
	w->ops.closed(w->arg);
	buf_finish(&w->in);
	http_q_finish(&w->q);
	free(w);
}

const struct http_proto http_raw_proto = {
	.feed = feed, .eof = eof, .fill = fill, .settle = settle, .want_read = want_read,
	.deadline = deadline, .timeout = timeout, .drain = drain, .close = close_raw,
};
