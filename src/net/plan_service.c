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
#include "net/choose.h"
#include "net/plan_priv.h"

#define LOCAL_FIRST 65536u
#define RANGES_MAX 1000u

struct port_ctx {
	struct plan *p;
	const struct plan *before;
	const struct net_service *s;
	const struct net_port *port;
	uint32_t id;
	int f;                         /* which family's table this is for */
	const struct plan_family *own; /* what the node has of it */
	const char *nft;               /* "ip" */
	const char *proto;             /* "tcp" */
	struct choice choice;
	bool guarded;                  /* source ranges hold */
};

/* A kind of way: what its elements and its chains are keyed by. */
struct way { const char *prefix; bool address; const char *entries; };
static const struct way by_address = { "", true, "services" };
static const struct way by_node = { "node-", false, "nodeports" };

static void add_text(struct port_ctx *c, enum plan_kind kind, const char *name, struct buf *text)
{
	buf_adds(text, "");
	c->p->failed |= text->failed;
	if (!c->p->failed)
		plan_add(c->p, kind, c->f, name, "", text->p);
	buf_clear(text);
}

/* "10.0.0.1:80" of an endpoint, with what stands between. */
static void endpoint_text(char out[64], const struct port_ctx *c, unsigned i, const char *between)
{
	char ip[IP_TEXT];

	plan_ip(ip, c->f, c->s->eps[i].ip);
	snprintf(out, 64, "%s%s%d", ip, between, c->s->eps[i].port);
}

/* ---- chains that Services share ---- */

static void pick(struct buf *out, const struct port_ctx *c, const struct way *w, const char *match, unsigned n, unsigned first)
{
	buf_printf(out, "%sdnat %s to ", match, c->nft);
	if (w->address)
		buf_printf(out, "%s daddr . ", c->nft);
	buf_printf(out, "%s dport . numgen random mod %u", c->proto, n);
	if (first)
		buf_printf(out, " offset %u", first);
	buf_printf(out, " map @%sends-%s\n", w->prefix, c->proto);
}

#define MARK "meta mark set meta mark | 0x%x\n"

/* Who is of the cluster, or is not. */
static void whose(struct buf *out, const struct port_ctx *c, bool inside)
{
	buf_printf(out, "%s saddr%s %s%s ", c->nft, c->own->mask, inside ? "" : "!= ", c->own->cluster);
}

static void within_chain(struct port_ctx *c, unsigned n, char name[64])
{
	BUF_AUTO struct buf rules = { 0 };

	snprintf(name, 64, "in-%s-%u", c->proto, n);
	whose(&rules, c, false);
	buf_printf(&rules, MARK, PLAN_MASQUERADE_MARK);
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
		whose(&inside, c, true);
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
	for (unsigned at = was && ok ? plan_find(was, PLAN_ELEMENT, c->f, set, prefix) : 0; ok && was && at < was->count; at++) {
		const struct plan_item *it = &was->items[at];
		unsigned long i;

		if (it->kind != PLAN_ELEMENT || it->family != c->f || strcmp(plan_name(was, it), set) != 0 || strncmp(plan_key(was, it), prefix, len) != 0)
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
		plan_add(c->p, PLAN_ELEMENT, c->f, set, key, value);
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
	for (char *p = end; *p; p++)
		*p = *p == ':' ? '.' : *p;     /* a name has no colons */
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
		buf_printf(out, "%s saddr @%s goto %s\n", c->nft, bound, name);
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
	snprintf(spec, sizeof(spec), "type %s ; flags dynamic,timeout ; timeout %ds ;", ip_families[c->f].nft_addr, c->s->affinity_s);
	plan_add(c->p, PLAN_SET, c->f, bound, "", spec);
	endpoint_name(name, c, "ep", i);
	plan_ip(end, c->f, c->s->eps[i].ip);
	buf_printf(&rules, "update @%s { %s saddr }\nmeta l4proto %s dnat %s to %s%s%s:%d\n", bound, c->nft, c->proto, c->nft,
		c->f == IP6 ? "[" : "", end, c->f == IP6 ? "]" : "", c->s->eps[i].port);
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
	whose(&rules, c, false);
	buf_printf(&rules, MARK, PLAN_MASQUERADE_MARK);
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
		if (ch->all_count) {
			whose(&rules, c, true);
			buf_printf(&rules, "goto %s\nfib saddr type local " MARK "fib saddr type local goto %s\n", all, PLAN_MASQUERADE_MARK, all);
		}
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
		plan_add(c->p, PLAN_ELEMENT, c->f, by_address.entries, at, "drop");
		return;
	}
	if (c->s->affinity_s > 0) {
		chain_name(name, c, "svc");
	} else {
		within_chain(c, n, name);
		add_ends(c, &by_address, ip, c->port->port, local ? ch->local : ch->all, n, 0);
	}
	snprintf(verdict, sizeof(verdict), "goto %s", name);
	plan_add(c->p, PLAN_ELEMENT, c->f, by_address.entries, at, verdict);
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
	plan_add(c->p, PLAN_ELEMENT, c->f, w->entries, at, verdict);
}

