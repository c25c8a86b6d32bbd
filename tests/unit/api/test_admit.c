/* SPDX-License-Identifier: Apache-2.0 */
/* admit - every plug-in of built-in admission by what it lets through, changes and refuses. */
#include "rows.h"

#include "api/admit.h"

#define NS(ns) "/api/v1/namespaces/" ns
#define DEFAULT NS("default")
#define CLAIMS DEFAULT "/persistentvolumeclaims"
#define POD(name, spec) "{'metadata':{'name':'" name "'},'spec':{'containers':[{'name':'c','image':'x'}]" spec "}}"
#define OWN_POD(name, c) "{'metadata':{'name':'" name "'},'spec':{'containers':[{'name':'c','image':'x'" c "}]}}"

static int open_fixture(void **state)
{
	static const struct step_row rows[] = {
		{ "an account", "POST", DEFAULT "/serviceaccounts", NULL, JSON, "{'metadata':{'name':'default'}}", 201 },
		{ "a node", "POST", "/api/v1/nodes", NULL, JSON, "{'metadata':{'name':'n1','labels':"
			"{'topology.kubernetes.io/zone':'z1'}}}", 201 },
	};

	fixture_open(&f, "mem:", true);
	RUN(rows);
	return 0;
}

static int close_fixture(void **state)
{
	fixture_close(&f);
	return 0;
}

static void namespaces_that_are_not_or_end_take_nothing(void **state)
{
	static const struct step_row rows[] = {
		{ "none", "POST", NS("none/pods"), NULL, JSON, POD("p", ""), 404, { "namespaces \\\"none\\\" not found" } },
		{ "one", "POST", "/api/v1/namespaces", NULL, JSON, "{'metadata':{'name':'t'},'spec':{'finalizers':['a.b/c']}}", 201 },
		{ "it ends", "DELETE", NS("t"), NULL, JSON, NULL, 200, { "Terminating" } },
		{ "too late", "POST", NS("t/configmaps"), NULL, JSON, "{'metadata':{'name':'a'}}", 403,
			{ "configmaps \\\"a\\\" is forbidden: unable to create new content in namespace t because it is being terminated",
			"\"reason\":\"NamespaceTerminating\"", "namespace t is being terminated", "metadata.namespace" } },
		{ "goes by generateName", "POST", NS("t/configmaps"), NULL, JSON, "{'metadata':{'generateName':'g-'}}", 403,
			{ "configmaps \\\"g-\\\" is forbidden" } },
		{ "immortal", "DELETE", NS("default"), NULL, JSON, NULL, 403,
			{ "namespaces \\\"default\\\" is forbidden: this namespace may not be deleted" } },
		{ "immortal too", "DELETE", NS("kube-system"), NULL, JSON, NULL, 403 },
		{ "and kube-public", "DELETE", NS("kube-public"), "dryRun=All", JSON, NULL, 403 },
	};

	RUN(rows);
}

