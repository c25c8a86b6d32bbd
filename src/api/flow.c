/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow - the line, and the stage that seats a request or turns it away.
 *
 *   ready: user A -> user B -> ...        users with work, the next one first
 *            |
 *          lanes: connection -> ...       the same within a user
 *                   |
 *                 calls: call -> ...      in the order they came
 *
 * Answers say of which flow schema and priority level a request is (flow_class.c); all
 * levels share the one line.
 */
#include "api/flow.h"

#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "http/http.h"

#define LANE_BUCKETS 256u

struct flow_user {
	struct list node;              /* in flow.ready while it has lanes */
	struct list lanes;
	size_t seats, watches, calls;
	int64_t credit_us;
	char name[];
};

struct lane {                          /* a connection's work of one user, while there is some */
	struct list node;              /* in its user's lanes */
	struct list bucket;
	struct list calls;
	struct flow_user *user;
	const void *conn;
};

struct flow {
	struct api *api;
	struct map users;
	struct list ready;
	struct list lanes[LANE_BUCKETS];
	struct loop_task task;
	int64_t begun_us;              /* first work of this turn; 0: none yet */
	int64_t charged_us;
	size_t seats;
};

int flow_open(struct flow **ret, struct api *a)
{
	struct flow *f = calloc(1, sizeof(*f));

	if (!f)
		return -ERR_NOMEM;
	f->api = a;
	list_init(&f->ready);
	for (size_t i = 0; i < LANE_BUCKETS; i++)
		list_init(&f->lanes[i]);
	*ret = f;
	return 0;
}

void flow_close(struct flow *f)
{
	void *u;

	if (!f)
		return;
	loop_defer_cancel(f->api->loop, &f->task);
	for (size_t it = 0; map_next(&f->users, &it, NULL, &u);)
		free(u);
	map_finish(&f->users);
	free(f);
}

size_t flow_seats(const struct flow *f) { return f->seats; }

/* ---- users ---- */

static struct flow_user *user_of(struct flow *f, const char *name)
{
	struct flow_user *u = map_get(&f->users, name);
	size_t n = strlen(name) + 1;

	if (u)
		return u;
	u = calloc(1, sizeof(*u) + n);
	if (!u || map_put(&f->users, name, u, NULL)) {
		free(u);
		return NULL;
	}
	memcpy(u->name, name, n);
	list_init(&u->node);
	list_init(&u->lanes);
	return u;
}

static bool has_room(const struct flow *f, const struct flow_user *u, size_t seats)
{
	return u->seats + seats <= FLOW_SURE_MAX ||
		(u->seats + seats <= FLOW_USER_MAX && f->seats + seats <= FLOW_ALL_MAX);
}

static void seat(struct call *c, unsigned seats)
{
	c->seats += seats;
	c->flow_user->seats += seats;
	c->api->flow->seats += seats;
}

static void give_back(struct call *c)
{
	c->flow_user->seats -= c->seats;
	c->api->flow->seats -= c->seats;
	c->seats = 0;
}

bool flow_widen(struct call *c)
{
	if (!c->flow_user)
		return true;
	if (!has_room(c->api->flow, c->flow_user, FLOW_LIST_SEATS - 1))
		return false;
	seat(c, FLOW_LIST_SEATS - 1);
	return true;
}

bool flow_watch(struct call *c)
{
	if (!c->flow_user)
		return true;
	if (c->flow_user->watches >= FLOW_WATCHES_MAX)
		return false;
	give_back(c);
	c->flow_user->watches++;
	c->watching = true;
	return true;
}

void flow_leave(struct call *c)
{
	struct flow_user *u = c->flow_user;
	struct lane *lane = c->lane;

	if (!u)
		return;
	list_del(&c->line);
	if (lane && list_empty(&lane->calls)) {
		list_del(&lane->node);
		list_del(&lane->bucket);
		free(lane);
	}
	if (list_empty(&u->lanes))
		list_del(&u->node);
	give_back(c);
	u->watches -= c->watching;
	c->flow_user = NULL;
	if (--u->calls)
		return;
	map_del(&c->api->flow->users, u->name);
	free(u);
}

/* ---- the line ---- */

static struct lane *lane_of(struct flow *f, struct flow_user *u, const void *conn)
{
	struct list *head = &f->lanes[((uintptr_t)conn >> 6 ^ (uintptr_t)u >> 4) % LANE_BUCKETS];
	struct lane *lane;

	list_each(head, n) {
		lane = list_entry(n, struct lane, bucket);
		if (lane->conn == conn && lane->user == u)
			return lane;
	}
	lane = malloc(sizeof(*lane));
	if (!lane)
		return NULL;
	*lane = (struct lane){ .user = u, .conn = conn };
	list_init(&lane->calls);
	list_add_tail(head, &lane->bucket);
	list_add_tail(&u->lanes, &lane->node);
	return lane;
}

