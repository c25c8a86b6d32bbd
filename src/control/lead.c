/* SPDX-License-Identifier: Apache-2.0 */
/* lead - see lead.h. */
#define LOG_MODULE "lead"
#include "control/lead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "cache/cache.h"
#include "client/client.h"
#include "control/election.h"

#define NAMESPACE "kube-system"
#define LEASES    "coordination.k8s.io/leases"
#define PATHS     "/apis/coordination.k8s.io/v1/namespaces/" NAMESPACE "/leases"

struct lead {
	struct loop *loop;
	struct cache *cache;
	struct cache_observer *obs;
	struct client *client;
	struct election election;
	int64_t life_rev;              /* of the Lease that was seen last */
	struct loop_timer timer;       /* when the election has something to do */
	struct loop_timer given_up;    /* a release that takes too long */
	struct loop_task task, released_task;
	void (*changed)(void *arg, bool leads);
	void *arg;
	void (*released)(void *arg);
	void *released_arg;
	char acquired[TEXT_TIME_MAX];  /* what the Lease says of it */
	bool running;                  /* changed(true) was the last one */
	bool releasing;                /* it takes part no more */
	bool release_sent;
	bool failing;                  /* told in the log; until a write is done */
	unsigned changes;
};

static void step(void *arg);

/* ---- what is seen ---- */

static void look(struct lead *l, struct cache_obj *o)
{
	struct election_lease seen = { 0 };
	yyjson_val *t = o ? cache_tree(o) : NULL;
	const char *holder = doc_str(t, "spec.holderIdentity");

	if (o) {
		seen.rev = o->rev;
		snprintf(seen.holder, sizeof(seen.holder), "%s", holder ? holder : "");
		seen.duration_s = doc_int(t, "spec.leaseDurationSeconds", 0);
		seen.transitions = doc_int(t, "spec.leaseTransitions", 0);
	}
	l->life_rev = o ? o->create_rev : 0;
	election_observe(&l->election, &seen, env_now_ms());
}

static void on_event(void *arg, const struct cache_event *ev)
{
	struct lead *l = arg;

	if (strcmp(ev->obj->name, LEAD_LEASE) || strcmp(ev->obj->ns, NAMESPACE))
		return;
	look(l, ev->type == CACHE_DELETED ? NULL : ev->obj);
	loop_defer(l->loop, &l->task, step, l);
}

/* ---- what is written ---- */

static void answered(void *arg, const struct client_reply *r)
{
	struct lead *l = arg;

	if (r->rc == -ERR_CANCELED)
		return;
	election_answered(&l->election, r->rc, env_now_ms());
	bool failed = r->rc && r->rc != -ERR_CONFLICT && r->rc != -ERR_EXISTS;
	if (failed && !l->failing)
		log_warn("the Lease " LEAD_LEASE " is not written, trying on: %s", r->message);
	l->failing = failed;
	loop_defer(l->loop, &l->task, step, l);
}

/* The Lease that is of somebody who is gone, taken away as it was seen. */
static bool remove_lease(struct lead *l)
{
	BUF_AUTO struct buf b = { 0 };
	struct client_req q = { .method = "DELETE", .path = PATHS "/" LEAD_LEASE };

	buf_printf(&b, "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"preconditions\":{\"resourceVersion\":\"%lld\"}}",
		(long long)l->election.seen.rev);
	q.body = b.p;
	q.body_len = b.len;
	return !b.failed && !client_call(l->client, &q, answered, l);
}

/* Made, or at the revision seen renewed, or with an empty holder free. False: out of memory, or of calls. */
static bool write_lease(struct lead *l, const char *holder, int duration_s, client_done_fn *done)
{
	const struct election_lease *seen = &l->election.seen;
	struct client_req q = { .method = seen->rev ? "PATCH" : "POST", .path = seen->rev ? PATHS "/" LEAD_LEASE : PATHS,
		.content_type = seen->rev ? "application/merge-patch+json" : NULL };
	BUF_AUTO struct buf b = { 0 };
	char now[TEXT_TIME_MAX];

	text_microtime(now, env_wall_us());
	if (!l->election.until_ms)
		memcpy(l->acquired, now, sizeof(now));
	buf_adds(&b, "{\"kind\":\"Lease\",\"apiVersion\":\"coordination.k8s.io/v1\",\"metadata\":{\"name\":\"" LEAD_LEASE "\"");
	if (seen->rev)
		buf_printf(&b, ",\"resourceVersion\":\"%lld\"", (long long)seen->rev);
	buf_adds(&b, "},\"spec\":{\"holderIdentity\":");
	buf_add_json(&b, holder, strlen(holder));
	buf_printf(&b, ",\"leaseDurationSeconds\":%d,\"acquireTime\":\"%s\",\"renewTime\":\"%s\",\"leaseTransitions\":%lld}}",
		duration_s, l->acquired, now,
		(long long)(seen->rev ? seen->transitions : l->election.transitions));
	if (b.failed)
		return false;
	q.body = b.p;
	q.body_len = b.len;
	return !client_call(l->client, &q, done, l);
}

