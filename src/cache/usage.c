/* SPDX-License-Identifier: Apache-2.0 */
/* usage - see usage.h. */
#define LOG_MODULE "cache"
#include "cache/usage.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "kinds/quota.h"

#define QUOTAS "core/resourcequotas"
#define PODS   "core/pods"

struct space {                          /* a namespace with quotas */
	struct usage_quota **v;         /* by name */
	size_t n, cap;
};
struct usage {
	struct cache *cache;
	struct cache_observer *obs;
	struct map spaces;              /* namespace -> struct space */
};

/* ---- one quota ---- */

static void lines_free(struct usage_line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)lines[i].name);
	free(lines);
}

static void quota_free(struct usage_quota *q)
{
	cache_obj_unref(q->obj);
	lines_free(q->lines, q->n);
	free(q);
}

static struct usage_line *line_of(struct usage_quota *q, const char *name)
{
	for (size_t i = 0; i < q->n; i++)
		if (!strcmp(q->lines[i].name, name))
			return &q->lines[i];
	return NULL;
}

/* q becomes what obj says. What was held stays held. */
static int quota_set(struct usage_quota *q, struct cache_obj *obj)
{
	yyjson_val *hard = doc_get(cache_tree(obj), "spec.hard"), *key;
	struct usage_line *lines = calloc(yyjson_obj_size(hard) + 1, sizeof(*lines)), *was;
	yyjson_obj_iter it;
	size_t n = 0;

	if (!lines)
		return -ERR_NOMEM;
	yyjson_obj_iter_init(hard, &it);
	while ((key = yyjson_obj_iter_next(&it))) {
		struct usage_line *l = &lines[n];

		if (!quota_quantity(hard, yyjson_get_str(key), &l->hard))
			continue;
		l->name = strdup(yyjson_get_str(key));
		if (!l->name) {
			lines_free(lines, n);
			return -ERR_NOMEM;
		}
		was = line_of(q, l->name);
		if (was)
			l->held = was->held;
		n++;
	}
	lines_free(q->lines, q->n);
	cache_obj_unref(q->obj);
	q->obj = cache_obj_ref(obj);
	q->lines = lines;
	q->n = n;
	q->counted = false;
	return 0;
}

/* o comes (sign 1) or goes (-1). */
static void quota_apply(struct usage_quota *q, const struct kinds_kind *k, struct cache_obj *o, int sign)
{
	int in_scope = -1;

	for (size_t i = 0; i < q->n; i++) {
		struct usage_line *l = &q->lines[i];
		struct quantity amount;

		if (!quota_counts(k, l->name))
			continue;
		if (in_scope < 0)
			in_scope = quota_in_scope(doc_get(cache_tree(q->obj), "spec"), k, cache_tree(o));
		if (!in_scope)
			return;
		quota_amount(k, cache_tree(o), l->name, &amount);
		if (sign > 0)
			quantity_add(&l->used, &amount);
		else if (quantity_is_most(&l->used))
			q->counted = false;    /* a sum that stopped there: what is left of it is counted anew */
		else
			quantity_sub(&l->used, &amount);
	}
}

/* Pods that go stop to count at a time of their own, which no event tells. True: o was past
 * it when q was counted, so that it is in no sum. */
static bool past(struct usage_quota *q, struct cache_obj *o)
{
	int64_t at = o->deleting && !strcmp(o->store, PODS) ? quota_free_at_us(cache_tree(o)) : INT64_MAX;

	if (at > q->as_of_us && at < q->stale_us)
		q->stale_us = at;
	return at <= q->as_of_us;
}

struct counting { struct usage_quota *q; const struct kinds_kind *kind; };

static bool count_one(void *arg, struct cache_obj *o)
{
	struct counting *x = arg;

	if (!past(x->q, o))
		quota_apply(x->q, x->kind, o, 1);
	return true;
}

static void quota_count(struct cache *c, struct usage_quota *q, int64_t now_us)
{
	struct counting x = { .q = q };
	const char *store;

	for (size_t i = 0; i < q->n; i++)
		q->lines[i].used = (struct quantity){ 0 };
	q->counted = true;
	q->as_of_us = now_us;
	q->stale_us = INT64_MAX;
	for (size_t it = 0; cache_next_store(c, &it, &store);) {
		bool wanted = false;

		x.kind = kinds_by_store(store);
		for (size_t i = 0; x.kind && i < q->n; i++)
			wanted |= quota_counts(x.kind, q->lines[i].name);
		if (wanted)
			cache_each(c, store, q->obj->ns, NULL, NULL, count_one, &x);
	}
}

/* ---- namespaces ---- */

static size_t place_of(const struct space *s, const char *name, bool *ret_found)
{
	size_t i = 0;

	while (i < s->n && strcmp(s->v[i]->obj->name, name) < 0)
		i++;
	*ret_found = i < s->n && !strcmp(s->v[i]->obj->name, name);
	return i;
}

static void space_drop(struct usage *u, const char *ns)
{
	struct space *s = map_del(&u->spaces, ns);

	for (size_t i = 0; s && i < s->n; i++)
		quota_free(s->v[i]);
	if (s)
		free(s->v);
	free(s);
}

