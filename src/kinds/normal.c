/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of a normal object are in table order, so the place of a new one is
 * found by walking object and table once, side by side.
 */
#include <stdlib.h>
#include <string.h>

#include "kinds/kinds_priv.h"
#include "kinds/normal.h"

const struct kinds_field *normal_field(const struct kinds_type *t, const char *name, size_t len)
{
	for (size_t i = 0; t && i < t->field_count; i++) {
		const struct kinds_field *f = &t->fields[i];
		if (f->name_len == len && !memcmp(f->name, name, len) && !(f->flags & KF_PROTO_ONLY))
			return f;
	}
	return NULL;
}

const struct kinds_type *normal_type(const struct kinds_type *t, const char *name)
{
	const struct kinds_field *f = normal_field(t, name, strlen(name));

	return f ? f->type : NULL;
}

bool normal_put(yyjson_mut_doc *d, const struct kinds_type *t, yyjson_mut_val *obj,
	const char *name, yyjson_mut_val *v)
{
	size_t len = strlen(name), place = 0, at = 0, count = yyjson_mut_obj_size(obj);
	const struct kinds_field *f = normal_field(t, name, len);
	yyjson_mut_obj_iter it;
	yyjson_mut_val *key;

	if (!v)
		return false;
	yyjson_mut_obj_iter_init(obj, &it);
	place = count;
	for (size_t n = 0; (key = yyjson_mut_obj_iter_next(&it)); n++) {
		if (yyjson_mut_equals_strn(key, name, len)) {
			key->next->tag = v->tag;
			key->next->uni = v->uni;
			return true;
		}
		if (place < count || (t && !f))
			continue;
		if (!t) {
			if (strcmp(yyjson_mut_get_str(key), name) > 0)
				place = n;
			continue;
		}
		const char *k = yyjson_mut_get_str(key);
		size_t n_key = yyjson_mut_get_len(key);
		for (size_t i = at; i < t->field_count; i++) {
			if (t->fields[i].name_len == n_key && !memcmp(t->fields[i].name, k, n_key)) {
				at = i;
				if (&t->fields[i] > f)
					place = n;
				break;
			}
		}
	}
	/* A custom type may be replaced before the document is written. */
	key = yyjson_mut_strncpy(d, name, len);
	return key && yyjson_mut_obj_insert(obj, key, v, place);
}

bool normal_put_str(yyjson_mut_doc *d, const struct kinds_type *t, yyjson_mut_val *obj,
	const char *name, const char *s)
{
	return normal_put(d, t, obj, name, yyjson_mut_strcpy(d, s));
}

bool normal_set(yyjson_mut_doc *d, const struct kinds_type *t, yyjson_mut_val *obj,
	const char *path, yyjson_mut_val *v)
{
	const char *dot;

	while ((dot = strchr(path, '.'))) {
		char name[128];
		size_t len = dot - path;
		if (len >= sizeof(name))
			return false;
		memcpy(name, path, len);
		name[len] = 0;
		const struct kinds_field *f = normal_field(t, name, len);
		yyjson_mut_val *m = yyjson_mut_obj_getn(obj, name, len);
		if (!yyjson_mut_is_obj(m)) {
			m = yyjson_mut_obj(d);
			if (!normal_put(d, t, obj, name, m))
				return false;
			m = yyjson_mut_obj_getn(obj, name, len);
		}
		obj = m;
		t = f && f->value == KV_OBJECT && f->card == KC_ONE ? f->type : NULL;
		path = dot + 1;
	}
	return normal_put(d, t, obj, path, v);
}

bool normal_unset(const struct kinds_field *f, yyjson_mut_val *v)
{
	if (!v || yyjson_mut_is_null(v))
		return true;
	if (f->ptr == KP_POINTER)
		return false;
	if (yyjson_mut_is_str(v))
		return !yyjson_mut_get_len(v);
	if (yyjson_mut_is_int(v))
		return !yyjson_mut_get_sint(v);
	if (yyjson_mut_is_real(v))
		return yyjson_mut_get_real(v) == 0;
	if (yyjson_mut_is_bool(v))
		return !yyjson_mut_get_bool(v);
	return yyjson_mut_is_ctn(v) && !yyjson_mut_get_len(v);
}

