/* SPDX-License-Identifier: Apache-2.0 */
/* Custom kinds: coming and going, pruning, validation by schema, OpenAPI. */
#include "kinds/custom.h"
#include "kinds/kinds_custom.h"
#include "kinds/schema.h"
#include "kinds/validate.h"

#include "codec_help.h"

static const char spec_schema[] =
	"{\"type\":\"object\",\"required\":[\"spec\"],\"properties\":{\"metadata\":{\"type\":\"object\"},"
	"\"status\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true},"
	"\"spec\":{\"type\":\"object\",\"required\":[\"cron\"],\"properties\":{"
	"\"cron\":{\"type\":\"string\",\"pattern\":\"^(\\\\d+|\\\\*)( (\\\\d+|\\\\*)){4}$\",\"maxLength\":20},"
	"\"replicas\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":10,\"default\":1},"
	"\"mode\":{\"type\":\"string\",\"enum\":[\"fast\",\"slow\"],\"nullable\":true},"
	"\"port\":{\"x-kubernetes-int-or-string\":true},"
	"\"when\":{\"type\":\"string\",\"format\":\"date-time\"},"
	"\"labels\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\",\"minLength\":1}},"
	"\"tags\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"string\"}},"
	"\"parts\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":[\"name\"],\"maxItems\":3,"
	"\"items\":{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":\"string\"},"
	"\"size\":{\"type\":\"number\",\"multipleOf\":0.5}}}},"
	"\"any\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true,\"properties\":{\"known\":{\"type\":\"object\"}}},"
	"\"inner\":{\"type\":\"object\",\"x-kubernetes-embedded-resource\":true,\"properties\":{\"spec\":{\"type\":\"object\"}}},"
	"\"one\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\"}},"
	"\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}"
	"}}}}";

static yyjson_val *definition(const char *name, const char *group, const char *plural, const char *kind, const char *schema)
{
	const char *json = arena_printf(a, "{\"kind\":\"CustomResourceDefinition\",\"apiVersion\":\"apiextensions.k8s.io/v1\","
		"\"metadata\":{\"name\":\"%s\"},\"spec\":{\"group\":\"%s\",\"names\":{\"plural\":\"%s\",\"kind\":\"%s\",\"shortNames\":[\"ct\"]},"
		"\"scope\":\"Namespaced\",\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":%s},"
		"\"subresources\":{\"status\":{},\"scale\":{\"specReplicasPath\":\".spec.replicas\",\"statusReplicasPath\":\".status.replicas\"}},"
		"\"additionalPrinterColumns\":[{\"name\":\"Cron\",\"type\":\"string\",\"jsonPath\":\".spec.cron\"}]},"
		"{\"name\":\"v1beta1\",\"served\":true,\"storage\":false,\"deprecated\":true,\"schema\":{\"openAPIV3Schema\":%s}},"
		"{\"name\":\"v1alpha1\",\"served\":false,\"storage\":false,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}]}}",
		name, group, plural, kind, schema, schema);
	const struct kinds_type *crd = type("apiextensions/v1.CustomResourceDefinition");

	return doc_freeze(a, normal(crd, parse(json)));
}

static const struct kinds_kind *put_crontab(void)
{
	if (kinds_custom_put(definition("crontabs.example.com", "example.com", "crontabs", "CronTab", spec_schema), 0, &err))
		fail_msg("%s", err.msg);
	return kinds_by_resource("example.com", "v1", "crontabs");
}

static int drop_all(void **state)
{
	kinds_custom_clear();
	return 0;
}

static void a_definition_becomes_kinds(void **state)
{
	uint64_t before = kinds_generation();
	const struct kinds_kind *k = put_crontab(), *beta, *last = NULL, *other;

	assert_non_null(k);
	assert_true(kinds_generation() != before);
	assert_ptr_equal(kinds_by_kind("example.com", "v1", "CronTab"), k);
	assert_string_equal(k->api_version, "example.com/v1");
	assert_string_equal(k->store, "example.com/crontabs");
	assert_string_equal(k->singular, "crontab");
	assert_string_equal(k->list_kind, "CronTabList");
	assert_string_equal(k->short_names[0], "ct");
	assert_true(k->namespaced && k->custom);
	assert_int_equal(k->sub_count, 2);
	assert_int_equal(k->column_count, 2);
	assert_string_equal(k->columns[1].json_path, ".spec.cron");
	assert_string_equal(kinds_custom_of(k)->spec_replicas, ".spec.replicas");
	assert_null(kinds_custom_of(k)->warning);

	beta = kinds_by_resource("example.com", "v1beta1", "crontabs");
	assert_string_equal(kinds_custom_of(beta)->warning, "example.com/v1beta1 CronTab is deprecated");
	assert_string_equal(beta->columns[1].name, "Age");
	assert_ptr_equal(kinds_by_store("example.com/crontabs"), k);
	assert_ptr_equal(kinds_custom_stored(beta), k);
	assert_null(kinds_by_resource("example.com", "v1alpha1", "crontabs"));

	for (size_t it = 0; kinds_next(&it, &other);)
		last = other;
	assert_ptr_equal(last, beta);
	assert_non_null(kinds_type_by_gvk("example.com", "v1", "CronTabList"));
}

