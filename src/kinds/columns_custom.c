/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table cells of custom kinds: each column names a JSON path; the first value
 * it finds is the cell. A column without a path is the object's name.
 *
 * The subset of JSONPath that a CustomResourceDefinition may use: members
 * (.a, ['a'], with \. escaped), indexes ([0], [-1]), every item ([*]) and
 * filters on equality ([?(@.a=="b")]).
 * Source: apiextensions pkg/registry/customresource/tableconvertor.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "kinds/columns.h"

#define MEMBER_MAX 320

/* Reads a member's name up to a delimiter; NULL when it is too long. */
static const char *member_name(const char *p, char name[MEMBER_MAX])
{
	size_t n = 0;

	for (; *p && *p != '.' && *p != '['; p++) {
		if (*p == '\\' && p[1])
			p++;
		if (n + 1 >= MEMBER_MAX)
			return NULL;
		name[n++] = *p;
	}
	name[n] = 0;
	return p;
}

static yyjson_val *find(yyjson_val *v, const char *p);

/* "@.a.b=="c")]": of the list's items the first that matches and has the rest. */
static yyjson_val *filter(yyjson_val *list, const char *p, const char *end, const char *rest)
{
	const char *op = strstr(p, "=="), *value;
	char path[MEMBER_MAX];
	yyjson_arr_iter it;
	yyjson_val *m, *found;

	if (*p != '@' || !op || op > end || (size_t)(op - p) >= sizeof(path))
		return NULL;
	memcpy(path, p + 1, op - p - 1);
	path[op - p - 1] = 0;
	for (char *e = path + strlen(path); e > path && e[-1] == ' ';)
		*--e = 0;
	for (value = op + 2; *value == ' '; value++)
		;
	while (end > value && end[-1] == ' ')
		end--;
	bool text = end - value >= 2 && (*value == '"' || *value == '\'');
	if (text) {
		value++;
		end--;
	}
	yyjson_arr_iter_init(list, &it);
	while ((m = yyjson_arr_iter_next(&it))) {
		yyjson_val *got = find(m, path);
		char literal[32];
		bool equal = false;
		size_t n = end - value;
		if (text) {
			equal = yyjson_equals_strn(got, value, n);
		} else if (n < sizeof(literal)) {
			memcpy(literal, value, n);
			literal[n] = 0;
			equal = yyjson_is_bool(got) ? !strcmp(literal, yyjson_get_bool(got) ? "true" : "false") :
				yyjson_is_num(got) && yyjson_get_num(got) == strtod(literal, NULL);
		}
		if (equal && (found = find(m, rest)))
			return found;
	}
	return NULL;
}

static yyjson_val *subscript(yyjson_val *v, const char *p, const char *end)
{
	const char *rest = end + 1;
	char name[MEMBER_MAX];
	yyjson_arr_iter it;
	yyjson_val *m, *found;
	size_t n = end - p;

	if (n >= 2 && (*p == '\'' || *p == '"')) {
		if (n - 2 >= sizeof(name))
			return NULL;
		memcpy(name, p + 1, n - 2);
		name[n - 2] = 0;
		return find(yyjson_obj_get(v, name), rest);
	}
	if (*p == '*') {
		yyjson_arr_iter_init(v, &it);
		while ((m = yyjson_arr_iter_next(&it)))
			if ((found = find(m, rest)))
				return found;
		return NULL;
	}
	if (*p == '?')
		return n > 3 && p[1] == '(' ? filter(v, p + 2, end - 1, rest) : NULL;
	long index = strtol(p, NULL, 10);
	if (index < 0)
		index += yyjson_arr_size(v);
	return index < 0 ? NULL : find(yyjson_arr_get(v, index), rest);
}

/* The ] that closes a subscript, not one inside quotes. */
static const char *closing(const char *p)
{
	char quote = 0;

	for (; *p; p++) {
		if (quote)
			quote = *p == quote ? 0 : quote;
		else if (*p == '"' || *p == '\'')
			quote = *p;
		else if (*p == ']')
			return p;
	}
	return NULL;
}

static yyjson_val *find(yyjson_val *v, const char *p)
{
	char name[MEMBER_MAX];

	while (v && *p) {
		if (*p == '[') {
			const char *end = closing(p + 1);
			return end ? subscript(v, p + 1, end) : NULL;
		}
		if (*p == '.')
			p++;
		if (*p == '[' || !*p)
			continue;
		if (!(p = member_name(p, name)))
			return NULL;
		v = yyjson_obj_get(v, name);
	}
	return yyjson_is_null(v) ? NULL : v;
}

static void cell(struct cells *c, const struct kinds_column *column)
{
	const char *path = column->json_path, *type = column->type;
	yyjson_val *v;
	int64_t us;

	while (*path == '{' || *path == '$')
		path++;
	v = find(c->v, path);
	if (!v) {
		cell_value(c, NULL);
	} else if (!strcmp(type, "string")) {
		BUF_AUTO struct buf b = { 0 };
		if (yyjson_is_str(v))
			buf_add(&b, yyjson_get_str(v), yyjson_get_len(v));
		else if (doc_write(&b, v))
			b.failed = true;
		cell_buf(c, &b);
	} else if (!strcmp(type, "date")) {
		if (!yyjson_is_str(v))
			cell_value(c, NULL);
		else if (text_parse_time(yyjson_get_str(v), &us))
			cell_text(c, "<invalid>");
		else
			cell_since(c, yyjson_get_str(v), "<unknown>");
	} else if (!strcmp(type, "integer")) {
		if (yyjson_is_num(v))
			cell_int(c, yyjson_is_real(v) ? (int64_t)yyjson_get_real(v) : yyjson_get_sint(v));
		else
			cell_value(c, NULL);
	} else {
		bool fits = !strcmp(type, "boolean") ? yyjson_is_bool(v) : yyjson_is_num(v);
		cell_value(c, fits ? v : NULL);
	}
}

void cells_custom(struct cells *c, const struct kinds_kind *k)
{
	for (int i = 0; i < k->column_count; i++) {
		if (k->columns[i].json_path)
			cell(c, &k->columns[i]);
		else
			cell_name(c);
	}
}
