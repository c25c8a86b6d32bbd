/* SPDX-License-Identifier: Apache-2.0 */
/* token - the form of tokens that machines join with, and their Secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cli/token.h"

static void a_token_is_an_id_and_a_secret(void **state)
{
	static const struct { const char *token; bool ok; } cases[] = {
		{ "abcdef.0123456789abcdef", true },
		{ "abcdef.0123456789abcde", false },
		{ "abcdef.0123456789abcdefg", false },
		{ "abcdefg.123456789abcdef", false },
		{ "abcdef-0123456789abcdef", false },
		{ "ABCDEF.0123456789abcdef", false },
		{ "abcd\"f.0123456789abcdef", false },
		{ "", false },
	};
	char token[TOKEN_MAX], another[TOKEN_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (bootstrap_token_form(cases[i].token) != cases[i].ok)
			fail_msg("%s", cases[i].token);
	cli_token_random(token);
	cli_token_random(another);
	assert_true(bootstrap_token_form(token));
	assert_string_not_equal(token, another);
}

static void its_secret_is_upstreams(void **state)
{
	BUF_AUTO struct buf b = { 0 };
	struct err e = { 0 };

	assert_int_equal(cli_token_secret(&b, "abcdef.0123456789abcdef", 1000000, "signing,authentication", "a \"b\"", &e), 0);
	assert_string_equal(b.p, "{\"metadata\":{\"name\":\"bootstrap-token-abcdef\"},\"type\":\"bootstrap.kubernetes.io/token\","
		"\"stringData\":{\"token-id\":\"abcdef\",\"token-secret\":\"0123456789abcdef\","
		"\"auth-extra-groups\":\"system:bootstrappers:sampan:default-node-token\",\"usage-bootstrap-authentication\":\"true\","
		"\"usage-bootstrap-signing\":\"true\",\"expiration\":\"1970-01-01T00:00:01Z\",\"description\":\"a \\\"b\\\"\"}}");
	buf_clear(&b);
	assert_int_equal(cli_token_secret(&b, "abcdef.0123456789abcdef", 0, "authentication", NULL, &e), 0);
	assert_null(strstr(b.p, "expiration"));
	assert_null(strstr(b.p, "signing"));
	assert_int_equal(cli_token_secret(&b, "abcdef.0123456789abcdef", 0, "everything", NULL, &e), -ERR_BAD_REQUEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_an_id_and_a_secret),
		cmocka_unit_test(its_secret_is_upstreams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
