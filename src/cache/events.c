/* SPDX-License-Identifier: Apache-2.0 */
/* events - each resource's recent events, and who is told at once. */
#include <stdlib.h>
#include <string.h>

#include "cache/cache_priv.h"

#define LOG_MODULE "cache"
#include "base/log.h"

enum { FORGET_MS = 30000 };

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
	free(e);
}

/* ---- frames ---- */

static struct event *event_of(struct cache_event *ev) { return (struct event *)(void *)ev; }

static void drop_frames(struct cache *c, struct event *e)
{
	list_del(&e->framed);
	for (int i = 0; i < CACHE_FRAMES; i++) {
		if (e->pub.frames[i])
			c->frame_bytes -= e->pub.frames[i]->len;
		blob_unref(e->pub.frames[i]);
		e->pub.frames[i] = NULL;
	}
}

void cache_event_keep(struct cache *c, struct cache_event *ev, int format, struct blob *frame)
{
	struct event *e = event_of(ev);

	/* One that is forgotten by its resource lives for its watcher only. */
	if (ev->frames[format] || e->refs < 2)
		return;
	ev->frames[format] = blob_ref(frame);
	c->frame_bytes += frame->len;
	list_del(&e->framed);
	list_add_tail(&c->framed, &e->framed);
	while (c->frame_bytes > CACHE_FRAMES_BYTES && c->framed.next != &e->framed)
		drop_frames(c, list_entry(c->framed.next, struct event, framed));
}

/* ---- keeping and forgetting ---- */

/* Bytes of the object that lives on in e only. */
static size_t past_bytes(const struct event *e)
{
	return e->pub.old ? e->pub.old->json->len : e->pub.type == CACHE_DELETED ? e->pub.obj->json->len : 0;
}

static void drop_first(struct resource *r)
{
	struct event *e = r->v[r->first++ & (r->cap - 1)];

	r->floor_rev = e->pub.rev;
	r->past_bytes -= past_bytes(e);
	r->cache->event_count--;
	drop_frames(r->cache, e);
	event_unref(e);
}

static bool too_much(const struct resource *r, int64_t now_ms)
{
	size_t old = r->live_bytes / 8 > CACHE_OLD_BYTES ? r->live_bytes / 8 : CACHE_OLD_BYTES;
	int64_t age = now_ms - r->v[r->first & (r->cap - 1)]->at_ms;

	return r->next - r->first > CACHE_EVENTS_MAX || age > CACHE_EVENTS_KEEP_MS ||
		r->past_bytes > (age > CACHE_EVENTS_YOUNG_MS ? old : CACHE_YOUNG_BYTES);
}

/* The newest event stays: somebody is being told of it. */
static void forget(struct resource *r, int64_t now_ms)
{
	while (r->first + 1 < r->next && too_much(r, now_ms))
		drop_first(r);
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

void events_tell(struct cache *c, struct resource *r, const struct cache_event *ev)
{
	c->telling = true;
	tell(&r->observers, ev);
	tell(&c->observers, ev);
	c->telling = false;
	bury(c);
}

void events_apply(struct cache *c, struct resource *r, int64_t rev, enum cache_event_type type,
	struct obj *o, struct obj *old)
{
	struct event *e = calloc(1, sizeof(*e));

	if (!e || (r->next - r->first == r->cap && !grow(r))) {
		log_error("out of memory while following the store");
		abort();   /* going on would hide an event from watchers */
	}
	*e = (struct event){
		.pub = { .rev = rev, .type = type, .obj = cache_obj_ref(&o->pub),
			.old = old ? cache_obj_ref(&old->pub) : NULL },
		.refs = 2, .at_ms = loop_now_ms(c->loop),
	};
	list_init(&e->framed);
	r->v[r->next++ & (r->cap - 1)] = e;
	r->past_bytes += past_bytes(e);
	c->event_count++;
	forget(r, e->at_ms);
	if (!loop_timer_is_set(&c->forget))
		loop_timer_set(&c->forget, FORGET_MS);
	events_tell(c, r, &e->pub);
	watch_wake(r, &e->pub);
	event_unref(e);
}

void events_forget(void *cache)
{
	struct cache *c = cache;
	int64_t now = loop_now_ms(c->loop);
	size_t it = 0;
	void *p;

	while (map_next(&c->resources, &it, NULL, &p)) {
		struct resource *r = p;

		forget(r, now);
		if (r->first + 1 == r->next && r->v[r->first & (r->cap - 1)]->at_ms + CACHE_EVENTS_KEEP_MS < now)
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

void events_expire(struct resource *r, int64_t rev)
{
	while (r->first < r->next)
		drop_first(r);
	r->first = ++r->next;          /* as if one had been there that nobody read */
	r->floor_rev = rev;
	watch_expire(r);
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
