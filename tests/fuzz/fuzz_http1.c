/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_http1 - bytes of a client into a plain server: HTTP/1.1, HTTP/2 (behind its
 * preface), and what an upgrade leads to (WebSocket, SPDY). The first byte says in
 * which pieces the rest comes.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http_priv.h"
#include "http/spdy.h"
#include "http/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct loop *loop;
static struct http_server *server;
static int begun, ended;
static struct ws *sock;

static void closed(void *ctx) { ended++; }

static void got_body(void *arg, struct http_req *r, int rc, const char *p, size_t n)
{
	if (rc < 0)
		http_reply(r, 413, NULL, 0);
	else
		http_reply(r, 200, p, n);
}

static void on_message(void *arg, const void *p, size_t n, bool text)
{
	if (sock && ws_send(sock, p, n, text) == 0 && n == 3)
		ws_close(sock, 1000);
}
static void on_ws_closed(void *arg) { sock = NULL; }

static bool on_stream(void *arg, struct spdy_stream *st)
{
	return !spdy_stream_header(st, "refuse");
}
static void on_data(void *arg, struct spdy_stream *st, const void *p, size_t n, bool fin)
{
	spdy_stream_write(st, p, n);
	spdy_stream_consumed(st, n);
	if (fin)
		spdy_stream_fin(st);
}
static void on_stream_closed(void *arg, struct spdy_stream *st) { }
static void on_spdy_closed(void *arg) { }

static void handle(void *arg, struct http_req *r)
{
	static const struct ws_ops ws_ops = { .message = on_message, .closed = on_ws_closed };
	static const struct spdy_ops spdy_ops = { .stream = on_stream, .data = on_data,
		.stream_closed = on_stream_closed, .closed = on_spdy_closed };
	const char *name, *value, *cn;
	const char *const *orgs;
	size_t total = 0;

	begun++;
	http_set_context(r, NULL, closed);
	for (size_t it = 0; http_header_next(r, &it, &name, &value);)
		total += strlen(name) + strlen(value);
	assert(total <= HTTP_HEADERS_MAX && !http_peer_cert(r, &cn, &orgs));
	http_set_header(r, "X-Query", http_query(r));
	switch (http_path(r)[1]) {
	case 'b':
		http_read_body(r, 4096, got_body, NULL);
		return;
	case 's':
		http_stream_begin(r, 200);
		http_stream_writec(r, "some bytes", 10);
		http_stream_writec(r, "some more", 9);
		if (http_path(r)[2])
			http_stream_end(r);
		return;
	case 'a':
		http_abort(r);
		return;
	case 'w':
		if (!sock)
			sock = ws_accept(r, NULL, &ws_ops, NULL);
		else
			http_reply(r, 409, NULL, 0);
		return;
	case 'p':
		spdy_accept(r, &spdy_ops, NULL);
		return;
	default:
		http_reply(r, 200, "ok", 2);
	}
}

static void drain(int fd)
{
	char b[16384];

	loop_turn(loop, 0);
	while (recv(fd, b, sizeof(b), MSG_DONTWAIT) > 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct http_config cfg = { .handler = handle };
	size_t step;
	int fd[2];

	if (!loop && (loop_open(&loop) < 0 || http_server_open(&server, loop, &cfg, NULL) < 0))
		abort();
	if (n < 1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
		return 0;
	http_conn_open(server, fd[0], NULL);
	step = p[0] ? p[0] : 65536;
	for (size_t at = 1; at < n; at += step) {
		size_t k = n - at < step ? n - at : step;

		if (send(fd[1], p + at, k, MSG_NOSIGNAL) < 0)
			break;
		drain(fd[1]);
	}
	for (int i = 0; i < 4; i++)
		drain(fd[1]);
	close(fd[1]);
	for (int i = 0; i < 6; i++)
		loop_turn(loop, 0);
	while (!list_empty(&server->conns))   /* lingering */
		http_conn_destroy(list_entry(server->conns.next, struct http_conn, node));
	assert(begun == ended && !sock);
	return 0;
}
