/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real thing in a network namespace of its own: bridge, pods, Services as the
 * kernel does them. Skipped without root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/env.h"
#include "base/file.h"
#include "base/loop.h"
#include "net/net.h"
#include "net/policy.h"
#include "root_help.h"

/* A child of ours: without our sockets, in ns (NULL: here). keep: one descriptor it needs. */
static void enter(const char *ns, int keep)
{
	int fd;

	for (fd = 3; fd < 256; fd++)
		if (fd != keep)
			close(fd);
	if (!ns)
		return;
	fd = open(ns, O_RDONLY);
	if (setns(fd, CLONE_NEWNET))
		_exit(9);
	close(fd);
}

/* Answers every connection with its name and the asker's address. */
static pid_t serve(const char *ns, const char *name, int port)
{
	int ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) }, from;
		socklen_t len;
		int s, one = 1;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		enter(ns, ready[1]);
		s = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind(s, (void *)&a, sizeof(a)) || listen(s, 64))
			_exit(1);
		close(ready[1]);
		for (;;) {
			char text[128], ip[46];
			int fd;

			len = sizeof(from);
			fd = accept(s, (void *)&from, &len);
			snprintf(text, sizeof(text), "%s %s", name, inet_ntop(AF_INET, &from.sin_addr, ip, sizeof(ip)));
			(void)!write(fd, text, strlen(text));
			close(fd);
		}
	}
	close(ready[1]);
	(void)!read(ready[0], &c, 1);
	close(ready[0]);
	return pid;
}

static struct timeval patience = { 2, 0 };

