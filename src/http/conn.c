/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn - one socket: handshake, bytes in to the protocol, bytes out from it, the
 * time limit, the end. See http_priv.h for the picture.
 *
 * A connection that is idle holds no buffer: both directions go through the
 * server's two shared ones, and only what the kernel would not take stays in `out`.
 */
#define LOG_MODULE "http"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/log.h"
#include "http/http_priv.h"

#define READ_BUDGET   (64u << 10)    /* per turn, then others have theirs */
#define WRITE_BUDGET  (256u << 10)
#define LINGER_BYTES  (4u << 20)
#define SETTLE_ROUNDS 64
#define OUT_KEEP      4096u
#define SHORT_BYTES   8192

static const struct http_proto linger_proto;

static int64_t now_ms(const struct http_conn *c) { return loop_now_ms(c->s->loop); }

/* ---- the socket ---- */

enum { IO_AGAIN = -1, IO_FAILED = -2 };

static ssize_t read_some(struct http_conn *c, uint8_t *p, size_t n)
{
	size_t got;
	ssize_t rc;

	if (!c->ssl) {
		do
			rc = recv(c->fd, p, n, 0);
		while (rc < 0 && errno == EINTR);
		return rc >= 0 ? rc : errno == EAGAIN ? IO_AGAIN : IO_FAILED;
	}
	ERR_clear_error();
	if (SSL_read_ex(c->ssl, p, n, &got))
		return (ssize_t)got;
	switch (SSL_get_error(c->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		return IO_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		c->read_needs_write = true;
		return IO_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		return IO_FAILED;
	}
}

/* All of p, or as much as the kernel takes. */
static ssize_t write_some(struct http_conn *c, const uint8_t *p, size_t n)
{
	size_t sent = 0;

	while (sent < n) {
		size_t w = 0;

		if (!c->ssl) {
			ssize_t rc = send(c->fd, p + sent, n - sent, MSG_NOSIGNAL);

			if (rc < 0 && errno == EINTR)
				continue;
			if (rc < 0)
				return errno == EAGAIN ? (ssize_t)sent : IO_FAILED;
			w = (size_t)rc;
		} else {
			ERR_clear_error();
			if (!SSL_write_ex(c->ssl, p + sent, n - sent, &w)) {
				int e = SSL_get_error(c->ssl, 0);

				if (e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ)
					return (ssize_t)sent;
				return IO_FAILED;
			}
		}
		sent += w;
		c->sent_ms = now_ms(c);
	}
	return (ssize_t)sent;
}

static void say_goodbye(struct http_conn *c)
{
	if (c->ssl && !c->handshaking) {
		ERR_clear_error();
		SSL_shutdown(c->ssl);
	}
	shutdown(c->fd, SHUT_WR);
}

/* ---- time ---- */

static int64_t deadline(struct http_conn *c)
{
	if (c->dead)
		return 0;
	if (c->closing)
		return c->sent_ms + HTTP_IDLE_MS;
	if (!c->proto)
		return c->last_ms + HTTP_IDLE_MS;
	return c->proto->deadline(c);
}

static void arm(struct http_conn *c)
{
	int64_t at;

	/* A timer that fires too early asks again; it is moved only to the front, and what
	 * was going on when it was set has been asked for its time. */
	if (loop_timer_is_set(&c->timer) && !c->fresh && c->timer.at_ms <= now_ms(c) + HTTP_STALL_MS)
		return;
	c->fresh = false;
	at = deadline(c);
	if (at && (!loop_timer_is_set(&c->timer) || c->timer.at_ms > at))
		loop_timer_set(&c->timer, at - now_ms(c));
}

static void timer_fired(void *arg)
{
	struct http_conn *c = arg;

	c->fresh = true;
	int64_t at = deadline(c);

	if (at && at <= now_ms(c)) {
		if (c->proto && !c->closing)
			c->proto->timeout(c);
		else
			http_conn_kill(c);
		http_conn_schedule(c);
	}
	arm(c);
}

/* ---- in ---- */

static bool want_read(struct http_conn *c)
{
	return !c->dead && !c->eof && !c->closing && (!c->proto || c->proto->want_read(c));
}

static void update_interest(struct http_conn *c)
{
	uint32_t ev = 0;

	if (want_read(c))
		ev |= EPOLLIN;
	if (c->write_blocked || c->read_needs_write)
		ev |= EPOLLOUT;
	loop_fd_set(c->watch, ev);
}

static void choose_plain(struct http_conn *c, const uint8_t *p, size_t n)
{
	c->proto = n >= 3 && memcmp(p, "PRI", 3) == 0 ? &http_h2 : &http_h1;
}

/* A person opened https' port with http. */
static void answer_plain_text(struct http_conn *c)
{
	static const char text[] = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n"
		"Connection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

	SSL_free(c->ssl);
	c->ssl = NULL;
	c->handshaking = false;
	buf_add(&c->out, text, sizeof(text) - 1);
	http_conn_finish(c);
}

static void shake(struct http_conn *c)
{
	int rc, e;

	ERR_clear_error();
	c->write_blocked = false;
	rc = SSL_do_handshake(c->ssl);
	if (rc == 1) {
		c->handshaking = false;
		c->last_ms = now_ms(c);
		http_tls_peer(c->ssl, &c->peer);
		c->proto = http_tls_chose_h2(c->ssl) ? &http_h2 : &http_h1;
		c->read_again = true;   /* a request may have come with the last flight */
		return;
	}
	e = SSL_get_error(c->ssl, rc);
	if (e == SSL_ERROR_WANT_READ)
		return;
	if (e == SSL_ERROR_WANT_WRITE) {
		c->write_blocked = true;
		return;
	}
	if (e == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) {
		answer_plain_text(c);
		return;
	}
	if (e == SSL_ERROR_SSL)
		log_debug("TLS handshake with %s: %s", c->peer.addr,
			ERR_reason_error_string(ERR_peek_error()));
	http_conn_kill(c);
}

static void read_all(struct http_conn *c)
{
	size_t budget = READ_BUDGET;

	c->read_again = c->stalled = c->read_needs_write = false;
	while (want_read(c)) {
		ssize_t n = read_some(c, c->s->in, HTTP_IO_BYTES);

		if (n == IO_AGAIN)
			return;
		if (n == IO_FAILED) {
			http_conn_kill(c);
			return;
		}
		if (n == 0) {
			c->eof = true;
			if (c->proto)
				c->proto->eof(c);
			else
				http_conn_kill(c);
			return;
		}
		c->last_ms = now_ms(c);
		if (!c->proto)
			choose_plain(c, c->s->in, (size_t)n);
		if (!c->proto->feed(c, c->s->in, (size_t)n)) {
			http_conn_kill(c);
			return;
		}
		if ((size_t)n >= budget) {
			c->read_again = true;
			return;
		}
		budget -= (size_t)n;
		/* A short record is mostly the last one; the next turn tells of what else there is. */
		if (c->ssl && n < SHORT_BYTES && !SSL_has_pending(c->ssl))
			return;
	}
	/* Input was paused: TLS may hold bytes that no event will tell of. */
	c->stalled = c->ssl && SSL_has_pending(c->ssl);
}

/* ---- out ---- */

static void keep_unsent(struct http_conn *c, const uint8_t *p, size_t n)
{
	buf_add(&c->out, p, n);
	if (c->out.failed)
		http_conn_kill(c);
	c->write_blocked = true;
}

static bool send_out(struct http_conn *c)
{
	ssize_t n;

	if (!http_conn_unsent(c))
		return true;
	n = write_some(c, (uint8_t *)c->out.p + c->out_off, http_conn_unsent(c));
	if (n < 0) {
		http_conn_kill(c);
		return false;
	}
	c->out_off += (size_t)n;
	if (http_conn_unsent(c)) {
		c->write_blocked = true;
		return false;
	}
	c->out_off = 0;
	if (c->out.cap > OUT_KEEP)
		buf_finish(&c->out);
	else
		buf_clear(&c->out);
	return true;
}

/* False: nothing more may be done now (blocked, dead, budget used up). */
static bool flush(struct http_conn *c, size_t *budget)
{
	while (!c->dead && !c->write_blocked) {
		size_t n;
		ssize_t sent;

		/* A small head (h1) travels in one piece with what follows it. */
		if (http_conn_unsent(c) > HTTP_IO_BYTES / 4 || !c->proto) {
			if (!send_out(c))
				return false;
			if (!c->proto)
				return true;
		}
		size_t had = http_conn_unsent(c);

		n = c->proto->fill(c, c->s->fill + had, HTTP_IO_BYTES - had);
		if (had && c->out.p) {
			memcpy(c->s->fill, c->out.p + c->out_off, had);
			c->out_off = 0;
			buf_clear(&c->out);
		}
		n += had;
		if (!n)
			return true;
		sent = write_some(c, c->s->fill, n);
		if (sent < 0) {
			http_conn_kill(c);
			return false;
		}
		if ((size_t)sent < n)
			keep_unsent(c, c->s->fill + sent, n - (size_t)sent);
		if (n >= *budget) {
			http_conn_schedule(c);
			return false;
		}
		*budget -= n;
	}
	return false;
}

static void finish_now(struct http_conn *c)
{
	say_goodbye(c);
	if (c->proto)
		c->proto->close(c);
	c->proto = &linger_proto;
	c->lingering = c->fresh = true;
	c->closing = false;
	c->sent_ms = now_ms(c);
	if (c->eof)
		http_conn_kill(c);
}

static void work(void *arg)
{
	struct http_conn *c = arg;
	size_t budget = WRITE_BUDGET;

	if (c->read_again && !c->dead && !c->handshaking)
		read_all(c);
	for (int i = 0; !c->dead; i++) {
		bool more = c->proto && !c->closing && c->proto->settle(c);

		if (c->dead || !flush(c, &budget))
			break;
		if (!more && !(c->proto && !c->closing && c->proto->settle(c)))
			break;
		if (i == SETTLE_ROUNDS) {
			http_conn_schedule(c);
			break;
		}
	}
	if (!c->dead && c->closing && !http_conn_unsent(c) && !c->handshaking)
		finish_now(c);
	if (c->dead) {
		http_conn_destroy(c);
		return;
	}
	if (c->stalled && want_read(c)) {
		c->stalled = false;
		c->read_again = true;
	}
	if (c->read_again)
		http_conn_schedule(c);
	update_interest(c);
	arm(c);
}

static void event(void *arg, uint32_t events)
{
	struct http_conn *c = arg;

	if ((events & (EPOLLERR | EPOLLHUP)) && !want_read(c)) {
		http_conn_kill(c);
		return;
	}
	if (c->handshaking) {
		shake(c);
		http_conn_schedule(c);
		return;
	}
	if (events & EPOLLOUT)
		c->write_blocked = false;
	if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) || c->read_needs_write)
		read_all(c);
	http_conn_schedule(c);
}

