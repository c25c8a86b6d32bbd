/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_change - how long one change of a Service takes to be in the kernel, beside many others.
 *
 *   service_change [SERVICES [ENDPOINTS]]      as root; in a network namespace of its own
 *
 * Prints one line of JSON: what all took at first, the first change after that, and what one change takes then.
 */
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"
#include "base/loop.h"
#include "net/net.h"

#define CHANGES 40u
#define ENDPOINTS_MAX 1000u

struct bench {
	struct loop *loop;
	struct net *net;
	int rc;
	char message[200];
};

static void applied(void *arg, int rc, const char *message)
{
	struct bench *b = arg;

	b->rc = rc;
	snprintf(b->message, sizeof(b->message), "%s", message);
	loop_stop(b->loop);
}

/* Service i with n endpoints, none of them before from. */
static void tell(struct bench *b, unsigned i, unsigned from, unsigned n)
{
	static char ips[ENDPOINTS_MAX][20];
	static struct net_endpoint eps[ENDPOINTS_MAX];
	char name[32], ip[32];
	const char *const addresses[] = { ip, NULL };
	struct net_port port = { .name = "", .proto = "TCP", .port = 80 };
	struct net_service s = { .ns = "bench", .name = name, .ips = addresses, .ports = &port, .port_count = 1, .eps = eps,
		.ep_count = n };

	snprintf(name, sizeof(name), "s%u", i);
	snprintf(ip, sizeof(ip), "10.96.%u.%u", 1 + i / 250, 1 + i % 250);
	for (unsigned e = 0; e < n; e++) {
		unsigned at = i * 16 + from + e;

		snprintf(ips[e], sizeof(ips[e]), "10.244.%u.%u", at / 250 % 250, 1 + at % 250);
		eps[e] = (struct net_endpoint){ .ip = ips[e], .port_name = "", .port = 8080, .ready = true };
	}
	net_service_set(b->net, &s, false);
}

static double sync_ms(struct bench *b)
{
	int64_t t = env_now_us();

	net_sync(b->net, applied, b);
	loop_run(b->loop);
	if (b->rc) {
		fprintf(stderr, "service_change: %s\n", b->message);
		exit(1);
	}
	return (double)(env_now_us() - t) / 1e3;
}

static int lo_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &r);

	close(fd);
	return rc;
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	unsigned services = argc > 1 ? (unsigned)atoi(argv[1]) : 5000, n = argc > 2 ? (unsigned)atoi(argv[2]) : 10;
	char dir[] = "/tmp/sampan-bench-XXXXXX";
	struct net_config cfg = { .name = "sampan", .pod_cidr = "10.244.0.0/24", .cluster_cidr = "10.244.0.0/16",
		.service_cidr = "10.96.0.0/16", .dns_ip = "10.96.0.10", .cluster_domain = "cluster.local", .state_dir = dir,
		.upstream_resolv = "/etc/resolv.conf" };
	struct bench b = { 0 };
	double all, first, ms[CHANGES];
	struct err e = { 0 };

	if (n < 2 || n > ENDPOINTS_MAX || !services || services > 60000)
		return fprintf(stderr, "service_change: 2 to %u endpoints, at most 60000 Services\n", ENDPOINTS_MAX), 2;
	if (unshare(CLONE_NEWNET) || lo_up() || !mkdtemp(dir) || loop_open(&b.loop))
		return perror("service_change: a network namespace of its own"), 1;
	if (net_open(&b.net, b.loop, &cfg, &e))
		return fprintf(stderr, "service_change: %s\n", e.msg), 1;
	for (unsigned i = 0; i < services; i++)
		tell(&b, i, 0, n);
	all = sync_ms(&b);
	/* The kernel may still be busy with what all that replaced. */
	tell(&b, services - 1, 1, n);
	first = sync_ms(&b);
	for (unsigned i = 0; i < CHANGES; i++) {
		tell(&b, i * 7 % services, 1, n - i % 2);
		ms[i] = sync_ms(&b);
	}
	qsort(ms, CHANGES, sizeof(*ms), order);
	printf("{\"services\": %u, \"endpoints\": %u, \"all_ms\": %.0f, \"first_ms\": %.1f, \"p50_ms\": %.2f, \"max_ms\": %.2f}\n", services, n, all, first,
		ms[CHANGES / 2], ms[CHANGES - 1]);
	net_close(b.net);
	loop_close(b.loop);
	return file_remove_tree(dir, &e) ? 1 : 0;
}
