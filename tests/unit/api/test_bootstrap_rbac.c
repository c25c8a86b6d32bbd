/* SPDX-License-Identifier: Apache-2.0 */
/* bootstrap_rbac - a start puts back what roles and bindings lack and leaves what was added. */
#include "fixture.h"

#define RBAC "/apis/rbac.authorization.k8s.io/v1"

static struct fixture f;

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

static void must(const char *method, const char *path, const char *body)
{
	const char *type = strcmp(method, "PATCH") ? NULL : "application/merge-patch+json";

	if (fixture_call(&f, method, path, NULL, type, body) / 100 != 2)
		fail_msg("%s %s: %s", method, path, f.body.p);
}

static void start_again(void)
{
	f.booted = false;
	api_bootstrap(f.api, fixture_booted, &f);
	for (int i = 0; i < 2000 && !f.booted; i++)
		loop_turn(f.loop, 10);
	assert_true(f.booted);
	assert_int_equal(f.boot_rc, 0);
}

static bool has(const char *path, const char *text)
{
	must("GET", path, NULL);
	return strstr(f.body.p, text) != NULL;
}

static void a_start_that_finds_all_writes_nothing(void **state)
{
	int64_t rev = cache_rev(f.cache);

	start_again();
	assert_int_equal(cache_rev(f.cache), rev);
}

static void missing_rules_come_back_and_added_ones_stay(void **state)
{
	const char *path = RBAC "/clusterroles/system:basic-user";

	must("PATCH", path, "{\"metadata\":{\"labels\":{\"kubernetes.io/bootstrapping\":null,\"mine\":\"x\"}},\"rules\":[{\"verbs\":[\"get\"],"
		"\"apiGroups\":[\"mine\"],\"resources\":[\"things\"]}]}");
	start_again();
	assert_true(has(path, "\"selfsubjectreviews\""));
	assert_true(has(path, "\"things\""));
	assert_true(has(path, "\"kubernetes.io/bootstrapping\":\"rbac-defaults\""));
	assert_true(has(path, "\"mine\":\"x\""));
}

static void missing_subjects_come_back_and_added_ones_stay(void **state)
{
	const char *path = RBAC "/clusterrolebindings/system:discovery";

	must("PATCH", path, "{\"subjects\":[{\"kind\":\"User\",\"name\":\"me\",\"apiGroup\":\"rbac.authorization.k8s.io\"}]}");
	start_again();
	assert_true(has(path, "\"system:authenticated\""));
	assert_true(has(path, "\"me\""));
}

static void nodes_lose_what_an_earlier_version_gave(void **state)
{
	const char *path = RBAC "/clusterrolebindings/system:node";

	must("PATCH", path, "{\"subjects\":[{\"kind\":\"Group\",\"name\":\"system:nodes\",\"apiGroup\":\"rbac.authorization.k8s.io\"},"
		"{\"kind\":\"User\",\"name\":\"me\",\"apiGroup\":\"rbac.authorization.k8s.io\"}]}");
	must("PATCH", RBAC "/clusterrolebindings/system:node-proxier", "{\"subjects\":[{\"kind\":\"Group\",\"name\":\"system:nodes\","
		"\"apiGroup\":\"rbac.authorization.k8s.io\"}]}");
	start_again();
	assert_false(has(path, "system:nodes"));
	assert_true(has(path, "\"me\""));
	assert_false(has(RBAC "/clusterrolebindings/system:node-proxier", "system:nodes"));
	assert_true(has(RBAC "/clusterrolebindings/system:node-proxier", "system:kube-proxy"));
}

static void a_binding_to_another_role_is_made_anew(void **state)
{
	const char *path = RBAC "/clusterrolebindings/system:public-info-viewer";

	must("DELETE", path, NULL);
	must("POST", RBAC "/clusterrolebindings", "{\"metadata\":{\"name\":\"system:public-info-viewer\"},\"roleRef\":{\"apiGroup\":"
		"\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"view\"},\"subjects\":[]}");
	start_again();
	assert_true(has(path, "\"name\":\"system:public-info-viewer\"}"));
	assert_true(has(path, "\"system:unauthenticated\""));
}

static void an_aggregation_that_does_not_belong_goes(void **state)
{
	const char *path = RBAC "/clusterroles/system:discovery";

	must("PATCH", path, "{\"aggregationRule\":{\"clusterRoleSelectors\":[{\"matchLabels\":{\"a\":\"b\"}}]}}");
	start_again();
	assert_false(has(path, "aggregationRule"));
	/* And one that lost its selector has it again. */
	must("PATCH", RBAC "/clusterroles/view", "{\"aggregationRule\":{\"clusterRoleSelectors\":[{\"matchLabels\":{\"a\":\"b\"}}]}}");
	start_again();
	assert_true(has(RBAC "/clusterroles/view", "\"rbac.authorization.k8s.io/aggregate-to-view\":\"true\""));
	assert_true(has(RBAC "/clusterroles/view", "\"a\":\"b\""));
}

static void whoever_wants_it_left_alone_says_so(void **state)
{
	const char *path = RBAC "/clusterrolebindings/system:basic-user";

	must("PATCH", path, "{\"metadata\":{\"annotations\":{\"rbac.authorization.kubernetes.io/autoupdate\":\"false\"}},\"subjects\":[]}");
	start_again();
	assert_false(has(path, "system:authenticated"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_that_finds_all_writes_nothing),
		cmocka_unit_test(missing_rules_come_back_and_added_ones_stay),
		cmocka_unit_test(missing_subjects_come_back_and_added_ones_stay),
		cmocka_unit_test(nodes_lose_what_an_earlier_version_gave),
		cmocka_unit_test(a_binding_to_another_role_is_made_anew),
		cmocka_unit_test(an_aggregation_that_does_not_belong_goes),
		cmocka_unit_test(whoever_wants_it_left_alone_says_so),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
