/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger - see ledger.h. A value looks like
 *   {"metadata":{},"holds":[{"by":"SESSION","n":"7","of":"core/pods","ns":"x","name":"p","uid":"..","from":"0",..}]}
 * A server rewrites what is its own from memory and copies the rest, but for what counts no more.
 */
#define LOG_MODULE "api"
#include "api/ledger_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define LEDGERS     "sampan/ledgers"
#define LEAVE_MS    20                 /* before others are told: often the next decision tells it */
#define AGAIN_MS    1000               /* after the store refused that, or while there is no room */

struct ledger {
	struct ledgers *ls;
	const struct ledger_ops *ops;
	struct list waiting, writing, held;            /* ledger_seat.link */
	struct list behind;            /* the same: until the cache shows what was faster */
	unsigned count;                /* writing and held */
	struct holds others;
	struct loop_task task;
	struct loop_timer leave_timer;
	int64_t expect_rev;            /* of the newest write */
	struct ledger_value value;     /* that is being made */
	bool busy;                     /* that is under way */
	bool left;                     /* the store may say more than is held */
	bool leaving;                  /* the write under way is to mend that */
	char scope[];
};

struct ledgers {
	struct api *api;
	struct map by_scope;
	struct list ready;             /* ledger_seat.ready: their calls go on */
	struct loop_task go_on;
	struct cache_observer *obs, *namespaces;
	struct sessions *sessions;
	uint64_t next;
};

static struct cache_obj *stored(const struct ledgers *ls, const char *scope)
{
	return cache_get(ls->api->cache, LEDGERS, "", scope);
}

/* ---- calls go on, one after another from the loop: each may come back here ---- */

static void go_on(void *arg)
{
	struct ledgers *ls = arg;

	while (!list_empty(&ls->ready)) {
		struct ledger_seat *seat = list_entry(ls->ready.next, struct ledger_seat, ready);
		struct call *c = seat->call;
		enum step step = seat->step;

		list_del(&seat->ready);
		/* Refused, or from the beginning: what it holds in another scope, too. */
		if (step == STEP_REPLY || c->stage == STAGE_LOAD)
			call_give_back(c);
		if (step == STEP_REPLY)
			step = fresh_answer(c);
		call_resume(c, step);
		call_drop(c);
	}
}

static void make_ready(struct ledger_seat *seat, enum step step)
{
	struct ledgers *ls = seat->ledger->ls;

	seat->step = step;
	list_add_tail(&ls->ready, &seat->ready);
	loop_defer(ls->api->loop, &ls->go_on, go_on, ls);
}

/* It holds nothing: its call goes on with step. */
static void end(struct ledger_seat *seat, enum step step)
{
	list_del(&seat->link);
	make_ready(seat, step);
	seat->ledger = NULL;
}

/* ---- what a seat holds ---- */

static int describe(struct ledger_seat *seat, yyjson_mut_doc *d, yyjson_mut_val *h)
{
	struct call *c = seat->call;
	const char *uid = doc_mstr(c->obj, "metadata.uid");
	char n[24], from[24];

	snprintf(n, sizeof(n), "%llu", (unsigned long long)seat->n);
	snprintf(from, sizeof(from), "%lld", c->cur ? (long long)c->cur->rev : 0);
	if (!h || !doc_mset_str(d, h, "n", n) ||
	    !doc_mset_str(d, h, "of", c->kind->store) || !doc_mset_str(d, h, "ns", call_ns(c)) ||
	    !doc_mset_str(d, h, "name", c->name) || !doc_mset_str(d, h, "uid", uid ? uid : "") ||
	    !doc_mset_str(d, h, "from", from))
		return -ERR_NOMEM;
	return seat->ledger->ops->describe(c, d, h);
}

/* 1: it holds something; 0: nothing, or -ERR_*. */
static int hold(struct ledger_seat *seat, struct session *session)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *h = yyjson_mut_obj(d);
	BUF_AUTO struct buf text = { 0 };
	int rc = describe(seat, d, h);

	if (rc == 1 && doc_mwrite(&text, h))
		rc = -ERR_NOMEM;
	if (rc == 1 && text.len > LEDGER_HOLD_MAX - 64)
		rc = -ERR_SIZE;
	if (rc == 1 && !(seat->text = text.failed ? NULL : strdup(text.p + 1)))
		rc = -ERR_NOMEM;
	yyjson_mut_doc_free(d);
	if (rc == 1)
		seat->session = session_ref(session);
	return rc;
}

