/* SPDX-License-Identifier: Apache-2.0 */
/*
 * normal - changing an object without leaving its normal form: members stay in
 * the order of the type's table. For siblings only.
 *
 * t may be NULL, for a map: its members are in the order of their keys.
 */
#ifndef KINDS_NORMAL_H
#define KINDS_NORMAL_H

#include "base/map.h"
#include "kinds/kinds.h"

/* The member of that name, NULL when t has none. */
const struct kinds_field *normal_field(const struct kinds_type *t, const char *name, size_t len);
/* The type of its objects, or NULL. */
const struct kinds_type *normal_type(const struct kinds_type *t, const char *name);
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

/* Copies of from's members into the map at obj's member name, which is made. Where both
 * have a key, from's value counts when over, else the old one. Linear but for sorting. */
bool normal_merge(yyjson_mut_doc *d, const struct kinds_type *t, yyjson_mut_val *obj,
	const char *name, yyjson_mut_val *from, bool over);

/*
 * index - members of a map, or objects of a list by one of their members, found by
 * name: long ones through a hash, so that two long ones are compared in linear time.
 *   INDEX_AUTO struct index x = index_map(map);
 */
struct index { yyjson_mut_val *of; const char *by; struct map map; bool hashed; };
#define INDEX_AUTO __attribute__((cleanup(index_finish)))
struct index index_map(yyjson_mut_val *map);
struct index index_list(yyjson_mut_val *list, const char *by);
yyjson_mut_val *index_get(const struct index *x, const char *key);   /* NULL: none; the first of equals */
void index_finish(struct index *x);

#endif
