/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena - memory of one request: bump allocation, one free, a byte cap.
 *
 * Thread: one owner at a time. Over the cap every allocation returns NULL and
 * arena_over() is true for good; callers answer ERR_SIZE.
 * Tests: tests/unit/base/test_arena.c
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;

/* A new arena that hands out at most cap_bytes. NULL when out of memory. */
struct arena *arena_open(size_t cap_bytes);
void arena_close(struct arena *a);          /* accepts NULL */
/* Forget everything allocated but keep the first block for reuse. */
void arena_reset(struct arena *a);

void *arena_alloc(struct arena *a, size_t size_bytes);   /* 16-aligned, not zeroed */
void *arena_zalloc(struct arena *a, size_t size_bytes);  /* zeroed */
/* Grow in place when p is the newest allocation, else copy. old_bytes is p's size. */
void *arena_realloc(struct arena *a, void *p, size_t old_bytes, size_t new_bytes);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap);
bool arena_over(const struct arena *a);
size_t arena_used_bytes(const struct arena *a);

static inline void arena_closep(struct arena **a) { arena_close(*a); }
#define ARENA_AUTO __attribute__((cleanup(arena_closep)))

#endif
