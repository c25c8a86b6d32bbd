/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that Services and pods lead to, as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net/plan.h"

#define ROW4 { true, "10.244.0.0/24", "10.244.0.0/16", "", "10.96.0.0/16", "10.96.0.10", "172.16.3.4", NULL }
#define ROW6 { true, "fd00:2::/64", PLAN_CLUSTER_SET, " & ffff:ffff:ffff:ffff::", "fd00:96::/112", "fd00:96::a", "fd00:1::4", NULL }
static const struct plan_base base = { "t", { ROW4 } }, dual = { "t", { ROW4, ROW6 } }, six = { "t", { { false }, ROW6 } };

#define EP(a, p, r, l) { .ip = a, .port_name = "", .port = p, .ready = r, .local = l }

static const char *const one_ip[] = { "10.96.0.5", NULL }, *const no_ip[] = { NULL };
static const char *const two_families[] = { "10.96.0.5", "fd00::5", NULL };
static const char *const external[] = { "192.0.2.7", NULL }, *const foreign[] = { "172.16.0.1", NULL };
static const struct net_port http[] = { { "", "TCP", 80, 0 } };
static const struct net_port http_node[] = { { "", "TCP", 80, 30080 } };
static const struct net_port both[] = { { "dns", "UDP", 53, 0 }, { "dns-tcp", "TCP", 53, 0 } };
static const struct net_endpoint two[] = { EP("10.244.0.2", 8080, true, true), EP("10.244.1.3", 8080, true, false) };
static const struct net_endpoint unready[] = { EP("10.244.0.2", 8080, false, true) };
static const struct net_endpoint named[] = { { .ip = "10.244.0.2", .port_name = "dns", .port = 53, .ready = true },
	{ .ip = "10.244.0.2", .port_name = "dns-tcp", .port = 5353, .ready = true } };

static const struct net_endpoint elsewhere[] = { EP("10.244.1.3", 8080, true, false) };
static const struct net_endpoint draining[] = { { .ip = "10.244.0.2", .port_name = "", .port = 8080, .draining = true } };
static const char *const ranges[] = { "198.51.100.7/32", "192.0.2.128/25", "192.0.2.9/24", "fd00::/8", "192.0.2.4/32", NULL };
static const char *const own_range[] = { "172.16.0.0/16", NULL }, *const everybody[] = { "10.0.0.0/8", "0.0.0.0/0", NULL };

static const char *const one_ip6[] = { "fd00:96::5", NULL }, *const balancer6[] = { "fd00:8::1", NULL };
static const struct net_endpoint mixed[] = { EP("10.244.0.2", 8080, true, true), EP("fd00:2::2", 8080, true, true),
	EP("fd00:2:0:1::3", 8080, true, false) };

#define SVC(ip_list, ext_list, p, e) .ns = "d", .name = "s", .ips = ip_list, .external_ips = ext_list, \
	.ports = p, .port_count = sizeof(p) / sizeof(*(p)), .eps = e, .ep_count = sizeof(e) / sizeof(*(e))