static void set_running(struct lead *l, bool on, const char *why)
{
	if (l->running == on)
		return;
	l->running = on;
	l->changes++;
	log_info("%s", why);
	l->changed(l->arg, on);
}

static void end_release(void *arg)
{
	struct lead *l = arg;
	void (*done)(void *) = l->released;

	loop_timer_stop(&l->given_up);
	l->released = NULL;
	if (done)
		done(l->released_arg);
}

static void freed(void *arg, const struct client_reply *r)
{
	struct lead *l = arg;

	if (r->rc == -ERR_CANCELED)
		return;
	if (r->rc)
		log_warn("the Lease " LEAD_LEASE " was not given back: %s", r->message);
	end_release(l);
}

/* Once what was sent before was answered: only then the revision to write at is known. */
static void release_step(struct lead *l)
{
	bool ours = l->election.seen.rev && !strcmp(l->election.seen.holder, l->election.id);

	if (l->election.writing || l->release_sent)
		return;
	l->release_sent = true;
	if (!ours || !write_lease(l, "", 1, freed))
		loop_defer(l->loop, &l->released_task, end_release, l);
}

static void step(void *arg)
{
	struct lead *l = arg;
	int64_t wait_ms, now = env_now_ms();
	enum election_step what;

	if (l->releasing) {
		release_step(l);
		return;
	}
	what = election_next(&l->election, now, &wait_ms);
	switch (what) {
	case ELECTION_STOP:
		set_running(l, false, "leads no more: the controllers stop here");
		election_stopped(&l->election);
		loop_defer(l->loop, &l->task, step, l);
		return;
	case ELECTION_REMOVE:
	case ELECTION_ACQUIRE:
	case ELECTION_RENEW:
		election_sent(&l->election, now);
		if (what == ELECTION_REMOVE ? !remove_lease(l) : !write_lease(l, l->election.id, ELECTION_DURATION_S, answered))
			election_answered(&l->election, -ERR_NOMEM, now);
		loop_defer(l->loop, &l->task, step, l);
		return;
	case ELECTION_WAIT:
		if (election_leads(&l->election, now))
			set_running(l, true, "leads: the controllers run here");
		if (wait_ms >= 0)
			loop_timer_set(&l->timer, wait_ms);
		else
			loop_timer_stop(&l->timer);
	}
}

/* ---- life ---- */

int lead_open(struct lead **ret, struct loop *loop, struct cache *c, const struct lead_config *cfg, struct err *reterr)
{
	struct lead *l = calloc(1, sizeof(*l));

	if (!l) {
		client_close(cfg->client);
		return err_set(reterr, ERR_NOMEM, "out of memory");
	}
	l->loop = loop;
	l->cache = c;
	l->client = cfg->client;
	l->changed = cfg->changed;
	l->arg = cfg->arg;
	election_init(&l->election, cfg->id);
	loop_timer_init(&l->timer, loop, step, l);
	loop_timer_init(&l->given_up, loop, end_release, l);
	l->obs = cache_observe(c, LEASES, true, on_event, l);
	if (!l->obs) {
		lead_close(l);
		return err_set(reterr, ERR_NOMEM, "out of memory");
	}
	loop_defer(loop, &l->task, step, l);
	*ret = l;
	return 0;
}

void lead_close(struct lead *l)
{
	if (!l)
		return;
	if (l->obs)
		cache_unobserve(l->obs);
	client_close(l->client);
	loop_timer_stop(&l->timer);
	loop_timer_stop(&l->given_up);
	loop_defer_cancel(l->loop, &l->task);
	loop_defer_cancel(l->loop, &l->released_task);
	free(l);
}

int64_t lead_life(const struct lead *l)
{
	return l->life_rev;
}

bool lead_leads(const struct lead *l)
{
	return l && !l->releasing && election_leads(&l->election, env_now_ms());
}

bool lead_known(const struct lead *l)
{
	return election_has_leader(&l->election, env_now_ms());
}

void lead_release(struct lead *l, void (*done)(void *arg), void *arg)
{
	l->releasing = true;
	l->released = done;
	l->released_arg = arg;
	loop_timer_stop(&l->timer);
	set_running(l, false, "gives the lead away: the controllers stop here");
	loop_timer_set(&l->given_up, LEAD_RELEASE_MS);
	loop_defer(l->loop, &l->task, step, l);
}

void lead_metrics(const struct lead *l, struct buf *out)
{
	buf_printf(out, "# HELP leader_election_master_status Whether the controllers run on this server.\n"
		"# TYPE leader_election_master_status gauge\nleader_election_master_status{name=\"" LEAD_LEASE "\"} %d\n"
		"# HELP sampan_leader_changes_total Times this server began or ceased to lead.\n"
		"# TYPE sampan_leader_changes_total counter\nsampan_leader_changes_total %u\n", lead_leads(l), l->changes);
}
