/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_quota - ResourceQuota: what is let through fits into every quota of the namespace
 * that counts it, also when many come at once.
 *
 * Used is what the cache holds (cache/usage.h), held is what was let through and is on its
 * way to the store: a write is measured against both and holds its share until its event
 * is counted (it is, before the writer hears) or it failed. Decision and hold are one turn
 * of the loop, so no two writes see the same room.
 * Other servers over the same store are told in a ledger (ledger.h), in one write for all
 * that are let through at once.
 * Why not upstream's way, a compare-and-swap of the quota's status before each write: that
 * is a second durable write for each object, one at a time for all writers of a
 * namespace, and it counts too much after every failure until a controller has looked.
 * The status is for people, the controller writes it (control/resourcequota.c).
 * Source: apiserver pkg/admission/plugin/resourcequota/controller.go (CheckRequest).
 */
#include <stdlib.h>
#include <string.h>

#include "api/admit.h"
#include "api/ledger.h"
#include "base/env.h"
#include "cache/usage.h"
#include "kinds/quota.h"

struct quota_hold {
	struct quota_hold *next;
	const char *quota, *name;
	__int128 nano;
};

/* One write against the quotas of its namespace. */
struct asking {
	struct call *c;
	yyjson_val *now, *was;         /* was NULL: nothing is there */
	struct quota_hold *holds;
};

void quota_undo(struct call *c)
{
	for (struct quota_hold *h = c->held; h; h = h->next)
		usage_hold(c->api->usage, c->ns, h->quota, h->name, -h->nano);
	c->held = NULL;
}

/* Writes that may change what is counted. */
static bool concerns(const struct call *c)
{
	const struct api_kinds *k = &c->api->k;
	enum admit_op op = admit_op(c);

	if (!c->kind->namespaced || c->kind == k->event || c->kind == k->events_event)
		return false;
	if (c->kind == k->pod)
		return *c->sub ? !strcmp(c->sub, "resize") : op == ADMIT_CREATE;
	if (*c->sub)
		return false;
	return op == ADMIT_CREATE || c->kind == k->service || c->kind == k->pvc;
}

/* ---- containers that do not say what they need ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The sorted names of the containers that do not say `name`, with commas; NULL: all say. */
static const char *silent(struct asking *q, const char *name)
{
	static const char *const lists[] = { "containers", "initContainers" };
	yyjson_val *spec = doc_get(q->now, "spec"), *c;
	size_t count = doc_len(spec, lists[0]) + doc_len(spec, lists[1]), n = 0, i, max;
	const char **names = arena_alloc(q->c->arena, (count + 1) * sizeof(*names));
	BUF_AUTO struct buf b = { 0 };

	for (size_t l = 0; l < 2 && names; l++)
		yyjson_arr_foreach(doc_get(spec, lists[l]), i, max, c)
			if (quota_missing(spec, c, name))
				names[n++] = doc_str(c, "name") ? doc_str(c, "name") : "";
	if (!n)
		return NULL;
	qsort(names, n, sizeof(*names), by_text);
	for (size_t j = 0; j < n; j++)
		if (!j || strcmp(names[j], names[j - 1]))
			buf_printf(&b, "%s%s", j ? "," : "", names[j]);
	return b.failed ? "" : arena_strndup(q->c->arena, b.p, b.len);
}

static enum step check_said(struct asking *q, const struct usage_quota *quota)
{
	const char **names;
	BUF_AUTO struct buf b = { 0 };

	if (q->c->kind != q->c->api->k.pod)
		return STEP_NEXT;
	names = arena_alloc(q->c->arena, (quota->n + 1) * sizeof(*names));
	if (!names)
		return fail_err(q->c, -ERR_SIZE, NULL);
	for (size_t i = 0; i < quota->n; i++)
		names[i] = quota->lines[i].name;
	qsort(names, quota->n, sizeof(*names), by_text);
	for (size_t i = 0; i < quota->n; i++) {
		const char *who = silent(q, names[i]);

		if (who)
			buf_printf(&b, "%s%s for: %s", b.len ? "; " : "", names[i], who);
	}
	if (!b.len)
		return STEP_NEXT;
	return admit_refuse(q->c, "failed quota: %s: must specify %s", quota->obj->name, b.failed ? "" : b.p);
}

/* ---- amounts ---- */

static bool counts_any(const struct usage_quota *quota, const struct kinds_kind *k)
{
	for (size_t i = 0; i < quota->n; i++)
		if (quota_counts(k, quota->lines[i].name))
			return true;
	return false;
}

/* How much more of the line's resource there would be. */
static struct quantity more(struct asking *q, const struct usage_line *l, bool was_in)
{
	struct quantity now, was;

	quota_amount(q->c->kind, q->now, l->name, &now);
	if (was_in) {
		quota_amount(q->c->kind, q->was, l->name, &was);
		quantity_sub(&now, &was);
	}
	if (now.nano < 0)
		now.nano = 0;
	return now;
}

