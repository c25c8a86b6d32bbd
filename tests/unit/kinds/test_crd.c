/* SPDX-License-Identifier: Apache-2.0 */
/* What CustomResourceDefinitions may say, in upstream's paths and words. */
#include "kinds/kinds_custom.h"
#include "kinds/validate.h"

#include "codec_help.h"

#define META "\"metadata\":{\"name\":\"foos.example.com\"}"
#define NAMES "\"names\":{\"plural\":\"foos\",\"singular\":\"foo\",\"kind\":\"Foo\",\"listKind\":\"FooList\"}"
#define STATUS "\"status\":{\"storedVersions\":[\"v1\"]}"

/* The causes, one a line. */
static const char *causes(const char *json, const char *old_json)
{
	const struct kinds_type *t = type("apiextensions/v1.CustomResourceDefinition");
	const struct kinds_kind *k = kinds_by_resource("apiextensions.k8s.io", "v1", "customresourcedefinitions");
	yyjson_mut_val *v = normal(t, parse(json)), *old = old_json ? normal(t, parse(old_json)) : NULL;
	struct vcheck c = { .a = a, .k = k, .v = v, .old = old };
	const char *text = "";

	c.tail = &c.first;
	validate_crd(&c, V_AT(NULL, "spec"), yyjson_mut_obj_get(v, "spec"));
	for (struct field_error *e = c.first; e; e = e->next)
		text = arena_printf(a, "%s%s%s: %s", text, *text ? "\n" : "", e->field, e->detail);
	return text;
}

static void compare(const char *name, const char *got, const char *want)
{
	if (strcmp(got, want))
		fail_msg("%s:\n got %s\nwant %s", name, got, want);
}

/* ---- schemas: one version, so they are told at spec.validation ---- */

#define S "spec.validation.openAPIV3Schema"

static const struct { const char *schema, *want; } schema_cases[] = {
	{ "{\"type\":\"object\"}", "" },
	{ "{}", S ".type: Required value: must not be empty at the root" },
	{ "{\"type\":\"string\"}", S ".type: Invalid value: \"string\": must be object at the root" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{}}}",
		S ".properties[a].type: Required value: must not be empty for specified object fields" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\"}}}", S ".properties[a].items: Required value: must be specified" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{}}}}",
		S ".properties[a].items.type: Required value: must not be empty for specified array items" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"x-kubernetes-int-or-string\":true}}}", "" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"x-kubernetes-int-or-string\":true,\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}}}", "" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"anyOf\":[{\"type\":\"integer\"},{\"minLength\":1}]}}}",
		S ".properties[a].anyOf[0].type: Forbidden: must be empty to be structural" },
	{ "{\"type\":\"object\",\"anyOf\":[{\"properties\":{\"b\":{\"minLength\":1}}}]}",
		S ".properties[b]: Required value: because it is defined in " S ".anyOf[0].properties[b]" },
	{ "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}", S ".additionalProperties: Forbidden: must not be used at the root" },
	{ "{\"type\":\"object\",\"properties\":{\"metadata\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"pattern\":\"^a\"}}}}}", "" },
	{ "{\"type\":\"object\",\"properties\":{\"metadata\":{\"type\":\"object\",\"properties\":{\"labels\":{\"type\":\"object\"}}}}}",
		S ".properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"(\"}}}",
		S ".properties[a].pattern: Invalid value: \"(\": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): `(`" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"map\"}}}", S ".properties[a].type: Unsupported value: \"map\": "
		"supported values: \"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\"" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/x\",\"type\":\"object\"}}}", S ".properties[a].$ref: Forbidden: $ref is not supported" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"type\":\"string\"}}}}",
		S ".properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"string\"}},\"additionalProperties\":{\"type\":\"string\"}}}}",
		S ".properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":false}}}",
		S ".properties[a].x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"items\":{\"type\":\"object\","
		"\"properties\":{\"k\":{\"type\":\"string\"}}}}}}",
		S ".properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":[\"k\"],"
		"\"items\":{\"type\":\"object\",\"properties\":{\"k\":{\"type\":\"string\"}}}}}}",
		S ".properties[a].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a "
		"default or be a required property" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"object\"}}}}",
		S ".properties[a].items.x-kubernetes-map-type: Invalid value: \"null\": must be atomic as item of a list with x-kubernetes-list-type=set" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"x-kubernetes-list-type\":\"set\"}}}",
		S ".properties[a].type: Invalid value: \"string\": must be array if x-kubernetes-list-type is specified" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"x-kubernetes-embedded-resource\":true}}}",
		S ".properties[a].properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without "
		"x-kubernetes-preserve-unknown-fields" },
	{ "{\"type\":\"object\",\"nullable\":true}", S ".nullable: Forbidden: nullable cannot be true at the root" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"default\":\"x\"}}}",
		S ".properties[a].default: Invalid value: \"string\":  in body must be of type integer: \"string\"" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"string\"}},\"default\":{\"c\":1}}}}",
		S ".properties[a].default: Invalid value: {\"c\":1}: must not have unknown fields" },
	{ "{\"type\":\"object\",\"properties\":{\"kind\":{\"type\":\"string\",\"default\":\"x\"}}}",
		S ".properties[kind].default: Forbidden: must not be set in top-level kind" },
	{ "{\"type\":\"object\",\"x-kubernetes-validations\":[{\"rule\":\" \"},{\"rule\":\"a\\nb\"},{\"rule\":\"true\",\"reason\":\"X\"}]}",
		S ".x-kubernetes-validations[0].rule: Required value: rule is not specified\n"
		S ".x-kubernetes-validations[1].message: Required value: message must be specified if rule contains line breaks\n"
		S ".x-kubernetes-validations[2].reason: Unsupported value: \"X\": supported values: \"FieldValueDuplicate\", "
		"\"FieldValueForbidden\", \"FieldValueInvalid\", \"FieldValueRequired\"" },
};

