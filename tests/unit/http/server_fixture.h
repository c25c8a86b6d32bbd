/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_fixture - a server on a free port of loopback inside the test's own loop, a
 * handler with a few paths, raw clients, and shell commands (curl) beside it.
 */
#ifndef TEST_SERVER_FIXTURE_H
#define TEST_SERVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"
#include "base/loop.h"
#include "http/http.h"
#include "http/pki.h"

#define STREAM_STEP 65536

/* No test uses all of these. */
#pragma GCC diagnostic ignored "-Wunused-function"

struct fix {
	struct loop *loop;
	struct http_server *server;
	unsigned port;
	char dir[64];
	struct buf ca_key, ca_cert, key, cert;
	int closed, bodies, body_rc, drained_calls;
	size_t max_pending;
	struct http_req *held;      /* of /hold and /watch */
	const struct http_raw_ops *raw_ops;
	void *raw_arg;
	struct http_raw *raw;
};

static struct fix fix;

struct job { struct http_req *r; size_t left; };

static void job_closed(void *ctx)
{
	struct job *j = ctx;

	fix.closed++;
	if (fix.held == j->r)
		fix.held = NULL;
	free(j);
}

static void pump(void *ctx)
{
	static char bytes[STREAM_STEP];
	struct job *j = ctx;

	fix.drained_calls++;
	while (j->left && http_stream_pending(j->r) < STREAM_STEP) {
		size_t n = j->left < STREAM_STEP ? j->left : STREAM_STEP;

		memset(bytes, 'a' + (int)(j->left / STREAM_STEP % 26), n);
		j->left -= n;
		http_stream_writec(j->r, bytes, n);
		if (http_stream_pending(j->r) > fix.max_pending)
			fix.max_pending = http_stream_pending(j->r);
	}
	if (!j->left)
		http_stream_end(j->r);
}

static void got_body(void *arg, struct http_req *r, int rc, const char *p, size_t n)
{
	fix.bodies++;
	fix.body_rc = rc;
	if (rc < 0)
		http_reply(r, err_http(-rc) ? err_http(-rc) : 500, err_text(rc), strlen(err_text(rc)));
	else
		http_reply(r, 200, p, n);
}

static void answer_who(struct http_req *r)
{
	const char *const *orgs;
	const char *cn;
	BUF_AUTO struct buf out = { 0 };

	if (!http_peer_cert(r, &cn, &orgs)) {
		bool refused = http_peer_refused(r);

		http_reply(r, 401, refused ? "refused" : "nobody", refused ? 7 : 6);
		return;
	}
	/* Told apart by what only the holder has. */
	if (strlen(http_peer_fingerprint(r)) != 64 || http_peer_refused(r))
		cn = "a certificate without a fingerprint";
	buf_adds(&out, cn);
	for (; *orgs; orgs++)
		buf_printf(&out, " %s", *orgs);
	http_reply(r, 200, out.p, out.len);
}

static void handle(void *arg, struct http_req *r)
{
	const char *path = http_path(r);
	struct job *j = calloc(1, sizeof(*j));

	j->r = r;
	j->left = strtoul(http_query(r), NULL, 10);
	http_set_context(r, j, job_closed);
	http_set_header(r, "content-type", "text/plain");
	if (strcmp(path, "/hello") == 0) {
		http_reply(r, 200, "hello\n", 6);
	} else if (strcmp(path, "/echo") == 0) {
		http_read_body(r, 1 << 20, got_body, NULL);
	} else if (strcmp(path, "/early") == 0) {
		http_reply(r, 403, "no", 2);
	} else if (strcmp(path, "/big") == 0) {
		struct blob *b;
		char *p = malloc(j->left + 1);

		memset(p, 'x', j->left);
		b = blob_new(p, j->left);
		free(p);
		http_reply_blob(r, 200, b);
		blob_unref(b);
	} else if (strcmp(path, "/stream") == 0) {
		http_stream_on_drained(r, pump);
		http_stream_begin(r, 200);
		pump(j);
	} else if (strcmp(path, "/watch") == 0) {
		http_stream_begin(r, 200);
		http_stream_writec(r, "first\n", 6);
		fix.held = r;
	} else if (strcmp(path, "/hold") == 0) {
		fix.held = r;
	} else if (strcmp(path, "/who") == 0) {
		answer_who(r);
	} else if (strcmp(path, "/nothing") == 0) {
		http_reply(r, 204, NULL, 0);
	} else if (strcmp(path, "/version") == 0) {
		http_reply(r, 200, http_is_h2(r) ? "2" : "1", 1);
	} else if (strcmp(path, "/raw") == 0) {
		http_set_header(r, "upgrade", "test");
		fix.raw = http_upgrade(r, fix.raw_ops, fix.raw_arg);
		if (!fix.raw)
			http_reply(r, 400, "no", 2);
	} else {
		http_reply(r, 404, path, strlen(path));
	}
}

