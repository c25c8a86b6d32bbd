/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link - see link.h.
 *
 * A pod's end has its address alone (/32, /128) and reaches everything, its neighbours too,
 * through the gateway's address, which this machine's end of each pair has. So all traffic
 * between pods is routed by this machine, and translation sees both directions. The bridge
 * has no ports: a packet that crosses one takes twice the way through the kernel, and its
 * IP hooks may see it there once more (docs/BENCHMARKS.md). It holds the addresses while
 * there is no pod.
 *
 * Of IPv6 nothing waits: no address is asked for before it is used (DAD), and no router is
 * listened to.
 */
#include "net/link.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/netlink.h"

/* Made of the address: a pod that comes again under its address is known at once. */
static void put_mac(struct nl_msg *m, const struct ip *ip)
{
	uint8_t mac[6];

	netlink_mac(ip, mac);
	nla_put(m, IFLA_ADDRESS, sizeof(mac), mac);
}

static int add_bridge(struct nl_sock *sk, const char *name, const struct ip *mac_of, struct err *reterr)
{
	struct nl_msg *m = netlink_link_msg(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, AF_UNSPEC, 0, IFF_UP);
	struct nlattr *info;

	if (m) {
		nla_put_string(m, IFLA_IFNAME, name);
		/* A fixed one: else it would change as pods come and go. */
		put_mac(m, mac_of);
		info = nla_nest_start(m, IFLA_LINKINFO);
		nla_put_string(m, IFLA_INFO_KIND, "bridge");
		nla_nest_end(m, info);
	}
	return netlink_send(sk, m, NLE_EXIST, name, reterr);
}

int link_del(const char *name, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	int index = (int)if_nametoindex(name), rc;

	if (!index)
		return 0;
	rc = netlink_open(&sk, reterr);
	return rc ? rc : netlink_send(sk, netlink_link_msg(RTM_DELLINK, 0, AF_UNSPEC, index, 0), NLE_NODEV, name, reterr);
}

/* name and each of the letters: a link's name. */
static int link_down_of(const char *name, const char *letters, struct err *reterr)
{
	char link[LINK_NAME_MAX];
	int rc = 0, r;

	for (; *letters; letters++) {
		snprintf(link, sizeof(link), "%s%c", name, *letters);
		r = link_del(link, reterr);
		rc = r ? r : rc;
	}
	return rc;
}

static const struct ip *first_of(const struct ip v[IP_FAMILIES])
{
	return v[IP4].len ? &v[IP4] : &v[IP6];
}

/* Before a link goes up: in IPv6 an address of its own is good at once, and no router counts. */
static int quiet(const char *name, struct err *reterr)
{
	int rc;

	return (rc = netlink_sysctl6(name, "disable_ipv6", "0", reterr)) || (rc = netlink_sysctl6(name, "accept_dad", "0", reterr)) ||
		(rc = netlink_sysctl6(name, "accept_ra", "0", reterr)) ? rc : 0;
}

/* A machine that forwards IPv6 no longer heeds routers, unless told to: links that did go on doing so. */
static int forward6(struct err *reterr)
{
	struct if_nameindex *all;
	char path[128], now = '1';
	int fd = open("/proc/sys/net/ipv6/conf/all/forwarding", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, &now, 1) != 1)
		now = '0';
	if (fd >= 0)
		close(fd);
	if (now == '1' || !(all = if_nameindex()))
		return netlink_sysctl6("all", "forwarding", "1", reterr);
	for (struct if_nameindex *i = all; i->if_index; i++) {
		char heeds = '0';

		snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra", i->if_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, &heeds, 1) == 1 && heeds == '1')
			(void)netlink_sysctl(path, "2", NULL);
		if (fd >= 0)
			close(fd);
	}
	if_freenameindex(all);
	return netlink_sysctl6("all", "forwarding", "1", reterr);
}

static int forward_on(const struct link_bridge *b, struct err *reterr)
{
	int rc = netlink_sysctl("/proc/sys/net/ipv4/ip_forward", "1", reterr);

	return rc || !(b->gateway[IP6].len || b->service[IP6].ip.len) ? rc : forward6(reterr);
}

/* Through lo, where nobody is asked for a hardware address; of IPv6 such a route refuses all. */
int link_of_services(const char *bridge, int family)
{
	return (int)if_nametoindex(family == IP4 ? "lo" : bridge);
}

static int add_family(struct nl_sock *sk, const struct link_bridge *b, int f, int index, int via, struct err *reterr)
{
	int rc;

	if (b->gateway[f].len && (rc = netlink_address(sk, index, &b->gateway[f], b->prefix[f], reterr)))
		return rc;
	if (b->dns[f].len && (rc = netlink_address(sk, index, &b->dns[f], ip_families[f].bits, reterr)))
		return rc;
	return !b->service[f].ip.len ? 0 : netlink_route_set(sk, &(struct netlink_route){ .index = via, .dst = b->service[f],
		.src = b->gateway[f].len ? &b->gateway[f] : NULL }, reterr);
}

