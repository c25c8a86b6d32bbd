/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flush - what changed, gathered and sent to the kernel in one transaction.
 *
 * Nothing is sent before the first net_sync (or NET_SETTLE_MS): after a restart the old
 * rules serve until all new ones are known, and are replaced by them in one step.
 * A transaction that fails is followed by one that replaces the whole table, which
 * also mends what a stranger did to it.
 */
#include <arpa/inet.h>
#include <malloc.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/env.h"
#include "net/choose.h"
#include "net/conntrack.h"
#include "net/net_priv.h"
#define LOG_MODULE "net"
#include "base/log.h"

#define GATHER_MS     5
#define RETRY_MS_MAX  30000

struct waiter {
	struct list link;
	uint64_t target;               /* the flush that must have finished */
	void (*done)(void *arg, int rc, const char *message);
	void *arg;
};

struct flush {
	struct net *net;
	struct buf text;
	struct conntrack_service *udp; unsigned udp_count;   /* whose endpoints changed */
	bool full;
	int rc;
	int64_t us;
	char message[512];
};

/* ---- sending ---- */

int net_rules_open(struct nft_ctx **ret)
{
	*ret = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!*ret)
		return -ERR_NOMEM;
	nft_ctx_buffer_output(*ret);
	nft_ctx_buffer_error(*ret);
	return 0;
}

void net_run_rules(struct nft_ctx *ctx, const char *text, int *rc, char *message, size_t size)
{
	const char *said;

	*rc = nft_run_cmd_from_buffer(ctx, text) ? -ERR_IO : 0;
	said = nft_ctx_get_error_buffer(ctx);          /* which empties it */
	nft_ctx_get_output_buffer(ctx);
	if (*rc) {
		snprintf(message, size, "nftables: %s", said && *said ? said : "refused");
		message[strcspn(message, "\n")] = 0;
	}
}

static void flush_run(void *arg)
{
	struct flush *f = arg;
	int64_t t = env_now_us();
	struct err e;

	net_run_rules(f->net->rules_ctx, f->text.p, &f->rc, f->message, sizeof(f->message));
	f->us = env_now_us() - t;
	/* A whole table leaves the heap in crumbs, which the next change would have to sweep up. */
	if (f->full)
		malloc_trim(0);
	if (!f->rc && f->udp_count && conntrack_forget(f->udp, f->udp_count, &e))
		log_warn("%s", e.msg);
}

void net_wake(void *arg)
{
	struct net *n = arg;
	struct list ready;

	list_init(&ready);
	list_each(&n->waiters, it) {
		if (list_entry(it, struct waiter, link)->target <= n->finished) {
			list_del(it);
			list_add_tail(&ready, it);
		}
	}
	while (!list_empty(&ready)) {
		struct waiter *w = list_entry(ready.next, struct waiter, link);

		list_del(&w->link);
		w->done(w->arg, 0, "");
		free(w);
	}
}

void net_fail_waiters(struct net *n, int rc, const char *message)
{
	struct list all;

	list_init(&all);
	list_each(&n->waiters, it) {
		list_del(it);
		list_add_tail(&all, it);
	}
	while (!list_empty(&all)) {
		struct waiter *w = list_entry(all.next, struct waiter, link);

		list_del(&w->link);
		w->done(w->arg, rc, message);
		free(w);
	}
}

static void flush_done(void *arg)
{
	struct flush *f = arg;
	struct net *n = f->net;

	n->in_flight = false;
	n->stats.applies++;
	n->stats.apply_us_last = f->us;
	while (!list_empty(&n->flying)) {
		struct unit *u = list_entry(n->flying.next, struct unit, flying);

		list_del(&u->flying);
		if (f->rc) {
			plan_finish(&u->wanted);
			net_dirty(n, u);
		} else {
			plan_finish(&u->applied);
			u->applied = u->wanted;
			u->wanted = (struct plan){ 0 };
			if (u->gone && list_empty(&u->dirty))
				net_free_unit(u);
		}
	}
	if (f->rc) {
		n->stats.apply_errors++;
		n->need_full = true;
		log_error("rules not applied (%s): %s", f->full ? "all" : "a change", f->message);
		if (f->full) {
			int64_t ms = 500 << (n->failures < 6 ? n->failures++ : 6);

			net_fail_waiters(n, f->rc, f->message);
			loop_timer_set(&n->flush_timer, ms < RETRY_MS_MAX ? ms : RETRY_MS_MAX);
		} else {
			loop_timer_set(&n->flush_timer, 0);
		}
	} else {
		n->failures = 0;
		n->finished = n->started;
		net_wake(n);
		if (!list_empty(&n->dirty) || n->need_full)
			loop_timer_set(&n->flush_timer, GATHER_MS);
	}
	for (unsigned i = 0; i < f->udp_count; i++)
		free(f->udp[i].targets);
	free(f->udp);
	buf_finish(&f->text);
	free(f);
}

/* ---- UDP flows that hold on to what was ---- */

/* ip NULL: a node port. */
static void add_udp(struct flush *f, const struct net_service *s, const struct choice *c, int family, const char *ip, int number)
{
	struct conntrack_service *to = realloc(f->udp, (f->udp_count + 1) * sizeof(*to));
	struct ip at = { 0 };

	if (!to)
		return;
	f->udp = to;
	to += f->udp_count;
	if (ip && (!ip_parse(&at, ip) || ip_family(&at) != family))
		return;
	*to = (struct conntrack_service){ family, { at, htons((uint16_t)number) }, NULL, 0 };
	to->targets = calloc(c->all_count + c->local_count + 1u, sizeof(*to->targets));
	if (!to->targets)
		return;
	for (unsigned i = 0; i < c->all_count + c->local_count; i++) {
		const struct net_endpoint *e = &s->eps[i < c->all_count ? c->all[i] : c->local[i - c->all_count]];

		if (ip_parse(&at, e->ip))
			to->targets[to->target_count++] = (struct conntrack_end){ at, htons((uint16_t)e->port) };
	}
	f->udp_count++;
}

