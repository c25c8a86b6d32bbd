/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_wal - a file layer over SQLite's own one, which hands the WAL to the kernel in large
 * pieces.
 *
 * SQLite writes a frame's head and its page by a call each, some hundred for a group of writes.
 * What follows on each other is gathered until it is synced, read, or does not go on where it
 * ended. Nobody else looks for it before: other connections read frames that the WAL's index
 * tells of, and with synchronous=FULL a commit is told of after its sync. An error comes out of
 * the call that had to write, at the latest the sync, and fails the commit as before. What pages that
 * left a full cache have here is no commit's yet: when that is rolled back, it is forgotten, for
 * by the next write another program may have written there.
 * Source: SQLite src/wal.c (walFrames), src/os.h; sqlite.org/vfs.html
 * Tests:  tests/crash/test_disk.c, on a disk of its own below; tests/contract/test_store_files.c
 */
#include "store/sqlite_priv.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { GATHER_BYTES = 128 << 10 };

struct wal {
	sqlite3_file base;
	char *p;                       /* GATHER_BYTES; NULL: not needed yet */
	int64_t off;                   /* of p in the file */
	int len;
	_Alignas(8) char real[];       /* the file below; SQLite aligns no better */
};

static sqlite3_vfs *below, layer;

static struct wal *wal_of(sqlite3_file *f) { return (struct wal *)(void *)f; }
static sqlite3_file *real_of(sqlite3_file *f) { return (sqlite3_file *)(void *)wal_of(f)->real; }

static int flush(struct wal *w)
{
	sqlite3_file *real = real_of(&w->base);
	int n = w->len;

	w->len = 0;
	return n ? real->pMethods->xWrite(real, w->p, n, w->off) : SQLITE_OK;
}

static int wal_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 off)
{
	struct wal *w = wal_of(f);
	int rc = SQLITE_OK;

	if (w->len && (off != w->off + w->len || n > GATHER_BYTES - w->len))
		rc = flush(w);
	if (rc != SQLITE_OK)
		return rc;
	if (n > GATHER_BYTES || (!w->p && !(w->p = malloc(GATHER_BYTES))))
		return real_of(f)->pMethods->xWrite(real_of(f), p, n, off);
	if (!w->len)
		w->off = off;
	memcpy(w->p + w->len, p, (size_t)n);
	w->len += n;
	return SQLITE_OK;
}

static int wal_read(sqlite3_file *f, void *p, int n, sqlite3_int64 off)
{
	struct wal *w = wal_of(f);
	int rc = w->len && off < w->off + w->len && off + n > w->off ? flush(w) : SQLITE_OK;

	return rc == SQLITE_OK ? real_of(f)->pMethods->xRead(real_of(f), p, n, off) : rc;
}

static int wal_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int rc = flush(wal_of(f));

	return rc == SQLITE_OK ? real_of(f)->pMethods->xTruncate(real_of(f), size) : rc;
}

static int wal_sync(sqlite3_file *f, int flags)
{
	int rc = flush(wal_of(f));

	return rc == SQLITE_OK ? real_of(f)->pMethods->xSync(real_of(f), flags) : rc;
}

static int wal_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	int rc = flush(wal_of(f));

	return rc == SQLITE_OK ? real_of(f)->pMethods->xFileSize(real_of(f), ret) : rc;
}

static int wal_close(sqlite3_file *f)
{
	int rc = flush(wal_of(f)), closed = real_of(f)->pMethods->xClose(real_of(f));

	free(wal_of(f)->p);
	return rc == SQLITE_OK ? closed : rc;
}

/* Locks and what a file is like. */
static int wal_lock(sqlite3_file *f, int level) { return real_of(f)->pMethods->xLock(real_of(f), level); }
static int wal_unlock(sqlite3_file *f, int level) { return real_of(f)->pMethods->xUnlock(real_of(f), level); }
static int wal_reserved(sqlite3_file *f, int *ret) { return real_of(f)->pMethods->xCheckReservedLock(real_of(f), ret); }
static int wal_control(sqlite3_file *f, int op, void *arg) { return real_of(f)->pMethods->xFileControl(real_of(f), op, arg); }
static int wal_sector(sqlite3_file *f) { return real_of(f)->pMethods->xSectorSize(real_of(f)); }
static int wal_traits(sqlite3_file *f) { return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f)); }

static const sqlite3_io_methods wal_methods = {
	1, wal_close, wal_read, wal_write, wal_truncate, wal_sync, wal_size, wal_lock, wal_unlock, wal_reserved,
	wal_control, wal_sector, wal_traits, NULL, NULL, NULL, NULL, NULL, NULL,
};

void sqlite_wal_forget(sqlite3 *db)
{
	sqlite3_file *f = NULL;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &f) == SQLITE_OK && f && f->pMethods == &wal_methods)
		wal_of(f)->len = 0;
}

static int open_one(sqlite3_vfs *v, const char *path, sqlite3_file *f, int flags, int *ret_flags)
{
	int rc;

	if (!(flags & SQLITE_OPEN_WAL))
		return below->xOpen(below, path, f, flags, ret_flags);
	memset(f, 0, sizeof(struct wal));
	rc = below->xOpen(below, path, real_of(f), flags, ret_flags);
	f->pMethods = real_of(f)->pMethods ? &wal_methods : NULL;
	return rc;
}

static void install(void)
{
	sqlite3_initialize();
	below = sqlite3_vfs_find(NULL);
	layer = *below;
	layer.zName = "sampan";
	layer.szOsFile = (int)sizeof(struct wal) + below->szOsFile;
	layer.xOpen = open_one;
	if (sqlite3_vfs_register(&layer, 0) != SQLITE_OK)
		abort();
}

const char *sqlite_wal_layer(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, install);
	return layer.zName;
}
