/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of custom objects: those of their schema, and that the numbers their scale
 * subresource shows are numbers.
 * Source: apiextensions pkg/registry/customresource (validator.go, strategy.go).
 */
#include "kinds/kinds_custom.h"
#include "kinds/schema.h"
#include "kinds/validate.h"

/* Why a value at path is not of the Go type want. */
static const char *not_a(struct vcheck *c, const char *path, yyjson_mut_val *m, const char *want)
{
	BUF_AUTO struct buf b = { 0 };
	const char *is = yyjson_mut_is_str(m) ? "string" : yyjson_mut_is_bool(m) ? "bool" : yyjson_mut_is_int(m) ? "int64" :
		yyjson_mut_is_num(m) ? "float64" : yyjson_mut_is_arr(m) ? "[]interface {}" : "map[string]interface {}";

	if (!yyjson_mut_is_str(m) && doc_mwrite(&b, m))
		return "";
	return v_text(c, "%s accessor error: %s is of the type %s, expected %s", path,
		yyjson_mut_is_str(m) ? yyjson_mut_get_str(m) : b.p, is, want);
}

static void check_replicas(struct vcheck *c, const char *path)
{
	yyjson_mut_val *m = path && *path == '.' ? doc_mget(c->v, path + 1) : NULL;
	const struct vpath *at = V_AT(NULL, path);

	if (!m || yyjson_mut_is_null(m))
		return;
	if (!yyjson_mut_is_int(m))
		v_invalid_int(c, at, 0, not_a(c, path, m, "int64"));
	else if (yyjson_mut_get_sint(m) < 0)
		v_invalid_int(c, at, yyjson_mut_get_sint(m), "should be a non-negative integer");
	else if (yyjson_mut_get_sint(m) > INT32_MAX)
		v_invalid_int(c, at, yyjson_mut_get_sint(m), v_text(c, "should be less than or equal to %d", INT32_MAX));
}

static void check_selector(struct vcheck *c, const char *path)
{
	yyjson_mut_val *m = path && *path == '.' ? doc_mget(c->v, path + 1) : NULL;

	if (m && !yyjson_mut_is_null(m) && !yyjson_mut_is_str(m))
		v_invalid(c, V_AT(NULL, path), "", not_a(c, path, m, "string"));
}

void validate_custom(struct vcheck *c)
{
	const struct kinds_custom *more = kinds_custom_of(c->k);
	const struct kinds_schema *s = c->k->type->schema;
	struct vcheck was = *c;

	v_schema(c, s);
	if (more->spec_replicas) {
		check_replicas(c, more->spec_replicas);
		check_replicas(c, more->status_replicas);
		check_selector(c, more->label_selector);
	}
	v_schema_embedded(c, s, NULL, c->v, false);
	/* Who had repetitions may keep them. */
	was.first = NULL;
	was.tail = &was.first;
	was.count = 0;
	if (c->old)
		v_schema_unique(&was, s, NULL, c->old);
	if (!was.first)
		v_schema_unique(c, s, NULL, c->v);
}
