/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi_schema - types as OpenAPI schemas, named and shaped as upstream's.
 *
 * Source: kube-openapi (names, allOf around references, extensions).
 */
#include <stdio.h>
#include <string.h>

#include "kinds/openapi.h"

#define META "io.k8s.apimachinery.pkg.apis.meta.v1."
#define EXT "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."

/* Values with a schema of their own name: its two forms. */
static const struct scalar {
	enum kinds_value value;
	const char *name, *v3, *v2;
} scalars[] = {
	{ KV_TIME, META "Time", "\"type\":\"string\",\"format\":\"date-time\"", NULL },
	{ KV_MICROTIME, META "MicroTime", "\"type\":\"string\",\"format\":\"date-time\"", NULL },
	{ KV_DURATION, META "Duration", "\"type\":\"string\"", NULL },
	{ KV_QUANTITY, "io.k8s.apimachinery.pkg.api.resource.Quantity",
		"\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]", "\"type\":\"string\"" },
	{ KV_INT_OR_STRING, "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
		"\"format\":\"int-or-string\",\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]",
		"\"type\":\"string\",\"format\":\"int-or-string\"" },
	{ KV_RAW, "io.k8s.apimachinery.pkg.runtime.RawExtension", "\"type\":\"object\"", NULL },
	{ KV_FIELDSV1, META "FieldsV1", "\"type\":\"object\"", NULL },
	{ KV_JSON, EXT "JSON", "\"description\":\"Any JSON value.\"", NULL },
	{ KV_PROPS_OR_ARRAY, EXT "JSONSchemaPropsOrArray",
		"\"description\":\"A JSON schema or an array of them.\"", NULL },
	{ KV_PROPS_OR_BOOL, EXT "JSONSchemaPropsOrBool",
		"\"description\":\"A JSON schema or a boolean.\"", NULL },
	{ KV_PROPS_OR_STRINGS, EXT "JSONSchemaPropsOrStringArray",
		"\"description\":\"A JSON schema or an array of strings.\"", NULL },
};

/* ---- writing ---- */

static void start(struct openapi *o, const char *key)
{
	struct buf *b = o->out;
	char last = b->len ? b->p[b->len - 1] : '{';

	if (last != '{' && last != '[')
		buf_addc(b, ',');
	if (key) {
		buf_add_json(b, key, strlen(key));
		buf_addc(b, ':');
	}
}

void openapi_open(struct openapi *o, const char *key, char bracket)
{
	start(o, key);
	buf_addc(o->out, bracket);
}

void openapi_close(struct openapi *o, char bracket)
{
	buf_addc(o->out, bracket);
}

void openapi_str(struct openapi *o, const char *key, const char *value)
{
	start(o, key);
	buf_add_json(o->out, value, strlen(value));
}

void openapi_raw(struct openapi *o, const char *key, const char *json)
{
	start(o, key);
	buf_adds(o->out, json);
}

/* Members written out already ("a":1,"b":2). */
static void members(struct openapi *o, const char *json)
{
	start(o, NULL);
	buf_adds(o->out, json);
}

/* ---- names and references ---- */

/* "k8s.io.api.core.v1.Pod" is "io.k8s.api.core.v1.Pod" in OpenAPI; a custom
 * kind's group is turned around. */
void openapi_type_name(char out[OPENAPI_NAME_MAX], const struct kinds_type *t)
{
	size_t group = strcspn(t->name, "/"), end = group, n = 0;

	if (t->proto) {
		snprintf(out, OPENAPI_NAME_MAX, "io.k8s%s", t->proto + strlen("k8s.io"));
		for (char *p = out; *p; p++)
			if (*p == '_')
				*p = '-';
		return;
	}
	while (end) {
		size_t start = end;

		while (start && t->name[start - 1] != '.')
			start--;
		n += (size_t)snprintf(out + n, OPENAPI_NAME_MAX - n, "%.*s.", (int)(end - start), t->name + start);
		end = start ? start - 1 : 0;
		if (n >= OPENAPI_NAME_MAX)
			return;
	}
	snprintf(out + n, OPENAPI_NAME_MAX - n, "%s", t->name + group + 1);
}

static void add_name(struct buf *b, const struct kinds_type *t)
{
	char name[OPENAPI_NAME_MAX];

	openapi_type_name(name, t);
	buf_adds(b, name);
}

static bool is_builtin(const struct kinds_type *t)
{
	return t >= kinds_types && t < kinds_types + kinds_type_count;
}

static const struct scalar *scalar_of(uint8_t value)
{
	for (size_t i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++)
		if (scalars[i].value == value)
			return &scalars[i];
	return NULL;
}

static const char *ref_prefix(const struct openapi *o)
{
	return o->v2 ? "#/definitions/" : "#/components/schemas/";
}