static void kinds_live_as_long_as_they_are_held(void **state)
{
	const struct kinds_kind *k = kinds_ref(put_crontab());

	assert_ptr_not_equal(put_crontab(), k);     /* replaced */
	kinds_custom_drop("crontabs.example.com");
	assert_null(kinds_by_resource("example.com", "v1", "crontabs"));
	assert_null(kinds_by_store("example.com/crontabs"));
	assert_string_equal(k->kind, "CronTab");    /* still there for who holds it */
	kinds_unref(k);
	kinds_custom_drop("crontabs.example.com");
	kinds_unref(kinds_ref(kinds_by_resource("", "v1", "pods")));
}

static void names_may_not_be_taken_twice(void **state)
{
	put_crontab();
	assert_int_equal(kinds_custom_put(definition("crontabs.x", "example.com", "crontabs", "Other", spec_schema), 0, &err), -ERR_CONFLICT);
	assert_int_equal(kinds_custom_put(definition("others.x", "example.com", "others", "CronTab", spec_schema), 0, &err), -ERR_CONFLICT);
	assert_int_equal(kinds_custom_put(definition("pods.apps", "apps", "pods", "Pod", spec_schema), 0, &err), -ERR_CONFLICT);
	assert_int_equal(kinds_custom_put(definition("as.b.com", "b.com", "as", "A", spec_schema), 0, &err), 0);
	
}

static void versions_have_an_order(void **state)
{
	static const char *const order[] = { "v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1",
		"v11alpha2", "foo1", "foo10" };
	const char *schema = "{\"type\":\"object\"}";
	const struct kinds_kind *k;
	size_t n = sizeof(order) / sizeof(order[0]), i = 0;
	BUF_AUTO struct buf b = {0};

	for (i = 0; i < n; i++)
		buf_printf(&b, "%s{\"name\":\"%s\",\"served\":true,\"storage\":%s,\"schema\":{\"openAPIV3Schema\":%s}}",
			i ? "," : "", order[(i * 7 + 3) % n], i ? "false" : "true", schema);
	assert_int_equal(kinds_custom_put(parse(arena_printf(a, "{\"metadata\":{\"name\":\"as.b.com\"},\"spec\":{\"group\":\"b.com\","
		"\"names\":{\"plural\":\"as\",\"kind\":\"A\"},\"scope\":\"Cluster\",\"versions\":[%s]}}", b.p)), 0, &err), 0);
	i = 0;
	for (size_t it = 0; kinds_next(&it, &k);)
		if (k->custom)
			assert_string_equal(k->version, order[i++]);
	assert_int_equal(i, n);
}

static const struct { const char *schema, *want; } bad_schemas[] = {
	{ "{\"type\":\"map\"}", "openAPIV3Schema: type must be one of array, boolean, integer, number, object, string" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":[{\"type\":\"string\"}]}}}",
		"openAPIV3Schema.a: items must be a schema object and not an array" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"(\"}}}",
		"openAPIV3Schema.a: error parsing regexp: missing closing )" },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\"}}}",
		"openAPIV3Schema.a: x-kubernetes-list-map-keys must not be empty if x-kubernetes-list-type is map" },
};

static void what_cannot_be_served_is_refused(void **state)
{
	struct kinds_schema *s;

	for (size_t i = 0; i < sizeof(bad_schemas) / sizeof(bad_schemas[0]); i++) {
		assert_int_equal(schema_compile(a, parse(bad_schemas[i].schema), &s, &err), -ERR_BAD_REQUEST);
		assert_string_equal(err.msg, bad_schemas[i].want);
	}
	/* Validation refuses such; what got in nevertheless is not found. */
	assert_int_equal(kinds_custom_put(definition("as.b.com", "b.com", "as", "A", "{\"type\":\"map\"}"), 0, &err), 0);
	assert_null(kinds_by_resource("b.com", "v1", "as"));
	/* Nor tried again, until the definition changes. */
	for (size_t i = 0; custom_at(i); i++)
		if (!strcmp(custom_at(i)->group, "b.com"))
			((struct custom_kind *)(uintptr_t)custom_at(i))->schema_len = 0;
	assert_null(kinds_by_resource("b.com", "v1", "as"));
	assert_int_equal(kinds_custom_put(definition("as.b.com", "b.com", "as", "A", "{\"type\":\"object\"}"), 0, &err), 0);
	assert_non_null(kinds_by_resource("b.com", "v1", "as"));

	BUF_AUTO struct buf deep = {0};

	for (int i = 0; i < 190; i++)
		buf_adds(&deep, "{\"not\":");
	buf_adds(&deep, "{}");
	for (int i = 0; i < 190; i++)
		buf_addc(&deep, '}');
	assert_int_equal(schema_compile(a, parse(deep.p), &s, &err), 0);
}

#define HEAD "{\"apiVersion\":\"example.com/v1\",\"kind\":\"CronTab\",\"metadata\":{\"name\":\"x\"}"