static int bring_up(struct nl_sock *sk, const struct link_bridge *b, const char *link, bool alone, struct err *reterr)
{
	int index, rc;

	if ((rc = add_bridge(sk, link, first_of(alone ? b->dns : b->gateway), reterr)))
		return rc;
	index = (int)if_nametoindex(link);
	if (!index)
		return err_errno(reterr, "the link %s", link);
	if ((b->gateway[IP6].len || b->dns[IP6].len) && (rc = quiet(link, reterr)))
		return rc;
	if ((rc = netlink_send(sk, netlink_link_msg(RTM_NEWLINK, 0, AF_UNSPEC, index, IFF_UP), 0, link, reterr)))
		return rc;
	for (int f = 0; f < IP_FAMILIES; f++)
		if ((rc = add_family(sk, b, f, index, alone ? index : link_of_services(link, f), reterr)))
			return rc;
	return forward_on(b, reterr);
}

int link_bridge_up(const struct link_bridge *b, const char *name, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	int rc;

	return (rc = link_down_of(name, "1", reterr)) || (rc = netlink_open(&sk, reterr)) ? rc : bring_up(sk, b, b->name, false, reterr);
}

int link_alone_up(const struct link_bridge *b, const char *name, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	char link[LINK_NAME_MAX];
	int rc;

	if ((rc = link_down_of(name, "0x", reterr)) || (rc = netlink_open(&sk, reterr)))
		return rc;
	snprintf(link, sizeof(link), "%s1", name);
	return bring_up(sk, b, link, true, reterr);
}

static bool is_pod_link(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncmp(name, prefix, n) || strlen(name) != n + 8)
		return false;
	for (const char *p = name + n; *p; p++)
		if (!isxdigit((unsigned char)*p))
			return false;
	return true;
}

int link_bridge_down(const char *name, struct err *reterr)
{
	struct if_nameindex *all = if_nameindex();
	int rc = 0, r;

	if (!all)
		return err_errno(reterr, "listing the links");
	for (struct if_nameindex *i = all; i->if_index; i++)
		if (is_pod_link(i->if_name, name) && (r = link_del(i->if_name, reterr)))
			rc = r;
	if_freenameindex(all);
	r = link_down_of(name, "01x", reterr);
	return r ? r : rc;
}

/* ---- a pod's pair ---- */

/* The packet size of the link that the default route takes: pods must not send larger. */
static uint32_t uplink_mtu(void)
{
	static const struct { const char *path, *format; } tables[] = {
		{ "/proc/thread-self/net/route", "%15s %x" },
		/* destination, its length, source, its length, next hop, four numbers, link; lo: what refuses */
		{ "/proc/thread-self/net/ipv6_route", "%*32[0]%*1[ ]00 %*s %*s %*s %*s %*s %*s %*s %15s" },
	};
	char line[256], name[IFNAMSIZ];
	uint32_t mtu = 0;

	for (unsigned i = 0; i < 2 && !mtu; i++) {
		FILE *f = fopen(tables[i].path, "re");
		unsigned dst = 0;

		while (f && !mtu && fgets(line, sizeof(line), f))
			if (sscanf(line, tables[i].format, name, &dst) >= 2 - (int)i && !dst && strcmp(name, "Iface") && strcmp(name, "lo"))
				mtu = netlink_mtu(name);
		if (f)
			fclose(f);
	}
	return mtu >= NETLINK_MTU_MIN ? mtu : NETLINK_MTU_DEFAULT;
}

static int make_pair(struct nl_sock *sk, const struct link_pod *p, int ns_fd, struct err *reterr)
{
	/* Neither end can be up before the other is there. */
	struct nl_msg *m = netlink_link_msg(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, AF_UNSPEC, 0, 0);
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct nlattr *info, *data, *peer;
	uint32_t mtu = netlink_mtu(p->tunnel);

	if (!mtu)
		mtu = uplink_mtu();
	if (m) {
		nla_put_string(m, IFLA_IFNAME, p->host_name);
		nla_put_u32(m, IFLA_MTU, mtu);
		info = nla_nest_start(m, IFLA_LINKINFO);
		nla_put_string(m, IFLA_INFO_KIND, "veth");
		data = nla_nest_start(m, IFLA_INFO_DATA);
		peer = nla_nest_start(m, VETH_INFO_PEER);
		nlmsg_append(m, &ifi, sizeof(ifi), 0);
		nla_put_string(m, IFLA_IFNAME, "eth0");
		nla_put_u32(m, IFLA_NET_NS_FD, (uint32_t)ns_fd);
		nla_put_u32(m, IFLA_MTU, mtu);
		put_mac(m, &p->mac_of);
		nla_nest_end(m, peer);
		nla_nest_end(m, data);
		nla_nest_end(m, info);
	}
	return netlink_send(sk, m, 0, "making the pod's link", reterr);
}

/* Node ports on localhost: answers from pods come back to 127.0.0.1 by this link. */
static int route_localnet(const char *link, struct err *reterr)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/route_localnet", link);
	return netlink_sysctl(path, "1", reterr);
}

