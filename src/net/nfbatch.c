/* SPDX-License-Identifier: Apache-2.0 */
/* nfbatch - see nfbatch.h. Attributes nest by their length, set when a nest ends. */
#include "net/nfbatch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_MAX (256u << 20)

static void pad(struct nfbatch *n)
{
	static const char zero[4];

	buf_add(&n->b, zero, (4 - n->b.len % 4) % 4);
}

static size_t message(struct nfbatch *n, uint16_t type, uint16_t flags, uint8_t family, uint16_t res)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags };
	struct nfgenmsg g = { .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(res) };
	size_t at = n->b.len;

	buf_add(&n->b, &h, sizeof(h));
	buf_add(&n->b, &g, sizeof(g));
	return at;
}

static void message_end(struct nfbatch *n, size_t at)
{
	uint32_t len = (uint32_t)(n->b.len - at);

	if (!n->b.failed)
		memcpy(n->b.p + at, &len, sizeof(len));
}

static size_t begin(struct nfbatch *n, int type, uint16_t flags)
{
	return message(n, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, n->family, 0);
}

static void attr(struct nfbatch *n, uint16_t type, const void *p, size_t len)
{
	struct nlattr a = { .nla_len = (uint16_t)(sizeof(a) + len), .nla_type = type };

	buf_add(&n->b, &a, sizeof(a));
	buf_add(&n->b, p, len);
	pad(n);
}

static void text(struct nfbatch *n, uint16_t type, const char *s)
{
	attr(n, type, s, strlen(s) + 1);
}

static void u32(struct nfbatch *n, uint16_t type, uint32_t v)
{
	v = htonl(v);
	attr(n, type, &v, sizeof(v));
}

static size_t nest(struct nfbatch *n, uint16_t type)
{
	size_t at = n->b.len;

	attr(n, type | NLA_F_NESTED, "", 0);
	return at;
}

static void nest_end(struct nfbatch *n, size_t at)
{
	uint16_t len = (uint16_t)(n->b.len - at);

	if (!n->b.failed)
		memcpy(n->b.p + at, &len, sizeof(len));
}

