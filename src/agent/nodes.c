/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nodes - the cloud's Nodes as the network wants them: which addresses are for this node's
 * own pods, and the way to each other node's.
 *
 *   WAITING --own Node has spec.podCIDR--> agent_network(), once: kept in a file, so that the
 *   next start needs no API for it
 */
#define LOG_MODULE "agent"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "base/text.h"
#include "doc/doc.h"

struct nodes {
	struct agent *a;
	struct client_watch *watch;
	bool differs;                  /* told once */
};

static const char *internal_ip(yyjson_val *node)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(node, "status.addresses"), i, max, it) {
		const char *type = doc_str(it, "type"), *address = doc_str(it, "address");
		uint8_t ip[16];
		int family;

		if (type && address && !strcmp(type, "InternalIP") && !text_parse_ip(address, &family, ip) && family == 4)
			return address;
	}
	return NULL;
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

static void own(struct nodes *ns, const char *cidr)
{
	struct agent *a = ns->a;

	if (!cidr)
		return;
	if (!a->networked) {
		agent_network(a, cidr);
		/* From the beginning: the other Nodes went by unseen. */
		client_watch_close(ns->watch);
		ns->watch = NULL;
		if (watch(ns))
			log_error("following the Nodes: out of memory");
	} else if (!a->cni && strcmp(a->pod_cidr, cidr) && !ns->differs) {
		ns->differs = true;
		log_error("the Node %s has spec.podCIDR %s, its pods have addresses of %s: drain it, run `sampan down`, start the agent "
			"again", a->node_name, cidr, a->pod_cidr);
	}
}

static void peer(struct agent *a, yyjson_val *node, const char *name, bool gone)
{
	struct net_peer p = { .name = name, .address = internal_ip(node), .pod_cidr = doc_str(node, "spec.podCIDR") };

	net_peer_set(a->net, &p, gone || !p.address || !p.pod_cidr);
}

static void on_node(void *arg, enum client_event ev, yyjson_val *obj)
{
	struct nodes *ns = arg;
	const char *name = doc_str(obj, "metadata.name");

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
		speakers_node(ns->a->speakers, name, ev != CLIENT_DELETED && may_speak(obj) ? internal_ip(obj) : NULL);
	if (!strcmp(name, ns->a->node_name)) {
		if (ev != CLIENT_DELETED) {
			node_seen(ns->a->node, obj);
			if (ns->a->services)
				services_zone(ns->a->services, zone(obj));
			own(ns, doc_str(obj, "spec.podCIDR"));
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
	*ret = ns;
	return watch(ns);
}

void nodes_close(struct nodes *ns)
{
	if (ns && ns->watch)
		client_watch_close(ns->watch);
	free(ns);
}
