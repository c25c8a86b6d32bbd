/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages - a list of a revision that has passed, read from the store: the later pages
 * of a list while others write, or a list of an exact revision.
 *
 *	read -> sift (in the user's turns) -> read ... -> send
 *
 * What the store had becomes objects as the cache has them, so that they are selected,
 * converted and sent as those are. The store's order is the list's: the bytes of the
 * keys. Reading stops when the page is full.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/list.h"
#include "base/env.h"
#include "store/store.h"

#define CHUNK   1000u
#define SIFT_US 500            /* of a turn */

struct past {                          /* as in a store_item, kept until its turn */
	char *key;
	int64_t rev, create_rev;
	struct blob *value;
};

struct pages {
	struct call *c;
	struct listing *l;             /* NULL: the client went away while the store reads */
	int64_t rev, remaining;        /* remaining: behind the items */
	char prefix[STORE_KEY_MAX], start[STORE_KEY_MAX + 2];
	struct past *items;
	size_t n, next;
	bool look, reading;
};

/* What follows the resource in a key: a namespace, "" when there is none, and a name. */
static const char *split(const char *rest, char ns[STORE_KEY_MAX])
{
	const char *slash = strchr(rest, '/');

	*ns = 0;
	if (!slash)
		return rest;
	memcpy(ns, rest, (size_t)(slash - rest));
	ns[slash - rest] = 0;
	return slash + 1;
}

static void drop_items(struct pages *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->items[i].key);
		blob_unref(p->items[i].value);
	}
	free(p->items);
	p->items = NULL;
	p->n = p->next = 0;
}

static void pages_free(struct pages *p)
{
	drop_items(p);
	list_free(p->l);
	free(p);
}

/* The listing goes on its way, p ends. */
static struct listing *leave(struct pages *p)
{
	struct listing *l = p->l;

	p->c->work = NULL;
	p->c->cancel = NULL;
	p->l = NULL;
	pages_free(p);
	return l;
}

static void fail(struct pages *p, enum step step)
{
	struct call *c = p->c;

	list_free(leave(p));
	call_resume(c, step);
}

static void canceled(struct call *c)
{
	struct pages *p = c->work;

	c->work = NULL;
	c->cancel = NULL;
	if (!p->reading) {
		pages_free(p);
		return;
	}
	list_free(p->l);
	p->l = NULL;
	call_drop(c);
}

static void finish(struct pages *p)
{
	struct call *c = p->c;
	struct listing *l = p->l;
	int64_t remaining = p->remaining + (int64_t)(p->n - p->next);

	l->rev = p->rev;
	if (p->next && remaining > 0) {
		char ns[STORE_KEY_MAX];
		const char *name = split(p->items[p->next - 1].key + strlen(c->kind->store) + 1, ns);

		l->remaining = remaining;
		l->token = list_token(l, p->rev, ns, name);
		l->failed |= !l->token;
	}
	call_resume(c, list_send(leave(p)));
}

/* ---- a turn ---- */

static void keep(struct pages *p, const struct past *it)
{
	struct listing *l = p->l;
	struct cache_obj *o = cache_obj_past(p->c->api->cache, it->key, it->value, it->create_rev, it->rev, p->look);

	view_reset(p->c);
	if (!o) {
		l->failed = true;
	} else if (filter_match(p->c, &l->f, o) && list_add(l, o)) {
		l->past_bytes += o->json->len;
		p->c->api->past_bytes += o->json->len;
	}
	cache_obj_unref(o);
}

static bool is_full(const struct pages *p)
{
	const struct listing *l = p->l;

	return l->failed || (l->o.limit && (l->n >= (size_t)l->o.limit || l->past_bytes >= PAGE_BYTES ||
		(l->n && p->c->api->past_bytes >= PAST_BYTES_MAX)));
}

/* Is there no room for a list that cannot end early? One alone has what it needs. */
static bool is_too_much(const struct pages *p)
{
	size_t all = p->c->api->past_bytes;

	return !p->l->o.limit && all >= PAST_BYTES_MAX && all > p->l->past_bytes;
}

static void read_on(struct pages *p);

