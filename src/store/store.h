/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - the revisioned log; the only module that writes cluster state.
 *
 * In:      api (writes), cache (follows).   Out: sqlite.c, etcd.c, mem.c.
 * Knows:   keys, bytes, revisions.          Never: kinds, users, JSON.
 * Thread:  loop thread; the commit runs on a worker, completion on the loop.
 * Promises (numbered; tests refer to them):
 *   1. One sequence: a write's revision is above all earlier ones, of all keys.
 *   2. A write completed with 0 survives kill -9 and power loss.
 *   3. The follower sees every durable write once, in revision order, and before
 *      that write's done runs; also what a conflict was with before done tells it.
 *      When sight was lost it is told so, and what is there now.
 *   4. Compare-and-swap: at most one of several writes expecting one revision wins.
 *   5. A range at a kept revision shows exactly the state of that revision.
 *   6. After a crash the state is that of some prefix of the log that holds every
 *      acknowledged write.
 *   7. After store_sync() the follower has seen every write, of any program, that was
 *      acknowledged before the call.
 * Tests: tests/contract/test_store.c, the same suite over every backend; tests/crash/.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct loop;
struct store;

#define STORE_KEY_MAX   1024u
#define STORE_VALUE_MAX (2u << 20)
#define STORE_RANGE_BYTES (4u << 20)   /* of values: a range ends with the one that reaches it */
#define STORE_QUEUE_MAX 16384u

/* For a store that is reached over the network: PEM files, and one of "user:password".
 * With a ca_file it is TLS. All NULL where not used; read during store_open. */
struct store_options { const char *ca_file, *cert_file, *key_file, *auth_file; };
/* uri: "sqlite:/path/to/file", "etcd://host:port[,host:port][/prefix]" or "mem:". Opens (creates) and checks it; blocking,
 * at start only. opt: NULL for none; -ERR_INVALID when the store takes none.
 * -ERR_CORRUPT with the way out in the message, -ERR_IO, -ERR_UNAVAILABLE. */
int store_open(struct store **ret, struct loop *l, const char *uri, const struct store_options *opt,
	struct err *reterr);
/* Waits for queued writes to be durable, runs their done and those of syncs, checkpoints. */
void store_close(struct store *s);

struct store_event {
	int64_t rev;
	int64_t create_rev;    /* revision at which this life of the key began; of a deletion: anything */
	const char *key;       /* valid during the call */
	struct blob *value;    /* NULL: deleted; ref it to keep it */
};
/*
 * What the follower is told, on the loop. It must not close the store meanwhile.
 *   event     a write became durable, of this program or another
 *   progress  all events up to rev were told, and no write will get a revision that is
 *             not above it; NULL: not wanted
 *   lost      sight of the log is lost (again, if found did not come yet): events were forgotten before they could be told.
 *             What follows as events, in key order, is every key that lives at a revision
 *             to come, with the revision of its newest write, known or not
 *   found     ... rev, which this tells: whatever was not among them is gone. Turns of
 *             the loop may lie between. NULL: only for stores that one program writes
 *   past      what store_follow() told until now is the state at rev, a while ago; what it tells from here on
 *             is each write since, in revision order. Only of a store that keeps them here. NULL: not wanted
 */
struct store_follower {
	void (*event)(void *arg, const struct store_event *ev);
	void (*progress)(void *arg, int64_t rev);
	void (*lost)(void *arg);
	void (*found)(void *arg, int64_t rev);
	void (*past)(void *arg, int64_t rev);
};
/* The one follower: first, before this returns, every live key in key order (its
 * newest event; with past: see there), then every write as it becomes durable. f is copied. */
int store_follow(struct store *s, const struct store_follower *f, void *arg, struct err *reterr);

/*
 * store_sync - have all writes been seen that were acknowledged, to any program, until now?
 * Returns 0: yes, and done never runs; always so for a store that one program writes.
 *   1: done will run once, on the loop, never before this returned
 *   -ERR_FULL, -ERR_NOMEM, -ERR_UNAVAILABLE (that it cannot be reached is known): done never runs
 * done gets 0 once the follower has seen them, -ERR_UNAVAILABLE when the store cannot be
 * reached, or -ERR_DEADLINE after STORE_SYNC_MS. Asking many times at once costs one question.
 * Source: etcd api_v3 linearizable Range; KEP-2340 (consistent reads from cache).
 */
#define STORE_SYNC_MS 3000
typedef void store_sync_fn(void *arg, int rc);
int store_sync(struct store *s, store_sync_fn *done, void *arg);
/* May other programs write it, too? */
bool store_is_shared(const struct store *s);

/* When a write of a store in the network has ended at the latest; none is begun later, even if
 * this program was held meanwhile. */
