/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_rules - policies as chains, and which of them are whose: a selected pod's address
 * leads to the chain of its profile, the policies that select it.
 *
 * A policy's chain is made when the first profile needs it, for that family only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "net/policy_priv.h"

/* ---- chains ---- */

void policy_chain_dirty(struct policy_plan *p, struct policy_chain *c)
{
	if (list_empty(&c->dirty))
		list_add_tail(&p->dirty_chains, &c->dirty);
}

static struct policy_chain *chain_new(struct policy_plan *p, enum policy_chain_kind kind, enum policy_dir dir, int family)
{
	struct policy_chain *c = calloc(1, sizeof(*c));

	if (!c) {
		p->failed = true;
		return NULL;
	}
	*c = (struct policy_chain){ .kind = kind, .dir = dir, .family = family, .id = p->next_id++ };
	list_init(&c->dirty);
	list_add_tail(&p->all_chains, &c->all);
	policy_chain_dirty(p, c);
	return c;
}

void policy_chain_unref(struct policy_plan *p, struct policy_chain *c)
{
	if (!c || --c->refs)
		return;
	/* Behind whoever let go of it: see sweep(). */
	list_del(&c->dirty);
	policy_chain_dirty(p, c);
}

static void set_unref(struct policy_plan *p, struct policy_set *s)
{
	if (s && !--s->refs)
		policy_set_dirty(p, s);
}

void policy_rules_drop(struct policy_plan *p, struct policy_match *rules, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		set_unref(p, rules[i].peer);
		set_unref(p, rules[i].named);
		set_unref(p, rules[i].port);
		if (rules[i].verdict == VERDICT_JUMP)
			policy_chain_unref(p, rules[i].to);
	}
	free(rules);
}

/* Its rules are dropped; nothing leads to it. */
void policy_chain_free(struct policy_plan *p, struct policy_chain *c)
{
	if (c->key)
		map_del(&p->profiles, c->key);
	if (c->policy)
		c->policy->chains[c->dir][c->family] = NULL;
	list_del(&c->dirty);
	list_del(&c->all);
	free(c->rules);
	free(c->key);
	free(c);
}

static void add_rule(struct policy_plan *p, struct policy_chain *c, const struct policy_match *m)
{
	if (c->rule_count == c->rule_cap) {
		unsigned cap = c->rule_cap ? 2 * c->rule_cap : 4;
		struct policy_match *v = realloc(c->rules, cap * sizeof(*v));

		if (!v) {
			p->failed = true;
			return;
		}
		c->rules = v;
		c->rule_cap = cap;
	}
	if (m->peer)
		m->peer->refs++;
	if (m->named)
		m->named->refs++;
	if (m->port)
		m->port->refs++;
	if (m->verdict == VERDICT_JUMP)
		m->to->refs++;
	c->rules[c->rule_count++] = *m;
}

/* ---- one rule of a policy ---- */

struct matches { struct policy_match *v; unsigned n; };

static void add_ranges(struct policy_plan *p, struct matches *to, const struct policy_rule *r, uint8_t proto, int family)
{
	struct policy_range *v = calloc(r->port_count, sizeof(*v));
	unsigned n = 0;
	bool all = false;

	if (!v) {
		p->failed = true;
		return;
	}
	for (unsigned i = 0; i < r->port_count; i++) {
		const struct policy_port *o = &r->ports[i];
		int end = o->end > o->port ? o->end : o->port;

		if (policy_proto(o->proto) != proto || o->name)
			continue;
		if (!o->port)
			all = true;
		if (o->port < 1 || end > 65535)
			continue;
		v[n].lo[0] = (uint8_t)(o->port >> 8);
		v[n].lo[1] = (uint8_t)o->port;
		v[n].hi[0] = (uint8_t)(end >> 8);
		v[n++].hi[1] = (uint8_t)end;
	}
	n = policy_ranges_merge(v, n, 2);
	if (all)
		to->v[to->n++] = (struct policy_match){ .proto = proto, .verdict = VERDICT_PASS };
	else if (n)
		to->v[to->n++] = (struct policy_match){ .proto = proto, .verdict = VERDICT_PASS,
			.port = policy_range_set(p, SET_PORT, family, v, n, 2) };
	free(v);
}

