/* SPDX-License-Identifier: Apache-2.0 */
/* test_store - the promises of store.h, the same for every backend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "store/store_priv.h"

#include "etcd_host.h"

struct backend {
	const char *name;
	bool durable, shared;    /* shared: other programs' writes and its own have revisions, too */
};
static const struct backend backends[] = { { "mem", false, false }, { "sqlite", true, false }, { "etcd", true, true } };
static struct etcd_host etcd;    /* started with the first test that needs it */
static int64_t base;             /* the tests' revisions count from it: 0, but where it is shared */

struct fixture {
	const struct backend *backend;
	struct loop *loop;
	struct store *store;
	char dir[64], file[96], uri[128];
};

static void open_store(struct fixture *f)
{
	struct err e;

	if (store_open(&f->store, f->loop, f->uri, NULL, &e) < 0)
		fail_msg("%s", e.msg);
}

static int setup_with(void **state, const struct backend *b)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->backend = b;
	strcpy(f->dir, "/tmp/sampan-test-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->file, sizeof(f->file), "%s/store.db", f->dir);
	if (b->shared)
		snprintf(f->uri, sizeof(f->uri), "etcd://127.0.0.1:%d/test/%s", etcd.port[0], f->dir + 23);
	else if (b->durable)
		snprintf(f->uri, sizeof(f->uri), "sqlite:%s", f->file);
	else
		strcpy(f->uri, "mem:");
	assert_int_equal(loop_open(&f->loop), 0);
	open_store(f);
	base = 0;
	*state = f;
	return 0;
}

static int setup_mem(void **state) { return setup_with(state, &backends[0]); }
static int setup_sqlite(void **state) { return setup_with(state, &backends[1]); }
static int setup_etcd(void **state);

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	loop_close(f->loop);
	file_remove_tree(f->dir, NULL);
	free(f);
	return 0;
}

/* ---- one write at a time ---- */

struct answer {
	bool came;
	int rc;
	int64_t rev;
};

static void take_answer(void *arg, int rc, int64_t rev)
{
	struct answer *a = arg;

	assert_false(a->came);
	*a = (struct answer){ true, rc, rev };
}

static void wait_for(struct fixture *f, const bool *came)
{
	for (int i = 0; i < 10000 && !*came; i++)
		loop_turn(f->loop, 1000);
	assert_true(*came);
}

static int64_t from_base(int64_t rev) { return rev > base ? rev - base : 0; }
static int64_t to_base(int64_t rev) { return rev ? rev + base : 0; }
static int64_t rev_of(const struct fixture *f) { return from_base(store_rev(f->store)); }
static int64_t compacted_of(const struct fixture *f) { return from_base(store_compacted_rev(f->store)); }

static struct answer put(struct fixture *f, const char *key, const char *value, int64_t expect)
{
	BLOB_AUTO struct blob *b = blob_new(value, strlen(value));
	struct answer a = { 0 };

	assert_int_equal(store_put(f->store, key, b, to_base(expect), take_answer, &a), 0);
	assert_false(a.came);
	wait_for(f, &a.came);
	a.rev = from_base(a.rev);
	return a;
}

static struct answer del(struct fixture *f, const char *key, int64_t expect)
{
	struct answer a = { 0 };

	assert_int_equal(store_del(f->store, key, to_base(expect), take_answer, &a), 0);
	assert_false(a.came);
	wait_for(f, &a.came);
	a.rev = from_base(a.rev);
	return a;
}

static int64_t must_put(struct fixture *f, const char *key, const char *value, int64_t expect)
{
	struct answer a = put(f, key, value, expect);

	assert_int_equal(a.rc, 0);
	return a.rev;
}

/* Its own first writes take revisions: the tests' begin after them. */
static int setup_etcd(void **state)
{
	struct fixture *f;

	if (!etcd.members)
		etcd_host_open(&etcd, 1);
	setup_with(state, &backends[2]);
	f = *state;
	del(f, "first", must_put(f, "first", "x", 0));
	base = store_rev(f->store);
	return 0;
}

/* ---- ranges, as "key=value@rev key=value@rev +remaining" ---- */

struct listing {
	bool came;
	int rc;
	size_t n;
	int64_t remaining;
	char text[512];
};

static void take_range(void *arg, int rc, const struct store_item *items, size_t n, int64_t remaining)
{
	struct listing *l = arg;
	size_t at = 0;

	assert_false(l->came);
	l->came = true;
	l->rc = rc;
	l->n = n;
	l->remaining = remaining;
	for (size_t i = 0; i < n && at < sizeof(l->text); i++)
		at += (size_t)snprintf(l->text + at, sizeof(l->text) - at, "%s%s=%s@%lld/%lld",
			i ? " " : "", items[i].key, items[i].value->p, (long long)from_base(items[i].rev),
			(long long)from_base(items[i].create_rev));
	if (remaining && at < sizeof(l->text))
		snprintf(l->text + at, sizeof(l->text) - at, " +%lld", (long long)remaining);
}

