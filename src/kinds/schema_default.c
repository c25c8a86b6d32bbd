/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_default - defaults of custom objects: an absent member, and null where it may
 * not be, become what the schema says, at every level, parents before their members.
 *
 * Runs on each write, and on what is read of objects older than their schema.
 * Source: apiextensions pkg/apiserver/schema/defaulting/algorithm.go.
 */
#include "kinds/normal.h"
#include "kinds/schema.h"

static bool value(yyjson_mut_doc *d, const struct kinds_schema *s, yyjson_mut_val *v, bool root);

static bool missing(yyjson_mut_val *m, const struct kinds_schema *s)
{
	return !m || (yyjson_mut_is_null(m) && !s->nullable);
}

static bool object(yyjson_mut_doc *d, const struct kinds_schema *s, yyjson_mut_val *v, bool root)
{
	yyjson_mut_obj_iter it;
	yyjson_mut_val *key;

	for (uint16_t i = 0; i < s->property_count; i++) {
		const struct schema_property *p = &s->properties[i];

		if (p->schema->dflt && missing(yyjson_mut_obj_get(v, p->name), p->schema) &&
				!normal_put(d, NULL, v, p->name, yyjson_val_mut_copy(d, p->schema->dflt)))
			return false;
	}
	yyjson_mut_obj_iter_init(v, &it);
	while ((key = yyjson_mut_obj_iter_next(&it))) {
		const char *name = yyjson_mut_get_str(key);
		const struct schema_property *p = schema_property(s, name, yyjson_mut_get_len(key));
		const struct kinds_schema *of = p ? p->schema : s->additional;

		/* Metadata is filled by the server alone. */
		if (of && !(root && !strcmp(name, "metadata")) && !value(d, of, yyjson_mut_obj_iter_get_val(key), false))
			return false;
	}
	return true;
}

static bool value(yyjson_mut_doc *d, const struct kinds_schema *s, yyjson_mut_val *v, bool root)
{
	if (yyjson_mut_is_obj(v))
		return object(d, s, v, root);
	if (!yyjson_mut_is_arr(v) || !s->items)
		return true;

	yyjson_mut_arr_iter it;
	yyjson_mut_val *item;

	yyjson_mut_arr_iter_init(v, &it);
	while ((item = yyjson_mut_arr_iter_next(&it))) {
		if (s->items->dflt && missing(item, s->items)) {
			yyjson_mut_val *copy = yyjson_val_mut_copy(d, s->items->dflt);

			if (!copy)
				return false;
			*item = (yyjson_mut_val){ .tag = copy->tag, .uni = copy->uni, .next = item->next };
		}
		if (!value(d, s->items, item, false))
			return false;
	}
	return true;
}

bool schema_default(yyjson_mut_doc *d, const struct kinds_schema *s, yyjson_mut_val *v)
{
	return value(d, s, v, true);
}
