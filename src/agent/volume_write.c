/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume_write - a directory of files that change all at once for who reads it.
 *
 *   dir/..2026_x/a        the files of one generation
 *   dir/..data -> ..2026_x    renamed over: the switch
 *   dir/a -> ..data/a
 *
 * Source: the layout of upstream's atomic writer, which programs in pods know (..data).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent_priv.h"
#include "base/env.h"
#include "base/file.h"
#include "base/text.h"

#define PAYLOAD_FILES_MAX 4096

void payload_finish(struct payload *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].path);
		free(p->v[i].data);
	}
	free(p->v);
	*p = (struct payload){ 0 };
}

static bool path_ok(const char *path)
{
	if (!*path || *path == '/' || strlen(path) > 1000)
		return false;
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");

		if (!n || (n == 1 && p[0] == '.') || (n >= 2 && !memcmp(p, "..", 2)))
			return false;
		p += n + (p[n] == '/');
	}
	return true;
}

/* A path given twice: the later wins. */
int payload_add(struct payload *p, const char *path, const void *data, size_t len, int mode)
{
	struct payload_file *f = NULL;

	if (!path_ok(path))
		return -ERR_BAD_REQUEST;
	for (size_t i = 0; i < p->n && !f; i++)
		if (!strcmp(p->v[i].path, path))
			f = &p->v[i];
	if (f) {
		free(f->path);
		free(f->data);
	} else {
		if (p->n == PAYLOAD_FILES_MAX)
			return -ERR_SIZE;
		if (p->n == p->cap) {
			size_t cap = p->cap ? p->cap * 2 : 8;
			struct payload_file *v = realloc(p->v, cap * sizeof(*v));

			if (!v)
				return -ERR_NOMEM;
			p->v = v;
			p->cap = cap;
		}
		f = &p->v[p->n++];
	}
	f->path = strdup(path);
	f->data = malloc(len + 1);
	f->len = len;
	f->mode = mode;
	if (!f->path || !f->data) {
		free(f->path);
		free(f->data);
		*f = p->v[--p->n];
		return -ERR_NOMEM;
	}
	if (len)
		memcpy(f->data, data, len);
	return 0;
}

static void payload_hash(const struct payload *p, int64_t fs_group, uint8_t out[32])
{
	BUF_AUTO struct buf b = { 0 };

	buf_printf(&b, "%lld;", (long long)fs_group);
	for (size_t i = 0; i < p->n; i++) {
		buf_printf(&b, "%zu:%s:%o:%zu:", strlen(p->v[i].path), p->v[i].path, (unsigned)p->v[i].mode, p->v[i].len);
		buf_add(&b, p->v[i].data, p->v[i].len);
	}
	text_sha256(out, b.p, b.len);
}

static int write_one(const char *dir, const struct payload_file *f, int64_t fs_group, struct err *reterr)
{
	char path[PATH_MAX];
	int fd, rc = 0;

	if (snprintf(path, sizeof(path), "%s/%s", dir, f->path) >= (int)sizeof(path))
		return err_set(reterr, ERR_SIZE, "%s: path too long", f->path);
	for (char *p = path + strlen(dir) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = 0;
		if (mkdir(path, 0755) && errno != EEXIST)
			return err_errno(reterr, "mkdir %s", path);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(reterr, "create %s", path);
	if (write(fd, f->data, f->len) != (ssize_t)f->len ||
	    (fs_group >= 0 && fchown(fd, (uid_t)-1, (gid_t)fs_group)) ||
	    fchmod(fd, (mode_t)f->mode | (fs_group >= 0 ? 0440 : 0)))
		rc = err_errno(reterr, "write %s", path);
	close(fd);
	return rc;
}

/* dir/<first component> -> ..data/<first component> for each file; other entries go. */
static int set_links(const char *dir, const struct payload *p, const char *generation, struct err *reterr)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct dirent *e;
	DIR *d;

	for (size_t i = 0; i < p->n; i++) {
		int n = (int)strcspn(p->v[i].path, "/");

		snprintf(path, sizeof(path), "%s/%.*s", dir, n, p->v[i].path);
		snprintf(target, sizeof(target), "..data/%.*s", n, p->v[i].path);
		if (symlink(target, path) && errno != EEXIST)
			return err_errno(reterr, "link %s", path);
	}
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		size_t n = strlen(e->d_name);
		bool keep = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !strcmp(e->d_name, "..data") ||
			!strcmp(e->d_name, generation);

		for (size_t i = 0; i < p->n && !keep; i++)
			keep = !strncmp(p->v[i].path, e->d_name, n) && (!p->v[i].path[n] || p->v[i].path[n] == '/');
		if (keep)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		file_remove_tree(path, NULL);
	}
	if (d)
		closedir(d);
	return 0;
}

int payload_write(const char *dir, const struct payload *p, int64_t fs_group, uint8_t hash[32], struct err *reterr)
{
	char generation[80], path[PATH_MAX], link[PATH_MAX], stamp[TEXT_TIME_MAX];
	uint8_t now[32];
	uint32_t salt;
	int rc = 0;

	payload_hash(p, fs_group, now);
	if (!memcmp(now, hash, 32))
		return 0;
	text_time(stamp, env_wall_us());
	env_random(&salt, sizeof(salt));
	snprintf(generation, sizeof(generation), "..%s.%08x", stamp, salt);
	snprintf(path, sizeof(path), "%s/%s", dir, generation);
	if (mkdir(path, 0755) || chmod(path, fs_group >= 0 ? 02775 : 0755) ||
	    (fs_group >= 0 && chown(path, (uid_t)-1, (gid_t)fs_group)))
		return err_errno(reterr, "mkdir %s", path);
	for (size_t i = 0; i < p->n && !rc; i++)
		rc = write_one(path, &p->v[i], fs_group, reterr);
	if (!rc) {
		char tmp[PATH_MAX];

		snprintf(tmp, sizeof(tmp), "%s/..data_tmp", dir);
		snprintf(link, sizeof(link), "%s/..data", dir);
		unlink(tmp);
		if (symlink(generation, tmp) || rename(tmp, link))
			rc = err_errno(reterr, "link %s", link);
	}
	if (rc) {
		file_remove_tree(path, NULL);
		return rc;
	}
	rc = set_links(dir, p, generation, reterr);
	if (!rc)
		memcpy(hash, now, 32);
	return rc;
}
