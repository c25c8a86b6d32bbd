/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of every kind with members at random, odd ones among them: whatever
 * passes the decoder must pass through all rules and leave in normal form.
 */
#include "rules_help.h"

static uint64_t seed;

static uint32_t below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 33) % n;
}

static const char *const words[] = { "", "a", "x/y", "10.0.0.1", "Always", "RollingUpdate", "Indexed", "None", "ExternalName",
	"-5", "100%", "1Gi", "é", "..", "/a/../b", "metadata.labels['a']", "Exists", "2026-01-01T00:00:00Z", "limits.cpu", "cpu",
	"LoadBalancer", "Container", "ServiceAccount", "kubernetes", "Local", "*.a.b", "@daily", "* * * * *", "v1" };

static yyjson_mut_val *object(struct rules *r, const struct kinds_type *t, int depth);

static yyjson_mut_val *value(struct rules *r, const struct kinds_field *f, int depth)
{
	switch ((enum kinds_value)f->value) {
	case KV_STRING:
		for (uint32_t n = 0; f->enum_values && below(4);)
			if (!f->enum_values[++n] || !below(3))
				return yyjson_mut_strcpy(r->d, f->enum_values[n - 1]);
		return yyjson_mut_str(r->d, words[below(sizeof(words) / sizeof(words[0]))]);
	case KV_INT32: case KV_INT64:
		return yyjson_mut_sint(r->d, (int64_t[]){ 0, 1, -1, 80, 70000, INT32_MAX, 3 }[below(7)]);
	case KV_UINT32:
		return yyjson_mut_uint(r->d, below(9));
	case KV_BOOL:
		return yyjson_mut_bool(r->d, below(2));
	case KV_DOUBLE:
		return yyjson_mut_real(r->d, 1.5);
	case KV_BYTES:
		return yyjson_mut_str(r->d, below(2) ? "e30=" : "YQ==");
	case KV_TIME:
		return yyjson_mut_str(r->d, "2026-01-01T00:00:00Z");
	case KV_MICROTIME:
		return yyjson_mut_str(r->d, "2026-01-01T00:00:00.000001Z");
	case KV_DURATION:
		return yyjson_mut_str(r->d, "5s");
	case KV_QUANTITY:
		return yyjson_mut_str(r->d, (const char *const[]){ "1", "500m", "-1", "1Gi", "100n", "0" }[below(6)]);
	case KV_INT_OR_STRING:
		return below(2) ? yyjson_mut_sint(r->d, (int64_t)below(3) - 1) :
			yyjson_mut_str(r->d, words[below(sizeof(words) / sizeof(words[0]))]);
	case KV_OBJECT:
		return object(r, f->type, depth);
	default:
		return NULL;
	}
}

static yyjson_mut_val *object(struct rules *r, const struct kinds_type *t, int depth)
{
	yyjson_mut_val *v = yyjson_mut_obj(r->d);

	for (uint16_t i = 0; i < t->field_count; i++) {
		const struct kinds_field *f = &t->fields[i];
		yyjson_mut_val *m = NULL;
		if (f->flags & (KF_TYPEMETA | KF_PROTO_ONLY) || (depth > 2 && below(depth > 7 ? 12 : 3)))
			continue;
		if (f->card == KC_ONE) {
			m = value(r, f, depth + 1);
		} else if (f->card == KC_LIST) {
			m = yyjson_mut_arr(r->d);
			for (uint32_t n = below(3); n; n--) {
				yyjson_mut_val *x = value(r, f, depth + 1);
				if (x)
					yyjson_mut_arr_append(m, x);
			}
		} else if (f->card == KC_MAP) {
			yyjson_mut_val *x = value(r, f, depth + 1);
			m = yyjson_mut_obj(r->d);
			if (x)
				yyjson_mut_obj_add(m, yyjson_mut_str(r->d, words[below(sizeof(words) / sizeof(words[0]))]), x);
		}
		if (m)
			yyjson_mut_obj_add(v, yyjson_mut_strcpy(r->d, f->name), m);
	}
	return v;
}

/* NULL: the decoder refuses it. */
static yyjson_mut_val *decoded(struct rules *r, const struct kinds_kind *k)
{
	struct kinds_problem *problems;
	yyjson_mut_val *v;
	yyjson_val *in = doc_freeze(r->a, object(r, k->type, 0));

	return kinds_decode(r->d, r->a, k->type, in, KS_IGNORE, &v, &problems, NULL) ? NULL : v;
}

static const char *text(struct rules *r, yyjson_mut_val *v)
{
	BUF_AUTO struct buf b = { 0 };

	assert_int_equal(doc_mwrite(&b, v), 0);
	return arena_strndup(r->a, b.p, b.len);
}

static void stays_normal(struct rules *r, const struct kinds_kind *k, yyjson_mut_val *v, const char *after)
{
	struct kinds_problem *problems;
	yyjson_mut_val *again;
	struct err e;

	if (kinds_decode(r->d, r->a, k->type, doc_freeze(r->a, v), KS_STRICT, &again, &problems, &e))
		fail_msg("%s after %s: %s", k->type->name, after, e.msg);
	if (strcmp(text(r, v), text(r, again)))
		fail_msg("%s after %s:\n%s\n%s", k->type->name, after, text(r, v), text(r, again));
}

static int rounds;

static void any_object_passes_through_all_rules(void **state)
{
	const struct kinds_kind *k;
	int judged = 0;

	for (int round = 0; round < rounds; round++) {
		for (size_t it = 0; kinds_next(&it, &k);) {
			struct field_error *errors;
			struct kinds_problem *warnings;
			BUF_AUTO struct buf cells = { 0 };
			struct rules r;
			rules_open(&r);
			seed = (round + 1) * 0x9e3779b97f4a7c15ULL + k->id * 7919 + 1;
			yyjson_mut_val *old = decoded(&r, k), *v = decoded(&r, k);
			if (old && v) {
				assert_int_equal(kinds_default(r.d, r.a, k, old), 0);
				stays_normal(&r, k, old, "defaults");
				assert_int_equal(kinds_prepare(r.d, r.a, k, NULL, old, NULL), 0);
				stays_normal(&r, k, old, "create");
				assert_int_equal(kinds_validate(r.a, k, NULL, old, NULL, &errors), 0);
				assert_int_equal(kinds_warnings(r.a, k, old, NULL, &warnings), 0);
				assert_int_equal(kinds_cells(&cells, k, doc_freeze(r.a, old), 1767225600000000), 0);
				assert_int_equal(kinds_default(r.d, r.a, k, v), 0);
				for (int s = -1; s < k->sub_count; s++) {
					const char *sub = s < 0 ? NULL : k->subs[s].name;
					yyjson_mut_val *now = yyjson_mut_val_mut_copy(r.d, v);
					assert_int_equal(kinds_prepare(r.d, r.a, k, sub, now, old), 0);
					stays_normal(&r, k, now, sub ? sub : "update");
					assert_int_equal(kinds_validate(r.a, k, sub, now, old, &errors), 0);
				}
				judged++;
			}
			rules_close(&r);
		}
	}
	assert_true(judged > rounds * 50);
}

/* With a number: that many rounds. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(any_object_passes_through_all_rules) };

	rounds = argc > 1 ? atoi(argv[1]) : 3;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
