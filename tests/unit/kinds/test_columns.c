/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_help.h"

#include "base/text.h"

/* Objects are made at 2026-01-01 00:00; it is two hours later. */
#define META "'metadata':{'name':'x','namespace':'n','creationTimestamp':'2026-01-01T00:00:00Z'}"
#define NOW "2026-01-01T02:00:00Z"
#define STATUS(name, more) "{'name':'" name "','image':'','imageID':'','restartCount':0" more "}"

static const struct {
	const char *kind, *object, *want;
} cases[] = {
	/* pods */
	{ "v1 Pod", "{" META ",'spec':{'nodeName':'a','containers':[{'name':'c'}]},'status':{'phase':'Running','podIP':'10.0.0.9',"
	  "'podIPs':[{'ip':'10.0.0.9'}],'containerStatuses':[" STATUS("c", ",'ready':true,'state':{'running':{}}") "]}}",
	  "['x','1/1','Running','0','120m','10.0.0.9','a','<none>','<none>']" },
	{ "v1 Pod", "{" META ",'spec':{'containers':[{'name':'c'}]},'status':{'phase':'Pending'}}",
	  "['x','0/1','Pending','0','120m','<none>','<none>','<none>','<none>']" },
	{ "v1 Pod", "{" META ",'spec':{'containers':[{'name':'c'}]},'status':{'phase':'Running','containerStatuses':[{'name':'c',"
	  "'image':'','imageID':'','ready':false,'restartCount':3,'state':{'waiting':{'reason':'CrashLoopBackOff'}},'lastState':"
	  "{'terminated':{'exitCode':1,'finishedAt':'2026-01-01T01:55:00Z'}}}]}}",
	  "['x','0/1','CrashLoopBackOff','3 (5m ago)','120m','<none>','<none>','<none>','<none>']" },
	{ "v1 Pod", "{" META ",'spec':{'containers':[{'name':'c'}]},'status':{'phase':'Succeeded','containerStatuses':["
	  STATUS("c", ",'ready':false,'state':{'terminated':{'exitCode':0,'reason':'Completed'}}") "]}}",
	  "['x','0/1','Completed','0','120m','<none>','<none>','<none>','<none>']" },
	{ "v1 Pod", "{" META ",'spec':{'containers':[{'name':'c'}]},'status':{'phase':'Failed','containerStatuses':["
	  STATUS("c", ",'ready':false,'state':{'terminated':{'exitCode':3}}") "]}}",
	  "['x','0/1','ExitCode:3','0','120m','<none>','<none>','<none>','<none>']" },
	{ "v1 Pod", "{" META ",'spec':{'containers':[{'name':'c'}],'initContainers':[{'name':'i'},{'name':'j'}]},'status':{'phase':"
	  "'Pending','initContainerStatuses':[" STATUS("i", ",'ready':true,'state':{'terminated':{'exitCode':0}}") ","
	  STATUS("j", ",'ready':false,'state':{'running':{}}") "]}}",
	  "['x','0/1','Init:1/2','0','120m','<none>','<none>','<none>','<none>']" },
	{ "v1 Pod", "{" META ",'spec':{'containers':[{'name':'c'}],'initContainers':[{'name':'i'}]},'status':{'phase':'Pending',"
	  "'initContainerStatuses':[" STATUS("i", ",'ready':false,'state':{'waiting':{'reason':'ImagePullBackOff'}}") "]}}",
	  "['x','0/1','Init:ImagePullBackOff','0','120m','<none>','<none>','<none>','<none>']" },
	{ "v1 Pod", "{'metadata':{'name':'x','deletionTimestamp':'2026-01-01T00:00:00Z'},'spec':{'containers':[{'name':'c'}]},'status':"
	  "{'phase':'Running'}}", "['x','0/1','Terminating','0','<unknown>','<none>','<none>','<none>','<none>']" },
	{ "v1 Pod", "{" META ",'spec':{'readinessGates':[{'conditionType':'a'}],'containers':[{'name':'c'}]},'status':{'phase':'Failed',"
	  "'reason':'Evicted'}}", "['x','0/1','Evicted','0','120m','<none>','<none>','<none>','0/1']" },
	/* workloads */
	{ "apps/v1 Deployment", "{" META ",'spec':{'replicas':3,'selector':{'matchLabels':{'a':'b','c':'d'}},'template':{'spec':"
	  "{'containers':[{'name':'c','image':'i'},{'name':'d','image':'j'}]}}},'status':{'readyReplicas':2,'updatedReplicas':1,"
	  "'availableReplicas':2}}", "['x','2/3',1,2,'120m','c,d','i,j','a=b,c=d']" },
	{ "apps/v1 ReplicaSet", "{" META ",'spec':{'replicas':3,'selector':{'matchExpressions':[{'key':'a','operator':'In','values':"
	  "['b','c']}]}},'status':{'replicas':2,'readyReplicas':1}}", "['x',3,2,1,'120m','','','a in (b,c)']" },
	{ "apps/v1 DaemonSet", "{" META ",'status':{'desiredNumberScheduled':1,'currentNumberScheduled':2,'numberReady':3,"
	  "'updatedNumberScheduled':4,'numberAvailable':5,'numberMisscheduled':0}}", "['x',1,2,3,4,5,'<none>','120m','','','<none>']" },
	{ "apps/v1 StatefulSet", "{" META ",'spec':{'replicas':2},'status':{'replicas':1,'readyReplicas':1,'availableReplicas':1}}",
	  "['x','1/2','120m','','']" },
	{ "batch/v1 Job", "{" META ",'spec':{'completions':2,'parallelism':1},'status':{'succeeded':1,'startTime':"
	  "'2026-01-01T01:59:30Z'}}", "['x','Running','1/2','30s','120m','','','<none>']" },
	{ "batch/v1 Job", "{" META ",'spec':{'completions':1},'status':{'succeeded':1,'startTime':'2026-01-01T01:00:00Z',"
	  "'completionTime':'2026-01-01T01:00:07Z','conditions':[{'type':'Complete','status':'True'}]}}",
	  "['x','Complete','1/1','7s','120m','','','<none>']" },
	{ "batch/v1 CronJob", "{" META ",'spec':{'schedule':'* * * * *','suspend':false},'status':{'active':[{'name':'a'}],"
	  "'lastScheduleTime':'2026-01-01T01:59:00Z'}}", "['x','* * * * *','<none>','False',1,'60s','120m','','','<none>']" },
	{ "policy/v1 PodDisruptionBudget", "{" META ",'spec':{'minAvailable':'50%'}}", "['x','50%','N/A',0,'120m']" },
	{ "autoscaling/v2 HorizontalPodAutoscaler", "{" META ",'spec':{'minReplicas':1,'maxReplicas':4,'scaleTargetRef':{'kind':"
	  "'Deployment','name':'d'},'metrics':[{'type':'Resource','resource':{'name':'cpu','target':{'type':'Utilization',"
	  "'averageUtilization':80}}}]},'status':{'currentReplicas':2}}",
	  "['x','Deployment/d','cpu: <unknown>/80%','1',4,2,'120m']" },
	{ "apps/v1 ControllerRevision", "{'metadata':{'name':'x','ownerReferences':[{'apiVersion':'apps/v1','kind':'DaemonSet','name':"
	  "'d','uid':'u','controller':true}]},'revision':4}", "['x','daemonset.apps/d',4,'<unknown>']" },
	/* the network */
	{ "v1 Service", "{" META ",'spec':{'type':'NodePort','clusterIP':'10.0.0.1','clusterIPs':['10.0.0.1'],'ports':[{'port':80,"
	  "'protocol':'TCP','nodePort':30080},{'port':53,'protocol':'UDP'}],'selector':{'a':'b'}}}",
	  "['x','NodePort','10.0.0.1','<none>','80:30080/TCP,53/UDP','120m','a=b']" },
	{ "v1 Service", "{" META ",'spec':{'type':'LoadBalancer','clusterIP':'10.0.0.1'}}",
	  "['x','LoadBalancer','10.0.0.1','<pending>','<none>','120m','<none>']" },
	{ "v1 Service", "{" META ",'spec':{'type':'LoadBalancer','clusterIP':'10.0.0.1'},'status':{'loadBalancer':{'ingress':[{'ip':"
	  "'9.0.0.2'},{'ip':'9.0.0.1'}]}}}", "['x','LoadBalancer','10.0.0.1','9.0.0.1,9.0.0.2','<none>','120m','<none>']" },
	{ "v1 Service", "{" META ",'spec':{'type':'ExternalName','externalName':'a.b'}}",
	  "['x','ExternalName','<none>','a.b','<none>','120m','<none>']" },
	{ "v1 Endpoints", "{" META ",'subsets':[{'addresses':[{'ip':'1.1.1.1'},{'ip':'1.1.1.2'}],'ports':[{'port':80},{'port':81}]}]}",
	  "['x','1.1.1.1:80,1.1.1.2:80,1.1.1.1:81 + 1 more...','120m']" },
	{ "discovery.k8s.io/v1 EndpointSlice", "{" META ",'addressType':'IPv4','endpoints':[{'addresses':['1.1.1.1']}],'ports':"
	  "[{'port':80}]}", "['x','IPv4','80','1.1.1.1','120m']" },
	{ "networking.k8s.io/v1 Ingress", "{" META ",'spec':{'ingressClassName':'c','tls':[{}],'rules':[{'host':'a'},{'host':'b'}]}}",
	  "['x','c','a,b','','80, 443','120m']" },
	/* the rest of core */
	{ "v1 Node", "{'metadata':{'name':'x','creationTimestamp':'2026-01-01T00:00:00Z','labels':{'node-role.kubernetes.io/worker':'',"
	  "'node-role.kubernetes.io/control-plane':''}},'spec':{'unschedulable':true},'status':{'conditions':[{'type':'Ready',"
	  "'status':'True'}],'addresses':[{'type':'InternalIP','address':'10.1.1.1'}],'nodeInfo':{'kubeletVersion':'v1','osImage':'o',"
	  "'kernelVersion':'k','containerRuntimeVersion':'r'}}}", "['x','Ready,SchedulingDisabled','control-plane,worker','120m',"
	  "'v1','10.1.1.1','<none>','o','k','r']" },
	{ "v1 Event", "{" META ",'type':'Normal','reason':'R','message':'m\\n','count':3,'involvedObject':{'kind':'Pod','name':'p',"
	  "'fieldPath':'f'},'source':{'component':'a','host':'h'},'firstTimestamp':'2026-01-01T01:00:00Z','lastTimestamp':"
	  "'2026-01-01T01:59:58Z'}", "['2s','Normal','R','pod/p','f','a, h','m','60m',3,'x']" },
	{ "events.k8s.io/v1 Event", "{" META ",'type':'Normal','reason':'R','note':'m','eventTime':'2026-01-01T01:00:00.000000Z',"
	  "'regarding':{'kind':'Pod','name':'p'},'reportingController':'a'}", "['60m','Normal','R','pod/p','','a','m','60m',1,'x']" },
	{ "v1 Namespace", "{" META ",'status':{'phase':'Active'}}", "['x','Active','120m']" },
	{ "v1 ConfigMap", "{" META ",'data':{'a':'b'},'binaryData':{'c':'ZA=='}}", "['x',2,'120m']" },
	{ "v1 Secret", "{" META ",'type':'Opaque','data':{'a':'Yg=='}}", "['x','Opaque',1,'120m']" },
	{ "v1 ServiceAccount", "{" META "}", "['x',0,'120m']" },
	{ "v1 ResourceQuota", "{" META ",'status':{'hard':{'limits.cpu':'4','pods':'9'},'used':{'limits.cpu':'1','pods':'2'}}}",
	  "['x','pods: 2/9','limits.cpu: 1/4','120m']" },
	{ "v1 PersistentVolume", "{" META ",'spec':{'capacity':{'storage':'1Gi'},'accessModes':['ReadWriteMany','ReadWriteOnce'],"
	  "'persistentVolumeReclaimPolicy':'Retain','storageClassName':'s','claimRef':{'namespace':'n','name':'c'},'volumeMode':"
	  "'Filesystem'},'status':{'phase':'Bound'}}", "['x','1Gi','RWO,RWX','Retain','Bound','n/c','s','<unset>','','120m','Filesystem']" },
	{ "v1 PersistentVolumeClaim", "{" META ",'status':{'phase':'Pending'}}",
	  "['x','Pending','','','','','<unset>','120m','<unset>']" },
	{ "coordination.k8s.io/v1 Lease", "{" META ",'spec':{'holderIdentity':'h'}}", "['x','h','120m']" },
	{ "storage.k8s.io/v1 StorageClass", "{'metadata':{'name':'x','annotations':{'storageclass.kubernetes.io/is-default-class':"
	  "'true'}},'provisioner':'p'}", "['x (default)','p','Delete','Immediate',false,'<unknown>']" },
	{ "rbac.authorization.k8s.io/v1 RoleBinding", "{" META ",'roleRef':{'kind':'Role','name':'r'},'subjects':[{'kind':'User',"
	  "'name':'u'},{'kind':'ServiceAccount','name':'s','namespace':'n'}]}", "['x','Role/r','120m','u','','n/s']" },
	{ "certificates.k8s.io/v1 CertificateSigningRequest", "{" META ",'spec':{'request':'','signerName':'a/b','username':'u'},"
	  "'status':{'conditions':[{'type':'Approved','status':'True'}],'certificate':'YQ=='}}",
	  "['x','120m','a/b','u','<none>','Approved,Issued']" },
	{ "apiregistration.k8s.io/v1 APIService", "{" META ",'spec':{'groupPriorityMinimum':1,'versionPriority':1},'status':{'conditions':"
	  "[{'type':'Available','status':'True'}]}}", "['x','Local','True','120m']" },
	/* kinds without columns of their own */
	{ "rbac.authorization.k8s.io/v1 Role", "{" META "}", "['x','2026-01-01T00:00:00Z']" },
};

