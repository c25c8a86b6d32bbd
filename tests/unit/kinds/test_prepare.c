/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_help.h"

#define C1 "{'name':'c','image':'i'}"
#define OLD_META "'metadata':{'name':'x','namespace':'n','uid':'u','resourceVersion':'5','generation':3," \
	"'creationTimestamp':'2026-01-01T00:00:00Z'"

#define OLD_POD "{" OLD_META ",'labels':{'a':'b'}},'spec':{'containers':[" C1 "]},'status':{'phase':'Running','qosClass':" \
	"'BestEffort','observedGeneration':3,'conditions':[{'type':'Ready','status':'True','observedGeneration':2}]}}"

/* old NULL: create */
static const struct {
	const char *kind, *sub, *old, *object, *path, *want;
} cases[] = {
	/* create */
	{ "apps/v1 Deployment", NULL, NULL, "{'metadata':{'name':'x'},'status':{'replicas':3}}", "status", "{}" },
	{ "apps/v1 Deployment", NULL, NULL, "{'metadata':{'name':'x','generation':9}}", "metadata.generation", "1" },
	{ "apps/v1 ReplicaSet", NULL, NULL, "{'metadata':{'name':'x'},'status':{'replicas':3}}", "status", "{'replicas':0}" },
	{ "v1 Service", NULL, NULL, "{'status':{'loadBalancer':{'ingress':[{'ip':'1.2.3.4'}]}}}", "status", "{'loadBalancer':{}}" },
	{ "v1 ConfigMap", NULL, NULL, "{'metadata':{'name':'x','generation':9}}", "metadata", "{'name':'x'}" },
	{ "v1 Node", NULL, NULL, "{'status':{'capacity':{'cpu':'2'}}}", "status.capacity", "{'cpu':'2'}" },
	{ "v1 Pod", NULL, NULL, "{'spec':{'containers':[" C1 "]},'status':{'phase':'Running','podIP':'1.1.1.1'}}", "status",
	  "{'phase':'Pending','qosClass':'BestEffort'}" },
	{ "v1 Pod", NULL, NULL, "{'spec':{'containers':[{'name':'c','resources':{'limits':{'cpu':'1','memory':'1Gi'}}}]}}",
	  "status.qosClass", "'Guaranteed'" },
	{ "v1 Pod", NULL, NULL, "{'spec':{'containers':[{'name':'c','resources':{'limits':{'cpu':'1'}}}]}}", "status.qosClass",
	  "'Burstable'" },
	{ "v1 Pod", NULL, NULL, "{'spec':{'schedulingGates':[{'name':'a/b'}],'containers':[" C1 "]}}", "status.conditions.0.reason",
	  "'SchedulingGated'" },
	{ "v1 PodTemplate", NULL, NULL, "{'metadata':{'name':'x'}}", "metadata.generation", "1" },
	{ "v1 ServiceAccount", NULL, NULL, "{'secrets':[{'kind':'Secret','namespace':'n','name':'s','uid':'u'}]}", "secrets",
	  "[{'name':'s'}]" },
	{ "v1 Node", NULL, NULL, "{'spec':{'configSource':{'configMap':{'name':'x'}},'podCIDR':'10.0.0.0/24'}}", "spec",
	  "{'podCIDR':'10.0.0.0/24','podCIDRs':['10.0.0.0/24']}" },
	/* label keys become part of the selectors, where the pod has the label and there is a selector */
	{ "v1 Pod", NULL, NULL, "{'metadata':{'labels':{'a':'1','b':'2'}},'spec':{'containers':[" C1 "],'affinity':{'podAffinity':"
	  "{'requiredDuringSchedulingIgnoredDuringExecution':[{'topologyKey':'z','labelSelector':{},'matchLabelKeys':['a','c'],"
	  "'mismatchLabelKeys':['b']}]}}}}", "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution.0.labelSelector",
	  "{'matchExpressions':[{'key':'a','operator':'In','values':['1']},{'key':'b','operator':'NotIn','values':['2']}]}" },
	{ "v1 Pod", NULL, NULL, "{'metadata':{'labels':{'a':'1'}},'spec':{'containers':[" C1 "],'affinity':{'podAntiAffinity':"
	  "{'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':1,'podAffinityTerm':{'topologyKey':'z','labelSelector':"
	  "{'matchLabels':{'q':'r'}},'matchLabelKeys':['a']}}]}}}}",
	  "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution.0.podAffinityTerm.labelSelector",
	  "{'matchLabels':{'q':'r'},'matchExpressions':[{'key':'a','operator':'In','values':['1']}]}" },
	{ "v1 Pod", NULL, NULL, "{'metadata':{'labels':{'a':'1'}},'spec':{'containers':[" C1 "],'topologySpreadConstraints':[{"
	  "'maxSkew':1,'topologyKey':'z','whenUnsatisfiable':'DoNotSchedule','labelSelector':{'matchExpressions':[{'key':'q',"
	  "'operator':'Exists'}]},'matchLabelKeys':['a']}]}}", "spec.topologySpreadConstraints.0.labelSelector.matchExpressions",
	  "[{'key':'q','operator':'Exists'},{'key':'a','operator':'In','values':['1']}]" },
	{ "v1 Pod", NULL, NULL, "{'metadata':{'labels':{'a':'1'}},'spec':{'containers':[" C1 "],'topologySpreadConstraints':[{"
	  "'maxSkew':1,'topologyKey':'z','whenUnsatisfiable':'DoNotSchedule','matchLabelKeys':['a']}]}}",
	  "spec.topologySpreadConstraints.0.labelSelector", "-" },
	{ "v1 Secret", NULL, NULL, "{'data':{'a':'Yg==','c':'ZA=='},'stringData':{'a':'x'}}", "",
	  "{'metadata':{},'data':{'a':'eA==','c':'ZA=='},'type':'Opaque'}" },
	{ "v1 Secret", NULL, NULL, "{'stringData':{'a':'x'}}", "data", "{'a':'eA=='}" },
	{ "v1 Namespace", NULL, NULL, "{'metadata':{'name':'x'}}", "spec.finalizers", "['kubernetes']" },
	{ "v1 Namespace", NULL, NULL, "{'metadata':{'name':'x'},'status':{'phase':'Terminating'}}", "status.phase", "'Active'" },
	{ "v1 PersistentVolumeClaim", NULL, NULL, "{'status':{'phase':'Bound'}}", "status", "{'phase':'Pending'}" },
	{ "batch/v1 Job", NULL, NULL, "{'metadata':{'name':'x','uid':'u'}}", "spec.selector.matchLabels",
	  "{'batch.kubernetes.io/controller-uid':'u'}" },
	{ "batch/v1 Job", NULL, NULL, "{'metadata':{'name':'x','uid':'u'},'spec':{'template':{'metadata':{'labels':{'a':'b'}}}}}",
	  "spec.template.metadata.labels", "{'a':'b','batch.kubernetes.io/controller-uid':'u','batch.kubernetes.io/job-name':'x',"
	  "'controller-uid':'u','job-name':'x'}" },
	{ "batch/v1 Job", NULL, NULL, "{'metadata':{'name':'x','uid':'u'},'spec':{'manualSelector':true}}", "spec.selector", "-" },
	{ "apps/v1 DaemonSet", NULL, NULL, "{'metadata':{'name':'x'}}", "metadata.annotations",
	  "{'deprecated.daemonset.template.generation':'1'}" },
	/* update of the object */
	{ "apps/v1 Deployment", NULL, "{" OLD_META "},'spec':{'replicas':1},'status':{'replicas':1}}",
	  "{'metadata':{'name':'x','resourceVersion':'5','labels':{'a':'b'}},'spec':{'replicas':1},'status':{'replicas':7}}",
	  "metadata", "{'name':'x','namespace':'n','uid':'u','resourceVersion':'5','generation':3,'creationTimestamp':"
	  "'2026-01-01T00:00:00Z','labels':{'a':'b'}}" },
	{ "apps/v1 Deployment", NULL, "{" OLD_META "},'spec':{'replicas':1},'status':{'replicas':1}}",
	  "{'metadata':{'name':'x'},'spec':{'replicas':1},'status':{'replicas':7}}", "status", "{'replicas':1}" },
	{ "apps/v1 Deployment", NULL, "{" OLD_META "},'spec':{'replicas':1}}", "{'metadata':{'name':'x','generation':1},'spec':"
	  "{'replicas':2}}", "metadata.generation", "4" },
	{ "apps/v1 Deployment", NULL, "{" OLD_META "},'spec':{'replicas':1}}", "{'metadata':{'name':'x','annotations':{'a':'b'}},"
	  "'spec':{'replicas':1}}", "metadata.generation", "4" },
	{ "apps/v1 ReplicaSet", NULL, "{" OLD_META "},'spec':{'replicas':1}}", "{'metadata':{'name':'x','annotations':{'a':'b'}},"
	  "'spec':{'replicas':1}}", "metadata.generation", "3" },
	{ "v1 Namespace", NULL, "{" OLD_META "},'spec':{'finalizers':['kubernetes']}}", "{'metadata':{'name':'x'},'spec':"
	  "{'finalizers':[]}}", "spec.finalizers", "['kubernetes']" },
	{ "v1 Pod", NULL, "{" OLD_META "},'spec':{'containers':[" C1 "]},'status':{'phase':'Running'}}",
	  "{'metadata':{'name':'x'},'spec':{'containers':[{'name':'c','image':'j'}]}}", "status.phase", "'Running'" },
	{ "apps/v1 DaemonSet", NULL, "{'metadata':{'name':'x','generation':1,'annotations':{'deprecated.daemonset.template.generation':'4'}}}",
	  "{'metadata':{'name':'x'},'spec':{'template':{'metadata':{'labels':{'a':'b'}}}}}", "metadata.annotations",
	  "{'deprecated.daemonset.template.generation':'5'}" },
	/* a service keeps what was allocated, and lets go of what it no longer uses */
	{ "v1 Service", NULL, "{" OLD_META "},'spec':{'clusterIP':'10.0.0.5','clusterIPs':['10.0.0.5'],'ipFamilies':['IPv4'],"
	  "'ipFamilyPolicy':'SingleStack','ports':[{'port':1}]}}", "{'metadata':{'name':'x'},'spec':{'ports':[{'port':2}]}}",
	  "spec.clusterIPs", "['10.0.0.5']" },
	{ "v1 Service", NULL, "{" OLD_META "},'spec':{'clusterIP':'10.0.0.5','clusterIPs':['10.0.0.5'],'ports':[{'port':1}]}}",
	  "{'metadata':{'name':'x'},'spec':{'clusterIP':'10.0.0.7','clusterIPs':['10.0.0.5'],'ports':[{'port':1}]}}",
	  "spec.clusterIPs", "['10.0.0.7']" },
	{ "v1 Service", NULL, NULL, "{'spec':{'clusterIP':'10.0.0.7','ports':[{'port':1}]}}", "spec.clusterIPs", "['10.0.0.7']" },
	{ "v1 Service", NULL, NULL, "{'spec':{'clusterIP':'None'}}", "spec.clusterIPs", "['None']" },
	{ "v1 Service", NULL, "{" OLD_META "},'spec':{'type':'NodePort','ports':[{'port':1,'nodePort':30001}]}}",
	  "{'metadata':{'name':'x'},'spec':{'type':'NodePort','ports':[{'port':2},{'port':1}]}}", "spec.ports.1.nodePort", "30001" },
	{ "v1 Service", NULL, "{" OLD_META "},'spec':{'type':'NodePort','ports':[{'port':1,'nodePort':30001}]}}",
	  "{'metadata':{'name':'x'},'spec':{'type':'ClusterIP','ports':[{'port':1,'nodePort':30001}]}}", "spec.ports.0.nodePort", "-" },
	{ "v1 Service", NULL, "{" OLD_META "},'spec':{'clusterIP':'10.0.0.5','clusterIPs':['10.0.0.5'],'ports':[{'port':1}]}}",
	  "{'metadata':{'name':'x'},'spec':{'type':'ExternalName','externalName':'a.b','clusterIP':'10.0.0.5','clusterIPs':"
	  "['10.0.0.5']}}", "spec.clusterIP", "-" },
	{ "v1 Node", NULL, "{" OLD_META "},'spec':{'configSource':{'configMap':{'name':'a'}}}}", "{'metadata':{'name':'x'},'spec':"
	  "{'configSource':{'configMap':{'name':'b'}}}}", "spec.configSource.configMap.name", "'b'" },
	{ "v1 Node", NULL, "{" OLD_META "},'spec':{}}", "{'metadata':{'name':'x'},'spec':{'configSource':{'configMap':{'name':'b'}}}}",
	  "spec.configSource", "-" },
	{ "v1 PodTemplate", NULL, "{" OLD_META "},'template':{'metadata':{'labels':{'a':'b'}}}}", "{'metadata':{'name':'x'},'template':"
	  "{'metadata':{'labels':{'a':'c'}}}}", "metadata.generation", "4" },
	{ "v1 PodTemplate", NULL, "{" OLD_META "},'template':{'metadata':{'labels':{'a':'b'}}}}", "{'metadata':{'name':'x','labels':"
	  "{'q':'r'}},'template':{'metadata':{'labels':{'a':'b'}}}}", "metadata.generation", "3" },
	/* a pod's subresources leave its metadata alone */
	{ "v1 Pod", "ephemeralcontainers", OLD_POD, "{'metadata':{'name':'x','resourceVersion':'4','labels':{'n':'o'}},'spec':"
	  "{'ephemeralContainers':[{'name':'d'}]}}", "metadata", "{'name':'x','namespace':'n','uid':'u','resourceVersion':'4',"
	  "'generation':4,'creationTimestamp':'2026-01-01T00:00:00Z','labels':{'a':'b'}}" },
	{ "v1 Pod", "ephemeralcontainers", OLD_POD, "{'metadata':{'name':'x'},'spec':{'nodeName':'m','containers':[],"
	  "'ephemeralContainers':[{'name':'d','image':'i'}]}}", "spec.containers.0.name", "'c'" },
	{ "v1 Pod", "resize", OLD_POD, "{'metadata':{'name':'x','labels':{'n':'o'}},'spec':{'containers':[{'name':'e','image':'j'},{"
	  "'name':'c','image':'j','resources':{'limits':{'cpu':'2'}}}]}}", "metadata.labels", "{'a':'b'}" },
	{ "v1 Pod", "resize", OLD_POD, "{'metadata':{'name':'x'},'spec':{'containers':[{'name':'e','image':'j'},{'name':'c','image':'j',"
	  "'resources':{'limits':{'cpu':'2'}}}]}}", "spec.containers.0.name", "'e'" },
	{ "v1 Pod", "resize", OLD_POD, "{'metadata':{'name':'x'},'spec':{'containers':[{'name':'e','image':'j'},{'name':'c','image':'j',"
	  "'resources':{'limits':{'cpu':'2'}}}]}}", "spec.containers.1.image", "'i'" },
	{ "v1 Pod", "resize", OLD_POD, "{'metadata':{'name':'x'},'spec':{'containers':[{'name':'c','image':'j','resources':{'limits':"
	  "{'cpu':'2'}}}],'nodeName':'m'}}", "spec.containers.0.resources.limits", "{'cpu':'2'}" },
	{ "v1 Pod", "resize", OLD_POD, "{'metadata':{'name':'x'},'spec':{'containers':[{'name':'c'}],'nodeName':'m'}}", "spec.nodeName", "-" },
	{ "v1 Pod", "status", OLD_POD, "{'metadata':{'name':'x'},'status':{'phase':'Failed'}}", "status.qosClass", "'BestEffort'" },
	{ "v1 Pod", "status", OLD_POD, "{'metadata':{'name':'x'},'status':{'phase':'Failed'}}", "status.observedGeneration", "3" },
	{ "v1 Pod", "status", OLD_POD, "{'metadata':{'name':'x'},'status':{'observedGeneration':4,'conditions':[{'type':'Ready','status':"
	  "'False'}]}}", "status.conditions", "[{'type':'Ready','observedGeneration':2,'status':'False'}]" },
	{ "v1 Pod", "status", OLD_POD, "{'metadata':{'name':'x'},'status':{'observedGeneration':4}}", "status.observedGeneration", "4" },
	/* subresources */
	{ "apps/v1 Deployment", "status", "{" OLD_META ",'labels':{'a':'b'}},'spec':{'replicas':1}}",
	  "{'metadata':{'name':'x','labels':{'c':'d'}},'spec':{'replicas':5},'status':{'replicas':7}}", "spec.replicas", "1" },
	{ "apps/v1 Deployment", "status", "{" OLD_META ",'labels':{'a':'b'}},'spec':{'replicas':1}}",
	  "{'metadata':{'name':'x','labels':{'c':'d'}},'spec':{'replicas':5},'status':{'replicas':7}}", "status.replicas", "7" },
	{ "apps/v1 Deployment", "status", "{" OLD_META ",'labels':{'a':'b'}},'spec':{'replicas':1}}",
	  "{'metadata':{'name':'x','labels':{'c':'d'}},'status':{'replicas':7}}", "metadata.labels", "{'a':'b'}" },
	{ "apps/v1 Deployment", "status", "{" OLD_META "},'spec':{'replicas':1}}",
	  "{'metadata':{'name':'x'},'spec':{'replicas':5},'status':{'replicas':7}}", "metadata.generation", "3" },
	{ "v1 Node", "status", "{" OLD_META ",'labels':{'a':'b'}}}", "{'metadata':{'name':'x','labels':{'c':'d'}}}",
	  "metadata.labels", "{'c':'d'}" },
	{ "apiextensions.k8s.io/v1 CustomResourceDefinition", "status", "{'metadata':{'name':'x','annotations':{'a':'b'}}}",
	  "{'metadata':{'name':'x'}}", "metadata.annotations", "{'a':'b'}" },
	{ "apps/v1 Deployment", "scale", "{" OLD_META "},'spec':{'replicas':1}}", "{'metadata':{'name':'x'},'spec':{'replicas':2}}",
	  "metadata.generation", "4" },
	{ "v1 Pod", "binding", "{" OLD_META "},'spec':{'containers':[" C1 "]}}", "{'metadata':{'name':'x'},'spec':{'nodeName':'a',"
	  "'containers':[" C1 "]}}", "metadata.generation", "3" },
	{ "v1 Pod", "binding", "{" OLD_META "},'spec':{'containers':[" C1 "]},'status':{'phase':'Pending'}}", "{'metadata':{'name':'x'},"
	  "'spec':{'nodeName':'a','containers':[" C1 "]},'status':{'phase':'Pending','conditions':[{'type':'PodScheduled','status':"
	  "'True'}]}}", "status.conditions.0.status", "'True'" },
	{ "v1 Namespace", "finalize", "{" OLD_META "},'spec':{'finalizers':['kubernetes']}}", "{'metadata':{'name':'x'},'spec':{}}",
	  "spec.finalizers", "-" },
	{ "v1 Pod", "ephemeralcontainers", "{" OLD_META "},'spec':{'containers':[" C1 "]}}", "{'metadata':{'name':'x'},'spec':"
	  "{'hostNetwork':true,'containers':[" C1 "],'ephemeralContainers':[{'name':'d','image':'i'}]}}", "spec.hostNetwork", "-" },
	{ "v1 Pod", "ephemeralcontainers", "{" OLD_META "},'spec':{'containers':[" C1 "]}}", "{'metadata':{'name':'x'},'spec':"
	  "{'containers':[" C1 "],'ephemeralContainers':[{'name':'d','image':'i'}]}}", "spec.ephemeralContainers.0.name", "'d'" },
	{ "v1 Pod", "resize", "{" OLD_META "},'spec':{'containers':[" C1 "]}}", "{'metadata':{'name':'x'},'spec':{'containers':"
	  "[{'name':'c','image':'other','resources':{'limits':{'cpu':'1'}}}]}}", "spec.containers.0.image", "'i'" },
	{ "v1 Pod", "resize", "{" OLD_META "},'spec':{'containers':[" C1 "]}}", "{'metadata':{'name':'x'},'spec':{'containers':"
	  "[{'name':'c','image':'other','resources':{'limits':{'cpu':'1'}}}]}}", "spec.containers.0.resources.limits", "{'cpu':'1'}" },
	{ "certificates.k8s.io/v1 CertificateSigningRequest", "approval", "{'metadata':{'name':'x'},'spec':{'request':'','signerName':'a/b'}}",
	  "{'metadata':{'name':'x'},'spec':{'request':'','signerName':'c/d'},'status':{'certificate':'YQ==','conditions':"
	  "[{'type':'Approved','status':'True'}]}}", "status", "{'conditions':[{'type':'Approved','status':'True'}]}" },
};

