/* SPDX-License-Identifier: Apache-2.0 */
/* YAML read as JSON. */
#include "doc_test.h"

#include "doc/yaml.h"

static const struct { const char *yaml, *json; } good_cases[] = {
	{ "a: 1\nb: x\n", "{\"a\":1,\"b\":\"x\"}" },
	{ "{\"a\": [1, \"2\", null, true]}", "{\"a\":[1,\"2\",null,true]}" },
	{ "a: \"1\"\nb: '2'\n", "{\"a\":\"1\",\"b\":\"2\"}" },
	{ "a:\n- x\n- {y: 1}\n", "{\"a\":[\"x\",{\"y\":1}]}" },
	{ "a: |\n  one\n  two\nb: >-\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\"}" },
	{ "[yes, No, ON, off, true, FALSE, ~, null, '', 0x10, 010, -5, 1.5]",
		"[true,false,true,false,true,false,null,null,\"\",16,8,-5,1.5]" },
	{ "[1.2.3, 10:30, 2020-01-02, 1Gi, 5m, ., -, 12e]",
		"[\"1.2.3\",\"10:30\",\"2020-01-02\",\"1Gi\",\"5m\",\".\",\"-\",\"12e\"]" },
	{ "1: x\ntrue: w\n", "{\"1\":\"x\",\"true\":\"w\"}" },
	{ "a: &x {b: 1}\nc: *x\n", "{\"a\":{\"b\":1},\"c\":{\"b\":1}}" },
	{ "a: 1\n---\nb: 2\n", "{\"a\":1}" },
	{ "# nothing but a comment\na:\n", "{\"a\":null}" },
	{ "&k a: &v 1\nb: *v\n*k : &v 2\nc: *v\n", "{\"a\":2,\"b\":1,\"c\":2}" },
	{ "[!!str 1, !!int 1, ! 1, !!str yes]", "[\"1\",1,1,\"yes\"]" },
	/* "<<" stands for the members of others, where it stands. */
	{ "x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n", "{\"x\":{\"a\":1,\"b\":2},\"y\":{\"a\":1,\"b\":3}}" },
	{ "{a: 1, <<: {a: 2, b: [3]}}", "{\"a\":2,\"b\":[3]}" },
	{ "{<<: [{a: 1}, {a: 2, b: 2}], c: 3}", "{\"a\":1,\"b\":2,\"c\":3}" },
	{ "{<<: {<<: {a: 1}, b: 2}}", "{\"a\":1,\"b\":2}" },
	{ "{\"<<\": {a: 1}, '<<': 2}", "{\"<<\":2}" },
};

static void yaml_reads_as_json(void **state)
{
	for (size_t i = 0; i < COUNT(good_cases); i++) {
		yyjson_mut_doc *d = doc_new(mem);
		yyjson_mut_val *v;
		struct err e = { 0 };
		if (yaml_parse(d, good_cases[i].yaml, strlen(good_cases[i].yaml), &v, &e))
			fail_msg("%s: %s", good_cases[i].yaml, e.msg);
		assert_string_equal(text_of(v), good_cases[i].json);
		arena_reset(mem);
	}
}

static void nothing_is_no_document(void **state)
{
	yyjson_mut_doc *d = doc_new(mem);
	yyjson_mut_val *v;

	assert_int_equal(yaml_parse(d, "", 0, &v, NULL), 0);
	assert_null(v);
	assert_int_equal(yaml_parse(d, "# x\n", 4, &v, NULL), 0);
	assert_null(v);
	arena_reset(mem);
}

static const char *const bad_cases[] = { "a: [", "a: b: c", "\t- x", "a: *unknown", "{a: 1, [b]: 2}", "\"\\q\"",
	"<<: 1", "<<: [{}, []]", "{a: &a [{b: 1}], <<: *a}", "a: &a {<<: *a}", "&a [*a]", "a: 1\n]" };

static void malformed_yaml_is_refused_with_its_line(void **state)
{
	for (size_t i = 0; i < COUNT(bad_cases); i++) {
		yyjson_mut_doc *d = doc_new(mem);
		yyjson_mut_val *v;
		struct err e = { 0 };
		if (yaml_parse(d, bad_cases[i], strlen(bad_cases[i]), &v, &e) != -ERR_BAD_REQUEST)
			fail_msg("%s is accepted", bad_cases[i]);
		if (!strstr(e.msg, "yaml: line "))
			fail_msg("%s: %s", bad_cases[i], e.msg);
		arena_reset(mem);
	}
}

