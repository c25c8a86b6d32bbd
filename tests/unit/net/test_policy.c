/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What policies lead to, applied to a table as strict as the kernel's, beside an evaluator that
 * reads the policies as they are written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "net/policy_plan.h"

#define N(a) (sizeof(a) / sizeof(*(a)))
#define NAME 40

/* ---- a table that takes what the kernel takes ---- */

struct mrule { char peer[NAME], named[NAME], port[NAME], to[NAME]; uint8_t proto; enum policy_verdict verdict; enum policy_dir dir; };
struct mchain { char name[NAME]; struct mrule rules[64]; unsigned n; };
struct mset { char name[NAME]; struct map elems; };   /* to the chain's name; "" in a set */
struct table { bool there; struct map sets, chains; unsigned steps; };

static void set_name(char out[NAME], const struct policy_set *s)
{
	snprintf(out, NAME, "set%d.%d.%u", (int)s->kind, s->family, s->id);
}

static void chain_name(char out[NAME], const struct policy_chain *c)
{
	snprintf(out, NAME, "chain%u", c->id);
}

static void free_set(struct mset *s)
{
	size_t it = 0;
	void *v;

	while (map_next(&s->elems, &it, NULL, &v))
		free(v);
	map_finish(&s->elems);
	free(s);
}

static void t_clear(struct table *t)
{
	size_t it = 0;
	void *v;

	while (map_next(&t->sets, &it, NULL, &v))
		free_set(v);
	for (it = 0; map_next(&t->chains, &it, NULL, &v);)
		free(v);
	map_finish(&t->sets);
	map_finish(&t->chains);
	t->there = false;
}

static void new_set(struct table *t, const char *name)
{
	struct mset *m = calloc(1, sizeof(*m));

	strcpy(m->name, name);
	assert_null(map_get(&t->sets, name));
	assert_int_equal(map_put(&t->sets, name, m, NULL), 0);
}

static void t_table(void *arg, bool make)
{
	struct table *t = arg;
	char name[NAME];

	t_clear(t);
	t->steps++;
	t->there = make;
	for (int k = 0; make && k < SET_ALWAYS; k++)
		for (int f = 0; f < 2; f++) {
			set_name(name, &(struct policy_set){ .kind = (enum policy_set_kind)k, .family = f });
			new_set(t, name);
		}
}

/* Does a rule, or an element, lead to it? */
static bool used(struct table *t, const char *name)
{
	size_t it = 0, at;
	void *v, *w;

	while (map_next(&t->chains, &it, NULL, &v)) {
		struct mchain *c = v;

		for (unsigned i = 0; i < c->n; i++)
			if (!strcmp(c->rules[i].peer, name) || !strcmp(c->rules[i].named, name) || !strcmp(c->rules[i].port, name) ||
			    !strcmp(c->rules[i].to, name))
				return true;
	}
	for (it = 0; map_next(&t->sets, &it, NULL, &v);)
		for (at = 0; map_next(&((struct mset *)v)->elems, &at, NULL, &w);)
			if (!strcmp(w, name))
				return true;
	return false;
}

static void t_set(void *arg, const struct policy_set *s, bool add)
{
	struct table *t = arg;
	char name[NAME];

	t->steps++;
	assert_true(t->there);
	set_name(name, s);
	if (add) {
		new_set(t, name);
		return;
	}
	assert_false(used(t, name));
	assert_non_null(map_get(&t->sets, name));
	free_set(map_del(&t->sets, name));
}

static void t_elem(void *arg, const struct policy_set *s, const char *text, const struct policy_chain *to, bool add)
{
	struct table *t = arg;
	struct mset *m;
	char name[NAME], chain[NAME] = "";

	t->steps++;
	set_name(name, s);
	m = map_get(&t->sets, name);
	assert_non_null(m);
	if (add) {
		if (to) {
			chain_name(chain, to);
			assert_non_null(map_get(&t->chains, chain));
		}
		assert_null(map_get(&m->elems, text));
		map_put(&m->elems, text, strdup(chain), NULL);
		return;
	}
	assert_non_null(map_get(&m->elems, text));
	free(map_del(&m->elems, text));
}

static void t_chain(void *arg, const struct policy_chain *c, bool add)
{
	struct table *t = arg;
	struct mchain *m;
	char name[NAME];

	t->steps++;
	assert_true(t->there);
	chain_name(name, c);
	m = map_get(&t->chains, name);
	if (add) {
		assert_null(m);
		m = calloc(1, sizeof(*m));
		strcpy(m->name, name);
		map_put(&t->chains, name, m, NULL);
		return;
	}
	assert_non_null(m);
	assert_int_equal(m->n, 0);
	assert_false(used(t, name));
	free(map_del(&t->chains, name));
}

