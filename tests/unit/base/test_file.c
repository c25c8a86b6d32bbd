/* SPDX-License-Identifier: Apache-2.0 */
/* test_file - whole files and trees, under a directory of its own. */
#include "base_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char dir[64], path[512];

static const char *at(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/sampan-test-file-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state) { return file_remove_tree(dir, NULL); }

static void test_read_and_replace(void **state)
{
	BUF_AUTO struct buf b = { 0 };
	struct err e;
	struct stat st;

	assert_int_equal(file_read(at("none"), 10, &b, &e), -ERR_NOT_FOUND);
	assert_int_equal(file_replace(at("f"), "hello", 5, 0640, &e), 0);
	assert_int_equal(stat(at("f"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	buf_adds(&b, ">");
	assert_int_equal(file_read(at("f"), 5, &b, &e), 0);
	assert_string_equal(b.p, ">hello");
	assert_int_equal(file_read(at("f"), 4, &b, &e), -ERR_SIZE);
	assert_string_equal(b.p, ">hello");
	assert_int_equal(file_replace(at("f"), "", 0, 0600, &e), 0);
	buf_clear(&b);
	assert_int_equal(file_read(at("f"), 0, &b, &e), 0);
	assert_int_equal(b.len, 0);
	assert_int_equal(file_replace(at("no/such/f"), "x", 1, 0600, &e), -ERR_IO);
	assert_int_equal(file_read(dir, 10, &b, &e), -ERR_IO);
	assert_int_equal(file_replace(dir, "x", 1, 0600, &e), -ERR_IO);   /* and leaves nothing */
}

static void test_large_file(void **state)
{
	BUF_AUTO struct buf b = { 0 };
	size_t n = 300000;
	char *p = malloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = (char)(i * 7);
	assert_int_equal(file_replace(at("big"), p, n, 0600, NULL), 0);
	assert_int_equal(file_read(at("big"), n, &b, NULL), 0);
	assert_int_equal(b.len, n);
	assert_memory_equal(b.p, p, n);
	assert_int_equal(file_read("/proc/self/status", 65536, &b, NULL), 0);
	free(p);
}

static void test_mkdirs(void **state)
{
	struct err e;

	assert_int_equal(file_mkdirs(at("a/b/c"), 0700, &e), 0);
	assert_int_equal(file_mkdirs(at("a/b/c/"), 0700, &e), 0);
	assert_true(file_exists(at("a/b/c")));
	assert_int_equal(file_mkdirs("/", 0700, &e), 0);
	assert_int_equal(file_replace(at("a/f"), "", 0, 0600, &e), 0);
	assert_int_equal(file_mkdirs(at("a/f/x"), 0700, &e), -ERR_IO);
}

static void test_remove_tree(void **state)
{
	BUF_AUTO struct buf deep = { 0 };
	char target[128];
	struct err e;
	int fd;

	assert_int_equal(file_remove_tree(at("none"), &e), 0);
	/* Links go, what they point to stays. */
	snprintf(target, sizeof(target), "%s/outside", dir);
	file_mkdirs(target, 0700, NULL);
	file_replace(at("outside/f"), "x", 1, 0600, NULL);
	file_mkdirs(at("t/sub/empty"), 0700, NULL);
	file_replace(at("t/sub/f"), "x", 1, 0400, NULL);
	assert_int_equal(symlink(target, at("t/link")), 0);
	assert_int_equal(symlink(target, at("top")), 0);
	if (file_remove_tree(at("t"), &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(file_remove_tree(at("top"), &e), 0);
	assert_false(file_exists(at("t")));
	assert_false(file_exists(at("top")));
	assert_true(file_exists(at("outside/f")));
	assert_int_equal(file_remove_tree(at("outside/f"), &e), 0);

	/* Deeper than paths may be long, than stacks and file tables like. */
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 1500; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "deep", 0700), 0);
		next = openat(fd, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
	if (file_remove_tree(at("deep"), &e) < 0)
		fail_msg("%s", e.msg);
	assert_false(file_exists(at("deep")));
}

static void many_files_are_replaced_together(void **state)
{
	const struct file_content f[] = { { "one", "1", 1, 0600 }, { "two", "22", 2, 0644 }, { "none", "", 0, 0600 } };
	struct err e = { 0 };
	struct stat st;
	BUF_AUTO struct buf b = { 0 };

	assert_int_equal(file_replace(at("one"), "before", 6, 0666, &e), 0);
	assert_int_equal(file_replace_all(dir, f, 3, &e), 0);
	assert_int_equal(file_read(at("one"), 10, &b, &e), 0);
	assert_string_equal(b.p, "1");
	assert_int_equal(stat(at("one"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(at("two"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(st.st_size, 2);
	assert_false(file_exists(at(".one.new")));
	assert_int_equal(file_replace_all(at("missing"), f, 3, &e), -ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read_and_replace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mkdirs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(many_files_are_replaced_together, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
