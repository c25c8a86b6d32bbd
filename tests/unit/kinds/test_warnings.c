/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_help.h"

#define META "'metadata':{'name':'x','namespace':'n'}"
#define C1 "{'name':'c','image':'i'}"
#define POD(spec) "{" META ",'spec':{" spec "}}"
#define CONTAINER(more) POD("'containers':[{'name':'c','image':'i'" more "}]")
#define LABELS "'selector':{'matchLabels':{'a':'b'}},"
#define NOTES(notes) "{'metadata':{'name':'x','namespace':'n','annotations':{" notes "}},'spec':{'containers':[" C1 "]}}"
#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED "preferredDuringSchedulingIgnoredDuringExecution"
#define NULL_SELECTOR ".labelSelector: a null labelSelector results in matching no pod"
#define HIDES(at, name) "spec." at ": hides previous definition of \"" name "\", which may be dropped when using apply"
#define PORTS(list) CONTAINER(",'ports':[" list "]")
#define PORT "spec.containers[0].ports"
#define OVERLAP(volume, body) "volume \"v\" (" volume "): overlapping paths: " body
#define NOT_DONE_VOLUME(i, name) "spec.volumes[" i "]." name ": not done yet by this release, nodes refuse the pod\n"
#define CIDR_MASKED "CIDR value \"10.0.0.1/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.0.0.1/32\"?)"