static const struct { const char *name, *in, *want; } prune_cases[] = {
	{ "members by name, unknown ones go", "{\"kind\":\"CronTab\",\"spec\":{\"x\":1,\"cron\":\"c\"},\"apiVersion\":\"example.com/v1\","
		"\"metadata\":{\"name\":\"x\"},\"y\":{}}",
		HEAD ",\"spec\":{\"cron\":\"c\"}}\nunknown field \"spec.x\"\nunknown field \"y\"" },
	{ "kept where the schema says so, but not below what it knows",
		"{\"spec\":{\"any\":{\"z\":[{\"b\":null,\"a\":1}],\"known\":{\"q\":1}},\"cron\":\"c\"},\"status\":{\"free\":true}}",
		"{\"metadata\":{},\"spec\":{\"any\":{\"known\":{},\"z\":[{\"a\":1,\"b\":null}]},\"cron\":\"c\"},\"status\":{\"free\":true}}"
		"\nunknown field \"spec.any.known.q\"" },
	{ "null goes where it may not be", "{\"spec\":{\"replicas\":null,\"mode\":null,\"cron\":null}}",
		"{\"metadata\":{},\"spec\":{\"mode\":null}}" },
	{ "maps keep any key", "{\"spec\":{\"labels\":{\"b\":\"1\",\"a\":\"2\"}}}",
		"{\"metadata\":{},\"spec\":{\"labels\":{\"a\":\"2\",\"b\":\"1\"}}}" },
	{ "wrong types stay for validation", "{\"spec\":{\"replicas\":\"1\",\"parts\":{}}}",
		"{\"metadata\":{},\"spec\":{\"parts\":{},\"replicas\":\"1\"}}" },
	{ "an embedded object has metadata", "{\"spec\":{\"inner\":{\"kind\":\"K\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"i\",\"bad\":1},\"x\":1}}}",
		"{\"metadata\":{},\"spec\":{\"inner\":{\"apiVersion\":\"v1\",\"kind\":\"K\",\"metadata\":{\"name\":\"i\"}}}}"
		"\nunknown field \"spec.inner.metadata.bad\"\nunknown field \"spec.inner.x\"" },
	{ "twice counts last", "{\"spec\":{\"cron\":\"a\",\"cron\":\"b\"},\"metadata\":{\"name\":\"a\",\"name\":\"b\"}}",
		"{\"metadata\":{\"name\":\"b\"},\"spec\":{\"cron\":\"b\"}}\nduplicate field \"metadata.name\"\nduplicate field \"spec.cron\"" },
	{ "metadata is typed", "{\"metadata\":{\"labels\":{\"a\":1}}}",
		"error: json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string" },
	{ "an array is no object", "[]", "error: json: cannot unmarshal array into Go value of type map[string]interface {}" },
};

static void unknown_members_are_pruned(void **state)
{
	const struct kinds_kind *k = put_crontab();

	for (size_t i = 0; i < sizeof(prune_cases) / sizeof(prune_cases[0]); i++) {
		struct kinds_problem *problems = NULL;
		yyjson_mut_val *v;
		const char *got;

		if (kinds_decode(doc_new(a), a, k->type, parse(prune_cases[i].in), KS_STRICT, &v, &problems, &err))
			got = arena_printf(a, "error: %s", err.msg);
		else
			got = text_of(v);
		for (; problems; problems = problems->next)
			got = arena_printf(a, "%s\n%s", got, problems->text);
		if (strcmp(got, prune_cases[i].want))
			fail_msg("%s:\n got %s\nwant %s", prune_cases[i].name, got, prune_cases[i].want);
	}
}

static yyjson_mut_val *object_of(const struct kinds_kind *k, const char *json)
{
	struct kinds_problem *problems;
	yyjson_mut_val *v;

	if (kinds_decode(doc_new(a), a, k->type, parse(json), KS_IGNORE, &v, &problems, &err))
		fail_msg("%s", err.msg);
	return v;
}

/* The causes of spec, one a line: "field: detail". old may be NULL. */
static const char *causes(const struct kinds_kind *k, const char *json, const char *old)
{
	struct vcheck c = { .a = a, .k = k, .v = object_of(k, json), .old = old ? object_of(k, old) : NULL };
	const char *text = "";

	c.tail = &c.first;
	assert_true(v_show(&c));
	validate_custom(&c);
	for (struct field_error *e = c.first; e; e = e->next)
		text = arena_printf(a, "%s%s%s: %s", text, *text ? "\n" : "", e->field, e->detail);
	return text;
}

