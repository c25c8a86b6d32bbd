/* SPDX-License-Identifier: Apache-2.0 */
/* netlink - see netlink.h. */
#include "net/netlink.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/map.h"

int netlink_open(struct nl_sock **ret, struct err *reterr)
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

void netlink_close(struct nl_sock **sk)
{
	nl_socket_free(*sk);
}

struct nl_msg *netlink_link_msg(int type, int flags, int family, int index, unsigned up)
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
int netlink_send(struct nl_sock *sk, struct nl_msg *m, int fine, const char *what, struct err *reterr)
{
	int rc;

	if (!m)
		return err_set(reterr, ERR_NOMEM, "%s: out of memory", what);
	rc = nl_send_sync(sk, m);
	if (rc < 0 && rc != -fine)
		return err_set(reterr, ERR_IO, "%s: %s", what, nl_geterror(rc));
	return 0;
}

int netlink_sysctl(const char *path, const char *value, struct err *reterr)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return err_errno(reterr, "%s", path);
	n = write(fd, value, strlen(value));
	close(fd);
	return n < 0 ? err_errno(reterr, "%s", path) : 0;
}

int netlink_sysctl6(const char *link, const char *name, const char *value, struct err *reterr)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", link, name);
	return netlink_sysctl(path, value, reterr);
}

int netlink_address(struct nl_sock *sk, int index, const struct ip *ip, int prefix, struct err *reterr)
{
	struct ifaddrmsg ifa = { .ifa_family = (uint8_t)ip_families[ip_family(ip)].af, .ifa_prefixlen = (uint8_t)prefix,
		.ifa_flags = ip->len == 16 ? IFA_F_NODAD : 0, .ifa_index = (unsigned)index };
	struct nl_msg *m = nlmsg_alloc_simple(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);

	if (m) {
		nlmsg_append(m, &ifa, sizeof(ifa), NLMSG_ALIGNTO);
		nla_put(m, IFA_LOCAL, ip->len, ip->b);
		nla_put(m, IFA_ADDRESS, ip->len, ip->b);
	}
	return netlink_send(sk, m, NLE_EXIST, "adding an address", reterr);
}

static struct nl_msg *route_msg(int type, int flags, const struct netlink_route *r, int scope)
{
	struct rtmsg rt = { .rtm_family = (unsigned char)ip_families[ip_family(&r->dst.ip)].af, .rtm_dst_len = (uint8_t)r->dst.prefix,
		.rtm_table = RT_TABLE_MAIN, .rtm_protocol = r->proto ? r->proto : type == RTM_NEWROUTE ? RTPROT_STATIC : RTPROT_UNSPEC,
		.rtm_scope = (unsigned char)scope, .rtm_type = RTN_UNICAST, .rtm_flags = r->onlink ? RTNH_F_ONLINK : 0 };
	struct nl_msg *m = nlmsg_alloc_simple(type, flags);

	if (m) {
		nlmsg_append(m, &rt, sizeof(rt), NLMSG_ALIGNTO);
		if (r->dst.prefix)
			nla_put(m, RTA_DST, r->dst.ip.len, r->dst.ip.b);
		if (r->index)
			nla_put_u32(m, RTA_OIF, (uint32_t)r->index);
	}
	return m;
}

int netlink_route_set(struct nl_sock *sk, const struct netlink_route *r, struct err *reterr)
{
	struct nl_msg *m = route_msg(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, r, r->gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);

	if (m && r->gateway)
		nla_put(m, RTA_GATEWAY, r->gateway->len, r->gateway->b);
	if (m && r->src)
		nla_put(m, RTA_PREFSRC, r->src->len, r->src->b);
	return netlink_send(sk, m, NLE_EXIST, "adding a route", reterr);
}

int netlink_route_del(struct nl_sock *sk, const struct netlink_route *r, struct err *reterr)
{
	return netlink_send(sk, route_msg(RTM_DELROUTE, 0, r, RT_SCOPE_NOWHERE), NLE_OBJ_NOTFOUND, "taking a route away", reterr);
}

int netlink_ask(struct nl_sock *sk, struct nl_msg *m, nl_recvmsg_msg_cb_t fn, void *arg, const char *what, struct err *reterr)
{
	int rc;

	if (!m)
		return err_set(reterr, ERR_NOMEM, "%s: out of memory", what);
	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, fn, arg);
	rc = nl_send_auto(sk, m);
	nlmsg_free(m);
	rc = rc < 0 ? rc : nl_recvmsgs_default(sk);
	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
	return rc < 0 ? err_set(reterr, ERR_IO, "%s: %s", what, nl_geterror(rc)) : 0;
}

