/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lead - a server's part in the election: it watches the Lease of kube-system in the
 * cache, and writes it when the election says so.
 *
 * The controllers and the scheduler are one and move together; so their Lease is one, by the
 * name of upstream's kube-controller-manager, where people look for it.
 * Thread:  loop thread. Two timers' worth of work: one write a second by who leads, none by others.
 * Tests:   tests/unit/control/test_election.c, tests/flow/15_servers.sh
 */
#ifndef CONTROL_LEAD_H
#define CONTROL_LEAD_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct loop;
struct cache;
struct client;
struct lead;

#define LEAD_LEASE "kube-controller-manager"

struct lead_config {
	const char *id;                /* of this life of the server; copied */
	struct client *client;         /* may write Leases; taken over in any case */
	/* It leads from now on, or stops: then nothing may be written any more when this returns. */
	void (*changed)(void *arg, bool leads);
	void *arg;
};
int lead_open(struct lead **ret, struct loop *l, struct cache *c, const struct lead_config *cfg, struct err *reterr);
/* Without a word to others: they wait for the Lease to run out. changed does not run any more. Accepts NULL. */
void lead_close(struct lead *l);
/* The revision with which the Lease began that was seen last. Each leader begins a new one, so what depends on
 * LEAD_KEY's life ends with its leadership, wherever it is by then. */
#define LEAD_KEY "coordination.k8s.io/leases/kube-system/" LEAD_LEASE
int64_t lead_life(const struct lead *l);
/* At this very instant, by the clock itself: ask before each write. Accepts NULL: no. */
bool lead_leads(const struct lead *l);
/* Some server does. */
bool lead_known(const struct lead *l);
/* It stops (changed runs, if it led) and gives the Lease to whoever wants it; done runs once, on the
 * loop, never before this returns, when that is written or LEAD_RELEASE_MS are over. */
#define LEAD_RELEASE_MS 1000
void lead_release(struct lead *l, void (*done)(void *arg), void *arg);
void lead_metrics(const struct lead *l, struct buf *out);

#endif
