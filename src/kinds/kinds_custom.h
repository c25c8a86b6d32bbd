/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds_custom - kinds that come and go with CustomResourceDefinitions.
 *
 * A definition's served versions become kinds in an arena of their own. Whoever
 * keeps a kind over turns of the loop holds a reference; a definition that was
 * replaced or dropped is freed with its last one.
 * Thread: loop.
 * Tests:  tests/unit/kinds/test_custom.c
 */
#ifndef KINDS_CUSTOM_H
#define KINDS_CUSTOM_H

#include "kinds/kinds.h"

#define CUSTOM_DEFINITION_MAX (32u << 20)   /* bytes of one compiled definition */
#define CUSTOM_DEFINITIONS_MAX 2000

/*
 * kinds_custom_put - serve what a definition (its normal form) describes, in
 * place of what it described before.
 *   -ERR_BAD_REQUEST  it cannot be served (message: why); nothing changes
 *   -ERR_CONFLICT     its group is a built-in one, or another definition has
 *                     its plural or kind
 *   -ERR_SIZE, -ERR_FULL  over a limit above
 */
int kinds_custom_put(yyjson_val *definition, struct err *reterr);
void kinds_custom_drop(const char *name);          /* metadata.name; unknown: nothing */
void kinds_custom_clear(void);                     /* all of them, at the end */
/* Whether it could be put, without doing so: for validation of a definition. */
int kinds_custom_check(yyjson_val *definition, struct err *reterr);

/* Do nothing for built-in kinds. */
const struct kinds_kind *kinds_ref(const struct kinds_kind *k);
void kinds_unref(const struct kinds_kind *k);

/* What a custom kind has besides; NULL for built-in kinds. */
struct kinds_custom {
	const char *name;                          /* of its definition */
	const char *storage_version;               /* version objects are stored in */
	bool converts;                             /* by webhook; else versions differ in apiVersion only */
	const char *warning;                       /* deprecated: what to warn of, or NULL */
	const char *spec_replicas, *status_replicas, *label_selector;   /* scale: JSON paths, or NULL */
	const char *const *selectable;             /* paths of field selectors (".spec.x"), or NULL */
	yyjson_val *schema;                        /* openAPIV3Schema, or NULL */
};
const struct kinds_custom *kinds_custom_of(const struct kinds_kind *k);

/* The kind of any version of a definition's plural in a group: the stored one. */
const struct kinds_kind *kinds_custom_stored(const struct kinds_kind *k);

#endif
