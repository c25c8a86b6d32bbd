/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions of schemas: what matches, what is refused, and how long it takes. */
#include "codec_help.h"

#include "base/env.h"
#include "kinds/pattern.h"

static const struct {
	const char *pattern, *yes[4], *no[4];
} cases[] = {
	{ "abc", { "abc", "xabcx" }, { "", "ab", "aBc" } },
	{ "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", { "a", "a-b", "a--9" }, { "", "-a", "a-", "A" } },
	{ "^(foo|bar|)$", { "foo", "bar", "" }, { "fo", "foobar" } },
	{ "^a{2}$", { "aa" }, { "a", "aaa" } },
	{ "^a{2,}$", { "aa", "aaaa" }, { "a" } },
	{ "^(ab){1,3}$", { "ab", "abab", "ababab" }, { "", "abababab", "aba" } },
	{ "^(a?){0,3}b$", { "b", "aaab" }, { "aaaab" } },
	{ "^a{0,2}$", { "", "a", "aa" }, { "aaa" } },
	{ "^a{,2}$", { "a{,2}" }, { "aa" } },
	{ "^x*?y+?$", { "y", "xxyy" }, { "x" } },
	{ "^\\d+(\\.\\d+)?$", { "1", "1.5" }, { "1.", "x" } },
	{ "^\\w+\\s\\S$", { "a_1 b" }, { "a  b", "-" } },
	{ "^[\\w.-]+@[^@\\s]+$", { "a.b-c@d" }, { "@d", "a@ b" } },
	{ "^[[:alpha:]_][[:^digit:]]$", { "a_", "_x" }, { "a1", "1a" } },
	{ "^[]a]+$", { "]a" }, { "b" } },
	{ "^[a\\-z]+$", { "a-z" }, { "b" } },
	{ "(?i)^[a-c]x$", { "AX", "bX" }, { "dx" } },
	{ "^(?i:a)b$", { "Ab" }, { "AB" } },
	{ "^(?P<n>a)(?:b)$", { "ab" }, { "a" } },
	{ "^.$", { "a", "\xc3\xa4", "\xf0\x9f\x9a\xa4" }, { "\n", "ab" } },
	{ "(?s)^.$", { "\n" }, { "" } },
	{ "(?m)^b$", { "a\nb\nc" }, { "ab" } },
	{ "\\bfoo\\b", { "a foo b", "foo" }, { "afoo", "foob" } },
	{ "^\\x41\\x{e4}$", { "A\xc3\xa4" }, { "a" } },
	{ "^[\\x00-\\x7F]*$", { "abc" }, { "\xc3\xa4" } },
	{ "a|b|c", { "xbx" }, { "d" } },
	{ "", { "", "x" }, { 0 } },
};

static void matches(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pattern *p;

		if (pattern_compile(a, cases[i].pattern, &p, &err))
			fail_msg("%s: %s", cases[i].pattern, err.msg);
		for (int j = 0; j < 4 && cases[i].yes[j]; j++)
			if (!pattern_match(p, cases[i].yes[j], strlen(cases[i].yes[j])))
				fail_msg("%s does not match \"%s\"", cases[i].pattern, cases[i].yes[j]);
		for (int j = 0; j < 4 && cases[i].no[j]; j++)
			if (pattern_match(p, cases[i].no[j], strlen(cases[i].no[j])))
				fail_msg("%s matches \"%s\"", cases[i].pattern, cases[i].no[j]);
	}
}

static void malformed_ones_are_refused(void **state)
{
	static const char *const bad[] = { "(", ")", "a)", "[", "[a", "[b-a]", "*", "a**", "\\", "\\q", "(?x)", "(?=a)",
		"a{2,1}", "a{1001}", "((a{100}){100}){100}", "\\p{L}", "[[:nope:]]", "(?P<n", "\\x{110000}" };
	struct pattern *p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (pattern_compile(a, bad[i], &p, &err) != -ERR_BAD_REQUEST)
			fail_msg("%s was accepted", bad[i]);

	char *deep = arena_alloc(a, 20001);

	memset(deep, '(', 20000);
	deep[20000] = 0;
	assert_int_equal(pattern_compile(a, deep, &p, &err), -ERR_BAD_REQUEST);
	memset(deep, '|', 20000);
	assert_int_equal(pattern_compile(a, deep, &p, &err), -ERR_BAD_REQUEST);
	/* The last step there is room for, wherever the alternative puts its own. */
	for (size_t n = PATTERN_STEPS_MAX - 3; n <= PATTERN_STEPS_MAX; n++) {
		memset(deep, 'a', n);
		strcpy(deep + n, "|b");
		assert_int_equal(pattern_compile(a, deep, &p, &err), -ERR_BAD_REQUEST);
	}
}

static void time_is_linear(void **state)
{
	struct pattern *p;
	char *text = arena_alloc(a, 20001);
	int64_t start = env_now_ms();

	memset(text, 'a', 20000);
	text[20000] = 'b';
	assert_int_equal(pattern_compile(a, "^(a+)+$|^(a|a)*$|^(a*)*c$", &p, &err), 0);
	assert_false(pattern_match(p, text, 20001));
	assert_true(env_now_ms() - start < 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches),
		cmocka_unit_test(malformed_ones_are_refused),
		cmocka_unit_test(time_is_linear),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
