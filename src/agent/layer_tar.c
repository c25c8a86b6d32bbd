/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer_tar - the archive, read entry by entry, into files. Runs in the child.
 *
 * Every path is taken apart and checked; parents are opened with symbolic links
 * held inside of the root; the last part is always made anew, never opened.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/layer.h"
#include "agent/layer_stream.h"
#include "base/map.h"
#include "base/text.h"

#define PATH_LEN_MAX  4095
#define XATTR_MAX     65536
#define STREAM_SLACK  (1ull << 30)        /* headers and padding beside the files' bytes */

struct dir_time { char *path; struct timespec mtime; };

struct tar {
	struct layer_job *job;
	struct layer_result *ret;
	struct layer_stream stream;
	int parent_fd;
	char parent[PATH_LEN_MAX + 1];         /* what parent_fd is; "" the root */
	bool parent_known;
	struct map implied;
	struct dir_time *dirs; size_t dir_count, dir_cap;
};

static int fail(struct tar *t, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int fail(struct tar *t, int code, const char *fmt, ...)
{
	va_list ap;

	if (t->ret->rc)
		return t->ret->rc;
	va_start(ap, fmt);
	vsnprintf(t->ret->message, sizeof(t->ret->message), fmt, ap);
	va_end(ap);
	return t->ret->rc = -code;
}

static int fail_errno(struct tar *t, const char *what, const char *path)
{
	int e = errno, code = e == ENOSPC || e == EDQUOT || e == EIO ? ERR_IO : ERR_INVALID;

	return fail(t, code, "%s %.300s: %s", what, path, strerror(e));
}

static la_ssize_t on_read(struct archive *a, void *arg, const void **ret)
{
	struct tar *t = arg;
	ssize_t n = layer_stream_read(&t->stream, ret);

	if (n < 0)
		fail(t, -t->stream.rc, "%s", t->stream.message);
	return n;
}

/* ---- paths ---- */

/* name without "./" and doubled slashes into out ("" is the root); false: refused. */
static bool clean(struct tar *t, char out[PATH_LEN_MAX + 1], const char *name, const char *what)
{
	size_t len = 0;
	unsigned depth = 0;

	if (!name || *name == '/') {
		fail(t, ERR_INVALID, "%s \"%.300s\" is absolute", what, name ? name : "");
		return false;
	}
	while (*name) {
		size_t n = strcspn(name, "/");

		if (n == 2 && !strncmp(name, "..", 2)) {
			fail(t, ERR_INVALID, "%s with \"..\" in it", what);
			return false;
		}
		if (n && !(n == 1 && *name == '.')) {
			if (++depth > t->job->limits.depth_max || n > 255 || len + n + 1 > PATH_LEN_MAX) {
				fail(t, ERR_SIZE, "%s of more than %u parts or %d letters", what,
					t->job->limits.depth_max, PATH_LEN_MAX);
				return false;
			}
			if (len)
				out[len++] = '/';
			memcpy(out + len, name, n);
			len += n;
		}
		name += n;
		while (*name == '/')
			name++;
	}
	out[len] = 0;
	return true;
}

static int open_dir(struct tar *t, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, t->job->root_fd, *path ? path : ".", &how, sizeof(how));
}

static bool is_whiteout(int dir, const char *name)
{
	struct stat st;

	return !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

static void note(struct buf *out, const char *path)
{
	buf_add(out, path, strlen(path) + 1);
}

/* Makes the directories of path that the archive has not spoken of. */
static int make_parents(struct tar *t, const char *path)
{
	char part[PATH_LEN_MAX + 1];
	const char *slash = path;
	int dir = open_dir(t, ""), next;

	while (dir >= 0) {
		size_t n;
		const char *base;

		slash = strchr(slash, '/');
		n = slash ? (size_t)(slash - path) : strlen(path);
		memcpy(part, path, n);
		part[n] = 0;
		base = strrchr(part, '/') ? strrchr(part, '/') + 1 : part;
		next = open_dir(t, part);
		if (next < 0 && t->job->mode == LAYER_ROOTFS && is_whiteout(dir, base)) {
			unlinkat(dir, base, 0);
			note(&t->ret->opaque, part);
			errno = ENOENT;
		}
		if (next < 0 && errno == ENOENT) {
			if (++t->ret->entries > t->job->limits.entries_max)
				errno = EMFILE;
			else if (!mkdirat(dir, base, 0755) && !map_put(&t->implied, part, t, NULL))
				next = open_dir(t, part);
		}
		if (next < 0)
			fail_errno(t, "directory", part);
		close(dir);
		dir = next;
		if (!slash)
			break;
		slash++;
	}
	return dir;
}

/* The directory that path lies in, kept open for the next entry; its last part in *ret_base. */
static int open_parent(struct tar *t, const char *path, const char **ret_base)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	*ret_base = slash ? slash + 1 : path;
	if (t->parent_known && strlen(t->parent) == n && !memcmp(t->parent, path, n))
		return t->parent_fd;
	if (t->parent_known)
		close(t->parent_fd);
	memcpy(t->parent, path, n);
	t->parent[n] = 0;
	t->parent_fd = open_dir(t, t->parent);
	if (t->parent_fd < 0)
		t->parent_fd = make_parents(t, t->parent);
	t->parent_known = t->parent_fd >= 0;
	return t->parent_fd;
}

