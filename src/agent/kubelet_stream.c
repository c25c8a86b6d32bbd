/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubelet_stream - exec and attach: a process's stdio over the channels of one WebSocket
 * (v5, v4 and the older .channel.k8s.io) or over the streams of one SPDY connection.
 *
 *   OPEN --streams there--> RUNNING --exit, output drained--> ENDING (status sent) --> closed
 *                              '----client goes: stdio closed, exit awaited-----------^
 *
 * A container with stdinOnce is there for the first client that attaches: that one is given all
 * it said from its start, out of its log, however late it comes; input goes to conmon. Others
 * are given what conmon passes on from now.
 *
 * Back-pressure both ways: a client that does not read stops the reading of the process,
 * a process that does not read stops the reading of the client.
 * Source: KEP-4006 (WebSockets), kubelet's remotecommand and wsstream protocols.
 */
#define LOG_MODULE "kubelet"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/ctrlog.h"
#include "agent/kubelet_priv.h"
#include "base/file.h"
#include "base/text.h"
#include "doc/doc.h"
#include "http/spdy.h"
#include "http/ws.h"

enum channel { CH_IN, CH_OUT, CH_ERR, CH_STATUS, CH_RESIZE, CH_COUNT };
#define CH_CLOSE 255               /* v5: the next byte names the channel that ends */
#define STDIN_MAX (256u << 10)
#define READ_PIECE (16u << 10)
#define ATTACH_PIECE 8192          /* what conmon takes at once */
#define RESIZE_MAX 4096
#define OPEN_TIMEOUT_MS 30000
#define CLOSE_TIMEOUT_MS 10000
#define COMMAND_MAX 1000
#define SESSIONS_MAX 500

struct session {
	struct list in;
	struct kubelet *k;
	char id[CTR_ID_MAX];
	struct strv command;
	bool attach, tty, want[3];
	struct ws *ws;
	bool base64, v1, v5;
	struct spdy *spdy;
	struct spdy_stream *st[CH_COUNT];
	struct loop_timer timer;
	struct loop_task begin_task;
	struct runtime_exec *exec;
	int fd[3];                     /* of attach and of a terminal: fd[1] is both ways */
	struct loop_fd *watch[3];
	bool both_ways, begun, exited, ending, heard;
	struct ctrlog *log[3];         /* of a first client: 1 stdout, 2 stderr */
	char *log_path;                /* NULL: not a first client */
	struct buf input, resize;
	bool input_end;
	int cols, rows, code;
	char message[512];
};

static void update(struct session *s);
static void drain(struct session *s);

static size_t pending(const struct session *s)
{
	size_t n = s->ws ? ws_pending(s->ws) : 0;

	for (unsigned i = CH_OUT; s->spdy && i <= CH_ERR; i++)
		if (s->st[i])
			n += spdy_stream_pending(s->st[i]);
	return n;
}

static void send_channel(struct session *s, enum channel ch, const void *p, size_t n)
{
	unsigned char head = (unsigned char)ch;

	if (s->spdy) {
		if (s->st[ch])
			spdy_stream_write(s->st[ch], p, n);
	} else if (s->ws && s->base64) {
		BUF_AUTO struct buf b = { 0 };

		buf_addc(&b, (char)('0' + ch));
		text_base64(&b, p, n);
		ws_send(s->ws, b.p, b.len, true);
	} else if (s->ws) {
		ws_send2(s->ws, &head, 1, p, n);
	}
}

/* ---- the end ---- */

static void close_fd(struct session *s, unsigned i)
{
	loop_fd_del(s->watch[i]);
	s->watch[i] = NULL;
	if (s->fd[i] >= 0)
		close(s->fd[i]);
	s->fd[i] = -1;
}

static void close_process(struct session *s)
{
	for (unsigned i = 0; i < 3; i++) {
		close_fd(s, i);
		ctrlog_close(s->log[i]);
		s->log[i] = NULL;
	}
}

static void session_free(struct session *s)
{
	close_process(s);
	list_del(&s->in);
	loop_timer_stop(&s->timer);
	loop_defer_cancel(s->k->a->loop, &s->begin_task);
	buf_finish(&s->input);
	buf_finish(&s->resize);
	strv_finish(&s->command);
	free(s->log_path);
	free(s);
}

static bool process_gone(const struct session *s)
{
	return s->attach || !s->exec;
}

