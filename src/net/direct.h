/* SPDX-License-Identifier: Apache-2.0 */
/*
 * direct - pods of nodes on the same link, reached by a route to the node's own address: no
 * tunnel, no overhead. Ours are told from other routes by their protocol number.
 *
 * Thread:  blocking; workers.
 * Tests:   tests/node/23_routes.sh
 */
#ifndef NET_DIRECT_H
#define NET_DIRECT_H

#include "net/tunnel.h"

/* To the peer's pods of a family, by its address of that family. source: what this machine itself sends to
 * pods from. -ERR_NOT_FOUND: the node is not on a link of this one. */
int direct_peer_add(const struct ip *source, const struct tunnel_peer *p, int family, struct err *reterr);
/* Missing is success. */
int direct_peer_del(const struct tunnel_peer *p, struct err *reterr);
/* Takes away every such route but to these. */
int direct_keep(const struct tunnel_peer *peers, unsigned n, struct err *reterr);

#endif
