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

/* What few schemas have: kept apart, so that the others are small. */
struct schema_rules {
	bool exclusive_min, exclusive_max, has_min, has_max, has_multiple;
	double min, max, multiple;
	int64_t min_length, max_length, min_items, max_items, min_properties, max_properties;   /* -1: none */
	const char *pattern_text;                    /* or NULL */
	struct pattern *pattern;
	const struct schema_format *format;          /* one that is checked, or NULL */
	const char *format_text;                     /* its name as it was written */
	yyjson_val *enum_values;                     /* or NULL */
	const struct kinds_schema *const *all_of, *const *any_of, *const *one_of;   /* NULL-terminated, or NULL */
	const struct kinds_schema *not;
};
struct schema_property { const char *name; const struct kinds_schema *schema; };
struct kinds_schema {
	uint8_t type;                                /* enum schema_type */
	uint8_t list;                                /* enum kinds_list; KL_NONE: not said */
	bool nullable, int_or_string, keep_unknown, embedded, atomic_map;
	bool additional_any;                         /* additionalProperties: true */
	uint16_t property_count;
	const struct schema_property *properties;    /* ascending name */
	const struct kinds_schema *additional;       /* additionalProperties, or NULL */
	const struct kinds_schema *items;
	const char *const *required, *const *list_keys;   /* NULL-terminated, or NULL */
	yyjson_val *dflt;                            /* or NULL */
	const struct schema_rules *rules;            /* or NULL */
};

/* The schema of a JSONSchemaProps value, of which nothing is kept.
 *   -ERR_BAD_REQUEST  it has something that cannot be done (the message says what, and where) */
int schema_compile(struct arena *a, yyjson_val *props, struct kinds_schema **ret, struct err *reterr);
/* The same as a type. root: with apiVersion, kind and metadata. False over the cap. */
bool schema_type_fill(struct arena *a, const struct kinds_schema *s, struct kinds_type *t, const char *name, bool root);
/* apiVersion, kind and metadata, which objects have whatever their schema says. */
bool schema_is_meta(const char *name);
const struct schema_property *schema_property(const struct kinds_schema *s, const char *name, size_t len);

/* Defaults of v, an object of schema s in normal form, at every level (schema_default.c).
 * False over the cap. */
bool schema_default(yyjson_mut_doc *d, const struct kinds_schema *s, yyjson_mut_val *v);

/* A format of strings that values are held to; NULL: it is a comment only. */
const struct schema_format *schema_format(const char *name);
bool schema_format_fits(const struct schema_format *f, const char *s);

struct vcheck;
struct vpath;
/* All of c->v against a schema. What c->old had already and was not touched may stay as
 * wrong as it is. (schema_validate.c) */
void v_schema(struct vcheck *c, const struct kinds_schema *s);
/* A value against a schema of its own: the errors are reported below p, but messages
 * say where inside of the value. */
void v_schema_value(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v);
/* Repetitions in lists of type set and map, at every level (schema_unique.c). */
void v_schema_unique(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v);
/* apiVersion, kind and metadata of embedded objects (schema_embedded.c). root: v is one itself. */
void v_schema_embedded(struct vcheck *c, const struct kinds_schema *s, const struct vpath *p, yyjson_mut_val *v, bool root);

#endif
