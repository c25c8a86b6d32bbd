/* SPDX-License-Identifier: Apache-2.0 */
/* etcd_host - real members of etcd for tests: on loopback, on ports the kernel gives, with
 * data in memory. A missing etcd is a failure: apt-get install etcd-server. */
#ifndef TESTS_ETCD_HOST_H
#define TESTS_ETCD_HOST_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

#define ETCD_HOST_MEMBERS 3
#define ETCD_HOST_ARGS    16

struct etcd_host {
	char dir[64];
	int members;
	int port[ETCD_HOST_MEMBERS], peer_port[ETCD_HOST_MEMBERS];
	pid_t pid[ETCD_HOST_MEMBERS];      /* 0: not running */
	const char *scheme;                /* of clients */
	const char *args[ETCD_HOST_ARGS];  /* more of them, NULL-terminated */
};

static inline int etcd_host_free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&sa, n) < 0 || getsockname(fd, (struct sockaddr *)&sa, &n) < 0)
		abort();
	close(fd);
	return ntohs(sa.sin_port);
}

/* Start member i, for the first time or again. */
static inline void etcd_host_start(struct etcd_host *h, int i)
{
	char name[16], data[96], client[64], peer[64], cluster[256] = "", log[96];
	const char *argv[ETCD_HOST_ARGS + 32];
	size_t n = 0, at = 0;

	snprintf(name, sizeof(name), "m%d", i);
	snprintf(data, sizeof(data), "%s/%s", h->dir, name);
	snprintf(log, sizeof(log), "%s/%s.log", h->dir, name);
	snprintf(client, sizeof(client), "%s://127.0.0.1:%d", h->scheme ? h->scheme : "http", h->port[i]);
	snprintf(peer, sizeof(peer), "http://127.0.0.1:%d", h->peer_port[i]);
	for (int k = 0; k < h->members; k++)
		at += (size_t)snprintf(cluster + at, sizeof(cluster) - at, "%sm%d=http://127.0.0.1:%d", k ? "," : "", k,
			h->peer_port[k]);
	const char *fixed[] = { "etcd", "--name", name, "--data-dir", data, "--listen-client-urls", client,
		"--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", cluster, "--heartbeat-interval", "50", "--election-timeout", "500", "--log-level", "warn" };

	for (size_t k = 0; k < sizeof(fixed) / sizeof(fixed[0]); k++)
		argv[n++] = fixed[k];
	for (size_t k = 0; k < ETCD_HOST_ARGS && h->args[k]; k++)
		argv[n++] = h->args[k];
	argv[n] = NULL;
	h->pid[i] = fork();
	if (h->pid[i] == 0) {
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fd, 1);
		dup2(fd, 2);
		setenv("ETCD_UNSUPPORTED_ARCH", "arm64", 0);
		execvp("etcd", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
}

static inline void etcd_host_signal(struct etcd_host *h, int i, int signo)
{
	kill(h->pid[i], signo);
	if (signo == SIGKILL || signo == SIGTERM) {
		waitpid(h->pid[i], NULL, 0);
		h->pid[i] = 0;
	}
}

/* So many members. h: {0}, but for scheme and args. */
static inline void etcd_host_open(struct etcd_host *h, int members)
{
	snprintf(h->dir, sizeof(h->dir), "%s/sampan-test-etcd-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(h->dir))
		abort();
	h->members = members;
	for (int i = 0; i < members; i++) {
		h->port[i] = etcd_host_free_port();
		h->peer_port[i] = etcd_host_free_port();
	}
	for (int i = 0; i < members; i++)
		etcd_host_start(h, i);
}

static inline void etcd_host_close(struct etcd_host *h)
{
	for (int i = 0; i < h->members; i++)
		if (h->pid[i])
			etcd_host_signal(h, i, SIGKILL);
	file_remove_tree(h->dir, NULL);
}

/* Run etcdctl against member 0 and wait. 0 when it succeeded. */
static inline int etcd_host_ctl(const struct etcd_host *h, const char *args)
{
	char cmd[1024];

	snprintf(cmd, sizeof(cmd), "ETCDCTL_API=3 etcdctl --endpoints %s://127.0.0.1:%d %s >>%s/ctl.log 2>&1",
		h->scheme ? h->scheme : "http", h->port[0], args, h->dir);
	return system(cmd);
}

#endif
