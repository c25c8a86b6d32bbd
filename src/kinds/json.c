/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - a JSON body to its type's normal form.
 *
 * One pass in the order of the input, so that the first error and the order of
 * problems are those upstream's decoder would have; results wait in a slot per
 * member and are then written in table order. A member seen twice counts last.
 * Source: encoding/json and sigs.k8s.io/json (what null, zero and repetition do).
 */
#include <string.h>

#include "kinds/json.h"

#define SLOTS_ON_STACK 64

/* The three unions of JSON schemas. Their members are read leniently, as by
 * the UnmarshalJSON each has upstream. */
static yyjson_mut_val *decode_props_or(struct json_decoder *c, const struct kinds_field *f, yyjson_val *in,
	const struct json_step *at, int *ret)
{
	enum kinds_strict strict = c->strict;
	yyjson_mut_val *v = NULL;

	c->strict = KS_IGNORE;
	if (yyjson_is_obj(in)) {
		v = json_object(c, f->type, in, at, ret);
	} else if (f->value == KV_PROPS_OR_BOOL) {
		if (yyjson_is_bool(in))
			v = yyjson_mut_bool(c->d, yyjson_get_bool(in));
		else
			*ret = err_set(c->reterr, ERR_BAD_REQUEST, "boolean or JSON schema expected");
	} else if (yyjson_is_arr(in) && f->value == KV_PROPS_OR_STRINGS) {
		v = json_strings(c, in, at, ret);
	} else if (yyjson_is_arr(in)) {
		yyjson_arr_iter it;
		yyjson_val *item;

		v = yyjson_mut_arr(c->d);
		yyjson_arr_iter_init(in, &it);
		while (!*ret && (item = yyjson_arr_iter_next(&it))) {
			yyjson_mut_val *x = json_object(c, f->type, item, at, ret);

			if (!*ret && !yyjson_mut_arr_append(v, x))
				*ret = json_over(c);
		}
	}
	c->strict = strict;
	return *ret ? NULL : v;
}

/* ---- values ---- */

/* One element (not null). *ret_zero: it is the zero value of its type. NULL
 * with *ret 0: nothing (a zero time). */
static yyjson_mut_val *decode_value(struct json_decoder *c, const struct kinds_field *f, yyjson_val *in,
	const struct json_step *at, bool *ret_zero, int *ret)
{
	yyjson_mut_val *v = NULL;

	*ret_zero = false;
	switch ((enum kinds_value)f->value) {
	case KV_STRING:
		if (!yyjson_is_str(in)) {
			*ret = json_wrong_type(c, doc_word(in), "", "string", at);
			return NULL;
		}
		*ret_zero = !yyjson_get_len(in);
		v = yyjson_mut_strncpy(c->d, yyjson_get_str(in), yyjson_get_len(in));
		break;
	case KV_BOOL:
		if (!yyjson_is_bool(in)) {
			*ret = json_wrong_type(c, doc_word(in), "", "bool", at);
			return NULL;
		}
		*ret_zero = !yyjson_get_bool(in);
		v = yyjson_mut_bool(c->d, yyjson_get_bool(in));
		break;
	case KV_INT32:
	case KV_INT64:
	case KV_UINT32:
		v = json_int(c, f->value, json_go_scalar(f), in, at, ret);
		*ret_zero = v && !yyjson_mut_get_sint(v);
		break;
	case KV_DOUBLE:
		v = json_double(c, in, at, ret);
		*ret_zero = v && yyjson_mut_get_num(v) == 0;
		break;
	case KV_BYTES:
		v = json_bytes(c, in, at, ret_zero, ret);
		break;
	case KV_TIME:
	case KV_MICROTIME:
		v = json_time(c, f->value == KV_MICROTIME, in, at, ret_zero, ret);
		break;
	case KV_DURATION:
		v = json_duration(c, in, at, ret);
		break;
	case KV_QUANTITY:
		v = json_quantity(c, in, ret);
		break;
	case KV_INT_OR_STRING:
		if (yyjson_is_str(in))
			v = yyjson_mut_strncpy(c->d, yyjson_get_str(in), yyjson_get_len(in));
		else
			v = json_int(c, KV_INT32, "int32", in, at, ret);
		break;
	case KV_RAW:
	case KV_FIELDSV1:
	case KV_JSON:
		v = yyjson_val_mut_copy(c->d, in);
		break;
	case KV_VERBS:
	case KV_EXTRA:
		v = json_strings(c, in, at, ret);
		break;
	case KV_PROPS_OR_ARRAY:
	case KV_PROPS_OR_BOOL:
	case KV_PROPS_OR_STRINGS:
		v = decode_props_or(c, f, in, at, ret);
		if (!v)
			return NULL;
		break;
	case KV_OBJECT:
		v = json_object(c, f->type, in, at, ret);
		break;
	}
	if (!v && !*ret)
		*ret = json_over(c);
	return v;
}

