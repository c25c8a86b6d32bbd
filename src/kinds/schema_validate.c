/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_validate - a custom object against its schema, in upstream's words and order:
 * each value's type, combinations, text, number, items, enum, members.
 *
 * Ratcheting: errors about a value that is what it was before are dropped; a value is
 * found in the old object by its member's name, by the keys of a list of type map, by
 * its place in a list of no declared type, and not at all in sets and atomic lists.
 * Source: apiextensions pkg/apiserver/validation (validation.go: which error becomes
 * which cause, ratcheting.go: KEP-4008), kube-openapi pkg/validation/validate.
 */
#include <math.h>
#include <stdlib.h>

#include "kinds/normal.h"
#include "kinds/schema.h"
#include "kinds/validate.h"

#define SEARCH_MAX 256   /* items of a list that is searched one by one */

/* One run over a value. */
struct run {
	struct vcheck *c;
	const struct vpath *base;      /* where errors are reported below; messages begin after it */
	size_t visits;                 /* of values: tells which alternative fits best */
};

static void check(struct run *r, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v,
	yyjson_mut_val *old);

/* ---- reporting ---- */

static void print_path(struct buf *b, const struct vpath *p, const struct vpath *until)
{
	if (!p || p == until)
		return;
	print_path(b, p->up, until);
	if (p->name)
		buf_printf(b, "%s%s", b->len ? "." : "", p->name);
	else if (p->key)
		buf_printf(b, "[%s]", p->key);
	else
		buf_printf(b, "[%zu]", p->index);
}

/* No more errors are listed: nothing is printed for them. */
static bool enough(const struct vcheck *c)
{
	return c->quiet || c->count >= VALIDATE_ERRORS_MAX || arena_over(c->a);
}

static const char *path_text(struct run *r, const struct vpath *p, bool whole)
{
	BUF_AUTO struct buf b = {0};

	if (enough(r->c))
		return "";
	print_path(&b, p, whole ? NULL : r->base);
	return arena_strndup(r->c->a, b.p ? b.p : "", b.failed ? 0 : b.len);
}

static void report(struct run *r, const char *type, const char *field, const char *detail)
{
	struct vcheck *c = r->c;
	struct field_error *e;

	if (c->quiet)
		c->count++;
	if (enough(c) || !detail || !field)
		return;
	e = arena_zalloc(c->a, sizeof(*e));
	if (!e)
		return;   /* over the cap: kinds_validate says so */
	*e = (struct field_error){ .type = type, .field = field, .detail = detail };
	*c->tail = e;
	c->tail = &e->next;
	c->count++;
}

static const char *json_of(struct vcheck *c, yyjson_mut_val *v)
{
	BUF_AUTO struct buf b = {0};

	if (enough(c))
		return "";
	return doc_mwrite(&b, v) ? "" : arena_strndup(c->a, b.p, b.len);
}

/* "spec.x in body <what>", with a value's text. */
static void should(struct run *r, const struct vpath *p, const char *value, const char *what)
{
	report(r, "FieldValueInvalid", path_text(r, p, true),
		v_text(r->c, "Invalid value: %s: %s in body %s", value, path_text(r, p, false), what));
}

