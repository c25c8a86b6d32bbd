/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/flow_objects.h"

#include "base/buf.h"

#define LEVEL "PriorityLevelConfiguration"
#define FLOW "FlowSchema"
#define EVERYTHING "\"resourceRules\":[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]," \
	"\"clusterScope\":true,\"namespaces\":[\"*\"]}],\"nonResourceRules\":[{\"verbs\":[\"*\"]," \
	"\"nonResourceURLs\":[\"*\"]}]"
#define LEASES "{\"verbs\":[\"get\",\"create\",\"update\"],\"apiGroups\":[\"coordination.k8s.io\"]," \
	"\"resources\":[\"leases\"],\"namespaces\":[\"*\"]}"

const struct kinds_flow_object kinds_flow_objects[] = {
	{ LEVEL, "exempt", true,
	  "{\"type\":\"Exempt\",\"exempt\":{\"nominalConcurrencyShares\":0,\"lendablePercent\":0}}" },
	{ LEVEL, "catch-all", true,
	  "{\"type\":\"Limited\",\"limited\":{\"nominalConcurrencyShares\":5,"
	  "\"limitResponse\":{\"type\":\"Reject\"},\"lendablePercent\":0}}" },
	{ LEVEL, "system", false,
	  "{\"type\":\"Limited\",\"limited\":{\"nominalConcurrencyShares\":30,"
	  "\"limitResponse\":{\"type\":\"Queue\",\"queuing\":{\"queues\":64,\"handSize\":6,"
	  "\"queueLengthLimit\":50}},\"lendablePercent\":33}}" },
	{ LEVEL, "node-high", false,
	  "{\"type\":\"Limited\",\"limited\":{\"nominalConcurrencyShares\":40,"
	  "\"limitResponse\":{\"type\":\"Queue\",\"queuing\":{\"queues\":64,\"handSize\":6,"
	  "\"queueLengthLimit\":50}},\"lendablePercent\":25}}" },
	{ LEVEL, "leader-election", false,
	  "{\"type\":\"Limited\",\"limited\":{\"nominalConcurrencyShares\":10,"
	  "\"limitResponse\":{\"type\":\"Queue\",\"queuing\":{\"queues\":16,\"handSize\":4,"
	  "\"queueLengthLimit\":50}},\"lendablePercent\":0}}" },
	{ LEVEL, "workload-high", false,
	  "{\"type\":\"Limited\",\"limited\":{\"nominalConcurrencyShares\":40,"
	  "\"limitResponse\":{\"type\":\"Queue\",\"queuing\":{\"queues\":128,\"handSize\":6,"
	  "\"queueLengthLimit\":50}},\"lendablePercent\":50}}" },
	{ LEVEL, "workload-low", false,
	  "{\"type\":\"Limited\",\"limited\":{\"nominalConcurrencyShares\":100,"
	  "\"limitResponse\":{\"type\":\"Queue\",\"queuing\":{\"queues\":128,\"handSize\":6,"
	  "\"queueLengthLimit\":50}},\"lendablePercent\":90}}" },
	{ LEVEL, "global-default", false,
	  "{\"type\":\"Limited\",\"limited\":{\"nominalConcurrencyShares\":20,"
	  "\"limitResponse\":{\"type\":\"Queue\",\"queuing\":{\"queues\":128,\"handSize\":6,"
	  "\"queueLengthLimit\":50}},\"lendablePercent\":50}}" },
	{ FLOW, "exempt", true,
	  "{\"priorityLevelConfiguration\":{\"name\":\"exempt\"},\"matchingPrecedence\":1,"
	  "\"rules\":[{\"subjects\":[{\"kind\":\"Group\",\"group\":{\"name\":\"system:masters\"}}],"
	  EVERYTHING
	  "}]}" },
	{ FLOW, "catch-all", true,
	  "{\"priorityLevelConfiguration\":{\"name\":\"catch-all\"},\"matchingPrecedence\":10000,"
	  "\"distinguisherMethod\":{\"type\":\"ByUser\"},\"rules\":[{\"subjects\":[{\"kind\":\"Group\","
	  "\"group\":{\"name\":\"system:unauthenticated\"}},{\"kind\":\"Group\","
	  "\"group\":{\"name\":\"system:authenticated\"}}],"
	  EVERYTHING
	  "}]}" },
	{ FLOW, "probes", false,
	  "{\"priorityLevelConfiguration\":{\"name\":\"exempt\"},\"matchingPrecedence\":2,"
	  "\"rules\":[{\"subjects\":[{\"kind\":\"Group\",\"group\":{\"name\":\"system:unauthenticated\"}},"
	  "{\"kind\":\"Group\",\"group\":{\"name\":\"system:authenticated\"}}],"
	  "\"nonResourceRules\":[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/healthz\",\"/readyz\","
	  "\"/livez\"]}]}]}" },
	{ FLOW, "system-leader-election", false,
	  "{\"priorityLevelConfiguration\":{\"name\":\"leader-election\"},\"matchingPrecedence\":100,"
	  "\"distinguisherMethod\":{\"type\":\"ByUser\"},\"rules\":[{\"subjects\":[{\"kind\":\"User\","
	  "\"user\":{\"name\":\"system:kube-controller-manager\"}},{\"kind\":\"User\","
	  "\"user\":{\"name\":\"system:kube-scheduler\"}},{\"kind\":\"ServiceAccount\","
	  "\"serviceAccount\":{\"namespace\":\"kube-system\",\"name\":\"*\"}}],\"resourceRules\":["
	  LEASES
	  "]}]}" },
	{ FLOW, "endpoint-controller", false,
	  "{\"priorityLevelConfiguration\":{\"name\":\"workload-high\"},\"matchingPrecedence\":150,"
	  "\"distinguisherMethod\":{\"type\":\"ByUser\"},\"rules\":[{\"subjects\":[{\"kind\":\"User\","
	  "\"user\":{\"name\":\"system:kube-controller-manager\"}},{\"kind\":\"ServiceAccount\","
	  "\"serviceAccount\":{\"namespace\":\"kube-system\",\"name\":\"endpoint-controller\"}},"
	  "{\"kind\":\"ServiceAccount\",\"serviceAccount\":{\"namespace\":\"kube-system\","
	  "\"name\":\"endpointslicemirroring-controller\"}}],\"resourceRules\":[{\"verbs\":[\"get\","
	  "\"create\",\"update\"],\"apiGroups\":[\"\"],\"resources\":[\"endpoints\"],"
	  "\"namespaces\":[\"*\"]}]}]}" },
	{ FLOW, "workload-leader-election", false,
	  "{\"priorityLevelConfiguration\":{\"name\":\"leader-election\"},\"matchingPrecedence\":200,"
	  "\"distinguisherMethod\":{\"type\":\"ByUser\"},"
	  "\"rules\":[{\"subjects\":[{\"kind\":\"ServiceAccount\","
	  "\"serviceAccount\":{\"namespace\":\"kube-system\",\"name\":\"*\"}}],"
	  "\"resourceRules\":[{\"verbs\":[\"get\",\"create\",\"update\"],\"apiGroups\":[\"\"],"
	  "\"resources\":[\"endpoints\",\"configmaps\"],\"namespaces\":[\"*\"]},"
	  LEASES
	  "]}]}" },
	{ FLOW, "system-node-high", false,
	  "{\"priorityLevelConfiguration\":{\"name\":\"node-high\"},\"matchingPrecedence\":400,"
	  "\"distinguisherMethod\":{\"type\":\"ByUser\"},\"rules\":[{\"subjects\":[{\"kind\":\"Group\","
	  "\"group\":{\"name\":\"system:nodes\"}}],\"resourceRules\":[{\"verbs\":[\"*\"],\"apiGroups\":[\"\"],"
	  "\"resources\":[\"nodes\",\"nodes/status\"],\"clusterScope\":true,\"namespaces\":[\"*\"]},"
	  "{\"verbs\":[\"*\"],\"apiGroups\":[\"coordination.k8s.io\"],\"resources\":[\"leases\"],"
	  "\"namespaces\":[\"*\"]}]}]}" },
	{ FLOW, "system-nodes", false,
	  "{\"priorityLevelConfiguration\":{\"name\":\"system\"},\"matchingPrecedence\":500,"
	  "\"distinguisherMethod\":{\"type\":\"ByUser\"},\"rules\":[{\"subjects\":[{\"kind\":\"Group\","
	  "\"group\":{\"name\":\"system:nodes\"}}],"
	  EVERYTHING
	  "}]}" },
	{ FLOW, "kube-controller-manager", false,
	  "{\"priorityLevelConfiguration\":{\"name\":\"workload-high\"},\"matchingPrecedence\":800,"
	  "\"distinguisherMethod\":{\"type\":\"ByNamespace\"},\"rules\":[{\"subjects\":[{\"kind\":\"User\","
	  "\"user\":{\"name\":\"system:kube-controller-manager\"}}],"
	  EVERYTHING
	  "}]}" },
	{ FLOW, "kube-scheduler", false,
	  "{\"priorityLevelConfiguration\":{\"name\":\"workload-high\"},\"matchingPrecedence\":800,"
	  "\"distinguisherMethod\":{\"type\":\"ByNamespace\"},\"rules\":[{\"subjects\":[{\"kind\":\"User\","
	  "\"user\":{\"name\":\"system:kube-scheduler\"}}],"
	  EVERYTHING
	  "}]}" },
	{ FLOW, "kube-system-service-accounts", false,
	  "{\"priorityLevelConfiguration\":{\"name\":\"workload-high\"},\"matchingPrecedence\":900,"
	  "\"distinguisherMethod\":{\"type\":\"ByNamespace\"},"
	  "\"rules\":[{\"subjects\":[{\"kind\":\"ServiceAccount\","
	  "\"serviceAccount\":{\"namespace\":\"kube-system\",\"name\":\"*\"}}],"
	  EVERYTHING
	  "}]}" },
	{ FLOW, "service-accounts", false,
	  "{\"priorityLevelConfiguration\":{\"name\":\"workload-low\"},\"matchingPrecedence\":9000,"
	  "\"distinguisherMethod\":{\"type\":\"ByUser\"},\"rules\":[{\"subjects\":[{\"kind\":\"Group\","
	  "\"group\":{\"name\":\"system:serviceaccounts\"}}],"
	  EVERYTHING
	  "}]}" },
	{ FLOW, "global-default", false,
	  "{\"priorityLevelConfiguration\":{\"name\":\"global-default\"},\"matchingPrecedence\":9900,"
	  "\"distinguisherMethod\":{\"type\":\"ByUser\"},\"rules\":[{\"subjects\":[{\"kind\":\"Group\","
	  "\"group\":{\"name\":\"system:unauthenticated\"}},{\"kind\":\"Group\","
	  "\"group\":{\"name\":\"system:authenticated\"}}],"
	  EVERYTHING
	  "}]}" },
};
const size_t kinds_flow_object_count = sizeof(kinds_flow_objects) / sizeof(kinds_flow_objects[0]);

void kinds_flow_object_json(struct buf *out, const struct kinds_flow_object *o)
{
	buf_printf(out, "{\"kind\":\"%s\",\"apiVersion\":\"flowcontrol.apiserver.k8s.io/v1\",\"metadata\":{\"name\":\"%s\","
		"\"annotations\":{\"apf.kubernetes.io/autoupdate-spec\":\"true\"}},\"spec\":%s}", o->kind, o->name, o->spec);
}
