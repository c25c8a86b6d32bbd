/* SPDX-License-Identifier: Apache-2.0 */
/*
 * services - Services and EndpointSlices, watched and handed to net as plain structs; and
 * the environment variables that pods get of their namespace's Services.
 * Source: kubelet envvars/envvars.go (names and forms).
 */
#define LOG_MODULE "services"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "base/log.h"
#include "doc/doc.h"

#define ENDPOINTS_MAX 65536u            /* with their ports: net numbers as many of one port */
#define PORTS_MAX 100
#define IPS_MAX 32
#define SERVER_SLICES_MAX 16
#define RANGES_MAX 1000

struct slice {
	struct list in;                /* of its service */
	struct service *service;
	char *key;
	yyjson_doc *doc;
};

struct service {
	char *key;                     /* "ns/name" */
	yyjson_doc *doc;               /* NULL: only slices are known yet */
	struct list slices;
	bool told, cut;                /* cut: it has more endpoints than are told, and that was said */
};

struct services {
	struct agent *a;
	struct health *health;
	char *zone;                    /* this node's, or NULL */
	struct map services, slices;   /* by "ns/name" */
	struct client_watch *service_watch, *slice_watch;
	bool services_known, slices_known;
};

static yyjson_doc *copy(yyjson_val *obj)
{
	size_t n;
	char *text = yyjson_val_write(obj, 0, &n);
	yyjson_doc *d = text ? yyjson_read(text, n, 0) : NULL;

	free(text);
	return d;
}

static struct service *service_of(struct services *s, const char *key)
{
	struct service *v = map_get(&s->services, key);

	if (v)
		return v;
	v = calloc(1, sizeof(*v));
	if (!v || !(v->key = strdup(key)) || map_put(&s->services, key, v, NULL)) {
		if (v)
			free(v->key);
		free(v);
		return NULL;
	}
	list_init(&v->slices);
	return v;
}

static void service_drop(struct services *s, struct service *v)
{
	if (v->doc || !list_empty(&v->slices))
		return;
	map_del(&s->services, v->key);
	free(v->key);
	free(v);
}

static bool condition(yyjson_val *ep, const char *name, bool dflt)
{
	yyjson_val *v = yyjson_obj_get(yyjson_obj_get(ep, "conditions"), name);

	return yyjson_is_bool(v) ? yyjson_get_bool(v) : dflt;
}

/* Does a list of names say this one? */
static enum net_hint hint(yyjson_val *list, const char *own)
{
	yyjson_val *it;
	size_t i, m;

	yyjson_arr_foreach(list, i, m, it)
		if (own && doc_str(it, "name") && !strcmp(doc_str(it, "name"), own))
			return NET_HINT_HERE;
	return yyjson_arr_size(list) ? NET_HINT_ELSEWHERE : NET_HINT_NONE;
}

/* Endpoints of a Service, a port of each counted as one. */
static size_t count_all(const struct service *v)
{
	size_t n = 0, i, m;
	yyjson_val *ep;

	list_each(&v->slices, at) {
		yyjson_val *slice = yyjson_doc_get_root(list_entry(at, struct slice, in)->doc);
		size_t ports = yyjson_arr_size(yyjson_obj_get(slice, "ports"));

		yyjson_arr_foreach(yyjson_obj_get(slice, "endpoints"), i, m, ep)
			n += yyjson_arr_size(yyjson_obj_get(ep, "addresses")) * (ports ? ports : 1);
	}
	return n;
}

/* Said once, until there are fewer. */
static void say_cut(struct services *s, struct service *v, size_t n)
{
	yyjson_val *obj = yyjson_doc_get_root(v->doc);
	bool cut = n > ENDPOINTS_MAX;

	if (cut && !v->cut) {
		log_error("service %s has %zu endpoints: %zu of them get no traffic from this node", v->key, n, n - ENDPOINTS_MAX);
		event_service(s->a, doc_str(obj, "metadata.namespace"), doc_str(obj, "metadata.name"), doc_str(obj, "metadata.uid"),
			"Warning", "TooManyEndpoints", "%zu endpoints and ports are more than %u: what is above gets no traffic from node %s",
			n, ENDPOINTS_MAX, s->a->node_name);
	}
	v->cut = cut;
}

