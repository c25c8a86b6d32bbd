/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tunnel - an outgoing connection on the loop.
 *
 *   connecting -> (shaking hands ->) open -> closed
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/call.h"
#include "api/tunnel.h"
#include "base/text.h"

#define CONNECT_MS 10000
#define CHUNK      (16u << 10)
#define READS_MAX  8           /* chunks taken in one turn */
#define LOW_WATER  (64u << 10)

struct tunnel_tls { SSL_CTX *ctx; char *ca_pem; };

enum state { CONNECTING, SHAKING, OPEN, DEAD };

struct tunnel {
	struct loop *loop;
	struct loop_fd *watch;
	struct loop_timer timer;
	struct loop_task task;         /* reports a death from outside of its caller */
	int fd;
	SSL *ssl;
	enum state state;
	struct buf out;
	bool paused, want_write, finishing, finished;
	bool busy, ended;              /* a callback runs; it ended the tunnel */
	char host[64], name[254], why[256];
	const char *told;              /* reason for closed: why, or NULL */
	struct tunnel_ops ops;
	void *arg;
};

/* ---- certificates ---- */

static X509 *read_cert(BIO *b)
{
	return PEM_read_bio_X509(b, NULL, NULL, NULL);
}

static int trust(SSL_CTX *ctx, const char *pem)
{
	BIO *b = BIO_new_mem_buf(pem, -1);
	X509 *x;
	int n = 0;

	while (b && (x = read_cert(b))) {
		n += X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x) == 1;
		X509_free(x);
	}
	BIO_free(b);
	ERR_clear_error();
	return n ? 0 : -ERR_BAD_REQUEST;
}

static int present(SSL_CTX *ctx, const char *cert_pem, const char *key_pem)
{
	BIO *cb = BIO_new_mem_buf(cert_pem, -1), *kb = BIO_new_mem_buf(key_pem, -1);
	X509 *x = cb ? read_cert(cb) : NULL;
	EVP_PKEY *key = kb ? PEM_read_bio_PrivateKey(kb, NULL, NULL, NULL) : NULL;
	bool ok = x && key && SSL_CTX_use_certificate(ctx, x) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1;

	X509_free(x);
	EVP_PKEY_free(key);
	BIO_free(cb);
	BIO_free(kb);
	ERR_clear_error();
	return ok ? 0 : -ERR_BAD_REQUEST;
}

static int new_context(SSL_CTX **ret, const char *ca_pem, const char *cert_pem, const char *key_pem,
	struct err *reterr)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int rc = 0;

	if (!ctx)
		return err_set(reterr, ERR_NOMEM, "opening TLS towards agents: out of memory");
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
		SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (ca_pem && trust(ctx, ca_pem))
		rc = err_set(reterr, ERR_BAD_REQUEST, "the agents' CA certificate cannot be read");
	else if (cert_pem && key_pem && present(ctx, cert_pem, key_pem))
		rc = err_set(reterr, ERR_BAD_REQUEST, "the certificate towards agents cannot be read");
	if (rc)
		SSL_CTX_free(ctx);
	else
		*ret = ctx;
	return rc;
}

int tunnel_open(struct tunnel_tls **ret, const struct api_config *cfg, struct err *reterr)
{
	struct tunnel_tls *t = calloc(1, sizeof(*t));
	int rc;

	if (!t || (cfg->agent_ca_pem && !(t->ca_pem = strdup(cfg->agent_ca_pem)))) {
		tunnel_close(t);
		return err_set(reterr, ERR_NOMEM, "opening TLS towards agents: out of memory");
	}
	rc = new_context(&t->ctx, t->ca_pem, cfg->proxy_cert_pem, cfg->proxy_key_pem, reterr);
	if (rc)
		tunnel_close(t);
	else
		*ret = t;
	return rc;
}

int tunnel_set_cert(struct tunnel_tls *t, const char *cert_pem, const char *key_pem, struct err *reterr)
{
	SSL_CTX *ctx;
	int rc = new_context(&ctx, t->ca_pem, cert_pem, key_pem, reterr);

	if (rc)
		return rc;
	SSL_CTX_free(t->ctx);  /* connections hold their own reference */
	t->ctx = ctx;
	return 0;
}

void tunnel_close(struct tunnel_tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->ctx);
	free(t->ca_pem);
	free(t);
}

/* ---- life ---- */

