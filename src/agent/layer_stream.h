/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer_stream - an archive's bytes without their compression (none, gzip, zstd),
 * hashed on their way. Runs in the unpacking child.
 */
#ifndef AGENT_LAYER_STREAM_H
#define AGENT_LAYER_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <zlib.h>
#include <zstd.h>

#include "base/err.h"

struct layer_stream {
	int fd;
	void *hash;                    /* an EVP_MD_CTX */
	uint64_t bytes, bytes_max;     /* given out so far; the limit */
	enum { PACKED_NOT, PACKED_GZIP, PACKED_ZSTD } packing;
	uint8_t *in, *out;
	size_t in_len, in_at;
	bool in_end, member_open, started;
	z_stream z;
	ZSTD_DStream *zstd;
	int rc;                        /* what went wrong, with words */
	char message[200];
};
/* fd and hash are borrowed. 0 or -ERR_NOMEM; close it either way. */
int layer_stream_open(struct layer_stream *s, int fd, void *hash, uint64_t bytes_max);
/* The next bytes, valid until the next call; 0 at the end, -1: see rc. */
ssize_t layer_stream_read(struct layer_stream *s, const void **ret);
void layer_stream_close(struct layer_stream *s);

#endif
