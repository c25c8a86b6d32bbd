/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc_address - cluster IPs: from the ServiceCIDRs that are ready and stay, and from the
 * configured range unless a ServiceCIDR of the same addresses says otherwise. Ranges may
 * overlap: holders are counted by address. An IPAddress that somebody else keeps is taken.
 *
 * A range's lowest addresses are for those that people choose, and given out when all
 * others are held.
 * Source: kubernetes pkg/registry/core/service/ipallocator; KEP-1880, KEP-3070.
 */
#define LOG_MODULE "api"
#include <stdlib.h>
#include <string.h>

#include "api/alloc_priv.h"
#include "base/env.h"
#include "base/log.h"
#include "base/map.h"
#include "base/text.h"

#define IP_STORE   "networking.k8s.io/ipaddresses"
#define MANAGED_BY "ipaddress.kubernetes.io/managed-by"
#define ALLOCATOR  "ipallocator.k8s.io"
#define SIZE_BITS_MAX 62       /* of a larger range (IPv6) the first addresses */
#define TEXT_MAX 46

struct range {
	const char *text;
	uint8_t base[16];
	int family, prefix;
	uint64_t first, last, above;   /* offsets of its hosts; from above on those that are picked first */
};
struct addresses {
	struct api *api;
	struct range own;              /* the configured one */
	struct map users;              /* address as text_ip() writes it -> number of holders */
};

/* ---- ranges ---- */

static int range_parse(struct range *r, const char *cidr)
{
	uint64_t size, chosen;
	int bits;

	if (text_parse_cidr(cidr, &r->family, r->base, &r->prefix))
		return -ERR_BAD_REQUEST;
	r->text = cidr;
	bits = (r->family == 4 ? 32 : 128) - r->prefix;
	size = 1ull << (bits > SIZE_BITS_MAX ? SIZE_BITS_MAX : bits);
	chosen = size / 16 < 16 ? 16 : size / 16 > 256 ? 256 : size / 16;
	r->first = 1;                                  /* not the network's own address */
	r->last = size - (r->family == 4 ? 2 : 1);     /* nor the broadcast address */
	r->above = size <= 16 ? r->first : r->first + chosen;
	return size < 4 ? -ERR_BAD_REQUEST : 0;
}

static void nth(const struct range *r, uint64_t n, char out[TEXT_MAX])
{
	uint8_t addr[16];
	size_t i = r->family == 4 ? 4 : 16;
	unsigned carry = 0;

	memcpy(addr, r->base, 16);
	while (i > 0) {
		carry += addr[--i] + (unsigned)(n & 255);
		addr[i] = (uint8_t)carry;
		carry >>= 8;
		n >>= 8;
	}
	text_ip(out, r->family, addr);
}

static bool has(const struct range *r, int family, const uint8_t addr[16])
{
	char text[TEXT_MAX], first[TEXT_MAX], last[TEXT_MAX];

	if (family != r->family || !text_ip_within(addr, r->base, r->prefix))
		return false;
	text_ip(text, family, addr);
	nth(r, 0, first);
	nth(r, r->last + 1, last);
	return strcmp(text, first) && (family == 6 || strcmp(text, last));
}

static bool is_ready(struct cache_obj *cidr)
{
	yyjson_val *v;
	size_t i, max;

	if (cidr->deleting)
		return false;
	yyjson_arr_foreach(doc_get(cache_tree(cidr), "status.conditions"), i, max, v)
		if (yyjson_equals_str(yyjson_obj_get(v, "type"), "Ready"))
			return yyjson_equals_str(yyjson_obj_get(v, "status"), "True");
	return true;
}

/* False ends the walk. */
typedef bool range_fn(void *arg, const struct range *r);
struct walk { const struct addresses *ad; range_fn *fn; void *arg; bool own, on; };

static bool each_cidr(void *arg, struct cache_obj *o)
{
	struct walk *w = arg;
	yyjson_val *v;
	size_t i, max;

	yyjson_arr_foreach(doc_get(cache_tree(o), "spec.cidrs"), i, max, v) {
		const char *text = yyjson_get_str(v);
		struct range r;

		if (!text || range_parse(&r, text) || r.family != w->ad->own.family)
			continue;
		if (r.prefix == w->ad->own.prefix && !memcmp(r.base, w->ad->own.base, r.family == 4 ? 4 : 16))
			w->own = true;
		if (w->on && is_ready(o))
			w->on = w->fn(w->arg, &r);
	}
	return true;
}

