/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy - requests that are answered elsewhere: by the agent of a pod's node (log, exec,
 * attach, portforward, nodes/proxy), or by a pod (pods/proxy, services/proxy).
 *
 *   asked     the request was rewritten and sent
 *   head      the answer's head is being read
 *   body      its body is passed on as it comes; or
 *   raw       both sides agreed on another protocol: bytes both ways
 *
 * The client's own credentials never go further: towards agents the server shows its
 * certificate, towards pods nothing.
 * Source: kubernetes pkg/registry/core/pod/rest; apimachinery pkg/util/proxy.
 */
#include <http_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/call.h"
#include "api/tunnel.h"
#include "base/text.h"
#include "http/http.h"

#define PENDING_MAX (256u << 10)
#define HEAD_MAX    (64u << 10)
#define AGENT_PORT  10250

struct proxy {
	struct call *c;
	struct tunnel *t;
	struct http_raw *raw;
	http_parser parser;
	char host[64], node[254];
	unsigned port;
	bool tls;
	struct buf request;            /* what the other side is asked */
	struct buf name, value;        /* of the answer's head being read */
	size_t head_bytes;
	bool in_value, begun, upgrade, switched, ended, paused_there, paused_here;
};

/* ---- headers ---- */

static bool hop_by_hop(const char *name)
{
	static const char *const names[] = { "connection", "keep-alive", "proxy-connection", "transfer-encoding",
		"te", "trailer", "upgrade", "content-length" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

static bool private_header(const char *name)
{
	return !strcasecmp(name, "authorization") || !strncasecmp(name, "impersonate-", 12) ||
		!strcasecmp(name, "host") || *name == ':';
}

/* The subprotocol that carries a browser's token stays here. */
static void add_protocols(struct buf *b, const char *value)
{
	bool first = true;

	while (*value) {
		size_t n;

		value += strspn(value, ", ");
		n = strcspn(value, ", ");
		if (n && strncmp(value, "base64url.bearer.authorization.k8s.io.", 38)) {
			buf_adds(b, first ? "sec-websocket-protocol: " : ", ");
			buf_add(b, value, n);
			first = false;
		}
		value += n;
	}
	if (!first)
		buf_adds(b, "\r\n");
}

static void write_request(struct proxy *px, const char *path, const char *query, size_t body_len)
{
	struct call *c = px->c;
	struct buf *b = &px->request;
	const char *name, *value;

	buf_printf(b, "%s %s%s%s HTTP/1.1\r\nhost: %s%s%s:%u\r\n", c->method, path, *query ? "?" : "", query,
		strchr(px->host, ':') ? "[" : "", px->host, strchr(px->host, ':') ? "]" : "", px->port);
	for (size_t it = 0; http_header_next(c->http, &it, &name, &value);) {
		if (hop_by_hop(name) || private_header(name))
			continue;
		if (!strcasecmp(name, "sec-websocket-protocol"))
			add_protocols(b, value);
		else
			buf_printf(b, "%s: %s\r\n", name, value);
	}
	if (px->upgrade)
		buf_printf(b, "connection: Upgrade\r\nupgrade: %s\r\n", http_header(c->http, "upgrade"));
	else
		buf_adds(b, "connection: close\r\n");
	if (body_len || strcmp(c->method, "GET"))
		buf_printf(b, "content-length: %zu\r\n", body_len);
	buf_adds(b, "\r\n");
}

/* ---- ends ---- */

static void proxy_free(struct proxy *px)
{
	tunnel_end(px->t);
	buf_finish(&px->request);
	buf_finish(&px->name);
	buf_finish(&px->value);
	free(px);
}

/* The client went away, or its answer is complete. */
static void canceled(struct call *c)
{
	struct proxy *px = c->work;

	c->work = NULL;
	c->cancel = NULL;
	if (!px || px->switched)
		return;                /* upgraded: the raw connection has its own end */
	px->ended = true;
	proxy_free(px);
	call_drop(c);
}

/* Nothing was answered yet: say why. */
static void refuse(struct proxy *px, const char *why)
{
	struct call *c = px->c;
	enum step step;

	c->work = NULL;
	c->cancel = NULL;
	step = fail_status(c, 502, "InternalError", NULL, 0, "error dialing backend: %s port %u: %s", px->host, px->port, why);
	proxy_free(px);
	call_resume(c, step);
	call_drop(c);
}

static void closed(void *arg, const char *why)
{
	struct proxy *px = arg;
	struct call *c = px->c;

	px->t = NULL;
	if (px->raw) {
		http_raw_close(px->raw);
		return;
	}
	if (!px->begun) {
		refuse(px, why ? why : "the connection was closed without an answer");
		return;
	}
	/* An answer without a length ends so. */
	http_parser_execute(&px->parser, &(http_parser_settings){ 0 }, NULL, 0);
	if (c->http && why)
		http_abort(c->http);
	else if (c->http)
		http_stream_end(c->http);
}

/* ---- the upgraded connection ---- */

static void raw_data(void *arg, const void *p, size_t n)
{
	struct proxy *px = arg;

	if (!px->t)
		return;
	if (!n) {
		tunnel_finish(px->t);
		return;
	}
	tunnel_write(px->t, p, n);
	if (tunnel_pending(px->t) > PENDING_MAX) {
		px->paused_here = true;
		http_raw_pause(px->raw, true);
	}
}

static void raw_drained(void *arg)
{
	struct proxy *px = arg;

	if (px->t && px->paused_there) {
		px->paused_there = false;
		tunnel_pause(px->t, false);
	}
}

static void raw_closed(void *arg)
{
	struct proxy *px = arg;
	struct call *c = px->c;

	px->raw = NULL;
	proxy_free(px);
	call_drop(c);
}

static const struct http_raw_ops raw_ops = { raw_data, raw_drained, raw_closed };

static void go_raw(struct proxy *px, const char *rest, size_t n)
{
	struct call *c = px->c;

	px->switched = true;
	c->status = 101;
	metrics_count(c->api->metrics, c);
	px->raw = http_upgrade(c->http, &raw_ops, px);
	if (!px->raw) {
		px->switched = false;
		http_abort(c->http);
		return;
	}
	if (n)
		http_raw_write(px->raw, rest, n);
}

/* ---- the answer ---- */

static int header_done(struct proxy *px)
{
	if (!px->in_value)
		return 0;
	px->in_value = false;
	if (px->c->http && px->name.p && (!hop_by_hop(px->name.p) ||
		    (px->upgrade && !strcasecmp(px->name.p, "upgrade")) ||
		    (!strcasecmp(px->name.p, "content-length") && !px->upgrade && px->parser.status_code == 304))) {
		for (char *p = px->name.p; *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p + 32);
		http_set_header(px->c->http, px->name.p, px->value.p ? px->value.p : "");
	}
	buf_clear(&px->name);
	buf_clear(&px->value);
	return 0;
}

static int on_name(http_parser *p, const char *at, size_t n)
{
	struct proxy *px = p->data;

	header_done(px);
	buf_add(&px->name, at, n);
	px->head_bytes += n;
	return px->name.failed || px->head_bytes > HEAD_MAX;
}

static int on_value(http_parser *p, const char *at, size_t n)
{
	struct proxy *px = p->data;

	px->in_value = true;
	buf_add(&px->value, at, n);
	px->head_bytes += n;
	return px->value.failed || px->head_bytes > HEAD_MAX;
}

static int on_head(http_parser *p)
{
	struct proxy *px = p->data;
	struct call *c = px->c;

	header_done(px);
	if (p->status_code == 100)
		return 0;
	px->begun = true;
	if (p->status_code == 101)
		return px->upgrade ? 2 : 1;
	if (!c->http)
		return 1;
	c->status = p->status_code;
	metrics_count(c->api->metrics, c);
	if (c->audit_id)
		http_set_header(c->http, "audit-id", c->audit_id);
	http_set_header(c->http, "cache-control", "no-cache, private");
	http_stream_begin(c->http, p->status_code);
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
	struct proxy *px = p->data;
	struct call *c = px->c;

	if (!c->http)
		return 1;
	http_stream_writec(c->http, at, n);
	if (px->t && http_stream_pending(c->http) > PENDING_MAX) {
		px->paused_there = true;
		tunnel_pause(px->t, true);
	}
	return 0;
}

static int on_end(http_parser *p)
{
	struct proxy *px = p->data;

	if (p->status_code == 100 || p->status_code == 101)
		return 0;
	px->ended = true;
	return 0;
}

static const http_parser_settings settings = { .on_header_field = on_name, .on_header_value = on_value,
	.on_headers_complete = on_head, .on_body = on_body, .on_message_complete = on_end };

static void data(void *arg, const void *p, size_t n)
{
	struct proxy *px = arg;
	struct call *c = px->c;
	size_t used;

	if (px->raw) {
		http_raw_write(px->raw, p, n);
		if (http_raw_pending(px->raw) > PENDING_MAX) {
			px->paused_there = true;
			tunnel_pause(px->t, true);
		}
		return;
	}
	used = http_parser_execute(&px->parser, &settings, p, n);
	if (px->parser.upgrade && px->parser.status_code == 101) {
		go_raw(px, (const char *)p + used, n - used);
		return;
	}
	if (px->parser.http_errno != HPE_OK) {
		if (px->begun && c->http)
			http_abort(c->http);
		else if (!px->begun)
			refuse(px, http_errno_description((enum http_errno)px->parser.http_errno));
		return;
	}
	if (px->ended && c->http)
		http_stream_end(c->http);
}

static void drained(void *arg)
{
	struct proxy *px = arg;

	if (px->raw && px->paused_here) {
		px->paused_here = false;
		http_raw_pause(px->raw, false);
	}
}

static void client_drained(void *ctx)
{
	struct call *c = ctx;
	struct proxy *px = c->work;

	if (px && px->t && px->paused_there) {
		px->paused_there = false;
		tunnel_pause(px->t, false);
	}
}

static void opened(void *arg)
{
	struct proxy *px = arg;

	tunnel_write(px->t, px->request.p, px->request.len);
	buf_finish(&px->request);
}

static const struct tunnel_ops ops = { opened, data, drained, closed };

static enum step begin(struct proxy *px)
{
	struct call *c = px->c;
	struct err e = { 0 };

	if (px->request.failed) {
		proxy_free(px);
		return fail_err(c, -ERR_NOMEM, NULL);
	}
	http_parser_init(&px->parser, HTTP_RESPONSE);
	px->parser.data = px;
	if (tunnel_connect(&px->t, c->api->loop, px->tls ? c->api->tunnel : NULL, px->host, px->port, px->node,
		    &ops, px, &e)) {
		enum step step = fail_status(c, 502, "InternalError", NULL, 0, "error dialing backend: %s", e.msg);

		proxy_free(px);
		return step;
	}
	c->work = px;
	c->cancel = canceled;
	http_stream_on_drained(c->http, client_drained);
	call_hold(c);
	return STEP_WAIT;
}

/* ---- where to ---- */

static enum step node_address(struct proxy *px, const char *node)
{
	struct call *c = px->c;
	struct cache_obj *o = cache_get(c->api->cache, c->api->k.node->store, "", node);
	yyjson_val *addrs, *it;
	const char *ip = NULL;
	size_t i, max;

	if (!o)
		return fail_not_found(c, "nodes", "", node);
	addrs = doc_get(cache_tree(o), "status.addresses");
	yyjson_arr_foreach(addrs, i, max, it) {
		const char *type = doc_str(it, "type");

		if (type && !ip && (!strcmp(type, "InternalIP") || !strcmp(type, "ExternalIP")))
			ip = doc_str(it, "address");
	}
	if (!ip || strlen(ip) >= sizeof(px->host) || strlen(node) >= sizeof(px->node))
		return fail_status(c, 500, "InternalError", NULL, 0, "node \"%s\" has no address yet", node);
	strcpy(px->host, ip);
	strcpy(px->node, node);
	px->port = (unsigned)doc_int(cache_tree(o), "status.daemonEndpoints.kubeletEndpoint.Port", AGENT_PORT);
	px->tls = true;
	return STEP_NEXT;
}

static const char *list_names(struct call *c, yyjson_val *containers)
{
	BUF_AUTO struct buf b = { 0 };
	size_t i, max;
	yyjson_val *it;

	yyjson_arr_foreach(containers, i, max, it)
		buf_printf(&b, "%s%s", i ? " " : "", doc_str(it, "name") ? doc_str(it, "name") : "");
	return b.failed || !b.p ? "" : arena_strndup(c->arena, b.p, b.len);
}

static bool has_container(yyjson_val *pod, const char *name)
{
	static const char *const lists[] = { "spec.containers", "spec.initContainers", "spec.ephemeralContainers" };

	for (size_t l = 0; l < 3; l++) {
		yyjson_val *it;
		size_t i, max;

		yyjson_arr_foreach(doc_get(pod, lists[l]), i, max, it)
			if (doc_str(it, "name") && !strcmp(doc_str(it, "name"), name))
				return true;
	}
	return false;
}

/* The container that is meant: named, annotated as default, or the only one. */
static enum step pick_container(struct call *c, yyjson_val *pod, const char **ret)
{
	const char *name = param(c, "container");
	yyjson_val *list = doc_get(pod, "spec.containers"), *notes;

	if (!name || !*name) {
		notes = doc_get(pod, "metadata.annotations");
		name = yyjson_get_str(yyjson_obj_get(notes, "kubectl.kubernetes.io/default-container"));
	}
	if ((!name || !*name) && yyjson_arr_size(list) == 1)
		name = doc_str(yyjson_arr_get_first(list), "name");
	if (!name || !*name)
		return fail_bad_request(c, "a container name must be specified for pod %s, choose one of: [%s]",
			c->name, list_names(c, list));
	if (!has_container(pod, name))
		return fail_bad_request(c, "container %s is not valid for pod %s", name, c->name);
	*ret = name;
	return STEP_NEXT;
}

static void add_param(struct buf *b, const char *key, const char *value)
{
	buf_printf(b, "%s%s=", b->len ? "&" : "", key);
	text_urlencode(b, value);
}

/* The query as agents know it: the streams have other names there. */
static void agent_query(struct call *c, struct buf *b)
{
	static const struct { const char *from, *to; } names[] = { { "stdin", "input" }, { "stdout", "output" },
		{ "stderr", "error" } };

	for (size_t i = 0; i < c->param_count; i++) {
		const char *key = c->params[i].key, *value = c->params[i].value;

		if (!strcmp(key, "container") && strcmp(c->sub, "portforward"))
			continue;
		for (size_t j = 0; j < 3 && strcmp(c->sub, "log"); j++) {
			if (strcmp(key, names[j].from))
				continue;
			key = names[j].to;
			value = param_bool(c, names[j].from) ? "1" : "0";
		}
		if (!strcmp(key, "tty"))
			value = param_bool(c, "tty") ? "1" : "0";
		add_param(b, key, value);
	}
}

static enum step to_agent(struct call *c, struct proxy *px)
{
	struct cache_obj *o = cache_get(c->api->cache, c->kind->store, c->ns, c->name);
	BUF_AUTO struct buf path = { 0 };
	BUF_AUTO struct buf query = { 0 };
	const char *container = NULL;
	yyjson_val *pod;
	enum step step = STEP_NEXT;

	if (!o)
		return fail_not_found(c, c->resource, c->group, c->name);
	pod = cache_tree(o);
	if (strcmp(c->sub, "portforward"))
		step = pick_container(c, pod, &container);
	if (step != STEP_NEXT)
		return step;
	if (!*o->node) {
		/* A log of what has not begun is empty for upstream too. */
		if (!strcmp(c->sub, "log"))
			return fail_text(c, 200, "");
		return fail_bad_request(c, "pod %s does not have a host assigned", c->name);
	}
	step = node_address(px, o->node);
	if (step != STEP_NEXT)
		return step;
	if (!strcmp(c->sub, "log"))
		buf_printf(&path, "/containerLogs/%s/%s/%s", c->ns, c->name, container);
	else if (!strcmp(c->sub, "portforward"))
		buf_printf(&path, "/portForward/%s/%s", c->ns, c->name);
	else
		buf_printf(&path, "/%s/%s/%s/%s", c->sub, c->ns, c->name, container);
	agent_query(c, &query);
	if (path.failed || query.failed)
		return fail_err(c, -ERR_NOMEM, NULL);
	write_request(px, path.p, query.p ? query.p : "", 0);
	return STEP_NEXT;
}

/* "[scheme:]name[:port]" as the proxy subresources have names. */
static void split_name(struct call *c, const char **ret_scheme, const char **ret_name, const char **ret_port)
{
	char *s = arena_strdup(c->arena, c->name), *colon, *second;

	*ret_scheme = "";
	*ret_port = "";
	*ret_name = s ? s : "";
	colon = s ? strchr(s, ':') : NULL;
	if (!colon)
		return;
	second = strchr(colon + 1, ':');
	*colon = 0;
	if (!second && strcmp(s, "http") && strcmp(s, "https")) {
		*ret_port = colon + 1;
		return;
	}
	*ret_scheme = s;
	*ret_name = colon + 1;
	if (second) {
		*second = 0;
		*ret_port = second + 1;
	}
}

static enum step pod_target(struct call *c, struct proxy *px, const char *name, const char *port)
{
	struct cache_obj *o = cache_get(c->api->cache, c->api->k.pod->store, c->ns, name);
	yyjson_val *pod = o ? cache_tree(o) : NULL, *it, *p;
	const char *ip = doc_str(pod, "status.podIP");
	unsigned n = (unsigned)strtoul(port, NULL, 10);
	size_t i, max, j, jmax;

	if (!o)
		return fail_not_found(c, "pods", "", name);
	if (!ip || !*ip || strlen(ip) >= sizeof(px->host))
		return fail_bad_request(c, "pod %s has no address yet", name);
	yyjson_arr_foreach(doc_get(pod, "spec.containers"), i, max, it) {
		yyjson_arr_foreach(doc_get(it, "ports"), j, jmax, p) {
			const char *pn = doc_str(p, "name");

			if (!n && (!*port || (pn && !strcmp(pn, port))))
				n = (unsigned)doc_int(p, "containerPort", 0);
		}
	}
	if (!n && !*port)
		n = 80;
	if (!n)
		return fail_bad_request(c, "no port %s found on pod %s", port, name);
	strcpy(px->host, ip);
	px->port = n;
	return STEP_NEXT;
}

struct search { struct call *c; const char *service, *port; const char *ip; unsigned n; };

static bool find_endpoint(void *arg, struct cache_obj *o)
{
	struct search *s = arg;
	const char *owner = labels_get(&o->labels, "kubernetes.io/service-name");
	yyjson_val *tree, *it, *p;
	size_t i, max;

	if (!owner || strcmp(owner, s->service))
		return true;
	tree = cache_tree(o);
	yyjson_arr_foreach(doc_get(tree, "ports"), i, max, p) {
		const char *pn = doc_str(p, "name");

		if (!*s->port || (pn && !strcmp(pn, s->port)))
			s->n = (unsigned)doc_int(p, "port", 0);
		if (s->n)
			break;
	}
	yyjson_arr_foreach(doc_get(tree, "endpoints"), i, max, it) {
		if (!s->n || !doc_bool(it, "conditions.ready", true))
			continue;
		s->ip = doc_str(it, "addresses.0");
		return s->ip == NULL;
	}
	return true;
}

/* A service's port by number is looked up by its name among the endpoints. */
static enum step service_target(struct call *c, struct proxy *px, const char *name, const char *port)
{
	struct cache_obj *o = cache_get(c->api->cache, c->api->k.service->store, c->ns, name);
	struct search s = { .c = c, .service = name, .port = port };
	yyjson_val *p;
	size_t i, max;
	bool known = !*port;

	if (!o)
		return fail_not_found(c, "services", "", name);
	yyjson_arr_foreach(doc_get(cache_tree(o), "spec.ports"), i, max, p) {
		const char *pn = doc_str(p, "name");

		if (*port && (doc_int(p, "port", 0) == atoi(port) || (pn && !strcmp(pn, port)))) {
			s.port = pn ? pn : "";
			known = true;
		}
	}
	if (known)
		cache_each(c->api->cache, c->api->k.slice->store, c->ns, NULL, NULL, find_endpoint, &s);
	if (!s.ip || strlen(s.ip) >= sizeof(px->host))
		return fail_busy(c, 503, 1, *port
			? arena_printf(c->arena, "no endpoints available for service \"%s:%s\"", name, port)
			: arena_printf(c->arena, "no endpoints available for service \"%s\"", name));
	strcpy(px->host, s.ip);
	px->port = s.n;
	return STEP_NEXT;
}

static enum step find_target(struct call *c, struct proxy *px)
{
	const char *scheme, *name, *port;

	if (strcmp(c->sub, "proxy"))
		return to_agent(c, px);
	split_name(c, &scheme, &name, &port);
	if (!strcmp(scheme, "https"))
		return fail_bad_request(c, "proxying to https backends is not supported; use http");
	if (c->kind == c->api->k.node)
		return node_address(px, name);
	return c->kind == c->api->k.pod ? pod_target(c, px, name, port) : service_target(c, px, name, port);
}

static void body_read(void *arg, struct http_req *r, int rc, const char *p, size_t n)
{
	struct proxy *px = arg;
	struct call *c = px->c;
	enum step step;

	if (rc == -ERR_CANCELED) {
		proxy_free(px);
		call_drop(c);
		return;
	}
	if (rc) {
		proxy_free(px);
		step = fail_err(c, rc, NULL);
	} else {
		write_request(px, c->tail && *c->tail ? c->tail : "/", c->query, n);
		buf_add(&px->request, p, n);
		step = begin(px);
	}
	call_resume(c, step);
	call_drop(c);
}

enum step proxy_serve(struct call *c)
{
	const char *up;
	struct proxy *px;
	enum step step;

	if (!c->http)
		return fail_bad_request(c, "a connection to a pod needs a connection");
	/* What becomes part of the request line must not end it. */
	for (const char *p = c->tail; p && *p; p++)
		if ((unsigned char)*p <= ' ')
			return fail_bad_request(c, "the request's URL is not well-formed");
	for (const char *p = c->query; *p; p++)
		if ((unsigned char)*p <= ' ')
			return fail_bad_request(c, "the request's URL is not well-formed");
	px = calloc(1, sizeof(*px));
	if (!px)
		return fail_err(c, -ERR_NOMEM, NULL);
	px->c = c;
	up = http_header(c->http, "upgrade");
	px->upgrade = up && *up;
	step = find_target(c, px);
	if (step != STEP_NEXT) {
		proxy_free(px);
		return step;
	}
	if (!strcmp(c->sub, "exec") || !strcmp(c->sub, "attach") || !strcmp(c->sub, "portforward")) {
		if (!px->upgrade || http_is_h2(c->http)) {
			proxy_free(px);
			return fail_bad_request(c, "Upgrade request required");
		}
	}
	if (strcmp(c->sub, "proxy"))
		return begin(px);
	if (px->upgrade) {
		write_request(px, c->tail && *c->tail ? c->tail : "/", c->query, 0);
		return begin(px);
	}
	call_hold(c);
	http_read_body(c->http, API_BODY_MAX, body_read, px);
	return STEP_WAIT;
}
