/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_import - images from an archive: a docker-archive (manifest.json) or an OCI
 * image layout (index.json).
 *
 * The archive is unpacked by the same sandboxed child as layers are; what it made is
 * then read with every path held inside of it. Digests: a config's is the image's id,
 * and it names the layers' own, which are checked when they are unpacked.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/image_priv.h"
#include "base/file.h"
#include "base/text.h"

#define FOUND_MAX    256
#define FILES_MAX    100000
#define PROGRESS_MS  100

struct found {                                 /* one image of the archive */
	struct buf config;
	char **files, **names;
};

struct import {
	struct images *m;
	struct list link;
	char *path, *name, *tmp;
	int fd;
	struct layer *unpack;
	struct found found[FOUND_MAX];
	unsigned count, at;
	struct image_build build;
	bool building, reading, canceled, pulled;
	int rc;
	struct err err;
	image_progress_fn *progress;
	image_pull_fn *done;
	void *arg;
	struct loop_timer told;
	struct loop_task start_task;
};

static void free_strings(char **l)
{
	for (size_t i = 0; l && l[i]; i++)
		free(l[i]);
	free(l);
}

static void remove_run(void *arg)
{
	struct err e;

	file_remove_tree(arg, &e);
}

static void free_import(struct import *p)
{
	layer_cancel(p->unpack);
	loop_timer_stop(&p->told);
	loop_defer_cancel(p->m->loop, &p->start_task);
	list_del(&p->link);
	image_build_finish(&p->build);
	for (unsigned i = 0; i < p->count; i++) {
		buf_finish(&p->found[i].config);
		free_strings(p->found[i].files);
		free_strings(p->found[i].names);
	}
	if (p->fd >= 0)
		close(p->fd);
	if (p->tmp && workers_submit(p->m->disk, remove_run, free, p->tmp))
		free(p->tmp);                          /* found at the next start */
	free(p->path);
	free(p->name);
	free(p);
}

static void end(struct import *p, int rc, const char *message)
{
	image_pull_fn *done = p->done;
	struct images *m = p->m;
	struct image_info info;
	void *arg = p->arg;
	char text[1200], id[IMAGE_DIGEST_MAX];
	bool pulled = p->pulled;

	snprintf(text, sizeof(text), "%s%s%s", rc ? p->path : "", rc ? ": " : "", message);
	snprintf(id, sizeof(id), "%s", p->build.id);
	free_import(p);
	if (!rc && image_find(m, id, &info))
		rc = -ERR_NOT_FOUND;
	done(arg, rc, rc ? NULL : &info, pulled, text);
}

/* ---- reading what was unpacked, on a worker ---- */

static int open_inside(int root, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	struct stat st;
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

static int slurp(int root, const char *path, size_t max, struct buf *out, struct err *reterr)
{
	int fd = open_inside(root, path), rc = 0;
	char chunk[65536];
	ssize_t n;

	if (fd < 0)
		return err_set(reterr, errno == ENOENT ? ERR_NOT_FOUND : ERR_INVALID, "\"%.200s\" in the archive: %s", path,
			strerror(errno));
	buf_clear(out);
	while (!rc && (n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0)
			rc = err_errno(reterr, "\"%.200s\" in the archive", path);
		else if (out->len + (size_t)n > max)
			rc = err_set(reterr, ERR_SIZE, "\"%.200s\" in the archive is larger than %zu bytes", path, max);
		else
			buf_add(out, chunk, (size_t)n);
	}
	close(fd);
	return rc ? rc : out->failed ? err_set(reterr, ERR_NOMEM, "out of memory") : 0;
}

/* Where a file of the archive really lies, links followed inside of it. */
static int add_file(struct found *f, int root, const char *path, struct err *reterr)
{
	char link[64], real[4096];
	int fd = open_inside(root, path);
	ssize_t n;

	if (fd < 0)
		return err_set(reterr, ERR_INVALID, "layer \"%.200s\" in the archive: %s", path, strerror(errno));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, real, sizeof(real) - 1);
	close(fd);
	if (n <= 0)
		return err_errno(reterr, "layer \"%.200s\"", path);
	real[n] = 0;
	/* image_entry_add keeps a string once; one file may be two layers. */
	char **l;
	size_t count = 0;

	while (f->files && f->files[count])
		count++;
	l = realloc(f->files, (count + 2) * sizeof(*l));
	if (!l)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	f->files = l;
	l[count] = strdup(real);
	l[count + 1] = NULL;
	return l[count] ? 0 : err_set(reterr, ERR_NOMEM, "out of memory");
}

