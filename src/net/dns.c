/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns - see dns.h: the sockets. A question is answered at once, or waits for
 * dnsfwd; a TCP connection has one question under way at a time.
 */
#include "net/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/env.h"
#include "base/list.h"
#include "base/loop.h"
#include "net/dnsfwd.h"
#include "net/net_priv.h"
#define LOG_MODULE "dns"
#include "base/log.h"

#define TURN_MAX     64               /* packets taken before others get their turn */
#define TCP_IDLE_MS  10000
#define SERVFAIL     2
#define REFUSED      5

struct conn {
	struct list link;
	struct dns *d;
	int fd;
	struct loop_fd *watch;
	struct loop_timer idle;
	struct buf in, out;
	struct wait *wait;
	bool ended;                    /* the peer sends no more */
};

/* One of the addresses that questions come to. */
struct place { struct dns *d; int udp, tcp; struct loop_fd *udp_watch, *tcp_watch; };

struct wait {                          /* a question passed on */
	struct list link;
	struct dns *d;
	struct conn *conn;             /* NULL: UDP, from udp to addr */
	int udp;
	struct sockaddr_storage addr;
	socklen_t addr_len;
	struct buf query;
	struct buf ours;               /* our part of an alias */
	struct dnsfwd_ask *ask;
};

struct dns {
	struct loop *loop;
	struct dns_zone zone;
	char *domain;
	struct dnsfwd *fwd;
	struct place places[IP_FAMILIES];
	struct list conns, waits;
	unsigned conn_count, wait_count;
	uint64_t queries;
	struct buf out;                /* the answer being made */
};

static void conn_turn(struct conn *c);
static void conn_close(struct conn *c);

/* ---- answers on their way ---- */

static void free_wait(struct wait *w)
{
	dnsfwd_cancel(w->ask);
	if (w->conn)
		w->conn->wait = NULL;
	list_del(&w->link);
	w->d->wait_count--;
	buf_finish(&w->query);
	buf_finish(&w->ours);
	free(w);
}

static void conn_send(struct conn *c, const void *p, size_t n)
{
	uint16_t len = htons((uint16_t)n);

	if (!n)
		return;
	buf_add(&c->out, &len, 2);
	buf_add(&c->out, p, n);
}

static void send_answer(struct wait *w, const void *p, size_t n)
{
	if (w->conn)
		conn_send(w->conn, p, n);
	else if (n)
		sendto(w->udp, p, n, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&w->addr, w->addr_len);
}

static void forwarded(void *arg, int rc, void *answer, size_t len)
{
	struct wait *w = arg;
	struct conn *c = w->conn;
	struct dns *d = w->d;

	w->ask = NULL;
	buf_clear(&d->out);
	if (rc)
		dns_error(w->query.p, w->query.len, SERVFAIL, &d->out);
	else if (w->ours.len)
		dns_merge(w->query.p, w->query.len, w->ours.p, w->ours.len, answer, len, c != NULL, &d->out);
	if (rc || w->ours.len)
		send_answer(w, d->out.p, d->out.len);
	else
		send_answer(w, answer, len);
	free_wait(w);
	if (c)
		conn_turn(c);
}

/* Passes the question (of an alias: about target) on; false: an error was put into d->out. */
static bool pass_on(struct dns *d, const void *query, size_t len, const char *target, struct conn *c, int udp,
	const struct sockaddr_storage *addr, socklen_t addr_len)
{
	struct wait *w = NULL;
	BUF_AUTO struct buf question = { 0 };
	size_t max = c ? 65535 : dns_udp_size(query, len);
	int rc = -ERR_NOMEM;

	if (!d->fwd) {
		buf_clear(&d->out);
		dns_error(query, len, REFUSED, &d->out);
		return false;
	}
	if (d->wait_count < DNS_INFLIGHT_MAX)
		w = calloc(1, sizeof(*w));
	if (w) {
		w->d = d;
		w->conn = c;
		w->udp = udp;
		if (addr)
			memcpy(&w->addr, addr, addr_len);
		w->addr_len = addr_len;
		buf_add(&w->query, query, len);
		if (target)
			buf_add(&w->ours, d->out.p, d->out.len);
		list_add_tail(&d->waits, &w->link);
		d->wait_count++;
		if (c)
			c->wait = w;
		if (target)
			dns_question(query, len, target, 0, &question);
		else
			buf_add(&question, query, len);
		if (!question.failed && question.len && !w->query.failed && !w->ours.failed)
			/* May answer, and free w, before it returns. */
			rc = dnsfwd_query(&w->ask, d->fwd, question.p, question.len, max, c != NULL, forwarded, w);
	}
	if (!rc)
		return true;
	if (w)
		free_wait(w);
	buf_clear(&d->out);
	dns_error(query, len, SERVFAIL, &d->out);
	return false;
}