static void keeps_what_is_not_the_writers(void **state)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rules r;
		rules_open(&r);
		const struct kinds_kind *k = kind_of(cases[i].kind);
		yyjson_mut_val *old = cases[i].old ? object_of(&r, k, cases[i].old) : NULL;
		yyjson_mut_val *v = object_of(&r, k, cases[i].object);
		const char *before = old ? at_path(&r, old, "") : "";
		assert_int_equal(kinds_prepare(r.d, r.a, k, cases[i].sub, v, old), 0);
		const char *got = at_path(&r, v, cases[i].path);
		if (strcmp(got, cases[i].want)) {
			print_error("%s %s %s:\n got %s\nwant %s\n", cases[i].kind, cases[i].object, cases[i].path, got,
				cases[i].want);
			failed++;
		}
		if (old)
			assert_string_equal(before, at_path(&r, old, ""));
		/* still in normal form */
		got = at_path(&r, v, "");
		const char *again = at_path(&r, object_raw(&r, k, got), "");
		if (strcmp(got, again)) {
			print_error("%s:\n got %s\nwant %s\n", cases[i].kind, got, again);
			failed++;
		}
		rules_close(&r);
	}
	assert_int_equal(failed, 0);
}

static void knows_who_may_put_what(void **state)
{
	assert_true(kinds_allows_create_on_update(kind_of("coordination.k8s.io/v1 Lease")));
	assert_false(kinds_allows_create_on_update(kind_of("v1 ConfigMap")));
	assert_true(kinds_allows_unconditional_update(kind_of("v1 ConfigMap")));
	assert_false(kinds_allows_unconditional_update(kind_of("policy/v1 PodDisruptionBudget")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_is_not_the_writers),
		cmocka_unit_test(knows_who_may_put_what),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
