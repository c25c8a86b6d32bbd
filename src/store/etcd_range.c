/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd_range - lists in pages at one revision. How many keys a page asks for follows from how
 * large values were lately; a page that is too large all the same is asked for again by halves.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "store/etcd_priv.h"

enum { PAGE_BYTES = 4 << 20, PAGE_MAX = 2000, PAGE_MIN = 16, RANGES_MAX = 256, ITEMS_BYTES = 64 << 20 };

/* ---- pages ---- */

static unsigned page_size(const struct etcd_listing *l)
{
	size_t n = PAGE_BYTES / (l->s->value_avg + 64);

	n = n > PAGE_MAX ? PAGE_MAX : n < PAGE_MIN ? PAGE_MIN : n;
	return l->limit && l->limit < n ? l->limit : (unsigned)n;
}

static int ask(struct etcd_listing *l)
{
	struct etcd_range m = {
		.key = pb_str(l->start, l->start_len), .range_end = pb_str(l->end, l->end_len),
		.limit = l->page, .revision = l->rev,
	};

	return etcd_call(l->s->client, &l->call, "/etcdserverpb.KV/Range", &etcd_range_msg, &m, 2 * ETCD_CALL_MS);
}

static void note_sizes(struct etcd *s, const struct etcd_ranged *r)
{
	size_t bytes = 0;

	for (size_t i = 0; i < r->kvs.n; i++)
		bytes += ((const struct etcd_kv *)r->kvs.v[i])->value.n;
	if (r->kvs.n)
		s->value_avg = (s->value_avg + bytes / r->kvs.n) / 2;
}

static void got_page(struct etcd_call *call, const struct etcd_answer *a)
{
	struct etcd_listing *l = list_entry(call, struct etcd_listing, call);
	struct etcd_ranged r;
	const struct etcd_kv *last;
	int rc = a->rc;

	if (rc == -ERR_SIZE && l->page > 1) {
		l->page /= 2;
		rc = ask(l);
		if (rc == 0)
			return;
	}
	if (rc == 0)
		rc = etcd_read(l->s, &etcd_ranged_msg, a->p, a->n, &r);
	if (rc == 0 && (!r.header || (r.more && !r.kvs.n)))
		rc = -ERR_CORRUPT;
	if (rc < 0) {
		l->done(l, rc, a->message);
		return;
	}
	if (!l->rev)
		l->rev = r.header->revision;
	note_sizes(l->s, &r);
	last = r.kvs.n ? r.kvs.v[r.kvs.n - 1] : NULL;
	if (last && last->key.n >= sizeof(l->start)) {
		l->done(l, -ERR_CORRUPT, "a key that is too long");
		return;
	}
	if (!l->got(l, &r) || !r.more) {
		l->done(l, 0, "");
		return;
	}
	/* The key after it: with a NUL behind. */
	memcpy(l->start, last->key.p, last->key.n);
	l->start[last->key.n] = 0;
	l->start_len = last->key.n + 1;
	l->page = page_size(l);
	rc = ask(l);
	if (rc < 0)
		l->done(l, rc, "out of memory");
}

int etcd_list(struct etcd_listing *l)
{
	l->call.ask_again = true;
	l->call.done = got_page;
	l->page = page_size(l);
	return ask(l);
}

/* ---- store_range ---- */

struct range {
	struct list node;
	struct etcd_listing l;
	struct loop_task task;         /* for what is answered without asking */
	int rc;
	struct arena *arena;           /* the items' keys */
	struct store_item *items;
	size_t n, cap, bytes;
	int64_t remaining;
	store_range_fn *done;
	void *arg;
};

static void answer(struct range *j)
{
	struct loop *loop = j->l.s->base.loop;

	list_del(&j->node);
	j->l.s->range_count--;
	loop_defer_cancel(loop, &j->task);
	j->done(j->arg, j->rc, j->rc ? NULL : j->items, j->rc ? 0 : j->n, j->rc ? 0 : j->remaining);
	for (size_t i = 0; i < j->n; i++)
		blob_unref(j->items[i].value);
	free(j->items);
	arena_close(j->arena);
	free(j);
}

