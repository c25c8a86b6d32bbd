/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_files - see files.h; all by connections of their own. */
#include "store/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"
#include "base/text.h"
#include "store/sqlite_priv.h"

enum {
	STEP_PAGES = 64,               /* copied at once, then others have the disk */
	STEP_REST_US = 500,
	SYNC_STEPS = 16,               /* so that no sync has much to do */
};

static int open_existing(sqlite3 **ret, const char *path, struct err *reterr)
{
	if (!file_exists(path))
		return err_set(reterr, ERR_NOT_FOUND, "there is no store %s; is --data-dir right?", path);
	return sqlite_file_open_reader(ret, path, reterr);
}

static int exec(sqlite3 *db, const char *path, const char *doing, const char *sql, struct err *reterr)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sqlite_failed(db, path, doing, reterr);
}

/* ---- check ---- */

static const struct {
	const char *sql;               /* counts what breaks the rule */
	const char *says;
} rules[] = {
	{ "SELECT value > (SELECT value FROM meta WHERE name = 'compacted') FROM meta WHERE name = 'swept'",
		"more is swept than was compacted" },
	{ "SELECT count(*) FROM log WHERE (deleted = 0) = (value IS NULL)", "values are missing" },
	{ "SELECT count(*) FROM log WHERE create_rev > rev OR prev_rev >= rev OR create_rev < 1", "revisions are out of order" },
	{ "SELECT count(*) <> coalesce(max(rev), 0) - (SELECT value FROM meta WHERE name = 'compacted') AND count(*) > 0 "
		"FROM log WHERE rev > (SELECT value FROM meta WHERE name = 'compacted')", "revisions are missing" },
	{ "SELECT count(*) FROM log l WHERE l.prev_rev > (SELECT value FROM meta WHERE name = 'compacted') AND "
		"NOT EXISTS (SELECT 1 FROM log p WHERE p.rev = l.prev_rev AND p.key = l.key)",
		"revisions name another before them than there is" },
};

static int check_all(sqlite3 *db, const char *path, struct err *reterr)
{
	int64_t broken;
	int r;

	if ((r = sqlite_file_check_schema(db, path, reterr)) < 0 ||
	    (r = sqlite_file_check_pages(db, path, "PRAGMA integrity_check(1)", reterr)) < 0)
		return r;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if ((r = sqlite_file_ask(db, path, rules[i].sql, &broken, reterr)) < 0)
			return r;
		if (broken)
			return sqlite_file_damaged(path, rules[i].says, reterr);
	}
	return 0;
}

int store_file_check(const char *path, struct err *reterr)
{
	sqlite3 *db;
	int r = open_existing(&db, path, reterr);

	if (r < 0)
		return r;
	r = exec(db, path, "check", "BEGIN", reterr);
	if (r == 0)
		r = check_all(db, path, reterr);
	sqlite3_close(db);
	return r;
}

/* ---- stats ---- */

/* "core/pods" of "core/pods/default/x". */
static size_t resource_len(const char *key)
{
	const char *slash = strchr(key, '/');

	slash = slash ? strchr(slash + 1, '/') : NULL;
	return slash ? (size_t)(slash - key) : strlen(key);
}

static int each_resource(sqlite3 *db, const char *path, store_file_resource_fn *fn, void *arg, struct err *reterr)
{
	char now[STORE_KEY_MAX + 1] = "";
	int64_t keys = 0, bytes = 0;
	sqlite3_stmt *q = NULL;
	int step = SQLITE_ERROR, r = 0;

	if (sqlite3_prepare_v2(db, "SELECT l.key, length(l.value) FROM log l WHERE l.deleted = 0 AND l.rev = "
			"(SELECT max(m.rev) FROM log m WHERE m.key = l.key) ORDER BY l.key", -1, &q, NULL) == SQLITE_OK) {
		while ((step = sqlite3_step(q)) == SQLITE_ROW) {
			const char *key = (const char *)sqlite3_column_text(q, 0);
			size_t n = key ? resource_len(key) : 0;

			if (n > STORE_KEY_MAX)
				n = STORE_KEY_MAX;
			if (keys && (strlen(now) != n || memcmp(now, key, n) != 0)) {
				fn(arg, now, keys, bytes);
				keys = bytes = 0;
			}
			if (!keys++) {
				memcpy(now, key, n);
				now[n] = '\0';
			}
			bytes += sqlite3_column_int64(q, 1);
		}
	}
	if (step != SQLITE_DONE)
		r = sqlite_failed(db, path, "read", reterr);
	else if (keys)
		fn(arg, now, keys, bytes);
	sqlite3_finalize(q);
	return r;
}

int store_file_stats(const char *path, struct store_file_stats *ret, store_file_resource_fn *fn, void *arg,
	struct err *reterr)
{
	int64_t page_bytes = 0, pages = 0, free_pages = 0;
	char wal[4200];
	struct stat st;
	sqlite3 *db;
	int r = open_existing(&db, path, reterr);

