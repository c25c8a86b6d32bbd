/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubelet - the HTTPS API of a node, as the API server's proxy asks for it: logs, exec,
 * attach, port-forward, metrics. Only for holders of a certificate of organisation
 * system:masters (or of the one configured name) signed by the cluster's CA.
 * Source: kubelet server/server.go (paths, query parameters, status codes).
 */
#define LOG_MODULE "kubelet"
#include "agent/kubelet_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ctrlog.h"
#include "base/env.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#define CERT_MAX (256u << 10)
#define CONNS_MAX 2000

/* ---- queries ---- */

char *query_get(const char *query, const char *name, unsigned nth)
{
	size_t n = strlen(name);

	for (const char *p = query; p && *p;) {
		size_t len = strcspn(p, "&");

		if (len >= n && !strncmp(p, name, n) && (p[n] == '=' || len == n) && !nth--) {
			char *v = strndup(p + n + (len > n), len - n - (len > n));

			if (v && text_urldecode(v, true)) {
				free(v);
				return NULL;
			}
			return v;
		}
		p += len + (p[len] == '&');
	}
	return NULL;
}

bool query_true(const char *query, const char *name)
{
	char *v = query_get(query, name, 0);
	bool yes = v && (!*v || !strcmp(v, "1") || !strcasecmp(v, "true"));

	free(v);
	return yes;
}

static int64_t query_int(const char *query, const char *name, int64_t dflt)
{
	char *v = query_get(query, name, 0), *end;
	int64_t n = dflt;

	if (v && *v) {
		n = strtoll(v, &end, 10);
		if (*end)
			n = dflt;
	}
	free(v);
	return n;
}

void reply_text(struct http_req *r, int status, const char *fmt, ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	http_set_header(r, "content-type", "text/plain; charset=utf-8");
	http_reply(r, status, text, strlen(text));
}

/* ---- logs ---- */

struct log_req {
	struct list in;
	struct http_req *r;
	struct ctrlog *log;
	char id[CTR_ID_MAX];
};

static bool log_out(void *arg, const char *p, size_t n)
{
	struct log_req *l = arg;

	http_stream_writec(l->r, p, n);
	return http_stream_pending(l->r) < STREAM_PENDING_MAX;
}

static void log_drained(void *ctx)
{
	struct log_req *l = ctx;

	if (l->log)
		ctrlog_more(l->log);
}

static void log_end(void *arg)
{
	struct log_req *l = arg;

	l->log = NULL;
	http_stream_end(l->r);
}

static void log_closed(void *ctx)
{
	struct log_req *l = ctx;

	list_del(&l->in);
	ctrlog_close(l->log);
	free(l);
}

void kubelet_log_ended(struct kubelet *k, const char *ctr_id)
{
	list_each(&k->logs, at) {
		struct log_req *l = list_entry(at, struct log_req, in);

		if (l->log && !strcmp(l->id, ctr_id))
			ctrlog_finish(l->log);
	}
	kubelet_sessions_log_ended(k, ctr_id);
}

/* Which instance's log is asked for: the current one's; while that has none yet the last one's.
 * False: there is none. Source: kubelet kubelet_pods.go, validateContainerLogStatus. */
static bool logged_attempt(const struct ctr *c, bool previous, unsigned *ret)
{
	bool own = (c->st.state == CTR_RUNNING || c->st.state == CTR_EXITED) && !c->st.start_failed;

	/* While it waits to be started again, the one that ended is shown as the one before. */
	*ret = c->attempt - (!own || (previous && !ctr_backing_off(c)));
	return *c->id && (*ret == c->attempt || (c->has_last && c->attempt > 0));
}

static void not_started(struct http_req *r, const struct ctr *c)
{
	reply_text(r, 400, "container \"%s\" in pod \"%s\" is waiting to start: %s", c->name, c->pod->name,
		!strcmp(c->reason, "ErrImagePull") ? "image can't be pulled" :
		!strcmp(c->reason, "ImagePullBackOff") ? "trying and failing to pull image" :
		*c->reason ? c->reason : "ContainerCreating");
}

