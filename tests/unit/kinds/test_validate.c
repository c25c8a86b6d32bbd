/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_help.h"

#define META "'metadata':{'name':'x','namespace':'n'}"
#define META_C "'metadata':{'name':'x'}"
#define C1 "{'name':'c','image':'i'}"
#define POD(spec) "{" META ",'spec':{" spec "}}"
#define CONTAINER(more) POD("'containers':[{'name':'c','image':'i'" more "}]")
#define LABELS "'selector':{'matchLabels':{'a':'b'}},"
#define TEMPLATE "'template':{'metadata':{'labels':{'a':'b'}},'spec':{'containers':[" C1 "]}}"
#define SUBDOMAIN "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " \
	"and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " \
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

/* want: "field: message" lines, "" when the object is valid */
static const struct {
	const char *kind, *object, *want;
} creates[] = {
	/* metadata */
	{ "v1 ConfigMap", "{" META ",'data':{'a':'b'}}", "" },
	{ "v1 ConfigMap", "{'metadata':{'name':'Bad_Name','namespace':'n'}}",
	  "metadata.name: Invalid value: \"Bad_Name\": " SUBDOMAIN },
	{ "v1 ConfigMap", "{'metadata':{'namespace':'n'}}", "metadata.name: Required value: name or generateName is required" },
	{ "v1 ConfigMap", "{'metadata':{'name':'x'}}", "metadata.namespace: Required value" },
	{ "v1 Node", "{'metadata':{'name':'x','namespace':'n'}}", "metadata.namespace: Forbidden: not allowed on this type" },
	{ "v1 Service", "{'metadata':{'name':'1a','namespace':'n'},'spec':{'clusterIP':'None','clusterIPs':['None']}}",
	  "metadata.name: Invalid value: \"1a\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
	  "start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
	  "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')" },
	{ "rbac.authorization.k8s.io/v1 ClusterRole", "{'metadata':{'name':'system:x'},'rules':[]}", "" },
	{ "v1 ConfigMap", "{'metadata':{'name':'x','namespace':'n','finalizers':['bad']}}",
	  "metadata.finalizers[0]: Invalid value: \"bad\": name is neither a standard finalizer name nor is it fully qualified" },
	{ "v1 ConfigMap", "{'metadata':{'name':'x','namespace':'n','ownerReferences':[{'apiVersion':'v1','kind':'Pod','name':'p','uid':''}]}}",
	  "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty" },
	{ "v1 ConfigMap", "{'metadata':{'name':'x','namespace':'n','labels':{'a':'-b'}}}",
	  "metadata.labels: Invalid value: \"-b\": a valid label must be an empty string or consist of alphanumeric characters, "
	  "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
	  "regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')" },
	/* pods */
	{ "v1 Pod", CONTAINER(""), "" },
	{ "v1 Pod", "{" META ",'spec':{}}", "spec.containers: Required value" },
	{ "v1 Pod", POD("'containers':[{'image':'i'}]"), "spec.containers[0].name: Required value" },
	{ "v1 Pod", POD("'containers':[{'name':'c'}]"), "spec.containers[0].image: Required value" },
	{ "v1 Pod", POD("'containers':[" C1 "," C1 "]"), "spec.containers[1].name: Duplicate value: \"c\"" },
	{ "v1 Pod", POD("'containers':[" C1 "],'initContainers':[" C1 "]"), "spec.initContainers[0].name: Duplicate value: \"c\"" },
	{ "v1 Pod", CONTAINER(",'imagePullPolicy':'Sometimes'"), "spec.containers[0].imagePullPolicy: Unsupported value: "
	  "\"Sometimes\": supported values: \"Always\", \"IfNotPresent\", \"Never\"" },
	{ "v1 Pod", CONTAINER(",'ports':[{'containerPort':70000}]"),
	  "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive" },
	{ "v1 Pod", CONTAINER(",'ports':[{'containerPort':1,'name':'a'},{'containerPort':2,'name':'a'}]"),
	  "spec.containers[0].ports[1].name: Duplicate value: \"a\"" },
	{ "v1 Pod", CONTAINER(",'ports':[{'containerPort':1,'protocol':'XTP'}]"),
	  "spec.containers[0].ports[0].protocol: Unsupported value: \"XTP\": supported values: \"SCTP\", \"TCP\", \"UDP\"" },
	{ "v1 Pod", CONTAINER(",'ports':[{'containerPort':1,'hostPort':9},{'containerPort':2,'hostPort':9}]"),
	  "spec.containers[0].ports[1].hostPort: Duplicate value: \"TCP//9\"" },
	{ "v1 Pod", CONTAINER(",'env':[{'value':'v'}]"), "spec.containers[0].env[0].name: Required value" },
	{ "v1 Pod", CONTAINER(",'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'spec.nope'}}}]"),
	  "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"spec.nope\": error converting fieldPath: "
	  "field label not supported: spec.nope" },
	{ "v1 Pod", CONTAINER(",'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'metadata.labels[\\u0027a\\u0027]'}}}]"), "" },
	{ "v1 Pod", CONTAINER(",'env':[{'name':'A','value':'v','valueFrom':{'configMapKeyRef':{'name':'m','key':'k'}}}]"),
	  "spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty" },
	{ "v1 Pod", CONTAINER(",'envFrom':[{}]"), "spec.containers[0].envFrom: Invalid value: \"\": must specify one of: "
	  "`configMapRef` or `secretRef`" },
	{ "v1 Pod", CONTAINER(",'volumeMounts':[{'name':'v','mountPath':'/m'}]"), "spec.containers[0].volumeMounts[0].name: Not found: \"v\"" },
	{ "v1 Pod", POD("'volumes':[{'name':'v'}],'containers':[{'name':'c','image':'i','volumeMounts':[{'name':'v','mountPath':'/m'},"
	  "{'name':'v','mountPath':'/m'}]}]"), "spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/m\": must be unique" },
	{ "v1 Pod", CONTAINER(",'resources':{'requests':{'cpu':'2'},'limits':{'cpu':'1'}}"),
	  "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1" },
	{ "v1 Pod", CONTAINER(",'resources':{'requests':{'nope':'2'}}"),
	  "spec.containers[0].resources.requests[nope]: Invalid value: \"nope\": must be a standard resource type or fully qualified\n"
	  "spec.containers[0].resources.requests[nope]: Invalid value: \"nope\": must be a standard resource for containers" },
	{ "v1 Pod", CONTAINER(",'resources':{'requests':{'a.io/gpu':'1'}}"),
	  "spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources" },
	{ "v1 Pod", CONTAINER(",'livenessProbe':{}"), "spec.containers[0].livenessProbe: Required value: must specify a handler type" },
	{ "v1 Pod", CONTAINER(",'livenessProbe':{'successThreshold':2,'exec':{'command':['a']}}"),
	  "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1" },
	{ "v1 Pod", CONTAINER(",'readinessProbe':{'httpGet':{'port':0}}"),
	  "spec.containers[0].readinessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive" },
	{ "v1 Pod", CONTAINER(",'securityContext':{'privileged':true,'allowPrivilegeEscalation':false}"),
	  "spec.containers[0].securityContext: Invalid value: {\"privileged\":true,\"allowPrivilegeEscalation\":false}: "
	  "cannot set `allowPrivilegeEscalation` to false and `privileged` to true" },
	{ "v1 Pod", POD("'containers':[" C1 "],'restartPolicy':'Maybe'"),
	  "spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", \"OnFailure\", \"Never\"" },
	{ "v1 Pod", POD("'containers':[" C1 "],'dnsPolicy':'None'"),
	  "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None" },
	{ "v1 Pod", POD("'containers':[" C1 "],'volumes':[{'name':'v','configMap':{}}]"), "spec.volumes[0].configMap.name: Required value" },
	{ "v1 Pod", POD("'containers':[" C1 "],'volumes':[{'name':'v','secret':{'secretName':'s'},'hostPath':{'path':'/x'}}]"),
	  "spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type" },
	{ "v1 Pod", POD("'containers':[" C1 "],'volumes':[{'name':'v'},{'name':'v'}]"), "spec.volumes[1].name: Duplicate value: \"v\"" },
	{ "v1 Pod", POD("'containers':[" C1 "],'volumes':[{'name':'v','hostPath':{'path':'/a/../b'}}]"),
	  "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'" },
	{ "v1 Pod", POD("'containers':[" C1 "],'serviceAccountName':'s','volumes':[{'name':'v','projected':{'sources':[{'serviceAccountToken':"
	  "{'path':'t','expirationSeconds':9}}]}}]"), "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: "
	  "Invalid value: 9: may not specify a duration less than 10 minutes" },
	{ "v1 Pod", POD("'containers':[" C1 "],'tolerations':[{'operator':'Equal','value':'a'}]"), "spec.tolerations[0].operator: "
	  "Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all values and all keys\"" },
	{ "v1 Pod", POD("'containers':[" C1 "],'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':"
	  "{'nodeSelectorTerms':[]}}}"), "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: "
	  "Required value: must have at least one node selector term" },
	{ "v1 Pod", POD("'containers':[" C1 "],'topologySpreadConstraints':[{'maxSkew':0,'topologyKey':'z','whenUnsatisfiable':"
	  "'ScheduleAnyway'}]"), "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero" },
	{ "v1 Pod", POD("'containers':[" C1 "],'activeDeadlineSeconds':0"),
	  "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive" },
	{ "v1 Pod", POD("'containers':[" C1 "],'securityContext':{'runAsUser':-1}"),
	  "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive" },
	/* apps and batch */
	{ "apps/v1 Deployment", "{" META ",'spec':{" LABELS TEMPLATE "}}", "" },
	{ "apps/v1 Deployment", "{" META ",'spec':{" TEMPLATE "}}", "spec.selector: Required value\n"
	  "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`" },
	{ "apps/v1 Deployment", "{" META ",'spec':{'selector':{'matchLabels':{'app':'q'}},'template':{'metadata':{'labels':"
	  "{'app':'w'}},'spec':{'containers':[" C1 "]}}}}",
	  "spec.template.metadata.labels: Invalid value: {\"app\":\"w\"}: `selector` does not match template `labels`" },
	{ "apps/v1 Deployment", "{" META ",'spec':{'selector':{}," TEMPLATE "}}", "spec.selector: Invalid value: {}: "
	  "empty selector is invalid for deployment" },
	{ "apps/v1 Deployment", "{" META ",'spec':{'replicas':-1," LABELS TEMPLATE "}}",
	  "spec.replicas: Invalid value: -1: must be greater than or equal to 0" },
	{ "apps/v1 Deployment", "{" META ",'spec':{'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':0,"
	  "'maxUnavailable':0}}," LABELS TEMPLATE "}}", "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be "
	  "0 when `maxSurge` is 0" },
	{ "apps/v1 ReplicaSet", "{" META ",'spec':{" LABELS TEMPLATE "}}", "" },
	{ "apps/v1 DaemonSet", "{" META ",'spec':{" LABELS TEMPLATE "}}", "" },
	{ "apps/v1 DaemonSet", "{" META ",'spec':{'updateStrategy':{'type':'No'}," LABELS TEMPLATE "}}",
	  "spec.updateStrategy: Unsupported value: {\"Type\":\"No\",\"RollingUpdate\":null}: supported values: \"RollingUpdate\", \"OnDelete\"" },
	{ "apps/v1 StatefulSet", "{" META ",'spec':{'serviceName':'s'," LABELS TEMPLATE "}}", "" },
	{ "batch/v1 Job", "{" META ",'spec':{'template':{'spec':{'containers':[" C1 "],'restartPolicy':'Never'}}}}",
	  "spec.selector: Required value\nspec.template.metadata.labels: Invalid value: null: `selector` does not match "
	  "template `labels`" },
	{ "batch/v1 Job", "{" META ",'spec':{'manualSelector':true," LABELS TEMPLATE "}}",
	  "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"" },
	{ "batch/v1 CronJob", "{" META ",'spec':{'schedule':'* * *','jobTemplate':{'spec':{'template':{'spec':{'restartPolicy':"
	  "'Never','containers':[" C1 "]}}}}}}", "spec.schedule: Invalid value: \"* * *\": expected exactly 5 fields, found 3: [* * *]" },
	{ "batch/v1 CronJob", "{" META ",'spec':{'schedule':'*/5 * * * MON-FRI','jobTemplate':{'spec':{'template':{'spec':"
	  "{'restartPolicy':'Never','containers':[" C1 "]}}}}}}", "" },
	/* services and the network */
	{ "v1 Service", "{" META ",'spec':{'ports':[{'port':80}]}}", "" },
	{ "v1 Service", "{" META ",'spec':{}}", "spec.ports: Required value" },
	{ "v1 Service", "{" META ",'spec':{'ports':[{'port':80},{'port':81}]}}",
	  "spec.ports[0].name: Required value\nspec.ports[1].name: Required value" },
	{ "v1 Service", "{" META ",'spec':{'type':'Odd','ports':[{'port':80}]}}", "spec.type: Unsupported value: \"Odd\": supported "
	  "values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"" },
	{ "v1 Service", "{" META ",'spec':{'ports':[{'port':80,'nodePort':30000}]}}",
	  "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'" },
	{ "v1 Service", "{" META ",'spec':{'type':'ExternalName'}}", "spec.externalName: Required value" },
	{ "v1 Service", "{" META ",'spec':{'clusterIP':'x','clusterIPs':['x'],'ports':[{'port':80}]}}",
	  "spec.clusterIPs[0]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)" },
	{ "v1 Endpoints", "{" META ",'subsets':[{'addresses':[{'ip':'127.0.0.1'}],'ports':[{'port':1}]}]}",
	  "subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)" },
	{ "discovery.k8s.io/v1 EndpointSlice", "{" META ",'addressType':'IPv4','endpoints':[{'addresses':['10.0.0.1']}]}", "" },
	{ "discovery.k8s.io/v1 EndpointSlice", "{" META ",'addressType':'IPv4','endpoints':[{'addresses':[]}]}",
	  "endpoints[0].addresses: Required value: must contain at least 1 address" },
	{ "networking.k8s.io/v1 Ingress", "{" META ",'spec':{'rules':[{'http':{'paths':[{'path':'x','pathType':'Prefix','backend':"
	  "{'service':{'name':'s','port':{'number':80}}}}]}}]}}",
	  "spec.rules[0].http.paths[0].path: Invalid value: \"x\": must be an absolute path" },
	{ "networking.k8s.io/v1 NetworkPolicy", "{" META ",'spec':{'podSelector':{},'policyTypes':['Sideways']}}",
	  "spec.policyTypes[0]: Unsupported value: \"Sideways\": supported values: \"Ingress\", \"Egress\"" },
	/* configuration */
	{ "v1 ConfigMap", "{" META ",'data':{'a b':'c'}}", "data[a b]: Invalid value: \"a b\": a valid config key must consist of "
	  "alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for "
	  "validation is '[-._a-zA-Z0-9]+')" },
	{ "v1 Secret", "{" META ",'type':'kubernetes.io/tls'}", "data[tls.crt]: Required value\ndata[tls.key]: Required value" },
	{ "v1 Secret", "{" META ",'type':'kubernetes.io/dockerconfigjson','data':{'.dockerconfigjson':'e30='}}", "" },
	{ "v1 Namespace", "{" META_C "}", "" },
	{ "v1 Node", "{" META_C ",'spec':{'taints':[{'key':'a','effect':'Never'}]}}", "metadata.taints[0].effect: Unsupported value: "
	  "\"Never\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"" },
	{ "v1 LimitRange", "{" META ",'spec':{'limits':[{'type':'Pod','default':{'cpu':'1'}}]}}",
	  "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'" },
	{ "v1 ResourceQuota", "{" META ",'spec':{'hard':{'nope':'1'}}}",
	  "spec.hard[nope]: Invalid value: \"nope\": must be a standard resource type or fully qualified\n"
	  "spec.hard[nope]: Invalid value: \"nope\": must be a standard resource for quota" },
	{ "v1 Event", "{" META ",'involvedObject':{'kind':'Pod','namespace':'other','name':'p'}}",
	  "involvedObject.namespace: Invalid value: \"other\": does not match event.namespace" },
	{ "v1 PersistentVolumeClaim", "{" META ",'spec':{'resources':{'requests':{'storage':'1Gi'}}}}",
	  "spec.accessModes: Required value: at least 1 access mode is required" },
	{ "v1 PersistentVolume", "{" META_C ",'spec':{'capacity':{'storage':'1Gi'},'accessModes':['ReadWriteOnce']}}",
	  "spec: Required value: must specify a volume type" },
	/* access and policy */
	{ "rbac.authorization.k8s.io/v1 Role", "{" META ",'rules':[{'apiGroups':[''],'resources':['pods']}]}",
	  "rules[0].verbs: Required value: verbs must contain at least one value" },
	{ "rbac.authorization.k8s.io/v1 RoleBinding", "{" META ",'roleRef':{'kind':'Role','name':'r'},'subjects':[{'kind':"
	  "'ServiceAccount','name':'s'}]}", "" },
	{ "rbac.authorization.k8s.io/v1 RoleBinding", "{" META ",'roleRef':{'kind':'Robe','name':'r'}}",
	  "roleRef.kind: Unsupported value: \"Robe\": supported values: \"Role\", \"ClusterRole\"" },
	{ "policy/v1 PodDisruptionBudget", "{" META ",'spec':{'minAvailable':1,'maxUnavailable':'x%'}}",
	  "spec: Invalid value: {\"minAvailable\":1,\"maxUnavailable\":\"x%\"}: minAvailable and maxUnavailable cannot be both set\n"
	  "spec.maxUnavailable: Invalid value: \"x%\": a valid percent string must be a numeric string followed by an ending "
	  "'%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')" },
	{ "autoscaling/v2 HorizontalPodAutoscaler", "{" META ",'spec':{'maxReplicas':0,'scaleTargetRef':{'kind':'Deployment','name':'d'}}}",
	  "spec.maxReplicas: Invalid value: 0: must be greater than 0\n"
	  "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`" },
	{ "scheduling.k8s.io/v1 PriorityClass", "{" META_C ",'value':2000000000}",
	  "value: Forbidden: maximum allowed value of a user defined priority is 1000000000" },
	{ "apiextensions.k8s.io/v1 CustomResourceDefinition", "{'metadata':{'name':'bad'},'spec':{'group':'x.io','names':{'kind':'Foo',"
	  "'plural':'foos'},'scope':'Namespaced','versions':[{'name':'v1','served':true,'storage':true,'schema':"
	  "{'openAPIV3Schema':{'type':'object'}}}]}}",
	  "metadata.name: Invalid value: \"bad\": must be spec.names.plural+\".\"+spec.group" },
	{ "apiextensions.k8s.io/v1 CustomResourceDefinition", "{'metadata':{'name':'foos.x.io'},'spec':{'group':'x.io','names':{'kind':"
	  "'Foo','plural':'foos'},'scope':'Namespaced','versions':[{'name':'v1','served':true,'storage':true,'schema':"
	  "{'openAPIV3Schema':{'type':'object'}}}]}}", "" },
	{ "apiextensions.k8s.io/v1 CustomResourceDefinition", "{'metadata':{'name':'foos.x.io'},'spec':{'group':'x.io','names':{'kind':"
	  "'Foo','plural':'foos'},'scope':'Namespaced','versions':[{'name':'v1','served':true,'storage':true,'schema':"
	  "{'openAPIV3Schema':{'type':'thing'}}}]}}", "spec.validation.openAPIV3Schema.type: Invalid value: \"thing\": must be object at the root\n"
	  "spec.validation.openAPIV3Schema.type: Unsupported value: \"thing\": supported values: \"array\", \"boolean\", \"integer\", "
	  "\"number\", \"object\", \"string\"" },
	/* by the table alone */
	{ "resource.k8s.io/v1 ResourceSlice", "{" META_C ",'spec':{'driver':'d','allNodes':true,'pool':{'name':'','generation':1,'resourceSliceCount':1}}}",
	  "spec.pool.name: Required value" },
};

static const char *errors_text(struct rules *r, const struct field_error *e)
{
	BUF_AUTO struct buf b = { 0 };

	for (; e; e = e->next)
		buf_printf(&b, "%s%s: %s", b.len ? "\n" : "", e->field, e->detail);
	return arena_strndup(r->a, b.p ? b.p : "", b.len);
}

static void a_new_object_is_judged(void **state)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(creates) / sizeof(creates[0]); i++) {
		struct field_error *errors;
		struct rules r;
		rules_open(&r);
		const struct kinds_kind *k = kind_of(creates[i].kind);
		yyjson_mut_val *v = object_of(&r, k, creates[i].object);
		assert_int_equal(kinds_validate(r.a, k, NULL, v, NULL, &errors), 0);
		const char *got = errors_text(&r, errors);
		if (strcmp(got, creates[i].want)) {
			print_error("%s %s:\n got %s\nwant %s\n", creates[i].kind, creates[i].object, got, creates[i].want);
			failed++;
		}
		rules_close(&r);
	}
	assert_int_equal(failed, 0);
}

#define STORED "'metadata':{'name':'x','namespace':'n','uid':'u','resourceVersion':'5','generation':1}"
#define STORED_C "'metadata':{'name':'x','uid':'u','resourceVersion':'5'}"
#define POD_FIELDS "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`," \
	"`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing " \
	"tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"

static const struct {
	const char *kind, *sub, *old, *object, *want;
} updates[] = {
	{ "v1 Pod", NULL, "{" STORED ",'spec':{'containers':[" C1 "]}}",
	  "{" STORED ",'spec':{'containers':[{'name':'c','image':'other','imagePullPolicy':'Always'}]}}", "" },
	{ "v1 Pod", NULL, "{" STORED ",'spec':{'nodeName':'n','containers':[" C1 "]}}",
	  "{" STORED ",'spec':{'containers':[" C1 "]}}", POD_FIELDS "-\tnodeName: \"n\"\n" },
	{ "v1 Pod", NULL, "{" STORED ",'spec':{'containers':[" C1 "]}}",
	  "{" STORED ",'spec':{'containers':[" C1 ",{'name':'d','image':'i'}]}}",
	  "spec.containers: Forbidden: pod updates may not add or remove containers" },
	{ "v1 Pod", NULL, "{" STORED ",'spec':{'containers':[" C1 "],'activeDeadlineSeconds':5}}",
	  "{" STORED ",'spec':{'containers':[" C1 "],'activeDeadlineSeconds':9}}",
	  "spec.activeDeadlineSeconds: Invalid value: 9: must be less than or equal to previous value" },
	{ "v1 Pod", NULL, "{" STORED ",'spec':{'containers':[" C1 "],'tolerations':[{'key':'a','operator':'Exists'}]}}",
	  "{" STORED ",'spec':{'containers':[" C1 "]}}",
	  "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds" },
	{ "v1 Pod", "status", "{" STORED ",'spec':{'containers':[" C1 "],'restartPolicy':'Never'},'status':{'containerStatuses':"
	  "[{'name':'c','ready':false,'restartCount':0,'image':'','imageID':'','state':{'terminated':{'exitCode':0}}}]}}",
	  "{" STORED ",'spec':{'containers':[" C1 "],'restartPolicy':'Never'},'status':{'containerStatuses':[{'name':'c','ready':"
	  "false,'restartCount':0,'image':'','imageID':'','state':{'running':{}}}]}}",
	  "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state" },
	{ "apps/v1 Deployment", NULL, "{" STORED ",'spec':{" LABELS TEMPLATE "}}", "{" STORED ",'spec':{'selector':{'matchLabels':"
	  "{'app':'z'}},'template':{'metadata':{'labels':{'app':'w'}},'spec':{'containers':[" C1 "]}}}}",
	  "spec.template.metadata.labels: Invalid value: {\"app\":\"w\"}: `selector` does not match template `labels`\n"
	  "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"z\"}}: field is immutable" },
	{ "v1 ConfigMap", NULL, "{" STORED ",'immutable':true,'data':{'a':'b'}}", "{" STORED ",'immutable':true,'data':{'a':'c'}}",
	  "data: Forbidden: field is immutable when `immutable` is set" },
	{ "v1 ConfigMap", NULL, "{" STORED ",'immutable':true,'data':{'a':'b'}}", "{" STORED ",'data':{'a':'b'}}",
	  "immutable: Forbidden: field is immutable when `immutable` is set" },
	{ "v1 Secret", NULL, "{" STORED "}", "{" STORED ",'type':'x'}", "type: Invalid value: \"x\": field is immutable" },
	{ "v1 Service", NULL, "{" STORED ",'spec':{'clusterIP':'10.0.0.5','clusterIPs':['10.0.0.5'],'ports':[{'port':1}]}}",
	  "{" STORED ",'spec':{'clusterIP':'10.0.0.77','clusterIPs':['10.0.0.77'],'ports':[{'port':1}]}}",
	  "spec.clusterIPs[0]: Invalid value: [\"10.0.0.77\"]: may not change once set" },
	{ "v1 Service", NULL, "{" STORED ",'spec':{'clusterIP':'10.0.0.5','clusterIPs':['10.0.0.5'],'ports':[{'port':1}]}}",
	  "{" STORED ",'spec':{'type':'ExternalName','externalName':'a.b'}}", "" },
	{ "v1 ConfigMap", NULL, "{" STORED "}", "{'metadata':{'name':'x','namespace':'n','uid':'other','generation':1}}",
	  "metadata.uid: Invalid value: \"other\": field is immutable" },
	{ "v1 ConfigMap", NULL, "{'metadata':{'name':'x','namespace':'n','deletionTimestamp':'2026-01-01T00:00:00Z'}}",
	  "{'metadata':{'name':'x','namespace':'n','deletionTimestamp':'2026-01-01T00:00:00Z','finalizers':['a/b']}}",
	  "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new "
	  "finalizers []string{\"a/b\"}" },
	{ "policy/v1 PodDisruptionBudget", NULL, "{" STORED "}", "{'metadata':{'name':'x','namespace':'n','uid':'u','generation':1}}",
	  "metadata.resourceVersion: Invalid value: \"\": must be specified for an update" },
	{ "apps/v1 StatefulSet", NULL, "{" STORED ",'spec':{" LABELS TEMPLATE "}}", "{" STORED ",'spec':{'serviceName':'s'," LABELS TEMPLATE "}}",
	  "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
	  "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden" },
	{ "rbac.authorization.k8s.io/v1 ClusterRoleBinding", NULL, "{" STORED_C ",'roleRef':{'kind':'ClusterRole','name':'a'}}",
	  "{" STORED_C ",'roleRef':{'kind':'ClusterRole','name':'b'}}", "roleRef: Invalid value: {\"APIGroup\":"
	  "\"rbac.authorization.k8s.io\",\"Kind\":\"ClusterRole\",\"Name\":\"b\"}: cannot change roleRef" },
	{ "scheduling.k8s.io/v1 PriorityClass", NULL, "{" STORED_C ",'value':1}", "{" STORED_C ",'value':2}",
	  "value: Forbidden: may not be changed in an update." },
	{ "events.k8s.io/v1 Event", NULL, "{'metadata':{'name':'x','namespace':'default'},'eventTime':'2026-01-01T00:00:00.000000Z','type':"
	  "'Normal','reason':'r','action':'a','note':'n','reportingController':'c/d','reportingInstance':'i'}",
	  "{'metadata':{'name':'x','namespace':'default'},'eventTime':'2026-01-01T00:00:00.000000Z','type':'Normal','reason':'r',"
	  "'action':'a','note':'m','reportingController':'c/d','reportingInstance':'i','series':{'count':2,'lastObservedTime':"
	  "'2026-01-01T00:00:00.000000Z'}}", "message: Invalid value: \"m\": field is immutable" },
	{ "batch/v1 Job", NULL, "{" STORED ",'spec':{'completions':1,'manualSelector':true," LABELS "'template':{'metadata':{'labels':"
	  "{'a':'b'}},'spec':{'restartPolicy':'Never','containers':[" C1 "]}}}}", "{" STORED ",'spec':{'completions':2,'manualSelector'"
	  ":true," LABELS "'template':{'metadata':{'labels':{'a':'b'}},'spec':{'restartPolicy':'Never','containers':[" C1 "]}}}}",
	  "spec.completions: Invalid value: 2: field is immutable" },
};

static void a_change_is_judged(void **state)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(updates) / sizeof(updates[0]); i++) {
		struct field_error *errors;
		struct rules r;
		rules_open(&r);
		const struct kinds_kind *k = kind_of(updates[i].kind);
		yyjson_mut_val *old = object_of(&r, k, updates[i].old);
		yyjson_mut_val *v = object_of(&r, k, updates[i].object);
		assert_int_equal(kinds_validate(r.a, k, updates[i].sub, v, old, &errors), 0);
		const char *got = errors_text(&r, errors);
		if (strcmp(got, updates[i].want)) {
			print_error("%s %s:\n got %s\nwant %s\n", updates[i].kind, updates[i].object, got, updates[i].want);
			failed++;
		}
		rules_close(&r);
	}
	assert_int_equal(failed, 0);
}

static void the_type_of_an_error_is_upstreams(void **state)
{
	struct field_error *errors;
	struct rules r;

	rules_open(&r);
	const struct kinds_kind *k = kind_of("v1 Pod");
	yyjson_mut_val *v = object_of(&r, k, "{" META ",'spec':{}}");
	assert_int_equal(kinds_validate(r.a, k, NULL, v, NULL, &errors), 0);
	assert_string_equal(errors->type, "FieldValueRequired");
	assert_null(errors->next);
	rules_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_object_is_judged),
		cmocka_unit_test(a_change_is_judged),
		cmocka_unit_test(the_type_of_an_error_is_upstreams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
