/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turns - writers of one object wait for each other, in the order they came.
 *
 *   stage_load --turn_take--> HOLDS --its answer, or its end--> the next one holds
 *                     |          ^
 *                     +-> WAITS -+
 *
 * Compare-and-swap alone is right, but of n writers that read the same revision n - 1
 * work in vain, and an unlucky one loses round after round. A holder may wait for calls
 * of its own on other objects (an eviction for its budget), never on its own. Evictions
 * take a second turn, for charging their budget: whoever holds it waits for nobody's first.
 */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"

struct turn {
	struct turn_seat *holder;
	struct list waiting;           /* turn_seat.link */
	char key[];
};

/* An object that is, or may be, there: nobody waits to make one. */
static bool takes_turns(const struct call *c)
{
	return c->kind->store && *c->name && (c->verb != VERB_CREATE || *c->sub);
}

static void holds_now(void *arg)
{
	struct call *c = arg;

	call_resume(c, STEP_AGAIN);    /* in stage_load, where it began to wait */
	call_drop(c);
}

enum step turn_take_at(struct call *c, struct turn_seat *seat, const char *key)
{
	struct api *a = c->api;
	struct turn *t;

	if (seat->turn && !strcmp(seat->turn->key, key))
		return STEP_NEXT;
	turn_leave(seat);
	seat->call = c;
	t = map_get(&a->turns, key);
	if (t) {
		seat->turn = t;
		list_add_tail(&t->waiting, &seat->link);
		call_hold(c);
		return STEP_WAIT;
	}
	t = malloc(sizeof(*t) + strlen(key) + 1);
	if (!t || map_put(&a->turns, key, t, NULL)) {
		free(t);
		return fail_err(c, -ERR_NOMEM, NULL);
	}
	t->holder = seat;
	list_init(&t->waiting);
	strcpy(t->key, key);
	seat->turn = t;
	return STEP_NEXT;
}

enum step turn_take(struct call *c)
{
	const char *key;

	if (c->own.turn || !takes_turns(c))
		return STEP_NEXT;
	key = arena_printf(c->arena, "%s/%s/%s", c->kind->store, call_ns(c), c->name);
	return key ? turn_take_at(c, &c->own, key) : fail_err(c, -ERR_SIZE, NULL);
}

void turn_leave(struct turn_seat *seat)
{
	struct turn *t = seat->turn;
	struct turn_seat *next;

	if (!t)
		return;
	seat->turn = NULL;
	if (t->holder != seat) {
		list_del(&seat->link);
		return;
	}
	if (list_empty(&t->waiting)) {
		free(map_del(&seat->call->api->turns, t->key));
		return;
	}
	next = list_entry(t->waiting.next, struct turn_seat, link);
	list_del(&next->link);
	t->holder = next;
	loop_defer(next->call->api->loop, &next->call->task, holds_now, next->call);
}

void turn_end(struct call *c)
{
	turn_leave(&c->budget);
	turn_leave(&c->own);
}
