/* SPDX-License-Identifier: Apache-2.0 */
/* Which endpoints serve, seen from a node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "net/choose.h"

/* An endpoint as letters: r ready, d not ready but serving while it ends, - neither; l on this
 * node; then hints: N this node, n another; Z this zone, z another. */
static const struct {
	const char *name, *eps[5], *all, *local;
	bool any;
} cases[] = {
	{ "all that are ready", { "r", "rl", "-l" }, "01", "1", true },
	{ "nobody", { NULL }, "", "", false },
	{ "nobody serves", { "-", "-l" }, "", "", false },
	{ "who ends serves when nobody is ready", { "d", "dl", "-" }, "01", "1", true },
	{ "who ends does not serve beside one that is ready", { "r", "d" }, "0", "", true },
	{ "but on its node, where nobody else is", { "r", "dl" }, "0", "1", true },
	{ "and not there when somebody is", { "rl", "dl" }, "0", "0", true },
	{ "this zone's, when all say where", { "rZ", "rz", "rZ" }, "02", "", true },
	{ "not when one says nothing", { "rZ", "rz", "r" }, "012", "", true },
	{ "nor when none means this zone", { "rz", "rz" }, "01", "", true },
	{ "those that are not ready need not say", { "rZ", "rz", "d", "-" }, "0", "", true },
	{ "this node's before this zone's", { "rlNZ", "rnZ", "rnz" }, "0", "0", true },
	{ "this zone's when this node has none", { "rnZ", "rnz" }, "0", "", true },
	{ "who stays on the node asks no hint", { "rlnz", "rnZ" }, "1", "0", true },
	{ "who ends asks no hint", { "dz", "dZ" }, "01", "", true },
};

static void text(char out[8], const unsigned *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		out[i] = (char)('0' + list[i]);
	out[n] = 0;
}

static void test_choice(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct net_endpoint eps[5] = { { 0 } };
		struct net_port port = { .name = "", .proto = "TCP", .port = 80 };
		struct net_service s = { .eps = eps };
		struct choice c;
		char got[8];

		print_message("%s\n", cases[i].name);
		for (; cases[i].eps[s.ep_count]; s.ep_count++) {
			const char *e = cases[i].eps[s.ep_count];

			eps[s.ep_count] = (struct net_endpoint){ .ip = "10.244.0.2", .port_name = "", .port = 8080,
				.ready = strchr(e, 'r'), .draining = strchr(e, 'd'), .local = strchr(e, 'l'),
				.node_hint = strchr(e, 'N') ? NET_HINT_HERE : strchr(e, 'n') ? NET_HINT_ELSEWHERE : NET_HINT_NONE,
				.zone_hint = strchr(e, 'Z') ? NET_HINT_HERE : strchr(e, 'z') ? NET_HINT_ELSEWHERE : NET_HINT_NONE };
		}
		assert_int_equal(choose_endpoints(&c, &s, &port, IP4), 0);
		text(got, c.all, c.all_count);
		assert_string_equal(got, cases[i].all);
		text(got, c.local, c.local_count);
		assert_string_equal(got, cases[i].local);
		assert_int_equal(c.any, cases[i].any);
		choose_finish(&c);
	}
}

static void test_what_is_no_endpoint_of_the_port(void **state)
{
	static const struct net_endpoint eps[] = {
		{ .ip = "10.244.0.2", .port_name = "other", .port = 80, .ready = true },
		{ .ip = "fd00::2", .port_name = "", .port = 80, .ready = true },
		{ .ip = "nonsense", .port_name = "", .port = 80, .ready = true },
		{ .ip = "10.244.0.2", .port_name = "", .port = 0, .ready = true },
		{ .ip = "10.244.0.2", .port_name = "", .port = 70000, .draining = true },
	};
	struct net_port port = { .proto = "TCP", .port = 80 };
	struct net_service s = { .eps = eps, .ep_count = 5 };
	struct choice c;

	assert_int_equal(choose_endpoints(&c, &s, &port, IP4), 0);
	assert_int_equal(c.all_count + c.local_count, 0);
	assert_false(c.any);
	choose_finish(&c);
	assert_int_equal(choose_endpoints(&c, &s, &port, IP6), 0);
	assert_int_equal(c.all_count, 1);
	assert_int_equal(c.all[0], 1);
	choose_finish(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_what_is_no_endpoint_of_the_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
