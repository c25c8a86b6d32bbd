/* SPDX-License-Identifier: Apache-2.0 */
/*
 * speakers - which node speaks for a balancer's address. Every node computes it alike from what
 * the API says, so that nobody has to be asked: of the nodes that are ready (and, when a Service
 * wants its clients' addresses kept, have a ready endpoint of it) the one whose name and the
 * address hash highest together. A node that comes or goes moves only its own share. The second
 * asks the first whether it lives, and speaks when it no longer answers.
 *
 * A change of a Service looks at that Service, a change of a node at all that are balanced.
 * Nothing is said before Nodes and Services are known.
 */
#define LOG_MODULE "services"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"

struct balanced {
	char *key;                     /* "ns/name" */
	char **ips, **nodes;           /* NULL-terminated; nodes NULL: any */
	bool *mine;                    /* of ips: this node was told to speak for it */
	char **watched;                /* of ips: address of the node that this one would take over from, or NULL */
};

struct place { char address[46]; bool mute; };         /* mute: it does not answer, whatever the API says */

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

static void consider(const char *ip, const char *node, const char **best, uint64_t *weight)
{
	uint64_t w = speakers_weight(ip, node);

	if (!*best || w > *weight || (w == *weight && strcmp(node, *best) < 0)) {
		*best = node;
		*weight = w;
	}
}

/* The first of those that may; but: another than this one. */
static const char *speaker(const struct speakers *s, const struct balanced *b, const char *ip, const char *but, bool mute)
{
	const char *best = NULL, *name;
	uint64_t weight = 0;
	size_t it = 0;
	void *v;

	for (char **n = b->nodes; n && *n; n++) {
		const struct place *p = map_get(&s->nodes, *n);

		if (p && (mute || !p->mute) && (!but || strcmp(*n, but) != 0))
			consider(ip, *n, &best, &weight);
	}
	while (!b->nodes && map_next(&s->nodes, &it, &name, &v)) {
		const struct place *p = v;

		if ((mute || !p->mute) && (!but || strcmp(name, but) != 0))
			consider(ip, name, &best, &weight);
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

/* The second looks whether the first lives: the API would take its time to say so. */
static void watch_first(struct speakers *s, struct balanced *b, size_t i)
{
	const char *first = speaker(s, b, b->ips[i], NULL, true), *second = first ? speaker(s, b, b->ips[i], first, true) : NULL;
	bool ours = second && !strcmp(second, s->a->node_name);

	watch(s, &b->watched[i], ours ? ((struct place *)map_get(&s->nodes, first))->address : NULL);
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

static void decide(struct speakers *s, struct balanced *b)
{
	for (size_t i = 0; s->told && b->ips[i]; i++) {
		const char *who = speaker(s, b, b->ips[i], NULL, false);
		bool mine = who && !strcmp(who, s->a->node_name);

		watch_first(s, b, i);
		if (mine == b->mine[i])
			continue;
		b->mine[i] = mine;
		speak(s, b->ips[i], mine);
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
	for (size_t i = 0; b->watched && b->ips[i]; i++)
		free(b->watched[i]);
	free(b->watched);
	free_list(b->ips);
	free_list(b->nodes);
	free(b->mine);
	free(b->key);
	free(b);
}

static struct balanced *make(const char *key, const char *const *ips, const char *const *nodes)
{
	struct balanced *b = calloc(1, sizeof(*b));
	size_t n = 0;

	while (ips[n])
		n++;
	if (b && (b->key = strdup(key)) && (b->ips = copy_list(ips)) && (!nodes || (b->nodes = copy_list(nodes))) &&
	    (b->mine = calloc(n + 1, sizeof(*b->mine))) && (b->watched = calloc(n + 1, sizeof(*b->watched))))
		return b;
	if (b)
		free_balanced(b);
	return NULL;
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
	for (size_t i = 0; was && was->ips[i]; i++) {
		bool kept = false;

		for (size_t k = 0; was->mine[i] && b && b->ips[k] && !kept; k++)
			if (!strcmp(b->ips[k], was->ips[i]))
				kept = b->mine[k] = true;
		if (was->mine[i] && !kept)
			speak(s, was->ips[i], false);
	}
	if (b)
		decide(s, b);
	/* After: who is watched on is not asked from the beginning. */
	for (size_t i = 0; was && was->ips[i]; i++)
		watch(s, &was->watched[i], NULL);
	if (was)
		free_balanced(was);
}

void speakers_node(struct speakers *s, const char *name, const char *address)
{
	struct place *p = map_get(&s->nodes, name);

	if (!p ? !address : address && !strcmp(p->address, address))
		return;
	if (!address) {
		free(map_del(&s->nodes, name));
	} else {
		if (!p && (!(p = calloc(1, sizeof(*p))) || map_put(&s->nodes, name, p, NULL))) {
			log_error("node %s: out of memory", name);
			free(p);
			return;
		}
		snprintf(p->address, sizeof(p->address), "%s", address);
		p->mute = false;
	}
	if (s->nodes_known)
		decide_all(s);
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
	}
	if (changed)
		decide_all(s);
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
