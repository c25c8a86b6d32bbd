/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge - tables of validation cases: a well-formed object of a kind, and what a
 * change of it (a JSON merge patch) brings.
 */
#ifndef TESTS_KINDS_JUDGE_H
#define TESTS_KINDS_JUDGE_H

#include "doc/patch.h"
#include "rules_help.h"

struct judge_base { const char *kind, *object; };
/* sub "": the object itself; old NULL: create, else the patch that makes the stored object, ""
 * the base as it is; want: "field: message" lines, "" when there is nothing to say */
struct judge_case { int base; const char *sub, *old, *patch, *want; };

/* The base with a patch, defaulted. */
static inline yyjson_mut_val *judge_made(struct rules *r, const struct kinds_kind *k, const char *base, const char *patch)
{
	yyjson_mut_val *v = yyjson_val_mut_copy(r->d, parse_quoted(r, base)), *out;
	struct kinds_problem *problems = NULL;
	struct err e;

	assert_int_equal(patch_merge(r->d, &v, parse_quoted(r, patch), &e), 0);
	if (kinds_decode(r->d, r->a, k->type, doc_freeze(r->a, v), KS_STRICT, &out, &problems, &e))
		fail_msg("%s: %s", patch, e.msg);
	if (problems)
		fail_msg("%s: %s", patch, problems->text);
	assert_int_equal(kinds_default(r->d, r->a, k, out), 0);
	return out;
}

static inline void judge(const struct judge_base *bases, const struct judge_case *cases, size_t n)
{
	int failed = 0;

	for (size_t i = 0; i < n; i++) {
		const char *base = bases[cases[i].base].object;
		const struct kinds_kind *k = kind_of(bases[cases[i].base].kind);
		BUF_AUTO struct buf b = { 0 };
		struct field_error *e;
		struct rules r;

		rules_open(&r);
		yyjson_mut_val *v = judge_made(&r, k, base, cases[i].patch);
		yyjson_mut_val *old = cases[i].old ? judge_made(&r, k, base, *cases[i].old ? cases[i].old : "{}") : NULL;
		assert_int_equal(kinds_validate(r.a, k, *cases[i].sub ? cases[i].sub : NULL, v, old, &e), 0);
		for (; e; e = e->next)
			buf_printf(&b, "%s%s: %s", b.len ? "\n" : "", e->field, e->detail);
		buf_addc(&b, 0);
		if (strcmp(b.p, cases[i].want)) {
			print_error("%s %s %s:\n got %s\nwant %s\n", k->kind, cases[i].sub, cases[i].patch, b.p, cases[i].want);
			failed++;
		}
		rules_close(&r);
	}
	assert_int_equal(failed, 0);
}

#endif