/* ---- life ---- */

struct http_conn *http_conn_open(struct http_server *s, int fd, const char *addr)
{
	struct http_conn *c = calloc(1, sizeof(*c));

	if (!c)
		goto fail;
	c->s = s;
	c->fd = fd;
	list_init(&c->reqs);
	snprintf(c->peer.addr, sizeof(c->peer.addr), "%s", addr ? addr : "");
	loop_timer_init(&c->timer, s->loop, timer_fired, c);
	c->last_ms = c->sent_ms = loop_now_ms(s->loop);
	if (s->tls) {
		c->ssl = SSL_new(s->tls);
		if (!c->ssl || SSL_set_fd(c->ssl, fd) != 1)
			goto fail;
		SSL_set_accept_state(c->ssl);
		c->handshaking = true;
	}
	c->watch = loop_fd_add(s->loop, fd, EPOLLIN, event, c);
	if (!c->watch)
		goto fail;
	list_add_tail(&s->conns, &c->node);
	s->stats.conns++;
	s->stats.conns_total++;
	arm(c);
	return c;
fail:
	log_error("no memory for a connection");
	if (c)
		SSL_free(c->ssl);
	free(c);
	close(fd);
	return NULL;
}

void http_conn_schedule(struct http_conn *c)
{
	loop_defer(c->s->loop, &c->work, work, c);
}

