/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_load - HTTP/2 load over TLS, or plain: so many connections, so many requests at
 * once on each; counts, latencies. Or so many watches, opened and held, and how late
 * each event came that says when it was sent (%t in a writer's body).
 *
 * One thread. Prints one line of key=value for scripts. With --self the server under
 * load is our own, in a child process, answering from memory: the cost of HTTP alone.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/file.h"
#include "base/loop.h"
#include "http/http.h"
#include "http/pki.h"

#define HEADERS_MAX 32
#define WINDOW      (1 << 24)
#define SELF_BODY   2048
#define MARK        "~~"

static struct {
	unsigned conns, streams;
	uint64_t requests;           /* 0: by time */
	double seconds, rate;        /* rate: requests a second; 0: as many as it takes */
	unsigned watches;
	const char *method, *cacert, *cert, *key, *token, *body, *url;
	const char *headers[HEADERS_MAX];
	unsigned header_count;
	bool insecure, self, plain;
	char host[256], port[8];
	const char *path;
} opt = { .conns = 4, .streams = 8, .seconds = 3, .method = NULL };

struct request { int64_t began_us; int status; struct buf path, body; size_t sent; };

struct conn {
	int fd;
	SSL *ssl;
	nghttp2_session *h2;
	struct loop_fd *watch;
	unsigned active, share;      /* share: watches this one opens */
	bool ready, closed;
	struct buf out;
	size_t out_off;
};

static struct loop *loop;
static struct conn *conns;
static uint64_t started, finished, failed, bytes, lines, counter;
static unsigned live, opened;
static int64_t begin_us, stop_us;
static bool stopping;

/* Latencies: 16 steps to each doubling, from 1 us. */
static uint64_t latency[64 * 16];

static void die(const char *fmt, const char *what)
{
	fprintf(stderr, "http_load: ");
	fprintf(stderr, fmt, what);
	fprintf(stderr, "\n");
	exit(1);
}

static unsigned bucket_of(uint64_t us)
{
	unsigned log = us < 16 ? 0 : 63 - (unsigned)__builtin_clzll(us) - 3;

	return us < 16 ? (unsigned)us : log * 16 + (unsigned)(us >> (log - 1) & 15);
}

static double bucket_ms(unsigned b)
{
	return b < 16 ? b / 1000.0 : (double)((16ull + b % 16) << (b / 16 - 1)) / 1000.0;
}

static double percentile(double part)
{
	uint64_t all = 0, seen = 0;
	unsigned b = 0;

	for (unsigned i = 0; i < 64 * 16; i++)
		all += latency[i];
	if (!all)
		return 0;
	for (; b < 64 * 16 - 1; b++)
		if ((seen += latency[b]) >= (uint64_t)((double)all * part) && seen)
			break;
	return bucket_ms(b);
}

/* ---- requests ---- */

/* %d becomes the counter, %t the time between two marks; any other text stays as it is. */
static void expand(struct buf *out, const char *text, uint64_t n)
{
	for (const char *p; (p = strchr(text, '%')); text = p + 2) {
		buf_add(out, text, (size_t)(p - text));
		if (p[1] == 'd')
			buf_printf(out, "%llu", (unsigned long long)n);
		else if (p[1] == 't')
			buf_printf(out, MARK "%016lld" MARK, (long long)env_wall_us());
		else
			buf_add(out, p, p[1] ? 2 : 1);
		if (!p[1])
			return;
	}
	buf_adds(out, text);
}

static ssize_t give_body(nghttp2_session *s, int32_t id, uint8_t *p, size_t n, uint32_t *flags,
	nghttp2_data_source *source, void *arg)
{
	struct request *q = source->ptr;

	if (n > q->body.len - q->sent)
		n = q->body.len - q->sent;
	memcpy(p, q->body.p + q->sent, n);
	q->sent += n;
	if (q->sent == q->body.len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static nghttp2_nv nv(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
		strlen(value), 0 };
}

static void begin_request(struct conn *c)
{
	struct request *q = calloc(1, sizeof(*q));
	nghttp2_nv h[HEADERS_MAX + 8];
	nghttp2_data_provider body = { .source.ptr = q, .read_callback = give_body };
	char auth[8192], names[HEADERS_MAX][64];
	size_t n = 0;

	if (!q)
		die("no memory%s", "");
	expand(&q->path, opt.path, counter);
	if (opt.body)
		expand(&q->body, opt.body, counter);
	counter++;
	h[n++] = nv(":method", opt.method);
	h[n++] = nv(":scheme", opt.plain ? "http" : "https");
	h[n++] = nv(":authority", opt.host);
	h[n++] = nv(":path", q->path.p);
	if (opt.token) {
		snprintf(auth, sizeof(auth), "Bearer %s", opt.token);
		h[n++] = nv("authorization", auth);
	}
	if (opt.body)
		h[n++] = nv("content-type", "application/json");
	for (unsigned i = 0; i < opt.header_count; i++) {
		const char *colon = strchr(opt.headers[i], ':');

		snprintf(names[i], sizeof(names[i]), "%.*s", (int)(colon - opt.headers[i]), opt.headers[i]);
		h[n++] = nv(names[i], colon + 1 + strspn(colon + 1, " "));
	}
	q->began_us = env_now_us();
	if (nghttp2_submit_request(c->h2, NULL, h, n, opt.body ? &body : NULL, q) < 0)
		die("a request was refused by nghttp2%s", "");
	c->active++;
	started++;
}

static bool more_wanted(void)
{
	if (stopping || opt.watches)
		return false;
	if (opt.rate > 0 && (double)started >= opt.rate * (double)(env_now_us() - begin_us) / 1e6)
		return false;
	return opt.requests ? started < opt.requests : env_now_us() < stop_us;
}

static void check_end(void)
{
	unsigned active = 0;

	for (unsigned i = 0; i < opt.conns; i++)
		active += conns[i].closed ? 0 : conns[i].active;
	if (opt.rate > 0 ? !active && (opt.requests ? started >= opt.requests : env_now_us() >= stop_us) :
	    !opt.watches && !more_wanted() && !active)
		loop_stop(loop);
}

/* Scripts wait for these two: all watches are open; as many events as watches came again. */
static void tell_script(const char *what)
{
	printf("%s at_us=%lld\n", what, (long long)env_wall_us());
	fflush(stdout);
}

static int on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t name_n,
	const uint8_t *value, size_t n, uint8_t flags, void *arg)
{
	struct request *q = nghttp2_session_get_stream_user_data(s, f->hd.stream_id);

	if (q && name_n == 7 && memcmp(name, ":status", 7) == 0) {
		q->status = atoi((const char *)value);
		if (opt.watches) {
			if (q->status != 200)
				failed++;
			else if (++opened == opt.watches)
				tell_script("opened");
		}
	}
	return 0;
}

/* An event says when it was sent. A mark that two pieces share is not counted. */
static void note_delay(const uint8_t *at)
{
	int64_t us = 0;

	for (int i = 0; i < 16; i++)
		us = us * 10 + (at[i] - '0');
	us = env_wall_us() - us;
	if (us >= 0)
		latency[bucket_of((uint64_t)us)]++;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *arg)
{
	const uint8_t *end = p + n;

	bytes += n;
	if (!opt.watches)
		return 0;
	for (const uint8_t *q; (q = memmem(p, (size_t)(end - p), MARK, 2)); p = q + 2)
		if (end - q >= 20 && memcmp(q + 18, MARK, 2) == 0)
			note_delay(q + 2);
	for (p = end - n; (p = memchr(p, '\n', (size_t)(end - p))); p++)
		if (++lines % opt.watches == 0)
			tell_script("delivered");
	return 0;
}

static int on_stream_close(nghttp2_session *s, int32_t id, uint32_t code, void *arg)
{
	struct request *q = nghttp2_session_get_stream_user_data(s, id);
	struct conn *c = arg;

	if (!q)
		return 0;
	if (code || q->status < 200 || q->status > 299)
		failed++;
	else
		latency[bucket_of((uint64_t)(env_now_us() - q->began_us))]++;
	finished++;
	c->active--;
	buf_finish(&q->path);
	buf_finish(&q->body);
	free(q);
	if (more_wanted())
		begin_request(c);
	else
		check_end();
	return 0;
}

/* ---- connections ---- */

static void drop(struct conn *c, const char *why)
{
	if (c->closed)
		return;
	c->closed = true;
	live--;
	failed += c->active;
	if (!stopping && (c->active || !c->ready))
		fprintf(stderr, "http_load: a connection ended: %s\n", why);
	loop_fd_del(c->watch);
	close(c->fd);
	check_end();
	if (!live)
		loop_stop(loop);
}

/* False: later, or never. */
static bool put_bytes(struct conn *c, const char *p, size_t n, size_t *ret)
{
	int e;

	if (opt.plain) {
		ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);

		if (sent >= 0) {
			*ret = (size_t)sent;
			return true;
		}
		e = errno == EAGAIN ? SSL_ERROR_WANT_WRITE : SSL_ERROR_SYSCALL;
	} else {
		ERR_clear_error();
		if (SSL_write_ex(c->ssl, p, n, ret))
			return true;
		e = SSL_get_error(c->ssl, 0);
	}
	if (e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ)
		loop_fd_set(c->watch, EPOLLIN | EPOLLOUT);
	else
		drop(c, "cannot write");
	return false;
}

