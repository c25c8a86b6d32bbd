/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto - the protobuf that belongs to no kind's table: envelopes, lists' frames,
 * PartialObjectMetadata.
 * Source: apimachinery pkg/runtime/generated.proto (Unknown), pkg/apis/meta/v1.
 */
#include <string.h>

#include "api/call.h"

static void varint(struct buf *b, uint64_t v)
{
	while (v >= 0x80) {
		buf_addc(b, (char)(v | 0x80));
		v >>= 7;
	}
	buf_addc(b, (char)v);
}

void proto_field(struct buf *b, unsigned num, const void *p, size_t n)
{
	varint(b, (uint64_t)num << 3 | 2);
	varint(b, n);
	buf_add(b, p, n);
}

void proto_varint_field(struct buf *b, unsigned num, uint64_t v)
{
	varint(b, (uint64_t)num << 3);
	varint(b, v);
}

void proto_envelope_begin(struct buf *out, const char *api_version, const char *kind, size_t raw_bytes)
{
	BUF_AUTO struct buf tm = { 0 };

	proto_field(&tm, 1, api_version, strlen(api_version));
	proto_field(&tm, 2, kind, strlen(kind));
	buf_add(out, "k8s\0", 4);
	proto_field(out, 1, tm.p, tm.len);
	varint(out, 2 << 3 | 2);
	varint(out, raw_bytes);
	out->failed |= tm.failed;
}

void proto_envelope_end(struct buf *out)
{
	proto_field(out, 3, "", 0);
	proto_field(out, 4, "", 0);
}

int partial_proto(struct buf *out, yyjson_val *tree, bool beta, bool envelope)
{
	const struct kinds_type *t = kinds_type_by_name("meta/v1.PartialObjectMetadata");
	BUF_AUTO struct buf raw = { 0 };
	struct err e = { 0 };
	int rc;

	if (!t)
		return -ERR_NOT_ACCEPTABLE;
	rc = kinds_encode_proto_message(&raw, t, tree, &e);
	if (rc)
		return rc;
	if (envelope)
		proto_envelope_begin(out, beta ? "meta.k8s.io/v1beta1" : "meta.k8s.io/v1", "PartialObjectMetadata", raw.len);
	buf_add(out, raw.p, raw.len);
	if (envelope)
		proto_envelope_end(out);
	return raw.failed || out->failed ? -ERR_NOMEM : 0;
}