static void let_go(struct ledger_seat *seat)
{
	free(seat->text);
	session_unref(seat->session);
	seat->text = NULL;
	seat->session = NULL;
}

/* ---- one scope ---- */

static void run(void *arg);

static void schedule(void *arg)
{
	struct ledger *l = arg;

	loop_defer(l->ls->api->loop, &l->task, run, l);
}

static void ledger_free(struct ledger *l)
{
	holds_finish(&l->others);
	loop_defer_cancel(l->ls->api->loop, &l->task);
	loop_timer_stop(&l->leave_timer);
	l->ls = NULL;
	if (!l->busy)
		free(l);
}

static struct ledger *ledger_of(struct ledgers *ls, const char *scope, const struct ledger_ops *ops)
{
	struct ledger *l = map_get(&ls->by_scope, scope);

	if (l)
		return l;
	l = calloc(1, sizeof(*l) + strlen(scope) + 1);
	if (!l || map_put(&ls->by_scope, scope, l, NULL)) {
		free(l);
		return NULL;
	}
	l->ls = ls;
	l->ops = ops;
	l->others = (struct holds){ .api = ls->api, .sessions = ls->sessions };
	strcpy(l->scope, scope);
	list_init(&l->waiting);
	list_init(&l->writing);
	list_init(&l->held);
	list_init(&l->behind);
	loop_timer_init(&l->leave_timer, ls->api->loop, schedule, l);
	return l;
}

/* ---- writing ---- */

/* The whole round, once the other's write is known: what it decides on changed. */
static void begin_again(struct ledger *l)
{
	struct cache_obj *o = stored(l->ls, l->scope);

	if ((o ? o->rev : 0) == l->expect_rev)
		return;
	while (!list_empty(&l->behind)) {
		struct ledger_seat *seat = list_entry(l->behind.next, struct ledger_seat, link);

		seat->call->stage = STAGE_LOAD;
		seat->call->tries--;
		end(seat, STEP_AGAIN);
	}
}

static enum step not_agreed(struct call *c)
{
	return fail_busy(c, 503, 1, "the store did not take what its servers must agree on, nothing was written; try again");
}

static void written(void *arg, int rc, int64_t rev)
{
	struct ledger *l = arg;

	(void)rev;
	l->busy = false;
	if (!l->ls) {
		free(l);
		return;
	}
	holds_told(&l->others, !rc);
	while (!list_empty(&l->writing)) {
		struct ledger_seat *seat = list_entry(l->writing.next, struct ledger_seat, link);

		list_del(&seat->link);
		if (!rc) {
			list_add_tail(&l->held, &seat->link);
			make_ready(seat, l->ops->then);
			continue;
		}
		l->count--;
		l->ops->undo(seat->call);
		let_go(seat);
		if (rc == -ERR_CONFLICT)
			list_add_tail(&l->behind, &seat->link);
		else
			end(seat, not_agreed(seat->call));
	}
	/* It may have been written; or what it was to take out is there yet. */
	l->left |= rc && (rc != -ERR_CONFLICT || l->leaving);
	begin_again(l);
	if (!list_empty(&l->waiting))
		schedule(l);
	else if (l->left)
		loop_timer_set(&l->leave_timer, rc && rc != -ERR_CONFLICT ? AGAIN_MS : LEAVE_MS);
}

struct counting { struct ledger *l; int by; };

static void count(void *arg, yyjson_val *hold)
{
	struct counting *x = arg;

	x->l->ops->count(x->l->ls->api, x->l->scope, hold, x->by);
}

/* Those that wait decide, with what others hold counted in. */
static void decide(struct ledger *l, struct session *session, yyjson_val *holds)
{
	holds_each(&l->others, holds, count, &(struct counting){ l, 1 });
	while (!list_empty(&l->waiting) && value_has_room(&l->value)) {
		struct ledger_seat *seat = list_entry(l->waiting.next, struct ledger_seat, link);
		enum step step = l->ops->decide(seat->call);
		int rc = step != STEP_NEXT || seat->call->dry_run ? 0 : hold(seat, session);

		if (rc < 0) {
			l->ops->undo(seat->call);
			step = fail_err(seat->call, rc, NULL);
		}
		if (rc != 1) {
			end(seat, step == STEP_NEXT ? l->ops->then : step);
			continue;
		}
		list_del(&seat->link);
		list_add_tail(&l->writing, &seat->link);
		value_add_own(&l->value, session_name(session), seat->text);
		l->count++;
	}
	holds_each(&l->others, holds, count, &(struct counting){ l, -1 });
}

