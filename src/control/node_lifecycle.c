/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_lifecycle - believes a node while it gives signs of life: its Lease moves, or it
 * tells its status. After the grace its conditions become Unknown, its pods unready, and
 * it is tainted, so that nothing new comes (at once) and what runs there goes (when its
 * zone's turn allows it: node_zones.h).
 *
 *   BELIEVED --grace over--> Ready Unknown --turn of its zone--> NoExecute taint
 *      ^                         |                                    |
 *      +---- tells Ready True ---+------------------------------------+
 *
 * Keys: ("", NODE), ("zone", KEY). Of a Node only its own key's run writes; only Nodes with
 * a machine behind them (whose kubelet told its version) are looked at.
 * When every zone is silent the fault is ours: nobody is evicted, the taints are taken back.
 * Signs of life are judged by when they were seen here, never by others' clocks.
 * Source: kubernetes pkg/controller/nodelifecycle/node_lifecycle_controller.go.
 * Tests: tests/unit/control/test_node_lifecycle.c, tests/node/20_nodes.sh
 */
#define LOG_MODULE "node-lifecycle"
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/text.h"
#include "client/client.h"
#include "control/controllers.h"
#include "control/node_taints.h"
#include "control/node_zones.h"

#define LEASE_NS "kube-node-lease"
#define ZONE_KEYS "zone"

/* What a zone's state counts a node as. */
enum counted { COUNTED_NOT, COUNTED_READY, COUNTED_UNREADY };

struct zone {
	struct list waiting;           /* health.waits: to be given up, the longest first */
	unsigned members, counted[3];  /* by enum counted */
	enum zone_state state;
	struct zone_pace pace;
	char key[];
};
struct health {                    /* a Node with a machine */
	struct list waits;
	struct zone *zone;
	enum counted counted;
	enum node_ready ready;
	bool announced, may_evict;     /* may_evict: its zone's turn has come */
	int64_t at_ms;                 /* the newest sign of life */
	int64_t renewed_us;            /* its Lease says; only compared with itself */
	char name[];
};
struct lifecycle {
	struct map nodes, zones;
	unsigned inhabited, silent;    /* zones that count a node; of those, in state ZONE_FULL */
	bool begun, stopped;           /* stopped: all zones are silent */
};

static struct control_node_death death = CONTROL_NODE_DEATH;

void ctl_node_death_set(const struct control_node_death *d)
{
	death = d ? *d : (struct control_node_death)CONTROL_NODE_DEATH;
}

/* ---- who lives where ---- */
static bool is_machine(yyjson_val *node)
{
	const char *version = doc_str(node, "status.nodeInfo.kubeletVersion");

	return version && *version;
}

static void zone_state_set(struct lifecycle *s, struct zone *z, enum zone_state state)
{
	s->silent += (state == ZONE_FULL) - (z->state == ZONE_FULL);
	z->state = state;
}

static unsigned zone_size(const struct zone *z)
{
	return z->counted[COUNTED_READY] + z->counted[COUNTED_UNREADY];
}

/* One more (by 1), or one less (by -1), of the sort that h is. */
static void zone_count(struct ctl *c, struct health *h, int by)
{
	struct lifecycle *s = ctl_state(c);
	struct zone *z = h->zone;
	bool lived = zone_size(z);

	z->counted[h->counted] += (unsigned)by;
	s->inhabited += (unsigned)((zone_size(z) != 0) - lived);
	if (!zone_size(z))
		zone_state_set(s, z, ZONE_INITIAL);
	ctl_enqueue(c, ZONE_KEYS, z->key);
}

static void zone_leave(struct ctl *c, struct health *h)
{
	struct lifecycle *s = ctl_state(c);
	struct zone *z = h->zone;

	list_del(&h->waits);
	zone_count(c, h, -1);
	if (!--z->members) {
		map_del(&s->zones, z->key);
		free(z);
	}
	h->zone = NULL;
}

static struct zone *zone_get(struct lifecycle *s, const char *key)
{
	struct zone *z = map_get(&s->zones, key);
	size_t n = strlen(key) + 1;

	if (z)
		return z;
	if (!(z = calloc(1, sizeof(*z) + n)) || map_put(&s->zones, key, z, NULL)) {
		free(z);
		return NULL;
	}
	list_init(&z->waiting);
	memcpy(z->key, key, n);
	zone_pace_init(&z->pace, s->stopped ? 0 : death.evictions_s, env_now_ms());
	return z;
}

static void forget(struct ctl *c, struct health *h)
{
	struct lifecycle *s = ctl_state(c);

	if (h->zone)
		zone_leave(c, h);
	map_del(&s->nodes, h->name);
	free(h);
}

static int64_t renewed_us(struct cache_obj *lease)
{
	const char *at = lease ? doc_str(cache_tree(lease), "spec.renewTime") : NULL;
	int64_t us;

	return at && !text_parse_time(at, &us) ? us : 0;
}

/* A node not known before has the grace from now on; one that never told its Ready, from its
 * beginning. */
static struct health *meet(struct ctl *c, struct cache_obj *node)
{
	struct lifecycle *s = ctl_state(c);
	struct health *h = map_get(&s->nodes, node->name);
	const char *made = doc_str(cache_tree(node), "metadata.creationTimestamp");
	size_t n = strlen(node->name) + 1;
	int64_t made_us, age_ms;

	if (h)
		return h;
	if (!(h = calloc(1, sizeof(*h) + n)) || map_put(&s->nodes, node->name, h, NULL)) {
		free(h);
		return NULL;
	}
	memcpy(h->name, node->name, n);
	list_init(&h->waits);
	h->at_ms = env_now_ms();
	h->renewed_us = renewed_us(cache_get(ctl_cache(c), "coordination.k8s.io/leases", LEASE_NS, node->name));
	if (node_ready_of(cache_tree(node)) == NODE_READY_NONE && made && !text_parse_time(made, &made_us) &&
	    (age_ms = (env_wall_us() - made_us) / 1000) > 0)
		h->at_ms -= age_ms;
	return h;
}

/* The node is of this zone, and counts there as this. -ERR_NOMEM: it is of none, for now. */
static int place(struct ctl *c, struct health *h, yyjson_val *node)
{
	struct lifecycle *s = ctl_state(c);
	bool apart = yyjson_obj_get(doc_get(node, "metadata.labels"), "node.kubernetes.io/exclude-disruption") != NULL;
	enum counted as = apart ? COUNTED_NOT : h->ready == NODE_READY_TRUE ? COUNTED_READY : COUNTED_UNREADY;
	char key[ZONE_KEY_MAX];

	zone_key(key, node);
	if (h->zone && !strcmp(h->zone->key, key)) {
		if (h->counted != as) {
			zone_count(c, h, -1);
			h->counted = as;
			zone_count(c, h, 1);
		}
		return 0;
	}
	if (h->zone)
		zone_leave(c, h);
	if (!(h->zone = zone_get(s, key)))
		return -ERR_NOMEM;
	h->zone->members++;
	h->counted = as;
	zone_count(c, h, 1);
	return 0;
}

static const char *heartbeat(struct cache_obj *node)
{
	const char *at = doc_str(ctl_condition_get(cache_tree(node), "Ready"), "lastHeartbeatTime");

	return at ? at : "";
}

/* ---- what is seen ---- */
static void lease_changed(struct ctl *c, const struct cache_event *ev)
{
	struct lifecycle *s = ctl_state(c);
	struct health *h = strcmp(ev->obj->ns, LEASE_NS) || ev->type == CACHE_DELETED ? NULL : map_get(&s->nodes, ev->obj->name);
	int64_t us = h ? renewed_us(ev->obj) : 0;

	if (us && us != h->renewed_us) {       /* its clock may have gone back */
		h->renewed_us = us;
		h->at_ms = env_now_ms();
	}
}

static void node_changed(struct ctl *c, const struct cache_event *ev)
{
	struct lifecycle *s = ctl_state(c);
	struct health *h = map_get(&s->nodes, ev->obj->name);

	if (ev->type == CACHE_DELETED || !is_machine(cache_tree(ev->obj))) {
		if (h && ev->type == CACHE_DELETED)
			ctl_event(c, ev->obj, "Normal", "RemovingNode", "Node %s event: Removing Node %s from Controller", h->name, h->name);
		if (h)
			forget(c, h);
		return;
	}
	if (h && ev->old && strcmp(heartbeat(ev->old), heartbeat(ev->obj)))
		h->at_ms = env_now_ms();
	if (!(h = meet(c, ev->obj)))
		return;
	h->ready = node_ready_of(cache_tree(ev->obj));
	if (place(c, h, cache_tree(ev->obj)))
		forget(c, h);          /* the next word of it is another try */
	else
		ctl_enqueue(c, "", ev->obj->name);
}

static bool is_silent(const struct health *h)
{
	return h->ready == NODE_READY_FALSE || h->ready == NODE_READY_UNKNOWN;
}

static void pod_changed(struct ctl *c, const struct cache_event *ev)
{
	struct lifecycle *s = ctl_state(c);
	struct health *h = ev->type == CACHE_DELETED || !*ev->obj->node ? NULL : map_get(&s->nodes, ev->obj->node);

	if (h && is_silent(h) && pod_ready(cache_tree(ev->obj)))
		ctl_enqueue(c, "", h->name);
}

/* ---- zones ---- */
static void judge(struct lifecycle *s, struct zone *z)
{
	enum zone_state state = zone_state_of(z->counted[COUNTED_READY], z->counted[COUNTED_UNREADY], death.unhealthy_share);

	if (state == z->state)
		return;
	if (state > ZONE_NORMAL || z->state > ZONE_NORMAL)
		log_info("zone %s: %u of %u nodes are not ready", z->key, z->counted[COUNTED_UNREADY], zone_size(z));
	zone_state_set(s, z, state);
	if (!s->stopped && state != ZONE_INITIAL)
		zone_pace_set(&z->pace, zone_rate(state, zone_size(z), &death), env_now_ms());
}

/* Every zone is silent, or no longer every one. */
static void turn(struct ctl *c, bool stop)
{
	struct lifecycle *s = ctl_state(c);
	int64_t now = env_now_ms();
	size_t it = 0;
	void *v;

	s->stopped = stop;
	log_info(stop ? "no node of any zone is ready: no pods are evicted" : "nodes are ready again");
	while (map_next(&s->zones, &it, NULL, &v)) {
		struct zone *z = v;
		zone_pace_set(&z->pace, stop ? 0 : zone_rate(z->state, zone_size(z), &death), now);
		ctl_enqueue(c, ZONE_KEYS, z->key);
	}
	it = 0;
	while (map_next(&s->nodes, &it, NULL, &v)) {
		struct health *h = v;
		if (!stop)
			h->at_ms = now;        /* they could not be heard */
		ctl_enqueue(c, "", h->name);
	}
}

static int reconcile_zone(struct ctl *c, const char *key)
{
	struct lifecycle *s = ctl_state(c);
	struct zone *z = map_get(&s->zones, key);
	int64_t now = env_now_ms(), wait_ms = 0;
	size_t it = 0;
	void *v;

	/* At the beginning all are judged before anything is done. */
	while (!s->begun && map_next(&s->zones, &it, NULL, &v))
		judge(s, v);
	s->begun = true;
	if (z)
		judge(s, z);
	bool all_silent = s->inhabited && s->silent == s->inhabited;
	if (all_silent != s->stopped)
		turn(c, all_silent);
	while (z && !list_empty(&z->waiting)) {
		struct health *h = list_entry(z->waiting.next, struct health, waits);
		if (is_silent(h) && !zone_pace_take(&z->pace, now, &wait_ms))
			break;
		list_del(&h->waits);
		if (!is_silent(h))
			continue;
		h->may_evict = true;
		ctl_enqueue(c, "", h->name);
	}
	if (wait_ms)
		ctl_enqueue_after(c, ZONE_KEYS, key, wait_ms);
	return 0;
}

/* ---- a node ---- */
static void told_unknown(struct ctl *c, const char *ns, const char *name, int rc, yyjson_val *obj, const char *message)
{
	struct cache_obj *node = rc ? NULL : cache_get(ctl_cache(c), "core/nodes", "", name);

	if (!node)
		return;
	ctl_event(c, node, "Normal", "NodeNotReady", "Node %s status is now: NodeNotReady", name);
	log_warn("node %s: no sign of life for %lld s", name, (long long)(death.grace_ms / 1000));
}

static void mark_unknown(struct ctl *c, struct cache_obj *node, const struct health *h)
{
	static const char *const types[] = { "Ready", "MemoryPressure", "DiskPressure", "PIDPressure" };
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *p = yyjson_mut_obj(d), *list = doc_marr(d, p, "status.conditions");
	BUF_AUTO struct buf path = { 0 };
	char now[TEXT_TIME_MAX], rev[24];

	text_time(now, env_wall_us());
	snprintf(rev, sizeof(rev), "%lld", (long long)node->rev);
	doc_mset_str(d, p, "metadata.resourceVersion", rev);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		yyjson_val *was = ctl_condition_get(cache_tree(node), types[i]);
		const char *status = doc_str(was, "status");
		if (status && !strcmp(status, "Unknown"))
			continue;
		yyjson_mut_val *cond = yyjson_mut_obj(d);
		yyjson_mut_arr_append(list, cond);
		doc_mset_str(d, cond, "type", types[i]);
		doc_mset_str(d, cond, "status", "Unknown");
		if (!was && doc_str(cache_tree(node), "metadata.creationTimestamp"))
			doc_mset_str(d, cond, "lastHeartbeatTime", doc_str(cache_tree(node), "metadata.creationTimestamp"));
		doc_mset_str(d, cond, "lastTransitionTime", now);
		doc_mset_str(d, cond, "reason", was ? "NodeStatusUnknown" : "NodeStatusNeverUpdated");
		doc_mset_str(d, cond, "message", was ? "Kubelet stopped posting node status." : "Kubelet never posted node status.");
	}
	client_path(&path, ctl_kind("", "nodes"), NULL, node->name, "status");
	ctl_call(c, "PATCH", path.p, NULL, "application/strategic-merge-patch+json", p);
	if (h->ready == NODE_READY_TRUE)
		ctl_on_answer(c, told_unknown);
}

