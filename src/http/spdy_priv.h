/* SPDX-License-Identifier: Apache-2.0 */
/* spdy_priv - between spdy.c (frames and streams), spdy_head.c (header blocks) and
 * spdy_io.c (what carries the frames). */
#ifndef HTTP_SPDY_PRIV_H
#define HTTP_SPDY_PRIV_H

#include <zlib.h>

#include "base/list.h"
#include "base/loop.h"
#include "http/http_priv.h"
#include "http/spdy.h"

/* Header blocks are compressed as one stream a direction and connection. */
struct spdy_head {
	z_stream in, out;
};
#define SPDY_DICTIONARY_BYTES 1423
const uint8_t *spdy_dictionary(void);
int spdy_head_open(struct spdy_head *h);
void spdy_head_close(struct spdy_head *h);
/* 0; -ERR_SIZE when too large (the compression's state is still right), else
 * -ERR_BAD_REQUEST: the connection is beyond use. */
int spdy_head_read(struct spdy_head *h, const uint8_t *p, size_t n, struct http_hdrs *ret);
/* The block without any header, appended. */
int spdy_head_write_empty(struct spdy_head *h, struct buf *out);

/* What carries the frames. pending and pause may be NULL; settle_soon asks for a call
 * of spdy_settle from the loop. */
struct spdy_carrier {
	void (*out)(void *io, const void *p, size_t n);
	size_t (*pending)(void *io);
	void (*pause)(void *io, bool paused);
	void (*settle_soon)(void *io);
	void (*close)(void *io, bool failed);
	void *io;
};
struct spdy *spdy_open_on(const struct spdy_carrier *carrier, const struct spdy_ops *ops, void *arg);
/* The memory of one that was never used; no callback. */
void spdy_drop(struct spdy *s);
/* Callbacks that are due. */
void spdy_settle(struct spdy *s);
/* The carrier took bytes: send what waited. */
void spdy_pump(struct spdy *s);
/* The carrier is gone: every stream_closed, closed, and the memory. */
void spdy_gone(struct spdy *s);

#endif
