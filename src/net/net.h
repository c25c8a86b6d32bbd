/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net - one node's network: pods' links and addresses, Services by nftables,
 * cluster DNS. plan.c computes the whole desired state, apply.c makes it so.
 *
 * In:      agent, with plain structs.   Out: netlink, nftables, UDP and TCP port 53.
 * Never:   API objects.
 * Thread:  loop thread; nftables and netlink work on a worker, completion on the loop.
 * Promise: a ruleset is applied in one transaction or not at all; net_down leaves no
 *          link, address, rule, set or route of ours.
 * Tests:   tests/unit/net/ (plans are text), tests/node/
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct loop;
struct net;

struct net_config {                    /* ranges and addresses: one, or two of different families with a comma */
	const char *name;              /* prefix of links and of the nftables tables: "sampan" */
	const char *pod_cidr;          /* this node's, "10.244.0.0/24,fd00:10:244::/64"; NULL: another network has the pods
	                                * (cni.h), and net_pod_*, net_hostport and net_peer_* are not called */
	const char *cluster_cidr;      /* all pods'. Where the node's own range is not in it, or of a family that it does not
	                                * have, the cluster is this node and those told by net_peer_set */
	const char *service_cidr;
	const char *dns_ip;            /* Service addresses of the cluster DNS, "10.96.0.10" */
	const char *cluster_domain;    /* "cluster.local" */
	const char *upstream_resolv;   /* "/etc/resolv.conf" */
	const char *state_dir;         /* address leases, persistent */
	const char *address;           /* this node's own, that other nodes reach it at: the tunnel is of the first one's
	                                * family; NULL: it has no others */
};
int net_open(struct net **ret, struct loop *l, const struct net_config *cfg, struct err *reterr);
void net_close(struct net *n);         /* leaves the network as it is */
/* Remove everything of ours; blocking; needs no open net. */
int net_down(const char *name, const char *state_dir, struct err *reterr);

/* ips: one of each family of pod_cidr, in its order; NULL behind a single one, and with rc. */
typedef void net_pod_fn(void *arg, int rc, const char *const ips[2], const char *message);
/* veth into the namespace, addresses, routes; the same pod_id gets the same addresses again. */
int net_pod_add(struct net *n, const char *pod_id, const char *netns_path, net_pod_fn *done, void *arg);
void net_pod_del(struct net *n, const char *pod_id);   /* in the background */
/* Its addresses, as net_pod_fn has them, and this machine's end of its link, from the moment they were asked for until they
 * are given up; else false. */
bool net_pod_addresses(const struct net *n, const char *pod_id, const char *ret_ips[2], char ret_link[16]);
/* After a restart: addresses of pods that live on; others' are freed. */
void net_pods_keep(struct net *n, const char *const *pod_ids);
void net_hostport(struct net *n, const char *pod_id, const char *ip, const char *proto, int host_port, int port);

struct net_port { const char *name, *proto; int port, node_port; };
/* Where an endpoint is meant to be used from (EndpointSlice hints). */
enum net_hint { NET_HINT_NONE, NET_HINT_ELSEWHERE, NET_HINT_HERE };
struct net_endpoint { const char *ip, *hostname; const char *port_name; int port; bool ready, local;
	bool draining;                 /* not ready, but it still serves while it ends */
	enum net_hint node_hint, zone_hint;
	bool repeated; };              /* net's own: one before that is used has the same ip */
struct net_service {
	const char *ns, *name;
	const char *const *ips;        /* cluster addresses, NULL-terminated; empty: headless */
	const char *const *external_ips;
	const char *const *balancer_ips;       /* where source_ranges hold */
	const char *const *source_ranges;      /* CIDRs; none: everybody */
	const char *external_name;     /* CNAME, or NULL */
	bool external_local, internal_local;   /* traffic policies: this node's endpoints only */
	bool publish_not_ready;
	int affinity_s;                /* 0: none */
	const struct net_port *ports; unsigned port_count;
	const struct net_endpoint *eps; unsigned ep_count;
};
/* Tell (or with gone: forget) one Service; changes gather for a few ms and go out as one transaction. */
void net_service_set(struct net *n, const struct net_service *s, bool gone);
/* Pod names for DNS are answered from endpoints' hostnames and by address. */
void net_sync(struct net *n, void (*done)(void *arg, int rc, const char *message), void *arg);   /* everything told is applied */

/* Further ranges of Services' addresses, all of them, each time: this machine has a way there and refuses
 * what no Service has. NULL-terminated; those of service_cidr are passed over. */
#define NET_RANGES_MAX 64u
void net_service_ranges(struct net *n, const char *const *cidrs);

/* Another node: its pods are reached through a tunnel to its address. Told again: changed; gone:
 * only the name counts. address and pod_cidr as in net_config; one whose address is of another family
 * than the tunnel is as good as gone. */
struct net_peer { const char *name, *address, *pod_cidr; };
void net_peer_set(struct net *n, const struct net_peer *p, bool gone);
/* Nodes on this one's own link are reached by routes, without the tunnel, or no longer so. */
void net_peers_direct(struct net *n, bool direct);
void net_peers_told(struct net *n);    /* all are told: ways to any other, of an earlier life, are taken away */

/* A balancer's address that this node speaks for from now on, or no longer. */
void net_announce(struct net *n, const char *ip, bool on);
void net_announce_told(struct net *n); /* all are told: what an earlier life spoke for is given up */

/* Is the machine at ip, on this node's link, watched? fn hears when it first answers, when it no
 * longer does (not alive) and when it does again. Counted: on as often as off. */
typedef void net_pulse_fn(void *arg, const char *ip, bool alive);
void net_pulses(struct net *n, net_pulse_fn *fn, void *arg);
void net_watch(struct net *n, const char *ip, bool on);

struct net_stats { uint64_t dns_queries, applies, apply_errors; int64_t apply_us_last; };
void net_stats(const struct net *n, struct net_stats *ret);

#endif
