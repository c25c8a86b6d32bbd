/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_token - bearer tokens. The first byte says what the rest is: a token as a client
 * sends it, or the claims of one whose signature was right.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "http/pki.h"
#include "served.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int key(void *arg, const char **ret_pem, struct err *reterr)
{
	static struct buf pem;

	(void)arg;
	if (!pem.len && pki_rsa_key(&pem, reterr))
		return -ERR_INTERNAL;
	*ret_pem = pem.p;
	return 0;
}

static void claims(struct arena *a, const char *json, size_t n)
{
	static const char *const vault[] = { "vault", NULL };
	struct token_check check = { vault };
	struct user u = { 0 };
	struct err e = { 0 };
	yyjson_doc *d;
	int rc;

	if (doc_parse(a, json, n, &d, NULL))
		return;
	/* Nobody has an account here. */
	rc = claims_check(api, a, yyjson_doc_get_root(d), NULL, &u, &e);
	assert(rc == -ERR_UNAUTHORIZED && *e.msg);
	rc = claims_check(api, a, yyjson_doc_get_root(d), &check, &u, NULL);
	assert(rc == -ERR_UNAUTHORIZED);
}

static void token(struct arena *a, const char *text)
{
	static const char *const vault[] = { "vault", NULL };
	const char *out[2] = { "", "" };
	struct user u = { 0 };
	struct err e = { 0 };
	int rc = tokens_verify(api->tokens, a, text, NULL, &u, &e);

	assert(rc == -ERR_UNAUTHORIZED && *e.msg);
	tokens_audiences(api->tokens, text, vault, out);
	assert(!out[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a;
	char *text;

	if (!api)
		served_start(key);
	if (!n)
		return -1;
	a = arena_open(4u << 20);
	text = a ? arena_strndup(a, (const char *)p + 1, n - 1) : NULL;
	if (text && *p == 'c')
		claims(a, text, n - 1);
	else if (text)
		token(a, text);
	arena_close(a);
	return 0;
}
