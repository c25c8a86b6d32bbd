/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_nft - see policy_nft.h. What is always there:
 *
 *   guard      a pod sends under its own addresses only
 *   forward    answers of known connections pass; then egress of who sends, then to-pods
 *   to-pods    ingress of who receives
 *
 * Rules for addresses are worth as much as the addresses: a container with NET_RAW could send
 * under another's.
 */
#include "net/policy_nft.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRIORITY 10                    /* behind translation and what refuses addresses without endpoints */
#define GUARD_PRIORITY (-300)          /* before connections are known and translated */
#define NAME_MAX_BYTES 32
#define KEY_MAX 40

/* nft's numbers of datatypes; several in one key: six bits each. */
enum { TYPE_IP4 = 7, TYPE_IP6 = 8, TYPE_PROTO = 12, TYPE_SERVICE = 13, TYPE_IFNAME = 41, TYPE_BITS = 6 };
#define IFNAME_LEN 16

static const struct { uint32_t type, len, saddr, daddr; uint8_t nfproto; } families[2] = {
	{ TYPE_IP4, 4, 12, 16, NFPROTO_IPV4 }, { TYPE_IP6, 16, 8, 24, NFPROTO_IPV6 },
};

static void set_name(char out[NAME_MAX_BYTES], const struct policy_set *s)
{
	static const char *const names[] = { "self", "ingress", "egress", "links", "pods", "named", "block", "port" };

	if (s->id)
		snprintf(out, NAME_MAX_BYTES, "%s%c-%u", names[s->kind], s->family ? '6' : '4', s->id);
	else
		snprintf(out, NAME_MAX_BYTES, "%s%c", names[s->kind], s->family ? '6' : '4');
}

static void chain_name(char out[NAME_MAX_BYTES], const struct policy_chain *c)
{
	static const char *const names[] = { "all", "pol", "ports" };

	snprintf(out, NAME_MAX_BYTES, "%s-%c%c-%u", names[c->kind], c->dir == POLICY_EGRESS ? 'e' : 'i', c->family ? '6' : '4',
		c->id);
}

/* ---- elements ---- */

static void end_elems(struct policy_nft *n)
{
	if (n->set)
		nfbatch_elems_end(&n->batch, &n->nest);
	n->set = NULL;
	n->any = true;
}

static void use(struct policy_nft *n, const struct policy_set *s, bool add)
{
	char name[NAME_MAX_BYTES];

	if (n->set == s && n->add == add && n->count < NFBATCH_ELEMS - 1)
		return;
	end_elems(n);
	set_name(name, s);
	nfbatch_elems_begin(&n->batch, &n->nest, name, add);
	n->set = s;
	n->add = add;
	n->count = 0;
}

static uint32_t unhex(uint8_t *out, const char *s)
{
	uint32_t n = 0;

	for (unsigned byte; s[0] && s[1] && sscanf(s, "%2x", &byte) == 1; s += 2)
		out[n++] = (uint8_t)byte;
	return n;
}

/* One part of a text after the other; each takes whole registers. */
static uint32_t key_of(uint8_t out[KEY_MAX], const char *text)
{
	uint32_t len = 0, last = 0;

	memset(out, 0, KEY_MAX);
	while (*text && len < KEY_MAX - 16) {
		char part[40];
		size_t n = strcspn(text, ".-");

		snprintf(part, sizeof(part), "%.*s", (int)n, text);
		last = unhex(out + len, part);
		len += (last + 3) & ~3u;
		text += n + (text[n] != 0);
	}
	return len;
}

/* From the first to before the first after it, which the highest number does not have. */
static void interval(struct policy_nft *n, const char *text)
{
	uint8_t lo[KEY_MAX], hi[KEY_MAX];
	const char *dash = strchr(text, '-');
	uint32_t width = (uint32_t)(dash - text) / 2;
	uint32_t i = width;

	unhex(lo, text);
	unhex(hi, dash + 1);
	nfbatch_elem(&n->batch, lo, width, NULL, false);
	while (i > 0 && !++hi[i - 1])
		i--;
	if (!i)
		return;
	nfbatch_elem(&n->batch, hi, width, NULL, true);
	n->count++;
}

