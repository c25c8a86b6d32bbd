/* SPDX-License-Identifier: Apache-2.0 */
/* quota - how much of each resource an object uses, and which quotas take it in. */
#include "rules_help.h"

#include "kinds/quota.h"

#define C(name, requests, limits) "{'name':'" name "','resources':{'requests':{" requests "},'limits':{" limits "}}}"
#define POD(spec) "{'spec':{" spec "}}"
#define ONE POD("'containers':[" C("a", "'cpu':'100m','memory':'1Gi','x.io/gpu':'2','hugepages-2Mi':'4Mi'", "'cpu':'200m'") "]")
#define TWO POD("'containers':[" C("a", "'cpu':'100m'", "") "," C("b", "'cpu':'150m'", "'memory':'1Gi'") "]")
#define INIT POD("'initContainers':[" C("i", "'cpu':'1'", "") ",{'name':'s','restartPolicy':'Always','resources':{'requests':" \
	"{'cpu':'30m'}}}," C("j", "'cpu':'980m'", "") "],'containers':[" C("a", "'cpu':'100m'", "") "]")
#define WHOLE POD("'resources':{'requests':{'cpu':'5'}},'overhead':{'cpu':'10m','memory':'1Mi'},'containers':[" C("a", "'cpu':'1'", "") "]")
#define SERVICE(spec) "{'spec':{" spec ",'ports':[{'port':1},{'port':2,'nodePort':30001}]}}"
#define CLAIM "{'spec':{'storageClassName':'gold','resources':{'requests':{'storage':'1500m'}}}}"

#define DEVICES "{'spec':{'devices':{'requests':[{'name':'a','exactly':{'deviceClassName':'gpu','count':2}}," \
	"{'name':'b','exactly':{'deviceClassName':'gpu','allocationMode':'All'}},{'name':'c','firstAvailable':[" \
	"{'name':'x','deviceClassName':'gpu','count':3},{'name':'y','deviceClassName':'gpu','count':1}," \
	"{'name':'z','deviceClassName':'nic','count':2}]}]}}}"

/* want NULL: objects of that kind are not counted there */
static const struct { const char *kind, *object, *name, *want; } amounts[] = {
	{ "v1 Pod", ONE, "pods", "1" },
	{ "v1 Pod", ONE, "count/pods", "1" },
	{ "v1 Pod", ONE, "cpu", "100m" },
	{ "v1 Pod", ONE, "requests.cpu", "100m" },
	{ "v1 Pod", ONE, "limits.cpu", "200m" },
	{ "v1 Pod", ONE, "memory", "1Gi" },
	{ "v1 Pod", ONE, "limits.memory", "0" },
	{ "v1 Pod", ONE, "requests.x.io/gpu", "2" },
	{ "v1 Pod", ONE, "limits.x.io/gpu", NULL },
	{ "v1 Pod", ONE, "x.io/gpu", NULL },
	{ "v1 Pod", ONE, "hugepages-2Mi", "4Mi" },
	{ "v1 Pod", ONE, "requests.hugepages-2Mi", "4Mi" },
	{ "v1 Pod", ONE, "requests.storage", NULL },
	{ "v1 Pod", ONE, "services", NULL },
	{ "v1 Pod", ONE, "count/pods.apps", NULL },
	{ "v1 Pod", TWO, "cpu", "250m" },
	{ "v1 Pod", TWO, "limits.memory", "1Gi" },
	{ "v1 Pod", INIT, "cpu", "1010m" },                /* the last init container beside the sidecar */
	{ "v1 Pod", WHOLE, "cpu", "5010m" },
	{ "v1 Pod", WHOLE, "memory", "1Mi" },
	{ "v1 Pod", WHOLE, "limits.cpu", "0" },            /* overhead limits nothing */
	{ "v1 Pod", "{'spec':{'containers':[" C("a", "'cpu':'1'", "") "]},'status':{'phase':'Failed'}}", "cpu", "0" },
	{ "v1 Pod", "{'status':{'phase':'Succeeded'}}", "pods", "0" },
	{ "v1 Pod", "{'status':{'phase':'Succeeded'}}", "count/pods", "1" },
	{ "v1 Service", SERVICE("'type':'ClusterIP'"), "services", "1" },
	{ "v1 Service", SERVICE("'type':'ClusterIP'"), "services.nodeports", "0" },
	{ "v1 Service", SERVICE("'type':'NodePort'"), "services.nodeports", "2" },
	{ "v1 Service", SERVICE("'type':'LoadBalancer'"), "services.nodeports", "2" },
	{ "v1 Service", SERVICE("'type':'LoadBalancer'"), "services.loadbalancers", "1" },
	{ "v1 Service", SERVICE("'type':'LoadBalancer','allocateLoadBalancerNodePorts':false"), "services.nodeports", "1" },
	{ "v1 PersistentVolumeClaim", CLAIM, "requests.storage", "2" },
	{ "v1 PersistentVolumeClaim", CLAIM, "persistentvolumeclaims", "1" },
	{ "v1 PersistentVolumeClaim", CLAIM, "gold.storageclass.storage.k8s.io/requests.storage", "2" },
	{ "v1 PersistentVolumeClaim", CLAIM, "gold.storageclass.storage.k8s.io/persistentvolumeclaims", "1" },
	{ "v1 PersistentVolumeClaim", CLAIM, "tin.storageclass.storage.k8s.io/persistentvolumeclaims", "0" },
	{ "v1 PersistentVolumeClaim", "{'spec':{'resources':{'requests':{'storage':'1'}}},'status':{'allocatedResources':{'storage':'5'}}}",
		"requests.storage", "5" },
	{ "resource.k8s.io/v1 ResourceClaim", DEVICES, "gpu.deviceclass.resource.k8s.io/devices", "37" },
	{ "resource.k8s.io/v1 ResourceClaim", DEVICES, "nic.deviceclass.resource.k8s.io/devices", "2" },
	{ "resource.k8s.io/v1 ResourceClaim", DEVICES, "count/resourceclaims.resource.k8s.io", "1" },
	{ "v1 ConfigMap", "{}", "gpu.deviceclass.resource.k8s.io/devices", NULL },
	{ "v1 ConfigMap", "{}", "configmaps", "1" },
	{ "v1 ConfigMap", "{}", "count/configmaps", "1" },
	{ "v1 ConfigMap", "{}", "secrets", NULL },
	{ "apps/v1 Deployment", "{}", "count/deployments.apps", "1" },
	{ "apps/v1 Deployment", "{}", "count/deployments", NULL },
	{ "apps/v1 Deployment", "{}", "deployments.apps", NULL },
};

