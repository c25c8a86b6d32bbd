/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netlink - requests to the kernel that every kind of link needs: links, addresses, routes.
 *
 * Thread:  blocking; workers. A socket belongs to the network namespace it was opened in.
 * Errors:  0 or -ERR_IO, -ERR_NOMEM; what is asked for and there already is success.
 * Tests:   tests/unit/net/test_net_root.c
 */
#ifndef NET_NETLINK_H
#define NET_NETLINK_H

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/ip.h"

int netlink_open(struct nl_sock **ret, struct err *reterr);
void netlink_close(struct nl_sock **sk);
#define NETLINK_AUTO __attribute__((cleanup(netlink_close)))

/* RTM_*LINK with its header; up: IFF_UP, or 0 to leave that. NULL: no memory. */
struct nl_msg *netlink_link_msg(int type, int flags, int family, int index, unsigned up);
/* Sends and frees m (NULL: -ERR_NOMEM); an answer of -fine (NLE_*) counts as success. */
int netlink_send(struct nl_sock *sk, struct nl_msg *m, int fine, const char *what, struct err *reterr);
/* Usable at once: nobody is asked whether it is another's. */
int netlink_address(struct nl_sock *sk, int index, const struct ip *ip, int prefix, struct err *reterr);
/* gateway NULL: on the link itself; src NULL: the kernel chooses. onlink: the gateway is behind
 * the link though no address says so. Replaces a route of the same destination. */
struct netlink_route { int index; struct ip_range dst; const struct ip *gateway, *src; bool onlink;
	uint8_t proto; };                      /* RTPROT_*; 0: static */
int netlink_route_set(struct nl_sock *sk, const struct netlink_route *r, struct err *reterr);
/* By destination, and link and protocol where they are not 0; missing is success. */
int netlink_route_del(struct nl_sock *sk, const struct netlink_route *r, struct err *reterr);
/* Routes through a link, or of a protocol; 0: of any. remove: takes one away, with all that
 * belongs to it; NULL: the route alone. */
struct netlink_routes { int index; uint8_t proto;
	int (*remove)(struct nl_sock *sk, int index, const struct ip_range *r, struct err *reterr); };
/* Takes away every one of them but to these. */
int netlink_routes_keep(const struct netlink_routes *of, const struct ip_range *keep, unsigned n, struct err *reterr);
/* What the kernel answers to m (freed; NULL: -ERR_NOMEM), one call of fn a message. */
int netlink_ask(struct nl_sock *sk, struct nl_msg *m, nl_recvmsg_msg_cb_t fn, void *arg, const char *what, struct err *reterr);
/* The same for all that there is of a type (RTM_GET*), over a socket of its own. */
int netlink_dump(int type, const void *header, size_t n, nl_recvmsg_msg_cb_t fn, void *arg, const char *what, struct err *reterr);
/* IFLA_ADDRESS: locally administered, made of an address. */
void netlink_mac(const struct ip *ip, uint8_t ret[6]);
/* The largest packet that goes through a link; 0: there is none of that name. */
uint32_t netlink_mtu(const char *name);
#define NETLINK_MTU_DEFAULT 1500
#define NETLINK_MTU_MIN     576        /* less is not believed */
/* Is it this one? a: as the kernel lists a link's addresses, or NULL. */
struct sockaddr;
bool netlink_is_ip(const struct sockaddr *a, const struct ip *ip);
int netlink_sysctl(const char *path, const char *value, struct err *reterr);
/* A link (or "all", "default") of IPv6's: /proc/sys/net/ipv6/conf/LINK/NAME, of this thread's network. */
int netlink_sysctl6(const char *link, const char *name, const char *value, struct err *reterr);

#endif
