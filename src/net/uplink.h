/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uplink - the link that has the node's own address, and what of ours is on it: balancers'
 * addresses. They are told from others by their protocol number, which the kernel keeps for us
 * (since Linux 5.18): so an agent that starts finds what an earlier life left.
 *
 * Thread:  blocking; workers.
 * Tests:   tests/unit/net/test_net_links.c, tests/node/22_services.sh
 */
#ifndef NET_UPLINK_H
#define NET_UPLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/ip.h"

/* Its index. 0: no link has that address. */
int uplink_of(const struct ip *address);
/* A balancer's address comes (already there: success) or goes (missing: success). */
int uplink_address(int index, const struct ip *ip, bool on, struct err *reterr);
/* Takes every balancer's address but these off all links. */
int uplink_keep(const struct ip *ips, unsigned n, struct err *reterr);
/* Tell everybody on the link that those of the family are here now. IPv4: gratuitous ARP, as request and as answer,
 * for there are those who heed only one; IPv6: neighbour advertisements that nobody asked for. All by
 * one socket: the kernel takes long to close such a one. Source: RFC 5227, 3; RFC 4861, 7.2.6. */
int uplink_claim(int index, int family, const struct ip *ips, unsigned n, struct err *reterr);
/* Its hardware address and name. -ERR_UNAVAILABLE: it has none as Ethernet's; -ERR_NOT_FOUND, -ERR_IO: errno says more. */
int uplink_mac(int index, uint8_t ret[6], char name[IF_NAMESIZE]);
/* A socket for messages between neighbours of that link, not blocking; -1: errno. */
int uplink_icmp6(int index);

#endif
