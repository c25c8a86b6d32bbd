/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link - links, addresses and routes by netlink: the bridge that has the node's addresses, and
 * each pod's pair of virtual Ethernet ends.
 *
 * Thread:  blocking; workers. Entering a pod's namespace changes the calling thread
 *          only and is undone before the call returns.
 * Tests:   tests/unit/net/test_net_root.c
 */
#ifndef NET_LINK_H
#define NET_LINK_H

#include <stdint.h>

#include "base/err.h"
#include "net/ip.h"

#define LINK_NAME_MAX 16

struct link_bridge {                           /* by family; len 0: without it */
	char name[LINK_NAME_MAX];              /* "sampan0"; it has no ports */
	struct ip gateway[IP_FAMILIES];        /* in the node's pod range; this machine's end of each pod's link has it, too */
	int prefix[IP_FAMILIES];
	struct ip dns[IP_FAMILIES];            /* a second one, alone */
	struct ip_range service[IP_FAMILIES];  /* routed, so that local senders have a way and a source */
};
/* Makes what is missing of it; forwarding on. name: net_config.name. */
int link_bridge_up(const struct link_bridge *b, const char *name, struct err *reterr);
/* Where another network has the pods: a link of its own for the addresses of DNS and Services; what
 * there is of a bridge and a tunnel goes. */
int link_alone_up(const struct link_bridge *b, const char *name, struct err *reterr);
/* The bridge and the tunnel, which take their addresses and routes with them, and every link
 * whose name begins as pods' do ("sampan" and 8 hex digits). */
int link_bridge_down(const char *name, struct err *reterr);

struct link_pod {
	char host_name[LINK_NAME_MAX];
	const char *netns_path;
	const char *tunnel;                    /* packets must fit through it, once it is there */
	struct ip ip[IP_FAMILIES], gateway[IP_FAMILIES];
	struct ip mac_of;                      /* its hardware address is made of this one */
};
/* Of one that is there and has its addresses only this machine's end is set. */
int link_pod_add(const struct link_pod *p, struct err *reterr);
int link_del(const char *name, struct err *reterr);    /* missing is success */
/* The link that Services' ranges are routed to, where b is up. Source: link.c. */
int link_of_services(const char *bridge, int family);

#endif
