/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_help.h"

#include "kinds/kinds_custom.h"

/* want NULL: the kind does not know the field */
static const struct {
	const char *kind, *object, *field, *want;
} cases[] = {
	{ "v1 Pod", "{'metadata':{'name':'x'}}", "metadata.name", "x" },
	{ "v1 Pod", "{'metadata':{'namespace':'n'}}", "metadata.namespace", "n" },
	{ "v1 Pod", "{'spec':{'nodeName':'a'}}", "spec.nodeName", "a" },
	{ "v1 Pod", "{'spec':{'nodeName':'a'}}", "spec.host", "a" },
	{ "v1 Pod", "{}", "spec.nodeName", "" },
	{ "v1 Pod", "{}", "spec.hostNetwork", "false" },
	{ "v1 Pod", "{'spec':{'hostNetwork':true}}", "spec.hostNetwork", "true" },
	{ "v1 Pod", "{'status':{'phase':'Running'}}", "status.phase", "Running" },
	{ "v1 Pod", "{}", "spec.foo", NULL },
	{ "v1 Node", "{}", "spec.unschedulable", "false" },
	{ "v1 Node", "{}", "metadata.namespace", NULL },
	{ "apps/v1 ReplicaSet", "{'status':{'replicas':3}}", "status.replicas", "3" },
	{ "v1 Event", "{'involvedObject':{'kind':'Pod'}}", "involvedObject.kind", "Pod" },
	{ "v1 Event", "{'source':{'component':'a'}}", "source", "a" },
	{ "v1 Event", "{'reportingComponent':'b'}", "source", "b" },
	{ "v1 Namespace", "{'status':{'phase':'Active'}}", "status.phase", "Active" },
	{ "v1 Secret", "{'type':'t'}", "type", "t" },
	{ "v1 Service", "{'spec':{'clusterIP':'1.1.1.1'}}", "spec.clusterIP", "1.1.1.1" },
	{ "v1 ConfigMap", "{}", "type", NULL },
};

static void selects_by_the_kinds_fields(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rules r;
		rules_open(&r);
		const struct kinds_kind *k = kind_of(cases[i].kind);
		const char *got = kinds_field_value(k, parse_quoted(&r, cases[i].object), cases[i].field);
		assert_int_equal(kinds_field_known(k, cases[i].field), cases[i].want != NULL);
		if (cases[i].want)
			assert_string_equal(got, cases[i].want);
		else
			assert_null(got);
		rules_close(&r);
	}
}

static void custom_kinds_say_what_is_selectable(void **state)
{
	struct rules r;
	struct err e;

	rules_open(&r);
	yyjson_val *definition = parse_quoted(&r, "{'metadata':{'name':'foos.x.io'},'spec':{'group':'x.io','scope':'Namespaced',"
		"'names':{'plural':'foos','singular':'foo','kind':'Foo','listKind':'FooList'},'versions':[{'name':'v1','served':true,"
		"'storage':true,'selectableFields':[{'jsonPath':'.spec.color'}],'schema':{'openAPIV3Schema':{'type':'object',"
		"'properties':{'spec':{'type':'object','properties':{'color':{'type':'string'}}}}}}}]}}");
	if (kinds_custom_put(definition, 0, &e))
		fail_msg("%s", e.msg);
	const struct kinds_kind *k = kind_of("x.io/v1 Foo");
	assert_true(kinds_field_known(k, "spec.color"));
	assert_false(kinds_field_known(k, "spec.size"));
	assert_string_equal(kinds_field_value(k, parse_quoted(&r, "{'spec':{'color':'red'}}"), "spec.color"), "red");
	assert_string_equal(kinds_field_value(k, parse_quoted(&r, "{}"), "spec.color"), "");
	kinds_custom_clear();
	rules_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selects_by_the_kinds_fields),
		cmocka_unit_test(custom_kinds_say_what_is_selectable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
