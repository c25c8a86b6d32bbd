/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/ctrlog.h"
#include "base/loop.h"

static const char text[] =
	"2026-01-02T03:04:05.000000001+00:00 stdout F one\n"
	"2026-01-02T03:04:06.000000001+00:00 stderr F two\n"
	"2026-01-02T03:04:07.000000001+00:00 stdout P thr\n"
	"2026-01-02T03:04:07.000000002+00:00 stdout F ee\n";

struct fix { struct loop *loop; char path[32]; char out[4096]; size_t n; int ends; bool stop; struct ctrlog *log;
	struct ctrlog_hub *hub; };

static bool take(void *arg, const char *p, size_t n)
{
	struct fix *f = arg;

	memcpy(f->out + f->n, p, n);
	f->n += n;
	f->out[f->n] = 0;
	return !f->stop;
}

static void ended(void *arg)
{
	((struct fix *)arg)->ends++;
}

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	int fd;

	strcpy(f->path, "/tmp/ctrlog-XXXXXX");
	fd = mkstemp(f->path);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(loop_open(&f->loop), 0);
	assert_int_equal(ctrlog_hub_open(&f->hub, f->loop), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	ctrlog_hub_close(f->hub);
	loop_close(f->loop);
	unlink(f->path);
	free(f);
	return 0;
}

static void read_all(struct fix *f, struct ctrlog_opts o)
{
	f->n = 0;
	f->ends = 0;
	f->out[0] = 0;
	assert_int_equal(ctrlog_open(&f->log, f->hub, f->path, &o, take, ended, f), 0);
	for (int i = 0; i < 50 && !f->ends; i++)
		loop_turn(f->loop, 0);
}

static void options_select_lines(void **state)
{
	static const struct { const char *name; struct ctrlog_opts o; const char *want; } cases[] = {
		{ "all", { .tail = -1, .limit_bytes = -1 }, "one\ntwo\nthree\n" },
		{ "tail", { .tail = 1, .limit_bytes = -1 }, "ee\n" },
		{ "tail 0", { .tail = 0, .limit_bytes = -1 }, "" },
		{ "tail more than there are", { .tail = 100, .limit_bytes = -1 }, "one\ntwo\nthree\n" },
		{ "stderr", { .tail = -1, .limit_bytes = -1, .stream = 2 }, "two\n" },
		{ "stdout", { .tail = -1, .limit_bytes = -1, .stream = 1 }, "one\nthree\n" },
		{ "limit", { .tail = -1, .limit_bytes = 6 }, "one\ntw" },
		{ "timestamps", { .tail = -1, .limit_bytes = -1, .timestamps = true, .stream = 2 },
			"2026-01-02T03:04:06.000000001Z two\n" },
		{ "since", { .tail = -1, .limit_bytes = -1, .since_us = INT64_C(1767323046000000) }, "two\nthree\n" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fix *f = *state;

		read_all(f, cases[i].o);
		if (f->ends != 1 || strcmp(f->out, cases[i].want))
			fail_msg("%s: ends %d, got %s", cases[i].name, f->ends, f->out);
	}
}

static void follow_sees_growth_and_ends_when_told(void **state)
{
	struct fix *f = *state;
	int fd = open(f->path, O_WRONLY | O_APPEND);

	read_all(f, (struct ctrlog_opts){ .tail = -1, .limit_bytes = -1, .follow = true });
	assert_int_equal(f->ends, 0);
	assert_int_equal(write(fd, "2026-01-02T03:04:08Z stdout F four\n", 35), 35);
	close(fd);
	for (int i = 0; i < 20 && !strstr(f->out, "four"); i++)
		loop_turn(f->loop, 100);
	assert_non_null(strstr(f->out, "three\nfour\n"));
	ctrlog_finish(f->log);
	for (int i = 0; i < 20 && !f->ends; i++)
		loop_turn(f->loop, 10);
	assert_int_equal(f->ends, 1);
}

static void follow_goes_on_in_a_new_file(void **state)
{
	struct fix *f = *state;
	char next[64];
	int fd;

	read_all(f, (struct ctrlog_opts){ .tail = -1, .limit_bytes = -1, .follow = true });
	snprintf(next, sizeof(next), "%s.new", f->path);
	fd = open(next, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(rename(next, f->path), 0);
	assert_int_equal(write(fd, "2026-01-02T03:04:08Z stdout F five\n", 35), 35);
	close(fd);
	for (int i = 0; i < 20 && !strstr(f->out, "five"); i++)
		loop_turn(f->loop, 100);
	assert_non_null(strstr(f->out, "three\nfive\n"));
	ctrlog_finish(f->log);
	for (int i = 0; i < 20 && !f->ends; i++)
		loop_turn(f->loop, 10);
	assert_int_equal(f->ends, 1);
}

static void put(const char *path, const char *what)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, what, strlen(what)), (ssize_t)strlen(what));
	close(fd);
}

