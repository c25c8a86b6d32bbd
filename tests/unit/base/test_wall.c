/* SPDX-License-Identifier: Apache-2.0 */
/* wall - due at a date. That a set clock is told needs the right to set it. */

#include "base_test.h"

#include "base/env.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/wall.h"

static unsigned ran;

static void on_due(void *arg)
{
	ran++;
}

static void it_runs_once_at_its_time(void **state)
{
	struct loop *l;
	struct wall_timer *t;
	int64_t at;

	ran = 0;
	assert_int_equal(loop_open(&l), 0);
	assert_int_equal(wall_timer_open(&t, l, on_due, NULL), 0);
	loop_turn(l, 0);
	assert_int_equal(ran, 0);
	at = env_wall_us() + 60000;
	wall_timer_set(t, at);
	while (!ran)
		loop_turn(l, 1000);
	assert_true(env_wall_us() >= at);
	loop_turn(l, 30);
	assert_int_equal(ran, 1);
	/* What is over is due at once; later times replace earlier ones. */
	wall_timer_set(t, 0);
	loop_turn(l, 1000);
	assert_int_equal(ran, 2);
	wall_timer_set(t, env_wall_us() + 10000);
	wall_timer_set(t, env_wall_us() + 3600LL * 1000000);
	loop_turn(l, 50);
	assert_int_equal(ran, 2);
	wall_timer_close(t);
	wall_timer_close(NULL);
	loop_close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(it_runs_once_at_its_time) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