/* What the ports of a rule allow; to->v has room for each port and each protocol. */
static void match_ports(struct policy_plan *p, struct matches *to, const struct policy_rule *r, int family)
{
	static const uint8_t protos[] = { 6, 17, 132 };

	for (unsigned i = 0; i < 3; i++)
		add_ranges(p, to, r, protos[i], family);
	for (unsigned i = 0; i < r->port_count; i++) {
		const struct policy_port *o = &r->ports[i];

		if (o->name && policy_proto(o->proto))
			to->v[to->n++] = (struct policy_match){ .verdict = VERDICT_PASS,
				.named = policy_named_set(p, o->name, policy_proto(o->proto), family) };
	}
}

struct ranges { struct policy_range *v; unsigned n, cap; };

static void add_range(struct policy_plan *p, struct ranges *to, const struct policy_range *r)
{
	if (to->n == POLICY_BLOCKS_MAX)
		return;                /* allows less */
	if (to->n == to->cap) {
		unsigned cap = to->cap ? 2 * to->cap : 8;
		struct policy_range *v = realloc(to->v, cap * sizeof(*v));

		if (!v) {
			p->failed = true;
			return;
		}
		to->v = v;
		to->cap = cap;
	}
	to->v[to->n++] = *r;
}

static bool parse_block(const char *cidr, int family, struct policy_range *ret)
{
	int f, prefix;

	*ret = (struct policy_range){ 0 };
	if (text_parse_cidr(cidr, &f, ret->lo, &prefix) || (f == 6) != family)
		return false;
	memcpy(ret->hi, ret->lo, 16);
	for (int i = prefix; i < (family ? 128 : 32); i++) {
		ret->lo[i / 8] &= (uint8_t)~(0x80u >> i % 8);
		ret->hi[i / 8] |= (uint8_t)(0x80u >> i % 8);
	}
	return true;
}

/* What is left of a block between its exceptions. */
static void add_block(struct policy_plan *p, struct ranges *to, const struct policy_peer *e, int family)
{
	unsigned width = family ? 16 : 4, n = 0;
	struct policy_range block, left, *except;

	if (!parse_block(e->cidr, family, &block))
		return;
	except = calloc(e->except_count + 1, sizeof(*except));
	if (!except) {
		p->failed = true;
		return;
	}
	for (unsigned i = 0; i < e->except_count; i++)
		n += parse_block(e->except[i], family, &except[n]);
	n = policy_ranges_merge(except, n, width);
	left = block;
	for (unsigned i = 0; i < n; i++) {
		if (memcmp(except[i].hi, left.lo, width) < 0 || memcmp(except[i].lo, block.hi, width) > 0)
			continue;
		if (memcmp(except[i].lo, left.lo, width) > 0) {
			memcpy(left.hi, except[i].lo, 16);
			policy_number_step(left.hi, width, -1);
			add_range(p, to, &left);
		}
		memcpy(left.lo, except[i].hi, 16);
		memcpy(left.hi, block.hi, 16);
		if (!policy_number_step(left.lo, width, 1) || memcmp(left.lo, block.hi, width) > 0) {
			free(except);
			return;
		}
	}
	add_range(p, to, &left);
	free(except);
}

static struct policy_set *block_set(struct policy_plan *p, const struct policy_rule *r, int family)
{
	unsigned width = family ? 16 : 4;
	struct policy_set *s = NULL;
	struct ranges all = { 0 };

	for (unsigned i = 0; i < r->peer_count; i++)
		if (r->peers[i].cidr)
			add_block(p, &all, &r->peers[i], family);
	all.n = policy_ranges_merge(all.v, all.n, width);
	if (all.n)
		s = policy_range_set(p, SET_BLOCK, family, all.v, all.n, width);
	free(all.v);
	return s;
}

/* From one end to what the ports allow: at once, or by a chain of the ports. */
static void add_peer(struct policy_plan *p, struct policy_chain *c, struct policy_set *peer, const struct matches *ports,
	struct policy_chain *sub)
{
	struct policy_match m = { .verdict = VERDICT_PASS };

	if (!peer)
		return;
	if (sub)
		m = (struct policy_match){ .verdict = VERDICT_JUMP, .to = sub };
	else if (ports->n)
		m = ports->v[0];
	m.peer = peer;
	add_rule(p, c, &m);
}

