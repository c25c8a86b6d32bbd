/* SPDX-License-Identifier: Apache-2.0 */
/*
 * announce - balancers' addresses that this node speaks for. Each is on the node's uplink, so that
 * the kernel answers ARP, or solicitations of neighbours, for it by itself and goes on doing so while the
 * agent is away; that it is a new speaker's is told to the link (uplink_claim), at once and CLAIMS
 * times in all, should frames be lost. What such an address has besides Services is refused by the rules
 * (`balancers`): the machine's own ports are not to be had at it.
 *
 * A changed address is dirty; a worker gets all dirty ones, one flush at a time; what failed is
 * tried again.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "net/net_priv.h"
#include "net/uplink.h"
#define LOG_MODULE "net"
#include "base/log.h"

#define RETRY_MS 1000
#define CLAIM_MS 500
#define CLAIMS   3u

struct vip {
	char *key;
	struct ip ip;
	bool want, have, flying;
	unsigned claims;               /* still to be made */
	struct list dirty;             /* in announce.dirty, or alone */
};

struct announce {
	struct net *net;
	struct map by_ip;              /* struct vip */
	struct list dirty;
	struct loop_timer timer;
	bool usable, flying, told, kept, failing;
};

struct op { struct vip *vip; struct ip ip; bool on, had, done; };
struct job {
	struct announce *an;
	struct ip address[IP_FAMILIES];        /* the node's own */
	struct op *ops;
	unsigned n;
	struct ip *claims; unsigned claim_count;    /* room for as many as ops */
	struct ip *keep; unsigned keep_count;       /* NULL: not this time */
	int rc;
	struct err err;
};

/* An address is on the link that has the node's own of its family, or its only one. */
static int link_of(const struct job *j, int family)
{
	return uplink_of(&j->address[j->address[family].len ? family : family == IP4 ? IP6 : IP4]);
}

static void run(void *arg)
{
	struct job *j = arg;
	int index[IP_FAMILIES] = { link_of(j, IP4), link_of(j, IP6) }, rc = 0, r;

	for (unsigned i = 0; i < j->n && !rc; i++) {
		struct op *o = &j->ops[i];
		int at = index[ip_family(&o->ip)];

		if (!at)
			rc = err_set(&j->err, ERR_NOT_FOUND, "no link has the node's address");
		else if (!o->on || !o->had)
			rc = uplink_address(at, &o->ip, o->on, &j->err);
		o->done = !rc;
		if (!rc && o->on)
			j->claims[j->claim_count++] = o->ip;
	}
	for (int f = 0; f < IP_FAMILIES && j->claim_count; f++) {
		unsigned n = 0;

		for (unsigned i = 0; i < j->claim_count; i++)
			n += ip_family(&j->claims[i]) == f;
		if (!n || !(r = uplink_claim(index[f], f, j->claims, j->claim_count, &j->err)))
			continue;
		rc = r;
		for (unsigned i = 0; i < j->n; i++)
			j->ops[i].done &= !j->ops[i].on;
	}
	if (!rc && j->keep)
		rc = uplink_keep(j->keep, j->keep_count, &j->err);
	j->rc = rc;
}

static void free_job(struct job *j)
{
	free(j->ops);
	free(j->claims);
	free(j->keep);
	free(j);
}

static void free_vip(struct announce *an, struct vip *v)
{
	map_del(&an->by_ip, v->key);
	list_del(&v->dirty);
	free(v->key);
	free(v);
}

