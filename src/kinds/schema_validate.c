/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_validate - a custom object against its schema, in upstream's words.
 *
 * Source: apiextensions pkg/apiserver/validation (which error becomes which
 * cause), go-openapi/validate and errors (messages), pkg/apiserver/schema/listtype.
 */
#include <math.h>
#include <stdlib.h>

#include "base/text.h"
#include "kinds/schema.h"
#include "kinds/validate.h"

static void check(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v);

/* ---- reporting ---- */

static void print_path(struct buf *b, const struct vpath *p)
{
	if (!p)
		return;
	print_path(b, p->up);
	if (p->name)
		buf_printf(b, "%s%s", b->len ? "." : "", p->name);
	else if (p->key)
		buf_printf(b, "[%s]", p->key);
	else
		buf_printf(b, "[%zu]", p->index);
}

static const char *path_text(struct vcheck *c, const struct vpath *p)
{
	BUF_AUTO struct buf b = {0};

	print_path(&b, p);
	return arena_strndup(c->a, b.p ? b.p : "", b.failed ? 0 : b.len);
}

static void report(struct vcheck *c, const char *type, const struct vpath *p, const char *detail)
{
	struct field_error *e;

	if (c->count >= VALIDATE_ERRORS_MAX || !detail)
		return;
	e = arena_zalloc(c->a, sizeof(*e));
	if (!e || !(e->field = path_text(c, p)))
		return;
	e->type = type;
	e->detail = detail;
	*c->tail = e;
	c->tail = &e->next;
	c->count++;
}

static const char *json_of(struct vcheck *c, yyjson_mut_val *v)
{
	BUF_AUTO struct buf b = {0};

	return doc_mwrite(&b, v) ? "" : arena_strndup(c->a, b.p, b.len);
}

/* "spec.x in body <what>", with the value. */
static void should(struct vcheck *c, const struct vpath *p, yyjson_mut_val *v, const char *what)
{
	report(c, "FieldValueInvalid", p, v_text(c, "Invalid value: %s: %s in body %s", json_of(c, v), path_text(c, p), what));
}

/* `"spec" must validate ...` */
static void must(struct vcheck *c, const struct vpath *p, const char *what)
{
	report(c, "FieldValueInvalid", p, v_text(c, "Invalid value: \"\": \"%s\" must %s", path_text(c, p), what));
}

/* ---- types ---- */

static bool is_whole(yyjson_mut_val *v)
{
	double x = yyjson_mut_get_num(v);

	return yyjson_mut_is_int(v) || (yyjson_mut_is_num(v) && x == floor(x) && fabs(x) < 9.3e18);
}

static const char *type_word(yyjson_mut_val *v)
{
	switch (yyjson_mut_get_type(v)) {
	case YYJSON_TYPE_BOOL: return "boolean";
	case YYJSON_TYPE_STR: return "string";
	case YYJSON_TYPE_NUM: return yyjson_mut_is_int(v) ? "integer" : "number";
	case YYJSON_TYPE_ARR: return "array";
	case YYJSON_TYPE_OBJ: return "object";
	default: return "null";
	}
}