static void amounts_are_upstreams(void **state)
{
	for (size_t i = 0; i < sizeof(amounts) / sizeof(*amounts); i++) {
		struct rules r;
		struct quantity q;
		char text[QUANTITY_MAX];

		rules_open(&r);
		const struct kinds_kind *k = kind_of(amounts[i].kind);
		if (quota_counts(k, amounts[i].name) != (amounts[i].want != NULL))
			fail_msg("row %zu: %s of %s", i, amounts[i].name, amounts[i].kind);
		if (amounts[i].want) {
			quota_amount(k, parse_quoted(&r, amounts[i].object), amounts[i].name, &q);
			quantity_print(text, &q);
			if (strcmp(text, amounts[i].want))
				fail_msg("row %zu: %s is %s, not %s", i, amounts[i].name, text, amounts[i].want);
		}
		rules_close(&r);
	}
}

#define SELECT(scope, op, values) "{'scopeSelector':{'matchExpressions':[{'scopeName':'" scope "','operator':'" op "'" values "}]}}"
#define VALUES(...) ",'values':[" __VA_ARGS__ "]"
static const struct { const char *kind, *spec, *object; bool in; } scopes[] = {
	{ "v1 Pod", "{}", "{}", true },
	{ "v1 Pod", "{'scopes':['Terminating']}", POD("'activeDeadlineSeconds':0"), true },
	{ "v1 Pod", "{'scopes':['Terminating']}", "{}", false },
	{ "v1 Pod", "{'scopes':['NotTerminating']}", "{}", true },
	{ "v1 Pod", "{'scopes':['BestEffort']}", "{'status':{'qosClass':'BestEffort'}}", true },
	{ "v1 Pod", "{'scopes':['BestEffort']}", "{'status':{'qosClass':'Burstable'}}", false },
	{ "v1 Pod", "{'scopes':['NotBestEffort','Terminating']}", "{'status':{'qosClass':'Burstable'}}", false },
	{ "v1 Pod", "{'scopes':['PriorityClass']}", POD("'priorityClassName':'a'"), true },
	{ "v1 Pod", SELECT("PriorityClass", "In", VALUES("'a','b'")), POD("'priorityClassName':'b'"), true },
	{ "v1 Pod", SELECT("PriorityClass", "In", VALUES("'a','b'")), "{}", false },
	{ "v1 Pod", SELECT("PriorityClass", "NotIn", VALUES("'a'")), "{}", true },
	{ "v1 Pod", SELECT("PriorityClass", "NotIn", VALUES("'a'")), POD("'priorityClassName':'a'"), false },
	{ "v1 Pod", SELECT("PriorityClass", "Exists", ""), "{}", false },
	{ "v1 Pod", SELECT("PriorityClass", "DoesNotExist", ""), "{}", true },
	{ "v1 Pod", "{'scopes':['CrossNamespacePodAffinity']}", POD("'affinity':{'podAntiAffinity':"
		"{'requiredDuringSchedulingIgnoredDuringExecution':[{'topologyKey':'k','namespaceSelector':{}}]}}"), true },
	{ "v1 Pod", "{'scopes':['CrossNamespacePodAffinity']}", POD("'affinity':{'podAntiAffinity':"
		"{'requiredDuringSchedulingIgnoredDuringExecution':[{'topologyKey':'k'}]}}"), false },
	{ "v1 Pod", "{'scopes':['Unheard']}", "{}", false },
	{ "v1 PersistentVolumeClaim", SELECT("VolumeAttributesClass", "In", VALUES("'g'")), "{'spec':{'volumeAttributesClassName':'g'}}", true },
	{ "v1 PersistentVolumeClaim", SELECT("VolumeAttributesClass", "In", VALUES("'g'")),
		"{'spec':{'volumeAttributesClassName':'h'},'status':{'currentVolumeAttributesClassName':'g'}}", true },
	{ "v1 PersistentVolumeClaim", "{'scopes':['BestEffort']}", "{}", false },
	{ "v1 Service", "{'scopes':['NotTerminating']}", "{}", false },    /* only pods and claims have scopes */
};

