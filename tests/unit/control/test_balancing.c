/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of Services that are balanced, and from where their endpoints are best used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "control/address_pool.h"
#include "control/controllers.h"
#include "world.h"

#define BALANCED(name, more) "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"" name "\"}," \
	"\"spec\":{\"type\":\"LoadBalancer\",\"ports\":[{\"port\":80}]" more "}}"

static const char *address(struct world *w, const char *name)
{
	const char *ip = doc_str(get(w, "core/services", name), "status.loadBalancer.ingress.0.ip");

	return ip ? ip : "none";
}

static const struct {
	const char *name, *method, *path, *body;
	const char *a, *b, *c, *d;             /* the addresses then */
} steps[] = {
	{ "the first of the pool", "POST", "", BALANCED("a", ""), "192.0.2.10", "none", "none", "none" },
	{ "one that is asked for", "POST", "", BALANCED("b", ",\"loadBalancerIP\":\"198.51.100.7\""), "192.0.2.10", "198.51.100.7", "none", "none" },
	{ "one that is in use", "POST", "", BALANCED("c", ",\"loadBalancerIP\":\"192.0.2.10\""), "192.0.2.10", "198.51.100.7", "none", "none" },
	{ "it is free again", "DELETE", "/a", NULL, "none", "198.51.100.7", "192.0.2.10", "none" },
	{ "of another class", "POST", "", BALANCED("d", ",\"loadBalancerClass\":\"example.com/other\""), "none", "198.51.100.7", "192.0.2.10", "none" },
	{ "of our class", "POST", "", BALANCED("a", ",\"loadBalancerClass\":\"sampan.io/pool\""), "192.0.2.11", "198.51.100.7", "192.0.2.10", "none" },
	{ "another is asked for, which is in use", "PATCH", "/c", "{\"spec\":{\"loadBalancerIP\":\"198.51.100.7\"}}",
		"192.0.2.11", "198.51.100.7", "none", "none" },
	{ "and one out of the pool", "PATCH", "/c", "{\"spec\":{\"loadBalancerIP\":\"203.0.113.1\"}}", "192.0.2.11", "198.51.100.7", "none", "none" },
	{ "whichever", "PATCH", "/c", "{\"spec\":{\"loadBalancerIP\":null}}", "192.0.2.11", "198.51.100.7", "192.0.2.10", "none" },
	{ "no balancer any more", "PATCH", "/b", "{\"spec\":{\"type\":\"ClusterIP\",\"loadBalancerIP\":null}}", "192.0.2.11", "none", "192.0.2.10", "none" },
	{ "and a balancer again", "PATCH", "/b", "{\"spec\":{\"type\":\"LoadBalancer\"}}", "192.0.2.11", "198.51.100.7", "192.0.2.10", "none" },
	{ "the other class goes, and there is no address left", "DELETE", "/d", NULL, "192.0.2.11", "198.51.100.7", "192.0.2.10", "none" },
	{ "so one waits", "POST", "", BALANCED("d", ""), "192.0.2.11", "198.51.100.7", "192.0.2.10", "none" },
	{ "until another goes", "DELETE", "/c", NULL, "192.0.2.11", "198.51.100.7", "none", "192.0.2.10" },
	{ "what a stranger wrote is put right", "PATCH", "/d/status", "{\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.11\"}]}}}",
		"192.0.2.11", "198.51.100.7", "none", "192.0.2.10" },
};

static void balancers_get_addresses_of_the_pool(void **state)
{
	struct world w;
	char path[100];

	(void)state;
	world_open(&w);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		print_message("%s\n", steps[i].name);
		snprintf(path, sizeof(path), CORE "services%s", steps[i].path);
		must(&w, steps[i].method, path, steps[i].body);
		settle(&w);
		if (i % 2) {                   /* another server's controllers go on */
			world_restart(&w);
			settle(&w);
		}
		assert_string_equal(address(&w, "a"), steps[i].a);
		assert_string_equal(address(&w, "b"), steps[i].b);
		assert_string_equal(address(&w, "c"), steps[i].c);
		assert_string_equal(address(&w, "d"), steps[i].d);
	}
	assert_string_equal(doc_str(get(&w, "core/services", "d"), "status.loadBalancer.ingress.0.ipMode"), "VIP");
	world_close(&w);
}

static const struct { const char *text; int rc; } pools[] = {
	{ NULL, 0 }, { "192.0.2.0/24", 0 }, { "192.0.2.1", 0 }, { "192.0.2.1-192.0.2.9, 198.51.100.0/30", 0 },
	{ "", -ERR_INVALID }, { "192.0.2.9-192.0.2.1", -ERR_INVALID }, { "fd00::/120", 0 }, { "2001:db8::1-2001:db8::ffff:0:0:0, 192.0.2.1", 0 }, { "2001:db8::/32", 0 },
	{ "fd00::1-192.0.2.1", -ERR_INVALID }, { "fd00::2-fd00::1", -ERR_INVALID }, { "::/0", -ERR_INVALID }, { "fd00::1/64-fd00::9", -ERR_INVALID }, { "0.0.0.0/0", -ERR_INVALID },
	{ "10.0.0.0/15", -ERR_INVALID }, { "10.0.0.0/16", 0 }, { "10.0.0.0/16,10.1.0.0", -ERR_INVALID }, { "nonsense", -ERR_INVALID },
	{ "192.0.2.1-", -ERR_INVALID },
};

