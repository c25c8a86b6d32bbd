/* SPDX-License-Identifier: Apache-2.0 */
/* etcd_servers - servers over real members of etcd, what each is told, and a proxy between one and its member. */
#ifndef TESTS_ETCD_SERVERS_H
#define TESTS_ETCD_SERVERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/epoll.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/loop.h"
#include "store/store.h"

#include "etcd_host.h"

#define KEYS 32

struct key {
	int64_t rev;             /* newest acknowledged, 0: it is absent */
	int64_t seen_rev;        /* newest that was followed, 0: it is absent */
	unsigned written, seen, conflicts, unavailable, unknown;
	char value[32];
	bool busy;
};

struct server {                  /* one store, and what it is told */
	struct store *store;
	int64_t last_rev, found_rev;
	unsigned events, lost, live;
	bool disordered;
	char text[4096];
	struct key key[KEYS];
};

static struct loop *loop;
static struct etcd_host host;

static void append(struct server *s, const char *what, const struct store_event *ev)
{
	size_t at = strlen(s->text);

	snprintf(s->text + at, sizeof(s->text) - at, "%s%s%s%s", at ? " " : "", what, ev->key, ev->value ? "" : "!");
}

static void on_event(void *arg, const struct store_event *ev)
{
	struct server *s = arg;
	int i;

	if (s->lost && !s->found_rev) {
		s->live++;
		append(s, "=", ev);
		return;
	}
	s->disordered |= ev->rev <= s->last_rev;
	s->last_rev = ev->rev;
	s->events++;
	append(s, "", ev);
	if (sscanf(ev->key, "k/%d", &i) == 1 && i < KEYS) {
		s->key[i].seen++;
		s->key[i].seen_rev = ev->value ? ev->rev : 0;
		snprintf(s->key[i].value, sizeof(s->key[i].value), "%s", ev->value ? ev->value->p : "");
	}
}

static void on_progress(void *arg, int64_t rev)
{
	struct server *s = arg;

	s->disordered |= rev < s->last_rev;
	s->last_rev = rev;
}

static void on_lost(void *arg)
{
	struct server *s = arg;

	s->lost++;
	s->found_rev = 0;
}

static void on_found(void *arg, int64_t rev) { ((struct server *)arg)->found_rev = ((struct server *)arg)->last_rev = rev; }

static const struct store_follower follower = { on_event, on_progress, on_lost, on_found };

static void uri_of(char uri[512])
{
	size_t n = (size_t)snprintf(uri, 512, "etcd://");

	for (int i = 0; i < host.members; i++)
		n += (size_t)snprintf(uri + n, 512 - n, "%s127.0.0.1:%d", i ? "," : "", host.port[i]);
}

static struct server *serve(const struct store_options *opt)
{
	struct server *s = calloc(1, sizeof(*s));
	struct err e = { 0 };
	char uri[512];

	uri_of(uri);
	if (store_open(&s->store, loop, uri, opt, &e) < 0 || store_follow(s->store, &follower, s, &e) < 0)
		fail_msg("%s", e.msg);
	return s;
}

static void stop(struct server *s)
{
	store_close(s->store);
	free(s);
}

static int setup(void **state)
{
	return loop_open(&loop) < 0;
}

static int teardown(void **state)
{
	etcd_host_close(&host);
	host = (struct etcd_host){ 0 };
	loop_close(loop);
	return 0;
}

/* ---- single calls ---- */

struct answer {
	bool came;
	int rc;
	int64_t rev;
};

static void take_answer(void *arg, int rc, int64_t rev) { *(struct answer *)arg = (struct answer){ true, rc, rev }; }
static void take_sync(void *arg, int rc) { *(struct answer *)arg = (struct answer){ true, rc, 0 }; }

static void turn_until(const bool *came, int64_t ms)
{
	for (int64_t until = env_now_ms() + ms; !*came && env_now_ms() < until;)
		loop_turn(loop, 100);
	assert_true(*came);
}