static void sink_elem(void *arg, const struct policy_set *s, const char *text, const struct policy_chain *to, bool add)
{
	struct policy_nft *n = arg;
	char chain[NAME_MAX_BYTES];
	uint8_t key[KEY_MAX];
	uint32_t len;

	use(n, s, add);
	n->count++;
	if (s->kind == SET_BLOCK || s->kind == SET_PORT) {
		interval(n, text);
		return;
	}
	len = key_of(key, text);
	if (to)
		chain_name(chain, to);
	nfbatch_elem(&n->batch, key, len, to ? chain : NULL, false);
}

/* ---- sets ---- */

static void add_set(struct policy_nft *n, const struct policy_set *s)
{
	uint32_t type = families[s->family].type, len = families[s->family].len;
	struct nfbatch_set to = { .interval = s->kind == SET_BLOCK || s->kind == SET_PORT,
		.verdicts = s->kind == SET_INGRESS || s->kind == SET_EGRESS, .key_type = type, .key_len = len };
	char name[NAME_MAX_BYTES];

	set_name(name, s);
	to.name = name;
	if (s->kind == SET_SELF) {
		to.key_type = type << TYPE_BITS | type;
		to.key_len = 2 * len;
	} else if (s->kind == SET_NAMED) {
		to.key_type = type << 2 * TYPE_BITS | TYPE_PROTO << TYPE_BITS | TYPE_SERVICE;
		to.key_len = len + 8;
	} else if (s->kind == SET_LINKS) {
		to.key_type = TYPE_IFNAME << TYPE_BITS | type;
		to.key_len = IFNAME_LEN + len;
	} else if (s->kind == SET_PORT) {
		to.key_type = TYPE_SERVICE;
		to.key_len = 2;
	}
	nfbatch_set(&n->batch, &to);
}

static void sink_set(void *arg, const struct policy_set *s, bool add)
{
	struct policy_nft *n = arg;
	char name[NAME_MAX_BYTES];

	end_elems(n);
	set_name(name, s);
	if (add)
		add_set(n, s);
	else
		nfbatch_set_del(&n->batch, name);
}

/* ---- chains and rules ---- */

static void sink_chain(void *arg, const struct policy_chain *c, bool add)
{
	struct policy_nft *n = arg;
	char name[NAME_MAX_BYTES];

	end_elems(n);
	chain_name(name, c);
	nfbatch_chain(&n->batch, name, add);
}

static void sink_flush(void *arg, const struct policy_chain *c)
{
	struct policy_nft *n = arg;
	char name[NAME_MAX_BYTES];

	end_elems(n);
	chain_name(name, c);
	nfbatch_flush(&n->batch, name);
}

static void look_up(struct policy_nft *n, const struct policy_set *s, enum nfbatch_lookup how)
{
	char name[NAME_MAX_BYTES];

	set_name(name, s);
	nfbatch_lookup(&n->batch, 0, name, how);
}

static void network(struct policy_nft *n, int family, unsigned reg, bool source)
{
	nfbatch_payload(&n->batch, reg, NFT_PAYLOAD_NETWORK_HEADER, source ? families[family].saddr : families[family].daddr,
		families[family].len);
}

static void put_verdict(struct policy_nft *n, const struct policy_chain *c, const struct policy_match *m)
{
	char to[NAME_MAX_BYTES];

	if (m->verdict == VERDICT_JUMP) {
		chain_name(to, m->to);
		nfbatch_verdict(&n->batch, NFT_JUMP, to);
	} else if (m->verdict == VERDICT_DROP) {
		nfbatch_verdict(&n->batch, NF_DROP, NULL);
	} else if (c->dir == POLICY_EGRESS) {
		nfbatch_verdict(&n->batch, NFT_GOTO, "to-pods");
	} else {
		nfbatch_verdict(&n->batch, NF_ACCEPT, NULL);
	}
}