static void schemas_have_rules(void **state)
{
	for (size_t i = 0; i < sizeof(schema_cases) / sizeof(schema_cases[0]); i++)
		compare(schema_cases[i].schema, causes(arena_printf(a, "{" META ",\"spec\":{\"group\":\"example.com\",\"scope\":\"Cluster\"," NAMES
			",\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":%s}}]}," STATUS "}",
			schema_cases[i].schema), NULL), schema_cases[i].want);
}

/* ---- the rest of the spec ---- */

#define OBJECT "\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{\"s\":{\"type\":\"string\"},\"o\":{\"type\":\"object\"}}}}}}"
#define V1(more) "{\"name\":\"v1\",\"served\":true,\"storage\":true," OBJECT more "}"
#define V2(more) "{\"name\":\"v2\",\"served\":true,\"storage\":false," OBJECT more "}"
#define SPEC(versions) "\"group\":\"example.com\",\"scope\":\"Namespaced\"," NAMES ",\"versions\":[" versions "]"

static const struct { const char *name, *spec, *want; } spec_cases[] = {
	{ "two versions", SPEC(V1("") "," V2("")), "" },
	{ "no dot", "\"group\":\"example\",\"scope\":\"Namespaced\"," NAMES ",\"versions\":[" V1("") "]",
		"metadata.name: Invalid value: \"foos.example.com\": must be spec.names.plural+\".\"+spec.group\n"
		"spec.group: Invalid value: \"example\": should be a domain with at least one dot" },
	{ "scope", "\"group\":\"example.com\",\"scope\":\"Global\"," NAMES ",\"versions\":[" V1("") "]",
		"spec.scope: Unsupported value: \"Global\": supported values: \"Cluster\", \"Namespaced\"" },
	{ "no schema", SPEC("{\"name\":\"v1\",\"served\":true,\"storage\":true}"),
		"spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required" },
	{ "column", SPEC(V1(",\"additionalPrinterColumns\":[{\"name\":\"\",\"type\":\"text\",\"jsonPath\":\"spec\",\"format\":\"x\"}]")),
		"spec.additionalPrinterColumns[0].name: Required value\n"
		"spec.additionalPrinterColumns[0].type: Invalid value: \"text\": must be one of boolean,date,integer,number,string\n"
		"spec.additionalPrinterColumns[0].format: Invalid value: \"x\": must be one of byte,date,date-time,double,float,int32,int64,password\n"
		"spec.additionalPrinterColumns[0].JSONPath: Invalid value: \"spec\": must be a simple json path starting with ." },
	{ "column of one version", SPEC(V1(",\"additionalPrinterColumns\":[{\"name\":\"\",\"type\":\"date\",\"jsonPath\":\".a\"}]") "," V2("")),
		"spec.versions[0].additionalPrinterColumns[0].name: Required value" },
	{ "scale", SPEC(V1(",\"subresources\":{\"scale\":{\"specReplicasPath\":\".status.x\",\"statusReplicasPath\":\"\",\"labelSelectorPath\":\".x\"}}")),
		"spec.subresources.scale.specReplicasPath: Invalid value: \".status.x\": should be a json path under .spec\n"
		"spec.subresources.scale.statusReplicasPath: Required value\n"
		"spec.subresources.scale.labelSelectorPath: Invalid value: \".x\": should be a json path under either .spec or .status" },
	{ "selectable fields", SPEC(V1(",\"selectableFields\":[{\"jsonPath\":\".spec.s\"},{\"jsonPath\":\".spec.s\"},{\"jsonPath\":\".spec.o\"},"
		"{\"jsonPath\":\".spec.x\"},{\"jsonPath\":\"\"}]")),
		"spec.selectableFields[1].jsonPath: Duplicate value: \".spec.s\"\n"
		"spec.selectableFields[2].jsonPath: Invalid value: \".spec.o\": must point to a field of type string, boolean or integer. Enum string "
		"fields and strings with formats are allowed.\n"
		"spec.selectableFields[3].jsonPath: Invalid value: \".spec.x\": is an invalid path: does not refer to a valid field\n"
		"spec.selectableFields[4].jsonPath: Required value" },
	{ "deprecation", SPEC(V1(",\"deprecationWarning\":\"old\"")),
		"spec.versions[0].deprecationWarning: Invalid value: \"old\": can only be set for deprecated versions" },
	{ "webhook", SPEC(V1("")) ",\"conversion\":{\"strategy\":\"Webhook\"}",
		"spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook\n"
		"spec.conversion.conversionReviewVersions: Required value" },
	{ "unknown fields", SPEC(V1("")) ",\"preserveUnknownFields\":true", "spec.preserveUnknownFields: Invalid value: true: cannot set to true, "
		"set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead" },
	{ "kinds", "\"group\":\"example.com\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"foos\",\"singular\":\"foo\",\"kind\":\"Foo\","
		"\"listKind\":\"Foo\"},\"versions\":[" V1("") "]", "spec.names.listKind: Invalid value: \"Foo\": kind and listKind may not be the same" },
};

