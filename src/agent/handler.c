/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handler - one action of a probe or a lifecycle hook: exec, httpGet, tcpSocket, sleep.
 * Source: kubelet pkg/probe, lifecycle/handlers.go (2xx and 3xx are success).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/agent_priv.h"
#include "base/text.h"
#include "doc/doc.h"

#define OUTPUT_MAX (10u << 10)
#define READS_MAX 16                   /* in one turn: a process may write without end */

struct handler {
	struct ctr *c;
	handler_fn *done;
	void *arg;
	struct loop_timer timer;
	struct fetch *fetch;
	struct runtime_exec *exec;
	int fd;                        /* of the TCP connection, or of the exec's output */
	struct loop_fd *watch;
	struct buf output;
	bool sleeping;
};

static void handler_free(struct handler *h)
{
	loop_timer_stop(&h->timer);
	fetch_cancel(h->fetch);
	if (h->exec)
		runtime_exec_kill(h->exec);
	loop_fd_del(h->watch);
	if (h->fd >= 0)
		close(h->fd);
	buf_finish(&h->output);
	free(h);
}

static void finish(struct handler *h, bool ok, const char *message)
{
	handler_fn *done = h->done;
	char text[512];
	void *arg = h->arg;

	snprintf(text, sizeof(text), "%s", message);
	handler_free(h);
	done(arg, ok, text);
}

/* ---- exec ---- */

static void read_output(struct handler *h)
{
	char p[4096];
	ssize_t n = 1;

	for (int i = 0; i < READS_MAX && h->fd >= 0 && n > 0; i++) {
		n = read(h->fd, p, sizeof(p));
		if (n > 0 && h->output.len < OUTPUT_MAX)
			buf_add(&h->output, p, (size_t)n);
	}
	if (h->fd >= 0 && (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))) {
		loop_fd_del(h->watch);
		h->watch = NULL;
		close(h->fd);
		h->fd = -1;
	}
}

static void output_ready(void *arg, uint32_t events)
{
	(void)events;
	read_output(arg);
}

static void exec_exited(void *arg, int code, const char *message)
{
	struct handler *h = arg;
	char text[512];

	h->exec = NULL;
	read_output(h);
	if (*message)
		snprintf(text, sizeof(text), "%s", message);
	else
		snprintf(text, sizeof(text), "%.*s", (int)(h->output.len < 400 ? h->output.len : 400),
			h->output.p ? h->output.p : "");
	if (code && !*text)
		snprintf(text, sizeof(text), "command exited with %d", code);
	finish(h, code == 0, code ? text : "");
}

static int run_exec(struct handler *h, yyjson_val *exec, int64_t timeout_ms, struct err *reterr)
{
	struct runtime_exec_spec s = { .out = true, .err_in_out = true, .timeout_ms = timeout_ms };
	struct strv args = { 0 };
	yyjson_val *v;
	int fds[3], rc = 0;
	size_t i, n;

	yyjson_arr_foreach(yyjson_obj_get(exec, "command"), i, n, v)
		rc = rc ? rc : strv_add(&args, "%s", yyjson_get_str(v));
	if (!args.n || rc) {
		strv_finish(&args);
		return err_set(reterr, ERR_BAD_REQUEST, "no command");
	}
	s.args = (const char *const *)args.v;
	rc = runtime_exec(&h->exec, h->c->pod->a->rt, h->c->id, &s, fds, exec_exited, h, reterr);
	strv_finish(&args);
	if (rc)
		return rc;
	h->fd = fds[1];
	h->watch = loop_fd_add(h->c->pod->a->loop, h->fd, EPOLLIN, output_ready, h);
	return 0;
}

/* ---- httpGet ---- */

static int resolve_port(struct ctr *c, yyjson_val *v)
{
	char *end = "";
	yyjson_val *p;
	size_t i, n;
	long number;

	if (yyjson_is_int(v))
		return (int)yyjson_get_int(v);
	yyjson_arr_foreach(yyjson_obj_get(c->spec, "ports"), i, n, p) {
		const char *name = doc_str(p, "name");

		if (name && yyjson_is_str(v) && !strcmp(name, yyjson_get_str(v)))
			return (int)doc_int(p, "containerPort", -1);
	}
	number = yyjson_is_str(v) ? strtol(yyjson_get_str(v), &end, 10) : -1;
	return *end || number > 65535 ? -1 : (int)number;
}

static void fetched(void *arg, int status, const char *body)
{
	struct handler *h = arg;
	char text[512] = "";

	h->fetch = NULL;
	if (!status)
		snprintf(text, sizeof(text), "%s", body);
	else if (status >= 400 || status < 200)
		snprintf(text, sizeof(text), "HTTP probe failed with statuscode: %d", status);
	else if (status >= 300)
		snprintf(text, sizeof(text), "Probe terminated redirects, Response body: %s", body);
	finish(h, status >= 200 && status < 400, text);
}

static const char *target_host(struct ctr *c, yyjson_val *action)
{
	const char *host = doc_str(action, "host");

	if (host && *host)
		return host;
	return c->pod->ip ? c->pod->ip : "127.0.0.1";
}

