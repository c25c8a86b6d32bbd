/* SPDX-License-Identifier: Apache-2.0 */
/* wall - see wall.h: a timerfd that the kernel cancels when the clock is set. */
#include "base/wall.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/loop.h"

struct wall_timer {
	int fd;
	struct loop_fd *watch;
	void (*fn)(void *arg);
	void *arg;
};

static void due(void *arg, uint32_t events)
{
	static const struct itimerspec never;
	struct wall_timer *t = arg;
	uint64_t n;

	(void)events;
	/* Fails with ECANCELED when the clock was set: as good a reason. */
	if (read(t->fd, &n, sizeof(n)) < 0)
		timerfd_settime(t->fd, 0, &never, NULL);
	t->fn(t->arg);
}

int wall_timer_open(struct wall_timer **ret, struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct wall_timer *t = calloc(1, sizeof(*t));

	if (!t)
		return -ERR_NOMEM;
	t->fn = fn;
	t->arg = arg;
	t->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	t->watch = t->fd < 0 ? NULL : loop_fd_add(l, t->fd, EPOLLIN, due, t);
	if (!t->watch) {
		wall_timer_close(t);
		return -ERR_IO;
	}
	*ret = t;
	return 0;
}

void wall_timer_set(struct wall_timer *t, int64_t wall_us)
{
	/* All zero would switch it off. */
	struct itimerspec at = { .it_value = { .tv_sec = 1 } };

	if (wall_us > 1000000) {
		at.it_value.tv_sec = (time_t)(wall_us / 1000000);
		at.it_value.tv_nsec = (long)(wall_us % 1000000 * 1000);
	}
	timerfd_settime(t->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL);
}

void wall_timer_close(struct wall_timer *t)
{
	if (!t)
		return;
	loop_fd_del(t->watch);
	if (t->fd >= 0)
		close(t->fd);
	free(t);
}
