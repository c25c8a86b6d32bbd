/* SPDX-License-Identifier: Apache-2.0 */
/* What each controller makes of the objects people write, through the real API. */
#include "control/reconcile.h"
#include "world.h"

static void a_deployment_comes_up(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	node(&w, "n1");
	must(&w, "POST", APPS "deployments", WORKLOAD("Deployment", "\"replicas\":3,"));
	settle(&w);
	yyjson_val *d = get(&w, "apps/deployments", "x");
	assert_int_equal(doc_int(d, "status.availableReplicas", 0), 3);
	assert_int_equal(doc_int(d, "status.observedGeneration", 0), doc_int(d, "metadata.generation", -1));
	assert_int_equal(all(&w, "apps/replicasets").n, 1);
	assert_int_equal(all(&w, "core/pods").n, 3);
	/* Nothing runs when nothing changes. */
	int64_t rev = cache_rev(w.f.cache);
	for (int i = 0; i < 20; i++)
		loop_turn(w.f.loop, 5);
	assert_int_equal(cache_rev(w.f.cache), rev);
	world_close(&w);
}

static void a_rollout_keeps_enough_pods(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	node(&w, "n1");
	must(&w, "POST", APPS "deployments", WORKLOAD("Deployment",
		"\"replicas\":4,\"strategy\":{\"rollingUpdate\":{\"maxSurge\":1,\"maxUnavailable\":1}},"));
	settle(&w);
	must(&w, "PATCH", APPS "deployments/x", "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"v\":\"2\"}}}}}");
	for (int i = 0; i < 400; i++) {
		loop_turn(w.f.loop, 2);
		struct found pods = all(&w, "core/pods");
		size_t ready = 0, living = 0;
		for (size_t p = 0; p < pods.n; p++) {
			living += !pods.v[p]->deleting;
			ready += !pods.v[p]->deleting && !strcmp(doc_str(cache_tree(pods.v[p]), "status.phase"), "Running");
		}
		assert_true(ready >= 3 && living <= 5);
		if (i % 5 == 0)
			agent_tend(&w);
	}
	settle(&w);
	yyjson_val *d = get(&w, "apps/deployments", "x");
	assert_int_equal(doc_int(d, "status.updatedReplicas", 0), 4);
	assert_int_equal(doc_int(d, "status.replicas", 0), 4);
	assert_string_equal(yyjson_get_str(yyjson_obj_get(doc_get(d, "metadata.annotations"), "deployment.kubernetes.io/revision")), "2");
	/* Back to the first template: its ReplicaSet is used again, as revision 3. */
	must(&w, "PATCH", APPS "deployments/x", "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":null}}}}");
	settle(&w);
	assert_int_equal(all(&w, "apps/replicasets").n, 2);
	d = get(&w, "apps/deployments", "x");
	assert_string_equal(yyjson_get_str(yyjson_obj_get(doc_get(d, "metadata.annotations"), "deployment.kubernetes.io/revision")), "3");
	assert_int_equal(doc_int(d, "status.availableReplicas", 0), 4);
	unsigned first = 0;
	struct found rs = all(&w, "apps/replicasets");
	for (size_t i = 0; i < rs.n; i++) {
		yyjson_val *notes = doc_get(cache_tree(rs.v[i]), "metadata.annotations");
		first += yyjson_equals_str(yyjson_obj_get(notes, "deployment.kubernetes.io/revision"), "3") &&
			yyjson_equals_str(yyjson_obj_get(notes, "deployment.kubernetes.io/revision-history"), "1");
	}
	assert_int_equal(first, 1);
	world_close(&w);
}

/* How many pods the ReplicaSets have, the larger first. */
static void assert_sizes(struct world *w, int64_t larger, int64_t smaller)
{
	struct found rs = all(w, "apps/replicasets");

	assert_int_equal(rs.n, 2);
	int64_t a = doc_int(cache_tree(rs.v[0]), "spec.replicas", 0), b = doc_int(cache_tree(rs.v[1]), "spec.replicas", 0);
	assert_int_equal(a > b ? a : b, larger);
	assert_int_equal(a > b ? b : a, smaller);
}

