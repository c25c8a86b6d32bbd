/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_zones - how many nodes of a zone may be given up, and how fast: when much of a zone
 * is silent at once, the fault is more likely between it and us than in its machines.
 *
 *   INITIAL --first look--> NORMAL <--> PARTIAL <--> FULL
 *
 * Functions of numbers and a clock that the caller owns.
 * Source: kubernetes pkg/controller/nodelifecycle (ComputeZoneState, ReducedQPSFunc,
 * setLimiterInZone), scheduler/rate_limited_queue.go (SwapLimiter: burst 1, kept drained).
 * Tests: tests/unit/control/test_node_lifecycle.c
 */
#ifndef CONTROL_NODE_ZONES_H
#define CONTROL_NODE_ZONES_H

#include <stdbool.h>
#include <stdint.h>

#include "control/control.h"
#include "kinds/kinds.h"

#define ZONE_KEY_MAX 512

enum zone_state { ZONE_INITIAL, ZONE_NORMAL, ZONE_PARTIAL, ZONE_FULL };

/* The zone a Node is of: "REGION/ZONE" of its labels, "/" without any. */
void zone_key(char ret[ZONE_KEY_MAX], yyjson_val *node);
/* Of a zone whose nodes count at all; with none it is ZONE_INITIAL. */
enum zone_state zone_state_of(unsigned ready, unsigned not_ready, double unhealthy_share);
/* Evictions of nodes a second in a zone of so many nodes; 0: none. */
double zone_rate(enum zone_state s, unsigned nodes, const struct control_node_death *d);

/* One permission at a time, at a rate; those not taken are not saved up. */
struct zone_pace { double rate; int64_t next_ms; };   /* next_ms: INT64_MAX: never */
void zone_pace_init(struct zone_pace *p, double rate, int64_t now_ms);     /* the first need not wait */
/* A new rate; who waits now waits as long as the new one says. */
void zone_pace_set(struct zone_pace *p, double rate, int64_t now_ms);
/* True: taken. Else *ret_wait_ms is when to ask again, 0: not before the rate changes. */
bool zone_pace_take(struct zone_pace *p, int64_t now_ms, int64_t *ret_wait_ms);

#endif
