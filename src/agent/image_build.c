/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_build - an image put together from its config and its layers. Each layer:
 *
 *   WAIT --somebody has it--> HAVE
 *        --a file is given--> DOWNLOADED
 *        --a place is free--> DOWNLOADING --> DOWNLOADED --> UNPACKING --> UNPACKED
 *
 * A layer that another build makes stays in WAIT until that one ends. With all
 * layers HAVE or UNPACKED a worker moves them into their places and writes the
 * image into the index.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/image_priv.h"
#include "base/file.h"
#include "base/text.h"
#define LOG_MODULE "image"
#include "base/log.h"

static void pump_soon(struct images *m);

int image_build_prepare(struct image_build *b, struct err *reterr)
{
	uint8_t sum[32];
	char hex[65];
	int rc = image_layers_parse(&b->ids, b->config.p, b->config.len, b->m->arch, b->m->limits.layers, reterr);

	if (rc)
		return rc;
	text_sha256(sum, b->config.p, b->config.len);
	text_hex(hex, sum, 32);
	snprintf(b->id, sizeof(b->id), "sha256:%s", hex);
	b->layers = calloc(b->ids.count + 1, sizeof(*b->layers));
	if (!b->layers)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < b->ids.count; i++)
		b->layers[i].b = b;
	return 0;
}

/* ---- removing what is not needed, in the background ---- */

static void remove_run(void *arg)
{
	struct err e;

	if (file_remove_tree(arg, &e))
		log_warn("%s", e.msg);
}

static void remove_later(struct images *m, char **path)
{
	if (*path && workers_submit(m->disk, remove_run, free, *path))
		free(*path);                           /* found at the next start */
	*path = NULL;
}

static void clear_layer(struct image_build_layer *l)
{
	struct images *m = l->b->m;

	if (l->fetch) {
		image_fetch_cancel(l->fetch);
		m->downloads--;
	}
	if (l->unpack) {
		layer_cancel(l->unpack);
		m->unpacks--;
	}
	l->fetch = NULL;
	l->unpack = NULL;
	if (l->file_ours)
		remove_later(m, &l->file);
	else
		free(l->file);
	l->file = NULL;
	remove_later(m, &l->tmp);
	buf_finish(&l->result.opaque);
	buf_finish(&l->result.implied);
}

static void unclaim(struct image_build *b)
{
	for (unsigned i = 0; b->layers && i < b->ids.count; i++)
		if (map_get(&b->m->making, b->ids.chain_ids[i]) == &b->layers[i])
			map_del(&b->m->making, b->ids.chain_ids[i]);
}

void image_build_finish(struct image_build *b)
{
	if (b->started)
		list_del(&b->link);
	b->started = false;
	unclaim(b);
	for (unsigned i = 0; b->layers && i < b->ids.count; i++)
		clear_layer(&b->layers[i]);
	free(b->layers);
	image_layers_finish(&b->ids);
	buf_finish(&b->config);
	for (char **n = b->names; n && *n; n++)
		free(*n);
	for (char **n = b->digests; n && *n; n++)
		free(*n);
	free(b->names);
	free(b->digests);
	b->layers = NULL;
	b->names = b->digests = NULL;
}

static void end(struct image_build *b, int rc, const char *message)
{
	struct images *m = b->m;

	if (b->started)
		list_del(&b->link);
	b->started = false;
	unclaim(b);
	for (unsigned i = 0; i < b->ids.count; i++)
		clear_layer(&b->layers[i]);
	pump_soon(m);                                  /* others may wait for what we made, or for our places */
	b->done(b->arg, rc, message);
}

/* ---- the last step, on a worker ---- */

static int open_below(int dir, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)flags | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS };

	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

/* A directory that the layer has files in without describing it keeps what it was below. */
static void inherit(int fs, const char *path, const int *below, unsigned count)
{
	int fd = open_below(fs, path, O_RDONLY), from;
	struct stat st;

	for (unsigned i = count; fd >= 0 && i-- > 0;) {
		from = open_below(below[i], path, O_PATH);
		if (from < 0)
			continue;
		if (!fstat(from, &st)) {
			struct timespec ts[2] = { st.st_mtim, st.st_mtim };

			if (fchown(fd, st.st_uid, st.st_gid) || fchmod(fd, st.st_mode & 07777) || futimens(fd, ts))
				log_warn("layer: %s keeps its default mode: %s", path, strerror(errno));
		}
		close(from);
		break;
	}
	if (fd >= 0)
		close(fd);
}