static void release(struct tunnel *t)
{
	loop_fd_del(t->watch);
	t->watch = NULL;
	loop_timer_stop(&t->timer);
	SSL_free(t->ssl);
	t->ssl = NULL;
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	buf_finish(&t->out);
	t->state = DEAD;
}

static void report(void *arg)
{
	struct tunnel *t = arg;
	void (*closed)(void *, const char *) = t->ops.closed;
	void *who = t->arg;
	char why[256];
	const char *told = NULL;

	if (t->told) {
		memcpy(why, t->why, sizeof(why));
		told = why;
	}
	free(t);
	closed(who, told);
}

static void die(struct tunnel *t, const char *why)
{
	if (t->state == DEAD)
		return;
	if (why) {
		snprintf(t->why, sizeof(t->why), "%s", why);
		t->told = t->why;
	}
	release(t);
	loop_defer(t->loop, &t->task, report, t);
}

void tunnel_end(struct tunnel *t)
{
	if (!t)
		return;
	loop_defer_cancel(t->loop, &t->task);
	if (t->state != DEAD)
		release(t);
	if (t->busy)
		t->ended = true;
	else
		free(t);
}

static void arm(struct tunnel *t)
{
	uint32_t events = 0;

	if (t->state == DEAD)
		return;
	if (t->state == CONNECTING || t->want_write || (t->state == OPEN && (t->out.len || (t->finishing && !t->finished))))
		events |= EPOLLOUT;
	if (t->state == SHAKING || (t->state == OPEN && !t->paused))
		events |= EPOLLIN;
	loop_fd_set(t->watch, events);
}

static void tls_death(struct tunnel *t, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	char text[200];

	snprintf(text, sizeof(text), "%s: %s", what, e ? ERR_reason_error_string(e) : errno ? strerror(errno) : "closed");
	ERR_clear_error();
	die(t, text);
}

/* ---- moving bytes ---- */

static void flush(struct tunnel *t)
{
	bool had = t->out.len > LOW_WATER;

	while (t->state == OPEN && t->out.len) {
		ssize_t n;

		t->want_write = false;
		if (t->ssl) {
			errno = 0;
			n = SSL_write(t->ssl, t->out.p, t->out.len > CHUNK ? (int)CHUNK : (int)t->out.len);
			if (n <= 0) {
				int e = SSL_get_error(t->ssl, (int)n);

				if (e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ)
					break;
				tls_death(t, "sending");
				return;
			}
		} else {
			n = send(t->fd, t->out.p, t->out.len, MSG_NOSIGNAL);
			if (n < 0) {
				if (errno == EAGAIN || errno == EINTR)
					break;
				die(t, strerror(errno));
				return;
			}
		}
		buf_consume(&t->out, (size_t)n);
	}
	if (t->state == OPEN && !t->out.len && t->finishing && !t->finished) {
		t->finished = true;
		if (t->ssl)
			SSL_shutdown(t->ssl);
		else
			shutdown(t->fd, SHUT_WR);
	}
	if (t->state == OPEN && t->out.len <= LOW_WATER && had && t->ops.drained)
		t->ops.drained(t->arg);
}

static void receive(struct tunnel *t)
{
	char chunk[CHUNK];

	for (int i = 0; i < READS_MAX && t->state == OPEN && !t->paused; i++) {
		ssize_t n;

		if (t->ssl) {
			errno = 0;
			n = SSL_read(t->ssl, chunk, sizeof(chunk));
			if (n <= 0) {
				int e = SSL_get_error(t->ssl, (int)n);

				if (e == SSL_ERROR_WANT_READ)
					return;
				if (e == SSL_ERROR_WANT_WRITE) {
					t->want_write = true;
					return;
				}
				if (e == SSL_ERROR_ZERO_RETURN || (e == SSL_ERROR_SYSCALL && !errno))
					die(t, NULL);
				else
					tls_death(t, "receiving");
				return;
			}
		} else {
			n = recv(t->fd, chunk, sizeof(chunk), 0);
			if (n < 0 && (errno == EAGAIN || errno == EINTR))
				return;
			if (n <= 0) {
				die(t, n < 0 ? strerror(errno) : NULL);
				return;
			}
		}
		t->ops.data(t->arg, chunk, (size_t)n);
	}
}

/* The chain is checked by OpenSSL; here whose certificate it is. */
static bool right_peer(struct tunnel *t)
{
	X509 *x = SSL_get1_peer_certificate(t->ssl);
	bool ok = x && (X509_check_ip_asc(x, t->host, 0) == 1 ||
		(*t->name && X509_check_host(x, t->name, 0, 0, NULL) == 1));

	X509_free(x);
	return ok;
}

