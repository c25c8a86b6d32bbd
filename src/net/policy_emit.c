/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_emit - the way from what the kernel has to what is wanted: first what makes room,
 * then what fills it, so that at each step nothing leads to what is not there.
 */
#include <stdlib.h>

#include "net/policy_priv.h"

static bool is_map(const struct policy_set *s)
{
	return s->kind == SET_INGRESS || s->kind == SET_EGRESS;
}

static bool unused(const struct policy_set *s)
{
	return s->kind >= SET_ALWAYS && !s->refs;
}

/* What nobody leads to lets go of what it leads to; that may be the last to do so. */
static void sweep(struct policy_plan *p)
{
	for (struct list *it = p->dirty_chains.next; it != &p->dirty_chains; it = it->next) {
		struct policy_chain *c = list_entry(it, struct policy_chain, dirty);

		if (c->refs)
			continue;
		policy_rules_drop(p, c->rules, c->rule_count);
		c->rules = NULL;
		c->rule_count = c->rule_cap = 0;
	}
}

static void all_again(struct policy_plan *p)
{
	list_each(&p->all_chains, it) {
		struct policy_chain *c = list_entry(it, struct policy_chain, all);

		c->applied = false;
		policy_chain_dirty(p, c);
	}
	list_each(&p->all_sets, it) {
		struct policy_set *s = list_entry(it, struct policy_set, all);
		size_t at = 0;
		void *v;

		s->applied = false;
		policy_set_dirty(p, s);
		while (map_next(&s->elems, &at, NULL, &v)) {
			struct policy_elem *e = v;

			e->applied = false;
			if (list_empty(&e->dirty))
				list_add_tail(&s->dirty_elems, &e->dirty);
		}
	}
}

static void elems_out(struct policy_set *s, const struct policy_sink *to)
{
	list_each(&s->dirty_elems, it) {
		struct policy_elem *e = list_entry(it, struct policy_elem, dirty);

		if (e->applied && (!e->refs || (is_map(s) && e->to != e->applied_to))) {
			to->elem(to->arg, s, e->text, NULL, false);
			e->applied = false;
		}
	}
}

static void elems_in(struct policy_set *s, const struct policy_sink *to)
{
	while (!list_empty(&s->dirty_elems)) {
		struct policy_elem *e = list_entry(s->dirty_elems.next, struct policy_elem, dirty);

		list_del(&e->dirty);
		if (!e->refs) {
			map_del(&s->elems, e->text);
			free(e);
			continue;
		}
		if (!e->applied)
			to->elem(to->arg, s, e->text, is_map(s) ? e->to : NULL, true);
		e->applied = true;
		e->applied_to = e->to;
	}
}

static void make_room(struct policy_plan *p, const struct policy_sink *to)
{
	list_each(&p->dirty_sets, it) {
		struct policy_set *s = list_entry(it, struct policy_set, dirty);

		if (!unused(s) && !s->applied && s->kind >= SET_ALWAYS)
			to->set(to->arg, s, true);
		if (!unused(s))
			s->applied = true;
	}
	list_each(&p->dirty_chains, it) {
		struct policy_chain *c = list_entry(it, struct policy_chain, dirty);

		if (c->refs && !c->applied)
			to->chain(to->arg, c, true);
		else if (c->applied && (c->changed || !c->refs))
			to->flush(to->arg, c);
		c->changed |= !c->applied;
	}
	list_each(&p->dirty_sets, it)
		if (!unused(list_entry(it, struct policy_set, dirty)))
			elems_out(list_entry(it, struct policy_set, dirty), to);
}

/* Chains, then sets, then the maps that lead to chains. */
static void fill(struct policy_plan *p, const struct policy_sink *to)
{
	list_each(&p->dirty_sets, it) {
		struct policy_set *s = list_entry(it, struct policy_set, dirty);

		if (!is_map(s) && !unused(s))
			elems_in(s, to);
	}
	list_each(&p->dirty_chains, it) {
		struct policy_chain *c = list_entry(it, struct policy_chain, dirty);

		for (unsigned i = 0; c->refs && c->changed && i < c->rule_count; i++)
			to->rule(to->arg, c, &c->rules[i]);
	}
	list_each(&p->dirty_sets, it) {
		struct policy_set *s = list_entry(it, struct policy_set, dirty);

		if (is_map(s))
			elems_in(s, to);
	}
}

