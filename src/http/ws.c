/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ws - the handshake, and messages over wslay.
 *
 * wslay reads, and answers pings and closes. Data frames are written here, whole and
 * at once into the connection's queue, so that a close cannot overtake them.
 * Source: RFC 6455.
 */
#define LOG_MODULE "http"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/sha.h>
#include <wslay/wslay.h>

#include "base/text.h"
#include "http/http_priv.h"
#include "http/ws.h"

struct ws {
	struct http_raw *raw;
	wslay_event_context_ptr wslay;
	struct ws_ops ops;
	void *arg;
	const uint8_t *in;       /* while receiving: not read yet */
	size_t in_n;
	bool paused, closing;
};

/* ---- the handshake ---- */

/* Is token one of the comma-separated words of any header called name? */
static bool header_has(const struct http_req *r, const char *name, const char *token)
{
	const char *n, *v;
	size_t len = strlen(token);

	for (size_t it = 0; http_header_next(r, &it, &n, &v);) {
		if (strcmp(n, name) != 0)
			continue;
		while (*v) {
			size_t word;

			v += strspn(v, " \t,");
			word = strcspn(v, " \t,");
			if (word == len && strncasecmp(v, token, len) == 0)
				return true;
			v += word;
		}
	}
	return false;
}

bool ws_wanted(const struct http_req *r)
{
	return header_has(r, "upgrade", "websocket") && header_has(r, "connection", "upgrade");
}

/* *it: index of the header in the upper half, place in its value in the lower. */
bool ws_next_protocol(const struct http_req *r, size_t *it, char *ret, size_t size)
{
	size_t at = *it >> 17, place = *it & 0x1ffff;
	const char *n, *v;

	for (;;) {
		size_t next = at, word;

		if (!http_header_next(r, &next, &n, &v))
			return false;
		if (strcmp(n, "sec-websocket-protocol") == 0) {
			v += place;
			place += strspn(v, " \t,");
			v += strspn(v, " \t,");
			word = strcspn(v, " \t,");
			if (word && word < size) {
				memcpy(ret, v, word);
				ret[word] = 0;
				*it = at << 17 | (place + word);
				return true;
			}
			if (word) {   /* too long to be one of ours */
				place += word;
				continue;
			}
		}
		at = next;
		place = 0;
	}
}

static bool accept_key(const struct http_req *r, struct buf *ret)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	const char *key = http_header(r, "sec-websocket-key");
	unsigned char sum[SHA_DIGEST_LENGTH];
	BUF_AUTO struct buf raw = { 0 };

	if (!key || text_unbase64(&raw, key, strlen(key)) < 0 || raw.len != 16)
		return false;
	buf_clear(&raw);
	buf_adds(&raw, key);
	buf_adds(&raw, guid);
	if (raw.failed)
		return false;
	SHA1((const unsigned char *)raw.p, raw.len, sum);
	text_base64(ret, sum, sizeof(sum));
	return !ret->failed;
}

/* ---- in ---- */

static ssize_t give_bytes(wslay_event_context_ptr ctx, uint8_t *p, size_t n, int flags, void *arg)
{
	struct ws *w = arg;

	if (!w->in_n || w->paused || w->closing) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	if (n > w->in_n)
		n = w->in_n;
	memcpy(p, w->in, n);
	w->in += n;
	w->in_n -= n;
	return (ssize_t)n;
}

static ssize_t take_bytes(wslay_event_context_ptr ctx, const uint8_t *p, size_t n, int flags,
	void *arg)
{
	struct ws *w = arg;

	http_raw_write(w->raw, p, n);
	return (ssize_t)n;
}

static void on_message(wslay_event_context_ptr ctx,
	const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
	struct ws *w = arg;

	if (!wslay_is_ctrl_frame(m->opcode) && !w->closing)
		w->ops.message(w->arg, m->msg, m->msg_length, m->opcode == WSLAY_TEXT_FRAME);
}

static void on_bytes(void *arg, const void *p, size_t n)
{
	struct ws *w = arg;
	int rc;

	if (!n) {   /* the peer will say no more, not even goodbye */
		w->closing = true;
		http_raw_close(w->raw);
		return;
	}
	w->in = p;
	w->in_n = n;
	rc = wslay_event_recv(w->wslay);
	if (rc == 0)
		rc = wslay_event_send(w->wslay);   /* pongs, the answer to a close */
	if (w->in_n && !w->closing)
		http_raw_unread(w->raw, w->in, w->in_n);
	w->in_n = 0;
	if (rc != 0 || !wslay_event_want_read(w->wslay)) {
		w->closing = true;
		http_raw_close(w->raw);
	}
}

