/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peers - other nodes, as told: a changed one is dirty, a flush takes all dirty ones to a
 * worker, ways that end before ways that begin. One flush is under way at a time; what
 * failed is tried again. The tunnel itself is made with the first peer: a machine alone has
 * none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/net_priv.h"
#include "net/direct.h"
#include "net/netlink.h"
#include "net/tunnel.h"
#define LOG_MODULE "net"
#include "base/log.h"

#define RETRY_MS 1000

struct peer {
	char *name;
	struct list dirty;             /* in peers.dirty, or alone */
	struct tunnel_peer want, have;
	bool wanted, there, flying;
};

struct peers {
	struct net *net;
	struct tunnel tunnel;
	struct map by_name;            /* struct peer */
	struct list dirty;
	struct loop_timer timer;       /* the next flush, at once or after a failure */
	bool usable, up, flying, told, kept, failing;
	bool direct;                   /* by routes where they are on our link */
	bool unfit;                    /* the link below changed its packet size */
};

struct op { struct peer *peer; struct tunnel_peer at; bool add, done; };
struct flush {
	struct peers *ps;
	struct tunnel tunnel;
	struct op *ops;
	unsigned n;
	struct tunnel_peer *keep;      /* NULL: not this time */
	unsigned keep_count;
	bool up, fit;
	int rc;
	struct err err;
};

static bool same(const struct tunnel_peer *a, const struct tunnel_peer *b)
{
	return a->direct == b->direct && !memcmp(a->range, b->range, sizeof(a->range)) && !memcmp(a->address, b->address, sizeof(a->address));
}

/* The tunnel is made for the first that needs it. */
static int add_family(struct flush *f, const struct tunnel_peer *p, int family)
{
	int rc = p->direct ? direct_peer_add(&f->tunnel.source[family], p, family, &f->err) : -ERR_NOT_FOUND;

	if (rc != -ERR_NOT_FOUND)
		return rc;
	if (!p->address[ip_family(&f->tunnel.address)].len)
		return 0;                      /* the tunnel is of the other family, the way stays away */
	if (!f->up && (rc = tunnel_up(&f->tunnel, &f->err)))
		return rc;
	f->up = true;
	return tunnel_peer_add(&f->tunnel, p, family, &f->err);
}

static int add(struct flush *f, const struct tunnel_peer *p)
{
	int rc = 0;

	for (int family = 0; family < IP_FAMILIES && !rc; family++)
		if (p->range[family].ip.len && f->tunnel.range[family].ip.len)
			rc = add_family(f, p, family);
	return rc;
}

static int del(struct flush *f, const struct tunnel_peer *p)
{
	int rc = tunnel_peer_del(&f->tunnel, p, &f->err), r = p->direct ? direct_peer_del(p, &f->err) : 0;

	return rc ? rc : r;
}

static void run(void *arg)
{
	struct flush *f = arg;

	for (int adding = 0; adding < 2; adding++)
		for (unsigned i = 0; i < f->n; i++) {
			struct op *o = &f->ops[i];
			int rc;

			if (o->add != adding)
				continue;
			rc = adding ? add(f, &o->at) : del(f, &o->at);
			o->done = !rc;
			if (rc)
				f->rc = rc;
		}
	if (!f->rc && f->keep)
		f->rc = tunnel_keep(&f->tunnel, f->keep, f->keep_count, &f->err);
	if (!f->rc && f->keep)
		f->rc = direct_keep(f->keep, f->keep_count, &f->err);
	if (!f->rc && f->fit)
		f->rc = tunnel_fit(&f->tunnel, &f->err);
}

static void mark(struct peers *ps, struct peer *p)
{
	if (list_empty(&p->dirty))
		list_add_tail(&ps->dirty, &p->dirty);
}

static void free_peer(struct peers *ps, struct peer *p)
{
	map_del(&ps->by_name, p->name);
	list_del(&p->dirty);
	free(p->name);
	free(p);
}

/* Another peer that has, or wants, the same range. */
static bool range_used(struct peers *ps, const struct peer *but)
{
	const char *key;
	size_t it = 0;
	void *v;

	while (map_next(&ps->by_name, &it, &key, &v)) {
		struct peer *p = v;

		for (int f = 0; f < IP_FAMILIES && p != but && p->wanted; f++)
			if (but->have.range[f].ip.len && !memcmp(&p->want.range[f], &but->have.range[f], sizeof(p->want.range[f])))
				return true;
	}
	return false;
}

