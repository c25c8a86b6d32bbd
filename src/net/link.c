/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link - see link.h.
 *
 * A pod's end has its address as a /32 and reaches everything, its neighbours too,
 * through the bridge's address. So all traffic between pods is routed by this
 * machine, and translation sees both directions whether or not the kernel hands
 * bridged frames to its IP hooks.
 */
#include "net/link.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>


#define MTU_DEFAULT 1500

static int open_socket(struct nl_sock **ret, struct err *reterr)
{
	struct nl_sock *sk = nl_socket_alloc();
	int rc;

	if (!sk)
		return err_set(reterr, ERR_NOMEM, "netlink: out of memory");
	rc = nl_connect(sk, NETLINK_ROUTE);
	if (rc) {
		nl_socket_free(sk);
		return err_set(reterr, ERR_IO, "netlink: %s", nl_geterror(rc));
	}
	*ret = sk;
	return 0;
}

static void free_socket(struct nl_sock **sk)
{
	nl_socket_free(*sk);
}
#define NL_AUTO __attribute__((cleanup(free_socket)))

static struct nl_msg *link_msg(int type, int flags, int family, int index, unsigned up)
{
	struct nl_msg *m = nlmsg_alloc_simple(type, flags);
	struct ifinfomsg ifi = { .ifi_family = (unsigned char)family, .ifi_index = index, .ifi_flags = up,
		.ifi_change = up };

	if (m && nlmsg_append(m, &ifi, sizeof(ifi), NLMSG_ALIGNTO)) {
		nlmsg_free(m);
		m = NULL;
	}
	return m;
}

/* Sends and frees m; an answer of `fine` counts as success. */
static int send_msg(struct nl_sock *sk, struct nl_msg *m, int fine, const char *what, struct err *reterr)
{
	int rc;

	if (!m)
		return err_set(reterr, ERR_NOMEM, "%s: out of memory", what);
	rc = nl_send_sync(sk, m);
	if (rc < 0 && rc != -fine)
		return err_set(reterr, ERR_IO, "%s: %s", what, nl_geterror(rc));
	return 0;
}

static int write_sysctl(const char *path, const char *value, struct err *reterr)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return err_errno(reterr, "%s", path);
	n = write(fd, value, strlen(value));
	close(fd);
	return n < 0 ? err_errno(reterr, "%s", path) : 0;
}

static int add_address(struct nl_sock *sk, int index, const uint8_t ip[4], int prefix, struct err *reterr)
{
	struct ifaddrmsg ifa = { .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = (unsigned)index };
	struct nl_msg *m = nlmsg_alloc_simple(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);

	if (m) {
		nlmsg_append(m, &ifa, sizeof(ifa), NLMSG_ALIGNTO);
		nla_put(m, IFA_LOCAL, 4, ip);
		nla_put(m, IFA_ADDRESS, 4, ip);
	}
	return send_msg(sk, m, NLE_EXIST, "adding an address", reterr);
}

/* gateway NULL: on the link itself; src NULL: the kernel chooses. */
static int add_route(struct nl_sock *sk, int index, const uint8_t dst[4], int prefix, const uint8_t *gateway,
	const uint8_t *src, struct err *reterr)
{
	struct rtmsg rt = { .rtm_family = AF_INET, .rtm_dst_len = (uint8_t)prefix, .rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC, .rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST };
	struct nl_msg *m = nlmsg_alloc_simple(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);

	if (m) {
		nlmsg_append(m, &rt, sizeof(rt), NLMSG_ALIGNTO);
		if (prefix)
			nla_put(m, RTA_DST, 4, dst);
		if (gateway)
			nla_put(m, RTA_GATEWAY, 4, gateway);
		if (src)
			nla_put(m, RTA_PREFSRC, 4, src);
		nla_put_u32(m, RTA_OIF, (uint32_t)index);
	}
	return send_msg(sk, m, NLE_EXIST, "adding a route", reterr);
}

/* Locally administered, made of the address: a pod that comes again under its address is known at once. */
static void put_mac(struct nl_msg *m, const uint8_t ip[4])
{
	uint8_t mac[6] = { 0x02, 0x73, ip[0], ip[1], ip[2], ip[3] };

	nla_put(m, IFLA_ADDRESS, sizeof(mac), mac);
}