static void limit_ranges_default_and_bound(void **state)
{
#define L NS("lim")
#define RES(r) ",'resources':{" r "}"
	static const struct step_row rows[] = {
		{ "a place", "POST", "/api/v1/namespaces", NULL, JSON, "{'metadata':{'name':'lim'}}", 201 },
		{ "an account", "POST", L "/serviceaccounts", NULL, JSON, "{'metadata':{'name':'default'}}", 201 },
		{ "limits", "POST", L "/limitranges", NULL, JSON, "{'metadata':{'name':'l'},'spec':{'limits':["
			"{'type':'Container','default':{'cpu':'200m','memory':'64Mi'},'defaultRequest':{'cpu':'100m'},"
			"'min':{'cpu':'50m'},'max':{'cpu':'1'},'maxLimitRequestRatio':{'cpu':'4'}},"
			"{'type':'Pod','max':{'memory':'100Mi'}},"
			"{'type':'PersistentVolumeClaim','min':{'storage':'1Gi'},'max':{'storage':'2Gi'}}]}}", 201 },
		{ "defaults", "POST", L "/pods", NULL, JSON, OWN_POD("a", ""), 201, {
			"\"limits\":{\"cpu\":\"200m\",\"memory\":\"64Mi\"}", "\"requests\":{\"cpu\":\"100m\",\"memory\":\"64Mi\"}",
			"LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for container c" } },
		{ "requests take explicit limits first", "POST", L "/pods", "dryRun=All", JSON,
			OWN_POD("b", RES("'limits':{'cpu':'300m'}")), 201, { "\"requests\":{\"cpu\":\"300m\",\"memory\":\"64Mi\"}",
			"LimitRanger plugin set: memory request for container c; memory limit for container c" } },
		{ "init containers too", "POST", L "/pods", "dryRun=All", JSON, "{'metadata':{'name':'i'},'spec':{'initContainers':"
			"[{'name':'d','image':'x'}],'containers':[{'name':'c','image':'x'}]}}", 201,
			{ "cpu, memory limit for init container d" } },
		{ "too little", "POST", L "/pods", NULL, JSON, OWN_POD("c", RES("'requests':{'cpu':'20m'},'limits':{'cpu':'40m'}")), 403,
			{ "pods \\\"c\\\" is forbidden: minimum cpu usage per Container is 50m, but request is 20m" } },
		{ "too much, and other faults", "POST", L "/pods", NULL, JSON,
			OWN_POD("c", RES("'requests':{'cpu':'20m'},'limits':{'cpu':'2'}")), 403,
			{ "[minimum cpu usage per Container is 50m, but request is 20m, maximum cpu usage per Container is 1, but limit is "
			"2, cpu max limit to request ratio per Container is 4, but provided ratio is 100.000000]" } },
		{ "the pod as a whole", "POST", L "/pods", NULL, JSON, "{'metadata':{'name':'w'},'spec':{'containers':"
			"[{'name':'c','image':'x'},{'name':'d','image':'x'}]}}", 403,
			{ "maximum memory usage per Pod is 100Mi, but limit is 128Mi" } },
		{ "a small claim", "POST", L "/persistentvolumeclaims", NULL, JSON, "{'metadata':{'name':'p'},'spec':"
			"{'accessModes':['ReadWriteOnce'],'resources':{'requests':{'storage':'1Mi'}}}}", 403,
			{ "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi" } },
		{ "a large claim", "POST", L "/persistentvolumeclaims", NULL, JSON, "{'metadata':{'name':'p'},'spec':"
			"{'accessModes':['ReadWriteOnce'],'resources':{'requests':{'storage':'3Gi'}}}}", 403,
			{ "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi" } },
		{ "elsewhere nothing", "POST", PODS, "dryRun=All", JSON, OWN_POD("a", ""), 201, { "\"resources\":{}" } },
	};

	RUN(rows);
}