/* What a client in ns (NULL: this one) hears at ip:port; "refused" or "nothing". */
static const char *ask(const char *ns, const char *ip, int port)
{
	static char text[256];
	int out[2];
	pid_t pid;
	ssize_t n;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (!pid) {
		struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
		struct timeval t = patience;
		int s;

		enter(ns, out[1]);
		inet_pton(AF_INET, ip, &a.sin_addr);
		s = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
		setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
		if (connect(s, (void *)&a, sizeof(a))) {
			snprintf(text, sizeof(text), "%s", errno == ECONNREFUSED ? "refused" : strerror(errno));
			n = (ssize_t)strlen(text);
		} else {
			n = read(s, text, sizeof(text));
		}
		(void)!write(out[1], text, n > 0 ? (size_t)n : 0);
		_exit(0);
	}
	close(out[1]);
	n = read(out[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	close(out[0]);
	waitpid(pid, NULL, 0);
	return n > 0 ? text : "nothing";
}

static char got_ip[64], got_message[512];
static int got_rc;
static bool got;

static void pod_added(void *arg, int rc, const char *const ips[2], const char *message)
{
	got = true;
	got_rc = rc;
	snprintf(got_ip, sizeof(got_ip), "%s", ips && ips[0] ? ips[0] : "");
	snprintf(got_message, sizeof(got_message), "%s", message);
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
	if (got_rc)
		print_message("rc %d: %s\n", got_rc, got_message);
	got = false;
}

static void sync_rules(void)
{
	net_sync(net, synced, NULL);
	wait_got();
	assert_int_equal(got_rc, 0);
}

static void add_pod(const char *id, const char *ns)
{
	int64_t t = env_now_us();

	assert_int_equal(net_pod_add(net, id, ns, pod_added, NULL), 0);
	wait_got();
	assert_int_equal(got_rc, 0);
	print_message("pod %s has %s after %lld us\n", id, got_ip, (long long)(env_now_us() - t));
}

static char ns_a[128], ns_b[128], ip_a[64], ip_b[64];
static pid_t server_a, server_b, server_host;

static void web(struct net_service *s, const struct net_endpoint *eps, unsigned n)
{
	static const char *const ips[] = { "10.96.0.50", NULL };
	static const struct net_port ports[] = { { "http", "TCP", 80, 30080 } };

	*s = (struct net_service){ .ns = "default", .name = "web", .ips = ips, .ports = ports, .port_count = 1,
		.eps = eps, .ep_count = n };
}

static void web_service(struct net_service *s, const struct net_endpoint *ep)
{
	web(s, ep, 1);
	net_service_set(net, s, false);
	sync_rules();
}

static void starts_with(const char *s, const char *prefix)
{
	if (strncmp(s, prefix, strlen(prefix)))
		fail_msg("\"%s\", not \"%s...\"", s, prefix);
}

static void test_pods_get_addresses_and_reach_each_other(void **state)
{
	make_ns("a", ns_a);
	make_ns("b", ns_b);
	add_pod("pod-a", ns_a);
	strcpy(ip_a, got_ip);
	add_pod("pod-b", ns_b);
	strcpy(ip_b, got_ip);
	server_a = serve(ns_a, "a", 8080);
	server_b = serve(ns_b, "b", 8080);
	server_host = serve(NULL, "host", 9000);
	sync_rules();
	starts_with(ask(ns_a, ip_b, 8080), "b 10.244.0.2");
	starts_with(ask(NULL, ip_b, 8080), "b 10.244.0.1");
	starts_with(ask(ns_a, "10.244.0.1", 9000), "host 10.244.0.2");
	assert_string_equal(ask(ns_a, "10.96.0.50", 80), "refused");
	assert_string_equal(ask(NULL, "10.96.0.50", 80), "refused");
}

static void service_everywhere(void)
{
	struct net_endpoint eps[] = { { .ip = ip_b, .port_name = "http", .port = 8080, .ready = true, .local = true },
		{ .ip = ip_a, .port_name = "http", .port = 8080, .ready = true, .local = true } };
	struct net_service s;
	int a = 0, b = 0;

	web(&s, eps, 1);
	net_service_set(net, &s, false);
	sync_rules();
	starts_with(ask(ns_a, "10.96.0.50", 80), "b 10.244.0.2");      /* the client's own address */
	starts_with(ask(NULL, "10.96.0.50", 80), "b 10.244.0.1");
	starts_with(ask(ns_b, "10.96.0.50", 80), "b 10.244.0.1");      /* itself, by the back door */
	starts_with(ask(NULL, "127.0.0.1", 30080), "b 10.244.0.1");
	starts_with(ask(NULL, "10.244.0.1", 30080), "b 10.244.0.1");
	starts_with(ask(ns_a, "10.244.0.1", 30080), "b 10.244.0.1");
	web(&s, eps, 2);
	net_service_set(net, &s, false);
	sync_rules();
	for (int i = 0; i < 40; i++)
		*(ask(ns_a, "10.96.0.50", 80)[0] == 'a' ? &a : &b) += 1;
	print_message("40 requests: %d and %d\n", a, b);
	assert_true(a > 5 && b > 5);
	web(&s, NULL, 0);
	net_service_set(net, &s, false);
	sync_rules();
	assert_string_equal(ask(ns_a, "10.96.0.50", 80), "refused");
	assert_string_equal(ask(NULL, "127.0.0.1", 30080), "refused");
}

static void test_services(void **state)
{
	service_everywhere();
}

static void test_clients_stay_with_their_endpoint(void **state)
{
	struct net_endpoint eps[] = { { .ip = ip_b, .port_name = "http", .port = 8080, .ready = true, .local = true },
		{ .ip = ip_a, .port_name = "http", .port = 8080, .ready = true, .local = true } };
	struct net_service s;
	char first;

	web(&s, eps, 2);
	s.affinity_s = 100;
	net_service_set(net, &s, false);
	sync_rules();
	first = ask(NULL, "10.96.0.50", 80)[0];
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask(NULL, "10.96.0.50", 80)[0], first);
	s.affinity_s = 0;
	net_service_set(net, &s, false);
	sync_rules();
}

static void test_two_services_of_one_port_take_turns(void **state)
{
	static const char *const ips[] = { "10.96.0.51", NULL };
	static const struct net_port ports[] = { { "http", "TCP", 80, 30080 } };
	struct net_endpoint a = { .ip = ip_a, .port_name = "http", .port = 8080, .ready = true },
		b = { .ip = ip_b, .port_name = "http", .port = 8080, .ready = true };
	struct net_service first, second = { .ns = "default", .name = "other", .ips = ips, .ports = ports,
		.port_count = 1, .eps = &a, .ep_count = 1 };

	web(&first, &b, 1);
	net_service_set(net, &first, false);
	net_service_set(net, &second, false);
	sync_rules();
	starts_with(ask(NULL, "127.0.0.1", 30080), "b");
	starts_with(ask(NULL, "10.96.0.51", 80), "a");
	net_service_set(net, &first, true);
	sync_rules();
	starts_with(ask(NULL, "127.0.0.1", 30080), "a");
	net_service_set(net, &second, true);
	sync_rules();
}

static void test_host_ports(void **state)
{
	net_hostport(net, "pod-a", ip_a, "TCP", 7000, 8080);
	sync_rules();
	starts_with(ask(NULL, "127.0.0.1", 7000), "a");
	starts_with(ask(NULL, "10.244.0.1", 7000), "a");
	starts_with(ask(ns_a, "10.244.0.1", 7000), "a 10.244.0.1");
}

static void test_localhost_of_the_machine_is_not_for_pods(void **state)
{
	char text[256];
	pid_t pid = fork();
	int st;

	if (!pid) {
		enter(ns_a, -1);
		snprintf(text, sizeof(text), "ip route add 127.0.0.9/32 via 10.244.0.1 table 7 && ip rule add from all pref 0 lookup 7 2>/dev/null");
		_exit(system(text) ? 1 : 0);
	}
	waitpid(pid, &st, 0);
	assert_string_not_equal(ask(ns_a, "127.0.0.9", 9000), "host 10.244.0.2");
}

static void test_a_restart_finds_its_pods(void **state)
{
	static const char *const keep[] = { "pod-a", NULL };

	close_net();
	starts_with(ask(NULL, ip_a, 8080), "a");
	/* One whose links were ports of the bridge. */
	assert_int_equal(system("ip link set sampan0af40002 master sampan0 && ip addr flush dev sampan0af40002 && ip link set sampan0af40002 address 02:00:00:00:00:09"), 0);
	starts_with(ask(NULL, ip_a, 8080), "a 10.244.0.1");
	open_net();
	net_pods_keep(net, keep);
	add_pod("pod-a", ns_a);
	assert_string_equal(got_ip, ip_a);
	assert_int_not_equal(system("ip link show dev sampan0af40002 | grep -q master"), 0);
	starts_with(ask(NULL, ip_a, 8080), "a 10.244.0.1");
	for (int i = 0; i < 300 && if_nametoindex("sampan0af40003"); i++)
		loop_turn(loop, 10);
	assert_int_equal(if_nametoindex("sampan0af40003"), 0);
	assert_int_not_equal(if_nametoindex("sampan0af40002"), 0);
}

static void test_somebody_else_deletes_our_table(void **state)
{
	struct net_endpoint eps[] = { { .ip = ip_a, .port_name = "http", .port = 8080, .ready = true, .local = true } };
	struct net_service s;
	struct net_stats st;

	sync_rules();
	assert_int_equal(system("nft delete table ip sampan"), 0);
	web(&s, eps, 1);
	net_service_set(net, &s, false);
	sync_rules();
	starts_with(ask(NULL, "10.96.0.50", 80), "a");
	net_stats(net, &st);
	assert_int_equal(st.apply_errors, 1);
}

/* Answers every datagram with its name. */
static pid_t serve_udp(const char *ns, const char *name, int port)
{
	pid_t pid = fork();

	if (!pid) {
		struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) }, from;
		char text[64];
		int s;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		enter(ns, -1);
		s = socket(AF_INET, SOCK_DGRAM, 0);
		if (bind(s, (void *)&a, sizeof(a)))
			_exit(1);
		for (;;) {
			socklen_t len = sizeof(from);

			if (recvfrom(s, text, sizeof(text), 0, (void *)&from, &len) > 0)
				sendto(s, name, strlen(name), 0, (void *)&from, len);
		}
	}
	usleep(50000);
	return pid;
}

