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
#define CLIENT_UNHEARD_MS  15000        /* what was sent and not even acknowledged: the connection is dead */
#define CLIENT_PROBE_MS    1000         /* while all servers are away one is asked so often, or half as often */
#define CLIENT_LINE_MAX    (4u << 20)   /* one watch event */

/* One HTTP exchange over curl. */
struct transfer {
	struct client *client;
	CURL *easy;
	char server[CLIENT_SERVER_MAX];
	int64_t begun_ms;
	const char *post;              /* what is left to send of a POST */
	size_t post_len;
	struct curl_slist *headers;
	/* Whole answers gather in body; streams get each piece. */
	struct buf body;
	bool (*data)(struct transfer *t, const char *p, size_t n);  /* NULL: gather */
	void (*ended)(struct transfer *t, CURLcode rc, int status);
	char error[CURL_ERROR_SIZE];
};

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
	unsigned failed;           /* servers in a row that could not be reached */
	bool away, unreached;      /* none of them serves now, and they are probed; not even reached */
	unsigned probe_at, probe_left;     /* next one to probe; how many of a first round are left */
	struct transfer probe;
	struct loop_timer probe_timer;
	void (*well)(void *arg);   /* they serve again */
	void *well_arg;
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

/* What the end of a transfer says about its request. */
enum outcome {
	OUTCOME_ANSWERED,
	OUTCOME_REFUSED,           /* answered, and not done: the server cannot serve it now, or does not know who asks */
	OUTCOME_UNDONE,            /* certainly not done: it was not sent */
	OUTCOME_UNKNOWN,           /* it was sent, no answer came */
};
/* With the server of this number. q's body is borrowed until the transfer ended. */
int transfer_start(struct transfer *t, struct client *c, unsigned server, const struct client_req *q);
/* Of a transfer that ended so. What is no answer makes the client use another server, if it knows one. */
enum outcome transfer_outcome(struct transfer *t, CURLcode rc, int status);
void transfer_finish(struct transfer *t);     /* stop and free what it holds */
int remote_call(struct client *c, const struct client_req *q, client_done_fn *done, void *arg);
int local_call(struct client *c, const struct client_req *q, client_done_fn *done, void *arg);
void remote_finish(struct client *c);
int servers_open(struct client *c, const char *first, const char *const *more);
void servers_close(struct client *c);
/* The one to ask next of those whose bit is not in tried, from the one in use on; -1: none. */
int servers_pick(const struct client *c, uint32_t tried);
/* url did not answer what was sent since then: go on with the next one, unless that has happened already. */
void servers_failed(struct client *c, const char *url, int64_t since_ms, const char *why);
/* good did what bad refused: go on there. */
void servers_better(struct client *c, const char *good, const char *bad);
/* The one in use refused a watch: find one that serves. */
void servers_doubt(struct client *c);
void servers_probe(void *client);      /* its timer */
/* Every one refused, or was not even reached. */
void servers_away(struct client *c, bool unreached);
/* This one said something: after all were not reached it is the one to use. */
void servers_heard(struct client *c, const char *url);
/* One of them did what was asked. */
void servers_well(struct client *c);
/* Go on at the server in use, if the watch hangs at url and has heard nothing there since then (INT64_MAX: whatever it
 * heard), after a time below spread_ms. From the loop. */
void watch_leave(struct client_watch *w, const char *url, int64_t since_ms, uint32_t spread_ms);
/* The servers serve again: what waits goes on. */
void watch_kick(struct client_watch *w);
int remote_set_identity(struct client *c, const char *cert_pem, const char *key_pem, const char *token);
void watch_cancel(struct client_watch *w);      /* stop; the owner still closes it */
/* Turn an answer into a reply and hand it to done. */
void reply_tell(int status, const char *p, size_t n, const char *no_answer, client_done_fn *done, void *arg);

#endif
