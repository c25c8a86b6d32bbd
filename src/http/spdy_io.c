/* SPDX-License-Identifier: Apache-2.0 */
/* spdy_io - what carries SPDY frames: an upgraded connection, or a WebSocket's binary
 * messages (any cut of the bytes into messages is the same to both sides). */
#include <stdlib.h>

#include "http/spdy_priv.h"
#include "http/ws.h"

struct carrier {
	struct spdy *s;
	struct http_raw *raw;
	struct ws *ws;
	struct loop *loop;
	struct loop_task settle;
};

static void run_settle(void *arg)
{
	spdy_settle(((struct carrier *)arg)->s);
}

static void settle_soon(void *io)
{
	struct carrier *c = io;

	loop_defer(c->loop, &c->settle, run_settle, c);
}

static void gone(void *arg)
{
	struct carrier *c = arg;

	loop_defer_cancel(c->loop, &c->settle);
	spdy_gone(c->s);
	free(c);
}

static void drained(void *arg) { spdy_pump(((struct carrier *)arg)->s); }

/* ---- an upgraded connection ---- */

static void raw_out(void *io, const void *p, size_t n) { http_raw_write(((struct carrier *)io)->raw, p, n); }
static size_t raw_pending(void *io) { return http_raw_pending(((struct carrier *)io)->raw); }
static void raw_pause(void *io, bool paused) { http_raw_pause(((struct carrier *)io)->raw, paused); }
static void raw_close(void *io, bool failed) { http_raw_close(((struct carrier *)io)->raw); }

static void raw_data(void *arg, const void *p, size_t n)
{
	struct carrier *c = arg;

	if (n)
		spdy_feed(c->s, p, n);
	else
		http_raw_close(c->raw);
}

static void refuse(struct http_req *r)
{
	http_req_refuse(r, 400, "this connection cannot be upgraded to SPDY/3.1\n");
}

struct spdy *spdy_accept(struct http_req *r, const struct spdy_ops *ops, void *arg)
{
	static const struct http_raw_ops raw_ops = { .data = raw_data, .drained = drained,
		.closed = gone };
	struct carrier *c = calloc(1, sizeof(*c));

	if (!c || !(c->s = spdy_open_on(&(struct spdy_carrier){ .out = raw_out, .pending = raw_pending,
			.pause = raw_pause, .settle_soon = settle_soon, .close = raw_close, .io = c },
			ops, arg))) {
		free(c);
		http_abort(r);
		return NULL;
	}
	http_set_header(r, "upgrade", "SPDY/3.1");
	c->raw = http_upgrade(r, &raw_ops, c);
	if (!c->raw) {
		spdy_drop(c->s);
		free(c);
		refuse(r);
		return NULL;
	}
	c->loop = http_raw_loop(c->raw);
	return c->s;
}

/* ---- a WebSocket ---- */

static void ws_out(void *io, const void *p, size_t n) { ws_send(((struct carrier *)io)->ws, p, n, false); }
static size_t ws_waiting(void *io) { return ws_pending(((struct carrier *)io)->ws); }
static void ws_hold(void *io, bool paused) { ws_pause(((struct carrier *)io)->ws, paused); }
static void ws_end(void *io, bool failed) { ws_close(((struct carrier *)io)->ws, failed ? 1002 : 1000); }

static void ws_message(void *arg, const void *p, size_t n, bool text)
{
	struct carrier *c = arg;

	if (text)
		ws_close(c->ws, 1003);
	else
		spdy_feed(c->s, p, n);
}

struct spdy *spdy_accept_ws(struct http_req *r, const char *protocol,
	const struct spdy_ops *ops, void *arg)
{
	static const struct ws_ops ws_ops = { .message = ws_message, .drained = drained,
		.closed = gone };
	struct carrier *c = calloc(1, sizeof(*c));

	if (!c || !(c->s = spdy_open_on(&(struct spdy_carrier){ .out = ws_out, .pending = ws_waiting,
			.pause = ws_hold, .settle_soon = settle_soon, .close = ws_end, .io = c },
			ops, arg))) {
		free(c);
		http_abort(r);
		return NULL;
	}
	c->loop = r->c->s->loop;
	c->ws = ws_accept(r, protocol, &ws_ops, c);
	if (!c->ws) {
		spdy_drop(c->s);
		free(c);
		return NULL;
	}
	return c->s;
}
