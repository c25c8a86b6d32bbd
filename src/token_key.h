/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_key - DIR/pki/sa.key, the key that signs service-account tokens: read, or made on a
 * thread of its own while the server starts, for it takes longer than everything else. RSA,
 * because clients of the API expect RS256.
 *
 * Thread: one; what says so waits.
 * Tests:  tests/unit/server/test_token_key.c
 */
#ifndef TOKEN_KEY_H
#define TOKEN_KEY_H

#include "base/err.h"

struct token_key;
/* Makes DIR/pki when it is missing. A file that holds no key is an error at once. */
int token_key_open(struct token_key **ret, const char *dir, struct err *reterr);
/* arg: the token_key. The key as PEM, good until close, once it lies on the disk: waits for that, some 50 ms
 * at the longest, of a cloud's first moments. */
int token_key_pem(void *arg, const char **ret_pem, struct err *reterr);
void token_key_close(struct token_key *k);     /* waits likewise; wipes the key; NULL is fine */

#endif
