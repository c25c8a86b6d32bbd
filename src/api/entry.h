/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry - the API as those inside the process see it: opened over a store and its
 * cache, called by the HTTP server or by an in-process client.
 *
 * Thread:  loop thread.
 * Promise: a call from inside passes every stage from authz on, as a call over the
 *          network does; done runs after the cache shows the write.
 * Tests:   tests/unit/api/, tests/flow/
 */
#ifndef API_ENTRY_H
#define API_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct loop;
struct store;
struct cache;
struct http_req;
struct api;

struct user {                          /* who asks */
	const char *name, *uid;
	const char *const *groups;     /* NULL-terminated */
	const char *extra_json;        /* object of lists of strings, or NULL */
};

struct api_config {
	/* The RSA key that signs service-account tokens, asked for once, when one is first made or checked. NULL: there
	 * are no such tokens. The text is good until api_close. */
	int (*sa_key)(void *arg, const char **ret_pem, struct err *reterr);
	void *sa_key_arg;
	const char *issuer;                    /* "https://kubernetes.default.svc.cluster.local" */
	const char *token_file;                /* static tokens, lines "token,user,uid,\"group1,group2\"", or NULL */
	const char *service_cidr;              /* "10.96.0.0/16", or with ",fd00:96::/112" */
	const char *admission_on, *admission_off; /* names of plug-ins "A,B" to run besides, or not to; NULL: none */
	const char *advertise;                 /* "ADDR:PORT" clients inside use for the kubernetes Service */
	unsigned event_ttl_s;                  /* Events are kept so long after their last write; 0: an hour */
	const char *agent_ca_pem;              /* checks agents' serving certificates when proxying; told in cluster-info */
	const char *proxy_cert_pem, *proxy_key_pem;  /* the server's own client certificate towards agents */
	/* Adds the rest of the process's Prometheus text to /metrics; NULL: nothing. */
	void (*metrics)(void *arg, struct buf *out);
	void *metrics_arg;
	/* Do the controllers and the scheduler run? For componentstatuses; NULL: not known here. */
	bool (*controllers_run)(void *arg);
	void *controllers_arg;
};
int api_open(struct api **ret, struct loop *l, struct store *s, struct cache *c,
	const struct api_config *cfg, struct err *reterr);
void api_close(struct api *a);
/* The server's client certificate towards agents for connections from now on. */
int api_set_proxy_cert(struct api *a, const char *cert_pem, const char *key_pem, struct err *reterr);
/* Put what every cloud starts with into the store (namespaces, bootstrap RBAC, the
 * kubernetes Service, priority classes), then readyz turns 200; done runs once. */
void api_bootstrap(struct api *a, void (*done)(void *arg, int rc), void *arg);
bool api_ready(const struct api *a);
/* About to shut down: readyz fails, everything else goes on. */
void api_retire(struct api *a);
/* Shutting down: new writes and watches get 503 with Retry-After. Once those writes are answered that are under way
 * (or two seconds later) watches end cleanly, with a last bookmark. */
void api_drain(struct api *a);
/* http_handler_fn; arg is the struct api. */
void api_handle_http(void *api, struct http_req *r);

/* May this be written now? *ret, if it is set: and only while that key of the store lives the life that began at
 * create_rev; the store looks at it when it writes (store_put_on). The key is borrowed for ever. */
struct api_life { const char *key; int64_t create_rev; };
typedef bool api_may_fn(void *arg, struct api_life *ret);

struct api_call {
	const char *method;            /* "POST" */
	const char *path;              /* "/api/v1/namespaces/default/pods" */
	const char *query;             /* "fieldManager=x", or NULL */
	const char *content_type;      /* NULL: application/json */
	const void *body;              /* copied */
	size_t body_len;
	const struct user *user;       /* copied */
	/* Asked at the last moment, before the store is given a write; false: nothing is written, the answer
	 * is 503. NULL: always. may_arg outlives every call. */
	api_may_fn *may_write;
	void *may_arg;
};
/* done runs once, on the loop, never before this returns; body is the answer's JSON,
 * borrowed. Not for watches: those inside observe the cache. */
typedef void api_done_fn(void *arg, int status, const struct blob *body);
int api_call(struct api *a, const struct api_call *call, api_done_fn *done, void *arg);

#endif
