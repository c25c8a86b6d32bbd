/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http - sockets in, requests out: a TLS server for HTTP/1.1 and HTTP/2 on one
 * loop, streamed replies with back-pressure, and upgraded connections.
 *
 * In:      sockets.          Out: struct http_req to one handler.
 * Knows:   bytes, headers.   Never: kinds, JSON.
 * Thread:  loop thread. Callbacks (body, drained, closed, those of http_raw) never run
 *          within an http_* call of the handler, but for http_server_close.
 * Limits:  HTTP_HEADERS_MAX bytes of headers (431), HTTP_URL_MAX of them the URL (414),
 *          HTTP_STREAMS_MAX requests at once on a connection. Slow senders: no byte for
 *          HTTP_IDLE_MS, headers not complete then, a body not after HTTP_BODY_MS (408);
 *          slow readers: none of what waits taken for HTTP_STALL_MS. All bodies being
 *          read take HTTP_BODIES_MAX bytes, small ones apart (429). Connections are
 *          bounded by http_config.conns_max: above it they wait in the kernel's queue.
 *          Floods of h2 frames: h2.c.
 * Tests:   tests/unit/http/, tests/fuzz/fuzz_http1.c
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct loop;
struct http_server;
struct http_req;

#define HTTP_HEADERS_MAX (64u << 10)
#define HTTP_URL_MAX     (32u << 10)
#define HTTP_STREAMS_MAX 250u
#define HTTP_IDLE_MS     30000
#define HTTP_BODY_MS     60000
#define HTTP_STALL_MS    60000
#define HTTP_BODIES_MAX  (256u << 20)
#define HTTP_BODY_SMALL  (64u << 10)
#define HTTP_STREAM_PENDING_MAX (4u << 20)  /* more unsent bytes on one stream: it is cut off */

typedef void http_handler_fn(void *arg, struct http_req *r);

struct http_config {
	const char *listen;            /* "0.0.0.0:6443", "[::]:6443", port 0: any; NULL: nowhere */
	const char *cert_pem, *key_pem;/* text; NULL: plain HTTP (tests, loopback) */
	/* Text. Client certificates are asked for and checked, not required: one that does
	 * not verify leaves its sender connected, without an identity. */
	const char *client_ca_pem;
	bool require_client_cert;
	unsigned conns_max;            /* 0: 20000 */
	/* Runs when the headers are complete and r's body has not been read. */
	http_handler_fn *handler;
	void *arg;
};
/* -ERR_IO with a message that names the address and what to do. From then on the process
 * ignores SIGPIPE. */
int http_server_open(struct http_server **ret, struct loop *l, const struct http_config *cfg, struct err *reterr);
unsigned http_server_port(const struct http_server *s);
/* Replace the certificate of new connections. */
int http_server_set_cert(struct http_server *s, const char *cert_pem, const char *key_pem, struct err *reterr);
/* Answers over HTTP/1.1 are the last of their connections from now on: clients move on by
 * themselves, before the end. */
void http_server_retire(struct http_server *s);
/* Stop accepting, but for whoever is connected already; GOAWAY; requests under way may end, for
 * at most 3 s, then they are cut off (closed runs). drained runs when all connections are gone. */
void http_server_drain(struct http_server *s, void (*drained)(void *), void *arg);
/* Not from a callback of s. Every request's closed runs in it. */
void http_server_close(struct http_server *s);
struct http_stats { uint64_t requests, conns_total; unsigned conns, streams; };
void http_server_stats(const struct http_server *s, struct http_stats *ret);

