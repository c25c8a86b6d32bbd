/* SPDX-License-Identifier: Apache-2.0 */
/* layer_stream - see layer_stream.h. */
#include "agent/layer_stream.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (256u << 10)

static void fail(struct layer_stream *s, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void fail(struct layer_stream *s, int code, const char *fmt, ...)
{
	va_list ap;

	if (s->rc)
		return;
	va_start(ap, fmt);
	vsnprintf(s->message, sizeof(s->message), fmt, ap);
	va_end(ap);
	s->rc = -code;
}

/* More input; false at its end or on an error. */
static bool fill(struct layer_stream *s)
{
	ssize_t n;

	if (s->in_at < s->in_len)
		return true;
	if (s->in_end)
		return false;
	do
		n = read(s->fd, s->in, CHUNK);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		fail(s, ERR_IO, "reading the archive: %s", strerror(errno));
	if (n <= 0) {
		s->in_end = true;
		return false;
	}
	s->in_at = 0;
	s->in_len = (size_t)n;
	return true;
}

static bool sniff(struct layer_stream *s)
{
	size_t n;

	s->started = true;
	if (!fill(s))
		return true;
	/* A pipe may give a few bytes only. */
	while (s->in_len < 4) {
		ssize_t r = read(s->fd, s->in + s->in_len, CHUNK - s->in_len);

		if (r <= 0)
			break;
		s->in_len += (size_t)r;
	}
	n = s->in_len;
	if (n >= 2 && s->in[0] == 0x1f && s->in[1] == 0x8b)
		s->packing = PACKED_GZIP;
	else if (n >= 4 && !memcmp(s->in, "\x28\xb5\x2f\xfd", 4))
		s->packing = PACKED_ZSTD;
	if (s->packing == PACKED_GZIP && inflateInit2(&s->z, 15 + 16) != Z_OK) {
		s->packing = PACKED_NOT;
		return false;
	}
	if (s->packing == PACKED_ZSTD && !(s->zstd = ZSTD_createDStream()))
		return false;
	s->member_open = s->packing == PACKED_GZIP;
	return true;
}

/* Some bytes into out; 0 at the end. */
static size_t gunzip(struct layer_stream *s)
{
	s->z.next_out = s->out;
	s->z.avail_out = CHUNK;
	while (s->z.avail_out == CHUNK) {
		int rc;

		if (!fill(s)) {
			if (s->member_open)
				fail(s, ERR_INVALID, "the archive's gzip stream ends early");
			return 0;
		}
		if (!s->member_open) {                 /* another member follows */
			inflateReset(&s->z);
			s->member_open = true;
		}
		s->z.next_in = s->in + s->in_at;
		s->z.avail_in = (unsigned)(s->in_len - s->in_at);
		rc = inflate(&s->z, Z_NO_FLUSH);
		s->in_at = s->in_len - s->z.avail_in;
		if (rc == Z_STREAM_END) {
			s->member_open = false;
		} else if (rc != Z_OK && rc != Z_BUF_ERROR) {
			fail(s, ERR_INVALID, "the archive's gzip stream is damaged: %s", s->z.msg ? s->z.msg : "?");
			return 0;
		}
	}
	return CHUNK - s->z.avail_out;
}

static size_t unzstd(struct layer_stream *s)
{
	ZSTD_outBuffer out = { s->out, CHUNK, 0 };

	while (!out.pos) {
		ZSTD_inBuffer in;
		size_t rc;

		/* What is still inside of the decoder comes out without input. */
		if (!fill(s) && !s->member_open)
			return 0;
		in = (ZSTD_inBuffer){ s->in + s->in_at, s->in_len - s->in_at, 0 };
		rc = ZSTD_decompressStream(s->zstd, &out, &in);
		s->in_at += in.pos;
		if (ZSTD_isError(rc) || (s->in_end && rc && !out.pos)) {
			fail(s, ERR_INVALID, "the archive's zstd stream is damaged: %s",
				ZSTD_isError(rc) ? ZSTD_getErrorName(rc) : "it ends early");
			return 0;
		}
		s->member_open = rc != 0;
	}
	return out.pos;
}

ssize_t layer_stream_read(struct layer_stream *s, const void **ret)
{
	size_t n = 0;

	if (!s->rc && !s->started && !sniff(s))
		fail(s, ERR_NOMEM, "out of memory");
	if (s->rc)
		return -1;
	*ret = s->out;
	if (s->packing == PACKED_GZIP) {
		n = gunzip(s);
	} else if (s->packing == PACKED_ZSTD) {
		n = unzstd(s);
	} else if (fill(s)) {
		*ret = s->in;
		n = s->in_len;
		s->in_at = s->in_len;
	}
	s->bytes += n;
	if (s->bytes > s->bytes_max)
		fail(s, ERR_SIZE, "the archive is larger than %llu bytes unpacked", (unsigned long long)s->bytes_max);
	if (s->rc)
		return -1;
	EVP_DigestUpdate(s->hash, *ret, n);
	return (ssize_t)n;
}

int layer_stream_open(struct layer_stream *s, int fd, void *hash, uint64_t bytes_max)
{
	*s = (struct layer_stream){ .fd = fd, .hash = hash, .bytes_max = bytes_max, .in = malloc(CHUNK), .out = malloc(CHUNK) };
	return s->in && s->out ? 0 : -ERR_NOMEM;
}

void layer_stream_close(struct layer_stream *s)
{
	if (s->packing == PACKED_GZIP)
		inflateEnd(&s->z);
	ZSTD_freeDStream(s->zstd);
	free(s->in);
	free(s->out);
}