/* Which NoExecute taint the node is to have. One not given yet waits for its zone's turn; from
 * one of the two to the other there is no waiting. */
static const char *no_execute(struct ctl *c, struct health *h, yyjson_val *node)
{
	struct lifecycle *s = ctl_state(c);
	const char *key = h->ready == NODE_READY_UNKNOWN ? TAINT_UNREACHABLE : TAINT_NOT_READY;
	bool tainted = node_has_taint(node, TAINT_UNREACHABLE, "NoExecute") || node_has_taint(node, TAINT_NOT_READY, "NoExecute");

	if (!is_silent(h) || s->stopped || tainted)
		h->may_evict = false;
	else if (!h->may_evict) {
		if (list_empty(&h->waits)) {
			list_add_tail(&h->zone->waiting, &h->waits);
			ctl_enqueue(c, ZONE_KEYS, h->zone->key);
		}
		return NULL;
	} else
		tainted = true;
	list_del(&h->waits);
	return is_silent(h) && !s->stopped && tainted ? key : NULL;
}

static bool pod_unready(void *arg, struct cache_obj *pod)
{
	struct ctl *c = arg;
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *p, *cond;
	BUF_AUTO struct buf path = { 0 };
	char now[TEXT_TIME_MAX], rev[24];

	if (!pod_ready(cache_tree(pod)))
		return true;
	text_time(now, env_wall_us());
	snprintf(rev, sizeof(rev), "%lld", (long long)pod->rev);
	p = yyjson_mut_obj(d);
	doc_mset_str(d, p, "metadata.resourceVersion", rev);
	cond = yyjson_mut_obj(d);
	yyjson_mut_arr_append(doc_marr(d, p, "status.conditions"), cond);
	doc_mset_str(d, cond, "type", "Ready");
	doc_mset_str(d, cond, "status", "False");
	doc_mset_str(d, cond, "lastTransitionTime", now);
	client_path(&path, ctl_kind("", "pods"), pod->ns, pod->name, "status");
	ctl_call(c, "PATCH", path.p, NULL, "application/strategic-merge-patch+json", p);
	ctl_event(c, pod, "Warning", "NodeNotReady", "Node is not ready");
	return true;
}

