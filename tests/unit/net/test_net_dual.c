/* SPDX-License-Identifier: Apache-2.0 */
/* Both families on one node, and IPv6 alone, in the kernel: pods, Services, DNS, ways to other nodes,
 * balancers' addresses. Skipped without root, and where the kernel has no IPv6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "net/policy.h"
#include "root_help.h"

static const struct net_config dual = { .name = "sampan", .pod_cidr = "10.244.0.0/24,fd00:244::/64",
	.cluster_cidr = "10.244.0.0/16", .service_cidr = "10.96.0.0/16,fd00:96::/112", .dns_ip = "10.96.0.10,fd00:96::a",
	.cluster_domain = "cluster.local", .address = "192.168.50.1,fd00:50::1" };
static const struct net_config alone = { .name = "sampan", .pod_cidr = "fd00:244::/64", .cluster_cidr = "10.244.0.0/16",
	.service_cidr = "fd00:96::/112", .dns_ip = "fd00:96::a", .cluster_domain = "cluster.local", .address = "fd00:50::1" };

static char got_ips[2][64];
static bool got;
static int got_rc;

static void pod_added(void *arg, int rc, const char *const ips[2], const char *message)
{
	(void)arg;
	got = true;
	got_rc = rc;
	if (rc)
		print_message("%s\n", message);
	for (int i = 0; i < 2; i++)
		snprintf(got_ips[i], sizeof(got_ips[i]), "%s", ips && ips[i] ? ips[i] : "");
}

static void synced(void *arg, int rc, const char *message)
{
	pod_added(arg, rc, NULL, message);
}

static void wait_got(void)
{
	for (int i = 0; i < 500 && !got; i++)
		loop_turn(loop, 20);
	assert_true(got);
	assert_int_equal(got_rc, 0);
	got = false;
}

static void sync_rules(void)
{
	net_sync(net, synced, NULL);
	wait_got();
}

static void add_pod(const char *id, const char *ns)
{
	assert_int_equal(net_pod_add(net, id, ns, pod_added, NULL), 0);
	wait_got();
}

static void enter(const char *ns)
{
	int fd = ns ? open(ns, O_RDONLY) : -1;

	if (ns && (fd < 0 || setns(fd, CLONE_NEWNET)))
		_exit(9);
}

/* Answers with its letter and who asks. */
static pid_t serve(const char *ns, char letter)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	enter(ns);
	close_range(0, ~0u, 0);        /* net's sockets are not ours to keep */
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(8080) }, from;
	int fd = socket(AF_INET6, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 16))
		_exit(8);
	for (;;) {
		socklen_t len = sizeof(from);
		int c = accept(fd, (struct sockaddr *)&from, &len);
		char ip[INET6_ADDRSTRLEN], text[80];

		inet_ntop(AF_INET6, &from.sin6_addr, ip, sizeof(ip));
		dprintf(c, "%s", (snprintf(text, sizeof(text), "%c %s", letter, ip), text));
		close(c);
	}
}

