/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape - what a value is for merging: how the members or elements below it are
 * told apart, or that it is taken whole. For siblings only.
 *
 * A list without a list type is one value, and so are structs and maps marked
 * atomic. Where a type says nothing (raw extensions, preserved unknown fields)
 * the value decides: objects have members, lists are one value.
 * Source: structured-merge-diff, schema and typed packages.
 */
#ifndef KINDS_SHAPE_H
#define KINDS_SHAPE_H

#include "kinds/kinds.h"

enum shape_kind {
	SHAPE_LEAF,                    /* taken whole */
	SHAPE_STRUCT,                  /* members of .type */
	SHAPE_MAP,                     /* any members, each of .field's element, or ANY when NULL */
	SHAPE_SET,                     /* scalars, told apart by value */
	SHAPE_LIST,                    /* objects of .type, told apart by .field->list_keys */
	SHAPE_ANY,                     /* the value decides */
};
struct shape {
	enum shape_kind kind;
	const struct kinds_type *type;
	const struct kinds_field *field;
};

struct shape shape_of_type(const struct kinds_type *t);
struct shape shape_of_field(const struct kinds_field *f);
/* ANY becomes MAP or LEAF by looking at either side; NULLs are passed over. */
struct shape shape_settle(struct shape s, yyjson_mut_val *a, yyjson_mut_val *b);
/* A member's shape. *ret_field: its row when s is a STRUCT that declares it,
 * else NULL. False: the struct does not know it. hint as kinds_find_field's. */
bool shape_member(struct shape s, const char *key, size_t n, uint16_t hint, struct shape *ret,
	const struct kinds_field **ret_field);
/* An element's shape in a LIST or SET. */
struct shape shape_element(struct shape s);

#endif
