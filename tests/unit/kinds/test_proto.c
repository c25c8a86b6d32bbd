/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protobuf codec: bytes made by hand from the .proto rules, every type with
 * every member there and back, and input nobody should send.
 */
#include "codec_help.h"

#include "kinds/table.h"

/* Text to bytes: hex pairs, 'text' in quotes; spaces do not count. */
static size_t bytes_of(const char *s, uint8_t *out)
{
	size_t n = 0;

	while (*s) {
		unsigned x;

		if (*s == ' ') {
			s++;
		} else if (*s == '\'') {
			for (s++; *s != '\''; s++)
				out[n++] = (uint8_t)*s;
			s++;
		} else {
			assert_int_equal(sscanf(s, "%2x", &x), 1);
			out[n++] = (uint8_t)x;
			s += 2;
		}
	}
	return n;
}

static const char *hex(const uint8_t *p, size_t n)
{
	char *out = arena_alloc(a, 3 * n + 1);

	for (size_t i = 0; i < n; i++)
		sprintf(out + 3 * i, "%02x ", p[i]);
	out[3 * n] = 0;
	return out;
}

/* The ObjectMeta of a name alone, in 17 bytes. */
#define META_A "0a 01 'a' 12 00 1a 00 22 00 2a 00 32 00 38 00 42 00"

static const struct {
	const char *name, *type, *json, *want;   /* want: the message */
} vectors[] = {
	{ "maps by key, values always, pointers only when set", "core/v1.ConfigMap",
		"{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\",\"a\":\"\"}}",
		"0a 11 " META_A " 12 05 0a 01 'a' 12 00 12 06 0a 01 'k' 12 01 'v'" },
	{ "a pointer to zero is written", "core/v1.ConfigMap", "{\"metadata\":{\"name\":\"a\"},\"immutable\":false}",
		"0a 11 " META_A " 20 00" },
	{ "times", "meta/v1.ObjectMeta", "{\"name\":\"a\",\"creationTimestamp\":\"1970-01-01T00:00:01Z\"}",
		"0a 01 'a' 12 00 1a 00 22 00 2a 00 32 00 38 00 42 04 08 01 10 00" },
	{ "micro times", "coordination/v1.LeaseSpec", "{\"renewTime\":\"1970-01-01T00:00:01.000002Z\",\"leaseTransitions\":-1}",
		"22 05 08 01 10 d0 0f 28 ff ff ff ff ff ff ff ff ff 01" },
	{ "quantities", "core/v1.ResourceRequirements", "{\"limits\":{\"cpu\":\"1\"}}",
		"0a 0a 0a 03 'cpu' 12 03 0a 01 '1'" },
	{ "a quantity by value", "core/v1.ResourceFieldSelector", "{\"resource\":\"x\"}", "0a 00 12 01 'x' 1a 03 0a 01 '0'" },
	{ "int or string has all three members", "core/v1.TCPSocketAction", "{\"port\":\"web\",\"host\":\"\"}",
		"0a 09 08 01 10 00 1a 03 'web' 12 00" },
	{ "and as a number", "core/v1.TCPSocketAction", "{\"port\":80}", "0a 06 08 00 10 50 1a 00 12 00" },
	{ "inlined members lie in a message, written even when empty", "core/v1.Volume", "{\"name\":\"v\"}", "0a 01 'v' 12 00" },
	{ "with something in it", "core/v1.Volume", "{\"name\":\"v\",\"emptyDir\":{}}",
		"0a 01 'v' 12 04 12 02 0a 00" },
	{ "two deep", "admissionregistration/v1.NamedRuleWithOperations",
		"{\"resourceNames\":[\"n\"],\"operations\":[\"*\"],\"apiGroups\":[\"g\"],\"scope\":\"*\"}",
		"0a 01 'n' 12 0b 0a 01 '*' 12 06 0a 01 'g' 22 01 '*'" },
	{ "bytes", "core/v1.Secret", "{\"metadata\":{\"name\":\"a\"},\"data\":{\"x\":\"AAE=\",\"y\":\"\"}}",
		"0a 11 " META_A " 12 07 0a 01 'x' 12 02 00 01 12 05 0a 01 'y' 12 00 1a 00" },
	{ "repeated scalars are not packed", "core/v1.PodSecurityContext", "{\"supplementalGroups\":[1,300]}", "20 01 20 ac 02" },
	{ "raw JSON", "apps/v1.ControllerRevision", "{\"metadata\":{\"name\":\"a\"},\"data\":{\"b\":1},\"revision\":2}",
		"0a 11 " META_A " 12 09 0a 07 '{\"b\":1}' 18 02" },
	{ "raw JSON by value and absent", "apps/v1.ControllerRevision", "{\"metadata\":{\"name\":\"a\"}}",
		"0a 11 " META_A " 12 00 18 00" },
	{ "a map of lists", "authentication/v1.UserInfo", "{\"extra\":{\"k\":[\"v\",\"w\"]}}",
		"0a 00 12 00 22 0b 0a 01 'k' 12 06 0a 01 'v' 0a 01 'w'" },
};

