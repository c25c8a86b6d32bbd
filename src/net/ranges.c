/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ranges - further ranges of Services' addresses. As for the first one (link.c), this machine has a
 * route there, so that what its own processes send gets as far as translation, and refuses
 * what no Service has. A change makes the whole table anew: ranges change rarely.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "net/net_priv.h"
#include "net/netlink.h"
#define LOG_MODULE "net"
#include "base/log.h"

#define OUR_PROTO 0x54
#define RETRY_MS  1000

struct ranges {
	struct net *net;
	struct netlink_range v[NET_RANGES_MAX];
	char texts[NET_RANGES_MAX][20];        /* as base.more_cidrs */
	const char *list[NET_RANGES_MAX + 1];
	unsigned n;
	struct loop_timer timer;
	bool told, changed, flying, failing;
};

struct job {
	struct ranges *rs;
	uint8_t gateway[4];
	struct netlink_range v[NET_RANGES_MAX];
	unsigned n;
	int rc;
	struct err err;
};

static void run(void *arg)
{
	NETLINK_AUTO struct nl_sock *sk = NULL;
	struct job *j = arg;
	int lo = (int)if_nametoindex("lo");

	j->rc = netlink_routes_keep(&(struct netlink_routes){ .proto = OUR_PROTO }, j->v, j->n, &j->err);
	if (!j->rc)
		j->rc = netlink_open(&sk, &j->err);
	for (unsigned i = 0; !j->rc && i < j->n; i++)
		j->rc = netlink_route_set(sk, &(struct netlink_route){ .index = lo, .dst = j->v[i].dst, .prefix = j->v[i].prefix,
			.src = j->gateway, .proto = OUR_PROTO }, &j->err);
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
	memcpy(j->gateway, rs->net->bridge.gateway, 4);
	memcpy(j->v, rs->v, sizeof(j->v));
	j->n = rs->n;
	rs->changed = false;
	rs->flying = true;
	if (workers_submit(rs->net->links, run, done, j)) {
		j->rc = err_set(&j->err, ERR_FULL, "too much to do");
		done(j);
	}
}

/* False: not IPv4, or the first range. */
static bool parse(const struct net *n, const char *cidr, struct netlink_range *ret)
{
	uint8_t a[16];
	int family;

	*ret = (struct netlink_range){ 0 };
	if (text_parse_cidr(cidr, &family, a, &ret->prefix) || family != 4)
		return false;
	for (int i = ret->prefix; i < 32; i++)
		a[i / 8] &= (uint8_t)~(0x80u >> (i % 8));
	memcpy(ret->dst, a, 4);
	return strcmp(cidr, n->service_cidr) != 0;
}

static int order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct netlink_range));
}

void net_service_ranges(struct net *n, const char *const *cidrs)
{
	struct ranges *rs = n->ranges;
	struct netlink_range v[NET_RANGES_MAX] = { 0 };
	unsigned count = 0;

	for (; *cidrs && count < NET_RANGES_MAX; cidrs++)
		count += parse(n, *cidrs, &v[count]);
	qsort(v, count, sizeof(*v), order);
	if (n->closing || (rs->told && count == rs->n && !memcmp(v, rs->v, count * sizeof(*v))))
		return;
	if (count != rs->n || memcmp(v, rs->v, count * sizeof(*v)))
		net_all_dirty(n);
	memcpy(rs->v, v, sizeof(v));
	rs->n = count;
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *a = v[i].dst;

		snprintf(rs->texts[i], sizeof(rs->texts[i]), "%u.%u.%u.%u/%d", a[0], a[1], a[2], a[3], v[i].prefix);
		rs->list[i] = rs->texts[i];
	}
	rs->list[count] = NULL;
	rs->told = rs->changed = true;
	loop_timer_set(&rs->timer, 0);
}

int ranges_open(struct net *n)
{
	struct ranges *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return -ERR_NOMEM;
	n->ranges = rs;
	n->base.more_cidrs = rs->list;
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
