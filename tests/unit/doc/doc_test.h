/* SPDX-License-Identifier: Apache-2.0 */
/* doc_test - what the tests of documents share: JSON in and out in one line. */
#ifndef DOC_TEST_H
#define DOC_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/doc.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Each case works in this arena; the test resets it. */
static struct arena *mem;

static int mem_open(void **state)
{
	mem = arena_open(256u << 20);
	return mem ? 0 : -1;
}

static int mem_close(void **state)
{
	arena_close(mem);
	return 0;
}

__attribute__((unused)) static yyjson_val *json(const char *s)
{
	yyjson_doc *doc;
	struct err e = { 0 };

	if (doc_parse(mem, s, strlen(s), &doc, &e))
		fail_msg("%s: %s", s, e.msg);
	return yyjson_doc_get_root(doc);
}

__attribute__((unused)) static yyjson_mut_val *mjson(yyjson_mut_doc *d, const char *s)
{
	yyjson_mut_val *v = yyjson_val_mut_copy(d, json(s));

	assert_non_null(v);
	return v;
}

__attribute__((unused)) static const char *text_of(yyjson_mut_val *v)
{
	struct buf b BUF_AUTO = { 0 };

	assert_int_equal(doc_mwrite(&b, v), 0);
	return arena_strdup(mem, b.p);
}

#endif
