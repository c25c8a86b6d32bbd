/* SPDX-License-Identifier: Apache-2.0 */
/* requests - tables of (request, status, what the answer must hold). */
#include "rows.h"

#include <pthread.h>

#include "base/workers.h"
#include "store/store_priv.h"

static int open_fixture(void **state)
{
	fixture_open(&f, "mem:", false);
	return 0;
}

static int close_fixture(void **state)
{
	fixture_close(&f);
	return 0;
}

static void configmaps_live_and_die(void **state)
{
	static const struct step_row rows[] = {
		{ "missing", "GET", CM "/a", NULL, JSON, NULL, 404, { "configmaps \\\"a\\\" not found",
			"\"details\":{\"name\":\"a\",\"kind\":\"configmaps\"}" } },
		{ "create", "POST", CM, "fieldManager=me", JSON,
			"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}", 201,
			{ "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"namespace\":\"default\",\"uid\":",
			"\"resourceVersion\":\"", "\"manager\":\"me\",\"operation\":\"Update\"", "\"data\":{\"k\":\"v\"}" } },
		{ "again", "POST", CM, NULL, JSON,
			"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}", 409,
			{ "configmaps \\\"a\\\" already exists", "AlreadyExists" } },
		{ "get", "GET", CM "/a", NULL, JSON, NULL, 200, { "\"k\":\"v\"" } },
		{ "dry run", "POST", CM, "dryRun=All", JSON, "{\"metadata\":{\"name\":\"dry\"}}", 201, { "\"name\":\"dry\"" },
			"resourceVersion" },
		{ "dry run left nothing", "GET", CM "/dry", NULL, JSON, NULL, 404 },
		{ "bad dry run", "POST", CM, "dryRun=Some", JSON, "{\"metadata\":{\"name\":\"dry\"}}", 422,
			{ "CreateOptions.meta.k8s.io \\\"\\\" is invalid: dryRun: Unsupported value: [\\\"Some\\\"]: supported values: \\\"All\\\"" } },
		{ "generated name", "POST", CM, NULL, JSON, "{\"metadata\":{\"generateName\":\"gen-\"}}", 201,
			{ "\"name\":\"gen-" } },
		{ "bad name", "POST", CM, NULL, JSON, "{\"metadata\":{\"name\":\"Bad_Name\"}}", 422,
			{ "ConfigMap \\\"Bad_Name\\\" is invalid: metadata.name: Invalid value" } },
		{ "no name", "POST", CM, NULL, JSON, "{\"metadata\":{}}", 422,
			{ "metadata.name: Required value: name or generateName is required" } },
		{ "other namespace", "POST", CM, NULL, JSON, "{\"metadata\":{\"name\":\"x\",\"namespace\":\"other\"}}", 400,
			{ "the namespace of the provided object does not match the namespace sent on the request" } },
		{ "no such namespace", "POST", "/api/v1/namespaces/nons/configmaps", NULL, JSON, "{\"metadata\":{\"name\":\"x\"}}", 404,
			{ "namespaces \\\"nons\\\" not found" } },
		{ "bad json", "POST", CM, NULL, JSON, "{bad", 400, { "the object provided is unrecognized (must be of type ConfigMap)" } },
		{ "wrong type", "POST", CM, NULL, JSON, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":1}}", 400,
			{ "ConfigMap in version \\\"v1\\\" cannot be handled as a ConfigMap" } },
		{ "unknown media type", "POST", CM, NULL, "text/plain", "{}", 415, { "UnsupportedMediaType" } },
		{ "strict", "POST", CM, "fieldValidation=Strict", JSON, "{\"metadata\":{\"name\":\"s\"},\"foo\":1}", 400,
			{ "strict decoding error: unknown field \\\"foo\\\"" } },
		{ "stale update", "PUT", CM "/a", NULL, JSON, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\"}}", 409,
			{ "the object has been modified; please apply your changes to the latest version and try again" } },
		{ "another's uid", "PUT", CM "/a", NULL, JSON, "{\"metadata\":{\"name\":\"a\",\"uid\":\"zz\"}}", 409,
			{ "Precondition failed: UID in precondition: zz, UID in object meta: " } },
		{ "another's name", "PUT", CM "/a", NULL, JSON, "{\"metadata\":{\"name\":\"b\"}}", 400,
			{ "the name of the object (b) does not match the name on the URL (a)" } },
		{ "update of nothing", "PUT", CM "/zz", NULL, JSON, "{\"metadata\":{\"name\":\"zz\"}}", 404 },
		{ "update", "PUT", CM "/a", NULL, JSON, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"w\"}}", 200, { "\"k\":\"w\"" } },
		{ "merge patch", "PATCH", CM "/a", NULL, MERGE, "{\"data\":{\"k\":null,\"z\":\"1\"}}", 200, { "\"data\":{\"z\":\"1\"}" } },
		{ "patch of a stale revision", "PATCH", CM "/a", NULL, MERGE, "{\"metadata\":{\"resourceVersion\":\"1\"}}", 409 },
		{ "json patch", "PATCH", CM "/a", NULL, JSONPATCH, "[{\"op\":\"add\",\"path\":\"/data/y\",\"value\":\"2\"}]", 200,
			{ "\"y\":\"2\"" } },
		{ "json patch that fails", "PATCH", CM "/a", NULL, JSONPATCH, "[{\"op\":\"remove\",\"path\":\"/data/none\"}]", 422 },
		{ "patch as json", "PATCH", CM "/a", NULL, "application/json", "{}", 415 },
		{ "apply without a manager", "PATCH", CM "/a", NULL, APPLY, "{}", 422,
			{ "PatchOptions.meta.k8s.io \\\"\\\" is invalid: fieldManager: Required value: is required for apply patch" } },
		{ "apply over another's field", "PATCH", CM "/a", "fieldManager=m1", APPLY,
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {z: \"2\"}\n", 409,
			{ "Apply failed with 1 conflict: conflict with", ".data.z", "FieldManagerConflict" } },
		{ "apply by force", "PATCH", CM "/a", "fieldManager=m1&force=true", APPLY,
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {z: \"2\"}\n", 200,
			{ "\"manager\":\"m1\",\"operation\":\"Apply\"", "\"z\":\"2\"" } },
		{ "apply creates", "PATCH", CM "/new", "fieldManager=m1", APPLY,
			"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"new\"},\"data\":{\"q\":\"2\"}}", 201 },
		{ "delete of another uid", "DELETE", CM "/a", NULL, JSON,
			"{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"preconditions\":{\"uid\":\"nope\"}}", 409,
			{ "the UID in the precondition (nope) does not match the UID in record" } },
		{ "delete", "DELETE", CM "/a", NULL, JSON, NULL, 200,
			{ "\"status\":\"Success\",\"details\":{\"name\":\"a\",\"kind\":\"configmaps\",\"uid\":" } },
		{ "gone", "GET", CM "/a", NULL, JSON, NULL, 404 },
		{ "bad propagation", "DELETE", CM "/new", NULL, JSON, "{\"propagationPolicy\":\"Nope\"}", 422,
			{ "DeleteOptions.meta.k8s.io \\\"\\\" is invalid: propagationPolicy: Unsupported value: \\\"Nope\\\"" } },
	};

	RUN(rows);
}

static void paths_and_kinds(void **state)
{
	static const struct step_row rows[] = {
		{ "resource", "GET", "/api/v1/foos", NULL, JSON, NULL, 404, { "the server could not find the requested resource" } },
		{ "group", "GET", "/apis/x.io/v1/foos", NULL, JSON, NULL, 404, { "404 page not found" } },
		{ "path", "GET", "/nope", NULL, JSON, NULL, 404 },
		{ "method", "POST", CM "/a", NULL, JSON, "{}", 405, { "MethodNotAllowed" } },
		{ "health", "GET", "/healthz", NULL, JSON, NULL, 200, { "ok" } },
		{ "readiness", "GET", "/readyz", "verbose", JSON, NULL, 200, { "readyz check passed" } },
		{ "version", "GET", "/version", NULL, JSON, NULL, 200, { "\"major\":\"1\"" } },
		{ "metrics", "GET", "/metrics", NULL, JSON, NULL, 200, { "apiserver_request_total{component=\"apiserver\",dry_run=\"\",verb=\"POST\",group=\"\",version=\"v1\",resource=\"configmaps\"" } },
		{ "a timeout", "GET", PODS, "timeout=32s", JSON, NULL, 200 },
		{ "no timeout", "GET", PODS, "timeout=soon", JSON, NULL, 400, { "invalid timeout specified in the request URL - time: invalid duration \\\"soon\\\"" } },
		{ "one without unit", "GET", PODS, "timeout=5", JSON, NULL, 400, { "missing unit in duration" } },
		{ "core versions", "GET", "/api", NULL, JSON, NULL, 200, { "APIVersions" } },
		{ "groups", "GET", "/apis/", NULL, JSON, NULL, 200, { "APIGroupList", "\"groupVersion\":\"apps/v1\"" } },
		{ "group", "GET", "/apis/apps", NULL, JSON, NULL, 200, { "\"kind\":\"APIGroup\"" } },
		{ "resources", "GET", "/apis/apps/v1", NULL, JSON, NULL, 200, { "deployments/scale", "\"shortNames\":[\"deploy\"]" } },
		{ "roots", "GET", "/", NULL, JSON, NULL, 200, { "\"/apis/apps/v1\"" } },
		{ "schemas", "GET", "/openapi/v3", NULL, JSON, NULL, 200, { "\"apis/apps/v1\":{\"serverRelativeURL\":" } },
		{ "a schema", "GET", "/openapi/v3/apis/apps/v1", NULL, JSON, NULL, 200, { "x-kubernetes-group-version-kind" } },
	};

	RUN(rows);
}

static void health_is_told_by_what_is_known(void **state)
{
	static const struct step_row well[] = {
		{ "each by name", "GET", "/livez", "verbose", JSON, NULL, 200, { "[+]ping ok\n", "[+]etcd ok\n",
			"[+]poststarthook/rbac/bootstrap-roles ok\n", "livez check passed\n" }, "shutdown" },
		{ "readiness has more", "GET", "/readyz", "verbose", JSON, NULL, 200, { "[+]etcd-readiness ok\n", "[+]shutdown ok\n" } },
		{ "one alone", "GET", "/livez/poststarthook/rbac/bootstrap-roles", NULL, JSON, NULL, 200, { "ok" } },
		{ "one that there is not", "GET", "/livez/shutdown", NULL, JSON, NULL, 404 },
		{ "left out", "GET", "/livez", "verbose&exclude=etcd&exclude=ping", JSON, NULL, 200, { "[+]ping excluded: ok\n[+]log ok\n"
			"[+]etcd excluded: ok\n" }, "warn" },
		{ "none of that name", "GET", "/livez", "verbose&exclude=z&exclude=a&exclude=z&exclude=etcd", JSON, NULL, 200,
			{ "warn: some health checks cannot be excluded: no matches for \"a\",\"z\"\nlivez check passed" } },
	};
	static const struct step_row ill[] = {
		{ "the disk takes nothing", "GET", "/livez", NULL, JSON, NULL, 500, { "[-]etcd failed: reason withheld\n", "livez check failed\n" } },
		{ "nor is it ready", "GET", "/readyz", NULL, JSON, NULL, 500, { "[-]etcd-readiness failed" } },
		{ "the reason", "GET", "/readyz/etcd", NULL, JSON, NULL, 500, { "internal server error: etcd failed: the store does not take writes" } },
		{ "but for that", "GET", "/readyz", "exclude=etcd&exclude=etcd-readiness", JSON, NULL, 200, { "ok" } },
	};

	RUN(well);
	f.store->failing = true;
	RUN(ill);
	assert_int_equal(fixture_call(&f, "POST", CM, NULL, NULL, "{\"metadata\":{\"name\":\"it-writes\"}}"), 201);
	assert_false(f.store->failing);
	assert_int_equal(fixture_call(&f, "DELETE", CM "/it-writes", NULL, NULL, NULL), 200);
}

static bool controllers_run;

static bool told(void *arg)
{
	return *(const bool *)arg;
}

static void components_are_what_they_are(void **state)
{
#define CS "/api/v1/componentstatuses"
	static const struct step_row unknown[] = {
		{ "the store alone", "GET", CS, NULL, JSON, NULL, 200, { "\"items\":[{\"metadata\":{\"name\":\"etcd-0\"},\"conditions\":[{"
			"\"type\":\"Healthy\",\"status\":\"True\",\"message\":\"ok\"}]}]" } },
		{ "no scheduler", "GET", CS "/scheduler", NULL, JSON, NULL, 404 },
	};
	static const struct step_row running[] = {
		{ "all", "GET", CS, NULL, JSON, NULL, 200, { "\"controller-manager\"", "\"etcd-0\"", "\"scheduler\"" }, "False" },
		{ "one", "GET", CS "/scheduler", NULL, JSON, NULL, 200, { "\"kind\":\"ComponentStatus\"", "\"status\":\"True\",\"message\":\"ok\"" } },
		{ "selected", "GET", CS, "fieldSelector=metadata.name%3Detcd-0", JSON, NULL, 200, { "etcd-0" }, "scheduler" },
		{ "by labels they have not", "GET", CS, "labelSelector=a", JSON, NULL, 200, { "\"items\":[]" } },
	};
	static const struct step_row ill[] = {
		{ "neither runs", "GET", CS "/scheduler", NULL, JSON, NULL, 200, { "\"status\":\"False\"" } },
		{ "nor are writes taken", "GET", CS "/etcd-0", NULL, JSON, NULL, 200, { "\"status\":\"False\",\"message\":\"the store does not take writes\"" } },
	};

	RUN(unknown);
	f.api->controllers_run = told;
	f.api->controllers_arg = &controllers_run;
	controllers_run = true;
	RUN(running);
	controllers_run = false;
	f.store->failing = true;
	RUN(ill);
	f.store->failing = false;
	f.api->controllers_run = NULL;
}

static void deployments_get_defaults(void **state)
{
	static const char web[] = "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},\"spec\":{\"selector\":"
		"{\"matchLabels\":{\"app\":\"w\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"w\"}},\"spec\":{\"containers\":[{\"name\":\"c\","
		"\"image\":\"nginx\",\"ports\":[{\"containerPort\":80}],\"resources\":{\"limits\":{\"cpu\":\"0.5\",\"memory\":\"1024Mi\"}}}]}}}}";
	static const struct step_row rows[] = {
		{ "create", "POST", DEPLOYS, NULL, JSON, web, 201,
			{ "\"generation\":1", "\"cpu\":\"500m\",\"memory\":\"1Gi\"", "\"progressDeadlineSeconds\":600", "\"maxSurge\":\"25%\"" } },
		{ "immutable selector", "PATCH", DEPLOYS "/web", NULL, STRATEGIC, "{\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"z\"}}}}", 422,
			{ "field is immutable" } },
		{ "scale", "GET", DEPLOYS "/web/scale", NULL, JSON, NULL, 200,
			{ "\"kind\":\"Scale\",\"apiVersion\":\"autoscaling/v1\"", "\"spec\":{\"replicas\":1},\"status\":{\"replicas\":0,\"selector\":\"app=w\"}" } },
		{ "scaled", "PATCH", DEPLOYS "/web/scale", NULL, MERGE, "{\"spec\":{\"replicas\":3}}", 200, { "\"spec\":{\"replicas\":3}" } },
		{ "is scaled", "GET", DEPLOYS "/web", NULL, JSON, NULL, 200, { "\"replicas\":3", "\"generation\":2" } },
		{ "status", "PATCH", DEPLOYS "/web/status", NULL, MERGE, "{\"status\":{\"replicas\":2},\"spec\":{\"replicas\":7}}", 200,
			{ "\"status\":{\"replicas\":2", "\"generation\":2", "\"replicas\":3" }, "\"replicas\":7" },
		{ "strategic", "PATCH", DEPLOYS "/web", NULL, STRATEGIC,
			"{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"nginx:2\"}]}}}}", 200,
			{ "\"image\":\"nginx:2\"", "\"containerPort\":80", "\"generation\":3" } },
		{ "order that does not match", "PATCH", DEPLOYS "/web", NULL, STRATEGIC,
			"{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"nginx:2\"},{\"name\":\"d\",\"image\":\"x\"}],"
			"\"$setElementOrder/containers\":[{\"name\":\"d\"},{\"name\":\"c\"}]}}}}", 500, { "doesn't match $setElementOrder list" } },
		{ "foreground", "DELETE", DEPLOYS "/web", "propagationPolicy=Foreground", JSON, NULL, 200,
			{ "\"finalizers\":[\"foregroundDeletion\"]", "\"deletionGracePeriodSeconds\":0", "\"deletionTimestamp\":\"" } },
		{ "still there", "GET", DEPLOYS "/web", NULL, JSON, NULL, 200 },
		{ "last finalizer", "PATCH", DEPLOYS "/web", NULL, MERGE, "{\"metadata\":{\"finalizers\":null}}", 200 },
		{ "gone", "GET", DEPLOYS "/web", NULL, JSON, NULL, 404 },
	};

	RUN(rows);
}

static void pods_are_bound_and_end(void **state)
{
	static const char p[] = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"nginx\"}]}}";
	static const struct step_row rows[] = {
		{ "no account", "POST", PODS, NULL, JSON, p, 403,
			{ "pods \\\"p\\\" is forbidden: error looking up service account default/default: serviceaccount \\\"default\\\" not found" } },
		{ "account", "POST", "/api/v1/namespaces/default/serviceaccounts", NULL, JSON, "{\"metadata\":{\"name\":\"default\"}}", 201 },
		{ "create", "POST", PODS, NULL, JSON, p, 201,
			{ "\"serviceAccountName\":\"default\",\"serviceAccount\":\"default\"", "\"name\":\"kube-api-access-",
			"\"tolerationSeconds\":300", "\"qosClass\":\"BestEffort\"" } },
		{ "priority and mount", "GET", PODS "/p", NULL, JSON, NULL, 200,
			{ "\"priority\":0", "\"preemptionPolicy\":\"PreemptLowerPriority\"",
			"\"readOnly\":true,\"mountPath\":\"/var/run/secrets/kubernetes.io/serviceaccount\"", "\"phase\":\"Pending\"" } },
		{ "node by hand", "PATCH", PODS "/p", NULL, MERGE, "{\"spec\":{\"nodeName\":\"n\"}}", 422,
			{ "pod updates may not change fields other than" } },
		{ "binding", "POST", PODS "/p/binding", NULL, JSON,
			"{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Node\",\"name\":\"n1\"}}", 201,
			{ "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\",\"code\":201}" } },
		{ "binding twice", "POST", PODS "/p/binding", NULL, JSON,
			"{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Node\",\"name\":\"n2\"}}", 409,
			{ "Operation cannot be fulfilled on pods/binding \\\"p\\\": pod p is already assigned to node \\\"n1\\\"" } },
		{ "status", "PATCH", PODS "/p/status", NULL, MERGE, "{\"status\":{\"phase\":\"Running\"},\"metadata\":{\"labels\":{\"a\":\"x\"}}}", 200,
			{ "\"phase\":\"Running\"", "\"labels\":{\"a\":\"x\"}", "\"nodeName\":\"n1\"" } },
		{ "on its node", "GET", "/api/v1/pods", "fieldSelector=spec.nodeName%3Dn1", JSON, NULL, 200, { "\"name\":\"p\"" } },
		{ "on another", "GET", "/api/v1/pods", "fieldSelector=spec.nodeName%3Dn2", JSON, NULL, 200, { "\"items\":[]" } },
		{ "unknown field", "GET", PODS, "fieldSelector=spec.foo%3Dx", JSON, NULL, 400, { "field label not supported: spec.foo" } },
		{ "bad selector", "GET", PODS, "labelSelector=a%3D%3D%3Db", JSON, NULL, 400, { "unable to parse requirement: found '='" } },
		{ "graceful", "DELETE", PODS "/p", "gracePeriodSeconds=30", JSON, NULL, 200,
			{ "\"deletionGracePeriodSeconds\":30", "\"deletionTimestamp\":\"" } },
		{ "longer changes nothing", "DELETE", PODS "/p", "gracePeriodSeconds=60", JSON, NULL, 200, { "\"deletionGracePeriodSeconds\":30" } },
		{ "at once", "DELETE", PODS "/p", NULL, JSON, "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"gracePeriodSeconds\":0}", 200,
			{ "\"deletionGracePeriodSeconds\":0", "\"kind\":\"Pod\"" } },
		{ "gone", "GET", PODS "/p", NULL, JSON, NULL, 404 },
		{ "no containers", "POST", PODS, NULL, JSON, "{\"metadata\":{\"name\":\"p2\"},\"spec\":{\"containers\":[]}}", 422,
			{ "spec.containers: Required value" } },
	};

	RUN(rows);
}

static void services_get_addresses(void **state)
{
	static const struct step_row rows[] = {
		{ "the API's own", "GET", SVCS "/kubernetes", NULL, JSON, NULL, 200, { "\"clusterIP\":\"10.96.0.1\"" } },
		{ "the name server's", "GET", "/api/v1/namespaces/kube-system/services/kube-dns", NULL, JSON, NULL, 200,
			{ "\"clusterIP\":\"10.96.0.10\"" } },
		{ "node port", "POST", SVCS, NULL, JSON,
			"{\"metadata\":{\"name\":\"s\"},\"spec\":{\"selector\":{\"a\":\"b\"},\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"nodePort\":30080}]}}", 201,
			{ "\"clusterIP\":\"10.96.", "\"nodePort\":30080", "\"ipFamilies\":[\"IPv4\"]", "\"targetPort\":80" } },
		{ "same port", "POST", SVCS, NULL, JSON,
			"{\"metadata\":{\"name\":\"s2\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"nodePort\":30080}]}}", 422,
			{ "provided port is already allocated" } },
		{ "same port again", "POST", SVCS, NULL, JSON,
			"{\"metadata\":{\"name\":\"s2\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"nodePort\":80}]}}", 422,
			{ "provided port is not in the valid range. The range of valid ports is 30000-32767" } },
		{ "address outside", "POST", SVCS, NULL, JSON,
			"{\"metadata\":{\"name\":\"s3\"},\"spec\":{\"clusterIP\":\"10.1.1.1\",\"ports\":[{\"port\":80}]}}", 422, { "is not in the valid range" } },
		{ "address taken", "POST", SVCS, NULL, JSON,
			"{\"metadata\":{\"name\":\"s3\"},\"spec\":{\"clusterIP\":\"10.96.0.1\",\"ports\":[{\"port\":80}]}}", 422, { "already allocated" } },
		{ "headless", "POST", SVCS, NULL, JSON,
			"{\"metadata\":{\"name\":\"h\"},\"spec\":{\"clusterIP\":\"None\",\"ports\":[{\"port\":80}]}}", 201, { "\"clusterIPs\":[\"None\"]" } },
		{ "delete gives back", "DELETE", SVCS "/s", NULL, JSON, NULL, 200 },
		{ "port is free again", "POST", SVCS, NULL, JSON,
			"{\"metadata\":{\"name\":\"s2\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"nodePort\":30080}]}}", 201 },
		{ "to ClusterIP", "PATCH", SVCS "/s2", NULL, MERGE, "{\"spec\":{\"type\":\"ClusterIP\",\"ports\":[{\"port\":80,\"nodePort\":null}]}}", 200, { "\"type\":\"ClusterIP\"" }, "nodePort\":3" },
		{ "port is free once more", "POST", SVCS, NULL, JSON,
			"{\"metadata\":{\"name\":\"s4\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"nodePort\":30080}]}}", 201 },
		{ "another's port, named twice", "POST", SVCS, NULL, JSON,
			"{\"metadata\":{\"name\":\"s5\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":53,\"protocol\":\"TCP\",\"name\":\"tcp\",\"nodePort\":30080},{\"port\":53,\"protocol\":\"UDP\",\"name\":\"udp\",\"nodePort\":30080}]}}", 422,
			{ "spec.ports[0].nodePort", "provided port is already allocated" } },
		{ "one port of two protocols", "POST", SVCS, NULL, JSON,
			"{\"metadata\":{\"name\":\"s5\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":53,\"protocol\":\"TCP\",\"name\":\"tcp\"},{\"port\":53,\"protocol\":\"UDP\",\"name\":\"udp\",\"nodePort\":30053}]}}", 201,
			{ "\"protocol\":\"TCP\",\"port\":53,\"targetPort\":53,\"nodePort\":30053", "\"protocol\":\"UDP\",\"port\":53,\"targetPort\":53,\"nodePort\":30053" } },
	};

	RUN(rows);
}

static void namespaces_end(void **state)
{
	static const struct step_row rows[] = {
		{ "create", "POST", "/api/v1/namespaces", NULL, JSON, "{\"metadata\":{\"name\":\"t\"}}", 201,
			{ "\"kubernetes.io/metadata.name\":\"t\"", "\"spec\":{\"finalizers\":[\"kubernetes\"]}", "\"phase\":\"Active\"" } },
		{ "delete", "DELETE", "/api/v1/namespaces/t", NULL, JSON, NULL, 200, { "\"phase\":\"Terminating\"", "\"deletionTimestamp\":" } },
		{ "no more content", "POST", "/api/v1/namespaces/t/configmaps", NULL, JSON, "{\"metadata\":{\"name\":\"a\"}}", 403,
			{ "unable to create new content in namespace t because it is being terminated", "NamespaceTerminating" } },
		{ "finalize", "PUT", "/api/v1/namespaces/t/finalize", NULL, JSON, "{\"metadata\":{\"name\":\"t\"},\"spec\":{}}", 200 },
		{ "gone", "GET", "/api/v1/namespaces/t", NULL, JSON, NULL, 404 },
		{ "protected", "DELETE", "/api/v1/namespaces/default", NULL, JSON, NULL, 403, { "this namespace may not be deleted" } },
	};

	RUN(rows);
}

static void lists_come_in_pages(void **state)
{
	char token[256], *p, *q;
	int64_t rev;

	for (int i = 0; i < 5; i++) {
		char body[128];

		snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"page-%d\",\"labels\":{\"page\":\"%s\"}}}", i, i % 2 ? "odd" : "even");
		assert_int_equal(fixture_call(&f, "POST", "/api/v1/namespaces/kube-public/configmaps", NULL, NULL, body), 201);
	}
	rev = cache_rev(f.cache);
	assert_int_equal(fixture_call(&f, "GET", "/api/v1/namespaces/kube-public/configmaps", "limit=2", NULL, NULL), 200);
	assert_non_null(strstr(f.body.p, "\"remainingItemCount\":3"));
	assert_non_null(strstr(f.body.p, "\"items\":[{\"metadata\":{\"name\":\"page-0\""));
	p = strstr(f.body.p, "\"continue\":\"");
	assert_non_null(p);
	p += strlen("\"continue\":\"");
	q = strchr(p, '"');
	snprintf(token, sizeof(token), "limit=2&continue=%.*s", (int)(q - p), p);
	/* Another writer in between: the second page still shows the first one's revision. */
	assert_int_equal(fixture_call(&f, "DELETE", "/api/v1/namespaces/kube-public/configmaps/page-3", NULL, NULL, NULL), 200);
	assert_int_equal(fixture_call(&f, "GET", "/api/v1/namespaces/kube-public/configmaps", token, NULL, NULL), 200);
	assert_non_null(strstr(f.body.p, "page-3"));
	snprintf(token, sizeof(token), "{\"resourceVersion\":\"%lld\"", (long long)rev);
	assert_non_null(strstr(f.body.p, token));
	assert_int_equal(fixture_call(&f, "GET", "/api/v1/namespaces/kube-public/configmaps", "labelSelector=page%3Dodd", NULL, NULL), 200);
	assert_non_null(strstr(f.body.p, "page-1"));
	assert_null(strstr(f.body.p, "page-2"));
	assert_int_equal(fixture_call(&f, "GET", "/api/v1/configmaps", "resourceVersion=99999999", NULL, NULL), 504);
	assert_non_null(strstr(f.body.p, "ResourceVersionTooLarge"));
	assert_int_equal(fixture_call(&f, "GET", "/api/v1/configmaps", "continue=zzz", NULL, NULL), 400);
	assert_int_equal(fixture_call(&f, "DELETE", "/api/v1/namespaces/kube-public/configmaps", "labelSelector=page", NULL, NULL), 200);
	assert_non_null(strstr(f.body.p, "\"kind\":\"ConfigMapList\""));
	assert_int_equal(fixture_call(&f, "GET", "/api/v1/namespaces/kube-public/configmaps", NULL, NULL, NULL), 200);
	assert_non_null(strstr(f.body.p, "\"items\":[]"));
}

static void no_change_is_no_write(void **state)
{
	int64_t rev;

	assert_int_equal(fixture_call(&f, "POST", CM, "fieldManager=me", NULL, "{\"metadata\":{\"name\":\"same\"},\"data\":{\"k\":\"v\"}}"), 201);
	rev = cache_rev(f.cache);
	assert_int_equal(fixture_call(&f, "PATCH", CM "/same", "fieldManager=me", MERGE, "{\"data\":{\"k\":\"v\"}}"), 200);
	assert_int_equal(fixture_call(&f, "PUT", CM "/same", "fieldManager=me", NULL, "{\"metadata\":{\"name\":\"same\"},\"data\":{\"k\":\"v\"}}"), 200);
	assert_int_equal(cache_rev(f.cache), rev);
}

static void custom_kinds_come_and_go(void **state)
{
	static const char crd[] = "{\"metadata\":{\"name\":\"foos.x.io\"},\"spec\":{\"group\":\"x.io\",\"scope\":\"Namespaced\",\"names\":"
		"{\"plural\":\"foos\",\"kind\":\"Foo\"},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"subresources\":{\"status\":{},"
		"\"scale\":{\"specReplicasPath\":\".spec.a\",\"statusReplicasPath\":\".status.r\"}},\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\","
		"\"properties\":{\"spec\":{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":1},"
		"\"b\":{\"type\":\"string\",\"default\":\"hi\"}}},\"status\":{\"type\":\"object\",\"properties\":{\"r\":{\"type\":\"integer\"}}}}}}}]}}";
	static const struct step_row rows[] = {
		{ "not yet", "GET", "/apis/x.io/v1/foos", NULL, JSON, NULL, 404 },
		{ "define", "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", NULL, JSON, crd, 201,
			{ "\"type\":\"Established\"", "\"storedVersions\":[\"v1\"]", "\"acceptedNames\":{\"plural\":\"foos\"" } },
		{ "create", "POST", "/apis/x.io/v1/namespaces/default/foos", NULL, JSON,
			"{\"apiVersion\":\"x.io/v1\",\"kind\":\"Foo\",\"metadata\":{\"name\":\"f\"},\"spec\":{\"a\":3}}", 201, { "\"spec\":{\"a\":3,\"b\":\"hi\"}" } },
		{ "against the schema", "PATCH", "/apis/x.io/v1/namespaces/default/foos/f", NULL, MERGE, "{\"spec\":{\"a\":0}}", 422, { "spec.a" } },
		{ "status", "PATCH", "/apis/x.io/v1/namespaces/default/foos/f/status", NULL, MERGE, "{\"status\":{\"r\":2}}", 200, { "\"r\":2" } },
		{ "scale", "PATCH", "/apis/x.io/v1/namespaces/default/foos/f/scale", NULL, MERGE, "{\"spec\":{\"replicas\":5}}", 200,
			{ "\"spec\":{\"replicas\":5},\"status\":{\"replicas\":2" } },
		{ "scaled", "GET", "/apis/x.io/v1/namespaces/default/foos/f", NULL, JSON, NULL, 200, { "\"a\":5" } },
		{ "in discovery", "GET", "/apis/x.io/v1", NULL, JSON, NULL, 200, { "\"name\":\"foos\"", "\"name\":\"foos/scale\"" } },
		{ "end of the definition", "DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/foos.x.io", NULL, JSON, NULL, 200,
			{ "customresourcecleanup.apiextensions.k8s.io" } },
	};

	RUN(rows);
	for (int i = 0; i < 100; i++)
		loop_turn(f.loop, 1);
	assert_int_equal(fixture_call(&f, "GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/foos.x.io", NULL, NULL, NULL), 404);
	assert_int_equal(fixture_call(&f, "GET", "/apis/x.io/v1/foos", NULL, NULL, NULL), 404);
	assert_int_equal(cache_count(f.cache, "x.io/foos", NULL), 0);
}

