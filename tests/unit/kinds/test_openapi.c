/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI: well-formed, closed under references, and with what kubectl looks for. */
#include "codec_help.h"

static yyjson_val *document(const char *path)
{
	BUF_AUTO struct buf b = {0};
	int r = openapi_made(&b, path ? path : "v2", false);

	assert_int_equal(r, 0);
	return parse(b.p);
}

/* Every {"$ref": "#/..."} below v names a member of schemas. */
static void check_refs(yyjson_val *v, yyjson_val *schemas, const char *prefix, const char *where)
{
	yyjson_obj_iter it;
	yyjson_val *key, *item;
	size_t i, n;

	if (yyjson_is_arr(v)) {
		yyjson_arr_foreach(v, i, n, item)
			check_refs(item, schemas, prefix, where);
		return;
	}
	yyjson_obj_iter_init(v, &it);
	while ((key = yyjson_obj_iter_next(&it))) {
		item = yyjson_obj_iter_get_val(key);
		if (!strcmp(yyjson_get_str(key), "$ref") && yyjson_is_str(item)) {
			const char *ref = yyjson_get_str(item);

			assert_int_equal(strncmp(ref, prefix, strlen(prefix)), 0);
			if (!yyjson_obj_get(schemas, ref + strlen(prefix)))
				fail_msg("%s: %s leads nowhere", where, ref);
		}
		check_refs(item, schemas, prefix, where);
	}
}

static void references_resolve(void **state)
{
	const char *path;
	uint64_t stamp;
	size_t count = 0;

	for (size_t it = 0; kinds_openapi_v3_next(&it, &path, &stamp); count++) {
		path = arena_strdup(a, path);
		yyjson_val *d = document(path);

		check_refs(d, doc_get(d, "components.schemas"), "#/components/schemas/", path);
		assert_string_equal(doc_str(d, "openapi"), "3.0.0");
	}
	assert_int_equal(count, 45);

	yyjson_val *d = document(NULL);

	check_refs(d, doc_get(d, "definitions"), "#/definitions/", "v2");
	assert_string_equal(doc_str(d, "swagger"), "2.0");
}

static bool has_param(yyjson_val *operation, const char *name)
{
	yyjson_val *p;
	size_t i, n;

	yyjson_arr_foreach(yyjson_obj_get(operation, "parameters"), i, n, p)
		if (!strcmp(yyjson_get_str(yyjson_obj_get(p, "name")), name))
			return true;
	return false;
}

/* kubectl: the PATCH whose kind this is, and its query parameters. */
static void kubectl_finds_each_kind_and_its_parameters(void **state)
{
	const struct kinds_kind *k;

	for (size_t it = 0; kinds_next(&it, &k);) {
		const char *path = arena_printf(a, "%s/%s", *k->group ? "apis" : "api", k->api_version);
		yyjson_val *d = document(path), *item;
		bool found = !(k->verbs & KVERB_PATCH);
		yyjson_obj_iter paths;
		yyjson_val *key;

		yyjson_obj_iter_init(yyjson_obj_get(d, "paths"), &paths);
		while ((key = yyjson_obj_iter_next(&paths)) && (item = yyjson_obj_iter_get_val(key))) {
			yyjson_val *patch = yyjson_obj_get(item, "patch");
			yyjson_val *gvk = yyjson_obj_get(patch, "x-kubernetes-group-version-kind");

			if (!gvk || strcmp(doc_str(gvk, "kind"), k->kind))
				continue;
			found = true;
			assert_true(has_param(patch, "fieldValidation"));
			assert_true(has_param(patch, "dryRun"));
		}
		if (!found)
			fail_msg("no PATCH of %s", k->kind);
		arena_reset(a);
	}
}

