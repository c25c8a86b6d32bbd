/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role_up - a one-node cloud: `sampan server` and `sampan agent` as two children of
 * one supervisor.
 *
 *   child: RUNNING --dies--> WAITING (0.1 s doubling to 1 s, reset after 10 s of life)
 *                             --> RUNNING
 * The agent is started when the server says it is ready; from then on the two live
 * and die apart. Containers belong to neither: they run on.
 */
#define LOG_MODULE "up"
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "roles.h"
#include "roles_priv.h"
#include "store/store.h"

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 1000
#define HEALTHY_MS 10000
#define STOP_MAX_MS 20000
#define CHILD_ARGS_MAX 40

struct up;
struct child {
	struct up *up;
	const char *name;
	const char **argv;
	pid_t pid;
	struct loop_child *watch;
	struct loop_timer timer;
	int64_t started_ms, backoff_ms;
	int notify_fd;
	struct loop_fd *notify_watch;
	char notify[160];          /* "NOTIFY_SOCKET=..." */
};
struct up {
	struct loop *loop;
	struct child server, agent;
	struct loop_timer stop_timer;
	bool stopping;
	int exit_code;
};

static void child_start(void *arg);

static void stop_at_once(void *arg)
{
	struct up *u = arg;

	if (u->server.pid > 0)
		kill(u->server.pid, SIGKILL);
	if (u->agent.pid > 0)
		kill(u->agent.pid, SIGKILL);
	loop_stop(u->loop);
}

static void stop(struct up *u)
{
	if (u->stopping)
		return;
	u->stopping = true;
	role_notify("STOPPING=1");
	loop_timer_stop(&u->server.timer);
	loop_timer_stop(&u->agent.timer);
	loop_timer_set(&u->stop_timer, STOP_MAX_MS);
	/* The agent first, so that its last words reach the server. */
	if (u->agent.pid > 0)
		kill(u->agent.pid, SIGTERM);
	else if (u->server.pid > 0)
		kill(u->server.pid, SIGTERM);
	else
		loop_stop(u->loop);
}

static void child_ended(void *arg, pid_t pid, int wstatus)
{
	struct child *c = arg;
	struct up *u = c->up;

	(void)pid;
	c->pid = 0;
	c->watch = NULL;
	if (u->stopping) {
		if (c == &u->agent && u->server.pid > 0)
			kill(u->server.pid, SIGTERM);
		else
			loop_stop(u->loop);
		return;
	}
	int64_t lived = loop_now_ms(u->loop) - c->started_ms;
	/* What fails on its first start cannot be mended by starting it again. */
	if (WIFEXITED(wstatus) && WEXITSTATUS(wstatus) && lived < 2000 && c->backoff_ms == 0) {
		u->exit_code = WEXITSTATUS(wstatus);
		stop(u);
		return;
	}
	if (lived > HEALTHY_MS)
		c->backoff_ms = 0;
	c->backoff_ms = c->backoff_ms ? c->backoff_ms * 2 : BACKOFF_MIN_MS;
	if (c->backoff_ms > BACKOFF_MAX_MS)
		c->backoff_ms = BACKOFF_MAX_MS;
	log_warn("%s ended (%s %d); starting it again in %lld ms", c->name,
		WIFSIGNALED(wstatus) ? "signal" : "status",
		WIFSIGNALED(wstatus) ? WTERMSIG(wstatus) : WEXITSTATUS(wstatus), (long long)c->backoff_ms);
	loop_timer_set(&c->timer, c->backoff_ms);
}

static void child_start(void *arg)
{
	struct child *c = arg;
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(0);
		putenv(c->notify);
		execv("/proc/self/exe", (char **)(uintptr_t)c->argv);
		fprintf(stderr, "sampan up: cannot start sampan %s: %s\n", c->name, strerror(errno));
		_exit(127);
	}
	c->started_ms = loop_now_ms(c->up->loop);
	c->pid = pid;
	c->watch = pid > 0 ? loop_child_add(c->up->loop, pid, child_ended, c) : NULL;
	if (!c->watch) {
		log_error("cannot start %s: %s", c->name, strerror(errno));
		c->up->exit_code = 1;
		stop(c->up);
	}
}

