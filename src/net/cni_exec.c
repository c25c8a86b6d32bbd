/* SPDX-License-Identifier: Apache-2.0 */
/* cni_exec - one run of a plugin. Its three files are memory, so it never waits for us nor we
 * for it; those it writes to are sealed at CNI_OUTPUT_MAX. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/spawn.h"
#include "net/cni_priv.h"

struct cni_exec {
	struct loop_timer timer;
	struct loop_child *child;
	pid_t pid;
	int in, out, err;
	bool late;
	cni_exec_fn *done;
	void *arg;
};

static void release(struct cni_exec *e)
{
	loop_timer_stop(&e->timer);
	if (e->in >= 0)
		close(e->in);
	if (e->out >= 0)
		close(e->out);
	if (e->err >= 0)
		close(e->err);
	free(e);
}

/* Zeroes that the plugin writes over: the text ends at the first that is left. */
static int sealed(void)
{
	int fd = memfd_create("cni", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (ftruncate(fd, CNI_OUTPUT_MAX) || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int input(const char *p, size_t n)
{
	int fd = memfd_create("cni", MFD_CLOEXEC);

	if (fd >= 0 && (write(fd, p, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET))) {
		close(fd);
		return -1;
	}
	return fd;
}

static size_t output(int fd, char *to)
{
	ssize_t n = pread(fd, to, CNI_OUTPUT_MAX, 0);

	to[n > 0 ? n : 0] = 0;
	return strlen(to);
}

static void exited(void *arg, pid_t pid, int wstatus)
{
	struct cni_exec *e = arg;
	char *text = malloc(2 * (CNI_OUTPUT_MAX + 1)), *errors = text ? text + CNI_OUTPUT_MAX + 1 : NULL;
	cni_exec_fn *done = e->done;
	bool late = e->late, ok = text && WIFEXITED(wstatus) && !WEXITSTATUS(wstatus);
	size_t n = text ? output(e->out, text) : 0, error_count = text ? output(e->err, errors) : 0;

	(void)pid;
	arg = e->arg;
	release(e);
	done(arg, ok && !late, late, text ? text : "", n, text ? errors : "out of memory", text ? error_count : 13);
	free(text);
}

static void too_late(void *arg)
{
	struct cni_exec *e = arg;

	e->late = true;
	kill(-e->pid, SIGKILL);        /* not reaped yet: the number is its own */
}

int cni_exec_start(struct cni_exec **ret, struct loop *l, const char *path, const char *const *env, const char *in, size_t n,
	int64_t timeout_ms, cni_exec_fn *done, void *arg, struct err *reterr)
{
	struct cni_exec *e = calloc(1, sizeof(*e));
	const char *const argv[] = { path, NULL };
	struct spawn_req q = { .argv = argv, .env = env, .fd_count = 3, .session = true };
	int rc;

	if (!e)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	loop_timer_init(&e->timer, l, too_late, e);
	e->done = done;
	e->arg = arg;
	e->in = input(in, n);
	e->out = sealed();
	e->err = sealed();
	if (e->in < 0 || e->out < 0 || e->err < 0) {
		rc = err_errno(reterr, "the files of %s", path);
		release(e);
		return rc;
	}
	q.fds[0] = e->in;
	q.fds[1] = e->out;
	q.fds[2] = e->err;
	rc = spawn_start(&e->pid, &q, reterr);
	if (!rc && !(e->child = loop_child_add(l, e->pid, exited, e))) {
		kill(-e->pid, SIGKILL);
		rc = err_set(reterr, ERR_IO, "watching %s", path);
	}
	if (rc) {
		release(e);
		return rc;
	}
	loop_timer_set(&e->timer, timeout_ms);
	*ret = e;
	return 0;
}

void cni_exec_kill(struct cni_exec *e)
{
	if (!e)
		return;
	kill(-e->pid, SIGKILL);
	loop_child_del(e->child);
	release(e);
}
