/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask - calls to the API one after another, for commands that end.
 *
 * Thread: the command's only one; ask() runs the loop until the answer is there.
 * Tests:  tests/flow/13_join.sh
 */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "base/arena.h"
#include "client/client.h"

struct ask {
	struct loop *loop;
	struct client *client;
	struct arena *arena;       /* of the answers */
	/* of the call under way */
	int rc;
	yyjson_val *obj;
	struct err *reterr;
};
/* client: whom to ask, by kubeconfig; its being missing is told with what to do. ask_close in any case. */
int ask_open(struct ask *a, const char *kubeconfig, struct err *reterr);
int ask_open_client(struct ask *a, const struct client_config *cfg, struct err *reterr);
void ask_close(struct ask *a);
/* body: JSON, or NULL. *ret (may be NULL) lives as long as a. A PATCH is a merge patch. */
int ask(struct ask *a, const char *method, const char *path, const char *query, const char *body, yyjson_val **ret,
	struct err *reterr);

#endif
