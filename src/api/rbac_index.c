/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rbac_index - which rules of a role may answer a question: found by a hash of (verb,
 * group, resource, name), so that a user with a hundred thousand rules costs a request a
 * few look-ups for each of his roles, not a walk over all their words.
 *
 * A rule stands under every combination of its words. One with so many that the index
 * would outgrow the role stands under "*" in some of the four places instead: what is
 * found is compared with the rule anyway. A rule without names stands under any_name.
 * Rules of paths are few, and only ClusterRoles have them: they are walked.
 */
#include <string.h>

#include "api/rbac_priv.h"

#define NO_MORE UINT32_MAX

enum place { VERB, GROUP, RESOURCE, NAME, PLACES };

static const uint64_t any_name = 1;

static uint64_t word(const char *s)
{
	return hash_secret(s, strlen(s));
}

static uint64_t mix(const uint64_t h[PLACES])
{
	return hash_secret(h, PLACES * sizeof(h[0]));
}

static size_t list_len(const char *const *v)
{
	size_t n = 0;

	while (v[n])
		n++;
	return n;
}

/* The words of a rule in one place; wild: "*" stands for them all. */
struct words { const char *const *v; size_t n; bool wild; };

static size_t combinations(const struct words w[PLACES], size_t most)
{
	size_t n = 1;

	for (size_t i = 0; i < PLACES; i++) {
		if (w[i].wild)
			continue;
		if (w[i].n && n > most / w[i].n)
			return most + 1;
		n *= w[i].n;
	}
	return n;
}

/* As few places as will do are left out of the keys, those with the fewest words first. */
static size_t choose(const struct rbac_rule *r, struct words w[PLACES])
{
	const char *const *const lists[PLACES] = { r->verbs, r->groups, r->resources, r->names };
	size_t most = 16, n;

	for (size_t i = 0; i < PLACES; i++) {
		w[i] = (struct words){ lists[i], list_len(lists[i]), false };
		most += w[i].n;
	}
	w[NAME].wild = !w[NAME].n;
	while ((n = combinations(w, most)) > most) {
		size_t least = PLACES;

		for (size_t i = 0; i < PLACES; i++)
			if (!w[i].wild && w[i].n > 1 && (least == PLACES || w[i].n < w[least].n))
				least = i;
		w[least].wild = true;
	}
	return n;
}

static struct rbac_slot *slot_of(const struct rbac_index *x, uint64_t hash)
{
	struct rbac_slot *s;

	for (size_t i = hash & x->mask;; i = (i + 1) & x->mask) {
		s = &x->slots[i];
		if (!s->hash || s->hash == hash)
			return s;
	}
}

static void put(struct rbac_index *x, uint64_t hash, uint32_t rule)
{
	struct rbac_slot *s = slot_of(x, hash ? hash : 1);

	if (s->hash && x->entries[s->first].rule == rule)
		return;
	x->entries[x->used] = (struct rbac_entry){ rule, s->hash ? s->first : NO_MORE };
	s->hash = hash ? hash : 1;
	s->first = x->used++;
}

static void note(struct rbac_index *x, enum place p, const char *s)
{
	if (s && *s != '*')
		return;
	if (!s || !s[1])
		x->shapes |= p == VERB ? RBAC_ANY_VERB : p == GROUP ? RBAC_ANY_GROUP : p == RESOURCE ? RBAC_ANY_RESOURCE : 0;
	else if (p == RESOURCE && s[1] == '/')
		x->shapes |= RBAC_ANY_WITH_SUB;
}

static void put_rule(struct rbac_index *x, const struct words w[PLACES], uint32_t rule, enum place at, uint64_t h[PLACES])
{
	if (at == PLACES) {
		put(x, mix(h), rule);
		return;
	}
	if (w[at].wild) {
		h[at] = at == NAME ? any_name : word("*");
		note(x, at, NULL);
		put_rule(x, w, rule, at + 1, h);
		return;
	}
	for (const char *const *v = w[at].v; *v; v++) {
		h[at] = word(*v);
		if (at != NAME)
			note(x, at, *v);
		put_rule(x, w, rule, at + 1, h);
	}
	if (at == NAME)
		x->shapes |= RBAC_NAMED;
}