static bool noted(struct openapi *o, const struct kinds_type *t)
{
	size_t i = (size_t)(t - kinds_types);

	return o->types[i / 64] >> (i % 64) & 1;
}

void openapi_reach(struct openapi *o, const struct kinds_type *t)
{
	size_t i = (size_t)(t - kinds_types);

	if (!is_builtin(t) || !t->proto || noted(o, t))
		return;
	o->types[i / 64] |= 1ULL << (i % 64);
	for (uint16_t n = 0; n < t->field_count; n++) {
		const struct kinds_field *f = &t->fields[n];

		if (scalar_of(f->value))
			o->scalars |= 1U << f->value;
		if (f->type)
			openapi_reach(o, f->type);
	}
}

void openapi_ref(struct openapi *o, const char *key, const struct kinds_type *t)
{
	openapi_reach(o, t);
	start(o, key);
	buf_printf(o->out, "{\"$ref\":\"%s", ref_prefix(o));
	add_name(o->out, t);
	buf_adds(o->out, "\"}");
}

void openapi_ref_member(struct openapi *o, const struct kinds_type *t)
{
	openapi_reach(o, t);
	start(o, "$ref");
	buf_printf(o->out, "\"%s", ref_prefix(o));
	add_name(o->out, t);
	buf_addc(o->out, '"');
}

/* The reference of an object or named scalar, without braces; false: inline. */
static bool add_ref(struct openapi *o, const struct kinds_field *f)
{
	const struct scalar *s = scalar_of(f->value);

	if (f->value != KV_OBJECT && !s)
		return false;
	start(o, "$ref");
	buf_printf(o->out, "\"%s", ref_prefix(o));
	if (s)
		buf_adds(o->out, s->name);
	else
		add_name(o->out, f->type);
	buf_addc(o->out, '"');
	return true;
}

/* ---- values ---- */

static const char *inline_type(const struct kinds_field *f)
{
	switch ((enum kinds_value)f->value) {
	case KV_INT32: return "\"type\":\"integer\",\"format\":\"int32\"";
	case KV_INT64: case KV_UINT32: return "\"type\":\"integer\",\"format\":\"int64\"";
	case KV_BOOL: return "\"type\":\"boolean\"";
	case KV_DOUBLE: return "\"type\":\"number\",\"format\":\"double\"";
	case KV_BYTES: return "\"type\":\"string\",\"format\":\"byte\"";
	case KV_VERBS: case KV_EXTRA: return "\"type\":\"array\",\"items\":{\"type\":\"string\"}";
	default: return "\"type\":\"string\"";
	}
}

static const char *zero_of(const struct kinds_field *f)
{
	switch ((enum kinds_value)f->value) {
	case KV_STRING: return "\"\"";
	case KV_INT32: case KV_INT64: case KV_UINT32: case KV_DOUBLE: return "0";
	case KV_BOOL: return "false";
	case KV_OBJECT: return "{}";
	default: return NULL;
	}
}

static void add_enum(struct openapi *o, const struct kinds_field *f)
{
	if (!f->enum_values || o->v2)
		return;
	openapi_open(o, "enum", '[');
	for (const char *const *v = f->enum_values; *v; v++)
		openapi_str(o, NULL, *v);
	openapi_close(o, ']');
}

/* Type of a value with what stands beside it; a reference with company is
 * wrapped in version 3, where it may not have any. */
static void add_value(struct openapi *o, const struct kinds_field *f, const char *dflt)
{
	bool ref = f->value == KV_OBJECT || scalar_of(f->value);

	if (ref && !o->v2) {
		openapi_open(o, "allOf", '[');
		openapi_open(o, NULL, '{');
		add_ref(o, f);
		openapi_close(o, '}');
		openapi_close(o, ']');
	} else if (!add_ref(o, f)) {
		members(o, inline_type(f));
		add_enum(o, f);
	}
	if (dflt && !o->v2)
		openapi_raw(o, "default", dflt);
}

static void add_element(struct openapi *o, const char *key, const struct kinds_field *f)
{
	const char *zero = f->value == KV_OBJECT || f->value == KV_STRING ? zero_of(f) : NULL;

	openapi_open(o, key, '{');
	if (!zero && scalar_of(f->value))
		add_ref(o, f);
	else
		add_value(o, f, zero);
	openapi_close(o, '}');
}

