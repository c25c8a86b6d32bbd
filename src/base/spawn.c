/* SPDX-License-Identifier: Apache-2.0 */
/* spawn - start a program by posix_spawn (vfork underneath: cheap however big we are),
 * and gather what a short-lived tool says. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/spawn.h"

#define TOOL_OUTPUT_MAX 4096
#define FD_SAFE_MIN 16     /* sources of dup2 lie above all its targets */

static const char *const env_default[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL,
};

int spawn_start(pid_t *ret_pid, const struct spawn_req *q, struct err *reterr)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	int moved[SPAWN_FDS_MAX], rc = 0;
	sigset_t none, all;

	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	for (unsigned i = 0; i < SPAWN_FDS_MAX; i++)
		moved[i] = -1;
	for (unsigned i = 0; i < q->fd_count; i++) {
		int fd = q->fds[i];

		if (fd < 0) {
			posix_spawn_file_actions_addopen(&fa, (int)i, "/dev/null", O_RDWR, 0);
			continue;
		}
		if (fd < FD_SAFE_MIN) {
			fd = moved[i] = fcntl(fd, F_DUPFD_CLOEXEC, FD_SAFE_MIN);
			if (fd < 0) {
				rc = errno;
				break;
			}
		}
		posix_spawn_file_actions_adddup2(&fa, fd, (int)i);
	}
	if (q->cwd)
		posix_spawn_file_actions_addchdir_np(&fa, q->cwd);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(&at, &none);
	posix_spawnattr_setsigdefault(&at, &all);
	posix_spawnattr_setflags(&at, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
		(q->session ? POSIX_SPAWN_SETSID : 0)));
	if (!rc)
		rc = posix_spawn(ret_pid, q->argv[0], &fa, &at, (char *const *)q->argv,
			(char *const *)(q->env ? q->env : env_default));
	for (unsigned i = 0; i < SPAWN_FDS_MAX; i++)
		if (moved[i] >= 0)
			close(moved[i]);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	return rc ? err_set(reterr, ERR_IO, "start %s: %s", q->argv[0], strerror(rc)) : 0;
}

struct spawn_tool {
	int out;               /* memfd: needs no reading while the tool runs */
	struct loop_child *child;
	spawn_done_fn *done;
	void *arg;
};

static void tool_exited(void *arg, pid_t pid, int wstatus)
{
	struct spawn_tool *t = arg;
	char text[TOOL_OUTPUT_MAX];
	ssize_t n = pread(t->out, text, sizeof(text) - 1, 0);

	if (n < 0)
		n = 0;
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	text[n] = 0;
	close(t->out);
	t->done(t->arg, wstatus, text);
	free(t);
}

int spawn_tool(struct spawn_tool **ret, struct loop *l, const char *const *argv, spawn_done_fn *done,
	void *arg, struct err *reterr)
{
	struct spawn_tool *t = calloc(1, sizeof(*t));
	struct spawn_req q = { .argv = argv, .fd_count = 3 };
	pid_t pid;
	int rc;

	if (!t)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	t->done = done;
	t->arg = arg;
	t->out = memfd_create("tool", MFD_CLOEXEC);
	if (t->out < 0) {
		free(t);
		return err_errno(reterr, "memfd_create");
	}
	fcntl(t->out, F_SETFL, O_APPEND);
	q.fds[0] = -1;
	q.fds[1] = q.fds[2] = t->out;
	rc = spawn_start(&pid, &q, reterr);
	if (!rc && !(t->child = loop_child_add(l, pid, tool_exited, t)))
		rc = err_set(reterr, ERR_IO, "watch %s", argv[0]);
	if (rc) {
		close(t->out);
		free(t);
		return rc;
	}
	if (ret)
		*ret = t;
	return 0;
}

void spawn_tool_forget(struct spawn_tool *t)
{
	if (!t)
		return;
	loop_child_del(t->child);
	close(t->out);
	free(t);
}
