/* SPDX-License-Identifier: Apache-2.0 */
/* usage - quotas' counts follow the objects, whatever comes first. */
#include "cache_test.h"

#include "cache/usage.h"

#define QUOTA(ns, name) "core/resourcequotas/" ns "/" name
#define HARD(list) "{\"kind\":\"ResourceQuota\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"q\",\"namespace\":\"n\",\"uid\":\"q\"}," \
	"\"spec\":{\"hard\":{" list "}}}"

static int64_t used(struct usage *u, const char *ns, const char *name)
{
	size_t n;
	struct usage_quota *const *v = usage_of(u, ns, env_wall_us(), &n);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < v[i]->n; j++)
			if (!strcmp(v[i]->lines[j].name, name))
				return quantity_value(&v[i]->lines[j].used);
	return -1;
}

static struct usage *opened(struct fixture *f)
{
	struct usage *u;

	assert_int_equal(usage_open(&u, f->cache), 0);
	return u;
}

static void counts_follow_events_and_what_was_there(void **state)
{
	struct fixture *f = *state;
	struct usage *early = opened(f), *late;
	int64_t a, q;

	a = put_pod(f, "n", "a", 0, "", "");
	put_pod(f, "other", "a", 0, "", "");
	assert_int_equal(used(early, "n", "pods"), -1);
	q = put(f, QUOTA("n", "q"), 0, HARD("\"pods\":\"5\",\"count/resourcequotas\":\"2\""));
	assert_int_equal(used(early, "n", "pods"), 1);
	assert_int_equal(used(early, "n", "count/resourcequotas"), 1);
	assert_int_equal(used(early, "other", "pods"), -1);
	put_pod(f, "n", "b", 0, "", "");
	late = opened(f);
	for (int i = 0; i < 2; i++) {
		struct usage *u = i ? late : early;

		assert_int_equal(used(u, "n", "pods"), 2);
	}
	a = put(f, "core/pods/n/a", a, "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\","
		"\"uid\":\"u-n-a\"},\"spec\":{},\"status\":{\"phase\":\"Succeeded\"}}");
	assert_int_equal(used(early, "n", "pods"), 1);
	assert_int_equal(used(late, "n", "pods"), 1);
	del(f, "core/pods/n/a", a);
	assert_int_equal(used(late, "n", "pods"), 1);
	/* Other limits: counted anew; a status: nothing changes. */
	q = put(f, QUOTA("n", "q"), q, HARD("\"count/pods\":\"5\""));
	assert_int_equal(used(early, "n", "pods"), -1);
	assert_int_equal(used(early, "n", "count/pods"), 1);
	del(f, QUOTA("n", "q"), q);
	assert_int_equal(used(early, "n", "count/pods"), -1);
	usage_close(early);
	usage_close(late);
}

static void what_is_held_outlives_a_change_of_the_quota(void **state)
{
	struct fixture *f = *state;
	struct usage *u = opened(f);
	struct usage_quota *const *v;
	int64_t q = put(f, QUOTA("n", "q"), 0, HARD("\"pods\":\"5\",\"configmaps\":\"2\""));
	size_t n;

	v = usage_of(u, "n", 0, &n);
	assert_int_equal(n, 1);
	usage_hold(u, "n", "q", "pods", 3000000000);
	usage_hold(u, "n", "q", "nothing", 3000000000);
	usage_hold(u, "gone", "q", "pods", 3000000000);
	q = put(f, QUOTA("n", "q"), q, HARD("\"secrets\":\"1\",\"pods\":\"7\""));
	v = usage_of(u, "n", 0, &n);
	assert_int_equal(v[0]->n, 2);
	assert_int_equal(quantity_value(&v[0]->lines[1].held), 3);
	assert_int_equal(quantity_value(&v[0]->lines[1].hard), 7);
	usage_hold(u, "n", "q", "pods", -3000000000);
	assert_int_equal(quantity_value(&v[0]->lines[1].held), 0);
	usage_close(u);
}

/* As large as a quantity is read. */
#define MOST "100000000000E18"

static int64_t put_claim(struct fixture *f, const char *name)
{
	char key[60], value[400];

	snprintf(key, sizeof(key), "core/persistentvolumeclaims/n/%s", name);
	snprintf(value, sizeof(value), "{\"kind\":\"PersistentVolumeClaim\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\","
		"\"namespace\":\"n\",\"uid\":\"%s\"},\"spec\":{\"resources\":{\"requests\":{\"storage\":\"" MOST "\"}}}}", name, name);
	return put(f, key, 0, value);
}

static void a_sum_that_stopped_at_the_largest_goes_down_again(void **state)
{
	struct fixture *f = *state;
	struct usage *u = opened(f);
	struct usage_quota *const *v;
	struct quantity most;
	int64_t a, b;
	size_t n;

	assert_int_equal(quantity_parse(MOST, sizeof(MOST) - 1, &most), 0);
	put(f, QUOTA("n", "q"), 0, HARD("\"requests.storage\":\"1\""));
	usage_of(u, "n", 0, &n);
	a = put_claim(f, "a");
	b = put_claim(f, "b");
	put_claim(f, "c");
	del(f, "core/persistentvolumeclaims/n/a", a);
	v = usage_of(u, "n", 0, &n);
	assert_true(quantity_is_most(&v[0]->lines[0].used));
	del(f, "core/persistentvolumeclaims/n/b", b);
	v = usage_of(u, "n", 0, &n);
	assert_int_equal(quantity_cmp(&v[0]->lines[0].used, &most), 0);
	usage_close(u);
}

static void pods_past_their_grace_stop_to_count(void **state)
{
	struct fixture *f = *state;
	struct usage *u = opened(f);
	struct usage_quota *const *v;
	int64_t a;
	size_t n;

	test_now_us = 1000000;
	put(f, QUOTA("n", "q"), 0, HARD("\"pods\":\"5\""));
	a = put_pod(f, "n", "a", 0, ",\"deletionTimestamp\":\"1970-01-01T00:01:00Z\",\"deletionGracePeriodSeconds\":30", "x");
	assert_int_equal(used(u, "n", "pods"), 1);
	v = usage_of(u, "n", env_wall_us(), &n);
	assert_int_equal(v[0]->stale_us, 90000000);
	test_now_us = 90000000;
	assert_int_equal(used(u, "n", "pods"), 0);
	put_pod(f, "n", "b", 0, "", "");
	assert_int_equal(used(u, "n", "pods"), 1);
	v = usage_of(u, "n", env_wall_us(), &n);
	del(f, "core/pods/n/a", a);
	assert_true(v[0]->counted);
	assert_int_equal(used(u, "n", "pods"), 1);
	usage_close(u);
	test_now_us = 1000000;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts_follow_events_and_what_was_there, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_sum_that_stopped_at_the_largest_goes_down_again, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_is_held_outlives_a_change_of_the_quota, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(pods_past_their_grace_stop_to_count, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