bool normal_take(yyjson_mut_doc *d, const struct kinds_type *t, yyjson_mut_val *to,
	yyjson_mut_val *from, const char *name)
{
	yyjson_mut_val *v = yyjson_mut_obj_get(from, name);

	if (!v) {
		yyjson_mut_obj_remove_key(to, name);
		return true;
	}
	return normal_put(d, t, to, name, yyjson_mut_val_mut_copy(d, v));
}

static size_t add_entries(struct kinds_entry *e, size_t n, yyjson_mut_doc *d, yyjson_mut_val *map, bool copies)
{
	yyjson_mut_obj_iter it;
	yyjson_mut_val *key;

	yyjson_mut_obj_iter_init(map, &it);
	for (; (key = yyjson_mut_obj_iter_next(&it)); n++) {
		yyjson_mut_val *v = yyjson_mut_obj_iter_get_val(key);
		e[n] = (struct kinds_entry){ .key = yyjson_mut_get_str(key), .len = yyjson_mut_get_len(key),
			.order = n, .value = copies ? yyjson_mut_val_mut_copy(d, v) : v };
	}
	return n;
}

bool normal_merge(yyjson_mut_doc *d, const struct kinds_type *t, yyjson_mut_val *obj,
	const char *name, yyjson_mut_val *from, bool over)
{
	yyjson_mut_val *to = yyjson_mut_obj_get(obj, name), *merged;
	size_t n = yyjson_mut_obj_size(to) + yyjson_mut_obj_size(from);

	if (!yyjson_mut_obj_size(from))
		return true;
	struct kinds_entry *e = calloc(n, sizeof(*e));
	if (!e)
		return false;
	n = over ? add_entries(e, 0, d, to, false) : add_entries(e, 0, d, from, true);
	n = over ? add_entries(e, n, d, from, true) : add_entries(e, n, d, to, false);
	n = kinds_sort_entries(e, n);
	bool ok = (merged = yyjson_mut_obj(d)) != NULL;
	for (size_t i = 0; ok && i < n; i++)
		ok = yyjson_mut_obj_add(merged, yyjson_mut_strncpy(d, e[i].key, e[i].len), e[i].value);
	free(e);
	return ok && normal_put(d, t, obj, name, merged);
}

#define INDEX_MIN 16   /* fewer are searched one by one */

struct index index_map(yyjson_mut_val *map)
{
	struct index x = { .of = yyjson_mut_is_obj(map) ? map : NULL };
	yyjson_mut_obj_iter it;
	yyjson_mut_val *key;

	x.hashed = yyjson_mut_obj_size(map) > INDEX_MIN;
	if (!x.hashed)
		return x;
	yyjson_mut_obj_iter_init(map, &it);
	while (x.hashed && (key = yyjson_mut_obj_iter_next(&it)))
		if (map_put(&x.map, yyjson_mut_get_str(key), yyjson_mut_obj_iter_get_val(key), NULL))
			x.hashed = false;    /* out of memory: slowly, then */
	return x;
}

struct index index_list(yyjson_mut_val *list, const char *by)
{
	struct index x = { .of = yyjson_mut_is_arr(list) ? list : NULL, .by = by };
	yyjson_mut_arr_iter it;
	yyjson_mut_val *m;

	x.hashed = yyjson_mut_arr_size(list) > INDEX_MIN;
	if (!x.hashed)
		return x;
	yyjson_mut_arr_iter_init(list, &it);
	while (x.hashed && (m = yyjson_mut_arr_iter_next(&it))) {
		const char *key = yyjson_mut_get_str(yyjson_mut_obj_get(m, by));
		if (key && !map_get(&x.map, key) && map_put(&x.map, key, m, NULL))
			x.hashed = false;
	}
	return x;
}

yyjson_mut_val *index_get(const struct index *x, const char *key)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *m;

	if (x->hashed)
		return map_get(&x->map, key);
	if (!x->by)
		return yyjson_mut_obj_get(x->of, key);
	yyjson_mut_arr_iter_init(x->of, &it);
	while ((m = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(m, x->by), key))
			return m;
	return NULL;
}

void index_finish(struct index *x)
{
	map_finish(&x->map);
}