static void two_versions_are_one_object(void **state)
{
	static const struct step_row rows[] = {
		{ "new event", "POST", "/apis/events.k8s.io/v1/namespaces/default/events", NULL, JSON, "{\"metadata\":{\"name\":\"e\"},\"reason\":\"Why\","
			"\"action\":\"Act\",\"type\":\"Normal\",\"eventTime\":\"2026-01-01T00:00:00.000000Z\",\"reportingController\":\"x.io/c\","
			"\"reportingInstance\":\"c-1\",\"regarding\":{\"kind\":\"Pod\",\"namespace\":\"default\",\"name\":\"p\"},\"note\":\"said\"}", 201,
			{ "\"apiVersion\":\"events.k8s.io/v1\"", "\"note\":\"said\"" }, "\"message\"" },
		{ "old form", "GET", "/api/v1/namespaces/default/events/e", NULL, JSON, NULL, 200,
			{ "\"apiVersion\":\"v1\"", "\"message\":\"said\"", "\"involvedObject\":{\"kind\":\"Pod\"", "\"reportingComponent\":\"x.io/c\"" } },
		{ "by its object", "GET", "/api/v1/namespaces/default/events", "fieldSelector=involvedObject.name%3Dp", JSON, NULL, 200, { "\"name\":\"e\"" } },
		{ "new form listed", "GET", "/apis/events.k8s.io/v1/namespaces/default/events", NULL, JSON, NULL, 200, { "\"kind\":\"EventList\"", "\"note\":\"said\"" } },
		{ "v1 scaler", "POST", "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers", NULL, JSON, "{\"metadata\":{\"name\":\"h\"},\"spec\":{"
			"\"maxReplicas\":5,\"scaleTargetRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"web\"},\"targetCPUUtilizationPercentage\":50}}", 201,
			{ "\"apiVersion\":\"autoscaling/v1\"", "\"targetCPUUtilizationPercentage\":50" } },
		{ "as v2", "GET", "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/h", NULL, JSON, NULL, 200,
			{ "\"averageUtilization\":50", "\"type\":\"Utilization\"" }, "UtilizationPercentage\":50" },
	};

	RUN(rows);
}

