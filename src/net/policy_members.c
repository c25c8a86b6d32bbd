/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_members - namespaces, pods, and the sets of those that a peer means.
 *
 * A namespace knows which peers may choose pods of it, so that a pod that changes is compared
 * with those only; which sets it was in follows from what it was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "net/policy_priv.h"

#define KEY_MAX 600

static bool ns_key(char out[KEY_MAX], const char *ns, const char *name)
{
	return snprintf(out, KEY_MAX, "%s/%s", ns, name) < KEY_MAX;
}

/* ---- namespaces ---- */

struct policy_ns *policy_ns_get(struct policy_plan *p, const char *name)
{
	struct policy_ns *ns = map_get(&p->namespaces, name);

	if (ns)
		return ns;
	ns = calloc(1, sizeof(*ns));
	if (!ns || !(ns->name = strdup(name)) || map_put(&p->namespaces, name, ns, NULL)) {
		if (ns)
			free(ns->name);
		free(ns);
		p->failed = true;
		return NULL;
	}
	list_init(&ns->pods);
	list_init(&ns->policies);
	return ns;
}

void policy_ns_release(struct policy_plan *p, struct policy_ns *ns)
{
	if (ns->known || ns->peer_count || !list_empty(&ns->pods) || !list_empty(&ns->policies))
		return;
	map_del(&p->namespaces, ns->name);
	free(ns->peers);
	free(ns->block);
	free(ns->name);
	free(ns);
}

static void add_peers(struct policy_plan *p, struct policy_ns *ns, struct policy_peers *peers)
{
	if (ns->peer_count == ns->peer_cap) {
		unsigned cap = ns->peer_cap ? 2 * ns->peer_cap : 4;
		struct policy_peers **v = realloc(ns->peers, cap * sizeof(struct policy_peers *));

		if (!v) {
			p->failed = true;
			return;
		}
		ns->peers = v;
		ns->peer_cap = cap;
	}
	ns->peers[ns->peer_count++] = peers;
}

static void remove_peers(struct policy_ns *ns, const struct policy_peers *peers)
{
	for (unsigned i = 0; i < ns->peer_count; i++)
		if (ns->peers[i] == peers) {
			ns->peers[i] = ns->peers[--ns->peer_count];
			return;
		}
}

static bool wide_match(const struct policy_peers *peers, const struct policy_ns *ns)
{
	return ns->known && policy_selector_match(peers->namespaces, &ns->labels);
}

/* ---- who is in a set ---- */

static void one_address(struct policy_plan *p, struct policy_set *s, const struct policy_address *a,
	const struct policy_podport *port, bool add)
{
	char text[POLICY_ELEM_MAX];

	policy_ip_text(text, a);
	if (port)
		snprintf(text + strlen(text), 12, ".%02x.%04x", port->proto, port->port);
	if (add)
		policy_elem_add(p, s, text, NULL);
	else
		policy_elem_del(p, s, text);
}

static void addresses(struct policy_plan *p, const struct policy_peers *peers, const struct policy_member *m,
	const struct policy_podport *port, bool add)
{
	for (unsigned i = 0; i < m->ip_count; i++)
		if (peers->sets[m->ips[i].family])
			one_address(p, peers->sets[m->ips[i].family], &m->ips[i], port, add);
}

static bool chooses(const struct policy_peers *peers, const struct policy_member *m)
{
	return !peers->pods || policy_selector_match(peers->pods, &m->labels);
}

static void named_key(char out[KEY_MAX], const char *name, uint8_t proto)
{
	snprintf(out, KEY_MAX, "#%s/%u", name, proto);
}

/* Under which addresses its link may send. */
static void own_link(struct policy_plan *p, const struct policy_member *m, bool add)
{
	char name[2 * sizeof(m->link) + 1], ip[POLICY_ELEM_MAX], text[2 * POLICY_ELEM_MAX];

	text_hex(name, m->link, sizeof(m->link));
	for (unsigned i = 0; *m->link && i < m->ip_count; i++) {
		struct policy_set *s = &p->always[SET_LINKS][m->ips[i].family];

		policy_ip_text(ip, &m->ips[i]);
		snprintf(text, sizeof(text), "%s.%s", name, ip);
		if (add)
			policy_elem_add(p, s, text, NULL);
		else
			policy_elem_del(p, s, text);
	}
}

