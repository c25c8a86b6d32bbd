/* SPDX-License-Identifier: Apache-2.0 */
/* uplink - see uplink.h. */
#include "net/uplink.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/netlink.h"

#ifndef IFA_PROTO
#define IFA_PROTO 11                   /* headers older than Linux 5.18 */
#endif
#define OUR_PROTO 0x53

int uplink_of(const struct ip *address)
{
	struct ifaddrs *all = NULL;
	int index = 0;

	if (getifaddrs(&all))
		return 0;
	for (struct ifaddrs *i = all; i && !index; i = i->ifa_next)
		if (netlink_is_ip(i->ifa_addr, address))
			index = (int)if_nametoindex(i->ifa_name);
	freeifaddrs(all);
	return index;
}

static int change(struct nl_sock *sk, int index, const struct ip *ip, bool on, struct err *reterr)
{
	const struct ip_family *f = &ip_families[ip_family(ip)];
	struct ifaddrmsg ifa = { .ifa_family = (unsigned char)f->af, .ifa_prefixlen = (unsigned char)f->bits,
		.ifa_flags = ip->len == 16 ? IFA_F_NODAD : 0, .ifa_index = (unsigned)index };
	/* Never preferred: what this machine sends by itself has its own address. */
	const struct ifa_cacheinfo never = { .ifa_prefered = 0, .ifa_valid = UINT32_MAX };
	struct nl_msg *m = nlmsg_alloc_simple(on ? RTM_NEWADDR : RTM_DELADDR, on ? NLM_F_CREATE | NLM_F_EXCL : 0);

	if (m) {
		nlmsg_append(m, &ifa, sizeof(ifa), NLMSG_ALIGNTO);
		nla_put(m, IFA_LOCAL, ip->len, ip->b);
		nla_put(m, IFA_ADDRESS, ip->len, ip->b);
		if (on)
			nla_put_u8(m, IFA_PROTO, OUR_PROTO);
		if (on && ip->len == 16)
			nla_put(m, IFA_CACHEINFO, sizeof(never), &never);
	}
	return netlink_send(sk, m, on ? NLE_EXIST : NLE_NOADDR, on ? "adding a balancer's address" : "taking a balancer's address away", reterr);
}

int uplink_address(int index, const struct ip *ip, bool on, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	int rc = netlink_open(&sk, reterr);

	return rc ? rc : change(sk, index, ip, on, reterr);
}

/* ---- what an earlier life left ---- */

#define LEFT_MAX 1024u

struct left { const struct ip *keep; unsigned keep_count; struct { int index; struct ip ip; } v[LEFT_MAX]; unsigned n; };

static int on_address(struct nl_msg *m, void *arg)
{
	struct left *l = arg;
	struct nlattr *at[IFA_PROTO + 1], *a;
	const struct ifaddrmsg *ifa = nlmsg_data(nlmsg_hdr(m));
	struct ip ip = { .len = ifa->ifa_family == AF_INET6 ? 16 : 4 };

	if (nlmsg_parse(nlmsg_hdr(m), sizeof(*ifa), at, IFA_PROTO, NULL) || !at[IFA_PROTO] ||
	    !(a = at[ifa->ifa_family == AF_INET ? IFA_LOCAL : IFA_ADDRESS]) ||
	    nla_get_u8(at[IFA_PROTO]) != OUR_PROTO || nla_len(a) != ip.len || l->n == LEFT_MAX)
		return NL_OK;
	memcpy(ip.b, nla_data(a), ip.len);
	for (unsigned i = 0; i < l->keep_count; i++)
		if (ip_same(&l->keep[i], &ip))
			return NL_OK;
	l->v[l->n].index = (int)ifa->ifa_index;
	l->v[l->n++].ip = ip;
	return NL_OK;
}

