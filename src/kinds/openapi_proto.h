/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi_proto - OpenAPI documents as gnostic's protobuf messages, by tables of their
 * fields. For siblings only.
 */
#ifndef KINDS_OPENAPI_PROTO_H
#define KINDS_OPENAPI_PROTO_H

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
 * others as named pairs. One with pick is a choice: the whole value is one field, or
 * nothing where that is NULL. */
struct message {
	const struct field *fields;
	struct field extension, other;
	const struct field *(*pick)(yyjson_val *v);
};

extern const struct message openapi_v2_message, openapi_v3_message;

#define EXTENSION(nr) { NULL, nr, F_ANY, NULL }
#define CHOICE(name) static const struct field *name(yyjson_val *v)

/* Adds the JSON document as the message. */
int openapi_proto(struct buf *out, const struct buf *json, const struct message *document);

#endif
