/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track - who owns the fields of an object after a write that is no apply.
 *
 * A client may hand in managedFields of its own (only through the main
 * resource); none or an unreadable list stands for the stored one, an empty list
 * or one of a single empty entry clears it. An object whose list is cleared is
 * tracked again from the next apply on.
 * Source: apimachinery util/managedfields (fieldmanager.go, skipnonapplied.go).
 */
#include <string.h>

#include "kinds/apply.h"
#include "kinds/normal.h"

static bool clears(yyjson_mut_val *list)
{
	return yyjson_mut_arr_size(list) == 1 && yyjson_mut_is_obj(yyjson_mut_arr_get_first(list)) &&
		!yyjson_mut_obj_size(yyjson_mut_arr_get_first(list));
}

static void keep(struct apply *c, yyjson_mut_val *v, yyjson_mut_val *list)
{
	yyjson_mut_val *meta = doc_mobj(c->d, v, "metadata");

	c->over |= !normal_put(c->d, kinds_type_by_name("meta/v1.ObjectMeta"), meta, "managedFields",
		yyjson_mut_val_mut_copy(c->d, list));
}

int kinds_track(yyjson_mut_doc *d, struct arena *a, const struct apply_req *r, yyjson_mut_val *v,
	yyjson_mut_val *old)
{
	const char *name = r->manager && *r->manager ? r->manager : "unknown";
	yyjson_mut_val *sent = doc_mget(v, "metadata.managedFields");
	yyjson_mut_val *stored = doc_mget(old, "metadata.managedFields"), *list = stored;
	struct managed m = { 0 };
	bool same = sent && stored && doc_mequal(sent, stored);
	struct difference diff;
	struct apply c;

	apply_init(&c, d, a, r);
	if (!r->sub && (r->clear || clears(sent))) {
		list = NULL;
	} else if (!r->sub && !same && yyjson_mut_arr_size(sent) && managed_read(&c, sent, &m)) {
		list = sent;
		for (size_t i = 0; i < m.n; i++)
			m.v[i].entry = NULL;
	}
	if (old && !yyjson_mut_arr_size(list)) {
		doc_mdel(doc_mget(v, "metadata"), "managedFields");
		goto done;
	}
	apply_compare(&c, old, v, &diff);
	if (list != sent && fieldset_empty(&diff.added) && fieldset_empty(&diff.modified) &&
	    fieldset_empty(&diff.removed)) {
		if (list && !same)
			keep(&c, v, list);
		else if (!list)
			doc_mdel(doc_mget(v, "metadata"), "managedFields");
		goto done;
	}
	if (list != sent && list)
		managed_read(&c, list, &m);
	managed_update(&c, &m, &diff, name, r->now_us);
	managed_cap(&c, &m);
	managed_write(&c, &m, v);
done:
	apply_finish(&c);
	return c.over || arena_over(a) ? -ERR_SIZE : 0;
}

/* Equal but for when they were written. */
static bool same_entry(yyjson_mut_val *a, yyjson_mut_val *b)
{
	yyjson_mut_obj_iter it;
	size_t n = 0;

	yyjson_mut_obj_iter_init(a, &it);
	for (yyjson_mut_val *k; (k = yyjson_mut_obj_iter_next(&it));) {
		if (yyjson_mut_equals_str(k, "time"))
			continue;
		n++;
		if (!doc_mequal(yyjson_mut_obj_iter_get_val(k), yyjson_mut_obj_get(b, yyjson_mut_get_str(k))))
			return false;
	}
	return n == yyjson_mut_obj_size(b) - (yyjson_mut_obj_get(b, "time") ? 1 : 0);
}

/* Lists that differ, in times only. */
static bool times_differ(yyjson_mut_val *a, yyjson_mut_val *b)
{
	yyjson_mut_arr_iter ia, ib;
	yyjson_mut_val *x, *y;

	if (!a || !b || yyjson_mut_arr_size(a) != yyjson_mut_arr_size(b) || doc_mequal(a, b))
		return false;
	yyjson_mut_arr_iter_init(a, &ia);
	yyjson_mut_arr_iter_init(b, &ib);
	while ((x = yyjson_mut_arr_iter_next(&ia)) && (y = yyjson_mut_arr_iter_next(&ib)))
		if (!same_entry(x, y))
			return false;
	return true;
}

/* Equal in everything but the member skipped, and the revision read. */
static bool same_but(yyjson_mut_val *a, yyjson_mut_val *b, const char *skipped)
{
	yyjson_mut_val *pair[] = { a, b };

	for (int i = 0; i < 2; i++) {
		yyjson_mut_obj_iter it;
		yyjson_mut_obj_iter_init(pair[i], &it);
		for (yyjson_mut_val *k; (k = yyjson_mut_obj_iter_next(&it));) {
			const char *key = yyjson_mut_get_str(k);
			if (strcmp(key, skipped) && strcmp(key, "resourceVersion") &&
			    !doc_mequal(yyjson_mut_obj_iter_get_val(k), yyjson_mut_obj_get(pair[!i], key)))
				return false;
		}
	}
	return true;
}

int kinds_settle(yyjson_mut_doc *d, yyjson_mut_val *v, yyjson_mut_val *old)
{
	yyjson_mut_val *meta = yyjson_mut_obj_get(v, "metadata"), *was = yyjson_mut_obj_get(old, "metadata");

	if (!times_differ(yyjson_mut_obj_get(meta, "managedFields"), yyjson_mut_obj_get(was, "managedFields")) ||
	    !same_but(meta, was, "managedFields") || !same_but(v, old, "metadata"))
		return 0;
	return normal_take(d, kinds_type_by_name("meta/v1.ObjectMeta"), meta, was, "managedFields") ? 0 : -ERR_SIZE;
}