static void evictions_ask_the_budget(void **state)
{
	static const struct step_row rows[] = {
		{ "pod", "POST", PODS, NULL, JSON, "{\"metadata\":{\"name\":\"ev\",\"labels\":{\"a\":\"ev\"}},\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]}}", 201 },
		{ "runs", "PATCH", PODS "/ev/status", NULL, MERGE, "{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}", 200 },
		{ "budget", "POST", "/apis/policy/v1/namespaces/default/poddisruptionbudgets", NULL, JSON,
			"{\"metadata\":{\"name\":\"b\"},\"spec\":{\"minAvailable\":1,\"selector\":{\"matchLabels\":{\"a\":\"ev\"}}}}", 201 },
		{ "not counted yet", "POST", PODS "/ev/eviction", NULL, JSON, "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"ev\"}}", 429,
			{ "Cannot evict pod as it would violate the pod's disruption budget." } },
		{ "counted: none left", "PATCH", "/apis/policy/v1/namespaces/default/poddisruptionbudgets/b/status", NULL, MERGE,
			"{\"status\":{\"observedGeneration\":1,\"desiredHealthy\":1,\"currentHealthy\":1,\"disruptionsAllowed\":0,\"expectedPods\":1}}", 200 },
		{ "refused", "POST", PODS "/ev/eviction", NULL, JSON, "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"ev\"}}", 429,
			{ "\"reason\":\"DisruptionBudget\"", "The disruption budget b needs 1 healthy pods and has 1 currently" } },
		{ "no budget", "DELETE", "/apis/policy/v1/namespaces/default/poddisruptionbudgets/b", NULL, JSON, NULL, 200 },
		{ "evicted", "POST", PODS "/ev/eviction", NULL, JSON, "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"ev\"}}", 201, { "\"status\":\"Success\"" } },
		{ "it ends", "GET", PODS "/ev", NULL, JSON, NULL, 200, { "\"deletionGracePeriodSeconds\":30" } },
	};

	RUN(rows);
}

