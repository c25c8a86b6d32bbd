/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconcile - what every controller stands on: a queue of keys, each run alone and
 * again until it settles.
 *
 *   IDLE --event--> QUEUED --turn--> RUNNING --writes--> BUSY --all answered--> IDLE
 *                     ^                                    |  (or QUEUED, when the key
 *                     +--------- back-off on failure ------+   changed meanwhile)
 *
 * A key is BUSY until every write of its run was answered, and an answered write is
 * already in the cache: so a run always sees what the one before it did, and no
 * controller keeps expectations.
 * Thread: loop thread. Event maps only enqueue; reconcile reads the cache and writes
 * the difference, never waits.
 * Tests: tests/unit/control/test_reconcile.c
 */
#ifndef CONTROL_RECONCILE_H
#define CONTROL_RECONCILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "cache/cache.h"
#include "kinds/kinds.h"

struct client;
struct ctl;
struct loop;

#define CTL_BACKOFF_MIN_MS 50
#define CTL_BACKOFF_MAX_MS 60000
#define CTL_TURN_KEYS      64      /* runs per turn of the loop */

struct ctl_watch {
	const char *store;         /* "core/pods"; "*": all */
	void (*map)(struct ctl *c, const struct cache_event *ev);  /* enqueues what ev concerns */
};
struct ctl_def {
	const char *name;          /* "deployment-controller": service account and queue */
	const struct ctl_watch *watches;   /* ends with a NULL store */
	/* 0, or -ERR_* to run this key again after its back-off. */
	int (*reconcile)(struct ctl *c, const char *ns, const char *name);
	size_t state_bytes;        /* the controller's own memory, zeroed: ctl_state() */
	void (*close)(struct ctl *c);  /* frees what that memory holds; may be NULL */
};
/* Takes client over: ctl_close closes it. */
int ctl_open(struct ctl **ret, const struct ctl_def *def, struct loop *l, struct cache *cache, struct client *client);
void ctl_close(struct ctl *c);
void *ctl_state(struct ctl *c);
struct cache *ctl_cache(struct ctl *c);
struct loop *ctl_loop(struct ctl *c);
/* Memory of the run under way, reset before each run. */
struct arena *ctl_arena(struct ctl *c);
/* depth: keys known; unsettled: those of them not just waiting for a time of their own. */
struct ctl_stats { uint64_t depth, unsettled, adds, runs, retries; int64_t longest_us; };
void ctl_stats(const struct ctl *c, struct ctl_stats *ret);
const char *ctl_name(const struct ctl *c);

/* Keys. */
void ctl_enqueue(struct ctl *c, const char *ns, const char *name);
void ctl_enqueue_after(struct ctl *c, const char *ns, const char *name, int64_t delay_ms);  /* the earlier wins */
/* Maps for the common cases. */
void ctl_map_self(struct ctl *c, const struct cache_event *ev);        /* the object itself */
/* The controlling owner of this kind, now and before the change. */
void ctl_enqueue_owner(struct ctl *c, const struct cache_event *ev, const char *api_version, const char *kind);

/* Writes of the run under way: sent at once, answered later; the key is BUSY until
 * then. A failed one runs the key again after its back-off; -ERR_NOT_FOUND of a delete
 * and, with exists_ok, -ERR_EXISTS of a create are success. body is an object in
 * ctl_arena's document. */
yyjson_mut_doc *ctl_doc(struct ctl *c);        /* of the run's arena */
void ctl_create(struct ctl *c, const struct kinds_kind *k, const char *ns, yyjson_mut_val *body, bool exists_ok);
void ctl_update(struct ctl *c, const struct kinds_kind *k, const char *ns, const char *name, const char *sub,
	yyjson_mut_val *body);
/* A JSON merge patch. */
void ctl_patch(struct ctl *c, const struct kinds_kind *k, const char *ns, const char *name, const char *sub,
	yyjson_mut_val *patch);