static void sift(struct call *c)
{
	struct pages *p = c->work;
	int64_t until_us = env_now_us() + SIFT_US;
	bool full;

	if (!p)
		return;
	full = is_full(p);
	while (p->next < p->n && !full) {
		keep(p, &p->items[p->next++]);
		full = is_full(p);
		if (is_too_much(p)) {
			fail(p, fail_busy(c, 429, 1, "too many large lists of past revisions are under way; "
				"list in pages, or try again later"));
			return;
		}
		if (p->next < p->n && !full && env_now_us() >= until_us) {
			flow_later(c, sift);
			return;
		}
	}
	if (p->remaining > 0 && p->n && !full)
		read_on(p);
	else
		finish(p);
}

/* ---- the store ---- */

static enum step expired(struct pages *p)
{
	struct listing *l = p->l;

	if (l->o.token_rev <= 0)
		return fail_expired(p->c, "The resourceVersion for the provided list is too old.", NULL);
	return fail_expired(p->c, "The provided continue parameter is too old to display a consistent list "
		"result. You can start a new list without the continue parameter, or use the continue "
		"token in this response to retrieve the remainder of the results. Continuing with the "
		"provided token results in an inconsistent list - objects that were created, modified, "
		"or deleted between the time the first chunk was returned and now may show up in the "
		"list.", list_token(l, -1, "", l->o.after));
}

static bool take_items(struct pages *p, const struct store_item *items, size_t n)
{
	p->items = calloc(n + 1, sizeof(*p->items));
	for (; p->items && p->n < n; p->n++) {
		const struct store_item *it = &items[p->n];
		char *key = strdup(it->key);

		if (!key)
			return false;
		p->items[p->n] = (struct past){ key, it->rev, it->create_rev, blob_ref(it->value) };
	}
	return p->items != NULL;
}

static void on_range(void *arg, int rc, const struct store_item *items, size_t n, int64_t remaining)
{
	struct pages *p = arg;
	struct call *c = p->c;

	p->reading = false;
	if (!p->l) {
		pages_free(p);
		return;
	}
	p->remaining = remaining;
	if (rc)
		fail(p, rc == -ERR_EXPIRED ? expired(p) : fail_err(c, rc, NULL));
	else if (!take_items(p, items, n))
		fail(p, fail_err(c, -ERR_NOMEM, NULL));
	else
		flow_later(c, sift);
	call_drop(c);
}

static int read_chunk(struct pages *p)
{
	int64_t limit = p->l->o.limit;
	int rc = store_range(p->c->api->store, p->prefix, p->start,
		p->l->f.everything && limit && limit < CHUNK ? (unsigned)limit : CHUNK, p->rev, on_range, p);

	if (rc)
		return rc;
	p->reading = true;
	call_hold(p->c);
	return 0;
}

static void read_on(struct pages *p)
{
	int rc;

	/* The key after the last one: nothing sorts between x and x\1 that we use. */
	snprintf(p->start, sizeof(p->start), "%s\001", p->items[p->n - 1].key);
	drop_items(p);
	rc = read_chunk(p);
	if (rc)
		fail(p, fail_err(p->c, rc, NULL));
}

enum step pages_load(struct listing *l, int64_t rev)
{
	struct call *c = l->c;
	struct pages *p = calloc(1, sizeof(*p));
	int rc, n;

	if (!p) {
		list_free(l);
		return fail_err(c, -ERR_NOMEM, NULL);
	}
	p->c = c;
	p->l = l;
	p->rev = rev;
	p->look = filter_needs_tree(c, &l->f);
	if (l->ns && *l->ns)
		n = snprintf(p->prefix, sizeof(p->prefix), "%s/%s/", c->kind->store, l->ns);
	else
		n = snprintf(p->prefix, sizeof(p->prefix), "%s/", c->kind->store);
	if (l->o.after)
		n = snprintf(p->start, sizeof(p->start), "%s%s\001", p->prefix, l->o.after);
	else
		n = snprintf(p->start, sizeof(p->start), "%s", p->prefix);
	c->work = p;
	c->cancel = canceled;
	rc = n < (int)sizeof(p->prefix) ? read_chunk(p) : -ERR_BAD_REQUEST;
	if (!rc)
		return STEP_WAIT;
	list_free(leave(p));
	return fail_err(c, rc, NULL);
}
