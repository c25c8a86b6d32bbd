/* SPDX-License-Identifier: Apache-2.0 */
/* test_fresh - two servers over one store: what one was told is done, the other knows. */
#include "fixture.h"
#include "twin.h"

struct both {
	struct twin_log log;
	struct loop *loop;
	struct fixture a, b;
};

static int setup(void **state)
{
	struct both *t = calloc(1, sizeof(*t));

	assert_int_equal(loop_open(&t->loop), 0);
	t->a.loop = t->b.loop = t->loop;
	t->a.store = twin_open(&t->log, t->loop);
	t->b.store = twin_open(&t->log, t->loop);
	fixture_start(&t->a, true);
	fixture_start(&t->b, true);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct both *t = *state;
	struct fixture *all[] = { &t->a, &t->b };

	for (size_t i = 0; i < 2; i++) {
		api_close(all[i]->api);
		cache_close(all[i]->cache);
		store_close(all[i]->store);
		buf_finish(&all[i]->body);
		buf_finish(&all[i]->sa_key);
	}
	loop_close(t->loop);
	twin_log_finish(&t->log);
	free(t);
	return 0;
}

#define MAPS "/api/v1/namespaces/default/configmaps"
#define MERGE "application/merge-patch+json"
#define JSON "application/json"

static int call(struct fixture *f, const char *method, const char *path, const char *query, const char *body)
{
	return fixture_call(f, method, path, query, !strcmp(method, "PATCH") ? MERGE : JSON, body);
}

static char *map_json(char out[256], const char *name, const char *value, const char *rv)
{
	snprintf(out, 256, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\"%s%s%s},"
		"\"data\":{\"k\":\"%s\"}}", name, *rv ? ",\"resourceVersion\":\"" : "", rv, *rv ? "\"" : "", value);
	return out;
}

static void rv_of(const struct fixture *f, char out[24])
{
	const char *at = strstr(f->body.p, "\"resourceVersion\":\"");

	assert_non_null(at);
	snprintf(out, 24, "%.*s", (int)strcspn(at + 19, "\""), at + 19);
}

static bool has(const struct fixture *f, const char *s) { return strstr(f->body.p, s) != NULL; }

/* ---- reads ---- */

static void test_reads_see_what_another_server_acknowledged(void **state)
{
	static const struct {
		const char *name, *path, *query;
		bool fresh;
	} cases[] = {
		{ "get",                       MAPS "/m", "", true },
		{ "get, at least some",        MAPS "/m", "resourceVersion=0", false },
		{ "get, at least this",        MAPS "/m", "resourceVersion=RV", true },
		{ "list",                      MAPS, "", true },
		{ "list, at least some",       MAPS, "resourceVersion=0", false },
		{ "list, at least this",       MAPS, "resourceVersion=RV", true },
		{ "list, of this exactly",     MAPS, "resourceVersion=RV&resourceVersionMatch=Exact", true },
		{ "list in pages",             MAPS, "limit=500", true },
		{ "list of one, by name",      MAPS, "fieldSelector=metadata.name%3Dm", true },
	};
	struct both *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char json[256], rv[24], query[128], want[32];
		const char *at = strstr(cases[i].query, "RV");

		print_message("  %s\n", cases[i].name);
		snprintf(want, sizeof(want), "\"k\":\"%zu\"", i);
		snprintf(rv, sizeof(rv), "%zu", i);
		assert_in_range(call(&t->a, i ? "PUT" : "POST", i ? MAPS "/m" : MAPS, "", map_json(json, "m", rv, "")), 200, 201);
		rv_of(&t->a, rv);
		snprintf(query, sizeof(query), "%s", cases[i].query);
		if (at)
			snprintf(query, sizeof(query), "%.*s%s%s", (int)(at - cases[i].query), cases[i].query, rv, at + 2);
		call(&t->b, "GET", cases[i].path, query, NULL);
		assert_int_equal(has(&t->b, want), cases[i].fresh);
		if (cases[i].fresh)
			assert_int_equal(t->b.status, 200);
	}
	assert_int_equal(call(&t->b, "GET", MAPS "/m", "resourceVersion=999999", NULL), 504);
	assert_true(has(&t->b, "Too large resource version"));
}

