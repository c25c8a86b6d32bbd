/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi_v3_proto - a document of OpenAPI v3 as a protobuf message.
 *
 * Source: gnostic-models openapiv3/OpenAPIv3.proto (numbers, which member goes where);
 * a default that is neither number, text nor bool has no place in it.
 */
#include "kinds/openapi_proto.h"

static const struct message m_schema;

static const struct field reference_fields[] = {
	{ "$ref", 1, F_STR, NULL }, { "summary", 2, F_STR, NULL }, { "description", 3, F_STR, NULL }, { 0 },
};
static const struct message m_reference = { .fields = reference_fields };

/* The thing itself is field 1, a reference to it field 2. */
#define OR_REFERENCE(name) \
	CHOICE(pick_##name) \
	{ \
		static const struct field f[] = { { NULL, 1, F_MSG, &m_##name }, { NULL, 2, F_MSG, &m_reference } }; \
		\
		return &f[yyjson_obj_get(v, "$ref") != NULL]; \
	} \
	static const struct message m_##name##_or_reference = { .pick = pick_##name }

/* ---- schemas ---- */
OR_REFERENCE(schema);

CHOICE(pick_item)
{
	static const struct field f = { NULL, 1, F_MSG, &m_schema_or_reference };

	return &f;
}
static const struct message m_items = { .pick = pick_item };

CHOICE(pick_additional)
{
	static const struct field f[] = { { NULL, 1, F_MSG, &m_schema_or_reference }, { NULL, 2, F_BOOL, NULL } };

	return &f[yyjson_is_bool(v)];
}
static const struct message m_additional = { .pick = pick_additional };

CHOICE(pick_default)
{
	static const struct field f[] = { { NULL, 1, F_DOUBLE, NULL }, { NULL, 2, F_BOOL, NULL }, { NULL, 3, F_STR, NULL } };

	return yyjson_is_num(v) ? &f[0] : yyjson_is_bool(v) ? &f[1] : yyjson_is_str(v) ? &f[2] : NULL;
}
static const struct message m_default = { .pick = pick_default };
static const struct message m_schemas = { .other = { NULL, 1, F_MSG, &m_schema_or_reference } };

static const struct field schema_fields[] = {
	{ "nullable", 1, F_BOOL, NULL }, { "readOnly", 3, F_BOOL, NULL }, { "writeOnly", 4, F_BOOL, NULL },
	{ "example", 7, F_ANY, NULL }, { "deprecated", 8, F_BOOL, NULL }, { "title", 9, F_STR, NULL },
	{ "multipleOf", 10, F_DOUBLE, NULL }, { "maximum", 11, F_DOUBLE, NULL }, { "exclusiveMaximum", 12, F_BOOL, NULL },
	{ "minimum", 13, F_DOUBLE, NULL }, { "exclusiveMinimum", 14, F_BOOL, NULL }, { "maxLength", 15, F_INT, NULL },
	{ "minLength", 16, F_INT, NULL }, { "pattern", 17, F_STR, NULL }, { "maxItems", 18, F_INT, NULL },
	{ "minItems", 19, F_INT, NULL }, { "uniqueItems", 20, F_BOOL, NULL }, { "maxProperties", 21, F_INT, NULL },
	{ "minProperties", 22, F_INT, NULL }, { "required", 23, F_STR, NULL }, { "enum", 24, F_ANY, NULL },
	{ "type", 25, F_STR, NULL }, { "allOf", 26, F_MSG, &m_schema_or_reference },
	{ "oneOf", 27, F_MSG, &m_schema_or_reference }, { "anyOf", 28, F_MSG, &m_schema_or_reference },
	{ "not", 29, F_MSG, &m_schema }, { "items", 30, F_MSG, &m_items }, { "properties", 31, F_MSG, &m_schemas },
	{ "additionalProperties", 32, F_MSG, &m_additional }, { "default", 33, F_MSG, &m_default },
	{ "description", 34, F_STR, NULL }, { "format", 35, F_STR, NULL }, { 0 },
};
static const struct message m_schema = { .fields = schema_fields, .extension = EXTENSION(36) };

/* ---- paths ---- */
static const struct field media_fields[] = { { "schema", 1, F_MSG, &m_schema_or_reference }, { 0 } };
static const struct message m_media = { .fields = media_fields, .extension = EXTENSION(5) };
static const struct message m_content = { .other = { NULL, 1, F_MSG, &m_media } };

static const struct field parameter_fields[] = {
	{ "name", 1, F_STR, NULL }, { "in", 2, F_STR, NULL }, { "description", 3, F_STR, NULL },
	{ "required", 4, F_BOOL, NULL }, { "deprecated", 5, F_BOOL, NULL }, { "schema", 10, F_MSG, &m_schema_or_reference },
	{ "content", 13, F_MSG, &m_content }, { 0 },
};
static const struct message m_parameter = { .fields = parameter_fields, .extension = EXTENSION(14) };
OR_REFERENCE(parameter);

static const struct field body_fields[] = {
	{ "description", 1, F_STR, NULL }, { "content", 2, F_MSG, &m_content }, { "required", 3, F_BOOL, NULL }, { 0 },
};
static const struct message m_body = { .fields = body_fields, .extension = EXTENSION(4) };
OR_REFERENCE(body);

static const struct field response_fields[] = {
	{ "description", 1, F_STR, NULL }, { "content", 3, F_MSG, &m_content }, { 0 },
};
static const struct message m_response = { .fields = response_fields, .extension = EXTENSION(5) };
OR_REFERENCE(response);

static const struct field responses_fields[] = { { "default", 1, F_MSG, &m_response_or_reference }, { 0 } };
static const struct message m_responses = {
	.fields = responses_fields, .extension = EXTENSION(3), .other = { NULL, 2, F_MSG, &m_response_or_reference },
};

static const struct field operation_fields[] = {
	{ "tags", 1, F_STR, NULL }, { "summary", 2, F_STR, NULL }, { "description", 3, F_STR, NULL },
	{ "operationId", 5, F_STR, NULL }, { "parameters", 6, F_MSG, &m_parameter_or_reference },
	{ "requestBody", 7, F_MSG, &m_body_or_reference }, { "responses", 8, F_MSG, &m_responses },
	{ "deprecated", 10, F_BOOL, NULL }, { 0 },
};
static const struct message m_operation = { .fields = operation_fields, .extension = EXTENSION(13) };

static const struct field path_fields[] = {
	{ "$ref", 1, F_STR, NULL }, { "summary", 2, F_STR, NULL }, { "description", 3, F_STR, NULL },
	{ "get", 4, F_MSG, &m_operation }, { "put", 5, F_MSG, &m_operation }, { "post", 6, F_MSG, &m_operation },
	{ "delete", 7, F_MSG, &m_operation }, { "options", 8, F_MSG, &m_operation }, { "head", 9, F_MSG, &m_operation },
	{ "patch", 10, F_MSG, &m_operation }, { "parameters", 13, F_MSG, &m_parameter_or_reference }, { 0 },
};
static const struct message m_path = { .fields = path_fields, .extension = EXTENSION(14) };
static const struct message m_paths = { .extension = EXTENSION(2), .other = { NULL, 1, F_MSG, &m_path } };

/* ---- the document ---- */
static const struct field scheme_fields[] = {
	{ "type", 1, F_STR, NULL }, { "description", 2, F_STR, NULL }, { "name", 3, F_STR, NULL }, { "in", 4, F_STR, NULL }, { 0 },
};
static const struct message m_scheme = { .fields = scheme_fields };
OR_REFERENCE(scheme);
static const struct message m_schemes = { .other = { NULL, 1, F_MSG, &m_scheme_or_reference } };

static const struct field component_fields[] = {
	{ "schemas", 1, F_MSG, &m_schemas }, { "securitySchemes", 7, F_MSG, &m_schemes }, { 0 },
};
static const struct message m_components = { .fields = component_fields, .extension = EXTENSION(10) };

static const struct field info_fields[] = {
	{ "title", 1, F_STR, NULL }, { "description", 2, F_STR, NULL }, { "version", 6, F_STR, NULL }, { 0 },
};
static const struct message m_info = { .fields = info_fields, .extension = EXTENSION(7) };

static const struct field document_fields[] = {
	{ "openapi", 1, F_STR, NULL }, { "info", 2, F_MSG, &m_info }, { "paths", 4, F_MSG, &m_paths },
	{ "components", 5, F_MSG, &m_components }, { 0 },
};
const struct message openapi_v3_message = { .fields = document_fields, .extension = EXTENSION(9) };