static void member_changes(struct policy_plan *p, struct policy_member *m, bool add)
{
	char key[KEY_MAX];

	for (unsigned i = 0; i < m->ns->peer_count; i++)
		if (chooses(m->ns->peers[i], m))
			addresses(p, m->ns->peers[i], m, NULL, add);
	for (unsigned i = 0; i < m->port_count; i++) {
		struct policy_peers *peers;

		named_key(key, m->ports[i].name, m->ports[i].proto);
		peers = map_get(&p->peers, key);
		if (peers)
			addresses(p, peers, m, &m->ports[i], add);
	}
	if (!m->local)
		return;
	own_link(p, m, add);
	if (add)
		policy_select(p, m);
	else
		policy_unselect(p, m);
}

static void fill_from(struct policy_plan *p, struct policy_set *s, struct policy_ns *ns)
{
	list_each(&ns->pods, it) {
		struct policy_member *m = list_entry(it, struct policy_member, in_ns);

		for (unsigned i = 0; chooses(s->peers, m) && i < m->ip_count; i++)
			if (m->ips[i].family == s->family)
				one_address(p, s, &m->ips[i], NULL, true);
	}
}

static void fill_named(struct policy_plan *p, struct policy_set *s)
{
	char key[KEY_MAX];
	size_t it = 0;
	void *v;

	while (map_next(&p->pods, &it, NULL, &v)) {
		struct policy_member *m = v;

		for (unsigned k = 0; k < m->port_count; k++) {
			named_key(key, m->ports[k].name, m->ports[k].proto);
			for (unsigned i = 0; !strcmp(key, s->peers->key) && i < m->ip_count; i++)
				if (m->ips[i].family == s->family)
					one_address(p, s, &m->ips[i], &m->ports[k], true);
		}
	}
}

static void fill(struct policy_plan *p, struct policy_set *s)
{
	size_t it = 0;
	void *v;

	if (s->peers->named) {
		fill_named(p, s);
	} else if (s->peers->ns) {
		fill_from(p, s, s->peers->ns);
	} else {
		while (map_next(&p->namespaces, &it, NULL, &v))
			if (wide_match(s->peers, v))
				fill_from(p, s, v);
	}
}

/* ---- peers ---- */

static void peers_free(struct policy_peers *peers)
{
	list_del(&peers->wide);
	free(peers->key);
	free(peers->pods);
	free(peers->namespaces);
	free(peers);
}

static struct policy_peers *peers_new(struct policy_plan *p, const char *key)
{
	struct policy_peers *peers = calloc(1, sizeof(*peers));

	if (!peers || !(peers->key = strdup(key)) || map_put(&p->peers, key, peers, NULL)) {
		if (peers)
			free(peers->key);
		free(peers);
		p->failed = true;
		return NULL;
	}
	list_init(&peers->wide);
	return peers;
}

static struct policy_set *peers_set(struct policy_plan *p, struct policy_peers *peers, int family)
{
	struct policy_set *s = peers->sets[family];

	if (s)
		return s;
	s = policy_set_new(p, peers->named ? SET_NAMED : SET_PODS, family);
	if (!s)
		return NULL;
	peers->sets[family] = s;
	s->peers = peers;
	fill(p, s);
	return s;
}

struct policy_set *policy_peer_set(struct policy_plan *p, struct policy_ns *of, const struct policy_peer *peer, int family)
{
	BUF_AUTO struct buf key = { 0 };
	struct policy_peers *peers;
	size_t it = 0;
	void *v;

	if (peer->namespaces) {
		buf_addc(&key, '*');
		policy_selector_key(&key, peer->namespaces);
	} else {
		buf_adds(&key, of->name);
	}
	buf_addc(&key, '|');
	if (peer->pods)
		policy_selector_key(&key, peer->pods);
	if (key.failed) {
		p->failed = true;
		return NULL;
	}
	peers = map_get(&p->peers, key.p);
	if (peers)
		return peers_set(p, peers, family);
	peers = peers_new(p, key.p);
	if (!peers)
		return NULL;
	if ((peer->pods && !(peers->pods = policy_selector_copy(peer->pods))) ||
	    (peer->namespaces && !(peers->namespaces = policy_selector_copy(peer->namespaces)))) {
		map_del(&p->peers, key.p);
		peers_free(peers);
		p->failed = true;
		return NULL;
	}
	if (!peers->namespaces) {
		peers->ns = of;
		add_peers(p, of, peers);
	} else {
		list_add_tail(&p->wide, &peers->wide);
		while (map_next(&p->namespaces, &it, NULL, &v))
			if (wide_match(peers, v))
				add_peers(p, v, peers);
	}
	return peers_set(p, peers, family);
}