	if (r < 0)
		return r;
	*ret = (struct store_file_stats){ 0 };
	if ((r = exec(db, path, "read", "BEGIN", reterr)) == 0 &&
	    (r = sqlite_file_check_schema(db, path, reterr)) == 0 &&
	    (r = sqlite_file_ask(db, path, "SELECT max((SELECT coalesce(max(rev), 0) FROM log), value) FROM meta WHERE "
			"name = 'compacted'", &ret->rev, reterr)) == 0 &&
	    (r = sqlite_file_ask(db, path, "SELECT value FROM meta WHERE name = 'compacted'", &ret->compacted_rev, reterr)) == 0 &&
	    (r = sqlite_file_ask(db, path, "SELECT value FROM meta WHERE name = 'swept'", &ret->swept_rev, reterr)) == 0 &&
	    (r = sqlite_file_ask(db, path, "SELECT count(*) FROM log", &ret->revisions, reterr)) == 0 &&
	    (r = sqlite_file_ask(db, path, "PRAGMA page_size", &page_bytes, reterr)) == 0 &&
	    (r = sqlite_file_ask(db, path, "PRAGMA page_count", &pages, reterr)) == 0 &&
	    (r = sqlite_file_ask(db, path, "PRAGMA freelist_count", &free_pages, reterr)) == 0)
		r = each_resource(db, path, fn, arg, reterr);
	ret->file_bytes = pages * page_bytes;
	ret->free_bytes = free_pages * page_bytes;
	snprintf(wal, sizeof(wal), "%s-wal", path);
	ret->wal_bytes = stat(wal, &st) == 0 ? st.st_size : 0;
	sqlite3_close(db);
	return r;
}

/* ---- compact ---- */

static int compact_open(struct sqlite_log *g, const char *path, struct err *reterr)
{
	struct sqlite_sweep sweep = { .rows_max = 4096 };
	struct sqlite_meta meta;
	sqlite3 *db;
	int r;

	if ((r = sqlite_file_open(&db, path, &meta, reterr)) < 0 ||
	    (r = sqlite_log_open_writer(g, db, path, reterr)) < 0 ||
	    (r = sqlite_log_forget(g, meta.rev, reterr)) < 0)
		return r;
	sweep.swept = meta.swept_rev;
	sweep.to = meta.rev;
	while (sweep.swept < sweep.to)
		if ((r = sqlite_log_commit(g, NULL, &meta.rev, &sweep, reterr)) < 0)
			return r;
	if ((r = exec(db, path, "compact", "PRAGMA auto_vacuum=INCREMENTAL; VACUUM;", reterr)) < 0)
		return r;
	return sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK ? 0
		: sqlite_failed(db, path, "compact", reterr);
}

int store_file_compact(const char *path, struct err *reterr)
{
	struct sqlite_log g = { 0 };
	int fd, r;

	if (!file_exists(path))
		return err_set(reterr, ERR_NOT_FOUND, "there is no store %s; is --data-dir right?", path);
	if ((r = sqlite_file_lock(path, &fd, reterr)) < 0)
		return r;
	r = compact_open(&g, path, reterr);
	sqlite_log_close(&g);
	close(fd);
	return r;
}

/* ---- backup ---- */

static void dir_of(char out[4200], const char *path)
{
	const char *slash = strrchr(path, '/');

	snprintf(out, 4200, "%.*s", slash ? slash > path ? (int)(slash - path) : 1 : 1, slash ? path : ".");
}

static int copy_pages(sqlite3 *from, const char *from_path, sqlite3 *to, const char *to_path, struct err *reterr)
{
	const struct timespec rest = { .tv_nsec = STEP_REST_US * 1000L };
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int rc = SQLITE_OK, r = 0;

	if (!b)
		return sqlite_failed(to, to_path, "back up", reterr);
	for (unsigned i = 1; r == 0 && (rc = sqlite3_backup_step(b, STEP_PAGES)) == SQLITE_OK; i++) {
		if (i % SYNC_STEPS == 0)
			r = sqlite_file_sync(to_path, reterr);
		nanosleep(&rest, NULL);
	}
	sqlite3_backup_finish(b);
	if (r == 0 && rc != SQLITE_DONE)
		r = (sqlite3_errcode(from) & 0xff) == SQLITE_CORRUPT ? sqlite_failed(from, from_path, "back up", reterr)
			: sqlite_failed(to, to_path, "back up", reterr);
	return r;
}

