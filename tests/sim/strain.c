/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strain - run a program whose disk syncs can be slow and whose wall clock can step,
 * by command from outside, whatever the program is linked with.
 *
 *   strain CONTROL [--clock] PROGRAM [ARG...]
 *
 * CONTROL is a file with two numbers, read at each call: how many milliseconds fsync and
 * fdatasync take longer, and by how many the wall clock is off. The program keeps the pid
 * that strain was started with; a supervisor beside it answers the calls, which a seccomp
 * filter hands over, and ends with it. With --clock the program is started without the
 * kernel's vDSO (its auxiliary vector says there is none), so that reading the wall clock
 * is a system call; monotonic clocks, and timers set on the wall clock, stay as they are.
 *
 * Source: seccomp_unotify(2), getauxval(3), proc(5) (startstack).
 * Tests:  tests/sim/test_strain.sh
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HELD_MAX 256       /* calls that wait at once; more are let through */

static struct { uint64_t id; int64_t due_ms; } held[HELD_MAX];
static unsigned held_count;

static void die(const char *what)
{
	fprintf(stderr, "strain: %s: %s\n", what, strerror(errno));
	_exit(125);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void control(int fd, long long *ret_sync_ms, long long *ret_clock_ms)
{
	char text[64] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	*ret_sync_ms = *ret_clock_ms = 0;
	if (n > 0)
		sscanf(text, "%lld %lld", ret_sync_ms, ret_clock_ms);
}

/* ---- a start without the vDSO ---- */

static uint64_t start_stack(pid_t pid)
{
	char path[64], text[2048], *p;
	unsigned long long at = 0;
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 || (n = read(fd, text, sizeof(text) - 1)) <= 0)
		die(path);
	close(fd);
	text[n] = 0;
	p = strrchr(text, ')');
	for (int field = 2; p && field < 28; field++)
		p = strchr(p + 1, ' ');
	if (!p || sscanf(p, "%llu", &at) != 1 || !at)
		die("no start of the stack in /proc/PID/stat");
	return at;
}

/* The words there: argc, the arguments, NULL, the environment, NULL, pairs until AT_NULL. */
static void hide_vdso(pid_t pid)
{
	uint64_t at = start_stack(pid);
	unsigned long word, ignore = AT_IGNORE;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) < 0 || pread(fd, &word, sizeof(word), (off_t)at) != sizeof(word))
		die(path);
	at += (word + 2) * sizeof(word);
	do {
		if (pread(fd, &word, sizeof(word), (off_t)at) != sizeof(word))
			die(path);
		at += sizeof(word);
	} while (word);
	for (;; at += 2 * sizeof(word)) {
		if (pread(fd, &word, sizeof(word), (off_t)at) != sizeof(word))
			die(path);
		if (word == AT_NULL)
			break;
		if (word == AT_SYSINFO_EHDR && pwrite(fd, &ignore, sizeof(ignore), (off_t)at) != sizeof(ignore))
			die(path);
	}
	close(fd);
}

static void wait_exec(pid_t pid)
{
	int status;

	for (;;) {
		if (waitpid(pid, &status, __WALL) != pid || WIFEXITED(status) || WIFSIGNALED(status))
			_exit(0);
		if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXEC << 8)))
			break;
		ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status));
	}
	hide_vdso(pid);
	if (ptrace(PTRACE_DETACH, pid, 0, 0))
		die("ptrace");
}

/* ---- answers ---- */

static void answer(int fd, struct seccomp_notif_resp *resp, uint64_t id, bool go_on)
{
	memset(resp, 0, sizeof(*resp));
	resp->id = id;
	resp->flags = go_on ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
	if (seccomp_notify_respond(fd, resp) && errno != ENOENT && errno != EINPROGRESS)
		fprintf(stderr, "strain: an answer was not taken: %s\n", strerror(errno));
}

/* Puts the stepped time where the call wants it; false: the kernel shall answer. */
static bool stepped(int fd, const struct seccomp_notif *req, long long clock_ms)
{
	struct timespec t;
	struct timeval v;
	struct iovec local = { &t, sizeof(t) }, remote = { (void *)(uintptr_t)req->data.args[1], sizeof(t) };
	bool day = req->data.nr == SCMP_SYS(gettimeofday);

	if (!clock_ms)
		return false;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += clock_ms / 1000;
	t.tv_nsec += clock_ms % 1000 * 1000000;
	if (t.tv_nsec < 0 || t.tv_nsec >= 1000000000) {
		t.tv_sec += t.tv_nsec < 0 ? -1 : 1;
		t.tv_nsec += t.tv_nsec < 0 ? 1000000000 : -1000000000;
	}
	if (day) {
		v.tv_sec = t.tv_sec;
		v.tv_usec = t.tv_nsec / 1000;
		local = (struct iovec){ &v, sizeof(v) };
		remote = (struct iovec){ (void *)(uintptr_t)req->data.args[0], sizeof(v) };
	}
	return remote.iov_base && !seccomp_notify_id_valid(fd, req->id) &&
		process_vm_writev((pid_t)req->pid, &local, 1, &remote, 1, 0) == (ssize_t)local.iov_len;
}

