/* SPDX-License-Identifier: Apache-2.0 */
/* test_ws - WebSocket frames by hand over a real connection. */
#include "server_fixture.h"
#include "http/ws.h"

#define SHAKE "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" \
	"Sec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io\r\n" \
	"Sec-WebSocket-Protocol: channel.k8s.io\r\n\r\n"

static struct ws *sock;
static struct buf got;
static int messages, texts, closed_calls, drained_calls;
static char offers[200];

static void on_message(void *arg, const void *p, size_t n, bool text)
{
	messages++;
	texts += text;
	buf_add(&got, p, n);
	buf_addc(&got, '|');
	if (n == 4 && memcmp(p, "stop", 4) == 0)
		ws_pause(sock, true);
	if (n == 3 && memcmp(p, "bye", 3) == 0) {
		ws_send(sock, "last words", 10, false);
		ws_close(sock, 1000);
	}
}
static void on_closed(void *arg) { closed_calls++; sock = NULL; }
static void on_drained(void *arg) { drained_calls++; }

static void accept_ws(void *arg, struct http_req *r)
{
	static const struct ws_ops ops = { .message = on_message, .closed = on_closed,
		.drained = on_drained };
	char p[32];

	offers[0] = 0;
	for (size_t it = 0; ws_next_protocol(r, &it, p, sizeof(p));)
		strcat(strcat(offers, p), " ");
	if (ws_wanted(r))
		sock = ws_accept(r, "v5.channel.k8s.io", &ops, NULL);
	else
		http_reply(r, 404, NULL, 0);
}

static int setup(void **state)
{
	struct http_config cfg = { .listen = "127.0.0.1:0", .handler = accept_ws };

	memset(&fix, 0, sizeof(fix));
	snprintf(fix.dir, sizeof(fix.dir), "/tmp/sampan-http-XXXXXX");
	assert_non_null(mkdtemp(fix.dir));
	assert_int_equal(loop_open(&fix.loop), 0);
	assert_int_equal(http_server_open(&fix.server, fix.loop, &cfg, NULL), 0);
	fix.port = http_server_port(fix.server);
	sock = NULL;
	messages = texts = closed_calls = drained_calls = 0;
	return 0;
}

static int finish(void **state)
{
	teardown(state);
	buf_finish(&got);
	return 0;
}

/* A masked frame of a client. */
static void frame(int fd, uint8_t head, const void *p, size_t n)
{
	static const uint8_t mask[4] = { 1, 2, 3, 4 };
	BUF_AUTO struct buf b = { 0 };

	buf_addc(&b, (char)head);
	if (n < 126) {
		buf_addc(&b, (char)(0x80 | n));
	} else if (n < 65536) {
		buf_add(&b, (char[]){ (char)(0x80 | 126), (char)(n >> 8), (char)n }, 3);
	} else {
		buf_add(&b, (char[]){ (char)(0x80 | 127), 0, 0, 0, 0, (char)(n >> 24), (char)(n >> 16),
			(char)(n >> 8), (char)n }, 9);
	}
	buf_add(&b, mask, 4);
	for (size_t i = 0; i < n; i++)
		buf_addc(&b, (char)(((const uint8_t *)p)[i] ^ mask[i % 4]));
	say(fd, b.p, b.len);
}