static void compile_rule(struct policy_plan *p, struct policy_chain *c, struct policy_ns *ns, const struct policy_rule *r)
{
	struct matches ports = { calloc(r->port_count + 3, sizeof(*ports.v)), 0 };
	struct policy_chain *sub = NULL;

	if (!ports.v) {
		p->failed = true;
		return;
	}
	match_ports(p, &ports, r, c->family);
	if (p->failed || (r->port_count && !ports.n)) {
		free(ports.v);
		return;
	}
	if (r->peer_count && ports.n > 1)
		sub = chain_new(p, CHAIN_PORTS, c->dir, c->family);
	if (!r->peer_count && !ports.n)
		add_rule(p, c, &(struct policy_match){ .verdict = VERDICT_PASS });
	for (unsigned i = 0; (!r->peer_count || sub) && i < ports.n; i++)
		add_rule(p, sub ? sub : c, &ports.v[i]);
	for (unsigned i = 0; i < r->peer_count; i++)
		if (!r->peers[i].cidr && (r->peers[i].pods || r->peers[i].namespaces))
			add_peer(p, c, policy_peer_set(p, ns, &r->peers[i], c->family), &ports, sub);
	add_peer(p, c, block_set(p, r, c->family), &ports, sub);
	free(ports.v);
}

static void compile(struct policy_plan *p, struct policy_chain *c)
{
	const struct policy_told *t = c->policy->told;
	struct policy_match *before = c->rules;
	unsigned count = c->rule_count;

	c->rules = NULL;
	c->rule_count = c->rule_cap = 0;
	for (unsigned i = 0; i < t->rule_count[c->dir]; i++)
		compile_rule(p, c, c->policy->ns, &t->rules[c->dir][i]);
	/* After: what both need stays. */
	policy_rules_drop(p, before, count);
	c->changed = true;
	policy_chain_dirty(p, c);
}

/* ---- who is selected by what ---- */

static struct policy_chain *policy_chain(struct policy_plan *p, struct policy_owner *o, enum policy_dir dir, int family)
{
	struct policy_chain *c = o->chains[dir][family];

	if (c)
		return c;
	c = chain_new(p, CHAIN_POLICY, dir, family);
	if (!c)
		return NULL;
	c->policy = o;
	o->chains[dir][family] = c;
	compile(p, c);
	return c;
}

static bool selects(const struct policy_owner *o, const struct policy_member *m, enum policy_dir dir)
{
	return o->told->acts[dir] && policy_selector_match(&o->told->pods, &m->labels);
}

static void fill_profile(struct policy_plan *p, struct policy_chain *c, const struct policy_member *m)
{
	list_each(&m->ns->policies, it) {
		struct policy_owner *o = list_entry(it, struct policy_owner, in_ns);
		struct policy_match jump = { .verdict = VERDICT_JUMP };

		if (selects(o, m, c->dir) && (jump.to = policy_chain(p, o, c->dir, c->family)))
			add_rule(p, c, &jump);
	}
	add_rule(p, c, &(struct policy_match){ .verdict = VERDICT_DROP });
}

/* NULL: no policy selects it. */
static struct policy_chain *profile(struct policy_plan *p, const struct policy_member *m, enum policy_dir dir, int family)
{
	BUF_AUTO struct buf key = { 0 };
	struct policy_chain *c;
	size_t none;

	buf_printf(&key, "%d.%d", (int)dir, family);
	none = key.len;
	list_each(&m->ns->policies, it) {
		struct policy_owner *o = list_entry(it, struct policy_owner, in_ns);

		if (selects(o, m, dir))
			buf_printf(&key, " %u", o->id);
	}
	if (key.failed)
		p->failed = true;
	if (key.failed || key.len == none)
		return NULL;
	c = map_get(&p->profiles, key.p);
	if (c)
		return c;
	c = chain_new(p, CHAIN_PROFILE, dir, family);
	if (!c)
		return NULL;
	if (!(c->key = strdup(key.p)) || map_put(&p->profiles, c->key, c, NULL)) {
		p->failed = true;      /* with refs 0 it goes by itself */
		return NULL;
	}
	fill_profile(p, c, m);
	return c;
}

