/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - see policy.h: what was told gathers for a few ms and goes out as one transaction;
 * one is under way at a time. One that fails is followed by one that makes the table anew,
 * which also mends what a stranger did to it.
 */
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/loop.h"
#include "base/workers.h"
#include "net/policy_nft.h"
#define LOG_MODULE "net"
#include "base/log.h"

#define GATHER_MS      5
#define RETRY_MIN_MS   500
#define RETRY_MAX_MS   30000

struct waiter { struct list link; uint64_t target; policy_done_fn *done; void *arg; };

struct change {
	struct policy *policy;
	struct policy_nft nft;
	bool again;                    /* the table is made anew */
	bool wanted;                   /* there is to be one */
	int rc;
	int64_t us;
	struct err err;
};

struct policy {
	struct loop *loop;
	char *table;
	struct policy_plan plan;
	struct workers *worker;
	struct loop_timer timer;
	struct loop_task task;         /* waiters whose change is applied */
	struct list waiters;
	uint64_t begun, finished;      /* changes */
	bool held, changed, again, flying, closing;
	unsigned failures;
	struct policy_stats stats;
};

static void answer(struct policy *p, bool all, int rc, const char *message)
{
	struct list ready;

	list_init(&ready);
	list_each(&p->waiters, it)
		if (all || list_entry(it, struct waiter, link)->target <= p->finished) {
			list_del(it);
			list_add_tail(&ready, it);
		}
	while (!list_empty(&ready)) {
		struct waiter *w = list_entry(ready.next, struct waiter, link);

		list_del(&w->link);
		w->done(w->arg, rc, message);
		free(w);
	}
}

static void answer_ready(void *arg)
{
	answer(arg, false, 0, "");
}

/* wanted: there is to be a table after that. Where the kernel knows no such tables, there is none. */
static int send_batch(struct nfbatch *b, bool wanted, struct err *reterr)
{
	int rc = nfbatch_send(b, reterr);

	return rc == -ERR_UNAVAILABLE && !wanted ? 0 : rc;
}

static void run(void *arg)
{
	struct change *c = arg;
	int64_t t = env_now_us();

	c->rc = send_batch(&c->nft.batch, c->wanted, &c->err);
	c->us = env_now_us() - t;
}

static void done(void *arg)
{
	struct change *c = arg;
	struct policy *p = c->policy;
	int64_t ms;

	p->flying = false;
	p->stats.applies++;
	p->stats.apply_us_last = c->us;
	p->stats.bytes_last = c->nft.batch.b.len;
	if (c->rc) {
		p->stats.failures++;
		p->again = true;
		log_error("network policies not applied (%s): %s", c->again ? "all" : "a change", c->err.msg);
		ms = c->again ? (int64_t)RETRY_MIN_MS << (p->failures < 6 ? p->failures++ : 6) : 0;
		if (c->again)
			answer(p, true, c->rc, c->err.msg);
		loop_timer_set(&p->timer, ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS);
	} else {
		p->failures = 0;
		p->finished = p->begun;
		answer_ready(p);
		if (p->changed)
			loop_timer_set(&p->timer, GATHER_MS);
	}
	nfbatch_finish(&c->nft.batch);
	free(c);
}

static void flush(void *arg)
{
	struct policy *p = arg;
	struct policy_sink sink;
	struct change *c;

	if (p->held || p->flying || p->closing || !(p->changed || p->again))
		return;
	c = p->plan.failed ? NULL : calloc(1, sizeof(*c));
	if (!c) {
		log_error("network policies not applied: out of memory; what was applied before stays: start the agent again");
		answer(p, true, -ERR_NOMEM, "network policies: out of memory");
		return;
	}
	c->policy = p;
	c->again = p->again;
	policy_nft_begin(&c->nft, p->table);
	sink = policy_nft_sink(&c->nft);
	policy_plan_emit(&p->plan, &sink, p->again);
	policy_nft_end(&c->nft);
	c->wanted = p->plan.table;
	p->changed = p->again = false;
	p->begun++;
	p->flying = true;
	if (!c->nft.any) {
		done(c);
	} else if (workers_submit(p->worker, run, done, c)) {
		c->rc = err_set(&c->err, ERR_FULL, "too much to do");
		done(c);
	}
}

static void touch(struct policy *p)
{
	p->changed = true;
	if (!p->held && !p->flying && !p->closing && !loop_timer_is_set(&p->timer))
		loop_timer_set(&p->timer, GATHER_MS);
}

void policy_set(struct policy *p, const struct policy_told *t)
{
	policy_plan_set(&p->plan, t);
	touch(p);
}

void policy_del(struct policy *p, const char *ns, const char *name)
{
	policy_plan_del(&p->plan, ns, name);
	touch(p);
}

void policy_namespace_set(struct policy *p, const char *name, const struct policy_label *labels, unsigned count)
{
	policy_plan_namespace(&p->plan, name, labels, count);
	touch(p);
}

void policy_namespace_del(struct policy *p, const char *name)
{
	policy_plan_namespace_del(&p->plan, name);
	touch(p);
}

void policy_pod_set(struct policy *p, const struct policy_pod *pod)
{
	policy_plan_pod(&p->plan, pod);
	touch(p);
}

void policy_pod_del(struct policy *p, const char *ns, const char *name)
{
	policy_plan_pod_del(&p->plan, ns, name);
	touch(p);
}

void policy_forget_peers(struct policy *p)
{
	policy_plan_forget_peers(&p->plan);
	touch(p);
}

void policy_hold(struct policy *p, bool hold)
{
	if (p->held == hold)
		return;
	p->held = hold;
	if (!hold)
		loop_timer_set(&p->timer, 0);
}

int policy_sync(struct policy *p, policy_done_fn *fn, void *arg)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (!w)
		return -ERR_NOMEM;
	w->done = fn;
	w->arg = arg;
	w->target = p->begun + (p->changed || p->again);
	list_add_tail(&p->waiters, &w->link);
	if (w->target <= p->finished)
		loop_defer(p->loop, &p->task, answer_ready, p);
	else if (!p->held && !p->flying && !p->failures)
		loop_timer_set(&p->timer, 0);
	return 0;
}

bool policy_waits(const struct policy *p)
{
	return p->held || p->plan.failed || p->plan.policies.len;
}

void policy_stats(const struct policy *p, struct policy_stats *ret)
{
	*ret = p->stats;
}

int policy_open(struct policy **ret, struct loop *l, const char *table, struct err *reterr)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	p->loop = l;
	p->held = p->again = true;
	list_init(&p->waiters);
	policy_plan_init(&p->plan);
	loop_timer_init(&p->timer, l, flush, p);
	p->table = strdup(table);
	if (!p->table || workers_open(&p->worker, l, "net-policy", 1, 4)) {
		policy_close(p);
		return err_set(reterr, ERR_IO, "cannot start threads");
	}
	*ret = p;
	return 0;
}

void policy_close(struct policy *p)
{
	if (!p)
		return;
	p->closing = true;
	if (p->worker)
		workers_close(p->worker);
	loop_timer_stop(&p->timer);
	loop_defer_cancel(p->loop, &p->task);
	answer(p, true, -ERR_CANCELED, "shutting down");
	policy_plan_finish(&p->plan);
	free(p->table);
	free(p);
}

int policy_down(const char *table, struct err *reterr)
{
	struct nfbatch n;
	int rc;

	nfbatch_begin(&n, table, NFPROTO_INET);
	policy_nft_table(&n, false);
	rc = send_batch(&n, false, reterr);
	nfbatch_finish(&n);
	return rc;
}
