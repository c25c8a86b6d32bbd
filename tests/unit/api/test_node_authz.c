/* SPDX-License-Identifier: Apache-2.0 */
/* node_authz - a node's rights follow the pods on it, as they come, change and go. */
#include "fixture.h"

#define NS   "/api/v1/namespaces/default"
#define PODS NS "/pods"

static struct fixture f;
static const char *const nodes[] = { "system:nodes", NULL }, *const others[] = { "others", NULL };
static const struct user n1 = { .name = "system:node:n1", .groups = nodes };

static int open_fixture(void **state)
{
	fixture_open(&f, "mem:", false);
	return fixture_call(&f, "POST", NS "/serviceaccounts", NULL, NULL, "{\"metadata\":{\"name\":\"default\"}}") != 201;
}

static int close_fixture(void **state)
{
	fixture_close(&f);
	return 0;
}

static void must(const char *method, const char *path, const char *body)
{
	const char *type = strcmp(method, "PATCH") ? NULL : "application/merge-patch+json";

	if (fixture_call(&f, method, path, NULL, type, body) / 100 != 2)
		fail_msg("%s %s: %s", method, path, f.body.p);
}

static bool may(const struct user *u, const char *verb, const char *group, const char *resource, const char *ns, const char *name)
{
	struct attributes at = { .user = u, .verb = verb, .group = group, .resource = resource, .sub = "", .ns = ns, .name = name };

	return authorize(f.api, &at, NULL);
}

static bool reads(const char *resource, const char *name)
{
	return may(&n1, "get", "", resource, "default", name);
}

#define CONTAINERS "\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"env\":[{\"name\":\"A\",\"valueFrom\":{\"configMapKeyRef\":" \
	"{\"name\":\"cm\",\"key\":\"k\"}}}]}]"
#define POD(name, more) "{\"metadata\":{\"name\":\"" name "\"},\"spec\":{" more CONTAINERS "}}"

static void rights_come_with_the_binding(void **state)
{
	must("POST", PODS, POD("a", ""));
	assert_false(reads("configmaps", "cm"));
	assert_false(reads("pods", "a"));
	must("POST", PODS "/a/binding", "{\"kind\":\"Binding\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"},\"target\":"
		"{\"kind\":\"Node\",\"name\":\"n1\"}}");
	assert_true(reads("configmaps", "cm"));
	assert_true(reads("pods", "a"));
	assert_true(may(&n1, "watch", "", "configmaps", "default", "cm"));
	assert_false(may(&n1, "watch", "", "configmaps", "default", ""));
	assert_false(may(&n1, "update", "", "configmaps", "default", "cm"));
	assert_false(may(&n1, "get", "", "configmaps", "kube-system", "cm"));
}

static void they_end_with_the_last_pod(void **state)
{
	must("POST", PODS, POD("b", "\"nodeName\":\"n1\","));
	must("PATCH", PODS "/b/status", "{\"status\":{\"phase\":\"Running\"}}");
	must("PATCH", PODS "/b", "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}");
	must("DELETE", PODS "/a", "{\"gracePeriodSeconds\":0}");
	assert_true(reads("configmaps", "cm"));
	must("DELETE", PODS "/b", "{\"gracePeriodSeconds\":0}");
	assert_false(reads("configmaps", "cm"));
}

static void a_mirror_pod_gives_nothing(void **state)
{
	must("POST", PODS, "{\"metadata\":{\"name\":\"m\",\"annotations\":{\"kubernetes.io/config.mirror\":\"x\"}},\"spec\":{"
		"\"nodeName\":\"n1\"," CONTAINERS "}}");
	assert_true(reads("pods", "m"));
	assert_false(reads("configmaps", "cm"));
	must("DELETE", PODS "/m", "{\"gracePeriodSeconds\":0}");
}

static void a_volume_leads_to_its_secret(void **state)
{
	must("POST", PODS, POD("c", "\"nodeName\":\"n1\",\"volumes\":[{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"claim\"}}],"));
	must("POST", "/api/v1/persistentvolumes", "{\"metadata\":{\"name\":\"pv\"},\"spec\":{\"capacity\":{\"storage\":\"1Gi\"},"
		"\"accessModes\":[\"ReadWriteOnce\"],\"claimRef\":{\"namespace\":\"default\",\"name\":\"claim\"},\"csi\":{\"driver\":\"d\","
		"\"volumeHandle\":\"h\",\"nodePublishSecretRef\":{\"name\":\"s\",\"namespace\":\"kube-system\"},"
		"\"controllerPublishSecretRef\":{\"name\":\"t\",\"namespace\":\"kube-system\"}}}}");
	assert_true(may(&n1, "get", "", "persistentvolumes", "", "pv"));
	assert_true(reads("persistentvolumeclaims", "claim"));
	assert_true(may(&n1, "get", "", "secrets", "kube-system", "s"));
	assert_false(may(&n1, "get", "", "secrets", "kube-system", "t"));
	must("PATCH", "/api/v1/persistentvolumes/pv", "{\"metadata\":{\"finalizers\":null}}");
	must("DELETE", "/api/v1/persistentvolumes/pv", NULL);
	assert_false(may(&n1, "get", "", "secrets", "kube-system", "s"));
}

