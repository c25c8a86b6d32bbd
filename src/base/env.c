/* SPDX-License-Identifier: Apache-2.0 */
/* env - the clock and the dice. */
#include "base/env.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static int64_t clock_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t real_now_us(void *arg) { return clock_us(CLOCK_BOOTTIME); }
static int64_t real_wall_us(void *arg) { return clock_us(CLOCK_REALTIME); }

static void from_kernel(void *p, size_t n)
{
	char *out = p;

	while (n) {
		ssize_t got = getrandom(out, n, 0);

		if (got < 0) {
			if (errno == EINTR)
				continue;
			abort();   /* without randomness no secret is one */
		}
		out += got;
		n -= (size_t)got;
	}
}

/* Names, uids and ports want a few bytes each, several for a request: they are fetched ahead, a thread's own, gone
 * when given out, and not shared with a child. */
static _Thread_local struct { unsigned char bytes[512]; size_t left; } ahead;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void forget(void) { explicit_bzero(&ahead, sizeof(ahead)); }
static void forget_in_children(void) { pthread_atfork(NULL, NULL, forget); }

static void real_random(void *arg, void *p, size_t n)
{
	if (n > sizeof(ahead.bytes) / 8) {
		from_kernel(p, n);
		return;
	}
	if (ahead.left < n) {
		pthread_once(&once, forget_in_children);
		from_kernel(ahead.bytes, sizeof(ahead.bytes));
		ahead.left = sizeof(ahead.bytes);
	}
	ahead.left -= n;
	memcpy(p, ahead.bytes + ahead.left, n);
	explicit_bzero(ahead.bytes + ahead.left, n);
}

static const struct env_ops real_ops = { real_now_us, real_wall_us, real_random, NULL };
static const struct env_ops *ops = &real_ops;

void env_set(const struct env_ops *new_ops) { ops = new_ops ? new_ops : &real_ops; }

int64_t env_now_us(void) { return ops->now_us(ops->arg); }
int64_t env_now_ms(void) { return ops->now_us(ops->arg) / 1000; }
int64_t env_wall_us(void) { return ops->wall_us(ops->arg); }
void env_random(void *p, size_t n) { ops->random(ops->arg, p, n); }

uint32_t env_random_below(uint32_t bound)
{
	/* Values under `floor` would make small results likelier. */
	uint32_t floor = bound ? -bound % bound : 0, r;

	if (bound < 2)
		return 0;
	do
		env_random(&r, sizeof(r));
	while (r < floor);
	return r % bound;
}