static void release_due(int fd, struct seccomp_notif_resp *resp)
{
	int64_t now = now_ms();

	for (unsigned i = 0; i < held_count;) {
		if (held[i].due_ms > now) {
			i++;
			continue;
		}
		answer(fd, resp, held[i].id, true);
		held[i] = held[--held_count];
	}
}

static int next_due(void)
{
	int64_t first = INT64_MAX, now = now_ms();

	for (unsigned i = 0; i < held_count; i++)
		if (held[i].due_ms < first)
			first = held[i].due_ms;
	return !held_count ? -1 : first <= now ? 0 : (int)(first - now);
}

static _Noreturn void supervise(int fd, int control_fd)
{
	struct seccomp_notif *req;
	struct seccomp_notif_resp *resp;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	long long sync_ms, clock_ms;

	if (seccomp_notify_alloc(&req, &resp))
		die("no memory");
	for (;;) {
		if (poll(&p, 1, next_due()) < 0 && errno != EINTR)
			die("poll");
		release_due(fd, resp);
		if (p.revents & POLLIN) {
			memset(req, 0, sizeof(*req));
			if (seccomp_notify_receive(fd, req))
				continue;      /* who asked is gone */
			control(control_fd, &sync_ms, &clock_ms);
			if (req->data.nr != SCMP_SYS(fsync) && req->data.nr != SCMP_SYS(fdatasync))
				answer(fd, resp, req->id, !stepped(fd, req, clock_ms));
			else if (sync_ms <= 0 || held_count == HELD_MAX)
				answer(fd, resp, req->id, true);
			else {
				held[held_count].id = req->id;
				held[held_count++].due_ms = now_ms() + sync_ms;
			}
		} else if (p.revents & (POLLHUP | POLLERR))
			_exit(0);
	}
}

/* ---- the start ---- */

static int filter(bool clocks)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc, fd;

	if (!ctx)
		die("no memory");
	/* Root needs no no_new_privs; the program's children shall be as without strain. */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, geteuid() != 0);
	rc = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(fsync), 0);
	rc = rc ? rc : seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(fdatasync), 0);
	if (clocks) {
		rc = rc ? rc : seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(gettimeofday), 0);
		rc = rc ? rc : seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(clock_gettime), 1,
			SCMP_A0(SCMP_CMP_EQ, CLOCK_REALTIME));
		rc = rc ? rc : seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(clock_gettime), 1,
			SCMP_A0(SCMP_CMP_EQ, CLOCK_REALTIME_COARSE));
	}
	rc = rc ? rc : seccomp_load(ctx);
	if (rc || (fd = seccomp_notify_fd(ctx)) < 0) {
		errno = rc ? -rc : EBADF;
		die("this kernel takes no filter with notification");
	}
	return fd;
}

static void fd_send(int sock, int fd)
{
	char byte = 0, space[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec io = { &byte, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	if (sendmsg(sock, &m, 0) != 1)
		die("sendmsg");
}

static int fd_receive(int sock)
{
	char byte, space[CMSG_SPACE(sizeof(int))];
	struct iovec io = { &byte, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
	struct cmsghdr *c;
	int fd;

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != 1 || !(c = CMSG_FIRSTHDR(&m)) || c->cmsg_type != SCM_RIGHTS)
		_exit(125);
	memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

int main(int argc, char **argv)
{
	bool clocks = argc > 2 && !strcmp(argv[2], "--clock");
	char **program = argv + (clocks ? 3 : 2), byte = 0;
	pid_t self = getpid(), child;
	int sock[2], control_fd, fd;

	if (argc < (clocks ? 4 : 3)) {
		fprintf(stderr, "usage: strain CONTROL [--clock] PROGRAM [ARG...]\n");
		return 2;
	}
	if ((control_fd = open(argv[1], O_RDONLY | O_CREAT | O_CLOEXEC, 0644)) < 0)
		die(argv[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) || (child = fork()) < 0)
		die("fork");
	if (!child) {
		/* Nobody's child: the program never hears of it. */
		if (fork())
			_exit(0);
		setsid();
		close(sock[0]);
		fd = fd_receive(sock[1]);
		if (clocks && ptrace(PTRACE_SEIZE, self, 0, PTRACE_O_TRACEEXEC))
			die("ptrace");
		if (write(sock[1], &byte, 1) != 1)
			_exit(125);
		close(sock[1]);
		if (clocks)
			wait_exec(self);
		supervise(fd, control_fd);
	}
	waitpid(child, NULL, 0);
	close(sock[1]);
	fd = filter(clocks);
	fd_send(sock[0], fd);
	if (read(sock[0], &byte, 1) != 1)
		die("the supervisor did not start");
	close(sock[0]);
	close(fd);
	execvp(program[0], program);
	die(program[0]);
}
