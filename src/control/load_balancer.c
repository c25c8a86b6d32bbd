/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_balancer - each Service of type LoadBalancer gets an address of the pool and keeps it until
 * it goes or changes its type. Nodes announce it (src/agent/announce.c).
 *
 * A Service that asks for an address (spec.loadBalancerIP) gets that one or none; one of another
 * class than ours is somebody else's. An address is held from the moment it is chosen; who gets
 * none waits until one is given back.
 * Source: kubernetes cloud-provider/controllers/service/controller.go (what is wanted, events).
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define OWN_CLASS "sampan.io/pool"
#define RANGES_MAX 64u
#define POOL_MAX 65536u                /* addresses */

struct range { uint32_t first, last; };
static struct { struct range v[RANGES_MAX]; unsigned n; } pool;

struct balancer {
	struct map services;           /* "ns/name" -> its address, a uint32_t of the heap */
	struct map used;               /* the address as text -> anything */
	struct map waiting;            /* "ns/name" */
};

static bool parse4(const char *s, uint32_t *ret)
{
	uint8_t a[16];
	int family;

	if (!s || text_parse_ip(s, &family, a) || family != 4)
		return false;
	*ret = (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];
	return true;
}

/* "192.0.2.10-192.0.2.50", "198.51.100.0/28" or one address. */
static bool parse_range(char *s, struct range *ret)
{
	char *dash = strchr(s, '-');
	uint8_t a[16];
	int family, prefix;

	if (dash) {
		*dash = 0;
		return parse4(s, &ret->first) && parse4(dash + 1, &ret->last) && ret->first <= ret->last;
	}
	if (!strchr(s, '/')) {
		ret->last = 0;
		return parse4(s, &ret->first) && (ret->last = ret->first);
	}
	if (text_parse_cidr(s, &family, a, &prefix) || family != 4 || prefix < 1)
		return false;
	ret->first = ((uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3]) & (~0u << (32 - prefix));
	ret->last = ret->first | (prefix == 32 ? 0 : ~0u >> prefix);
	return true;
}

int ctl_balancer_pool_set(const char *text)
{
	char copy[4096], *save = NULL;
	uint64_t total = 0;

	memset(&pool, 0, sizeof(pool));
	if (!text)
		return 0;
	if (strlen(text) >= sizeof(copy))
		return -ERR_SIZE;
	strcpy(copy, text);
	for (char *s = strtok_r(copy, ", ", &save); s; s = strtok_r(NULL, ", ", &save)) {
		struct range *r = &pool.v[pool.n];

		if (pool.n == RANGES_MAX || !parse_range(s, r) || (total += (uint64_t)r->last - r->first + 1) > POOL_MAX) {
			memset(&pool, 0, sizeof(pool));
			return -ERR_INVALID;
		}
		pool.n++;
	}
	return pool.n ? 0 : -ERR_INVALID;
}

static bool in_pool(uint32_t addr)
{
	for (unsigned i = 0; i < pool.n; i++)
		if (addr >= pool.v[i].first && addr <= pool.v[i].last)
			return true;
	return false;
}

static void print4(char out[46], uint32_t addr)
{
	uint8_t a[16] = { (uint8_t)(addr >> 24), (uint8_t)(addr >> 16), (uint8_t)(addr >> 8), (uint8_t)addr };

	text_ip(out, 4, a);
}

static void key_of(char out[600], const char *ns, const char *name)
{
	snprintf(out, 600, "%s/%s", ns, name);
}

/* 0, -ERR_EXISTS: another's; -ERR_NOMEM. */
static int hold(struct balancer *b, const char *key, uint32_t addr)
{
	uint32_t *mine = map_get(&b->services, key);
	char ip[46];

	print4(ip, addr);
	if (mine && *mine == addr)
		return 0;
	if (map_get(&b->used, ip))
		return -ERR_EXISTS;
	if (mine)
		return -ERR_CONFLICT;
	if (!(mine = malloc(sizeof(*mine))) || map_put(&b->services, key, mine, NULL) || map_put(&b->used, ip, b, NULL)) {
		if (map_get(&b->services, key) == mine)
			map_del(&b->services, key);
		free(mine);
		return -ERR_NOMEM;
	}
	*mine = addr;
	return 0;
}

/* Whoever waits may find it free. */
static void give_back(struct ctl *c, const char *key)
{
	struct balancer *b = ctl_state(c);
	uint32_t *mine = map_del(&b->services, key);
	const char *who;
	char ip[46], ns[600];
	size_t it = 0;
	void *v;

	map_del(&b->waiting, key);
	if (!mine)
		return;
	print4(ip, *mine);
	map_del(&b->used, ip);
	free(mine);
	while (map_next(&b->waiting, &it, &who, &v)) {
		snprintf(ns, sizeof(ns), "%.*s", (int)strcspn(who, "/"), who);
		ctl_enqueue(c, ns, strchr(who, '/') + 1);
	}
}

