/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doc - parsing and printing of JSON documents, and paths into them.
 *
 * The tree walks here recurse; what makes that safe is that nothing deeper than
 * DOC_DEPTH_MAX comes out of doc_parse or out of a patch.
 */
#include <stdlib.h>
#include <string.h>

#include "doc/doc_priv.h"

/* ---- memory ---- */
static void *alc_malloc(void *ctx, size_t n)
{
	return arena_alloc(ctx, n);
}

static void *alc_realloc(void *ctx, void *p, size_t old_bytes, size_t n)
{
	return arena_realloc(ctx, p, old_bytes, n);
}

static void alc_free(void *ctx, void *p)
{
}

yyjson_alc doc_alc(struct arena *a)
{
	return (yyjson_alc){ .malloc = alc_malloc, .realloc = alc_realloc, .free = alc_free, .ctx = a };
}

yyjson_mut_doc *doc_new(struct arena *a)
{
	yyjson_alc alc = doc_alc(a);

	return yyjson_mut_doc_new(&alc);
}

yyjson_val *doc_freeze(struct arena *a, yyjson_mut_val *v)
{
	yyjson_alc alc = doc_alc(a);
	yyjson_doc *doc = yyjson_mut_val_imut_copy(v, &alc);

	return doc ? yyjson_doc_get_root(doc) : NULL;
}

/* ---- text ---- */
/* A container of n children that are no containers, or empty ones, is this long. */
static bool is_flat(yyjson_val *v, size_t n)
{
	return v->uni.ofs == (n + 1) * sizeof(*v);
}

static bool depth_within(yyjson_val *v, unsigned levels)
{
	size_t n = unsafe_yyjson_get_len(v) * (unsafe_yyjson_is_obj(v) ? 2 : 1);
	yyjson_val *it = unsafe_yyjson_get_first(v);

	if (!levels)
		return false;
	if (levels > 1 && is_flat(v, n))
		return true;
	for (; n; n--, it = unsafe_yyjson_get_next(it))
		if (unsafe_yyjson_is_ctn(it) && !depth_within(it, levels - 1))
			return false;
	return true;
}

/* Offset of the bracket that opens one level too many. Brackets inside strings
 * do not count. */
static size_t too_deep_at(const char *p, size_t n)
{
	unsigned depth = 0;

	for (size_t i = 0; i < n; i++) {
		switch (p[i]) {
		case '[':
		case '{':
			if (++depth > DOC_DEPTH_MAX)
				return i;
			break;
		case ']':
		case '}':
			if (depth)
				depth--;
			break;
		case '"':
			for (i++; i < n && p[i] != '"'; i++)
				if (p[i] == '\\')
					i++;
			break;
		}
	}
	return n;
}

int doc_parse(struct arena *a, const char *p, size_t n, yyjson_doc **ret, struct err *reterr)
{
	yyjson_alc alc = doc_alc(a);
	yyjson_read_err e = { 0 };
	yyjson_doc *doc;

	*ret = NULL;
	/* Without YYJSON_READ_INSITU the text is copied, never written to. The
	 * reader does not recurse, so depth can be looked at afterwards. */
	doc = yyjson_read_opts((char *)(uintptr_t)p, n, 0, &alc, &e);
	if (doc && yyjson_is_ctn(yyjson_doc_get_root(doc)) &&
	    !depth_within(yyjson_doc_get_root(doc), DOC_DEPTH_MAX))
		return err_set(reterr, ERR_BAD_REQUEST, "exceeded max depth of %d at offset %zu",
			DOC_DEPTH_MAX, too_deep_at(p, n));
	*ret = doc;
	if (doc)
		return 0;
	if (e.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
		return err_set(reterr, ERR_SIZE, "the document is too large");
	return err_set(reterr, ERR_BAD_REQUEST, "invalid JSON at offset %zu: %s", e.pos,
		e.msg ? e.msg : "unreadable");
}

static int emit(struct buf *out, char *s, size_t n)
{
	if (!s) {
		out->failed = true;
		return -ERR_NOMEM;
	}
	buf_add(out, s, n);
	free(s);
	return out->failed ? -ERR_NOMEM : 0;
}

int doc_write(struct buf *out, yyjson_val *v)
{
	size_t n = 0;
	char *s = yyjson_val_write_opts(v, 0, NULL, &n, NULL);

	return emit(out, s, n);
}

int doc_mwrite(struct buf *out, yyjson_mut_val *v)
{
	size_t n = 0;
	char *s = yyjson_mut_val_write_opts(v, 0, NULL, &n, NULL);

	return emit(out, s, n);
}

/* ---- paths ---- */
/* The next segment of a dotted path; *p moves behind it, to NULL at the end. */
static const char *segment(const char **p, size_t *ret_n)
{
	const char *s = *p, *dot = strchrnul(s, '.');

	*ret_n = (size_t)(dot - s);
	*p = *dot ? dot + 1 : NULL;
	return s;
}

static bool decimal(const char *s, size_t n, size_t *ret)
{
	size_t v = 0;

	if (n == 0 || n > 9)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (size_t)(s[i] - '0');
	}
	*ret = v;
	return true;
}

