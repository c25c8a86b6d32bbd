/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_check - whether an applied configuration, as it was sent, fits its kind.
 *
 * Apply prunes nothing: a member the kind does not declare is an error whatever the
 * client's field validation, for owning it would mean nothing. null fits everywhere.
 * The first undeclared member of an object and the first nameless element of a list
 * end the look at that object or list.
 * Source: structured-merge-diff typed/validate.go, typed/helpers.go.
 */
#include <stdio.h>
#include <string.h>

#include "doc/print.h"
#include "kinds/apply.h"
#include "kinds/kinds_priv.h"

#define COMPLAINTS_MAX 20

struct check {
	struct apply *c;
	struct buf first, rest;        /* the one complaint; from the second on a line each */
	unsigned count;
};

void apply_print_path(struct apply *c, struct buf *out, const struct frame *at)
{
	if (!at->up)
		return;
	apply_print_path(c, out, at->up);
	if (at->type == 'f') {
		buf_addc(out, '.');
		buf_add(out, at->key, at->len);
	} else {
		fieldset_print_element(c->a, out, at->key, at->len);
	}
}

static void complain(struct check *w, const struct frame *at, const char *what)
{
	if (w->count++ >= COMPLAINTS_MAX)
		return;
	if (w->count > 1)
		buf_adds(&w->rest, "\n  ");
	apply_print_path(w->c, w->count > 1 ? &w->rest : &w->first, at);
	buf_printf(w->count > 1 ? &w->rest : &w->first, "%s%s", at->up ? ": " : "", what);
}

/* v as Go prints what holds it: "expected map, got &{x}". */
static void complain_of(struct check *w, const struct frame *at, const char *want, yyjson_mut_val *v)
{
	struct buf b BUF_AUTO = { 0 };
	yyjson_val *frozen = doc_freeze(w->c->a, v);

	buf_printf(&b, "expected %s, got &{", want);
	if (frozen)
		doc_print_go(&b, frozen);
	w->c->over |= !frozen;
	buf_addc(&b, '}');
	complain(w, at, b.failed ? want : b.p);
}

static void print_syntax(struct check *w, struct buf *b, yyjson_mut_val *v)
{
	yyjson_val *frozen = doc_freeze(w->c->a, v);

	if (frozen)
		doc_print_go_syntax(b, frozen);
	w->c->over |= !frozen;
}

static const char *go_type(yyjson_mut_val *v)
{
	switch (yyjson_mut_get_type(v)) {
	case YYJSON_TYPE_OBJ: return "map[string]interface {}";
	case YYJSON_TYPE_ARR: return "[]interface {}";
	case YYJSON_TYPE_BOOL: return "bool";
	case YYJSON_TYPE_NUM: return yyjson_mut_is_real(v) ? "float64" : "int64";
	default: return "string";
	}
}

static void check_scalar(struct check *w, const struct kinds_field *f, yyjson_mut_val *v, const struct frame *at)
{
	struct buf b BUF_AUTO = { 0 };

	switch ((enum kinds_value)f->value) {
	case KV_STRING: case KV_BYTES: case KV_DURATION:
		if (yyjson_mut_is_str(v))
			return;
		buf_adds(&b, "expected string, got &value.valueUnstructured{Value:");
		print_syntax(w, &b, v);
		buf_addc(&b, '}');
		break;
	case KV_INT32: case KV_INT64: case KV_UINT32: case KV_DOUBLE:
		if (yyjson_mut_is_num(v))
			return;
		buf_printf(&b, "expected numeric (int or float), got %s", go_type(v));
		break;
	case KV_BOOL:
		if (!yyjson_mut_is_bool(v))
			complain_of(w, at, "boolean", v);
		return;
	default:
		return;
	}
	complain(w, at, b.failed ? "a value of another type" : b.p);
}

static void check_type(struct check *w, const struct kinds_type *t, yyjson_mut_val *v, const struct frame *at);
static void check_field(struct check *w, const struct kinds_field *f, yyjson_mut_val *v, const struct frame *at);

static void check_value(struct check *w, const struct kinds_field *f, yyjson_mut_val *v, const struct frame *at)
{
	if (yyjson_mut_is_null(v))
		return;
	if (f->value == KV_OBJECT && f->type)
		check_type(w, f->type, v, at);
	else
		check_scalar(w, f, v, at);
}

/* Why the element cannot be told apart from others, or NULL. */
static const char *nameless(struct check *w, const struct kinds_field *f, yyjson_mut_val *v)
{
	bool keyed = f->list == KL_MAP;

	if (yyjson_mut_is_null(v))
		return keyed ? "associative list with keys may not have a null element" :
			"associative list without keys has an element that's an explicit null";
	if (keyed && !yyjson_mut_is_obj(v))
		return "associative list with keys may not have non-map elements";
	if (!keyed && yyjson_mut_is_obj(v))
		return "associative list without keys has an element that's a map type";
	if (!keyed && yyjson_mut_is_arr(v))
		return "not supported: associative list with lists as elements";
	for (const char *const *key = f->list_keys; keyed && *key; key++) {
		const struct kinds_field *k = kinds_find_field(f->type, *key, strlen(*key), 0);
		yyjson_mut_val *m = yyjson_mut_obj_get(v, *key);
		const char *text;
		/* null names nothing: it is stored as a zero value, under which it would not be found again. */
		if ((m && !yyjson_mut_is_null(m)) || (k && k->dflt))
			continue;
		text = arena_printf(w->c->a, "associative list with keys has an element that omits key field \"%s\" "
			"(and doesn't have default value)", *key);
		return text ? text : "an element omits a key field";
	}
	return NULL;
}

