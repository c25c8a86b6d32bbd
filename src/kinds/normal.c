// SPDX-License-Identifier: Apache-2.0
/*
 * Members of a normal object are in table order, so the place of a new one is
 * found by walking object and table once, side by side.
 */
#include <string.h>

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