/* ---- entries ---- */

static void set_xattrs(struct archive_entry *e, int fd)
{
	const char *name;
	const void *value;
	size_t size;

	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK)
		if (size <= XATTR_MAX && (!strcmp(name, "security.capability") || !strncmp(name, "user.", 5)))
			fsetxattr(fd, name, value, size, 0);   /* a file system without them goes without */
}

static bool owner(struct tar *t, struct archive_entry *e, uid_t *u, gid_t *g)
{
	int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);

	if (uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX) {
		fail(t, ERR_INVALID, "an owner of %lld:%lld", (long long)uid, (long long)gid);
		return false;
	}
	*u = (uid_t)uid;
	*g = (gid_t)gid;
	return true;
}

static void times(struct archive_entry *e, struct timespec ts[2])
{
	ts[0].tv_sec = ts[1].tv_sec = archive_entry_mtime_is_set(e) ? archive_entry_mtime(e) : 0;
	ts[0].tv_nsec = ts[1].tv_nsec = archive_entry_mtime_is_set(e) ? archive_entry_mtime_nsec(e) : 0;
}

static int finish_fd(struct tar *t, struct archive_entry *e, int fd, const char *path)
{
	struct timespec ts[2];
	uid_t u;
	gid_t g;

	if (t->job->mode == LAYER_FILES)
		return 0;
	if (!owner(t, e, &u, &g))
		return t->ret->rc;
	/* In this order: a change of owner takes set-user-id bits and capabilities away. */
	if (((u || g) && fchown(fd, u, g)) || fchmod(fd, archive_entry_mode(e) & 07777))
		return fail_errno(t, "owner and mode of", path);
	if (archive_entry_xattr_count(e))
		set_xattrs(e, fd);
	times(e, ts);
	futimens(fd, ts);
	return 0;
}

