/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selector - label selectors (string and object form) and field selectors.
 *
 * A selector lives in the arena it was parsed into. Matching allocates nothing.
 * Source: apimachinery pkg/labels (selector.go), pkg/fields.
 * Tests: tests/unit/doc/test_selector.c, fuzz: tests/fuzz/fuzz_selector.c
 */
#ifndef DOC_SELECTOR_H
#define DOC_SELECTOR_H

#include "doc/doc.h"

#define SELECTOR_TERMS_MAX 1000

struct label { const char *key, *value; };
struct labels { const struct label *v; uint32_t n; };   /* sorted by key */

/* The members of a JSON object of strings as sorted labels in the arena
 * (strings copied). A missing object is zero labels. */
int labels_from(struct arena *a, yyjson_val *obj, struct labels *ret);
const char *labels_get(const struct labels *l, const char *key);   /* NULL: absent */

struct selector;
/* "a=b,c!=d,e in (f,g),!h": NULL or "" selects everything (*ret is non-NULL).
 * -ERR_BAD_REQUEST with upstream's wording. */
int selector_parse(struct arena *a, const char *s, struct selector **ret, struct err *reterr);
/* A meta/v1 LabelSelector: absent selects nothing, {} everything. */
int selector_from(struct arena *a, yyjson_val *label_selector, struct selector **ret, struct err *reterr);
/* A map of labels (Service, ReplicationController): absent or empty selects nothing. */
int selector_from_map(struct arena *a, yyjson_val *map, struct selector **ret, struct err *reterr);
bool selector_match(const struct selector *s, const struct labels *l);
bool selector_everything(const struct selector *s);
/* Canonical string form, as the scale subresource has it. */
void selector_print(const struct selector *s, struct buf *out);

struct field_term { const char *field, *value; bool negate; };
struct fieldsel { struct field_term *v; uint32_t n; };
/* "metadata.name=x,status.phase!=Running" with \, \= \\ escapes. NULL or "": no terms. */
int fieldsel_parse(struct arena *a, const char *s, struct fieldsel *ret, struct err *reterr);

#endif
