/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote - calls over HTTPS: libcurl's multi interface driven by the loop's fds
 * and one timer. All calls to a server share HTTP/2 connections.
 *
 *   a call:  SENT --answered--> told
 *             ^  \--not done, or done twice is done once--> the next server, each once --> told
 *
 * A refusal that another server does not repeat makes that one the client's; one that all repeat is told.
 *
 * libcurl sends again by itself what met a connection that had ended; the body of a POST
 * it cannot get twice, so that it fails instead.
 */
#define LOG_MODULE "client"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "client/client_priv.h"

struct call {
	struct list link;
	struct transfer t;
	char refused[CLIENT_SERVER_MAX];       /* the first that did; "": none */
	uint32_t tried;                /* servers, a bit each */
	struct client_req q;           /* its texts are in text */
	struct buf text;
	int64_t deadline_ms;
	client_done_fn *done;
	void *arg;
};

/* ---- curl on the loop ---- */
static void multi_check(struct client *c)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(c->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		struct transfer *t = NULL;
		long status = 0;
		CURLcode rc = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
		t->ended(t, rc, rc == CURLE_OK ? (int)status : 0);
	}
}

struct sock { struct client *client; struct loop_fd *fd; curl_socket_t s; };

static void on_fd(void *arg, uint32_t events)
{
	struct sock *k = arg;
	struct client *c = k->client;
	int running, mask = 0;

	if (events & EPOLLIN)
		mask |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		mask |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		mask |= CURL_CSELECT_ERR;
	curl_multi_socket_action(c->multi, k->s, mask, &running);
	multi_check(c);
}

static void on_timer(void *arg)
{
	struct client *c = arg;
	int running;

	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	multi_check(c);
}

static int set_timer(CURLM *m, long timeout_ms, void *arg)
{
	struct client *c = arg;

	if (timeout_ms < 0)
		loop_timer_stop(&c->timer);
	else
		loop_timer_set(&c->timer, timeout_ms);
	return 0;
}

static int set_socket(CURL *e, curl_socket_t s, int what, void *arg, void *sockp)
{
	struct client *c = arg;
	struct sock *k = sockp;
	uint32_t events = 0;

	if (what == CURL_POLL_REMOVE) {
		if (k) {
			loop_fd_del(k->fd);
			free(k);
			curl_multi_assign(c->multi, s, NULL);
		}
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	if (k) {
		loop_fd_set(k->fd, events);
		return 0;
	}
	k = calloc(1, sizeof(*k));
	if (!k)
		return -1;
	*k = (struct sock){ .client = c, .s = s };
	k->fd = loop_fd_add(c->loop, s, events, on_fd, k);
	if (!k->fd) {
		free(k);
		return -1;
	}
	curl_multi_assign(c->multi, s, k);
	return 0;
}

/* ---- one transfer ---- */
static size_t on_data(char *p, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t n = size * count;

	servers_heard(t->client, t->server);
	if (t->data)
		return t->data(t, p, n) ? n : 0;
	if (t->body.len + n > CLIENT_REPLY_MAX)
		return 0;
	buf_add(&t->body, p, n);
	return t->body.failed ? 0 : n;
}

static void set_blob(CURL *e, CURLoption opt, const char *text)
{
	/* Copied: the certificate may be replaced while the transfer runs. */
	struct curl_blob b = { .data = (void *)(uintptr_t)text, .len = strlen(text), .flags = CURL_BLOB_COPY };

	curl_easy_setopt(e, opt, &b);
}

/* Once: there is no way back to the beginning. */
static size_t post_more(char *p, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t n = size * count < t->post_len ? size * count : t->post_len;

	memcpy(p, t->post, n);
	t->post += n;
	t->post_len -= n;
	return n;
}

static void set_body(struct transfer *t, const struct client_req *q)
{
	char type[200];

	snprintf(type, sizeof(type), "Content-Type: %s", q->content_type ? q->content_type : "application/json");
	t->headers = curl_slist_append(t->headers, type);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_len);
	if (strcmp(q->method, "POST")) {
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, q->body);
		return;
	}
	t->post = q->body;
	t->post_len = q->body_len;
	curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, post_more);
	curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
}

