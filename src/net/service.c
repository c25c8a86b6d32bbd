/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service - a Service as the agent told it, copied into one block: first measured,
 * then written, by the same walk.
 */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "net/net_priv.h"

struct room { char *p; size_t used; };     /* p NULL: measuring */

static void *take(struct room *r, size_t n)
{
	void *at = r->p ? r->p + r->used : NULL;

	r->used += (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	return at;
}

static const char *text(struct room *r, const char *s)
{
	char *at;

	if (!s)
		return NULL;
	/* Strings lie close together: only blocks of pointers need alignment. */
	at = r->p ? r->p + r->used : NULL;
	r->used += strlen(s) + 1;
	return at ? strcpy(at, s) : NULL;
}

static void align(struct room *r)
{
	r->used = (r->used + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

static const char *const *list(struct room *r, const char *const *l)
{
	size_t n = 0;
	const char **at;

	while (l && l[n])
		n++;
	align(r);
	at = take(r, (n + 1) * sizeof(*at));
	for (size_t i = 0; i < n; i++) {
		const char *s = text(r, l[i]);

		if (at)
			at[i] = s;
	}
	if (at)
		at[n] = NULL;
	return at;
}

static void walk(struct room *r, const struct net_service *s)
{
	struct net_service *to = take(r, sizeof(*to)), scratch;
	struct net_port *ports = take(r, s->port_count * sizeof(*ports)), port;
	struct net_endpoint *eps = take(r, s->ep_count * sizeof(*eps)), ep;

	if (!to)
		to = &scratch;
	*to = *s;
	to->ports = ports;
	to->eps = eps;
	to->ips = list(r, s->ips);
	to->external_ips = list(r, s->external_ips);
	to->balancer_ips = list(r, s->balancer_ips);
	to->source_ranges = list(r, s->source_ranges);
	to->ns = text(r, s->ns);
	to->name = text(r, s->name);
	to->external_name = text(r, s->external_name);
	for (unsigned i = 0; i < s->port_count; i++) {
		port = s->ports[i];
		port.name = text(r, s->ports[i].name);
		port.proto = text(r, s->ports[i].proto);
		if (ports)
			ports[i] = port;
	}
	for (unsigned i = 0; i < s->ep_count; i++) {
		ep = s->eps[i];
		ep.ip = text(r, s->eps[i].ip);
		ep.hostname = text(r, s->eps[i].hostname);
		ep.port_name = text(r, s->eps[i].port_name);
		if (eps)
			eps[i] = ep;
	}
}

/* An address is listed once an endpoint port. */
static void mark_repeated(struct net_service *s)
{
	struct net_endpoint *eps = (struct net_endpoint *)s->eps;
	struct map seen = { 0 };

	for (unsigned i = 0; i < s->ep_count; i++) {
		if (!eps[i].ready && !s->publish_not_ready)
			continue;
		eps[i].repeated = map_get(&seen, eps[i].ip) != NULL;
		if (!eps[i].repeated)
			map_put(&seen, eps[i].ip, s, NULL);
	}
	map_finish(&seen);
}

struct net_service *service_copy(const struct net_service *s)
{
	struct room r = { 0 };
	struct net_service *copy;
	char *block;

	walk(&r, s);
	block = malloc(r.used);
	if (!block)
		return NULL;
	r = (struct room){ .p = block };
	walk(&r, s);
	copy = (struct net_service *)(void *)block;
	mark_repeated(copy);
	return copy;
}