static bool is_ours(yyjson_val *svc)
{
	const char *type = doc_str(svc, "spec.type"), *class = doc_str(svc, "spec.loadBalancerClass");

	return type && !strcmp(type, "LoadBalancer") && (!class || !strcmp(class, OWN_CLASS));
}

static void service_changed(struct ctl *c, const struct cache_event *ev)
{
	struct balancer *b = ctl_state(c);
	yyjson_val *svc = ev->type == CACHE_DELETED ? NULL : cache_tree(ev->obj);
	char key[600];
	uint32_t addr;

	if (!pool.n)
		return;
	key_of(key, ev->obj->ns, ev->obj->name);
	if (!svc)
		give_back(c, key);
	else if (is_ours(svc) && parse4(doc_str(svc, "status.loadBalancer.ingress.0.ip"), &addr) && in_pool(addr))
		(void)hold(b, key, addr);      /* another's by now: it gets a new one when it is looked at */
	if (svc && (is_ours(svc) || map_get(&b->services, key)))
		ctl_enqueue(c, ev->obj->ns, ev->obj->name);
}

static int choose(struct balancer *b, const char *key, const char *wish, uint32_t *ret)
{
	if (wish && *wish)
		return !parse4(wish, ret) || !in_pool(*ret) ? -ERR_NOT_FOUND : hold(b, key, *ret);
	for (unsigned i = 0; i < pool.n; i++)
		for (uint64_t a = pool.v[i].first; a <= pool.v[i].last; a++) {
			int rc = hold(b, key, *ret = (uint32_t)a);

			if (rc != -ERR_EXISTS)
				return rc;
		}
	return -ERR_FULL;
}

static void write_status(struct ctl *c, struct cache_obj *o, const char *ip)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *patch = yyjson_mut_obj(d), *list = yyjson_mut_arr(d), *one;

	if (ip) {
		one = yyjson_mut_arr_add_obj(d, list);
		doc_mset_str(d, one, "ip", ip);
		doc_mset_str(d, one, "ipMode", "VIP");
	}
	doc_mset(d, patch, "status.loadBalancer.ingress", ip ? list : yyjson_mut_null(d));
	ctl_patch(c, ctl_kind("", "services"), o->ns, o->name, "status", patch);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *o = cache_get(ctl_cache(c), "core/services", ns, name);
	struct balancer *b = ctl_state(c);
	yyjson_val *svc;
	const char *wish, *shown;
	char key[600], ip[46];
	uint32_t *mine, addr;
	int rc = 0;

	key_of(key, ns, name);
	if (!o || o->deleting)
		return 0;                      /* its address goes with it */
	svc = cache_tree(o);
	shown = doc_str(svc, "status.loadBalancer.ingress.0.ip");
	mine = map_get(&b->services, key);
	if (!is_ours(svc)) {
		if (mine && shown)
			write_status(c, o, NULL);
		give_back(c, key);
		return 0;
	}
	wish = doc_str(svc, "spec.loadBalancerIP");
	if (mine && wish && *wish && (!parse4(wish, &addr) || addr != *mine)) {
		give_back(c, key);
		mine = NULL;
	}
	if (mine)
		addr = *mine;
	else
		rc = choose(b, key, wish, &addr);
	if (rc == -ERR_NOMEM)
		return rc;
	if (rc) {
		map_put(&b->waiting, key, b, NULL);
		ctl_event(c, o, "Warning", "SyncLoadBalancerFailed", rc == -ERR_NOT_FOUND ? "spec.loadBalancerIP %s is not in the pool" :
			rc == -ERR_EXISTS ? "spec.loadBalancerIP %s is in use" : "the pool has no free address%s", rc == -ERR_FULL ? "" : wish);
		if (shown)
			write_status(c, o, NULL);
		return 0;
	}
	map_del(&b->waiting, key);
	print4(ip, addr);
	if (!shown || strcmp(shown, ip) || doc_len(svc, "status.loadBalancer.ingress") != 1) {
		write_status(c, o, ip);
		ctl_event(c, o, "Normal", "EnsuredLoadBalancer", "Ensured load balancer");
	}
	return 0;
}

static void close_state(struct ctl *c)
{
	struct balancer *b = ctl_state(c);
	size_t it = 0;
	void *v;

	while (map_next(&b->services, &it, NULL, &v))
		free(v);
	map_finish(&b->services);
	map_finish(&b->used);
	map_finish(&b->waiting);
}

static const struct ctl_watch watches[] = { { "core/services", service_changed }, { NULL, NULL } };
const struct ctl_def ctl_load_balancer = { .name = "service-controller", .watches = watches, .reconcile = reconcile,
	.state_bytes = sizeof(struct balancer), .close = close_state };
