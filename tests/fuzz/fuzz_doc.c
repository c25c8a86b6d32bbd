/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_doc - patches, selectors, quantities, YAML. The first byte chooses what the rest
 * is; a document and its patch are two lines. What prints must parse, and be the same; what
 * parses has no error of syntax.
 */
#include <stdlib.h>
#include <string.h>

#include "doc/doc.h"
#include "doc/patch.h"
#include "doc/print.h"
#include "doc/quantity.h"
#include "doc/selector.h"
#include "doc/syntax.h"
#include "doc/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void syntax(struct arena *a, const char *p, size_t n)
{
	char wrong[SYNTAX_TEXT_MAX];
	BUF_AUTO struct buf b = { 0 };
	yyjson_mut_val *last;
	yyjson_doc *doc;
	struct err e;

	if (doc_parse(a, p, n, &doc, &e)) {
		syntax_error(p, n, wrong);
		return;
	}
	check(!syntax_error(p, n, wrong));
	doc_print_go_syntax(&b, yyjson_doc_get_root(doc));
	last = syntax_copy_last(doc_new(a), yyjson_doc_get_root(doc));
	check(!last || !syntax_repeats(doc_freeze(a, last)));
}

static void patch(struct arena *a, const char *p, size_t n, bool merge)
{
	const char *line = memchr(p, '\n', n);
	yyjson_mut_doc *d = doc_new(a);
	yyjson_doc *target, *change;
	yyjson_mut_val *root;
	struct err e;

	if (!line || !d)
		return;
	syntax(a, line + 1, n - (size_t)(line + 1 - p));
	if (doc_parse(a, p, (size_t)(line - p), &target, &e) ||
	    doc_parse(a, line + 1, n - (size_t)(line + 1 - p), &change, &e))
		return;
	root = yyjson_val_mut_copy(d, yyjson_doc_get_root(target));
	if (root && !(merge ? patch_merge(d, &root, yyjson_doc_get_root(change), &e)
		: patch_json(d, &root, yyjson_doc_get_root(change), &e)))
		check(root != NULL);
}

static void selectors(struct arena *a, const char *text)
{
	static const struct label v[] = { { "app", "web" }, { "tier", "" } };
	const struct labels labels = { v, 2 };
	BUF_AUTO struct buf once = { 0 }, twice = { 0 };
	struct selector *s, *again;
	struct fieldsel f;
	struct err e;

	if (!fieldsel_parse(a, text, &f, &e))
		for (uint32_t i = 0; i < f.n; i++)
			check(f.v[i].field && f.v[i].value);
	if (selector_parse(a, text, &s, &e))
		return;
	selector_print(s, &once);
	/* A set of nothing but the empty value prints as upstream prints it, which upstream
	 * refuses to read. */
	if (once.p && strstr(once.p, "()"))
		return;
	check(!selector_parse(a, once.p ? once.p : "", &again, &e));
	selector_print(again, &twice);
	check(once.len == twice.len && !memcmp(once.p ? once.p : "", twice.p ? twice.p : "", once.len));
	check(selector_match(s, &labels) == selector_match(again, &labels));
}

static void quantities(const char *p, size_t n)
{
	char text[QUANTITY_MAX], again[QUANTITY_MAX];
	struct quantity q, r;

	if (quantity_parse(p, n, &q))
		return;
	quantity_print(text, &q);
	check(!quantity_parse(text, strlen(text), &r));
	/* Up to 18 digits are read without a cap, as upstream does; scaled to a suffix they may
	 * print as more, and those are capped when read again. */
	if (strspn(text + (*text == '-'), "0123456789") > 18)
		return;
	check(!quantity_cmp(&q, &r));
	/* A binary one that is no multiple of Ki prints without a suffix, and is decimal then. */
	quantity_print(again, &r);
	check(q.format != r.format || !strcmp(text, again));
	quantity_add(&q, &r);
	quantity_ceil_milli(&q);
	quantity_milli(&q);
	quantity_value(&q);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a;
	BUF_AUTO struct buf repeated = { 0 };
	yyjson_mut_val *v;
	struct err e;
	char *text;

	if (!n || !(a = arena_open(1 << 20)))
		return 0;
	text = arena_strndup(a, (const char *)p + 1, n - 1);
	switch (text ? *p % 5 : 5) {
	case 0: patch(a, text, n - 1, false); break;
	case 1: patch(a, text, n - 1, true); break;
	case 2: selectors(a, text); break;
	case 3: quantities(text, n - 1); break;
	case 4: yaml_parse_noting(doc_new(a), text, n - 1, &v, &repeated, &e); break;
	}
	arena_close(a);
	return 0;
}
