/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that fall silent, and what becomes of their pods. */
#include "world.h"

#include <time.h>

#include "base/env.h"
#include "base/text.h"
#include "control/node_zones.h"

static struct world w;
static int64_t moved_ms;       /* the clock runs, and is put forward by this */

static int64_t moved(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000 + moved_ms * 1000;
}
static int64_t now_us(void *arg) { return moved(CLOCK_BOOTTIME); }
static int64_t wall_us(void *arg) { return moved(CLOCK_REALTIME); }
static void some_random(void *arg, void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((unsigned char *)p)[i] = (unsigned char)rand();
}

static int open_world(void **state)
{
	static const struct env_ops ops = { now_us, wall_us, some_random, NULL };

	world_death = NULL;
	moved_ms = 0;
	env_set(&ops);
	world_open(&w);
	return 0;
}

static int close_world(void **state)
{
	world_close(&w);
	env_set(NULL);
	return 0;
}

/* ---- machines ---- */

#define LEASES "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"

static void now_text(char at[TEXT_TIME_MAX])
{
	text_microtime(at, env_wall_us());
}

/* zone "": no labels; ready NULL: no conditions told yet. */
static void machine(const char *name, const char *zone, const char *ready)
{
	char body[1024], conds[400] = "";

	if (ready)
		snprintf(conds, sizeof(conds), ",\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\",\"reason\":\"KubeletReady\",\"message\":\"m\","
			"\"lastHeartbeatTime\":\"2026-01-01T00:00:00Z\"},{\"type\":\"MemoryPressure\",\"status\":\"False\"}]", ready);
	snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\",\"labels\":{%s%s%s}},\"status\":{\"allocatable\":{\"cpu\":\"4\","
		"\"memory\":\"8Gi\",\"pods\":\"110\"},\"nodeInfo\":{\"kubeletVersion\":\"v1.34.0\"}%s}}", name,
		*zone ? "\"topology.kubernetes.io/zone\":\"" : "", zone, *zone ? "\"" : "", conds);
	must(&w, "POST", "/api/v1/nodes", body);
	settle(&w);
}

/* It renews its Lease, and its clock is off by so much. */
static void beat_off(const char *name, int64_t off_us)
{
	char at[TEXT_TIME_MAX], path[200], body[400];

	text_microtime(at, env_wall_us() + off_us);
	snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"holderIdentity\":\"%s\",\"leaseDurationSeconds\":40,"
		"\"renewTime\":\"%s\"}}", name, name, at);
	snprintf(path, sizeof(path), LEASES "/%s", name);
	if (call(&w, "PATCH", path, body) == 404)
		must(&w, "POST", LEASES, body);
}
static void beat(const char *name) { beat_off(name, 0); }

static void tell(const char *name, const char *ready)
{
	char at[TEXT_TIME_MAX], path[200], body[400];

	now_text(at);
	snprintf(path, sizeof(path), "/api/v1/nodes/%s/status", name);
	snprintf(body, sizeof(body), "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\",\"reason\":\"KubeletReady\","
		"\"lastHeartbeatTime\":\"%.19sZ\"}]}}", ready, at);
	must(&w, "PATCH", path, body);
	settle(&w);
}

/* ms go by; the named ones (a NULL ends them) give signs of life every ten seconds. */
static void pass(int64_t ms, const char *const *alive)
{
	while (ms > 0) {
		int64_t step = ms < 10000 ? ms : 10000;
		moved_ms += step;
		ms -= step;
		for (const char *const *a = alive; a && *a; a++)
			beat(*a);
		settle(&w);
	}
}

static yyjson_val *node_tree(const char *name)
{
	struct cache_obj *o = cache_get(w.f.cache, "core/nodes", "", name);

	assert_non_null(o);
	return cache_tree(o);
}