static int add_name(struct found *f, const char *ref, struct err *reterr)
{
	BUF_AUTO struct buf full = { 0 };
	int rc = image_normalize(&full, ref, reterr);

	if (!rc && (full.failed || !image_entry_add(&f->names, full.p)))
		rc = err_set(reterr, ERR_NOMEM, "out of memory");
	return rc;
}

static struct found *new_found(struct import *p, struct err *reterr)
{
	if (p->count == FOUND_MAX) {
		err_set(reterr, ERR_SIZE, "the archive has more than %d images", FOUND_MAX);
		return NULL;
	}
	return &p->found[p->count++];
}

static const char *str(yyjson_val *o, const char *key)
{
	const char *s = yyjson_get_str(yyjson_obj_get(o, key));

	return s ? s : "";
}

static int read_docker(struct import *p, int root, yyjson_val *list, struct err *reterr)
{
	yyjson_val *o, *v;
	size_t i, max, k, kmax;
	int rc = 0;

	yyjson_arr_foreach(list, i, max, o) {
		struct found *f = new_found(p, reterr);

		if (!f)
			return -ERR_SIZE;
		if ((rc = slurp(root, str(o, "Config"), IMAGE_CONFIG_MAX, &f->config, reterr)))
			return rc;
		yyjson_arr_foreach(yyjson_obj_get(o, "Layers"), k, kmax, v) {
			if (k >= p->m->limits.layers)
				return err_set(reterr, ERR_SIZE, "more than %u layers", p->m->limits.layers);
			if ((rc = add_file(f, root, yyjson_get_str(v) ? yyjson_get_str(v) : "", reterr)))
				return rc;
		}
		yyjson_arr_foreach(yyjson_obj_get(o, "RepoTags"), k, kmax, v)
			if (yyjson_is_str(v) && k < 256 && (rc = add_name(f, yyjson_get_str(v), reterr)))
				return rc;
	}
	return 0;
}

static void blob_path(struct buf *out, const char *digest)
{
	buf_clear(out);
	buf_printf(out, "blobs/sha256/%s", digest + 7);
}