static void accounts_bring_tokens_and_rules(void **state)
{
#define MIRROR(more) "{'metadata':{'name':'m','annotations':{'kubernetes.io/config.mirror':'x'}},'spec':" \
	"{'nodeName':'n1','containers':[{'name':'c','image':'x'}]" more "}}"
	static const struct step_row rows[] = {
		{ "the default one, with a token", "POST", PODS, "dryRun=All", JSON, POD("p", ""), 201,
			{ "\"serviceAccountName\":\"default\"", "\"serviceAccount\":\"default\"", "/var/run/secrets/kubernetes.io/serviceaccount",
			"\"expirationSeconds\":3607" } },
		{ "without a token", "POST", PODS, "dryRun=All", JSON, POD("p", ",'automountServiceAccountToken':false"), 201, { NULL },
			"kube-api-access" },
		{ "a token volume that is there", "POST", PODS, "dryRun=All", JSON,
			POD("p", ",'volumes':[{'name':'kube-api-access-mine','emptyDir':{}}]"), 201,
			{ "{\"name\":\"kube-api-access-mine\",\"readOnly\":true" }, "3607" },
		{ "nobody", "POST", PODS, NULL, JSON, POD("p", ",'serviceAccountName':'nobody'"), 403,
			{ "error looking up service account default/nobody: serviceaccount \\\"nobody\\\" not found" } },
		{ "one with rules", "POST", DEFAULT "/serviceaccounts", NULL, JSON, "{'metadata':{'name':'r','annotations':"
			"{'kubernetes.io/enforce-mountable-secrets':'true'}},'secrets':[{'name':'mine'}],"
			"'imagePullSecrets':[{'name':'pull'}]}", 201 },
		{ "its secrets", "POST", PODS, "dryRun=All", JSON, POD("p", ",'serviceAccountName':'r','volumes':"
			"[{'name':'v','secret':{'secretName':'mine'}}]"), 201, { "\"imagePullSecrets\":[{\"name\":\"pull\"}]" } },
		{ "others' secrets", "POST", PODS, NULL, JSON, POD("p", ",'serviceAccountName':'r','volumes':"
			"[{'name':'v','secret':{'secretName':'other'}}]"), 403, { "volume with secret.secretName=\\\"other\\\" is not allowed "
			"because service account r does not reference that secret" } },
		{ "by the environment", "POST", PODS, NULL, JSON, "{'metadata':{'name':'p'},'spec':{'serviceAccountName':'r',"
			"'containers':[{'name':'c','image':'x','env':[{'name':'E','valueFrom':{'secretKeyRef':{'name':'other',"
			"'key':'k'}}}]}]}}", 403, { "container c with envVar E referencing secret.secretName=\\\"other\\\" is not allowed" } },
		{ "all of the environment", "POST", PODS, NULL, JSON, "{'metadata':{'name':'p'},'spec':{'serviceAccountName':'r',"
			"'containers':[{'name':'c','image':'x','envFrom':[{'secretRef':{'name':'other'}}]}]}}", 403,
			{ "container c with envFrom referencing secret.secretName=\\\"other\\\" is not allowed" } },
		{ "others' pull secrets", "POST", PODS, NULL, JSON, POD("p", ",'serviceAccountName':'r','imagePullSecrets':"
			"[{'name':'z'}]"), 403, { "imagePullSecrets[0].name=\\\"z\\\" is not allowed because service account r does not "
			"reference that imagePullSecret" } },
		{ "a mirror with an account", "POST", PODS, NULL, JSON, MIRROR(",'serviceAccountName':'default'"), 403,
			{ "a mirror pod may not reference service accounts" } },
		{ "a mirror with a secret", "POST", PODS, NULL, JSON, MIRROR(",'volumes':[{'name':'v','secret':{'secretName':'s'}}]"),
			403, { "a mirror pod may not reference secrets" } },
		{ "a mirror with a token", "POST", PODS, NULL, JSON, MIRROR(",'volumes':[{'name':'v','projected':{'sources':"
			"[{'serviceAccountToken':{'path':'t'}}]}}]"), 403, { "a mirror pod may not use ServiceAccountToken volume projections" } },
		{ "a mirror", "POST", PODS, "dryRun=All", JSON, MIRROR(",'volumes':[{'name':'v','configMap':{'name':'s'}}]"), 201, { NULL },
			"serviceAccount" },
	};

	RUN(rows);
}