int uplink_keep(const struct ip *ips, unsigned n, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	struct left left = { .keep = ips, .keep_count = n };
	const struct ifaddrmsg ifa = { .ifa_family = AF_UNSPEC };
	int rc = netlink_open(&sk, reterr), r;

	if (rc)
		return rc;
	do {
		left.n = 0;
		rc = netlink_dump(RTM_GETADDR, &ifa, sizeof(ifa), on_address, &left, "listing addresses", reterr);
		for (unsigned i = 0; i < left.n; i++)
			if ((r = change(sk, left.v[i].index, &left.v[i].ip, false, reterr)))
				rc = r;
	} while (!rc && left.n == LEFT_MAX);
	return rc;
}

/* ---- telling the others ---- */

struct link { int index; uint8_t mac[6]; };

static int claim4(int fd, const struct link *l, const struct ip *ip)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = l->index, .sll_halen = 6,
		.sll_addr = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	struct ether_arp arp = { .ea_hdr = { htons(ARPHRD_ETHER), htons(ETHERTYPE_IP), 6, 4, 0 } };
	int rc = 0;

	memcpy(arp.arp_sha, l->mac, 6);
	memcpy(arp.arp_spa, ip->b, 4);
	memcpy(arp.arp_tpa, ip->b, 4);
	for (int op = ARPOP_REQUEST; op <= ARPOP_REPLY; op++) {
		arp.ea_hdr.ar_op = htons((uint16_t)op);
		if (op == ARPOP_REPLY)
			memcpy(arp.arp_tha, arp.arp_sha, 6);
		if (sendto(fd, &arp, sizeof(arp), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			rc = -1;
	}
	return rc;
}

/* To all nodes; believed over what they knew. */
static int claim6(int fd, const struct link *l, const struct ip *ip)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)l->index, .sin6_addr = { .s6_addr = { 0xff, 0x02, [15] = 1 } } };
	struct { struct nd_neighbor_advert na; struct nd_opt_hdr opt; uint8_t mac[6]; } m = {
		{ .nd_na_type = ND_NEIGHBOR_ADVERT, .nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE }, { ND_OPT_TARGET_LINKADDR, 1 }, { 0 } };

	memcpy(&m.na.nd_na_target, ip->b, 16);
	memcpy(m.mac, l->mac, 6);
	return sendto(fd, &m, sizeof(m), 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? -1 : 0;
}

int uplink_icmp6(int index)
{
	int hops = 255, fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);

	if (fd < 0)
		return -1;
	if (!setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) &&
	    !setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof(hops)) &&
	    !setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index)))
		return fd;
	close(fd);
	return -1;
}

static const struct { int (*claim)(int fd, const struct link *l, const struct ip *ip); const char *what; } claims[IP_FAMILIES] = {
	{ claim4, "gratuitous ARP" }, { claim6, "neighbour advertisements" },
};

int uplink_mac(int index, uint8_t ret[6], char name[IF_NAMESIZE])
{
	struct ifreq r = { 0 };
	int fd, rc;

	if (!if_indextoname((unsigned)index, r.ifr_name))
		return -ERR_NOT_FOUND;
	memcpy(name, r.ifr_name, IF_NAMESIZE);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	rc = fd < 0 || ioctl(fd, SIOCGIFHWADDR, &r) ? -ERR_IO : r.ifr_hwaddr.sa_family != ARPHRD_ETHER ? -ERR_UNAVAILABLE : 0;
	if (fd >= 0)
		close(fd);
	memcpy(ret, r.ifr_hwaddr.sa_data, 6);
	return rc;
}

int uplink_claim(int index, int family, const struct ip *ips, unsigned n, struct err *reterr)
{
	struct link l = { .index = index };
	char name[IF_NAMESIZE];
	int fd, rc = uplink_mac(index, l.mac, name);

	if (rc == -ERR_UNAVAILABLE)
		return 0;
	if (rc)
		return err_errno(reterr, "the link of the node's address");
	fd = family == IP4 ? socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : uplink_icmp6(index);
	if (fd < 0)
		return err_errno(reterr, "%s on %s", claims[family].what, name);
	for (unsigned i = 0; i < n; i++)
		if (ip_family(&ips[i]) == family && claims[family].claim(fd, &l, &ips[i]))
			rc = err_errno(reterr, "%s on %s", claims[family].what, name);
	close(fd);
	return rc;
}