#define WRITERS 100

static void count_ok(void *arg, int status, const struct blob *body)
{
	unsigned *ok = arg;

	(void)body;
	*ok += status == 200;
}

/* All at once, each with a number of its own: none is lost, none is told to try again, and
 * the object is written as often as there are writers. */
static void writers_of_one_object_take_turns(void **state)
{
	static const char *const groups[] = { "system:masters", NULL };
	static const struct user admin = { .name = "admin", .groups = groups };
	char path[200], body[100];
	unsigned ok = 0;
	int64_t before;

	snprintf(path, sizeof(path), "/api/v1/namespaces/default/configmaps");
	assert_int_equal(fixture_call(&f, "POST", path, NULL, JSON, "{\"metadata\":{\"name\":\"turns\"}}"), 201);
	before = cache_rev(f.cache);
	strcat(path, "/turns");
	for (int i = 0; i < WRITERS; i++) {
		struct api_call q = { .method = "PATCH", .path = path, .content_type = MERGE, .body = body, .user = &admin };

		q.body_len = (size_t)snprintf(body, sizeof(body), "{\"data\":{\"k%d\":\"v\"}}", i);
		assert_int_equal(api_call(f.api, &q, count_ok, &ok), 0);
	}
	for (int i = 0; i < 5000 && ok < WRITERS; i++)
		loop_turn(f.loop, 1);
	assert_int_equal(ok, WRITERS);
	assert_int_equal(cache_rev(f.cache), before + WRITERS);
	struct cache_obj *o = cache_get(f.cache, "core/configmaps", "default", "turns");
	assert_int_equal(yyjson_obj_size(doc_get(cache_tree(o), "data")), WRITERS);
}

