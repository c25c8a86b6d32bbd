/* SPDX-License-Identifier: Apache-2.0 */
/* etcd_conn - HTTP/2 over a socket, with or without TLS, as a client; gRPC's frames. */
#include "store/etcd_conn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/err.h"
#include "base/loop.h"
#include "base/text.h"

enum {
	OUT_BYTES = 64 << 10,          /* written at once */
	IN_BYTES = 64 << 10,
	READS_MAX = 8,                 /* of one turn of the loop */
	STREAM_WINDOW = 8 << 20, CONN_WINDOW = 16 << 20,
	/* A member closes on who pings more often than every 5 s while it had nothing to say. */
	PING_MS = 5100, WAIT_MS = 1500, PONG_MS = 3000,
	KEEPALIVE_S = 2,
};

enum state { CONNECTING, HANDSHAKE, OPEN, DEAD };

struct etcd_conn {
	struct loop *loop;
	enum state state;
	int fd;
	struct loop_fd *watch;
	SSL *ssl;
	nghttp2_session *session;
	struct list rpcs;
	struct buf out;
	size_t out_at;
	bool blocked;                  /* the socket takes no more */
	bool in_session;
	struct loop_task flush, bury;
	struct loop_timer timer;
	int64_t heard_ms, pinged_ms;
	bool pinging, answered;        /* answered: something of a call came since the last ping */
	size_t unary;                  /* calls that wait for an answer */
	const struct etcd_conn_events *ev;
	void *arg;
	char host[256], why[256];
};

/* ---- frames ---- */

int etcd_frame(const char *p, size_t n, const char **ret_msg, size_t *ret_msg_n, size_t *ret_used)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t len;

	if (n < 5)
		return 0;
	len = (size_t)u[1] << 24 | (size_t)u[2] << 16 | (size_t)u[3] << 8 | u[4];
	if (u[0])
		return -ERR_CORRUPT;
	if (len > ETCD_MESSAGE_MAX)
		return -ERR_SIZE;
	if (n - 5 < len)
		return 0;
	*ret_msg = p + 5;
	*ret_msg_n = len;
	*ret_used = 5 + len;
	return 1;
}

void etcd_frame_make(struct buf *out, struct buf *msg)
{
	size_t n = msg->len;

	buf_reserve(out, n + 5);
	buf_add(out, (const char[]){ 0, (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n }, 5);
	buf_add(out, msg->p, n);
	out->failed |= msg->failed;
	buf_finish(msg);
}

/* ---- calls ---- */

static void forget(struct etcd_rpc *r)
{
	if (!r->msg)
		r->conn->unary--;
	list_del(&r->node);
	r->conn = NULL;
	buf_finish(&r->out);
}

static void end(struct etcd_rpc *r, int code, const char *message)
{
	struct buf in = r->in;
	const char *p = NULL;
	size_t n = 0, used;

	r->in = (struct buf){ 0 };
	forget(r);
	if (code == ETCD_OK && !r->msg && etcd_frame(in.p, in.len, &p, &n, &used) != 1) {
		code = ETCD_LOST;
		message = "an answer without a message";
		p = NULL;
	}
	r->end(r, code, message, p, n);
	buf_finish(&in);
}

static void flush(void *arg);

static void schedule(struct etcd_conn *c)
{
	if (c->state == OPEN && !c->blocked)
		loop_defer(c->loop, &c->flush, flush, c);
}

void etcd_rpc_cancel(struct etcd_rpc *r)
{
	struct etcd_conn *c = r->conn;

	if (!c)
		return;
	if (c->session) {
		nghttp2_session_set_stream_user_data(c->session, r->stream_id, NULL);
		nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, r->stream_id, NGHTTP2_CANCEL);
		schedule(c);
	}
	forget(r);
	buf_finish(&r->in);
}

static ssize_t next_data(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t n,
	uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct etcd_rpc *r = nghttp2_session_get_stream_user_data(session, stream_id);
	size_t left = r ? r->out.len - r->out_at : 0;

	if (!r)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (!left) {
		r->waiting = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > left)
		n = left;
	memcpy(buf, r->out.p + r->out_at, n);
	r->out_at += n;
	if (n == left) {
		buf_finish(&r->out);
		r->out_at = 0;
		if (!r->open)
			*flags |= NGHTTP2_DATA_FLAG_EOF;
	}
	return (ssize_t)n;
}

