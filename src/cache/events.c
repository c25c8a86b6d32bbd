/* SPDX-License-Identifier: Apache-2.0 */
/* events - each resource's recent events, and who is told at once. */
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "cache/cache_priv.h"

#define LOG_MODULE "cache"
#include "base/log.h"

enum { FORGET_MS = 60000 };

struct cache_observer {
	struct list node;
	struct cache *cache;
	cache_observe_fn *fn;      /* NULL: removed while events are told */
	void *arg;
	struct cache_observer *next_dead;
};

void event_unref(struct event *e)
{
	if (!e || --e->refs)
		return;
	cache_obj_unref(e->pub.obj);
	cache_obj_unref(e->pub.old);
	for (int i = 0; i < CACHE_FRAMES; i++)
		blob_unref(e->pub.frames[i]);
	free(e);
}

static void drop_first(struct resource *r)
{
	struct event *e = r->v[r->first++ & (r->cap - 1)];

	r->floor_rev = e->pub.rev;
	r->cache->event_count--;
	event_unref(e);
}

static bool grow(struct resource *r)
{
	size_t cap = r->cap ? r->cap * 2 : 16;
	struct event **v = calloc(cap, sizeof(*v));

	if (!v)
		return false;
	for (uint64_t i = r->first; i < r->next; i++)
		v[i & (cap - 1)] = r->v[i & (r->cap - 1)];
	free(r->v);
	r->v = v;
	r->cap = cap;
	return true;
}

static void tell(struct list *observers, const struct cache_event *ev)
{
	list_each(observers, n) {
		struct cache_observer *o = list_entry(n, struct cache_observer, node);

		if (o->fn)
			o->fn(o->arg, ev);
	}
}

static void bury(struct cache *c)
{
	while (c->dead) {
		struct cache_observer *o = c->dead;

		c->dead = o->next_dead;
		list_del(&o->node);
		free(o);
	}
}

void events_apply(struct cache *c, struct resource *r, int64_t rev, enum cache_event_type type,
	struct obj *o, struct obj *old)
{
	struct event *e = calloc(1, sizeof(*e));

	if (r->next - r->first >= CACHE_EVENTS_MAX)
		drop_first(r);
	if (!e || (r->next - r->first == r->cap && !grow(r))) {
		log_error("out of memory while following the store");
		abort();   /* going on would hide an event from watchers */
	}
	*e = (struct event){
		.pub = { .rev = rev, .type = type, .obj = cache_obj_ref(&o->pub),
			.old = old ? cache_obj_ref(&old->pub) : NULL },
		.refs = 2, .at_ms = env_now_ms(),
	};
	r->v[r->next++ & (r->cap - 1)] = e;
	c->event_count++;
	if (!loop_timer_is_set(&c->forget))
		loop_timer_set(&c->forget, FORGET_MS);
	c->telling = true;
	tell(&r->observers, &e->pub);
	tell(&c->observers, &e->pub);
	c->telling = false;
	bury(c);
	watch_wake(r, &e->pub);
	event_unref(e);
}

void events_forget(void *cache)
{
	struct cache *c = cache;
	int64_t before = env_now_ms() - CACHE_EVENTS_KEEP_MS;
	size_t it = 0;
	void *p;

	while (map_next(&c->resources, &it, NULL, &p)) {
		struct resource *r = p;

		while (r->first < r->next && r->v[r->first & (r->cap - 1)]->at_ms < before)
			drop_first(r);
		if (r->first == r->next) {
			free(r->v);
			r->v = NULL;
			r->cap = 0;
		}
	}
	if (c->event_count)
		loop_timer_set(&c->forget, FORGET_MS);
}

void events_finish(struct resource *r)
{
	while (r->first < r->next)
		drop_first(r);
	free(r->v);
	r->v = NULL;
	r->cap = 0;
}

/* ---- observers ---- */

static bool replay_one(void *arg, struct cache_obj *obj)
{
	struct cache_observer *o = arg;

	o->fn(o->arg, &(struct cache_event){ .rev = obj->rev, .type = CACHE_ADDED, .obj = obj });
	return true;
}

struct cache_observer *cache_observe(struct cache *c, const char *store, bool replay,
	cache_observe_fn *fn, void *arg)
{
	struct cache_observer *o = malloc(sizeof(*o));
	size_t it = 0;
	void *p;

	if (!o)
		return NULL;
	*o = (struct cache_observer){ .cache = c, .fn = fn, .arg = arg };
	list_add_tail(store ? &resource_of(c, store)->observers : &c->observers, &o->node);
	if (replay && store)
		cache_each(c, store, NULL, NULL, NULL, replay_one, o);
	while (replay && !store && map_next(&c->resources, &it, NULL, &p))
		cache_each(c, ((struct resource *)p)->name, NULL, NULL, NULL, replay_one, o);
	return o;
}

void cache_unobserve(struct cache_observer *o)
{
	if (!o)
		return;
	if (o->cache->telling) {   /* the walk may stand on it */
		o->fn = NULL;
		o->next_dead = o->cache->dead;
		o->cache->dead = o;
		return;
	}
	list_del(&o->node);
	free(o);
}

void observers_finish(struct list *head)
{
	list_each(head, n)
		free(list_entry(n, struct cache_observer, node));
	list_init(head);
}