static void a_rollout_is_scaled_in_proportion(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	node(&w, "n1");
	must(&w, "POST", APPS "deployments", WORKLOAD("Deployment",
		"\"replicas\":10,\"strategy\":{\"rollingUpdate\":{\"maxSurge\":3,\"maxUnavailable\":2}},"));
	settle(&w);
	/* The new template's pods never get ready: the rollout stays where it is. */
	w.quiet = true;
	must(&w, "PATCH", APPS "deployments/x", "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"v\":\"2\"}}}}}");
	settle(&w);
	assert_sizes(&w, 8, 5);
	must(&w, "PATCH", APPS "deployments/x", "{\"spec\":{\"replicas\":30}}");
	settle(&w);
	assert_sizes(&w, 20, 13);
	must(&w, "PATCH", APPS "deployments/x", "{\"spec\":{\"replicas\":10}}");
	settle(&w);
	assert_sizes(&w, 8, 5);
	world_close(&w);
}

static void recreate_waits_for_the_old_pods(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	node(&w, "n1");
	must(&w, "POST", APPS "deployments", WORKLOAD("Deployment", "\"replicas\":2,\"strategy\":{\"type\":\"Recreate\"},"));
	settle(&w);
	w.quiet = true;
	must(&w, "PATCH", APPS "deployments/x", "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"v\":\"2\"}}}}}");
	settle(&w);
	struct found pods = all(&w, "core/pods");
	assert_int_equal(pods.n, 2);
	assert_true(pods.v[0]->deleting && pods.v[1]->deleting);
	w.quiet = false;
	settle(&w);
	assert_int_equal(doc_int(get(&w, "apps/deployments", "x"), "status.updatedReplicas", 0), 2);
	world_close(&w);
}

static void old_revisions_are_forgotten(void **state)
{
	struct world w;
	char patch[200];

	(void)state;
	world_open(&w);
	node(&w, "n1");
	must(&w, "POST", APPS "deployments", WORKLOAD("Deployment", "\"replicas\":1,\"revisionHistoryLimit\":2,"));
	for (int i = 0; i < 5; i++) {
		snprintf(patch, sizeof(patch), "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"v\":\"%d\"}}}}}", i);
		must(&w, "PATCH", APPS "deployments/x", patch);
		settle(&w);
	}
	assert_int_equal(all(&w, "apps/replicasets").n, 3);
	world_close(&w);
}

static void a_replicaset_adopts_and_releases(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	node(&w, "n1");
	must(&w, "POST", CORE "pods", "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"stray\",\"labels\":{\"app\":\"x\"}},\"spec\":" POD_SPEC "}");
	settle(&w);
	must(&w, "POST", APPS "replicasets", WORKLOAD("ReplicaSet", "\"replicas\":2,"));
	settle(&w);
	assert_int_equal(all(&w, "core/pods").n, 2);
	assert_string_equal(doc_str(get(&w, "core/pods", "stray"), "metadata.ownerReferences.0.name"), "x");
	must(&w, "PATCH", CORE "pods/stray", "{\"metadata\":{\"labels\":{\"app\":\"y\"}}}");
	settle(&w);
	assert_int_equal(all(&w, "core/pods").n, 3);
	assert_null(doc_get(get(&w, "core/pods", "stray"), "metadata.ownerReferences"));
	must(&w, "PATCH", APPS "replicasets/x", "{\"spec\":{\"replicas\":0}}");
	settle(&w);
	assert_int_equal(all(&w, "core/pods").n, 1);
	world_close(&w);
}

static const struct { const char *policy; size_t rs_left, pods_left; } cascades[] = {
	{ "Background", 0, 0 }, { "Foreground", 0, 0 }, { "Orphan", 1, 2 },
};

static void deletion_cascades_as_asked(void **state)
{
	char body[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cascades) / sizeof(*cascades); i++) {
		struct world w;
		world_open(&w);
		node(&w, "n1");
		must(&w, "POST", APPS "deployments", WORKLOAD("Deployment", "\"replicas\":2,"));
		settle(&w);
		snprintf(body, sizeof(body), "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"%s\"}", cascades[i].policy);
		must(&w, "DELETE", APPS "deployments/x", body);
		settle(&w);
		assert_null(get(&w, "apps/deployments", "x"));
		assert_int_equal(all(&w, "apps/replicasets").n, cascades[i].rs_left);
		assert_int_equal(all(&w, "core/pods").n, cascades[i].pods_left);
		world_close(&w);
	}
}

