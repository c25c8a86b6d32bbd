/* SPDX-License-Identifier: Apache-2.0 */
/* test_migrate - one store becomes another: the promises of migrate.h, from file to file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "store/migrate.h"

struct fixture {
	struct loop *loop;
	char dir[64], from[128], to[128];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/sampan-test-migrate-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->from, sizeof(f->from), "sqlite:%s/from.db", f->dir);
	snprintf(f->to, sizeof(f->to), "sqlite:%s/to.db", f->dir);
	assert_int_equal(loop_open(&f->loop), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	loop_close(f->loop);
	file_remove_tree(f->dir, NULL);
	free(f);
	return 0;
}

static struct store *opened(struct fixture *f, const char *uri)
{
	struct store *s;
	struct err e;

	if (store_open(&s, f->loop, uri, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	return s;
}

static void on_done(void *arg, int rc, int64_t rev)
{
	assert_int_equal(rc, 0);
	*(int64_t *)arg = rev;
}

/* Closing waits for it. */
static void put(struct store *s, const char *key, const char *value)
{
	BLOB_AUTO struct blob *b = blob_new(value, strlen(value));
	int64_t rev = 0;

	assert_int_equal(store_put(s, key, b, 0, on_done, &rev), 0);
	while (!rev)
		loop_turn(store_loop(s), 1000);
}

/* Objects "k/NUMBER", so many that there are several pages, and some history. */
enum { OBJECTS = 2500 };

static void fill(struct fixture *f, const char *uri)
{
	struct store *s = opened(f, uri);
	int64_t revs[OBJECTS] = { 0 };

	for (int i = 0; i < OBJECTS; i++) {
		char key[32];
		BLOB_AUTO struct blob *b = NULL;

		snprintf(key, sizeof(key), "t/k/%d", i);
		b = blob_new(key, strlen(key));
		assert_int_equal(store_put(s, key, b, 0, on_done, &revs[i]), 0);
	}
	while (!revs[OBJECTS - 1])
		loop_turn(f->loop, 1000);
	assert_int_equal(store_del(s, "t/k/7", revs[7], on_done, &revs[7]), 0);
	store_close(s);
}

struct content {
	char *text;
	size_t n, keys;
};

static void note(void *arg, const struct store_event *ev)
{
	struct content *c = arg;

	c->text = realloc(c->text, c->n + strlen(ev->key) + ev->value->len + 3);
	c->n += (size_t)sprintf(c->text + c->n, "%s=%.*s\n", ev->key, (int)ev->value->len, ev->value->p);
	c->keys++;
}

static struct content content(struct fixture *f, const char *uri, int64_t *ret_rev)
{
	struct content c = { 0 };
	struct store *s = opened(f, uri);

	assert_int_equal(store_follow(s, &(struct store_follower){ .event = note }, &c, NULL), 0);
	*ret_rev = store_rev(s);
	store_close(s);
	return c;
}

static void assert_same(struct fixture *f)
{
	int64_t from_rev, to_rev;
	struct content a = content(f, f->from, &from_rev), b = content(f, f->to, &to_rev);

	assert_int_equal(a.keys, OBJECTS - 1);
	assert_string_equal(a.text, b.text);
	assert_true(to_rev > from_rev);
	free(a.text);
	free(b.text);
}

static void must_migrate(struct fixture *f, struct store_migrated *m)
{
	struct err e;

	if (store_migrate(f->loop, f->from, f->to, NULL, NULL, m, &e))
		fail_msg("%s", e.msg);
}

static void assert_refused(struct fixture *f, const char *from, const char *to, int want, const char *says)
{
	struct store_migrated m;
	struct err e = { 0 };

	assert_int_equal(store_migrate(f->loop, from, to, NULL, NULL, &m, &e), want);
	if (!strstr(e.msg, says))
		fail_msg("\"%s\" does not say \"%s\"", e.msg, says);
}

static void test_everything_arrives_above_all_revisions(void **state)
{
	struct fixture *f = *state;
	struct store_migrated m;
	struct store *s;
	struct err e;

	fill(f, f->from);
	must_migrate(f, &m);
	assert_int_equal(m.keys, OBJECTS - 1);
	assert_int_equal(m.written, OBJECTS - 1);
	assert_int_equal(m.from_rev, OBJECTS + 1);
	assert_same(f);
	s = opened(f, f->to);
	assert_int_equal(store_compacted_rev(s), OBJECTS + 1);   /* nothing from before is shown */
	assert_int_equal(store_is_whole(s, &e), 0);
	store_close(s);
	assert_refused(f, f->from, f->to, -ERR_CONFLICT, "is not empty: it holds t/k/0");
}

static void test_cut_short_it_goes_on_from_whatever_is_there(void **state)
{
	struct fixture *f = *state;
	struct store_migrated m;
	struct store *s;
	struct err e = { 0 };

	fill(f, f->from);
	s = opened(f, f->to);
	put(s, STORE_UNFINISHED_KEY, f->from);
	put(s, "t/k/1", "t/k/1");          /* right */
	put(s, "t/k/2", "wrong");
	put(s, "t/k/7", "gone");
	put(s, "a/first", "none of it");
	put(s, "z/last", "none of it");
	assert_int_equal(store_is_whole(s, &e), -ERR_CONFLICT);
	assert_non_null(strstr(e.msg, "run that sampan store migrate again"));
	store_close(s);
	must_migrate(f, &m);
	assert_int_equal(m.written, OBJECTS - 2 + 3);
	assert_same(f);
}

static void test_what_is_in_the_way_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	char none[160];

	fill(f, f->from);
	snprintf(none, sizeof(none), "%s.none", f->from);
	assert_refused(f, none, f->to, -ERR_NOT_FOUND, "there is no store");
	assert_refused(f, f->from, "mem:", -ERR_INVALID, "keeps nothing");
	assert_refused(f, "mem:", f->to, -ERR_INVALID, "keeps nothing");
	assert_refused(f, f->from, f->from, -ERR_IO, "in use");
	s = opened(f, f->from);
	assert_refused(f, f->from, f->to, -ERR_IO, "in use");
	store_close(s);
	s = opened(f, f->to);
	put(s, STORE_UNFINISHED_KEY, "sqlite:/another.db");
	store_close(s);
	assert_refused(f, f->from, f->to, -ERR_CONFLICT, "unfinished migration from sqlite:/another.db: finish that");
	assert_refused(f, f->to, f->from, -ERR_CONFLICT, "unfinished");
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_everything_arrives_above_all_revisions),
		T(test_cut_short_it_goes_on_from_whatever_is_there),
		T(test_what_is_in_the_way_is_refused),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