static void free_flush(struct flush *f)
{
	free(f->ops);
	free(f->keep);
	free(f);
}

static void done(void *arg)
{
	struct flush *f = arg;
	struct peers *ps = f->ps;

	ps->flying = false;
	ps->up |= f->up;
	if (f->keep && !f->rc)
		ps->kept = true;
	if (f->fit && f->rc)
		ps->unfit = true;
	for (unsigned i = 0; i < f->n; i++) {
		struct op *o = &f->ops[i];
		struct peer *p = o->peer;

		p->flying = false;
		if (o->done) {
			p->there = o->add;
			p->have = o->at;
		}
	}
	for (unsigned i = 0; i < f->n; i++) {
		struct peer *p = f->ops[i].peer;

		if (i + 1 < f->n && f->ops[i + 1].peer == p)
			continue;
		if (!p->wanted && !p->there)
			free_peer(ps, p);
		else if (p->wanted != p->there || !same(&p->want, &p->have))
			mark(ps, p);
	}
	if (f->rc && !ps->failing)
		log_warn("the way to other nodes: %s; trying again every %d ms", f->err.msg, RETRY_MS);
	ps->failing = f->rc;
	if (!ps->net->closing && (!list_empty(&ps->dirty) || ps->unfit || (ps->told && !ps->kept)))
		loop_timer_set(&ps->timer, f->rc ? RETRY_MS : 0);
	free_flush(f);
}

/* The ops of one peer stand side by side: first the end of its way, then the new one's begin. */
static void add_ops(struct flush *f, struct peers *ps, struct peer *p)
{
	bool changed = !same(&p->want, &p->have);

	list_del(&p->dirty);
	list_init(&p->dirty);
	if (p->there && (!p->wanted || changed)) {
		/* Somebody else's way now: the kernel's entry is theirs. */
		if (range_used(ps, p))
			p->there = false;
		else
			f->ops[f->n++] = (struct op){ p, p->have, false, false };
	}
	if (p->wanted && (!p->there || changed))
		f->ops[f->n++] = (struct op){ p, p->want, true, false };
	p->flying = f->n && f->ops[f->n - 1].peer == p;
	if (!p->flying && !p->wanted && !p->there)
		free_peer(ps, p);
}

static void add_keep(struct flush *f, struct peers *ps)
{
	const char *key;
	size_t it = 0;
	void *v;

	f->keep = calloc(ps->by_name.len + 1, sizeof(*f->keep));
	while (f->keep && map_next(&ps->by_name, &it, &key, &v))
		if (((struct peer *)v)->wanted)
			f->keep[f->keep_count++] = ((struct peer *)v)->want;
}

static void flush(void *arg)
{
	struct peers *ps = arg;
	struct flush *f;

	if (ps->flying || ps->net->closing)
		return;
	f = calloc(1, sizeof(*f));
	if (!f || !(f->ops = calloc(2 * ps->by_name.len + 1, sizeof(*f->ops)))) {
		free(f);
		loop_timer_set(&ps->timer, RETRY_MS);
		return;
	}
	f->ps = ps;
	f->tunnel = ps->tunnel;
	f->up = ps->up;
	f->fit = ps->unfit;
	ps->unfit = false;
	list_each(&ps->dirty, it)
		add_ops(f, ps, list_entry(it, struct peer, dirty));
	if (ps->told && !ps->kept)
		add_keep(f, ps);
	ps->flying = true;
	if (workers_submit(ps->net->links, run, done, f)) {
		f->rc = -ERR_FULL;
		err_set(&f->err, ERR_FULL, "too much to do");
		done(f);
	}
}

/* The shortest and the longest prefix of a node's range. */
static const struct { int min, max; } prefixes[IP_FAMILIES] = { { 8, 30 }, { 16, 126 } };

static bool parse(const struct net_peer *from, bool direct, struct tunnel_peer *to)
{
	if (!ip_parse_both(to->address, from->address, NULL) || !ip_parse_ranges(to->range, from->pod_cidr, NULL))
		return false;
	to->direct = direct;
	for (int f = 0; f < IP_FAMILIES; f++)
		if (to->range[f].ip.len && (to->range[f].prefix < prefixes[f].min || to->range[f].prefix > prefixes[f].max))
			return false;
	return true;
}

