/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spdy - frames and streams of one SPDY/3.1 connection, whatever carries it.
 *
 *	stream:  open -> remote fin -\
 *	             \-> local fin ---> both, or a reset: dead -> stream_closed, gone
 *
 * Clients of Kubernetes (moby/spdystream) neither send WINDOW_UPDATE nor look at ours.
 * So a send window counts only once its peer has ever spoken of windows, and reading
 * stops by itself when too much of what was delivered is not consumed.
 */
#define LOG_MODULE "http"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "http/spdy_priv.h"

#define CONTROL_MAX     (32u << 10)  /* a control frame; a stream's compressed headers */
#define DATA_MAX        (16u << 10)  /* a DATA frame of ours */
#define WINDOW          (64 << 10)
#define CARRIER_AHEAD   (256u << 10) /* unsent bytes on the carrier, then streams keep theirs */
#define BUCKETS         64u

enum { SYN_STREAM = 1, SYN_REPLY, RST_STREAM, SETTINGS, PING = 6, GOAWAY, HEADERS, WINDOW_UPDATE };
enum { FLAG_FIN = 1, FLAG_UNIDIRECTIONAL = 2 };
enum { RST_PROTOCOL_ERROR = 1, RST_INVALID_STREAM, RST_REFUSED, RST_CANCEL = 5,
	RST_FRAME_TOO_LARGE = 11 };
enum { SETTING_INITIAL_WINDOW = 7 };

struct spdy_stream {
	struct list node;              /* in a bucket, later in s->dead */
	struct spdy *s;
	uint32_t id;
	void *ctx;
	struct http_hdrs headers;
	struct http_q q;
	int64_t window;                /* the peer takes this many bytes more */
	size_t held;                   /* delivered, not consumed */
	size_t owed;                   /* consumed, not yet given back */
	bool fin, fin_sent, remote_fin, dead, new;
	bool sent, drained;            /* since the last look; to be told */
};

struct spdy {
	struct spdy_carrier to;
	struct spdy_ops ops;
	void *arg;
	struct spdy_head head;
	struct buf in, out;            /* in: a frame's beginning */
	uint32_t data_id, data_left;   /* a DATA frame under way */
	bool data_fin;
	struct list buckets[BUCKETS], dead;
	unsigned count;
	uint32_t last_id;
	int64_t initial_window, session_window;
	bool windows, session_windows; /* the peer speaks of them */
	size_t held;
	bool paused, failed, closing, busy, draining, gone_later;
};

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* ---- out ---- */

static void control(struct spdy *s, uint16_t type, uint8_t flags, const void *p, size_t n)
{
	uint8_t h[8];

	put32(h, 0x80030000u | type);
	put32(h + 4, (uint32_t)flags << 24 | (uint32_t)n);
	buf_clear(&s->out);
	buf_add(&s->out, h, sizeof(h));
	buf_add(&s->out, p, n);
	s->to.out(s->to.io, s->out.p, s->out.len);
}

static void control2(struct spdy *s, uint16_t type, uint32_t a, uint32_t b)
{
	uint8_t p[8];

	put32(p, a);
	put32(p + 4, b);
	control(s, type, 0, p, sizeof(p));
}

static void fail(struct spdy *s, const char *why)
{
	if (s->failed)
		return;
	log_debug("spdy: %s", why);
	s->failed = true;
	control2(s, GOAWAY, s->last_id, 1);
	if (s->to.close)
		s->to.close(s->to.io, true);
}

static void settle_soon(struct spdy *s)
{
	if (!s->busy && s->to.settle_soon)
		s->to.settle_soon(s->to.io);
}

static void kill_stream(struct spdy_stream *st)
{
	struct spdy *s = st->s;

	if (st->dead)
		return;
	st->dead = true;
	list_del(&st->node);
	list_add_tail(&s->dead, &st->node);
	s->count--;
	http_q_finish(&st->q);
	settle_soon(s);
}

static void after_fin(struct spdy_stream *st)
{
	if (st->fin_sent && st->remote_fin)
		kill_stream(st);
}

