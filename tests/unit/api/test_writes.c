/* SPDX-License-Identifier: Apache-2.0 */
/* writes - deletions, evictions and what the server writes for itself, at their limits. */
#include "rows.h"

#include "base/env.h"

#define BUDGETS "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
#define POD(name, grace) "{'metadata':{'name':'" name "'},'spec':{'nodeName':'n','terminationGracePeriodSeconds':" grace \
	",'containers':[{'name':'c','image':'x'}]}}"
#define DNS "/api/v1/namespaces/kube-system/services/kube-dns"
#define LONGEST "9223372036854775807"

static const char *const masters[] = { "system:masters", NULL };
static const struct user admin = { .name = "admin", .groups = masters };

static int open_fixture(void **state)
{
	static const struct step_row rows[] = {
		{ "account", "POST", "/api/v1/namespaces/default/serviceaccounts", NULL, JSON, "{'metadata':{'name':'default'}}", 201 },
	};

	fixture_open(&f, "mem:", false);
	RUN(rows);
	return 0;
}

static int close_fixture(void **state)
{
	fixture_close(&f);
	return 0;
}

static void the_longest_grace_still_has_an_end(void **state)
{
	static const struct step_row rows[] = {
		{ "of the pod", "POST", PODS, NULL, JSON, POD("long", LONGEST), 201 },
		{ "it goes", "DELETE", PODS "/long", NULL, JSON, NULL, 200,
			{ "\"deletionGracePeriodSeconds\":9223372036", "\"deletionTimestamp\":\"23" } },
		{ "as long again changes nothing", "DELETE", PODS "/long", NULL, JSON, "{'gracePeriodSeconds':" LONGEST "}", 200,
			{ "\"deletionGracePeriodSeconds\":9223372036" } },
		{ "cut", "DELETE", PODS "/long", "gracePeriodSeconds=5", JSON, NULL, 200, { "\"deletionGracePeriodSeconds\":5" },
			"\"deletionTimestamp\":\"23" },
		{ "of the deletion", "POST", PODS, NULL, JSON, POD("asked", "30"), 201 },
		{ "it goes", "DELETE", PODS "/asked", NULL, JSON, "{'gracePeriodSeconds':" LONGEST "}", 200,
			{ "\"deletionGracePeriodSeconds\":9223372036" } },
		{ "less than nothing", "POST", PODS, NULL, JSON, POD("less", "30"), 201 },
		{ "is the shortest", "DELETE", PODS "/less", "gracePeriodSeconds=-7", JSON, NULL, 200, { "\"deletionGracePeriodSeconds\":1" } },
		{ "in a body too", "POST", PODS, NULL, JSON, POD("least", "30"), 201 },
		{ "the shortest", "DELETE", PODS "/least", NULL, JSON, "{'gracePeriodSeconds':-9223372036854775808}", 200,
			{ "\"deletionGracePeriodSeconds\":1" } },
	};

	RUN(rows);
}

/* ---- one budget ---- */

#define EVICTED 500

static void count_created(void *arg, int status, const struct blob *body)
{
	unsigned *ok = arg;

	(void)body;
	*ok += status == 201;
}

static void make_evictable(void)
{
	static const struct step_row budget[] = {
		{ "budget", "POST", BUDGETS, NULL, JSON, "{'metadata':{'name':'many'},'spec':{'minAvailable':0,'selector':{'matchLabels':{'a':'many'}}}}", 201 },
		{ "counted", "PATCH", BUDGETS "/many/status", NULL, MERGE, "{'status':{'observedGeneration':1,'desiredHealthy':0,"
			"'currentHealthy':500,'disruptionsAllowed':500,'expectedPods':500}}", 200 },
	};

	for (int i = 0; i < EVICTED; i++) {
		char body[300], path[100];

		snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"m%d\",\"labels\":{\"a\":\"many\"}},\"spec\":{\"nodeName\":\"n\","
			"\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]}}", i);
		assert_int_equal(fixture_call(&f, "POST", PODS, NULL, JSON, body), 201);
		snprintf(path, sizeof(path), PODS "/m%d/status", i);
		assert_int_equal(fixture_call(&f, "PATCH", path, NULL, MERGE, "{\"status\":{\"phase\":\"Running\",\"conditions\":"
			"[{\"type\":\"Ready\",\"status\":\"True\"}]}}"), 200);
	}
	RUN(budget);
}