static yyjson_mut_val *from_proto(const struct kinds_type *t, const void *p, size_t n)
{
	yyjson_mut_val *v;

	if (kinds_decode_proto(doc_new(a), a, p, n, t, &v, &err))
		fail_msg("%s: %s", t ? t->name : "?", err.msg);
	return v;
}

static void known_bytes(void **state)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		BUF_AUTO struct buf got = {0}, whole = {0};
		const struct kinds_type *t = type(vectors[i].type);
		yyjson_mut_val *v = normal(t, parse(vectors[i].json));
		uint8_t want[512];
		size_t n = bytes_of(vectors[i].want, want);

		assert_int_equal(kinds_encode_proto_message(&got, t, doc_freeze(a, v), &err), 0);
		if (got.len != n || memcmp(got.p, want, n))
			fail_msg("%s:\n got %s\nwant %s", vectors[i].name, hex((uint8_t *)got.p, got.len), hex(want, n));
		assert_int_equal(kinds_encode_proto(&whole, t, doc_freeze(a, v), &err), 0);
		assert_string_equal(text_of(from_proto(t, whole.p, whole.len)), text_of(v));
	}
}

static void envelope(void **state)
{
	static const char json[] = "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"}}";
	BUF_AUTO struct buf got = {0};
	uint8_t want[256];
	size_t n = bytes_of("'k8s' 00 0a 0f 0a 02 'v1' 12 09 'ConfigMap' 12 13 0a 11 " META_A " 1a 00 22 00", want);

	assert_int_equal(kinds_encode_proto(&got, type("core/v1.ConfigMap"), parse(json), &err), 0);
	assert_string_equal(hex((uint8_t *)got.p, got.len), hex(want, n));
	/* The type may be left to the envelope. */
	assert_string_equal(text_of(from_proto(NULL, want, n)), json);
}

static void no_protobuf_form_is_not_acceptable(void **state)
{
	BUF_AUTO struct buf out = {0};

	assert_int_equal(kinds_encode_proto(&out, type("meta/v1.Table"), parse("{\"rows\":[]}"), &err), -ERR_NOT_ACCEPTABLE);
}

