/* SPDX-License-Identifier: Apache-2.0 */
/* test_text - every small encoding, by table. */
#include "base_test.h"

#include "base/err.h"
#include "base/text.h"

static void test_base64(void **state)
{
	static const struct {
		const char *plain;
		size_t n;
		const char *std, *url;
	} cases[] = {
		{ "", 0, "", "" },
		{ "f", 1, "Zg==", "Zg" },
		{ "fo", 2, "Zm8=", "Zm8" },
		{ "foo", 3, "Zm9v", "Zm9v" },
		{ "foobar", 6, "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xfb\xff\xfe\0", 4, "+//+AA==", "-__-AA" },
	};
	static const char *const bad[] = { "Z", "Zg=", "Zg===", "Z===", "Zh==", "Zm9=", "Z g=", "====",
		"Zg==Zg==", "Zm9v!", "=" };

	for (size_t i = 0; i < LEN(cases); i++) {
		BUF_AUTO struct buf std = { 0 }, url = { 0 }, back = { 0 };

		buf_reserve(&back, 1);
		text_base64(&std, cases[i].plain, cases[i].n);
		text_base64url(&url, cases[i].plain, cases[i].n);
		assert_string_equal(std.p ? std.p : "", cases[i].std);
		assert_string_equal(url.p ? url.p : "", cases[i].url);
		assert_int_equal(text_unbase64(&back, cases[i].std, strlen(cases[i].std)), 0);
		assert_int_equal(text_unbase64(&back, cases[i].url, strlen(cases[i].url)), 0);
		assert_int_equal(back.len, 2 * cases[i].n);
		assert_memory_equal(back.p + cases[i].n, cases[i].plain, cases[i].n);
	}
	for (size_t i = 0; i < LEN(bad); i++) {
		BUF_AUTO struct buf out = { 0 };

		buf_adds(&out, "kept");
		print_message("  %s\n", bad[i]);
		assert_int_equal(text_unbase64(&out, bad[i], strlen(bad[i])), -ERR_BAD_REQUEST);
		assert_string_equal(out.p, "kept");
	}
}

