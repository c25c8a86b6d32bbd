/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubelet_forward - port-forward: connections into a pod's network namespace, carried as
 * pairs of SPDY streams (over an upgraded connection, or inside WebSocket messages), or as
 * pairs of WebSocket channels (v4.channel.k8s.io with ?ports=).
 * Source: kubelet portforward/httpstream.go, websocket.go; KEP-4006.
 */
#define LOG_MODULE "kubelet"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/kubelet_priv.h"
#include "base/text.h"
#include "http/spdy.h"
#include "http/ws.h"

#define PIECE (16u << 10)
#define TO_POD_MAX (256u << 10)
#define WS_PORTS_MAX 64
#define FORWARDS_MAX 500
#define SPDY_IN_WS "SPDY/3.1+portforward.k8s.io"

struct forward;
/* One connection to a port. */
struct leg {
	struct list in;
	struct forward *f;
	struct spdy_stream *data;
	unsigned channel;              /* WebSocket: 2n */
	int port, fd;
	struct loop_fd *watch;
	struct buf to_pod;
	bool connected, client_end, pod_end, dead;
	bool working;                  /* the worker makes its socket */
	char netns[PATH_MAX / 4];
	int error;
};

struct errors { struct list in; struct spdy_stream *st; char request[64]; };

struct forward {
	struct list in, legs, errors;
	struct kubelet *k;
	char pod[512], netns[PATH_MAX / 4];
	struct spdy *spdy;
	struct ws *ws;
	struct leg *by_channel[WS_PORTS_MAX];
	unsigned port_count, working;
	bool closed;
};

static void leg_update(struct leg *g);

/* The error stream that came with this data stream; closing it without a word is success. */
static struct spdy_stream *error_stream(const struct leg *g)
{
	const char *request = g->data ? spdy_stream_header(g->data, "requestid") : NULL;

	list_each(&g->f->errors, at) {
		struct errors *e = list_entry(at, struct errors, in);

		if (request && !strcmp(e->request, request))
			return e->st;
	}
	return NULL;
}

static void leg_free(struct leg *g)
{
	struct spdy_stream *error = g->f->spdy ? error_stream(g) : NULL;

	if (error)
		spdy_stream_fin(error);
	loop_fd_del(g->watch);
	if (g->fd >= 0)
		close(g->fd);
	buf_finish(&g->to_pod);
	list_del(&g->in);
	for (unsigned i = 0; i < WS_PORTS_MAX; i++)
		if (g->f->by_channel[i] == g)
			g->f->by_channel[i] = NULL;
	if (g->data)
		spdy_stream_set_context(g->data, NULL);
	/* Channels have no end of their own: after the last connection the tunnel ends. */
	if (g->f->ws && list_empty(&g->f->legs))
		ws_close(g->f->ws, 1000);
	free(g);
}

static void forward_free(struct forward *f)
{
	list_each(&f->errors, at) {
		struct errors *e = list_entry(at, struct errors, in);

		list_del(&e->in);
		free(e);
	}
	list_del(&f->in);
	free(f);
}

/* The client is gone. A leg that the worker holds is freed when it comes back. */
static void forward_closed(void *arg)
{
	struct forward *f = arg;

	f->closed = true;
	f->spdy = NULL;
	f->ws = NULL;
	list_each(&f->legs, at) {
		struct leg *g = list_entry(at, struct leg, in);

		g->data = NULL;
		g->dead = true;
		if (!g->working)
			leg_free(g);
	}
	if (!f->working)
		forward_free(f);
}

/* ---- to the client ---- */

static size_t leg_pending(const struct leg *g)
{
	if (g->f->spdy)
		return g->data ? spdy_stream_pending(g->data) : 0;
	return g->f->ws ? ws_pending(g->f->ws) : 0;
}

