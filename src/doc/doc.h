/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doc - JSON documents over yyjson: parsing into an arena, dotted paths,
 * comparison. Immutable yyjson_val is what is stored and shared; yyjson_mut_val,
 * in a request's arena, is what is being written.
 *
 * Thread: any; a mutable document has one owner.
 * Knows:   JSON.    Never: kinds, HTTP.
 * Tests:   tests/unit/doc/
 */
#ifndef DOC_DOC_H
#define DOC_DOC_H

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define DOC_DEPTH_MAX 200   /* deeper documents are refused: ERR_BAD_REQUEST */

/* yyjson's allocator over an arena: frees nothing, fails over the cap. */
yyjson_alc doc_alc(struct arena *a);

/* Parse n bytes (copied). Refuses trailing garbage, invalid UTF-8, depth over
 * DOC_DEPTH_MAX (-ERR_BAD_REQUEST, message with the place), cap (-ERR_SIZE). */
int doc_parse(struct arena *a, const char *p, size_t n, yyjson_doc **ret, struct err *reterr);
/* An empty mutable document in the arena; NULL over the cap. */
yyjson_mut_doc *doc_new(struct arena *a);
/* v as an immutable tree in the arena (to hand to what reads yyjson_val). */
yyjson_val *doc_freeze(struct arena *a, yyjson_mut_val *v);
/* Compact JSON text appended to out. 0 or -ERR_NOMEM. */
int doc_write(struct buf *out, yyjson_val *v);
int doc_mwrite(struct buf *out, yyjson_mut_val *v);

/* Reading by dotted path ("spec.template.metadata"); path segments are object
 * keys, or decimal indexes in arrays. NULL or the default when absent, null or
 * of another type. A NULL v is absent. path NULL or "" is v itself. */
yyjson_val *doc_get(yyjson_val *v, const char *path);
const char *doc_str(yyjson_val *v, const char *path);
int64_t doc_int(yyjson_val *v, const char *path, int64_t dflt);
bool doc_bool(yyjson_val *v, const char *path, bool dflt);
size_t doc_len(yyjson_val *v, const char *path);      /* of an array or object, else 0 */
yyjson_mut_val *doc_mget(yyjson_mut_val *v, const char *path);
const char *doc_mstr(yyjson_mut_val *v, const char *path);
int64_t doc_mint(yyjson_mut_val *v, const char *path, int64_t dflt);
bool doc_mbool(yyjson_mut_val *v, const char *path, bool dflt);
size_t doc_mlen(yyjson_mut_val *v, const char *path);

/* Writing by dotted object path: parents are made (and replace what is not an
 * object); an existing member keeps its place. Strings are copied into d.
 * False over the cap. */
bool doc_mset(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path, yyjson_mut_val *v);
bool doc_mset_str(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path, const char *s);
bool doc_mset_int(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path, int64_t i);
bool doc_mset_bool(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path, bool b);
/* The object (array) at path, made when absent. NULL over the cap. */
yyjson_mut_val *doc_mobj(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path);
yyjson_mut_val *doc_marr(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path);
bool doc_mdel(yyjson_mut_val *obj, const char *path);  /* true when it was there */
/* Same, for a key that may hold dots (labels, annotations). */
bool doc_mset_key(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *path, const char *key, const char *s);

/* Take the element an iteration has just returned out of its array. yyjson's own
 * yyjson_mut_arr_iter_remove then passes over the element after it. */
yyjson_mut_val *doc_arr_iter_remove(yyjson_mut_arr_iter *it);

/* Semantic equality: member order does not matter, null equals absent in
 * objects, 1 equals 1.0. */
bool doc_equal(yyjson_val *a, yyjson_val *b);
bool doc_mequal(yyjson_mut_val *a, yyjson_mut_val *b);

#endif
