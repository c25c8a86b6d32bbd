/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text - the small encodings everybody needs: base64, hex, SHA-256, RFC 3339,
 * UUID, generated names, percent-encoding, name syntax.
 * Tests: tests/unit/base/test_text.c
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

void text_base64(struct buf *out, const void *p, size_t n);       /* std, padded */
void text_base64url(struct buf *out, const void *p, size_t n);    /* url, no pad */
/* Either alphabet, padding optional; 0 or -ERR_BAD_REQUEST (out untouched). */
int text_unbase64(struct buf *out, const char *s, size_t n);
void text_hex(char *out /* 2n+1 */, const void *p, size_t n);
void text_sha256(uint8_t out[32], const void *p, size_t n);

#define TEXT_TIME_MAX 40
/* "2026-01-02T03:04:05Z" */
void text_time(char out[TEXT_TIME_MAX], int64_t wall_us);
/* "2026-01-02T03:04:05.000006Z" */
void text_microtime(char out[TEXT_TIME_MAX], int64_t wall_us);
/* "...05.000006000Z" as container logs have it (nine digits) */
void text_nanotime(char out[TEXT_TIME_MAX], int64_t wall_us, int nanos_rest);
/* RFC 3339, any offset, optional fraction. 0 or -ERR_BAD_REQUEST. */
int text_parse_time(const char *s, int64_t *ret_wall_us);
/* Go duration ("1h2m3.5s"). 0 or -ERR_BAD_REQUEST. */
int text_parse_duration(const char *s, int64_t *ret_ns);
void text_duration(char out[TEXT_TIME_MAX], int64_t ns);
/* An age as kubectl prints it ("5d3h", "2m3s"). Source: apimachinery duration.HumanDuration */
void text_age(char out[TEXT_TIME_MAX], int64_t ns);

#define TEXT_UUID_MAX 37
void text_uuid(char out[TEXT_UUID_MAX]);                     /* random, v4 */
/* n letters of the alphabet "bcdfghjklmnpqrstvwxz2456789", NUL-terminated. */
void text_random_name(char *out, size_t n);
/* Decimal digits of h re-spelled in that alphabet. Source: apimachinery rand.SafeEncodeString */
void text_safe_encode(char *out /* 11 */, uint32_t h);

void text_urlencode(struct buf *out, const char *s);         /* query component */
/* Decode in place; plus_is_space for query strings. 0 or -ERR_BAD_REQUEST. */
int text_urldecode(char *s, bool plus_is_space);

/* Name syntax: NULL when well-formed, else upstream's message (static). */
const char *text_bad_dns1123_label(const char *s);
const char *text_bad_dns1123_subdomain(const char *s);
const char *text_bad_dns1035_label(const char *s);
const char *text_bad_qualified_name(const char *s);          /* label and annotation keys */
const char *text_bad_label_value(const char *s);
bool text_is_utf8(const char *s, size_t n);

/* Addresses. "10.0.0.0/16": 4 or 6 in *ret_family, 16 bytes network order. */
int text_parse_cidr(const char *s, int *ret_family, uint8_t ret_addr[16], int *ret_prefix);
int text_parse_ip(const char *s, int *ret_family, uint8_t ret_addr[16]);
void text_ip(char out[46], int family, const uint8_t addr[16]);
/* Do two addresses of one family begin with the same prefix bits? */
bool text_ip_within(const uint8_t addr[16], const uint8_t base[16], int prefix);

#endif
