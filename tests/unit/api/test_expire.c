/* SPDX-License-Identifier: Apache-2.0 */
/* expire - an Event lasts an hour after its last write, by an owned clock. */
#include "fixture.h"

#include "base/env.h"

#define EVENTS "/api/v1/namespaces/default/events"

static struct fixture f;
static int64_t clock_us = 1000000000;

static int64_t own_now(void *arg) { return clock_us; }
static int64_t own_wall(void *arg) { return INT64_C(1800000000000000) + clock_us; }

static void some_random(void *arg, void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)rand();
}

static int open_api(void **state)
{
	static const struct env_ops ops = { own_now, own_wall, some_random, NULL };

	env_set(&ops);
	fixture_open(&f, "mem:", false);
	return 0;
}

static int close_api(void **state)
{
	fixture_close(&f);
	env_set(NULL);
	return 0;
}

static void minutes_pass(int n)
{
	clock_us += n * INT64_C(60000000);
	for (int i = 0; i < 40; i++)
		loop_turn(f.loop, 0);
}

static void make(int i)
{
	char body[300];

	snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"e%d\"},\"involvedObject\":{\"kind\":\"Pod\",\"namespace\":\"default\",\"name\":\"p\"}}", i);
	assert_int_equal(fixture_call(&f, "POST", EVENTS, NULL, NULL, body), 201);
}

static void an_event_lasts_an_hour_after_its_last_write(void **state)
{
	for (int i = 0; i < 600; i++)          /* more than go in one turn */
		make(i);
	minutes_pass(30);
	assert_int_equal(fixture_call(&f, "PATCH", EVENTS "/e7", NULL, "application/merge-patch+json", "{\"count\":2}"), 200);
	minutes_pass(29);
	assert_int_equal(cache_count(f.cache, "core/events", NULL), 600);
	minutes_pass(2);
	assert_int_equal(cache_count(f.cache, "core/events", NULL), 1);
	assert_int_equal(fixture_call(&f, "GET", EVENTS "/e7", NULL, NULL, NULL), 200);
	minutes_pass(28);
	assert_int_equal(cache_count(f.cache, "core/events", NULL), 1);
	minutes_pass(2);
	assert_int_equal(cache_count(f.cache, "core/events", NULL), 0);
}

static void one_that_is_deleted_and_made_again_begins_anew(void **state)
{
	make(1);
	minutes_pass(50);
	assert_int_equal(fixture_call(&f, "DELETE", EVENTS "/e1", NULL, NULL, NULL), 200);
	make(1);
	minutes_pass(50);
	assert_int_equal(cache_count(f.cache, "core/events", NULL), 1);
	minutes_pass(11);
	assert_int_equal(cache_count(f.cache, "core/events", NULL), 0);
}

/* Whoever begins again knows how old they are. */
static void a_server_that_begins_again_does_not_keep_them_longer(void **state)
{
	struct api_config cfg = { .service_cidr = "10.96.0.0/16", .advertise = "192.0.2.1:6443",
		.issuer = "https://kubernetes.default.svc.cluster.local" };
	struct err e;

	make(3);
	minutes_pass(20);
	make(1);
	minutes_pass(10);
	make(2);
	api_close(f.api);
	assert_int_equal(api_open(&f.api, f.loop, f.store, f.cache, &cfg, &e), 0);
	minutes_pass(29);
	assert_int_equal(cache_count(f.cache, "core/events", NULL), 3);
	minutes_pass(2);
	assert_int_equal(cache_count(f.cache, "core/events", NULL), 2);
	minutes_pass(20);
	assert_int_equal(cache_count(f.cache, "core/events", NULL), 1);
	minutes_pass(11);
	assert_int_equal(cache_count(f.cache, "core/events", NULL), 0);
}

int main(void)
{
#define WITH_API(test) cmocka_unit_test_setup_teardown(test, open_api, close_api)
	const struct CMUnitTest tests[] = {
		WITH_API(an_event_lasts_an_hour_after_its_last_write),
		WITH_API(one_that_is_deleted_and_made_again_begins_anew),
		WITH_API(a_server_that_begins_again_does_not_keep_them_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
