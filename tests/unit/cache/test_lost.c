/* SPDX-License-Identifier: Apache-2.0 */
/* test_lost - sight of the store's log is lost and found: who is told what. */
#include "cache_test.h"

#include "store/store_priv.h"

struct told {
	char text[512];
};

static void on_told(void *arg, const struct cache_event *ev)
{
	struct told *t = arg;
	size_t at = strlen(t->text);

	snprintf(t->text + at, sizeof(t->text) - at, "%s%c%s@%lld%s", at ? " " : "", "+=-"[ev->type],
		ev->obj->name, (long long)ev->rev, ev->old ? " old" : "");
}

static void on_ready(void *arg) { (*(int *)arg)++; }

static void turns(struct fixture *f)
{
	for (int i = 0; i < 5; i++)
		loop_turn(f->loop, 0);
}

static void live(struct fixture *f, const char *name, int64_t rev, int64_t create_rev)
{
	char key[64], json[256];
	struct blob *b;

	snprintf(key, sizeof(key), "core/pods/n/%s", name);
	snprintf(json, sizeof(json), "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\","
		"\"namespace\":\"n\",\"uid\":\"u-n-%s\"},\"spec\":{\"nodeName\":\"%lld\"}}", name, name, (long long)rev);
	b = blob_new(json, strlen(json));
	store_tell_live(f->store, &(struct store_event){ .rev = rev, .create_rev = create_rev, .key = key, .value = b });
	blob_unref(b);
}

static void test_differences_are_told_and_watches_expire(void **state)
{
	struct fixture *f = *state;
	struct told one = { "" }, all = { "" };
	int ready_armed = 0, ready_behind = 0;
	struct cache_watch *armed, *behind, *w;
	struct cache_observer *o, *p;
	struct cache_event *ev;

	put_pod(f, "n", "a", 0, "", "");
	put_pod(f, "n", "b", 0, "", "");
	put_pod(f, "n", "c", 0, "", "");
	o = cache_observe(f->cache, "core/pods", false, on_told, &one);
	p = cache_observe(f->cache, NULL, false, on_told, &all);
	assert_int_equal(cache_watch_open(&armed, f->cache, "core/pods", NULL, NULL, NULL, 0, on_ready, &ready_armed), 0);
	assert_int_equal(cache_watch_open(&behind, f->cache, "core/pods", "n", NULL, NULL, 1, on_ready, &ready_behind), 0);
	assert_int_equal(cache_watch_next(armed, &ev), -ERR_AGAIN);
	assert_int_equal(cache_watch_next(behind, &ev), 0);
	turns(f);

	store_lost(f->store);
	live(f, "a", 1, 1);                /* as it was */
	live(f, "b", 50, 2);               /* changed */
	turns(f);
	store_lost(f->store);              /* and once more, before it was found */
	live(f, "a", 1, 1);
	live(f, "b", 50, 2);
	live(f, "d", 40, 40);
	assert_int_equal(cache_rev(f->cache), 3);
	turns(f);
	store_found(f->store, 60);
	assert_string_equal(one.text, "=b@50 old +d@40 -c@60");
	assert_string_equal(all.text, one.text);
	assert_int_equal(cache_rev(f->cache), 60);
	assert_int_equal(store_rev(f->store), 60);
	assert_null(cache_get(f->cache, "core/pods", "n", "c"));
	assert_int_equal(cache_get(f->cache, "core/pods", "n", "b")->rev, 50);
	assert_int_equal(cache_count(f->cache, "core/pods", "n"), 3);

	turns(f);
	assert_int_equal(ready_armed, 2);  /* after open, and now */
	assert_int_equal(ready_behind, 2);
	assert_int_equal(cache_watch_next(armed, &ev), -ERR_EXPIRED);
	assert_int_equal(cache_watch_next(behind, &ev), -ERR_EXPIRED);
	cache_watch_close(armed);
	cache_watch_close(behind);
	assert_int_equal(cache_watch_open(&w, f->cache, "core/pods", NULL, NULL, NULL, 59, on_ready, &ready_armed), -ERR_EXPIRED);
	assert_int_equal(cache_watch_open(&w, f->cache, "core/secrets", NULL, NULL, NULL, 59, on_ready, &ready_armed), -ERR_EXPIRED);

	/* From what was found everything goes its way. */
	assert_int_equal(cache_watch_open(&w, f->cache, "core/pods", NULL, NULL, NULL, 60, on_ready, &ready_armed), 0);
	store_tell(f->store, &(struct store_event){ .rev = 61, .key = "core/pods/n/d" });
	assert_int_equal(cache_watch_next(w, &ev), 0);
	assert_int_equal(ev->rev, 61);
	assert_string_equal(strrchr(one.text, ' '), " -d@61");
	cache_watch_close(w);
	cache_unobserve(o);
	cache_unobserve(p);
}

static void test_progress_moves_the_revision_alone(void **state)
{
	struct fixture *f = *state;
	struct cache_watch *w;
	struct cache_event *ev;
	int ready = 0;

	put_pod(f, "n", "a", 0, "", "");
	assert_int_equal(cache_watch_open(&w, f->cache, "core/pods", NULL, NULL, NULL, 0, on_ready, &ready), 0);
	assert_int_equal(cache_watch_next(w, &ev), -ERR_AGAIN);
	store_progress(f->store, 70);
	store_progress(f->store, 60);
	assert_int_equal(cache_rev(f->cache), 70);
	assert_int_equal(store_rev(f->store), 70);
	assert_int_equal(cache_watch_rev(w), 70);
	store_tell(f->store, &(struct store_event){ .rev = 70, .key = "core/pods/n/a" });   /* was told */
	assert_non_null(cache_get(f->cache, "core/pods", "n", "a"));
	cache_watch_close(w);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(test_differences_are_told_and_watches_expire),
		T(test_progress_moves_the_revision_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
