/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy_target - where a proxied request goes: to the agent of a pod's node, a pod's
 * port, or an endpoint of a Service.
 */
#include <stdlib.h>
#include <string.h>

#include "api/proxy.h"
#include "base/text.h"

#define AGENT_PORT 10250

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
	proxy_request(px, path.p, query.p ? query.p : "", 0);
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

enum step proxy_target(struct proxy *px)
{
	struct call *c = px->c;
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
