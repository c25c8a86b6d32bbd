/* SPDX-License-Identifier: Apache-2.0 */
/* cache - the snapshot: applying the store's events, finding, walking, indexes. */
#include "cache/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache_priv.h"

#define LOG_MODULE "cache"
#include "base/log.h"

/* Appends s and end at *at; *at NULL: it did not fit. */
static void add(char **at, const char *limit, const char *s, char end)
{
	size_t n = strlen(s);

	if (!*at || n + 1 > (size_t)(limit - *at)) {
		*at = NULL;
		return;
	}
	memcpy(*at, s, n);
	(*at)[n] = end;
	*at += n + 1;
}

int cache_key(char *out, size_t size, const char *store, const char *ns, const char *name)
{
	const char *limit = out + size;
	char *at = out;

	add(&at, limit, store, '/');
	if (ns && *ns)
		add(&at, limit, ns, '/');
	add(&at, limit, name, 0);
	return at ? 0 : -ERR_SIZE;
}

/* Out of memory while following the log: going on would show a false state. */
static void must(bool ok)
{
	if (!ok) {
		log_error("out of memory while following the store");
		abort();
	}
}

/* ---- indexes: name -> list ---- */

static struct list *bucket_of(struct map *m, const char *name)
{
	struct list *head = map_get(m, name);

	if (!head) {
		head = malloc(sizeof(*head));
		must(head && map_put(m, name, head, NULL) == 0);
		list_init(head);
	}
	return head;
}

static void unlink_from(struct map *m, const char *name, struct list *node)
{
	struct list *head = map_get(m, name);

	list_del(node);
	if (head && list_empty(head))
		free(map_del(m, name));
}

static struct space *space_of(struct resource *r, const char *ns)
{
	struct space *s = map_get(&r->namespaces, ns);

	if (!s) {
		s = calloc(1, sizeof(*s));
		must(s && map_put(&r->namespaces, ns, s, NULL) == 0);
		list_init(&s->orphans);
	}
	return s;
}

static void index_add(struct cache *c, struct resource *r, struct obj *o)
{
	if (*o->pub.uid)
		must(map_put(&c->uids, o->pub.uid, o, NULL) == 0);
	if (*o->pub.node)
		list_add_tail(bucket_of(&c->nodes, o->pub.node), &o->on_node);
	for (uint32_t i = 0; i < o->owner_count; i++)
		list_add_tail(bucket_of(&c->owners, o->pub.owners[i]), &o->links[i].node);
	if (!o->owner_count && !o->pub.deleting)
		list_add_tail(&space_of(r, o->pub.ns)->orphans, &o->links[0].node);
	c->object_bytes += o->pub.json->len;
}

static void index_del(struct cache *c, struct obj *o)
{
	if (map_get(&c->uids, o->pub.uid) == o)
		map_del(&c->uids, o->pub.uid);
	if (*o->pub.node)
		unlink_from(&c->nodes, o->pub.node, &o->on_node);
	for (uint32_t i = 0; i < o->owner_count; i++)
		unlink_from(&c->owners, o->pub.owners[i], &o->links[i].node);
	if (!o->owner_count)
		list_del(&o->links[0].node);
	c->object_bytes -= o->pub.json->len;
}

static void count(struct cache *c, struct resource *r, const char *ns, int by)
{
	struct space *s = space_of(r, ns);

	s->count += (size_t)(intptr_t)by;
	if (!s->count)
		free(map_del(&r->namespaces, ns));
	r->count += (size_t)(intptr_t)by;
	c->object_count += (size_t)(intptr_t)by;
}

/* ---- following ---- */

struct resource *resource_of(struct cache *c, const char *store)
{
	struct resource *r = map_get(&c->resources, store);

	if (r)
		return r;
	r = calloc(1, sizeof(*r));
	must(r && (r->name = shared_intern(c->shared, store)) &&
		map_put(&c->resources, store, r, NULL) == 0);
	r->cache = c;
	r->floor_rev = c->open_rev;
	list_init(&r->observers);
	list_init(&r->every);
	return r;
}

/* The first two segments of a key. NULL when it has not three. */
static struct resource *resource_of_key(struct cache *c, const char *key)
{
	const char *s = strchr(key, '/'), *t = s ? strchr(s + 1, '/') : NULL;
	char store[STORE_KEY_MAX + 1];

	if (!t || (size_t)(t - key) >= sizeof(store))
		return NULL;
	memcpy(store, key, (size_t)(t - key));
	store[t - key] = 0;
	return resource_of(c, store);
}

static void insert(struct cache *c, struct resource *r, struct obj *o, struct obj *old)
{
	must(map_put(&c->objects, o->key, o, NULL) == 0);
	if (old) {
		order_replace(&r->root, old, o);
		r->live_bytes -= old->pub.json->len;
		index_del(c, old);
	} else {
		order_insert(&r->root, o);
		count(c, r, o->pub.ns, 1);
	}
	r->live_bytes += o->pub.json->len;
	index_add(c, r, o);
}

