/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ws - RFC 6455 over an upgraded connection (wslay): messages in, messages out.
 * Promise: close is sent after all queued data (else kubectl exec prints nothing).
 * Tests: tests/unit/http/test_ws.c
 */
#ifndef HTTP_WS_H
#define HTTP_WS_H

#include "http/http.h"

struct ws;
struct ws_ops {
	void (*message)(void *arg, const void *p, size_t n, bool text);
	void (*drained)(void *arg);
	void (*closed)(void *arg);     /* last call */
};
#define WS_MESSAGE_MAX (1u << 20)

/* Is r a WebSocket handshake? */
bool ws_wanted(const struct http_req *r);
/* The client's offer, in its order; false at the end. */
bool ws_next_protocol(const struct http_req *r, size_t *it, char *ret, size_t size);
/* Answers 101 with protocol (NULL: none). NULL: not a valid handshake; r was answered. */
struct ws *ws_accept(struct http_req *r, const char *protocol, const struct ws_ops *ops, void *arg);
/* -ERR_CANCELED once closed. */
int ws_send(struct ws *w, const void *p, size_t n, bool text);   /* copies */
int ws_send2(struct ws *w, const void *h, size_t hn, const void *p, size_t n);  /* one binary message of two parts */
size_t ws_pending(const struct ws *w);
/* Stop reading; a few small messages already read (4 KiB) may still be given. */
void ws_pause(struct ws *w, bool paused);
/* After all that was sent; no message is given any more, closed follows. */
void ws_close(struct ws *w, int code);      /* 1000: normal */

#endif