static void test_digests(void **state)
{
	uint8_t sum[32];
	char hex[65];

	text_sha256(sum, "abc", 3);
	text_hex(hex, sum, 32);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_times(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
		const char *back;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0, NULL },
		{ "2026-01-02T03:04:05Z", INT64_C(1767323045000000), NULL },
		{ "2024-02-29T23:59:59Z", INT64_C(1709251199000000), NULL },
		{ "2000-03-01T00:00:00Z", INT64_C(951868800000000), NULL },
		{ "1969-12-31T23:59:59Z", -1000000, NULL },
		{ "0001-01-01T00:00:00Z", INT64_C(-62135596800000000), NULL },
		{ "9999-12-31T23:59:59Z", INT64_C(253402300799000000), NULL },
		{ "2026-01-02T03:04:05.5Z", INT64_C(1767323045500000), "2026-01-02T03:04:05Z" },
		{ "2026-01-02T03:04:05.123456789Z", INT64_C(1767323045123456), "2026-01-02T03:04:05Z" },
		{ "2026-01-02T05:04:05+02:00", INT64_C(1767323045000000), "2026-01-02T03:04:05Z" },
		{ "2026-01-01T21:34:05-05:30", INT64_C(1767323045000000), "2026-01-02T03:04:05Z" },
	};
	static const char *const bad[] = { "", "2026", "2026-01-02", "2026-01-02 03:04:05Z",
		"2026-13-02T03:04:05Z", "2026-02-29T03:04:05Z", "2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:60:00Z",
		"2026-01-02T03:04:60Z", "2026-01-02T03:04:05", "2026-01-02T03:04:05.Z",
		"2026-01-02T03:04:05+25:00", "2026-01-02T03:04:05Zx", "2026-1-2T03:04:05Z",
		"2026-01-02t03:04:05Z", "1900-02-29T00:00:00Z" };
	char out[TEXT_TIME_MAX];
	int64_t us;

	for (size_t i = 0; i < LEN(good); i++) {
		print_message("  %s\n", good[i].text);
		assert_int_equal(text_parse_time(good[i].text, &us), 0);
		assert_int_equal(us, good[i].us);
		text_time(out, us);
		assert_string_equal(out, good[i].back ? good[i].back : good[i].text);
	}
	for (size_t i = 0; i < LEN(bad); i++) {
		print_message("  bad: %s\n", bad[i]);
		assert_int_equal(text_parse_time(bad[i], &us), -ERR_BAD_REQUEST);
	}
	text_microtime(out, INT64_C(1767323045000006));
	assert_string_equal(out, "2026-01-02T03:04:05.000006Z");
	text_microtime(out, -1);
	assert_string_equal(out, "1969-12-31T23:59:59.999999Z");
	text_nanotime(out, INT64_C(1767323045000006), 7);
	assert_string_equal(out, "2026-01-02T03:04:05.000006007Z");
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
		const char *back;
	} good[] = {
		{ "0", 0, "0s" }, { "0s", 0, NULL }, { "1ns", 1, NULL }, { "1.5us", 1500, "1.5\xc2\xb5s" },
		{ "1\xce\xbcs", 1000, "1\xc2\xb5s" }, { "2ms", 2000000, NULL },
		{ "100.25ms", 100250000, NULL }, { "1s", 1000000000, NULL },
		{ "1m0s", 60000000000, NULL }, { "1h2m3.5s", 3723500000000, NULL },
		{ "90m", 5400000000000, "1h30m0s" }, { "-1.5h", -5400000000000, "-1h30m0s" },
		{ "+5s", 5000000000, "5s" }, { ".5s", 500000000, "500ms" }, { "5.s", 5000000000, "5s" },
		{ "3s1h", 3603000000000, "1h0m3s" },
		{ "2562047h47m16.854775807s", INT64_MAX, NULL },
	};
	static const char *const bad[] = { "", "-", "1", "s", ".s", "1x", "1s2", "1 s", "1hh", "--1s",
		"9999999999999h", "99999999999999999999s", "1d" };
	char out[TEXT_TIME_MAX];
	int64_t ns;

	for (size_t i = 0; i < LEN(good); i++) {
		print_message("  %s\n", good[i].text);
		assert_int_equal(text_parse_duration(good[i].text, &ns), 0);
		assert_int_equal(ns, good[i].ns);
		text_duration(out, ns);
		assert_string_equal(out, good[i].back ? good[i].back : good[i].text);
	}
	for (size_t i = 0; i < LEN(bad); i++) {
		print_message("  bad: %s\n", bad[i]);
		assert_int_equal(text_parse_duration(bad[i], &ns), -ERR_BAD_REQUEST);
	}
	text_duration(out, INT64_MIN);
	assert_string_equal(out, "-2562047h47m16.854775808s");
}

static void test_ages(void **state)
{
	static const struct {
		int64_t s;
		const char *want;
	} cases[] = {
		{ -2, "<invalid>" }, { -1, "0s" }, { 0, "0s" }, { 119, "119s" }, { 120, "2m" },
		{ 125, "2m5s" }, { 599, "9m59s" }, { 600, "10m" }, { 3 * 3600 - 1, "179m" },
		{ 3 * 3600, "3h" }, { 3 * 3600 + 60, "3h1m" }, { 8 * 3600, "8h" },
		{ 48 * 3600 - 1, "47h" }, { 48 * 3600, "2d" }, { 53 * 3600, "2d5h" },
		{ 8 * 86400, "8d" }, { 700 * 86400, "700d" }, { 730 * 86400, "2y" },
		{ 731 * 86400, "2y1d" }, { 8 * 365 * 86400, "8y" }, { 3001 * 86400, "8y" },
	};
	char out[TEXT_TIME_MAX];

	for (size_t i = 0; i < LEN(cases); i++) {
		text_age(out, cases[i].s * 1000000000);
		assert_string_equal(out, cases[i].want);
	}
}

