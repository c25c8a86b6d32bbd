/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history - how far back the store remembers: a few marks, each a revision and what had
 * been written until then. The oldest mark that is past its time, or behind too many
 * revisions or bytes, is what everything up to may be forgotten.
 *
 * Timers run after writes only, so that an idle server does not wake up for them.
 */
#include "store/store_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/loop.h"

/* So many parts of each limit have a mark of their own; history overshoots by one part. */
enum { PARTS = 8, MARKS = 3 * PARTS };

struct mark {
	int64_t rev, ms, bytes;
};

struct store_history {
	struct store *store;
	struct store_history_limits max;
	struct loop_timer timer;
	int64_t bytes;                 /* written so far */
	struct mark v[MARKS];          /* oldest first */
	size_t n;
};

static void mark(struct store_history *h)
{
	if (h->n == MARKS)             /* a mark less makes the part before it longer */
		memmove(&h->v[1], &h->v[2], (--h->n - 1) * sizeof(h->v[0]));
	h->v[h->n++] = (struct mark){ h->store->rev, loop_now_ms(h->store->loop), h->bytes };
}

static void forget(struct store_history *h)
{
	int64_t now = loop_now_ms(h->store->loop), rev = 0;
	size_t past = 0;

	while (past < h->n && (now - h->v[past].ms >= h->max.ms ||
			h->bytes - h->v[past].bytes >= h->max.bytes ||
			h->store->rev - h->v[past].rev >= h->max.revs))
		rev = h->v[past++].rev;
	h->n -= past;
	memmove(h->v, h->v + past, h->n * sizeof(h->v[0]));
	if (rev > h->store->compacted_rev)
		store_compact(h->store, rev + h->store->base_rev);
}

static void due(void *arg)
{
	struct store_history *h = arg;

	forget(h);
	if (!h->n && h->store->rev > h->store->compacted_rev)
		mark(h);
	if (h->n)
		loop_timer_set(&h->timer, h->v[0].ms + h->max.ms - loop_now_ms(h->store->loop));
}

void store_history_wrote(struct store_history *h, size_t bytes)
{
	const struct mark *last = h->n ? &h->v[h->n - 1] : NULL;

	h->bytes += (int64_t)bytes;
	if (!last || loop_now_ms(h->store->loop) - last->ms >= h->max.ms / PARTS ||
	    h->bytes - last->bytes >= h->max.bytes / PARTS ||
	    h->store->rev - last->rev >= h->max.revs / PARTS) {
		mark(h);
		forget(h);
	}
	if (!loop_timer_is_set(&h->timer))
		loop_timer_set(&h->timer, h->max.ms);
}

int store_keep_history(struct store *s, const struct store_history_limits *max)
{
	struct store_history *h = calloc(1, sizeof(*h));

	if (!h)
		return -ERR_NOMEM;
	h->store = s;
	h->max = *max;
	loop_timer_init(&h->timer, s->loop, due, h);
	if (s->rev > s->compacted_rev) {
		mark(h);
		loop_timer_set(&h->timer, max->ms);
	}
	s->history = h;
	return 0;
}

void store_history_close(struct store_history *h)
{
	if (h)
		loop_timer_stop(&h->timer);
	free(h);
}