static const struct {
	const char *name;
	struct net_service s;
	const char *text;
} service_cases[] = {
	{ "two endpoints share the load", { SVC(one_ip, NULL, http, two) },
		"in-tcp-2:\n"
		"ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 2 map @ends-tcp\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 0 : 10.244.0.2 . 8080 }\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 1 : 10.244.1.3 . 8080 }\n"
		"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-2 }\n" },
	{ "the other family's address is left to the other family", { SVC(two_families, NULL, http, two) },
		"in-tcp-2:\n"
		"ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 2 map @ends-tcp\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 0 : 10.244.0.2 . 8080 }\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 1 : 10.244.1.3 . 8080 }\n"
		"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-2 }\n" },
	{ "nobody ready: nothing, the range refuses", { SVC(one_ip, NULL, http, unready) },
		"" },
	{ "nobody ready, outside of the range: refused by name", { SVC(foreign, NULL, http, unready) },
		"add element ip t refused { 172.16.0.1 . tcp . 80 }\n" },
	{ "unready endpoints that are to be published", { SVC(one_ip, NULL, http, unready), .publish_not_ready = true },
		"in-tcp-1:\n"
		"ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 1 map @ends-tcp\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 0 : 10.244.0.2 . 8080 }\n"
		"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-1 }\n" },
	{ "nobody is ready, one still serves while it ends", { SVC(one_ip, NULL, http, draining) },
		"in-tcp-1:\n"
		"ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 1 map @ends-tcp\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 0 : 10.244.0.2 . 8080 }\n"
		"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-1 }\n" },
	{ "headless has names only", { SVC(no_ip, NULL, http, two) },
		"" },
	{ "an alias has a name only", { SVC(one_ip, NULL, http, two), .external_name = "example.com" },
		"" },
	{ "one number, two protocols, endpoints by port name", { SVC(one_ip, NULL, both, named) },
		"in-tcp-1:\n"
		"ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 1 map @ends-tcp\n"
		"in-udp-1:\n"
		"ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . udp dport . numgen random mod 1 map @ends-udp\n"
		"add element ip t ends-tcp { 10.96.0.5 . 53 . 0 : 10.244.0.2 . 5353 }\n"
		"add element ip t ends-udp { 10.96.0.5 . 53 . 0 : 10.244.0.2 . 53 }\n"
		"add element ip t services { 10.96.0.5 . tcp . 53 : goto in-tcp-1 }\n"
		"add element ip t services { 10.96.0.5 . udp . 53 : goto in-udp-1 }\n" },
	{ "from outside: a node port and an address, masqueraded", { SVC(one_ip, external, http_node, two) },
		"ext-tcp-2:\n"
		"meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 2 map @ends-tcp\n"
		"in-tcp-2:\n"
		"ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 2 map @ends-tcp\n"
		"node-ext-tcp-2:\n"
		"meta mark set meta mark | 0x4000\n"
		"dnat ip to tcp dport . numgen random mod 2 map @node-ends-tcp\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 0 : 10.244.0.2 . 8080 }\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 1 : 10.244.1.3 . 8080 }\n"
		"add element ip t ends-tcp { 192.0.2.7 . 80 . 0 : 10.244.0.2 . 8080 }\n"
		"add element ip t ends-tcp { 192.0.2.7 . 80 . 1 : 10.244.1.3 . 8080 }\n"
		"add element ip t node-ends-tcp { 30080 . 0 : 10.244.0.2 . 8080 }\n"
		"add element ip t node-ends-tcp { 30080 . 1 : 10.244.1.3 . 8080 }\n"
		"add element ip t nodeports { tcp . 30080 : goto node-ext-tcp-2 }\n"
		"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-2 }\n"
		"add element ip t services { 192.0.2.7 . tcp . 80 : goto ext-tcp-2 }\n" },
	{ "from outside to this node's pods only, the client's address kept", { SVC(one_ip, NULL, http_node, two), .external_local = true },
		"in-tcp-2:\n"
		"ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 2 map @ends-tcp\n"
		"node-loc-tcp-2-1:\n"
		"ip saddr 10.244.0.0/16 dnat ip to tcp dport . numgen random mod 2 map @node-ends-tcp\n"
		"fib saddr type local meta mark set meta mark | 0x4000\n"
		"fib saddr type local dnat ip to tcp dport . numgen random mod 2 map @node-ends-tcp\n"
		"dnat ip to tcp dport . numgen random mod 1 offset 65536 map @node-ends-tcp\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 0 : 10.244.0.2 . 8080 }\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 1 : 10.244.1.3 . 8080 }\n"
		"add element ip t node-ends-tcp { 30080 . 0 : 10.244.0.2 . 8080 }\n"
		"add element ip t node-ends-tcp { 30080 . 1 : 10.244.1.3 . 8080 }\n"
		"add element ip t node-ends-tcp { 30080 . 65536 : 10.244.0.2 . 8080 }\n"
		"add element ip t nodeports { tcp . 30080 : goto node-loc-tcp-2-1 }\n"
		"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-2 }\n" },
	{ "from outside to this node's pods only, and it has none", { SVC(one_ip, external, http, elsewhere), .external_local = true },
		"in-tcp-1:\n"
		"ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 1 map @ends-tcp\n"
		"loc-tcp-1-0:\n"
		"ip saddr 10.244.0.0/16 dnat ip to ip daddr . tcp dport . numgen random mod 1 map @ends-tcp\n"
		"fib saddr type local meta mark set meta mark | 0x4000\n"
		"fib saddr type local dnat ip to ip daddr . tcp dport . numgen random mod 1 map @ends-tcp\n"
		"drop\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 0 : 10.244.1.3 . 8080 }\n"
		"add element ip t ends-tcp { 192.0.2.7 . 80 . 0 : 10.244.1.3 . 8080 }\n"
		"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-1 }\n"
		"add element ip t services { 192.0.2.7 . tcp . 80 : goto loc-tcp-1-0 }\n" },
	{ "from within to this node's pods only", { SVC(one_ip, NULL, http, two), .internal_local = true },
		"in-tcp-1:\n"
		"ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 1 map @ends-tcp\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 0 : 10.244.0.2 . 8080 }\n"
		"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-1 }\n" },
	{ "from within to this node's pods only, and it has none: dropped, for elsewhere there are", { SVC(one_ip, NULL, http, elsewhere), .internal_local = true },
		"add element ip t services { 10.96.0.5 . tcp . 80 : drop }\n" },
	{ "a balancer's address, and who may come in by it", { SVC(one_ip, NULL, http, elsewhere), .balancer_ips = external, .source_ranges = ranges },
		"ext-tcp-1:\n"
		"meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 1 map @ends-tcp\n"
		"in-tcp-1:\n"
		"ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 1 map @ends-tcp\n"
		"add chain ip t guard-7\n"
		"add rule ip t guard-7 ip saddr { 192.0.2.0/24, 198.51.100.7/32 } return\n"
		"add rule ip t guard-7 drop\n"
		"add element ip t balancers { 192.0.2.7 }\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 0 : 10.244.1.3 . 8080 }\n"
		"add element ip t ends-tcp { 192.0.2.7 . 80 . 0 : 10.244.1.3 . 8080 }\n"
		"add element ip t guards { 192.0.2.7 . tcp . 80 : jump guard-7 }\n"
		"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-1 }\n"
		"add element ip t services { 192.0.2.7 . tcp . 80 : goto ext-tcp-1 }\n" },
	{ "the node may come in by it, and then asks from that address", { SVC(no_ip, NULL, http, elsewhere), .balancer_ips = external, .source_ranges = own_range },
		"ext-tcp-1:\n"
		"meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 1 map @ends-tcp\n"
		"add chain ip t guard-7\n"
		"add rule ip t guard-7 ip saddr { 172.16.0.0/16, 192.0.2.7/32 } return\n"
		"add rule ip t guard-7 drop\n"
		"add element ip t balancers { 192.0.2.7 }\n"
		"add element ip t ends-tcp { 192.0.2.7 . 80 . 0 : 10.244.1.3 . 8080 }\n"
		"add element ip t guards { 192.0.2.7 . tcp . 80 : jump guard-7 }\n"
		"add element ip t services { 192.0.2.7 . tcp . 80 : goto ext-tcp-1 }\n" },
	{ "a range of everybody is no guard", { SVC(no_ip, NULL, http, elsewhere), .balancer_ips = external, .source_ranges = everybody },
		"ext-tcp-1:\n"
		"meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 1 map @ends-tcp\n"
		"add element ip t balancers { 192.0.2.7 }\n"
		"add element ip t ends-tcp { 192.0.2.7 . 80 . 0 : 10.244.1.3 . 8080 }\n"
		"add element ip t services { 192.0.2.7 . tcp . 80 : goto ext-tcp-1 }\n" },
	{ "clients stay with their endpoint", { SVC(one_ip, NULL, http, unready), .publish_not_ready = true, .affinity_s = 60 },
		"add set ip t aff60-7-tcp-80-10.244.0.2-8080 { type ipv4_addr ; flags dynamic,timeout ; timeout 60s ; }\n"
		"add chain ip t all-7-tcp-80\n"
		"add chain ip t ep-7-tcp-80-10.244.0.2-8080\n"
		"add chain ip t svc-7-tcp-80\n"
		"add rule ip t all-7-tcp-80 ip saddr @aff60-7-tcp-80-10.244.0.2-8080 goto ep-7-tcp-80-10.244.0.2-8080\n"
		"add rule ip t all-7-tcp-80 numgen random mod 1 vmap { 0 : goto ep-7-tcp-80-10.244.0.2-8080 }\n"
		"add rule ip t ep-7-tcp-80-10.244.0.2-8080 update @aff60-7-tcp-80-10.244.0.2-8080 { ip saddr }\n"
		"add rule ip t ep-7-tcp-80-10.244.0.2-8080 meta l4proto tcp dnat ip to 10.244.0.2:8080\n"
		"add rule ip t svc-7-tcp-80 ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000\n"
		"add rule ip t svc-7-tcp-80 goto all-7-tcp-80\n"
		"add element ip t services { 10.96.0.5 . tcp . 80 : goto svc-7-tcp-80 }\n" },
};