/* Bodies kubectl 1.32 sent. */
static const struct { const char *name, *bytes; } sent[] = {
	{ "kubectl create deployment",
		"'k8s' 00 0a 15 0a 07 'apps/v1' 12 0a 'Deployment' 12 b0 01 0a 1b 0a 01 64 12 00 1a 00 22 00 2a 00 32 "
		"00 38 00 42 00 5a 08 0a 03 'app' 12 01 64 12 82 01 08 03 12 0a 0a 08 0a 03 'app' 12 01 64 1a 6a 0a "
		"1a 0a 00 12 00 1a 00 22 00 2a 00 32 00 38 00 42 00 5a 08 0a 03 'app' 12 01 64 12 4c 12 2e 0a 05 "
		"'nginx' 12 05 'nginx*' 00 32 0a 0a 00 10 00 18 50 22 00 2a 00 42 00 6a 00 72 00 80 01 00 88 01 00 90 "
		"01 00 a2 01 00 1a 00 32 00 42 00 4a 00 52 00 58 00 60 00 68 00 82 01 00 8a 01 00 9a 01 00 c2 01 00 "
		"22 02 0a 00 28 00 38 00 1a 0c 08 00 10 00 18 00 20 00 28 00 38 00 1a 00 22 00 " },
	{ "kubectl create service nodeport",
		"'k8s' 00 0a 0d 0a 02 76 31 12 07 'Service' 12 5f 0a 1d 0a 02 73 32 12 00 1a 00 22 00 2a 00 32 00 38 "
		"00 42 00 5a 09 0a 03 'app' 12 02 73 32 12 3a 0a 15 0a 02 38 30 12 03 'TCP' 18 50 22 06 08 00 10 50 "
		"1a 00 28 00 12 09 0a 03 'app' 12 02 73 32 1a 00 22 08 'NodePort:' 00 42 00 52 00 5a 00 60 00 68 00 "
		"1a 02 0a 00 1a 00 22 00 " },
	{ "kubectl create cronjob",
		"'k8s' 00 0a 13 0a 08 'batch/v1' 12 07 'CronJob' 12 a2 01 0a 12 0a 02 63 6a 12 00 1a 00 22 00 2a 00 "
		"32 00 38 00 42 00 12 89 01 0a 09 2a 20 2a 20 2a 20 2a 20 2a 1a 00 2a 7a 0a 12 0a 02 63 6a 12 00 1a "
		"00 22 00 2a 00 32 00 38 00 42 00 12 'd2b' 0a 10 0a 00 12 00 1a 00 22 00 2a 00 32 00 38 00 42 00 12 "
		"4e 12 27 0a 02 63 6a 12 07 'busybox' 1a 04 'date*' 00 42 00 6a 00 72 00 80 01 00 88 01 00 90 01 00 "
		"a2 01 00 1a 09 'OnFailure2' 00 42 00 4a 00 52 00 58 00 60 00 68 00 82 01 00 8a 01 00 9a 01 00 c2 01 "
		"00 1a 00 1a 00 22 00 " },
	{ "kubectl create ingress",
		"'k8s' 00 0a 1f 0a 14 'networking.k8s.io/v1' 12 07 'Ingress' 12 57 0a 11 0a 01 69 12 00 1a 00 22 00 "
		"2a 00 32 00 38 00 42 00 12 3e 12 0c 0a 07 'foo.com' 12 01 74 1a 2b 0a 07 'foo.com' 12 20 0a 1e 0a 1c "
		"0a 04 '/bar' 12 0d 22 0b 0a 03 'svc' 12 04 0a 00 10 50 1a 05 'Exact' 22 01 63 1a 02 0a 00 1a 00 22 "
		"00 " },
	{ "kubectl create quota",
		"'k8s' 00 0a 13 0a 02 76 31 12 0d 'ResourceQuota' 12 30 0a 11 0a 01 71 12 00 1a 00 22 00 2a 00 32 00 "
		"38 00 42 00 12 19 0a 0a 0a 03 'cpu' 12 03 0a 01 32 0a 0b 0a 04 'pods' 12 03 0a 01 35 1a 00 1a 00 22 "
		"00 " },
	{ "kubectl create pdb",
		"'k8s' 00 0a 20 0a 09 'policy/v1' 12 13 'PodDisruptionBudget' 12 37 0a 12 0a 02 70 32 12 00 1a 00 22 "
		"00 2a 00 32 00 38 00 42 00 12 15 12 08 0a 06 0a 01 61 12 01 62 1a 09 08 01 10 00 1a 03 '25%' 1a 0a "
		"08 00 18 00 20 00 28 00 30 00 1a 00 22 00 " },
	{ "kubectl auth can-i",
		"'k8s' 00 0a 32 0a 17 'authorization.k8s.io/v1' 12 17 'SelfSubjectAccessReview' 12 3c 0a 10 0a 00 12 "
		"00 1a 00 22 00 2a 00 32 00 38 00 42 00 12 1e 0a 1c 0a 07 'default' 12 03 'get' 1a 00 22 00 2a 04 "
		"'pods2' 00 3a 00 1a 08 08 00 12 00 1a 00 20 00 1a 00 22 00 " },
};

