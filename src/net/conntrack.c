/* SPDX-License-Identifier: Apache-2.0 */
/* conntrack - see conntrack.h: the table dumped, flows that are wrong deleted one by one. */
#include "net/conntrack.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct scan {
	const struct conntrack_service *services;
	unsigned count;
	struct buf victims[IP_FAMILIES];       /* attributes that name a flow, each after its length */
};

static struct nl_msg *message(int type, int flags, int af)
{
	struct nl_msg *m = nlmsg_alloc_simple(NFNL_SUBSYS_CTNETLINK << 8 | type, flags);
	struct nfgenmsg g = { .nfgen_family = (uint8_t)af, .version = NFNETLINK_V0 };

	if (m && nlmsg_append(m, &g, sizeof(g), NLMSG_ALIGNTO)) {
		nlmsg_free(m);
		m = NULL;
	}
	return m;
}

/* The source (or destination) of a tuple; false: not UDP. */
static bool tuple_end(struct nlattr *tuple, bool source, struct conntrack_end *ret)
{
	struct nlattr *t[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *proto[CTA_PROTO_MAX + 1], *a, *p;

	if (!tuple || nla_parse_nested(t, CTA_TUPLE_MAX, tuple, NULL) || !t[CTA_TUPLE_IP] || !t[CTA_TUPLE_PROTO] ||
	    nla_parse_nested(ip, CTA_IP_MAX, t[CTA_TUPLE_IP], NULL) ||
	    nla_parse_nested(proto, CTA_PROTO_MAX, t[CTA_TUPLE_PROTO], NULL))
		return false;
	a = ip[source ? CTA_IP_V4_SRC : CTA_IP_V4_DST];
	a = a ? a : ip[source ? CTA_IP_V6_SRC : CTA_IP_V6_DST];
	p = proto[source ? CTA_PROTO_SRC_PORT : CTA_PROTO_DST_PORT];
	if (!a || !p || !proto[CTA_PROTO_NUM] || nla_get_u8(proto[CTA_PROTO_NUM]) != IPPROTO_UDP)
		return false;
	if (nla_len(a) != 4 && nla_len(a) != 16)
		return false;
	ret->ip = (struct ip){ .len = (uint8_t)nla_len(a) };
	memcpy(ret->ip.b, nla_data(a), ret->ip.len);
	ret->port = nla_get_u16(p);
	return true;
}

static bool holds(const struct conntrack_service *s, const struct conntrack_end *target)
{
	for (unsigned i = 0; i < s->target_count; i++)
		if (ip_same(&s->targets[i].ip, &target->ip) && s->targets[i].port == target->port)
			return true;
	return false;
}

static int on_flow(struct nl_msg *m, void *arg)
{
	struct scan *scan = arg;
	struct nlattr *a[CTA_MAX + 1];
	struct conntrack_end to, translated;

	if (nlmsg_parse(nlmsg_hdr(m), sizeof(struct nfgenmsg), a, CTA_MAX, NULL) ||
	    !tuple_end(a[CTA_TUPLE_ORIG], false, &to) || !tuple_end(a[CTA_TUPLE_REPLY], true, &translated))
		return NL_OK;
	for (unsigned i = 0; i < scan->count; i++) {
		const struct conntrack_service *s = &scan->services[i];

		if (s->at.port != to.port || ip_family(&to.ip) != s->family || (s->at.ip.len && !ip_same(&s->at.ip, &to.ip)) || holds(s, &translated))
			continue;
		/* An address of somebody else's that happens to use the number of a node port. */
		if (!s->at.ip.len && ip_same(&translated.ip, &to.ip) && translated.port == to.port)
			continue;
		buf_add(&scan->victims[s->family], a[CTA_TUPLE_ORIG], (size_t)NLA_ALIGN(a[CTA_TUPLE_ORIG]->nla_len));
		break;
	}
	return NL_OK;
}

static int delete_flow(struct nl_sock *sk, int af, struct nlattr *tuple)
{
	struct nl_msg *m = message(IPCTNL_MSG_CT_DELETE, 0, af);
	int rc;

	if (!m || nla_put(m, CTA_TUPLE_ORIG | NLA_F_NESTED, nla_len(tuple), nla_data(tuple))) {
		nlmsg_free(m);
		return -NLE_NOMEM;
	}
	rc = nl_send_sync(sk, m);
	return rc == -NLE_OBJ_NOTFOUND ? 0 : rc;       /* ended by itself */
}

static int delete_flows(struct nl_sock *sk, int af, const struct buf *victims)
{
	int rc = victims->failed ? -NLE_NOMEM : 0;

	for (size_t at = 0; !rc && at < victims->len;) {
		struct nlattr *tuple = (struct nlattr *)(void *)(victims->p + at);

		at += (size_t)NLA_ALIGN(tuple->nla_len);
		rc = delete_flow(sk, af, tuple);
	}
	return rc;
}

int conntrack_forget(const struct conntrack_service *s, unsigned count, struct err *reterr)
{
	struct scan scan = { .services = s, .count = count };
	struct nl_sock *sk = nl_socket_alloc();
	int rc = sk ? nl_connect(sk, NETLINK_NETFILTER) : -NLE_NOMEM;
	bool of[IP_FAMILIES] = { false };

	for (unsigned i = 0; i < count; i++)
		of[s[i].family] = true;
	if (!rc)
		rc = nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, on_flow, &scan);
	for (int f = 0; f < IP_FAMILIES && !rc; f++) {
		struct nl_msg *m = of[f] ? message(IPCTNL_MSG_CT_GET, NLM_F_DUMP, ip_families[f].af) : NULL;

		if (of[f])
			rc = !m ? -NLE_NOMEM : (rc = nl_send_auto(sk, m)) < 0 ? rc : nl_recvmsgs_default(sk);
		nlmsg_free(m);
	}
	for (int f = 0; f < IP_FAMILIES; f++) {
		if (rc >= 0)
			rc = delete_flows(sk, ip_families[f].af, &scan.victims[f]);
		buf_finish(&scan.victims[f]);
	}
	nl_socket_free(sk);
	return rc < 0 ? err_set(reterr, ERR_IO, "forgetting old UDP flows: %s", nl_geterror(rc)) : 0;
}
