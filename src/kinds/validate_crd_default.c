/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate_crd_default - the schema compiles, and each default is a value it allows,
 * without members it does not know.
 * Source: apiextensions pkg/apiserver/schema/defaulting/validation.go.
 */
#include "kinds/schema.h"
#include "kinds/validate_crd.h"

/* Whether pruning would take something away. meta: v has metadata, kind and apiVersion. */
static bool has_unknown(const struct kinds_schema *s, yyjson_mut_val *v, bool meta)
{
	if (yyjson_mut_is_arr(v)) {
		V_EACH(i, item, v)
			if (s->items && has_unknown(s->items, item, s->items->embedded))
				return true;
		return false;
	}
	V_MEMBERS(key, m, yyjson_mut_is_obj(v) ? v : NULL) {
		const struct schema_property *p = schema_property(s, key, strlen(key));
		const struct kinds_schema *of = p ? p->schema : s->additional;

		if (meta && schema_is_meta(key))
			continue;
		if (of ? has_unknown(of, m, of->embedded) : !s->keep_unknown && !s->additional_any)
			return true;
	}
	return false;
}

static void check_value(struct vcheck *c, const struct vpath *p, const struct kinds_schema *s)
{
	yyjson_mut_doc *d = doc_new(c->a);
	yyjson_mut_val *v = d ? yyjson_val_mut_copy(d, s->dflt) : NULL;
	int before = c->count;

	if (!v)
		return;   /* over the cap: kinds_validate says so */
	if (has_unknown(s, v, s->embedded))
		v_invalid_value(c, p, v, "must not have unknown fields");
	if (yyjson_mut_is_ctn(v))
		v_schema_embedded(c, s, p, v, s->embedded);
	if (c->count == before)
		v_schema_value(c, s, p, v);
}

/* in_meta: below metadata, kind or apiVersion of an object, where defaults have rules of their own. */
static void walk(struct vcheck *c, const struct vpath *p, const struct kinds_schema *s, bool object, bool in_meta)
{
	if (s->dflt && !in_meta)
		check_value(c, V_AT(p, "default"), s);
	if (s->items)
		walk(c, V_AT(p, "items"), s->items, s->items->embedded, in_meta);
	for (uint16_t i = 0; i < s->property_count; i++) {
		const struct schema_property *prop = &s->properties[i];

		walk(c, V_KEY(V_AT(p, "properties"), prop->name), prop->schema, prop->schema->embedded,
			in_meta || (object && schema_is_meta(prop->name)));
	}
}

void crd_defaults(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s)
{
	yyjson_val *frozen = doc_freeze(c->a, s);
	struct kinds_schema *schema;
	struct err e;
	int rc = frozen ? schema_compile(c->a, frozen, &schema, &e) : -ERR_SIZE;

	if (rc == -ERR_BAD_REQUEST)
		v_invalid(c, p, "", e.msg);
	else if (!rc)
		walk(c, p, schema, true, false);
}
