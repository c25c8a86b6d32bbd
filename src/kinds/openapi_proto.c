/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi_proto - a JSON document walked along the table of a message's fields, so
 * that there is one author of what it says.
 */
#include <stdlib.h>
#include <string.h>

#include "kinds/openapi_proto.h"

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
		const struct field *one = m->pick(v);

		if (one)
			add_field(b, one, v);
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

int openapi_proto(struct buf *out, const struct buf *json, const struct message *document)
{
	yyjson_doc *doc = yyjson_read(json->p, json->len, 0);

	if (!doc)
		return -ERR_NOMEM;
	add_message(out, document, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	return out->failed ? -ERR_NOMEM : 0;
}
