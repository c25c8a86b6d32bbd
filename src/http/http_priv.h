/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_priv - what server.c, conn.c, tls.c, req.c, reply.c, h1.c, h2.c and raw.c
 * share; also for tests and fuzzers.
 *
 * A connection (conn.c) moves bytes between its socket and one protocol at a time:
 *
 *	handshake -> h1 -> raw -> linger
 *	          -> h2 --------> linger -> gone
 *
 * The protocol is a table of functions. Input is pushed (feed); output is pulled
 * (fill) when the kernel takes more, so that nothing unsent but the queues of the
 * requests exists. All output, every `closed` callback and the end of a connection
 * happen in http_conn_work, a deferred task: no http_* call made by a handler ever
 * frees something under its feet.
 */
#ifndef HTTP_HTTP_PRIV_H
#define HTTP_HTTP_PRIV_H

#include <openssl/ssl.h>

#include "base/list.h"
#include "base/loop.h"
#include "http/http.h"

#define HTTP_IO_BYTES       (64u << 10)   /* read and written at once */
#define HTTP_LOW_WATER      (64u << 10)
#define HTTP_PIPELINE_MAX   (64u << 10)   /* bytes kept of requests not begun */
#define HTTP_BODY_AHEAD     (64u << 10)   /* h1: body bytes kept before they are asked for */
#define HTTP_KEEPALIVE_MS   180000        /* a connection without a request */
#define HTTP_LINGER_MS      2000
#define HTTP_DRAIN_MS       3000          /* what then still runs is cut off */
#define HTTP_HEADER_COUNT_MAX 200u

struct http_conn;

/* ---- bytes on their way out ---- */

/* A queue of shared blobs, each from some byte on: a ring. */
struct http_part { struct blob *b; uint32_t off; };
struct http_q {
	struct http_part *v;
	uint32_t head, len, cap;
	size_t bytes;
};
/* Takes a reference; false: no memory. */
bool http_q_push(struct http_q *q, struct blob *b, uint32_t off);
size_t http_q_take(struct http_q *q, uint8_t *p, size_t n);   /* copies out at most n */
void http_q_finish(struct http_q *q);

/* ---- headers of a request or of its answer ---- */

struct http_hdr { uint32_t name, value; };   /* offsets into text */
#define HTTP_HDR_GONE UINT32_MAX
struct http_hdrs {
	struct buf text;
	struct http_hdr *v;
	uint32_t n, cap;
};

/* ---- a request ---- */

struct http_req {
	struct list node;              /* in http_conn.reqs */
	struct http_conn *c;
	int32_t stream_id;             /* h2 */
	const char *method;
	char method_text[24];
	uint32_t path, query;          /* offsets into in.text */
	struct http_hdrs in, out;
	int status;
	char status_text[4], length_text[24];
	void *ctx;
	void (*closed)(void *ctx);
	void (*drained)(void *ctx);
	int64_t last_ms;               /* when its newest byte came */
	int64_t began_ms;              /* when its headers were complete */
	int64_t moved_ms;              /* when bytes last left q, or came into an empty one */

	/* the body */
	struct buf body;
	size_t body_max;
	int64_t content_length;        /* -1: not said */
	void (*body_done)(void *arg, struct http_req *r, int rc, const char *p, size_t n);
	void *body_arg;
	struct loop_task body_task;
	uint32_t unconsumed;           /* h2: received, window not given back */
	uint32_t discarded;            /* h2 */
	bool handed;                   /* the handler has it */
	bool received;                 /* the whole message */
	bool discard;                  /* nobody wants more of the body */
	bool late;                     /* its body came too slowly, as it was told */
	int refused;                   /* the status for headers over a limit, or 0 */

	/* the answer */
	struct http_q q;
	bool replied, streaming, ended, no_body, sized;
	bool head_sent;
	bool deferred;                 /* h2: nghttp2 waits for data */
	bool took;                     /* bytes left q since the last look */
	bool aborted;
};

struct http_req *http_req_open(struct http_conn *c);
/* Headers come in pieces (h1) or whole (h2); false: over a limit. */
bool http_hdrs_add(struct http_hdrs *h, const char *name, size_t name_n, const char *value,
	size_t value_n);
const char *http_hdrs_get(const struct http_hdrs *h, const char *lower_name);
/* target: origin-form or absolute-form, of at most HTTP_URL_MAX bytes. False: neither. */
bool http_req_set_target(struct http_req *r, const char *p, size_t n);
/* The headers are complete: reads content-length, calls the handler. */
void http_req_hand(struct http_req *r);
void http_req_body(struct http_req *r, const void *p, size_t n);
void http_req_body_end(struct http_req *r);
/* The body came too slowly. False: nobody waits for it. */
bool http_req_body_late(struct http_req *r);
/* Runs body_done, closed; frees. Never from within a handler's call. */
void http_req_end(struct http_req *r);
void http_req_free_spares(struct http_server *s);
/* A short answer of our own, in plain text. */
void http_req_refuse(struct http_req *r, int status, const char *text);

/* ---- a connection ---- */