/* "key:effect " of each taint, in order of the Node. */
static const char *taints(const char *name)
{
	static char out[600];
	yyjson_val *it;
	size_t i, max, n = 0;

	out[0] = 0;
	yyjson_arr_foreach(doc_get(node_tree(name), "spec.taints"), i, max, it) {
		const char *key = doc_str(it, "key");
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s:%s ", strrchr(key, '/') ? strrchr(key, '/') + 1 : key,
			doc_str(it, "effect"));
	}
	return out;
}

static bool given_up(const char *name)
{
	return strstr(taints(name), "unreachable:NoExecute");
}

static yyjson_val *condition(yyjson_val *obj, const char *type)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(obj, "status.conditions"), i, max, it)
		if (!strcmp(doc_str(it, "type"), type))
			return it;
	return NULL;
}

static unsigned told(const char *reason, const char *message)
{
	struct found events = all(&w, "core/events");
	unsigned n = 0;

	for (size_t i = 0; i < events.n; i++) {
		yyjson_val *e = cache_tree(events.v[i]);
		n += !strcmp(doc_str(e, "reason"), reason) && (!message || !strcmp(doc_str(e, "message"), message));
	}
	return n;
}

static void pod(const char *name, const char *on, const char *tolerations)
{
	char body[900];

	snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"app\":\"x\"}},\"spec\":{\"nodeName\":\"%s\",\"tolerations\":[%s],"
		"\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]}}", name, on, tolerations);
	must(&w, "POST", CORE "pods", body);
	settle(&w);
}

/* It is there and nobody wants it gone. */
static bool stays(const char *name)
{
	struct cache_obj *o = cache_get(w.f.cache, "core/pods", "default", name);

	return o && !o->deleting;
}

/* ---- zones, as numbers ---- */

static void a_zone_is_as_silent_as_its_nodes(void **state)
{
	static const struct { unsigned ready, not_ready; enum zone_state want; } cases[] = {
		{ 0, 0, ZONE_INITIAL }, { 1, 0, ZONE_NORMAL }, { 0, 1, ZONE_FULL }, { 0, 9, ZONE_FULL },
		{ 1, 1, ZONE_NORMAL }, { 1, 2, ZONE_NORMAL },          /* two are never a disruption */
		{ 2, 3, ZONE_PARTIAL }, { 3, 3, ZONE_NORMAL }, { 45, 55, ZONE_PARTIAL }, { 46, 54, ZONE_NORMAL },
	};
	static const struct { enum zone_state s; unsigned nodes; double want; } rates[] = {
		{ ZONE_NORMAL, 5, 0.1 }, { ZONE_FULL, 5, 0.1 }, { ZONE_PARTIAL, 50, 0 }, { ZONE_PARTIAL, 51, 0.01 },
	};
	const struct control_node_death d = CONTROL_NODE_DEATH;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(zone_state_of(cases[i].ready, cases[i].not_ready, d.unhealthy_share), cases[i].want);
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++)
		assert_true(zone_rate(rates[i].s, rates[i].nodes, &d) == rates[i].want);
}

static void a_pace_saves_nothing_up(void **state)
{
	/* At a time a rate is set (0 or above), or a permission is asked for (-1). */
	static const struct { int64_t at_ms; double rate; int64_t wait_ms; /* -1: taken */ } steps[] = {
		{ 1000, -1, -1 }, { 1000, -1, 10000 }, { 6000, -1, 5000 }, { 90000, -1, -1 }, { 90000, -1, 10000 },
		{ 91000, 0.01, 0 }, { 91000, -1, 100000 },             /* who waits, waits on as the new rate says */
		{ 92000, 0, 0 }, { 999000, -1, 0 },
		{ 999000, 0.1, 0 }, { 999000, -1, 10000 }, { 1009000, 0.5, 0 }, { 1009000, -1, -1 }, { 1009000, -1, 2000 },
		{ 1009000, 1e-300, 0 }, { 1009000, -1, 1000000000000 },
	};
	struct zone_pace p;

	zone_pace_init(&p, 0.1, 1000);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		int64_t wait = -1;
		if (steps[i].rate >= 0) {
			zone_pace_set(&p, steps[i].rate, steps[i].at_ms);
			continue;
		}
		bool taken = zone_pace_take(&p, steps[i].at_ms, &wait);
		assert_int_equal(taken ? -1 : wait, steps[i].wait_ms);
	}
	zone_pace_init(&p, 0, 5);
	int64_t wait = -1;
	assert_false(zone_pace_take(&p, 5, &wait));
	assert_int_equal(wait, 0);
}