static bool check_type(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
{
	static const char *const names[] = { "", "object", "array", "string", "integer", "number", "boolean" };
	const char *want = names[s->type], *got = type_word(v);
	bool ok;

	if (yyjson_mut_is_null(v) && s->nullable)
		return true;
	if (s->int_or_string) {
		ok = yyjson_mut_is_int(v) || yyjson_mut_is_str(v);
		want = "integer,string";
	} else if (s->type == ST_INTEGER) {
		ok = is_whole(v);
	} else if (s->type == ST_NUMBER) {
		ok = yyjson_mut_is_num(v);
	} else {
		ok = s->type == ST_ANY || !strcmp(want, got);
	}
	if (!ok)
		report(c, "FieldValueTypeInvalid", p, v_text(c, "Invalid value: \"%s\": %s in body must be of type %s: \"%s\"",
			got, path_text(c, p), want, got));
	return ok;
}

/* ---- scalars ---- */

static void check_number(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
{
	double x = yyjson_mut_get_num(v);

	if (s->has_min && (s->exclusive_min ? x <= s->min : x < s->min))
		should(c, p, v, v_text(c, "should be greater than %s%.15g", s->exclusive_min ? "" : "or equal to ", s->min));
	if (s->has_max && (s->exclusive_max ? x >= s->max : x > s->max))
		should(c, p, v, v_text(c, "should be less than %s%.15g", s->exclusive_max ? "" : "or equal to ", s->max));
	if (s->has_multiple && fabs(remainder(x, s->multiple)) > 1e-9 * fabs(s->multiple))
		should(c, p, v, v_text(c, "should be a multiple of %.15g", s->multiple));
	if (s->format && !strcmp(s->format, "int32") && (x < INT32_MIN || x > INT32_MAX))
		should(c, p, v, "must be of type int32");
}

static bool fits_format(const char *format, const char *s)
{
	uint8_t addr[16];
	int family, prefix;
	int64_t us;

	if (!strcmp(format, "date-time"))
		return !text_parse_time(s, &us);
	if (!strcmp(format, "date")) {
		char time[40];

		snprintf(time, sizeof(time), "%.20sT00:00:00Z", s);
		return strlen(s) == 10 && !text_parse_time(time, &us);
	}
	if (!strcmp(format, "ipv4") || !strcmp(format, "ipv6"))
		return !text_parse_ip(s, &family, addr) && family == format[3] - '0';
	if (!strcmp(format, "cidr"))
		return !text_parse_cidr(s, &family, addr, &prefix);
	if (!strcmp(format, "uuid"))
		return strlen(s) == 36 && strspn(s, "0123456789abcdefABCDEF-") == 36 && s[8] == '-' && s[13] == '-' &&
			s[18] == '-' && s[23] == '-';
	if (!strcmp(format, "byte")) {
		BUF_AUTO struct buf b = {0};

		return !text_unbase64(&b, s, strlen(s));
	}
	return true;   /* a format nobody knows is a comment */
}

static void check_string(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
{
	const char *text = yyjson_mut_get_str(v);
	size_t bytes = yyjson_mut_get_len(v);
	int64_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n += (text[i] & 0xc0) != 0x80;
	if (s->max_length >= 0 && n > s->max_length)
		v_too_long(c, p, s->max_length);
	if (s->min_length >= 0 && n < s->min_length)
		should(c, p, v, v_text(c, "should be at least %lld chars long", (long long)s->min_length));
	if (s->pattern && !pattern_match(s->pattern, text, bytes))
		should(c, p, v, v_text(c, "should match '%s'", s->pattern_text));
	if (s->format && !fits_format(s->format, text))
		should(c, p, v, v_text(c, "must be of type %s: %s", s->format, json_of(c, v)));
}

static bool same(yyjson_mut_val *v, yyjson_val *allowed)
{
	if (yyjson_is_str(allowed))
		return yyjson_mut_equals_strn(v, yyjson_get_str(allowed), yyjson_get_len(allowed));
	if (yyjson_is_num(allowed))
		return yyjson_mut_is_num(v) && yyjson_mut_get_num(v) == yyjson_get_num(allowed);
	if (yyjson_is_bool(allowed))
		return yyjson_mut_is_bool(v) && yyjson_mut_get_bool(v) == yyjson_get_bool(allowed);
	return yyjson_is_null(allowed) && yyjson_mut_is_null(v);
}

/* Enums of lists and objects are rare; they are compared as text. */
static bool allowed_by(struct vcheck *c, yyjson_mut_val *v, yyjson_val *allowed)
{
	BUF_AUTO struct buf b = {0};

	if (!yyjson_is_ctn(allowed))
		return same(v, allowed);
	return !doc_write(&b, allowed) && !strcmp(b.p, json_of(c, v));
}

static void check_enum(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
{
	BUF_AUTO struct buf b = {0};
	yyjson_val *allowed;
	size_t i, n;

	if (yyjson_mut_is_null(v) && s->nullable)
		return;
	yyjson_arr_foreach(s->enum_values, i, n, allowed)
		if (allowed_by(c, v, allowed))
			return;
	buf_printf(&b, "Unsupported value: %s: supported values: ", json_of(c, v));
	yyjson_arr_foreach(s->enum_values, i, n, allowed) {
		BUF_AUTO struct buf one = {0};

		buf_adds(&b, i ? ", " : "");
		if (yyjson_is_str(allowed) || doc_write(&one, allowed))
			buf_add_json(&b, yyjson_get_str(allowed), yyjson_get_len(allowed));
		else
			buf_add_json(&b, one.p, one.len);
	}
	report(c, "FieldValueNotSupported", p, b.failed ? NULL : arena_strndup(c->a, b.p, b.len));
}

/* ---- lists ---- */

struct identity { const char *text; size_t index; bool repeated; };

static int by_text(const void *pa, const void *pb)
{
	const struct identity *a = pa, *b = pb;
	int order = strcmp(a->text, b->text);

	return order ? order : (a->index > b->index) - (a->index < b->index);
}

static int by_index(const void *pa, const void *pb)
{
	const struct identity *a = pa, *b = pb;

	return (a->index > b->index) - (a->index < b->index);
}

/* What makes an item of a list of type map or set one of a kind. */
static const char *identity_of(struct vcheck *c, const struct kinds_schema *s, yyjson_mut_val *item)
{
	BUF_AUTO struct buf b = {0};
	const char *comma = "{";

	if (s->list != KL_MAP)
		return json_of(c, item);
	for (const char *const *k = s->list_keys; *k; k++) {
		yyjson_mut_val *m = yyjson_mut_obj_get(item, *k);

		if (!m)
			continue;
		buf_adds(&b, comma);
		comma = ",";
		buf_add_json(&b, *k, strlen(*k));
		buf_addc(&b, ':');
		buf_adds(&b, json_of(c, m));
	}
	buf_adds(&b, *comma == ',' ? "}" : "{}");
	return b.failed ? NULL : arena_strndup(c->a, b.p, b.len);
}

static void check_unique(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
{
	size_t n = yyjson_mut_arr_size(v);
	struct identity *ids = n > 1 ? arena_alloc(c->a, n * sizeof(*ids)) : NULL;

	if (!ids)
		return;   /* over the cap: kinds_validate says so */
	V_EACH(i, item, v) {
		ids[i] = (struct identity){ .text = identity_of(c, s, item), .index = i };
		if (!ids[i].text)
			return;
	}
	qsort(ids, n, sizeof(*ids), by_text);
	for (size_t i = 1; i < n; i++)
		ids[i].repeated = !strcmp(ids[i].text, ids[i - 1].text);
	qsort(ids, n, sizeof(*ids), by_index);
	for (size_t i = 0; i < n; i++)
		if (ids[i].repeated)
			report(c, "FieldValueDuplicate", V_ITEM(p, i), v_text(c, "Duplicate value: %s", ids[i].text));
}

static void check_list(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
{
	size_t n = yyjson_mut_arr_size(v);

	if (s->max_items >= 0 && n > (size_t)s->max_items)
		v_too_many(c, p, n, (size_t)s->max_items);
	if (s->min_items >= 0 && n < (size_t)s->min_items)
		should(c, p, v, v_text(c, "should have at least %lld items", (long long)s->min_items));
	if (s->items)
		V_EACH(i, item, v)
			check(c, s->items, V_ITEM(p, i), item);
	if (s->list == KL_SET || s->list == KL_MAP)
		check_unique(c, s, p, v);
}

/* ---- objects ---- */

static void check_object(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
{
	size_t n = yyjson_mut_obj_size(v);

	if (s->max_properties >= 0 && n > (size_t)s->max_properties)
		v_too_many(c, p, n, (size_t)s->max_properties);
	if (s->min_properties >= 0 && n < (size_t)s->min_properties)
		should(c, p, v, v_text(c, "should have at least %lld properties", (long long)s->min_properties));
	for (const char *const *r = s->required; r && *r; r++)
		if (!yyjson_mut_obj_get(v, *r))
			v_required(c, V_AT(p, *r), "");
	if (s->embedded) {
		if (!*v_str(v, "apiVersion"))
			v_required(c, V_AT(p, "apiVersion"), "must not be empty");
		if (!*v_str(v, "kind"))
			v_required(c, V_AT(p, "kind"), "must not be empty");
	}
	V_MEMBERS(key, m, v) {
		const struct schema_property *prop = schema_property(s, key, strlen(key));

		/* metadata, kind and apiVersion have rules of their own. */
		if ((!p || s->embedded) && (!strcmp(key, "metadata") || !strcmp(key, "kind") || !strcmp(key, "apiVersion")))
			continue;
		if (prop)
			check(c, prop->schema, V_AT(p, key), m);
		else if (s->additional)
			check(c, s->additional, V_AT(p, key), m);
	}
}

/* ---- combinations ---- */

static bool fits(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
{
	struct vcheck silent = *c;

	silent.first = NULL;
	silent.tail = &silent.first;
	silent.count = 0;
	check(&silent, s, p, v);
	return !silent.count;
}

static size_t fitting(struct vcheck *c, const struct kinds_schema *const *list, const struct vpath *p, yyjson_mut_val *v)
{
	size_t n = 0;

	for (; *list; list++)
		n += fits(c, *list, p, v);
	return n;
}

static void check_combinations(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
{
	size_t n;

	for (const struct kinds_schema *const *all = s->all_of; all && *all; all++)
		check(c, *all, p, v);
	if (s->any_of && !fitting(c, s->any_of, p, v))
		must(c, p, "validate at least one schema (anyOf)");
	if (s->one_of && (n = fitting(c, s->one_of, p, v)) != 1)
		must(c, p, n ? v_text(c, "validate one and only one schema (oneOf). Found %zu valid alternatives", n) :
			"validate one and only one schema (oneOf). Found none valid");
	if (s->not && fits(c, s->not, p, v))
		must(c, p, "not validate the schema (not)");
}

static void check(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
{
	if (c->count >= VALIDATE_ERRORS_MAX || !check_type(c, s, p, v))
		return;
	if (s->enum_values)
		check_enum(c, s, p, v);
	if (yyjson_mut_is_num(v))
		check_number(c, s, p, v);
	else if (yyjson_mut_is_str(v))
		check_string(c, s, p, v);
	else if (yyjson_mut_is_arr(v))
		check_list(c, s, p, v);
	else if (yyjson_mut_is_obj(v))
		check_object(c, s, p, v);
	check_combinations(c, s, p, v);
}

void v_schema(struct vcheck *c)
{
	if (c->k->type && c->k->type->schema)
		check(c, c->k->type->schema, NULL, c->v);
}
