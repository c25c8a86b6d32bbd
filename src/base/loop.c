/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - one turn is: wait; sockets; due timers; posted tasks; deferred tasks,
 * these within a time budget so that sockets are not starved.
 *
 * A loop_fd deleted during a turn stays as a grave until the turn ends, because
 * an event for it may already have been fetched.
 */
#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "base/err.h"
#include "base/list.h"

enum { EVENTS_MAX = 256, SIGNALS_MAX = 65, REAPS_MAX = 64 };
static const int64_t DEFER_BUDGET_US = 5000;

struct loop_fd {
	struct list node;    /* in fds, or in graves once deleted */
	struct loop *loop;
	int fd;
	loop_fd_fn *fn;      /* NULL: deleted */
	void *arg;
	uint32_t events;
};

struct loop_child {
	struct list node;
	struct loop_fd *watch;
	pid_t pid;
	int pidfd;
	void (*fn)(void *arg, pid_t pid, int wstatus);
	void *arg;
};

struct post {
	struct post *next;
	void (*fn)(void *arg);
	void *arg;
};

struct loop {
	int epfd, wakefd, sigfd;
	bool stop, in_turn;
	int64_t now_ms;
	struct list fds, graves, children;
	struct loop_timer **heap;   /* smallest at_ms first */
	size_t heap_len, heap_cap;
	struct list deferred, running;   /* of tasks; running: this turn's */
	struct loop_task reap_task;
	pthread_mutex_t post_lock;
	struct post *post_head, **post_tail;
	sigset_t signals;
	struct {
		void (*fn)(void *arg, int signo);
		void *arg;
	} on_signal[SIGNALS_MAX];
};

static void drain_wake(void *arg, uint32_t events)
{
	struct loop *l = arg;
	uint64_t n;

	/* Only resets the counter; the posts themselves run later in the turn. */
	if (read(l->wakefd, &n, sizeof(n)) < 0)
		return;
}

int loop_open(struct loop **ret_loop)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ERR_NOMEM;
	list_init(&l->fds);
	list_init(&l->graves);
	list_init(&l->children);
	list_init(&l->deferred);
	list_init(&l->running);
	l->post_tail = &l->post_head;
	pthread_mutex_init(&l->post_lock, NULL);
	sigemptyset(&l->signals);
	l->sigfd = -1;
	l->now_ms = env_now_ms();
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	l->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epfd < 0 || l->wakefd < 0 ||
	    !loop_fd_add(l, l->wakefd, EPOLLIN, drain_wake, l)) {
		loop_close(l);
		return -ERR_IO;
	}
	*ret_loop = l;
	return 0;
}

static void bury(struct loop *l)
{
	list_each(&l->graves, n)
		free(list_entry(n, struct loop_fd, node));
	list_init(&l->graves);
}

void loop_close(struct loop *l)
{
	if (!l)
		return;
	list_each(&l->children, n)
		loop_child_del(list_entry(n, struct loop_child, node));
	list_each(&l->fds, n)
		loop_fd_del(list_entry(n, struct loop_fd, node));
	bury(l);
	while (l->post_head) {
		struct post *p = l->post_head;

		l->post_head = p->next;
		free(p);
	}
	/* Owners may still stop and cancel: leave nothing that points here. */
	for (size_t i = 0; i < l->heap_len; i++)
		l->heap[i]->slot = 0;
	list_each(&l->deferred, n)
		loop_defer_cancel(l, list_entry(n, struct loop_task, node));
	free(l->heap);
	if (l->sigfd >= 0)
		close(l->sigfd);
	if (l->wakefd >= 0)
		close(l->wakefd);
	if (l->epfd >= 0)
		close(l->epfd);
	pthread_mutex_destroy(&l->post_lock);
	free(l);
}

void loop_run(struct loop *l)
{
	l->stop = false;
	while (!l->stop)
		loop_turn(l, -1);
}

void loop_stop(struct loop *l) { l->stop = true; }
int64_t loop_now_ms(const struct loop *l) { return l->now_ms; }

struct loop_fd *loop_fd_add(struct loop *l, int fd, uint32_t events, loop_fd_fn *fn, void *arg)
{
	struct loop_fd *w = malloc(sizeof(*w));
	struct epoll_event ev = { .events = events };

	if (!w)
		return NULL;
	*w = (struct loop_fd){ .loop = l, .fd = fd, .fn = fn, .arg = arg, .events = events };
	ev.data.ptr = w;
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		free(w);
		return NULL;
	}
	list_add_tail(&l->fds, &w->node);
	return w;
}

void loop_fd_set(struct loop_fd *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (w->events == events)
		return;
	if (epoll_ctl(w->loop->epfd, EPOLL_CTL_MOD, w->fd, &ev) == 0)
		w->events = events;
}

