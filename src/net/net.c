/* SPDX-License-Identifier: Apache-2.0 */
/* net - see net.h and net_priv.h: what was told, kept; opening and closing. */
#include "net/net.h"

#include <arpa/inet.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "net/direct.h"
#include "net/dns.h"
#include "net/net_priv.h"
#include "net/policy.h"
#include "net/uplink.h"
#define LOG_MODULE "net"
#include "base/log.h"

#define LINK_QUEUE    4096

static void free_svc(struct svc *s)
{
	free(s->key);
	free(s->copy);
	free(s);
}

void net_free_unit(struct unit *u)
{
	list_del(&u->dirty);
	list_del(&u->flying);
	list_del(&u->all);
	plan_finish(&u->applied);
	plan_finish(&u->wanted);
	if (u->is_pod)
		pods_free((struct pod *)(void *)u);
	else
		free_svc((struct svc *)(void *)u);
}

/* ---- Services ---- */

/* Namespaces with a Service in them, for DNS: a count as the map's value. */
static void count_ns(struct net *n, const char *ns, int by)
{
	uintptr_t count = (uintptr_t)map_get(&n->namespaces, ns) + (uintptr_t)by;

	if (count)
		map_put(&n->namespaces, ns, (void *)count, NULL);
	else
		map_del(&n->namespaces, ns);
}

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
		list_init(&s->unit.flying);
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
	if ((cfg->pod_cidr && (rc = parse4("pod range", cfg->pod_cidr, pod, &prefix, reterr))) ||
	    (rc = parse4("cluster range", cfg->cluster_cidr, cluster, &unused, reterr)) ||
	    (rc = parse4("service range", cfg->service_cidr, n->bridge.service, &n->bridge.service_prefix, reterr)) ||
	    (rc = parse4("DNS address", cfg->dns_ip, n->bridge.dns, NULL, reterr)))
		return rc;
	if (cfg->pod_cidr) {
		if (prefix < 16 || prefix > 29)
			return err_set(reterr, ERR_INVALID, "pod range \"%s\": /16 to /29", cfg->pod_cidr);
		net = ((uint32_t)pod[0] << 24 | (uint32_t)pod[1] << 16 | (uint32_t)pod[2] << 8 | pod[3]) & (~0u << (32 - prefix));
		n->first_addr = n->next_addr = net + 2;
		n->last_addr = net + (1u << (32 - prefix)) - 2;
		net = htonl(net + 1);
		memcpy(n->bridge.gateway, &net, 4);
		n->bridge.prefix = prefix;
	}
	snprintf(n->bridge.name, sizeof(n->bridge.name), "%s0", cfg->name);
	n->name = strdup(cfg->name);
	n->pod_cidr = cfg->pod_cidr ? strdup(cfg->pod_cidr) : NULL;
	n->cluster_cidr = strdup(cfg->cluster_cidr);
	n->service_cidr = strdup(cfg->service_cidr);
	n->dns_ip = strdup(cfg->dns_ip);
	n->state_dir = strdup(cfg->state_dir);
	n->address = cfg->address ? strdup(cfg->address) : NULL;
	if (!n->name || (cfg->pod_cidr && !n->pod_cidr) || !n->cluster_cidr || !n->service_cidr || !n->dns_ip || !n->state_dir ||
	    (cfg->address && !n->address))
		return err_set(reterr, ERR_NOMEM, "out of memory");
	n->base = (struct plan_base){ n->name, n->pod_cidr, n->cluster_cidr, n->service_cidr, n->dns_ip, n->address, NULL };
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
	list_init(&n->flying);
	list_init(&n->waiters);
	list_init(&n->shared_touched);
	loop_timer_init(&n->flush_timer, l, net_flush, n);
	rc = parse_config(n, cfg, reterr);
	if (!rc)
		rc = file_mkdirs(n->state_dir, 0700, reterr);
	if (!rc && (workers_open(&n->rules, l, "net-rules", 1, 16) || workers_open(&n->links, l, "net-links", 1, LINK_QUEUE) ||
		    workers_open(&n->removals, l, "net-removals", 1, LINK_QUEUE)))
		rc = err_set(reterr, ERR_IO, "cannot start threads");
	if (!rc && net_rules_open(&n->rules_ctx))
		rc = err_set(reterr, ERR_NOMEM, "out of memory");
	if (!rc)
		rc = n->pod_cidr ? link_bridge_up(&n->bridge, n->name, reterr) : link_alone_up(&n->bridge, n->name, reterr);
	if (!rc && !n->pod_cidr && !(rc = direct_keep(NULL, 0, reterr)))
		rc = policy_down(n->name, reterr);     /* of an earlier life: not ours to say any more */
	if (!rc && (peers_open(n, cfg->address) || announce_open(n, cfg->address) || pulse_open(n, cfg->address) ||
		    linkwatch_open(n, cfg->address) || ranges_open(n)))
		rc = err_set(reterr, ERR_NOMEM, "out of memory");
	if (!rc && n->pod_cidr)
		rc = pods_open(n, reterr);
	if (!rc)
		rc = dns_open(&n->dns, l, n, &dns, reterr);
	if (rc) {
		net_close(n);
		return rc;
	}
	loop_timer_set(&n->flush_timer, NET_SETTLE_MS);
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
	linkwatch_close(n);
	peers_stop(n);
	announce_stop(n);
	ranges_stop(n);
	workers_close(n->links);
	workers_close(n->removals);
	workers_close(n->rules);
	if (n->rules_ctx)
		nft_ctx_free(n->rules_ctx);
	loop_timer_stop(&n->flush_timer);
	loop_defer_cancel(n->loop, &n->wake_task);
	net_fail_waiters(n, -ERR_CANCELED, "shutting down");
	list_each(&n->units, it)
		net_free_unit(list_entry(it, struct unit, all));
	peers_close(n);
	announce_close(n);
	pulse_close(n);
	ranges_close(n);
	map_finish(&n->services);
	map_finish(&n->pods);
	map_finish(&n->by_ip);
	map_finish(&n->namespaces);
	map_finish(&n->owners);
	shared_forget(n);
	free(n->addr_used);
	free(n->name);
	free(n->pod_cidr);
	free(n->cluster_cidr);
	free(n->service_cidr);
	free(n->dns_ip);
	free(n->state_dir);
	free(n->address);
	free(n);
}

int net_down(const char *name, const char *state_dir, struct err *reterr)
{
	BUF_AUTO struct buf text = { 0 };
	char message[512] = "out of memory";
	struct nft_ctx *rules;
	int rc, r;

	rc = link_bridge_down(name, reterr);
	r = uplink_keep(NULL, 0, reterr);
	rc = r ? r : rc;
	r = direct_keep(NULL, 0, reterr);
	rc = r ? r : rc;
	buf_printf(&text, "add table ip %s\ndelete table ip %s\n", name, name);
	r = text.failed ? -ERR_NOMEM : net_rules_open(&rules);
	if (!r) {
		net_run_rules(rules, text.p, &r, message, sizeof(message));
		nft_ctx_free(rules);
	}
	if (r)
		rc = err_set(reterr, -r, "%s", message);
	r = policy_down(name, reterr);
	rc = r ? r : rc;
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
