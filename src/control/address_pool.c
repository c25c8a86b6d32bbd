/* SPDX-License-Identifier: Apache-2.0 */
/* address_pool - see address_pool.h. */
#define LOG_MODULE "control"
#include "control/address_pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

#define COUNT_BITS_MAX 62              /* of a larger range the first addresses */

typedef unsigned __int128 number;

struct known { void *who; bool listed; };      /* listed: in the heap of its range */

/* ---- ranges ---- */

static number number_of(int family, const uint8_t addr[16])
{
	number n = 0;

	for (int i = 0; i < (family == 4 ? 4 : 16); i++)
		n = n << 8 | addr[i];
	return n;
}

/* "A-B", "A/PREFIX" or "A". Of an IPv6 network the first address is its routers' (RFC 4291, 2.6.1). */
static bool parse_range(char *s, struct pool_range *ret)
{
	char *dash = strchr(s, '-');
	uint8_t last[16];
	int family;
	number n = 1;

	memset(ret, 0, sizeof(*ret));
	if (strchr(s, '/')) {
		if (dash || cidr_parse(s, &ret->first) || ret->first.prefix < 1)
			return false;
		n = (number)1 << cidr_host_bits(&ret->first);
		if (ret->first.family == 6 && cidr_host_bits(&ret->first) > 1) {
			cidr_nth(&ret->first, 1, 0, ret->first.addr);
			n--;
		}
	} else {
		if (dash)
			*dash++ = 0;
		if (text_parse_ip(s, &ret->first.family, ret->first.addr))
			return false;
		if (dash) {
			if (text_parse_ip(dash, &family, last) || family != ret->first.family ||
			    number_of(family, last) < number_of(family, ret->first.addr))
				return false;
			n = number_of(family, last) - number_of(family, ret->first.addr) + 1;
		}
	}
	ret->count = n >> COUNT_BITS_MAX ? (uint64_t)1 << COUNT_BITS_MAX : (uint64_t)n;
	return true;
}

int pool_ranges_parse(const char *text, struct pool_ranges *ret)
{
	char copy[4096], *save = NULL;
	uint64_t total = 0;

	memset(ret, 0, sizeof(*ret));
	if (strlen(text) >= sizeof(copy))
		return -ERR_SIZE;
	strcpy(copy, text);
	for (char *s = strtok_r(copy, ", ", &save); s; s = strtok_r(NULL, ", ", &save)) {
		struct pool_range *r = &ret->v[ret->n];

		if (ret->n == POOL_RANGES_MAX || !parse_range(s, r) ||
		    (r->first.family == 4 && (total += r->count) > POOL_IPV4_MAX)) {
			memset(ret, 0, sizeof(*ret));
			return -ERR_INVALID;
		}
		ret->n++;
	}
	return ret->n ? 0 : -ERR_INVALID;
}

bool pool_ranges_family(const struct pool_ranges *r, int family)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->v[i].first.family == family)
			return true;
	return false;
}

static void nth(const struct pool_range *r, uint64_t n, char ret[46])
{
	uint8_t addr[16];

	cidr_nth(&r->first, n, 0, addr);
	text_ip(ret, r->first.family, addr);
}

/* The first range that has it, and where; false: none. */
static bool find(const struct pool_ranges *r, const char *ip, unsigned *ret, uint64_t *ret_at)
{
	uint8_t addr[16];
	int family;
	number n;

	if (text_parse_ip(ip, &family, addr))
		return false;
	n = number_of(family, addr);
	for (unsigned i = 0; i < r->n; i++) {
		number first = number_of(family, r->v[i].first.addr);

		if (family != r->v[i].first.family || n < first || n - first >= r->v[i].count)
			continue;
		*ret = i;
		*ret_at = (uint64_t)(n - first);
		return true;
	}
	return false;
}

bool pool_ranges_has(const struct pool_ranges *r, const char *ip)
{
	unsigned i;
	uint64_t at;

	return find(r, ip, &i, &at);
}

