/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto_decode - protobuf bytes to the same normal form json.c makes.
 *
 * Every length is checked against what is left, nesting against DOC_DEPTH_MAX,
 * and all that is built comes from an arena with a cap: a hostile body costs at
 * most that. Unknown numbers are passed over; a singular member twice counts last.
 */
#include <string.h>

#include "base/text.h"
#include "kinds/kinds_priv.h"
#include "kinds/proto.h"

#define SLOTS_ON_STACK 64
#define SECONDS_MIN (-62135596800LL)   /* year 1 */
#define SECONDS_MAX 253402300799LL     /* end of year 9999 */

struct decoder {
	yyjson_mut_doc *d;
	struct arena *a;
	struct buf scratch;
	unsigned depth;
	struct err *reterr;
};

struct slot {
	yyjson_mut_val *v;             /* the value, or the array so far */
	struct kinds_entry *entries;   /* of a map */
	uint32_t entry_count, entry_cap;
	bool set, zero;
};

struct reader { const uint8_t *p, *end; };
static const uint8_t nothing[1];
#define EMPTY ((struct reader){ nothing, nothing })

static int decode_type(struct decoder *c, const struct kinds_type *t, struct reader r, yyjson_mut_val **ret);
static int decode_envelope(struct decoder *c, struct reader r, const struct kinds_type *t, yyjson_mut_val **ret);

static int over(struct decoder *c)
{
	return err_set(c->reterr, ERR_SIZE, "the object needs too much memory");
}

static int cut_short(struct decoder *c)
{
	return err_set(c->reterr, ERR_BAD_REQUEST, "unexpected EOF");
}

/* ---- wire ---- */

static int read_varint(struct decoder *c, struct reader *r, uint64_t *ret)
{
	uint64_t x = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (r->p == r->end)
			return cut_short(c);
		uint8_t byte = *r->p++;

		x |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret = x;
			return 0;
		}
	}
	return err_set(c->reterr, ERR_BAD_REQUEST, "proto: integer overflow");
}

static int read_bytes(struct decoder *c, struct reader *r, struct reader *ret)
{
	uint64_t n;
	int e = read_varint(c, r, &n);

	if (e)
		return e;
	if (n > (uint64_t)(r->end - r->p))
		return cut_short(c);
	*ret = (struct reader){ r->p, r->p + n };
	r->p += n;
	return 0;
}

static int read_tag(struct decoder *c, struct reader *r, uint32_t *ret_number, enum proto_wire *ret_wire)
{
	uint64_t x;
	int e = read_varint(c, r, &x);

	if (e)
		return e;
	*ret_wire = (enum proto_wire)(x & 7);
	*ret_number = (uint32_t)(x >> 3);
	if (!*ret_number || x >> 3 > 0x1fffffff || *ret_wire > WIRE_FIXED32)
		return err_set(c->reterr, ERR_BAD_REQUEST, "proto: illegal tag %u (wire type %u)",
			*ret_number, (unsigned)*ret_wire);
	return 0;
}

/* Pass over one value; groups by counting, not by recursion. */
static int skip(struct decoder *c, struct reader *r, enum proto_wire wire)
{
	struct reader bytes;
	unsigned groups = 0;
	uint32_t number;
	uint64_t x;
	int e;

	for (;;) {
		size_t fixed = wire == WIRE_FIXED64 ? 8 : wire == WIRE_FIXED32 ? 4 : 0;

		if (wire == WIRE_VARINT) {
			e = read_varint(c, r, &x);
		} else if (wire == WIRE_BYTES) {
			e = read_bytes(c, r, &bytes);
		} else if (fixed) {
			e = (size_t)(r->end - r->p) < fixed ? cut_short(c) : 0;
			r->p += e ? 0 : fixed;
		} else if (wire == WIRE_GROUP) {
			groups++;
			e = 0;
		} else {
			e = groups ? 0 : err_set(c->reterr, ERR_BAD_REQUEST, "proto: unexpected end of group");
			groups -= groups ? 1 : 0;
		}
		if (e || !groups)
			return e;
		e = read_tag(c, r, &number, &wire);
		if (e)
			return e;
	}
}

