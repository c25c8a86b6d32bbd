/* SPDX-License-Identifier: Apache-2.0 */
/* disk - a wrapper around SQLite's default file layer. */
#include "disk.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, FILES_MAX = 16 };

enum op_kind { OP_WRITE, OP_TRUNCATE, OP_SYNC, OP_DELETE, OP_RENAME };

struct op {
	enum op_kind kind;
	int file;            /* index of names */
	int from;            /* OP_RENAME: what it was before, durably */
	bool directory;      /* OP_SYNC, OP_DELETE: the directory was synced too */
	int64_t off, len;
	char *data;
};

static sqlite3_vfs *real, shim;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct op *ops;
static size_t op_count, op_cap;
static char *names[FILES_MAX];
static int64_t quota = -1, written;
static int sync_countdown = -1;

struct file {
	sqlite3_file base;
	int name;
	bool is_new;         /* SQLite syncs the directory with its first sync */
	sqlite3_file *real;  /* behind this struct */
};

static struct file *file_of(sqlite3_file *f) { return (struct file *)(void *)f; }

static int name_index(const char *path)
{
	for (int i = 0; i < FILES_MAX; i++) {
		if (!names[i])
			names[i] = strdup(path);
		if (strcmp(names[i], path) == 0)
			return i;
	}
	abort();
}

static void record(struct op op, const void *data)
{
	pthread_mutex_lock(&lock);
	if (op_count == op_cap) {
		op_cap = op_cap ? op_cap * 2 : 1024;
		ops = realloc(ops, op_cap * sizeof(*ops));
		if (!ops)
			abort();
	}
	if (data) {
		op.data = malloc((size_t)op.len);
		if (!op.data)
			abort();
		memcpy(op.data, data, (size_t)op.len);
	}
	ops[op_count++] = op;
	pthread_mutex_unlock(&lock);
}

size_t disk_moment(void)
{
	size_t n;

	pthread_mutex_lock(&lock);
	n = op_count;
	pthread_mutex_unlock(&lock);
	return n;
}

bool disk_is_sync(size_t moment) { return moment && ops[moment - 1].kind == OP_SYNC; }

void disk_reset(void)
{
	for (size_t i = 0; i < op_count; i++)
		free(ops[i].data);
	free(ops);
	ops = NULL;
	op_count = op_cap = 0;
	for (int i = 0; i < FILES_MAX; i++) {
		free(names[i]);
		names[i] = NULL;
	}
	disk_set_quota(-1);
	disk_fail_sync(-1);
}

void disk_set_quota(int64_t bytes)
{
	pthread_mutex_lock(&lock);
	quota = bytes;
	written = 0;
	pthread_mutex_unlock(&lock);
}

void disk_fail_sync(int n)
{
	pthread_mutex_lock(&lock);
	sync_countdown = n;
	pthread_mutex_unlock(&lock);
}

/* ---- what a cut leaves ---- */

static uint64_t random_state;

static unsigned dice(unsigned sides)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 16) % sides;
}

struct image {
	char *p;
	int64_t len, cap;
	bool exists;
};

static void image_resize(struct image *im, int64_t len)
{
	if (len > im->cap) {
		im->cap = len * 2;
		im->p = realloc(im->p, (size_t)im->cap);
		if (!im->p)
			abort();
	}
	if (len > im->len)
		memset(im->p + im->len, 0, (size_t)(len - im->len));
	im->len = len;
}

static void image_write(struct image *im, int64_t off, const char *p, int64_t n)
{
	if (off + n > im->len)
		image_resize(im, off + n);
	memcpy(im->p + off, p, (size_t)n);
}

static void cut_file(struct image *im, int file, size_t moment);