static void sink_rule(void *arg, const struct policy_chain *c, const struct policy_match *m)
{
	struct policy_nft *n = arg;
	uint32_t len = families[c->family].len;
	struct nfbatch_nest r;
	char name[NAME_MAX_BYTES];

	end_elems(n);
	chain_name(name, c);
	nfbatch_rule_begin(&n->batch, &r, name);
	if (m->peer) {
		network(n, c->family, 0, c->dir == POLICY_INGRESS);
		look_up(n, m->peer, NFBATCH_IN);
	}
	if (m->proto) {
		nfbatch_meta(&n->batch, 0, NFT_META_L4PROTO);
		nfbatch_compare(&n->batch, 0, NFT_CMP_EQ, &m->proto, 1);
	}
	if (m->port) {
		nfbatch_payload(&n->batch, 0, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
		look_up(n, m->port, NFBATCH_IN);
	}
	if (m->named) {
		network(n, c->family, 0, false);
		nfbatch_meta(&n->batch, len / 4, NFT_META_L4PROTO);
		nfbatch_payload(&n->batch, len / 4 + 1, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
		look_up(n, m->named, NFBATCH_IN);
	}
	put_verdict(n, c, m);
	nfbatch_rule_end(&n->batch, &r);
}

/* ---- what is always there ---- */

/* In chain: packets of a family whose source, destination, or both a set knows. */
static void always_rule(struct policy_nft *n, const char *chain, enum policy_set_kind kind, int family)
{
	struct policy_set s = { .kind = kind, .family = family };
	struct nfbatch_nest r;

	nfbatch_rule_begin(&n->batch, &r, chain);
	nfbatch_meta(&n->batch, 0, NFT_META_NFPROTO);
	nfbatch_compare(&n->batch, 0, NFT_CMP_EQ, &families[family].nfproto, 1);
	network(n, family, 0, kind != SET_INGRESS);
	if (kind == SET_SELF)
		network(n, family, families[family].len / 4, false);
	look_up(n, &s, kind == SET_SELF ? NFBATCH_IN : NFBATCH_VERDICT);
	if (kind == SET_SELF)
		nfbatch_verdict(&n->batch, NF_ACCEPT, NULL);
	nfbatch_rule_end(&n->batch, &r);
}

static void last_rule(struct policy_nft *n, const char *chain, int32_t code, const char *to)
{
	struct nfbatch_nest r;

	nfbatch_rule_begin(&n->batch, &r, chain);
	nfbatch_verdict(&n->batch, code, to);
	nfbatch_rule_end(&n->batch, &r);
}

/* state: of NF_CT_STATE_BIT; answers: only in the direction of answers. */
static void known_rule(struct policy_nft *n, uint32_t state, bool answers)
{
	uint8_t reply = 1;
	struct nfbatch_nest r;

	nfbatch_rule_begin(&n->batch, &r, "forward");
	nfbatch_ct(&n->batch, 0, NFT_CT_STATE);
	nfbatch_any_bit(&n->batch, 0, state);
	if (answers) {
		nfbatch_ct(&n->batch, 0, NFT_CT_DIRECTION);
		nfbatch_compare(&n->batch, 0, NFT_CMP_EQ, &reply, 1);
	}
	nfbatch_verdict(&n->batch, NF_ACCEPT, NULL);
	nfbatch_rule_end(&n->batch, &r);
}

/* ---- what pods send under ---- */

/* In packets of a family from pods' links, but not from the tunnel, the sender's address in the registers behind. */
static void guard_begin(struct policy_nft *n, struct nfbatch_nest *r, int family)
{
	char tunnel[IFNAME_LEN] = { 0 };

	snprintf(tunnel, sizeof(tunnel), "%sx", n->batch.table);
	nfbatch_rule_begin(&n->batch, r, "guard");
	nfbatch_meta(&n->batch, 0, NFT_META_NFPROTO);
	nfbatch_compare(&n->batch, 0, NFT_CMP_EQ, &families[family].nfproto, 1);
	nfbatch_meta(&n->batch, 0, NFT_META_IIFNAME);
	nfbatch_compare(&n->batch, 0, NFT_CMP_EQ, n->batch.table, (uint32_t)strlen(n->batch.table));
	nfbatch_compare(&n->batch, 0, NFT_CMP_NEQ, tunnel, IFNAME_LEN);
	network(n, family, IFNAME_LEN / 4, true);
}

/* A link of IPv6 gives itself an address of fe80::/10, and asks as :: before. Both are good for what its other end,
 * this machine, is told by it; the kernel forwards neither. */
static void link_local(struct policy_nft *n)
{
	static const uint8_t first[2] = { 0xfe, 0x80 }, last[2] = { 0xfe, 0xbf }, nobody[16];
	struct nfbatch_nest r;

	guard_begin(n, &r, 1);
	nfbatch_compare(&n->batch, IFNAME_LEN / 4, NFT_CMP_GTE, first, sizeof(first));
	nfbatch_compare(&n->batch, IFNAME_LEN / 4, NFT_CMP_LTE, last, sizeof(last));
	nfbatch_verdict(&n->batch, NF_ACCEPT, NULL);
	nfbatch_rule_end(&n->batch, &r);
	guard_begin(n, &r, 1);
	nfbatch_compare(&n->batch, IFNAME_LEN / 4, NFT_CMP_EQ, nobody, sizeof(nobody));
	nfbatch_verdict(&n->batch, NF_ACCEPT, NULL);
	nfbatch_rule_end(&n->batch, &r);
}

/* The sender's address must be that of the link. */
static void own_address(struct policy_nft *n, int family)
{
	struct policy_set links = { .kind = SET_LINKS, .family = family };
	struct nfbatch_nest r;

	guard_begin(n, &r, family);
	look_up(n, &links, NFBATCH_NOT_IN);
	nfbatch_verdict(&n->batch, NF_DROP, NULL);
	nfbatch_rule_end(&n->batch, &r);
}

static void guard(struct policy_nft *n)
{
	for (int f = 0; f < 2; f++)
		add_set(n, &(struct policy_set){ .kind = SET_LINKS, .family = f });
	nfbatch_hook(&n->batch, "guard", NF_INET_PRE_ROUTING, GUARD_PRIORITY);
	link_local(n);
	for (int f = 0; f < 2; f++)
		own_address(n, f);
}

void policy_nft_table(struct nfbatch *b, bool make)
{
	nfbatch_table(b, true);
	nfbatch_table(b, false);
	if (make)
		nfbatch_table(b, true);
}

static void sink_table(void *arg, bool make)
{
	struct policy_nft *n = arg;

	n->any = true;
	policy_nft_table(&n->batch, make);
	if (!make)
		return;
	for (int k = 0; k < SET_LINKS; k++)
		for (int f = 0; f < 2; f++)
			add_set(n, &(struct policy_set){ .kind = (enum policy_set_kind)k, .family = f });
	nfbatch_chain(&n->batch, "to-pods", true);
	nfbatch_hook(&n->batch, "forward", NF_INET_FORWARD, PRIORITY);
	known_rule(n, NF_CT_STATE_BIT(IP_CT_ESTABLISHED), true);
	known_rule(n, NF_CT_STATE_BIT(IP_CT_RELATED), false);
	for (int f = 0; f < 2; f++)
		always_rule(n, "forward", SET_SELF, f);
	for (int f = 0; f < 2; f++)
		always_rule(n, "forward", SET_EGRESS, f);
	last_rule(n, "forward", NFT_GOTO, "to-pods");
	for (int f = 0; f < 2; f++)
		always_rule(n, "to-pods", SET_INGRESS, f);
	last_rule(n, "to-pods", NF_ACCEPT, NULL);
	guard(n);
}

void policy_nft_begin(struct policy_nft *n, const char *table)
{
	*n = (struct policy_nft){ 0 };
	nfbatch_begin(&n->batch, table, NFPROTO_INET);
}

void policy_nft_end(struct policy_nft *n)
{
	bool any = n->any;

	end_elems(n);
	n->any = any || n->count;
}

struct policy_sink policy_nft_sink(struct policy_nft *n)
{
	return (struct policy_sink){ sink_table, sink_set, sink_elem, sink_chain, sink_flush, sink_rule, n };
}
