/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patch - JSON patch (RFC 6902) and JSON merge patch (RFC 7386). The patches
 * that know types (strategic merge, apply) live in kinds.
 * Tests: tests/unit/doc/test_patch.c
 */
#ifndef DOC_PATCH_H
#define DOC_PATCH_H

#include "doc/doc.h"

#define PATCH_OPS_MAX 10000

/* Apply in place; *root may be replaced. d owns all values; patch is copied.
 * A failing operation leaves *root unusable.
 *   -ERR_BAD_REQUEST  malformed patch
 *   -ERR_INVALID      an operation cannot be applied, a test failed
 *   -ERR_SIZE         over PATCH_OPS_MAX operations or the arena's cap */
int patch_json(yyjson_mut_doc *d, yyjson_mut_val **root, yyjson_val *patch, struct err *reterr);
int patch_merge(yyjson_mut_doc *d, yyjson_mut_val **root, yyjson_val *patch, struct err *reterr);

#endif
