/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_disk - the store on a disk that loses power, is full, or fails.
 *
 * A long run of writes is recorded; then power is cut at many moments of it, and
 * what is left must open as exactly the state of one prefix of the log, one that
 * holds every write acknowledged by then (promises 2 and 6 of store.h).
 * The same from many seeds, with power cut around every sync of a short run: also what was
 * kept of history is right, revisions go on, and every page is sound (promises 1, 5).
 * SAMPAN_CRASH_SEED, SAMPAN_CRASH_CUTS and SAMPAN_CRASH_SEEDS choose other and more moments;
 * SAMPAN_LONG takes 1,000 seeds.
 */
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
#include "disk.h"
#include "store/files.h"
#include "store/store.h"

enum { KEYS = 40, WRITES = 1500, IN_FLIGHT = 24, SHORT = 80 };

struct write {
	int key;
	bool del;
	int64_t rev;           /* 0: not acknowledged (yet) */
	size_t moment;         /* of its acknowledgement */
	uint32_t size;
	int rc;
};

static struct loop *loop;
static char dir[64], cut_dir[64];
static struct write writes[WRITES];
static int submitted, answered, in_flight;
static int64_t key_rev[KEYS];
static bool key_busy[KEYS];
static uint64_t seed;

static unsigned dice(unsigned sides)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % sides;
}

static void open_at(struct store **s, const char *d)
{
	char uri[128];
	struct err e;

	snprintf(uri, sizeof(uri), "sqlite:%s/store.db", d);
	if (store_open(s, loop, uri, NULL, &e) < 0)
		fail_msg("%s", e.msg);
}

static void answer(void *arg, int rc, int64_t rev)
{
	struct write *w = arg;

	w->rc = rc;
	w->moment = disk_moment();
	if (rc == 0) {
		w->rev = rev;
		key_rev[w->key] = w->del ? 0 : rev;
	}
	key_busy[w->key] = false;
	answered++;
	in_flight--;
}

static struct blob *value_of(int key, int64_t number, uint32_t size)
{
	struct blob *b = blob_alloc(size);
	int n = snprintf(b->p, size, "%d:%lld:", key, (long long)number);

	memset(b->p + n, 'a' + (int)(number % 26), size - (size_t)n);
	return b;
}

static bool submit_one(struct store *s)
{
	struct write *w = &writes[submitted];
	int key = (int)dice(KEYS);
	char name[32];

	if (key_busy[key])
		return false;
	snprintf(name, sizeof(name), "t/things/%d", key);
	*w = (struct write){ .key = key, .del = key_rev[key] && dice(4) == 0,
		.size = 64 + dice(dice(8) ? 3000 : 30000) };
	if (w->del) {
		assert_int_equal(store_del(s, name, key_rev[key], answer, w), 0);
	} else {
		BLOB_AUTO struct blob *b = value_of(key, submitted, w->size);

		assert_int_equal(store_put(s, name, b, key_rev[key], answer, w), 0);
	}
	key_busy[key] = true;
	submitted++;
	in_flight++;
	return true;
}

static void drain(void)
{
	for (int i = 0; i < 10000 && in_flight; i++)
		loop_turn(loop, 1000);
	assert_int_equal(in_flight, 0);
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/sampan-crash-XXXXXX");
	strcpy(cut_dir, "/tmp/sampan-crash-XXXXXX");
	submitted = answered = in_flight = 0;
	memset(key_rev, 0, sizeof(key_rev));
	memset(key_busy, 0, sizeof(key_busy));
	return mkdtemp(dir) && mkdtemp(cut_dir) && loop_open(&loop) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	loop_close(loop);
	disk_reset();
	file_remove_tree(dir, NULL);
	file_remove_tree(cut_dir, NULL);
	return 0;
}

/* ---- power cuts ---- */

struct found {
	int64_t rev[KEYS];
	uint32_t size[KEYS];
};

static void look(void *arg, const struct store_event *ev)
{
	struct found *f = arg;
	int key = atoi(ev->key + strlen("t/things/"));
	BLOB_AUTO struct blob *want = NULL;
	char *end;

	if (!ev->value) {
		f->rev[key] = 0;
		return;
	}
	assert_int_equal(atoi(ev->value->p), key);
	want = value_of(key, strtoll(strchr(ev->value->p, ':') + 1, &end, 10), ev->value->len);
	assert_memory_equal(want->p, ev->value->p, want->len);
	f->rev[key] = ev->rev;
	f->size[key] = ev->value->len;
}

