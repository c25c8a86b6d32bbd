/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_mount - a container's root: the image's layers below, a directory of its own
 * above, put together by overlayfs.
 *
 * The kernel takes one page of mount options; layers are named by links "0", "1", ..
 * in the mount's own directory, which the mounting thread makes its working directory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "agent/image_priv.h"
#include "base/file.h"
#define LOG_MODULE "image"
#include "base/log.h"

#define CONTAINER_ID_MAX 64u

struct mount_job {
	struct images *m;
	char *dir, *rootfs, *id;               /* mounts/<container>, its rootfs, the image */
	char (*chains)[IMAGE_DIGEST_MAX]; unsigned chain_count;
	int rc;
	struct err err;
	image_mount_fn *done;
	void *arg;
	struct mount_job *next;                /* also waiting for an unmount */
};

struct unmount_job {
	struct list link;                      /* in images.unmounts */
	struct images *m;
	char *dir;
	struct mount_job *then;                /* of the same container: not before this is done */
	int rc;
	void (*done)(void *arg, int rc);
	void *arg;
};

static bool container_id_ok(const char *s)
{
	size_t n = strlen(s);

	return n >= 1 && n <= CONTAINER_ID_MAX && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static bool is_overlay(const char *path)
{
	struct statfs st;

	return !statfs(path, &st) && st.f_type == OVERLAYFS_SUPER_MAGIC;
}

static void free_mount(struct mount_job *j)
{
	free(j->dir);
	free(j->rootfs);
	free(j->id);
	free(j->chains);
	free(j);
}

static int make_dir(const char *dir, const char *name, mode_t mode, struct err *reterr)
{
	BUF_AUTO struct buf path = { 0 };

	buf_printf(&path, "%s/%s", dir, name);
	if (path.failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	return mkdir(path.p, mode) && errno != EEXIST ? err_errno(reterr, "%s", path.p) : 0;
}

/* The root directory itself looks as the topmost layer has it. */
static int copy_root_mode(const struct mount_job *j, struct err *reterr)
{
	BUF_AUTO struct buf top = { 0 }, upper = { 0 };
	struct stat st;

	if (!j->chain_count)
		return 0;
	image_layer_path(&top, j->m->dir, j->chains[j->chain_count - 1], "fs");
	buf_printf(&upper, "%s/upper", j->dir);
	if (top.failed || upper.failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	if (stat(top.p, &st) || chown(upper.p, st.st_uid, st.st_gid) || chmod(upper.p, st.st_mode & 07777))
		return err_errno(reterr, "%s", top.p);
	return 0;
}

static int link_layers(const struct mount_job *j, struct buf *options, struct err *reterr)
{
	BUF_AUTO struct buf from = { 0 }, to = { 0 };

	buf_adds(options, "lowerdir=");
	for (unsigned i = j->chain_count; i-- > 0;) {
		buf_clear(&from);
		buf_clear(&to);
		image_layer_path(&from, "../../..", j->chains[i], "fs");
		buf_printf(&to, "%s/l/%u", j->dir, i);
		if (from.failed || to.failed)
			return err_set(reterr, ERR_NOMEM, "out of memory");
		if (symlink(from.p, to.p) && errno != EEXIST)
			return err_errno(reterr, "%s", to.p);
		buf_printf(options, "%u%s", i, i ? ":" : "");
	}
	if (!j->chain_count) {                         /* an image of nothing */
		buf_printf(&to, "%s/l/0", j->dir);
		if (to.failed || (mkdir(to.p, 0755) && errno != EEXIST))
			return err_errno(reterr, "%s/l/0", j->dir);
		buf_addc(options, '0');
	}
	buf_adds(options, ",upperdir=../upper,workdir=../work");
	return options->failed ? err_set(reterr, ERR_NOMEM, "out of memory") : 0;
}

static void touch_config(const struct mount_job *j)
{
	char *path = image_path(j->m, "blobs/sha256/%s", j->id + 7);

	if (path)
		utimensat(AT_FDCWD, path, NULL, 0);
	free(path);
}

static int mount_overlay(struct mount_job *j, struct err *reterr)
{
	static _Thread_local bool own_cwd;
	BUF_AUTO struct buf options = { 0 }, cwd = { 0 }, image = { 0 };
	int rc;

	/* First of all who it belongs to: from here on the image is not removed. */
	buf_printf(&image, "%s/image", j->dir);
	if (image.failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	if (mkdir(j->dir, 0700) && errno != EEXIST)
		return err_errno(reterr, "%s", j->dir);
	if ((rc = file_replace(image.p, j->id, strlen(j->id), 0600, reterr)) ||
	    (rc = make_dir(j->dir, "upper", 0755, reterr)) || (rc = make_dir(j->dir, "work", 0700, reterr)) ||
	    (rc = make_dir(j->dir, "rootfs", 0755, reterr)) || (rc = make_dir(j->dir, "l", 0700, reterr)) ||
	    (rc = copy_root_mode(j, reterr)) || (rc = link_layers(j, &options, reterr)))
		return rc;
	buf_printf(&cwd, "%s/l", j->dir);
	if (cwd.failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	if (!own_cwd && unshare(CLONE_FS))
		return err_errno(reterr, "a working directory for the mounting thread");
	own_cwd = true;
	if (chdir(cwd.p))
		return err_errno(reterr, "%s", cwd.p);
	if (mount("overlay", "../rootfs", "overlay", MS_NODEV, options.p))
		rc = err_errno(reterr, "mounting the image's %u layers", j->chain_count);
	if (chdir("/"))
		return err_errno(reterr, "/");
	return rc;
}

static void mount_run(void *arg)
{
	struct mount_job *j = arg;

	j->rc = is_overlay(j->rootfs) ? 0 : mount_overlay(j, &j->err);
	if (!j->rc)
		touch_config(j);
}

static void mount_done(void *arg)
{
	struct mount_job *j = arg;

	j->done(j->arg, j->rc, j->rc ? NULL : j->rootfs, j->rc ? j->err.msg : "");
	free_mount(j);
}

int image_mount(struct images *m, const char *image_id, const char *container_id, image_mount_fn *done, void *arg)
{
	const struct image_entry *e;
	struct unmount_job *before = NULL;
	struct mount_job *j;

	if (!container_id_ok(container_id))
		return -ERR_BAD_REQUEST;
	image_index_refresh(m);
	e = image_index_find(&m->index, image_id);
	if (!e)
		return -ERR_NOT_FOUND;
	j = calloc(1, sizeof(*j));
	if (!j)
		return -ERR_NOMEM;
	j->m = m;
	j->done = done;
	j->arg = arg;
	j->id = strdup(e->id);
	j->dir = image_path(m, "mounts/%s", container_id);
	j->rootfs = image_path(m, "mounts/%s/rootfs", container_id);
	j->chains = calloc(e->chain_count + 1, sizeof(*j->chains));
	if (!j->id || !j->dir || !j->rootfs || !j->chains) {
		free_mount(j);
		return -ERR_NOMEM;
	}
	memcpy(j->chains, e->chains, e->chain_count * sizeof(*j->chains));
	j->chain_count = e->chain_count;
	/* The last unmount of it under way: on another thread the two would meet. */
	list_each(&m->unmounts, it) {
		struct unmount_job *u = list_entry(it, struct unmount_job, link);

		if (!strcmp(u->dir, j->dir))
			before = u;
	}
	if (before) {
		j->next = before->then;
		before->then = j;
	} else if (workers_submit(m->disk, mount_run, mount_done, j)) {
		free_mount(j);
		return -ERR_FULL;
	}
	return 0;
}

/* ---- unmounting ---- */

static void unmount_run(void *arg)
{
	struct unmount_job *j = arg;
	BUF_AUTO struct buf rootfs = { 0 };
	struct err e;

	buf_printf(&rootfs, "%s/rootfs", j->dir);
	if (rootfs.failed) {
		j->rc = -ERR_NOMEM;
		return;
	}
	while (!umount2(rootfs.p, MNT_DETACH | UMOUNT_NOFOLLOW))
		;
	j->rc = file_remove_tree(j->dir, &e);
	if (j->rc)
		log_warn("%s", e.msg);
}

static void unmount_done(void *arg)
{
	struct unmount_job *j = arg;
	struct mount_job *waiting = j->then;
	struct images *m = j->m;

	list_del(&j->link);
	if (j->done)
		j->done(j->arg, j->rc);
	free(j->dir);
	free(j);
	while (waiting) {
		struct mount_job *w = waiting;

		waiting = w->next;
		if (!m->closing && !workers_submit(m->disk, mount_run, mount_done, w))
			continue;
		w->rc = err_set(&w->err, m->closing ? ERR_CANCELED : ERR_FULL, "too much is under way");
		mount_done(w);
	}
}

int image_unmount(struct images *m, const char *container_id, void (*done)(void *arg, int rc), void *arg)
{
	struct unmount_job *j;

	if (!container_id_ok(container_id))
		return -ERR_BAD_REQUEST;
	j = calloc(1, sizeof(*j));
	if (!j || !(j->dir = image_path(m, "mounts/%s", container_id))) {
		free(j);
		return -ERR_NOMEM;
	}
	j->m = m;
	j->done = done;
	j->arg = arg;
	list_add_tail(&m->unmounts, &j->link);
	if (workers_submit(m->disk, unmount_run, unmount_done, j)) {
		list_del(&j->link);
		free(j->dir);
		free(j);
		return -ERR_FULL;
	}
	return 0;
}

void image_mounts_keep(struct images *m, const char *const *container_ids)
{
	char *path = image_path(m, "mounts");
	DIR *d = path ? opendir(path) : NULL;
	struct dirent *e;

	while (d && (e = readdir(d))) {
		size_t i = 0;

		if (e->d_name[0] == '.')
			continue;
		while (container_ids[i] && strcmp(container_ids[i], e->d_name))
			i++;
		if (!container_ids[i])
			image_unmount(m, e->d_name, NULL, NULL);
	}
	if (d)
		closedir(d);
	free(path);
}

/* ---- what a container wrote ---- */

struct usage_job {
	char *dir;
	uint64_t bytes, files;
	int rc;
	void (*done)(void *, int, uint64_t, uint64_t);
	void *arg;
};

static void usage_run(void *arg)
{
	struct usage_job *j = arg;
	char *paths[] = { j->dir, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	FTSENT *e;

	j->rc = fts ? -ERR_NOT_FOUND : -ERR_IO;
	while (fts && (e = fts_read(fts))) {
		if (e->fts_info == FTS_DP || e->fts_info == FTS_NS || e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
			continue;
		j->rc = 0;
		j->files++;
		j->bytes += (uint64_t)e->fts_statp->st_blocks * 512;
	}
	if (fts)
		fts_close(fts);
}

static void usage_done(void *arg)
{
	struct usage_job *j = arg;

	j->done(j->arg, j->rc, j->bytes, j->files);
	free(j->dir);
	free(j);
}

int image_usage(struct images *m, const char *container_id, void (*done)(void *, int, uint64_t, uint64_t), void *arg)
{
	struct usage_job *j;

	if (!container_id_ok(container_id))
		return -ERR_BAD_REQUEST;
	j = calloc(1, sizeof(*j));
	if (!j || !(j->dir = image_path(m, "mounts/%s/upper", container_id))) {
		free(j);
		return -ERR_NOMEM;
	}
	j->done = done;
	j->arg = arg;
	if (workers_submit(m->disk, usage_run, usage_done, j)) {
		free(j->dir);
		free(j);
		return -ERR_FULL;
	}
	return 0;
}