/* ---- the request; valid until its end (reply sent, or closed ran) ---- */
const char *http_method(const struct http_req *r);
const char *http_path(const struct http_req *r);       /* raw, before '?', not decoded */
const char *http_query(const struct http_req *r);      /* raw, "" when none */
const char *http_header(const struct http_req *r, const char *lower_name);  /* first value or NULL */
bool http_header_next(const struct http_req *r, size_t *it, const char **ret_name, const char **ret_value);
/* Subject of the verified client certificate: CN and the O values. False: none. */
bool http_peer_cert(const struct http_req *r, const char **ret_cn, const char *const **ret_orgs);
/* The SHA-256 of that certificate (DER) in hex, "" without one. */
const char *http_peer_fingerprint(const struct http_req *r);
/* When the certificate was issued, in seconds since 1970. */
int64_t http_peer_issued_s(const struct http_req *r);
/* A client certificate was shown that does not verify, or no longer. */
bool http_peer_refused(const struct http_req *r);
const char *http_peer_addr(const struct http_req *r);   /* the IP address alone */
bool http_is_h2(const struct http_req *r);
/* The same for all requests of one connection; to tell them apart, not to look into. */
const void *http_connection(const struct http_req *r);
/* The handler's own pointer, and what runs once when the request ends for any reason
 * (also after the reply was sent), from the loop; r is invalid after it. */
void http_set_context(struct http_req *r, void *ctx, void (*closed)(void *ctx));
void *http_context(const struct http_req *r);

/* Read the body: done runs once with 0 and the bytes (valid until r ends), or
 * -ERR_SIZE (over max_bytes), -ERR_DEADLINE (it came too slowly), -ERR_FULL (too much is
 * being read at once), -ERR_CANCELED. */
void http_read_body(struct http_req *r, size_t max_bytes,
	void (*done)(void *arg, struct http_req *r, int rc, const char *p, size_t n), void *arg);

/* ---- the answer ---- */
/* Headers of the answer are collected first: name in lower case for h2. Copied. */
void http_set_header(struct http_req *r, const char *name, const char *value);
void http_add_header(struct http_req *r, const char *name, const char *value);
/* Whole answer; content-length is added. p is copied; the blob form shares it. */
void http_reply(struct http_req *r, int status, const void *p, size_t n);
void http_reply_blob(struct http_req *r, int status, struct blob *b);
/* Streamed answer. write shares b; end finishes it. pending: bytes not yet taken by
 * the kernel; drained runs whenever some were taken and less than the low-water mark
 * (64 KiB) is left. Over HTTP_STREAM_PENDING_MAX the next write cuts the stream off. */
void http_stream_begin(struct http_req *r, int status);
void http_stream_write(struct http_req *r, struct blob *b);
void http_stream_write_from(struct http_req *r, struct blob *b, uint32_t off);   /* without its first off bytes */
void http_stream_writec(struct http_req *r, const void *p, size_t n);   /* copies */
size_t http_stream_pending(const struct http_req *r);
void http_stream_on_drained(struct http_req *r, void (*fn)(void *ctx));  /* ctx: http_context */
void http_stream_end(struct http_req *r);
/* Cut the stream off: RST_STREAM, or the connection closed. */
void http_abort(struct http_req *r);

/* ---- upgrade (HTTP/1.1 only): the bytes of the connection, both ways ---- */
struct http_raw_ops {
	void (*data)(void *arg, const void *p, size_t n);   /* n 0: the peer closed its side */
	void (*drained)(void *arg);
	void (*closed)(void *arg);                          /* last call */
};
struct http_raw;
/* 101 with the collected headers (the caller sets upgrade); r ends soon. NULL when r is
 * HTTP/2, has a body, or was answered: r still wants an answer then. */
struct http_raw *http_upgrade(struct http_req *r, const struct http_raw_ops *ops, void *arg);
/* Copies. Over HTTP_STREAM_PENDING_MAX waiting the next write closes the connection. */
void http_raw_write(struct http_raw *c, const void *p, size_t n);
size_t http_raw_pending(const struct http_raw *c);
void http_raw_pause(struct http_raw *c, bool paused);       /* reading */
void http_raw_close(struct http_raw *c);                    /* after what is pending */

#endif