static void each_range(const struct addresses *ad, range_fn *fn, void *arg)
{
	struct walk w = { .ad = ad, .fn = fn, .arg = arg, .on = true };

	cache_each(ad->api->cache, ad->api->k.service_cidr->store, NULL, NULL, NULL, each_cidr, &w);
	if (!w.own && w.on)
		fn(arg, &ad->own);
}

static bool add_text(void *arg, const struct range *r)
{
	struct buf *out = arg;

	buf_printf(out, "%s%s", out->len ? ", " : "", r->text);
	return true;
}

void addresses_ranges(const struct addresses *ad, struct buf *out)
{
	each_range(ad, add_text, out);
}

/* ---- one address ---- */

struct question { uint8_t addr[16]; int family; bool known; };

static bool ask_range(void *arg, const struct range *r)
{
	struct question *q = arg;

	q->known = has(r, q->family, q->addr);
	return !q->known;
}

bool addresses_known(const struct addresses *ad, const char *ip)
{
	struct question q = { .known = false };

	if (!text_parse_ip(ip, &q.family, q.addr))
		each_range(ad, ask_range, &q);
	return q.known;
}

static bool canonical(char out[TEXT_MAX], const char *ip)
{
	uint8_t addr[16];
	int family;

	if (text_parse_ip(ip, &family, addr))
		return false;
	text_ip(out, family, addr);
	return true;
}

void addresses_count(struct addresses *ad, const char *ip, int by)
{
	char text[TEXT_MAX];
	intptr_t n;

	if (!canonical(text, ip))
		return;
	n = (intptr_t)map_get(&ad->users, text) + by;
	if (n <= 0)
		map_del(&ad->users, text);
	else if (map_put(&ad->users, text, (void *)n, NULL))
		log_error("cluster IP %s may be given out twice: out of memory", text);
}

bool addresses_taken(const struct addresses *ad, const char *ip)
{
	struct cache_obj *o;
	char text[TEXT_MAX];

	if (!canonical(text, ip) || map_get(&ad->users, text))
		return true;
	o = cache_get(ad->api->cache, IP_STORE, "", text);
	/* Those of the allocator follow the Services, and may be late. */
	return o && !yyjson_equals_str(yyjson_obj_get(doc_get(cache_tree(o), "metadata.labels"), MANAGED_BY), ALLOCATOR);
}

/* ---- picking one ---- */

struct pick { const struct addresses *ad; char *out; bool found; };

static uint64_t random_below(uint64_t n)
{
	uint64_t v;

	if (n <= UINT32_MAX)
		return env_random_below((uint32_t)n);
	env_random(&v, sizeof(v));
	return v % n;
}

/* From a random place on, around: behind as many as are held, one is free. */
static bool pick_between(struct pick *p, const struct range *r, uint64_t first, uint64_t last)
{
	uint64_t n = last - first + 1, at;

	if (first > last)
		return false;
	at = random_below(n);
	for (uint64_t i = 0; i < n; i++, at = (at + 1) % n) {
		nth(r, first + at, p->out);
		if (!addresses_taken(p->ad, p->out))
			return true;
	}
	return false;
}

static bool pick_from(void *arg, const struct range *r)
{
	struct pick *p = arg;

	p->found = pick_between(p, r, r->above, r->last) || pick_between(p, r, r->first, r->above - 1);
	return !p->found;
}

bool addresses_pick(const struct addresses *ad, char out[46])
{
	struct pick p = { .ad = ad, .out = out };

	each_range(ad, pick_from, &p);
	return p.found;
}

void addresses_nth(const struct addresses *ad, unsigned n, char out[46])
{
	nth(&ad->own, n, out);
}

/* ---- its life ---- */

int addresses_family(const struct addresses *ad)
{
	return ad->own.family;
}

int addresses_open(struct addresses **ret, struct api *a, struct err *reterr)
{
	struct addresses *ad = calloc(1, sizeof(*ad));

	if (!ad)
		return err_set(reterr, ERR_NOMEM, "opening the allocator: out of memory");
	ad->api = a;
	if (range_parse(&ad->own, a->service_cidr)) {
		free(ad);
		return err_set(reterr, ERR_BAD_REQUEST, "the service range \"%s\" is not a CIDR like 10.96.0.0/16",
			a->service_cidr);
	}
	if (ad->own.last < 13) {
		free(ad);
		return err_set(reterr, ERR_BAD_REQUEST, "the service range \"%s\" is too small: it needs 16 addresses",
			a->service_cidr);
	}
	*ret = ad;
	return 0;
}

void addresses_close(struct addresses *ad)
{
	if (!ad)
		return;
	map_finish(&ad->users);
	free(ad);
}