static void a_pool_is_ranges_of_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pools) / sizeof(*pools); i++)
		if (ctl_balancer_pool_set(pools[i].text) != pools[i].rc)
			fail_msg("%s", pools[i].text);
	assert_int_equal(ctl_balancer_pool_set(NULL), 0);
}

/* What a pool gives is what a list that is searched from its beginning would give. */
enum { SMALL = 40, ROUNDS = 20000 };

static void the_lowest_free_address_is_given(void **state)
{
	struct pool_ranges r;
	struct address_pool p = { .ranges = &r };
	static char ips[SMALL][46];
	bool held[SMALL] = { false };
	unsigned seed = 4711, full = 0;
	char ip[46];

	(void)state;
	assert_int_equal(pool_ranges_parse("2001:db8::/123,198.51.100.0/29,2001:db8:1::7", &r), 0);
	for (int i = 0; i < SMALL; i++)        /* the first 32 of IPv6 without the network's own, then the one, then IPv4 */
		snprintf(ips[i], sizeof(ips[i]), i < 31 ? "2001:db8::%x" : i == 31 ? "2001:db8:1::7" : "198.51.100.%d", i < 31 ? i + 1 : i - 32);
	for (int round = 0; round < ROUNDS; round++) {
		int first, end, at = -1, six, k;

		seed = seed * 1103515245 + 12345;
		k = (int)(seed >> 8) % SMALL;
		six = seed >> 28 & 1;
		first = six ? 0 : 32;
		end = six ? 32 : SMALL;
		for (int i = first; i < end && at < 0; i++)
			if (!held[i])
				at = i;
		assert_int_equal(pool_has_free(&p, six ? 6 : 4), at >= 0);
		switch (seed >> 24 & 3) {
		case 0:
		case 1:
			full += at < 0;
			assert_int_equal(pool_take(&p, six ? 6 : 4, held, ip), at < 0 ? -ERR_FULL : 0);
			if (at >= 0) {
				assert_string_equal(ip, ips[at]);
				held[at] = true;
			}
			break;
		case 2:
			assert_int_equal(pool_hold(&p, ips[k], &seed), held[k] ? -ERR_EXISTS : 0);
			if (!held[k])
				pool_give_back(&p, ips[k]);
			break;
		default:
			pool_give_back(&p, ips[k]);
			held[k] = false;
		}
	}
	assert_true(full > 100);
	assert_int_equal(pool_hold(&p, "2001:db8::", held), -ERR_NOT_FOUND);
	assert_int_equal(pool_hold(&p, "2001:db8::20", held), -ERR_NOT_FOUND);
	assert_int_equal(pool_hold(&p, "198.51.100.8", held), -ERR_NOT_FOUND);
	pool_finish(&p);
}

static const struct { const char *how, *zone, *node; } hints[] = {
	{ "null", "", "" }, { "\"PreferClose\"", "z1", "" }, { "\"PreferSameZone\"", "z1", "" }, { "\"PreferSameNode\"", "z1", "n1" },
	{ "null", "", "" },
};

static void endpoints_say_from_where_they_are_best_used(void **state)
{
	struct world w;
	char patch[100];

	(void)state;
	world_open(&w);
	node(&w, "n1");
	must(&w, "PATCH", "/api/v1/nodes/n1", "{\"metadata\":{\"labels\":{\"topology.kubernetes.io/zone\":\"z1\"}}}");
	must(&w, "POST", APPS "replicasets", WORKLOAD("ReplicaSet", "\"replicas\":1,"));
	must(&w, "POST", CORE "services", "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s\"},"
		"\"spec\":{\"selector\":{\"app\":\"x\"},\"ports\":[{\"port\":80}]}}");
	settle(&w);
	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++) {
		struct found slices;
		yyjson_val *slice = NULL;
		const char *zone, *place;

		snprintf(patch, sizeof(patch), "{\"spec\":{\"trafficDistribution\":%s}}", hints[i].how);
		must(&w, "PATCH", CORE "services/s", patch);
		settle(&w);
		slices = all(&w, "discovery.k8s.io/endpointslices");
		for (size_t k = 0; k < slices.n; k++)
			if (!strcmp(labels_get(&slices.v[k]->labels, "kubernetes.io/service-name"), "s"))
				slice = cache_tree(slices.v[k]);
		assert_int_equal(doc_len(slice, "endpoints"), 1);
		zone = doc_str(slice, "endpoints.0.hints.forZones.0.name");
		place = doc_str(slice, "endpoints.0.hints.forNodes.0.name");
		assert_string_equal(zone ? zone : "", hints[i].zone);
		assert_string_equal(place ? place : "", hints[i].node);
	}
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(balancers_get_addresses_of_the_pool),
		cmocka_unit_test(a_pool_is_ranges_of_addresses),
		cmocka_unit_test(the_lowest_free_address_is_given),
		cmocka_unit_test(endpoints_say_from_where_they_are_best_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
