/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world - the API over a store in memory with every controller running, and a node agent
 * made of two lines: pods on a node run and are ready, deleted ones go.
 */
#ifndef TESTS_UNIT_CONTROL_WORLD_H
#define TESTS_UNIT_CONTROL_WORLD_H

#include "../api/fixture.h"
#include "client/client.h"
#include "control/control.h"

struct world {
	struct fixture f;
	struct control *control;
	const char *phase;             /* what pods come to: "Running", "Succeeded", "Failed" */
	bool quiet;                    /* the agent sleeps */
	const struct control_certs *certs;
};

/* When nodes are given up; NULL: as ever. */
static const struct control_node_death *world_death __attribute__((unused));

/* Pods' addresses for four nodes, balancers' for three Services. */
static const char *world_pods __attribute__((unused)) = "10.244.0.0/22";
static const char *world_pool __attribute__((unused)) = "192.0.2.10-192.0.2.11,198.51.100.7/32";
#define WORLD_RANGE .cluster_cidr = world_pods, .node_cidr_prefix = { 24, 64 }, .node_death = world_death, \
	.balancer_pool = world_pool

static int world_client(void *arg, const char *user, const char *const *groups, struct client **ret)
{
	struct world *w = arg;

	return client_open_local(ret, w->f.loop, w->f.api, user, groups);
}

/* certs: lent to the controllers of signing requests, or NULL. */
static inline void world_open_with(struct world *w, const struct control_certs *certs)
{
	struct control_config cfg = { WORLD_RANGE, .ca_cert_pem = "PEM", .certs = certs, .client_as = world_client, .arg = w };

	memset(w, 0, sizeof(*w));
	w->certs = certs;
	fixture_open(&w->f, "mem:", false);
	w->phase = "Running";
	assert_int_equal(control_open(&w->control, w->f.loop, w->f.cache, &cfg, NULL), 0);
}

static inline void world_open(struct world *w)
{
	world_open_with(w, NULL);
}

static inline void world_close(struct world *w)
{
	control_close(w->control);
	fixture_close(&w->f);
}

/* Controllers stopped where they are and begun anew. */
static inline void world_restart(struct world *w)
{
	struct control_config cfg = { WORLD_RANGE, .ca_cert_pem = "PEM", .certs = w->certs, .client_as = world_client, .arg = w };

	control_close(w->control);
	assert_int_equal(control_open(&w->control, w->f.loop, w->f.cache, &cfg, NULL), 0);
}

static inline int call(struct world *w, const char *method, const char *path, const char *body)
{
	const char *type = strcmp(method, "PATCH") ? NULL : "application/merge-patch+json";

	return fixture_call(&w->f, method, path, NULL, type, body);
}

static inline void must(struct world *w, const char *method, const char *path, const char *body)
{
	int status = call(w, method, path, body);

	if (status / 100 != 2)
		fail_msg("%s %s: %d %s", method, path, status, w->f.body.p);
}

struct found { struct cache_obj *v[256]; size_t n; };

static bool found_add(void *arg, struct cache_obj *o)
{
	struct found *x = arg;

	if (x->n < 256)
		x->v[x->n++] = o;
	return true;
}

static inline struct found all(struct world *w, const char *store)
{
	struct found x = { .n = 0 };

	cache_each(w->f.cache, store, NULL, NULL, NULL, found_add, &x);
	return x;
}

static inline void agent_tend(struct world *w)
{
	struct found pods = all(w, "core/pods");
	char path[600], body[700];

	for (size_t i = 0; !w->quiet && i < pods.n; i++)
		cache_obj_ref(pods.v[i]);
	for (size_t i = 0; !w->quiet && i < pods.n; i++) {
		struct cache_obj *p = pods.v[i];
		snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s", p->ns, p->name);
		if (p->deleting && *p->node) {
			call(w, "DELETE", path, "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"gracePeriodSeconds\":0}");
		} else if (*p->node && !strcmp(doc_str(cache_tree(p), "status.phase"), "Pending")) {
			snprintf(path + strlen(path), 20, "/status");
			snprintf(body, sizeof(body), "{\"status\":{\"phase\":\"%s\",\"podIP\":\"10.0.0.%zu\",\"podIPs\":[{\"ip\":\"10.0.0.%zu\"}],"
				"\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}",
				w->phase, i + 1, i + 1, strcmp(w->phase, "Running") ? "False" : "True");
			call(w, "PATCH", path, body);
		}
		cache_obj_unref(p);
	}
}

/* Until nobody has anything to do and nothing was written for a few turns. */
static inline void settle(struct world *w)
{
	int64_t rev = -1;

	for (int calm = 0, turns = 0; calm < 4 && turns < 20000; turns++) {
		loop_turn(w->f.loop, 1);
		agent_tend(w);
		int64_t now = cache_rev(w->f.cache);
		calm = now == rev && !control_unsettled(w->control) ? calm + 1 : 0;
		rev = now;
	}
}

static inline void node(struct world *w, const char *name)
{
	char body[700];

	snprintf(body, sizeof(body), "{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\",\"labels\":{\"kubernetes.io/hostname\":\"%s\"}},"
		"\"status\":{\"nodeInfo\":{\"kubeletVersion\":\"v1.34.0\"},\"allocatable\":{\"cpu\":\"4\",\"memory\":\"8Gi\",\"pods\":\"110\"},\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}", name, name);
	must(w, "POST", "/api/v1/nodes", body);
	settle(w);
}

#define POD_SPEC "{\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]}"
#define TEMPLATE "{\"metadata\":{\"labels\":{\"app\":\"x\"}},\"spec\":" POD_SPEC "}"
#define SELECTOR "{\"matchLabels\":{\"app\":\"x\"}}"
#define WORKLOAD(kind, spec) "{\"kind\":\"" kind "\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"x\"},\"spec\":{" spec \
	"\"selector\":" SELECTOR ",\"template\":" TEMPLATE "}}"
#define APPS "/apis/apps/v1/namespaces/default/"
#define CORE "/api/v1/namespaces/default/"

static inline yyjson_val *get(struct world *w, const char *store, const char *name)
{
	struct cache_obj *o = cache_get(w->f.cache, store, "default", name);

	return o ? cache_tree(o) : NULL;
}

#endif
