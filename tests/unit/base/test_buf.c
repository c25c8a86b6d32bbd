/* SPDX-License-Identifier: Apache-2.0 */
/* test_buf - growing, JSON strings, sharing. */
#include "base_test.h"

#include "base/buf.h"
#include "base/err.h"

static void test_appends(void **state)
{
	BUF_AUTO struct buf b = { 0 };
	size_t len;
	char *s;

	buf_adds(&b, "abc");
	buf_addc(&b, 'd');
	buf_add(&b, NULL, 0);
	buf_printf(&b, "%s=%d", "x", 5);
	assert_string_equal(b.p, "abcdx=5");
	assert_int_equal(b.len, 7);
	buf_printf(&b, "%500s", "y");
	assert_int_equal(b.len, 507);
	assert_int_equal(b.p[b.len], 0);
	buf_consume(&b, 4);
	assert_int_equal(strncmp(b.p, "x=5", 3), 0);
	buf_consume(&b, b.len);
	assert_string_equal(b.p, "");
	buf_clear(&b);
	buf_adds(&b, "z");
	s = buf_take(&b, &len);
	assert_string_equal(s, "z");
	assert_int_equal(len, 1);
	assert_null(b.p);
	free(s);
	s = buf_take(&b, &len);     /* nothing is an empty string */
	assert_string_equal(s, "");
	free(s);
}

static void test_a_failed_grow_drops_what_follows(void **state)
{
	BUF_AUTO struct buf b = { 0 };

	buf_adds(&b, "keep");
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2), -ERR_NOMEM);
	buf_adds(&b, "lost");
	assert_true(b.failed);
	assert_string_equal(b.p, "keep");
	assert_null(buf_take(&b, NULL));
	assert_false(b.failed);
}

static void test_json_strings(void **state)
{
	static const struct {
		const char *in, *want;
		size_t n;
	} cases[] = {
		{ "", "\"\"" },
		{ "plain text /", "\"plain text /\"" },
		{ "q\"b\\n\n\r\t\b\f", "\"q\\\"b\\\\n\\n\\r\\t\\b\\f\"" },
		{ "\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"" },
		{ "a\0b", "\"a\\u0000b\"", 3 },
		{ "\xc3\xa9\xe4\xb8\x89\xf0\x9f\x9a\xa3", "\"\xc3\xa9\xe4\xb8\x89\xf0\x9f\x9a\xa3\"" },
		{ "x\xffy", "\"x\xef\xbf\xbdy\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },   /* a surrogate */
		{ "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },                     /* overlong */
		{ "cut\xe4\xb8", "\"cut\xef\xbf\xbd\xef\xbf\xbd\"" },
	};

	for (size_t i = 0; i < LEN(cases); i++) {
		BUF_AUTO struct buf b = { 0 };

		buf_add_json(&b, cases[i].in, cases[i].n ? cases[i].n : strlen(cases[i].in));
		assert_string_equal(b.p, cases[i].want);
	}
}

static void test_blobs_are_shared(void **state)
{
	struct blob *b = blob_new("abc\0d", 5), *c = blob_ref(b);

	assert_ptr_equal(b, c);
	assert_int_equal(b->len, 5);
	blob_unref(b);
	assert_memory_equal(c->p, "abc\0d", 6);
	blob_unref(c);
	blob_unref(NULL);
	b = blob_new(NULL, 0);
	assert_string_equal(b->p, "");
	blob_unref(b);
	assert_null(blob_new("x", (size_t)UINT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_a_failed_grow_drops_what_follows),
		cmocka_unit_test(test_json_strings),
		cmocka_unit_test(test_blobs_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
