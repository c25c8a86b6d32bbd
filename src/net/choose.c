/* SPDX-License-Identifier: Apache-2.0 */
/* choose - see choose.h. */
#include "net/choose.h"

#include <stdlib.h>
#include <string.h>


enum range { ANYWHERE, THIS_NODE, THIS_ZONE };

/* A port of one family. */
struct what { const struct net_port *port; int family; };

static bool of_port(const struct net_endpoint *e, const struct what *w)
{
	const struct net_port *port = w->port;
	struct ip ip;

	return !strcmp(e->port_name ? e->port_name : "", port->name ? port->name : "") && e->port > 0 && e->port <= 65535 &&
		ip_parse(&ip, e->ip) && ip_family(&ip) == w->family;
}

static bool is_ready(const struct net_service *s, const struct net_endpoint *e)
{
	return e->ready || s->publish_not_ready;
}

/* Hints count when every ready endpoint has one and at least one of them means this place. */
static enum range hinted(const struct net_service *s, const struct what *w)
{
	bool nodes = true, zones = true, here = false, zone_here = false;

	for (unsigned i = 0; i < s->ep_count; i++) {
		const struct net_endpoint *e = &s->eps[i];

		if (!is_ready(s, e) || !of_port(e, w))
			continue;
		nodes &= e->node_hint != NET_HINT_NONE;
		zones &= e->zone_hint != NET_HINT_NONE;
		here |= e->node_hint == NET_HINT_HERE;
		zone_here |= e->zone_hint == NET_HINT_HERE;
	}
	return nodes && here ? THIS_NODE : zones && zone_here ? THIS_ZONE : ANYWHERE;
}

static bool within(const struct net_endpoint *e, enum range r)
{
	return r == ANYWHERE || (r == THIS_NODE ? e->node_hint : e->zone_hint) == NET_HINT_HERE;
}

int choose_endpoints(struct choice *ret, const struct net_service *s, const struct net_port *port, int family)
{
	const struct what w = { port, family };
	enum range range = hinted(s, &w);
	bool local_ready = false;

	*ret = (struct choice){ .all = calloc(s->ep_count + 1u, sizeof(unsigned)), .local = calloc(s->ep_count + 1u, sizeof(unsigned)) };
	if (!ret->all || !ret->local) {
		choose_finish(ret);
		return -ERR_NOMEM;
	}
	/* First those that are ready; where there is none, those that still serve while they end. */
	for (unsigned i = 0; i < s->ep_count; i++) {
		const struct net_endpoint *e = &s->eps[i];

		if (!is_ready(s, e) || !of_port(e, &w))
			continue;
		if (within(e, range))
			ret->all[ret->all_count++] = i;
		if (e->local)
			ret->local[ret->local_count++] = i;
		local_ready |= e->local;
		ret->any = true;
	}
	for (unsigned i = 0; i < s->ep_count; i++) {
		const struct net_endpoint *e = &s->eps[i];

		if (is_ready(s, e) || !e->draining || !of_port(e, &w))
			continue;
		if (!ret->any)
			ret->all[ret->all_count++] = i;
		if (e->local && !local_ready)
			ret->local[ret->local_count++] = i;
	}
	ret->any |= ret->all_count > 0;
	return 0;
}

void choose_finish(struct choice *c)
{
	free(c->all);
	free(c->local);
	*c = (struct choice){ 0 };
}