struct policy_set *policy_named_set(struct policy_plan *p, const char *name, uint8_t proto, int family)
{
	char key[KEY_MAX];
	struct policy_peers *peers;

	named_key(key, name, proto);
	peers = map_get(&p->peers, key);
	if (!peers && (peers = peers_new(p, key)))
		peers->named = true;
	return peers ? peers_set(p, peers, family) : NULL;
}

void policy_peers_drop(struct policy_plan *p, struct policy_set *s)
{
	struct policy_peers *peers = s->peers;
	size_t it = 0;
	void *v;

	peers->sets[s->family] = NULL;
	if (peers->sets[0] || peers->sets[1])
		return;
	map_del(&p->peers, peers->key);
	if (peers->ns) {
		remove_peers(peers->ns, peers);
		policy_ns_release(p, peers->ns);
	} else if (!peers->named) {
		while (map_next(&p->namespaces, &it, NULL, &v))
			remove_peers(v, peers);
	}
	peers_free(peers);
}

/* ---- told: pods ---- */

/* The first address of each family. */
static unsigned parse_ips(struct policy_address out[POLICY_IPS_MAX], const struct policy_pod *pod)
{
	unsigned n = 0;

	for (unsigned i = 0; i < pod->ip_count && n < POLICY_IPS_MAX; i++) {
		int family;

		if (text_parse_ip(pod->ips[i], &family, out[n].ip))
			continue;
		out[n].family = family == 6;
		if (n && out[0].family == out[n].family)
			continue;
		n++;
	}
	return n;
}

static void walk(struct policy_room *r, const struct policy_pod *pod, const char *key)
{
	struct policy_member *at = policy_take(r, sizeof(*at)), unused = { 0 }, *to = at ? at : &unused;

	*to = (struct policy_member){ .local = pod->local };
	to->ports = policy_take(r, pod->port_count * sizeof(*to->ports));
	policy_labels_copy(r, &to->labels, pod->labels, pod->label_count);
	for (unsigned i = 0; i < pod->port_count; i++) {
		const char *name = policy_text(r, pod->ports[i].name);
		uint8_t proto = policy_proto(pod->ports[i].proto);

		if (to->ports && proto)
			to->ports[to->port_count++] = (struct policy_podport){ name, proto, (uint16_t)pod->ports[i].port };
	}
	to->key = policy_text(r, key);
}

static struct policy_member *member_new(const struct policy_pod *pod, const char *key)
{
	struct policy_room r = { 0 };
	struct policy_member *m;
	char *block;

	walk(&r, pod, key);
	block = calloc(1, r.used);
	if (!block)
		return NULL;
	r = (struct policy_room){ .p = block };
	walk(&r, pod, key);
	m = (struct policy_member *)(void *)block;
	m->size = r.used;
	snprintf(m->link, sizeof(m->link), "%s", pod->local && pod->link ? pod->link : "");
	m->ip_count = parse_ips(m->ips, pod);
	list_init(&m->in_ns);
	return m;
}

/* Most events of a pod change nothing of what counts here. */
static bool same(const struct policy_member *a, const struct policy_member *b)
{
	size_t texts = (size_t)(a->labels.text - (const char *)a);

	if (a->size != b->size || strcmp(a->link, b->link) || a->local != b->local || a->ip_count != b->ip_count || a->port_count != b->port_count ||
	    b->labels.text != (const char *)b + texts || a->labels.count != b->labels.count ||
	    memcmp(a->labels.text, b->labels.text, a->size - texts))
		return false;
	for (unsigned i = 0; i < a->ip_count; i++)
		if (a->ips[i].family != b->ips[i].family || memcmp(a->ips[i].ip, b->ips[i].ip, a->ips[i].family ? 16 : 4))
			return false;
	for (unsigned i = 0; i < a->port_count; i++)
		if (a->ports[i].port != b->ports[i].port || a->ports[i].proto != b->ports[i].proto)
			return false;
	return true;
}