static void put(struct policy_plan *p, const struct policy_address *a,
	struct policy_chain *const old[2], struct policy_chain *const new[2])
{
	char ip[POLICY_ELEM_MAX], twice[2 * POLICY_ELEM_MAX];

	policy_ip_text(ip, a);
	snprintf(twice, sizeof(twice), "%s.%s", ip, ip);
	for (int d = 0; d < 2; d++) {
		struct policy_set *s = &p->always[d == POLICY_INGRESS ? SET_INGRESS : SET_EGRESS][a->family];

		if (old[d] == new[d])
			continue;
		if (new[d])
			policy_elem_add(p, s, ip, new[d]);
		if (old[d])
			policy_elem_del(p, s, ip);
	}
	if (!(old[0] || old[1]) && (new[0] || new[1]))
		policy_elem_add(p, &p->always[SET_SELF][a->family], twice, NULL);
	if ((old[0] || old[1]) && !(new[0] || new[1]))
		policy_elem_del(p, &p->always[SET_SELF][a->family], twice);
}

static void select_as(struct policy_plan *p, struct policy_member *m, bool any)
{
	for (unsigned i = 0; i < m->ip_count; i++) {
		int f = m->ips[i].family;
		struct policy_chain *old[2], *new[2] = { NULL, NULL };

		for (int d = 0; d < 2; d++) {
			old[d] = m->profiles[d][f];
			if (any)
				new[d] = profile(p, m, (enum policy_dir)d, f);
			m->profiles[d][f] = new[d];
		}
		put(p, &m->ips[i], old, new);
	}
}

void policy_select(struct policy_plan *p, struct policy_member *m)
{
	select_as(p, m, true);
}

void policy_unselect(struct policy_plan *p, struct policy_member *m)
{
	select_as(p, m, false);
}

/* ---- told ---- */

static struct policy_owner *owner_new(struct policy_plan *p, const struct policy_told *t, const char *key)
{
	struct policy_owner *o = calloc(1, sizeof(*o));

	if (!o || !(o->ns = policy_ns_get(p, t->ns)) || map_put(&p->policies, key, o, NULL)) {
		free(o);
		return NULL;
	}
	o->id = p->next_id++;
	list_add_tail(&o->ns->policies, &o->in_ns);
	return o;
}

/* Those that were, or are, selected by it. */
static void reselect(struct policy_plan *p, struct policy_ns *ns, const struct policy_told *old, const struct policy_told *new)
{
	list_each(&ns->pods, it) {
		struct policy_member *m = list_entry(it, struct policy_member, in_ns);

		if (!m->local)
			return;
		if ((old && policy_selector_match(&old->pods, &m->labels)) || (new && policy_selector_match(&new->pods, &m->labels)))
			policy_select(p, m);
	}
}

static void key_of(struct buf *out, const char *ns, const char *name)
{
	buf_printf(out, "%s/%s", ns, name);
}

void policy_plan_set(struct policy_plan *p, const struct policy_told *t)
{
	BUF_AUTO struct buf key = { 0 };
	struct policy_told *old, *copy = policy_told_copy(t);
	struct policy_owner *o;

	key_of(&key, t->ns, t->name);
	o = !copy || key.failed ? NULL : map_get(&p->policies, key.p);
	if (!o && copy && !key.failed)
		o = owner_new(p, t, key.p);
	if (!o) {
		free(copy);
		p->failed = true;
		return;
	}
	old = o->told;
	o->told = copy;
	for (int d = 0; d < 2; d++)
		for (int f = 0; f < 2; f++)
			if (o->chains[d][f])
				compile(p, o->chains[d][f]);
	reselect(p, o->ns, old, copy);
	free(old);
}

void policy_plan_del(struct policy_plan *p, const char *ns, const char *name)
{
	BUF_AUTO struct buf key = { 0 };
	struct policy_owner *o;

	key_of(&key, ns, name);
	o = key.failed ? NULL : map_del(&p->policies, key.p);
	if (!o)
		return;
	list_del(&o->in_ns);
	reselect(p, o->ns, o->told, NULL);
	for (int d = 0; d < 2; d++)
		for (int f = 0; f < 2; f++)
			if (o->chains[d][f])
				o->chains[d][f]->policy = NULL;
	policy_ns_release(p, o->ns);
	free(o->told);
	free(o);
}
