/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - see plan.h. One table `ip <name>`:
 *
 *   services   address . protocol . port -> the chain of a way to a Service
 *   nodeports  protocol . port -> the same at any address of this node
 *   ends-<proto>       address . port . number -> an endpoint behind that way
 *   node-ends-<proto>  port . number -> the same for node ports
 *   guards     address . protocol . port -> who may come in by it
 *   balancers  addresses where nothing but Services is to be found
 *   hostports  protocol . port -> a pod's address . port
 *   hairpin    pod address . same address: it reached itself and must not see that
 *   refused    address . protocol . port that has nobody behind it
 *
 * An address in the service range that no element knows stays untranslated and is
 * refused by the filter chains, so a Service without endpoints needs no rule.
 */
#include "net/plan_priv.h"

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

const char *plan_body(const struct plan *p, const struct plan_item *it)
{
	return p->text.p + it->body;
}

static uint32_t keep(struct plan *p, const char *s)
{
	uint32_t at = (uint32_t)p->text.len;

	buf_add(&p->text, s, strlen(s) + 1);
	return at;
}

void plan_add(struct plan *p, enum plan_kind kind, const char *name, const char *key, const char *body)
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

int plan_seal(struct plan *p)
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

static int compare_to(const struct plan *p, const struct plan_item *it, enum plan_kind kind, const char *name, const char *key)
{
	int c = (int)it->kind - (int)kind;

	if (!c)
		c = strcmp(plan_name(p, it), name);
	return c ? c : strcmp(plan_key(p, it), key);
}

