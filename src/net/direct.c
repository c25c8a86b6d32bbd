/* SPDX-License-Identifier: Apache-2.0 */
/* direct - see direct.h. */
#include "net/direct.h"

#include <linux/rtnetlink.h>
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
static int link_to(const uint8_t dst[4])
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	struct rtmsg rt = { .rtm_family = AF_INET, .rtm_dst_len = 32 };
	struct nl_msg *m = nlmsg_alloc_simple(RTM_GETROUTE, 0);
	struct way w = { 0 };

	if (m) {
		nlmsg_append(m, &rt, sizeof(rt), NLMSG_ALIGNTO);
		nla_put(m, RTA_DST, 4, dst);
	}
	if (netlink_open(&sk, NULL)) {
		nlmsg_free(m);
		return 0;
	}
	return netlink_ask(sk, m, on_way, &w, "a route", NULL) || w.gateway ? 0 : w.index;
}

int direct_peer_add(const uint8_t source[4], const struct tunnel_peer *p, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	struct netlink_route r = { .index = link_to(p->address), .dst = p->range, .prefix = p->prefix, .gateway = p->address,
		.src = source, .proto = OUR_PROTO };
	int rc;

	if (!r.index)
		return -ERR_NOT_FOUND;
	rc = netlink_open(&sk, reterr);
	return rc ? rc : netlink_route_set(sk, &r, reterr);
}

static int drop(struct nl_sock *sk, const uint8_t range[4], int prefix, struct err *reterr)
{
	return netlink_route_del(sk, &(struct netlink_route){ .dst = range, .prefix = prefix, .proto = OUR_PROTO }, reterr);
}

int direct_peer_del(const struct tunnel_peer *p, struct err *reterr)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	int rc = netlink_open(&sk, reterr);

	return rc ? rc : drop(sk, p->range, p->prefix, reterr);
}

#define STALE_MAX 64u
struct stale {
	const struct tunnel_peer *peers;
	unsigned n, count;
	struct { uint8_t dst[4]; int prefix; } routes[STALE_MAX];
};

static int on_route(struct nl_msg *m, void *arg)
{
	struct stale *s = arg;
	struct rtmsg *rt = nlmsg_data(nlmsg_hdr(m));
	struct nlattr *at[RTA_MAX + 1];

	if (rt->rtm_protocol != OUR_PROTO || nlmsg_parse(nlmsg_hdr(m), sizeof(*rt), at, RTA_MAX, NULL) || !at[RTA_DST] ||
	    nla_len(at[RTA_DST]) != 4 || s->count == STALE_MAX)
		return NL_OK;
	for (unsigned i = 0; i < s->n; i++)
		if (s->peers[i].direct && s->peers[i].prefix == rt->rtm_dst_len && !memcmp(s->peers[i].range, nla_data(at[RTA_DST]), 4))
			return NL_OK;
	memcpy(s->routes[s->count].dst, nla_data(at[RTA_DST]), 4);
	s->routes[s->count++].prefix = rt->rtm_dst_len;
	return NL_OK;
}

int direct_keep(const struct tunnel_peer *peers, unsigned n, struct err *reterr)
{
	struct stale s = { .peers = peers, .n = n };
	struct rtmsg all = { .rtm_family = AF_INET };
	int rc;

	do {
		NETLINK_AUTO struct nl_sock *query = NULL, *sk = NULL;
		struct nl_msg *m = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_DUMP);

		if ((rc = netlink_open(&query, reterr)) || (rc = netlink_open(&sk, reterr))) {
			nlmsg_free(m);
			return rc;
		}
		if (m)
			nlmsg_append(m, &all, sizeof(all), NLMSG_ALIGNTO);
		s.count = 0;
		rc = netlink_ask(query, m, on_route, &s, "listing the routes", reterr);
		for (unsigned i = 0; !rc && i < s.count; i++)
			rc = drop(sk, s.routes[i].dst, s.routes[i].prefix, reterr);
	} while (!rc && s.count == STALE_MAX);
	return rc;
}
