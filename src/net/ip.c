/* SPDX-License-Identifier: Apache-2.0 */
/* ip - see ip.h. */
#include "net/ip.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cidr.h"
#include "base/text.h"

const struct ip_family ip_families[IP_FAMILIES] = {
	{ AF_INET, 4, 4, 32, "ip", "ipv4_addr", "icmp port-unreachable", "icmp type redirect" },
	{ AF_INET6, 6, 16, 128, "ip6", "ipv6_addr", "icmpv6 port-unreachable", "icmpv6 type nd-redirect" },
};

int ip_family(const struct ip *a)
{
	return a->len == 16 ? IP6 : IP4;
}

bool ip_same(const struct ip *a, const struct ip *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static struct ip of(int number, const uint8_t b[16])
{
	struct ip a = { .len = number == 6 ? 16 : 4 };

	memcpy(a.b, b, a.len);
	return a;
}

bool ip_parse(struct ip *ret, const char *s)
{
	uint8_t b[16];
	int number;

	*ret = (struct ip){ 0 };
	if (!s || text_parse_ip(s, &number, b))
		return false;
	*ret = of(number, b);
	return true;
}

static struct ip_range range_of(const struct cidr *c)
{
	return (struct ip_range){ of(c->family, c->addr), (uint8_t)c->prefix };
}

bool ip_parse_range(struct ip_range *ret, const char *s)
{
	struct cidr c;

	*ret = (struct ip_range){ 0 };
	if (cidr_parse(s, &c))
		return false;
	*ret = range_of(&c);
	return true;
}

bool ip_parse_ranges(struct ip_range ret[IP_FAMILIES], const char *s, int *ret_first)
{
	struct cidr_pair p;

	memset(ret, 0, IP_FAMILIES * sizeof(*ret));
	if (!s || cidr_pair_parse("", s, &p, NULL))
		return false;
	for (int i = 0; i < 2 && p.v[i].family; i++)
		ret[p.v[i].family == 6 ? IP6 : IP4] = range_of(&p.v[i]);
	if (ret_first)
		*ret_first = p.v[0].family == 6 ? IP6 : IP4;
	return true;
}

bool ip_parse_both(struct ip ret[IP_FAMILIES], const char *s, int *ret_first)
{
	memset(ret, 0, IP_FAMILIES * sizeof(*ret));
	for (int n = 0; s; n++) {
		const char *comma = strchr(s, ',');
		char one[IP_TEXT];
		struct ip a;

		snprintf(one, sizeof(one), "%.*s", (int)strcspn(s, ","), s);
		if (!ip_parse(&a, one) || ret[ip_family(&a)].len) {
			memset(ret, 0, IP_FAMILIES * sizeof(*ret));
			return false;
		}
		ret[ip_family(&a)] = a;
		if (!n && ret_first)
			*ret_first = ip_family(&a);
		s = comma ? comma + 1 : NULL;
	}
	return ret[IP4].len || ret[IP6].len;
}

void ip_text(char out[IP_TEXT], const struct ip *a)
{
	text_ip(out, ip_families[ip_family(a)].number, a->b);
}

void ip_range_text(char out[IP_RANGE_TEXT], const struct ip_range *r)
{
	char a[IP_TEXT];

	ip_text(a, &r->ip);
	snprintf(out, IP_RANGE_TEXT, "%.45s/%d", a, r->prefix);
}

bool ip_within(const struct ip_range *r, const struct ip *a)
{
	return r->ip.len && r->ip.len == a->len && text_ip_within(a->b, r->ip.b, r->prefix);
}

uint32_t ip_low(const struct ip *a)
{
	const uint8_t *b = a->b + a->len - 4;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

struct ip ip_add(const struct ip *a, uint32_t n)
{
	struct ip r = *a;
	uint8_t *b = r.b + r.len - 4;

	n += ip_low(a);
	for (int i = 0; i < 4; i++)
		b[i] = (uint8_t)(n >> (24 - 8 * i));
	return r;
}
