/* SPDX-License-Identifier: Apache-2.0 */
/* Who speaks in a frame of ARP, or in a message between neighbours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net/net_priv.h"

static const uint8_t answer[] = { 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1, 192, 0, 2, 7, 2, 0, 0, 0, 0, 2, 192, 0, 2, 9 };

static const struct { const char *name; unsigned at; uint8_t byte; size_t len; bool ok; } cases[] = {
	{ "an answer", 7, 2, sizeof(answer), true },
	{ "a request", 7, 1, sizeof(answer), true },
	{ "cut short", 7, 2, sizeof(answer) - 1, false },
	{ "empty", 7, 2, 0, false },
	{ "of another kind of link", 1, 6, sizeof(answer), false },
	{ "of another protocol", 2, 0x86, sizeof(answer), false },
	{ "of longer hardware addresses", 4, 8, sizeof(answer), false },
	{ "of longer addresses", 5, 16, sizeof(answer), false },
};

static void test_who_speaks(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t *frame = malloc(cases[i].len ? cases[i].len : 1), ip[4] = { 0 }, copy[sizeof(answer)];
		bool ok;

		print_message("%s\n", cases[i].name);
		memcpy(copy, answer, sizeof(copy));
		copy[cases[i].at] = cases[i].byte;
		/* Of its own length: reading on is seen. */
		assert_non_null(frame);
		memcpy(frame, copy, cases[i].len);
		ok = pulse_answer(frame, cases[i].len, ip);
		free(frame);
		assert_int_equal(ok, cases[i].ok);
		if (ok)
			assert_memory_equal(ip, answer + 14, 4);
	}
}

static void test_who_speaks_as_a_neighbour(void **state)
{
	uint8_t m[24] = { 136, 0, 0, 0, 0x60, 0, 0, 0, 0xfd, [23] = 7 }, ip[16];

	(void)state;
	assert_true(pulse_answer6(m, sizeof(m), ip));
	assert_memory_equal(ip, m + 8, 16);
	assert_false(pulse_answer6(m, sizeof(m) - 1, ip));
	m[0] = 135;
	assert_false(pulse_answer6(m, sizeof(m), ip));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_who_speaks), cmocka_unit_test(test_who_speaks_as_a_neighbour) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
