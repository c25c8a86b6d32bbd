/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto_encode - an object's normal form as protobuf, byte for byte as
 * upstream's server writes it: members by ascending number, val members always,
 * maps by key, repeated scalars not packed.
 *
 * A message's length is not known before its body: one byte is kept for it, and
 * the body moves on when more are needed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "kinds/kinds_priv.h"
#include "kinds/proto.h"

#define SLOTS_ON_STACK 64

struct encoder {
	struct buf *out;
	struct err *reterr;
	unsigned depth;
};

static int encode_type(struct encoder *c, const struct kinds_type *t, yyjson_val *v);

/* ---- wire ---- */

static size_t varint(uint8_t out[10], uint64_t x)
{
	size_t n = 0;

	while (x >= 0x80) {
		out[n++] = (uint8_t)(x | 0x80);
		x >>= 7;
	}
	out[n++] = (uint8_t)x;
	return n;
}

static void add_varint(struct buf *b, uint64_t x)
{
	uint8_t bytes[10];

	buf_add(b, bytes, varint(bytes, x));
}

static void add_tag(struct buf *b, unsigned number, enum proto_wire wire)
{
	add_varint(b, (uint64_t)number << 3 | wire);
}

static void add_number(struct buf *b, unsigned number, uint64_t x)
{
	add_tag(b, number, WIRE_VARINT);
	add_varint(b, x);
}

static void add_bytes(struct buf *b, unsigned number, const void *p, size_t n)
{
	add_tag(b, number, WIRE_BYTES);
	add_varint(b, n);
	if (n)
		buf_add(b, p, n);
}

/* A nested message: open() returns where its length goes, close() fills it in. */
static size_t open_message(struct buf *b, unsigned number)
{
	add_tag(b, number, WIRE_BYTES);
	buf_addc(b, 0);
	return b->len;
}

static void close_message(struct buf *b, size_t start)
{
	uint8_t bytes[10];
	size_t len, extra;

	if (b->failed)
		return;
	len = b->len - start;
	extra = varint(bytes, len) - 1;
	if (extra) {
		buf_add(b, bytes, extra);   /* room for the body to move into */
		if (b->failed)
			return;
		memmove(b->p + start + extra, b->p + start, len);
	}
	memcpy(b->p + start - 1, bytes, extra + 1);
}

/* ---- values ---- */

static int misfit(struct encoder *c, const struct kinds_field *f)
{
	return err_set(c->reterr, ERR_INTERNAL, "member %s does not fit its type", f->name);
}

static int add_base64(struct encoder *c, const struct kinds_field *f, unsigned number, yyjson_val *v)
{
	BUF_AUTO struct buf raw = {0};

	if (!yyjson_is_str(v) || text_unbase64(&raw, yyjson_get_str(v), yyjson_get_len(v)))
		return misfit(c, f);
	add_bytes(c->out, number, raw.p, raw.len);
	return raw.failed ? -ERR_NOMEM : 0;
}

static int add_time(struct encoder *c, const struct kinds_field *f, yyjson_val *v)
{
	int64_t us, seconds, rest;

	if (!v || yyjson_is_null(v))
		return 0;   /* zero: a message without members */
	if (!yyjson_is_str(v) || text_parse_time(yyjson_get_str(v), &us))
		return misfit(c, f);
	if (us == KINDS_TIME_ZERO_US)
		return 0;
	seconds = us / 1000000;
	rest = us % 1000000;
	if (rest < 0) {
		rest += 1000000;
		seconds--;
	}
	add_number(c->out, 1, (uint64_t)seconds);
	add_number(c->out, 2, f->value == KV_MICROTIME ? (uint64_t)rest * 1000 : 0);
	return 0;
}

static int add_int_or_string(struct encoder *c, const struct kinds_field *f, yyjson_val *v)
{
	bool is_str = yyjson_is_str(v);

	if (v && !is_str && !yyjson_is_int(v))
		return misfit(c, f);
	add_number(c->out, 1, is_str);
	add_number(c->out, 2, is_str ? 0 : (uint64_t)yyjson_get_sint(v));
	add_bytes(c->out, 3, is_str ? yyjson_get_str(v) : "", is_str ? yyjson_get_len(v) : 0);
	return 0;
}

static int add_strings(struct encoder *c, const struct kinds_field *f, unsigned number, yyjson_val *v)
{
	yyjson_arr_iter it;
	yyjson_val *s;

	if (v && !yyjson_is_arr(v))
		return misfit(c, f);
	yyjson_arr_iter_init(v, &it);
	while ((s = yyjson_arr_iter_next(&it)))
		add_bytes(c->out, number, yyjson_is_str(s) ? yyjson_get_str(s) : "", yyjson_get_len(s));
	return 0;
}

static int add_schema(struct encoder *c, const struct kinds_field *f, unsigned number, yyjson_val *v)
{
	size_t start = open_message(c->out, number);
	int r = encode_type(c, f->type, v);

	close_message(c->out, start);
	return r;
}

