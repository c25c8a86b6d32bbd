/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crun_exec - a process beside a container's main one (crun exec, its stdio ours), and the
 * main process's stdio through conmon's attach socket.
 */
#define LOG_MODULE "runtime"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"
#include "runtime/crun_priv.h"

#define EXEC_LOG_FD 3
#define EXEC_TIMED_OUT 124

/*
 * With a tty the process's terminal is made by crun, which sends its master end over a
 * socket. The caller needs one descriptor at once: it gets one end of a socket pair, whose
 * other end is relayed to the master as soon as that is there.
 */
struct exec {
	struct runtime_exec rx;
	struct crun *c;
	char process[PATH_MAX], pidfile[PATH_MAX], console[PATH_MAX];
	pid_t pid;
	struct loop_child *child;
	struct loop_timer timer;
	bool timed_out;
	int log_fd;                    /* memfd: crun's own errors, apart from the process's stderr */
	int listen_fd, master_fd, relay_fd;
	struct loop_fd *listen_watch, *master_watch, *relay_watch;
	struct buf to_master, to_relay;
	bool connected;                /* listen_fd is crun's connection */
	bool relay_eof, master_done, exited_seen;
	int cols, rows, exit_code;
	char message[1024];
	void (*exited)(void *, int, const char *);
	void *arg;
};

#define RELAY_MAX (64u << 10)

static void exec_free(struct exec *e)
{
	loop_fd_del(e->listen_watch);
	loop_fd_del(e->master_watch);
	loop_fd_del(e->relay_watch);
	for (int *fd = (int[]){ e->listen_fd, e->master_fd, e->relay_fd, e->log_fd, -2 }; *fd != -2; fd++)
		if (*fd >= 0)
			close(*fd);
	loop_child_del(e->child);
	loop_timer_stop(&e->timer);
	unlink(e->process);
	unlink(e->pidfile);
	if (e->console[0])
		unlink(e->console);
	buf_finish(&e->to_master);
	buf_finish(&e->to_relay);
	free(e);
}

static void exec_finish(struct exec *e)
{
	void (*exited)(void *, int, const char *) = e->exited;
	void *arg = e->arg;
	char message[1024];
	int code = e->exit_code;

	memcpy(message, e->message, sizeof(message));
	exec_free(e);
	if (exited)
		exited(arg, code, message);
}

/* ---- the terminal's relay ---- */

static void relay_watch(struct exec *e)
{
	if (e->master_watch)
		loop_fd_set(e->master_watch, (e->to_relay.len < RELAY_MAX ? EPOLLIN : 0) |
			(e->to_master.len ? EPOLLOUT : 0));
	if (e->relay_watch)
		loop_fd_set(e->relay_watch, (e->to_master.len < RELAY_MAX && !e->relay_eof ? EPOLLIN : 0) |
			(e->to_relay.len ? EPOLLOUT : 0));
}

