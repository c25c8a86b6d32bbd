/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_control - which controllers run in a server, and when: some on every server, the
 * others and the scheduler on one at a time. A server whose store nobody else can reach is
 * that one, without an election.
 *
 *   start:  every server's; then the leader's at once (alone) or when it leads (shared)
 *   stop:   all of them; on a shared store the leadership is given away, and the server's
 *           Lease taken off, so that others need not wait for either to run out
 * Thread: loop thread.
 * Tests:  tests/flow/15_servers.sh
 */
#ifndef SERVER_CONTROL_H
#define SERVER_CONTROL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "control/control.h"

struct api;
struct cache;
struct loop;
struct server_control;

struct server_control_config {
	struct loop *loop;
	struct cache *cache;
	struct api *api;
	const char *name;              /* who holds the Lease, for people: the machine's; copied */
	struct control_config control; /* part, client_as and arg are set here; address is copied */
	/* The leader's controllers could not be opened. The server should end, so that another leads. */
	void (*failed)(void *arg);
	void *arg;
};
int server_control_open(struct server_control **ret, const struct server_control_config *cfg, struct err *reterr);
/* done runs once, on the loop, never before this returns. */
void server_control_stop(struct server_control *s, void (*done)(void *arg), void *arg);
/* Before the store and the API are closed. Accepts NULL. */
void server_control_close(struct server_control *s);
/* What that was; after the API was closed. Accepts NULL. */
void server_control_free(struct server_control *s);
/* Do they run, here or on another server? */
bool server_control_runs(const struct server_control *s);
void server_control_metrics(const struct server_control *s, struct buf *out);

#endif
