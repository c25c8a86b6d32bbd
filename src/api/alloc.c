/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc - cluster IPs and node ports, handed out from memory. Who uses what is in the
 * Services themselves: counted from the cache at start and by its events after that.
 * A write reserves before it is queued; its event then takes the reservation over,
 * its failure gives it back.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "base/text.h"

#define PORT_MIN 30000
#define PORT_MAX 32767
#define IPS_MAX  65536u        /* of a larger range the first ones */
#define RESERVED_MAX 260u

struct claim { bool port; uint32_t n; };   /* one address (offset) or port */

struct allocator {
	struct api *api;
	struct cache_observer *obs;
	int family, prefix;
	uint8_t base[16];
	uint32_t ip_count;
	uint16_t *ips;                 /* users of base + i */
	uint16_t ports[PORT_MAX - PORT_MIN + 1];
};

struct reservation { struct claim v[RESERVED_MAX]; size_t n; };

static void nth_address(const struct allocator *al, uint32_t n, uint8_t out[16])
{
	size_t i = al->family == 4 ? 4 : 16;

	memcpy(out, al->base, 16);
	while (i > 0 && n) {
		n += out[--i];
		out[i] = (uint8_t)n;
		n >>= 8;
	}
}

void alloc_ip(const struct api *a, unsigned nth, char out[46])
{
	uint8_t addr[16];

	nth_address(a->alloc, nth, addr);
	text_ip(out, a->alloc->family, addr);
}

/* Offset of an address of our range; false: it is outside. */
static bool offset_of(const struct allocator *al, const char *ip, uint32_t *ret)
{
	uint8_t addr[16], probe[16];
	int family;
	size_t len = al->family == 4 ? 4 : 16;
	uint32_t n = 0, first = 0;

	if (text_parse_ip(ip, &family, addr) || family != al->family)
		return false;
	for (size_t i = len - 4; i < len; i++) {
		n = n << 8 | addr[i];
		first = first << 8 | al->base[i];
	}
	n -= first;
	if (n >= al->ip_count)
		return false;
	nth_address(al, n, probe);
	if (memcmp(probe, addr, len))
		return false;
	*ret = n;
	return true;
}

/* ---- who uses what ---- */

static void count(struct allocator *al, yyjson_val *service, int by)
{
	yyjson_val *ips = doc_get(service, "spec.clusterIPs"), *ports = doc_get(service, "spec.ports"), *it;
	const char *one = doc_str(service, "spec.clusterIP");
	size_t i, max;
	uint32_t n;
	int64_t health = doc_int(service, "spec.healthCheckNodePort", 0);

	if (!yyjson_arr_size(ips) && one && offset_of(al, one, &n))
		al->ips[n] = (uint16_t)(al->ips[n] + by);
	yyjson_arr_foreach(ips, i, max, it)
		if (yyjson_is_str(it) && offset_of(al, yyjson_get_str(it), &n))
			al->ips[n] = (uint16_t)(al->ips[n] + by);
	yyjson_arr_foreach(ports, i, max, it) {
		int64_t p = doc_int(it, "nodePort", 0);

		if (p >= PORT_MIN && p <= PORT_MAX)
			al->ports[p - PORT_MIN] = (uint16_t)(al->ports[p - PORT_MIN] + by);
	}
	if (health >= PORT_MIN && health <= PORT_MAX)
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
	int bits;

	if (!al)
		return err_set(reterr, ERR_NOMEM, "opening the allocator: out of memory");
	if (text_parse_cidr(a->service_cidr, &al->family, al->base, &al->prefix)) {
		free(al);
		return err_set(reterr, ERR_BAD_REQUEST, "the service range \"%s\" is not a CIDR like 10.96.0.0/16",
			a->service_cidr);
	}
	bits = (al->family == 4 ? 32 : 128) - al->prefix;
	al->ip_count = bits >= 16 ? IPS_MAX : 1u << bits;
	if (al->ip_count < 16) {
		free(al);
		return err_set(reterr, ERR_BAD_REQUEST, "the service range \"%s\" is too small: it needs 16 addresses",
			a->service_cidr);
	}
	al->api = a;
	al->ips = calloc(al->ip_count, sizeof(*al->ips));
	al->obs = al->ips ? cache_observe(a->cache, a->k.service->store, true, on_service, al) : NULL;
	if (!al->obs) {
		alloc_close(al);
		return err_set(reterr, ERR_NOMEM, "opening the allocator: out of memory");
	}
	al->ips[0]++;                          /* the network's own address */
	if (al->family == 4)
		al->ips[al->ip_count - 1]++;   /* and its broadcast address */
	*ret = al;
	return 0;
}