static void copy(void *arg, yyjson_val *hold) { value_add_other(arg, hold); }

/* What stays in the ledger: what others hold, and what this server does. */
static void keep(struct ledger *l, yyjson_val *holds)
{
	value_begin(&l->value);
	holds_each(&l->others, holds, copy, &l->value);
	list_each(&l->held, it) {
		const struct ledger_seat *seat = list_entry(it, struct ledger_seat, link);

		if (!session_is_over(seat->session))
			value_add_own(&l->value, session_name(seat->session), seat->text);
	}
}

static int put(struct ledger *l)
{
	BLOB_AUTO struct blob *value = value_end(&l->value);
	char key[STORE_KEY_MAX + 1];
	int rc = cache_key(key, sizeof(key), LEDGERS, "", l->scope);

	if (rc || !value)
		return rc ? rc : -ERR_NOMEM;
	return store_put(l->ls->api->store, key, value, l->expect_rev, written, l);
}

static void refuse(struct ledger *l)
{
	while (!list_empty(&l->waiting)) {
		struct ledger_seat *seat = list_entry(l->waiting.next, struct ledger_seat, link);

		end(seat, not_agreed(seat->call));
	}
}

/* The ledger is o now, and it is this server's turn. */
static void round_of(struct ledger *l, struct session *session, struct cache_obj *o)
{
	yyjson_val *holds = o ? doc_get(cache_tree(o), "holds") : NULL;
	int rc;

	if (holds_look(&l->others, holds)) {
		refuse(l);
		return;
	}
	if (!list_empty(&l->waiting) && holds_cut(&l->others, holds))
		return;
	keep(l, holds);
	if (session)
		decide(l, session, holds);
	if (!l->left && list_empty(&l->writing)) {
		buf_finish(&l->value.text);
		if (!list_empty(&l->waiting))          /* no room: who leaves, or on_ledger, or else the time, wakes it */
			loop_timer_set(&l->leave_timer, AGAIN_MS);
		return;
	}
	l->expect_rev = o ? o->rev : 0;
	l->leaving = l->left;
	l->left = false;
	holds_tell(&l->others);
	loop_timer_stop(&l->leave_timer);
	rc = put(l);
	l->busy = !rc;
	if (rc)
		written(l, rc, 0);
}

static void run(void *arg)
{
	struct ledger *l = arg;
	struct session *session = NULL;
	struct cache_obj *o;

	if (l->busy)
		return;
	begin_again(l);
	if (!list_empty(&l->behind))
		return;
	if (cache_is_lost(l->ls->api->cache)) {        /* objects may come to sight later than their holds are gone */
		loop_timer_set(&l->leave_timer, AGAIN_MS);
		return;
	}
	if (!list_empty(&l->waiting) && session_now(l->ls->sessions, &session) < 0)
		refuse(l);
	if (list_empty(&l->waiting) ? !l->left : !session)
		return;
	o = stored(l->ls, l->scope);
	if (o)
		cache_obj_ref(o);
	round_of(l, session, o);
	cache_obj_unref(o);
}

/* ---- for those who decide ---- */

enum step ledger_decide(struct call *c, struct ledger_seat *seat, const char *scope, const struct ledger_ops *ops)
{
	struct ledgers *ls = c->api->ledgers;
	struct ledger *l = ls ? ledger_of(ls, scope, ops) : NULL;

	if (!ls)
		return ops->decide(c);
	if (!l)
		return fail_err(c, -ERR_NOMEM, NULL);
	*seat = (struct ledger_seat){ .call = c, .ledger = l, .n = ++ls->next };
	list_init(&seat->ready);
	list_add_tail(&l->waiting, &seat->link);
	call_hold(c);
	schedule(l);
	return STEP_WAIT;
}

void ledger_leave(struct ledger_seat *seat)
{
	struct ledger *l = seat->ledger;

	seat->ledger = NULL;
	if (!l)
		return;
	list_del(&seat->link);
	if (!seat->session)
		return;
	let_go(seat);
	l->count--;
	l->left = true;
	if (!list_empty(&l->waiting))
		schedule(l);
	else if (!loop_timer_is_set(&l->leave_timer))
		loop_timer_set(&l->leave_timer, LEAVE_MS);
}