/* want: a line for each warning of a new object; again: those when the same is written over it */
static const struct { const char *kind, *object, *want, *again; } cases[] = {
	{ "v1 Pod", CONTAINER(""), "" },
	{ "v1 Pod", CONTAINER(",'readinessProbe':{'exec':{'command':['a']}}"), "" },
	{ "v1 Pod", POD("'hostPID':true,'hostNetwork':true,'containers':[" C1 "]"), "" },
	{ "v1 Pod", POD("'hostUsers':false,'containers':[" C1 "]"), "spec.hostUsers: not done yet by this release, nodes "
	  "refuse the pod" },
	{ "v1 Pod", CONTAINER(",'livenessProbe':{'grpc':{'port':1}}"), "spec.containers[0].livenessProbe.grpc: not done yet "
	  "by this release, nodes refuse the pod" },
	{ "v1 Pod", CONTAINER(",'lifecycle':{'preStop':{'exec':{'command':['a']}}}"), "" },
	{ "v1 Pod", POD("'containers':[" C1 "],'volumes':[{'name':'v','persistentVolumeClaim':{'claimName':'c'}}]"),
	  "spec.volumes[0].persistentVolumeClaim: not done yet by this release, nodes refuse the pod" },
	{ "apps/v1 Deployment", "{" META ",'spec':{" LABELS "'template':{'metadata':{'labels':{'a':'b'}},'spec':{'containers':"
	  "[" C1 "],'runtimeClassName':'r'}}}}",
	  "spec.template.spec.runtimeClassName: not done yet by this release, ignored on the node" },
	/* labels of nodes that were renamed */
	{ "v1 Pod", POD("'containers':[" C1 "],'nodeSelector':{'beta.kubernetes.io/os':'linux','a':'b'}"),
	  "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead" },
	{ "v1 PodTemplate", "{" META ",'template':{'metadata':{'labels':{'a':'b'}},'spec':{'containers':[" C1 "],'nodeSelector':"
	  "{'failure-domain.beta.kubernetes.io/zone':'z'}}}}", "template.spec.nodeSelector[failure-domain.beta.kubernetes.io/zone]: "
	  "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead" },
	{ "v1 Pod", POD("'containers':[" C1 "],'affinity':{'nodeAffinity':{'" REQUIRED "':{'nodeSelectorTerms':[{'matchExpressions':"
	  "[{'key':'beta.kubernetes.io/instance-type','operator':'Exists'}]}]}}}"), "spec.affinity.nodeAffinity." REQUIRED
	  ".nodeSelectorTerms[0].matchExpressions[0].key: beta.kubernetes.io/instance-type is deprecated since v1.17; use "
	  "\"node.kubernetes.io/instance-type\" instead" },
	{ "v1 Pod", POD("'containers':[" C1 "],'topologySpreadConstraints':[{'maxSkew':1,'topologyKey':'beta.kubernetes.io/arch',"
	  "'whenUnsatisfiable':'DoNotSchedule'}]"), "spec.topologySpreadConstraints[0].topologyKey: beta.kubernetes.io/arch is "
	  "deprecated since v1.14; use \"kubernetes.io/arch\" instead\nspec.topologySpreadConstraints[0]" NULL_SELECTOR },
	{ "v1 Pod", POD("'containers':[" C1 "],'affinity':{'podAffinity':{'" REQUIRED "':[{'topologyKey':'z'}]},'podAntiAffinity':{'"
	  PREFERRED "':[{'weight':1,'podAffinityTerm':{'topologyKey':'z'}}]}}"), "spec.affinity.podAffinity." REQUIRED "[0]"
	  NULL_SELECTOR "\nspec.affinity.podAntiAffinity." PREFERRED "[0].podAffinityTerm" NULL_SELECTOR },
	/* annotations that were */
	{ "v1 Pod", NOTES("'scheduler.alpha.kubernetes.io/critical-pod':''"), "metadata.annotations[scheduler.alpha.kubernetes.io/"
	  "critical-pod]: non-functional in v1.16+; use the \"priorityClassName\" field instead" },
	{ "v1 Pod", NOTES("'security.alpha.kubernetes.io/sysctls':'a=b'"), "metadata.annotations[security.alpha.kubernetes.io/sysctls]: "
	  "non-functional in v1.11+; use the \"sysctls\" field instead" },
	{ "v1 Pod", NOTES("'seccomp.security.alpha.kubernetes.io/pod':'runtime/default'"), "metadata.annotations[seccomp.security.alpha."
	  "kubernetes.io/pod]: non-functional in v1.27+; use the \"seccompProfile\" field instead" },
	{ "v1 Pod", NOTES("'container.seccomp.security.alpha.kubernetes.io/c':'unconfined'"), "metadata.annotations[container.seccomp."
	  "security.alpha.kubernetes.io/c]: non-functional in v1.27+; use the \"seccompProfile\" field instead" },
	{ "v1 Pod", NOTES("'container.seccomp.security.alpha.kubernetes.io/other':'unconfined'"), "" },
	{ "v1 Pod", NOTES("'container.apparmor.security.beta.kubernetes.io/c':'unconfined'"), "" },
	{ "v1 PodTemplate", "{" META ",'template':{'metadata':{'annotations':{'container.apparmor.security.beta.kubernetes.io/c':"
	  "'unconfined'}},'spec':{'containers':[" C1 "]}}}", "template.metadata.annotations[container.apparmor.security.beta."
	  "kubernetes.io/c]: deprecated since v1.30; use the \"appArmorProfile\" field instead" },
	/* plug-ins that are gone */
	{ "v1 Pod", POD("'containers':[" C1 "],'volumes':[{'name':'v','gitRepo':{'repository':'r'}},{'name':'w','rbd':{'monitors':['m'],"
	  "'image':'i'}}]"), NOT_DONE_VOLUME("0", "gitRepo") NOT_DONE_VOLUME("1", "rbd") "spec.volumes[0].gitRepo: deprecated in v1.11, and "
	  "disabled by default in v1.33+\nspec.volumes[1].rbd: deprecated in v1.28, non-functional in v1.31+" },
	/* files that hide each other */
	{ "v1 Pod", POD("'containers':[" C1 "],'volumes':[{'name':'v','configMap':{'name':'m','items':[{'key':'a','path':'x'},{'key':'b',"
	  "'path':'x/y'},{'key':'c','path':'xy'}]}}]"), OVERLAP("ConfigMap \"m\"", "\"x/y\" with \"x\"") },
	{ "v1 Pod", POD("'containers':[" C1 "],'volumes':[{'name':'v','secret':{'secretName':'s','items':[{'key':'a','path':'x'},{'key':"
	  "'b','path':'x/'}]}}]"), OVERLAP("Secret \"s\"", "\"x\" with \"x\"") },
	{ "v1 Pod", POD("'containers':[" C1 "],'volumes':[{'name':'v','projected':{'sources':[{'serviceAccountToken':{'path':'token'}},"
	  "{'configMap':{'name':'m','items':[{'key':'a','path':'token'}]}}]}}]"),
	  OVERLAP("Projected", "\"token\" (ConfigMap \"m\") with \"token\" (ServiceAccountToken)") },
	{ "v1 Pod", POD("'containers':[" C1 "],'volumes':[{'name':'v','projected':{'sources':[{}]}}]"),
	  "volume \"v\" (Projected) has no sources provided" },
	/* lists that should name each once */
	{ "v1 Pod", POD("'containers':[" C1 "],'hostAliases':[{'ip':'1.1.1.1'},{'ip':'1.1.1.2'},{'ip':'1.1.1.1'}]"),
	  "spec.hostAliases[2].ip: duplicate ip \"1.1.1.1\"" },
	{ "v1 Pod", POD("'containers':[" C1 "],'imagePullSecrets':[{'name':'a'},{'name':'a'},{}]"),
	  "spec.imagePullSecrets[1].name: duplicate name \"a\"\nspec.imagePullSecrets[2].name: invalid empty name \"\"" },
	/* half bytes */
	{ "v1 Pod", CONTAINER(",'resources':{'requests':{'memory':'1500m','cpu':'1500m'},'limits':{'memory':'2','ephemeral-storage':"
	  "'2500m'}}"), "spec.containers[0].resources.limits[ephemeral-storage]: fractional byte value \"2500m\" is invalid, must be "
	  "an integer\nspec.containers[0].resources.requests[ephemeral-storage]: fractional byte value \"2500m\" is invalid, must be an "
	  "integer\nspec.containers[0].resources.requests[memory]: fractional byte value \"1500m\" is invalid, must be an integer" },
	/* variables set twice */
	{ "v1 Pod", CONTAINER(",'env':[{'name':'a','value':'a'},{'name':'a','value':'other'},{'name':'a','value':''},{'name':'a','value':"
	  "'$(a)'},{'name':'a','value':'$(a) $(a)'},{'name':'a','valueFrom':{'fieldRef':{'fieldPath':'metadata.name'}}}]"),
	  HIDES("containers[0].env[1]", "a") "\n" HIDES("containers[0].env[2]", "a") "\n" HIDES("containers[0].env[3]", "a") "\n"
	  HIDES("containers[0].env[5]", "a") },
	/* ports */
	{ "v1 Pod", PORTS("{'containerPort':80},{'containerPort':80}"), PORT "[1]: duplicate port definition with " PORT "[0]" },
	{ "v1 Pod", PORTS("{'containerPort':80},{'containerPort':80,'protocol':'UDP'}"), "" },
	{ "v1 Pod", PORTS("{'containerPort':80,'hostPort':80},{'containerPort':80}"), PORT "[1]: overlapping port definition with " PORT
	  "[0]" },
	{ "v1 Pod", PORTS("{'containerPort':80,'hostPort':80,'hostIP':'10.0.0.1'},{'containerPort':80,'hostPort':80}"),
	  PORT "[1]: dangerously ambiguous port definition with " PORT "[0]" },
	{ "v1 Pod", PORTS("{'containerPort':80,'hostPort':80},{'containerPort':80,'hostPort':81}"), "" },
	{ "v1 Pod", PORTS("{'containerPort':80,'hostIP':'10.0.0.1'}"), PORT "[0]: hostIP set without hostPort: {Name: HostPort:0 "
	  "ContainerPort:80 Protocol:TCP HostIP:10.0.0.1}" },
	{ "v1 Pod", POD("'containers':[{'name':'a','image':'i','ports':[{'name':'web','containerPort':80}]},{'name':'b','image':'i',"
	  "'ports':[{'name':'web','containerPort':81}]}]"), "spec.containers[1].ports[0]: duplicate port name \"web\" with " PORT "[0], "
	  "services and probes that select ports by name will use " PORT "[0]" },
	/* names and numbers */
	{ "v1 Pod", "{'metadata':{'name':'x.y','namespace':'n'},'spec':{'containers':[" C1 "]}}", "metadata.name: this is used in the "
	  "Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [a lowercase RFC 1123 label must "
	  "consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. "
	  "'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')]" },
	{ "v1 PodTemplate", "{" META ",'template':{'metadata':{},'spec':{'containers':[" C1 "],'terminationGracePeriodSeconds':-3}}}",
	  "template.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1" },
	{ "v1 Pod", POD("'containers':[" C1 "],'dnsConfig':{'nameservers':['FD00::1','1.1.1.1']}"), "spec.dnsConfig.nameservers[0]: IPv6 "
	  "address \"FD00::1\" should be in RFC 5952 canonical format (\"fd00::1\")" },
	{ "v1 Endpoints", "{" META ",'subsets':[{'addresses':[{'ip':'FD00::1'},{'ip':'fd00::2'}],'notReadyAddresses':[{'ip':'fd00:0::3'}]}]}",
	  "subsets[0].addresses[0].ip: IPv6 address \"FD00::1\" should be in RFC 5952 canonical format (\"fd00::1\")\n"
	  "subsets[0].notReadyAddresses[0].ip: IPv6 address \"fd00:0::3\" should be in RFC 5952 canonical format (\"fd00::3\")" },
	{ "v1 Endpoints", "{'metadata':{'name':'x','namespace':'n','labels':{'endpoints.kubernetes.io/managed-by':'endpoint-controller'}},"
	  "'subsets':[{'addresses':[{'ip':'FD00::1'}]}]}", "" },
	/* services */
	{ "v1 Service", "{" META ",'spec':{'clusterIP':'None','clusterIPs':['None']}}", "", "" },
	{ "v1 Service", "{" META ",'spec':{'clusterIP':'None','clusterIPs':['None'],'externalIPs':['1.1.1.1'],'sessionAffinity':"
	  "'ClientIP'}}", "spec.externalIPs is ignored for headless services\nspec.SessionAffinity is ignored for headless services",
	  "spec.externalIPs is ignored for headless services\nspec.SessionAffinity is ignored for headless services" },
	{ "v1 Service", "{" META ",'spec':{'type':'ExternalName','externalName':'a.b','externalIPs':['1.1.1.1']}}",
	  "spec.externalIPs is ignored when spec.type is \"ExternalName\"", "spec.externalIPs is ignored when spec.type is \"ExternalName\"" },
	{ "v1 Service", "{" META ",'spec':{'externalName':'a.b'}}", "spec.externalName is ignored when spec.type is not \"ExternalName\"",
	  "spec.externalName is ignored when spec.type is not \"ExternalName\"" },
	{ "v1 Service", "{" META ",'spec':{'type':'LoadBalancer','loadBalancerSourceRanges':['10.0.0.1/8','10.0.0.0/8','FD00::/8']}}",
	  "spec.loadBalancerSourceRanges[0]: " CIDR_MASKED "\nspec.loadBalancerSourceRanges[2]: IPv6 CIDR value \"FD00::/8\" should be in "
	  "RFC 5952 canonical format (\"fd00::/8\")", "spec.loadBalancerSourceRanges[0]: " CIDR_MASKED "\nspec.loadBalancerSourceRanges[2]: "
	  "IPv6 CIDR value \"FD00::/8\" should be in RFC 5952 canonical format (\"fd00::/8\")" },
	/* volumes, claims, nodes, accounts */
	{ "v1 PersistentVolume", "{'metadata':{'name':'x','annotations':{'volume.beta.kubernetes.io/mount-options':'ro'}},'spec':"
	  "{'persistentVolumeReclaimPolicy':'Recycle','hostPath':{'path':'/x'}}}", "metadata.annotations[volume.beta.kubernetes.io/"
	  "mount-options]: deprecated since v1.31; use \"mountOptions\" attribute instead\nspec.persistentVolumeReclaimPolicy: The "
	  "Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.", NULL },
	{ "v1 PersistentVolumeClaim", "{'metadata':{'name':'x','annotations':{'volume.beta.kubernetes.io/storage-class':'c'}},'spec':"
	  "{'resources':{'requests':{'storage':'1500m'}}}}", "metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated "
	  "since v1.8; use \"storageClassName\" attribute instead\nspec.resources.requests[storage]: fractional byte value \"1500m\" is "
	  "invalid, must be an integer", NULL },
	{ "v1 Node", "{'metadata':{'name':'x'},'spec':{'externalID':'e'}}", "spec.externalID: this field is deprecated, and is unused by "
	  "Kubernetes", NULL },
	{ "v1 ServiceAccount", "{'metadata':{'name':'x','annotations':{'kubernetes.io/enforce-mountable-secrets':'true'}}}",
	  "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate "
	  "access to mounted secrets", NULL },
};