static char *diff(const struct plan *old, const struct plan *new)
{
	struct buf out = { 0 };

	for (unsigned i = 0; !old && i < new->count && new->items[i].kind == PLAN_SHARED; i++)
		buf_printf(&out, "%s:\n%s", plan_name(new, &new->items[i]), plan_body(new, &new->items[i]));
	plan_diff_clear(&out, "t", old, new);
	plan_diff_fill(&out, "t", old, new);
	buf_adds(&out, "");
	return buf_take(&out, NULL);
}

static void test_services(void **state)
{
	for (size_t i = 0; i < sizeof(service_cases) / sizeof(*service_cases); i++) {
		struct plan p;
		char *text;

		print_message("%s\n", service_cases[i].name);
		assert_int_equal(plan_service(&p, &base, &service_cases[i].s, 7, NULL, NULL), 0);
		text = diff(NULL, &p);
		assert_string_equal(text ? text : "", service_cases[i].text);
		free(text);
		plan_finish(&p);
	}
}

static void test_a_change_speaks_of_itself_only(void **state)
{
	struct net_service s = { SVC(one_ip, NULL, http_node, two) };
	struct plan before, after, none = { 0 };
	char *text;

	assert_int_equal(plan_service(&before, &base, &s, 1, NULL, NULL), 0);
	text = diff(&before, &before);
	assert_string_equal(text ? text : "", "");
	free(text);

	s.ep_count = 1;
	assert_int_equal(plan_service(&after, &base, &s, 1, NULL, NULL), 0);
	text = diff(&before, &after);
	assert_string_equal(text, "delete element ip t ends-tcp { 10.96.0.5 . 80 . 1 }\n"
		"delete element ip t node-ends-tcp { 30080 . 1 }\n"
		"delete element ip t nodeports { tcp . 30080 }\n"
		"delete element ip t services { 10.96.0.5 . tcp . 80 }\n"
		"add element ip t nodeports { tcp . 30080 : goto node-ext-tcp-1 }\n"
		"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-1 }\n");
	free(text);

	text = diff(&after, &none);
	assert_string_equal(text, "delete element ip t ends-tcp { 10.96.0.5 . 80 . 0 }\n"
		"delete element ip t node-ends-tcp { 30080 . 0 }\n"
		"delete element ip t nodeports { tcp . 30080 }\n"
		"delete element ip t services { 10.96.0.5 . tcp . 80 }\n");
	free(text);
	plan_finish(&before);
	plan_finish(&after);
}