static struct listing range(struct fixture *f, const char *prefix, const char *start,
	unsigned limit, int64_t rev)
{
	struct listing l = { 0 };

	assert_int_equal(store_range(f->store, prefix, start, limit, to_base(rev), take_range, &l), 0);
	assert_false(l.came);
	wait_for(f, &l.came);
	return l;
}

/* The very next revision; where others have some, too, one behind it. */
#define assert_next(f, rev, want) do { \
	int64_t rev_ = rev; \
	assert_true((f)->backend->shared ? rev_ >= (want) : rev_ == (want)); \
} while (0)

#define assert_range(f, prefix, start, limit, rev, want) do { \
	struct listing got_ = range(f, prefix, start, limit, rev); \
	assert_int_equal(got_.rc, 0); \
	assert_string_equal(got_.text, want); \
} while (0)

/* ---- following ---- */

struct followed {
	char text[4096];
	int64_t last_rev;
	unsigned events;
	bool ordered;
};

static void take_event(void *arg, const struct store_event *ev)
{
	struct followed *t = arg;
	size_t at = strlen(t->text);

	if (from_base(ev->rev) <= t->last_rev)
		t->ordered = false;
	t->last_rev = from_base(ev->rev);
	t->events++;
	snprintf(t->text + at, sizeof(t->text) - at, "%s%s%s%s@%lld", at ? " " : "", ev->key,
		ev->value ? "=" : "", ev->value ? ev->value->p : "!", (long long)from_base(ev->rev));
	at = strlen(t->text);
	if (ev->value)
		snprintf(t->text + at, sizeof(t->text) - at, "/%lld", (long long)from_base(ev->create_rev));
}

static const struct store_follower taker = { .event = take_event };

/* ---- tests ---- */

static void test_compare_and_swap(void **state)
{
	static const struct {
		const char *name;
		bool stored, del;
		int64_t off;     /* expected revision, from the current one */
		bool zero;       /* or 0 */
		int want;
	} cases[] = {
		{ "create, absent",  false, false, 0, true,  0 },
		{ "create, present", true,  false, 0, true,  -ERR_CONFLICT },
		{ "update, current", true,  false, 0, false, 0 },
		{ "update, stale",   true,  false, -1, false, -ERR_CONFLICT },
		{ "update, future",  true,  false, 1, false, -ERR_CONFLICT },
		{ "update, absent",  false, false, 5, false, -ERR_CONFLICT },
		{ "delete, current", true,  true,  0, false, 0 },
		{ "delete, stale",   true,  true,  -1, false, -ERR_CONFLICT },
		{ "delete, absent",  false, true,  5, false, -ERR_CONFLICT },
		{ "delete, absent, nothing expected", false, true, 0, true, -ERR_CONFLICT },
	};
	struct fixture *f = *state;

	must_put(f, "a/other", "x", 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t before, now = 0, expect;
		struct answer a;
		char key[32];

		print_message("  %s\n", cases[i].name);
		snprintf(key, sizeof(key), "a/%zu", i);
		if (cases[i].stored)
			now = must_put(f, key, "1", 0);
		expect = cases[i].zero ? 0 : now + cases[i].off;
		before = rev_of(f);
		a = cases[i].del ? del(f, key, expect) : put(f, key, "2", expect);
		assert_int_equal(a.rc, cases[i].want);
		if (a.rc == 0) {
			assert_true(a.rev > before);
			assert_int_equal(rev_of(f), a.rev);
		} else {
			assert_int_equal(a.rev, now);
			assert_int_equal(rev_of(f), before);
		}
	}
}

static void test_one_of_many_wins(void **state)
{
	struct fixture *f = *state;
	int64_t rev = must_put(f, "a/k", "0", 0);
	struct answer a[20] = { 0 };
	int won = 0;

	for (int i = 0; i < 20; i++) {
		BLOB_AUTO struct blob *b = blob_new("x", 1);

		assert_int_equal(store_put(f->store, "a/k", b, to_base(rev), take_answer, &a[i]), 0);
	}
	for (int i = 0; i < 20; i++) {
		wait_for(f, &a[i].came);
		won += a[i].rc == 0;
		if (a[i].rc)
			assert_int_equal(from_base(a[i].rev), rev_of(f));
	}
	assert_int_equal(won, 1);
}

