/* SPDX-License-Identifier: Apache-2.0 */
/* test_cidr - ranges of addresses: read, written, compared, counted through. */
#include "base_test.h"

#include "base/cidr.h"
#include "base/text.h"

static const struct { const char *text, *canonical, *why; } pairs[] = {
	{ "10.96.0.0/16", "10.96.0.0/16", NULL },
	{ "10.96.3.7/16", "10.96.0.0/16", NULL },
	{ "10.96.0.0/16,FD00:0:0::96:0/112", "10.96.0.0/16,fd00::96:0/112", NULL },
	{ "fd00:96::1/112,10.96.0.0/16", "fd00:96::/112,10.96.0.0/16", NULL },
	{ "0.0.0.0/0,::/0", "0.0.0.0/0,::/0", NULL },
	{ "10.96.0.0/16,10.97.0.0/16", NULL, "two IPv4 ranges" },
	{ "fd00::/64,fd01::/64", NULL, "two IPv6 ranges" },
	{ "10.96.0.0/16,fd00::/64,fd01::/64", NULL, "more than two ranges" },
	{ "", NULL, "is not one or two ranges" },
	{ "10.96.0.0", NULL, "is not one or two ranges" },
	{ "10.96.0.0/16,", NULL, "is not one or two ranges" },
	{ ",fd00::/64", NULL, "is not one or two ranges" },
	{ "10.96.0.0/33", NULL, "is not one or two ranges" },
	{ "fd00::/129", NULL, "is not one or two ranges" },
	{ "10.96.0.0/16, fd00::/64", NULL, "is not one or two ranges" },
};

static void test_pairs(void **state)
{
	char text[2 * CIDR_TEXT_MAX];
	struct cidr_pair p;
	struct err e;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		int rc = cidr_pair_parse("--x", pairs[i].text, &p, &e);

		if (pairs[i].why) {
			if (rc != -ERR_BAD_REQUEST || !strstr(e.msg, pairs[i].why) || strncmp(e.msg, "--x ", 4))
				fail_msg("%s: %d %s", pairs[i].text, rc, e.msg);
			continue;
		}
		assert_int_equal(rc, 0);
		cidr_pair_text(text, &p);
		assert_string_equal(text, pairs[i].canonical);
	}
}

static const struct { const char *a, *b; bool overlap, equal; } two[] = {
	{ "10.0.0.0/8", "10.96.0.0/16", true, false },
	{ "10.96.0.0/16", "10.96.0.9/16", true, true },
	{ "10.96.0.0/16", "10.97.0.0/16", false, false },
	{ "10.96.0.0/16", "10.96.0.0/17", true, false },
	{ "0.0.0.0/0", "::/0", false, false },
	{ "fd00::/64", "fd00:0:0:0:8000::/65", true, false },
	{ "fd00::/65", "fd00:0:0:0:8000::/65", false, false },
	{ "::/0", "fd00::/8", true, false },
};

static void test_two(void **state)
{
	for (size_t i = 0; i < sizeof(two) / sizeof(*two); i++) {
		struct cidr a, b;

		assert_int_equal(cidr_parse(two[i].a, &a), 0);
		assert_int_equal(cidr_parse(two[i].b, &b), 0);
		if (cidr_overlap(&a, &b) != two[i].overlap || cidr_overlap(&b, &a) != two[i].overlap ||
		    cidr_equal(&a, &b) != two[i].equal)
			fail_msg("%s and %s", two[i].a, two[i].b);
	}
}

static const struct { const char *range; uint64_t n; int shift; const char *address; } nths[] = {
	{ "10.96.0.0/16", 0, 0, "10.96.0.0" },
	{ "10.96.0.0/16", 10, 0, "10.96.0.10" },
	{ "10.96.0.0/16", 65535, 0, "10.96.255.255" },
	{ "10.244.0.0/16", 3, 8, "10.244.3.0" },
	{ "10.244.0.0/16", 3, 6, "10.244.0.192" },
	{ "10.0.0.0/8", 65535, 8, "10.255.255.0" },
	{ "fd00:96::/112", 258, 0, "fd00:96::102" },
	{ "fd00:244::/48", 0x1234, 64, "fd00:244:0:1234::" },
	{ "fd00:244::/56", 255, 64, "fd00:244:0:ff::" },
	{ "fd00::/16", 3, 110, "fd00:c000::" },
	{ "::/0", UINT64_MAX, 0, "::ffff:ffff:ffff:ffff" },
	{ "::/0", UINT64_MAX, 64, "ffff:ffff:ffff:ffff::" },
	{ "::/0", 1, 127, "8000::" },
};

static void test_nth_and_back(void **state)
{
	for (size_t i = 0; i < sizeof(nths) / sizeof(*nths); i++) {
		struct cidr c;
		uint8_t addr[16];
		char text[46];

		assert_int_equal(cidr_parse(nths[i].range, &c), 0);
		cidr_nth(&c, nths[i].n, nths[i].shift, addr);
		text_ip(text, c.family, addr);
		if (strcmp(text, nths[i].address) || cidr_index(&c, addr, nths[i].shift) != nths[i].n || !cidr_has(&c, c.family, addr))
			fail_msg("%s %d: %s", nths[i].range, (int)nths[i].n, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_two),
		cmocka_unit_test(test_nth_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