static void test_endpoints_that_stay_keep_their_numbers(void **state)
{
	static const struct net_endpoint many[] = { EP("10.244.0.2", 80, true, false), EP("10.244.0.3", 80, true, false),
		EP("10.244.0.4", 80, true, false), EP("10.244.0.5", 80, true, false) };
	struct net_endpoint now[5];
	struct net_service s = { SVC(one_ip, NULL, http, many) };
	static const struct { const char *name, *order, *text; } cases[] = {
		{ "in another order", "3120", "" },
		{ "one leaves: the last takes its place", "023", "delete element ip t ends-tcp { 10.96.0.5 . 80 . 1 }\n"
			"delete element ip t ends-tcp { 10.96.0.5 . 80 . 3 }\ndelete element ip t services { 10.96.0.5 . tcp . 80 }\n"
			"add element ip t ends-tcp { 10.96.0.5 . 80 . 1 : 10.244.0.5 . 80 }\n"
			"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-3 }\n" },
		{ "the last leaves", "012", "delete element ip t ends-tcp { 10.96.0.5 . 80 . 3 }\n"
			"delete element ip t services { 10.96.0.5 . tcp . 80 }\n"
			"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-3 }\n" },
		{ "one comes first", "40123", "delete element ip t services { 10.96.0.5 . tcp . 80 }\n"
			"add element ip t ends-tcp { 10.96.0.5 . 80 . 4 : 10.244.0.9 . 80 }\n"
			"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-5 }\n" },
		{ "one takes another's place", "4123", "delete element ip t ends-tcp { 10.96.0.5 . 80 . 0 }\n"
			"add element ip t ends-tcp { 10.96.0.5 . 80 . 0 : 10.244.0.9 . 80 }\n" },
		{ "one is listed twice", "01233", "delete element ip t services { 10.96.0.5 . tcp . 80 }\n"
			"add element ip t ends-tcp { 10.96.0.5 . 80 . 4 : 10.244.0.5 . 80 }\n"
			"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-5 }\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct plan before, after;
		char *text;

		print_message("%s\n", cases[i].name);
		s.eps = many;
		s.ep_count = 4;
		assert_int_equal(plan_service(&before, &base, &s, 1, NULL, NULL), 0);
		s.eps = now;
		for (s.ep_count = 0; cases[i].order[s.ep_count]; s.ep_count++)
			now[s.ep_count] = cases[i].order[s.ep_count] == '4' ? (struct net_endpoint)EP("10.244.0.9", 80, true, false) :
				many[cases[i].order[s.ep_count] - '0'];
		assert_int_equal(plan_service(&after, &base, &s, 1, &before, NULL), 0);
		text = diff(&before, &after);
		assert_string_equal(text ? text : "", cases[i].text);
		free(text);
		plan_finish(&before);
		plan_finish(&after);
	}
}

static void test_nothing_of_a_caller_gets_in_as_it_stands(void **state)
{
	static const struct net_endpoint evil[] = { EP("10.0.0.1 }\nflush ruleset\n#", 80, true, true),
		EP("10.244.0.2", 70000, true, true) };
	static const char *const ips[] = { "10.96.0.5; drop", "::1", NULL };
	static const struct net_port bad[] = { { "", "icmp", 80, 0 } };
	struct net_service s = { SVC(ips, ips, http_node, evil) };
	struct plan p;

	assert_int_equal(plan_service(&p, &base, &s, 1, NULL, NULL), 0);
	assert_int_equal(p.count, 0);
	plan_finish(&p);
	s.ips = one_ip;
	s.ports = bad;
	assert_int_equal(plan_service(&p, &base, &s, 1, NULL, NULL), -ERR_INVALID);
}

static void test_pods(void **state)
{
	static const struct plan_hostport ports[] = { { "TCP", "10.244.0.9", 8080, 80 }, { "UDP", "10.244.0.9", 53, 53 },
		{ "x", "10.244.0.9", 1, 1 } };
	static const struct plan_hostport ports6[] = { { "TCP", "10.244.0.9", 8080, 80 }, { "TCP", "fd00:2::9", 8080, 80 } };
	struct ip ips[IP_FAMILIES];
	struct plan p;
	char *text;

	assert_true(ip_parse_both(ips, "10.244.0.9,fd00:2::9", NULL));
	assert_int_equal(plan_pod(&p, &base, ips, ports, 3), 0);
	text = diff(NULL, &p);
	assert_string_equal(text, "add element ip t hairpin { 10.244.0.9 . 10.244.0.9 }\n"
		"add element ip t hostports { tcp . 8080 : 10.244.0.9 . 80 }\n"
		"add element ip t hostports { udp . 53 : 10.244.0.9 . 53 }\n");
	free(text);
	assert_true(plan_has(&p, PLAN_ELEMENT, IP4, "hostports", "tcp . 8080"));
	assert_false(plan_has(&p, PLAN_ELEMENT, IP4, "hostports", "tcp . 8081"));
	plan_finish(&p);
	assert_int_equal(plan_pod(&p, &dual, ips, ports6, 2), 0);
	text = diff(NULL, &p);
	assert_string_equal(text, "add element ip t hairpin { 10.244.0.9 . 10.244.0.9 }\n"
		"add element ip t hostports { tcp . 8080 : 10.244.0.9 . 80 }\n"
		"add element ip6 t hairpin { fd00:2::9 . fd00:2::9 }\n"
		"add element ip6 t hostports { tcp . 8080 : fd00:2::9 . 80 }\n");
	free(text);
	plan_finish(&p);
}

static void test_who_is_of_the_cluster_is_told_by_ranges_of_nodes(void **state)
{
	static const struct { const char *name, *ranges, *text; } cases[] = {
		{ "another node's", "10.244.1.0/24,fd00:2:0:1::/64", "add element ip6 t cluster { fd00:2:0:1:: }\n" },
		{ "this node's own is there already", "fd00:2::/64", "" },
		{ "longer ones are not looked up", "fd00:2:0:1::/80", "" },
		{ "of a family where one range says it", "10.244.1.0/24", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ip_range told[IP_FAMILIES];
		struct plan p;
		char *text;

		print_message("%s\n", cases[i].name);
		assert_true(ip_parse_ranges(told, cases[i].ranges, NULL));
		assert_int_equal(plan_member(&p, &dual, told), 0);
		text = diff(NULL, &p);
		assert_string_equal(text ? text : "", cases[i].text);
		free(text);
		plan_finish(&p);
	}
}

static const struct {
	const char *name;
	const struct plan_base *base;
	struct net_service s;
	const char *text;
} family_cases[] = {
	{ "both families, each to its own endpoints", &dual, { SVC(two_families, NULL, http_node, mixed) },
		"in-tcp-1:\n"
		"ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 1 map @ends-tcp\n"
		"node-ext-tcp-1:\n"
		"meta mark set meta mark | 0x4000\n"
		"dnat ip to tcp dport . numgen random mod 1 map @node-ends-tcp\n"
		"in-tcp-2:\n"
		"ip6 saddr & ffff:ffff:ffff:ffff:: != @cluster meta mark set meta mark | 0x4000\n"
		"dnat ip6 to ip6 daddr . tcp dport . numgen random mod 2 map @ends-tcp\n"
		"node-ext-tcp-2:\n"
		"meta mark set meta mark | 0x4000\n"
		"dnat ip6 to tcp dport . numgen random mod 2 map @node-ends-tcp\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 0 : 10.244.0.2 . 8080 }\n"
		"add element ip t node-ends-tcp { 30080 . 0 : 10.244.0.2 . 8080 }\n"
		"add element ip t nodeports { tcp . 30080 : goto node-ext-tcp-1 }\n"
		"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-1 }\n"
		"add element ip6 t ends-tcp { fd00::5 . 80 . 0 : fd00:2::2 . 8080 }\n"
		"add element ip6 t ends-tcp { fd00::5 . 80 . 1 : fd00:2:0:1::3 . 8080 }\n"
		"add element ip6 t node-ends-tcp { 30080 . 0 : fd00:2::2 . 8080 }\n"
		"add element ip6 t node-ends-tcp { 30080 . 1 : fd00:2:0:1::3 . 8080 }\n"
		"add element ip6 t nodeports { tcp . 30080 : goto node-ext-tcp-2 }\n"
		"add element ip6 t services { fd00::5 . tcp . 80 : goto in-tcp-2 }\n" },
	{ "one family has nobody: refused there", &dual, { SVC(two_families, NULL, http, two) },
		"in-tcp-2:\n"
		"ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000\n"
		"dnat ip to ip daddr . tcp dport . numgen random mod 2 map @ends-tcp\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 0 : 10.244.0.2 . 8080 }\n"
		"add element ip t ends-tcp { 10.96.0.5 . 80 . 1 : 10.244.1.3 . 8080 }\n"
		"add element ip t services { 10.96.0.5 . tcp . 80 : goto in-tcp-2 }\n"
		"add element ip6 t refused { fd00::5 . tcp . 80 }\n" },
	{ "IPv6 alone: affinity, Local, who may", &six,
		{ SVC(one_ip6, NULL, http_node, mixed), .balancer_ips = balancer6, .source_ranges = ranges, .affinity_s = 60, .external_local = true },
		"add set ip6 t aff60-7-tcp-80-fd00.2..2-8080 { type ipv6_addr ; flags dynamic,timeout ; timeout 60s ; }\n"
		"add set ip6 t aff60-7-tcp-80-fd00.2.0.1..3-8080 { type ipv6_addr ; flags dynamic,timeout ; timeout 60s ; }\n"
		"add chain ip6 t all-7-tcp-80\n"
		"add chain ip6 t ep-7-tcp-80-fd00.2..2-8080\n"
		"add chain ip6 t ep-7-tcp-80-fd00.2.0.1..3-8080\n"
		"add chain ip6 t ext-7-tcp-80\n"
		"add chain ip6 t guard-7\n"
		"add chain ip6 t svc-7-tcp-80\n"
		"add rule ip6 t all-7-tcp-80 ip6 saddr @aff60-7-tcp-80-fd00.2..2-8080 goto ep-7-tcp-80-fd00.2..2-8080\n"
		"add rule ip6 t all-7-tcp-80 ip6 saddr @aff60-7-tcp-80-fd00.2.0.1..3-8080 goto ep-7-tcp-80-fd00.2.0.1..3-8080\n"
		"add rule ip6 t all-7-tcp-80 numgen random mod 2 vmap { 0 : goto ep-7-tcp-80-fd00.2..2-8080, 1 : goto ep-7-tcp-80-fd00.2.0.1..3-8080 }\n"
		"add rule ip6 t ep-7-tcp-80-fd00.2..2-8080 update @aff60-7-tcp-80-fd00.2..2-8080 { ip6 saddr }\n"
		"add rule ip6 t ep-7-tcp-80-fd00.2..2-8080 meta l4proto tcp dnat ip6 to [fd00:2::2]:8080\n"
		"add rule ip6 t ep-7-tcp-80-fd00.2.0.1..3-8080 update @aff60-7-tcp-80-fd00.2.0.1..3-8080 { ip6 saddr }\n"
		"add rule ip6 t ep-7-tcp-80-fd00.2.0.1..3-8080 meta l4proto tcp dnat ip6 to [fd00:2:0:1::3]:8080\n"
		"add rule ip6 t ext-7-tcp-80 ip6 saddr & ffff:ffff:ffff:ffff:: @cluster goto all-7-tcp-80\n"
		"add rule ip6 t ext-7-tcp-80 fib saddr type local meta mark set meta mark | 0x4000\n"
		"add rule ip6 t ext-7-tcp-80 fib saddr type local goto all-7-tcp-80\n"
		"add rule ip6 t ext-7-tcp-80 ip6 saddr @aff60-7-tcp-80-fd00.2..2-8080 goto ep-7-tcp-80-fd00.2..2-8080\n"
		"add rule ip6 t ext-7-tcp-80 numgen random mod 1 vmap { 0 : goto ep-7-tcp-80-fd00.2..2-8080 }\n"
		"add rule ip6 t guard-7 ip6 saddr { fd00::/8 } return\n"
		"add rule ip6 t guard-7 drop\n"
		"add rule ip6 t svc-7-tcp-80 ip6 saddr & ffff:ffff:ffff:ffff:: != @cluster meta mark set meta mark | 0x4000\n"
		"add rule ip6 t svc-7-tcp-80 goto all-7-tcp-80\n"
		"add element ip6 t balancers { fd00:8::1 }\n"
		"add element ip6 t guards { fd00:8::1 . tcp . 80 : jump guard-7 }\n"
		"add element ip6 t nodeports { tcp . 30080 : goto ext-7-tcp-80 }\n"
		"add element ip6 t services { fd00:8::1 . tcp . 80 : goto ext-7-tcp-80 }\n"
		"add element ip6 t services { fd00:96::5 . tcp . 80 : goto svc-7-tcp-80 }\n" },
	{ "a node without IPv6 passes it over", &base, { SVC(one_ip6, NULL, http_node, mixed) },
		"" },
};

static void test_families(void **state)
{
	for (size_t i = 0; i < sizeof(family_cases) / sizeof(*family_cases); i++) {
		struct plan p;
		char *text;

		print_message("%s\n", family_cases[i].name);
		assert_int_equal(plan_service(&p, family_cases[i].base, &family_cases[i].s, 7, NULL, NULL), 0);
		text = diff(NULL, &p);
		assert_string_equal(text ? text : "", family_cases[i].text);
		free(text);
		plan_finish(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_a_change_speaks_of_itself_only),
		cmocka_unit_test(test_endpoints_that_stay_keep_their_numbers),
		cmocka_unit_test(test_nothing_of_a_caller_gets_in_as_it_stands),
		cmocka_unit_test(test_pods),
		cmocka_unit_test(test_who_is_of_the_cluster_is_told_by_ranges_of_nodes),
		cmocka_unit_test(test_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
