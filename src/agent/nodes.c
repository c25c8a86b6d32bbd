/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nodes - the cloud's Nodes as the network wants them: which addresses are for this node's
 * own pods, and the way to each other node's.
 *
 *   WAITING --own Node has spec.podCIDRs--> ASKING for the ranges of Services --> agent_network(),
 *   once: both are kept in a file, so that the next start needs no API for them
 */
#define LOG_MODULE "agent"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "base/env.h"
#include "doc/doc.h"
#include "net/ip.h"

struct nodes {
	struct agent *a;
	struct client_watch *watch;
	bool differs;                  /* told once */
	bool asking, asked;            /* asked: and told in the log that there was no answer to go on with */
	char *pod_cidr;                /* while asking */
	struct loop_timer again;
};

#define AGAIN_MS 1000

/* InternalIPs, the first one of each family, with a comma; "": none. */
static void internal_ips(char out[2 * IP_TEXT], yyjson_val *node)
{
	bool has[IP_FAMILIES] = { false };
	yyjson_val *it;
	size_t i, max;

	*out = 0;
	yyjson_arr_foreach(doc_get(node, "status.addresses"), i, max, it) {
		const char *type = doc_str(it, "type");
		struct ip ip;

		if (!type || strcmp(type, "InternalIP") != 0 || !ip_parse(&ip, doc_str(it, "address")) || has[ip_family(&ip)])
			continue;
		has[ip_family(&ip)] = true;
		snprintf(out + strlen(out), 2 * IP_TEXT - strlen(out), "%s%s", *out ? "," : "", doc_str(it, "address"));
	}
}

/* A list of one range, or of one of each family, with a comma; "": none, or not such ones. */
static void ranges_of(char out[2 * IP_RANGE_TEXT], yyjson_val *list)
{
	struct ip_range unused[IP_FAMILIES];
	yyjson_val *it;
	size_t i, max;

	*out = 0;
	yyjson_arr_foreach(list, i, max, it)
		if (yyjson_is_str(it))
			snprintf(out + strlen(out), 2 * IP_RANGE_TEXT - strlen(out), "%s%s", *out ? "," : "", yyjson_get_str(it));
	if (!ip_parse_ranges(unused, out, NULL))
		*out = 0;
}

static void pod_ranges(char out[2 * IP_RANGE_TEXT], yyjson_val *node)
{
	ranges_of(out, doc_get(node, "spec.podCIDRs"));
	if (!*out && doc_str(node, "spec.podCIDR"))
		snprintf(out, 2 * IP_RANGE_TEXT, "%s", doc_str(node, "spec.podCIDR"));
}

/* Does the server want pods of nodes on one link reached by routes? */
static bool routes(yyjson_val *node)
{
	const char *how = yyjson_get_str(yyjson_obj_get(doc_get(node, "metadata.annotations"), "sampan.io/pod-network"));

	return how && !strcmp(how, "host-routes");
}

/* Ready, and not kept out of balancing. Source: kubernetes cloud-provider, service controller's
 * node predicates; core/v1 LabelNodeExcludeBalancers. */
static bool may_speak(yyjson_val *node)
{
	yyjson_val *it;
	size_t i, max;

	if (yyjson_obj_get(doc_get(node, "metadata.labels"), "node.kubernetes.io/exclude-from-external-load-balancers"))
		return false;
	yyjson_arr_foreach(doc_get(node, "status.conditions"), i, max, it) {
		const char *type = doc_str(it, "type"), *status = doc_str(it, "status");

		if (type && !strcmp(type, "Ready"))
			return status && !strcmp(status, "True");
	}
	return false;
}

static const char *zone(yyjson_val *node)
{
	return yyjson_get_str(yyjson_obj_get(doc_get(node, "metadata.labels"), "topology.kubernetes.io/zone"));
}

static int watch(struct nodes *ns);

static void ask_services(void *arg);

static void services_told(void *arg, const struct client_reply *r)
{
	struct agent *a = arg;
	struct nodes *ns = a->nodes;
	char cidrs[2 * IP_RANGE_TEXT] = "";

	if (a->closing)                        /* ns is gone */
		return;
	ns->asking = false;
	if (!r->rc)
		ranges_of(cidrs, doc_get(yyjson_arr_get_first(doc_get(r->obj, "items")), "spec.cidrs"));
	/* Made by the server when it starts: a cloud without it is not ready. */
	if (!*cidrs) {
		if (!ns->asked)
			log_warn("the ranges of Services: %s; pods get no network before they are known, asking on",
				r->rc ? r->message : "the ServiceCIDR kubernetes is not there");
		ns->asked = true;
		loop_timer_set(&ns->again, AGAIN_MS + env_random_below(AGAIN_MS));
		return;
	}
	agent_network(ns->a, ns->pod_cidr, cidrs);
	/* From the beginning: the other Nodes went by unseen. */
	client_watch_close(ns->watch);
	ns->watch = NULL;
	if (watch(ns))
		log_error("following the Nodes: out of memory");
}

