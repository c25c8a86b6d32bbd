/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds_custom - kinds that come and go with CustomResourceDefinitions.
 *
 * A definition's versions become kinds in an arena of their own. Whoever keeps a kind
 * over turns of the loop holds a reference; a definition that was replaced or dropped
 * is freed with its last one.
 * Thread: loop.
 * Tests:  tests/unit/kinds/test_custom.c
 */
#ifndef KINDS_CUSTOM_H
#define KINDS_CUSTOM_H

#include "kinds/kinds.h"

#define CUSTOM_DEFINITION_MAX (32u << 20)   /* bytes of one compiled version */
#define CUSTOM_DEFINITIONS_MAX 10000

/*
 * kinds_custom_put - serve what a valid definition (its normal form) describes, in
 * place of what it described before, by the names in its status if there are any.
 *   changed_rev  objects of an older revision may not fit the schemas as they are now:
 *                kinds_custom.changed_rev of its kinds
 *   -ERR_CONFLICT         another definition has one of its names
 *   -ERR_SIZE, -ERR_FULL  over a limit above; nothing changes
 */
int kinds_custom_put(yyjson_val *definition, int64_t changed_rev, struct err *reterr);
void kinds_custom_drop(const char *name);          /* metadata.name; unknown: nothing */
int64_t kinds_custom_changed_rev(const char *name);    /* as it was put; unknown: 0 */
void kinds_custom_clear(void);                     /* all of them, at the end */
/* Whether a built-in kind or a definition other than the one called `but` has a name in
 * the group: a plural, singular or short name, or (kind) a kind or list kind. */
bool kinds_custom_taken(const char *group, bool kind, const char *name, const char *but);
bool kinds_builtin_group(const char *group);

/* Whether a group of the community's (*.k8s.io) was approved by the annotation: the reason
 * of the condition KubernetesAPIApprovalPolicyConformant, and why not, or ""; NULL: the
 * group is somebody's own. */
const char *kinds_crd_approval(const char *group, const char *annotation, const char **ret_why_not);

/* Do nothing for built-in kinds. */
const struct kinds_kind *kinds_ref(const struct kinds_kind *k);
void kinds_unref(const struct kinds_kind *k);

/* What a custom kind has besides; NULL for built-in kinds. */
struct kinds_custom {
	const char *name;                          /* of its definition */
	bool converts;                             /* by webhook; else versions differ in apiVersion only */
	int64_t changed_rev;                       /* see kinds_custom_put */
	uint64_t stamp;                            /* of its schema and names: changes with them */
	const char *warning;                       /* deprecated: what to warn of, or NULL */
	const char *spec_replicas, *status_replicas, *label_selector;   /* scale: JSON paths, or NULL */
	const char *const *selectable;             /* paths of field selectors (".spec.x"), or NULL */
};
const struct kinds_custom *kinds_custom_of(const struct kinds_kind *k);
/* Its openAPIV3Schema, parsed into the arena. NULL over the cap. */
yyjson_val *kinds_custom_schema(const struct kinds_kind *k, struct arena *a);

/* The kind of any version of a definition: the one objects are stored in, and the one
 * of that name (which may not be served; NULL: there is none). */
const struct kinds_kind *kinds_custom_stored(const struct kinds_kind *k);
const char *kinds_custom_storage_version(const struct kinds_kind *k);   /* its name alone */
const struct kinds_kind *kinds_custom_version(const struct kinds_kind *k, const char *version);

#endif
