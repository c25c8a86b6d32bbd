/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kill - a process that writes through the store is killed at random moments;
 * each time the file must open, and hold every write it acknowledged.
 * Backups and restores that are killed leave whole files, old or new.
 * SAMPAN_CRASH_ROUNDS and SAMPAN_CRASH_SEED choose more and other moments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "store/files.h"
#include "store/migrate.h"

enum { KEYS = 60 };

/* What the writer says on its pipe when a write was acknowledged. */
struct ack {
	int key;
	bool del;
	int64_t rev;
	uint64_t check;      /* of the value */
};

static char dir[64], file[96], uri[128];
static uint64_t seed;

static unsigned dice(unsigned sides)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % sides;
}

static uint64_t check_of(const struct blob *b)
{
	uint64_t h = 14695981039346656037u;

	for (uint32_t i = 0; i < b->len; i++)
		h = (h ^ (unsigned char)b->p[i]) * 1099511628211u;
	return h;
}

/* ---- the writer: never returns ---- */

struct slot {
	int64_t rev;
	bool busy;
	struct ack ack;
};

static struct slot slots[KEYS];
static int out_fd;

static void acked(void *arg, int rc, int64_t rev)
{
	struct slot *s = arg;

	if (rc != 0)
		_exit(3);
	s->busy = false;
	s->rev = s->ack.del ? 0 : rev;
	s->ack.rev = rev;
	if (write(out_fd, &s->ack, sizeof(s->ack)) != (ssize_t)sizeof(s->ack))
		_exit(4);
}

static void found(void *arg, const struct store_event *ev)
{
	slots[atoi(strrchr(ev->key, '/') + 1)].rev = ev->value ? ev->rev : 0;
}

static void write_forever(void)
{
	struct loop *l;
	struct store *s;

	if (loop_open(&l) < 0 || store_open(&s, l, uri, NULL, NULL) < 0 || store_follow(s, &(struct store_follower){ .event = found }, NULL, NULL) < 0)
		_exit(2);
	for (unsigned n = 0;; n++) {
		int key = (int)dice(KEYS);
		struct slot *slot = &slots[key];
		BLOB_AUTO struct blob *b = NULL;
		char name[32];
		int r;

		if (slot->busy || n % 16 == 0) {
			loop_turn(l, slot->busy ? 100 : 0);
			continue;
		}
		snprintf(name, sizeof(name), "t/things/%d", key);
		slot->ack = (struct ack){ .key = key, .del = slot->rev && dice(5) == 0 };
		b = blob_alloc(10 + dice(4000));
		for (uint32_t i = 0; i < b->len; i++)
			b->p[i] = (char)dice(256);
		slot->ack.check = check_of(b);
		r = slot->ack.del ? store_del(s, name, slot->rev, acked, slot)
			: store_put(s, name, b, slot->rev, acked, slot);
		if (r < 0)
			_exit(5);
		slot->busy = true;
		if (dice(60) == 0)
			store_compact(s, store_rev(s) - (int64_t)dice(100));
	}
}

/* ---- the checker ---- */

struct state {
	int64_t rev[KEYS];
	uint64_t check[KEYS];
};

static void look(void *arg, const struct store_event *ev)
{
	struct state *t = arg;
	int key = atoi(strrchr(ev->key, '/') + 1);

	t->rev[key] = ev->rev;
	t->check[key] = check_of(ev->value);
}

static void assert_log_has_no_holes(void)
{
	sqlite3 *db;
	sqlite3_stmt *q;

	/* Every revision above the compacted ones is there, once. */
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*), coalesce(max(rev), 0), "
		"(SELECT value FROM meta WHERE name = 'compacted') FROM log WHERE rev > "
		"(SELECT value FROM meta WHERE name = 'compacted')", -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	if (sqlite3_column_int64(q, 0))
		assert_int_equal(sqlite3_column_int64(q, 0),
			sqlite3_column_int64(q, 1) - sqlite3_column_int64(q, 2));
	sqlite3_finalize(q);
	sqlite3_close(db);
}