/* ---- values ---- */

static int bad_wire(struct decoder *c, const struct kinds_field *f, enum proto_wire wire)
{
	return err_set(c->reterr, ERR_BAD_REQUEST, "proto: wrong wireType = %u for field %s", (unsigned)wire, f->name);
}

static int give(struct decoder *c, yyjson_mut_val *v, yyjson_mut_val **ret)
{
	*ret = v;
	return v ? 0 : over(c);
}

static int take_string(struct decoder *c, struct reader r, yyjson_mut_val **ret)
{
	size_t n = (size_t)(r.end - r.p);

	if (!text_is_utf8((const char *)r.p, n))
		return err_set(c->reterr, ERR_BAD_REQUEST, "proto: a string is not valid UTF-8");
	return give(c, yyjson_mut_strncpy(c->d, (const char *)r.p, n), ret);
}

static int take_time(struct decoder *c, bool micro, struct reader r, bool *ret_zero, yyjson_mut_val **ret)
{
	uint64_t seconds = 0, nanos = 0, x;
	char text[TEXT_TIME_MAX];
	enum proto_wire wire;
	uint32_t number;

	*ret_zero = r.p == r.end;
	if (*ret_zero)
		return give(c, yyjson_mut_null(c->d), ret);
	while (r.p < r.end) {
		int e = read_tag(c, &r, &number, &wire);

		if (!e && (number > 2 || wire != WIRE_VARINT))
			e = skip(c, &r, wire);
		else if (!e && !(e = read_varint(c, &r, &x)))
			*(number == 1 ? &seconds : &nanos) = x;
		if (e)
			return e;
	}
	if ((int64_t)seconds < SECONDS_MIN || (int64_t)seconds > SECONDS_MAX)
		return err_set(c->reterr, ERR_BAD_REQUEST, "a time's year is outside of range [0,9999]");
	*ret_zero = (int64_t)seconds == SECONDS_MIN;
	if (micro)
		text_microtime(text, (int64_t)seconds * 1000000 + (nanos < 1000000000 ? (int64_t)nanos / 1000 : 0));
	else
		text_time(text, (int64_t)seconds * 1000000);
	return give(c, yyjson_mut_strcpy(c->d, text), ret);
}

/* JSON text, or an object with an envelope of its own. */
static int take_json(struct decoder *c, struct reader r, yyjson_mut_val **ret)
{
	size_t n = (size_t)(r.end - r.p);
	yyjson_doc *doc;
	int e;

	if (n >= PROTO_PREFIX_LEN && !memcmp(r.p, PROTO_PREFIX, PROTO_PREFIX_LEN)) {
		r.p += PROTO_PREFIX_LEN;
		return decode_envelope(c, r, NULL, ret);
	}
	e = doc_parse(c->a, (const char *)r.p, n, &doc, c->reterr);
	return e ? e : give(c, yyjson_val_mut_copy(c->d, yyjson_doc_get_root(doc)), ret);
}

/* The parts a special message may have: bytes under 1, 2 and 3, numbers under 1 and 2. */
struct parts { struct reader bytes[4]; bool has[4]; uint64_t number[4]; };

static int read_parts(struct decoder *c, struct reader r, struct parts *ret)
{
	enum proto_wire wire;
	uint32_t number;
	int e;

	*ret = (struct parts){ .bytes = { EMPTY, EMPTY, EMPTY, EMPTY } };
	while (r.p < r.end) {
		e = read_tag(c, &r, &number, &wire);
		if (e)
			return e;
		if (number <= 3 && wire == WIRE_BYTES)
			e = read_bytes(c, &r, &ret->bytes[number]);
		else if (number <= 3 && wire == WIRE_VARINT)
			e = read_varint(c, &r, &ret->number[number]);
		else
			e = skip(c, &r, wire);
		if (e)
			return e;
		if (number <= 3)
			ret->has[number] = true;
	}
	return 0;
}