/* ---- what came back: the lowest on top ---- */

static int heap_add(struct pool_place *p, uint64_t at)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 16;
		uint64_t *v = realloc(p->heap, cap * sizeof(*v));

		if (!v)
			return -ERR_NOMEM;
		p->heap = v;
		p->cap = cap;
	}
	size_t i = p->n++;
	for (; i && p->heap[(i - 1) / 2] > at; i = (i - 1) / 2)
		p->heap[i] = p->heap[(i - 1) / 2];
	p->heap[i] = at;
	return 0;
}

static void heap_drop(struct pool_place *p)
{
	uint64_t last = p->heap[--p->n];
	size_t i = 0;

	for (size_t child; (child = 2 * i + 1) < p->n; i = child) {
		child += child + 1 < p->n && p->heap[child + 1] < p->heap[child];
		if (last <= p->heap[child])
			break;
		p->heap[i] = p->heap[child];
	}
	p->heap[i] = last;
}

/* ---- giving out ---- */

static void forget(struct address_pool *p, const char *ip, struct known *k)
{
	if (k && !k->who && !k->listed)
		free(map_del(&p->known, ip));
}

/* The lowest free one of range i, which stays where it is; false: none. What others hold is passed over for good. */
static bool lowest(struct address_pool *p, unsigned i, char ret[46])
{
	const struct pool_range *r = &p->ranges->v[i];
	struct pool_place *place = &p->places[i];
	struct known *k;

	for (; place->n; heap_drop(place)) {
		nth(r, place->heap[0], ret);
		k = map_get(&p->known, ret);
		if (!k || !k->who)
			return true;
		k->listed = false;
	}
	for (; place->fresh < r->count; place->fresh++) {
		nth(r, place->fresh, ret);
		k = map_get(&p->known, ret);
		if (!k || !k->who)
			return true;
	}
	return false;
}

int pool_hold(struct address_pool *p, const char *ip, void *who)
{
	struct known *k = map_get(&p->known, ip);
	unsigned i;
	uint64_t at;

	if (k && k->who)
		return k->who == who ? 0 : -ERR_EXISTS;
	if (!find(p->ranges, ip, &i, &at))
		return -ERR_NOT_FOUND;
	if (!k && (!(k = calloc(1, sizeof(*k))) || map_put(&p->known, ip, k, NULL))) {
		free(k);
		return -ERR_NOMEM;
	}
	k->who = who;
	return 0;
}

int pool_take(struct address_pool *p, int family, void *who, char ret[46])
{
	for (unsigned i = 0; i < p->ranges->n; i++)
		if (p->ranges->v[i].first.family == family && lowest(p, i, ret))
			return pool_hold(p, ret, who);
	return -ERR_FULL;
}

void pool_give_back(struct address_pool *p, const char *ip)
{
	struct known *k = map_get(&p->known, ip);
	unsigned i;
	uint64_t at;

	if (!k || !k->who)
		return;
	k->who = NULL;
	if (!k->listed && find(p->ranges, ip, &i, &at) && at < p->places[i].fresh) {
		k->listed = !heap_add(&p->places[i], at);
		if (!k->listed)
			log_error("the address %s is given out no more until the server starts again: out of memory", ip);
	}
	forget(p, ip, k);
}

bool pool_has_free(struct address_pool *p, int family)
{
	char ip[46];

	for (unsigned i = 0; i < p->ranges->n; i++)
		if (p->ranges->v[i].first.family == family && lowest(p, i, ip))
			return true;
	return false;
}

void pool_finish(struct address_pool *p)
{
	size_t it = 0;
	void *v;

	while (map_next(&p->known, &it, NULL, &v))
		free(v);
	map_finish(&p->known);
	for (unsigned i = 0; i < POOL_RANGES_MAX; i++)
		free(p->places[i].heap);
}
