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
#include <netinet/if_ether.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/netlink.h"

#ifndef IFA_PROTO
#define IFA_PROTO 11                   /* headers older than Linux 5.18 */
#endif
#define OUR_PROTO 0x53

int uplink_of(const uint8_t address[4])
{
	struct ifaddrs *all = NULL;
	int index = 0;

	if (getifaddrs(&all))
		return 0;
	for (struct ifaddrs *i = all; i && !index; i = i->ifa_next)
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET &&
		    !memcmp(&((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, address, 4))
			index = (int)if_nametoindex(i->ifa_name);
	freeifaddrs(all);
	return index;
}

static int change(struct nl_sock *sk, int index, const uint8_t ip[4], bool on, struct err *reterr)
{
	struct ifaddrmsg ifa = { .ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = (unsigned)index };
	struct nl_msg *m = nlmsg_alloc_simple(on ? RTM_NEWADDR : RTM_DELADDR, on ? NLM_F_CREATE | NLM_F_EXCL : 0);

	if (m) {
		nlmsg_append(m, &ifa, sizeof(ifa), NLMSG_ALIGNTO);
		nla_put(m, IFA_LOCAL, 4, ip);
		nla_put(m, IFA_ADDRESS, 4, ip);
		if (on)
			nla_put_u8(m, IFA_PROTO, OUR_PROTO);
	}
	return netlink_send(sk, m, on ? NLE_EXIST : NLE_NOADDR, on ? "adding a balancer's address" : "taking a balancer's address away", reterr);
}

int uplink_address(int index, const uint8_t ip[4], bool on, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	int rc = netlink_open(&sk, reterr);

	return rc ? rc : change(sk, index, ip, on, reterr);
}

/* ---- what an earlier life left ---- */

#define LEFT_MAX 1024u

struct left { const uint8_t (*keep)[4]; unsigned keep_count; struct { int index; uint8_t ip[4]; } v[LEFT_MAX]; unsigned n; };

static int on_address(struct nl_msg *m, void *arg)
{
	struct left *l = arg;
	struct nlattr *at[IFA_PROTO + 1];
	const struct ifaddrmsg *ifa = nlmsg_data(nlmsg_hdr(m));

	if (nlmsg_parse(nlmsg_hdr(m), sizeof(*ifa), at, IFA_PROTO, NULL) || !at[IFA_PROTO] || !at[IFA_LOCAL] ||
	    nla_get_u8(at[IFA_PROTO]) != OUR_PROTO || nla_len(at[IFA_LOCAL]) != 4 || l->n == LEFT_MAX)
		return NL_OK;
	for (unsigned i = 0; i < l->keep_count; i++)
		if (!memcmp(l->keep[i], nla_data(at[IFA_LOCAL]), 4))
			return NL_OK;
	l->v[l->n].index = (int)ifa->ifa_index;
	memcpy(l->v[l->n++].ip, nla_data(at[IFA_LOCAL]), 4);
	return NL_OK;
}

int uplink_keep(const uint8_t (*ips)[4], unsigned n, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	struct left left = { .keep = ips, .keep_count = n };
	const struct ifaddrmsg ifa = { .ifa_family = AF_INET };
	int rc = netlink_open(&sk, reterr), r;

	if (rc)
		return rc;
	do {
		left.n = 0;
		rc = netlink_dump(RTM_GETADDR, &ifa, sizeof(ifa), on_address, &left, "listing addresses", reterr);
		for (unsigned i = 0; i < left.n; i++)
			if ((r = change(sk, left.v[i].index, left.v[i].ip, false, reterr)))
				rc = r;
	} while (!rc && left.n == LEFT_MAX);
	return rc;
}

/* ---- telling the others ---- */

static int claim(int fd, int index, const uint8_t mac[6], const uint8_t ip[4])
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = index, .sll_halen = 6,
		.sll_addr = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	struct ether_arp arp = { .ea_hdr = { htons(ARPHRD_ETHER), htons(ETHERTYPE_IP), 6, 4, 0 } };
	int rc = 0;

	memcpy(arp.arp_sha, mac, 6);
	memcpy(arp.arp_spa, ip, 4);
	memcpy(arp.arp_tpa, ip, 4);
	for (int op = ARPOP_REQUEST; op <= ARPOP_REPLY; op++) {
		arp.ea_hdr.ar_op = htons((uint16_t)op);
		if (op == ARPOP_REPLY)
			memcpy(arp.arp_tha, arp.arp_sha, 6);
		if (sendto(fd, &arp, sizeof(arp), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			rc = -1;
	}
	return rc;
}

int uplink_claim(int index, const uint8_t (*ips)[4], unsigned n, struct err *reterr)
{
	struct ifreq r = { 0 };
	int fd, rc = 0;

	if (!if_indextoname((unsigned)index, r.ifr_name))
		return err_errno(reterr, "the link of the node's address");
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(reterr, "a socket for ARP");
	if (ioctl(fd, SIOCGIFHWADDR, &r))
		rc = err_errno(reterr, "%s", r.ifr_name);
	else if (r.ifr_hwaddr.sa_family == ARPHRD_ETHER)       /* others know no ARP */
		for (unsigned i = 0; i < n; i++)
			if (claim(fd, index, (const uint8_t *)r.ifr_hwaddr.sa_data, ips[i]))
				rc = err_errno(reterr, "gratuitous ARP on %s", r.ifr_name);
	close(fd);
	return rc;
}
