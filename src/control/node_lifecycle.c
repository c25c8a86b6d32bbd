/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_lifecycle - believes a node while its Lease moves; else its Ready condition
 * becomes Unknown. Conditions and spec.unschedulable become taints, and pods that do
 * not tolerate a NoExecute taint (any longer) leave.
 *
 * Leases are judged by when their change was seen here, never by their own clock.
 */
#define LOG_MODULE "node-lifecycle"
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/log.h"
#include "base/map.h"
#include "base/text.h"
#include "client/client.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define GRACE_MS 40000             /* four missed renewals */
#define LEASE_NS "kube-node-lease"

struct seen { int64_t rev, at_ms; };
struct lifecycle { struct map leases; };   /* node name -> struct seen */

static struct seen *seen(struct ctl *c, const char *node)
{
	struct lifecycle *s = ctl_state(c);
	struct seen *v = map_get(&s->leases, node);

	if (!v && (v = calloc(1, sizeof(*v))) && map_put(&s->leases, node, v, NULL)) {
		free(v);
		v = NULL;
	}
	return v;
}

static void lease_changed(struct ctl *c, const struct cache_event *ev)
{
	struct seen *v = strcmp(ev->obj->ns, LEASE_NS) ? NULL : seen(c, ev->obj->name);

	if (!v)
		return;
	bool was_late = env_now_ms() - v->at_ms >= GRACE_MS;
	v->rev = ev->obj->rev;
	v->at_ms = env_now_ms();
	if (was_late)
		ctl_enqueue(c, "", ev->obj->name);
}

static void node_changed(struct ctl *c, const struct cache_event *ev)
{
	struct lifecycle *s = ctl_state(c);

	if (ev->type == CACHE_DELETED)
		free(map_del(&s->leases, ev->obj->name));
	else
		ctl_enqueue(c, "", ev->obj->name);
}

static void pod_changed(struct ctl *c, const struct cache_event *ev)
{
	/* A pod new on a node may meet a taint there. */
	if (*ev->obj->node && (!ev->old || !*ev->old->node))
		ctl_enqueue(c, "", ev->obj->node);
}

/* ---- conditions ---- */
static void mark_unknown(struct ctl *c, struct cache_obj *node)
{
	static const char *const types[] = { "Ready", "MemoryPressure", "DiskPressure", "PIDPressure" };
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *p = yyjson_mut_obj(d), *status = doc_mobj(d, p, "status");
	BUF_AUTO struct buf path = { 0 };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		ctl_condition(d, status, types[i], "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.", env_wall_us());
	client_path(&path, ctl_kind("", "nodes"), NULL, node->name, "status");
	ctl_call(c, "PATCH", path.p, NULL, "application/strategic-merge-patch+json", p);
	ctl_event(c, node, "Normal", "NodeNotReady", "Node %s status is now: NodeNotReady", node->name);
	log_warn("node %s: no word for %d s", node->name, GRACE_MS / 1000);
}

/* ---- taints ---- */
struct wish { const char *key, *effect; bool want; };

static bool condition_is(yyjson_val *node, const char *type, const char *status)
{
	const char *s = doc_str(ctl_condition_get(node, type), "status");

	return s && !strcmp(s, status);
}

static bool is_ours(const struct wish *w, size_t n, yyjson_val *taint, const struct wish **ret)
{
	const char *key = doc_str(taint, "key"), *effect = doc_str(taint, "effect");

	for (size_t i = 0; i < n; i++)
		if (key && effect && !strcmp(key, w[i].key) && !strcmp(effect, w[i].effect)) {
			*ret = &w[i];
			return true;
		}
	return false;
}

static void sync_taints(struct ctl *c, struct cache_obj *node, yyjson_val *tree)
{
	bool unknown = condition_is(tree, "Ready", "Unknown") ;
	bool ready = condition_is(tree, "Ready", "True"), not_ready = !ready && !unknown;
	const struct wish wishes[] = {
		{ "node.kubernetes.io/unreachable", "NoSchedule", unknown },
		{ "node.kubernetes.io/unreachable", "NoExecute", unknown },
		{ "node.kubernetes.io/not-ready", "NoSchedule", not_ready },
		{ "node.kubernetes.io/not-ready", "NoExecute", not_ready },
		{ "node.kubernetes.io/memory-pressure", "NoSchedule", condition_is(tree, "MemoryPressure", "True") },
		{ "node.kubernetes.io/disk-pressure", "NoSchedule", condition_is(tree, "DiskPressure", "True") },
		{ "node.kubernetes.io/pid-pressure", "NoSchedule", condition_is(tree, "PIDPressure", "True") },
		{ "node.kubernetes.io/network-unavailable", "NoSchedule", condition_is(tree, "NetworkUnavailable", "True") },
		{ "node.kubernetes.io/unschedulable", "NoSchedule", doc_bool(tree, "spec.unschedulable", false) },
	};
	const size_t n = sizeof(wishes) / sizeof(*wishes);
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *list = yyjson_mut_arr(d), *p = yyjson_mut_obj(d);
	yyjson_val *it;
	size_t i, max;
	bool have[16] = { false }, changed = false;
	char now[TEXT_TIME_MAX], rev[24];

	yyjson_arr_foreach(doc_get(tree, "spec.taints"), i, max, it) {
		const struct wish *w;
		if (!is_ours(wishes, n, it, &w)) {
			yyjson_mut_arr_append(list, yyjson_val_mut_copy(d, it));
		} else if (w->want && !have[w - wishes]) {
			have[w - wishes] = true;
			yyjson_mut_arr_append(list, yyjson_val_mut_copy(d, it));
		} else {
			changed = true;
		}
	}
	text_time(now, env_wall_us());
	for (i = 0; i < n; i++) {
		if (!wishes[i].want || have[i])
			continue;
		yyjson_mut_val *t = yyjson_mut_obj(d);
		doc_mset_str(d, t, "key", wishes[i].key);
		doc_mset_str(d, t, "effect", wishes[i].effect);
		if (!strcmp(wishes[i].effect, "NoExecute"))
			doc_mset_str(d, t, "timeAdded", now);
		yyjson_mut_arr_append(list, t);
		changed = true;
	}
	if (!changed)
		return;
	snprintf(rev, sizeof(rev), "%lld", (long long)node->rev);
	doc_mset_str(d, p, "metadata.resourceVersion", rev);
	doc_mset(d, p, "spec.taints", yyjson_mut_arr_size(list) ? list : yyjson_mut_null(d));
	ctl_patch(c, ctl_kind("", "nodes"), NULL, node->name, NULL, p);
}

