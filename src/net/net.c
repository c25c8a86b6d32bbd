/* SPDX-License-Identifier: Apache-2.0 */
/* net - see net.h and net_priv.h: what was told, kept; opening and closing. */
#include "net/net.h"

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
	if (u->kind == UNIT_POD)
		pods_free((struct pod *)(void *)u);
	else if (u->kind == UNIT_MEMBER)
		members_free((struct member *)(void *)u);
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

/* A copy of s up to its comma or end, at *at in the block of base's texts. */
static const char *text_part(char **at, const char *s, int which)
{
	const char *from = s, *part = *at;
	size_t len;

	while (which-- > 0)
		from = strchr(from, ',') + 1;
	len = strcspn(from, ",");
	memcpy(*at, from, len);
	(*at)[len] = 0;
	*at += len + 1;
	return part;
}

/* The part of s that is of the family; first: of its first part. */
static const char *part_of(char **at, const char *s, int family, int first)
{
	return text_part(at, s, family != first);
}

/* A prefix as a mask: " & ffff:ffff::". */
static const char *mask_text(char **at, const struct ip_range *r)
{
	struct ip mask = { .len = r->ip.len };
	const char *text = *at;
	char ip[IP_TEXT];

	for (int i = 0; i < r->prefix; i++)
		mask.b[i / 8] |= (uint8_t)(0x80u >> (i % 8));
	ip_text(ip, &mask);
	*at += sprintf(*at, " & %s", ip) + 1;
	return text;
}

struct parsed { struct ip_range cluster[IP_FAMILIES]; int first_cluster, first_service, first_dns; };

static int parse_texts(struct net *n, const struct net_config *cfg, struct parsed *p, struct err *reterr)
{
	static const char of[] = "must be an IP range as 10.0.0.0/16, or one of each family with a comma";

	if (cfg->pod_cidr && !ip_parse_ranges(n->pods_of, cfg->pod_cidr, &n->first_pods))
		return err_set(reterr, ERR_INVALID, "pod range \"%s\": %s", cfg->pod_cidr, of);
	if (!ip_parse_ranges(p->cluster, cfg->cluster_cidr, &p->first_cluster))
		return err_set(reterr, ERR_INVALID, "cluster range \"%s\": %s", cfg->cluster_cidr ? cfg->cluster_cidr : "", of);
	if (!ip_parse_ranges(n->bridge.service, cfg->service_cidr, &p->first_service))
		return err_set(reterr, ERR_INVALID, "service range \"%s\": %s", cfg->service_cidr ? cfg->service_cidr : "", of);
	if (!ip_parse_both(n->bridge.dns, cfg->dns_ip, &p->first_dns))
		return err_set(reterr, ERR_INVALID, "DNS address \"%s\": must be an IP address, or one of each family with a comma", cfg->dns_ip ?
			cfg->dns_ip : "");
	if (cfg->address)
		ip_parse_both(n->address, cfg->address, &n->first_address);
	return 0;
}

/* What pods may have: the same number of a pod's address in both families. */
static int parse_pods(struct net *n, struct err *reterr)
{
	static const struct { int min, max; } prefixes[IP_FAMILIES] = { { 16, 29 }, { 48, 124 } };

	n->slot_count = UINT16_MAX - 2;
	for (int f = 0; f < IP_FAMILIES; f++) {
		const struct ip_range *r = &n->pods_of[f];
		int host = ip_families[f].bits - r->prefix;

		if (!r->ip.len)
			continue;
		if (r->prefix < prefixes[f].min || r->prefix > prefixes[f].max)
			return err_set(reterr, ERR_INVALID, "the IPv%d pod range is a /%d: from /%d to /%d", ip_families[f].number, r->prefix,
				prefixes[f].min, prefixes[f].max);
		n->bridge.gateway[f] = ip_add(&r->ip, 1);
		n->bridge.prefix[f] = r->prefix;
		if (host < 16 && (1u << host) - 3 < n->slot_count)
			n->slot_count = (1u << host) - 3;
	}
	return 0;
}

