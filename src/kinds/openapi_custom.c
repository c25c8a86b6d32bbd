/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi_custom - schemas of custom kinds: what the definition says, with metadata, kind
 * and apiVersion as every object has them; the same for embedded objects.
 *
 * Version 2 knows no combinations of schemas and no null; kubectl's validation by it
 * refuses what is not listed, so where anything may be, nothing is listed.
 * Source: apiextensions pkg/controller/openapi/builder/builder.go, v2/conversion.go,
 * pkg/apiserver/schema/unfold.go.
 */
#include <string.h>

#include "kinds/custom.h"
#include "kinds/openapi.h"
#include "kinds/schema.h"

#define INT_OR_STRING "[{\"type\":\"integer\"},{\"type\":\"string\"}]"

static bool is_set(yyjson_val *v, const char *name)
{
	return yyjson_is_true(yyjson_obj_get(v, name));
}

static bool keeps_unknown(yyjson_val *v) { return is_set(v, "x-kubernetes-preserve-unknown-fields"); }
static bool is_embedded(yyjson_val *v) { return is_set(v, "x-kubernetes-embedded-resource"); }

/* Members a reader of the document has no use for, or that the version does not know. */
static bool left_out(const struct openapi *o, const char *key, yyjson_val *v)
{
	static const char *const never[] = { "$schema", "example", "externalDocs" };
	static const char *const not_v2[] = { "allOf", "anyOf", "not", "nullable", "oneOf" };
	bool no_members = o->v2 && (keeps_unknown(v) || is_set(v, "nullable"));

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (!strcmp(key, never[i]))
			return true;
	for (size_t i = 0; o->v2 && i < sizeof(not_v2) / sizeof(not_v2[0]); i++)
		if (!strcmp(key, not_v2[i]))
			return true;
	if (!strcmp(key, "items") || !strcmp(key, "properties"))
		return no_members;
	if (strcmp(key, "type") || !o->v2)
		return false;
	const char *type = yyjson_get_str(yyjson_obj_get(v, "type"));

	return is_set(v, "nullable") || (type && !strcmp(type, "array") && (no_members || !yyjson_obj_get(v, "items"))) ||
		(type && !strcmp(type, "object") && keeps_unknown(v));
}

static void add_raw(struct openapi *o, const char *key, yyjson_val *v)
{
	BUF_AUTO struct buf b = {0};

	if (doc_write(&b, v))
		o->out->failed = true;
	else
		openapi_raw(o, key, b.p);
}

/* ---- members every object has ---- */

static void add_text(struct openapi *o, const char *key, const char *description)
{
	openapi_open(o, key, '{');
	openapi_str(o, "description", description);
	openapi_str(o, "type", "string");
	openapi_close(o, '}');
}

static void add_meta(struct openapi *o, const char *meta_type)
{
	const struct kinds_type *pod = kinds_type_by_name("core/v1.Pod"), *meta = kinds_type_by_name(meta_type);

	add_text(o, "apiVersion", kinds_describe(pod, 1));
	add_text(o, "kind", kinds_describe(pod, 0));
	openapi_open(o, "metadata", '{');
	openapi_str(o, "description", kinds_describe(pod, 2));
	if (o->v2) {
		openapi_ref_member(o, meta);
	} else {
		openapi_open(o, "allOf", '[');
		openapi_ref(o, NULL, meta);
		openapi_close(o, ']');
	}
	openapi_close(o, '}');
}

/* ---- schemas ---- */

static void add_members(struct openapi *o, yyjson_val *v, bool object);

static void add_schema(struct openapi *o, const char *key, yyjson_val *v)
{
	bool object = is_embedded(v) && !(o->v2 && keeps_unknown(v));

	openapi_open(o, key, '{');
	add_members(o, v, object);
	openapi_close(o, '}');
}

static void add_properties(struct openapi *o, yyjson_val *props, bool object)
{
	yyjson_obj_iter it;
	yyjson_val *name;

	openapi_open(o, "properties", '{');
	if (object)
		add_meta(o, "meta/v1.ObjectMeta");
	yyjson_obj_iter_init(props, &it);
	while ((name = yyjson_obj_iter_next(&it)))
		if (!object || !schema_is_meta(yyjson_get_str(name)))
			add_schema(o, yyjson_get_str(name), yyjson_obj_iter_get_val(name));
	openapi_close(o, '}');
}

