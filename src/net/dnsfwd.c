/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dnsfwd - see dnsfwd.h. An ask: try a resolver -> its answer, or after
 * DNSFWD_TRY_MS the next one -> give up after DNSFWD_TRIES.
 */
#include "net/dnsfwd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/file.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/text.h"
#include "net/dns.h"

#define SERVERS_MAX 3
#define RESOLV_MAX  65536
#define HEADER      12u

struct server { struct sockaddr_storage addr; socklen_t len; };

struct kept { struct list link; char *key; struct blob *answer; int64_t at_ms; int64_t ttl_s; };

struct dnsfwd {
	struct loop *loop;
	char *resolv;
	struct ip own[IP_FAMILIES];
	struct timespec read_at;       /* mtime of resolv */
	struct server servers[SERVERS_MAX];
	unsigned server_count, first;  /* first: the one that answered last */
	struct list asks;
	unsigned ask_count;
	struct map cache;
	struct list kept;              /* oldest first */
};

struct dnsfwd_ask {
	struct list link;
	struct dnsfwd *f;
	struct buf query;              /* with our id; over TCP after its length */
	struct buf in;                 /* over TCP */
	size_t sent;
	uint16_t id, theirs;           /* ours; the asker's */
	bool tcp;
	char *key;
	unsigned tries;
	int fd;
	struct loop_fd *watch;
	struct loop_timer timer;
	dnsfwd_done_fn *done;
	void *arg;
};

/* ---- the resolvers ---- */

static void add_server(struct dnsfwd *f, const char *text)
{
	struct server *s = &f->servers[f->server_count];
	struct sockaddr_in *in = (void *)&s->addr;
	struct sockaddr_in6 *in6 = (void *)&s->addr;
	size_t len = strcspn(text, "%");       /* fe80::1%eth0 */
	char plain[IP_TEXT];
	struct ip ip;

	snprintf(plain, sizeof(plain), "%.*s", (int)len, text);
	if (f->server_count == SERVERS_MAX || !ip_parse(&ip, plain) || ip_same(&ip, &f->own[ip_family(&ip)]))
		return;
	memset(s, 0, sizeof(*s));
	if (ip_family(&ip) == IP4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(53);
		memcpy(&in->sin_addr, ip.b, ip.len);
		s->len = sizeof(*in);
	} else {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(53);
		in6->sin6_scope_id = text[len] ? if_nametoindex(text + len + 1) : 0;
		memcpy(&in6->sin6_addr, ip.b, ip.len);
		s->len = sizeof(*in6);
	}
	f->server_count++;
}

