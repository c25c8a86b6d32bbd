/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootstrap - what every cloud starts with, written when it is missing: first the
 * namespaces, classes, roles, bindings and what describes the API, all in one group; then
 * what lives in those namespaces. What exists is not changed, but for the roles and
 * bindings, which get what they lack (bootstrap_rbac.c), and what joining machines read of
 * the API, which follows its address. Several servers may do so at once: what one has made, the
 * others find. The API's endpoints are a controller's (control/api_endpoints.c).
 */
#define LOG_MODULE "api"
#include <stdlib.h>
#include <string.h>

#include "api/bootstrap_priv.h"
#include "base/cidr.h"
#include "base/log.h"
#include "base/text.h"

static void next_wave(void *arg);

void bootstrap_one_done(struct bootstrap *b, int rc)
{
	if (rc && !b->rc)
		b->rc = rc;
	if (!--b->waiting)
		loop_defer(b->api->loop, &b->task, next_wave, b);
}

/* ---- writes, through the stages ---- */

static bool is_written(int status, const struct blob *body)
{
	if (status < 300 || status == 409)
		return true;
	log_error("bootstrap: %d %.*s", status, body ? (int)body->len : 0, body ? body->p : "");
	return false;
}

static void call_done(void *arg, int status, const struct blob *body)
{
	bootstrap_one_done(arg, is_written(status, body) ? 0 : -ERR_INTERNAL);
}

static void try_done(void *arg, int status, const struct blob *body)
{
	struct bootstrap *b = arg;

	b->refused |= !is_written(status, body);
	bootstrap_one_done(b, 0);
}

static int call(struct bootstrap *b, const char *method, const char *path, const char *json, api_done_fn *done)
{
	static const char *const groups[] = { "system:masters", NULL };
	static const struct user user = { .name = "system:apiserver", .groups = groups };
	bool apply = !strcmp(method, "PATCH");
	struct api_call q = { .method = method, .path = path, .body = json, .body_len = strlen(json),
		.user = &user, .content_type = apply ? "application/apply-patch+yaml" : NULL,
		.query = apply ? "fieldManager=sampan&force=true" : "fieldManager=sampan" };
	int rc = api_call_trusted(b->api, &q, done, b);

	if (!rc)
		b->waiting++;
	return rc;
}

int bootstrap_call(struct bootstrap *b, const char *method, const char *path, const char *json)
{
	return call(b, method, path, json, call_done);
}

int bootstrap_try(struct bootstrap *b, const char *method, const char *path, const char *json)
{
	return call(b, method, path, json, try_done);
}

int bootstrap_create(struct bootstrap *b, const struct kinds_kind *k, const char *ns, const char *name,
	const char *json)
{
	BUF_AUTO struct buf path = { 0 };

	if (cache_get(b->api->cache, k->store, ns, name))
		return 0;
	buf_printf(&path, *k->group ? "/apis/%s" : "/api/%s", k->api_version);
	if (*ns)
		buf_printf(&path, "/namespaces/%s", ns);
	buf_printf(&path, "/%s", k->plural);
	return path.failed ? -ERR_NOMEM : bootstrap_call(b, "POST", path.p, json);
}

static int write_namespaces(struct bootstrap *b)
{
	static const char *const names[] = { "default", "kube-system", "kube-public", "kube-node-lease" };
	int rc = 0;

	for (size_t i = 0; i < 4 && !rc; i++) {
		BUF_AUTO struct buf json = { 0 };

		buf_printf(&json, "{\"metadata\":{\"name\":\"%s\"}}", names[i]);
		rc = json.failed ? -ERR_NOMEM : bootstrap_create(b, b->api->k.ns, "", names[i], json.p);
	}
	return rc;
}

static int write_classes(struct bootstrap *b)
{
	int rc = bootstrap_create(b, b->api->k.priority_class, "", "system-cluster-critical",
		"{\"metadata\":{\"name\":\"system-cluster-critical\"},\"value\":2000000000,\"description\":"
		"\"Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.\"}");

	return rc ? rc : bootstrap_create(b, b->api->k.priority_class, "", "system-node-critical",
		"{\"metadata\":{\"name\":\"system-node-critical\"},\"value\":2000001000,\"description\":"
		"\"Used for system critical pods that must not be moved from their current node.\"}");
}