static void labels_name_the_zone(void **state)
{
	static const struct { const char *node, *want; } cases[] = {
		{ "{}", "/" },
		{ "{\"metadata\":{\"labels\":{\"topology.kubernetes.io/zone\":\"a\"}}}", "/a" },
		{ "{\"metadata\":{\"labels\":{\"topology.kubernetes.io/zone\":\"a\",\"topology.kubernetes.io/region\":\"r\"}}}", "r/a" },
		{ "{\"metadata\":{\"labels\":{\"failure-domain.beta.kubernetes.io/zone\":\"old\",\"topology.kubernetes.io/region\":\"r\"}}}", "r/old" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		yyjson_doc *d = yyjson_read(cases[i].node, strlen(cases[i].node), 0);
		char key[ZONE_KEY_MAX];
		zone_key(key, yyjson_doc_get_root(d));
		assert_string_equal(key, cases[i].want);
		yyjson_doc_free(d);
	}
}

/* ---- nodes ---- */

static const char *const n2_n3[] = { "n2", "n3", NULL };

static void three_machines(void)
{
	machine("n1", "", "True");
	machine("n2", "", "True");
	machine("n3", "", "True");
}

static void a_silent_node_is_given_up(void **state)
{
	static const struct { const char *type, *reason, *message; } want[] = {
		{ "Ready", "NodeStatusUnknown", "Kubelet stopped posting node status." },
		{ "MemoryPressure", "NodeStatusUnknown", "Kubelet stopped posting node status." },
		{ "DiskPressure", "NodeStatusNeverUpdated", "Kubelet never posted node status." },
		{ "PIDPressure", "NodeStatusNeverUpdated", "Kubelet never posted node status." },
	};

	three_machines();
	assert_int_equal(told("RegisteredNode", "Node n1 event: Registered Node n1 in Controller"), 1);
	beat("n1");
	must(&w, "POST", CORE "services", "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"selector\":{\"app\":\"x\"},\"ports\":[{\"port\":80}]}}");
	pod("p", "n1", "");
	assert_int_equal(doc_len(get(&w, "core/endpoints", "s"), "subsets.0.addresses"), 1);
	pass(38000, n2_n3);
	assert_string_equal(taints("n1"), "");
	pass(3000, n2_n3);
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		yyjson_val *cond = condition(node_tree("n1"), want[i].type);
		assert_string_equal(doc_str(cond, "status"), "Unknown");
		assert_string_equal(doc_str(cond, "reason"), want[i].reason);
		assert_string_equal(doc_str(cond, "message"), want[i].message);
		assert_non_null(doc_str(cond, "lastTransitionTime"));
	}
	assert_string_equal(doc_str(condition(node_tree("n1"), "Ready"), "lastHeartbeatTime"), "2026-01-01T00:00:00Z");
	assert_string_equal(taints("n1"), "unreachable:NoSchedule unreachable:NoExecute ");
	assert_non_null(doc_str(node_tree("n1"), "spec.taints.1.timeAdded"));
	assert_string_equal(taints("n2"), "");
	assert_int_equal(told("NodeNotReady", "Node n1 status is now: NodeNotReady"), 1);
	/* Its pods are not ready, and Services have no use for them. */
	assert_string_equal(doc_str(condition(get(&w, "core/pods", "p"), "Ready"), "status"), "False");
	assert_int_equal(told("NodeNotReady", "Node is not ready"), 1);
	assert_int_equal(doc_len(get(&w, "core/endpoints", "s"), "subsets.0.addresses"), 0);
	/* After their five minutes they go. */
	w.quiet = true;
	pass(295000, n2_n3);
	assert_true(stays("p"));
	pass(10000, n2_n3);
	assert_false(stays("p"));
	yyjson_val *mark = condition(get(&w, "core/pods", "p"), "DisruptionTarget");
	assert_string_equal(doc_str(mark, "status"), "True");
	assert_string_equal(doc_str(mark, "reason"), "DeletionByTaintManager");
	assert_string_equal(doc_str(mark, "message"), "Taint manager: deleting due to NoExecute taint");
	assert_int_equal(told("TaintManagerEviction", "Marking for deletion Pod default/p"), 1);
	must(&w, "DELETE", "/api/v1/nodes/n1", NULL);
	settle(&w);
	assert_int_equal(told("RemovingNode", "Node n1 event: Removing Node n1 from Controller"), 1);
}