/* A copy as one file, not yet on disk. Its connection stays open for the caller. */
static int copy_open(sqlite3 **ret, const char *from_path, const char *to_path, struct err *reterr)
{
	char journal[4300];
	sqlite3 *from, *to = NULL;
	int fd, r = open_existing(&from, from_path, reterr);

	if (r < 0)
		return r;
	/* One transaction: what is written meanwhile is not seen, and nothing begins again. */
	if ((r = exec(from, from_path, "back up", "BEGIN", reterr)) < 0 ||
	    (r = sqlite_file_check_schema(from, from_path, reterr)) < 0)
		goto out;
	/* And a journal of one that was cut short: it would be played back. */
	snprintf(journal, sizeof(journal), "%s-journal", to_path);
	unlink(journal);
	unlink(to_path);
	fd = open(to_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		r = err_errno(reterr, "make %s", to_path);
		goto out;
	}
	close(fd);
	if (sqlite3_open_v2(to_path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK)
		r = sqlite_failed(to, to_path, "back up", reterr);
	else if ((r = exec(to, to_path, "back up", "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; "
			"PRAGMA cache_size=-1024;", reterr)) == 0 &&
	    (r = copy_pages(from, from_path, to, to_path, reterr)) == 0)
		r = exec(to, to_path, "back up", "PRAGMA journal_mode=DELETE;", reterr);
out:
	sqlite3_close(from);
	if (r < 0) {
		sqlite3_close(to);
		to = NULL;
	}
	*ret = to;
	return r;
}

int store_file_backup(const char *path, const char *to, struct err *reterr)
{
	char part[4200];
	sqlite3 *db;
	int r;

	snprintf(part, sizeof(part), "%s.part", to);
	r = copy_open(&db, path, part, reterr);
	if (r == 0) {
		sqlite3_close(db);
		if ((r = sqlite_file_sync(part, reterr)) == 0)
			r = sqlite_file_put_in_place(part, to, reterr);
	}
	if (r < 0 && r != -ERR_NOT_FOUND)
		unlink(part);
	return r;
}

/* ---- restore ---- */

/* The revision that the store has now; 0: nothing tells. */
static int64_t rev_of(const char *path)
{
	struct sqlite_meta meta = { 0 };
	struct err e;
	sqlite3 *db;

	if (!file_exists(path) || sqlite_file_open(&db, path, &meta, &e) < 0)
		return 0;
	sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_close(db);
	return meta.rev;
}

/* Above all that was ever given out, by the backup's writer or by the store that goes. */
static int bump(sqlite3 *db, const char *path, int64_t old_rev, int64_t *ret_rev, struct err *reterr)
{
	int64_t rev;
	char sql[128];
	int r = sqlite_file_ask(db, path, "SELECT max((SELECT coalesce(max(rev), 0) FROM log), value) FROM meta WHERE "
		"name = 'compacted'", &rev, reterr);

	if (r < 0)
		return r;
	rev = *ret_rev = store_far_above(rev > old_rev ? rev : old_rev);
	sqlite3_snprintf(sizeof(sql), sql, "UPDATE meta SET value = %lld WHERE name = 'compacted'", (long long)rev);
	return exec(db, path, "restore", sql, reterr);
}

/* What is in the way goes aside: WAL and journal first, also those without a store, so that they
 * never meet another file. */
static int move_aside(const char *path, char ret_old[4200], struct err *reterr)
{
	static const char *const parts[] = { "-wal", "-journal", "" };
	char from[4300], to[4300], stamp[TEXT_TIME_MAX], dir[4200];
	bool there = file_exists(path);

	text_time(stamp, env_wall_us());
	snprintf(ret_old, 4200, "%s.before-%s", path, stamp);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(from, sizeof(from), "%s%s", path, parts[i]);
		snprintf(to, sizeof(to), "%s%s", ret_old, parts[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			return err_errno(reterr, "rename %s to %s", from, to);
	}
	snprintf(from, sizeof(from), "%s-shm", path);
	unlink(from);
	if (!there)
		*ret_old = '\0';
	dir_of(dir, path);
	return sqlite_file_sync(dir, reterr);
}

int store_file_restore(const char *path, const char *from, bool force, int64_t *ret_rev, char ret_old[4200],
	struct err *reterr)
{
	char part[4200], dir[4200];
	sqlite3 *db = NULL;
	struct stat st;
	int fd, r;

	*ret_old = '\0';
	if (!file_exists(from))
		return err_set(reterr, ERR_NOT_FOUND, "there is no backup %s", from);
	dir_of(dir, path);
	if ((r = file_mkdirs(dir, 0755, reterr)) < 0 || (r = sqlite_file_lock(path, &fd, reterr)) < 0)
		return r;
	snprintf(part, sizeof(part), "%s.part", path);
	if (file_exists(path) && !force)
		r = err_set(reterr, ERR_CONFLICT, "the store %s is there; --force moves it aside", path);
	else if ((r = copy_open(&db, from, part, reterr)) == 0 && (r = check_all(db, from, reterr)) == 0 &&
	    (r = bump(db, part, rev_of(path), ret_rev, reterr)) == 0) {
		sqlite3_close(db);
		db = NULL;
		/* Root restores what the server's user must read. */
		if (geteuid() == 0 && stat(dir, &st) == 0 && chown(part, st.st_uid, st.st_gid) < 0)
			r = err_errno(reterr, "chown %s", part);
		if (r == 0 && (r = sqlite_file_sync(part, reterr)) == 0 && (r = move_aside(path, ret_old, reterr)) == 0)
			r = sqlite_file_put_in_place(part, path, reterr);
	}
	sqlite3_close(db);
	if (r < 0)
		unlink(part);
	close(fd);
	return r;
}
