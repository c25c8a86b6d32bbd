/* SPDX-License-Identifier: Apache-2.0 */
/* etcd_client - members in turn, and calls that outlive one of them. */
#include "store/etcd_client.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/env.h"
#include "base/workers.h"
#include "store/etcd_config.h"

#define LOG_MODULE "etcd"
#include "base/log.h"

enum { BACKOFF_MS = 100, BACKOFF_MAX_MS = 2000, PROBE_MS = 8000, PATIENCE_MS = 1500, COMPLAIN_MS = 10000 };

struct member {
	unsigned turn;                 /* of its name's addresses the one that is tried next */
	char trouble[256];
};

struct resolved {                      /* a name being looked up, on a worker */
	struct etcd_client *client;    /* NULL: nobody waits any more */
	char name[ETCD_HOST_MAX + 1], port[8];
	unsigned turn;
	struct sockaddr_storage sa;
	socklen_t n;
	int rc;
};

struct etcd_client {
	struct loop *loop;
	struct etcd_config cfg;
	struct member member[ETCD_MEMBERS_MAX];   /* as in cfg */
	size_t at;
	unsigned tries;                /* in vain, since a member was ready */
	bool ready, was_ready, final;
	int64_t complained_ms, cluster_id, newest_rev;
	struct buf token;
	char *probe_key;
	struct workers *resolver;
	struct resolved *resolving;
	struct etcd_conn *conn;
	struct etcd_rpc probe;         /* and Authenticate before it */
	struct loop_timer retry, patience;   /* patience: with a member that is not ready yet */
	struct list calls, waiting;    /* waiting: for a member */
	const struct etcd_client_events *ev;
	void *arg;
};

static void connect_next(void *arg);

/* ---- what an answer means ---- */

static bool says(const char *message, const char *what) { return strstr(message, what) != NULL; }

enum fate { FINAL, NOT_DONE, UNSURE, NO_TOKEN };

/* The words are etcd's interface as much as its codes: several errors share one.
 * Source: etcd api/v3rpc/rpctypes/error.go */
static const struct verdict {
	int code;
	const char *says;
	enum fate fate;
	int rc;
	bool leave;                    /* another member may do better */
} verdicts[] = {
	{ ETCD_OVER,        "",                            FINAL,    -ERR_SIZE,        false },
	{ ETCD_RANGE,       "has been compacted",          FINAL,    -ERR_EXPIRED,     false },
	{ ETCD_RANGE,       "future revision",             FINAL,    -ERR_BAD_REQUEST, false },
	{ ETCD_INVALID,     "request is too large",        FINAL,    -ERR_SIZE,        false },
	{ ETCD_EXHAUSTED,   "larger than max",             FINAL,    -ERR_SIZE,        false },
	{ ETCD_EXHAUSTED,   "database space exceeded",     FINAL,    -ERR_FULL,        false },
	{ ETCD_EXHAUSTED,   "too many requests",           NOT_DONE, -ERR_FULL,        false },
	{ ETCD_UNAUTHENTICATED, "",                        NO_TOKEN, -ERR_FORBIDDEN,   false },
	{ ETCD_INVALID,     "revision of auth store is old", NO_TOKEN, -ERR_FORBIDDEN, false },
	{ ETCD_INVALID,     "auth store is old",           NO_TOKEN, -ERR_FORBIDDEN,   false },
	{ ETCD_INVALID,     "user name is empty",          FINAL,    -ERR_FORBIDDEN,   false },
	{ ETCD_DENIED,      "",                            FINAL,    -ERR_FORBIDDEN,   false },
	{ ETCD_NOT_FOUND,   "lease not found",             FINAL,    -ERR_NOT_FOUND,   false },
	{ ETCD_UNAVAILABLE, "no leader",                   NOT_DONE, -ERR_UNAVAILABLE, true },
	{ ETCD_UNAVAILABLE, "not capable",                 NOT_DONE, -ERR_UNAVAILABLE, true },
	{ ETCD_UNAVAILABLE, "leader changed",              UNSURE,   -ERR_UNAVAILABLE, false },
	{ ETCD_UNAVAILABLE, "",                            UNSURE,   -ERR_UNAVAILABLE, true },
	{ ETCD_DEADLINE,    "",                            UNSURE,   -ERR_DEADLINE,    true },
	{ ETCD_LOST,        "",                            UNSURE,   -ERR_UNAVAILABLE, false },
	{ ETCD_CANCELED,    "",                            UNSURE,   -ERR_UNAVAILABLE, true },
	{ ETCD_UNKNOWN,     "raft: stopped",               UNSURE,   -ERR_UNAVAILABLE, true },
	{ ETCD_UNKNOWN,     "context",                     UNSURE,   -ERR_UNAVAILABLE, true },
};

