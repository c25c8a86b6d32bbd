/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootstrap_objects - what describes the API itself: an APIService for each version of
 * each group of this program, flow schemas and priority levels. What becomes of them
 * later is control/api_services.c's and control/flow_schemas.c's.
 * Source: kubernetes pkg/controlplane/apiserver/aggregator.go (priorities).
 */
#include <string.h>

#include "api/bootstrap_priv.h"
#include "kinds/flow_objects.h"

static const struct { const char *group; int group_priority, version_priority; const char *version; } services[] = {
	{ "", 18000, 1, "v1" },
	{ "apps", 17800, 15, "v1" },
	{ "events.k8s.io", 17750, 5, "v1" },
	{ "authentication.k8s.io", 17700, 15, "v1" },
	{ "authorization.k8s.io", 17600, 15, "v1" },
	{ "autoscaling", 17500, 15, "v1" },
	{ "autoscaling", 17500, 30, "v2" },
	{ "batch", 17400, 15, "v1" },
	{ "certificates.k8s.io", 17300, 15, "v1" },
	{ "networking.k8s.io", 17200, 15, "v1" },
	{ "policy", 17100, 15, "v1" },
	{ "rbac.authorization.k8s.io", 17000, 15, "v1" },
	{ "storage.k8s.io", 16800, 15, "v1" },
	{ "apiextensions.k8s.io", 16700, 15, "v1" },
	{ "admissionregistration.k8s.io", 16700, 15, "v1" },
	{ "scheduling.k8s.io", 16600, 15, "v1" },
	{ "coordination.k8s.io", 16500, 15, "v1" },
	{ "node.k8s.io", 16300, 15, "v1" },
	{ "discovery.k8s.io", 16200, 15, "v1" },
	{ "resource.k8s.io", 16200, 20, "v1" },
	{ "flowcontrol.apiserver.k8s.io", 16100, 21, "v1" },
};

static int write_services(struct bootstrap *b)
{
	const struct kinds_kind *k = kinds_by_resource("apiregistration.k8s.io", "v1", "apiservices");
	int rc = 0;

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]) && !rc; i++) {
		BUF_AUTO struct buf name = { 0 };
		BUF_AUTO struct buf json = { 0 };

		buf_printf(&name, "%s.%s", services[i].version, services[i].group);
		buf_printf(&json, "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"kube-aggregator.kubernetes.io/automanaged\":"
			"\"onstart\"}},\"spec\":{\"group\":\"%s\",\"version\":\"%s\",\"groupPriorityMinimum\":%d,"
			"\"versionPriority\":%d}}", name.p, services[i].group, services[i].version, services[i].group_priority,
			services[i].version_priority);
		rc = name.failed || json.failed ? -ERR_NOMEM : bootstrap_create(b, k, "", name.p, json.p);
	}
	return rc;
}

int bootstrap_objects(struct bootstrap *b)
{
	int rc = write_services(b);

	for (size_t i = 0; i < kinds_flow_object_count && !rc; i++) {
		const struct kinds_flow_object *o = &kinds_flow_objects[i];
		BUF_AUTO struct buf json = { 0 };

		kinds_flow_object_json(&json, o);
		rc = json.failed ? -ERR_NOMEM : bootstrap_create(b,
			kinds_by_kind("flowcontrol.apiserver.k8s.io", "v1", o->kind), "", o->name, json.p);
	}
	return rc;
}
