/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api - opened over a store and its cache; where calls come in, from the network
 * and from inside the process.
 */
#include <stdlib.h>
#include <string.h>

#include "api/admit.h"
#include "api/ledger.h"
#include "base/env.h"
#include "cache/usage.h"
#include "http/http.h"
#include "kinds/kinds_custom.h"

#define DRAIN_WRITES_MS 2000

static void find_kinds(struct api_kinds *k)
{
	k->pod = kinds_by_resource("", "v1", "pods");
	k->ns = kinds_by_resource("", "v1", "namespaces");
	k->node = kinds_by_resource("", "v1", "nodes");
	k->service = kinds_by_resource("", "v1", "services");
	k->service_account = kinds_by_resource("", "v1", "serviceaccounts");
	k->secret = kinds_by_resource("", "v1", "secrets");
	k->config_map = kinds_by_resource("", "v1", "configmaps");
	k->endpoints = kinds_by_resource("", "v1", "endpoints");
	k->event = kinds_by_resource("", "v1", "events");
	k->rc = kinds_by_resource("", "v1", "replicationcontrollers");
	k->binding = kinds_by_resource("", "v1", "bindings");
	k->pvc = kinds_by_resource("", "v1", "persistentvolumeclaims");
	k->pv = kinds_by_resource("", "v1", "persistentvolumes");
	k->pod_template = kinds_by_resource("", "v1", "podtemplates");
	k->quota = kinds_by_resource("", "v1", "resourcequotas");
	k->limit_range = kinds_by_resource("", "v1", "limitranges");
	k->job = kinds_by_resource("batch", "v1", "jobs");
	k->deployment = kinds_by_resource("apps", "v1", "deployments");
	k->rs = kinds_by_resource("apps", "v1", "replicasets");
	k->daemonset = kinds_by_resource("apps", "v1", "daemonsets");
	k->cron_job = kinds_by_resource("batch", "v1", "cronjobs");
	k->sts = kinds_by_resource("apps", "v1", "statefulsets");
	k->priority_class = kinds_by_resource("scheduling.k8s.io", "v1", "priorityclasses");
	k->crd = kinds_by_resource("apiextensions.k8s.io", "v1", "customresourcedefinitions");
	k->pdb = kinds_by_resource("policy", "v1", "poddisruptionbudgets");
	k->csr = kinds_by_resource("certificates.k8s.io", "v1", "certificatesigningrequests");
	k->slice = kinds_by_resource("discovery.k8s.io", "v1", "endpointslices");
	k->cluster_role = kinds_by_resource("rbac.authorization.k8s.io", "v1", "clusterroles");
	k->role = kinds_by_resource("rbac.authorization.k8s.io", "v1", "roles");
	k->cluster_role_binding = kinds_by_resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings");
	k->role_binding = kinds_by_resource("rbac.authorization.k8s.io", "v1", "rolebindings");
	k->events_event = kinds_by_resource("events.k8s.io", "v1", "events");
	k->hpa1 = kinds_by_resource("autoscaling", "v1", "horizontalpodautoscalers");
	k->hpa2 = kinds_by_resource("autoscaling", "v2", "horizontalpodautoscalers");
	k->storage_class = kinds_by_resource("storage.k8s.io", "v1", "storageclasses");
	k->attributes_class = kinds_by_resource("storage.k8s.io", "v1", "volumeattributesclasses");
	k->csi_driver = kinds_by_resource("storage.k8s.io", "v1", "csidrivers");
	k->csi_node = kinds_by_resource("storage.k8s.io", "v1", "csinodes");
	k->runtime_class = kinds_by_resource("node.k8s.io", "v1", "runtimeclasses");
	k->ingress = kinds_by_resource("networking.k8s.io", "v1", "ingresses");
	k->ingress_class = kinds_by_resource("networking.k8s.io", "v1", "ingressclasses");
	k->resource_slice = kinds_by_resource("resource.k8s.io", "v1", "resourceslices");
	k->lease = kinds_by_resource("coordination.k8s.io", "v1", "leases");
	k->service_cidr = kinds_by_resource("networking.k8s.io", "v1", "servicecidrs");
}