static const struct verdict *judge(int code, const char *message)
{
	static const struct verdict other = { ETCD_UNKNOWN, "", UNSURE, -ERR_IO, false };

	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (verdicts[i].code == code && says(message, verdicts[i].says))
			return &verdicts[i];
	return &other;
}

/* ---- calls ---- */

static void finish_call(struct etcd_call *call, const struct etcd_answer *a)
{
	loop_timer_stop(&call->timer);
	list_del(&call->node);
	call->client = NULL;
	buf_finish(&call->msg);
	call->done(call, a);
}

static void set_timer(struct etcd_call *call)
{
	int64_t left = call->deadline_ms - env_now_ms();

	loop_timer_set(&call->timer, call->rpc.conn && call->attempt_ms && call->attempt_ms < left ? call->attempt_ms : left);
}

static int start_call(struct etcd_call *call)
{
	struct etcd_client *c = call->client;
	int64_t left = call->deadline_ms - loop_now_ms(c->loop);
	struct buf msg = { 0 };
	int r;

	if (call->ask_again)
		buf_add(&msg, call->msg.p, call->msg.len);
	else
		msg = call->msg;
	if (!call->ask_again)
		call->msg = (struct buf){ 0 };
	r = etcd_rpc_start(c->conn, &call->rpc, call->path, etcd_client_token(c), left > 100 ? left - 50 : 50, &msg);
	if (r == 0) {
		list_del(&call->node);
		list_add_tail(&c->calls, &call->node);
		set_timer(call);
	}
	return r;
}

static void authenticate(struct etcd_client *c);
static void lose(struct etcd_client *c);

static void call_ended(struct etcd_rpc *r, int code, const char *message, const char *p, size_t n)
{
	struct etcd_call *call = list_entry(r, struct etcd_call, rpc);
	struct etcd_client *c = call->client;
	const struct verdict *v;
	bool maybe;

	if (code == ETCD_OK) {
		finish_call(call, &(struct etcd_answer){ .rc = 0, .message = "", .p = p, .n = n });
		return;
	}
	v = judge(code, message);
	maybe = r->sent && v->fate == UNSURE;
	if (v->leave && c->conn)
		etcd_conn_fail(c->conn, message);
	if (v->fate == NO_TOKEN && c->cfg.user && c->ready) {
		lose(c);
		authenticate(c);
	}
	if (call->ask_again && v->fate != FINAL && v->rc != -ERR_IO) {
		list_del(&call->node);
		list_add_tail(&c->waiting, &call->node);
		set_timer(call);
		/* A member that is busy gets a moment: retry_waiting() comes with the timer. */
		if (c->ready && !loop_timer_is_set(&c->retry))
			loop_timer_set(&c->retry, BACKOFF_MS + env_random_below(BACKOFF_MS));
		return;
	}
	if (!call->ask_again && (v->fate == NOT_DONE || v->fate == NO_TOKEN || (v->fate == UNSURE && !r->sent)))
		finish_call(call, &(struct etcd_answer){ .rc = -ERR_AGAIN, .message = message });
	else
		finish_call(call, &(struct etcd_answer){ .rc = v->rc, .maybe = maybe, .message = message });
}

