/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net - see net.h and net_priv.h: what was told, kept; what changed, gathered and
 * sent to the kernel in one transaction.
 *
 * Nothing is sent before the first net_sync (or SETTLE_MS): after a restart the old
 * rules serve until all new ones are known, and are replaced by them in one step.
 * A transaction that fails is followed by one that replaces the whole table, which
 * also mends what a stranger did to it.
 */
#include "net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/env.h"
#include "base/file.h"
#include "base/text.h"
#include "net/conntrack.h"
#include "net/dns.h"
#include "net/net_priv.h"
#define LOG_MODULE "net"
#include "base/log.h"

#define GATHER_MS     5
#define SETTLE_MS     2000
#define RETRY_MS_MAX  30000
#define LINK_QUEUE    4096

/* Namespaces with a Service in them, for DNS: a count as the map's value. */
static void count_ns(struct net *n, const char *ns, int by)
{
	uintptr_t count = (uintptr_t)map_get(&n->namespaces, ns) + (uintptr_t)by;

	if (count)
		map_put(&n->namespaces, ns, (void *)count, NULL);
	else
		map_del(&n->namespaces, ns);
}

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

static void flush_begin(void *arg);

/* ---- sending ---- */

static void run_rules(const char *text, int *rc, char *message, size_t size)
{
	struct nft_ctx *ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	const char *said;

	if (!ctx) {
		*rc = -ERR_NOMEM;
		return;
	}
	nft_ctx_buffer_output(ctx);
	nft_ctx_buffer_error(ctx);
	*rc = nft_run_cmd_from_buffer(ctx, text) ? -ERR_IO : 0;
	if (*rc) {
		said = nft_ctx_get_error_buffer(ctx);
		snprintf(message, size, "nftables: %s", said && *said ? said : "refused");
		message[strcspn(message, "\n")] = 0;
	}
	nft_ctx_free(ctx);
}

static void flush_run(void *arg)
{
	struct flush *f = arg;
	int64_t t = env_now_us();
	struct err e;

	run_rules(f->text.p, &f->rc, f->message, sizeof(f->message));
	f->us = env_now_us() - t;
	if (!f->rc && f->udp_count && conntrack_forget(f->udp, f->udp_count, &e))
		log_warn("%s", e.msg);
}

static void free_svc(struct svc *s)
{
	free(s->key);
	free(s->copy);
	free(s);
}

static void free_unit(struct unit *u)
{
	list_del(&u->dirty);
	list_del(&u->all);
	plan_finish(&u->applied);
	plan_finish(&u->wanted);
	if (u->is_pod)
		pods_free((struct pod *)(void *)u);
	else
		free_svc((struct svc *)(void *)u);
}

static void wake(void *arg)
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

static void fail_waiters(struct net *n, int rc, const char *message)
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
	list_each(&n->units, it) {
		struct unit *u = list_entry(it, struct unit, all);

		if (!u->in_flight)
			continue;
		u->in_flight = false;
		if (f->rc) {
			plan_finish(&u->wanted);
			net_dirty(n, u);
		} else {
			plan_finish(&u->applied);
			u->applied = u->wanted;
			u->wanted = (struct plan){ 0 };
			if (u->gone && list_empty(&u->dirty))
				free_unit(u);
		}
	}
	if (f->rc) {
		n->stats.apply_errors++;
		n->need_full = true;
		log_error("rules not applied (%s): %s", f->full ? "all" : "a change", f->message);
		if (f->full) {
			int64_t ms = 500 << (n->failures < 6 ? n->failures++ : 6);

			fail_waiters(n, f->rc, f->message);
			loop_timer_set(&n->flush_timer, ms < RETRY_MS_MAX ? ms : RETRY_MS_MAX);
		} else {
			loop_timer_set(&n->flush_timer, 0);
		}
	} else {
		n->failures = 0;
		n->finished = n->started;
		wake(n);
		if (!list_empty(&n->dirty))
			loop_timer_set(&n->flush_timer, GATHER_MS);
	}
	for (unsigned i = 0; i < f->udp_count; i++)
		free(f->udp[i].targets);
	free(f->udp);
	buf_finish(&f->text);
	free(f);
}

/* ---- UDP flows that hold on to what was ---- */