static int find_stored(struct api *a)
{
	const struct kinds_kind *k;
	size_t n = 0;

	for (size_t it = 0; kinds_next(&it, &k);)
		if (!k->custom && k->id >= n)
			n = k->id + 1u;
	a->stored_as = calloc(n ? n : 1, sizeof(*a->stored_as));
	if (!a->stored_as)
		return -ERR_NOMEM;
	for (size_t it = 0; kinds_next(&it, &k);)
		if (!k->custom)
			a->stored_as[k->id] = k->store ? kinds_by_store(k->store) : k;
	return 0;
}

const struct kinds_kind *api_stored_as(const struct api *a, const struct kinds_kind *k)
{
	return k->custom ? kinds_custom_stored(k) : a->stored_as[k->id];
}

static int copy_text(char **ret, const char *s)
{
	*ret = strdup(s ? s : "");
	return *ret ? 0 : -ERR_NOMEM;
}

static void end_watches(void *arg)
{
	struct api *a = arg;

	loop_timer_stop(&a->drain_timer);
	list_each(&a->calls, it) {
		struct call *c = list_entry(it, struct call, link);

		if (c->drain)
			c->drain(c);
	}
}

static bool writes(const struct call *c)
{
	return c->is_resource && c->verb >= VERB_CREATE && c->stage >= STAGE_FLOW && c->stage < STAGE_REPLY && !serve_connects(c);
}

int api_open(struct api **ret, struct loop *l, struct store *s, struct cache *c,
	const struct api_config *cfg, struct err *reterr)
{
	struct api *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return err_set(reterr, ERR_NOMEM, "opening the API: out of memory");
	a->loop = l;
	a->store = s;
	a->cache = c;
	a->started_us = env_wall_us();
	a->more_metrics = cfg->metrics;
	a->more_metrics_arg = cfg->metrics_arg;
	a->controllers_run = cfg->controllers_run;
	a->controllers_arg = cfg->controllers_arg;
	list_init(&a->calls);
	loop_timer_init(&a->drain_timer, l, end_watches, a);
	find_kinds(&a->k);
	rc = find_stored(a);
	if (!rc)
		rc = copy_text(&a->issuer, cfg->issuer ? cfg->issuer : "https://kubernetes.default.svc.cluster.local");
	if (!rc)
		rc = copy_text(&a->service_cidr, cfg->service_cidr ? cfg->service_cidr : "10.96.0.0/16");
	if (!rc)
		rc = copy_text(&a->advertise, cfg->advertise);
	a->event_ttl_s = cfg->event_ttl_s;
	if (!rc && cfg->agent_ca_pem)
		rc = copy_text(&a->ca_pem, cfg->agent_ca_pem);
	if (!rc)
		rc = metrics_open(&a->metrics);
	if (!rc)
		rc = flow_open(&a->flow, a);
	if (!rc)
		rc = watch_prepare(a);
	if (!rc)
		rc = rbac_open(&a->rbac, a);
	if (!rc)
		rc = node_authz_open(&a->node_authz, a);
	if (!rc)
		rc = discovery_open(&a->discovery, a);
	if (!rc)
		rc = openapi_docs_open(&a->openapi, l);
	if (!rc)
		rc = expire_open(&a->expirer, a);
	if (!rc)
		rc = crds_open(&a->crds, a);
	if (!rc)
		rc = flow_classes_open(&a->flow_classes, a);
	if (!rc)
		rc = usage_open(&a->usage, a->cache);
	if (!rc)
		rc = ledgers_open(&a->ledgers, a);
	if (rc) {
		err_set(reterr, -rc, "opening the API: %s", err_text(rc));
		api_close(a);
		return rc;
	}
	rc = admit_configure(a, cfg->admission_on, cfg->admission_off, reterr);
	if (!rc)
		rc = alloc_open(&a->alloc, a, reterr);
	if (!rc)
		rc = tokens_open(&a->tokens, a, cfg, reterr);
	if (!rc)
		rc = tunnel_open(&a->tunnel, cfg, reterr);
	if (rc) {
		api_close(a);
		return rc;
	}
	*ret = a;
	return 0;
}