static const char *cells_of(struct rules *r, const struct kinds_kind *k, yyjson_val *v)
{
	BUF_AUTO struct buf b = { 0 };
	int64_t now_us;

	assert_int_equal(text_parse_time(NOW, &now_us), 0);
	assert_int_equal(kinds_cells(&b, k, v, now_us), 0);
	char *s = arena_strndup(r->a, b.p, b.len);
	for (char *p = s; *p; p++)
		if (*p == '"')
			*p = '\'';
	return s;
}

static void writes_upstreams_cells(void **state)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rules r;
		rules_open(&r);
		const struct kinds_kind *k = kind_of(cases[i].kind);
		yyjson_val *v = doc_freeze(r.a, object_raw(&r, k, cases[i].object));
		const char *got = cells_of(&r, k, v);
		if (strcmp(got, cases[i].want)) {
			print_error("%s %s:\n got %s\nwant %s\n", cases[i].kind, cases[i].object, got, cases[i].want);
			failed++;
		}
		rules_close(&r);
	}
	assert_int_equal(failed, 0);
}

static void every_kind_fills_its_columns(void **state)
{
	const struct kinds_kind *k;
	size_t it = 0;

	while (kinds_next(&it, &k)) {
		struct rules r;
		if (!k->store)
			continue;
		rules_open(&r);
		yyjson_val *cells = parse_quoted(&r, cells_of(&r, k, parse_quoted(&r, "{'metadata':{'name':'x'}}")));
		if (yyjson_arr_size(cells) != k->column_count)
			fail_msg("%s: %zu cells, %d columns", k->type->name, yyjson_arr_size(cells), k->column_count);
		rules_close(&r);
	}
}