void alloc_close(struct allocator *al)
{
	if (!al)
		return;
	if (al->obs)
		cache_unobserve(al->obs);
	free(al->ips);
	free(al);
}

/* ---- handing out ---- */

static void take(struct call *c, struct claim cl)
{
	struct allocator *al = c->api->alloc;
	struct reservation *r = c->reservation;
	uint16_t *users = cl.port ? &al->ports[cl.n] : &al->ips[cl.n];

	(*users)++;
	r->v[r->n++] = cl;
}

void alloc_undo(struct call *c)
{
	struct allocator *al = c->api->alloc;
	struct reservation *r = c->reservation;

	if (!c->reserved || !r)
		return;
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].port)
			al->ports[r->v[i].n]--;
		else
			al->ips[r->v[i].n]--;
	}
	r->n = 0;
	c->reserved = false;
}

/* A free one, searched from a random place above the part that people pick from. */
static bool find_free(const uint16_t *users, uint32_t n, uint32_t skip, uint32_t *ret)
{
	uint32_t from = skip + env_random_below(n - skip);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (from + i) % n;

		if (!users[at]) {
			*ret = at;
			return true;
		}
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

static enum step take_ip(struct call *c, yyjson_mut_val *spec)
{
	struct allocator *al = c->api->alloc;
	const char *ip = doc_mstr(spec, "clusterIP"), *old = doc_mstr(c->old, "spec.clusterIP");
	yyjson_mut_val *list;
	char text[46];
	uint8_t addr[16];
	uint32_t n;

	if (ip && !strcmp(ip, "None")) {
		list = yyjson_mut_arr(c->doc);
		return list && yyjson_mut_arr_add_str(c->doc, list, "None") &&
			doc_mset(c->doc, spec, "clusterIPs", list) ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
	}
	if (ip && *ip && old && !strcmp(ip, old))
		return STEP_NEXT;
	if (ip && *ip) {
		if (!offset_of(al, ip, &n))
			return invalid(c, "spec.clusterIPs", "Invalid value: [\"%s\"]: failed to allocate IP %s: "
				"the provided IP (%s) is not in the valid range. The range of valid IPs is %s",
				ip, ip, ip, c->api->service_cidr);
		if (al->ips[n])
			return invalid(c, "spec.clusterIPs", "Invalid value: [\"%s\"]: failed to allocate IP %s: "
				"provided IP is already allocated", ip, ip);
	} else {
		/* The first addresses are for those that people choose. Source: KEP-3070 */
		uint32_t skip = al->ip_count / 16;

		skip = skip < 16 ? 16 : skip > 256 ? 256 : skip;
		if (skip >= al->ip_count)
			skip = 0;
		if (!find_free(al->ips, al->ip_count, skip, &n)) {
			alloc_undo(c);
			return fail_status(c, 500, "InternalError", NULL, 0,
				"Internal error occurred: failed to allocate a serviceIP: range is full");
		}
	}
	take(c, (struct claim){ false, n });
	nth_address(al, n, addr);
	text_ip(text, al->family, addr);
	list = yyjson_mut_arr(c->doc);
	if (!list || !yyjson_mut_arr_add_strcpy(c->doc, list, text) ||
	    !doc_mset_str(c->doc, spec, "clusterIP", text) || !doc_mset(c->doc, spec, "clusterIPs", list))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}

static bool in_spec(yyjson_mut_val *spec, int64_t node_port)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *p;

	if (spec && doc_mint(spec, "healthCheckNodePort", 0) == node_port)
		return true;
	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "ports"), &it);
	while ((p = yyjson_mut_arr_iter_next(&it)))
		if (doc_mint(p, "nodePort", 0) == node_port)
			return true;
	return false;
}

