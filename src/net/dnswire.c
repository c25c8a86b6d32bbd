/* SPDX-License-Identifier: Apache-2.0 */
/* dnswire - what is passed on, looked at by hand: the question as a key, the records' TTLs. */
#include <arpa/inet.h>
#include <string.h>

#include "net/dns.h"

#define HEADER 12u

/* Offset after the name at `at`, 0: malformed. */
static size_t skip_name(const uint8_t *p, size_t len, size_t at)
{
	while (at < len) {
		if (p[at] >= 0xc0)
			return at + 2 <= len ? at + 2 : 0;
		if (p[at] > 63)
			return 0;
		if (!p[at])
			return at + 1;
		at += p[at] + 1u;
	}
	return 0;
}

bool dns_key(const void *query, size_t len, struct buf *out)
{
	const uint8_t *p = query;
	size_t end;
	int edns = 0;

	if (len < HEADER || p[4] || p[5] != 1 || !(end = skip_name(p, len, HEADER)) || end + 4 > len)
		return false;
	/* The one additional record a question has is OPT; its flags follow its two fixed fields. */
	if (p[10] == 0 && p[11] == 1 && end + 4 + 11 <= len && !p[end + 4] && !p[end + 5] && p[end + 6] == 41)
		edns = p[end + 4 + 7] & 0x80 ? 12 : 8;
	buf_addc(out, (char)('0' + (p[2] & 1) + (p[3] & 0x10 ? 2 : 0) + edns));
	/* As hex: a NUL inside a label must not end the key. */
	for (size_t i = HEADER; i < end + 4; i++) {
		uint8_t c = p[i];

		if (i < end && c >= 'A' && c <= 'Z')
			c |= 0x20;
		buf_printf(out, "%02x", c);
	}
	return !out->failed;
}

/* Calls back for each record's TTL except OPT's. False: malformed. */
static bool each_ttl(uint8_t *p, size_t len, void (*fn)(void *arg, uint8_t *ttl), void *arg)
{
	unsigned questions, records;
	size_t at = HEADER;

	if (len < HEADER)
		return false;
	questions = (unsigned)p[4] << 8 | p[5];
	records = ((unsigned)p[6] << 8 | p[7]) + ((unsigned)p[8] << 8 | p[9]) + ((unsigned)p[10] << 8 | p[11]);
	while (questions--)
		if (!(at = skip_name(p, len, at)) || (at += 4) > len)
			return false;
	while (records--) {
		if (!(at = skip_name(p, len, at)) || at + 10 > len)
			return false;
		if (!(p[at] == 0 && p[at + 1] == 41))
			fn(arg, p + at + 4);
		at += 10 + ((size_t)p[at + 8] << 8 | p[at + 9]);
		if (at > len)
			return false;
	}
	return true;
}

static void smallest(void *arg, uint8_t *ttl)
{
	int64_t *min = arg, v = (int64_t)ttl[0] << 24 | (int64_t)ttl[1] << 16 | (int64_t)ttl[2] << 8 | ttl[3];

	if (*min < 0 || v < *min)
		*min = v;
}

int64_t dns_min_ttl(const void *answer, size_t len)
{
	int64_t min = -1;

	return each_ttl((uint8_t *)answer, len, smallest, &min) ? min : -1;
}

static void take_age(void *arg, uint8_t *ttl)
{
	uint32_t age = *(uint32_t *)arg, v = (uint32_t)ttl[0] << 24 | (uint32_t)ttl[1] << 16 | (uint32_t)ttl[2] << 8 | ttl[3];

	v = htonl(v > age ? v - age : 0);
	memcpy(ttl, &v, 4);
}

void dns_age(void *answer, size_t len, uint32_t age_s)
{
	each_ttl(answer, len, take_age, &age_s);
}