static void note_port(struct flush *f, const struct unit *u, const struct net_service *s, const struct net_port *p, int family)
{
	const char *const *const lists[] = { s->ips, s->external_ips, s->balancer_ips };
	struct choice c = { 0 };

	if (!u->gone && choose_endpoints(&c, s, p, family))
		return;
	for (unsigned l = 0; l < sizeof(lists) / sizeof(*lists); l++)
		for (const char *const *ip = lists[l]; *ip; ip++)
			add_udp(f, s, &c, family, *ip, p->port);
	if (p->node_port)
		add_udp(f, s, &c, family, NULL, p->node_port);
	choose_finish(&c);
}

static void note_udp(struct flush *f, const struct unit *u)
{
	const struct net_service *s;

	if (u->kind != UNIT_SERVICE)
		return;
	s = ((const struct svc *)(const void *)u)->copy;
	for (unsigned i = 0; i < s->port_count; i++)
		for (int family = 0; family < IP_FAMILIES && s->ports[i].proto && !strcasecmp(s->ports[i].proto, "udp"); family++)
			if (f->net->base.f[family].on)
				note_port(f, u, s, &s->ports[i], family);
}

/* ---- the transaction ---- */

static void compute(struct net *n, struct unit *u)
{
	struct err e;
	int rc = 0;

	plan_finish(&u->wanted);
	if (u->gone)
		return;
	if (u->kind == UNIT_POD) {
		rc = pods_wanted((struct pod *)(void *)u, &u->wanted);
	} else if (u->kind == UNIT_MEMBER) {
		rc = plan_member(&u->wanted, &n->base, ((struct member *)(void *)u)->ranges);
	} else {
		struct svc *s = (struct svc *)(void *)u;

		rc = plan_service(&u->wanted, &n->base, s->copy, s->id, &u->applied, &e);
		if (rc)
			log_warn("service %s: %s", s->key, e.msg);
	}
}

void net_flush(void *arg)
{
	struct net *n = arg;
	struct flush *f;

	if (n->in_flight || n->closing || (list_empty(&n->dirty) && !n->need_full))
		return;
	f = calloc(1, sizeof(*f));
	if (!f) {
		loop_timer_set(&n->flush_timer, 1000);
		return;
	}
	f->net = n;
	f->full = n->need_full;
	if (f->full) {
		map_finish(&n->owners);
		list_each(&n->units, it) {
			struct unit *u = list_entry(it, struct unit, all);

			plan_finish(&u->applied);
			if (list_empty(&u->dirty))
				list_add_tail(&n->dirty, &u->dirty);
		}
		shared_forget(n);
		plan_base_text(&f->text, &n->base);
	}
	n->released = false;
	list_each(&n->dirty, it) {
		struct unit *u = list_entry(it, struct unit, dirty);

		compute(n, u);
		net_release(n, u);
	}
	if (n->released)
		list_each(&n->units, it) {
			struct unit *u = list_entry(it, struct unit, all);

			if (u->blocked && list_empty(&u->dirty)) {
				compute(n, u);
				list_add_tail(&n->dirty, &u->dirty);
			}
		}
	list_each(&n->dirty, it) {
		struct unit *u = list_entry(it, struct unit, dirty);

		net_acquire(n, u);
		shared_count(n, &u->applied, -1);
		shared_count(n, &u->wanted, 1);
	}
	shared_make(n, &f->text);
	list_each(&n->dirty, it) {
		struct unit *u = list_entry(it, struct unit, dirty);
		size_t before = f->text.len;

		plan_diff_clear(&f->text, n->name, &u->applied, &u->wanted);
		if (f->text.len != before)
			note_udp(f, u);
	}
	while (!list_empty(&n->dirty)) {
		struct unit *u = list_entry(n->dirty.next, struct unit, dirty);

		plan_diff_fill(&f->text, n->name, &u->applied, &u->wanted);
		list_del(&u->dirty);
		list_add_tail(&n->flying, &u->flying);
	}
	shared_unmake(n, &f->text);
	n->started++;
	n->synced = true;
	n->in_flight = true;
	n->need_full = false;
	if (f->text.failed) {
		f->rc = -ERR_NOMEM;
		flush_done(f);
	} else if (!f->text.len) {
		flush_done(f);
	} else if (workers_submit(n->rules, flush_run, flush_done, f)) {
		f->rc = -ERR_FULL;
		flush_done(f);
	}
}

static void soon(struct net *n)
{
	if (!n->in_flight && !loop_timer_is_set(&n->flush_timer))
		loop_timer_set(&n->flush_timer, n->synced ? GATHER_MS : NET_SETTLE_MS);
}

void net_dirty(struct net *n, struct unit *u)
{
	if (list_empty(&u->dirty))
		list_add_tail(&n->dirty, &u->dirty);
	soon(n);
}

void net_all_dirty(struct net *n)
{
	n->need_full = true;
	soon(n);
}

void net_sync(struct net *n, void (*done)(void *arg, int rc, const char *message), void *arg)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (!w) {
		log_error("out of memory");
		return;
	}
	w->done = done;
	w->arg = arg;
	w->target = n->started + (!list_empty(&n->dirty) || n->need_full);
	list_add_tail(&n->waiters, &w->link);
	n->synced = true;
	if (w->target <= n->finished)
		loop_defer(n->loop, &n->wake_task, net_wake, n);
	else if (!n->in_flight && !n->failures)
		loop_timer_set(&n->flush_timer, 0);
}
