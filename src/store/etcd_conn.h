/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd_conn - one connection to one member of an etcd cluster, and gRPC calls on it.
 *
 *   CONNECTING -> [HANDSHAKE ->] OPEN -> DEAD
 *
 * Thread:  loop thread.
 * Promise: frames of one turn of the loop leave together; a member that does not answer is
 *          noticed within ETCD_DEAD_MS; end runs once for every call that was started and
 *          not canceled, also when the connection dies.
 * Tests:   tests/unit/store/test_etcd_pb.c (framing), tests/contract/
 * Source:  grpc doc/PROTOCOL-HTTP2.md; RFC 9113; nghttp2's programmers' guide.
 */
#ifndef STORE_ETCD_CONN_H
#define STORE_ETCD_CONN_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/list.h"

struct loop;
struct etcd_conn;

#define ETCD_CONNECT_MS 3000
#define ETCD_DEAD_MS    5000           /* a silent member with calls waiting; else twice that */
#define ETCD_MESSAGE_MAX (64u << 20)   /* of an answer */

/* gRPC's codes that are told apart here; below 0: no code came. */
enum etcd_code {
	ETCD_LOST = -2,            /* the connection or the stream died */
	ETCD_OVER = -1,            /* the answer is above ETCD_MESSAGE_MAX */
	ETCD_OK = 0, ETCD_CANCELED = 1, ETCD_UNKNOWN = 2, ETCD_INVALID = 3, ETCD_DEADLINE = 4,
	ETCD_NOT_FOUND = 5, ETCD_DENIED = 7, ETCD_EXHAUSTED = 8, ETCD_PRECONDITION = 9, ETCD_RANGE = 11,
	ETCD_UNAVAILABLE = 14, ETCD_UNAUTHENTICATED = 16,
};

/* One call, in its owner's memory, {0} before first use. */
struct etcd_rpc {
	struct list node;
	struct etcd_conn *conn;    /* NULL: not running */
	/* Of a stream, for each message; NULL: one message comes and is given to end. It
	 * may cancel the call. */
	void (*msg)(struct etcd_rpc *r, const char *p, size_t n);
	/* The call is over and forgotten. p: the answer of ETCD_OK, else NULL. message: words. */
	void (*end)(struct etcd_rpc *r, int code, const char *message, const char *p, size_t n);
	int32_t stream_id;
	bool sent;                 /* the member may have got it */
	bool open, waiting;        /* open: more may be sent */
	struct buf out, in;
	size_t out_at;
	int code;
	char message[256];
};

struct etcd_conn_events {
	void (*up)(void *arg);
	/* Once, also when it never came up; the calls have ended before. Close it then. */
	void (*down)(void *arg, const char *why);
};

/* host: the name that its certificate must have, and the authority. tls: NULL for none; it
 * must outlive the connection. 0 or -ERR_NOMEM; then no event comes. */
int etcd_conn_open(struct etcd_conn **ret, struct loop *l, const struct sockaddr *sa, socklen_t sa_len,
	const char *host, SSL_CTX *tls, const struct etcd_conn_events *ev, void *arg);
/* Ends its calls with ETCD_LOST. Not within a msg or end. Accepts NULL. */
void etcd_conn_close(struct etcd_conn *c);
bool etcd_conn_is_open(const struct etcd_conn *c);   /* calls can begin */
/* It is of no use any more: down comes in the next turn. */
void etcd_conn_fail(struct etcd_conn *c, const char *why);

/* Begin a call: path as "/etcdserverpb.KV/Range", token "" for none, timeout_ms 0 for a stream.
 * The message is taken. 0 or -ERR_NOMEM, and then it did not begin. */
int etcd_rpc_start(struct etcd_conn *c, struct etcd_rpc *r, const char *path, const char *token,
	int64_t timeout_ms, struct buf *msg);
/* Forget it; end does not run. Harmless when it is not running. */
void etcd_rpc_cancel(struct etcd_rpc *r);

/* Messages in bytes as they came. 1: a message, *ret_used of them; 0: not all of it is there;
 * -ERR_SIZE above ETCD_MESSAGE_MAX, -ERR_CORRUPT (compressed: never agreed upon). */
int etcd_frame(const char *p, size_t n, const char **ret_msg, size_t *ret_msg_n, size_t *ret_used);
/* A message with its frame's head; takes msg. */
void etcd_frame_make(struct buf *out, struct buf *msg);

#endif