static const struct { const char *spec, *want; } rule_cases[] = {
	{ "{\"cron\":\"* * * * 5\"}", "" },
	{ "{}", "spec.cron: Required value" },
	{ "{\"cron\":\"* *\"}", "spec.cron: Invalid value: \"* *\": spec.cron in body should match '^(\\d+|\\*)( (\\d+|\\*)){4}$'" },
	{ "{\"cron\":\"10 10 10 10 10 10 10 10\"}", "spec.cron: Too long: may not be more than 20 bytes\nspec.cron: Invalid value: "
		"\"10 10 10 10 10 10 10 10\": spec.cron in body should match '^(\\d+|\\*)( (\\d+|\\*)){4}$'" },
	{ "{\"cron\":\"* * * * 5\",\"replicas\":0}",
		"spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1" },
	{ "{\"cron\":\"* * * * 5\",\"replicas\":11}",
		"spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10" },
	{ "{\"cron\":\"* * * * 5\",\"replicas\":\"2\"}",
		"spec.replicas: Invalid value: \"string\": spec.replicas in body must be of type integer: \"string\"\n"
		".spec.replicas: Invalid value: 0: .spec.replicas accessor error: 2 is of the type string, expected int64" },
	{ "{\"cron\":\"* * * * 5\",\"replicas\":1.5}",
		"spec.replicas: Invalid value: \"number\": spec.replicas in body must be of type integer: \"number\"\n"
		".spec.replicas: Invalid value: 0: .spec.replicas accessor error: 1.5 is of the type float64, expected int64" },
	{ "{\"cron\":\"* * * * 5\",\"mode\":null}", "" },
	{ "{\"cron\":\"* * * * 5\",\"mode\":\"x\"}", "spec.mode: Unsupported value: \"x\": supported values: \"fast\", \"slow\"" },
	{ "{\"cron\":\"* * * * 5\",\"port\":\"http\"}", "" },
	{ "{\"cron\":\"* * * * 5\",\"port\":true}",
		"spec.port: Invalid value: \"boolean\": spec.port in body must be of type integer,string: \"boolean\"" },
	{ "{\"cron\":\"* * * * 5\",\"when\":\"now\"}",
		"spec.when: Invalid value: \"now\": spec.when in body must be of type date-time: \"now\"" },
	/* U+0000 ends no text: of a format, a pattern, a key. */
	{ "{\"cron\":\"* * * * 5\",\"when\":\"2026-01-01T00:00:00Z\\u0000\"}",
		"spec.when: Invalid value: \"2026-01-01T00:00:00Z\\u0000\": spec.when in body must be of type date-time: \"2026-01-01T00:00:00Z\\u0000\"" },
	{ "{\"cron\":\"* * * * 5\",\"inner\":{\"apiVersion\":\"v1\",\"kind\":\"K\",\"metadata\":{\"labels\":{\"a\":\"b\\u0000\"}}}}",
		"spec.inner.metadata.labels: Invalid value: \"b\\u0000\": a valid label must be an empty string or consist of alphanumeric "
		"characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
		"'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')" },
	{ "{\"cron\":\"* * * * 5\",\"labels\":{\"a\":\"\"}}",
		"spec.labels.a: Invalid value: \"\": spec.labels.a in body should be at least 1 chars long" },
	{ "{\"cron\":\"* * * * 5\",\"tags\":[\"a\",\"b\",\"a\"]}", "spec.tags[2]: Duplicate value: \"a\"" },
	{ "{\"cron\":\"* * * * 5\",\"parts\":[{\"name\":\"a\",\"size\":0.5},{\"name\":\"a\"},{\"size\":0.3}]}",
		"spec.parts[2].size: Invalid value: 0.3: spec.parts[2].size in body should be a multiple of 0.5\nspec.parts[2].name: Required value\n"
		"spec.parts[1]: Duplicate value: {\"name\":\"a\"}" },
	{ "{\"cron\":\"* * * * 5\",\"parts\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"},{\"name\":\"d\"}]}",
		"spec.parts: Too many: 4: must have at most 3 items" },
	{ "{\"cron\":\"* * * * 5\",\"one\":{\"a\":\"x\"}}", "" },
	{ "{\"cron\":\"* * * * 5\",\"one\":{}}",
		"<nil>: Invalid value: \"\": \"spec.one\" must validate one and only one schema (oneOf). Found none valid\n"
		"spec.one.a: Required value" },
	{ "{\"cron\":\"* * * * 5\",\"one\":{\"a\":\"\",\"b\":\"\"}}",
		"<nil>: Invalid value: \"\": \"spec.one\" must validate one and only one schema (oneOf). Found 2 valid alternatives" },
	{ "{\"cron\":\"* * * * 5\",\"inner\":{\"kind\":\"a b\",\"apiVersion\":\"a/b/c\",\"metadata\":{\"labels\":{\"-\":\"\"}}}}",
		"spec.inner.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c\n"
		"spec.inner.kind: Invalid value: \"a b\": may have mixed case, but should otherwise match: a DNS-1035 label must consist of "
		"lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character "
		"(e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')\n"
		"spec.inner.metadata.labels: Invalid value: \"-\": name part must consist of alphanumeric characters, '-', '_' or '.', and "
		"must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
		"'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')" },
	{ "{\"cron\":\"* * * * 5\",\"inner\":{\"kind\":\"K\"}}", "spec.inner.apiVersion: Required value: must not be empty" },
};

static void objects_are_checked_by_their_schema(void **state)
{
	const struct kinds_kind *k = put_crontab();

	for (size_t i = 0; i < sizeof(rule_cases) / sizeof(rule_cases[0]); i++) {
		const char *got = causes(k, arena_printf(a, HEAD ",\"spec\":%s}", rule_cases[i].spec), NULL);

		if (strcmp(got, rule_cases[i].want))
			fail_msg("%s:\n got %s\nwant %s", rule_cases[i].spec, got, rule_cases[i].want);
	}
	assert_string_equal(causes(k, HEAD "}", NULL), "spec: Required value");
}

