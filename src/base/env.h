/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env - time and randomness; nothing else in the program asks for either.
 *
 * Thread: any. A test may own them with env_set().
 * Tests: tests/unit/base/test_env.c
 */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include <stddef.h>
#include <stdint.h>

int64_t env_now_ms(void);        /* monotonic (CLOCK_BOOTTIME) */
int64_t env_now_us(void);        /* monotonic */
int64_t env_wall_us(void);       /* microseconds since 1970, UTC */
void env_random(void *p, size_t n);   /* cryptographic; aborts when the kernel has none */
uint32_t env_random_below(uint32_t bound);

struct env_ops {
	int64_t (*now_us)(void *arg);
	int64_t (*wall_us)(void *arg);
	void (*random)(void *arg, void *p, size_t n);
	void *arg;
};
/* For tests: take over; NULL gives the real ones back. */
void env_set(const struct env_ops *ops);

#endif