static void foreground_waits_for_its_dependents(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	node(&w, "n1");
	must(&w, "POST", APPS "replicasets", WORKLOAD("ReplicaSet", "\"replicas\":1,"));
	settle(&w);
	w.quiet = true;
	must(&w, "DELETE", APPS "replicasets/x", "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Foreground\"}");
	settle(&w);
	assert_non_null(get(&w, "apps/replicasets", "x"));
	w.quiet = false;
	settle(&w);
	assert_null(get(&w, "apps/replicasets", "x"));
	world_close(&w);
}

/* The one slice of a Service; NULL: none or several. */
static yyjson_val *only_slice(struct world *w, const char *service)
{
	struct found slices = all(w, "discovery.k8s.io/endpointslices");
	struct cache_obj *mine = NULL;

	for (size_t i = 0; i < slices.n; i++) {
		if (strcmp(labels_get(&slices.v[i]->labels, "kubernetes.io/service-name"), service))
			continue;
		if (mine)
			return NULL;
		mine = slices.v[i];
	}
	return mine ? cache_tree(mine) : NULL;
}

static void endpoints_that_people_write_are_mirrored(void **state)
{
	struct world w;
	char uid[40];

	(void)state;
	world_open(&w);
	must(&w, "POST", CORE "services", "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"db\"},\"spec\":{\"ports\":[{\"port\":5432}]}}");
	must(&w, "POST", CORE "endpoints", "{\"kind\":\"Endpoints\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"db\",\"labels\":{\"a\":\"b\"}},"
		"\"subsets\":[{\"addresses\":[{\"ip\":\"10.9.9.1\"}],\"notReadyAddresses\":[{\"ip\":\"10.9.9.2\"}],\"ports\":[{\"port\":5432}]}]}");
	settle(&w);
	yyjson_val *s = only_slice(&w, "db");
	assert_non_null(s);
	assert_string_equal(doc_str(s, "metadata.labels.a"), "b");
	assert_int_equal(doc_len(s, "endpoints"), 2);
	assert_true(doc_bool(s, "endpoints.0.conditions.ready", false));
	assert_false(doc_bool(s, "endpoints.1.conditions.ready", true));
	assert_int_equal(doc_int(s, "ports.0.port", 0), 5432);
	snprintf(uid, sizeof(uid), "%s", doc_str(s, "metadata.uid"));
	must(&w, "PATCH", CORE "endpoints/db", "{\"subsets\":[{\"addresses\":[{\"ip\":\"10.9.9.3\"}],\"ports\":[{\"port\":5432}]}]}");
	settle(&w);
	s = only_slice(&w, "db");
	assert_string_equal(doc_str(s, "endpoints.0.addresses.0"), "10.9.9.3");
	assert_string_equal(doc_str(s, "metadata.uid"), uid);
	must(&w, "PATCH", CORE "endpoints/db", "{\"metadata\":{\"labels\":{\"endpointslice.kubernetes.io/skip-mirror\":\"true\"}}}");
	settle(&w);
	assert_null(only_slice(&w, "db"));
	must(&w, "PATCH", CORE "endpoints/db", "{\"metadata\":{\"labels\":null}}");
	settle(&w);
	assert_non_null(only_slice(&w, "db"));
	must(&w, "DELETE", CORE "services/db", NULL);
	settle(&w);
	assert_null(only_slice(&w, "db"));
	world_close(&w);
}

static void of_many_subsets_the_first_are_mirrored(void **state)
{
	struct world w;
	BUF_AUTO struct buf b = { 0 };

	(void)state;
	world_open(&w);
	must(&w, "POST", CORE "services", "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"db\"},\"spec\":{\"ports\":[{\"port\":1}]}}");
	settle(&w);
	size_t before = all(&w, "discovery.k8s.io/endpointslices").n;
	buf_adds(&b, "{\"kind\":\"Endpoints\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"db\"},\"subsets\":[");
	for (unsigned i = 1; i <= 120; i++)
		buf_printf(&b, "%s{\"addresses\":[{\"ip\":\"10.9.9.%u\"}],\"ports\":[{\"port\":%u}]}", i > 1 ? "," : "", i, i);
	buf_adds(&b, "]}");
	must(&w, "POST", CORE "endpoints", b.p);
	settle(&w);
	assert_int_equal(all(&w, "discovery.k8s.io/endpointslices").n, before + 100);
	must(&w, "PATCH", CORE "endpoints/db", "{\"subsets\":[{\"addresses\":[{\"ip\":\"10.9.9.1\"}],\"ports\":[{\"port\":7}]}]}");
	settle(&w);
	assert_non_null(only_slice(&w, "db"));
	world_close(&w);
}