/* A definition "x.b.com" of whose objects only v is described. */
static const struct kinds_kind *put_x(const char *v)
{
	const char *schema = arena_printf(a, "{\"type\":\"object\",\"properties\":{\"v\":%s}}", v);

	if (kinds_custom_put(definition("x.b.com", "b.com", "x", "X", schema), 0, &err))
		fail_msg("%s", err.msg);
	return kinds_by_resource("b.com", "v1", "x");
}

#define X_HEAD "{\"apiVersion\":\"b.com/v1\",\"kind\":\"X\",\"metadata\":{\"name\":\"x\",\"namespace\":\"n\"},\"v\":"

/* 2^53 is 9007199254740992: the next integer is no double. */
static const struct { const char *schema, *v; bool fits; } number_cases[] = {
	{ "{\"type\":\"integer\",\"maximum\":9007199254740992}", "9007199254740992", true },
	{ "{\"type\":\"integer\",\"maximum\":9007199254740992}", "9007199254740993", false },
	{ "{\"type\":\"integer\",\"minimum\":9007199254740994}", "9007199254740993", false },
	{ "{\"type\":\"integer\",\"minimum\":-9007199254740992}", "-9007199254740993", false },
	{ "{\"type\":\"integer\",\"exclusiveMinimum\":true,\"minimum\":9007199254740992}", "9007199254740993", true },
	{ "{\"type\":\"integer\",\"maximum\":9223372036854775808}", "9223372036854775807", true },
	{ "{\"type\":\"integer\",\"multipleOf\":2}", "9007199254740993", false },
	{ "{\"type\":\"integer\",\"minimum\":0.5}", "0", false },
	{ "{\"type\":\"integer\",\"maximum\":-0.5}", "0", false },
	{ "{\"type\":\"number\",\"maximum\":0.5,\"minimum\":0.5}", "0.5", true },
};

static void bounds_of_large_integers_are_exact(void **state)
{
	for (size_t i = 0; i < sizeof(number_cases) / sizeof(number_cases[0]); i++) {
		const struct kinds_kind *k = put_x(number_cases[i].schema);
		const char *got = causes(k, arena_printf(a, X_HEAD "%s}", number_cases[i].v), NULL);

		if (!*got != number_cases[i].fits)
			fail_msg("%s %s: %s", number_cases[i].schema, number_cases[i].v, got);
	}
}

static void alternatives_that_do_not_fit_take_no_memory(void **state)
{
	BUF_AUTO struct buf schema = { 0 };
	const struct kinds_kind *k;
	struct field_error *e;
	yyjson_mut_val *v;
	char *text;
	size_t used;

	buf_adds(&schema, "{\"type\":\"string\",\"anyOf\":[");
	for (int i = 0; i < 100; i++)
		buf_adds(&schema, "{\"pattern\":\"^b$\"},{\"anyOf\":[{\"maxLength\":1},{\"enum\":[\"c\"]}]},");
	buf_adds(&schema, "{\"minLength\":1}]}");
	k = put_x(schema.p);
	text = arena_zalloc(a, 50001);
	assert_non_null(text);
	memset(text, 'a', 50000);
	v = object_of(k, arena_printf(a, X_HEAD "\"%s\"}", text));
	used = arena_used_bytes(a);
	assert_int_equal(kinds_validate(a, k, NULL, v, NULL, &e), 0);
	assert_null(e);
	assert_true(arena_used_bytes(a) - used < 1000);
}

/* What was wrong before may stay, where it can be told that it is the same. */
static const struct { const char *name, *was, *now, *want; } ratchet_cases[] = {
	{ "untouched", "{\"cron\":\"x\",\"replicas\":99}", "{\"cron\":\"x\",\"replicas\":99,\"mode\":\"fast\"}", "" },
	{ "one of two mended", "{\"cron\":\"x\",\"replicas\":99}", "{\"cron\":\"x\",\"replicas\":98}",
		"spec.replicas: Invalid value: 98: spec.replicas in body should be less than or equal to 10" },
	{ "new beside old", "{\"cron\":\"x\"}", "{\"cron\":\"x\",\"mode\":\"?\"}",
		"spec.mode: Unsupported value: \"?\": supported values: \"fast\", \"slow\"" },
	{ "items of a map are known by their keys", "{\"cron\":\"* * * * 5\",\"parts\":[{\"name\":\"a\",\"size\":0.3},{\"name\":\"b\"}]}",
		"{\"cron\":\"* * * * 5\",\"parts\":[{\"name\":\"c\"},{\"name\":\"a\",\"size\":0.3}]}", "" },
	{ "another key is another item", "{\"cron\":\"* * * * 5\",\"parts\":[{\"name\":\"a\",\"size\":0.3}]}",
		"{\"cron\":\"* * * * 5\",\"parts\":[{\"name\":\"b\",\"size\":0.3}]}",
		"spec.parts[0].size: Invalid value: 0.3: spec.parts[0].size in body should be a multiple of 0.5" },
	{ "repetitions", "{\"cron\":\"* * * * 5\",\"tags\":[\"a\",\"a\"]}", "{\"cron\":\"* * * * 5\",\"tags\":[\"a\",\"a\",\"a\"]}", "" },
	{ "a combination", "{\"cron\":\"* * * * 5\",\"one\":{}}", "{\"cron\":\"0 * * * 5\",\"one\":{}}", "" },
	{ "what is required", "{}", "{\"mode\":\"slow\"}", "spec.cron: Required value" },
};

