/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quantity - the number is first read as decimal digits and a power of ten,
 * with a binary suffix multiplied into the digits; so every input, however
 * long, is exact before it is rounded up to nano.
 */
#include "doc/quantity.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define TEXT_MAX 300
#define NANO ((__int128)1000000000)
#define NANO_MAX ((__int128)(~(unsigned __int128)0 >> 1))
/* The largest that is read: a round number, so that its printed form is read as the same. */
#define PARSE_MAX ((__int128)10000000000000000000u * 10000000000000000000u)
#define UNITS_MAX ((__int128)INT64_MAX * NANO)

struct decimal {
	uint8_t digit[TEXT_MAX + 24];  /* least significant first */
	int len, exp10;
};

static void multiply_1024(struct decimal *d)
{
	unsigned carry = 0;

	for (int i = 0; i < d->len || carry; i++) {
		unsigned v = (i < d->len ? d->digit[i] * 1024u : 0) + carry;
		d->digit[i] = (uint8_t)(v % 10);
		carry = v / 10;
		if (i >= d->len)
			d->len = i + 1;
	}
}

/* d in nano, rounded away from zero, at most max. */
static __int128 to_nano(const struct decimal *d, __int128 max)
{
	int exp = d->exp10 + 9, low = 0, high = d->len;
	__int128 v = 0;
	bool rest = false;

	while (high > 0 && d->digit[high - 1] == 0)
		high--;
	if (high == 0)
		return 0;
	if (exp < 0)
		low = -exp;
	for (int i = 0; i < low && i < high; i++)
		rest |= d->digit[i] != 0;
	if (exp > 0 && high + exp > 39)
		return max;
	for (int i = high - 1; i >= low - (exp > 0 ? exp : 0); i--) {
		int digit = i >= 0 ? d->digit[i] : 0;
		if (v > (max - digit) / 10)
			return max;
		v = v * 10 + digit;
	}
	return v + (rest && v < max ? 1 : 0);
}

/* Suffix to a power of ten or of 1024. */
static int suffix_of(const char *s, size_t n, int *ret_exp10, int *ret_exp1024, enum quantity_format *ret)
{
	static const char decimal[] = "num kMGTPE", binary[] = "KMGTPE";
	const char *p;
	long exp = 0;
	bool minus;

	*ret_exp10 = *ret_exp1024 = 0;
	*ret = QUANTITY_DECIMAL_SI;
	if (n == 0)
		return 0;
	if (n == 1 && *s && *s != ' ' && (p = strchr(decimal, *s))) {
		*ret_exp10 = 3 * (int)(p - decimal) - 9;
		return 0;
	}
	if (n == 2 && *s && s[1] == 'i' && (p = strchr(binary, *s))) {
		*ret_exp1024 = 1 + (int)(p - binary);
		*ret = QUANTITY_BINARY_SI;
		return 0;
	}
	if (*s != 'e' && *s != 'E')
		return -ERR_BAD_REQUEST;
	s++, n--;
	minus = n && *s == '-';
	if (n && (*s == '-' || *s == '+'))
		s++, n--;
	if (!n)
		return -ERR_BAD_REQUEST;
	for (; n; s++, n--) {
		if (*s < '0' || *s > '9')
			return -ERR_BAD_REQUEST;
		if (exp < 10000)
			exp = exp * 10 + (*s - '0');
	}
	*ret_exp10 = (int)(minus ? -exp : exp);
	*ret = QUANTITY_DECIMAL_EXPONENT;
	return 0;
}

