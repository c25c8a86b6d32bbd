/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_file - the file on disk: its schema, how it is opened and refused.
 *
 * log has one row per revision. A deleted row has no value. log_key answers both
 * "which revision is current" and "which one did revision R show", without
 * touching values. meta: `compacted` (older revisions may not be read) and
 * `swept` (older superseded rows are gone).
 */
#include "store/sqlite_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	APPLICATION_ID = 0x53616d70,   /* "Samp" */
	SCHEMA_VERSION = 1,
	BUSY_MS = 10000,               /* somebody looks in with the sqlite3 tool */
};

/* Nothing of it is waited for until all is there: switching to WAL syncs the file. */
static const char schema[] =
	"PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
	"BEGIN IMMEDIATE;"
	"CREATE TABLE log(rev INTEGER PRIMARY KEY, key TEXT NOT NULL, create_rev INTEGER NOT NULL,"
	" prev_rev INTEGER NOT NULL, deleted INTEGER NOT NULL, value BLOB);"
	"CREATE UNIQUE INDEX log_key ON log(key, rev, deleted);"
	"CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO meta VALUES('compacted', 0), ('swept', 0);"
	"PRAGMA application_id=1398893936;"
	"PRAGMA user_version=1;"
	"COMMIT;"
	"PRAGMA synchronous=FULL; PRAGMA journal_mode=WAL;";
_Static_assert(APPLICATION_ID == 1398893936 && SCHEMA_VERSION == 1, "as the schema says");

int sqlite_file_damaged(const char *path, const char *what, struct err *reterr)
{
	return err_set(reterr, ERR_CORRUPT, "the store %s is damaged (%s); put a backup in its place: "
		"sampan restore BACKUP --force --store sqlite:%s; without one salvage what can be read: "
		"sqlite3 %s .recover | sqlite3 %s.new", path, what, path, path, path);
}

int sqlite_failed(sqlite3 *db, const char *path, const char *doing, struct err *reterr)
{
	int code = sqlite3_errcode(db), sys = sqlite3_system_errno(db);

	switch (code & 0xff) {
	case SQLITE_FULL:
		return err_set(reterr, ERR_IO, "%s: the disk of %s is full; free space, then write "
			"again: nothing acknowledged is lost", doing, path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return sqlite_file_damaged(path, sqlite3_errmsg(db), reterr);
	case SQLITE_NOMEM:
		return err_set(reterr, ERR_NOMEM, "%s: out of memory", doing);
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return err_set(reterr, ERR_IO, "%s: the store %s may not be written by this user",
			doing, path);
	case SQLITE_BUSY:
		return err_set(reterr, ERR_IO, "%s: the store %s is locked by another program",
			doing, path);
	default:
		return err_set(reterr, ERR_IO, "%s: store %s: %s%s%s", doing, path,
			sqlite3_errmsg(db), sys ? ": " : "", sys ? strerror(sys) : "");
	}
}

static int run(sqlite3 *db, const char *path, const char *sql, const char *doing, struct err *reterr)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
		: sqlite_failed(db, path, doing, reterr);
}

/* The first column of the first row, a number. */
int sqlite_file_ask(sqlite3 *db, const char *path, const char *sql, int64_t *ret, struct err *reterr)
{
	sqlite3_stmt *q = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK || sqlite3_step(q) != SQLITE_ROW)
		r = sqlite_failed(db, path, "open", reterr);
	else
		*ret = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return r;
}

static int open_file(sqlite3 **ret, const char *path, int flags, struct err *reterr)
{
	sqlite3 *db = NULL;
	int r = 0;

	if (sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
			SQLITE_OPEN_PRIVATECACHE, sqlite_wal_layer()) != SQLITE_OK)
		r = db ? sqlite_failed(db, path, "open", reterr)
			: err_set(reterr, ERR_NOMEM, "open %s: out of memory", path);
	if (r < 0) {
		sqlite3_close(db);
		return r;
	}
	sqlite3_busy_timeout(db, BUSY_MS);
	*ret = db;
	return 0;
}

int sqlite_file_check_pages(sqlite3 *db, const char *path, const char *pragma, struct err *reterr)
{
	sqlite3_stmt *q = NULL;
	const char *said = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(db, pragma, -1, &q, NULL) != SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_ROW || !(said = (const char *)sqlite3_column_text(q, 0)))
		r = sqlite_failed(db, path, "check", reterr);
	else if (strcmp(said, "ok") != 0)
		r = sqlite_file_damaged(path, said, reterr);
	sqlite3_finalize(q);
	return r;
}

