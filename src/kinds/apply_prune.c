/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_prune - what the manager applied last time, applies no more, and nobody
 * else owns, goes.
 *
 * A struct's member counts as in a set when anything below it is: members of
 * structs are seldom written down themselves.
 */
#include <string.h>

#include "kinds/apply.h"
#include "kinds/kinds_priv.h"

static bool holds(const struct fieldset *s, bool declared)
{
	return s && (s->member || (declared && s->n));
}

/* The n owners one level down, or NULL where there is nothing; true: one of
 * them owns this very path. */
static bool descend(const struct fieldset *const *owners, size_t n, const char *pe, size_t len, bool declared,
	const struct fieldset **ret)
{
	bool owned = false;

	for (size_t i = 0; i < n; i++) {
		ret[i] = owners[i] ? fieldset_find(owners[i], pe, len) : NULL;
		owned = owned || holds(ret[i], declared);
	}
	return owned;
}

static void prune(struct apply *c, struct shape s, yyjson_mut_val *v, const struct fieldset *last,
	const struct fieldset *const *owners, size_t n);

/* True: the value at this path (of a struct's member f, else NULL) goes. Below
 * it, what must go is gone already; an emptied container goes too, unless it is
 * owned or always written. */
static bool prune_value(struct apply *c, struct shape s, yyjson_mut_val *v, const struct fieldset *last,
	const struct kinds_field *f, const char *pe, size_t len, const struct fieldset *const *owners, size_t n)
{
	const struct fieldset **below = arena_alloc(c->a, (n + 1) * sizeof(*below));
	const struct fieldset *here = fieldset_find(last, pe, len);
	bool was_empty, owned;

	if (!below) {
		c->over = true;
		return false;
	}
	if (!here)
		return false;
	owned = descend(owners, n, pe, len, f != NULL, below);
	if (!owned && holds(here, f != NULL))
		return true;
	if (!here->n || !yyjson_mut_is_ctn(v))
		return false;
	was_empty = !yyjson_mut_get_len(v);
	prune(c, s, v, here, below, n);
	if (was_empty || yyjson_mut_get_len(v))
		return false;
	if (f && f->card != KC_ONE && !c->kind->custom)
		return f->omit != KO_NEVER;
	return !owned;
}

static void prune_object(struct apply *c, struct shape s, yyjson_mut_val *v, const struct fieldset *last,
	const struct fieldset *const *owners, size_t n)
{
	yyjson_mut_obj_iter it;

	yyjson_mut_obj_iter_init(v, &it);
	for (yyjson_mut_val *k; (k = yyjson_mut_obj_iter_next(&it));) {
		const char *key = yyjson_mut_get_str(k);
		size_t len = yyjson_mut_get_len(k);
		const struct kinds_field *f;
		struct shape below;
		const char *pe = item_field(c, key, len);
		if (pe && shape_member(s, key, len, 0, &below, &f) &&
		    prune_value(c, below, yyjson_mut_obj_iter_get_val(k), last, f, pe, len + 2, owners, n))
			yyjson_mut_obj_iter_remove(&it);
	}
}

static void prune_list(struct apply *c, struct shape s, yyjson_mut_val *v, const struct fieldset *last,
	const struct fieldset *const *owners, size_t n)
{
	struct items t = items_of_list(c, s, v);
	yyjson_mut_arr_iter it;

	yyjson_mut_arr_iter_init(v, &it);
	for (size_t i = 0; i < t.n && yyjson_mut_arr_iter_next(&it); i++)
		if (prune_value(c, shape_element(s), t.v[i].v, last, NULL, t.v[i].key, t.v[i].len, owners, n))
			doc_arr_iter_remove(&it);
}

static void prune(struct apply *c, struct shape s, yyjson_mut_val *v, const struct fieldset *last,
	const struct fieldset *const *owners, size_t n)
{
	s = shape_settle(s, v, NULL);
	if (s.kind == SHAPE_LEAF)
		return;
	if (yyjson_mut_is_obj(v) && (s.kind == SHAPE_STRUCT || s.kind == SHAPE_MAP))
		prune_object(c, s, v, last, owners, n);
	else if (yyjson_mut_is_arr(v) && (s.kind == SHAPE_LIST || s.kind == SHAPE_SET))
		prune_list(c, s, v, last, owners, n);
}

void apply_prune(struct apply *c, yyjson_mut_val *v, const struct fieldset *last,
	const struct fieldset *const *owners, size_t n)
{
	prune(c, apply_root(c), v, last, owners, n);
}
