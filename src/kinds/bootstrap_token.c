/* SPDX-License-Identifier: Apache-2.0 */
/* bootstrap_token - see bootstrap_token.h. */
#include "kinds/bootstrap_token.h"

#include <string.h>

bool bootstrap_token_letters(const char *s, size_t n)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789") >= n;
}

bool bootstrap_token_form(const char *token)
{
	return strlen(token) == TOKEN_ID_LEN + 1 + TOKEN_SECRET_LEN && token[TOKEN_ID_LEN] == '.' &&
		bootstrap_token_letters(token, TOKEN_ID_LEN) && bootstrap_token_letters(token + TOKEN_ID_LEN + 1, TOKEN_SECRET_LEN);
}
