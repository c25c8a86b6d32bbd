/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print - JSON values as Go's fmt shows them, for messages that are upstream's.
 * Members of objects come in ascending order of key.
 * Tests: tests/unit/doc/test_syntax.c
 */
#ifndef DOC_PRINT_H
#define DOC_PRINT_H

#include "doc/doc.h"

/* What Go's decoder calls a value: "number". */
const char *doc_word(yyjson_val *v);
/* %v: map[a:1 b:[x y]] */
void doc_print_go(struct buf *out, yyjson_val *v);
/* %#v: map[string]interface {}{"a":1, "b":[]interface {}{"x", "y"}} */
void doc_print_go_syntax(struct buf *out, yyjson_val *v);

#endif
