/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate_crd_schema - what every schema of a definition may say by itself: members that
 * are supported, extensions that go together, lists with keys.
 * Source: apiextensions pkg/apis/apiextensions/validation/validation.go.
 */
#include "kinds/validate_crd.h"

#define LIST_TYPE "x-kubernetes-list-type"
#define MAP_TYPE "x-kubernetes-map-type"
#define LIST_KEYS "x-kubernetes-list-map-keys"
#define RULES "x-kubernetes-validations"

static const struct { const char *name, *what; } unsupported[] = {
	{ "id", "id is not supported" }, { "additionalItems", "additionalItems is not supported" },
	{ "patternProperties", "patternProperties is not supported" }, { "definitions", "definitions is not supported" },
	{ "dependencies", "dependencies is not supported" }, { "$ref", "$ref is not supported" },
};
static const char *const lists[] = { "allOf", "oneOf", "anyOf" };

/* What holds where a schema stands. */
struct place {
	const char *no_default;            /* why a default may not be there, or NULL */
	bool in_meta;                      /* below metadata, kind or apiVersion of an object */
	bool root;
};

static bool is_type(yyjson_mut_val *s, const char *type)
{
	return v_is(s, "type", type);
}

static void check_supported(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s, const struct place *at)
{
	const char *type = v_str(s, "type");

	if (*type && !v_one_of(type, "array|boolean|integer|number|object|string"))
		v_unsupported(c, V_AT(p, "type"), type, "array|boolean|integer|number|object|string");
	if (yyjson_mut_obj_get(s, "default") && at->no_default)
		v_forbidden(c, V_AT(p, "default"), v_text(c, "must not be set %s", at->no_default));
	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
		if (yyjson_mut_obj_get(s, unsupported[i].name))
			v_forbidden(c, V_AT(p, unsupported[i].name), unsupported[i].what);
	if (!strcmp(type, "null"))
		v_forbidden(c, V_AT(p, "type"), "type cannot be set to null, use nullable as an alternative");
	if (yyjson_mut_is_arr(v_get(s, "items")))
		v_forbidden(c, V_AT(p, "items"), "items must be a schema object and not an array");
	if (at->in_meta && doc_mbool(s, "x-kubernetes-embedded-resource", false))
		v_forbidden(c, V_AT(p, "x-kubernetes-embedded-resource"), "must not be used inside of resource meta");
	if (doc_mbool(s, "uniqueItems", false))
		v_forbidden(c, V_AT(p, "uniqueItems"), "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
}

/* ---- extensions ---- */

/* An extension needs its type. */
static bool needs_type(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s, const char *extension, const char *want)
{
	const char *detail = v_text(c, "must be %s if %s is specified", want, extension);

	if (!v_get(s, extension) || is_type(s, want))
		return true;
	if (*v_str(s, "type"))
		v_invalid(c, V_AT(p, "type"), v_str(s, "type"), detail);
	else
		v_required(c, V_AT(p, "type"), detail);
	return false;
}

/* Items of a set are of one piece. */
static void check_set(struct vcheck *c, const struct vpath *p, yyjson_mut_val *items)
{
	static const char atomic[] = "must be atomic as item of a list with x-kubernetes-list-type=set";
	const char *list = v_str(items, LIST_TYPE);

	if (is_type(items, "array") && *list && strcmp(list, "atomic"))
		v_invalid(c, V_AT(V_AT(p, "items"), LIST_TYPE), list, atomic);
	else if (is_type(items, "object") && !v_is(items, MAP_TYPE, "atomic"))
		v_invalid_value(c, V_AT(V_AT(p, "items"), MAP_TYPE), v_get(items, MAP_TYPE), atomic);
}

static void check_keys(struct vcheck *c, const struct vpath *p, yyjson_mut_val *keys, yyjson_mut_val *items)
{
	const struct vpath *at = V_AT(p, LIST_KEYS), *props = V_AT(V_AT(p, "items"), "properties");
	V_SET seen = { 0 };

	V_EACH(i, key, keys) {
		const char *name = yyjson_mut_get_str(key);
		yyjson_mut_val *prop = v_get(v_get(items, "properties"), name);

		if (!prop)
			v_invalid_value(c, at, keys, "entries must all be names of item properties");
		else if (is_type(prop, "array") || is_type(prop, "object"))
			v_invalid(c, V_AT(V_KEY(props, name), "type"), v_str(items, "type"),
				"must be a scalar type if parent array's x-kubernetes-list-type is map");
		if (!v_first(&seen, name))
			v_invalid_value(c, at, keys, "must not contain duplicate entries");
	}
}

static void check_map(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s)
{
	yyjson_mut_val *keys = v_get(s, LIST_KEYS), *items = v_get(s, "items");
	const struct vpath *at = V_AT(p, "items");

	if (!yyjson_mut_arr_size(keys))
		v_required(c, V_AT(p, LIST_KEYS), "must not be empty if x-kubernetes-list-type is map");
	if (!items)
		v_required(c, at, "must have a schema if x-kubernetes-list-type is map");
	else if (yyjson_mut_is_arr(items))
		v_invalid_value(c, at, items, "must only have a single schema if x-kubernetes-list-type is map");
	else if (!is_type(items, "object"))
		v_invalid(c, V_AT(at, "type"), v_str(items, "type"), "must be object if parent array's x-kubernetes-list-type is map");
	else
		check_keys(c, p, keys, items);
}

static bool listed(yyjson_mut_val *list, const char *name)
{
	V_EACH(i, m, list)
		if (yyjson_mut_equals_str(m, name))
			return true;
	return false;
}

/* What tells items apart is there and not null. */
static void check_item_keys(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s)
{
	static const char head[] = "this property is in x-kubernetes-list-map-keys, so it";
	yyjson_mut_val *items = v_get(s, "items"), *required = v_get(items, "required");
	const char *list = v_str(s, LIST_TYPE);
	const struct vpath *at = V_AT(p, "items");

	if (!yyjson_mut_is_obj(items) || (strcmp(list, "set") && strcmp(list, "map")))
		return;
	if (doc_mbool(items, "nullable", false))
		v_forbidden(c, V_AT(at, "nullable"), v_text(c, "cannot be nullable when x-kubernetes-list-type is %s", list));
	V_EACH(i, key, strcmp(list, "map") ? NULL : v_get(s, LIST_KEYS)) {
		const char *name = yyjson_mut_get_str(key);
		yyjson_mut_val *prop = v_get(v_get(items, "properties"), name);
		const struct vpath *here = V_KEY(V_AT(at, "properties"), name);

		if (!prop)
			continue;
		if (!listed(required, name) && !yyjson_mut_obj_get(prop, "default"))
			v_required(c, V_AT(here, "default"), v_text(c, "%s must have a default or be a required property", head));
		if (doc_mbool(prop, "nullable", false))
			v_forbidden(c, V_AT(here, "nullable"), v_text(c, "%s cannot be nullable", head));
	}
}

static void check_extensions(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s)
{
	yyjson_mut_val *keep = yyjson_mut_obj_get(s, "x-kubernetes-preserve-unknown-fields"), *items = v_get(s, "items");
	const char *map = v_str(s, MAP_TYPE), *list = v_str(s, LIST_TYPE);
	static const char only_map[] = "must be map if x-kubernetes-list-map-keys is non-empty";

	if (yyjson_mut_is_false(keep))
		v_invalid_raw(c, V_AT(p, "x-kubernetes-preserve-unknown-fields"), "false", "must be true or undefined");
	needs_type(c, p, s, MAP_TYPE, "object");
	if (*map && !v_one_of(map, "atomic|granular"))
		v_unsupported(c, V_AT(p, MAP_TYPE), map, "atomic|granular");
	if (needs_type(c, p, s, LIST_TYPE, "array") && !strcmp(list, "set") && yyjson_mut_is_obj(items))
		check_set(c, p, items);
	if (*list && !v_one_of(list, "atomic|set|map"))
		v_unsupported(c, V_AT(p, LIST_TYPE), list, "atomic|set|map");
	if (yyjson_mut_arr_size(v_get(s, LIST_KEYS))) {
		if (!*list)
			v_required(c, V_AT(p, LIST_TYPE), only_map);
		else if (strcmp(list, "map"))
			v_invalid(c, V_AT(p, LIST_TYPE), list, only_map);
	}
	if (!strcmp(list, "map"))
		check_map(c, p, s);
	check_item_keys(c, p, s);
}

/* ---- rules in CEL: their form, not what they say ---- */

static bool lines(const char *s)
{
	size_t n = strlen(s);

	s += strspn(s, " \t\r\n\v\f");
	n = strlen(s);
	while (n && strchr(" \t\r\n\v\f", s[n - 1]))
		n--;
	return memchr(s, '\n', n) || memchr(s, '\r', n);
}

static void check_rules(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s)
{
	V_EACH(i, m, v_get(s, RULES)) {
		const struct vpath *at = V_ITEM(V_AT(p, RULES), i);
		const char *rule = v_str(m, "rule"), *message = v_str(m, "message"), *reason = v_str(m, "reason");
		const char *expression = v_str(m, "messageExpression"), *field = v_str(m, "fieldPath");

		if (v_blank(rule))
			v_required(c, V_AT(at, "rule"), "rule is not specified");
		else if (*message && v_blank(message))
			v_invalid(c, V_AT(at, "message"), message, "message must be non-empty if specified");
		else if (lines(message))
			v_invalid(c, V_AT(at, "message"), message, "message must not contain line breaks");
		else if (lines(rule) && v_blank(message))
			v_required(c, V_AT(at, "message"), "message must be specified if rule contains line breaks");
		if (*expression && v_blank(expression))
			v_required(c, V_AT(at, "messageExpression"), "messageExpression must be non-empty if specified");
		if (*reason && !v_one_of(reason, "FieldValueDuplicate|FieldValueForbidden|FieldValueInvalid|FieldValueRequired"))
			v_unsupported(c, V_AT(at, "reason"), reason,
				"FieldValueDuplicate|FieldValueForbidden|FieldValueInvalid|FieldValueRequired");
		if (*field && v_blank(field))
			v_invalid(c, V_AT(at, "fieldPath"), field, "fieldPath must be non-empty if specified");
		if (strpbrk(field, "\r\n"))
			v_invalid(c, V_AT(at, "fieldPath"), field, "fieldPath must not contain line breaks");
	}
}

/* ---- all of them ---- */

static void check(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s, struct place at);

static void check_properties(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s, struct place at)
{
	bool object = at.root || doc_mbool(s, "x-kubernetes-embedded-resource", false);

	V_MEMBERS(key, m, v_get(s, "properties")) {
		struct place below = { at.no_default, at.in_meta, false };

		if (object && v_one_of(key, "metadata|kind|apiVersion")) {
			below.in_meta = true;
			if (at.root)
				below.no_default = v_text(c, "in top-level %s", key);
		}
		check(c, V_KEY(V_AT(p, "properties"), key), m, below);
	}
}

static void check(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s, struct place at)
{
	yyjson_mut_val *more = yyjson_mut_obj_get(s, "additionalProperties"), *items = v_get(s, "items");
	struct place below = { at.no_default, at.in_meta, false };

	check_supported(c, p, s, &at);
	if (more && yyjson_mut_obj_size(v_get(s, "properties")) && !yyjson_mut_is_true(more))
		v_forbidden(c, V_AT(p, "additionalProperties"), "additionalProperties and properties are mutual exclusive");
	if (yyjson_mut_is_obj(more)) {
		struct place inside = below;

		if (at.in_meta)
			inside.no_default = "inside additionalProperties applying to object metadata";
		check(c, V_AT(p, "additionalProperties"), more, inside);
	}
	check_properties(c, p, s, at);
	if (v_get(s, "not"))
		check(c, V_AT(p, "not"), v_get(s, "not"), below);
	for (size_t j = 0; j < sizeof(lists) / sizeof(lists[0]); j++)
		V_EACH(i, m, v_get(s, lists[j]))
			check(c, V_ITEM(V_AT(p, lists[j]), i), m, below);
	if (yyjson_mut_is_obj(items))
		check(c, V_AT(p, "items"), items, below);
	V_EACH(i, m, yyjson_mut_is_arr(items) ? items : NULL)
		check(c, V_ITEM(V_AT(p, "items"), i), m, below);
	check_extensions(c, p, s);
	check_rules(c, p, s);
}

void crd_schema(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s)
{
	check(c, p, s, (struct place){ .root = true });
}

bool crd_schema_unsupported(yyjson_mut_val *s)
{
	yyjson_mut_val *items = v_get(s, "items");

	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
		if (yyjson_mut_obj_get(s, unsupported[i].name))
			return true;
	if (yyjson_mut_is_arr(items) || (items && crd_schema_unsupported(items)) ||
	    (yyjson_mut_is_obj(v_get(s, "additionalProperties")) && crd_schema_unsupported(v_get(s, "additionalProperties"))) ||
	    (v_get(s, "not") && crd_schema_unsupported(v_get(s, "not"))))
		return true;
	for (size_t j = 0; j < sizeof(lists) / sizeof(lists[0]); j++)
		V_EACH(i, m, v_get(s, lists[j]))
			if (crd_schema_unsupported(m))
				return true;
	V_MEMBERS(key, m, v_get(s, "properties"))
		if (crd_schema_unsupported(m))
			return true;
	return false;
}