/* As logrotate.c does it: aside first, the new one a moment later, more into the old one till then. */
static void a_renewal_loses_and_repeats_nothing(void **state)
{
	static const struct { const char *name; struct ctrlog_opts o; const char *want; } cases[] = {
		{ "all", { .tail = -1, .limit_bytes = -1 }, "old\none\ntwo\nthree\n" },
		{ "tail in the new one", { .tail = 3, .limit_bytes = -1 }, "two\nthree\n" },
		{ "tail of all of the new one", { .tail = 4, .limit_bytes = -1 }, "one\ntwo\nthree\n" },
		{ "tail from the old one", { .tail = 5, .limit_bytes = -1 }, "old\none\ntwo\nthree\n" },
		{ "more than there are", { .tail = 50, .limit_bytes = -1 }, "old\none\ntwo\nthree\n" },
	};
	struct fix *f = *state;
	char older[64];
	int fd;

	snprintf(older, sizeof(older), "%s.1", f->path);
	put(older, "2026-01-01T00:00:00Z stdout F old\n");
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_all(f, cases[i].o);
		if (f->ends != 1 || strcmp(f->out, cases[i].want))
			fail_msg("%s: ends %d, got %s", cases[i].name, f->ends, f->out);
	}
	fd = open(f->path, O_WRONLY | O_APPEND);
	read_all(f, (struct ctrlog_opts){ .tail = -1, .limit_bytes = -1, .follow = true });
	assert_int_equal(rename(f->path, older), 0);
	for (int i = 0; i < 5; i++)
		loop_turn(f->loop, 10);
	assert_int_equal(write(fd, "2026-01-02T03:04:08Z stdout F four\n", 35), 35);
	close(fd);
	put(f->path, "2026-01-02T03:04:09Z stdout F five\n");
	for (int i = 0; i < 20 && !strstr(f->out, "five"); i++)
		loop_turn(f->loop, 100);
	assert_string_equal(f->out, "old\none\ntwo\nthree\nfour\nfive\n");
	/* Twice before the reader looks: the one between is read from where it was put aside. */
	assert_int_equal(rename(f->path, older), 0);
	put(f->path, "2026-01-02T03:04:10Z stdout F six\n");
	assert_int_equal(rename(f->path, older), 0);
	put(f->path, "2026-01-02T03:04:11Z stdout F seven\n");
	ctrlog_finish(f->log);
	for (int i = 0; i < 50 && !f->ends; i++)
		loop_turn(f->loop, 10);
	assert_string_equal(strstr(f->out, "five"), "five\nsix\nseven\n");
	unlink(older);
}

/* Two followers of one file: the first's leaving takes nothing from the second. */
static void followers_are_apart(void **state)
{
	struct fix *f = *state, other = { .loop = f->loop };
	struct ctrlog_opts o = { .tail = 0, .limit_bytes = -1, .follow = true };
	int fd = open(f->path, O_WRONLY | O_APPEND);

	assert_int_equal(ctrlog_open(&other.log, f->hub, f->path, &o, take, ended, &other), 0);
	read_all(f, o);
	ctrlog_close(other.log);
	assert_int_equal(write(fd, "2026-01-02T03:04:08Z stdout F four\n", 35), 35);
	close(fd);
	for (int i = 0; i < 20 && !f->n; i++)
		loop_turn(f->loop, 100);
	assert_string_equal(f->out, "four\n");
	ctrlog_close(f->log);
}

static void a_slow_reader_is_waited_for(void **state)
{
	struct fix *f = *state;

	f->stop = true;
	read_all(f, (struct ctrlog_opts){ .tail = -1, .limit_bytes = -1 });
	assert_int_equal(f->ends, 0);
	f->stop = false;
	ctrlog_more(f->log);
	for (int i = 0; i < 20 && !f->ends; i++)
		loop_turn(f->loop, 0);
	assert_int_equal(f->ends, 1);
}

static void tail_text_keeps_the_end(void **state)
{
	struct fix *f = *state;
	BUF_AUTO struct buf b = { 0 };
	BUF_AUTO struct buf c = { 0 };

	ctrlog_tail(&b, f->path, 80, 2048);
	assert_string_equal(b.p, "one\ntwo\nthree\n");
	ctrlog_tail(&c, f->path, 80, 4);
	assert_string_equal(c.p, "ree\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(options_select_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(follow_sees_growth_and_ends_when_told, setup, teardown),
		cmocka_unit_test_setup_teardown(follow_goes_on_in_a_new_file, setup, teardown),
		cmocka_unit_test_setup_teardown(a_renewal_loses_and_repeats_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(followers_are_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slow_reader_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(tail_text_keeps_the_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
