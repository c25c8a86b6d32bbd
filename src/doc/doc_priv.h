/* SPDX-License-Identifier: Apache-2.0 */
/* doc_priv - reading stored and mutable trees with one code. For siblings only. */
#ifndef DOC_DOC_PRIV_H
#define DOC_DOC_PRIV_H

#include "doc/doc.h"

/* A value of either sort of tree. yyjson lays out tag and payload alike in both;
 * only the way to the next value differs. */
struct node { void *v; bool mut; };
/* The members of an object or the elements of an array, in order. */
struct walk { void *cur; size_t left; bool mut, obj; };

struct walk walk_open(struct node n);
/* False at the end. *ret_key is unset for arrays. */
bool walk_next(struct walk *w, struct node *ret_key, struct node *ret_val);
bool node_equal(struct node a, struct node b);

/* Is v nested at most `levels` containers deep? Stops as soon as it is not. */
bool doc_mdepth_within(const yyjson_mut_val *v, unsigned levels);
/* The key's own node in obj, and in *ret_prev the value before it (circular). */
yyjson_mut_val *obj_find(yyjson_mut_val *obj, const char *key, size_t n, yyjson_mut_val **ret_prev);
/* Set or replace, keeping the place of an existing member. key is copied when new. */
bool obj_put(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *key, size_t n, yyjson_mut_val *v);
/* Take the key's member out; its value, or NULL. */
yyjson_mut_val *obj_take(yyjson_mut_val *obj, const char *key, size_t n);

#endif
