/* SPDX-License-Identifier: Apache-2.0 */
/* Documents: limits of parsing, paths, comparison. */
#include "doc_test.h"

#include <stdio.h>

static const struct { const char *text; int rc; } parse_cases[] = {
	{ "{}", 0 }, { " [1] ", 0 }, { "\"x\"", 0 }, { "", -ERR_BAD_REQUEST }, { "{} x", -ERR_BAD_REQUEST },
	{ "{\"a\":}", -ERR_BAD_REQUEST }, { "\"\xff\"", -ERR_BAD_REQUEST }, { "[1,]", -ERR_BAD_REQUEST },
	{ "\"[[[{{{\\\"[[\"", 0 }, { "NaN", -ERR_BAD_REQUEST }, { "{'a':1}", -ERR_BAD_REQUEST },
};

static void only_strict_json_is_parsed(void **state)
{
	for (size_t i = 0; i < COUNT(parse_cases); i++) {
		yyjson_doc *doc;
		struct err e = { 0 };
		int rc = doc_parse(mem, parse_cases[i].text, strlen(parse_cases[i].text), &doc, &e);
		if (rc != parse_cases[i].rc)
			fail_msg("%s: %d %s", parse_cases[i].text, rc, e.msg);
		assert_int_equal(doc == NULL, rc != 0);
	}
}

static void depth_and_size_are_bounded(void **state)
{
	char text[2 * (DOC_DEPTH_MAX + 1) + 1] = "";
	struct arena *small ARENA_AUTO = arena_open(4096);
	yyjson_doc *doc;
	yyjson_mut_doc *d;

	memset(text, '[', DOC_DEPTH_MAX);
	memset(text + DOC_DEPTH_MAX, ']', DOC_DEPTH_MAX);
	assert_int_equal(doc_parse(mem, text, 2 * DOC_DEPTH_MAX, &doc, NULL), 0);
	memset(text, '[', DOC_DEPTH_MAX + 1);
	memset(text + DOC_DEPTH_MAX + 1, ']', DOC_DEPTH_MAX + 1);
	assert_int_equal(doc_parse(mem, text, 2 * (DOC_DEPTH_MAX + 1), &doc, NULL), -ERR_BAD_REQUEST);

	/* The same with something in every level, and a deep last member. */
	struct buf b BUF_AUTO = { 0 };
	for (int levels = DOC_DEPTH_MAX - 1; levels <= DOC_DEPTH_MAX; levels++) {
		struct err e;
		buf_clear(&b);
		for (int i = 0; i < levels; i++)
			buf_adds(&b, "{\"a\":\"[[[\",\"b\":[],\"c\":");
		buf_adds(&b, "[]");
		for (int i = 0; i < levels; i++)
			buf_adds(&b, "}");
		assert_int_equal(doc_parse(mem, b.p, b.len, &doc, &e), levels < DOC_DEPTH_MAX ? 0 : -ERR_BAD_REQUEST);
	}

	d = doc_new(small);
	assert_non_null(d);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	bool ok = true;
	for (int i = 0; i < 1000 && ok; i++) {
		char key[16];
		snprintf(key, sizeof(key), "k%d", i);
		ok = doc_mset_int(d, o, key, i);
	}
	assert_false(ok);
	assert_int_equal(doc_parse(small, "[1,2,3]", 7, &doc, NULL), -ERR_SIZE);
}

static void paths_reach_members_and_elements(void **state)
{
	const char *text = "{\"a\":{\"b\":[{\"c\":\"x\"},{\"n\":7}],\"z\":null,\"t\":true},\"r\":3.0,\"neg\":-2,\"f\":1.5}";
	yyjson_val *v = json(text);
	yyjson_mut_val *m = mjson(doc_new(mem), text);

	assert_string_equal(doc_str(v, "a.b.0.c"), "x");
	assert_string_equal(doc_mstr(m, "a.b.0.c"), "x");
	assert_int_equal(doc_int(v, "a.b.1.n", 0), 7);
	assert_int_equal(doc_mint(m, "a.b.1.n", 0), 7);
	assert_int_equal(doc_int(v, "r", 0), 3);
	assert_int_equal(doc_int(v, "neg", 0), -2);
	assert_int_equal(doc_int(v, "f", 9), 9);
	assert_true(doc_bool(v, "a.t", false) && doc_mbool(m, "a.t", false));
	assert_int_equal(doc_len(v, "a.b"), 2);
	assert_int_equal(doc_mlen(m, ""), 4);
	assert_ptr_equal(doc_get(v, NULL), v);
	assert_null(doc_get(v, "a.z"));
	assert_null(doc_mget(m, "a.z"));
	assert_null(doc_get(v, "a.b.2"));
	assert_null(doc_get(v, "a.b.x"));
	assert_null(doc_get(v, "r.x"));
	assert_null(doc_get(NULL, "a"));
	assert_null(doc_str(v, "r"));
	assert_int_equal(doc_len(v, "r"), 0);
}

