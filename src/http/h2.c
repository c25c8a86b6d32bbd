/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2 - HTTP/2 of one connection, over nghttp2. Output is pulled from the session:
 * frames of many streams fill one buffer, and a DATA frame's bytes come straight
 * from the blobs its answer shares with others.
 *
 * A request's body has the stream's window until somebody reads it; then the window
 * goes back as bytes come. The connection's window is larger than a stream's, so that
 * one body nobody reads does not stop the others.
 *
 * Source: RFC 9113; nghttp2's programmers' guide.
 */
#define LOG_MODULE "http"

#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "base/log.h"
#include "http/http_priv.h"

#define STREAM_WINDOW (512 << 10)
#define CONN_WINDOW   (4 << 20)
#define DISCARD_MAX   (4u << 20)     /* of a body after its answer; then it is cut off */
#define FAULTS_MAX    500            /* malformed requests one connection may send */

struct h2 {
	nghttp2_session *session;
	const uint8_t *rest;         /* of a frame that did not fit the last buffer */
	size_t rest_n;
	uint8_t *into;               /* while filling: the buffer, its end */
	uint8_t *into_end;
	unsigned faults;
	bool took;                   /* some request's q shrank */
	bool watched;                /* some request may become too slow */
	bool goodbye;                /* GOAWAY sent: no new requests */
};

static struct h2 *state(struct http_conn *c) { return c->state; }

static struct http_req *req_of(nghttp2_session *session, int32_t stream_id)
{
	return nghttp2_session_get_stream_user_data(session, stream_id);
}

/* ---- in ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http_conn *c = arg;
	struct http_req *r;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	r = http_req_open(c);
	if (!r)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	r->stream_id = frame->hd.stream_id;
	r->method = r->method_text;
	state(c)->watched = true;
	nghttp2_session_set_stream_user_data(session, r->stream_id, r);
	return 0;
}

static bool take_header(struct http_req *r, const char *name, size_t name_n, const char *value,
	size_t n)
{
	if (*name != ':')
		return http_hdrs_add(&r->in, name, name_n, value, n);
	if (name_n == 7 && memcmp(name, ":method", 7) == 0) {
		if (n >= sizeof(r->method_text))
			n = sizeof(r->method_text) - 1;
		memcpy(r->method_text, value, n);
		r->method_text[n] = 0;
		return true;
	}
	if (name_n == 5 && memcmp(name, ":path", 5) == 0) {
		if (n > HTTP_URL_MAX)
			r->refused = 414;
		return r->refused || http_req_set_target(r, value, n);
	}
	if (name_n == 10 && memcmp(name, ":authority", 10) == 0)
		return http_hdrs_add(&r->in, "host", 4, value, n);
	return true;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *arg)
{
	struct http_req *r = req_of(session, frame->hd.stream_id);

	if (!r || r->handed || r->refused)   /* handed: a trailer */
		return 0;
	if (!take_header(r, (const char *)name, name_n, (const char *)value, value_n))
		r->refused = 431;
	return 0;
}

static void headers_done(struct http_req *r)
{
	const char *length = http_header(r, "content-length");

	if (length)   /* digits: nghttp2 has looked */
		r->content_length = strtoll(length, NULL, 10);
	if (r->refused) {
		r->handed = true;
		http_req_refuse(r, r->refused, r->refused == 414 ? "414 URI Too Long\n" :
			"431 Request Header Fields Too Large\n");
	} else if (!r->in.text.p || r->query == 0 || !*r->method) {   /* CONNECT has no path */
		r->handed = true;
		http_req_refuse(r, 400, "400 Bad Request\n");
	} else {
		http_req_hand(r);
	}
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http_req *r;

	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	r = req_of(session, frame->hd.stream_id);
	if (!r)
		return 0;
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM && !r->handed)
		r->received = true;
	if (!r->handed)
		headers_done(r);
	else if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		http_req_body_end(r);
	return 0;
}

