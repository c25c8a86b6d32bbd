/* SPDX-License-Identifier: Apache-2.0 */
/*
 * members - an object being merged into: members found by key in constant time
 * however many there are, so that no patch costs the square of its size.
 *
 * Small objects are searched in place; large ones get a hash table outside the
 * arena until doc_members_close. Between open and close the object is changed
 * through here only.
 * Tests: tests/unit/doc/test_patch.c
 */
#ifndef DOC_MEMBERS_H
#define DOC_MEMBERS_H

#include "doc/doc.h"

struct doc_members {
	yyjson_mut_doc *d;
	yyjson_mut_val *obj;
	yyjson_mut_val **slots;   /* key nodes; NULL while the object is small */
	size_t cap;
	bool dropped, failed;
};

void doc_members_open(struct doc_members *m, yyjson_mut_doc *d, yyjson_mut_val *obj);
bool doc_members_has(struct doc_members *m, const char *key, size_t n);   /* null counts */
yyjson_mut_val *doc_members_get(struct doc_members *m, const char *key, size_t n);
/* Set or replace; an existing member keeps its place. A NULL v only marks failure. */
void doc_members_put(struct doc_members *m, const char *key, size_t n, yyjson_mut_val *v);
void doc_members_drop(struct doc_members *m, const char *key, size_t n);
/* Finishes the changes. False when any of them ran out of memory. */
bool doc_members_close(struct doc_members *m);

#endif