static void nodes_keep_to_their_own(void **state)
{
#define N1 "system:node:n1"
#define TOKEN DEFAULT "/serviceaccounts/default/token"
#define MINE(more) "{'metadata':{'name':'m','annotations':{'kubernetes.io/config.mirror':'x'}" more
	static const struct step_row rows[] = {
		{ "its pod and another's", "POST", PODS, NULL, JSON, POD("on1", ",'nodeName':'n1'"), 201 },
		{ "another's", "POST", PODS, NULL, JSON, POD("on2", ",'nodeName':'n2'"), 201 },
		{ "a pod that is no mirror", "POST", PODS, NULL, JSON, POD("p", ",'nodeName':'n1'"), 403,
			{ "pod does not have \\\"kubernetes.io/config.mirror\\\" annotation, node \\\"n1\\\" can only create mirror pods" },
			NULL, N1 },
		{ "a mirror elsewhere", "POST", PODS, NULL, JSON, MINE("},'spec':{'nodeName':'n2','containers':[{'name':'c','image':'x'}]}}"),
			403, { "node \\\"n1\\\" can only create pods with spec.nodeName set to itself" }, NULL, N1 },
		{ "a mirror of nobody", "POST", PODS, NULL, JSON, MINE("},'spec':{'nodeName':'n1','containers':[{'name':'c','image':'x'}]}}"),
			403, { "can only create pods with an owner reference set to itself" }, NULL, N1 },
		{ "a mirror of another node", "POST", PODS, NULL, JSON, MINE(",'ownerReferences':[{'apiVersion':'v1','kind':'Node',"
			"'name':'n1','uid':'u','controller':true}]},'spec':{'nodeName':'n1','containers':[{'name':'c','image':'x'}]}}"),
			403, { "node n1 UID mismatch: expected u got " }, NULL, N1 },
		{ "another's status", "PATCH", PODS "/on2/status", NULL, MERGE, "{'status':{'phase':'Running'}}", 403,
			{ "node \\\"n1\\\" can only update pod status for pods with spec.nodeName set to itself" }, NULL, N1 },
		{ "its status", "PATCH", PODS "/on1/status", NULL, MERGE, "{'status':{'phase':'Running'}}", 200, { NULL }, NULL, N1 },
		{ "labels by the status", "PATCH", PODS "/on1/status", NULL, MERGE, "{'metadata':{'labels':{'a':'b'}}}", 403,
			{ "node \\\"n1\\\" cannot update labels through pod status" }, NULL, N1 },
		{ "another's pod away", "DELETE", PODS "/on2", NULL, JSON, NULL, 403,
			{ "node \\\"n1\\\" can only delete pods with spec.nodeName set to itself" }, NULL, N1 },
		{ "another's eviction", "POST", PODS "/on2/eviction", NULL, JSON, "{'metadata':{'name':'on2'}}", 403,
			{ "node n1 can only evict pods with spec.nodeName set to itself" }, NULL, N1 },
		{ "its own, but there is a budget", "POST", "/apis/policy/v1/namespaces/default/poddisruptionbudgets", NULL, JSON,
			"{'metadata':{'name':'b'},'spec':{'maxUnavailable':1,'selector':{}}}", 201 },
		{ "still another's", "POST", PODS "/on2/eviction", NULL, JSON, "{'metadata':{'name':'on2'}}", 403, { NULL }, NULL, N1 },
		{ "nothing was asked of it", "GET", "/apis/policy/v1/namespaces/default/poddisruptionbudgets/b", NULL, JSON, NULL, 200,
			{ NULL }, "disruptedPods" },
		{ "away with it", "DELETE", "/apis/policy/v1/namespaces/default/poddisruptionbudgets/b", NULL, JSON, NULL, 200 },
		{ "another node", "PATCH", "/api/v1/nodes/n2/status", NULL, MERGE, "{'status':{}}", 404, { NULL }, NULL, N1 },
		{ "a node's making", "POST", "/api/v1/nodes", NULL, JSON, "{'metadata':{'name':'n2'}}", 403,
			{ "node \\\"n1\\\" is not allowed to modify node \\\"n2\\\"" }, NULL, N1 },
		{ "its taints", "PATCH", "/api/v1/nodes/n1", NULL, MERGE, "{'spec':{'taints':null}}", 403,
			{ "node \\\"n1\\\" is not allowed to modify taints" }, NULL, N1 },
		{ "its labels", "PATCH", "/api/v1/nodes/n1", NULL, MERGE, "{'metadata':{'labels':{'kubernetes.io/os':'linux',"
			"'node.kubernetes.io/x':'y','mine':'z'}}}", 200, { NULL }, NULL, N1 },
		{ "labels that are not its", "PATCH", "/api/v1/nodes/n1", NULL, MERGE, "{'metadata':{'labels':"
			"{'x.k8s.io/b':'y','node-restriction.kubernetes.io/a':'y','mine':'u'}}}", 403,
			{ "is not allowed to modify labels: node-restriction.kubernetes.io/a, x.k8s.io/b" }, NULL, N1 },
		{ "a lease elsewhere", "POST", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", NULL, JSON,
			"{'metadata':{'name':'n2'}}", 403, { "can only access node lease with the same name as the requesting node" },
			NULL, N1 },
		{ "its lease", "POST", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", NULL, JSON,
			"{'metadata':{'name':'n1'}}", 201, { NULL }, NULL, N1 },
		{ "a token of nobody", "POST", TOKEN, NULL, JSON, "{'spec':{}}", 403,
			{ "node requested token not bound to a pod" }, NULL, N1 },
		{ "of a pod without its uid", "POST", TOKEN, NULL, JSON, "{'spec':{'boundObjectRef':{'apiVersion':'v1','kind':'Pod',"
			"'name':'on1'}}}", 403, { "node requested token with a pod binding without a uid" }, NULL, N1 },
		{ "of another life of it", "POST", TOKEN, NULL, JSON, "{'spec':{'boundObjectRef':{'apiVersion':'v1','kind':'Pod',"
			"'name':'on1','uid':'u'}}}", 403, { "the UID in the bound object reference (u) does not match the UID in record" }, NULL, N1 },
	};
	/* What a pod mounts is what its node may ask for. */
	static const struct { const char *pod, *audiences, *refusal; } tokens[] = {
		{ "on1", "", NULL },
		{ "on1", "'vault'", "audience \\\"vault\\\" not found in pod spec volume, system:node:n1 is not authorized to request tokens "
			"for this audience" },
		{ "on1", "'a','b'", "node may only request 0 or 1 audiences" },
		{ "aud", "'vault'", NULL },
		{ "csi", "'store'", NULL },
		{ "csi", "'other'", "not found in pod spec volume" },
		{ "on2", "", "node requested token bound to a pod scheduled on a different node" },
	};
	static const struct step_row mounts[] = {
		{ "a driver", "POST", "/apis/storage.k8s.io/v1/csidrivers", NULL, JSON,
			"{'metadata':{'name':'d.io'},'spec':{'tokenRequests':[{'audience':'store'}]}}", 201 },
		{ "its volume", "POST", "/api/v1/persistentvolumes", NULL, JSON, "{'metadata':{'name':'pv'},'spec':{'capacity':"
			"{'storage':'1Gi'},'accessModes':['ReadWriteOnce'],'csi':{'driver':'d.io','volumeHandle':'h'}}}", 201 },
		{ "claimed", "POST", CLAIMS, NULL, JSON, "{'metadata':{'name':'onpv'},'spec':{'accessModes':['ReadWriteOnce'],"
			"'volumeName':'pv','resources':{'requests':{'storage':'1Gi'}}}}", 201 },
		{ "and used", "POST", PODS, NULL, JSON, POD("csi", ",'nodeName':'n1','volumes':[{'name':'v','persistentVolumeClaim':"
			"{'claimName':'onpv'}}]"), 201 },
		{ "a projected one", "POST", PODS, NULL, JSON, POD("aud", ",'nodeName':'n1','volumes':[{'name':'v','projected':"
			"{'sources':[{'serviceAccountToken':{'audience':'vault','path':'t'}}]}}]"), 201 },
	};

	RUN(rows);
	RUN(mounts);
	for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		struct cache_obj *o = cache_get(f.cache, "core/pods", "default", tokens[i].pod);
		char body[512];
		struct step_row row = { tokens[i].audiences, "POST", TOKEN, NULL, JSON, body, tokens[i].refusal ? 403 : 201,
			{ tokens[i].refusal }, NULL, N1 };

		assert_non_null(o);
		snprintf(body, sizeof(body), "{'spec':{'audiences':[%s],'boundObjectRef':{'apiVersion':'v1','kind':'Pod','name':'%s',"
			"'uid':'%s'}}}", tokens[i].audiences, tokens[i].pod, o->uid);
		run(&row, 1);
	}
}

