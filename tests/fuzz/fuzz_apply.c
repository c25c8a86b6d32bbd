/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_apply - strategic merges, applies and owners of fields on the real types. The first
 * byte chooses kind and operation; an object and what is done to it are two lines.
 *
 * What comes out is in normal form, and doing the same again changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "doc/syntax.h"
#include "kinds/kinds.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct { const char *group, *version, *kind; } names[] = {
	{ "", "v1", "Pod" }, { "apps", "v1", "Deployment" }, { "", "v1", "ConfigMap" }, { "", "v1", "Service" },
};

struct run {
	struct arena *a;
	yyjson_mut_doc *d;
	const struct kinds_kind *k;
	yyjson_val *first, *second;
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* The object's normal form; NULL: it is none, or too large. */
static yyjson_mut_val *normal(struct run *r, yyjson_val *v)
{
	yyjson_mut_val *out;

	return v && !kinds_decode(r->d, r->a, r->k->type, v, KS_IGNORE, &out, NULL, NULL) ? out : NULL;
}

static void is_normal(struct run *r, yyjson_mut_val *v)
{
	BUF_AUTO struct buf once = { 0 }, twice = { 0 };
	yyjson_val *frozen = doc_freeze(r->a, v);
	yyjson_mut_val *again;

	if (!frozen)
		return;
	check(!kinds_decode(r->d, r->a, r->k->type, frozen, KS_IGNORE, &again, NULL, NULL) || arena_over(r->a));
	if (arena_over(r->a))
		return;
	check(!doc_mwrite(&once, v) && !doc_mwrite(&twice, again));
	check(once.len == twice.len && !memcmp(once.p, twice.p, once.len));
}

/* v patched and decoded, as the API does it; NULL: refused, or too large. */
static yyjson_mut_val *patched(struct run *r, yyjson_mut_val *v)
{
	if (!v || kinds_smp(r->d, r->a, r->k->type, &v, r->second, NULL))
		return NULL;
	return normal(r, doc_freeze(r->a, v));
}

static bool alike(yyjson_val *a, yyjson_val *b)
{
	yyjson_val *k, *m;
	size_t i, n;

	yyjson_obj_foreach(a, i, n, k, m)
		if (!yyjson_is_ctn(m) && yyjson_equals(m, yyjson_obj_getn(b, yyjson_get_str(k), yyjson_get_len(k))))
			return true;
	return false;
}

/* Whether elements of a list may have one merge key. A list that is new is taken as it is; in
 * one that is there the second of them finds the first. */
static bool may_meet(yyjson_val *v)
{
	yyjson_val *k, *m;
	size_t i, n;

	if (yyjson_is_obj(v)) {
		yyjson_obj_foreach(v, i, n, k, m)
			if (may_meet(m))
				return true;
		return false;
	}
	yyjson_arr_foreach(v, i, n, m) {
		if (may_meet(m))
			return true;
		k = m;
		for (size_t j = i + 1; j < n; j++) {
			k = unsafe_yyjson_get_next(k);
			if (yyjson_is_obj(m) && yyjson_is_obj(k) && alike(m, k))
				return true;
		}
	}
	return false;
}

static void strategic(struct run *r)
{
	yyjson_mut_val *v, *w;

	/* The API keeps the last of repeated members before it patches. */
	if (syntax_repeats(r->second))
		return;
	v = patched(r, normal(r, r->first));
	if (v && may_meet(r->second))
		v = patched(r, yyjson_mut_val_mut_copy(r->d, v));
	if (!v)
		return;
	is_normal(r, v);
	w = patched(r, yyjson_mut_val_mut_copy(r->d, v));
	check(!w || doc_mequal(v, w) || arena_over(r->a));
}

static yyjson_mut_val *apply(struct run *r, yyjson_mut_val *live, yyjson_val *config, bool force, const char *manager)
{
	struct apply_req q = { .kind = r->k, .manager = manager, .force = force, .now_us = 1790000000000000 };
	yyjson_mut_val *v = NULL, *raw = syntax_copy_last(r->d, config);
	struct apply_conflict *conflicts;

	if (raw && !kinds_apply(r->d, r->a, &q, live, raw, &v, &conflicts, NULL))
		is_normal(r, v);
	return v;
}

static void applies(struct run *r, bool force)
{
	yyjson_mut_val *live = normal(r, r->first), *v, *w;

	v = apply(r, live ? yyjson_mut_val_mut_copy(r->d, live) : NULL, r->second, force, "m");
	/* What owns nothing leaves no trace of having been applied. */
	if (!v || arena_over(r->a) || !doc_mlen(v, "metadata.managedFields"))
		return;
	w = apply(r, yyjson_mut_val_mut_copy(r->d, v), r->second, false, "m");
	/* Its own fields are no conflict, and nothing is left to do. */
	check((w && doc_mequal(v, w)) || arena_over(r->a));
}

static void owners(struct run *r)
{
	struct apply_req q = { .kind = r->k, .manager = "m", .now_us = 1790000000000000 };
	yyjson_mut_val *old = normal(r, r->first), *v = normal(r, r->second), *w;

	if (!old || !v || kinds_track(r->d, r->a, &q, old, NULL))
		return;
	is_normal(r, old);
	if (kinds_track(r->d, r->a, &q, v, old))
		return;
	is_normal(r, v);
	w = yyjson_mut_val_mut_copy(r->d, v);
	if (w && !kinds_track(r->d, r->a, &q, w, v))
		check(doc_mequal(v, w) || arena_over(r->a));
	apply(r, v, r->first, true, "n");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct run r = { .a = arena_open(8 << 20) };
	const char *text = (const char *)p + 1, *line;
	yyjson_doc *first, *second;
	struct err e;

	if (!n || !r.a)
		goto done;
	line = memchr(text, '\n', n - 1);
	r.d = doc_new(r.a);
	r.k = kinds_by_kind(names[*p % 4].group, names[*p % 4].version, names[*p % 4].kind);
	if (!line || !r.d || doc_parse(r.a, text, (size_t)(line - text), &first, &e) ||
	    doc_parse(r.a, line + 1, n - 1 - (size_t)(line + 1 - text), &second, &e))
		goto done;
	r.first = yyjson_doc_get_root(first);
	r.second = yyjson_doc_get_root(second);
	switch (*p / 4 % 4) {
	case 0: strategic(&r); break;
	case 1: applies(&r, false); break;
	case 2: applies(&r, true); break;
	default: owners(&r);
	}
done:
	arena_close(r.a);
	return 0;
}
