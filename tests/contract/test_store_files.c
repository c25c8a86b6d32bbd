/* SPDX-License-Identifier: Apache-2.0 */
/* test_store_files - the promises of files.h: check, stats, compact, backup, restore. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "store/files.h"
#include "store/sqlite_priv.h"
#include "store/store.h"

struct fixture {
	struct loop *loop;
	struct store *store;
	char dir[64], file[96], backup[96], uri[128];
};

static void open_store(struct fixture *f)
{
	struct err e;

	if (store_open(&f->store, f->loop, f->uri, NULL, &e) < 0)
		fail_msg("%s", e.msg);
}

static void close_store(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/sampan-test-files-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->file, sizeof(f->file), "%s/store.db", f->dir);
	snprintf(f->backup, sizeof(f->backup), "%s/backup.db", f->dir);
	snprintf(f->uri, sizeof(f->uri), "sqlite:%s", f->file);
	assert_int_equal(loop_open(&f->loop), 0);
	open_store(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	loop_close(f->loop);
	file_remove_tree(f->dir, NULL);
	free(f);
	return 0;
}

struct answer {
	bool came;
	int rc;
	int64_t rev;
};

static void take_answer(void *arg, int rc, int64_t rev) { *(struct answer *)arg = (struct answer){ true, rc, rev }; }

static int64_t put(struct fixture *f, const char *key, const char *value, int64_t expect)
{
	BLOB_AUTO struct blob *b = blob_new(value, strlen(value));
	struct answer a = { 0 };

	assert_int_equal(store_put(f->store, key, b, expect, take_answer, &a), 0);
	for (int i = 0; i < 10000 && !a.came; i++)
		loop_turn(f->loop, 1000);
	assert_int_equal(a.rc, 0);
	return a.rev;
}

static void take_range(void *arg, int rc, const struct store_item *items, size_t n, int64_t remaining)
{
	(void)items;
	*(struct answer *)arg = (struct answer){ true, rc, (int64_t)n + remaining };
}

/* How many there are, or -ERR_*. */
static int64_t count_at(struct fixture *f, int64_t rev)
{
	struct answer a = { 0 };

	assert_int_equal(store_range(f->store, "a/", NULL, 0, rev, take_range, &a), 0);
	for (int i = 0; i < 10000 && !a.came; i++)
		loop_turn(f->loop, 1000);
	return a.rc ? a.rc : a.rev;
}

static void must(int rc, const struct err *e)
{
	if (rc)
		fail_msg("%s", e->msg);
}