/* ---- eviction ---- */
struct evict { struct ctl *c; yyjson_val *taints; int64_t now_us, soonest_ms; };

/* Until when this pod stands the taint: -1 for ever, else a time (past: it goes). */
static int64_t stands_until(yyjson_val *pod, yyjson_val *taint, int64_t now_us)
{
	const char *key = doc_str(taint, "key"), *value = doc_str(taint, "value"), *added = doc_str(taint, "timeAdded");
	yyjson_val *it;
	size_t i, max;
	int64_t least = INT64_MAX, since = now_us;
	bool tolerated = false, forever = true;

	if (added)
		text_parse_time(added, &since);
	yyjson_arr_foreach(doc_get(pod, "spec.tolerations"), i, max, it) {
		const char *k = doc_str(it, "key"), *op = doc_str(it, "operator"), *v = doc_str(it, "value"),
			*e = doc_str(it, "effect");
		bool exists = op && !strcmp(op, "Exists");
		if ((e && *e && strcmp(e, "NoExecute")) || (k && *k && strcmp(k, key)) || ((!k || !*k) && !exists) ||
		    (!exists && strcmp(v ? v : "", value ? value : "")))
			continue;
		tolerated = true;
		yyjson_val *s = doc_get(it, "tolerationSeconds");
		if (s) {
			forever = false;
			int64_t sec = yyjson_get_sint(s);
			least = sec < least ? sec : least;
		}
	}
	if (!tolerated)
		return 0;
	return forever ? -1 : since + (least > 0 ? least : 0) * 1000000;
}

static bool evict_pod(void *arg, struct cache_obj *pod)
{
	struct evict *x = arg;
	yyjson_val *tree = cache_tree(pod), *it;
	size_t i, max;

	if (pod->deleting || pod_finished(tree))
		return true;
	yyjson_arr_foreach(x->taints, i, max, it) {
		const char *effect = doc_str(it, "effect");
		if (!effect || strcmp(effect, "NoExecute"))
			continue;
		int64_t until = stands_until(tree, it, x->now_us);
		if (until < 0)
			continue;
		if (until <= x->now_us) {
			ctl_event(x->c, pod, "Normal", "TaintManagerEviction", "Marking for deletion Pod %s/%s", pod->ns, pod->name);
			ctl_delete(x->c, ctl_kind("", "pods"), pod->ns, pod->name, pod->uid, NULL, -1);
			return true;
		}
		int64_t wait = (until - x->now_us) / 1000 + 1;
		if (!x->soonest_ms || wait < x->soonest_ms)
			x->soonest_ms = wait;
	}
	return true;
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *node = cache_get(ctl_cache(c), "core/nodes", "", name);
	struct seen *v = node ? seen(c, name) : NULL;

	(void)ns;
	if (!node)
		return 0;
	if (!v)
		return -ERR_NOMEM;
	yyjson_val *tree = cache_tree(node);
	struct cache_obj *lease = cache_get(ctl_cache(c), "coordination.k8s.io/leases", LEASE_NS, name);
	/* Before its first lease a node has the grace of having just come. */
	if (!v->at_ms || (lease && lease->rev != v->rev)) {
		v->at_ms = env_now_ms();
		v->rev = lease ? lease->rev : 0;
	}
	int64_t left = v->at_ms + GRACE_MS - env_now_ms();
	if (left > 0)
		ctl_enqueue_after(c, "", name, left);
	else if (!condition_is(tree, "Ready", "Unknown"))
		mark_unknown(c, node);
	sync_taints(c, node, tree);
	struct evict x = { .c = c, .taints = doc_get(tree, "spec.taints"), .now_us = env_wall_us() };
	if (yyjson_arr_size(x.taints))
		cache_each_on_node(ctl_cache(c), name, evict_pod, &x);
	if (x.soonest_ms)
		ctl_enqueue_after(c, "", name, x.soonest_ms);
	return 0;
}

static void finish(struct ctl *c)
{
	struct lifecycle *s = ctl_state(c);
	size_t it = 0;
	void *v;

	while (map_next(&s->leases, &it, NULL, &v))
		free(v);
	map_finish(&s->leases);
}

static const struct ctl_watch watches[] = {
	{ "core/nodes", node_changed },
	{ "coordination.k8s.io/leases", lease_changed },
	{ "core/pods", pod_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_node_lifecycle = { .name = "node-controller", .watches = watches, .reconcile = reconcile,
	.state_bytes = sizeof(struct lifecycle), .close = finish };