static int connect_ws(void)
{
	BUF_AUTO struct buf out = { 0 };
	int fd = dial();

	says(fd, SHAKE);
	assert_false(hear(fd, &out, "\r\n\r\n"));
	assert_non_null(strstr(out.p, "HTTP/1.1 101 "));
	/* the example of RFC 6455, 1.3 */
	assert_non_null(strstr(out.p, "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	assert_non_null(strstr(out.p, "sec-websocket-protocol: v5.channel.k8s.io\r\n"));
	assert_non_null(sock);
	return fd;
}

static void the_handshake_is_checked(void **state)
{
	static const struct { const char *name, *bytes, *want; } cases[] = {
		{ "no key", "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			"Sec-WebSocket-Version: 13\r\n\r\n", "400 Bad Request" },
		{ "a short key", "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YWJj\r\n\r\n", "400 Bad Request" },
		{ "version 8", "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			"Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			"sec-websocket-version: 13" },
		{ "POST", "POST / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			"400 Bad Request" },
		{ "none", "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n", "404 Not Found" },
	};
	BUF_AUTO struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		talk(cases[i].bytes, cases[i].want, &out);
		if (!strstr(out.p, cases[i].want))
			fail_msg("%s: %s", cases[i].name, out.p);
	}
	assert_null(sock);
}

static void messages_go_both_ways(void **state)
{
	static char big[70000];
	BUF_AUTO struct buf out = { 0 };
	int fd = connect_ws();

	assert_string_equal(offers, "v5.channel.k8s.io v4.channel.k8s.io channel.k8s.io ");
	frame(fd, 0x82, "hello", 5);
	frame(fd, 0x81, "text", 4);
	frame(fd, 0x02, "frag", 4);
	frame(fd, 0x89, "ping", 4);          /* between two fragments */
	frame(fd, 0x80, "ment", 4);
	assert_false(hear(fd, &out, "\x8a\x04ping"));
	assert_string_equal(got.p, "hello|text|fragment|");
	assert_int_equal(messages, 3);
	assert_int_equal(texts, 1);
	buf_clear(&out);
	ws_send(sock, "abc", 3, false);
	ws_send(sock, "def", 3, true);
	ws_send2(sock, "\x01", 1, "xyz", 3);
	assert_false(hear(fd, &out, "xyz"));
	assert_memory_equal(out.p, "\x82\x03""abc\x81\x03""def\x82\x04\x01xyz", 16);
	assert_true(drained_calls > 0);
	buf_clear(&out);
	memset(big, 'b', sizeof(big));
	ws_send(sock, big, 200, false);
	ws_send(sock, big, sizeof(big), false);
	hear_bytes(fd, &out, 204 + 70010);
	assert_int_equal(out.len, 204 + 70010);
	assert_memory_equal(out.p, "\x82\x7e\x00\xc8", 4);
	assert_memory_equal(out.p + 204, "\x82\x7f\0\0\0\0\0\x01\x11\x70", 10);
	frame(fd, 0x82, big, sizeof(big));
	turn(5);
	assert_int_equal(messages, 4);
	close(fd);
	turn(5);
	assert_int_equal(closed_calls, 1);
}

static void a_close_comes_after_the_data(void **state)
{
	static char big[300000];
	BUF_AUTO struct buf out = { 0 };
	int fd = connect_ws();

	ws_send(sock, big, sizeof(big), false);
	frame(fd, 0x82, "bye", 3);
	assert_true(hear(fd, &out, NULL));
	assert_int_equal(out.len, 10 + sizeof(big) + 12 + 4);
	assert_memory_equal(out.p + 10 + sizeof(big), "\x82\x0alast words\x88\x02\x03\xe8", 16);
	assert_int_equal(closed_calls, 1);
	close(fd);
}

static void the_peers_close_is_answered(void **state)
{
	BUF_AUTO struct buf out = { 0 };
	int fd = connect_ws();

	frame(fd, 0x88, "\x03\xe8", 2);
	assert_true(hear(fd, &out, NULL));
	assert_memory_equal(out.p, "\x88\x02\x03\xe8", 4);
	assert_int_equal(closed_calls, 1);
	close(fd);
}

static void breaches_end_the_connection(void **state)
{
	static char big[WS_MESSAGE_MAX + 1];
	static const struct { uint8_t head; size_t n; const char *p; uint16_t code; } cases[] = {
		{ 0x83, 1, "x", 1002 },              /* an opcode of nobody */
		{ 0xc2, 1, "x", 1002 },              /* a reserved bit */
		{ 0x81, 2, "\xff\xfe", 1007 },       /* text that is not UTF-8 */
		{ 0x82, sizeof(big), big, 1009 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BUF_AUTO struct buf out = { 0 };
		int fd = connect_ws();

		closed_calls = 0;
		frame(fd, cases[i].head, cases[i].p, cases[i].n);
		assert_true(hear(fd, &out, NULL));
		assert_true(out.len >= 4);
		assert_int_equal((uint8_t)out.p[0], 0x88);
		assert_int_equal((uint8_t)out.p[2] << 8 | (uint8_t)out.p[3], cases[i].code);
		assert_int_equal(closed_calls, 1);
		close(fd);
		turn(3);
	}
}

static void pausing_stops_messages(void **state)
{
	static char big[20000];
	int fd = connect_ws(), seen;

	memset(big, 'z', sizeof(big));
	frame(fd, 0x82, "stop", 4);
	for (int i = 0; i < 3; i++)
		frame(fd, 0x82, big, sizeof(big));
	turn(5);
	seen = messages;
	assert_true(seen < 4);
	turn(5);
	assert_int_equal(messages, seen);
	ws_pause(sock, false);
	turn(20);
	assert_int_equal(messages, 4);
	close(fd);
	turn(3);
	assert_int_equal(closed_calls, 1);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_handshake_is_checked),
		CASE(messages_go_both_ways),
		CASE(a_close_comes_after_the_data),
		CASE(the_peers_close_is_answered),
		CASE(breaches_end_the_connection),
		CASE(pausing_stops_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
