/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi_v2_proto - the Swagger document as the protobuf message that kubectl
 * before 1.28 asks for. The JSON document is made first and walked along a table
 * of the message's fields, so that there is one author of what it says.
 *
 * Source: gnostic-models openapiv2/OpenAPIv2.proto (numbers, which member goes
 * where); an Any carries its value as YAML text, which JSON is.
 */
#include <stdlib.h>
#include <string.h>

#include "kinds/kinds.h"

enum form {
	F_STR, F_BOOL, F_INT, F_DOUBLE,
	F_ANY,          /* the value as text */
	F_MSG,
};

struct message;
struct field {
	const char *key;
	uint8_t number;
	uint8_t form;
	const struct message *msg;
};
/* How an object becomes a message: known members by their keys, "x-" members and all
 * others as named pairs. One with pick is a choice: the whole value is one field. */
struct message {
	const struct field *fields;
	struct field extension, other;
	const struct field *(*pick)(yyjson_val *v);
};

#define EXTENSION(nr) { NULL, nr, F_ANY, NULL }
#define CHOICE(name) static const struct field *name(yyjson_val *v)

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
static const struct message m_document = { .fields = document_fields, .extension = EXTENSION(16) };

/* ---- writing ---- */
static void add_varint(struct buf *b, uint64_t x)
{
	for (; x >= 0x80; x >>= 7)
		buf_addc(b, (char)(x | 0x80));
	buf_addc(b, (char)x);
}

static void add_tag(struct buf *b, unsigned number, unsigned wire)
{
	add_varint(b, (uint64_t)number << 3 | wire);
}

static void add_bytes(struct buf *b, unsigned number, const char *p, size_t n)
{
	add_tag(b, number, 2);
	add_varint(b, n);
	buf_add(b, p, n);
}

/* A nested message is written in place and moved when its length is known. */
static size_t begin(struct buf *b, unsigned number)
{
	add_tag(b, number, 2);
	return b->len;
}

static void end(struct buf *b, size_t start)
{
	size_t len = b->len - start, extra = 0;
	char bytes[10];

	for (size_t x = len; extra == 0 || x; x >>= 7, extra++)
		bytes[extra] = (char)((x & 0x7f) | (x >= 0x80 ? 0x80 : 0));
	if (buf_reserve(b, extra) || b->failed)
		return;
	memmove(b->p + start + extra, b->p + start, len);
	memcpy(b->p + start, bytes, extra);
	b->len += extra;
	b->p[b->len] = '\0';
}

static void add_message(struct buf *b, const struct message *m, yyjson_val *v);

static void add_value(struct buf *b, const struct field *f, yyjson_val *v)
{
	size_t len, at;
	double d;
	char *text;

	switch (f->form) {
	case F_STR:
		add_bytes(b, f->number, yyjson_get_str(v) ? yyjson_get_str(v) : "", yyjson_get_len(v));
		break;
	case F_BOOL:
		add_tag(b, f->number, 0);
		add_varint(b, yyjson_get_bool(v));
		break;
	case F_INT:
		add_tag(b, f->number, 0);
		add_varint(b, (uint64_t)yyjson_get_sint(v));
		break;
	case F_DOUBLE:
		d = yyjson_get_num(v);
		add_tag(b, f->number, 1);
		buf_add(b, &d, sizeof(d));     /* both are little-endian */
		break;
	case F_ANY:
		text = yyjson_val_write(v, 0, &len);
		at = begin(b, f->number);
		if (text)
			add_bytes(b, 2, text, len);
		else
			b->failed = true;
		end(b, at);
		free(text);
		break;
	case F_MSG:
		at = begin(b, f->number);
		add_message(b, f->msg, v);
		end(b, at);
		break;
	}
}

/* A list is its values one after another. */
static void add_field(struct buf *b, const struct field *f, yyjson_val *v)
{
	yyjson_val *item;
	size_t i, n;

	if (!yyjson_is_arr(v)) {
		add_value(b, f, v);
		return;
	}
	yyjson_arr_foreach(v, i, n, item)
		add_value(b, f, item);
}

static void add_named(struct buf *b, const struct field *f, const char *name, size_t name_len, yyjson_val *v)
{
	struct field value = *f;
	size_t at = begin(b, f->number);

	value.number = 2;
	add_bytes(b, 1, name, name_len);
	add_value(b, &value, v);
	end(b, at);
}

static void add_message(struct buf *b, const struct message *m, yyjson_val *v)
{
	yyjson_obj_iter it;
	yyjson_val *key, *item;

	if (m->pick) {
		add_field(b, m->pick(v), v);
		return;
	}
	yyjson_obj_iter_init(v, &it);
	while ((key = yyjson_obj_iter_next(&it))) {
		const char *name = yyjson_get_str(key);
		const struct field *f = m->fields;

		item = yyjson_obj_iter_get_val(key);
		while (f && f->key && strcmp(f->key, name))
			f++;
		if (f && f->key)
			add_field(b, f, item);
		else if (m->extension.number && !strncmp(name, "x-", 2))
			add_named(b, &m->extension, name, yyjson_get_len(key), item);
		else if (m->other.number)
			add_named(b, &m->other, name, yyjson_get_len(key), item);
	}
}

int kinds_openapi_v2_proto(struct buf *out)
{
	BUF_AUTO struct buf json = { 0 };
	yyjson_doc *doc;
	int rc = kinds_openapi_v2(&json);

	if (rc)
		return rc;
	doc = yyjson_read(json.p, json.len, 0);
	if (!doc)
		return -ERR_NOMEM;
	add_message(out, &m_document, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	return out->failed ? -ERR_NOMEM : 0;
}