static int reconcile_node(struct ctl *c, const char *name)
{
	struct lifecycle *s = ctl_state(c);
	struct health *h = map_get(&s->nodes, name);
	struct cache_obj *node = cache_get(ctl_cache(c), "core/nodes", "", name);

	if (!h || !node)
		return 0;
	if (!h->announced)
		ctl_event(c, node, "Normal", "RegisteredNode", "Node %s event: Registered Node %s in Controller", name, name);
	h->announced = true;
	int64_t left = h->at_ms + (h->ready == NODE_READY_NONE ? death.startup_grace_ms : death.grace_ms) - env_now_ms();
	if (h->ready != NODE_READY_UNKNOWN && left <= 0) {
		mark_unknown(c, node, h);      /* which brings the node here again */
		return 0;
	}
	if (h->ready != NODE_READY_UNKNOWN)
		ctl_enqueue_after(c, "", name, left);
	node_taints_sync(c, node, no_execute(c, h, cache_tree(node)));
	if (is_silent(h))
		cache_each_on_node(ctl_cache(c), name, pod_unready, c);
	return 0;
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	return strcmp(ns, ZONE_KEYS) ? reconcile_node(c, name) : reconcile_zone(c, name);
}

static void finish(struct ctl *c)
{
	struct lifecycle *s = ctl_state(c);
	size_t it = 0;
	void *v;

	while (map_next(&s->nodes, &it, NULL, &v))
		free(v);
	map_finish(&s->nodes);
	it = 0;
	while (map_next(&s->zones, &it, NULL, &v))
		free(v);
	map_finish(&s->zones);
}

static const struct ctl_watch watches[] = {
	{ "core/nodes", node_changed },
	{ "coordination.k8s.io/leases", lease_changed },
	{ "core/pods", pod_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_node_lifecycle = { .name = "node-controller", .watches = watches, .reconcile = reconcile,
	.state_bytes = sizeof(struct lifecycle), .close = finish };