#define NV(n_, v_) \
	(nghttp2_nv){ (uint8_t *)(uintptr_t)(n_), (uint8_t *)(uintptr_t)(v_), sizeof(n_) - 1, strlen(v_), NGHTTP2_NV_FLAG_NONE }

int etcd_rpc_start(struct etcd_conn *c, struct etcd_rpc *r, const char *path, const char *token,
	int64_t timeout_ms, struct buf *msg)
{
	nghttp2_data_provider data = { .read_callback = next_data };
	char timeout[24];
	nghttp2_nv nv[10];
	size_t n = 0;

	assert(c->state == OPEN);
	buf_finish(&r->out);
	buf_finish(&r->in);
	r->out_at = 0;
	r->sent = r->waiting = false;
	r->open = r->msg != NULL;
	r->code = ETCD_LOST;
	*r->message = 0;
	etcd_frame_make(&r->out, msg);
	if (r->out.failed)
		return -ERR_NOMEM;
	/* Digits up to eight. */
	snprintf(timeout, sizeof(timeout), "%lldm", (long long)timeout_ms);
	nv[n++] = NV(":method", "POST");
	nv[n++] = NV(":scheme", c->ssl ? "https" : "http");
	nv[n++] = NV(":path", path);
	nv[n++] = NV(":authority", c->host);
	nv[n++] = NV("te", "trailers");
	nv[n++] = NV("content-type", "application/grpc");
	/* A member that is cut off from the others shall say so, not wait. Source: etcd
	 * api/v3rpc/rpctypes/metadatafields.go */
	nv[n++] = NV("hasleader", "true");
	if (timeout_ms)
		nv[n++] = NV("grpc-timeout", timeout);
	if (*token)
		nv[n++] = NV("token", token);
	r->stream_id = nghttp2_submit_request(c->session, NULL, nv, n, &data, r);
	if (r->stream_id < 0) {
		buf_finish(&r->out);
		/* Two thousand million calls are enough for one connection. */
		if (r->stream_id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE)
			etcd_conn_fail(c, "its streams are used up");
		return -ERR_NOMEM;
	}
	r->conn = c;
	list_add_tail(&c->rpcs, &r->node);
	if (!r->msg && !c->unary++ && !c->pinging)
		loop_timer_set(&c->timer, WAIT_MS);
	schedule(c);
	return 0;
}

/* ---- what the member sends ---- */

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct etcd_rpc *r;

	if (frame->hd.type == NGHTTP2_HEADERS &&
	    (r = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id)))
		r->sent = true;
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *arg)
{
	struct etcd_rpc *r = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	((struct etcd_conn *)arg)->answered = true;
	if (!r)
		return 0;
	if (name_n == 11 && !memcmp(name, "grpc-status", 11)) {
		r->code = atoi((const char *)value);      /* nghttp2 ends it with a NUL */
	} else if (name_n == 12 && !memcmp(name, "grpc-message", 12)) {
		snprintf(r->message, sizeof(r->message), "%.*s", (int)(value_n < 255 ? value_n : 255), value);
		text_urldecode(r->message, false);
	} else if (name_n == 7 && !memcmp(name, ":status", 7) && (value_n != 3 || memcmp(value, "200", 3))) {
		snprintf(r->message, sizeof(r->message), "it answers with HTTP status %.3s: no etcd", value);
	}
	return 0;
}