/* max: at which it ends. */
static unsigned add_slice(struct services *s, yyjson_val *slice, struct net_endpoint *out, unsigned n, size_t max)
{
	yyjson_val *ep, *addr, *port, *ports = yyjson_obj_get(slice, "ports");
	size_t i, m, j, k, l, c;

	yyjson_arr_foreach(yyjson_obj_get(slice, "endpoints"), i, m, ep) {
		const char *node = doc_str(ep, "nodeName");
		bool serving = condition(ep, "serving", condition(ep, "ready", true)), terminating = condition(ep, "terminating", false);

		yyjson_arr_foreach(yyjson_obj_get(ep, "addresses"), j, k, addr) {
			struct net_endpoint e = { .ip = yyjson_get_str(addr), .hostname = doc_str(ep, "hostname"),
				.ready = condition(ep, "ready", serving && !terminating), .draining = serving && terminating,
				.local = node && !strcmp(node, s->a->node_name),
				.node_hint = hint(doc_get(ep, "hints.forNodes"), s->a->node_name),
				.zone_hint = hint(doc_get(ep, "hints.forZones"), s->zone) };

			if (!yyjson_arr_size(ports) && n < max)
				out[n++] = e;
			yyjson_arr_foreach(ports, l, c, port) {
				if (n == max)
					return n;
				e.port_name = doc_str(port, "name") ? doc_str(port, "name") : "";
				e.port = (int)doc_int(port, "port", 0);
				out[n++] = e;
			}
		}
	}
	return n;
}

static unsigned strings(const char **out, unsigned max, yyjson_val *list)
{
	unsigned n = 0;
	yyjson_val *v;
	size_t i, m;

	yyjson_arr_foreach(list, i, m, v)
		if (n < max && yyjson_is_str(v) && strcmp(yyjson_get_str(v), "None"))
			out[n++] = yyjson_get_str(v);
	return n;
}

static bool is(yyjson_val *obj, const char *path, const char *value)
{
	const char *v = doc_str(obj, path);

	return v && !strcmp(v, value);
}

/* Addresses of this node's that are ready: what a health check counts. */
static unsigned local_ready(const struct net_service *n)
{
	struct map seen = { 0 };
	unsigned count;

	for (unsigned i = 0; i < n->ep_count; i++)
		if (n->eps[i].local && n->eps[i].ready && n->eps[i].ip)
			map_put(&seen, n->eps[i].ip, &seen, NULL);
	count = (unsigned)seen.len;
	map_finish(&seen);
	return count;
}

/* An address goes to a node that has endpoints, when traffic may not go on from there. */
static void tell_speakers(struct services *s, struct service *v, const char *const *ips, bool local)
{
	const char **nodes = NULL;
	size_t n = 0, i, m, max = count_all(v);
	yyjson_val *ep;

	if (ips[0] && local && !(nodes = calloc(max + 1, sizeof(*nodes))))
		return;
	list_each(&v->slices, at)
		yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(list_entry(at, struct slice, in)->doc), "endpoints"), i, m, ep)
			if (nodes && n < max && doc_str(ep, "nodeName") && condition(ep, "ready", true))
				nodes[n++] = doc_str(ep, "nodeName");
	speakers_service(s->a->speakers, v->key, ips, nodes);
	free(nodes);
}

