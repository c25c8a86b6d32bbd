/* SPDX-License-Identifier: Apache-2.0 */
/*
 * normal - changing an object without leaving its normal form: members stay in
 * the order of the type's table. For siblings only.
 *
 * t may be NULL, for a map: its members are in the order of their keys.
 */
#ifndef KINDS_NORMAL_H
#define KINDS_NORMAL_H

#include "kinds/kinds.h"

/* The member of that name, NULL when t has none. */
const struct kinds_field *normal_field(const struct kinds_type *t, const char *name, size_t len);
/* Set a member; v belongs to d and may not be used afterwards, look the member up. False over the cap. */
bool normal_put(yyjson_mut_doc *d, const struct kinds_type *t, yyjson_mut_val *obj,
	const char *name, yyjson_mut_val *v);
bool normal_put_str(yyjson_mut_doc *d, const struct kinds_type *t, yyjson_mut_val *obj,
	const char *name, const char *s);
/* Like doc_mset, but each level in table order; parents are made. */
bool normal_set(yyjson_mut_doc *d, const struct kinds_type *t, yyjson_mut_val *obj,
	const char *path, yyjson_mut_val *v);
/* Whether v is what f holds when nobody set it: nil for pointers, else the zero value. */
bool normal_unset(const struct kinds_field *f, yyjson_mut_val *v);
/* Make to's member what from's is (a copy), also when that is absent. */
bool normal_take(yyjson_mut_doc *d, const struct kinds_type *t, yyjson_mut_val *to,
	yyjson_mut_val *from, const char *name);

#endif
