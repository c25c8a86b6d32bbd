/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tunnel - pods of other nodes, reached through VXLAN: one link, and for each other node a
 * route to its pods, its neighbour entry and its forwarding entry. All three come from what
 * the Node objects say, so nothing is flooded or learned.
 *
 * A node's end of the tunnel has the first address of its pod range, which no pod gets, and
 * a hardware address made of it: both are known to everybody without being told.
 * Thread:  blocking; workers.
 * Tests:   tests/unit/net/test_net_links.c, tests/node/20_nodes.sh
 * Source:  RFC 7348.
 */
#ifndef NET_TUNNEL_H
#define NET_TUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/link.h"

#define TUNNEL_PORT 8472               /* the kernel's own, not IANA's 4789: Docker's networks use that */
#define TUNNEL_ID 1
#define TUNNEL_OVERHEAD 50             /* bytes of each packet: outer IPv4, UDP, VXLAN, inner Ethernet */

struct tunnel {
	char name[LINK_NAME_MAX];      /* "sampanx" */
	uint8_t address[4];            /* this node's own, between the nodes */
	uint8_t range[4]; int prefix;  /* its pods' */
	uint8_t source[4];             /* what this machine itself sends to pods from: the bridge's address */
};
struct tunnel_peer { uint8_t address[4], range[4]; int prefix;
	bool direct; };                        /* rather by a route of its own, see direct.h */

/* Makes the link unless it is there as it should be; another one of the name is replaced. */
int tunnel_up(const struct tunnel *t, struct err *reterr);
/* Its packet size is once more what the link below allows; no tunnel is success. */
int tunnel_fit(const struct tunnel *t, struct err *reterr);
int tunnel_peer_add(const struct tunnel *t, const struct tunnel_peer *p, struct err *reterr);
/* Missing is success. */
int tunnel_peer_del(const struct tunnel *t, const struct tunnel_peer *p, struct err *reterr);
/* Takes away the way to every other range than these. */
int tunnel_keep(const struct tunnel *t, const struct tunnel_peer *peers, unsigned n, struct err *reterr);

#endif
