/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc - cluster IPs and node ports, handed out from memory. Who uses what is in the
 * Services themselves: counted from the cache at start and by its events after that.
 * A write reserves before it is queued; its event then takes the reservation over,
 * its failure gives it back. What other servers over the same store have reserved is in a
 * ledger (ledger.h).
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "api/alloc_priv.h"
#include "api/ledger.h"
#include "base/env.h"
#include "base/text.h"

#define PORT_MIN 30000
#define PORT_MAX 32767
#define PORTS (PORT_MAX - PORT_MIN + 1)

struct allocator {
	struct api *api;
	struct cache_observer *obs;
	struct addresses *addresses;
	uint16_t ports[PORTS];         /* users of PORT_MIN + i */
};

/* What one write set aside, and what it needs to know for that. */
struct reservation {
	char ip[2][46];                /* by place in its ipFamilies; "": none */
	uint8_t ports[PORTS];          /* how often */
	bool had[PORTS];               /* what the Service holds already */
	uint16_t by_number[65536];     /* the node port that a port has for some protocol */
};

unsigned alloc_configured(const struct api *a, int ret[2])
{
	return addresses_families(a->alloc->addresses, ret);
}

void alloc_ip(const struct api *a, unsigned nth, char out[46])
{
	addresses_nth(a->alloc->addresses, nth, out);
}

/* ---- who uses what ---- */

static bool is_node_port(int64_t p) { return p >= PORT_MIN && p <= PORT_MAX; }

/* Of an ExternalName nothing is held; node ports are of the types that have them.
 * Source: kubernetes pkg/registry/core/service/storage/alloc.go (needsClusterIP, needsNodePort). */
static bool holds_addresses(const char *type) { return !type || strcmp(type, "ExternalName"); }
static bool holds_ports(const char *type) { return type && (!strcmp(type, "NodePort") || !strcmp(type, "LoadBalancer")); }

static void count(struct allocator *al, yyjson_val *service, int by)
{
	yyjson_val *ips = doc_get(service, "spec.clusterIPs"), *ports = doc_get(service, "spec.ports"), *it;
	const char *one = doc_str(service, "spec.clusterIP"), *type = doc_str(service, "spec.type");
	int64_t health = doc_int(service, "spec.healthCheckNodePort", 0);
	size_t i, max;

	if (holds_addresses(type) && !yyjson_arr_size(ips) && one)
		addresses_count(al->addresses, one, by);
	if (holds_addresses(type))
		yyjson_arr_foreach(ips, i, max, it)
			if (yyjson_is_str(it))
				addresses_count(al->addresses, yyjson_get_str(it), by);
	if (!holds_ports(type))
		return;
	yyjson_arr_foreach(ports, i, max, it) {
		int64_t p = doc_int(it, "nodePort", 0);

		if (is_node_port(p))
			al->ports[p - PORT_MIN] = (uint16_t)(al->ports[p - PORT_MIN] + by);
	}
	if (is_node_port(health))
		al->ports[health - PORT_MIN] = (uint16_t)(al->ports[health - PORT_MIN] + by);
}

static void on_service(void *arg, const struct cache_event *ev)
{
	struct allocator *al = arg;

	count(al, cache_tree(ev->obj), ev->type == CACHE_DELETED ? -1 : 1);
	if (ev->old)
		count(al, cache_tree(ev->old), -1);
}

int alloc_open(struct allocator **ret, struct api *a, struct err *reterr)
{
	struct allocator *al = calloc(1, sizeof(*al));
	int rc;

	if (!al)
		return err_set(reterr, ERR_NOMEM, "opening the allocator: out of memory");
	al->api = a;
	rc = addresses_open(&al->addresses, a, reterr);
	if (rc) {
		free(al);
		return rc;
	}
	al->obs = cache_observe(a->cache, a->k.service->store, true, on_service, al);
	if (!al->obs) {
		alloc_close(al);
		return err_set(reterr, ERR_NOMEM, "opening the allocator: out of memory");
	}
	*ret = al;
	return 0;
}

