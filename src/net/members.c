/* SPDX-License-Identifier: Apache-2.0 */
/*
 * members - other nodes as units: their pods' ranges are elements of the sets that say who is of the
 * cluster, in a family for which no one range says so. One node more is one element more.
 */
#include <stdlib.h>
#include <string.h>

#include "net/net_priv.h"
#define LOG_MODULE "net"
#include "base/log.h"

void members_free(struct member *m)
{
	free(m->name);
	free(m);
}

/* Is anybody asked for by a set? */
static bool needed(const struct net *n)
{
	for (int f = 0; f < IP_FAMILIES; f++)
		if (n->base.f[f].on && !strcmp(n->base.f[f].cluster, PLAN_CLUSTER_SET))
			return true;
	return false;
}

static struct member *member_new(struct net *n, const char *node)
{
	struct member *m = calloc(1, sizeof(*m));

	if (!m || !(m->name = strdup(node)) || map_put(&n->members, node, m, NULL)) {
		log_error("node %s: out of memory", node);
		if (m)
			free(m->name);
		free(m);
		return NULL;
	}
	m->unit.kind = UNIT_MEMBER;
	list_init(&m->unit.dirty);
	list_init(&m->unit.flying);
	list_add_tail(&n->units, &m->unit.all);
	return m;
}

void members_tell(struct net *n, const char *node, const struct ip_range *ranges)
{
	struct member *m = map_get(&n->members, node);

	if (!ranges) {
		if (!m)
			return;
		map_del(&n->members, node);
		m->unit.gone = true;
		net_dirty(n, &m->unit);
		return;
	}
	if (!m && (!needed(n) || !(m = member_new(n, node))))
		return;
	if (!memcmp(m->ranges, ranges, sizeof(m->ranges)))
		return;
	memcpy(m->ranges, ranges, sizeof(m->ranges));
	net_dirty(n, &m->unit);
}