static void test_random_texts(void **state)
{
	char uuid[TEXT_UUID_MAX], name[11], other[11];

	text_uuid(uuid);
	assert_int_equal(strlen(uuid), 36);
	assert_int_equal(uuid[14], '4');
	assert_non_null(strchr("89ab", uuid[19]));
	assert_int_equal(uuid[8], '-');
	text_random_name(name, 10);
	text_random_name(other, 10);
	assert_int_equal(strspn(name, "bcdfghjklmnpqrstvwxz2456789"), 10);
	assert_string_not_equal(name, other);
	text_safe_encode(name, 0);
	assert_string_equal(name, "4");
	text_safe_encode(name, 4294967295u);
	assert_string_equal(name, "86f8fbc6f9");
	text_safe_encode(name, 1234567890);
	assert_string_equal(name, "56789bcdf4");
}

static void test_percent_encoding(void **state)
{
	static const struct {
		const char *in;
		bool plus;
		const char *want;    /* NULL: refused */
	} cases[] = {
		{ "abc", false, "abc" }, { "a%20b", false, "a b" }, { "a+b", true, "a b" },
		{ "a+b", false, "a+b" }, { "%e4%B8%89", false, "\xe4\xb8\x89" }, { "%", false, NULL },
		{ "%4", false, NULL }, { "%zz", false, NULL }, { "a%00b", false, NULL },
		{ "%25%2b", true, "%+" }, { "", true, "" },
	};
	BUF_AUTO struct buf out = { 0 };

	for (size_t i = 0; i < LEN(cases); i++) {
		char s[64];

		strcpy(s, cases[i].in);
		assert_int_equal(text_urldecode(s, cases[i].plus), cases[i].want ? 0 : -ERR_BAD_REQUEST);
		if (cases[i].want)
			assert_string_equal(s, cases[i].want);
	}
	text_urlencode(&out, "a b/c=d&e~f-g_h.i+\xe4\xb8\x89");
	assert_string_equal(out.p, "a%20b%2Fc%3Dd%26e~f-g_h.i%2B%E4%B8%89");
}

#define X63 "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-abcdefghi"

static void test_names(void **state)
{
	static const struct {
		const char *s;
		bool label, subdomain, dns1035, qualified, value;   /* well-formed as ... */
	} cases[] = {
		{ "a", 1, 1, 1, 1, 1 }, { "my-name", 1, 1, 1, 1, 1 }, { "1a", 1, 1, 0, 1, 1 },
		{ "", 0, 0, 0, 0, 1 }, { "-a", 0, 0, 0, 0, 0 }, { "a-", 0, 0, 0, 0, 0 },
		{ "a.b", 0, 1, 0, 1, 1 }, { "a..b", 0, 0, 0, 1, 1 }, { ".a", 0, 0, 0, 0, 0 },
		{ "a.-b", 0, 0, 0, 1, 1 }, { "A", 0, 0, 0, 1, 1 }, { "a_b", 0, 0, 0, 1, 1 },
		{ "a b", 0, 0, 0, 0, 0 }, { "example.com/a_B", 0, 0, 0, 1, 0 }, { "/a", 0, 0, 0, 0, 0 },
		{ "a/", 0, 0, 0, 0, 0 }, { "a/b/c", 0, 0, 0, 0, 0 }, { "A.com/x", 0, 0, 0, 0, 0 },
		{ X63, 1, 1, 1, 1, 1 }, { X63 "j", 0, 1, 0, 0, 0 },
		{ X63 "." X63 "." X63 "." X63, 0, 0, 0, 0, 0 }, { "\xc3\xa9", 0, 0, 0, 0, 0 },
	};

	for (size_t i = 0; i < LEN(cases); i++) {
		print_message("  \"%s\"\n", cases[i].s);
		assert_int_equal(!text_bad_dns1123_label(cases[i].s), cases[i].label);
		assert_int_equal(!text_bad_dns1123_subdomain(cases[i].s), cases[i].subdomain);
		assert_int_equal(!text_bad_dns1035_label(cases[i].s), cases[i].dns1035);
		assert_int_equal(!text_bad_qualified_name(cases[i].s), cases[i].qualified);
		assert_int_equal(!text_bad_label_value(cases[i].s), cases[i].value);
	}
	assert_string_equal(text_bad_qualified_name("/x"), "prefix part must be non-empty");
	assert_string_equal(text_bad_qualified_name("x/"), "name part must be non-empty");
}

