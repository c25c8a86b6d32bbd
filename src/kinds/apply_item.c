/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_item - the parts of a value under the names that tell them apart.
 *
 * An element of a map list is named by its keys in ascending order, a missing
 * one standing for its default (a port's protocol is TCP).
 */
#include <stdlib.h>
#include <string.h>

#include "kinds/apply.h"
#include "kinds/kinds_priv.h"
#include "kinds/prepare.h"

#define KEYS_MAX 8

void apply_init(struct apply *c, yyjson_mut_doc *d, struct arena *a, const struct apply_req *r)
{
	*c = (struct apply){ .d = d, .a = a, .kind = r->kind, .sub = r->sub };
}

void apply_finish(struct apply *c)
{
	buf_finish(&c->text);
}

struct shape apply_root(const struct apply *c)
{
	return (struct shape){ .kind = SHAPE_STRUCT, .type = c->kind->type };
}

static bool is(const char *key, size_t n, const char *name)
{
	return strlen(name) == n && !memcmp(key, name, n);
}

static bool any_of(const char *key, size_t n, const char *const *names)
{
	for (; *names; names++)
		if (is(key, n, *names))
			return true;
	return false;
}

bool apply_ignores(const struct apply *c, const struct frame *in, const char *key, size_t n)
{
	static const char *const by_server[] = { "name", "namespace", "creationTimestamp", "selfLink", "uid",
		"clusterName", "generation", "managedFields", "resourceVersion", NULL };

	if (in->up)
		return !in->up->up && in->type == 'f' && is(in->key, in->len, "metadata") &&
			(any_of(key, n, by_server) || (c->sub && !strcmp(c->sub, "status") && prepare_resets(c->kind, key, n)));
	if (is(key, n, "apiVersion") || is(key, n, "kind"))
		return true;
	if (!c->sub)
		return is(key, n, "status") && kinds_sub(c->kind, "status");
	/* These write one part of the object; the others belong to whoever writes them. */
	if (!strcmp(c->sub, "status") || !strcmp(c->sub, "approval"))
		return !is(key, n, "status") && !is(key, n, "metadata");
	return is(key, n, "status");
}

static int by_key(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	size_t n = a->len < b->len ? a->len : b->len;
	int c = memcmp(a->key, b->key, n);

	if (c || a->len != b->len)
		return c ? c : a->len < b->len ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

void items_sort(struct items *t)
{
	for (size_t i = 1; i < t->n; i++) {
		if (by_key(&t->v[i - 1], &t->v[i]) > 0) {
			qsort(t->v, t->n, sizeof(*t->v), by_key);
			return;
		}
	}
}

static bool same_key(const struct item *a, const struct item *b)
{
	return a->len == b->len && !memcmp(a->key, b->key, a->len);
}

static void unique(struct items *t)
{
	size_t kept = 0;

	items_sort(t);
	for (size_t i = 0; i < t->n; i++)
		if (!kept || !same_key(&t->v[kept - 1], &t->v[i]))
			t->v[kept++] = t->v[i];
	t->n = kept;
}

static struct items items_new(struct apply *c, size_t n)
{
	struct items t = { 0 };

	if (n) {
		t.v = arena_alloc(c->a, n * sizeof(*t.v));
		c->over |= !t.v;
	}
	return t;
}

struct items items_of_map(struct apply *c, yyjson_mut_val *obj)
{
	struct items t = items_new(c, yyjson_mut_obj_size(obj));
	yyjson_mut_obj_iter it;

	if (!t.v)
		return t;
	yyjson_mut_obj_iter_init(obj, &it);
	for (yyjson_mut_val *k; (k = yyjson_mut_obj_iter_next(&it));) {
		t.v[t.n] = (struct item){ yyjson_mut_get_str(k), yyjson_mut_get_len(k), yyjson_mut_obj_iter_get_val(k), t.n };
		t.n++;
	}
	unique(&t);
	return t;
}

yyjson_mut_val **items_of_struct(struct apply *c, const struct kinds_type *t, yyjson_mut_val *obj,
	struct items *ret_rest)
{
	yyjson_mut_val **v = arena_zalloc(c->a, ((size_t)t->field_count + 1) * sizeof(*v));
	bool rest = t->items || t->keep_unknown;
	yyjson_mut_obj_iter it;
	uint16_t hint = 0;

	*ret_rest = (struct items){ 0 };
	if (!v) {
		c->over = true;
		return NULL;
	}
	if (!yyjson_mut_is_obj(obj))
		return v;
	yyjson_mut_obj_iter_init(obj, &it);
	for (yyjson_mut_val *k; (k = yyjson_mut_obj_iter_next(&it));) {
		yyjson_mut_val *m = yyjson_mut_obj_iter_get_val(k);
		const struct kinds_field *f = kinds_find_field(t, yyjson_mut_get_str(k), yyjson_mut_get_len(k), hint);
		if (f) {
			hint = (uint16_t)(f - t->fields + 1);
			v[f - t->fields] = m;
		} else if (rest) {
			if (!ret_rest->v)
				*ret_rest = items_new(c, yyjson_mut_obj_size(obj));
			if (ret_rest->v) {
				ret_rest->v[ret_rest->n] = (struct item){ yyjson_mut_get_str(k),
					yyjson_mut_get_len(k), m, ret_rest->n };
				ret_rest->n++;
			}
		}
	}
	unique(ret_rest);
	return v;
}

/* Plain strings are quoted as they are; others go through the JSON writer. */
static void add_scalar(struct apply *c, yyjson_mut_val *v)
{
	if (yyjson_mut_is_str(v))
		buf_add_json(&c->text, yyjson_mut_get_str(v), yyjson_mut_get_len(v));
	else if (doc_mwrite(&c->text, v))
		c->over = true;
}

/* What names an element: what is absent, null or "" is what defaulting makes of it. NULL: nothing. */
static yyjson_mut_val *key_of(yyjson_mut_val *element, const char *key, const char *dflt)
{
	yyjson_mut_val *m = yyjson_mut_obj_get(element, key);

	return !m || yyjson_mut_is_null(m) || (dflt && yyjson_mut_is_str(m) && !yyjson_mut_get_len(m)) ? NULL : m;
}

static void add_keys(struct apply *c, const struct kinds_type *t, const char *const *keys, size_t n,
	yyjson_mut_val *v)
{
	bool first = true;

	buf_adds(&c->text, "k:{");
	for (size_t i = 0; i < n; i++) {
		const struct kinds_field *f = kinds_find_field(t, keys[i], strlen(keys[i]), 0);
		const char *dflt = f ? f->dflt : NULL;
		yyjson_mut_val *m = key_of(v, keys[i], dflt);
		if (!m && !dflt)
			continue;
		if (!first)
			buf_addc(&c->text, ',');
		first = false;
		buf_add_json(&c->text, keys[i], strlen(keys[i]));
		buf_addc(&c->text, ':');
		if (m)
			add_scalar(c, m);
		else
			buf_adds(&c->text, dflt);
	}
	buf_addc(&c->text, '}');
}

struct items items_of_list(struct apply *c, struct shape s, yyjson_mut_val *arr)
{
	struct items t = items_new(c, yyjson_mut_arr_size(arr));
	const char *keys[KEYS_MAX];
	size_t n = 0, at = 0;
	yyjson_mut_arr_iter it;

	if (!t.v)
		return t;
	for (; s.kind == SHAPE_LIST && n < KEYS_MAX && s.field->list_keys[n]; n++) {
		size_t i = n;
		for (; i && strcmp(keys[i - 1], s.field->list_keys[n]) > 0; i--)
			keys[i] = keys[i - 1];
		keys[i] = s.field->list_keys[n];
	}
	yyjson_mut_arr_iter_init(arr, &it);
	for (yyjson_mut_val *v; (v = yyjson_mut_arr_iter_next(&it)); at++) {
		struct item *x = &t.v[t.n];
		buf_clear(&c->text);
		if (s.kind == SHAPE_LIST) {
			add_keys(c, s.type, keys, n, v);
		} else {
			buf_adds(&c->text, "v:");
			add_scalar(c, v);
		}
		*x = (struct item){ .len = c->text.len, .v = v, .order = at };
		x->key = c->text.failed ? NULL : arena_strndup(c->a, c->text.p, c->text.len);
		if (!x->key) {
			c->over = true;
			return t;
		}
		t.n++;
	}
	return t;
}

const char *item_field(struct apply *c, const char *name, size_t n)
{
	char *s = arena_alloc(c->a, n + 3);

	if (!s) {
		c->over = true;
		return NULL;
	}
	memcpy(s, "f:", 2);
	memcpy(s + 2, name, n);
	s[n + 2] = '\0';
	return s;
}

bool item_always(const struct apply *c, const struct kinds_field *f)
{
	if (c->kind->custom)
		return false;
	if (f->card != KC_ONE || f->ptr != KP_VALUE)
		return f->omit == KO_NEVER;
	switch ((enum kinds_value)f->value) {
	case KV_STRING: case KV_BOOL: case KV_INT32: case KV_INT64: case KV_UINT32: case KV_DOUBLE: case KV_BYTES:
	case KV_VERBS: case KV_EXTRA:
		return f->omit == KO_NEVER;
	default:
		/* omitempty does not leave structs out. */
		return f->omit != KO_OMITZERO;
	}
}
