/* SPDX-License-Identifier: Apache-2.0 */
/* server - the listening socket, its connections, and their orderly end. */
#define LOG_MODULE "http"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "base/log.h"
#include "http/http_priv.h"

#define ACCEPTS_PER_TURN 64
#define ACCEPT_RETRY_MS  200
#define WARN_EVERY_MS    10000

static void accept_some(void *arg, uint32_t events);

/* "10.0.0.1:6443", "[::1]:6443", ":6443" (every address). */
static bool parse_listen(const char *s, struct sockaddr_storage *ret, socklen_t *ret_n)
{
	const char *colon = strrchr(s, ':');
	char host[64], *end;
	size_t n = colon ? (size_t)(colon - s) : 0;
	unsigned long port;

	if (!colon || n >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
		return false;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > 65535)
		return false;
	if (n > 2 && s[0] == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
	}
	memcpy(host, s, n);
	host[n] = 0;
	memset(ret, 0, sizeof(*ret));
	if (n && !strchr(host, ':')) {
		struct sockaddr_in *a = (struct sockaddr_in *)ret;

		*a = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
		*ret_n = sizeof(*a);
		return inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
			&a->sin_addr) == 1;
	}
	struct sockaddr_in6 *a = (struct sockaddr_in6 *)ret;

	*a = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	*ret_n = sizeof(*a);
	return inet_pton(AF_INET6, n ? host : "::", &a->sin6_addr) == 1;
}

static int listen_error(const char *listen, struct err *reterr)
{
	switch (errno) {
	case EADDRINUSE:
		return err_set(reterr, ERR_IO, "address %s is in use; choose another with --listen", listen);
	case EADDRNOTAVAIL:
		return err_set(reterr, ERR_IO,
			"address %s is not one of this machine's; choose another with --listen", listen);
	case EACCES:
		return err_set(reterr, ERR_IO, "may not listen on %s: ports below 1024 are root's; "
			"choose another with --listen", listen);
	default:
		return err_set(reterr, ERR_IO, "cannot listen on %s: %s; choose another with --listen",
			listen, strerror(errno));
	}
}

static int start_listening(struct http_server *s, const char *listen_on, struct err *reterr)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof(a);
	int one = 1, zero = 0;

	if (!parse_listen(listen_on, &a, &n))
		return err_set(reterr, ERR_IO,
			"%s is not an IP address and a port; --listen wants one such as 0.0.0.0:6443",
			listen_on);
	s->fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return listen_error(listen_on, reterr);
	setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a.ss_family == AF_INET6)
		setsockopt(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(s->fd, (struct sockaddr *)&a, n) < 0 || listen(s->fd, SOMAXCONN) < 0)
		return listen_error(listen_on, reterr);
	n = sizeof(a);
	if (getsockname(s->fd, (struct sockaddr *)&a, &n) < 0)
		return listen_error(listen_on, reterr);
	s->port = ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port :
		((struct sockaddr_in6 *)&a)->sin6_port);
	s->watch = loop_fd_add(s->loop, s->fd, EPOLLIN, accept_some, s);
	return s->watch ? 0 : err_set(reterr, ERR_NOMEM, "no memory");
}

static void accept_again(void *arg)
{
	struct http_server *s = arg;

	if (s->watch)
		loop_fd_set(s->watch, EPOLLIN);
}

int http_server_open(struct http_server **ret, struct loop *l, const struct http_config *cfg,
	struct err *reterr)
{
	struct http_server *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (!s)
		return err_set(reterr, ERR_NOMEM, "no memory");
	signal(SIGPIPE, SIG_IGN);   /* OpenSSL writes with write(2) */
	s->loop = l;
	s->fd = -1;
	s->handler = cfg->handler;
	s->arg = cfg->arg;
	s->conns_max = cfg->conns_max ? cfg->conns_max : 20000;
	s->require_client_cert = cfg->require_client_cert;
	list_init(&s->conns);
	loop_timer_init(&s->retry, l, accept_again, s);
	s->in = malloc(HTTP_IO_BYTES);
	s->fill = malloc(HTTP_IO_BYTES);
	if (!s->in || !s->fill ||
	    (cfg->client_ca_pem && !(s->client_ca_pem = strdup(cfg->client_ca_pem))))
		rc = err_set(reterr, ERR_NOMEM, "no memory");
	if (rc == 0 && cfg->cert_pem)
		rc = http_server_set_cert(s, cfg->cert_pem, cfg->key_pem, reterr);
	if (rc == 0 && cfg->listen)
		rc = start_listening(s, cfg->listen, reterr);
	if (rc < 0) {
		http_server_close(s);
		return rc;
	}
	*ret = s;
	return 0;
}

unsigned http_server_port(const struct http_server *s) { return s->port; }

int http_server_set_cert(struct http_server *s, const char *cert_pem, const char *key_pem,
	struct err *reterr)
{
	SSL_CTX *ctx;
	int rc = http_tls_open(&ctx, cert_pem, key_pem, s->client_ca_pem, s->require_client_cert,
		reterr);

