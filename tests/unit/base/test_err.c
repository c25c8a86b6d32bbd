/* SPDX-License-Identifier: Apache-2.0 */
/* test_err - the table of codes, and how messages are set. */
#include "base_test.h"

#include <errno.h>

#include "base/err.h"

static void test_every_code_has_its_row(void **state)
{
	for (int code = 0; code < ERR_COUNT; code++) {
		assert_non_null(err_text(code));
		assert_true(*err_text(code));
		assert_non_null(err_reason(code));
		assert_ptr_equal(err_text(code), err_text(-code));
	}
	assert_int_equal(err_http(-ERR_EXPIRED), 410);
	assert_string_equal(err_reason(-ERR_EXPIRED), "Expired");
	assert_int_equal(err_http(ERR_AGAIN), 0);
	assert_int_equal(err_http(12345), 500);
	assert_int_equal(err_http(-12345), 500);
}

static void test_set(void **state)
{
	struct err e = { 0 };
	char big[3000];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 0;
	assert_int_equal(err_set(&e, ERR_CONFLICT, "%s %d", "a", 7), -ERR_CONFLICT);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_string_equal(e.msg, "a 7");
	assert_int_equal(err_set(NULL, ERR_SIZE, "x"), -ERR_SIZE);
	err_set(&e, ERR_SIZE, "%s", big);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	errno = ENOENT;
	assert_int_equal(err_errno(&e, "open %s", "/x"), -ERR_IO);
	assert_string_equal(e.msg, "open /x: No such file or directory");
	assert_int_equal(errno, ENOENT);
	err_errno(&e, "%s", big);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_code_has_its_row),
		cmocka_unit_test(test_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
