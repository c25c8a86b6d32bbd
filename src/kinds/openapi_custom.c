/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi_custom - schemas of custom kinds: what the definition says, with
 * metadata, kind and apiVersion as every object has them.
 *
 * Version 2 knows no combinations of schemas, null or defaults: they are left out.
 * Source: apiextensions pkg/controller/openapi/builder.
 */
#include <string.h>

#include "kinds/kinds_custom.h"
#include "kinds/openapi.h"

static bool left_out(const struct openapi *o, const char *key)
{
	static const char *const keys[] = { "allOf", "anyOf", "default", "not", "nullable", "oneOf" };

	for (size_t i = 0; o->v2 && i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(key, keys[i]))
			return true;
	return false;
}

static void add_raw(struct openapi *o, const char *key, yyjson_val *v)
{
	BUF_AUTO struct buf b = {0};

	if (doc_write(&b, v))
		o->out->failed = true;
	else
		openapi_raw(o, key, b.p);
}

static void add_schema(struct openapi *o, const char *key, yyjson_val *v);

static void add_properties(struct openapi *o, const char *key, yyjson_val *v)
{
	yyjson_obj_iter it;
	yyjson_val *name;

	openapi_open(o, key, '{');
	yyjson_obj_iter_init(v, &it);
	while ((name = yyjson_obj_iter_next(&it)))
		add_schema(o, yyjson_get_str(name), yyjson_obj_iter_get_val(name));
	openapi_close(o, '}');
}

static void add_members(struct openapi *o, yyjson_val *v, bool root)
{
	yyjson_obj_iter it;
	yyjson_val *name;

	yyjson_obj_iter_init(v, &it);
	while ((name = yyjson_obj_iter_next(&it))) {
		const char *key = yyjson_get_str(name);
		yyjson_val *m = yyjson_obj_iter_get_val(name);

		if (left_out(o, key) || (root && !strcmp(key, "properties")))
			continue;
		if (!strcmp(key, "properties"))
			add_properties(o, key, m);
		else if (yyjson_is_obj(m) && (!strcmp(key, "items") || !strcmp(key, "additionalProperties")))
			add_schema(o, key, m);
		else
			add_raw(o, key, m);
	}
}

static void add_schema(struct openapi *o, const char *key, yyjson_val *v)
{
	openapi_open(o, key, '{');
	add_members(o, v, false);
	openapi_close(o, '}');
}

static void add_meta(struct openapi *o, const char *meta_type)
{
	const struct kinds_type *pod = kinds_type_by_name("core/v1.Pod");

	openapi_open(o, "apiVersion", '{');
	openapi_str(o, "description", kinds_describe(pod, 1));
	openapi_str(o, "type", "string");
	openapi_close(o, '}');
	openapi_open(o, "kind", '{');
	openapi_str(o, "description", kinds_describe(pod, 0));
	openapi_str(o, "type", "string");
	openapi_close(o, '}');
	openapi_ref(o, "metadata", kinds_type_by_name(meta_type));
}

static void add_gvk(struct openapi *o, const struct kinds_kind *k, const char *kind)
{
	openapi_open(o, "x-kubernetes-group-version-kind", '[');
	openapi_open(o, NULL, '{');
	openapi_str(o, "group", k->group);
	openapi_str(o, "kind", kind);
	openapi_str(o, "version", k->version);
	openapi_close(o, '}');
	openapi_close(o, ']');
}

void openapi_custom_schemas(struct openapi *o, const struct kinds_kind *k)
{
	yyjson_val *schema = kinds_custom_of(k)->schema, *props = yyjson_obj_get(schema, "properties"), *name;
	char key[OPENAPI_NAME_MAX];
	yyjson_obj_iter it;

	openapi_type_name(key, k->type);
	openapi_open(o, key, '{');
	add_members(o, schema, true);
	openapi_open(o, "properties", '{');
	add_meta(o, "meta/v1.ObjectMeta");
	yyjson_obj_iter_init(props, &it);
	while ((name = yyjson_obj_iter_next(&it))) {
		const char *s = yyjson_get_str(name);

		if (strcmp(s, "apiVersion") && strcmp(s, "kind") && strcmp(s, "metadata"))
			add_schema(o, s, yyjson_obj_iter_get_val(name));
	}
	openapi_close(o, '}');
	add_gvk(o, k, k->kind);
	openapi_close(o, '}');

	openapi_type_name(key, kinds_type_by_gvk(k->group, k->version, k->list_kind));
	openapi_open(o, key, '{');
	openapi_str(o, "type", "object");
	openapi_raw(o, "required", "[\"items\"]");
	openapi_open(o, "properties", '{');
	add_meta(o, "meta/v1.ListMeta");
	openapi_open(o, "items", '{');
	openapi_str(o, "type", "array");
	openapi_ref(o, "items", k->type);
	openapi_close(o, '}');
	openapi_close(o, '}');
	add_gvk(o, k, k->list_kind);
	openapi_close(o, '}');
}