static void test_limits(void **state)
{
	struct fixture *f = *state;
	BLOB_AUTO struct blob *big = blob_alloc(STORE_VALUE_MAX + 1);
	BLOB_AUTO struct blob *fits = blob_alloc(STORE_VALUE_MAX);
	char key[STORE_KEY_MAX + 2];
	struct answer a = { 0 };

	memset(big->p, 'x', big->len);
	memset(fits->p, 'x', fits->len);
	assert_int_equal(store_put(f->store, "a/b", big, 0, take_answer, &a), -ERR_SIZE);
	assert_int_equal(store_put(f->store, "", fits, 0, take_answer, &a), -ERR_SIZE);
	memset(key, 'k', sizeof(key));
	key[STORE_KEY_MAX + 1] = 0;
	assert_int_equal(store_put(f->store, key, fits, 0, take_answer, &a), -ERR_SIZE);
	key[STORE_KEY_MAX] = 0;
	assert_int_equal(store_put(f->store, key, fits, 0, take_answer, &a), 0);
	wait_for(f, &a.came);
	if (f->backend->shared) {      /* etcd's own limit is lower: 1.5 MiB, when it is left as it is */
		assert_int_equal(a.rc, -ERR_SIZE);
		fits->len = 1 << 20;
		a.came = false;
		assert_int_equal(store_put(f->store, key, fits, 0, take_answer, &a), 0);
		wait_for(f, &a.came);
	}
	assert_int_equal(a.rc, 0);
}

static void count_answer(void *arg, int rc, int64_t rev)
{
	unsigned *n = arg;

	assert_int_equal(rc, 0);
	(*n)++;
}

static void test_full_queue_refuses_then_recovers(void **state)
{
	struct fixture *f = *state;
	BLOB_AUTO struct blob *b = blob_new("x", 1);
	unsigned accepted = 0, done = 0;
	int r = 0;

	while (accepted <= STORE_QUEUE_MAX) {
		char key[32];

		snprintf(key, sizeof(key), "q/%u", accepted);
		r = store_put(f->store, key, b, 0, count_answer, &done);
		if (r < 0)
			break;
		accepted++;
	}
	assert_int_equal(r, -ERR_FULL);
	assert_int_equal(accepted, STORE_QUEUE_MAX);
	for (int i = 0; i < 100000 && done < accepted; i++)
		loop_turn(f->loop, 1000);
	assert_int_equal(done, accepted);
	must_put(f, "q/after", "x", 0);
}

static void test_ranges(void **state)
{
	struct fixture *f = *state;
	int64_t r1, r2;

	must_put(f, "p/a", "1", 0);            /* 1 */
	must_put(f, "p/b", "1", 0);            /* 2 */
	must_put(f, "p/c", "1", 0);            /* 3 */
	must_put(f, "q/a", "1", 0);            /* 4 */
	must_put(f, "p-x", "1", 0);            /* 5 */
	r1 = must_put(f, "p/b", "2", 2);       /* 6 */
	r2 = del(f, "p/a", 1).rev;             /* 7 */
	assert_int_equal(r1, 6);
	assert_int_equal(r2, 7);
	must_put(f, "p/d", "1", 0);            /* 8 */

	assert_range(f, "p/", NULL, 0, 0, "p/b=2@6/2 p/c=1@3/3 p/d=1@8/8");
	assert_range(f, "p/", NULL, 0, r1, "p/a=1@1/1 p/b=2@6/2 p/c=1@3/3");
	assert_range(f, "p/", NULL, 0, 5, "p/a=1@1/1 p/b=1@2/2 p/c=1@3/3");
	assert_range(f, "p/", NULL, 0, 1, "p/a=1@1/1");
	assert_range(f, "p/", NULL, 2, 5, "p/a=1@1/1 p/b=1@2/2 +1");
	assert_range(f, "p/", NULL, 3, 5, "p/a=1@1/1 p/b=1@2/2 p/c=1@3/3");
	assert_range(f, "p/", "p/b", 1, 5, "p/b=1@2/2 +1");
	assert_range(f, "p/", "p/bb", 9, 0, "p/c=1@3/3 p/d=1@8/8");
	assert_range(f, "p/", "zzz", 9, 0, "");
	assert_range(f, "none/", NULL, 9, 0, "");
	assert_range(f, "", NULL, 0, 5, "p-x=1@5/5 p/a=1@1/1 p/b=1@2/2 p/c=1@3/3 q/a=1@4/4");
	assert_int_equal(range(f, "p/", NULL, 0, 9).rc, -ERR_BAD_REQUEST);

	/* A new life of a key has a new create revision. */
	must_put(f, "p/a", "9", 0);
	assert_range(f, "p/a", NULL, 0, 0, "p/a=9@9/9");
}

