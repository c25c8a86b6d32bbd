/* SPDX-License-Identifier: Apache-2.0 */
/* root_help - a net in a network namespace of the test's own, for tests that run as root. Include
 * cmocka.h and what it needs before. */
#ifndef UNIT_NET_ROOT_HELP_H
#define UNIT_NET_ROOT_HELP_H

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/loop.h"
#include "net/net.h"

static char dir[] = "/tmp/sampan-net-XXXXXX";
static struct loop *loop;
static struct net *net;
static const struct net_config config = { .name = "sampan", .pod_cidr = "10.244.0.0/24", .cluster_cidr = "10.244.0.0/16",
	.service_cidr = "10.96.0.0/16", .dns_ip = "10.96.0.10", .cluster_domain = "cluster.local" };

/* A namespace held by a file, as the runtime's are. */
static void make_ns(const char *name, char path[128])
{
	pid_t pid;
	int st;

	snprintf(path, 128, "%s/ns-%s", dir, name);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	pid = fork();
	if (!pid)
		_exit(unshare(CLONE_NEWNET) || mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL));
	waitpid(pid, &st, 0);
	assert_int_equal(st, 0);
}

static void open_net_as(const struct net_config *as)
{
	char resolv[128];
	struct net_config c = *as;
	struct err e;

	c.state_dir = dir;
	if (!c.address)
		c.address = "192.168.50.1";
	snprintf(resolv, sizeof(resolv), "%s/resolv.conf", dir);
	assert_int_equal(file_replace(resolv, "search x\nnameserver 127.0.0.5\n", 30, 0600, &e), 0);
	c.upstream_resolv = resolv;
	assert_int_equal(loop_open(&loop), 0);
	if (net_open(&net, loop, &c, &e))
		fail_msg("%s", e.msg);
}

static inline void open_net(void)
{
	open_net_as(&config);
}

static void close_net(void)
{
	net_close(net);
	loop_close(loop);
}

static void turn_until(const char *command)
{
	for (int i = 0; i < 200; i++) {
		loop_turn(loop, 10);
		if (!system(command))
			return;
	}
	fail_msg("not within 2 s: %s", command);
}

#endif
