/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem - the store without a disk: for tests and simulations. Keeps every
 * revision of every key until compacted; completions are deferred, so that
 * callers see the order a durable store gives them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "base/map.h"
#include "store/store_priv.h"

struct version {
	struct version *older;
	int64_t rev, create_rev;
	struct blob *value;      /* NULL: deleted */
};

struct key {
	struct version *newest;
	char name[];
};

struct range_job {
	struct range_job *next;
	unsigned limit;
	int64_t rev;
	store_range_fn *done;
	void *arg;
	char prefix[STORE_KEY_MAX + 1], start[STORE_KEY_MAX + 1];
};

struct mem {
	struct store base;
	struct map keys;         /* name -> struct key */
	int64_t rev;             /* base.rev follows it when completed */
	struct store_write *decided, **decided_tail;
	struct range_job *ranges, **ranges_tail;
	struct loop_task task;
	size_t queue, queue_max;
	int64_t size_bytes;
};

static struct mem *mem_of(const struct store *s) { return (struct mem *)(void *)s; }

static void version_free(struct mem *m, struct version *v)
{
	if (v->value)
		m->size_bytes -= v->value->len;
	blob_unref(v->value);
	free(v);
}

/* The version of a key that rev shows; NULL when it is absent there. */
static struct version *at(struct key *k, int64_t rev)
{
	struct version *v = k->newest;

	while (v && v->rev > rev)
		v = v->older;
	return v && v->value ? v : NULL;
}

