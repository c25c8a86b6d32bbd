/* SPDX-License-Identifier: Apache-2.0 */
/* file - whole files and trees. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

/* Deeper directories are moved up before they are emptied, so that neither the
 * stack nor the table of open files follows whoever made the tree. */
enum { DEPTH_MAX = 32 };

int file_read(const char *path, size_t max_bytes, struct buf *out, struct err *reterr)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
	size_t start = out->len;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(reterr, ERR_NOT_FOUND, "%s: no such file", path);
	if (fd < 0)
		return err_errno(reterr, "open %s", path);
	for (;;) {
		size_t left = max_bytes - (out->len - start);
		ssize_t n;

		/* One byte past the limit tells a full file from a longer one. */
		if (buf_reserve(out, left < 65536 ? left + 1 : 65536) < 0) {
			r = err_set(reterr, ERR_NOMEM, "read %s: out of memory", path);
			break;
		}
		n = read(fd, out->p + out->len, left < 65536 ? left + 1 : 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = err_errno(reterr, "read %s", path);
			break;
		}
		if (!n)
			break;
		if ((size_t)n > left) {
			r = err_set(reterr, ERR_SIZE, "%s is larger than %zu bytes", path,
				max_bytes);
			break;
		}
		out->len += (size_t)n;
		out->p[out->len] = 0;
	}
	if (r < 0) {
		out->len = start;
		if (out->p)
			out->p[start] = 0;
	}
	close(fd);
	return r;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int sync_dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = !slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	int fd, r = -1;

	if (!dir)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd >= 0) {
		r = fsync(fd);
		close(fd);
	}
	return r;
}

int file_replace(const char *path, const void *p, size_t n, mode_t mode, struct err *reterr)
{
	char *tmp = NULL;
	int fd = -1, r = 0;

	if (asprintf(&tmp, "%s.XXXXXX", path) < 0)
		return err_set(reterr, ERR_NOMEM, "write %s: out of memory", path);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		r = err_errno(reterr, "create %s", tmp);
		free(tmp);
		return r;
	}
	if (fchmod(fd, mode) < 0 || write_all(fd, p, n) < 0 || fsync(fd) < 0)
		r = err_errno(reterr, "write %s", tmp);
	if (close(fd) < 0 && r == 0)
		r = err_errno(reterr, "close %s", tmp);
	if (r == 0 && rename(tmp, path) < 0)
		r = err_errno(reterr, "rename %s to %s", tmp, path);
	if (r < 0)
		unlink(tmp);
	else if (sync_dir_of(path) < 0)
		r = err_errno(reterr, "sync the directory of %s", path);
	free(tmp);
	return r;
}

/* Where f is written first: a name of its own, that a later run writes over. */
static void sibling(char out[NAME_MAX + 1], const struct file_content *f)
{
	snprintf(out, NAME_MAX + 1, ".%s.new", f->name);
}

static int replace_all_in(int dir, const char *path, const struct file_content *f, size_t count, int *fds,
	struct err *reterr)
{
	char tmp[NAME_MAX + 1];

	for (size_t i = 0; i < count; i++) {
		sibling(tmp, &f[i]);
		if (unlinkat(dir, tmp, 0) < 0 && errno != ENOENT)
			return err_errno(reterr, "remove %s/%s", path, tmp);
		fds[i] = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, f[i].mode);
		/* Writing starts for all before any is waited for. */
		if (fds[i] < 0 || fchmod(fds[i], f[i].mode) < 0 || write_all(fds[i], f[i].p, f[i].n) < 0)
			return err_errno(reterr, "write %s/%s", path, tmp);
		sync_file_range(fds[i], 0, 0, SYNC_FILE_RANGE_WRITE);
	}
	for (size_t i = 0; i < count; i++)
		if (fsync(fds[i]) < 0)
			return err_errno(reterr, "write %s/%s", path, f[i].name);
	for (size_t i = 0; i < count; i++) {
		sibling(tmp, &f[i]);
		if (renameat(dir, tmp, dir, f[i].name) < 0)
			return err_errno(reterr, "rename %s/%s", path, tmp);
	}
	return fsync(dir) < 0 ? err_errno(reterr, "sync %s", path) : 0;
}

