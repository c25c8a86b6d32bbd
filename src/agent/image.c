/* SPDX-License-Identifier: Apache-2.0 */
/* image - see image.h and image_priv.h: opening, finding, listing, removing. */
#include "agent/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/image_priv.h"
#include "base/file.h"
#define LOG_MODULE "image"
#include "base/log.h"

#define DISK_THREADS 3
#define DISK_QUEUE   1024

struct config_box { yyjson_doc *doc; void *lists[8]; unsigned list_count; };

char *image_path(const struct images *m, const char *fmt, ...)
{
	char *below, *path;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&below, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	n = asprintf(&path, "%s/%s", m->dir, below);
	free(below);
	return n < 0 ? NULL : path;
}

char *image_tmp(struct images *m)
{
	return image_path(m, "tmp/%d-%u", (int)getpid(), ++m->seq);
}

void image_layer_path(struct buf *out, const char *dir, const char *chain_id, const char *below)
{
	buf_printf(out, "%s/layers/%s%s%s", dir, chain_id + 7, below ? "/" : "", below ? below : "");
}

/* ---- open, close ---- */

static void clear_dir(const char *dir, const char *name)
{
	BUF_AUTO struct buf path = { 0 };
	struct dirent *e;
	struct err err;
	DIR *d;

	buf_printf(&path, "%s/%s", dir, name);
	d = path.failed ? NULL : opendir(path.p);
	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		buf_clear(&path);
		buf_printf(&path, "%s/%s/%s", dir, name, e->d_name);
		if (file_remove_tree(path.p, &err))
			log_warn("%s", err.msg);
	}
	if (d)
		closedir(d);
}

/* Whoever is here alone at the start removes what others left unfinished. */
static int enter(struct images *m, struct err *reterr)
{
	static const char *const dirs[] = { "blobs/sha256", "layers", "mounts", "tmp" };
	char *path;
	int rc = 0;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs) && !rc; i++) {
		path = image_path(m, "%s", dirs[i]);
		rc = path ? file_mkdirs(path, 0700, reterr) : err_set(reterr, ERR_NOMEM, "out of memory");
		free(path);
	}
	if (rc)
		return rc;
	path = image_path(m, "users");
	m->users_fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	free(path);
	if (m->users_fd < 0)
		return err_errno(reterr, "%s/users", m->dir);
	if (!flock(m->users_fd, LOCK_EX | LOCK_NB))
		clear_dir(m->dir, "tmp");
	if (flock(m->users_fd, LOCK_SH))
		return err_errno(reterr, "locking %s/users", m->dir);
	return 0;
}

int image_open(struct images **ret, struct loop *l, const struct image_store_config *cfg, struct err *reterr)
{
	struct images *m = calloc(1, sizeof(*m));
	struct registry_config rc_cfg = { cfg->insecure_registries, cfg->mirror, cfg->ca_file };
	struct err e;
	int rc;

	if (!m)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	m->loop = l;
	m->users_fd = -1;
	m->arch = image_machine_arch();
	list_init(&m->builds);
	list_init(&m->pulls);
	list_init(&m->imports);
	list_init(&m->unmounts);
	m->limits = (struct image_limits){
		.layer_bytes = cfg->layer_bytes_max ? cfg->layer_bytes_max : 16ull << 30,
		.unpacked_bytes = cfg->unpacked_bytes_max ? cfg->unpacked_bytes_max : 32ull << 30,
		.entries = cfg->entries_max ? cfg->entries_max : 2000000,
		.depth = cfg->depth_max ? cfg->depth_max : 128,
		.layers = cfg->layers_max ? cfg->layers_max : 127,
		.downloads = cfg->downloads_max ? cfg->downloads_max : 4,
		.unpacks = cfg->unpacks_max ? cfg->unpacks_max : 2,
	};
	m->dir = *cfg->dir == '/' ? strdup(cfg->dir) : NULL;
	rc = m->dir ? enter(m, reterr) : err_set(reterr, ERR_INVALID, "image directory \"%s\": must be absolute", cfg->dir);
	if (!rc && workers_open(&m->disk, l, "images", DISK_THREADS, DISK_QUEUE))
		rc = err_set(reterr, ERR_IO, "cannot start threads");
	if (!rc)
		rc = registry_open(&m->registry, l, &rc_cfg, reterr);
	if (rc) {
		image_close(m);
		return rc;
	}
	if (image_index_read(&m->index, m->dir, &e))
		log_error("%s", e.msg);
	image_index_refresh(m);
	*ret = m;
	return 0;
}

static void free_box(struct images *m)
{
	struct config_box *b = m->box;

	m->box = NULL;
	if (!b)
		return;
	for (unsigned i = 0; i < b->list_count; i++)
		free(b->lists[i]);
	yyjson_doc_free(b->doc);
	free(b);
}