static void what_was_wrong_may_stay(void **state)
{
	const struct kinds_kind *k = put_crontab();

	for (size_t i = 0; i < sizeof(ratchet_cases) / sizeof(ratchet_cases[0]); i++) {
		const char *got = causes(k, arena_printf(a, HEAD ",\"spec\":%s}", ratchet_cases[i].now),
			arena_printf(a, HEAD ",\"spec\":%s}", ratchet_cases[i].was));

		if (strcmp(got, ratchet_cases[i].want))
			fail_msg("%s:\n got %s\nwant %s", ratchet_cases[i].name, got, ratchet_cases[i].want);
	}
}

/* schema, value, what it becomes */
static const struct { const char *schema, *in, *want; } default_cases[] = {
	{ "{\"properties\":{\"a\":{\"type\":\"integer\",\"default\":1}}}", "{}", "{\"a\":1}" },
	{ "{\"properties\":{\"a\":{\"type\":\"integer\",\"default\":1}}}", "{\"a\":2}", "{\"a\":2}" },
	{ "{\"properties\":{\"a\":{\"default\":{},\"properties\":{\"b\":{\"default\":\"x\"}}}}}", "{}", "{\"a\":{\"b\":\"x\"}}" },
	{ "{\"properties\":{\"a\":{\"properties\":{\"b\":{\"default\":\"x\"}}}}}", "{}", "{}" },
	{ "{\"properties\":{\"a\":{\"default\":1,\"nullable\":true}}}", "{\"a\":null}", "{\"a\":null}" },
	{ "{\"properties\":{\"a\":{\"default\":1}}}", "{\"a\":null}", "{\"a\":1}" },
	{ "{\"properties\":{\"l\":{\"items\":{\"items\":{\"properties\":{\"a\":{\"default\":1}}}}}}}", "{\"l\":[[{},{\"a\":2}],[]]}",
		"{\"l\":[[{\"a\":1},{\"a\":2}],[]]}" },
	{ "{\"properties\":{\"l\":{\"items\":{\"default\":7}}}}", "{\"l\":[null,1]}", "{\"l\":[7,1]}" },
	{ "{\"properties\":{\"m\":{\"additionalProperties\":{\"properties\":{\"a\":{\"default\":1}}}}}}", "{\"m\":{\"x\":{},\"y\":{\"b\":0}}}",
		"{\"m\":{\"x\":{\"a\":1},\"y\":{\"a\":1,\"b\":0}}}" },
	{ "{\"x-kubernetes-preserve-unknown-fields\":true,\"properties\":{\"b\":{\"default\":1}}}", "{\"a\":null,\"c\":0}",
		"{\"a\":null,\"b\":1,\"c\":0}" },
};

static void defaults_fill_what_is_absent(void **state)
{
	for (size_t i = 0; i < sizeof(default_cases) / sizeof(default_cases[0]); i++) {
		struct kinds_schema *s;
		yyjson_mut_doc *d = doc_new(a);
		yyjson_mut_val *v = yyjson_val_mut_copy(d, parse(default_cases[i].in));

		assert_int_equal(schema_compile(a, parse(default_cases[i].schema), &s, &err), 0);
		assert_true(schema_default(d, s, v));
		assert_string_equal(text_of(v), default_cases[i].want);
		assert_true(schema_default(d, s, v));      /* a second time changes nothing */
		assert_string_equal(text_of(v), default_cases[i].want);
	}
}

