/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expire - Events are kept for an hour after their last write. They wait in the order
 * of their writes, so one timer for the oldest is enough. Of several servers over one
 * store each is late by a time of its own: mostly one removes them, and the others see it.
 * Source: kube-apiserver --event-ttl.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "store/store.h"

#define KEEP_MS  3600000
#define AT_ONCE  256u          /* removals in one turn */
#define LATE_MS  60000         /* at most */

struct waiting {
	struct list link;
	int64_t at_ms, rev;
	char key[];            /* "ns/name" */
};

struct expirer {
	struct api *api;
	struct cache_observer *obs;
	struct list order;     /* of struct waiting, oldest first */
	struct map by_key;
	struct loop_timer timer;
	int64_t late_ms;
};

static void removed(void *arg, int rc, int64_t rev)
{
	/* Written again meanwhile: its new hour has begun. Else its event tells us. */
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

static void expire(void *arg)
{
	struct expirer *x = arg;
	int64_t now = loop_now_ms(x->api->loop);
	unsigned n = 0;

	list_each(&x->order, it) {
		struct waiting *w = list_entry(it, struct waiting, link);
		char key[STORE_KEY_MAX + 1];

		if (w->at_ms > now || n++ == AT_ONCE)
			break;
		if ((size_t)snprintf(key, sizeof(key), "%s/%s", x->api->k.event->store, w->key) < sizeof(key) &&
		    store_del(x->api->store, key, w->rev, removed, NULL) == -ERR_FULL)
			break;         /* the next turn will try again */
		forget(x, w);
	}
	set_timer(x);
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
	w->at_ms = loop_now_ms(x->api->loop) + KEEP_MS + x->late_ms;
	list_add_tail(&x->order, &w->link);
	if (!loop_timer_is_set(&x->timer))
		set_timer(x);
}

int expire_open(struct expirer **ret, struct api *a)
{
	struct expirer *x = calloc(1, sizeof(*x));

	if (!x)
		return -ERR_NOMEM;
	x->api = a;
	x->late_ms = store_is_shared(a->store) ? env_random_below(LATE_MS) : 0;
	list_init(&x->order);
	loop_timer_init(&x->timer, a->loop, expire, x);
	x->obs = cache_observe(a->cache, a->k.event->store, true, on_event, x);
	if (!x->obs) {
		free(x);
		return -ERR_NOMEM;
	}
	*ret = x;
	return 0;
}

void expire_close(struct expirer *x)
{
	if (!x)
		return;
	cache_unobserve(x->obs);
	loop_timer_stop(&x->timer);
	list_each(&x->order, it)
		free(list_entry(it, struct waiting, link));
	map_finish(&x->by_key);
	free(x);
}
