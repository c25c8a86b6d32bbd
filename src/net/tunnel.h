/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tunnel - pods of other nodes, reached through VXLAN: one link, and for each other node a
 * route to its pods, its neighbour entry and its forwarding entry. All three come from what
 * the Node objects say, so nothing is flooded or learned.
 *
 * A node's end of the tunnel has the first address of its pod range, which no pod gets, and
 * a hardware address made of it: both are known to everybody without being told. One link carries
 * both families, between nodes' addresses of the family that this node's first one has.
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
struct tunnel {
	char name[LINK_NAME_MAX];      /* "sampanx" */
	struct ip address;             /* this node's own, between the nodes; of either family */
	struct ip_range range[IP_FAMILIES];    /* its pods' */
	struct ip source[IP_FAMILIES]; /* what this machine itself sends to pods from: the bridge's addresses */
};
struct tunnel_peer { struct ip address[IP_FAMILIES]; struct ip_range range[IP_FAMILIES];
	bool direct; };                        /* rather by routes of its own, see direct.h */

/* What both ends' hardware addresses are made of: a node's IPv4 range, or its only one. */
const struct ip *tunnel_mac_of(const struct ip_range range[IP_FAMILIES]);
/* Makes the link unless it is there as it should be; another one of the name is replaced. */
int tunnel_up(const struct tunnel *t, struct err *reterr);
/* Its packet size is once more what the link below allows; no tunnel is success. */
int tunnel_fit(const struct tunnel *t, struct err *reterr);
/* The way to the peer's pods of one family. */
int tunnel_peer_add(const struct tunnel *t, const struct tunnel_peer *p, int family, struct err *reterr);
/* Missing is success. */
int tunnel_peer_del(const struct tunnel *t, const struct tunnel_peer *p, struct err *reterr);
/* Takes away the way to every other range than these. */
int tunnel_keep(const struct tunnel *t, const struct tunnel_peer *peers, unsigned n, struct err *reterr);

#endif
