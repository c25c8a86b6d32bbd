/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conntrack - forgets translations of UDP flows that no longer hold. The kernel keeps
 * a flow's translation while packets come; a client that goes on asking would be sent
 * to a pod that is gone for ever.
 *
 * Thread:  blocking; workers.
 * Tests:   tests/unit/net/test_net_root.c
 */
#ifndef NET_CONNTRACK_H
#define NET_CONNTRACK_H

#include <stdint.h>

#include "base/err.h"
#include "net/ip.h"

struct conntrack_end { struct ip ip; uint16_t port; };    /* network order */
struct conntrack_service {
	int family;
	struct conntrack_end at;                          /* without ip: the port on any address (node ports) */
	struct conntrack_end *targets; unsigned target_count;
};
/* Flows to one of the services that are translated to none of its targets. */
int conntrack_forget(const struct conntrack_service *s, unsigned count, struct err *reterr);

#endif