static void t_flush(void *arg, const struct policy_chain *c)
{
	struct table *t = arg;
	struct mchain *m;
	char name[NAME];

	t->steps++;
	chain_name(name, c);
	m = map_get(&t->chains, name);
	assert_non_null(m);
	m->n = 0;
}

static void note_set(struct table *t, char out[NAME], const struct policy_set *s)
{
	out[0] = 0;
	if (!s)
		return;
	set_name(out, s);
	assert_non_null(map_get(&t->sets, out));
}

static void t_rule(void *arg, const struct policy_chain *c, const struct policy_match *m)
{
	struct table *t = arg;
	struct mchain *to;
	struct mrule *r;
	char name[NAME];

	t->steps++;
	chain_name(name, c);
	to = map_get(&t->chains, name);
	assert_non_null(to);
	assert_true(to->n < N(to->rules));
	r = &to->rules[to->n++];
	*r = (struct mrule){ .proto = m->proto, .verdict = m->verdict, .dir = c->dir };
	note_set(t, r->peer, m->peer);
	note_set(t, r->named, m->named);
	note_set(t, r->port, m->port);
	if (m->verdict == VERDICT_JUMP) {
		chain_name(r->to, m->to);
		assert_non_null(map_get(&t->chains, r->to));
	}
}

struct packet { int family; char src[40], dst[40]; uint8_t proto; int port; };

static bool in_set(struct table *t, const char *name, const char *text)
{
	struct mset *m = map_get(&t->sets, name);
	const char *key;
	size_t it = 0;
	void *v;

	assert_non_null(m);
	if (map_get(&m->elems, text))
		return true;
	while (map_next(&m->elems, &it, &key, &v)) {
		const char *dash = strchr(key, '-');

		if (dash && strncmp(text, key, strlen(text)) >= 0 && strcmp(text, dash + 1) <= 0)
			return true;
	}
	return false;
}

enum fate { ON, PASS, DROP };

static enum fate walk(struct table *t, const char *chain, const struct packet *k)
{
	struct mchain *c = map_get(&t->chains, chain);
	char text[120], port[8];

	assert_non_null(c);
	for (unsigned i = 0; i < c->n; i++) {
		const struct mrule *r = &c->rules[i];
		enum fate f;

		snprintf(text, sizeof(text), "%s.%02x.%04x", k->dst, k->proto, k->port);
		snprintf(port, sizeof(port), "%04x", k->port);
		if ((*r->peer && !in_set(t, r->peer, r->dir == POLICY_INGRESS ? k->src : k->dst)) || (r->proto && r->proto != k->proto) ||
		    (*r->port && !in_set(t, r->port, port)) || (*r->named && !in_set(t, r->named, text)))
			continue;
		if (r->verdict != VERDICT_JUMP)
			return r->verdict == VERDICT_PASS ? PASS : DROP;
		f = walk(t, r->to, k);
		if (f != ON)
			return f;
	}
	return ON;
}

static bool forwarded(struct table *t, const struct packet *k)
{
	static const enum policy_set_kind maps[] = { SET_EGRESS, SET_INGRESS };
	char name[NAME], twice[90];

	if (!t->there)
		return true;
	set_name(name, &(struct policy_set){ .kind = SET_SELF, .family = k->family });
	snprintf(twice, sizeof(twice), "%s.%s", k->src, k->dst);
	if (in_set(t, name, twice))
		return true;
	for (int i = 0; i < 2; i++) {
		struct mset *m;
		const char *chain;

		set_name(name, &(struct policy_set){ .kind = maps[i], .family = k->family });
		m = map_get(&t->sets, name);
		chain = map_get(&m->elems, i ? k->dst : k->src);
		if (chain && walk(t, chain, k) != PASS)
			return false;
	}
	return true;
}

/* ---- a world, and what policies say of it ---- */

#define PODS 9
#define POLICIES 6
struct pod { char ns[2], name[4]; struct policy_label labels[3]; unsigned label_count; char ips[2][46]; bool there, local;
	struct policy_named ports[3]; unsigned port_count; };
struct world {
	struct policy_label ns_labels[3][2]; unsigned ns_label_count[3]; bool ns_there[3];
	struct pod pods[PODS];
	struct policy_told policies[POLICIES]; bool has[POLICIES];
};

static bool term(const struct policy_term *t, const struct policy_label *l, unsigned n)
{
	const char *value = NULL;
	bool among = false;

	for (unsigned i = 0; i < n; i++)
		if (!strcmp(l[i].key, t->key))
			value = l[i].value;
	for (unsigned i = 0; value && i < t->value_count; i++)
		among |= !strcmp(value, t->values[i]);
	return t->op == POLICY_IN ? among : t->op == POLICY_NOT_IN ? !among : t->op == POLICY_EXISTS ? !!value : !value;
}