static void writing_makes_parents_and_keeps_places(void **state)
{
	yyjson_mut_doc *d = doc_new(mem);
	yyjson_mut_val *o = mjson(d, "{\"a\":1,\"b\":2,\"c\":3}"), *late = yyjson_mut_obj(d);

	assert_true(doc_mset_int(d, o, "b", 5));
	assert_true(doc_mset_str(d, o, "m.n.o", "x"));
	assert_true(doc_mset_bool(d, o, "a.x", true));
	assert_true(doc_mset_key(d, o, "m.labels", "a.b/c", "v"));
	assert_true(doc_mset(d, o, "c", late));
	assert_true(doc_mset_int(d, late, "y", 1));
	assert_non_null(doc_marr(d, o, "list"));
	assert_ptr_equal(doc_mobj(d, o, "c"), late);
	assert_string_equal(text_of(o), "{\"a\":{\"x\":true},\"b\":5,\"c\":{\"y\":1},"
		"\"m\":{\"n\":{\"o\":\"x\"},\"labels\":{\"a.b/c\":\"v\"}},\"list\":[]}");
	assert_true(doc_mdel(o, "list"));
	assert_true(doc_mdel(o, "m.n.o"));
	assert_false(doc_mdel(o, "m.n.o"));
	assert_false(doc_mdel(o, "b.c"));
	assert_true(doc_mdel(o, "a"));
	assert_true(doc_mset_int(d, o, "z", 1));
	assert_true(doc_mset_int(d, o, "m.n.p", 1));
	assert_string_equal(text_of(o),
		"{\"b\":5,\"c\":{\"y\":1},\"m\":{\"n\":{\"p\":1},\"labels\":{\"a.b/c\":\"v\"}},\"z\":1}");
	assert_true(doc_mdel(o, "z") && doc_mdel(o, "m") && doc_mdel(o, "c") && doc_mdel(o, "b"));
	assert_string_equal(text_of(o), "{}");
	assert_true(doc_mset_int(d, o, "z", 1));
	assert_string_equal(text_of(o), "{\"z\":1}");
}

static void elements_can_go_while_iterating(void **state)
{
	static const struct { const char *from, *to; } cases[] = {
		{ "[1,1,2,1,1,3,1]", "[2,3]" }, { "[1,1,1]", "[]" }, { "[2,1]", "[2]" }, { "[1]", "[]" }, { "[1,2]", "[2]" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		yyjson_mut_doc *d = doc_new(mem);
		yyjson_mut_val *arr = mjson(d, cases[i].from);
		yyjson_mut_arr_iter it;
		yyjson_mut_arr_iter_init(arr, &it);
		for (yyjson_mut_val *v; (v = yyjson_mut_arr_iter_next(&it));)
			if (yyjson_mut_get_int(v) == 1)
				assert_non_null(doc_arr_iter_remove(&it));
		assert_string_equal(text_of(arr), cases[i].to);
		yyjson_mut_arr_add_int(d, arr, 9);
		assert_int_equal(yyjson_mut_get_int(yyjson_mut_arr_get_last(arr)), 9);
	}
}

static const struct { const char *a, *b; bool same; } equal_cases[] = {
	{ "{}", "{}", true }, { "{\"a\":1}", "{\"a\":1.0}", true }, { "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true },
	{ "{\"a\":null}", "{}", true }, { "{\"a\":null,\"b\":1}", "{\"b\":1,\"c\":null}", true },
	{ "{\"a\":1}", "{\"a\":2}", false }, { "{\"a\":1}", "{\"b\":1}", false }, { "{\"a\":1}", "{}", false },
	{ "{\"a\":1,\"b\":2}", "{\"b\":2,\"c\":1}", false }, { "[1,2]", "[2,1]", false }, { "[1,null]", "[1]", false },
	{ "[]", "{}", false }, { "\"a\"", "\"a\"", true }, { "\"a\"", "\"b\"", false }, { "true", "false", false },
	{ "-1", "18446744073709551615", false }, { "-1", "-1", true }, { "1.5", "1.5", true }, { "null", "null", true },
	{ "{\"a\":{\"x\":[{\"y\":1,\"z\":2}]}}", "{\"a\":{\"x\":[{\"z\":2,\"y\":1}]}}", true },
};

static void equality_ignores_order_and_nulls(void **state)
{
	for (size_t i = 0; i < COUNT(equal_cases); i++) {
		yyjson_mut_doc *d = doc_new(mem);
		if (doc_equal(json(equal_cases[i].a), json(equal_cases[i].b)) != equal_cases[i].same ||
		    doc_mequal(mjson(d, equal_cases[i].b), mjson(d, equal_cases[i].a)) != equal_cases[i].same)
			fail_msg("%s and %s", equal_cases[i].a, equal_cases[i].b);
	}
	assert_true(doc_equal(NULL, json("null")));
	assert_false(doc_equal(NULL, json("{}")));
}

static void frozen_trees_read_back(void **state)
{
	yyjson_mut_val *m = mjson(doc_new(mem), "{\"a\":[1,{\"b\":null}]}");
	yyjson_val *v = doc_freeze(mem, m);
	struct buf b BUF_AUTO = { 0 };

	assert_int_equal(doc_write(&b, v), 0);
	assert_string_equal(b.p, "{\"a\":[1,{\"b\":null}]}");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_strict_json_is_parsed),
		cmocka_unit_test(depth_and_size_are_bounded),
		cmocka_unit_test(paths_reach_members_and_elements),
		cmocka_unit_test(writing_makes_parents_and_keeps_places),
		cmocka_unit_test(elements_can_go_while_iterating),
		cmocka_unit_test(equality_ignores_order_and_nulls),
		cmocka_unit_test(frozen_trees_read_back),
	};

	return cmocka_run_group_tests(tests, mem_open, mem_close);
}