#define STORE_WRITE_MS 30000
/* rev: the write's revision on 0; the key's current one on -ERR_CONFLICT (0: absent). */
typedef void store_done_fn(void *arg, int rc, int64_t rev);
/*
 * store_put - write value at key if its revision is still expect_rev.
 *   key          copied; at most STORE_KEY_MAX bytes
 *   value        referenced; at most STORE_VALUE_MAX bytes
 *   expect_rev   0: the key must be absent; > 0: the revision last read
 *   done         runs once, on the loop, never before store_put returns
 * Returns 0 when queued, else done never runs: -ERR_FULL, -ERR_SIZE, -ERR_NOMEM, -ERR_BAD_REQUEST
 * (a key that the store keeps for itself).
 * done gets 0, -ERR_CONFLICT, -ERR_IO (not written, the message was logged), or of a
 * store in the network -ERR_UNAVAILABLE (it was not reached: not written) or -ERR_DEADLINE
 * (nobody can tell whether it was written: read again), -ERR_SIZE (its own limit is lower), or
 * -ERR_FULL (its space is used up: only deletions are done; not written).
 * Source: etcd rpc.proto, Txn with a Compare on mod_revision.
 */
int store_put(struct store *s, const char *key, struct blob *value, int64_t expect_rev,
	store_done_fn *done, void *arg);
/* Remove what store_put wrote; expect_rev as there, and never 0. Followed with value NULL. */
int store_del(struct store *s, const char *key, int64_t expect_rev,
	store_done_fn *done, void *arg);

/*
 * The same on terms. keep_s, of a put: what is written ends by itself so much later, and little later than that, and
 * the follower is told as of any deletion. Only where several programs write: one alone removes what is its own. The
 * next put of the key has its own keep_s. 0: it stays. Several keys may end with one revision.
 * Tests: tests/contract/test_store_while.c. Source: etcd Lease.
 * alive: the write is right only while other keys live the lives that began at create_rev: a
 * leader's Lease, a server's session (api/ledger.h). Where several programs write, that is looked at with the write
 * itself, whatever held it up on its way; where one does, that program knows. Over: done gets -ERR_EXPIRED, once
 * the follower has seen the end; nothing was written. t NULL: as above.
 * Source: etcd rpc.proto, Compare on create_revision.
 */
#define STORE_WHILE_MAX 2
struct store_while { const char *key; int64_t create_rev; };     /* key NULL: none */
struct store_terms { struct store_while alive[STORE_WHILE_MAX]; unsigned keep_s; };
int store_put_on(struct store *s, const char *key, struct blob *value, int64_t expect_rev,
	const struct store_terms *t, store_done_fn *done, void *arg);
int store_del_on(struct store *s, const char *key, int64_t expect_rev, const struct store_terms *t,
	store_done_fn *done, void *arg);

struct store_item { const char *key; int64_t rev, create_rev; struct blob *value; };
/* items are valid during the call; remaining: how many keys lie after the last one. */
typedef void store_range_fn(void *arg, int rc, const struct store_item *items, size_t n, int64_t remaining);
/* The live keys >= start with this prefix as they were at rev (0: now), at most
 * limit (0: any number) and STORE_RANGE_BYTES, on a worker. done gets -ERR_EXPIRED below the compacted revision,
 * -ERR_BAD_REQUEST above the newest. */
int store_range(struct store *s, const char *prefix, const char *start, unsigned limit,
	int64_t rev, store_range_fn *done, void *arg);

/*
 * store_raise - revisions begin above rev, and all up to rev counts as compacted.
 * For commands: blocking, while no program has the store open; one that is not there is
 * made. Nothing happens when they are above it. -ERR_INVALID (a store that cannot), and as
 * store_open. Source: etcdutl snapshot restore --bump-revision --mark-compacted.
 */
int store_raise(const char *uri, const struct store_options *opt, int64_t rev, struct err *reterr);

struct loop *store_loop(const struct store *s);
int64_t store_rev(const struct store *s);            /* newest durable revision */
int64_t store_compacted_rev(const struct store *s);
/* Forget superseded values at or below rev, in small steps in the background. */
int store_compact(struct store *s, int64_t rev);

/*
 * store_keep_history - from now on forget what is superseded by itself.
 *   ms           this long it is kept at least, and little longer,
 *   revs, bytes  unless these and an eighth more were written since, of values
 * All above 0. Call once, after store_open. 0 or -ERR_NOMEM.
 * Source: apiserver pkg/storage/etcd3/compact.go, by time alone.
 */
struct store_history_limits { int64_t ms, revs, bytes; };
#define STORE_HISTORY_LIMITS { .ms = 300000, .revs = 80000, .bytes = 256 << 20 }
int store_keep_history(struct store *s, const struct store_history_limits *max);

struct store_stats { uint64_t writes, groups, conflicts, queue, queue_max; int64_t size_bytes;
	bool failing; };               /* the newest write that was not a conflict could not be made durable */
void store_stats(const struct store *s, struct store_stats *ret);

#endif