	if (rc < 0)
		return rc;
	SSL_CTX_free(s->tls);   /* connections hold their own reference */
	s->tls = ctx;
	return 0;
}

void http_server_stats(const struct http_server *s, struct http_stats *ret) { *ret = s->stats; }

/* The value of Date; anew each second. */
const char *http_server_date(struct http_server *s)
{
	int64_t now = env_wall_us() / 1000000;
	time_t t = (time_t)now;
	struct tm tm;

	if (now != s->date_s) {
		static const char days[] = "SunMonTueWedThuFriSat";
		static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

		gmtime_r(&t, &tm);
		snprintf(s->date, sizeof(s->date), "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
			days + 3 * tm.tm_wday, (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon,
			(unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
			(unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
		s->date_s = now;
	}
	return s->date;
}

/* ---- accepting ---- */

static void peer_text(const struct sockaddr_storage *a, char out[48])
{
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)a;

	out[0] = 0;
	if (a->ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, out, 48);
	else if (a->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a6->sin6_addr))
		inet_ntop(AF_INET, a6->sin6_addr.s6_addr + 12, out, 48);
	else if (a->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &a6->sin6_addr, out, 48);
}

/* Peers that vanished without a FIN are noticed within a minute. */
static void tune(int fd)
{
	int one = 1, idle = 30, interval = 10, count = 3;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

/* True: there may be more. */
static bool accept_batch(struct http_server *s)
{
	for (int i = 0; i < ACCEPTS_PER_TURN && s->watch; i++) {
		struct sockaddr_storage a = { 0 };
		socklen_t n = sizeof(a);
		char addr[48];
		int fd;

		if (s->stats.conns >= s->conns_max) {   /* the rest wait in the kernel's queue */
			if (loop_now_ms(s->loop) >= s->warn_at_ms) {
				log_warn("%u connections are open, more have to wait", s->stats.conns);
				s->warn_at_ms = loop_now_ms(s->loop) + WARN_EVERY_MS;
			}
			loop_fd_set(s->watch, 0);
			return false;
		}
		fd = accept4(s->fd, (struct sockaddr *)&a, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
				log_error("cannot accept a connection: %s", strerror(errno));
				loop_fd_set(s->watch, 0);
				loop_timer_set(&s->retry, ACCEPT_RETRY_MS);
				return false;
			}
			if (errno == EAGAIN)
				return false;
			continue;   /* that one is gone; the next may be fine */
		}
		tune(fd);
		peer_text(&a, addr);
		http_conn_open(s, fd, addr);
	}
	return s->watch != NULL;
}

static void accept_some(void *arg, uint32_t events)
{
	accept_batch(arg);
}

/* ---- the end ---- */

static void run_drained(void *arg)
{
	struct http_server *s = arg;
	void (*fn)(void *) = s->drained;

	s->drained = NULL;
	if (fn)
		fn(s->drained_arg);
}

void http_server_conn_gone(struct http_server *s)
{
	s->stats.conns--;
	if (s->watch && !loop_timer_is_set(&s->retry))
		loop_fd_set(s->watch, EPOLLIN);
	if (s->draining && list_empty(&s->conns)) {
		loop_timer_stop(&s->drain_timer);
		loop_defer(s->loop, &s->drain_task, run_drained, s);
	}
}

static void cut_off_rest(void *arg)
{
	struct http_server *s = arg;

	list_each(&s->conns, n)
		http_conn_kill(list_entry(n, struct http_conn, node));
}

static void stop_listening(struct http_server *s)
{
	loop_fd_del(s->watch);
	s->watch = NULL;
	loop_timer_stop(&s->retry);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void http_server_retire(struct http_server *s)
{
	s->retiring = true;
}

void http_server_drain(struct http_server *s, void (*drained)(void *), void *arg)
{
	if (s->draining)
		return;
	s->draining = s->retiring = true;
	s->drained = drained;
	s->drained_arg = arg;
	/* Whoever the kernel has let in already would see a reset. */
	while (s->watch && accept_batch(s))
		;
	stop_listening(s);
	if (list_empty(&s->conns)) {
		loop_defer(s->loop, &s->drain_task, run_drained, s);
		return;
	}
	loop_timer_init(&s->drain_timer, s->loop, cut_off_rest, s);
	loop_timer_set(&s->drain_timer, HTTP_DRAIN_MS);
	list_each(&s->conns, n) {
		struct http_conn *c = list_entry(n, struct http_conn, node);

		if (c->dead || c->closing)
			continue;
		/* One that is only beginning has its first request answered: it may be on its way. */
		if (c->proto && c->requests)
			c->proto->drain(c);
		http_conn_schedule(c);
	}
}

void http_server_close(struct http_server *s)
{
	if (!s)
		return;
	stop_listening(s);
	s->draining = false;
	while (!list_empty(&s->conns))
		http_conn_destroy(list_entry(s->conns.next, struct http_conn, node));
	loop_timer_stop(&s->drain_timer);
	loop_defer_cancel(s->loop, &s->drain_task);
	http_req_free_spares(s);
	SSL_CTX_free(s->tls);
	free(s->client_ca_pem);
	free(s->in);
	free(s->fill);
	free(s);
}
