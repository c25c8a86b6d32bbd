/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - what the two halves of the JSON decoder share: where it is, what it
 * found, and the readers of single values (json_value.c).
 *
 * A reader gets a value that is not null; on failure it sets *ret to -ERR_* and
 * returns NULL. *ret_zero: the value is its type's zero.
 */
#ifndef KINDS_JSON_H
#define KINDS_JSON_H

#include "doc/print.h"
#include "kinds/kinds_priv.h"

/* One step of the way from the root, for messages only. */
struct json_step {
	const struct json_step *up;
	const struct kinds_type *type;   /* struct the member is of; NULL: map key or index */
	const char *key;
	size_t len;
	size_t index;                    /* when key is NULL */
	unsigned depth;
};

struct json_decoder {
	yyjson_mut_doc *d;
	struct arena *a;
	enum kinds_strict strict;
	bool from_map;                   /* KS_FROM_MAP */
	struct kinds_problem *problems, **tail;
	unsigned problem_count;
	bool over;
	struct err *reterr;
};

/* Note `what "path"`, unless it is noted already. */
void json_problem(struct json_decoder *c, const char *what, const struct json_step *at);
/* Note each key of the object in that came before; at is a step of its members. */
void json_repeats(struct json_decoder *c, yyjson_val *in, struct json_step *at);
/* Go's message of a value that does not fit; type is prefix followed by type. */
int json_wrong_type(struct json_decoder *c, const char *value, const char *prefix, const char *type,
	const struct json_step *at);
int json_over(struct json_decoder *c);                       /* -ERR_SIZE */
const char *json_go_name(const struct kinds_type *t);        /* "v1.PodSpec" */
const char *json_go_scalar(const struct kinds_field *f);     /* "int32" */

yyjson_mut_val *json_int(struct json_decoder *c, enum kinds_value kind, const char *type,
	yyjson_val *in, const struct json_step *at, int *ret);
yyjson_mut_val *json_double(struct json_decoder *c, yyjson_val *in, const struct json_step *at, int *ret);
yyjson_mut_val *json_time(struct json_decoder *c, bool micro, yyjson_val *in,
	const struct json_step *at, bool *ret_zero, int *ret);
yyjson_mut_val *json_duration(struct json_decoder *c, yyjson_val *in, const struct json_step *at, int *ret);
yyjson_mut_val *json_quantity(struct json_decoder *c, yyjson_val *in, int *ret);
yyjson_mut_val *json_bytes(struct json_decoder *c, yyjson_val *in, const struct json_step *at,
	bool *ret_zero, int *ret);
yyjson_mut_val *json_strings(struct json_decoder *c, yyjson_val *in, const struct json_step *at, int *ret);


/* A struct of the tables (json.c), and an object of a schema (schema_decode.c). */
yyjson_mut_val *json_object(struct json_decoder *c, const struct kinds_type *t, yyjson_val *in,
	const struct json_step *at, int *ret);
yyjson_mut_val *json_custom(struct json_decoder *c, const struct kinds_schema *s, yyjson_val *in,
	const struct json_step *at, int *ret);

#endif