static void apply(struct image *im, const struct op *op, bool torn)
{
	switch (op->kind) {
	case OP_WRITE:
		im->exists = true;
		for (int64_t at = 0; at < op->len; ) {
			int64_t n = SECTOR - (op->off + at) % SECTOR;

			if (n > op->len - at)
				n = op->len - at;
			if (!torn || dice(2))
				image_write(im, op->off + at, op->data + at, n);
			at += n;
		}
		break;
	case OP_TRUNCATE:
		image_resize(im, op->len);
		break;
	case OP_DELETE:
		im->exists = false;
		im->len = 0;
		break;
	case OP_RENAME:
		im->len = 0;
		cut_file(im, op->from, (size_t)(op - ops));
		break;
	case OP_SYNC:
		break;
	}
}

static void cut_file(struct image *im, int file, size_t moment)
{
	size_t synced = 0, named = 0, lost = dice(3);   /* nothing, some or all of the rest goes */

	/* Operations before `synced` are on disk; a removal also if before `named`. */
	for (size_t i = 0; i < moment; i++)
		if (ops[i].directory)
			named = i + 1;
	for (size_t i = 0; i < moment; i++)
		if (ops[i].file == file && (ops[i].kind == OP_SYNC || ops[i].kind == OP_RENAME ||
				(ops[i].kind == OP_DELETE && i < named)))
			synced = i + 1;
	for (size_t i = 0; i < moment; i++) {
		if (ops[i].file != file)
			continue;
		if (i < synced)
			apply(im, &ops[i], false);
		else if (lost == 0 || (lost == 1 && dice(2)))
			apply(im, &ops[i], lost == 1 && dice(2));
	}
}

/* Without a sync of its own: thousands are made. */
static bool write_file(const char *path, const struct image *im)
{
	FILE *f = fopen(path, "w");
	bool ok = f && (!im->len || fwrite(im->p, 1, (size_t)im->len, f) == (size_t)im->len);

	return (!f || fclose(f) == 0) && ok;
}

void disk_cut(const char *from_dir, const char *to_dir, size_t moment, uint64_t seed)
{
	random_state = seed * 2654435761u + 88172645463325252u;
	for (int i = 0; i < FILES_MAX && names[i]; i++) {
		struct image im = { 0 };
		char path[512];

		if (strncmp(names[i], from_dir, strlen(from_dir)) != 0)
			continue;
		cut_file(&im, i, moment);
		snprintf(path, sizeof(path), "%s%s", to_dir, names[i] + strlen(from_dir));
		if (im.exists && !write_file(path, &im))
			abort();
		free(im.p);
	}
}

/* ---- the file layer ---- */

static int f_close(sqlite3_file *f) { return file_of(f)->real->pMethods->xClose(file_of(f)->real); }

static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 off)
{
	return file_of(f)->real->pMethods->xRead(file_of(f)->real, p, n, off);
}

static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 off)
{
	bool full;
	int rc;

	pthread_mutex_lock(&lock);
	full = quota >= 0 && written + n > quota;
	if (!full)
		written += n;
	pthread_mutex_unlock(&lock);
	if (full)
		return SQLITE_FULL;
	rc = file_of(f)->real->pMethods->xWrite(file_of(f)->real, p, n, off);
	if (rc == SQLITE_OK)
		record((struct op){ .kind = OP_WRITE, .file = file_of(f)->name, .off = off, .len = n }, p);
	return rc;
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	record((struct op){ .kind = OP_TRUNCATE, .file = file_of(f)->name, .len = size }, NULL);
	return file_of(f)->real->pMethods->xTruncate(file_of(f)->real, size);
}

static int f_sync(sqlite3_file *f, int flags)
{
	bool fail;

	pthread_mutex_lock(&lock);
	fail = sync_countdown == 0;
	if (sync_countdown >= 0)
		sync_countdown--;
	pthread_mutex_unlock(&lock);
	if (fail)
		return SQLITE_IOERR_FSYNC;
	/* Not really: a kill cannot lose what the kernel has, and this is quicker. */
	record((struct op){ .kind = OP_SYNC, .file = file_of(f)->name,
		.directory = file_of(f)->is_new }, NULL);
	file_of(f)->is_new = false;
	return SQLITE_OK;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	return file_of(f)->real->pMethods->xFileSize(file_of(f)->real, ret);
}