static int add_bridge(struct nl_sock *sk, const struct link_bridge *b, struct err *reterr)
{
	struct nl_msg *m = link_msg(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, AF_UNSPEC, 0, IFF_UP);
	struct nlattr *info;

	if (m) {
		nla_put_string(m, IFLA_IFNAME, b->name);
		/* A fixed one: else it would change as pods come and go. */
		put_mac(m, b->gateway);
		info = nla_nest_start(m, IFLA_LINKINFO);
		nla_put_string(m, IFLA_INFO_KIND, "bridge");
		nla_nest_end(m, info);
	}
	return send_msg(sk, m, NLE_EXIST, "making the bridge", reterr);
}

int link_bridge_up(const struct link_bridge *b, struct err *reterr)
{
	NL_AUTO struct nl_sock *sk = NULL;
	char path[128];
	int index, rc;

	rc = open_socket(&sk, reterr);
	if (rc)
		return rc;
	if ((rc = add_bridge(sk, b, reterr)))
		return rc;
	index = (int)if_nametoindex(b->name);
	if (!index)
		return err_errno(reterr, "the bridge %s", b->name);
	if ((rc = send_msg(sk, link_msg(RTM_NEWLINK, 0, AF_UNSPEC, index, IFF_UP), 0, "starting the bridge", reterr)) ||
	    (rc = add_address(sk, index, b->gateway, b->prefix, reterr)) ||
	    (rc = add_address(sk, index, b->dns, 32, reterr)) ||
	    /* Not to the bridge: answering a pod out of the link it asked on, the kernel would first
	     * spend its allowance of ICMP on telling it of a better way. */
	    (rc = add_route(sk, (int)if_nametoindex("lo"), b->service, b->service_prefix, NULL, b->gateway, reterr)))
		return rc;
	if ((rc = write_sysctl("/proc/sys/net/ipv4/ip_forward", "1", reterr)))
		return rc;
	/* Node ports on localhost: answers from pods come back to 127.0.0.1 by this link. */
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/route_localnet", b->name);
	return write_sysctl(path, "1", reterr);
}

int link_del(const char *name, struct err *reterr)
{
	NL_AUTO struct nl_sock *sk = NULL;
	int index = (int)if_nametoindex(name), rc;

	if (!index)
		return 0;
	rc = open_socket(&sk, reterr);
	return rc ? rc : send_msg(sk, link_msg(RTM_DELLINK, 0, AF_UNSPEC, index, 0), NLE_NODEV, name, reterr);
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
	char bridge[LINK_NAME_MAX];
	int rc = 0, r;

	if (!all)
		return err_errno(reterr, "listing the links");
	for (struct if_nameindex *i = all; i->if_index; i++)
		if (is_pod_link(i->if_name, name) && (r = link_del(i->if_name, reterr)))
			rc = r;
	if_freenameindex(all);
	snprintf(bridge, sizeof(bridge), "%s0", name);
	r = link_del(bridge, reterr);
	return r ? r : rc;
}

/* ---- a pod's pair ---- */

/* The packet size of the link that the default route takes: pods must not send larger. */
static uint32_t uplink_mtu(void)
{
	char line[256], name[IFNAMSIZ];
	unsigned dst;
	uint32_t mtu = MTU_DEFAULT;
	FILE *f = fopen("/proc/thread-self/net/route", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%15s %x", name, &dst) == 2 && !dst && strcmp(name, "Iface")) {
			struct ifreq r = { 0 };
			int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

			strcpy(r.ifr_name, name);
			if (fd >= 0 && !ioctl(fd, SIOCGIFMTU, &r) && r.ifr_mtu >= 576)
				mtu = (uint32_t)r.ifr_mtu;
			if (fd >= 0)
				close(fd);
			break;
		}
	if (f)
		fclose(f);
	return mtu;
}