void image_close(struct images *m)
{
	if (!m)
		return;
	m->closing = true;
	pulls_close(m);
	imports_close(m);
	workers_close(m->disk);
	registry_close(m->registry);
	loop_defer_cancel(m->loop, &m->pump_task);
	image_index_finish(&m->index);
	map_finish(&m->making);
	free_box(m);
	if (m->users_fd >= 0)
		close(m->users_fd);
	free(m->dir);
	free(m);
}

/* ---- finding ---- */

void image_index_refresh(struct images *m)
{
	char *path = image_path(m, "index.json");
	struct image_index x;
	struct stat st;
	struct err e;

	if (path && !stat(path, &st) && (st.st_ino != m->index_stat.st_ino ||
	    st.st_mtim.tv_sec != m->index_stat.st_mtim.tv_sec || st.st_mtim.tv_nsec != m->index_stat.st_mtim.tv_nsec)) {
		if (image_index_read(&x, m->dir, &e)) {
			log_error("%s", e.msg);
		} else {
			image_index_finish(&m->index);
			m->index = x;
			m->index_stat = st;
		}
	}
	free(path);
}

int image_entry_info(struct images *m, const struct image_entry *e, struct image_info *ret)
{
	char *path = image_path(m, "blobs/sha256/%s", e->id + 7);
	struct stat st = { 0 };

	if (path)
		(void)!stat(path, &st);
	free(path);
	*ret = (struct image_info){ .id = e->id, .digest_ref = "", .names = (const char *const *)e->names,
		.size_bytes = e->size_bytes, .used_us = (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000 };
	for (size_t i = 0; e->digests[i]; i++)
		ret->digest_ref = e->digests[i];       /* the newest */
	return 0;
}

int image_find(struct images *m, const char *ref, struct image_info *ret)
{
	const struct image_entry *e;

	image_index_refresh(m);
	e = image_index_find(&m->index, ref);
	return e ? image_entry_info(m, e, ret) : -ERR_NOT_FOUND;
}

void image_list(struct images *m, void (*each)(void *arg, const struct image_info *img), void *arg)
{
	struct image_info info;

	image_index_refresh(m);
	for (unsigned i = 0; i < m->index.count; i++)
		if (!image_entry_info(m, &m->index.entries[i], &info))
			each(arg, &info);
}

/* ---- the image's own wishes ---- */

static const char *text(yyjson_val *o, const char *key)
{
	const char *s = yyjson_get_str(yyjson_obj_get(o, key));

	return s ? s : "";
}

static const char *const *keep_list(struct config_box *b, const char **l)
{
	static const char *const none[] = { NULL };

	if (!l)
		return none;
	b->lists[b->list_count++] = l;
	return l;
}

/* Strings of an array, or an object's keys. */
static const char *const *strings(struct config_box *b, yyjson_val *v)
{
	size_t n = yyjson_is_arr(v) ? yyjson_arr_size(v) : yyjson_obj_size(v), at = 0, i, max;
	const char **l = calloc(n + 1, sizeof(*l));
	yyjson_val *k, *item;

	if (l && yyjson_is_arr(v))
		yyjson_arr_foreach(v, i, max, item)
			if (yyjson_is_str(item))
				l[at++] = yyjson_get_str(item);
	if (l && yyjson_is_obj(v))
		yyjson_obj_foreach(v, i, max, k, item)
			l[at++] = yyjson_get_str(k);
	return keep_list(b, l);
}

/* "key=value" in one block behind the pointers. */
static const char *const *labels(struct config_box *b, yyjson_val *o)
{
	size_t n = yyjson_obj_size(o), size = (n + 1) * sizeof(char *), at = 0, i, max;
	yyjson_val *k, *v;
	const char **l;
	char *p;

	yyjson_obj_foreach(o, i, max, k, v)
		size += yyjson_get_len(k) + yyjson_get_len(v) + 2;
	l = calloc(1, size);
	if (!l)
		return keep_list(b, NULL);
	p = (char *)(l + n + 1);
	yyjson_obj_foreach(o, i, max, k, v) {
		const char *s = yyjson_get_str(v);

		l[at++] = p;
		p += sprintf(p, "%s=%s", yyjson_get_str(k), s ? s : "") + 1;
	}
	return keep_list(b, l);
}

int image_config(struct images *m, const char *image_id, struct image_config *ret)
{
	BUF_AUTO struct buf json = { 0 };
	const struct image_entry *e;
	yyjson_val *root, *c;
	char *path;

	image_index_refresh(m);
	e = image_index_find(&m->index, image_id);
	if (!e)
		return -ERR_NOT_FOUND;
	path = image_path(m, "blobs/sha256/%s", e->id + 7);
	if (!path || file_read(path, IMAGE_CONFIG_MAX, &json, NULL)) {
		free(path);
		return -ERR_NOT_FOUND;
	}
	free(path);
	free_box(m);
	m->box = calloc(1, sizeof(*m->box));
	if (!m->box)
		return -ERR_NOMEM;
	m->box->doc = yyjson_read(json.p ? json.p : "", json.len, 0);
	root = yyjson_doc_get_root(m->box->doc);
	if (!yyjson_is_obj(root))
		return -ERR_NOT_FOUND;
	c = yyjson_obj_get(root, "config");
	*ret = (struct image_config){
		.entrypoint = strings(m->box, yyjson_obj_get(c, "Entrypoint")), .cmd = strings(m->box, yyjson_obj_get(c, "Cmd")),
		.env = strings(m->box, yyjson_obj_get(c, "Env")), .volumes = strings(m->box, yyjson_obj_get(c, "Volumes")),
		.exposed_ports = strings(m->box, yyjson_obj_get(c, "ExposedPorts")),
		.labels = labels(m->box, yyjson_obj_get(c, "Labels")),
		.user = text(c, "User"), .workdir = text(c, "WorkingDir"), .stop_signal = text(c, "StopSignal"),
		.architecture = text(root, "architecture"), .os = text(root, "os"), .created = text(root, "created"),
	};
	return 0;
}

/* ---- removing ---- */

struct removal {
	struct images *m;
	char *ref;
	char **gone;                           /* trees to remove when the lock is free */
	int rc;
	void (*done)(void *arg, int rc);
	void *arg;
};

static bool is_mounted(const char *dir, const char *id)
{
	BUF_AUTO struct buf path = { 0 }, text_buf = { 0 };
	struct dirent *e;
	bool yes = false;
	DIR *d;

	buf_printf(&path, "%s/mounts", dir);
	d = path.failed ? NULL : opendir(path.p);
	while (d && !yes && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		buf_clear(&path);
		buf_printf(&path, "%s/mounts/%s/image", dir, e->d_name);
		buf_clear(&text_buf);
		yes = !path.failed && !file_read(path.p, 256, &text_buf, NULL) && text_buf.len && !strcmp(text_buf.p, id);
	}
	if (d)
		closedir(d);
	return yes;
}

static bool layer_needed(const struct image_index *x, const char *chain)
{
	for (unsigned i = 0; i < x->count; i++)
		for (unsigned k = 0; k < x->entries[i].chain_count; k++)
			if (!strcmp(x->entries[i].chains[k], chain))
				return true;
	return false;
}

/* Out of its place under the lock, so that no commit counts on it; deleted later. */
static void move_away(struct removal *r, const char *path)
{
	char *to;

	if (asprintf(&to, "%s/tmp/gone-%d-%s", r->m->dir, (int)getpid(), strrchr(path, '/') + 1) < 0)
		return;
	if (!rename(path, to))
		image_entry_add(&r->gone, to);
	free(to);
}

static int forget(struct image_index *x, void *arg, struct err *reterr)
{
	struct removal *r = arg;
	struct image_entry *e = image_index_find(x, r->ref), lost;
	BUF_AUTO struct buf full = { 0 };
	bool named;

	if (!e)
		return err_set(reterr, ERR_NOT_FOUND, "no image \"%s\" here", r->ref);
	named = strncmp(r->ref, "sha256:", 7) && !image_normalize(&full, r->ref, NULL) && image_entry_drop(e->names, full.p);
	if (named && *e->names)
		return 0;
	if (is_mounted(r->m->dir, e->id))
		return err_set(reterr, ERR_CONFLICT, "image \"%s\" is in use by a container", r->ref);
	lost = *e;
	e->chains = NULL;
	image_index_del(x, e);
	for (unsigned k = 0; k < lost.chain_count; k++) {
		BUF_AUTO struct buf path = { 0 };

		image_layer_path(&path, r->m->dir, lost.chains[k], NULL);
		if (!path.failed && !layer_needed(x, lost.chains[k]))
			move_away(r, path.p);
	}
	{
		BUF_AUTO struct buf path = { 0 };

		buf_printf(&path, "%s/blobs/sha256/%s", r->m->dir, lost.id + 7);
		if (!path.failed)
			unlink(path.p);
	}
	free(lost.chains);
	return 0;
}

static void removal_run(void *arg)
{
	struct removal *r = arg;
	struct err e;

	r->rc = image_index_update(r->m->dir, forget, r, &e);
	if (r->rc && r->rc != -ERR_CONFLICT && r->rc != -ERR_NOT_FOUND)
		log_error("%s", e.msg);
	for (char **p = r->gone; p && *p; p++) {
		if (file_remove_tree(*p, &e))
			log_warn("%s", e.msg);
		free(*p);
	}
	free(r->gone);
}

static void removal_done(void *arg)
{
	struct removal *r = arg;

	image_index_refresh(r->m);
	if (r->done)
		r->done(r->arg, r->rc);
	free(r->ref);
	free(r);
}

int image_remove(struct images *m, const char *image_id, void (*done)(void *arg, int rc), void *arg)
{
	struct removal *r = calloc(1, sizeof(*r));

	if (!r || !(r->ref = strdup(image_id))) {
		free(r);
		return -ERR_NOMEM;
	}
	r->m = m;
	r->done = done;
	r->arg = arg;
	if (workers_submit(m->disk, removal_run, removal_done, r)) {
		free(r->ref);
		free(r);
		return -ERR_FULL;
	}
	return 0;
}