static void schemas_say_how_lists_merge(void **state)
{
	yyjson_val *schemas = doc_get(document("api/v1"), "components.schemas");
	yyjson_val *spec = yyjson_obj_get(schemas, "io.k8s.api.core.v1.PodSpec");
	yyjson_val *containers = doc_get(spec, "properties.containers");
	yyjson_val *list = yyjson_obj_get(schemas, "io.k8s.api.core.v1.Pod");

	assert_string_equal(doc_str(containers, "x-kubernetes-patch-merge-key"), "name");
	assert_string_equal(doc_str(containers, "x-kubernetes-patch-strategy"), "merge");
	assert_string_equal(doc_str(containers, "x-kubernetes-list-type"), "map");
	assert_string_equal(doc_str(containers, "items.allOf.0.$ref"), "#/components/schemas/io.k8s.api.core.v1.Container");
	assert_string_equal(doc_str(spec, "required.0"), "containers");
	assert_string_equal(doc_str(spec, "properties.restartPolicy.enum.0"), "Always");
	assert_string_equal(doc_str(list, "x-kubernetes-group-version-kind.0.kind"), "Pod");
}

static void what_is_not_served_is_not_found(void **state)
{
	BUF_AUTO struct buf b = {0};

	assert_int_equal(openapi_made(&b, "apis/apps/v1beta1", false), -ERR_NOT_FOUND);
	assert_int_equal(openapi_made(&b, "", false), -ERR_NOT_FOUND);
	assert_int_equal(b.len, 0);
}

/* ---- version 2 as protobuf ---- */
static uint64_t varint(const uint8_t **p, const uint8_t *end)
{
	uint64_t x = 0;

	for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
		uint8_t byte = *(*p)++;

		x |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return x;
	}
	fail_msg("a number does not end");
	return 0;
}

/* The next field of a message; for bytes p moves behind them and *ret_at is where they start. */
static unsigned next_field(const uint8_t **p, const uint8_t *end, const uint8_t **ret_at, size_t *ret_len)
{
	uint64_t tag = varint(p, end);

	if ((tag & 7) == 2) {
		*ret_len = varint(p, end);
		assert_true(*ret_len <= (size_t)(end - *p));
		*ret_at = *p;
		*p += *ret_len;
	} else {
		assert_int_equal(tag & 7, 0);
		varint(p, end);
	}
	return (unsigned)(tag >> 3);
}

static void protobuf_of_one_version(void **state)
{
	BUF_AUTO struct buf b = {0};
	const uint8_t *p, *end, *at = NULL;
	size_t len = 0;
	unsigned number, seen = 0;

	assert_int_equal(openapi_made(&b, "apis/none/v1", true), -ERR_NOT_FOUND);
	b.len = 0;
	assert_int_equal(openapi_made(&b, "apis/apps/v1", true), 0);
	for (p = (const uint8_t *)b.p, end = p + b.len; p < end; seen |= 1u << number) {
		number = next_field(&p, end, &at, &len);
		if (number == 1)
			assert_memory_equal(at, "3.0.0", len);
	}
	assert_int_equal(seen, 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5);
}

static void protobuf_has_every_path_and_definition(void **state)
{
	BUF_AUTO struct buf b = {0};
	yyjson_val *d = document(NULL);
	size_t paths = 0, definitions = 0;

	assert_int_equal(openapi_made(&b, "v2", true), 0);
	const uint8_t *p = (const uint8_t *)b.p, *end = p + b.len, *at = NULL;
	size_t len = 0;

	while (p < end) {
		unsigned number = next_field(&p, end, &at, &len);

		if (number == 1)
			assert_memory_equal(at, "2.0", len);
		if (number != 8 && number != 9)
			continue;
		for (const uint8_t *q = at, *stop = at + len; q < stop;) {
			const uint8_t *pair, *name;
			size_t pair_len, name_len;

			assert_int_equal(next_field(&q, stop, &pair, &pair_len), number == 8 ? 2 : 1);
			assert_int_equal(next_field(&pair, q, &name, &name_len), 1);
			assert_non_null(yyjson_obj_getn(yyjson_obj_get(d, number == 8 ? "paths" : "definitions"),
				(const char *)name, name_len));
			number == 8 ? paths++ : definitions++;
		}
	}
	assert_int_equal(paths, yyjson_obj_size(yyjson_obj_get(d, "paths")));
	assert_int_equal(definitions, yyjson_obj_size(yyjson_obj_get(d, "definitions")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_resolve),
		cmocka_unit_test(protobuf_of_one_version),
		cmocka_unit_test(protobuf_has_every_path_and_definition),
		cmocka_unit_test(kubectl_finds_each_kind_and_its_parameters),
		cmocka_unit_test(schemas_say_how_lists_merge),
		cmocka_unit_test(what_is_not_served_is_not_found),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
