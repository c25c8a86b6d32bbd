/* SPDX-License-Identifier: Apache-2.0 */
/* etcd_pb - encoding and decoding by tables, and the tables. */
#include "store/etcd_pb.h"

#include <string.h>

#include "base/arena.h"
#include "base/err.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };
enum { DEPTH_MAX = 8 };        /* the deepest message of the tables has 4 */

/* ---- the tables ---- */

#define F(s, field, number_, type_)     { number_, offsetof(struct s, field), type_, NULL }
#define SUB(s, field, number_, type_, m) { number_, offsetof(struct s, field), type_, &m }
#define MSG(s, fields) const struct pb_msg s##_msg = { sizeof(struct s), fields, sizeof(fields) / sizeof(fields[0]) }

static const struct pb_field header_fields[] = {
	F(etcd_header, cluster_id, 1, PB_INT), F(etcd_header, revision, 3, PB_INT),
};
static MSG(etcd_header, header_fields);
static const struct pb_field kv_fields[] = {
	F(etcd_kv, key, 1, PB_BYTES), F(etcd_kv, create_revision, 2, PB_INT),
	F(etcd_kv, mod_revision, 3, PB_INT), F(etcd_kv, value, 5, PB_BYTES),
};
static MSG(etcd_kv, kv_fields);
static const struct pb_field range_fields[] = {
	F(etcd_range, key, 1, PB_BYTES), F(etcd_range, range_end, 2, PB_BYTES), F(etcd_range, limit, 3, PB_INT),
	F(etcd_range, revision, 4, PB_INT), F(etcd_range, serializable, 7, PB_INT),
	F(etcd_range, keys_only, 8, PB_INT), F(etcd_range, count_only, 9, PB_INT),
};
MSG(etcd_range, range_fields);
static const struct pb_field ranged_fields[] = {
	SUB(etcd_ranged, header, 1, PB_ONE, etcd_header_msg), SUB(etcd_ranged, kvs, 2, PB_MANY, etcd_kv_msg),
	F(etcd_ranged, more, 3, PB_INT), F(etcd_ranged, count, 4, PB_INT),
};
MSG(etcd_ranged, ranged_fields);
static const struct pb_field put_fields[] = {
	F(etcd_put, key, 1, PB_BYTES), F(etcd_put, value, 2, PB_BYTES), F(etcd_put, lease, 3, PB_INT),
};
MSG(etcd_put, put_fields);
static const struct pb_field delete_fields[] = { F(etcd_delete, key, 1, PB_BYTES) };
MSG(etcd_delete, delete_fields);
static const struct pb_field deleted_fields[] = {
	SUB(etcd_deleted, header, 1, PB_ONE, etcd_header_msg), F(etcd_deleted, deleted, 2, PB_INT),
};
MSG(etcd_deleted, deleted_fields);
static const struct pb_field op_fields[] = {
	SUB(etcd_op, range, 1, PB_ONE, etcd_range_msg), SUB(etcd_op, put, 2, PB_ONE, etcd_put_msg),
	SUB(etcd_op, del, 3, PB_ONE, etcd_delete_msg),
};
static MSG(etcd_op, op_fields);
static const struct pb_field op_done_fields[] = { SUB(etcd_op_done, range, 1, PB_ONE, etcd_ranged_msg) };
static MSG(etcd_op_done, op_done_fields);
static const struct pb_field compare_fields[] = {
	F(etcd_compare, result, 1, PB_INT), F(etcd_compare, target, 2, PB_INT),
	F(etcd_compare, key, 3, PB_BYTES), F(etcd_compare, mod_revision, 6, PB_CHOSEN),
	F(etcd_compare, create_revision, 5, PB_INT),
};
static MSG(etcd_compare, compare_fields);
static const struct pb_field txn_fields[] = {
	SUB(etcd_txn, compare, 1, PB_MANY, etcd_compare_msg), SUB(etcd_txn, success, 2, PB_MANY, etcd_op_msg),
	SUB(etcd_txn, failure, 3, PB_MANY, etcd_op_msg),
};
MSG(etcd_txn, txn_fields);
static const struct pb_field txn_done_fields[] = {
	SUB(etcd_txn_done, header, 1, PB_ONE, etcd_header_msg), F(etcd_txn_done, succeeded, 2, PB_INT),
	SUB(etcd_txn_done, responses, 3, PB_MANY, etcd_op_done_msg),
};
MSG(etcd_txn_done, txn_done_fields);
static const struct pb_field compact_fields[] = { F(etcd_compact, revision, 1, PB_INT) };
MSG(etcd_compact, compact_fields);
static const struct pb_field done_fields[] = { SUB(etcd_done, header, 1, PB_ONE, etcd_header_msg) };
MSG(etcd_done, done_fields);
static const struct pb_field watch_create_fields[] = {
	F(etcd_watch_create, key, 1, PB_BYTES), F(etcd_watch_create, range_end, 2, PB_BYTES),
	F(etcd_watch_create, start_revision, 3, PB_INT), F(etcd_watch_create, progress_notify, 4, PB_INT),
	F(etcd_watch_create, fragment, 8, PB_INT),
};
static MSG(etcd_watch_create, watch_create_fields);
static const struct pb_field watch_fields[] = { SUB(etcd_watch, create, 1, PB_ONE, etcd_watch_create_msg) };
MSG(etcd_watch, watch_fields);
static const struct pb_field event_fields[] = {
	F(etcd_event, type, 1, PB_INT), SUB(etcd_event, kv, 2, PB_ONE, etcd_kv_msg),
};
static MSG(etcd_event, event_fields);
static const struct pb_field watched_fields[] = {
	SUB(etcd_watched, header, 1, PB_ONE, etcd_header_msg), F(etcd_watched, watch_id, 2, PB_INT),
	F(etcd_watched, created, 3, PB_INT), F(etcd_watched, canceled, 4, PB_INT),
	F(etcd_watched, compact_revision, 5, PB_INT), F(etcd_watched, cancel_reason, 6, PB_BYTES),
	F(etcd_watched, fragment, 7, PB_INT), SUB(etcd_watched, events, 11, PB_MANY, etcd_event_msg),
};
MSG(etcd_watched, watched_fields);
static const struct pb_field lease_grant_fields[] = { F(etcd_lease_grant, ttl, 1, PB_INT) };
MSG(etcd_lease_grant, lease_grant_fields);
static const struct pb_field lease_granted_fields[] = {
	SUB(etcd_lease_granted, header, 1, PB_ONE, etcd_header_msg), F(etcd_lease_granted, id, 2, PB_INT),
};
MSG(etcd_lease_granted, lease_granted_fields);
static const struct pb_field authenticate_fields[] = {
	F(etcd_authenticate, name, 1, PB_BYTES), F(etcd_authenticate, password, 2, PB_BYTES),
};
MSG(etcd_authenticate, authenticate_fields);
static const struct pb_field authenticated_fields[] = {
	SUB(etcd_authenticated, header, 1, PB_ONE, etcd_header_msg), F(etcd_authenticated, token, 2, PB_BYTES),
};
MSG(etcd_authenticated, authenticated_fields);
const struct pb_msg etcd_status_msg = { sizeof(struct etcd_status), NULL, 0 };
static const struct pb_field status_done_fields[] = {
	SUB(etcd_status_done, header, 1, PB_ONE, etcd_header_msg), F(etcd_status_done, version, 2, PB_BYTES),
	F(etcd_status_done, db_size, 3, PB_INT),
};
MSG(etcd_status_done, status_done_fields);