static void add_extensions(struct openapi *o, const struct kinds_field *f)
{
	static const char *const lists[] = { NULL, "atomic", "set", "map" };

	if (f->list_keys) {
		openapi_open(o, "x-kubernetes-list-map-keys", '[');
		for (const char *const *k = f->list_keys; *k; k++)
			openapi_str(o, NULL, *k);
		openapi_close(o, ']');
	}
	if (lists[f->list])
		openapi_str(o, "x-kubernetes-list-type", lists[f->list]);
	if (f->flags & KF_ATOMIC_MAP)
		openapi_str(o, "x-kubernetes-map-type", "atomic");
	if (f->merge_key)
		openapi_str(o, "x-kubernetes-patch-merge-key", f->merge_key);
	if (f->flags & (KF_SMP_MERGE | KF_SMP_RETAIN_KEYS))
		openapi_str(o, "x-kubernetes-patch-strategy",
			!(f->flags & KF_SMP_RETAIN_KEYS) ? "merge" : f->flags & KF_SMP_MERGE ? "merge,retainKeys" : "retainKeys");
}

static void add_property(struct openapi *o, const struct kinds_type *t, uint16_t index)
{
	const struct kinds_field *f = &t->fields[index];
	const char *text = kinds_describe(t, index);
	const char *dflt = f->dflt;

	if (!dflt && f->card == KC_ONE && f->ptr == KP_VALUE && (f->omit == KO_NEVER || f->value == KV_OBJECT))
		dflt = zero_of(f);
	openapi_open(o, f->name, '{');
	if (text)
		openapi_str(o, "description", text);
	if (f->card == KC_ONE) {
		bool alone = !text && !dflt && !(f->flags & (KF_ATOMIC_MAP | KF_SMP_RETAIN_KEYS));

		if (!alone || !add_ref(o, f))
			add_value(o, f, dflt);
	} else if (f->card == KC_LIST) {
		openapi_str(o, "type", "array");
		add_element(o, "items", f);
	} else {
		openapi_str(o, "type", "object");
		add_element(o, "additionalProperties", f);
	}
	add_extensions(o, f);
	openapi_close(o, '}');
}

static void add_required(struct openapi *o, const struct kinds_type *t)
{
	bool any = false;

	for (uint16_t i = 0; i < t->field_count; i++) {
		if (!(t->fields[i].flags & KF_REQUIRED))
			continue;
		if (!any)
			openapi_open(o, "required", '[');
		any = true;
		openapi_str(o, NULL, t->fields[i].name);
	}
	if (any)
		openapi_close(o, ']');
}

static void add_gvk(struct openapi *o, const char *group, const char *version, const char *kind)
{
	openapi_open(o, NULL, '{');
	openapi_str(o, "group", group);
	openapi_str(o, "kind", kind);
	openapi_str(o, "version", version);
	openapi_close(o, '}');
}

/* Options of meta/v1 belong to every group. */
static void add_gvks(struct openapi *o, const struct kinds_type *t)
{
	bool everywhere = false, any = false;

	for (size_t i = 0; i < kinds_gvk_count; i++) {
		const struct kinds_gvk *g = &kinds_gvks[i];

		if (&kinds_types[g->type] != t)
			continue;
		everywhere = !strcmp(g->kind, "DeleteOptions") || !strcmp(g->kind, "WatchEvent");
		if (!any)
			openapi_open(o, "x-kubernetes-group-version-kind", '[');
		any = true;
		if (!everywhere)
			add_gvk(o, g->group, g->version, g->kind);
		for (size_t n = 0; everywhere && n < kinds_builtin_count; n++) {
			const struct kinds_kind *k = &kinds_builtin[n];

			if (!n || strcmp(k->api_version, k[-1].api_version))
				add_gvk(o, k->group, k->version, g->kind);
		}
	}
	if (any)
		openapi_close(o, ']');
}

static void add_schema(struct openapi *o, const struct kinds_type *t)
{
	const char *text = kinds_describe(t, UINT16_MAX);

	char name[OPENAPI_NAME_MAX];

	openapi_type_name(name, t);
	openapi_open(o, name, '{');
	if (text)
		openapi_str(o, "description", text);
	openapi_str(o, "type", "object");
	add_required(o, t);
	if (t->field_count) {
		openapi_open(o, "properties", '{');
		for (uint16_t i = 0; i < t->field_count; i++)
			add_property(o, t, i);
		openapi_close(o, '}');
	}
	if (t->atomic)
		openapi_str(o, "x-kubernetes-map-type", "atomic");
	add_gvks(o, t);
	openapi_close(o, '}');
}

void openapi_schemas(struct openapi *o)
{
	for (size_t i = 0; i < kinds_type_count; i++)
		if (noted(o, &kinds_types[i]))
			add_schema(o, &kinds_types[i]);
	for (size_t i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++) {
		const struct scalar *s = &scalars[i];

		if (!(o->scalars >> s->value & 1))
			continue;
		openapi_open(o, s->name, '{');
		members(o, o->v2 && s->v2 ? s->v2 : s->v3);
		openapi_close(o, '}');
	}
}
