/* SPDX-License-Identifier: Apache-2.0 */
/*
 * taint_eviction - pods leave a node with NoExecute taints: at once when they do not tolerate
 * one of them, else when the first of their tolerationSeconds is over.
 *
 *   FREE --taint--> STAYS until due --due--> marked (DisruptionTarget), deleted
 *     ^               |
 *     +-- taint gone, tolerated for ever, pod gone --+
 *
 * A key is a pod. For how long it has borne a taint is counted by our own monotonic clock
 * from when both were first seen together; only what went by before this controller began is
 * taken from timeAdded. (Upstream begins anew then, and never evicts when it restarts often.)
 * Source: kubernetes pkg/controller/tainteviction/taint_eviction.go.
 * Tests: tests/unit/control/test_node_lifecycle.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/map.h"
#include "base/text.h"
#include "client/client.h"
#include "control/controllers.h"
#include "control/reconcile.h"
#include "sched/sched.h"

#define REASON "DeletionByTaintManager"

struct borne { uint64_t taint; int64_t since_ms; };
struct stay {                      /* a pod on a tainted node */
	char uid[TEXT_UUID_MAX];
	bool due;                  /* it is to go, some time */
	size_t n;
	struct borne v[];
};
struct evictor { struct map stays; };      /* "ns/name" -> struct stay */

static const char *text(yyjson_val *o, const char *key)
{
	const char *s = doc_str(o, key);

	return s ? s : "";
}

static bool is_no_execute(yyjson_val *taint)
{
	return !strcmp(text(taint, "effect"), "NoExecute");
}

static uint64_t taint_hash(yyjson_val *taint)
{
	BUF_AUTO struct buf b = { 0 };

	buf_printf(&b, "%s=%s", text(taint, "key"), text(taint, "value"));
	return b.failed ? 1 : hash_fnv64(b.p, b.len) | 1;
}

/* Of all NoExecute taints, in order; 0: there is none. */
static uint64_t no_execute_hash(yyjson_val *node)
{
	uint64_t h = 0;
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(node, "spec.taints"), i, max, it)
		if (is_no_execute(it))
			h = h * 31 + taint_hash(it);
	return h;
}

static bool enqueue(void *arg, struct cache_obj *pod)
{
	ctl_enqueue(arg, pod->ns, pod->name);
	return true;
}

static void node_changed(struct ctl *c, const struct cache_event *ev)
{
	uint64_t was = ev->old ? no_execute_hash(cache_tree(ev->old)) : 0,
		is = ev->type == CACHE_DELETED ? 0 : no_execute_hash(cache_tree(ev->obj));

	if (was != is || ev->type == CACHE_DELETED)
		cache_each_on_node(ctl_cache(c), ev->obj->name, enqueue, c);
}

static void pod_changed(struct ctl *c, const struct cache_event *ev)
{
	struct cache_obj *node = *ev->obj->node ? cache_get(ctl_cache(c), "core/nodes", "", ev->obj->node) : NULL;
	bool tainted = node && no_execute_hash(cache_tree(node));
	bool placed = !ev->old || !*ev->old->node;

	if (ev->type == CACHE_DELETED || (tainted && (placed ||
	    !doc_equal(doc_get(cache_tree(ev->old), "spec.tolerations"), doc_get(cache_tree(ev->obj), "spec.tolerations")))))
		ctl_enqueue(c, ev->obj->ns, ev->obj->name);
}

/* ---- how long ---- */

/* Milliseconds since the pod was placed and the taint was there, as far as they say. */
static int64_t borne_before_ms(yyjson_val *pod, yyjson_val *taint)
{
	const char *added = doc_str(taint, "timeAdded"), *made = doc_str(pod, "metadata.creationTimestamp"),
		*placed = doc_str(ctl_condition_get(pod, "PodScheduled"), "lastTransitionTime");
	int64_t since, pod_us, now = env_wall_us();

	if (!added || text_parse_time(added, &since))
		return 0;
	if ((placed || made) && !text_parse_time(placed ? placed : made, &pod_us) && pod_us > since)
		since = pod_us;
	return since < now ? (now - since) / 1000 : 0;
}

/* Seconds that the pod bears the taint; -1: for ever; 0: not at all. */
static int64_t bears_s(yyjson_val *pod, yyjson_val *taint)
{
	yyjson_val *t = sched_toleration_of(doc_get(pod, "spec.tolerations"), text(taint, "key"), text(taint, "value"), "NoExecute");
	int64_t s = t ? doc_int(t, "tolerationSeconds", -1) : 0;

	return t && yyjson_obj_get(t, "tolerationSeconds") && s < 0 ? 0 : s;
}

static int64_t since_ms(const struct stay *was, uint64_t taint, int64_t other)
{
	for (size_t i = 0; was && i < was->n; i++)
		if (was->v[i].taint == taint)
			return was->v[i].since_ms;
	return other;
}

