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
#include "base/env.h"

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

/* In the last test, of one agent among many nodes. */
static bool many;
static int announced, announcements, looked_after;
static uint64_t hashes;

static uint64_t hash_fake(const void *p, size_t n)
{
	hashes++;
	return hash_fnv64(p, n);
}

static void announce_fake(struct net *n, const char *ip, bool on)
{
	if (many) {
		announced += on ? 1 : -1;
		announcements++;
		return;
	}
	machines[of(n)].speaks[strcmp(ip, vips[0]) != 0] += on ? 1 : -1;
}

static void watch_fake(struct net *n, const char *ip, bool on)
{
	int *count;

	if (many) {
		looked_after += on ? 1 : -1;
		return;
	}
	count = &machines[of(n)].watches[ip[strlen(ip) - 1] - '1'];
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

#define hash_fnv64(...) hash_fake(__VA_ARGS__)
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

static void a_node_of_two_endpoints_does_not_stand_in_for_itself(void **state)
{
	const char *const where[] = { "n1", "n2", "n1", "n2", NULL };
	int first;

	(void)state;
	all_known();
	service_says("d/a", vips[0], where);
	first = who(0);
	assert_in_range(first, 0, 1);
	assert_int_equal(watcher((unsigned)first), 1 - first);
}

static void three_are_asked_when_two_are_silent(void **state)
{
	char address[24];
	int first, second, third;

	(void)state;
	service_says("d/a", vips[0], NULL);
	all_known();
	first = who(0);
	second = watcher((unsigned)first);
	third = 3 - first - second;
	snprintf(address, sizeof(address), "10.0.0.%d", first + 1);
	machines[third].pulse(machines[third].s, address, false);
	assert_int_equal(machines[third].speaks[0], 0);
	snprintf(address, sizeof(address), "10.0.0.%d", second + 1);
	machines[third].pulse(machines[third].s, address, false);
	assert_int_equal(machines[third].speaks[0], 1);
	node_says((unsigned)third, false);
	assert_int_equal(machines[third].speaks[0], 0);
	node_says((unsigned)third, true);
	assert_int_equal(machines[third].speaks[0], 1);
	machines[third].pulse(machines[third].s, address, true);
	assert_int_equal(machines[third].speaks[0], 0);
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

#define SERVICES 5000
#define MANY     100

static void many_node(struct speakers *s, unsigned i, bool able)
{
	char name[12], address[16];

	snprintf(name, sizeof(name), "node-%u", i);
	snprintf(address, sizeof(address), "10.0.1.%u", i);
	speakers_node(s, name, able ? address : NULL);
}

/* Of the agent on node-0: how many addresses are its own if these nodes are not there. */
static int expected(unsigned without)
{
	int n = 0;

	for (unsigned k = 0; k < SERVICES; k++) {
		char ip[20], name[12];
		unsigned best = MANY;
		uint64_t most = 0;

		snprintf(ip, sizeof(ip), "192.0.%u.%u", k / 250, k % 250);
		for (unsigned i = 0; i < MANY; i++) {
			snprintf(name, sizeof(name), "node-%u", i);
			uint64_t w = i == without ? 0 : speakers_weight(ip, name);
			if (best == MANY || w > most) {
				best = i;
				most = w;
			}
		}
		n += best == 0;
	}
	return n;
}

static void a_change_costs_what_it_changes(void **state)
{
	struct agent agent = { .node_name = (char *)"node-0", .net = (struct net *)(uintptr_t)1 };
	struct speakers *s;
	int64_t since;
	uint64_t lost, joined;
	int all, before;

	(void)state;
	many = true;
	announced = looked_after = 0;
	assert_int_equal(speakers_open(&s, &agent), 0);
	for (unsigned i = 0; i < MANY; i++)
		many_node(s, i, true);
	for (unsigned k = 0; k < SERVICES; k++) {
		char key[20], ip[20];
		const char *const ips[] = { ip, NULL };

		snprintf(key, sizeof(key), "d/s%u", k);
		snprintf(ip, sizeof(ip), "192.0.%u.%u", k / 250, k % 250);
		speakers_service(s, key, ips, NULL);
	}
	assert_int_equal(announced, 0);
	speakers_nodes_known(s);
	speakers_services_known(s);
	all = announced;
	assert_int_equal(all, expected(MANY));
	assert_in_range(all, 20, 90);
	for (unsigned gone = 1; gone < 4; gone++) {
		before = looked_after;
		announcements = 0;
		hashes = 0;
		since = env_now_us();
		many_node(s, gone, false);
		lost = hashes;
		print_message("a node of %u goes: %llu weights, %lld us", MANY, (unsigned long long)lost, (long long)(env_now_us() - since));
		assert_true(lost < SERVICES * 5);
		assert_int_equal(announced, expected(gone));
		assert_int_equal(announcements, announced - all);
		hashes = 0;
		since = env_now_us();
		many_node(s, gone, true);
		joined = hashes;
		print_message("; comes: %llu weights, %lld us\n", (unsigned long long)joined, (long long)(env_now_us() - since));
		assert_true(joined <= SERVICES);
		assert_int_equal(announced, all);
		assert_int_equal(looked_after, before);
	}
	speakers_close(s);
	many = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_speaks_once_all_is_known, open_all, close_all),
		cmocka_unit_test_setup_teardown(a_node_that_goes_moves_its_own_share_only, open_all, close_all),
		cmocka_unit_test_setup_teardown(where_addresses_are_kept_a_node_with_endpoints_speaks, open_all, close_all),
		cmocka_unit_test_setup_teardown(the_second_stands_in_for_a_silent_first, open_all, close_all),
		cmocka_unit_test_setup_teardown(a_node_of_two_endpoints_does_not_stand_in_for_itself, open_all, close_all),
		cmocka_unit_test_setup_teardown(an_address_of_two_services_is_given_up_with_the_last, open_all, close_all),
		cmocka_unit_test_setup_teardown(three_are_asked_when_two_are_silent, open_all, close_all),
		cmocka_unit_test(a_change_costs_what_it_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