/* "1.2.3.4:6443" or "[::1]:6443" taken apart. */
static int split_advertise(const char *s, char host[64], unsigned *ret_port)
{
	const char *colon = strrchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : 0;
	uint8_t addr[16];
	int family;

	if (!colon)
		return -ERR_BAD_REQUEST;
	*ret_port = (unsigned)strtoul(colon + 1, NULL, 10);
	if (n > 2 && *s == '[') {
		s++;
		n -= 2;
	}
	if (!n || n > 63 || !*ret_port || *ret_port > 65535)
		return -ERR_BAD_REQUEST;
	memcpy(host, s, n);
	host[n] = 0;
	return text_parse_ip(host, &family, addr) ? -ERR_BAD_REQUEST : 0;
}

static int write_api_service(struct bootstrap *b)
{
	BUF_AUTO struct buf service = { 0 };
	char ip[46], host[64];
	unsigned port;

	if (split_advertise(b->api->advertise, host, &port)) {
		log_error("bootstrap: \"%s\" is no ADDR:PORT that pods could reach the API at", b->api->advertise);
		return -ERR_BAD_REQUEST;
	}
	alloc_ip(b->api, 1, ip);
	buf_printf(&service, "{\"metadata\":{\"name\":\"kubernetes\",\"labels\":{\"component\":\"apiserver\","
		"\"provider\":\"kubernetes\"}},\"spec\":{\"clusterIP\":\"%s\",\"ports\":[{\"name\":\"https\",\"protocol\":"
		"\"TCP\",\"port\":443,\"targetPort\":%u}],\"type\":\"ClusterIP\",\"sessionAffinity\":\"None\"}}", ip, port);
	if (service.failed)
		return -ERR_NOMEM;
	if ((!strncmp(host, "127.", 4) || !strcmp(host, "::1")) && !b->api->ready)
		log_warn("bootstrap: pods cannot reach the API at %s: the kubernetes Service has no endpoints", host);
	return bootstrap_create(b, b->api->k.service, "default", "kubernetes", service.p);
}

/* Agents answer DNS at this address themselves, so the Service selects nothing. */
static int write_dns_service(struct bootstrap *b)
{
	BUF_AUTO struct buf json = { 0 };
	char ip[46];

	alloc_ip(b->api, 10, ip);
	buf_printf(&json, "{\"metadata\":{\"name\":\"kube-dns\",\"labels\":{\"k8s-app\":\"kube-dns\","
		"\"kubernetes.io/cluster-service\":\"true\",\"kubernetes.io/name\":\"CoreDNS\"}},\"spec\":{\"clusterIP\":\"%s\","
		"\"ports\":[{\"name\":\"dns\",\"protocol\":\"UDP\",\"port\":53,\"targetPort\":53},{\"name\":\"dns-tcp\","
		"\"protocol\":\"TCP\",\"port\":53,\"targetPort\":53}]}}", ip);
	return json.failed ? -ERR_NOMEM : bootstrap_create(b, b->api->k.service, "kube-system", "kube-dns", json.p);
}

/* What a machine that joins must know first; everybody may read it. The address and the authority are this
 * server's, whatever was written before. Source: kubeadm's cluster-info, which its clients read, too. */
static int write_cluster_info(struct bootstrap *b)
{
	BUF_AUTO struct buf config = { 0 };
	BUF_AUTO struct buf json = { 0 };

	if (!b->api->ca_pem)
		return 0;
	buf_adds(&config, "apiVersion: v1\nkind: Config\nclusters:\n- name: \"\"\n  cluster:\n    certificate-authority-data: ");
	text_base64(&config, b->api->ca_pem, strlen(b->api->ca_pem));
	buf_printf(&config, "\n    server: https://%s\ncontexts: []\ncurrent-context: \"\"\nusers: []\n", b->api->advertise);
	buf_adds(&json, "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"cluster-info\"},\"data\":{\"kubeconfig\":");
	if (!config.failed)
		buf_add_json(&json, config.p, config.len);
	buf_adds(&json, "}}");
	return config.failed || json.failed ? -ERR_NOMEM :
		bootstrap_call(b, "PATCH", "/api/v1/namespaces/kube-public/configmaps/cluster-info", json.p);
}