static void tell(struct services *s, struct service *v)
{
	const char *ips[IPS_MAX + 1] = { 0 }, *external[IPS_MAX + 1] = { 0 }, *balancer[IPS_MAX + 1] = { 0 };
	const char *ranges[RANGES_MAX + 1] = { 0 };
	struct net_port ports[PORTS_MAX];
	struct net_service n = { .ips = ips, .external_ips = external, .balancer_ips = balancer, .source_ranges = ranges, .ports = ports };
	struct net_endpoint *eps;
	yyjson_val *obj = yyjson_doc_get_root(v->doc), *p;
	unsigned count = 0;
	size_t i, m, max;

	if (!s->a->net)
		return;
	if (!v->doc) {
		char ns[64];
		const char *slash = strchr(v->key, '/');

		if (!v->told)
			return;
		snprintf(ns, sizeof(ns), "%.*s", (int)(slash - v->key), v->key);
		n.ns = ns;
		n.name = slash + 1;
		net_service_set(s->a->net, &n, true);
		health_set(s->health, n.ns, n.name, 0, 0);
		speakers_service(s->a->speakers, v->key, balancer, NULL);
		v->told = false;
		return;
	}
	n.ns = doc_str(obj, "metadata.namespace");
	n.name = doc_str(obj, "metadata.name");
	if (is(obj, "spec.type", "ExternalName"))
		n.external_name = doc_str(obj, "spec.externalName");
	if (!strings(ips, IPS_MAX, doc_get(obj, "spec.clusterIPs")) && doc_str(obj, "spec.clusterIP") &&
	    strcmp(doc_str(obj, "spec.clusterIP"), "None") && *doc_str(obj, "spec.clusterIP"))
		ips[0] = doc_str(obj, "spec.clusterIP");
	strings(external, IPS_MAX, doc_get(obj, "spec.externalIPs"));
	strings(ranges, RANGES_MAX, doc_get(obj, "spec.loadBalancerSourceRanges"));
	/* Proxy: traffic goes through the balancer, whatever address it shows (KEP-1860). */
	yyjson_arr_foreach(doc_get(obj, "status.loadBalancer.ingress"), i, m, p)
		if (doc_str(p, "ip") && !is(p, "ipMode", "Proxy") && count < IPS_MAX)
			balancer[count++] = doc_str(p, "ip");
	n.external_local = is(obj, "spec.externalTrafficPolicy", "Local");
	n.internal_local = is(obj, "spec.internalTrafficPolicy", "Local");
	n.publish_not_ready = doc_bool(obj, "spec.publishNotReadyAddresses", false);
	if (is(obj, "spec.sessionAffinity", "ClientIP"))
		n.affinity_s = (int)doc_int(obj, "spec.sessionAffinityConfig.clientIP.timeoutSeconds", 10800);
	yyjson_arr_foreach(doc_get(obj, "spec.ports"), i, m, p) {
		const char *proto = doc_str(p, "protocol"), *name = doc_str(p, "name");

		if (n.port_count == PORTS_MAX)
			break;
		ports[n.port_count++] = (struct net_port){ .name = name ? name : "", .proto = proto ? proto : "TCP",
			.port = (int)doc_int(p, "port", 0), .node_port = (int)doc_int(p, "nodePort", 0) };
	}
	max = count_all(v);
	say_cut(s, v, max);
	if (max > ENDPOINTS_MAX)
		max = ENDPOINTS_MAX;
	eps = calloc(max + 1, sizeof(*eps));
	if (!eps) {
		log_error("service %s: out of memory", v->key);
		return;
	}
	list_each(&v->slices, at)
		n.ep_count = add_slice(s, yyjson_doc_get_root(list_entry(at, struct slice, in)->doc), eps, n.ep_count, max);
	n.eps = eps;
	net_service_set(s->a->net, &n, false);
	health_set(s->health, n.ns, n.name, (int)doc_int(obj, "spec.healthCheckNodePort", 0), local_ready(&n));
	tell_speakers(s, v, balancer, n.external_local);
	v->told = true;
	free(eps);
}

/* The agent's own way to the API goes there, too. */
static void tell_servers(struct services *s, struct service *v)
{
	yyjson_val *slices[SERVER_SLICES_MAX];
	size_t n = 0;

	if (strcmp(v->key, "default/kubernetes"))
		return;
	list_each(&v->slices, at)
		if (n < SERVER_SLICES_MAX)
			slices[n++] = yyjson_doc_get_root(list_entry(at, struct slice, in)->doc);
	api_servers_seen(s->a->servers, slices, n);
}

