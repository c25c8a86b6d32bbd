/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate_crd_structural - schemas are structural: every value has a type outside of
 * combinations, and combinations only narrow what is declared outside of them.
 * Source: apiextensions pkg/apiserver/schema/validation.go, complete.go.
 */
#include <stdlib.h>

#include "kinds/normal.h"
#include "kinds/pattern.h"
#include "kinds/validate_crd.h"

enum level { ROOT, ITEM, FIELD };

static const struct { const char *name, *what; } not_nested[] = {
	{ "default", "must be undefined to be structural" }, { "title", "must be empty to be structural" },
	{ "description", "must be empty to be structural" }, { "nullable", "must be false to be structural" },
	{ "x-kubernetes-preserve-unknown-fields", "must be false to be structural" },
	{ "x-kubernetes-embedded-resource", "must be false to be structural" },
	{ "x-kubernetes-int-or-string", "must be false to be structural" },
	{ "x-kubernetes-list-map-keys", "must be empty to be structural" },
	{ "x-kubernetes-list-type", "must be undefined to be structural" },
	{ "x-kubernetes-map-type", "must be undefined to be structural" },
	{ "x-kubernetes-validations", "must be empty to be structural" },
};
static const char *const junctors[] = { "anyOf", "allOf", "oneOf" };

static bool is_set(yyjson_mut_val *s, const char *name)
{
	return yyjson_mut_is_true(yyjson_mut_obj_get(s, name));
}

static bool only_type(yyjson_mut_val *s, const char *type)
{
	return yyjson_mut_obj_size(s) == 1 && v_is(s, "type", type);
}

/* [{type: integer}, {type: string}], which int-or-string may say in a combination. */
static bool int_or_string(yyjson_mut_val *list)
{
	return yyjson_mut_arr_size(list) == 2 && only_type(yyjson_mut_arr_get_first(list), "integer") &&
		only_type(yyjson_mut_arr_get_last(list), "string");
}

/* ---- what a combination may say ---- */

static void nested(struct vcheck *c, const struct vpath *p, yyjson_mut_val *v, bool skip_any);

/* skip_any: its anyOf is that of int-or-string; skip_first: that of the first of its allOf. */
static void value_rules(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s, bool skip_any, bool skip_first)
{
	const char *pattern = v_str(s, "pattern");
	struct pattern *compiled;
	struct err e;

	for (size_t j = 0; j < sizeof(junctors) / sizeof(junctors[0]); j++) {
		if (!j && skip_any)
			continue;
		V_EACH(i, m, v_get(s, junctors[j]))
			nested(c, V_ITEM(V_AT(p, junctors[j]), i), m, j == 1 && !i && skip_first);
	}
	if (v_get(s, "not"))
		nested(c, V_AT(p, "not"), v_get(s, "not"), false);
	if (*pattern && pattern_compile(c->a, pattern, &compiled, &e) == -ERR_BAD_REQUEST)
		v_invalid(c, V_AT(p, "pattern"), pattern,
			v_text(c, "must be a valid regular expression, but isn't: %s: `%s`", e.msg, pattern));
}

static void nested(struct vcheck *c, const struct vpath *p, yyjson_mut_val *v, bool skip_any)
{
	value_rules(c, p, v, skip_any, false);
	if (yyjson_mut_is_obj(v_get(v, "items")))
		nested(c, V_AT(p, "items"), v_get(v, "items"), false);
	V_MEMBERS(key, m, v_get(v, "properties"))
		nested(c, V_KEY(V_AT(p, "properties"), key), m, false);
	if (*v_str(v, "type"))
		v_forbidden(c, V_AT(p, "type"), "must be empty to be structural");
	if (v_get(v, "additionalProperties"))
		v_forbidden(c, V_AT(p, "additionalProperties"), "must be undefined to be structural");
	for (size_t i = 0; i < sizeof(not_nested) / sizeof(not_nested[0]); i++)
		if (yyjson_mut_obj_get(v, not_nested[i].name))
			v_forbidden(c, V_AT(p, not_nested[i].name), not_nested[i].what);
	if (doc_mget(v, "properties.metadata"))
		v_forbidden(c, V_KEY(V_AT(p, "properties"), "metadata"), "must not be specified in a nested context");
}

/* ---- what every schema must say ---- */

static void check_type(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s, enum level level)
{
	static const char *const empty[] = { "must not be empty at the root", "must not be empty for specified array items",
		"must not be empty for specified object fields" };
	static const char embedded[] = "must be object if x-kubernetes-embedded-resource is true";
	const char *type = v_str(s, "type");
	const struct vpath *at = V_AT(p, "type");

	if (is_set(s, "x-kubernetes-embedded-resource") && strcmp(type, "object")) {
		if (*type)
			v_invalid(c, at, type, embedded);
		else
			v_required(c, at, embedded);
	} else if (!*type && !is_set(s, "x-kubernetes-int-or-string") && !is_set(s, "x-kubernetes-preserve-unknown-fields")) {
		v_required(c, at, empty[level]);
	}
	if (level == ROOT && *type && strcmp(type, "object"))
		v_invalid(c, at, type, "must be object at the root");
}

/* Of the root's metadata only names may be narrowed. */
static bool metadata_is_plain(yyjson_mut_val *meta)
{
	V_MEMBERS(key, m, meta) {
		if (!strcmp(key, "type") || !strcmp(key, "default"))
			continue;
		if (strcmp(key, "properties"))
			return false;
		V_MEMBERS(name, n, m)
			if (n && strcmp(name, "name") && strcmp(name, "generateName"))
				return false;
	}
	return true;
}

