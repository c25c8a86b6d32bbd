/* SPDX-License-Identifier: Apache-2.0 */
/* Label and field selectors: grammar, messages, matching. */
#include "doc_test.h"

#include "doc/selector.h"

#define QUALIFIED_BAD "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and " \
	"end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for " \
	"validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

static const struct { const char *in, *print; } good_cases[] = {
	{ NULL, "" }, { "", "" }, { "  ", "" },
	{ "a=b", "a=b" }, { " a = b ", "a=b" }, { "a==b", "a==b" }, { "a!=b", "a!=b" },
	{ "x=a,y=b,z=c", "x=a,y=b,z=c" }, { "z=1,a=2", "a=2,z=1" }, { "x,!y", "x,!y" },
	{ "x in (b,a,b)", "x in (a,b)" }, { "x notin (a)", "x notin (a)" }, { "x in (,)", "x in ()" },
	{ "x in (a,,b)", "x in (,a,b)" }, { "x in (a,)", "x in (,a)" }, { "x in (,a)", "x in (,a)" },
	{ "in in (in,notin)", "in in (in,notin)" }, { "x=", "x=" }, { "x=,y=1", "x=,y=1" },
	{ "x>1", "x>1" }, { "x < 7", "x<7" }, { "!x", "!x" }, { "! x", "!x" }, { "a.b/c=d", "a.b/c=d" },
	{ "notin", "notin" }, { "x=in", "x=in" },
};

static const struct { const char *in, *message; } bad_cases[] = {
	{ "a===b", "unable to parse requirement: found '=', expected: identifier" },
	{ "a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt" },
	{ "x in a", "unable to parse requirement: found 'a' expected: '('" },
	{ "x in (a", "unable to parse requirement: found '', expected: ',' or ')'" },
	{ "x in (=)", "unable to parse requirement: found '=', expected: ',', ')' or identifier" },
	{ "x in ()", "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty" },
	{ "x=a b", "found 'b', expected: ',' or 'end of string'" },
	{ "x,", "found '', expected: identifier after ','" },
	{ ",x", "found ',', expected: !, identifier, or 'end of string'" },
	{ "!", "unable to parse requirement: found '', expected: identifier" },
	{ "!x=a", "found '=', expected: ',' or 'end of string'" },
	{ "x>a", "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be an integer" },
	{ "x*=a", "unable to parse requirement: <nil>: Invalid value: \"x*\": " QUALIFIED_BAD },
	{ "x=a*", "unable to parse requirement: values[0][x]: Invalid value: \"a*\": a valid label must be an empty string or "
		"consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
		"character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
		"'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')" },
};

static const char *printed(const struct selector *s)
{
	struct buf b BUF_AUTO = { 0 };

	selector_print(s, &b);
	return arena_strdup(mem, b.p ? b.p : "");
}

static void label_selectors_parse_as_upstream(void **state)
{
	struct selector *s;
	struct err e;

	for (size_t i = 0; i < COUNT(good_cases); i++) {
		e.msg[0] = 0;
		if (selector_parse(mem, good_cases[i].in, &s, &e))
			fail_msg("%s: %s", good_cases[i].in, e.msg);
		assert_string_equal(printed(s), good_cases[i].print);
	}
	for (size_t i = 0; i < COUNT(bad_cases); i++) {
		if (selector_parse(mem, bad_cases[i].in, &s, &e) != -ERR_BAD_REQUEST)
			fail_msg("%s is accepted", bad_cases[i].in);
		assert_string_equal(e.msg, bad_cases[i].message);
	}
	arena_reset(mem);
}

static const struct { const char *labels, *selector; bool match; } match_cases[] = {
	{ "{}", "", true }, { "{\"a\":\"b\"}", "a=b", true }, { "{\"a\":\"b\"}", "a=c", false },
	{ "{\"a\":\"b\"}", "a==b", true }, { "{}", "a=b", false }, { "{}", "a!=b", true },
	{ "{\"a\":\"b\"}", "a!=b", false }, { "{\"a\":\"b\"}", "a in (c,b)", true },
	{ "{\"a\":\"d\"}", "a in (c,b)", false }, { "{}", "a notin (b)", true }, { "{\"a\":\"b\"}", "a notin (b)", false },
	{ "{\"a\":\"\"}", "a", true }, { "{}", "a", false }, { "{}", "!a", true }, { "{\"a\":\"\"}", "!a", false },
	{ "{\"a\":\"\"}", "a=", true }, { "{\"a\":\"10\"}", "a>9", true }, { "{\"a\":\"9\"}", "a>9", false },
	{ "{\"a\":\"-1\"}", "a<0", true }, { "{\"a\":\"x\"}", "a<0", false },
	{ "{\"z\":\"1\",\"b\":\"2\",\"m\":\"3\"}", "b=2,m=3,z=1", true },
	{ "{\"z\":\"1\",\"b\":\"2\",\"m\":\"3\"}", "b=2,m=4,z=1", false },
};

