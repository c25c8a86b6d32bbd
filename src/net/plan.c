/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - see plan.h. One table a family, `ip <name>` and `ip6 <name>`, each with:
 *
 *   services   address . protocol . port -> the chain of a way to a Service
 *   nodeports  protocol . port -> the same at any address of this node
 *   ends-<proto>       address . port . number -> an endpoint behind that way
 *   node-ends-<proto>  port . number -> the same for node ports
 *   guards     address . protocol . port -> who may come in by it
 *   balancers  addresses where nothing but Services is to be found
 *   hostports  protocol . port -> a pod's address . port
 *   hairpin    pod address . same address: it reached itself and must not see that
 *   cluster    ranges of the nodes' pods, where no one range says who is of the cluster
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

void plan_add(struct plan *p, enum plan_kind kind, int family, const char *name, const char *key, const char *body)
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
	p->items[p->count++] = (struct plan_item){ (uint8_t)kind, (uint8_t)family, keep(p, name), keep(p, key), keep(p, body) };
}

static int compare(const struct plan *a, const struct plan_item *x, const struct plan *b, const struct plan_item *y)
{
	int c = x->kind - y->kind;

	if (!c)
		c = x->family - y->family;
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

static int compare_to(const struct plan *p, const struct plan_item *it, enum plan_kind kind, int family, const char *name, const char *key)
{
	int c = it->kind - (int)kind;

	if (!c)
		c = it->family - family;
	if (!c)
		c = strcmp(plan_name(p, it), name);
	return c ? c : strcmp(plan_key(p, it), key);
}

unsigned plan_find(const struct plan *p, enum plan_kind kind, int family, const char *name, const char *key)
{
	unsigned lo = 0, hi = p->count;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (compare_to(p, &p->items[mid], kind, family, name, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool plan_has(const struct plan *p, enum plan_kind kind, int family, const char *name, const char *key)
{
	unsigned at = plan_find(p, kind, family, name, key);

	return at < p->count && !compare_to(p, &p->items[at], kind, family, name, key);
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

bool plan_ip(char out[IP_TEXT], int family, const char *s)
{
	struct ip a;

	if (!ip_parse(&a, s) || ip_family(&a) != family)
		return false;
	ip_text(out, &a);
	return true;
}

/* ---- one pod, one node ---- */

static void add_hostport(struct plan *out, const struct plan_base *b, const struct plan_hostport *port)
{
	const char *proto = plan_proto(port->proto);
	char key[128], value[128], text[IP_TEXT];
	struct ip ip;

	if (!proto || port->port < 1 || port->port > 65535 || port->host_port < 1 || port->host_port > 65535 ||
	    !ip_parse(&ip, port->ip) || !b->f[ip_family(&ip)].on)
		return;
	ip_text(text, &ip);
	snprintf(key, sizeof(key), "%s . %d", proto, port->host_port);
	snprintf(value, sizeof(value), "%s . %d", text, port->port);
	plan_add(out, PLAN_ELEMENT, ip_family(&ip), "hostports", key, value);
}

int plan_pod(struct plan *out, const struct plan_base *b, const struct ip ips[IP_FAMILIES], const struct plan_hostport *ports, unsigned count)
{
	char a[IP_TEXT], key[128];

	*out = (struct plan){ 0 };
	for (int f = 0; f < IP_FAMILIES; f++) {
		if (!ips[f].len || !b->f[f].on)
			continue;
		ip_text(a, &ips[f]);
		snprintf(key, sizeof(key), "%s . %s", a, a);
		plan_add(out, PLAN_ELEMENT, f, "hairpin", key, "");
	}
	for (unsigned i = 0; i < count; i++)
		add_hostport(out, b, &ports[i]);
	return plan_seal(out);
}

/* A range is looked up by its first address: of all ranges as long as this node's own. */
int plan_member(struct plan *out, const struct plan_base *b, const struct ip_range ranges[IP_FAMILIES])
{
	struct ip_range own;
	char key[IP_TEXT];

	*out = (struct plan){ 0 };
	for (int f = 0; f < IP_FAMILIES; f++) {
		if (!ranges[f].ip.len || !b->f[f].on || strcmp(b->f[f].cluster, PLAN_CLUSTER_SET) ||
		    !ip_parse_range(&own, b->f[f].pods) || own.prefix != ranges[f].prefix || ip_same(&own.ip, &ranges[f].ip))
			continue;
		ip_text(key, &ranges[f].ip);
		plan_add(out, PLAN_ELEMENT, f, "cluster", key, "");
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

static const char *nft(const struct plan_item *it)
{
	return ip_families[it->family].nft;
}

static void element(struct buf *out, const char *verb, const char *table, const struct plan *p,
	const struct plan_item *it)
{
	bool map = *plan_body(p, it) && verb[0] == 'a';

	buf_printf(out, "%s element %s %s %s { %s%s%s }\n", verb, nft(it), table, plan_name(p, it), plan_key(p, it),
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
				buf_printf(out, "add set %s %s %s { %s }\n", nft(p.new), table, plan_name(new, p.new),
					plan_body(new, p.new));
			break;
		case PLAN_CHAIN:
			if (p.old)
				buf_printf(out, "flush chain %s %s %s\n", nft(p.old), table, plan_name(old, p.old));
			else
				buf_printf(out, "add chain %s %s %s\n", nft(p.new), table, plan_name(new, p.new));
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
		buf_printf(out, "add rule %s %s %.*s\n", table, chain, (int)(end - text), text);
}

void plan_diff_fill(struct buf *out, const char *table, const struct plan *old, const struct plan *new)
{
	unsigned oi = 0, ni = 0;
	struct pair p;

	while (next_pair(old, new, &oi, &ni, &p)) {
		if (same_body(old, new, &p) || !p.new)
			continue;
		if (p.new->kind == PLAN_CHAIN) {
			char full[64];

			snprintf(full, sizeof(full), "%s %s", nft(p.new), table);
			plan_rules(out, full, plan_name(new, p.new), plan_body(new, p.new));
		} else if (p.new->kind == PLAN_ELEMENT) {
			element(out, "add", table, new, p.new);
		}
	}
	for (oi = ni = 0; next_pair(old, new, &oi, &ni, &p);)
		if (!p.new && p.old->kind == PLAN_CHAIN)
			buf_printf(out, "delete chain %s %s %s\n", nft(p.old), table, plan_name(old, p.old));
	for (oi = ni = 0; next_pair(old, new, &oi, &ni, &p);)
		if (!p.new && p.old->kind == PLAN_SET)
			buf_printf(out, "delete set %s %s %s\n", nft(p.old), table, plan_name(old, p.old));
}

/* ---- what is always there ---- */

static void base_sets(struct buf *out, const struct plan_family *b, const struct ip_family *f)
{
	const char *a = f->nft_addr, *n = f->nft;

	/* A protocol each: libnftables takes the type of an index from an expression only, and one of
	 * ports names a protocol. */
	for (unsigned i = 0; i < 3; i++) {
		const char *p = (const char *[]){ "tcp", "udp", "sctp" }[i];

		buf_printf(out, "map ends-%s { typeof %s daddr . %s dport . numgen random mod 131072 : %s daddr . %s dport ; }\n"
			"map node-ends-%s { typeof %s dport . numgen random mod 131072 : %s daddr . %s dport ; }\n", p, n, p, n, p, p, p, n, p);
	}
	buf_printf(out, "map services { type %s . inet_proto . inet_service : verdict ; }\n"
		"map nodeports { type inet_proto . inet_service : verdict ; }\n"
		"map guards { type %s . inet_proto . inet_service : verdict ; }\n"
		"set balancers { type %s ; }\n"
		"map hostports { type inet_proto . inet_service : %s . inet_service ; }\n"
		"set hairpin { type %s . %s ; }\n"
		"set refused { type %s . inet_proto . inet_service ; }\n", a, a, a, a, a, a, a);
	if (!strcmp(b->cluster, PLAN_CLUSTER_SET))
		buf_printf(out, "set cluster { type %s ; elements = { %.*s } ; }\n", a, (int)strcspn(b->pods, "/"), b->pods);
}

static void refuse_range(struct buf *out, const struct plan_family *b, const struct ip_family *f, const char *range)
{
	buf_printf(out, "ct state new %s daddr %s ", f->nft, range);
	if (b->dns)
		buf_printf(out, "%s daddr != %s ", f->nft, b->dns);
	buf_adds(out, "goto turn-away\n");
}

/* A reset where there is one: the kernel bounds how many ICMP messages it sends. */
static void base_filters(struct buf *out, const char *t, const struct plan_family *b, const struct ip_family *f)
{
	buf_printf(out, "chain turn-away {\nmeta l4proto tcp reject with tcp reset\nreject with %s\n}\nchain refuse {\n", f->nft_turn_away);
	if (b->service)
		refuse_range(out, b, f, b->service);
	for (const char *const *c = b->more; c && *c; c++)
		refuse_range(out, b, f, *c);
	buf_printf(out, "ct state new %s daddr . meta l4proto . th dport @refused goto turn-away\n"
		"ct state new %s daddr @balancers goto turn-away\n}\n", f->nft, f->nft);
	/* Redirects would teach pods ways around translation. */
	buf_printf(out, "chain filter-input { type filter hook input priority filter ; ct state new %s daddr @balancers goto turn-away ; }\n"
		"chain filter-forward { type filter hook forward priority filter ; jump refuse ; }\n"
		"chain filter-output { type filter hook output priority filter ;\n"
		"oifname \"%s*\" %s drop\njump refuse\n}\n", f->nft, t, f->nft_redirect);
}

static void base_nat(struct buf *out, const char *t, const struct plan_family *b, const struct ip_family *f)
{
	const char *n = f->nft;
	/* What leaves ::1 stays there: the kernel knows no other way for it. */
	const char *local = f->number == 6 ? "ip6 daddr != ::1 fib daddr type local" : "fib daddr type local";

	buf_printf(out, "chain dispatch {\n"
		"%s daddr . meta l4proto . th dport vmap @guards\n"
		"%s daddr . meta l4proto . th dport vmap @services\n"
		"%s meta l4proto . th dport vmap @nodeports\n"
		"%s dnat %s to meta l4proto . th dport map @hostports\n"
		"}\n"
		"chain prerouting { type nat hook prerouting priority dstnat ; jump dispatch ; }\n"
		"chain output { type nat hook output priority -100 ; jump dispatch ; }\n", n, n, local, local, n);
	buf_printf(out, "chain postrouting { type nat hook postrouting priority srcnat ;\n"
		"meta mark & 0x%x != 0 meta mark set meta mark ^ 0x%x masquerade fully-random\n"
		"%s saddr . %s daddr @hairpin masquerade fully-random\n", PLAN_MASQUERADE_MARK, PLAN_MASQUERADE_MARK, n, n);
	if (f->number == 4)
		buf_printf(out, "oifname \"%s*\" ip saddr 127.0.0.0/8 masquerade fully-random\n", t);
	if (b->pods)
		buf_printf(out, "%s saddr %s %s daddr%s != %s oifname != \"%s*\" masquerade fully-random\n", n, b->pods, n, b->mask, b->cluster, t);
	buf_adds(out, "}\n");
}

static void base_family(struct buf *out, const char *t, const struct plan_family *b, const struct ip_family *f)
{
	/* Adding before deleting makes the deletion good whether or not it was there. */
	buf_printf(out, "add table %s %s\ndelete table %s %s\nadd table %s %s\n", f->nft, t, f->nft, t, f->nft, t);
	buf_printf(out, "table %s %s {\n", f->nft, t);
	base_sets(out, b, f);
	base_nat(out, t, b, f);
	/* Pods' links may route to 127.0.0.0/8 for node ports asked for on localhost; nobody else may. */
	if (f->number == 4)
		buf_adds(out, "chain localnet { type filter hook prerouting priority raw ;\niifname != \"lo\" ip daddr 127.0.0.0/8 drop\n}\n");
	base_filters(out, t, b, f);
	buf_adds(out, "}\n");
}

void plan_base_text(struct buf *out, const struct plan_base *b)
{
	for (int f = 0; f < IP_FAMILIES; f++)
		if (b->f[f].on)
			base_family(out, b->table, &b->f[f], &ip_families[f]);
}