static void done(void *arg)
{
	struct job *j = arg;
	struct announce *an = j->an;
	bool again = false;

	an->flying = false;
	if (j->keep && !j->rc)
		an->kept = true;
	for (unsigned i = 0; i < j->n; i++) {
		struct op *o = &j->ops[i];
		struct vip *v = o->vip;

		v->flying = false;
		if (o->done) {
			if (o->on != v->have)
				log_info("%s is %s", v->key, o->on ? "announced by this node" : "no longer this node's");
			v->have = o->on;
			v->claims -= o->on && v->claims;
		}
		if (!v->want && !v->have) {
			free_vip(an, v);
		} else if (v->want != v->have || (v->want && v->claims)) {
			list_add_tail(&an->dirty, &v->dirty);
			again |= v->want != v->have;
		}
	}
	if (j->rc && !an->failing)
		log_warn("balancers' addresses: %s; trying again every %d ms", j->err.msg, RETRY_MS);
	an->failing = j->rc;
	if (!an->net->closing && (!list_empty(&an->dirty) || (an->told && !an->kept)))
		loop_timer_set(&an->timer, j->rc ? RETRY_MS : again || (an->told && !an->kept) ? 0 : CLAIM_MS);
	free_job(j);
}

static void flush(void *arg)
{
	struct announce *an = arg;
	struct job *j;
	size_t it = 0;
	void *v;

	if (an->flying || an->net->closing)
		return;
	j = calloc(1, sizeof(*j));
	if (!j || !(j->ops = calloc(an->by_ip.len + 1, sizeof(*j->ops))) || !(j->claims = calloc(an->by_ip.len + 1, sizeof(*j->claims)))) {
		if (j)
			free_job(j);
		loop_timer_set(&an->timer, RETRY_MS);
		return;
	}
	j->an = an;
	memcpy(j->address, an->net->address, sizeof(j->address));
	while (!list_empty(&an->dirty)) {
		struct vip *p = list_entry(an->dirty.next, struct vip, dirty);
		struct op *o = &j->ops[j->n++];

		list_del(&p->dirty);
		list_init(&p->dirty);
		p->flying = true;
		*o = (struct op){ .vip = p, .on = p->want, .had = p->have };
		o->ip = p->ip;
	}
	if (an->told && !an->kept && (j->keep = calloc(an->by_ip.len + 1, sizeof(*j->keep))))
		while (map_next(&an->by_ip, &it, NULL, &v))
			if (((struct vip *)v)->want)
				j->keep[j->keep_count++] = ((struct vip *)v)->ip;
	an->flying = true;
	if (workers_submit(an->net->links, run, done, j)) {
		j->rc = err_set(&j->err, ERR_FULL, "too much to do");
		done(j);
	}
}

void net_announce(struct net *n, const char *ip, bool on)
{
	struct announce *an = n->announce;
	struct vip *v = map_get(&an->by_ip, ip);
	struct ip addr;

	if (n->closing || !an->usable || (!v && !on) || !ip_parse(&addr, ip))
		return;
	if (!v) {
		v = calloc(1, sizeof(*v));
		if (!v || !(v->key = strdup(ip)) || map_put(&an->by_ip, ip, v, NULL)) {
			log_error("announcing %s: out of memory", ip);
			if (v)
				free(v->key);
			free(v);
			return;
		}
		v->ip = addr;
		list_init(&v->dirty);
	}
	if (v->want == on)
		return;
	v->want = on;
	v->claims = on ? CLAIMS : 0;
	if (!v->flying && list_empty(&v->dirty))
		list_add_tail(&an->dirty, &v->dirty);
	loop_timer_set(&an->timer, 0);
}

void net_announce_told(struct net *n)
{
	n->announce->told = true;
	if (!n->announce->kept)
		loop_timer_set(&n->announce->timer, 0);
}

int announce_open(struct net *n)
{
	struct announce *an = calloc(1, sizeof(*an));

	if (!an)
		return -ERR_NOMEM;
	n->announce = an;
	an->net = n;
	list_init(&an->dirty);
	loop_timer_init(&an->timer, n->loop, flush, an);
	an->usable = n->address[n->first_address].len;
	return 0;
}

void announce_stop(struct net *n)
{
	if (n->announce)
		loop_timer_stop(&n->announce->timer);
}

void announce_close(struct net *n)
{
	size_t it = 0;
	void *v;

	if (!n->announce)
		return;
	loop_timer_stop(&n->announce->timer);
	while (map_next(&n->announce->by_ip, &it, NULL, &v)) {
		free(((struct vip *)v)->key);
		free(v);
	}
	map_finish(&n->announce->by_ip);
	free(n->announce);
}