yyjson_val *doc_get(yyjson_val *v, const char *path)
{
	if (path && !*path)
		path = NULL;
	while (v && path) {
		size_t n, i;
		const char *s = segment(&path, &n);
		if (yyjson_is_arr(v))
			v = decimal(s, n, &i) ? yyjson_arr_get(v, i) : NULL;
		else
			v = yyjson_obj_getn(v, s, n);
	}
	return yyjson_is_null(v) ? NULL : v;
}

yyjson_mut_val *doc_mget(yyjson_mut_val *v, const char *path)
{
	if (path && !*path)
		path = NULL;
	while (v && path) {
		size_t n, i;
		const char *s = segment(&path, &n);
		if (yyjson_mut_is_arr(v))
			v = decimal(s, n, &i) ? yyjson_mut_arr_get(v, i) : NULL;
		else
			v = yyjson_mut_obj_getn(v, s, n);
	}
	return yyjson_mut_is_null(v) ? NULL : v;
}

/* An integer that fits int64; a whole double counts as one. */
static int64_t as_int(void *v, int64_t dflt)
{
	if (!v)
		return dflt;
	switch (unsafe_yyjson_get_tag(v)) {
	case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_UINT:
	case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT:
		if (unsafe_yyjson_is_uint(v) && unsafe_yyjson_get_uint(v) > INT64_MAX)
			return dflt;
		return unsafe_yyjson_get_sint(v);
	case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL: {
		double r = unsafe_yyjson_get_real(v);
		if (r >= -9007199254740992.0 && r <= 9007199254740992.0 && r == (double)(int64_t)r)
			return (int64_t)r;
		return dflt;
	}
	default:
		return dflt;
	}
}

static size_t as_len(void *v)
{
	return v && unsafe_yyjson_is_ctn(v) ? unsafe_yyjson_get_len(v) : 0;
}

const char *doc_str(yyjson_val *v, const char *path)
{
	return yyjson_get_str(doc_get(v, path));
}

int64_t doc_int(yyjson_val *v, const char *path, int64_t dflt)
{
	return as_int(doc_get(v, path), dflt);
}

bool doc_bool(yyjson_val *v, const char *path, bool dflt)
{
	v = doc_get(v, path);
	return yyjson_is_bool(v) ? yyjson_get_bool(v) : dflt;
}

size_t doc_len(yyjson_val *v, const char *path)
{
	return as_len(doc_get(v, path));
}

const char *doc_mstr(yyjson_mut_val *v, const char *path)
{
	return yyjson_mut_get_str(doc_mget(v, path));
}

int64_t doc_mint(yyjson_mut_val *v, const char *path, int64_t dflt)
{
	return as_int(doc_mget(v, path), dflt);
}

bool doc_mbool(yyjson_mut_val *v, const char *path, bool dflt)
{
	v = doc_mget(v, path);
	return yyjson_mut_is_bool(v) ? yyjson_mut_get_bool(v) : dflt;
}

size_t doc_mlen(yyjson_mut_val *v, const char *path)
{
	return as_len(doc_mget(v, path));
}

/* ---- members ---- */
/* A mutable object is a ring of key, value, key, value; it holds its last key. */
yyjson_mut_val *obj_find(yyjson_mut_val *obj, const char *key, size_t n, yyjson_mut_val **ret_prev)
{
	size_t left = yyjson_mut_is_obj(obj) ? unsafe_yyjson_get_len(obj) : 0;
	yyjson_mut_val *prev, *k;

	if (!left)
		return NULL;
	prev = ((yyjson_mut_val *)obj->uni.ptr)->next;
	for (; left; left--, prev = k->next) {
		k = prev->next;
		if (unsafe_yyjson_equals_strn(k, key, n)) {
			*ret_prev = prev;
			return k;
		}
	}
	return NULL;
}