static void what_kubectl_sends_stays_as_it_is(void **state)
{
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		BUF_AUTO struct buf again = {0};
		char group[254], version[64];
		uint8_t bytes[1024];
		size_t n = bytes_of(sent[i].bytes, bytes);
		yyjson_mut_val *v = from_proto(NULL, bytes, n);

		kinds_split_api_version(doc_mstr(v, "apiVersion"), group, version);
		assert_int_equal(kinds_encode_proto(&again, kinds_type_by_gvk(group, version, doc_mstr(v, "kind")),
			doc_freeze(a, v), &err), 0);
		if (again.len != n || memcmp(again.p, bytes, n))
			fail_msg("%s:\n got %s\nwant %s", sent[i].name, hex((uint8_t *)again.p, again.len), hex(bytes, n));
	}
}

/* ---- every member of every type ---- */

static yyjson_mut_val *make_type(yyjson_mut_doc *d, const struct kinds_type *t, unsigned depth);

static yyjson_mut_val *make_value(yyjson_mut_doc *d, const struct kinds_field *f, unsigned depth, unsigned salt)
{
	yyjson_mut_val *v;

	switch ((enum kinds_value)f->value) {
	case KV_STRING: return yyjson_mut_strcpy(d, arena_printf(a, "%s-%u", f->name, salt));
	case KV_INT32: return yyjson_mut_sint(d, salt % 2 ? -7 - (int)salt : INT32_MAX);
	case KV_INT64: return yyjson_mut_sint(d, salt % 2 ? INT64_MIN : INT64_MAX - salt);
	case KV_UINT32: return yyjson_mut_sint(d, UINT32_MAX - salt);
	case KV_BOOL: return yyjson_mut_bool(d, true);
	case KV_DOUBLE: return yyjson_mut_real(d, 0.25 * (salt + 1) + 1e-3);
	case KV_BYTES: return yyjson_mut_str(d, salt % 2 ? "AAEC/w==" : "aGVsbG8h");
	case KV_TIME: return yyjson_mut_str(d, "2026-11-23T07:00:01Z");
	case KV_MICROTIME: return yyjson_mut_str(d, "2026-11-23T07:00:01.000204Z");
	case KV_DURATION: return yyjson_mut_str(d, "1h2m0.5s");
	case KV_QUANTITY: return yyjson_mut_str(d, salt % 2 ? "250m" : "12Gi");
	case KV_INT_OR_STRING: return salt % 2 ? yyjson_mut_str(d, "25%") : yyjson_mut_sint(d, 8080);
	case KV_RAW: case KV_FIELDSV1: case KV_JSON:
		v = yyjson_mut_obj(d);
		yyjson_mut_obj_add_str(d, v, "f:x", "{\"y\"}");
		return v;
	case KV_VERBS: case KV_EXTRA:
		v = yyjson_mut_arr(d);
		yyjson_mut_arr_add_str(d, v, "get");
		yyjson_mut_arr_add_str(d, v, "");
		return v;
	case KV_PROPS_OR_STRINGS:
		if (salt % 2)
			return make_value(d, &(struct kinds_field){ .value = KV_EXTRA }, depth, salt);
		return make_type(d, f->type, depth + 1);
	case KV_PROPS_OR_BOOL:
		return depth % 2 ? yyjson_mut_bool(d, depth % 4 == 1) : make_type(d, f->type, depth + 1);
	case KV_PROPS_OR_ARRAY:
		v = yyjson_mut_arr(d);
		yyjson_mut_arr_append(v, make_type(d, f->type, depth + 1));
		return depth % 2 ? v : make_type(d, f->type, depth + 1);
	case KV_OBJECT: return make_type(d, f->type, depth + 1);
	}
	return NULL;
}

