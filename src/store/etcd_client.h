/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd_client - a cluster of etcd: one member at a time is talked to, the next one when it
 * fails, with a token where the cluster wants one.
 *
 *   resolve -> connect -> [authenticate ->] ask for the newest revision -> ready
 *      ^                                                                    |
 *      +---- next member, after a round of all of them a little later <-----+
 *
 * A member is ready when it has answered a quorum read: one that is cut off from the others
 * never is. Thread: loop thread. Tests: tests/contract/test_store_etcd.c
 */
#ifndef STORE_ETCD_CLIENT_H
#define STORE_ETCD_CLIENT_H

#include "base/err.h"
#include "base/loop.h"
#include "store/etcd_conn.h"
#include "store/etcd_pb.h"
#include "store/store.h"

struct etcd_client;

#define ETCD_CALL_MS 5000

struct etcd_client_events {
	/* A member is there. now: the probed key, as a quorum has it, and the newest revision. */
	void (*ready)(void *arg, const struct etcd_ranged *now);
	void (*lost)(void *arg);                 /* it is not any more; its calls have ended */
};
/* members: "host:port,host:port". probe_key: is read to see whether a member can do its
 * work. Does not wait. 0 or an error in words. */
int etcd_client_open(struct etcd_client **ret, struct loop *l, const char *members, const char *probe_key,
	const struct store_options *opt, const struct etcd_client_events *ev, void *arg, struct err *reterr);
void etcd_client_close(struct etcd_client *c);           /* ends calls as if canceled; accepts NULL */
/* What keeps it from being ready; *ret_final: trying longer is of no use. */
const char *etcd_client_trouble(const struct etcd_client *c, bool *ret_final);
/* A revision came by: a member whose log ends before it is of no use, and will not be. */
void etcd_client_saw(struct etcd_client *c, int64_t rev);
/* NULL while no member is ready. */
struct etcd_conn *etcd_client_conn(const struct etcd_client *c);
const char *etcd_client_token(const struct etcd_client *c);

struct etcd_answer {
	int rc;                    /* 0 or -ERR_*; */
	bool maybe;                /* and when it failed: it may have been done */
	const char *message;
	const char *p;             /* the message of rc 0, valid during the call */
	size_t n;
};
struct etcd_call {
	struct etcd_client *client;     /* NULL: not running */
	struct list node;
	struct etcd_rpc rpc;
	struct loop_timer timer;
	const char *path;
	struct buf msg;                 /* kept by ask_again */
	bool ask_again;
	int64_t deadline_ms;
	int64_t attempt_ms;             /* of ask_again: without an answer for so long, it is asked
					 * once more, then after twice that, ...; 0: not */
	void (*done)(struct etcd_call *c, const struct etcd_answer *a);
};
/*
 * etcd_call - ask once, or, if ask_again, again until timeout_ms.
 * msg of type m is encoded at once. done runs once, never before this returned, unless it
 * is canceled; rc is
 *   -ERR_AGAIN        not done; it may be asked again (only without ask_again)
 *   -ERR_UNAVAILABLE, -ERR_DEADLINE   nobody answered in time
 *   -ERR_EXPIRED, -ERR_BAD_REQUEST    the revision is compacted, or to come
 *   -ERR_SIZE, -ERR_FULL, -ERR_FORBIDDEN, -ERR_IO
 * 0, -ERR_NOMEM, or without ask_again -ERR_AGAIN: no member is ready.
 */
int etcd_call(struct etcd_client *c, struct etcd_call *call, const char *path, const struct pb_msg *m,
	const void *msg, int64_t timeout_ms);
void etcd_call_cancel(struct etcd_call *call);   /* harmless when not running */
/* A stream ended so: is its member at fault? Then the next one. */
void etcd_client_judge(struct etcd_client *c, int code, const char *message);

#endif