void http_conn_kill(struct http_conn *c)
{
	c->dead = true;
	http_conn_schedule(c);
}

void http_conn_finish(struct http_conn *c)
{
	if (c->closing || c->lingering)
		return;
	c->closing = c->fresh = true;
	c->sent_ms = now_ms(c);
	http_conn_schedule(c);
}

void http_conn_destroy(struct http_conn *c)
{
	struct http_server *s = c->s;

	c->dead = true;
	if (c->proto)
		c->proto->close(c);
	loop_fd_del(c->watch);
	loop_timer_stop(&c->timer);
	loop_defer_cancel(s->loop, &c->work);
	SSL_free(c->ssl);
	close(c->fd);
	buf_finish(&c->out);
	for (size_t i = 0; c->peer.orgs && c->peer.orgs[i]; i++)
		free(c->peer.orgs[i]);
	free(c->peer.orgs);
	free(c->peer.cn);
	list_del(&c->node);
	free(c);
	http_server_conn_gone(s);
}

/* ---- lingering: a close with unread input would destroy what we sent last ---- */

static bool linger_feed(struct http_conn *c, const uint8_t *p, size_t n)
{
	c->lingered_bytes += (uint32_t)n;
	return c->lingered_bytes < LINGER_BYTES;
}

static void linger_eof(struct http_conn *c) { http_conn_kill(c); }
static size_t linger_fill(struct http_conn *c, uint8_t *p, size_t cap) { return 0; }
static bool linger_settle(struct http_conn *c) { return false; }
static bool linger_want_read(struct http_conn *c) { return true; }
static int64_t linger_deadline(struct http_conn *c) { return c->sent_ms + HTTP_LINGER_MS; }
static void linger_over(struct http_conn *c) { http_conn_kill(c); }
static void linger_close(struct http_conn *c) { }

static const struct http_proto linger_proto = {
	.feed = linger_feed, .eof = linger_eof, .fill = linger_fill, .settle = linger_settle,
	.want_read = linger_want_read, .deadline = linger_deadline, .timeout = linger_over,
	.drain = linger_over, .close = linger_close,
};
