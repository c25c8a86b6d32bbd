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

static void set_of(struct apply *c, struct shape s, yyjson_mut_val *v, const struct frame *at,
	struct fieldset *to);

static void add_member(struct apply *c, struct shape s, bool declared, const char *key, size_t n, yyjson_mut_val *v,
	const struct frame *in, struct fieldset *to)
{
	struct frame at = { .up = in, .key = key, .len = n, .type = 'f' };
	struct fieldset *kid;
	const char *pe;

	if (apply_ignores(c, in, key, n))
		return;
	pe = item_field(c, key, n);
	kid = pe ? fieldset_add(c->a, to, pe, n + 2) : NULL;
	if (!kid) {
		c->over = true;
		return;
	}
	set_of(c, s, v, &at, kid);
	if (!declared || (yyjson_mut_is_obj(v) && !yyjson_mut_obj_size(v)))
		kid->member = true;
	if (!in->up && n == 8 && !memcmp(key, "metadata", 8))
		kid->member = false;
	fieldset_trim(to);
}

static void add_items(struct apply *c, struct shape s, struct items t, const struct frame *in, struct fieldset *to)
{
	for (size_t i = 0; i < t.n; i++) {
		const struct kinds_field *f;
		struct shape below;
		if (shape_member(s, t.v[i].key, t.v[i].len, 0, &below, &f))
			add_member(c, below, false, t.v[i].key, t.v[i].len, t.v[i].v, in, to);
	}
}

static void add_elements(struct apply *c, struct shape s, yyjson_mut_val *v, const struct frame *in,
	struct fieldset *to)
{
	struct items t = items_of_list(c, s, v);

	items_sort(&t);
	for (size_t i = 0; i < t.n; i++) {
		struct frame at = { .up = in, .key = t.v[i].key, .len = t.v[i].len, .type = 'e' };
		struct fieldset *kid;
		if (i && at.len == t.v[i - 1].len && !memcmp(at.key, t.v[i - 1].key, at.len))
			continue;
		kid = fieldset_add(c->a, to, at.key, at.len);
		if (!kid) {
			c->over = true;
			return;
		}
		set_of(c, shape_element(s), t.v[i].v, &at, kid);
		kid->member = true;
	}
}

static void set_of(struct apply *c, struct shape s, yyjson_mut_val *v, const struct frame *at,
	struct fieldset *to)
{
	s = shape_settle(s, v, NULL);
	if (s.kind == SHAPE_LEAF || !yyjson_mut_is_ctn(v) ||
	    yyjson_mut_is_arr(v) != (s.kind == SHAPE_SET || s.kind == SHAPE_LIST)) {
		to->member = at->up != NULL;
	} else if (s.kind == SHAPE_STRUCT) {
		struct items rest;
		yyjson_mut_val **m = items_of_struct(c, s.type, v, &rest);
		for (uint16_t i = 0; m && i < s.type->field_count; i++)
			if (m[i])
				add_member(c, shape_of_field(&s.type->fields[i]), true, s.type->fields[i].name,
					s.type->fields[i].name_len, m[i], at, to);
		add_items(c, s, rest, at, to);
	} else if (s.kind == SHAPE_MAP) {
		add_items(c, s, items_of_map(c, v), at, to);
	} else {
		add_elements(c, s, v, at, to);
	}
}

void apply_set(struct apply *c, yyjson_mut_val *v, struct fieldset *ret)
{
	struct frame root = { 0 };

	*ret = (struct fieldset){ 0 };
	set_of(c, apply_root(c), v, &root, ret);
	fieldset_sort(ret);
}