static int write_all(int fd, const char *p, size_t n, int64_t at)
{
	while (n) {
		ssize_t w = pwrite(fd, p, n, at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		p += w;
		at += w;
		n -= (size_t)w;
	}
	return 0;
}

static int add_file(struct tar *t, struct archive *a, struct archive_entry *e, int dir, const char *base, const char *path)
{
	int64_t size = archive_entry_size(e), at;
	const void *p;
	size_t n;
	int fd, rc;

	if (size < 0 || (uint64_t)size > t->job->limits.unpacked_bytes_max)
		return fail(t, ERR_SIZE, "file \"%.300s\" of %lld bytes", path, (long long)size);
	fd = openat(dir, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(t, "file", path);
	while ((rc = archive_read_data_block(a, &p, &n, &at)) == ARCHIVE_OK) {
		t->ret->bytes += n;
		if (t->ret->bytes > t->job->limits.unpacked_bytes_max || at < 0 || at + (int64_t)n > size) {
			fail(t, ERR_SIZE, "the archive is larger than %llu bytes unpacked",
				(unsigned long long)t->job->limits.unpacked_bytes_max);
			break;
		}
		if (write_all(fd, p, n, at)) {
			fail_errno(t, "writing", path);
			break;
		}
	}
	if (!t->ret->rc && rc != ARCHIVE_EOF)
		fail(t, ERR_INVALID, "file \"%.300s\": %s", path, archive_error_string(a));
	if (!t->ret->rc && archive_entry_sparse_count(e) && ftruncate(fd, size))
		fail_errno(t, "file", path);
	if (!t->ret->rc)
		finish_fd(t, e, fd, path);
	close(fd);
	return t->ret->rc;
}

static int remember_time(struct tar *t, struct archive_entry *e, const char *path)
{
	struct timespec ts[2];

	if (t->dir_count == t->dir_cap) {
		size_t cap = t->dir_cap ? t->dir_cap * 2 : 256;
		struct dir_time *d = realloc(t->dirs, cap * sizeof(*d));

		if (!d)
			return fail(t, ERR_NOMEM, "out of memory");
		t->dirs = d;
		t->dir_cap = cap;
	}
	times(e, ts);
	t->dirs[t->dir_count] = (struct dir_time){ strdup(*path ? path : "."), ts[1] };
	if (!t->dirs[t->dir_count].path)
		return fail(t, ERR_NOMEM, "out of memory");
	t->dir_count++;
	return 0;
}

static int add_dir(struct tar *t, struct archive_entry *e, int dir, const char *base, const char *path)
{
	int fd;

	if (*path && mkdirat(dir, base, 0755)) {
		struct stat st;

		if (errno != EEXIST)
			return fail_errno(t, "directory", path);
		if (is_whiteout(dir, base)) {
			unlinkat(dir, base, 0);
			if (mkdirat(dir, base, 0755))
				return fail_errno(t, "directory", path);
			note(&t->ret->opaque, path);
		} else if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode)) {
			return fail(t, ERR_INVALID, "\"%.300s\" is there twice", path);
		}
	}
	map_del(&t->implied, path);
	if (t->job->mode == LAYER_FILES)
		return 0;
	fd = openat(*path ? dir : t->job->root_fd, *path ? base : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(t, "directory", path);
	finish_fd(t, e, fd, path);
	close(fd);
	return t->ret->rc ? t->ret->rc : remember_time(t, e, path);
}

static int add_symlink(struct tar *t, struct archive_entry *e, int dir, const char *base, const char *path)
{
	const char *target = archive_entry_symlink(e);
	struct timespec ts[2];
	uid_t u;
	gid_t g;

	if (!target || !*target || strlen(target) > PATH_LEN_MAX)
		return fail(t, ERR_INVALID, "symbolic link \"%.300s\" to nothing", path);
	if (symlinkat(target, dir, base))
		return fail_errno(t, "symbolic link", path);
	if (t->job->mode == LAYER_FILES)
		return 0;
	if (!owner(t, e, &u, &g))
		return t->ret->rc;
	if ((u || g) && fchownat(dir, base, u, g, AT_SYMLINK_NOFOLLOW))
		return fail_errno(t, "owner of", path);
	times(e, ts);
	utimensat(dir, base, ts, AT_SYMLINK_NOFOLLOW);
	return 0;
}

static int add_hardlink(struct tar *t, struct archive_entry *e, int dir, const char *base, const char *path)
{
	char target[PATH_LEN_MAX + 1], above[PATH_LEN_MAX + 1];
	const char *tbase;
	struct stat st;
	int from, rc;

	if (!clean(t, target, archive_entry_hardlink(e), "a hard link's target"))
		return t->ret->rc;
	strcpy(above, target);
	tbase = strrchr(target, '/');
	if (tbase)
		above[tbase - target] = 0;
	else
		*above = 0;
	tbase = tbase ? tbase + 1 : target;
	from = open_dir(t, above);
	if (from < 0 || fstatat(from, tbase, &st, AT_SYMLINK_NOFOLLOW) || S_ISDIR(st.st_mode) || S_ISCHR(st.st_mode))
		rc = fail(t, ERR_INVALID, "hard link \"%.200s\" to \"%.200s\", which is no file of this layer", path, target);
	else
		rc = linkat(from, tbase, dir, base, 0) ? fail_errno(t, "hard link", path) : 0;
	if (from >= 0)
		close(from);
	return rc;
}

static int add_fifo(struct tar *t, struct archive_entry *e, int dir, const char *base, const char *path)
{
	uid_t u;
	gid_t g;

	if (!owner(t, e, &u, &g))
		return t->ret->rc;
	if (mknodat(dir, base, S_IFIFO | 0600, 0) || fchownat(dir, base, u, g, AT_SYMLINK_NOFOLLOW) ||
	    fchmodat(dir, base, archive_entry_mode(e) & 07777, 0))
		return fail_errno(t, "pipe", path);
	return 0;
}

/* ".wh.x" hides x of the layers below; ".wh..wh..opq" hides all of its directory. */
static int add_whiteout(struct tar *t, int dir, const char *base, const char *path)
{
	char hidden[2 * PATH_LEN_MAX + 3];
	struct stat st;

	if (!strcmp(base, ".wh..wh..opq")) {
		note(&t->ret->opaque, t->parent);
		return 0;
	}
	if (!strncmp(base, ".wh..wh.", 8))
		return 0;                              /* bookkeeping of another union file system */
	base += 4;
	if (!*base || !strcmp(base, ".") || !strcmp(base, ".."))
		return fail(t, ERR_INVALID, "whiteout \"%.300s\" of nothing", path);
	if (!fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW)) {
		/* This layer's own wins; a directory still hides the one below. */
		if (S_ISDIR(st.st_mode)) {
			snprintf(hidden, sizeof(hidden), "%s%s%s", t->parent, *t->parent ? "/" : "", base);
			note(&t->ret->opaque, hidden);
		}
		return 0;
	}
	if (mknodat(dir, base, S_IFCHR | 0600, makedev(0, 0)))
		return fail_errno(t, "whiteout", path);
	return 0;
}

