/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smp_list - lists of strategic merge: by merge key, or as sets of scalars.
 *
 * Elements are known by a text: the scalar itself, or the merge key's value.
 * Order of a result: the patch's elements in the patch's (or the directive's)
 * order, the server's own in the server's; where a server element stood before
 * one of the patch on the server, it stays before it.
 */
#include "kinds/smp.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "doc/print.h"

#define NOWHERE SIZE_MAX

/* Identity of a scalar as text: "s" and the string, "n" and the number. NULL
 * with 0: not a scalar. */
static const char *text_of(struct smp *c, void *v)
{
	char *s = NULL;

	switch (unsafe_yyjson_get_type(v)) {
	case YYJSON_TYPE_STR:
		return arena_printf(c->a, "s%s", unsafe_yyjson_get_str(v));
	case YYJSON_TYPE_NUM:
		if (unsafe_yyjson_is_real(v))
			s = arena_printf(c->a, "n%.17g", unsafe_yyjson_get_real(v));
		else
			s = arena_printf(c->a, unsafe_yyjson_is_uint(v) ? "n%llu" : "n%lld",
				(unsigned long long)unsafe_yyjson_get_uint(v));
		return s;
	case YYJSON_TYPE_BOOL:
		return unsafe_yyjson_get_bool(v) ? "true" : "false";
	case YYJSON_TYPE_NULL:
		return "null";
	default:
		return NULL;
	}
}

static int no_key(struct smp *c, yyjson_val *v, const char *key)
{
	struct buf b BUF_AUTO = { 0 };

	doc_print_go(&b, v);
	return err_set(c->err, ERR_INTERNAL, "map: %.400s does not contain declared merge key: %s",
		b.p ? b.p : "", key);
}

static int patch_text(struct smp *c, const char *key, yyjson_val *v, const char **ret)
{
	yyjson_val *k = key ? yyjson_obj_get(v, key) : v;

	*ret = NULL;
	if (key && !yyjson_is_obj(v))
		return err_set(c->err, ERR_INTERNAL, "expected a map in a list with merge key %s", key);
	/* What is stored for null is found under another text. */
	if (!k || (key && yyjson_is_null(k)))
		return no_key(c, v, key);
	*ret = text_of(c, k);
	if (*ret)
		return 0;
	return arena_over(c->a) ? smp_over(c) : err_set(c->err, ERR_INVALID, "lists of lists are not supported");
}

static int list_text(struct smp *c, const char *key, yyjson_mut_val *v, const char **ret)
{
	yyjson_mut_val *k = key ? yyjson_mut_obj_get(v, key) : v;

	*ret = NULL;
	if (!k) {
		yyjson_val *frozen = doc_freeze(c->a, v);
		return frozen ? no_key(c, frozen, key) : smp_over(c);
	}
	*ret = text_of(c, k);
	if (*ret)
		return 0;
	return arena_over(c->a) ? smp_over(c) : err_set(c->err, ERR_INVALID, "lists of lists are not supported");
}

/* Texts to first positions, plus one. */
static int index_patch(struct smp *c, const char *key, yyjson_val *list, struct map *m)
{
	yyjson_arr_iter it;
	const char *text;
	uintptr_t at = 0;
	int rc = 0;

	yyjson_arr_iter_init(list, &it);
	for (yyjson_val *v; !rc && (v = yyjson_arr_iter_next(&it));) {
		at++;
		rc = patch_text(c, key, v, &text);
		if (!rc && !map_get(m, text) && map_put(m, text, (void *)at, NULL))
			rc = smp_over(c);
	}
	return rc;
}

static int index_list(struct smp *c, const char *key, yyjson_mut_val *list, struct map *m)
{
	yyjson_mut_arr_iter it;
	const char *text;
	uintptr_t at = 0;
	int rc = 0;

	yyjson_mut_arr_iter_init(list, &it);
	for (yyjson_mut_val *v; !rc && (v = yyjson_mut_arr_iter_next(&it));) {
		at++;
		rc = list_text(c, key, v, &text);
		if (!rc && !map_get(m, text) && map_put(m, text, (void *)at, NULL))
			rc = smp_over(c);
	}
	return rc;
}

static size_t position(const struct map *m, const char *text)
{
	uintptr_t at = (uintptr_t)map_get(m, text);

	return at ? at - 1 : NOWHERE;
}

/* ---- order ---- */
struct item {
	yyjson_mut_val *v;
	size_t ordered, server;    /* places in the wanted order and on the server */
	size_t at;
};

static int by_place(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	size_t x = a->ordered != NOWHERE ? a->ordered : a->server;
	size_t y = b->ordered != NOWHERE ? b->ordered : b->server;

	if (x != y)
		return x < y ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

/* own (n elements, in order) and server (k elements) as one list. */
static yyjson_mut_val *interleave(struct smp *c, struct item *own, size_t n, struct item *server, size_t k)
{
	yyjson_mut_val *out = yyjson_mut_arr(c->d);
	size_t i = 0, j = 0;

	while (out && (i < n || j < k)) {
		bool from_server = i == n || (j < k && server[j].server != NOWHERE &&
			own[i].server != NOWHERE && server[j].server < own[i].server);
		yyjson_mut_arr_append(out, from_server ? server[j++].v : own[i++].v);
	}
	return out;
}

static int arrange(struct smp *c, const char *key, yyjson_mut_val *merged, const struct map *order,
	const struct map *server, yyjson_mut_val **ret)
{
	size_t n = yyjson_mut_arr_size(merged), own = 0, rest = n;
	struct item *items = arena_alloc(c->a, (n ? n : 1) * sizeof(*items));
	yyjson_mut_val *v = yyjson_mut_arr_get_first(merged);
	const char *text;
	int rc = 0;

	if (!items)
		return smp_over(c);
	for (size_t i = 0; !rc && i < n; i++, v = v->next) {
		struct item it = { .v = v, .at = i };
		rc = list_text(c, key, v, &text);
		if (rc)
			break;
		it.ordered = position(order, text);
		it.server = position(server, text);
		if (it.ordered != NOWHERE)
			items[own++] = it;
		else
			items[--rest] = it;
	}
	if (rc)
		return rc;
	qsort(items, own, sizeof(*items), by_place);
	qsort(items + own, n - own, sizeof(*items), by_place);
	*ret = interleave(c, items, own, items + own, n - own);
	return *ret ? 0 : smp_over(c);
}

int smp_list_order(struct smp *c, const char *key, yyjson_mut_val *merged, yyjson_val *order,
	yyjson_mut_val *server, yyjson_mut_val **ret)
{
	struct map want = { 0 }, have = { 0 };
	int rc = index_patch(c, key, order, &want);

	if (!rc && server)
		rc = index_list(c, key, server, &have);
	if (!rc)
		rc = arrange(c, key, merged, &want, &have, ret);
	map_finish(&want);
	map_finish(&have);
	return rc;
}

static bool deletes(yyjson_val *v)
{
	return yyjson_equals_str(yyjson_obj_get(v, SMP_PATCH), "delete");
}

int smp_list_check_order(struct smp *c, const char *key, yyjson_val *patch, yyjson_val *order)
{
	size_t n = yyjson_arr_size(patch), k = yyjson_arr_size(order), j = 0;
	yyjson_val *v = yyjson_arr_get_first(patch), *o = yyjson_arr_get_first(order);
	struct buf b BUF_AUTO = { 0 };
	const char *a, *want;

	if (!n || !k)
		return 0;
	for (size_t i = 0; i < n; i++, v = unsafe_yyjson_get_next(v)) {
		bool found = key && deletes(v);
		int rc = found ? 0 : patch_text(c, key, v, &a);
		for (; !rc && !found && j < k; j++, o = unsafe_yyjson_get_next(o)) {
			rc = patch_text(c, key, o, &want);
			found = !rc && !strcmp(a, want);
		}
		if (rc)
			return rc;
		if (!found)
			break;
		if (i + 1 == n)
			return 0;
	}
	buf_adds(&b, "The order in patch list:\n");
	doc_print_go(&b, patch);
	buf_adds(&b, "\n doesn't match " SMP_ORDER " list:\n");
	doc_print_go(&b, order);
	buf_addc(&b, '\n');
	return err_set(c->err, ERR_INTERNAL, "%s", b.failed ? "out of memory" : b.p);
}

/* ---- scalars ---- */
int smp_list_delete(struct smp *c, yyjson_mut_val *into, yyjson_val *patch, yyjson_mut_val **ret)
{
	struct map gone = { 0 };
	yyjson_mut_arr_iter it;
	const char *text;
	int rc = index_patch(c, NULL, patch, &gone);

	yyjson_mut_arr_iter_init(into, &it);
	for (yyjson_mut_val *v; !rc && (v = yyjson_mut_arr_iter_next(&it));) {
		rc = list_text(c, NULL, v, &text);
		if (!rc && map_get(&gone, text))
			doc_arr_iter_remove(&it);
	}
	map_finish(&gone);
	*ret = rc ? NULL : into;
	return rc;
}

/* Append what is neither on the server nor appended yet. */
static int union_scalars(struct smp *c, yyjson_mut_val *into, yyjson_val *patch, const struct map *server)
{
	struct map have = { 0 };
	yyjson_arr_iter it;
	const char *text;
	int rc = 0;

	yyjson_arr_iter_init(patch, &it);
	for (yyjson_val *v; !rc && (v = yyjson_arr_iter_next(&it));) {
		yyjson_mut_val *copy;
		rc = patch_text(c, NULL, v, &text);
		if (rc || map_get(server, text) || map_get(&have, text))
			continue;
		copy = yyjson_val_mut_copy(c->d, v);
		if (!copy || map_put(&have, text, (void *)1, NULL))
			rc = smp_over(c);
		else
			yyjson_mut_arr_append(into, copy);
	}
	map_finish(&have);
	return rc;
}

/* ---- elements with a merge key ---- */
struct elements {
	yyjson_mut_val **v;
	size_t n, cap;
	struct map at;             /* text to place plus one */
};

static int elements_add(struct smp *c, struct elements *e, const char *text, yyjson_mut_val *v)
{
	if (e->n == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 16;
		yyjson_mut_val **p = arena_realloc(c->a, e->v, e->cap * sizeof(*p), cap * sizeof(*p));
		if (!p)
			return smp_over(c);
		e->v = p;
		e->cap = cap;
	}
	e->v[e->n++] = v;
	if (!map_get(&e->at, text) && map_put(&e->at, text, (void *)(uintptr_t)e->n, NULL))
		return smp_over(c);
	return 0;
}

static int elements_load(struct smp *c, struct elements *e, const char *key, yyjson_mut_val *list,
	const struct map *deleted)
{
	yyjson_mut_arr_iter it;
	const char *text;
	int rc = 0;

	yyjson_mut_arr_iter_init(list, &it);
	for (yyjson_mut_val *v; !rc && (v = yyjson_mut_arr_iter_next(&it));) {
		rc = list_text(c, key, v, &text);
		if (!rc && !map_get(deleted, text))
			rc = elements_add(c, e, text, v);
	}
	return rc;
}

/* "$patch" in elements: what is deleted, and whether the patch is the whole list. */
static int special_elements(struct smp *c, const char *key, yyjson_val *patch, struct map *deleted, bool *ret_replace)
{
	yyjson_arr_iter it;
	const char *text;
	int rc = 0;

	yyjson_arr_iter_init(patch, &it);
	for (yyjson_val *v; !rc && (v = yyjson_arr_iter_next(&it));) {
		yyjson_val *directive = yyjson_obj_get(v, SMP_PATCH);
		if (!directive)
			continue;
		if (yyjson_equals_str(directive, "delete")) {
			rc = patch_text(c, key, v, &text);
			if (!rc && map_put(deleted, text, (void *)1, NULL))
				rc = smp_over(c);
		} else if (yyjson_equals_str(directive, "replace")) {
			*ret_replace = true;
		} else if (yyjson_equals_str(directive, "merge")) {
			rc = err_set(c->err, ERR_INTERNAL, "merging lists cannot yet be specified in the patch");
		} else {
			rc = smp_bad_directive(c, directive, v);
		}
	}
	return rc;
}

/* whole: the patch is the list; what it has twice is there twice. Source: strategicpatch, mergeSliceWithSpecialElements. */
static int merge_elements(struct smp *c, struct shape element, struct elements *e, const char *key, yyjson_val *patch,
	bool whole, struct map *order)
{
	yyjson_arr_iter it;
	const char *text;
	uintptr_t place = 0;
	int rc = 0;

	yyjson_arr_iter_init(patch, &it);
	for (yyjson_val *v; !rc && (v = yyjson_arr_iter_next(&it));) {
		yyjson_mut_val *merged = NULL;
		size_t at;
		if (yyjson_obj_get(v, SMP_PATCH))
			continue;
		rc = patch_text(c, key, v, &text);
		if (rc)
			break;
		place++;
		if (!map_get(order, text) && map_put(order, text, (void *)place, NULL))
			return smp_over(c);
		at = whole ? NOWHERE : position(&e->at, text);
		if (at != NOWHERE) {
			rc = smp_map(c, element, e->v[at], v, &merged);
			if (!rc)
				e->v[at] = merged;
		} else {
			rc = smp_clean(c, v, &merged);
			if (!rc && merged)
				rc = elements_add(c, e, text, merged);
		}
	}
	return rc;
}

static int list_by_key(struct smp *c, struct shape element, const char *key, yyjson_mut_val *into,
	yyjson_val *patch, const struct map *server, yyjson_mut_val **ret)
{
	struct elements e = { 0 };
	struct map order = { 0 }, deleted = { 0 };
	bool replace = false;
	int rc = special_elements(c, key, patch, &deleted, &replace);

	if (!rc && !replace)
		rc = elements_load(c, &e, key, into, &deleted);
	if (!rc)
		rc = merge_elements(c, element, &e, key, patch, replace, &order);
	if (!rc) {
		yyjson_mut_val *merged = yyjson_mut_arr(c->d);
		for (size_t i = 0; merged && i < e.n; i++)
			yyjson_mut_arr_append(merged, e.v[i]);
		rc = merged ? arrange(c, key, merged, &order, server, ret) : smp_over(c);
	}
	map_finish(&e.at);
	map_finish(&order);
	map_finish(&deleted);
	return rc;
}

int smp_list(struct smp *c, struct shape element, const char *key, yyjson_mut_val *into,
	yyjson_val *patch, yyjson_mut_val **ret)
{
	struct map server = { 0 }, order = { 0 };
	int rc;

	*ret = into;
	if (!yyjson_arr_size(patch))
		return 0;
	rc = index_list(c, key, into, &server);
	if (!rc && key) {
		rc = list_by_key(c, element, key, into, patch, &server, ret);
	} else if (!rc) {
		rc = index_patch(c, NULL, patch, &order);
		if (!rc)
			rc = union_scalars(c, into, patch, &server);
		if (!rc)
			rc = arrange(c, NULL, into, &order, &server, ret);
	}
	map_finish(&server);
	map_finish(&order);
	return rc;
}