static int read_manifest(struct import *p, int root, const char *digest, const char *name, int depth, struct err *reterr)
{
	BUF_AUTO struct buf path = { 0 }, text = { 0 };
	struct manifest m = { 0 };
	struct found *f;
	uint8_t sum[32];
	char hex[65];
	int rc;

	blob_path(&path, digest);
	if (path.failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	if ((rc = slurp(root, path.p, IMAGE_MANIFEST_MAX, &text, reterr)))
		return rc;
	text_sha256(sum, text.p ? text.p : "", text.len);
	text_hex(hex, sum, 32);
	if (strcmp(hex, digest + 7))
		return err_set(reterr, ERR_CORRUPT, "the manifest %s is damaged", digest);
	if ((rc = manifest_parse(&m, text.p ? text.p : "", text.len, p->m->arch, p->m->limits.layers, reterr)))
		return rc;
	if (m.is_index) {
		rc = depth ? err_set(reterr, ERR_INVALID, "an index of indexes") :
			read_manifest(p, root, m.chosen, name, depth + 1, reterr);
		manifest_finish(&m);
		return rc;
	}
	f = new_found(p, reterr);
	if (!f) {
		manifest_finish(&m);
		return -ERR_SIZE;
	}
	blob_path(&path, m.config);
	rc = slurp(root, path.p, IMAGE_CONFIG_MAX, &f->config, reterr);
	for (unsigned i = 0; !rc && i < m.layer_count; i++) {
		blob_path(&path, m.layers[i].digest);
		rc = add_file(f, root, path.p, reterr);
	}
	manifest_finish(&m);
	if (!rc && *name && strpbrk(name, "/:"))
		rc = add_name(f, name, reterr);
	return rc;
}

static int read_layout(struct import *p, int root, yyjson_val *index, struct err *reterr)
{
	yyjson_val *o;
	size_t i, max;
	int rc = 0;

	yyjson_arr_foreach(yyjson_obj_get(index, "manifests"), i, max, o) {
		yyjson_val *notes = yyjson_obj_get(o, "annotations");
		const char *name = str(notes, "io.containerd.image.name"), *os = str(yyjson_obj_get(o, "platform"), "os");

		if (!*name)
			name = str(notes, "org.opencontainers.image.ref.name");
		if (!image_digest_ok(str(o, "digest")))
			return err_set(reterr, ERR_INVALID, "index.json is malformed");
		if (*os && strcmp(os, "linux"))
			continue;
		if ((rc = read_manifest(p, root, str(o, "digest"), name, 0, reterr)))
			return rc;
	}
	return 0;
}

static void read_run(void *arg)
{
	struct import *p = arg;
	BUF_AUTO struct buf text = { 0 }, fs = { 0 };
	yyjson_doc *d = NULL;
	int root;

	buf_printf(&fs, "%s/fs", p->tmp);
	root = fs.failed ? -1 : open(fs.p, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		p->rc = err_errno(&p->err, "%s", p->tmp);
		return;
	}
	p->rc = slurp(root, "manifest.json", IMAGE_MANIFEST_MAX, &text, &p->err);
	if (!p->rc) {
		d = yyjson_read(text.p ? text.p : "", text.len, 0);
		p->rc = yyjson_is_arr(yyjson_doc_get_root(d)) ? read_docker(p, root, yyjson_doc_get_root(d), &p->err) :
			err_set(&p->err, ERR_INVALID, "its manifest.json is malformed");
	} else if (p->rc == -ERR_NOT_FOUND) {
		p->rc = slurp(root, "index.json", IMAGE_MANIFEST_MAX, &text, &p->err);
		if (p->rc == -ERR_NOT_FOUND)
			p->rc = err_set(&p->err, ERR_INVALID, "neither a docker-archive (manifest.json) nor an OCI layout (index.json)");
		if (!p->rc) {
			d = yyjson_read(text.p ? text.p : "", text.len, 0);
			p->rc = read_layout(p, root, yyjson_doc_get_root(d), &p->err);
		}
	}
	yyjson_doc_free(d);
	close(root);
	if (!p->rc && !p->count)
		p->rc = err_set(&p->err, ERR_INVALID, "no image for linux/%s in it", p->m->arch);
	if (!p->rc && p->name)
		p->rc = p->count > 1 ? err_set(&p->err, ERR_INVALID, "it has %u images; one name does not do", p->count) :
			add_name(&p->found[0], p->name, &p->err);
}

/* ---- one image after the other ---- */

static void next_image(struct import *p);

static void tell(void *arg)
{
	struct import *p = arg;

	p->m->now = (struct image_progress){ "unpacking", p->build.layers_done, p->build.ids.count, 0, 0 };
	if (p->progress)
		p->progress(p->arg, p->build.layers_done, p->build.ids.count, 0);
}

static void on_progress(void *arg)
{
	struct import *p = arg;

	if (!loop_timer_is_set(&p->told))
		loop_timer_set(&p->told, PROGRESS_MS);
}

static void built(void *arg, int rc, const char *message)
{
	struct import *p = arg;

	p->building = false;
	if (rc) {
		end(p, rc == -ERR_AGAIN ? -ERR_CONFLICT : rc, message);
		return;
	}
	p->at++;
	next_image(p);
}

static void next_image(struct import *p)
{
	struct found *f = &p->found[p->at];
	struct image_build *b = &p->build;
	struct err e;
	unsigned files = 0;
	int rc;

	if (p->at == p->count) {
		end(p, 0, "");
		return;
	}
	image_build_finish(b);
	*b = (struct image_build){ .m = p->m, .config = f->config, .names = f->names,
		.progress = on_progress, .done = built, .arg = p };
	f->config = (struct buf){ 0 };
	f->names = NULL;
	rc = image_build_prepare(b, &e);
	while (f->files && f->files[files])
		files++;
	if (!rc && files != b->ids.count)
		rc = err_set(&e, ERR_INVALID, "the image has %u layers, its config %u", files, b->ids.count);
	for (unsigned i = 0; !rc && i < files; i++)
		if (!(b->layers[i].file = strdup(f->files[i])))
			rc = err_set(&e, ERR_NOMEM, "out of memory");
	if (rc) {
		end(p, rc, e.msg);
		return;
	}
	p->pulled |= !image_index_by_id(&p->m->index, b->id);
	p->building = true;
	image_build_start(b);
}

static void read_done(void *arg)
{
	struct import *p = arg;

	p->reading = false;
	if (p->canceled)
		end(p, -ERR_CANCELED, "shutting down");
	else if (p->rc)
		end(p, p->rc, p->err.msg);
	else
		next_image(p);
}

static void on_unpacked(void *arg, struct layer_result *r)
{
	struct import *p = arg;

	p->unpack = NULL;
	if (r->rc) {
		end(p, r->rc, r->message);
		return;
	}
	p->reading = true;
	if (workers_submit(p->m->disk, read_run, read_done, p)) {
		p->reading = false;
		end(p, -ERR_FULL, "too much is under way");
	}
}

static void start(void *arg)
{
	struct import *p = arg;
	struct layer_limits limits = { p->m->limits.unpacked_bytes, FILES_MAX, p->m->limits.depth };
	BUF_AUTO struct buf fs = { 0 };
	struct err e;
	int rc;

	p->fd = open(p->path, O_RDONLY | O_CLOEXEC);
	buf_printf(&fs, "%s/fs", p->tmp);
	if (p->fd < 0 || fs.failed || mkdir(p->tmp, 0700) || mkdir(fs.p, 0700)) {
		end(p, errno == ENOENT ? -ERR_NOT_FOUND : -ERR_IO, strerror(errno));
		return;
	}
	rc = layer_unpack(&p->unpack, p->m->loop, p->fd, fs.p, LAYER_FILES, &limits, on_unpacked, p, &e);
	if (rc)
		end(p, rc, e.msg);
}

int image_import(struct images *m, const char *path, const char *name, image_progress_fn *progress,
	image_pull_fn *done, void *arg)
{
	struct import *p;

	if (m->closing)
		return -ERR_FULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ERR_NOMEM;
	p->m = m;
	p->fd = -1;
	list_init(&p->link);
	p->build.m = m;
	p->build.arg = p;
	loop_timer_init(&p->told, m->loop, tell, p);
	p->path = strdup(path);
	p->name = name ? strdup(name) : NULL;
	p->tmp = image_tmp(m);
	p->progress = progress;
	p->done = done;
	p->arg = arg;
	if (!p->path || !p->tmp || (name && !p->name)) {
		free_import(p);
		return -ERR_NOMEM;
	}
	list_add_tail(&m->imports, &p->link);
	loop_defer(m->loop, &p->start_task, start, p);
	return 0;
}

static void released(void *arg)
{
	end(arg, -ERR_CANCELED, "shutting down");
}

void imports_close(struct images *m)
{
	list_each(&m->imports, it) {
		struct import *p = list_entry(it, struct import, link);

		if (p->reading)
			p->canceled = true;
		else
			image_build_cancel(&p->build, released);
	}
}
