/* SPDX-License-Identifier: Apache-2.0 */
/* shape - the type tables read as ways to merge. */
#include "kinds/shape.h"

#include "kinds/kinds_priv.h"

static const struct shape leaf = { .kind = SHAPE_LEAF };
static const struct shape any = { .kind = SHAPE_ANY };

struct shape shape_of_type(const struct kinds_type *t)
{
	return t->atomic ? leaf : (struct shape){ .kind = SHAPE_STRUCT, .type = t };
}

/* One element of f. */
static struct shape of_value(const struct kinds_field *f)
{
	switch ((enum kinds_value)f->value) {
	case KV_OBJECT:
		return f->type ? shape_of_type(f->type) : any;
	case KV_RAW:
	case KV_JSON:
		return any;
	default:
		return leaf;
	}
}

struct shape shape_of_field(const struct kinds_field *f)
{
	if (f->flags & KF_ATOMIC_MAP)
		return leaf;
	switch ((enum kinds_card)f->card) {
	case KC_LIST:
		if (f->list == KL_SET)
			return (struct shape){ .kind = SHAPE_SET, .field = f };
		if (f->list == KL_MAP && f->list_keys && f->type)
			return (struct shape){ .kind = SHAPE_LIST, .field = f, .type = f->type };
		return leaf;
	case KC_MAP:
		return (struct shape){ .kind = SHAPE_MAP, .field = f };
	default:
		return of_value(f);
	}
}

struct shape shape_settle(struct shape s, yyjson_mut_val *a, yyjson_mut_val *b)
{
	if (s.kind != SHAPE_ANY)
		return s;
	if ((!a || yyjson_mut_is_obj(a)) && (!b || yyjson_mut_is_obj(b)))
		return (struct shape){ .kind = SHAPE_MAP };
	return leaf;
}

bool shape_member(struct shape s, const char *key, size_t n, uint16_t hint, struct shape *ret,
	const struct kinds_field **ret_field)
{
	const struct kinds_field *f;

	*ret_field = NULL;
	if (s.kind != SHAPE_STRUCT) {
		*ret = s.field ? of_value(s.field) : any;
		return true;
	}
	f = kinds_find_field(s.type, key, n, hint);
	if (f) {
		*ret_field = f;
		*ret = shape_of_field(f);
		return true;
	}
	if (s.type->items) {
		*ret = shape_of_field(s.type->items);
		return true;
	}
	*ret = any;
	return s.type->keep_unknown;
}

struct shape shape_element(struct shape s)
{
	return s.kind == SHAPE_LIST ? (struct shape){ .kind = SHAPE_STRUCT, .type = s.type } : leaf;
}
