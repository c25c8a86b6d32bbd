/* SPDX-License-Identifier: Apache-2.0 */
/* test_log - both formats, levels, and messages that quote what came from outside. */
#include "base_test.h"

#include <unistd.h>

#include "base/env.h"
#define LOG_MODULE "store"
#include "base/log.h"

static int64_t clock_us(void *arg) { return INT64_C(1767323045000006); }
static void no_random(void *arg, void *p, size_t n) { memset(p, 0, n); }

static int saved_fd, pipe_fd[2];

static void capture(void)
{
	saved_fd = dup(2);
	assert_int_equal(pipe(pipe_fd), 0);
	dup2(pipe_fd[1], 2);
	close(pipe_fd[1]);
}

static const char *captured(void)
{
	static char text[16384];
	size_t n = 0;
	ssize_t r;

	dup2(saved_fd, 2);
	close(saved_fd);
	while ((r = read(pipe_fd[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)r;
	close(pipe_fd[0]);
	text[n] = 0;
	return text;
}

static void test_formats(void **state)
{
	static const struct {
		int json;
		enum log_level level;
		const char *msg, *want;
	} cases[] = {
		{ 0, LOG_INFO, "opened", "2026-01-02T03:04:05Z INF store opened\n" },
		{ 0, LOG_ERROR, "a\nb\x1b[0m\n", "2026-01-02T03:04:05Z ERR store a\\x0ab\\x1b[0m\n" },
		{ 0, LOG_DEBUG, "hidden", "" },
		{ 1, LOG_WARN, "say \"hi\"\n", "{\"ts\":\"2026-01-02T03:04:05.000006Z\",\"level\":"
			"\"warn\",\"component\":\"test\",\"module\":\"store\",\"msg\":\"say \\\"hi\\\"\\n\"}\n" },
	};
	const struct env_ops ops = { clock_us, clock_us, no_random, NULL };

	env_set(&ops);
	unsetenv("SAMPAN_LOG");
	for (size_t i = 0; i < LEN(cases); i++) {
		log_init("test", cases[i].json);
		capture();
		log_write(cases[i].level, LOG_MODULE, "%s", cases[i].msg);
		assert_string_equal(captured(), cases[i].want);
	}
	env_set(NULL);
}

static void test_levels(void **state)
{
	log_set_level(LOG_ERROR);
	assert_false(log_enabled(LOG_WARN));
	setenv("SAMPAN_LOG", "debug", 1);
	log_init("test", 0);
	assert_true(log_enabled(LOG_DEBUG));
	setenv("SAMPAN_LOG", "nonsense", 1);
	log_set_level(LOG_INFO);
	log_init("test", 0);
	assert_true(log_enabled(LOG_INFO));
	assert_false(log_enabled(LOG_DEBUG));
	capture();
	log_debug("%s", "no");
	log_info("%8000s|", "long");
	assert_true(strlen(captured()) < 4200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
