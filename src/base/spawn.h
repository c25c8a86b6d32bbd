/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn - start a program, with no more of ours than it is given.
 *
 * Thread:  spawn_start any; tools on the loop thread.
 * Tests:   by those who start programs: tests/contract/, tests/node/
 */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct loop;

#define SPAWN_FDS_MAX 8
struct spawn_req {
	const char *const *argv;       /* argv[0] is a path */
	const char *const *env;        /* NULL: none but PATH */
	int fds[SPAWN_FDS_MAX];        /* the child's 0, 1, 2, ...; -1: /dev/null */
	unsigned fd_count;
	const char *cwd;               /* NULL: ours */
	bool session;                  /* setsid */
};
/* Start a program with no signals blocked and no other descriptors of ours. */
int spawn_start(pid_t *ret_pid, const struct spawn_req *q, struct err *reterr);

/* A short-lived tool: output on stderr and stdout is gathered, at most 4 KiB. */
struct spawn_tool;
typedef void spawn_done_fn(void *arg, int wstatus, const char *output);
int spawn_tool(struct spawn_tool **ret, struct loop *l, const char *const *argv, spawn_done_fn *done,
	void *arg, struct err *reterr);
void spawn_tool_forget(struct spawn_tool *t);      /* done will not run; the tool runs on */

#endif
