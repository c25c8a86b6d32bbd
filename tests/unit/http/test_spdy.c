/* SPDX-License-Identifier: Apache-2.0 */
/* test_spdy - SPDY/3.1 frames as a client makes and reads them, over a plain carrier, an
 * upgraded connection and a WebSocket. */
#include "server_fixture.h"
#include "http/spdy.h"
#include "http/spdy_priv.h"

/* ---- the client ---- */

struct client {
	z_stream def, inf;
	struct buf out;      /* to the server */
	struct buf in;       /* from the server */
};

static void client_open(struct client *c)
{
	*c = (struct client){ 0 };
	assert_int_equal(deflateInit(&c->def, 9), Z_OK);
	deflateSetDictionary(&c->def, spdy_dictionary(), SPDY_DICTIONARY_BYTES);
	assert_int_equal(inflateInit(&c->inf), Z_OK);
}

static void client_close(struct client *c)
{
	deflateEnd(&c->def);
	inflateEnd(&c->inf);
	buf_finish(&c->out);
	buf_finish(&c->in);
}

static void add32(struct buf *b, uint32_t v)
{
	buf_add(b, (uint8_t[]){ (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v }, 4);
}

static uint32_t at32(const struct buf *b, size_t at)
{
	const uint8_t *p = (const uint8_t *)b->p + at;

	assert_true(at + 4 <= b->len);
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* headers: name, value, ..., NULL */
static void syn(struct client *c, uint32_t id, uint8_t flags, const char *const *headers)
{
	static uint8_t packed[200000];
	BUF_AUTO struct buf plain = { 0 };
	uint32_t n = 0;

	while (headers[n])
		n++;
	add32(&plain, n / 2);
	for (uint32_t i = 0; i < n; i++) {
		add32(&plain, (uint32_t)strlen(headers[i]));
		buf_adds(&plain, headers[i]);
	}
	c->def.next_in = (uint8_t *)plain.p;
	c->def.avail_in = (unsigned)plain.len;
	c->def.next_out = packed;
	c->def.avail_out = sizeof(packed);
	assert_int_equal(deflate(&c->def, Z_SYNC_FLUSH), Z_OK);
	n = (uint32_t)(sizeof(packed) - c->def.avail_out);
	add32(&c->out, 0x80030001);
	add32(&c->out, (uint32_t)flags << 24 | (n + 10));
	add32(&c->out, id);
	add32(&c->out, 0);
	buf_add(&c->out, "\0\0", 2);
	buf_add(&c->out, packed, n);
}

static void data(struct client *c, uint32_t id, const void *p, size_t n, bool fin)
{
	add32(&c->out, id);
	add32(&c->out, (uint32_t)n | (fin ? 0x01000000u : 0));
	buf_add(&c->out, p, n);
}

static void control2(struct client *c, uint32_t type, uint32_t a, uint32_t b)
{
	add32(&c->out, 0x80030000 | type);
	add32(&c->out, 8);
	add32(&c->out, a);
	add32(&c->out, b);
}

/* What the server said, one word a frame: "reply1 data1:abc fin1 rst3:5 ping7 window1:n". */
static void read_frames(struct client *c, struct buf *ret)
{
	size_t at = 0;

	while (c->in.len - at >= 8) {
		uint32_t a = at32(&c->in, at), b = at32(&c->in, at + 4), n = b & 0xffffff;

		if (c->in.len - at < 8 + n)
			break;
		if (!(a & 0x80000000)) {
			if (n)
				buf_printf(ret, "data%u:%.*s ", a, n > 40 ? 40 : (int)n, c->in.p + at + 8);
			if (b >> 24)
				buf_printf(ret, "fin%u ", a);
		} else if ((a & 0xffff) == 2) {
			uint8_t plain[64];

			c->inf.next_in = (uint8_t *)c->in.p + at + 12;
			c->inf.avail_in = n - 4;
			c->inf.next_out = plain;
			c->inf.avail_out = sizeof(plain);
			int rc = inflate(&c->inf, Z_SYNC_FLUSH);
			if (rc == Z_NEED_DICT) {
				inflateSetDictionary(&c->inf, spdy_dictionary(), SPDY_DICTIONARY_BYTES);
				rc = inflate(&c->inf, Z_SYNC_FLUSH);
			}
			assert_int_equal(rc, Z_OK);
			assert_int_equal(sizeof(plain) - c->inf.avail_out, 4);
			assert_memory_equal(plain, "\0\0\0\0", 4);
			buf_printf(ret, "reply%u ", at32(&c->in, at + 8));
		} else if ((a & 0xffff) == 3) {
			buf_printf(ret, "rst%u:%u ", at32(&c->in, at + 8), at32(&c->in, at + 12));
		} else if ((a & 0xffff) == 6) {
			buf_printf(ret, "ping%u ", at32(&c->in, at + 8));
		} else if ((a & 0xffff) == 7) {
			buf_printf(ret, "goaway%u:%u ", at32(&c->in, at + 8), at32(&c->in, at + 12));
		} else if ((a & 0xffff) == 9) {
			buf_printf(ret, "window%u:%u ", at32(&c->in, at + 8), at32(&c->in, at + 12));
		}
		at += 8 + n;
	}
	buf_consume(&c->in, at);
	buf_addc(ret, 0);
}

/* ---- the server ---- */

struct seen {
	struct buf text;               /* "open1=stdout data1:abc fin1 closed1" */
	struct spdy_stream *st[64];
	int closed;
	bool refuse, echo, write_first, keep;
	size_t got;
};

static bool on_stream(void *arg, struct spdy_stream *st)
{
	struct seen *s = arg;
	const char *type = spdy_stream_header(st, "streamtype");

	buf_printf(&s->text, "open%u=%s ", spdy_stream_id(st), type ? type : "?");
	if (s->refuse)
		return false;
	s->st[spdy_stream_id(st) % 64] = st;
	spdy_stream_set_context(st, s);
	if (s->write_first)
		spdy_stream_write(st, "hello", 5);
	return true;
}

static void on_data(void *arg, struct spdy_stream *st, const void *p, size_t n, bool fin)
{
	struct seen *s = arg;

	assert_ptr_equal(spdy_stream_context(st), s);
	s->got += n;
	if (s->echo)
		spdy_stream_write(st, p, n);
	else if (n)
		buf_printf(&s->text, "data%u:%.*s ", spdy_stream_id(st), n > 40 ? 40 : (int)n, (const char *)p);
	if (!s->keep)
		spdy_stream_consumed(st, n);
	if (fin) {
		buf_printf(&s->text, "fin%u ", spdy_stream_id(st));
		if (s->echo)
			spdy_stream_fin(st);
	}
}

static void on_stream_closed(void *arg, struct spdy_stream *st)
{
	struct seen *s = arg;

	buf_printf(&s->text, "closed%u ", spdy_stream_id(st));
	s->st[spdy_stream_id(st) % 64] = NULL;
}

static void on_closed(void *arg) { ((struct seen *)arg)->closed++; }

static const struct spdy_ops ops = { .stream = on_stream, .data = on_data,
	.stream_closed = on_stream_closed, .closed = on_closed };

static void plain_out(void *io, const void *p, size_t n) { buf_add(&((struct client *)io)->in, p, n); }

/* Feed what the client wrote, in pieces of step bytes. */
static void feed(struct spdy *s, struct client *c, size_t step)
{
	for (size_t at = 0; at < c->out.len; at += step) {
		size_t n = c->out.len - at < step ? c->out.len - at : step;
		char *exact = malloc(n);

		memcpy(exact, c->out.p + at, n);
		spdy_feed(s, exact, n);
		free(exact);
	}
	buf_clear(&c->out);
}

static const char *const OUT[] = { "streamtype", "stdout", "port", "80", NULL };
static const char *const ERR[] = { "streamtype", "error", NULL };

static void assert_said(struct client *c, const char *want)
{
	BUF_AUTO struct buf said = { 0 };

	read_frames(c, &said);
	assert_string_equal(said.p, want);
}

static void assert_seen(struct seen *s, const char *want)
{
	assert_string_equal(s->text.p ? s->text.p : "", want);
	buf_clear(&s->text);
}

/* ---- cases ---- */

static void the_dictionary_is_the_known_one(void **state)
{
	assert_int_equal(adler32(adler32(0, NULL, 0), spdy_dictionary(), SPDY_DICTIONARY_BYTES), 0xe3c6a7c2);
}

static void streams_open_talk_and_close(void **state)
{
	/* The bytes of a DATA frame are delivered as they come. */
	static const size_t steps[] = { 1, 100000 };
	static const char *const said[] = { "reply1 reply3 fin3 data1:a data1:b data1:c data1:d "
		"data1:e data1:f fin1 ping77 ", "reply1 reply3 fin3 data1:abc data1:def fin1 ping77 " };

	for (size_t i = 0; i < 2; i++) {
		struct client c;
		struct seen seen = { .echo = true };
		struct spdy *s;

		client_open(&c);
		s = spdy_open(plain_out, &c, &ops, &seen);
		syn(&c, 1, 0, OUT);
		syn(&c, 3, 1, ERR);   /* finished at once */
		data(&c, 1, "abc", 3, false);
		data(&c, 1, "", 0, false);
		data(&c, 1, "def", 3, true);
		add32(&c.out, 0x80030006);
		add32(&c.out, 4);
		add32(&c.out, 77);
		feed(s, &c, steps[i]);
		assert_non_null(strstr(seen.text.p, "open1=stdout open3=error fin3 "));
		assert_non_null(strstr(seen.text.p, "closed3 "));
		assert_non_null(strstr(seen.text.p, "fin1 "));
		assert_non_null(strstr(seen.text.p, "closed1 "));
		assert_said(&c, said[i]);
		spdy_close(s);
		assert_int_equal(seen.closed, 1);
		client_close(&c);
		buf_finish(&seen.text);
	}
}

static void a_stream_may_be_refused_or_reset(void **state)
{
	struct client c;
	struct seen seen = { .refuse = true };
	struct spdy *s;

	client_open(&c);
	s = spdy_open(plain_out, &c, &ops, &seen);
	syn(&c, 1, 0, OUT);
	feed(s, &c, 1000);
	assert_seen(&seen, "open1=stdout ");
	assert_said(&c, "rst1:3 ");
	seen.refuse = false;
	seen.write_first = true;
	syn(&c, 3, 0, OUT);
	syn(&c, 5, 0, OUT);
	control2(&c, 3, 3, 5);             /* RST by the client */
	data(&c, 3, "late", 4, false);
	feed(s, &c, 1000);
	assert_seen(&seen, "open3=stdout open5=stdout closed3 ");
	assert_said(&c, "reply3 data3:hello reply5 data5:hello rst3:2 ");
	spdy_stream_reset(seen.st[5]);
	spdy_stream_write(seen.st[5], "x", 1);
	assert_seen(&seen, "");            /* never within the call */
	add32(&c.out, 0x80030006);
	add32(&c.out, 4);
	add32(&c.out, 9);
	feed(s, &c, 1000);
	assert_seen(&seen, "closed5 ");
	assert_said(&c, "rst5:5 ping9 ");
	syn(&c, 7, 0, OUT);
	feed(s, &c, 1000);
	spdy_close(s);
	assert_seen(&seen, "open7=stdout closed7 ");
	assert_int_equal(seen.closed, 1);
	assert_said(&c, "reply7 data7:hello goaway7:0 ");
	client_close(&c);
	buf_finish(&seen.text);
}

static void a_peers_window_counts_once_it_speaks_of_windows(void **state)
{
	static char bytes[100000];
	struct client c;
	struct seen seen = { 0 };
	struct spdy *s;

	client_open(&c);
	s = spdy_open(plain_out, &c, &ops, &seen);
	/* SETTINGS: initial window 1000 */
	add32(&c.out, 0x80030004);
	add32(&c.out, 12);
	add32(&c.out, 1);
	add32(&c.out, 7);
	add32(&c.out, 1000);
	syn(&c, 1, 0, OUT);
	feed(s, &c, 1000);
	c.in.len = 0;
	spdy_stream_write(seen.st[1], bytes, 3000);
	spdy_stream_fin(seen.st[1]);
	assert_int_equal(c.in.len, 1008);
	assert_int_equal(spdy_stream_pending(seen.st[1]), 2000);
	control2(&c, 9, 1, 1500);
	feed(s, &c, 1000);
	assert_int_equal(c.in.len, 1008 + 1508);
	control2(&c, 9, 1, 0x7fffffff);
	feed(s, &c, 1000);
	assert_int_equal(c.in.len, 1008 + 1508 + 508);
	control2(&c, 9, 1, 0x7fffffff);
	feed(s, &c, 1000);
	assert_int_equal(c.in.len, 1008 + 1508 + 508 + 16);   /* reset: the window overflowed */
	assert_seen(&seen, "open1=stdout closed1 ");
	spdy_close(s);
	client_close(&c);
	buf_finish(&seen.text);
	/* One that never speaks of them gets everything. */
	client_open(&c);
	seen = (struct seen){ 0 };
	s = spdy_open(plain_out, &c, &ops, &seen);
	syn(&c, 1, 0, OUT);
	feed(s, &c, 1000);
	c.in.len = 0;
	spdy_stream_write(seen.st[1], bytes, sizeof(bytes));
	assert_int_equal(spdy_stream_pending(seen.st[1]), 0);
	assert_true(c.in.len > sizeof(bytes));
	spdy_close(s);
	client_close(&c);
	buf_finish(&seen.text);
}

static void our_window_is_given_back_as_data_is_consumed(void **state)
{
	static char bytes[40000];
	struct client c;
	struct seen seen = { .keep = true };
	struct spdy *s;

	client_open(&c);
	s = spdy_open(plain_out, &c, &ops, &seen);
	syn(&c, 1, 0, OUT);
	data(&c, 1, bytes, sizeof(bytes), false);
	feed(s, &c, 5000);
	assert_int_equal(seen.got, sizeof(bytes));
	assert_said(&c, "reply1 ");
	spdy_stream_consumed(seen.st[1], 30000);
	assert_said(&c, "");
	spdy_stream_consumed(seen.st[1], 10000);
	assert_said(&c, "window1:40000 ");
	spdy_close(s);
	client_close(&c);
	buf_finish(&seen.text);
}

static void breaches_end_the_connection(void **state)
{
	static const struct { const char *name; const char *p; size_t n; } cases[] = {
		{ "version 2", "\x80\x02\0\x06\0\0\0\x04\0\0\0\x01", 12 },
		{ "a large control frame", "\x80\x03\0\x08\0\x01\0\0", 8 },
		{ "a short SYN_STREAM", "\x80\x03\0\x01\0\0\0\x02\0\0", 10 },
		{ "an even stream", "\x80\x03\0\x01\0\0\0\x0a\0\0\0\x02\0\0\0\0\0\0", 18 },
		{ "headers that do not inflate", "\x80\x03\0\x01\0\0\0\x0e\0\0\0\x01\0\0\0\0\0\0\xff\xff\xff\xff", 22 },
		{ "data of stream zero", "\0\0\0\0\0\0\0\x01x", 9 },
		{ "a lying SETTINGS", "\x80\x03\0\x04\0\0\0\x0c\0\0\0\x09\0\0\0\0\0\0\0\0", 20 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client c;
		struct seen seen = { 0 };
		struct spdy *s;

		client_open(&c);
		s = spdy_open(plain_out, &c, &ops, &seen);
		buf_add(&c.out, cases[i].p, cases[i].n);
		feed(s, &c, 5);
		if (!spdy_failed(s))
			fail_msg("%s passed", cases[i].name);
		assert_said(&c, i == 4 ? "goaway1:1 " : "goaway0:1 ");
		spdy_feed(s, "more", 4);
		spdy_close(s);
		assert_int_equal(seen.closed, 1);
		client_close(&c);
		buf_finish(&seen.text);
	}
}

static void limits_hold(void **state)
{
	struct client c;
	struct seen seen = { 0 };
	struct spdy *s;
	char *big = malloc(50000);
	const char *const wide[] = { "x", big, NULL };
	BUF_AUTO struct buf said = { 0 };

	memset(big, 'a', 49999);
	big[49999] = 0;
	client_open(&c);
	s = spdy_open(plain_out, &c, &ops, &seen);
	syn(&c, 1, 0, wide);               /* compresses well, is too large */
	syn(&c, 3, 0, ERR);
	feed(s, &c, 1000);
	assert_seen(&seen, "open3=error ");
	assert_said(&c, "rst1:11 reply3 ");
	for (uint32_t i = 0; i < SPDY_STREAMS_MAX + 2; i++)
		syn(&c, 5 + 2 * i, 0, OUT);
	feed(s, &c, 100000);
	read_frames(&c, &said);
	assert_non_null(strstr(said.p, "reply2001 "));
	assert_non_null(strstr(said.p, "rst2003:3 rst2005:3 rst2007:3 "));
	spdy_close(s);
	free(big);
	client_close(&c);
	buf_finish(&seen.text);
}

/* ---- over real connections ---- */

static struct seen net_seen;
static struct spdy *net;

static void accept_spdy(void *arg, struct http_req *r)
{
	if (strcmp(http_path(r), "/ws") == 0) {
		net = spdy_accept_ws(r, "SPDY/3.1+portforward.k8s.io", &ops, &net_seen);
	} else {
		http_set_header(r, "x-stream-protocol-version", "v4.channel.k8s.io");
		net = spdy_accept(r, &ops, &net_seen);
	}
}

static int setup(void **state)
{
	struct http_config cfg = { .listen = "127.0.0.1:0", .handler = accept_spdy };

	memset(&fix, 0, sizeof(fix));
	snprintf(fix.dir, sizeof(fix.dir), "/tmp/sampan-http-XXXXXX");
	assert_non_null(mkdtemp(fix.dir));
	assert_int_equal(loop_open(&fix.loop), 0);
	assert_int_equal(http_server_open(&fix.server, fix.loop, &cfg, NULL), 0);
	fix.port = http_server_port(fix.server);
	net_seen = (struct seen){ .echo = true };
	net = NULL;
	return 0;
}

static int finish(void **state)
{
	teardown(state);
	buf_finish(&net_seen.text);
	return 0;
}

static void an_upgraded_connection_carries_streams(void **state)
{
	static char bytes[500000];
	struct client c;
	int fd = dial();

	client_open(&c);
	says(fd, "POST /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
		"Content-Length: 0\r\n\r\n");
	hear(fd, &c.in, "\r\n\r\n");
	assert_non_null(strstr(c.in.p, "HTTP/1.1 101 "));
	assert_non_null(strstr(c.in.p, "upgrade: SPDY/3.1\r\n"));
	assert_non_null(strstr(c.in.p, "x-stream-protocol-version: v4.channel.k8s.io\r\n"));
	buf_clear(&c.in);
	syn(&c, 1, 0, OUT);
	data(&c, 1, "abc", 3, false);
	say(fd, c.out.p, c.out.len);
	hear(fd, &c.in, "abc");
	assert_said(&c, "reply1 data1:abc ");
	/* What is not consumed stops the reading, consuming starts it again. */
	net_seen.keep = true;
	net_seen.echo = false;
	buf_clear(&c.out);
	for (int i = 0; i < 16; i++)
		data(&c, 1, bytes, sizeof(bytes), false);
	size_t sent = 0;
	for (int i = 0; i < 3000 && sent < c.out.len; i++) {
		ssize_t n = send(fd, c.out.p + sent, c.out.len - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		turn(1);
		if (i == 300) {
			assert_true(net_seen.got < 2 * SPDY_HELD_MAX);
			net_seen.keep = false;
			spdy_stream_consumed(net_seen.st[1], net_seen.got);
		}
	}
	for (int i = 0; i < 500 && net_seen.got < 3 + 16 * sizeof(bytes); i++)
		turn(1);
	assert_int_equal(net_seen.got, 3 + 16 * sizeof(bytes));
	spdy_stream_reset(net_seen.st[1]);
	buf_clear(&net_seen.text);
	turn(2);
	assert_seen(&net_seen, "closed1 ");
	spdy_close(net);
	buf_clear(&c.in);
	assert_true(hear(fd, &c.in, NULL));
	assert_int_equal(net_seen.closed, 1);
	close(fd);
	client_close(&c);
}

static void much_output_waits_for_the_reader(void **state)
{
	static char bytes[1 << 20];
	struct client c;
	int fd = dial();

	client_open(&c);
	says(fd, "POST /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n");
	hear(fd, &c.in, "\r\n\r\n");
	buf_clear(&c.in);
	syn(&c, 1, 0, OUT);
	say(fd, c.out.p, c.out.len);
	turn(3);
	for (int i = 0; i < 20 && spdy_stream_pending(net_seen.st[1]) < 2 * sizeof(bytes); i++) {
		spdy_stream_write(net_seen.st[1], bytes, sizeof(bytes));
		turn(3);
	}
	assert_true(spdy_stream_pending(net_seen.st[1]) > 0);
	for (int i = 0; i < 200 && spdy_stream_pending(net_seen.st[1]); i++) {
		hear_some(fd, &c.in);
		turn(1);
	}
	assert_int_equal(spdy_stream_pending(net_seen.st[1]), 0);
	close(fd);
	turn(3);
	assert_int_equal(net_seen.closed, 1);
	client_close(&c);
}

static void a_websocket_carries_streams(void **state)
{
	struct client c;
	int fd = dial();
	BUF_AUTO struct buf b = { 0 };

	client_open(&c);
	says(fd, "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n\r\n");
	hear(fd, &c.in, "\r\n\r\n");
	assert_non_null(strstr(c.in.p, "sec-websocket-protocol: SPDY/3.1+portforward.k8s.io\r\n"));
	buf_clear(&c.in);
	syn(&c, 1, 0, OUT);
	data(&c, 1, "abc", 3, true);
	for (size_t at = 0; at < c.out.len; at += 10) {   /* masked with zeros, ten bytes a message */
		size_t n = c.out.len - at < 10 ? c.out.len - at : 10;

		buf_add(&b, (char[]){ (char)0x82, (char)(0x80 | n), 0, 0, 0, 0 }, 6);
		buf_add(&b, c.out.p + at, n);
	}
	say(fd, b.p, b.len);
	hear(fd, &c.in, "abc");
	turn(3);
	hear_some(fd, &c.in);
	/* unwrap the messages */
	buf_clear(&b);
	for (size_t at = 0; at + 2 <= c.in.len; at += 2 + (uint8_t)c.in.p[at + 1])
		buf_add(&b, c.in.p + at + 2, (uint8_t)c.in.p[at + 1]);
	buf_clear(&c.in);
	buf_add(&c.in, b.p, b.len);
	assert_said(&c, "reply1 data1:abc fin1 ");
	assert_seen(&net_seen, "open1=stdout fin1 closed1 ");
	close(fd);
	turn(3);
	assert_int_equal(net_seen.closed, 1);
	client_close(&c);
}

#define NET(fn) cmocka_unit_test_setup_teardown(fn, setup, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_dictionary_is_the_known_one),
		cmocka_unit_test(streams_open_talk_and_close),
		cmocka_unit_test(a_stream_may_be_refused_or_reset),
		cmocka_unit_test(a_peers_window_counts_once_it_speaks_of_windows),
		cmocka_unit_test(our_window_is_given_back_as_data_is_consumed),
		cmocka_unit_test(breaches_end_the_connection),
		cmocka_unit_test(limits_hold),
		NET(an_upgraded_connection_carries_streams),
		NET(much_output_waits_for_the_reader),
		NET(a_websocket_carries_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