static void on_drained(void *arg)
{
	struct ws *w = arg;

	if (w->ops.drained)
		w->ops.drained(w->arg);
}

static void on_closed(void *arg)
{
	struct ws *w = arg;

	w->ops.closed(w->arg);
	wslay_event_context_free(w->wslay);
	free(w);
}

struct ws *ws_accept(struct http_req *r, const char *protocol, const struct ws_ops *ops, void *arg)
{
	static const struct wslay_event_callbacks callbacks = { .recv_callback = give_bytes,
		.send_callback = take_bytes, .on_msg_recv_callback = on_message };
	static const struct http_raw_ops raw_ops = { .data = on_bytes, .drained = on_drained,
		.closed = on_closed };
	const char *version = http_header(r, "sec-websocket-version");
	BUF_AUTO struct buf accept = { 0 };
	struct ws *w;

	if (!ws_wanted(r) || strcmp(http_method(r), "GET") != 0 || !accept_key(r, &accept)) {
		http_req_refuse(r, 400, "not a WebSocket handshake\n");
		return NULL;
	}
	if (!version || strcmp(version, "13") != 0) {
		http_set_header(r, "sec-websocket-version", "13");
		http_req_refuse(r, 426, "only version 13 of the WebSocket protocol is spoken here\n");
		return NULL;
	}
	w = calloc(1, sizeof(*w));
	if (!w || wslay_event_context_server_init(&w->wslay, &callbacks, w) != 0) {
		free(w);
		http_abort(r);
		return NULL;
	}
	wslay_event_config_set_max_recv_msg_length(w->wslay, WS_MESSAGE_MAX);
	w->ops = *ops;
	w->arg = arg;
	http_set_header(r, "upgrade", "websocket");
	http_set_header(r, "sec-websocket-accept", accept.p);
	if (protocol)
		http_set_header(r, "sec-websocket-protocol", protocol);
	w->raw = http_upgrade(r, &raw_ops, w);
	if (!w->raw) {
		wslay_event_context_free(w->wslay);
		free(w);
		http_req_refuse(r, 400, "this connection cannot become a WebSocket\n");
		return NULL;
	}
	return w;
}

/* ---- out ---- */

static size_t frame_head(uint8_t h[10], uint8_t opcode, size_t n)
{
	size_t len = n < 126 ? 2 : n < 65536 ? 4 : 10;

	h[0] = (uint8_t)(0x80 | opcode);
	h[1] = (uint8_t)(len == 2 ? n : len == 4 ? 126 : 127);
	for (size_t i = 2; i < len; i++)
		h[i] = (uint8_t)((uint64_t)n >> (8 * (len - 1 - i)));
	return len;
}

static int send_frame(struct ws *w, uint8_t opcode, const void *a, size_t an, const void *b,
	size_t bn)
{
	struct http_raw_part parts[3];
	uint8_t head[10];

	if (w->closing)
		return -ERR_CANCELED;
	parts[0] = (struct http_raw_part){ head, frame_head(head, opcode, an + bn) };
	parts[1] = (struct http_raw_part){ a, an };
	parts[2] = (struct http_raw_part){ b, bn };
	http_raw_writev(w->raw, parts, 3);
	return 0;
}

int ws_send(struct ws *w, const void *p, size_t n, bool text)
{
	return send_frame(w, text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, p, n, NULL, 0);
}

int ws_send2(struct ws *w, const void *h, size_t hn, const void *p, size_t n)
{
	return send_frame(w, WSLAY_BINARY_FRAME, h, hn, p, n);
}

size_t ws_pending(const struct ws *w) { return http_raw_pending(w->raw); }

void ws_pause(struct ws *w, bool paused)
{
	w->paused = paused;
	http_raw_pause(w->raw, paused);
}

void ws_close(struct ws *w, int code)
{
	if (w->closing)
		return;
	if (wslay_event_queue_close(w->wslay, (uint16_t)code, NULL, 0) == 0)
		wslay_event_send(w->wslay);
	w->closing = true;
	http_raw_close(w->raw);
}