static int add_props_or(struct encoder *c, const struct kinds_field *f, yyjson_val *v)
{
	bool is_obj = yyjson_is_obj(v);

	if (f->value == KV_PROPS_OR_BOOL) {
		add_number(c->out, 1, is_obj || yyjson_is_true(v));
		return is_obj ? add_schema(c, f, 2, v) : 0;
	}
	if (is_obj)
		return add_schema(c, f, 1, v);
	if (f->value == KV_PROPS_OR_STRINGS)
		return add_strings(c, f, 2, v);

	yyjson_arr_iter it;
	yyjson_val *item;
	int r = 0;

	yyjson_arr_iter_init(v, &it);
	while (!r && (item = yyjson_arr_iter_next(&it)))
		r = add_schema(c, f, 2, item);
	return r;
}

/* The members of one value's message. v NULL: the zero value. */
static int add_body(struct encoder *c, const struct kinds_field *f, yyjson_val *v)
{
	switch ((enum kinds_value)f->value) {
	case KV_TIME:
	case KV_MICROTIME:
		return add_time(c, f, v);
	case KV_DURATION: {
		int64_t ns = 0;

		if (v && (!yyjson_is_str(v) || text_parse_duration(yyjson_get_str(v), &ns)))
			return misfit(c, f);
		add_number(c->out, 1, (uint64_t)ns);
		return 0;
	}
	case KV_QUANTITY:
		if (v && !yyjson_is_str(v))
			return misfit(c, f);
		add_bytes(c->out, 1, v ? yyjson_get_str(v) : "0", v ? yyjson_get_len(v) : 1);
		return 0;
	case KV_INT_OR_STRING:
		return add_int_or_string(c, f, v);
	case KV_RAW:
	case KV_FIELDSV1:
	case KV_JSON: {
		if (!v)
			return 0;
		size_t start = open_message(c->out, 1);
		int r = doc_write(c->out, v);

		close_message(c->out, start);
		return r;
	}
	case KV_VERBS:
	case KV_EXTRA:
		return add_strings(c, f, 1, v);
	case KV_PROPS_OR_ARRAY:
	case KV_PROPS_OR_BOOL:
	case KV_PROPS_OR_STRINGS:
		return add_props_or(c, f, v);
	default:
		return encode_type(c, f->type, v);
	}
}

/* One value under a number; v NULL: the zero value. */
static int add_value(struct encoder *c, const struct kinds_field *f, unsigned number, yyjson_val *v)
{
	switch ((enum kinds_value)f->value) {
	case KV_STRING:
		if (v && !yyjson_is_str(v))
			return misfit(c, f);
		add_bytes(c->out, number, v ? yyjson_get_str(v) : "", yyjson_get_len(v));
		return 0;
	case KV_INT32:
	case KV_INT64:
	case KV_UINT32:
		if (v && !yyjson_is_int(v))
			return misfit(c, f);
		add_number(c->out, number, (uint64_t)yyjson_get_sint(v));
		return 0;
	case KV_BOOL:
		if (v && !yyjson_is_bool(v))
			return misfit(c, f);
		add_number(c->out, number, yyjson_is_true(v));
		return 0;
	case KV_DOUBLE: {
		double x = yyjson_get_num(v);
		uint64_t bits;
		uint8_t le[8];

		memcpy(&bits, &x, sizeof(bits));
		for (int i = 0; i < 8; i++)
			le[i] = (uint8_t)(bits >> (8 * i));
		add_tag(c->out, number, WIRE_FIXED64);
		buf_add(c->out, le, sizeof(le));
		return 0;
	}
	case KV_BYTES:
		return v ? add_base64(c, f, number, v) : 0;
	default: {
		size_t start = open_message(c->out, number);
		int r = add_body(c, f, v);

		close_message(c->out, start);
		return r;
	}
	}
}

static int add_entry(struct encoder *c, const struct kinds_field *f, const char *key, size_t len, yyjson_val *v)
{
	size_t start = open_message(c->out, f->pbnum);
	int r;

	add_bytes(c->out, 1, key, len);
	r = add_value(c, f, 2, yyjson_is_null(v) ? NULL : v);
	close_message(c->out, start);
	return r;
}

/* Maps are written by key; the normal form has them so, edited objects may not. */
static int add_map(struct encoder *c, const struct kinds_field *f, yyjson_val *v)
{
	size_t n = yyjson_obj_size(v), i = 0;
	struct kinds_entry *entries;
	yyjson_obj_iter it;
	yyjson_val *key;
	int r = 0;

	if (!yyjson_is_obj(v))
		return misfit(c, f);
	if (!n)
		return 0;
	entries = malloc(n * sizeof(*entries));
	if (!entries)
		return err_set(c->reterr, ERR_NOMEM, "out of memory");
	yyjson_obj_iter_init(v, &it);
	for (; (key = yyjson_obj_iter_next(&it)); i++)
		entries[i] = (struct kinds_entry){ .key = yyjson_get_str(key), .order = (uint32_t)i,
			.len = (uint32_t)yyjson_get_len(key), .value = (void *)yyjson_obj_iter_get_val(key) };
	n = kinds_sort_entries(entries, n);
	for (i = 0; i < n && !r; i++)
		r = add_entry(c, f, entries[i].key, entries[i].len, (yyjson_val *)(void *)entries[i].value);
	free(entries);
	return r;
}