static void give_window_back(struct http_req *r)
{
	nghttp2_session *session = state(r->c)->session;

	if (!r->unconsumed)
		return;
	nghttp2_session_consume(session, r->stream_id, r->unconsumed);
	r->unconsumed = 0;
	/* It may send again, and be too slow; not for the time it had to wait. */
	r->last_ms = loop_now_ms(r->c->s->loop);
	state(r->c)->watched = true;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *p,
	size_t n, void *arg)
{
	struct http_req *r = req_of(session, stream_id);

	if (!r) {
		nghttp2_session_consume(session, stream_id, n);
		return 0;
	}
	r->unconsumed += (uint32_t)n;
	http_req_body(r, p, n);
	if (r->discard || r->body_done)
		give_window_back(r);
	/* RFC 9113, 8.1 lets a server cut the body off as soon as the answer is out, but
	 * clients that are still sending then (curl 7.88) lose the answer with it. */
	if (r->discard && (r->discarded += (uint32_t)n) > DISCARD_MAX && !r->aborted) {
		r->aborted = r->received = true;
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_NO_ERROR);
	}
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *arg)
{
	struct http_req *r = req_of(session, stream_id);

	if (!r)
		return 0;
	nghttp2_session_set_stream_user_data(session, stream_id, NULL);
	/* The stream is gone, what it kept of the connection's window is not. */
	if (r->unconsumed)
		nghttp2_session_consume_connection(session, r->unconsumed);
	r->unconsumed = 0;
	r->aborted = true;
	http_req_end(r);
	return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int code,
	void *arg)
{
	struct h2 *h = state(arg);

	return ++h->faults > FAULTS_MAX ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static bool start(struct http_conn *c);

static bool feed(struct http_conn *c, const uint8_t *p, size_t n)
{
	ssize_t used;

	if (!c->state && !start(c))
		return false;
	used = nghttp2_session_mem_recv(state(c)->session, p, n);
	if (used < 0) {
		log_debug("h2 from %s: %s", c->peer.addr, nghttp2_strerror((int)used));
		return false;
	}
	return true;
}

static void eof(struct http_conn *c) { http_conn_kill(c); }

/* ---- out ---- */

static ssize_t next_data(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t n,
	uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct http_req *r = source->ptr;

	if (r->aborted)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (!r->q.bytes && !r->ended) {
		r->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (n >= r->q.bytes) {
		n = r->q.bytes;
		if (r->ended)
			*flags |= NGHTTP2_DATA_FLAG_EOF;
	}
	return (ssize_t)n;
}

static int send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
	size_t n, nghttp2_data_source *source, void *arg)
{
	struct http_req *r = source->ptr;
	struct h2 *h = state(arg);

	if ((size_t)(h->into_end - h->into) < 9 + n)
		return NGHTTP2_ERR_WOULDBLOCK;
	memcpy(h->into, head, 9);
	http_q_take(&r->q, h->into + 9, n);
	h->into += 9 + n;
	r->moved_ms = loop_now_ms(r->c->s->loop);
	r->took = h->took = true;
	return 0;
}

static size_t fill(struct http_conn *c, uint8_t *p, size_t cap)
{
	struct h2 *h = state(c);
	const uint8_t *at = p;

	if (!h && !start(c))
		return 0;
	h = state(c);
	h->into = p;
	h->into_end = p + cap;
	while (h->into < h->into_end) {
		size_t room = (size_t)(h->into_end - h->into);

		if (!h->rest_n) {
			ssize_t n = nghttp2_session_mem_send(h->session, &h->rest);

			if (n < 0) {
				http_conn_kill(c);
				break;
			}
			if (n == 0)
				break;
			h->rest_n = (size_t)n;
			room = (size_t)(h->into_end - h->into);
		}
		if (room > h->rest_n)
			room = h->rest_n;
		memcpy(h->into, h->rest, room);
		h->into += room;
		h->rest += room;
		h->rest_n -= room;
	}
	return (size_t)(h->into - at);
}

static void goodbye(struct http_conn *c)
{
	struct h2 *h = state(c);

	h->goodbye = true;
	nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
		nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR, NULL, 0);
	http_conn_schedule(c);
}

