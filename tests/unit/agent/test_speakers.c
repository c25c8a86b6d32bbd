/* SPDX-License-Identifier: Apache-2.0 */
/* Which node speaks for a balancer's address, and whom it looks after. Three agents see the same
 * and must agree; net is the test's own: the module is compiled here with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"

#define NODES 3

static struct {
	struct agent agent;
	struct speakers *s;
	char name[8];
	int speaks[2], watches[NODES];         /* for the addresses below, of the nodes */
	int unwatched;                         /* how often it has stopped to look after one */
	net_pulse_fn *pulse;
	bool told;
} machines[NODES];

static const char *const vips[] = { "192.0.2.10", "192.0.2.11" };

static unsigned of(struct net *n)
{
	return (unsigned)((uintptr_t)n - 1);
}

static void announce_fake(struct net *n, const char *ip, bool on)
{
	machines[of(n)].speaks[strcmp(ip, vips[0]) != 0] += on ? 1 : -1;
}

static void watch_fake(struct net *n, const char *ip, bool on)
{
	int *count = &machines[of(n)].watches[ip[strlen(ip) - 1] - '1'];

	*count += on ? 1 : -1;
	machines[of(n)].unwatched += !*count;
}

static void pulses_fake(struct net *n, net_pulse_fn *fn, void *arg)
{
	(void)arg;
	machines[of(n)].pulse = fn;
}

static void told_fake(struct net *n)
{
	machines[of(n)].told = true;
}

#define net_announce(...) announce_fake(__VA_ARGS__)
#define net_watch(...) watch_fake(__VA_ARGS__)
#define net_pulses(...) pulses_fake(__VA_ARGS__)
#define net_announce_told(...) told_fake(__VA_ARGS__)
#include "agent/speakers.c"

static void node_says(unsigned i, bool able)
{
	char name[8], address[16];

	snprintf(name, sizeof(name), "n%u", i + 1);
	snprintf(address, sizeof(address), "10.0.0.%u", i + 1);
	for (unsigned k = 0; k < NODES; k++)
		speakers_node(machines[k].s, name, able ? address : NULL);
}

static void service_says(const char *key, const char *vip, const char *const *where)
{
	const char *const ips[] = { vip, NULL };

	for (unsigned k = 0; k < NODES; k++)
		speakers_service(machines[k].s, key, ips, where);
}

/* The one that speaks; -1: nobody, -2: several. */
static int who(unsigned vip)
{
	int found = -1;

	for (unsigned k = 0; k < NODES; k++) {
		assert_true(machines[k].speaks[vip] == 0 || machines[k].speaks[vip] == 1);
		if (machines[k].speaks[vip])
			found = found == -1 ? (int)k : -2;
	}
	return found;
}

/* Who looks after node i. */
static int watcher(unsigned i)
{
	for (unsigned k = 0; k < NODES; k++)
		if (machines[k].watches[i])
			return (int)k;
	return -1;
}

static int open_all(void **state)
{
	(void)state;
	memset(machines, 0, sizeof(machines));
	for (unsigned k = 0; k < NODES; k++) {
		snprintf(machines[k].name, sizeof(machines[k].name), "n%u", k + 1);
		machines[k].agent.node_name = machines[k].name;
		machines[k].agent.net = (struct net *)(uintptr_t)(k + 1);
		assert_int_equal(speakers_open(&machines[k].s, &machines[k].agent), 0);
	}
	for (unsigned k = 0; k < NODES; k++)
		node_says(k, true);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	for (unsigned k = 0; k < NODES; k++)
		speakers_close(machines[k].s);
	return 0;
}

static void all_known(void)
{
	for (unsigned k = 0; k < NODES; k++) {
		speakers_services_known(machines[k].s);
		assert_false(machines[k].told);
		speakers_nodes_known(machines[k].s);
		assert_true(machines[k].told);
	}
}

