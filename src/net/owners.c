/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owners - an element belongs to one unit, the first to ask; who came later is blocked until
 * it is released. The endpoints behind a way belong to whom the way belongs to.
 */
#include <stdio.h>
#include <string.h>

#include "net/net_priv.h"

static bool is_ends(const char *set)
{
	return !strncmp(set, "ends-", 5) || !strncmp(set, "node-ends-", 10);
}

static void owner_key(char out[320], const struct plan *p, const struct plan_item *it)
{
	snprintf(out, 320, "%d%s %s", it->family, plan_name(p, it), plan_key(p, it));
}

void net_release(struct net *n, struct unit *u)
{
	char key[320];

	for (unsigned i = 0; i < u->applied.count; i++) {
		const struct plan_item *it = &u->applied.items[i];

		if (it->kind != PLAN_ELEMENT || is_ends(plan_name(&u->applied, it)) ||
		    plan_has(&u->wanted, PLAN_ELEMENT, it->family, plan_name(&u->applied, it), plan_key(&u->applied, it)))
			continue;
		owner_key(key, &u->applied, it);
		if (map_get(&n->owners, key) == u) {
			map_del(&n->owners, key);
			n->released = true;
		}
	}
}

/* The way that an element of ends is behind: "1.2.3.4 . 80 . 0" of ends-tcp is behind
 * "1.2.3.4 . tcp . 80" of services, "80 . 0" of node-ends-tcp behind "tcp . 80" of nodeports. */
static bool has_way(const struct plan *p, const struct plan_item *it)
{
	const char *name = plan_name(p, it), *key = plan_key(p, it), *proto = strrchr(name, '-') + 1, *port = strstr(key, " . ");
	char way[320];

	if (*name == 'n') {
		snprintf(way, sizeof(way), "%s . %.*s", proto, (int)(port - key), key);
		return plan_has(p, PLAN_ELEMENT, it->family, "nodeports", way);
	}
	snprintf(way, sizeof(way), "%.*s . %s . %.*s", (int)(port - key), key, proto, (int)strcspn(port + 3, " "), port + 3);
	return plan_has(p, PLAN_ELEMENT, it->family, "services", way);
}

static void drop_ends(struct plan *p)
{
	for (unsigned i = 0; i < p->count;)
		if (p->items[i].kind == PLAN_ELEMENT && is_ends(plan_name(p, &p->items[i])) && !has_way(p, &p->items[i]))
			plan_drop(p, i);
		else
			i++;
}

void net_acquire(struct net *n, struct unit *u)
{
	char key[320];
	bool dropped = false;

	u->blocked = false;
	for (unsigned i = 0; i < u->wanted.count;) {
		const struct plan_item *it = &u->wanted.items[i];
		struct unit *owner;

		if (it->kind == PLAN_ELEMENT && !is_ends(plan_name(&u->wanted, it))) {
			owner_key(key, &u->wanted, it);
			owner = map_get(&n->owners, key);
			if ((owner && owner != u) || (!owner && map_put(&n->owners, key, u, NULL))) {
				u->blocked |= owner != NULL;
				dropped = true;
				plan_drop(&u->wanted, i);
				continue;
			}
		}
		i++;
	}
	if (dropped)
		drop_ends(&u->wanted);
}