int quantity_parse(const char *s, size_t n, struct quantity *ret)
{
	struct decimal d = { .len = 0 };
	bool minus = n && *s == '-', point = false;
	int exp10, exp1024, digits = 0, rc;
	char text[TEXT_MAX];
	size_t i = n && (*s == '-' || *s == '+');
	enum quantity_format format;
	__int128 max = UNITS_MAX;

	if (n == 0 || n > TEXT_MAX)
		return -ERR_BAD_REQUEST;
	for (; i < n && ((s[i] >= '0' && s[i] <= '9') || (s[i] == '.' && !point)); i++) {
		if (s[i] == '.') {
			point = true;
			continue;
		}
		text[digits++] = s[i];
		d.exp10 -= point;
	}
	if (!digits)
		return -ERR_BAD_REQUEST;
	rc = suffix_of(s + i, n - i, &exp10, &exp1024, &format);
	if (rc)
		return rc;
	for (int k = digits; k > 0; k--)
		d.digit[d.len++] = (uint8_t)(text[k - 1] - '0');
	d.exp10 += exp10;
	for (int k = 0; k < exp1024; k++)
		multiply_1024(&d);
	/* Short decimal numbers are not capped at the largest 64-bit count upstream. */
	if (format != QUANTITY_BINARY_SI && digits <= 18)
		max = PARSE_MAX;
	ret->nano = to_nano(&d, max);
	if (minus)
		ret->nano = -ret->nano;
	ret->format = format;
	return 0;
}

static char *print_u128(char *end, unsigned __int128 v)
{
	*--end = '\0';
	do {
		*--end = (char)('0' + (int)(v % 10));
		v /= 10;
	} while (v);
	return end;
}

void quantity_print(char out[QUANTITY_MAX], const struct quantity *q)
{
	static const char si[] = "num\0kMGTPE", bi[] = "\0KMGTPE";
	unsigned __int128 v = q->nano < 0 ? -(unsigned __int128)q->nano : (unsigned __int128)q->nano;
	const unsigned __int128 units = v / (unsigned)NANO;
	char number[QUANTITY_MAX], suffix[16] = "";
	int exp = -9, times = 0;

	if (q->format == QUANTITY_BINARY_SI && v % (unsigned)NANO == 0 && units >= 1024) {
		for (v = units; times < 6 && v % 1024 == 0; times++)
			v /= 1024;
		if (times)
			snprintf(suffix, sizeof(suffix), "%ci", bi[times]);
	} else if (v) {
		/* Fractions of binary quantities print as decimal ones, exactly. */
		while (exp < 18 && v % 1000 == 0) {
			v /= 1000;
			exp += 3;
		}
		if (exp == 0)
			;
		else if (q->format == QUANTITY_DECIMAL_EXPONENT)
			snprintf(suffix, sizeof(suffix), "e%d", exp);
		else
			snprintf(suffix, sizeof(suffix), "%c", si[exp / 3 + 3]);
	}
	snprintf(out, QUANTITY_MAX, "%s%s%s", q->nano < 0 ? "-" : "",
		print_u128(number + sizeof(number), v), suffix);
}

int quantity_cmp(const struct quantity *a, const struct quantity *b)
{
	return a->nano < b->nano ? -1 : a->nano > b->nano;
}

bool quantity_is_most(const struct quantity *q)
{
	return q->nano == NANO_MAX;
}

static void plus(struct quantity *a, __int128 nano, enum quantity_format format)
{
	if (a->nano == 0)
		a->format = format;
	if (__builtin_add_overflow(a->nano, nano, &a->nano))
		a->nano = nano < 0 ? -NANO_MAX : NANO_MAX;
}

void quantity_add(struct quantity *a, const struct quantity *b)
{
	plus(a, b->nano, b->format);
}

void quantity_sub(struct quantity *a, const struct quantity *b)
{
	plus(a, -b->nano, b->format);
}

/* nano in units of `unit` nano, rounded away from zero as upstream does. */
static __int128 scaled(__int128 nano, __int128 unit)
{
	__int128 v = nano / unit;

	if (nano % unit)
		v += nano < 0 ? -1 : 1;
	return v;
}

static int64_t saturate(__int128 v)
{
	return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

void quantity_ceil_milli(struct quantity *q)
{
	__int128 v = scaled(q->nano, 1000000);

	if (__builtin_mul_overflow(v, (__int128)1000000, &q->nano))
		q->nano = v < 0 ? -NANO_MAX : NANO_MAX;
}

int64_t quantity_value(const struct quantity *q)
{
	return saturate(scaled(q->nano, NANO));
}

int64_t quantity_milli(const struct quantity *q)
{
	return saturate(scaled(q->nano, 1000000));
}