/* The leader that it was given to may have died with it, while its member did not. */
static bool ask_once_more(struct etcd_call *call)
{
	if (!call->attempt_ms || !call->rpc.conn || loop_now_ms(call->client->loop) >= call->deadline_ms ||
	    !etcd_client_conn(call->client))
		return false;
	etcd_rpc_cancel(&call->rpc);
	call->attempt_ms *= 2;
	return start_call(call) == 0;
}

static void call_due(void *arg)
{
	struct etcd_call *call = arg;
	struct etcd_client *c = call->client;
	bool sent = call->rpc.conn && call->rpc.sent;

	if (ask_once_more(call))
		return;
	etcd_rpc_cancel(&call->rpc);
	/* grpc-timeout lets the member end it first; that it did not says something. */
	if (sent && c->conn)
		etcd_conn_fail(c->conn, "a call was not answered in time");
	finish_call(call, &(struct etcd_answer){ .rc = sent ? -ERR_DEADLINE : -ERR_UNAVAILABLE, .maybe = sent,
		.message = sent ? "not answered in time" : "no member of the cluster is ready" });
}

int etcd_call(struct etcd_client *c, struct etcd_call *call, const char *path, const struct pb_msg *m,
	const void *msg, int64_t timeout_ms)
{
	int r;

	if (!call->ask_again && !etcd_client_conn(c))
		return -ERR_AGAIN;
	call->path = path;
	call->client = c;
	call->rpc.end = call_ended;
	call->deadline_ms = env_now_ms() + timeout_ms;
	buf_reserve(&call->msg, pb_size(m, msg));
	pb_encode(m, msg, &call->msg);
	if (call->msg.failed) {
		buf_finish(&call->msg);
		call->client = NULL;
		return -ERR_NOMEM;
	}
	list_init(&call->node);
	list_add_tail(&c->waiting, &call->node);
	loop_timer_init(&call->timer, c->loop, call_due, call);
	set_timer(call);
	if (etcd_client_conn(c) && (r = start_call(call)) < 0) {
		etcd_call_cancel(call);
		return r;
	}
	return 0;
}

void etcd_call_cancel(struct etcd_call *call)
{
	if (!call->client)
		return;
	etcd_rpc_cancel(&call->rpc);
	loop_timer_stop(&call->timer);
	list_del(&call->node);
	buf_finish(&call->msg);
	call->client = NULL;
}

static void retry_waiting(struct etcd_client *c)
{
	list_each(&c->waiting, n) {
		struct etcd_call *call = list_entry(n, struct etcd_call, node);

		if (!etcd_client_conn(c))
			return;
		if (start_call(call) < 0)
			finish_call(call, &(struct etcd_answer){ .rc = -ERR_NOMEM, .message = "out of memory" });
	}
}

void etcd_client_judge(struct etcd_client *c, int code, const char *message)
{
	const struct verdict *v = judge(code, message);

	if (v->leave && c->conn)
		etcd_conn_fail(c->conn, message);
	if (v->fate == NO_TOKEN && c->cfg.user && c->ready) {
		lose(c);
		authenticate(c);
	}
}

void etcd_client_saw(struct etcd_client *c, int64_t rev)
{
	if (rev > c->newest_rev)
		c->newest_rev = rev;
}

struct etcd_conn *etcd_client_conn(const struct etcd_client *c)
{
	return c->ready && etcd_conn_is_open(c->conn) ? c->conn : NULL;
}

const char *etcd_client_token(const struct etcd_client *c) { return c->token.len ? c->token.p : ""; }

/* ---- a member becomes ready ---- */

static void lose(struct etcd_client *c)
{
	if (!c->ready)
		return;
	c->ready = false;
	loop_timer_stop(&c->retry);
	c->ev->lost(c->arg);
}

