/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_compare - what a write added, changed and removed, path by path.
 *
 * A container that comes or goes is a path of its own beside what is in it. A
 * member that JSON always writes is there, as zero, whenever its struct is: so
 * the new Deployment's spec is no news, but the first annotation's map is.
 */
#include <string.h>

#include "kinds/apply.h"

enum { ADDED, MODIFIED, REMOVED };

/* One side of a comparison. zero: absent from the tree, there as a zero value. */
struct side { yyjson_mut_val *v; bool zero; };

static bool there(struct side s)
{
	return s.v || s.zero;
}

static struct fieldset *node(struct apply *c, int which, struct frame *f)
{
	struct fieldset *up;

	if (f->node[which])
		return f->node[which];
	up = node(c, which, (struct frame *)(uintptr_t)f->up);
	if (!up)
		return NULL;
	if (f->type == 'f') {
		const char *pe = item_field(c, f->key, f->len);
		if (pe)
			f->node[which] = fieldset_add(c->a, up, pe, f->len + 2);
	} else {
		f->node[which] = fieldset_add(c->a, up, f->key, f->len);
	}
	c->over |= !f->node[which];
	return f->node[which];
}

static void note(struct apply *c, int which, struct frame *f)
{
	struct fieldset *n;

	if (!f->up)
		return;
	if (!f->up->up && f->type == 'f' && f->len == 8 && !memcmp(f->key, "metadata", 8))
		return;
	n = node(c, which, f);
	if (n)
		n->member = true;
}

static bool is_zero(yyjson_mut_val *v)
{
	switch (yyjson_mut_get_type(v)) {
	case YYJSON_TYPE_OBJ:
		return !yyjson_mut_obj_size(v);
	case YYJSON_TYPE_STR:
		return !yyjson_mut_get_len(v) || yyjson_mut_equals_str(v, "0");
	case YYJSON_TYPE_NUM:
		return yyjson_mut_get_num(v) == 0;
	case YYJSON_TYPE_BOOL:
		return !yyjson_mut_get_bool(v);
	case YYJSON_TYPE_NULL:
		return true;
	default:
		return false;
	}
}

static bool leaf_equal(struct side l, struct side r)
{
	if (l.v && r.v)
		return doc_mequal(l.v, r.v);
	return (!l.v || is_zero(l.v)) && (!r.v || is_zero(r.v));
}

static void come_or_go(struct apply *c, struct side l, struct side r, struct frame *at)
{
	if (!there(l))
		note(c, ADDED, at);
	else if (!there(r))
		note(c, REMOVED, at);
}

static void leaf(struct apply *c, struct side l, struct side r, struct frame *at)
{
	if (there(l) && there(r)) {
		if (!leaf_equal(l, r))
			note(c, MODIFIED, at);
	} else if (there(l) || there(r)) {
		come_or_go(c, l, r, at);
	}
}

static void compare(struct apply *c, struct shape s, struct side l, struct side r, struct frame *at);

static void member(struct apply *c, struct shape s, const char *key, size_t n, struct side l, struct side r,
	struct frame *in)
{
	struct frame at = { .up = in, .key = key, .len = n, .type = 'f' };

	if ((there(l) || there(r)) && !apply_ignores(c, in, key, n))
		compare(c, s, l, r, &at);
}

static void compare_items(struct apply *c, struct shape s, struct items l, struct items r, struct frame *in)
{
	const struct kinds_field *f;
	size_t i = 0, j = 0;

	while (i < l.n || j < r.n) {
		struct shape below;
		size_t n;
		int cmp = i == l.n ? 1 : j == r.n ? -1 : 0;
		if (!cmp) {
			n = l.v[i].len < r.v[j].len ? l.v[i].len : r.v[j].len;
			cmp = memcmp(l.v[i].key, r.v[j].key, n);
			if (!cmp && l.v[i].len != r.v[j].len)
				cmp = l.v[i].len < r.v[j].len ? -1 : 1;
		}
		const struct item *x = cmp <= 0 ? &l.v[i] : &r.v[j];
		if (shape_member(s, x->key, x->len, 0, &below, &f))
			member(c, below, x->key, x->len, (struct side){ cmp <= 0 ? l.v[i].v : NULL, false },
				(struct side){ cmp >= 0 ? r.v[j].v : NULL, false }, in);
		i += cmp <= 0;
		j += cmp >= 0;
	}
}

