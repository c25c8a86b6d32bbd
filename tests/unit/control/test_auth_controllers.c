/* SPDX-License-Identifier: Apache-2.0 */
/* auth_controllers - those of roles, certificates and tokens. */
#include "world.h"

static struct world w;

static int open_world(void **state)
{
	world_open(&w);
	return 0;
}

static int close_world(void **state)
{
	world_close(&w);
	return 0;
}

#define ROLES "rbac.authorization.k8s.io/clusterroles"
#define ROLES_PATH "/apis/rbac.authorization.k8s.io/v1/clusterroles"

static const char *rules_text(const char *name, struct buf *out)
{
	struct cache_obj *o = cache_get(w.f.cache, ROLES, "", name);

	buf_clear(out);
	if (o && doc_get(cache_tree(o), "rules"))
		doc_write(out, doc_get(cache_tree(o), "rules"));
	return out->p ? out->p : "";
}

static void an_aggregated_role_has_what_others_are_labelled_into_it(void **state)
{
	BUF_AUTO struct buf text = { 0 };

	must(&w, "POST", ROLES_PATH, "{\"metadata\":{\"name\":\"all\"},\"aggregationRule\":{\"clusterRoleSelectors\":["
		"{\"matchLabels\":{\"into\":\"all\"}}]}}");
	must(&w, "POST", ROLES_PATH, "{\"metadata\":{\"name\":\"b\",\"labels\":{\"into\":\"all\"}},\"rules\":[{\"verbs\":[\"get\"],"
		"\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]}");
	must(&w, "POST", ROLES_PATH, "{\"metadata\":{\"name\":\"a\",\"labels\":{\"into\":\"all\"}},\"rules\":[{\"verbs\":[\"get\"],"
		"\"apiGroups\":[\"\"],\"resources\":[\"nodes\"]},{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]}");
	settle(&w);
	assert_string_equal(rules_text("all", &text), "[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"nodes\"]},"
		"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]");
	must(&w, "PATCH", ROLES_PATH "/a", "{\"metadata\":{\"labels\":{\"into\":null}}}");
	settle(&w);
	assert_null(strstr(rules_text("all", &text), "nodes"));
	must(&w, "DELETE", ROLES_PATH "/b", NULL);
	settle(&w);
	assert_string_equal(rules_text("all", &text), "[]");
	/* What somebody writes into the rules is put right. */
	must(&w, "PATCH", ROLES_PATH "/all", "{\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]}");
	settle(&w);
	assert_string_equal(rules_text("all", &text), "[]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_aggregated_role_has_what_others_are_labelled_into_it),
	};

	return cmocka_run_group_tests(tests, open_world, close_world);
}
