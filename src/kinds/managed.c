/* SPDX-License-Identifier: Apache-2.0 */
/*
 * managed - metadata.managedFields read, changed and written.
 *
 * Source: apimachinery util/managedfields/internal (managedfields.go,
 * capmanagers.go, managedfieldsupdater.go).
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "kinds/apply.h"
#include "kinds/normal.h"

#define UPDATERS_MAX 10
#define MANAGERS_MAX 1000      /* of a list that is read; longer ones count as malformed */
#define ANCIENT "ancient-changes"

static const char *str(yyjson_mut_val *v, const char *key)
{
	const char *s = yyjson_mut_get_str(yyjson_mut_obj_get(v, key));

	return s ? s : "";
}

static struct manager *grow(struct apply *c, struct managed *m)
{
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 8;
		struct manager *v = arena_realloc(c->a, m->v, m->cap * sizeof(*v), cap * sizeof(*v));
		if (!v) {
			c->over = true;
			return NULL;
		}
		m->v = v;
		m->cap = cap;
	}
	m->v[m->n] = (struct manager){ .sub = "", .api_version = c->kind->api_version };
	return &m->v[m->n++];
}

static bool read_entry(struct apply *c, yyjson_mut_val *e, struct manager *m)
{
	const char *op = str(e, "operation"), *time = str(e, "time");
	int64_t us = 0;

	m->apply = !strcmp(op, "Apply");
	if ((!m->apply && strcmp(op, "Update")) || strcmp(str(e, "fieldsType"), "FieldsV1"))
		return false;
	m->name = str(e, "manager");
	m->api_version = str(e, "apiVersion");
	m->sub = str(e, "subresource");
	if (*time && !text_parse_time(time, &us)) {
		m->time = time;
		m->time_s = us / 1000000;
	}
	m->entry = e;
	return *m->api_version && fieldset_read(c->a, yyjson_mut_obj_get(e, "fieldsV1"), &m->set);
}

bool managed_read(struct apply *c, yyjson_mut_val *list, struct managed *ret)
{
	yyjson_mut_arr_iter it;

	*ret = (struct managed){ 0 };
	if (yyjson_mut_arr_size(list) > MANAGERS_MAX)
		return false;
	yyjson_mut_arr_iter_init(list, &it);
	for (yyjson_mut_val *e; (e = yyjson_mut_arr_iter_next(&it));) {
		struct manager one = { 0 }, *m;
		if (!read_entry(c, e, &one)) {
			ret->n = 0;
			return false;
		}
		/* Two entries of one identity, which only a client can have sent. */
		m = managed_find(ret, one.name, one.apply, one.api_version, one.sub);
		if (m) {
			m->entry = NULL;
			c->over |= !fieldset_combine(c->a, FIELDSET_UNION, &m->set, &one.set, &m->set);
			continue;
		}
		m = grow(c, ret);
		if (!m)
			return false;
		*m = one;
	}
	return true;
}

struct manager *managed_find(struct managed *m, const char *name, bool is_apply, const char *api_version,
	const char *sub)
{
	for (size_t i = 0; i < m->n; i++) {
		struct manager *x = &m->v[i];
		if (x->apply == is_apply && !strcmp(x->name, name) && !strcmp(x->sub, sub) &&
		    (is_apply || !strcmp(x->api_version, api_version)))
			return x;
	}
	return NULL;
}

struct manager *managed_add(struct apply *c, struct managed *m, const char *name, bool is_apply, const char *sub)
{
	struct manager *x = grow(c, m);

	if (x) {
		x->name = name;
		x->apply = is_apply;
		x->sub = sub;
	}
	return x;
}

void managed_touch(struct apply *c, struct manager *m, int64_t now_us)
{
	char now[TEXT_TIME_MAX];

	m->entry = NULL;
	/* Through scale, the times are those its managers had before (scalehandler.go, ToParent). */
	if (c->sub && !strcmp(c->sub, "scale"))
		return;
	text_time(now, now_us);
	m->time = arena_strdup(c->a, now);
	m->time_s = now_us / 1000000;
	c->over |= !m->time;
}

void managed_set(struct manager *m, const struct fieldset *set)
{
	if (m->entry && fieldset_equal(&m->set, set))
		return;
	m->set = *set;
	m->entry = NULL;
}

/* ---- too many updaters ---- */
static int by_age(const void *pa, const void *pb)
{
	const struct manager *a = *(struct manager *const *)pa, *b = *(struct manager *const *)pb;
	int c;

	if (a->time_s != b->time_s)
		return a->time_s < b->time_s ? -1 : 1;
	c = strcmp(a->name, b->name);
	if (!c)
		c = strcmp(a->api_version, b->api_version);
	return c ? c : strcmp(a->sub, b->sub);
}

/* The versions whose first entry to go is still alone. */
struct first { const char *version; struct manager *m; };

