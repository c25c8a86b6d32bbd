/* SPDX-License-Identifier: Apache-2.0 */
/* test_env - clock and dice, and that a test can own them. */
#include "base_test.h"

#include "base/env.h"

static int64_t five(void *arg) { return *(int64_t *)arg; }

static uint32_t next_random;

static void give(void *arg, void *p, size_t n)
{
	assert_int_equal(n, sizeof(next_random));
	memcpy(p, &next_random, n);
	next_random++;
}

static void test_real(void **state)
{
	int64_t a = env_now_us(), b = env_now_us();
	uint8_t r[64] = { 0 };
	unsigned nonzero = 0;

	assert_true(b >= a);
	assert_true(env_now_ms() >= a / 1000);
	assert_true(env_wall_us() > INT64_C(1700000000000000));
	env_random(r, sizeof(r));
	for (size_t i = 0; i < sizeof(r); i++)
		nonzero += r[i] != 0;
	assert_true(nonzero > 32);
	for (int i = 0; i < 1000; i++)
		assert_true(env_random_below(7) < 7);
	assert_int_equal(env_random_below(0), 0);
	assert_int_equal(env_random_below(1), 0);
}

static void test_owned(void **state)
{
	int64_t t = 5000;
	const struct env_ops ops = { five, five, give, &t };

	env_set(&ops);
	assert_int_equal(env_now_us(), 5000);
	assert_int_equal(env_now_ms(), 5);
	assert_int_equal(env_wall_us(), 5000);
	next_random = 10;
	assert_int_equal(env_random_below(8), 2);
	/* 2^32 mod 7 is 4: the first four values are thrown away, so that none is likelier. */
	next_random = 0;
	assert_int_equal(env_random_below(7), 4);
	assert_int_equal(next_random, 5);
	env_set(NULL);
	assert_true(env_now_us() > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_owned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