/* True while the descriptor lives. */
static bool pump(int from, struct buf *to)
{
	char p[8192];
	ssize_t n = read(from, p, sizeof(p));

	if (n > 0)
		buf_add(to, p, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool flush(int fd, struct buf *b)
{
	ssize_t n = b->len ? write(fd, b->p, b->len) : 0;

	if (n > 0)
		buf_consume(b, (size_t)n);
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

/* No terminal any more, or none ever: once its last words are out, the caller sees the end, then the code. */
static void relay_drained(struct exec *e)
{
	if (e->relay_watch && flush(e->relay_fd, &e->to_relay) && e->to_relay.len) {
		relay_watch(e);
		return;
	}
	shutdown(e->relay_fd, SHUT_WR);
	buf_clear(&e->to_relay);
	if (e->exited_seen)
		exec_finish(e);
	else
		relay_watch(e);
}

static void master_end(struct exec *e)
{
	loop_fd_del(e->master_watch);
	e->master_watch = NULL;
	close(e->master_fd);
	e->master_fd = -1;
	e->master_done = true;
	relay_drained(e);
}

static void master_ready(void *arg, uint32_t events)
{
	struct exec *e = arg;

	if ((events & EPOLLOUT) && !flush(e->master_fd, &e->to_master)) {
		master_end(e);
		return;
	}
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !pump(e->master_fd, &e->to_relay)) {
		master_end(e);
		return;
	}
	flush(e->relay_fd, &e->to_relay);
	relay_watch(e);
}

static void relay_ready(void *arg, uint32_t events)
{
	struct exec *e = arg;

	if (events & EPOLLOUT)
		flush(e->relay_fd, &e->to_relay);
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !pump(e->relay_fd, &e->to_master)) {
		/* The caller went: the terminal hangs up, as one does. */
		e->relay_eof = true;
		loop_fd_del(e->relay_watch);
		e->relay_watch = NULL;
		if (e->master_fd >= 0) {
			master_end(e);
			return;
		}
	}
	if (e->master_fd >= 0 && e->to_master.len)
		flush(e->master_fd, &e->to_master);
	if (e->master_fd < 0 && e->master_done)
		relay_drained(e);
	else
		relay_watch(e);
}

/* The connection of crun brings the master end. */
static void console_message(void *arg, uint32_t events)
{
	struct exec *e = arg;
	union { char p[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
	char byte[256];
	struct iovec iov = { byte, sizeof(byte) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.p,
		.msg_controllen = sizeof(control.p) };
	ssize_t n = recvmsg(e->listen_fd, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *h;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n >= 0 && (h = CMSG_FIRSTHDR(&m)) && h->cmsg_type == SCM_RIGHTS) {
		memcpy(&e->master_fd, CMSG_DATA(h), sizeof(int));
		fcntl(e->master_fd, F_SETFL, O_NONBLOCK);
		e->master_watch = loop_fd_add(e->c->loop, e->master_fd, EPOLLIN, master_ready, e);
		if (e->cols)
			crun_exec_resize(&e->rx, e->cols, e->rows);
	}
	loop_fd_del(e->listen_watch);
	e->listen_watch = NULL;
	close(e->listen_fd);
	e->listen_fd = -1;
	relay_watch(e);
}

static void console_ready(void *arg, uint32_t events)
{
	struct exec *e = arg;
	int conn = accept4(e->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (conn < 0)
		return;
	loop_fd_del(e->listen_watch);
	close(e->listen_fd);
	e->listen_fd = conn;
	e->connected = true;
	e->listen_watch = loop_fd_add(e->c->loop, conn, EPOLLIN, console_message, e);
	console_message(e, events);
}

static int console_open(struct exec *e, int *ret_fd, struct err *reterr)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int pair[2];

	if (strlen(e->console) >= sizeof(sa.sun_path))
		return err_set(reterr, ERR_IO, "%s: path too long for a socket", e->console);
	strcpy(sa.sun_path, e->console);
	unlink(e->console);
	e->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (e->listen_fd < 0 || bind(e->listen_fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(e->listen_fd, 1))
		return err_errno(reterr, "console socket %s", e->console);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return err_errno(reterr, "socketpair");
	e->relay_fd = pair[0];
	*ret_fd = pair[1];
	e->listen_watch = loop_fd_add(e->c->loop, e->listen_fd, EPOLLIN, console_ready, e);
	e->relay_watch = loop_fd_add(e->c->loop, e->relay_fd, EPOLLIN, relay_ready, e);
	return e->listen_watch && e->relay_watch ? 0 : err_set(reterr, ERR_NOMEM, "out of memory");
}

/* ---- the process ---- */

static pid_t exec_pid(const struct exec *e)
{
	BUF_AUTO struct buf b = { 0 };

	return file_read(e->pidfile, 32, &b, NULL) || !b.len ? -1 : (pid_t)strtol(b.p, NULL, 10);
}

static void exec_stop(struct exec *e)
{
	pid_t pid = exec_pid(e);

	/* Killing crun alone would leave the process in the container. */
	if (pid > 0)
		kill(pid, SIGKILL);
	else
		kill(e->pid, SIGKILL);
}

static void exec_timeout(void *arg)
{
	struct exec *e = arg;

	e->timed_out = true;
	exec_stop(e);
}

static void exec_ended(void *arg, pid_t pid, int wstatus)
{
	struct exec *e = arg;
	ssize_t n = pread(e->log_fd, e->message, sizeof(e->message) - 1, 0);

	(void)pid;
	e->child = NULL;
	e->message[n > 0 ? n : 0] = 0;
	e->message[strcspn(e->message, "\n")] = 0;
	e->exit_code = WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : 128 + WTERMSIG(wstatus);
	if (e->timed_out) {
		e->exit_code = EXEC_TIMED_OUT;
		snprintf(e->message, sizeof(e->message), "command timed out");
	}
	e->exited_seen = true;
	/* The terminal may be on its way, or still hold output: its end comes first. */
	if (e->listen_fd >= 0)
		(e->connected ? console_message : console_ready)(e, 0);
	if (e->relay_fd < 0)
		exec_finish(e);
	else if (e->master_fd < 0)
		relay_drained(e);
}

static int prepare_process(struct exec *e, struct container *k, const struct runtime_exec_spec *s, struct err *reterr)
{
	BUF_AUTO struct buf config = { 0 };
	BUF_AUTO struct buf out = { 0 };
	char path[PATH_MAX];
	int fd, rc;

	snprintf(path, sizeof(path), "%s/config.json", k->dir);
	rc = file_read(path, 4 << 20, &config, reterr);
	if (!rc)
		rc = oci_exec_process(&out, config.p, config.len, s, reterr);
	if (rc)
		return rc;
	fd = open(e->process, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, out.p, out.len) != (ssize_t)out.len)
		rc = err_errno(reterr, "write %s", e->process);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int open_pipes(const struct runtime_exec_spec *s, int ours[3], int theirs[3], struct err *reterr)
{
	const bool want[3] = { s->in, s->out, s->err };

	for (int i = 0; i < 3; i++) {
		int fds[2];

		if (!want[i])
			continue;
		if (pipe2(fds, O_CLOEXEC))
			return err_errno(reterr, "pipe");
		ours[i] = fds[i == 0];
		theirs[i] = fds[i != 0];
		fcntl(ours[i], F_SETFL, O_NONBLOCK);
	}
	if (s->err_in_out && (theirs[2] = fcntl(theirs[1], F_DUPFD_CLOEXEC, 0)) < 0)
		return err_errno(reterr, "dup");
	return 0;
}

int crun_exec(struct runtime_exec **ret, struct runtime *r, const char *id, const struct runtime_exec_spec *s,
	int ret_fds[3], void (*exited)(void *, int, const char *), void *arg, struct err *reterr)
{
	struct container *k = crun_find(r, id);
	struct crun *c = (struct crun *)r;
	int ours[3] = { -1, -1, -1 }, theirs[3] = { -1, -1, -1 }, rc;
	struct exec *e;

	if (!k || k->state != RUNTIME_RUNNING)
		return err_set(reterr, ERR_NOT_FOUND, "container is not running");
	e = calloc(1, sizeof(*e));
	if (!e)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	e->rx.ops = r->ops;
	e->c = c;
	e->exited = exited;
	e->arg = arg;
	e->listen_fd = e->master_fd = e->relay_fd = -1;
	c->exec_seq++;
	snprintf(e->process, sizeof(e->process), "%s/exec-%" PRIu64 ".json", c->run_dir, c->exec_seq);
	snprintf(e->pidfile, sizeof(e->pidfile), "%s/exec-%" PRIu64 ".pid", c->run_dir, c->exec_seq);
	loop_timer_init(&e->timer, c->loop, exec_timeout, e);
	e->log_fd = memfd_create("exec", MFD_CLOEXEC);
	rc = e->log_fd < 0 ? err_errno(reterr, "memfd_create") : prepare_process(e, k, s, reterr);
	if (!rc && s->tty) {
		snprintf(e->console, sizeof(e->console), "%s/exec-%" PRIu64 ".sock", c->run_dir, c->exec_seq);
		rc = console_open(e, &ours[0], reterr);
	} else if (!rc) {
		rc = open_pipes(s, ours, theirs, reterr);
	}
	if (!rc) {
		const char *argv[16] = { c->crun, c->root_arg, "--cgroup-manager=cgroupfs", "--log=file:/proc/self/fd/3",
			"exec", "--process", e->process, "--pid-file", e->pidfile };
		struct spawn_req q = { .argv = argv, .fds = { theirs[0], theirs[1], theirs[2], e->log_fd },
			.fd_count = EXEC_LOG_FD + 1 };
		int n = 9;

		if (s->tty) {
			argv[n++] = "--console-socket";
			argv[n++] = e->console;
		}
		argv[n++] = id;
		rc = spawn_start(&e->pid, &q, reterr);
	}
	for (int i = 0; i < 3; i++) {
		if (theirs[i] >= 0)
			close(theirs[i]);
		if (rc && ours[i] >= 0)
			close(ours[i]);
	}
	if (rc) {
		exec_free(e);
		return rc;
	}
	e->child = loop_child_add(c->loop, e->pid, exec_ended, e);
	if (s->timeout_ms > 0)
		loop_timer_set(&e->timer, s->timeout_ms);
	memcpy(ret_fds, ours, sizeof(ours));
	*ret = &e->rx;
	return 0;
}

void crun_exec_resize(struct runtime_exec *rx, int cols, int rows)
{
	struct exec *e = (struct exec *)rx;
	struct winsize w = { .ws_col = (unsigned short)cols, .ws_row = (unsigned short)rows };

	e->cols = cols;
	e->rows = rows;
	if (e->master_fd >= 0)
		ioctl(e->master_fd, TIOCSWINSZ, &w);
}

static void reap(void *arg, pid_t pid, int wstatus)
{
	(void)arg, (void)pid, (void)wstatus;
}

void crun_exec_kill(struct runtime_exec *rx)
{
	struct exec *e = (struct exec *)rx;

	e->exited = NULL;
	if (e->exited_seen) {
		exec_free(e);
		return;
	}
	exec_stop(e);
	loop_child_del(e->child);
	e->child = NULL;
	loop_child_add(e->c->loop, e->pid, reap, NULL);
	exec_free(e);
}

/* ---- attach ---- */

int crun_attach(struct runtime *r, const char *id, int *ret_fd, struct err *reterr)
{
	struct container *k = crun_find(r, id);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int dir, fd, rc = 0;

	if (!k || (k->state != RUNTIME_RUNNING && k->state != RUNTIME_CREATED))
		return err_set(reterr, ERR_NOT_FOUND, "container is not running");
	/* The bundle's path may be longer than a socket address; by descriptor it never is. */
	dir = open(k->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(reterr, "open %s", k->dir);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/attach", dir);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		rc = err_errno(reterr, "attach to %s", id);
	close(dir);
	if (rc && fd >= 0)
		close(fd);
	if (!rc)
		*ret_fd = fd;
	return rc;
}

static int control(struct container *k, int type, int a, int b)
{
	char path[PATH_MAX], line[64];
	int fd, n, rc;

	snprintf(path, sizeof(path), "%s/ctl", k->dir);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -ERR_NOT_FOUND;
	n = snprintf(line, sizeof(line), "%d %d %d\n", type, a, b);
	rc = write(fd, line, (size_t)n) == n ? 0 : -ERR_IO;
	close(fd);
	return rc;
}

void crun_attach_resize(struct runtime *r, const char *id, int cols, int rows)
{
	struct container *k = crun_find(r, id);

	if (k)
		control(k, 1, rows, cols);
}

int crun_reopen_log(struct runtime *r, const char *id)
{
	struct container *k = crun_find(r, id);

	return k ? control(k, 2, 0, 0) : -ERR_NOT_FOUND;
}