static void own(struct world *w, const char *what, const char *owner)
{
	char path[64], body[400], uid[40];

	snprintf(uid, sizeof(uid), "%s", doc_str(get(w, "core/configmaps", owner), "metadata.uid"));
	snprintf(path, sizeof(path), CORE "configmaps/%s", what);
	snprintf(body, sizeof(body), "{\"metadata\":{\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
		"\"name\":\"%s\",\"uid\":\"%s\",\"controller\":true,\"blockOwnerDeletion\":true}]}}", owner, uid);
	must(w, "PATCH", path, body);
}

static void a_circle_of_owners_does_not_wait_for_itself(void **state)
{
	static const char *const names[] = { "a", "b", "c" };

	(void)state;
	for (size_t n = 2; n <= 3; n++) {
		struct world w;
		world_open(&w);
		for (size_t i = 0; i < n; i++) {
			char body[100];
			snprintf(body, sizeof(body), "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\"}}", names[i]);
			must(&w, "POST", CORE "configmaps", body);
		}
		for (size_t i = 0; i < n; i++)
			own(&w, names[i], names[(i + n - 1) % n]);
		must(&w, "DELETE", CORE "configmaps/a", "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Foreground\"}");
		settle(&w);
		for (size_t i = 0; i < n; i++)
			assert_null(get(&w, "core/configmaps", names[i]));
		world_close(&w);
	}
}

static void who_lets_go_of_its_owner_is_waited_for_no_more(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	must(&w, "POST", CORE "configmaps", "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"}}");
	must(&w, "POST", CORE "configmaps", "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"b\",\"finalizers\":[\"example.com/hold\"]}}");
	own(&w, "b", "a");
	must(&w, "DELETE", CORE "configmaps/a", "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Foreground\"}");
	settle(&w);
	assert_non_null(get(&w, "core/configmaps", "a"));
	must(&w, "PATCH", CORE "configmaps/b", "{\"metadata\":{\"ownerReferences\":null}}");
	settle(&w);
	assert_null(get(&w, "core/configmaps", "a"));
	assert_non_null(get(&w, "core/configmaps", "b"));
	world_close(&w);
}

static void what_names_a_missing_owner_goes(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	must(&w, "POST", CORE "configmaps", "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"gone\",\"ownerReferences\":"
		"[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":\"never\",\"uid\":\"11111111-1111-1111-1111-111111111111\"}]}}");
	must(&w, "POST", CORE "configmaps", "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"stays\",\"ownerReferences\":"
		"[{\"apiVersion\":\"example.com/v1\",\"kind\":\"Unknown\",\"name\":\"never\",\"uid\":\"11111111-1111-1111-1111-111111111112\"}]}}");
	settle(&w);
	assert_null(get(&w, "core/configmaps", "gone"));
	assert_non_null(get(&w, "core/configmaps", "stays"));
	world_close(&w);
}

static void a_namespace_empties_before_it_goes(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	node(&w, "n1");
	must(&w, "POST", "/api/v1/namespaces", "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"ns\"}}");
	settle(&w);
	must(&w, "POST", "/apis/apps/v1/namespaces/ns/deployments", WORKLOAD("Deployment", "\"replicas\":2,"));
	must(&w, "POST", "/api/v1/namespaces/ns/configmaps", "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"held\",\"finalizers\":[\"example.com/hold\"]}}");
	must(&w, "POST", "/api/v1/namespaces/ns/secrets", "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s\"}}");
	settle(&w);
	must(&w, "DELETE", "/api/v1/namespaces/ns", NULL);
	settle(&w);
	struct cache_obj *ns = cache_get(w.f.cache, "core/namespaces", "", "ns");
	assert_non_null(ns);
	assert_string_equal(doc_str(cache_tree(ns), "status.phase"), "Terminating");
	/* One that is held keeps no other. */
	assert_null(cache_get(w.f.cache, "core/secrets", "ns", "s"));
	yyjson_val *left = ctl_condition_get(cache_tree(ns), "NamespaceContentRemaining");
	assert_string_equal(doc_str(left, "message"), "Some resources are remaining: configmaps. has 1 resource instances");
	left = ctl_condition_get(cache_tree(ns), "NamespaceFinalizersRemaining");
	assert_string_equal(doc_str(left, "message"),
		"Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances");
	assert_int_equal(call(&w, "POST", "/api/v1/namespaces/ns/configmaps", "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"late\"}}"), 403);
	must(&w, "PATCH", "/api/v1/namespaces/ns/configmaps/held", "{\"metadata\":{\"finalizers\":null}}");
	settle(&w);
	assert_null(cache_get(w.f.cache, "core/namespaces", "", "ns"));
	world_close(&w);
}