static void add_udp(struct flush *f, const struct net_service *s, const struct net_port *port, const char *ip, int number,
	bool gone)
{
	struct conntrack_service *to = realloc(f->udp, (f->udp_count + 1) * sizeof(*to));
	struct in_addr in = { 0 };

	if (!to)
		return;
	f->udp = to;
	to += f->udp_count;
	if (ip && inet_pton(AF_INET, ip, &in) != 1)
		return;
	*to = (struct conntrack_service){ { in.s_addr, htons((uint16_t)number) }, NULL, 0 };
	to->targets = calloc(s->ep_count + 1, sizeof(*to->targets));
	if (!to->targets)
		return;
	for (unsigned i = 0; i < s->ep_count && !gone; i++) {
		const struct net_endpoint *e = &s->eps[i];

		if ((e->ready || s->publish_not_ready) && !strcmp(e->port_name ? e->port_name : "", port->name ? port->name : "") &&
		    inet_pton(AF_INET, e->ip, &in) == 1)
			to->targets[to->target_count++] = (struct conntrack_end){ in.s_addr, htons((uint16_t)e->port) };
	}
	f->udp_count++;
}

static void note_udp(struct flush *f, const struct unit *u)
{
	const struct net_service *s;

	if (u->is_pod)
		return;
	s = ((const struct svc *)(const void *)u)->copy;
	for (unsigned i = 0; i < s->port_count; i++) {
		const struct net_port *p = &s->ports[i];

		if (!p->proto || strcasecmp(p->proto, "udp"))
			continue;
		for (const char *const *ip = s->ips; *ip; ip++)
			add_udp(f, s, p, *ip, p->port, u->gone);
		for (const char *const *ip = s->external_ips; *ip; ip++)
			add_udp(f, s, p, *ip, p->port, u->gone);
		if (p->node_port)
			add_udp(f, s, p, NULL, p->node_port, u->gone);
	}
}

/* ---- who owns an element ---- */

static void owner_key(char out[320], const struct plan *p, const struct plan_item *it)
{
	snprintf(out, 320, "%s %s", plan_name(p, it), plan_key(p, it));
}

static void release(struct net *n, struct unit *u)
{
	char key[320];

	for (unsigned i = 0; i < u->applied.count; i++) {
		const struct plan_item *it = &u->applied.items[i];

		if (it->kind != PLAN_ELEMENT ||
		    plan_has(&u->wanted, PLAN_ELEMENT, plan_name(&u->applied, it), plan_key(&u->applied, it)))
			continue;
		owner_key(key, &u->applied, it);
		if (map_get(&n->owners, key) == u) {
			map_del(&n->owners, key);
			n->released = true;
		}
	}
}

static void acquire(struct net *n, struct unit *u)
{
	char key[320];

	u->blocked = false;
	for (unsigned i = 0; i < u->wanted.count;) {
		const struct plan_item *it = &u->wanted.items[i];
		struct unit *owner;

		if (it->kind == PLAN_ELEMENT) {
			owner_key(key, &u->wanted, it);
			owner = map_get(&n->owners, key);
			if (owner && owner != u) {
				u->blocked = true;
				plan_drop(&u->wanted, i);
				continue;
			}
			if (!owner && map_put(&n->owners, key, u, NULL)) {
				plan_drop(&u->wanted, i);
				continue;
			}
		}
		i++;
	}
}

static void compute(struct net *n, struct unit *u)
{
	struct err e;
	int rc = 0;

	plan_finish(&u->wanted);
	if (u->gone)
		return;
	if (u->is_pod) {
		rc = pods_wanted((struct pod *)(void *)u, &u->wanted);
	} else {
		struct svc *s = (struct svc *)(void *)u;

		rc = plan_service(&u->wanted, &n->base, s->copy, s->id, &e);
		if (rc)
			log_warn("service %s: %s", s->key, e.msg);
	}
}

static void flush_begin(void *arg)
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
		plan_base_text(&f->text, &n->base);
	}
	n->released = false;
	list_each(&n->dirty, it) {
		struct unit *u = list_entry(it, struct unit, dirty);

		compute(n, u);
		release(n, u);
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
		size_t before = f->text.len;

		acquire(n, u);
		plan_diff_clear(&f->text, n->name, &u->applied, &u->wanted);
		if (f->text.len != before)
			note_udp(f, u);
	}
	while (!list_empty(&n->dirty)) {
		struct unit *u = list_entry(n->dirty.next, struct unit, dirty);

		plan_diff_fill(&f->text, n->name, &u->applied, &u->wanted);
		list_del(&u->dirty);
		u->in_flight = true;
	}
	n->started++;
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

void net_dirty(struct net *n, struct unit *u)
{
	if (list_empty(&u->dirty))
		list_add_tail(&n->dirty, &u->dirty);
	if (!n->in_flight && !loop_timer_is_set(&n->flush_timer))
		loop_timer_set(&n->flush_timer, n->synced ? GATHER_MS : SETTLE_MS);
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
		loop_defer(n->loop, &n->wake_task, wake, n);
	else if (!n->in_flight && !n->failures)
		loop_timer_set(&n->flush_timer, 0);
}

