/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fieldsel - field selectors: terms of a name, an operator and an escaped value.
 * Which names there are, each kind says.
 * Source: apimachinery pkg/fields/selector.go.
 */
#include "doc/selector.h"

#include <string.h>

/* The term's end: the next comma that is not escaped. */
static const char *term_end(const char *p)
{
	for (; *p && *p != ','; p++)
		if (*p == '\\' && p[1])
			p++;
	return p;
}

/* Undo \\ \, \= in place. */
static int unescape(char *s, struct err *err)
{
	char *out = s;

	for (; *s; s++) {
		if (*s == ',' || *s == '=')
			return err_set(err, ERR_BAD_REQUEST,
				"invalid field selector: unescaped character in value: %d", *s);
		if (*s == '\\') {
			s++;
			if (!*s || !strchr("\\,=", *s))
				return err_set(err, ERR_BAD_REQUEST,
					"invalid field selector: invalid escape sequence: \\%.1s", s);
		}
		*out++ = *s;
	}
	*out = '\0';
	return 0;
}

static int parse_term(char *term, const char *whole, struct field_term *ret, struct err *err)
{
	char *op = term;

	while (*op && *op != '=' && !(*op == '!' && op[1] == '='))
		op++;
	if (!*op)
		return err_set(err, ERR_BAD_REQUEST, "invalid selector: '%.400s'; can't understand '%.400s'",
			whole, term);
	ret->field = term;
	ret->negate = *op == '!';
	ret->value = op + (ret->negate || op[1] == '=' ? 2 : 1);
	*op = '\0';
	return unescape((char *)(uintptr_t)ret->value, err);
}

int fieldsel_parse(struct arena *a, const char *s, struct fieldsel *ret, struct err *reterr)
{
	uint32_t cap = 0;
	const char *end, *p = s;

	*ret = (struct fieldsel){ 0 };
	for (; p && *p; p = *end ? end + 1 : end) {
		char *term;
		int rc;

		end = term_end(p);
		if (end == p)
			continue;
		if (ret->n == SELECTOR_TERMS_MAX)
			return err_set(reterr, ERR_BAD_REQUEST, "a selector may have %d terms", SELECTOR_TERMS_MAX);
		if (ret->n == cap) {
			struct field_term *v = arena_realloc(a, ret->v, cap * sizeof(*v), (cap * 2 + 2) * sizeof(*v));
			if (!v)
				return err_set(reterr, ERR_SIZE, "the selector is too large");
			ret->v = v;
			cap = cap * 2 + 2;
		}
		term = arena_strndup(a, p, (size_t)(end - p));
		if (!term)
			return err_set(reterr, ERR_SIZE, "the selector is too large");
		rc = parse_term(term, s, &ret->v[ret->n++], reterr);
		if (rc)
			return rc;
	}
	return 0;
}