static void each_namespace_has_its_account_and_root_ca(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	settle(&w);
	must(&w, "DELETE", CORE "serviceaccounts/default", NULL);
	must(&w, "DELETE", CORE "configmaps/kube-root-ca.crt", NULL);
	settle(&w);
	assert_non_null(get(&w, "core/serviceaccounts", "default"));
	must(&w, "PATCH", CORE "configmaps/kube-root-ca.crt", "{\"data\":{\"ca.crt\":\"forged\"}}");
	settle(&w);
	yyjson_val *data = doc_get(get(&w, "core/configmaps", "kube-root-ca.crt"), "data");
	assert_string_equal(yyjson_get_str(yyjson_obj_get(data, "ca.crt")), "PEM");
	world_close(&w);
}

static void a_daemonset_covers_the_nodes(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	node(&w, "n1");
	node(&w, "n2");
	must(&w, "POST", APPS "daemonsets", WORKLOAD("DaemonSet", ""));
	settle(&w);
	assert_int_equal(doc_int(get(&w, "apps/daemonsets", "x"), "status.numberReady", 0), 2);
	node(&w, "n3");
	assert_int_equal(all(&w, "core/pods").n, 3);
	must(&w, "PATCH", "/api/v1/nodes/n3", "{\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":\"NoExecute\"}]}}");
	settle(&w);
	assert_int_equal(all(&w, "core/pods").n, 2);
	must(&w, "PATCH", APPS "daemonsets/x", "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"v\":\"2\"}}}}}");
	settle(&w);
	assert_int_equal(doc_int(get(&w, "apps/daemonsets", "x"), "status.updatedNumberScheduled", 0), 2);
	assert_int_equal(all(&w, "apps/controllerrevisions").n, 2);
	world_close(&w);
}

#define JOB(spec) "{\"kind\":\"Job\",\"apiVersion\":\"batch/v1\",\"metadata\":{\"name\":\"j\"},\"spec\":{" spec \
	"\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]}}}}"

static const struct { const char *name, *body, *phase, *condition; int64_t succeeded; } jobs[] = {
	{ "one", JOB(""), "Succeeded", "Complete", 1 },
	{ "five, two at a time", JOB("\"completions\":5,\"parallelism\":2,"), "Succeeded", "Complete", 5 },
	{ "indexed", JOB("\"completions\":3,\"parallelism\":3,\"completionMode\":\"Indexed\","), "Succeeded", "Complete", 3 },
	{ "no second try", JOB("\"backoffLimit\":0,"), "Failed", "Failed", 0 },
};

static void jobs_run_to_their_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(jobs) / sizeof(*jobs); i++) {
		struct world w;
		world_open(&w);
		w.phase = jobs[i].phase;
		node(&w, "n1");
		must(&w, "POST", "/apis/batch/v1/namespaces/default/jobs", jobs[i].body);
		settle(&w);
		yyjson_val *j = get(&w, "batch/jobs", "j"), *c, *found = NULL;
		size_t k, max;
		yyjson_arr_foreach(doc_get(j, "status.conditions"), k, max, c)
			if (!strcmp(doc_str(c, "type"), jobs[i].condition) && !strcmp(doc_str(c, "status"), "True"))
				found = c;
		if (!found || doc_int(j, "status.succeeded", 0) != jobs[i].succeeded)
			fail_msg("%s: succeeded %lld", jobs[i].name, (long long)doc_int(j, "status.succeeded", 0));
		if (!strcmp(jobs[i].name, "indexed"))
			assert_string_equal(doc_str(j, "status.completedIndexes"), "0-2");
		/* No pod is held by the Job's finalizer any more. */
		struct found pods = all(&w, "core/pods");
		for (size_t p = 0; p < pods.n; p++)
			assert_int_equal(doc_len(cache_tree(pods.v[p]), "metadata.finalizers"), 0);
		world_close(&w);
	}
}