static struct space *space_get(struct usage *u, const char *ns)
{
	struct space *s = map_get(&u->spaces, ns);

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (s && map_put(&u->spaces, ns, s, NULL)) {
		free(s);
		return NULL;
	}
	return s;
}

static int quota_put(struct usage *u, struct cache_obj *o)
{
	struct space *s = space_get(u, o->ns);
	struct usage_quota *q;
	bool found;
	size_t i;

	if (!s)
		return -ERR_NOMEM;
	i = place_of(s, o->name, &found);
	if (found)
		return quota_set(s->v[i], o);
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 4;
		struct usage_quota **v = realloc(s->v, cap * sizeof(*v));

		if (!v)
			return -ERR_NOMEM;
		s->v = v;
		s->cap = cap;
	}
	q = calloc(1, sizeof(*q));
	if (!q || quota_set(q, o)) {
		free(q);
		return -ERR_NOMEM;
	}
	memmove(&s->v[i + 1], &s->v[i], (s->n - i) * sizeof(*s->v));
	s->v[i] = q;
	s->n++;
	return 0;
}

static void quota_del(struct usage *u, const struct cache_obj *o)
{
	struct space *s = map_get(&u->spaces, o->ns);
	bool found = false;
	size_t i = s ? place_of(s, o->name, &found) : 0;

	if (!found)
		return;
	quota_free(s->v[i]);
	memmove(&s->v[i], &s->v[i + 1], (--s->n - i) * sizeof(*s->v));
	if (!s->n)
		space_drop(u, o->ns);
}

/* ---- events ---- */

static void on_quota(struct usage *u, const struct cache_event *ev)
{
	struct space *s = map_get(&u->spaces, ev->obj->ns);
	bool found = false;
	size_t i = s ? place_of(s, ev->obj->name, &found) : 0;

	if (ev->type == CACHE_DELETED) {
		quota_del(u, ev->obj);
		return;
	}
	/* A status that was written changes nothing here. */
	if (found && ev->old && doc_equal(doc_get(cache_tree(ev->old), "spec"), doc_get(cache_tree(ev->obj), "spec"))) {
		cache_obj_unref(s->v[i]->obj);
		s->v[i]->obj = cache_obj_ref(ev->obj);
		return;
	}
	/* Without memory for the new one the old one counts on. */
	if (quota_put(u, ev->obj))
		log_error("quota %s/%s is not kept as it was changed: out of memory", ev->obj->ns, ev->obj->name);
}

static void on_event(void *arg, const struct cache_event *ev)
{
	struct usage *u = arg;
	struct cache_obj *o = ev->obj;
	const struct kinds_kind *k;
	struct space *s;

	if (!*o->ns)
		return;
	if (!strcmp(o->store, QUOTAS))
		on_quota(u, ev);
	s = map_get(&u->spaces, o->ns);
	k = s ? kinds_by_store(o->store) : NULL;
	if (!k)
		return;
	for (size_t i = 0; i < s->n; i++) {
		struct usage_quota *q = s->v[i];

		if (!q->counted)
			continue;
		if (!past(q, o))
			quota_apply(q, k, o, ev->type == CACHE_DELETED ? -1 : 1);
		if (ev->old && !past(q, ev->old))
			quota_apply(q, k, ev->old, -1);
	}
}

struct opening { struct usage *u; int rc; };

static bool put_each(void *arg, struct cache_obj *o)
{
	struct opening *x = arg;

	x->rc = quota_put(x->u, o);
	return !x->rc;
}

int usage_open(struct usage **ret, struct cache *c)
{
	struct usage *u = calloc(1, sizeof(*u));
	struct opening x = { .u = u };

	if (!u)
		return -ERR_NOMEM;
	u->cache = c;
	cache_each(c, QUOTAS, NULL, NULL, NULL, put_each, &x);
	u->obs = x.rc ? NULL : cache_observe(c, NULL, false, on_event, u);
	if (!u->obs) {
		usage_close(u);
		return -ERR_NOMEM;
	}
	*ret = u;
	return 0;
}

void usage_close(struct usage *u)
{
	const char *ns;

	if (!u)
		return;
	if (u->obs)
		cache_unobserve(u->obs);
	for (size_t it = 0; map_next(&u->spaces, &it, &ns, NULL); it = 0)
		space_drop(u, ns);
	map_finish(&u->spaces);
	free(u);
}

struct usage_quota *const *usage_of(struct usage *u, const char *ns, int64_t now_us, size_t *ret_n)
{
	struct space *s = map_get(&u->spaces, ns);

	*ret_n = s ? s->n : 0;
	for (size_t i = 0; s && i < s->n; i++)
		if (!s->v[i]->counted || s->v[i]->stale_us <= now_us)
			quota_count(u->cache, s->v[i], now_us);
	return s ? s->v : NULL;
}

void usage_hold(struct usage *u, const char *ns, const char *quota, const char *name, __int128 by_nano)
{
	struct space *s = map_get(&u->spaces, ns);
	bool found = false;
	size_t i = s ? place_of(s, quota, &found) : 0;
	struct usage_line *l = found ? line_of(s->v[i], name) : NULL;

	if (!l)
		return;
	quantity_add(&l->held, &(struct quantity){ .nano = by_nano, .format = l->held.format });
	/* A quota made anew under the name of one that held something. */
	if (l->held.nano < 0)
		l->held.nano = 0;
}
