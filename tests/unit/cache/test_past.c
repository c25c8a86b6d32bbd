/* SPDX-License-Identifier: Apache-2.0 */
/* test_past - a cache over a file that was written before it was opened: cursors go on from revisions of then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/loop.h"
#include "cache/cache.h"
#include "store/store.h"

static struct loop *loop;
static struct store *store;
static struct cache *cache;
static char dir[] = "/tmp/sampan-past-XXXXXX", uri[100];
static unsigned pending;
static int64_t rev;
static bool parsed;                    /* an event that from() saw has a tree */

static void done(void *arg, int rc, int64_t at)
{
	assert_int_equal(rc, 0);
	rev = at;
	pending--;
}

static void wait_all(void)
{
	for (int i = 0; i < 3000 && pending; i++)
		loop_turn(loop, 10);
	assert_int_equal(pending, 0);
}

static void ask(const char *name, int64_t expect, const char *node)
{
	char key[100], json[300];

	snprintf(key, sizeof(key), "core/pods/n/%s", name);
	snprintf(json, sizeof(json), "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"n\","
		"\"uid\":\"u-%s\"},\"spec\":{\"nodeName\":\"%s\"}}", name, name, node);
	BLOB_AUTO struct blob *b = blob_new(json, strlen(json));
	pending++;
	assert_int_equal(store_put(store, key, b, expect, done, NULL), 0);
}

static int64_t put(const char *name, int64_t expect, const char *node)
{
	ask(name, expect, node);
	wait_all();
	return rev;
}

static int64_t del(const char *name, int64_t expect)
{
	char key[100];

	snprintf(key, sizeof(key), "core/pods/n/%s", name);
	pending++;
	assert_int_equal(store_del(store, key, expect, done, NULL), 0);
	wait_all();
	return rev;
}

static void begin(void)
{
	struct err e = { 0 };

	if (store_open(&store, loop, uri, NULL, &e) || cache_open(&cache, store, &e))
		fail_msg("%s", e.msg);
}

static void end(void)
{
	cache_close(cache);
	store_close(store);
}

static void ready(void *arg) { (void)arg; }

/* What a cursor from there sees: "Aname@rev/node ..."; with what a change changed: "/was>node". */
static const char *from(int64_t at, const char *node)
{
	static char text[1000];
	struct cache_watch *w;
	struct cache_event *ev;
	size_t n = 0;
	int r = cache_watch_open(&w, cache, "core/pods", NULL, NULL, node, at, ready, NULL);

	if (r == -ERR_EXPIRED)
		return "expired";
	assert_int_equal(r, 0);
	text[0] = 0;
	while ((r = cache_watch_next(w, &ev)) == 0) {
		parsed |= ev->obj->tree != NULL;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%c%s@%d/%s%s%s", n ? " " : "", "AMD"[ev->type], ev->obj->name,
			(int)ev->rev, ev->old ? ev->old->node : "", ev->old ? ">" : "", ev->obj->node);
	}
	assert_int_equal(r, -ERR_AGAIN);
	cache_watch_close(w);
	return text;
}

static void a_restart_loses_no_event(void **state)
{
	int64_t a, b, c;

	begin();
	a = put("a", 0, "x");
	b = put("b", 0, "x");
	end();
	begin();
	/* Others wrote meanwhile: it stops and starts twice. */
	a = put("a", a, "y");
	c = put("c", 0, "y");
	end();
	begin();
	b = del("b", b);
	end();
	begin();
	assert_int_equal(cache_rev(cache), 5);
	assert_int_equal(cache_count(cache, "core/pods", NULL), 2);
	assert_string_equal(from(2, NULL), "Ma@3/x>y Ac@4/y Db@5/x");
	assert_string_equal(from(4, NULL), "Db@5/x");
	assert_string_equal(from(5, NULL), "");
	/* Nobody looks into thousands of them at once. */
	assert_false(parsed);
	assert_string_equal(from(1, NULL), "Ab@2/x Ma@3/x>y Ac@4/y Db@5/x");
	/* One that left a node is seen there, too. */
	assert_string_equal(from(2, "x"), "Ma@3/x>y Db@5/x");
	put("c", c, "z");
	assert_string_equal(from(4, NULL), "Db@5/x Mc@6/y>z");
	end();
}

static void what_is_compacted_expired(void **state)
{
	int64_t at;

	begin();
	at = store_rev(store);
	assert_int_equal(store_compact(store, at - 1), 0);
	end();
	begin();
	assert_string_equal(from(at - 2, NULL), "expired");
	assert_string_equal(from(at - 1, NULL), "Mc@6/y>z");
	assert_int_equal(cache_count(cache, "core/pods", NULL), 2);
	end();
}

/* However long it was, so much is kept in memory. */
static void the_past_is_bounded(void **state)
{
	struct cache_stats stats;
	int64_t at;

	begin();
	for (unsigned i = 0; i < 11000; i++) {
		char name[20];

		snprintf(name, sizeof(name), "p%u", i);
		ask(name, 0, "x");
		if (i % 1000 == 999)
			wait_all();
	}
	at = store_rev(store);
	end();
	begin();
	cache_stats(cache, &stats);
	assert_in_range(stats.events, 9000, 10000);
	assert_int_equal(stats.objects, 11002);
	assert_string_equal(from(at - 10001, NULL), "expired");
	assert_string_equal(from(at - 2, NULL) + 7, "@11005/x Ap10999@11006/x");
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restart_loses_no_event),
		cmocka_unit_test(what_is_compacted_expired),
		cmocka_unit_test(the_past_is_bounded),
	};
	char path[120];

	if (loop_open(&loop) || !mkdtemp(dir))
		return 1;
	snprintf(uri, sizeof(uri), "sqlite:%s/state.db", dir);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	loop_close(loop);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/state.db%s", dir, (const char *[]){ "", "-wal", "-shm", ".lock" }[i]);
		unlink(path);
	}
	rmdir(dir);
	return failed;
}
