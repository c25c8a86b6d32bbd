/* SPDX-License-Identifier: Apache-2.0 */
/* guards - the controllers that tell quotas and budgets, and let go of what is in use. */
#include "world.h"

#include "base/env.h"
#include "base/text.h"
#include "control/reconcile.h"

static struct world w;

static int open_world(void **state)
{
	world_open(&w);
	settle(&w);
	node(&w, "n1");
	return 0;
}

static int close_world(void **state)
{
	world_close(&w);
	return 0;
}

static const char *told(const char *store, const char *name, const char *path)
{
	static char text[64];
	struct cache_obj *o = cache_get(w.f.cache, store, "default", name);
	yyjson_val *v = o ? doc_get(cache_tree(o), path) : NULL;

	if (yyjson_is_int(v))
		snprintf(text, sizeof(text), "%lld", (long long)yyjson_get_sint(v));
	else
		snprintf(text, sizeof(text), "%s", v ? yyjson_get_str(v) : "nothing");
	return text;
}
#define QUOTA(path) told("core/resourcequotas", "q", path)
#define BUDGET(path) told("policy/poddisruptionbudgets", "b", path)

static void a_quotas_status_is_true_again_after_anything(void **state)
{
	must(&w, "POST", CORE "resourcequotas", "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{\"pods\":\"9\",\"secrets\":\"2\"}}}");
	settle(&w);
	assert_string_equal(QUOTA("status.used.pods"), "0");
	assert_string_equal(QUOTA("status.hard.secrets"), "2");
	must(&w, "POST", CORE "secrets", "{\"metadata\":{\"name\":\"s\"}}");
	settle(&w);
	assert_string_equal(QUOTA("status.used.secrets"), "1");
	must(&w, "PATCH", CORE "resourcequotas/q/status", "{\"status\":{\"used\":{\"secrets\":\"7\"},\"hard\":{\"services\":\"1\"}}}");
	settle(&w);
	assert_string_equal(QUOTA("status.used.secrets"), "1");
	assert_string_equal(QUOTA("status.hard.services"), "nothing");
	world_restart(&w);
	must(&w, "DELETE", CORE "secrets/s", NULL);
	settle(&w);
	assert_string_equal(QUOTA("status.used.secrets"), "0");
	must(&w, "DELETE", CORE "resourcequotas/q", NULL);
	settle(&w);
}

static void a_budget_follows_its_pods_and_their_owner(void **state)
{
	must(&w, "POST", "/apis/policy/v1/namespaces/default/poddisruptionbudgets", "{\"metadata\":{\"name\":\"b\"},\"spec\":"
		"{\"minAvailable\":\"50%\",\"selector\":{\"matchLabels\":{\"app\":\"x\"}}}}");
	settle(&w);
	assert_string_equal(BUDGET("status.expectedPods"), "0");
	assert_string_equal(BUDGET("status.conditions.0.reason"), "InsufficientPods");
	must(&w, "POST", APPS "deployments", WORKLOAD("Deployment", "\"replicas\":3,"));
	settle(&w);
	assert_string_equal(BUDGET("status.expectedPods"), "3");
	assert_string_equal(BUDGET("status.currentHealthy"), "3");
	assert_string_equal(BUDGET("status.desiredHealthy"), "2");
	assert_string_equal(BUDGET("status.disruptionsAllowed"), "1");
	assert_string_equal(BUDGET("status.observedGeneration"), "1");
	must(&w, "PATCH", APPS "deployments/x", "{\"spec\":{\"replicas\":6}}");
	settle(&w);
	assert_string_equal(BUDGET("status.desiredHealthy"), "3");
	assert_string_equal(BUDGET("status.disruptionsAllowed"), "3");
	/* Who was let go counts no more, even while it is there. */
	must(&w, "PATCH", "/apis/policy/v1/namespaces/default/poddisruptionbudgets/b/status",
		"{\"status\":{\"disruptedPods\":{\"nobody\":\"2026-01-01T00:00:00Z\"}}}");
	settle(&w);
	assert_string_equal(BUDGET("status.disruptedPods.nobody"), "nothing");
	must(&w, "DELETE", APPS "deployments/x", NULL);
	settle(&w);
	assert_string_equal(BUDGET("status.disruptionsAllowed"), "0");
	must(&w, "DELETE", "/apis/policy/v1/namespaces/default/poddisruptionbudgets/b", NULL);
	settle(&w);
}

