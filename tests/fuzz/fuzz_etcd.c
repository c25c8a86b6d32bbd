/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_etcd - what an etcd sends: frames of messages. What was understood is the same when it
 * is written and read again. The first byte chooses the message. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/etcd_conn.h"
#include "store/etcd_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct pb_msg *const msgs[] = { &etcd_ranged_msg, &etcd_txn_done_msg, &etcd_watched_msg, &etcd_done_msg,
	&etcd_lease_granted_msg, &etcd_authenticated_msg, &etcd_status_done_msg, &etcd_txn_msg };

static void read_message(const struct pb_msg *m, const char *p, size_t n)
{
	struct arena *a = arena_open(8 << 20);
	void *first = malloc(m->size), *second = malloc(m->size);
	struct buf b = { 0 }, c = { 0 };
	int r;

	assert(a && first && second);
	r = pb_decode(m, p, n, a, first);
	assert(r == 0 || r == -ERR_CORRUPT || r == -ERR_SIZE);
	if (r == 0) {
		pb_encode(m, first, &b);
		assert(b.len == pb_size(m, first));
		if (b.len && pb_decode(m, b.p, b.len, a, second) == 0) {
			pb_encode(m, second, &c);
			assert(b.len == c.len && !memcmp(b.p, c.p, b.len));
		}
	}
	if (r == 0 && m == &etcd_ranged_msg)
		for (size_t i = 0; i < ((struct etcd_ranged *)first)->kvs.n && i < 100; i++) {
			const struct etcd_kv *kv = ((struct etcd_ranged *)first)->kvs.v[i];
			uint64_t tag;
			struct blob *v = etcd_value(kv->value, &tag);

			assert(v && v->len == kv->value.n - (tag ? ETCD_TAG_LEN : 0));
			blob_unref(v);
		}
	buf_finish(&b);
	buf_finish(&c);
	free(first);
	free(second);
	arena_close(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct pb_msg *m = n ? msgs[p[0] % (sizeof(msgs) / sizeof(msgs[0]))] : NULL;
	size_t at = 1, msg_n, used;
	const char *msg;

	if (!n)
		return 0;
	while (etcd_frame((const char *)p + at, n - at, &msg, &msg_n, &used) == 1) {
		read_message(m, msg, msg_n);
		at += used;
	}
	read_message(m, (const char *)p + at, n - at);
	return 0;
}
