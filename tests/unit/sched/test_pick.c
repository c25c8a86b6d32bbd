/* SPDX-License-Identifier: Apache-2.0 */
/* Where pods go: tables of nodes, placed pods and a pod to place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/loop.h"
#include "sched/sched.h"
#include "store/store.h"

struct world {
	struct loop *loop;
	struct store *store;
	struct cache *cache;
	struct sched *sched;
	bool written;
};

static void written(void *arg, int rc, int64_t rev)
{
	struct world *w = arg;

	(void)rev;
	assert_int_equal(rc, 0);
	w->written = true;
}

static void world_open(struct world *w)
{
	memset(w, 0, sizeof(*w));
	assert_int_equal(loop_open(&w->loop), 0);
	assert_int_equal(store_open(&w->store, w->loop, "mem:", NULL, NULL), 0);
	assert_int_equal(cache_open(&w->cache, w->store, NULL), 0);
	assert_int_equal(sched_open(&w->sched), 0);
}

static void world_close(struct world *w)
{
	sched_close(w->sched);
	store_close(w->store);
	cache_close(w->cache);
	loop_close(w->loop);
}

/* An object as the API would have stored it, from the short form of these tables. */
static struct cache_obj *put(struct world *w, const char *kind, const char *store, const char *ns, const char *name,
	const char *meta, const char *rest)
{
	struct buf b = { 0 };
	char key[200];

	snprintf(key, sizeof(key), *ns ? "%s/%s/%s" : "%s%s/%s", store, ns, name);
	buf_printf(&b, "{\"kind\":\"%s\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\",%s%s%s\"uid\":\"u-%s\"%s},%s}", kind,
		name, *ns ? "\"namespace\":\"" : "", ns, *ns ? "\"," : "", name, meta, rest);
	struct blob *v = blob_new(b.p, b.len);
	w->written = false;
	assert_int_equal(store_put(w->store, key, v, 0, written, w), 0);
	for (int i = 0; i < 1000 && !w->written; i++)
		loop_turn(w->loop, 10);
	blob_unref(v);
	buf_finish(&b);
	struct cache_obj *o = cache_get(w->cache, store, ns, name);
	assert_non_null(o);
	return o;
}

static void node(struct world *w, const char *name, const char *labels, const char *spec)
{
	char meta[400], rest[600];

	snprintf(meta, sizeof(meta), ",\"labels\":{\"kubernetes.io/hostname\":\"%s\"%s%s}", name, *labels ? "," : "", labels);
	snprintf(rest, sizeof(rest), "\"spec\":{%s},\"status\":{\"allocatable\":{\"cpu\":\"2\",\"memory\":\"4Gi\",\"pods\":\"3\"}}", spec);
	assert_true(sched_node_set(w->sched, put(w, "Node", "core/nodes", "", name, meta, rest)));
}

static struct cache_obj *pod(struct world *w, const char *name, const char *labels, const char *spec)
{
	char meta[300], rest[1200];

	snprintf(meta, sizeof(meta), ",\"labels\":{%s}", labels);
	bool plain = !strstr(spec, "\"containers\"");
	snprintf(rest, sizeof(rest), "\"spec\":{%s%s%s}", plain ? "\"containers\":[{\"name\":\"c\"}]" : "",
		plain && *spec ? "," : "", spec);
	return put(w, "Pod", "core/pods", "default", name, meta, rest);
}

static struct sched_result pick(struct world *w, struct cache_obj *p)
{
	struct arena *a = arena_open(1u << 20);
	struct sched_result r;

	assert_int_equal(sched_pick(w->sched, a, p, 7, &r), 0);
	arena_close(a);
	return r;
}

#define CPU(n) "\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"" n "\"}}}]"
#define AFFINITY(expr) "\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":" \
	"{\"nodeSelectorTerms\":[{\"matchExpressions\":[" expr "]}]}}}"
#define NEAR(kind) "\"affinity\":{\"" kind "\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[" \
	"{\"labelSelector\":{\"matchLabels\":{\"app\":\"x\"}},\"topologyKey\":\"kubernetes.io/hostname\"}]}}"
#define SPREAD "\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":\"kubernetes.io/hostname\"," \
	"\"whenUnsatisfiable\":\"DoNotSchedule\",\"labelSelector\":{\"matchLabels\":{\"app\":\"x\"}}}]"