/* 0: nothing now. */
static size_t get_bytes(struct conn *c, uint8_t *p, size_t size)
{
	size_t n = 0;
	int e;

	if (opt.plain) {
		ssize_t got = recv(c->fd, p, size, 0);

		if (got > 0)
			return (size_t)got;
		e = got < 0 && errno == EAGAIN ? SSL_ERROR_WANT_READ : SSL_ERROR_ZERO_RETURN;
	} else {
		ERR_clear_error();
		if (SSL_read_ex(c->ssl, p, size, &n))
			return n;
		e = SSL_get_error(c->ssl, 0);
	}
	if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
		drop(c, "closed by the server");
	return 0;
}

static void flush(struct conn *c)
{
	for (;;) {
		const uint8_t *p;
		ssize_t n;
		size_t w;

		while (c->out.len < 65536 && (n = nghttp2_session_mem_send(c->h2, &p)) > 0)
			buf_add(&c->out, p, (size_t)n);
		if (c->out.len == c->out_off) {
			buf_clear(&c->out);
			c->out_off = 0;
			loop_fd_set(c->watch, EPOLLIN);
			return;
		}
		if (!put_bytes(c, c->out.p + c->out_off, c->out.len - c->out_off, &w))
			return;
		c->out_off += w;
		if (c->out_off == c->out.len) {
			buf_clear(&c->out);
			c->out_off = 0;
		}
	}
}

