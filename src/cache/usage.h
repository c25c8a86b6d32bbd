/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage - what every ResourceQuota has in use, kept from the cache's events: the sum over
 * the objects of its namespace, never a list walked at a request.
 *
 * A quota is counted when it is first asked for, from all objects of its namespace; after
 * that each event adds and takes away. `held` is for whoever admits writes: what was let
 * through and is not in the cache yet.
 * Thread: loop thread. Each user opens its own.
 * Tests:  tests/unit/cache/test_usage.c
 */
#ifndef CACHE_USAGE_H
#define CACHE_USAGE_H

#include "cache/cache.h"
#include "doc/quantity.h"

struct usage;
struct usage_line {                     /* one resource of one quota */
	const char *name;               /* "requests.cpu" */
	struct quantity hard, used, held;
};
struct usage_quota {
	struct cache_obj *obj;          /* the quota as it is now */
	struct usage_line *lines;       /* in the order of spec.hard */
	size_t n;
	bool counted;                   /* lines[].used is true; else counted when asked for */
	int64_t as_of_us;               /* wall clock at which it was counted */
	int64_t stale_us;               /* wall clock at which a pod stops to count without an event */
};

int usage_open(struct usage **ret, struct cache *c);
void usage_close(struct usage *u);
/* The quotas of a namespace in the order of their names, counted; *ret_n of them. Borrowed
 * until the loop is returned to. now_us: the wall clock. */
struct usage_quota *const *usage_of(struct usage *u, const char *ns, int64_t now_us, size_t *ret_n);
/* Add by (may be negative) to what is held of a resource; a quota that is gone holds nothing. */
void usage_hold(struct usage *u, const char *ns, const char *quota, const char *name, __int128 by_nano);

#endif
