/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agree - what servers over one store must have in common, kept in the cloud by the first of
 * them: the ConfigMap sampan-servers of kube-system. One that disagrees does not start. Ranges are compared as ranges,
 * however they are spelled. A cloud of one family may get the other one: who has both is believed, and its word is kept.
 *
 * Thread: loop thread.
 * Tests:  tests/unit/server/test_agree.c, tests/flow/15_servers.sh
 */
#ifndef AGREE_H
#define AGREE_H

#include "base/buf.h"
#include "base/cidr.h"
#include "base/err.h"

struct agree;
struct cache;
struct client;
struct loop;

struct agree_config {                  /* borrowed for the time of the call */
	const struct cidr_pair *services, *pods;
	const int *node_mask;              /* of nodes' blocks of pod addresses, IPv4 and IPv6 */
	const char *ca_cert_pem, *sa_key_pem;
};
/* Before anything is written or served: -ERR_CONFLICT, with what differs and what to do. What is not
 * kept yet agrees. */
int agree_check(struct cache *c, const struct agree_config *cfg, struct err *reterr);
/* Keep it, unless another server did so; then done runs once with 0, -ERR_CONFLICT as above, or -ERR_* of the
 * API. client is taken over in any case. */
int agree_open(struct agree **ret, struct cache *c, struct client *client, const struct agree_config *cfg,
	void (*done)(void *arg, int rc, const struct err *e), void *arg, struct err *reterr);
void agree_close(struct agree *a);     /* done does not run any more; accepts NULL */

#endif