/* uid: delete only this life of it. propagation: "Background", "Foreground", "Orphan" or NULL. */
void ctl_delete(struct ctl *c, const struct kinds_kind *k, const char *ns, const char *name, const char *uid,
	const char *propagation, int64_t grace_s /* -1: the default */);
/* Any other call ("POST" on a subresource, ...). */
void ctl_call(struct ctl *c, const char *method, const char *path, const char *query, const char *content_type,
	yyjson_mut_val *body);
unsigned ctl_writes(const struct ctl *c);      /* of this run so far */
/* The run's own writes may want an answer: runs before the key leaves BUSY. */
typedef void ctl_answer_fn(struct ctl *c, const char *ns, const char *name, int rc, yyjson_val *obj, const char *message);
void ctl_on_answer(struct ctl *c, ctl_answer_fn *fn);  /* for the newest write */
/* An Event about obj; repeated ones raise its count. Not waited for. type "Normal", "Warning". */
void ctl_event(struct ctl *c, struct cache_obj *obj, const char *type, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* A number, or a percentage ("25%") of `of`, rounded up or down; absent: 0. */
int64_t ctl_share(yyjson_val *v, int64_t of, bool up);

/* ---- finalizers (owner.c) ---- */
bool ctl_has_finalizer(yyjson_val *obj, const char *name);
/* A patch with the revision read, so that a change meanwhile is seen. */
void ctl_drop_finalizer(struct ctl *c, struct cache_obj *o, const struct kinds_kind *k, const char *name);

/* ---- owning (owner.c) ---- */
bool ctl_is_controlled_by(yyjson_val *obj, const char *owner_uid);
/* An ownerReference (controller, blockOwnerDeletion) to owner appended to meta. */
void ctl_set_owner(yyjson_mut_doc *d, yyjson_mut_val *meta, struct cache_obj *owner, const struct kinds_kind *k);
/* The objects of one resource that owner controls; orphans that match sel are adopted (and
 * among the result), controlled ones that do not match are released (and not). In the run's
 * arena, sorted by name; *ret_n of them. NULL: no memory. */
struct cache_obj **ctl_claim(struct ctl *c, struct cache_obj *owner, const struct kinds_kind *owner_kind,
	const struct kinds_kind *k, const struct selector *sel, size_t *ret_n);

/* ---- conditions (condition.c) ---- */
/* The entry of that type, or NULL. */
yyjson_val *ctl_condition_get(yyjson_val *obj, const char *type);
bool ctl_condition_true(yyjson_val *obj, const char *type);
/* Set status.conditions[type]; times kept as upstream keeps them. True when it changed. */
bool ctl_condition(yyjson_mut_doc *d, yyjson_mut_val *status, const char *type, const char *status_text,
	const char *reason, const char *message, int64_t now_us);

/* ---- pods, as workload controllers see them (pods.c) ---- */
bool pod_ready(yyjson_val *pod);
/* Ready for at least min_ready_s; else *ret_wait_ms (may be NULL) until it would be, 0: not ready. */
bool pod_available(yyjson_val *pod, int64_t min_ready_s, int64_t now_us, int64_t *ret_wait_ms);
bool pod_finished(yyjson_val *pod);            /* Succeeded or Failed */
/* Order for killing: those that cost least come first. Source: ActivePodsWithRanks. */
int pod_kill_order(const void *a, const void *b);   /* struct cache_obj ** for qsort */
/* A pod from a template: {kind, apiVersion, metadata{labels, annotations, ownerReferences}, spec}. The
 * caller adds name or generateName. */
yyjson_mut_val *pod_from_template(struct ctl *c, yyjson_val *template, struct cache_obj *owner,
	const struct kinds_kind *owner_kind);
/* Ten characters that name a template, as Deployments put them on ReplicaSets. */
void pod_template_hash(yyjson_val *template, int64_t collisions, char ret[16]);

/* Kinds used everywhere, found once. */
const struct kinds_kind *ctl_kind(const char *group, const char *plural);

#endif
