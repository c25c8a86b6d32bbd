/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_embedded - objects inside of custom objects have apiVersion, kind and metadata
 * like others (x-kubernetes-embedded-resource).
 * Source: apiextensions pkg/apiserver/schema/objectmeta/validation.go.
 */
#include <ctype.h>

#include "base/text.h"
#include "kinds/schema.h"
#include "kinds/validate.h"

#define MUST "must not be empty"

static void check_kind(struct vcheck *c, const struct vpath *p, const char *kind)
{
	char *lower = arena_strdup(c->a, kind);
	const char *bad;

	for (char *s = lower; s && *s; s++)
		*s = (char)tolower((unsigned char)*s);
	bad = lower ? text_bad_dns1035_label(lower) : NULL;
	if (bad)
		v_invalid(c, p, kind, v_text(c, "may have mixed case, but should otherwise match: %s", bad));
}

static void check_text(struct vcheck *c, const struct vpath *p, yyjson_mut_val *v, const char *name)
{
	const struct vpath *at = V_AT(p, name);
	yyjson_mut_val *m = yyjson_mut_obj_get(v, name);
	const char *s = yyjson_mut_get_str(m), *slash;

	if (!m) {
		v_required(c, at, MUST);
	} else if (!s) {
		v_invalid_value(c, at, m, "must be a string");
	} else if (!*s) {
		v_invalid(c, at, s, MUST);
	} else if (*name == 'k') {
		check_kind(c, at, s);
	} else if ((slash = strchr(s, '/')) && strchr(slash + 1, '/')) {
		v_invalid(c, at, s, v_text(c, "unexpected GroupVersion string: %s", s));
	}
}

static void check_embedded(struct vcheck *c, const struct vpath *p, yyjson_mut_val *v)
{
	const struct vpath *meta = V_AT(p, "metadata");

	check_text(c, p, v, "apiVersion");
	check_text(c, p, v, "kind");
	v_labels(c, V_AT(meta, "labels"), doc_mget(v, "metadata.labels"));
	v_annotations(c, V_AT(meta, "annotations"), doc_mget(v, "metadata.annotations"));
}

void v_schema_embedded(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v, bool root)
{
	if (yyjson_mut_is_obj(v)) {
		if (s->embedded || root)
			check_embedded(c, p, v);
		V_MEMBERS(key, m, v) {
			const struct schema_property *prop = schema_property(s, key, strlen(key));
			const struct kinds_schema *of = prop ? prop->schema : s->additional;

			if (of && yyjson_mut_is_ctn(m))
				v_schema_embedded(c, of, V_AT(p, key), m, false);
		}
	} else if (yyjson_mut_is_arr(v) && s->items) {
		V_EACH(i, item, v)
			v_schema_embedded(c, s->items, V_ITEM(p, i), item, false);
	}
}