void nfbatch_begin(struct nfbatch *n, const char *table, uint8_t family)
{
	*n = (struct nfbatch){ .table = table, .family = family };
	message_end(n, message(n, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

void nfbatch_finish(struct nfbatch *n)
{
	buf_finish(&n->b);
}

/* ---- sending ---- */

/* The kernel is done when send returns: its answers wait. 0, or an errno; ENODATA: no answer. */
static int answers(int fd)
{
	_Alignas(struct nlmsghdr) char in[8192];
	int rc = ENODATA;

	for (;;) {
		ssize_t len = recv(fd, in, sizeof(in), MSG_DONTWAIT);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return rc == ENODATA && errno == ENOBUFS ? ENOBUFS : rc;
		for (struct nlmsghdr *h = (void *)in; NLMSG_OK(h, (size_t)len); h = NLMSG_NEXT(h, len)) {
			const struct nlmsgerr *e = NLMSG_DATA(h);

			if (h->nlmsg_type != NLMSG_ERROR)
				continue;
			if (e->error)
				return -e->error;
			rc = 0;
		}
	}
}

int nfbatch_send(struct nfbatch *n, struct err *reterr)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	size_t end = message(n, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	struct nlmsghdr *first;
	int fd, size, rc;

	message_end(n, end);
	if (n->b.failed)
		return err_set(reterr, ERR_NOMEM, "firewall: out of memory");
	if (n->b.len > SEND_MAX)
		return err_set(reterr, ERR_SIZE, "firewall: a change of %zu MB is too large", n->b.len >> 20);
	/* The answer to the first message is that to all: any that fails takes all with it. */
	first = (void *)(n->b.p + NLMSG_ALIGN(sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg)));
	first->nlmsg_flags |= NLM_F_ACK;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0)
		return err_errno(reterr, "firewall: netlink");
	size = (int)(n->b.len + (n->b.len >> 2) + 65536);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (sendto(fd, n->b.p, n->b.len, 0, (void *)&to, sizeof(to)) != (ssize_t)n->b.len)
		rc = errno;
	else
		rc = answers(fd);
	close(fd);
	if (!rc)
		return 0;
	if (rc == EOPNOTSUPP || rc == EAFNOSUPPORT)
		return err_set(reterr, ERR_UNAVAILABLE, "firewall: the kernel has no nf_tables for this (it takes "
			"CONFIG_NF_TABLES_INET): %s", strerror(rc));
	return err_set(reterr, ERR_IO, "firewall: the kernel refuses the rules of table %s: %s", n->table, strerror(rc));
}

/* ---- tables, chains, sets ---- */

void nfbatch_table(struct nfbatch *n, bool add)
{
	size_t at = begin(n, add ? NFT_MSG_NEWTABLE : NFT_MSG_DELTABLE, add ? NLM_F_CREATE : 0);

	text(n, NFTA_TABLE_NAME, n->table);
	message_end(n, at);
}

/* About one part of the table, of which no more than the name is told. */
static void part(struct nfbatch *n, int type, uint16_t flags, uint16_t name_attr, const char *name)
{
	size_t at = begin(n, type, flags);

	text(n, NFTA_CHAIN_TABLE, n->table);   /* 1, as in messages about sets and rules */
	text(n, name_attr, name);
	message_end(n, at);
}

void nfbatch_chain(struct nfbatch *n, const char *name, bool add)
{
	part(n, add ? NFT_MSG_NEWCHAIN : NFT_MSG_DELCHAIN, add ? NLM_F_CREATE : 0, NFTA_CHAIN_NAME, name);
}

void nfbatch_flush(struct nfbatch *n, const char *chain)
{
	part(n, NFT_MSG_DELRULE, 0, NFTA_RULE_CHAIN, chain);
}

void nfbatch_set_del(struct nfbatch *n, const char *name)
{
	part(n, NFT_MSG_DELSET, 0, NFTA_SET_NAME, name);
}

void nfbatch_hook(struct nfbatch *n, const char *name, uint32_t hook, int32_t priority)
{
	size_t at = begin(n, NFT_MSG_NEWCHAIN, NLM_F_CREATE), h;

	text(n, NFTA_CHAIN_TABLE, n->table);
	text(n, NFTA_CHAIN_NAME, name);
	h = nest(n, NFTA_CHAIN_HOOK);
	u32(n, NFTA_HOOK_HOOKNUM, hook);
	u32(n, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	nest_end(n, h);
	u32(n, NFTA_CHAIN_POLICY, NF_ACCEPT);
	text(n, NFTA_CHAIN_TYPE, "filter");
	message_end(n, at);
}

void nfbatch_set(struct nfbatch *n, const struct nfbatch_set *s)
{
	size_t at = begin(n, NFT_MSG_NEWSET, NLM_F_CREATE);

	text(n, NFTA_SET_TABLE, n->table);
	text(n, NFTA_SET_NAME, s->name);
	u32(n, NFTA_SET_FLAGS, (s->interval ? NFT_SET_INTERVAL : 0) | (s->verdicts ? NFT_SET_MAP : 0));
	u32(n, NFTA_SET_KEY_TYPE, s->key_type);
	u32(n, NFTA_SET_KEY_LEN, s->key_len);
	if (s->verdicts)
		u32(n, NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
	u32(n, NFTA_SET_ID, ++n->set_id);
	message_end(n, at);
}

static void verdict(struct nfbatch *n, uint16_t type, int32_t code, const char *chain)
{
	size_t data = nest(n, type), v = nest(n, NFTA_DATA_VERDICT);

	u32(n, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		text(n, NFTA_VERDICT_CHAIN, chain);
	nest_end(n, v);
	nest_end(n, data);
}

static void value(struct nfbatch *n, uint16_t type, const void *p, size_t len)
{
	size_t at = nest(n, type);

	attr(n, NFTA_DATA_VALUE, p, len);
	nest_end(n, at);
}

void nfbatch_elems_begin(struct nfbatch *n, struct nfbatch_nest *at, const char *set, bool add)
{
	at->msg = begin(n, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, add ? NLM_F_CREATE : 0);
	text(n, NFTA_SET_ELEM_LIST_TABLE, n->table);
	text(n, NFTA_SET_ELEM_LIST_SET, set);
	at->elems = nest(n, NFTA_SET_ELEM_LIST_ELEMENTS);
}

void nfbatch_elem(struct nfbatch *n, const void *key, uint32_t key_len, const char *chain, bool end)
{
	size_t at = nest(n, NFTA_LIST_ELEM);

	if (end)
		u32(n, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
	value(n, NFTA_SET_ELEM_KEY, key, key_len);
	if (chain)
		verdict(n, NFTA_SET_ELEM_DATA, NFT_GOTO, chain);
	nest_end(n, at);
}

void nfbatch_elems_end(struct nfbatch *n, const struct nfbatch_nest *at)
{
	nest_end(n, at->elems);
	message_end(n, at->msg);
}

/* ---- rules ---- */

void nfbatch_rule_begin(struct nfbatch *n, struct nfbatch_nest *at, const char *chain)
{
	at->msg = begin(n, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	text(n, NFTA_RULE_TABLE, n->table);
	text(n, NFTA_RULE_CHAIN, chain);
	at->elems = nest(n, NFTA_RULE_EXPRESSIONS);
}

void nfbatch_rule_end(struct nfbatch *n, const struct nfbatch_nest *at)
{
	nfbatch_elems_end(n, at);
}

static struct nfbatch_nest expr(struct nfbatch *n, const char *name)
{
	struct nfbatch_nest at = { .msg = nest(n, NFTA_LIST_ELEM) };

	text(n, NFTA_EXPR_NAME, name);
	at.elems = nest(n, NFTA_EXPR_DATA);
	return at;
}

static void expr_end(struct nfbatch *n, struct nfbatch_nest at)
{
	nest_end(n, at.elems);
	nest_end(n, at.msg);
}

void nfbatch_payload(struct nfbatch *n, unsigned reg, uint32_t base, uint32_t offset, uint32_t len)
{
	struct nfbatch_nest e = expr(n, "payload");

	u32(n, NFTA_PAYLOAD_DREG, NFT_REG32_00 + reg);
	u32(n, NFTA_PAYLOAD_BASE, base);
	u32(n, NFTA_PAYLOAD_OFFSET, offset);
	u32(n, NFTA_PAYLOAD_LEN, len);
	expr_end(n, e);
}

void nfbatch_meta(struct nfbatch *n, unsigned reg, uint32_t key)
{
	struct nfbatch_nest e = expr(n, "meta");

	u32(n, NFTA_META_DREG, NFT_REG32_00 + reg);
	u32(n, NFTA_META_KEY, key);
	expr_end(n, e);
}

void nfbatch_ct(struct nfbatch *n, unsigned reg, uint32_t key)
{
	struct nfbatch_nest e = expr(n, "ct");

	u32(n, NFTA_CT_DREG, NFT_REG32_00 + reg);
	u32(n, NFTA_CT_KEY, key);
	expr_end(n, e);
}

void nfbatch_compare(struct nfbatch *n, unsigned reg, uint32_t op, const void *p, uint32_t len)
{
	struct nfbatch_nest e = expr(n, "cmp");

	u32(n, NFTA_CMP_SREG, NFT_REG32_00 + reg);
	u32(n, NFTA_CMP_OP, op);
	value(n, NFTA_CMP_DATA, p, len);
	expr_end(n, e);
}

void nfbatch_any_bit(struct nfbatch *n, unsigned reg, uint32_t bits)
{
	struct nfbatch_nest e = expr(n, "bitwise");
	uint32_t zero = 0;

	u32(n, NFTA_BITWISE_SREG, NFT_REG32_00 + reg);
	u32(n, NFTA_BITWISE_DREG, NFT_REG32_00 + reg);
	u32(n, NFTA_BITWISE_LEN, sizeof(bits));
	value(n, NFTA_BITWISE_MASK, &bits, sizeof(bits));
	value(n, NFTA_BITWISE_XOR, &zero, sizeof(zero));
	expr_end(n, e);
	nfbatch_compare(n, reg, NFT_CMP_NEQ, &zero, sizeof(zero));
}

void nfbatch_lookup(struct nfbatch *n, unsigned reg, const char *set, enum nfbatch_lookup how)
{
	struct nfbatch_nest e = expr(n, "lookup");

	text(n, NFTA_LOOKUP_SET, set);
	u32(n, NFTA_LOOKUP_SREG, NFT_REG32_00 + reg);
	if (how == NFBATCH_VERDICT)
		u32(n, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
	if (how == NFBATCH_NOT_IN)
		u32(n, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	expr_end(n, e);
}

void nfbatch_verdict(struct nfbatch *n, int32_t code, const char *chain)
{
	struct nfbatch_nest e = expr(n, "immediate");

	u32(n, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	verdict(n, NFTA_IMMEDIATE_DATA, code, chain);
	expr_end(n, e);
}