static void check_meta(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s, enum level level)
{
	static const char *const texts[] = { "kind", "apiVersion" };
	yyjson_mut_val *props = v_get(s, "properties"), *meta = v_get(props, "metadata");
	const struct vpath *at = V_AT(p, "properties");
	bool here = level == ROOT || is_set(s, "x-kubernetes-embedded-resource");

	for (int i = 0; here && i < 2; i++) {
		yyjson_mut_val *m = v_get(props, texts[i]);

		if (m && !v_is(m, "type", "string"))
			v_invalid(c, V_AT(V_KEY(at, texts[i]), "type"), v_str(m, "type"), "must be string");
	}
	if (meta && here && !v_is(meta, "type", "object"))
		v_invalid(c, V_AT(V_KEY(at, "metadata"), "type"), v_str(meta, "type"), "must be object");
	if (meta && level == ROOT && !metadata_is_plain(meta))
		v_forbidden(c, V_KEY(at, "metadata"),
			"must not specify anything other than name and generateName, but metadata is implicitly specified");
}

static void invariants(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s, enum level level)
{
	yyjson_mut_val *items = v_get(s, "items"), *more = v_get(s, "additionalProperties");
	yyjson_mut_val *first = yyjson_mut_arr_get_first(v_get(s, "allOf"));
	bool embedded = is_set(s, "x-kubernetes-embedded-resource"), keep = is_set(s, "x-kubernetes-preserve-unknown-fields");

	if (v_is(s, "type", "array") && !items)
		v_required(c, V_AT(p, "items"), "must be specified");
	if (yyjson_mut_is_obj(items))
		invariants(c, V_AT(p, "items"), items, ITEM);
	V_MEMBERS(key, m, v_get(s, "properties"))
		invariants(c, V_KEY(V_AT(p, "properties"), key), m, FIELD);
	if (more && level == ROOT)
		v_forbidden(c, V_AT(p, "additionalProperties"), "must not be used at the root");
	if (yyjson_mut_is_obj(more))
		invariants(c, V_AT(p, "additionalProperties"), more, FIELD);
	if (is_set(s, "x-kubernetes-int-or-string")) {
		if (keep)
			v_invalid_raw(c, V_AT(p, "x-kubernetes-preserve-unknown-fields"), "true",
				"must be false if x-kubernetes-int-or-string is true");
		if (embedded)
			v_invalid_raw(c, V_AT(p, "x-kubernetes-embedded-resource"), "true",
				"must be false if x-kubernetes-int-or-string is true");
	}
	value_rules(c, p, s, int_or_string(v_get(s, "anyOf")), int_or_string(v_get(first, "anyOf")));
	check_type(c, p, s, level);
	if (embedded && more)
		v_forbidden(c, V_AT(p, "additionalProperties"), "must not be used if x-kubernetes-embedded-resource is set");
	check_meta(c, p, s, level);
	if (embedded && !keep && !yyjson_mut_obj_size(v_get(s, "properties")))
		v_required(c, V_AT(p, "properties"), "must not be empty if x-kubernetes-embedded-resource is true "
			"without x-kubernetes-preserve-unknown-fields");
}

/* ---- what a combination talks of is declared ---- */

static const char *path_of(struct vcheck *c, const struct vpath *p)
{
	BUF_AUTO struct buf b = { 0 };

	if (c->count >= VALIDATE_ERRORS_MAX || arena_over(c->a))
		return "";
	v_path(&b, p);
	return b.failed ? "" : arena_strndup(c->a, b.p ? b.p : "", b.len);
}

/* v, a combination at vp, against s, what is declared at sp (NULL: nothing). */
static void complete(struct vcheck *c, const struct vpath *vp, yyjson_mut_val *v, const struct vpath *sp, yyjson_mut_val *s,
	bool is_nested)
{
	if (!s) {
		v_required(c, sp, v_text(c, "because it is defined in %s", path_of(c, vp)));
		return;
	}
	if (v_get(v, "not"))
		complete(c, V_AT(vp, "not"), v_get(v, "not"), sp, s, true);
	for (size_t j = 0; j < sizeof(junctors) / sizeof(junctors[0]); j++)
		V_EACH(i, m, v_get(v, junctors[j]))
			complete(c, V_ITEM(V_AT(vp, junctors[j]), i), m, sp, s, true);
	if (!is_nested)
		return;
	if (yyjson_mut_is_obj(v_get(v, "items")))
		complete(c, V_AT(vp, "items"), v_get(v, "items"), V_AT(sp, "items"), v_get(s, "items"), true);
	INDEX_AUTO struct index outside = index_map(v_get(s, "properties"));
	V_MEMBERS(key, m, v_get(v, "properties"))
		complete(c, V_KEY(V_AT(vp, "properties"), key), m, V_KEY(V_AT(sp, "properties"), key),
			index_get(&outside, key), true);
}

static int by_text(const void *pa, const void *pb)
{
	const struct field_error *a = *(struct field_error *const *)pa, *b = *(struct field_error *const *)pb;
	int order = strcmp(a->field, b->field);

	return order ? order : strcmp(a->detail, b->detail);
}

void crd_structural(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s)
{
	struct vcheck all = *c;
	struct field_error **list;
	int n = 0;

	all.first = NULL;
	all.tail = &all.first;
	all.count = 0;
	invariants(&all, p, s, ROOT);
	complete(&all, p, s, p, s, false);
	list = all.count ? arena_alloc(c->a, (size_t)all.count * sizeof(*list)) : NULL;
	if (!list)
		return;
	for (struct field_error *e = all.first; e; e = e->next)
		list[n++] = e;
	qsort(list, (size_t)n, sizeof(*list), by_text);
	for (int i = 0; i < n && c->count < VALIDATE_ERRORS_MAX; i++, c->count++) {
		list[i]->next = NULL;
		*c->tail = list[i];
		c->tail = &list[i]->next;
	}
}