static bool matches(const struct policy_selector *s, const struct policy_label *l, unsigned n)
{
	for (unsigned i = 0; i < s->count; i++)
		if (!term(&s->terms[i], l, n))
			return false;
	return true;
}

static bool in_cidr(const char *cidr, const char *ip)
{
	uint8_t base[16], addr[16];
	int bf, af, prefix;

	return !text_parse_cidr(cidr, &bf, base, &prefix) && !text_parse_ip(ip, &af, addr) && af == bf && text_ip_within(addr, base, prefix);
}

static bool peer_is(const struct world *w, const struct policy_told *t, const struct policy_peer *e, const struct pod *pod, const char *ip)
{
	if (e->cidr) {
		for (unsigned i = 0; i < e->except_count; i++)
			if (in_cidr(e->except[i], ip))
				return false;
		return in_cidr(e->cidr, ip);
	}
	if (!pod || !(e->pods || e->namespaces))
		return false;
	if (e->namespaces) {
		int n = pod->ns[0] - 'x';

		if (!w->ns_there[n] || !matches(e->namespaces, w->ns_labels[n], w->ns_label_count[n]))
			return false;
	} else if (strcmp(pod->ns, t->ns)) {
		return false;
	}
	return !e->pods || matches(e->pods, pod->labels, pod->label_count);
}

static bool port_is(const struct policy_port *o, const struct pod *dst, const char *proto, int port)
{
	if (strcmp(o->proto, proto))
		return false;
	for (unsigned i = 0; o->name && dst && i < dst->port_count; i++)
		if (!strcmp(dst->ports[i].name, o->name) && !strcmp(dst->ports[i].proto, proto) && dst->ports[i].port == port)
			return true;
	return !o->name && (!o->port || (port >= o->port && port <= (o->end ? o->end : o->port)));
}

static bool may(const struct world *w, enum policy_dir d, const struct pod *own, const struct pod *other, const char *other_ip,
	const struct pod *dst, const char *proto, int port)
{
	bool selected = false;

	for (unsigned p = 0; own->local && p < POLICIES; p++) {
		const struct policy_told *t = &w->policies[p];

		if (!w->has[p] || !t->acts[d] || strcmp(t->ns, own->ns) || !matches(&t->pods, own->labels, own->label_count))
			continue;
		selected = true;
		for (unsigned i = 0; i < t->rule_count[d]; i++) {
			const struct policy_rule *r = &t->rules[d][i];
			bool peer = !r->peer_count, at = !r->port_count;

			for (unsigned k = 0; k < r->peer_count; k++)
				peer |= peer_is(w, t, &r->peers[k], other, other_ip);
			for (unsigned k = 0; k < r->port_count; k++)
				at |= port_is(&r->ports[k], dst, proto, port);
			if (peer && at)
				return true;
		}
	}
	return !selected;
}

/* NULL pods are addresses outside. */
static bool allowed(const struct world *w, const struct pod *src, const char *sip, const struct pod *dst, const char *dip,
	const char *proto, int port)
{
	return (src && src == dst) || ((!src || may(w, POLICY_EGRESS, src, dst, dip, dst, proto, port)) &&
		(!dst || may(w, POLICY_INGRESS, dst, src, sip, dst, proto, port)));
}

static void hex_of(char out[40], const char *ip)
{
	uint8_t addr[16];
	int family;

	assert_int_equal(text_parse_ip(ip, &family, addr), 0);
	text_hex(out, addr, family == 4 ? 4 : 16);
}

static const char *const outside[2] = { "192.0.2.9", "2001:db8::9" };

static void compare(const struct world *w, struct table *t)
{
	static const struct { const char *proto; uint8_t number; int port; } asks[] = { { "TCP", 6, 80 }, { "TCP", 6, 81 },
		{ "UDP", 17, 80 }, { "UDP", 17, 81 }, { "SCTP", 132, 80 } };

	for (int s = -1; s < PODS; s++)
		for (int d = -1; d < PODS; d++)
			for (int f = 0; f < 2; f++)
				for (unsigned a = 0; a < N(asks); a++) {
					const struct pod *src = s < 0 ? NULL : &w->pods[s], *dst = d < 0 ? NULL : &w->pods[d];
					const char *sip = src ? src->ips[f] : outside[f], *dip = dst ? dst->ips[f] : outside[f];
					struct packet k = { .family = f, .proto = asks[a].number, .port = asks[a].port };
					bool want, got;

					if ((src && !src->there) || (dst && !dst->there) || !*sip || !*dip)
						continue;
					hex_of(k.src, sip);
					hex_of(k.dst, dip);
					want = allowed(w, src, sip, dst, dip, asks[a].proto, asks[a].port);
					got = forwarded(t, &k);
					if (want != got)
						fail_msg("%s -> %s %s %d: %s, but must be %s", sip, dip, asks[a].proto, asks[a].port,
							got ? "passes" : "is dropped", want ? "let through" : "dropped");
				}
}

