/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_help.h"

#include "kinds/kinds_custom.h"

#define POD(spec) "{'metadata':{'name':'p'},'spec':{'containers':[{'name':'c','image':'x'" spec "}]}}"
#define C0 "spec.containers.0."

static const struct {
	const char *kind, *input, *path, *want;
} cases[] = {
	/* whole members of a pod, with their order */
	{ "v1 Pod", POD(""), "spec", "{'containers':[{'name':'c','image':'x','resources':{},"
	  "'terminationMessagePath':'/dev/termination-log','terminationMessagePolicy':'File',"
	  "'imagePullPolicy':'Always'}],'restartPolicy':'Always','terminationGracePeriodSeconds':30,"
	  "'dnsPolicy':'ClusterFirst','securityContext':{},'schedulerName':'default-scheduler',"
	  "'enableServiceLinks':true}" },
	{ "apps/v1 Deployment", "{'metadata':{'name':'web'},'spec':{'selector':{'matchLabels':{'app':'w'}},"
	  "'template':{'metadata':{'labels':{'app':'w'}},'spec':{'containers':[{'name':'c','image':'nginx',"
	  "'ports':[{'containerPort':80}],'resources':{'limits':{'cpu':'0.5','memory':'1024Mi'}}}]}}}}", "spec",
	  "{'replicas':1,'selector':{'matchLabels':{'app':'w'}},'template':{'metadata':{'labels':{'app':'w'}},"
	  "'spec':{'containers':[{'name':'c','image':'nginx','ports':[{'containerPort':80,'protocol':'TCP'}],"
	  "'resources':{'limits':{'cpu':'500m','memory':'1Gi'}},'terminationMessagePath':'/dev/termination-log',"
	  "'terminationMessagePolicy':'File','imagePullPolicy':'Always'}],'restartPolicy':'Always',"
	  "'terminationGracePeriodSeconds':30,'dnsPolicy':'ClusterFirst','securityContext':{},"
	  "'schedulerName':'default-scheduler'}},'strategy':{'type':'RollingUpdate','rollingUpdate':"
	  "{'maxUnavailable':'25%','maxSurge':'25%'}},'revisionHistoryLimit':10,'progressDeadlineSeconds':600}" },
	/* image pull policy by tag */
	{ "v1 Pod", "{'spec':{'containers':[{'name':'c','image':'a/b:1'}]}}", C0 "imagePullPolicy", "'IfNotPresent'" },
	{ "v1 Pod", "{'spec':{'containers':[{'name':'c','image':'h:5000/b'}]}}", C0 "imagePullPolicy", "'Always'" },
	{ "v1 Pod", "{'spec':{'containers':[{'name':'c','image':'b:latest'}]}}", C0 "imagePullPolicy", "'Always'" },
	{ "v1 Pod", "{'spec':{'containers':[{'name':'c','image':'b@sha256:ab'}]}}", C0 "imagePullPolicy", "'IfNotPresent'" },
	{ "v1 Pod", "{'spec':{'containers':[{'name':'c','image':'b','imagePullPolicy':'Never'}]}}", C0 "imagePullPolicy", "'Never'" },
	/* probes and resources */
	{ "v1 Pod", POD(",'livenessProbe':{'httpGet':{'port':80}}"), C0 "livenessProbe",
	  "{'httpGet':{'path':'/','port':80,'scheme':'HTTP'},'timeoutSeconds':1,'periodSeconds':10,"
	  "'successThreshold':1,'failureThreshold':3}" },
	{ "v1 Pod", POD(",'resources':{'limits':{'cpu':'1','memory':'1Gi'},'requests':{'cpu':'100u'}}"),
	  C0 "resources.requests", "{'cpu':'1m','memory':'1Gi'}" },
	{ "v1 Pod", "{'spec':{'hostNetwork':true,'containers':[{'name':'c','ports':[{'containerPort':80}]}]}}",
	  C0 "ports", "[{'hostPort':80,'containerPort':80,'protocol':'TCP'}]" },
	{ "v1 Pod", POD(",'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'metadata.name'}}}]"),
	  C0 "env.0.valueFrom.fieldRef.apiVersion", "'v1'" },
	{ "v1 Pod", "{'spec':{'resources':{'limits':{'cpu':'2','memory':'1Gi'}},'containers':[{'name':'c',"
	  "'resources':{'requests':{'cpu':'250m'}}},{'name':'d','resources':{'requests':{'cpu':'250m'}}}]}}",
	  "spec.resources.requests", "{'cpu':'500m','memory':'1Gi'}" },
	{ "v1 Pod", "{'spec':{'resources':{'limits':{'memory':'1Gi'}},'initContainers':[{'name':'s','restartPolicy':'Always',"
	  "'resources':{'requests':{'cpu':'100m'}}},{'name':'i','resources':{'requests':{'cpu':'400m'}}}],'containers':[{'name':'c',"
	  "'resources':{'requests':{'cpu':'250m'}}}]}}", "spec.resources.requests", "{'cpu':'500m','memory':'1Gi'}" },
	{ "v1 Pod", "{'spec':{'resources':{'requests':{'cpu':'1'}},'containers':[{'name':'c','resources':{'limits':{'cpu':'1',"
	  "'hugepages-2Mi':'4Mi'}}},{'name':'d','resources':{'limits':{'cpu':'1','hugepages-2Mi':'2Mi'}}}]}}",
	  "spec.resources.limits", "{'hugepages-2Mi':'6Mi'}" },
	{ "v1 Pod", "{'spec':{'resources':{'requests':{'cpu':'1'}},'containers':[{'name':'c'}]}}", "spec.resources",
	  "{'requests':{'cpu':'1'}}" },
	/* the first of a list and the list */
	{ "v1 Pod", "{'status':{'podIP':'10.0.0.1'}}", "status.podIPs", "[{'ip':'10.0.0.1'}]" },
	{ "v1 Pod", "{'status':{'podIP':'10.0.0.1','podIPs':[{'ip':'10.0.0.2'},{'ip':'::1'}]}}", "status.podIPs", "[{'ip':'10.0.0.1'}]" },
	{ "v1 Pod", "{'status':{'podIPs':[{'ip':'10.0.0.2'}]}}", "status.podIP", "'10.0.0.2'" },
	{ "v1 Node", "{'spec':{'podCIDR':'10.0.0.0/24'}}", "spec.podCIDRs", "['10.0.0.0/24']" },
	{ "v1 Node", "{'spec':{'podCIDRs':['10.0.0.0/24','fd00::/64']}}", "spec.podCIDR", "'10.0.0.0/24'" },
	/* volumes */
	{ "v1 Pod", "{'spec':{'volumes':[{'name':'a'},{'name':'b','configMap':{'name':'m'}},{'name':'c','hostPath':"
	  "{'path':'/x'}},{'name':'d','projected':{'sources':[{'serviceAccountToken':{'path':'t'}}]}}]}}",
	  "spec.volumes", "[{'name':'a','emptyDir':{}},{'name':'b','configMap':{'name':'m','defaultMode':420}},"
	  "{'name':'c','hostPath':{'path':'/x','type':''}},{'name':'d','projected':{'sources':"
	  "[{'serviceAccountToken':{'expirationSeconds':3600,'path':'t'}}],'defaultMode':420}}]" },
	/* both names of the service account */
	{ "v1 Pod", "{'spec':{'serviceAccount':'s'}}", "spec.serviceAccountName", "'s'" },
	{ "v1 Pod", "{'spec':{'serviceAccountName':'s'}}", "spec.serviceAccount", "'s'" },
	{ "v1 Pod", "{'spec':{'terminationGracePeriodSeconds':0}}", "spec.terminationGracePeriodSeconds", "0" },
	{ "v1 Pod", "{'spec':{'terminationGracePeriodSeconds':-5}}", "spec.terminationGracePeriodSeconds", "1" },
	/* services */
	{ "v1 Service", "{'spec':{'ports':[{'port':80},{'port':81,'targetPort':'web'}]}}", "spec",
	  "{'ports':[{'protocol':'TCP','port':80,'targetPort':80},{'protocol':'TCP','port':81,'targetPort':'web'}],"
	  "'type':'ClusterIP','sessionAffinity':'None','internalTrafficPolicy':'Cluster'}" },
	{ "v1 Service", "{'spec':{'type':'LoadBalancer'}}", "spec", "{'type':'LoadBalancer','sessionAffinity':'None',"
	  "'externalTrafficPolicy':'Cluster','allocateLoadBalancerNodePorts':true,'internalTrafficPolicy':'Cluster'}" },
	{ "v1 Service", "{'spec':{'sessionAffinity':'ClientIP'}}", "spec.sessionAffinityConfig",
	  "{'clientIP':{'timeoutSeconds':10800}}" },
	{ "v1 Service", "{'spec':{'sessionAffinity':'None','sessionAffinityConfig':{'clientIP':{}}}}",
	  "spec.sessionAffinityConfig", "-" },
	{ "v1 Service", "{'spec':{'type':'ExternalName'}}", "spec.internalTrafficPolicy", "-" },
	/* the rest of core */
	{ "v1 Secret", "{}", "type", "'Opaque'" },
	{ "v1 Namespace", "{'metadata':{'name':'n'}}", "metadata.labels", "{'kubernetes.io/metadata.name':'n'}" },
	{ "v1 Namespace", "{'metadata':{'name':'n'}}", "status.phase", "'Active'" },
	{ "v1 Node", "{'status':{'capacity':{'cpu':'2'}}}", "status.allocatable", "{'cpu':'2'}" },
	{ "v1 LimitRange", "{'spec':{'limits':[{'type':'Container','max':{'cpu':'1'},'min':{'memory':'1Mi'}}]}}",
	  "spec.limits.0.defaultRequest", "{'cpu':'1','memory':'1Mi'}" },
	{ "v1 PersistentVolume", "{'spec':{}}", "spec.persistentVolumeReclaimPolicy", "'Retain'" },
	{ "v1 PersistentVolumeClaim", "{}", "spec.volumeMode", "'Filesystem'" },
	{ "v1 Endpoints", "{'subsets':[{'ports':[{'port':1}]}]}", "subsets.0.ports.0.protocol", "'TCP'" },
	{ "v1 ReplicationController", "{'spec':{'template':{'metadata':{'labels':{'a':'b'}},'spec':{}}}}",
	  "spec.selector", "{'a':'b'}" },
	/* workloads */
	{ "apps/v1 StatefulSet", "{}", "spec.updateStrategy",
	  "{'type':'RollingUpdate','rollingUpdate':{'partition':0}}" },
	{ "apps/v1 StatefulSet", "{'spec':{'updateStrategy':{'type':'OnDelete'}}}", "spec.updateStrategy",
	  "{'type':'OnDelete'}" },
	{ "apps/v1 StatefulSet", "{}", "spec.persistentVolumeClaimRetentionPolicy",
	  "{'whenDeleted':'Retain','whenScaled':'Retain'}" },
	{ "apps/v1 DaemonSet", "{}", "spec.updateStrategy",
	  "{'type':'RollingUpdate','rollingUpdate':{'maxUnavailable':1,'maxSurge':0}}" },
	{ "apps/v1 Deployment", "{'spec':{'strategy':{'type':'Recreate'}}}", "spec.strategy", "{'type':'Recreate'}" },
	{ "batch/v1 Job", "{}", "spec.completions", "1" },
	{ "batch/v1 Job", "{'spec':{'parallelism':3}}", "spec.completions", "-" },
	{ "batch/v1 Job", "{'spec':{'backoffLimitPerIndex':3}}", "spec.backoffLimit", "2147483647" },
	{ "batch/v1 Job", "{'spec':{'podFailurePolicy':{'rules':[{'action':'Ignore','onPodConditions':[{'type':'X'}]}]}}}",
	  "spec.podReplacementPolicy", "'Failed'" },
	{ "batch/v1 Job", "{'spec':{'podFailurePolicy':{'rules':[{'action':'Ignore','onPodConditions':[{'type':'X'}]}]}}}",
	  "spec.podFailurePolicy.rules.0.onPodConditions.0.status", "'True'" },
	{ "batch/v1 CronJob", "{}", "spec.concurrencyPolicy", "'Allow'" },
	{ "batch/v1 CronJob", "{'spec':{'jobTemplate':{'spec':{'template':{'spec':{'containers':[{'name':'c'}]}}}}}}",
	  "spec.jobTemplate.spec.template.spec.containers.0.imagePullPolicy", "'IfNotPresent'" },
	{ "autoscaling/v2 HorizontalPodAutoscaler", "{}", "spec.metrics.0.resource.target.averageUtilization", "80" },
	{ "autoscaling/v2 HorizontalPodAutoscaler", "{'spec':{'behavior':{}}}", "spec.behavior.scaleDown",
	  "{'selectPolicy':'Max','policies':[{'type':'Percent','value':100,'periodSeconds':15}]}" },
	{ "autoscaling/v1 HorizontalPodAutoscaler", "{}", "spec.targetCPUUtilizationPercentage", "80" },
	/* access, policy, network, storage */
	{ "rbac.authorization.k8s.io/v1 RoleBinding", "{'roleRef':{'kind':'Role','name':'r'},'subjects':"
	  "[{'kind':'User','name':'u'},{'kind':'ServiceAccount','name':'s','namespace':'n'}]}", "subjects",
	  "[{'kind':'User','apiGroup':'rbac.authorization.k8s.io','name':'u'},"
	  "{'kind':'ServiceAccount','name':'s','namespace':'n'}]" },
	{ "rbac.authorization.k8s.io/v1 RoleBinding", "{'roleRef':{'kind':'Role','name':'r'}}", "roleRef.apiGroup",
	  "'rbac.authorization.k8s.io'" },
	{ "networking.k8s.io/v1 NetworkPolicy", "{'spec':{'egress':[{'ports':[{'port':53}]}]}}", "spec.policyTypes",
	  "['Ingress','Egress']" },
	{ "networking.k8s.io/v1 NetworkPolicy", "{'spec':{'egress':[{'ports':[{'port':53}]}]}}",
	  "spec.egress.0.ports.0.protocol", "'TCP'" },
	{ "networking.k8s.io/v1 IngressClass", "{'spec':{'controller':'a/b'}}", "spec.parameters", "-" },
	{ "storage.k8s.io/v1 StorageClass", "{'provisioner':'p'}", "volumeBindingMode", "'Immediate'" },
	{ "storage.k8s.io/v1 CSIDriver", "{}", "spec.volumeLifecycleModes", "['Persistent']" },
	{ "scheduling.k8s.io/v1 PriorityClass", "{'value':1}", "preemptionPolicy", "'PreemptLowerPriority'" },
	{ "discovery.k8s.io/v1 EndpointSlice", "{'addressType':'IPv4','endpoints':[],'ports':[{'port':1}]}", "ports",
	  "[{'name':'','protocol':'TCP','port':1}]" },
	{ "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration",
	  "{'webhooks':[{'name':'a','clientConfig':{'service':{'name':'s','namespace':'n'}},'rules':[{}]}]}",
	  "webhooks.0.clientConfig.service.port", "443" },
	{ "apiextensions.k8s.io/v1 CustomResourceDefinition", "{'spec':{'group':'x.io','names':{'kind':'Foo','plural':"
	  "'foos'},'scope':'Namespaced','versions':[{'name':'v1','served':true,'storage':true}]}}", "spec.names",
	  "{'plural':'foos','singular':'foo','kind':'Foo','listKind':'FooList'}" },
	{ "apiextensions.k8s.io/v1 CustomResourceDefinition", "{'spec':{'group':'x.io','names':{'kind':'Foo','plural':"
	  "'foos'},'scope':'Namespaced','versions':[{'name':'v1','served':true,'storage':true}]}}",
	  "status.storedVersions", "['v1']" },
	{ "flowcontrol.apiserver.k8s.io/v1 FlowSchema", "{'spec':{}}", "spec.matchingPrecedence", "1000" },
};

