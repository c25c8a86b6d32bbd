/* SPDX-License-Identifier: Apache-2.0 */
/* buf - growable bytes, and shared immutable ones. */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text_priv.h"

void buf_finish(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->p)
		b->p[0] = 0;
}

int buf_reserve(struct buf *b, size_t extra_bytes)
{
	size_t cap = b->cap ? b->cap : 64;
	char *p;

	if (b->failed)
		return -ERR_NOMEM;
	if (b->p && extra_bytes < b->cap - b->len)
		return 0;
	if (extra_bytes > SIZE_MAX / 4 - b->len)
		goto fail;
	while (cap - b->len <= extra_bytes)
		cap *= 2;
	p = realloc(b->p, cap);
	if (!p)
		goto fail;
	b->p = p;
	b->cap = cap;
	p[b->len] = 0;
	return 0;
fail:
	b->failed = true;
	return -ERR_NOMEM;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (!n || buf_reserve(b, n) < 0)
		return;
	memcpy(b->p + b->len, p, n);
	b->len += n;
	b->p[b->len] = 0;
}

void buf_adds(struct buf *b, const char *s) { buf_add(b, s, strlen(s)); }
void buf_addc(struct buf *b, char c) { buf_add(b, &c, 1); }

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (buf_reserve(b, 64) < 0)
		return;
	va_start(ap, fmt);
	n = vsnprintf(b->p + b->len, b->cap - b->len, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= b->cap - b->len) {
		b->p[b->len] = 0;
		if (buf_reserve(b, (size_t)n) < 0)
			return;
		va_start(ap, fmt);
		n = vsnprintf(b->p + b->len, b->cap - b->len, fmt, ap);
		va_end(ap);
	}
	if (n < 0)
		b->failed = true;
	else
		b->len += (size_t)n;
}

void buf_add_json(struct buf *b, const char *s, size_t n)
{
	static const char escape[128] = {
		['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
		['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
	};
	size_t start = 0, i = 0;

	buf_addc(b, '"');
	while (i < n) {
		unsigned char c = (unsigned char)s[i];
		size_t w;

		if (c >= 0x20 && c < 0x80 && !escape[c]) {
			i++;
			continue;
		}
		if (c >= 0x80 && (w = utf8_len(s + i, n - i)) > 0) {
			i += w;
			continue;
		}
		buf_add(b, s + start, i - start);
		if (c >= 0x80)
			buf_adds(b, "\xef\xbf\xbd");
		else if (escape[c])
			buf_add(b, (char[]){ '\\', escape[c] }, 2);
		else
			buf_printf(b, "\\u%04x", c);
		start = ++i;
	}
	buf_add(b, s + start, n - start);
	buf_addc(b, '"');
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (!n)
		return;
	memmove(b->p, b->p + n, b->len - n + 1);
	b->len -= n;
}

char *buf_take(struct buf *b, size_t *ret_len)
{
	char *p;

	if (!b->p)
		buf_reserve(b, 0);
	p = b->failed ? NULL : b->p;
	if (ret_len)
		*ret_len = p ? b->len : 0;
	if (!p)
		free(b->p);
	*b = (struct buf){ 0 };
	return p;
}

struct blob *blob_alloc(size_t len)
{
	struct blob *b = len < UINT32_MAX ? malloc(sizeof(*b) + len + 1) : NULL;

	if (!b)
		return NULL;
	atomic_init(&b->refs, 1);
	b->len = (uint32_t)len;
	b->p[len] = 0;
	return b;
}

struct blob *blob_new(const void *p, size_t len)
{
	struct blob *b = blob_alloc(len);

	if (b && len)
		memcpy(b->p, p, len);
	return b;
}

struct blob *blob_ref(struct blob *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void blob_unref(struct blob *b)
{
	if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
		free(b);
}
