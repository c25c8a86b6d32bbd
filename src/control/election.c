/* SPDX-License-Identifier: Apache-2.0 */
/* election - see election.h. */
#include "control/election.h"

#include <stdio.h>
#include <string.h>

void election_init(struct election *e, const char *id)
{
	memset(e, 0, sizeof(*e));
	snprintf(e->id, sizeof(e->id), "%s", id);
}

static bool is_ours(const struct election *e)
{
	return e->seen.rev && !strcmp(e->seen.holder, e->id);
}

void election_observe(struct election *e, const struct election_lease *l, int64_t now_ms)
{
	if (l->rev == e->seen.rev)
		return;
	e->seen = *l;
	e->seen_ms = now_ms;
	e->spent &= is_ours(e);
	if (l->rev)
		e->transitions = l->transitions + !is_ours(e);
}

/* When the holder that was seen counts as gone. */
static int64_t free_at(const struct election *e)
{
	int64_t s = e->seen.duration_s;

	if (!e->seen.rev || !*e->seen.holder || is_ours(e))
		return e->seen_ms;
	if (s < 1)
		s = ELECTION_DURATION_S;
	return e->seen_ms + (s > ELECTION_WAIT_MAX_S ? ELECTION_WAIT_MAX_S : s) * 1000;
}

enum election_step election_next(const struct election *e, int64_t now_ms, int64_t *ret_wait_ms)
{
	int64_t at;

	*ret_wait_ms = 0;
	if (e->until_ms && (now_ms >= e->until_ms || !is_ours(e)))
		return ELECTION_STOP;
	if (e->writing) {
		*ret_wait_ms = e->until_ms ? e->until_ms - now_ms : -1;
		return ELECTION_WAIT;
	}
	at = e->until_ms || free_at(e) < e->next_ms ? e->next_ms : free_at(e);
	if (now_ms >= at && e->until_ms)
		return ELECTION_RENEW;
	if (now_ms >= at)
		return e->seen.rev && (e->spent || !is_ours(e)) ? ELECTION_REMOVE : ELECTION_ACQUIRE;
	*ret_wait_ms = (e->until_ms && e->until_ms < at ? e->until_ms : at) - now_ms;
	return ELECTION_WAIT;
}

void election_sent(struct election *e, int64_t now_ms)
{
	e->writing = true;
	e->sent_ms = now_ms;
}

void election_answered(struct election *e, int rc, int64_t now_ms)
{
	e->writing = false;
	e->next_ms = rc ? now_ms + ELECTION_RETRY_MS : is_ours(e) ? e->sent_ms + ELECTION_RENEW_MS : now_ms;
	/* One that was answered too late gives nothing: it is renewed at once. Who led before it
	 * still has to stop. */
	if (!rc && is_ours(e) && !e->spent && now_ms < e->sent_ms + ELECTION_LEAD_MS)
		e->until_ms = e->sent_ms + ELECTION_LEAD_MS;
}

void election_stopped(struct election *e)
{
	e->until_ms = 0;
	e->spent = is_ours(e);
}

bool election_leads(const struct election *e, int64_t now_ms)
{
	return now_ms < e->until_ms && is_ours(e);
}

bool election_has_leader(const struct election *e, int64_t now_ms)
{
	return election_leads(e, now_ms) || (e->seen.rev && *e->seen.holder && !is_ours(e) && now_ms < free_at(e));
}