static int take_quantity(struct decoder *c, struct reader r, yyjson_mut_val **ret)
{
	char text[64];
	struct parts m;
	int e = read_parts(c, r, &m);

	if (e)
		return e;
	size_t n = (size_t)(m.bytes[1].end - m.bytes[1].p);

	if (n && !kinds_canonical_quantity(text, (const char *)m.bytes[1].p, n))
		return err_set(c->reterr, ERR_BAD_REQUEST, "quantities must match the regular expression "
			"'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
	return give(c, yyjson_mut_strcpy(c->d, n ? text : "0"), ret);
}

static int take_int_or_string(struct decoder *c, struct reader r, yyjson_mut_val **ret)
{
	struct parts m;
	int e = read_parts(c, r, &m);

	if (e)
		return e;
	if (m.number[1] > 1)
		return err_set(c->reterr, ERR_BAD_REQUEST, "impossible IntOrString.Type");
	return m.number[1] ? take_string(c, m.bytes[3], ret) :
		give(c, yyjson_mut_sint(c->d, (int32_t)m.number[2]), ret);
}

/* Strings under a number of a special message. */
static int take_strings(struct decoder *c, uint32_t wanted, struct reader r, yyjson_mut_val **ret)
{
	yyjson_mut_val *arr = yyjson_mut_arr(c->d), *s;
	enum proto_wire wire;
	struct reader bytes;
	uint32_t number;

	while (r.p < r.end) {
		int e = read_tag(c, &r, &number, &wire);

		if (!e && (number != wanted || wire != WIRE_BYTES)) {
			e = skip(c, &r, wire);
		} else if (!e && !(e = read_bytes(c, &r, &bytes)) && !(e = take_string(c, bytes, &s)) &&
				!yyjson_mut_arr_append(arr, s)) {
			e = over(c);
		}
		if (e)
			return e;
	}
	return give(c, arr, ret);
}

static int take_schemas(struct decoder *c, const struct kinds_type *t, struct reader r, yyjson_mut_val **ret)
{
	yyjson_mut_val *arr = yyjson_mut_arr(c->d), *v;
	enum proto_wire wire;
	struct reader bytes;
	uint32_t number;

	while (r.p < r.end) {
		int e = read_tag(c, &r, &number, &wire);

		if (!e && (number != 2 || wire != WIRE_BYTES)) {
			e = skip(c, &r, wire);
		} else if (!e && !(e = read_bytes(c, &r, &bytes)) && !(e = decode_type(c, t, bytes, &v)) &&
				!yyjson_mut_arr_append(arr, v)) {
			e = over(c);
		}
		if (e)
			return e;
	}
	return give(c, arr, ret);
}

static int take_props_or(struct decoder *c, const struct kinds_field *f, struct reader r, yyjson_mut_val **ret)
{
	unsigned schema = f->value == KV_PROPS_OR_BOOL ? 2 : 1;
	struct parts m;
	int e = read_parts(c, r, &m);

	if (e)
		return e;
	if (f->value != KV_PROPS_OR_BOOL && m.has[2])   /* the list wins */
		return f->value == KV_PROPS_OR_STRINGS ? take_strings(c, 2, r, ret) : take_schemas(c, f->type, r, ret);
	if (m.has[schema])
		return decode_type(c, f->type, m.bytes[schema], ret);
	return give(c, f->value == KV_PROPS_OR_BOOL ? yyjson_mut_bool(c->d, m.number[1]) : yyjson_mut_null(c->d), ret);
}

/* The value of one length-delimited element. */
static int take_bytes(struct decoder *c, const struct kinds_field *f, struct reader r, bool *ret_zero,
	yyjson_mut_val **ret)
{
	struct parts m;
	int e;

	switch ((enum kinds_value)f->value) {
	case KV_STRING:
		*ret_zero = r.p == r.end;
		return take_string(c, r, ret);
	case KV_BYTES:
		*ret_zero = r.p == r.end;
		buf_clear(&c->scratch);
		text_base64(&c->scratch, r.p, (size_t)(r.end - r.p));
		return give(c, c->scratch.failed ? NULL :
			yyjson_mut_strncpy(c->d, c->scratch.len ? c->scratch.p : "", c->scratch.len), ret);
	case KV_TIME:
	case KV_MICROTIME:
		return take_time(c, f->value == KV_MICROTIME, r, ret_zero, ret);
	case KV_DURATION: {
		char text[TEXT_TIME_MAX];

		e = read_parts(c, r, &m);
		if (e)
			return e;
		text_duration(text, (int64_t)m.number[1]);
		return give(c, yyjson_mut_strcpy(c->d, text), ret);
	}
	case KV_QUANTITY:
		return take_quantity(c, r, ret);
	case KV_INT_OR_STRING:
		return take_int_or_string(c, r, ret);
	case KV_RAW:
	case KV_FIELDSV1:
	case KV_JSON:
		e = read_parts(c, r, &m);
		if (e)
			return e;
		return m.bytes[1].p < m.bytes[1].end ? take_json(c, m.bytes[1], ret) : give(c, yyjson_mut_null(c->d), ret);
	case KV_VERBS:
	case KV_EXTRA:
		return take_strings(c, 1, r, ret);
	case KV_PROPS_OR_ARRAY:
	case KV_PROPS_OR_BOOL:
	case KV_PROPS_OR_STRINGS:
		return take_props_or(c, f, r, ret);
	case KV_OBJECT:
		return decode_type(c, f->type, r, ret);
	default:
		return bad_wire(c, f, WIRE_BYTES);
	}
}

static bool is_varint(const struct kinds_field *f)
{
	return f->value == KV_INT32 || f->value == KV_INT64 || f->value == KV_UINT32 || f->value == KV_BOOL;
}

static int take_varint(struct decoder *c, const struct kinds_field *f, struct reader *r, bool *ret_zero,
	yyjson_mut_val **ret)
{
	uint64_t x;
	int e = read_varint(c, r, &x);

	if (e)
		return e;
	*ret_zero = !x;
	if (f->value == KV_BOOL)
		return give(c, yyjson_mut_bool(c->d, x), ret);
	if (f->value == KV_INT64)
		return give(c, yyjson_mut_sint(c->d, (int64_t)x), ret);
	if (f->value == KV_UINT32)
		return give(c, yyjson_mut_sint(c->d, (uint32_t)x), ret);
	return give(c, yyjson_mut_sint(c->d, (int32_t)x), ret);
}

static int take_double(struct decoder *c, struct reader *r, bool *ret_zero, yyjson_mut_val **ret)
{
	uint64_t bits = 0;
	double x;

	if (r->end - r->p < 8)
		return cut_short(c);
	for (int i = 7; i >= 0; i--)
		bits = bits << 8 | r->p[i];
	r->p += 8;
	memcpy(&x, &bits, sizeof(x));
	*ret_zero = x == 0;
	if (!(x - x == 0))
		return err_set(c->reterr, ERR_BAD_REQUEST, "a number is not finite");
	if (x >= -9007199254740992.0 && x <= 9007199254740992.0 && x == (double)(int64_t)x)
		return give(c, yyjson_mut_sint(c->d, (int64_t)x), ret);
	return give(c, yyjson_mut_real(c->d, x), ret);
}

/* One element off the wire. */
static int take_element(struct decoder *c, const struct kinds_field *f, enum proto_wire wire, struct reader *r,
	bool *ret_zero, yyjson_mut_val **ret)
{
	struct reader bytes;
	int e;

	*ret_zero = false;
	if (is_varint(f))
		return wire == WIRE_VARINT ? take_varint(c, f, r, ret_zero, ret) : bad_wire(c, f, wire);
	if (f->value == KV_DOUBLE)
		return wire == WIRE_FIXED64 ? take_double(c, r, ret_zero, ret) : bad_wire(c, f, wire);
	if (wire != WIRE_BYTES)
		return bad_wire(c, f, wire);
	e = read_bytes(c, r, &bytes);
	return e ? e : take_bytes(c, f, bytes, ret_zero, ret);
}

/* ---- lists and maps ---- */

static int append(struct decoder *c, struct slot *s, yyjson_mut_val *v)
{
	if (!s->v)
		s->v = yyjson_mut_arr(c->d);
	return s->v && yyjson_mut_arr_append(s->v, v) ? 0 : over(c);
}

static int take_item(struct decoder *c, const struct kinds_field *f, enum proto_wire wire, struct reader *r,
	struct slot *s)
{
	struct reader packed;
	yyjson_mut_val *v;
	bool zero;
	int e;

	if (wire != WIRE_BYTES || !(is_varint(f) || f->value == KV_DOUBLE)) {
		e = take_element(c, f, wire, r, &zero, &v);
		return e ? e : append(c, s, v);
	}
	/* Nobody upstream packs, but every reader must understand it. */
	e = read_bytes(c, r, &packed);
	while (!e && packed.p < packed.end) {
		e = take_element(c, f, is_varint(f) ? WIRE_VARINT : WIRE_FIXED64, &packed, &zero, &v);
		if (!e)
			e = append(c, s, v);
	}
	return e;
}

static int take_entry(struct decoder *c, const struct kinds_field *f, struct reader r, struct slot *s)
{
	struct reader key = EMPTY;
	yyjson_mut_val *v = NULL;
	enum proto_wire wire;
	uint32_t number;
	bool zero, failed = false;

	while (r.p < r.end) {
		int e = read_tag(c, &r, &number, &wire);

		if (!e && number == 1 && wire == WIRE_BYTES)
			e = read_bytes(c, &r, &key);
		else if (!e && number == 2)
			e = take_element(c, f, wire, &r, &zero, &v);
		else if (!e)
			e = skip(c, &r, wire);
		if (e)
			return e;
	}
	if (!v)
		v = kinds_zero_element(c->d, f, &failed);
	if (!text_is_utf8((const char *)key.p, (size_t)(key.end - key.p)))
		return err_set(c->reterr, ERR_BAD_REQUEST, "proto: a string is not valid UTF-8");
	if (s->entry_count == s->entry_cap) {
		uint32_t cap = s->entry_cap ? s->entry_cap * 2 : 8;

		s->entries = arena_realloc(c->a, s->entries, s->entry_cap * sizeof(*s->entries), cap * sizeof(*s->entries));
		s->entry_cap = cap;
	}
	if (!s->entries || !v)
		return over(c);
	s->entries[s->entry_count] = (struct kinds_entry){ .key = (const char *)key.p, .value = v,
		.len = (uint32_t)(key.end - key.p), .order = s->entry_count };
	s->entry_count++;
	return 0;
}

static int build_map(struct decoder *c, struct slot *s)
{
	size_t n = kinds_sort_entries(s->entries, s->entry_count);

	s->v = yyjson_mut_obj(c->d);
	for (size_t i = 0; i < n; i++) {
		yyjson_mut_val *key = yyjson_mut_strncpy(c->d, s->entries[i].key, s->entries[i].len);

		if (!key || !yyjson_mut_obj_add(s->v, key, s->entries[i].value))
			return over(c);
	}
	return s->v ? 0 : over(c);
}

/* ---- messages ---- */

/* Where in a message a member is: level 0 the type's own, 1 and 2 inside its
 * embedded messages. */
static uint16_t number_at(const struct kinds_field *f, unsigned level)
{
	return level < 2 && f->embed[level] ? f->embed[level] : f->pbnum;
}

static int read_members(struct decoder *c, const struct kinds_type *t, struct slot *slots, struct reader r,
	unsigned level, uint16_t first, uint16_t count)
{
	uint16_t hint = 0;   /* numbers mostly ascend */

	while (r.p < r.end) {
		enum proto_wire wire;
		uint32_t number;
		int e = read_tag(c, &r, &number, &wire);
		uint16_t n = 0;

		if (e)
			return e;
		for (; n < count; n++, hint++) {
			if (hint >= count)
				hint = 0;
			if (number_at(&t->fields[t->by_pbnum[first + hint]], level) == number)
				break;
		}
		if (n == count) {
			e = skip(c, &r, wire);
			if (e)
				return e;
			continue;
		}
		uint16_t index = t->by_pbnum[first + hint];
		const struct kinds_field *f = &t->fields[index];
		struct slot *s = &slots[index];
		struct reader bytes;

		if (level < 2 && f->embed[level]) {
			uint16_t start = hint, end;

			while (start && t->fields[t->by_pbnum[first + start - 1]].embed[level] == number)
				start--;
			for (end = start; end < count && t->fields[t->by_pbnum[first + end]].embed[level] == number; end++)
				;
			e = wire != WIRE_BYTES ? bad_wire(c, f, wire) : read_bytes(c, &r, &bytes);
			if (!e)
				e = read_members(c, t, slots, bytes, level + 1, (uint16_t)(first + start), (uint16_t)(end - start));
		} else if (f->card == KC_LIST) {
			e = take_item(c, f, wire, &r, s);
		} else if (f->card == KC_MAP) {
			e = wire != WIRE_BYTES ? bad_wire(c, f, wire) : read_bytes(c, &r, &bytes);
			if (!e)
				e = take_entry(c, f, bytes, s);
		} else {
			e = take_element(c, f, wire, &r, &s->zero, &s->v);
			s->set = !e && !yyjson_mut_is_null(s->v);
		}
		if (e)
			return e;
	}
	return 0;
}

static int write_members(struct decoder *c, const struct kinds_type *t, struct slot *slots, yyjson_mut_val *obj)
{
	for (uint16_t i = 0; i < t->field_count; i++) {
		const struct kinds_field *f = &t->fields[i];
		struct slot *s = &slots[i];
		bool failed = false;
		int e;

		if (f->card != KC_ONE)
			s->set = s->v || s->entry_count;
		if (s->entry_count && (e = build_map(c, s)))
			return e;
		if (!s->set)
			s->v = kinds_zero(c->d, f, &failed);
		else if (s->zero && kinds_drops_zero(f))
			s->v = NULL;
		if (failed || (s->v && !yyjson_mut_obj_add(obj, yyjson_mut_strn(c->d, f->name, f->name_len), s->v)))
			return over(c);
	}
	return 0;
}

static int decode_type(struct decoder *c, const struct kinds_type *t, struct reader r, yyjson_mut_val **ret)
{
	struct slot on_stack[SLOTS_ON_STACK], *slots = on_stack;
	yyjson_mut_val *obj = yyjson_mut_obj(c->d);
	int e;

	if (!t->proto)
		return err_set(c->reterr, ERR_BAD_REQUEST, "%s has no protobuf form", t->name);
	if (++c->depth > DOC_DEPTH_MAX)
		return err_set(c->reterr, ERR_BAD_REQUEST, "exceeded max depth");
	if (t->field_count > SLOTS_ON_STACK)
		slots = arena_alloc(c->a, t->field_count * sizeof(*slots));
	if (!slots || !obj)
		return over(c);
	memset(slots, 0, t->field_count * sizeof(*slots));
	e = read_members(c, t, slots, r, 0, 0, t->pb_count);
	if (!e)
		e = write_members(c, t, slots, obj);
	c->depth--;
	*ret = obj;
	return e;
}

/* ---- envelope ---- */

static char *take_text(struct decoder *c, struct reader r)
{
	return arena_strndup(c->a, (const char *)r.p, (size_t)(r.end - r.p));
}

/* kind and apiVersion are the object's first members; they travel outside its message. */
static int put_type_meta(struct decoder *c, const struct kinds_type *t, yyjson_mut_val *obj,
	const char *api_version, const char *kind)
{
	yyjson_mut_val *v;

	if (!t->field_count || !(t->fields[0].flags & KF_TYPEMETA))
		return 0;
	if (*api_version && (!(v = yyjson_mut_strcpy(c->d, api_version)) ||
			!yyjson_mut_obj_insert(obj, yyjson_mut_str(c->d, "apiVersion"), v, 0)))
		return over(c);
	if (*kind && (!(v = yyjson_mut_strcpy(c->d, kind)) ||
			!yyjson_mut_obj_insert(obj, yyjson_mut_str(c->d, "kind"), v, 0)))
		return over(c);
	return 0;
}

static int decode_envelope(struct decoder *c, struct reader r, const struct kinds_type *t, yyjson_mut_val **ret)
{
	char *api_version, *kind, *encoding, *type, group[254], version[64];
	const struct kinds_type *named;
	struct parts m, meta;
	struct reader rest = r, content = EMPTY;
	int e = read_parts(c, r, &m);

	if (!e)
		e = read_parts(c, m.bytes[1], &meta);
	while (!e && rest.p < rest.end) {   /* contentType is number 4 */
		enum proto_wire wire;
		uint32_t number;

		e = read_tag(c, &rest, &number, &wire);
		if (!e && number == 4 && wire == WIRE_BYTES)
			e = read_bytes(c, &rest, &content);
		else if (!e)
			e = skip(c, &rest, wire);
	}
	if (e)
		return e;
	api_version = take_text(c, meta.bytes[1]);
	kind = take_text(c, meta.bytes[2]);
	encoding = take_text(c, m.bytes[3]);
	type = take_text(c, content);
	if (!api_version || !kind || !encoding || !type)
		return over(c);
	if (!text_is_utf8(api_version, strlen(api_version)) || !text_is_utf8(kind, strlen(kind)))
		return err_set(c->reterr, ERR_BAD_REQUEST, "proto: a string is not valid UTF-8");
	if (*encoding || (*type && strcmp(type, PROTO_TYPE)))
		return err_set(c->reterr, ERR_BAD_REQUEST, "the content of the envelope is not %s", PROTO_TYPE);
	kinds_split_api_version(api_version, group, version);
	named = kinds_type_by_gvk(group, version, kind);
	if (!t && !named)
		return err_set(c->reterr, ERR_BAD_REQUEST, "no kind \"%.100s\" is registered for version \"%.100s\"",
			kind, api_version);
	if (t && named && t != named)
		return err_set(c->reterr, ERR_BAD_REQUEST, "%.100s in version \"%.100s\" cannot be handled as a %s",
			kind, api_version, strrchr(t->name, '.') + 1);
	t = t ? t : named;
	e = decode_type(c, t, m.bytes[2], ret);
	return e ? e : put_type_meta(c, t, *ret, api_version, kind);
}

int kinds_decode_proto(yyjson_mut_doc *d, struct arena *a, const void *p, size_t n,
	const struct kinds_type *t, yyjson_mut_val **ret, struct err *reterr)
{
	struct decoder c = { .d = d, .a = a, .reterr = reterr };
	struct reader r = { p, (const uint8_t *)p + n };
	int e;

	if (n < PROTO_PREFIX_LEN || memcmp(p, PROTO_PREFIX, PROTO_PREFIX_LEN))
		return err_set(reterr, ERR_BAD_REQUEST, "provided data does not appear to be a protobuf message, "
			"expected prefix [107 56 115 0]");
	r.p += PROTO_PREFIX_LEN;
	e = decode_envelope(&c, r, t, ret);
	buf_finish(&c.scratch);
	return e;
}
