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
 * of its own on other objects (an eviction for its budget), never on its own.
 */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"

struct turn {
	struct call *holder;
	struct list waiting;           /* call.turn_link */
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

enum step turn_take(struct call *c)
{
	struct api *a = c->api;
	struct turn *t;
	char *key;

	if (c->turn || !takes_turns(c))
		return STEP_NEXT;
	key = arena_printf(c->arena, "%s/%s/%s", c->kind->store, call_ns(c), c->name);
	if (!key)
		return fail_err(c, -ERR_SIZE, NULL);
	t = map_get(&a->turns, key);
	if (t) {
		c->turn = t;
		list_add_tail(&t->waiting, &c->turn_link);
		call_hold(c);
		return STEP_WAIT;
	}
	t = malloc(sizeof(*t) + strlen(key) + 1);
	if (!t || map_put(&a->turns, key, t, NULL)) {
		free(t);
		return fail_err(c, -ERR_NOMEM, NULL);
	}
	t->holder = c;
	list_init(&t->waiting);
	strcpy(t->key, key);
	c->turn = t;
	return STEP_NEXT;
}

void turn_end(struct call *c)
{
	struct turn *t = c->turn;
	struct call *next;

	if (!t)
		return;
	c->turn = NULL;
	if (t->holder != c) {
		list_del(&c->turn_link);
		return;
	}
	if (list_empty(&t->waiting)) {
		free(map_del(&c->api->turns, t->key));
		return;
	}
	next = list_entry(t->waiting.next, struct call, turn_link);
	list_del(&next->turn_link);
	t->holder = next;
	loop_defer(c->api->loop, &next->task, holds_now, next);
}
