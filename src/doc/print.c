/* SPDX-License-Identifier: Apache-2.0 */
/* print - one walk, two notations. */
#include "doc/print.h"

#include <stdlib.h>
#include <string.h>

static void print(struct buf *out, yyjson_val *v, bool syntax);

static int by_key(const void *a, const void *b)
{
	return strcmp(yyjson_get_str(*(yyjson_val *const *)a), yyjson_get_str(*(yyjson_val *const *)b));
}

static void print_map(struct buf *out, yyjson_val *v, bool syntax)
{
	size_t n = yyjson_obj_size(v), i = 0;
	yyjson_val **keys = malloc((n ? n : 1) * sizeof(*keys));
	yyjson_obj_iter it;

	out->failed |= !keys;
	buf_adds(out, syntax ? "map[string]interface {}{" : "map[");
	yyjson_obj_iter_init(v, &it);
	for (yyjson_val *k; keys && (k = yyjson_obj_iter_next(&it));)
		keys[i++] = k;
	if (keys)
		qsort(keys, i, sizeof(*keys), by_key);
	for (size_t k = 0; k < i; k++) {
		if (k)
			buf_adds(out, syntax ? ", " : " ");
		if (syntax)
			buf_add_json(out, yyjson_get_str(keys[k]), yyjson_get_len(keys[k]));
		else
			buf_add(out, yyjson_get_str(keys[k]), yyjson_get_len(keys[k]));
		buf_addc(out, ':');
		print(out, yyjson_obj_iter_get_val(keys[k]), syntax);
	}
	buf_addc(out, syntax ? '}' : ']');
	free(keys);
}

static void print_list(struct buf *out, yyjson_val *v, bool syntax)
{
	yyjson_arr_iter it;
	bool first = true;

	buf_adds(out, syntax ? "[]interface {}{" : "[");
	yyjson_arr_iter_init(v, &it);
	for (yyjson_val *e; (e = yyjson_arr_iter_next(&it)); first = false) {
		if (!first)
			buf_adds(out, syntax ? ", " : " ");
		print(out, e, syntax);
	}
	buf_addc(out, syntax ? '}' : ']');
}

static void print(struct buf *out, yyjson_val *v, bool syntax)
{
	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_OBJ:
		print_map(out, v, syntax);
		break;
	case YYJSON_TYPE_ARR:
		print_list(out, v, syntax);
		break;
	case YYJSON_TYPE_STR:
		if (syntax)
			buf_add_json(out, yyjson_get_str(v), yyjson_get_len(v));
		else
			buf_add(out, yyjson_get_str(v), yyjson_get_len(v));
		break;
	case YYJSON_TYPE_BOOL:
		buf_adds(out, yyjson_get_bool(v) ? "true" : "false");
		break;
	case YYJSON_TYPE_NUM:
		if (yyjson_is_real(v))
			buf_printf(out, "%g", yyjson_get_real(v));
		else if (yyjson_is_uint(v))
			buf_printf(out, "%llu", (unsigned long long)yyjson_get_uint(v));
		else
			buf_printf(out, "%lld", (long long)yyjson_get_sint(v));
		break;
	default:
		buf_adds(out, "<nil>");
	}
}

void doc_print_go(struct buf *out, yyjson_val *v)
{
	print(out, v, false);
}

void doc_print_go_syntax(struct buf *out, yyjson_val *v)
{
	print(out, v, true);
}

const char *doc_word(yyjson_val *v)
{
	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_BOOL: return "bool";
	case YYJSON_TYPE_STR: return "string";
	case YYJSON_TYPE_NUM: return "number";
	case YYJSON_TYPE_ARR: return "array";
	case YYJSON_TYPE_OBJ: return "object";
	default: return "null";
	}
}
