/* SPDX-License-Identifier: Apache-2.0 */
/* test_loop - sockets, timers, tasks, posts, signals, children. */
#include "base_test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "base/loop.h"

static struct loop *l;
static char trace[512];

static void note(const char *s) { strcat(trace, s); }

static int setup(void **state)
{
	trace[0] = 0;
	return loop_open(&l);
}

static int teardown(void **state)
{
	loop_close(l);
	env_set(NULL);
	return 0;
}

/* ---- sockets ---- */

struct side {
	int fd;
	struct loop_fd *w, *kill;
	unsigned events;
};

static void on_event(void *arg, uint32_t events)
{
	struct side *s = arg;

	s->events++;
	if (s->kill) {
		loop_fd_del(s->kill);
		s->kill = NULL;
	}
}

static void test_a_removed_watcher_is_not_called(void **state)
{
	int a[2], b[2];
	struct side x = { 0 }, y = { 0 };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
	x.w = loop_fd_add(l, a[0], EPOLLIN, on_event, &x);
	y.w = loop_fd_add(l, b[0], EPOLLIN, on_event, &y);
	x.kill = y.w;
	y.kill = x.w;
	assert_int_equal(write(a[1], "x", 1) + write(b[1], "x", 1), 2);
	loop_turn(l, 1000);       /* both are ready: the first kills the second */
	assert_int_equal(x.events + y.events, 1);
	loop_turn(l, 0);
	assert_int_equal(x.events + y.events, 2);
	assert_true(x.events == 0 || y.events == 0);
	loop_fd_del(NULL);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

static void test_interest_can_change(void **state)
{
	int a[2];
	struct side x = { 0 };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
	x.w = loop_fd_add(l, a[0], EPOLLIN, on_event, &x);
	loop_turn(l, 0);
	assert_int_equal(x.events, 0);
	loop_fd_set(x.w, EPOLLIN | EPOLLOUT);
	loop_turn(l, 0);
	loop_turn(l, 0);
	assert_int_equal(x.events, 2);
	loop_fd_set(x.w, 0);
	loop_turn(l, 0);
	assert_int_equal(x.events, 2);
	loop_fd_del(x.w);
	close(a[0]);
	close(a[1]);
	assert_null(loop_fd_add(l, -1, EPOLLIN, on_event, &x));
}

/* ---- timers, with an owned clock ---- */

static int64_t now_us;

static int64_t clock_now(void *arg) { return now_us; }
static void some_random(void *arg, void *p, size_t n) { memset(p, 1, n); }
static const struct env_ops owned = { clock_now, clock_now, some_random, NULL };

static void fire(void *arg) { note(arg); }

static void test_timers_fire_in_order(void **state)
{
	struct loop_timer t[5];
	static char *names[] = { "a", "b", "c", "d", "e" };
	static const int delays[] = { 30, 10, 20, 10000, 5 };

	env_set(&owned);
	for (int i = 0; i < 5; i++) {
		loop_timer_init(&t[i], l, fire, names[i]);
		assert_false(loop_timer_is_set(&t[i]));
		loop_timer_set(&t[i], delays[i]);
		assert_true(loop_timer_is_set(&t[i]));
	}
	loop_turn(l, 0);
	assert_string_equal(trace, "");
	now_us += 15000;
	loop_timer_stop(&t[1]);
	loop_timer_stop(&t[1]);
	loop_turn(l, 0);
	assert_string_equal(trace, "e");
	assert_false(loop_timer_is_set(&t[4]));
	loop_timer_set(&t[3], 1);      /* set again moves */
	now_us += 20000;
	loop_turn(l, 0);
	assert_string_equal(trace, "edca");
	assert_int_equal(loop_now_ms(l), now_us / 1000);
	now_us += 100000000;
	loop_turn(l, 0);
	assert_string_equal(trace, "edca");
}

static void test_many_timers_keep_the_heap(void **state)
{
	enum { N = 1000 };
	static struct loop_timer t[N];
	int64_t last = 0;
	unsigned seed = 1, stopped = 0;

	env_set(&owned);
	for (int i = 0; i < N; i++) {
		seed = seed * 1103515245 + 12345;
		loop_timer_init(&t[i], l, fire, "");
		loop_timer_set(&t[i], 1 + (seed >> 16) % 5000);
	}
	for (int i = 0; i < N; i += 3, stopped++)
		loop_timer_stop(&t[i]);
	for (int ms = 0; ms < 5001; ms += 50) {
		now_us += 50000;
		loop_turn(l, 0);
		for (int i = 0; i < N; i++)
			if (i % 3)
				assert_int_equal(loop_timer_is_set(&t[i]), t[i].at_ms > now_us / 1000);
	}
	assert_true(last == 0 && stopped > 300);
}

static struct loop_timer again;

static void fire_again(void *arg)
{
	note("x");
	loop_timer_set(&again, 0);
}

static void test_a_timer_of_zero_waits_for_the_next_turn(void **state)
{
	env_set(&owned);
	loop_timer_init(&again, l, fire_again, NULL);
	loop_timer_set(&again, 0);
	loop_turn(l, 0);
	assert_string_equal(trace, "x");
	loop_turn(l, -1);     /* does not sleep either */
	assert_string_equal(trace, "xx");
	loop_timer_stop(&again);
}

/* ---- tasks ---- */

static struct loop_task ta, tb, tc;

static void run_a(void *arg)
{
	note("a");
	loop_defer(l, &tc, fire, "c");
	loop_defer_cancel(l, &tb);
}

static void test_tasks_run_once_in_the_next_turn(void **state)
{
	loop_defer(l, &ta, run_a, NULL);
	loop_defer(l, &tb, fire, "b");
	loop_defer(l, &ta, run_a, NULL);
	assert_string_equal(trace, "");
	loop_turn(l, -1);
	assert_string_equal(trace, "a");     /* b was canceled, c is later */
	loop_turn(l, -1);
	assert_string_equal(trace, "ac");
	loop_turn(l, 0);
	assert_string_equal(trace, "ac");
	loop_defer_cancel(l, &ta);
	/* Cancel at the tail, then queue again. */
	loop_defer(l, &ta, fire, "1");
	loop_defer(l, &tb, fire, "2");
	loop_defer_cancel(l, &tb);
	loop_defer(l, &tc, fire, "3");
	loop_turn(l, 0);
	assert_string_equal(trace, "ac13");
}

static void slow(void *arg)
{
	note(arg);
	now_us += 3000;
}

static void test_tasks_share_the_turn(void **state)
{
	struct loop_task t[4] = { 0 };

	env_set(&owned);
	loop_defer(l, &t[0], slow, "0");
	loop_defer(l, &t[1], slow, "1");
	loop_defer(l, &t[2], slow, "2");
	loop_turn(l, 0);
	assert_string_equal(trace, "01");    /* the budget is 5 ms */
	loop_defer(l, &t[3], slow, "3");
	loop_defer_cancel(l, &t[0]);
	loop_turn(l, 0);
	assert_string_equal(trace, "0123");
}

/* ---- posts ---- */

static unsigned posted;

static void count_post(void *arg) { posted++; }

static void *post_many(void *arg)
{
	for (int i = 0; i < 1000; i++)
		loop_post(l, count_post, NULL);
	return NULL;
}

static void test_posts_from_threads(void **state)
{
	pthread_t t[4];

	posted = 0;
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, post_many, NULL);
	while (posted < 4000)
		loop_turn(l, 5000);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(posted, 4000);
	loop_post(l, count_post, NULL);    /* left behind: freed by the close */
}