/* What answers at ip, asked from ns; "nothing", "refused". */
static const char *ask(const char *ns, const char *ip, int port)
{
	static char text[128];
	int out[2];
	pid_t pid;
	ssize_t n;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (!pid) {
		struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
		struct timeval patience = { .tv_sec = 2 };
		char mapped[64];
		int fd;

		enter(ns);
		fd = socket(AF_INET6, SOCK_STREAM, 0);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		snprintf(mapped, sizeof(mapped), "%s%s", strchr(ip, ':') ? "" : "::ffff:", ip);
		inet_pton(AF_INET6, mapped, &to.sin6_addr);
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
			n = snprintf(text, sizeof(text), "%s", errno == ECONNREFUSED ? "refused" : "nothing");
		else
			n = recv(fd, text, sizeof(text) - 1, 0);
		_exit(write(out[1], text, n > 0 ? (size_t)n : 0) < 0);
	}
	close(out[1]);
	/* Who asks may need the loop. */
	for (int i = 0; i < 300; i++) {
		int st;

		loop_turn(loop, 10);
		if (waitpid(pid, &st, WNOHANG) == pid)
			break;
	}
	n = read(out[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	close(out[0]);
	return n > 0 ? text : "nothing";
}

static void starts_with(const char *s, const char *prefix)
{
	if (strncmp(s, prefix, strlen(prefix)))
		fail_msg("\"%s\", not \"%s...\"", s, prefix);
}

static char ns_a[128], ns_b[128];
static pid_t server_a, server_b;

static void two_pods(const struct net_config *as, const char *first, const char *second)
{
	open_net_as(as);
	make_ns("a", ns_a);
	make_ns("b", ns_b);
	add_pod("pod-a", ns_a);
	assert_string_equal(got_ips[0], first);
	assert_string_equal(got_ips[1], second);
	add_pod("pod-b", ns_b);
	server_a = serve(ns_a, 'a');
	server_b = serve(ns_b, 'b');
	usleep(100000);
}

static void no_pods(void)
{
	kill(server_a, SIGKILL);
	kill(server_b, SIGKILL);
	waitpid(server_a, NULL, 0);
	waitpid(server_b, NULL, 0);
	net_pod_del(net, "pod-a");
	net_pod_del(net, "pod-b");
	sync_rules();
	close_net();
	umount2(ns_a, MNT_DETACH);
	umount2(ns_b, MNT_DETACH);
}

static void service_is_served(bool four)
{
	static const char *const ips[] = { "10.96.0.50", "fd00:96::50", NULL }, *const none[] = { NULL };
	static const struct net_port ports[] = { { "http", "TCP", 80, 30080 } };
	const struct net_endpoint eps[] = {
		{ .ip = "fd00:244::2", .port_name = "http", .port = 8080, .ready = true, .local = true },
		{ .ip = "10.244.0.2", .port_name = "http", .port = 8080, .ready = true, .local = true } };
	struct net_service s = { .ns = "default", .name = "web", .ips = four ? ips : ips + 1, .external_ips = none, .balancer_ips = none,
		.ports = ports, .port_count = 1, .eps = eps, .ep_count = four ? 2 : 1 };

	net_service_set(net, &s, false);
	sync_rules();
	starts_with(ask(ns_b, "fd00:96::50", 80), "a fd00:244::3");
	starts_with(ask(NULL, "fd00:96::50", 80), "a fd00:244::1");
	starts_with(ask(ns_a, "fd00:96::50", 80), "a fd00:244::1");     /* hairpin */
	starts_with(ask(ns_b, "fd00:244::1", 30080), "a fd00:244::1");
	starts_with(ask(NULL, "::1", 30080), "refused");
	starts_with(ask(ns_b, "fd00:96::51", 80), "refused");
	starts_with(ask(NULL, "fd00:96::51", 80), "refused");
	if (four)
		starts_with(ask(ns_b, "10.96.0.50", 80), "a ::ffff:10.244.0.3");
	s.affinity_s = 60;
	net_service_set(net, &s, false);
	sync_rules();
	starts_with(ask(ns_b, "fd00:96::50", 80), "a fd00:244::3");
	net_service_set(net, &s, true);
	sync_rules();
	starts_with(ask(ns_b, "fd00:96::50", 80), "refused");
}

static void test_both_families(void **state)
{
	(void)state;
	two_pods(&dual, "10.244.0.2", "fd00:244::2");
	starts_with(ask(ns_b, "fd00:244::2", 8080), "a fd00:244::3");
	starts_with(ask(ns_b, "10.244.0.2", 8080), "a ::ffff:10.244.0.3");
	starts_with(ask(NULL, "fd00:244::2", 8080), "a fd00:244::1");
	service_is_served(true);
	net_hostport(net, "pod-b", "fd00:244::3", "TCP", 7000, 8080);
	sync_rules();
	starts_with(ask(NULL, "fd00:244::1", 7000), "b ");
	/* They have the same addresses again, as they are. */
	close_net();
	open_net_as(&dual);
	add_pod("pod-a", ns_a);
	assert_string_equal(got_ips[1], "fd00:244::2");
	sync_rules();
	no_pods();
}

/* ---- what pods send under ---- */

static int udp_in(const char *ns, const char *ip, const char *port, struct sockaddr_in6 *ret)
{
	const struct addrinfo hints = { .ai_family = AF_INET6, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST };
	const struct timeval patience = { .tv_usec = 400000 };
	int own = open("/proc/thread-self/ns/net", O_RDONLY), there = ns ? open(ns, O_RDONLY) : own, on = 1, fd;
	struct addrinfo *at;

	assert_int_equal(setns(there, CLONE_NEWNET), 0);
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	assert_int_equal(getaddrinfo(ip, port, &hints, &at), 0);
	memcpy(ret, at->ai_addr, sizeof(*ret));
	freeaddrinfo(at);
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	setsockopt(fd, SOL_IPV6, IPV6_TRANSPARENT, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	close(own);
	if (there != own)
		close(there);
	return fd;
}

/* Does a word from there, under this address (or as the kernel thinks fit), come to an address here? */
static bool word_comes(const char *from, const char *as, const char *here, const char *ip)
{
	struct sockaddr_in6 source, to, any;
	int sender = udp_in(from, as ? as : "::", "0", &source), unused = udp_in(from, ip, "5353", &to), at = udp_in(here, "::", "5353", &any);
	char got_word[8];
	bool comes;

	assert_int_equal(bind(at, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(bind(sender, (struct sockaddr *)&source, sizeof(source)), 0);
	comes = sendto(sender, "word", 4, 0, (struct sockaddr *)&to, sizeof(to)) == 4 && recv(at, got_word, sizeof(got_word), 0) == 4;
	close(sender);
	close(unused);
	close(at);
	return comes;
}

static void policies_synced(struct policy *p)
{
	assert_int_equal(policy_sync(p, synced, NULL), 0);
	wait_got();
}

static void test_pods_send_under_their_own_addresses(void **state)
{
	const char *const ips[][2] = { { "10.244.0.2", "fd00:244::2" }, { "10.244.0.3", "fd00:244::3" } };
	struct policy *p;
	struct err e;

	(void)state;
	two_pods(&dual, ips[0][0], ips[0][1]);
	assert_true(word_comes(ns_b, "fd00:244::99", ns_a, "fd00:244::2"));
	assert_true(word_comes(ns_b, "::ffff:10.244.0.99", ns_a, "::ffff:10.244.0.2"));
	assert_int_equal(policy_open(&p, loop, "sampan", &e), 0);
	for (int i = 0; i < 2; i++)
		policy_pod_set(p, &(struct policy_pod){ .ns = "n", .name = i ? "b" : "a", .local = true, .ips = ips[i], .ip_count = 2,
			.link = i ? "sampan0af40003" : "sampan0af40002" });
	policy_set(p, &(struct policy_told){ .ns = "other", .name = "p", .acts = { true } });
	policy_hold(p, false);
	policies_synced(p);
	assert_true(word_comes(ns_b, "fd00:244::3", ns_a, "fd00:244::2"));
	assert_true(word_comes(ns_b, "::ffff:10.244.0.3", ns_a, "::ffff:10.244.0.2"));
	assert_false(word_comes(ns_b, "fd00:244::99", ns_a, "fd00:244::2"));
	assert_false(word_comes(ns_b, "::ffff:10.244.0.99", ns_a, "::ffff:10.244.0.2"));
	/* By what a link gives itself a pod is known to the machine, and to no other pod. */
	assert_int_equal(system("ip -6 neigh flush dev sampan0af40003"), 0);
	assert_true(word_comes(ns_b, NULL, NULL, "ff02::1%eth0"));
	assert_false(word_comes(ns_b, NULL, ns_a, "ff02::1%eth0"));
	assert_false(word_comes(ns_b, "fe80::99%eth0", ns_a, "fd00:244::2"));
	starts_with(ask(ns_b, "fd00:244::2", 8080), "a fd00:244::3");
	policy_del(p, "other", "p");
	policies_synced(p);
	policy_close(p);
	no_pods();
}

/* An agent of before, to which pods' links were ports of the bridge. */
static void test_links_leave_the_bridge(void **state)
{
	(void)state;
	two_pods(&dual, "10.244.0.2", "fd00:244::2");
	close_net();
	assert_int_equal(system("ip link set sampan0af40002 master sampan0 && ip addr flush dev sampan0af40002 scope global"), 0);
	open_net_as(&dual);
	add_pod("pod-a", ns_a);
	add_pod("pod-b", ns_b);
	assert_int_not_equal(system("ip link show dev sampan0af40002 | grep -q master"), 0);
	starts_with(ask(NULL, "fd00:244::2", 8080), "a fd00:244::1");
	starts_with(ask(ns_b, "fd00:244::2", 8080), "a fd00:244::3");
	starts_with(ask(ns_b, "10.244.0.2", 8080), "a ::ffff:10.244.0.3");
	starts_with(ask(ns_a, "fd00:244::1", 8080), "refused");
	no_pods();
}

static void test_ipv6_alone(void **state)
{
	(void)state;
	two_pods(&alone, "fd00:244::2", "");
	starts_with(ask(ns_b, "fd00:244::2", 8080), "a fd00:244::3");
	service_is_served(false);
	assert_int_not_equal(system("nft list table ip sampan >/dev/null 2>&1"), 0);
	no_pods();
}

static void test_ways_to_other_nodes(void **state)
{
	struct net_peer far = { "far", "192.168.50.2,fd00:50::2", "10.244.7.0/24,fd00:244:0:7::/64" };

	(void)state;
	open_net_as(&dual);
	assert_int_equal(system("ip link add up0 type bridge && ip addr add 192.168.50.1/24 dev up0 && "
		"ip -6 addr add fd00:50::1/64 dev up0 nodad && ip link set up0 up"), 0);
	net_peer_set(net, &far, false);
	turn_until("ip -6 route show dev sampanx | grep -q '^fd00:244:0:7::/64 via fd00:244:0:7:: .*src fd00:244::1'");
	turn_until("ip route show dev sampanx | grep -q '^10.244.7.0/24 via 10.244.7.0'");
	assert_int_equal(system("ip -6 neigh show dev sampanx | grep -q 'fd00:244:0:7:: lladdr 02:73:0a:f4:07:00 PERMANENT'"), 0);
	assert_int_equal(system("bridge fdb show dev sampanx | grep -q '02:73:0a:f4:07:00 dst 192.168.50.2'"), 0);
	turn_until("nft list set ip6 sampan cluster | grep -q fd00:244:0:7::");
	net_peers_direct(net, true);
	turn_until("ip -6 route | grep -q '^fd00:244:0:7::/64 via fd00:50::2 dev up0'");
	turn_until("! ip -6 route show dev sampanx | grep -q fd00:244:0:7::");
	net_peer_set(net, &far, true);
	turn_until("! ip -6 route | grep -q fd00:244:0:7::");
	turn_until("! nft list set ip6 sampan cluster | grep -q fd00:244:0:7::");
	close_net();
	/* Between addresses of IPv6; an earlier life's tunnel is replaced. */
	open_net_as(&alone);
	far.address = "fd00:50::2";
	far.pod_cidr = "fd00:244:0:7::/64";
	net_peer_set(net, &far, false);
	turn_until("bridge fdb show dev sampanx | grep -q 'dst fd00:50::2'");
	turn_until("ip link show sampanx | grep -q 'mtu 1430'");
	turn_until("ip -6 route show dev sampanx | grep -q '^fd00:244:0:7::/64'");
	close_net();
	open_net_as(&alone);
	net_peers_told(net);
	turn_until("! ip -6 route show dev sampanx | grep -q '^fd00:244:0:7::/64'");
	close_net();
	assert_int_equal(system("ip link del up0"), 0);
}

static unsigned alive;

static void on_pulse(void *arg, const char *ip, bool lives)
{
	(void)arg;
	assert_string_equal(ip, "fd00:50::2");
	alive += lives;
}

static void test_balancers_addresses(void **state)
{
	char far[128], command[512];

	(void)state;
	open_net_as(&dual);
	make_ns("far", far);
	snprintf(command, sizeof(command), "ip link add up0 type veth peer name far0 netns %s && ip addr add 192.168.50.1/24 dev up0 && "
		"ip -6 addr add fd00:50::1/64 dev up0 nodad && ip link set up0 up && nsenter --net=%s sh -c "
		"'ip link set far0 up && ip -6 addr add fd00:50::2/64 dev far0 nodad && ip -6 route add fd00:8::/64 dev far0'",
		far, far);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "nsenter --net=%s ip -6 neigh replace fd00:8::1 lladdr 02:00:00:00:00:01 dev far0 nud stale", far);
	assert_int_equal(system(command), 0);
	net_announce(net, "fd00:8::1", true);
	turn_until("ip -6 addr show dev up0 | grep -q 'fd00:8::1/128.*deprecated'");
	/* Who had known another is told. */
	snprintf(command, sizeof(command), "nsenter --net=%s ip -6 neigh show fd00:8::1 | grep -q \"$(cat /sys/class/net/up0/address)\" || "
		"nsenter --net=%s ip -6 neigh show fd00:8::1 | grep -q \"$(ip -br link show up0 | awk '{ print $3 }')\"", far, far);
	turn_until(command);
	net_pulses(net, on_pulse, NULL);
	net_watch(net, "fd00:50::2", true);
	for (int i = 0; i < 300 && !alive; i++)
		loop_turn(loop, 10);
	assert_int_equal(alive, 1);
	net_watch(net, "fd00:50::2", false);
	net_pulses(net, NULL, NULL);
	close_net();
	/* An earlier life's is given up. */
	open_net_as(&dual);
	net_announce_told(net);
	turn_until("! ip -6 addr show dev up0 | grep -q fd00:8::1");
	close_net();
	assert_int_equal(system("ip link del up0"), 0);
	assert_int_equal(umount2(far, MNT_DETACH), 0);
}

static void test_nothing_is_left(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(net_down("sampan", dir, &e), 0);
	assert_int_not_equal(system("ip link | grep -q sampan"), 0);
	assert_int_not_equal(system("nft list tables | grep -q sampan"), 0);
	assert_int_not_equal(system("ip -6 route | grep -q fd00:"), 0);
}

/* Other ranges take this first. */
static int down(void **state)
{
	struct err e;

	(void)state;
	return net_down("sampan", dir, &e);
}

static int setup(void **state)
{
	(void)state;
	return !mkdtemp(dir) || unshare(CLONE_NEWNET | CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) || system("ip link set lo up") ? -1 : 0;
}

static int teardown(void **state)
{
	struct err e;

	(void)state;
	return file_remove_tree(dir, &e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_both_families, down),
		cmocka_unit_test_teardown(test_pods_send_under_their_own_addresses, down),
		cmocka_unit_test_teardown(test_links_leave_the_bridge, down),
		cmocka_unit_test_teardown(test_ipv6_alone, down),
		cmocka_unit_test(test_ways_to_other_nodes),
		cmocka_unit_test(test_balancers_addresses),
		cmocka_unit_test(test_nothing_is_left),
	};

	if (geteuid() || !file_exists("/proc/net/if_inet6")) {
		print_message("needs root, and IPv6\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