struct heard { int status; struct buf body; };

static void hear(void *arg, int status, const struct blob *body)
{
	struct heard *h = arg;

	h->status = status;
	buf_add(&h->body, body->p, body->len);
}

static void stand_before(void *gate)
{
	pthread_mutex_lock(gate);
	pthread_mutex_unlock(gate);
}

/* What takes long is not made on the loop, and once for all who wait for it. */
static void schemas_are_made_beside_the_loop(void **state)
{
	static const char *const groups[] = { "system:masters", NULL };
	const struct user admin = { .name = "admin", .groups = groups };
	static const char *const paths[] = { "/openapi/v2", "/openapi/v2", "/openapi/v3/apis/batch/v1" };
	struct heard heard[3] = { 0 };
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	size_t jobs = 0, told = 0;
	int rc;

	/* Nothing is asserted while the worker stands there: it would stand for ever. */
	pthread_mutex_lock(&gate);
	rc = workers_submit(f.api->openapi.workers, stand_before, NULL, &gate);
	for (size_t i = 0; i < 3 && !rc; i++) {
		struct api_call q = { .method = "GET", .path = paths[i], .user = &admin };

		rc = api_call(f.api, &q, hear, &heard[i]);
	}
	for (int n = 0; n < 100; n++)
		loop_turn(f.loop, 1);
	list_each(&f.api->openapi.jobs, it)
		jobs++;
	for (size_t i = 0; i < 3; i++)
		told += heard[i].status != 0;
	pthread_mutex_unlock(&gate);
	assert_int_equal(rc, 0);
	assert_int_equal(jobs, 2);
	assert_int_equal(told, 0);
	for (int n = 0; n < 2000 && told < 3; n++) {
		loop_turn(f.loop, 10);
		told = 0;
		for (size_t i = 0; i < 3; i++)
			told += heard[i].status == 200;
	}
	assert_int_equal(told, 3);
	assert_string_equal(heard[0].body.p, heard[1].body.p);
	assert_non_null(strstr(heard[2].body.p, "io.k8s.api.batch.v1.Job"));
	for (size_t i = 0; i < 3; i++)
		buf_finish(&heard[i].body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writers_of_one_object_take_turns),
		cmocka_unit_test(configmaps_live_and_die),
		cmocka_unit_test(paths_and_kinds),
		cmocka_unit_test(health_is_told_by_what_is_known),
		cmocka_unit_test(components_are_what_they_are),
		cmocka_unit_test(deployments_get_defaults),
		cmocka_unit_test(pods_are_bound_and_end),
		cmocka_unit_test(services_get_addresses),
		cmocka_unit_test(namespaces_end),
		cmocka_unit_test(lists_come_in_pages),
		cmocka_unit_test(no_change_is_no_write),
		cmocka_unit_test(custom_kinds_come_and_go),
		cmocka_unit_test(two_versions_are_one_object),
		cmocka_unit_test(evictions_ask_the_budget),
		cmocka_unit_test(schemas_are_made_beside_the_loop),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
