/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduling - keeps the scheduler's table, asks it where each waiting pod goes, and
 * binds it there.
 *
 *   pod: WAITING --picked--> ASSUMED (counted on the node) --bound--> as the events say
 *           ^                    | the binding failed
 *           +--- UNSCHEDULABLE <-+   until a node changes or a pod leaves one
 */
#define LOG_MODULE "scheduler"
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/log.h"
#include "base/map.h"
#include "client/client.h"
#include "control/controllers.h"
#include "control/reconcile.h"
#include "sched/sched.h"

#define SCHEDULER_NAME "default-scheduler"

struct scheduling {
	struct sched *sched;
	struct map stuck;          /* "ns/name" of unschedulable pods; value is the map itself */
};

static struct scheduling *state(struct ctl *c)
{
	struct scheduling *s = ctl_state(c);

	if (!s->sched && sched_open(&s->sched))
		return NULL;
	return s;
}

static void key_of(const struct cache_obj *o, char key[600])
{
	snprintf(key, 600, "%s/%s", o->ns, o->name);
}

/* Room was made: everybody who found none looks again. */
static void retry_stuck(struct ctl *c, struct scheduling *s)
{
	size_t it = 0;
	const char *key;

	while (map_next(&s->stuck, &it, &key, NULL)) {
		const char *slash = strchr(key, '/');
		char ns[300];
		snprintf(ns, sizeof(ns), "%.*s", (int)(slash - key), key);
		ctl_enqueue(c, ns, slash + 1);
		map_del(&s->stuck, key);
	}
}

static void node_changed(struct ctl *c, const struct cache_event *ev)
{
	struct scheduling *s = state(c);

	if (!s)
		return;
	if (ev->type == CACHE_DELETED)
		sched_node_del(s->sched, ev->obj->name);
	else if (sched_node_set(s->sched, ev->obj))
		retry_stuck(c, s);
}

static bool ours(struct cache_obj *o)
{
	yyjson_val *t = cache_tree(o);
	const char *name = doc_str(t, "spec.schedulerName");

	return (!name || !*name || !strcmp(name, SCHEDULER_NAME)) && !doc_len(t, "spec.schedulingGates") && !pod_finished(t);
}

static void pod_changed(struct ctl *c, const struct cache_event *ev)
{
	struct scheduling *s = state(c);
	struct cache_obj *o = ev->obj;
	char key[600];

	if (!s)
		return;
	key_of(o, key);
	if (ev->type == CACHE_DELETED || (*o->node && pod_finished(cache_tree(o)))) {
		map_del(&s->stuck, key);
		if (sched_pod_del(s->sched, o->uid))
			retry_stuck(c, s);
	} else if (*o->node) {
		map_del(&s->stuck, key);
		sched_pod_set(s->sched, o, o->node);
	} else if (!o->deleting && ours(o) && !map_get(&s->stuck, key)) {
		ctl_enqueue(c, o->ns, o->name);
	}
}

static void bound(struct ctl *c, const char *ns, const char *name, int rc, yyjson_val *obj, const char *message)
{
	struct scheduling *s = state(c);
	struct cache_obj *o = cache_get(ctl_cache(c), "core/pods", ns, name);

	(void)obj;
	if (!o)
		return;
	if (!rc) {
		ctl_event(c, o, "Normal", "Scheduled", "Successfully assigned %s/%s to %s", ns, name, o->node);
	} else if (!*o->node) {
		sched_pod_del(s->sched, o->uid);
		ctl_event(c, o, "Warning", "FailedScheduling", "binding rejected: %s", message);
	}
}

static void bind_to(struct ctl *c, struct cache_obj *o, const char *node)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *b = yyjson_mut_obj(d);
	BUF_AUTO struct buf path = { 0 };

	doc_mset_str(d, b, "kind", "Binding");
	doc_mset_str(d, b, "apiVersion", "v1");
	doc_mset_str(d, b, "metadata.name", o->name);
	doc_mset_str(d, b, "metadata.namespace", o->ns);
	doc_mset_str(d, b, "metadata.uid", o->uid);
	doc_mset_str(d, b, "target.kind", "Node");
	doc_mset_str(d, b, "target.apiVersion", "v1");
	doc_mset_str(d, b, "target.name", node);
	client_path(&path, ctl_kind("", "pods"), o->ns, o->name, "binding");
	ctl_call(c, "POST", path.p, NULL, NULL, b);
	ctl_on_answer(c, bound);
}

/* The pod says itself why it waits; once, not with every attempt. */
static void tell_why(struct ctl *c, struct cache_obj *o, const char *why)
{
	yyjson_mut_doc *d = ctl_doc(c);
	const char *said = doc_str(ctl_condition_get(cache_tree(o), "PodScheduled"), "message");
	yyjson_mut_val *p = yyjson_mut_obj(d), *status = doc_mobj(d, p, "status");
	BUF_AUTO struct buf path = { 0 };

	if (said && !strcmp(said, why))
		return;
	ctl_event(c, o, "Warning", "FailedScheduling", "%s", why);
	ctl_condition(d, status, "PodScheduled", "False", "Unschedulable", why, env_wall_us());
	client_path(&path, ctl_kind("", "pods"), o->ns, o->name, "status");
	ctl_call(c, "PATCH", path.p, NULL, "application/strategic-merge-patch+json", p);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct scheduling *s = state(c);
	struct cache_obj *o = cache_get(ctl_cache(c), "core/pods", ns, name);
	struct sched_result r;
	char key[600];

	if (!s)
		return -ERR_NOMEM;
	if (!o || *o->node || o->deleting || !ours(o))
		return 0;
	int rc = sched_pick(s->sched, ctl_arena(c), o, env_random_below(UINT32_MAX), &r);
	if (rc)
		return rc;
	if (r.node) {
		rc = sched_pod_set(s->sched, o, r.node);       /* assumed until the event says so */
		if (!rc)
			bind_to(c, o, r.node);
		return rc;
	}
	key_of(o, key);
	map_put(&s->stuck, key, &s->stuck, NULL);
	tell_why(c, o, r.reason);
	return 0;
}

static void finish(struct ctl *c)
{
	struct scheduling *s = ctl_state(c);

	sched_close(s->sched);
	map_finish(&s->stuck);
}

static const struct ctl_watch watches[] = {
	{ "core/nodes", node_changed },
	{ "core/pods", pod_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_scheduler = { .name = SCHEDULER_NAME, .watches = watches, .reconcile = reconcile,
	.state_bytes = sizeof(struct scheduling), .close = finish };
