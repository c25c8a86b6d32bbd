/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd_pb - the protobuf messages of etcd that the store speaks: a struct for each, and a
 * table that says which field has which number. Fields that nobody here reads are skipped.
 *
 * Knows: bytes and numbers.    Never: sockets, calls.
 * Tests: tests/unit/store/test_etcd_pb.c, tests/fuzz/fuzz_etcd.c
 * Source: etcd api/etcdserverpb/rpc.proto, api/mvccpb/kv.proto; protobuf.dev, "Encoding".
 */
#ifndef STORE_ETCD_PB_H
#define STORE_ETCD_PB_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct arena;

struct pb_bytes { const char *p; size_t n; };            /* decoded: into the message's bytes */
struct pb_list { size_t n, cap; const void **v; };       /* of structs */

enum pb_type {
	PB_INT,        /* int64_t; also bool, enum, uint64. 0 is not sent */
	PB_CHOSEN,     /* int64_t of a oneof: 0 is sent */
	PB_BYTES,      /* struct pb_bytes; also string */
	PB_ONE,        /* pointer to a struct, NULL: absent */
	PB_MANY,       /* struct pb_list */
};
struct pb_msg;
struct pb_field {
	uint16_t number, at;       /* at: offset in the struct */
	enum pb_type type;
	const struct pb_msg *of;   /* of PB_ONE and PB_MANY */
};
struct pb_msg {
	size_t size;
	const struct pb_field *field;
	size_t field_count;
};

size_t pb_size(const struct pb_msg *m, const void *src);
/* Append it; a buf that failed says so. */
void pb_encode(const struct pb_msg *m, const void *src, struct buf *out);
/* dst: of m->size bytes. What it points to lives in a, or in p. 0, -ERR_CORRUPT, or
 * -ERR_SIZE when a is at its cap. */
int pb_decode(const struct pb_msg *m, const char *p, size_t n, struct arena *a, void *dst);

static inline struct pb_bytes pb_str(const char *p, size_t n) { return (struct pb_bytes){ p, n }; }

/* ---- etcd's ---- */

struct etcd_header { int64_t cluster_id, revision; };
struct etcd_kv { struct pb_bytes key, value; int64_t create_revision, mod_revision; };

struct etcd_range { struct pb_bytes key, range_end; int64_t limit, revision, serializable, keys_only, count_only; };
struct etcd_ranged { const struct etcd_header *header; struct pb_list kvs; int64_t more, count; };
struct etcd_put { struct pb_bytes key, value; int64_t lease; };
struct etcd_delete { struct pb_bytes key; };
struct etcd_op { const struct etcd_range *range; const struct etcd_put *put; const struct etcd_delete *del; };
struct etcd_op_done { const struct etcd_ranged *range; };
enum { ETCD_EQUAL = 0, ETCD_COMPARE_CREATE = 1, ETCD_COMPARE_MOD = 2 };
/* mod_revision and create_revision are a oneof, of which the last one sent counts: create_revision, unless it is 0. */
struct etcd_compare { int64_t result, target, mod_revision; struct pb_bytes key; int64_t create_revision; };
struct etcd_txn { struct pb_list compare, success, failure; };
struct etcd_txn_done { const struct etcd_header *header; int64_t succeeded; struct pb_list responses; };
struct etcd_compact { int64_t revision; };
struct etcd_deleted { const struct etcd_header *header; int64_t deleted; };
struct etcd_done { const struct etcd_header *header; };       /* of what answers no more than that */

struct etcd_watch_create { struct pb_bytes key, range_end; int64_t start_revision, progress_notify, fragment; };
struct etcd_watch { const struct etcd_watch_create *create; };
enum { ETCD_PUT = 0, ETCD_DELETED = 1 };
struct etcd_event { int64_t type; const struct etcd_kv *kv; };
struct etcd_watched {
	const struct etcd_header *header;
	int64_t watch_id, created, canceled, compact_revision, fragment;
	struct pb_bytes cancel_reason;
	struct pb_list events;
};

struct etcd_lease_grant { int64_t ttl; };
struct etcd_lease_granted { const struct etcd_header *header; int64_t id; };
struct etcd_authenticate { struct pb_bytes name, password; };
struct etcd_authenticated { const struct etcd_header *header; struct pb_bytes token; };
struct etcd_status { int64_t unused; };
struct etcd_status_done { const struct etcd_header *header; struct pb_bytes version; int64_t db_size; };

extern const struct pb_msg etcd_range_msg, etcd_ranged_msg, etcd_put_msg, etcd_delete_msg, etcd_deleted_msg, etcd_txn_msg, etcd_txn_done_msg,
	etcd_compact_msg, etcd_done_msg, etcd_watch_msg, etcd_watched_msg, etcd_lease_grant_msg,
	etcd_lease_granted_msg, etcd_authenticate_msg, etcd_authenticated_msg, etcd_status_msg,
	etcd_status_done_msg;

#endif
