/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema - the structural schema of a CustomResourceDefinition, compiled: for
 * pruning, defaults and validation, and as kinds_type for what is common to all
 * kinds.
 *
 * Made once in the definition's arena, then read-only.
 * Rules in CEL (x-kubernetes-validations) are kept in the definition and not
 * evaluated.
 * Source: apiextensions pkg/apiserver/schema (structural schemas).
 */
#ifndef KINDS_SCHEMA_H
#define KINDS_SCHEMA_H

#include "kinds/kinds.h"
#include "kinds/pattern.h"

#define SCHEMA_NODES_MAX 50000   /* of one definition */

enum schema_type { ST_ANY, ST_OBJECT, ST_ARRAY, ST_STRING, ST_INTEGER, ST_NUMBER, ST_BOOLEAN };

struct schema_property { const char *name; size_t len; const struct kinds_schema *schema; };
struct kinds_schema {
	enum schema_type type;
	bool nullable, int_or_string, keep_unknown, embedded, atomic_map;
	bool exclusive_min, exclusive_max, has_min, has_max, has_multiple;
	uint8_t list;                                /* enum kinds_list */
	const struct schema_property *properties;    /* ascending name */
	size_t property_count;
	const struct kinds_schema *additional;       /* additionalProperties, or NULL */
	bool additional_any;                         /* additionalProperties: true */
	const struct kinds_schema *items;
	const char *const *required, *const *list_keys;   /* NULL-terminated, or NULL */
	const struct kinds_schema *const *all_of, *const *any_of, *const *one_of;   /* NULL-terminated */
	const struct kinds_schema *not;
	yyjson_val *enum_values, *dflt;              /* or NULL */
	double min, max, multiple;
	int64_t min_length, max_length, min_items, max_items, min_properties, max_properties;   /* -1: none */
	const char *pattern_text, *format;           /* or NULL */
	struct pattern *pattern;
};

/* The schema of a JSONSchemaProps value, which must outlive it.
 *   -ERR_BAD_REQUEST  it has something that cannot be done (the message says what, and where) */
int schema_compile(struct arena *a, yyjson_val *props, struct kinds_schema **ret, struct err *reterr);
/* The same as a type. root: with apiVersion, kind and metadata. NULL over the cap. */
const struct kinds_type *schema_type_of(struct arena *a, const struct kinds_schema *s, const char *name, bool root);
const struct schema_property *schema_property(const struct kinds_schema *s, const char *name, size_t len);

struct vcheck;
/* All of c->v against its kind's schema (schema_validate.c); nothing for built-in kinds. */
void v_schema(struct vcheck *c);

#endif
