/* SPDX-License-Identifier: Apache-2.0 */
/* role_common - see roles_priv.h. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "roles.h"
#include "roles_priv.h"

void role_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(a.sun_path))
		return;
	memcpy(a.sun_path, path, strlen(path));
	if (path[0] == '@')
		a.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
	close(fd);
}

void role_split_listen(const struct cli_command *c, const char *listen, char host[256], unsigned *ret_port)
{
	const char *colon = strrchr(listen, ':'), *start = listen;
	char *end = NULL;
	long port = colon ? strtol(colon + 1, &end, 10) : -1;
	size_t n = colon ? (size_t)(colon - listen) : 0;

	if (n >= 2 && listen[0] == '[' && listen[n - 1] == ']') {
		start++;
		n -= 2;
	}
	if (!colon || !*(colon + 1) || *end || port < 1 || port > 65535 || n == 0 || n > 255)
		cli_usage(c, "--listen %s is not ADDR:PORT, like 0.0.0.0:6443", listen);
	memcpy(host, start, n);
	host[n] = '\0';
	*ret_port = (unsigned)port;
}

void role_advertise(const char *host, int family, char ret[256])
{
	union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } to = { 0 }, me;
	socklen_t n = sizeof(me);

	snprintf(ret, 256, "%s", host);
	if (strcmp(host, "0.0.0.0") && strcmp(host, "::"))
		return;
	snprintf(ret, 256, family == 6 ? "::1" : "127.0.0.1");
	to.any.sa_family = family == 6 ? AF_INET6 : AF_INET;
	if (family == 6)
		to.v6.sin6_port = htons(9), inet_pton(AF_INET6, "2001:db8::1", &to.v6.sin6_addr);
	else
		to.v4.sin_port = htons(9), inet_pton(AF_INET, "192.0.2.1", &to.v4.sin_addr);
	/* Connecting a datagram socket sends nothing; it only asks the routing table. */
	int fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, &to.any, sizeof(to)) && !getsockname(fd, &me.any, &n))
		inet_ntop(to.any.sa_family, family == 6 ? (void *)&me.v6.sin6_addr : (void *)&me.v4.sin_addr, ret, 256);
	if (fd >= 0)
		close(fd);
}

void role_node_name(char ret[256])
{
	if (gethostname(ret, 255))
		snprintf(ret, 256, "localhost");
	ret[255] = '\0';
	for (char *p = ret; *p; p++)
		*p = (char)tolower((unsigned char)*p);
}

static int lock_open(const char *dir, const char *name, int flags)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s.lock", dir, name);
	return open(path, flags | O_RDWR | O_CLOEXEC, 0600);
}

int role_lock(const char *dir, const char *name, struct err *reterr)
{
	char pid[32];
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int rc = file_mkdirs(dir, 0755, reterr);

	if (rc)
		return rc;
	int fd = lock_open(dir, name, O_CREAT);
	if (fd < 0)
		return err_errno(reterr, "open %s/%s.lock", dir, name);
	if (fcntl(fd, F_SETLK, &fl)) {
		struct err e = { 0 };
		err_set(&e, ERR_CONFLICT, "%s is in use by process %d; stop it, or choose another --data-dir", dir,
			(int)role_lock_holder(dir, name));
		close(fd);
		return err_set(reterr, ERR_CONFLICT, "%s", e.msg);
	}
	/* Held, with the descriptor, until the process ends. */
	int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) || write(fd, pid, (size_t)n) != n)
		return err_errno(reterr, "write %s/%s.lock", dir, name);
	return 0;
}

pid_t role_lock_holder(const char *dir, const char *name)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = lock_open(dir, name, 0);

	if (fd < 0)
		return 0;
	if (fcntl(fd, F_GETLK, &fl))
		fl.l_type = F_UNLCK;
	close(fd);
	return fl.l_type == F_UNLCK ? 0 : fl.l_pid;
}

int role_fail(const struct cli_command *c, const struct err *e)
{
	fprintf(stderr, "sampan %s: %s\n", c->name, e->msg[0] ? e->msg : err_text(e->code));
	return 1;
}

void role_raise_files(void)
{
	struct rlimit r;

	if (!getrlimit(RLIMIT_NOFILE, &r)) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

int role_give(const char **argv, int n, const struct role_option *give)
{
	for (; give->option; give++)
		if (give->value && *give->value) {
			argv[n++] = give->option;
			argv[n++] = give->value;
		}
	return n;
}