static char ask_udp(int s)
{
	char text[64] = "";

	(void)!send(s, "?", 1, 0);
	return recv(s, text, sizeof(text) - 1, 0) > 0 ? text[0] : '-';
}

static void test_udp_flows_follow_the_endpoints(void **state)
{
	static const char *const ips[] = { "10.96.0.53", NULL };
	static const struct net_port ports[] = { { "", "UDP", 5353, 0 } };
	struct net_endpoint a = { .ip = ip_a, .port_name = "", .port = 5300, .ready = true },
		b = { .ip = ip_b, .port_name = "", .port = 5300, .ready = true };
	struct net_service s = { .ns = "default", .name = "udp", .ips = ips, .ports = ports, .port_count = 1 };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(5353) };
	struct timeval t = { 1, 0 };
	pid_t server1 = serve_udp(ns_a, "a", 5300), server2 = serve_udp(ns_b, "b", 5300);
	int c = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, ips[0], &to.sin_addr);
	setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	assert_int_equal(connect(c, (void *)&to, sizeof(to)), 0);
	s.eps = &a;
	s.ep_count = 1;
	net_service_set(net, &s, false);
	sync_rules();
	assert_int_equal(ask_udp(c), 'a');
	s.eps = &b;
	net_service_set(net, &s, false);
	sync_rules();
	assert_int_equal(ask_udp(c), 'b');
	s.ep_count = 0;
	net_service_set(net, &s, false);
	sync_rules();
	assert_int_equal(ask_udp(c), '-');
	s.ep_count = 1;
	s.eps = &a;
	net_service_set(net, &s, false);
	sync_rules();
	ask_udp(c);                                    /* may bring the refusal before */
	assert_int_equal(ask_udp(c), 'a');
	net_service_set(net, &s, true);
	sync_rules();
	close(c);
	kill(server1, SIGKILL);
	kill(server2, SIGKILL);
	waitpid(server1, NULL, 0);
	waitpid(server2, NULL, 0);
}

