/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - calls to the API: the same for those inside the server (entering at
 * authz) and for agents and the command line over HTTPS (libcurl).
 *
 * Thread:  loop thread.
 * Promise: done runs once for each accepted call, never before client_call returns.
 *          A local call's done runs when the cache already shows its write.
 *          A client that knows several servers asks the next one when the one it uses
 *          cannot be reached or cannot serve now (503 and when to come back). What could have been done already is
 *          asked again only if it is no POST: a POST whose answer was lost is -ERR_UNAVAILABLE.
 *          When no server serves, each call asks one of them only, and the client asks every
 *          second or two whether one does again.
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
/* Local: its calls write only while may(arg) (api/entry.h), asked before each write; arg outlives the API. */
struct api_life;
void client_guard(struct client *c, bool (*may)(void *arg, struct api_life *ret), void *arg);
struct client_config {
	const char *server;            /* "https://127.0.0.1:6443" */
	const char *const *more;       /* others of the same cloud, NULL-terminated; or NULL */
	const char *ca_pem, *cert_pem, *key_pem, *token;   /* texts; NULL where not used */
	bool unverified;               /* whoever answers is believed: for what is public and checked by other means.
	                                * Nothing secret may be given then (-ERR_BAD_REQUEST). */
};
int client_open_remote(struct client **ret, struct loop *l, const struct client_config *cfg, struct err *reterr);
/* cfg from a kubeconfig's current context; *ret_client takes copies. Its other clusters of the same authority are
 * servers of the same cloud. server_override (or NULL) takes the place of all of them. */
int client_open_kubeconfig(struct client **ret, struct loop *l, const char *path, const char *server_override,
	struct err *reterr);
/* The kubeconfig is read again: its client certificate, key and token are used by what begins
 * from now on. */
int client_reopen_kubeconfig(struct client *c, const char *path, struct err *reterr);
/* The client certificate in use (PEM), or NULL; borrowed until it is replaced. */
const char *client_cert(const struct client *c);
/* The URL of the server in use, and the CA it must be of (PEM) or NULL; borrowed from the client until the loop is
 * returned to. */
const char *client_server(const struct client *c);
/* The cloud's servers (URLs, NULL-terminated, copied), besides those it was opened with; those of an earlier call are
 * forgotten. At most CLIENT_SERVERS_MAX in all. 0 or -ERR_NOMEM. */
#define CLIENT_SERVERS_MAX 32u
#define CLIENT_SERVER_MAX  320u        /* bytes of a URL */
int client_learn(struct client *c, const char *const *urls);
/* fn(arg) runs on the loop each time that a server serves again after none did: whoever waits to try again need not. It
 * may set timers and defer tasks, nothing else. */
void client_on_well(struct client *c, void (*fn)(void *arg), void *arg);
/* Those of an EndpointSlice of the Service default/kubernetes that are ready: a line each. And such lines cut into a
 * list, NULL-terminated, in place. */
void client_server_lines(struct buf *out, yyjson_val *slice);
void client_server_list(char *lines, const char *urls[CLIENT_SERVERS_MAX + 1]);
const char *client_ca(const struct client *c);
/* A kubeconfig of one user with cfg's certificate and key: a cluster and a context for each server, "sampan" (the
 * current one), "sampan-2" ... */
void client_kubeconfig_text(struct buf *out, const struct client_config *cfg, const char *user);
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

/* A certificate asked for (remote): the request is made, or found when it is there already, and followed until it
 * is signed, refused, or time is up. done runs once, after which only client_csr_close is left: rc 0 with the
 * certificate (PEM), -ERR_FORBIDDEN when it was denied or could not be signed, -ERR_DEADLINE, or that of the API. */
struct client_csr;
typedef void client_csr_fn(void *arg, int rc, const char *cert_pem, const char *message);
struct client_csr_req {            /* copied */
	const char *name;              /* of the CertificateSigningRequest */
	const char *pem;               /* PKCS#10 */
	const char *signer;
	const char *const *usages;     /* NULL-terminated */
	int64_t timeout_ms;
};
int client_csr_open(struct client_csr **ret, struct client *c, const struct client_csr_req *q, client_csr_fn *done,
	void *arg);
void client_csr_close(struct client_csr *r);       /* accepts NULL; done does not run any more */

#endif