static void logs(struct kubelet *k, struct http_req *r, struct ctr *c)
{
	const char *q = http_query(r);
	struct ctrlog_opts o = { .follow = query_true(q, "follow"), .timestamps = query_true(q, "timestamps"),
		.tail = query_int(q, "tailLines", -1), .limit_bytes = query_int(q, "limitBytes", -1) };
	bool previous = query_true(q, "previous");
	char *since = query_get(q, "sinceTime", 0), *stream = query_get(q, "stream", 0), path[4200];
	unsigned attempt;
	struct log_req *l;

	if (query_int(q, "sinceSeconds", 0) > 0)
		o.since_us = env_wall_us() - query_int(q, "sinceSeconds", 0) * 1000000;
	if (since && text_parse_time(since, &o.since_us))
		o.since_us = 0;
	if (stream && (!strcasecmp(stream, "stdout") || !strcasecmp(stream, "stderr")))
		o.stream = !strcasecmp(stream, "stdout") ? 1 : 2;
	free(since);
	free(stream);
	if (!logged_attempt(c, previous, &attempt)) {
		if (previous)
			reply_text(r, 400, "previous terminated container \"%s\" in pod \"%s\" not found", c->name, c->pod->name);
		else
			not_started(r, c);
		return;
	}
	log_path(path, sizeof(path), c->pod, c->name, attempt);
	l = calloc(1, sizeof(*l));
	if (!l) {
		reply_text(r, 500, "out of memory");
		return;
	}
	list_init(&l->in);
	l->r = r;
	snprintf(l->id, sizeof(l->id), "%s", c->id);
	if (ctrlog_open(&l->log, k->log_hub, path, &o, log_out, log_end, l)) {
		free(l);
		not_started(r, c);
		return;
	}
	list_add_tail(&k->logs, &l->in);
	http_set_header(r, "content-type", "text/plain");
	http_set_context(r, l, log_closed);
	http_stream_begin(r, 200);
	http_stream_on_drained(r, log_drained);
	if (attempt != c->attempt || c->st.state != CTR_RUNNING)
		ctrlog_finish(l->log);
}

/* ---- routing ---- */

static bool allowed(struct kubelet *k, struct http_req *r)
{
	const char *cn;
	const char *const *orgs;

	if (!http_peer_cert(r, &cn, &orgs))
		return false;
	if (k->client_cn)
		return !strcmp(cn, k->client_cn);
	for (; orgs && *orgs; orgs++)
		if (!strcmp(*orgs, "system:masters"))
			return true;
	return false;
}

/* Part number n of "/a/b/c", decoded, malloc'd; NULL when there are fewer. */
static char *part(const char *path, unsigned n)
{
	char *v;

	for (path += *path == '/'; n; n--) {
		path += strcspn(path, "/");
		if (*path != '/')
			return NULL;
		path++;
	}
	v = strndup(path, strcspn(path, "/"));
	if (v && (!*v || text_urldecode(v, false))) {
		free(v);
		return NULL;
	}
	return v;
}

static void reply_buf(struct http_req *r, struct buf *b, const char *type)
{
	http_set_header(r, "content-type", type);
	http_reply(r, b->failed ? 500 : 200, b->p ? b->p : "", b->len);
}

static bool simple(struct kubelet *k, struct http_req *r, const char *path)
{
	BUF_AUTO struct buf b = { 0 };

	if (!strcmp(path, "/healthz")) {
		reply_text(r, 200, "ok");
	} else if (!strcmp(path, "/metrics") || !strcmp(path, "/metrics/resource")) {
		kubelet_metrics(k, &b);
		reply_buf(r, &b, "text/plain; version=0.0.4");
	} else if (!strcmp(path, "/pods") || !strcmp(path, "/pods/")) {
		kubelet_pods(k, &b);
		reply_buf(r, &b, "application/json");
	} else if (!strcmp(path, "/stats/summary") || !strcmp(path, "/stats/summary/")) {
		kubelet_summary(k, &b);
		reply_buf(r, &b, "application/json");
	} else {
		return false;
	}
	return true;
}