static void opened(struct tunnel *t)
{
	t->state = OPEN;
	loop_timer_stop(&t->timer);
	t->ops.open(t->arg);
}

static void shake(struct tunnel *t)
{
	int n, e;

	errno = 0;
	n = SSL_connect(t->ssl);
	t->want_write = false;
	if (n == 1) {
		if (right_peer(t))
			opened(t);
		else
			die(t, "the peer's certificate names another host");
		return;
	}
	e = SSL_get_error(t->ssl, n);
	t->want_write = e == SSL_ERROR_WANT_WRITE;
	if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
		tls_death(t, "TLS");
}

static void connected(struct tunnel *t)
{
	int error = 0;
	socklen_t n = sizeof(error);

	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &n) || error) {
		die(t, strerror(error ? error : errno));
		return;
	}
	if (!t->ssl) {
		opened(t);
		return;
	}
	t->state = SHAKING;
	shake(t);
}

static void on_event(void *arg, uint32_t events)
{
	struct tunnel *t = arg;

	t->busy = true;
	if (t->state == CONNECTING)
		connected(t);
	else if (t->state == SHAKING)
		shake(t);
	if (t->state == OPEN)
		flush(t);
	if (t->state == OPEN && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		receive(t);
	t->busy = false;
	if (t->ended)
		free(t);
	else
		arm(t);
}

static void on_timeout(void *arg)
{
	die(arg, "timed out");
}

static int address(const char *host, unsigned port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	uint8_t addr[16];
	int family;

	if (text_parse_ip(host, &family, addr) || !port || port > 65535)
		return -ERR_BAD_REQUEST;
	memset(ret, 0, sizeof(*ret));
	if (family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		memcpy(&v4->sin_addr, addr, 4);
		*ret_len = sizeof(*v4);
	} else {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		memcpy(&v6->sin6_addr, addr, 16);
		*ret_len = sizeof(*v6);
	}
	return 0;
}

int tunnel_connect(struct tunnel **ret, struct loop *l, struct tunnel_tls *tls, const char *host,
	unsigned port, const char *name, const struct tunnel_ops *ops, void *arg, struct err *reterr)
{
	struct sockaddr_storage to;
	socklen_t len;
	struct tunnel *t;
	int one = 1;

	if (address(host, port, &to, &len))
		return err_set(reterr, ERR_BAD_REQUEST, "\"%s\" port %u is no address to connect to", host, port);
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	t->loop = l;
	t->ops = *ops;
	t->arg = arg;
	snprintf(t->host, sizeof(t->host), "%s", host);
	snprintf(t->name, sizeof(t->name), "%s", name ? name : "");
	t->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd < 0 || (connect(t->fd, (struct sockaddr *)&to, len) && errno != EINPROGRESS)) {
		err_errno(reterr, "connecting to %s port %u", host, port);
		goto failed;
	}
	setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (tls) {
		t->ssl = SSL_new(tls->ctx);
		if (!t->ssl || SSL_set_fd(t->ssl, t->fd) != 1 ||
		    (*t->name && SSL_set_tlsext_host_name(t->ssl, t->name) != 1)) {
			err_set(reterr, ERR_NOMEM, "out of memory");
			goto failed;
		}
	}
	loop_timer_init(&t->timer, l, on_timeout, t);
	t->watch = loop_fd_add(l, t->fd, EPOLLOUT, on_event, t);
	if (!t->watch) {
		err_set(reterr, ERR_NOMEM, "out of memory");
		goto failed;
	}
	loop_timer_set(&t->timer, CONNECT_MS);
	*ret = t;
	return 0;
failed:
	SSL_free(t->ssl);
	if (t->fd >= 0)
		close(t->fd);
	free(t);
	return -ERR_IO;
}

void tunnel_write(struct tunnel *t, const void *p, size_t n)
{
	if (t->state == DEAD)
		return;
	buf_add(&t->out, p, n);
	if (t->out.failed)
		die(t, "out of memory");
	arm(t);
}

size_t tunnel_pending(const struct tunnel *t)
{
	return t->out.len;
}

void tunnel_pause(struct tunnel *t, bool paused)
{
	t->paused = paused;
	arm(t);
}

void tunnel_finish(struct tunnel *t)
{
	t->finishing = true;
	arm(t);
}