static void unsure_of(const struct ledger_seat *seat)
{
	BUF_AUTO struct buf text = { 0 };
	char by[LEDGER_BY_MAX];

	if (!seat->ledger || !seat->session)
		return;
	snprintf(by, sizeof(by), "%s?", session_name(seat->session));
	value_hold(&text, by, seat->text);
	if (text.failed || holds_add(&seat->ledger->others, text.p, text.len))
		log_error("what %s/%s may have taken is not kept: out of memory", seat->call->ns, seat->call->name);
}

void ledger_unsure(struct call *c)
{
	unsure_of(&c->quota_seat);
	unsure_of(&c->service_seat);
}

void ledger_forget(struct ledger_seat *seat)
{
	if (seat->call)
		list_del(&seat->ready);
	ledger_leave(seat);
}

bool ledger_life(const struct call *c, struct store_while *ret)
{
	const struct ledger_seat *seats[] = { &c->quota_seat, &c->service_seat };

	for (size_t i = 0; i < 2; i++) {
		if (!seats[i]->ledger || !seats[i]->session)
			continue;
		if (session_is_over(seats[i]->session))
			return false;
		*ret = session_life(seats[i]->session);
	}
	return true;
}

/* ---- life ---- */

static void on_ledger(void *arg, const struct cache_event *ev)
{
	struct ledgers *ls = arg;
	struct ledger *l = map_get(&ls->by_scope, ev->obj->name);

	if (l && (!list_empty(&l->behind) || !list_empty(&l->waiting))) {
		l->expect_rev = -1;            /* what was faster is in sight, though it may be gone again */
		schedule(l);
	}
}

static void on_sessions(void *arg)
{
	struct ledgers *ls = arg;
	size_t it = 0;
	void *l;

	while (map_next(&ls->by_scope, &it, NULL, &l))
		schedule(l);
}

static void removed(void *arg, int rc, int64_t rev)
{
	(void)arg, (void)rc, (void)rev;        /* else another server did it, or the next one who looks does */
}

/* A namespace takes its ledger along. */
static void on_namespace(void *arg, const struct cache_event *ev)
{
	struct ledgers *ls = arg;
	char scope[LEDGER_SCOPE_MAX], key[STORE_KEY_MAX + 1];
	struct cache_obj *o;
	struct ledger *l;

	if (ev->type != CACHE_DELETED)
		return;
	snprintf(scope, sizeof(scope), LEDGER_QUOTAS "%s", ev->obj->name);
	o = stored(ls, scope);
	l = map_get(&ls->by_scope, scope);
	if (l && !l->busy && !l->count && list_empty(&l->waiting) && list_empty(&l->behind))
		ledger_free(map_del(&ls->by_scope, scope));
	if (o && !cache_key(key, sizeof(key), LEDGERS, "", scope))
		(void)!store_del(ls->api->store, key, o->rev, removed, ls);
}

int ledgers_open(struct ledgers **ret, struct api *a)
{
	struct ledgers *ls;

	*ret = NULL;
	if (!store_is_shared(a->store))
		return 0;
	ls = calloc(1, sizeof(*ls));
	if (!ls)
		return -ERR_NOMEM;
	ls->api = a;
	list_init(&ls->ready);
	ls->obs = cache_observe(a->cache, LEDGERS, false, on_ledger, ls);
	ls->namespaces = cache_observe(a->cache, a->k.ns->store, false, on_namespace, ls);
	*ret = ls;
	return ls->obs && ls->namespaces ? sessions_open(&ls->sessions, a, on_sessions, ls) : -ERR_NOMEM;
}

void ledgers_close(struct ledgers *ls)
{
	const char *scope;

	if (!ls)
		return;
	if (ls->obs)
		cache_unobserve(ls->obs);
	if (ls->namespaces)
		cache_unobserve(ls->namespaces);
	for (size_t it = 0; map_next(&ls->by_scope, &it, &scope, NULL); it = 0)
		ledger_free(map_del(&ls->by_scope, scope));
	map_finish(&ls->by_scope);
	sessions_close(ls->sessions);
	loop_defer_cancel(ls->api->loop, &ls->go_on);
	free(ls);
}