static void test_ranges_end_at_their_bytes(void **state)
{
	struct fixture *f = *state;
	char *large = malloc(STORE_RANGE_BYTES / 4 + 1);

	memset(large, 'x', STORE_RANGE_BYTES / 4);
	large[STORE_RANGE_BYTES / 4] = 0;
	for (char key[] = "p/a"; key[2] <= 'f'; key[2]++)
		must_put(f, key, large, 0);
	free(large);
	assert_int_equal(range(f, "p/", NULL, 0, 0).n, 4);
	assert_int_equal(range(f, "p/", NULL, 5, 0).remaining, 2);
	assert_int_equal(range(f, "p/", "p/d", 5, 0).n, 3);
	assert_int_equal(range(f, "p/", "p/d", 5, 0).remaining, 0);
	assert_int_equal(range(f, "p/", "p/c", 0, 0).n, 4);
	assert_int_equal(range(f, "p/", "p/c", 0, 0).remaining, 0);
}

static void test_compaction_forgets_only_what_is_superseded(void **state)
{
	struct fixture *f = *state;
	char want[64];
	int64_t rev;

	must_put(f, "p/a", "1", 0);    /* 1 */
	must_put(f, "p/b", "1", 0);    /* 2 */
	must_put(f, "p/a", "2", 1);    /* 3 */
	del(f, "p/b", 2);              /* 4 */
	must_put(f, "p/a", "3", 3);    /* 5 */
	must_put(f, "p/b", "2", 0);    /* 6 */
	assert_int_equal(store_compact(f->store, to_base(99)), -ERR_BAD_REQUEST);
	assert_int_equal(store_compact(f->store, to_base(5)), 0);
	assert_int_equal(compacted_of(f), 5);
	assert_int_equal(range(f, "p/", NULL, 0, 4).rc, -ERR_EXPIRED);
	assert_range(f, "p/", NULL, 0, 5, "p/a=3@5/1");
	assert_range(f, "p/", NULL, 0, 0, "p/a=3@5/1 p/b=2@6/6");
	assert_int_equal(store_compact(f->store, 3), 0);   /* never back */
	assert_int_equal(compacted_of(f), 5);
	rev = must_put(f, "p/a", "4", 5);
	assert_next(f, rev, 7);
	snprintf(want, sizeof(want), "p/a=4@%lld/1", (long long)rev);

	/* A compacted deletion that was the newest write keeps its revision taken. */
	rev = del(f, "p/b", 6).rev;
	assert_next(f, rev, 8);
	assert_int_equal(store_compact(f->store, to_base(rev)), 0);
	assert_range(f, "p/", NULL, 0, 0, want);
	if (f->backend->durable) {
		store_close(f->store);
		open_store(f);
		assert_int_equal(compacted_of(f), rev);
		assert_next(f, rev_of(f), rev);
	}
	assert_next(f, must_put(f, "p/c", "1", 0), rev + 1);
}

static void test_history_is_bounded_in_time_and_number(void **state)
{
	struct fixture *f = *state;
	const struct store_history_limits few = { .ms = 3600000, .revs = 80, .bytes = 1 << 20 };
	int64_t rev = 0;

	assert_int_equal(store_keep_history(f->store, &few), 0);
	for (int i = 0; i < 1000; i++) {
		rev = must_put(f, "p/a", "x", rev);
		assert_true(rev <= 80 || compacted_of(f) >= rev - 91);
		assert_true(compacted_of(f) <= (rev > 80 ? rev - 80 : 0));
	}
}

static void test_history_is_bounded_in_bytes(void **state)
{
	struct fixture *f = *state;
	const struct store_history_limits few = { .ms = 3600000, .revs = 1000000, .bytes = 80000 };
	char value[1001];
	int64_t rev = 0;

	memset(value, 'v', 1000);
	value[1000] = 0;
	assert_int_equal(store_keep_history(f->store, &few), 0);
	for (int i = 0; i < 500; i++)
		rev = must_put(f, "p/a", value, rev);
	/* Of what is shared, forgetting itself is written now and then. */
	assert_in_range(compacted_of(f), rev - (f->backend->shared ? 110 : 92), rev - 80);
}

/* All of it, when nothing is written any more, and then no timer is left. */
static void test_old_history_is_forgotten(void **state)
{
	struct fixture *f = *state;
	const struct store_history_limits brief = { .ms = 60, .revs = 1000000, .bytes = 1 << 30 };
	struct timespec from, to;
	char newest[64];
	int64_t rev = 0;

	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(store_keep_history(f->store, &brief), 0);
	for (int i = 0; i < 20; i++)
		rev = must_put(f, "p/a", "x", rev);
	for (int i = 0; i < 200 && compacted_of(f) < rev; i++) {
		loop_turn(f->loop, 10);
		clock_gettime(CLOCK_MONOTONIC, &to);
		if (to.tv_sec == from.tv_sec && to.tv_nsec - from.tv_nsec < 40000000)
			assert_int_equal(compacted_of(f), 0);
	}
	assert_int_equal(compacted_of(f), rev);
	/* Above 20 where forgetting was itself written between. */
	snprintf(newest, sizeof(newest), "p/a=x@%lld/1", (long long)rev);
	assert_range(f, "p/", NULL, 0, 0, newest);
}