static void run_line(void *arg);

/* Is there time left in this turn of the loop, and nobody who came before? */
static bool at_once(struct flow *f, int64_t now_us)
{
	if (!f->begun_us) {
		f->begun_us = now_us;
		loop_defer(f->api->loop, &f->task, run_line, f);
	}
	return list_empty(&f->ready) && now_us - f->begun_us < FLOW_TURN_US;
}

/* False: no memory for the line. */
static bool stand_in_line(struct call *c, void (*fn)(struct call *c))
{
	struct flow *f = c->api->flow;
	struct flow_user *u = c->flow_user;

	c->line_fn = fn;
	if (c->lane)
		return true;
	c->lane = lane_of(f, u, c->http ? http_connection(c->http) : c);
	if (!c->lane)
		return false;
	call_hold(c);
	list_add_tail(&c->lane->calls, &c->line);
	if (list_empty(&u->node))
		list_add_tail(&f->ready, &u->node);
	loop_defer(f->api->loop, &f->task, run_line, f);
	return true;
}

void flow_run(struct call *c, void (*fn)(struct call *c))
{
	if (c->flow_user && !at_once(c->api->flow, env_now_us()) && stand_in_line(c, fn))
		return;
	fn(c);
}

static void late(void *arg)
{
	struct call *c = arg;

	c->line_fn(c);
	call_drop(c);
}

void flow_later(struct call *c, void (*fn)(struct call *c))
{
	if (c->flow_user && stand_in_line(c, fn))
		return;
	c->line_fn = fn;
	if (!c->task.queued)
		call_hold(c);
	loop_defer(c->api->loop, &c->task, late, c);
}

void flow_charge(struct call *c, size_t bytes)
{
	c->api->flow->charged_us += (int64_t)(bytes / FLOW_BYTES_US);
}

/* The first call of the user's next connection. */
static void run_one(struct flow_user *u)
{
	struct lane *lane = list_entry(u->lanes.next, struct lane, node);
	struct call *c = list_entry(lane->calls.next, struct call, line);

	list_del(&c->line);
	list_del(&lane->node);
	c->lane = NULL;
	if (list_empty(&lane->calls)) {
		list_del(&lane->bucket);
		free(lane);
	} else {
		list_add_tail(&u->lanes, &lane->node);
	}
	if (list_empty(&u->lanes))
		list_del(&u->node);
	c->line_fn(c);
	call_drop(c);
}

static void run_line(void *arg)
{
	struct flow *f = arg;
	int64_t now = env_now_us(), until = now + FLOW_TURN_US;

	f->begun_us = 0;
	while (!list_empty(&f->ready) && now < until) {
		struct flow_user *u = list_entry(f->ready.next, struct flow_user, node);
		int64_t then = now;

		if (u->credit_us <= 0) {
			u->credit_us += FLOW_QUANTUM_US;
			list_del(&u->node);
			list_add_tail(&f->ready, &u->node);
			continue;
		}
		f->charged_us = 0;
		u->calls++;            /* its last call may end here */
		run_one(u);
		now = env_now_us();
		u->credit_us -= now - then + f->charged_us;
		until -= f->charged_us;
		if (!--u->calls) {
			map_del(&f->users, u->name);
			free(u);
		}
	}
	f->charged_us = 0;
	if (!list_empty(&f->ready))
		loop_defer(f->api->loop, &f->task, run_line, f);
}

/* ---- the stage ---- */

static void admitted(struct call *c)
{
	if (c->http)   /* who went away while waiting asked for nothing */
		call_resume(c, STEP_NEXT);
}

static bool is_health(const struct call *c)
{
	return !c->is_resource && (!strncmp(c->path, "/livez", 6) || !strncmp(c->path, "/readyz", 7) ||
		!strncmp(c->path, "/healthz", 8));
}

enum step stage_flow(struct call *c)
{
	struct flow *f = c->api->flow;

	if (c->http)
		flow_classify(c);
	if (c->api->draining && c->is_resource && c->verb != VERB_GET && c->verb != VERB_LIST)
		return fail_busy(c, 503, 1, "the server is shutting down");
	if (c->done || is_health(c))
		return STEP_NEXT;
	c->flow_user = user_of(f, c->user.name);
	if (!c->flow_user)
		return fail_err(c, -ERR_NOMEM, NULL);
	c->flow_user->calls++;
	if (!has_room(f, c->flow_user, 1))
		return fail_busy(c, 429, 1, "the server has received too many requests and has asked us "
			"to try again later");
	seat(c, 1);
	if (at_once(f, c->begun_us) || !stand_in_line(c, admitted))
		return STEP_NEXT;
	return STEP_WAIT;
}
