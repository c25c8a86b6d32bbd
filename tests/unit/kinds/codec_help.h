/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_help - one arena, documents in it, and the codecs on plain text, for
 * tests of the codecs.
 */
#ifndef TESTS_KINDS_CODEC_HELP_H
#define TESTS_KINDS_CODEC_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kinds/kinds.h"

static struct arena *a;
static struct err err;

static inline int open_arena(void **state)
{
	(void)state;
	a = arena_open(64 << 20);
	return !a;
}

static inline int close_arena(void **state)
{
	(void)state;
	arena_close(a);
	return 0;
}

static inline yyjson_val *parse(const char *json)
{
	yyjson_doc *doc;

	if (doc_parse(a, json, strlen(json), &doc, &err))
		fail_msg("%s: %s", json, err.msg);
	return yyjson_doc_get_root(doc);
}

static inline const char *text_of(yyjson_mut_val *v)
{
	BUF_AUTO struct buf b = {0};

	assert_int_equal(doc_mwrite(&b, v), 0);
	return arena_strndup(a, b.p, b.len);
}

static inline const struct kinds_type *type(const char *name)
{
	const struct kinds_type *t = kinds_type_by_name(name);

	if (!t)
		fail_msg("no type %s", name);
	return t;
}

/* json decoded as a type: its normal form as text, or "error: message"; then
 * the problems, each on a line of its own. */
static inline const char *decoded(const char *type_name, const char *json, enum kinds_strict strict)
{
	struct kinds_problem *problems = NULL;
	yyjson_mut_doc *d = doc_new(a);
	yyjson_mut_val *v;

	if (kinds_decode(d, a, type(type_name), parse(json), strict, &v, &problems, &err))
		return arena_printf(a, "error: %s", err.msg);
	const char *text = text_of(v);

	for (; problems; problems = problems->next)
		text = arena_printf(a, "%s\n%s", text, problems->text);
	return text;
}

static inline yyjson_mut_val *normal(const struct kinds_type *t, yyjson_val *in)
{
	yyjson_mut_val *v;
	struct kinds_problem *problems = NULL;

	if (kinds_decode(doc_new(a), a, t, in, KS_STRICT, &v, &problems, &err))
		fail_msg("%s: %s", t->name, err.msg);
	if (problems)
		fail_msg("%s: %s", t->name, problems->text);
	return v;
}

static inline int openapi_made(struct buf *b, const char *path, bool proto)
{
	struct kinds_openapi *s;
	int rc = kinds_openapi_begin(&s, path);

	if (rc)
		return rc;
	rc = kinds_openapi_make(s, proto, b);
	kinds_openapi_end(s);
	return rc;
}

#endif