static bool settle(struct http_conn *c)
{
	struct h2 *h = state(c);

	if (!h)
		return false;
	if (h->took) {
		h->took = false;
		list_each(&c->reqs, n) {
			struct http_req *r = list_entry(n, struct http_req, node);

			if (!r->took)
				continue;
			r->took = false;
			if (r->drained && !r->ended && !r->aborted && r->q.bytes < HTTP_LOW_WATER)
				r->drained(r->ctx);
		}
		return nghttp2_session_want_write(h->session);
	}
	if (c->s->draining && !h->goodbye && c->requests && list_empty(&c->reqs))
		goodbye(c);
	if ((h->goodbye && list_empty(&c->reqs) && !nghttp2_session_want_write(h->session)) ||
	    (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session)))
		http_conn_finish(c);
	return false;
}

static bool want_read(struct http_conn *c) { return true; }

#define NV(n_, nlen_, v_, vlen_) \
	(nghttp2_nv){ (uint8_t *)(uintptr_t)(n_), (uint8_t *)(uintptr_t)(v_), nlen_, vlen_, \
		NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE }

static bool allowed(const char *name)
{
	/* Of a connection, not of a message. RFC 9113, 8.2.2. */
	static const char *const not[] = { "connection", "keep-alive", "proxy-connection",
		"transfer-encoding", "upgrade" };

	for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++)
		if (strcmp(name, not[i]) == 0)
			return false;
	return true;
}

/* Names an answer each time anew: in the peer's table it would push out what repeats, and
 * ours is searched by name, one after the other. */
static bool never_again(const char *name) { return strcmp(name, "audit-id") == 0; }

static void head(struct http_req *r)
{
	nghttp2_session *session = state(r->c)->session;
	const char *date = http_server_date(r->c->s);
	nghttp2_nv nv[HTTP_HEADER_COUNT_MAX + 3];
	nghttp2_data_provider data = { .source.ptr = r, .read_callback = next_data };
	bool body = !r->no_body && (r->streaming || r->q.bytes);
	size_t n = 0;

	/* Not copied: r outlives its HEADERS frame, and the server its date. */
	nv[n++] = NV(":status", 7, r->status_text, 3);
	nv[n++] = NV("date", 4, date, strlen(date));
	for (uint32_t i = 0; i < r->out.n; i++) {
		const char *name = r->out.text.p + r->out.v[i].name;
		const char *value = r->out.text.p + r->out.v[i].value;

		if (r->out.v[i].name == HTTP_HDR_GONE || !allowed(name))
			continue;
		nv[n] = NV(name, strlen(name), value, strlen(value));
		if (never_again(name))
			nv[n].flags |= NGHTTP2_NV_FLAG_NO_INDEX;
		n++;
	}
	if (r->sized && !http_hdrs_get(&r->out, "content-length"))
		nv[n++] = NV("content-length", 14, r->length_text, strlen(r->length_text));
	if (!r->received)
		r->discard = true;
	give_window_back(r);
	state(r->c)->watched = true;
	if (nghttp2_submit_response(session, r->stream_id, nv, n, body ? &data : NULL) != 0)
		http_conn_kill(r->c);
}

static void more(struct http_req *r)
{
	state(r->c)->watched = true;
	if (!r->deferred || r->no_body)
		return;
	r->deferred = false;
	nghttp2_session_resume_data(state(r->c)->session, r->stream_id);
}

static void body_wanted(struct http_req *r)
{
	give_window_back(r);
	http_conn_schedule(r->c);
}

static void abort_req(struct http_req *r)
{
	nghttp2_submit_rst_stream(state(r->c)->session, NGHTTP2_FLAG_NONE, r->stream_id,
		NGHTTP2_INTERNAL_ERROR);
}

/* ---- time and the end ---- */