static void leg_send(struct leg *g, const void *p, size_t n)
{
	unsigned char head = (unsigned char)g->channel;

	if (g->f->spdy && g->data)
		spdy_stream_write(g->data, p, n);
	else if (g->f->ws && !g->f->spdy)
		ws_send2(g->f->ws, &head, 1, p, n);
}

static void leg_error(struct leg *g, const char *why)
{
	struct forward *f = g->f;
	char text[800];

	snprintf(text, sizeof(text), "error forwarding port %d to pod %s: %s", g->port, f->pod, why);
	if (f->spdy) {
		struct spdy_stream *error = error_stream(g);

		if (error)
			spdy_stream_write(error, text, strlen(text));
		if (g->data)
			spdy_stream_fin(g->data);
	} else if (f->ws) {
		unsigned char head = (unsigned char)(g->channel + 1);

		ws_send2(f->ws, &head, 1, text, strlen(text));
	}
	g->dead = true;
}

static void leg_ready(void *arg, uint32_t events)
{
	struct leg *g = arg;
	char p[PIECE];
	ssize_t n;

	if (!g->connected) {
		int error = 0;
		socklen_t len = sizeof(error);

		getsockopt(g->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error) {
			leg_error(g, strerror(error));
			leg_free(g);
			return;
		}
		g->connected = true;
	}
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !g->pod_end) {
		n = read(g->fd, p, sizeof(p));
		if (n > 0) {
			leg_send(g, p, (size_t)n);
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			g->pod_end = true;
			if (g->data)
				spdy_stream_fin(g->data);
			if (n < 0 || !g->data)
				g->client_end = true;
		}
	}
	leg_update(g);
}

static void leg_update(struct leg *g)
{
	uint32_t events = 0;

	if (g->fd < 0)
		return;
	if (!g->connected) {
		events = EPOLLOUT;
	} else {
		while (g->to_pod.len) {
			ssize_t n = send(g->fd, g->to_pod.p, g->to_pod.len, MSG_NOSIGNAL);

			if (n < 0 && (errno == EAGAIN || errno == EINTR))
				break;
			if (n < 0)
				n = (ssize_t)g->to_pod.len;    /* it takes no more */
			buf_consume(&g->to_pod, (size_t)n);
			if (g->data)
				spdy_stream_consumed(g->data, (size_t)n);
			else if (g->f->ws && g->to_pod.len < TO_POD_MAX)
				ws_pause(g->f->ws, false);
		}
		if (!g->to_pod.len && g->client_end) {
			if (g->pod_end) {
				leg_free(g);
				return;
			}
			shutdown(g->fd, SHUT_WR);
		}
		if (!g->pod_end && leg_pending(g) < STREAM_PENDING_MAX)
			events |= EPOLLIN;
		if (g->to_pod.len)
			events |= EPOLLOUT;
	}
	/* A watch without events would still wake on a hang-up. */
	if (!events) {
		loop_fd_del(g->watch);
		g->watch = NULL;
	} else if (g->watch) {
		loop_fd_set(g->watch, events);
	} else {
		g->watch = loop_fd_add(g->f->k->a->loop, g->fd, events, leg_ready, g);
	}
}

/* ---- into the namespace ---- */

/* On the worker: a socket belongs to the namespace its thread was in when it was made. */
static void socket_make(void *arg)
{
	struct leg *g = arg;
	int own = -1, ns = -1;

	if (*g->netns) {
		own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		ns = open(g->netns, O_RDONLY | O_CLOEXEC);
		if (own < 0 || ns < 0 || setns(ns, CLONE_NEWNET))
			g->error = errno;
	}
	if (!g->error) {
		g->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (g->fd < 0)
			g->error = errno;
	}
	if (ns >= 0 && setns(own, CLONE_NEWNET))
		abort();               /* a worker in a wrong namespace must not go on */
	if (ns >= 0)
		close(ns);
	if (own >= 0)
		close(own);
}

