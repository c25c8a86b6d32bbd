/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expire - Events are kept for a while after their last write, an hour if nothing else is said. A store that several
 * servers write ends them by itself (store_terms), whatever becomes of who wrote them. Where this server
 * is alone they wait here in the order of their writes, so one timer for the oldest is enough.
 * Source: kube-apiserver --event-ttl.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "base/text.h"
#include "store/store.h"

#define KEEP_S   3600
#define AT_ONCE  256u          /* removals in one turn */
#define RETRY_MS 10000

struct waiting {
	struct list link;      /* in order; alone while its removal is under way */
	int64_t at_ms, rev;
	char key[];            /* "ns/name" */
};
struct removal { struct expirer *x; int64_t rev; char key[]; };

struct expirer {
	struct api *api;
	struct cache_observer *obs;
	struct list order;     /* of struct waiting, oldest first */
	struct map by_key;
	struct loop_timer timer;
	bool replaying;        /* what was there before this server began */
};

/* Is c's kind one whose objects end? Both of Events' groups are stored as one. */
unsigned expire_keep_s(const struct call *c)
{
	return c->kind->store && !strcmp(c->kind->store, c->api->k.event->store) ? c->api->event_ttl_s : 0;
}

static void set_timer(struct expirer *x)
{
	int64_t now = loop_now_ms(x->api->loop);
	struct waiting *w;

	if (list_empty(&x->order)) {
		loop_timer_stop(&x->timer);
		return;
	}
	w = list_entry(x->order.next, struct waiting, link);
	loop_timer_set(&x->timer, w->at_ms > now ? w->at_ms - now : 0);
}

static void forget(struct expirer *x, struct waiting *w)
{
	map_del(&x->by_key, w->key);
	list_del(&w->link);
	free(w);
}

/* Written again meanwhile (a conflict): its time has begun anew. Removed: the cache's event told us. */
static void removed(void *arg, int rc, int64_t rev)
{
	struct removal *r = arg;
	struct expirer *x = r->x;
	struct waiting *w = rc && rc != -ERR_CONFLICT ? map_get(&x->by_key, r->key) : NULL;

	if (w && w->rev == r->rev) {
		w->at_ms = loop_now_ms(x->api->loop) + RETRY_MS;
		list_add_head(&x->order, &w->link);
		set_timer(x);
	}
	free(r);
}

/* 0: its removal is under way. */
static int remove_one(struct expirer *x, struct waiting *w)
{
	char key[STORE_KEY_MAX + 1];
	struct removal *r = malloc(sizeof(*r) + strlen(w->key) + 1);
	int rc;

	if (!r)
		return -ERR_NOMEM;
	*r = (struct removal){ .x = x, .rev = w->rev };
	memcpy(r->key, w->key, strlen(w->key) + 1);
	snprintf(key, sizeof(key), "%s/%s", x->api->k.event->store, w->key);   /* it fits: it was stored */
	rc = store_del(x->api->store, key, w->rev, removed, r);
	if (rc)
		free(r);
	return rc;
}

static void expire(void *arg)
{
	struct expirer *x = arg;
	int64_t now = loop_now_ms(x->api->loop);
	unsigned n = 0;

	list_each(&x->order, it) {
		struct waiting *w = list_entry(it, struct waiting, link);

		if (w->at_ms > now || n++ == AT_ONCE || remove_one(x, w))
			break;         /* the next turn will try again */
		list_del(&w->link);
		list_init(&w->link);
	}
	set_timer(x);
}

/* How old an Event that this server did not see written is, by what it says itself. */
static int64_t age_ms(struct cache_obj *o)
{
	static const char *const says[] = { "metadata.creationTimestamp", "eventTime", "firstTimestamp", "lastTimestamp",
		"deprecatedLastTimestamp", "series.lastObservedTime" };
	int64_t now = env_wall_us(), age = INT64_MAX, us;

	for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
		const char *text = doc_str(cache_tree(o), says[i]);

		if (text && !text_parse_time(text, &us) && us <= now && now - us < age)
			age = now - us;
	}
	return age == INT64_MAX ? 0 : age / 1000;
}

static void on_event(void *arg, const struct cache_event *ev)
{
	struct expirer *x = arg;
	BUF_AUTO struct buf key = { 0 };
	struct waiting *w;

	buf_printf(&key, "%s/%s", ev->obj->ns, ev->obj->name);
	if (key.failed)
		return;
	w = map_get(&x->by_key, key.p);
	if (ev->type == CACHE_DELETED) {
		if (w)
			forget(x, w);
		return;
	}
	if (!w) {
		w = malloc(sizeof(*w) + key.len + 1);
		if (!w)
			return;
		memcpy(w->key, key.p, key.len + 1);
		if (map_put(&x->by_key, w->key, w, NULL)) {
			free(w);
			return;
		}
	} else {
		list_del(&w->link);
	}
	w->rev = ev->rev;
	w->at_ms = loop_now_ms(x->api->loop) + (int64_t)x->api->event_ttl_s * 1000 - (x->replaying ? age_ms(ev->obj) : 0);
	list_add_tail(&x->order, &w->link);
	if (!x->replaying && !loop_timer_is_set(&x->timer))
		set_timer(x);
}

static int by_time(const void *a, const void *b)
{
	const struct waiting *const *x = a, *const *y = b;

	return ((*x)->at_ms > (*y)->at_ms) - ((*x)->at_ms < (*y)->at_ms);
}

/* What was there came by name. */
static int sort(struct expirer *x)
{
	struct waiting **v;
	size_t n = 0, i = 0;

	list_each(&x->order, it)
		n++;
	v = calloc(n + 1, sizeof(*v));
	if (!v)
		return -ERR_NOMEM;
	list_each(&x->order, it)
		v[i++] = list_entry(it, struct waiting, link);
	qsort(v, n, sizeof(*v), by_time);
	list_init(&x->order);
	for (i = 0; i < n; i++)
		list_add_tail(&x->order, &v[i]->link);
	free(v);
	set_timer(x);
	return 0;
}

int expire_open(struct expirer **ret, struct api *a)
{
	struct expirer *x;

	*ret = NULL;
	if (!a->event_ttl_s)
		a->event_ttl_s = KEEP_S;
	if (store_is_shared(a->store))
		return 0;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ERR_NOMEM;
	x->api = a;
	list_init(&x->order);
	loop_timer_init(&x->timer, a->loop, expire, x);
	x->replaying = true;
	x->obs = cache_observe(a->cache, a->k.event->store, true, on_event, x);
	x->replaying = false;
	*ret = x;
	return x->obs ? sort(x) : -ERR_NOMEM;
}

void expire_close(struct expirer *x)
{
	size_t it = 0;
	void *v;

	if (!x)
		return;
	if (x->obs)
		cache_unobserve(x->obs);
	loop_timer_stop(&x->timer);
	while (map_next(&x->by_key, &it, NULL, &v))
		free(v);
	map_finish(&x->by_key);
	free(x);
}
