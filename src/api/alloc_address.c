/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc_address - cluster IPs: from the ServiceCIDRs that are ready and stay, and from the
 * configured ranges, one of a family, unless a ServiceCIDR of the same addresses says otherwise.
 * Ranges may overlap: holders are counted by address, so that a range costs nothing by its size.
 * An IPAddress that somebody else keeps is taken.
 *
 * A range's lowest addresses are for those that people choose, and given out when all
 * others are held.
 * Source: kubernetes pkg/registry/core/service/ipallocator; KEP-1880, KEP-3070.
 */
#define LOG_MODULE "api"
#include <stdlib.h>
#include <string.h>

#include "api/alloc_priv.h"
#include "base/cidr.h"
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
	struct cidr cidr;
	uint64_t first, last, above;   /* offsets of its hosts; from above on those that are picked first */
};
struct addresses {
	struct api *api;
	struct range own[2];           /* the configured ones; the second's family is 0 when there is none */
	struct map users;              /* address as text_ip() writes it -> number of holders */
};

/* ---- ranges ---- */

static int range_of(struct range *r, const struct cidr *c)
{
	int bits = cidr_host_bits(c);
	uint64_t size = 1ull << (bits > SIZE_BITS_MAX ? SIZE_BITS_MAX : bits);
	uint64_t chosen = size / 16 < 16 ? 16 : size / 16 > 256 ? 256 : size / 16;

	r->cidr = *c;
	r->first = 1;                                  /* not the network's own address */
	r->last = size - (c->family == 4 ? 2 : 1);     /* nor the broadcast address */
	r->above = size <= 16 ? r->first : r->first + chosen;
	return size < 4 ? -ERR_BAD_REQUEST : 0;
}

static int range_parse(struct range *r, const char *text)
{
	struct cidr c;

	return cidr_parse(text, &c) ? -ERR_BAD_REQUEST : range_of(r, &c);
}

static void nth(const struct range *r, uint64_t n, char out[TEXT_MAX])
{
	uint8_t addr[16];

	cidr_nth(&r->cidr, n, 0, addr);
	text_ip(out, r->cidr.family, addr);
}

static bool has(const struct range *r, int family, const uint8_t addr[16])
{
	uint64_t at = cidr_has(&r->cidr, family, addr) ? cidr_index(&r->cidr, addr, 0) : 0;

	return at && (family == 6 || at <= r->last);
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
struct walk { const struct range *own; range_fn *fn; void *arg; bool seen, on; };

static bool each_cidr(void *arg, struct cache_obj *o)
{
	struct walk *w = arg;
	yyjson_val *v;
	size_t i, max;

	yyjson_arr_foreach(doc_get(cache_tree(o), "spec.cidrs"), i, max, v) {
		const char *text = yyjson_get_str(v);
		struct range r;

		if (!text || range_parse(&r, text) || r.cidr.family != w->own->cidr.family)
			continue;
		w->seen |= cidr_equal(&r.cidr, &w->own->cidr);
		if (w->on && is_ready(o))
			w->on = w->fn(w->arg, &r);
	}
	return true;
}

/* Those of a family that the cloud has. */
static void each_range(const struct addresses *ad, int family, range_fn *fn, void *arg)
{
	struct walk w = { .own = &ad->own[ad->own[0].cidr.family != family], .fn = fn, .arg = arg, .on = true };

	if (w.own->cidr.family != family)
		return;
	cache_each(ad->api->cache, ad->api->k.service_cidr->store, NULL, NULL, NULL, each_cidr, &w);
	if (!w.seen && w.on)
		fn(arg, w.own);
}

static bool add_text(void *arg, const struct range *r)
{
	struct buf *out = arg;
	char text[CIDR_TEXT_MAX];

	cidr_text(text, &r->cidr);
	buf_printf(out, "%s%s", out->len ? ", " : "", text);
	return true;
}

void addresses_ranges(const struct addresses *ad, int family, struct buf *out)
{
	each_range(ad, family, add_text, out);
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
		each_range(ad, q.family, ask_range, &q);
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

bool addresses_pick(const struct addresses *ad, int family, char out[46])
{
	struct pick p = { .ad = ad, .out = out };

	each_range(ad, family, pick_from, &p);
	return p.found;
}

void addresses_nth(const struct addresses *ad, unsigned n, char out[46])
{
	nth(&ad->own[0], n, out);
}

/* ---- its life ---- */

unsigned addresses_families(const struct addresses *ad, int ret[2])
{
	for (int i = 0; i < 2; i++)
		ret[i] = ad->own[i].cidr.family;
	return ret[1] ? 2 : 1;
}

static int configured(struct addresses *ad, const char *text, struct err *reterr)
{
	struct cidr_pair pair;
	int rc = cidr_pair_parse("the service range", text, &pair, reterr);

	for (int i = 0; !rc && i < 2 && pair.v[i].family; i++)
		if (range_of(&ad->own[i], &pair.v[i]) || ad->own[i].last < 13)
			rc = err_set(reterr, ERR_BAD_REQUEST, "the service range \"%s\" is too small: it needs 16 addresses", text);
	return rc;
}

int addresses_open(struct addresses **ret, struct api *a, struct err *reterr)
{
	struct addresses *ad = calloc(1, sizeof(*ad));
	int rc;

	if (!ad)
		return err_set(reterr, ERR_NOMEM, "opening the allocator: out of memory");
	ad->api = a;
	rc = configured(ad, a->service_cidr, reterr);
	if (rc) {
		free(ad);
		return rc;
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
