/* SPDX-License-Identifier: Apache-2.0 */
/* env - the clock and the dice. */
#include "base/env.h"

#include <errno.h>
#include <stdlib.h>
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

static void real_random(void *arg, void *p, size_t n)
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
