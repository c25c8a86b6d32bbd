/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd_priv - what the files of the etcd backend share.
 *
 * Layout, below the prefix of the store's URI (/sampan/):
 *   <key>        an object: its value and a tag of TAG_LEN bytes that names the write
 *   !c           "<revision> <session>": up to where history was forgotten, and by whom
 *   !b           what is added to etcd's revisions, in decimal: store_raise(). Absent: 0
 *   !m           written when a revision must come by though nobody writes objects
 *   !s/<session> one per program that writes: its fence (etcd_fence.c)
 *   !d/<session> the tag of the newest deletion
 * The last two, and objects that end by themselves, are bound to leases. One sequence of revisions: etcd's mod_revision.
 * Everything is below one prefix, so that one permission of etcd's is enough, and all of it
 * is followed, so that every revision of ours comes by.
 */
#ifndef STORE_ETCD_PRIV_H
#define STORE_ETCD_PRIV_H

#include "base/loop.h"
#include "store/etcd_client.h"
#include "store/store_priv.h"

struct arena;

enum {
	ETCD_TAG_LEN = 17,             /* a newline and 16 hex digits */
	ETCD_KEY_MAX = STORE_KEY_MAX + 256,
	ETCD_DECODE_BYTES = 192 << 20, /* of one answer's structs */
};

/* ---- etcd_write.c ---- */

struct etcd_writes {
	struct list all;               /* oldest first, */
	struct list queued, running, unsure, unseen;   /* and each in one of these */
	size_t pending, pending_max, bytes, running_count;
	uint64_t first_tag, next_tag;
	struct loop_timer due, slow, retry;
	int64_t complained_ms, answered_ms;
};

/* ---- etcd_fence.c ---- */

#define ETCD_FENCE_NONE (-1)           /* the session's key is not there: etcd has no space for it */

struct etcd_fence {
	char session[17], session_key[ETCD_KEY_MAX], deleted_key[ETCD_KEY_MAX];
	int64_t rev;                   /* of session_key, to which writes are bound; 0: to be made */
	int64_t at_rev;                /* what was bound to an older one lies below this */
	int64_t lease;
	struct etcd_call call;
	bool busy;
};

/* ---- etcd_lease.c ---- */

enum { ETCD_LEASES = 4 };              /* lengths of time in use at once */

struct etcd_leases {
	struct etcd_lease { unsigned keep_s, keys; int64_t id, until_ms; } v[ETCD_LEASES];
	size_t next;                   /* which gives way */
	unsigned asked_s;              /* for which one is asked for now */
	int64_t asked_ms;
	struct etcd_call call;
};

/* ---- etcd_follow.c, etcd_load.c ---- */

struct etcd_follow {
	bool on, found;                /* found: not between store_lost() and store_found() */
	unsigned gaps;                 /* how often sight was lost */
	int64_t reached;               /* the follower has seen all up to it */
	int64_t event_rev;             /* of the newest change of an object */
	int64_t part_rev;              /* of what came last, in pieces: revision, and how many of it */
	size_t part_count, part_skip;
	struct etcd_rpc watch;
	struct etcd_call whole;        /* is all there that is to be watched? */
	struct loop_timer again, relist;
	struct etcd_listing *listing;
};

/* ---- etcd_sync.c ---- */

struct etcd_syncs {
	int64_t wanted, marked;        /* somebody waits for wanted; marked: will bring that by */
	struct etcd_call mark, ask;
	struct loop_timer mark_timer, due;
	struct loop_task ask_task;
	struct list fresh, asked, known;   /* callers of sync: new, in the question, with a revision */
	size_t count;                  /* of all of them */
	bool dark;                     /* sight of the cluster is lost */
};

/* ---- etcd_compact.c ---- */

struct etcd_compact_state {
	struct etcd_call call;
	int64_t mod_rev;               /* of !c */
	int64_t want, doing;
	bool other;                    /* somebody else does it, */
	unsigned asked;                /* and has not since we were asked so often */
};

struct etcd {
	struct store base;
	struct etcd_client *client;
	struct arena *arena;           /* of the message being read */
	char *prefix, *prefix_end;
	size_t prefix_len, prefix_end_len;
	bool closing;
	struct etcd_writes w;
	struct etcd_fence fence;
	struct etcd_leases leases;
	struct etcd_follow f;
	struct etcd_syncs y;
	struct etcd_compact_state c;
	struct list ranges;
	size_t range_count;
	size_t value_avg;              /* of what lists brought */
	struct etcd_call stat;
	int64_t stat_ms, size_bytes;
};

static inline struct etcd *etcd_of(const struct store *s) { return (struct etcd *)(void *)s; }

