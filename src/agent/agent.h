/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent - one machine's part of the cloud: it keeps the pods bound to its node running
 * and tells the API what became of them.
 *
 * In:      the API (client), the kubelet's HTTPS API.   Out: runtime, net, images, volumes.
 * Thread:  loop thread.
 * Promise: closing leaves every container running; the next open picks them up. A pod is
 *          deleted from the API only after its last process has ended.
 * Tests:   tests/unit/agent/, tests/node/
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>

#include "base/err.h"

struct loop;
struct agent;

struct agent_config {                  /* all borrowed for the call; NULL: the default in brackets */
	const char *kubeconfig;        /* path */
	const char *server;            /* instead of the kubeconfig's, or NULL */
	const char *data_dir;          /* persistent: pods, images, logs */
	const char *run_dir;           /* until the next boot ["/run/sampan"] */
	const char *node_name;
	const char *address;           /* told as InternalIP [that of the default route] */
	const char *labels, *zone, *region;       /* of the Node: "KEY=VALUE,.."; topology.kubernetes.io/ [none] */
	const char *listen;            /* kubelet API ["0.0.0.0:10250"] */
	const char *serving_cert, *serving_key;   /* paths; NULL: no kubelet API */
	const char *client_key;        /* path: the agent renews its certificates by requests to the API, this one, and
	                                * the serving one, which need not be there yet; NULL: somebody else does */
	const char *client_ca;         /* path: signs the server's certificate towards agents */
	const char *client_cn;         /* the one common name allowed in; NULL: any of organisation system:masters */
	const char *runtime;           /* ["crun"] */
	const char *pod_cidr;          /* [what the Node is given] */
	const char *cluster_cidr;      /* ["10.244.0.0/16"] */
	const char *service_cidr;      /* ["10.96.0.0/16"] */
	const char *dns_ip;            /* ["10.96.0.10"] */
	const char *cluster_domain;    /* ["cluster.local"] */
	const char *insecure_registries, *mirror;   /* as in image.h */
	const char *cni_dir;           /* where another network's configuration may be ["/etc/cni/net.d"]; "none": nowhere */
	const char *cni_bin_dir;       /* its plugins, as in cni.h ["/opt/cni/bin:/usr/lib/cni"] */
	int pods_max;                  /* 0: 110 */
	int lease_s;                   /* renewed four times as often; 0: 40 */
	/* The node is registered and its pods are known; runs once. */
	void (*ready)(void *arg);
	/* It cannot go on, as it told the log; close it. */
	void (*failed)(void *arg);
	void *arg;
};
/* Checks the machine (tools, cgroups, rights) first; the message says what to install or run. */
int agent_open(struct agent **ret, struct loop *l, const struct agent_config *cfg, struct err *reterr);
void agent_close(struct agent *a);
/* Take everything of an agent off the machine: processes, mounts, links, rules, groups. Blocking;
 * no agent may be running. Images stay. */
int agent_down(const char *data_dir, const char *run_dir, struct err *reterr);

#endif