static void send_data(struct spdy_stream *st, size_t n)
{
	struct spdy *s = st->s;
	uint8_t h[8];

	buf_clear(&s->out);
	if (buf_reserve(&s->out, n + sizeof(h)) < 0) {
		fail(s, "no memory");
		return;
	}
	st->fin_sent = st->fin && n == st->q.bytes;
	put32(h, st->id);
	put32(h + 4, (uint32_t)(st->fin_sent ? FLAG_FIN : 0) << 24 | (uint32_t)n);
	buf_add(&s->out, h, sizeof(h));
	s->out.len += http_q_take(&st->q, (uint8_t *)s->out.p + s->out.len, n);
	st->window -= (int64_t)n;
	s->session_window -= (int64_t)n;
	s->to.out(s->to.io, s->out.p, s->out.len);
}

static void pump_stream(struct spdy_stream *st)
{
	struct spdy *s = st->s;

	while (!st->dead && !s->failed && !st->fin_sent && (st->q.bytes || st->fin)) {
		size_t n = st->q.bytes < DATA_MAX ? st->q.bytes : DATA_MAX;

		if (n && s->to.pending && s->to.pending(s->to.io) > CARRIER_AHEAD)
			return;
		if (n && s->windows && st->window < (int64_t)n)
			n = st->window > 0 ? (size_t)st->window : 0;
		if (n && s->session_windows && s->session_window < (int64_t)n)
			n = s->session_window > 0 ? (size_t)s->session_window : 0;
		if (!n && st->q.bytes)
			return;
		send_data(st, n);
		st->sent = true;
	}
	after_fin(st);
}

void spdy_pump(struct spdy *s)
{
	for (unsigned i = 0; i < BUCKETS && !s->failed; i++)
		list_each(&s->buckets[i], n)
			pump_stream(list_entry(n, struct spdy_stream, node));
	s->draining = true;
	spdy_settle(s);
}

/* ---- streams ---- */

static struct spdy_stream *find(struct spdy *s, uint32_t id)
{
	list_each(&s->buckets[id / 2 % BUCKETS], n) {
		struct spdy_stream *st = list_entry(n, struct spdy_stream, node);

		if (st->id == id)
			return st;
	}
	return NULL;
}

static void free_stream(struct spdy_stream *st)
{
	list_del(&st->node);
	http_q_finish(&st->q);
	buf_finish(&st->headers.text);
	free(st->headers.v);
	free(st);
}

static void update_pause(struct spdy *s)
{
	bool want = s->paused ? s->held > SPDY_HELD_MAX / 2 : s->held > SPDY_HELD_MAX;

	if (want == s->paused || !s->to.pause)
		return;
	s->paused = want;
	s->to.pause(s->to.io, want);
}

static struct spdy_stream *next_drained(struct spdy *s)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		list_each(&s->buckets[i], n) {
			struct spdy_stream *st = list_entry(n, struct spdy_stream, node);

			if (st->drained)
				return st;
		}
	return NULL;
}

static void report_drained(struct spdy *s)
{
	struct spdy_stream *st;

	if (!s->ops.drained)
		return;
	for (unsigned i = 0; i < BUCKETS; i++)
		list_each(&s->buckets[i], n) {
			st = list_entry(n, struct spdy_stream, node);
			st->drained = st->sent && st->q.bytes < HTTP_LOW_WATER && !st->fin;
			if (st->drained)
				st->sent = false;
		}
	/* Looked for anew each time: what is told may reset any stream. */
	while ((st = next_drained(s))) {
		st->drained = false;
		s->ops.drained(s->arg, st);
	}
}

void spdy_settle(struct spdy *s)
{
	bool was = s->busy;

	s->busy = true;
	if (s->draining) {
		s->draining = false;
		report_drained(s);
	}
	while (!list_empty(&s->dead)) {
		struct spdy_stream *st = list_entry(s->dead.next, struct spdy_stream, node);

		s->held -= st->held;
		st->held = 0;
		list_del(&st->node);
		if (!st->new)
			s->ops.stream_closed(s->arg, st);
		free_stream(st);
	}
	update_pause(s);
	s->busy = was;
}

/* ---- in ---- */

static void deliver(struct spdy *s, struct spdy_stream *st, const void *p, size_t n, bool fin)
{
	st->held += n;
	s->held += n;
	if (fin)
		st->remote_fin = true;
	s->ops.data(s->arg, st, p, n, fin);
	after_fin(st);
}