/* Of two nodes with one range neither is believed: it is this node's. */
static bool is_ours(const struct peers *ps, const struct tunnel_peer *p)
{
	for (int f = 0; f < IP_FAMILIES; f++)
		if (p->range[f].ip.len && ip_same(&p->range[f].ip, &ps->tunnel.range[f].ip))
			return true;
	return false;
}

/* A way between the nodes there must be, and a family that pods of both have. */
static bool reaches(const struct peers *ps, const struct tunnel_peer *p)
{
	bool way = p->address[ip_family(&ps->tunnel.address)].len, some = false;

	for (int f = 0; f < IP_FAMILIES; f++) {
		some |= p->range[f].ip.len && ps->tunnel.range[f].ip.len;
		way |= p->direct && p->range[f].ip.len && p->address[f].len;
	}
	return way && some;
}

void net_peer_set(struct net *n, const struct net_peer *told, bool gone)
{
	struct peers *ps = n->peers;
	struct peer *p = map_get(&ps->by_name, told->name);
	struct tunnel_peer want = { 0 };
	bool known = !gone && parse(told, ps->direct, &want) && !is_ours(ps, &want);
	bool wanted = known && ps->usable && reaches(ps, &want);

	if (n->closing)
		return;
	members_tell(n, told->name, known ? want.range : NULL);
	if (!p && !wanted)
		return;
	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p || !(p->name = strdup(told->name)) || map_put(&ps->by_name, told->name, p, NULL)) {
			log_error("node %s: out of memory", told->name);
			if (p)
				free(p->name);
			free(p);
			return;
		}
		list_init(&p->dirty);
	}
	if (p->wanted == wanted && (!wanted || same(&p->want, &want)))
		return;
	p->wanted = wanted;
	if (wanted)
		p->want = want;
	if (!p->flying)                /* else looked at when it lands */
		mark(ps, p);
	loop_timer_set(&ps->timer, 0);
}

void net_peers_direct(struct net *n, bool direct)
{
	struct peers *ps = n->peers;
	size_t it = 0;
	void *v;

	if (ps->direct == direct || n->closing)
		return;
	ps->direct = direct;
	while (map_next(&ps->by_name, &it, NULL, &v)) {
		struct peer *p = v;

		p->want.direct = direct;
		if (p->wanted && !p->flying)
			mark(ps, p);
	}
	loop_timer_set(&ps->timer, 0);
}

void peers_mtu(struct net *n)
{
	n->peers->unfit = true;
	if (!n->closing)
		loop_timer_set(&n->peers->timer, 0);
}

void net_peers_told(struct net *n)
{
	n->peers->told = true;
	if (!n->peers->kept)
		loop_timer_set(&n->peers->timer, 0);
}

int peers_open(struct net *n)
{
	struct peers *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return -ERR_NOMEM;
	n->peers = ps;
	ps->net = n;
	list_init(&ps->dirty);
	loop_timer_init(&ps->timer, n->loop, flush, ps);
	snprintf(ps->tunnel.name, sizeof(ps->tunnel.name), "%sx", n->name);
	ps->tunnel.address = n->address[n->first_address];
	ps->usable = ps->tunnel.address.len;
	memcpy(ps->tunnel.range, n->pods_of, sizeof(ps->tunnel.range));
	memcpy(ps->tunnel.source, n->bridge.gateway, sizeof(ps->tunnel.source));
	return 0;
}

const char *peers_tunnel(const struct net *n)
{
	return n->peers->tunnel.name;
}

void peers_stop(struct net *n)
{
	if (n->peers)
		loop_timer_stop(&n->peers->timer);
}

void peers_close(struct net *n)
{
	const char *key;
	size_t it = 0;
	void *v;

	if (!n->peers)
		return;
	loop_timer_stop(&n->peers->timer);
	while (map_next(&n->peers->by_name, &it, &key, &v)) {
		struct peer *p = v;

		free(p->name);
		free(p);
	}
	map_finish(&n->peers->by_name);
	free(n->peers);
}