static void who_comes_back_is_believed_at_once(void **state)
{
	three_machines();
	pod("p", "n1", "");
	pass(41000, n2_n3);
	assert_true(given_up("n1"));
	pass(200000, n2_n3);
	tell("n1", "True");
	assert_string_equal(taints("n1"), "");
	assert_true(stays("p"));
	assert_int_equal(told("TaintManagerEviction", "Cancelling deletion of Pod default/p"), 1);
	/* The grace begins anew, and so do the five minutes. */
	pass(30000, n2_n3);
	assert_string_equal(taints("n1"), "");
	pass(11000, n2_n3);
	assert_true(given_up("n1"));
	pass(250000, n2_n3);
	assert_true(stays("p"));
}

static void signs_of_life(void **state)
{
	static const char *const lease[] = { "lease", NULL };

	machine("lease", "", "True");
	machine("status", "", "True");
	machine("label", "", "True");
	machine("back", "", "True");
	for (int i = 0; i < 9; i++) {
		pass(10000, lease);
		tell("status", "True");
		beat_off("back", i * INT64_C(-3600000000));    /* its clock is put back */
		/* Somebody writes the Lease without renewing it, or the Node without a word of the kubelet. */
		char body[100];
		snprintf(body, sizeof(body), "{\"metadata\":{\"labels\":{\"n\":\"%d\"}}}", i);
		if (call(&w, "PATCH", LEASES "/label", body) == 404)
			beat("label");
		must(&w, "PATCH", "/api/v1/nodes/label", body);
	}
	settle(&w);
	assert_string_equal(taints("lease"), "");
	assert_string_equal(taints("status"), "");
	assert_string_equal(taints("back"), "");
	assert_true(given_up("label"));
}

static void a_node_that_never_told_has_longer(void **state)
{
	three_machines();
	machine("mute", "", NULL);
	pass(55000, (const char *const[]){ "n1", "n2", "n3", NULL });
	assert_null(condition(node_tree("mute"), "Ready"));
	pass(7000, NULL);
	assert_string_equal(doc_str(condition(node_tree("mute"), "Ready"), "reason"), "NodeStatusNeverUpdated");
	assert_true(given_up("mute"));
}

/* A Node that somebody wrote. */
static void paper(const char *name)
{
	char body[300];

	snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}", name);
	must(&w, "POST", "/api/v1/nodes", body);
	settle(&w);
}

static void a_node_without_a_machine_is_left_alone(void **state)
{
	paper("paper");
	must(&w, "PATCH", "/api/v1/nodes/paper", "{\"spec\":{\"unschedulable\":true}}");
	settle(&w);
	int64_t rev = cache_get(w.f.cache, "core/nodes", "", "paper")->rev;
	pass(3600000, NULL);
	assert_int_equal(cache_get(w.f.cache, "core/nodes", "", "paper")->rev, rev);
}