/* ---- told to the plan ---- */

static void tell_pod(struct policy_plan *p, const struct pod *pod)
{
	const char *ips[2];
	unsigned n = 0;

	for (int f = 0; f < 2; f++)
		if (*pod->ips[f])
			ips[n++] = pod->ips[f];
	if (pod->there)
		policy_plan_pod(p, &(struct policy_pod){ pod->ns, pod->name, pod->local, pod->name, ips, n, pod->labels, pod->label_count,
			pod->ports, pod->port_count });
	else
		policy_plan_pod_del(p, pod->ns, pod->name);
}

static void tell_ns(struct policy_plan *p, const struct world *w, int n)
{
	char name[2] = { (char)('x' + n), 0 };

	if (w->ns_there[n])
		policy_plan_namespace(p, name, w->ns_labels[n], w->ns_label_count[n]);
	else
		policy_plan_namespace_del(p, name);
}

static void emit(struct policy_plan *p, struct table *t, bool again)
{
	struct policy_sink to = { t_table, t_set, t_elem, t_chain, t_flush, t_rule, t };

	assert_false(p->failed);
	policy_plan_emit(p, &to, again);
	assert_true(list_empty(&p->dirty_sets) && list_empty(&p->dirty_chains));
}

static const char *const ns_names[] = { "x", "y", "z" };
static const struct policy_named named[] = { { "web", "TCP", 80 }, { "alt", "TCP", 81 }, { "dns", "UDP", 81 } };

/* Three namespaces of three pods, labelled with their names; every other namespace's pods have two families. */
static void world_init(struct world *w)
{
	static const char *const names[] = { "a", "b", "c" };

	*w = (struct world){ 0 };
	for (int n = 0; n < 3; n++) {
		w->ns_labels[n][0] = (struct policy_label){ "ns", ns_names[n] };
		w->ns_label_count[n] = 1;
		w->ns_there[n] = true;
	}
	for (int i = 0; i < PODS; i++) {
		struct pod *o = &w->pods[i];

		strcpy(o->ns, ns_names[i / 3]);
		strcpy(o->name, names[i % 3]);
		o->labels[0] = (struct policy_label){ "pod", names[i % 3] };
		o->label_count = 1;
		snprintf(o->ips[0], 46, "10.244.%d.%d", i / 3, 10 + i % 3);
		if (i / 3 != 1)
			snprintf(o->ips[1], 46, "fd00:244:%d::%d", i / 3, 10 + i % 3);
		o->there = o->local = true;
		memcpy(o->ports, named, sizeof(named));
		o->port_count = 3;
	}
}

static void tell_all(struct policy_plan *p, const struct world *w)
{
	for (unsigned i = 0; i < POLICIES; i++)
		if (w->has[i])
			policy_plan_set(p, &w->policies[i]);
	for (int n = 0; n < 3; n++)
		tell_ns(p, w, n);
	for (int i = 0; i < PODS; i++)
		tell_pod(p, &w->pods[i]);
}

/* ---- cases ---- */

#define SEL(...) { (const struct policy_term[]){ __VA_ARGS__ }, N(((const struct policy_term[]){ __VA_ARGS__ })) }
#define PSEL(...) &(const struct policy_selector)SEL(__VA_ARGS__)
#define IN(k, ...) { k, POLICY_IN, (const char *const[]){ __VA_ARGS__ }, N(((const char *const[]){ __VA_ARGS__ })) }
#define NOT_IN(k, ...) { k, POLICY_NOT_IN, (const char *const[]){ __VA_ARGS__ }, N(((const char *const[]){ __VA_ARGS__ })) }
#define ALL &(const struct policy_selector){ 0 }
#define PEERS(...) .peers = (const struct policy_peer[]){ __VA_ARGS__ }, .peer_count = N(((const struct policy_peer[]){ __VA_ARGS__ }))
#define PORTS(...) .ports = (const struct policy_port[]){ __VA_ARGS__ }, .port_count = N(((const struct policy_port[]){ __VA_ARGS__ }))
#define RULES(d, ...) .acts[d] = true, .rules[d] = (const struct policy_rule[]){ __VA_ARGS__ }, \
	.rule_count[d] = N(((const struct policy_rule[]){ __VA_ARGS__ }))