static void bombs_are_bounded(void **state)
{
	struct buf b BUF_AUTO = { 0 };
	yyjson_mut_doc *d = doc_new(mem);
	yyjson_mut_val *v;
	struct err e = { 0 };

	buf_adds(&b, "a: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 12; i++) {
		buf_printf(&b, "b%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			buf_printf(&b, "%s*a%d", k ? "," : "", i - 1);
		buf_adds(&b, "]\n");
	}
	assert_int_not_equal(yaml_parse(d, b.p, b.len, &v, NULL), 0);
	buf_clear(&b);
	for (int i = 0; i <= DOC_DEPTH_MAX; i++)
		buf_adds(&b, "[");
	for (int i = 0; i <= DOC_DEPTH_MAX; i++)
		buf_adds(&b, "]");
	assert_int_equal(yaml_parse(d, b.p, b.len, &v, NULL), -ERR_BAD_REQUEST);
	/* Far deeper ones cost no more. */
	buf_clear(&b);
	for (int i = 0; i < 200000; i++)
		buf_adds(&b, i & 1 ? "{a: " : "[");
	assert_int_equal(yaml_parse(d, b.p, b.len, &v, NULL), -ERR_BAD_REQUEST);
	buf_clear(&b);
	for (int i = 0; i < 200000; i++)
		buf_adds(&b, "- ");
	assert_int_equal(yaml_parse(d, b.p, b.len, &v, NULL), -ERR_BAD_REQUEST);
	/* Each anchor and each %TAG is compared with all others. */
	buf_clear(&b);
	for (int i = 0; i < 200000; i++)
		buf_printf(&b, "- &a%d x\n", i);
	assert_int_equal(yaml_parse(d, b.p, b.len, &v, NULL), -ERR_BAD_REQUEST);
	buf_clear(&b);
	for (int i = 0; i < 200000; i++)
		buf_printf(&b, "%%TAG !a%d! x\n", i);
	assert_int_equal(yaml_parse(d, b.p, b.len, &v, NULL), -ERR_BAD_REQUEST);
	/* Brackets around many values are looked at for each of them. */
	buf_clear(&b);
	for (int i = 0; i < DOC_DEPTH_MAX - 1; i++)
		buf_adds(&b, "[");
	for (int i = 0; i < 500000; i++)
		buf_adds(&b, "a,");
	assert_int_equal(yaml_parse(d, b.p, b.len, &v, &e), -ERR_BAD_REQUEST);
	assert_non_null(strstr(e.msg, "too much inside of brackets"));
	/* What is copied is as deep as it was. */
	buf_clear(&b);
	buf_adds(&b, "a: &a ");
	for (int i = 0; i < DOC_DEPTH_MAX / 2; i++)
		buf_adds(&b, "[");
	for (int i = 0; i < DOC_DEPTH_MAX / 2; i++)
		buf_adds(&b, "]");
	buf_adds(&b, "\nb: ");
	for (int i = 0; i < DOC_DEPTH_MAX / 2 + 2; i++)
		buf_adds(&b, "[");
	buf_adds(&b, "*a");
	for (int i = 0; i < DOC_DEPTH_MAX / 2 + 2; i++)
		buf_adds(&b, "]");
	assert_int_equal(yaml_parse(d, b.p, b.len, &v, &e), -ERR_BAD_REQUEST);
	assert_non_null(strstr(e.msg, "nested too deeply"));
	/* Many brackets are not deep. */
	buf_clear(&b);
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "a%d: [{x: \"[[[\"}]\n", i);
	assert_int_equal(yaml_parse(d, b.p, b.len, &v, NULL), 0);
	arena_close(mem);
	mem_open(NULL);
}

static void repeated_keys_are_noted_by_line(void **state)
{
	static const char text[] = "a: 1\nb:\n  c: 1\n  c: 2\nd: {e: 1, e: {f: 1, f: 2}}\na: 3\n";
	struct buf b BUF_AUTO = { 0 };
	yyjson_mut_val *v;

	assert_int_equal(yaml_parse_noting(doc_new(mem), text, sizeof(text) - 1, &v, &b, NULL), 0);
	assert_string_equal(text_of(v), "{\"a\":3,\"b\":{\"c\":2},\"d\":{\"e\":{\"f\":2}}}");
	assert_string_equal(b.p, "line 4: key \"c\" already set in map\nline 5: key \"e\" already set in map\n"
		"line 5: key \"f\" already set in map\nline 6: key \"a\" already set in map");
	arena_reset(mem);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_reads_as_json),
		cmocka_unit_test(nothing_is_no_document),
		cmocka_unit_test(malformed_yaml_is_refused_with_its_line),
		cmocka_unit_test(bombs_are_bounded),
		cmocka_unit_test(repeated_keys_are_noted_by_line),
	};

	return cmocka_run_group_tests(tests, mem_open, mem_close);
}