static void check_duplicates(struct check *w, struct items all, const struct frame *at)
{
	struct items t = all;

	t.v = arena_alloc(w->c->a, (t.n + 1) * sizeof(*t.v));
	if (!t.v) {
		w->c->over = true;
		return;
	}
	if (t.n)
		memcpy(t.v, all.v, t.n * sizeof(*t.v));
	items_sort(&t);
	for (size_t i = 1; i < t.n; i++) {
		struct buf b BUF_AUTO = { 0 };
		if (t.v[i].len != t.v[i - 1].len || memcmp(t.v[i].key, t.v[i - 1].key, t.v[i].len))
			continue;
		buf_adds(&b, "duplicate entries for key ");
		fieldset_print_element(w->c->a, &b, t.v[i].key, t.v[i].len);
		complain(w, at, b.failed ? "duplicate entries" : b.p);
	}
}

static void check_list(struct check *w, const struct kinds_field *f, yyjson_mut_val *v, const struct frame *at)
{
	struct shape s = shape_of_field(f);
	bool named = s.kind == SHAPE_SET || s.kind == SHAPE_LIST;
	struct items t = { 0 };
	yyjson_mut_arr_iter it;
	size_t i = 0;

	yyjson_mut_arr_iter_init(v, &it);
	for (yyjson_mut_val *e; named && (e = yyjson_mut_arr_iter_next(&it)); i++) {
		const char *why = nameless(w, f, e), *text;
		if (!why)
			continue;
		text = arena_printf(w->c->a, "element %zu: %s", i, why);
		complain(w, at, text ? text : why);
		return;
	}
	if (named) {
		t = items_of_list(w->c, s, v);
		check_duplicates(w, t, at);
	}
	i = 0;
	yyjson_mut_arr_iter_init(v, &it);
	for (yyjson_mut_val *e; !w->c->over && (e = yyjson_mut_arr_iter_next(&it)); i++) {
		struct frame here = { .up = at, .type = 'e' };
		char index[24];
		if (named) {
			here.key = t.v[i].key;
			here.len = t.v[i].len;
		} else {
			here.len = (size_t)snprintf(index, sizeof(index), "i:%zu", i);
			here.key = index;
		}
		check_value(w, f, e, &here);
	}
}

static void check_field(struct check *w, const struct kinds_field *f, yyjson_mut_val *v, const struct frame *at)
{
	yyjson_mut_obj_iter it;

	if (yyjson_mut_is_null(v))
		return;
	if (f->card == KC_ONE) {
		check_value(w, f, v, at);
	} else if (f->card == KC_LIST) {
		if (yyjson_mut_is_arr(v))
			check_list(w, f, v, at);
		else
			complain_of(w, at, "list", v);
	} else if (yyjson_mut_is_obj(v)) {
		yyjson_mut_obj_iter_init(v, &it);
		for (yyjson_mut_val *k; (k = yyjson_mut_obj_iter_next(&it));) {
			struct frame here = { .up = at, .key = yyjson_mut_get_str(k), .len = yyjson_mut_get_len(k), .type = 'f' };
			check_value(w, f, yyjson_mut_obj_iter_get_val(k), &here);
		}
	} else {
		complain_of(w, at, "map", v);
	}
}

static void check_type(struct check *w, const struct kinds_type *t, yyjson_mut_val *v, const struct frame *at)
{
	yyjson_mut_obj_iter it;
	uint16_t hint = 0;

	if (!yyjson_mut_is_obj(v)) {
		complain_of(w, at, "map", v);
		return;
	}
	yyjson_mut_obj_iter_init(v, &it);
	for (yyjson_mut_val *k; (k = yyjson_mut_obj_iter_next(&it));) {
		struct frame here = { .up = at, .key = yyjson_mut_get_str(k), .len = yyjson_mut_get_len(k), .type = 'f' };
		const struct kinds_field *f = kinds_find_field(t, here.key, here.len, hint);
		if (f) {
			hint = (uint16_t)(f - t->fields + 1);
			check_field(w, f, yyjson_mut_obj_iter_get_val(k), &here);
		} else if (t->items) {
			check_field(w, t->items, yyjson_mut_obj_iter_get_val(k), &here);
		} else if (!t->keep_unknown) {
			complain(w, &here, "field not declared in schema");
			return;
		}
	}
}

const char *apply_check(struct apply *c, yyjson_mut_val *v)
{
	struct check w = { .c = c };
	struct frame root = { 0 };
	const char *text = NULL;

	check_type(&w, c->kind->type, v, &root);
	if (w.count == 1)
		text = w.first.failed ? NULL : arena_strdup(c->a, w.first.p);
	else if (w.count)
		text = w.first.failed || w.rest.failed ? NULL :
			arena_printf(c->a, "errors:\n  %s%s", w.first.p, w.rest.p ? w.rest.p : "");
	c->over |= w.count && !text;
	buf_finish(&w.first);
	buf_finish(&w.rest);
	return text;
}
