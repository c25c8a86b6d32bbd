/* SPDX-License-Identifier: Apache-2.0 */
/* token_key - made once, on the disk before anybody has it, read from then on, refused when damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "http/pki.h"
#include "token_key.h"

static char dir[] = "/tmp/sampan-key.XXXXXX", path[80];

static int begin(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/pki/sa.key", dir);
	return 0;
}

static int end(void **state)
{
	return file_remove_tree(dir, NULL);
}

static void one_key_for_ever(void **state)
{
	BUF_AUTO struct buf kept = { 0 };
	struct token_key *k;
	const char *pem;
	struct err e = { 0 };

	for (int start = 0; start < 3; start++) {
		if (token_key_open(&k, dir, &e) || token_key_pem(k, &pem, &e))
			fail_msg("%s", e.msg);
		assert_true(pki_key_ok(pem));
		if (!start)
			assert_int_equal(file_read(path, 1 << 16, &kept, NULL), 0);
		assert_string_equal(pem, kept.p);
		token_key_close(k);
	}
}

static void what_nobody_asked_for_is_kept_all_the_same(void **state)
{
	BUF_AUTO struct buf kept = { 0 };
	struct token_key *k;

	assert_int_equal(unlink(path), 0);
	assert_int_equal(token_key_open(&k, dir, NULL), 0);
	token_key_close(k);
	assert_int_equal(file_read(path, 1 << 16, &kept, NULL), 0);
	assert_true(pki_key_ok(kept.p));
}

static void damaged_is_refused_at_once(void **state)
{
	struct file_content junk = { "sa.key", "no key", 6, 0600 };
	struct token_key *k = NULL;
	char pki[64];
	struct err e = { 0 };

	snprintf(pki, sizeof(pki), "%s/pki", dir);
	assert_int_equal(file_replace_all(pki, &junk, 1, NULL), 0);
	assert_int_equal(token_key_open(&k, dir, &e), -ERR_CORRUPT);
	assert_non_null(strstr(e.msg, "put a copy of it back"));
	assert_null(k);
}

/* The directory is gone before the key is: the one who asks learns it. */
static void what_cannot_be_written_is_not_used(void **state)
{
	struct token_key *k;
	const char *pem;
	struct err e = { 0 };

	assert_int_equal(unlink(path), 0);
	assert_int_equal(token_key_open(&k, dir, &e), 0);
	assert_int_equal(file_remove_tree(dir, NULL), 0);
	assert_int_not_equal(token_key_pem(k, &pem, &e), 0);
	assert_non_null(strstr(e.msg, "the key that signs tokens"));
	token_key_close(k);
	assert_int_equal(file_mkdirs(dir, 0700, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(one_key_for_ever),
		cmocka_unit_test(what_nobody_asked_for_is_kept_all_the_same), cmocka_unit_test(damaged_is_refused_at_once),
		cmocka_unit_test(what_cannot_be_written_is_not_used) };

	return cmocka_run_group_tests(tests, begin, end);
}