static void begin_h2(struct conn *c)
{
	static nghttp2_session_callbacks *cb;
	const nghttp2_settings_entry s[] = { { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW },
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 } };
	const unsigned char *alpn;
	unsigned n, first = opt.watches ? c->share : opt.streams;

	if (!opt.plain)
		SSL_get0_alpn_selected(c->ssl, &alpn, &n);
	if (!opt.plain && n != 2)
		die("%s does not speak HTTP/2", opt.host);
	if (!cb) {
		nghttp2_session_callbacks_new(&cb);
		nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
		nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
		nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	}
	nghttp2_session_client_new(&c->h2, cb, c);
	nghttp2_submit_settings(c->h2, 0, s, 2);
	nghttp2_session_set_local_window_size(c->h2, 0, 0, WINDOW);
	c->ready = true;
	for (unsigned i = 0; i < first && (opt.watches || more_wanted()); i++)
		begin_request(c);
}

static void event(void *arg, uint32_t events)
{
	static uint8_t in[65536];
	struct conn *c = arg;
	size_t n;

	if (!c->ready && opt.plain) {
		begin_h2(c);
	} else if (!c->ready) {
		int rc = SSL_do_handshake(c->ssl);

		if (rc != 1) {
			int e = SSL_get_error(c->ssl, rc);

			if (e == SSL_ERROR_WANT_READ)
				loop_fd_set(c->watch, EPOLLIN);
			else if (e != SSL_ERROR_WANT_WRITE)
				drop(c, ERR_peek_error() ? ERR_reason_error_string(ERR_peek_error()) :
					"the handshake failed");
			return;
		}
		begin_h2(c);
	}
	while ((n = get_bytes(c, in, sizeof(in)))) {
		if (nghttp2_session_mem_recv(c->h2, in, n) < 0) {
			drop(c, "not HTTP/2");
			return;
		}
	}
	if (!c->closed)
		flush(c);
}