static void test_reads_from_what_is_there_ask_nobody(void **state)
{
	struct both *t = *state;
	char json[256], rv[24], query[64];
	unsigned before;

	assert_int_equal(call(&t->b, "POST", MAPS, "", map_json(json, "m", "x", "")), 201);
	rv_of(&t->b, rv);
	before = twin_of(t->b.store)->asked;
	snprintf(query, sizeof(query), "resourceVersion=%s", rv);
	assert_int_equal(call(&t->b, "GET", MAPS "/m", query, NULL), 200);
	assert_int_equal(call(&t->b, "GET", MAPS, query, NULL), 200);
	assert_int_equal(call(&t->b, "GET", MAPS "/m", "resourceVersion=0", NULL), 200);
	assert_int_equal(call(&t->b, "PUT", MAPS "/m", "", map_json(json, "m", "y", rv)), 200);
	assert_int_equal(twin_of(t->b.store)->asked, before);
}

/* ---- writes ---- */

static void test_writes_go_on_from_what_another_server_acknowledged(void **state)
{
	static const struct {
		const char *name;
		bool exists;                /* before, known to both */
		const char *at_a, *method, *query, *value;
		bool named;                 /* the revision that a told */
		int want;
		const char *shows;
	} cases[] = {
		{ "patch what was just made",      false, "POST",   "PATCH",  "", "p", false, 200, "\"k\":\"p\"" },
		{ "put what was just made",        false, "POST",   "PUT",    "", "p", false, 200, "\"k\":\"p\"" },
		{ "delete what was just made",     false, "POST",   "DELETE", "", "",  false, 200, NULL },
		{ "create what was just made",     false, "POST",   "POST",   "", "p", false, 409, "AlreadyExists" },
		{ "create what was just deleted",  true,  "DELETE", "POST",   "", "p", false, 201, "\"k\":\"p\"" },
		{ "patch what was just deleted",   true,  "DELETE", "PATCH",  "", "p", false, 404, "NotFound" },
		{ "delete what was just deleted",  true,  "DELETE", "DELETE", "", "",  false, 404, "NotFound" },
		{ "put at the newest revision",    true,  "PUT",    "PUT",    "", "p", true,  200, "\"k\":\"p\"" },
		{ "put back to what it was",       true,  "PUT",    "PUT",    "", "old", false, 200, "\"k\":\"old\"" },
		{ "patch back to what it was",     true,  "PUT",    "PATCH",  "", "old", false, 200, "\"k\":\"old\"" },
		{ "a dry run shows the newest",    true,  "PUT",    "PATCH",  "dryRun=All", "p", false, 200, "\"k\":\"p\"" },
	};
	struct both *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[16], path[80], json[256], patch[64], rv[24] = "", shown[24];
		const char *m = cases[i].method;

		print_message("  %s\n", cases[i].name);
		snprintf(name, sizeof(name), "m%zu", i);
		snprintf(path, sizeof(path), MAPS "/%s", name);
		if (cases[i].exists) {
			assert_int_equal(call(&t->a, "POST", MAPS, "", map_json(json, name, "old", "")), 201);
			assert_int_equal(call(&t->b, "GET", path, "", NULL), 200);
		}
		assert_in_range(call(&t->a, cases[i].at_a, strcmp(cases[i].at_a, "POST") ? path : MAPS, "",
			strcmp(cases[i].at_a, "DELETE") ? map_json(json, name, "new", "") : ""), 200, 201);
		if (cases[i].named)
			rv_of(&t->a, rv);
		snprintf(patch, sizeof(patch), "{\"data\":{\"k\":\"%s\"}}", cases[i].value);
		map_json(json, name, cases[i].value, rv);
		assert_int_equal(call(&t->b, m, strcmp(m, "POST") ? path : MAPS, cases[i].query,
			!strcmp(m, "PATCH") ? patch : !strcmp(m, "DELETE") ? "" : json), cases[i].want);
		if (cases[i].shows && !has(&t->b, cases[i].shows))
			fail_msg("%s", t->b.body.p);
		if (cases[i].want == 200 && strcmp(m, "DELETE") && !*cases[i].query) {
			rv_of(&t->b, shown);
			assert_int_equal(call(&t->a, "GET", path, "", NULL), 200);
			assert_true(has(&t->a, cases[i].shows));
			rv_of(&t->a, rv);
			assert_string_equal(rv, shown);
		}
	}
}