static void socket_made(void *arg)
{
	struct leg *g = arg;
	struct forward *f = g->f;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)g->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	g->working = false;
	f->working--;
	if (!g->dead && !g->error && connect(g->fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
		g->error = errno;
	if (!g->dead && g->error)
		leg_error(g, strerror(g->error));
	if (g->dead)
		leg_free(g);
	else
		leg_update(g);
	if (f->closed && !f->working)
		forward_free(f);
}

static struct leg *leg_open(struct forward *f, int port)
{
	struct leg *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->f = f;
	g->port = port;
	g->fd = -1;
	memcpy(g->netns, f->netns, sizeof(g->netns));
	list_add_tail(&f->legs, &g->in);
	if (workers_submit(f->k->a->workers, socket_make, socket_made, g)) {
		leg_free(g);
		return NULL;
	}
	g->working = true;
	f->working++;
	return g;
}

static void leg_received(struct leg *g, const void *p, size_t n, bool fin)
{
	buf_add(&g->to_pod, p, n);
	g->client_end |= fin;
	if (g->f->ws && !g->f->spdy && g->to_pod.len >= TO_POD_MAX)
		ws_pause(g->f->ws, true);
	if (g->fd >= 0 && !g->working)
		leg_update(g);
}

/* ---- SPDY ---- */

static bool on_stream(void *arg, struct spdy_stream *st)
{
	struct forward *f = arg;
	const char *type = spdy_stream_header(st, "streamtype"), *port = spdy_stream_header(st, "port");
	const char *request = spdy_stream_header(st, "requestid");
	int number = port ? atoi(port) : 0;
	struct leg *g;

	if (!type || number < 1 || number > 65535)
		return false;
	if (!strcmp(type, "error")) {
		struct errors *e = calloc(1, sizeof(*e));

		if (!e)
			return false;
		e->st = st;
		snprintf(e->request, sizeof(e->request), "%s", request ? request : "");
		list_add_tail(&f->errors, &e->in);
		return true;
	}
	if (strcmp(type, "data") || !(g = leg_open(f, number)))
		return false;
	g->data = st;
	spdy_stream_set_context(st, g);
	return true;
}

static void on_data(void *arg, struct spdy_stream *st, const void *p, size_t n, bool fin)
{
	struct leg *g = spdy_stream_context(st);

	(void)arg;
	if (g)
		leg_received(g, p, n, fin);
	else
		spdy_stream_consumed(st, n);
}

static void on_stream_closed(void *arg, struct spdy_stream *st)
{
	struct forward *f = arg;
	struct leg *g = spdy_stream_context(st);

	list_each(&f->errors, at) {
		struct errors *e = list_entry(at, struct errors, in);

		if (e->st != st)
			continue;
		list_del(&e->in);
		free(e);
		return;
	}
	if (!g)
		return;
	g->dead = true;
	if (!g->working) {
		leg_free(g);
		return;
	}
	if (error_stream(g))
		spdy_stream_fin(error_stream(g));
	g->data = NULL;
}

static void on_stream_drained(void *arg, struct spdy_stream *st)
{
	struct leg *g = spdy_stream_context(st);

	(void)arg;
	if (g && !g->working)
		leg_update(g);
}

static const struct spdy_ops forward_spdy = { .stream = on_stream, .data = on_data, .stream_closed = on_stream_closed,
	.drained = on_stream_drained, .closed = forward_closed };

/* ---- WebSocket ---- */

static void tunnel_drained(void *arg)
{
	struct forward *f = arg;

	list_each(&f->legs, at) {
		struct leg *g = list_entry(at, struct leg, in);

		if (!g->working)
			leg_update(g);
	}
}

static void channel_message(void *arg, const void *p, size_t n, bool text)
{
	struct forward *f = arg;
	unsigned ch = n ? *(const unsigned char *)p : 255;

	(void)text;
	if (ch % 2 || ch / 2 >= f->port_count || !f->by_channel[ch / 2])
		return;
	leg_received(f->by_channel[ch / 2], (const char *)p + 1, n - 1, false);
}

static const struct ws_ops channel_ws = { .message = channel_message, .drained = tunnel_drained, .closed = forward_closed };

static bool wants(struct http_req *r, const char *protocol)
{
	char offer[128];
	size_t it = 0;

	while (ws_next_protocol(r, &it, offer, sizeof(offer)))
		if (!strcmp(offer, protocol))
			return true;
	return false;
}

static void open_channels(struct forward *f, struct http_req *r)
{
	int ports[WS_PORTS_MAX];
	char *text;

	for (unsigned i = 0; f->port_count < WS_PORTS_MAX && (text = query_get(http_query(r), "ports", i)); i++) {
		char *save = NULL;

		for (char *p = strtok_r(text, ",", &save); p && f->port_count < WS_PORTS_MAX; p = strtok_r(NULL, ",", &save)) {
			int port = atoi(p);

			if (port > 0 && port < 65536)
				ports[f->port_count++] = port;
		}
		free(text);
	}
	if (!f->port_count) {
		reply_text(r, 400, "at least one port is needed (?ports=)");
		forward_free(f);
		return;
	}
	f->ws = ws_accept(r, "v4.channel.k8s.io", &channel_ws, f);
	if (!f->ws) {
		forward_free(f);
		return;
	}
	for (unsigned i = 0; i < f->port_count; i++) {
		unsigned char first[3] = { (unsigned char)(2 * i), (unsigned char)ports[i], (unsigned char)(ports[i] >> 8) };

		ws_send(f->ws, first, 3, false);
		first[0]++;
		ws_send(f->ws, first, 3, false);
		f->by_channel[i] = leg_open(f, ports[i]);
		if (f->by_channel[i])
			f->by_channel[i]->channel = 2 * i;
	}
}

void kubelet_forward(struct kubelet *k, struct http_req *r, struct pod *p)
{
	const char *upgrade = http_header(r, "upgrade");
	struct forward *f;
	unsigned count = 0;

	list_each(&k->forwards, at)
		count++;
	if (!p->sandbox_up) {
		reply_text(r, 400, "pod \"%s\" is not running", p->name);
		return;
	}
	if (count >= FORWARDS_MAX || !(f = calloc(1, sizeof(*f)))) {
		reply_text(r, 429, "too many port forwards");
		return;
	}
	f->k = k;
	snprintf(f->pod, sizeof(f->pod), "%s", p->uid);
	snprintf(f->netns, sizeof(f->netns), "%s", p->netns ? p->netns : "");
	list_init(&f->legs);
	list_init(&f->errors);
	list_add_tail(&k->forwards, &f->in);
	if (ws_wanted(r) && wants(r, SPDY_IN_WS)) {
		f->spdy = spdy_accept_ws(r, SPDY_IN_WS, &forward_spdy, f);
		if (!f->spdy)
			forward_free(f);
	} else if (ws_wanted(r)) {
		open_channels(f, r);
	} else if (upgrade && !strncasecmp(upgrade, "spdy/3.1", 8)) {
		http_set_header(r, "x-stream-protocol-version", "portforward.k8s.io");
		f->spdy = spdy_accept(r, &forward_spdy, f);
		if (!f->spdy)
			forward_free(f);
	} else {
		reply_text(r, 400, "Upgrade request required");
		forward_free(f);
	}
}

void kubelet_forwards_close(struct kubelet *k)
{
	list_each(&k->forwards, at) {
		struct forward *f = list_entry(at, struct forward, in);

		list_each(&f->legs, leg) {
			struct leg *g = list_entry(leg, struct leg, in);

			g->dead = true;
			if (!g->working)
				leg_free(g);
		}
		/* The rest goes as the connection is closed. */
		if (!f->ws && !f->spdy && !f->working)
			forward_free(f);
	}
}