#define BLOCK(c, ...) { .cidr = c, .except = (const char *const[]){ __VA_ARGS__ }, .except_count = N(((const char *const[]){ __VA_ARGS__ })) }

/* Rows are senders xa xb xc ya .. zc, columns receivers, TCP 80; - is dropped. */
static const struct { const char *name; struct policy_told policies[3]; const char *want; } cases[] = {
	{ "no policy", { { 0 } },
		"......... ......... ......... ......... ......... ......... ......... ......... ........." },
	{ "nothing may come into x", { { .ns = "x", .name = "p", .acts = { true, false } } },
		".--...... -.-...... --....... ---...... ---...... ---...... ---...... ---...... ---......" },
	{ "nothing may leave x", { { .ns = "x", .name = "p", .acts = { false, true } } },
		".-------- -.------- --.------ ......... ......... ......... ......... ......... ........." },
	{ "both", { { .ns = "x", .name = "p", .acts = { true, true } } },
		".-------- -.------- --.------ ---...... ---...... ---...... ---...... ---...... ---......" },
	{ "an empty rule allows all", { { .ns = "x", .name = "p", RULES(POLICY_INGRESS, { 0 }) } },
		"......... ......... ......... ......... ......... ......... ......... ......... ........." },
	{ "from pods of its own namespace", { { .ns = "x", .name = "p", .pods = SEL(IN("pod", "a")),
		RULES(POLICY_INGRESS, { PEERS({ .pods = PSEL(IN("pod", "b")) }) }) } },
		"......... ......... -........ -........ -........ -........ -........ -........ -........" },
	{ "from all pods of a namespace", { { .ns = "x", .name = "p", .pods = SEL(IN("pod", "a")),
		RULES(POLICY_INGRESS, { PEERS({ .namespaces = PSEL(IN("ns", "y")) }) }) } },
		"......... -........ -........ ......... ......... ......... -........ -........ -........" },
	{ "from pods of namespaces, both must match", { { .ns = "x", .name = "p", .pods = SEL(IN("pod", "a")),
		RULES(POLICY_INGRESS, { PEERS({ .namespaces = PSEL(NOT_IN("ns", "x")), .pods = PSEL(IN("pod", "b", "c")) }) }) } },
		"......... -........ -........ -........ ......... ......... -........ ......... ........." },
	{ "either of two peers", { { .ns = "x", .name = "p", .pods = SEL(IN("pod", "a")),
		RULES(POLICY_INGRESS, { PEERS({ .namespaces = PSEL(IN("ns", "y")) }, { .pods = PSEL(IN("pod", "b")) }) }) } },
		"......... ......... -........ ......... ......... ......... -........ -........ -........" },
	{ "every namespace, every pod", { { .ns = "x", .name = "p", RULES(POLICY_INGRESS, { PEERS({ .namespaces = ALL, .pods = ALL }) }) } },
		"......... ......... ......... ......... ......... ......... ......... ......... ........." },
	{ "another port", { { .ns = "x", .name = "p", .pods = SEL(IN("pod", "a")), RULES(POLICY_INGRESS, { PORTS({ "TCP", NULL, 81, 0 }) }) } },
		"......... -........ -........ -........ -........ -........ -........ -........ -........" },
	{ "a port by its name, and who asks", { { .ns = "x", .name = "p", .pods = SEL(IN("pod", "a")),
		RULES(POLICY_INGRESS, { PORTS({ "TCP", "web", 0, 0 }, { "UDP", NULL, 81, 0 }), PEERS({ .namespaces = PSEL(IN("ns", "z")) }) }) } },
		"......... -........ -........ -........ -........ -........ ......... ......... ........." },
	{ "a range of ports", { { .ns = "x", .name = "p", .pods = SEL(IN("pod", "a")),
		RULES(POLICY_INGRESS, { PORTS({ "TCP", NULL, 79, 80 }) }) } },
		"......... ......... ......... ......... ......... ......... ......... ......... ........." },
	{ "a protocol", { { .ns = "x", .name = "p", .pods = SEL(IN("pod", "a")), RULES(POLICY_INGRESS, { PORTS({ "UDP", NULL, 0, 0 }) }) } },
		"......... -........ -........ -........ -........ -........ -........ -........ -........" },
	{ "a block with exceptions", { { .ns = "x", .name = "p", .pods = SEL(IN("pod", "a")),
		RULES(POLICY_INGRESS, { PEERS(BLOCK("10.244.0.0/16", "10.244.1.0/24", "10.244.2.11/32")) }) } },
		"......... ......... ......... -........ -........ -........ ......... -........ ........." },
	{ "an exception that another block allows", { { .ns = "x", .name = "p", .pods = SEL(IN("pod", "a")),
		RULES(POLICY_INGRESS, { PEERS(BLOCK("10.244.0.0/16", "10.244.1.0/24"), { .cidr = "10.244.1.11/32" }) }) } },
		"......... ......... ......... -........ ......... -........ ......... ......... ........." },
	{ "out to pods only, by a port's name", { { .ns = "x", .name = "p", .pods = SEL(IN("pod", "a")),
		RULES(POLICY_EGRESS, { PEERS({ .namespaces = PSEL(IN("ns", "y")) }), PORTS({ "TCP", "web", 0, 0 }) }) } },
		".--...--- ......... ......... ......... ......... ......... ......... ......... ........." },
	{ "policies add up", { { .ns = "x", .name = "p", .acts = { true, false } },
		{ .ns = "x", .name = "q", .pods = SEL(IN("pod", "a")), RULES(POLICY_INGRESS, { PEERS({ .namespaces = PSEL(IN("ns", "y")) }) }) },
		{ .ns = "x", .name = "r", .pods = SEL(IN("pod", "a", "b")), RULES(POLICY_INGRESS, { PEERS({ .namespaces = PSEL(IN("ns", "z")) }) }) } },
		".--...... -.-...... --....... .--...... .--...... .--...... ..-...... ..-...... ..-......" },
	{ "both ends must agree", { { .ns = "x", .name = "p", RULES(POLICY_EGRESS, { PEERS({ .namespaces = PSEL(IN("ns", "y")) }) }) },
		{ .ns = "y", .name = "q", RULES(POLICY_INGRESS, { PEERS({ .namespaces = PSEL(IN("ns", "x")), .pods = PSEL(IN("pod", "a")) }) }) } },
		".--...--- -.------- --.------ ....--... ...-.-... ...--.... ...---... ...---... ...---..." },
	{ "what is not understood allows nothing", { { .ns = "x", .name = "p", .pods = SEL(IN("pod", "a")),
		RULES(POLICY_INGRESS, { PEERS({ .cidr = "10.244.0/16" }) }, { PORTS({ "ICMP", NULL, 80, 0 }) }, { PEERS({ 0 }) }) } },
		"......... -........ -........ -........ -........ -........ -........ -........ -........" },
};

