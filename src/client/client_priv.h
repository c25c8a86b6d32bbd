/* SPDX-License-Identifier: Apache-2.0 */
/* client_priv - what client.c, remote.c, servers.c and watch.c share. */
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
#define CLIENT_CONNECT_MS  10000        /* to be connected */
#define CLIENT_TRY_MS      3000         /* the same, when there are others to turn to */
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
	bool (*may_write)(void *arg, struct api_life *ret);
	void *may_arg;
	/* remote */
	CURLM *multi;
	struct loop_timer timer;
	struct curl_slist *auth;   /* Authorization header, or NULL */
	char *ca, *cert, *key;
	bool unverified;
	/* servers.c */
	char **servers;
	unsigned server_count, server_own, server_at;  /* own: the first ones, it was opened with; at: in use */
	struct loop_task moved;
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

/* One HTTP exchange over curl, with the server that was in use when it began. */
struct transfer {
	struct client *client;
	CURL *easy;
	char server[CLIENT_SERVER_MAX];
	const char *post;              /* what is left to send of a POST */
	size_t post_len;
	struct curl_slist *headers;
	/* Whole answers gather in body; streams get each piece. */
	struct buf body;
	bool (*data)(struct transfer *t, const char *p, size_t n);  /* NULL: gather */
	void (*ended)(struct transfer *t, CURLcode rc, int status);
	char error[CURL_ERROR_SIZE];
};

/* What the end of a transfer says about its request. */
enum outcome {
	OUTCOME_ANSWERED,
	OUTCOME_UNDONE,            /* certainly not done: it was not sent, or the server says that it stops */
	OUTCOME_UNKNOWN,           /* it was sent, no answer came */
};
/* q's body is borrowed until the transfer ended. */
int transfer_start(struct transfer *t, struct client *c, const struct client_req *q);
/* Of a transfer that ended so. What is no answer makes the client use another server, if it knows one. */
enum outcome transfer_outcome(struct transfer *t, CURLcode rc, int status);
void transfer_finish(struct transfer *t);     /* stop and free what it holds */
int remote_call(struct client *c, const struct client_req *q, client_done_fn *done, void *arg);
int local_call(struct client *c, const struct client_req *q, client_done_fn *done, void *arg);
void remote_finish(struct client *c);
int servers_open(struct client *c, const char *first, const char *const *more);
void servers_close(struct client *c);
/* url did not answer: go on with the next one, unless that has happened already. */
void servers_failed(struct client *c, const char *url, const char *why);
/* The client uses another server than the watch may do: resume there. From the loop. */
void watch_moved(struct client_watch *w);
int remote_set_identity(struct client *c, const char *cert_pem, const char *key_pem, const char *token);
void watch_cancel(struct client_watch *w);      /* stop; the owner still closes it */
/* Turn an answer into a reply and hand it to done. */
void reply_tell(int status, const char *p, size_t n, const char *no_answer, client_done_fn *done, void *arg);

#endif
