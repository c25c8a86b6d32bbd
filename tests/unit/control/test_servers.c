/* SPDX-License-Identifier: Apache-2.0 */
/* servers - which API servers are there, and that the kubernetes Service leads to them; by an owned clock. */
#include "world.h"

#include "base/env.h"

static struct world w;
static int64_t clock_us = 1000000000;

static int64_t own_now(void *arg) { return clock_us; }
static int64_t own_wall(void *arg) { return INT64_C(1800000000000000) - clock_us * 3; }

static void some_random(void *arg, void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)rand();
}

#define LEASE_PATH "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"

static void turns(void)
{
	for (int i = 0; i < 40; i++)
		loop_turn(w.f.loop, 0);
}

static void pass(int64_t ms)
{
	for (; ms > 0; ms -= 100) {
		clock_us += 100000;
		for (int i = 0; i < 12; i++)
			loop_turn(w.f.loop, 0);
	}
}

static void server_open(const char *address, bool shared)
{
	static const struct env_ops ops = { own_now, own_wall, some_random, NULL };
	struct control_config cfg = { .part = CONTROL_SERVER, .address = address, .shared = shared, .client_as = world_client,
		.arg = &w };

	env_set(&ops);
	memset(&w, 0, sizeof(w));
	fixture_open(&w.f, "mem:", false);
	assert_int_equal(control_open(&w.control, w.f.loop, w.f.cache, &cfg, NULL), 0);
	turns();
}

static int server_close(void **state)
{
	world_close(&w);
	env_set(NULL);
	return 0;
}

/* Another server's Lease, made or renewed. */
static void renew(const char *name, const char *address, int n)
{
	char path[200], body[700];

	snprintf(path, sizeof(path), LEASE_PATH "/%s", name);
	snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"apiserver.kubernetes.io/identity\":\"kube-apiserver\"}"
		"%s%s%s},\"spec\":{\"holderIdentity\":\"%s_%d\",\"leaseDurationSeconds\":12}}", name,
		address ? ",\"annotations\":{\"sampan/address\":\"" : "", address ? address : "", address ? "\"}" : "", name, n);
	if (call(&w, "PATCH", path, body) == 404)
		must(&w, "POST", LEASE_PATH, body);
	turns();
}

/* "10.0.0.1,10.0.0.2:6443 10.0.0.1:7443" */
static const char *endpoints(void)
{
	static char text[600];
	yyjson_val *o = get(&w, "core/endpoints", "kubernetes"), *subset, *a;
	size_t i, max, j, jmax;

	text[0] = 0;
	if (!o)
		return "none";
	yyjson_arr_foreach(doc_get(o, "subsets"), i, max, subset) {
		yyjson_arr_foreach(doc_get(subset, "addresses"), j, jmax, a)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", j ? "," : i ? " " : "", doc_str(a, "ip"));
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ":%d",
			(int)doc_int(yyjson_arr_get_first(doc_get(subset, "ports")), "port", 0));
	}
	return text;
}

/* The addresses of all slices of the Service, "kubernetes=10.0.0.1,10.0.0.2:6443 kubernetes-...=..." */
static const char *slices(void)
{
	static char text[900];
	struct found x = all(&w, "discovery.k8s.io/endpointslices");

	text[0] = 0;
	for (size_t n = 0; n < x.n; n++) {
		yyjson_val *e, *o = cache_tree(x.v[n]);
		size_t i, max;

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", n ? " " : "", x.v[n]->name);
		yyjson_arr_foreach(doc_get(o, "endpoints"), i, max, e)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%c%s", i ? ',' : '=',
				yyjson_get_str(yyjson_arr_get_first(doc_get(e, "addresses"))));
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ":%d",
			(int)doc_int(yyjson_arr_get_first(doc_get(o, "ports")), "port", 0));
	}
	return text;
}

static const struct {
	const char *name, *self, *others[3];
	const char *endpoints, *slices;
} address_cases[] = {
	{ "one", "10.0.0.1:6443", { NULL }, "10.0.0.1:6443", "kubernetes=10.0.0.1:6443" },
	{ "three, sorted", "10.0.0.2:6443", { "10.0.0.3:6443", "10.0.0.1:6443" }, "10.0.0.1,10.0.0.2,10.0.0.3:6443",
		"kubernetes=10.0.0.1,10.0.0.2,10.0.0.3:6443" },
	{ "two ports", "10.0.0.1:7443", { "10.0.0.1:6443" }, "10.0.0.1:6443 10.0.0.1:7443",
		"kubernetes=10.0.0.1:6443 kubernetes-7443-ipv4=10.0.0.1:7443" },
	{ "two families", "10.0.0.1:6443", { "[fd00::1]:6443" }, "10.0.0.1,fd00::1:6443",
		"kubernetes=10.0.0.1:6443 kubernetes-6443-ipv6=fd00::1:6443" },
	{ "one that only its machine reaches", "10.0.0.1:6443", { "127.0.0.1:6443", "[::1]:6443" }, "10.0.0.1:6443",
		"kubernetes=10.0.0.1:6443" },
	{ "words for an address", "10.0.0.1:6443", { "somewhere:6443", "10.0.0.2", "10.0.0.2:0" }, "10.0.0.1:6443",
		"kubernetes=10.0.0.1:6443" },
	{ "nobody can reach it", "127.0.0.1:6443", { NULL }, "none", "" },
};

