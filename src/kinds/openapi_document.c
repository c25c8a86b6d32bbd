/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi_document - what a document is made of, taken on the loop, and the document made
 * of it on any thread: built-in kinds never change, custom ones are copies that hold their
 * definitions.
 */
#include <stdlib.h>
#include <string.h>

#include "kinds/custom.h"
#include "kinds/openapi.h"
#include "kinds/openapi_proto.h"

static bool is_v2(const char *path)
{
	return !strcmp(path, "v2");
}

/* first NULL: all kinds. */
static bool belongs(const struct kinds_kind *k, const struct kinds_kind *first)
{
	return !first || !strcmp(k->api_version, first->api_version);
}

static bool take(struct kinds_openapi *s, const struct kinds_kind *first)
{
	const struct kinds_kind *k;
	size_t n = 0, customs = 0;

	for (size_t it = 0; kinds_next(&it, &k);)
		if (belongs(k, first)) {
			n++;
			customs += k->custom;
		}
	s->kinds = calloc(n + 1, sizeof(*s->kinds));
	s->customs = calloc(customs + 1, sizeof(*s->customs));
	if (!s->kinds || !s->customs)
		return false;
	for (size_t it = 0; kinds_next(&it, &k);) {
		if (!belongs(k, first))
			continue;
		if (k->custom) {
			struct custom_kind *copy = &s->customs[s->custom_count++];

			custom_copy(copy, k);
			k = &copy->kind;
		}
		s->kinds[s->count++] = k;
	}
	return true;
}

int kinds_openapi_begin(struct kinds_openapi **ret, const char *path)
{
	const struct kinds_kind *first = NULL;
	struct kinds_openapi *s;

	if (!is_v2(path) && !openapi_v3_first(path, &first))
		return -ERR_NOT_FOUND;
	s = calloc(1, sizeof(*s) + strlen(path) + 1);
	if (!s)
		return -ERR_NOMEM;
	strcpy(s->path, path);
	if ((is_v2(path) || first) && !take(s, first)) {
		kinds_openapi_end(s);
		return -ERR_NOMEM;
	}
	*ret = s;
	return 0;
}

int kinds_openapi_make(const struct kinds_openapi *s, bool proto, struct buf *out)
{
	BUF_AUTO struct buf json = { 0 };
	bool v2 = is_v2(s->path);
	int rc;

	if (!proto)
		return v2 ? openapi_v2(s, out) : openapi_v3(s, out);
	rc = v2 ? openapi_v2(s, &json) : openapi_v3(s, &json);
	return rc ? rc : openapi_proto(out, &json, v2 ? &openapi_v2_message : &openapi_v3_message);
}

void kinds_openapi_end(struct kinds_openapi *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->custom_count; i++)
		kinds_unref(&s->customs[i].kind);
	free(s->customs);
	free(s->kinds);
	free(s);
}
