/* SPDX-License-Identifier: Apache-2.0 */
/* JSON patch and JSON merge patch. */
#include "doc_test.h"

#include <stdio.h>

#include "doc/patch.h"

static const struct { const char *doc, *patch, *want; int rc; } json_cases[] = {
	{ "{\"a\":1}", "[]", "{\"a\":1}", 0 },
	{ "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":[1]}]", "{\"a\":1,\"b\":[1]}", 0 },
	{ "{\"a\":1,\"b\":2}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":3}]", "{\"a\":3,\"b\":2}", 0 },
	{ "{\"a\":[1,3]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]", "{\"a\":[1,2,3]}", 0 },
	{ "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":2}]", "{\"a\":[1,2]}", 0 },
	{ "{\"a\":[]}", "[{\"op\":\"add\",\"path\":\"/a/0\",\"value\":2}]", "{\"a\":[2]}", 0 },
	{ "{\"a\":[]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]", NULL, -ERR_INVALID },
	{ "{}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":2}]", NULL, -ERR_INVALID },
	{ "{}", "[{\"op\":\"add\",\"path\":\"/a\"}]", NULL, -ERR_INVALID },
	{ "{}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":null}]", "{\"a\":null}", 0 },
	{ "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"\",\"value\":{\"z\":1}}]", "{\"z\":1}", 0 },
	{ "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"z\":1}}]", "{\"z\":1}", 0 },
	{ "{\"a\":1,\"b\":2}", "[{\"op\":\"remove\",\"path\":\"/b\"},{\"op\":\"add\",\"path\":\"/c\",\"value\":3}]",
		"{\"a\":1,\"c\":3}", 0 },
	{ "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/a\"},{\"op\":\"add\",\"path\":\"/c\",\"value\":3}]",
		"{\"c\":3}", 0 },
	{ "{\"a\":1,\"b\":2,\"c\":3}", "[{\"op\":\"remove\",\"path\":\"/a\"}]", "{\"b\":2,\"c\":3}", 0 },
	{ "{\"a\":[1,2,3]}", "[{\"op\":\"remove\",\"path\":\"/a/2\"}]", "{\"a\":[1,2]}", 0 },
	{ "{\"a\":[1]}", "[{\"op\":\"remove\",\"path\":\"/a/1\"}]", NULL, -ERR_INVALID },
	{ "{\"a\":[1]}", "[{\"op\":\"remove\",\"path\":\"/a/01\"}]", NULL, -ERR_INVALID },
	{ "{\"a\":[1]}", "[{\"op\":\"remove\",\"path\":\"/a/-\"}]", NULL, -ERR_INVALID },
	{ "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", NULL, -ERR_INVALID },
	{ "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"\"}]", NULL, -ERR_INVALID },
	{ "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":{\"x\":1}}]", "{\"a\":{\"x\":1}}", 0 },
	{ "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":1}]", NULL, -ERR_INVALID },
	{ "{\"a\":[1,2]}", "[{\"op\":\"replace\",\"path\":\"/a/1\",\"value\":9}]", "{\"a\":[1,9]}", 0 },
	{ "{\"a\":{\"b\":1},\"c\":{}}", "[{\"op\":\"move\",\"from\":\"/a/b\",\"path\":\"/c/d\"}]",
		"{\"a\":{},\"c\":{\"d\":1}}", 0 },
	{ "{\"a\":[1,2,3]}", "[{\"op\":\"move\",\"from\":\"/a/0\",\"path\":\"/a/2\"}]", "{\"a\":[2,3,1]}", 0 },
	{ "{\"a\":{}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", NULL, -ERR_INVALID },
	{ "{\"a\":{}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a\"}]", "{\"a\":{}}", 0 },
	{ "{\"a\":{\"b\":1}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"},"
		"{\"op\":\"replace\",\"path\":\"/c/b\",\"value\":2}]", "{\"a\":{\"b\":1},\"c\":{\"b\":2}}", 0 },
	{ "{\"a\":{}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/b\"}]", "{\"a\":{\"b\":{}}}", 0 },
	{ "{\"a~b\":1,\"c/d\":2}", "[{\"op\":\"remove\",\"path\":\"/a~0b\"},{\"op\":\"remove\",\"path\":\"/c~1d\"}]",
		"{}", 0 },
	{ "{\"\":1}", "[{\"op\":\"replace\",\"path\":\"/\",\"value\":2}]", "{\"\":2}", 0 },
	{ "{}", "[{\"op\":\"add\",\"path\":\"/a~2\",\"value\":2}]", NULL, -ERR_INVALID },
	{ "{}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":2}]", NULL, -ERR_INVALID },
	{ "{\"k\":\"v\"}", "[{\"op\":\"test\",\"path\":\"/k\",\"value\":\"v\"}]", "{\"k\":\"v\"}", 0 },
	{ "{\"k\":\"v\"}", "[{\"op\":\"test\",\"path\":\"/k\",\"value\":\"zzz\"}]", NULL, -ERR_INVALID },
	{ "{\"k\":{\"a\":1,\"b\":[2]}}", "[{\"op\":\"test\",\"path\":\"/k\",\"value\":{\"b\":[2.0],\"a\":1}}]",
		"{\"k\":{\"a\":1,\"b\":[2]}}", 0 },
	{ "{}", "[{\"op\":\"test\",\"path\":\"/k\",\"value\":null}]", "{}", 0 },
	{ "{}", "[{\"op\":\"test\",\"path\":\"/k\",\"value\":1}]", NULL, -ERR_INVALID },
	{ "{}", "[{\"op\":\"jump\",\"path\":\"/k\",\"value\":1}]", NULL, -ERR_INVALID },
	{ "{}", "[{\"path\":\"/k\",\"value\":1}]", NULL, -ERR_INVALID },
	{ "{}", "[{\"op\":\"copy\",\"path\":\"/k\"}]", NULL, -ERR_INVALID },
	{ "{}", "{}", NULL, -ERR_BAD_REQUEST },
	{ "{}", "[1]", NULL, -ERR_BAD_REQUEST },
};