/* The client is gone: its ends are closed; the process's exit is still awaited. */
static void transport_closed(void *arg)
{
	struct session *s = arg;

	s->ws = NULL;
	s->spdy = NULL;
	memset(s->st, 0, sizeof(s->st));
	close_process(s);
	loop_timer_stop(&s->timer);
	if (process_gone(s))
		session_free(s);
}

static void give_up(void *arg)
{
	struct session *s = arg;

	if (s->spdy)
		spdy_close(s->spdy);
	else if (s->ws)
		ws_close(s->ws, 1001);
}

static void add_status(struct buf *b, const struct session *s)
{
	BUF_AUTO struct buf text = { 0 };

	if (!s->code && !*s->message) {
		buf_adds(b, "{\"metadata\":{},\"status\":\"Success\"}");
	} else if (*s->message) {
		buf_printf(&text, "error executing command in container: %s", s->message);
		buf_adds(b, "{\"metadata\":{},\"status\":\"Failure\",\"message\":");
		buf_add_json(b, text.p, text.len);
		buf_adds(b, ",\"reason\":\"InternalError\",\"details\":{\"causes\":[{\"message\":");
		buf_add_json(b, text.p, text.len);
		buf_adds(b, "}]},\"code\":500}");
	} else {
		buf_printf(&text, "command terminated with non-zero exit code: exit status %d", s->code);
		buf_adds(b, "{\"metadata\":{},\"status\":\"Failure\",\"message\":");
		buf_add_json(b, text.p, text.len);
		buf_printf(b, ",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\"%d\"}]}}",
			s->code);
	}
}

static void end(struct session *s)
{
	BUF_AUTO struct buf b = { 0 };

	if (s->ending)
		return;
	s->ending = true;
	close_process(s);
	if (!s->ws && !s->spdy) {
		session_free(s);
		return;
	}
	add_status(&b, s);
	/* The oldest protocol has only text for errors there, nothing on success. */
	if (!s->v1 || s->code || *s->message)
		send_channel(s, CH_STATUS, b.p, b.len);
	loop_timer_set(&s->timer, CLOSE_TIMEOUT_MS);
	if (s->ws) {
		ws_close(s->ws, 1000);
		return;
	}
	for (unsigned i = 0; i < CH_COUNT; i++)
		if (s->st[i])
			spdy_stream_fin(s->st[i]);
}

/* ---- process to client ---- */

/* One read of an output; false: it is closed or nothing is there. */
static bool read_out(struct session *s, unsigned i)
{
	char p[READ_PIECE + 1];
	ssize_t n = read(s->fd[i], p, READ_PIECE);

	if (n < 0 && (errno == EAGAIN || errno == EINTR) && !s->exited)
		return false;
	if (n <= 0) {
		/* conmon ended before it took the connection: the client may turn to the log. */
		if (n < 0 && s->attach && errno == ECONNRESET && !s->heard && !s->log_path)
			snprintf(s->message, sizeof(s->message), "the container ended before it could be attached to");
		close_fd(s, i);
		return false;
	}
	s->heard = true;
	if (s->log_path)
		return true;           /* conmon's copy of what the log says */
	if (!s->attach)
		send_channel(s, i == 1 ? CH_OUT : CH_ERR, p, (size_t)n);
	else if (n > 1 && (p[0] == 2 ? s->want[1] : s->want[2]))
		send_channel(s, p[0] == 3 && !s->tty ? CH_ERR : CH_OUT, p + 1, (size_t)n - 1);
	return true;
}

/* After the exit: all that is left goes out, as fast as the client takes it. */
static void drain(struct session *s)
{
	for (unsigned i = 1; i < 3; i++)
		while (s->fd[i] >= 0) {
			if (pending(s) >= STREAM_PENDING_MAX && (s->ws || s->spdy)) {
				update(s);
				return;
			}
			read_out(s, i);
		}
	end(s);
}

