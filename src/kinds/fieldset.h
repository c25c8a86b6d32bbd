/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fieldset - sets of field paths, the stuff of managedFields. For siblings only.
 *
 * A set is a tree of path elements as they are spelled in fieldsV1: "f:name",
 * `k:{"name":"c"}`, `v:"x"`, "i:0". A node that is a member is a path in the
 * set; its children are longer paths. Children are sorted, so every operation is
 * one linear merge; nodes are never changed once sorted, and results share them.
 * Source: structured-merge-diff, fieldpath.
 * Tests: tests/unit/kinds/test_apply.c
 */
#ifndef KINDS_FIELDSET_H
#define KINDS_FIELDSET_H

#include "doc/doc.h"

struct fieldset {
	const char *pe;                /* NULL: the root */
	uint32_t len;
	uint32_t n, cap;
	bool member;
	struct fieldset *kids;
};

enum fieldset_op { FIELDSET_UNION, FIELDSET_DIFFERENCE, FIELDSET_INTERSECTION };

static inline bool fieldset_empty(const struct fieldset *s) { return !s->member && !s->n; }
/* A new last child, valid until the next one is added to the same parent. NULL
 * over the cap. pe is borrowed. */
struct fieldset *fieldset_add(struct arena *a, struct fieldset *s, const char *pe, size_t len);
/* Take the last child back if nothing was put into it. */
void fieldset_trim(struct fieldset *s);
/* Order the children, here and below. */
void fieldset_sort(struct fieldset *s);
const struct fieldset *fieldset_find(const struct fieldset *s, const char *pe, size_t len);
/* False over the cap. */
bool fieldset_combine(struct arena *a, enum fieldset_op op, const struct fieldset *x,
	const struct fieldset *y, struct fieldset *ret);
bool fieldset_equal(const struct fieldset *x, const struct fieldset *y);

/* fieldsV1 to a sorted set (strings borrowed) and back. False: malformed or over the cap. */
bool fieldset_read(struct arena *a, yyjson_mut_val *fields_v1, struct fieldset *ret);
yyjson_mut_val *fieldset_write(yyjson_mut_doc *d, const struct fieldset *s);

/* A path element as messages spell it: `.name`, `[name="c"]`, `[="x"]`, `[0]`. */
void fieldset_print_element(struct arena *a, struct buf *out, const char *pe, size_t len);

#endif