static void new_nodes_are_tainted(void **state)
{
	static const struct step_row rows[] = {
		{ "once", "POST", "/api/v1/nodes", "dryRun=All", JSON, "{'metadata':{'name':'n9'}}", 201,
			{ "\"taints\":[{\"key\":\"node.kubernetes.io/not-ready\",\"effect\":\"NoSchedule\"}]" } },
		{ "not twice", "POST", "/api/v1/nodes", "dryRun=All", JSON, "{'metadata':{'name':'n9'},'spec':{'taints':"
			"[{'key':'node.kubernetes.io/not-ready','effect':'NoSchedule'}]}}", 201,
			{ "\"taints\":[{\"key\":\"node.kubernetes.io/not-ready\",\"effect\":\"NoSchedule\"}]" } },
	};

	RUN(rows);
}

static void priorities_come_from_classes(void **state)
{
#define CLASSES "/apis/scheduling.k8s.io/v1/priorityclasses"
	static const struct step_row rows[] = {
		{ "none", "POST", PODS, "dryRun=All", JSON, POD("p", ""), 201, { "\"priority\":0",
			"\"preemptionPolicy\":\"PreemptLowerPriority\"" } },
		{ "one that is not", "POST", PODS, NULL, JSON, POD("p", ",'priorityClassName':'high'"), 403,
			{ "no PriorityClass with name high was found" } },
		{ "high", "POST", CLASSES, NULL, JSON, "{'metadata':{'name':'high'},'value':1000,'preemptionPolicy':'Never'}", 201 },
		{ "by name", "POST", PODS, "dryRun=All", JSON, POD("p", ",'priorityClassName':'high'"), 201,
			{ "\"priority\":1000", "\"preemptionPolicy\":\"Never\"" } },
		{ "another number", "POST", PODS, NULL, JSON, POD("p", ",'priorityClassName':'high','priority':5"), 403,
			{ "the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 1000 "
			"from the given PriorityClass name" } },
		{ "another policy", "POST", PODS, NULL, JSON,
			POD("p", ",'priorityClassName':'high','preemptionPolicy':'PreemptLowerPriority'"), 403,
			{ "the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec" } },
		{ "system classes anywhere", "POST", PODS, "dryRun=All", JSON,
			POD("p", ",'priorityClassName':'system-cluster-critical'"), 201, { "\"priority\":2000000000" } },
		{ "a default", "POST", CLASSES, NULL, JSON, "{'metadata':{'name':'usual'},'value':7,'globalDefault':true}", 201 },
		{ "a second", "POST", CLASSES, NULL, JSON, "{'metadata':{'name':'usual2'},'value':8,'globalDefault':true}", 403,
			{ "PriorityClass usual is already marked as default. Only one default can exist" } },
		{ "itself again", "PATCH", CLASSES "/usual", NULL, MERGE, "{'description':'d'}", 200 },
		{ "taken", "POST", PODS, "dryRun=All", JSON, POD("p", ""), 201, { "\"priority\":7", "\"priorityClassName\":\"usual\"" } },
		{ "away", "DELETE", CLASSES "/usual", NULL, JSON, NULL, 200 },
	};

	RUN(rows);
}

