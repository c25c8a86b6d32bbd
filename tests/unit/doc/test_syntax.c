/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a text, what comes twice, and values as Go prints them. */
#include "doc_test.h"

#include "doc/print.h"
#include "doc/syntax.h"

static const struct { const char *text, *want; } syntax_cases[] = {
	{ "{}", NULL },
	{ " [1, -2.5e+3, \"a\\u00e9\\n\", true, false, null, {\"x\": {}}, []] ", NULL },
	{ "", "unexpected end of JSON input" },
	{ "  ", "unexpected end of JSON input" },
	{ "[", "unexpected end of JSON input" },
	{ "{\"a\"", "unexpected end of JSON input" },
	{ "{\"a\":", "unexpected end of JSON input" },
	{ "{\"a\":1", "unexpected end of JSON input" },
	{ "\"a", "unexpected end of JSON input" },
	{ "tru", "unexpected end of JSON input" },
	{ "{bad", "invalid character 'b' looking for beginning of object key string" },
	{ "{\"a\":1,}", "invalid character '}' looking for beginning of object key string" },
	{ "[1,]", "invalid character ']' looking for beginning of value" },
	{ "{\"a\" 1}", "invalid character '1' after object key" },
	{ "{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair" },
	{ "[1 2]", "invalid character '2' after array element" },
	{ "[1}", "invalid character '}' after array element" },
	{ "{} x", "invalid character 'x' after top-level value" },
	{ "1 2", "invalid character '2' after top-level value" },
	{ "nul!", "invalid character '!' in literal null (expecting 'l')" },
	{ "-", "unexpected end of JSON input" },
	{ "-a", "invalid character 'a' in numeric literal" },
	{ "01", "invalid character '1' after top-level value" },
	{ "1.e", "invalid character 'e' after decimal point in numeric literal" },
	{ "1ex", "invalid character 'x' in exponent of numeric literal" },
	{ "\"\\q\"", "invalid character 'q' in string escape code" },
	{ "\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape" },
	{ "\"\t\"", "invalid character '\\t' in string literal" },
	{ "\x01", "invalid character '\\x01' looking for beginning of value" },
	{ "'a'", "invalid character '\\'' looking for beginning of value" },
	{ "\xe9", "invalid character '\xc3\xa9' looking for beginning of value" },
};

static void the_first_offence_is_named(void **state)
{
	for (size_t i = 0; i < COUNT(syntax_cases); i++) {
		char out[SYNTAX_TEXT_MAX];
		const char *got = syntax_error(syntax_cases[i].text, strlen(syntax_cases[i].text), out);
		if (!got != !syntax_cases[i].want || (got && strcmp(got, syntax_cases[i].want)))
			fail_msg("%s: %s", syntax_cases[i].text, got ? got : "nothing");
	}
}

static void depth_does_not_matter(void **state)
{
	struct buf b BUF_AUTO = { 0 };
	char out[SYNTAX_TEXT_MAX];

	for (int i = 0; i < 100000; i++)
		buf_addc(&b, '[');
	assert_null(syntax_error(b.p, b.len, out));
}

static void note(void *arg, const char *path)
{
	struct buf *b = arg;

	buf_printf(b, "%s ", path);
}

static const struct { const char *text, *paths, *last; } repeat_cases[] = {
	{ "{\"a\":1,\"b\":{\"a\":1}}", "", "{\"a\":1,\"b\":{\"a\":1}}" },
	{ "{\"a\":1,\"a\":2}", "a ", "{\"a\":2}" },
	{ "{\"a\":1,\"b\":0,\"a\":null}", "a ", "{\"a\":null,\"b\":0}" },
	{ "{\"x\":[{\"y\":1},{\"y\":1,\"z\":0,\"y\":{\"q\":1,\"q\":2,\"q\":3}}]}", "x[1].y x[1].y.q x[1].y.q ",
		"{\"x\":[{\"y\":1},{\"y\":{\"q\":3},\"z\":0}]}" },
	{ "[{\"a\":1,\"a\":2}]", "[0].a ", "[{\"a\":2}]" },
	{ "1", "", "1" },
};

static void repetitions_are_found_and_the_last_counts(void **state)
{
	for (size_t i = 0; i < COUNT(repeat_cases); i++) {
		struct buf b BUF_AUTO = { 0 };
		yyjson_val *v = json(repeat_cases[i].text);
		syntax_each_repeat(v, note, &b);
		assert_string_equal(b.p ? b.p : "", repeat_cases[i].paths);
		assert_int_equal(syntax_repeats(v), *repeat_cases[i].paths != '\0');
		assert_string_equal(text_of(syntax_copy_last(doc_new(mem), v)), repeat_cases[i].last);
		arena_reset(mem);
	}
}

static void large_objects_take_linear_time(void **state)
{
	struct buf b BUF_AUTO = { 0 };
	yyjson_val *v;
	unsigned n = 0;

	buf_addc(&b, '{');
	for (int i = 0; i < 200000; i++)
		buf_printf(&b, "\"k%d\":0,", i);
	buf_adds(&b, "\"k0\":1}");
	v = json(b.p);
	assert_true(syntax_repeats(v));
	buf_clear(&b);
	syntax_each_repeat(v, note, &b);
	assert_string_equal(b.p, "k0 ");
	assert_int_equal(yyjson_mut_obj_size(syntax_copy_last(doc_new(mem), v)), 200000);
	/* No more are told than anybody reads. */
	buf_clear(&b);
	buf_addc(&b, '{');
	for (int i = 0; i < 500; i++)
		buf_printf(&b, "%s\"a\":0", i ? "," : "");
	buf_addc(&b, '}');
	v = json(b.p);
	buf_clear(&b);
	syntax_each_repeat(v, note, &b);
	for (size_t i = 0; i < b.len; i++)
		n += b.p[i] == 'a';
	assert_int_equal(n, SYNTAX_REPEATS_MAX);
	arena_reset(mem);
}

static void values_print_as_go_prints_them(void **state)
{
	struct buf b BUF_AUTO = { 0 };
	yyjson_val *v = json("{\"b\":[1,-2,1.5,\"x y\",true,null],\"a\":{}}");

	doc_print_go(&b, v);
	assert_string_equal(b.p, "map[a:map[] b:[1 -2 1.5 x y true <nil>]]");
	buf_clear(&b);
	doc_print_go_syntax(&b, v);
	assert_string_equal(b.p, "map[string]interface {}{\"a\":map[string]interface {}{}, "
		"\"b\":[]interface {}{1, -2, 1.5, \"x y\", true, <nil>}}");
	assert_string_equal(doc_word(v), "object");
	arena_reset(mem);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_offence_is_named),
		cmocka_unit_test(depth_does_not_matter),
		cmocka_unit_test(repetitions_are_found_and_the_last_counts),
		cmocka_unit_test(large_objects_take_linear_time),
		cmocka_unit_test(values_print_as_go_prints_them),
	};

	return cmocka_run_group_tests(tests, mem_open, mem_close);
}