/* `"spec" must validate ...`: an error without a field, as upstream has it. */
static void must(struct run *r, const struct vpath *p, const char *what)
{
	BUF_AUTO struct buf field = {0};

	if (!enough(r->c))
		print_path(&field, r->base, NULL);
	report(r, "FieldValueInvalid", field.len ? arena_strndup(r->c->a, field.p, field.len) : "<nil>",
		v_text(r->c, "Invalid value: \"\": \"%s\" must %s", path_text(r, p, false), what));
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

static void check_type(struct run *r, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
{
	static const char *const names[] = { "", "object", "array", "string", "integer", "number", "boolean" };
	const char *want = names[s->type], *got = type_word(v);
	bool ok;

	if (yyjson_mut_is_null(v) && s->nullable)
		return;
	if (s->int_or_string) {
		ok = is_whole(v) || yyjson_mut_is_str(v);
		want = "integer,string";
	} else if (s->type == ST_INTEGER) {
		ok = is_whole(v);
	} else if (s->type == ST_NUMBER) {
		ok = yyjson_mut_is_num(v);
	} else {
		ok = s->type == ST_ANY || !strcmp(want, got);
	}
	if (!ok)
		report(r, "FieldValueTypeInvalid", path_text(r, p, true), v_text(r->c, "Invalid value: \"%s\": %s in body "
			"must be of type %s: \"%s\"", got, path_text(r, p, false), want, got));
}

/* ---- scalars ---- */

/* v and a bound: below it < 0, above it > 0. Doubles do not tell neighbours above 2^53 apart. */
static int compare(yyjson_mut_val *v, double bound)
{
	double x = yyjson_mut_get_num(v);
	int64_t n = yyjson_mut_get_sint(v), whole;

	if (!yyjson_mut_is_int(v) || fabs(x) >= 0x1p63 || fabs(bound) >= 0x1p63)
		return x < bound ? -1 : x > bound;
	whole = (int64_t)bound;
	if (n != whole)
		return n < whole ? -1 : 1;
	return bound > (double)whole ? -1 : bound < (double)whole;
}

static bool is_multiple(yyjson_mut_val *v, double of)
{
	double x = yyjson_mut_get_num(v);

	if (yyjson_mut_is_int(v) && fabs(x) < 0x1p63 && of >= 1 && of < 0x1p63 && of == floor(of))
		return yyjson_mut_get_sint(v) % (int64_t)of == 0;
	return fabs(remainder(x, of)) <= 1e-9 * fabs(of);
}

static void check_number(struct run *r, const struct schema_rules *s, const struct vpath *p, yyjson_mut_val *v)
{
	const char *value = json_of(r->c, v);
	int max = s->has_max ? compare(v, s->max) : -1, min = s->has_min ? compare(v, s->min) : 1;

	if (s->has_multiple && !is_multiple(v, s->multiple))
		should(r, p, value, v_text(r->c, "should be a multiple of %.15g", s->multiple));
	if (max > 0 || (!max && s->exclusive_max))
		should(r, p, value, v_text(r->c, "should be less than %s%.15g", s->exclusive_max ? "" : "or equal to ", s->max));
	if (min < 0 || (!min && s->exclusive_min))
		should(r, p, value, v_text(r->c, "should be greater than %s%.15g", s->exclusive_min ? "" : "or equal to ", s->min));
}

static void check_string(struct run *r, const struct schema_rules *s, const struct vpath *p, yyjson_mut_val *v)
{
	const char *text = yyjson_mut_get_str(v), *value = NULL;
	size_t bytes = yyjson_mut_get_len(v);
	int64_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n += (text[i] & 0xc0) != 0x80;
	if (s->max_length >= 0 && n > s->max_length)
		report(r, "FieldValueTooLong", path_text(r, p, true),
			v_text(r->c, "Too long: may not be more than %lld bytes", (long long)s->max_length));
	if (s->min_length >= 0 && n < s->min_length)
		should(r, p, value = json_of(r->c, v), v_text(r->c, "should be at least %lld chars long", (long long)s->min_length));
	if (s->pattern && !pattern_match(s->pattern, text, bytes))
		should(r, p, value ? value : (value = json_of(r->c, v)), v_text(r->c, "should match '%s'", s->pattern_text));
	if (!s->format || (strlen(text) == bytes && schema_format_fits(s->format, text)))
		return;
	value = value ? value : json_of(r->c, v);
	report(r, "FieldValueTypeInvalid", path_text(r, p, true), v_text(r->c, "Invalid value: %s: %s in body must be of type %s: %s",
		value, path_text(r, p, false), s->format_text, value));
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
static bool allowed_by(yyjson_mut_val *v, yyjson_val *allowed)
{
	BUF_AUTO struct buf a = {0}, b = {0};

	if (!yyjson_is_ctn(allowed))
		return same(v, allowed);
	return yyjson_mut_is_ctn(v) && !doc_write(&a, allowed) && !doc_mwrite(&b, v) && !strcmp(a.p, b.p);
}

static void check_enum(struct run *r, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
{
	BUF_AUTO struct buf b = {0};
	yyjson_val *allowed;
	size_t i, n;

	if (yyjson_mut_is_null(v) && s->nullable)
		return;
	yyjson_arr_foreach(s->rules->enum_values, i, n, allowed)
		if (allowed_by(v, allowed))
			return;
	if (enough(r->c)) {
		report(r, "", NULL, NULL);
		return;
	}
	buf_printf(&b, "Unsupported value: %s: supported values: ", json_of(r->c, v));
	yyjson_arr_foreach(s->rules->enum_values, i, n, allowed) {
		BUF_AUTO struct buf one = {0};

		buf_adds(&b, i ? ", " : "");
		if (yyjson_is_str(allowed) || doc_write(&one, allowed))
			buf_add_json(&b, yyjson_get_str(allowed), yyjson_get_len(allowed));
		else
			buf_add_json(&b, one.p, one.len);
	}
	report(r, "FieldValueNotSupported", path_text(r, p, true), b.failed ? NULL : arena_strndup(r->c->a, b.p, b.len));
}

/* ---- lists ---- */

static void too_many(struct run *r, const struct vpath *p, size_t n, int64_t max)
{
	report(r, "FieldValueTooMany", path_text(r, p, true), v_text(r->c, "Too many: %zu: must have at most %lld item%s", n,
		(long long)max, max == 1 ? "" : "s"));
}

static bool same_keys(const struct kinds_schema *s, yyjson_mut_val *a, yyjson_mut_val *b)
{
	for (const char *const *k = s->list_keys; *k; k++)
		if (!v_same(yyjson_mut_obj_get(a, *k), yyjson_mut_obj_get(b, *k)))
			return false;
	return true;
}

/* What the item was, by the list's type. Items mostly keep their place: `at`, the one
 * there, is looked at first. Long lists whose first key is not enough to tell items apart are not searched. */
static yyjson_mut_val *old_item(const struct kinds_schema *s, yyjson_mut_val *old, const struct index *by_key,
	yyjson_mut_val *at, yyjson_mut_val *item)
{
	if (s->list == KL_SET || s->list == KL_ATOMIC)
		return NULL;
	if (s->list != KL_MAP || !s->list_keys || (at && same_keys(s, at, item)))
		return at;
	at = index_get(by_key, v_str(item, s->list_keys[0]));
	if (at && same_keys(s, at, item))
		return at;
	if (yyjson_mut_arr_size(old) <= SEARCH_MAX)
		V_EACH(j, m, old)
			if (same_keys(s, m, item))
				return m;
	return NULL;
}

static void check_list(struct run *r, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v,
	yyjson_mut_val *old)
{
	bool keyed = s->list == KL_MAP && s->list_keys && yyjson_mut_is_arr(old);
	INDEX_AUTO struct index by_key = keyed ? index_list(old, s->list_keys[0]) : (struct index){ 0 };
	yyjson_mut_arr_iter was = v_iter(old);
	size_t n = yyjson_mut_arr_size(v);

	if (s->items)
		V_EACH(i, item, v) {
			if (r->c->count >= VALIDATE_ERRORS_MAX)
				return;
			yyjson_mut_val *at = yyjson_mut_arr_iter_next(&was);

			check(r, s->items, V_ITEM(p, i), item, old ? old_item(s, old, &by_key, at, item) : NULL);
		}
	if (!s->rules)
		return;
	if (s->rules->min_items >= 0 && n < (size_t)s->rules->min_items)
		should(r, p, v_text(r->c, "%zu", n), v_text(r->c, "should have at least %lld items", (long long)s->rules->min_items));
	if (s->rules->max_items >= 0 && n > (size_t)s->rules->max_items)
		too_many(r, p, n, s->rules->max_items);
}

/* ---- objects ---- */

static void check_object(struct run *r, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v,
	yyjson_mut_val *old)
{
	INDEX_AUTO struct index was = index_map(old);
	size_t n = yyjson_mut_obj_size(v);

	if (s->rules && s->rules->min_properties >= 0 && n < (size_t)s->rules->min_properties) {
		should(r, p, v_text(r->c, "%zu", n),
			v_text(r->c, "should have at least %lld properties", (long long)s->rules->min_properties));
		return;
	}
	if (s->rules && s->rules->max_properties >= 0 && n > (size_t)s->rules->max_properties) {
		too_many(r, p, n, s->rules->max_properties);
		return;
	}
	V_MEMBERS(key, m, v) {
		const struct schema_property *prop = schema_property(s, key, strlen(key));
		const struct kinds_schema *of = prop ? prop->schema : s->additional;

		if (of && r->c->count < VALIDATE_ERRORS_MAX)
			check(r, of, V_AT(p, key), m, index_get(&was, key));
	}
	for (const char *const *q = s->required; q && *q; q++)
		if (!yyjson_mut_obj_get(v, *q))
			report(r, "FieldValueRequired", path_text(r, V_AT(p, *q), true), "Required value");
}

/* ---- combinations ---- */

static void check_once(struct run *r, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v,
	yyjson_mut_val *old);

/* Whether the value fits an alternative; nothing is told of what is wrong. */
static bool fits(struct run *r, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v,
	yyjson_mut_val *old, size_t *ret_visits)
{
	struct vcheck apart = *r->c;
	struct run one = { .c = &apart, .base = r->base };

	apart.quiet = true;
	apart.first = NULL;
	apart.tail = &apart.first;
	apart.count = 0;
	check_once(&one, s, p, v, old);
	r->visits += one.visits;
	if (ret_visits)
		*ret_visits = one.visits;
	return !apart.count;
}

/* What is wrong with the value by one that does not fit. It was looked at already. */
static void tell(struct run *r, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v,
	yyjson_mut_val *old)
{
	size_t visits = r->visits;

	if (!r->c->quiet)
		check_once(r, s, p, v, old);
	r->visits = visits;
}

/* How many of the list fit; of those that do not, *best is the one that was looked at most. */
static size_t fitting(struct run *r, const struct kinds_schema *const *list, const struct vpath *p, yyjson_mut_val *v,
	yyjson_mut_val *old, bool one_is_enough, const struct kinds_schema **best)
{
	size_t n = 0, most = 0, visits;

	for (*best = NULL; *list && !(n && one_is_enough); list++) {
		if (fits(r, *list, p, v, old, &visits)) {
			n++;
		} else if (!*best || visits > most) {
			*best = *list;
			most = visits;
		}
	}
	return n;
}

static void check_combinations(struct run *r, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v,
	yyjson_mut_val *old)
{
	const struct schema_rules *rules = s->rules;
	const struct kinds_schema *best;
	size_t n = 0, all = 0;

	if (rules->any_of && !fitting(r, rules->any_of, p, v, old, true, &best)) {
		must(r, p, "validate at least one schema (anyOf)");
		if (best)
			tell(r, best, p, v, old);
	}
	if (rules->one_of && (n = fitting(r, rules->one_of, p, v, old, false, &best)) != 1) {
		must(r, p, n ? v_text(r->c, "validate one and only one schema (oneOf). Found %zu valid alternatives", n) :
			"validate one and only one schema (oneOf). Found none valid");
		if (!n && best)
			tell(r, best, p, v, old);
	}
	n = 0;
	for (const struct kinds_schema *const *each = rules->all_of; each && *each; each++, all++) {
		int count = r->c->count;

		check_once(r, *each, p, v, old);
		n += r->c->count == count;
	}
	if (n != all)
		must(r, p, n ? "validate all the schemas (allOf)" : "validate all the schemas (allOf). None validated");
	if (rules->not && fits(r, rules->not, p, v, old, NULL))
		must(r, p, "not validate the schema (not)");
}

/* ---- one value ---- */

static void check_once(struct run *r, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v,
	yyjson_mut_val *old)
{
	r->visits++;
	v = v_sent(r->c, v);
	check_type(r, s, p, v);
	if (s->rules && !yyjson_mut_is_null(v))
		check_combinations(r, s, p, v, old);
	if (s->rules && yyjson_mut_is_str(v))
		check_string(r, s->rules, p, v);
	else if (s->rules && yyjson_mut_is_num(v))
		check_number(r, s->rules, p, v);
	else if (yyjson_mut_is_arr(v))
		check_list(r, s, p, v, old);
	if (s->rules && s->rules->enum_values)
		check_enum(r, s, p, v);
	if (yyjson_mut_is_obj(v))
		check_object(r, s, p, v, old);
}

static void check(struct run *r, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v,
	yyjson_mut_val *old)
{
	struct field_error **tail = r->c->tail;
	int count = r->c->count;

	check_once(r, s, p, v, old);
	if (r->c->count == count || !old || !doc_mequal(v, old))
		return;
	*tail = NULL;
	r->c->tail = tail;
	r->c->count = count;
}

void v_schema_value(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
{
	struct run r = { .c = c, .base = p };

	check(&r, s, p, v, NULL);
}

void v_schema(struct vcheck *c, const struct kinds_schema *s)
{
	struct run r = { .c = c };

	check(&r, s, NULL, c->v, c->old);
}