/* One element of a list or map, where null and a zero time have a place. */
static yyjson_mut_val *decode_element(struct json_decoder *c, const struct kinds_field *f, yyjson_val *in,
	const struct json_step *at, int *ret)
{
	bool zero;

	if (yyjson_is_null(in))
		return kinds_zero_element(c->d, f, &c->over);
	yyjson_mut_val *v = decode_value(c, f, in, at, &zero, ret);

	if (zero && (f->value == KV_TIME || f->value == KV_MICROTIME))
		return yyjson_mut_null(c->d);
	return v || *ret ? v : yyjson_mut_null(c->d);
}

static yyjson_mut_val *decode_list(struct json_decoder *c, const struct kinds_field *f, yyjson_val *in,
	const struct json_step *at, int *ret)
{
	yyjson_mut_val *arr = yyjson_mut_arr(c->d);
	struct json_step here = { .up = at, .depth = at->depth + 1 };
	yyjson_arr_iter it;
	yyjson_val *v;

	if (!yyjson_is_arr(in)) {
		*ret = json_wrong_type(c, doc_word(in), "[]", json_go_scalar(f), at);
		return NULL;
	}
	yyjson_arr_iter_init(in, &it);
	for (; (v = yyjson_arr_iter_next(&it)); here.index++) {
		yyjson_mut_val *x = decode_element(c, f, v, &here, ret);

		if (*ret)
			return NULL;
		if (!x || !yyjson_mut_arr_append(arr, x)) {
			*ret = json_over(c);
			return NULL;
		}
	}
	return arr;
}

static yyjson_mut_val *decode_map(struct json_decoder *c, const struct kinds_field *f, yyjson_val *in,
	const struct json_step *at, int *ret)
{
	struct kinds_entry *entries;
	struct json_step here = { .up = at, .depth = at->depth + 1 };
	yyjson_mut_val *obj = yyjson_mut_obj(c->d);
	yyjson_obj_iter it;
	yyjson_val *key;
	size_t n, kept, i = 0;

	if (!yyjson_is_obj(in)) {
		*ret = f->value == KV_QUANTITY ? json_wrong_type(c, doc_word(in), "", "v1.ResourceList", at) :
			json_wrong_type(c, doc_word(in), "map[string]", json_go_scalar(f), at);
		return NULL;
	}
	n = yyjson_obj_size(in);
	entries = arena_alloc(c->a, (n ? n : 1) * sizeof(*entries));
	if (!entries || n > UINT32_MAX) {
		*ret = json_over(c);
		return NULL;
	}
	yyjson_obj_iter_init(in, &it);
	for (; (key = yyjson_obj_iter_next(&it)); i++) {
		yyjson_val *v = yyjson_obj_iter_get_val(key);

		here.key = yyjson_get_str(key);
		here.len = yyjson_get_len(key);
		entries[i] = (struct kinds_entry){ .key = here.key, .len = (uint32_t)here.len, .order = (uint32_t)i };
		entries[i].value = decode_element(c, f, v, &here, ret);
		if (*ret)
			return NULL;
	}
	kept = kinds_sort_entries(entries, n);
	for (i = 0; i < kept; i++) {
		yyjson_mut_val *k = yyjson_mut_strncpy(c->d, entries[i].key, entries[i].len);

		if (!k || !entries[i].value || !yyjson_mut_obj_add(obj, k, entries[i].value)) {
			*ret = json_over(c);
			return NULL;
		}
	}
	if (kept == n || c->strict == KS_IGNORE)
		return obj;
	json_repeats(c, in, &here);
	return obj;
}