static void a_node_that_is_not_ready_says_so_itself(void **state)
{
	three_machines();
	tell("n1", "False");
	assert_string_equal(taints("n1"), "not-ready:NoSchedule not-ready:NoExecute ");
	/* Then it falls silent: one taint for the other, without waiting. */
	pass(41000, n2_n3);
	assert_string_equal(taints("n1"), "unreachable:NoSchedule unreachable:NoExecute ");
	tell("n1", "False");
	assert_string_equal(taints("n1"), "not-ready:NoSchedule not-ready:NoExecute ");
	must(&w, "PATCH", "/api/v1/nodes/n1", "{\"spec\":{\"unschedulable\":true}}");
	tell("n1", "True");
	assert_string_equal(taints("n1"), "unschedulable:NoSchedule ");
}

static void taints_of_others_are_left_alone(void **state)
{
	three_machines();
	must(&w, "PATCH", "/api/v1/nodes/n1", "{\"spec\":{\"taints\":[{\"key\":\"mine\",\"effect\":\"NoSchedule\"}]}}");
	pass(41000, n2_n3);
	assert_string_equal(taints("n1"), "mine:NoSchedule unreachable:NoSchedule unreachable:NoExecute ");
	tell("n1", "True");
	assert_string_equal(taints("n1"), "mine:NoSchedule ");
}

/* ---- zones, as they live ---- */

static unsigned given_up_of(const char *const *names)
{
	unsigned n = 0;

	for (; *names; names++)
		n += given_up(*names);
	return n;
}

static void nodes_of_a_zone_go_one_after_another(void **state)
{
	static const char *const b[] = { "b1", "b2", "b3", NULL }, *const a[] = { "a1", NULL };

	machine("a1", "a", "True");
	for (const char *const *n = b; *n; n++)
		machine(*n, "b", "True");
	pass(38000, a);
	pass(3000, a);
	assert_string_equal(doc_str(condition(node_tree("b3"), "Ready"), "status"), "Unknown");
	assert_int_equal(given_up_of(b), 1);
	pass(9000, a);
	assert_int_equal(given_up_of(b), 1);
	pass(2000, a);
	assert_int_equal(given_up_of(b), 2);
	/* Who comes back loses its place. */
	for (const char *const *n = b; *n; n++)
		if (!given_up(*n))
			tell(*n, "True");
	pass(20000, a);
	assert_int_equal(given_up_of(b), 2);
}

static void when_all_are_silent_nobody_is_evicted(void **state)
{
	static const char *const both[] = { "a1", "b1", NULL };

	machine("a1", "a", "True");
	machine("b1", "b", "True");
	pod("p", "a1", "");
	pass(41000, (const char *const[]){ "b1", NULL });
	assert_true(given_up("a1"));
	pass(60000, NULL);
	assert_int_equal(given_up_of(both), 0);        /* and what was done is taken back */
	assert_string_equal(taints("a1"), "unreachable:NoSchedule ");
	assert_string_equal(taints("b1"), "unreachable:NoSchedule ");
	pass(3600000, NULL);
	assert_true(stays("p"));
	assert_int_equal(given_up_of(both), 0);
	world_restart(&w);
	settle(&w);
	pass(60000, NULL);
	assert_int_equal(given_up_of(both), 0);
	/* One speaks again: the other's turn comes. */
	tell("b1", "True");
	assert_string_equal(taints("b1"), "");
	pass(11000, (const char *const[]){ "b1", NULL });
	assert_true(given_up("a1"));
}