static void pods_stay_five_minutes_on_nodes_away(void **state)
{
	static const struct step_row rows[] = {
		{ "both", "POST", PODS, "dryRun=All", JSON, POD("p", ""), 201, {
			"{\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":300}",
			"{\"key\":\"node.kubernetes.io/unreachable\",\"operator\":\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":300}" } },
		{ "who stands all stands these", "POST", PODS, "dryRun=All", JSON, POD("p", ",'tolerations':[{'operator':'Exists'}]"), 201,
			{ NULL }, "tolerationSeconds" },
		{ "of one effect only", "POST", PODS, "dryRun=All", JSON, POD("p",
			",'tolerations':[{'key':'node.kubernetes.io/not-ready','operator':'Exists','effect':'NoSchedule'}]"), 201,
			{ "\"effect\":\"NoSchedule\"},{\"key\":\"node.kubernetes.io/not-ready\"" } },
	};

	RUN(rows);
}

static void classes_have_defaults(void **state)
{
#define SC "/apis/storage.k8s.io/v1/storageclasses"
#define IC "/apis/networking.k8s.io/v1/ingressclasses"
#define ING "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
#define CLAIM(name, more) "{'metadata':{'name':'" name "'},'spec':{'accessModes':['ReadWriteOnce'],'resources':" \
	"{'requests':{'storage':'1Gi'}}" more "}}"
#define INGRESS "{'metadata':{'name':'i'},'spec':{'defaultBackend':{'service':{'name':'s','port':{'number':80}}}}}"
	static const struct step_row rows[] = {
		{ "no default", "POST", CLAIMS, "dryRun=All", JSON, CLAIM("c", ""), 201, { NULL }, "storageClassName" },
		{ "a class", "POST", SC, NULL, JSON, "{'metadata':{'name':'gold','annotations':"
			"{'storageclass.kubernetes.io/is-default-class':'true'}},'provisioner':'x.io/y','allowVolumeExpansion':true}", 201 },
		{ "the default", "POST", CLAIMS, "dryRun=All", JSON, CLAIM("c", ""), 201, { "\"storageClassName\":\"gold\"" } },
		{ "none by wish", "POST", CLAIMS, "dryRun=All", JSON, CLAIM("c", ",'storageClassName':''"), 201,
			{ "\"storageClassName\":\"\"" } },
		{ "no ingress class", "POST", ING, "dryRun=All", JSON, INGRESS, 201, { NULL }, "ingressClassName" },
		{ "one", "POST", IC, NULL, JSON, "{'metadata':{'name':'a','annotations':"
			"{'ingressclass.kubernetes.io/is-default-class':'true'}},'spec':{'controller':'x.io/y'}}", 201 },
		{ "its name", "POST", ING, "dryRun=All", JSON, INGRESS, 201, { "\"ingressClassName\":\"a\"" } },
		{ "two", "POST", IC, NULL, JSON, "{'metadata':{'name':'b','annotations':"
			"{'ingressclass.kubernetes.io/is-default-class':'true'}},'spec':{'controller':'x.io/y'}}", 201 },
		{ "the younger one, or the first", "POST", ING, "dryRun=All", JSON, INGRESS, 201, { "\"ingressClassName\":\"" } },
	};

	RUN(rows);
}

