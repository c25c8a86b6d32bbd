/* SPDX-License-Identifier: Apache-2.0 */
/* text - byte encodings: base64, hex, percent, UTF-8, digests, random names. */
#include "base/text.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "base/text_priv.h"

static const char b64_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char b64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void base64(struct buf *out, const void *p, size_t n, const char *abc, bool pad)
{
	const unsigned char *s = p;

	if (n > SIZE_MAX / 2 || buf_reserve(out, (n + 2) / 3 * 4) < 0) {
		out->failed = true;
		return;
	}
	for (; n >= 3; n -= 3, s += 3) {
		uint32_t v = (uint32_t)s[0] << 16 | (uint32_t)s[1] << 8 | s[2];

		buf_add(out, (char[]){ abc[v >> 18], abc[v >> 12 & 63],
			abc[v >> 6 & 63], abc[v & 63] }, 4);
	}
	if (n) {
		uint32_t v = (uint32_t)s[0] << 16 | (n == 2 ? (uint32_t)s[1] << 8 : 0);

		buf_add(out, (char[]){ abc[v >> 18], abc[v >> 12 & 63], abc[v >> 6 & 63] }, n + 1);
		if (pad)
			buf_add(out, "==", 3 - n);
	}
}

void text_base64(struct buf *out, const void *p, size_t n) { base64(out, p, n, b64_std, true); }
void text_base64url(struct buf *out, const void *p, size_t n) { base64(out, p, n, b64_url, false); }

static int b64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

int text_unbase64(struct buf *out, const char *s, size_t n)
{
	size_t before = out->len;
	uint32_t v = 0;
	int bits = 0;

	if (n && n % 4 == 0 && s[n - 1] == '=')
		n -= s[n - 2] == '=' ? 2 : 1;
	if (n % 4 == 1)
		return -ERR_BAD_REQUEST;
	for (size_t i = 0; i < n; i++) {
		int d = b64_value(s[i]);

		if (d < 0)
			goto bad;
		v = v << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_addc(out, (char)(v >> bits));
		}
	}
	if (v & ((1u << bits) - 1))
		goto bad;   /* two spellings of the same bytes are one too many */
	return 0;
bad:
	out->len = before;
	if (out->p)
		out->p[before] = 0;
	return -ERR_BAD_REQUEST;
}

void text_hex(char *out, const void *p, size_t n)
{
	const unsigned char *s = p;

	for (size_t i = 0; i < n; i++) {
		*out++ = "0123456789abcdef"[s[i] >> 4];
		*out++ = "0123456789abcdef"[s[i] & 15];
	}
	*out = 0;
}

void text_sha256(uint8_t out[32], const void *p, size_t n)
{
	/* Fails only without memory or without the algorithm: neither is survivable. */
	if (EVP_Digest(p, n, out, NULL, EVP_sha256(), NULL) != 1)
		abort();
}

void text_uuid(char out[TEXT_UUID_MAX])
{
	uint8_t r[16];
	char hex[33];

	env_random(r, sizeof(r));
	r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
	r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
	text_hex(hex, r, sizeof(r));
	for (int i = 0; i < 32; i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			*out++ = '-';
		*out++ = hex[i];
	}
	*out = 0;
}

static const char name_letters[] = "bcdfghjklmnpqrstvwxz2456789";

void text_random_name(char *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = name_letters[env_random_below(sizeof(name_letters) - 1)];
	out[n] = 0;
}

void text_safe_encode(char *out, uint32_t h)
{
	char digits[11];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + h % 10);
	while ((h /= 10));
	while (n)
		*out++ = name_letters[(size_t)digits[--n] % (sizeof(name_letters) - 1)];
	*out = 0;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void text_urlencode(struct buf *out, const char *s)
{
	for (; *s; s++) {
		char hex[3];

		if (is_alnum(*s) || strchr("-_.~", *s)) {
			buf_addc(out, *s);
			continue;
		}
		text_hex(hex, s, 1);
		buf_printf(out, "%%%c%c", hex[0] & ~(hex[0] >= 'a' ? 32 : 0),
			hex[1] & ~(hex[1] >= 'a' ? 32 : 0));
	}
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int text_urldecode(char *s, bool plus_is_space)
{
	char *out = s;

	for (; *s; s++) {
		int hi, lo;

		if (*s == '+' && plus_is_space) {
			*out++ = ' ';
			continue;
		}
		if (*s != '%') {
			*out++ = *s;
			continue;
		}
		hi = hex_value(s[1]);
		lo = hi < 0 ? -1 : hex_value(s[2]);
		if (lo < 0 || hi + lo == 0)
			return -ERR_BAD_REQUEST;   /* a NUL would end the string early */
		*out++ = (char)(hi << 4 | lo);
		s += 2;
	}
	*out = 0;
	return 0;
}

/* Source: RFC 3629, section 4. */
size_t utf8_len(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned char lo = 0x80, hi = 0xbf;
	size_t w;

	if (u[0] < 0x80)
		return 1;
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	w = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if (n < w)
		return 0;
	if (u[0] == 0xe0)
		lo = 0xa0;
	else if (u[0] == 0xed)
		hi = 0x9f;
	else if (u[0] == 0xf0)
		lo = 0x90;
	else if (u[0] == 0xf4)
		hi = 0x8f;
	if (u[1] < lo || u[1] > hi)
		return 0;
	for (size_t i = 2; i < w; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	return w;
}

bool text_is_utf8(const char *s, size_t n)
{
	while (n) {
		size_t w = utf8_len(s, n);

		if (!w)
			return false;
		s += w;
		n -= w;
	}
	return true;
}
