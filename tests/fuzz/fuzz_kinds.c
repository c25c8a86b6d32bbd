/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_kinds - bytes from outside as objects: protobuf and JSON bodies, regular
 * expressions, schemas. What decodes must encode, and be the same after the trip.
 * The first byte chooses what the rest is.
 */
#include <stdlib.h>
#include <string.h>

#include "kinds/kinds.h"
#include "kinds/pattern.h"
#include "kinds/schema.h"
#include "kinds/validate_crd.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char *const types[] = { "core/v1.Pod", "core/v1.ConfigMap", "core/v1.Secret", "apps/v1.Deployment",
	"apps/v1.ControllerRevision", "apiextensions/v1.CustomResourceDefinition", "coordination/v1.Lease",
	"authorization/v1.SubjectAccessReview" };

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* An object in normal form: encodes to protobuf, and that decodes to the same. */
static void there_and_back(struct arena *a, const struct kinds_type *t, yyjson_mut_val *v)
{
	BUF_AUTO struct buf first = {0}, second = {0};
	yyjson_val *frozen = doc_freeze(a, v);
	yyjson_mut_val *back;
	struct err err;

	if (!frozen || kinds_encode_proto_message(&first, t, frozen, &err))
		return;
	buf_clear(&first);
	check(!kinds_encode_proto(&first, t, frozen, &err));
	if (kinds_decode_proto(doc_new(a), a, first.p, first.len, t, &back, &err))
		return;   /* a kind of another type, or over the cap */
	frozen = doc_freeze(a, back);
	if (!frozen)
		return;
	check(!kinds_encode_proto(&second, t, frozen, &err));
	check(first.len == second.len && !memcmp(first.p, second.p, first.len));
}

static void json(struct arena *a, const struct kinds_type *t, const uint8_t *p, size_t n)
{
	struct kinds_problem *problems;
	yyjson_mut_val *v;
	yyjson_doc *doc;
	struct err err;

	if (doc_parse(a, (const char *)p, n, &doc, &err))
		return;
	if (!kinds_decode(doc_new(a), a, t, yyjson_doc_get_root(doc), KS_STRICT, &v, &problems, &err))
		there_and_back(a, t, v);
}

/* An object of a schema, all the way: pruned, with defaults, checked as an update of itself. */
static void custom(struct arena *a, const struct kinds_type *t, const uint8_t *p, size_t n)
{
	struct vcheck c = { .a = a };
	struct kinds_problem *problems;
	yyjson_mut_doc *d = doc_new(a);
	yyjson_doc *doc;
	struct err err;

	if (!d || doc_parse(a, (const char *)p, n, &doc, &err) ||
			kinds_decode(d, a, t, yyjson_doc_get_root(doc), KS_STRICT, &c.v, &problems, &err) ||
			!schema_default(d, t->schema, c.v))
		return;
	c.tail = &c.first;
	v_schema(&c, t->schema);
	v_schema_embedded(&c, t->schema, NULL, c.v, false);
	v_schema_unique(&c, t->schema, NULL, c.v);
	c.first = NULL;
	c.tail = &c.first;
	c.count = 0;
	c.old = c.v;
	v_schema(&c, t->schema);
	check(!c.count || arena_over(a));      /* nothing changed: nothing to complain about */
}

/* The rules of definitions, over a schema in normal form. */
static void definition(struct arena *a, const uint8_t *p, size_t n)
{
	struct vcheck c = { .a = a };
	struct kinds_problem *problems;
	yyjson_doc *doc;
	yyjson_mut_val *s;
	struct err err;

	if (doc_parse(a, (const char *)p, n, &doc, &err) || kinds_decode(doc_new(a), a,
			kinds_type_by_name("apiextensions/v1.JSONSchemaProps"), yyjson_doc_get_root(doc), KS_IGNORE, &s, &problems, &err))
		return;
	c.tail = &c.first;
	crd_schema(&c, NULL, s);
	if (!crd_schema_unsupported(s))
		crd_structural(&c, NULL, s);
	crd_defaults(&c, NULL, s);
}

static void schema(struct arena *a, const uint8_t *p, size_t n)
{
	const uint8_t *middle = memchr(p, 0, n);
	struct kinds_schema *s;
	yyjson_doc *doc;
	struct err err;

	if (doc_parse(a, (const char *)p, middle ? (size_t)(middle - p) : n, &doc, &err) ||
			schema_compile(a, yyjson_doc_get_root(doc), &s, &err))
		return;
	definition(a, p, middle ? (size_t)(middle - p) : n);
	struct kinds_type t = { .name = "example.com/v1.Foo" };

	if (schema_type_fill(a, s, &t, t.name, true) && middle)
		custom(a, &t, middle + 1, n - (size_t)(middle + 1 - p));
}

static void pattern(struct arena *a, const uint8_t *p, size_t n)
{
	const uint8_t *middle = memchr(p, 0, n);
	struct pattern *compiled;
	struct err err;

	if (middle && !pattern_compile(a, (const char *)p, &compiled, &err))
		pattern_match(compiled, (const char *)middle + 1, n - (size_t)(middle + 1 - p));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_open(8 << 20);
	yyjson_mut_val *v;
	struct err err;

	if (!n || !a) {
		arena_close(a);
		return 0;
	}
	const struct kinds_type *t = kinds_type_by_name(types[*p % 8]);

	switch (*p / 8 % 4) {
	case 0:
		if (!kinds_decode_proto(doc_new(a), a, p + 1, n - 1, *p & 32 ? NULL : t, &v, &err) && !(*p & 32))
			there_and_back(a, t, v);
		break;
	case 1: json(a, t, p + 1, n - 1); break;
	case 2: schema(a, p + 1, n - 1); break;
	default: pattern(a, p + 1, n - 1);
	}
	arena_close(a);
	return 0;
}
