/* SPDX-License-Identifier: Apache-2.0 */
/* store_priv - what store.c and its backends share. */
#ifndef STORE_STORE_PRIV_H
#define STORE_STORE_PRIV_H

#include <stdbool.h>

#include "store/store.h"

/* One write on its way: filled by store.c, decided by the backend, and handed
 * back to store_complete(), which frees it. */
struct store_write {
	struct store_write *next;
	struct blob *value;
	int64_t expect_rev;
	struct store_while alive[STORE_WHILE_MAX];   /* keys: behind key. The first alive_count of them */
	uint8_t alive_count;
	unsigned keep_s;
	bool del;
	store_done_fn *done;
	void *arg;
	/* decided: */
	int rc;
	int64_t rev, create_rev, prev_rev;   /* rev: also a conflict's current one */
	uint16_t key_len;
	char key[];
};

/* Newest durable state of a key, for the follower's start. */
typedef void store_load_fn(void *arg, const struct store_event *ev);
/* What was loaded until now is the state at rev; each write since follows. */
typedef void store_past_fn(void *arg, int64_t rev);

struct store_ops {
	/* Every accepted write was completed when this returns. */
	void (*close)(struct store *s);
	/* Takes over w; 0 or -ERR_FULL (then w stays the caller's). */
	int (*write)(struct store *s, struct store_write *w);
	int (*load)(struct store *s, store_load_fn *fn, void *arg, int64_t *ret_rev,
		struct err *reterr);
	int (*range)(struct store *s, const char *prefix, const char *start, unsigned limit,
		int64_t rev, store_range_fn *done, void *arg);
	int (*compact)(struct store *s, int64_t rev);
	void (*stats)(const struct store *s, struct store_stats *ret);
	/* As store_sync(). NULL: only this program writes. */
	int (*sync)(struct store *s, store_sync_fn *done, void *arg);
	/* As load, of a state that is some history old, and that history. NULL: none is kept here. */
	int (*load_past)(struct store *s, store_load_fn *fn, store_past_fn *past, void *arg, int64_t *ret_rev,
		struct err *reterr);
};

/* The first member of every backend's struct; loop thread. */
struct store {
	const struct store_ops *ops;
	struct loop *loop;
	struct store_follower follow;  /* event NULL: nobody follows yet */
	void *follow_arg;
	/* Revisions here and in the backend are its own; base_rev is added on the way out. It is not
	 * 0 where the backend cannot begin above a revision (store_raise). */
	int64_t base_rev;
	int64_t follow_rev;    /* the follower has seen everything up to it */
	int64_t rev;           /* newest durable revision known to the loop */
	int64_t compacted_rev;
	uint64_t writes, conflicts;
	bool failing;
	struct store_history *history;   /* NULL: only store_compact() forgets */
};

int store_mem_open(struct store **ret, struct loop *l, struct err *reterr);
int store_sqlite_raise(const char *path, int64_t rev, struct err *reterr);
int store_sqlite_open(struct store **ret, struct loop *l, const char *path, struct err *reterr);

/* where: "host:port,host:port/prefix" */
int store_etcd_open(struct store **ret, struct loop *l, const char *where, const struct store_options *opt,
	struct err *reterr);
int store_etcd_raise(const char *where, const struct store_options *opt, int64_t rev, struct err *reterr);

/* Above all that was ever given out after rev was: by whoever wrote on since, and, if that is
 * forgotten, by one that began again here before: the clock, which the revisions of a store that
 * began again stay behind by writes below 1,000/s. */
int64_t store_far_above(int64_t rev);

/* A write of so many bytes was completed. */
void store_history_wrote(struct store_history *h, size_t bytes);
void store_history_close(struct store_history *h);   /* accepts NULL */

/* Tell the follower about a write that became durable, unless it has seen that revision. */
void store_tell(struct store *s, const struct store_event *ev);
/* Everything up to rev was told. */
void store_progress(struct store *s, int64_t rev);
/* Sight was lost; then store_tell_live() for each live key, and store_found(). */
void store_lost(struct store *s);
void store_tell_live(struct store *s, const struct store_event *ev);
void store_found(struct store *s, int64_t rev);

/* Tell follower and writer about a decided write, and free it. */
void store_complete(struct store *s, struct store_write *w);
/* Create, update or remove, given the key's present state (rev 0: absent)? Sets w's
 * rc and, when it may go on as revision next_rev, its revisions. */
bool store_decide(struct store_write *w, int64_t now_rev, int64_t now_create_rev,
	int64_t next_rev);

#endif