static int add_member(struct encoder *c, const struct kinds_field *f, yyjson_val *v)
{
	yyjson_arr_iter it;
	yyjson_val *item;
	int r = 0;

	if (!v)
		return f->card == KC_ONE && f->ptr == KP_VALUE ? add_value(c, f, f->pbnum, NULL) : 0;
	if (f->card == KC_ONE)
		return add_value(c, f, f->pbnum, v);
	if (f->card == KC_MAP)
		return add_map(c, f, v);
	if (!yyjson_is_arr(v))
		return misfit(c, f);
	yyjson_arr_iter_init(v, &it);
	while (!r && (item = yyjson_arr_iter_next(&it)))
		r = add_value(c, f, f->pbnum, yyjson_is_null(item) ? NULL : item);
	return r;
}

static int encode_members(struct encoder *c, const struct kinds_type *t, yyjson_val *v, yyjson_val **slots)
{
	size_t start[2] = {0};
	uint16_t open[2] = {0};   /* embedded messages being written */
	yyjson_obj_iter it;
	yyjson_val *key;
	uint16_t hint = 0;
	int r = 0;

	if (v && !yyjson_is_obj(v))
		return err_set(c->reterr, ERR_INTERNAL, "a %s is not an object", t->name);
	memset(slots, 0, t->field_count * sizeof(*slots));
	yyjson_obj_iter_init(v, &it);
	while ((key = yyjson_obj_iter_next(&it))) {
		const struct kinds_field *f = kinds_find_field(t, yyjson_get_str(key), yyjson_get_len(key), hint);
		yyjson_val *value = yyjson_obj_iter_get_val(key);

		if (!f)
			continue;
		hint = (uint16_t)(f - t->fields + 1);
		slots[hint - 1] = yyjson_is_null(value) ? NULL : value;
	}
	for (uint16_t i = 0; i < t->pb_count && !r; i++) {
		const struct kinds_field *f = &t->fields[t->by_pbnum[i]];

		for (int level = 1; level >= 0; level--)
			if (open[level] && (open[level] != f->embed[level] || open[0] != f->embed[0])) {
				close_message(c->out, start[level]);
				open[level] = 0;
			}
		for (int level = 0; level < 2; level++)
			if (f->embed[level] && !open[level]) {
				start[level] = open_message(c->out, f->embed[level]);
				open[level] = f->embed[level];
			}
		r = add_member(c, f, slots[t->by_pbnum[i]]);
	}
	for (int level = 1; level >= 0; level--)
		if (open[level])
			close_message(c->out, start[level]);
	return r;
}

static int encode_type(struct encoder *c, const struct kinds_type *t, yyjson_val *v)
{
	yyjson_val *on_stack[SLOTS_ON_STACK], **slots = on_stack;
	int r;

	if (!t->proto)
		return err_set(c->reterr, ERR_NOT_ACCEPTABLE, "%s has no protobuf form", t->name);
	if (++c->depth > DOC_DEPTH_MAX)
		return err_set(c->reterr, ERR_INTERNAL, "exceeded max depth");
	if (t->field_count > SLOTS_ON_STACK)
		slots = malloc(t->field_count * sizeof(*slots));
	if (!slots)
		return err_set(c->reterr, ERR_NOMEM, "out of memory");
	r = encode_members(c, t, v, slots);
	if (slots != on_stack)
		free(slots);
	c->depth--;
	return r;
}

int kinds_encode_proto_message(struct buf *out, const struct kinds_type *t, yyjson_val *v, struct err *reterr)
{
	struct encoder c = { .out = out, .reterr = reterr };
	int r = encode_type(&c, t, v);

	return !r && out->failed ? err_set(reterr, ERR_NOMEM, "out of memory") : r;
}

int kinds_encode_proto(struct buf *out, const struct kinds_type *t, yyjson_val *v, struct err *reterr)
{
	const char *api_version = yyjson_get_str(yyjson_obj_get(v, "apiVersion"));
	const char *kind = yyjson_get_str(yyjson_obj_get(v, "kind"));
	size_t start;
	int r;

	if (!t->proto)
		return err_set(reterr, ERR_NOT_ACCEPTABLE, "%s has no protobuf form", t->name);
	buf_add(out, PROTO_PREFIX, PROTO_PREFIX_LEN);
	start = open_message(out, 1);
	add_bytes(out, 1, api_version, api_version ? strlen(api_version) : 0);
	add_bytes(out, 2, kind, kind ? strlen(kind) : 0);
	close_message(out, start);
	start = open_message(out, 2);
	r = kinds_encode_proto_message(out, t, v, reterr);
	close_message(out, start);
	add_bytes(out, 3, "", 0);
	add_bytes(out, 4, "", 0);
	return !r && out->failed ? err_set(reterr, ERR_NOMEM, "out of memory") : r;
}