struct page {
	bool came;
	size_t n;
	int64_t remaining;
	char last[64];
};

static void take_page(void *arg, int rc, const struct store_item *items, size_t n, int64_t remaining)
{
	struct page *p = arg;

	assert_int_equal(rc, 0);
	*p = (struct page){ .came = true, .n = n, .remaining = remaining };
	if (n)
		snprintf(p->last, sizeof(p->last), "%s", items[n - 1].key);
}

/* What remains is right on every page of several lists, and not counted anew for each. */
static void test_lists_in_pages_know_what_remains(void **state)
{
	enum { OBJECTS = 12000, PAGE = 20, LISTS = 3 };
	struct fixture *f = *state;
	BLOB_AUTO struct blob *b = blob_new("x", 1);
	char start[LISTS][80] = { "" };
	struct timespec from, to;
	double first = 0, last = 0;
	unsigned done = 0;
	int64_t rev;

	for (int i = 0; i < OBJECTS; i++) {
		char key[32];

		snprintf(key, sizeof(key), "p/%05d", i);
		assert_int_equal(store_put(f->store, key, b, 0, count_answer, &done), 0);
	}
	for (int i = 0; i < 100000 && done < OBJECTS; i++)
		loop_turn(f->loop, 1000);
	rev = rev_of(f);
	for (int page = 0; page < OBJECTS / PAGE; page++) {
		char key[32];

		snprintf(key, sizeof(key), "p/%05d-later", page);
		must_put(f, key, "x", 0);
		for (int list = 0; list < LISTS; list++) {
			struct page p = { 0 };

			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
			assert_int_equal(store_range(f->store, "p/", start[list], PAGE, to_base(rev - list), take_page, &p), 0);
			wait_for(f, &p.came);
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
			*(page < OBJECTS / PAGE / 4 ? &first : &last) += page < OBJECTS / PAGE / 4 || page >= OBJECTS / PAGE * 3 / 4 ?
				(double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9 : 0;
			assert_int_equal(p.n, page == OBJECTS / PAGE - 1 ? PAGE - list : PAGE);
			assert_int_equal(p.remaining, p.n < PAGE ? 0 : OBJECTS - list - (page + 1) * PAGE);
			snprintf(start[list], sizeof(start[list]), "%s\001", p.last);
		}
	}
	print_message("  first quarter %.0f ms, last %.0f ms\n", first * 1000, last * 1000);
	if (f->backend->durable)
		assert_true(first < last * 3 + 0.1);
}

static void test_follower_sees_state_then_every_write_in_order(void **state)
{
	struct fixture *f = *state;
	struct followed t = { .ordered = true };

	must_put(f, "a/1", "x", 0);
	must_put(f, "a/2", "x", 0);
	must_put(f, "a/0", "x", 0);
	must_put(f, "a/1", "y", 1);
	del(f, "a/2", 2);
	assert_int_equal(store_follow(f->store, &taker, &t, NULL), 0);
	assert_string_equal(t.text, "a/0=x@3/3 a/1=y@4/1");
	t = (struct followed){ .ordered = true, .last_rev = rev_of(f) };
	assert_int_equal(t.last_rev, 5);
	must_put(f, "a/3", "z", 0);
	put(f, "a/3", "z", 0);    /* a conflict is no event */
	must_put(f, "a/3", "w", 6);
	del(f, "a/3", 7);
	assert_string_equal(t.text, "a/3=z@6/6 a/3=w@7/6 a/3!@8");
	assert_true(t.ordered);
}

struct check_before_done {
	struct followed *t;
	unsigned done;
};

static void done_after_event(void *arg, int rc, int64_t rev)
{
	struct check_before_done *c = arg;

	assert_int_equal(rc, 0);
	/* Events of a shared log may come several at once. */
	assert_true(base ? c->t->last_rev >= from_base(rev) : c->t->last_rev == rev);
	c->done++;
}

static void test_event_comes_before_done(void **state)
{
	struct fixture *f = *state;
	struct followed t = { .ordered = true };
	struct check_before_done c = { .t = &t };
	BLOB_AUTO struct blob *b = blob_new("v", 1);

	assert_int_equal(store_follow(f->store, &taker, &t, NULL), 0);
	for (int i = 0; i < 1000; i++) {
		char key[32];

		snprintf(key, sizeof(key), "a/%d", i);
		assert_int_equal(store_put(f->store, key, b, 0, done_after_event, &c), 0);
	}
	for (int i = 0; i < 10000 && c.done < 1000; i++)
		loop_turn(f->loop, 1000);
	assert_int_equal(c.done, 1000);
	assert_int_equal(t.events, 1000);
	assert_true(t.ordered);
}

struct race {
	struct followed *t;
	unsigned done, won;
};

static void raced(void *arg, int rc, int64_t rev)
{
	struct race *c = arg;

	assert_true(rc == 0 || rc == -ERR_CONFLICT);
	assert_true(c->t->last_rev >= from_base(rev));
	c->won += rc == 0;
	c->done++;
}

/* Which of two writes under way at once wins is anybody's guess. */
static void test_what_a_conflict_was_with_is_seen_before_done(void **state)
{
	struct fixture *f = *state;
	struct followed t = { .ordered = true };
	struct race c = { .t = &t };
	BLOB_AUTO struct blob *b = blob_new("v", 1);

	assert_int_equal(store_follow(f->store, &taker, &t, NULL), 0);
	for (int i = 0; i < 10; i++) {
		char key[32];

		snprintf(key, sizeof(key), "a/%d", i);
		assert_int_equal(store_put(f->store, key, b, 0, raced, &c), 0);
		assert_int_equal(store_put(f->store, key, b, 0, raced, &c), 0);
	}
	for (int i = 0; i < 10000 && c.done < 20; i++)
		loop_turn(f->loop, 1000);
	assert_int_equal(c.done, 20);
	assert_int_equal(c.won, 10);
}

static void take_sync(void *arg, int rc)
{
	struct answer *a = arg;

	assert_false(a->came);
	*a = (struct answer){ true, rc, 0 };
}

static void test_sync_shows_what_was_acknowledged(void **state)
{
	struct fixture *f = *state;
	struct followed t = { .ordered = true };
	int64_t rev = 0;

	assert_int_equal(store_follow(f->store, &taker, &t, NULL), 0);
	for (int i = 0; i < 10; i++) {
		struct answer a = { 0 };
		int rc;

		rev = must_put(f, "a/k", "v", rev);
		rc = store_sync(f->store, take_sync, &a);
		assert_false(a.came);
		assert_true(rc == 0 || rc == 1);
		if (rc)
			wait_for(f, &a.came);
		assert_int_equal(a.rc, 0);
		assert_int_equal(t.last_rev, rev);
	}
}

/* A backend that cannot begin above a revision counts from where it was told to. */
static void test_revisions_begin_above_a_base(void **state)
{
	struct fixture *f = *state;
	struct followed t = { .ordered = true };
	struct answer a;

	must_put(f, "a/1", "x", 0);
	f->store->base_rev = 1000;
	assert_int_equal(store_follow(f->store, &taker, &t, NULL), 0);
	assert_string_equal(t.text, "a/1=x@1001/1001");
	assert_int_equal(store_rev(f->store), 1001);
	assert_int_equal(store_compacted_rev(f->store), 1000);
	assert_int_equal(must_put(f, "a/1", "y", 1001), 1002);
	assert_int_equal(must_put(f, "a/2", "z", 0), 1003);
	for (int64_t expect = 1; expect <= 1001; expect += 500) {
		a = put(f, "a/1", "w", expect == 501 ? 1000 : expect);
		assert_int_equal(a.rc, -ERR_CONFLICT);
		assert_int_equal(a.rev, 1002);
	}
	a = put(f, "a/3", "w", 1000);      /* not the 0 of what is absent */
	assert_int_equal(a.rc, -ERR_CONFLICT);
	assert_int_equal(a.rev, 0);
	assert_range(f, "a/", NULL, 0, 0, "a/1=y@1002/1001 a/2=z@1003/1003");
	assert_range(f, "a/", NULL, 0, 1001, "a/1=x@1001/1001");
	assert_int_equal(range(f, "a/", NULL, 0, 1000).rc, -ERR_EXPIRED);
	assert_int_equal(range(f, "a/", NULL, 0, 1).rc, -ERR_EXPIRED);
	assert_int_equal(range(f, "a/", NULL, 0, 1004).rc, -ERR_BAD_REQUEST);
	assert_int_equal(store_compact(f->store, 1004), -ERR_BAD_REQUEST);
	assert_int_equal(store_compact(f->store, 1002), 0);
	assert_int_equal(store_compacted_rev(f->store), 1002);
	assert_int_equal(range(f, "a/", NULL, 0, 1001).rc, -ERR_EXPIRED);
	assert_int_equal(del(f, "a/2", 1003).rev, 1004);
	assert_string_equal(t.text, "a/1=x@1001/1001 a/1=y@1002/1001 a/2=z@1003/1003 a/2!@1004");
}

static void test_raised_revisions_are_never_given_again(void **state)
{
	struct fixture *f = *state;
	struct err e;

	must_put(f, "a/1", "x", 0);
	assert_int_equal(store_raise(f->uri, NULL, 500, &e), -ERR_IO);   /* in use */
	store_close(f->store);
	assert_int_equal(store_raise(f->uri, NULL, 500, &e), 0);
	assert_int_equal(store_raise(f->uri, NULL, 400, &e), 0);         /* never back */
	open_store(f);
	assert_int_equal(store_rev(f->store), 500);
	assert_int_equal(store_compacted_rev(f->store), 500);
	assert_int_equal(range(f, "a/", NULL, 0, 1).rc, -ERR_EXPIRED);
	assert_range(f, "a/", NULL, 0, 0, "a/1=x@1/1");
	assert_int_equal(must_put(f, "a/1", "y", 1), 501);
	assert_int_equal(store_raise("mem:", NULL, 500, &e), -ERR_INVALID);
}

static void test_close_finishes_what_was_queued(void **state)
{
	struct fixture *f = *state;
	BLOB_AUTO struct blob *b = blob_new("v", 1);
	unsigned done = 0;

	for (int i = 0; i < 300; i++) {
		char key[32];

		snprintf(key, sizeof(key), "a/%d", i);
		assert_int_equal(store_put(f->store, key, b, 0, count_answer, &done), 0);
	}
	store_close(f->store);
	assert_int_equal(done, 300);
	open_store(f);
	if (f->backend->durable) {
		struct followed t = { .ordered = true };

		assert_int_equal(store_follow(f->store, &taker, &t, NULL), 0);
		assert_int_equal(t.events, 300);
		assert_int_equal(rev_of(f), 300);
	}
}

/* ---- what only a file can do ---- */

static void assert_refused(struct fixture *f, int want, const char *says)
{
	struct store *s = NULL;
	struct err e = { 0 };

	assert_int_equal(store_open(&s, f->loop, f->uri, NULL, &e), want);
	if (!strstr(e.msg, says))
		fail_msg("\"%s\" does not say \"%s\"", e.msg, says);
}

static void exec_sql(const char *file, const char *sql)
{
	sqlite3 *db;
	char *msg = NULL;

	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &msg) != SQLITE_OK)
		fail_msg("%s: %s", sql, msg);
	sqlite3_close(db);
}

