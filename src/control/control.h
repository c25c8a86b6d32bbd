/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control - every controller and the scheduler of one server: opened together over
 * the cache, writing through a client.
 *
 * In:      cache events and snapshot.   Out: client calls.
 * Knows:   kinds.    Never: store, sockets.
 * Thread:  loop thread.
 * Promise: level-driven: a controller stopped at any instruction and opened again
 *          converges to the same state. Nothing runs when nothing changes.
 * Tests:   tests/unit/control/, tests/flow/
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct loop;
struct cache;
struct client;
struct control;

/* Certificates, which whoever wires the server lends to control. */
struct control_csr {
	const char *cn, *const *orgs;
	unsigned dns, emails, uris, ips;           /* so many names of each sort */
	const char *const *dns_names, *const *ip_names;
};
struct control_certs {
	/* Whom a request (PEM) asks a certificate for; in the arena. 0 or -ERR_BAD_REQUEST. */
	int (*read)(struct arena *a, const char *pem, struct control_csr *ret, struct err *reterr);
	/* The certificate, signed by the cloud's CA. */
	int (*sign)(void *arg, const char *pem, const char *const *usages, int64_t valid_s, struct buf *ret,
		struct err *reterr);
	/* When a certificate (PEM) ends. */
	int (*not_after)(const char *pem, int64_t *ret_s);
	/* Does the API itself go by this name, or address? */
	bool (*serves)(void *arg, const char *dns, const char *ip);
	int64_t valid_max_s;       /* what is signed lives no longer; 0: a year */
	void *arg;
};

/*
 * When a node that is silent is given up, and how many of a zone at a time.
 * Source: flags of kube-controller-manager, whose names `sampan server` has for them.
 */
struct control_node_death {
	int64_t grace_ms;          /* without a sign of life, until Ready is Unknown */
	int64_t startup_grace_ms;  /* the same for a Node that never told its Ready */
	double evictions_s;        /* nodes a second whose pods are evicted, in a zone that is well */
	double secondary_evictions_s;      /* in one of more than large_zone nodes that is partly silent; */
	unsigned large_zone;               /* a smaller one then loses none */
	double unhealthy_share;    /* partly silent: this share of its nodes, and three at least */
};
#define CONTROL_NODE_DEATH { .grace_ms = 40000, .startup_grace_ms = 60000, .evictions_s = 0.1, \
	.secondary_evictions_s = 0.01, .large_zone = 50, .unhealthy_share = 0.55 }
/* Which controllers: all, those of one server at a time, or those that every server runs. */
enum control_part { CONTROL_ALL, CONTROL_LEADER, CONTROL_SERVER };

struct control_config {
	enum control_part part;
	const char *address;               /* "ADDR:PORT" where others reach this server; NULL: not told */
	bool shared;                       /* other servers may use the same store */
	const char *cluster_cidr;          /* pods' addresses, "10.244.0.0/16" or with ",fd00:244::/56"; NULL: nodes are given none */
	int node_cidr_prefix[2];           /* the size of each node's block, of IPv4 and IPv6: 24, 64 */
	const char *pod_network;           /* "vxlan" or "host-routes"; NULL: vxlan */
	const char *balancer_pool;         /* addresses for Services of type LoadBalancer; NULL: none */
	const char *ca_cert_pem;           /* kube-root-ca.crt in each namespace */
	const struct control_node_death *node_death;       /* NULL: CONTROL_NODE_DEATH; copied */
	const struct control_certs *certs; /* NULL: requests are neither approved nor signed; kept */
	const char *const *controllers;    /* only these names, NULL-terminated; NULL: all */
	/* A client acting as user NAME with these groups, made once per controller:
	 * "system:serviceaccount:kube-system:<controller>" has the bootstrap role it needs. */
	int (*client_as)(void *arg, const char *user, const char *const *groups, struct client **ret);
	void *arg;
};
int control_open(struct control **ret, struct loop *l, struct cache *c, const struct control_config *cfg,
	struct err *reterr);
void control_close(struct control *c);         /* accepts NULL */
/* The path of this server's own Lease, for who takes it away when the server stops; after control_open. */
int control_server_path(char *ret, size_t size);
/* Keys that wait, run, or back off after a failure; 0: everything is as it should be. */
uint64_t control_unsettled(const struct control *c);
/* Prometheus text of queues: depth, adds, retries, longest run. */
void control_metrics(const struct control *c, struct buf *out);

#endif
