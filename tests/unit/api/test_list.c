/* SPDX-License-Identifier: Apache-2.0 */
/* list - pages whose revision is forgotten, and watches that come too late. */
#include "conn.h"

#define CM "/api/v1/namespaces/kube-public/configmaps"

static int open_fixture(void **state)
{
	struct api_config cfg = { 0 };

	conn_open(&cfg);
	for (int i = 0; i < 6; i++) {
		char body[64];

		snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"c%d\"}}", i);
		assert_int_equal(fixture_call(&f, "POST", CM, NULL, NULL, body), 201);
	}
	return 0;
}

static int close_fixture(void **state)
{
	conn_close();
	return 0;
}

static void token_of(char out[512], const char *limit)
{
	const char *p = strstr(f.body.p, "\"continue\":\"");

	assert_non_null(p);
	p += strlen("\"continue\":\"");
	snprintf(out, 512, "%s&continue=%.*s", limit, (int)(strchr(p, '"') - p), p);
}

/* Source: conformance, "should support continue listing from the last key if the
 * original version has been compacted away". */
static void a_forgotten_page_goes_on_inconsistently(void **state)
{
	char query[512], rev[64];

	assert_int_equal(fixture_call(&f, "GET", CM, "limit=2", NULL, NULL), 200);
	snprintf(rev, sizeof(rev), "{\"resourceVersion\":\"%lld\"", (long long)cache_rev(f.cache));
	assert_non_null(strstr(f.body.p, rev));
	token_of(query, "limit=2");
	/* Nobody wrote to this resource: the revision is forgotten all the same. */
	assert_int_equal(fixture_call(&f, "POST", "/api/v1/namespaces/default/secrets", NULL, NULL,
		"{\"metadata\":{\"generateName\":\"s-\"}}"), 201);
	assert_int_equal(fixture_call(&f, "GET", CM, query, NULL, NULL), 200);
	assert_int_equal(store_compact(f.store, cache_rev(f.cache)), 0);
	assert_int_equal(fixture_call(&f, "GET", CM, query, NULL, NULL), 410);
	assert_non_null(strstr(f.body.p, "\"reason\":\"Expired\""));
	assert_non_null(strstr(f.body.p, "The provided continue parameter is too old to display a consistent list result."));
	token_of(query, "limit=2");
	assert_int_equal(fixture_call(&f, "GET", CM, query, NULL, NULL), 200);
	assert_null(strstr(f.body.p, rev));
	assert_non_null(strstr(f.body.p, "\"name\":\"c2\""));
	assert_non_null(strstr(f.body.p, "\"name\":\"c3\""));
	assert_null(strstr(f.body.p, "\"name\":\"c1\""));
	assert_non_null(strstr(f.body.p, "\"remainingItemCount\":2"));
	token_of(query, "limit=2");
	assert_int_equal(fixture_call(&f, "GET", CM, query, NULL, NULL), 200);
	assert_non_null(strstr(f.body.p, "\"name\":\"c5\""));
	assert_null(strstr(f.body.p, "\"continue\""));
}

static void an_exact_revision_may_be_forgotten(void **state)
{
	char query[80];

	snprintf(query, sizeof(query), "resourceVersion=%lld&resourceVersionMatch=Exact", (long long)cache_rev(f.cache));
	assert_int_equal(fixture_call(&f, "DELETE", CM "/c0", NULL, NULL, NULL), 200);
	assert_int_equal(fixture_call(&f, "GET", CM, query, NULL, NULL), 200);
	assert_non_null(strstr(f.body.p, "\"name\":\"c0\""));
	assert_int_equal(store_compact(f.store, cache_rev(f.cache)), 0);
	assert_int_equal(fixture_call(&f, "GET", CM, query, NULL, NULL), 410);
	assert_non_null(strstr(f.body.p, "The resourceVersion for the provided list is too old."));
}

/* A resource's history is cut by what it costs: then a watch from its beginning is too late. */
static void a_watch_that_comes_too_late_is_told_in_the_stream(void **state)
{
	int64_t rev = cache_rev(f.cache);
	static const char head[] = "{\"metadata\":{\"name\":\"c1\"},\"data\":{\"k\":\"";
	char path[120], *body = malloc(1100000);
	struct conn c;

	memset(body, 'x', 1000100);
	memcpy(body, head, sizeof(head) - 1);
	for (int i = 0; i < 75; i++) {
		snprintf(body + 1000000, 40, "%d\"}}", i);
		assert_int_equal(fixture_call(&f, "PUT", CM "/c1", NULL, NULL, body), 200);
	}
	free(body);
	snprintf(path, sizeof(path), CM "?watch=1&resourceVersion=%lld", (long long)rev);
	ask(&c, "GET", path, ROOT);
	wait_for(&c, "HTTP/1.1 200");
	wait_for(&c, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\"");
	wait_for(&c, "too old resource version: ");
	wait_for(&c, "\"reason\":\"Expired\",\"code\":410}}");
	wait_for(&c, "0\r\n\r\n");
	hang_up(&c);
	ask(&c, "GET", path, ROOT "accept: application/vnd.kubernetes.protobuf\r\n");
	wait_for(&c, "\n\005ERROR\022");
	wait_for(&c, "Expired");
	hang_up(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_forgotten_page_goes_on_inconsistently),
		cmocka_unit_test(an_exact_revision_may_be_forgotten),
		cmocka_unit_test(a_watch_that_comes_too_late_is_told_in_the_stream),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
