/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi_v2_proto - the Swagger document as the protobuf message that kubectl
 * before 1.28 asks for.
 *
 * Source: gnostic-models openapiv2/OpenAPIv2.proto (numbers, which member goes
 * where); an Any carries its value as YAML text, which JSON is.
 */
#include "kinds/openapi_proto.h"

static const struct message m_schema, m_primitive_items;

/* ---- schemas ---- */
CHOICE(pick_schema_or_bool)
{
	static const struct field f[] = { { NULL, 1, F_MSG, &m_schema }, { NULL, 2, F_BOOL, NULL } };

	return &f[yyjson_is_bool(v)];
}
static const struct message m_additional = { .pick = pick_schema_or_bool };

CHOICE(pick_strings)
{
	static const struct field f = { NULL, 1, F_STR, NULL };

	return &f;
}
static const struct message m_strings = { .pick = pick_strings };

CHOICE(pick_schema)
{
	static const struct field f = { NULL, 1, F_MSG, &m_schema };

	return &f;
}
static const struct message m_one_schema = { .pick = pick_schema };

static const struct message m_schemas = { .other = { NULL, 1, F_MSG, &m_schema } };

static const struct field schema_fields[] = {
	{ "$ref", 1, F_STR, NULL }, { "format", 2, F_STR, NULL }, { "title", 3, F_STR, NULL },
	{ "description", 4, F_STR, NULL }, { "default", 5, F_ANY, NULL }, { "multipleOf", 6, F_DOUBLE, NULL },
	{ "maximum", 7, F_DOUBLE, NULL }, { "exclusiveMaximum", 8, F_BOOL, NULL },
	{ "minimum", 9, F_DOUBLE, NULL }, { "exclusiveMinimum", 10, F_BOOL, NULL },
	{ "maxLength", 11, F_INT, NULL }, { "minLength", 12, F_INT, NULL }, { "pattern", 13, F_STR, NULL },
	{ "maxItems", 14, F_INT, NULL }, { "minItems", 15, F_INT, NULL }, { "uniqueItems", 16, F_BOOL, NULL },
	{ "maxProperties", 17, F_INT, NULL }, { "minProperties", 18, F_INT, NULL },
	{ "required", 19, F_STR, NULL }, { "enum", 20, F_ANY, NULL },
	{ "additionalProperties", 21, F_MSG, &m_additional }, { "type", 22, F_MSG, &m_strings },
	{ "items", 23, F_MSG, &m_one_schema }, { "allOf", 24, F_MSG, &m_schema },
	{ "properties", 25, F_MSG, &m_schemas }, { "discriminator", 26, F_STR, NULL },
	{ "readOnly", 27, F_BOOL, NULL }, { "example", 30, F_ANY, NULL }, { 0 },
};
static const struct message m_schema = { .fields = schema_fields, .extension = EXTENSION(31) };

/* ---- paths ---- */
static const struct field reference_fields[] = {
	{ "$ref", 1, F_STR, NULL }, { "description", 2, F_STR, NULL }, { 0 },
};
static const struct message m_reference = { .fields = reference_fields };

static const struct field body_fields[] = {
	{ "description", 1, F_STR, NULL }, { "name", 2, F_STR, NULL }, { "in", 3, F_STR, NULL },
	{ "required", 4, F_BOOL, NULL }, { "schema", 5, F_MSG, &m_schema }, { 0 },
};
static const struct message m_body = { .fields = body_fields, .extension = EXTENSION(6) };

static const struct field primitive_fields[] = {
	{ "type", 1, F_STR, NULL }, { "format", 2, F_STR, NULL }, { "items", 3, F_MSG, &m_primitive_items },
	{ "collectionFormat", 4, F_STR, NULL }, { "default", 5, F_ANY, NULL }, { "pattern", 11, F_STR, NULL },
	{ "enum", 15, F_ANY, NULL }, { 0 },
};
static const struct message m_primitive_items = { .fields = primitive_fields, .extension = EXTENSION(17) };

/* Parameters of a query have one number, allowEmptyValue's, before those of a path. */
static const struct field query_fields[] = {
	{ "required", 1, F_BOOL, NULL }, { "in", 2, F_STR, NULL }, { "description", 3, F_STR, NULL },
	{ "name", 4, F_STR, NULL }, { "allowEmptyValue", 5, F_BOOL, NULL }, { "type", 6, F_STR, NULL },
	{ "format", 7, F_STR, NULL }, { "items", 8, F_MSG, &m_primitive_items }, { "default", 10, F_ANY, NULL },
	{ "pattern", 17, F_STR, NULL }, { "uniqueItems", 20, F_BOOL, NULL }, { "enum", 21, F_ANY, NULL }, { 0 },
};
static const struct message m_query = { .fields = query_fields, .extension = EXTENSION(23) };

