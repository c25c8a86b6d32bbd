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

static void turn_for(int64_t ms)
{
	for (int64_t until = env_now_ms() + ms; env_now_ms() < until;)
		loop_turn(f.loop, 10);
}

/* Until a GET is answered so; what comes after finds out when it never was. */
static void turn_until(const char *path, int status, const char *has)
{
	for (int64_t until = env_now_ms() + 20000; env_now_ms() < until; turn_for(20))
		if (fixture_call(&f, "GET", path, NULL, JSON, NULL) == status && strstr(f.body.p, has))
			return;
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

/* ---- others at the same time ---- */

static void stored(void *arg, int rc, int64_t rev)
{
	assert_int_equal(rc, 0);
	*(bool *)arg = true;
}

/* Past the API, as another or an older server may. */
static void put_begin(const char *key, const char *value, int64_t expect_rev, bool *done)
{
	BLOB_AUTO struct blob *b = blob_new(value, strlen(value));

	*done = false;
	assert_int_equal(store_put(f.store, key, b, expect_rev, stored, done), 0);
}

static void put(const char *key, const char *value, int64_t expect_rev)
{
	bool done;

	put_begin(key, value, expect_rev, &done);
	while (!done)
		loop_turn(f.loop, 10);
}

#define META(name, uid) "\"metadata\":{\"name\":\"" name "\",\"uid\":\"" uid "\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\""
#define MAP(name, uid) "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"," META(name, uid) ",\"namespace\":\"default\"}}"

static void begin(const char *method, const char *path, const char *type, const char *body)
{
	struct api_call q = { .method = method, .path = path, .content_type = type, .body = body, .user = &admin,
		.body_len = body ? strlen(body) : 0 };

	f.answered = false;
	assert_int_equal(api_call(f.api, &q, fixture_answer, &f), 0);
}

static void end(int status)
{
	while (!f.answered)
		loop_turn(f.loop, 10);
	if (f.status != status)
		fail_msg("%d: %s", f.status, f.body.p);
}

/* The word is data here, and no condition. */
static void a_patch_that_loses_a_round_is_tried_again(void **state)
{
	bool done;
	int64_t rev;

	put("core/configmaps/default/raced", MAP("raced", "u"), 0);
	rev = cache_get(f.cache, "core/configmaps", "default", "raced")->rev;
	begin("PATCH", CM "/raced", MERGE, "{\"data\":{\"resourceVersion\":\"x\"}}");
	put_begin("core/configmaps/default/raced", MAP("raced", "u"), rev, &done);
	end(200);
	assert_true(done);
	/* One that is a condition is one in every round. */
	rev = cache_get(f.cache, "core/configmaps", "default", "raced")->rev;
	char body[100];
	snprintf(body, sizeof(body), "{\"metadata\":{\"resource\\u0056ersion\":\"%lld\"},\"data\":{\"a\":\"b\"}}", (long long)rev);
	begin("PATCH", CM "/raced", MERGE, body);
	put_begin("core/configmaps/default/raced", MAP("raced", "u"), rev, &done);
	end(409);
}

static void deleted_item(void *arg, int rc, int64_t rev)
{
	assert_int_equal(rc, 0);
	put_begin("core/configmaps/default/zz", MAP("zz", "second"), 0, arg);
}

/* The last item of a list that is too long to go at once goes, and another comes by its name,
 * before its turn: that one stays. */
static void a_deleted_collection_is_what_was_listed(void **state)
{
	struct cache_obj *o;
	bool done = false;
	char body[80];

	for (int i = 0; i < 70; i++) {
		snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"item-%d\"}}", i);
		assert_int_equal(fixture_call(&f, "POST", CM, NULL, JSON, body), 201);
	}
	put("core/configmaps/default/zz", MAP("zz", "first"), 0);
	o = cache_get(f.cache, "core/configmaps", "default", "zz");
	begin("DELETE", CM, JSON, NULL);
	assert_int_equal(store_del(f.store, "core/configmaps/default/zz", o->rev, deleted_item, &done), 0);
	end(200);
	assert_true(done);
	assert_int_equal(cache_count(f.cache, "core/configmaps", "default"), 1);
	o = cache_get(f.cache, "core/configmaps", "default", "zz");
	assert_non_null(o);
	assert_string_equal(o->uid, "second");
}

/* ---- addresses and ports ---- */

#define CIDRS "/apis/networking.k8s.io/v1/servicecidrs"
#define IPS "/apis/networking.k8s.io/v1/ipaddresses"
#define SVC(name, spec) "{'metadata':{'name':'" name "'},'spec':{" spec "}}"
#define PORT80 "'ports':[{'port':80}]"

