/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track - who owns the fields of an object after a write that is no apply.
 *
 * A client may hand in managedFields of its own (only through the main
 * resource); an empty or unreadable list stands for the stored one, a list of one
 * empty entry clears it. An object whose list is cleared is tracked again from
 * the next apply on.
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
	if (!r->sub && clears(sent)) {
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
