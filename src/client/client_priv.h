/* SPDX-License-Identifier: Apache-2.0 */
/* client_priv - what local.c, remote.c and watch.c share. */
#ifndef CLIENT_CLIENT_PRIV_H
#define CLIENT_CLIENT_PRIV_H

#include <curl/curl.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/map.h"
#include "client/client.h"

#define CLIENT_REPLY_MAX   (64u << 20)  /* bytes of one answer */
#define CLIENT_CALLS_MAX   4096u        /* running at once */
#define CLIENT_TIMEOUT_MS  30000
#define CLIENT_LINE_MAX    (4u << 20)   /* one watch event */

struct client {
	struct loop *loop;
	struct list calls;         /* struct call.link */
	struct list watches;       /* struct client_watch.link */
	unsigned call_count;
	/* local */
	struct api *api;
	char *user;
	char **groups;
	bool (*may_write)(void *arg);
	void *may_arg;
	/* remote */
	CURLM *multi;
	struct loop_timer timer;
	struct curl_slist *auth;   /* Authorization header, or NULL */
	char *server, *ca, *cert, *key;
	bool unverified;
};

struct client_watch {
	struct list link;
	struct client *client;
	const struct kinds_kind *kind;
	char *ns, *query;
	client_event_fn *fn;
	void *arg;
	struct watch_run *run;     /* watch.c */
};

/* One HTTP exchange over curl. */
struct transfer {
	struct client *client;
	CURL *easy;
	struct curl_slist *headers;
	/* Whole answers gather in body; streams get each piece. */
	struct buf body;
	bool (*data)(struct transfer *t, const char *p, size_t n);  /* NULL: gather */
	void (*ended)(struct transfer *t, CURLcode rc, int status);
	char error[CURL_ERROR_SIZE];
};

int transfer_start(struct transfer *t, struct client *c, const struct client_req *q);
void transfer_finish(struct transfer *t);     /* stop and free what it holds */
int remote_call(struct client *c, const struct client_req *q, client_done_fn *done, void *arg);
int local_call(struct client *c, const struct client_req *q, client_done_fn *done, void *arg);
void remote_finish(struct client *c);
int remote_set_identity(struct client *c, const char *cert_pem, const char *key_pem, const char *token);
void watch_cancel(struct client_watch *w);      /* stop; the owner still closes it */
/* Turn an answer into a reply and hand it to done. */
void reply_tell(int status, const char *p, size_t n, const char *no_answer, client_done_fn *done, void *arg);

#endif
