/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list - the objects of a resource at one revision, whole or in pages.
 *
 *	pick -> (sift) -> send
 *
 * The objects are picked in one go (references, not copies), so every byte of the
 * answer is of one revision however slowly the client reads. What only a parsed object
 * tells is sifted afterwards, and the bytes are made piece by piece: both in the turns
 * of the user who asks (flow.h). A page after the first must show the revision of the
 * first: when the resource did not change since, that is still the cache's; else the
 * store is asked for that revision (pages.c).
 * Source: KEP-365 (chunking), apiserver resourceVersion semantics.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/list.h"
#include "base/env.h"
#include "http/http.h"
#include "store/store.h"

#define SIFT_US 500                /* of a turn */

/* ---- picking ---- */

bool list_add(struct listing *l, struct cache_obj *o)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 256;
		struct cache_obj **v = realloc(l->items, cap * sizeof(*v));

		if (!v) {
			l->failed = true;
			return false;
		}
		l->items = v;
		l->cap = cap;
	}
	l->items[l->n++] = cache_obj_ref(o);
	return true;
}

static bool pick(void *arg, struct cache_obj *o)
{
	struct listing *l = arg;

	if (l->o.limit && l->n >= (size_t)l->o.limit) {
		l->remaining = 1;
		return false;
	}
	view_reset(l->c);
	if (!filter_match(l->c, &l->f, o))
		return true;
	if (!list_add(l, o))
		return false;
	l->last = o;
	return true;
}

void list_free(struct listing *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		cache_obj_unref(l->items[i]);
	l->c->api->past_bytes -= l->past_bytes;
	free(l->items);
	free(l);
}

/* All that the headers let through, for sift(). */
static bool pick_near(void *arg, struct cache_obj *o)
{
	struct listing *l = arg;

	return !filter_near(l->c, &l->f, o) || list_add(l, o);
}

static void pick_from(struct listing *l, cache_each_fn *fn)
{
	struct call *c = l->c;
	struct cache *cache = c->api->cache;

	if (l->f.node && !l->ns && !l->o.limit && !l->o.after) {
		cache_each_on_node(cache, l->f.node, fn, l);
	} else if (l->f.name && l->ns && !l->o.after) {
		struct cache_obj *o = cache_get(cache, c->kind->store, l->ns, l->f.name);

		if (o)
			fn(l, o);
	} else {
		cache_each(cache, c->kind->store, l->ns, l->ns ? l->ns : "", l->o.after, fn, l);
	}
}

/* Has the resource not changed since rev? */
static void nothing(void *arg)
{
	(void)arg;
}

static bool unchanged_since(struct call *c, const struct listing *l, int64_t rev)
{
	struct cache_watch *w;
	struct cache_event *ev;
	bool same;

	if (rev >= cache_rev(c->api->cache))
		return true;
	if (rev < store_compacted_rev(c->api->store))   /* history has an end for everybody */
		return false;
	if (cache_watch_open(&w, c->api->cache, c->kind->store, l->ns, NULL, NULL, rev, nothing, NULL))
		return false;
	same = cache_watch_next(w, &ev) == -ERR_AGAIN;
	cache_watch_close(w);
	return same;
}

/* ---- sifting ---- */

static enum step picked(struct listing *l)
{
	struct call *c = l->c;

	if (l->remaining && l->last) {
		/* Only a list without selectors says how much is left. */
		if (l->f.everything)
			l->remaining = (int64_t)cache_count(c->api->cache, c->kind->store, l->ns) - l->o.seen - (int64_t)l->n;
		l->token = list_token(l, l->rev, l->last->ns, l->last->name);
		if (!l->token)
			l->failed = true;
	}
	return list_send(l);
}

static void sift_canceled(struct call *c)
{
	list_free(c->work);
	c->work = NULL;
}

/* Keep what matches in place: [0, kept) of [0, sifted) did. True: all is done. */
static bool sift_some(struct listing *l, int64_t until_us)
{
	bool full = false;
	size_t i;

	while (l->sifted < l->n && !full) {
		struct cache_obj *o = l->items[l->sifted];
		bool match;

		l->items[l->sifted++] = NULL;   /* moved or dropped: a client that goes away frees the rest */
		view_reset(l->c);
		match = filter_match(l->c, &l->f, o);
		if (match)
			l->items[l->kept++] = o;
		else
			cache_obj_unref(o);
		full = l->o.limit && l->kept >= (size_t)l->o.limit;
		if (until_us && l->sifted % 16 == 0 && env_now_us() >= until_us)
			break;
	}
	if (l->sifted < l->n && !full)
		return false;
	l->remaining = l->sifted < l->n;
	l->last = l->kept ? l->items[l->kept - 1] : NULL;
	for (i = l->sifted; i < l->n; i++)
		cache_obj_unref(l->items[i]);
	l->n = l->kept;
	return true;
}

static void sift(struct call *c)
{
	struct listing *l = c->work;

	if (!l)
		return;
	if (!sift_some(l, env_now_us() + SIFT_US)) {
		flow_later(c, sift);
		return;
	}
	c->work = NULL;
	c->cancel = NULL;
	call_resume(c, picked(l));
}

/* ---- all of it ---- */

enum step serve_list(struct call *c)
{
	struct listing *l = calloc(1, sizeof(*l));
	enum step step;
	int64_t want;

	if (!l)
		return fail_err(c, -ERR_NOMEM, NULL);
	l->c = c;
	l->ns = c->kind->namespaced && *c->ns ? c->ns : c->kind->namespaced ? NULL : "";
	step = list_options_parse(c, &l->o, &l->f);
	if (step != STEP_NEXT) {
		list_free(l);
		return step;
	}
	l->rev = cache_rev(c->api->cache);
	if (!c->kind->store)           /* the one kind of lists that is never stored */
		return components_list(l);
	want = l->o.token_rev > 0 ? l->o.token_rev : l->o.exact ? l->o.rv : 0;
	if (want > l->rev) {
		list_free(l);
		return fail_too_large_rv(c, want);
	}
	if (want && !unchanged_since(c, l, want))
		return pages_load(l, want);
	if (want)
		l->rev = want;
	if (!filter_needs_tree(c, &l->f)) {
		pick_from(l, pick);
		return picked(l);
	}
	pick_from(l, pick_near);
	if (!c->http || l->failed) {
		sift_some(l, 0);
		return picked(l);
	}
	c->work = l;
	c->cancel = sift_canceled;
	flow_later(c, sift);
	return STEP_WAIT;
}
