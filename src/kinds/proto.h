/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto - what the protobuf encoder and decoder share.
 *
 * Source: protobuf's encoding rules; apimachinery runtime/serializer/protobuf
 * (envelope), generated.proto of each group (numbers, in the tables).
 */
#ifndef KINDS_PROTO_H
#define KINDS_PROTO_H

#define PROTO_PREFIX "k8s\0"
#define PROTO_PREFIX_LEN 4
#define PROTO_TYPE "application/vnd.kubernetes.protobuf"

enum proto_wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_GROUP = 3,
	WIRE_GROUP_END = 4, WIRE_FIXED32 = 5 };

#endif
