/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_set - the paths an applied configuration sets.
 *
 * Elements and keys of free maps are paths of their own; a struct's member only
 * when it is a value, null or empty.
 */
#include <string.h>

#include "kinds/apply.h"
#include "kinds/kinds_priv.h"

struct set_walk { struct apply *c; const char *problem; };

static void set_of(struct set_walk *w, struct shape s, yyjson_mut_val *v, const struct frame *at,
	struct fieldset *to);

/* The path of a frame, as messages have it. */
static void print_path(struct apply *c, struct buf *out, const struct frame *at)
{
	if (!at->up)
		return;
	print_path(c, out, at->up);
	if (at->type == 'f')
		buf_addc(out, '.');
	if (at->type == 'f')
		buf_add(out, at->key, at->len);
	else
		fieldset_print_element(c->a, out, at->key, at->len);
}

/* The first thing wrong with the list: x came before, or an element lacks a key. */
static void problem(struct set_walk *w, const struct frame *list, const struct items *t, const struct item *x)
{
	struct buf b BUF_AUTO = { 0 };

	if (w->problem)
		return;
	print_path(w->c, &b, list);
	if (x) {
		buf_adds(&b, ": duplicate entries for key ");
		fieldset_print_element(w->c->a, &b, x->key, x->len);
	} else {
		buf_printf(&b, ": element %zu: associative list with keys has an element that omits key field \"%s\" "
			"(and doesn't have default value)", t->lacking, t->lacks);
	}
	w->problem = b.failed ? "lists that cannot be merged" : arena_strndup(w->c->a, b.p, b.len);
	w->c->over |= !w->problem;
}

static void add_member(struct set_walk *w, struct shape s, bool declared, const char *key, size_t n, yyjson_mut_val *v,
	const struct frame *in, struct fieldset *to)
{
	struct frame at = { .up = in, .key = key, .len = n, .type = 'f' };
	struct fieldset *kid, nobodys = { 0 };
	const char *pe;

	if (apply_ignores(w->c, in, key, n)) {
		/* Nobody owns these, but their lists are merged all the same. */
		set_of(w, s, v, &at, &nobodys);
		return;
	}
	pe = item_field(w->c, key, n);
	kid = pe ? fieldset_add(w->c->a, to, pe, n + 2) : NULL;
	if (!kid) {
		w->c->over = true;
		return;
	}
	set_of(w, s, v, &at, kid);
	if (!declared || (yyjson_mut_is_obj(v) && !yyjson_mut_obj_size(v)))
		kid->member = true;
	if (!in->up && n == 8 && !memcmp(key, "metadata", 8))
		kid->member = false;
	fieldset_trim(to);
}

static void add_items(struct set_walk *w, struct shape s, struct items t, const struct frame *in, struct fieldset *to)
{
	for (size_t i = 0; i < t.n; i++) {
		const struct kinds_field *f;
		struct shape below;
		if (shape_member(s, t.v[i].key, t.v[i].len, 0, &below, &f))
			add_member(w, below, false, t.v[i].key, t.v[i].len, t.v[i].v, in, to);
	}
}

static void add_elements(struct set_walk *w, struct shape s, yyjson_mut_val *v, const struct frame *in,
	struct fieldset *to)
{
	struct items t = items_of_list(w->c, s, v);

	if (t.lacks)
		problem(w, in, &t, NULL);
	items_sort(&t);
	for (size_t i = 0; i < t.n; i++) {
		struct frame at = { .up = in, .key = t.v[i].key, .len = t.v[i].len, .type = 'e' };
		struct fieldset *kid;
		if (i && at.len == t.v[i - 1].len && !memcmp(at.key, t.v[i - 1].key, at.len)) {
			problem(w, in, &t, &t.v[i]);
			continue;
		}
		kid = fieldset_add(w->c->a, to, at.key, at.len);
		if (!kid) {
			w->c->over = true;
			return;
		}
		set_of(w, shape_element(s), t.v[i].v, &at, kid);
		kid->member = true;
	}
}

static void set_of(struct set_walk *w, struct shape s, yyjson_mut_val *v, const struct frame *at,
	struct fieldset *to)
{
	s = shape_settle(s, v, NULL);
	if (s.kind == SHAPE_LEAF || !yyjson_mut_is_ctn(v) ||
	    yyjson_mut_is_arr(v) != (s.kind == SHAPE_SET || s.kind == SHAPE_LIST)) {
		to->member = at->up != NULL;
	} else if (s.kind == SHAPE_STRUCT) {
		struct items rest;
		yyjson_mut_val **m = items_of_struct(w->c, s.type, v, &rest);
		for (uint16_t i = 0; m && i < s.type->field_count; i++)
			if (m[i])
				add_member(w, shape_of_field(&s.type->fields[i]), true, s.type->fields[i].name,
					s.type->fields[i].name_len, m[i], at, to);
		add_items(w, s, rest, at, to);
	} else if (s.kind == SHAPE_MAP) {
		add_items(w, s, items_of_map(w->c, v), at, to);
	} else {
		add_elements(w, s, v, at, to);
	}
}

void apply_set(struct apply *c, yyjson_mut_val *v, struct fieldset *ret, const char **ret_problem)
{
	struct set_walk w = { .c = c };
	struct frame root = { 0 };

	*ret = (struct fieldset){ 0 };
	set_of(&w, apply_root(c), v, &root, ret);
	fieldset_sort(ret);
	*ret_problem = w.problem;
}

/* ---- what decoding added ---- */
static bool is_zero_member(const struct kinds_field *f, yyjson_mut_val *v)
{
	switch (yyjson_mut_get_type(v)) {
	case YYJSON_TYPE_OBJ:
		return f->ptr == KP_VALUE && !yyjson_mut_obj_size(v);
	case YYJSON_TYPE_STR:
		return !yyjson_mut_get_len(v) || (f->value == KV_QUANTITY && yyjson_mut_equals_str(v, "0"));
	case YYJSON_TYPE_NUM:
		return yyjson_mut_get_num(v) == 0;
	case YYJSON_TYPE_BOOL:
		return !yyjson_mut_get_bool(v);
	default:
		return yyjson_mut_is_null(v);
	}
}

void apply_strip(struct apply *c, struct shape s, yyjson_mut_val *v)
{
	s = shape_settle(s, v, NULL);
	if (s.kind == SHAPE_LEAF || s.kind == SHAPE_SET || !yyjson_mut_is_ctn(v))
		return;
	if (yyjson_mut_is_arr(v)) {
		yyjson_mut_arr_iter it;
		yyjson_mut_arr_iter_init(v, &it);
		for (yyjson_mut_val *e; s.kind == SHAPE_LIST && (e = yyjson_mut_arr_iter_next(&it));)
			apply_strip(c, shape_element(s), e);
		return;
	}
	yyjson_mut_obj_iter it;
	yyjson_mut_obj_iter_init(v, &it);
	for (yyjson_mut_val *k; (k = yyjson_mut_obj_iter_next(&it));) {
		yyjson_mut_val *m = yyjson_mut_obj_iter_get_val(k);
		const struct kinds_field *f;
		struct shape below;
		if (!shape_member(s, yyjson_mut_get_str(k), yyjson_mut_get_len(k), 0, &below, &f))
			continue;
		apply_strip(c, below, m);
		if (f && f->card == KC_ONE && item_always(c, f) && is_zero_member(f, m))
			yyjson_mut_obj_iter_remove(&it);
	}
}
