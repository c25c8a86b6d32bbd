/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tunnel - one outgoing connection, plain or TLS, for proxying: to an agent with the
 * server's own certificate, or to a pod.
 *
 * Thread:  loop thread; every callback comes from the loop, never from within a call.
 * Promise: closed is the last callback and comes once, unless tunnel_end() was called
 *          before: after that no callback comes.
 */
#ifndef API_TUNNEL_H
#define API_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct loop;
struct tunnel;
struct tunnel_tls;
struct tunnel_ops {
	void (*open)(void *arg);
	void (*data)(void *arg, const void *p, size_t n);
	void (*drained)(void *arg);                    /* little is left to send */
	void (*closed)(void *arg, const char *why);    /* NULL: the peer ended it in order */
};
/* host is an address. tls NULL: plain. name: what the peer's certificate must name, if
 * not the address. -ERR_IO, -ERR_BAD_REQUEST. */
int tunnel_connect(struct tunnel **ret, struct loop *l, struct tunnel_tls *tls, const char *host,
	unsigned port, const char *name, const struct tunnel_ops *ops, void *arg, struct err *reterr);
void tunnel_write(struct tunnel *t, const void *p, size_t n);     /* copies */
size_t tunnel_pending(const struct tunnel *t);
void tunnel_pause(struct tunnel *t, bool paused);                 /* reading */
/* Half-close: the peer is told that no more comes, after what is pending. */
void tunnel_finish(struct tunnel *t);
void tunnel_end(struct tunnel *t);                                /* accepts NULL */

#endif
