/* SPDX-License-Identifier: Apache-2.0 */
/* stream - what needs a connection: watches, forms of answers, who is at the door. */
#include "conn.h"

#define CM "/api/v1/namespaces/default/configmaps"

static int open_fixture(void **state)
{
	struct api_config cfg = { 0 };

	conn_open(&cfg);
	return 0;
}

static int close_fixture(void **state)
{
	conn_close();
	return 0;
}

static void the_door(void **state)
{
	struct conn c;

	ask(&c, "GET", CM, "");
	wait_for(&c, "User \\\"system:anonymous\\\" cannot list resource \\\"configmaps\\\"");
	hang_up(&c);
	ask(&c, "GET", CM, "authorization: Bearer wrong\r\n");
	wait_for(&c, "HTTP/1.1 401");
	wait_for(&c, "\"message\":\"Unauthorized\",\"reason\":\"Unauthorized\",\"code\":401");
	hang_up(&c);
	ask(&c, "GET", CM, ROOT "impersonate-user: bob\r\n");
	wait_for(&c, "User \\\"bob\\\" cannot list resource \\\"configmaps\\\"");
	hang_up(&c);
	ask(&c, "GET", "/healthz", "audit-id: my-own-id\r\n");
	wait_for(&c, "audit-id: my-own-id");
	hang_up(&c);
}

/* What is asked for by its media type, and what the answer has. */
static void forms(void **state)
{
	static const struct { const char *path, *accept, *want[2]; } cases[] = {
		{ CM "/form", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
			{ "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\"", "\"rows\":[{\"cells\":[\"form\",1," } },
		{ CM, "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
			{ "\"items\":[{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{\"name\":\"form\"" } },
		{ CM "/form", "application/vnd.kubernetes.protobuf,application/json",
			{ "content-type: application/vnd.kubernetes.protobuf", "ConfigMap" } },
		{ CM "/form", "text/plain",
			{ "HTTP/1.1 406" } },
		{ "/apis", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
			{ "content-type: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", "\"kind\":\"APIGroupDiscoveryList\"" } },
		{ "/apis", "application/json,application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
			{ "\"kind\":\"APIGroupList\"" } },
		{ "/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf,application/json",
			{ "content-type: application/com.github.proto-openapi.spec.v2.v1.0+protobuf" } },
		{ "/openapi/v2", "text/html,application/com.github.proto-openapi.spec.v2.v1.0+protobuf;q=0.5,*/*",
			{ "content-type: application/json" } },
		{ "/openapi/v3/apis/apps/v1", "image/png",
			{ "HTTP/1.1 406" } },
	};
	struct conn c;
	char headers[300];

	assert_int_equal(fixture_call(&f, "POST", CM, NULL, NULL, "{\"metadata\":{\"name\":\"form\"},\"data\":{\"k\":\"v\"}}"), 201);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(headers, sizeof(headers), ROOT "accept: %s\r\n", cases[i].accept);
		ask(&c, "GET", cases[i].path, headers);
		for (int w = 0; w < 2 && cases[i].want[w]; w++)
			wait_for(&c, cases[i].want[w]);
		hang_up(&c);
	}
}