/* True: d->out holds the answer (maybe none); false: it comes later. */
static bool ask(struct dns *d, const void *query, size_t len, struct conn *c, int udp, const struct sockaddr_storage *addr,
	socklen_t addr_len)
{
	char target[DNS_NAME_MAX];

	d->queries++;
	buf_clear(&d->out);
	switch (dns_answer(&d->zone, query, len, c != NULL, &d->out, target)) {
	case DNS_FORWARD:
		return !pass_on(d, query, len, NULL, c, udp, addr, addr_len);
	case DNS_CHASE:
		return !pass_on(d, query, len, target, c, udp, addr, addr_len);
	default:
		return true;
	}
}

/* ---- UDP ---- */

static void on_udp(void *arg, uint32_t events)
{
	const struct place *at = arg;
	struct dns *d = at->d;
	char packet[4096];

	for (int i = 0; i < TURN_MAX; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(at->udp, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);

		if (n < 0)
			return;
		if (ask(d, packet, (size_t)n, NULL, at->udp, &from, from_len) && d->out.len)
			sendto(at->udp, d->out.p, d->out.len, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&from, from_len);
	}
}

/* ---- TCP ---- */

static void conn_close(struct conn *c)
{
	if (c->wait)
		free_wait(c->wait);
	loop_timer_stop(&c->idle);
	loop_fd_del(c->watch);
	close(c->fd);
	list_del(&c->link);
	c->d->conn_count--;
	buf_finish(&c->in);
	buf_finish(&c->out);
	free(c);
}

static void conn_idle(void *arg)
{
	struct conn *c = arg;

	conn_close(c);
}

/* Answers what has come whole, sends what it can; may close c. */
static void conn_turn(struct conn *c)
{
	size_t want;
	ssize_t n;

	while (!c->wait && c->in.len >= 2 && !c->out.len) {
		want = (size_t)(uint8_t)c->in.p[0] << 8 | (uint8_t)c->in.p[1];
		if (c->in.len < want + 2)
			break;
		if (ask(c->d, c->in.p + 2, want, c, -1, NULL, 0)) {
			if (!c->d->out.len) {
				conn_close(c);         /* not even a question */
				return;
			}
			conn_send(c, c->d->out.p, c->d->out.len);
		}
		buf_consume(&c->in, want + 2);
		loop_timer_set(&c->idle, TCP_IDLE_MS);
	}
	if (c->out.len) {
		n = send(c->fd, c->out.p, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			conn_close(c);
			return;
		}
		if (n > 0)
			buf_consume(&c->out, (size_t)n);
	}
	if (c->in.failed || c->out.failed || (c->ended && !c->wait && !c->out.len)) {
		conn_close(c);
		return;
	}
	/* One question under way: the next is left with the kernel. */
	loop_fd_set(c->watch, (c->out.len ? EPOLLOUT : 0u) | (c->wait || c->out.len || c->ended ? 0u : EPOLLIN));
}

static void on_conn(void *arg, uint32_t events)
{
	struct conn *c = arg;
	char chunk[8192];
	ssize_t n;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			conn_close(c);
			return;
		}
		if (n == 0)
			c->ended = true;
		if (n > 0)
			buf_add(&c->in, chunk, (size_t)n);
	}
	conn_turn(c);
}

