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

static void schema(struct arena *a, const uint8_t *p, size_t n)
{
	const uint8_t *middle = memchr(p, 0, n);
	struct kinds_schema *s;
	yyjson_doc *doc;
	struct err err;

	if (doc_parse(a, (const char *)p, middle ? (size_t)(middle - p) : n, &doc, &err) ||
			schema_compile(a, yyjson_doc_get_root(doc), &s, &err))
		return;
	const struct kinds_type *t = schema_type_of(a, s, "example.com/v1.Foo", true);

	if (t && middle)
		json(a, t, middle + 1, n - (size_t)(middle + 1 - p));
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