/* A child says READY=1 as a service does to its manager: the server's is the agent's
 * turn to start, the agent's is ours to pass on. */
static void child_speaks(void *arg, uint32_t events)
{
	struct child *c = arg;
	char msg[256];
	ssize_t n = recv(c->notify_fd, msg, sizeof(msg) - 1, MSG_DONTWAIT);

	(void)events;
	if (n <= 0)
		return;
	msg[n] = '\0';
	if (!strstr(msg, "READY=1"))
		return;
	if (c == &c->up->server && !c->up->agent.started_ms && !c->up->stopping)
		child_start(&c->up->agent);
	else if (c == &c->up->agent)
		role_notify("READY=1");
}

/* The socket a child finds in $NOTIFY_SOCKET, with a name the kernel chose. */
static int child_open(struct child *c, struct up *u, const char *name, const char **argv, struct err *reterr)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t n = sizeof(a);

	c->up = u;
	c->name = name;
	c->argv = argv;
	loop_timer_init(&c->timer, u->loop, child_start, c);
	c->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->notify_fd < 0 || bind(c->notify_fd, (struct sockaddr *)&a, sizeof(sa_family_t)) ||
	    getsockname(c->notify_fd, (struct sockaddr *)&a, &n))
		return err_errno(reterr, "socket");
	snprintf(c->notify, sizeof(c->notify), "NOTIFY_SOCKET=@%.*s",
		(int)(n - offsetof(struct sockaddr_un, sun_path) - 1), a.sun_path + 1);
	c->notify_watch = loop_fd_add(u->loop, c->notify_fd, EPOLLIN, child_speaks, c);
	return c->notify_watch ? 0 : err_set(reterr, ERR_NOMEM, "out of memory");
}

static void child_close(struct child *c)
{
	loop_timer_stop(&c->timer);
	loop_fd_del(c->notify_watch);
	if (c->notify_fd > 0)
		close(c->notify_fd);
}

static void on_signal(void *arg, int signo)
{
	(void)signo;
	stop(arg);
}