int file_replace_all(const char *path, const struct file_content *f, size_t count, struct err *reterr)
{
	int *fds = calloc(count + 1, sizeof(*fds)), dir, r;

	if (!fds)
		return err_set(reterr, ERR_NOMEM, "write to %s: out of memory", path);
	for (size_t i = 0; i < count; i++)
		fds[i] = -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = dir < 0 ? err_errno(reterr, "open %s", path) : replace_all_in(dir, path, f, count, fds, reterr);
	for (size_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (dir >= 0)
		close(dir);
	free(fds);
	return r;
}

int file_mkdirs(const char *path, mode_t mode, struct err *reterr)
{
	char *copy = strdup(path), *s = copy;
	int r = 0;

	if (!copy)
		return err_set(reterr, ERR_NOMEM, "mkdir %s: out of memory", path);
	while (r == 0 && s) {
		struct stat st;

		s = strchr(s + 1, '/');
		if (s)
			*s = 0;
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			r = err_errno(reterr, "mkdir %s", copy);
		else if (stat(copy, &st) < 0)
			r = err_errno(reterr, "stat %s", copy);
		else if (!S_ISDIR(st.st_mode))
			r = err_set(reterr, ERR_IO, "mkdir %s: a file is in the way", copy);
		if (s)
			*s = '/';
	}
	free(copy);
	return r;
}

struct removal {
	const char *path;    /* for messages */
	int root;
	uint64_t mount;
	unsigned moved;      /* directories moved up so far */
	struct err *reterr;
};

/* Takes over fd. Deletes what is in it; the caller removes it itself. */
static int empty_dir(struct removal *r, int fd, int depth)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;
	int ret = 0;

	if (!d) {
		close(fd);
		return err_errno(r->reterr, "open directory in %s", r->path);
	}
	while (ret == 0 && (errno = 0, e = readdir(d))) {
		struct statx stx;
		int sub;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM) {
			ret = err_errno(r->reterr, "remove %s in %s", e->d_name, r->path);
			break;
		}
		/* Somebody else may remove the same: what is gone is gone. */
		if (unlinkat(fd, e->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			continue;
		if (errno != ENOTEMPTY && errno != EEXIST) {
			ret = err_errno(r->reterr, "remove %s in %s", e->d_name, r->path);
			break;
		}
		if (depth >= DEPTH_MAX) {
			char name[64], salt[9];

			text_random_name(salt, 8);
			snprintf(name, sizeof(name), ".removing-%s-%u", salt, r->moved++);
			if (renameat(fd, e->d_name, r->root, name) < 0)
				ret = err_errno(r->reterr, "move %s in %s", e->d_name, r->path);
			continue;
		}
		sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0 && errno == ENOENT)
			continue;
		if (sub < 0) {
			ret = err_errno(r->reterr, "open %s in %s", e->d_name, r->path);
			break;
		}
		if (statx(sub, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0 ||
		    stx.stx_mnt_id != r->mount) {
			close(sub);
			ret = err_set(r->reterr, ERR_IO, "%s in %s is a mount point; unmount it first",
				e->d_name, r->path);
			break;
		}
		ret = empty_dir(r, sub, depth + 1);
		if (ret == 0 && unlinkat(fd, e->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			ret = err_errno(r->reterr, "remove %s in %s", e->d_name, r->path);
	}
	if (ret == 0 && errno)
		ret = err_errno(r->reterr, "read directory in %s", r->path);
	closedir(d);
	return ret;
}

int file_remove_tree(const char *path, struct err *reterr)
{
	struct removal r = { .path = path, .reterr = reterr };
	struct statx stx;
	int ret = 0;

	if (unlink(path) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_errno(reterr, "remove %s", path);
	r.root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r.root < 0)
		return err_errno(reterr, "open %s", path);
	if (statx(r.root, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0)
		ret = err_errno(reterr, "stat %s", path);
	else if (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		ret = err_set(reterr, ERR_IO, "%s is a mount point; unmount it first", path);
	r.mount = ret == 0 ? stx.stx_mnt_id : 0;
	do {
		int fd;

		r.moved = 0;
		if (ret == 0 && (fd = openat(r.root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
			ret = err_errno(reterr, "open %s", path);
		if (ret == 0)
			ret = empty_dir(&r, fd, 0);
	} while (ret == 0 && r.moved);
	close(r.root);
	if (ret == 0 && rmdir(path) < 0 && errno != ENOENT)
		ret = err_errno(reterr, "remove %s", path);
	return ret;
}

bool file_exists(const char *path) { return access(path, F_OK) == 0; }