static void fail_rpc(struct etcd_rpc *r, int code)
{
	char message[sizeof(r->message)] = "";
	struct etcd_conn *c = r->conn;

	nghttp2_session_set_stream_user_data(c->session, r->stream_id, NULL);
	nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, r->stream_id, NGHTTP2_CANCEL);
	schedule(c);
	snprintf(message, sizeof(message), code == ETCD_OVER ? "an answer above %u bytes" : "an answer that is no gRPC",
		ETCD_MESSAGE_MAX);
	end(r, code, message);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *p, size_t n, void *arg)
{
	struct etcd_rpc *r = nghttp2_session_get_stream_user_data(session, stream_id);
	size_t at = 0, msg_n, used;
	const char *msg;
	int got;

	((struct etcd_conn *)arg)->answered = true;
	if (!r)
		return 0;
	buf_add(&r->in, p, n);
	if (r->in.failed)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	while ((got = etcd_frame(r->in.p + at, r->in.len - at, &msg, &msg_n, &used)) == 1 && r->msg) {
		struct etcd_conn *c = r->conn;

		at += used;
		r->msg(r, msg, msg_n);
		/* Canceled: its bytes are gone. */
		if (nghttp2_session_get_stream_user_data(session, stream_id) != r || r->conn != c)
			return 0;
	}
	buf_consume(&r->in, at);
	if (got < 0 || (!r->msg && r->in.len > ETCD_MESSAGE_MAX + 5))
		fail_rpc(r, got == -ERR_CORRUPT ? ETCD_LOST : ETCD_OVER);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error, void *arg)
{
	struct etcd_rpc *r = nghttp2_session_get_stream_user_data(session, stream_id);

	if (!r)
		return 0;
	nghttp2_session_set_stream_user_data(session, stream_id, NULL);
	if (error == NGHTTP2_REFUSED_STREAM)   /* RFC 9113, 8.7: nothing was done */
		r->sent = false;
	if (r->code < 0 && !*r->message)
		snprintf(r->message, sizeof(r->message), "the stream ended: %s", nghttp2_http2_strerror(error));
	end(r, r->code, r->message);
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct etcd_conn *c = arg;

	if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK)
		c->pinging = false;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		etcd_conn_fail(c, "the member closes it");
	return 0;
}

static nghttp2_session_callbacks *callbacks;   /* made once and kept */

static bool prepare(void)
{
	if (callbacks)
		return true;
	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return false;
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	return true;
}

/* ---- the socket ---- */

static void buried(void *arg)
{
	struct etcd_conn *c = arg;

	while (!list_empty(&c->rpcs))
		end(list_entry(c->rpcs.next, struct etcd_rpc, node), ETCD_LOST, c->why);
	c->ev->down(c->arg, c->why);
}

void etcd_conn_fail(struct etcd_conn *c, const char *why)
{
	if (c->state == DEAD)
		return;
	c->state = DEAD;
	snprintf(c->why, sizeof(c->why), "%s", why);
	loop_timer_stop(&c->timer);
	loop_defer_cancel(c->loop, &c->flush);
	loop_fd_del(c->watch);
	c->watch = NULL;
	loop_defer(c->loop, &c->bury, buried, c);
}

static void fail_errno(struct etcd_conn *c, const char *what)
{
	char text[128], why[200];

	snprintf(why, sizeof(why), "%s: %s", what, strerror_r(errno, text, sizeof(text)));
	etcd_conn_fail(c, why);
}

static void fail_tls(struct etcd_conn *c)
{
	long verify = c->ssl ? SSL_get_verify_result(c->ssl) : X509_V_OK;
	unsigned long e = ERR_peek_last_error();
	char why[200];

	if (verify == X509_V_OK && !e)
		snprintf(why, sizeof(why), "the member closed it");
	else
		snprintf(why, sizeof(why), "TLS: %s", verify != X509_V_OK ? X509_verify_cert_error_string(verify) :
			ERR_reason_error_string(e));
	ERR_clear_error();
	etcd_conn_fail(c, why);
}

/* Bytes written or read, 0: not now, -1: it failed. */
static ssize_t put_bytes(struct etcd_conn *c, const char *p, size_t n)
{
	ssize_t r;

	if (c->ssl) {
		ERR_clear_error();
		r = SSL_write(c->ssl, p, (int)n);
		if (r > 0)
			return r;
		if (SSL_get_error(c->ssl, (int)r) == SSL_ERROR_WANT_WRITE || SSL_get_error(c->ssl, (int)r) == SSL_ERROR_WANT_READ)
			return 0;
		fail_tls(c);
		return -1;
	}
	r = send(c->fd, p, n, MSG_NOSIGNAL);
	if (r > 0)
		return r;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	fail_errno(c, "write");
	return -1;
}

static ssize_t get_bytes(struct etcd_conn *c, char *p, size_t n)
{
	ssize_t r;

	if (c->ssl) {
		ERR_clear_error();
		r = SSL_read(c->ssl, p, (int)n);
		if (r > 0)
			return r;
		if (SSL_get_error(c->ssl, (int)r) == SSL_ERROR_WANT_READ || SSL_get_error(c->ssl, (int)r) == SSL_ERROR_WANT_WRITE)
			return 0;
		fail_tls(c);
		return -1;
	}
	r = recv(c->fd, p, n, 0);
	if (r > 0)
		return r;
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (r == 0)
		etcd_conn_fail(c, "the member closed it");
	else
		fail_errno(c, "read");
	return -1;
}

