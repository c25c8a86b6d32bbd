/* SPDX-License-Identifier: Apache-2.0 */
/* cidr - see cidr.h. */
#include "base/cidr.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static int bytes(int family) { return family == 4 ? 4 : 16; }

static void mask(uint8_t addr[16], int prefix)
{
	for (int i = 0; i < 16; i++) {
		int left = prefix - 8 * i;

		if (left < 8)
			addr[i] &= left <= 0 ? 0 : (uint8_t)(0xff << (8 - left));
	}
}

int cidr_parse(const char *s, struct cidr *ret)
{
	struct cidr c = { 0 };

	if (!s || text_parse_cidr(s, &c.family, c.addr, &c.prefix))
		return -ERR_BAD_REQUEST;
	mask(c.addr, c.prefix);
	*ret = c;
	return 0;
}

int cidr_pair_parse(const char *name, const char *s, struct cidr_pair *ret, struct err *reterr)
{
	static const char like[] = "like 10.96.0.0/16, or 10.96.0.0/16,fd00:96::/112 for both families";
	const char *comma = strchr(s, ',');
	char one[64];
	size_t n = comma ? (size_t)(comma - s) : strlen(s);

	memset(ret, 0, sizeof(*ret));
	if (comma && strchr(comma + 1, ','))
		return err_set(reterr, ERR_BAD_REQUEST, "%s %s has more than two ranges: give one, or one of each family", name, s);
	snprintf(one, sizeof(one), "%.*s", n < sizeof(one) ? (int)n : 0, s);
	if (cidr_parse(one, &ret->v[0]) || (comma && cidr_parse(comma + 1, &ret->v[1])))
		return err_set(reterr, ERR_BAD_REQUEST, "%s %s is not one or two ranges, %s", name, s, like);
	if (comma && ret->v[0].family == ret->v[1].family)
		return err_set(reterr, ERR_BAD_REQUEST, "%s %s has two %s ranges: give one of each family, the primary one first", name,
			s, cidr_family(ret->v[0].family));
	return 0;
}

void cidr_text(char out[CIDR_TEXT_MAX], const struct cidr *c)
{
	char ip[46];

	text_ip(ip, c->family, c->addr);
	snprintf(out, CIDR_TEXT_MAX, "%s/%d", ip, c->prefix);
}

void cidr_pair_text(char out[2 * CIDR_TEXT_MAX], const struct cidr_pair *p)
{
	size_t n;

	cidr_text(out, &p->v[0]);
	if (!p->v[1].family)
		return;
	n = strlen(out);
	out[n++] = ',';
	cidr_text(out + n, &p->v[1]);
}

bool cidr_has(const struct cidr *c, int family, const uint8_t addr[16])
{
	return c->family && family == c->family && text_ip_within(addr, c->addr, c->prefix);
}

bool cidr_overlap(const struct cidr *a, const struct cidr *b)
{
	return cidr_has(a, b->family, b->addr) || cidr_has(b, a->family, a->addr);
}

bool cidr_equal(const struct cidr *a, const struct cidr *b)
{
	return a->family == b->family && a->prefix == b->prefix && !memcmp(a->addr, b->addr, (size_t)bytes(a->family));
}

void cidr_nth(const struct cidr *c, uint64_t n, int shift, uint8_t ret_addr[16])
{
	int at = bytes(c->family) - 1 - shift / 8;
	unsigned __int128 add = (unsigned __int128)n << shift % 8;
	unsigned carry = 0;

	memcpy(ret_addr, c->addr, 16);
	for (; at >= 0 && (add || carry); at--) {
		carry += ret_addr[at] + (unsigned)(add & 255);
		ret_addr[at] = (uint8_t)carry;
		carry >>= 8;
		add >>= 8;
	}
}

uint64_t cidr_index(const struct cidr *c, const uint8_t addr[16], int shift)
{
	unsigned __int128 n = 0;

	for (int i = 0; i < bytes(c->family); i++)
		n = n << 8 | (uint8_t)(addr[i] & ~c->addr[i]);
	n >>= shift;
	return n > UINT64_MAX ? UINT64_MAX : (uint64_t)n;
}
