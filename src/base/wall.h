/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wall - a timer by the wall clock: for what is due at a date, not after a while.
 *
 * Thread:  loop thread.
 * Promise: fn runs once after wall_timer_set, when the clock reaches the time or was set
 *          (by hand, by NTP in one step, after a suspension): the owner looks again at
 *          what is due, and sets it again.
 * Tests:   tests/unit/base/test_wall.c
 */
#ifndef BASE_WALL_H
#define BASE_WALL_H

#include <stdint.h>

struct loop;
struct wall_timer;

/* 0 or -ERR_IO. */
int wall_timer_open(struct wall_timer **ret, struct loop *l, void (*fn)(void *arg), void *arg);
void wall_timer_set(struct wall_timer *t, int64_t wall_us);    /* the past: at once */
void wall_timer_close(struct wall_timer *t);                   /* accepts NULL */

#endif