static bool refill(struct etcd_conn *c)
{
	buf_clear(&c->out);
	c->out_at = 0;
	while (c->out.len < OUT_BYTES) {
		const uint8_t *p;
		ssize_t n;

		c->in_session = true;
		n = nghttp2_session_mem_send(c->session, &p);
		c->in_session = false;
		if (n < 0)
			etcd_conn_fail(c, nghttp2_strerror((int)n));
		if (n <= 0)
			break;
		buf_add(&c->out, p, (size_t)n);
	}
	if (c->out.failed)
		etcd_conn_fail(c, "out of memory");
	return c->state == OPEN && c->out.len;
}

static void flush(void *arg)
{
	struct etcd_conn *c = arg;

	while (c->state == OPEN && (c->out_at < c->out.len || refill(c))) {
		ssize_t n = put_bytes(c, c->out.p + c->out_at, c->out.len - c->out_at);

		if (n < 0)
			return;
		c->out_at += (size_t)n;
		if (!n) {
			c->blocked = true;
			loop_fd_set(c->watch, EPOLLIN | EPOLLOUT);
			return;
		}
	}
	if (c->state == OPEN && c->blocked) {
		c->blocked = false;
		loop_fd_set(c->watch, EPOLLIN);
	}
}

static void read_all(struct etcd_conn *c)
{
	char p[IN_BYTES];

	for (int i = 0; i < READS_MAX && c->state == OPEN; i++) {
		ssize_t n = get_bytes(c, p, sizeof(p)), used;

		if (n <= 0)
			break;
		c->heard_ms = loop_now_ms(c->loop);
		c->in_session = true;
		used = nghttp2_session_mem_recv(c->session, (const uint8_t *)p, (size_t)n);
		c->in_session = false;
		if (used < 0)
			etcd_conn_fail(c, nghttp2_strerror((int)used));
		if (!c->ssl && n < (ssize_t)sizeof(p))
			break;
	}
	/* What TLS has read already, epoll does not see. */
	if (c->state == OPEN && nghttp2_session_want_write(c->session))
		flush(c);
}

static void opened(struct etcd_conn *c)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
	};

	if (!prepare() || nghttp2_session_client_new(&c->session, callbacks, c) != 0 ||
	    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 2) != 0 ||
	    nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW) != 0) {
		etcd_conn_fail(c, "out of memory");
		return;
	}
	c->state = OPEN;
	c->heard_ms = loop_now_ms(c->loop);
	loop_fd_set(c->watch, EPOLLIN);
	loop_timer_set(&c->timer, PING_MS);
	schedule(c);
	c->ev->up(c->arg);
}

static void handshake(struct etcd_conn *c)
{
	int r;

	ERR_clear_error();
	r = SSL_connect(c->ssl);
	if (r == 1) {
		const unsigned char *p = NULL;
		unsigned n = 0;

		SSL_get0_alpn_selected(c->ssl, &p, &n);
		if (n == 2 && !memcmp(p, "h2", 2))
			opened(c);
		else
			etcd_conn_fail(c, "TLS: it does not speak HTTP/2");
		return;
	}
	r = SSL_get_error(c->ssl, r);
	if (r == SSL_ERROR_WANT_READ || r == SSL_ERROR_WANT_WRITE)
		loop_fd_set(c->watch, r == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
	else
		fail_tls(c);
}

static void connected(struct etcd_conn *c)
{
	socklen_t n = sizeof(errno);
	int e = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0 || (errno = e)) {
		fail_errno(c, "connect");
		return;
	}
	if (!c->ssl) {
		opened(c);
		return;
	}
	c->state = HANDSHAKE;
	handshake(c);
}

static void ready(void *arg, uint32_t events)
{
	struct etcd_conn *c = arg;

	switch (c->state) {
	case CONNECTING:
		connected(c);
		break;
	case HANDSHAKE:
		handshake(c);
		break;
	case OPEN:
		if (events & EPOLLOUT)
			flush(c);
		if (c->state == OPEN && events & ~(uint32_t)EPOLLOUT)
			read_all(c);
		break;
	case DEAD:
		break;
	}
}