static int write_range(struct bootstrap *b)
{
	const struct kinds_kind *k = b->api->k.service_cidr;
	struct cache_obj *have = cache_get(b->api->cache, k->store, "", "kubernetes");
	yyjson_val *was = have ? doc_get(cache_tree(have), "spec.cidrs") : NULL;
	BUF_AUTO struct buf json = { 0 };
	char text[2][CIDR_TEXT_MAX];
	struct cidr_pair own;

	if (cidr_pair_parse("", b->api->service_cidr, &own, NULL))
		return -ERR_BAD_REQUEST;
	buf_adds(&json, "{\"kind\":\"ServiceCIDR\",\"apiVersion\":\"networking.k8s.io/v1\",\"metadata\":{\"name\":\"kubernetes\"},"
		"\"spec\":{\"cidrs\":[");
	for (int i = 0; i < 2 && own.v[i].family; i++) {
		cidr_text(text[i], &own.v[i]);
		buf_printf(&json, "%s\"%s\"", i ? "," : "", text[i]);
	}
	buf_adds(&json, "]}}");
	if (json.failed)
		return -ERR_NOMEM;
	if (!have)
		return bootstrap_create(b, k, "", "kubernetes", json.p);
	/* A cloud of one family gets the second one, as upstream has it. */
	return own.v[1].family && yyjson_arr_size(was) == 1 && yyjson_equals_str(yyjson_arr_get_first(was), text[0]) ?
		bootstrap_try(b, "PATCH", "/apis/networking.k8s.io/v1/servicecidrs/kubernetes", json.p) : 0;
}

/* ---- the waves ---- */

static void finish(struct bootstrap *b)
{
	struct api *a = b->api;
	void (*done)(void *, int) = b->done;
	void *arg = b->arg;
	bool refused = b->refused;
	int rc = b->rc;

	a->bootstrap = NULL;
	free(b);
	if (!rc && !a->bootstrap_keep)
		rc = bootstrap_keep_open(a);
	if (a->bootstrap_keep)
		bootstrap_keep_ran(a->bootstrap_keep, !rc && !refused);
	a->ready |= rc == 0;
	done(arg, rc);
}

static void next_wave(void *arg)
{
	struct bootstrap *b = arg;
	int rc = b->rc;

	if (!rc && b->wave == 0) {
		rc = bootstrap_rbac(b);
		if (!rc)
			rc = write_namespaces(b);
		if (!rc)
			rc = write_classes(b);
		if (!rc)
			rc = write_range(b);
		if (!rc)
			rc = bootstrap_objects(b);
	} else if (!rc && b->wave == 1) {
		rc = bootstrap_rbac(b);
		if (!rc)
			rc = write_api_service(b);
		if (!rc)
			rc = write_dns_service(b);
		if (!rc)
			rc = write_cluster_info(b);
	}
	if (rc && !b->rc)
		b->rc = rc;
	b->wave++;
	if (b->waiting)
		return;
	if (b->rc || b->wave > 2)
		finish(b);
	else
		loop_defer(b->api->loop, &b->task, next_wave, b);
}

void bootstrap_cancel(struct bootstrap *b)
{
	loop_defer_cancel(b->api->loop, &b->task);
	b->api->bootstrap = NULL;
	free(b);
}

void api_bootstrap(struct api *a, void (*done)(void *arg, int rc), void *arg)
{
	struct bootstrap *b = calloc(1, sizeof(*b));

	if (!b) {
		if (a->bootstrap_keep)
			bootstrap_keep_ran(a->bootstrap_keep, false);
		done(arg, -ERR_NOMEM);
		return;
	}
	b->api = a;
	b->done = done;
	b->arg = arg;
	a->bootstrap = b;
	loop_defer(a->loop, &b->task, next_wave, b);
}