int rbac_index_make(struct rbac_role *role)
{
	struct rbac_index *x = &role->index;
	struct words w[PLACES];
	uint64_t h[PLACES];
	size_t total = 0, cap = 4;

	for (size_t i = 0; i < role->count; i++)
		total += choose(&role->rules[i], w);
	while (cap < total + total / 2)
		cap *= 2;
	x->mask = (uint32_t)cap - 1;
	x->slots = arena_zalloc(role->arena, cap * sizeof(*x->slots));
	x->entries = arena_alloc(role->arena, (total + 1) * sizeof(*x->entries));
	x->paths = arena_alloc(role->arena, (role->count + 1) * sizeof(*x->paths));
	if (!x->slots || !x->entries || !x->paths)
		return -ERR_NOMEM;
	for (size_t i = 0; i < role->count; i++) {
		if (*role->rules[i].paths)
			x->paths[x->path_count++] = (uint32_t)i;
		choose(&role->rules[i], w);
		put_rule(x, w, (uint32_t)i, VERB, h);
	}
	return 0;
}

/* ---- questions ---- */

void rbac_keys_make(struct rbac_keys *k, const struct attributes *at)
{
	BUF_AUTO struct buf full = { 0 };
	BUF_AUTO struct buf any_sub = { 0 };
	uint64_t any = word("*"), named = word(at->name ? at->name : ""), verbs[2], groups[2], resources[3];

	k->at = at;
	k->n = 0;
	if (at->path)
		return;
	buf_adds(&full, at->resource);
	if (*at->sub)
		buf_printf(&full, "/%s", at->sub);
	buf_printf(&any_sub, "*/%s", at->sub);
	/* Out of memory finds nothing: it is no, which is the safe side. */
	if (full.failed || any_sub.failed)
		return;
	verbs[0] = word(at->verb), verbs[1] = any;
	groups[0] = word(at->group), groups[1] = any;
	resources[0] = full.len ? word(full.p) : word(""), resources[1] = any, resources[2] = word(any_sub.p);
	for (unsigned v = 0; v < 2; v++)
		for (unsigned g = 0; g < 2; g++)
			for (unsigned r = 0; r < (*at->sub ? 3 : 2); r++)
				for (unsigned n = 0; n < (at->name ? 2 : 1); n++) {
					uint64_t hash = mix((uint64_t[PLACES]){ verbs[v], groups[g], resources[r], n ? named : any_name });

					k->v[k->n].hash = hash ? hash : 1;
					k->v[k->n++].shape = (uint8_t)((v ? RBAC_ANY_VERB : 0) | (g ? RBAC_ANY_GROUP : 0) |
						(r == 1 ? RBAC_ANY_RESOURCE : r ? RBAC_ANY_WITH_SUB : 0) | (n ? RBAC_NAMED : 0));
				}
}

/* Is this rule worth its words? */
static bool affordable(const struct rbac_rule *r, int64_t *left)
{
	int64_t cost = (int64_t)r->words + 1;

	*left = *left > cost ? *left - cost : 0;
	return *left;
}

bool rbac_role_allows(const struct rbac_role *role, const struct rbac_keys *k, int64_t *left)
{
	const struct rbac_index *x = &role->index;
	const struct rbac_rule *r;

	for (size_t i = 0; k->at->path && i < x->path_count; i++) {
		r = &role->rules[x->paths[i]];
		if (!affordable(r, left))
			return false;
		if (rbac_rule_allows(r, k->at))
			return true;
	}
	for (size_t i = 0; i < k->n; i++) {
		const struct rbac_slot *s;

		if (k->v[i].shape & ~x->shapes)
			continue;
		*left -= *left > 0;
		s = slot_of(x, k->v[i].hash);
		for (uint32_t e = s->hash ? s->first : NO_MORE; e != NO_MORE; e = x->entries[e].next) {
			r = &role->rules[x->entries[e].rule];
			if (!affordable(r, left))
				return false;
			if (rbac_rule_allows(r, k->at))
				return true;
		}
	}
	return false;
}
