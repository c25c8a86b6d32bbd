/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syntax - what is wrong with a JSON text, in the words of Go's decoder, which people
 * know and clients match; and members that come twice, which JSON allows and
 * field validation reports.
 * Tests: tests/unit/doc/test_syntax.c
 */
#ifndef DOC_SYNTAX_H
#define DOC_SYNTAX_H

#include "doc/doc.h"

#define SYNTAX_TEXT_MAX 96
#define SYNTAX_REPEATS_MAX 100u

/* "invalid character 'b' looking for beginning of object key string", or NULL when
 * the text is well-formed as far as Go looks. out is the message's memory. */
const char *syntax_error(const char *p, size_t n, char out[SYNTAX_TEXT_MAX]);

/* The keys of one object that were seen so far, in constant time each. */
struct syntax_seen { yyjson_val **slots; size_t cap; };
void syntax_seen_open(struct syntax_seen *s, size_t members);
bool syntax_seen(struct syntax_seen *s, yyjson_val *key);   /* was it? now it is */
void syntax_seen_close(struct syntax_seen *s);

/* Does any object in v have two members of one name? */
bool syntax_repeats(yyjson_val *v);
/* Call note for each, in order, with the path of the second one ("spec.list[0].x"). */
void syntax_each_repeat(yyjson_val *v, void (*note)(void *arg, const char *path), void *arg);
/* v copied, of members of one name the last, in the first one's place. NULL over the cap. */
yyjson_mut_val *syntax_copy_last(yyjson_mut_doc *d, yyjson_val *v);

#endif
