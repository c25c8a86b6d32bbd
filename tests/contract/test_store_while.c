/* SPDX-License-Identifier: Apache-2.0 */
/* test_store_while - writes that depend on another key's life (store_put_on), over every backend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/loop.h"
#include "store/store.h"

#include "etcd_host.h"

static struct loop *loop;
static struct store *store;
static int64_t other;                  /* the life of the key "other" that writes depend on, too; 0: none */

struct answer { bool came; int rc; int64_t rev; };

static void take_answer(void *arg, int rc, int64_t rev) { *(struct answer *)arg = (struct answer){ true, rc, rev }; }

/* value NULL: a deletion. life: of the key "life", 0: it depends on nothing. */
static struct answer write_key(const char *key, const char *value, int64_t expect, int64_t life)
{
	const struct store_terms t = { .alive = { { life ? "life" : NULL, life }, { other ? "other" : NULL, other } } };
	BLOB_AUTO struct blob *b = value ? blob_new(value, strlen(value)) : NULL;
	struct answer a = { 0 };

	assert_int_equal(b ? store_put_on(store, key, b, expect, &t, take_answer, &a) :
		store_del_on(store, key, expect, &t, take_answer, &a), 0);
	for (int i = 0; i < 10000 && !a.came; i++)
		loop_turn(loop, 1000);
	assert_true(a.came);
	return a;
}

static int64_t must(const char *key, const char *value, int64_t expect, int64_t life)
{
	struct answer a = write_key(key, value, expect, life);

	assert_int_equal(a.rc, 0);
	return a.rev;
}

static void a_write_ends_with_the_life_that_it_depends_on(void)
{
	int over = store_is_shared(store) ? -ERR_EXPIRED : 0;  /* one program alone is held to nothing */
	int64_t life = must("life", "a", 0, 0), k = must("k", "v", 0, 0), later;
	struct answer a;

	k = must("k", "w", k, life);
	later = must("life", "b", life, 0);
	assert_int_equal(write_key("k", "stale", k - 1, life).rc, -ERR_CONFLICT);
	k = must("k", "x", k, life);               /* changed, it lives on */
	must("life", NULL, later, 0);
	a = write_key("k", "y", k, life);
	assert_int_equal(a.rc, over);
	k = over ? k : a.rev;
	later = must("life", "c", 0, 0);
	a = write_key("k", "of the life before", k, life);
	assert_int_equal(a.rc, over);
	k = over ? k : a.rev;
	if (over)
		assert_int_equal(write_key("k", NULL, k, life).rc, over);
	k = must("k", "z", k, 0);                  /* what was refused had not been written */
	assert_int_equal(write_key("new", "n", 0, life).rc, over);
	/* Each of two lives counts, and the one that still is does not help. */
	other = must("other", "o", 0, 0);
	k = must("k", "both", k, later);
	must("other", NULL, other, 0);
	a = write_key("k", "one", k, later);
	assert_int_equal(a.rc, over);
	k = over ? k : a.rev;
	a = write_key("k", "the other", k, 0);
	assert_int_equal(a.rc, over);
	k = over ? k : a.rev;
	other = 0;
	must("k", NULL, k, later);
}

/* ... where several programs write. One alone removes what is its own. */
static void what_is_kept_for_a_while_ends_by_itself(void)
{
	BLOB_AUTO struct blob *b = blob_new("v", 1);
	int shared = store_is_shared(store);
	struct answer a = { 0 };

	assert_int_equal(store_put_on(store, "brief", b, 0, &(struct store_terms){ .keep_s = 2 }, take_answer, &a), 0);
	for (int i = 0; i < 10000 && !a.came; i++)
		loop_turn(loop, 1000);
	assert_int_equal(a.rc, 0);
	assert_int_equal(write_key("brief", "w", 0, 0).rc, -ERR_CONFLICT);
	for (int i = 0; i < (shared ? 100 : 5); i++) {
		loop_turn(loop, 50);
		usleep(50000);
		if (shared && i % 10 == 0 && !write_key("brief", "w", 0, 0).rc)
			return;
	}
	assert_false(shared);
	assert_int_equal(write_key("brief", "w", 0, 0).rc, -ERR_CONFLICT);
}

static void over(const char *uri)
{
	struct err e;

	assert_int_equal(loop_open(&loop), 0);
	if (store_open(&store, loop, uri, NULL, &e))
		fail_msg("%s", e.msg);
	a_write_ends_with_the_life_that_it_depends_on();
	what_is_kept_for_a_while_ends_by_itself();
	store_close(store);
	loop_close(loop);
}

static void over_mem(void **state) { over("mem:"); }

static void over_sqlite(void **state)
{
	char dir[] = "/tmp/sampan-test-while-XXXXXX", uri[80];

	assert_non_null(mkdtemp(dir));
	snprintf(uri, sizeof(uri), "sqlite:%s/store.db", dir);
	over(uri);
	file_remove_tree(dir, NULL);
}

static void over_etcd(void **state)
{
	struct etcd_host etcd = { 0 };
	char uri[80];

	etcd_host_open(&etcd, 1);
	snprintf(uri, sizeof(uri), "etcd://127.0.0.1:%d/test", etcd.port[0]);
	over(uri);
	etcd_host_close(&etcd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_mem),
		cmocka_unit_test(over_sqlite),
		cmocka_unit_test(over_etcd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