static void the_service_leads_to_the_servers_that_are_there(void **state)
{
	for (size_t i = 0; i < sizeof(address_cases) / sizeof(*address_cases); i++) {
		server_open(address_cases[i].self, true);
		for (int j = 0; j < 3 && address_cases[i].others[j]; j++) {
			char name[40];
			snprintf(name, sizeof(name), "apiserver-%d", j);
			renew(name, address_cases[i].others[j], 0);
		}
		if (strcmp(endpoints(), address_cases[i].endpoints) != 0 || strcmp(slices(), address_cases[i].slices) != 0)
			fail_msg("%s: %s; %s", address_cases[i].name, endpoints(), slices());
		server_close(NULL);
	}
	server_open("10.0.0.1:6443", true);
}

static void nothing_is_written_while_nothing_changes(void **state)
{
	server_open("10.0.0.1:6443", false);
	pass(2000);
	int64_t rev = cache_rev(w.f.cache);
	pass(600000);
	assert_int_equal(cache_rev(w.f.cache), rev);
}

static void a_dead_server_leaves_within_fifteen_seconds(void **state)
{
	server_open("10.0.0.1:6443", true);
	renew("apiserver-b", "10.0.0.2:6443", 0);
	for (int i = 1; i <= 10; i++) {
		pass(4000);
		renew("apiserver-b", "10.0.0.2:6443", i);
	}
	assert_string_equal(endpoints(), "10.0.0.1,10.0.0.2:6443");
	pass(7000);
	assert_string_equal(endpoints(), "10.0.0.1,10.0.0.2:6443");
	pass(8000);
	assert_string_equal(endpoints(), "10.0.0.1:6443");
	assert_string_equal(slices(), "kubernetes=10.0.0.1:6443");
	assert_null(cache_get(w.f.cache, "coordination.k8s.io/leases", "kube-system", "apiserver-b"));
	renew("apiserver-b", "10.0.0.2:6443", 11);      /* it was only slow */
	assert_string_equal(endpoints(), "10.0.0.1,10.0.0.2:6443");
}

static void a_server_that_could_not_write_itself_judges_nobody(void **state)
{
	server_open("10.0.0.1:6443", true);
	renew("apiserver-b", "10.0.0.2:6443", 0);
	clock_us += 600000000;         /* held, or cut off from the store: none of our renewals arrived */
	turns();
	assert_string_equal(endpoints(), "10.0.0.1,10.0.0.2:6443");
	renew("apiserver-b", "10.0.0.2:6443", 1);
	pass(8000);
	assert_string_equal(endpoints(), "10.0.0.1,10.0.0.2:6443");
}

static void a_server_that_leaves_is_out_at_once(void **state)
{
	server_open("10.0.0.1:6443", true);
	renew("apiserver-b", "10.0.0.2:6443", 0);
	must(&w, "DELETE", LEASE_PATH "/apiserver-b", NULL);
	turns();
	assert_string_equal(endpoints(), "10.0.0.1:6443");
}

static void alone_another_server_is_of_the_past(void **state)
{
	server_open("10.0.0.1:6443", false);
	renew("apiserver-old", "10.0.0.9:6443", 0);
	assert_null(cache_get(w.f.cache, "coordination.k8s.io/leases", "kube-system", "apiserver-old"));
	assert_string_equal(endpoints(), "10.0.0.1:6443");
}

static void a_lease_of_something_else_lasts_as_long_as_it_says(void **state)
{
	server_open("10.0.0.1:6443", false);
	renew("other", NULL, 0);
	pass(11000);
	assert_non_null(cache_get(w.f.cache, "coordination.k8s.io/leases", "kube-system", "other"));
	pass(2000);
	assert_null(cache_get(w.f.cache, "coordination.k8s.io/leases", "kube-system", "other"));
}

static void what_is_deleted_comes_back(void **state)
{
	static const char *const paths[] = { "/api/v1/namespaces/default/endpoints/kubernetes",
		"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes" };
	char own[600];

	server_open("10.0.0.1:6443", true);
	for (size_t i = 0; i < 2; i++) {
		must(&w, "DELETE", paths[i], NULL);
		turns();
		assert_string_equal(endpoints(), "10.0.0.1:6443");
		assert_string_equal(slices(), "kubernetes=10.0.0.1:6443");
	}
	assert_int_equal(control_server_path(own, sizeof(own)), 0);
	must(&w, "DELETE", own, NULL);
	turns();
	must(&w, "GET", own, NULL);
	must(&w, "PATCH", paths[0], "{\"subsets\":[{\"addresses\":[{\"ip\":\"10.9.9.9\"}],\"ports\":[{\"port\":1}]}]}");
	turns();
	assert_string_equal(endpoints(), "10.0.0.1:6443");
}

int main(void)
{
#define CLOSES(test) cmocka_unit_test_teardown(test, server_close)
	const struct CMUnitTest tests[] = {
		CLOSES(the_service_leads_to_the_servers_that_are_there),
		CLOSES(nothing_is_written_while_nothing_changes),
		CLOSES(a_dead_server_leaves_within_fifteen_seconds),
		CLOSES(a_server_that_could_not_write_itself_judges_nobody),
		CLOSES(a_server_that_leaves_is_out_at_once),
		CLOSES(alone_another_server_is_of_the_past),
		CLOSES(a_lease_of_something_else_lasts_as_long_as_it_says),
		CLOSES(what_is_deleted_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
