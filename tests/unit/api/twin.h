/* SPDX-License-Identifier: Apache-2.0 */
/*
 * twin - stores of several servers over one log, as late as they may be: what another
 * wrote is seen only when it was asked for, or before an own write is answered.
 */
#ifndef TESTS_UNIT_API_TWIN_H
#define TESTS_UNIT_API_TWIN_H

#include "base/loop.h"
#include "store/store_priv.h"

struct twin_log {
	struct { struct store_event ev; char *key; } *v;
	size_t n, cap;
};

struct twin_ask { struct twin_ask *next; store_sync_fn *done; void *arg; };

struct twin {
	struct store base;
	struct twin_log *log;
	size_t seen;               /* of the log */
	int refuse;                /* what syncs are told: 0 or -ERR_* */
	unsigned asked;            /* syncs */
	struct store_write *writes, **writes_tail;
	struct twin_ask *asks;
	struct loop_task task;
};

static struct twin *twin_of(const struct store *s) { return (struct twin *)(void *)s; }

static void twin_see(struct twin *t)
{
	while (t->seen < t->log->n)
		store_tell(&t->base, &t->log->v[t->seen++].ev);
}

static void twin_run(void *arg)
{
	struct twin *t = arg;

	while (t->writes) {
		struct store_write *w = t->writes;

		if (!(t->writes = w->next))
			t->writes_tail = &t->writes;
		twin_see(t);
		store_complete(&t->base, w);
	}
	while (t->asks) {
		struct twin_ask *a = t->asks;

		t->asks = a->next;
		if (!t->refuse)
			twin_see(t);
		a->done(a->arg, t->refuse);
		free(a);
	}
}

static const struct store_event *twin_newest(const struct twin_log *l, const char *key)
{
	for (size_t i = l->n; i--; )
		if (!strcmp(l->v[i].key, key))
			return l->v[i].ev.value ? &l->v[i].ev : NULL;
	return NULL;
}

static bool twin_alive(const struct twin_log *l, const struct store_write *w)
{
	for (size_t i = 0; i < w->alive_count; i++) {
		const struct store_event *now = twin_newest(l, w->alive[i].key);

		if (!now || now->create_rev != w->alive[i].create_rev)
			return false;
	}
	return true;
}

static int twin_write(struct store *s, struct store_write *w)
{
	struct twin *t = twin_of(s);
	struct twin_log *l = t->log;
	const struct store_event *now = twin_newest(l, w->key);

	if (!twin_alive(l, w)) {
		w->rc = -ERR_EXPIRED;
	} else if (store_decide(w, now ? now->rev : 0, now ? now->create_rev : 0, (int64_t)l->n + 1)) {
		if (l->n == l->cap)
			l->v = realloc(l->v, (l->cap = l->cap ? 2 * l->cap : 256) * sizeof(*l->v));
		l->v[l->n].key = strdup(w->key);
		l->v[l->n].ev = (struct store_event){ .rev = w->rev, .create_rev = w->create_rev,
			.key = l->v[l->n].key, .value = w->value ? blob_ref(w->value) : NULL };
		l->n++;
	}
	w->next = NULL;
	*t->writes_tail = w;
	t->writes_tail = &w->next;
	loop_defer(s->loop, &t->task, twin_run, t);
	return 0;
}

static int twin_load(struct store *s, store_load_fn *fn, void *arg, int64_t *ret_rev, struct err *reterr)
{
	struct twin *t = twin_of(s);

	for (; t->seen < t->log->n; t->seen++)
		if (twin_newest(t->log, t->log->v[t->seen].key) == &t->log->v[t->seen].ev)
			fn(arg, &t->log->v[t->seen].ev);
	*ret_rev = (int64_t)t->log->n;
	return 0;
}

static int twin_range(struct store *s, const char *prefix, const char *start, unsigned limit, int64_t rev,
	store_range_fn *done, void *arg)
{
	return -ERR_UNAVAILABLE;
}

static int twin_compact(struct store *s, int64_t rev) { return 0; }
static void twin_stats(const struct store *s, struct store_stats *ret) { }

static int twin_sync(struct store *s, store_sync_fn *done, void *arg)
{
	struct twin *t = twin_of(s);
	struct twin_ask *a = malloc(sizeof(*a));

	*a = (struct twin_ask){ t->asks, done, arg };
	t->asks = a;
	t->asked++;
	loop_defer(s->loop, &t->task, twin_run, t);
	return 1;
}

static void twin_close(struct store *s)
{
	struct twin *t = twin_of(s);

	twin_run(t);
	loop_defer_cancel(s->loop, &t->task);
	free(t);
}

static inline struct store *twin_open(struct twin_log *log, struct loop *l)
{
	static const struct store_ops ops = { twin_close, twin_write, twin_load, twin_range, twin_compact, twin_stats,
		twin_sync };
	struct twin *t = calloc(1, sizeof(*t));

	t->base.ops = &ops;
	t->base.loop = l;
	t->log = log;
	t->writes_tail = &t->writes;
	return &t->base;
}

static inline void twin_log_finish(struct twin_log *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].key);
		blob_unref(l->v[i].ev.value);
	}
	free(l->v);
}

#endif