static void outside_ways(struct port_ctx *c, const char *const *ips, bool guarded)
{
	char at[128], ip[IP_TEXT], verdict[64];

	for (const char *const *a = ips; a && *a; a++) {
		if (!plan_ip(ip, c->f, *a))
			continue;
		snprintf(at, sizeof(at), "%s . %s . %d", ip, c->proto, c->port->port);
		if (!c->choice.any) {
			plan_add(c->p, PLAN_ELEMENT, c->f, "refused", at, "");
			continue;
		}
		outside_way(c, &by_address, ip, at);
		if (guarded) {
			snprintf(verdict, sizeof(verdict), "jump guard-%u", c->id);
			plan_add(c->p, PLAN_ELEMENT, c->f, "guards", at, verdict);
		}
	}
}

static bool has(const char *const *list)
{
	return list && list[0];
}

static bool has_of(const char *const *list, int family)
{
	char ip[IP_TEXT];

	for (; list && *list; list++)
		if (plan_ip(ip, family, *list))
			return true;
	return false;
}

/* In one of Services' ranges, where what has nobody is refused anyway? */
static bool in_ranges(const struct plan_family *own, const char *text)
{
	struct ip_range r;
	struct ip ip;

	return ip_parse(&ip, text) && ip_parse_range(&r, own->service) && ip_within(&r, &ip);
}