/* ---- DNS ---- */

/* A resolver that knows one address for every name; over TCP it says another. */
static pid_t resolver(void)
{
	pid_t pid = fork();

	if (!pid) {
		struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(53) }, from;
		static const uint8_t record[] = { 0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 9 };
		uint8_t p[600];

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		enter(NULL, -1);
		inet_pton(AF_INET, "127.0.0.5", &a.sin_addr);
		int u = socket(AF_INET, SOCK_DGRAM, 0), t = socket(AF_INET, SOCK_STREAM, 0);
		struct pollfd fds[] = { { u, POLLIN, 0 }, { t, POLLIN, 0 } };

		if (bind(u, (void *)&a, sizeof(a)) || bind(t, (void *)&a, sizeof(a)) || listen(t, 5))
			_exit(1);
		for (;;) {
			socklen_t len = sizeof(from);
			bool tcp;
			ssize_t n;
			size_t at = 12;
			int c = -1;

			poll(fds, 2, -1);
			tcp = !(fds[0].revents & POLLIN);
			if (tcp) {
				c = accept(t, NULL, NULL);
				n = read(c, p, sizeof(p));
				n -= 2;
				memmove(p, p + 2, (size_t)n);
			} else {
				n = recvfrom(u, p, sizeof(p), 0, (void *)&from, &len);
			}
			while (n > 12 && p[at])
				at += p[at] + 1u;
			at += 5;
			p[2] |= 0x80;
			p[7] = 1;
			p[11] = 0;
			memcpy(p + at, record, sizeof(record));
			if (tcp) {
				p[at + 15] = 10;
				uint8_t l[2] = { 0, (uint8_t)(at + 16) };

				(void)!write(c, l, 2);
				(void)!write(c, p, at + 16);
				close(c);
			} else {
				sendto(u, p, at + 16, 0, (void *)&from, len);
			}
		}
	}
	usleep(50000);
	return pid;
}

