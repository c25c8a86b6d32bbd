/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - cursors over a resource's events.
 *
 *            next(): event             event that matches
 *   open --> READING <---------------------------------- ARMED
 *               |        next(): -ERR_AGAIN                ^
 *               +------------------------------------------+
 *
 * An armed watcher waits in the bucket of its narrowest filter, so that an event
 * looks only at watchers it may concern. Because every event that matches wakes
 * it, one that is woken starts at that event: what came before was not for it.
 */
#include <stdlib.h>
#include <string.h>

#include "cache/cache_priv.h"

struct bucket {
	struct list armed;
	size_t watchers;
};

struct cache_watch {
	struct resource *res;      /* NULL: the cache is closed */
	struct bucket *bucket;
	struct list node;          /* in bucket->armed, when armed */
	struct list every;         /* in res->every */
	enum wake wake;
	bool armed;
	uint64_t pos;              /* next event to look at */
	int64_t min_rev;           /* only events after it */
	int64_t seen_rev;
	struct event *current;     /* lent to the caller */
	void (*ready)(void *arg);
	void *arg;
	struct loop_task task;
	char *ns, *name, *node_name;   /* NULL: any */
	char text[];               /* the bucket's key, then these */
};

static bool same(const char *want, const char *is) { return !want || strcmp(want, is) == 0; }

static bool matches(const struct cache_watch *w, const struct cache_event *ev)
{
	return same(w->ns, ev->obj->ns) && same(w->name, ev->obj->name) &&
		(same(w->node_name, ev->obj->node) ||
		 (ev->old && same(w->node_name, ev->old->node)));
}

/* ---- buckets ---- */

static void bucket_key(char *out, enum wake wake, const char *s)
{
	*out = "anmh"[wake];
	strcpy(out + 1, s);
}

static void wake_bucket(struct resource *r, enum wake wake, const char *s, const struct cache_event *ev)
{
	char key[STORE_KEY_MAX + 2];
	struct bucket *b;

	if (!r->watchers[wake] || strlen(s) > STORE_KEY_MAX)
		return;
	bucket_key(key, wake, s);
	b = map_get(&r->buckets, key);
	if (!b)
		return;
	list_each(&b->armed, n) {
		struct cache_watch *w = list_entry(n, struct cache_watch, node);

		if (!matches(w, ev))
			continue;
		list_del(n);
		w->armed = false;
		w->pos = r->next - 1;
		if (ev->rev > w->seen_rev)
			w->seen_rev = ev->rev - 1;
		loop_defer(r->cache->loop, &w->task, w->ready, w->arg);
	}
}

void watch_wake(struct resource *r, const struct cache_event *ev)
{
	wake_bucket(r, WAKE_ALL, "", ev);
	wake_bucket(r, WAKE_NS, ev->obj->ns, ev);
	wake_bucket(r, WAKE_NAME, ev->obj->name, ev);
	wake_bucket(r, WAKE_NODE, ev->obj->node, ev);
	if (ev->old && strcmp(ev->old->node, ev->obj->node) != 0)
		wake_bucket(r, WAKE_NODE, ev->old->node, ev);
}

void watch_expire(struct resource *r)
{
	list_each(&r->every, n) {
		struct cache_watch *w = list_entry(n, struct cache_watch, every);

		list_del(&w->node);
		w->armed = false;
		loop_defer(r->cache->loop, &w->task, w->ready, w->arg);
	}
}

void watch_finish(struct resource *r)
{
	size_t it = 0;
	void *b;

	/* Watchers left open read -ERR_EXPIRED from now on. */
	list_each(&r->every, n) {
		struct cache_watch *w = list_entry(n, struct cache_watch, every);

		loop_defer_cancel(r->cache->loop, &w->task);
		list_del(&w->node);
		list_del(n);
		w->res = NULL;
	}
	while (map_next(&r->buckets, &it, NULL, &b))
		free(b);
	map_finish(&r->buckets);
}

/* ---- the cursor ---- */