/* What the pod bears now, in *ret (NULL: nothing) with what was known before, and how long
 * it still may: milliseconds, -1: for ever. -ERR_NOMEM. */
static int look(struct cache_obj *pod, yyjson_val *taints, const struct stay *was, struct stay **ret, int64_t *ret_left_ms)
{
	yyjson_val *tree = cache_tree(pod), *it;
	struct stay *s = NULL;
	size_t i, max;
	int64_t now = env_now_ms();

	*ret_left_ms = -1;
	if (was && strcmp(was->uid, pod->uid))
		was = NULL;
	yyjson_arr_foreach(taints, i, max, it) {
		if (!is_no_execute(it))
			continue;
		if (!s && !(s = calloc(1, sizeof(*s) + yyjson_arr_size(taints) * sizeof(s->v[0]))))
			return -ERR_NOMEM;
		uint64_t taint = taint_hash(it);
		int64_t bears = bears_s(tree, it), since = since_ms(was, taint, now - borne_before_ms(tree, it));
		s->v[s->n++] = (struct borne){ taint, since };
		if (bears < 0)
			continue;
		int64_t left = bears > INT32_MAX ? INT32_MAX * INT64_C(1000) : since + bears * 1000 - now;
		left = left > 0 && bears ? left : 0;
		if (*ret_left_ms < 0 || left < *ret_left_ms)
			*ret_left_ms = left;
	}
	if (s)
		snprintf(s->uid, sizeof(s->uid), "%s", pod->uid);
	*ret = s;
	return 0;
}

/* ---- what is done ---- */

/* Marked first: whoever owns the pod learns why it went. */
static void evict(struct ctl *c, struct cache_obj *pod)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *p = yyjson_mut_obj(d), *cond = yyjson_mut_obj(d);
	BUF_AUTO struct buf path = { 0 };
	yyjson_val *mark = ctl_condition_get(cache_tree(pod), "DisruptionTarget");
	char now[TEXT_TIME_MAX];

	if (strcmp(text(mark, "status"), "True") || strcmp(text(mark, "reason"), REASON)) {
		text_time(now, env_wall_us());
		doc_mset_str(d, p, "metadata.uid", pod->uid);
		yyjson_mut_arr_append(doc_marr(d, p, "status.conditions"), cond);
		doc_mset_str(d, cond, "type", "DisruptionTarget");
		doc_mset_str(d, cond, "status", "True");
		doc_mset_str(d, cond, "lastTransitionTime", now);
		doc_mset_str(d, cond, "reason", REASON);
		doc_mset_str(d, cond, "message", "Taint manager: deleting due to NoExecute taint");
		client_path(&path, ctl_kind("", "pods"), pod->ns, pod->name, "status");
		ctl_call(c, "PATCH", path.p, NULL, "application/strategic-merge-patch+json", p);
		ctl_enqueue(c, pod->ns, pod->name);
		return;
	}
	ctl_event(c, pod, "Normal", "TaintManagerEviction", "Marking for deletion Pod %s/%s", pod->ns, pod->name);
	ctl_delete(c, ctl_kind("", "pods"), pod->ns, pod->name, pod->uid, NULL, -1);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct evictor *e = ctl_state(c);
	struct cache_obj *pod = cache_get(ctl_cache(c), "core/pods", ns, name);
	struct cache_obj *node = pod && *pod->node ? cache_get(ctl_cache(c), "core/nodes", "", pod->node) : NULL;
	const char *key = arena_printf(ctl_arena(c), "%s/%s", ns, name);
	struct stay *was = key ? map_get(&e->stays, key) : NULL, *is = NULL;
	int64_t left = -1;
	int rc = 0;

	if (!key)
		return -ERR_NOMEM;
	if (node && !pod->deleting)
		rc = look(pod, doc_get(cache_tree(node), "spec.taints"), was, &is, &left);
	if (!rc && is) {
		is->due = left >= 0;
		rc = map_put(&e->stays, key, is, NULL);
	} else if (!rc) {
		map_del(&e->stays, key);
	}
	if (rc) {
		free(is);
		return rc;
	}
	if (was && was->due && left < 0 && pod && !pod->deleting && !strcmp(was->uid, pod->uid))
		ctl_event(c, pod, "Normal", "TaintManagerEviction", "Cancelling deletion of Pod %s/%s", ns, name);
	free(was);
	if (left > 0)
		ctl_enqueue_after(c, ns, name, left);
	else if (!left)
		evict(c, pod);
	return 0;
}

static void finish(struct ctl *c)
{
	struct evictor *e = ctl_state(c);
	size_t it = 0;
	void *v;

	while (map_next(&e->stays, &it, NULL, &v))
		free(v);
	map_finish(&e->stays);
}

static const struct ctl_watch watches[] = {
	{ "core/nodes", node_changed },
	{ "core/pods", pod_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_taint_eviction = { .name = "taint-eviction-controller", .watches = watches, .reconcile = reconcile,
	.state_bytes = sizeof(struct evictor), .close = finish };
