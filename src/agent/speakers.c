/* SPDX-License-Identifier: Apache-2.0 */
/*
 * speakers - which node speaks for a balancer's address. Every node computes it alike from what
 * the API says, so that nobody has to be asked: of the nodes that are ready (and, when a Service
 * wants its clients' addresses kept, have a ready endpoint of it) the one whose name and the
 * address hash highest together. A node that comes or goes moves only its own share. The second
 * asks the first whether it lives, and speaks when it no longer answers.
 *
 * Of each address the two nodes that come first are known, and of each node the addresses that it is one of the two of:
 * a node that goes makes only these choose anew, a new one is held against the two of each. A change of a Service looks at
 * that Service. Nothing is said before Nodes and Services are known.
 */
#define LOG_MODULE "services"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"

enum { FIRST, SECOND, RANKS };

struct place {
	char address[46];
	bool mute;                     /* it does not answer, whatever the API says */
	struct list ranked[RANKS];     /* the choices that it is the first, or second, of */
	char name[];
};

/* One address of a Service. */
struct choice {
	const char *ip;
	struct place *top[RANKS];      /* whether mute or not; NULL: there are not so many */
	uint64_t weight[RANKS];
	struct list at[RANKS];         /* in top[]->ranked */
	struct balanced *of;
	char *watched;                 /* address of the node that this one would take over from, or NULL */
	bool mine;                     /* this node was told to speak for it */
};

struct balanced {
	char *key;                     /* "ns/name" */
	char **ips, **nodes;           /* NULL-terminated; nodes, sorted: NULL: any */
	size_t n, node_count;
	struct choice *v;              /* of ips */
};

struct speakers {
	struct agent *a;
	struct map nodes;              /* those that may speak: name -> struct place */
	struct map services;           /* struct balanced */
	struct map spoken;             /* address -> how many Services have it this node's */
	bool nodes_known, services_known, told;
};

static void free_list(char **list)
{
	for (char **s = list; s && *s; s++)
		free(*s);
	free(list);
}

static char **copy_list(const char *const *list)
{
	size_t n = 0;
	char **out;

	while (list[n])
		n++;
	out = calloc(n + 1, sizeof(*out));
	for (size_t i = 0; out && i < n; i++)
		if (!(out[i] = strdup(list[i]))) {
			free_list(out);
			return NULL;
		}
	return out;
}

uint64_t speakers_weight(const char *ip, const char *node)
{
	char text[320];
	uint64_t h;

	snprintf(text, sizeof(text), "%s %s", ip, node);
	h = hash_fnv64(text, strlen(text));
	/* FNV leaves names that differ in their last letter close together. Source: MurmurHash3, fmix64. */
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdull;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ull;
	return h ^ h >> 33;
}

static bool before(uint64_t weight, const struct place *p, uint64_t than, const struct place *other)
{
	return !other || weight > than || (weight == than && strcmp(p->name, other->name) < 0);
}

static void put(struct choice *c, int rank, struct place *p, uint64_t weight)
{
	list_del(&c->at[rank]);
	c->top[rank] = p;
	c->weight[rank] = weight;
	if (p)
		list_add_tail(&p->ranked[rank], &c->at[rank]);
}