static int f_lock(sqlite3_file *f, int level)
{
	return file_of(f)->real->pMethods->xLock(file_of(f)->real, level);
}

static int f_unlock(sqlite3_file *f, int level)
{
	return file_of(f)->real->pMethods->xUnlock(file_of(f)->real, level);
}

static int f_reserved(sqlite3_file *f, int *ret)
{
	return file_of(f)->real->pMethods->xCheckReservedLock(file_of(f)->real, ret);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
	return file_of(f)->real->pMethods->xFileControl(file_of(f)->real, op, arg);
}

static int f_sector(sqlite3_file *f)
{
	return file_of(f)->real->pMethods->xSectorSize(file_of(f)->real);
}

static int f_traits(sqlite3_file *f)
{
	return file_of(f)->real->pMethods->xDeviceCharacteristics(file_of(f)->real);
}

static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
	return file_of(f)->real->pMethods->xShmMap(file_of(f)->real, page, size, extend, ret);
}

static int f_shm_lock(sqlite3_file *f, int off, int n, int flags)
{
	return file_of(f)->real->pMethods->xShmLock(file_of(f)->real, off, n, flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
	file_of(f)->real->pMethods->xShmBarrier(file_of(f)->real);
}

static int f_shm_unmap(sqlite3_file *f, int delete)
{
	return file_of(f)->real->pMethods->xShmUnmap(file_of(f)->real, delete);
}

static const sqlite3_io_methods methods = {
	2, f_close, f_read, f_write, f_truncate, f_sync, f_size, f_lock, f_unlock, f_reserved,
	f_control, f_sector, f_traits, f_shm_map, f_shm_lock, f_shm_barrier, f_shm_unmap,
	NULL, NULL,
};

/* A store is made under another name, which is no operation of the file layer: it is found by its first opening. */
static void note_rename(int file, const char *path)
{
	char part[512];

	for (size_t i = 0; i < op_count; i++)
		if (ops[i].file == file)
			return;
	snprintf(part, sizeof(part), "%s.part", path);
	for (int i = 0; i < FILES_MAX && names[i]; i++)
		if (strcmp(names[i], part) == 0)
			record((struct op){ .kind = OP_RENAME, .file = file, .from = i }, NULL);
}

static int v_open(sqlite3_vfs *v, const char *path, sqlite3_file *f, int flags, int *out_flags)
{
	struct file *file = file_of(f);
	int rc;

	file->real = (sqlite3_file *)(void *)(file + 1);
	rc = real->xOpen(real, path, file->real, flags, out_flags);
	file->is_new = flags & SQLITE_OPEN_CREATE && flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);
	file->base.pMethods = rc == SQLITE_OK ? &methods : NULL;
	if (rc == SQLITE_OK && path) {
		pthread_mutex_lock(&lock);
		file->name = name_index(path);
		pthread_mutex_unlock(&lock);
		if (flags & SQLITE_OPEN_MAIN_DB)
			note_rename(file->name, path);
	}
	return rc;
}

static int v_delete(sqlite3_vfs *v, const char *path, int sync_dir)
{
	int rc = real->xDelete(real, path, sync_dir), file;

	pthread_mutex_lock(&lock);
	file = name_index(path);
	pthread_mutex_unlock(&lock);
	if (rc == SQLITE_OK)
		record((struct op){ .kind = OP_DELETE, .file = file, .directory = sync_dir != 0 }, NULL);
	return rc;
}

void disk_install(void)
{
	real = sqlite3_vfs_find(NULL);
	shim = *real;
	shim.zName = "recorded";
	shim.szOsFile = (int)sizeof(struct file) + real->szOsFile;
	shim.xOpen = v_open;
	shim.xDelete = v_delete;
	if (sqlite3_vfs_register(&shim, 1) != SQLITE_OK)
		abort();
}
