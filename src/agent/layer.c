/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer - see layer.h: the child around layer_tar, and what it tells back.
 *
 *   us --fork--> keeper --fork--> unpacker (process 1 of its own namespace)
 *
 * The keeper enters the namespaces and waits; when it dies the kernel kills the
 * unpacker. The unpacker writes its result into a pipe: notes, then the end record.
 */
#include "agent/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/loop.h"

#define REPORT_MAX  (64u << 20)
#define MEMORY_MAX  (1ull << 30)
#define ARCHIVE_FD  3
#define REPORT_FD   4

struct layer {
	struct loop *loop;
	pid_t pid;
	struct loop_child *child;
	struct loop_fd *watch;
	int report_fd;
	struct buf report;
	bool ended, closed;
	int wstatus;
	layer_done_fn *done;
	void *arg;
};

/* The last thing in the pipe; the two lists come before it. */
struct end_record { struct layer_result r; size_t opaque_len, implied_len; };

/* ---- the child ---- */

__attribute__((noreturn)) static void die(const char *what)
{
	struct end_record end = { .r.rc = -ERR_IO };

	snprintf(end.r.message, sizeof(end.r.message), "the unpacker's sandbox: %s: %s", what, strerror(errno));
	(void)!write(REPORT_FD, &end, sizeof(end));
	_exit(1);
}

static void write_report(const void *p, size_t n)
{
	const char *s = p;

	while (n) {
		ssize_t w = write(REPORT_FD, s, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			_exit(1);
		s += w;
		n -= (size_t)w;
	}
}

static void limit(int what, rlim_t max)
{
	struct rlimit r = { max, max };

	setrlimit(what, &r);
}

static void drop_capabilities(void)
{
	static const cap_value_t kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_MKNOD, CAP_SETFCAP };
	cap_t c;

	for (int i = 0; i <= CAP_LAST_CAP; i++) {
		bool keep = false;

		for (size_t k = 0; k < sizeof(kept) / sizeof(*kept); k++)
			keep |= kept[k] == i;
		if (!keep)
			prctl(PR_CAPBSET_DROP, i, 0, 0, 0);    /* the kernel may know fewer than we */
	}
	c = cap_init();
	if (!c || cap_set_flag(c, CAP_PERMITTED, 6, kept, CAP_SET) || cap_set_flag(c, CAP_EFFECTIVE, 6, kept, CAP_SET) ||
	    cap_set_proc(c))
		die("capabilities");
	cap_free(c);
}

static void filter_calls(void)
{
	static const int allowed[] = {
		SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(pwrite64), SCMP_SYS(pread64), SCMP_SYS(lseek), SCMP_SYS(close),
		SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(mkdirat),
		SCMP_SYS(mknodat), SCMP_SYS(symlinkat), SCMP_SYS(linkat), SCMP_SYS(unlinkat), SCMP_SYS(fchown),
		SCMP_SYS(fchownat), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(fsetxattr), SCMP_SYS(utimensat),
		SCMP_SYS(ftruncate), SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap),
		SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime),
		SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(fcntl), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
		SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(sched_yield), SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
	};
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);

	if (!f)
		die("system call filter");
	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
		if (seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0))
			die("system call filter");
	if (seccomp_load(f))
		die("system call filter");
	seccomp_release(f);
}

__attribute__((noreturn)) static void unpacker(struct layer_job *job)
{
	struct end_record end = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, 64);
	limit(RLIMIT_FSIZE, job->limits.unpacked_bytes_max);
#ifndef __SANITIZE_ADDRESS__                               /* whose shadow alone is larger */
	limit(RLIMIT_AS, MEMORY_MAX);
#endif
	umask(0);
	job->archive_fd = ARCHIVE_FD;
	job->root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (job->root_fd < 0)
		die("its root");
	drop_capabilities();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("no_new_privs");
	filter_calls();
	layer_tar(job, &end.r);
	end.opaque_len = end.r.opaque.len;
	end.implied_len = end.r.implied.len;
	write_report(end.r.opaque.p, end.opaque_len);
	write_report(end.r.implied.p, end.implied_len);
	write_report(&end, sizeof(end));
	_exit(0);
}

__attribute__((noreturn)) static void keeper(struct layer_job *job, int archive_fd, int report_fd, const char *dir)
{
	sigset_t none;
	pid_t pid;
	int st, a, r;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Out of the way first: either may be 3 or 4. */
	a = fcntl(archive_fd, F_DUPFD, 10);
	r = fcntl(report_fd, F_DUPFD, 10);
	if (a < 0 || r < 0 || dup2(a, ARCHIVE_FD) < 0 || dup2(r, REPORT_FD) < 0)
		_exit(1);
	syscall(SYS_close_range, 5, ~0u, 0);
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS))
		die("namespaces");
	if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(dir, dir, NULL, MS_BIND, NULL) || chdir(dir) ||
	    mount("", ".", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) ||
	    syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
		die("its root");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		unpacker(job);
	close(REPORT_FD);
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	_exit(WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st));
}

/* ---- us ---- */

static void free_layer(struct layer *y)
{
	loop_child_del(y->child);
	loop_fd_del(y->watch);
	if (y->report_fd >= 0)
		close(y->report_fd);
	buf_finish(&y->report);
	free(y);
}