/* This machine's end: up, a port of nothing, with the gateway's addresses of all layers, and the ways to the pod. */
static int configure_host(struct nl_sock *sk, const struct link_pod *p, struct err *reterr)
{
	int index = (int)if_nametoindex(p->host_name), rc;
	struct nl_msg *m;

	if ((p->ip[IP6].len && (rc = quiet(p->host_name, reterr))) || (p->ip[IP4].len && (rc = route_localnet(p->host_name, reterr))))
		return rc;
	m = netlink_link_msg(RTM_NEWLINK, 0, AF_UNSPEC, index, IFF_UP);
	if (m) {
		nla_put_u32(m, IFLA_MASTER, 0);
		put_mac(m, first_of(p->gateway));
	}
	if ((rc = netlink_send(sk, m, 0, "starting the pod's link", reterr)))
		return rc;
	for (int f = 0; f < IP_FAMILIES; f++) {
		const struct ip_range pod = { p->ip[f], (uint8_t)ip_families[f].bits };

		if (p->ip[f].len && ((rc = netlink_address(sk, index, &p->gateway[f], pod.prefix, reterr)) ||
		    (rc = netlink_route_set(sk, &(struct netlink_route){ .index = index, .dst = pod, .src = &p->gateway[f] }, reterr))))
			return rc;
	}
	return 0;
}

/* In the pod's namespace. */
static int configure(const struct link_pod *p, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	int rc, lo, eth;

	if ((rc = netlink_open(&sk, reterr)))
		return rc;
	lo = (int)if_nametoindex("lo");
	eth = (int)if_nametoindex("eth0");
	if (!lo || !eth)
		return err_errno(reterr, "the pod's links");
	if (p->ip[IP6].len && ((rc = quiet("lo", reterr)) || (rc = quiet("eth0", reterr))))
		return rc;
	if ((rc = netlink_send(sk, netlink_link_msg(RTM_NEWLINK, 0, AF_UNSPEC, lo, IFF_UP), 0, "starting lo", reterr)) ||
	    (rc = netlink_send(sk, netlink_link_msg(RTM_NEWLINK, 0, AF_UNSPEC, eth, IFF_UP), 0, "starting eth0", reterr)))
		return rc;
	for (int f = 0; f < IP_FAMILIES; f++) {
		const struct ip_range gateway = { p->gateway[f], (uint8_t)ip_families[f].bits }, any = { .ip.len = p->ip[f].len };

		if (!p->ip[f].len)
			continue;
		if ((rc = netlink_address(sk, eth, &p->ip[f], ip_families[f].bits, reterr)) ||
		    (rc = netlink_route_set(sk, &(struct netlink_route){ .index = eth, .dst = gateway }, reterr)) ||
		    (rc = netlink_route_set(sk, &(struct netlink_route){ .index = eth, .dst = any, .gateway = &p->gateway[f] }, reterr)))
			return rc;
	}
	return 0;
}

static bool on_eth0(const struct ifaddrs *all, const struct ip *ip)
{
	for (; all; all = all->ifa_next)
		if (!strcmp(all->ifa_name, "eth0") && netlink_is_ip(all->ifa_addr, ip))
			return true;
	return false;
}

/* In the pod's namespace: does eth0 have the addresses already? */
static bool has_addresses(const struct link_pod *p)
{
	struct ifaddrs *all = NULL;
	bool yes = !getifaddrs(&all);

	for (int f = 0; f < IP_FAMILIES; f++)
		yes = yes && (!p->ip[f].len || on_eth0(all, &p->ip[f]));
	freeifaddrs(all);
	return yes;
}

int link_pod_add(const struct link_pod *p, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	int own, ns, rc;
	bool there = false;

	if ((rc = netlink_open(&sk, reterr)))
		return rc;
	own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return err_errno(reterr, "/proc/thread-self/ns/net");
	ns = open(p->netns_path, O_RDONLY | O_CLOEXEC);
	if (ns < 0) {
		rc = err_errno(reterr, "the pod's network namespace %s", p->netns_path);
		close(own);
		return rc;
	}
	if (if_nametoindex(p->host_name)) {
		if (!setns(ns, CLONE_NEWNET)) {
			there = has_addresses(p);
			if (setns(own, CLONE_NEWNET))
				abort();       /* this thread would work on in a stranger's network */
		}
		if (!there)
			rc = link_del(p->host_name, reterr);
	}
	if (!rc && !there)
		rc = make_pair(sk, p, ns, reterr);
	if (!rc)
		rc = configure_host(sk, p, reterr);
	if (!rc && !there) {
		if (setns(ns, CLONE_NEWNET)) {
			rc = err_errno(reterr, "entering %s", p->netns_path);
		} else {
			rc = configure(p, reterr);
			if (setns(own, CLONE_NEWNET))
				abort();
		}
	}
	close(ns);
	close(own);
	if (rc && !there)
		link_del(p->host_name, NULL);
	return rc;
}
