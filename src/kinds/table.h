/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table - the built-in tables, made by gen.py. For siblings only.
 */
#ifndef KINDS_TABLE_H
#define KINDS_TABLE_H

#include "kinds/kinds.h"

extern const size_t kinds_type_count;
extern const struct kinds_type kinds_types[];      /* ascending name */
extern const size_t kinds_builtin_count;
extern const struct kinds_kind kinds_builtin[];    /* in kinds_next's order */
extern const uint8_t kinds_by_plural_order[];      /* ascending plural, group, version */
extern const uint8_t kinds_by_kind_order[];        /* ascending kind, group, version */

/* Everything with an apiVersion and a kind, lists and options too; ascending
 * kind, group, version. */
struct kinds_gvk { const char *kind, *group, *version; uint16_t type; };
extern const size_t kinds_gvk_count;
extern const struct kinds_gvk kinds_gvks[];

/* Descriptions: member is an index, or UINT16_MAX for the type's own; ascending
 * type, member. text is an offset into the pool. */
struct kinds_text { uint16_t type, member; uint32_t text; };
extern const size_t kinds_text_count;
extern const struct kinds_text kinds_texts[];
extern const char kinds_text_pool[];

/* Description of a type (member UINT16_MAX) or of one of its members; NULL: none.
 * t must be of the built-in table. */
const char *kinds_describe(const struct kinds_type *t, uint16_t member);

#endif
