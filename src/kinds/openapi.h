/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi - what versions 2 and 3 share: a JSON writer, schemas of types, paths
 * of kinds. For siblings only. Output is the same on every run.
 */
#ifndef KINDS_OPENAPI_H
#define KINDS_OPENAPI_H

#include "kinds/table.h"

#define OPENAPI_TYPES_MAX 1024   /* above kinds_type_count */

struct custom_kind;
struct kinds_openapi {
	const struct kinds_kind **kinds;          /* what it tells of, in kinds_next's order */
	size_t count;
	struct custom_kind *customs;              /* those of them that are custom: copies */
	size_t custom_count;
	char path[];                              /* "v2", "apis/apps/v1" */
};

struct openapi {
	struct buf *out;
	bool v2;
	uint64_t types[OPENAPI_TYPES_MAX / 64];   /* built-in types referred to */
	uint32_t scalars;                         /* bits of enum kinds_value referred to */
};

/* ---- documents (openapi_v2.c, openapi_v3.c) ---- */
int openapi_v2(const struct kinds_openapi *s, struct buf *out);
int openapi_v3(const struct kinds_openapi *s, struct buf *out);
/* A version's document has its kinds; others none. False: there is no such document. */
bool openapi_v3_first(const char *path, const struct kinds_kind **ret_first);

/* ---- writing: commas put themselves ---- */
void openapi_open(struct openapi *o, const char *key, char bracket);  /* key NULL: an element */
void openapi_close(struct openapi *o, char bracket);
void openapi_str(struct openapi *o, const char *key, const char *value);
void openapi_raw(struct openapi *o, const char *key, const char *json);

/* ---- schemas (openapi_schema.c) ---- */
/* {"$ref": ...} as the value of key, and what it refers to is noted. */
void openapi_ref(struct openapi *o, const char *key, const struct kinds_type *t);
/* The same as a member of the open object, beside others. */
void openapi_ref_member(struct openapi *o, const struct kinds_type *t);
/* Note t and all it reaches. */
void openapi_reach(struct openapi *o, const struct kinds_type *t);
/* All schemas noted, as members of the open object. */
void openapi_schemas(struct openapi *o);
#define OPENAPI_NAME_MAX 640
/* "io.k8s.api.core.v1.Pod", or "com.example.v1.Foo" of a custom kind. */
void openapi_type_name(char out[OPENAPI_NAME_MAX], const struct kinds_type *t);
/* Those of a custom kind and its list, and what they refer to is noted
 * (openapi_custom.c). */
void openapi_custom_schemas(struct openapi *o, const struct kinds_kind *k);

/* ---- paths (openapi_paths.c) ---- */
/* Every path of a kind, as members of the open object. */
void openapi_paths(struct openapi *o, const struct kinds_kind *k);
/* A path that answers GET with one of meta/v1's types. */
void openapi_get_path(struct openapi *o, const char *path, const char *operation, const char *tag,
	const char *description, const struct kinds_type *t);
/* "RbacAuthorizationV1" and "rbacAuthorization_v1" of a group and version. */
void openapi_names(char camel[OPENAPI_NAME_MAX], char tag[OPENAPI_NAME_MAX], const char *group,
	const char *version);

#endif