static const struct field path_fields[] = {
	{ "required", 1, F_BOOL, NULL }, { "in", 2, F_STR, NULL }, { "description", 3, F_STR, NULL },
	{ "name", 4, F_STR, NULL }, { "type", 5, F_STR, NULL }, { "format", 6, F_STR, NULL },
	{ "items", 7, F_MSG, &m_primitive_items }, { "default", 9, F_ANY, NULL }, { "pattern", 16, F_STR, NULL },
	{ "uniqueItems", 19, F_BOOL, NULL }, { "enum", 20, F_ANY, NULL }, { 0 },
};
static const struct message m_path = { .fields = path_fields, .extension = EXTENSION(22) };

static bool is_in(yyjson_val *v, const char *where)
{
	return yyjson_equals_str(yyjson_obj_get(v, "in"), where);
}

CHOICE(pick_non_body)
{
	static const struct field query = { NULL, 3, F_MSG, &m_query }, path = { NULL, 4, F_MSG, &m_path },
		header = { NULL, 1, F_MSG, &m_path };

	return is_in(v, "query") ? &query : is_in(v, "header") ? &header : &path;
}
static const struct message m_non_body = { .pick = pick_non_body };

CHOICE(pick_body)
{
	static const struct field f[] = { { NULL, 1, F_MSG, &m_body }, { NULL, 2, F_MSG, &m_non_body } };

	return &f[!is_in(v, "body")];
}
static const struct message m_parameter = { .pick = pick_body };

CHOICE(pick_parameter)
{
	static const struct field f[] = { { NULL, 1, F_MSG, &m_parameter }, { NULL, 2, F_MSG, &m_reference } };

	return &f[yyjson_obj_get(v, "$ref") != NULL];
}
static const struct message m_parameters_item = { .pick = pick_parameter };

static const struct field response_fields[] = {
	{ "description", 1, F_STR, NULL }, { "schema", 2, F_MSG, &m_one_schema }, { 0 },
};
static const struct message m_response = { .fields = response_fields, .extension = EXTENSION(5) };

CHOICE(pick_response)
{
	static const struct field f[] = { { NULL, 1, F_MSG, &m_response }, { NULL, 2, F_MSG, &m_reference } };

	return &f[yyjson_obj_get(v, "$ref") != NULL];
}
static const struct message m_response_value = { .pick = pick_response };
static const struct message m_responses = { .extension = EXTENSION(2), .other = { NULL, 1, F_MSG, &m_response_value } };

static const struct message m_requirement = { .other = { NULL, 1, F_MSG, &m_strings } };

static const struct field operation_fields[] = {
	{ "tags", 1, F_STR, NULL }, { "summary", 2, F_STR, NULL }, { "description", 3, F_STR, NULL },
	{ "operationId", 5, F_STR, NULL }, { "produces", 6, F_STR, NULL }, { "consumes", 7, F_STR, NULL },
	{ "parameters", 8, F_MSG, &m_parameters_item }, { "responses", 9, F_MSG, &m_responses },
	{ "schemes", 10, F_STR, NULL }, { "deprecated", 11, F_BOOL, NULL },
	{ "security", 12, F_MSG, &m_requirement }, { 0 },
};
static const struct message m_operation = { .fields = operation_fields, .extension = EXTENSION(13) };

static const struct field item_fields[] = {
	{ "$ref", 1, F_STR, NULL }, { "get", 2, F_MSG, &m_operation }, { "put", 3, F_MSG, &m_operation },
	{ "post", 4, F_MSG, &m_operation }, { "delete", 5, F_MSG, &m_operation },
	{ "options", 6, F_MSG, &m_operation }, { "head", 7, F_MSG, &m_operation },
	{ "patch", 8, F_MSG, &m_operation }, { "parameters", 9, F_MSG, &m_parameters_item }, { 0 },
};
static const struct message m_item = { .fields = item_fields, .extension = EXTENSION(10) };
static const struct message m_paths = { .extension = EXTENSION(1), .other = { NULL, 2, F_MSG, &m_item } };

/* ---- the document ---- */
static const struct field info_fields[] = {
	{ "title", 1, F_STR, NULL }, { "version", 2, F_STR, NULL }, { "description", 3, F_STR, NULL }, { 0 },
};
static const struct message m_info = { .fields = info_fields, .extension = EXTENSION(7) };

static const struct field key_fields[] = {
	{ "type", 1, F_STR, NULL }, { "name", 2, F_STR, NULL }, { "in", 3, F_STR, NULL },
	{ "description", 4, F_STR, NULL }, { 0 },
};
static const struct message m_key = { .fields = key_fields, .extension = EXTENSION(5) };

CHOICE(pick_security)
{
	static const struct field f = { NULL, 2, F_MSG, &m_key };

	return &f;
}
static const struct message m_security = { .pick = pick_security };
static const struct message m_securities = { .other = { NULL, 1, F_MSG, &m_security } };

static const struct field document_fields[] = {
	{ "swagger", 1, F_STR, NULL }, { "info", 2, F_MSG, &m_info }, { "paths", 8, F_MSG, &m_paths },
	{ "definitions", 9, F_MSG, &m_schemas }, { "security", 12, F_MSG, &m_requirement },
	{ "securityDefinitions", 13, F_MSG, &m_securities }, { 0 },
};
const struct message openapi_v2_message = { .fields = document_fields, .extension = EXTENSION(16) };