/* This member is of no use now, because of why. */
static void give_up(struct etcd_client *c, const char *why)
{
	struct member *m = &c->member[c->at];
	bool was = c->ready;
	int64_t now = loop_now_ms(c->loop), delay = 0;

	snprintf(m->trouble, sizeof(m->trouble), "%s", why);
	/* Certificates do not get better by waiting. */
	if (!c->was_ready && !strncmp(why, "TLS: ", 5) && c->tries + 1 >= c->cfg.members)
		c->final = true;
	if (was) {
		log_warn("%s is lost: %s", c->cfg.host[c->at], why);
		c->tries = 0;
	} else if (c->was_ready && c->tries >= 2 * c->cfg.members && now - c->complained_ms >= COMPLAIN_MS) {
		c->complained_ms = now;
		log_error("no member of the cluster can be used; the last one tried, %s: %s", c->cfg.host[c->at], why);
	}
	lose(c);
	if (++c->tries >= c->cfg.members) {
		unsigned round = c->tries / (unsigned)c->cfg.members;

		delay = round > 5 ? BACKOFF_MAX_MS : BACKOFF_MS << round;
		if (delay > BACKOFF_MAX_MS)
			delay = BACKOFF_MAX_MS;
		delay = delay / 2 + env_random_below((uint32_t)delay / 2);
	}
	c->at = (c->at + 1) % c->cfg.members;
	loop_timer_set(&c->retry, delay);
}

static void probed(struct etcd_rpc *r, int code, const char *message, const char *p, size_t n)
{
	struct etcd_client *c = list_entry(r, struct etcd_client, probe);
	ARENA_AUTO struct arena *a = arena_open(64 << 10);
	struct etcd_ranged got;
	char why[300];

	if (code != ETCD_OK) {
		if (judge(code, message)->rc == -ERR_FORBIDDEN)
			c->final = !c->was_ready;
		snprintf(why, sizeof(why), "%s%s", message, says(message, "user name is empty") ?
			" (it wants a user: --store-auth FILE)" : "");
		etcd_conn_fail(c->conn, why);
		return;
	}
	if (!a || pb_decode(&etcd_ranged_msg, p, n, a, &got) < 0 || !got.header) {
		etcd_conn_fail(c->conn, "an answer that is no etcd's");
		return;
	}
	if (c->cluster_id && got.header->cluster_id != c->cluster_id) {
		etcd_conn_fail(c->conn, "it belongs to another cluster than the member before it (if etcd was restored "
			"from a snapshot, start the server anew)");
		return;
	}
	if (got.header->revision < c->newest_rev) {
		etcd_conn_fail(c->conn, "its log ends before what was read of it already (if etcd was restored from a "
			"snapshot, start the server anew)");
		return;
	}
	c->cluster_id = got.header->cluster_id;
	if (c->was_ready)
		log_info("%s is used now", c->cfg.host[c->at]);
	loop_timer_stop(&c->patience);
	c->ready = c->was_ready = true;
	c->final = false;
	c->tries = 0;
	*c->member[c->at].trouble = 0;
	c->ev->ready(c->arg, &got);
	retry_waiting(c);
}

static void probe(struct etcd_client *c)
{
	struct etcd_range ask = { .key = pb_str(c->probe_key, strlen(c->probe_key)) };
	struct buf msg = { 0 };

	if (!etcd_conn_is_open(c->conn))
		return;
	pb_encode(&etcd_range_msg, &ask, &msg);
	c->probe.end = probed;
	if (etcd_rpc_start(c->conn, &c->probe, "/etcdserverpb.KV/Range", etcd_client_token(c), PROBE_MS, &msg) < 0)
		etcd_conn_fail(c->conn, "out of memory");
}

static void impatient(void *arg) { etcd_conn_fail(((struct etcd_client *)arg)->conn, "no answer"); }