/* The state of the log's first revisions up to rev, by the writes that made it. */
static void assert_prefix(const struct found *f, int64_t rev)
{
	struct found want = { 0 };
	int64_t newest[KEYS] = { 0 };

	for (int i = 0; i < submitted; i++) {
		const struct write *w = &writes[i];

		if (!w->rev || w->rev > rev || w->rev < newest[w->key])
			continue;
		newest[w->key] = w->rev;
		want.rev[w->key] = w->del ? 0 : w->rev;
		want.size[w->key] = w->del ? 0 : w->size;
	}
	assert_memory_equal(want.rev, f->rev, sizeof(want.rev));
	assert_memory_equal(want.size, f->size, sizeof(want.size));
}

static void answer_new(void *arg, int rc, int64_t rev)
{
	*(struct write *)arg = (struct write){ .rc = rc, .rev = rev };
	in_flight--;
}

static void take_state(void *arg, int rc, const struct store_item *items, size_t n, int64_t remaining)
{
	struct found *f = arg;

	assert_int_equal(rc, 0);
	for (size_t i = 0; i < n; i++) {
		int key = atoi(items[i].key + strlen("t/things/"));

		f->rev[key] = items[i].rev;
		f->size[key] = items[i].value->len;
	}
	in_flight--;
}

/* What is kept of history shows what it showed, and the log goes on above all of it. */
static void check_going_on(struct store *s)
{
	int64_t oldest = store_compacted_rev(s), newest = store_rev(s), rev = oldest + dice((unsigned)(newest - oldest) + 1);
	BLOB_AUTO struct blob *b = value_of(0, 1, 100);
	struct found f = { 0 };
	struct write w = { 0 };

	if (rev) {
		in_flight = 1;
		assert_int_equal(store_range(s, "t/", NULL, 0, rev, take_state, &f), 0);
		drain();
		assert_prefix(&f, rev);
	}
	in_flight = 1;
	assert_int_equal(store_put(s, "u/new", b, 0, answer_new, &w), 0);
	drain();
	assert_int_equal(w.rc, 0);
	assert_int_equal(w.rev, newest + 1);
}

static void check_cut(size_t moment, uint64_t cut_seed)
{
	int64_t acknowledged = 0;
	struct found f = { 0 };
	struct store *s;
	struct err e;
	char path[96];

	file_remove_tree(cut_dir, NULL);
	assert_int_equal(file_mkdirs(cut_dir, 0700, NULL), 0);
	disk_cut(dir, cut_dir, moment, cut_seed);
	for (int i = 0; i < submitted; i++)
		if (writes[i].rev > acknowledged && writes[i].moment <= moment)
			acknowledged = writes[i].rev;
	open_at(&s, cut_dir);
	assert_int_equal(store_follow(s, &(struct store_follower){ .event = look }, &f, NULL), 0);
	if (store_rev(s) < acknowledged)
		fail_msg("cut at %zu, seed %llu: revision %lld of %lld acknowledged", moment,
			(unsigned long long)cut_seed, (long long)store_rev(s),
			(long long)acknowledged);
	assert_prefix(&f, store_rev(s));
	check_going_on(s);
	store_close(s);
	snprintf(path, sizeof(path), "%s/store.db", cut_dir);
	if (store_file_check(path, &e) < 0)
		fail_msg("cut at %zu, seed %llu: %s", moment, (unsigned long long)cut_seed, e.msg);
}

static void test_power_cuts(void **state)
{
	const char *want_cuts = getenv("SAMPAN_CRASH_CUTS");
	int cuts = want_cuts ? atoi(want_cuts) : 120;
	struct store *s;
	size_t end;

	print_message("  seed %llu\n", (unsigned long long)seed);
	open_at(&s, dir);
	while (submitted < WRITES) {
		while (submitted < WRITES && in_flight < IN_FLIGHT && submit_one(s))
			;
		loop_turn(loop, 1000);
		if (dice(100) == 0)
			store_compact(s, store_rev(s) - (int64_t)dice(50));
		if (dice(400) == 0) {
			drain();
			store_close(s);
			open_at(&s, dir);
		}
	}
	drain();
	store_close(s);
	for (int i = 0; i < submitted; i++)
		assert_int_equal(writes[i].rc, 0);
	end = disk_moment();
	print_message("  %d writes, %zu file operations\n", submitted, end);
	for (int i = 0; i < cuts; i++) {
		size_t moment = 1 + dice((unsigned)end);

		while (i % 2 && moment > 1 && !disk_is_sync(moment))
			moment--;     /* right behind a sync, or before it */
		check_cut(moment - (i % 4 == 3), dice(1u << 30));
	}
	check_cut(end, 1);
}

