/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token - the tokens that machines join with: Secrets of kube-system, of the form that upstream's tools know.
 * Source: kubernetes staging/src/k8s.io/cluster-bootstrap/token.
 * Tests:  tests/unit/cli/test_token.c, tests/flow/13_join.sh
 */
#ifndef CLI_TOKEN_H
#define CLI_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/ask.h"

#define TOKEN_ID_LEN     6
#define TOKEN_SECRET_LEN 16
#define TOKEN_MAX        (TOKEN_ID_LEN + 1 + TOKEN_SECRET_LEN + 1)

/* "abcdef.0123456789abcdef" */
bool cli_token_form(const char *token);
/* A new one; and the Secret that makes it known. expire_us 0: it never ends. usages: "authentication", "signing",
 * with commas between; -ERR_BAD_REQUEST for others. */
void cli_token_random(char out[TOKEN_MAX]);
int cli_token_secret(struct buf *out, const char *token, int64_t expire_us, const char *usages, const char *description,
	struct err *reterr);

/* Make one and print the command that joins a machine with it. */
int cli_token_create(struct ask *a, const char *pin, int64_t ttl_ns, const char *usages, const char *description,
	struct err *reterr);
int cli_token_list(struct ask *a, struct err *reterr);
/* id: with or without the secret. */
int cli_token_delete(struct ask *a, const char *id, struct err *reterr);

#endif