static void test_what_is_not_current_still_conflicts(void **state)
{
	struct both *t = *state;
	char json[256], rv[24];

	assert_int_equal(call(&t->a, "POST", MAPS, "", map_json(json, "m", "1", "")), 201);
	rv_of(&t->a, rv);
	assert_int_equal(call(&t->a, "PUT", MAPS "/m", "", map_json(json, "m", "2", "")), 200);
	assert_int_equal(call(&t->b, "PUT", MAPS "/m", "", map_json(json, "m", "3", rv)), 409);
	assert_true(has(&t->b, "the object has been modified"));
	assert_int_equal(call(&t->b, "GET", MAPS "/m", "", NULL), 200);
	assert_true(has(&t->b, "\"k\":\"2\""));
}

static void test_other_objects_that_a_write_needs_are_fresh(void **state)
{
	struct both *t = *state;
	char json[256];

	assert_int_equal(call(&t->a, "POST", "/api/v1/namespaces", "", "{\"metadata\":{\"name\":\"new\"}}"), 201);
	assert_int_equal(call(&t->b, "POST", "/api/v1/namespaces/new/configmaps", "", map_json(json, "m", "1", "")), 201);
}

/* ---- who may ---- */

static void test_permissions_given_elsewhere_count_at_once(void **state)
{
	static const char *const groups[] = { "system:authenticated", NULL };
	static const struct user jane = { .name = "jane", .groups = groups };
	struct both *t = *state;

	assert_int_equal(fixture_call_as(&t->b, &jane, "GET", MAPS, "", JSON, NULL), 403);
	assert_int_equal(call(&t->a, "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "",
		"{\"metadata\":{\"name\":\"jane\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\","
		"\"name\":\"view\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"jane\"}]}"), 201);
	assert_int_equal(fixture_call_as(&t->b, &jane, "GET", MAPS, "", JSON, NULL), 200);
}

/* ---- the store is away ---- */

static void test_a_store_that_is_away_is_told(void **state)
{
	static const int why[] = { -ERR_UNAVAILABLE, -ERR_DEADLINE };
	static const char *const groups[] = { "system:authenticated", NULL };
	static const struct user jane = { .name = "jane", .groups = groups };
	struct both *t = *state;
	char json[256];

	assert_int_equal(call(&t->b, "POST", MAPS, "", map_json(json, "m", "1", "")), 201);
	for (size_t i = 0; i < 2; i++) {
		twin_of(t->b.store)->refuse = why[i];
		assert_int_equal(call(&t->b, "GET", MAPS "/m", "", NULL), 503);
		assert_true(has(&t->b, "\"retryAfterSeconds\":1"));
		assert_int_equal(call(&t->b, "GET", MAPS, "", NULL), 503);
		assert_int_equal(call(&t->b, "GET", MAPS "/m", "resourceVersion=0", NULL), 200);
		assert_int_equal(call(&t->b, "GET", MAPS, "resourceVersion=0", NULL), 200);
		assert_int_equal(call(&t->b, "DELETE", MAPS "/none", "", NULL), 503);
		/* Nor can anybody tell who may do what, and which kinds there are. */
		assert_int_equal(fixture_call_as(&t->b, &jane, "GET", MAPS, "resourceVersion=0", JSON, NULL), 503);
		assert_true(has(&t->b, "\"retryAfterSeconds\":1"));
		assert_int_equal(call(&t->b, "GET", "/apis/example.com/v1/things", "resourceVersion=0", NULL), 503);
		assert_int_equal(call(&t->b, "GET", "/readyz", "", NULL), 500);
		assert_true(has(&t->b, "[-]etcd failed"));
		assert_int_equal(call(&t->b, "GET", "/livez/etcd", "", NULL), 500);
		assert_int_equal(call(&t->b, "GET", "/livez/ping", "", NULL), 200);
		assert_int_equal(call(&t->b, "GET", "/livez", "exclude=etcd&exclude=etcd-readiness", NULL), 200);
	}
	twin_of(t->b.store)->refuse = 0;
	assert_int_equal(fixture_call_as(&t->b, &jane, "GET", MAPS, "", JSON, NULL), 403);
	assert_int_equal(call(&t->b, "GET", "/apis/example.com/v1/things", "", NULL), 404);
	assert_int_equal(call(&t->b, "GET", "/readyz", "", NULL), 200);
	assert_int_equal(call(&t->b, "GET", MAPS "/m", "", NULL), 200);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_reads_see_what_another_server_acknowledged),
		T(test_reads_from_what_is_there_ask_nobody),
		T(test_writes_go_on_from_what_another_server_acknowledged),
		T(test_what_is_not_current_still_conflicts),
		T(test_other_objects_that_a_write_needs_are_fresh),
		T(test_permissions_given_elsewhere_count_at_once),
		T(test_a_store_that_is_away_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
