/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities: canonical text, limits, rounding, arithmetic. */
#include "doc_test.h"

#include "doc/quantity.h"

static const struct { const char *in, *out; } canonical_cases[] = {
	{ "0", "0" }, { "0.0", "0" }, { "-0", "0" }, { "0Ki", "0" }, { "0e9", "0" },
	{ "0.5", "500m" }, { ".5", "500m" }, { "1.", "1" }, { "100m", "100m" }, { "1000m", "1" },
	{ "1500m", "1500m" }, { "1.5", "1500m" }, { "1000", "1k" }, { "1200", "1200" },
	{ "10000", "10k" }, { "1e3", "1e3" }, { "12e6", "12e6" }, { "1.5e3", "1500" },
	{ "1E3", "1e3" }, { "1E", "1E" }, { "1e-3", "1e-3" }, { "1e+3", "1e3" },
	{ "1024Mi", "1Gi" }, { "1.5Gi", "1536Mi" }, { "1Ki", "1Ki" }, { "0.5Ki", "512" },
	{ "1000Ki", "1000Ki" }, { "1.1Ki", "1126400m" }, { "1024", "1024" }, { "-1Ki", "-1Ki" },
	{ "64Mi", "64Mi" }, { "128974848", "128974848" }, { "129M", "129M" }, { "123Mi", "123Mi" },
	{ "0.1m", "100u" }, { "1n", "1n" }, { "0.1n", "1n" }, { "-0.1n", "-1n" }, { "1.1n", "2n" },
	{ "0.0000000001", "1n" }, { "1e-20", "1e-9" }, { "0.00000000000000000001Ki", "1n" },
	{ "+5", "5" }, { "-5", "-5" }, { "007", "7" }, { "1T", "1T" }, { "1P", "1P" },
	{ "9223372036854775807", "9223372036854775807" },
	{ "9223372036854775808", "9223372036854775807" },
	{ "100000000000000000000", "9223372036854775807" },
	{ "16Ei", "9223372036854775807" }, { "8Ei", "9223372036854775807" }, { "7Ei", "7Ei" },
	{ "100E", "100E" }, { "-16Ei", "-9223372036854775807" },
	{ "0.100000000000000000000000000000", "100m" },
};

static const char *const bad_cases[] = {
	"", ".", "+", "-", " 1", "1 ", "1.1.1", "1i", "1mi", "1ki", "1e", "1e+", "3.01e-", "aoeu", "Ki",
	"1KiKi", "1 Ki", "1+1", "0x10", "1ee3", "1e3m", "--1", "1K",
};

static void quantities_print_in_canonical_form(void **state)
{
	for (size_t i = 0; i < COUNT(canonical_cases); i++) {
		struct quantity q;
		char out[QUANTITY_MAX];
		if (quantity_parse(canonical_cases[i].in, strlen(canonical_cases[i].in), &q))
			fail_msg("%s is refused", canonical_cases[i].in);
		quantity_print(out, &q);
		if (strcmp(out, canonical_cases[i].out))
			fail_msg("%s: %s, not %s", canonical_cases[i].in, out, canonical_cases[i].out);
	}
}

static void malformed_quantities_are_refused(void **state)
{
	char longest[400];
	struct quantity q;

	for (size_t i = 0; i < COUNT(bad_cases); i++)
		if (quantity_parse(bad_cases[i], strlen(bad_cases[i]), &q) != -ERR_BAD_REQUEST)
			fail_msg("\"%s\" is accepted", bad_cases[i]);
	assert_int_equal(quantity_parse("1\0", 2, &q), -ERR_BAD_REQUEST);
	memset(longest, '9', sizeof(longest));
	assert_int_equal(quantity_parse(longest, sizeof(longest), &q), -ERR_BAD_REQUEST);
	assert_int_equal(quantity_parse(longest, 300, &q), 0);
	assert_true(quantity_value(&q) == INT64_MAX);
	memcpy(longest + 298, "Ei", 2);
	assert_int_equal(quantity_parse(longest, 300, &q), 0);
	assert_int_equal(quantity_parse("1e9999999999999", 15, &q), 0);
	assert_true(quantity_value(&q) == INT64_MAX);
	assert_int_equal(quantity_parse("1e-9999999999999", 16, &q), 0);
	assert_true(q.nano == 1);
}

static struct quantity quantity(const char *s)
{
	struct quantity q;

	assert_int_equal(quantity_parse(s, strlen(s), &q), 0);
	return q;
}

static void arithmetic_keeps_the_first_format_and_saturates(void **state)
{
	struct quantity a = quantity("1Gi"), b = quantity("24"), zero = quantity("0");
	char out[QUANTITY_MAX];

	quantity_add(&a, &b);
	quantity_print(out, &a);
	assert_string_equal(out, "1073741848");
	quantity_sub(&a, &b);
	quantity_print(out, &a);
	assert_string_equal(out, "1Gi");
	quantity_add(&zero, &a);
	quantity_print(out, &zero);
	assert_string_equal(out, "1Gi");
	assert_true(quantity_cmp(&a, &b) > 0 && quantity_cmp(&b, &a) < 0 && quantity_cmp(&a, &zero) == 0);
	a = quantity("100100E");
	for (int i = 0; i < 64; i++)
		quantity_add(&a, &a);
	assert_true(quantity_value(&a) == INT64_MAX);
}

static void values_round_up(void **state)
{
	struct quantity q = quantity("1.0000001");

	assert_int_equal(quantity_value(&q), 2);
	assert_int_equal(quantity_milli(&q), 1001);
	quantity_ceil_milli(&q);
	assert_int_equal(quantity_milli(&q), 1001);
	q = quantity("250m");
	assert_int_equal(quantity_value(&q), 1);
	assert_int_equal(quantity_milli(&q), 250);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantities_print_in_canonical_form),
		cmocka_unit_test(malformed_quantities_are_refused),
		cmocka_unit_test(arithmetic_keeps_the_first_format_and_saturates),
		cmocka_unit_test(values_round_up),
	};

	return cmocka_run_group_tests(tests, mem_open, mem_close);
}