static SSL_CTX *client_tls(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
		SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\x02h2", 3);
	if (!opt.insecure) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		if (opt.cacert ? SSL_CTX_load_verify_file(ctx, opt.cacert) != 1 :
		    SSL_CTX_set_default_verify_paths(ctx) != 1)
			die("cannot read %s", opt.cacert);
	}
	if (opt.cert && (SSL_CTX_use_certificate_chain_file(ctx, opt.cert) != 1 ||
			 SSL_CTX_use_PrivateKey_file(ctx, opt.key ? opt.key : opt.cert, SSL_FILETYPE_PEM) != 1))
		die("cannot use the client certificate %s", opt.cert);
	return ctx;
}

static void dial(struct conn *c, SSL_CTX *tls)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *a;
	int one = 1;

	if (getaddrinfo(opt.host, opt.port, &hints, &a) != 0)
		die("no address of %s", opt.host);
	c->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, a->ai_addr, a->ai_addrlen) < 0)
		die("cannot connect: %s", strerror(errno));
	freeaddrinfo(a);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	if (!opt.plain) {
		c->ssl = SSL_new(tls);
		SSL_set_fd(c->ssl, c->fd);
		SSL_set_connect_state(c->ssl);
		SSL_set_tlsext_host_name(c->ssl, opt.host);
	}
	c->watch = loop_fd_add(loop, c->fd, EPOLLIN | EPOLLOUT, event, c);
	if (!c->watch)
		die("no memory%s", "");
	live++;
}

/* ---- the server of --self ---- */

static struct blob *self_body;

static void self_handle(void *arg, struct http_req *r)
{
	http_set_header(r, "content-type", "application/json");
	if (strstr(http_query(r), "watch=")) {
		http_stream_begin(r, 200);
		http_stream_writec(r, "{}\n", 3);
	} else {
		http_reply_blob(r, 200, self_body);
	}
}

static void serve(int to_parent)
{
	static const char *const ips[] = { "127.0.0.1", NULL };
	struct pki_request q = { .cn = "bench", .ips = ips, .server = true,
		.now_s = env_wall_us() / 1000000, .valid_s = 86400 };
	struct buf key = { 0 }, cert = { 0 };
	struct http_config cfg = { .listen = "127.0.0.1:0", .handler = self_handle };
	struct http_server *s;
	char body[SELF_BODY];
	struct err e;
	unsigned port;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(body, 'x', sizeof(body));
	self_body = blob_new(body, sizeof(body));
	if (pki_ec_key(&key, &e) < 0 || pki_issue(&cert, &q, key.p, NULL, NULL, &e) < 0)
		die("%s", e.msg);
	cfg.cert_pem = cert.p;
	cfg.key_pem = key.p;
	loop_open(&loop);
	if (http_server_open(&s, loop, &cfg, &e) < 0)
		die("%s", e.msg);
	port = http_server_port(s);
	if (write(to_parent, &port, sizeof(port)) != sizeof(port))
		exit(1);
	loop_run(loop);
}

