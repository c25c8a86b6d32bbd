/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ranges - further ranges of Services' addresses. As for the first one (link.c), this machine has a
 * route there, so that what its own processes send gets as far as translation, and refuses
 * what no Service has. A change makes the whole table anew: ranges change rarely.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/net_priv.h"
#include "net/netlink.h"
#define LOG_MODULE "net"
#include "base/log.h"

#define OUR_PROTO 0x54
#define RETRY_MS  1000

struct ranges {
	struct net *net;
	struct ip_range v[NET_RANGES_MAX];
	char texts[NET_RANGES_MAX][IP_RANGE_TEXT];     /* as base's more */
	const char *list[IP_FAMILIES][NET_RANGES_MAX + 1];
	unsigned n;
	struct loop_timer timer;
	bool told, changed, flying, failing;
};

struct job {
	struct ranges *rs;
	struct ip gateway[IP_FAMILIES];
	char bridge[LINK_NAME_MAX];
	struct ip_range v[NET_RANGES_MAX];
	unsigned n;
	int rc;
	struct err err;
};

static void run(void *arg)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	struct job *j = arg;

	j->rc = netlink_routes_keep(&(struct netlink_routes){ .proto = OUR_PROTO }, j->v, j->n, &j->err);
	if (!j->rc)
		j->rc = netlink_open(&sk, &j->err);
	for (unsigned i = 0; !j->rc && i < j->n; i++) {
		int f = ip_family(&j->v[i].ip);

		j->rc = netlink_route_set(sk, &(struct netlink_route){ .index = link_of_services(j->bridge, f), .dst = j->v[i],
			.src = j->gateway[f].len ? &j->gateway[f] : NULL, .proto = OUR_PROTO }, &j->err);
	}
}

static void done(void *arg)
{
	struct job *j = arg;
	struct ranges *rs = j->rs;

	rs->flying = false;
	rs->changed |= j->rc != 0;
	if (j->rc && !rs->failing)
		log_warn("the way to Services' addresses: %s; trying again every %d ms", j->err.msg, RETRY_MS);
	rs->failing = j->rc;
	if (rs->changed && !rs->net->closing)
		loop_timer_set(&rs->timer, j->rc ? RETRY_MS : 0);
	free(j);
}

static void flush(void *arg)
{
	struct ranges *rs = arg;
	struct job *j;

	if (rs->flying || rs->net->closing)
		return;
	j = calloc(1, sizeof(*j));
	if (!j) {
		loop_timer_set(&rs->timer, RETRY_MS);
		return;
	}
	j->rs = rs;
	memcpy(j->gateway, rs->net->bridge.gateway, sizeof(j->gateway));
	snprintf(j->bridge, sizeof(j->bridge), "%s%c", rs->net->name, rs->net->with_pods ? '0' : '1');
	memcpy(j->v, rs->v, sizeof(j->v));
	j->n = rs->n;
	rs->changed = false;
	rs->flying = true;
	if (workers_submit(rs->net->links, run, done, j)) {
		j->rc = err_set(&j->err, ERR_FULL, "too much to do");
		done(j);
	}
}

static int order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip_range));
}

void net_service_ranges(struct net *n, const char *const *cidrs)
{
	struct ranges *rs = n->ranges;
	struct ip_range v[NET_RANGES_MAX] = { 0 };
	unsigned count = 0, of[IP_FAMILIES] = { 0 };

	/* Those that this machine has from the beginning are no further ones. */
	for (; *cidrs && count < NET_RANGES_MAX; cidrs++)
		count += ip_parse_range(&v[count], *cidrs) && order(&v[count], &n->bridge.service[ip_family(&v[count].ip)]);
	memset(&v[count], 0, (NET_RANGES_MAX - count) * sizeof(*v));
	qsort(v, count, sizeof(*v), order);
	if (n->closing || (rs->told && count == rs->n && !memcmp(v, rs->v, count * sizeof(*v))))
		return;
	if (count != rs->n || memcmp(v, rs->v, count * sizeof(*v)))
		net_all_dirty(n);
	memcpy(rs->v, v, sizeof(v));
	rs->n = count;
	for (unsigned i = 0; i < count; i++) {
		int f = ip_family(&v[i].ip);

		ip_range_text(rs->texts[i], &v[i]);
		rs->list[f][of[f]++] = rs->texts[i];
		n->base.f[f].on = true;        /* the table stays, it may be empty */
	}
	for (int f = 0; f < IP_FAMILIES; f++)
		rs->list[f][of[f]] = NULL;
	rs->told = rs->changed = true;
	loop_timer_set(&rs->timer, 0);
}

int ranges_open(struct net *n)
{
	struct ranges *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return -ERR_NOMEM;
	n->ranges = rs;
	for (int f = 0; f < IP_FAMILIES; f++)
		n->base.f[f].more = rs->list[f];
	rs->net = n;
	loop_timer_init(&rs->timer, n->loop, flush, rs);
	return 0;
}

void ranges_stop(struct net *n)
{
	if (n->ranges)
		loop_timer_stop(&n->ranges->timer);
}

void ranges_close(struct net *n)
{
	ranges_stop(n);
	free(n->ranges);
}

int ranges_down(struct err *reterr)
{
	return netlink_routes_keep(&(struct netlink_routes){ .proto = OUR_PROTO }, NULL, 0, reterr);
}
