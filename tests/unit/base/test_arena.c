/* SPDX-License-Identifier: Apache-2.0 */
/* test_arena - alignment, the cap, growing, reset. */
#include "base_test.h"

#include "base/arena.h"

static void test_allocations_are_aligned_and_apart(void **state)
{
	ARENA_AUTO struct arena *a = arena_open(1 << 20);
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 100, 4000, 4096, 5000, 70000, 3, 200000 };
	unsigned char *p[LEN(sizes)];

	for (size_t i = 0; i < LEN(sizes); i++) {
		p[i] = arena_alloc(a, sizes[i]);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		memset(p[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < LEN(sizes); i++)
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(p[i][j], i + 1);
	assert_false(arena_over(a));
	p[0] = arena_zalloc(a, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(p[0][i], 0);
}

static void test_over_the_cap_is_for_good(void **state)
{
	static const struct {
		const char *name;
		size_t first, second;
		bool over;
	} cases[] = {
		{ "exactly the cap", 1008, 16, false },
		{ "one more", 1008, 17, true },
		{ "at once", 0, 1025, true },
		{ "overflow", 16, SIZE_MAX, true },
		{ "near overflow", 16, SIZE_MAX - 20, true },
	};

	for (size_t i = 0; i < LEN(cases); i++) {
		ARENA_AUTO struct arena *a = arena_open(1024);

		print_message("  %s\n", cases[i].name);
		if (cases[i].first)
			assert_non_null(arena_alloc(a, cases[i].first));
		assert_int_equal(arena_alloc(a, cases[i].second) == NULL, cases[i].over);
		assert_int_equal(arena_over(a), cases[i].over);
		if (!cases[i].over)
			continue;
		assert_null(arena_alloc(a, 1));
		assert_null(arena_strdup(a, ""));
		arena_reset(a);
		assert_false(arena_over(a));
		assert_non_null(arena_alloc(a, 1000));
	}
}

static void test_realloc_grows_in_place_or_copies(void **state)
{
	ARENA_AUTO struct arena *a = arena_open(1 << 20);
	char *p = arena_realloc(a, NULL, 0, 10), *q;
	size_t used;

	memcpy(p, "123456789", 10);
	q = arena_realloc(a, p, 10, 500);
	assert_ptr_equal(q, p);
	used = arena_used_bytes(a);
	assert_true(used <= 512);
	arena_alloc(a, 1);
	q = arena_realloc(a, p, 500, 600);      /* not the newest any more */
	assert_ptr_not_equal(q, p);
	assert_string_equal(q, "123456789");
	for (size_t n = 600; n < 400000; n = n * 3 / 2) {   /* far beyond any block */
		q = arena_realloc(a, q, n, n * 3 / 2);
		assert_non_null(q);
		q[n * 3 / 2 - 1] = 'x';
		assert_string_equal(q, "123456789");
	}
	/* A growing large one is charged once. */
	assert_true(arena_used_bytes(a) < 620000);
	assert_null(arena_realloc(a, q, 400000, 2 << 20));
	assert_true(arena_over(a));
}

static void test_strings(void **state)
{
	ARENA_AUTO struct arena *a = arena_open(1 << 20);

	assert_string_equal(arena_strdup(a, "abc"), "abc");
	assert_string_equal(arena_strndup(a, "abcdef", 3), "abc");
	assert_string_equal(arena_strndup(a, "abc", 0), "");
	assert_string_equal(arena_printf(a, "%s-%05d", "x", 42), "x-00042");
	assert_int_equal(strlen(arena_printf(a, "%10000s", "x")), 10000);
}

static void test_reset_forgets_everything(void **state)
{
	ARENA_AUTO struct arena *a = arena_open(1 << 20);
	char *first = arena_alloc(a, 100);

	for (int i = 0; i < 100; i++)
		assert_non_null(arena_alloc(a, 9000));
	arena_reset(a);
	assert_int_equal(arena_used_bytes(a), 0);
	assert_ptr_equal(arena_alloc(a, 100), first);
	arena_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allocations_are_aligned_and_apart),
		cmocka_unit_test(test_over_the_cap_is_for_good),
		cmocka_unit_test(test_realloc_grows_in_place_or_copies),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_reset_forgets_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