static yyjson_mut_val *make_type(yyjson_mut_doc *d, const struct kinds_type *t, unsigned depth)
{
	yyjson_mut_val *obj = yyjson_mut_obj(d), *c;

	/* Schemas are made of schemas; the rest ends by itself. */
	for (uint16_t i = 0; i < t->field_count && (depth < 3 || strcmp(t->name, "apiextensions/v1.JSONSchemaProps")); i++) {
		const struct kinds_field *f = &t->fields[i];
		yyjson_mut_val *key = yyjson_mut_str(d, f->name);

		if (depth && f->flags & KF_TYPEMETA)
			continue;   /* only an envelope carries them */
		if (f->card == KC_ONE) {
			yyjson_mut_obj_add(obj, key, make_value(d, f, depth, i));
		} else if (f->card == KC_LIST) {
			c = yyjson_mut_arr(d);
			yyjson_mut_arr_append(c, make_value(d, f, depth, i));
			if (f->value != KV_OBJECT)
				yyjson_mut_arr_append(c, make_value(d, f, depth, i + 1));
			yyjson_mut_obj_add(obj, key, c);
		} else {
			c = yyjson_mut_obj(d);
			yyjson_mut_obj_add(c, yyjson_mut_str(d, "a.b/c"), make_value(d, f, depth, i));
			if (f->value != KV_OBJECT)
				yyjson_mut_obj_add(c, yyjson_mut_str(d, "z"), make_value(d, f, depth, i + 1));
			yyjson_mut_obj_add(obj, key, c);
		}
	}
	return obj;
}

static void there_and_back(const struct kinds_type *t, yyjson_val *in)
{
	BUF_AUTO struct buf first = {0}, second = {0};
	yyjson_mut_val *v = normal(t, in), *back;
	const char *text = text_of(v);

	assert_int_equal(kinds_encode_proto(&first, t, doc_freeze(a, v), &err), 0);
	back = from_proto(t, first.p, first.len);
	if (strcmp(text_of(back), text))
		fail_msg("%s:\n got %s\nwant %s", t->name, text_of(back), text);
	assert_int_equal(kinds_encode_proto(&second, t, doc_freeze(a, back), &err), 0);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.p, second.p, first.len);
}

static void every_member_of_every_type(void **state)
{
	size_t tried = 0;

	for (size_t i = 0; i < kinds_type_count; i++) {
		const struct kinds_type *t = &kinds_types[i];

		if (!t->proto)
			continue;
		yyjson_mut_val *full = make_type(doc_new(a), t, 0);
		yyjson_val *frozen = doc_freeze(a, full);

		/* kind and apiVersion choose the type, so a made up one must not name another. */
		there_and_back(t, frozen);
		tried++;
		arena_reset(a);
	}
	assert_true(tried > 500);
}

static void an_empty_object_of_every_kind(void **state)
{
	const struct kinds_kind *k;
	size_t n = 0;

	for (size_t it = 0; kinds_next(&it, &k); n++) {
		const char *json = arena_printf(a, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":{\"name\":\"x\"}}",
			k->kind, k->api_version);

		there_and_back(k->type, parse(json));
		assert_ptr_equal(kinds_type_by_gvk(k->group, k->version, k->kind), k->type);
	}
	assert_int_equal(n, kinds_builtin_count);
}

/* ---- input nobody should send ---- */

#define CM "'k8s' 00 0a 0f 0a 02 'v1' 12 09 'ConfigMap' "

