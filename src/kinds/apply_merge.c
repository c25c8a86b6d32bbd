/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_merge - the live object with what the configuration sets, as a new tree.
 * What was sent is taken as sent; decoding the result makes it normal.
 *
 * Elements of merged lists come in the configuration's order; those only the
 * live list has keep their place between the shared ones.
 */
#include <string.h>

#include "base/map.h"
#include "kinds/apply.h"
#include "kinds/kinds_priv.h"

static yyjson_mut_val *merge(struct apply *c, struct shape s, yyjson_mut_val *l, yyjson_mut_val *r);

static yyjson_mut_val *copy(struct apply *c, yyjson_mut_val *v)
{
	v = yyjson_mut_val_mut_copy(c->d, v);
	c->over |= !v;
	return v;
}

static void add(struct apply *c, yyjson_mut_val *obj, const char *key, size_t n, yyjson_mut_val *v)
{
	c->over |= !yyjson_mut_obj_add(obj, yyjson_mut_strncpy(c->d, key, n), v);
}

static int item_cmp(const struct item *a, const struct item *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int cmp = memcmp(a->key, b->key, n);

	return cmp ? cmp : a->len < b->len ? -1 : a->len > b->len;
}

static void merge_items(struct apply *c, struct shape s, struct items l, struct items r, yyjson_mut_val *out)
{
	size_t i = 0, j = 0;

	while (i < l.n || j < r.n) {
		int cmp = i == l.n ? 1 : j == r.n ? -1 : item_cmp(&l.v[i], &r.v[j]);
		const struct item *x = cmp <= 0 ? &l.v[i] : &r.v[j];
		const struct kinds_field *f;
		struct shape below;
		if (shape_member(s, x->key, x->len, 0, &below, &f))
			add(c, out, x->key, x->len, merge(c, below, cmp <= 0 ? l.v[i].v : NULL, cmp >= 0 ? r.v[j].v : NULL));
		i += cmp <= 0;
		j += cmp >= 0;
	}
}

static void merge_struct(struct apply *c, struct shape s, yyjson_mut_val *l, yyjson_mut_val *r, yyjson_mut_val *out)
{
	struct items lrest, rrest;
	yyjson_mut_val **lv = items_of_struct(c, s.type, l, &lrest);
	yyjson_mut_val **rv = items_of_struct(c, s.type, r, &rrest);

	for (uint16_t i = 0; lv && rv && i < s.type->field_count; i++) {
		const struct kinds_field *f = &s.type->fields[i];
		if (lv[i] || rv[i])
			add(c, out, f->name, f->name_len, merge(c, shape_of_field(f), lv[i], rv[i]));
	}
	if (lrest.n || rrest.n)
		merge_items(c, s, lrest, rrest, out);
}

/* ---- lists ---- */
struct lists {
	struct items l, r;
	struct map lat, rat;           /* path element to place plus one; of equals the first */
	bool *merged;                  /* of r, by place */
	size_t *shared, nshared, next; /* places in r of what both have, in r's order */
};

static size_t place(const struct map *m, const struct item *x)
{
	uintptr_t at = (uintptr_t)map_getn(m, x->key, x->len);

	return at ? at - 1 : SIZE_MAX;
}

static void index_items(struct apply *c, const struct items *t, struct map *m)
{
	for (size_t i = 0; i < t->n; i++)
		if (!map_getn(m, t->v[i].key, t->v[i].len) &&
		    map_put(m, t->v[i].key, (void *)(uintptr_t)(i + 1), NULL))
			c->over = true;
}

static void append(struct apply *c, struct shape element, yyjson_mut_val *l, yyjson_mut_val *r, yyjson_mut_val *out)
{
	yyjson_mut_val *v = merge(c, element, l, r);

	if (v)
		yyjson_mut_arr_append(out, v);
}

static void take_right(struct apply *c, struct lists *t, struct shape element, size_t j, yyjson_mut_val *out)
{
	size_t i = place(&t->lat, &t->r.v[j]);

	t->merged[j] = true;
	append(c, element, i == SIZE_MAX ? NULL : t->l.v[i].v, t->r.v[j].v, out);
	if (t->next < t->nshared && t->shared[t->next] == j)
		t->next++;
}

static void merge_in_order(struct apply *c, struct lists *t, struct shape element, yyjson_mut_val *out)
{
	size_t i = 0, j = 0;

	while (i < t->l.n || j < t->r.n) {
		size_t other = i < t->l.n ? place(&t->rat, &t->l.v[i]) : SIZE_MAX;
		if (i < t->l.n && other == SIZE_MAX) {
			/* Only live has it. */
			append(c, element, t->l.v[i++].v, NULL, out);
			continue;
		}
		if (i < t->l.n && (t->merged[other] ||
		    (j < t->r.n && t->next < t->nshared && t->shared[t->next] != other))) {
			/* Done already, or its turn comes in the configuration's order. */
			i++;
			continue;
		}
		if (j < t->r.n) {
			i += other == j;
			take_right(c, t, element, j++, out);
		} else {
			i++;
		}
	}
}

static void merge_list(struct apply *c, struct shape s, yyjson_mut_val *l, yyjson_mut_val *r, yyjson_mut_val *out)
{
	struct lists t = { .l = items_of_list(c, s, l), .r = items_of_list(c, s, r) };

	t.merged = arena_zalloc(c->a, t.r.n + 1);
	t.shared = arena_alloc(c->a, (t.r.n + 1) * sizeof(*t.shared));
	index_items(c, &t.l, &t.lat);
	index_items(c, &t.r, &t.rat);
	if (t.merged && t.shared && !c->over) {
		for (size_t j = 0; j < t.r.n; j++)
			if (place(&t.lat, &t.r.v[j]) != SIZE_MAX)
				t.shared[t.nshared++] = j;
		merge_in_order(c, &t, shape_element(s), out);
	} else {
		c->over = true;
	}
	map_finish(&t.lat);
	map_finish(&t.rat);
}

static yyjson_mut_val *merge(struct apply *c, struct shape s, yyjson_mut_val *l, yyjson_mut_val *r)
{
	yyjson_mut_val *out, *one = r ? r : l;
	bool list;

	/* null empties a value; what has members of its own to name keeps them. */
	if (r && yyjson_mut_is_null(r) && yyjson_mut_get_len(l) &&
	    (s.kind == SHAPE_ANY ? yyjson_mut_is_obj(l) : s.kind != SHAPE_LEAF && yyjson_mut_is_ctn(l)))
		return copy(c, l);
	s = shape_settle(s, l, r);
	list = s.kind == SHAPE_SET || s.kind == SHAPE_LIST;
	if (s.kind == SHAPE_LEAF || !yyjson_mut_is_ctn(one) || yyjson_mut_is_arr(one) != list)
		return copy(c, one);
	if (l && yyjson_mut_get_type(l) != yyjson_mut_get_type(one))
		l = NULL;
	/* What only live has stays as it is, duplicates and all. */
	if (!r)
		return copy(c, l);
	out = list ? yyjson_mut_arr(c->d) : yyjson_mut_obj(c->d);
	if (!out || c->over)
		c->over = true;
	else if (list)
		merge_list(c, s, l, r, out);
	else if (s.kind == SHAPE_STRUCT)
		merge_struct(c, s, l, r, out);
	else
		merge_items(c, s, items_of_map(c, l), items_of_map(c, r), out);
	return out;
}

yyjson_mut_val *apply_merge(struct apply *c, yyjson_mut_val *live, yyjson_mut_val *applied)
{
	return merge(c, apply_root(c), live, applied);
}
