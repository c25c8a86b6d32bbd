/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger - what writes under way have set aside (addresses, ports, room in quotas), where
 * several servers share a store: none gives out what another has.
 *
 * What is in use is known from the cache's events; what was let through and has no event
 * yet is held: in memory by the server that let it through, and in a ledger for the others.
 * A ledger is a value of the store, one for each scope ("services", "quotas.NAMESPACE").
 *
 *   WAITS --a decision, with all other servers' holds counted in--> WRITES --compare-and-swap-->
 *     HELD --its event, or no write: ledger_leave--> NONE           |
 *   ^---- the round begins again ----------- another was faster ----+
 *
 * Invariants:
 *   1. The decision is made from the cache and the ledger's revision R, and stands only if
 *      the ledger is still at R when the holds are added: since then others can only have
 *      made what was held counts. So no two servers give out one thing.
 *   2. A hold is part of its server's session, a key of the store, and so is the write of its object: the
 *      store does that only while the key is there.
 *   3. A hold counts until the cache shows its object beyond the revision that it was made
 *      from, its server takes it out, or the cache shows that its session is over: what was held is
 *      in use then, or never will be. Whoever has seen a hold count for LEDGER_STALE_MS, by its own clock,
 *      ends its session. No clock decides what is free.
 *   4. A ledger is never larger than what the store takes: who finds no room waits.
 * A store of this server alone has no ledgers: deciding is all.
 * Why not an object for each address, as upstream has it: cluster IPs, node ports and
 * quotas are one mechanism here, a batch of writers costs one write, and what a crash
 * leaves behind goes by itself.
 *
 * Thread: loop thread.    Tests: tests/unit/api/test_ledger.c
 */
#ifndef API_LEDGER_H
#define API_LEDGER_H

#include "api/call.h"

#define LEDGER_STALE_MS 60000
#define LEDGER_SERVICES "services"
#define LEDGER_DEFINITIONS "definitions"
#define LEDGER_QUOTAS   "quotas."      /* and the namespace */
#define LEDGER_SCOPE_MAX 300

struct ledger_ops {
	/* Set aside what c needs. STEP_NEXT, or the refusal (nothing is set aside then). */
	enum step (*decide)(struct call *c);
	/* Give it back: it was not written. */
	void (*undo)(struct call *c);
	/* Into a hold (an object of its own) what c has set aside; 1, 0: nothing, or -ERR_NOMEM. */
	int (*describe)(struct call *c, yyjson_mut_doc *d, yyjson_mut_val *hold);
	/* What another server's hold says is set aside (by 1), or not (-1). */
	void (*count)(struct api *a, const char *scope, yyjson_val *hold, int by);
	enum step then;                /* what the waiting stage goes on with: STEP_NEXT or STEP_AGAIN */
};

int ledgers_open(struct ledgers **ret, struct api *a);
void ledgers_close(struct ledgers *ls);        /* accepts NULL */
/* decide(c), agreed with all servers. What it gives, or STEP_WAIT; then `then`, or the refusal. ops: static. */
enum step ledger_decide(struct call *c, struct ledger_seat *seat, const char *scope, const struct ledger_ops *ops);
/* What seat held is counted by its event now, or was given back. Harmless when it has none. */
void ledger_leave(struct ledger_seat *seat);
/* Before that, when nobody knows whether c's object was written: what it holds counts on as that of a server that
 * is silent. */
void ledger_unsure(struct call *c);
/* ledger_leave, and its call ends without an answer. */
void ledger_forget(struct ledger_seat *seat);
/* What the write of c's object depends on for what c holds: untouched where it holds nothing. False: that is over, and
 * c begins again. The key lives as long as c's seats. */
struct store_while;
bool ledger_life(const struct call *c, struct store_while *ret);

#endif