static void turn(int times)
{
	while (times-- > 0)
		loop_turn(fix.loop, 2);
}

static void write_file(const char *name, const char *text)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", fix.dir, name);
	assert_int_equal(file_replace(path, text, strlen(text), 0600, NULL), 0);
}

static void make_certs(void)
{
	static const char *const ips[] = { "127.0.0.1", NULL };
	int64_t now = env_wall_us() / 1000000;
	struct pki_request ca = { .cn = "test-ca", .ca = true, .now_s = now, .valid_s = 3600 };
	struct pki_request q = { .cn = "server", .ips = ips, .server = true, .now_s = now,
		.valid_s = 3600 };

	assert_int_equal(pki_ec_key(&fix.ca_key, NULL), 0);
	assert_int_equal(pki_issue(&fix.ca_cert, &ca, fix.ca_key.p, NULL, NULL, NULL), 0);
	assert_int_equal(pki_ec_key(&fix.key, NULL), 0);
	assert_int_equal(pki_issue(&fix.cert, &q, fix.key.p, fix.ca_cert.p, fix.ca_key.p, NULL), 0);
	write_file("ca.crt", fix.ca_cert.p);
}

/* A client certificate in <dir>/<name>.crt, .key, by our CA or (stranger) by itself. */
static void make_client(const char *name, const char *cn, const char *const *orgs, bool stranger)
{
	struct pki_request q = { .cn = cn, .orgs = orgs, .client = true,
		.now_s = env_wall_us() / 1000000, .valid_s = 3600 };
	BUF_AUTO struct buf key = { 0 };
	BUF_AUTO struct buf cert = { 0 };
	char file[80];

	assert_int_equal(pki_ec_key(&key, NULL), 0);
	assert_int_equal(pki_issue(&cert, &q, key.p, stranger ? NULL : fix.ca_cert.p,
		stranger ? NULL : fix.ca_key.p, NULL), 0);
	snprintf(file, sizeof(file), "%s.crt", name);
	write_file(file, cert.p);
	snprintf(file, sizeof(file), "%s.key", name);
	write_file(file, key.p);
}

static void start_server(bool tls)
{
	struct http_config cfg = { .listen = "127.0.0.1:0", .handler = handle };
	struct err e;

	memset(&fix, 0, sizeof(fix));
	snprintf(fix.dir, sizeof(fix.dir), "/tmp/sampan-http-XXXXXX");
	assert_non_null(mkdtemp(fix.dir));
	assert_int_equal(loop_open(&fix.loop), 0);
	if (tls) {
		make_certs();
		cfg.cert_pem = fix.cert.p;
		cfg.key_pem = fix.key.p;
		cfg.client_ca_pem = fix.ca_cert.p;
	}
	assert_int_equal(http_server_open(&fix.server, fix.loop, &cfg, &e), 0);
	fix.port = http_server_port(fix.server);
}

static int setup_plain(void **state) { start_server(false); return 0; }
static int setup_tls(void **state) { start_server(true); return 0; }

static int teardown(void **state)
{
	http_server_close(fix.server);
	loop_close(fix.loop);
	file_remove_tree(fix.dir, NULL);
	buf_finish(&fix.ca_key);
	buf_finish(&fix.ca_cert);
	buf_finish(&fix.key);
	buf_finish(&fix.cert);
	env_set(NULL);
	return 0;
}

/* ---- raw clients ---- */