static void an_external_name_holds_no_node_port(void **state)
{
	static const struct step_row rows[] = {
		{ "a name", "POST", SVCS, NULL, JSON, SVC("name", "'type':'ExternalName','externalName':'x.io','ports':[{'port':80,'nodePort':30100}]"), 201 },
		{ "its port is free", "POST", SVCS, NULL, JSON, SVC("port", "'type':'NodePort','ports':[{'port':80,'nodePort':30100}]"), 201 },
		{ "and not the name's to have", "PATCH", SVCS "/name", NULL, MERGE, "{'spec':{'type':'NodePort','externalName':null}}", 422,
			{ "provided port is already allocated" } },
		{ "away", "DELETE", SVCS "/name", NULL, JSON, NULL, 200 },
		{ "the port is still held", "POST", SVCS, NULL, JSON, SVC("other", "'type':'NodePort','ports':[{'port':80,'nodePort':30100}]"), 422,
			{ "provided port is already allocated" } },
		{ "away", "DELETE", SVCS "/port", NULL, JSON, NULL, 200 },
		{ "free", "POST", SVCS, NULL, JSON, SVC("other", "'type':'NodePort','ports':[{'port':80,'nodePort':30100}]"), 201 },
		{ "away", "DELETE", SVCS "/other", NULL, JSON, NULL, 200 },
	};

	RUN(rows);
}

/* As many as there are, and no more; all come back. */
static void a_service_may_have_every_node_port(void **state)
{
	BUF_AUTO struct buf b = { 0 };

	for (int more = 0; more < 2; more++) {
		buf_clear(&b);
		buf_adds(&b, "{\"metadata\":{\"name\":\"wide\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[");
		for (int i = 0; i < 2768 + !more; i++)
			buf_printf(&b, "%s{\"name\":\"p%d\",\"port\":%d}", i ? "," : "", i, i + 1);
		buf_adds(&b, "]}}");
		buf_addc(&b, 0);
		assert_int_equal(fixture_call(&f, "POST", SVCS, NULL, JSON, b.p), more ? 201 : 500);
	}
	assert_int_equal(fixture_call(&f, "DELETE", SVCS "/wide", NULL, JSON, NULL), 200);
	assert_int_equal(fixture_call(&f, "POST", SVCS, NULL, JSON, b.p), 201);
	assert_int_equal(fixture_call(&f, "DELETE", SVCS "/wide", NULL, JSON, NULL), 200);
}

static void addresses_come_from_every_range(void **state)
{
	static const struct step_row rows[] = {
		{ "outside", "POST", SVCS, NULL, JSON, SVC("far", "'clusterIP':'10.160.1.1'," PORT80), 422,
			{ "is not in the valid range. The range of valid IPs is 10.96.0.0/16" } },
		{ "a large range", "POST", CIDRS, NULL, JSON, "{'metadata':{'name':'large'},'spec':{'cidrs':['10.128.0.0/10']}}", 201 },
		{ "far inside it", "POST", SVCS, NULL, JSON, SVC("far", "'clusterIP':'10.160.1.1'," PORT80), 201 },
		{ "taken there too", "POST", SVCS, NULL, JSON, SVC("far2", "'clusterIP':'10.160.1.1'," PORT80), 422, { "provided IP is already allocated" } },
		{ "its last", "POST", SVCS, NULL, JSON, SVC("last", "'clusterIP':'10.191.255.254'," PORT80), 201 },
		{ "no broadcast", "POST", SVCS, NULL, JSON, SVC("over", "'clusterIP':'10.191.255.255'," PORT80), 422, { "is not in the valid range" } },
		{ "nor the network", "POST", SVCS, NULL, JSON, SVC("over", "'clusterIP':'10.128.0.0'," PORT80), 422, { "is not in the valid range" } },
		{ "somebody else's", "POST", IPS, NULL, JSON, "{'metadata':{'name':'10.128.0.7'},'spec':{'parentRef':{'group':'x.io',"
			"'resource':'gates','name':'g'}}}", 201 },
		{ "is taken", "POST", SVCS, NULL, JSON, SVC("theirs", "'clusterIP':'10.128.0.7'," PORT80), 422, { "provided IP is already allocated" } },
		{ "the first range is kept", "PATCH", CIDRS "/kubernetes", NULL, MERGE, "{'metadata':{'finalizers':['x.io/keep']}}", 200 },
		{ "and goes", "DELETE", CIDRS "/kubernetes", NULL, JSON, NULL, 200 },
		{ "nothing new comes from it", "POST", SVCS, NULL, JSON, SVC("new", "'clusterIP':'10.96.7.7'," PORT80), 422, { "is not in the valid range" } },
		{ "but from the other", "POST", SVCS, NULL, JSON, SVC("new", PORT80), 201, { "\"clusterIP\":\"10.1" } },
		{ "what is there may stay", "PATCH", SVCS "/kubernetes", NULL, MERGE, "{'metadata':{'labels':{'a':'b'}}}", 200 },
		{ "the other goes", "PATCH", CIDRS "/large", NULL, MERGE, "{'metadata':{'finalizers':['x.io/keep']}}", 200 },
		{ "too", "DELETE", CIDRS "/large", NULL, JSON, NULL, 200 },
		{ "none is left", "POST", SVCS, NULL, JSON, SVC("none", PORT80), 500, { "range is full" } },
		{ "gone", "PATCH", CIDRS "/kubernetes", NULL, MERGE, "{'metadata':{'finalizers':null}}", 200 },
		{ "and back: the configured one", "POST", SVCS, NULL, JSON, SVC("none", PORT80), 201, { "\"clusterIP\":\"10.96." } },
	};

	RUN(rows);
}

