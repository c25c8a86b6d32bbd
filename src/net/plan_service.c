/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_service - what one Service wants; see plan.h and, for the sets, plan.c.
 *
 * A way in is an address (or any of this node's, for node ports), a protocol and a port. It is
 * one element that leads to a chain, and an element of `ends-<proto>` for each endpoint behind it,
 * by number. The chain knows no more than how many those are, so all Services with as many share
 * it, and a change of a Service changes elements only:
 *
 *   in-<proto>-<n>       from within: one of n
 *   ext-<proto>-<n>      from outside: masqueraded, so that answers come back this way
 *   loc-<proto>-<n>-<l>  from outside to this node's l only, the client's address kept; those
 *                        inside reach all n. Numbers of local ones begin at LOCAL_FIRST
 *   node-...             the same for node ports
 *
 * With client affinity each Service's port has chains of its own, and each endpoint a chain
 * and a set of the clients that are bound to it:
 *
 *   all-, svc-, ext-<id>-<proto>-<port>, ep-..., aff<s>-...
 *
 * Source: kubernetes pkg/proxy/nftables/proxier.go (who is masqueraded, dropped, refused).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "net/choose.h"
#include "net/plan_priv.h"

#define LOCAL_FIRST 65536u
#define RANGES_MAX 1000u

struct port_ctx {
	struct plan *p;
	const struct plan *before;
	const struct plan_base *base;
	const struct net_service *s;
	const struct net_port *port;
	uint32_t id;
	const char *proto;             /* "tcp" */
	struct choice choice;
	bool guarded;                  /* source ranges hold */
};

/* A kind of way: what its elements and its chains are keyed by. */
struct way { const char *prefix, *key, *entries; };
static const struct way by_address = { "", "ip daddr . ", "services" };
static const struct way by_node = { "node-", "", "nodeports" };

static void add_text(struct port_ctx *c, enum plan_kind kind, const char *name, struct buf *text)
{
	buf_adds(text, "");
	c->p->failed |= text->failed;
	if (!c->p->failed)
		plan_add(c->p, kind, name, "", text->p);
	buf_clear(text);
}

/* "10.0.0.1:80" of an endpoint, with what stands between. */
static void endpoint_text(char out[64], const struct port_ctx *c, unsigned i, const char *between)
{
	char ip[46];

	plan_ip4(ip, c->s->eps[i].ip);
	snprintf(out, 64, "%s%s%d", ip, between, c->s->eps[i].port);
}

/* ---- chains that Services share ---- */

static void pick(struct buf *out, const struct port_ctx *c, const struct way *w, const char *match, unsigned n, unsigned first)
{
	buf_printf(out, "%sdnat ip to %s%s dport . numgen random mod %u", match, w->key, c->proto, n);
	if (first)
		buf_printf(out, " offset %u", first);
	buf_printf(out, " map @%sends-%s\n", w->prefix, c->proto);
}

#define MARK "meta mark set meta mark | 0x%x\n"

static void within_chain(struct port_ctx *c, unsigned n, char name[64])
{
	BUF_AUTO struct buf rules = { 0 };

	snprintf(name, 64, "in-%s-%u", c->proto, n);
	buf_printf(&rules, "ip saddr != %s " MARK, c->base->cluster_cidr, PLAN_MASQUERADE_MARK);
	pick(&rules, c, &by_address, "", n, 0);
	add_text(c, PLAN_SHARED, name, &rules);
}

static void outside_chain(struct port_ctx *c, const struct way *w, char name[64])
{
	unsigned n = c->choice.all_count, local = c->choice.local_count;
	BUF_AUTO struct buf rules = { 0 }, inside = { 0 };

	if (!c->s->external_local) {
		snprintf(name, 64, "%sext-%s-%u", w->prefix, c->proto, n);
		buf_printf(&rules, MARK, PLAN_MASQUERADE_MARK);
		pick(&rules, c, w, "", n, 0);
	} else {
		snprintf(name, 64, "%sloc-%s-%u-%u", w->prefix, c->proto, n, local);
		buf_printf(&inside, "ip saddr %s ", c->base->cluster_cidr);
		c->p->failed |= inside.failed;
		if (n && !inside.failed) {
			pick(&rules, c, w, inside.p, n, 0);
			buf_printf(&rules, "fib saddr type local " MARK, PLAN_MASQUERADE_MARK);
			pick(&rules, c, w, "fib saddr type local ", n, 0);
		}
		if (local)
			pick(&rules, c, w, "", local, LOCAL_FIRST);
		else
			buf_adds(&rules, "drop\n");
	}
	add_text(c, PLAN_SHARED, name, &rules);
}

/* order[i]: which of list gets number i. Those that had a number below n keep it, so that one that
 * leaves changes two elements, however many there are. prefix: of the keys. */
static bool number(const struct port_ctx *c, const char *set, const char *prefix, const unsigned *list, unsigned n, unsigned first,
	unsigned *order)
{
	const struct plan *was = c->before;
	size_t len = strlen(prefix);
	struct map by_text = { 0 };
	unsigned next = 0;
	char value[64];
	bool ok = true;

	for (unsigned i = 0; i < n && ok; i++) {
		order[i] = n;
		endpoint_text(value, c, list[i], " . ");
		ok = !was || !was->count || !map_put(&by_text, value, (void *)(uintptr_t)(i + 1), NULL);
	}
	for (unsigned at = was && ok ? plan_find(was, PLAN_ELEMENT, set, prefix) : 0; ok && was && at < was->count; at++) {
		const struct plan_item *it = &was->items[at];
		unsigned long i;

		if (it->kind != PLAN_ELEMENT || strcmp(plan_name(was, it), set) != 0 || strncmp(plan_key(was, it), prefix, len) != 0)
			break;
		i = strtoul(plan_key(was, it) + len, NULL, 10);
		if (i < first || i - first >= n)
			continue;
		uintptr_t had = (uintptr_t)map_del(&by_text, plan_body(was, it));
		if (had)
			order[i - first] = (unsigned)had - 1;
	}
	/* The others take what is left. */
	if (ok && was && was->count) {
		for (unsigned i = 0; i < n; i++) {
			endpoint_text(value, c, list[i], " . ");
			if ((uintptr_t)map_get(&by_text, value) != i + 1)
				continue;
			while (order[next] != n)
				next++;
			order[next] = i;
		}
	}
	for (unsigned i = 0; i < n && ok; i++)
		if (order[i] == n)
			order[i] = i;          /* nothing to keep; or one that is listed twice */
	map_finish(&by_text);
	return ok;
}

/* The endpoints behind the way at ip (NULL: any of the node's) and port. */
static void add_ends(struct port_ctx *c, const struct way *w, const char *ip, int port, const unsigned *list, unsigned n,
	unsigned first)
{
	unsigned *order = malloc((n + 1) * sizeof(*order));
	char set[32], prefix[128], key[160], value[64];

	snprintf(set, sizeof(set), "%sends-%s", w->prefix, c->proto);
	snprintf(prefix, sizeof(prefix), "%s%s%d . ", ip ? ip : "", ip ? " . " : "", port);
	if (!order || !number(c, set, prefix, list, n, first, order)) {
		c->p->failed = true;
		n = 0;
	}
	for (unsigned i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "%s%u", prefix, first + i);
		endpoint_text(value, c, list[order[i]], " . ");
		plan_add(c->p, PLAN_ELEMENT, set, key, value);
	}
	free(order);
}