static void test_killed_writers_lose_nothing_acknowledged(void **state)
{
	const char *want = getenv("SAMPAN_CRASH_ROUNDS");
	int rounds = want ? atoi(want) : 15;
	struct state last = { { 0 }, { 0 } };
	bool last_del[KEYS] = { false };
	int64_t newest = 0;
	unsigned total = 0;

	print_message("  seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < rounds; round++) {
		struct state now = { { 0 }, { 0 } };
		struct store *s;
		struct loop *l;
		struct ack a;
		struct err e;
		int fds[2], status;
		ssize_t n;
		pid_t pid;

		dice(1);
		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (pid == 0) {
			close(fds[0]);
			out_fd = fds[1];
			write_forever();
		}
		close(fds[1]);
		/* From its first instructions to well within its work. */
		usleep(dice(round % 3 ? 300000 : 30000));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		while ((n = read(fds[0], &a, sizeof(a))) == (ssize_t)sizeof(a)) {
			assert_true(a.rev > newest);       /* in order, never again */
			newest = a.rev;
			last.rev[a.key] = a.rev;
			last.check[a.key] = a.check;
			last_del[a.key] = a.del;
			total++;
		}
		assert_int_equal(n, 0);
		close(fds[0]);

		assert_int_equal(loop_open(&l), 0);
		if (store_open(&s, l, uri, NULL, &e) < 0)
			fail_msg("round %d: %s", round, e.msg);
		assert_int_equal(store_follow(s, &(struct store_follower){ .event = look }, &now, NULL), 0);
		assert_true(store_rev(s) >= newest);
		for (int k = 0; k < KEYS; k++) {
			if (now.rev[k] == last.rev[k] && last.rev[k]) {
				assert_false(last_del[k]);
				assert_true(now.check[k] == last.check[k]);
			} else if (now.rev[k]) {
				/* Written, but killed before it could say so. */
				assert_true(now.rev[k] > last.rev[k]);
			} else if (last.rev[k] && !last_del[k]) {
				/* Deleted likewise: that took a revision. */
				assert_true(store_rev(s) > last.rev[k]);
			}
			last.rev[k] = now.rev[k] ? now.rev[k] : last.rev[k];
			last.check[k] = now.check[k];
			last_del[k] = now.rev[k] == 0;
		}
		newest = store_rev(s);
		store_close(s);
		loop_close(l);
		assert_log_has_no_holes();
	}
	print_message("  %u writes acknowledged in %d lives\n", total, rounds);
	assert_true(total > 0);
}

/* ---- backups and restores ---- */

static void copy_forever(const char *backup, const char *target)
{
	char old[4200];
	int64_t rev;

	for (;;)
		if (store_file_backup(file, backup, NULL) || store_file_restore(target, backup, true, &rev, old, NULL))
			_exit(2);
}

static void wrote(void *arg, int rc, int64_t rev)
{
	assert_int_equal(rc, 0);
	++*(int *)arg;
}

static void test_killed_backups_and_restores_leave_whole_files(void **state)
{
	enum { OBJECTS = 300 };
	const char *want = getenv("SAMPAN_CRASH_ROUNDS"), *long_run = getenv("SAMPAN_LONG");
	int rounds = want ? atoi(want) : long_run ? 500 : 15, done = 0, whole = 0;
	char backup[96], target_dir[80], target[128], old[4200];
	BLOB_AUTO struct blob *b = blob_alloc(3000);
	struct err e = { 0 };
	struct store *s;
	struct loop *l;
	int64_t rev;

	memset(b->p, 'v', b->len);
	snprintf(backup, sizeof(backup), "%s/backup", dir);
	snprintf(target_dir, sizeof(target_dir), "%s/target", dir);
	snprintf(target, sizeof(target), "%s/store.db", target_dir);
	assert_int_equal(loop_open(&l), 0);
	assert_int_equal(store_open(&s, l, uri, NULL, &e), 0);
	for (int i = 0; i < OBJECTS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "t/things/%d", i);
		assert_int_equal(store_put(s, name, b, 0, wrote, &done), 0);
	}
	store_close(s);
	loop_close(l);
	assert_int_equal(done, OBJECTS);
	for (int round = 0; round < rounds; round++) {
		int status;
		pid_t pid;

		dice(1);
		pid = fork();
		if (pid == 0)
			copy_forever(backup, target);
		usleep(1000 + dice(round % 2 ? 200000 : 50000));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		if (file_exists(backup) && store_file_check(backup, &e) < 0)
			fail_msg("round %d: %s", round, e.msg);
		if (file_exists(target) && store_file_check(target, &e) < 0)
			fail_msg("round %d: %s", round, e.msg);
		whole += file_exists(target);
		/* And nothing that lies about is in the way of the next. */
		if (store_file_backup(file, backup, &e) < 0 || store_file_restore(target, backup, true, &rev, old, &e) < 0 ||
		    store_file_check(target, &e) < 0)
			fail_msg("round %d: %s", round, e.msg);
		assert_int_equal(file_remove_tree(target_dir, NULL), 0);
	}
	print_message("  %d of %d kills left a restored store\n", whole, rounds);
}