/* Reads a small local file, and only when it was changed. */
static void read_resolv(struct dnsfwd *f)
{
	BUF_AUTO struct buf text = { 0 };
	char *line, *rest, ip[64];
	struct stat st;

	if (!f->resolv || stat(f->resolv, &st))
		return;
	if (st.st_mtim.tv_sec == f->read_at.tv_sec && st.st_mtim.tv_nsec == f->read_at.tv_nsec)
		return;
	if (file_read(f->resolv, RESOLV_MAX, &text, NULL) || !text.len)
		return;
	f->read_at = st.st_mtim;
	f->server_count = f->first = 0;
	for (line = strtok_r(text.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (sscanf(line, " nameserver %63s", ip) == 1)
			add_server(f, ip);
}

/* ---- kept answers ---- */

static void forget(struct dnsfwd *f, struct kept *k)
{
	map_del(&f->cache, k->key);
	list_del(&k->link);
	blob_unref(k->answer);
	free(k->key);
	free(k);
}

static void keep(struct dnsfwd *f, const char *key, const void *answer, size_t len)
{
	int64_t ttl = dns_min_ttl(answer, len);
	const uint8_t *p = answer;
	struct kept *k = map_get(&f->cache, key);
	int rcode = p[3] & 15;

	if (k)
		forget(f, k);
	if (ttl <= 0 || (p[2] & 2) || (rcode != 0 && rcode != 3))
		return;
	if (f->cache.len >= DNS_CACHE_MAX)
		forget(f, list_entry(f->kept.next, struct kept, link));
	k = calloc(1, sizeof(*k));
	if (k) {
		k->key = strdup(key);
		k->answer = blob_new(answer, len);
	}
	if (!k || !k->key || !k->answer || map_put(&f->cache, key, k, NULL)) {
		if (k) {
			blob_unref(k->answer);
			free(k->key);
		}
		free(k);
		return;
	}
	k->at_ms = env_now_ms();
	k->ttl_s = ttl < DNSFWD_KEEP_S ? ttl : DNSFWD_KEEP_S;
	list_add_tail(&f->kept, &k->link);
}

static bool answer_kept(struct dnsfwd *f, const char *key, const uint8_t *query, size_t max, dnsfwd_done_fn *done,
	void *arg)
{
	struct kept *k = map_get(&f->cache, key);
	int64_t age;
	uint8_t *copy;
	size_t len;

	if (!k)
		return false;
	age = (env_now_ms() - k->at_ms) / 1000;
	if (age >= k->ttl_s) {
		forget(f, k);
		return false;
	}
	len = k->answer->len;
	if (len > max || !(copy = malloc(len)))
		return false;
	memcpy(copy, k->answer->p, len);
	memcpy(copy, query, 2);
	dns_age(copy, len, (uint32_t)age);
	done(arg, 0, copy, len);
	free(copy);
	return true;
}

/* ---- an ask ---- */

static void stop_try(struct dnsfwd_ask *a)
{
	loop_fd_del(a->watch);
	a->watch = NULL;
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	loop_timer_stop(&a->timer);
}

static void free_ask(struct dnsfwd_ask *a)
{
	stop_try(a);
	list_del(&a->link);
	a->f->ask_count--;
	buf_finish(&a->query);
	buf_finish(&a->in);
	free(a->key);
	free(a);
}

void dnsfwd_cancel(struct dnsfwd_ask *a)
{
	if (a)
		free_ask(a);
}

static void finish(struct dnsfwd_ask *a, int rc, void *answer, size_t len)
{
	dnsfwd_done_fn *done = a->done;
	void *arg = a->arg;

	stop_try(a);
	if (!rc) {
		uint16_t id = htons(a->theirs);

		if (a->key)
			keep(a->f, a->key, answer, len);
		memcpy(answer, &id, 2);
	}
	done(arg, rc, answer, len);
	free_ask(a);
}

static void next_try(void *arg);

/* The answer to our question: its id, and the question repeated. */
static bool fits(const struct dnsfwd_ask *a, const uint8_t *p, size_t len)
{
	const uint8_t *q = (const uint8_t *)a->query.p + (a->tcp ? 2 : 0);
	BUF_AUTO struct buf asked = { 0 }, got = { 0 };

	if (len < HEADER || p[0] != q[0] || p[1] != q[1] || !(p[2] & 0x80))
		return false;
	if (!p[4] && !p[5] && (p[3] & 15))
		return true;                   /* refusals may leave the question out */
	return dns_key(q, a->query.len - (a->tcp ? 2 : 0), &asked) && dns_key(p, len, &got) &&
		!strcmp(asked.p + 1, got.p + 1);
}

static void on_udp(struct dnsfwd_ask *a)
{
	uint8_t packet[4096];
	ssize_t n = recv(a->fd, packet, sizeof(packet), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		next_try(a);                   /* refused: no need to wait */
		return;
	}
	if (!fits(a, packet, (size_t)n))
		return;
	if ((packet[3] & 15) == 2 && a->tries < DNSFWD_TRIES && a->f->server_count > 1) {
		next_try(a);                   /* SERVFAIL: another one may know */
		return;
	}
	finish(a, 0, packet, (size_t)n);
}

static void on_tcp(struct dnsfwd_ask *a, uint32_t events)
{
	uint8_t chunk[8192];
	size_t want;
	ssize_t n;

	if (a->sent < a->query.len) {
		n = send(a->fd, a->query.p + a->sent, a->query.len - a->sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			next_try(a);
			return;
		}
		a->sent += n > 0 ? (size_t)n : 0;
		if (a->sent == a->query.len)
			loop_fd_set(a->watch, EPOLLIN);
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	n = recv(a->fd, chunk, sizeof(chunk), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		next_try(a);
		return;
	}
	buf_add(&a->in, chunk, (size_t)n);
	if (a->in.failed || a->in.len < 2)
		return;
	want = (size_t)(uint8_t)a->in.p[0] << 8 | (uint8_t)a->in.p[1];
	if (a->in.len < want + 2)
		return;
	if (fits(a, (uint8_t *)a->in.p + 2, want))
		finish(a, 0, a->in.p + 2, want);
	else
		next_try(a);
}

static void on_ready(void *arg, uint32_t events)
{
	struct dnsfwd_ask *a = arg;

	if (a->tcp)
		on_tcp(a, events);
	else
		on_udp(a);
}

/* The kernel gives each new socket a port of its choice. */
static bool try_server(struct dnsfwd_ask *a, const struct server *s)
{
	a->fd = socket(s->addr.ss_family, (a->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		return false;
	if (connect(a->fd, (const struct sockaddr *)&s->addr, s->len) && errno != EINPROGRESS)
		return false;
	if (!a->tcp && send(a->fd, a->query.p, a->query.len, MSG_NOSIGNAL) < 0)
		return false;
	a->sent = 0;
	buf_clear(&a->in);
	a->watch = loop_fd_add(a->f->loop, a->fd, a->tcp ? EPOLLIN | EPOLLOUT : EPOLLIN, on_ready, a);
	return a->watch;
}

static void next_try(void *arg)
{
	struct dnsfwd_ask *a = arg;
	struct dnsfwd *f = a->f;

	while (f->server_count && a->tries < DNSFWD_TRIES) {
		stop_try(a);
		if (try_server(a, &f->servers[(f->first + a->tries++) % f->server_count])) {
			loop_timer_set(&a->timer, DNSFWD_TRY_MS);
			return;
		}
	}
	finish(a, -ERR_UNAVAILABLE, NULL, 0);
}

int dnsfwd_query(struct dnsfwd_ask **ret, struct dnsfwd *f, const void *query, size_t len, size_t max, bool tcp,
	dnsfwd_done_fn *done, void *arg)
{
	BUF_AUTO struct buf key = { 0 };
	uint16_t be;
	struct dnsfwd_ask *a;
	bool keyed = dns_key(query, len, &key);

	*ret = NULL;
	/* Over TCP an answer before this returns would find its connection in the middle of a turn. */
	if (keyed && !tcp && answer_kept(f, key.p, query, max, done, arg))
		return 0;
	if (f->ask_count >= DNS_INFLIGHT_MAX)
		return -ERR_FULL;
	read_resolv(f);
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ERR_NOMEM;
	a->f = f;
	a->fd = -1;
	a->tcp = tcp;
	a->done = done;
	a->arg = arg;
	a->key = keyed ? buf_take(&key, NULL) : NULL;
	memcpy(&be, query, 2);
	a->theirs = ntohs(be);
	env_random(&a->id, sizeof(a->id));
	loop_timer_init(&a->timer, f->loop, next_try, a);
	if (tcp) {
		be = htons((uint16_t)len);
		buf_add(&a->query, &be, 2);
	}
	be = htons(a->id);
	buf_add(&a->query, &be, 2);
	buf_add(&a->query, (const char *)query + 2, len - 2);
	list_add_tail(&f->asks, &a->link);
	f->ask_count++;
	if (a->query.failed) {
		free_ask(a);
		return -ERR_NOMEM;
	}
	/* From the next turn on, so that the caller has its handle before any answer. */
	*ret = a;
	loop_timer_set(&a->timer, 0);
	return 0;
}

int dnsfwd_open(struct dnsfwd **ret, struct loop *l, const char *resolv, const struct ip own[IP_FAMILIES])
{
	struct dnsfwd *f = calloc(1, sizeof(*f));

	if (!f)
		return -ERR_NOMEM;
	f->loop = l;
	list_init(&f->asks);
	list_init(&f->kept);
	memcpy(f->own, own, sizeof(f->own));
	f->resolv = resolv ? strdup(resolv) : NULL;
	if (resolv && !f->resolv) {
		dnsfwd_close(f);
		return -ERR_NOMEM;
	}
	read_resolv(f);
	*ret = f;
	return 0;
}

void dnsfwd_close(struct dnsfwd *f)
{
	if (!f)
		return;
	list_each(&f->asks, it)
		free_ask(list_entry(it, struct dnsfwd_ask, link));
	list_each(&f->kept, it)
		forget(f, list_entry(it, struct kept, link));
	map_finish(&f->cache);
	free(f->resolv);
	free(f);
}
