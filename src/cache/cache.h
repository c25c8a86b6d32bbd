/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache - the log, followed: every live object in memory as its final JSON bytes
 * with a small header, indexed; recent events; watchers.
 *
 * In:      store's events.      Out: api (get, list, watch), controllers, scheduler.
 * Thread:  loop thread. Objects and events are reference-counted and immutable.
 * Promise: cache_rev() never goes back; a completed write is in the cache before
 *          its store done runs (store promise 3); a cursor sees every event of its
 *          filter once, in order, or is told -ERR_EXPIRED. So it is when sight of the log
 *          was lost; observers then get the differences as events.
 * Stored bytes carry no resourceVersion: it is spliced in here, after metadata.uid.
 * Tests: tests/unit/cache/
 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#include "base/buf.h"
#include "base/list.h"
#include "doc/selector.h"
#include "kinds/kinds.h"

struct cache;
struct cache_obj {                     /* one revision of one object */
	uint32_t refs;
	bool deleting;                 /* has a deletionTimestamp */
	bool unseen;                   /* private: while sight of the log is lost, not found yet */
	int64_t rev, create_rev;
	const char *store;             /* "core/pods": interned, compare by pointer within one cache */
	const char *ns, *name, *uid;   /* ns "" when cluster-scoped */
	struct labels labels;
	const char *node;              /* pods: spec.nodeName, else "" */
	const char *const *owners;     /* uids of ownerReferences, NULL-terminated */
	struct blob *json;             /* as a client gets it: kind, apiVersion, resourceVersion */
	yyjson_doc *tree;              /* private: use cache_tree() */
};
struct cache_obj *cache_obj_ref(struct cache_obj *o);
void cache_obj_unref(struct cache_obj *o);             /* accepts NULL */
/* The parsed object, parsed at the first call and kept for a while; borrowed, valid
 * while the caller holds o (loop thread) and does not return to the loop. */
yyjson_val *cache_tree(struct cache_obj *o);

/* An object as it was at a revision that has passed, from what the store has of it; it is
 * not in the cache. look: its tree will be asked for at once. NULL: no memory. Takes nothing over. */
struct cache_obj *cache_obj_past(struct cache *c, const char *key, const struct blob *stored,
	int64_t create_rev, int64_t rev, bool look);

/* One that is in no store at all, of its JSON, which is taken over in any case; store is borrowed
 * for its life. NULL: no memory. */
struct cache_obj *cache_obj_made(struct cache *c, const char *store, const char *key, struct blob *json);

/* The store key of an object: "core/pods/NS/NAME", or "core/nodes/NAME" when ns is
 * "" or NULL. Lists and cache_each go in the byte order of these keys. 0, or
 * -ERR_SIZE when it does not fit size (STORE_KEY_MAX + 1 always suffices). */
int cache_key(char *out, size_t size, const char *store, const char *ns, const char *name);

struct store;
int cache_open(struct cache **ret, struct store *s, struct err *reterr);   /* follows s */
void cache_close(struct cache *c);
/* A time of much work is over: give up what can be made again. From the top of the stack. */
void cache_rest(struct cache *c);
int64_t cache_rev(const struct cache *c);              /* newest revision applied */
bool cache_is_lost(const struct cache *c);             /* what it shows is of several revisions, until sight of the log is found */

/* Borrowed, NULL when absent. store: kinds_kind.store. ns "" for cluster-scoped. */
struct cache_obj *cache_get(struct cache *c, const char *store, const char *ns, const char *name);
/* Ordered walk over one resource; ns NULL: all. Start after (ns,name) when given.
 * fn returns false to stop. No writes to the cache may happen meanwhile. */
typedef bool cache_each_fn(void *arg, struct cache_obj *o);
void cache_each(struct cache *c, const char *store, const char *ns,
	const char *after_ns, const char *after_name, cache_each_fn *fn, void *arg);
size_t cache_count(struct cache *c, const char *store, const char *ns);   /* ns NULL: all */
/* Indexes. */
void cache_each_owned(struct cache *c, const char *owner_uid, cache_each_fn *fn, void *arg);
/* Those of one resource and namespace that nobody owns and that are not being deleted. */
void cache_each_orphan(struct cache *c, const char *store, const char *ns, cache_each_fn *fn, void *arg);
void cache_each_on_node(struct cache *c, const char *node, cache_each_fn *fn, void *arg);   /* pods */
struct cache_obj *cache_by_uid(struct cache *c, const char *uid);
/* Names of the resources that hold objects (store prefixes), for GC and namespaces. */
bool cache_next_store(struct cache *c, size_t *it, const char **ret_store);

/* ---- events ---- */
enum cache_event_type { CACHE_ADDED, CACHE_MODIFIED, CACHE_DELETED };
#define CACHE_FRAMES 3
struct cache_event {
	int64_t rev;
	enum cache_event_type type;
	struct cache_obj *obj;         /* DELETED: the last state, its json with the deletion's revision */
	struct cache_obj *old;         /* MODIFIED: the state before; else NULL */
	struct blob *frames[CACHE_FRAMES]; /* api's: encoded once for all watchers, by format */
};
/* Keep frame with ev, an event of a watch, for a while: the newest CACHE_FRAMES_BYTES stay. */
void cache_event_keep(struct cache *c, struct cache_event *ev, int format, struct blob *frame);
#define CACHE_FRAMES_BYTES (4u << 20)

/* In-process observers (controllers, scheduler): called on the loop for every event
 * of one resource, or of all (store NULL), right when it is applied. They must only
 * record. First called for what exists already, as ADDED, when replay is true. */
struct cache_observer;
typedef void cache_observe_fn(void *arg, const struct cache_event *ev);
struct cache_observer *cache_observe(struct cache *c, const char *store, bool replay,
	cache_observe_fn *fn, void *arg);
void cache_unobserve(struct cache_observer *o);

/* A watcher is a cursor that pulls: nothing is queued per watcher. ready runs (as a
 * loop task, coalesced) when there may be more; it is armed again by a next() that
 * returned -ERR_AGAIN. It runs once after open too. ns, name, node narrow what
 * it sees (NULL: any); the caller still filters by selector. from_rev: events strictly after it; 0: from now. */
struct cache_watch;
int cache_watch_open(struct cache_watch **ret, struct cache *c, const char *store,
	const char *ns, const char *name, const char *node, int64_t from_rev,
	void (*ready)(void *arg), void *arg);   /* -ERR_EXPIRED: from_rev is forgotten */
/* 0 and the next event (borrowed until the next call), -ERR_AGAIN, or -ERR_EXPIRED. */
int cache_watch_next(struct cache_watch *w, struct cache_event **ret);
/* The revision up to which this cursor has seen everything (for bookmarks). */
int64_t cache_watch_rev(const struct cache_watch *w);
void cache_watch_close(struct cache_watch *w);

/* How long a resource's events are kept. What they cost is the bytes of the objects that
 * live on in them only. The young ones are for watchers that connect again, the others
 * for lists in pages; both may ask again from what there is. */
#define CACHE_EVENTS_MAX      100000u
#define CACHE_EVENTS_KEEP_MS  300000
#define CACHE_EVENTS_YOUNG_MS 30000
#define CACHE_YOUNG_BYTES     (64u << 20)
#define CACHE_OLD_BYTES       (4u << 20)  /* or an eighth of what is live, if that is more */

struct cache_stats { size_t objects, object_bytes, events, watchers; };
void cache_stats(const struct cache *c, struct cache_stats *ret);

#endif