static void claims_are_protected_and_grow_by_rules(void **state)
{
	static const struct step_row rows[] = {
		{ "a finalizer", "POST", CLAIMS, NULL, JSON, CLAIM("grow", ",'storageClassName':'gold'"), 201,
			{ "\"finalizers\":[\"kubernetes.io/pvc-protection\"]" } },
		{ "of a volume too", "POST", "/api/v1/persistentvolumes", "dryRun=All", JSON, "{'metadata':{'name':'v'},'spec':"
			"{'capacity':{'storage':'1Gi'},'accessModes':['ReadWriteOnce'],'hostPath':{'path':'/x'}}}", 201,
			{ "\"finalizers\":[\"kubernetes.io/pv-protection\"]" } },
		{ "not bound", "PATCH", CLAIMS "/grow", NULL, MERGE, "{'spec':{'resources':{'requests':{'storage':'2Gi'}}}}", 422,
			{ "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims" } },
		{ "bound", "PATCH", CLAIMS "/grow/status", NULL, MERGE, "{'status':{'phase':'Bound','capacity':{'storage':'1Gi'}}}", 200 },
		{ "grows", "PATCH", CLAIMS "/grow", "dryRun=All", MERGE, "{'spec':{'resources':{'requests':{'storage':'2Gi'}}}}", 200 },
		{ "the class says no", "PATCH", SC "/gold", NULL, MERGE, "{'allowVolumeExpansion':false}", 200 },
		{ "no more", "PATCH", CLAIMS "/grow", NULL, MERGE, "{'spec':{'resources':{'requests':{'storage':'2Gi'}}}}", 403,
			{ "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize" } },
	};

	RUN(rows);
}

static void runtime_classes_bring_overhead_and_places(void **state)
{
#define RC "/apis/node.k8s.io/v1/runtimeclasses"
	static const struct step_row rows[] = {
		{ "none", "POST", PODS, NULL, JSON, POD("p", ",'runtimeClassName':'vm'"), 403,
			{ "pod rejected: RuntimeClass \\\"vm\\\" not found" } },
		{ "one", "POST", RC, NULL, JSON, "{'metadata':{'name':'vm'},'handler':'vm','overhead':{'podFixed':{'cpu':'50m'}},"
			"'scheduling':{'nodeSelector':{'vm':'yes'},'tolerations':[{'key':'vm','operator':'Exists'}]}}", 201 },
		{ "taken over", "POST", PODS, "dryRun=All", JSON, POD("p", ",'runtimeClassName':'vm'"), 201,
			{ "\"overhead\":{\"cpu\":\"50m\"}", "\"nodeSelector\":{\"vm\":\"yes\"}", "{\"key\":\"vm\",\"operator\":\"Exists\"}" } },
		{ "a conflict", "POST", PODS, NULL, JSON, POD("p", ",'runtimeClassName':'vm','nodeSelector':{'vm':'no'}"), 403,
			{ "conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no" } },
		{ "another overhead", "POST", PODS, NULL, JSON, POD("p", ",'runtimeClassName':'vm','overhead':{'cpu':'1'}"), 403,
			{ "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead" } },
		{ "overhead by hand", "POST", PODS, NULL, JSON, POD("p", ",'overhead':{'cpu':'1'}"), 403,
			{ "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead" } },
	};

	RUN(rows);
}

