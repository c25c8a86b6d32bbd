/* SPDX-License-Identifier: Apache-2.0 */
/*
 * choose - which of a Service's endpoints serve its port, seen from this node. Pure.
 *
 * Source:  kubernetes pkg/proxy/topology.go, CategorizeEndpoints (KEP-1669 for those that end,
 *          KEP-2433 and KEP-3015 for hints).
 * Tests:   tests/unit/net/test_choose.c
 */
#ifndef NET_CHOOSE_H
#define NET_CHOOSE_H

#include <stdbool.h>

#include "net/ip.h"
#include "net/net.h"

struct choice {
	unsigned *all, all_count;      /* indexes into eps: for traffic that may go anywhere */
	unsigned *local, local_count;  /* for traffic that stays on this node */
	bool any;                      /* somebody serves somewhere: what finds nobody here is dropped, not refused */
};
/* Of those of one family (IP4, IP6). 0 or -ERR_NOMEM. */
int choose_endpoints(struct choice *ret, const struct net_service *s, const struct net_port *port, int family);
void choose_finish(struct choice *c);

#endif