static void on_syn_stream(struct spdy *s, uint8_t flags, const uint8_t *p, size_t n)
{
	struct spdy_stream *st;
	uint32_t id;
	int rc;

	if (n < 10) {
		fail(s, "a short SYN_STREAM");
		return;
	}
	id = get32(p) & 0x7fffffff;
	if (id % 2 == 0 || id <= s->last_id) {
		fail(s, "a stream's number is not odd and rising");
		return;
	}
	st = calloc(1, sizeof(*st));
	if (!st) {
		fail(s, "no memory");
		return;
	}
	*st = (struct spdy_stream){ .s = s, .id = id, .window = s->initial_window, .new = true };
	rc = spdy_head_read(&s->head, p + 10, n - 10, &st->headers);
	s->last_id = id;
	list_add_tail(&s->buckets[id / 2 % BUCKETS], &st->node);
	s->count++;
	if (rc < 0 && rc != -ERR_SIZE) {
		kill_stream(st);
		fail(s, "a damaged header block");
	} else if (rc < 0 || s->count > SPDY_STREAMS_MAX) {
		control2(s, RST_STREAM, id, rc < 0 ? RST_FRAME_TOO_LARGE : RST_REFUSED);
		kill_stream(st);
	} else if (!s->ops.stream(s->arg, st)) {
		if (!st->dead)
			control2(s, RST_STREAM, id, RST_REFUSED);
		kill_stream(st);
	} else {
		struct buf reply = { 0 };
		uint8_t h[4];

		put32(h, id);
		buf_add(&reply, h, sizeof(h));
		st->new = false;
		if (spdy_head_write_empty(&s->head, &reply) < 0)
			fail(s, "no memory");
		else if (!st->dead)
			control(s, SYN_REPLY, 0, reply.p, reply.len);
		buf_finish(&reply);
		if (flags & FLAG_UNIDIRECTIONAL)
			st->fin_sent = true;
		if (!st->dead && flags & FLAG_FIN)
			deliver(s, st, NULL, 0, true);
		if (!st->dead)
			pump_stream(st);
	}
}

/* Headers we do not want still move the decompressor on. */
static void skip_headers(struct spdy *s, const uint8_t *p, size_t n)
{
	struct http_hdrs h = { 0 };
	int rc = spdy_head_read(&s->head, p, n, &h);

	buf_finish(&h.text);
	free(h.v);
	if (rc < 0 && rc != -ERR_SIZE)
		fail(s, "a damaged header block");
}

static void on_headers(struct spdy *s, uint8_t flags, const uint8_t *p, size_t n)
{
	struct spdy_stream *st;

	if (n < 4) {
		fail(s, "a short HEADERS");
		return;
	}
	skip_headers(s, p + 4, n - 4);
	st = find(s, get32(p) & 0x7fffffff);
	if (st && flags & FLAG_FIN && !st->remote_fin)
		deliver(s, st, NULL, 0, true);
}

static void new_initial_window(struct spdy *s, uint32_t v)
{
	int64_t more = (int64_t)v - s->initial_window;

	s->initial_window = v;
	s->windows = true;
	for (unsigned i = 0; i < BUCKETS; i++)
		list_each(&s->buckets[i], n)
			list_entry(n, struct spdy_stream, node)->window += more;
}

static void on_settings(struct spdy *s, const uint8_t *p, size_t n)
{
	uint32_t count = n >= 4 ? get32(p) : 0;

	if (n < 4 || count > (n - 4) / 8) {
		fail(s, "a short SETTINGS");
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *e = p + 4 + (size_t)8 * i;

		if ((get32(e) & 0xffffff) == SETTING_INITIAL_WINDOW && get32(e + 4) <= INT32_MAX)
			new_initial_window(s, get32(e + 4));
	}
}

