/* SPDX-License-Identifier: Apache-2.0 */
/* control - opens every controller with a client of its own name. */
#define LOG_MODULE "control"
#include "control/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "client/client.h"
#include "control/controllers.h"

#define CERTIFICATES "system:serviceaccount:kube-system:certificate-controller"
#define APISERVER    "system:apiserver"    /* who does what upstream's API server does itself */

/* user: whom the controller acts as, when that is not the service account of its name. */
static const struct { const struct ctl_def *def; const char *user; bool server; /* on every one */ } all[] = {
	{ &ctl_namespace, NULL },
	{ &ctl_serviceaccount, NULL },
	{ &ctl_root_ca, NULL },
	{ &ctl_gc, NULL },
	{ &ctl_deployment, NULL },
	{ &ctl_replicaset, NULL },
	{ &ctl_daemonset, NULL },
	{ &ctl_job, NULL },
	{ &ctl_endpointslice, NULL },
	{ &ctl_endpoints, NULL },
	{ &ctl_endpoint_mirror, NULL },
	{ &ctl_node_lifecycle, NULL },
	{ &ctl_taint_eviction, "system:serviceaccount:kube-system:node-controller" },
	{ &ctl_node_ipam, "system:serviceaccount:kube-system:node-controller" },
	{ &ctl_load_balancer, NULL },
	{ &ctl_pod_gc, NULL },
	{ &ctl_ttl, NULL },
	{ &ctl_aggregation, NULL },
	{ &ctl_token_cleaner, NULL },
	{ &ctl_account_token, "system:kube-controller-manager" },
	{ &ctl_resourcequota, NULL },
	{ &ctl_disruption, NULL },
	{ &ctl_disruption_target, "system:serviceaccount:kube-system:disruption-controller" },
	{ &ctl_claim_in_use, NULL },
	{ &ctl_volume_in_use, NULL },
	{ &ctl_class_in_use, NULL },
	{ &ctl_csr_approving, CERTIFICATES },
	{ &ctl_csr_signing, CERTIFICATES },
	{ &ctl_csr_cleaner, CERTIFICATES },
	{ &ctl_service_cidrs, NULL },
	{ &ctl_api_services, APISERVER },
	{ &ctl_flow_schemas, APISERVER },
	{ &ctl_service_addresses, APISERVER },
	{ &ctl_identity, APISERVER, true },
	{ &ctl_api_endpoints, APISERVER, true },
	{ &ctl_scheduler, "system:kube-scheduler" },
};
#define ALL (sizeof(all) / sizeof(*all))

struct control { struct ctl *ctl[ALL]; };

static bool wanted(const struct control_config *cfg, size_t i)
{
	const char *const *names = cfg->controllers;

	if (cfg->part != CONTROL_ALL && all[i].server != (cfg->part == CONTROL_SERVER))
		return false;
	for (; names && *names; names++)
		if (!strcmp(*names, all[i].def->name))
			return true;
	return !names;
}

int control_server_path(char *ret, size_t size)
{
	int n = snprintf(ret, size, "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/%s", ctl_server_lease());

	return n < (int)size ? 0 : -ERR_SIZE;
}

static int open_one(struct ctl **ret, size_t i, struct loop *l, struct cache *cache, const struct control_config *cfg)
{
	static const char *const account_groups[] = { "system:serviceaccounts", "system:serviceaccounts:kube-system",
		"system:authenticated", NULL };
	static const char *const user_groups[] = { "system:authenticated", NULL };
	static const char *const own_groups[] = { "system:masters", "system:authenticated", NULL };
	const char *name = all[i].user;
	struct client *client;
	char user[200];

	snprintf(user, sizeof(user), "system:serviceaccount:kube-system:%s", all[i].def->name);
	int rc = cfg->client_as(cfg->arg, name ? name : user,
		!name ? account_groups : strcmp(name, APISERVER) ? user_groups : own_groups, &client);
	return rc ? rc : ctl_open(ret, all[i].def, l, cache, client);
}

int control_open(struct control **ret, struct loop *l, struct cache *c, const struct control_config *cfg,
	struct err *reterr)
{
	if (ctl_node_cidrs_set(cfg->cluster_cidr, cfg->node_cidr_prefix))
		return err_set(reterr, ERR_INVALID, "the pods' ranges %s cannot be cut into blocks of /%d and /%d: at most 65,536 of each "
			"family, IPv4 ones /16 to /29", cfg->cluster_cidr, cfg->node_cidr_prefix[0], cfg->node_cidr_prefix[1]);
	if (ctl_pod_network_set(cfg->pod_network))
		return err_set(reterr, ERR_INVALID, "the pod network \"%s\": must be vxlan or host-routes", cfg->pod_network);
	if (ctl_balancer_pool_set(cfg->balancer_pool))
		return err_set(reterr, ERR_INVALID, "the pool of balancers' addresses \"%s\": must be ranges as "
			"192.0.2.10-192.0.2.50,198.51.100.0/28,2001:db8::/120, at most 64 of them, with 65,536 IPv4 addresses",
			cfg->balancer_pool);
	struct control *k = calloc(1, sizeof(*k));

	if (!k)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	ctl_server_set(cfg->address, cfg->shared);
	ctl_root_ca_set(cfg->ca_cert_pem);
	ctl_certs_set(cfg->certs);
	ctl_node_death_set(cfg->node_death);
	for (size_t i = 0; i < ALL; i++) {
		if (!wanted(cfg, i))
			continue;
		int rc = open_one(&k->ctl[i], i, l, c, cfg);
		if (rc) {
			control_close(k);
			return err_set(reterr, -rc, "controller %s: %s", all[i].def->name, err_text(rc));
		}
	}
	*ret = k;
	return 0;
}

void control_close(struct control *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < ALL; i++)
		ctl_close(k->ctl[i]);
	free(k);
}

uint64_t control_unsettled(const struct control *k)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ALL; i++) {
		struct ctl_stats s = { 0 };
		if (k->ctl[i])
			ctl_stats(k->ctl[i], &s);
		n += s.unsettled;
	}
	return n;
}

void control_metrics(const struct control *k, struct buf *out)
{
	static const struct { const char *name, *type, *help; } rows[] = {
		{ "workqueue_depth", "gauge", "Keys known: waiting, running, or due later." },
		{ "workqueue_unsettled", "gauge", "Keys waiting, running or backing off." },
		{ "workqueue_adds_total", "counter", "Keys added." },
		{ "workqueue_retries_total", "counter", "Keys run again after a failure." },
		{ "workqueue_runs_total", "counter", "Runs of a key." },
		{ "workqueue_longest_run_seconds", "gauge", "The longest run so far." },
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++) {
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[r].name, rows[r].help, rows[r].name, rows[r].type);
		for (size_t i = 0; i < ALL; i++) {
			struct ctl_stats s;
			if (!k->ctl[i])
				continue;
			ctl_stats(k->ctl[i], &s);
			const double v[] = { (double)s.depth, (double)s.unsettled, (double)s.adds, (double)s.retries, (double)s.runs,
				(double)s.longest_us / 1e6 };
			buf_printf(out, "%s{name=\"%s\"} %.9g\n", rows[r].name, ctl_name(k->ctl[i]), v[r]);
		}
	}
}
