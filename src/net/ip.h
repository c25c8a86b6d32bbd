/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ip - addresses and ranges of either family as values, and what differs between the families
 * as a table: a family is a row, not other code. Pure.
 *
 * Tests:   tests/unit/net/test_ip.c
 */
#ifndef NET_IP_H
#define NET_IP_H

#include <stdbool.h>
#include <stdint.h>

enum { IP4, IP6, IP_FAMILIES };

struct ip_family {
	int af;                        /* AF_INET, AF_INET6 */
	int number;                    /* 4, 6 */
	uint8_t len;                   /* bytes of an address */
	int bits;
	const char *nft;               /* a table's family, and the header's name: "ip" */
	const char *nft_addr;          /* the datatype of an address */
	const char *nft_turn_away;     /* how a packet that is no TCP is refused */
	const char *nft_redirect;      /* what teaches hosts other ways */
};
extern const struct ip_family ip_families[IP_FAMILIES];

#define IP_TEXT 46
#define IP_RANGE_TEXT 50
struct ip { uint8_t len, b[16]; };     /* network order; len 0: none. Unused bytes are 0: equal ones are equal bytes */
struct ip_range { struct ip ip; uint8_t prefix; };

int ip_family(const struct ip *a);     /* IP4 or IP6 */
bool ip_same(const struct ip *a, const struct ip *b);
bool ip_parse(struct ip *ret, const char *s);
bool ip_parse_range(struct ip_range *ret, const char *s);      /* bits behind the prefix become 0 */
/* "a", or "a,b" of two families. False, and all none: anything else. first: the family of a. */
bool ip_parse_both(struct ip ret[IP_FAMILIES], const char *s, int *ret_first);
bool ip_parse_ranges(struct ip_range ret[IP_FAMILIES], const char *s, int *ret_first);
void ip_text(char out[IP_TEXT], const struct ip *a);
void ip_range_text(char out[IP_RANGE_TEXT], const struct ip_range *r);
bool ip_within(const struct ip_range *r, const struct ip *a);
/* The n-th address from a on; numbers beyond the last 32 bits are not carried. */
struct ip ip_add(const struct ip *a, uint32_t n);
uint32_t ip_low(const struct ip *a);   /* its last 32 bits */

#endif