int netlink_dump(int type, const void *header, size_t n, nl_recvmsg_msg_cb_t fn, void *arg, const char *what, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	struct nl_msg *m;
	int rc = netlink_open(&sk, reterr);

	if (rc)
		return rc;
	m = nlmsg_alloc_simple(type, NLM_F_DUMP);
	if (m)
		nlmsg_append(m, (void *)header, n, NLMSG_ALIGNTO);
	return netlink_ask(sk, m, fn, arg, what, reterr);
}

#define STALE_MAX 64u
struct stale {
	const struct netlink_routes *of;
	const struct ip_range *keep;
	unsigned n, count;
	struct ip_range routes[STALE_MAX];
};

/* A link's own, in IPv6: fe80::/64, ff00::/8. */
static bool is_own(const struct ip_range *r)
{
	return r->ip.len == 16 && (r->ip.b[0] == 0xff || (r->ip.b[0] == 0xfe && (r->ip.b[1] & 0xc0) == 0x80));
}

static int on_route(struct nl_msg *m, void *arg)
{
	struct stale *s = arg;
	struct rtmsg *rt = nlmsg_data(nlmsg_hdr(m));
	struct nlattr *at[RTA_MAX + 1];
	struct ip_range r = { .prefix = rt->rtm_dst_len };

	if ((s->of->proto && rt->rtm_protocol != s->of->proto) || rt->rtm_table != RT_TABLE_MAIN || rt->rtm_type != RTN_UNICAST ||
	    (rt->rtm_family != AF_INET && rt->rtm_family != AF_INET6) || nlmsg_parse(nlmsg_hdr(m), sizeof(*rt), at, RTA_MAX, NULL) ||
	    !at[RTA_DST] || s->count == STALE_MAX)
		return NL_OK;
	r.ip.len = rt->rtm_family == AF_INET6 ? 16 : 4;
	if (nla_len(at[RTA_DST]) != r.ip.len)
		return NL_OK;
	memcpy(r.ip.b, nla_data(at[RTA_DST]), r.ip.len);
	if (s->of->index && (!at[RTA_OIF] || (int)nla_get_u32(at[RTA_OIF]) != s->of->index || is_own(&r)))
		return NL_OK;
	for (unsigned i = 0; i < s->n; i++)
		if (s->keep[i].prefix == r.prefix && ip_same(&s->keep[i].ip, &r.ip))
			return NL_OK;
	s->routes[s->count++] = r;
	return NL_OK;
}

int netlink_routes_keep(const struct netlink_routes *of, const struct ip_range *keep, unsigned n, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	struct stale s = { .of = of, .keep = keep, .n = n };
	const struct rtmsg all = { .rtm_family = AF_UNSPEC };
	int rc = netlink_open(&sk, reterr);

	if (rc)
		return rc;
	do {
		s.count = 0;
		rc = netlink_dump(RTM_GETROUTE, &all, sizeof(all), on_route, &s, "listing the routes", reterr);
		for (unsigned i = 0; !rc && i < s.count; i++) {
			const struct ip_range *r = &s.routes[i];

			rc = of->remove ? of->remove(sk, of->index, r, reterr) : netlink_route_del(sk,
				&(struct netlink_route){ .index = of->index, .dst = *r, .proto = of->proto }, reterr);
		}
	} while (!rc && s.count == STALE_MAX);
	return rc;
}

void netlink_mac(const struct ip *ip, uint8_t ret[6])
{
	uint64_t h;

	if (ip->len == 4) {
		memcpy(ret, (uint8_t[]){ 0x02, 0x73, ip->b[0], ip->b[1], ip->b[2], ip->b[3] }, 6);
		return;
	}
	h = hash_fnv64(ip->b, ip->len);
	ret[0] = 0x06;
	for (int i = 1; i < 6; i++, h >>= 8)
		ret[i] = (uint8_t)h;
}

bool netlink_is_ip(const struct sockaddr *a, const struct ip *ip)
{
	if (!a || !ip->len || a->sa_family != ip_families[ip_family(ip)].af)
		return false;
	return !memcmp(ip->len == 4 ? (const void *)&((const struct sockaddr_in *)(const void *)a)->sin_addr :
		(const void *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, ip->b, ip->len);
}

uint32_t netlink_mtu(const char *name)
{
	struct ifreq r = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t mtu = 0;

	memcpy(r.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	if (fd >= 0 && !ioctl(fd, SIOCGIFMTU, &r))
		mtu = (uint32_t)r.ifr_mtu;
	if (fd >= 0)
		close(fd);
	return mtu;
}