static struct answer put(struct server *s, const char *key, const char *value, int64_t expect)
{
	BLOB_AUTO struct blob *b = blob_new(value, strlen(value));
	struct answer a = { 0 };

	assert_int_equal(store_put(s->store, key, b, expect, take_answer, &a), 0);
	turn_until(&a.came, 40000);
	return a;
}

static int64_t must_put(struct server *s, const char *key, const char *value, int64_t expect)
{
	struct answer a = put(s, key, value, expect);

	assert_int_equal(a.rc, 0);
	return a.rev;
}

static struct answer del(struct server *s, const char *key, int64_t expect)
{
	struct answer a = { 0 };

	assert_int_equal(store_del(s->store, key, expect, take_answer, &a), 0);
	turn_until(&a.came, 40000);
	return a;
}

static int sync_with(struct server *s)
{
	struct answer a = { 0 };
	int rc = store_sync(s->store, take_sync, &a);

	assert_int_equal(rc, 1);
	turn_until(&a.came, 40000);
	return a.rc;
}

/* ---- a proxy ---- */

/* Between a store and its etcd: passes on what is asked, or not; and what is answered, or not. */
static struct proxy {
	int listen_fd, port, fd[2];            /* 0: the store, 1: etcd */
	struct loop_fd *accepts, *w[2];
	bool pass[2];
	bool shut;                             /* no new connections */
	bool holds;                            /* what is asked waits here, also for a connection that was cut */
	struct buf held;
	int held_fd;
} proxy;

static void proxy_cut(void)
{
	for (int i = 0; i < 2; i++) {
		loop_fd_del(proxy.w[i]);
		if (i && proxy.holds)
			proxy.held_fd = proxy.fd[i];
		else if (proxy.w[i])
			close(proxy.fd[i]);
		proxy.w[i] = NULL;
	}
}

static void proxy_pass(int from)
{
	char p[65536];
	ssize_t n = read(proxy.fd[from], p, sizeof(p));

	if (n <= 0)
		proxy_cut();
	else if (!from && proxy.holds)
		buf_add(&proxy.held, p, (size_t)n);
	else if (proxy.pass[from] && send(proxy.fd[!from], p, (size_t)n, MSG_NOSIGNAL) != n)
		proxy_cut();
}

static void asked(void *arg, uint32_t events) { proxy_pass(0); }
static void answered(void *arg, uint32_t events) { proxy_pass(1); }

static int proxy_socket(int port, bool listens)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal((listens ? bind : connect)(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	if (listens)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void accepted(void *arg, uint32_t events)
{
	int fd = accept(proxy.listen_fd, NULL, NULL);

	if (proxy.shut) {
		close(fd);
		return;
	}
	proxy_cut();
	proxy.fd[0] = fd;
	proxy.fd[1] = proxy_socket(host.port[0], false);
	proxy.pass[0] = proxy.pass[1] = true;
	proxy.w[0] = loop_fd_add(loop, proxy.fd[0], EPOLLIN, asked, NULL);
	proxy.w[1] = loop_fd_add(loop, proxy.fd[1], EPOLLIN, answered, NULL);
}

static void proxy_open(void)
{
	proxy.port = etcd_host_free_port();
	proxy.listen_fd = proxy_socket(proxy.port, true);
	proxy.accepts = loop_fd_add(loop, proxy.listen_fd, EPOLLIN, accepted, NULL);
}

static void proxy_close(void)
{
	proxy_cut();
	loop_fd_del(proxy.accepts);
	close(proxy.listen_fd);
}

static struct server *serve_through_proxy(bool follows)
{
	struct server *s = calloc(1, sizeof(*s));
	struct err e = { 0 };
	char uri[64];

	snprintf(uri, sizeof(uri), "etcd://localhost:%d", proxy.port);
	if (store_open(&s->store, loop, uri, NULL, &e) < 0 || (follows && store_follow(s->store, &follower, s, &e) < 0))
		fail_msg("%s", e.msg);
	return s;
}

#endif
