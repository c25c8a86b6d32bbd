/* SPDX-License-Identifier: Apache-2.0 */
/* Finding kinds and types; the order and soundness of the tables. */
#include "codec_help.h"

#include "kinds/table.h"

static void kinds_are_found_by_every_name(void **state)
{
	const struct kinds_kind *k, *last = NULL;

	for (size_t it = 0; kinds_next(&it, &k); last = k) {
		assert_ptr_equal(kinds_by_resource(k->group, k->version, k->plural), k);
		assert_ptr_equal(kinds_by_kind(k->group, k->version, k->kind), k);
		assert_string_equal(kinds_api_version(k), *k->group ? arena_printf(a, "%s/%s", k->group, k->version) : k->version);
		assert_int_equal(k->id, it - 1);
		if (k->store)
			assert_string_equal(kinds_by_store(k->store)->store, k->store);
		if (last && !strcmp(last->api_version, k->api_version))
			assert_true(strcmp(last->plural, k->plural) < 0);
		if (k->verbs & KVERB_LIST)
			assert_non_null(kinds_type_by_gvk(k->group, k->version, k->list_kind));
		for (int i = 0; i < k->sub_count; i++)
			if (k->subs[i].kind)
				assert_non_null(kinds_type_by_gvk(k->subs[i].group, k->subs[i].version, k->subs[i].kind));
	}
	assert_null(kinds_by_resource("", "v1", "nothings"));
	assert_null(kinds_by_kind("apps", "v1beta1", "Deployment"));
	assert_null(kinds_by_store("core/nothings"));
}

static void one_object_may_have_two_versions(void **state)
{
	assert_string_equal(kinds_by_resource("events.k8s.io", "v1", "events")->store, "core/events");
	assert_string_equal(kinds_by_store("core/events")->group, "");
	assert_string_equal(kinds_by_store("autoscaling/horizontalpodautoscalers")->version, "v2");
	assert_string_equal(kinds_by_resource("rbac.authorization.k8s.io", "v1", "roles")->store,
		"rbac.authorization.k8s.io/roles");
	assert_null(kinds_by_resource("", "v1", "bindings")->store);
}

static void subresources_have_verbs_and_bodies(void **state)
{
	const struct kinds_kind *pods = kinds_by_resource("", "v1", "pods");
	const struct kinds_sub *eviction = kinds_sub(pods, "eviction");

	assert_int_equal(eviction->verbs, KVERB_CREATE);
	assert_string_equal(eviction->group, "policy");
	assert_string_equal(eviction->kind, "Eviction");
	assert_null(kinds_sub(pods, "status")->kind);
	assert_null(kinds_sub(pods, "scale"));
	assert_int_equal(kinds_by_resource("", "v1", "namespaces")->verbs & KVERB_DELETECOLLECTION, 0);
}

static void api_versions_split(void **state)
{
	static const struct { const char *in, *group, *version; } cases[] = {
		{ "v1", "", "v1" }, { "apps/v1", "apps", "v1" }, { "", "", "" }, { "/v1", "", "v1" },
		{ "a/b/c", "a", "b/c" },
	};
	char group[254], version[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		kinds_split_api_version(cases[i].in, group, version);
		assert_string_equal(group, cases[i].group);
		assert_string_equal(version, cases[i].version);
	}
	char *far = arena_alloc(a, 2001);

	memset(far, 'x', 2000);
	far[1000] = '/';
	far[2000] = 0;
	kinds_split_api_version(far, group, version);
	assert_int_equal(strlen(group), 253);
	assert_int_equal(strlen(version), 63);
}

static void options_belong_to_every_group(void **state)
{
	assert_ptr_equal(kinds_type_by_gvk("apps", "v1", "DeleteOptions"), type("meta/v1.DeleteOptions"));
	assert_ptr_equal(kinds_type_by_gvk("", "v1", "DeleteOptions"), type("meta/v1.DeleteOptions"));
	assert_ptr_equal(kinds_type_by_gvk("autoscaling", "v1", "Scale"), type("autoscaling/v1.Scale"));
	assert_null(kinds_type_by_gvk("apps", "v1", "Scale"));
}

static void types_are_sound(void **state)
{
	for (size_t i = 0; i < kinds_type_count; i++) {
		const struct kinds_type *t = &kinds_types[i];

		assert_ptr_equal(kinds_type_by_name(t->name), t);
		for (uint16_t n = 0; n < t->field_count; n++) {
			const struct kinds_field *f = &t->fields[n];

			assert_int_equal(f->name_len, strlen(f->name));
			assert_true(f->value != KV_OBJECT || f->type);
			assert_true(f->list != KL_MAP || f->list_keys);
			if (t->proto && !(f->flags & KF_TYPEMETA) && !f->pbnum)
				fail_msg("%s.%s has no number", t->name, f->name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_found_by_every_name),
		cmocka_unit_test(one_object_may_have_two_versions),
		cmocka_unit_test(subresources_have_verbs_and_bodies),
		cmocka_unit_test(api_versions_split),
		cmocka_unit_test(options_belong_to_every_group),
		cmocka_unit_test(types_are_sound),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
