/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema - JSONSchemaProps to kinds_schema, and that to kinds_type.
 */
#include <stdlib.h>
#include <string.h>

#include "kinds/schema.h"

struct compiler {
	struct arena *a;
	size_t nodes;
	struct err *reterr;
};

/* Where in the schema, for messages. */
struct place { const struct place *up; const char *name; unsigned depth; };

static int compile(struct compiler *c, yyjson_val *v, const struct place *at, struct kinds_schema **ret);

static void print_place(struct buf *b, const struct place *at)
{
	if (!at)
		return;
	print_place(b, at->up);
	if (b->len)
		buf_addc(b, '.');
	buf_adds(b, at->name);
}

static int refuse(struct compiler *c, const struct place *at, const char *why)
{
	BUF_AUTO struct buf b = {0};

	print_place(&b, at);
	return err_set(c->reterr, ERR_BAD_REQUEST, "openAPIV3Schema%s%s: %s", b.len ? "." : "", b.len ? b.p : "", why);
}

static int over(struct compiler *c)
{
	return err_set(c->reterr, ERR_SIZE, "the schema needs too much memory");
}

/* ---- simple members ---- */

static int64_t int_of(yyjson_val *v, const char *name)
{
	yyjson_val *m = yyjson_obj_get(v, name);

	return yyjson_is_num(m) ? (int64_t)yyjson_get_num(m) : -1;
}

static bool number_of(yyjson_val *v, const char *name, double *ret)
{
	yyjson_val *m = yyjson_obj_get(v, name);

	*ret = yyjson_get_num(m);
	return yyjson_is_num(m);
}

static bool bool_of(yyjson_val *v, const char *name)
{
	return yyjson_is_true(yyjson_obj_get(v, name));
}

/* Texts and values are copied: the document they are in is many times larger. */
static int text_of(struct compiler *c, yyjson_val *v, const char *name, const char **ret)
{
	const char *s = yyjson_get_str(yyjson_obj_get(v, name));

	*ret = s && *s ? arena_strdup(c->a, s) : NULL;
	return s && *s && !*ret ? over(c) : 0;
}

static int value_of(struct compiler *c, yyjson_val *v, const char *name, yyjson_val **ret)
{
	yyjson_val *m = yyjson_obj_get(v, name);
	BUF_AUTO struct buf b = {0};
	yyjson_doc *doc;

	*ret = NULL;
	if (!m)
		return 0;
	if (doc_write(&b, m) || doc_parse(c->a, b.p, b.len, &doc, NULL))
		return over(c);
	*ret = yyjson_doc_get_root(doc);
	return 0;
}

static int strings_of(struct compiler *c, yyjson_val *v, const char *name, const char *const **ret)
{
	yyjson_val *list = yyjson_obj_get(v, name), *item;
	size_t n = yyjson_arr_size(list), i, max;
	const char **out;

	*ret = NULL;
	if (!n)
		return 0;
	out = arena_zalloc(c->a, (n + 1) * sizeof(*out));
	if (!out)
		return over(c);
	yyjson_arr_foreach(list, i, max, item)
		if (!(out[i] = arena_strdup(c->a, yyjson_is_str(item) ? yyjson_get_str(item) : "")))
			return over(c);
	*ret = out;
	return 0;
}

static int type_of(struct compiler *c, yyjson_val *v, const struct place *at, uint8_t *ret)
{
	static const char *const names[] = { "", "object", "array", "string", "integer", "number", "boolean" };
	const char *s = yyjson_get_str(yyjson_obj_get(v, "type"));

	*ret = ST_ANY;
	if (!s || !*s)
		return 0;
	for (int i = 1; i < (int)(sizeof(names) / sizeof(names[0])); i++)
		if (!strcmp(s, names[i])) {
			*ret = (uint8_t)i;
			return 0;
		}
	return refuse(c, at, "type must be one of array, boolean, integer, number, object, string");
}

/* ---- nested schemas ---- */

static int properties_of(struct compiler *c, yyjson_val *v, const struct place *at, struct kinds_schema *s);