static int hide_below(int fs, const char *path, struct err *reterr)
{
	int fd = open_below(fs, *path ? path : ".", O_RDONLY), rc = 0;

	if (fd < 0 || fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0))
		rc = err_errno(reterr, "hiding the lower layers' \"%s\"", path);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Not synced by itself: the whole file system is, before the index names the layer. */
static int write_size(const char *dir, uint64_t bytes, struct err *reterr)
{
	BUF_AUTO struct buf path = { 0 };
	int fd, n;

	buf_printf(&path, "%s/size", dir);
	fd = path.failed ? -1 : open(path.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(reterr, "%s/size", dir);
	n = dprintf(fd, "%llu\n", (unsigned long long)bytes);
	close(fd);
	return n < 0 ? err_errno(reterr, "%s/size", dir) : 0;
}

static int place_layer(struct image_build *b, unsigned i, int *fds, struct err *reterr)
{
	struct image_build_layer *l = &b->layers[i];
	BUF_AUTO struct buf place = { 0 }, fs = { 0 };
	int rc = 0, fd;

	image_layer_path(&place, b->m->dir, b->ids.chain_ids[i], NULL);
	if (l->state == BUILD_UNPACKED) {
		buf_printf(&fs, "%s/fs", l->tmp);
		fd = fs.failed ? -1 : open(fs.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return err_errno(reterr, "%s", l->tmp);
		for (const char *p = l->result.opaque.p; !rc && p && p < l->result.opaque.p + l->result.opaque.len;
		     p += strlen(p) + 1)
			rc = hide_below(fd, p, reterr);
		for (const char *p = l->result.implied.p; p && p < l->result.implied.p + l->result.implied.len;
		     p += strlen(p) + 1)
			inherit(fd, p, fds, i);
		close(fd);
		if (!rc)
			rc = write_size(l->tmp, l->result.bytes, reterr);
		if (!rc && rename(l->tmp, place.p) && errno != EEXIST && errno != ENOTEMPTY)
			rc = err_errno(reterr, "%s", place.p);
		if (rc)
			return rc;
	}
	buf_adds(&place, "/fs");
	fds[i] = place.failed ? -1 : open(place.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fds[i] < 0 ? err_set(reterr, ERR_AGAIN, "layer %s was removed meanwhile", b->ids.chain_ids[i]) : 0;
}

static int write_config(const struct image_build *b, struct err *reterr)
{
	BUF_AUTO struct buf path = { 0 };

	buf_printf(&path, "%s/blobs/sha256/%s", b->m->dir, b->id + 7);
	return path.failed ? err_set(reterr, ERR_NOMEM, "out of memory") :
		file_replace(path.p, b->config.p, b->config.len, 0600, reterr);
}

static int commit(struct image_index *x, void *arg, struct err *reterr)
{
	struct image_build *b = arg;
	struct image_entry *e = image_index_add(x, b->id);
	bool ok = e;

	if (e && !e->chains) {
		e->chains = calloc(b->ids.count + 1, sizeof(*e->chains));
		ok = e->chains;
		e->size_bytes = b->config.len;
	}
	for (unsigned i = 0; ok && !e->chain_count && i < b->ids.count; i++) {
		BUF_AUTO struct buf path = { 0 }, text = { 0 };

		/* Under the lock: nobody removes it from here on. */
		image_layer_path(&path, b->m->dir, b->ids.chain_ids[i], "size");
		if (path.failed || file_read(path.p, 64, &text, NULL))
			return err_set(reterr, ERR_AGAIN, "layer %s was removed meanwhile", b->ids.chain_ids[i]);
		e->size_bytes += strtoull(text.p, NULL, 10);
		strcpy(e->chains[i], b->ids.chain_ids[i]);
	}
	if (ok)
		e->chain_count = b->ids.count;
	for (char **n = b->names; ok && n && *n; n++) {
		for (unsigned i = 0; i < x->count; i++)
			if (&x->entries[i] != e)
				image_entry_drop(x->entries[i].names, *n);
		ok = image_entry_add(&e->names, *n);
	}
	for (char **n = b->digests; ok && n && *n; n++)
		ok = image_entry_add(&e->digests, *n);
	return ok ? 0 : err_set(reterr, ERR_NOMEM, "out of memory");
}

static void finish_run(void *arg)
{
	struct image_build *b = arg;
	int *fds = calloc(b->ids.count + 1, sizeof(*fds));
	unsigned n = 0;

	b->rc = fds ? 0 : err_set(&b->err, ERR_NOMEM, "out of memory");
	for (; !b->rc && n < b->ids.count; n++)
		if ((b->rc = place_layer(b, n, fds, &b->err)))
			break;
	/* What the index names must survive a power loss. */
	if (!b->rc && n && syncfs(fds[n - 1]))
		b->rc = err_errno(&b->err, "writing the layers");
	while (n)
		close(fds[--n]);
	free(fds);
	if (!b->rc)
		b->rc = write_config(b, &b->err);
	if (!b->rc)
		b->rc = image_index_update(b->m->dir, commit, b, &b->err);
}

static void finish_done(void *arg)
{
	struct image_build *b = arg;

	b->finishing = false;
	if (b->canceled) {
		void *owner = b->arg;
		void (*released)(void *) = b->released;

		image_build_finish(b);
		released(owner);
		return;
	}
	image_index_refresh(b->m);
	end(b, b->rc, b->rc ? b->err.msg : "");
}

/* ---- the steps before ---- */

static void on_progress(void *arg, uint64_t bytes)
{
	struct image_build_layer *l = arg;

	l->b->bytes += bytes;
	l->b->progress(l->b->arg);
}

static void on_fetched(void *arg, int rc, const char *message)
{
	struct image_build_layer *l = arg;

	l->fetch = NULL;
	l->b->m->downloads--;
	if (rc) {
		end(l->b, rc, message);
		return;
	}
	l->state = BUILD_DOWNLOADED;
	image_build_pump(l->b->m);
}

static void on_unpacked(void *arg, struct layer_result *r)
{
	struct image_build_layer *l = arg;
	struct image_build *b = l->b;
	unsigned i = (unsigned)(l - b->layers);
	char text[800];

	l->unpack = NULL;
	b->m->unpacks--;
	if (r->rc) {
		snprintf(text, sizeof(text), "layer %u: %s", i + 1, r->message);
		end(b, r->rc, text);
		return;
	}
	if (strcmp(r->diff_id, b->ids.diff_ids[i])) {
		snprintf(text, sizeof(text), "layer %u unpacked has the digest %s; the image's config says %s", i + 1, r->diff_id,
			b->ids.diff_ids[i]);
		end(b, -ERR_CORRUPT, text);
		return;
	}
	l->result = *r;
	r->opaque = r->implied = (struct buf){ 0 };
	l->state = BUILD_UNPACKED;
	if (l->file_ours)
		remove_later(b->m, &l->file);
	b->layers_done++;
	b->progress(b->arg);
	image_build_pump(b->m);
}

static bool there(const struct image_build *b, unsigned i)
{
	BUF_AUTO struct buf path = { 0 };

	image_layer_path(&path, b->m->dir, b->ids.chain_ids[i], "size");
	return !path.failed && file_exists(path.p);
}

static int download(struct image_build_layer *l)
{
	struct image_build *b = l->b;
	struct image_fetch_request q = { .name = &b->name, .digest = l->digest, .username = b->username,
		.password = b->password, .size_bytes = l->size_bytes, .progress = on_progress, .done = on_fetched, .arg = l };
	int rc;

	l->file = image_tmp(b->m);
	l->file_ours = true;
	if (!l->file)
		return -ERR_NOMEM;
	q.path = l->file;
	rc = image_fetch_start(&l->fetch, b->m, &q);
	if (!rc) {
		b->m->downloads++;
		b->fetched = true;
		l->state = BUILD_DOWNLOADING;
	}
	return rc;
}

static int unpack(struct image_build_layer *l, struct err *reterr)
{
	struct images *m = l->b->m;
	struct layer_limits limits = { m->limits.unpacked_bytes, m->limits.entries, m->limits.depth };
	BUF_AUTO struct buf fs = { 0 };
	int fd, rc;

	l->tmp = image_tmp(m);
	if (!l->tmp)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	buf_printf(&fs, "%s/fs", l->tmp);
	/* Two directories: not worth a worker. */
	if (fs.failed || mkdir(l->tmp, 0700) || mkdir(fs.p, 0755))
		return err_errno(reterr, "%s", l->tmp);
	fd = open(l->file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(reterr, "%s", l->file);
	rc = layer_unpack(&l->unpack, m->loop, fd, fs.p, LAYER_ROOTFS, &limits, on_unpacked, l, reterr);
	close(fd);
	if (!rc) {
		m->unpacks++;
		l->state = BUILD_UNPACKING;
	}
	return rc;
}

/* One layer as far as it gets now. */
static int advance(struct image_build *b, unsigned i, struct err *reterr)
{
	struct image_build_layer *l = &b->layers[i], *maker;
	struct images *m = b->m;

	if (l->state == BUILD_WAIT) {
		maker = map_get(&m->making, b->ids.chain_ids[i]);
		if (maker && maker != l)
			return 0;
		if (!maker && there(b, i)) {
			l->state = BUILD_HAVE;
			b->layers_done++;
			if (b->total_bytes >= l->size_bytes)
				b->total_bytes -= l->size_bytes;
			return 0;
		}
		if (!maker && map_put(&m->making, b->ids.chain_ids[i], l, NULL))
			return err_set(reterr, ERR_NOMEM, "out of memory");
		if (l->file) {
			l->state = BUILD_DOWNLOADED;
		} else if (m->downloads < m->limits.downloads) {
			if (l->size_bytes > m->limits.layer_bytes)
				return err_set(reterr, ERR_SIZE, "layer %u has %llu bytes; the limit is %llu", i + 1,
					(unsigned long long)l->size_bytes, (unsigned long long)m->limits.layer_bytes);
			if (download(l))
				return err_set(reterr, ERR_IO, "cannot begin to fetch layer %u", i + 1);
		}
	}
	if (l->state == BUILD_DOWNLOADED && m->unpacks < m->limits.unpacks)
		return unpack(l, reterr);
	return 0;
}

static void pump_build(struct image_build *b)
{
	bool all = true;
	struct err e;
	int rc = 0;

	if (b->finishing)
		return;
	for (unsigned i = 0; i < b->ids.count && !rc; i++) {
		rc = advance(b, i, &e);
		all &= b->layers[i].state == BUILD_UNPACKED || b->layers[i].state == BUILD_HAVE;
	}
	if (rc) {
		end(b, rc, e.msg);
		return;
	}
	if (!all)
		return;
	b->finishing = true;
	if (workers_submit(b->m->disk, finish_run, finish_done, b)) {
		b->finishing = false;
		end(b, -ERR_FULL, "too much is under way");
	}
}

static void pump(void *arg)
{
	struct images *m = arg;

	if (m->closing)
		return;
	list_each(&m->builds, it)
		pump_build(list_entry(it, struct image_build, link));
}

static void pump_soon(struct images *m)
{
	loop_defer(m->loop, &m->pump_task, pump, m);
}

void image_build_pump(struct images *m)
{
	pump_soon(m);
}

void image_build_start(struct image_build *b)
{
	for (unsigned i = 0; i < b->ids.count; i++)
		b->total_bytes += b->layers[i].file ? 0 : b->layers[i].size_bytes;
	b->started = true;
	list_add_tail(&b->m->builds, &b->link);
	pump_soon(b->m);
}

void image_build_cancel(struct image_build *b, void (*released)(void *arg))
{
	void *owner = b->arg;

	if (b->finishing) {
		b->canceled = true;
		b->released = released;
		return;
	}
	image_build_finish(b);
	released(owner);
}
