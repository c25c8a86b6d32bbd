/* SPDX-License-Identifier: Apache-2.0 */
/* join_priv - what joining as a node (join.c) and as a server (join_server.c) share. */
#ifndef JOIN_PRIV_H
#define JOIN_PRIV_H

#include "base/buf.h"
#include "join.h"

struct joining {
	const struct join_config *cfg;
	char url[400], cn[300], path[4300];
	struct buf ca, key, cert;
	struct err *reterr;
};

/* DIR/pki/NAME; good until the next call. */
const char *join_at(struct joining *j, const char *name);
/* The words of the command line that both take; j->url is set. */
int join_check(struct joining *j);
/* ca, which lies there, is the pinned one: it is j->ca now. -ERR_CONFLICT: of another cloud. */
int join_same_authority(struct joining *j, const struct buf *ca);
/* j->ca fetched, and its key is the pinned one. */
int join_authority(struct joining *j);
int join_unreachable(struct joining *j, const char *why);
void join_finish(struct joining *j);

#endif