/* Prefix and key in one, NUL-terminated. */
void etcd_key(const struct etcd *s, char out[ETCD_KEY_MAX], const char *key);
/* Decode into s->arena, which is emptied before; what is there ends with the next call. */
int etcd_read(struct etcd *s, const struct pb_msg *m, const char *p, size_t n, void *dst);
/* What is behind the prefix, as a string in s->arena; *ret NULL: no key that the store can have. 0 or -ERR_NOMEM. */
int etcd_name(struct etcd *s, struct pb_bytes key, const char **ret);
bool etcd_is_internal(const char *name);
/* The value without its tag; *ret_tag 0: it has none. NULL: no memory. */
struct blob *etcd_value(struct pb_bytes value, uint64_t *ret_tag);
uint64_t etcd_tag(struct pb_bytes value);
void etcd_tag_text(char out[ETCD_TAG_LEN + 1], uint64_t tag);

void etcd_writes_init(struct etcd *s);
int etcd_write(struct store *base, struct store_write *w);
void etcd_writes_ready(struct etcd *s);
/* The follower has seen everything up to f.reached: whose turn it is, is told. */
void etcd_writes_shown(struct etcd *s);
void etcd_writes_saw(struct etcd *s, uint64_t tag, int64_t rev);     /* a write came by */
void etcd_writes_blind(struct etcd *s);                              /* some may have come by unseen */
/* A fence stands: what is bound to it may go. */
void etcd_writes_fenced(struct etcd *s);
/* There is none: what waits for it is told. */
void etcd_writes_refuse(struct etcd *s, int rc, const char *message);
/* A lease for keep_s is there, or cannot be had. */
void etcd_writes_leased(struct etcd *s, unsigned keep_s, int rc, const char *message);
void etcd_writes_finish(struct etcd *s);

/* A write as a transaction. */
struct etcd_question {
	const struct store_write *w;
	uint64_t tag;
	int64_t fence_rev, lease;      /* lease 0: none */
	bool plain, whole;             /* without a tag; whole: if refused, the value is to be told, too */
};
int etcd_txn_ask(struct etcd *s, struct etcd_call *call, const struct etcd_question *q);
/* What a refused one found. kv NULL: the key is not there. over: a life that w depends on is. */
struct etcd_found { const struct etcd_kv *kv; int64_t session_rev; bool over; };
void etcd_txn_found(const struct store_write *w, const struct etcd_txn_done *t, struct etcd_found *ret);

void etcd_fence_init(struct etcd *s);
void etcd_fence(struct etcd *s);                                     /* make it, where it is not there or on its way */
void etcd_fence_finish(struct etcd *s);
static inline int64_t etcd_fence_compare(int64_t rev) { return rev == ETCD_FENCE_NONE ? 0 : rev; }

/* For a key that is kept so long; 0: it is on its way. */
int64_t etcd_lease_take(struct etcd *s, unsigned keep_s);
void etcd_lease_drop(struct etcd *s, unsigned keep_s);               /* it is not there any more */
void etcd_leases_finish(struct etcd *s);

int etcd_load(struct store *base, store_load_fn *fn, void *arg, int64_t *ret_rev, struct err *reterr);
void etcd_load_again(struct etcd *s);                                /* sight was lost */
void etcd_load_init(struct etcd *s);
void etcd_load_finish(struct etcd *s);
void etcd_follow_init(struct etcd *s);
void etcd_follow_ready(struct etcd *s);
void etcd_follow_lost(struct etcd *s);
void etcd_follow_internal(struct etcd *s, const char *name, const struct etcd_kv *kv);
void etcd_follow_finish(struct etcd *s);

int etcd_sync(struct store *base, store_sync_fn *done, void *arg);
void etcd_sync_init(struct etcd *s);
void etcd_sync_ready(struct etcd *s);
void etcd_sync_reach(struct etcd *s, int64_t rev);                   /* all up to rev has come by */
void etcd_sync_want(struct etcd *s, int64_t rev);                    /* somebody waits until it has */
void etcd_sync_finish(struct etcd *s);

/* All keys from start on in pages at one revision; each page is given to page, which
 * returns whether it wants more. done gets the revision. */
struct etcd_listing {
	struct etcd *s;
	struct etcd_call call;
	char start[ETCD_KEY_MAX], end[ETCD_KEY_MAX];
	size_t start_len, end_len;
	int64_t rev;                   /* 0: the newest, then that of the first page */
	unsigned limit, page;          /* limit 0: none */
	bool (*got)(struct etcd_listing *l, const struct etcd_ranged *r);
	void (*done)(struct etcd_listing *l, int rc, const char *message);
	void *arg;
};
/* 0 or -ERR_NOMEM, and then done does not run. */
int etcd_list(struct etcd_listing *l);
int etcd_range(struct store *base, const char *prefix, const char *start, unsigned limit, int64_t rev,
	store_range_fn *done, void *arg);
void etcd_ranges_finish(struct etcd *s);

int etcd_compact(struct store *base, int64_t rev);
void etcd_compact_saw(struct etcd *s, struct pb_bytes value, int64_t mod_rev);
bool etcd_compact_busy(const struct etcd *s);

#endif