static int dial(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)fix.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void say(int fd, const void *p, size_t n)
{
	size_t sent = 0;

	for (int i = 0; sent < n && i < 2000; i++) {
		ssize_t rc = send(fd, (const char *)p + sent, n - sent, MSG_NOSIGNAL);

		if (rc < 0 && errno != EAGAIN)
			return;
		if (rc > 0)
			sent += (size_t)rc;
		turn(1);
	}
}

static void says(int fd, const char *s) { say(fd, s, strlen(s)); }

/* Reads until want is in out, or the end. True: the peer closed. */
static bool hear(int fd, struct buf *out, const char *want)
{
	char b[65536];

	for (int i = 0; i < 300; i++) {
		ssize_t n = read(fd, b, sizeof(b));

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
		if (n > 0)
			buf_add(out, b, (size_t)n);
		if (want && out->p && memmem(out->p, out->len, want, strlen(want)))
			return false;
		turn(1);
	}
	return false;
}

/* What is there now. */
static void hear_some(int fd, struct buf *out)
{
	char b[65536];
	ssize_t n;

	while ((n = read(fd, b, sizeof(b))) > 0)
		buf_add(out, b, (size_t)n);
}

static bool still_open(int fd, struct buf *out)
{
	turn(3);
	hear_some(fd, out);
	return recv(fd, &(char){ 0 }, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

static void hear_bytes(int fd, struct buf *out, size_t n)
{
	char b[65536];

	for (int i = 0; i < 1000 && out->len < n; i++) {
		ssize_t got = read(fd, b, sizeof(b) < n - out->len ? sizeof(b) : n - out->len);

		if (got > 0)
			buf_add(out, b, (size_t)got);
		else
			turn(1);
	}
	assert_int_equal(out->len, n);
}

/* Send, hear want (NULL: for a short while), then until the server closes. */
static void talk(const char *bytes, const char *want, struct buf *out)
{
	int fd = dial();

	buf_clear(out);
	says(fd, bytes);
	if (want)
		hear(fd, out, want);
	shutdown(fd, SHUT_WR);
	hear(fd, out, NULL);
	buf_addc(out, '\n');
	close(fd);
	turn(3);
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

/* ---- commands ---- */

static bool child_over;
static int child_status;
static void child_ended(void *arg, pid_t pid, int status)
{
	child_over = true;
	child_status = status;
}

static pid_t start_command(const char *cmd)
{
	pid_t pid = fork();

	if (pid == 0) {
		char port[16], path[160];
		int fd;

		snprintf(port, sizeof(port), "%u", fix.port);
		setpgid(0, 0);
		setenv("PORT", port, 1);
		setenv("LSAN_OPTIONS", "detect_leaks=0", 1);
		if (chdir(fix.dir) < 0)
			_exit(126);
		snprintf(path, sizeof(path), "%s/out", fix.dir);
		fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
		dup2(fd, 1);
		execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	child_over = false;
	assert_non_null(loop_child_add(fix.loop, pid, child_ended, NULL));
	return pid;
}

static void wait_command(void)
{
	for (int i = 0; i < 10000 && !child_over; i++)
		loop_turn(fix.loop, 5);
	assert_true(child_over);
}

static void read_output(struct buf *out)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/out", fix.dir);
	buf_clear(out);
	assert_int_equal(file_read(path, 64 << 20, out, NULL), 0);
	buf_addc(out, 0);
}

/* A shell command with $PORT; its output in out, its exit status back. */
static int run(const char *cmd, struct buf *out)
{
	start_command(cmd);
	wait_command();
	read_output(out);
	turn(3);
	return WIFEXITED(child_status) ? WEXITSTATUS(child_status) : -1;
}

/* ---- an owned clock ---- */

static int64_t clock_us;
static int64_t clock_now(void *arg) { return clock_us; }
static int64_t clock_wall(void *arg) { return 1700000000000000 + clock_us; }
static void clock_random(void *arg, void *p, size_t n) { memset(p, 7, n); }
static void own_clock(void)
{
	static const struct env_ops ops = { .now_us = clock_now, .wall_us = clock_wall,
		.random = clock_random };

	clock_us = env_now_us();
	env_set(&ops);
}
static void advance_ms(int64_t ms)
{
	clock_us += ms * 1000;
	turn(3);
}

#endif
