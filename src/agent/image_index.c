/* SPDX-License-Identifier: Apache-2.0 */
/* image_index - which images there are: index.json, read, changed under the lock, replaced. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/image_priv.h"
#include "base/file.h"
#define LOG_MODULE "image"
#include "base/log.h"

#define INDEX_MAX (64u << 20)

static void free_list(char **l)
{
	for (size_t i = 0; l && l[i]; i++)
		free(l[i]);
	free(l);
}

static void free_entry(struct image_entry *e)
{
	free_list(e->names);
	free_list(e->digests);
	free(e->chains);
}

void image_index_finish(struct image_index *x)
{
	for (unsigned i = 0; i < x->count; i++)
		free_entry(&x->entries[i]);
	free(x->entries);
	*x = (struct image_index){ 0 };
}

bool image_entry_add(char ***list, const char *s)
{
	char **l, *c;
	size_t n = 0;

	for (; *list && (*list)[n]; n++)
		if (!strcmp((*list)[n], s))
			return true;
	l = realloc(*list, (n + 2) * sizeof(*l));
	if (!l)
		return false;
	*list = l;
	c = strdup(s);
	l[n] = c;
	l[n + 1] = NULL;
	return c;
}

bool image_entry_drop(char **l, const char *s)
{
	for (size_t i = 0; l && l[i]; i++)
		if (!strcmp(l[i], s)) {
			free(l[i]);
			for (; l[i]; i++)
				l[i] = l[i + 1];
			return true;
		}
	return false;
}

struct image_entry *image_index_by_id(const struct image_index *x, const char *id)
{
	for (unsigned i = 0; i < x->count; i++)
		if (!strcmp(x->entries[i].id, id))
			return &x->entries[i];
	return NULL;
}

struct image_entry *image_index_add(struct image_index *x, const char *id)
{
	struct image_entry *e = image_index_by_id(x, id);

	if (e)
		return e;
	e = realloc(x->entries, (x->count + 1) * sizeof(*e));
	if (!e)
		return NULL;
	x->entries = e;
	e += x->count;
	*e = (struct image_entry){ 0 };
	e->names = calloc(1, sizeof(*e->names));
	e->digests = calloc(1, sizeof(*e->digests));
	if (!e->names || !e->digests) {
		free_entry(e);
		return NULL;
	}
	snprintf(e->id, sizeof(e->id), "%s", id);
	x->count++;
	return e;
}

void image_index_del(struct image_index *x, struct image_entry *e)
{
	free_entry(e);
	x->count--;
	memmove(e, e + 1, (size_t)(x->entries + x->count - e) * sizeof(*e));
}

static bool has(char *const *list, const char *s)
{
	for (; list && *list; list++)
		if (!strcmp(*list, s))
			return true;
	return false;
}

/* By id, whole or at least 8 of its digits when only one begins so; else by name. */
struct image_entry *image_index_find(const struct image_index *x, const char *ref)
{
	const char *hex = !strncmp(ref, "sha256:", 7) ? ref + 7 : ref;
	size_t n = strlen(hex);
	BUF_AUTO struct buf full = { 0 };

	if (n >= 8 && n <= 64 && strspn(hex, "0123456789abcdef") == n) {
		struct image_entry *found = NULL;

		for (unsigned i = 0; i < x->count; i++)
			if (!strncmp(x->entries[i].id + 7, hex, n)) {
				if (found)
					return NULL;
				found = &x->entries[i];
			}
		if (found)
			return found;
	}
	if (image_normalize(&full, ref, NULL) || full.failed)
		return NULL;
	for (unsigned i = 0; i < x->count; i++)
		if (has(x->entries[i].names, full.p) || has(x->entries[i].digests, full.p))
			return &x->entries[i];
	return NULL;
}

/* ---- as JSON ---- */

static bool read_list(char ***to, yyjson_val *list)
{
	yyjson_val *v;
	size_t i, max;

	yyjson_arr_foreach(list, i, max, v)
		if (!yyjson_is_str(v) || !image_entry_add(to, yyjson_get_str(v)))
			return false;
	return true;
}