/* Little with the first, since others may be well; more with each round of all. */
static void be_patient(struct etcd_client *c)
{
	unsigned round = c->tries / (unsigned)c->cfg.members;

	loop_timer_set(&c->patience, round > 2 ? PROBE_MS : PATIENCE_MS << round);
}

static void authenticated(struct etcd_rpc *r, int code, const char *message, const char *p, size_t n)
{
	struct etcd_client *c = list_entry(r, struct etcd_client, probe);
	ARENA_AUTO struct arena *a = arena_open(64 << 10);
	struct etcd_authenticated got;

	if (code == ETCD_PRECONDITION && says(message, "not enabled")) {
		buf_clear(&c->token);
	} else if (code != ETCD_OK) {
		c->final = code == ETCD_INVALID && !c->was_ready;
		etcd_conn_fail(c->conn, message);
		return;
	} else if (!a || pb_decode(&etcd_authenticated_msg, p, n, a, &got) < 0) {
		etcd_conn_fail(c->conn, "an answer that is no etcd's");
		return;
	} else {
		buf_clear(&c->token);
		buf_add(&c->token, got.token.p, got.token.n);
	}
	probe(c);
}

static void authenticate(struct etcd_client *c)
{
	struct etcd_authenticate ask = { pb_str(c->cfg.user, strlen(c->cfg.user)), pb_str(c->cfg.password, strlen(c->cfg.password)) };
	struct buf msg = { 0 };

	if (!etcd_conn_is_open(c->conn))
		return;
	be_patient(c);
	pb_encode(&etcd_authenticate_msg, &ask, &msg);
	c->probe.end = authenticated;
	if (etcd_rpc_start(c->conn, &c->probe, "/etcdserverpb.Auth/Authenticate", "", PROBE_MS, &msg) < 0)
		etcd_conn_fail(c->conn, "out of memory");
}

static void conn_up(void *arg)
{
	struct etcd_client *c = arg;

	if (c->cfg.user)
		authenticate(c);
	else
		probe(c);
}

static void conn_down(void *arg, const char *why)
{
	struct etcd_client *c = arg;
	char text[256];

	snprintf(text, sizeof(text), "%s", why);
	loop_timer_stop(&c->patience);
	etcd_rpc_cancel(&c->probe);
	etcd_conn_close(c->conn);
	c->conn = NULL;
	give_up(c, text);
}

static const struct etcd_conn_events conn_events = { conn_up, conn_down };

static void connect_to(struct etcd_client *c, const struct sockaddr *sa, socklen_t n)
{
	if (etcd_conn_open(&c->conn, c->loop, sa, n, c->cfg.host[c->at], c->cfg.tls, &conn_events, c) < 0)
		give_up(c, "out of memory");
	else
		be_patient(c);
}

static void resolve_run(void *arg)
{
	struct resolved *r = arg;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL, *ai;
	unsigned n = 0;

	r->rc = getaddrinfo(r->name, r->port, &hints, &all);
	for (ai = all; ai; ai = ai->ai_next)
		n++;
	ai = all;
	for (unsigned skip = n ? r->turn % n : 0; skip; skip--)
		ai = ai->ai_next;
	if (ai) {
		memcpy(&r->sa, ai->ai_addr, ai->ai_addrlen);
		r->n = ai->ai_addrlen;
	}
	if (all)
		freeaddrinfo(all);
}

static void resolve_done(void *arg)
{
	struct resolved *r = arg;
	struct etcd_client *c = r->client;

	if (c) {
		c->resolving = NULL;
		if (r->rc)
			give_up(c, gai_strerror(r->rc));
		else
			connect_to(c, (struct sockaddr *)&r->sa, r->n);
	}
	free(r);
}

/* "[::1]:2379" or "name:2379", seen to be so by parse(). */
static void split(const char *host, char name[ETCD_HOST_MAX + 1], char port[8])
{
	const char *colon = strrchr(host, ':');
	int n = (int)(colon - host);

	if (*host == '[') {
		host++;
		n -= 2;
	}
	snprintf(name, ETCD_HOST_MAX + 1, "%.*s", n, host);
	snprintf(port, 8, "%s", colon + 1);
}

