/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "doc/cron.h"

/* why NULL: well-formed, and then what it means. */
static const struct {
	const char *text, *why;
	uint64_t minutes, hours, weekdays;
	bool any_day, any_weekday;
} cases[] = {
	{ "* * * * *", NULL, (UINT64_C(1) << 60) - 1, 0xffffff, 0x7f, true, true },
	{ "*/15 0 1 * 1-5", NULL, 1 | UINT64_C(1) << 15 | UINT64_C(1) << 30 | UINT64_C(1) << 45, 1, 0x3e, false, false },
	{ "5,10-12 1-23/11 ? jan Sun", NULL, 0x1c20, 1 << 1 | 1 << 12 | 1 << 23, 1, true, false },
	{ "50/5 * * * *", NULL, UINT64_C(1) << 50 | UINT64_C(1) << 55, 0xffffff, 0x7f, true, true },
	{ "@daily", NULL, 1, 1, 0x7f, true, true },
	{ "TZ=UTC 0 0 * * *", NULL, 1, 1, 0x7f, true, true },
	{ "", "empty spec string" },
	{ "* * * *", "expected exactly 5 fields, found 4: [* * * *]" },
	{ "0 0 0 * * *", "expected exactly 5 fields, found 6: [0 0 0 * * *]" },
	{ "x * * * *", "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax" },
	{ "60 * * * *", "end of range (60) above maximum (59): 60" },
	{ "* * 0 * *", "beginning of range (0) below minimum (1): 0" },
	{ "5-2 * * * *", "beginning of range (5) beyond end of range (2): 5-2" },
	{ "1-2-3 * * * *", "too many hyphens: 1-2-3" },
	{ "1/2/3 * * * *", "too many slashes: 1/2/3" },
	{ "*/0 * * * *", "step of range should be a positive number: */0" },
	{ "@reboot", "unrecognized descriptor: @reboot" },
	{ "@every x", "failed to parse duration @every x: time: invalid duration \"x\"" },
};

static void schedules_are_read_as_upstream_reads_them(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cron c;
		struct err e = { 0 };
		int rc = cron_parse(cases[i].text, &c, &e);

		if (cases[i].why) {
			assert_int_equal(rc, -ERR_BAD_REQUEST);
			assert_string_equal(e.msg, cases[i].why);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(c.minutes, cases[i].minutes);
		assert_int_equal(c.hours, cases[i].hours);
		assert_int_equal(c.weekdays, cases[i].weekdays);
		assert_int_equal(c.any_day, cases[i].any_day);
		assert_int_equal(c.any_weekday, cases[i].any_weekday);
		assert_int_equal(c.every_ns, 0);
	}
}

static void every_is_a_distance(void **state)
{
	struct cron c;

	assert_int_equal(cron_parse("@every 1h30m", &c, NULL), 0);
	assert_int_equal(c.every_ns, 5400 * INT64_C(1000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedules_are_read_as_upstream_reads_them),
		cmocka_unit_test(every_is_a_distance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
