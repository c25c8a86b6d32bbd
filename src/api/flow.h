/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow - whose work is next. Requests, pieces of large lists and the events of watches
 * are done at once while the turn of the loop has time; then they wait in line, and
 * users take turns, within a user its connections, within a connection its requests.
 *
 * The rule: each user in line may use FLOW_QUANTUM_US of the loop's time, bytes made for
 * sending included at the price of encrypting them, then the next user has it. A user
 * that needed more pays with its later turns (deficit round robin).
 *
 * Bounds: FLOW_USER_MAX seats a user, FLOW_ALL_MAX of all; beyond them a user still has
 * FLOW_SURE_MAX; then 429 with Retry-After. A request is one seat, a list that is sent
 * piece by piece FLOW_LIST_SEATS. FLOW_WATCHES_MAX watches a user, no seats.
 * Not asked: those inside the process, bounded by their own queues; health checks.
 *
 * Thread:  loop thread.
 * Source:  KEP-1040, its exempt level and queues, without levels.
 * Tests:   tests/unit/api/test_flow.c, tests/flow/api/limits.py
 */
#ifndef API_FLOW_H
#define API_FLOW_H

#include <stdbool.h>
#include <stddef.h>

#define FLOW_QUANTUM_US   200
#define FLOW_TURN_US      700      /* of one turn of the loop */
#define FLOW_BYTES_US     400      /* bytes encrypted and sent in a microsecond */
#define FLOW_USER_MAX     12288u
#define FLOW_ALL_MAX      24576u
#define FLOW_SURE_MAX     64u
#define FLOW_LIST_SEATS   32u
#define FLOW_WATCHES_MAX  20000u

struct api;
struct call;
struct flow;
struct flow_user;

int flow_open(struct flow **ret, struct api *a);
void flow_close(struct flow *f);           /* after all calls; accepts NULL */
/* fn(c) now, or in a turn of c's user; once, however often it was asked for until then.
 * From the top of the stack only; c is held meanwhile, its client may be gone by then. */
void flow_run(struct call *c, void (*fn)(struct call *c));
/* fn(c) in its next turn, from anywhere. */
void flow_later(struct call *c, void (*fn)(struct call *c));
/* So many bytes were made in the turn that runs. */
void flow_charge(struct call *c, size_t bytes);
/* More seats for a large answer; false: over the bounds. */
bool flow_widen(struct call *c);
/* c becomes a watch: it gives its seats back. False: its user has too many. */
bool flow_watch(struct call *c);
/* The call ends. */
void flow_leave(struct call *c);
size_t flow_seats(const struct flow *f);

#endif
