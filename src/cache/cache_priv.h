/* SPDX-License-Identifier: Apache-2.0 */
/* cache_priv - the cache's parts: object.c, order.c, cache.c, events.c, watch.c. */
#ifndef CACHE_CACHE_PRIV_H
#define CACHE_CACHE_PRIV_H

#include "base/loop.h"
#include "base/map.h"
#include "cache/cache.h"
#include "store/store.h"

struct resource;

/* What objects need even when they outlive the cache: resource names, and the
 * parsed trees kept, newest last. */
struct shared {
	size_t refs;
	struct loop *loop;
	struct list trees;
	size_t tree_count, tree_bytes;
	struct loop_task trim;
	struct list names;
	void *scratch;         /* of a tree that nobody keeps */
};

struct owner_link {
	struct list node;      /* in the owner's bucket; of who has none: among the orphans */
	struct cache_obj *obj;
};

struct obj {
	struct cache_obj pub;
	struct shared *shared;
	struct list tree_node;                 /* in shared->trees while parsed */
	struct obj *parent, *left, *right;     /* order.c */
	struct list on_node;
	uint32_t prio;
	uint32_t owner_count;
	uint32_t version_at, version_len;      /* the spliced resourceVersion in json */
	char *key;
	struct owner_link links[];             /* owner_count, at least one */
};

static inline struct obj *obj_of(struct cache_obj *o) { return (struct obj *)(void *)o; }

/* ---- object.c ---- */
struct shared *shared_open(struct loop *l);
void shared_unref(struct shared *s);
/* The name for good; NULL: no memory. */
const char *shared_intern(struct shared *s, const char *name);
/* No tree is kept. */
void shared_rest(struct shared *s);
/* The cache is going: no task may be left behind. */
void shared_detach(struct shared *s);
/* Of all of its JSON, which it takes over; store is borrowed for its life. */
struct obj *obj_made(struct shared *s, const char *store, const char *key, struct blob *json);
/* One revision from the bytes that were stored. keep_tree: somebody will look soon. */
struct obj *obj_new(struct shared *s, const char *store, const char *key, const struct blob *stored,
	int64_t create_rev, int64_t rev, bool keep_tree);
/* The last state of old, as of the revision that deleted it. */
struct obj *obj_deleted(const struct obj *old, int64_t rev, bool keep_tree);

/* ---- order.c: the objects of one resource by key ---- */
void order_insert(struct obj **root, struct obj *o);
void order_remove(struct obj **root, struct obj *o);
void order_replace(struct obj **root, struct obj *old, struct obj *o);
/* The first whose key is >= key, or > key when after. */
struct obj *order_find(struct obj *root, const char *key, bool after);
struct obj *order_next(struct obj *o);

/* ---- events.c ---- */
struct event {
	struct cache_event pub;
	uint32_t refs;
	int64_t at_ms;
	struct list framed;        /* in cache.framed while it has frames */
};
void event_unref(struct event *e);

enum wake { WAKE_ALL, WAKE_NS, WAKE_NAME, WAKE_NODE, WAKE_COUNT };

struct space {                 /* a namespace of a resource, while it holds objects */
	size_t count;
	struct list orphans;   /* of owner_link */
};

struct resource {
	const char *name;
	struct cache *cache;
	struct obj *root;
	size_t count;
	struct map namespaces;     /* name -> struct space */
	/* events: sequence numbers first..next, v[seq & (cap - 1)] */
	struct event **v;
	size_t cap;
	uint64_t first, next;
	int64_t floor_rev;         /* events up to it may be forgotten */
	size_t live_bytes, past_bytes;     /* of objects; of those that only events hold */
	/* watchers */
	struct map buckets;        /* "nNAMESPACE" ... -> struct bucket */
	size_t watchers[WAKE_COUNT];
	struct list every;         /* of them */
	struct list observers;
};

struct cache {
	struct store *store;
	struct loop *loop;
	struct shared *shared;
	struct map resources, objects, uids, owners, nodes;
	struct list observers;     /* of all resources */
	struct cache_observer *dead;   /* removed while events are told */
	bool telling, opening, lost;       /* lost: sight of the log */
	struct list framed;        /* events with frames, newest last */
	size_t frame_bytes;
	int64_t rev, open_rev;
	size_t object_count, object_bytes, event_count, watcher_count;
	struct loop_timer forget;
};

struct resource *resource_of(struct cache *c, const char *store);
/* Record and tell. Takes over nothing. */
void events_apply(struct cache *c, struct resource *r, int64_t rev, enum cache_event_type type,
	struct obj *o, struct obj *old);
/* Tell observers alone: it is no part of the history. */
void events_tell(struct cache *c, struct resource *r, const struct cache_event *ev);
/* What happened until rev is forgotten, and every cursor is told. */
void events_expire(struct resource *r, int64_t rev);
void events_finish(struct resource *r);
void events_forget(void *cache);
void observers_finish(struct list *head);

/* ---- watch.c ---- */
void watch_wake(struct resource *r, const struct cache_event *ev);
/* Every cursor has missed something: it reads -ERR_EXPIRED. */
void watch_expire(struct resource *r);
void watch_finish(struct resource *r);

#endif
