/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape - objects kept in the order of their tables, whoever wrote into them; and the
 * two places where stored bytes are cut: kind and apiVersion at the front,
 * resourceVersion after metadata.uid.
 */
#include <stdio.h>
#include <string.h>

#include "api/call.h"

const struct kinds_field *shape_field(const struct kinds_type *t, const char *name)
{
	for (size_t i = 0; t && i < t->field_count; i++)
		if (!strcmp(t->fields[i].name, name))
			return &t->fields[i];
	return NULL;
}

struct member { yyjson_mut_val *key, *val; const struct kinds_field *f; size_t rank; };

/* The field of that name: the search begins where the last one ended, as members
 * mostly come in order. */
static size_t rank_of(const struct kinds_type *t, const char *name, size_t from)
{
	for (size_t i = 0; i < t->field_count; i++) {
		size_t at = (from + i) % t->field_count;

		if (!strcmp(t->fields[at].name, name))
			return at;
	}
	return t->field_count;
}

static bool order_field(struct call *c, const struct kinds_field *f, yyjson_mut_val *v);

static bool order_object(struct call *c, const struct kinds_type *t, yyjson_mut_val *v)
{
	size_t n = yyjson_mut_obj_size(v), i = 0, last = 0;
	struct member *m;
	yyjson_mut_obj_iter it;
	yyjson_mut_val *key;
	bool sorted = true;

	if (!n || !t->field_count)
		return true;
	m = arena_alloc(c->arena, n * sizeof(*m));
	if (!m)
		return false;
	yyjson_mut_obj_iter_init(v, &it);
	while ((key = yyjson_mut_obj_iter_next(&it)) && i < n) {
		m[i].key = key;
		m[i].val = yyjson_mut_obj_iter_get_val(key);
		m[i].rank = rank_of(t, yyjson_mut_get_str(key), last);
		m[i].f = m[i].rank < t->field_count ? &t->fields[m[i].rank] : NULL;
		if (i && m[i].rank < m[i - 1].rank)
			sorted = false;
		last = m[i].rank < t->field_count ? m[i].rank : 0;
		i++;
	}
	for (i = 0; i < n; i++)
		if (m[i].f && !order_field(c, m[i].f, m[i].val))
			return false;
	if (sorted)
		return true;
	for (i = 1; i < n; i++) {
		struct member x = m[i];
		size_t j = i;

		for (; j && m[j - 1].rank > x.rank; j--)
			m[j] = m[j - 1];
		m[j] = x;
	}
	yyjson_mut_obj_clear(v);
	for (i = 0; i < n; i++)
		if (!yyjson_mut_obj_add(v, m[i].key, m[i].val))
			return false;
	return true;
}

static bool order_field(struct call *c, const struct kinds_field *f, yyjson_mut_val *v)
{
	yyjson_mut_arr_iter ai;
	yyjson_mut_obj_iter oi;
	yyjson_mut_val *it;

	if (f->value != KV_OBJECT || !f->type)
		return true;
	if (f->card == KC_ONE)
		return !yyjson_mut_is_obj(v) || order_object(c, f->type, v);
	if (f->card == KC_LIST && yyjson_mut_is_arr(v)) {
		yyjson_mut_arr_iter_init(v, &ai);
		while ((it = yyjson_mut_arr_iter_next(&ai)))
			if (yyjson_mut_is_obj(it) && !order_object(c, f->type, it))
				return false;
	} else if (f->card == KC_MAP && yyjson_mut_is_obj(v)) {
		yyjson_mut_obj_iter_init(v, &oi);
		while ((it = yyjson_mut_obj_iter_next(&oi))) {
			yyjson_mut_val *m = yyjson_mut_obj_iter_get_val(it);

			if (yyjson_mut_is_obj(m) && !order_object(c, f->type, m))
				return false;
		}
	}
	return true;
}

bool shape_order(struct call *c, const struct kinds_type *t, yyjson_mut_val *v)
{
	return order_object(c, t, v);
}

bool meta_set(struct call *c, yyjson_mut_val *obj, const char *key, const char *value)
{
	yyjson_mut_val *meta = doc_mobj(c->doc, obj, "metadata");

	return meta && doc_mset_str(c->doc, meta, key, value);
}

bool meta_del(yyjson_mut_val *obj, const char *key)
{
	return doc_mdel(yyjson_mut_obj_get(obj, "metadata"), key);
}

struct blob *shape_splice(const struct blob *value, int64_t rev)
{
	static const char meta[] = "\"metadata\":{", uid[] = "\"uid\":\"";
	BUF_AUTO struct buf b = { 0 };
	const char *p = memmem(value->p, value->len, meta, sizeof(meta) - 1), *end = value->p + value->len;

	if (p)
		p = memmem(p, (size_t)(end - p), uid, sizeof(uid) - 1);
	if (p)
		p = memchr(p + sizeof(uid) - 1, '"', (size_t)(end - p) - (sizeof(uid) - 1));
	if (!p)
		return NULL;
	p++;
	buf_reserve(&b, value->len + 48);
	buf_add(&b, value->p, (size_t)(p - value->p));
	buf_printf(&b, ",\"resourceVersion\":\"%lld\"", (long long)rev);
	buf_add(&b, p, (size_t)(end - p));
	return b.failed ? NULL : blob_new(b.p, b.len);
}

const char *shape_skip_type(const char *json, size_t n)
{
	static const char kind[] = "{\"kind\":\"", version[] = "\",\"apiVersion\":\"";
	const char *p = json, *end = json + n;

	if (n < sizeof(kind) || memcmp(p, kind, sizeof(kind) - 1))
		return NULL;
	p = memchr(p + sizeof(kind) - 1, '"', n - (sizeof(kind) - 1));
	if (!p || (size_t)(end - p) < sizeof(version) || memcmp(p, version, sizeof(version) - 1))
		return NULL;
	p += sizeof(version) - 1;
	p = memchr(p, '"', (size_t)(end - p));
	if (!p || end - p < 3 || p[1] != ',')
		return NULL;
	return p + 2;
}

yyjson_mut_val *shape_copy(struct call *c, yyjson_val *v)
{
	return v ? yyjson_val_mut_copy(c->doc, v) : NULL;
}