static void erase(struct cache *c, struct resource *r, struct obj *old)
{
	map_del(&c->objects, old->key);
	order_remove(&r->root, old);
	r->live_bytes -= old->pub.json->len;
	index_del(c, old);
	count(c, r, old->pub.ns, -1);
}

/* Record a change, or while sight is lost only tell who needs no history. */
static void applied(struct cache *c, struct resource *r, int64_t rev, enum cache_event_type type,
	struct obj *o, struct obj *old)
{
	if (c->lost)
		events_tell(c, r, &(struct cache_event){ .rev = rev, .type = type, .obj = &o->pub,
			.old = old ? &old->pub : NULL });
	else
		events_apply(c, r, rev, type, o, old);
}

static void removed(struct cache *c, struct resource *r, struct obj *old, int64_t rev)
{
	struct obj *o = obj_deleted(old, rev, !c->opening);

	must(o);
	erase(c, r, old);
	applied(c, r, rev, CACHE_DELETED, o, NULL);
	cache_obj_unref(&o->pub);
	cache_obj_unref(&old->pub);
}

static void on_event(void *arg, const struct store_event *ev)
{
	struct cache *c = arg;
	bool live = c->open_rev >= 0;   /* not the state found at the start */
	struct resource *r = resource_of_key(c, ev->key);
	struct obj *old, *o;

	if (ev->rev > c->rev && !c->lost)
		c->rev = ev->rev;
	if (!r) {
		log_error("store key %s is no object's", ev->key);
		return;
	}
	old = map_get(&c->objects, ev->key);
	if (!ev->value) {
		if (old)
			removed(c, r, old, ev->rev);
		return;
	}
	if (old && c->lost && old->pub.rev >= ev->rev) {
		old->pub.unseen = false;
		return;
	}
	o = obj_new(c->shared, r->name, ev->key, ev->value, ev->create_rev, ev->rev, live && !c->opening);
	if (!o)
		return;
	insert(c, r, o, old);
	if (live)
		applied(c, r, ev->rev, old ? CACHE_MODIFIED : CACHE_ADDED, o, old);
	if (old)
		cache_obj_unref(&old->pub);
}

static void on_progress(void *arg, int64_t rev)
{
	struct cache *c = arg;

	if (rev > c->rev)
		c->rev = rev;
}

/* ---- sight of the log is lost, and found again ---- */

static void on_lost(void *arg)
{
	struct cache *c = arg;
	size_t it = 0;
	void *o;

	c->lost = true;
	while (map_next(&c->objects, &it, NULL, &o))
		((struct obj *)o)->pub.unseen = true;
}

static void remove_unseen(struct cache *c, struct resource *r, int64_t rev)
{
	struct obj *next;

	for (struct obj *o = order_find(r->root, "", false); o; o = next) {
		next = order_next(o);
		if (o->pub.unseen)
			removed(c, r, o, rev);
	}
}

static void on_found(void *arg, int64_t rev)
{
	struct cache *c = arg;
	size_t it = 0;
	void *r;

	while (map_next(&c->resources, &it, NULL, &r))
		remove_unseen(c, r, rev);
	c->lost = false;
	c->open_rev = rev;
	if (rev > c->rev)
		c->rev = rev;
	for (it = 0; map_next(&c->resources, &it, NULL, &r); )
		events_expire(r, rev);
	log_warn("sight of the store's log was lost and found at revision %lld: watches begin again",
		(long long)rev);
}

/* At the start: from here on there is history, as if this had been followed. */
static void on_past(void *arg, int64_t rev)
{
	struct cache *c = arg;
	size_t it = 0;
	void *r;

	c->rev = c->open_rev = rev;
	while (map_next(&c->resources, &it, NULL, &r))
		((struct resource *)r)->floor_rev = rev;
}

static const struct store_follower follower = { on_event, on_progress, on_lost, on_found, on_past };