static uint64_t first_after(const struct resource *r, int64_t rev)
{
	uint64_t lo = r->first, hi = r->next;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (r->v[mid & (r->cap - 1)]->pub.rev > rev)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static char *put(char **at, const char *s)
{
	char *copy = *at;

	if (!s)
		return NULL;
	strcpy(copy, s);
	*at += strlen(s) + 1;
	return copy;
}

int cache_watch_open(struct cache_watch **ret, struct cache *c, const char *store,
	const char *ns, const char *name, const char *node, int64_t from_rev,
	void (*ready)(void *arg), void *arg)
{
	struct resource *r = resource_of(c, store);
	struct cache_watch *w;
	struct bucket *b;
	const char *by;
	enum wake wake;
	char *at;

	ns = ns && *ns ? ns : NULL;
	wake = name ? WAKE_NAME : node ? WAKE_NODE : ns ? WAKE_NS : WAKE_ALL;
	by = name ? name : node ? node : ns ? ns : "";
	if (from_rev && from_rev < r->floor_rev)
		return -ERR_EXPIRED;
	if (strlen(by) > STORE_KEY_MAX)
		return -ERR_SIZE;
	w = calloc(1, sizeof(*w) + strlen(by) + 2 + (ns ? strlen(ns) + 1 : 0) +
		(name ? strlen(name) + 1 : 0) + (node ? strlen(node) + 1 : 0));
	if (!w)
		return -ERR_NOMEM;
	bucket_key(w->text, wake, by);
	b = map_get(&r->buckets, w->text);
	if (!b) {
		b = calloc(1, sizeof(*b));
		if (!b || map_put(&r->buckets, w->text, b, NULL) < 0) {
			free(b);
			free(w);
			return -ERR_NOMEM;
		}
		list_init(&b->armed);
	}
	at = w->text + strlen(by) + 2;
	w->ns = put(&at, ns);
	w->name = put(&at, name);
	w->node_name = put(&at, node);
	w->res = r;
	w->bucket = b;
	w->wake = wake;
	list_init(&w->node);
	list_add_tail(&r->every, &w->every);
	w->min_rev = w->seen_rev = from_rev ? from_rev : c->rev;
	w->pos = first_after(r, w->min_rev);
	w->ready = ready;
	w->arg = arg;
	b->watchers++;
	r->watchers[wake]++;
	c->watcher_count++;
	loop_defer(c->loop, &w->task, ready, arg);
	*ret = w;
	return 0;
}

int cache_watch_next(struct cache_watch *w, struct cache_event **ret)
{
	struct resource *r = w->res;

	event_unref(w->current);
	w->current = NULL;
	if (!r)
		return -ERR_EXPIRED;
	if (w->armed)
		return -ERR_AGAIN;
	if (w->pos < r->first)
		return -ERR_EXPIRED;
	while (w->pos < r->next) {
		struct event *e = r->v[w->pos++ & (r->cap - 1)];

		if (e->pub.rev <= w->min_rev || !matches(w, &e->pub))
			continue;
		e->refs++;
		w->current = e;
		w->seen_rev = e->pub.rev;
		*ret = &e->pub;
		return 0;
	}
	w->armed = true;
	list_add_tail(&w->bucket->armed, &w->node);
	return -ERR_AGAIN;
}

int64_t cache_watch_rev(const struct cache_watch *w)
{
	return w->armed && w->res && w->res->cache->rev > w->seen_rev ? w->res->cache->rev
		: w->seen_rev;
}

void cache_watch_close(struct cache_watch *w)
{
	struct resource *r;

	if (!w)
		return;
	event_unref(w->current);
	r = w->res;
	if (r) {
		loop_defer_cancel(r->cache->loop, &w->task);
		list_del(&w->node);
		list_del(&w->every);
		r->watchers[w->wake]--;
		r->cache->watcher_count--;
		if (!--w->bucket->watchers) {
			map_del(&r->buckets, w->text);
			free(w->bucket);
		}
	}
	free(w);
}