static void on_window_update(struct spdy *s, uint32_t id, uint32_t delta)
{
	struct spdy_stream *st;

	if (!delta)
		return;
	if (id == 0) {
		s->session_windows = true;
		s->session_window += delta;
		for (unsigned i = 0; i < BUCKETS; i++)
			list_each(&s->buckets[i], n)
				pump_stream(list_entry(n, struct spdy_stream, node));
		return;
	}
	s->windows = true;
	st = find(s, id);
	if (!st)
		return;
	st->window += delta;
	if (st->window > INT32_MAX) {
		control2(s, RST_STREAM, id, 7);   /* FLOW_CONTROL_ERROR */
		kill_stream(st);
		return;
	}
	pump_stream(st);
	s->draining = true;
}

static void on_control(struct spdy *s, const uint8_t *f, size_t n)
{
	uint16_t version = (uint16_t)(get32(f) >> 16 & 0x7fff), type = (uint16_t)get32(f);
	uint8_t flags = f[4];
	const uint8_t *p = f + 8;
	struct spdy_stream *st;

	n -= 8;
	if (version != 3) {
		fail(s, "not SPDY/3");
		return;
	}
	switch (type) {
	case SYN_STREAM:
		on_syn_stream(s, flags, p, n);
		return;
	case SYN_REPLY:
	case HEADERS:
		on_headers(s, flags, p, n);
		return;
	case RST_STREAM:
		if (n >= 8 && (st = find(s, get32(p) & 0x7fffffff)))
			kill_stream(st);
		return;
	case SETTINGS:
		on_settings(s, p, n);
		return;
	case PING:
		if (n == 4 && p[3] & 1)   /* even ones would answer ours; we send none */
			control(s, PING, 0, p, 4);
		return;
	case WINDOW_UPDATE:
		if (n == 8)
			on_window_update(s, get32(p) & 0x7fffffff, get32(p + 4) & 0x7fffffff);
		return;
	default:   /* GOAWAY: its streams end as ever; others are to be passed over */
		return;
	}
}

static void begin_data(struct spdy *s, const uint8_t *h)
{
	s->data_id = get32(h) & 0x7fffffff;
	s->data_fin = h[4] & FLAG_FIN;
	s->data_left = get32(h + 4) & 0xffffff;
	if (!s->data_id) {
		fail(s, "data of stream zero");
	} else if (!find(s, s->data_id)) {
		control2(s, RST_STREAM, s->data_id, RST_INVALID_STREAM);
		s->data_id = 0;
	}
}

/* Some bytes of the frame under way; all of an empty one. */
static void on_data(struct spdy *s, const uint8_t *p, size_t n)
{
	struct spdy_stream *st = s->data_id ? find(s, s->data_id) : NULL;
	bool last = n == s->data_left;

	s->data_left -= (uint32_t)n;
	if (!st || st->remote_fin)
		return;
	if (n || (last && s->data_fin))
		deliver(s, st, p, n, last && s->data_fin);
}

/* Take the next piece of p; how much was taken. */
static size_t step(struct spdy *s, const uint8_t *p, size_t n)
{
	size_t want = 8, k;
	const uint8_t *h;

	if (s->data_left) {
		k = n < s->data_left ? n : s->data_left;
		on_data(s, p, k);
		return k;
	}
	if (s->in.len >= 8) {
		h = (const uint8_t *)s->in.p;
		want = 8 + (get32(h + 4) & 0xffffff);
	}
	k = want - s->in.len;
	if (k > n)
		k = n;
	buf_add(&s->in, p, k);
	if (s->in.failed) {
		fail(s, "no memory");
		return k;
	}
	if (s->in.len < 8)
		return k;
	h = (const uint8_t *)s->in.p;
	if (!(h[0] & 0x80)) {
		begin_data(s, h);
		buf_clear(&s->in);
		if (!s->data_left)
			on_data(s, NULL, 0);
		return k;
	}
	want = 8 + (get32(h + 4) & 0xffffff);
	if (want > CONTROL_MAX) {
		fail(s, "a control frame is too large");
		return k;
	}
	if (s->in.len == want) {
		on_control(s, h, want);
		if (s->in.cap > 4096)
			buf_finish(&s->in);
		buf_clear(&s->in);
	}
	return k;
}

void spdy_feed(struct spdy *s, const void *p, size_t n)
{
	const uint8_t *at = p;

	s->busy = true;
	while (n && !s->failed && !s->closing) {
		size_t k = step(s, at, n);

		at += k;
		n -= k;
	}
	s->busy = false;
	spdy_settle(s);
	if (s->gone_later)
		spdy_gone(s);
}