static int make_pair(struct nl_sock *sk, const struct link_pod *p, int ns_fd, struct err *reterr)
{
	/* Neither end can be up before the other is there. */
	struct nl_msg *m = link_msg(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, AF_UNSPEC, 0, 0);
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct nlattr *info, *data, *peer;
	uint32_t mtu = uplink_mtu();
	int bridge = (int)if_nametoindex(p->bridge);

	if (!bridge) {
		nlmsg_free(m);
		return err_errno(reterr, "the bridge %s", p->bridge);
	}
	if (m) {
		nla_put_string(m, IFLA_IFNAME, p->host_name);
		nla_put_u32(m, IFLA_MASTER, (uint32_t)bridge);
		nla_put_u32(m, IFLA_MTU, mtu);
		info = nla_nest_start(m, IFLA_LINKINFO);
		nla_put_string(m, IFLA_INFO_KIND, "veth");
		data = nla_nest_start(m, IFLA_INFO_DATA);
		peer = nla_nest_start(m, VETH_INFO_PEER);
		nlmsg_append(m, &ifi, sizeof(ifi), 0);
		nla_put_string(m, IFLA_IFNAME, "eth0");
		nla_put_u32(m, IFLA_NET_NS_FD, (uint32_t)ns_fd);
		nla_put_u32(m, IFLA_MTU, mtu);
		put_mac(m, p->ip);
		nla_nest_end(m, peer);
		nla_nest_end(m, data);
		nla_nest_end(m, info);
	}
	return send_msg(sk, m, 0, "making the pod's link", reterr);
}

/* Frames may leave by the port they came in by: a pod that reaches itself through a Service. */
static int set_hairpin(struct nl_sock *sk, const char *name, struct err *reterr)
{
	struct nl_msg *m = link_msg(RTM_SETLINK, 0, AF_BRIDGE, (int)if_nametoindex(name), 0);
	struct nlattr *port;

	if (m) {
		port = nla_nest_start(m, IFLA_PROTINFO | NLA_F_NESTED);
		nla_put_u8(m, IFLA_BRPORT_MODE, BRIDGE_MODE_HAIRPIN);
		nla_nest_end(m, port);
	}
	return send_msg(sk, m, 0, "setting the bridge port", reterr);
}

/* In the pod's namespace. */
static int configure(const struct link_pod *p, struct err *reterr)
{
	NL_AUTO struct nl_sock *sk = NULL;
	static const uint8_t any[4];
	int rc, lo, eth;

	if ((rc = open_socket(&sk, reterr)))
		return rc;
	lo = (int)if_nametoindex("lo");
	eth = (int)if_nametoindex("eth0");
	if (!lo || !eth)
		return err_errno(reterr, "the pod's links");
	if ((rc = send_msg(sk, link_msg(RTM_NEWLINK, 0, AF_UNSPEC, lo, IFF_UP), 0, "starting lo", reterr)) ||
	    (rc = send_msg(sk, link_msg(RTM_NEWLINK, 0, AF_UNSPEC, eth, IFF_UP), 0, "starting eth0", reterr)) ||
	    (rc = add_address(sk, eth, p->ip, 32, reterr)) ||
	    (rc = add_route(sk, eth, p->gateway, 32, NULL, NULL, reterr)))
		return rc;
	return add_route(sk, eth, any, 0, p->gateway, NULL, reterr);
}

/* In the pod's namespace: does eth0 have the address already? */
static bool has_address(const struct link_pod *p)
{
	struct ifreq r = { .ifr_name = "eth0" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && !ioctl(fd, SIOCGIFADDR, &r) &&
		!memcmp(&((struct sockaddr_in *)(void *)&r.ifr_addr)->sin_addr, p->ip, 4);

	if (fd >= 0)
		close(fd);
	return yes;
}

int link_pod_add(const struct link_pod *p, struct err *reterr)
{
	NL_AUTO struct nl_sock *sk = NULL;
	int own, ns, rc;
	bool there = false;

	if ((rc = open_socket(&sk, reterr)))
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
			there = has_address(p);
			if (setns(own, CLONE_NEWNET))
				abort();       /* this thread would work on in a stranger's network */
		}
		if (!there)
			rc = link_del(p->host_name, reterr);
	}
	if (!rc && !there)
		rc = make_pair(sk, p, ns, reterr);
	if (!rc)
		rc = send_msg(sk, link_msg(RTM_NEWLINK, 0, AF_UNSPEC, (int)if_nametoindex(p->host_name), IFF_UP), 0,
			"starting the pod's link", reterr);
	if (!rc)
		rc = set_hairpin(sk, p->host_name, reterr);
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
