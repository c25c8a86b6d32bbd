/* SPDX-License-Identifier: Apache-2.0 */
/* test_watch - cursors: what they see, when they wake, when they expire. */
#include "cache_test.h"

struct watcher {
	struct cache_watch *w;
	unsigned ready;
	char text[256];
};

static void on_ready(void *arg) { ((struct watcher *)arg)->ready++; }

static int try_watch(struct fixture *f, struct watcher *t, const char *ns, const char *name,
	const char *node, int64_t from)
{
	*t = (struct watcher){ 0 };
	return cache_watch_open(&t->w, f->cache, "core/pods", ns, name, node, from, on_ready, t);
}

static void open_watch(struct fixture *f, struct watcher *t, const char *ns, const char *name,
	const char *node, int64_t from)
{
	assert_int_equal(try_watch(f, t, ns, name, node, from), 0);
}

/* Everything there is, as "Aname@rev ..."; then armed. */
static const char *drain(struct watcher *t)
{
	struct cache_event *ev;
	size_t at = 0;
	int r;

	t->text[0] = 0;
	t->ready = 0;
	while ((r = cache_watch_next(t->w, &ev)) == 0)
		at += (size_t)snprintf(t->text + at, sizeof(t->text) - at, "%s%c%s/%s@%d",
			at ? " " : "", "AMD"[ev->type], ev->obj->ns, ev->obj->name, (int)ev->rev);
	if (r == -ERR_EXPIRED)
		return "expired";
	assert_int_equal(r, -ERR_AGAIN);
	return t->text;
}

static void turns(struct fixture *f)
{
	loop_turn(f->loop, 0);
	loop_turn(f->loop, 0);
}

static void test_from_now_and_from_a_revision(void **state)
{
	struct fixture *f = *state;
	struct watcher now, all, two;

	put_pod(f, "n", "a", 0, "", "");
	put_pod(f, "n", "b", 0, "", "");
	put_pod(f, "n", "c", 0, "", "");
	open_watch(f, &now, NULL, NULL, NULL, 0);
	open_watch(f, &two, NULL, NULL, NULL, 2);
	open_watch(f, &all, NULL, NULL, NULL, 1);
	assert_int_equal(cache_watch_rev(two.w), 2);
	turns(f);
	assert_int_equal(now.ready + two.ready + all.ready, 3);
	assert_string_equal(drain(&now), "");
	assert_string_equal(drain(&two), "An/c@3");
	assert_string_equal(drain(&all), "An/b@2 An/c@3");
	del(f, "core/pods/n/a", 1);
	turns(f);
	assert_int_equal(now.ready, 1);
	assert_string_equal(drain(&now), "Dn/a@4");
	cache_watch_close(now.w);
	cache_watch_close(two.w);
	cache_watch_close(all.w);
}

static void test_filters_decide_who_wakes(void **state)
{
	static const struct {
		const char *ns, *name, *node, *want;
	} cases[] = {
		{ NULL, NULL, NULL, "An/a@1 Am/a@2 An/b@3 Mn/b@4 Mn/b@5 Dn/b@6" },
		{ "n", NULL, NULL, "An/a@1 An/b@3 Mn/b@4 Mn/b@5 Dn/b@6" },
		{ "", NULL, NULL, "An/a@1 Am/a@2 An/b@3 Mn/b@4 Mn/b@5 Dn/b@6" },
		{ "m", NULL, NULL, "Am/a@2" },
		{ "n", "a", NULL, "An/a@1" },
		{ NULL, "a", NULL, "An/a@1 Am/a@2" },
		{ NULL, NULL, "h1", "Mn/b@4 Mn/b@5" },    /* comes, and leaves again */
		{ NULL, NULL, "h2", "Mn/b@5 Dn/b@6" },
		{ "m", NULL, "h2", "" },
		{ "n", "z", NULL, "" },
	};
	enum { N = sizeof(cases) / sizeof(cases[0]) };
	struct fixture *f = *state;
	struct watcher w[N];
	char seen[N][256] = { { 0 } };
	unsigned wakes[N] = { 0 };

	for (int i = 0; i < N; i++) {
		open_watch(f, &w[i], cases[i].ns, cases[i].name, cases[i].node, 0);
		drain(&w[i]);
	}
	turns(f);
	for (int step = 1; step <= 6; step++) {
		for (int i = 0; i < N; i++)
			w[i].ready = 0;
		switch (step) {
		case 1: put_pod(f, "n", "a", 0, "", ""); break;
		case 2: put_pod(f, "m", "a", 0, "", ""); break;
		case 3: put_pod(f, "n", "b", 0, "", ""); break;
		case 4: put_pod(f, "n", "b", 3, "", "h1"); break;
		case 5: put_pod(f, "n", "b", 4, "", "h2"); break;
		case 6: del(f, "core/pods/n/b", 5); break;
		}
		turns(f);
		for (int i = 0; i < N; i++) {
			wakes[i] += w[i].ready;
			if (!w[i].ready)
				continue;
			if (seen[i][0])
				strcat(seen[i], " ");
			strcat(seen[i], drain(&w[i]));
		}
	}
	for (int i = 0; i < N; i++) {
		unsigned events = seen[i][0] != 0;

		print_message("  %d\n", i);
		assert_string_equal(seen[i], cases[i].want);
		for (const char *s = seen[i]; *s; s++)
			events += *s == ' ';
		assert_int_equal(wakes[i], events);   /* never woken for nothing */
		assert_int_equal(cache_watch_rev(w[i].w), 6);
		cache_watch_close(w[i].w);
	}
}