static int by_name(const void *a, const void *b)
{
	struct key *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* The keys of a range, sorted; the caller frees. NULL: no memory. */
static struct key **matching(struct mem *m, const char *prefix, const char *start, int64_t rev,
	size_t *ret_n)
{
	struct key **v = malloc((m->keys.len + 1) * sizeof(*v));
	size_t it = 0, n = 0;
	const char *name;
	void *k;

	while (v && map_next(&m->keys, &it, &name, &k))
		if (strncmp(name, prefix, strlen(prefix)) == 0 && strcmp(name, start) >= 0 &&
		    at(k, rev))
			v[n++] = k;
	if (v)
		qsort(v, n, sizeof(*v), by_name);
	*ret_n = n;
	return v;
}

static void answer(struct mem *m, struct range_job *j)
{
	int64_t rev = j->rev ? j->rev : m->base.rev;
	struct store_item *items;
	struct key **keys;
	size_t n, take, taken = 0, bytes = 0;

	if (rev < m->base.compacted_rev || rev > m->base.rev) {
		j->done(j->arg, rev > m->base.rev ? -ERR_BAD_REQUEST : -ERR_EXPIRED, NULL, 0, 0);
		return;
	}
	keys = matching(m, j->prefix, j->start, rev, &n);
	take = j->limit && j->limit < n ? j->limit : n;
	items = calloc(take + 1, sizeof(*items));
	for (; keys && items && taken < take && bytes < STORE_RANGE_BYTES; taken++) {
		struct version *v = at(keys[taken], rev);

		items[taken] = (struct store_item){ keys[taken]->name, v->rev, v->create_rev, v->value };
		bytes += v->value->len;
	}
	if (keys && items)
		j->done(j->arg, 0, items, taken, (int64_t)(n - taken));
	else
		j->done(j->arg, -ERR_NOMEM, NULL, 0, 0);
	free(items);
	free(keys);
}

static void run(void *arg)
{
	struct mem *m = arg;

	while (m->decided) {
		struct store_write *w = m->decided;

		if (!(m->decided = w->next))
			m->decided_tail = &m->decided;
		m->queue--;
		store_complete(&m->base, w);
	}
	while (m->ranges) {
		struct range_job *j = m->ranges;

		if (!(m->ranges = j->next))
			m->ranges_tail = &m->ranges;
		answer(m, j);
		free(j);
	}
}

static int mem_write(struct store *s, struct store_write *w)
{
	struct mem *m = mem_of(s);
	struct key *k = map_get(&m->keys, w->key);
	struct version *now = k ? at(k, INT64_MAX) : NULL, *v;

	if (m->queue >= STORE_QUEUE_MAX)
		return -ERR_FULL;
	if (store_decide(w, now ? now->rev : 0, now ? now->create_rev : 0, m->rev + 1)) {
		if (!k) {
			k = malloc(sizeof(*k) + w->key_len + 1u);
			if (!k)
				return -ERR_NOMEM;
			k->newest = NULL;
			memcpy(k->name, w->key, w->key_len + 1u);
			if (map_put(&m->keys, w->key, k, NULL) < 0) {
				free(k);
				return -ERR_NOMEM;
			}
		}
		v = malloc(sizeof(*v));
		if (!v)
			return -ERR_NOMEM;
		*v = (struct version){ k->newest, w->rev, w->create_rev,
			w->value ? blob_ref(w->value) : NULL };
		k->newest = v;
		m->rev = w->rev;
		if (v->value)
			m->size_bytes += v->value->len;
	}
	w->next = NULL;
	*m->decided_tail = w;
	m->decided_tail = &w->next;
	if (++m->queue > m->queue_max)
		m->queue_max = m->queue;
	loop_defer(s->loop, &m->task, run, m);
	return 0;
}

static int mem_load(struct store *s, store_load_fn *fn, void *arg, int64_t *ret_rev,
	struct err *reterr)
{
	struct mem *m = mem_of(s);
	size_t n;
	struct key **keys = matching(m, "", "", INT64_MAX, &n);

	if (!keys)
		return err_set(reterr, ERR_NOMEM, "load the store: out of memory");
	for (size_t i = 0; i < n; i++) {
		struct version *v = keys[i]->newest;

		fn(arg, &(struct store_event){ .rev = v->rev, .create_rev = v->create_rev, .key = keys[i]->name, .value = v->value });
	}
	free(keys);
	*ret_rev = m->rev;
	return 0;
}

static int mem_range(struct store *s, const char *prefix, const char *start, unsigned limit,
	int64_t rev, store_range_fn *done, void *arg)
{
	struct mem *m = mem_of(s);
	struct range_job *j = malloc(sizeof(*j));

	if (!j)
		return -ERR_NOMEM;
	*j = (struct range_job){ .limit = limit, .rev = rev, .done = done, .arg = arg };
	strcpy(j->prefix, prefix);
	strcpy(j->start, start);
	*m->ranges_tail = j;
	m->ranges_tail = &j->next;
	loop_defer(s->loop, &m->task, run, m);
	return 0;
}

static int mem_compact(struct store *s, int64_t rev)
{
	struct mem *m = mem_of(s);
	size_t it = 0;
	const char *name;
	void *p;

	s->compacted_rev = rev;
	while (map_next(&m->keys, &it, &name, &p)) {
		struct key *k = p;
		struct version **v = &k->newest;

		/* Keep what rev itself shows. */
		while (*v && (*v)->rev > rev)
			v = &(*v)->older;
		if (*v && (*v)->value)
			v = &(*v)->older;
		while (*v) {
			struct version *old = *v;

			*v = old->older;
			version_free(m, old);
		}
		if (!k->newest) {
			map_del(&m->keys, k->name);
			free(k);
		}
	}
	return 0;
}

static void mem_stats(const struct store *s, struct store_stats *ret)
{
	const struct mem *m = mem_of(s);

	ret->groups = s->writes;
	ret->queue = m->queue;
	ret->queue_max = m->queue_max;
	ret->size_bytes = m->size_bytes;
}

static void mem_close(struct store *s)
{
	struct mem *m = mem_of(s);
	size_t it = 0;
	void *p;

	run(m);
	loop_defer_cancel(s->loop, &m->task);
	while (map_next(&m->keys, &it, NULL, &p)) {
		struct key *k = p;

		while (k->newest) {
			struct version *v = k->newest;

			k->newest = v->older;
			version_free(m, v);
		}
		free(k);
	}
	map_finish(&m->keys);
	free(m);
}

static const struct store_ops mem_ops = {
	mem_close, mem_write, mem_load, mem_range, mem_compact, mem_stats, NULL,
};

int store_mem_open(struct store **ret, struct loop *l, struct err *reterr)
{
	struct mem *m = calloc(1, sizeof(*m));

	if (!m)
		return err_set(reterr, ERR_NOMEM, "open the store: out of memory");
	m->base.ops = &mem_ops;
	m->base.loop = l;
	m->decided_tail = &m->decided;
	m->ranges_tail = &m->ranges;
	*ret = &m->base;
	return 0;
}