/* ---- Services ---- */

static void index_ips(struct net *n, struct svc *s, bool add)
{
	for (const char *const *ip = s->copy->ips; *ip; ip++) {
		if (add)
			map_put(&n->by_ip, *ip, s, NULL);
		else if (map_get(&n->by_ip, *ip) == s)
			map_del(&n->by_ip, *ip);
	}
	if (s->copy->ips[0])
		return;
	for (unsigned i = 0; i < s->copy->ep_count; i++) {   /* headless: the pods' own names */
		const struct net_endpoint *e = &s->copy->eps[i];

		if (!e->hostname || !*e->hostname)
			continue;
		if (add)
			map_put(&n->by_ip, e->ip, s, NULL);
		else if (map_get(&n->by_ip, e->ip) == s)
			map_del(&n->by_ip, e->ip);
	}
}

static bool bad_service(const struct net_service *s)
{
	if (!s->ns || !s->name || text_bad_dns1123_subdomain(s->ns) || text_bad_dns1123_subdomain(s->name))
		return true;
	for (unsigned i = 0; i < s->ep_count; i++)
		if (!s->eps[i].ip)
			return true;
	return false;
}

void net_service_set(struct net *n, const struct net_service *told, bool gone)
{
	char key[520];
	struct svc *s;
	struct net_service *copy;

	if (bad_service(told)) {
		log_warn("a service of a malformed name or endpoint was passed over");
		return;
	}
	snprintf(key, sizeof(key), "%s/%s", told->ns, told->name);
	s = map_get(&n->services, key);
	if (gone) {
		if (!s)
			return;
		index_ips(n, s, false);
		map_del(&n->services, key);
		count_ns(n, s->copy->ns, -1);
		s->unit.gone = true;
		net_dirty(n, &s->unit);
		return;
	}
	copy = service_copy(told);
	if (!copy) {
		log_error("service %s: out of memory", key);
		return;
	}
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s || !(s->key = strdup(key)) || map_put(&n->services, key, s, NULL)) {
			log_error("service %s: out of memory", key);
			if (s)
				free(s->key);
			free(s);
			free(copy);
			return;
		}
		s->id = n->next_id++;
		count_ns(n, told->ns, 1);
		list_init(&s->unit.dirty);
		list_add_tail(&n->units, &s->unit.all);
	} else {
		index_ips(n, s, false);
		free(s->copy);
	}
	s->copy = copy;
	index_ips(n, s, true);
	net_dirty(n, &s->unit);
}

const struct net_service *net_find_service(const struct net *n, const char *ns, const char *name)
{
	char key[520];
	struct svc *s;

	snprintf(key, sizeof(key), "%s/%s", ns, name);
	s = map_get(&n->services, key);
	return s ? s->copy : NULL;
}

bool net_has_ns(const struct net *n, const char *ns)
{
	return map_get(&n->namespaces, ns);
}

const struct net_service *net_find_by_ip(const struct net *n, const char *ip)
{
	struct svc *s = map_get(&n->by_ip, ip);

	return s ? s->copy : NULL;
}

/* ---- open, close ---- */

static int parse4(const char *what, const char *cidr, uint8_t ret[4], int *ret_prefix, struct err *reterr)
{
	uint8_t addr[16];
	int family, rc;

	rc = ret_prefix ? text_parse_cidr(cidr ? cidr : "", &family, addr, ret_prefix)
			: text_parse_ip(cidr ? cidr : "", &family, addr);
	if (rc || family != 4)
		return err_set(reterr, ERR_INVALID, "%s \"%s\": must be IPv4%s", what, cidr ? cidr : "",
			ret_prefix ? ", as 10.0.0.0/16" : "");
	memcpy(ret, addr, 4);
	return 0;
}