static void a_watch_follows(void **state)
{
	struct conn all, odd;

	assert_int_equal(fixture_call(&f, "POST", CM, NULL, NULL, "{\"metadata\":{\"name\":\"w\",\"labels\":{\"odd\":\"yes\"}}}"), 201);
	ask(&all, "GET", CM "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", ROOT);
	wait_for(&all, "{\"type\":\"ADDED\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"");
	wait_for(&all, "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":");
	wait_for(&all, "\"k8s.io/initial-events-end\":\"true\"");
	ask(&odd, "GET", CM "?watch=1&labelSelector=odd%3Dyes", ROOT);
	wait_for(&odd, "\"type\":\"ADDED\"");
	assert_int_equal(fixture_call(&f, "PATCH", CM "/w", NULL, "application/merge-patch+json",
		"{\"metadata\":{\"labels\":{\"odd\":\"no\"}}}"), 200);
	wait_for(&all, "\"type\":\"MODIFIED\"");
	/* Out of the selection: deleted, as it was, at the revision of the change. */
	wait_for(&odd, "\"type\":\"DELETED\"");
	wait_for(&odd, "\"labels\":{\"odd\":\"yes\"}");
	assert_null(memmem(odd.in.p, odd.in.len, "MODIFIED", 8));
	assert_int_equal(fixture_call(&f, "DELETE", CM "/w", NULL, NULL, NULL), 200);
	wait_for(&all, "\"type\":\"DELETED\"");
	hang_up(&all);
	hang_up(&odd);
}

static void a_forgotten_revision_is_told(void **state)
{
	struct conn c;

	/* What is to come is waited for; to be shown at least that is not possible. */
	ask(&c, "GET", CM "?watch=1&resourceVersion=99999999", ROOT);
	wait_for(&c, "HTTP/1.1 200");
	hang_up(&c);
	ask(&c, "GET", CM "?watch=1&resourceVersion=99999999&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", ROOT);
	wait_for(&c, "Too large resource version");
	hang_up(&c);
	ask(&c, "GET", CM "?watch=1&resourceVersion=5&resourceVersionMatch=Exact", ROOT);
	wait_for(&c, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
	hang_up(&c);
}

/* A pod that waits for its account, and nobody for it. */
static void whoever_leaves_ends_the_wait_for_an_account(void **state)
{
	static const char pod[] = "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]}}";
	const struct linger at_once = { .l_onoff = 1 };
	struct conn c;
	char headers[200];

	snprintf(headers, sizeof(headers), ROOT "content-type: application/json\r\ncontent-length: %zu\r\n", sizeof(pod) - 1);
	ask(&c, "POST", "/api/v1/namespaces/default/pods", headers);
	assert_int_equal(write(c.fd, pod, sizeof(pod) - 1), sizeof(pod) - 1);
	for (int i = 0; i < 10; i++)
		loop_turn(f.loop, 5);
	assert_false(list_empty(&f.api->calls));
	/* A mere end of what it sends leaves it waiting for the answer. */
	setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	hang_up(&c);
	assert_true(list_empty(&f.api->calls));
}

static void draining_ends_watches(void **state)
{
	struct conn c, marked;
	char last[60];

	ask(&c, "GET", CM "?watch=1", ROOT);
	wait_for(&c, "HTTP/1.1 200");
	ask(&marked, "GET", CM "?watch=1&allowWatchBookmarks=true", ROOT);
	wait_for(&marked, "HTTP/1.1 200");
	/* Of another resource: the watch is as far as the log is. */
	assert_int_equal(fixture_call(&f, "POST", "/api/v1/namespaces", NULL, NULL, "{\"metadata\":{\"name\":\"aside\"}}"), 201);
	api_retire(f.api);
	assert_false(api_ready(f.api));
	assert_int_equal(fixture_call(&f, "POST", CM, NULL, NULL, "{\"metadata\":{\"name\":\"in-time\"}}"), 201);
	wait_for(&c, "in-time");
	snprintf(last, sizeof(last), "\"resourceVersion\":\"%lld\"}}}", (long long)cache_rev(f.cache));
	api_drain(f.api);
	wait_for(&c, "0\r\n\r\n");
	assert_null(strstr(c.in.p, "BOOKMARK"));
	hang_up(&c);
	wait_for(&marked, "BOOKMARK");
	wait_for(&marked, last);
	wait_for(&marked, "0\r\n\r\n");
	hang_up(&marked);
	ask(&c, "GET", "/readyz", "");
	wait_for(&c, "[-]shutdown failed");
	hang_up(&c);
	assert_int_equal(fixture_call(&f, "POST", CM, NULL, NULL, "{\"metadata\":{\"name\":\"late\"}}"), 503);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_door),
		cmocka_unit_test(forms),
		cmocka_unit_test(a_watch_follows),
		cmocka_unit_test(a_forgotten_revision_is_told),
		cmocka_unit_test(whoever_leaves_ends_the_wait_for_an_account),
		cmocka_unit_test(draining_ends_watches),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