/* Is p, which is none of the two, better than one of them? Then it is one. */
static bool offer(struct choice *c, struct place *p)
{
	uint64_t w = speakers_weight(c->ip, p->name);

	if (before(w, p, c->weight[FIRST], c->top[FIRST])) {
		put(c, SECOND, c->top[FIRST], c->weight[FIRST]);
		put(c, FIRST, p, w);
		return true;
	}
	if (!before(w, p, c->weight[SECOND], c->top[SECOND]))
		return false;
	put(c, SECOND, p, w);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool may(const struct balanced *b, const char *name)
{
	return !b->nodes || bsearch(&name, b->nodes, b->node_count, sizeof(*b->nodes), by_name);
}

/* The next that may speak for b; *it begins as 0. */
static struct place *next_place(const struct speakers *s, const struct balanced *b, size_t *it)
{
	void *p = NULL;

	if (!b->nodes)
		return map_next(&s->nodes, it, NULL, &p) ? p : NULL;
	while (!p && *it < b->node_count)
		p = map_get(&s->nodes, b->nodes[(*it)++]);
	return p;
}

static void choose(struct speakers *s, struct choice *c)
{
	struct place *p;
	size_t it = 0;

	put(c, FIRST, NULL, 0);
	put(c, SECOND, NULL, 0);
	while ((p = next_place(s, c->of, &it)))
		offer(c, p);
}

/* The first of those that answer. */
static const struct place *speaker(const struct speakers *s, const struct choice *c)
{
	const struct place *best = NULL, *p;
	uint64_t weight = 0;
	size_t it = 0;

	for (int i = 0; i < RANKS; i++)
		if (!c->top[i] || !c->top[i]->mute)
			return c->top[i];
	while ((p = next_place(s, c->of, &it))) {
		uint64_t w = p->mute ? 0 : speakers_weight(c->ip, p->name);

		if (p->mute || !before(w, p, weight, best))
			continue;
		best = p;
		weight = w;
	}
	return best;
}

static void watch(struct speakers *s, char **watched, const char *address)
{
	if (*watched && address && !strcmp(*watched, address))
		return;
	if (*watched)
		net_watch(s->a->net, *watched, false);
	free(*watched);
	*watched = address ? strdup(address) : NULL;
	if (*watched)
		net_watch(s->a->net, *watched, true);
}

static void speak(struct speakers *s, const char *ip, bool on)
{
	uintptr_t count = (uintptr_t)map_get(&s->spoken, ip);

	if (on)
		map_put(&s->spoken, ip, (void *)(count + 1), NULL);
	else if (count > 1)
		map_put(&s->spoken, ip, (void *)(count - 1), NULL);
	else
		map_del(&s->spoken, ip);
	if (count == !on)
		net_announce(s->a->net, ip, on);
}

static bool is_us(const struct speakers *s, const struct place *p)
{
	return p && !strcmp(p->name, s->a->node_name);
}

/* Do what the choice says. The second looks whether the first lives: the API would take its time to say so. */
static void settle(struct speakers *s, struct choice *c)
{
	bool mine = is_us(s, speaker(s, c));

	watch(s, &c->watched, is_us(s, c->top[SECOND]) ? c->top[FIRST]->address : NULL);
	if (mine == c->mine)
		return;
	c->mine = mine;
	speak(s, c->ip, mine);
}

static void settle_ranked(struct speakers *s, struct place *p)
{
	for (int i = 0; i < RANKS; i++)
		list_each(&p->ranked[i], it)
			settle(s, list_entry(it - i, struct choice, at));
}

/* Where the two do not answer, it matters who else there is. */
static void settle_mute(struct speakers *s)
{
	size_t it = 0;
	void *v;

	while (map_next(&s->nodes, &it, NULL, &v))
		if (((struct place *)v)->mute)
			settle_ranked(s, v);
}

static void decide(struct speakers *s, struct balanced *b)
{
	for (size_t i = 0; s->told && i < b->n; i++) {
		choose(s, &b->v[i]);
		settle(s, &b->v[i]);
	}
}

static void decide_all(struct speakers *s)
{
	size_t it = 0;
	void *v;

	while (map_next(&s->services, &it, NULL, &v))
		decide(s, v);
}

static void free_balanced(struct balanced *b)
{
	for (size_t i = 0; i < b->n; i++) {
		put(&b->v[i], FIRST, NULL, 0);
		put(&b->v[i], SECOND, NULL, 0);
		free(b->v[i].watched);
	}
	free(b->v);
	free_list(b->ips);
	free_list(b->nodes);
	free(b->key);
	free(b);
}

/* Sorted and each once: a node with two endpoints does not stand in for itself. */
static void sort_nodes(struct balanced *b)
{
	size_t n = 0, kept = 0;

	while (b->nodes[n])
		n++;
	qsort(b->nodes, n, sizeof(*b->nodes), by_name);
	for (size_t i = 0; i < n; i++) {
		if (kept && !strcmp(b->nodes[kept - 1], b->nodes[i]))
			free(b->nodes[i]);
		else
			b->nodes[kept++] = b->nodes[i];
	}
	b->nodes[kept] = NULL;
	b->node_count = kept;
}

static struct balanced *make(const char *key, const char *const *ips, const char *const *nodes)
{
	struct balanced *b = calloc(1, sizeof(*b));
	size_t n = 0;

	while (ips[n])
		n++;
	if (!b || !(b->key = strdup(key)) || !(b->ips = copy_list(ips)) || (nodes && !(b->nodes = copy_list(nodes))) ||
	    !(b->v = calloc(n, sizeof(*b->v)))) {
		if (b)
			free_balanced(b);
		return NULL;
	}
	b->n = n;
	for (size_t i = 0; i < n; i++) {
		b->v[i].of = b;
		b->v[i].ip = b->ips[i];
		list_init(&b->v[i].at[FIRST]);
		list_init(&b->v[i].at[SECOND]);
	}
	if (b->nodes)
		sort_nodes(b);
	return b;
}

void speakers_service(struct speakers *s, const char *key, const char *const *ips, const char *const *nodes)
{
	struct balanced *was = map_del(&s->services, key), *b = NULL;

	if (ips[0]) {
		b = make(key, ips, nodes);
		if (!b || map_put(&s->services, key, b, NULL)) {
			log_error("service %s: out of memory", key);
			if (b)
				free_balanced(b);
			b = NULL;
		}
	}
	/* What stays this node's is not given up on the way. */
	for (size_t i = 0; was && i < was->n; i++) {
		bool kept = false;

		for (size_t k = 0; was->v[i].mine && b && k < b->n && !kept; k++)
			if (!b->v[k].mine && !strcmp(b->ips[k], was->ips[i]))
				kept = b->v[k].mine = true;
		if (was->v[i].mine && !kept)
			speak(s, was->ips[i], false);
	}
	if (b)
		decide(s, b);
	/* After: who is watched on is not asked from the beginning. */
	for (size_t i = 0; was && i < was->n; i++)
		watch(s, &was->v[i].watched, NULL);
	if (was)
		free_balanced(was);
}

static void node_gone(struct speakers *s, struct place *p)
{
	map_del(&s->nodes, p->name);
	for (int i = 0; i < RANKS; i++)
		list_each(&p->ranked[i], it) {
			struct choice *c = list_entry(it - i, struct choice, at);

			choose(s, c);
			settle(s, c);
		}
	free(p);
}

static void node_new(struct speakers *s, const char *name, const char *address)
{
	struct place *p = calloc(1, sizeof(*p) + strlen(name) + 1);
	size_t it = 0;
	void *v;

	if (!p || map_put(&s->nodes, name, p, NULL)) {
		log_error("node %s: out of memory", name);
		free(p);
		return;
	}
	strcpy(p->name, name);
	snprintf(p->address, sizeof(p->address), "%s", address);
	list_init(&p->ranked[FIRST]);
	list_init(&p->ranked[SECOND]);
	while (s->told && map_next(&s->services, &it, NULL, &v)) {
		struct balanced *b = v;

		for (size_t i = 0; i < b->n && may(b, name); i++)
			if (offer(&b->v[i], p))
				settle(s, &b->v[i]);
	}
}

void speakers_node(struct speakers *s, const char *name, const char *address)
{
	struct place *p = map_get(&s->nodes, name);

	if (!p ? !address : address && !strcmp(p->address, address))
		return;
	if (!address) {
		node_gone(s, p);
	} else if (!p) {
		node_new(s, name, address);
	} else {
		snprintf(p->address, sizeof(p->address), "%s", address);
		p->mute = false;
		settle_ranked(s, p);
	}
	settle_mute(s);
}

static void on_pulse(void *arg, const char *ip, bool alive)
{
	struct speakers *s = arg;
	bool changed = false;
	size_t it = 0;
	void *v;

	while (map_next(&s->nodes, &it, NULL, &v)) {
		struct place *p = v;

		if (p->mute != alive || strcmp(p->address, ip) != 0)
			continue;
		p->mute = !alive;
		changed = true;
		settle_ranked(s, p);
	}
	if (changed)
		settle_mute(s);
}

static void known(struct speakers *s)
{
	if (s->told || !s->nodes_known || !s->services_known || !s->a->net)
		return;
	s->told = true;
	net_pulses(s->a->net, on_pulse, s);
	decide_all(s);
	net_announce_told(s->a->net);
}

void speakers_nodes_known(struct speakers *s)
{
	s->nodes_known = true;
	known(s);
}

void speakers_services_known(struct speakers *s)
{
	s->services_known = true;
	known(s);
}

int speakers_open(struct speakers **ret, struct agent *a)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ERR_NOMEM;
	(*ret)->a = a;
	return 0;
}

void speakers_close(struct speakers *s)
{
	size_t it = 0;
	void *v;

	if (!s)
		return;
	if (s->a->net)
		net_pulses(s->a->net, NULL, NULL);
	while (map_next(&s->services, &it, NULL, &v))
		free_balanced(v);
	it = 0;
	while (map_next(&s->nodes, &it, NULL, &v))
		free(v);
	map_finish(&s->services);
	map_finish(&s->nodes);
	map_finish(&s->spoken);
	free(s);
}