static void scopes_take_in_what_they_name(void **state)
{
	for (size_t i = 0; i < sizeof(scopes) / sizeof(*scopes); i++) {
		struct rules r;

		rules_open(&r);
		if (quota_in_scope(parse_quoted(&r, scopes[i].spec), kind_of(scopes[i].kind), parse_quoted(&r, scopes[i].object)) !=
		    scopes[i].in)
			fail_msg("row %zu: %s of %s", i, scopes[i].spec, scopes[i].object);
		rules_close(&r);
	}
}

static void containers_must_say_cpu_and_memory_only(void **state)
{
	static const struct { const char *spec, *name; bool missing; } rows[] = {
		{ "{'containers':[{}]}", "cpu", true },
		{ "{'containers':[{}]}", "limits.memory", true },
		{ "{'containers':[{}]}", "pods", false },
		{ "{'containers':[{}]}", "requests.ephemeral-storage", false },
		{ "{'containers':[{}]}", "requests.x.io/gpu", false },
		{ "{'containers':[{'resources':{'requests':{'cpu':'0'}}}]}", "requests.cpu", false },
		{ "{'containers':[{'resources':{'requests':{'cpu':'0'}}}]}", "limits.cpu", true },
		{ "{'containers':[{}],'resources':{'limits':{'cpu':'1'}}}", "limits.cpu", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct rules r;

		rules_open(&r);
		yyjson_val *spec = parse_quoted(&r, rows[i].spec);
		if (quota_missing(spec, doc_get(spec, "containers.0"), rows[i].name) != rows[i].missing)
			fail_msg("row %zu: %s", i, rows[i].name);
		rules_close(&r);
	}
}

static void pods_stuck_in_their_end_become_free(void **state)
{
	struct rules r;

	rules_open(&r);
	assert_int_equal(quota_free_at_us(parse_quoted(&r, "{'metadata':{}}")), INT64_MAX);
	assert_int_equal(quota_free_at_us(parse_quoted(&r, "{'metadata':{'deletionTimestamp':'1970-01-01T00:01:00Z'}}")), INT64_MAX);
	assert_int_equal(quota_free_at_us(parse_quoted(&r, "{'metadata':{'deletionTimestamp':'1970-01-01T00:01:00Z',"
		"'deletionGracePeriodSeconds':30}}")), 90000000);
	rules_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amounts_are_upstreams),
		cmocka_unit_test(scopes_take_in_what_they_name),
		cmocka_unit_test(containers_must_say_cpu_and_memory_only),
		cmocka_unit_test(pods_stuck_in_their_end_become_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
