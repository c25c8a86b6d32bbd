/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena - blocks of 4 KiB doubling to 64 KiB; what does not fit well into one
 * gets a block of its own, so that a large body does not waste the open block.
 */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 16, BLOCK_MIN = 4096, BLOCK_MAX = 65536 };

struct block {
	struct block *next;
	size_t size;     /* of mem */
	_Alignas(ALIGN) char mem[];
};

struct arena {
	struct block *head;  /* open block, newest first */
	struct block *first; /* kept by arena_reset */
	struct block *large; /* blocks of one allocation, newest first */
	size_t off;          /* used of head */
	size_t used, cap;
	char *last;          /* newest allocation */
	size_t last_size;
	bool last_large;     /* it is alone in `large` */
	bool over;
};

struct arena *arena_open(size_t cap_bytes)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->cap = cap_bytes;
	return a;
}

static void free_blocks(struct block *b, const struct block *keep)
{
	while (b) {
		struct block *next = b->next;

		if (b != keep)
			free(b);
		b = next;
	}
}

void arena_close(struct arena *a)
{
	if (!a)
		return;
	free_blocks(a->head, NULL);
	free_blocks(a->large, NULL);
	free(a);
}

void arena_reset(struct arena *a)
{
	struct block *first = a->first;
	size_t cap = a->cap;

	free_blocks(a->head, first);
	free_blocks(a->large, NULL);
	if (first)
		first->next = NULL;
	*a = (struct arena){ .head = first, .first = first, .cap = cap };
}

static void *fail(struct arena *a)
{
	a->over = true;
	return NULL;
}

static struct block *block_new(size_t size)
{
	struct block *b = malloc(sizeof(*b) + size);

	if (b)
		b->size = size;
	return b;
}

/* Rounds up and charges; false: over the cap. */
static bool charge(struct arena *a, size_t *size)
{
	if (a->over || *size > a->cap)
		return false;
	*size = *size ? (*size + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN;
	if (*size > a->cap - a->used)
		return false;
	a->used += *size;
	return true;
}

void *arena_alloc(struct arena *a, size_t size_bytes)
{
	struct block *b;
	size_t want;

	if (!charge(a, &size_bytes))
		return fail(a);
	a->last_size = size_bytes;
	a->last_large = false;
	if (a->head && size_bytes <= a->head->size - a->off) {
		a->last = a->head->mem + a->off;
		a->off += size_bytes;
		return a->last;
	}
	want = !a->head ? BLOCK_MIN - sizeof(*b)
		: a->head->size + sizeof(*b) >= BLOCK_MAX ? BLOCK_MAX - sizeof(*b)
		: (a->head->size + sizeof(*b)) * 2 - sizeof(*b);
	if (size_bytes > want / 2) {
		b = block_new(size_bytes);
		if (!b)
			return fail(a);
		b->next = a->large;
		a->large = b;
		a->last_large = true;
		a->last = b->mem;
		return a->last;
	}
	b = block_new(want);
	if (!b)
		return fail(a);
	b->next = a->head;
	a->head = b;
	if (!a->first)
		a->first = b;
	a->off = size_bytes;
	a->last = b->mem;
	return a->last;
}

void *arena_zalloc(struct arena *a, size_t size_bytes)
{
	void *p = arena_alloc(a, size_bytes);

	return p ? memset(p, 0, size_bytes) : NULL;
}

void *arena_realloc(struct arena *a, void *p, size_t old_bytes, size_t new_bytes)
{
	void *q;

	if (!p)
		return arena_alloc(a, new_bytes);
	if (p == a->last && new_bytes <= a->last_size)
		return p;
	if (p == a->last && (a->last_large || new_bytes <= a->head->size -
			(size_t)(a->last - a->head->mem))) {
		size_t size = new_bytes, before = a->used;

		a->used -= a->last_size;
		if (!charge(a, &size)) {
			a->used = before;
			return fail(a);
		}
		if (a->last_large) {
			struct block *b = realloc(a->large, sizeof(*b) + size);

			if (!b)
				return fail(a);
			b->size = size;
			a->large = b;
			a->last = b->mem;
		} else {
			a->off += size - a->last_size;
		}
		a->last_size = size;
		return a->last;
	}
	q = arena_alloc(a, new_bytes);
	if (q)
		memcpy(q, p, old_bytes < new_bytes ? old_bytes : new_bytes);
	return q;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = n < SIZE_MAX ? arena_alloc(a, n + 1) : fail(a);

	if (!p)
		return NULL;
	memcpy(p, s, n);
	p[n] = 0;
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;
	char *p = NULL;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n >= 0)
		p = arena_alloc(a, (size_t)n + 1);
	if (p)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}

bool arena_over(const struct arena *a) { return a->over; }
size_t arena_used_bytes(const struct arena *a) { return a->used; }