bool obj_put(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *key, size_t n, yyjson_mut_val *v)
{
	yyjson_mut_val *prev, *k;

	if (!v || !yyjson_mut_is_obj(obj))
		return false;
	k = obj_find(obj, key, n, &prev);
	if (k) {
		if (k->next == v)
			return true;
		/* With one member the value's next is its own key, which stays. */
		v->next = k->next->next;
		k->next = v;
		return true;
	}
	k = yyjson_mut_strncpy(d, key, n);
	return k && yyjson_mut_obj_add(obj, k, v);
}

yyjson_mut_val *obj_take(yyjson_mut_val *obj, const char *key, size_t n)
{
	yyjson_mut_val *prev, *k = obj_find(obj, key, n, &prev), *v;

	if (!k)
		return NULL;
	v = k->next;
	if (obj->uni.ptr == k) {
		/* The new last key is the one whose value is prev; alone, k itself. */
		yyjson_mut_val *last = v->next;
		while (last->next != prev)
			last = last->next->next;
		obj->uni.ptr = last;
	}
	prev->next = v->next;
	unsafe_yyjson_set_len(obj, unsafe_yyjson_get_len(obj) - 1);
	return v;
}

/* The object that holds the path's last segment, made when `make`; NULL when
 * absent or over the cap. *path becomes the last segment. */
static yyjson_mut_val *parent(yyjson_mut_doc *d, yyjson_mut_val *obj, const char **path, bool make)
{
	const char *p = *path, *s;
	size_t n;

	for (;;) {
		yyjson_mut_val *next;
		*path = p;
		s = segment(&p, &n);
		if (!p)
			return yyjson_mut_is_obj(obj) ? obj : NULL;
		next = yyjson_mut_obj_getn(obj, s, n);
		if (!yyjson_mut_is_obj(next)) {
			if (!make)
				return NULL;
			next = yyjson_mut_obj(d);
			if (!obj_put(d, obj, s, n, next))
				return NULL;
		}
		obj = next;
	}
}

bool doc_mset(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path, yyjson_mut_val *v)
{
	obj = parent(d, obj, &path, true);
	return obj && obj_put(d, obj, path, strlen(path), v);
}

bool doc_mset_str(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path, const char *s)
{
	return doc_mset(d, obj, path, yyjson_mut_strcpy(d, s));
}

bool doc_mset_int(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path, int64_t i)
{
	return doc_mset(d, obj, path, yyjson_mut_sint(d, i));
}

bool doc_mset_bool(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path, bool b)
{
	return doc_mset(d, obj, path, yyjson_mut_bool(d, b));
}

static yyjson_mut_val *container(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path, bool arr)
{
	yyjson_mut_val *v = NULL;

	if (!path || !*path)
		return (arr ? yyjson_mut_is_arr(obj) : yyjson_mut_is_obj(obj)) ? obj : NULL;
	obj = parent(d, obj, &path, true);
	if (obj)
		v = yyjson_mut_obj_get(obj, path);
	if (!obj || (arr ? yyjson_mut_is_arr(v) : yyjson_mut_is_obj(v)))
		return v;
	v = arr ? yyjson_mut_arr(d) : yyjson_mut_obj(d);
	return obj_put(d, obj, path, strlen(path), v) ? v : NULL;
}

yyjson_mut_val *doc_mobj(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path)
{
	return container(d, obj, path, false);
}

yyjson_mut_val *doc_marr(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path)
{
	return container(d, obj, path, true);
}

bool doc_mdel(yyjson_mut_val *obj, const char *path)
{
	bool was = false;

	obj = parent(NULL, obj, &path, false);
	while (obj && obj_take(obj, path, strlen(path)))
		was = true;
	return was;
}

bool doc_mset_key(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path, const char *key, const char *s)
{
	obj = doc_mobj(d, obj, path);
	return obj && obj_put(d, obj, key, strlen(key), yyjson_mut_strcpy(d, s));
}

yyjson_mut_val *doc_arr_iter_remove(yyjson_mut_arr_iter *it)
{
	yyjson_mut_val *v = yyjson_mut_arr_iter_remove(it);

	if (v)
		it->cur = it->pre;
	return v;
}

bool doc_mdepth_within(const yyjson_mut_val *v, unsigned levels)
{
	const yyjson_mut_val *it;
	size_t n;

	if (!unsafe_yyjson_is_ctn((void *)(uintptr_t)v))
		return true;
	if (!levels)
		return false;
	n = unsafe_yyjson_get_len((void *)(uintptr_t)v);
	if (!n)
		return true;
	it = ((const yyjson_mut_val *)v->uni.ptr)->next;
	if (yyjson_mut_is_obj((yyjson_mut_val *)(uintptr_t)v))
		n *= 2;
	for (; n; n--, it = it->next)
		if (!doc_mdepth_within(it, levels - 1))
			return false;
	return true;
}
