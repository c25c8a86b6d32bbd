/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address_pool - addresses that are given out, the lowest free one first, and given back: each in a time that does not
 * depend on how many there are. Ranges may be of both families and as large as IPv6 has them; memory is for what is held.
 *
 * Of each range is known up to where it was ever given out in order (fresh), and a heap of what came back below that.
 * Thread: any one.    Tests: tests/unit/control/test_balancing.c
 */
#ifndef CONTROL_ADDRESS_POOL_H
#define CONTROL_ADDRESS_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/map.h"

#define POOL_RANGES_MAX 64u
#define POOL_IPV4_MAX 65536u           /* addresses of all ranges together */

struct pool_range { struct cidr first; uint64_t count; };      /* first: the address alone, its prefix says nothing */
struct pool_ranges { struct pool_range v[POOL_RANGES_MAX]; unsigned n; };
/* "192.0.2.10-192.0.2.50,198.51.100.0/28,2001:db8::/120". -ERR_INVALID, and ret is empty: no ranges, or too many. */
int pool_ranges_parse(const char *text, struct pool_ranges *ret);
bool pool_ranges_family(const struct pool_ranges *r, int family);      /* is any of it? */

bool pool_ranges_has(const struct pool_ranges *r, const char *ip);

struct pool_place { uint64_t fresh, *heap; size_t n, cap; };
struct address_pool {                  /* {0} with ranges set is one that nobody has addresses of */
	const struct pool_ranges *ranges;
	struct pool_place places[POOL_RANGES_MAX];
	struct map known;              /* address as text_ip() writes it -> what is known of it */
};
void pool_finish(struct address_pool *p);
/* The lowest free address of the family, in the first range that has one: 0, -ERR_FULL, -ERR_NOMEM. */
int pool_take(struct address_pool *p, int family, void *who, char ret[46]);
/* This one, as text_ip() writes it: 0, -ERR_NOT_FOUND: of no range, -ERR_EXISTS: another's, -ERR_NOMEM. */
int pool_hold(struct address_pool *p, const char *ip, void *who);
void pool_give_back(struct address_pool *p, const char *ip);   /* harmless when nobody holds it */
bool pool_has_free(struct address_pool *p, int family);

#endif
