/* SPDX-License-Identifier: Apache-2.0 */
/* served - the API over a store in memory, bootstrapped, for fuzzers of what it is asked. */
#ifndef TESTS_FUZZ_SERVED_H
#define TESTS_FUZZ_SERVED_H

#include <assert.h>

#include "api/entry.h"
#include "base/log.h"
#include "base/loop.h"
#include "cache/cache.h"
#include "store/store.h"

static struct loop *loop;
static struct store *store;
static struct cache *cache;
static struct api *api;

static void served_booted(void *arg, int rc)
{
	assert(!rc);
	*(bool *)arg = true;
}

/* key: of what signs tokens, or NULL. */
static void served_start(int (*key)(void *, const char **, struct err *))
{
	struct api_config cfg = { .service_cidr = "10.96.0.0/16", .advertise = "192.0.2.1:6443", .sa_key = key };
	bool booted = false;
	int rc;

	log_init("fuzz", 0);
	log_set_level(LOG_ERROR);
	rc = loop_open(&loop);
	rc = rc ? rc : store_open(&store, loop, "mem:", NULL, NULL);
	rc = rc ? rc : cache_open(&cache, store, NULL);
	rc = rc ? rc : api_open(&api, loop, store, cache, &cfg, NULL);
	assert(!rc);
	api_bootstrap(api, served_booted, &booted);
	while (!booted)
		loop_turn(loop, 10);
}

#endif