void api_close(struct api *a)
{
	if (!a)
		return;
	loop_timer_stop(&a->drain_timer);
	bootstrap_keep_close(a->bootstrap_keep);
	if (a->bootstrap)
		bootstrap_cancel(a->bootstrap);
	if (a->calls.next)
		list_each(&a->calls, it)
			call_abandon(list_entry(it, struct call, link));
	tunnel_close(a->tunnel);
	tokens_close(a->tokens);
	ledgers_close(a->ledgers);
	alloc_close(a->alloc);
	usage_close(a->usage);
	flow_classes_close(a->flow_classes);
	crds_close(a->crds);
	expire_close(a->expirer);
	discovery_close(a->discovery);
	openapi_docs_close(&a->openapi);
	node_authz_close(a->node_authz);
	rbac_close(a->rbac);
	metrics_close(a->metrics);
	map_finish(&a->turns);
	flow_close(a->flow);
	for (size_t i = 0; i < sizeof(a->frame_begin) / sizeof(a->frame_begin[0]); i++)
		blob_unref(a->frame_begin[i]);
	blob_unref(a->frame_end);
	blob_unref(a->list_next);
	while (a->idle_count)
		arena_close(a->idle[--a->idle_count]);
	free(a->stored_as);
	free(a->issuer);
	free(a->service_cidr);
	free(a->advertise);
	free(a->ca_pem);
	free(a);
}

int api_set_proxy_cert(struct api *a, const char *cert_pem, const char *key_pem, struct err *reterr)
{
	return tunnel_set_cert(a->tunnel, cert_pem, key_pem, reterr);
}

bool api_ready(const struct api *a)
{
	return a->ready && !a->retiring;
}

void api_retire(struct api *a)
{
	a->retiring = true;
}

/* Else their events would come when nobody listens any more. */
void api_call_over(struct api *a)
{
	if (!a->draining || !loop_timer_is_set(&a->drain_timer))
		return;
	list_each(&a->calls, it)
		if (writes(list_entry(it, struct call, link)))
			return;
	loop_timer_set(&a->drain_timer, 0);
}

void api_drain(struct api *a)
{
	a->retiring = a->draining = true;
	loop_timer_set(&a->drain_timer, DRAIN_WRITES_MS);
	api_call_over(a);
}

/* ---- from the network ---- */

static void http_closed(void *ctx)
{
	struct call *c = ctx;

	c->http = NULL;
	if (c->cancel)
		c->cancel(c);
	call_drop(c);
}

void api_handle_http(void *api, struct http_req *r)
{
	struct call *c = call_new(api);

	if (!c) {
		http_reply(r, 500, "out of memory\n", 14);
		return;
	}
	/* Copied: a write goes on when the client has gone away. */
	c->method = arena_strdup(c->arena, http_method(r));
	c->path = arena_strdup(c->arena, http_path(r));
	c->query = arena_strdup(c->arena, http_query(r));
	if (!c->method || !c->path || !c->query) {
		call_drop(c);
		http_reply(r, 500, "out of memory\n", 14);
		return;
	}
	c->http = r;
	http_set_context(r, c, http_closed);
	call_run(c);
}

/* ---- from inside ---- */

static void run_inside(void *arg)
{
	struct call *c = arg;

	call_run(c);
	call_drop(c);
}

static int call_inside(struct api *a, const struct api_call *q, bool trusted, api_done_fn *done, void *arg)
{
	struct call *c = call_new(a);

	if (!c)
		return -ERR_NOMEM;
	c->done = done;
	c->done_arg = arg;
	c->may_write = q->may_write;
	c->may_arg = q->may_arg;
	c->trusted = trusted;
	c->method = arena_strdup(c->arena, q->method);
	c->path = arena_strdup(c->arena, q->path);
	c->query = arena_strdup(c->arena, q->query ? q->query : "");
	c->content_type = q->content_type ? arena_strdup(c->arena, q->content_type) : "application/json";
	c->body = q->body ? arena_strndup(c->arena, q->body, q->body_len) : "";
	c->body_len = q->body ? q->body_len : 0;
	if (!c->method || !c->path || !c->query || !c->content_type || !c->body ||
	    user_copy(c->arena, q->user, &c->user)) {
		call_drop(c);
		return -ERR_SIZE;
	}
	loop_defer(a->loop, &c->task, run_inside, c);
	return 0;
}

int api_call(struct api *a, const struct api_call *q, api_done_fn *done, void *arg)
{
	return call_inside(a, q, false, done, arg);
}

int api_call_trusted(struct api *a, const struct api_call *q, api_done_fn *done, void *arg)
{
	return call_inside(a, q, true, done, arg);
}