static void one_speaks_once_all_is_known(void **state)
{
	int first;

	(void)state;
	service_says("d/a", vips[0], NULL);
	assert_int_equal(who(0), -1);
	all_known();
	first = who(0);
	assert_true(first >= 0);
	service_says("d/a", vips[0], NULL);            /* the same again changes nothing */
	assert_int_equal(who(0), first);
	service_says("d/a", NULL, NULL);
	assert_int_equal(who(0), -1);
	assert_int_equal(watcher((unsigned)first), -1);
}

static void a_node_that_goes_moves_its_own_share_only(void **state)
{
	unsigned moved = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		char ip[16];
		int with = -1, without = -1;

		snprintf(ip, sizeof(ip), "192.0.2.%u", i);
		for (int k = 0; k < NODES; k++) {
			if (with < 0 || speakers_weight(ip, machines[k].name) > speakers_weight(ip, machines[with].name))
				with = k;
			if (k && (without < 0 || speakers_weight(ip, machines[k].name) > speakers_weight(ip, machines[without].name)))
				without = k;
		}
		assert_true(with == 0 || with == without);
		moved += with == 0;
	}
	print_message("%u of 200 were the first node's\n", moved);
	assert_in_range(moved, 40, 95);
}

static void where_addresses_are_kept_a_node_with_endpoints_speaks(void **state)
{
	static const char *const second[] = { "n2", NULL }, *const nobody[] = { NULL };

	(void)state;
	all_known();
	service_says("d/a", vips[0], second);
	assert_int_equal(who(0), 1);
	node_says(1, false);
	assert_int_equal(who(0), -1);
	node_says(1, true);
	assert_int_equal(who(0), 1);
	service_says("d/a", vips[0], nobody);
	assert_int_equal(who(0), -1);
}

static void the_second_stands_in_for_a_silent_first(void **state)
{
	char address[24];
	int first, second;

	(void)state;
	service_says("d/a", vips[0], NULL);
	all_known();
	first = who(0);
	second = watcher((unsigned)first);
	assert_true(second >= 0 && second != first);
	snprintf(address, sizeof(address), "10.0.0.%d", first + 1);
	machines[second].pulse(machines[second].s, address, false);
	assert_int_equal(machines[second].speaks[0], 1);
	assert_int_equal(watcher((unsigned)first), second);    /* it goes on looking */
	service_says("d/a", vips[0], NULL);                    /* also when something else changes */
	assert_int_equal(machines[second].unwatched, 0);
	assert_int_equal(machines[second].speaks[0], 1);
	machines[second].pulse(machines[second].s, address, true);
	assert_int_equal(who(0), first);
	/* The API says so, too: the second is the first now, and the third looks after it. */
	machines[second].pulse(machines[second].s, address, false);
	node_says((unsigned)first, false);
	assert_int_equal(who(0), second);
	assert_int_equal(watcher((unsigned)first), -1);
	assert_int_equal(watcher((unsigned)second), 3 - first - second);
	node_says((unsigned)first, true);
	assert_int_equal(who(0), first);
}

static void an_address_of_two_services_is_given_up_with_the_last(void **state)
{
	int first;

	(void)state;
	all_known();
	service_says("d/a", vips[1], NULL);
	service_says("d/b", vips[1], NULL);
	first = who(1);
	assert_true(first >= 0);
	service_says("d/a", NULL, NULL);
	assert_int_equal(who(1), first);
	service_says("d/b", vips[0], NULL);
	assert_int_equal(who(1), -1);
	assert_true(who(0) >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_speaks_once_all_is_known, open_all, close_all),
		cmocka_unit_test_setup_teardown(a_node_that_goes_moves_its_own_share_only, open_all, close_all),
		cmocka_unit_test_setup_teardown(where_addresses_are_kept_a_node_with_endpoints_speaks, open_all, close_all),
		cmocka_unit_test_setup_teardown(the_second_stands_in_for_a_silent_first, open_all, close_all),
		cmocka_unit_test_setup_teardown(an_address_of_two_services_is_given_up_with_the_last, open_all, close_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