static pid_t start_self(void)
{
	static char url[300];
	unsigned port;
	int p[2];
	pid_t pid;

	if (pipe(p) < 0 || (pid = fork()) < 0)
		die("cannot start a server: %s", strerror(errno));
	if (pid == 0)
		serve(p[1]);
	if (read(p[0], &port, sizeof(port)) != sizeof(port))
		die("the server did not start%s", "");
	close(p[0]);
	close(p[1]);
	snprintf(url, sizeof(url), "https://127.0.0.1:%u%s", port,
		opt.url ? opt.url : opt.watches ? "/?watch=1" : "/");
	opt.url = url;
	opt.insecure = true;
	return pid;
}

static void print_process(pid_t pid)
{
	BUF_AUTO struct buf text = { 0 };
	char path[64];
	unsigned long user = 0, sys = 0;
	const char *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read(path, 4096, &text, NULL) == 0 && (p = strrchr(text.p, ')')) &&
	    sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) == 2)
		printf(" server_cpu_s=%.2f", (double)(user + sys) / (double)sysconf(_SC_CLK_TCK));
	buf_clear(&text);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (file_read(path, 8192, &text, NULL) == 0 && (p = strstr(text.p, "RssAnon:")))
		printf(" server_anon_kib=%ld", strtol(p + 8, NULL, 10));
}

/* ---- the command ---- */

static const char usage_text[] =
	"usage: http_load [options] http[s]://host:port/path   (%d in the path: a counter)\n"
	"  -c N           connections (4)\n"
	"  -m N           requests at once on each (8)\n"
	"  -n N           requests in all; or\n"
	"  -t SECONDS     as many as it takes (3)\n"
	"  -X METHOD      GET, or POST with a body\n"
	"  -d TEXT|@FILE  a body; %d in it is a counter, %t the time\n"
	"  -r RATE        not more requests than these a second\n"
	"  -H 'name: v'   a header\n"
	"  --watch N      open N watches over the connections, hold them -t seconds\n"
	"  --cacert FILE  whom to trust; -k: anybody\n"
	"  --cert FILE --key FILE, --token TEXT|@FILE   who we are\n"
	"  --self         against a server of our own; the URL is a path, or missing\n";

static const char *text_or_file(const char *s)
{
	static struct buf files[4];
	static unsigned n;

	if (*s != '@')
		return s;
	if (n == 4 || file_read(s + 1, 1 << 20, &files[n], NULL) < 0)
		die("cannot read %s", s + 1);
	while (files[n].len && files[n].p[files[n].len - 1] == '\n')
		files[n].p[--files[n].len] = 0;
	return files[n++].p;
}

static void parse_url(void)
{
	const char *p = opt.url, *end, *colon;

	opt.plain = strncmp(p, "http://", 7) == 0;
	if (!opt.plain && strncmp(p, "https://", 8) != 0)
		die("%s is not an https URL", p);
	p += opt.plain ? 7 : 8;
	end = p + strcspn(p, "/");
	colon = *p == '[' ? memchr(p, ']', (size_t)(end - p)) : p;
	colon = colon ? memchr(colon, ':', (size_t)(end - colon)) : NULL;
	snprintf(opt.port, sizeof(opt.port), "%.*s", colon ? (int)(end - colon - 1) : 3,
		colon ? colon + 1 : "443");
	if (!colon)
		colon = end;
	if (*p == '[') {
		p++;
		colon--;
	}
	snprintf(opt.host, sizeof(opt.host), "%.*s", (int)(colon - p), p);
	opt.path = *end ? end : "/";
}