static int compile_list(struct compiler *c, yyjson_val *v, const char *name, const struct place *at,
	const struct kinds_schema *const **ret)
{
	yyjson_val *list = yyjson_obj_get(v, name), *item;
	size_t n = yyjson_arr_size(list), i, max;
	const struct kinds_schema **out;
	struct place here = { at, name, at ? at->depth + 1 : 1 };

	*ret = NULL;
	if (!n)
		return 0;
	out = arena_zalloc(c->a, (n + 1) * sizeof(*out));
	if (!out)
		return over(c);
	yyjson_arr_foreach(list, i, max, item) {
		struct kinds_schema *s;
		int e = compile(c, item, &here, &s);

		if (e)
			return e;
		out[i] = s;
	}
	*ret = out;
	return 0;
}

static int compile_member(struct compiler *c, yyjson_val *v, const char *name, const struct place *at,
	const struct kinds_schema **ret)
{
	yyjson_val *m = yyjson_obj_get(v, name);
	struct place here = { at, name, at ? at->depth + 1 : 1 };
	struct kinds_schema *s = NULL;
	int e = yyjson_is_obj(m) ? compile(c, m, &here, &s) : 0;

	*ret = s;
	return e;
}

static int property_order(const void *a, const void *b)
{
	return strcmp(((const struct schema_property *)a)->name, ((const struct schema_property *)b)->name);
}

static int properties_of(struct compiler *c, yyjson_val *v, const struct place *at, struct kinds_schema *s)
{
	yyjson_val *props = yyjson_obj_get(v, "properties"), *key;
	struct schema_property *out;
	yyjson_obj_iter it;
	size_t n = yyjson_obj_size(props), i = 0;

	if (!n)
		return 0;
	if (n > UINT16_MAX - 3)
		return refuse(c, at, "too many properties");
	out = arena_zalloc(c->a, n * sizeof(*out));
	if (!out)
		return over(c);
	yyjson_obj_iter_init(props, &it);
	for (; (key = yyjson_obj_iter_next(&it)); i++) {
		struct place here = { at, yyjson_get_str(key), at ? at->depth + 1 : 1 };
		struct kinds_schema *p;
		int e = compile(c, yyjson_obj_iter_get_val(key), &here, &p);

		if (e)
			return e;
		out[i] = (struct schema_property){ arena_strdup(c->a, here.name), p };
		if (!out[i].name)
			return over(c);
	}
	qsort(out, n, sizeof(*out), property_order);
	s->properties = out;
	s->property_count = (uint16_t)n;
	return 0;
}

