/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages - a list of a revision that has passed, read from the store: the later pages
 * of a list while others write, or a list of an exact revision.
 *
 * Within one namespace the store's order is the list's, and reading stops when the
 * page is full. Across namespaces it is not ("a-b/x" sorts before "a/x" by bytes), so
 * all keys are read and sorted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/list.h"
#include "store/store.h"

#define CHUNK 500u

struct old { char *ns, *name; struct blob *json; };

struct pages {
	struct listing *l;
	int64_t rev;
	char prefix[STORE_KEY_MAX], start[STORE_KEY_MAX + 2];
	size_t skip;                   /* length of "store/" */
	struct old *v;
	size_t n, cap;
	bool full, failed;
};

static void pages_free(struct pages *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].ns);
		blob_unref(p->v[i].json);
	}
	free(p->v);
	free(p);
}

static int by_name(const void *a, const void *b)
{
	const struct old *x = a, *y = b;
	int c = strcmp(x->ns, y->ns);

	return c ? c : strcmp(x->name, y->name);
}

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

static void keep(struct pages *p, const struct store_item *it)
{
	const char *rest = it->key + p->skip;
	const char *slash;
	char *ns, *name;
	struct blob *json;

	/* One allocation for both: "ns\0name", or "\0name" without a namespace. */
	slash = strchr(rest, '/');
	ns = malloc(strlen(rest) + 2);
	if (!ns) {
		p->failed = true;
		return;
	}
	if (slash) {
		strcpy(ns, rest);
		name = ns + (slash - rest);
		*name++ = 0;
	} else {
		*ns = 0;
		name = ns + 1;
		strcpy(name, rest);
	}
	json = shape_splice(it->value, it->rev);
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : CHUNK;
		struct old *v = realloc(p->v, cap * sizeof(*v));

		if (v) {
			p->v = v;
			p->cap = cap;
		}
	}
	if (!json || p->n == p->cap) {
		p->failed = true;
		blob_unref(json);
		free(ns);
		return;
	}
	if (!wanted(p, json, ns, name)) {
		blob_unref(json);
		free(ns);
		return;
	}
	p->v[p->n++] = (struct old){ ns, name, json };
}

static enum step finish(struct pages *p, int64_t remaining)
{
	struct listing *l = p->l;
	size_t i = 0, last;

	if (p->failed) {
		struct call *c = l->c;

		pages_free(p);
		list_free(l);
		return fail_err(c, -ERR_NOMEM, NULL);
	}
	l->rev = p->rev;
	if (p->n)
		qsort(p->v, p->n, sizeof(*p->v), by_name);
	if (l->after_name) {
		struct old after = { (char *)(uintptr_t)l->after_ns, (char *)(uintptr_t)l->after_name, NULL };

		while (i < p->n && by_name(&p->v[i], &after) <= 0)
			i++;
	}
	last = i;
	for (; i < p->n && (!l->limit || l->n < (size_t)l->limit); last = i++)
		list_add(l, NULL, p->v[i].json);
	remaining += (int64_t)(p->n - i);
	if (l->n && remaining > 0) {
		l->remaining = remaining;
		l->token = list_token(l, p->rev, p->v[last].ns, p->v[last].name);
	}
	pages_free(p);
	return list_send(l);
}

static enum step expired(struct pages *p)
{
	struct listing *l = p->l;
	struct call *c = l->c;
	const char *token = NULL;
	enum step step;

	if (l->token_rev > 0) {
		token = list_token(l, -1, l->after_ns, l->after_name);
		step = fail_expired(c, "The provided continue parameter is too old to display a consistent list "
			"result. You can start a new list without the continue parameter, or use the continue "
			"token in this response to retrieve the remainder of the results. Continuing with the "
			"provided token results in an inconsistent list - objects that were created, modified, "
			"or deleted between the time the first chunk was returned and now may show up in the "
			"list.", token);
	} else {
		step = fail_expired(c, "The resourceVersion for the provided list is too old.", NULL);
	}
	pages_free(p);
	list_free(l);
	return step;
}

static void on_range(void *arg, int rc, const struct store_item *items, size_t n, int64_t remaining);

static int next_chunk(struct pages *p)
{
	return store_range(p->l->c->api->store, p->prefix, p->start, CHUNK, p->rev, on_range, p);
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
		pages_free(p);
		step = fail_err(c, rc, NULL);
	} else {
		size_t i = 0;

		while (i < n && !p->full) {
			keep(p, &items[i++]);
			/* One namespace comes in order: stop at a full page. */
			p->full = p->failed || (p->l->ns && p->l->limit && p->n >= (size_t)p->l->limit);
		}
		remaining += (int64_t)(n - i);
		if (remaining > 0 && !p->full && n) {
			size_t len = strlen(items[n - 1].key);

			/* The key after the last one: nothing sorts between x and x\1 that we use. */
			memcpy(p->start, items[n - 1].key, len);
			p->start[len] = 1;
			p->start[len + 1] = 0;
			rc = next_chunk(p);
			if (!rc)
				return;
			list_free(p->l);
			pages_free(p);
			step = fail_err(c, rc, NULL);
		} else {
			step = finish(p, p->full ? remaining : 0);
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
	if (l->ns && l->after_name)
		n = snprintf(p->start, sizeof(p->start), "%s%s\001", p->prefix, l->after_name);
	else
		n = snprintf(p->start, sizeof(p->start), "%s", p->prefix);
	rc = n < (int)sizeof(p->prefix) ? next_chunk(p) : -ERR_BAD_REQUEST;
	if (rc) {
		pages_free(p);
		list_free(l);
		return fail_err(c, rc, NULL);
	}
	call_hold(c);
	return STEP_WAIT;
}