/* ---- out ---- */

static size_t varint_size(uint64_t v)
{
	size_t n = 1;

	while (v >>= 7)
		n++;
	return n;
}

static void add_varint(struct buf *out, uint64_t v)
{
	char b[10];
	size_t n = 0;

	for (; v > 0x7f; v >>= 7)
		b[n++] = (char)(v | 0x80);
	b[n++] = (char)v;
	buf_add(out, b, n);
}

static uint64_t key_of(const struct pb_field *f)
{
	return (uint64_t)f->number << 3 | (f->type == PB_INT || f->type == PB_CHOSEN ? WIRE_VARINT : WIRE_BYTES);
}

static size_t field_size(const struct pb_field *f, const char *at)
{
	size_t key = varint_size(key_of(f)), n, sum = 0;

	switch (f->type) {
	case PB_INT:
		return *(const int64_t *)(const void *)at ? key + varint_size(*(const uint64_t *)(const void *)at) : 0;
	case PB_CHOSEN:
		return key + varint_size(*(const uint64_t *)(const void *)at);
	case PB_BYTES:
		n = ((const struct pb_bytes *)(const void *)at)->n;
		return n ? key + varint_size(n) + n : 0;
	case PB_ONE:
		if (!*(const void *const *)(const void *)at)
			return 0;
		n = pb_size(f->of, *(const void *const *)(const void *)at);
		return key + varint_size(n) + n;
	case PB_MANY:
		for (size_t i = 0; i < ((const struct pb_list *)(const void *)at)->n; i++) {
			n = pb_size(f->of, ((const struct pb_list *)(const void *)at)->v[i]);
			sum += key + varint_size(n) + n;
		}
	}
	return sum;
}

