/* SPDX-License-Identifier: Apache-2.0 */
/* conn - the fixture behind an HTTP server on loopback, and a client of it that turns the
 * loop while it waits. */
#ifndef TESTS_UNIT_API_CONN_H
#define TESTS_UNIT_API_CONN_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "http/http.h"

#define ROOT "authorization: Bearer secret\r\n"

static struct fixture f;
static struct http_server *server;

/* Everything is asked as the user of a static token, as TLS is none of ours here. */
static inline void conn_open(struct api_config *cfg)
{
	static const char tokens[] = "secret,root,,\"system:masters\"\n";
	struct http_config hc = { .listen = "127.0.0.1:0", .handler = api_handle_http };
	char path[] = "/tmp/sampan-test-XXXXXX";
	struct err e = { 0 };
	int fd = mkstemp(path);

	assert_int_equal(write(fd, tokens, sizeof(tokens) - 1), sizeof(tokens) - 1);
	close(fd);
	memset(&f, 0, sizeof(f));
	cfg->service_cidr = "10.96.0.0/16";
	cfg->advertise = "192.0.2.1:6443";
	cfg->token_file = path;
	assert_int_equal(loop_open(&f.loop), 0);
	assert_int_equal(store_open(&f.store, f.loop, "mem:", NULL, &e), 0);
	assert_int_equal(cache_open(&f.cache, f.store, &e), 0);
	assert_int_equal(api_open(&f.api, f.loop, f.store, f.cache, cfg, &e), 0);
	unlink(path);
	api_bootstrap(f.api, fixture_booted, &f);
	while (!f.booted)
		loop_turn(f.loop, 10);
	hc.arg = f.api;
	assert_int_equal(http_server_open(&server, f.loop, &hc, &e), 0);
}

static inline void conn_close(void)
{
	http_server_close(server);
	for (int i = 0; i < 5; i++)
		loop_turn(f.loop, 1);
	fixture_close(&f);
}

struct conn { int fd; struct buf in; };

static inline void ask(struct conn *c, const char *method, const char *path, const char *headers)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(server)) };
	BUF_AUTO struct buf b = { 0 };

	memset(c, 0, sizeof(*c));
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	buf_printf(&b, "%s %s HTTP/1.1\r\nhost: x\r\n%s\r\n", method, path, headers);
	assert_int_equal(write(c->fd, b.p, b.len), (ssize_t)b.len);
}

/* Turn the loop until the answer holds text. */
static inline void wait_for(struct conn *c, const char *text)
{
	for (int i = 0; i < 500; i++) {
		char chunk[4096];
		ssize_t n;

		loop_turn(f.loop, 10);
		while ((n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0)
			buf_add(&c->in, chunk, (size_t)n);
		if (c->in.p && memmem(c->in.p, c->in.len, text, strlen(text)))
			return;
	}
	fail_msg("no %s in: %.*s", text, (int)c->in.len, c->in.p ? c->in.p : "");
}

static inline void hang_up(struct conn *c)
{
	close(c->fd);
	buf_finish(&c->in);
	for (int i = 0; i < 5; i++)
		loop_turn(f.loop, 1);
}

#endif