/* ---- migrations ---- */

struct counted { const struct blob *value; int *n; };

static void count_same(void *arg, const struct store_event *ev)
{
	const struct counted *c = arg;

	*c->n += ev->value->len == c->value->len && !memcmp(ev->value->p, c->value->p, c->value->len);
}

static void test_killed_migrations_go_on(void **state)
{
	enum { OBJECTS = 3000 };
	const char *want = getenv("SAMPAN_CRASH_ROUNDS"), *long_run = getenv("SAMPAN_LONG");
	int rounds = want ? atoi(want) : long_run ? 300 : 8, done = 0, midway = 0;
	struct store_migrated m;
	int64_t took_us;
	char target_dir[80], from[128], to[128];
	BLOB_AUTO struct blob *b = blob_alloc(3000);
	struct err e = { 0 };
	struct store *s;
	struct loop *l;

	memset(b->p, 'v', b->len);
	snprintf(from, sizeof(from), "sqlite:%s/moved.db", dir);
	snprintf(target_dir, sizeof(target_dir), "%s/moved", dir);
	snprintf(to, sizeof(to), "sqlite:%s/store.db", target_dir);
	assert_int_equal(loop_open(&l), 0);
	assert_int_equal(store_open(&s, l, from, NULL, &e), 0);
	for (int i = 0; i < OBJECTS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "t/things/%d", i);
		assert_int_equal(store_put(s, name, b, 0, wrote, &done), 0);
	}
	store_close(s);
	assert_int_equal(done, OBJECTS);
	/* How long a whole one takes: the kills are spread over that. */
	assert_int_equal(file_mkdirs(target_dir, 0700, &e), 0);
	took_us = env_now_us();
	assert_int_equal(store_migrate(l, from, to, NULL, NULL, &m, &e), 0);
	took_us = env_now_us() - took_us;
	assert_int_equal(file_remove_tree(target_dir, NULL), 0);
	for (int round = 0; round < rounds; round++) {
		int status, rc, kills = 1 + (int)dice(3);
		pid_t pid;

		assert_int_equal(file_mkdirs(target_dir, 0700, &e), 0);
		while (kills--) {
			dice(1);
			pid = fork();
			if (pid == 0) {
				struct loop *mine;

				_exit(loop_open(&mine) || store_migrate(mine, from, to, NULL, NULL, &m, NULL) ? 2 : 0);
			}
			usleep(1000 + dice((int)took_us));
			kill(pid, SIGKILL);
			assert_int_equal(waitpid(pid, &status, 0), pid);
		}
		rc = store_migrate(l, from, to, NULL, NULL, &m, &e);
		if (rc == -ERR_CONFLICT) {     /* it was done, but could not say so */
			assert_non_null(strstr(e.msg, "is not empty"));
		} else if (rc) {
			fail_msg("round %d: %s", round, e.msg);
		} else {
			assert_int_equal(m.keys, OBJECTS);
			midway += m.written > 0 && m.written < OBJECTS;
		}
		assert_int_equal(store_open(&s, l, to, NULL, &e), 0);
		assert_int_equal(store_is_whole(s, &e), 0);
		assert_true(store_rev(s) > OBJECTS);
		done = 0;
		assert_int_equal(store_follow(s, &(struct store_follower){ .event = count_same }, &(struct counted){ b, &done }, NULL), 0);
		assert_int_equal(done, OBJECTS);
		store_close(s);
		assert_int_equal(file_remove_tree(target_dir, NULL), 0);
	}
	loop_close(l);
	print_message("  %d of %d went on midway\n", midway, rounds);
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/sampan-kill-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof(file), "%s/store.db", dir);
	snprintf(uri, sizeof(uri), "sqlite:%s", file);
	return 0;
}

static int teardown(void **state) { return file_remove_tree(dir, NULL); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_killed_writers_lose_nothing_acknowledged, setup,
			teardown),
		cmocka_unit_test_setup_teardown(test_killed_backups_and_restores_leave_whole_files, setup,
			teardown),
		cmocka_unit_test_setup_teardown(test_killed_migrations_go_on, setup, teardown),
	};
	const char *want = getenv("SAMPAN_CRASH_SEED");

	log_init("test", 0);
	seed = want ? strtoull(want, NULL, 10) : 20260101;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
