/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixture - an API over a store in memory, bootstrapped, and calls into it that wait
 * for their answer.
 */
#ifndef TESTS_UNIT_API_FIXTURE_H
#define TESTS_UNIT_API_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "api/call.h"
#include "base/loop.h"
#include "http/pki.h"
#include "store/store.h"

struct fixture {
	struct loop *loop;
	struct store *store;
	struct cache *cache;
	struct api *api;
	struct buf sa_key;
	int boot_rc;
	bool booted, answered;
	int status;
	struct buf body;
};

static void fixture_booted(void *arg, int rc)
{
	struct fixture *f = arg;

	f->booted = true;
	f->boot_rc = rc;
}

static void fixture_answer(void *arg, int status, const struct blob *body)
{
	struct fixture *f = arg;

	f->answered = true;
	f->status = status;
	buf_clear(&f->body);
	if (body)
		buf_add(&f->body, body->p, body->len);
	buf_addc(&f->body, 0);
	f->body.len--;
}

static inline int fixture_call_as(struct fixture *f, const struct user *u, const char *method, const char *path,
	const char *query, const char *type, const char *body)
{
	struct api_call q = { .method = method, .path = path, .query = query, .content_type = type,
		.body = body, .body_len = body ? strlen(body) : 0, .user = u };

	f->answered = false;
	assert_int_equal(api_call(f->api, &q, fixture_answer, f), 0);
	for (int i = 0; i < 2000 && !f->answered; i++)
		loop_turn(f->loop, 10);
	assert_true(f->answered);
	return f->status;
}

static inline int fixture_call(struct fixture *f, const char *method, const char *path, const char *query,
	const char *type, const char *body)
{
	static const char *const groups[] = { "system:masters", NULL };
	static const struct user admin = { .name = "admin", .groups = groups };

	return fixture_call_as(f, &admin, method, path, query, type, body);
}

static inline int fixture_key(void *arg, const char **ret_pem, struct err *reterr)
{
	(void)reterr;
	*ret_pem = ((struct fixture *)arg)->sa_key.p;
	return 0;
}

/* Ranges of Services; NULL: one of IPv4. */
static const char *fixture_services __attribute__((unused));

/* Over f->store, on f->loop; the key makes tokens work, and costs a moment. */
static inline void fixture_start(struct fixture *f, bool with_key)
{
	struct err e = { 0 };
	struct api_config cfg = { .service_cidr = fixture_services ? fixture_services : "10.96.0.0/16", .advertise = "192.0.2.1:6443",
		.issuer = "https://kubernetes.default.svc.cluster.local" };

	assert_int_equal(cache_open(&f->cache, f->store, &e), 0);
	if (with_key) {
		assert_int_equal(pki_rsa_key(&f->sa_key, &e), 0);
		cfg.sa_key = fixture_key;
		cfg.sa_key_arg = f;
	}
	if (api_open(&f->api, f->loop, f->store, f->cache, &cfg, &e))
		fail_msg("api_open: %s", e.msg);
	api_bootstrap(f->api, fixture_booted, f);
	for (int i = 0; i < 2000 && !f->booted; i++)
		loop_turn(f->loop, 10);
	assert_true(f->booted);
	assert_int_equal(f->boot_rc, 0);
}

static inline void fixture_open(struct fixture *f, const char *uri, bool with_key)
{
	struct err e = { 0 };

	memset(f, 0, sizeof(*f));
	assert_int_equal(loop_open(&f->loop), 0);
	assert_int_equal(store_open(&f->store, f->loop, uri, NULL, &e), 0);
	fixture_start(f, with_key);
}

static inline void fixture_close(struct fixture *f)
{
	api_close(f->api);
	cache_close(f->cache);
	store_close(f->store);
	loop_close(f->loop);
	buf_finish(&f->body);
	buf_finish(&f->sa_key);
}

#endif
