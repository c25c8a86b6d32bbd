/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - the one thread that owns a process's state: sockets, timers, signals,
 * children, and tasks posted by workers. epoll underneath.
 *
 * Thread: everything here runs on the loop thread, but for loop_post.
 * Promise: callbacks never nest; a watcher removed in a callback is not called
 * again, not even for an event already fetched.
 * Tests: tests/unit/base/test_loop.c
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"

struct loop;

int loop_open(struct loop **ret_loop);      /* 0 or -ERR_IO */
void loop_close(struct loop *l);
void loop_run(struct loop *l);              /* until loop_stop */
/* One turn; waits at most timeout_ms (-1: until something happens). For tests and
 * commands that have nothing else to do. */
void loop_turn(struct loop *l, int timeout_ms);
void loop_stop(struct loop *l);
/* Monotonic time of this turn, cheaper than env_now_ms(). */
int64_t loop_now_ms(const struct loop *l);

/* Sockets and pipes. events: EPOLLIN | EPOLLOUT, level-triggered. EPOLLERR and
 * EPOLLHUP come unasked, even with events 0, and again every turn until fn reads to
 * the end, closes or deletes. Delete before closing the fd. NULL: not watchable. */
struct loop_fd;
typedef void loop_fd_fn(void *arg, uint32_t events);
struct loop_fd *loop_fd_add(struct loop *l, int fd, uint32_t events, loop_fd_fn *fn, void *arg);
void loop_fd_set(struct loop_fd *w, uint32_t events);
void loop_fd_del(struct loop_fd *w);        /* does not close the fd; accepts NULL */

/* Timers: in the owner's memory, {0} before first use; set again to move. */
struct loop_timer {
	struct loop *loop;
	void (*fn)(void *arg);
	void *arg;
	int64_t at_ms;
	uint32_t slot;      /* place in the heap + 1; 0: not set */
};
void loop_timer_init(struct loop_timer *t, struct loop *l, void (*fn)(void *), void *arg);
void loop_timer_set(struct loop_timer *t, int64_t delay_ms);
void loop_timer_stop(struct loop_timer *t); /* harmless when not set */
static inline bool loop_timer_is_set(const struct loop_timer *t) { return t->slot != 0; }

/* A task runs once, in the next turn; in the owner's memory, {0} before first use. */
struct loop_task {
	struct list node;
	void (*fn)(void *arg);
	void *arg;
	bool queued;
};
/* Loop thread only; queueing a queued task is a no-op. */
void loop_defer(struct loop *l, struct loop_task *t, void (*fn)(void *), void *arg);
void loop_defer_cancel(struct loop *l, struct loop_task *t);
/* Any thread: fn(arg) will run on the loop. 0 or -ERR_NOMEM. */
int loop_post(struct loop *l, void (*fn)(void *), void *arg);

/* Signals by signalfd: blocks signo in this thread; call before threads start. */
int loop_signal(struct loop *l, int signo, void (*fn)(void *arg, int signo), void *arg);

/* Children by pidfd: fn runs once with wait status, after the reap; the loop_child is
 * gone by then. NULL: no such child. */
struct loop_child;
struct loop_child *loop_child_add(struct loop *l, pid_t pid,
	void (*fn)(void *arg, pid_t pid, int wstatus), void *arg);
void loop_child_del(struct loop_child *c);  /* stop watching; does not kill or reap */
/* Descendants that lose their parent become ours and are reaped as they end, as are children
 * nobody watches: where process 1 reaps nobody, they would hold up their pid namespace for ever.
 * Call before threads start. 0 or -ERR_IO. */
int loop_adopt_orphans(struct loop *l);

#endif
