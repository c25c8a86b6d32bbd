/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects before and after a change, for the rules: equal but for one member, and
 * a short account of what differs, for people.
 */
#include <stdlib.h>

#include "kinds/normal.h"
#include "kinds/validate.h"

#define VALUE_MAX 200           /* bytes of a value in a diff */

bool v_same_but(yyjson_mut_val *a, yyjson_mut_val *b, const char *name)
{
	yyjson_mut_val *pair[] = { a, b };

	for (int i = 0; i < 2; i++) {
		INDEX_AUTO struct index other = index_map(pair[!i]);
		V_MEMBERS(key, m, pair[i])
			if (strcmp(key, name) && !v_same(yyjson_mut_is_null(m) ? NULL : m, index_get(&other, key)))
				return false;
	}
	return true;
}

static void line(struct buf *b, char sign, const char *path, yyjson_mut_val *v)
{
	BUF_AUTO struct buf value = { 0 };

	if (!v || doc_mwrite(&value, v))
		return;
	buf_printf(b, "%c\t%s: %.*s%s\n", sign, path, (int)(value.len > VALUE_MAX ? VALUE_MAX : value.len), value.p,
		value.len > VALUE_MAX ? "..." : "");
}

/* left: how many more differences may be told. */
static void differences(struct vcheck *c, struct buf *b, const char *path, yyjson_mut_val *was, yyjson_mut_val *now,
	int *left)
{
	yyjson_mut_val *pair[] = { was, now };

	if (!path || *left <= 0 || v_same(was, now))
		return;
	if (yyjson_mut_is_obj(was) && yyjson_mut_is_obj(now)) {
		for (int i = 0; i < 2; i++) {
			INDEX_AUTO struct index others = index_map(pair[!i]);
			V_MEMBERS(key, m, pair[i]) {
				yyjson_mut_val *other = index_get(&others, key);
				if (m && (!i || !other))
					differences(c, b, v_text(c, "%s%s%s", path, *path ? "." : "", key), i ? NULL : m,
						i ? m : other, left);
			}
		}
	} else if (yyjson_mut_is_arr(was) && yyjson_mut_is_arr(now) &&
		   yyjson_mut_arr_size(was) == yyjson_mut_arr_size(now)) {
		yyjson_mut_arr_iter it = v_iter(was);
		V_EACH(i, m, now)
			differences(c, b, v_text(c, "%s[%zu]", path, i), yyjson_mut_arr_iter_next(&it), m, left);
	} else {
		--*left;
		line(b, '-', path, was);
		line(b, '+', path, now);
	}
}

const char *v_diff(struct vcheck *c, const char *head, yyjson_mut_val *was, yyjson_mut_val *now)
{
	BUF_AUTO struct buf b = { 0 };
	int left = VALIDATE_DIFF_MAX;

	buf_printf(&b, "%s\n", head);
	differences(c, &b, "", was, now, &left);
	return b.failed ? head : arena_strndup(c->a, b.p, b.len);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *v_names(struct vcheck *c, yyjson_mut_val *list)
{
	size_t n = yyjson_mut_arr_size(list);
	const char **names = arena_zalloc(c->a, (n + 1) * sizeof(*names));
	BUF_AUTO struct buf b = { 0 };

	if (!names)
		return "";
	V_EACH(i, m, list)
		names[i] = v_str(m, "name");
	qsort(names, n, sizeof(*names), by_text);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", names[i]);
	return b.failed ? "" : arena_strndup(c->a, b.p ? b.p : "", b.len);
}
