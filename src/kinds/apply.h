/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply - what server-side apply and the tracking of owners share. For siblings
 * only.
 *
 * Values are walked by shape (shape.h): objects by member, set and map lists by
 * what tells their elements apart. Memory over the cap is noted in .over and the
 * walk goes on; callers look at the end.
 * Source: structured-merge-diff, typed and merge packages, and their tests.
 */
#ifndef KINDS_APPLY_H
#define KINDS_APPLY_H

#include "kinds/fieldset.h"
#include "kinds/shape.h"

struct apply {
	yyjson_mut_doc *d;
	struct arena *a;
	const struct kinds_kind *kind;
	const char *sub;
	bool as_sent;                  /* what is compared with is no normal form yet: absent is absent */
	bool over;
	struct buf text;               /* scratch */
};

/* Where a walk is. type 'f': key is a member's name; 'e': key is an element's
 * spelled path element. The root has neither. */
struct frame {
	const struct frame *up;
	const char *key;
	size_t len;
	char type;
	struct fieldset *node[3];
};

void apply_init(struct apply *c, yyjson_mut_doc *d, struct arena *a, const struct apply_req *r);
void apply_finish(struct apply *c);
struct shape apply_root(const struct apply *c);
/* Paths nobody owns: what the server sets, and what this endpoint does not write. */
bool apply_ignores(const struct apply *c, const struct frame *in, const char *key, size_t n);

/* ---- members and elements (apply_item.c) ---- */
struct item { const char *key; size_t len; yyjson_mut_val *v; size_t order; };
struct items { struct item *v; size_t n; };

/* The members of an object (NULL: none) in ascending order of key, first of duplicates. */
struct items items_of_map(struct apply *c, yyjson_mut_val *obj);
/* The elements of a LIST or SET under their path elements, in the list's order. */
struct items items_of_list(struct apply *c, struct shape s, yyjson_mut_val *arr);
/* Ascending by path element; duplicates stay, in the list's order. */
void items_sort(struct items *t);
/* The members of obj that t declares by index into t->fields; the others,
 * sorted, in *ret_rest. NULL over the cap. */
yyjson_mut_val **items_of_struct(struct apply *c, const struct kinds_type *t, yyjson_mut_val *obj,
	struct items *ret_rest);
/* "f:name" in the arena. */
const char *item_field(struct apply *c, const char *name, size_t n);
/* Whether the JSON of this member is always there, if only as a zero value. */
bool item_always(const struct apply *c, const struct kinds_field *f);

/* ---- walks ---- */
struct difference { struct fieldset added, modified, removed; };
/* What changed from l to r; either may be NULL, which is the empty object (apply_compare.c). */
void apply_compare(struct apply *c, yyjson_mut_val *l, yyjson_mut_val *r, struct difference *ret);
/* Why v, as it was sent, is no configuration of the kind: a message, or NULL (apply_check.c). */
const char *apply_check(struct apply *c, yyjson_mut_val *v);
void apply_print_path(struct apply *c, struct buf *out, const struct frame *at);
/* The paths v sets (apply_set.c). */
void apply_set(struct apply *c, yyjson_mut_val *v, struct fieldset *ret);
/* A new tree: live (may be NULL) with what applied sets, as sent (apply_merge.c). */
yyjson_mut_val *apply_merge(struct apply *c, yyjson_mut_val *live, yyjson_mut_val *applied);
/* Take out of v what `last` has and none of the n owners does (apply_prune.c). */
void apply_prune(struct apply *c, yyjson_mut_val *v, const struct fieldset *last,
	const struct fieldset *const *owners, size_t n);

/* ---- managedFields (managed.c) ---- */
struct manager {
	const char *name, *api_version, *sub, *time;   /* sub: "" for the main resource */
	bool apply;
	int64_t time_s;
	struct fieldset set;
	yyjson_mut_val *entry;         /* as read, while it is unchanged; NULL: write anew */
};
struct managed { struct manager *v; size_t n, cap; };

/* False: malformed, nothing is read. */
bool managed_read(struct apply *c, yyjson_mut_val *list, struct managed *ret);
/* Identity: name, operation and subresource; for updates the version too. NULL: none. */
struct manager *managed_find(struct managed *m, const char *name, bool is_apply, const char *api_version,
	const char *sub);
struct manager *managed_add(struct apply *c, struct managed *m, const char *name, bool is_apply, const char *sub);
void managed_touch(struct apply *c, struct manager *m, int64_t now_us);
void managed_set(struct manager *m, const struct fieldset *set);
/* Updates beyond the tenth are united, the oldest first. */
void managed_cap(struct apply *c, struct managed *m);
/* Put the entries that own something into v's metadata, sorted. */
void managed_write(struct apply *c, struct managed *m, yyjson_mut_val *v);
/* The "manager owns what it changed" of an update, on m. */
void managed_update(struct apply *c, struct managed *m, const struct difference *diff, const char *name,
	int64_t now_us);

#endif
