/* SPDX-License-Identifier: Apache-2.0 */
/* tunnel - see tunnel.h. */
#include "net/tunnel.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/netlink.h"

/* Of the link that has the node's address. */
static uint32_t underlay_mtu(const uint8_t address[4])
{
	struct ifaddrs *all = NULL;
	uint32_t mtu = 0;

	if (getifaddrs(&all))
		return NETLINK_MTU_DEFAULT;
	for (struct ifaddrs *i = all; i && !mtu; i = i->ifa_next)
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET &&
		    !memcmp(&((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, address, 4))
			mtu = netlink_mtu(i->ifa_name);
	freeifaddrs(all);
	return mtu >= NETLINK_MTU_MIN + TUNNEL_OVERHEAD ? mtu : NETLINK_MTU_DEFAULT;
}

static int make(struct nl_sock *sk, const struct tunnel *t, struct err *reterr)
{
	struct nl_msg *m = netlink_link_msg(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, AF_UNSPEC, 0, IFF_UP);
	struct nlattr *info, *data;
	uint8_t mac[6];

	if (m) {
		netlink_mac(t->range, mac);
		nla_put_string(m, IFLA_IFNAME, t->name);
		nla_put(m, IFLA_ADDRESS, sizeof(mac), mac);
		nla_put_u32(m, IFLA_MTU, underlay_mtu(t->address) - TUNNEL_OVERHEAD);
		info = nla_nest_start(m, IFLA_LINKINFO);
		nla_put_string(m, IFLA_INFO_KIND, "vxlan");
		data = nla_nest_start(m, IFLA_INFO_DATA);
		nla_put_u32(m, IFLA_VXLAN_ID, TUNNEL_ID);
		nla_put(m, IFLA_VXLAN_LOCAL, 4, t->address);
		nla_put_u8(m, IFLA_VXLAN_LEARNING, 0);
		nla_put_u16(m, IFLA_VXLAN_PORT, htons(TUNNEL_PORT));
		nla_nest_end(m, data);
		nla_nest_end(m, info);
	}
	return netlink_send(sk, m, 0, "making the tunnel", reterr);
}

/* A link of the name that is this tunnel: VXLAN, from the same address, with the same hardware address. */
struct look { const struct tunnel *t; bool same; };

static int on_link(struct nl_msg *m, void *arg)
{
	struct look *l = arg;
	struct nlattr *at[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *vx[IFLA_VXLAN_MAX + 1];
	uint8_t mac[6];

	netlink_mac(l->t->range, mac);
	l->same = !nlmsg_parse(nlmsg_hdr(m), sizeof(struct ifinfomsg), at, IFLA_MAX, NULL) && at[IFLA_LINKINFO] &&
		at[IFLA_ADDRESS] && nla_len(at[IFLA_ADDRESS]) == 6 && !memcmp(nla_data(at[IFLA_ADDRESS]), mac, 6) &&
		!nla_parse_nested(info, IFLA_INFO_MAX, at[IFLA_LINKINFO], NULL) && info[IFLA_INFO_KIND] &&
		!strcmp(nla_get_string(info[IFLA_INFO_KIND]), "vxlan") && info[IFLA_INFO_DATA] &&
		!nla_parse_nested(vx, IFLA_VXLAN_MAX, info[IFLA_INFO_DATA], NULL) && vx[IFLA_VXLAN_LOCAL] &&
		nla_len(vx[IFLA_VXLAN_LOCAL]) == 4 && !memcmp(nla_data(vx[IFLA_VXLAN_LOCAL]), l->t->address, 4) &&
		vx[IFLA_VXLAN_ID] && nla_get_u32(vx[IFLA_VXLAN_ID]) == TUNNEL_ID;
	return NL_OK;
}

static bool is_there(struct nl_sock *sk, const struct tunnel *t, int index)
{
	struct look l = { .t = t };

	return !netlink_ask(sk, netlink_link_msg(RTM_GETLINK, 0, AF_UNSPEC, index, 0), on_link, &l, "asking for the tunnel", NULL) && l.same;
}

int tunnel_up(const struct tunnel *t, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	int index = (int)if_nametoindex(t->name), rc;

	if ((rc = netlink_open(&sk, reterr)))
		return rc;
	if (index) {
		NETLINK_AUTO struct nl_sock *query = NULL;

		if ((rc = netlink_open(&query, reterr)))
			return rc;
		if (!is_there(query, t, index)) {
			if ((rc = link_del(t->name, reterr)))
				return rc;
			index = 0;
		}
	}
	if (!index && (rc = make(sk, t, reterr)))
		return rc;
	index = (int)if_nametoindex(t->name);
	if (!index)
		return err_errno(reterr, "the tunnel %s", t->name);
	return netlink_address(sk, index, t->range, 32, reterr);
}

int tunnel_fit(const struct tunnel *t, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	int index = (int)if_nametoindex(t->name), rc;
	struct nl_msg *m;

	if (!index)
		return 0;
	if ((rc = netlink_open(&sk, reterr)))
		return rc;
	m = netlink_link_msg(RTM_NEWLINK, 0, AF_UNSPEC, index, 0);
	if (m)
		nla_put_u32(m, IFLA_MTU, underlay_mtu(t->address) - TUNNEL_OVERHEAD);
	return netlink_send(sk, m, 0, "the tunnel's packet size", reterr);
}

static struct nl_msg *neighbour(int type, int flags, int family, int index, int how)
{
	struct ndmsg nd = { .ndm_family = (unsigned char)family, .ndm_ifindex = index, .ndm_state = NUD_PERMANENT,
		.ndm_flags = (unsigned char)how };
	struct nl_msg *m = nlmsg_alloc_simple(type, flags);

	if (m)
		nlmsg_append(m, &nd, sizeof(nd), NLMSG_ALIGNTO);
	return m;
}

/* Frames for the peer's hardware address go to its address; NULL: to no one any more. */
static int forward(struct nl_sock *sk, int index, const uint8_t range[4], const uint8_t *address, struct err *reterr)
{
	struct nl_msg *m = address ? neighbour(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, AF_BRIDGE, index, NTF_SELF) :
		neighbour(RTM_DELNEIGH, 0, AF_BRIDGE, index, NTF_SELF);
	uint8_t mac[6];

	netlink_mac(range, mac);
	if (m) {
		nla_put(m, NDA_LLADDR, sizeof(mac), mac);
		if (address)
			nla_put(m, NDA_DST, 4, address);
	}
	return netlink_send(sk, m, address ? 0 : NLE_OBJ_NOTFOUND, "a forwarding entry", reterr);
}

/* The peer's end of the tunnel has this hardware address; or, gone, no longer any. */
static int know(struct nl_sock *sk, int index, const uint8_t range[4], bool gone, struct err *reterr)
{
	struct nl_msg *m = gone ? neighbour(RTM_DELNEIGH, 0, AF_INET, index, 0) :
		neighbour(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, AF_INET, index, 0);
	uint8_t mac[6];

	netlink_mac(range, mac);
	if (m) {
		nla_put(m, NDA_DST, 4, range);
		if (!gone)
			nla_put(m, NDA_LLADDR, sizeof(mac), mac);
	}
	return netlink_send(sk, m, gone ? NLE_OBJ_NOTFOUND : 0, "a neighbour", reterr);
}

int tunnel_peer_add(const struct tunnel *t, const struct tunnel_peer *p, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	struct netlink_route r = { .index = (int)if_nametoindex(t->name), .dst = p->range, .prefix = p->prefix,
		.gateway = p->range, .src = t->source, .onlink = true };
	int rc;

	if (!r.index)
		return err_errno(reterr, "the tunnel %s", t->name);
	if ((rc = netlink_open(&sk, reterr)) || (rc = forward(sk, r.index, p->range, p->address, reterr)) ||
	    (rc = know(sk, r.index, p->range, false, reterr)))
		return rc;
	return netlink_route_set(sk, &r, reterr);
}

static int drop(struct nl_sock *sk, int index, const struct netlink_range *to, struct err *reterr)
{
	int rc = netlink_route_del(sk, &(struct netlink_route){ .index = index, .dst = to->dst, .prefix = to->prefix }, reterr), r;

	if ((r = know(sk, index, to->dst, true, reterr)))
		rc = r;
	if ((r = forward(sk, index, to->dst, NULL, reterr)))
		rc = r;
	return rc;
}

static struct netlink_range range_of(const struct tunnel_peer *p)
{
	struct netlink_range r = { .prefix = p->prefix };

	memcpy(r.dst, p->range, sizeof(r.dst));
	return r;
}

int tunnel_peer_del(const struct tunnel *t, const struct tunnel_peer *p, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	const struct netlink_range to = range_of(p);
	int index = (int)if_nametoindex(t->name), rc;

	if (!index)
		return 0;
	rc = netlink_open(&sk, reterr);
	return rc ? rc : drop(sk, index, &to, reterr);
}

int tunnel_keep(const struct tunnel *t, const struct tunnel_peer *peers, unsigned n, struct err *reterr)
{
	const struct netlink_routes ours = { .index = (int)if_nametoindex(t->name), .remove = drop };
	struct netlink_range *keep;
	int rc;

	if (!ours.index)
		return 0;
	keep = calloc(n + 1, sizeof(*keep));
	if (!keep)
		return err_set(reterr, ERR_NOMEM, "the routes of the tunnel: out of memory");
	for (unsigned i = 0; i < n; i++)
		keep[i] = range_of(&peers[i]);
	rc = netlink_routes_keep(&ours, keep, n, reterr);
	free(keep);
	return rc;
}