static void check_matrix(const struct world *w, struct table *t, const char *want)
{
	char got[PODS * 10], *at = got;

	for (int s = 0; s < PODS; s++) {
		for (int d = 0; d < PODS; d++) {
			struct packet k = { .proto = 6, .port = 80 };

			hex_of(k.src, w->pods[s].ips[0]);
			hex_of(k.dst, w->pods[d].ips[0]);
			*at++ = forwarded(t, &k) ? '.' : '-';
		}
		*at++ = ' ';
	}
	at[-1] = 0;
	assert_string_equal(got, want);
}

static void test_cases(void **state)
{
	for (size_t i = 0; i < N(cases); i++) {
		struct policy_plan p;
		struct table t = { 0 };
		struct world w;

		print_message("%s\n", cases[i].name);
		world_init(&w);
		for (unsigned k = 0; k < 3 && cases[i].policies[k].ns; k++) {
			w.policies[k] = cases[i].policies[k];
			w.has[k] = true;
		}
		policy_plan_init(&p);
		tell_all(&p, &w);
		emit(&p, &t, true);
		check_matrix(&w, &t, cases[i].want);
		compare(&w, &t);
		for (unsigned k = 0; k < 3 && w.has[k]; k++)
			policy_plan_del(&p, w.policies[k].ns, w.policies[k].name);
		emit(&p, &t, false);
		assert_false(t.there);
		/* Nothing is kept for a policy that is gone. */
		assert_int_equal(p.peers.len + p.sets.len + p.profiles.len, 0);
		t_clear(&t);
		policy_plan_finish(&p);
	}
}

/* ---- changes in any order ---- */