static void test_owners_may_cancel_after_the_close(void **state)
{
	struct loop_timer t;
	struct loop_task task = { 0 };

	loop_timer_init(&t, l, fire, "t");
	loop_timer_set(&t, 1);
	loop_defer(l, &task, fire, "d");
	loop_close(l);
	assert_false(loop_timer_is_set(&t));
	assert_false(task.queued);
	loop_timer_stop(&t);
	loop_defer_cancel(l, &task);
	assert_int_equal(loop_open(&l), 0);
}

static void stop(void *arg) { loop_stop(l); }

static void test_run_until_stop(void **state)
{
	struct loop_task t = { 0 };

	loop_defer(l, &t, stop, NULL);
	loop_run(l);
}

/* ---- signals and children ---- */

static void on_signal(void *arg, int signo) { note(signo == SIGUSR1 ? "1" : "2"); }

static void test_signals(void **state)
{
	assert_int_equal(loop_signal(l, SIGUSR1, on_signal, NULL), 0);
	assert_int_equal(loop_signal(l, SIGUSR2, on_signal, NULL), 0);
	raise(SIGUSR2);
	loop_turn(l, 1000);
	raise(SIGUSR1);
	loop_turn(l, 1000);
	assert_string_equal(trace, "21");
	assert_true(loop_signal(l, 0, on_signal, NULL) < 0);
}

static void on_child(void *arg, pid_t pid, int wstatus)
{
	*(int *)arg = WEXITSTATUS(wstatus);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);   /* reaped already */
	loop_stop(l);
}

static pid_t child(int code)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(code);
	return pid;
}

static void test_children(void **state)
{
	int status = -1;
	struct loop_child *c;
	pid_t pid;

	assert_non_null(loop_child_add(l, child(7), on_child, &status));
	loop_run(l);
	assert_int_equal(status, 7);
	pid = child(8);
	c = loop_child_add(l, pid, on_child, &status);
	loop_child_del(c);
	loop_turn(l, 50);
	assert_int_equal(status, 7);
	assert_int_equal(waitpid(pid, NULL, 0), pid);    /* left to us */
	assert_null(loop_child_add(l, pid, on_child, &status));
	pid = child(9);
	loop_child_add(l, pid, on_child, &status);       /* still watched at the close */
	waitpid(pid, NULL, 0);
}

/* A child of a child outlives it; it, and children nobody watches, end beside watched ones. */
static void test_orphans_are_reaped_beside_watched_children(void **state)
{
	int64_t end = env_now_ms() + 20000;
	int status[20], rc;
	siginfo_t si;

	assert_int_equal(loop_adopt_orphans(l), 0);
	if (!fork()) {
		if (!fork()) {
			usleep(50000);
			_exit(3);
		}
		_exit(0);
	}
	for (int i = 0; i < 20; i++) {
		status[i] = -1;
		child(100);
		assert_non_null(loop_child_add(l, child(i), on_child, &status[i]));
	}
	while (!(rc = waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT)) && env_now_ms() < end)
		loop_turn(l, 10);
	assert_int_equal(rc, -1);      /* there are none any more */
	for (int i = 0; i < 20; i++)
		assert_int_equal(status[i], i);
	prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_a_removed_watcher_is_not_called),
		T(test_interest_can_change),
		T(test_timers_fire_in_order),
		T(test_many_timers_keep_the_heap),
		T(test_a_timer_of_zero_waits_for_the_next_turn),
		T(test_tasks_run_once_in_the_next_turn),
		T(test_tasks_share_the_turn),
		T(test_posts_from_threads),
		T(test_owners_may_cancel_after_the_close),
		T(test_run_until_stop),
		T(test_signals),
		T(test_children),
		T(test_orphans_are_reaped_beside_watched_children),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