/* ---- chains of one Service's port, with client affinity ---- */

static void chain_name(char out[64], const struct port_ctx *c, const char *kind)
{
	snprintf(out, 64, "%s-%u-%s-%d", kind, c->id, c->proto, c->port->port);
}

static void endpoint_name(char out[128], const struct port_ctx *c, const char *kind, unsigned i)
{
	char end[64];

	endpoint_text(end, c, i, "-");
	snprintf(out, 128, "%s-%u-%s-%d-%s", kind, c->id, c->proto, c->port->port, end);
}

/* A set's timeout cannot change in place, so it is part of its name. */
static void bound_name(char out[128], const struct port_ctx *c, unsigned i)
{
	char kind[24];

	snprintf(kind, sizeof(kind), "aff%d", c->s->affinity_s);
	endpoint_name(out, c, kind, i);
}

/* Who is bound stays, whoever is not gets one of n. */
static void choose_bound(struct buf *out, const struct port_ctx *c, const unsigned *list, unsigned n)
{
	char name[128], bound[128];

	for (unsigned i = 0; i < n; i++) {
		bound_name(bound, c, list[i]);
		endpoint_name(name, c, "ep", list[i]);
		buf_printf(out, "ip saddr @%s goto %s\n", bound, name);
	}
	buf_printf(out, "numgen random mod %u vmap {", n);
	for (unsigned i = 0; i < n; i++) {
		endpoint_name(name, c, "ep", list[i]);
		buf_printf(out, "%s %u : goto %s", i ? "," : "", i, name);
	}
	buf_adds(out, " }\n");
}