static int line_order(const void *a, const void *b)
{
	const struct usage_line *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void put(struct buf *b, const char *name, const struct quantity *q)
{
	char text[QUANTITY_MAX];

	quantity_print(text, q);
	buf_printf(b, "%s%s=%s", b->len ? "," : "", name, text);
}

static enum step exceeded(struct asking *q, const struct usage_quota *quota, const struct usage_line **over, size_t n,
	bool was_in)
{
	BUF_AUTO struct buf asked = { 0 };
	BUF_AUTO struct buf used = { 0 };
	BUF_AUTO struct buf hard = { 0 };

	qsort(over, n, sizeof(*over), line_order);
	for (size_t i = 0; i < n; i++) {
		struct quantity by = more(q, over[i], was_in), all = over[i]->used;

		quantity_add(&all, &over[i]->held);
		put(&asked, over[i]->name, &by);
		put(&used, over[i]->name, &all);
		put(&hard, over[i]->name, &over[i]->hard);
	}
	if (asked.failed || used.failed || hard.failed)
		return fail_err(q->c, -ERR_NOMEM, NULL);
	return admit_refuse(q->c, "exceeded quota: %s, requested: %s, used: %s, limited: %s", quota->obj->name, asked.p,
		used.p, hard.p);
}

static enum step check(struct asking *q, const struct usage_quota *quota)
{
	const struct kinds_kind *k = q->c->kind;
	yyjson_val *spec = doc_get(cache_tree(quota->obj), "spec");
	const struct usage_line **over;
	enum step step;
	bool was_in;
	size_t n = 0;

	if (!counts_any(quota, k) || !quota_in_scope(spec, k, q->now))
		return STEP_NEXT;
	step = check_said(q, quota);
	if (step != STEP_NEXT)
		return step;
	was_in = q->was && quota_in_scope(spec, k, q->was);
	over = arena_alloc(q->c->arena, (quota->n + 1) * sizeof(*over));
	for (size_t i = 0; i < quota->n; i++) {
		const struct usage_line *l = &quota->lines[i];
		struct quota_hold *h = arena_zalloc(q->c->arena, sizeof(*h));
		struct quantity by, all;

		if (!over || !h)
			return fail_err(q->c, -ERR_SIZE, NULL);
		if (!quota_counts(k, l->name))
			continue;
		by = more(q, l, was_in);
		if (!by.nano)
			continue;
		/* These sums stop at the largest there is: what is asked for has no bound. */
		all = l->used;
		quantity_add(&all, &l->held);
		quantity_add(&all, &by);
		if (quantity_cmp(&all, &l->hard) > 0)
			over[n++] = l;
		/* Copies: the quota may change while the write is under way. */
		*h = (struct quota_hold){ q->holds, arena_strdup(q->c->arena, quota->obj->name),
			arena_strdup(q->c->arena, l->name), by.nano };
		if (!h->quota || !h->name)
			return fail_err(q->c, -ERR_SIZE, NULL);
		q->holds = h;
	}
	return n ? exceeded(q, quota, over, n, was_in) : STEP_NEXT;
}

static enum step measure(struct call *c)
{
	struct asking q = { .c = c };
	struct usage_quota *const *quotas;
	enum step step = STEP_NEXT;
	size_t n;

	quotas = usage_of(c->api->usage, c->ns, env_wall_us(), &n);
	q.now = doc_freeze(c->arena, c->obj);
	q.was = c->old ? doc_freeze(c->arena, c->old) : NULL;
	if (!q.now || (c->old && !q.was))
		return fail_err(c, -ERR_SIZE, NULL);
	for (size_t i = 0; i < n && step == STEP_NEXT; i++)
		step = check(&q, quotas[i]);
	if (step != STEP_NEXT || c->dry_run)
		return step;
	c->held = q.holds;
	for (struct quota_hold *h = c->held; h; h = h->next)
		usage_hold(c->api->usage, c->ns, h->quota, h->name, h->nano);
	return STEP_NEXT;
}

/* ---- with other servers ---- */

static int describe(struct call *c, yyjson_mut_doc *d, yyjson_mut_val *hold)
{
	yyjson_mut_val *list = yyjson_mut_arr(d);

	if (!list || !doc_mset(d, hold, "quotas", list))
		return -ERR_NOMEM;
	for (const struct quota_hold *h = c->held; h; h = h->next) {
		yyjson_mut_val *one = yyjson_mut_arr_add_arr(d, list);
		const struct quantity amount = { .nano = h->nano };
		char text[QUANTITY_MAX];

		quantity_print(text, &amount);
		if (!one || !yyjson_mut_arr_add_strcpy(d, one, h->quota) || !yyjson_mut_arr_add_strcpy(d, one, h->name) ||
		    !yyjson_mut_arr_add_strcpy(d, one, text))
			return -ERR_NOMEM;
	}
	return c->held != NULL;
}

static void count_hold(struct api *a, const char *scope, yyjson_val *hold, int by)
{
	const char *ns = scope + strlen(LEDGER_QUOTAS);
	yyjson_val *one;
	size_t i, n;

	yyjson_arr_foreach(doc_get(hold, "quotas"), i, n, one) {
		const char *quota = yyjson_get_str(yyjson_arr_get(one, 0)), *name = yyjson_get_str(yyjson_arr_get(one, 1)),
			*text = yyjson_get_str(yyjson_arr_get(one, 2));
		struct quantity amount;

		if (quota && name && text && !quantity_parse(text, strlen(text), &amount))
			usage_hold(a->usage, ns, quota, name, by * amount.nano);
	}
}

enum step quota_validate(struct call *c)
{
	static const struct ledger_ops ops = { measure, quota_undo, describe, count_hold, STEP_NEXT };
	char scope[LEDGER_SCOPE_MAX];

	if (!concerns(c) || !cache_count(c->api->cache, c->api->k.quota->store, c->ns))
		return STEP_NEXT;
	snprintf(scope, sizeof(scope), LEDGER_QUOTAS "%s", c->ns);
	return ledger_decide(c, &c->quota_seat, scope, &ops);
}