static int plan_port(struct port_ctx *c)
{
	const struct net_service *s = c->s;
	bool outside = c->port->node_port > 0 || has_of(s->external_ips, c->f) || has_of(s->balancer_ips, c->f);
	char at[128], ip[IP_TEXT];

	c->proto = plan_proto(c->port->proto);
	if (!c->proto || c->port->port < 1 || c->port->port > 65535 || c->port->node_port < 0 || c->port->node_port > 65535)
		return -ERR_INVALID;
	if (choose_endpoints(&c->choice, s, c->port, c->f))
		return -ERR_NOMEM;
	if (c->choice.any && s->affinity_s > 0)
		affine_chains(c, outside);
	for (const char *const *a = s->ips; a && *a; a++) {
		if (!plan_ip(ip, c->f, *a))
			continue;              /* the other family's address */
		snprintf(at, sizeof(at), "%s . %s . %d", ip, c->proto, c->port->port);
		if (c->choice.any)
			within_way(c, ip, at);
		else if (!in_ranges(c->own, ip))
			plan_add(c->p, PLAN_ELEMENT, c->f, "refused", at, "");
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

static int order_ranges(const void *x, const void *y)
{
	const struct ip_range *a = x, *b = y;
	int c = memcmp(a->ip.b, b->ip.b, sizeof(a->ip.b));

	return c ? c : a->prefix - b->prefix;
}

/* A machine that asks itself does so from the balancer's address: it may when the machine may. */
static void add_own(const struct port_ctx *c, struct ip_range *list, unsigned *n)
{
	struct ip own;
	unsigned before = *n;

	if (!ip_parse(&own, c->own->address))
		return;
	for (unsigned i = 0; i < before; i++) {
		if (!ip_within(&list[i], &own))
			continue;
		for (const char *const *a = c->s->balancer_ips; a && *a && *n < 2 * RANGES_MAX; a++)
			if (ip_parse(&list[*n].ip, *a) && ip_family(&list[*n].ip) == c->f)
				list[(*n)++].prefix = (uint8_t)ip_families[c->f].bits;
		return;
	}
}

/* The family's own of the Service's ranges; false: they are everybody. */
static bool read_ranges(const struct port_ctx *c, struct ip_range *list, unsigned *n)
{
	for (const char *const *r = c->s->source_ranges; r && *r && *n < RANGES_MAX; r++)
		if (ip_parse_range(&list[*n], *r) && ip_family(&list[*n].ip) == c->f && !list[(*n)++].prefix)
			return false;
	return *n > 0;
}

/* The chain guard-<id>, when not everybody may. 0 or -ERR_NOMEM. */
static int add_guard(struct port_ctx *c)
{
	struct ip_range *list = calloc(2 * RANGES_MAX, sizeof(*list));
	BUF_AUTO struct buf rules = { 0 };
	unsigned n = 0, last = 0;
	char text[IP_RANGE_TEXT], name[64];

	if (!list)
		return -ERR_NOMEM;
	if (read_ranges(c, list, &n)) {
		add_own(c, list, &n);
		qsort(list, n, sizeof(*list), order_ranges);
		buf_printf(&rules, "%s saddr {", c->nft);
		/* Two ranges lie apart, or one within the other. */
		for (unsigned i = 0; i < n; i++) {
			if (i && list[i].prefix >= list[last].prefix && ip_within(&list[last], &list[i].ip))
				continue;
			last = i;
			ip_range_text(text, &list[i]);
			buf_printf(&rules, "%s %s", i ? "," : "", text);
		}
		buf_adds(&rules, " } return\ndrop\n");
		snprintf(name, sizeof(name), "guard-%u", c->id);
		add_text(c, PLAN_CHAIN, name, &rules);
		c->guarded = true;
	}
	free(list);
	return 0;
}

static int plan_of_family(struct port_ctx *c, struct err *reterr)
{
	const struct net_service *s = c->s;
	char ip[IP_TEXT];
	int rc = 0;

	c->guarded = false;
	if (has_of(s->balancer_ips, c->f) && has(s->source_ranges) && (rc = add_guard(c)))
		return err_set(reterr, -rc, "%s", err_text(rc));
	for (const char *const *a = s->balancer_ips; a && *a; a++)
		if (plan_ip(ip, c->f, *a))
			plan_add(c->p, PLAN_ELEMENT, c->f, "balancers", ip, "");
	for (unsigned i = 0; i < s->port_count && !rc; i++) {
		c->port = &s->ports[i];
		rc = plan_port(c);
		choose_finish(&c->choice);
	}
	return rc ? err_set(reterr, -rc, "port %d: %s", c->port->port, err_text(rc)) : 0;
}

int plan_service(struct plan *out, const struct plan_base *b, const struct net_service *s, uint32_t id,
	const struct plan *before, struct err *reterr)
{
	struct port_ctx c = { .p = out, .before = before, .s = s, .id = id };
	int rc = 0;

	*out = (struct plan){ 0 };
	if (s->external_name)
		return 0;
	for (c.f = 0; c.f < IP_FAMILIES && !rc; c.f++) {
		c.own = &b->f[c.f];
		c.nft = ip_families[c.f].nft;
		/* Headless: names only. */
		if (c.own->on && (has_of(s->ips, c.f) || has_of(s->external_ips, c.f) || has_of(s->balancer_ips, c.f)))
			rc = plan_of_family(&c, reterr);
	}
	if (rc) {
		plan_finish(out);
		return rc;
	}
	return plan_seal(out);
}
