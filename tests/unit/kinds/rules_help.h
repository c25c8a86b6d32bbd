/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules_help - objects from JSON text as the API has them when rules run:
 * decoded and defaulted. For the tests of defaults, preparation and validation.
 */
#ifndef TESTS_KINDS_RULES_HELP_H
#define TESTS_KINDS_RULES_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kinds/kinds.h"

struct rules {
	struct arena *a;
	yyjson_mut_doc *d;
};

static inline void rules_open(struct rules *r)
{
	r->a = arena_open(16 << 20);
	assert_non_null(r->a);
	r->d = doc_new(r->a);
	assert_non_null(r->d);
}

static inline void rules_close(struct rules *r)
{
	arena_close(r->a);
}

/* "apps/v1 Deployment" */
static inline const struct kinds_kind *kind_of(const char *name)
{
	char group[254], version[64], api_version[320];
	const char *space = strchr(name, ' ');

	assert_non_null(space);
	snprintf(api_version, sizeof(api_version), "%.*s", (int)(space - name), name);
	kinds_split_api_version(api_version, group, version);
	const struct kinds_kind *k = kinds_by_kind(group, version, space + 1);
	if (!k)
		fail_msg("no kind %s", name);
	return k;
}

/* Single quotes in json stand for double ones, to keep the tables readable. */
static inline yyjson_val *parse_quoted(struct rules *r, const char *json)
{
	char *text = arena_strdup(r->a, json);
	yyjson_doc *doc;
	struct err e;

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (doc_parse(r->a, text, strlen(text), &doc, &e))
		fail_msg("%s: %s", json, e.msg);
	return yyjson_doc_get_root(doc);
}

static inline yyjson_mut_val *object_raw(struct rules *r, const struct kinds_kind *k, const char *json)
{
	struct kinds_problem *problems = NULL;
	yyjson_mut_val *v;
	struct err e;

	if (kinds_decode(r->d, r->a, k->type, parse_quoted(r, json), KS_STRICT, &v, &problems, &e))
		fail_msg("%s: %s", json, e.msg);
	if (problems)
		fail_msg("%s: %s", json, problems->text);
	return v;
}

static inline yyjson_mut_val *object_of(struct rules *r, const struct kinds_kind *k, const char *json)
{
	yyjson_mut_val *v = object_raw(r, k, json);

	assert_int_equal(kinds_default(r->d, r->a, k, v), 0);
	return v;
}

/* The JSON text of what is at path, with single quotes; "-" when nothing is. */
static inline const char *at_path(struct rules *r, yyjson_mut_val *v, const char *path)
{
	BUF_AUTO struct buf b = { 0 };
	yyjson_mut_val *m = doc_mget(v, path);

	if (!m)
		return "-";
	assert_int_equal(doc_mwrite(&b, m), 0);
	char *s = arena_strndup(r->a, b.p, b.len);
	for (char *p = s; *p; p++)
		if (*p == '"')
			*p = '\'';
	return s;
}

#endif