#define VOLUME(name, claim) "{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"capacity\":{\"storage\":\"1Gi\"},\"accessModes\":" \
	"[\"ReadWriteOnce\"],\"claimRef\":{\"namespace\":\"default\",\"name\":\"" claim "\"},\"csi\":{\"driver\":\"d\"," \
	"\"volumeHandle\":\"h\",\"nodeStageSecretRef\":{\"name\":\"shared\",\"namespace\":\"kube-system\"}," \
	"\"nodePublishSecretRef\":{\"name\":\"shared\",\"namespace\":\"kube-system\"}}}}"
#define MOUNTS(claim) "\"volumes\":[{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"" claim "\"}}],"

static void a_secret_of_many_volumes_goes_with_the_last(void **state)
{
	const struct user n2 = { .name = "system:node:n2", .groups = nodes };

	/* The volumes first for one node, the pods first for the other. */
	must("POST", PODS, POD("s1", "\"nodeName\":\"n1\"," MOUNTS("one")));
	must("POST", "/api/v1/persistentvolumes", VOLUME("one", "one"));
	must("POST", "/api/v1/persistentvolumes", VOLUME("two", "two"));
	must("POST", PODS, POD("s2", "\"nodeName\":\"n2\"," MOUNTS("two")));
	must("POST", PODS, POD("s3", "\"nodeName\":\"n2\"," MOUNTS("two")));
	must("POST", PODS, POD("s4", "\"nodeName\":\"n1\"," MOUNTS("two")));
	assert_true(may(&n1, "get", "", "secrets", "kube-system", "shared"));
	assert_true(may(&n2, "get", "", "secrets", "kube-system", "shared"));
	must("DELETE", PODS "/s2", "{\"gracePeriodSeconds\":0}");
	assert_true(may(&n2, "get", "", "secrets", "kube-system", "shared"));
	must("DELETE", PODS "/s3", "{\"gracePeriodSeconds\":0}");
	assert_false(may(&n2, "get", "", "secrets", "kube-system", "shared"));
	must("DELETE", PODS "/s1", "{\"gracePeriodSeconds\":0}");
	assert_true(may(&n1, "get", "", "secrets", "kube-system", "shared"));
	must("PATCH", "/api/v1/persistentvolumes/two", "{\"metadata\":{\"finalizers\":null}}");
	must("DELETE", "/api/v1/persistentvolumes/two", NULL);
	assert_false(may(&n1, "get", "", "secrets", "kube-system", "shared"));
	must("DELETE", PODS "/s4", "{\"gracePeriodSeconds\":0}");
}

static void what_a_running_pod_comes_to_refer_to_counts(void **state)
{
	must("POST", PODS, POD("e", "\"nodeName\":\"n1\",\"resourceClaims\":[{\"name\":\"x\",\"resourceClaimTemplateName\":\"t\"}],"));
	must("PATCH", PODS "/e/status", "{\"status\":{\"phase\":\"Running\"}}");
	assert_false(reads("configmaps", "debug"));
	must("PATCH", PODS "/e/ephemeralcontainers", "{\"spec\":{\"ephemeralContainers\":[{\"name\":\"d\",\"image\":\"i\",\"env\":[{\"name\":"
		"\"A\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"debug\",\"key\":\"k\"}}}]}]}}");
	assert_true(reads("configmaps", "debug"));
	assert_false(may(&n1, "get", "resource.k8s.io", "resourceclaims", "default", "made"));
	must("PATCH", PODS "/e/status", "{\"status\":{\"resourceClaimStatuses\":[{\"name\":\"x\",\"resourceClaimName\":\"made\"}]}}");
	assert_true(may(&n1, "get", "resource.k8s.io", "resourceclaims", "default", "made"));
	must("PATCH", PODS "/e/status", "{\"status\":{\"phase\":\"Failed\"}}");
	must("DELETE", PODS "/e", "{\"gracePeriodSeconds\":0}");
	assert_false(reads("configmaps", "debug"));
}

static void only_a_nodes_name_in_its_group_is_a_node(void **state)
{
	const struct user no_group = { .name = "system:node:n1", .groups = others };
	const struct user no_name = { .name = "n1", .groups = nodes };
	const struct user empty = { .name = "system:node:", .groups = nodes };
	BUF_AUTO struct buf why = { 0 };
	struct attributes at = { .user = &empty, .verb = "get", .group = "", .resource = "pods", .sub = "", .ns = "default", .name = "c" };

	assert_true(reads("pods", "c"));
	assert_false(may(&no_group, "get", "", "pods", "default", "c"));
	assert_false(may(&no_name, "get", "", "pods", "default", "c"));
	assert_false(authorize(f.api, &at, &why));
	assert_string_equal(why.p, "unknown node for user \"system:node:\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rights_come_with_the_binding),
		cmocka_unit_test(they_end_with_the_last_pod),
		cmocka_unit_test(a_mirror_pod_gives_nothing),
		cmocka_unit_test(a_volume_leads_to_its_secret),
		cmocka_unit_test(a_secret_of_many_volumes_goes_with_the_last),
		cmocka_unit_test(what_a_running_pod_comes_to_refer_to_counts),
		cmocka_unit_test(only_a_nodes_name_in_its_group_is_a_node),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