/* A connection into nothing ends in seconds, not when the kernel gives up: others may find a way around. */
static int set_patience(void *arg, curl_socket_t s, curlsocktype what)
{
	unsigned ms = CLIENT_UNHEARD_MS;

	(void)arg, (void)what;
	setsockopt(s, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	return CURL_SOCKOPT_OK;
}

int transfer_start(struct transfer *t, struct client *c, unsigned server, const struct client_req *q)
{
	BUF_AUTO struct buf url = { 0 };

	t->client = c;
	t->easy = curl_easy_init();
	t->begun_ms = loop_now_ms(c->loop);
	snprintf(t->server, sizeof(t->server), "%s", c->servers[server]);
	buf_printf(&url, "%s%s%s%s", t->server, q->path, q->query && *q->query ? "?" : "", q->query ? q->query : "");
	if (!t->easy || url.failed) {
		transfer_finish(t);
		return -ERR_NOMEM;
	}
	CURL *e = t->easy;
	curl_easy_setopt(e, CURLOPT_URL, url.p);
	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https,http");
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, q->method);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(e, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(c->server_count > 1 ? CLIENT_TRY_MS : CLIENT_CONNECT_MS));
	curl_easy_setopt(e, CURLOPT_USERAGENT, "sampan/0.1");
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, CLIENT_UNHEARD_MS / 1000L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, CLIENT_UNHEARD_MS / 3000L);
	curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, set_patience);
	/* The way to the cloud is the kubeconfig's; a proxy is for the world outside. */
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	/* 0 as "default", negative as "none": a watch runs until it ends. */
	if (q->timeout_ms >= 0)
		curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(q->timeout_ms ? q->timeout_ms : CLIENT_TIMEOUT_MS));
	if (c->ca) {
		set_blob(e, CURLOPT_CAINFO_BLOB, c->ca);
		/* Else the machine's directory of public authorities is believed besides. */
		curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
	}
	if (c->unverified) {
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (c->cert && c->key) {
		set_blob(e, CURLOPT_SSLCERT_BLOB, c->cert);
		set_blob(e, CURLOPT_SSLKEY_BLOB, c->key);
	}
	if (q->body)
		set_body(t, q);
	for (struct curl_slist *h = c->auth; h; h = h->next)
		t->headers = curl_slist_append(t->headers, h->data);
	t->headers = curl_slist_append(t->headers, "Accept: application/json");
	t->headers = curl_slist_append(t->headers, "Expect:");
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
	if (curl_multi_add_handle(c->multi, e) != CURLM_OK) {
		transfer_finish(t);
		return -ERR_NOMEM;
	}
	return 0;
}

void transfer_finish(struct transfer *t)
{
	if (t->easy) {
		curl_multi_remove_handle(t->client->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	t->easy = NULL;
	t->headers = NULL;
	buf_finish(&t->body);
}

enum outcome transfer_outcome(struct transfer *t, CURLcode rc, int status)
{
	curl_off_t begun = 0, retry_s = 0;

	if (rc == CURLE_OK) {
		servers_heard(t->client, t->server);
		curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_s);
		return status == 401 || (status == 503 && retry_s) ? OUTCOME_REFUSED : OUTCOME_ANSWERED;
	}
	/* Our own doing, and no server's. */
	if (rc == CURLE_WRITE_ERROR || rc == CURLE_OUT_OF_MEMORY)
		return OUTCOME_UNKNOWN;
	servers_failed(t->client, t->server, t->begun_ms, t->error[0] ? t->error : curl_easy_strerror(rc));
	curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &begun);
	switch (rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
		return OUTCOME_UNDONE;
	default:
		return begun ? OUTCOME_UNKNOWN : OUTCOME_UNDONE;
	}
}

/* ---- calls ---- */

/* With others to ask, one that keeps silent gets a part of the time only. */
static int call_send(struct client *c, struct call *k)
{
	int64_t left = k->deadline_ms - loop_now_ms(c->loop);
	int server = servers_pick(c, k->tried);

	k->t = (struct transfer){ .ended = k->t.ended };
	if (left <= 0 || server < 0)
		return -ERR_DEADLINE;
	k->tried |= UINT32_C(1) << server;
	k->q.timeout_ms = servers_pick(c, k->tried) >= 0 && !c->away && strcmp(k->q.method, "POST") ? left / 3 + 1 : left;
	return transfer_start(&k->t, c, (unsigned)server, &k->q);
}

static void call_answered(struct call *k, int status)
{
	struct client *c = k->t.client;

	if (*k->refused)
		servers_better(c, k->t.server, k->refused);
	/* Reads may be answered from what a server remembers. */
	if (c->away && strcmp(k->q.method, "GET") && status < 500 && status != 429)
		servers_well(c);
}

static bool call_again(struct call *k, CURLcode rc, int status)
{
	struct client *c = k->t.client;
	bool more = servers_pick(c, k->tried) >= 0 && !c->away && loop_now_ms(c->loop) < k->deadline_ms;

	switch (transfer_outcome(&k->t, rc, status)) {
	case OUTCOME_ANSWERED:
		call_answered(k, status);
		return false;
	case OUTCOME_REFUSED:
		if (!*k->refused)
			strcpy(k->refused, k->t.server);
		if (!more && status == 503)
			servers_away(c, false);
		break;
	case OUTCOME_UNKNOWN:
		if (!strcmp(k->q.method, "POST") || rc == CURLE_WRITE_ERROR || rc == CURLE_OUT_OF_MEMORY)
			return false;
		break;
	case OUTCOME_UNDONE:
		break;
	}
	return more;
}

static void call_free(struct call *k)
{
	transfer_finish(&k->t);
	buf_finish(&k->text);
	free(k);
}

static void call_ended(struct transfer *t, CURLcode rc, int status)
{
	struct call *k = list_entry(t, struct call, t);
	struct client *c = t->client;

	if (call_again(k, rc, status)) {
		transfer_finish(t);
		if (!call_send(c, k))
			return;
		rc = CURLE_OUT_OF_MEMORY;
		status = 0;
	}
	list_del(&k->link);
	c->call_count--;
	reply_tell(status, t->body.p, t->body.len, t->error[0] ? t->error : curl_easy_strerror(rc), k->done, k->arg);
	call_free(k);
}

