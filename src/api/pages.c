/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages - a list of a revision that has passed, read from the store: the later pages
 * of a list while others write, or a list of an exact revision.
 *
 * The store's order is the list's: the bytes of the keys. Reading stops when the page is
 * full.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/list.h"
#include "store/store.h"

#define CHUNK 1000u

struct pages {
	struct listing *l;
	int64_t rev;
	char prefix[STORE_KEY_MAX], start[STORE_KEY_MAX + 2];
	size_t skip;                   /* length of "store/" */
	bool full;
};

static bool wanted(struct pages *p, struct blob *json, const char *ns, const char *name)
{
	struct listing *l = p->l;
	ARENA_AUTO struct arena *a = NULL;
	struct labels labels;
	yyjson_doc *d;

	if (l->f.everything)
		return true;
	a = arena_open(API_ARENA_MAX);
	if (!a || doc_parse(a, json->p, json->len, &d, NULL))
		return false;
	labels_from(a, doc_get(yyjson_doc_get_root(d), "metadata.labels"), &labels);
	return filter_match_tree(l->c, &l->f, &labels, ns, name, yyjson_doc_get_root(d));
}

/* What follows "store/" in a key: a namespace, "" when there is none, and a name. */
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

static void keep(struct pages *p, const struct store_item *it)
{
	char ns[STORE_KEY_MAX];
	const char *name = split(it->key + p->skip, ns);
	BLOB_AUTO struct blob *json = shape_splice(it->value, it->rev);

	if (!json)
		p->l->failed = true;
	else if (wanted(p, json, ns, name))
		list_add(p->l, NULL, json);
	p->full = p->l->failed || (p->l->o.limit && p->l->n >= (size_t)p->l->o.limit);
}

/* last: the newest key that was looked at; remaining: how many lie behind it. */
static enum step finish(struct pages *p, const char *last, int64_t remaining)
{
	struct listing *l = p->l;
	char ns[STORE_KEY_MAX];

	l->rev = p->rev;
	if (last && remaining > 0) {
		const char *name = split(last + p->skip, ns);

		l->remaining = remaining;
		l->token = list_token(l, p->rev, ns, name);
		l->failed |= !l->token;
	}
	free(p);
	return list_send(l);
}

static enum step expired(struct pages *p)
{
	struct listing *l = p->l;
	struct call *c = l->c;
	const char *token = NULL;
	enum step step;

	if (l->o.token_rev > 0) {
		token = list_token(l, -1, "", l->o.after);
		step = fail_expired(c, "The provided continue parameter is too old to display a consistent list "
			"result. You can start a new list without the continue parameter, or use the continue "
			"token in this response to retrieve the remainder of the results. Continuing with the "
			"provided token results in an inconsistent list - objects that were created, modified, "
			"or deleted between the time the first chunk was returned and now may show up in the "
			"list.", token);
	} else {
		step = fail_expired(c, "The resourceVersion for the provided list is too old.", NULL);
	}
	free(p);
	list_free(l);
	return step;
}

static void on_range(void *arg, int rc, const struct store_item *items, size_t n, int64_t remaining);

static int next_chunk(struct pages *p)
{
	int64_t limit = p->l->o.limit;

	return store_range(p->l->c->api->store, p->prefix, p->start,
		p->l->f.everything && limit && limit < CHUNK ? (unsigned)limit : CHUNK, p->rev, on_range, p);
}

static void on_range(void *arg, int rc, const struct store_item *items, size_t n, int64_t remaining)
{
	struct pages *p = arg;
	struct call *c = p->l->c;
	enum step step;

	if (rc == -ERR_EXPIRED) {
		step = expired(p);
	} else if (rc) {
		list_free(p->l);
		free(p);
		step = fail_err(c, rc, NULL);
	} else {
		size_t i = 0;

		while (i < n && !p->full)
			keep(p, &items[i++]);
		remaining += (int64_t)(n - i);
		if (remaining > 0 && !p->full && n && (c->http || c->done)) {
			size_t len = strlen(items[n - 1].key);

			/* The key after the last one: nothing sorts between x and x\1 that we use. */
			memcpy(p->start, items[n - 1].key, len);
			p->start[len] = 1;
			p->start[len + 1] = 0;
			rc = next_chunk(p);
			if (!rc)
				return;
			list_free(p->l);
			free(p);
			step = fail_err(c, rc, NULL);
		} else {
			step = finish(p, i ? items[i - 1].key : NULL, remaining);
		}
	}
	call_resume(c, step);
	call_drop(c);
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
	p->l = l;
	p->rev = rev;
	p->skip = strlen(c->kind->store) + 1;
	if (l->ns && *l->ns)
		n = snprintf(p->prefix, sizeof(p->prefix), "%s/%s/", c->kind->store, l->ns);
	else
		n = snprintf(p->prefix, sizeof(p->prefix), "%s/", c->kind->store);
	if (l->o.after)
		n = snprintf(p->start, sizeof(p->start), "%s%s\001", p->prefix, l->o.after);
	else
		n = snprintf(p->start, sizeof(p->start), "%s", p->prefix);
	rc = n < (int)sizeof(p->prefix) ? next_chunk(p) : -ERR_BAD_REQUEST;
	if (rc) {
		free(p);
		list_free(l);
		return fail_err(c, rc, NULL);
	}
	call_hold(c);
	return STEP_WAIT;
}
