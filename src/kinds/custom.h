/* SPDX-License-Identifier: Apache-2.0 */
/* custom - the registry of custom kinds, for registry.c and OpenAPI. Loop thread. */
#ifndef KINDS_CUSTOM_PRIV_H
#define KINDS_CUSTOM_PRIV_H

#include "kinds/kinds.h"

uint64_t custom_generation(void);
const struct kinds_kind *custom_at(size_t i);   /* in kinds_next's order; NULL: past the end */
const struct kinds_kind *custom_find(const char *group, const char *version, const char *name, bool plural);
const struct kinds_kind *custom_by_store(const char *store);
const struct kinds_type *custom_gvk(const char *group, const char *version, const char *kind);
/* < 0: a comes before b. */
int custom_version_order(const char *a, const char *b);

#endif