static void add_bound(struct port_ctx *c, unsigned i)
{
	char name[128], bound[128], spec[128], end[64];
	BUF_AUTO struct buf rules = { 0 };

	bound_name(bound, c, i);
	snprintf(spec, sizeof(spec), "type ipv4_addr ; flags dynamic,timeout ; timeout %ds ;", c->s->affinity_s);
	plan_add(c->p, PLAN_SET, bound, "", spec);
	endpoint_name(name, c, "ep", i);
	endpoint_text(end, c, i, ":");
	buf_printf(&rules, "update @%s { ip saddr }\nmeta l4proto %s dnat ip to %s\n", bound, c->proto, end);
	add_text(c, PLAN_CHAIN, name, &rules);
}

static void affine_chains(struct port_ctx *c, bool outside)
{
	const struct choice *ch = &c->choice;
	BUF_AUTO struct buf rules = { 0 };
	char name[64], all[64];

	for (unsigned i = 0; i < ch->all_count; i++)
		add_bound(c, ch->all[i]);
	for (unsigned i = 0; i < ch->local_count && (c->s->internal_local || c->s->external_local); i++)
		add_bound(c, ch->local[i]);    /* the same again is one */
	chain_name(all, c, "all");
	if (ch->all_count) {
		choose_bound(&rules, c, ch->all, ch->all_count);
		add_text(c, PLAN_CHAIN, all, &rules);
	}
	chain_name(name, c, "svc");
	buf_printf(&rules, "ip saddr != %s " MARK, c->base->cluster_cidr, PLAN_MASQUERADE_MARK);
	if (!c->s->internal_local)
		buf_printf(&rules, "goto %s\n", all);
	else if (ch->local_count)
		choose_bound(&rules, c, ch->local, ch->local_count);
	if (c->s->internal_local ? ch->local_count : ch->all_count)
		add_text(c, PLAN_CHAIN, name, &rules);
	if (!outside)
		return;
	buf_clear(&rules);
	chain_name(name, c, "ext");
	if (!c->s->external_local) {
		buf_printf(&rules, MARK "goto %s\n", PLAN_MASQUERADE_MARK, all);
	} else {
		if (ch->all_count)
			buf_printf(&rules, "ip saddr %s goto %s\nfib saddr type local " MARK "fib saddr type local goto %s\n",
				c->base->cluster_cidr, all, PLAN_MASQUERADE_MARK, all);
		if (ch->local_count)
			choose_bound(&rules, c, ch->local, ch->local_count);
		else
			buf_adds(&rules, "drop\n");
	}
	add_text(c, PLAN_CHAIN, name, &rules);
}

/* ---- ways in ---- */