static void a_small_zone_that_is_partly_silent_loses_none(void **state)
{
	static const char *const names[] = { "n1", "n2", "n3", "n4", "n5", NULL };

	for (const char *const *n = names; *n; n++)
		machine(*n, "", "True");
	pass(41000, names + 1);
	assert_int_equal(given_up_of(names), 1);
	pass(300000, names + 3);
	assert_string_equal(doc_str(condition(node_tree("n3"), "Ready"), "status"), "Unknown");
	assert_int_equal(given_up_of(names), 1);
	/* Two of five are no disruption: it goes on. */
	tell("n1", "True");
	pass(11000, (const char *const[]){ "n1", "n4", "n5", NULL });
	assert_int_equal(given_up_of(names), 1);
	pass(11000, (const char *const[]){ "n1", "n4", "n5", NULL });
	assert_int_equal(given_up_of(names), 2);
}

static void a_large_one_loses_them_slowly(void **state)
{
	static const struct control_node_death slow = { 40000, 60000, 0.1, 0.01, 4, 0.55 };
	static const char *const names[] = { "n1", "n2", "n3", "n4", "n5", NULL };

	world_death = &slow;
	world_restart(&w);
	for (const char *const *n = names; *n; n++)
		machine(*n, "", "True");
	pass(41000, names + 1);
	assert_int_equal(given_up_of(names), 1);
	pass(45000, names + 3);
	assert_int_equal(given_up_of(names), 2);       /* nobody had waited */
	pass(80000, names + 3);
	assert_int_equal(given_up_of(names), 2);
	pass(30000, names + 3);
	assert_int_equal(given_up_of(names), 3);
}

/* ---- pods and taints ---- */

#define TAINT(key, value, effect) "{\"key\":\"" key "\",\"value\":\"" value "\",\"effect\":\"" effect "\"}"
#define EXISTS(key, more) "{\"key\":\"" key "\",\"operator\":\"Exists\"" more "}"
#define S(n) ",\"effect\":\"NoExecute\",\"tolerationSeconds\":" #n

static void pods_go_when_they_tolerate_no_longer(void **state)
{
	static const struct { const char *name, *taints, *tolerations; int seconds; /* -1: stays */ } cases[] = {
		{ "none", TAINT("k", "", "NoExecute"), "", 0 },
		{ "effect", TAINT("k", "", "NoSchedule"), "", -1 },
		{ "ever", TAINT("k", "", "NoExecute"), EXISTS("k", ""), -1 },
		{ "all", TAINT("k", "", "NoExecute") "," TAINT("l", "v", "NoExecute"), "{\"operator\":\"Exists\"}", -1 },
		{ "while", TAINT("k", "", "NoExecute"), EXISTS("k", S(30)), 30 },
		{ "zero", TAINT("k", "", "NoExecute"), EXISTS("k", S(0)), 0 },
		{ "negative", TAINT("k", "", "NoExecute"), EXISTS("k", S(-5)), 0 },
		{ "value", TAINT("k", "a", "NoExecute"), "{\"key\":\"k\",\"value\":\"a\"" S(40) "}", 40 },
		{ "other", TAINT("k", "a", "NoExecute"), "{\"key\":\"k\",\"value\":\"b\"" S(40) "}", 0 },
		{ "least", TAINT("k", "", "NoExecute") "," TAINT("l", "", "NoExecute"), EXISTS("k", S(60)) "," EXISTS("l", S(20)), 20 },
		{ "one-not", TAINT("k", "", "NoExecute") "," TAINT("l", "", "NoExecute"), EXISTS("k", S(60)), 0 },
		{ "first", TAINT("k", "", "NoExecute"), EXISTS("k", S(50)) "," EXISTS("k", S(10)), 50 },
		{ "daemon", TAINT("node.kubernetes.io/unreachable", "", "NoExecute"), EXISTS("node.kubernetes.io/unreachable",
			",\"effect\":\"NoExecute\""), -1 },
	};
	enum { N = sizeof(cases) / sizeof(*cases) };
	char body[500], path[100];

	/* Nodes without a machine: whoever put the taint there. */
	for (size_t i = 0; i < N; i++) {
		paper(cases[i].name);
		pod(cases[i].name, cases[i].name, cases[i].tolerations);
	}
	for (size_t i = 0; i < N; i++) {
		snprintf(path, sizeof(path), "/api/v1/nodes/%s", cases[i].name);
		snprintf(body, sizeof(body), "{\"spec\":{\"taints\":[%s]}}", cases[i].taints);
		must(&w, "PATCH", path, body);
	}
	settle(&w);
	for (int s = 1; s <= 71; s += 5) {
		for (size_t i = 0; i < N; i++)
			if (stays(cases[i].name) != (cases[i].seconds < 0 || s <= cases[i].seconds))
				fail_msg("%s after %d s: %s", cases[i].name, s, stays(cases[i].name) ? "stays" : "went");
		pass(5000, NULL);
	}
}