static bool read_entry(struct image_index *x, yyjson_val *o)
{
	const char *id = yyjson_get_str(yyjson_obj_get(o, "id"));
	yyjson_val *layers = yyjson_obj_get(o, "layers"), *v;
	struct image_entry *e;
	size_t i, max;

	if (!id || !image_digest_ok(id) || image_index_by_id(x, id) || !(e = image_index_add(x, id)))
		return false;
	e->size_bytes = yyjson_get_uint(yyjson_obj_get(o, "size"));
	e->chains = calloc(yyjson_arr_size(layers) + 1, sizeof(*e->chains));
	if (!e->chains || !read_list(&e->names, yyjson_obj_get(o, "names")) ||
	    !read_list(&e->digests, yyjson_obj_get(o, "digests")))
		goto bad;
	yyjson_arr_foreach(layers, i, max, v) {
		const char *s = yyjson_get_str(v);

		if (!s || !image_digest_ok(s))
			goto bad;
		strcpy(e->chains[e->chain_count++], s);
	}
	return true;
bad:
	image_index_del(x, e);
	return false;
}

int image_index_read(struct image_index *ret, const char *dir, struct err *reterr)
{
	BUF_AUTO struct buf path = { 0 }, text = { 0 };
	yyjson_doc *d;
	yyjson_val *list, *o;
	size_t i, max;
	int rc;

	*ret = (struct image_index){ 0 };
	buf_printf(&path, "%s/index.json", dir);
	if (path.failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	rc = file_read(path.p, INDEX_MAX, &text, reterr);
	if (rc == -ERR_NOT_FOUND)
		return 0;
	if (rc)
		return rc;
	d = yyjson_read(text.p ? text.p : "", text.len, 0);
	list = yyjson_obj_get(yyjson_doc_get_root(d), "images");
	if (!yyjson_is_arr(list)) {
		yyjson_doc_free(d);
		return err_set(reterr, ERR_CORRUPT, "%s is damaged; without it images are pulled again", path.p);
	}
	yyjson_arr_foreach(list, i, max, o)
		if (!read_entry(ret, o))
			log_warn("%s: entry %zu is damaged and left out", path.p, i);
	yyjson_doc_free(d);
	return 0;
}

static void write_list(struct buf *out, const char *name, char *const *list)
{
	buf_printf(out, ",\n\"%s\":[", name);
	for (size_t i = 0; list && list[i]; i++) {
		if (i)
			buf_addc(out, ',');
		buf_add_json(out, list[i], strlen(list[i]));
	}
	buf_addc(out, ']');
}

static int write_index(const struct image_index *x, const char *dir, struct err *reterr)
{
	BUF_AUTO struct buf path = { 0 }, text = { 0 };

	buf_printf(&path, "%s/index.json", dir);
	buf_adds(&text, "{\"images\":[");
	for (unsigned i = 0; i < x->count; i++) {
		const struct image_entry *e = &x->entries[i];

		buf_printf(&text, "%s\n{\"id\":\"%s\",\"size\":%llu", i ? "," : "", e->id, (unsigned long long)e->size_bytes);
		write_list(&text, "names", e->names);
		write_list(&text, "digests", e->digests);
		buf_adds(&text, ",\n\"layers\":[");
		for (unsigned k = 0; k < e->chain_count; k++)
			buf_printf(&text, "%s\"%s\"", k ? "," : "", e->chains[k]);
		buf_adds(&text, "]}");
	}
	buf_adds(&text, "\n]}\n");
	if (path.failed || text.failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	return file_replace(path.p, text.p, text.len, 0600, reterr);
}

int image_index_update(const char *dir, int (*change)(struct image_index *, void *, struct err *), void *arg,
	struct err *reterr)
{
	BUF_AUTO struct buf path = { 0 };
	struct image_index x = { 0 };
	int fd, rc;

	buf_printf(&path, "%s/lock", dir);
	if (path.failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(reterr, "%s", path.p);
	while (flock(fd, LOCK_EX))
		if (errno != EINTR) {
			rc = err_errno(reterr, "locking %s", path.p);
			close(fd);
			return rc;
		}
	rc = image_index_read(&x, dir, reterr);
	if (rc == -ERR_CORRUPT) {
		log_error("%s/index.json is damaged; starting anew", dir);
		rc = 0;
	}
	if (!rc)
		rc = change(&x, arg, reterr);
	if (!rc)
		rc = write_index(&x, dir, reterr);
	image_index_finish(&x);
	close(fd);
	return rc;
}