static void clear(struct policy_plan *p, const struct policy_sink *to)
{
	while (!list_empty(&p->dirty_chains)) {
		struct policy_chain *c = list_entry(p->dirty_chains.next, struct policy_chain, dirty);

		list_del(&c->dirty);
		if (!c->refs) {
			if (c->applied)
				to->chain(to->arg, c, false);
			policy_chain_free(p, c);
			continue;
		}
		c->applied = true;
		c->changed = false;
	}
	while (!list_empty(&p->dirty_sets)) {
		struct policy_set *s = list_entry(p->dirty_sets.next, struct policy_set, dirty);

		list_del(&s->dirty);
		if (!unused(s))
			continue;
		if (s->applied)
			to->set(to->arg, s, false);
		if (s->peers)
			policy_peers_drop(p, s);
		else if (s->key)
			map_del(&p->sets, s->key);
		policy_set_free(s);
	}
}

static void no_table(void *arg, bool make) { }
static void no_set(void *arg, const struct policy_set *s, bool add) { }
static void no_elem(void *arg, const struct policy_set *s, const char *text, const struct policy_chain *to, bool add) { }
static void no_chain(void *arg, const struct policy_chain *c, bool add) { }
static void no_flush(void *arg, const struct policy_chain *c) { }
static void no_rule(void *arg, const struct policy_chain *c, const struct policy_match *m) { }
static const struct policy_sink nowhere = { no_table, no_set, no_elem, no_chain, no_flush, no_rule, NULL };

void policy_plan_emit(struct policy_plan *p, const struct policy_sink *to, bool again)
{
	bool wanted = p->policies.len > 0;

	if (again || wanted != p->table) {
		if (wanted || p->table || again)
			to->table(to->arg, wanted);
		p->table = wanted;
		all_again(p);
	}
	if (!wanted)
		to = &nowhere;
	sweep(p);
	make_room(p, to);
	fill(p, to);
	clear(p, to);
}

/* ---- life ---- */

void policy_plan_init(struct policy_plan *p)
{
	*p = (struct policy_plan){ .next_id = 1, .pods.borrows = true };
	list_init(&p->wide);
	list_init(&p->all_sets);
	list_init(&p->all_chains);
	list_init(&p->dirty_sets);
	list_init(&p->dirty_chains);
	for (int f = 0; f < 2; f++)
		for (int k = 0; k < SET_ALWAYS; k++)
			policy_set_new(p, (enum policy_set_kind)k, f);
}

static void free_policies(struct policy_plan *p)
{
	size_t it = 0;
	void *v;

	while (map_next(&p->policies, &it, NULL, &v)) {
		struct policy_owner *o = v;

		free(o->told);
		free(o);
	}
	map_finish(&p->policies);
}

void policy_plan_finish(struct policy_plan *p)
{
	size_t it = 0;
	void *v;

	list_each(&p->all_chains, at) {
		struct policy_chain *c = list_entry(at, struct policy_chain, all);

		free(c->rules);
		free(c->key);
		free(c);
	}
	list_each(&p->all_sets, at)
		policy_set_free(list_entry(at, struct policy_set, all));
	while (map_next(&p->peers, &it, NULL, &v)) {
		struct policy_peers *peers = v;

		free(peers->key);
		free(peers->pods);
		free(peers->namespaces);
		free(peers);
	}
	for (it = 0; map_next(&p->pods, &it, NULL, &v);)
		free(v);
	for (it = 0; map_next(&p->namespaces, &it, NULL, &v);) {
		struct policy_ns *ns = v;

		free(ns->peers);
		free(ns->block);
		free(ns->name);
		free(ns);
	}
	free_policies(p);
	map_finish(&p->peers);
	map_finish(&p->sets);
	map_finish(&p->profiles);
	map_finish(&p->pods);
	map_finish(&p->namespaces);
}