static void test_utf8(void **state)
{
	static const struct {
		const char *s;
		bool ok;
	} cases[] = {
		{ "", true }, { "a\x7f", true }, { "\xc2\x80", true }, { "\xdf\xbf", true },
		{ "\xe0\xa0\x80", true }, { "\xed\x9f\xbf", true }, { "\xf0\x90\x80\x80", true },
		{ "\xf4\x8f\xbf\xbf", true }, { "\x80", false }, { "\xc1\xbf", false },
		{ "\xe0\x9f\xbf", false }, { "\xed\xa0\x80", false }, { "\xf0\x8f\xbf\xbf", false },
		{ "\xf4\x90\x80\x80", false }, { "\xf5\x80\x80\x80", false }, { "\xe4\xb8", false },
		{ "\xe4\x28\x89", false },
	};

	for (size_t i = 0; i < LEN(cases); i++)
		assert_int_equal(text_is_utf8(cases[i].s, strlen(cases[i].s)), cases[i].ok);
}

static void test_addresses(void **state)
{
	static const struct {
		const char *s;
		int family, prefix;      /* 0: refused; prefix -1: a plain address */
		const char *addr;
	} cases[] = {
		{ "10.0.0.1", 4, -1, "10.0.0.1" }, { "10.0.0.0/16", 4, 16, "10.0.0.0" },
		{ "0.0.0.0/0", 4, 0, "0.0.0.0" }, { "fd00::1", 6, -1, "fd00::1" },
		{ "fd00:0:0::/64", 6, 64, "fd00::" }, { "::/128", 6, 128, "::" },
		{ "10.0.0.0/33", 0, 0, NULL }, { "10.0.0.0/", 0, 0, NULL }, { "10.0.0.0/08", 0, 0, NULL },
		{ "10.0.0/8", 0, 0, NULL }, { "10.0.0.256", 0, -1, NULL }, { "10.0.0.01", 0, -1, NULL },
		{ "fd00::/129", 0, 0, NULL }, { "x", 0, -1, NULL }, { "/8", 0, 0, NULL },
		{ "10.0.0.0/-1", 0, 0, NULL }, { "", 0, -1, NULL },
		{ "11111111111111111111111111111111111111111111111111111/8", 0, 0, NULL },
	};

	for (size_t i = 0; i < LEN(cases); i++) {
		int family = 0, prefix = -1, r;
		uint8_t addr[16];
		char back[46];

		print_message("  %s\n", cases[i].s);
		r = strchr(cases[i].s, '/') ? text_parse_cidr(cases[i].s, &family, addr, &prefix)
			: text_parse_ip(cases[i].s, &family, addr);
		assert_int_equal(r, cases[i].family ? 0 : -ERR_BAD_REQUEST);
		if (r < 0)
			continue;
		assert_int_equal(family, cases[i].family);
		assert_int_equal(prefix, cases[i].prefix);
		text_ip(back, family, addr);
		assert_string_equal(back, cases[i].addr);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_ages),
		cmocka_unit_test(test_random_texts),
		cmocka_unit_test(test_percent_encoding),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