static void parse_args(int argc, char **argv)
{
	static const struct option longs[] = { { "cacert", 1, 0, 1 }, { "cert", 1, 0, 2 }, { "key", 1, 0, 3 },
		{ "token", 1, 0, 4 }, { "watch", 1, 0, 5 }, { "self", 0, 0, 6 }, { "help", 0, 0, 'h' }, { 0 } };

	for (int o; (o = getopt_long(argc, argv, "c:m:n:t:r:X:d:H:kh", longs, NULL)) != -1;) {
		switch (o) {
		case 'c': opt.conns = (unsigned)atoi(optarg); break;
		case 'm': opt.streams = (unsigned)atoi(optarg); break;
		case 'n': opt.requests = strtoull(optarg, NULL, 10); break;
		case 't': opt.seconds = atof(optarg); break;
		case 'r': opt.rate = atof(optarg); break;
		case 'X': opt.method = optarg; break;
		case 'd': opt.body = text_or_file(optarg); break;
		case 'H':
			if (opt.header_count == HEADERS_MAX || !strchr(optarg, ':'))
				die("not a header, or too many: %s", optarg);
			opt.headers[opt.header_count++] = optarg;
			break;
		case 'k': opt.insecure = true; break;
		case 1: opt.cacert = optarg; break;
		case 2: opt.cert = optarg; break;
		case 3: opt.key = optarg; break;
		case 4: opt.token = text_or_file(optarg); break;
		case 5: opt.watches = (unsigned)atoi(optarg); break;
		case 6: opt.self = true; break;
		default:
			fputs(usage_text, o == 'h' ? stdout : stderr);
			exit(o != 'h');
		}
	}
	opt.url = argv[optind];
	if ((!opt.url && !opt.self) || !opt.conns || !opt.streams) {
		fputs(usage_text, stderr);
		exit(1);
	}
	if (!opt.method)
		opt.method = opt.body ? "POST" : "GET";
}

static void stop(void *arg)
{
	stopping = true;
	loop_stop(loop);
}

/* Requests that are due by now, over the connections in turn. */
static void pace(void *arg)
{
	static unsigned next;

	for (unsigned i = 0; i < opt.conns; i++) {
		struct conn *c = &conns[next++ % opt.conns];

		if (!c->ready || c->closed)
			continue;
		while (c->active < opt.streams && more_wanted())
			begin_request(c);
		flush(c);
	}
	check_end();
	loop_timer_set(arg, 1);
}

int main(int argc, char **argv)
{
	struct loop_timer timer;
	pid_t server = 0;
	SSL_CTX *tls;
	double took;

	parse_args(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (opt.self)
		server = start_self();
	parse_url();
	if (loop_open(&loop) < 0 || !(conns = calloc(opt.conns, sizeof(*conns))))
		die("no memory%s", "");
	tls = client_tls();
	begin_us = env_now_us();
	stop_us = begin_us + (int64_t)(opt.seconds * 1e6);
	for (unsigned i = 0; i < opt.conns; i++) {
		conns[i].share = opt.watches / opt.conns + (i < opt.watches % opt.conns);
		dial(&conns[i], tls);
	}
	if (opt.watches) {
		loop_timer_init(&timer, loop, stop, NULL);
		loop_timer_set(&timer, (int64_t)(opt.seconds * 1000));
	}
	if (opt.rate > 0) {
		loop_timer_init(&timer, loop, pace, &timer);
		loop_timer_set(&timer, 1);
	}
	loop_run(loop);
	took = (double)(env_now_us() - begin_us) / 1e6;
	if (opt.watches)
		printf("watches=%u failed=%llu events=%llu bytes=%llu seconds=%.2f p50_ms=%.2f p99_ms=%.2f", opened,
			(unsigned long long)failed, (unsigned long long)lines, (unsigned long long)bytes, took,
			percentile(0.5), percentile(0.99));
	else
		printf("requests=%llu failed=%llu seconds=%.2f rate=%.0f p50_ms=%.2f p99_ms=%.2f bytes=%llu",
			(unsigned long long)finished, (unsigned long long)failed, took,
			(double)finished / took, percentile(0.5), percentile(0.99), (unsigned long long)bytes);
	if (server) {
		print_process(server);
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	printf("\n");
	return failed || (opt.watches && opened < opt.watches);
}
