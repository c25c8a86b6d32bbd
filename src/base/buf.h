/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf - a growable run of bytes; and blob - immutable, reference-counted bytes
 * shared by cache, watchers and connections.
 *
 * buf: a failed grow sets `failed` and drops what follows, so that a chain of
 * appends needs one check at its end. p is always NUL-terminated once non-NULL.
 * blob: the count is atomic; bytes never change after blob_new.
 * Tests: tests/unit/base/test_buf.c
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *p;
	size_t len, cap;
	bool failed;
};

#define BUF_AUTO __attribute__((cleanup(buf_finish)))

void buf_finish(struct buf *b);            /* frees, leaves {0} */
void buf_clear(struct buf *b);             /* len = 0, keeps memory */
int buf_reserve(struct buf *b, size_t extra_bytes);   /* 0 or -ERR_NOMEM */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* s as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void buf_add_json(struct buf *b, const char *s, size_t n);
/* Remove n bytes from the front. */
void buf_consume(struct buf *b, size_t n);
/* Take the memory; b becomes {0}. Caller frees. NULL when failed. */
char *buf_take(struct buf *b, size_t *ret_len);

struct blob {
	_Atomic uint32_t refs;
	uint32_t len;
	char p[];     /* len bytes and a NUL */
};

struct blob *blob_new(const void *p, size_t len);  /* copies; NULL: no memory */
/* len bytes for the caller to fill before anybody else sees them; the NUL is set. */
struct blob *blob_alloc(size_t len);
struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob *b);                    /* accepts NULL */
static inline void blob_unrefp(struct blob **b) { blob_unref(*b); }
#define BLOB_AUTO __attribute__((cleanup(blob_unrefp)))

#endif