/* A part of text, with the zero behind it. */
static void keep(struct buf *text, size_t *ret_at, const char *s)
{
	*ret_at = text->len;
	buf_add(text, s ? s : "", (s ? strlen(s) : 0) + 1);
}

/* A copy of q: it may be sent more than once. */
static int call_copy(struct call *k, const struct client_req *q)
{
	size_t method, path, query, type, body;

	keep(&k->text, &method, q->method);
	keep(&k->text, &path, q->path);
	keep(&k->text, &query, q->query);
	keep(&k->text, &type, q->content_type);
	body = k->text.len;
	if (q->body)
		buf_add(&k->text, q->body, q->body_len);
	if (k->text.failed)
		return -ERR_NOMEM;
	k->q = (struct client_req){ .method = k->text.p + method, .path = k->text.p + path, .query = k->text.p + query,
		.content_type = q->content_type ? k->text.p + type : NULL, .body = q->body ? k->text.p + body : NULL,
		.body_len = q->body_len };
	return 0;
}

int remote_call(struct client *c, const struct client_req *q, client_done_fn *done, void *arg)
{
	struct call *k = calloc(1, sizeof(*k));
	int rc;

	if (!k)
		return -ERR_NOMEM;
	k->done = done;
	k->arg = arg;
	k->t.ended = call_ended;
	k->deadline_ms = loop_now_ms(c->loop) + (q->timeout_ms ? q->timeout_ms : CLIENT_TIMEOUT_MS);
	rc = call_copy(k, q);
	if (!rc)
		rc = call_send(c, k);
	if (rc) {
		call_free(k);
		return rc;
	}
	list_add_tail(&c->calls, &k->link);
	c->call_count++;
	return 0;
}

static int dup_or_null(char **ret, const char *s)
{
	*ret = s ? strdup(s) : NULL;
	return s && !*ret ? -ERR_NOMEM : 0;
}

static void forget_identity(struct client *c)
{
	curl_slist_free_all(c->auth);
	free(c->cert);
	if (c->key)
		explicit_bzero(c->key, strlen(c->key));
	free(c->key);
	c->auth = NULL;
	c->cert = c->key = NULL;
}

/* Connections are shared by those with one identity only: curl compares the blobs. */
int remote_set_identity(struct client *c, const char *cert_pem, const char *key_pem, const char *token)
{
	struct client now = { 0 };
	BUF_AUTO struct buf h = { 0 };

	if (token) {
		buf_printf(&h, "Authorization: Bearer %s", token);
		now.auth = h.failed ? NULL : curl_slist_append(NULL, h.p);
	}
	/* Out of memory leaves the one that there was. */
	if ((token && !now.auth) || dup_or_null(&now.cert, cert_pem) || dup_or_null(&now.key, key_pem)) {
		forget_identity(&now);
		return -ERR_NOMEM;
	}
	forget_identity(c);
	c->auth = now.auth;
	c->cert = now.cert;
	c->key = now.key;
	return 0;
}

const char *client_cert(const struct client *c)
{
	return c->cert;
}

const char *client_ca(const struct client *c)
{
	return c->ca;
}

int client_open_remote(struct client **ret, struct loop *l, const struct client_config *cfg, struct err *reterr)
{
	struct client *c;

	if (cfg->unverified && (cfg->token || cfg->key_pem))
		return err_set(reterr, ERR_BAD_REQUEST, "no secret is sent to a server that is not verified");
	if (strlen(cfg->server) >= CLIENT_SERVER_MAX)
		return err_set(reterr, ERR_BAD_REQUEST, "the server's URL is longer than %u bytes", CLIENT_SERVER_MAX - 1);
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	c->unverified = cfg->unverified;
	c->loop = l;
	list_init(&c->calls);
	list_init(&c->watches);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	c->multi = curl_multi_init();
	loop_timer_init(&c->timer, l, on_timer, c);
	loop_timer_init(&c->probe_timer, l, servers_probe, c);
	if (!c->multi || servers_open(c, cfg->server, cfg->more) || dup_or_null(&c->ca, cfg->ca_pem) ||
	    remote_set_identity(c, cfg->cert_pem, cfg->key_pem, cfg->token)) {
		client_close(c);
		return err_set(reterr, ERR_NOMEM, "out of memory");
	}
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	*ret = c;
	return 0;
}

void remote_finish(struct client *c)
{
	static const struct client_reply canceled = { .rc = -ERR_CANCELED, .message = "canceled" };

	list_each(&c->calls, it) {
		struct call *k = list_entry(it, struct call, link);
		list_del(&k->link);
		k->done(k->arg, &canceled);
		call_free(k);
	}
	transfer_finish(&c->probe);
	if (c->multi)
		curl_multi_cleanup(c->multi);
	loop_timer_stop(&c->timer);
	loop_timer_stop(&c->probe_timer);
	forget_identity(c);
	servers_close(c);
	free(c->ca);
}