#define TAINT_N "{\"spec\":{\"taints\":[" TAINT("k", "", "NoExecute") "]}}"

static void a_stay_ends_when_its_reason_does(void **state)
{
	paper("n");
	pod("freed", "n", EXISTS("k", S(60)));
	must(&w, "PATCH", "/api/v1/nodes/n", TAINT_N);
	settle(&w);
	pass(50000, NULL);
	must(&w, "PATCH", "/api/v1/nodes/n", "{\"spec\":{\"taints\":null}}");
	settle(&w);
	assert_int_equal(told("TaintManagerEviction", "Cancelling deletion of Pod default/freed"), 1);
	must(&w, "PATCH", "/api/v1/nodes/n", TAINT_N);
	settle(&w);
	pass(50000, NULL);
	assert_true(stays("freed"));
	/* Other changes of Node and pod do not begin the time anew; another pod of the name does. */
	must(&w, "PATCH", "/api/v1/nodes/n", "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}");
	must(&w, "PATCH", CORE "pods/freed", "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}");
	pod("late", "n", EXISTS("k", S(60)));
	pass(11000, NULL);
	assert_false(stays("freed"));
	assert_true(stays("late"));
	pass(45000, NULL);
	assert_true(stays("late"));
	/* It is made to tolerate for ever. */
	must(&w, "PATCH", CORE "pods/late", "{\"spec\":{\"tolerations\":[" EXISTS("k", S(60)) "," EXISTS("node.kubernetes.io/not-ready", S(300)) ","
		EXISTS("node.kubernetes.io/unreachable", S(300)) ",{\"operator\":\"Exists\"}]}}");
	settle(&w);
	pass(10000, NULL);
	assert_false(stays("late"));   /* the first that matches counts */
}

static void what_was_borne_before_a_restart_counts(void **state)
{
	three_machines();
	pod("p", "n1", "");
	pass(41000, n2_n3);
	pass(200000, n2_n3);
	world_restart(&w);
	settle(&w);
	pass(90000, n2_n3);
	assert_true(stays("p"));
	pass(20000, n2_n3);
	assert_false(stays("p"));
}

int main(void)
{
#define LIVING(t) cmocka_unit_test_setup_teardown(t, open_world, close_world)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_zone_is_as_silent_as_its_nodes),
		cmocka_unit_test(a_pace_saves_nothing_up),
		cmocka_unit_test(labels_name_the_zone),
		LIVING(a_silent_node_is_given_up),
		LIVING(who_comes_back_is_believed_at_once),
		LIVING(signs_of_life),
		LIVING(a_node_that_never_told_has_longer),
		LIVING(a_node_without_a_machine_is_left_alone),
		LIVING(a_node_that_is_not_ready_says_so_itself),
		LIVING(taints_of_others_are_left_alone),
		LIVING(nodes_of_a_zone_go_one_after_another),
		LIVING(when_all_are_silent_nobody_is_evicted),
		LIVING(a_small_zone_that_is_partly_silent_loses_none),
		LIVING(a_large_one_loses_them_slowly),
		LIVING(pods_go_when_they_tolerate_no_longer),
		LIVING(a_stay_ends_when_its_reason_does),
		LIVING(what_was_borne_before_a_restart_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
