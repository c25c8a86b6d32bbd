/* SPDX-License-Identifier: Apache-2.0 */
/* direct - see direct.h. */
#include "net/direct.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "net/netlink.h"

#define OUR_PROTO 0x53

struct way { int index; bool gateway; };

static int on_way(struct nl_msg *m, void *arg)
{
	struct way *w = arg;
	struct rtmsg *rt = nlmsg_data(nlmsg_hdr(m));
	struct nlattr *at[RTA_MAX + 1];

	if (!nlmsg_parse(nlmsg_hdr(m), sizeof(*rt), at, RTA_MAX, NULL) && rt->rtm_type == RTN_UNICAST && at[RTA_OIF]) {
		w->index = (int)nla_get_u32(at[RTA_OIF]);
		w->gateway = at[RTA_GATEWAY] || at[RTA_VIA];
	}
	return NL_OK;
}

/* The link that dst is on; 0: none. */
static int link_to(const struct ip *dst)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	const struct ip_family *f = &ip_families[ip_family(dst)];
	struct rtmsg rt = { .rtm_family = (unsigned char)f->af, .rtm_dst_len = (unsigned char)f->bits };
	struct nl_msg *m = nlmsg_alloc_simple(RTM_GETROUTE, 0);
	struct way w = { 0 };

	if (m) {
		nlmsg_append(m, &rt, sizeof(rt), NLMSG_ALIGNTO);
		nla_put(m, RTA_DST, dst->len, dst->b);
	}
	if (netlink_open(&sk, NULL)) {
		nlmsg_free(m);
		return 0;
	}
	return netlink_ask(sk, m, on_way, &w, "a route", NULL) || w.gateway ? 0 : w.index;
}

int direct_peer_add(const struct ip *source, const struct tunnel_peer *p, int family, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	struct netlink_route r = { .index = p->address[family].len ? link_to(&p->address[family]) : 0, .dst = p->range[family],
		.gateway = &p->address[family], .src = source->len ? source : NULL, .proto = OUR_PROTO };
	int rc;

	if (!r.index)
		return -ERR_NOT_FOUND;
	rc = netlink_open(&sk, reterr);
	return rc ? rc : netlink_route_set(sk, &r, reterr);
}

int direct_peer_del(const struct tunnel_peer *p, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	int rc = netlink_open(&sk, reterr), r;

	for (int f = 0; f < IP_FAMILIES && sk; f++)
		if (p->range[f].ip.len && (r = netlink_route_del(sk, &(struct netlink_route){ .dst = p->range[f], .proto = OUR_PROTO }, reterr)))
			rc = r;
	return rc;
}

int direct_keep(const struct tunnel_peer *peers, unsigned n, struct err *reterr)
{
	struct ip_range *keep = calloc((size_t)n * IP_FAMILIES + 1, sizeof(*keep));
	unsigned count = 0;
	int rc;

	if (!keep)
		return err_set(reterr, ERR_NOMEM, "the routes to other nodes: out of memory");
	for (unsigned i = 0; i < n; i++)
		for (int f = 0; f < IP_FAMILIES; f++)
			if (peers[i].direct && peers[i].range[f].ip.len)
				keep[count++] = peers[i].range[f];
	rc = netlink_routes_keep(&(struct netlink_routes){ .proto = OUR_PROTO }, keep, count, reterr);
	free(keep);
	return rc;
}