int sqlite_file_check_schema(sqlite3 *db, const char *path, struct err *reterr)
{
	int64_t app = 0, version = 0, tables = 0, indexes = 0;
	int r;

	if ((r = sqlite_file_ask(db, path, "PRAGMA application_id", &app, reterr)) < 0 ||
	    (r = sqlite_file_ask(db, path, "PRAGMA user_version", &version, reterr)) < 0)
		return r;
	if (app != APPLICATION_ID)
		return err_set(reterr, ERR_CORRUPT, "%s is an SQLite file of another program, not a "
			"Sampan store; give another path, or move it away", path);
	if (version != SCHEMA_VERSION)
		return err_set(reterr, ERR_CORRUPT, "the store %s has schema %lld, this program knows "
			"%d; run the version of sampan that wrote it", path, (long long)version,
			SCHEMA_VERSION);
	if ((r = sqlite_file_ask(db, path, "SELECT count(*) FROM sqlite_master WHERE type='table' AND "
			"name IN ('log','meta')", &tables, reterr)) < 0 ||
	    (r = sqlite_file_ask(db, path, "SELECT count(*) FROM sqlite_master WHERE type='index' AND "
			"name='log_key'", &indexes, reterr)) < 0)
		return r;
	if (tables != 2 || indexes != 1)
		return sqlite_file_damaged(path, "tables are missing", reterr);
	return 0;
}

/* What is quick on a store of any size: the list of free pages, and the newest revisions
 * with the index; reading all that lives comes next at a start. Source: sampan store check
 * for the rest. */
static int check_start(sqlite3 *db, const char *path, struct err *reterr)
{
	int64_t pages, unused, bad;
	int r;

	if ((r = sqlite_file_ask(db, path, "PRAGMA page_count", &pages, reterr)) < 0 ||
	    (r = sqlite_file_ask(db, path, "PRAGMA freelist_count", &unused, reterr)) < 0)
		return r;
	if (unused < 0 || unused >= pages)
		return sqlite_file_damaged(path, "more pages are free than there are", reterr);
	r = sqlite_file_ask(db, path, "SELECT count(*) FROM (SELECT * FROM log ORDER BY rev DESC LIMIT 1000) l WHERE "
		"l.create_rev > l.rev OR l.prev_rev >= l.rev OR (l.deleted = 0) = (l.value IS NULL) OR NOT EXISTS "
		"(SELECT 1 FROM log m INDEXED BY log_key WHERE m.key = l.key AND m.rev = l.rev AND m.deleted = l.deleted)",
		&bad, reterr);
	if (r < 0)
		return r;
	if (bad)
		return sqlite_file_damaged(path, "the newest revisions contradict each other", reterr);
	r = sqlite_file_ask(db, path, "SELECT count(*) <> 2 OR min(value) < 0 OR max(CASE name WHEN 'swept' THEN value END) > "
		"max(CASE name WHEN 'compacted' THEN value END) FROM meta", &bad, reterr);
	return r == 0 && bad ? sqlite_file_damaged(path, "more is swept than was compacted", reterr) : r;
}