static void within_way(struct port_ctx *c, const char *ip, const char *at)
{
	const struct choice *ch = &c->choice;
	bool local = c->s->internal_local;
	unsigned n = local ? ch->local_count : ch->all_count;
	char name[64], verdict[80];

	if (!n) {
		plan_add(c->p, PLAN_ELEMENT, by_address.entries, at, "drop");
		return;
	}
	if (c->s->affinity_s > 0) {
		chain_name(name, c, "svc");
	} else {
		within_chain(c, n, name);
		add_ends(c, &by_address, ip, c->port->port, local ? ch->local : ch->all, n, 0);
	}
	snprintf(verdict, sizeof(verdict), "goto %s", name);
	plan_add(c->p, PLAN_ELEMENT, by_address.entries, at, verdict);
}

/* ip NULL: the node port. at: its element. */
static void outside_way(struct port_ctx *c, const struct way *w, const char *ip, const char *at)
{
	const struct choice *ch = &c->choice;
	int port = ip ? c->port->port : c->port->node_port;
	char name[64], verdict[80];

	if (c->s->affinity_s > 0) {
		chain_name(name, c, "ext");
	} else {
		outside_chain(c, w, name);
		add_ends(c, w, ip, port, ch->all, ch->all_count, 0);
		if (c->s->external_local)
			add_ends(c, w, ip, port, ch->local, ch->local_count, LOCAL_FIRST);
	}
	snprintf(verdict, sizeof(verdict), "goto %s", name);
	plan_add(c->p, PLAN_ELEMENT, w->entries, at, verdict);
}

static void outside_ways(struct port_ctx *c, const char *const *ips, bool guarded)
{
	char at[128], ip[46], verdict[64];

	for (const char *const *a = ips; a && *a; a++) {
		if (!plan_ip4(ip, *a))
			continue;
		snprintf(at, sizeof(at), "%s . %s . %d", ip, c->proto, c->port->port);
		if (!c->choice.any) {
			plan_add(c->p, PLAN_ELEMENT, "refused", at, "");
			continue;
		}
		outside_way(c, &by_address, ip, at);
		if (guarded) {
			snprintf(verdict, sizeof(verdict), "jump guard-%u", c->id);
			plan_add(c->p, PLAN_ELEMENT, "guards", at, verdict);
		}
	}
}

static bool has(const char *const *list)
{
	return list && list[0];
}

static int plan_port(struct port_ctx *c)
{
	const struct net_service *s = c->s;
	bool outside = c->port->node_port > 0 || has(s->external_ips) || has(s->balancer_ips);
	char at[128], ip[46];

	c->proto = plan_proto(c->port->proto);
	if (!c->proto || c->port->port < 1 || c->port->port > 65535 || c->port->node_port < 0 || c->port->node_port > 65535)
		return -ERR_INVALID;
	if (choose_endpoints(&c->choice, s, c->port))
		return -ERR_NOMEM;
	if (c->choice.any && s->affinity_s > 0)
		affine_chains(c, outside);
	for (const char *const *a = s->ips; a && *a; a++) {
		if (!plan_ip4(ip, *a))
			continue;              /* the other family's address */
		snprintf(at, sizeof(at), "%s . %s . %d", ip, c->proto, c->port->port);
		if (c->choice.any)
			within_way(c, ip, at);
		else if (!plan_in_cidr(c->base->service_cidr, ip))
			plan_add(c->p, PLAN_ELEMENT, "refused", at, "");
	}
	outside_ways(c, s->external_ips, false);
	outside_ways(c, s->balancer_ips, c->guarded);
	if (c->port->node_port && c->choice.any) {
		snprintf(at, sizeof(at), "%s . %d", c->proto, c->port->node_port);
		outside_way(c, &by_node, NULL, at);
	}
	return 0;
}

/* ---- who may come in by a balancer's address ---- */

struct range { uint8_t base[16]; int prefix; };

static int order_ranges(const void *x, const void *y)
{
	const struct range *a = x, *b = y;
	int c = memcmp(a->base, b->base, 4);

	return c ? c : a->prefix - b->prefix;
}

