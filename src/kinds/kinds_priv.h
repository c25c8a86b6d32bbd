/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds_priv - what the codecs share. For siblings and tests.
 */
#ifndef KINDS_PRIV_H
#define KINDS_PRIV_H

#include "kinds/kinds.h"

#define KINDS_PROBLEMS_MAX 100   /* listed problems of one body; more are not reported */

/* The zero value of a member that JSON always writes ("", 0, {} with its own
 * such members ...), or NULL when an absent member stays absent. Sets *ret_over
 * over the arena's cap. */
yyjson_mut_val *kinds_zero(yyjson_mut_doc *d, const struct kinds_field *f, bool *ret_over);

/* What null or nothing is as an element of a list or map; JSON null where the
 * type has no other zero (times). NULL over the cap. */
yyjson_mut_val *kinds_zero_element(yyjson_mut_doc *d, const struct kinds_field *f, bool *ret_over);

/* The member called key, or NULL; hint is the index where the search starts
 * (input mostly comes in table order). */
const struct kinds_field *kinds_find_field(const struct kinds_type *t, const char *key, size_t len,
	uint16_t hint);

/* Whether a decoded element is left out because it is its type's zero value:
 * scalars of KP_VALUE members under omitempty, empty slices and maps. */
bool kinds_drops_zero(const struct kinds_field *f);

/* Members of a map object by key, later duplicates winning. entries is the
 * caller's; returns how many remain. Linear when already in order. */
struct kinds_entry { const char *key; uint32_t len, order; yyjson_mut_val *value; };
size_t kinds_sort_entries(struct kinds_entry *entries, size_t n);

/* A Quantity's canonical text; NULL when s is none. */
const char *kinds_canonical_quantity(char out[], const char *s, size_t n);

/* "0001-01-01T00:00:00Z": the zero of Go's time, which is absent in JSON. */
#define KINDS_TIME_ZERO_US (-62135596800LL * 1000000)

#endif