static void json_patch_follows_the_rfc(void **state)
{
	for (size_t i = 0; i < COUNT(json_cases); i++) {
		yyjson_mut_doc *d = doc_new(mem);
		yyjson_mut_val *root = mjson(d, json_cases[i].doc);
		struct err e = { 0 };
		int rc = patch_json(d, &root, json(json_cases[i].patch), &e);
		if (rc != json_cases[i].rc || (rc && e.code != -rc))
			fail_msg("%s: %d %s", json_cases[i].patch, rc, e.msg);
		if (!rc)
			assert_string_equal(text_of(root), json_cases[i].want);
		arena_reset(mem);
	}
}

static void json_patch_is_bounded(void **state)
{
	yyjson_mut_doc *d = doc_new(mem);
	yyjson_mut_val *root = mjson(d, "{}");
	struct buf b BUF_AUTO = { 0 };

	buf_addc(&b, '[');
	for (int i = 0; i <= PATCH_OPS_MAX; i++)
		buf_printf(&b, "%s{\"op\":\"remove\",\"path\":\"/a\"}", i ? "," : "");
	buf_addc(&b, ']');
	assert_int_equal(patch_json(d, &root, json(b.p), NULL), -ERR_SIZE);

	/* Each round puts the document so far under one more key. */
	buf_clear(&b);
	buf_adds(&b, "[{\"op\":\"add\",\"path\":\"/a\",\"value\":{}}");
	for (int i = 0; i < 1000; i++)
		buf_adds(&b, ",{\"op\":\"add\",\"path\":\"/b\",\"value\":{}},"
			"{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/b/x\"},"
			"{\"op\":\"move\",\"from\":\"/b\",\"path\":\"/a\"}");
	buf_addc(&b, ']');
	root = mjson(d, "{}");
	assert_int_equal(patch_json(d, &root, json(b.p), NULL), -ERR_INVALID);
	b.len--;
	buf_adds(&b, ",{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]");
	root = mjson(d, "{}");
	assert_int_equal(patch_json(d, &root, json(b.p), NULL), -ERR_INVALID);

	/* Doubling stops at the arena's cap. */
	buf_clear(&b);
	buf_adds(&b, "[{\"op\":\"add\",\"path\":\"/a\",\"value\":[1,2,3,4,5,6,7,8]}");
	for (int i = 0; i < 40; i++)
		buf_adds(&b, ",{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/0\"}");
	buf_addc(&b, ']');
	root = mjson(d, "{}");
	assert_int_equal(patch_json(d, &root, json(b.p), NULL), -ERR_SIZE);
	arena_close(mem);
	mem_open(NULL);
}

static const struct { const char *doc, *patch, *want; } merge_cases[] = {
	{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
	{ "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
	{ "{\"a\":\"b\"}", "{\"a\":null}", "{}" },
	{ "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
	{ "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
	{ "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}" },
	{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}" },
	{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
	{ "[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]" },
	{ "{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]" },
	{ "{\"a\":1}", "{}", "{\"a\":1}" },
	{ "[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}" },
	{ "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
	{ "{\"a\":1,\"b\":2}", "{\"a\":null,\"b\":null,\"c\":3}", "{\"c\":3}" },
	{ "{\"a\":1}", "{\"a\":null,\"a\":2}", "{\"a\":2}" },
};

static void merge_patch_follows_the_rfc(void **state)
{
	for (size_t i = 0; i < COUNT(merge_cases); i++) {
		yyjson_mut_doc *d = doc_new(mem);
		yyjson_mut_val *root = mjson(d, merge_cases[i].doc);
		assert_int_equal(patch_merge(d, &root, json(merge_cases[i].patch), NULL), 0);
		assert_string_equal(text_of(root), merge_cases[i].want);
		arena_reset(mem);
	}
}

static void large_merges_take_linear_time(void **state)
{
	yyjson_mut_doc *d = doc_new(mem);
	yyjson_mut_val *root = mjson(d, "{\"keep\":1,\"k5\":0}");
	struct buf b BUF_AUTO = { 0 };

	/* 100,000 new members, then the same again dropped but for a few. */
	buf_addc(&b, '{');
	for (int i = 0; i < 100000; i++)
		buf_printf(&b, "%s\"k%d\":%d", i ? "," : "", i, i);
	buf_addc(&b, '}');
	assert_int_equal(patch_merge(d, &root, json(b.p), NULL), 0);
	assert_int_equal(yyjson_mut_obj_size(root), 100001);
	buf_clear(&b);
	buf_addc(&b, '{');
	for (int i = 99999; i > 3; i--)
		buf_printf(&b, "\"k%d\":null,", i);
	buf_adds(&b, "\"k0\":{}}");
	assert_int_equal(patch_merge(d, &root, json(b.p), NULL), 0);
	assert_string_equal(text_of(root), "{\"keep\":1,\"k0\":{},\"k1\":1,\"k2\":2,\"k3\":3}");
	arena_reset(mem);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_patch_follows_the_rfc),
		cmocka_unit_test(json_patch_is_bounded),
		cmocka_unit_test(merge_patch_follows_the_rfc),
		cmocka_unit_test(large_merges_take_linear_time),
	};

	return cmocka_run_group_tests(tests, mem_open, mem_close);
}