static void compare_struct(struct apply *c, struct shape s, struct side l, struct side r, struct frame *in)
{
	struct items lrest, rrest;
	yyjson_mut_val **lv = items_of_struct(c, s.type, l.v, &lrest);
	yyjson_mut_val **rv = items_of_struct(c, s.type, r.v, &rrest);

	if (!lv || !rv)
		return;
	for (uint16_t i = 0; i < s.type->field_count; i++) {
		const struct kinds_field *f = &s.type->fields[i];
		bool always;
		if (!lv[i] && !rv[i] && (c->as_sent || there(l) == there(r)))
			continue;
		always = item_always(c, f);
		member(c, shape_of_field(f), f->name, f->name_len, (struct side){ lv[i], always && there(l) },
			(struct side){ rv[i], always && there(r) && !c->as_sent }, in);
	}
	if (lrest.n || rrest.n)
		compare_items(c, s, lrest, rrest, in);
}

/* How many elements from i on share its name. */
static size_t run(const struct items *t, size_t i)
{
	size_t n = 1;

	while (i + n < t->n && t->v[i].len == t->v[i + n].len && !memcmp(t->v[i].key, t->v[i + n].key, t->v[i].len))
		n++;
	return n;
}

/* Elements of one name; more than one of them on a side are compared whole. */
static void compare_element(struct apply *c, struct shape s, const struct item *l, size_t ln, const struct item *r,
	size_t rn, struct frame *in)
{
	const struct item *x = ln ? l : r;
	struct frame at = { .up = in, .key = x->key, .len = x->len, .type = 'e' };
	bool same = ln == rn;

	if (ln <= 1 && rn <= 1) {
		compare(c, s, (struct side){ ln ? l->v : NULL, false }, (struct side){ rn ? r->v : NULL, false }, &at);
		return;
	}
	for (size_t i = 0; same && i < ln; i++)
		same = doc_mequal(l[i].v, r[i].v);
	if (!same)
		note(c, !ln ? ADDED : !rn ? REMOVED : MODIFIED, &at);
}

static void compare_list(struct apply *c, struct shape s, struct side l, struct side r, struct frame *in)
{
	struct items lt = items_of_list(c, s, l.v), rt = items_of_list(c, s, r.v);
	struct shape element = shape_element(s);
	size_t i = 0, j = 0;

	items_sort(&lt);
	items_sort(&rt);
	while (i < lt.n || j < rt.n) {
		size_t ln = i < lt.n ? run(&lt, i) : 0, rn = j < rt.n ? run(&rt, j) : 0;
		if (ln && rn) {
			size_t n = lt.v[i].len < rt.v[j].len ? lt.v[i].len : rt.v[j].len;
			int cmp = memcmp(lt.v[i].key, rt.v[j].key, n);
			if (!cmp && lt.v[i].len != rt.v[j].len)
				cmp = lt.v[i].len < rt.v[j].len ? -1 : 1;
			if (cmp < 0)
				rn = 0;
			else if (cmp > 0)
				ln = 0;
		}
		compare_element(c, element, lt.v ? lt.v + i : NULL, ln, rt.v ? rt.v + j : NULL, rn, in);
		i += ln;
		j += rn;
	}
}

static void compare(struct apply *c, struct shape s, struct side l, struct side r, struct frame *at)
{
	bool list;

	s = shape_settle(s, l.v, r.v);
	list = s.kind == SHAPE_SET || s.kind == SHAPE_LIST;
	if (s.kind == SHAPE_LEAF || (l.v && yyjson_mut_is_arr(l.v) != list) || (r.v && yyjson_mut_is_arr(r.v) != list) ||
	    (l.v && !yyjson_mut_is_ctn(l.v)) || (r.v && !yyjson_mut_is_ctn(r.v)) ||
	    (!yyjson_mut_get_len(l.v) && !yyjson_mut_get_len(r.v) && !(s.kind == SHAPE_STRUCT && l.zero != r.zero))) {
		leaf(c, l, r, at);
		return;
	}
	if (list)
		compare_list(c, s, l, r, at);
	else if (s.kind == SHAPE_STRUCT)
		compare_struct(c, s, l, r, at);
	else
		compare_items(c, s, items_of_map(c, l.v), items_of_map(c, r.v), at);
	come_or_go(c, l, r, at);
}

void apply_compare(struct apply *c, yyjson_mut_val *l, yyjson_mut_val *r, struct difference *ret)
{
	struct frame root = { .node = { &ret->added, &ret->modified, &ret->removed } };

	*ret = (struct difference){ 0 };
	compare(c, apply_root(c), (struct side){ l, true }, (struct side){ r, true }, &root);
	fieldset_sort(&ret->added);
	fieldset_sort(&ret->modified);
	fieldset_sort(&ret->removed);
}