/* When r is too slow, as a sender or as a reader. */
static int64_t due_ms(const struct http_req *r)
{
	int64_t idle = r->last_ms + HTTP_IDLE_MS, whole = r->began_ms + HTTP_BODY_MS;

	if (r->late && !r->received)   /* its answer had time to go out */
		return r->last_ms + HTTP_LINGER_MS;
	if (r->q.bytes && !r->aborted)
		return r->moved_ms + HTTP_STALL_MS;
	/* Who may not send, for want of window, is not slow. */
	if (r->received || r->unconsumed >= STREAM_WINDOW / 2)
		return 0;
	return r->handed && whole < idle ? whole : idle;
}

static int64_t deadline(struct http_conn *c)
{
	int64_t at = 0;

	if (list_empty(&c->reqs))
		return c->requests ? (c->last_ms > c->sent_ms ? c->last_ms : c->sent_ms) +
			HTTP_KEEPALIVE_MS : c->last_ms + HTTP_IDLE_MS;
	if (!state(c) || !state(c)->watched)
		return c->state ? 0 : c->last_ms + HTTP_IDLE_MS;
	list_each(&c->reqs, n) {
		int64_t due = due_ms(list_entry(n, struct http_req, node));

		if (due && (!at || due < at))
			at = due;
	}
	state(c)->watched = at != 0;
	return at;
}

static void timeout(struct http_conn *c)
{
	int64_t now = loop_now_ms(c->s->loop);

	if (!c->state) {
		http_conn_kill(c);
		return;
	}
	if (list_empty(&c->reqs)) {
		goodbye(c);
		return;
	}
	list_each(&c->reqs, n) {
		struct http_req *r = list_entry(n, struct http_req, node);

		if (!due_ms(r) || due_ms(r) > now)
			continue;
		if (!r->handed) {     /* its headers never ended: nothing else can follow */
			http_conn_kill(c);
			return;
		}
		if (!r->received && http_req_body_late(r)) {
			r->last_ms = now;
			continue;
		}
		r->received = true;   /* once */
		r->aborted = true;
		nghttp2_submit_rst_stream(state(c)->session, NGHTTP2_FLAG_NONE, r->stream_id,
			NGHTTP2_CANCEL);
	}
}

static void drain(struct http_conn *c)
{
	if (!c->state)
		http_conn_kill(c);
	else if (!state(c)->goodbye)
		goodbye(c);
}

static void close_h2(struct http_conn *c)
{
	struct h2 *h = state(c);

	/* nghttp2_session_del tells nobody of the streams it drops. */
	while (!list_empty(&c->reqs)) {
		struct http_req *r = list_entry(c->reqs.next, struct http_req, node);

		r->aborted = true;
		http_req_end(r);
	}
	c->state = NULL;
	if (!h)
		return;
	nghttp2_session_del(h->session);
	free(h);
}

/* The tables of callbacks and options are made once and kept. */
static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;

static bool prepare(void)
{
	if (callbacks)
		return true;
	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return false;
	if (nghttp2_option_new(&options) != 0) {
		nghttp2_session_callbacks_del(callbacks);
		callbacks = NULL;
		return false;
	}
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
	/* Floods of resets (1,000, then 33 a second: CVE-2023-44487), settings and
	 * continuations (8) are limited by nghttp2's defaults; the windows are ours. */
	nghttp2_option_set_no_auto_window_update(options, 1);
	nghttp2_option_set_no_closed_streams(options, 1);
	nghttp2_option_set_max_outbound_ack(options, 1000);
	return true;
}

static bool start(struct http_conn *c)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP_STREAMS_MAX },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEADERS_MAX },
	};
	struct h2 *h = calloc(1, sizeof(*h));

	if (!h || !prepare() || nghttp2_session_server_new2(&h->session, callbacks, c, options) != 0) {
		free(h);
		http_conn_kill(c);
		return false;
	}
	c->state = h;
	if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
		    sizeof(settings) / sizeof(settings[0])) != 0 ||
	    nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW) != 0) {
		http_conn_kill(c);
		return false;
	}
	return true;
}

const struct http_proto http_h2 = {
	.feed = feed, .eof = eof, .fill = fill, .settle = settle, .want_read = want_read,
	.deadline = deadline, .timeout = timeout, .drain = drain, .close = close_h2, .head = head,
	.more = more, .body_wanted = body_wanted, .abort = abort_req,
};
