/* SPDX-License-Identifier: Apache-2.0 */
/* test_server - HTTP/1.1 and HTTP/2 over real sockets: by hand and by curl. */
#include "server_fixture.h"

#include <netinet/tcp.h>

#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"

/* ---- HTTP/1.1 by hand ---- */

static const struct {
	const char *name, *bytes, *want;
} plain_cases[] = {
	{ "a simple request", GET_HELLO, "HTTP/1.1 200 OK\r\n" },
	{ "HTTP/1.0 is closed after", "GET /hello HTTP/1.0\r\n\r\n", "connection: close\r\n" },
	{ "HTTP/1.0 keeps alive when asked", "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"connection: keep-alive\r\n" },
	{ "the absolute form", "GET http://x/hello?q=1 HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK" },
	{ "no Host", "GET /hello HTTP/1.1\r\n\r\n", "400 Bad Request" },
	{ "garbage", "\x16\x03\x01\x02 nonsense\r\n\r\n", "400 Bad Request" },
	{ "two lengths", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n"
		"\r\nabcd", "400 Bad Request" },
	{ "length and chunks", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 Bad Request" },
	{ "a space in a name", "GET /hello HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n", "400 Bad Request" },
	{ "CONNECT", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "405 " },
	{ "HTTP/3.0", "GET /hello HTTP/3.0\r\nHost: x\r\n\r\n", "505 " },
	{ "a body", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "\r\n\r\nabc" },
	{ "an empty body", "POST /echo HTTP/1.1\r\nHost: x\r\n\r\n", "content-length: 0\r\n" },
	{ "a chunked body with a trailer", "POST /echo HTTP/1.1\r\nHost: x\r\n"
		"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n",
		"content-length: 5\r\n\r\nabcde" },
	{ "HEAD has a length and no body", "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n",
		"content-length: 6\r\n\r\n\n" },
	{ "204 has no length", "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "204 No Content" },
	{ "a stream to HTTP/1.0 ends with the connection", "GET /stream?5 HTTP/1.0\r\n\r\n",
		"\r\n\r\naaaaa\n" },
	{ "a stream to HTTP/1.1 is chunked", "GET /stream?5 HTTP/1.1\r\nHost: x\r\n\r\n",
		"transfer-encoding: chunked\r\n\r\n5\r\naaaaa\r\n0\r\n\r\n\n" },
	{ "an offer of h2c is passed over", "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, "
		"HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n" GET_HELLO,
		"hello\nHTTP/1.1 200 OK" },
	{ "an early answer to a large body closes", "POST /early HTTP/1.1\r\nHost: x\r\n"
		"Content-Length: 9000000\r\n\r\nabc", "connection: close\r\n" },
	{ "an early answer to a small body does not", "POST /early HTTP/1.1\r\nHost: x\r\n"
		"Content-Length: 3\r\n\r\nabc" GET_HELLO, "noHTTP/1.1 200" },
	{ "a body over the limit", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n",
		"HTTP/1.1 413 " },
};

static void requests_by_hand(void **state)
{
	BUF_AUTO struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(plain_cases) / sizeof(plain_cases[0]); i++) {
		talk(plain_cases[i].bytes, plain_cases[i].want, &out);
		if (!strstr(out.p, plain_cases[i].want))
			fail_msg("%s: got\n%s", plain_cases[i].name, out.p);
	}
	talk("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", NULL, &out);
	assert_null(strstr(out.p, "content-length"));
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	BUF_AUTO struct buf in = { 0 };
	BUF_AUTO struct buf out = { 0 };

	for (int i = 0; i < 300; i++)
		buf_printf(&in, i % 3 ? "GET /n%d HTTP/1.1\r\nHost: x\r\n\r\n" :
			"POST /echo?%d HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n+", i);
	talk(in.p, NULL, &out);
	assert_int_equal(count(out.p, "HTTP/1.1 200"), 100);
	assert_int_equal(count(out.p, "HTTP/1.1 404"), 200);
	assert_non_null(strstr(out.p, "/n298HTTP/1.1 404"));
	assert_true(strstr(out.p, "/n1H") < strstr(out.p, "/n298"));
	assert_int_equal(fix.closed, 300);
}

static void a_request_may_come_byte_by_byte(void **state)
{
	static const char req[] = "POST /echo HTTP/1.1\r\nhOsT: x\r\nX-Long:  a b \r\n"
		"Transfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n";
	BUF_AUTO struct buf out = { 0 };
	int fd = dial();

	for (const char *p = req; *p; p++)
		say(fd, p, 1);
	assert_false(hear(fd, &out, "\r\n\r\nz"));
	close(fd);
	turn(3);
}

static void a_body_held_back_is_asked_for(void **state)
{
	BUF_AUTO struct buf out = { 0 };
	int fd = dial();

	says(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_false(hear(fd, &out, "\r\n\r\n"));
	assert_string_equal(out.p, "HTTP/1.1 100 Continue\r\n\r\n");
	says(fd, "abc");
	assert_false(hear(fd, &out, "\r\n\r\nabc"));
	close(fd);
	/* refused without reading: the connection cannot be kept */
	fd = dial();
	buf_clear(&out);
	says(fd, "POST /early HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_true(hear(fd, &out, NULL));
	assert_non_null(strstr(out.p, "HTTP/1.1 403 "));
	assert_non_null(strstr(out.p, "connection: close"));
	assert_null(strstr(out.p, "100 Continue"));
	close(fd);
}

static void headers_over_the_limit_get_431(void **state)
{
	BUF_AUTO struct buf in = { 0 };
	BUF_AUTO struct buf out = { 0 };

	buf_adds(&in, "GET /hello HTTP/1.1\r\nHost: x\r\nX: ");
	for (int i = 0; i < 70000; i++)
		buf_addc(&in, 'a');
	buf_adds(&in, "\r\n\r\n");
	talk(in.p, NULL, &out);
	assert_non_null(strstr(out.p, "HTTP/1.1 431 "));
	buf_clear(&in);
	buf_adds(&in, "GET /hello HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < 300; i++)
		buf_printf(&in, "X-%d: y\r\n", i);
	buf_adds(&in, "\r\n");
	talk(in.p, NULL, &out);
	assert_non_null(strstr(out.p, "HTTP/1.1 431 "));
	assert_int_equal(fix.closed, 0);
}

static void a_body_without_a_length_is_limited_too(void **state)
{
	BUF_AUTO struct buf in = { 0 };
	BUF_AUTO struct buf out = { 0 };
	int fd = dial();

	says(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	buf_adds(&in, "10000\r\n");
	for (int i = 0; i < 65536; i++)
		buf_addc(&in, 'b');
	buf_adds(&in, "\r\n");
	for (int i = 0; i < 20; i++)
		say(fd, in.p, in.len);
	hear(fd, &out, "413 ");
	assert_non_null(strstr(out.p, "HTTP/1.1 413 "));
	assert_int_equal(fix.bodies, 1);
	assert_int_equal(fix.body_rc, -ERR_SIZE);
	close(fd);
	turn(5);
	assert_int_equal(fix.closed, 1);
}

static void slow_senders_are_cut_off(void **state)
{
	static const struct { const char *name, *bytes, *want; } cases[] = {
		{ "nothing", "", "" },
		{ "half a head", "GET /hello HTTP/1.1\r\nHo", "HTTP/1.1 408 " },
		{ "half a body", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab", "HTTP/1.1 504 " },
	};
	int bodies = 0;

	own_clock();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BUF_AUTO struct buf out = { 0 };
		int fd = dial();

		says(fd, cases[i].bytes);
		turn(3);
		advance_ms(HTTP_IDLE_MS - 1000);
		assert_true(still_open(fd, &out));
		advance_ms(2000);
		assert_true(hear(fd, &out, NULL));
		if (!strstr(out.p ? out.p : "", cases[i].want))
			fail_msg("%s: %s", cases[i].name, out.p ? out.p : "");
		close(fd);
		turn(3);
		bodies += i == 2;
		assert_int_equal(fix.bodies, bodies);
	}
	assert_int_equal(fix.body_rc, -ERR_DEADLINE);
	assert_int_equal(fix.closed, 1);
}

/* What comes after an answer has no more time than what comes before it. */
static void a_body_that_never_ends_is_cut_off_after_its_answer(void **state)
{
	BUF_AUTO struct buf out = { 0 };
	int fd = dial(), after_ms = 0, at_once = 1;

	own_clock();
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
	says(fd, "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\na");
	hear(fd, &out, "403");
	assert_int_equal(fix.closed, 0);
	for (; !fix.closed && after_ms <= 10 * HTTP_BODY_MS; after_ms += HTTP_IDLE_MS / 2) {
		if (send(fd, "a", 1, MSG_NOSIGNAL) != 1)
			break;
		turn(3);
		advance_ms(HTTP_IDLE_MS / 2);
		turn(3);
	}
	assert_int_equal(fix.closed, 1);
	assert_in_range(after_ms, HTTP_BODY_MS - HTTP_IDLE_MS / 2, HTTP_BODY_MS + HTTP_IDLE_MS);
	close(fd);
}

static void a_reader_of_nothing_is_cut_off(void **state)
{
	BUF_AUTO struct buf out = { 0 };
	int fd = dial();

	own_clock();
	says(fd, "GET /big?30000000 HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(20);
	advance_ms(HTTP_STALL_MS - 1000);
	turn(3);
	assert_int_equal(fix.closed, 0);
	advance_ms(2000);
	turn(3);
	assert_int_equal(fix.closed, 1);
	close(fd);
}

static void a_kept_connection_waits_longer_than_a_new_one(void **state)
{
	BUF_AUTO struct buf out = { 0 };
	int fd = dial();

	own_clock();
	says(fd, GET_HELLO);
	hear(fd, &out, "hello\n");
	advance_ms(HTTP_IDLE_MS * 2);
	buf_clear(&out);
	says(fd, GET_HELLO);
	assert_false(hear(fd, &out, "hello\n"));
	advance_ms(400000);
	assert_true(hear(fd, &out, NULL));
	close(fd);
}

static void a_client_that_leaves_ends_its_request_once(void **state)
{
	BUF_AUTO struct buf out = { 0 };
	struct http_stats st;
	int fd = dial();

	says(fd, "GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(fd, &out, "first\n");
	assert_non_null(fix.held);
	close(fd);
	turn(5);
	assert_int_equal(fix.closed, 1);
	assert_null(fix.held);
	/* and one that has no answer yet, reset */
	fd = dial();
	says(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(3);
	assert_non_null(fix.held);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	close(fd);
	turn(5);
	assert_int_equal(fix.closed, 2);
	http_server_stats(fix.server, &st);
	assert_int_equal(st.conns, 0);
	assert_int_equal(st.streams, 0);
}

static void a_late_answer_and_an_abort(void **state)
{
	BUF_AUTO struct buf out = { 0 };
	int fd = dial();

	says(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(3);
	http_reply(fix.held, 200, "late", 4);
	assert_int_equal(fix.closed, 0);   /* never within the call */
	assert_false(hear(fd, &out, "late"));
	assert_int_equal(fix.closed, 1);
	says(fd, "GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(fd, &out, "first\n");
	http_abort(fix.held);
	http_stream_writec(fix.held, "more", 4);
	assert_true(hear(fd, &out, NULL));
	assert_null(strstr(out.p, "more"));
	assert_int_equal(fix.closed, 2);
	close(fd);
}

static void a_stream_is_held_back_by_a_client_that_does_not_read(void **state)
{
	BUF_AUTO struct buf out = { 0 };
	size_t total = 40u << 20;
	int fd = dial();
	size_t got;

	says(fd, "GET /stream?41943040 HTTP/1.0\r\n\r\n");
	turn(50);
	assert_true(fix.held == NULL && fix.closed == 0);
	assert_true(fix.max_pending <= 2 * STREAM_STEP);
	for (int i = 0; i < 2000 && !hear(fd, &out, NULL);)
		i++;
	got = out.len - (size_t)(strstr(out.p, "\r\n\r\n") + 4 - out.p);
	assert_int_equal(got, total);
	assert_int_equal(fix.closed, 1);
	close(fd);
}

static void one_that_never_reads_is_cut_off_when_the_writer_does_not_wait(void **state)
{
	static char bytes[1 << 20];
	int fd = dial();

	says(fd, "GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(3);
	for (int i = 0; i < 40 && fix.held; i++) {
		http_stream_writec(fix.held, bytes, sizeof(bytes));
		turn(2);
	}
	assert_null(fix.held);
	assert_int_equal(fix.closed, 1);
	close(fd);
}

static int drains;
static void drained(void *arg) { drains++; }

static void draining_waits_for_requests_and_ends_idle_connections(void **state)
{
	BUF_AUTO struct buf out = { 0 };
	int idle = dial(), busy = dial(), watch = dial();

	own_clock();
	drains = 0;
	says(idle, GET_HELLO);
	hear(idle, &out, "hello\n");
	says(busy, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(3);
	struct http_req *held = fix.held;
	says(watch, "GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(3);
	http_server_drain(fix.server, drained, NULL);
	assert_true(hear(idle, &out, NULL));
	assert_int_equal(drains, 0);
	buf_clear(&out);
	http_reply(held, 200, "done", 4);
	assert_true(hear(busy, &out, NULL));
	assert_non_null(strstr(out.p, "connection: close"));
	assert_non_null(strstr(out.p, "done"));
	close(idle);
	close(busy);
	turn(3);
	assert_int_equal(drains, 0);
	advance_ms(5000);
	turn(3);
	assert_int_equal(drains, 1);
	assert_int_equal(fix.closed, 3);
	close(watch);
}

/* ---- upgraded connections ---- */

struct raw_log { struct buf in; int eofs, closed, drained; };

static void raw_data(void *arg, const void *p, size_t n)
{
	struct raw_log *l = arg;

	buf_add(&l->in, p, n);
	l->eofs += n == 0;
}
static void raw_closed(void *arg) { ((struct raw_log *)arg)->closed++; }
static void raw_drained(void *arg) { ((struct raw_log *)arg)->drained++; }
static const struct http_raw_ops raw_ops = { .data = raw_data, .closed = raw_closed,
	.drained = raw_drained };

#define UPGRADE "GET /raw HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n"

static void an_upgrade_gives_the_bytes_both_ways(void **state)
{
	BUF_AUTO struct buf out = { 0 };
	struct raw_log l = { 0 };
	int fd = dial();

	fix.raw_ops = &raw_ops;
	fix.raw_arg = &l;
	says(fd, UPGRADE "early bytes");
	assert_false(hear(fd, &out, "\r\n\r\n"));
	assert_non_null(strstr(out.p, "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n"));
	assert_non_null(strstr(out.p, "upgrade: test\r\n"));
	assert_string_equal(l.in.p, "early bytes");
	assert_int_equal(fix.closed, 1);
	says(fd, " and more");
	turn(3);
	assert_string_equal(l.in.p, "early bytes and more");
	http_raw_write(fix.raw, "hi there", 8);
	assert_false(hear(fd, &out, "hi there"));
	assert_true(l.drained > 0);
	http_raw_pause(fix.raw, true);
	turn(2);
	says(fd, "!");
	turn(3);
	assert_string_equal(l.in.p, "early bytes and more");
	http_raw_pause(fix.raw, false);
	turn(3);
	assert_string_equal(l.in.p, "early bytes and more!");
	shutdown(fd, SHUT_WR);
	turn(3);
	assert_int_equal(l.eofs, 1);
	http_raw_write(fix.raw, "bye", 3);
	http_raw_close(fix.raw);
	assert_true(hear(fd, &out, NULL));
	assert_non_null(strstr(out.p, "bye"));
	assert_int_equal(l.closed, 1);
	close(fd);
	buf_finish(&l.in);
}

static void an_upgrade_with_a_body_is_refused(void **state)
{
	BUF_AUTO struct buf out = { 0 };

	fix.raw_ops = &raw_ops;
	talk("POST /raw HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: test\r\n"
		"Content-Length: 2\r\n\r\nab", NULL, &out);
	assert_non_null(strstr(out.p, "400 Bad"));
	assert_null(fix.raw);
}

static void closing_the_server_closes_raw_connections(void **state)
{
	struct raw_log l = { 0 };
	int fd = dial();

	fix.raw_ops = &raw_ops;
	fix.raw_arg = &l;
	says(fd, UPGRADE);
	turn(3);
	http_server_close(fix.server);
	fix.server = NULL;
	assert_int_equal(l.closed, 1);
	close(fd);
}

/* ---- curl ---- */

static const struct {
	const char *name, *cmd, *want;
} curl_cases[] = {
	{ "h1", "curl -sS --http1.1 --cacert ca.crt https://127.0.0.1:$PORT/version", "1" },
	{ "h2", "curl -sS --http2 --cacert ca.crt https://127.0.0.1:$PORT/version", "2" },
	{ "TLS 1.2", "curl -sS --tls-max 1.2 --cacert ca.crt https://127.0.0.1:$PORT/version", "2" },
	{ "TLS 1.1 is refused", "curl -s --tlsv1.1 --tls-max 1.1 --cacert ca.crt "
		"https://127.0.0.1:$PORT/version; echo $?", "35\n" },
	{ "many requests, one connection", "curl -sS --cacert ca.crt -w '%{num_connects}' "
		"\"https://127.0.0.1:$PORT/n[1-60]\"", "/n11/n20/n30" },
	{ "h2 in parallel", "curl -sS --no-progress-meter -Z --parallel-max 50 --cacert ca.crt "
		"\"https://127.0.0.1:$PORT/big?[1000-1099]\" | wc -c", "104950\n" },
	{ "h1 in parallel", "curl -sS --http1.1 --no-progress-meter -Z --parallel-max 20 --cacert ca.crt "
		"\"https://127.0.0.1:$PORT/big?[1000-1099]\" | wc -c", "104950\n" },
	{ "a body over h2", "curl -sS --cacert ca.crt --data-binary @in https://127.0.0.1:$PORT/echo "
		"| cmp - in && echo same", "same\n" },
	{ "a body over h1", "curl -sS --http1.1 --cacert ca.crt --data-binary @in "
		"https://127.0.0.1:$PORT/echo | cmp - in && echo same", "same\n" },
	{ "a chunked body over h1", "curl -sS --http1.1 --cacert ca.crt -T - https://127.0.0.1:$PORT/echo "
		"<in | cmp - in && echo same", "same\n" },
	{ "a body over the limit, h2", "cat in in | curl -sS -o /dev/null -w '%{http_code}' --cacert ca.crt "
		"--data-binary @- https://127.0.0.1:$PORT/echo", "413" },
	{ "an early answer, h2", "cat in in in in in in | curl -s -o /dev/null -w '%{http_code}' "
		"--cacert ca.crt --data-binary @- https://127.0.0.1:$PORT/early", "403" },
	{ "an early answer, h1", "cat in in in in in in | curl -s --http1.1 -o /dev/null -w '%{http_code}' "
		"--cacert ca.crt --data-binary @- https://127.0.0.1:$PORT/early", "403" },
	{ "a large answer, h2", "curl -sS --cacert ca.crt https://127.0.0.1:$PORT/big?30000000 | wc -c",
		"30000000\n" },
	{ "a large answer, h1", "curl -sS --http1.1 --cacert ca.crt https://127.0.0.1:$PORT/big?30000000 "
		"| wc -c", "30000000\n" },
	{ "a stream, h2", "curl -sS --cacert ca.crt https://127.0.0.1:$PORT/stream?20000000 | wc -c",
		"20000000\n" },
	{ "a stream, h1", "curl -sS --http1.1 --cacert ca.crt https://127.0.0.1:$PORT/stream?20000000 "
		"| wc -c", "20000000\n" },
	{ "HEAD, h2", "curl -sSI --cacert ca.crt https://127.0.0.1:$PORT/hello | grep -ci '^content-length: 6'",
		"1\n" },
	{ "HEAD of a stream, h2", "curl -sSI -o /dev/null -w '%{http_code}' --cacert ca.crt "
		"https://127.0.0.1:$PORT/stream?50", "200" },
	{ "204, h2", "curl -sS -w '%{http_code}' --cacert ca.crt https://127.0.0.1:$PORT/nothing", "204" },
	{ "no Connection header in h2", "curl -sSi --cacert ca.crt https://127.0.0.1:$PORT/hello "
		"| grep -ci '^connection:'", "0\n" },
	{ "headers over the limit, h2", "for i in $(seq 300); do echo x-$i: y; done >headers; curl -sS "
		"-o /dev/null -w '%{http_code}' -H @headers --cacert ca.crt https://127.0.0.1:$PORT/hello",
		"431" },
	{ "nobody", "curl -sS --cacert ca.crt https://127.0.0.1:$PORT/who", "nobody" },
	{ "a client certificate", "curl -sS --cert me.crt --key me.key --cacert ca.crt "
		"https://127.0.0.1:$PORT/who", "alice dev ops" },
	{ "a client certificate, h1 and TLS 1.2", "curl -sS --http1.1 --tls-max 1.2 --cert me.crt "
		"--key me.key --cacert ca.crt https://127.0.0.1:$PORT/who", "alice dev ops" },
	{ "a stranger's certificate is refused", "curl -sS --cert other.crt --key other.key "
		"--cacert ca.crt https://127.0.0.1:$PORT/who", "refused" },
	{ "and with TLS 1.2", "curl -sS --tls-max 1.2 --cert other.crt --key other.key "
		"--cacert ca.crt https://127.0.0.1:$PORT/who", "refused" },
	{ "a serving certificate is not a client's", "curl -sS --cert server.crt --key server.key "
		"--cacert ca.crt https://127.0.0.1:$PORT/who", "refused" },
	{ "plain HTTP to the TLS port", "curl -sS http://127.0.0.1:$PORT/",
		"Client sent an HTTP request to an HTTPS server.\n" },
};

static void requests_by_curl(void **state)
{
	static const char *const orgs[] = { "dev", "ops", NULL };
	BUF_AUTO struct buf out = { 0 };
	BUF_AUTO struct buf in = { 0 };

	make_client("me", "alice", orgs, false);
	make_client("other", "mallory", orgs, true);
	write_file("server.crt", fix.cert.p);
	write_file("server.key", fix.key.p);
	for (int i = 0; in.len < 1000000; i++)
		buf_printf(&in, "%d ", i);
	write_file("in", in.p);
	for (size_t i = 0; i < sizeof(curl_cases) / sizeof(curl_cases[0]); i++) {
		run(curl_cases[i].cmd, &out);
		if (!strstr(out.p, curl_cases[i].want))
			fail_msg("%s: wanted %s got\n%s", curl_cases[i].name, curl_cases[i].want, out.p);
	}
}

static void resumed_sessions_keep_their_identity(void **state)
{
	static const char *const orgs[] = { "dev", NULL };
	static const char cmd[] =
		"req() { printf 'GET /who HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'; }\n"
		"for who in me other; do\n"
		"req | openssl s_client -quiet -connect 127.0.0.1:$PORT -CAfile ca.crt -cert $who.crt "
		"-key $who.key -sess_out sess -alpn http/1.1 2>/dev/null | tail -n 1; echo\n"
		"req | openssl s_client -connect 127.0.0.1:$PORT -CAfile ca.crt -sess_in sess "
		"-ign_eof -alpn http/1.1 2>/dev/null | grep -aE '^Reused|alice|refused'\n"
		"done\n";
	BUF_AUTO struct buf out = { 0 };

	make_client("me", "alice", orgs, false);
	make_client("other", "mallory", orgs, true);
	run(cmd, &out);
	if (count(out.p, "alice dev") != 2 || count(out.p, "refused") != 2 || count(out.p, "Reused") != 2)
		fail_msg("got\n%s", out.p);
}

static void an_h2_client_that_leaves_ends_its_request_once(void **state)
{
	pid_t pid = start_command("exec curl -sSN --cacert ca.crt https://127.0.0.1:$PORT/watch");

	for (int i = 0; i < 1000 && !fix.held; i++)
		loop_turn(fix.loop, 5);
	assert_non_null(fix.held);
	kill(pid, SIGKILL);
	wait_command();
	turn(5);
	assert_null(fix.held);
	assert_int_equal(fix.closed, 1);
}

static void an_h2_stream_aborted_by_us_ends_alone(void **state)
{
	BUF_AUTO struct buf out = { 0 };

	start_command("curl -sN --cacert ca.crt https://127.0.0.1:$PORT/watch; echo $?");
	for (int i = 0; i < 1000 && !fix.held; i++)
		loop_turn(fix.loop, 5);
	turn(3);
	http_abort(fix.held);
	wait_command();
	read_output(&out);
	assert_string_equal(out.p, "first\n92\n");   /* CURLE_HTTP2_STREAM */
	assert_int_equal(fix.closed, 1);
}

static void a_connection_that_begins_while_draining_is_answered_once(void **state)
{
	BUF_AUTO struct buf out = { 0 };
	int accepted = dial(), waiting = dial();

	drains = 0;
	turn(3);
	http_server_drain(fix.server, drained, NULL);
	turn(3);
	assert_int_equal(drains, 0);
	says(accepted, GET_HELLO);
	assert_true(hear(accepted, &out, NULL));
	assert_non_null(strstr(out.p, "connection: close"));
	assert_non_null(strstr(out.p, "hello"));
	buf_clear(&out);
	says(waiting, GET_HELLO);
	assert_true(hear(waiting, &out, NULL));
	assert_non_null(strstr(out.p, "hello"));
	close(accepted);
	close(waiting);
	for (int i = 0; i < 100 && !drains; i++)
		turn(1);
	assert_int_equal(drains, 1);
}

static void a_retiring_server_accepts_and_keeps_no_connection(void **state)
{
	BUF_AUTO struct buf out = { 0 };
	int old = dial(), fresh;

	says(old, GET_HELLO);
	hear(old, &out, "hello\n");
	http_server_retire(fix.server);
	buf_clear(&out);
	says(old, GET_HELLO);
	assert_true(hear(old, &out, NULL));
	assert_non_null(strstr(out.p, "connection: close"));
	fresh = dial();
	buf_clear(&out);
	says(fresh, GET_HELLO);
	assert_true(hear(fresh, &out, NULL));
	assert_non_null(strstr(out.p, "hello"));
	close(old);
	close(fresh);
}

static void a_slow_h2_reader_holds_the_stream_back(void **state)
{
	BUF_AUTO struct buf out = { 0 };

	run("curl -sSN --limit-rate 20M --cacert ca.crt https://127.0.0.1:$PORT/stream?10000000 | wc -c",
		&out);
	assert_string_equal(out.p, "10000000\n");
	assert_true(fix.max_pending <= 2 * STREAM_STEP);
	assert_int_equal(fix.closed, 1);
}

static void draining_h2_lets_streams_end(void **state)
{
	BUF_AUTO struct buf out = { 0 };

	drains = 0;
	start_command("curl -sSN --cacert ca.crt https://127.0.0.1:$PORT/watch");
	for (int i = 0; i < 1000 && !fix.held; i++)
		loop_turn(fix.loop, 5);
	http_server_drain(fix.server, drained, NULL);
	turn(5);
	assert_non_null(fix.held);
	http_stream_writec(fix.held, "last\n", 5);
	http_stream_end(fix.held);
	wait_command();
	read_output(&out);
	assert_string_equal(out.p, "first\nlast\n");
	for (int i = 0; i < 100 && !drains; i++)
		turn(1);
	assert_int_equal(drains, 1);
	assert_int_equal(run("curl -s https://127.0.0.1:$PORT/", &out), 7);
}

static void the_certificate_can_be_replaced(void **state)
{
	static const char *const ips[] = { "127.0.0.1", NULL };
	struct pki_request q = { .cn = "second", .ips = ips, .server = true,
		.now_s = env_wall_us() / 1000000, .valid_s = 3600 };
	BUF_AUTO struct buf cert = { 0 };
	BUF_AUTO struct buf out = { 0 };
	struct err e;

	assert_int_equal(pki_issue(&cert, &q, fix.key.p, fix.ca_cert.p, fix.ca_key.p, &e), 0);
	assert_true(http_server_set_cert(fix.server, cert.p, fix.ca_key.p, &e) < 0);
	assert_int_equal(http_server_set_cert(fix.server, cert.p, fix.key.p, &e), 0);
	run("curl -svo /dev/null --cacert ca.crt https://127.0.0.1:$PORT/hello 2>&1 | grep -c 'CN=second'",
		&out);
	assert_string_equal(out.p, "1\n");
}

static void a_taken_port_is_said_in_words(void **state)
{
	struct http_config cfg = { .handler = handle };
	struct http_server *s;
	char addr[64], want[160];
	struct err e;

	snprintf(addr, sizeof(addr), "127.0.0.1:%u", fix.port);
	snprintf(want, sizeof(want), "address %s is in use; choose another with --listen", addr);
	cfg.listen = addr;
	assert_int_equal(http_server_open(&s, fix.loop, &cfg, &e), -ERR_IO);
	assert_string_equal(e.msg, want);
	cfg.listen = "203.0.113.7:1";
	assert_int_equal(http_server_open(&s, fix.loop, &cfg, &e), -ERR_IO);
	assert_non_null(strstr(e.msg, "is not one of this machine's"));
	cfg.listen = "nowhere";
	assert_int_equal(http_server_open(&s, fix.loop, &cfg, &e), -ERR_IO);
	cfg.listen = "[::1]:0";
	assert_int_equal(http_server_open(&s, fix.loop, &cfg, &e), 0);
	http_server_close(s);
}

static void a_handshake_that_never_ends_is_cut_off(void **state)
{
	BUF_AUTO struct buf out = { 0 };
	int silent = dial(), slow = dial();

	own_clock();
	turn(3);
	for (int i = 0; i < 4; i++) {
		say(slow, &"\x16\x03\x01\x02"[i], 1);
		advance_ms(HTTP_IDLE_MS / 4 - 500);
	}
	assert_true(still_open(silent, &out));
	advance_ms(4000);
	assert_true(hear(silent, &out, NULL));
	assert_true(hear(slow, &out, NULL));
	close(silent);
	close(slow);
}

static void connections_over_the_bound_wait(void **state)
{
	struct http_config cfg = { .listen = "127.0.0.1:0", .handler = handle, .conns_max = 2 };
	BUF_AUTO struct buf out = { 0 };
	struct http_stats st;
	int fd[3];

	http_server_close(fix.server);
	assert_int_equal(http_server_open(&fix.server, fix.loop, &cfg, NULL), 0);
	fix.port = http_server_port(fix.server);
	for (int i = 0; i < 3; i++) {
		fd[i] = dial();
		says(fd[i], GET_HELLO);
		turn(3);
	}
	http_server_stats(fix.server, &st);
	assert_int_equal(st.conns, 2);
	assert_int_equal(st.requests, 2);
	close(fd[0]);
	assert_false(hear(fd[2], &out, "hello\n"));
	close(fd[1]);
	close(fd[2]);
}

static void a_client_certificate_may_be_required(void **state)
{
	static const char *const orgs[] = { "dev", NULL };
	struct http_config cfg = { .listen = "127.0.0.1:0", .handler = handle, .cert_pem = fix.cert.p,
		.key_pem = fix.key.p, .client_ca_pem = fix.ca_cert.p, .require_client_cert = true };
	BUF_AUTO struct buf out = { 0 };

	make_client("me", "alice", orgs, false);
	make_client("other", "mallory", orgs, true);
	http_server_close(fix.server);
	assert_int_equal(http_server_open(&fix.server, fix.loop, &cfg, NULL), 0);
	fix.port = http_server_port(fix.server);
	run("for a in '' '--cert other.crt --key other.key' '--cert me.crt --key me.key'; do "
		"curl -s $a --cacert ca.crt https://127.0.0.1:$PORT/who || echo -n 'no '; done", &out);
	assert_string_equal(out.p, "no no alice dev");
}

static void pausing_data(void *arg, const void *p, size_t n)
{
	struct raw_log *l = arg;

	raw_data(arg, p, n);
	l->drained++;
	if (n)
		http_raw_pause(fix.raw, true);
}

static void a_paused_tls_connection_rests_and_loses_nothing(void **state)
{
	static const struct http_raw_ops pausing_ops = { .data = pausing_data, .closed = raw_closed };
	struct raw_log l = { 0 };
	int64_t before;
	pid_t pid;

	fix.raw_ops = &pausing_ops;
	fix.raw_arg = &l;
	pid = start_command("{ printf 'GET /raw HTTP/1.1\\r\\nHost: x\\r\\nConnection: Upgrade\\r\\nUpgrade: test"
		"\\r\\n\\r\\n'; sleep 0.2; head -c 3000000 /dev/zero | tr '\\0' a; sleep 30; } | exec openssl s_client "
		"-quiet -connect 127.0.0.1:$PORT -CAfile ca.crt -alpn http/1.1 2>/dev/null");
	for (int i = 0; i < 2000 && !l.in.len; i++)
		loop_turn(fix.loop, 5);
	assert_true(l.in.len > 0);
	turn(50);
	before = env_now_us();
	turn(20);
	assert_true(env_now_us() - before > 20000);   /* nothing is busy */
	assert_int_equal(l.drained, 1);
	for (int i = 0; i < 5000 && l.in.len < 3000000; i++) {
		http_raw_pause(fix.raw, false);
		loop_turn(fix.loop, 5);
	}
	assert_int_equal(l.in.len, 3000000);
	http_raw_close(fix.raw);
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	wait_command();
	turn(5);
	assert_int_equal(l.closed, 1);
	buf_finish(&l.in);
}

#define PLAIN(fn) cmocka_unit_test_setup_teardown(fn, setup_plain, teardown)
#define TLS(fn)   cmocka_unit_test_setup_teardown(fn, setup_tls, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(requests_by_hand),
		PLAIN(pipelined_requests_are_answered_in_order),
		PLAIN(a_request_may_come_byte_by_byte),
		PLAIN(a_body_held_back_is_asked_for),
		PLAIN(headers_over_the_limit_get_431),
		PLAIN(a_body_without_a_length_is_limited_too),
		PLAIN(slow_senders_are_cut_off),
		PLAIN(a_body_that_never_ends_is_cut_off_after_its_answer),
		PLAIN(a_reader_of_nothing_is_cut_off),
		PLAIN(a_kept_connection_waits_longer_than_a_new_one),
		PLAIN(a_client_that_leaves_ends_its_request_once),
		PLAIN(a_late_answer_and_an_abort),
		PLAIN(a_stream_is_held_back_by_a_client_that_does_not_read),
		PLAIN(one_that_never_reads_is_cut_off_when_the_writer_does_not_wait),
		PLAIN(draining_waits_for_requests_and_ends_idle_connections),
		PLAIN(a_connection_that_begins_while_draining_is_answered_once),
		PLAIN(a_retiring_server_accepts_and_keeps_no_connection),
		PLAIN(an_upgrade_gives_the_bytes_both_ways),
		PLAIN(an_upgrade_with_a_body_is_refused),
		PLAIN(closing_the_server_closes_raw_connections),
		TLS(requests_by_curl),
		TLS(resumed_sessions_keep_their_identity),
		TLS(an_h2_client_that_leaves_ends_its_request_once),
		TLS(an_h2_stream_aborted_by_us_ends_alone),
		TLS(a_slow_h2_reader_holds_the_stream_back),
		TLS(draining_h2_lets_streams_end),
		TLS(the_certificate_can_be_replaced),
		TLS(a_paused_tls_connection_rests_and_loses_nothing),
		TLS(a_handshake_that_never_ends_is_cut_off),
		TLS(a_client_certificate_may_be_required),
		PLAIN(connections_over_the_bound_wait),
		PLAIN(a_taken_port_is_said_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