static void assert_says(int rc, int want, const struct err *e, const char *says)
{
	assert_int_equal(rc, want);
	if (!strstr(e->msg, says))
		fail_msg("\"%s\" does not say \"%s\"", e->msg, says);
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

static void test_restored_state_has_revisions_never_seen(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	char old[4200];
	int64_t rev, again, two;

	put(f, "a/1", "x", 0);
	two = put(f, "a/2", "x", 0);
	must(store_file_backup(f->file, f->backup, &e), &e);
	put(f, "a/3", "after the backup", 0);
	assert_says(store_file_restore(f->file, f->backup, true, &rev, old, &e), -ERR_IO, &e, "in use");
	close_store(f);
	assert_says(store_file_restore(f->file, f->backup, false, &rev, old, &e), -ERR_CONFLICT, &e, "--force");
	must(store_file_restore(f->file, f->backup, true, &rev, old, &e), &e);
	assert_true(rev > 1000000000);
	must(store_file_check(old, &e), &e);
	must(store_file_check(f->file, &e), &e);

	open_store(f);
	assert_int_equal(store_rev(f->store), rev);
	assert_int_equal(count_at(f, 0), 2);
	assert_int_equal(count_at(f, 2), -ERR_EXPIRED);
	assert_int_equal(count_at(f, 3), -ERR_EXPIRED);
	assert_int_equal(put(f, "a/3", "another", 0), rev + 1);
	assert_int_equal(put(f, "a/2", "y", two), rev + 2);       /* what nobody changed has its revision */
	close_store(f);
	must(store_file_restore(f->file, f->backup, true, &again, old, &e), &e);
	assert_true(again > rev + 2);

	/* Nothing tells what a damaged one had. */
	assert_int_equal(file_replace(f->file, "gone", 4, 0600, NULL), 0);
	must(store_file_restore(f->file, f->backup, true, &rev, old, &e), &e);
	unlink(f->file);
	usleep(2000);
	must(store_file_restore(f->file, f->backup, false, &again, old, &e), &e);
	assert_string_equal(old, "");
	assert_true(again > rev);
	open_store(f);
	assert_int_equal(count_at(f, 0), 2);
}

static void test_damaged_backups_are_refused(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	char old[4200];
	int64_t rev;

	put(f, "a/1", "x", 0);
	close_store(f);
	assert_says(store_file_restore(f->file, "/nonexistent", true, &rev, old, &e), -ERR_NOT_FOUND, &e, "/nonexistent");
	assert_int_equal(file_replace(f->backup, "no database, but long enough to be one of some kind", 50, 0600, NULL), 0);
	assert_int_equal(store_file_restore(f->file, f->backup, true, &rev, old, &e), -ERR_CORRUPT);
	unlink(f->backup);
	exec_sql(f->backup, "CREATE TABLE t(x)");
	assert_int_equal(store_file_restore(f->file, f->backup, true, &rev, old, &e), -ERR_CORRUPT);
	unlink(f->backup);
	must(store_file_backup(f->file, f->backup, &e), &e);
	exec_sql(f->backup, "UPDATE log SET value = NULL");
	assert_says(store_file_restore(f->file, f->backup, true, &rev, old, &e), -ERR_CORRUPT, &e, "values are missing");
	open_store(f);                 /* and what was there stays */
	assert_int_equal(count_at(f, 0), 1);
}

struct backing_up {
	struct fixture *f;
	int rc;
	struct err err;
	_Atomic bool ended;
};

static void *back_up(void *arg)
{
	struct backing_up *b = arg;

	b->rc = store_file_backup(b->f->file, b->f->backup, &b->err);
	b->ended = true;
	return NULL;
}

/* Every write adds one key: whatever revision a backup has, it holds as many. */
static void test_backup_beside_writes_is_one_revision(void **state)
{
	struct fixture *f = *state;
	struct backing_up b = { .f = f };
	char value[4001], key[32], old[4200];
	int64_t before, after, worst_us = 0, rev, n = 0;
	struct err e = { 0 };
	struct answer a[64];
	pthread_t thread;

	memset(value, 'v', 4000);
	value[4000] = 0;
	BLOB_AUTO struct blob *blob = blob_new(value, 4000);
	for (int round = 0; round < 60; round++) {
		memset(a, 0, sizeof(a));
		for (int i = 0; i < 64; i++) {
			snprintf(key, sizeof(key), "a/%lld", (long long)n++);
			assert_int_equal(store_put(f->store, key, blob, 0, take_answer, &a[i]), 0);
		}
		while (!a[63].came)
			loop_turn(f->loop, 1000);
	}
	before = store_rev(f->store);
	assert_int_equal(pthread_create(&thread, NULL, back_up, &b), 0);
	while (!b.ended) {
		int64_t from = env_now_us();

		snprintf(key, sizeof(key), "a/%lld", (long long)n++);
		put(f, key, value, 0);
		if (env_now_us() - from > worst_us)
			worst_us = env_now_us() - from;
	}
	pthread_join(thread, NULL);
	must(b.rc, &b.err);
	after = store_rev(f->store);
	print_message("  %lld writes meanwhile, the slowest took %.1f ms\n", (long long)(after - before), (double)worst_us / 1000);
	must(store_file_check(f->backup, &e), &e);
	close_store(f);
	must(store_file_restore(f->file, f->backup, true, &rev, old, &e), &e);
	assert_in_range(rev, 1000000000, INT64_MAX);
	open_store(f);
	assert_in_range(count_at(f, 0), before, after);
}

static void test_broken_rules_are_found(void **state)
{
	static const struct {
		const char *sql, *says;
		bool at_start;
	} cases[] = {
		{ "UPDATE meta SET value = 5 WHERE name = 'swept'", "more is swept", true },
		{ "UPDATE log SET value = NULL WHERE rev = 2", "", true },
		{ "UPDATE log SET prev_rev = 9 WHERE rev = 2", "", true },
		{ "DELETE FROM log WHERE rev = 2", "revisions are missing", false },
		{ "UPDATE log SET prev_rev = 1 WHERE rev = 2", "name another", false },
		{ "DELETE FROM meta WHERE name = 'swept'", "", true },
		{ "DROP INDEX log_key", "tables are missing", true },
	};
	struct fixture *f = *state;
	struct err e = { 0 };

	put(f, "a/1", "x", 0);
	put(f, "a/2", "x", 0);
	put(f, "a/3", "x", 0);
	must(store_file_check(f->file, &e), &e);
	must(store_file_backup(f->file, f->backup, &e), &e);
	close_store(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char old[4200];
		int64_t rev;

		print_message("  %s\n", cases[i].sql);
		unlink(f->file);
		must(store_file_restore(f->file, f->backup, false, &rev, old, &e), &e);
		/* As it was, before the revision was raised. */
		exec_sql(f->file, "UPDATE meta SET value = 0 WHERE name = 'compacted'");
		exec_sql(f->file, cases[i].sql);
		assert_int_not_equal(store_file_check(f->file, &e), 0);
		if (*cases[i].says)
			assert_non_null(strstr(e.msg, cases[i].says));
		if (cases[i].at_start)
			assert_says(store_open(&f->store, f->loop, f->uri, NULL, &e), -ERR_CORRUPT, &e, "sampan restore BACKUP --force --store sqlite:");
	}
}

static void add_up(void *arg, const char *resource, int64_t keys, int64_t bytes)
{
	char *text = arg;
	size_t at = strlen(text);

	snprintf(text + at, 256 - at, "%s=%lld,%lld ", resource, (long long)keys, (long long)bytes);
}

static void test_compacted_file_is_small_and_goes_on(void **state)
{
	struct fixture *f = *state;
	struct store_file_stats st;
	char value[4001], text[256] = "";
	struct err e = { 0 };
	int64_t rev = 0, grown;

	memset(value, 'v', 4000);
	value[4000] = 0;
	for (int i = 0; i < 300; i++)
		rev = put(f, "a/things/x", value, rev);
	put(f, "a/things/y", "1", 0);
	put(f, "b/others/ns/y", "12", 0);
	must(store_file_stats(f->file, &st, add_up, text, &e), &e);
	assert_string_equal(text, "a/things=2,4001 b/others=1,2 ");
	assert_int_equal(st.rev, 302);
	assert_int_equal(st.revisions, 302);
	grown = st.file_bytes;
	assert_says(store_file_compact(f->file, &e), -ERR_IO, &e, "in use");
	close_store(f);
	must(store_file_compact(f->file, &e), &e);
	must(store_file_check(f->file, &e), &e);
	*text = 0;
	must(store_file_stats(f->file, &st, add_up, text, &e), &e);
	assert_string_equal(text, "a/things=2,4001 b/others=1,2 ");
	assert_int_equal(st.revisions, 3);
	assert_int_equal(st.compacted_rev, 302);
	assert_true(st.file_bytes < grown / 10);
	open_store(f);
	assert_int_equal(store_rev(f->store), 302);
	assert_int_equal(put(f, "a/things/x", "2", rev), 303);
}

/* ---- what came to nothing ---- */

static void leave(const struct fixture *f, const char *end, const void *p, size_t n)
{
	char name[128];
	FILE *to;

	snprintf(name, sizeof(name), "%s%s", f->file, end);
	to = fopen(name, "w");
	assert_non_null(to);
	assert_int_equal(fwrite(p, 1, n, to), n);
	fclose(to);
}

/* A start that was cut short, of any version, may leave an empty file and a journal that says so. */
static void test_a_store_is_made_over_what_a_first_start_left(void **state)
{
	/* Magic, no records, a nonce, no pages before, sectors of 512, pages of 4096. */
	static const unsigned char journal[1024] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7, [22] = 2, [26] = 0x10 };
	struct fixture *f = *state;
	struct err e = { 0 };
	char salvaged[128];

	for (int forced = 0; forced < 2; forced++) {
		close_store(f);
		if (!forced) {
			leave(f, "", "", 0);
			leave(f, ".part", "half", 4);
			leave(f, ".part-wal", "half", 4);
			leave(f, ".new", "salvaged", 8);
		} else {
			must(store_file_backup(f->file, f->backup, &e), &e);
			assert_int_equal(unlink(f->file), 0);
		}
		leave(f, "-wal", "half", 4);
		leave(f, "-journal", journal, sizeof(journal));
		if (forced) {
			char old[4200];
			int64_t rev;

			must(store_file_restore(f->file, f->backup, false, &rev, old, &e), &e);
			assert_string_equal(old, "");
		}
		open_store(f);
		put(f, forced ? "a/things/y" : "a/things/x", "1", 0);
		close_store(f);
		must(store_file_check(f->file, &e), &e);
		open_store(f);
		assert_int_equal(count_at(f, 0), forced + 1);
	}
	snprintf(salvaged, sizeof(salvaged), "%s.new", f->file);
	assert_true(file_exists(salvaged));
}

