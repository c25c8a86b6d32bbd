/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd_txn - a write as a transaction: if the key is as expected, and the session's key too, and the keys that
 * it depends on (store_terms) live the same lives, then put or delete, else tell what there is.
 */
#include <string.h>

#include "store/etcd_priv.h"

/* What is compared, and what is asked when that is not so. */
struct asking {
	struct etcd_compare compare[2 + STORE_WHILE_MAX];
	struct etcd_range range[2 + STORE_WHILE_MAX];
	struct etcd_op op[2 + STORE_WHILE_MAX];
	const void *compares[2 + STORE_WHILE_MAX], *ops[2 + STORE_WHILE_MAX];
	size_t n;
};

static void expect(struct asking *a, const struct etcd_compare *c, bool whole)
{
	size_t i = a->n++;

	a->compare[i] = *c;
	a->range[i] = (struct etcd_range){ .key = c->key, .keys_only = !whole };
	a->op[i] = (struct etcd_op){ .range = &a->range[i] };
	a->compares[i] = &a->compare[i];
	a->ops[i] = &a->op[i];
}

int etcd_txn_ask(struct etcd *s, struct etcd_call *call, const struct etcd_question *q)
{
	const struct store_write *w = q->w;
	char key[ETCD_KEY_MAX], alive[STORE_WHILE_MAX][ETCD_KEY_MAX], tag[ETCD_TAG_LEN + 1];
	size_t n = w->value ? w->value->len : 0;
	struct asking a = { .n = 0 };
	BUF_AUTO struct buf value = { 0 };

	etcd_key(s, key, w->key);
	etcd_tag_text(tag, q->tag);
	buf_reserve(&value, n + ETCD_TAG_LEN);
	if (w->value)
		buf_add(&value, w->value->p, n);
	buf_add(&value, tag, ETCD_TAG_LEN);
	if (value.failed)
		return -ERR_NOMEM;

	const struct pb_bytes k = pb_str(key, strlen(key)), sk = pb_str(s->fence.session_key, strlen(s->fence.session_key));

	expect(&a, &(struct etcd_compare){ ETCD_EQUAL, ETCD_COMPARE_MOD, w->expect_rev, k }, q->whole);
	expect(&a, &(struct etcd_compare){ ETCD_EQUAL, ETCD_COMPARE_MOD, etcd_fence_compare(q->fence_rev), sk }, false);
	for (size_t i = 0; i < w->alive_count; i++) {
		etcd_key(s, alive[i], w->alive[i].key);
		expect(&a, &(struct etcd_compare){ .result = ETCD_EQUAL, .target = ETCD_COMPARE_CREATE,
			.key = pb_str(alive[i], strlen(alive[i])), .create_revision = w->alive[i].create_rev }, false);
	}

	const struct etcd_put put = { w->del ? pb_str(s->fence.deleted_key, strlen(s->fence.deleted_key)) : k,
		pb_str(value.p, value.len), w->del ? s->fence.lease : q->lease };
	const struct etcd_delete del = { k };
	const struct etcd_op put_op = { .put = &put }, del_op = { .del = &del };
	const struct etcd_txn txn = {
		.compare = { a.n, a.n, a.compares },
		.success = { w->del && !q->plain ? 2 : 1, 2, w->del ? (const void *[]){ &del_op, &put_op } :
			(const void *[]){ &put_op, NULL } },
		.failure = { a.n, a.n, a.ops },
	};
	return etcd_call(s->client, call, "/etcdserverpb.KV/Txn", &etcd_txn_msg, &txn, ETCD_CALL_MS);
}

static const struct etcd_kv *answer_of(const struct etcd_txn_done *t, size_t i)
{
	const struct etcd_ranged *r = i < t->responses.n ? ((const struct etcd_op_done *)t->responses.v[i])->range : NULL;

	return r && r->kvs.n ? r->kvs.v[0] : NULL;
}

void etcd_txn_found(const struct store_write *w, const struct etcd_txn_done *t, struct etcd_found *ret)
{
	const struct etcd_kv *session = answer_of(t, 1);

	*ret = (struct etcd_found){ .kv = answer_of(t, 0), .session_rev = session ? session->mod_revision : 0 };
	for (size_t i = 0; i < w->alive_count; i++) {
		const struct etcd_kv *alive = answer_of(t, 2 + i);

		ret->over |= !alive || alive->create_revision != w->alive[i].create_rev;
	}
}
