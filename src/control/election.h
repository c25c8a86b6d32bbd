/* SPDX-License-Identifier: Apache-2.0 */
/*
 * election - which of several servers runs the controllers: decided of what the Lease was
 * seen to be and of this machine's monotonic clock alone. What the Lease says about times
 * is for people; clocks may be set, and differ.
 *
 *   FOLLOWS --free, or not renewed for its duration: remove it, make it anew--> LEADS
 *   LEADS   --another holder, or no renewal begun in the last ELECTION_LEAD_MS was
 *             answered--> FOLLOWS
 *
 * A renewal counts from when it was sent, and is seen by others later than that. So, with
 * ELECTION_LEAD_MS below the duration, who leads stops before another may begin, were it
 * cut off or held. And what it had on the way then is lost: each leader's Lease is a life of
 * its own, and writes can be made to depend on that (lead.h). Whoever stopped leads again by a new one, too: its
 * controllers begin with what they see, and nothing that they sent before may come after that.
 * Thread: none; no I/O, no clock: now_ms is given.
 * Source: client-go tools/leaderelection (LeaderElector), with shorter times.
 * Tests:  tests/unit/control/test_election.c
 */
#ifndef CONTROL_ELECTION_H
#define CONTROL_ELECTION_H

#include <stdbool.h>
#include <stdint.h>

#define ELECTION_DURATION_S 4          /* leaseDurationSeconds: others wait so long */
#define ELECTION_LEAD_MS    3000       /* who leads is sure of it for so long after sending a renewal */
#define ELECTION_RENEW_MS   1000
#define ELECTION_RETRY_MS   300        /* after a write that failed */
#define ELECTION_WAIT_MAX_S 60         /* no Lease asks for more patience */
#define ELECTION_ID_MAX     320

struct election_lease {
	int64_t rev;                   /* 0: there is none */
	char holder[ELECTION_ID_MAX];  /* "": released */
	int64_t duration_s, transitions;
};
struct election {
	char id[ELECTION_ID_MAX];      /* of this life of this server */
	struct election_lease seen;
	int64_t seen_ms;               /* when it was seen to change */
	int64_t transitions;           /* what a new one is to tell */
	int64_t until_ms;              /* leads until then; 0: follows */
	int64_t sent_ms;               /* the write under way */
	int64_t next_ms;               /* no write before */
	bool writing;
	bool spent;                    /* the Lease is ours of before we stopped: it is removed, not renewed */
};
/* What to do now: nothing for *ret_wait_ms (-1: until something is seen or answered), to
 * remove the Lease at the revision seen, to write it as its holder (anew, or at that revision), or to stop leading. */
enum election_step { ELECTION_WAIT, ELECTION_REMOVE, ELECTION_ACQUIRE, ELECTION_RENEW, ELECTION_STOP };

void election_init(struct election *e, const char *id);
/* The Lease as it is now. */
void election_observe(struct election *e, const struct election_lease *l, int64_t now_ms);
enum election_step election_next(const struct election *e, int64_t now_ms, int64_t *ret_wait_ms);
/* A write of the Lease begins; then it was answered: rc 0 or -ERR_*. A write that was done has been
 * observed before. */
void election_sent(struct election *e, int64_t now_ms);
void election_answered(struct election *e, int rc, int64_t now_ms);
/* The controllers stopped. */
void election_stopped(struct election *e);
bool election_leads(const struct election *e, int64_t now_ms);
/* Somebody leads, as far as can be seen. */
bool election_has_leader(const struct election *e, int64_t now_ms);

#endif