static const struct {
	const char *name, *bytes, *want;   /* want: the error, or the object */
} hostile[] = {
	{ "no prefix", "0a 00", "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]" },
	{ "cut in a length", CM "12 80", "unexpected EOF" },
	{ "a length past the end", CM "12 ff ff ff ff 0f", "unexpected EOF" },
	{ "a length of eighteen quintillions", CM "12 ff ff ff ff ff ff ff ff ff 01", "unexpected EOF" },
	{ "a varint without end", CM "12 0c 28 ff ff ff ff ff ff ff ff ff ff 01", "proto: integer overflow" },
	{ "number zero", CM "12 02 00 00", "proto: illegal tag 0 (wire type 0)" },
	{ "wire type seven", CM "12 02 0f 00", "proto: illegal tag 1 (wire type 7)" },
	{ "metadata as a number", CM "12 02 08 01", "proto: wrong wireType = 0 for field metadata" },
	{ "not UTF-8", CM "12 08 12 06 0a 01 'k' 12 01 ff", "proto: a string is not valid UTF-8" },
	{ "another kind", "'k8s' 00 0a 09 0a 02 'v1' 12 03 'Pod' 12 00", "Pod in version \"v1\" cannot be handled as a ConfigMap" },
	{ "compressed", CM "12 00 1a 04 'gzip'", "the content of the envelope is not application/vnd.kubernetes.protobuf" },
	{ "JSON inside", CM "12 02 '{}' 22 10 'application/json'",
		"the content of the envelope is not application/vnd.kubernetes.protobuf" },
	{ "an open group", CM "12 02 fb 01", "unexpected EOF" },
	{ "a group's end without its start", CM "12 02 fc 01", "proto: unexpected end of group" },
	{ "unknown members are passed over", CM "12 16 78 05 79 01 02 03 04 05 06 07 08 7d 01 02 03 04 7b 08 01 7c 7a 00",
		"{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{}}" },
	{ "a value twice counts last", CM "12 04 20 00 20 01",
		"{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{},\"immutable\":true}" },
	{ "an entry twice counts last", CM "12 10 12 06 0a 01 'k' 12 01 'v' 12 06 0a 01 'k' 12 01 'w'",
		"{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{},\"data\":{\"k\":\"w\"}}" },
	{ "an entry of nothing", CM "12 02 12 00",
		"{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{},\"data\":{\"\":\"\"}}" },
};

static void hostile_input(void **state)
{
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		uint8_t bytes[256];
		size_t n = bytes_of(hostile[i].bytes, bytes);
		yyjson_mut_val *v;
		const char *got = kinds_decode_proto(doc_new(a), a, bytes, n, type("core/v1.ConfigMap"), &v, &err) ?
			err.msg : text_of(v);

		if (strcmp(got, hostile[i].want))
			fail_msg("%s:\n got %s\nwant %s", hostile[i].name, got, hostile[i].want);
	}
}

static void packed_numbers_are_understood(void **state)
{
	uint8_t bytes[64];
	size_t n = bytes_of("'k8s' 00 12 05 22 03 01 ac 02", bytes);

	assert_string_equal(text_of(from_proto(type("core/v1.PodSecurityContext"), bytes, n)),
		"{\"supplementalGroups\":[1,300]}");
}

/* What is in b becomes the member whose tag is given, of a message. */
static void wrap(struct buf *b, const char *tag)
{
	struct buf out = {0};

	buf_adds(&out, tag);
	for (size_t n = b->len; ; n >>= 7) {
		buf_addc(&out, (char)(n > 127 ? (n & 127) | 128 : n));
		if (n < 128)
			break;
	}
	buf_add(&out, b->p, b->len);
	buf_finish(b);
	*b = out;
}