/* In version 2 what may be null is not required. */
static void add_required(struct openapi *o, yyjson_val *v, bool embedded)
{
	yyjson_val *list = yyjson_obj_get(v, "required"), *props = yyjson_obj_get(v, "properties"), *name;
	bool any = false, kind = false, version = false;
	size_t i, n;

	if (o->v2 && is_set(yyjson_obj_get(v, "additionalProperties"), "nullable"))
		list = NULL;
	yyjson_arr_foreach(list, i, n, name) {
		const char *s = yyjson_get_str(name);

		if (!s || (o->v2 && is_set(yyjson_obj_get(props, s), "nullable")))
			continue;
		if (!any)
			openapi_open(o, "required", '[');
		any = true;
		kind |= !strcmp(s, "kind");
		version |= !strcmp(s, "apiVersion");
		openapi_str(o, NULL, s);
	}
	if (embedded && !any)
		openapi_open(o, "required", '[');
	if (embedded && !kind)
		openapi_str(o, NULL, "kind");
	if (embedded && !version)
		openapi_str(o, NULL, "apiVersion");
	if (any || embedded)
		openapi_close(o, ']');
}

/* object: with the members every object has. */
static void add_members(struct openapi *o, yyjson_val *v, bool object)
{
	yyjson_obj_iter it;
	yyjson_val *name;

	yyjson_obj_iter_init(v, &it);
	while ((name = yyjson_obj_iter_next(&it))) {
		const char *key = yyjson_get_str(name);
		yyjson_val *m = yyjson_obj_iter_get_val(name);

		if (left_out(o, key, v) || !strcmp(key, "required") || (object && !strcmp(key, "properties")))
			continue;
		if (!strcmp(key, "properties"))
			add_properties(o, m, false);
		else if (yyjson_is_obj(m) && (!strcmp(key, "items") || !strcmp(key, "additionalProperties")))
			add_schema(o, key, m);
		else
			add_raw(o, key, m);
	}
	add_required(o, v, object && is_embedded(v));
	if (object)
		add_properties(o, o->v2 && is_set(v, "nullable") ? NULL : yyjson_obj_get(v, "properties"), true);
	if (!o->v2 && is_set(v, "x-kubernetes-int-or-string") && !yyjson_obj_get(v, "anyOf") && !yyjson_obj_get(v, "allOf"))
		openapi_raw(o, "anyOf", INT_OR_STRING);
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

static void add_list(struct openapi *o, const struct kinds_kind *k)
{
	char key[OPENAPI_NAME_MAX], text[2 * OPENAPI_NAME_MAX];

	openapi_type_name(key, custom_list_type(k));
	openapi_open(o, key, '{');
	snprintf(text, sizeof(text), "%s is a list of %s", k->list_kind, k->kind);
	openapi_str(o, "description", text);
	openapi_str(o, "type", "object");
	openapi_raw(o, "required", "[\"items\"]");
	openapi_open(o, "properties", '{');
	add_meta(o, "meta/v1.ListMeta");
	openapi_open(o, "items", '{');
	snprintf(text, sizeof(text), "List of %s.", k->plural);
	openapi_str(o, "description", text);
	openapi_str(o, "type", "array");
	openapi_ref(o, "items", k->type);
	openapi_close(o, '}');
	openapi_close(o, '}');
	add_gvk(o, k, k->list_kind);
	openapi_close(o, '}');
}

void openapi_custom_schemas(struct openapi *o, const struct kinds_kind *k)
{
	ARENA_AUTO struct arena *a = arena_open(CUSTOM_DEFINITION_MAX);
	yyjson_val *schema = a ? kinds_custom_schema(k, a) : NULL;
	char key[OPENAPI_NAME_MAX];

	openapi_type_name(key, k->type);
	openapi_open(o, key, '{');
	if (!schema || (o->v2 && keeps_unknown(schema)))
		openapi_str(o, "type", "object");
	else
		add_members(o, schema, true);
	add_gvk(o, k, k->kind);
	openapi_close(o, '}');
	add_list(o, k);
}
