/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collection - deletecollection: what a list would show, each deleted by a call of its
 * own, a bounded number at a time. The answer is the list.
 */
#include <stdlib.h>
#include <string.h>

#include "api/list.h"

#define AT_ONCE 64u

struct collection {
	struct call *c;
	struct listing *l;
	size_t next, running;
	const char *query, *body;      /* of each single deletion */
	int status;                    /* of the first that failed */
	struct blob *failure;
};

static bool pick(void *arg, struct cache_obj *o)
{
	struct listing *l = arg;

	if (l->o.limit && l->n >= (size_t)l->o.limit)
		return false;
	view_reset(l->c);
	return !filter_match(l->c, &l->f, o) || list_add(l, o, NULL);
}

static void more(struct collection *co);

static void finish(struct collection *co)
{
	struct call *c = co->c;
	enum step step;

	if (co->failure) {
		step = reply_bytes(c, co->status, co->failure, "application/json");
		list_free(co->l);
	} else {
		co->l->rev = cache_rev(c->api->cache);
		step = list_send(co->l);
	}
	free(co);
	call_resume(c, step);
	call_drop(c);
}

static void deleted(void *arg, int status, const struct blob *body)
{
	struct collection *co = arg;

	co->running--;
	/* Gone meanwhile is as good as deleted. */
	if (status >= 300 && status != 404 && !co->failure) {
		co->status = status;
		co->failure = body ? blob_new(body->p, body->len) : blob_new("", 0);
	}
	more(co);
}

static void more(struct collection *co)
{
	struct call *c = co->c;

	while (!co->failure && co->running < AT_ONCE && co->next < co->l->n) {
		struct cache_obj *o = co->l->items[co->next].o;
		BUF_AUTO struct buf path = { 0 };
		struct api_call q = { .method = "DELETE", .query = co->query, .body = co->body,
			.body_len = co->body ? strlen(co->body) : 0, .user = &c->user };

		buf_printf(&path, *c->group ? "/apis/%s/%s" : "/api%s/%s", c->group, c->version);
		if (*o->ns)
			buf_printf(&path, "/namespaces/%s", o->ns);
		buf_printf(&path, "/%s/%s", c->resource, o->name);
		q.path = path.p;
		if (path.failed || api_call_trusted(c->api, &q, deleted, co)) {
			co->status = 500;
			co->failure = status_json(500, "InternalError", "out of memory");
			break;
		}
		co->next++;
		co->running++;
	}
	if (!co->running)
		finish(co);
}

/* The options of each single deletion: those of the collection, but for the selectors. */
static bool options(struct collection *co)
{
	struct call *c = co->c;
	BUF_AUTO struct buf b = { 0 };
	const char *sep = "";

	buf_addc(&b, '{');
	if (c->grace_s >= 0) {
		buf_printf(&b, "\"gracePeriodSeconds\":%lld", (long long)c->grace_s);
		sep = ",";
	}
	if (c->propagation)
		buf_printf(&b, "%s\"propagationPolicy\":\"%s\"", sep, c->propagation);
	buf_addc(&b, '}');
	co->query = c->dry_run ? "dryRun=All" : NULL;
	co->body = b.failed ? NULL : arena_strndup(c->arena, b.p, b.len);
	return co->body != NULL;
}

enum step collection_delete(struct call *c)
{
	struct collection *co = calloc(1, sizeof(*co));
	struct listing *l = calloc(1, sizeof(*l));
	enum step step;

	if (!co || !l) {
		free(co);
		free(l);
		return fail_err(c, -ERR_NOMEM, NULL);
	}
	co->c = c;
	co->l = l;
	l->c = c;
	l->ns = c->kind->namespaced ? c->ns : "";
	step = list_options_parse(c, &l->o, &l->f);
	if (step == STEP_NEXT && !options(co))
		step = fail_err(c, -ERR_SIZE, NULL);
	if (step != STEP_NEXT) {
		list_free(l);
		free(co);
		return step;
	}
	cache_each(c->api->cache, c->kind->store, l->ns, l->ns, l->o.after, pick, l);
	if (l->failed) {
		list_free(l);
		free(co);
		return fail_err(c, -ERR_NOMEM, NULL);
	}
	if (!l->n) {
		free(co);
		l->rev = cache_rev(c->api->cache);
		return list_send(l);
	}
	call_hold(c);
	more(co);
	return STEP_WAIT;
}