/* Nodes a and b, both of 2 CPU and 3 pods. A pod "x" with label app=x is on a. */
static const struct {
	const char *name;
	const char *labels_b, *spec_b;     /* of node b; a is plain */
	const char *labels, *spec;         /* of the pod to place */
	const char *want;                  /* the node, or part of the reason */
} cases[] = {
	{ "the emptier node", "", "", "", "", "b" },
	{ "cordoned", "", "\"unschedulable\":true", "", "", "a" },
	{ "tainted", "", "\"taints\":[{\"key\":\"k\",\"effect\":\"NoSchedule\"}]", "", "", "a" },
	{ "taint tolerated", "", "\"taints\":[{\"key\":\"k\",\"effect\":\"NoSchedule\"}]", "",
		"\"tolerations\":[{\"key\":\"k\",\"operator\":\"Exists\"}]", "b" },
	{ "taint with another value", "", "\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoExecute\"}]", "",
		"\"tolerations\":[{\"key\":\"k\",\"value\":\"w\"}]", "a" },
	{ "preferably not", "", "\"taints\":[{\"key\":\"k\",\"effect\":\"PreferNoSchedule\"}]", "", "", "a" },
	{ "node selector", "\"disk\":\"ssd\"", "", "", "\"nodeSelector\":{\"disk\":\"ssd\"}", "b" },
	{ "node selector nobody has", "", "", "", "\"nodeSelector\":{\"disk\":\"ssd\"}",
		"0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector." },
	{ "affinity In", "\"zone\":\"z1\"", "", "", AFFINITY("{\"key\":\"zone\",\"operator\":\"In\",\"values\":[\"z1\"]}"), "b" },
	{ "affinity NotIn", "\"zone\":\"z1\"", "", "", AFFINITY("{\"key\":\"zone\",\"operator\":\"NotIn\",\"values\":[\"z1\"]}"), "a" },
	{ "affinity Exists", "\"zone\":\"z1\"", "", "", AFFINITY("{\"key\":\"zone\",\"operator\":\"Exists\"}"), "b" },
	{ "affinity Gt", "\"gen\":\"7\"", "", "", AFFINITY("{\"key\":\"gen\",\"operator\":\"Gt\",\"values\":[\"6\"]}"), "b" },
	{ "affinity Gt, not greater", "\"gen\":\"6\"", "", "", AFFINITY("{\"key\":\"gen\",\"operator\":\"Gt\",\"values\":[\"6\"]}"), "didn't match" },
	{ "too much CPU", "", "", "", CPU("3"), "0/2 nodes are available: 2 Insufficient cpu." },
	{ "just enough CPU", "", "", "", CPU("2"), "b" },
	{ "unknown resource", "", "", "", "\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"x.io/gpu\":\"1\"}}}]", "2 Insufficient x.io/gpu" },
	{ "host port taken on a", "", "\"unschedulable\":true", "", "\"containers\":[{\"name\":\"c\",\"ports\":[{\"hostPort\":80}]}]",
		"1 node(s) didn't have free ports for the requested pod ports, 1 node(s) were unschedulable" },
	{ "by name", "", "", "", "\"nodeName\":\"a\"", "a" },
	{ "spread", "", "", "\"app\":\"x\"", SPREAD, "b" },
	{ "spread impossible", "", "\"unschedulable\":true", "\"app\":\"x\"", SPREAD, "didn't match pod topology spread constraints" },
	{ "near x", "", "", "", NEAR("podAffinity"), "a" },
	{ "away from x", "", "", "", NEAR("podAntiAffinity"), "b" },
	{ "away from x, nowhere left", "", "\"unschedulable\":true", "", NEAR("podAntiAffinity"), "1 node(s) didn't match pod anti-affinity rules" },
};

static void places_pods(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world w;
		world_open(&w);
		node(&w, "a", "", "");
		node(&w, "b", cases[i].labels_b, cases[i].spec_b);
		struct cache_obj *x = pod(&w, "x", "\"app\":\"x\"", "\"containers\":[{\"name\":\"c\",\"ports\":[{\"hostPort\":80}],"
			"\"resources\":{\"requests\":{\"cpu\":\"100m\"}}}]");
		assert_int_equal(sched_pod_set(w.sched, x, "a"), 0);
		struct sched_result r = pick(&w, pod(&w, "p", cases[i].labels, cases[i].spec));
		const char *got = r.node ? r.node : r.reason;
		if (r.node ? strcmp(got, cases[i].want) : !strstr(got, cases[i].want))
			fail_msg("%s: wanted %s, got %s", cases[i].name, cases[i].want, got);
		world_close(&w);
	}
}

static void room_is_counted_and_given_back(void **state)
{
	struct world w;
	char name[16];

	(void)state;
	world_open(&w);
	node(&w, "a", "", "");
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		struct cache_obj *p = pod(&w, name, "", "");
		assert_string_equal(pick(&w, p).node, "a");
		assert_int_equal(sched_pod_set(w.sched, p, "a"), 0);
		assert_int_equal(sched_pod_set(w.sched, p, "a"), 0);   /* once, however often it is told */
	}
	struct cache_obj *late = pod(&w, "late", "", "");
	struct sched_result r = pick(&w, late);
	assert_null(r.node);
	assert_string_equal(r.reason, "0/1 nodes are available: 1 Too many pods.");
	assert_true(sched_pod_del(w.sched, "u-p1"));
	assert_false(sched_pod_del(w.sched, "u-p1"));
	assert_string_equal(pick(&w, late).node, "a");
	world_close(&w);
}

static void a_placed_pods_anti_affinity_holds_for_newcomers(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	node(&w, "a", "", "");
	node(&w, "b", "", "");
	assert_int_equal(sched_pod_set(w.sched, pod(&w, "lone", "", NEAR("podAntiAffinity")), "b"), 0);
	assert_string_equal(pick(&w, pod(&w, "p", "\"app\":\"x\"", "")).node, "a");
	world_close(&w);
}

static void pods_may_come_before_their_node(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(sched_pod_set(w.sched, pod(&w, "early", "", CPU("1500m")), "a"), 0);
	struct cache_obj *p = pod(&w, "p", "", CPU("1"));
	assert_string_equal(pick(&w, p).reason, "no nodes available to schedule pods");
	node(&w, "a", "", "");
	assert_string_equal(pick(&w, p).reason, "0/1 nodes are available: 1 Insufficient cpu.");
	sched_node_del(w.sched, "a");
	assert_null(pick(&w, p).node);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_pods),
		cmocka_unit_test(room_is_counted_and_given_back),
		cmocka_unit_test(a_placed_pods_anti_affinity_holds_for_newcomers),
		cmocka_unit_test(pods_may_come_before_their_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
