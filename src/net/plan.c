/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - see plan.h. One table `ip <name>`:
 *
 *   services   address . protocol . port -> the chain of a Service's port
 *   nodeports  protocol . port -> the same from outside
 *   hostports  protocol . port -> a pod's address . port
 *   hairpin    pod address . same address: it reached itself and must not see that
 *   refused    address . protocol . port that has nobody behind it
 *
 *   svc-<id>-<proto>-<port>   chooses an endpoint
 *   ext-<id>-<proto>-<port>   what comes from outside of the cluster, then svc-
 *   ep-... and aff<s>-...       with client affinity: one endpoint, and who is bound to it
 *
 * An address in the service range that no element knows stays untranslated and is
 * refused by the filter chains, so a Service without endpoints needs no rule.
 */
#include "net/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

void plan_finish(struct plan *p)
{
	buf_finish(&p->text);
	free(p->items);
	*p = (struct plan){ 0 };
}

const char *plan_name(const struct plan *p, const struct plan_item *it)
{
	return p->text.p + it->name;
}

const char *plan_key(const struct plan *p, const struct plan_item *it)
{
	return p->text.p + it->key;
}

static const char *body_of(const struct plan *p, const struct plan_item *it)
{
	return p->text.p + it->body;
}

static uint32_t keep(struct plan *p, const char *s)
{
	uint32_t at = (uint32_t)p->text.len;

	buf_add(&p->text, s, strlen(s) + 1);
	return at;
}

static void add(struct plan *p, enum plan_kind kind, const char *name, const char *key, const char *body)
{
	if (p->count == p->cap) {
		unsigned cap = p->cap ? p->cap * 2 : 4;
		struct plan_item *items = realloc(p->items, cap * sizeof(*items));

		if (!items) {
			p->failed = true;
			return;
		}
		p->items = items;
		p->cap = cap;
	}
	p->items[p->count++] = (struct plan_item){ kind, keep(p, name), keep(p, key), keep(p, body) };
}

static int compare(const struct plan *a, const struct plan_item *x, const struct plan *b, const struct plan_item *y)
{
	int c = (int)x->kind - (int)y->kind;

	if (!c)
		c = strcmp(plan_name(a, x), plan_name(b, y));
	return c ? c : strcmp(plan_key(a, x), plan_key(b, y));
}

static int compare_own(const void *x, const void *y, void *p)
{
	return compare(p, x, p, y);
}

/* Sorted, each element once: the first of several wins. */
static int finish(struct plan *p)
{
	unsigned n = 0;

	if (p->failed || p->text.failed) {
		plan_finish(p);
		return -ERR_NOMEM;
	}
	if (p->count)
		qsort_r(p->items, p->count, sizeof(*p->items), compare_own, p);
	for (unsigned i = 0; i < p->count; i++)
		if (!n || compare(p, &p->items[n - 1], p, &p->items[i]))
			p->items[n++] = p->items[i];
	p->count = n;
	return 0;
}

