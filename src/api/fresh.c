/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fresh - no answer is older than what was acknowledged before the request came, by this
 * server or another over the same store.
 *
 *   read that must be fresh    asks first (store_sync), is answered from the cache then
 *   write                      goes on from what the cache has: the store finds out when
 *                              that was old, and the round begins again. But an answer that
 *                              no write stands behind (refused, nothing to do, a dry run)
 *                              counts only from a fresh cache: else its round begins again
 *   credential, permission     refused only when a fresh cache refuses it, too; and a kind
 *                              that is not known is looked for once more (route.c)
 *
 * When the store is away, what needs it is told 503 and when to come back: after a moment, and once it is known
 * to be away at once (store_sync). Of calls that flow control has not seen yet UNSEATED_MAX may wait.
 *
 * A store that this server alone writes is never behind: nothing waits, nothing runs twice.
 * Source: KEP-2340 (consistent reads from cache), apiserver pkg/storage/etcd3/store.go
 * (GuaranteedUpdate with a cached object), pkg/serviceaccount (live lookup on a miss).
 * Tests: tests/unit/api/test_fresh.c, tests/flow/14_etcd.sh
 */
#include <stdlib.h>

#include "api/call.h"
#include "store/store.h"

#define UNSEATED_MAX 1024u

static void forget_answer(struct call *c)
{
	cache_obj_unref(c->out_obj);
	blob_unref(c->out);
	blob_unref(c->out_json);
	c->out_obj = NULL;
	c->out = c->out_json = NULL;
	c->retry_s = 0;
}

static void synced(void *arg, int rc)
{
	struct call *c = arg;

	c->sync_rc = rc;
	if (c->unseated)
		c->api->unseated--;
	c->unseated = false;
	/* Nobody waits for it, and it has not written yet. */
	if (c->http || c->done)
		call_resume(c, STEP_AGAIN);
	call_drop(c);
}

enum step fresh_ask(struct call *c)
{
	int rc;

	if (c->synced)
		return STEP_NEXT;
	c->synced = true;
	c->unseated = c->http && !c->seats;
	rc = c->unseated && c->api->unseated >= UNSEATED_MAX ? -ERR_FULL : store_sync(c->api->store, synced, c);
	if (rc <= 0) {
		c->sync_rc = rc;
		c->unseated = false;
		return STEP_NEXT;
	}
	c->api->unseated += c->unseated;
	call_hold(c);
	return STEP_WAIT;
}

enum step fresh_not(struct call *c)
{
	forget_answer(c);
	if (c->sync_rc != -ERR_UNAVAILABLE && c->sync_rc != -ERR_DEADLINE)
		return fail_err(c, c->sync_rc, NULL);
	return fail_busy(c, 503, 1, "the store cannot be reached, so nobody can tell whether this is the newest state; "
		"try again, or read with resourceVersion=0");
}

static enum step fresh(struct call *c)
{
	enum step step = fresh_ask(c);

	return step == STEP_NEXT && c->sync_rc ? fresh_not(c) : step;
}

enum step fresh_read(struct call *c)
{
	const char *rv = param(c, "resourceVersion");
	bool given = rv && *rv;

	switch (c->verb) {
	case VERB_GET:
	case VERB_LIST:
		break;
	case VERB_WATCH:
		/* What follows a revision that is to come is shown when it comes. */
		if (given && !param_bool(c, "sendInitialEvents"))
			return STEP_NEXT;
		break;
	case VERB_DELETECOLLECTION:
		given = false;
		break;
	default:
		return STEP_NEXT;
	}
	return given && strtoll(rv, NULL, 10) <= cache_rev(c->api->cache) ? STEP_NEXT : fresh(c);
}

enum step fresh_target(struct call *c)
{
	return fresh(c);
}

enum step fresh_answer(struct call *c)
{
	bool round = c->stage >= STAGE_LOAD && c->stage <= STAGE_COMMIT;

	if (!round && c->stage != STAGE_AUTHN && c->stage != STAGE_AUTHZ)
		return STEP_REPLY;
	if (fresh_ask(c) == STEP_WAIT) {
		forget_answer(c);
		if (round) {
			c->stage = STAGE_LOAD;
			c->tries--;
		}
		return STEP_WAIT;
	}
	return c->sync_rc ? fresh_not(c) : STEP_REPLY;
}
