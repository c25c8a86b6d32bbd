/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON decoder: normal form, messages, unknown and repeated members. */
#include "codec_help.h"

static const struct {
	const char *name, *type, *json, *want;
} normal_cases[] = {
	{ "members come in table order", "core/v1.ConfigMap",
		"{\"data\":{\"k\":\"v\"},\"metadata\":{\"namespace\":\"n\",\"name\":\"a\"},\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}",
		"{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"},\"data\":{\"k\":\"v\"}}" },
	{ "null is absent", "core/v1.ConfigMap", "{\"data\":null,\"immutable\":null,\"metadata\":{\"name\":null}}",
		"{\"metadata\":{}}" },
	{ "a pointer keeps zero, a value does not", "core/v1.ServicePort",
		"{\"appProtocol\":\"\",\"name\":\"\",\"nodePort\":0,\"port\":0}",
		"{\"appProtocol\":\"\",\"port\":0,\"targetPort\":0}" },
	{ "structs by value are always there", "core/v1.Container", "{\"name\":\"c\",\"image\":\"i\"}",
		"{\"name\":\"c\",\"image\":\"i\",\"resources\":{}}" },
	{ "empty lists and maps are left out", "core/v1.Container", "{\"name\":\"c\",\"args\":[],\"env\":[]}",
		"{\"name\":\"c\",\"resources\":{}}" },
	{ "but kept where they are always written", "rbac/v1.Role", "{\"rules\":[]}", "{\"metadata\":{},\"rules\":[]}" },
	{ "a list has items", "core/v1.PodList", "{}", "{\"metadata\":{},\"items\":[]}" },
	{ "an empty struct behind a pointer stays", "core/v1.VolumeSource", "{\"emptyDir\":{}}", "{\"emptyDir\":{}}" },
	{ "quantities are canonical", "core/v1.ResourceRequirements",
		"{\"limits\":{\"memory\":\"1024Mi\",\"cpu\":0.5},\"requests\":{\"cpu\":2,\"memory\":\"100M\"}}",
		"{\"limits\":{\"cpu\":\"500m\",\"memory\":\"1Gi\"},\"requests\":{\"cpu\":\"2\",\"memory\":\"100M\"}}" },
	{ "a number is the quantity it was written as", "core/v1.ResourceRequirements",
		"{\"limits\":{\"cpu\":0.1,\"memory\":3.3},\"requests\":{\"cpu\":1.1,\"memory\":0.2}}",
		"{\"limits\":{\"cpu\":\"100m\",\"memory\":\"3300m\"},\"requests\":{\"cpu\":\"1100m\",\"memory\":\"200m\"}}" },
	{ "a quantity by value is written when unset", "core/v1.ResourceFieldSelector", "{\"resource\":\"limits.cpu\"}",
		"{\"resource\":\"limits.cpu\",\"divisor\":\"0\"}" },
	{ "int or string keeps its type", "apps/v1.RollingUpdateDeployment", "{\"maxSurge\":\"25%\",\"maxUnavailable\":0}",
		"{\"maxUnavailable\":0,\"maxSurge\":\"25%\"}" },
	{ "times are UTC seconds", "meta/v1.ObjectMeta", "{\"creationTimestamp\":\"2026-01-02T03:04:05.9+01:00\"}",
		"{\"creationTimestamp\":\"2026-01-02T02:04:05Z\"}" },
	{ "micro times have six digits", "coordination/v1.LeaseSpec", "{\"renewTime\":\"2026-01-02T03:04:05.5Z\"}",
		"{\"renewTime\":\"2026-01-02T03:04:05.500000Z\"}" },
	{ "the zero time is absent", "meta/v1.ObjectMeta", "{\"creationTimestamp\":\"0001-01-01T00:00:00Z\"}", "{}" },
	{ "bytes are padded base64", "core/v1.Secret", "{\"data\":{\"b\":\"YWI=\",\"a\":\"\",\"c\":\"YW\\nJj\"}}",
		"{\"metadata\":{},\"data\":{\"a\":\"\",\"b\":\"YWI=\",\"c\":\"YWJj\"}}" },
	{ "a null value in a map is its zero", "core/v1.ConfigMap", "{\"data\":{\"a\":null}}",
		"{\"metadata\":{},\"data\":{\"a\":\"\"}}" },
	{ "a zero time in a map is null", "policy/v1.PodDisruptionBudgetStatus",
		"{\"disruptedPods\":{\"p\":null}}",
		"{\"disruptedPods\":{\"p\":null},\"disruptionsAllowed\":0,\"currentHealthy\":0,\"desiredHealthy\":0,\"expectedPods\":0}" },
	{ "any object in a RawExtension", "apps/v1.ControllerRevision", "{\"data\":{\"z\":[1,null],\"a\":{}},\"revision\":1}",
		"{\"metadata\":{},\"data\":{\"z\":[1,null],\"a\":{}},\"revision\":1}" },
	{ "unions of schemas", "apiextensions/v1.JSONSchemaProps",
		"{\"items\":[{\"type\":\"string\"}],\"additionalProperties\":false,\"properties\":{\"x\":{\"items\":{\"type\":\"integer\"},"
		"\"additionalProperties\":{\"type\":\"object\"}}},\"dependencies\":{\"d\":[\"x\"],\"e\":{\"type\":\"object\"}},\"maximum\":10.0,\"minimum\":0.5}",
		"{\"maximum\":10,\"minimum\":0.5,\"items\":[{\"type\":\"string\"}],\"properties\":{\"x\":{\"items\":{\"type\":\"integer\"},"
		"\"additionalProperties\":{\"type\":\"object\"}}},\"additionalProperties\":false,\"dependencies\":{\"d\":[\"x\"],\"e\":{\"type\":\"object\"}}}" },
	{ "members of inlined structs lie flat", "core/v1.Volume", "{\"name\":\"v\",\"configMap\":{\"name\":\"c\"}}",
		"{\"name\":\"v\",\"configMap\":{\"name\":\"c\"}}" },
	{ "a status replicas of zero is written", "apps/v1.ReplicaSet", "{\"metadata\":{\"name\":\"r\"}}",
		"{\"metadata\":{\"name\":\"r\"},\"spec\":{\"template\":{\"metadata\":{},\"spec\":{}}},\"status\":{\"replicas\":0}}" },
};