static void label_selectors_match(void **state)
{
	for (size_t i = 0; i < COUNT(match_cases); i++) {
		struct selector *s;
		struct labels l;
		assert_int_equal(labels_from(mem, json(match_cases[i].labels), &l), 0);
		assert_int_equal(selector_parse(mem, match_cases[i].selector, &s, NULL), 0);
		if (selector_match(s, &l) != match_cases[i].match)
			fail_msg("%s on %s", match_cases[i].selector, match_cases[i].labels);
		arena_reset(mem);
	}
}

static const struct { const char *in, *print; bool everything, match_empty; } object_cases[] = {
	{ "null", "", false, false }, { "{}", "", true, true },
	{ "{\"matchLabels\":{\"b\":\"1\",\"a\":\"2\"}}", "a=2,b=1", false, false },
	{ "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"y\",\"x\"]},"
		"{\"key\":\"b\",\"operator\":\"DoesNotExist\"}]}", "a in (x,y),!b", false, false },
	{ "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"NotIn\",\"values\":[\"y\"]}]}", "a notin (y)", false, true },
};

static void object_selectors_tell_absent_from_empty(void **state)
{
	struct labels none = { 0 };
	struct selector *s;
	struct err e;

	for (size_t i = 0; i < COUNT(object_cases); i++) {
		assert_int_equal(selector_from(mem, json(object_cases[i].in), &s, NULL), 0);
		assert_string_equal(printed(s), object_cases[i].print);
		assert_int_equal(selector_everything(s), object_cases[i].everything);
		assert_int_equal(selector_match(s, &none), object_cases[i].match_empty);
	}
	assert_int_equal(selector_from(mem, NULL, &s, NULL), 0);
	assert_false(selector_match(s, &none));
	assert_int_equal(selector_from(mem, json("{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Near\"}]}"), &s, &e),
		-ERR_BAD_REQUEST);
	assert_string_equal(e.msg, "\"Near\" is not a valid label selector operator");
	assert_int_equal(selector_from(mem, json("{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\",\"values\":[\"x\"]}]}"),
		&s, &e), -ERR_BAD_REQUEST);
	assert_int_equal(selector_from_map(mem, json("{}"), &s, NULL), 0);
	assert_false(selector_match(s, &none));
	assert_int_equal(selector_from_map(mem, json("{\"app\":\"w\"}"), &s, NULL), 0);
	assert_string_equal(printed(s), "app=w");
	arena_reset(mem);
}

static void selectors_are_bounded(void **state)
{
	struct buf b BUF_AUTO = { 0 };
	struct selector *s;
	struct fieldsel f;

	for (int i = 0; i <= SELECTOR_TERMS_MAX; i++)
		buf_adds(&b, "a=b,");
	b.p[b.len - 1] = 0;
	assert_int_equal(selector_parse(mem, b.p, &s, NULL), -ERR_BAD_REQUEST);
	assert_int_equal(fieldsel_parse(mem, b.p, &f, NULL), -ERR_BAD_REQUEST);
	arena_reset(mem);
}

static const struct { const char *in, *want, *message; } field_cases[] = {
	{ NULL, "", NULL }, { "", "", NULL }, { ",", "", NULL },
	{ "metadata.name=x", "metadata.name=x;", NULL }, { "a==b", "a=b;", NULL }, { "a!=b,c=d", "a!b;c=d;", NULL },
	{ "a=", "a=;", NULL }, { "a=x\\,y\\=z\\\\", "a=x,y=z\\;", NULL }, { "a=b=c", NULL,
		"invalid field selector: unescaped character in value: 61" },
	{ "abc", NULL, "invalid selector: 'abc'; can't understand 'abc'" },
	{ "a=b,c", NULL, "invalid selector: 'a=b,c'; can't understand 'c'" },
	{ "a=\\x", NULL, "invalid field selector: invalid escape sequence: \\x" },
	{ "a=b\\", NULL, "invalid field selector: invalid escape sequence: \\" },
};

static void field_selectors_parse_as_upstream(void **state)
{
	for (size_t i = 0; i < COUNT(field_cases); i++) {
		struct buf b BUF_AUTO = { 0 };
		struct fieldsel f;
		struct err e = { 0 };
		int rc = fieldsel_parse(mem, field_cases[i].in, &f, &e);
		if (field_cases[i].message) {
			assert_int_equal(rc, -ERR_BAD_REQUEST);
			assert_string_equal(e.msg, field_cases[i].message);
			continue;
		}
		assert_int_equal(rc, 0);
		for (uint32_t k = 0; k < f.n; k++)
			buf_printf(&b, "%s%c%s;", f.v[k].field, f.v[k].negate ? '!' : '=', f.v[k].value);
		assert_string_equal(b.p ? b.p : "", field_cases[i].want);
	}
	arena_reset(mem);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(label_selectors_parse_as_upstream),
		cmocka_unit_test(label_selectors_match),
		cmocka_unit_test(object_selectors_tell_absent_from_empty),
		cmocka_unit_test(selectors_are_bounded),
		cmocka_unit_test(field_selectors_parse_as_upstream),
	};

	return cmocka_run_group_tests(tests, mem_open, mem_close);
}
