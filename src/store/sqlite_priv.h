/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_priv - the SQLite backend's parts: file, log, and (sqlite.c) threads. */
#ifndef STORE_SQLITE_PRIV_H
#define STORE_SQLITE_PRIV_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/store_priv.h"

/* ---- sqlite_file.c: open, check, create ---- */

struct sqlite_meta { int64_t rev, compacted_rev, swept_rev; };
/* The writing connection; makes a store where there is none, or an empty file, and checks any other.
 * -ERR_CORRUPT with the way out, -ERR_IO. */
int sqlite_file_open(sqlite3 **ret, const char *path, struct sqlite_meta *ret_meta,
	struct err *reterr);
/* One program per store: PATH.lock is held until the descriptor is closed. -ERR_IO. */
int sqlite_file_lock(const char *path, int *ret_fd, struct err *reterr);
/* To the disk: a file, a directory. */
int sqlite_file_sync(const char *path, struct err *reterr);
/* Gives path, which is on disk, the name to, durably. */
int sqlite_file_put_in_place(const char *path, const char *to, struct err *reterr);
int sqlite_file_open_reader(sqlite3 **ret, const char *path, struct err *reterr);
/* Is it a store that this program knows? Changes nothing. */
int sqlite_file_check_schema(sqlite3 *db, const char *path, struct err *reterr);
/* pragma: one that says "ok". */
int sqlite_file_check_pages(sqlite3 *db, const char *path, const char *pragma, struct err *reterr);
int sqlite_file_ask(sqlite3 *db, const char *path, const char *sql, int64_t *ret, struct err *reterr);
/* -ERR_CORRUPT: what is broken, and the way out. */
int sqlite_file_damaged(const char *path, const char *what, struct err *reterr);
/* "disk full", "damaged" ...: what a failed call means to a person. Returns -ERR_*. */
int sqlite_failed(sqlite3 *db, const char *path, const char *doing, struct err *reterr);

/* ---- sqlite_wal.c ---- */

/* The file layer to open stores with. */
const char *sqlite_wal_layer(void);
/* db has rolled back: nothing of it is handed on any more. */
void sqlite_wal_forget(sqlite3 *db);

/* ---- sqlite_log.c: one thread's prepared statements over the log ---- */

struct sqlite_log {
	sqlite3 *db;
	const char *path;
	sqlite3_stmt *begin, *commit, *find, *created, *insert; /* writer */
	sqlite3_stmt *next, *drop, *set_meta;                   /* compaction */
	struct sqlite_walk *walks;
	sqlite3_stmt *live, *range, *count, *compacted, *newest;/* reader */
};
int sqlite_log_open_writer(struct sqlite_log *g, sqlite3 *db, const char *path, struct err *reterr);
int sqlite_log_open_reader(struct sqlite_log *g, sqlite3 *db, const char *path, struct err *reterr);
void sqlite_log_close(struct sqlite_log *g);   /* finalizes, closes db */

/* What is left of forgetting: rows that are superseded by revisions above swept, up to
 * and with to; so many are looked at in one transaction. */
struct sqlite_sweep { int64_t swept, to; unsigned rows_max; };
/* Decide and write a whole group in one durable transaction, in which a step of the
 * sweep goes along (NULL: none). *rev is the newest revision before and after. 0, or
 * -ERR_* and then nothing of it was written. group NULL: the sweep alone. */
int sqlite_log_commit(struct sqlite_log *g, struct store_write *group, int64_t *rev,
	struct sqlite_sweep *sweep, struct err *reterr);
/* Begin to forget what is superseded at or below rev: durable at once. */
int sqlite_log_forget(struct sqlite_log *g, int64_t rev, struct err *reterr);
/* Give free pages back to the file system, at most pages; *ret_more: some are left. */
int sqlite_log_shrink(struct sqlite_log *g, int pages, bool *ret_more, struct err *reterr);

int sqlite_log_load(struct sqlite_log *g, store_load_fn *fn, void *arg, int64_t *ret_rev,
	struct err *reterr);
struct sqlite_items { struct store_item *v; size_t n; int64_t remaining; };
/* rev 0: the newest of the file. -ERR_EXPIRED, -ERR_IO ... */
int sqlite_log_range(struct sqlite_log *g, const char *prefix, const char *start,
	unsigned limit, int64_t rev, struct sqlite_items *ret, struct err *reterr);
void sqlite_items_finish(struct sqlite_items *items);

/* ---- sqlite_past.c ---- */

/* As store_ops.load_past, over a connection of its own. */
int sqlite_past_load(sqlite3 *db, const char *path, store_load_fn *fn, store_past_fn *past, void *arg, int64_t *ret_rev,
	struct err *reterr);

/* ---- sqlite_checkpoint.c ---- */

struct sqlite_checkpointer;
/* On the checkpointer's thread: so many pages of the WAL are in the file; e->code: it failed. */
typedef void sqlite_copied_fn(void *arg, int pages, const struct err *e);
int sqlite_checkpointer_open(struct sqlite_checkpointer **ret, const char *path, sqlite_copied_fn *copied,
	void *arg, struct err *reterr);
void sqlite_checkpointer_ask(struct sqlite_checkpointer *c);   /* any thread */
void sqlite_checkpointer_close(struct sqlite_checkpointer *c); /* accepts NULL */
/* One that takes no signals. */
int sqlite_start_thread(pthread_t *ret, void *(*run)(void *), void *arg, struct err *reterr);

#endif
