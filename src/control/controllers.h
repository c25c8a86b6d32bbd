/* SPDX-License-Identifier: Apache-2.0 */
/* controllers - one definition a controller; control.c opens them all. */
#ifndef CONTROL_CONTROLLERS_H
#define CONTROL_CONTROLLERS_H

#include "control/reconcile.h"

extern const struct ctl_def ctl_gc, ctl_namespace, ctl_serviceaccount, ctl_root_ca, ctl_replicaset, ctl_deployment,
	ctl_daemonset, ctl_job, ctl_endpointslice, ctl_endpoints, ctl_endpoint_mirror, ctl_node_lifecycle,
	ctl_taint_eviction, ctl_node_ipam, ctl_load_balancer, ctl_scheduler, ctl_pod_gc, ctl_ttl,
	ctl_aggregation, ctl_token_cleaner, ctl_account_token, ctl_csr_approving, ctl_csr_signing, ctl_csr_cleaner,
	ctl_resourcequota, ctl_disruption, ctl_disruption_target, ctl_claim_in_use, ctl_volume_in_use, ctl_class_in_use;
/* Those that are the API server itself to upstream. */
extern const struct ctl_def ctl_api_services, ctl_flow_schemas, ctl_service_addresses, ctl_service_cidrs, ctl_identity,
	ctl_api_endpoints;

struct control_certs;
/* This server: where others reach it, "ADDR:PORT", and whether there may be others on its store.
 * Returns the name of its Lease in kube-system (identity.c). */
const char *ctl_server_set(const char *address, bool shared);
const char *ctl_server_lease(void);
bool ctl_is_server_lease(const struct cache_obj *lease);
/* Borrowed; NULL: it tells none. */
const char *ctl_server_address(struct cache_obj *lease);
#define CTL_SERVER_ADDRESS "sampan/address"    /* the annotation that tells it */
#define CTL_LEASES         "coordination.k8s.io/leases"

/* Borrowed for the process's life; NULL: none. */
void ctl_certs_set(const struct control_certs *certs);
/* Pods' addresses, a range or one of each family, and the size of a node's block of IPv4 and of IPv6; NULL: nodes are
 * given none. -ERR_INVALID: no ranges, IPv4 blocks that are not /16 to /29, or more than 65,536 of them. */
int ctl_node_cidrs_set(const char *cidrs, const int node_prefix[2]);
/* NULL: what upstream's flags say by default. */
struct control_node_death;
void ctl_node_death_set(const struct control_node_death *d);
/* How nodes reach each other's pods, told to their agents: "vxlan" or "host-routes"; NULL: vxlan.
 * Borrowed for the process's life. -ERR_INVALID: neither. */
int ctl_pod_network_set(const char *name);
/* Addresses for Services of type LoadBalancer, "192.0.2.10-192.0.2.50,2001:db8::/120"; NULL: none are given.
 * -ERR_INVALID: no ranges, more than 64 of them, or of more than 65,536 IPv4 addresses; -ERR_SIZE: too long. */
int ctl_balancer_pool_set(const char *text);
/* The text published as kube-root-ca.crt; borrowed for the process's life. */
void ctl_root_ca_set(const char *pem);
const char *ctl_root_ca_pem(void);

#endif