static void a_pod_that_was_spared_forgets_its_mark(void **state)
{
	static const struct { const char *name, *since, *reason, *want; } rows[] = {
		{ "old", "2026-01-01T00:00:00Z", "EvictionByEvictionAPI", "False" },
		{ "nodes-own", "2026-01-01T00:00:00Z", "TerminationByKubelet", "True" },
		{ "new", NULL, "EvictionByEvictionAPI", "True" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char path[128], body[512], now[TEXT_TIME_MAX];

		text_time(now, env_wall_us());
		snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"},\"spec\":" POD_SPEC "}", rows[i].name);
		must(&w, "POST", CORE "pods", body);
		snprintf(path, sizeof(path), CORE "pods/%s/status", rows[i].name);
		snprintf(body, sizeof(body), "{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"DisruptionTarget\","
			"\"status\":\"True\",\"reason\":\"%s\",\"lastTransitionTime\":\"%s\"}]}}", rows[i].reason,
			rows[i].since ? rows[i].since : now);
		must(&w, "PATCH", path, body);
		settle(&w);
		struct cache_obj *o = cache_get(w.f.cache, "core/pods", "default", rows[i].name);
		assert_non_null(o);
		if (strcmp(doc_str(ctl_condition_get(cache_tree(o), "DisruptionTarget"), "status"), rows[i].want))
			fail_msg("%s: not %s", rows[i].name, rows[i].want);
		snprintf(path, sizeof(path), CORE "pods/%s", rows[i].name);
		must(&w, "DELETE", path, NULL);
		settle(&w);
	}
}

static bool there(const char *store, const char *ns, const char *name)
{
	return cache_get(w.f.cache, store, ns, name) != NULL;
}

static void what_is_used_stays_until_it_is_not(void **state)
{
	static const char claim[] = "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":"
		"{\"requests\":{\"storage\":\"1Gi\"}}}}";

	must(&w, "POST", CORE "persistentvolumeclaims", claim);
	must(&w, "DELETE", CORE "persistentvolumeclaims/c", NULL);
	settle(&w);
	assert_false(there("core/persistentvolumeclaims", "default", "c"));
	must(&w, "POST", CORE "persistentvolumeclaims", claim);
	must(&w, "POST", CORE "pods", "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n1\",\"containers\":[{\"name\":\"c\","
		"\"image\":\"i\"}],\"volumes\":[{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}]}}");
	must(&w, "DELETE", CORE "persistentvolumeclaims/c", NULL);
	settle(&w);
	assert_true(there("core/persistentvolumeclaims", "default", "c"));
	world_restart(&w);
	must(&w, "DELETE", CORE "pods/p", NULL);
	settle(&w);
	assert_false(there("core/persistentvolumeclaims", "default", "c"));
	must(&w, "POST", "/apis/storage.k8s.io/v1/volumeattributesclasses", "{\"metadata\":{\"name\":\"a\"},\"driverName\":\"d.io\","
		"\"parameters\":{\"a\":\"b\"}}");
	must(&w, "DELETE", "/apis/storage.k8s.io/v1/volumeattributesclasses/a", NULL);
	settle(&w);
	assert_false(there("storage.k8s.io/volumeattributesclasses", "", "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quotas_status_is_true_again_after_anything),
		cmocka_unit_test(a_budget_follows_its_pods_and_their_owner),
		cmocka_unit_test(a_pod_that_was_spared_forgets_its_mark),
		cmocka_unit_test(what_is_used_stays_until_it_is_not),
	};

	return cmocka_run_group_tests(tests, open_world, close_world);
}
