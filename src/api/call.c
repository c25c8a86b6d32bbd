/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call - a call's life: made, run through the stages, waited for, freed.
 */
#include "api/call.h"

#include <string.h>

#include "api/ledger.h"
#include "base/env.h"
#include "kinds/kinds_custom.h"

static const struct {
	const char *name;
	enum step (*run)(struct call *c);
} stages[STAGE_COUNT] = {
	[STAGE_ROUTE] = { "route", stage_route },
	[STAGE_AUTHN] = { "authn", stage_authn },
	[STAGE_AUDIT] = { "audit", stage_audit },
	[STAGE_FLOW] = { "flow", stage_flow },
	[STAGE_AUTHZ] = { "authz", stage_authz },
	[STAGE_SERVE] = { "serve", stage_serve },
	[STAGE_BODY] = { "body", stage_body },
	[STAGE_LOAD] = { "load", stage_load },
	[STAGE_DEFAULT] = { "default", stage_default },
	[STAGE_TRACK] = { "track", stage_track },
	[STAGE_MUTATE] = { "mutate", stage_mutate },
	[STAGE_PREPARE] = { "prepare", stage_prepare },
	[STAGE_VALIDATE] = { "validate", stage_validate },
	[STAGE_POLICE] = { "police", stage_police },
	[STAGE_COMMIT] = { "commit", stage_commit },
	[STAGE_REPLY] = { "reply", stage_reply },
};

struct call *call_new(struct api *a)
{
	struct arena *arena = a->idle_count ? a->idle[--a->idle_count] : arena_open(API_ARENA_MAX);
	struct call *c = arena ? arena_zalloc(arena, sizeof(*c)) : NULL;

	if (!c) {
		arena_close(arena);
		return NULL;
	}
	c->api = a;
	c->arena = arena;
	c->holds = 1;
	c->grace_s = -1;
	list_init(&c->line);
	c->begun_us = env_now_us();
	c->warnings_end = &c->warnings;
	c->group = c->version = c->resource = c->sub = c->ns = c->name = "";
	list_add_tail(&a->calls, &c->link);
	return c;
}

void call_hold(struct call *c)
{
	c->holds++;
}

static void call_free(struct call *c)
{
	struct api *a = c->api;
	struct arena *arena = c->arena;

	ledger_forget(&c->quota_seat);
	ledger_forget(&c->service_seat);
	turn_end(c);
	flow_leave(c);
	list_del(&c->link);
	api_call_over(a);
	arena_close(c->view_arena);
	if (c->kind_ref)
		kinds_unref(c->kind_ref);
	cache_obj_unref(c->cur);
	cache_obj_unref(c->out_obj);
	blob_unref(c->out);
	blob_unref(c->out_json);
	blob_unref(c->value);
	if (a->idle_count < API_IDLE_ARENAS) {
		arena_reset(arena);
		a->idle[a->idle_count++] = arena;
	} else {
		arena_close(arena);
	}
}

void call_drop(struct call *c)
{
	if (!--c->holds)
		call_free(c);
}

void call_abandon(struct call *c)
{
	loop_defer_cancel(c->api->loop, &c->task);
	c->http = NULL;
	c->done = NULL;
	c->holds++;            /* what cancel drops is not the end yet */
	if (c->cancel)
		c->cancel(c);
	call_free(c);
}

void call_run(struct call *c)
{
	call_hold(c);
	for (;;) {
		enum step step = stages[c->stage].run(c);

		if (step == STEP_REPLY)
			step = fresh_answer(c);
		if (step == STEP_NEXT)
			c->stage++;
		else if (step == STEP_REPLY)
			c->stage = STAGE_REPLY;
		else if (step != STEP_AGAIN)
			break;
	}
	call_drop(c);
}

void call_resume(struct call *c, enum step step)
{
	if (step == STEP_NEXT)
		c->stage++;
	else if (step == STEP_REPLY)
		c->stage = STAGE_REPLY;
	else if (step != STEP_AGAIN)
		return;
	call_run(c);
}

int64_t call_now_s(void)
{
	return env_wall_us() / 1000000;
}