void managed_cap(struct apply *c, struct managed *m)
{
	struct manager **old = arena_alloc(c->a, (m->n + 1) * sizeof(*old));
	struct first *firsts = arena_alloc(c->a, (m->n + 1) * sizeof(*firsts));
	size_t n = 0, nfirst = 0, left, k;

	if (!old || !firsts) {
		c->over = true;
		return;
	}
	for (size_t i = 0; i < m->n; i++)
		if (!m->v[i].apply && !fieldset_empty(&m->v[i].set))
			old[n++] = &m->v[i];
	left = n;
	if (n <= UPDATERS_MAX)
		return;
	qsort(old, n, sizeof(*old), by_age);
	for (size_t i = 0; i < n && left > UPDATERS_MAX; i++) {
		struct manager *into;
		for (k = 0; k < nfirst && strcmp(firsts[k].version, old[i]->api_version); k++)
			;
		if (k == nfirst) {
			firsts[nfirst++] = (struct first){ old[i]->api_version, old[i] };
			continue;
		}
		/* The first of the version becomes the bucket, unless there is one. */
		into = managed_find(m, ANCIENT, false, old[i]->api_version, "");
		if (!into) {
			into = firsts[k].m;
			into->name = ANCIENT;
			into->sub = "";
		}
		if (into != old[i] && !fieldset_empty(&old[i]->set)) {
			c->over |= !fieldset_combine(c->a, FIELDSET_UNION, &into->set, &old[i]->set, &into->set);
			old[i]->set = (struct fieldset){ 0 };
			left--;
		}
		into->time = old[i]->time;
		into->time_s = old[i]->time_s;
		into->entry = NULL;
	}
}

/* ---- writing ---- */
static int by_place(const void *pa, const void *pb)
{
	const struct manager *a = pa, *b = pb;
	int c;

	if (a->apply != b->apply)
		return a->apply ? -1 : 1;
	if (a->time_s != b->time_s)
		return a->time_s < b->time_s ? -1 : 1;
	c = strcmp(a->name, b->name);
	if (!c)
		c = strcmp(a->api_version, b->api_version);
	return c ? c : strcmp(a->sub, b->sub);
}

static yyjson_mut_val *entry(struct apply *c, const struct manager *m)
{
	yyjson_mut_val *e = yyjson_mut_obj(c->d);

	if (m->entry)
		return yyjson_mut_val_mut_copy(c->d, m->entry);
	if ((*m->name && !doc_mset_str(c->d, e, "manager", m->name)) ||
	    !doc_mset_str(c->d, e, "operation", m->apply ? "Apply" : "Update") ||
	    !doc_mset_str(c->d, e, "apiVersion", m->api_version) ||
	    (m->time && !doc_mset_str(c->d, e, "time", m->time)) ||
	    !doc_mset_str(c->d, e, "fieldsType", "FieldsV1") ||
	    !doc_mset(c->d, e, "fieldsV1", fieldset_write(c->d, &m->set)) ||
	    (*m->sub && !doc_mset_str(c->d, e, "subresource", m->sub)))
		return NULL;
	return e;
}

void managed_write(struct apply *c, struct managed *m, yyjson_mut_val *v)
{
	yyjson_mut_val *list = yyjson_mut_arr(c->d), *meta = doc_mobj(c->d, v, "metadata");

	if (m->n)
		qsort(m->v, m->n, sizeof(*m->v), by_place);
	for (size_t i = 0; i < m->n; i++)
		if (!fieldset_empty(&m->v[i].set))
			c->over |= !yyjson_mut_arr_append(list, entry(c, &m->v[i]));
	if (!yyjson_mut_arr_size(list)) {
		doc_mdel(meta, "managedFields");
		return;
	}
	c->over |= !normal_put(c->d, kinds_type_by_name("meta/v1.ObjectMeta"), meta, "managedFields", list);
}

/* ---- updates ---- */
void managed_update(struct apply *c, struct managed *m, const struct difference *diff, const char *name,
	int64_t now_us)
{
	const char *sub = c->sub ? c->sub : "";
	struct fieldset taken, lost;
	struct manager *own;

	c->over |= !fieldset_combine(c->a, FIELDSET_UNION, &diff->modified, &diff->added, &taken) ||
		!fieldset_combine(c->a, FIELDSET_UNION, &taken, &diff->removed, &lost);
	if (c->over)
		return;
	for (size_t i = 0; i < m->n; i++) {
		struct fieldset rest;
		c->over |= !fieldset_combine(c->a, FIELDSET_DIFFERENCE, &m->v[i].set, &lost, &rest);
		if (c->over)
			return;
		/* The writer's own changes come back below. */
		if (&m->v[i] == managed_find(m, name, false, c->kind->api_version, sub))
			c->over |= !fieldset_combine(c->a, FIELDSET_UNION, &rest, &taken, &rest);
		managed_set(&m->v[i], &rest);
	}
	if (fieldset_empty(&taken))
		return;
	own = managed_find(m, name, false, c->kind->api_version, sub);
	if (!own) {
		own = managed_add(c, m, name, false, sub);
		if (!own)
			return;
		own->set = taken;
	}
	managed_touch(c, own, now_us);
}