static void nesting_is_bounded(void **state)
{
	BUF_AUTO struct buf schemas = {0}, raw = {0};
	yyjson_mut_val *v;

	for (int i = 0; i < 1000; i++)
		wrap(&schemas, "\xe2\x01")   /* "not", number 28 */;
	wrap(&schemas, "\x12");
	struct buf body = {0};

	buf_add(&body, "k8s\0", 4);
	buf_add(&body, schemas.p, schemas.len);
	assert_int_equal(kinds_decode_proto(doc_new(a), a, body.p, body.len, type("apiextensions/v1.JSONSchemaProps"), &v, &err),
		-ERR_BAD_REQUEST);
	assert_string_equal(err.msg, "exceeded max depth");
	buf_finish(&body);

	/* Envelopes within raw members of envelopes. */
	static const char meta[] = "\x0a\x1d\x0a\x07" "apps/v1\x12\x12" "ControllerRevision";

	for (int i = 0; i < 1000; i++) {
		struct buf next = {0};

		if (raw.len) {
			wrap(&raw, "\x0a");
			wrap(&raw, "\x12");
		}
		wrap(&raw, "\x12");
		buf_add(&next, "k8s\0", 4);
		buf_add(&next, meta, sizeof(meta) - 1);
		buf_add(&next, raw.p, raw.len);
		buf_finish(&raw);
		raw = next;
	}
	assert_int_equal(kinds_decode_proto(doc_new(a), a, raw.p, raw.len, NULL, &v, &err), -ERR_BAD_REQUEST);
	assert_string_equal(err.msg, "exceeded max depth");
}

static void many_small_messages_stop_at_the_cap(void **state)
{
	struct arena *small = arena_open(256 << 10);
	struct buf body = {0};
	yyjson_mut_val *v;

	for (int i = 0; i < 20000; i++)
		buf_add(&body, "\x12\x00", 2);   /* containers: [{}, {}, ...] */
	wrap(&body, "\x12");
	struct buf whole = {0};

	buf_add(&whole, "k8s\0", 4);
	buf_add(&whole, body.p, body.len);
	assert_int_equal(kinds_decode_proto(doc_new(small), small, whole.p, whole.len, type("core/v1.PodSpec"), &v, &err),
		-ERR_SIZE);
	buf_finish(&body);
	buf_finish(&whole);
	arena_close(small);
}

static void damaged_objects_do_no_harm(void **state)
{
	BUF_AUTO struct buf good = {0};
	const struct kinds_type *t = type("core/v1.Pod");
	uint32_t seed = 12345;
	yyjson_mut_val *v;

	v = normal(t, doc_freeze(a, make_type(doc_new(a), t, 0)));
	yyjson_mut_obj_remove_key(v, "kind");
	yyjson_mut_obj_remove_key(v, "apiVersion");
	assert_int_equal(kinds_encode_proto(&good, t, doc_freeze(a, v), &err), 0);

	uint8_t *copy = malloc(good.len);

	for (int i = 0; i < 400; i++) {
		size_t n = good.len;

		memcpy(copy, good.p, n);
		for (int j = 0; j < 3; j++) {
			seed = seed * 1664525 + 1013904223;
			copy[4 + (seed >> 8) % (n - 4)] ^= (uint8_t)(1U << (seed >> 29));
		}
		if (i % 4 == 0)
			n = 4 + (seed >> 8) % (n - 4);
		(void)kinds_decode_proto(doc_new(a), a, copy, n, t, &v, &err);
		arena_reset(a);
	}
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_bytes),
		cmocka_unit_test(envelope),
		cmocka_unit_test(no_protobuf_form_is_not_acceptable),
		cmocka_unit_test(what_kubectl_sends_stays_as_it_is),
		cmocka_unit_test(every_member_of_every_type),
		cmocka_unit_test(an_empty_object_of_every_kind),
		cmocka_unit_test(hostile_input),
		cmocka_unit_test(packed_numbers_are_understood),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(many_small_messages_stop_at_the_cap),
		cmocka_unit_test(damaged_objects_do_no_harm),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