static void custom_columns_follow_their_paths(void **state)
{
	static const struct kinds_column columns[] = {
		{ .name = "Name", .type = "string" },
		{ .name = "Size", .type = "integer", .json_path = ".spec.size" },
		{ .name = "Ready", .type = "string", .json_path = ".status.conditions[?(@.type==\"Ready\")].status" },
		{ .name = "First", .type = "string", .json_path = ".spec.list[0]" },
		{ .name = "Dotted", .type = "string", .json_path = ".metadata.labels.a\\.b/c" },
		{ .name = "Quoted", .type = "string", .json_path = ".metadata.labels['a.b/c']" },
		{ .name = "Any", .type = "string", .json_path = ".spec.items[*].name" },
		{ .name = "Gone", .type = "number", .json_path = ".spec.none" },
		{ .name = "On", .type = "boolean", .json_path = ".spec.on" },
		{ .name = "Age", .type = "date", .json_path = ".metadata.creationTimestamp" },
	};
	static const struct kinds_kind k = { .kind = "Thing", .custom = true, .columns = columns,
		.column_count = sizeof(columns) / sizeof(columns[0]) };
	struct rules r;

	rules_open(&r);
	yyjson_val *v = parse_quoted(&r, "{'metadata':{'name':'x','creationTimestamp':'2026-01-01T01:00:00Z','labels':{'a.b/c':'l'}},"
		"'spec':{'size':4,'on':true,'list':['p','q'],'items':[{},{'name':'i'}]},'status':{'conditions':[{'type':'A','status':'1'},"
		"{'type':'Ready','status':'True'}]}}");
	assert_string_equal(cells_of(&r, &k, v), "['x',4,'True','p','l','l','i',null,true,'60m']");
	rules_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_upstreams_cells),
		cmocka_unit_test(every_kind_fills_its_columns),
		cmocka_unit_test(custom_columns_follow_their_paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
