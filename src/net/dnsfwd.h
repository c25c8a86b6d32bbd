/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dnsfwd - questions about others' names, asked of the machine's resolvers, each from
 * a port and with an id of its own that cannot be guessed; answers kept a while.
 *
 * Thread:  loop thread.
 * Tests:   tests/unit/net/test_net_root.c
 */
#ifndef NET_DNSFWD_H
#define NET_DNSFWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/ip.h"

#define DNSFWD_TRY_MS   2000          /* for one resolver */
#define DNSFWD_TRIES    4
#define DNSFWD_KEEP_S   30            /* at most */

struct loop;
struct dnsfwd;
struct dnsfwd_ask;

/* resolv: a resolv.conf, read again when it changes; own: our own addresses, never asked. */
int dnsfwd_open(struct dnsfwd **ret, struct loop *l, const char *resolv, const struct ip own[IP_FAMILIES]);
void dnsfwd_close(struct dnsfwd *f);           /* asks end without done */
/* answer: with the id of the query; valid during the call. rc: 0 or -ERR_UNAVAILABLE. Runs once, may
 * run before this returns (then *ret is NULL). -ERR_FULL. */
typedef void dnsfwd_done_fn(void *arg, int rc, void *answer, size_t len);
int dnsfwd_query(struct dnsfwd_ask **ret, struct dnsfwd *f, const void *query, size_t len, size_t max, bool tcp,
	dnsfwd_done_fn *done, void *arg);
void dnsfwd_cancel(struct dnsfwd_ask *a);

#endif