/* All at once: each is charged once, in a write of its own that nobody else loses. */
static void evictions_of_one_budget_take_turns(void **state)
{
	unsigned ok = 0;
	int64_t before, began_us;

	make_evictable();
	before = cache_rev(f.cache);
	began_us = env_now_us();
	for (int i = 0; i < EVICTED; i++) {
		char body[100], path[100];
		struct api_call q = { .method = "POST", .path = path, .body = body, .user = &admin };

		snprintf(path, sizeof(path), PODS "/m%d/eviction", i);
		q.body_len = (size_t)snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"m%d\"}}", i);
		assert_int_equal(api_call(f.api, &q, count_created, &ok), 0);
	}
	for (int i = 0; i < 200000 && ok < EVICTED; i++)
		loop_turn(f.loop, 1);
	print_message("%d evictions: %lld ms\n", EVICTED, (long long)(env_now_us() - began_us) / 1000);
	assert_int_equal(ok, EVICTED);
	assert_int_equal(cache_rev(f.cache), before + 2 * EVICTED);
	assert_int_equal(doc_int(cache_tree(cache_get(f.cache, "policy/poddisruptionbudgets", "default", "many")),
		"status.disruptionsAllowed", -1), 0);
	assert_int_equal(fixture_call(&f, "GET", "/metrics", NULL, JSON, NULL), 200);
	for (const char *p = f.body.p; (p = strstr(p, "resource=\"poddisruptionbudgets\"")); p++)
		if (strstr(p, "code=\"409\"") && strstr(p, "code=\"409\"") < strchr(p, '\n'))
			fail_msg("charged in vain: %.*s", (int)strcspn(p, "\n"), p);
}

/* ---- what the server writes for itself ---- */

static void turn_for(int64_t ms)
{
	for (int64_t until = env_now_ms() + ms; env_now_ms() < until;)
		loop_turn(f.loop, 10);
}

static void stored(void *arg, int rc, int64_t rev)
{
	assert_int_equal(rc, 0);
	*(bool *)arg = true;
}

/* Past the API, as an older server may have left it. */
static void put(const char *key, const char *value, int64_t expect_rev)
{
	BLOB_AUTO struct blob *b = blob_new(value, strlen(value));
	bool done = false;

	assert_int_equal(store_put(f.store, key, b, expect_rev, stored, &done), 0);
	while (!done)
		loop_turn(f.loop, 10);
}

#define META(name) "\"metadata\":{\"name\":\"" name "\",\"uid\":\"u\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\""

/* Its address is another's for a while. */
static void what_could_not_be_put_back_is_tried_again(void **state)
{
	static const struct step_row rows[] = {
		{ "away", "DELETE", DNS, NULL, JSON, NULL, 200 },
	}, later[] = {
		{ "refused", "GET", DNS, NULL, JSON, NULL, 404 },
		{ "free again", "DELETE", SVCS "/thief", NULL, JSON, NULL, 200 },
	}, back[] = {
		{ "back", "GET", DNS, NULL, JSON, NULL, 200, { "\"clusterIP\":\"10.96.0.10\"" } },
	};

	put("core/services/default/thief", "{\"kind\":\"Service\",\"apiVersion\":\"v1\"," META("thief") ",\"namespace\":\"default\"},\"spec\":{"
		"\"clusterIP\":\"10.96.0.10\",\"clusterIPs\":[\"10.96.0.10\"],\"type\":\"ClusterIP\"}}", 0);
	RUN(rows);
	turn_for(200);
	RUN(later);
	turn_for(1500);
	RUN(back);
}

/* Its labels are refused today. */
static void a_role_that_cannot_be_brought_up_to_date_stops_no_start(void **state)
{
	struct cache_obj *o = cache_get(f.cache, "rbac.authorization.k8s.io/clusterroles", "", "system:basic-user");

	put("rbac.authorization.k8s.io/clusterroles/system:basic-user", "{\"kind\":\"ClusterRole\",\"apiVersion\":"
		"\"rbac.authorization.k8s.io/v1\"," META("system:basic-user") ",\"labels\":{\"no label!\":\"\"}},\"rules\":[]}", o->rev);
	f.booted = false;
	api_bootstrap(f.api, fixture_booted, &f);
	while (!f.booted)
		loop_turn(f.loop, 10);
	assert_int_equal(f.boot_rc, 0);
	assert_true(api_ready(f.api));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_grace_still_has_an_end),
		cmocka_unit_test(evictions_of_one_budget_take_turns),
		cmocka_unit_test(what_could_not_be_put_back_is_tried_again),
		cmocka_unit_test(a_role_that_cannot_be_brought_up_to_date_stops_no_start),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