static int add_entry(struct tar *t, struct archive *a, struct archive_entry *e)
{
	char path[PATH_LEN_MAX + 1];
	const char *name = archive_entry_pathname(e), *base;
	unsigned type = archive_entry_filetype(e);
	bool link = archive_entry_hardlink(e) != NULL;
	struct stat st;
	int dir;

	if (++t->ret->entries > t->job->limits.entries_max)
		return fail(t, ERR_SIZE, "the archive has more than %llu entries",
			(unsigned long long)t->job->limits.entries_max);
	if (!clean(t, path, name, "a path"))
		return t->ret->rc;
	if (!*path)
		return type == AE_IFDIR && !link ? add_dir(t, e, t->job->root_fd, ".", "") :
			fail(t, ERR_INVALID, "the root is no directory");
	dir = open_parent(t, path, &base);
	if (dir < 0)
		return fail_errno(t, "the directory of", path);
	if (t->job->mode == LAYER_ROOTFS && !strncmp(base, ".wh.", 4))
		return add_whiteout(t, dir, base, path);
	if (type == AE_IFDIR && !link)
		return add_dir(t, e, dir, base, path);
	if (!fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW)) {
		if (t->job->mode != LAYER_ROOTFS || !S_ISCHR(st.st_mode))
			return fail(t, ERR_INVALID, "\"%.300s\" is there twice", path);
		unlinkat(dir, base, 0);                /* its own whiteout */
	}
	if (link)
		return add_hardlink(t, e, dir, base, path);
	switch (type) {
	case AE_IFREG:
		return add_file(t, a, e, dir, base, path);
	case AE_IFLNK:
		return add_symlink(t, e, dir, base, path);
	case AE_IFIFO:
		return t->job->mode == LAYER_ROOTFS ? add_fifo(t, e, dir, base, path) :
			fail(t, ERR_INVALID, "pipe \"%.300s\"", path);
	default:
		return fail(t, ERR_INVALID, "\"%.300s\" is a device, which images may not bring", path);
	}
}

static void finish_dirs(struct tar *t)
{
	while (t->dir_count) {
		struct dir_time *d = &t->dirs[--t->dir_count];
		struct timespec ts[2] = { d->mtime, d->mtime };

		if (!t->ret->rc)
			utimensat(t->job->root_fd, d->path, ts, AT_SYMLINK_NOFOLLOW);
		free(d->path);
	}
	free(t->dirs);
}

static void finish_implied(struct tar *t)
{
	const char *path;
	size_t it = 0;

	while (map_next(&t->implied, &it, &path, NULL))
		note(&t->ret->implied, path);
	map_finish(&t->implied);
}

void layer_tar(struct layer_job *j, struct layer_result *ret)
{
	struct tar t = { .job = j, .ret = ret, .parent_fd = -1 };
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	uint8_t sum[32];
	const void *rest;
	int rc;

	if (layer_stream_open(&t.stream, j->archive_fd, j->hash, j->limits.unpacked_bytes_max + STREAM_SLACK) || !a) {
		fail(&t, ERR_NOMEM, "out of memory");
		goto out;
	}
	archive_read_support_filter_none(a);
	archive_read_support_format_tar(a);
	archive_read_set_options(a, "hdrcharset=BINARY");   /* names are bytes */
	rc = archive_read_open(a, &t, NULL, on_read, NULL);
	while (rc == ARCHIVE_OK && !ret->rc) {
		rc = archive_read_next_header(a, &e);
		if (rc == ARCHIVE_WARN)
			rc = ARCHIVE_OK;
		if (rc == ARCHIVE_OK)
			add_entry(&t, a, e);
	}
	/* No entry at all: an archive of nothing but zeros, or of no bytes, is an empty layer. */
	if (!ret->rc && rc != ARCHIVE_EOF && !(ret->entries == 0 && t.stream.bytes == 0))
		fail(&t, ERR_INVALID, "the archive is damaged: %s", archive_error_string(a) ? archive_error_string(a) : "?");
	while (!ret->rc && on_read(a, &t, &rest) > 0)
		;                                          /* padding belongs to the digest */
	finish_implied(&t);
	finish_dirs(&t);
	EVP_DigestFinal_ex(j->hash, sum, NULL);
	strcpy(ret->diff_id, "sha256:");
	text_hex(ret->diff_id + 7, sum, 32);
	if (ret->opaque.failed || ret->implied.failed)
		fail(&t, ERR_NOMEM, "out of memory");
out:
	if (t.parent_known)
		close(t.parent_fd);
	archive_read_free(a);
	layer_stream_close(&t.stream);
}