/* One short run, of which history is forgotten all the time. */
static void run_short(void)
{
	const struct store_history_limits few = { .ms = 3600000, .revs = 8 + dice(60), .bytes = 1 << 30 };
	struct store *s;

	open_at(&s, dir);
	assert_int_equal(store_keep_history(s, &few), 0);
	while (submitted < SHORT) {
		while (submitted < SHORT && in_flight < 1 + (int)dice(IN_FLIGHT) && submit_one(s))
			;
		loop_turn(loop, 1000);
		if (dice(60) == 0) {
			drain();
			store_close(s);
			open_at(&s, dir);
			assert_int_equal(store_keep_history(s, &few), 0);
		}
	}
	drain();
	store_close(s);
}

static void test_every_sync_of_many_runs(void **state)
{
	const char *want = getenv("SAMPAN_CRASH_SEEDS"), *long_run = getenv("SAMPAN_LONG");
	int seeds = want ? atoi(want) : long_run ? 1000 : 6, cuts = 0;

	for (int i = 0; i < seeds; i++) {
		uint64_t began = seed;
		size_t end;

		run_short();
		end = disk_moment();
		for (size_t moment = 1; moment <= end; moment++) {
			if (!disk_is_sync(moment))
				continue;
			check_cut(moment, dice(1u << 30));        /* done, or not yet */
			check_cut(moment - 1, dice(1u << 30));
			cuts += 2;
		}
		seed = began + 1;
		teardown(NULL);
		assert_int_equal(setup(NULL), 0);
	}
	print_message("  %d seeds, %d cuts\n", seeds, cuts);
}

/* ---- full and failing disks ---- */

static void write_some(struct store *s, int n)
{
	for (int until = submitted + n; submitted < until; ) {
		if (in_flight >= IN_FLIGHT || !submit_one(s))
			loop_turn(loop, 1000);
	}
	drain();
}

static void check_state(struct store *s)
{
	static struct found f;    /* the store goes on following with it */

	f = (struct found){ 0 };
	assert_int_equal(store_follow(s, &(struct store_follower){ .event = look }, &f, NULL), 0);
	for (int i = 0; i < KEYS; i++)
		assert_int_equal(f.rev[i], key_rev[i]);
}

static int failures(int from)
{
	int n = 0;

	for (int i = from; i < submitted; i++) {
		assert_true(writes[i].rc == 0 || writes[i].rc == -ERR_IO);
		n += writes[i].rc != 0;
	}
	return n;
}

static bool failing(const struct store *s)
{
	struct store_stats st;

	store_stats(s, &st);
	return st.failing;
}

static void test_full_disk(void **state)
{
	struct store *s;

	open_at(&s, dir);
	write_some(s, 100);
	assert_int_equal(failures(0), 0);
	disk_set_quota(200000);
	write_some(s, 300);
	print_message("  %d of 300 writes failed\n", failures(100));
	assert_in_range(failures(100), 100, 299);
	assert_true(failing(s));
	check_state(s);
	disk_set_quota(-1);           /* space was made: no restart is needed */
	write_some(s, 100);
	assert_int_equal(failures(400), 0);
	assert_false(failing(s));
	check_state(s);
	disk_set_quota(50000);
	write_some(s, 100);
	store_close(s);               /* the closing checkpoint has no room either */
	disk_set_quota(-1);
	open_at(&s, dir);
	check_state(s);
	store_close(s);
}

static void test_failing_syncs(void **state)
{
	struct store *s;

	open_at(&s, dir);
	write_some(s, 20);
	for (int round = 0; round < 10; round++) {
		int from = submitted;

		disk_fail_sync((int)dice(5));
		write_some(s, 60);
		disk_fail_sync(-1);
		print_message("  %d of 60 writes failed\n", failures(from));
		assert_in_range(failures(from), 0, 59);
		check_state(s);
	}
	store_close(s);
	open_at(&s, dir);
	check_state(s);
	store_close(s);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_power_cuts),
		T(test_every_sync_of_many_runs),
		T(test_full_disk),
		T(test_failing_syncs),
	};
	const char *want = getenv("SAMPAN_CRASH_SEED");

	log_init("test", 0);
	seed = want ? strtoull(want, NULL, 10) : 20260101;
	disk_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