static void ask_services(void *arg)
{
	struct nodes *ns = arg;
	const struct client_req q = { .method = "GET", .path = "/apis/networking.k8s.io/v1/servicecidrs",
		.query = "fieldSelector=metadata.name%3Dkubernetes" };

	ns->asking = !client_call(ns->a->client, &q, services_told, ns->a);
	if (!ns->asking)
		loop_timer_set(&ns->again, AGAIN_MS + env_random_below(AGAIN_MS));
}

static void own(struct nodes *ns, const char *cidr)
{
	struct agent *a = ns->a;
	char *copy;

	if (!*cidr)
		return;
	if (!a->networked) {
		copy = strdup(cidr);
		if (!copy)
			return;
		free(ns->pod_cidr);
		ns->pod_cidr = copy;
		if (!ns->asking)
			ask_services(ns);
	} else if (!a->cni && strcmp(a->pod_cidr, cidr) && !ns->differs) {
		ns->differs = true;
		log_error("the Node %s has spec.podCIDRs %s, its pods have addresses of %s: drain it, run `sampan down`, start the agent "
			"again", a->node_name, cidr, a->pod_cidr);
	}
}

static void peer(struct agent *a, yyjson_val *node, const char *name, bool gone)
{
	char addresses[2 * IP_TEXT], ranges[2 * IP_RANGE_TEXT];
	struct net_peer p = { .name = name, .address = addresses, .pod_cidr = ranges };

	internal_ips(addresses, node);
	pod_ranges(ranges, node);
	net_peer_set(a->net, &p, gone || !*addresses || !*ranges);
}

/* Nodes ask each other whether they live at the first of their addresses. */
static void tell_speakers(struct speakers *s, const char *name, yyjson_val *node, bool may)
{
	char addresses[2 * IP_TEXT];

	internal_ips(addresses, node);
	addresses[strcspn(addresses, ",")] = 0;
	speakers_node(s, name, may && *addresses ? addresses : NULL);
}

static void on_node(void *arg, enum client_event ev, yyjson_val *obj)
{
	struct nodes *ns = arg;
	const char *name = doc_str(obj, "metadata.name");
	char ranges[2 * IP_RANGE_TEXT];

	if (ev == CLIENT_SYNCED) {
		if (ns->a->net && !ns->a->cni)
			net_peers_told(ns->a->net);
		if (ns->a->speakers)
			speakers_nodes_known(ns->a->speakers);
		return;
	}
	if (!name)
		return;
	if (ns->a->speakers)
		tell_speakers(ns->a->speakers, name, obj, ev != CLIENT_DELETED && may_speak(obj));
	if (!strcmp(name, ns->a->node_name)) {
		if (ev != CLIENT_DELETED) {
			node_seen(ns->a->node, obj);
			if (ns->a->services)
				services_zone(ns->a->services, zone(obj));
			pod_ranges(ranges, obj);
			own(ns, ranges);
			if (ns->a->net && !ns->a->cni)
				net_peers_direct(ns->a->net, routes(obj));
		}
	} else if (ns->a->net && !ns->a->cni) {
		peer(ns->a, obj, name, ev == CLIENT_DELETED);
	}
}

static int watch(struct nodes *ns)
{
	return client_watch(&ns->watch, ns->a->client, kinds_by_resource("", "v1", "nodes"), NULL, NULL, on_node, ns);
}

int nodes_open(struct nodes **ret, struct agent *a)
{
	struct nodes *ns = calloc(1, sizeof(*ns));

	if (!ns)
		return -ERR_NOMEM;
	ns->a = a;
	loop_timer_init(&ns->again, a->loop, ask_services, ns);
	*ret = ns;
	return watch(ns);
}

void nodes_close(struct nodes *ns)
{
	if (!ns)
		return;
	if (ns->watch)
		client_watch_close(ns->watch);
	loop_timer_stop(&ns->again);
	free(ns->pod_cidr);
	free(ns);
}
