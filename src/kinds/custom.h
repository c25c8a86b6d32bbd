/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custom - definitions and the registry of them. For siblings only. Loop thread.
 *
 * A definition keeps the names of its kinds at hand; a version's schema stays JSON text
 * until somebody asks for the kind by name (custom_load). So a thousand definitions
 * that nobody uses cost little more than their text.
 */
#ifndef KINDS_CUSTOM_PRIV_H
#define KINDS_CUSTOM_PRIV_H

#include "base/map.h"
#include "kinds/kinds_custom.h"

struct definition;
struct custom_kind {               /* one version */
	struct kinds_kind kind;        /* first: found back from it. type points to .type */
	struct kinds_custom more;
	struct kinds_type type, list;  /* type: its name, and the rest once loaded */
	struct definition *of;
	struct arena *loaded;          /* of the compiled schema; NULL: not yet */
	const char *schema;            /* openAPIV3Schema, JSON */
	size_t schema_len;
	bool served, storage, keep_unknown;
	bool broken;                   /* its schema was tried, and cannot be compiled */
};
struct definition {
	struct arena *a;
	unsigned refs;
	const char *name, *group;
	struct custom_kind *kinds;     /* all versions, served or not */
	size_t count;
	const char *const *resource_names, *const *kind_names;   /* what it takes, NULL-terminated */
};

/* ---- custom_compile.c ---- */
int custom_compile(yyjson_val *definition, struct definition **ret, struct err *reterr);
void custom_unref(struct definition *d);
/* The kind with its schema compiled. False: that cannot be; logged, and tried once. */
bool custom_load(struct custom_kind *c);

/* ---- custom.c, for registry.c and OpenAPI ---- */
uint64_t custom_generation(void);
const struct kinds_kind *custom_at(size_t i);   /* in kinds_next's order; NULL: past the end */
const struct kinds_kind *custom_find(const char *group, const char *version, const char *name, bool plural);
const struct kinds_kind *custom_by_store(const char *store);
const struct kinds_type *custom_gvk(const char *group, const char *version, const char *kind);
/* The type of lists of a custom kind: its name always, members once it is loaded. */
const struct kinds_type *custom_list_type(const struct kinds_kind *k);
/* All of k but its compiled schema, for another thread: nobody changes the copy. It holds
 * its definition until kinds_unref(&to->kind). */
void custom_copy(struct custom_kind *to, const struct kinds_kind *k);
/* < 0: a comes before b. */
int custom_version_order(const char *a, const char *b);

#endif