static void leave(struct policy_plan *p, struct policy_member *m)
{
	member_changes(p, m, false);
	list_del(&m->in_ns);
	map_del(&p->pods, m->key);
	free(m);
}

void policy_plan_pod(struct policy_plan *p, const struct policy_pod *pod)
{
	char key[KEY_MAX];
	struct policy_member *m, *old;
	struct policy_ns *ns;

	if (!ns_key(key, pod->ns, pod->name) || !(ns = policy_ns_get(p, pod->ns)))
		return;
	old = map_get(&p->pods, key);
	m = member_new(pod, key);
	if (!m) {
		p->failed = true;
		return;
	}
	if (old && same(old, m)) {
		free(m);
		return;
	}
	if (old)
		leave(p, old);
	m->ns = ns;
	if (map_put(&p->pods, m->key, m, NULL)) {
		free(m);
		p->failed = true;
		return;
	}
	if (m->local)
		list_add_head(&ns->pods, &m->in_ns);
	else
		list_add_tail(&ns->pods, &m->in_ns);
	member_changes(p, m, true);
}

void policy_plan_pod_del(struct policy_plan *p, const char *ns, const char *name)
{
	char key[KEY_MAX];
	struct policy_member *m = ns_key(key, ns, name) ? map_get(&p->pods, key) : NULL;
	struct policy_ns *at = m ? m->ns : NULL;

	if (!m)
		return;
	leave(p, m);
	policy_ns_release(p, at);
}

/* ---- told: namespaces ---- */

static void enter_peers(struct policy_plan *p, struct policy_ns *ns, struct policy_peers *peers, bool add)
{
	if (add)
		add_peers(p, ns, peers);
	else
		remove_peers(ns, peers);
	list_each(&ns->pods, it) {
		struct policy_member *m = list_entry(it, struct policy_member, in_ns);

		if (chooses(peers, m))
			addresses(p, peers, m, NULL, add);
	}
}

/* block: labels' memory, taken. */
static void ns_change(struct policy_plan *p, struct policy_ns *ns, bool known, struct policy_labels labels, char *block)
{
	struct policy_ns before = *ns;

	ns->known = known;
	ns->labels = labels;
	ns->block = block;
	list_each(&p->wide, it) {
		struct policy_peers *peers = list_entry(it, struct policy_peers, wide);
		bool was = wide_match(peers, &before), is = wide_match(peers, ns);

		if (was != is)
			enter_peers(p, ns, peers, is);
	}
	free(before.block);
}

void policy_plan_namespace(struct policy_plan *p, const char *name, const struct policy_label *labels, unsigned count)
{
	struct policy_ns *ns = policy_ns_get(p, name);
	struct policy_room r = { 0 };
	struct policy_labels l;
	char *block;

	if (!ns)
		return;
	policy_labels_copy(&r, &l, labels, count);
	block = malloc(r.used + 1);
	if (!block) {
		p->failed = true;
		return;
	}
	r = (struct policy_room){ .p = block };
	policy_labels_copy(&r, &l, labels, count);
	ns_change(p, ns, true, l, block);
}

void policy_plan_namespace_del(struct policy_plan *p, const char *name)
{
	struct policy_ns *ns = map_get(&p->namespaces, name);

	if (!ns)
		return;
	ns_change(p, ns, false, (struct policy_labels){ 0 }, NULL);
	policy_ns_release(p, ns);
}

void policy_plan_forget_peers(struct policy_plan *p)
{
	size_t it = 0;
	void *v;

	while (map_next(&p->pods, &it, NULL, &v))
		if (!((struct policy_member *)v)->local) {
			struct policy_ns *ns = ((struct policy_member *)v)->ns;

			leave(p, v);
			policy_ns_release(p, ns);
		}
	it = 0;
	while (map_next(&p->namespaces, &it, NULL, &v)) {
		struct policy_ns *ns = v;

		ns_change(p, ns, false, (struct policy_labels){ 0 }, NULL);
		policy_ns_release(p, ns);
	}
}
