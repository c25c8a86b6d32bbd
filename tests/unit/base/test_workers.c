/* SPDX-License-Identifier: Apache-2.0 */
/* test_workers - the bound, the order, and that every done runs once. Also under
 * TSan: meson setup -Db_sanitize=thread. */
#include "base_test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/err.h"
#include "base/loop.h"
#include "base/workers.h"

static struct loop *l;
static pthread_t loop_thread;

static int setup(void **state)
{
	loop_thread = pthread_self();
	return loop_open(&l);
}

static int teardown(void **state)
{
	loop_close(l);
	return 0;
}

struct job {
	unsigned input, output;
	unsigned done;
	pthread_mutex_t *gate;
	struct workers *more;
	unsigned *done_count;
};

static void run(void *arg)
{
	struct job *j = arg;

	assert_false(pthread_equal(pthread_self(), loop_thread));
	if (j->gate) {
		pthread_mutex_lock(j->gate);
		pthread_mutex_unlock(j->gate);
	}
	j->output = j->input * 2;
}

static void done(void *arg)
{
	struct job *j = arg;

	assert_true(pthread_equal(pthread_self(), loop_thread));
	assert_int_equal(j->output, j->input * 2);
	j->done++;
	if (j->done_count)
		(*j->done_count)++;
}

static void test_every_job_is_done_once(void **state)
{
	enum { N = 2000 };
	static struct job jobs[N];
	struct workers *w;
	unsigned count = 0;

	memset(jobs, 0, sizeof(jobs));
	assert_int_equal(workers_open(&w, l, "test", 4, N), 0);
	for (unsigned i = 0; i < N; i++) {
		jobs[i] = (struct job){ .input = i, .done_count = &count };
		assert_int_equal(workers_submit(w, run, done, &jobs[i]), 0);
		if (i % 100 == 0)
			loop_turn(l, 0);
	}
	while (count < N)
		loop_turn(l, 1000);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(jobs[i].done, 1);
	workers_close(w);
}

static void test_full_queue_and_close(void **state)
{
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	struct job jobs[8] = { 0 };
	struct workers *w;
	unsigned count = 0, accepted = 0;

	assert_int_equal(workers_open(&w, l, "a name longer than a thread's", 1, 3), 0);
	pthread_mutex_lock(&gate);
	jobs[0] = (struct job){ .gate = &gate, .done_count = &count };
	assert_int_equal(workers_submit(w, run, done, &jobs[0]), 0);
	while (workers_waiting(w))     /* until it runs */
		sched_yield();
	for (unsigned i = 1; i < 8; i++) {
		jobs[i] = (struct job){ .input = i, .done_count = &count };
		if (workers_submit(w, run, done, &jobs[i]) == 0)
			accepted++;
	}
	assert_int_equal(accepted, 3);
	assert_int_equal(workers_waiting(w), 3);
	assert_int_equal(workers_submit(w, run, done, &jobs[7]), -ERR_FULL);
	loop_turn(l, 0);
	assert_int_equal(count, 0);
	pthread_mutex_unlock(&gate);
	workers_close(w);              /* waits, and runs every done */
	assert_int_equal(count, 4);
	assert_int_equal(jobs[4].done, 0);
}

static unsigned order[100], ordered;

static void done_in_order(void *arg) { order[ordered++] = ((struct job *)arg)->input; }

static void test_one_thread_keeps_order(void **state)
{
	struct job jobs[100];
	struct workers *w;

	ordered = 0;
	assert_int_equal(workers_open(&w, l, "test", 1, 100), 0);
	for (unsigned i = 0; i < 100; i++) {
		jobs[i] = (struct job){ .input = i };
		assert_int_equal(workers_submit(w, run, done_in_order, &jobs[i]), 0);
	}
	workers_close(w);
	assert_int_equal(ordered, 100);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(order[i], i);
}

static void submit_more(void *arg)
{
	struct job *j = arg;

	if (++j->done < 5)
		assert_int_equal(workers_submit(j->more, run, submit_more, j), 0);
}

static void test_done_may_submit(void **state)
{
	struct job j = { 0 };

	assert_int_equal(workers_open(&j.more, l, "test", 2, 1), 0);
	assert_int_equal(workers_submit(j.more, run, submit_more, &j), 0);
	while (j.done < 5)
		loop_turn(l, 1000);
	/* A job nobody waits for. */
	assert_int_equal(workers_submit(j.more, run, NULL, &j), 0);
	workers_close(j.more);
	workers_close(NULL);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_every_job_is_done_once),
		T(test_full_queue_and_close),
		T(test_one_thread_keeps_order),
		T(test_done_may_submit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