void alloc_close(struct allocator *al)
{
	if (!al)
		return;
	if (al->obs)
		cache_unobserve(al->obs);
	addresses_close(al->addresses);
	free(al);
}

/* ---- handing out ---- */

void alloc_undo(struct call *c)
{
	struct allocator *al = c->api->alloc;
	struct reservation *r = c->reservation;

	if (!c->reserved || !r)
		return;
	for (int i = 0; i < 2; i++) {
		if (*r->ip[i])
			addresses_count(al->addresses, r->ip[i], -1);
		r->ip[i][0] = '\0';
	}
	for (size_t i = 0; i < PORTS; i++)
		al->ports[i] = (uint16_t)(al->ports[i] - r->ports[i]);
	memset(r->ports, 0, sizeof(r->ports));
	c->reserved = false;
}

/* A free one, searched from a random place above the part that people pick from. */
static bool find_free_port(const uint16_t *users, uint32_t skip, uint32_t *ret)
{
	uint32_t from = skip + env_random_below(PORTS - skip);

	for (uint32_t i = 0; i < PORTS; i++) {
		*ret = (from + i) % PORTS;
		if (!users[*ret])
			return true;
	}
	return false;
}

static enum step invalid(struct call *c, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static enum step invalid(struct call *c, const char *field, const char *fmt, ...)
{
	struct field_error *e = NULL;
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	alloc_undo(c);
	field_error_add(c->arena, &e, "FieldValueInvalid", field, "%s", text ? text : "");
	return fail_invalid(c, c->kind->kind, c->group, c->name, e);
}

static enum step refuse_ip(struct call *c, yyjson_mut_val *list, const char *ip)
{
	struct addresses *ad = c->api->alloc->addresses;
	BUF_AUTO struct buf ranges = { 0 };
	uint8_t addr[16];
	int family = 0;

	if (addresses_known(ad, ip))
		return invalid(c, "spec.clusterIPs", "Invalid value: %s: failed to allocate IP %s: provided IP is already allocated",
			addresses_list(c->arena, list), ip);
	if (!text_parse_ip(ip, &family, addr))
		addresses_ranges(ad, family, &ranges);
	return invalid(c, "spec.clusterIPs", "Invalid value: %s: failed to allocate IP %s: "
		"the provided IP (%s) is not in the valid range. The range of valid IPs is %s",
		addresses_list(c->arena, list), ip, ip, ranges.failed || !ranges.len ? "empty" : ranges.p);
}

/* The address of the family at i of ipFamilies: the one that is asked for, or any. */
static enum step take_ip(struct call *c, yyjson_mut_val *spec, yyjson_mut_val *list, size_t i)
{
	struct addresses *ad = c->api->alloc->addresses;
	const char *ip = yyjson_mut_get_str(yyjson_mut_arr_get(list, i));
	int family = yyjson_mut_equals_str(yyjson_mut_arr_get(doc_mget(spec, "ipFamilies"), i), "IPv6") ? 6 : 4;
	char *text = c->reservation->ip[i];

	if (ip && *ip) {
		if (!addresses_known(ad, ip) || addresses_taken(ad, ip))
			return refuse_ip(c, list, ip);
		snprintf(text, sizeof(c->reservation->ip[i]), "%s", ip);
	} else if (!addresses_pick(ad, family, text)) {
		*text = '\0';
		alloc_undo(c);
		return fail_status(c, 500, "InternalError", NULL, 0,
			"Internal error occurred: failed to allocate a serviceIP: range is full");
	}
	addresses_count(ad, text, 1);
	if (!ip || !*ip) {
		yyjson_mut_arr_remove(list, i);
		if (!yyjson_mut_arr_insert(list, yyjson_mut_strcpy(c->doc, text), i))
			return fail_err(c, -ERR_SIZE, NULL);
	}
	return i || doc_mset_str(c->doc, spec, "clusterIP", text) ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
}

/* One for each family; those it holds already stay, and what it no longer says is given back by its event. */
static enum step take_ips(struct call *c, yyjson_mut_val *spec)
{
	yyjson_mut_val *was = doc_mget(c->old, "spec"), *list = doc_marr(c->doc, spec, "clusterIPs");
	size_t families = doc_mlen(spec, "ipFamilies"), held;
	bool held_any = was && holds_addresses(doc_mstr(was, "type"));

	if (!list)
		return fail_err(c, -ERR_SIZE, NULL);
	if (yyjson_mut_equals_str(yyjson_mut_arr_get_first(list), "None") ||
	    (held_any && yyjson_mut_equals_str(yyjson_mut_obj_get(was, "clusterIP"), "None")))
		return STEP_NEXT;
	held = held_any ? doc_mlen(was, "clusterIPs") : 0;
	if (held_any && !held)         /* of before there were lists */
		held = doc_mstr(was, "clusterIP") && *doc_mstr(was, "clusterIP");
	for (size_t i = held; i < families && i < 2; i++) {
		enum step step;

		if (yyjson_mut_arr_size(list) == i && !yyjson_mut_arr_add_str(c->doc, list, ""))
			return fail_err(c, -ERR_SIZE, NULL);
		step = take_ip(c, spec, list, i);
		if (step != STEP_NEXT)
			return step;
	}
	return STEP_NEXT;
}

static void note_old_ports(struct call *c)
{
	yyjson_mut_val *old = doc_mget(c->old, "spec"), *p;
	int64_t health = doc_mint(old, "healthCheckNodePort", 0), n;
	yyjson_mut_arr_iter it;

	if (!holds_ports(doc_mstr(old, "type")))
		return;
	if (is_node_port(health))
		c->reservation->had[health - PORT_MIN] = true;
	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(old, "ports"), &it);
	while ((p = yyjson_mut_arr_iter_next(&it)))
		if (is_node_port(n = doc_mint(p, "nodePort", 0)))
			c->reservation->had[n - PORT_MIN] = true;
}

