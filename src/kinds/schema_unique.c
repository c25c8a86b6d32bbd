/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_unique - lists of type set and map have no two items of one kind.
 * Source: apiextensions pkg/apiserver/schema/listtype/validation.go.
 */
#include <stdlib.h>

#include "kinds/schema.h"
#include "kinds/validate.h"

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

/* What makes an item one of a kind, as text; NULL over the cap. */
static const char *identity_of(struct vcheck *c, const struct kinds_schema *s, yyjson_mut_val *item)
{
	BUF_AUTO struct buf b = {0};
	const char *comma = "";

	if (s->list == KL_MAP && s->list_keys)
		buf_addc(&b, '{');
	for (const char *const *k = s->list == KL_MAP ? s->list_keys : NULL; k && *k; k++) {
		yyjson_mut_val *m = yyjson_mut_obj_get(item, *k);
		BUF_AUTO struct buf one = {0};

		if (!m)
			continue;
		buf_adds(&b, comma);
		comma = ",";
		buf_add_json(&b, *k, strlen(*k));
		buf_addc(&b, ':');
		if (doc_mwrite(&one, m))
			return NULL;
		buf_adds(&b, one.p);
	}
	if (s->list == KL_MAP && s->list_keys)
		buf_addc(&b, '}');
	else if (doc_mwrite(&b, item))
		return NULL;
	return b.failed ? NULL : arena_strndup(c->a, b.p, b.len);
}

static void check_list(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
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
			v_duplicate_raw(c, V_ITEM(p, i), ids[i].text);
}

void v_schema_unique(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v)
{
	if (yyjson_mut_is_obj(v)) {
		V_MEMBERS(key, m, v) {
			const struct schema_property *prop = schema_property(s, key, strlen(key));
			const struct kinds_schema *of = prop ? prop->schema : s->additional;

			if (of && yyjson_mut_is_ctn(m))
				v_schema_unique(c, of, V_AT(p, key), m);
		}
	} else if (yyjson_mut_is_arr(v)) {
		if (s->list == KL_SET || s->list == KL_MAP)
			check_list(c, s, p, v);
		if (s->items && s->items->type != ST_STRING)
			V_EACH(i, item, v)
				v_schema_unique(c, s->items, V_ITEM(p, i), item);
	}
}