static int run_http(struct handler *h, yyjson_val *get, int64_t timeout_ms, struct err *reterr)
{
	const char *host = target_host(h->c, get), *path = doc_str(get, "path"), *scheme = doc_str(get, "scheme");
	int port = resolve_port(h->c, yyjson_obj_get(get, "port"));
	struct strv headers = { 0 };
	bool agent = false, accept = false;
	char url[2300];
	yyjson_val *v;
	size_t i, n;
	int rc = 0;

	if (port <= 0)
		return err_set(reterr, ERR_BAD_REQUEST, "no such port");
	snprintf(url, sizeof(url), strchr(host, ':') ? "%s://[%s]:%d%s%s" : "%s://%s:%d%s%s",
		scheme && !strcmp(scheme, "HTTPS") ? "https" : "http", host, port, path && *path == '/' ? "" : "/",
		path ? path : "");
	yyjson_arr_foreach(yyjson_obj_get(get, "httpHeaders"), i, n, v) {
		const char *name = doc_str(v, "name"), *value = doc_str(v, "value");

		if (!name || strpbrk(name, "\r\n") || (value && strpbrk(value, "\r\n")))
			continue;
		agent |= !strcasecmp(name, "User-Agent");
		accept |= !strcasecmp(name, "Accept");
		rc = rc ? rc : strv_add(&headers, value && *value ? "%s: %s" : "%s;", name, value);
	}
	if (!agent)
		rc = rc ? rc : strv_add(&headers, "User-Agent: kube-probe/1.34");
	if (!accept)
		rc = rc ? rc : strv_add(&headers, "Accept: */*");
	if (!rc)
		h->fetch = fetch_get(h->c->pod->a->fetcher, url, (const char *const *)headers.v, timeout_ms, fetched, h);
	strv_finish(&headers);
	return h->fetch ? 0 : err_set(reterr, ERR_NOMEM, "out of memory");
}

/* ---- tcpSocket ---- */

static void tcp_ready(void *arg, uint32_t events)
{
	struct handler *h = arg;
	int error = 0;
	socklen_t len = sizeof(error);

	(void)events;
	getsockopt(h->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	finish(h, !error, error ? strerror(error) : "");
}

static int run_tcp(struct handler *h, yyjson_val *tcp, struct err *reterr)
{
	const char *host = target_host(h->c, tcp);
	int port = resolve_port(h->c, yyjson_obj_get(tcp, "port")), family;
	union { struct sockaddr sa; struct sockaddr_in v4; struct sockaddr_in6 v6; } at = { 0 };
	uint8_t addr[16];

	if (port <= 0)
		return err_set(reterr, ERR_BAD_REQUEST, "no such port");
	if (text_parse_ip(host, &family, addr))
		return err_set(reterr, ERR_BAD_REQUEST, "host %s is not an address", host);
	if (family == 4) {
		at.v4.sin_family = AF_INET;
		at.v4.sin_port = htons((uint16_t)port);
		memcpy(&at.v4.sin_addr, addr, 4);
	} else {
		at.v6.sin6_family = AF_INET6;
		at.v6.sin6_port = htons((uint16_t)port);
		memcpy(&at.v6.sin6_addr, addr, 16);
	}
	h->fd = socket(at.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (h->fd < 0 || (connect(h->fd, &at.sa, family == 4 ? sizeof(at.v4) : sizeof(at.v6)) && errno != EINPROGRESS))
		return err_errno(reterr, "connect to %s port %d", host, port);
	h->watch = loop_fd_add(h->c->pod->a->loop, h->fd, EPOLLOUT, tcp_ready, h);
	return h->watch ? 0 : err_set(reterr, ERR_NOMEM, "out of memory");
}

static void timed_out(void *arg)
{
	struct handler *h = arg;

	finish(h, h->sleeping, h->sleeping ? "" : "timed out");
}

struct handler *handler_run(struct ctr *c, yyjson_val *action, int64_t timeout_ms, handler_fn *done, void *arg,
	struct err *reterr)
{
	struct handler *h = calloc(1, sizeof(*h));
	yyjson_val *v;
	int rc;

	if (!h) {
		err_set(reterr, ERR_NOMEM, "out of memory");
		return NULL;
	}
	h->c = c;
	h->done = done;
	h->arg = arg;
	h->fd = -1;
	loop_timer_init(&h->timer, c->pod->a->loop, timed_out, h);
	if ((v = yyjson_obj_get(action, "exec"))) {
		rc = run_exec(h, v, timeout_ms, reterr);
	} else if ((v = yyjson_obj_get(action, "httpGet"))) {
		rc = run_http(h, v, timeout_ms, reterr);
	} else if ((v = yyjson_obj_get(action, "tcpSocket"))) {
		rc = run_tcp(h, v, reterr);
		loop_timer_set(&h->timer, timeout_ms);
	} else if ((v = yyjson_obj_get(action, "sleep"))) {
		h->sleeping = true;
		loop_timer_set(&h->timer, spec_ms(v, "seconds", 0));
		rc = 0;
	} else {
		rc = err_set(reterr, ERR_BAD_REQUEST, "no action that is supported");
	}
	if (rc) {
		handler_free(h);
		return NULL;
	}
	return h;
}

void handler_cancel(struct handler *h)
{
	if (h)
		handler_free(h);
}