static void pods_of_a_deleted_job_are_let_go(void **state)
{
	static const struct { const char *policy; size_t left; } cases[] = {
		{ "Background", 0 }, { "Foreground", 0 }, { "Orphan", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world w;
		char options[120];
		world_open(&w);
		must(&w, "POST", "/apis/batch/v1/namespaces/default/jobs", JOB("\"parallelism\":2,\"completions\":2,"));
		settle(&w);
		assert_int_equal(all(&w, "core/pods").n, 2);
		snprintf(options, sizeof(options), "{\"propagationPolicy\":\"%s\"}", cases[i].policy);
		must(&w, "DELETE", "/apis/batch/v1/namespaces/default/jobs/j", options);
		settle(&w);
		assert_int_equal(all(&w, "batch/jobs").n, 0);
		struct found pods = all(&w, "core/pods");
		if (pods.n != cases[i].left)
			fail_msg("%s: %zu pods are left", cases[i].policy, pods.n);
		for (size_t p = 0; p < pods.n; p++)
			assert_int_equal(doc_len(cache_tree(pods.v[p]), "metadata.finalizers"), 0);
		world_close(&w);
	}
}

static void services_know_their_pods(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	node(&w, "n1");
	must(&w, "POST", CORE "services", "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s\"},\"spec\":{\"selector\":{\"app\":\"x\"},"
		"\"ports\":[{\"name\":\"http\",\"port\":80,\"targetPort\":8080}]}}");
	must(&w, "POST", APPS "replicasets", WORKLOAD("ReplicaSet", "\"replicas\":3,"));
	settle(&w);
	yyjson_val *mine = only_slice(&w, "s");
	assert_non_null(mine);
	assert_int_equal(doc_len(mine, "endpoints"), 3);
	assert_int_equal(doc_int(mine, "ports.0.port", 0), 8080);
	yyjson_val *e = get(&w, "core/endpoints", "s");
	assert_int_equal(doc_len(e, "subsets.0.addresses"), 3);
	must(&w, "PATCH", APPS "replicasets/x", "{\"spec\":{\"replicas\":1}}");
	settle(&w);
	assert_int_equal(doc_len(get(&w, "core/endpoints", "s"), "subsets.0.addresses"), 1);
	must(&w, "DELETE", CORE "services/s", NULL);
	settle(&w);
	assert_null(get(&w, "core/endpoints", "s"));
	world_close(&w);
}

static void a_pod_waits_until_a_node_has_room(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	must(&w, "POST", CORE "pods", "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\"},\"spec\":" POD_SPEC "}");
	settle(&w);
	yyjson_val *p = get(&w, "core/pods", "p");
	assert_string_equal(doc_str(p, "status.conditions.0.reason"), "Unschedulable");
	node(&w, "n1");
	assert_string_equal(doc_str(get(&w, "core/pods", "p"), "spec.nodeName"), "n1");
	world_close(&w);
}

static void cordoned_nodes_are_tainted(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	node(&w, "n1");
	must(&w, "PATCH", "/api/v1/nodes/n1", "{\"spec\":{\"unschedulable\":true}}");
	settle(&w);
	struct cache_obj *n = cache_get(w.f.cache, "core/nodes", "", "n1");
	assert_string_equal(doc_str(cache_tree(n), "spec.taints.0.key"), "node.kubernetes.io/unschedulable");
	must(&w, "PATCH", "/api/v1/nodes/n1", "{\"spec\":{\"unschedulable\":null}}");
	settle(&w);
	n = cache_get(w.f.cache, "core/nodes", "", "n1");
	assert_int_equal(doc_len(cache_tree(n), "spec.taints"), 0);
	world_close(&w);
}

static void controllers_converge_wherever_they_are_stopped(void **state)
{
	(void)state;
	for (int stop_after = 1; stop_after < 24; stop_after += 3) {
		struct world w;
		world_open(&w);
		node(&w, "n1");
		must(&w, "POST", APPS "deployments", WORKLOAD("Deployment", "\"replicas\":3,"));
		for (int i = 0; i < stop_after; i++) {
			loop_turn(w.f.loop, 0);
			if (i % 2)
				world_restart(&w);
		}
		settle(&w);
		assert_int_equal(doc_int(get(&w, "apps/deployments", "x"), "status.availableReplicas", 0), 3);
		assert_int_equal(all(&w, "core/pods").n, 3);
		assert_int_equal(all(&w, "apps/replicasets").n, 1);
		world_close(&w);
	}
}

static const char *range_of(struct world *w, const char *name)
{
	struct cache_obj *o = cache_get(w->f.cache, "core/nodes", "", name);
	const char *cidr = o ? doc_str(cache_tree(o), "spec.podCIDR") : NULL;

	return cidr ? cidr : "none";
}

#define MACHINE(name) "{\"metadata\":{\"name\":\"" name "\"},\"status\":{\"nodeInfo\":{\"kubeletVersion\":\"v1.34.1\"}}}"

static void nodes_get_pod_addresses_of_their_own(void **state)
{
	struct world w;

	world_open(&w);
	must(&w, "POST", "/api/v1/nodes", "{\"metadata\":{\"name\":\"own\"},\"spec\":{\"podCIDR\":\"10.244.1.0/24\"}}");
	must(&w, "POST", "/api/v1/nodes", MACHINE("a"));
	must(&w, "POST", "/api/v1/nodes", MACHINE("b"));
	must(&w, "POST", "/api/v1/nodes", "{\"metadata\":{\"name\":\"paper\"}}");
	settle(&w);
	assert_string_equal(range_of(&w, "paper"), "none");
	assert_string_equal(range_of(&w, "own"), "10.244.1.0/24");
	assert_string_equal(range_of(&w, "a"), "10.244.0.0/24");
	assert_string_equal(range_of(&w, "b"), "10.244.2.0/24");
	/* All are given away: the last waits until one is free again. */
	must(&w, "POST", "/api/v1/nodes", MACHINE("c"));
	settle(&w);
	must(&w, "POST", "/api/v1/nodes", MACHINE("d"));
	settle(&w);
	assert_string_equal(range_of(&w, "c"), "10.244.3.0/24");
	assert_string_equal(range_of(&w, "d"), "none");
	world_restart(&w);
	settle(&w);
	assert_string_equal(range_of(&w, "d"), "none");
	must(&w, "DELETE", "/api/v1/nodes/a", NULL);
	settle(&w);
	assert_string_equal(range_of(&w, "d"), "10.244.0.0/24");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deployment_comes_up),
		cmocka_unit_test(a_rollout_keeps_enough_pods),
		cmocka_unit_test(a_rollout_is_scaled_in_proportion),
		cmocka_unit_test(recreate_waits_for_the_old_pods),
		cmocka_unit_test(old_revisions_are_forgotten),
		cmocka_unit_test(a_replicaset_adopts_and_releases),
		cmocka_unit_test(deletion_cascades_as_asked),
		cmocka_unit_test(foreground_waits_for_its_dependents),
		cmocka_unit_test(endpoints_that_people_write_are_mirrored),
		cmocka_unit_test(of_many_subsets_the_first_are_mirrored),
		cmocka_unit_test(a_circle_of_owners_does_not_wait_for_itself),
		cmocka_unit_test(who_lets_go_of_its_owner_is_waited_for_no_more),
		cmocka_unit_test(what_names_a_missing_owner_goes),
		cmocka_unit_test(a_namespace_empties_before_it_goes),
		cmocka_unit_test(each_namespace_has_its_account_and_root_ca),
		cmocka_unit_test(a_daemonset_covers_the_nodes),
		cmocka_unit_test(jobs_run_to_their_end),
		cmocka_unit_test(pods_of_a_deleted_job_are_let_go),
		cmocka_unit_test(services_know_their_pods),
		cmocka_unit_test(a_pod_waits_until_a_node_has_room),
		cmocka_unit_test(cordoned_nodes_are_tainted),
		cmocka_unit_test(controllers_converge_wherever_they_are_stopped),
		cmocka_unit_test(nodes_get_pod_addresses_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
