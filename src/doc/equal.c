/* SPDX-License-Identifier: Apache-2.0 */
/*
 * equal - semantic comparison of JSON trees, stored or mutable.
 *
 * Members usually come in one order, so two objects are first read in step; from
 * where they part, the rest is sorted by key. That keeps hostile objects at
 * n log n.
 */
#include <stdlib.h>
#include <string.h>

#include "doc/doc_priv.h"

struct walk walk_open(struct node n)
{
	struct walk w = { .mut = n.mut, .obj = unsafe_yyjson_is_obj(n.v), .left = unsafe_yyjson_get_len(n.v) };

	if (!w.left)
		return w;
	if (!n.mut)
		w.cur = unsafe_yyjson_get_first(n.v);
	else if (w.obj)
		w.cur = ((yyjson_mut_val *)((yyjson_mut_val *)n.v)->uni.ptr)->next->next;
	else
		w.cur = ((yyjson_mut_val *)((yyjson_mut_val *)n.v)->uni.ptr)->next;
	return w;
}

static void *after(const struct walk *w, void *v)
{
	return w->mut ? (void *)((yyjson_mut_val *)v)->next : (void *)unsafe_yyjson_get_next(v);
}

bool walk_next(struct walk *w, struct node *ret_key, struct node *ret_val)
{
	if (!w->left)
		return false;
	w->left--;
	if (w->obj) {
		*ret_key = (struct node){ w->cur, w->mut };
		w->cur = after(w, w->cur);
	}
	*ret_val = (struct node){ w->cur, w->mut };
	/* The last value of a stored tree may be the end of its memory. */
	if (w->left)
		w->cur = after(w, w->cur);
	return true;
}

static bool str_equal(struct node a, struct node b)
{
	size_t n = unsafe_yyjson_get_len(a.v);

	return n == unsafe_yyjson_get_len(b.v) &&
		!memcmp(unsafe_yyjson_get_str(a.v), unsafe_yyjson_get_str(b.v), n);
}

static bool num_equal(struct node a, struct node b)
{
	bool ar = unsafe_yyjson_is_real(a.v), br = unsafe_yyjson_is_real(b.v);

	if (ar || br)
		return unsafe_yyjson_get_num(a.v) == unsafe_yyjson_get_num(b.v);
	/* Same 64 bits; they differ in value only when one is over INT64_MAX and
	 * the other negative. */
	return unsafe_yyjson_get_uint(a.v) == unsafe_yyjson_get_uint(b.v) &&
		(unsafe_yyjson_is_uint(a.v) == unsafe_yyjson_is_uint(b.v) ||
		 unsafe_yyjson_get_uint(a.v) <= INT64_MAX);
}

struct member { struct node key, val; size_t at; };

static int by_key(const void *pa, const void *pb)
{
	const struct member *a = pa, *b = pb;
	size_t an = unsafe_yyjson_get_len(a->key.v), bn = unsafe_yyjson_get_len(b->key.v);
	int c;

	if (an != bn)
		return an < bn ? -1 : 1;
	c = memcmp(unsafe_yyjson_get_str(a->key.v), unsafe_yyjson_get_str(b->key.v), an);
	if (c)
		return c;
	return a->at < b->at ? -1 : a->at > b->at;
}

/* What is left of w, nulls left out, by key. Caller frees. */
static struct member *sorted(struct walk w, size_t *ret_n)
{
	struct member *m = malloc((w.left ? w.left : 1) * sizeof(*m)), one;

	*ret_n = 0;
	while (m && walk_next(&w, &one.key, &one.val)) {
		if (unsafe_yyjson_is_null(one.val.v))
			continue;
		one.at = *ret_n;
		m[(*ret_n)++] = one;
	}
	if (m)
		qsort(m, *ret_n, sizeof(*m), by_key);
	return m;
}

static bool rest_equal(struct walk a, struct walk b)
{
	size_t an, bn;
	struct member *ma = sorted(a, &an), *mb = sorted(b, &bn);
	/* Out of memory reads as a difference: the caller then writes once more
	 * than it needed to. */
	bool same = ma && mb && an == bn;

	for (size_t i = 0; same && i < an; i++)
		same = str_equal(ma[i].key, mb[i].key) && node_equal(ma[i].val, mb[i].val);
	free(ma);
	free(mb);
	return same;
}

/* The next member that is not null. */
static bool next_set(struct walk *w, struct node *k, struct node *v)
{
	while (walk_next(w, k, v))
		if (!unsafe_yyjson_is_null(v->v))
			return true;
	return false;
}

static bool obj_equal(struct node a, struct node b)
{
	struct walk wa = walk_open(a), wb = walk_open(b);

	for (;;) {
		struct walk a0 = wa, b0 = wb;
		struct node ka, kb, va, vb;
		bool ha = next_set(&wa, &ka, &va), hb = next_set(&wb, &kb, &vb);
		if (!ha && !hb)
			return true;
		if (ha != hb)
			return false;
		if (!str_equal(ka, kb))
			return rest_equal(a0, b0);
		if (!node_equal(va, vb))
			return false;
	}
}

static bool arr_equal(struct node a, struct node b)
{
	struct walk wa = walk_open(a), wb = walk_open(b);
	struct node k, va, vb;

	if (wa.left != wb.left)
		return false;
	while (walk_next(&wa, &k, &va) && walk_next(&wb, &k, &vb))
		if (!node_equal(va, vb))
			return false;
	return true;
}

bool node_equal(struct node a, struct node b)
{
	if (a.v == b.v)
		return true;
	if (!a.v || !b.v)
		return unsafe_yyjson_is_null(a.v ? a.v : b.v);
	if (unsafe_yyjson_get_type(a.v) != unsafe_yyjson_get_type(b.v))
		return false;
	switch (unsafe_yyjson_get_type(a.v)) {
	case YYJSON_TYPE_OBJ:
		return obj_equal(a, b);
	case YYJSON_TYPE_ARR:
		return arr_equal(a, b);
	case YYJSON_TYPE_NUM:
		return num_equal(a, b);
	case YYJSON_TYPE_RAW:
	case YYJSON_TYPE_STR:
		return str_equal(a, b);
	default:
		return unsafe_yyjson_get_tag(a.v) == unsafe_yyjson_get_tag(b.v);
	}
}

bool doc_equal(yyjson_val *a, yyjson_val *b)
{
	return node_equal((struct node){ a, false }, (struct node){ b, false });
}

bool doc_mequal(yyjson_mut_val *a, yyjson_mut_val *b)
{
	return node_equal((struct node){ a, true }, (struct node){ b, true });
}
