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

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Its index. 0: no link has that address. */
int uplink_of(const uint8_t address[4]);
/* A balancer's address comes (already there: success) or goes (missing: success). */
int uplink_address(int index, const uint8_t ip[4], bool on, struct err *reterr);
/* Takes every balancer's address but these off all links. */
int uplink_keep(const uint8_t (*ips)[4], unsigned n, struct err *reterr);
/* Tell everybody on the link that these are here now: gratuitous ARP, as request and as answer,
 * for there are those who heed only one. All by one socket: the kernel takes long to close such
 * a one. Source: RFC 5227, 3. */
int uplink_claim(int index, const uint8_t (*ips)[4], unsigned n, struct err *reterr);

#endif
