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

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
	APPLICATION_ID = 0x53616d70,   /* "Samp" */
	SCHEMA_VERSION = 1,
	BUSY_MS = 10000,               /* somebody looks in with the sqlite3 tool */
};

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE log(rev INTEGER PRIMARY KEY, key TEXT NOT NULL, create_rev INTEGER NOT NULL,"
	" prev_rev INTEGER NOT NULL, deleted INTEGER NOT NULL, value BLOB);"
	"CREATE UNIQUE INDEX log_key ON log(key, rev, deleted);"
	"CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO meta VALUES('compacted', 0), ('swept', 0);"
	"PRAGMA application_id=1398893936;"
	"PRAGMA user_version=1;"
	"COMMIT;";
_Static_assert(APPLICATION_ID == 1398893936 && SCHEMA_VERSION == 1, "as the schema says");

int sqlite_failed(sqlite3 *db, const char *path, const char *doing, struct err *reterr)
{
	int code = sqlite3_errcode(db), sys = sqlite3_system_errno(db);

	switch (code & 0xff) {
	case SQLITE_FULL:
		return err_set(reterr, ERR_IO, "%s: the disk of %s is full; free space, then write "
			"again: nothing acknowledged is lost", doing, path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(reterr, ERR_CORRUPT, "%s: the store %s is damaged (%s); move it away "
			"and put a backup in its place, or salvage it: "
			"sqlite3 %s .recover | sqlite3 %s.new", doing, path, sqlite3_errmsg(db),
			path, path);
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
static int ask(sqlite3 *db, const char *path, const char *sql, int64_t *ret, struct err *reterr)
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
			SQLITE_OPEN_PRIVATECACHE, NULL) != SQLITE_OK)
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

static int check_pages(sqlite3 *db, const char *path, struct err *reterr)
{
	sqlite3_stmt *q = NULL;
	const char *said = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &q, NULL) != SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_ROW || !(said = (const char *)sqlite3_column_text(q, 0)))
		r = sqlite_failed(db, path, "check", reterr);
	else if (strcmp(said, "ok") != 0)
		r = err_set(reterr, ERR_CORRUPT, "the store %s is damaged (%s); move it away and put "
			"a backup in its place, or salvage it: sqlite3 %s .recover | "
			"sqlite3 %s.new", path, said, path, path);
	sqlite3_finalize(q);
	return r;
}

static int check_schema(sqlite3 *db, const char *path, struct err *reterr)
{
	int64_t app = 0, version = 0, tables = 0, indexes = 0;
	int r;

	if ((r = ask(db, path, "PRAGMA application_id", &app, reterr)) < 0 ||
	    (r = ask(db, path, "PRAGMA user_version", &version, reterr)) < 0)
		return r;
	if (app != APPLICATION_ID)
		return err_set(reterr, ERR_CORRUPT, "%s is an SQLite file of another program, not a "
			"Sampan store; give another path, or move it away", path);
	if (version != SCHEMA_VERSION)
		return err_set(reterr, ERR_CORRUPT, "the store %s has schema %lld, this program knows "
			"%d; run the version of sampan that wrote it", path, (long long)version,
			SCHEMA_VERSION);
	if ((r = ask(db, path, "SELECT count(*) FROM sqlite_master WHERE type='table' AND "
			"name IN ('log','meta')", &tables, reterr)) < 0 ||
	    (r = ask(db, path, "SELECT count(*) FROM sqlite_master WHERE type='index' AND "
			"name='log_key'", &indexes, reterr)) < 0)
		return r;
	if (tables != 2 || indexes != 1)
		return err_set(reterr, ERR_CORRUPT, "the store %s lacks tables; move it away and put a "
			"backup in its place", path);
	return check_pages(db, path, reterr);
}

int sqlite_file_open(sqlite3 **ret, const char *path, struct sqlite_meta *ret_meta,
	struct err *reterr)
{
	sqlite3 *db;
	int64_t objects = 0, app = 0, rev = 0;
	int fd, r;

	/* Made here for its mode: secrets are in it, and the WAL takes after it. */
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(reterr, "open the store %s", path);
	close(fd);
	r = open_file(&db, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, reterr);
	if (r < 0)
		return r;
	if ((r = ask(db, path, "SELECT count(*) FROM sqlite_master", &objects, reterr)) < 0 ||
	    (r = ask(db, path, "PRAGMA application_id", &app, reterr)) < 0)
		goto fail;
	/* Another program's file is refused before anything in it is changed. */
	if ((objects || app) && (r = check_schema(db, path, reterr)) < 0)
		goto fail;
	if ((r = run(db, path, "PRAGMA auto_vacuum=INCREMENTAL;", "open", reterr)) < 0 ||
	    (r = run(db, path, "PRAGMA journal_mode=WAL;", "open", reterr)) < 0 ||
	    (r = run(db, path, "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
			"PRAGMA journal_size_limit=16777216; PRAGMA cache_size=-2048;"
			"PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;", "open", reterr)) < 0)
		goto fail;
	if (!objects && (r = run(db, path, schema, "create", reterr)) < 0)
		goto fail;
	if ((r = ask(db, path, "SELECT coalesce(max(rev), 0) FROM log", &rev, reterr)) < 0 ||
	    (r = ask(db, path, "SELECT value FROM meta WHERE name='compacted'",
			&ret_meta->compacted_rev, reterr)) < 0 ||
	    (r = ask(db, path, "SELECT value FROM meta WHERE name='swept'",
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
