/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collection - deletecollection: what a list would show, each deleted by a call of its
 * own, a bounded number at a time. What has the name of one, but was made after the list, is
 * left alone. The answer is the list.
 */
#include <stdlib.h>
#include <string.h>

#include "api/list.h"

#define AT_ONCE 64u

struct collection {
	struct call *c;
	struct listing *l;
	size_t next, running;
	const char *options;           /* of each single deletion, but for the end of its preconditions */
	int status;                    /* of the first that failed */
	struct blob *failure;
};

struct single { struct collection *co; struct cache_obj *o; };

static bool pick(void *arg, struct cache_obj *o)
{
	struct listing *l = arg;

	if (l->o.limit && l->n >= (size_t)l->o.limit)
		return false;
	view_reset(l->c);
	return !filter_match(l->c, &l->f, o) || list_add(l, o);
}

static void add_text(struct buf *b, const char *s) { buf_add_json(b, s, strlen(s)); }

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

/* Gone meanwhile is as good as deleted, whatever has its name since then. */
static bool is_gone(const struct single *s)
{
	const struct call *c = s->co->c;
	struct cache_obj *now = cache_get(c->api->cache, c->kind->store, s->o->ns, s->o->name);

	return !now || strcmp(now->uid, s->o->uid);
}

static void deleted(void *arg, int status, const struct blob *body)
{
	const struct single *s = arg;
	struct collection *co = s->co;

	co->running--;
	if (status >= 300 && !is_gone(s) && !co->failure) {
		co->status = status;
		co->failure = body ? blob_new(body->p, body->len) : blob_new("", 0);
	}
	more(co);
}

static void more(struct collection *co)
{
	struct call *c = co->c;

	while (!co->failure && co->running < AT_ONCE && co->next < co->l->n) {
		struct cache_obj *o = co->l->items[co->next];
		struct single *s = arena_alloc(c->arena, sizeof(*s));
		BUF_AUTO struct buf path = { 0 };
		BUF_AUTO struct buf body = { 0 };
		struct api_call q = { .method = "DELETE", .user = &c->user, .may_write = c->may_write, .may_arg = c->may_arg };

		buf_printf(&path, *c->group ? "/apis/%s/%s" : "/api%s/%s", c->group, c->version);
		if (*o->ns)
			buf_printf(&path, "/namespaces/%s", o->ns);
		buf_printf(&path, "/%s/%s", c->resource, o->name);
		buf_printf(&body, "%s\"uid\":", co->options);
		add_text(&body, c->want_uid ? c->want_uid : o->uid);
		buf_adds(&body, "}}");
		q.path = path.p;
		q.body = body.p;
		q.body_len = body.len;
		if (s)
			*s = (struct single){ co, o };
		if (!s || path.failed || body.failed || api_call_trusted(c->api, &q, deleted, s)) {
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

	buf_addc(&b, '{');
	if (c->grace_s >= 0)
		buf_printf(&b, "\"gracePeriodSeconds\":%lld,", (long long)c->grace_s);
	if (c->propagation)
		buf_printf(&b, "\"propagationPolicy\":\"%s\",", c->propagation);
	if (c->dry_run)
		buf_adds(&b, "\"dryRun\":[\"All\"],");
	buf_adds(&b, "\"preconditions\":{");
	if (c->want_rv) {
		buf_adds(&b, "\"resourceVersion\":");
		add_text(&b, c->want_rv);
		buf_addc(&b, ',');
	}
	co->options = b.failed ? NULL : arena_strndup(c->arena, b.p, b.len);
	return co->options != NULL;
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