static void connect_next(void *arg)
{
	struct etcd_client *c = arg;
	struct sockaddr_in6 sa6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in sa = { .sin_family = AF_INET };
	struct resolved *r;
	char name[ETCD_HOST_MAX + 1], port[8];

	if (c->ready) {                /* set by a call that shall be tried again */
		retry_waiting(c);
		return;
	}
	split(c->cfg.host[c->at], name, port);
	sa.sin_port = sa6.sin6_port = htons((uint16_t)atoi(port));
	if (inet_pton(AF_INET, name, &sa.sin_addr) == 1) {
		connect_to(c, (struct sockaddr *)&sa, sizeof(sa));
		return;
	}
	if (inet_pton(AF_INET6, name, &sa6.sin6_addr) == 1) {
		connect_to(c, (struct sockaddr *)&sa6, sizeof(sa6));
		return;
	}
	r = calloc(1, sizeof(*r));
	if (r) {
		r->client = c;
		r->turn = c->member[c->at].turn++;
		strcpy(r->name, name);
		strcpy(r->port, port);
	}
	if (!r || workers_submit(c->resolver, resolve_run, resolve_done, r) < 0) {
		free(r);
		give_up(c, "its name cannot be looked up now");
		return;
	}
	c->resolving = r;
}

const char *etcd_client_trouble(const struct etcd_client *c, bool *ret_final)
{
	*ret_final = c->final;
	for (size_t i = 1; i <= c->cfg.members; i++) {   /* the one tried last, first */
		const struct member *m = &c->member[(c->at + c->cfg.members - i) % c->cfg.members];

		if (*m->trouble)
			return m->trouble;
	}
	return "no answer";
}

/* ---- open and close ---- */

int etcd_client_open(struct etcd_client **ret, struct loop *l, const char *members, const char *probe_key,
	const struct store_options *opt, const struct etcd_client_events *ev, void *arg, struct err *reterr)
{
	struct etcd_client *c = calloc(1, sizeof(*c));
	int r;

	if (!c || !(c->probe_key = strdup(probe_key))) {
		free(c);
		return err_set(reterr, ERR_NOMEM, "store: out of memory");
	}
	c->loop = l;
	c->ev = ev;
	c->arg = arg;
	list_init(&c->calls);
	list_init(&c->waiting);
	loop_timer_init(&c->retry, l, connect_next, c);
	loop_timer_init(&c->patience, l, impatient, c);
	if ((r = etcd_config_read(&c->cfg, members, opt, reterr)) < 0)
		goto fail;
	r = workers_open(&c->resolver, l, "etcd-names", 1, 4);
	if (r < 0) {
		err_set(reterr, -r, "store: a thread for looking up names cannot be started");
		goto fail;
	}
	/* Servers shall not all take the first. */
	c->at = env_random_below((uint32_t)c->cfg.members);
	loop_timer_set(&c->retry, 0);
	*ret = c;
	return 0;
fail:
	etcd_client_close(c);
	return r;
}

void etcd_client_close(struct etcd_client *c)
{
	if (!c)
		return;
	c->ready = false;
	list_each(&c->calls, n)
		etcd_call_cancel(list_entry(n, struct etcd_call, node));
	list_each(&c->waiting, n)
		etcd_call_cancel(list_entry(n, struct etcd_call, node));
	etcd_rpc_cancel(&c->probe);
	etcd_conn_close(c->conn);
	if (c->resolving)
		c->resolving->client = NULL;
	if (c->resolver)
		workers_close(c->resolver);
	loop_timer_stop(&c->retry);
	loop_timer_stop(&c->patience);
	buf_finish(&c->token);
	etcd_config_finish(&c->cfg);
	free(c->probe_key);
	free(c);
}