static const struct { const char *format, *good[4], *bad[4]; } format_cases[] = {
	{ "date-time", { "2014-12-15T19:30:20.000Z", "2014-12-15T19:30:20+01:00" }, { "2014-12-15", "now" } },
	{ "date", { "2014-12-15" }, { "2014-13-15", "2014-12-15T", "" } },
	{ "duration", { "1h", "22 ns", "3 days 2 hours", "1w" }, { "x", "", "3", "3 parsecs" } },
	{ "ipv4", { "1.2.3.4" }, { "::1", "1.2.3", "" } },
	{ "ipv6", { "::1", "fe80::1" }, { "1.2.3.4", "x" } },
	{ "cidr", { "10.0.0.0/8", "fd00::/8" }, { "10.0.0.0", "10.0.0.0/33" } },
	{ "mac", { "01:02:03:04:05:06", "01-02-03-04-05-06", "0102.0304.0506" }, { "01:02:03:04:05", "g1:02:03:04:05:06", "" } },
	{ "hostname", { "a", "example.com", "a-b.example.com", "1.example.com" }, { "", "-a.com", "a..com", "a_b.com" } },
	{ "uri", { "http://example.com/a?b=c", "/path", "mailto:x@y.z" }, { "", "foo", "http://a b/", "http://x/%zz" } },
	{ "email", { "a@b.c", "Bob <bob@example.com>", "\"a b\"@c.d" }, { "a", "a@", "@b", "a..b@c" } },
	{ "uuid", { "01234567-89ab-cdef-0123-456789ABCDEF", "0123456789abcdef0123456789abcdef" }, { "01234567", "g1234567-89ab-cdef-0123-456789abcdef" } },
	{ "uuid4", { "01234567-89ab-4def-8123-456789abcdef" }, { "01234567-89ab-3def-8123-456789abcdef", "01234567-89ab-4def-7123-456789abcdef" } },
	{ "byte", { "aGVsbG8=", "AAAA" }, { "aGVsbG8", "a===", "" } },
	{ "isbn", { "0321751043", "978-0321751041" }, { "0321751044", "978-0321751042", "" } },
	{ "creditcard", { "4111 1111 1111 1111" }, { "4111 1111 1111 1112", "1234" } },
	{ "ssn", { "111-11-1111", "111 11 1111", "111111111" }, { "11-111-1111" } },
	{ "hexcolor", { "#fff", "FFFFFF" }, { "#ffff", "ggg" } },
	{ "rgbcolor", { "rgb(255,0, 10)", "rgb(100%,0%,0%)" }, { "rgb(256,0,0)", "rgb(1,2)", "255,0,0" } },
	{ "quantity", { "10Gi", "1.5", "100m" }, { "10Xi", "" } },
	{ "k8s-short-name", { "a-b" }, { "A", "a.b", "" } },
	{ "k8s-long-name", { "a.b-c" }, { "A", "-a" } },
	{ "bsonobjectid", { "507f1f77bcf86cd799439011" }, { "507f" } },
	{ "password", { "", "x" }, { NULL } },
};

static void formats_are_those_of_the_table(void **state)
{
	for (size_t i = 0; i < sizeof(format_cases) / sizeof(format_cases[0]); i++) {
		const struct schema_format *f = schema_format(format_cases[i].format);

		assert_non_null(f);
		for (int j = 0; j < 4; j++) {
			const char *good = format_cases[i].good[j], *bad = format_cases[i].bad[j];

			if (good && !schema_format_fits(f, good))
				fail_msg("%s: \"%s\" does not fit", format_cases[i].format, good);
			if (bad && schema_format_fits(f, bad))
				fail_msg("%s: \"%s\" fits", format_cases[i].format, bad);
		}
	}
	assert_null(schema_format("int32"));
	assert_null(schema_format("binary"));
}

/* A thousand definitions: each is found, all are listed in order, and goes again. */
static void many_come_and_go(void **state)
{
	enum { MANY = 1000 };
	const struct kinds_kind *k, *last = NULL;
	size_t listed = 0;

	for (int i = 0; i < MANY; i++) {
		const char *group = arena_printf(a, "g%d.example.com", i % 10), *plural = arena_printf(a, "foo%ds", i);

		assert_int_equal(kinds_custom_put(definition(arena_printf(a, "%s.%s", plural, group), group, plural,
			arena_printf(a, "Foo%d", i), "{\"type\":\"object\"}"), 0, &err), i % 10 == i ? 0 : -ERR_CONFLICT);
		if (!(i % 100))
			arena_reset(a);
	}
	/* All have the short name ct: one a group. */
	for (size_t it = 0; kinds_next(&it, &k); last = k)
		if (k->custom) {
			listed++;
			assert_true(!last->custom || strcmp(last->group, k->group) <= 0);
		}
	assert_int_equal(listed, 20);
	assert_true(kinds_custom_taken("g3.example.com", false, "ct", "nobody"));
	assert_false(kinds_custom_taken("g3.example.com", false, "ct", "foo3s.g3.example.com"));
	assert_true(kinds_custom_taken("g3.example.com", true, "Foo3List", "nobody"));
	assert_true(kinds_custom_taken("apps", false, "deploy", "nobody"));
	kinds_custom_drop("foo3s.g3.example.com");
	assert_false(kinds_custom_taken("g3.example.com", false, "ct", "nobody"));
}

static void a_document_has_a_stamp_of_its_own(void **state)
{
	uint64_t first, other, builtin, again;

	put_crontab();
	assert_int_equal(kinds_openapi_v3_stamp("apis/example.com/v1", &first), 0);
	assert_int_equal(kinds_openapi_v3_stamp("apis/apps/v1", &builtin), 0);
	assert_int_equal(kinds_custom_put(definition("as.b.com", "b.com", "as", "A", "{\"type\":\"object\"}"), 0, &err), 0);
	assert_int_equal(kinds_openapi_v3_stamp("apis/example.com/v1", &again), 0);
	assert_int_equal(again, first);
	assert_int_equal(kinds_custom_put(definition("crontabs.example.com", "example.com", "crontabs", "CronTab",
		"{\"type\":\"object\"}"), 0, &err), 0);
	assert_int_equal(kinds_openapi_v3_stamp("apis/example.com/v1", &other), 0);
	assert_true(other != first);
	assert_int_equal(kinds_openapi_v3_stamp("apis/apps/v1", &again), 0);
	assert_int_equal(again, builtin);
	assert_int_equal(kinds_openapi_v3_stamp("apis/example.com/v7", &again), -ERR_NOT_FOUND);
}

