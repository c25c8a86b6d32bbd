/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spdy - the server side of SPDY/3.1 as Kubernetes clients use it for exec, attach
 * and port-forward: many streams with headers over one upgraded connection, or
 * over binary WebSocket messages (SPDY/3.1+portforward.k8s.io).
 * Source: the SPDY/3.1 draft (frames, zlib dictionary, flow control).
 * Tests: tests/unit/http/test_spdy.c, fuzz: tests/fuzz/fuzz_spdy.c
 */
#ifndef HTTP_SPDY_H
#define HTTP_SPDY_H

#include "http/http.h"

struct spdy;
struct spdy_stream;
struct spdy_ops {
	/* A new stream; header(name) gives its headers during this call. It is accepted
	 * (SYN_REPLY) unless fn returns false (RST). */
	bool (*stream)(void *arg, struct spdy_stream *st);
	void (*data)(void *arg, struct spdy_stream *st, const void *p, size_t n, bool fin);
	void (*stream_closed)(void *arg, struct spdy_stream *st);
	void (*drained)(void *arg, struct spdy_stream *st);
	void (*closed)(void *arg);     /* last call */
};
#define SPDY_STREAMS_MAX 1000u
/* Answers 101 Switching Protocols with Upgrade: SPDY/3.1 (headers set on r before are kept). */
struct spdy *spdy_accept(struct http_req *r, const struct spdy_ops *ops, void *arg);
/* The same over messages of an accepted WebSocket: feed its messages in, out() sends. */
struct spdy *spdy_open(void (*out)(void *io, const void *p, size_t n), void *io,
	const struct spdy_ops *ops, void *arg);
void spdy_feed(struct spdy *s, const void *p, size_t n);
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