static void sets_what_is_unset(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rules r;
		rules_open(&r);
		const struct kinds_kind *k = kind_of(cases[i].kind);
		yyjson_mut_val *v = object_of(&r, k, cases[i].input);
		const char *got = at_path(&r, v, cases[i].path);
		if (strcmp(got, cases[i].want))
			fail_msg("%s %s %s:\n got %s\nwant %s", cases[i].kind, cases[i].input, cases[i].path,
				got, cases[i].want);
		/* again: nothing changes, and the order is the decoder's own */
		const char *before = at_path(&r, v, "");
		assert_int_equal(kinds_default(r.d, r.a, k, v), 0);
		assert_string_equal(before, at_path(&r, v, ""));
		assert_string_equal(before, at_path(&r, object_raw(&r, k, before), ""));
		rules_close(&r);
	}
}

static void stops_at_the_arena_cap(void **state)
{
	struct rules r;

	rules_open(&r);
	const struct kinds_kind *k = kind_of("v1 Pod");
	yyjson_mut_val *v = object_raw(&r, k, POD(""));
	while (arena_alloc(r.a, 64))
		;
	assert_int_equal(kinds_default(r.d, r.a, k, v), -ERR_SIZE);
	rules_close(&r);
}

static void definitions_give_defaults(void **state)
{
	struct rules r;
	struct err e;

	rules_open(&r);
	if (kinds_custom_put(parse_quoted(&r, "{'metadata':{'name':'foos.x.io'},'spec':{'group':'x.io','scope':'Namespaced','names':"
			"{'plural':'foos','singular':'foo','kind':'Foo','listKind':'FooList'},'versions':[{'name':'v1','served':true,"
			"'storage':true,'schema':{'openAPIV3Schema':{'type':'object','properties':{'spec':{'type':'object','properties':"
			"{'size':{'type':'integer','default':3},'list':{'type':'array','items':{'type':'object','properties':{'a':"
			"{'type':'string','default':'b'}}}},'map':{'type':'object','additionalProperties':{'type':'object','properties':"
			"{'on':{'type':'boolean','default':true}}}}}}}}}}]}}"), 0, &e))
		fail_msg("%s", e.msg);
	const struct kinds_kind *k = kind_of("x.io/v1 Foo");
	yyjson_mut_val *v = object_of(&r, k, "{'apiVersion':'x.io/v1','kind':'Foo','metadata':{'name':'f'},'spec':{'list':[{},"
		"{'a':'c'}],'map':{'m':{}}}}");
	assert_string_equal(at_path(&r, v, "spec.size"), "3");
	assert_string_equal(at_path(&r, v, "spec.list"), "[{'a':'b'},{'a':'c'}]");
	assert_string_equal(at_path(&r, v, "spec.map"), "{'m':{'on':true}}");
	kinds_custom_clear();
	rules_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_what_is_unset),
		cmocka_unit_test(stops_at_the_arena_cap),
		cmocka_unit_test(definitions_give_defaults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