static int parse_config(struct net *n, const struct net_config *cfg, struct err *reterr)
{
	uint8_t pod[4], cluster[4];
	uint32_t net;
	int prefix, unused, rc;

	if (!cfg->name || !*cfg->name || strlen(cfg->name) > 6 || strspn(cfg->name, "abcdefghijklmnopqrstuvwxyz") != strlen(cfg->name))
		return err_set(reterr, ERR_INVALID, "network name: one to six letters a-z");
	if ((rc = parse4("pod range", cfg->pod_cidr, pod, &prefix, reterr)) ||
	    (rc = parse4("cluster range", cfg->cluster_cidr, cluster, &unused, reterr)) ||
	    (rc = parse4("service range", cfg->service_cidr, n->bridge.service, &n->bridge.service_prefix, reterr)) ||
	    (rc = parse4("DNS address", cfg->dns_ip, n->bridge.dns, NULL, reterr)))
		return rc;
	if (prefix < 16 || prefix > 29)
		return err_set(reterr, ERR_INVALID, "pod range \"%s\": /16 to /29", cfg->pod_cidr);
	net = ((uint32_t)pod[0] << 24 | (uint32_t)pod[1] << 16 | (uint32_t)pod[2] << 8 | pod[3]) & (~0u << (32 - prefix));
	n->first_addr = n->next_addr = net + 2;
	n->last_addr = net + (1u << (32 - prefix)) - 2;
	net = htonl(net + 1);
	memcpy(n->bridge.gateway, &net, 4);
	n->bridge.prefix = prefix;
	snprintf(n->bridge.name, sizeof(n->bridge.name), "%s0", cfg->name);
	n->name = strdup(cfg->name);
	n->pod_cidr = strdup(cfg->pod_cidr);
	n->cluster_cidr = strdup(cfg->cluster_cidr);
	n->service_cidr = strdup(cfg->service_cidr);
	n->dns_ip = strdup(cfg->dns_ip);
	n->state_dir = strdup(cfg->state_dir);
	if (!n->name || !n->pod_cidr || !n->cluster_cidr || !n->service_cidr || !n->dns_ip || !n->state_dir)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	n->base = (struct plan_base){ n->name, n->pod_cidr, n->cluster_cidr, n->service_cidr, n->dns_ip };
	return 0;
}

int net_open(struct net **ret, struct loop *l, const struct net_config *cfg, struct err *reterr)
{
	struct net *n = calloc(1, sizeof(*n));
	struct dns_config dns = { cfg->dns_ip, 53, cfg->cluster_domain, cfg->upstream_resolv };
	int rc;

	if (!n)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	n->loop = l;
	n->need_full = true;
	n->next_id = 1;
	list_init(&n->units);
	list_init(&n->dirty);
	list_init(&n->waiters);
	loop_timer_init(&n->flush_timer, l, flush_begin, n);
	rc = parse_config(n, cfg, reterr);
	if (!rc)
		rc = file_mkdirs(n->state_dir, 0700, reterr);
	if (!rc && (workers_open(&n->rules, l, "net-rules", 1, 16) || workers_open(&n->links, l, "net-links", 1, LINK_QUEUE) ||
		    workers_open(&n->removals, l, "net-removals", 1, LINK_QUEUE)))
		rc = err_set(reterr, ERR_IO, "cannot start threads");
	if (!rc)
		rc = link_bridge_up(&n->bridge, reterr);
	if (!rc)
		rc = pods_open(n, reterr);
	if (!rc)
		rc = dns_open(&n->dns, l, n, &dns, reterr);
	if (rc) {
		net_close(n);
		return rc;
	}
	loop_timer_set(&n->flush_timer, SETTLE_MS);
	*ret = n;
	return 0;
}

void net_close(struct net *n)
{
	if (!n)
		return;
	n->closing = true;
	dns_close(n->dns);
	loop_timer_stop(&n->flush_timer);
	workers_close(n->links);
	workers_close(n->removals);
	workers_close(n->rules);
	loop_timer_stop(&n->flush_timer);
	loop_defer_cancel(n->loop, &n->wake_task);
	fail_waiters(n, -ERR_CANCELED, "shutting down");
	list_each(&n->units, it)
		free_unit(list_entry(it, struct unit, all));
	map_finish(&n->services);
	map_finish(&n->pods);
	map_finish(&n->by_ip);
	map_finish(&n->namespaces);
	map_finish(&n->owners);
	free(n->addr_used);
	free(n->name);
	free(n->pod_cidr);
	free(n->cluster_cidr);
	free(n->service_cidr);
	free(n->dns_ip);
	free(n->state_dir);
	free(n);
}

int net_down(const char *name, const char *state_dir, struct err *reterr)
{
	BUF_AUTO struct buf text = { 0 };
	char message[512] = "out of memory";
	int rc, r;

	rc = link_bridge_down(name, reterr);
	buf_printf(&text, "add table ip %s\ndelete table ip %s\n", name, name);
	r = -ERR_NOMEM;
	if (!text.failed)
		run_rules(text.p, &r, message, sizeof(message));
	if (r)
		rc = err_set(reterr, -r, "%s", message);
	buf_clear(&text);
	buf_printf(&text, "%s/leases", state_dir);
	r = text.failed ? -ERR_NOMEM : file_remove_tree(text.p, reterr);
	return r ? r : rc;
}

void net_stats(const struct net *n, struct net_stats *ret)
{
	*ret = n->stats;
	ret->dns_queries = dns_queries(n->dns);
}
