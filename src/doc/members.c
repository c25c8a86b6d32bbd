/* SPDX-License-Identifier: Apache-2.0 */
/*
 * members - a dropped member stays as null, findable, until the object is
 * closed: taking it out of the ring at once would need its neighbour.
 */
#include "doc/members.h"

#include <stdlib.h>

#include "base/map.h"
#include "doc/doc_priv.h"

#define SMALL 32

static void slot_add(struct doc_members *m, yyjson_mut_val *key)
{
	size_t i = hash_secret(yyjson_mut_get_str(key), yyjson_mut_get_len(key)) & (m->cap - 1);

	while (m->slots[i])
		i = (i + 1) & (m->cap - 1);
	m->slots[i] = key;
}

/* Make the table hold all members with room to spare. */
static void grow(struct doc_members *m)
{
	size_t n = yyjson_mut_obj_size(m->obj), cap = 64;
	yyjson_mut_val *k = m->obj->uni.ptr;

	while (cap < n * 3)
		cap *= 2;
	free(m->slots);
	m->slots = calloc(cap, sizeof(*m->slots));
	m->cap = cap;
	if (!m->slots) {
		m->failed = true;
		return;
	}
	/* In order from the first, so that of duplicates the first is found. */
	for (k = k->next->next; n; n--, k = k->next->next)
		slot_add(m, k);
}

void doc_members_open(struct doc_members *m, yyjson_mut_doc *d, yyjson_mut_val *obj)
{
	*m = (struct doc_members){ .d = d, .obj = obj };
	if (!yyjson_mut_is_obj(obj))
		m->failed = true;
	else if (yyjson_mut_obj_size(obj) > SMALL)
		grow(m);
}

static yyjson_mut_val *find(struct doc_members *m, const char *key, size_t n)
{
	yyjson_mut_val *prev;

	if (m->failed)
		return NULL;
	if (!m->slots)
		return obj_find(m->obj, key, n, &prev);
	for (size_t i = hash_secret(key, n) & (m->cap - 1); m->slots[i]; i = (i + 1) & (m->cap - 1))
		if (unsafe_yyjson_equals_strn(m->slots[i], key, n))
			return m->slots[i];
	return NULL;
}

bool doc_members_has(struct doc_members *m, const char *key, size_t n)
{
	return find(m, key, n) != NULL;
}

yyjson_mut_val *doc_members_get(struct doc_members *m, const char *key, size_t n)
{
	yyjson_mut_val *k = find(m, key, n);

	return k && !yyjson_mut_is_null(k->next) ? k->next : NULL;
}

void doc_members_put(struct doc_members *m, const char *key, size_t n, yyjson_mut_val *v)
{
	yyjson_mut_val *k = find(m, key, n);

	if (!v || m->failed) {
		m->failed = true;
	} else if (k) {
		if (k->next != v) {
			v->next = k->next->next;
			k->next = v;
		}
	} else {
		k = yyjson_mut_strncpy(m->d, key, n);
		if (!k || !yyjson_mut_obj_add(m->obj, k, v)) {
			m->failed = true;
			return;
		}
		n = yyjson_mut_obj_size(m->obj);
		if (m->slots && n * 3 <= m->cap * 2)
			slot_add(m, k);
		else if (n > SMALL)
			grow(m);
	}
}

void doc_members_drop(struct doc_members *m, const char *key, size_t n)
{
	if (find(m, key, n)) {
		doc_members_put(m, key, n, yyjson_mut_null(m->d));
		m->dropped = true;
	}
}

bool doc_members_close(struct doc_members *m)
{
	yyjson_mut_obj_iter it;

	free(m->slots);
	m->slots = NULL;
	if (m->failed || !m->dropped)
		return !m->failed;
	yyjson_mut_obj_iter_init(m->obj, &it);
	for (yyjson_mut_val *k; (k = yyjson_mut_obj_iter_next(&it));)
		if (yyjson_mut_is_null(k->next))
			yyjson_mut_obj_iter_remove(&it);
	return true;
}