static void definitions_have_rules(void **state)
{
	for (size_t i = 0; i < sizeof(spec_cases) / sizeof(spec_cases[0]); i++)
		compare(spec_cases[i].name, causes(arena_printf(a, "{" META ",\"spec\":{%s}," STATUS "}", spec_cases[i].spec), NULL),
			spec_cases[i].want);
}

static void changes_have_rules(void **state)
{
	const char *old = "{" META ",\"spec\":{" SPEC(V1("")) "},\"status\":{\"storedVersions\":[\"v1\"],"
		"\"conditions\":[{\"type\":\"Established\",\"status\":\"True\"}]}}";

	compare("fixed", causes("{" META ",\"spec\":{\"group\":\"example.org\",\"scope\":\"Cluster\",\"names\":{\"plural\":\"foos\","
		"\"singular\":\"foo\",\"kind\":\"Fu\",\"listKind\":\"FuList\"},\"versions\":[" V1("") "]}," STATUS "}", old),
		"spec.scope: Invalid value: \"Cluster\": field is immutable\nspec.names.kind: Invalid value: \"Fu\": field is immutable\n"
		"spec.group: Invalid value: \"example.org\": field is immutable");
	compare("a stored version", causes("{" META ",\"spec\":{" SPEC("{\"name\":\"v3\",\"served\":true,\"storage\":true," OBJECT "}")
		"},\"status\":{\"storedVersions\":[\"v1\",\"v3\"]}}", old),
		"status.storedVersions[0]: Invalid value: \"v1\": missing from spec.versions; v1 was previously a storage version, and must remain "
		"in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions");
}

static const struct { const char *group, *note, *want, *why_not; } approvals[] = {
	{ "example.com", "", NULL, "" },
	{ "x.k8s.io", "https://github.com/kubernetes/kubernetes/pull/1", "ApprovedAnnotation", "" },
	{ "x.kubernetes.io", "unapproved, an experiment", "UnapprovedAnnotation", "" },
	{ "k8s.io", NULL, "MissingAnnotation", "protected groups must have approval annotation \"api-approved.kubernetes.io\", see "
		"https://github.com/kubernetes/enhancements/pull/1111" },
	{ "x.k8s.io", "yes", "InvalidAnnotation", "protected groups must have approval annotation \"api-approved.kubernetes.io\" with either "
		"a URL or a reason starting with \"unapproved\", see https://github.com/kubernetes/enhancements/pull/1111" },
	{ "notk8s.io", NULL, NULL, "" },
};

static void groups_of_the_community_are_approved(void **state)
{
	for (size_t i = 0; i < sizeof(approvals) / sizeof(approvals[0]); i++) {
		const char *why_not, *got = kinds_crd_approval(approvals[i].group, approvals[i].note, &why_not);

		assert_string_equal(got ? got : "none", approvals[i].want ? approvals[i].want : "none");
		assert_string_equal(why_not, approvals[i].why_not);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schemas_have_rules),
		cmocka_unit_test(definitions_have_rules),
		cmocka_unit_test(changes_have_rules),
		cmocka_unit_test(groups_of_the_community_are_approved),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
