/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health - the ports where a balancer outside asks whether this node has endpoints of a Service
 * with externalTrafficPolicy Local: 200 with how many, or 503.
 * Source: kubernetes pkg/proxy/healthcheck/service_health.go.
 */
#define LOG_MODULE "services"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "http/http.h"

#define CONNS_MAX 64u                  /* of one port; more wait in the kernel's queue */

struct check {
	char *ns, *name;
	int port;
	unsigned local;
	struct http_server *http;
};

struct health {
	struct agent *a;
	struct map checks;             /* "ns/name" -> struct check */
};

static void answer(void *arg, struct http_req *r)
{
	const struct check *c = arg;
	char text[700], count[16];

	snprintf(count, sizeof(count), "%u", c->local);
	snprintf(text, sizeof(text), "{\n\t\"service\": {\n\t\t\"namespace\": \"%s\",\n\t\t\"name\": \"%s\"\n\t},\n\t\"localEndpoints\": %s,\n"
		"\t\"serviceProxyHealthy\": true\n}", c->ns, c->name, count);
	http_set_header(r, "content-type", "application/json");
	http_set_header(r, "x-content-type-options", "nosniff");
	http_set_header(r, "x-load-balancing-endpoint-weight", count);
	http_reply(r, c->local ? 200 : 503, text, strlen(text));
}

static void check_close(struct check *c)
{
	if (c->http)
		http_server_close(c->http);
	free(c->ns);
	free(c->name);
	free(c);
}

static struct check *check_open(struct health *h, const char *key, const char *ns, const char *name, int port)
{
	char listen[32];
	struct http_config cfg = { .listen = listen, .conns_max = CONNS_MAX, .handler = answer };
	struct check *c = calloc(1, sizeof(*c));
	struct err e = { 0 };

	/* Where the machine has IPv6, of both families. */
	snprintf(listen, sizeof(listen), "%s:%d", h->a->address2 || strchr(h->a->address, ':') ? "" : "0.0.0.0", port);
	if (!c || !(c->ns = strdup(ns)) || !(c->name = strdup(name)))
		err_set(&e, ERR_NOMEM, "out of memory");
	else {
		c->port = port;
		cfg.arg = c;
		if (!http_server_open(&c->http, h->a->loop, &cfg, &e) && !map_put(&h->checks, key, c, NULL))
			return c;
	}
	log_error("service %s: its health check port %d is not served: %s", key, port, e.msg);
	if (c)
		check_close(c);
	return NULL;
}

void health_set(struct health *h, const char *ns, const char *name, int port, unsigned local)
{
	char key[600];
	struct check *c;

	snprintf(key, sizeof(key), "%s/%s", ns, name);
	c = map_get(&h->checks, key);
	if (c && c->port != port) {
		map_del(&h->checks, key);
		check_close(c);
		c = NULL;
	}
	if (!c && port > 0)
		c = check_open(h, key, ns, name, port);
	if (c)
		c->local = local;
}

int health_open(struct health **ret, struct agent *a)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ERR_NOMEM;
	(*ret)->a = a;
	return 0;
}

void health_close(struct health *h)
{
	size_t it = 0;
	void *v;

	if (!h)
		return;
	while (map_next(&h->checks, &it, NULL, &v))
		check_close(v);
	map_finish(&h->checks);
	free(h);
}