static int add(struct range *j, const struct etcd_kv *kv)
{
	const char *name;
	struct store_item *it;
	uint64_t tag;
	int r = etcd_name(j->l.s, kv->key, &name);

	if (!name)
		return r;
	if (j->n == j->cap) {
		size_t cap = j->cap ? j->cap * 2 : 64;
		struct store_item *v = realloc(j->items, cap * sizeof(*v));

		if (!v)
			return -ERR_NOMEM;
		j->items = v;
		j->cap = cap;
	}
	it = &j->items[j->n];
	*it = (struct store_item){ arena_strdup(j->arena, name), kv->mod_revision, kv->create_revision,
		etcd_value(kv->value, &tag) };
	if (!it->key || !it->value) {
		blob_unref(it->value);
		return -ERR_NOMEM;
	}
	j->n++;
	j->bytes += it->value->len;
	return 0;
}

static bool got(struct etcd_listing *l, const struct etcd_ranged *r)
{
	struct range *j = list_entry(l, struct range, l);
	size_t i = 0;

	for (; i < r->kvs.n && j->bytes < STORE_RANGE_BYTES && j->rc == 0; i++)
		j->rc = add(j, r->kvs.v[i]);
	/* count: of all from this page's start on. */
	j->remaining = r->count - (int64_t)i;
	if (l->limit)
		l->limit -= (unsigned)i;
	return j->rc == 0 && j->bytes < STORE_RANGE_BYTES && (l->limit || !j->l.arg);
}

static void listed(struct etcd_listing *l, int rc, const char *message)
{
	struct range *j = list_entry(l, struct range, l);
	struct store *base = &l->s->base;

	if (!j->rc)
		j->rc = rc == -ERR_AGAIN ? -ERR_UNAVAILABLE : rc;
	/* Another program of the cluster may have forgotten history, too. */
	if (j->rc == -ERR_EXPIRED && l->rev >= base->compacted_rev)
		base->compacted_rev = l->rev + 1;
	answer(j);
}

static void answer_later(void *arg) { answer(arg); }

int etcd_range(struct store *base, const char *prefix, const char *start, unsigned limit, int64_t rev,
	store_range_fn *done, void *arg)
{
	struct etcd *s = etcd_of(base);
	struct range *j;
	char *end;
	int r = 0;

	if (s->closing)
		return -ERR_UNAVAILABLE;
	if (s->range_count >= RANGES_MAX)
		return -ERR_FULL;
	j = calloc(1, sizeof(*j));
	if (!j || !(j->arena = arena_open(ITEMS_BYTES))) {
		free(j);
		return -ERR_NOMEM;
	}
	j->l = (struct etcd_listing){ .s = s, .rev = rev, .limit = limit, .got = got, .done = listed,
		.arg = limit ? j : NULL };    /* whether there is a limit */
	j->done = done;
	j->arg = arg;
	etcd_key(s, j->l.start, strcmp(start, prefix) > 0 ? start : prefix);
	/* '"' is the first byte that an object's key can begin with. */
	if (!*prefix && !*start)
		strcat(j->l.start, "\"");
	j->l.start_len = strlen(j->l.start);
	etcd_key(s, j->l.end, prefix);
	end = j->l.end + strlen(j->l.end) - 1;
	while ((unsigned char)*end == 0xff)
		end--;
	++*end;                        /* the first key behind all with this prefix */
	j->l.end_len = (size_t)(end - j->l.end) + 1;
	list_add_tail(&s->ranges, &j->node);
	s->range_count++;
	if (rev && rev < base->compacted_rev)
		j->rc = -ERR_EXPIRED;
	if (j->rc || memcmp(j->l.start, j->l.end, j->l.end_len) >= 0)
		loop_defer(base->loop, &j->task, answer_later, j);
	else
		r = etcd_list(&j->l);
	if (r < 0) {
		list_del(&j->node);
		s->range_count--;
		arena_close(j->arena);
		free(j);
	}
	return r;
}

void etcd_ranges_finish(struct etcd *s)
{
	while (!list_empty(&s->ranges)) {
		struct range *j = list_entry(s->ranges.next, struct range, node);

		etcd_call_cancel(&j->l.call);
		if (!j->rc)
			j->rc = -ERR_UNAVAILABLE;
		answer(j);
	}
}
