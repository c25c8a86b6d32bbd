/* SPDX-License-Identifier: Apache-2.0 */
/* cache_test - a cache over a store in memory, written synchronously. */
#ifndef TESTS_CACHE_TEST_H
#define TESTS_CACHE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/loop.h"
#include "cache/cache.h"
#include "store/store.h"

static int64_t test_now_us = 1000000;

static int64_t test_clock(void *arg) { return test_now_us; }
static void test_random(void *arg, void *p, size_t n) { memset(p, 7, n); }

struct fixture {
	struct loop *loop;
	struct store *store;
	struct cache *cache;
	int64_t rev;
	bool done;
};

static inline void fixture_done(void *arg, int rc, int64_t rev)
{
	struct fixture *f = arg;

	assert_int_equal(rc, 0);
	f->rev = rev;
	f->done = true;
}

static inline int64_t fixture_wait(struct fixture *f)
{
	for (int i = 0; i < 100 && !f->done; i++)
		loop_turn(f->loop, 0);
	assert_true(f->done);
	f->done = false;
	return f->rev;
}

/* Write json under key, expecting revision expect; the write's revision. */
static inline int64_t put(struct fixture *f, const char *key, int64_t expect, const char *json)
{
	BLOB_AUTO struct blob *b = blob_new(json, strlen(json));

	assert_int_equal(store_put(f->store, key, b, expect, fixture_done, f), 0);
	return fixture_wait(f);
}

static inline int64_t del(struct fixture *f, const char *key, int64_t expect)
{
	assert_int_equal(store_del(f->store, key, expect, fixture_done, f), 0);
	return fixture_wait(f);
}

/* A pod named as its key's end; members: more of metadata, or "". */
static inline int64_t put_pod(struct fixture *f, const char *ns, const char *name, int64_t expect,
	const char *members, const char *node)
{
	char key[256], json[1024];

	assert_int_equal(cache_key(key, sizeof(key), "core/pods", ns, name), 0);
	snprintf(json, sizeof(json), "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":"
		"\"%s\",\"namespace\":\"%s\",\"uid\":\"u-%s-%s\"%s},\"spec\":{\"nodeName\":\"%s\"}}",
		name, ns, ns, name, members, node);
	return put(f, key, expect, json);
}

static inline int fixture_setup(void **state)
{
	static const struct env_ops ops = { test_clock, test_clock, test_random, NULL };
	struct fixture *f = calloc(1, sizeof(*f));

	env_set(&ops);
	assert_int_equal(loop_open(&f->loop), 0);
	assert_int_equal(store_open(&f->store, f->loop, "mem:", NULL, NULL), 0);
	assert_int_equal(cache_open(&f->cache, f->store, NULL), 0);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	cache_close(f->cache);
	store_close(f->store);
	loop_close(f->loop);
	free(f);
	env_set(NULL);
	return 0;
}

#endif