static void key_of(yyjson_val *obj, const char *name, char key[600])
{
	const char *ns = doc_str(obj, "metadata.namespace");

	snprintf(key, 600, "%s/%s", ns ? ns : "", name ? name : "");
}

static void applied(void *arg, int rc, const char *message)
{
	(void)arg;
	if (rc)
		log_error("services: %s", message);
}

/* The first lists of both are told: from here every change is for now. */
static void known(struct services *s, bool *which)
{
	bool before = s->services_known && s->slices_known;

	*which = true;
	if (before || !s->services_known || !s->slices_known || !s->a->net)
		return;
	net_sync(s->a->net, applied, s);
	speakers_services_known(s->a->speakers);
}

static void service_event(void *arg, enum client_event ev, yyjson_val *obj)
{
	struct services *s = arg;
	struct service *v;
	char key[600];

	if (ev == CLIENT_SYNCED) {
		known(s, &s->services_known);
		return;
	}
	key_of(obj, doc_str(obj, "metadata.name"), key);
	v = service_of(s, key);
	if (!v)
		return;
	yyjson_doc_free(v->doc);
	v->doc = ev == CLIENT_DELETED ? NULL : copy(obj);
	tell(s, v);
	service_drop(s, v);
}

static void slice_free(struct slice *sl)
{
	yyjson_doc_free(sl->doc);
	free(sl->key);
	free(sl);
}

/* Its service is told without it. */
static void slice_drop(struct services *s, struct slice *sl)
{
	struct service *v = sl->service;

	map_del(&s->slices, sl->key);
	list_del(&sl->in);
	slice_free(sl);
	tell(s, v);
	tell_servers(s, v);
	service_drop(s, v);
}

static struct slice *slice_new(struct services *s, struct service *v, const char *key)
{
	struct slice *sl = calloc(1, sizeof(*sl));

	if (!sl || !(sl->key = strdup(key)) || map_put(&s->slices, key, sl, NULL)) {
		if (sl)
			free(sl->key);
		free(sl);
		return NULL;
	}
	sl->service = v;
	list_add_tail(&v->slices, &sl->in);
	return sl;
}

static void slice_event(void *arg, enum client_event ev, yyjson_val *obj)
{
	struct services *s = arg;
	struct service *v;
	struct slice *sl;
	char key[600], service[600];
	yyjson_val *label;

	if (ev == CLIENT_SYNCED) {
		known(s, &s->slices_known);
		return;
	}
	key_of(obj, doc_str(obj, "metadata.name"), key);
	label = yyjson_obj_get(doc_get(obj, "metadata.labels"), "kubernetes.io/service-name");
	key_of(obj, yyjson_is_str(label) ? yyjson_get_str(label) : "", service);
	sl = map_get(&s->slices, key);
	/* One that went away may have no more than its name; the label may have come to name another. */
	if (sl && (ev == CLIENT_DELETED || strcmp(sl->service->key, service))) {
		slice_drop(s, sl);
		sl = NULL;
	}
	if (ev == CLIENT_DELETED || !yyjson_is_str(label))
		return;
	v = sl ? sl->service : service_of(s, service);
	if (!v)
		return;
	if (!sl)
		sl = slice_new(s, v, key);
	if (sl) {
		yyjson_doc_free(sl->doc);
		sl->doc = copy(obj);
	}
	tell(s, v);
	tell_servers(s, v);
	service_drop(s, v);
}

void services_zone(struct services *s, const char *zone)
{
	size_t it = 0;
	void *v;

	if (zone ? s->zone && !strcmp(zone, s->zone) : !s->zone)
		return;
	free(s->zone);
	s->zone = zone ? strdup(zone) : NULL;
	while (map_next(&s->services, &it, NULL, &v))
		tell(s, v);
}

/* ---- environment ---- */

