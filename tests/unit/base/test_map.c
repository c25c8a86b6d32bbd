/* SPDX-License-Identifier: Apache-2.0 */
/* test_map - against a plain array as the model; known hashes. */
#include "base_test.h"

#include "base/map.h"

enum { KEYS = 500 };

static void test_behaves_like_an_array(void **state)
{
	struct map m = { 0 };
	void *model[KEYS] = { 0 };
	unsigned seed = 12345, live = 0;
	size_t it = 0, walked = 0;
	const char *key;
	void *value;

	for (int step = 0; step < 20000; step++) {
		unsigned k;
		char name[16];

		seed = seed * 1103515245 + 12345;
		k = seed >> 8 & 0xffff;
		k %= step < 10000 ? KEYS : 20;    /* grow, then churn a few */
		snprintf(name, sizeof(name), "key-%u", k);
		assert_ptr_equal(map_get(&m, name), model[k]);
		if (seed >> 28 & 1) {
			void *old;

			value = (void *)(uintptr_t)(step + 1);
			assert_int_equal(map_put(&m, name, value, &old), 0);
			assert_ptr_equal(old, model[k]);
			live += !model[k];
			model[k] = value;
		} else {
			assert_ptr_equal(map_del(&m, name), model[k]);
			live -= model[k] != NULL;
			model[k] = NULL;
		}
		assert_int_equal(m.len, live);
	}
	assert_true(m.cap <= 1024);
	while (map_next(&m, &it, &key, &value)) {
		unsigned k = (unsigned)atoi(key + 4);

		assert_ptr_equal(model[k], value);
		walked++;
		map_del(&m, key);     /* the entry just returned may go */
	}
	assert_int_equal(walked, live);
	assert_int_equal(m.len, 0);
	map_finish(&m);
	assert_null(map_get(&m, "x"));
	assert_null(map_del(&m, "x"));
	map_finish(&m);
}

static void test_keys_by_length(void **state)
{
	struct map m = { 0 };

	map_put(&m, "ab", "1", NULL);
	map_put(&m, "", "2", NULL);
	assert_string_equal(map_getn(&m, "abc", 2), "1");
	assert_null(map_getn(&m, "abc", 3));
	assert_null(map_getn(&m, "abc", 1));
	assert_string_equal(map_getn(&m, "abc", 0), "2");
	map_finish(&m);
}

static void test_stable_hashes(void **state)
{
	/* Source: Fowler, Noll and Vo's published vectors. */
	assert_true(hash_fnv32a("", 0) == 0x811c9dc5u);
	assert_true(hash_fnv32a("a", 1) == 0xe40c292cu);
	assert_true(hash_fnv32a("foobar", 6) == 0xbf9cf968u);
	assert_true(hash_fnv64("", 0) == 0xcbf29ce484222325u);
	assert_true(hash_fnv64("foobar", 6) == 0x85944171f73967e8u);
	assert_true(hash_secret("abc", 3) == hash_secret("abc", 3));
	assert_true(hash_secret("abc", 3) != hash_secret("abd", 3));
	assert_true(hash_secret("12345678", 8) != hash_secret("12345678\0", 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_behaves_like_an_array),
		cmocka_unit_test(test_keys_by_length),
		cmocka_unit_test(test_stable_hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