const struct schema_property *schema_property(const struct kinds_schema *s, const char *name, size_t len)
{
	size_t lo = 0, hi = s->property_count;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct schema_property *p = &s->properties[mid];
		size_t plen = strlen(p->name);
		int order = memcmp(name, p->name, len < plen ? len : plen);

		if (!order)
			order = (len > plen) - (len < plen);
		if (!order)
			return p;
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static int list_type_of(struct compiler *c, yyjson_val *v, const struct place *at, struct kinds_schema *s)
{
	const char *list = yyjson_get_str(yyjson_obj_get(v, "x-kubernetes-list-type"));
	const char *map = yyjson_get_str(yyjson_obj_get(v, "x-kubernetes-map-type"));

	if (list && !strcmp(list, "set"))
		s->list = KL_SET;
	else if (list && !strcmp(list, "map"))
		s->list = KL_MAP;
	else if (list && !strcmp(list, "atomic"))
		s->list = KL_ATOMIC;
	else if (list)
		return refuse(c, at, "x-kubernetes-list-type must be atomic, set or map");
	if (s->list == KL_MAP && !s->list_keys)
		return refuse(c, at, "x-kubernetes-list-map-keys must not be empty if x-kubernetes-list-type is map");
	s->atomic_map = map && !strcmp(map, "atomic");
	return 0;
}

static bool has_rules(yyjson_val *v)
{
	static const char *const names[] = { "allOf", "anyOf", "enum", "format", "maxItems", "maxLength", "maxProperties",
		"maximum", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "not", "oneOf", "pattern" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (yyjson_obj_get(v, names[i]))
			return true;
	return false;
}

static int rules_of(struct compiler *c, yyjson_val *v, const struct place *at, struct kinds_schema *s)
{
	struct schema_rules *r;
	struct err why;
	int e = 0;

	if (!has_rules(v))
		return 0;
	r = arena_zalloc(c->a, sizeof(*r));
	if (!r)
		return over(c);
	s->rules = r;
	r->has_min = number_of(v, "minimum", &r->min);
	r->has_max = number_of(v, "maximum", &r->max);
	r->has_multiple = number_of(v, "multipleOf", &r->multiple) && r->multiple > 0;
	r->exclusive_min = bool_of(v, "exclusiveMinimum");
	r->exclusive_max = bool_of(v, "exclusiveMaximum");
	r->min_length = int_of(v, "minLength");
	r->max_length = int_of(v, "maxLength");
	r->min_items = int_of(v, "minItems");
	r->max_items = int_of(v, "maxItems");
	r->min_properties = int_of(v, "minProperties");
	r->max_properties = int_of(v, "maxProperties");
	e = text_of(c, v, "format", &r->format_text);
	if (!e)
		e = text_of(c, v, "pattern", &r->pattern_text);
	if (!e)
		e = value_of(c, v, "enum", &r->enum_values);
	if (!e && r->format_text && (s->type == ST_STRING || s->type == ST_ANY))
		r->format = schema_format(r->format_text);
	if (!e && r->pattern_text)
		e = pattern_compile(c->a, r->pattern_text, &r->pattern, &why);
	if (e)
		return e == -ERR_BAD_REQUEST ? refuse(c, at, why.msg) : over(c);
	if ((e = compile_member(c, v, "not", at, &r->not)) || (e = compile_list(c, v, "allOf", at, &r->all_of)) ||
			(e = compile_list(c, v, "anyOf", at, &r->any_of)))
		return e;
	return compile_list(c, v, "oneOf", at, &r->one_of);
}

static int compile(struct compiler *c, yyjson_val *v, const struct place *at, struct kinds_schema **ret)
{
	struct kinds_schema *s = arena_zalloc(c->a, sizeof(*s));
	yyjson_val *additional = yyjson_obj_get(v, "additionalProperties");
	int e;

	if (!s)
		return over(c);
	if (++c->nodes > SCHEMA_NODES_MAX || (at && at->depth > DOC_DEPTH_MAX))
		return refuse(c, at, "too deep or too many schemas");
	if (yyjson_is_arr(yyjson_obj_get(v, "items")))
		return refuse(c, at, "items must be a schema object and not an array");
	s->nullable = bool_of(v, "nullable");
	s->int_or_string = bool_of(v, "x-kubernetes-int-or-string");
	s->keep_unknown = bool_of(v, "x-kubernetes-preserve-unknown-fields");
	s->embedded = bool_of(v, "x-kubernetes-embedded-resource");
	s->additional_any = yyjson_is_true(additional);
	if ((e = value_of(c, v, "default", &s->dflt)) || (e = type_of(c, v, at, &s->type)) || (e = rules_of(c, v, at, s)) ||
			(e = strings_of(c, v, "required", &s->required)) ||
			(e = strings_of(c, v, "x-kubernetes-list-map-keys", &s->list_keys)) ||
			(e = list_type_of(c, v, at, s)) || (e = properties_of(c, v, at, s)) ||
			(e = compile_member(c, v, "additionalProperties", at, &s->additional)) ||
			(e = compile_member(c, v, "items", at, &s->items)))
		return e;
	*ret = s;
	return 0;
}

int schema_compile(struct arena *a, yyjson_val *props, struct kinds_schema **ret, struct err *reterr)
{
	struct compiler c = { .a = a, .reterr = reterr };

	return compile(&c, props, NULL, ret);
}

/* ---- as a type ---- */

static bool type_is_object(const struct kinds_schema *s)
{
	return s->type == ST_OBJECT || (s->type == ST_ANY && (s->property_count || s->additional));
}

static void fill_element(struct arena *a, struct kinds_field *f, const struct kinds_schema *s, const char *name, bool *ret_over)
{
	f->value = KV_JSON;
	if (s->int_or_string) {
		f->value = KV_INT_OR_STRING;
	} else if (s->type == ST_STRING) {
		f->value = KV_STRING;
	} else if (s->type == ST_INTEGER) {
		f->value = KV_INT64;
	} else if (s->type == ST_NUMBER) {
		f->value = KV_DOUBLE;
	} else if (s->type == ST_BOOLEAN) {
		f->value = KV_BOOL;
	} else if (type_is_object(s)) {
		f->value = KV_OBJECT;
		struct kinds_type *t = arena_zalloc(a, sizeof(*t));

		*ret_over = *ret_over || !t || !schema_type_fill(a, s, t, name, false);
		f->type = t;
	}
}

static void fill_field(struct arena *a, struct kinds_field *f, const char *key, const struct kinds_schema *s,
	const char *name, bool *ret_over)
{
	BUF_AUTO struct buf text = {0};

	f->name = key;
	f->name_len = (uint8_t)(strlen(key) > UINT8_MAX ? 0 : strlen(key));
	f->ptr = KP_POINTER;
	f->omit = KO_OMITEMPTY;
	f->schema = s;
	if (s->atomic_map)
		f->flags |= KF_ATOMIC_MAP;
	if (s->dflt) {
		if (doc_write(&text, s->dflt) || !(f->dflt = arena_strndup(a, text.p, text.len)))
			*ret_over = true;
	}
	if (s->type == ST_ARRAY && s->items) {
		f->card = KC_LIST;
		f->ptr = KP_SLICE;
		f->list = s->list ? s->list : KL_ATOMIC;
		f->list_keys = s->list_keys;
		fill_element(a, f, s->items, name, ret_over);
	} else if (type_is_object(s) && s->additional && !s->property_count && !s->embedded) {
		f->card = KC_MAP;
		f->ptr = KP_MAP;
		fill_element(a, f, s->additional, name, ret_over);
	} else {
		fill_element(a, f, s, name, ret_over);
	}
}

static int field_order(const void *a, const void *b)
{
	return strcmp(((const struct kinds_field *)a)->name, ((const struct kinds_field *)b)->name);
}

bool schema_is_meta(const char *name)
{
	return !strcmp(name, "apiVersion") || !strcmp(name, "kind") || !strcmp(name, "metadata");
}

static void add_meta(struct kinds_field *f, bool root)
{
	static const char *const names[] = { "apiVersion", "kind" };

	for (int i = 0; i < 2; i++)
		f[i] = (struct kinds_field){ .name = names[i], .name_len = (uint8_t)strlen(names[i]), .value = KV_STRING,
			.flags = root ? KF_TYPEMETA : 0, .omit = KO_OMITEMPTY };
	f[2] = (struct kinds_field){ .name = "metadata", .name_len = 8, .value = KV_OBJECT,
		.type = kinds_type_by_name("meta/v1.ObjectMeta") };
}

bool schema_type_fill(struct arena *a, const struct kinds_schema *s, struct kinds_type *t, const char *name, bool root)
{
	bool meta = root || s->embedded, failed = false;
	struct kinds_field *fields = arena_zalloc(a, (s->property_count + 3) * sizeof(*fields));
	uint16_t n = 0;

	if (!fields)
		return false;
	if (meta) {
		add_meta(fields, root);
		n = 3;
	}
	for (size_t i = 0; i < s->property_count && !failed; i++) {
		const struct schema_property *p = &s->properties[i];

		if (meta && schema_is_meta(p->name))
			continue;
		fill_field(a, &fields[n], p->name, p->schema, name, &failed);
		for (const char *const *r = s->required; r && *r; r++)
			if (!strcmp(*r, p->name))
				fields[n].flags |= KF_REQUIRED;
		n++;
	}
	qsort(fields, n, sizeof(*fields), field_order);
	if (s->additional && !failed) {
		struct kinds_field *items = arena_zalloc(a, sizeof(*items));

		if (!items)
			return false;
		fill_field(a, items, "", s->additional, name, &failed);
		t->items = items;
	}
	t->name = name;
	t->fields = fields;
	t->field_count = n;
	t->atomic = s->atomic_map;
	t->keep_unknown = s->keep_unknown || s->additional_any;
	t->embedded = s->embedded;
	t->schema = s;
	return !failed;
}