/* Whether this call has set the port aside already. */
static bool port_taken_here(const struct reservation *r, uint32_t n)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].port && r->v[i].n == n)
			return true;
	return false;
}

static enum step take_port(struct call *c, yyjson_mut_val *spec, yyjson_mut_val *holder,
	const char *key, const char *field)
{
	struct allocator *al = c->api->alloc;
	int64_t want = doc_mint(holder, key, 0);
	yyjson_mut_val *old = doc_mget(c->old, "spec");
	uint32_t n;

	if (want && in_spec(old, want))
		return STEP_NEXT;
	if (want) {
		if (want < PORT_MIN || want > PORT_MAX)
			return invalid(c, field, "Invalid value: %lld: provided port is not in the valid range. "
				"The range of valid ports is 30000-32767", (long long)want);
		n = (uint32_t)(want - PORT_MIN);
		/* One number for TCP and UDP of one Service is one allocation. */
		if (al->ports[n] && !(holder != spec && port_taken_here(c->reservation, n)))
			return invalid(c, field, "Invalid value: %lld: provided port is already allocated",
				(long long)want);
	} else if (!find_free(al->ports, PORT_MAX - PORT_MIN + 1, 86, &n)) {
		alloc_undo(c);
		return fail_status(c, 500, "InternalError", NULL, 0,
			"Internal error occurred: failed to allocate a nodePort: range is full");
	}
	if (c->reservation->n == RESERVED_MAX)
		return invalid(c, field, "Invalid value: too many ports");
	take(c, (struct claim){ true, n });
	if (!want && !doc_mset_int(c->doc, holder, key, PORT_MIN + n))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}

/* The node port that the same port has for another protocol, 0: none. */
static int64_t node_port_of(yyjson_mut_val *spec, int64_t port)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *p;

	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "ports"), &it);
	while ((p = yyjson_mut_arr_iter_next(&it)))
		if (doc_mint(p, "port", 0) == port && doc_mint(p, "nodePort", 0))
			return doc_mint(p, "nodePort", 0);
	return 0;
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
			same = given ? 0 : node_port_of(spec, doc_mint(p, "port", 0));
			if (same && !doc_mset_int(c->doc, p, "nodePort", same))
				return fail_err(c, -ERR_SIZE, NULL);
			step = take_port(c, spec, p, "nodePort", field ? field : "spec.ports");
			if (step != STEP_NEXT)
				return step;
		}
	}
	return STEP_NEXT;
}

static bool is(yyjson_mut_val *spec, const char *key, const char *value)
{
	const char *s = doc_mstr(spec, key);

	return s && !strcmp(s, value);
}

enum step alloc_service(struct call *c)
{
	yyjson_mut_val *spec = doc_mobj(c->doc, c->obj, "spec");
	bool node_ports, balancer;
	enum step step = STEP_NEXT;

	if (*c->sub)
		return STEP_NEXT;
	if (!c->reservation)
		c->reservation = arena_zalloc(c->arena, sizeof(*c->reservation));
	if (!spec || !c->reservation)
		return fail_err(c, -ERR_SIZE, NULL);
	c->reservation->n = 0;
	c->reserved = true;
	balancer = is(spec, "type", "LoadBalancer");
	node_ports = is(spec, "type", "NodePort") ||
		(balancer && doc_mbool(spec, "allocateLoadBalancerNodePorts", true));
	if (!is(spec, "type", "ExternalName")) {
		step = alloc_families(c, spec, c->api->alloc->family);
		if (step == STEP_NEXT)
			step = take_ip(c, spec);
	}
	if (step == STEP_NEXT && (node_ports || balancer))
		step = take_ports(c, spec, node_ports);
	if (step == STEP_NEXT && balancer && is(spec, "externalTrafficPolicy", "Local"))
		step = take_port(c, spec, spec, "healthCheckNodePort", "spec.healthCheckNodePort");
	if (step != STEP_NEXT)
		alloc_undo(c);
	return step;
}