static uint32_t seed;
static unsigned below(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static const char *const values[] = { "a", "b", "c" }, *const keys[] = { "pod", "tier", "ns" };

/* What a random policy is made of; freed all at once. */
struct made { struct policy_term terms[40]; const char *vals[80]; struct policy_selector sels[20]; struct policy_peer peers[20];
	struct policy_port ports[20]; struct policy_rule rules[2][3]; unsigned t, v, s, e, o; };
static struct made made[POLICIES];

static struct policy_selector *random_selector(struct made *m, bool ns)
{
	struct policy_selector *s = &m->sels[m->s++];
	unsigned n = below(3);

	*s = (struct policy_selector){ &m->terms[m->t], n };
	while (n--) {
		struct policy_term *t = &m->terms[m->t++];

		*t = (struct policy_term){ keys[ns ? 2 : below(2)], (enum policy_op)below(4), &m->vals[m->v], 0 };
		if (t->op <= POLICY_NOT_IN)
			for (t->value_count = 1 + below(2); m->v < t->values - m->vals + t->value_count; m->v++)
				m->vals[m->v] = ns ? ns_names[below(3)] : values[below(3)];
	}
	return s;
}

static void random_peer(struct made *m, struct policy_peer *e)
{
	static const char *const blocks[] = { "10.244.0.0/16", "10.244.1.0/24", "0.0.0.0/0", "fd00:244::/32", "::/0", "10.244.2.11/32" };
	static const char *const excepts[] = { "10.244.1.0/24", "10.244.1.11/32", "fd00:244:2::/48", "192.0.2.0/24", "255.255.255.255/32" };

	*e = (struct policy_peer){ 0 };
	if (!below(3)) {
		e->cidr = blocks[below(N(blocks))];
		e->except_count = below(3);
		e->except = &m->vals[m->v];
		for (unsigned i = 0; i < e->except_count; i++)
			m->vals[m->v++] = excepts[below(N(excepts))];
		return;
	}
	if (below(2))
		e->pods = random_selector(m, false);
	if (!e->pods || below(2))
		e->namespaces = random_selector(m, true);
}

static void random_policy(struct policy_told *t, unsigned number)
{
	static const struct policy_port ports[] = { { "TCP", NULL, 80, 0 }, { "TCP", NULL, 81, 90 }, { "UDP", NULL, 1, 80 }, { "TCP", "web", 0, 0 },
		{ "TCP", "alt", 0, 0 }, { "UDP", "dns", 0, 0 }, { "SCTP", NULL, 0, 0 }, { "UDP", NULL, 0, 0 }, { "TCP", "none", 0, 0 } };
	static const char *const names[] = { "p0", "p1", "p2", "p3", "p4", "p5" };
	struct made *m = &made[number];

	*m = (struct made){ 0 };
	*t = (struct policy_told){ .ns = ns_names[number % 3], .name = names[number], .pods = *random_selector(m, false) };
	for (int d = 0; d < 2; d++) {
		t->acts[d] = below(3) > 0;
		t->rules[d] = m->rules[d];
		t->rule_count[d] = below(3);
		for (unsigned i = 0; i < t->rule_count[d]; i++) {
			struct policy_rule *r = &m->rules[d][i];

			*r = (struct policy_rule){ &m->peers[m->e], below(3), &m->ports[m->o], below(3) };
			for (unsigned k = 0; k < r->peer_count; k++)
				random_peer(m, &m->peers[m->e++]);
			for (unsigned k = 0; k < r->port_count; k++)
				m->ports[m->o++] = ports[below(N(ports))];
		}
	}
}

static void random_pod(struct pod *o, int i)
{
	o->there = below(5) > 0;
	o->local = i % 2 == 0;
	o->label_count = 0;
	for (unsigned k = 0; k < 2; k++)
		if (below(3))
			o->labels[o->label_count++] = (struct policy_label){ keys[k], values[below(3)] };
	o->port_count = 0;
	for (unsigned k = 0; k < 3; k++)
		if (below(2))
			o->ports[o->port_count++] = named[k];
	/* An address that another had, too: but never two at a time. */
	snprintf(o->ips[0], 46, "10.244.%d.%u", i / 3, 10 + i % 3 + 100 * below(2));
	if (below(2))
		snprintf(o->ips[1], 46, "fd00:244:%d::%d", i / 3, 10 + i % 3);
	else
		o->ips[1][0] = 0;
}

static void mutate(struct world *w, struct policy_plan *p)
{
	unsigned what = below(10), i;

	if (what < 5) {
		i = below(PODS);
		random_pod(&w->pods[i], (int)i);
		tell_pod(p, &w->pods[i]);
	} else if (what < 8) {
		i = below(POLICIES);
		if (below(3)) {
			random_policy(&w->policies[i], i);
			w->has[i] = true;
			policy_plan_set(p, &w->policies[i]);
		} else if (w->has[i]) {
			policy_plan_del(p, w->policies[i].ns, w->policies[i].name);
			w->has[i] = false;
		}
	} else {
		i = below(3);
		w->ns_there[i] = below(4) > 0;
		w->ns_label_count[i] = below(2);
		w->ns_labels[i][0] = (struct policy_label){ "ns", ns_names[below(3)] };
		tell_ns(p, w, (int)i);
	}
}

static void test_changes_in_any_order(void **state)
{
	for (unsigned round = 1; round <= (getenv("SAMPAN_LONG") ? 200 : 4); round++) {
		struct policy_plan p;
		struct table t = { 0 };
		struct world w;

		seed = round * 7919;
		world_init(&w);
		policy_plan_init(&p);
		tell_all(&p, &w);
		for (int step = 0; step < 100; step++) {
			for (unsigned n = 1 + below(4); n; n--)
				mutate(&w, &p);
			emit(&p, &t, step == 0 || !below(20));
			compare(&w, &t);
		}
		for (unsigned i = 0; i < POLICIES; i++)
			if (w.has[i])
				policy_plan_del(&p, w.policies[i].ns, w.policies[i].name);
		emit(&p, &t, false);
		assert_int_equal(p.peers.len + p.sets.len + p.profiles.len, 0);
		t_clear(&t);
		policy_plan_finish(&p);
	}
}

/* ---- what a change costs ---- */

static unsigned steps_of(struct policy_plan *p, struct table *t)
{
	t->steps = 0;
	emit(p, t, false);
	return t->steps;
}

static void test_a_change_costs_what_it_concerns(void **state)
{
	unsigned cost[2][4];

	for (int large = 0; large < 2; large++) {
		unsigned namespaces = large ? 400 : 4;
		struct policy_plan p;
		struct table t = { 0 };
		char ns[16], ip[20];
		const char *ips[] = { ip };
		struct policy_label label = { "pod", "a" };
		struct policy_pod pod = { .ns = ns, .name = "a", .local = true, .ips = ips, .ip_count = 1, .labels = &label, .label_count = 1 };
		struct policy_told policy = { .ns = ns, .name = "p", .pods = SEL(IN("pod", "a")),
			RULES(POLICY_INGRESS, { PEERS({ .pods = PSEL(IN("pod", "b")) }), PORTS({ "TCP", NULL, 80, 0 }) }) };

		policy_plan_init(&p);
		for (unsigned i = 0; i < namespaces; i++) {
			snprintf(ns, sizeof(ns), "n%u", i);
			snprintf(ip, sizeof(ip), "10.%u.%u.9", i / 200, i % 200);
			policy_plan_namespace(&p, ns, NULL, 0);
			policy_plan_set(&p, &policy);
			policy_plan_pod(&p, &pod);
		}
		emit(&p, &t, true);
		/* A peer comes; its label goes; another pod is selected; a policy changes. */
		pod.name = "b";
		pod.local = false;
		label.value = "b";
		snprintf(ip, sizeof(ip), "10.9.9.9");
		policy_plan_pod(&p, &pod);
		cost[large][0] = steps_of(&p, &t);
		label.value = "c";
		policy_plan_pod(&p, &pod);
		cost[large][1] = steps_of(&p, &t);
		pod.name = "c";
		pod.local = true;
		label.value = "a";
		snprintf(ip, sizeof(ip), "10.9.9.10");
		policy_plan_pod(&p, &pod);
		cost[large][2] = steps_of(&p, &t);
		policy.rule_count[POLICY_INGRESS] = 0;
		policy_plan_set(&p, &policy);
		cost[large][3] = steps_of(&p, &t);
		t_clear(&t);
		policy_plan_finish(&p);
	}
	assert_memory_equal(cost[0], cost[1], sizeof(cost[0]));
	assert_int_equal(cost[0][0], 1);       /* its address comes into one set */
	assert_int_equal(cost[0][1], 1);
	assert_int_equal(cost[0][2], 2);       /* into the map, and it may reach itself */
	assert_int_equal(cost[0][3], 2);       /* the chain is emptied, its peers' set goes; the ports' is others', too */
}

static void test_forgotten_peers_leave_the_sets(void **state)
{
	struct policy_plan p;
	struct table t = { 0 };
	struct world w;

	world_init(&w);
	for (int i = 1; i < PODS; i++)
		w.pods[i].local = false;
	w.policies[0] = (struct policy_told){ .ns = "x", .name = "p", RULES(POLICY_INGRESS, { PEERS({ .namespaces = ALL }) }) };
	w.has[0] = true;
	policy_plan_init(&p);
	tell_all(&p, &w);
	emit(&p, &t, true);
	compare(&w, &t);
	policy_plan_forget_peers(&p);
	emit(&p, &t, false);
	for (int i = 1; i < PODS; i++)
		w.pods[i].there = false;
	compare(&w, &t);
	assert_int_equal(p.pods.len, 1);
	assert_int_equal(p.namespaces.len, 1);
	t_clear(&t);
	policy_plan_finish(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_changes_in_any_order),
		cmocka_unit_test(test_a_change_costs_what_it_concerns),
		cmocka_unit_test(test_forgotten_peers_leave_the_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