static void on_accept(void *arg, uint32_t events)
{
	const struct place *at = arg;
	struct dns *d = at->d;

	for (int i = 0; i < TURN_MAX; i++) {
		int fd = accept4(at->tcp, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct conn *c;

		if (fd < 0)
			return;
		if (d->conn_count >= DNS_TCP_MAX || !(c = calloc(1, sizeof(*c)))) {
			close(fd);
			continue;
		}
		c->d = d;
		c->fd = fd;
		list_add_tail(&d->conns, &c->link);
		d->conn_count++;
		loop_timer_init(&c->idle, d->loop, conn_idle, c);
		loop_timer_set(&c->idle, TCP_IDLE_MS);
		c->watch = loop_fd_add(d->loop, fd, EPOLLIN, on_conn, c);
		if (!c->watch)
			conn_close(c);
	}
}

/* ---- open, close ---- */

static const struct net_service *find(const void *arg, const char *ns, const char *name)
{
	return net_find_service(arg, ns, name);
}

static const struct net_service *find_by_ip(const void *arg, const char *ip)
{
	return net_find_by_ip(arg, ip);
}

static bool has_ns(const void *arg, const char *ns)
{
	return net_has_ns(arg, ns);
}

static int listen_on(const struct ip *ip, unsigned port, int type, struct err *reterr)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	bool six = ip_family(ip) == IP6;
	int one = 1, fd = socket(ip_families[ip_family(ip)].af, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char text[IP_TEXT];

	if (fd < 0)
		return err_errno(reterr, "DNS socket");
	memcpy(six ? (void *)&a6.sin6_addr : (void *)&a4.sin_addr, ip->b, ip->len);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, six ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4, six ? sizeof(a6) : sizeof(a4)) ||
	    (type == SOCK_STREAM && listen(fd, 128))) {
		ip_text(text, ip);
		err_errno(reterr, "cluster DNS cannot listen on %s port %u (is another DNS server bound to all addresses?)", text, port);
		close(fd);
		return -ERR_IO;
	}
	return fd;
}

static int place_open(struct dns *d, struct place *at, const struct ip *ip, unsigned port, struct err *reterr)
{
	if ((at->udp = listen_on(ip, port, SOCK_DGRAM, reterr)) < 0)
		return at->udp;
	if ((at->tcp = listen_on(ip, port, SOCK_STREAM, reterr)) < 0)
		return at->tcp;
	at->udp_watch = loop_fd_add(d->loop, at->udp, EPOLLIN, on_udp, at);
	at->tcp_watch = loop_fd_add(d->loop, at->tcp, EPOLLIN, on_accept, at);
	return at->udp_watch && at->tcp_watch ? 0 : err_set(reterr, ERR_NOMEM, "out of memory");
}

int dns_open(struct dns **ret, struct loop *l, const struct net *n, const struct dns_config *cfg, struct err *reterr)
{
	struct dns *d = calloc(1, sizeof(*d));
	struct ip ips[IP_FAMILIES];
	int rc = 0;

	if (!d)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	d->loop = l;
	for (int f = 0; f < IP_FAMILIES; f++)
		d->places[f] = (struct place){ .d = d, .udp = -1, .tcp = -1 };
	list_init(&d->conns);
	list_init(&d->waits);
	d->domain = strdup(cfg->domain);
	d->zone = (struct dns_zone){ d->domain, find, find_by_ip, has_ns, n };
	if (!ip_parse_both(ips, cfg->ip, NULL))
		rc = err_set(reterr, ERR_INVALID, "DNS address \"%s\": must be an IP address", cfg->ip);
	else if (!d->domain || (cfg->upstream_resolv && dnsfwd_open(&d->fwd, l, cfg->upstream_resolv, ips)))
		rc = err_set(reterr, ERR_NOMEM, "out of memory");
	for (int f = 0; f < IP_FAMILIES && !rc; f++)
		if (ips[f].len)
			rc = place_open(d, &d->places[f], &ips[f], cfg->port, reterr);
	if (rc) {
		dns_close(d);
		return rc;
	}
	*ret = d;
	return 0;
}

static void place_close(struct place *at)
{
	loop_fd_del(at->udp_watch);
	loop_fd_del(at->tcp_watch);
	if (at->udp >= 0)
		close(at->udp);
	if (at->tcp >= 0)
		close(at->tcp);
}

void dns_close(struct dns *d)
{
	if (!d)
		return;
	list_each(&d->conns, it)
		conn_close(list_entry(it, struct conn, link));
	list_each(&d->waits, it)
		free_wait(list_entry(it, struct wait, link));
	dnsfwd_close(d->fwd);
	for (int f = 0; f < IP_FAMILIES; f++)
		place_close(&d->places[f]);
	buf_finish(&d->out);
	free(d->domain);
	free(d);
}

uint64_t dns_queries(const struct dns *d)
{
	return d ? d->queries : 0;
}