int cache_open(struct cache **ret, struct store *s, struct err *reterr)
{
	struct cache *c = calloc(1, sizeof(*c));
	int rc;

	if (!c || !(c->shared = shared_open(store_loop(s)))) {
		free(c);
		return err_set(reterr, ERR_NOMEM, "open the cache: out of memory");
	}
	c->store = s;
	c->loop = store_loop(s);
	list_init(&c->observers);
	list_init(&c->framed);
	c->objects.borrows = c->uids.borrows = true;
	loop_timer_init(&c->forget, c->loop, events_forget, c);
	c->open_rev = -1;
	c->opening = true;
	rc = store_follow(s, &follower, c, reterr);
	if (c->open_rev < 0)           /* the store tells of no past */
		on_past(c, store_rev(s));
	c->rev = store_rev(s);
	c->opening = false;
	if (rc < 0) {
		cache_close(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void cache_close(struct cache *c)
{
	size_t it = 0;
	void *p;

	if (!c)
		return;
	loop_timer_stop(&c->forget);
	shared_detach(c->shared);
	while (map_next(&c->objects, &it, NULL, &p)) {
		struct obj *o = p;

		index_del(c, o);
		cache_obj_unref(&o->pub);
	}
	for (it = 0; map_next(&c->resources, &it, NULL, &p); ) {
		struct resource *r = p;

		events_finish(r);
		watch_finish(r);
		observers_finish(&r->observers);
		for (size_t i = 0; map_next(&r->namespaces, &i, NULL, &p);)
			free(p);
		map_finish(&r->namespaces);
		free(r);
	}
	observers_finish(&c->observers);
	map_finish(&c->resources);
	map_finish(&c->objects);
	map_finish(&c->uids);
	map_finish(&c->owners);
	map_finish(&c->nodes);
	shared_unref(c->shared);
	free(c);
}

/* ---- reading ---- */

struct cache_obj *cache_obj_past(struct cache *c, const char *key, const struct blob *stored,
	int64_t create_rev, int64_t rev, bool look)
{
	struct resource *r = resource_of_key(c, key);
	struct obj *o = r ? obj_new(c->shared, r->name, key, stored, create_rev, rev, look) : NULL;

	return o ? &o->pub : NULL;
}

struct cache_obj *cache_obj_made(struct cache *c, const char *store, const char *key, struct blob *json)
{
	struct obj *o = obj_made(c->shared, store, key, json);

	return o ? &o->pub : NULL;
}

void cache_rest(struct cache *c) { shared_rest(c->shared); }

int64_t cache_rev(const struct cache *c) { return c->rev; }

bool cache_is_lost(const struct cache *c) { return c->lost; }

struct cache_obj *cache_get(struct cache *c, const char *store, const char *ns, const char *name)
{
	char key[STORE_KEY_MAX + 1];
	struct obj *o;

	if (cache_key(key, sizeof(key), store, ns, name) < 0)
		return NULL;
	o = map_get(&c->objects, key);
	return o ? &o->pub : NULL;
}

void cache_each(struct cache *c, const char *store, const char *ns,
	const char *after_ns, const char *after_name, cache_each_fn *fn, void *arg)
{
	struct resource *r = map_get(&c->resources, store);
	char prefix[STORE_KEY_MAX + 2], after[STORE_KEY_MAX + 1];
	size_t n;
	struct obj *o;

	n = (size_t)snprintf(prefix, sizeof(prefix), ns && *ns ? "%s/%s/" : "%s/", store, ns);
	if (!r || n >= sizeof(prefix))
		return;
	o = order_find(r->root, prefix, false);
	if (o && after_name) {
		if (cache_key(after, sizeof(after), store, after_ns, after_name) < 0)
			return;
		if (strcmp(after, o->key) >= 0)
			o = order_find(r->root, after, true);
	}
	while (o && strncmp(o->key, prefix, n) == 0) {
		struct obj *next = order_next(o);

		if (!fn(arg, &o->pub))
			return;
		o = next;
	}
}

size_t cache_count(struct cache *c, const char *store, const char *ns)
{
	struct resource *r = map_get(&c->resources, store);
	const struct space *s;

	if (!r)
		return 0;
	if (!ns || !*ns)
		return r->count;
	s = map_get(&r->namespaces, ns);
	return s ? s->count : 0;
}

void cache_each_owned(struct cache *c, const char *owner_uid, cache_each_fn *fn, void *arg)
{
	struct list *head = map_get(&c->owners, owner_uid);

	if (!head)
		return;
	list_each(head, n)
		if (!fn(arg, list_entry(n, struct owner_link, node)->obj))
			return;
}

void cache_each_orphan(struct cache *c, const char *store, const char *ns, cache_each_fn *fn, void *arg)
{
	struct resource *r = map_get(&c->resources, store);
	struct space *s = r ? map_get(&r->namespaces, ns) : NULL;

	if (!s)
		return;
	list_each(&s->orphans, n)
		if (!fn(arg, list_entry(n, struct owner_link, node)->obj))
			return;
}

void cache_each_on_node(struct cache *c, const char *node, cache_each_fn *fn, void *arg)
{
	struct list *head = map_get(&c->nodes, node);

	if (!head)
		return;
	list_each(head, n)
		if (!fn(arg, &list_entry(n, struct obj, on_node)->pub))
			return;
}

struct cache_obj *cache_by_uid(struct cache *c, const char *uid)
{
	struct obj *o = map_get(&c->uids, uid);

	return o ? &o->pub : NULL;
}

bool cache_next_store(struct cache *c, size_t *it, const char **ret_store)
{
	void *p;

	while (map_next(&c->resources, it, NULL, &p)) {
		struct resource *r = p;

		if (!r->count)
			continue;
		*ret_store = r->name;
		return true;
	}
	return false;
}

void cache_stats(const struct cache *c, struct cache_stats *ret)
{
	*ret = (struct cache_stats){ c->object_count, c->object_bytes, c->event_count,
		c->watcher_count };
}