/* ---- life ---- */

struct spdy *spdy_open_on(const struct spdy_carrier *carrier, const struct spdy_ops *ops, void *arg)
{
	struct spdy *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (spdy_head_open(&s->head) < 0) {
		free(s);
		return NULL;
	}
	s->to = *carrier;
	s->ops = *ops;
	s->arg = arg;
	s->initial_window = s->session_window = WINDOW;
	for (unsigned i = 0; i < BUCKETS; i++)
		list_init(&s->buckets[i]);
	list_init(&s->dead);
	return s;
}

struct spdy *spdy_open(void (*out)(void *io, const void *p, size_t n), void *io,
	const struct spdy_ops *ops, void *arg)
{
	return spdy_open_on(&(struct spdy_carrier){ .out = out, .io = io }, ops, arg);
}

bool spdy_failed(const struct spdy *s) { return s->failed; }

void spdy_drop(struct spdy *s)
{
	spdy_head_close(&s->head);
	buf_finish(&s->in);
	buf_finish(&s->out);
	free(s);
}

void spdy_gone(struct spdy *s)
{
	s->closing = true;
	s->busy = true;
	for (unsigned i = 0; i < BUCKETS; i++)
		list_each(&s->buckets[i], n)
			kill_stream(list_entry(n, struct spdy_stream, node));
	s->to.pause = NULL;
	spdy_settle(s);
	s->ops.closed(s->arg);
	spdy_drop(s);
}

void spdy_close(struct spdy *s)
{
	if (s->closing)
		return;
	if (!s->failed) {
		for (unsigned i = 0; i < BUCKETS; i++)   /* what the carrier's bound held back */
			list_each(&s->buckets[i], n) {
				struct spdy_stream *st = list_entry(n, struct spdy_stream, node);

				s->to.pending = NULL;
				pump_stream(st);
			}
		control2(s, GOAWAY, s->last_id, 0);
	}
	s->closing = true;
	if (s->to.close)
		s->to.close(s->to.io, false);
	else if (s->busy)
		s->gone_later = true;
	else
		spdy_gone(s);
}

/* ---- what users ask of a stream ---- */

const char *spdy_stream_header(const struct spdy_stream *st, const char *lower_name)
{
	return http_hdrs_get(&st->headers, lower_name);
}

void spdy_stream_set_context(struct spdy_stream *st, void *ctx) { st->ctx = ctx; }
void *spdy_stream_context(const struct spdy_stream *st) { return st->ctx; }
uint32_t spdy_stream_id(const struct spdy_stream *st) { return st->id; }
size_t spdy_stream_pending(const struct spdy_stream *st) { return st->q.bytes; }

void spdy_stream_write(struct spdy_stream *st, const void *p, size_t n)
{
	struct blob *b;

	if (st->dead || st->fin || st->fin_sent || st->s->failed || !n)
		return;
	b = st->q.bytes > HTTP_STREAM_PENDING_MAX ? NULL : blob_new(p, n);
	if (!b || !http_q_push(&st->q, b, 0)) {
		blob_unref(b);
		spdy_stream_reset(st);
		return;
	}
	blob_unref(b);
	if (!st->new)   /* its SYN_REPLY goes first */
		pump_stream(st);
}

void spdy_stream_consumed(struct spdy_stream *st, size_t n)
{
	if (st->dead)
		return;
	if (n > st->held)
		n = st->held;
	st->held -= n;
	st->s->held -= n;
	st->owed += n;
	if (st->owed >= WINDOW / 2 && !st->remote_fin && !st->s->failed) {
		control2(st->s, WINDOW_UPDATE, st->id, (uint32_t)st->owed);
		st->owed = 0;
	}
	update_pause(st->s);
}

void spdy_stream_fin(struct spdy_stream *st)
{
	if (st->dead || st->fin || st->fin_sent)
		return;
	st->fin = true;
	if (!st->new)
		pump_stream(st);
}

void spdy_stream_reset(struct spdy_stream *st)
{
	if (st->dead)
		return;
	if (!st->s->failed)
		control2(st->s, RST_STREAM, st->id, RST_CANCEL);
	kill_stream(st);
}
