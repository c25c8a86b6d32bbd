/* SPDX-License-Identifier: Apache-2.0 */
/* test_h2 - HTTP/2 frames by hand: limits, floods, windows, breaches. */
#include "server_fixture.h"

#include <netinet/tcp.h>

enum { DATA, HEADERS, RST = 3, SETTINGS, PING = 6, GOAWAY, WINDOW, CONTINUATION };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

struct peer {
	int fd;
	struct buf in;
	size_t at;           /* frames before this were looked at */
	bool gone;
};

static void add_frame(struct buf *b, uint8_t type, uint8_t flags, uint32_t id, const void *p, size_t n)
{
	const uint8_t h[9] = { (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, type, flags,
		(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id };

	buf_add(b, h, sizeof(h));
	buf_add(b, p, n);
}

/* A literal header that goes into no table. */
static void add_header(struct buf *b, const char *name, const char *value)
{
	buf_addc(b, 0);
	buf_addc(b, (char)strlen(name));
	buf_adds(b, name);
	assert_true(strlen(value) < 127);
	buf_addc(b, (char)strlen(value));
	buf_adds(b, value);
}

static void add_request(struct buf *b, uint32_t id, const char *method, const char *path, bool end)
{
	BUF_AUTO struct buf h = { 0 };

	add_header(&h, ":method", method);
	add_header(&h, ":scheme", "http");
	add_header(&h, ":path", path);
	add_header(&h, ":authority", "x");
	add_frame(b, HEADERS, END_HEADERS | (end ? END_STREAM : 0), id, h.p, h.len);
}

static void open_peer(struct peer *p)
{
	BUF_AUTO struct buf b = { 0 };
	int one = 1;

	*p = (struct peer){ .fd = dial() };
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	buf_adds(&b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	add_frame(&b, SETTINGS, 0, 0, NULL, 0);
	add_frame(&b, SETTINGS, ACK, 0, NULL, 0);
	say(p->fd, b.p, b.len);
}

static void close_peer(struct peer *p)
{
	close(p->fd);
	buf_finish(&p->in);
	turn(5);
}

static void send_buf(struct peer *p, struct buf *b)
{
	say(p->fd, b->p, b->len);
	buf_clear(b);
}

static void listen_some(struct peer *p, int turns)
{
	char b[65536];

	for (int i = 0; i < turns; i++) {
		ssize_t n = read(p->fd, b, sizeof(b));

		if (n > 0)
			buf_add(&p->in, b, (size_t)n);
		else if (n == 0 || errno != EAGAIN)
			p->gone = true;
		turn(1);
	}
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* How many frames of a type came on a stream (id 0 with any: all streams); the error
 * code of the newest RST or GOAWAY in *code. */
static unsigned frames(const struct peer *p, uint8_t type, uint32_t id, uint32_t *code)
{
	unsigned n = 0;

	for (size_t at = 0; at + 9 <= p->in.len;) {
		const uint8_t *f = (const uint8_t *)p->in.p + at;
		size_t len = (size_t)f[0] << 16 | (size_t)f[1] << 8 | f[2];

		if (at + 9 + len > p->in.len)
			break;
		if (f[3] == type && (be32(f + 5) & 0x7fffffff) == id && !(type == SETTINGS && f[4] & ACK)) {
			n++;
			if (code && type == RST)
				*code = be32(f + 9);
			if (code && type == GOAWAY)
				*code = be32(f + 13);
		}
		at += 9 + len;
	}
	return n;
}

static void requests_are_answered_on_their_streams(void **state)
{
	BUF_AUTO struct buf b = { 0 };
	struct peer p;

	open_peer(&p);
	add_request(&b, 1, "GET", "/hello", true);
	add_request(&b, 3, "GET", "/hold", true);
	add_request(&b, 5, "GET", "/version", true);
	send_buf(&p, &b);
	listen_some(&p, 5);
	assert_int_equal(frames(&p, HEADERS, 1, NULL), 1);
	assert_int_equal(frames(&p, DATA, 1, NULL), 1);
	assert_int_equal(frames(&p, HEADERS, 3, NULL), 0);
	assert_int_equal(frames(&p, DATA, 5, NULL), 1);
	assert_int_equal(frames(&p, SETTINGS, 0, NULL), 1);
	assert_int_equal(fix.closed, 2);
	close_peer(&p);
	assert_int_equal(fix.closed, 3);
}

static void streams_above_the_limit_are_refused(void **state)
{
	BUF_AUTO struct buf b = { 0 };
	struct peer p;
	uint32_t code = 0;

	open_peer(&p);
	for (uint32_t i = 0; i < HTTP_STREAMS_MAX + 1; i++)
		add_request(&b, 1 + 2 * i, "GET", "/hold", true);
	send_buf(&p, &b);
	listen_some(&p, 5);
	/* The client has acknowledged the limit: going over it is an error. */
	assert_int_equal(frames(&p, GOAWAY, 0, &code), 1);
	assert_int_equal(code, 1);
	close_peer(&p);
	assert_int_equal(fix.closed, HTTP_STREAMS_MAX);
}

static void floods_end_the_connection(void **state)
{
	static const struct { const char *name; uint8_t type; size_t n; } cases[] = {
		{ "resets", RST, 4 }, { "settings", SETTINGS, 0 }, { "pings", PING, 8 },
	};

	for (size_t i = 0; i < 3; i++) {
		BUF_AUTO struct buf b = { 0 };
		struct http_stats st;
		struct peer p;

		open_peer(&p);
		for (uint32_t j = 0; j < 40000; j++) {
			if (cases[i].type == RST) {
				add_request(&b, 1 + 2 * j, "GET", "/hold", true);
				add_frame(&b, RST, 0, 1 + 2 * j, "\0\0\0\x08", 4);
				if (j > 4000)
					break;
			} else {   /* their answers are not read */
				add_frame(&b, cases[i].type, 0, 0, "12345678", cases[i].n);
			}
		}
		for (int k = 0; k < 40; k++) {
			send_buf(&p, &b);
			if (cases[i].type != RST)
				for (uint32_t j = 0; j < 20000; j++)
					add_frame(&b, cases[i].type, 0, 0, "12345678", cases[i].n);
		}
		turn(10);
		http_server_stats(fix.server, &st);
		if (st.conns && !(listen_some(&p, 20), p.gone))
			fail_msg("a flood of %s goes on", cases[i].name);
		close_peer(&p);
		http_server_stats(fix.server, &st);
		assert_int_equal(st.conns, 0);
		assert_int_equal(st.streams, 0);
	}
	assert_true(fix.closed > 0);
}

static void a_body_nobody_reads_is_bounded_and_stops_no_other(void **state)
{
	static char piece[16384];
	BUF_AUTO struct buf b = { 0 };
	struct peer p;
	uint32_t code = 0;

	open_peer(&p);
	add_request(&b, 1, "POST", "/hold", false);
	for (int i = 0; i < 32; i++)             /* the stream's window, 512 KiB */
		add_frame(&b, DATA, 0, 1, piece, sizeof(piece));
	add_request(&b, 3, "POST", "/echo", false);
	for (int i = 0; i < 64; i++)             /* read: its window comes back */
		add_frame(&b, DATA, i == 63 ? END_STREAM : 0, 3, piece, 16000);
	send_buf(&p, &b);
	listen_some(&p, 20);
	assert_int_equal(frames(&p, WINDOW, 1, NULL), 0);
	assert_true(frames(&p, WINDOW, 3, NULL) >= 1);
	assert_int_equal(fix.bodies, 1);
	assert_int_equal(fix.body_rc, 0);
	add_frame(&b, DATA, 0, 1, piece, 1);     /* over the window */
	send_buf(&p, &b);
	listen_some(&p, 5);
	assert_int_equal(frames(&p, RST, 1, &code) + frames(&p, GOAWAY, 0, &code), 1);
	assert_int_equal(code, 3);               /* FLOW_CONTROL_ERROR */
	close_peer(&p);
	assert_int_equal(fix.closed, 2);
}

static void answers_keep_to_the_clients_window(void **state)
{
	BUF_AUTO struct buf b = { 0 };
	struct peer p;
	size_t had;

	open_peer(&p);
	add_request(&b, 1, "GET", "/big?200000", true);
	send_buf(&p, &b);
	listen_some(&p, 10);
	had = p.in.len;
	assert_true(had > 65535 && had < 67000);
	add_frame(&b, WINDOW, 0, 0, "\0\1\0\0", 4);
	add_frame(&b, WINDOW, 0, 1, "\0\0\x80\0", 4);
	send_buf(&p, &b);
	listen_some(&p, 10);
	assert_true(p.in.len >= had + 32768 && p.in.len < had + 32768 + 100);
	assert_int_equal(fix.closed, 0);
	add_frame(&b, RST, 0, 1, "\0\0\0\x08", 4);
	send_buf(&p, &b);
	turn(3);
	assert_int_equal(fix.closed, 1);
	close_peer(&p);
}

static void breaches_are_answered(void **state)
{
	static const struct { const char *name, *bytes; size_t n; bool goaway; uint32_t code; } cases[] = {
		{ "an unknown stream's data", "\0\0\1\0\0\0\0\0\x09x", 10, true, 1 },
		{ "a frame too large", "\xff\xff\xff\0\0\0\0\0\1", 9, true, 6 },
		{ "headers that do not decode", "\0\0\4\1\5\0\0\0\1\xff\xff\xff\xff", 13, true, 9 },
		{ "no path", "\0\0\1\1\5\0\0\0\1\x82", 10, false, 1 },
		{ "an upper case name", "\0\0\x0c\1\5\0\0\0\1\x82\x84\x86\0\2Ab\0\0\1a\0", 21, false, 1 },
		{ "a Connection header", "\0\0\x11\1\5\0\0\0\1\x82\x84\x86\0\x0a""connection\1x", 26, false, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BUF_AUTO struct buf b = { 0 };
		uint32_t code = 0;
		struct peer p;

		open_peer(&p);
		buf_add(&b, cases[i].bytes, cases[i].n);
		send_buf(&p, &b);
		listen_some(&p, 10);
		if (frames(&p, cases[i].goaway ? GOAWAY : RST, cases[i].goaway ? 0 : 1, &code) != 1 ||
		    code != cases[i].code)
			fail_msg("%s: code %u", cases[i].name, code);
		assert_int_equal(p.gone, cases[i].goaway);
		close_peer(&p);
		assert_int_equal(fix.closed, 0);
	}
}

static void endless_continuations_end_the_connection(void **state)
{
	BUF_AUTO struct buf b = { 0 };
	struct peer p;

	open_peer(&p);
	add_frame(&b, HEADERS, 0, 1, "\x82", 1);
	for (int i = 0; i < 2000; i++)
		add_frame(&b, CONTINUATION, 0, 1, "", 0);
	send_buf(&p, &b);
	listen_some(&p, 10);
	assert_true(p.gone);
	close_peer(&p);
}

static void a_slow_body_is_cut_off_alone(void **state)
{
	BUF_AUTO struct buf b = { 0 };
	struct peer p;
	uint32_t code = 0;

	own_clock();
	open_peer(&p);
	add_request(&b, 1, "GET", "/watch", true);
	add_request(&b, 3, "POST", "/echo", false);
	add_frame(&b, DATA, 0, 3, "abc", 3);
	send_buf(&p, &b);
	turn(3);
	advance_ms(HTTP_IDLE_MS - 1000);
	add_frame(&b, DATA, 0, 3, "abc", 3);
	send_buf(&p, &b);
	advance_ms(2000);
	listen_some(&p, 3);
	assert_int_equal(frames(&p, RST, 3, &code), 0);
	advance_ms(HTTP_IDLE_MS);
	listen_some(&p, 3);
	assert_int_equal(frames(&p, HEADERS, 3, NULL), 1);   /* it is told first */
	assert_int_equal(fix.body_rc, -ERR_DEADLINE);
	advance_ms(5000);
	listen_some(&p, 3);
	assert_int_equal(frames(&p, RST, 3, &code), 1);
	assert_int_equal(code, 8);   /* CANCEL */
	advance_ms(3600000);         /* a watch without events is no reason to close */
	listen_some(&p, 3);
	assert_false(p.gone);
	assert_non_null(fix.held);
	close_peer(&p);
	assert_int_equal(fix.closed, 2);
}

static void a_body_has_its_time(void **state)
{
	BUF_AUTO struct buf b = { 0 };
	struct peer p;

	own_clock();
	open_peer(&p);
	add_request(&b, 1, "POST", "/echo", false);
	for (int64_t t = 0; t < HTTP_BODY_MS; t += 10000) {
		add_frame(&b, DATA, 0, 1, "a", 1);
		send_buf(&p, &b);
		listen_some(&p, 3);
		assert_int_equal(fix.bodies, 0);
		advance_ms(10000);
	}
	listen_some(&p, 5);
	assert_int_equal(fix.body_rc, -ERR_DEADLINE);
	close_peer(&p);
}

/* A window that stays shut holds an answer for a minute, not for ever. */
static void who_takes_nothing_is_cut_off_alone(void **state)
{
	static const uint8_t no_window[6] = { 0, 4 };
	BUF_AUTO struct buf b = { 0 };
	struct peer p;
	uint32_t code = 0;

	own_clock();
	open_peer(&p);
	add_frame(&b, SETTINGS, 0, 0, no_window, sizeof(no_window));
	add_request(&b, 1, "GET", "/hello", true);
	add_request(&b, 3, "GET", "/hold", true);
	send_buf(&p, &b);
	listen_some(&p, 5);
	assert_int_equal(frames(&p, HEADERS, 1, NULL), 1);
	assert_int_equal(frames(&p, DATA, 1, NULL), 0);
	advance_ms(HTTP_STALL_MS - 1000);
	listen_some(&p, 3);
	assert_int_equal(frames(&p, RST, 1, NULL), 0);
	advance_ms(2000);
	listen_some(&p, 3);
	assert_int_equal(frames(&p, RST, 1, &code), 1);
	assert_int_equal(code, 8);   /* CANCEL */
	assert_non_null(fix.held);
	assert_false(p.gone);
	close_peer(&p);
}

static void an_idle_connection_gets_goaway(void **state)
{
	BUF_AUTO struct buf b = { 0 };
	struct peer p;

	own_clock();
	open_peer(&p);
	add_request(&b, 1, "GET", "/hello", true);
	send_buf(&p, &b);
	listen_some(&p, 3);
	advance_ms(60000);
	listen_some(&p, 3);
	assert_false(p.gone);
	advance_ms(300000);
	listen_some(&p, 5);
	assert_int_equal(frames(&p, GOAWAY, 0, NULL), 1);
	assert_true(p.gone);
	close_peer(&p);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup_plain, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(requests_are_answered_on_their_streams),
		CASE(streams_above_the_limit_are_refused),
		CASE(floods_end_the_connection),
		CASE(a_body_nobody_reads_is_bounded_and_stops_no_other),
		CASE(answers_keep_to_the_clients_window),
		CASE(breaches_are_answered),
		CASE(endless_continuations_end_the_connection),
		CASE(a_slow_body_is_cut_off_alone),
		CASE(a_body_has_its_time),
		CASE(who_takes_nothing_is_cut_off_alone),
		CASE(an_idle_connection_gets_goaway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