int sqlite_file_lock(const char *path, int *ret_fd, struct err *reterr)
{
	char name[4200];
	struct stat st;
	int fd, r = 0;

	/* Not the file itself: closing another descriptor of it would drop SQLite's locks. */
	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(reterr, "open %s", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK ? err_set(reterr, ERR_IO, "the store %s is in use by another "
			"sampan; stop that one first", path) : err_errno(reterr, "lock %s", name);
	/* Root may have made it, in a directory of the user that the server runs as. */
	else if (geteuid() == 0 && stat(dirname(name), &st) == 0 && fchown(fd, st.st_uid, st.st_gid) < 0)
		r = err_errno(reterr, "chown %s.lock", path);
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

int sqlite_file_sync(const char *path, struct err *reterr)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;

	if (fd < 0 || fsync(fd) < 0)
		r = err_errno(reterr, "sync %s", path);
	if (fd >= 0)
		close(fd);
	return r;
}

int sqlite_file_put_in_place(const char *path, const char *to, struct err *reterr)
{
	char copy[4200];

	if (rename(path, to) < 0)
		return err_errno(reterr, "rename %s to %s", path, to);
	snprintf(copy, sizeof(copy), "%s", to);
	return sqlite_file_sync(dirname(copy), reterr);
}

/* Where a link leads; the file is there then, an empty one. Else path itself. */
static bool target_of(char ret[PATH_MAX], const char *path)
{
	struct stat st;
	int fd;

	snprintf(ret, PATH_MAX, "%s", path);
	if (lstat(path, &st) < 0 || !S_ISLNK(st.st_mode))
		return true;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0 && realpath(path, ret);
}

/* An empty store, made under another name: whole, or not there. */
static int make(const char *path, struct err *reterr)
{
	/* Of a start or a restore that was cut short; and what would be played into a file that it is not of.
	 * Not .new: that is what people salvage into. */
	static const char *const old[] = { "-wal", "-journal", ".part" };
	char part[4200], real[PATH_MAX];
	sqlite3 *db;
	int fd, r;

	if (!target_of(real, path))
		return err_errno(reterr, "make the store %s", path);
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
		snprintf(part, sizeof(part), "%s%s", real, old[i]);
		if (unlink(part) < 0 && errno != ENOENT)
			return err_errno(reterr, "remove %s, which is in the way", part);
	}
	/* Made here for its mode: secrets are in it, and the WAL takes after it. */
	fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(reterr, "make the store %s", path);
	close(fd);
	if ((r = open_file(&db, part, SQLITE_OPEN_READWRITE, reterr)) < 0)
		return r;
	r = run(db, part, schema, "create", reterr);
	sqlite3_close(db);
	return r < 0 ? r : sqlite_file_put_in_place(part, real, reterr);
}

static bool is_new(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? errno == ENOENT : st.st_size == 0;
}

int sqlite_file_open(sqlite3 **ret, const char *path, struct sqlite_meta *ret_meta,
	struct err *reterr)
{
	sqlite3 *db;
	int64_t rev = 0;
	int r;

	if (is_new(path) && (r = make(path, reterr)) < 0)
		return r;
	r = open_file(&db, path, SQLITE_OPEN_READWRITE, reterr);
	if (r < 0)
		return r;
	/* Another program's file is refused before anything in it is changed. */
	if ((r = sqlite_file_check_schema(db, path, reterr)) < 0 || (r = check_start(db, path, reterr)) < 0)
		goto fail;
	if ((r = run(db, path, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
			"PRAGMA journal_size_limit=16777216; PRAGMA cache_size=-8192;"
			"PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;", "open", reterr)) < 0)
		goto fail;
	if ((r = sqlite_file_ask(db, path, "SELECT coalesce(max(rev), 0) FROM log", &rev, reterr)) < 0 ||
	    (r = sqlite_file_ask(db, path, "SELECT value FROM meta WHERE name='compacted'",
			&ret_meta->compacted_rev, reterr)) < 0 ||
	    (r = sqlite_file_ask(db, path, "SELECT value FROM meta WHERE name='swept'",
			&ret_meta->swept_rev, reterr)) < 0)
		goto fail;
	/* The newest row may have been a swept deletion: its revision stays taken. */
	ret_meta->rev = rev > ret_meta->compacted_rev ? rev : ret_meta->compacted_rev;
	*ret = db;
	return 0;
fail:
	sqlite3_close(db);
	return r;
}

int sqlite_file_open_reader(sqlite3 **ret, const char *path, struct err *reterr)
{
	int r = open_file(ret, path, SQLITE_OPEN_READWRITE, reterr);

	if (r < 0)
		return r;
	r = run(*ret, path, "PRAGMA query_only=ON; PRAGMA cache_size=-1024; PRAGMA wal_autocheckpoint=0;"
		"PRAGMA trusted_schema=OFF;", "open", reterr);
	if (r < 0)
		sqlite3_close(*ret);
	return r;
}

int store_sqlite_raise(const char *path, int64_t rev, struct err *reterr)
{
	struct sqlite_meta meta;
	sqlite3 *db;
	char sql[128];
	int fd, r = sqlite_file_lock(path, &fd, reterr);

	if (r < 0)
		return r;
	if ((r = sqlite_file_open(&db, path, &meta, reterr)) == 0) {
		sqlite3_snprintf(sizeof(sql), sql, "UPDATE meta SET value = %lld WHERE name = 'compacted'", (long long)rev);
		if (meta.rev < rev)
			r = run(db, path, sql, "raise revisions", reterr);
		sqlite3_close(db);
	}
	close(fd);
	return r;
}