/* Adds "1.2.3.4/8" to list; false: it is everybody. */
static bool add_range(struct range *list, unsigned *n, const char *cidr)
{
	struct range *r = &list[*n];
	int family;

	if (text_parse_cidr(cidr, &family, r->base, &r->prefix) || family != 4)
		return true;
	for (int i = r->prefix; i < 32; i++)
		r->base[i / 8] &= (uint8_t)~(0x80u >> (i % 8));
	(*n)++;
	return r->prefix > 0;
}

/* A machine that asks itself does so from the balancer's address: it may when the machine may. */
static void add_own(const struct port_ctx *c, struct range *list, unsigned *n)
{
	uint8_t own[16];
	int family;
	unsigned before = *n;

	if (!c->base->address || text_parse_ip(c->base->address, &family, own) || family != 4)
		return;
	for (unsigned i = 0; i < before; i++) {
		if (!text_ip_within(own, list[i].base, list[i].prefix))
			continue;
		for (const char *const *a = c->s->balancer_ips; a && *a && *n < 2 * RANGES_MAX; a++) {
			if (text_parse_ip(*a, &family, list[*n].base) || family != 4)
				continue;
			list[*n].prefix = 32;
			(*n)++;
		}
		return;
	}
}

/* The chain guard-<id>, when not everybody may. 0 or -ERR_NOMEM. */
static int add_guard(struct port_ctx *c)
{
	struct range *list = calloc(2 * RANGES_MAX, sizeof(*list));
	BUF_AUTO struct buf rules = { 0 };
	bool some = true;
	unsigned n = 0, last = 0;
	char ip[46], name[64];

	if (!list)
		return -ERR_NOMEM;
	for (const char *const *r = c->s->source_ranges; r && *r && some && n < RANGES_MAX; r++)
		some = add_range(list, &n, *r);
	if (some && n) {
		add_own(c, list, &n);
		qsort(list, n, sizeof(*list), order_ranges);
		buf_adds(&rules, "ip saddr {");
		/* Two ranges lie apart, or one within the other. */
		for (unsigned i = 0; i < n; i++) {
			if (i && list[i].prefix >= list[last].prefix && text_ip_within(list[i].base, list[last].base, list[last].prefix))
				continue;
			last = i;
			text_ip(ip, 4, list[i].base);
			buf_printf(&rules, "%s %s/%d", i ? "," : "", ip, list[i].prefix);
		}
		buf_adds(&rules, " } return\ndrop\n");
		snprintf(name, sizeof(name), "guard-%u", c->id);
		add_text(c, PLAN_CHAIN, name, &rules);
		c->guarded = true;
	}
	free(list);
	return 0;
}

int plan_service(struct plan *out, const struct plan_base *b, const struct net_service *s, uint32_t id,
	const struct plan *before, struct err *reterr)
{
	struct port_ctx c = { .p = out, .before = before, .base = b, .s = s, .id = id };
	char ip[46];
	int rc = 0;

	*out = (struct plan){ 0 };
	if (s->external_name)
		return 0;
	if (!has(s->ips) && !has(s->external_ips) && !has(s->balancer_ips))
		return 0;                      /* headless: names only */
	if (has(s->balancer_ips) && has(s->source_ranges) && (rc = add_guard(&c)))
		return err_set(reterr, -rc, "%s", err_text(rc));
	for (const char *const *a = s->balancer_ips; a && *a; a++)
		if (plan_ip4(ip, *a))
			plan_add(out, PLAN_ELEMENT, "balancers", ip, "");
	for (unsigned i = 0; i < s->port_count && !rc; i++) {
		c.port = &s->ports[i];
		rc = plan_port(&c);
		choose_finish(&c.choice);
	}
	if (rc) {
		plan_finish(out);
		return err_set(reterr, -rc, "port %d: %s", c.port->port, err_text(rc));
	}
	return plan_seal(out);
}