struct http_proto {
	/* false: the connection is beyond use. */
	bool (*feed)(struct http_conn *c, const uint8_t *p, size_t n);
	void (*eof)(struct http_conn *c);
	/* Bytes for the kernel, at most cap; 0: none now. */
	size_t (*fill)(struct http_conn *c, uint8_t *p, size_t cap);
	/* What is due outside of callbacks; true: there may be more to fill. */
	bool (*settle)(struct http_conn *c);
	bool (*want_read)(struct http_conn *c);
	int64_t (*deadline)(struct http_conn *c);    /* monotonic ms, 0: none */
	void (*timeout)(struct http_conn *c);
	void (*drain)(struct http_conn *c);
	void (*close)(struct http_conn *c);          /* ends requests, frees */
	/* of its requests; NULL where there are none */
	void (*head)(struct http_req *r);            /* the answer's head is known */
	void (*more)(struct http_req *r);            /* q or ended changed */
	void (*body_wanted)(struct http_req *r);
	void (*abort)(struct http_req *r);
};
extern const struct http_proto http_h1, http_h2, http_raw_proto;

struct http_peer {
	char addr[48];
	char *cn;
	char **orgs;
	char fingerprint[65];
	int64_t issued_s, until_s;     /* of the certificate; made by our own authority */
	bool refused;
};

struct http_conn {
	struct list node;              /* in http_server.conns */
	struct http_server *s;
	const struct http_proto *proto;/* NULL: handshake, or waits for its first byte */
	void *state;                   /* the protocol's */
	SSL *ssl;
	int fd;
	struct loop_fd *watch;
	struct buf out;                /* taken from the protocol, not by the kernel */
	size_t out_off;
	struct list reqs;
	struct loop_task work;
	struct loop_timer timer;
	int64_t last_ms;               /* newest byte in, or change of state */
	int64_t sent_ms;               /* newest byte out */
	uint64_t requests;
	struct http_peer peer;
	bool handshaking;
	bool write_blocked;            /* until EPOLLOUT */
	bool fresh;                    /* what may have an early deadline began */
	bool read_needs_write;         /* TLS */
	bool read_again;               /* bytes may wait where epoll cannot see them */
	bool stalled;                  /* so do some, since the protocol paused */
	bool eof;
	bool closing;                  /* flush, then linger */
	bool lingering;
	bool dead;
	uint32_t lingered_bytes;
};

/* Takes fd. addr may be NULL. */
struct http_conn *http_conn_open(struct http_server *s, int fd, const char *addr);
void http_conn_schedule(struct http_conn *c);
void http_conn_kill(struct http_conn *c);           /* soon, without a word */
void http_conn_finish(struct http_conn *c);         /* send what waits, say goodbye */
void http_conn_destroy(struct http_conn *c);        /* now; from the top of the stack only */
static inline size_t http_conn_unsent(const struct http_conn *c) { return c->out.len - c->out_off; }

/* ---- TLS ---- */

int http_tls_open(SSL_CTX **ret, const char *cert_pem, const char *key_pem,
	const char *client_ca_pem, bool require, struct err *reterr);
/* The identity of a verified client certificate; leaves peer alone when there is none. */
void http_tls_peer(SSL *ssl, struct http_peer *peer);
bool http_tls_chose_h2(SSL *ssl);

/* ---- the server ---- */

struct http_server {
	struct loop *loop;
	http_handler_fn *handler;
	void *arg;
	unsigned conns_max, port;
	char *client_ca_pem;
	bool require_client_cert;
	SSL_CTX *tls;
	int fd;
	struct loop_fd *watch;
	struct loop_timer retry;       /* accept again after the machine was short of something */
	struct list conns;
	int64_t warn_at_ms;
	struct http_stats stats;
	size_t body_bytes;             /* of requests being read */
	uint8_t *in, *fill;            /* one of each serves all connections */
	struct http_req *spares;
	unsigned spare_count;
	int64_t date_s;
	char date[32];
	bool retiring;                 /* answers are the last of their connections */
	bool draining;
	void (*drained)(void *arg);
	void *drained_arg;
	struct loop_timer drain_timer;
	struct loop_task drain_task;
};
const char *http_server_date(struct http_server *s);
void http_server_conn_gone(struct http_server *s);

/* ---- raw ---- */

/* Bytes that came behind the request that was upgraded. */
void http_raw_keep(struct http_conn *c, const void *p, size_t n);
/* Give back the end of what data() is delivering: it comes again once not paused. */
void http_raw_unread(struct http_raw *w, const void *p, size_t n);
struct http_raw_part { const void *p; size_t n; };
void http_raw_writev(struct http_raw *w, const struct http_raw_part *parts, size_t n);
struct loop *http_raw_loop(const struct http_raw *w);
/* The connection leaves HTTP: false when r's message has a body or was answered. From
 * then on what h1 parses no more goes to http_raw_keep; retire ends r and frees h1. */
bool http_h1_upgrade(struct http_req *r);
void http_h1_retire(void *h1_state, struct http_conn *c);

#endif
