/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zero - what the normal form writes for nothing, and what it leaves out; with
 * the order of maps and the search for members that both decoders share.
 */
#include <stdlib.h>
#include <string.h>

#include "kinds/kinds_priv.h"

bool kinds_drops_zero(const struct kinds_field *f)
{
	if (f->card != KC_ONE)
		return f->omit != KO_NEVER;
	if (f->value == KV_TIME || f->value == KV_MICROTIME)
		return true;
	if (f->ptr == KP_POINTER)
		return false;
	switch ((enum kinds_value)f->value) {
	case KV_STRING: case KV_BOOL: case KV_INT32: case KV_INT64: case KV_UINT32: case KV_DOUBLE:
	case KV_BYTES:
		return f->omit != KO_NEVER;
	default:
		return false;
	}
}

static yyjson_mut_val *zero_object(yyjson_mut_doc *d, const struct kinds_type *t, bool *ret_over)
{
	yyjson_mut_val *obj = yyjson_mut_obj(d);

	for (uint16_t i = 0; i < t->field_count && !*ret_over; i++) {
		const struct kinds_field *f = &t->fields[i];
		yyjson_mut_val *v = kinds_zero(d, f, ret_over);

		if (v && !yyjson_mut_obj_add(obj, yyjson_mut_strn(d, f->name, f->name_len), v))
			*ret_over = true;
	}
	*ret_over = *ret_over || !obj;
	return obj;
}

yyjson_mut_val *kinds_zero(yyjson_mut_doc *d, const struct kinds_field *f, bool *ret_over)
{
	yyjson_mut_val *v = NULL;

	if (f->card == KC_LIST && f->omit == KO_NEVER && !strcmp(f->name, "items")) {
		v = yyjson_mut_arr(d);   /* a list's items are never absent */
	} else if (f->card != KC_ONE || f->ptr != KP_VALUE || f->omit == KO_OMITZERO) {
		return NULL;
	} else {
		switch ((enum kinds_value)f->value) {
		case KV_STRING: case KV_BOOL: case KV_INT32: case KV_INT64: case KV_UINT32: case KV_DOUBLE:
			if (f->omit != KO_NEVER)
				return NULL;
			if (f->value == KV_STRING)
				v = yyjson_mut_str(d, "");
			else if (f->value == KV_BOOL)
				v = yyjson_mut_bool(d, false);
			else
				v = yyjson_mut_sint(d, 0);
			break;
		case KV_QUANTITY: v = yyjson_mut_str(d, "0"); break;
		case KV_INT_OR_STRING: v = yyjson_mut_sint(d, 0); break;
		case KV_DURATION: v = yyjson_mut_str(d, "0s"); break;
		case KV_OBJECT: v = zero_object(d, f->type, ret_over); break;
		default: return NULL;
		}
	}
	*ret_over = *ret_over || !v;
	return v;
}

const struct kinds_field *kinds_find_field(const struct kinds_type *t, const char *key, size_t len,
	uint16_t hint)
{
	for (uint16_t n = 0, i = hint; n < t->field_count; n++, i++) {
		if (i >= t->field_count)
			i = 0;
		if (t->fields[i].name_len == len && !memcmp(t->fields[i].name, key, len))
			return &t->fields[i];
	}
	return NULL;
}

yyjson_mut_val *kinds_zero_element(yyjson_mut_doc *d, const struct kinds_field *f, bool *ret_over)
{
	struct kinds_field one = *f;

	one.card = KC_ONE;
	one.ptr = KP_VALUE;
	one.omit = KO_NEVER;
	if (f->value == KV_BYTES)
		one.value = KV_STRING;
	yyjson_mut_val *v = kinds_zero(d, &one, ret_over);

	return v || *ret_over ? v : yyjson_mut_null(d);
}

static int entry_order(const void *pa, const void *pb)
{
	const struct kinds_entry *a = pa, *b = pb;
	int order = memcmp(a->key, b->key, a->len < b->len ? a->len : b->len);

	if (!order)
		order = (a->len > b->len) - (a->len < b->len);
	return order ? order : (a->order > b->order) - (a->order < b->order);
}

static bool same_key(const struct kinds_entry *a, const struct kinds_entry *b)
{
	return a->len == b->len && !memcmp(a->key, b->key, a->len);
}

size_t kinds_sort_entries(struct kinds_entry *entries, size_t n)
{
	size_t i, kept = 0;

	for (i = 1; i < n && !same_key(&entries[i - 1], &entries[i]) &&
			entry_order(&entries[i - 1], &entries[i]) < 0; i++)
		;
	if (i >= n)
		return n;
	qsort(entries, n, sizeof(*entries), entry_order);
	for (i = 0; i < n; i++)
		if (i + 1 == n || !same_key(&entries[i], &entries[i + 1]))
			entries[kept++] = entries[i];
	return kept;
}
