/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - calls to the API: the same for those inside the server (entering at
 * authz) and for agents and the command line over HTTPS (libcurl).
 *
 * Thread:  loop thread.
 * Promise: done runs once for each accepted call, never before client_call returns.
 *          A local call's done runs when the cache already shows its write.
 * Tests:   tests/unit/client/, tests/flow/
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <stdbool.h>
#include <yyjson.h>

#include "base/buf.h"
#include "base/err.h"
#include "kinds/kinds.h"

struct loop;
struct api;
struct client;

/* Inside the server, as this user (groups NULL-terminated). */
int client_open_local(struct client **ret, struct loop *l, struct api *a, const char *user,
	const char *const *groups);
struct client_config {
	const char *server;            /* "https://127.0.0.1:6443" */
	const char *ca_pem, *cert_pem, *key_pem, *token;   /* texts; NULL where not used */
};
int client_open_remote(struct client **ret, struct loop *l, const struct client_config *cfg, struct err *reterr);
/* cfg from a kubeconfig's current context; *ret_client takes copies. */
int client_open_kubeconfig(struct client **ret, struct loop *l, const char *path, const char *server_override,
	struct err *reterr);
/* The kubeconfig is read again: its client certificate, key and token are used by what begins
 * from now on. */
int client_reopen_kubeconfig(struct client *c, const char *path, struct err *reterr);
/* The client certificate in use (PEM), or NULL; borrowed until it is replaced. */
const char *client_cert(const struct client *c);
void client_close(struct client *c);       /* running calls end with -ERR_CANCELED */

struct client_req {
	const char *method;                /* "GET" "POST" "PUT" "PATCH" "DELETE" */
	const char *path;                  /* absolute; see client_path() */
	const char *query;                 /* or NULL */
	const char *content_type;          /* NULL: application/json */
	const void *body; size_t body_len; /* copied */
	int64_t timeout_ms;                /* 0: 30 s */
};
struct client_reply {
	int rc;                    /* 0: 2xx. Else -ERR_* of the answer, or -ERR_UNAVAILABLE: no answer */
	int status;                /* HTTP, 0: no answer */
	yyjson_val *obj;           /* the answer's JSON, NULL when there is none; borrowed */
	const char *message;       /* why, for people; "" on success */
};
typedef void client_done_fn(void *arg, const struct client_reply *r);
/* 0, or -ERR_FULL. */
int client_call(struct client *c, const struct client_req *q, client_done_fn *done, void *arg);

/* "/apis/apps/v1/namespaces/ns/deployments/name/sub" appended; ns, name, sub may be NULL or "". */
void client_path(struct buf *out, const struct kinds_kind *k, const char *ns, const char *name, const char *sub);

/* List, then watch, for ever (remote): a local copy of one resource as selected, kept
 * by name; reconnects with back-off, relists when its revision expired. */
struct client_watch;
enum client_event { CLIENT_ADDED, CLIENT_MODIFIED, CLIENT_DELETED, CLIENT_SYNCED /* obj NULL: all of the list was told */ };
typedef void client_event_fn(void *arg, enum client_event ev, yyjson_val *obj);   /* obj borrowed */
int client_watch(struct client_watch **ret, struct client *c, const struct kinds_kind *k, const char *ns,
	const char *query /* "fieldSelector=..", or NULL */, client_event_fn *fn, void *arg);
void client_watch_close(struct client_watch *w);

#endif