static const char *lines(struct rules *r, const struct kinds_problem *w)
{
	BUF_AUTO struct buf b = { 0 };

	for (; w; w = w->next)
		buf_printf(&b, "%s%s", b.len ? "\n" : "", w->text);
	return b.len ? arena_strndup(r->a, b.p, b.len) : "";
}

static bool warns(struct rules *r, size_t i, yyjson_mut_val *v, yyjson_mut_val *old, const char *want)
{
	struct kinds_problem *w;

	assert_int_equal(kinds_warnings(r->a, kind_of(cases[i].kind), v, old, &w), 0);
	const char *got = lines(r, w);
	if (!strcmp(got, want))
		return true;
	print_error("%s %s %s:\n got %s\nwant %s\n", cases[i].kind, cases[i].object, old ? "again" : "", got, want);
	return false;
}

static void says_what_will_surprise(void **state)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rules r;
		rules_open(&r);
		yyjson_mut_val *v = object_of(&r, kind_of(cases[i].kind), cases[i].object);
		bool pod = strstr(cases[i].object, "'containers'");
		failed += !warns(&r, i, v, NULL, cases[i].want);
		if (pod || cases[i].again)
			failed += !warns(&r, i, v, v, cases[i].again ? cases[i].again : "");
		rules_close(&r);
	}
	assert_int_equal(failed, 0);
}

static void old_kinds_are_said_to_be(void **state)
{
	assert_string_equal(kinds_deprecation(kind_of("v1 ComponentStatus")), "v1 ComponentStatus is deprecated in v1.19+");
	assert_string_equal(kinds_deprecation(kind_of("v1 Endpoints")),
		"v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice");
	assert_null(kinds_deprecation(kind_of("v1 Pod")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_kinds_are_said_to_be),
		cmocka_unit_test(says_what_will_surprise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