static void out_ready(struct session *s, unsigned i, uint32_t events)
{
	if (events & EPOLLOUT)
		update(s);
	if (s->fd[i] >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		read_out(s, i);
	if (s->attach && s->fd[1] < 0 && !s->log_path)
		end(s);
	else
		update(s);
}

/* ---- the log of a container, to its first client ---- */

static bool log_out(struct session *s, enum channel ch, const char *p, size_t n)
{
	send_channel(s, ch, p, n);
	return pending(s) < STREAM_PENDING_MAX;
}

static bool log_stdout(void *arg, const char *p, size_t n)
{
	return log_out(arg, CH_OUT, p, n);
}

static bool log_stderr(void *arg, const char *p, size_t n)
{
	return log_out(arg, CH_ERR, p, n);
}

static void log_end(struct session *s, unsigned i)
{
	s->log[i] = NULL;
	if (!s->log[1] && !s->log[2])
		end(s);
}

static void log_stdout_end(void *arg)
{
	log_end(arg, 1);
}

static void log_stderr_end(void *arg)
{
	log_end(arg, 2);
}

static int open_logs(struct session *s, struct err *reterr)
{
	struct ctrlog_opts o = { .follow = true, .tail = -1, .limit_bytes = -1, .stream = 1 };
	struct agent *a = s->k->a;
	struct runtime_status st;
	int rc = 0;

	if (s->want[1])
		rc = ctrlog_open(&s->log[1], s->k->log_hub, s->log_path, &o, log_stdout, log_stdout_end, s);
	o.stream = 2;
	if (!rc && s->want[2])
		rc = ctrlog_open(&s->log[2], s->k->log_hub, s->log_path, &o, log_stderr, log_stderr_end, s);
	if (rc)
		return err_set(reterr, -rc, "the container's log cannot be read");
	/* It may have ended while the client made its streams. */
	for (unsigned i = 1; i < 3; i++)
		if (s->log[i] && (runtime_status(a->rt, s->id, &st) || st.state != RUNTIME_RUNNING))
			ctrlog_finish(s->log[i]);
	return 0;
}

void kubelet_sessions_log_ended(struct kubelet *k, const char *ctr_id)
{
	list_each(&k->sessions, at) {
		struct session *s = list_entry(at, struct session, in);

		for (unsigned i = 1; i < 3; i++)
			if (s->log[i] && !strcmp(s->id, ctr_id))
				ctrlog_finish(s->log[i]);
	}
}

static void out1_ready(void *arg, uint32_t events)
{
	out_ready(arg, 1, events);
}

static void out2_ready(void *arg, uint32_t events)
{
	out_ready(arg, 2, events);
}

static void exec_exited(void *arg, int code, const char *message)
{
	struct session *s = arg;

	s->exec = NULL;
	s->exited = true;
	s->code = code;
	snprintf(s->message, sizeof(s->message), "%s", message);
	if (!s->ws && !s->spdy)
		session_free(s);
	else
		drain(s);
}

/* ---- client to process ---- */

static void consumed(struct session *s, size_t n)
{
	buf_consume(&s->input, n);
	if (s->ws && s->input.len < STDIN_MAX)
		ws_pause(s->ws, false);
	else if (s->spdy && s->st[CH_IN])
		spdy_stream_consumed(s->st[CH_IN], n);
}

static void write_input(struct session *s)
{
	int fd = s->both_ways ? s->fd[1] : s->fd[0];

	while (fd >= 0 && s->input.len) {
		size_t n = s->attach && s->input.len > ATTACH_PIECE ? ATTACH_PIECE : s->input.len;
		ssize_t put = s->attach ? send(fd, s->input.p, n, MSG_NOSIGNAL) : write(fd, s->input.p, n);

		if (put < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (put < 0) {         /* it reads no more: what comes is dropped */
			consumed(s, s->input.len);
			return;
		}
		consumed(s, (size_t)put);
	}
	if (s->input.len || !s->input_end)
		return;
	if (s->attach && fd >= 0)
		shutdown(fd, SHUT_WR);
	else if (!s->both_ways)
		close_fd(s, 0);
}

static void in_ready(void *arg, uint32_t events)
{
	(void)events;
	update(arg);
}

/* Watch exactly what can go on: a watch that may do nothing would wake for ever on a hang-up. */
static void watch(struct session *s, unsigned i, uint32_t events, loop_fd_fn *fn)
{
	if (s->fd[i] < 0)
		return;
	if (!events) {
		loop_fd_del(s->watch[i]);
		s->watch[i] = NULL;
	} else if (s->watch[i]) {
		loop_fd_set(s->watch[i], events);
	} else {
		s->watch[i] = loop_fd_add(s->k->a->loop, s->fd[i], events, fn, s);
	}
}

static void update(struct session *s)
{
	/* What the log gives is not awaited from conmon, which drops who does not read. */
	uint32_t read = s->log_path || pending(s) < STREAM_PENDING_MAX ? EPOLLIN : 0;

	if (!s->begun || s->ending)
		return;
	write_input(s);
	watch(s, 0, s->input.len ? EPOLLOUT : 0, in_ready);
	if (s->exited)
		read = 0;              /* drain does the reading */
	watch(s, 1, read | (s->both_ways && s->input.len ? EPOLLOUT : 0), out1_ready);
	watch(s, 2, read, out2_ready);
}

static void transport_drained(void *arg)
{
	struct session *s = arg;

	if (s->ending || !s->begun)
		return;
	for (unsigned i = 1; i < 3; i++)
		if (s->log[i])
			ctrlog_more(s->log[i]);
	if (s->exited)
		drain(s);
	else
		update(s);
}

static void resize(struct session *s, const char *p, size_t n)
{
	yyjson_doc *d = yyjson_read(p, n, YYJSON_READ_STOP_WHEN_DONE);
	int64_t cols = doc_int(yyjson_doc_get_root(d), "Width", 0), rows = doc_int(yyjson_doc_get_root(d), "Height", 0);

	yyjson_doc_free(d);
	if (cols <= 0 || rows <= 0 || cols > UINT16_MAX || rows > UINT16_MAX)
		return;
	s->cols = (int)cols;
	s->rows = (int)rows;
	if (s->exec)
		runtime_exec_resize(s->exec, s->cols, s->rows);
	else if (s->attach && s->begun)
		runtime_attach_resize(s->k->a->rt, s->id, s->cols, s->rows);
}

static void received(struct session *s, unsigned ch, const char *p, size_t n)
{
	if (ch == CH_IN && s->want[0] && !s->input_end) {
		buf_add(&s->input, p, n);
		if (s->ws && s->input.len >= STDIN_MAX)
			ws_pause(s->ws, true);
		update(s);
	} else if (ch == CH_RESIZE) {
		resize(s, p, n);
	} else if (ch == CH_CLOSE && s->v5 && n && p[0] == CH_IN) {
		s->input_end = true;
		update(s);
	}
}

/* ---- beginning ---- */

static void begin(void *arg)
{
	struct session *s = arg;
	struct agent *a = s->k->a;
	struct runtime_exec_spec spec = { .args = (const char *const *)s->command.v, .tty = s->tty, .in = s->want[0],
		.out = s->want[1], .err = s->want[2] };
	struct err e = { .msg = "" };
	int rc;

	loop_timer_stop(&s->timer);
	if (s->attach) {
		rc = s->log_path ? open_logs(s, &e) : 0;
		s->both_ways = true;
		/* A first client of a program that is about to end, or has: the log tells all of it. */
		if (!rc && runtime_attach(a->rt, s->id, &s->fd[1], &e) && !s->log_path)
			rc = -ERR_NOT_FOUND;
	} else {
		int fds[3];

		rc = runtime_exec(&s->exec, a->rt, s->id, &spec, fds, exec_exited, s, &e);
		s->both_ways = s->tty;
		if (!rc) {
			s->fd[0] = s->tty ? -1 : fds[0];
			s->fd[1] = s->tty ? fds[0] : fds[1];
			s->fd[2] = s->tty ? -1 : fds[2];
		}
	}
	s->begun = true;
	if (rc) {
		s->exec = NULL;
		s->code = 1;
		snprintf(s->message, sizeof(s->message), "%.500s", e.msg);
		end(s);
		return;
	}
	/* Older clients wait for a first message to know that the connection stands; those of v5
	 * do not, and complain of one that comes before they have made their streams. */
	if (s->ws && !s->v5)
		send_channel(s, s->want[1] ? CH_OUT : s->want[2] ? CH_ERR : CH_STATUS, "", 0);
	if (s->cols) {
		if (s->exec)
			runtime_exec_resize(s->exec, s->cols, s->rows);
		else
			runtime_attach_resize(a->rt, s->id, s->cols, s->rows);
	}
	update(s);
}

static void ws_message(void *arg, const void *p, size_t n, bool text)
{
	struct session *s = arg;
	const char *m = p;

	if (!n)
		return;
	if (s->base64 && text) {
		BUF_AUTO struct buf b = { 0 };

		if (!text_unbase64(&b, m + 1, n - 1))
			received(s, (unsigned)(m[0] - '0'), b.p ? b.p : "", b.len);
	} else {
		received(s, (unsigned char)m[0], m + 1, n - 1);
	}
}

/* ---- SPDY ---- */

static bool spdy_complete(const struct session *s)
{
	return s->st[CH_STATUS] && (!s->want[0] || s->st[CH_IN]) && (!s->want[1] || s->st[CH_OUT]) &&
		(!s->want[2] || s->st[CH_ERR]) && (!s->tty || s->v1 || s->st[CH_RESIZE]);
}

static bool spdy_stream(void *arg, struct spdy_stream *st)
{
	static const char *const names[CH_COUNT] = { "stdin", "stdout", "stderr", "error", "resize" };
	const char *type = spdy_stream_header(st, "streamtype");
	struct session *s = arg;

	for (unsigned i = 0; type && i < CH_COUNT; i++)
		if (!strcmp(type, names[i]) && !s->st[i]) {
			s->st[i] = st;
			spdy_stream_set_context(st, (void *)(uintptr_t)(i + 1));
			/* After the stream's own answer has gone out. */
			if (spdy_complete(s) && !s->begun)
				loop_defer(s->k->a->loop, &s->begin_task, begin, s);
			return true;
		}
	return false;
}

static void spdy_data(void *arg, struct spdy_stream *st, const void *p, size_t n, bool fin)
{
	unsigned ch = (unsigned)(uintptr_t)spdy_stream_context(st) - 1;
	struct session *s = arg;

	if (ch == CH_IN) {
		buf_add(&s->input, p, n);
		s->input_end |= fin;
		update(s);
		return;
	}
	spdy_stream_consumed(st, n);
	if (ch != CH_RESIZE || s->resize.len + n > RESIZE_MAX)
		return;
	/* One JSON object after the other; a newline ends each. */
	buf_add(&s->resize, p, n);
	for (char *nl; s->resize.len && (nl = memchr(s->resize.p, '\n', s->resize.len));) {
		resize(s, s->resize.p, (size_t)(nl - s->resize.p));
		buf_consume(&s->resize, (size_t)(nl - s->resize.p) + 1);
	}
}

static void spdy_gone(void *arg, struct spdy_stream *st)
{
	struct session *s = arg;

	for (unsigned i = 0; i < CH_COUNT; i++)
		if (s->st[i] == st)
			s->st[i] = NULL;
}

static void spdy_drained(void *arg, struct spdy_stream *st)
{
	(void)st;
	transport_drained(arg);
}

static const struct ws_ops ws_session_ops = { .message = ws_message, .drained = transport_drained, .closed = transport_closed };
static const struct spdy_ops spdy_session_ops = { .stream = spdy_stream, .data = spdy_data, .stream_closed = spdy_gone,
	.drained = spdy_drained, .closed = transport_closed };

static bool choose_ws(struct session *s, struct http_req *r, char *chosen, size_t size)
{
	static const char *const known[] = { "v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io",
		"channel.k8s.io", "base64.channel.k8s.io" };
	size_t it = 0;
	bool offered = false;

	while (ws_next_protocol(r, &it, chosen, size)) {
		offered = true;
		for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (!strcmp(chosen, known[i])) {
				s->v5 = i == 0;
				s->v1 = i >= 3;
				s->base64 = i == 2 || i == 4;
				return true;
			}
	}
	*chosen = 0;
	s->v1 = true;
	return !offered;
}

static bool choose_spdy(struct session *s, struct http_req *r, char *chosen, size_t size)
{
	static const char *const known[] = { "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io" };
	unsigned best = sizeof(known) / sizeof(known[0]);
	const char *name, *value;
	size_t it = 0;

	while (http_header_next(r, &it, &name, &value)) {
		if (strcasecmp(name, "x-stream-protocol-version"))
			continue;
		for (unsigned i = 0; i < best; i++)
			if (strstr(value, known[i]) && (i < 3 || !strcmp(value, known[i])))
				best = i;
	}
	if (best == sizeof(known) / sizeof(known[0]))
		return false;
	s->v1 = best >= 2;             /* no resize, errors as text */
	snprintf(chosen, size, "%s", known[best]);
	return true;
}

static void open_session(struct session *s, struct http_req *r)
{
	const char *upgrade = http_header(r, "upgrade");
	char protocol[64];

	if (ws_wanted(r)) {
		if (!choose_ws(s, r, protocol, sizeof(protocol))) {
			reply_text(r, 400, "none of the WebSocket protocols is supported");
			session_free(s);
			return;
		}
		s->ws = ws_accept(r, *protocol ? protocol : NULL, &ws_session_ops, s);
		if (!s->ws)
			session_free(s);
		else
			begin(s);
		return;
	}
	if (!upgrade || strncasecmp(upgrade, "spdy/3.1", 8)) {
		reply_text(r, 400, "Upgrade request required");
		session_free(s);
		return;
	}
	if (!choose_spdy(s, r, protocol, sizeof(protocol))) {
		reply_text(r, 403, "unable to upgrade: the client's stream protocols are not supported");
		session_free(s);
		return;
	}
	http_set_header(r, "x-stream-protocol-version", protocol);
	loop_timer_set(&s->timer, OPEN_TIMEOUT_MS);
	s->spdy = spdy_accept(r, &spdy_session_ops, s);
	if (!s->spdy)
		session_free(s);
}

static struct session *session_new(struct kubelet *k, struct http_req *r, struct ctr *c)
{
	const char *q = http_query(r);
	struct session *s;
	unsigned count = 0;

	list_each(&k->sessions, at)
		count++;
	if (c->st.state != CTR_RUNNING) {
		reply_text(r, 500, "container not found (\"%s\")", c->name);
		return NULL;
	}
	if (count >= SESSIONS_MAX || !(s = calloc(1, sizeof(*s)))) {
		reply_text(r, 429, "too many sessions");
		return NULL;
	}
	s->k = k;
	snprintf(s->id, sizeof(s->id), "%s", c->id);
	s->fd[0] = s->fd[1] = s->fd[2] = -1;
	s->want[0] = query_true(q, "input") || query_true(q, "stdin");
	s->want[1] = query_true(q, "output") || query_true(q, "stdout");
	s->want[2] = query_true(q, "error") || query_true(q, "stderr");
	s->tty = query_true(q, "tty");
	if (s->tty)
		s->want[2] = false;
	loop_timer_init(&s->timer, k->a->loop, give_up, s);
	list_add_tail(&k->sessions, &s->in);
	if (s->want[0] || s->want[1] || s->want[2])
		return s;
	reply_text(r, 400, "you must specify at least 1 of stdin, stdout, stderr");
	session_free(s);
	return NULL;
}

void kubelet_exec(struct kubelet *k, struct http_req *r, struct ctr *c)
{
	struct session *s = session_new(k, r, c);
	char *arg;

	if (!s)
		return;
	for (unsigned i = 0; i < COMMAND_MAX && (arg = query_get(http_query(r), "command", i)); i++) {
		strv_add(&s->command, "%s", arg);
		free(arg);
	}
	if (!s->command.n) {
		reply_text(r, 400, "you must specify a command");
		session_free(s);
		return;
	}
	open_session(s, r);
}

void kubelet_attach(struct kubelet *k, struct http_req *r, struct ctr *c)
{
	struct session *s = session_new(k, r, c);

	if (!s)
		return;
	s->attach = true;
	if (doc_bool(c->spec, "stdinOnce", false) && !c->attached && (s->want[1] || s->want[2])) {
		char path[PATH_MAX];

		log_path(path, sizeof(path), c->pod, c->name, c->attempt);
		s->log_path = file_exists(path) ? strdup(path) : NULL;
	}
	c->attached = true;
	/* The terminal is the container's own; what was not given at its start cannot be. */
	s->tty = doc_bool(c->spec, "tty", false);
	if (s->tty)
		s->want[2] = false;
	if (!doc_bool(c->spec, "stdin", false))
		s->want[0] = false;
	open_session(s, r);
}

void kubelet_sessions_close(struct kubelet *k)
{
	list_each(&k->sessions, at) {
		struct session *s = list_entry(at, struct session, in);

		if (s->exec)
			runtime_exec_kill(s->exec);
		s->exec = NULL;
		close_process(s);
		s->ending = true;
		/* A session with a client is freed as its connection is closed. */
		if (!s->ws && !s->spdy)
			session_free(s);
	}
}
