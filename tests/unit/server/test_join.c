/* SPDX-License-Identifier: Apache-2.0 */
/* join - what is refused before anything is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/file.h"
#include "join.h"

#define PIN "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void a_server_is_named_as_people_do(void **state)
{
	static const struct { const char *typed, *url; } cases[] = {
		{ "https://10.0.0.1:6443", "https://10.0.0.1:6443" },
		{ "https://10.0.0.1:7443/", "https://10.0.0.1:7443" },
		{ "10.0.0.1", "https://10.0.0.1:6443" },
		{ "cloud.example.com:443", "https://cloud.example.com:443" },
		{ "[fd00::1]", "https://[fd00::1]:6443" },
		{ "https://[fd00::1]:80", "https://[fd00::1]:80" },
		{ "http://10.0.0.1", NULL }, { "", NULL }, { "https://", NULL }, { "a b", NULL }, { "host/path", NULL },
		{ "user@host", NULL }, { ":6443", NULL }, { "fd00::1]", NULL }, { "a\nb: c", NULL },
	};
	struct err e = { 0 };
	char url[400];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = join_url(cases[i].typed, url, &e);

		if (cases[i].url ? rc || strcmp(url, cases[i].url) : rc != -ERR_BAD_REQUEST)
			fail_msg("\"%s\": %s", cases[i].typed, rc ? e.msg : url);
	}
}

static void malformed_words_make_nothing(void **state)
{
	static const struct { const char *token, *pin, *node; } cases[] = {
		{ "abcdef.0123456789abcde", PIN, "n1" },
		{ "abcdef.0123456789abcdef", "sha256:12", "n1" },
		{ "abcdef.0123456789abcdef", "md5:0123", "n1" },
		{ "abcdef.0123456789abcdef", PIN, "N 1" },
		{ "abcdef.0123456789abcdef", PIN, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct join_config c = { .url = "127.0.0.1:1", .token = cases[i].token, .ca_pin = cases[i].pin,
			.pki_dir = "/tmp/sampan-no-such-directory/pki", .node_name = cases[i].node };
		struct err e = { 0 };

		assert_int_equal(join(&c, &e), -ERR_BAD_REQUEST);
		assert_true(e.msg[0]);
		assert_false(file_exists("/tmp/sampan-no-such-directory"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_is_named_as_people_do),
		cmocka_unit_test(malformed_words_make_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