static enum step take_port(struct call *c, yyjson_mut_val *spec, yyjson_mut_val *holder,
	const char *key, const char *field)
{
	struct allocator *al = c->api->alloc;
	struct reservation *r = c->reservation;
	int64_t want = doc_mint(holder, key, 0);
	uint32_t n;

	if (want) {
		if (!is_node_port(want))
			return invalid(c, field, "Invalid value: %lld: provided port is not in the valid range. "
				"The range of valid ports is 30000-32767", (long long)want);
		n = (uint32_t)(want - PORT_MIN);
		if (r->had[n])
			return STEP_NEXT;
		/* One number for TCP and UDP of one Service is one allocation. */
		if (al->ports[n] && !(holder != spec && r->ports[n]))
			return invalid(c, field, "Invalid value: %lld: provided port is already allocated",
				(long long)want);
	} else if (!find_free_port(al->ports, 86, &n)) {
		alloc_undo(c);
		return fail_status(c, 500, "InternalError", NULL, 0,
			"Internal error occurred: failed to allocate a nodePort: range is full");
	}
	al->ports[n]++;
	r->ports[n]++;
	if (!want && !doc_mset_int(c->doc, holder, key, PORT_MIN + n))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}

/* Remember the node port of p for its other protocols: the first one counts. */
static void note_number(struct call *c, yyjson_mut_val *p)
{
	int64_t port = doc_mint(p, "port", 0), n = doc_mint(p, "nodePort", 0);

	if (port > 0 && port <= 65535 && is_node_port(n) && !c->reservation->by_number[port])
		c->reservation->by_number[port] = (uint16_t)n;
}

static int64_t node_port_of(const struct call *c, yyjson_mut_val *p)
{
	int64_t port = doc_mint(p, "port", 0);

	return port > 0 && port <= 65535 ? c->reservation->by_number[port] : 0;
}

/* Those that are asked for first, so that none of them is picked for another.
 * Source: kubernetes pkg/registry/core/service/storage/alloc.go (initNodePorts). */