static void base_family(struct net *n, const struct net_config *cfg, const struct parsed *p, int f, char **at)
{
	struct plan_family *b = &n->base.f[f];
	const struct ip_range *pods = &n->pods_of[f];

	*b = (struct plan_family){ .on = pods->ip.len || n->bridge.service[f].ip.len, .cluster = PLAN_CLUSTER_SET, .mask = "" };
	if (n->bridge.service[f].ip.len)
		b->service = part_of(at, cfg->service_cidr, f, p->first_service);
	if (n->bridge.dns[f].len)
		b->dns = part_of(at, cfg->dns_ip, f, p->first_dns);
	if (n->address[f].len)
		b->address = part_of(at, cfg->address, f, n->first_address);
	if (pods->ip.len)
		b->pods = part_of(at, cfg->pod_cidr, f, n->first_pods);
	if (p->cluster[f].ip.len && (!pods->ip.len || (ip_within(&p->cluster[f], &pods->ip) && p->cluster[f].prefix <= pods->prefix)))
		b->cluster = part_of(at, cfg->cluster_cidr, f, p->first_cluster);
	else if (pods->ip.len)
		b->mask = mask_text(at, pods);
	else
		b->cluster = f == IP4 ? "0.0.0.0/32" : "::/128";       /* nobody */
}

#define TEXT_SIZE(s) ((s) ? strlen(s) + 2 : 0)

static int parse_config(struct net *n, const struct net_config *cfg, struct err *reterr)
{
	struct parsed p = { 0 };
	char *at;
	int rc;

	if (!cfg->name || !*cfg->name || strlen(cfg->name) > 6 || strspn(cfg->name, "abcdefghijklmnopqrstuvwxyz") != strlen(cfg->name))
		return err_set(reterr, ERR_INVALID, "network name: one to six letters a-z");
	n->with_pods = cfg->pod_cidr;
	if ((rc = parse_texts(n, cfg, &p, reterr)) || (rc = parse_pods(n, reterr)))
		return rc;
	snprintf(n->bridge.name, sizeof(n->bridge.name), "%s0", cfg->name);
	n->name = strdup(cfg->name);
	n->state_dir = strdup(cfg->state_dir);
	n->texts = at = calloc(1, TEXT_SIZE(cfg->pod_cidr) + TEXT_SIZE(cfg->cluster_cidr) + TEXT_SIZE(cfg->service_cidr) + TEXT_SIZE(cfg->dns_ip) +
		TEXT_SIZE(cfg->address) + IP_FAMILIES * (IP_TEXT + 4));
	if (!n->name || !n->state_dir || !at)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	n->base.table = n->name;
	for (int f = 0; f < IP_FAMILIES; f++)
		base_family(n, cfg, &p, f, &at);
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
		rc = n->with_pods ? link_bridge_up(&n->bridge, n->name, reterr) : link_alone_up(&n->bridge, n->name, reterr);
	if (!rc && !n->with_pods && !(rc = direct_keep(NULL, 0, reterr)))
		rc = policy_down(n->name, reterr);     /* of an earlier life: not ours to say any more */
	if (!rc && (peers_open(n) || announce_open(n) || pulse_open(n) || linkwatch_open(n) || ranges_open(n)))
		rc = err_set(reterr, ERR_NOMEM, "out of memory");
	if (!rc && n->with_pods)
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
	map_finish(&n->members);
	free(n->slot_used);
	free(n->texts);
	free(n->name);
	free(n->state_dir);
	free(n);
}

int net_down(const char *name, const char *state_dir, struct err *reterr)
{
	BUF_AUTO struct buf text = { 0 };
	char message[512] = "out of memory";
	struct nft_ctx *rules;
	int rc, r;

	rc = link_bridge_down(name, reterr);
	r = ranges_down(reterr);
	rc = r ? r : rc;
	r = uplink_keep(NULL, 0, reterr);
	rc = r ? r : rc;
	r = direct_keep(NULL, 0, reterr);
	rc = r ? r : rc;
	for (int f = 0; f < IP_FAMILIES; f++)
		if (f == IP4 || file_exists("/proc/self/net/if_inet6"))        /* not every kernel has IPv6 */
			buf_printf(&text, "add table %s %s\ndelete table %s %s\n", ip_families[f].nft, name, ip_families[f].nft, name);
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
