/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spdy - the server side of SPDY/3.1 as Kubernetes clients use it for exec, attach
 * and port-forward: many streams with headers over one upgraded connection, or
 * over binary WebSocket messages (SPDY/3.1+portforward.k8s.io).
 *
 * Thread:  loop thread. No callback runs within a spdy_* call of its user.
 * Limits:  SPDY_STREAMS_MAX streams; SPDY_HEADERS_MAX bytes of headers a stream;
 *          SPDY_HELD_MAX bytes delivered and not yet consumed, then the connection
 *          is not read (Kubernetes' clients keep to no window);
 *          HTTP_STREAM_PENDING_MAX unsent bytes a stream, then it is reset.
 * Source:  the SPDY/3.1 draft (frames, zlib dictionary, flow control).
 * Tests:   tests/unit/http/test_spdy.c, fuzz: tests/fuzz/fuzz_spdy.c
 */
#ifndef HTTP_SPDY_H
#define HTTP_SPDY_H

#include "http/http.h"

struct spdy;
struct spdy_stream;
struct spdy_ops {
	/* A new stream; spdy_stream_header gives its headers, now and later. It is
	 * accepted (SYN_REPLY) unless fn returns false (RST, no stream_closed). */
	bool (*stream)(void *arg, struct spdy_stream *st);
	void (*data)(void *arg, struct spdy_stream *st, const void *p, size_t n, bool fin);
	/* Both sides finished, or one reset it. st is invalid after this. */
	void (*stream_closed)(void *arg, struct spdy_stream *st);
	void (*drained)(void *arg, struct spdy_stream *st);   /* under 64 KiB; may be NULL */
	void (*closed)(void *arg);     /* last call, after every stream_closed */
};
#define SPDY_STREAMS_MAX 1000u
#define SPDY_HEADERS_MAX 16384u
#define SPDY_HELD_MAX    (1u << 20)
/* Answers 101 Switching Protocols with Upgrade: SPDY/3.1 (headers set on r before are
 * kept). NULL: not possible, r was answered. */
struct spdy *spdy_accept(struct http_req *r, const struct spdy_ops *ops, void *arg);
/* The same within the binary messages of a WebSocket that answers with protocol. */
struct spdy *spdy_accept_ws(struct http_req *r, const char *protocol,
	const struct spdy_ops *ops, void *arg);
/* Over any carrier: feed bytes in, out() sends. Callbacks that are due outside of
 * spdy_feed (stream_closed after a reset) run in the next spdy_feed or spdy_close,
 * and closed runs in spdy_close. After a protocol error spdy_failed is true. */
struct spdy *spdy_open(void (*out)(void *io, const void *p, size_t n), void *io,
	const struct spdy_ops *ops, void *arg);
void spdy_feed(struct spdy *s, const void *p, size_t n);
bool spdy_failed(const struct spdy *s);
/* GOAWAY, what is queued, then the end. */
void spdy_close(struct spdy *s);

const char *spdy_stream_header(const struct spdy_stream *st, const char *lower_name);
void spdy_stream_set_context(struct spdy_stream *st, void *ctx);
void *spdy_stream_context(const struct spdy_stream *st);
uint32_t spdy_stream_id(const struct spdy_stream *st);
void spdy_stream_write(struct spdy_stream *st, const void *p, size_t n);  /* copies; keeps to the window */
size_t spdy_stream_pending(const struct spdy_stream *st);
/* Give the peer's window back as data is consumed: call with what data() delivered. */
void spdy_stream_consumed(struct spdy_stream *st, size_t n);
void spdy_stream_fin(struct spdy_stream *st);      /* after what is pending */
void spdy_stream_reset(struct spdy_stream *st);

#endif