size_t pb_size(const struct pb_msg *m, const void *src)
{
	size_t sum = 0;

	for (size_t i = 0; i < m->field_count; i++)
		sum += field_size(&m->field[i], (const char *)src + m->field[i].at);
	return sum;
}

static void encode_sub(const struct pb_field *f, const void *src, struct buf *out)
{
	add_varint(out, key_of(f));
	add_varint(out, pb_size(f->of, src));
	pb_encode(f->of, src, out);
}

void pb_encode(const struct pb_msg *m, const void *src, struct buf *out)
{
	for (size_t i = 0; i < m->field_count; i++) {
		const struct pb_field *f = &m->field[i];
		const void *at = (const char *)src + f->at;
		const struct pb_bytes *b = at;
		const struct pb_list *l = at;

		if (!field_size(f, at))
			continue;
		switch (f->type) {
		case PB_INT:
		case PB_CHOSEN:
			add_varint(out, key_of(f));
			add_varint(out, *(const uint64_t *)at);
			break;
		case PB_BYTES:
			add_varint(out, key_of(f));
			add_varint(out, b->n);
			buf_add(out, b->p, b->n);
			break;
		case PB_ONE:
			encode_sub(f, *(const void *const *)at, out);
			break;
		case PB_MANY:
			for (size_t k = 0; k < l->n; k++)
				encode_sub(f, l->v[k], out);
		}
	}
}

/* ---- in ---- */

static bool take_varint(const char **p, const char *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && *p < end; shift += 7) {
		uint64_t b = (unsigned char)*(*p)++;

		v |= (b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

static bool take_bytes(const char **p, const char *end, struct pb_bytes *ret)
{
	uint64_t n;

	if (!take_varint(p, end, &n) || n > (size_t)(end - *p))
		return false;
	*ret = (struct pb_bytes){ *p, (size_t)n };
	*p += n;
	return true;
}

static bool skip(const char **p, const char *end, unsigned wire)
{
	size_t n = wire == WIRE_64 ? 8 : 4;
	struct pb_bytes b;
	uint64_t v;

	switch (wire) {
	case WIRE_VARINT:
		return take_varint(p, end, &v);
	case WIRE_BYTES:
		return take_bytes(p, end, &b);
	case WIRE_64:
	case WIRE_32:
		if ((size_t)(end - *p) < n)
			return false;
		*p += n;
		return true;
	}
	return false;
}

static const struct pb_field *field_of(const struct pb_msg *m, uint64_t number)
{
	for (size_t i = 0; i < m->field_count; i++)
		if (m->field[i].number == number)
			return &m->field[i];
	return NULL;
}

static int list_add(struct pb_list *l, struct arena *a, const void *v)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		const void **p = arena_realloc(a, l->v, l->cap * sizeof(*p), cap * sizeof(*p));

		if (!p)
			return -ERR_SIZE;
		l->v = p;
		l->cap = cap;
	}
	l->v[l->n++] = v;
	return 0;
}

static int decode(const struct pb_msg *m, const char *p, const char *end, struct arena *a, void *dst, int depth)
{
	memset(dst, 0, m->size);
	while (p < end) {
		const struct pb_field *f;
		struct pb_bytes b;
		uint64_t key;
		void *at, *sub;
		int r;

		if (!take_varint(&p, end, &key) || !(key >> 3))
			return -ERR_CORRUPT;
		f = field_of(m, key >> 3);
		if (!f || key != key_of(f)) {
			if (!skip(&p, end, key & 7))
				return -ERR_CORRUPT;
			continue;
		}
		at = (char *)dst + f->at;
		if (f->type == PB_INT || f->type == PB_CHOSEN) {
			if (!take_varint(&p, end, at))
				return -ERR_CORRUPT;
			continue;
		}
		if (!take_bytes(&p, end, &b))
			return -ERR_CORRUPT;
		if (f->type == PB_BYTES) {
			*(struct pb_bytes *)at = b;
			continue;
		}
		if (depth == DEPTH_MAX)
			return -ERR_CORRUPT;
		if (!(sub = arena_alloc(a, f->of->size)))
			return -ERR_SIZE;
		if ((r = decode(f->of, b.p, b.p + b.n, a, sub, depth + 1)) < 0)
			return r;
		if (f->type == PB_ONE)
			*(void **)at = sub;
		else if ((r = list_add(at, a, sub)) < 0)
			return r;
	}
	return 0;
}

int pb_decode(const struct pb_msg *m, const char *p, size_t n, struct arena *a, void *dst)
{
	return decode(m, p, p + n, a, dst, 0);
}