static void fault(struct layer_result *r, const struct layer *y)
{
	int code = WIFEXITED(y->wstatus) ? WEXITSTATUS(y->wstatus) : 128 + WTERMSIG(y->wstatus);

	*r = (struct layer_result){ .rc = -ERR_IO };
	if (code == 128 + SIGXFSZ) {
		r->rc = -ERR_SIZE;
		snprintf(r->message, sizeof(r->message), "a file of the archive is larger than the limit");
	} else if (code > 128) {
		snprintf(r->message, sizeof(r->message), "the unpacker was killed by signal %d (%s)", code - 128,
			strsignal(code - 128));
	} else {
		snprintf(r->message, sizeof(r->message), "the unpacker ended with status %d", code);
	}
}

/* The report is from a process that read hostile bytes: nothing in it is believed. */
static void read_report(struct layer *y, struct layer_result *r)
{
	struct end_record end;
	size_t lists;

	if (y->report.failed || y->report.len < sizeof(end)) {
		fault(r, y);
		return;
	}
	lists = y->report.len - sizeof(end);
	memcpy(&end, y->report.p + lists, sizeof(end));
	if (end.opaque_len > lists || end.implied_len != lists - end.opaque_len || end.r.rc > 0 || end.r.rc <= -ERR_COUNT) {
		fault(r, y);
		return;
	}
	*r = end.r;
	r->opaque = r->implied = (struct buf){ 0 };
	r->message[sizeof(r->message) - 1] = r->diff_id[sizeof(r->diff_id) - 1] = 0;
	buf_add(&r->opaque, y->report.p, end.opaque_len);
	buf_add(&r->implied, y->report.p + end.opaque_len, end.implied_len);
	if ((r->opaque.len && r->opaque.p[r->opaque.len - 1]) || (r->implied.len && r->implied.p[r->implied.len - 1])) {
		buf_finish(&r->opaque);
		buf_finish(&r->implied);
		fault(r, y);
	}
}

static void maybe_end(struct layer *y)
{
	struct layer_result r;

	if (!y->ended || !y->closed)
		return;
	read_report(y, &r);
	y->done(y->arg, &r);
	buf_finish(&r.opaque);
	buf_finish(&r.implied);
	free_layer(y);
}

static void on_report(void *arg, uint32_t events)
{
	struct layer *y = arg;
	char chunk[16384];
	ssize_t n = read(y->report_fd, chunk, sizeof(chunk));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0 && y->report.len + (size_t)n <= REPORT_MAX) {
		buf_add(&y->report, chunk, (size_t)n);
		return;
	}
	if (n > 0) {
		kill(y->pid, SIGKILL);
		y->report.failed = true;
	}
	loop_fd_del(y->watch);
	y->watch = NULL;
	y->closed = true;
	maybe_end(y);
}

static void on_exit_child(void *arg, pid_t pid, int wstatus)
{
	struct layer *y = arg;

	y->child = NULL;
	y->ended = true;
	y->wstatus = wstatus;
	maybe_end(y);
}

int layer_unpack(struct layer **ret, struct loop *l, int fd, const char *dir, enum layer_mode mode,
	const struct layer_limits *limits, layer_done_fn *done, void *arg, struct err *reterr)
{
	struct layer_job job = { .mode = mode, .limits = *limits, .hash = EVP_MD_CTX_new() };
	struct layer *y = calloc(1, sizeof(*y));
	int pipe_fds[2] = { -1, -1 };

	/* Made here: the child may not take a lock that another thread held at the fork. */
	if (!y || !job.hash || !EVP_DigestInit_ex(job.hash, EVP_sha256(), NULL) || pipe2(pipe_fds, O_CLOEXEC)) {
		EVP_MD_CTX_free(job.hash);
		free(y);
		return err_errno(reterr, "starting the unpacker");
	}
	y->loop = l;
	y->report_fd = pipe_fds[0];
	y->done = done;
	y->arg = arg;
	y->pid = fork();
	if (!y->pid)
		keeper(&job, fd, pipe_fds[1], dir);
	close(pipe_fds[1]);
	EVP_MD_CTX_free(job.hash);
	if (y->pid > 0)
		y->child = loop_child_add(l, y->pid, on_exit_child, y);
	fcntl(y->report_fd, F_SETFL, O_NONBLOCK);
	if (y->child)
		y->watch = loop_fd_add(l, y->report_fd, EPOLLIN, on_report, y);
	if (!y->watch) {
		err_errno(reterr, "starting the unpacker");
		if (y->pid > 0) {
			kill(y->pid, SIGKILL);
			loop_child_del(y->child);
			y->child = NULL;
			waitpid(y->pid, NULL, 0);
		}
		free_layer(y);
		return -ERR_IO;
	}
	*ret = y;
	return 0;
}

static void reaped(void *arg, pid_t pid, int wstatus)
{
}

void layer_cancel(struct layer *y)
{
	if (!y)
		return;
	if (!y->ended) {
		kill(y->pid, SIGKILL);
		loop_child_del(y->child);
		/* Reaped when it comes to it; nobody waits for it. */
		y->child = NULL;
		if (!loop_child_add(y->loop, y->pid, reaped, NULL))
			waitpid(y->pid, NULL, 0);
	}
	free_layer(y);
}