static void handle(void *arg, struct http_req *r)
{
	static const struct { const char *prefix; bool container; } routes[] = {
		{ "/containerLogs/", true }, { "/exec/", true }, { "/attach/", true }, { "/portForward/", false },
	};
	struct kubelet *k = arg;
	const char *path = http_path(r);
	char *ns, *name, *ctr;
	struct ctr *c = NULL;
	struct pod *p;
	unsigned i;

	if (!allowed(k, r)) {
		reply_text(r, 401, "Unauthorized");
		return;
	}
	if (simple(k, r, path))
		return;
	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (!strncmp(path, routes[i].prefix, strlen(routes[i].prefix)))
			break;
	if (i == sizeof(routes) / sizeof(routes[0])) {
		reply_text(r, 404, "404 page not found");
		return;
	}
	ns = part(path, 1);
	name = part(path, 2);
	ctr = part(path, 3);
	p = ns && name ? pod_find(k->a, ns, name) : NULL;
	c = p && ctr ? pod_ctr(p, ctr) : NULL;
	if (!p)
		reply_text(r, 404, "pod \"%s\" not found", name ? name : "");
	else if (routes[i].container && !c)
		reply_text(r, 404, "container %s not found in pod %s", ctr ? ctr : "", name);
	else if (i == 0)
		logs(k, r, c);
	else if (i == 1)
		kubelet_exec(k, r, c);
	else if (i == 2)
		kubelet_attach(k, r, c);
	else
		kubelet_forward(k, r, p);
	free(ns);
	free(name);
	free(ctr);
}

int kubelet_open(struct kubelet **ret, struct agent *a, const struct agent_config *cfg, struct err *reterr)
{
	BUF_AUTO struct buf cert = { 0 };
	BUF_AUTO struct buf key = { 0 };
	BUF_AUTO struct buf ca = { 0 };
	struct http_config h = { .listen = cfg->listen && *cfg->listen ? cfg->listen : agent_listen(a),
		.require_client_cert = true, .conns_max = CONNS_MAX, .handler = handle };
	struct kubelet *k;
	int rc;

	if (!cfg->client_ca)
		return err_set(reterr, ERR_BAD_REQUEST, "the kubelet API needs the CA of its clients (client_ca)");
	if ((rc = file_read(cfg->serving_cert, CERT_MAX, &cert, reterr)) ||
	    (rc = file_read(cfg->serving_key, CERT_MAX, &key, reterr)) || (rc = file_read(cfg->client_ca, CERT_MAX, &ca, reterr)))
		return rc;
	k = calloc(1, sizeof(*k));
	if (!k)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	k->a = a;
	k->client_cn = cfg->client_cn ? strdup(cfg->client_cn) : NULL;
	list_init(&k->logs);
	list_init(&k->sessions);
	list_init(&k->forwards);
	h.cert_pem = cert.p;
	h.key_pem = key.p;
	h.client_ca_pem = ca.p;
	h.arg = k;
	rc = ctrlog_hub_open(&k->log_hub, a->loop);
	rc = rc ? err_set(reterr, -rc, "cannot watch logs: inotify: %s", strerror(errno)) :
		http_server_open(&k->http, a->loop, &h, reterr);
	if (rc) {
		ctrlog_hub_close(k->log_hub);
		free(k->client_cn);
		free(k);
		return rc;
	}
	a->kubelet_port = (int)http_server_port(k->http);
	*ret = k;
	return 0;
}

int kubelet_set_cert(struct kubelet *k, const char *cert_pem, const char *key_pem, struct err *reterr)
{
	return http_server_set_cert(k->http, cert_pem, key_pem, reterr);
}

void kubelet_close(struct kubelet *k)
{
	if (!k)
		return;
	kubelet_sessions_close(k);
	kubelet_forwards_close(k);
	http_server_close(k->http);
	ctrlog_hub_close(k->log_hub);
	free(k->client_cn);
	free(k);
}
