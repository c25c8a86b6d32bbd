/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_past - a load that begins a while ago: what lived then, and each write since. A write whose revision is above
 * the compacted one is in the file, and so is what it superseded (sqlite_log.c's sweep), so that the state of any
 * revision from there on can be read. How long the while is, is bounded by writes and by their bytes.
 */
#include "store/sqlite_priv.h"

#define PAST_WRITES 10000
#define PAST_BYTES  (16 << 20)

static int prepare(sqlite3 *db, const char *path, sqlite3_stmt **ret, const char *sql, struct err *reterr)
{
	return sqlite3_prepare_v2(db, sql, -1, ret, NULL) == SQLITE_OK ? 0 : sqlite_failed(db, path, "load", reterr);
}

/* The revision behind which no more was written than is bearable. */
static int begin_of(sqlite3 *db, const char *path, int64_t compacted, int64_t *ret, struct err *reterr)
{
	sqlite3_stmt *q;
	int64_t n = 0, bytes = 0;
	int step, r = prepare(db, path, &q, "SELECT rev, coalesce(length(value), 0) FROM log WHERE rev > ?1 ORDER BY rev DESC",
		reterr);

	if (r < 0)
		return r;
	*ret = compacted;
	sqlite3_bind_int64(q, 1, compacted);
	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		n++;
		bytes += sqlite3_column_int64(q, 1);
		if (n <= PAST_WRITES && bytes <= PAST_BYTES)
			continue;
		*ret = sqlite3_column_int64(q, 0);
		break;
	}
	if (step != SQLITE_DONE && step != SQLITE_ROW)
		r = sqlite_failed(db, path, "load", reterr);
	sqlite3_finalize(q);
	return r;
}

/* Rows of key, revision, the revision of this life's beginning, whether deleted, value. */
static int tell_all(sqlite3 *db, const char *path, const char *sql, int64_t rev, store_load_fn *fn, void *arg,
	struct err *reterr)
{
	sqlite3_stmt *q;
	int step, r = prepare(db, path, &q, sql, reterr);

	if (r < 0)
		return r;
	sqlite3_bind_int64(q, 1, rev);
	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		bool deleted = sqlite3_column_int(q, 3) != 0;
		const void *p = sqlite3_column_blob(q, 4);
		BLOB_AUTO struct blob *value = deleted ? NULL : blob_new(p, (size_t)sqlite3_column_bytes(q, 4));

		if (!deleted && !value) {
			r = err_set(reterr, ERR_NOMEM, "load %s: out of memory", path);
			break;
		}
		fn(arg, &(struct store_event){
			.key = (const char *)sqlite3_column_text(q, 0),
			.rev = sqlite3_column_int64(q, 1),
			.create_rev = sqlite3_column_int64(q, 2),
			.value = value,
		});
	}
	if (r == 0 && step != SQLITE_DONE)
		r = sqlite_failed(db, path, "load", reterr);
	sqlite3_finalize(q);
	return r;
}

int sqlite_past_load(sqlite3 *db, const char *path, store_load_fn *fn, store_past_fn *past, void *arg, int64_t *ret_rev,
	struct err *reterr)
{
	int64_t compacted = 0, newest = 0, from = 0;
	int r;

	/* One state of the file for all of it; the connection is closed after. */
	if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_failed(db, path, "load", reterr);
	if ((r = sqlite_file_ask(db, path, "SELECT value FROM meta WHERE name = 'compacted'", &compacted, reterr)) < 0 ||
	    (r = sqlite_file_ask(db, path, "SELECT coalesce(max(rev), 0) FROM log", &newest, reterr)) < 0 ||
	    (r = begin_of(db, path, compacted, &from, reterr)) < 0 ||
	    (r = tell_all(db, path, "SELECT l.key, l.rev, l.create_rev, 0, l.value FROM log l WHERE l.deleted = 0 AND l.rev = "
			"(SELECT max(m.rev) FROM log m WHERE m.key = l.key AND m.rev <= ?1) ORDER BY l.key", from, fn, arg, reterr)) < 0)
		return r;
	past(arg, from);
	*ret_rev = newest > compacted ? newest : compacted;
	return tell_all(db, path, "SELECT key, rev, create_rev, deleted, value FROM log WHERE rev > ?1 ORDER BY rev", from, fn, arg,
		reterr);
}