static void normal_form(void **state)
{
	for (size_t i = 0; i < sizeof(normal_cases) / sizeof(normal_cases[0]); i++) {
		const char *got = decoded(normal_cases[i].type, normal_cases[i].json, KS_STRICT);

		if (strcmp(got, normal_cases[i].want))
			fail_msg("%s:\n got %s\nwant %s", normal_cases[i].name, got, normal_cases[i].want);
		/* What is normal stays as it is. */
		assert_string_equal(decoded(normal_cases[i].type, got, KS_STRICT), got);
	}
}

static const struct {
	const char *type, *json, *want;
} error_cases[] = {
	{ "core/v1.Pod", "[]", "json: cannot unmarshal array into Go value of type v1.Pod" },
	{ "core/v1.ConfigMap", "{\"data\":{\"k\":1}}",
		"json: cannot unmarshal number into Go struct field ConfigMap.data of type string" },
	{ "core/v1.ConfigMap", "{\"metadata\":{\"labels\":\"x\"}}",
		"json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string" },
	{ "apps/v1.Deployment", "{\"spec\":{\"replicas\":\"2\"}}",
		"json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32" },
	{ "apps/v1.Deployment", "{\"spec\":{\"replicas\":2.5}}",
		"json: cannot unmarshal number 2.5 into Go struct field DeploymentSpec.spec.replicas of type int32" },
	{ "apps/v1.Deployment", "{\"spec\":{\"replicas\":3000000000}}",
		"json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32" },
	{ "meta/v1.ObjectMeta", "{\"generation\":9223372036854775808}",
		"json: cannot unmarshal number 9223372036854775808 into Go struct field ObjectMeta.generation of type int64" },
	{ "core/v1.Pod", "{\"spec\":{\"containers\":{}}}",
		"json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container" },
	{ "core/v1.Pod", "{\"spec\":{\"containers\":[\"x\"]}}",
		"json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type v1.Container" },
	{ "core/v1.Pod", "{\"spec\":{\"containers\":[{\"env\":[{\"name\":\"A\",\"value\":8080}]}]}}",
		"json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string" },
	{ "core/v1.Pod", "{\"spec\":{\"hostNetwork\":\"yes\"}}",
		"json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool" },
	{ "core/v1.Service", "{\"spec\":{\"ports\":[{\"targetPort\":true}]}}",
		"json: cannot unmarshal bool into Go struct field ServicePort.spec.ports.targetPort of type int32" },
	{ "core/v1.ResourceRequirements", "{\"limits\":{\"cpu\":\"a lot\"}}", "quantities must match the regular expression "
		"'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'" },
	{ "core/v1.ResourceRequirements", "{\"limits\":{\"cpu\":\"1KK\"}}", "unable to parse quantity's suffix" },
	{ "core/v1.ResourceRequirements", "{\"limits\":[]}",
		"json: cannot unmarshal array into Go struct field ResourceRequirements.limits of type v1.ResourceList" },
	{ "meta/v1.ObjectMeta", "{\"creationTimestamp\":\"today\"}", "parsing time \"today\" as "
		"\"2006-01-02T15:04:05Z07:00\": cannot parse \"today\" as \"2006\"" },
	{ "meta/v1.ObjectMeta", "{\"creationTimestamp\":5}",
		"json: cannot unmarshal number into Go struct field ObjectMeta.creationTimestamp of type string" },
	{ "core/v1.Secret", "{\"data\":{\"a\":\"#\"}}", "illegal base64 data at input byte 0" },
	{ "core/v1.Secret", "{\"data\":{\"a\":\"YWJj=\"}}", "illegal base64 data at input byte 4" },
	{ "core/v1.Secret", "{\"data\":{\"a\":\"YWI\"}}", "illegal base64 data at input byte 0" },
	{ "apiextensions/v1.JSONSchemaProps", "{\"additionalProperties\":\"x\"}", "boolean or JSON schema expected" },
};