static void types_carry_defaults_and_merge_keys(void **state)
{
	const struct kinds_type *spec = NULL, *t = put_crontab()->type;

	for (int i = 0; i < t->field_count; i++)
		if (!strcmp(t->fields[i].name, "spec"))
			spec = t->fields[i].type;
	assert_non_null(spec);
	for (int i = 0; i < spec->field_count; i++) {
		const struct kinds_field *f = &spec->fields[i];

		assert_true(!i || strcmp(spec->fields[i - 1].name, f->name) < 0);
		if (!strcmp(f->name, "replicas"))
			assert_string_equal(f->dflt, "1");
		if (!strcmp(f->name, "parts")) {
			assert_int_equal(f->card, KC_LIST);
			assert_int_equal(f->list, KL_MAP);
			assert_string_equal(f->list_keys[0], "name");
			assert_int_equal(f->type->fields[0].flags & KF_REQUIRED, KF_REQUIRED);
		}
		if (!strcmp(f->name, "labels"))
			assert_int_equal(f->card, KC_MAP);
	}
}

static void openapi_describes_custom_kinds(void **state)
{
	BUF_AUTO struct buf v3 = {0}, v2 = {0};
	yyjson_val *schemas, *s;
	const char *path;
	uint64_t stamp;
	bool listed = false;

	put_crontab();
	for (size_t it = 0; kinds_openapi_v3_next(&it, &path, &stamp);)
		listed |= !strcmp(path, "apis/example.com/v1beta1");
	assert_true(listed);
	assert_int_equal(openapi_made(&v3, "apis/example.com/v1", false), 0);
	schemas = doc_get(parse(v3.p), "components.schemas");
	s = yyjson_obj_get(schemas, "com.example.v1.CronTab");
	assert_string_equal(doc_str(s, "properties.spec.properties.parts.x-kubernetes-list-type"), "map");
	assert_int_equal(doc_int(s, "properties.spec.properties.replicas.default", 0), 1);
	assert_string_equal(doc_str(s, "x-kubernetes-group-version-kind.0.kind"), "CronTab");
	assert_non_null(yyjson_obj_get(schemas, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"));
	s = yyjson_obj_get(schemas, "com.example.v1.CronTabList");
	assert_string_equal(doc_str(s, "properties.items.items.$ref"), "#/components/schemas/com.example.v1.CronTab");

	assert_int_equal(openapi_made(&v2, "v2", false), 0);
	schemas = doc_get(parse(v2.p), "definitions");
	s = yyjson_obj_get(schemas, "com.example.v1.CronTab");
	assert_non_null(s);
	assert_null(doc_get(s, "properties.spec.properties.one.oneOf"));
}

static void a_document_is_made_of_what_there_was_when_it_was_begun(void **state)
{
	BUF_AUTO struct buf v3 = {0};
	struct kinds_openapi *s;

	put_crontab();
	assert_int_equal(kinds_openapi_begin(&s, "apis/example.com/v1"), 0);
	kinds_custom_clear();
	assert_int_equal(kinds_openapi_make(s, false, &v3), 0);
	kinds_openapi_end(s);
	assert_non_null(yyjson_obj_get(doc_get(parse(v3.p), "components.schemas"), "com.example.v1.CronTab"));
	assert_int_equal(kinds_openapi_begin(&s, "apis/example.com/v1"), -ERR_NOT_FOUND);
}

static void custom_kinds_have_no_protobuf(void **state)
{
	BUF_AUTO struct buf out = {0};

	assert_int_equal(kinds_encode_proto(&out, put_crontab()->type, parse(HEAD "}"), &err), -ERR_NOT_ACCEPTABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_definition_becomes_kinds, drop_all),
		cmocka_unit_test_teardown(kinds_live_as_long_as_they_are_held, drop_all),
		cmocka_unit_test_teardown(names_may_not_be_taken_twice, drop_all),
		cmocka_unit_test_teardown(versions_have_an_order, drop_all),
		cmocka_unit_test_teardown(what_cannot_be_served_is_refused, drop_all),
		cmocka_unit_test_teardown(unknown_members_are_pruned, drop_all),
		cmocka_unit_test_teardown(objects_are_checked_by_their_schema, drop_all),
		cmocka_unit_test_teardown(bounds_of_large_integers_are_exact, drop_all),
		cmocka_unit_test_teardown(alternatives_that_do_not_fit_take_no_memory, drop_all),
		cmocka_unit_test_teardown(what_was_wrong_may_stay, drop_all),
		cmocka_unit_test_teardown(defaults_fill_what_is_absent, drop_all),
		cmocka_unit_test_teardown(formats_are_those_of_the_table, drop_all),
		cmocka_unit_test_teardown(many_come_and_go, drop_all),
		cmocka_unit_test_teardown(a_document_has_a_stamp_of_its_own, drop_all),
		cmocka_unit_test_teardown(types_carry_defaults_and_merge_keys, drop_all),
		cmocka_unit_test_teardown(openapi_describes_custom_kinds, drop_all),
		cmocka_unit_test_teardown(a_document_is_made_of_what_there_was_when_it_was_begun, drop_all),
		cmocka_unit_test_teardown(custom_kinds_have_no_protobuf, drop_all),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
