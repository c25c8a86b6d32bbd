/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cidr - ranges of addresses of either family: one, or one of each as options have them.
 * Tests: tests/unit/base/test_cidr.c
 */
#ifndef BASE_CIDR_H
#define BASE_CIDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CIDR_TEXT_MAX 52

/* {0} is no range. Bits of addr beyond the prefix are 0. */
struct cidr { int family, prefix; uint8_t addr[16]; };     /* family: 4 or 6 */
/* The first is the primary one; the second is none or of the other family. */
struct cidr_pair { struct cidr v[2]; };

/* 0 or -ERR_BAD_REQUEST. Bits beyond the prefix are taken as 0. */
int cidr_parse(const char *s, struct cidr *ret);
/* "10.96.0.0/16" or "10.96.0.0/16,fd00:96::/112": 0, or -ERR_BAD_REQUEST with what is wrong, after "NAME TEXT ". */
int cidr_pair_parse(const char *name, const char *s, struct cidr_pair *ret, struct err *reterr);
void cidr_text(char out[CIDR_TEXT_MAX], const struct cidr *c);
/* As cidr_pair_parse reads it: equal for equal pairs. */
void cidr_pair_text(char out[2 * CIDR_TEXT_MAX], const struct cidr_pair *p);
static inline int cidr_host_bits(const struct cidr *c)
{
	return (c->family == 4 ? 32 : 128) - c->prefix;
}
static inline const char *cidr_family(int family)
{
	return family == 6 ? "IPv6" : "IPv4";
}
bool cidr_has(const struct cidr *c, int family, const uint8_t addr[16]);
bool cidr_overlap(const struct cidr *a, const struct cidr *b);
bool cidr_equal(const struct cidr *a, const struct cidr *b);
/* The nth address of c, or with shift > 0 the base of its nth block of 1 << shift addresses. */
void cidr_nth(const struct cidr *c, uint64_t n, int shift, uint8_t ret_addr[16]);
/* How many blocks of 1 << shift addresses addr is above c's first: at most what 64 bits hold. addr is in c. */
uint64_t cidr_index(const struct cidr *c, const uint8_t addr[16], int shift);

#endif