/* A silent member is asked whether it lives: soon when calls wait for it, else now and then. */
static void tick(void *arg)
{
	struct etcd_conn *c = arg;
	int64_t now = loop_now_ms(c->loop), due;

	if (c->state != OPEN) {
		etcd_conn_fail(c, c->state == CONNECTING ? "connect: no answer" : "TLS: no answer");
		return;
	}
	if (c->pinging && now >= c->pinged_ms + PONG_MS && c->heard_ms < c->pinged_ms) {
		etcd_conn_fail(c, "the member does not answer any more");
		return;
	}
	due = c->heard_ms + (c->unary ? WAIT_MS : PING_MS);
	if (!c->answered && due < c->pinged_ms + PING_MS)
		due = c->pinged_ms + PING_MS;
	if (c->pinging && c->heard_ms < c->pinged_ms) {
		due = c->pinged_ms + PONG_MS;
	} else if (now >= due) {
		nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
		c->pinged_ms = now;
		c->pinging = true;
		c->answered = false;
		schedule(c);
		due = now + PONG_MS;
	}
	loop_timer_set(&c->timer, due - now);
}

/* ---- open and close ---- */

static int open_socket(struct etcd_conn *c, const struct sockaddr *sa, socklen_t n)
{
	int on = 1, idle = KEEPALIVE_S, interval = 1, count = 3, dead = ETCD_DEAD_MS;

	c->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead, sizeof(dead));
	return connect(c->fd, sa, n) < 0 && errno != EINPROGRESS ? -1 : 0;
}

static bool open_tls(struct etcd_conn *c, SSL_CTX *tls)
{
	struct in6_addr ip;
	char name[256], *colon;

	c->ssl = SSL_new(tls);
	if (!c->ssl)
		return false;
	snprintf(name, sizeof(name), "%s", c->host + (*c->host == '['));
	colon = *c->host == '[' ? strchr(name, ']') : strrchr(name, ':');
	if (colon)
		*colon = 0;
	if (inet_pton(AF_INET, name, &ip) == 1 || inet_pton(AF_INET6, name, &ip) == 1) {
		if (!X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl), name))
			return false;
	} else if (!SSL_set1_host(c->ssl, name) || !SSL_set_tlsext_host_name(c->ssl, name)) {
		return false;
	}
	/* The wire's list of names, each with its length before it. */
	SSL_set_alpn_protos(c->ssl, (const unsigned char *)"\x02h2", 3);
	SSL_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
	return SSL_set_fd(c->ssl, c->fd) == 1;
}

int etcd_conn_open(struct etcd_conn **ret, struct loop *l, const struct sockaddr *sa, socklen_t sa_len,
	const char *host, SSL_CTX *tls, const struct etcd_conn_events *ev, void *arg)
{
	struct etcd_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return -ERR_NOMEM;
	c->loop = l;
	c->ev = ev;
	c->arg = arg;
	list_init(&c->rpcs);
	snprintf(c->host, sizeof(c->host), "%s", host);
	loop_timer_init(&c->timer, l, tick, c);
	loop_timer_set(&c->timer, ETCD_CONNECT_MS);
	c->pinged_ms = loop_now_ms(l) - PING_MS;
	*ret = c;
	if (open_socket(c, sa, sa_len) < 0)
		fail_errno(c, "connect");
	else if ((tls && !open_tls(c, tls)) || !(c->watch = loop_fd_add(l, c->fd, EPOLLOUT, ready, c)))
		etcd_conn_fail(c, "out of memory");
	return 0;
}

bool etcd_conn_is_open(const struct etcd_conn *c) { return c->state == OPEN; }

void etcd_conn_close(struct etcd_conn *c)
{
	if (!c)
		return;
	assert(!c->in_session);
	snprintf(c->why, sizeof(c->why), "closed");
	c->state = DEAD;
	while (!list_empty(&c->rpcs))
		end(list_entry(c->rpcs.next, struct etcd_rpc, node), ETCD_LOST, c->why);
	loop_timer_stop(&c->timer);
	loop_defer_cancel(c->loop, &c->flush);
	loop_defer_cancel(c->loop, &c->bury);
	loop_fd_del(c->watch);
	nghttp2_session_del(c->session);
	SSL_free(c->ssl);
	if (c->fd >= 0)
		close(c->fd);
	buf_finish(&c->out);
	free(c);
}