/* What a command says, run in ns while the loop turns. */
static const char *says(const char *ns, const char *command)
{
	static char text[4096];
	size_t len = 0;
	int out[2];
	pid_t pid;
	ssize_t n;

	assert_int_equal(pipe2(out, O_NONBLOCK), 0);
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		enter(ns, -1);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(out[1]);
	for (;;) {
		loop_turn(loop, 5);
		n = read(out[0], text + len, sizeof(text) - 1 - len);
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	text[len] = 0;
	close(out[0]);
	waitpid(pid, NULL, 0);
	return text;
}

static void test_dns(void **state)
{
	struct net_service alias = { .ns = "default", .name = "out", .external_name = "example.com" };
	pid_t up;

	if (system("command -v dig >/dev/null"))
		skip();
	up = resolver();
#define DIG "dig +short +tries=1 +timeout=3 @10.96.0.10 "
	net_service_set(net, &alias, false);
	assert_string_equal(says(ns_a, DIG "web.default.svc.cluster.local"), "10.96.0.50\n");
	assert_string_equal(says(ns_a, DIG "+tcp web.default.svc.cluster.local"), "10.96.0.50\n");
	assert_string_equal(says(NULL, DIG "WEB.default.svc.cluster.local"), "10.96.0.50\n");
	assert_string_equal(says(ns_a, DIG "-x 10.96.0.50"), "web.default.svc.cluster.local.\n");
	assert_string_equal(says(ns_a, DIG "example.org"), "192.0.2.9\n");
	assert_string_equal(says(ns_a, DIG "+tcp example.org"), "192.0.2.10\n");
	assert_string_equal(says(ns_a, DIG "out.default.svc.cluster.local"), "example.com.\n192.0.2.9\n");
	assert_string_equal(says(ns_a, DIG "+tcp out.default.svc.cluster.local"), "example.com.\n192.0.2.10\n");
	kill(up, SIGKILL);
	waitpid(up, NULL, 0);
	assert_string_equal(says(ns_a, DIG "example.org"), "192.0.2.10\n");      /* kept: the newest */
	assert_true(strstr(says(ns_a, "dig +tries=1 @10.96.0.10 example.net"), "SERVFAIL"));
}

static void test_further_ranges_of_services_are_reached_from_the_machine(void **state)
{
	const char *const more[] = { "10.98.0.0/24", "fd00::/112", "10.97.0.0/16", "10.96.0.0/16", NULL }, *const other[] = { "10.99.0.0/24", NULL };
	const char *const none[] = { NULL }, *const ips[] = { "10.97.0.7", NULL };
	struct net_port port = { .name = "http", .proto = "TCP", .port = 80 };
	struct net_endpoint ep = { .ip = ip_a, .port_name = "http", .port = 8080, .ready = true, .local = true };
	struct net_service s = { .ns = "d", .name = "far", .ips = ips, .ports = &port, .port_count = 1, .eps = &ep, .ep_count = 1 };

	(void)state;
	net_service_set(net, &s, false);
	net_service_ranges(net, more);
	turn_until("test \"$(ip route show proto 84 | sort | cut -d' ' -f1-3 | xargs)\" = '10.97.0.0/16 dev lo 10.98.0.0/24 dev lo'");
	sync_rules();
	starts_with(ask(NULL, "10.97.0.7", 80), "a");
	assert_string_equal(ask(NULL, "10.97.0.8", 80), "refused");
	assert_string_equal(ask(ns_a, "10.98.0.1", 80), "refused");
	/* What an earlier life knew, and this one is not told. */
	close_net();
	open_net();
	net_service_ranges(net, other);
	turn_until("test \"$(ip route show proto 84 | cut -d' ' -f1-3)\" = '10.99.0.0/24 dev lo'");
	net_service_ranges(net, none);
	turn_until("test -z \"$(ip route show proto 84)\"");
	sync_rules();
	assert_int_not_equal(system("nft list chain ip sampan refuse | grep -q 10.99"), 0);
}

/* ---- policies ---- */

static struct policy *policy;

static void sync_policies(void)
{
	assert_int_equal(policy_sync(policy, synced, NULL), 0);
	wait_got();
	assert_int_equal(got_rc, 0);
}

static void open_policies(void)
{
	struct err e;

	if (policy_open(&policy, loop, "sampan", &e))
		fail_msg("%s", e.msg);
}

static void tell_pod(const char *name, const char *ip, const char *ip6, const char *label, bool local)
{
	static const struct policy_named ports[] = { { "web", "TCP", 8080 } };
	struct policy_label l = { "app", label };
	char link[32];
	unsigned a, b;

	assert_int_equal(sscanf(ip, "10.244.%u.%u", &a, &b), 2);
	snprintf(link, sizeof(link), "sampan0af4%02x%02x", a, b);

	policy_pod_set(policy, &(struct policy_pod){ .ns = "n", .name = name, .local = local, .link = link, .ips = (const char *const[]){ ip, ip6 },
		.ip_count = 2, .labels = &l, .label_count = 1, .ports = ports, .port_count = 1 });
}

/* Into pods of app=b: from peers, at ports. */
static void into_b(const struct policy_peer *peers, unsigned peer_count, const struct policy_port *ports, unsigned port_count)
{
	struct policy_rule r = { peers, peer_count, ports, port_count };
	const char *value = "b";
	struct policy_term is_b = { "app", POLICY_IN, &value, 1 };

	policy_set(policy, &(struct policy_told){ .ns = "n", .name = "p", .pods = { &is_b, 1 }, .acts = { true, false },
		.rules = { &r, NULL }, .rule_count = { peer_count || port_count, 0 } });
	sync_policies();
}

static bool comes(const char *from, const char *ip, int port)
{
	const char *said = ask(from, ip, port);

	if (said[0] == 'b')
		return true;
	assert_true(!strcmp(said, strerror(EINPROGRESS)) || !strcmp(said, strerror(EAGAIN)));
	return false;
}

/* A policy of each shape that rules and sets can have; both families go to the kernel. */
static void policies_everywhere(void)
{
	const char *a = "a", *not_all[] = { "10.244.0.128/25", "10.244.0.2/32", "255.255.255.255/32" };
	struct policy_term is_a = { "app", POLICY_IN, &a, 1 };
	struct policy_selector pods_a = { &is_a, 1 }, all = { 0 };
	struct policy_peer peer_a = { .pods = &pods_a }, everywhere[] = { { .namespaces = &all, .pods = &pods_a }, { .cidr = "fd00::/8" } };
	struct policy_peer most = { .cidr = "0.0.0.0/0", .except = not_all, .except_count = 3 }, whole = { .cidr = "10.244.0.0/16" };
	struct policy_port by_name = { .proto = "TCP", .name = "web" }, other = { .proto = "TCP", .port = 8081, .end = 9000 },
		two[] = { { .proto = "UDP" }, { .proto = "TCP", .name = "web" }, { .proto = "SCTP", .port = 1, .end = 65535 } };
	struct net_endpoint ep = { .ip = ip_b, .port_name = "http", .port = 8080, .ready = true, .local = true };
	struct net_service s;

	open_policies();
	tell_pod("a", ip_a, "fd00::a", "a", true);
	tell_pod("b", ip_b, "fd00::b", "b", true);
	policy_namespace_set(policy, "n", NULL, 0);
	policy_hold(policy, false);
	sync_policies();
	patience = (struct timeval){ 0, 200000 };
	assert_true(comes(ns_a, ip_b, 8080));
	into_b(NULL, 0, NULL, 0);
	assert_false(comes(ns_a, ip_b, 8080));
	assert_true(comes(NULL, ip_b, 8080));          /* the node itself */
	into_b(&peer_a, 1, &by_name, 1);
	assert_true(comes(ns_a, ip_b, 8080));
	into_b(&peer_a, 1, &other, 1);
	assert_false(comes(ns_a, ip_b, 8080));
	into_b(everywhere, 2, two, 3);
	assert_true(comes(ns_a, ip_b, 8080));
	into_b(&most, 1, NULL, 0);
	assert_int_equal(comes(ns_a, ip_b, 8080), strcmp(ip_a, "10.244.0.2") != 0);
	into_b(&whole, 1, NULL, 0);
	assert_true(comes(ns_a, ip_b, 8080));
	/* Through a Service: by the pod's own address; and to itself. */
	web_service(&s, &ep);
	assert_true(comes(ns_a, "10.96.0.50", 80));
	into_b(NULL, 0, NULL, 0);
	assert_false(comes(ns_a, "10.96.0.50", 80));
	assert_true(comes(ns_b, "10.96.0.50", 80));
	/* What a stranger did is mended with the next change, and serves while nobody is there. */
	assert_int_equal(system("nft flush table inet sampan"), 0);
	assert_true(comes(ns_a, ip_b, 8080));
	assert_int_equal(system("nft delete table inet sampan"), 0);
	tell_pod("a", ip_a, "fd00::a", "c", true);
	into_b(&peer_a, 1, NULL, 0);
	assert_false(comes(ns_a, ip_b, 8080));
	policy_close(policy);
	assert_false(comes(ns_a, ip_b, 8080));
	open_policies();
	assert_false(comes(ns_a, ip_b, 8080));
	policy_hold(policy, false);
	sync_policies();                               /* no policy: no rules */
	assert_true(comes(ns_a, ip_b, 8080));
	assert_int_not_equal(system("nft list table inet sampan 2>/dev/null"), 0);
	policy_close(policy);
	patience = (struct timeval){ 2, 0 };
	web(&s, NULL, 0);
	net_service_set(net, &s, false);
	sync_rules();
}

static void test_policies(void **state)
{
	policies_everywhere();
}

/* namespaces: each with two policies, a pod of this node and 50 of others. */
static int64_t change_us(unsigned namespaces)
{
	char ns[16], name[16], ip[20];
	const char *ips[] = { ip }, *value = "peer";
	struct policy_term is_peer = { "app", POLICY_IN, &value, 1 };
	struct policy_selector selector = { &is_peer, 1 };
	struct policy_peer peer = { .pods = &selector };
	struct policy_rule r = { .peers = &peer, .peer_count = 1 };
	struct policy_label l = { "app", "peer" };
	struct policy_pod pod = { .ns = ns, .name = name, .ips = ips, .ip_count = 1, .labels = &l, .label_count = 1 };
	struct policy_stats st;
	int64_t t = env_now_us(), best = INT64_MAX;

	open_policies();
	for (unsigned i = 0; i < namespaces; i++) {
		snprintf(ns, sizeof(ns), "n%u", i);
		policy_namespace_set(policy, ns, NULL, 0);
		policy_set(policy, &(struct policy_told){ .ns = ns, .name = "in", .acts = { true, false }, .rules = { &r }, .rule_count = { 1 } });
		policy_set(policy, &(struct policy_told){ .ns = ns, .name = "out", .acts = { false, true } });
		for (unsigned k = 0; k < 51; k++) {
			snprintf(name, sizeof(name), "p%u", k);
			snprintf(ip, sizeof(ip), "10.%u.%u.%u", 1 + i / 256, i % 256, 1 + k);
			pod.local = !k;
			policy_pod_set(policy, &pod);
		}
	}
	policy_hold(policy, false);
	sync_policies();
	policy_stats(policy, &st);
	print_message("%u policies, %u pods: %lld us, of them %lld in the kernel, %zu bytes\n", 2 * namespaces, 51 * namespaces,
		(long long)(env_now_us() - t), (long long)st.apply_us_last, st.bytes_last);
	for (unsigned i = 0; i < 40; i++) {
		pod.local = i % 4 == 3;        /* a peer comes, or a pod that is selected */
		snprintf(name, sizeof(name), "new%u", i);
		snprintf(ip, sizeof(ip), "10.200.0.%u", i);
		t = env_now_us();
		policy_pod_set(policy, &pod);
		sync_policies();
		t = env_now_us() - t;
		best = t < best ? t : best;
		policy_stats(policy, &st);
		if (i >= 36)
			print_message("  one change: %lld us, of them %lld in the kernel, %zu bytes\n", (long long)t,
				(long long)st.apply_us_last, st.bytes_last);
	}
	policy_close(policy);
	return best;
}

static void test_a_change_costs_the_same_among_many(void **state)
{
	int64_t few = change_us(10), many = change_us(getenv("SAMPAN_LONG") ? 2500 : 200);
	struct err e;

	print_message("%lld us among few, %lld us among many\n", (long long)few, (long long)many);
	assert_true(many < 20000);
	assert_int_equal(policy_down("sampan", &e), 0);
}

static void test_bad_namespace_is_an_error(void **state)
{
	assert_int_equal(net_pod_add(net, "pod-x", "/nonexistent", pod_added, NULL), 0);
	wait_got();
	assert_int_equal(got_rc, -ERR_IO);
}

static void test_down_leaves_nothing(void **state)
{
	struct err e;

	open_policies();
	policy_hold(policy, false);
	into_b(NULL, 0, NULL, 0);
	policy_close(policy);
	assert_int_equal(system("nft list table inet sampan >/dev/null"), 0);
	close_net();
	/* A further range of Services, as where another network has the pods: no link's end takes it away. */
	assert_int_equal(system("ip route add 10.97.0.0/16 dev lo proto 84"), 0);
	if (net_down("sampan", dir, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(if_nametoindex("sampan0"), 0);
	assert_int_not_equal(system("nft list tables | grep -q ."), 0);
	assert_int_not_equal(system("ip -o link | grep -q sampan"), 0);
	assert_int_not_equal(system("ip route | grep -q ."), 0);
	assert_int_equal(net_down("sampan", dir, &e), 0);
}

static int setup(void **state)
{
	if (!mkdtemp(dir) || unshare(CLONE_NEWNET | CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	if (system("ip link set lo up"))
		return -1;
	open_net();
	return 0;
}

static int teardown(void **state)
{
	pid_t pids[] = { server_a, server_b, server_host };
	struct err e;

	for (size_t i = 0; i < 3; i++)
		if (pids[i] > 0) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
		}
	umount2(ns_a, MNT_DETACH);
	umount2(ns_b, MNT_DETACH);
	return file_remove_tree(dir, &e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pods_get_addresses_and_reach_each_other),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_clients_stay_with_their_endpoint),
		cmocka_unit_test(test_two_services_of_one_port_take_turns),
		cmocka_unit_test(test_udp_flows_follow_the_endpoints),
		cmocka_unit_test(test_host_ports),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_a_change_costs_the_same_among_many),
		cmocka_unit_test(test_localhost_of_the_machine_is_not_for_pods),
		cmocka_unit_test(test_a_restart_finds_its_pods),
		cmocka_unit_test(test_somebody_else_deletes_our_table),
		cmocka_unit_test(test_dns),
		cmocka_unit_test(test_further_ranges_of_services_are_reached_from_the_machine),
		cmocka_unit_test(test_bad_namespace_is_an_error),
		cmocka_unit_test(test_down_leaves_nothing),
	};

	if (geteuid()) {
		print_message("needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
