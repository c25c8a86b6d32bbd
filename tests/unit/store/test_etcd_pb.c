/* SPDX-License-Identifier: Apache-2.0 */
/* test_etcd_pb - etcd's messages to bytes and back, and gRPC's frames around them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "store/etcd_conn.h"
#include "store/etcd_pb.h"

#define STR(s) pb_str(s, sizeof(s) - 1)

/* By hand, from protobuf.dev, "Encoding". */
static void test_requests_have_the_bytes_of_protobuf(void **state)
{
	const struct etcd_range range = { .key = STR("a"), .range_end = STR("b"), .limit = 300, .keys_only = 1 };
	const struct etcd_put put = { STR("k"), STR("v"), 0 };
	const struct etcd_compare cmp = { ETCD_EQUAL, ETCD_COMPARE_MOD, 0, STR("k") };
	const struct etcd_op put_op = { .put = &put }, range_op = { .range = &range };
	const struct etcd_txn txn = { { 1, 1, (const void *[]){ &cmp } }, { 1, 1, (const void *[]){ &put_op } },
		{ 1, 1, (const void *[]){ &range_op } } };
	const struct etcd_compact compact = { -1 };
	const struct {
		const char *name;
		const struct pb_msg *msg;
		const void *src;
		const char *hex;
	} cases[] = {
		{ "a range", &etcd_range_msg, &range, "0a016112016218ac024001" },
		{ "a put without a lease", &etcd_put_msg, &put, "0a016b120176" },
		{ "a transaction; a chosen 0 is sent", &etcd_txn_msg, &txn,
			"0a0710021a016b3000" "120812060a016b120176" "1a0d0a0b" "0a016112016218ac024001" },
		{ "a negative number has ten bytes", &etcd_compact_msg, &compact, "08ffffffffffffffffff01" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BUF_AUTO struct buf b = { 0 };
		char hex[256];

		print_message("  %s\n", cases[i].name);
		pb_encode(cases[i].msg, cases[i].src, &b);
		assert_int_equal(b.len, pb_size(cases[i].msg, cases[i].src));
		text_hex(hex, b.p, b.len);
		assert_string_equal(hex, cases[i].hex);
	}
}

static void test_an_answer_is_read(void **state)
{
	ARENA_AUTO struct arena *a = arena_open(1 << 20);
	const struct etcd_header head = { 9, 77 };
	struct etcd_kv kv[20];
	const void *kvs[20];
	struct etcd_ranged r = { .header = &head, .kvs = { 20, 20, kvs }, .more = 1, .count = 1000 }, got;
	BUF_AUTO struct buf b = { 0 };

	for (int i = 0; i < 20; i++) {
		kv[i] = (struct etcd_kv){ STR("key"), i % 2 ? STR("") : STR("va\0lue"), i + 1, INT64_MAX - i };
		kvs[i] = &kv[i];
	}
	pb_encode(&etcd_ranged_msg, &r, &b);
	/* What a newer etcd may add: numbers, bytes and both fixed sizes. */
	buf_add(&b, "\xf8\x07\x05" "\xfa\x07\x02hi" "\xf9\x07" "12345678" "\xfd\x07" "1234", 3 + 5 + 10 + 6);
	assert_int_equal(pb_decode(&etcd_ranged_msg, b.p, b.len, a, &got), 0);
	assert_int_equal(got.header->cluster_id, 9);
	assert_int_equal(got.header->revision, 77);
	assert_int_equal(got.more, 1);
	assert_int_equal(got.count, 1000);
	assert_int_equal(got.kvs.n, 20);
	for (int i = 0; i < 20; i++) {
		const struct etcd_kv *k = got.kvs.v[i];

		assert_int_equal(k->value.n, kv[i].value.n);
		assert_memory_equal(k->value.p, kv[i].value.p, k->value.n);
		assert_int_equal(k->create_revision, i + 1);
		assert_int_equal(k->mod_revision, INT64_MAX - i);
	}
}

static void test_bytes_that_are_no_message_are_refused(void **state)
{
	static const struct {
		const char *name;
		struct pb_bytes in;
		int want;
	} cases[] = {
		{ "nothing at all is an empty message", { "", 0 }, 0 },
		{ "a field's number ends early", { "\x80", 1 }, -ERR_CORRUPT },
		{ "a number ends early", { "\x18\xff", 2 }, -ERR_CORRUPT },
		{ "a number of eleven bytes", { "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 }, -ERR_CORRUPT },
		{ "bytes that are not there", { "\x12\x05" "ab", 4 }, -ERR_CORRUPT },
		{ "a length above all memory", { "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, -ERR_CORRUPT },
		{ "field 0", { "\x00\x00", 2 }, -ERR_CORRUPT },
		{ "a group, which nobody sends any more", { "\x0b", 1 }, -ERR_CORRUPT },
		{ "a header inside that is none", { "\x0a\x01\x80", 3 }, -ERR_CORRUPT },
		{ "another type than the table's is passed over", { "\x08\x01", 2 }, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ARENA_AUTO struct arena *a = arena_open(1 << 16);
		struct etcd_ranged got;

		print_message("  %s\n", cases[i].name);
		assert_int_equal(pb_decode(&etcd_ranged_msg, cases[i].in.p, cases[i].in.n, a, &got), cases[i].want);
	}
}

static void test_many_small_parts_meet_the_cap(void **state)
{
	ARENA_AUTO struct arena *a = arena_open(1 << 16);
	BUF_AUTO struct buf b = { 0 };
	struct etcd_ranged got;

	for (int i = 0; i < 10000; i++)
		buf_add(&b, "\x12\x00", 2);
	assert_int_equal(pb_decode(&etcd_ranged_msg, b.p, b.len, a, &got), -ERR_SIZE);
}

static void test_frames(void **state)
{
	static const struct {
		const char *name;
		struct pb_bytes in;
		int want;
		size_t msg_n;
	} cases[] = {
		{ "nothing yet", { "", 0 }, 0, 0 },
		{ "part of the head", { "\0\0\0\0", 4 }, 0, 0 },
		{ "an empty message", { "\0\0\0\0\0", 5 }, 1, 0 },
		{ "a message and more", { "\0\0\0\0\2abc", 8 }, 1, 2 },
		{ "part of a message", { "\0\0\0\1\0abc", 8 }, 0, 0 },
		{ "compressed", { "\1\0\0\0\2ab", 7 }, -ERR_CORRUPT, 0 },
		{ "too large", { "\0\4\0\0\1", 5 }, -ERR_SIZE, 0 },
		{ "the largest", { "\0\4\0\0\0", 5 }, 0, 0 },
	};
	BUF_AUTO struct buf out = { 0 };
	struct buf msg = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *p = NULL;
		size_t n = 0, used = 0;

		print_message("  %s\n", cases[i].name);
		assert_int_equal(etcd_frame(cases[i].in.p, cases[i].in.n, &p, &n, &used), cases[i].want);
		assert_int_equal(n, cases[i].msg_n);
		assert_int_equal(used, cases[i].want == 1 ? n + 5 : 0);
	}
	buf_adds(&msg, "hello");
	etcd_frame_make(&out, &msg);
	assert_int_equal(out.len, 10);
	assert_memory_equal(out.p, "\0\0\0\0\5hello", 10);
	assert_null(msg.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_have_the_bytes_of_protobuf),
		cmocka_unit_test(test_an_answer_is_read),
		cmocka_unit_test(test_bytes_that_are_no_message_are_refused),
		cmocka_unit_test(test_many_small_parts_meet_the_cap),
		cmocka_unit_test(test_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
