/* SPDX-License-Identifier: Apache-2.0 */
/* What net puts on this machine's links besides pods: ways to other nodes, balancers' addresses,
 * questions whether others live. Skipped without root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "root_help.h"

static void run(const char *format, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	if (system(command))
		fail_msg("%s", command);
}

static void test_other_nodes_are_reached_through_the_tunnel(void **state)
{
	struct net_peer far = { "far", "192.168.50.2", "10.244.7.0/24" }, other = { "other", "192.168.50.3", "10.244.8.0/24" };
	struct net_peer strange = { "strange", "fd00::1", "10.244.9.0/24" }, heir = { "heir", "192.168.50.4", "10.244.7.0/24" };

	assert_int_equal(system("ip link add up0 type bridge && ip addr add 192.168.50.1/24 dev up0 && ip link set up0 mtu 1400 up"), 0);
	net_peer_set(net, &far, false);
	net_peer_set(net, &other, false);
	net_peer_set(net, &strange, false);
	turn_until("ip route show dev sampanx | grep -q '^10.244.7.0/24 via 10.244.7.0 .*src 10.244.0.1'");
	turn_until("test $(ip route show dev sampanx | wc -l) = 2");
	assert_int_equal(system("bridge fdb show dev sampanx | grep -q '02:73:0a:f4:07:00 dst 192.168.50.2 self permanent'"), 0);
	assert_int_equal(system("ip neigh show dev sampanx | grep -q '10.244.8.0 lladdr 02:73:0a:f4:08:00 PERMANENT'"), 0);
	assert_int_equal(system("ip link show sampanx | grep -q 'mtu 1350'"), 0);
	/* One moves; one goes and its range is another's. */
	other.address = "192.168.50.9";
	net_peer_set(net, &other, false);
	net_peer_set(net, &heir, false);
	net_peer_set(net, &far, true);
	turn_until("bridge fdb show dev sampanx | grep -q '02:73:0a:f4:08:00 dst 192.168.50.9'");
	turn_until("bridge fdb show dev sampanx | grep -q '02:73:0a:f4:07:00 dst 192.168.50.4'");
	turn_until("test $(ip route show dev sampanx | wc -l) = 2");
	/* What an earlier life knew, and this one is not told. */
	close_net();
	open_net();
	net_peer_set(net, &heir, false);
	net_peers_told(net);
	turn_until("test $(ip route show dev sampanx | wc -l) = 1");
	assert_int_not_equal(system("bridge fdb show dev sampanx | grep -q 02:73:0a:f4:08:00"), 0);
	net_peer_set(net, &heir, true);
	turn_until("test $(ip route show dev sampanx | wc -l) = 0");
	assert_int_equal(system("ip link del up0"), 0);
}

static void test_balancers_addresses_of_an_earlier_life_are_given_up(void **state)
{
	const char *kept = "198.18.0.1";

	(void)state;
	run("ip link add up0 type bridge && ip addr add 192.168.50.1/24 dev up0 && ip link set up0 up");
	for (unsigned i = 0; i < 1100; i++) {
		char ip[32];

		snprintf(ip, sizeof(ip), "198.18.%u.%u", i / 200, i % 200 + 1);
		net_announce(net, ip, true);
	}
	turn_until("test $(ip -4 addr show dev up0 | grep -c 'inet 198.18.*/32') = 1100");
	close_net();
	assert_int_equal(system("test $(ip -4 addr show dev up0 | grep -c 'inet 198.18.*/32') = 1100"), 0);
	open_net();
	net_announce(net, kept, true);
	net_announce_told(net);
	turn_until("test \"$(ip -4 -o addr show dev up0 | grep -o '198.18[^/]*/32')\" = 198.18.0.1/32");
	net_announce(net, kept, false);
	turn_until("! ip -4 addr show dev up0 | grep -q 198.18");
	run("ip link del up0");
}

static unsigned alive;

static void on_pulse(void *arg, const char *ip, bool lives)
{
	(void)arg;
	assert_string_equal(ip, "192.168.50.2");
	alive += lives;
}

static void test_who_asks_again_whether_a_machine_lives_is_told(void **state)
{
	char far[128];

	(void)state;
	make_ns("far", far);
	run("ip link add up0 type veth peer name far0 netns %s && ip addr add 192.168.50.1/24 dev up0 && ip link set up0 up", far);
	run("nsenter --net=%s sh -c 'ip addr add 192.168.50.2/24 dev far0 && ip link set far0 up'", far);
	net_pulses(net, on_pulse, NULL);
	for (unsigned time = 1; time <= 2; time++) {
		net_watch(net, "192.168.50.2", true);
		for (int i = 0; i < 1000 && alive < time; i++)
			loop_turn(loop, 10);
		assert_int_equal(alive, time);
		net_watch(net, "192.168.50.2", false);
	}
	net_pulses(net, NULL, NULL);
	run("ip link del up0");
	assert_int_equal(umount2(far, MNT_DETACH), 0);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir) || unshare(CLONE_NEWNET | CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    system("ip link set lo up"))
		return -1;
	open_net();
	return 0;
}

static int teardown(void **state)
{
	struct err e;

	(void)state;
	close_net();
	return file_remove_tree(dir, &e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_nodes_are_reached_through_the_tunnel),
		cmocka_unit_test(test_balancers_addresses_of_an_earlier_life_are_given_up),
		cmocka_unit_test(test_who_asks_again_whether_a_machine_lives_is_told),
	};

	if (geteuid()) {
		print_message("needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
