/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow - how much is let in at once. Requests are short and run on one loop, so one
 * bound for all of them is enough to keep memory bounded; watches are counted by
 * their connections.
 */
#include "api/call.h"

enum step stage_flow(struct call *c)
{
	struct api *a = c->api;

	if (a->draining && c->is_resource && c->verb != VERB_GET && c->verb != VERB_LIST)
		return fail_busy(c, 503, 1, "the server is shutting down");
	/* Those inside are bounded by their own queues, and must make progress. */
	if (c->done || c->verb == VERB_WATCH)
		return STEP_NEXT;
	if (a->inflight >= API_INFLIGHT_MAX)
		return fail_busy(c, 429, 1, "the server has received too many requests and has asked us "
			"to try again later");
	a->inflight++;
	c->counted = true;
	return STEP_NEXT;
}
