/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent_priv.h"
#include "base/file.h"

struct fix { char dir[32]; uint8_t hash[32]; };

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/payload-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	file_remove_tree(f->dir, NULL);
	free(f);
	return 0;
}

static void put(struct fix *f, const char *const *pairs)
{
	struct payload p = { 0 };
	struct err e;

	for (; *pairs; pairs += 2)
		assert_int_equal(payload_add(&p, pairs[0], pairs[1], strlen(pairs[1]), 0640), 0);
	if (payload_write(f->dir, &p, -1, f->hash, &e))
		fail_msg("%s", e.msg);
	payload_finish(&p);
}

static char *get(struct fix *f, const char *name)
{
	static char out[64];
	BUF_AUTO struct buf b = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	if (file_read(path, 60, &b, NULL))
		return NULL;
	snprintf(out, sizeof(out), "%s", b.p ? b.p : "");
	return out;
}

static int entries(struct fix *f)
{
	DIR *d = opendir(f->dir);
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void files_appear_change_and_go(void **state)
{
	struct fix *f = *state;
	char target[256], first[256], path[128];
	struct stat st;
	ssize_t n;

	put(f, (const char *[]){ "a", "1", "dir/b", "2", NULL });
	assert_string_equal(get(f, "a"), "1");
	assert_string_equal(get(f, "dir/b"), "2");
	snprintf(path, sizeof(path), "%s/a", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	snprintf(path, sizeof(path), "%s/..data", f->dir);
	n = readlink(path, first, sizeof(first) - 1);
	assert_true(n > 0);
	first[n] = 0;

	put(f, (const char *[]){ "a", "1", "dir/b", "2", NULL });
	n = readlink(path, target, sizeof(target) - 1);
	target[n] = 0;
	assert_string_equal(target, first);      /* nothing new: nothing written */

	put(f, (const char *[]){ "a", "3", "c", "4", NULL });
	assert_string_equal(get(f, "a"), "3");
	assert_string_equal(get(f, "c"), "4");
	assert_null(get(f, "dir/b"));
	assert_int_equal(entries(f), 4);          /* a, c, ..data, one generation */

	put(f, (const char *[]){ NULL });
	assert_int_equal(entries(f), 2);
}

static void paths_stay_inside(void **state)
{
	static const char *const bad[] = { "", "/a", "..", "../a", "a/../b", "a//b", "./a", "..data", "a/" };
	struct payload p = { 0 };

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (payload_add(&p, bad[i], "x", 1, 0644) != -ERR_BAD_REQUEST && strcmp(bad[i], "a/"))
			fail_msg("%s was taken", bad[i]);
	assert_int_equal(payload_add(&p, "..a", "x", 1, 0644), -ERR_BAD_REQUEST);
	assert_int_equal(payload_add(&p, "a/b..c", "x", 1, 0644), 0);
	payload_finish(&p);
}

static void the_later_of_two_wins(void **state)
{
	struct fix *f = *state;

	put(f, (const char *[]){ "a", "1", "a", "2", NULL });
	assert_string_equal(get(f, "a"), "2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_appear_change_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(paths_stay_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(the_later_of_two_wins, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