unsigned plan_find(const struct plan *p, enum plan_kind kind, const char *name, const char *key)
{
	unsigned lo = 0, hi = p->count;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (compare_to(p, &p->items[mid], kind, name, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool plan_has(const struct plan *p, enum plan_kind kind, const char *name, const char *key)
{
	unsigned at = plan_find(p, kind, name, key);

	return at < p->count && !compare_to(p, &p->items[at], kind, name, key);
}

void plan_drop(struct plan *p, unsigned i)
{
	memmove(&p->items[i], &p->items[i + 1], (p->count - i - 1) * sizeof(*p->items));
	p->count--;
}

const char *plan_proto(const char *s)
{
	if (!s || !*s || !strcasecmp(s, "tcp"))
		return "tcp";
	if (!strcasecmp(s, "udp"))
		return "udp";
	return !strcasecmp(s, "sctp") ? "sctp" : NULL;
}

bool plan_ip4(char out[46], const char *s)
{
	uint8_t addr[16];
	int family;

	if (!s || text_parse_ip(s, &family, addr) || family != 4)
		return false;
	text_ip(out, 4, addr);
	return true;
}

bool plan_in_cidr(const char *cidr, const char *ip)
{
	uint8_t net[16], addr[16];
	int nf, af, prefix;

	return !text_parse_cidr(cidr, &nf, net, &prefix) && !text_parse_ip(ip, &af, addr) && nf == 4 && af == 4 &&
		text_ip_within(addr, net, prefix);
}

/* ---- one pod ---- */

int plan_pod(struct plan *out, const char *ip, const struct plan_hostport *ports, unsigned count)
{
	char a[46], key[128], value[128];

	*out = (struct plan){ 0 };
	if (!plan_ip4(a, ip))
		return -ERR_INVALID;
	snprintf(key, sizeof(key), "%s . %s", a, a);
	plan_add(out, PLAN_ELEMENT, "hairpin", key, "");
	for (unsigned i = 0; i < count; i++) {
		const char *proto = plan_proto(ports[i].proto);

		if (!proto || ports[i].port < 1 || ports[i].port > 65535 || ports[i].host_port < 1 ||
		    ports[i].host_port > 65535 || !plan_ip4(a, ports[i].ip))
			continue;
		snprintf(key, sizeof(key), "%s . %d", proto, ports[i].host_port);
		snprintf(value, sizeof(value), "%s . %d", a, ports[i].port);
		plan_add(out, PLAN_ELEMENT, "hostports", key, value);
	}
	return plan_seal(out);
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
	return p->old && p->new && !strcmp(plan_body(old, p->old), plan_body(new, p->new));
}

static void element(struct buf *out, const char *verb, const char *table, const struct plan *p,
	const struct plan_item *it)
{
	bool map = *plan_body(p, it) && verb[0] == 'a';

	buf_printf(out, "%s element ip %s %s { %s%s%s }\n", verb, table, plan_name(p, it), plan_key(p, it),
		map ? " : " : "", map ? plan_body(p, it) : "");
}

void plan_diff_clear(struct buf *out, const char *table, const struct plan *old, const struct plan *new)
{
	unsigned oi = 0, ni = 0;
	struct pair p;

	while (next_pair(old, new, &oi, &ni, &p)) {
		if (same_body(old, new, &p))
			continue;
		switch ((p.old ? p.old : p.new)->kind) {
		case PLAN_SHARED:
			break;                 /* whoever knows all plans sees to those */
		case PLAN_SET:
			if (!p.old)
				buf_printf(out, "add set ip %s %s { %s }\n", table, plan_name(new, p.new),
					plan_body(new, p.new));
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

void plan_rules(struct buf *out, const char *table, const char *chain, const char *text)
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
			plan_rules(out, table, plan_name(new, p.new), plan_body(new, p.new));
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
	/* A protocol each: libnftables takes the type of an index from an expression only, and one of
	 * ports names a protocol. */
	for (unsigned i = 0; i < 3; i++) {
		const char *p = (const char *[]){ "tcp", "udp", "sctp" }[i];

		buf_printf(out, "map ends-%s { typeof ip daddr . %s dport . numgen random mod 131072 : ip daddr . %s dport ; }\n"
			"map node-ends-%s { typeof %s dport . numgen random mod 131072 : ip daddr . %s dport ; }\n", p, p, p, p, p, p);
	}
	buf_adds(out,
		"map services { type ipv4_addr . inet_proto . inet_service : verdict ; }\n"
		"map nodeports { type inet_proto . inet_service : verdict ; }\n"
		"map guards { type ipv4_addr . inet_proto . inet_service : verdict ; }\n"
		"set balancers { type ipv4_addr ; }\n"
		"map hostports { type inet_proto . inet_service : ipv4_addr . inet_service ; }\n"
		"set hairpin { type ipv4_addr . ipv4_addr ; }\n"
		"set refused { type ipv4_addr . inet_proto . inet_service ; }\n"
		"chain dispatch {\n"
		"ip daddr . meta l4proto . th dport vmap @guards\n"
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
	buf_printf(out, "chain refuse {\nct state new ip daddr %s ip daddr != %s goto turn-away\n", b->service_cidr, b->dns_ip);
	for (const char *const *c = b->more_cidrs; c && *c; c++)
		buf_printf(out, "ct state new ip daddr %s ip daddr != %s goto turn-away\n", *c, b->dns_ip);
	buf_adds(out, "ct state new ip daddr . meta l4proto . th dport @refused goto turn-away\n"
		"ct state new ip daddr @balancers goto turn-away\n}\n");
	/* Redirects would teach pods ways around translation. */
	buf_printf(out, "chain filter-input { type filter hook input priority filter ; ct state new ip daddr @balancers goto turn-away ; }\n"
		"chain filter-forward { type filter hook forward priority filter ; jump refuse ; }\n"
		"chain filter-output { type filter hook output priority filter ;\n"
		"oifname \"%s0\" icmp type redirect drop\njump refuse\n}\n", t);
	buf_printf(out, "chain postrouting { type nat hook postrouting priority srcnat ;\n"
		"meta mark & 0x%x != 0 meta mark set meta mark ^ 0x%x masquerade fully-random\n"
		"ip saddr . ip daddr @hairpin masquerade fully-random\n"
		"oifname \"%s0\" ip saddr 127.0.0.0/8 masquerade fully-random\n", PLAN_MASQUERADE_MARK, PLAN_MASQUERADE_MARK, t);
	if (b->pod_cidr)
		buf_printf(out, "ip saddr %s ip daddr != %s oifname != \"%s0\" masquerade fully-random\n", b->pod_cidr, b->cluster_cidr, t);
	buf_adds(out, "}\n}\n");
}