static void type_errors(void **state)
{
	for (size_t i = 0; i < sizeof(error_cases) / sizeof(error_cases[0]); i++) {
		const char *got = decoded(error_cases[i].type, error_cases[i].json, KS_STRICT);
		const char *want = arena_printf(a, "error: %s", error_cases[i].want);

		if (strcmp(got, want))
			fail_msg("%s:\n got %s\nwant %s", error_cases[i].json, got, want);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
}

static void unknown_and_repeated_members_are_listed(void **state)
{
	static const char body[] = "{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"foo\":1,\"name\":\"b\",\"name\":\"c\"}],"
		"\"bar\":{}},\"metadata\":{\"labels\":{\"x\":\"1\",\"x\":\"2\",\"x\":\"3\"}},\"spex\":null}";
	static const char pod[] = "{\"metadata\":{\"labels\":{\"x\":\"3\"}},\"spec\":{\"containers\":"
		"[{\"name\":\"a\",\"resources\":{}},{\"name\":\"c\",\"resources\":{}}]},\"status\":{}}";

	assert_string_equal(decoded("core/v1.Pod", body, KS_IGNORE), pod);
	assert_string_equal(decoded("core/v1.Pod", body, KS_STRICT), arena_printf(a, "%s%s", pod,
		"\nunknown field \"spec.containers[1].foo\"\nduplicate field \"spec.containers[1].name\""
		"\nunknown field \"spec.bar\"\nduplicate field \"metadata.labels.x\"\nunknown field \"spex\""));
}

static void problems_are_bounded(void **state)
{
	BUF_AUTO struct buf b = {0};
	struct kinds_problem *problems;
	yyjson_mut_val *v;
	int n = 0;

	buf_adds(&b, "{");
	for (int i = 0; i < 5000; i++)
		buf_printf(&b, "%s\"x%d\":0", i ? "," : "", i);
	buf_adds(&b, "}");
	assert_int_equal(kinds_decode(doc_new(a), a, type("core/v1.Pod"), parse(b.p), KS_WARN, &v, &problems, &err), 0);
	for (; problems; problems = problems->next)
		n++;
	assert_int_equal(n, 100);
}

static void over_the_cap_is_a_size_error(void **state)
{
	struct arena *small = arena_open(64 << 10);
	BUF_AUTO struct buf b = {0};
	yyjson_mut_val *v;

	buf_adds(&b, "{\"spec\":{\"containers\":[{}");
	for (int i = 0; i < 5000; i++)
		buf_adds(&b, ",{}");
	buf_adds(&b, "]}}");
	assert_int_equal(kinds_decode(doc_new(small), small, type("core/v1.Pod"), parse(b.p), KS_STRICT, &v, NULL, &err),
		-ERR_SIZE);
	arena_close(small);
}

static void big_maps_are_sorted(void **state)
{
	BUF_AUTO struct buf b = {0};
	yyjson_mut_val *v, *data;
	const char *last = "";

	buf_adds(&b, "{\"data\":{");
	for (int i = 0; i < 3000; i++)
		buf_printf(&b, "%s\"k%d\":\"%d\"", i ? "," : "", (i * 7919) % 3000, i);
	buf_adds(&b, "}}");
	v = normal(type("core/v1.ConfigMap"), parse(b.p));
	data = yyjson_mut_obj_get(v, "data");
	assert_int_equal(yyjson_mut_obj_size(data), 3000);

	yyjson_mut_obj_iter it = yyjson_mut_obj_iter_with(data);
	yyjson_mut_val *key;

	while ((key = yyjson_mut_obj_iter_next(&it))) {
		assert_true(strcmp(last, yyjson_mut_get_str(key)) < 0);
		last = yyjson_mut_get_str(key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(normal_form),
		cmocka_unit_test(type_errors),
		cmocka_unit_test(unknown_and_repeated_members_are_listed),
		cmocka_unit_test(problems_are_bounded),
		cmocka_unit_test(over_the_cap_is_a_size_error),
		cmocka_unit_test(big_maps_are_sorted),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
