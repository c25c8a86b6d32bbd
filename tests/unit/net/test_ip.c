/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and ranges of both families as values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/ip.h"

static void lists_are_one_or_one_of_each_family(void **state)
{
	static const struct { const char *text; bool good; int first; const char *four, *six; } cases[] = {
		{ "10.1.2.3/16", true, IP4, "10.1.0.0/16", NULL },
		{ "fd00:1::7/64", true, IP6, NULL, "fd00:1::/64" },
		{ "10.0.0.0/8,fd00::/48", true, IP4, "10.0.0.0/8", "fd00::/48" },
		{ "fd00::/48,10.0.0.0/8", true, IP6, "10.0.0.0/8", "fd00::/48" },
		{ "10.0.0.0/8,10.1.0.0/16", false }, { "fd00::/48,", false }, { ",fd00::/48", false }, { "", false },
		{ "10.0.0.0/33", false }, { "10.0.0.0", false }, { "10.0.0.0/8,fd00::/48,10.1.0.0/16", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ip_range r[IP_FAMILIES];
		char text[IP_RANGE_TEXT];
		int first = -1;

		print_message("%s\n", cases[i].text);
		assert_int_equal(ip_parse_ranges(r, cases[i].text, &first), cases[i].good);
		assert_int_equal(r[IP4].ip.len, cases[i].four ? 4 : 0);
		assert_int_equal(r[IP6].ip.len, cases[i].six ? 16 : 0);
		if (cases[i].good)
			assert_int_equal(first, cases[i].first);
		for (int f = 0; f < IP_FAMILIES; f++) {
			const char *want = f == IP4 ? cases[i].four : cases[i].six;

			ip_range_text(text, &r[f]);
			if (want)
				assert_string_equal(text, want);
		}
	}
}

static void addresses_are_counted_from_a_base(void **state)
{
	static const struct { const char *base; uint32_t n; const char *want; } cases[] = {
		{ "10.244.0.0", 2, "10.244.0.2" }, { "10.244.0.255", 1, "10.244.1.0" },
		{ "fd00:10:244::", 258, "fd00:10:244::102" }, { "fd00::ffff", 1, "fd00::1:0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ip a, b;
		char text[IP_TEXT];

		assert_true(ip_parse(&a, cases[i].base));
		b = ip_add(&a, cases[i].n);
		ip_text(text, &b);
		assert_string_equal(text, cases[i].want);
		assert_int_equal(ip_low(&b) - ip_low(&a), cases[i].n);
	}
}

static void a_range_has_addresses_of_its_family_only(void **state)
{
	struct ip_range r;
	struct ip in, out, other;

	(void)state;
	assert_true(ip_parse_range(&r, "fd00:1::/64") && ip_parse(&in, "fd00:1::ffff") && ip_parse(&out, "fd00:1:0:1::") && ip_parse(&other, "10.0.0.1"));
	assert_true(ip_within(&r, &in));
	assert_false(ip_within(&r, &out));
	assert_false(ip_within(&r, &other));
	assert_false(ip_within(&(struct ip_range){ 0 }, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_one_or_one_of_each_family),
		cmocka_unit_test(addresses_are_counted_from_a_base),
		cmocka_unit_test(a_range_has_addresses_of_its_family_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
