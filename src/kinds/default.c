/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaulting: an object is walked once along its type's tree of members that
 * have defaults; each node's rules run in the order of data/defaults.tsv.
 * Custom kinds carry their defaults in their schema (schema_default.c).
 *
 * Runs on each write, before admission and again after it, so rules only fill
 * what is unset: a second run changes nothing.
 */
#include <string.h>

#include "doc/doc.h"
#include "kinds/default_table.h"
#include "kinds/kinds_priv.h"
#include "kinds/normal.h"
#include "kinds/schema.h"

/* The member at the end of path and its field; NULL when a parent is unset. */
static yyjson_mut_val *lookup(const struct kinds_type *t, yyjson_mut_val *v, const char *path,
	const struct kinds_field **ret_field)
{
	for (;;) {
		size_t len = strcspn(path, ".");
		const struct kinds_field *f = normal_field(t, path, len);
		v = yyjson_mut_obj_getn(v, path, len);
		*ret_field = f;
		if (!path[len])
			return v;
		if (!v || !f)
			return NULL;
		t = f->type;
		path += len + 1;
	}
}

static bool one_of(const char *values, const char *s, size_t len)
{
	while (*values) {
		size_t n = strcspn(values, "|");
		if (n == len && !memcmp(values, s, n))
			return true;
		values += n + (values[n] == '|');
	}
	return false;
}

static bool holds(const struct default_when *w, const struct kinds_type *t, yyjson_mut_val *v)
{
	const struct kinds_field *f;
	yyjson_mut_val *m = lookup(t, v, w->path, &f);

	if (w->op == DC_EQUALS)
		return yyjson_mut_is_str(m) &&
			one_of(w->values, yyjson_mut_get_str(m), yyjson_mut_get_len(m));
	bool unset = !m || (f && normal_unset(f, m));
	return (w->op == DC_UNSET) == unset;
}

static yyjson_mut_val *rule_value(struct default_run *r, const struct default_rule *rule)
{
	switch (rule->type) {
	case DV_STRING:
		return yyjson_mut_str(r->d, rule->text);
	case DV_INT:
		return yyjson_mut_int(r->d, rule->number);
	case DV_BOOL:
		return yyjson_mut_bool(r->d, rule->number);
	}
	if (!strcmp(rule->text, "{}"))
		return yyjson_mut_obj(r->d);
	yyjson_doc *doc;
	if (doc_parse(r->a, rule->text, strlen(rule->text), &doc, NULL))
		return NULL;
	return yyjson_val_mut_copy(r->d, yyjson_doc_get_root(doc));
}

/* Structs held by value exist in upstream's memory even when nobody wrote them;
 * behind a pointer an absent one stays absent. */
static yyjson_mut_val *member(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *v,
	const struct kinds_field *f)
{
	yyjson_mut_val *m = yyjson_mut_obj_get(v, f->name);

	if (m || f->ptr != KP_VALUE || f->value != KV_OBJECT || f->card != KC_ONE)
		return m;
	bool over = false;
	yyjson_mut_val *zero = kinds_zero(r->d, f, &over);
	if (over || (zero && !normal_put(r->d, t, v, f->name, zero)))
		r->full = true;
	return yyjson_mut_obj_get(v, f->name);
}

static void apply(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *v,
	const struct default_rule *rule)
{
	if (rule->call) {
		rule->call(r, t, v);
		return;
	}
	for (int i = 0; i < rule->when_count; i++)
		if (!holds(&rule->when[i], t, v))
			return;
	const char *path = rule->path;
	for (size_t len; path[len = strcspn(path, ".")]; path += len + 1) {
		const struct kinds_field *f = normal_field(t, path, len);
		if (!f || !yyjson_mut_is_obj(v = member(r, t, v, f)))
			return;
		t = f->type;
	}
	const struct kinds_field *f = normal_field(t, path, strlen(path));
	if (!f || !normal_unset(f, yyjson_mut_obj_get(v, path)))
		return;
	if (!normal_put(r->d, t, v, path, rule_value(r, rule)))
		r->full = true;
}

static void walk(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *v,
	const struct default_node *n)
{
	for (int i = 0; i < n->rule_count; i++)
		apply(r, t, v, &n->rules[i]);
	for (int i = 0; i < n->child_count && !r->full; i++) {
		const struct default_node *c = &n->children[i];
		yyjson_mut_val *m = yyjson_mut_obj_getn(v, c->name, c->name_len);
		if (c->each && !m)
			continue;
		const struct kinds_field *f = normal_field(t, c->name, c->name_len);
		if (!f)
			continue;
		if (c->each) {
			yyjson_mut_arr_iter it;
			yyjson_mut_val *item;
			yyjson_mut_arr_iter_init(m, &it);
			while ((item = yyjson_mut_arr_iter_next(&it)))
				if (yyjson_mut_is_obj(item))
					walk(r, f->type, item, c);
		} else if (yyjson_mut_is_obj(m = m ? m : member(r, t, v, f))) {
			walk(r, f->card == KC_ONE ? f->type : NULL, m, c);
		}
	}
}

static const struct default_node *find_root(const char *type)
{
	size_t lo = 0, hi = default_root_count;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strcmp(type, default_roots[mid].type);
		if (!c)
			return &default_roots[mid].node;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

int kinds_default(yyjson_mut_doc *d, struct arena *a, const struct kinds_kind *k, yyjson_mut_val *v)
{
	struct default_run r = { .d = d, .a = a };

	if (k->custom) {
		r.full = !schema_default(d, k->type->schema, v);
	} else {
		const struct default_node *n = find_root(k->type->name);
		if (n)
			walk(&r, k->type, v, n);
	}
	return r.full || arena_over(a) ? -ERR_SIZE : 0;
}