/* ---- definitions ---- */

#define CRDS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define CRD(plural, group, kind) "{'metadata':{'name':'" plural "." group "'},'spec':{'group':'" group "','scope':'Namespaced'," \
	"'names':{'plural':'" plural "','kind':'" kind "'},'versions':[{'name':'v1','served':true,'storage':true,'schema':" \
	"{'openAPIV3Schema':{'type':'object'}}}]}}"

/* Of those that wait for names only they are looked at again, and get them. */
static void names_that_are_free_again_go_to_their_group(void **state)
{
	static const struct step_row rows[] = {
		{ "has the name", "POST", CRDS, NULL, JSON, CRD("ones", "a.io", "One"), 201, { "NoConflicts" } },
		{ "waits for it", "POST", CRDS, NULL, JSON, CRD("others", "a.io", "One"), 201, { "KindConflict" } },
		{ "of another group", "POST", CRDS, NULL, JSON, CRD("ones", "b.io", "One"), 201, { "NoConflicts" } },
		{ "goes", "DELETE", CRDS "/ones.b.io", NULL, JSON, NULL, 200 },
	}, apart[] = {
		{ "its end", "GET", CRDS "/ones.b.io", NULL, JSON, NULL, 404 },
		/* One write took the finalizer of what went. */
		{ "looked at nothing else", "GET", "/metrics", NULL, JSON, NULL, 200,
			{ "verb=\"PATCH\",group=\"apiextensions.k8s.io\",version=\"v1\",resource=\"customresourcedefinitions\",subresource=\"\","
			"scope=\"resource\",code=\"200\"} 1\n" } },
		{ "the name goes", "DELETE", CRDS "/ones.a.io", NULL, JSON, NULL, 200 },
	}, after[] = {
		{ "to whom waits", "GET", CRDS "/others.a.io", NULL, JSON, NULL, 200, { "NoConflicts" } },
		{ "away", "DELETE", CRDS "/others.a.io", NULL, JSON, NULL, 200 },
	};

	RUN(rows);
	turn_until(CRDS "/ones.b.io", 404, "");
	RUN(apart);
	turn_until(CRDS "/others.a.io", 200, "NoConflicts");
	RUN(after);
	turn_until(CRDS "/others.a.io", 404, "");
}

/* ---- what the server writes for itself ---- */

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

	put("core/services/default/thief", "{\"kind\":\"Service\",\"apiVersion\":\"v1\"," META("thief", "u") ",\"namespace\":\"default\"},\"spec\":{"
		"\"clusterIP\":\"10.96.0.10\",\"clusterIPs\":[\"10.96.0.10\"],\"type\":\"ClusterIP\"}}", 0);
	RUN(rows);
	turn_for(200);
	RUN(later);
	turn_until(DNS, 200, "");
	RUN(back);
}

/* Its labels are refused today. */
static void a_role_that_cannot_be_brought_up_to_date_stops_no_start(void **state)
{
	struct cache_obj *o = cache_get(f.cache, "rbac.authorization.k8s.io/clusterroles", "", "system:basic-user");

	put("rbac.authorization.k8s.io/clusterroles/system:basic-user", "{\"kind\":\"ClusterRole\",\"apiVersion\":"
		"\"rbac.authorization.k8s.io/v1\"," META("system:basic-user", "u") ",\"labels\":{\"no label!\":\"\"}},\"rules\":[]}", o->rev);
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
		cmocka_unit_test(a_patch_that_loses_a_round_is_tried_again),
		cmocka_unit_test(a_deleted_collection_is_what_was_listed),
		cmocka_unit_test(an_external_name_holds_no_node_port),
		cmocka_unit_test(a_service_may_have_every_node_port),
		cmocka_unit_test(addresses_come_from_every_range),
		cmocka_unit_test(names_that_are_free_again_go_to_their_group),
		cmocka_unit_test(what_could_not_be_put_back_is_tried_again),
		cmocka_unit_test(a_role_that_cannot_be_brought_up_to_date_stops_no_start),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
