/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "client/client.h"

#define REMARKS_MAX 10

/* What is asked, each with the function that counts the answer. */
struct status {
	struct loop *loop;
	unsigned waiting;
	struct err err;
	char version[64];
	struct buf remarks;            /* what nodes say of themselves besides that they are ready */
	unsigned remark_count;
	unsigned nodes, nodes_ready, pods, pods_running, pods_pending, pods_failed, services, deployments,
		deployments_available;
};

static bool condition(yyjson_val *obj, const char *type)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(obj, "status.conditions"), i, max, it) {
		const char *t = doc_str(it, "type"), *s = doc_str(it, "status");
		if (t && s && !strcmp(t, type))
			return !strcmp(s, "True");
	}
	return false;
}

/* Why a node is not ready, or whose network its pods are on. */
static void remark(struct status *s, yyjson_val *node)
{
	const char *name = doc_str(node, "metadata.name");
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(node, "status.conditions"), i, max, it) {
		const char *type = doc_str(it, "type"), *message = doc_str(it, "message");

		if (name && type && !strcmp(type, "Ready") && message && strcmp(message, "kubelet is posting ready status") &&
		    s->remark_count++ < REMARKS_MAX)
			buf_printf(&s->remarks, "  %s: %s\n", name, message);
	}
}

static void count_node(struct status *s, yyjson_val *o)
{
	s->nodes++;
	s->nodes_ready += condition(o, "Ready");
	remark(s, o);
}

static void count_pod(struct status *s, yyjson_val *o)
{
	const char *phase = doc_str(o, "status.phase");

	s->pods++;
	s->pods_running += phase && !strcmp(phase, "Running");
	s->pods_pending += phase && !strcmp(phase, "Pending");
	s->pods_failed += phase && !strcmp(phase, "Failed");
}

static void count_service(struct status *s, yyjson_val *o)
{
	(void)o;
	s->services++;
}

static void count_deployment(struct status *s, yyjson_val *o)
{
	s->deployments++;
	s->deployments_available += condition(o, "Available");
}

static const struct ask {
	const char *path;
	void (*count)(struct status *s, yyjson_val *obj);
} asks[] = {
	{ "/version", NULL },
	{ "/api/v1/nodes", count_node },
	{ "/api/v1/pods", count_pod },
	{ "/api/v1/services", count_service },
	{ "/apis/apps/v1/deployments", count_deployment },
};

struct asked { struct status *s; const struct ask *ask; };

static void answered(void *arg, const struct client_reply *r)
{
	struct asked *a = arg;
	struct status *s = a->s;
	yyjson_val *it;
	size_t i, max;

	if (r->rc && !s->err.code)
		err_set(&s->err, -r->rc, "%s", r->message);
	if (!r->rc && a->ask->count)
		yyjson_arr_foreach(doc_get(r->obj, "items"), i, max, it)
			a->ask->count(s, it);
	else if (!r->rc)
		snprintf(s->version, sizeof(s->version), "%s", doc_str(r->obj, "gitVersion") ? doc_str(r->obj, "gitVersion") : "");
	if (--s->waiting == 0)
		loop_stop(s->loop);
}

static void print(const struct status *s)
{
	printf("server       %s, ready\n", s->version);
	printf("nodes        %u, %u ready\n", s->nodes, s->nodes_ready);
	if (s->remarks.p && !s->remarks.failed)
		fputs(s->remarks.p, stdout);
	if (s->remark_count > REMARKS_MAX)
		printf("  and %u more: kubectl describe nodes\n", s->remark_count - REMARKS_MAX);
	printf("deployments  %u, %u available\n", s->deployments, s->deployments_available);
	printf("pods         %u: %u running, %u pending, %u failed\n", s->pods, s->pods_running, s->pods_pending, s->pods_failed);
	printf("services     %u\n", s->services);
}

int status_print(const char *kubeconfig, struct err *reterr)
{
	struct status s = { 0 };
	struct client *c = NULL;
	struct asked asked[sizeof(asks) / sizeof(*asks)];
	int rc;

	if (loop_open(&s.loop))
		return err_set(reterr, ERR_IO, "cannot make an event loop");
	rc = client_open_kubeconfig(&c, s.loop, kubeconfig, NULL, reterr);
	if (rc == -ERR_NOT_FOUND)
		err_set(reterr, ERR_NOT_FOUND, "no cloud here: %s is missing; start one with `sampan up`", kubeconfig);
	for (size_t i = 0; !rc && i < sizeof(asks) / sizeof(*asks); i++) {
		struct client_req q = { .method = "GET", .path = asks[i].path, .timeout_ms = 10000 };
		asked[i] = (struct asked){ &s, &asks[i] };
		rc = client_call(c, &q, answered, &asked[i]);
		s.waiting += !rc;
	}
	if (!rc && s.waiting)
		loop_run(s.loop);
	client_close(c);
	loop_close(s.loop);
	if (!rc && !s.err.code)
		print(&s);
	buf_finish(&s.remarks);
	if (rc)
		return rc;
	if (s.err.code == ERR_UNAVAILABLE)
		return err_set(reterr, ERR_UNAVAILABLE, "the server does not answer (%s); is `sampan up` running?", s.err.msg);
	if (s.err.code)
		return err_set(reterr, s.err.code, "%s", s.err.msg);
	return 0;
}
