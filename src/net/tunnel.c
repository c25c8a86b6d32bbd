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

/* Bytes of each packet: outer IP, UDP, VXLAN, inner Ethernet. */
static uint32_t overhead(const struct ip *address)
{
	return address->len == 4 ? 50 : 70;
}

/* What goes through, by the link that has the node's address. */
static uint32_t tunnel_mtu(const struct tunnel *t)
{
	struct ifaddrs *all = NULL;
	uint32_t mtu = 0, less = overhead(&t->address);

	if (getifaddrs(&all))
		return NETLINK_MTU_DEFAULT - less;
	for (struct ifaddrs *i = all; i && !mtu; i = i->ifa_next)
		if (netlink_is_ip(i->ifa_addr, &t->address))
			mtu = netlink_mtu(i->ifa_name);
	freeifaddrs(all);
	return (mtu >= NETLINK_MTU_MIN + less ? mtu : NETLINK_MTU_DEFAULT) - less;
}

const struct ip *tunnel_mac_of(const struct ip_range range[IP_FAMILIES])
{
	return range[IP4].ip.len ? &range[IP4].ip : &range[IP6].ip;
}

static int local_attr(const struct tunnel *t)
{
	return t->address.len == 4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6;
}

static int make(struct nl_sock *sk, const struct tunnel *t, struct err *reterr)
{
	struct nl_msg *m = netlink_link_msg(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, AF_UNSPEC, 0, IFF_UP);
	struct nlattr *info, *data;
	uint8_t mac[6];

	if (m) {
		netlink_mac(tunnel_mac_of(t->range), mac);
		nla_put_string(m, IFLA_IFNAME, t->name);
		nla_put(m, IFLA_ADDRESS, sizeof(mac), mac);
		nla_put_u32(m, IFLA_MTU, tunnel_mtu(t));
		info = nla_nest_start(m, IFLA_LINKINFO);
		nla_put_string(m, IFLA_INFO_KIND, "vxlan");
		data = nla_nest_start(m, IFLA_INFO_DATA);
		nla_put_u32(m, IFLA_VXLAN_ID, TUNNEL_ID);
		nla_put(m, local_attr(t), t->address.len, t->address.b);
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
	int local = local_attr(l->t);

	netlink_mac(tunnel_mac_of(l->t->range), mac);
	l->same = !nlmsg_parse(nlmsg_hdr(m), sizeof(struct ifinfomsg), at, IFLA_MAX, NULL) && at[IFLA_LINKINFO] &&
		at[IFLA_ADDRESS] && nla_len(at[IFLA_ADDRESS]) == 6 && !memcmp(nla_data(at[IFLA_ADDRESS]), mac, 6) &&
		!nla_parse_nested(info, IFLA_INFO_MAX, at[IFLA_LINKINFO], NULL) && info[IFLA_INFO_KIND] &&
		!strcmp(nla_get_string(info[IFLA_INFO_KIND]), "vxlan") && info[IFLA_INFO_DATA] &&
		!nla_parse_nested(vx, IFLA_VXLAN_MAX, info[IFLA_INFO_DATA], NULL) && vx[local] &&
		nla_len(vx[local]) == l->t->address.len && !memcmp(nla_data(vx[local]), l->t->address.b, l->t->address.len) &&
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
	/* Of IPv6 the first address of a range is every router's of it (RFC 4291, 2.6.1); none is needed. */
	if (t->range[IP6].ip.len && (rc = netlink_sysctl6(t->name, "disable_ipv6", "0", reterr)))
		return rc;
	return t->range[IP4].ip.len ? netlink_address(sk, index, &t->range[IP4].ip, 32, reterr) : 0;
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
		nla_put_u32(m, IFLA_MTU, tunnel_mtu(t));
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

/* Frames for that hardware address go to this node; NULL: to no one any more. */
static int forward(struct nl_sock *sk, int index, const struct ip *mac_of, const struct ip *address, struct err *reterr)
{
	struct nl_msg *m = address ? neighbour(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, AF_BRIDGE, index, NTF_SELF) :
		neighbour(RTM_DELNEIGH, 0, AF_BRIDGE, index, NTF_SELF);
	uint8_t mac[6];

	netlink_mac(mac_of, mac);
	if (m) {
		nla_put(m, NDA_LLADDR, sizeof(mac), mac);
		if (address)
			nla_put(m, NDA_DST, address->len, address->b);
	}
	return netlink_send(sk, m, address ? 0 : NLE_OBJ_NOTFOUND, "a forwarding entry", reterr);
}

/* The peer's end of the tunnel has this hardware address; or (NULL) no longer any. */
static int know(struct nl_sock *sk, int index, const struct ip *end, const struct ip *mac_of, struct err *reterr)
{
	int af = ip_families[ip_family(end)].af;
	struct nl_msg *m = mac_of ? neighbour(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, af, index, 0) :
		neighbour(RTM_DELNEIGH, 0, af, index, 0);
	uint8_t mac[6];

	if (m) {
		nla_put(m, NDA_DST, end->len, end->b);
		if (mac_of) {
			netlink_mac(mac_of, mac);
			nla_put(m, NDA_LLADDR, sizeof(mac), mac);
		}
	}
	return netlink_send(sk, m, mac_of ? 0 : NLE_OBJ_NOTFOUND, "a neighbour", reterr);
}

int tunnel_peer_add(const struct tunnel *t, const struct tunnel_peer *p, int family, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	const struct ip *mac_of = tunnel_mac_of(p->range), *end = &p->range[family].ip;
	struct netlink_route r = { .index = (int)if_nametoindex(t->name), .dst = p->range[family], .gateway = end,
		.src = t->source[family].len ? &t->source[family] : NULL, .onlink = true };
	int rc;

	if (!r.index)
		return err_errno(reterr, "the tunnel %s", t->name);
	if ((rc = netlink_open(&sk, reterr)) || (rc = forward(sk, r.index, mac_of, &p->address[ip_family(&t->address)], reterr)) ||
	    (rc = know(sk, r.index, end, mac_of, reterr)))
		return rc;
	return netlink_route_set(sk, &r, reterr);
}

static int drop(struct nl_sock *sk, int index, const struct ip_range *to, struct err *reterr)
{
	int rc = netlink_route_del(sk, &(struct netlink_route){ .index = index, .dst = *to }, reterr), r;

	if ((r = know(sk, index, &to->ip, NULL, reterr)))
		rc = r;
	if ((r = forward(sk, index, &to->ip, NULL, reterr)))
		rc = r;
	return rc;
}

int tunnel_peer_del(const struct tunnel *t, const struct tunnel_peer *p, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	int index = (int)if_nametoindex(t->name), rc, r;

	if (!index)
		return 0;
	if ((rc = netlink_open(&sk, reterr)))
		return rc;
	for (int f = 0; f < IP_FAMILIES; f++)
		if (p->range[f].ip.len && (r = drop(sk, index, &p->range[f], reterr)))
			rc = r;
	return rc;
}

int tunnel_keep(const struct tunnel *t, const struct tunnel_peer *peers, unsigned n, struct err *reterr)
{
	const struct netlink_routes ours = { .index = (int)if_nametoindex(t->name), .remove = drop };
	struct ip_range *keep;
	unsigned count = 0;
	int rc;

	if (!ours.index)
		return 0;
	keep = calloc((size_t)n * IP_FAMILIES + 1, sizeof(*keep));
	if (!keep)
		return err_set(reterr, ERR_NOMEM, "the routes of the tunnel: out of memory");
	for (unsigned i = 0; i < n; i++)
		for (int f = 0; f < IP_FAMILIES; f++)
			if (peers[i].range[f].ip.len)
				keep[count++] = peers[i].range[f];
	rc = netlink_routes_keep(&ours, keep, count, reterr);
	free(keep);
	return rc;
}
