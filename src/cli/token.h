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
#include "kinds/bootstrap_token.h"

#define TOKEN_MAX        (TOKEN_ID_LEN + 1 + TOKEN_SECRET_LEN + 1)

/* A new one; and the Secret that makes it known. expire_us 0: it never ends. usages: "authentication", "signing",
 * with commas between; -ERR_BAD_REQUEST for others. */
void cli_token_random(char out[TOKEN_MAX]);
int cli_token_secret(struct buf *out, const char *token, int64_t expire_us, const char *usages, const char *description,
	struct err *reterr);

/* For a machine that becomes a server: the keys of servers, sealed, lie in a Secret that this token may read, for
 * TOKEN_SERVER_S at most. */
#define TOKEN_SERVER_S       7200
#define TOKEN_SERVER_SECRETS "/api/v1/namespaces/kube-system/secrets/sampan-server-"   /* and the token's id */
#define TOKEN_SERVER_SEALED  "sealed"                                                  /* a member of its data */
struct cli_token_server {
	const char *key;               /* printed, and never sent */
	int (*seal)(void *arg, const char *id, struct buf *out, struct err *reterr);
	void *arg;
};
/* Make one and print the command that joins a machine with it; server NULL: as a node. */
int cli_token_create(struct ask *a, const char *pin, int64_t ttl_ns, const char *usages, const char *description,
	const struct cli_token_server *server, struct err *reterr);
int cli_token_list(struct ask *a, struct err *reterr);
/* id: with or without the secret. */
int cli_token_delete(struct ask *a, const char *id, struct err *reterr);

#endif