static void test_a_store_is_made_where_a_link_leads(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	struct stat st;
	char there[128];

	close_store(f);
	assert_int_equal(unlink(f->file), 0);
	snprintf(there, sizeof(there), "%s/elsewhere.db", f->dir);
	assert_int_equal(symlink("elsewhere.db", f->file), 0);
	open_store(f);
	put(f, "a/things/x", "1", 0);
	close_store(f);
	assert_int_equal(lstat(f->file, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	must(store_file_check(there, &e), &e);
	open_store(f);
	assert_int_equal(count_at(f, 0), 1);
}

static struct store_write *add_write(struct store_write *next, int number, size_t bytes)
{
	struct store_write *w = calloc(1, sizeof(*w) + 20);

	assert_non_null(w);
	w->next = next;
	w->value = blob_alloc(bytes);
	memset(w->value->p, 'x', bytes);
	w->key_len = (uint16_t)sprintf(w->key, "a/things/%d", number);
	return w;
}

static void drop_writes(struct store_write *w)
{
	for (struct store_write *next; w; w = next) {
		next = w->next;
		blob_unref(w->value);
		free(w);
	}
}

/* Pages of a group that was rolled back do not come over what another program wrote since. */
static void test_a_group_that_came_to_nothing_writes_nothing_later(void **state)
{
	enum { GROUP = 300 };
	struct store_write *first = add_write(NULL, 1000, 10), *many = NULL, *last = add_write(NULL, 1001, 10);
	struct fixture *f = *state;
	struct sqlite_meta meta;
	struct sqlite_log g;
	struct err e = { 0 };
	int64_t rev = GROUP - 1, low = 0;
	sqlite3 *db;

	close_store(f);
	must(sqlite_file_open(&db, f->file, &meta, &e), &e);
	must(sqlite_log_open_writer(&g, db, f->file, &e), &e);
	assert_int_equal(sqlite3_exec(db, "PRAGMA cache_size=4", NULL, NULL, NULL), SQLITE_OK);
	must(sqlite_log_commit(&g, first, &rev, NULL, &e), &e);
	assert_int_equal(rev, GROUP);
	for (int i = 0; i < GROUP; i++)
		many = add_write(many, i, 5000);
	/* Its last write would have the revision that is taken. */
	assert_true(sqlite_log_commit(&g, many, &low, NULL, &e) < 0);
	exec_sql(f->file, "CREATE TABLE other(v); INSERT INTO other VALUES(randomblob(2500000));");
	must(sqlite_log_commit(&g, last, &rev, NULL, &e), &e);
	assert_int_equal(rev, GROUP + 1);
	exec_sql(f->file, "PRAGMA wal_checkpoint(TRUNCATE);");
	sqlite_log_close(&g);
	exec_sql(f->file, "DELETE FROM log; UPDATE meta SET value = 1000 WHERE name = 'compacted';");
	must(store_file_check(f->file, &e), &e);
	drop_writes(first);
	drop_writes(many);
	drop_writes(last);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_restored_state_has_revisions_never_seen),
		T(test_damaged_backups_are_refused),
		T(test_backup_beside_writes_is_one_revision),
		T(test_broken_rules_are_found),
		T(test_compacted_file_is_small_and_goes_on),
		T(test_a_store_is_made_over_what_a_first_start_left),
		T(test_a_store_is_made_where_a_link_leads),
		T(test_a_group_that_came_to_nothing_writes_nothing_later),
	};

	log_init("test", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
