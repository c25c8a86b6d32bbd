/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd_compact - history is forgotten by one program of several: by whom that did it last,
 * unless nothing came from it though it was due several times. Who is to do it writes the
 * revision into !c, if nobody else has meanwhile, and then has etcd compact up to there. So
 * all learn from the log which revisions are gone, before they are; but where etcd has no space for !c.
 *
 * Source: apiserver pkg/storage/etcd3/compact.go (a compare-and-swap of compact_rev_key).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/etcd_priv.h"

#define LOG_MODULE "etcd"
#include "base/log.h"

enum { OTHERS_TURNS = 3, COMPACT_MS = 10000 };

static void claim(struct etcd *s);

void etcd_compact_saw(struct etcd *s, struct pb_bytes value, int64_t mod_rev)
{
	char text[64], session[17];
	int64_t rev;

	snprintf(text, sizeof(text), "%.*s", (int)(value.n < 63 ? value.n : 63), value.p);
	if (mod_rev <= s->c.mod_rev || sscanf(text, "%" SCNd64 " %16[0-9a-f]", &rev, session) != 2)
		return;
	s->c.mod_rev = mod_rev;
	s->c.other = strcmp(session, s->fence.session) != 0;
	s->c.asked = 0;
	if (rev > s->base.compacted_rev)
		s->base.compacted_rev = rev;
}

bool etcd_compact_busy(const struct etcd *s) { return s->c.call.client != NULL; }

static void compacted(struct etcd_call *call, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(call, struct etcd, c.call);

	/* Expired: somebody's compaction went further. */
	if (a->rc < 0 && a->rc != -ERR_EXPIRED)
		log_warn("etcd's history up to revision %lld could not be compacted: %s", (long long)s->c.doing, a->message);
	if (s->c.want > s->c.doing)
		claim(s);
}

static void forget(struct etcd *s)
{
	const struct etcd_compact m = { s->c.doing };

	s->c.call.ask_again = true;
	s->c.call.done = compacted;
	if (etcd_call(s->client, &s->c.call, "/etcdserverpb.KV/Compact", &etcd_compact_msg, &m, COMPACT_MS) < 0)
		log_warn("etcd's history is not compacted now: out of memory");
}

static void claimed(struct etcd_call *call, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(call, struct etcd, c.call);
	const struct etcd_ranged *now;
	struct etcd_txn_done t;

	if (a->rc == -ERR_FULL) {      /* there is no space to tell the others; to forget gives some */
		forget(s);
		return;
	}
	if (a->rc < 0 || etcd_read(s, &etcd_txn_done_msg, a->p, a->n, &t) < 0 || !t.header) {
		log_warn("compacting etcd's history up to revision %lld is put off: %s", (long long)s->c.doing, a->message);
		return;
	}
	if (!t.succeeded) {            /* another one was faster */
		now = t.responses.n ? ((const struct etcd_op_done *)t.responses.v[0])->range : NULL;
		if (now && now->kvs.n)
			etcd_compact_saw(s, ((const struct etcd_kv *)now->kvs.v[0])->value,
				((const struct etcd_kv *)now->kvs.v[0])->mod_revision);
		else
			s->c.mod_rev = 0;
		return;
	}
	if (t.header->revision > s->c.mod_rev)
		s->c.mod_rev = t.header->revision;
	s->c.other = false;
	forget(s);
}

static void claim(struct etcd *s)
{
	char key[ETCD_KEY_MAX], value[64];

	etcd_key(s, key, "!c");
	snprintf(value, sizeof(value), "%lld %s", (long long)s->c.want, s->fence.session);

	const struct pb_bytes k = pb_str(key, strlen(key));
	const struct etcd_compare unchanged = { ETCD_EQUAL, ETCD_COMPARE_MOD, s->c.mod_rev, k };
	const struct etcd_put put = { k, pb_str(value, strlen(value)), 0 };
	const struct etcd_range now = { .key = k };
	const struct etcd_op put_op = { .put = &put }, now_op = { .range = &now };
	const struct etcd_txn txn = {
		.compare = { 1, 1, (const void *[]){ &unchanged } }, .success = { 1, 1, (const void *[]){ &put_op } },
		.failure = { 1, 1, (const void *[]){ &now_op } },
	};
	s->c.doing = s->c.want;
	s->c.call.ask_again = false;
	s->c.call.done = claimed;
	if (etcd_call(s->client, &s->c.call, "/etcdserverpb.KV/Txn", &etcd_txn_msg, &txn, COMPACT_MS) < 0)
		log_debug("compacting etcd's history is put off: no member is ready");
}

int etcd_compact(struct store *base, int64_t rev)
{
	struct etcd *s = etcd_of(base);

	if (s->c.other && ++s->c.asked <= OTHERS_TURNS)
		return 0;
	/* Forgetting has a revision, too: where nothing else has, there is nothing to forget. */
	if (s->f.on && s->f.event_rev <= base->compacted_rev) {
		base->compacted_rev = rev;
		return 0;
	}
	base->compacted_rev = rev;
	s->c.want = rev;
	if (!s->c.call.client)
		claim(s);
	return 0;
}