static int run(int argc, char **argv)
{
	struct up u = { 0 };
	struct err e = { 0 };
	static const char default_listen[] = DEFAULT_LISTEN;
	const char *data_dir = DEFAULT_DATA_DIR, *listen = default_listen, *advertise = NULL, *services = NULL, *pods = NULL,
		*mask4 = NULL, *mask6 = NULL, *node_name = NULL, *pool = NULL, *store = NULL,
		*cni_dir = NULL, *cni_bin_dir = NULL;
	struct store_options etcd = { 0 };
	char node[256], host[256], agent_data[4200], kubeconfig[4200];
	unsigned port;
	const struct cli_option opts[] = {
		{ "data-dir", "DIR", "where everything is kept", &data_dir, NULL },
		{ "listen", "ADDR:PORT", "where the API is served; with ranges of IPv6 it is [::]:6443 if nothing is said", &listen, NULL },
		{ "advertise", "ADDR", "the address others reach this server at", &advertise, NULL },
		{ "service-cidr", "CIDR[,CIDR]", "addresses of Services, a range or one of each family (default 10.96.0.0/16)", &services, NULL },
		{ "cluster-cidr", "CIDR[,CIDR]", "addresses of pods, of whatever network (default 10.244.0.0/16)", &pods, NULL },
		{ "node-cidr-mask-size-ipv4", "BITS", "the prefix of a node's block of IPv4 pod addresses (default 24)", &mask4, NULL },
		{ "node-cidr-mask-size-ipv6", "BITS", "the same of IPv6 (default 64)", &mask6, NULL },
		{ "load-balancer-pool", "RANGES", "addresses for Services of type LoadBalancer, as 192.0.2.10-192.0.2.50,2001:db8::/120", &pool, NULL },
		{ "cni-dir", "DIR", "another network for pods, where a CNI configuration is in it (default /etc/cni/net.d; none: never)", &cni_dir, NULL },
		{ "cni-bin-dir", "DIR:..", "where its plugins are (default /opt/cni/bin:/usr/lib/cni)", &cni_bin_dir, NULL },
		{ "node-name", "NAME", "the node's name, else the machine's host name", &node_name, NULL },
		ROLE_STORE_URI(&store),
		ROLE_STORE_OPTIONS(&etcd),
		{ NULL, NULL, NULL, NULL, NULL },
	};

	cli_parse(&cmd_up, opts, argc, argv);
	log_init("up", -1);
	role_split_listen(&cmd_up, listen, host, &port);
	role_node_name(node);
	if (!node_name)
		node_name = node;
	snprintf(agent_data, sizeof(agent_data), "%s/agent", data_dir);
	snprintf(kubeconfig, sizeof(kubeconfig), "%s/pki/agent.kubeconfig", data_dir);
	const struct role_option to_server[] = {
		{ "--data-dir", data_dir }, { "--listen", listen == default_listen ? NULL : listen }, { "--advertise", advertise },
		{ "--service-cidr", services }, { "--cluster-cidr", pods }, { "--node-cidr-mask-size-ipv4", mask4 },
		{ "--node-cidr-mask-size-ipv6", mask6 }, { "--node-name", node_name }, { "--load-balancer-pool", pool },
		{ "--store", store }, { "--store-ca", etcd.ca_file }, { "--store-cert", etcd.cert_file },
		{ "--store-key", etcd.key_file }, { "--store-auth", etcd.auth_file }, { NULL, NULL },
	};
	const struct role_option to_agent[] = {
		{ "--kubeconfig", kubeconfig }, { "--data-dir", agent_data }, { "--node-name", node_name },
		{ "--cluster-cidr", pods }, { "--cni-dir", cni_dir }, { "--cni-bin-dir", cni_bin_dir }, { NULL, NULL },
	};
	const char *server_argv[CHILD_ARGS_MAX] = { "sampan", "server" }, *agent_argv[CHILD_ARGS_MAX] = { "sampan", "agent" };

	role_give(server_argv, 2, to_server);
	role_give(agent_argv, 2, to_agent);

	if (geteuid() != 0) {
		err_set(&e, ERR_FORBIDDEN, "pods need root: run it as root, or run `sampan server` alone");
		return role_fail(&cmd_up, &e);
	}
	if (role_lock(data_dir, "up", &e))
		return role_fail(&cmd_up, &e);
	if (loop_open(&u.loop))
		return err_set(&e, ERR_IO, "cannot make an event loop"), role_fail(&cmd_up, &e);
	loop_timer_init(&u.stop_timer, u.loop, stop_at_once, &u);
	/* What a killed agent leaves, until the next one. */
	if (loop_adopt_orphans(u.loop))
		return err_set(&e, ERR_IO, "cannot be the reaper of orphans"), role_fail(&cmd_up, &e);
	loop_signal(u.loop, SIGTERM, on_signal, &u);
	loop_signal(u.loop, SIGINT, on_signal, &u);
	if (child_open(&u.server, &u, "server", server_argv, &e) || child_open(&u.agent, &u, "agent", agent_argv, &e)) {
		u.exit_code = role_fail(&cmd_up, &e);
	} else {
		child_start(&u.server);
		loop_run(u.loop);
	}
	child_close(&u.server);
	child_close(&u.agent);
	loop_timer_stop(&u.stop_timer);
	loop_close(u.loop);
	return u.exit_code;
}

const struct cli_command cmd_up = { .name = "up", .help = "run a one-node cloud: server and agent together",
	.more = "It stays in the foreground. Pods run on when it ends; `sampan down` takes them away too.", .run = run };