static void test_ready_is_coalesced_until_drained(void **state)
{
	struct fixture *f = *state;
	struct watcher t;

	open_watch(f, &t, "n", NULL, NULL, 0);
	drain(&t);
	turns(f);
	t.ready = 0;
	put_pod(f, "n", "a", 0, "", "");
	put_pod(f, "x", "a", 0, "", "");
	put_pod(f, "n", "b", 0, "", "");
	turns(f);
	assert_int_equal(t.ready, 1);
	assert_int_equal(cache_watch_rev(t.w), 0);   /* has not looked yet */
	assert_string_equal(drain(&t), "An/a@1 An/b@3");
	assert_int_equal(cache_watch_rev(t.w), 3);
	put_pod(f, "x", "c", 0, "", "");
	assert_int_equal(cache_watch_rev(t.w), 4);
	cache_watch_close(t.w);
}

static void test_revisions_from_before_the_start_are_expired(void **state)
{
	struct fixture *f = *state;
	struct watcher t;

	put_pod(f, "n", "a", 0, "", "");
	put_pod(f, "n", "b", 0, "", "");
	cache_close(f->cache);
	assert_int_equal(cache_open(&f->cache, f->store, NULL), 0);
	assert_int_equal(try_watch(f, &t, NULL, NULL, NULL, 1), -ERR_EXPIRED);
	open_watch(f, &t, NULL, NULL, NULL, 2);
	put_pod(f, "n", "c", 0, "", "");
	assert_string_equal(drain(&t), "An/c@3");
	cache_watch_close(t.w);
	/* A revision of the future waits for it. */
	open_watch(f, &t, NULL, NULL, NULL, 4);
	assert_string_equal(drain(&t), "");
	put_pod(f, "n", "d", 0, "", "");
	turns(f);
	assert_string_equal(drain(&t), "");
	put_pod(f, "n", "e", 0, "", "");
	turns(f);
	assert_string_equal(drain(&t), "An/e@5");
	cache_watch_close(t.w);
}

static void test_slow_watchers_expire_and_idle_ones_do_not(void **state)
{
	struct fixture *f = *state;
	struct watcher slow, idle, held;
	struct cache_event *ev;
	char want[32];
	int64_t rev;

	open_watch(f, &slow, NULL, NULL, NULL, 0);
	open_watch(f, &held, NULL, NULL, NULL, 0);
	open_watch(f, &idle, NULL, "other", NULL, 0);
	drain(&idle);
	rev = put_pod(f, "n", "p", 0, "", "");
	assert_int_equal(cache_watch_next(held.w, &ev), 0);
	for (unsigned i = 0; i < CACHE_EVENTS_MAX + 5; i++)
		rev = put_pod(f, "n", "p", rev, "", "");
	assert_string_equal(drain(&slow), "expired");
	assert_string_equal(ev->obj->name, "p");   /* lent until the next call */
	assert_int_equal(ev->rev, 1);
	assert_string_equal(drain(&held), "expired");
	turns(f);
	rev = put_pod(f, "n", "other", 0, "", "");
	turns(f);
	snprintf(want, sizeof(want), "An/other@%d", (int)rev);
	assert_string_equal(drain(&idle), want);
	cache_watch_close(slow.w);
	cache_watch_close(idle.w);
	cache_watch_close(held.w);
}

static void test_old_events_are_forgotten(void **state)
{
	struct fixture *f = *state;
	struct cache_stats st;
	struct watcher t;

	put_pod(f, "n", "a", 0, "", "");
	test_now_us += (CACHE_EVENTS_KEEP_MS - 1000) * INT64_C(1000);
	put_pod(f, "n", "b", 0, "", "");
	test_now_us += 61000 * INT64_C(1000);
	loop_turn(f->loop, 0);
	cache_stats(f->cache, &st);
	assert_int_equal(st.events, 1);
	assert_int_equal(try_watch(f, &t, NULL, NULL, NULL, 0), 0);
	cache_watch_close(t.w);
	open_watch(f, &t, NULL, NULL, NULL, 1);
	assert_string_equal(drain(&t), "An/b@2");
	cache_watch_close(t.w);
	test_now_us += CACHE_EVENTS_KEEP_MS * INT64_C(2000);
	loop_turn(f->loop, 0);
	cache_stats(f->cache, &st);
	assert_int_equal(st.events, 0);
	assert_int_equal(try_watch(f, &t, NULL, NULL, NULL, 1), -ERR_EXPIRED);
	open_watch(f, &t, NULL, NULL, NULL, 2);
	put_pod(f, "n", "c", 0, "", "");
	assert_string_equal(drain(&t), "An/c@3");
	cache_watch_close(t.w);
}

static void test_closing_either_first(void **state)
{
	struct fixture *f = *state;
	struct watcher t, u;
	struct cache_event *ev;
	struct cache_stats st;

	open_watch(f, &t, "n", NULL, NULL, 0);
	open_watch(f, &u, "n", NULL, NULL, 0);
	put_pod(f, "n", "a", 0, "", "");
	cache_watch_close(t.w);       /* its ready was queued */
	turns(f);
	assert_int_equal(t.ready, 1); /* only that after open */
	assert_int_equal(cache_watch_next(u.w, &ev), 0);
	cache_stats(f->cache, &st);
	assert_int_equal(st.watchers, 1);
	cache_close(f->cache);
	assert_int_equal(cache_watch_next(u.w, &ev), -ERR_EXPIRED);
	cache_watch_close(u.w);
	assert_int_equal(cache_open(&f->cache, f->store, NULL), 0);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(test_from_now_and_from_a_revision),
		T(test_filters_decide_who_wakes),
		T(test_ready_is_coalesced_until_drained),
		T(test_revisions_from_before_the_start_are_expired),
		T(test_slow_watchers_expire_and_idle_ones_do_not),
		T(test_old_events_are_forgotten),
		T(test_closing_either_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