bool plan_has(const struct plan *p, enum plan_kind kind, const char *name, const char *key)
{
	unsigned lo = 0, hi = p->count;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;
		const struct plan_item *it = &p->items[mid];
		int c = (int)it->kind - (int)kind;

		if (!c)
			c = strcmp(plan_name(p, it), name);
		if (!c)
			c = strcmp(plan_key(p, it), key);
		if (!c)
			return true;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

void plan_drop(struct plan *p, unsigned i)
{
	memmove(&p->items[i], &p->items[i + 1], (p->count - i - 1) * sizeof(*p->items));
	p->count--;
}

/* ---- one Service ---- */

struct target { char ip[46]; int port; bool local; };

struct port_ctx {
	const struct plan_base *base;
	const struct net_service *s;
	const struct net_port *port;
	uint32_t id;
	const char *proto;             /* "tcp" */
	struct target *targets;
	unsigned count;
};

static const char *proto_of(const char *s)
{
	if (!s || !*s || !strcasecmp(s, "tcp"))
		return "tcp";
	if (!strcasecmp(s, "udp"))
		return "udp";
	return !strcasecmp(s, "sctp") ? "sctp" : NULL;
}

/* The address as we print it; false when it is not IPv4. */
static bool ip4(char out[46], const char *s)
{
	uint8_t addr[16];
	int family;

	if (!s || text_parse_ip(s, &family, addr) || family != 4)
		return false;
	text_ip(out, 4, addr);
	return true;
}

static bool in_cidr(const char *cidr, const char *ip)
{
	uint8_t net[16], addr[16];
	int nf, af, prefix;

	if (text_parse_cidr(cidr, &nf, net, &prefix) || text_parse_ip(ip, &af, addr) || nf != 4 || af != 4)
		return false;
	for (int i = 0; i < prefix; i++)
		if (((net[i / 8] ^ addr[i / 8]) >> (7 - i % 8)) & 1)
			return false;
	return true;
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static int find_targets(struct port_ctx *c)
{
	const struct net_service *s = c->s;

	c->targets = calloc(s->ep_count ? s->ep_count : 1, sizeof(*c->targets));
	if (!c->targets)
		return -ERR_NOMEM;
	for (unsigned i = 0; i < s->ep_count; i++) {
		const struct net_endpoint *e = &s->eps[i];
		struct target *t = &c->targets[c->count];

		if (!(e->ready || s->publish_not_ready) || strcmp(or_empty(e->port_name), or_empty(c->port->name)) ||
		    e->port < 1 || e->port > 65535 || !ip4(t->ip, e->ip))
			continue;
		t->port = e->port;
		t->local = e->local;
		c->count++;
	}
	return 0;
}

static void chain_name(char out[128], const struct port_ctx *c, const char *kind)
{
	snprintf(out, 128, "%s-%u-%s-%d", kind, c->id, c->proto, c->port->port);
}

static void endpoint_name(char out[128], const struct port_ctx *c, const char *kind, const struct target *t)
{
	snprintf(out, 128, "%s-%u-%s-%d-%s-%d", kind, c->id, c->proto, c->port->port, t->ip, t->port);
}

/* A set's timeout cannot change in place, so it is part of its name. */
static void bound_name(char out[128], const struct port_ctx *c, const struct target *t)
{
	char kind[24];

	snprintf(kind, sizeof(kind), "aff%d", c->s->affinity_s);
	endpoint_name(out, c, kind, t);
}

/* The rules that choose one of the targets (only local ones, when asked). False: there is none. */
static bool choose(struct buf *out, const struct port_ctx *c, bool local_only)
{
	bool affine = c->s->affinity_s > 0;
	unsigned n = 0, i;
	char name[128], bound[128];

	for (i = 0; i < c->count; i++)
		n += !local_only || c->targets[i].local;
	if (!n)
		return false;
	if (affine)
		for (i = 0; i < c->count; i++) {
			if (local_only && !c->targets[i].local)
				continue;
			bound_name(bound, c, &c->targets[i]);
			endpoint_name(name, c, "ep", &c->targets[i]);
			buf_printf(out, "ip saddr @%s goto %s\n", bound, name);
		}
	if (affine)
		buf_printf(out, "numgen random mod %u vmap {", n);
	else
		buf_printf(out, "meta l4proto %s dnat ip to numgen random mod %u map {", c->proto, n);
	n = 0;
	for (i = 0; i < c->count; i++) {
		const struct target *t = &c->targets[i];

		if (local_only && !t->local)
			continue;
		if (affine) {
			endpoint_name(name, c, "ep", t);
			buf_printf(out, "%s %u : goto %s", n ? "," : "", n, name);
		} else {
			buf_printf(out, "%s %u : %s . %d", n ? "," : "", n, t->ip, t->port);
		}
		n++;
	}
	buf_adds(out, " }\n");
	return true;
}

static void add_service_chain(struct plan *p, const struct port_ctx *c)
{
	char name[128], bound[128];
	BUF_AUTO struct buf rules = { 0 };

	choose(&rules, c, false);
	p->failed |= rules.failed;
	if (p->failed)
		return;
	chain_name(name, c, "svc");
	add(p, PLAN_CHAIN, name, "", rules.p);
	for (unsigned i = 0; c->s->affinity_s > 0 && i < c->count; i++) {
		const struct target *t = &c->targets[i];
		char spec[128];

		bound_name(bound, c, t);
		snprintf(spec, sizeof(spec), "type ipv4_addr ; flags dynamic,timeout ; timeout %ds ;", c->s->affinity_s);
		add(p, PLAN_SET, bound, "", spec);
		endpoint_name(name, c, "ep", t);
		buf_clear(&rules);
		buf_printf(&rules, "update @%s { ip saddr }\nmeta l4proto %s dnat ip to %s:%d\n", bound, c->proto,
			t->ip, t->port);
		p->failed |= rules.failed;
		if (!p->failed)
			add(p, PLAN_CHAIN, name, "", rules.p);
	}
}

/* With local endpoints only, the client's address is kept and those inside still reach all. */
static void add_external_chain(struct plan *p, const struct port_ctx *c)
{
	char name[128], svc[128];
	BUF_AUTO struct buf rules = { 0 };

	chain_name(name, c, "ext");
	chain_name(svc, c, "svc");
	if (!c->s->node_local_external) {
		buf_printf(&rules, "meta mark set meta mark | 0x%x\ngoto %s\n", PLAN_MASQUERADE_MARK, svc);
	} else {
		buf_printf(&rules, "fib saddr type local goto %s\nip saddr %s goto %s\n", svc,
			c->base->cluster_cidr, svc);
		if (!choose(&rules, c, true))
			buf_adds(&rules, "drop\n");
	}
	p->failed |= rules.failed;
	if (!p->failed)
		add(p, PLAN_CHAIN, name, "", rules.p);
}

static bool has_external(const struct net_service *s, const struct net_port *port)
{
	return port->node_port > 0 || (s->external_ips && s->external_ips[0]);
}

static int plan_port(struct plan *p, struct port_ctx *c)
{
	char key[128], verdict[160], name[128], ip[46];
	const struct net_service *s = c->s;
	bool served;

	c->proto = proto_of(c->port->proto);
	if (!c->proto || c->port->port < 1 || c->port->port > 65535 || c->port->node_port < 0 ||
	    c->port->node_port > 65535)
		return -ERR_INVALID;
	if (find_targets(c))
		return -ERR_NOMEM;
	served = c->count > 0;
	if (served) {
		add_service_chain(p, c);
		if (has_external(s, c->port))
			add_external_chain(p, c);
	}
	chain_name(name, c, "svc");
	snprintf(verdict, sizeof(verdict), "goto %s", name);
	for (const char *const *a = s->ips; a && *a; a++) {
		if (!ip4(ip, *a))
			continue;              /* the other family's address */
		snprintf(key, sizeof(key), "%s . %s . %d", ip, c->proto, c->port->port);
		if (served)
			add(p, PLAN_ELEMENT, "services", key, verdict);
		else if (!in_cidr(c->base->service_cidr, ip))
			add(p, PLAN_ELEMENT, "refused", key, "");
	}
	chain_name(name, c, "ext");
	snprintf(verdict, sizeof(verdict), "goto %s", name);
	for (const char *const *a = s->external_ips; a && *a; a++) {
		if (!ip4(ip, *a))
			continue;
		snprintf(key, sizeof(key), "%s . %s . %d", ip, c->proto, c->port->port);
		add(p, PLAN_ELEMENT, served ? "services" : "refused", key, served ? verdict : "");
	}
	if (c->port->node_port && served) {
		snprintf(key, sizeof(key), "%s . %d", c->proto, c->port->node_port);
		add(p, PLAN_ELEMENT, "nodeports", key, verdict);
	}
	return 0;
}

int plan_service(struct plan *out, const struct plan_base *b, const struct net_service *s, uint32_t id,
	struct err *reterr)
{
	*out = (struct plan){ 0 };
	if (s->external_name)
		return 0;
	if (!(s->ips && s->ips[0]) && !(s->external_ips && s->external_ips[0]))
		return 0;                      /* headless: names only */
	for (unsigned i = 0; i < s->port_count; i++) {
		struct port_ctx c = { .base = b, .s = s, .port = &s->ports[i], .id = id };
		int rc = plan_port(out, &c);

		free(c.targets);
		if (rc) {
			plan_finish(out);
			return err_set(reterr, -rc, "port %d: %s", s->ports[i].port, err_text(rc));
		}
	}
	return finish(out);
}

int plan_pod(struct plan *out, const char *ip, const struct plan_hostport *ports, unsigned count)
{
	char a[46], key[128], value[128];

	*out = (struct plan){ 0 };
	if (!ip4(a, ip))
		return -ERR_INVALID;
	snprintf(key, sizeof(key), "%s . %s", a, a);
	add(out, PLAN_ELEMENT, "hairpin", key, "");
	for (unsigned i = 0; i < count; i++) {
		const char *proto = proto_of(ports[i].proto);

		if (!proto || ports[i].port < 1 || ports[i].port > 65535 || ports[i].host_port < 1 ||
		    ports[i].host_port > 65535 || !ip4(a, ports[i].ip))
			continue;
		snprintf(key, sizeof(key), "%s . %d", proto, ports[i].host_port);
		snprintf(value, sizeof(value), "%s . %d", a, ports[i].port);
		add(out, PLAN_ELEMENT, "hostports", key, value);
	}
	return finish(out);
}

/* ---- from one plan to another ---- */

struct pair { const struct plan_item *old, *new; };

/* Walks two sorted plans side by side; false at the end. */
static bool next_pair(const struct plan *old, const struct plan *new, unsigned *oi, unsigned *ni, struct pair *ret)
{
	const struct plan_item *o = old && *oi < old->count ? &old->items[*oi] : NULL;
	const struct plan_item *n = new && *ni < new->count ? &new->items[*ni] : NULL;
	int c;

	if (!o && !n)
		return false;
	c = !o ? 1 : !n ? -1 : compare(old, o, new, n);
	*ret = (struct pair){ c <= 0 ? o : NULL, c >= 0 ? n : NULL };
	*oi += c <= 0;
	*ni += c >= 0;
	return true;
}

static bool same_body(const struct plan *old, const struct plan *new, const struct pair *p)
{
	return p->old && p->new && !strcmp(body_of(old, p->old), body_of(new, p->new));
}

static void element(struct buf *out, const char *verb, const char *table, const struct plan *p,
	const struct plan_item *it)
{
	bool map = *body_of(p, it) && verb[0] == 'a';

	buf_printf(out, "%s element ip %s %s { %s%s%s }\n", verb, table, plan_name(p, it), plan_key(p, it),
		map ? " : " : "", map ? body_of(p, it) : "");
}

void plan_diff_clear(struct buf *out, const char *table, const struct plan *old, const struct plan *new)
{
	unsigned oi = 0, ni = 0;
	struct pair p;

	while (next_pair(old, new, &oi, &ni, &p)) {
		if (same_body(old, new, &p))
			continue;
		switch ((p.old ? p.old : p.new)->kind) {
		case PLAN_SET:
			if (!p.old)
				buf_printf(out, "add set ip %s %s { %s }\n", table, plan_name(new, p.new),
					body_of(new, p.new));
			break;
		case PLAN_CHAIN:
			if (p.old)
				buf_printf(out, "flush chain ip %s %s\n", table, plan_name(old, p.old));
			else
				buf_printf(out, "add chain ip %s %s\n", table, plan_name(new, p.new));
			break;
		case PLAN_ELEMENT:
			if (p.old)
				element(out, "delete", table, old, p.old);
			break;
		}
	}
}

static void rules(struct buf *out, const char *table, const char *chain, const char *text)
{
	for (const char *end; *text && (end = strchr(text, '\n')); text = end + 1)
		buf_printf(out, "add rule ip %s %s %.*s\n", table, chain, (int)(end - text), text);
}

void plan_diff_fill(struct buf *out, const char *table, const struct plan *old, const struct plan *new)
{
	unsigned oi = 0, ni = 0;
	struct pair p;

	while (next_pair(old, new, &oi, &ni, &p)) {
		if (same_body(old, new, &p) || !p.new)
			continue;
		if (p.new->kind == PLAN_CHAIN)
			rules(out, table, plan_name(new, p.new), body_of(new, p.new));
		else if (p.new->kind == PLAN_ELEMENT)
			element(out, "add", table, new, p.new);
	}
	for (oi = ni = 0; next_pair(old, new, &oi, &ni, &p);)
		if (!p.new && p.old->kind == PLAN_CHAIN)
			buf_printf(out, "delete chain ip %s %s\n", table, plan_name(old, p.old));
	for (oi = ni = 0; next_pair(old, new, &oi, &ni, &p);)
		if (!p.new && p.old->kind == PLAN_SET)
			buf_printf(out, "delete set ip %s %s\n", table, plan_name(old, p.old));
}

/* ---- what is always there ---- */

void plan_base_text(struct buf *out, const struct plan_base *b)
{
	const char *t = b->table;

	/* Adding before deleting makes the deletion good whether or not it was there. */
	buf_printf(out, "add table ip %s\ndelete table ip %s\nadd table ip %s\n", t, t, t);
	buf_printf(out, "table ip %s {\n", t);
	buf_adds(out,
		"map services { type ipv4_addr . inet_proto . inet_service : verdict ; }\n"
		"map nodeports { type inet_proto . inet_service : verdict ; }\n"
		"map hostports { type inet_proto . inet_service : ipv4_addr . inet_service ; }\n"
		"set hairpin { type ipv4_addr . ipv4_addr ; }\n"
		"set refused { type ipv4_addr . inet_proto . inet_service ; }\n"
		"chain dispatch {\n"
		"ip daddr . meta l4proto . th dport vmap @services\n"
		"fib daddr type local meta l4proto . th dport vmap @nodeports\n"
		"fib daddr type local dnat ip to meta l4proto . th dport map @hostports\n"
		"}\n"
		"chain prerouting { type nat hook prerouting priority dstnat ; jump dispatch ; }\n"
		"chain output { type nat hook output priority -100 ; jump dispatch ; }\n");
	/* The bridge may route to 127.0.0.0/8 for node ports asked for on localhost; nobody else may. */
	buf_adds(out, "chain localnet { type filter hook prerouting priority raw ;\n"
		"iifname != \"lo\" ip daddr 127.0.0.0/8 drop\n}\n");
	/* A reset where there is one: the kernel bounds how many ICMP messages it sends. */
	buf_adds(out, "chain turn-away {\nmeta l4proto tcp reject with tcp reset\nreject with icmp port-unreachable\n}\n");
	buf_printf(out, "chain refuse {\n"
		"ct state new ip daddr %s ip daddr != %s goto turn-away\n"
		"ct state new ip daddr . meta l4proto . th dport @refused goto turn-away\n}\n",
		b->service_cidr, b->dns_ip);
	/* Redirects would teach pods ways around translation. */
	buf_printf(out, "chain filter-forward { type filter hook forward priority filter ; jump refuse ; }\n"
		"chain filter-output { type filter hook output priority filter ;\n"
		"oifname \"%s0\" icmp type redirect drop\njump refuse\n}\n", t);
	buf_printf(out, "chain postrouting { type nat hook postrouting priority srcnat ;\n"
		"meta mark & 0x%x != 0 meta mark set meta mark ^ 0x%x masquerade fully-random\n"
		"ip saddr . ip daddr @hairpin masquerade fully-random\n"
		"oifname \"%s0\" ip saddr 127.0.0.0/8 masquerade fully-random\n"
		"ip saddr %s ip daddr != %s oifname != \"%s0\" masquerade fully-random\n}\n}\n",
		PLAN_MASQUERADE_MARK, PLAN_MASQUERADE_MARK, t, b->pod_cidr, b->cluster_cidr, t);
}