/* "redis-master" -> "REDIS_MASTER" */
static void upper(char *out, size_t size, const char *name)
{
	size_t i = 0;

	for (; name[i] && i + 1 < size; i++)
		out[i] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
	out[i] = 0;
}

static int add_service(struct strv *out, yyjson_val *obj)
{
	const char *ip = doc_str(obj, "spec.clusterIP");
	char name[256], port_name[256];
	bool first = true;
	yyjson_val *p;
	size_t i, n;
	int rc;

	if (!ip || !*ip || !strcmp(ip, "None"))
		return 0;
	upper(name, sizeof(name), doc_str(obj, "metadata.name"));
	rc = strv_add(out, "%s_SERVICE_HOST=%s", name, ip);
	yyjson_arr_foreach(doc_get(obj, "spec.ports"), i, n, p) {
		const char *proto = doc_str(p, "protocol") ? doc_str(p, "protocol") : "TCP";
		int port = (int)doc_int(p, "port", 0);
		char lower[8];

		for (size_t k = 0; k < sizeof(lower) - 1 && (lower[k] = (char)tolower((unsigned char)proto[k])); k++)
			lower[k + 1] = 0;
		if (first) {
			rc |= strv_add(out, "%s_SERVICE_PORT=%d", name, port);
			rc |= strv_add(out, "%s_PORT=%s://%s:%d", name, lower, ip, port);
		}
		first = false;
		if (doc_str(p, "name") && *doc_str(p, "name")) {
			upper(port_name, sizeof(port_name), doc_str(p, "name"));
			rc |= strv_add(out, "%s_SERVICE_PORT_%s=%d", name, port_name, port);
		}
		rc |= strv_add(out, "%s_PORT_%d_%s=%s://%s:%d", name, port, proto, lower, ip, port);
		rc |= strv_add(out, "%s_PORT_%d_%s_PROTO=%s", name, port, proto, lower);
		rc |= strv_add(out, "%s_PORT_%d_%s_PORT=%d", name, port, proto, port);
		rc |= strv_add(out, "%s_PORT_%d_%s_ADDR=%s", name, port, proto, ip);
	}
	return rc ? -ERR_NOMEM : 0;
}

int services_env(struct services *s, const char *ns, bool all, struct strv *out)
{
	struct service *api = map_get(&s->services, "default/kubernetes");
	size_t it = 0, n = strlen(ns);
	const char *key;
	void *v;
	int rc = api && api->doc ? add_service(out, yyjson_doc_get_root(api->doc)) : 0;

	while (all && !rc && map_next(&s->services, &it, &key, &v)) {
		struct service *svc = v;

		if (svc == api || !svc->doc || strncmp(key, ns, n) || key[n] != '/')
			continue;
		rc = add_service(out, yyjson_doc_get_root(svc->doc));
	}
	return rc;
}

int services_open(struct services **ret, struct agent *a)
{
	const struct kinds_kind *service = kinds_by_resource("", "v1", "services");
	const struct kinds_kind *slice = kinds_by_resource("discovery.k8s.io", "v1", "endpointslices");
	struct services *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return -ERR_NOMEM;
	s->a = a;
	*ret = s;
	if (health_open(&s->health, a))
		return -ERR_NOMEM;
	rc = client_watch(&s->service_watch, a->client, service, NULL, NULL, service_event, s);
	return rc ? rc : client_watch(&s->slice_watch, a->client, slice, NULL, NULL, slice_event, s);
}

void services_close(struct services *s)
{
	const char *key;
	size_t it = 0;
	void *v;

	if (!s)
		return;
	if (s->service_watch)
		client_watch_close(s->service_watch);
	if (s->slice_watch)
		client_watch_close(s->slice_watch);
	while (map_next(&s->slices, &it, &key, &v))
		slice_free(v);
	it = 0;
	while (map_next(&s->services, &it, &key, &v)) {
		struct service *svc = v;

		yyjson_doc_free(svc->doc);
		free(svc->key);
		free(svc);
	}
	map_finish(&s->slices);
	map_finish(&s->services);
	health_close(s->health);
	free(s->zone);
	free(s);
}