static enum step take_ports(struct call *c, yyjson_mut_val *spec, bool all)
{
	for (int pass = 0; pass < 1 + all; pass++) {
		yyjson_mut_arr_iter it;
		yyjson_mut_val *p;
		unsigned i = 0;

		yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "ports"), &it);
		for (; (p = yyjson_mut_arr_iter_next(&it)); i++) {
			const char *field = arena_printf(c->arena, "spec.ports[%u].nodePort", i);
			bool given = doc_mint(p, "nodePort", 0) != 0;
			int64_t same;
			enum step step;

			if (given == pass)
				continue;
			same = given ? 0 : node_port_of(c, p);
			if (same && !doc_mset_int(c->doc, p, "nodePort", same))
				return fail_err(c, -ERR_SIZE, NULL);
			step = take_port(c, spec, p, "nodePort", field ? field : "spec.ports");
			if (step != STEP_NEXT)
				return step;
			note_number(c, p);
		}
	}
	return STEP_NEXT;
}

static bool is(yyjson_mut_val *spec, const char *key, const char *value)
{
	const char *s = doc_mstr(spec, key);

	return s && !strcmp(s, value);
}

static enum step reserve(struct call *c)
{
	yyjson_mut_val *spec = doc_mobj(c->doc, c->obj, "spec");
	bool node_ports, balancer;
	enum step step = STEP_NEXT;

	if (!c->reservation)
		c->reservation = arena_zalloc(c->arena, sizeof(*c->reservation));
	if (!spec || !c->reservation)
		return fail_err(c, -ERR_SIZE, NULL);
	memset(c->reservation, 0, sizeof(*c->reservation));
	c->reserved = true;
	note_old_ports(c);
	balancer = is(spec, "type", "LoadBalancer");
	node_ports = is(spec, "type", "NodePort") ||
		(balancer && doc_mbool(spec, "allocateLoadBalancerNodePorts", true));
	if (!is(spec, "type", "ExternalName"))
		step = take_ips(c, spec);
	if (step == STEP_NEXT && (node_ports || balancer))
		step = take_ports(c, spec, node_ports);
	if (step == STEP_NEXT && balancer && is(spec, "externalTrafficPolicy", "Local"))
		step = take_port(c, spec, spec, "healthCheckNodePort", "spec.healthCheckNodePort");
	if (step != STEP_NEXT)
		alloc_undo(c);
	return step;
}

/* ---- with other servers ---- */

static const char *const ip_keys[2] = { "ip", "secondIP" };

static int describe(struct call *c, yyjson_mut_doc *d, yyjson_mut_val *hold)
{
	const struct reservation *r = c->reservation;
	yyjson_mut_val *ports = yyjson_mut_arr(d);
	bool ok = ports != NULL;

	for (size_t i = 0; i < PORTS && ok; i++)
		if (r->ports[i])
			ok = yyjson_mut_arr_add_int(d, ports, (int64_t)(PORT_MIN + i));
	for (int i = 0; i < 2 && ok; i++)
		ok = !*r->ip[i] || doc_mset_str(d, hold, ip_keys[i], r->ip[i]);
	if (!ok || !doc_mset(d, hold, "ports", ports))
		return -ERR_NOMEM;
	return *r->ip[0] || *r->ip[1] || yyjson_mut_arr_size(ports);
}

static void count_hold(struct api *a, const char *scope, yyjson_val *hold, int by)
{
	struct allocator *al = a->alloc;
	yyjson_val *port;
	size_t i, n;

	(void)scope;
	for (i = 0; i < 2; i++)
		if (doc_str(hold, ip_keys[i]))
			addresses_count(al->addresses, doc_str(hold, ip_keys[i]), by);
	yyjson_arr_foreach(doc_get(hold, "ports"), i, n, port) {
		int64_t p = yyjson_get_sint(port);

		if (is_node_port(p))
			al->ports[p - PORT_MIN] = (uint16_t)(al->ports[p - PORT_MIN] + by);
	}
}

enum step alloc_service(struct call *c)
{
	static const struct ledger_ops ops = { reserve, alloc_undo, describe, count_hold, STEP_AGAIN };

	return *c->sub ? STEP_NEXT : ledger_decide(c, &c->service_seat, LEDGER_SERVICES, &ops);
}