static void pods_learn_where_their_node_is(void **state)
{
	static const struct step_row rows[] = {
		{ "bound at birth", "POST", PODS, "dryRun=All", JSON, POD("p", ",'nodeName':'n1'"), 201,
			{ "\"topology.kubernetes.io/zone\":\"z1\"" } },
		{ "a pod", "POST", PODS, NULL, JSON, POD("where", ""), 201, { NULL }, "topology" },
		{ "bound later", "POST", PODS "/where/binding", NULL, JSON,
			"{'metadata':{'name':'where'},'target':{'kind':'Node','name':'n1'}}", 201 },
		{ "knows", "GET", PODS "/where", NULL, JSON, NULL, 200, { "\"topology.kubernetes.io/zone\":\"z1\"",
			"{\"type\":\"PodScheduled\",\"observedGeneration\":1,\"status\":\"True\"" } },
	};

	RUN(rows);
}

/* Off until asked for; then owners need the right to delete, and to their finalizers. */
static void owners_need_rights_when_asked_for(void **state)
{
#define OWNED(block) "{'metadata':{'name':'o','ownerReferences':[{'apiVersion':'apps/v1','kind':'Deployment','name':'d'," \
	"'uid':'u','blockOwnerDeletion':" block "}]}}"
	static const struct step_row may_make[] = {
		{ "a role", "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles", NULL, JSON,
			"{'metadata':{'name':'cms'},'rules':[{'apiGroups':[''],'resources':['configmaps'],'verbs':['create','patch']}]}", 201 },
		{ "for eve", "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", NULL, JSON,
			"{'metadata':{'name':'cms'},'roleRef':{'apiGroup':'rbac.authorization.k8s.io','kind':'Role','name':'cms'},"
			"'subjects':[{'kind':'User','name':'eve','apiGroup':'rbac.authorization.k8s.io'}]}", 201 },
		{ "off: all goes", "POST", CM, "dryRun=All", JSON, OWNED("true"), 201, { NULL }, NULL, "eve" },
	};
	static const struct step_row rows[] = {
		{ "a new object", "POST", CM, NULL, JSON, OWNED("false"), 201, { NULL }, NULL, "eve" },
		{ "that blocks", "POST", CM, NULL, JSON, OWNED("true"), 403, { "cannot set blockOwnerDeletion if an ownerReference "
			"refers to a resource you can't set finalizers on" }, NULL, "eve" },
		{ "other owners", "PATCH", CM "/o", NULL, MERGE, "{'metadata':{'ownerReferences':null}}", 403,
			{ "cannot set an ownerRef on a resource you can't delete" }, NULL, "eve" },
		{ "all else", "PATCH", CM "/o", NULL, MERGE, "{'data':{'a':'b'}}", 200, { NULL }, NULL, "eve" },
	};
	struct err e = { 0 };

	RUN(may_make);
	assert_int_equal(admit_configure(f.api, "OwnerReferencesPermissionEnforcement", NULL, &e), 0);
	RUN(rows);
	assert_int_equal(admit_configure(f.api, "Nonsense", NULL, &e), -ERR_BAD_REQUEST);
	assert_non_null(strstr(e.msg, "Nonsense"));
	assert_int_equal(admit_configure(f.api, NULL, NULL, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(namespaces_that_are_not_or_end_take_nothing),
		cmocka_unit_test(limit_ranges_default_and_bound),
		cmocka_unit_test(accounts_bring_tokens_and_rules),
		cmocka_unit_test(nodes_keep_to_their_own),
		cmocka_unit_test(new_nodes_are_tainted),
		cmocka_unit_test(priorities_come_from_classes),
		cmocka_unit_test(pods_stay_five_minutes_on_nodes_away),
		cmocka_unit_test(classes_have_defaults),
		cmocka_unit_test(claims_are_protected_and_grow_by_rules),
		cmocka_unit_test(runtime_classes_bring_overhead_and_places),
		cmocka_unit_test(pods_learn_where_their_node_is),
		cmocka_unit_test(owners_need_rights_when_asked_for),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