static void test_second_process_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, -ERR_IO, "in use");
}

static void test_damage_is_refused_with_the_way_out(void **state)
{
	struct fixture *f = *state;
	BLOB_AUTO struct blob *b = blob_alloc(3000);
	char garbage[4096];
	struct stat st;
	int fd;

	memset(b->p, 'v', b->len);
	for (int i = 0; i < 200; i++) {
		struct answer a = { 0 };
		char key[32];

		snprintf(key, sizeof(key), "a/%d", i);
		assert_int_equal(store_put(f->store, key, b, 0, take_answer, &a), 0);
		wait_for(f, &a.came);
	}
	store_close(f->store);
	f->store = NULL;
	assert_int_equal(stat(f->file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	memset(garbage, 0xa5, sizeof(garbage));
	fd = open(f->file, O_RDWR);
	for (off_t at = 8192; at + 4096 <= st.st_size; at += 16384)
		assert_int_equal(pwrite(fd, garbage, sizeof(garbage), at), sizeof(garbage));
	close(fd);
	assert_refused(f, -ERR_CORRUPT, ".recover");

	assert_int_equal(file_replace(f->file, "this is no database, but long enough to be asked",
		48, 0600, NULL), 0);
	assert_refused(f, -ERR_CORRUPT, "backup");
}

static void test_foreign_or_newer_file_is_refused_untouched(void **state)
{
	static const struct {
		const char *sql, *says;
	} cases[] = {
		{ "CREATE TABLE t(x)", "another program" },
		{ "PRAGMA application_id=1398893936; PRAGMA user_version=2; CREATE TABLE t(x)",
			"schema 2" },
		{ "PRAGMA application_id=1398893936; PRAGMA user_version=1; CREATE TABLE log(x)",
			"tables are missing" },
	};
	struct fixture *f = *state;

	store_close(f->store);
	f->store = NULL;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BUF_AUTO struct buf before = { 0 }, after = { 0 };

		unlink(f->file);
		exec_sql(f->file, cases[i].sql);
		assert_int_equal(file_read(f->file, 1 << 20, &before, NULL), 0);
		assert_refused(f, -ERR_CORRUPT, cases[i].says);
		assert_int_equal(file_read(f->file, 1 << 20, &after, NULL), 0);
		assert_int_equal(before.len, after.len);
		assert_memory_equal(before.p, after.p, before.len);
	}
}

static void test_unusable_paths(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	struct err e;

	assert_int_equal(store_open(&s, f->loop, "sqlite:/nonexistent/dir/x.db", NULL, &e), -ERR_IO);
	assert_non_null(strstr(e.msg, "/nonexistent/dir"));
	assert_int_equal(store_open(&s, f->loop, "sqlite:", NULL, &e), -ERR_INVALID);
	assert_int_equal(store_open(&s, f->loop, "etcd:", NULL, &e), -ERR_INVALID);
	assert_int_equal(store_open(&s, f->loop, "mem:", &(struct store_options){ .ca_file = "ca.crt" }, &e), -ERR_INVALID);
}

static void test_space_comes_back_and_the_wal_stays_small(void **state)
{
	struct fixture *f = *state;
	BLOB_AUTO struct blob *b = blob_alloc(4000);
	int64_t rev = 0, grown, shrunk = 0;
	struct store_stats st;
	char wal[128];
	struct stat sb;
	unsigned done = 0;

	memset(b->p, 'v', b->len);
	for (int i = 0; i < 12000; i++) {   /* 48 MB of revisions of ten keys */
		char key[32];

		snprintf(key, sizeof(key), "a/%d", i % 10);
		assert_int_equal(store_put(f->store, key, b, i < 10 ? 0 : i - 9, count_answer, &done), 0);
		while (i % 1000 == 999 && done <= (unsigned)i)
			loop_turn(f->loop, 1000);
	}
	snprintf(wal, sizeof(wal), "%s-wal", f->file);
	assert_int_equal(stat(wal, &sb), 0);
	assert_true(sb.st_size < 40 << 20);
	rev = rev_of(f);
	assert_int_equal(rev, 12000);
	store_stats(f->store, &st);
	grown = st.size_bytes;
	assert_true(st.groups < st.writes);
	assert_int_equal(store_compact(f->store, rev), 0);
	for (int i = 0; i < 300; i++) {   /* writes go on meanwhile; at most 30 s */
		rev = must_put(f, "b/x", "y", i ? rev : 0);
		store_stats(f->store, &st);
		shrunk = st.size_bytes;
		if (shrunk < grown / 4)
			break;
		loop_turn(f->loop, 0);
		usleep(100000);
	}
	print_message("  %lld -> %lld bytes\n", (long long)grown, (long long)shrunk);
	assert_true(shrunk < grown / 4);
	assert_int_equal(range(f, "a/", NULL, 0, 0).rc, 0);
}

/* As `sqlite3 .recover` makes one: pages cannot be given back in steps. */
static void test_a_file_that_cannot_shrink_rests(void **state)
{
	struct fixture *f = *state;
	BLOB_AUTO struct blob *b = blob_alloc(4000);
	struct timespec from, to;
	double spent = 1;
	unsigned done = 0;

	store_close(f->store);
	exec_sql(f->file, "PRAGMA auto_vacuum=NONE; VACUUM");
	open_store(f);
	memset(b->p, 'v', b->len);
	for (int i = 0; i < 2000; i++) {
		char key[32];

		snprintf(key, sizeof(key), "a/%d", i % 10);
		assert_int_equal(store_put(f->store, key, b, i < 10 ? 0 : i - 9, count_answer, &done), 0);
	}
	for (int i = 0; i < 10000 && done < 2000; i++)
		loop_turn(f->loop, 1000);
	assert_int_equal(store_compact(f->store, rev_of(f)), 0);
	usleep(500000);
	/* Work that is left ends soon, however busy the machine; what turns for ever never does. */
	for (int i = 0; i < 30 && spent > 0.1; i++) {
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		usleep(300000);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		spent = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	}
	assert_true(spent < 0.1);
}

#define T(test, b) cmocka_unit_test_setup_teardown(test, setup_##b, teardown)
#define ALL(test) T(test, mem), T(test, sqlite), T(test, etcd)

static int stop_etcd(void **state)
{
	if (etcd.members)
		etcd_host_close(&etcd);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL(test_compare_and_swap),
		ALL(test_one_of_many_wins),
		ALL(test_limits),
		ALL(test_full_queue_refuses_then_recovers),
		ALL(test_ranges),
		ALL(test_ranges_end_at_their_bytes),
		ALL(test_compaction_forgets_only_what_is_superseded),
		ALL(test_history_is_bounded_in_time_and_number),
		ALL(test_history_is_bounded_in_bytes),
		ALL(test_old_history_is_forgotten),
		T(test_lists_in_pages_know_what_remains, sqlite), T(test_lists_in_pages_know_what_remains, etcd),
		ALL(test_follower_sees_state_then_every_write_in_order),
		ALL(test_event_comes_before_done),
		T(test_revisions_begin_above_a_base, mem),
		T(test_raised_revisions_are_never_given_again, sqlite),
		ALL(test_what_a_conflict_was_with_is_seen_before_done),
		ALL(test_sync_shows_what_was_acknowledged),
		ALL(test_close_finishes_what_was_queued),
		T(test_second_process_is_refused, sqlite),
		T(test_damage_is_refused_with_the_way_out, sqlite),
		T(test_foreign_or_newer_file_is_refused_untouched, sqlite),
		T(test_unusable_paths, sqlite),
		T(test_a_file_that_cannot_shrink_rests, sqlite),
		T(test_space_comes_back_and_the_wal_stays_small, sqlite),
	};

	log_init("test", 0);
	return cmocka_run_group_tests(tests, NULL, stop_etcd);
}