void loop_fd_del(struct loop_fd *w)
{
	if (!w)
		return;
	epoll_ctl(w->loop->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	w->fn = NULL;
	list_del(&w->node);
	if (w->loop->in_turn)
		list_add_tail(&w->loop->graves, &w->node);
	else
		free(w);
}

/* Timers: a binary heap; slot is the index + 1. */

static void heap_set(struct loop *l, size_t i, struct loop_timer *t)
{
	l->heap[i] = t;
	t->slot = (uint32_t)i + 1;
}

static void heap_up(struct loop *l, size_t i, struct loop_timer *t)
{
	while (i && t->at_ms < l->heap[(i - 1) / 2]->at_ms) {
		heap_set(l, i, l->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_set(l, i, t);
}

static void heap_down(struct loop *l, size_t i, struct loop_timer *t)
{
	for (;;) {
		size_t kid = 2 * i + 1;

		if (kid + 1 < l->heap_len && l->heap[kid + 1]->at_ms < l->heap[kid]->at_ms)
			kid++;
		if (kid >= l->heap_len || t->at_ms <= l->heap[kid]->at_ms)
			break;
		heap_set(l, i, l->heap[kid]);
		i = kid;
	}
	heap_set(l, i, t);
}

void loop_timer_init(struct loop_timer *t, struct loop *l, void (*fn)(void *), void *arg)
{
	*t = (struct loop_timer){ .loop = l, .fn = fn, .arg = arg };
}

void loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	struct loop *l = t->loop;

	loop_timer_stop(t);
	/* Not now_ms: a long callback would make its timers fire early. */
	t->at_ms = env_now_ms() + (delay_ms > 0 ? delay_ms : 0);
	if (l->heap_len == l->heap_cap) {
		size_t cap = l->heap_cap ? l->heap_cap * 2 : 64;
		struct loop_timer **heap = realloc(l->heap, cap * sizeof(*heap));

		if (!heap)
			abort();   /* a lost timer is a hang nobody could explain */
		l->heap = heap;
		l->heap_cap = cap;
	}
	heap_up(l, l->heap_len++, t);
}

void loop_timer_stop(struct loop_timer *t)
{
	struct loop *l = t->loop;
	struct loop_timer *last;
	size_t i;

	if (!t->slot)
		return;
	i = t->slot - 1;
	t->slot = 0;
	last = l->heap[--l->heap_len];
	if (last == t)
		return;
	if (i && last->at_ms < l->heap[(i - 1) / 2]->at_ms)
		heap_up(l, i, last);
	else
		heap_down(l, i, last);
}

static void run_timers(struct loop *l)
{
	/* Bounded: a timer that sets itself to zero waits for the next turn. */
	for (size_t n = l->heap_len; n && l->heap_len && l->heap[0]->at_ms <= l->now_ms; n--) {
		struct loop_timer *t = l->heap[0];

		loop_timer_stop(t);
		t->fn(t->arg);
	}
}

/* Tasks */

void loop_defer(struct loop *l, struct loop_task *t, void (*fn)(void *), void *arg)
{
	if (t->queued)
		return;
	*t = (struct loop_task){ .fn = fn, .arg = arg, .queued = true };
	list_add_tail(&l->deferred, &t->node);
}

void loop_defer_cancel(struct loop *l, struct loop_task *t)
{
	if (!t->queued)
		return;
	list_del(&t->node);
	t->queued = false;
}

/* All of from goes before what is in to. */
static void prepend(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->prev->next = to->next;
	to->next->prev = from->prev;
	to->next = from->next;
	from->next->prev = to;
	list_init(from);
}

static void run_deferred(struct loop *l)
{
	int64_t until;

	if (list_empty(&l->deferred))
		return;
	until = env_now_us() + DEFER_BUDGET_US;
	prepend(&l->running, &l->deferred);
	while (!list_empty(&l->running)) {
		struct loop_task *t = list_entry(l->running.next, struct loop_task, node);

		list_del(&t->node);
		t->queued = false;
		t->fn(t->arg);
		if (env_now_us() >= until)
			break;
	}
	prepend(&l->deferred, &l->running);   /* over budget: first in the next turn */
}

int loop_post(struct loop *l, void (*fn)(void *), void *arg)
{
	struct post *p = malloc(sizeof(*p));
	bool wake;

	if (!p)
		return -ERR_NOMEM;
	*p = (struct post){ .fn = fn, .arg = arg };
	pthread_mutex_lock(&l->post_lock);
	wake = !l->post_head;
	*l->post_tail = p;
	l->post_tail = &p->next;
	if (wake) {
		uint64_t one = 1;
		ssize_t n = write(l->wakefd, &one, sizeof(one));

		(void)n;   /* fails only when the counter is full: it is awake */
	}
	pthread_mutex_unlock(&l->post_lock);
	return 0;
}

static void run_posts(struct loop *l)
{
	struct post *p;

	pthread_mutex_lock(&l->post_lock);
	p = l->post_head;
	l->post_head = NULL;
	l->post_tail = &l->post_head;
	pthread_mutex_unlock(&l->post_lock);
	while (p) {
		struct post *next = p->next;

		p->fn(p->arg);
		free(p);
		p = next;
	}
}

static int wait_ms(const struct loop *l, int timeout_ms)
{
	int64_t left;

	if (!list_empty(&l->deferred) || l->stop)
		return 0;
	if (!l->heap_len)
		return timeout_ms;
	left = l->heap[0]->at_ms - env_now_ms();
	if (left < 0)
		left = 0;
	if (left > INT_MAX)
		left = INT_MAX;
	return timeout_ms < 0 || left < timeout_ms ? (int)left : timeout_ms;
}

void loop_turn(struct loop *l, int timeout_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(l->epfd, events, EVENTS_MAX, wait_ms(l, timeout_ms));

	l->now_ms = env_now_ms();
	l->in_turn = true;
	for (int i = 0; i < n; i++) {
		struct loop_fd *w = events[i].data.ptr;

		if (w->fn)
			w->fn(w->arg, events[i].events);
	}
	run_timers(l);
	run_posts(l);
	run_deferred(l);
	l->in_turn = false;
	bury(l);
}

/* Signals */

static void read_signals(void *arg, uint32_t events)
{
	struct loop *l = arg;
	struct signalfd_siginfo si;

	while (read(l->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		if (si.ssi_signo < SIGNALS_MAX && l->on_signal[si.ssi_signo].fn)
			l->on_signal[si.ssi_signo].fn(l->on_signal[si.ssi_signo].arg,
				(int)si.ssi_signo);
}

int loop_signal(struct loop *l, int signo, void (*fn)(void *arg, int signo), void *arg)
{
	sigset_t one;
	int fd;

	if (signo <= 0 || signo >= SIGNALS_MAX)
		return -ERR_INVALID;
	sigemptyset(&one);
	sigaddset(&one, signo);
	sigaddset(&l->signals, signo);
	if (pthread_sigmask(SIG_BLOCK, &one, NULL) != 0)
		return -ERR_IO;
	fd = signalfd(l->sigfd, &l->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -ERR_IO;
	if (l->sigfd < 0) {
		l->sigfd = fd;
		if (!loop_fd_add(l, fd, EPOLLIN, read_signals, l))
			return -ERR_IO;
	}
	l->on_signal[signo].fn = fn;
	l->on_signal[signo].arg = arg;
	return 0;
}

/* Children */

static void child_ended(void *arg, uint32_t events)
{
	struct loop_child *c = arg, dead;
	int status = 0;

	if (waitpid(c->pid, &status, WNOHANG) == 0)
		return;
	dead = *c;
	loop_child_del(c);
	dead.fn(dead.arg, dead.pid, status);
}

struct loop_child *loop_child_add(struct loop *l, pid_t pid,
	void (*fn)(void *arg, pid_t pid, int wstatus), void *arg)
{
	struct loop_child *c = malloc(sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct loop_child){ .pid = pid, .fn = fn, .arg = arg };
	c->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);   /* close-on-exec by nature */
	if (c->pidfd < 0)
		goto fail;
	c->watch = loop_fd_add(l, c->pidfd, EPOLLIN, child_ended, c);
	if (!c->watch) {
		close(c->pidfd);
		goto fail;
	}
	list_add_tail(&l->children, &c->node);
	return c;
fail:
	free(c);
	return NULL;
}

void loop_child_del(struct loop_child *c)
{
	if (!c)
		return;
	loop_fd_del(c->watch);
	close(c->pidfd);
	list_del(&c->node);
	free(c);
}

static bool is_watched(const struct loop *l, pid_t pid)
{
	list_each(&l->children, n)
		if (list_entry(n, struct loop_child, node)->pid == pid)
			return true;
	return false;
}

static void reap_orphans(void *arg)
{
	struct loop *l = arg;

	for (int i = 0; i < REAPS_MAX; i++) {
		siginfo_t si = { 0 };

		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) || !si.si_pid)
			return;
		if (is_watched(l, si.si_pid))
			break;         /* its watcher reaps it in the next turn; then what is behind it */
		waitid(P_PID, (id_t)si.si_pid, &si, WEXITED | WNOHANG);
	}
	loop_defer(l, &l->reap_task, reap_orphans, l);
}

static void on_sigchld(void *arg, int signo)
{
	struct loop *l = arg;

	(void)signo;
	loop_defer(l, &l->reap_task, reap_orphans, l);
}

int loop_adopt_orphans(struct loop *l)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) ? -ERR_IO : loop_signal(l, SIGCHLD, on_sigchld, l);
}