/* ---- structs ---- */

struct slot { yyjson_mut_val *v; bool seen, set; };

static yyjson_mut_val *decode_member(struct json_decoder *c, const struct kinds_field *f, yyjson_val *in,
	const struct json_step *at, int *ret)
{
	yyjson_mut_val *v;
	bool zero = false;

	if (f->card == KC_ONE) {
		v = decode_value(c, f, in, at, &zero, ret);
	} else {
		v = f->card == KC_LIST ? decode_list(c, f, in, at, ret) : decode_map(c, f, in, at, ret);
		zero = v && !yyjson_mut_get_len(v);
	}
	return *ret || (zero && kinds_drops_zero(f)) ? NULL : v;
}

yyjson_mut_val *json_object(struct json_decoder *c, const struct kinds_type *t, yyjson_val *in,
	const struct json_step *at, int *ret)
{
	struct slot on_stack[SLOTS_ON_STACK], *slots = on_stack;
	struct json_step here = { .up = at, .type = t, .depth = at ? at->depth + 1 : 1 };
	yyjson_mut_val *obj = yyjson_mut_obj(c->d);
	yyjson_obj_iter it;
	yyjson_val *key;
	uint16_t hint = 0;

	if (t->schema)
		return json_custom(c, t->schema, in, at, ret);
	if (!yyjson_is_obj(in)) {
		*ret = json_wrong_type(c, doc_word(in), "", json_go_name(t), at);
		return NULL;
	}
	if (here.depth > DOC_DEPTH_MAX) {
		*ret = err_set(c->reterr, ERR_BAD_REQUEST, "exceeded max depth");
		return NULL;
	}
	if (t->field_count > SLOTS_ON_STACK)
		slots = arena_alloc(c->a, t->field_count * sizeof(*slots));
	if (!slots || !obj) {
		*ret = json_over(c);
		return NULL;
	}
	memset(slots, 0, t->field_count * sizeof(*slots));
	yyjson_obj_iter_init(in, &it);
	while ((key = yyjson_obj_iter_next(&it))) {
		yyjson_val *v = yyjson_obj_iter_get_val(key);

		here.key = yyjson_get_str(key);
		here.len = yyjson_get_len(key);
		const struct kinds_field *f = kinds_find_field(t, here.key, here.len, hint);

		if (!f) {
			json_problem(c, "unknown field", &here);
			continue;
		}
		uint16_t i = (uint16_t)(f - t->fields);

		hint = (uint16_t)(i + 1);
		if (slots[i].seen)
			json_problem(c, "duplicate field", &here);
		slots[i].seen = true;
		slots[i].set = !yyjson_is_null(v);
		slots[i].v = slots[i].set ? decode_member(c, f, v, &here, ret) : NULL;
		if (*ret)
			return NULL;
	}
	for (uint16_t i = 0; i < t->field_count; i++) {
		const struct kinds_field *f = &t->fields[i];
		yyjson_mut_val *v = slots[i].v;

		if (!slots[i].set)
			v = kinds_zero(c->d, f, &c->over);
		if (v && !yyjson_mut_obj_add(obj, yyjson_mut_strn(c->d, f->name, f->name_len), v))
			c->over = true;
		if (c->over) {
			*ret = json_over(c);
			return NULL;
		}
	}
	return obj;
}

int kinds_decode(yyjson_mut_doc *d, struct arena *a, const struct kinds_type *t, yyjson_val *in,
	enum kinds_strict strict, yyjson_mut_val **ret, struct kinds_problem **ret_problems,
	struct err *reterr)
{
	struct json_decoder c = { .d = d, .a = a, .strict = strict & ~KS_FROM_MAP, .reterr = reterr,
		.from_map = strict & KS_FROM_MAP };
	int r = 0;

	c.tail = &c.problems;
	*ret = json_object(&c, t, in, NULL, &r);
	if (c.over)
		return err_set(reterr, ERR_SIZE, "the object needs too much memory");
	if (ret_problems)
		*ret_problems = c.problems;
	return r;
}
