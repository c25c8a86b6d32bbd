/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared - chains that many plans name: made with the first, deleted with the last.
 *
 * Counts run ahead of the kernel by the transaction under way; one that fails is followed by
 * a whole new table, for which all is counted again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/net_priv.h"

struct shared {
	struct list touched;           /* in net.shared_touched, or alone */
	unsigned uses;
	bool there;
	char *name, *rules;            /* name: with its table's family, "ip in-tcp-1" */
};

static void drop(struct net *n, struct shared *s)
{
	map_del(&n->shared, s->name);
	list_del(&s->touched);
	free(s->name);
	free(s->rules);
	free(s);
}

static struct shared *get(struct net *n, const char *name, const char *rules)
{
	struct shared *s = map_get(&n->shared, name);

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	list_init(&s->touched);
	s->name = strdup(name);
	s->rules = strdup(rules);
	if (!s->name || !s->rules || map_put(&n->shared, name, s, NULL)) {
		free(s->name);
		free(s->rules);
		free(s);
		return NULL;
	}
	return s;
}

void shared_count(struct net *n, const struct plan *p, int by)
{
	/* They stand first. */
	for (unsigned i = 0; i < p->count && p->items[i].kind == PLAN_SHARED; i++) {
		struct shared *s;
		char name[80];

		snprintf(name, sizeof(name), "%s %s", ip_families[p->items[i].family].nft, plan_name(p, &p->items[i]));
		s = get(n, name, plan_body(p, &p->items[i]));

		/* Out of memory: the kernel refuses the plan, and all is tried again. */
		if (!s || (by < 0 && !s->uses))
			continue;
		s->uses += (unsigned)by;
		if (list_empty(&s->touched))
			list_add_tail(&n->shared_touched, &s->touched);
	}
}

static void put_chain(struct buf *out, const char *verb, const struct net *n, const struct shared *s)
{
	const char *space = strchr(s->name, ' ');

	buf_printf(out, "%s chain %.*s %s %s\n", verb, (int)(space - s->name), s->name, n->name, space + 1);
}

void shared_make(struct net *n, struct buf *out)
{
	list_each(&n->shared_touched, it) {
		struct shared *s = list_entry(it, struct shared, touched);
		char table[64];

		if (!s->uses || s->there)
			continue;
		put_chain(out, "add", n, s);
		snprintf(table, sizeof(table), "%.*s %s", (int)strcspn(s->name, " "), s->name, n->name);
		plan_rules(out, table, strchr(s->name, ' ') + 1, s->rules);
		s->there = true;
	}
}

void shared_unmake(struct net *n, struct buf *out)
{
	while (!list_empty(&n->shared_touched)) {
		struct shared *s = list_entry(n->shared_touched.next, struct shared, touched);

		list_del(&s->touched);
		list_init(&s->touched);
		if (s->uses)
			continue;
		if (s->there)
			put_chain(out, "delete", n, s);
		drop(n, s);
	}
}

void shared_forget(struct net *n)
{
	size_t it = 0;
	void *v;

	while (map_next(&n->shared, &it, NULL, &v))
		drop(n, v);
	map_finish(&n->shared);
}
