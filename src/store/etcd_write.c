/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd_write - writes, each a transaction of its own: if the key is as expected, and our
 * session's key too, and the keys that it depends on (store_terms) live the same lives, then put or delete, else tell
 * what there is.
 *
 *   queued --sent--> running --applied, refused--> unseen --came by--> told
 *      ^                |
 *      |                +--no answer--> unsure
 *      +--it did not come by until the fence--+  |
 *                                             +--+--it came by--> told
 *
 * When a member dies with a write, nobody knows whether that was or will yet be applied. So
 * the session's key is written anew: what is still under way can then not be applied any more,
 * and what was applied lies below that revision in the log. So it is, too, when a member lives
 * but has not answered for a while: its leader may have died with the write. When the follower has got there,
 * every write of ours either came by, known by its tag, or was not and may be sent again.
 * So a write is applied once, and its writer told the truth, whatever dies.
 *
 * Source: etcd rpc.proto, TxnRequest; Documentation/learning/api_guarantees: a request that
 * timed out may or may not have been applied.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "store/etcd_priv.h"

#define LOG_MODULE "etcd"
#include "base/log.h"

enum {
	WRITE_MS = 10000,              /* then its writer hears that it failed, or may have, */
	BUSY_MS = STORE_WRITE_MS - WRITE_MS,   /* so much later while a member answers others */
	SLOW_MS = 1500,                /* no answer: what if its leader died with it? */
	RUNNING_MAX = 256,
	QUEUE_BYTES_MAX = 256 << 20,
	SESSION_S = 3600,              /* after this without a write the session's key is made again */
	COMPLAIN_MS = 5000,
	RETRY_MS = 100,                /* what a member has no room for now */
};

struct write {
	struct list all, node;
	struct etcd *s;
	struct store_write *w;
	struct etcd_call call;
	uint64_t tag;
	int64_t due_ms, sent_ms, fence_rev;   /* fence_rev: what it was sent with */
	int64_t seen_rev;              /* it came by, with this revision; 0: not yet */
	int64_t shown_rev;             /* unseen: told when the follower has got there */
	unsigned gaps;                 /* in the follower's sight, when it was sent */
	bool blind;                    /* it may have been applied without anybody noticing */
	bool out;                      /* sent, and nobody has said that it was not done */
	bool plain;                    /* a deletion without its tag, for which there is no room */
};

static void pump(struct etcd *s);
static void fence(struct etcd *s);

static struct write *first(const struct list *l) { return list_entry(l->next, struct write, node); }

/* ---- telling ---- */

static void complain(struct etcd *s, int rc, const char *message)
{
	int64_t now = loop_now_ms(s->base.loop);

	if (s->w.complained_ms && now - s->w.complained_ms < COMPLAIN_MS)
		return;
	s->w.complained_ms = now;
	if (rc == -ERR_FULL && strstr(message, "space"))
		log_error("etcd's quota is used up (%s). The way out: give it room with etcdctl defrag on each member, after "
			"etcdctl compact REVISION if history is large, or a larger --quota-backend-bytes; then "
			"etcdctl alarm disarm", message);
	else if (rc == -ERR_SIZE)
		log_error("a write is too large for etcd (%s): raise its --max-request-bytes", message);
	else if (rc == -ERR_FORBIDDEN)
		log_error("etcd refuses a write (%s): its user needs readwrite on the prefix %s", message, s->prefix);
	else
		log_error("a write failed: %s", message);
}

static void tell(struct write *w, int rc, int64_t rev)
{
	struct etcd *s = w->s;
	struct store_write *sw = w->w;

	list_del(&w->all);
	list_del(&w->node);
	etcd_call_cancel(&w->call);
	s->w.pending--;
	s->w.bytes -= sw->value ? sw->value->len : 0;
	free(w);
	sw->rc = rc;
	sw->rev = rev;
	/* A follower has seen it. Where nobody follows, what a conflict tells is news. */
	if (rc == -ERR_CONFLICT && rev > s->base.rev && !s->f.on)
		s->base.rev = rev;
	store_complete(&s->base, sw);
}

static void cannot_tell(struct write *w)
{
	complain(w->s, 0, "whether a write was done before its key changed again cannot be told");
	tell(w, -ERR_DEADLINE, 0);
}

/* By revision: the events come so. */
static void wait_until_shown(struct write *w, int rc, int64_t rev, int64_t shown_rev)
{
	struct etcd *s = w->s;
	struct list *at = s->w.unseen.prev;

	w->w->rc = rc;
	w->w->rev = rev;
	if (!s->f.on || shown_rev <= s->f.reached) {
		tell(w, rc, rev);
		return;
	}
	w->shown_rev = shown_rev;
	while (at != &s->w.unseen && list_entry(at, struct write, node)->shown_rev > shown_rev)
		at = at->prev;
	list_del(&w->node);
	list_add_head(at, &w->node);
	/* A conflict's revision may be one of a foreign key. */
	if (rc)
		etcd_follow_want(s, shown_rev);
}

/* It was not done. at: where in the queue. */
static void queue_again(struct write *w, struct list *at)
{
	w->out = false;
	list_del(&w->node);
	list_add_head(at, &w->node);
}

/* Those that did not come by until the fence were not applied, and never will be. But one
 * that makes a key may have been, out of sight, and the key been removed since: to do it
 * again would bring that back. */
static void sort_unsure(struct etcd *s)
{
	struct list *back = &s->w.queued;

	if (!s->w.fence_rev || s->w.fencing || (s->f.on && s->f.reached < s->w.fence_rev))
		return;
	list_each(&s->w.unsure, n) {
		struct write *w = list_entry(n, struct write, node);

		if (w->seen_rev || (w->blind && s->f.on && !w->w->expect_rev))
			continue;
		queue_again(w, back);          /* before the younger ones */
		back = n;
	}
	/* Whoever is told may write at once, and that sends what is queued: so they come last. */
	while (!list_empty(&s->w.unsure)) {
		struct write *w = first(&s->w.unsure);

		if (w->seen_rev)
			wait_until_shown(w, 0, w->seen_rev, w->seen_rev);
		else
			cannot_tell(w);
	}
}

void etcd_writes_shown(struct etcd *s)
{
	while (!list_empty(&s->w.unseen) && first(&s->w.unseen)->shown_rev <= s->f.reached) {
		struct write *w = first(&s->w.unseen);

		tell(w, w->w->rc, w->w->rev);
	}
	if (!list_empty(&s->w.unsure)) {
		sort_unsure(s);
		pump(s);
	}
}

void etcd_writes_saw(struct etcd *s, uint64_t tag, int64_t rev)
{
	const struct list *in[] = { &s->w.running, &s->w.unsure };

	if (tag - s->w.first_tag >= s->w.next_tag - s->w.first_tag)
		return;
	/* They come by in about the order they were sent. */
	for (size_t i = 0; i < 2; i++)
		list_each(in[i], n) {
			struct write *w = list_entry(n, struct write, node);

			if (w->tag == tag) {
				w->seen_rev = rev;
				return;
			}
		}
}

void etcd_writes_blind(struct etcd *s)
{
	list_each(&s->w.unsure, n)
		list_entry(n, struct write, node)->blind = true;
}

/* Nobody knows what became of it. Did all that came by since it was sent come to our eyes? */
static void doubt(struct write *w)
{
	const struct etcd_follow *f = &w->s->f;

	w->blind |= w->plain || !f->on || !f->found || f->gaps != w->gaps;
	list_del(&w->node);
	list_add_tail(&w->s->w.unsure, &w->node);
}

/* When w is told, however it stands then. */
static int64_t end_ms(const struct write *w)
{
	int64_t busy = w->s->w.answered_ms + ETCD_CALL_MS, last = w->due_ms + BUSY_MS;

	return busy < w->due_ms ? w->due_ms : busy < last ? busy : last;
}

static void expired(void *arg)
{
	struct etcd *s = arg;
	int64_t now = loop_now_ms(s->base.loop);

	while (!list_empty(&s->w.all)) {
		struct write *w = list_entry(s->w.all.next, struct write, all);

		if (now < end_ms(w)) {
			loop_timer_set(&s->w.due, end_ms(w) - now);
			break;
		}
		if (w->call.client)
			s->w.running_count--;
		/* What its writer does not know shall not happen later, either. */
		if (w->out && !w->shown_rev && (!s->w.fence_rev || w->fence_rev == s->w.fence_rev)) {
			s->w.fence_rev = 0;
			fence(s);
		}
		complain(s, 0, w->out ? "etcd gave no answer in time" : "no member of etcd could be used in time");
		tell(w, w->out || w->blind ? -ERR_DEADLINE : -ERR_UNAVAILABLE, 0);
	}
	pump(s);
}

/* ---- asking ---- */

static bool took_effect(const struct write *w, const struct etcd_kv *kv)
{
	return kv && !w->w->del && etcd_tag(kv->value) == w->tag;
}

static void applied(struct write *w, const struct etcd_txn_done *t)
{
	if (w->w->expect_rev == 0)
		w->w->create_rev = t->header->revision;
	wait_until_shown(w, 0, t->header->revision, t->header->revision);
}

/* What the i-th question of a transaction found; NULL: nothing. */
static const struct etcd_kv *answer_of(const struct etcd_txn_done *t, size_t i)
{
	const struct etcd_ranged *r = i < t->responses.n ? ((const struct etcd_op_done *)t->responses.v[i])->range : NULL;

	return r && r->kvs.n ? r->kvs.v[0] : NULL;
}

/* The key was not as expected, or the session's was not. */
static void refused(struct write *w, const struct etcd_txn_done *t)
{
	struct etcd *s = w->s;
	const struct etcd_kv *kv = answer_of(t, 0), *session = answer_of(t, 1), *alive;
	bool over = false;

	for (size_t i = 0; i < w->w->alive_count; i++) {
		alive = answer_of(t, 2 + i);
		over |= !alive || alive->create_revision != w->w->alive[i].create_rev;
	}
	if (w->blind && took_effect(w, kv)) {
		wait_until_shown(w, 0, kv->mod_revision, kv->mod_revision);
	} else if (!session || session->mod_revision != w->fence_rev) {
		queue_again(w, &s->w.queued);
		if (w->fence_rev == s->w.fence_rev)
			s->w.fence_rev = 0;
		fence(s);
	} else if (w->blind) {
		cannot_tell(w);
	} else if (over) {
		wait_until_shown(w, -ERR_EXPIRED, 0, t->header->revision);
	} else {
		wait_until_shown(w, -ERR_CONFLICT, kv ? kv->mod_revision : 0,
			kv ? kv->mod_revision : t->header->revision);
	}
}

static void answered(struct etcd_call *call, const struct etcd_answer *a)
{
	struct write *w = list_entry(call, struct write, call);
	struct etcd *s = w->s;
	struct etcd_txn_done t;
	int rc = a->rc;

	s->w.running_count--;
	if (rc == 0)
		s->w.answered_ms = loop_now_ms(s->base.loop);
	if (rc == 0 && (etcd_read(s, &etcd_txn_done_msg, a->p, a->n, &t) < 0 || !t.header)) {
		complain(s, -ERR_CORRUPT, "an answer that is no etcd's");
		tell(w, -ERR_DEADLINE, 0);
	} else if (rc == 0 && t.succeeded) {
		applied(w, &t);
	} else if (rc == 0) {
		refused(w, &t);
	} else if (rc == -ERR_AGAIN) {
		queue_again(w, &s->w.queued);
		loop_timer_set(&s->w.retry, RETRY_MS);
		return;
	} else if (a->maybe && w->seen_rev) {
		wait_until_shown(w, 0, w->seen_rev, w->seen_rev);
	} else if (rc == -ERR_FULL && w->w->del && !w->plain) {
		w->plain = true;
		queue_again(w, &s->w.queued);
	} else if (a->maybe) {
		doubt(w);
		s->w.fence_rev = 0;
		fence(s);
	} else {
		complain(s, rc, a->message);
		tell(w, rc == -ERR_SIZE || rc == -ERR_NOMEM ? rc : -ERR_IO, 0);
	}
	pump(s);
}

/* A transaction being made: what is compared, and what is asked when that is not so. */
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

static int ask(struct write *w)
{
	struct etcd *s = w->s;
	const struct store_write *sw = w->w;
	char key[ETCD_KEY_MAX], alive[STORE_WHILE_MAX][ETCD_KEY_MAX], tag[ETCD_TAG_LEN + 1];
	size_t n = sw->value ? sw->value->len : 0;
	struct asking a = { .n = 0 };
	BUF_AUTO struct buf value = { 0 };

	etcd_key(s, key, sw->key);
	etcd_tag_text(tag, w->tag);
	buf_reserve(&value, n + ETCD_TAG_LEN);
	if (sw->value)
		buf_add(&value, sw->value->p, n);
	buf_add(&value, tag, ETCD_TAG_LEN);
	if (value.failed)
		return -ERR_NOMEM;

	const struct pb_bytes k = pb_str(key, strlen(key)), sk = pb_str(s->w.session_key, strlen(s->w.session_key));

	expect(&a, &(struct etcd_compare){ ETCD_EQUAL, ETCD_COMPARE_MOD, sw->expect_rev, k }, w->blind);
	expect(&a, &(struct etcd_compare){ ETCD_EQUAL, ETCD_COMPARE_MOD, s->w.fence_rev, sk }, false);
	for (size_t i = 0; i < sw->alive_count; i++) {
		etcd_key(s, alive[i], sw->alive[i].key);
		expect(&a, &(struct etcd_compare){ .result = ETCD_EQUAL, .target = ETCD_COMPARE_CREATE,
			.key = pb_str(alive[i], strlen(alive[i])), .create_revision = sw->alive[i].create_rev }, false);
	}

	const struct etcd_put put = { sw->del ? pb_str(s->w.deleted_key, strlen(s->w.deleted_key)) : k,
		pb_str(value.p, value.len), sw->del ? s->w.lease : 0 };
	const struct etcd_delete del = { k };
	const struct etcd_op put_op = { .put = &put }, del_op = { .del = &del };
	const struct etcd_txn txn = {
		.compare = { a.n, a.n, a.compares },
		.success = { sw->del && !w->plain ? 2 : 1, 2, sw->del ? (const void *[]){ &del_op, &put_op } :
			(const void *[]){ &put_op, NULL } },
		.failure = { a.n, a.n, a.ops },
	};
	w->fence_rev = s->w.fence_rev;
	w->gaps = s->f.gaps;
	w->call.done = answered;
	return etcd_call(s->client, &w->call, "/etcdserverpb.KV/Txn", &etcd_txn_msg, &txn,
		ETCD_CALL_MS);
}

/* The oldest has no answer. Unless only the queue before it is long, the fence passes it. */
static void slow(void *arg)
{
	struct etcd *s = arg;
	const struct write *w = first(&s->w.running);
	int64_t now = loop_now_ms(s->base.loop);

	if (list_empty(&s->w.running))
		return;
	if (now >= w->sent_ms + SLOW_MS) {
		s->w.fence_rev = 0;
		fence(s);
	} else {
		loop_timer_set(&s->w.slow, w->sent_ms + SLOW_MS - now);
	}
}

/* What ran when the fence was written has an answer by now, or is without effect, or came by. */
static void overtake(struct etcd *s)
{
	list_each(&s->w.running, n) {
		struct write *w = list_entry(n, struct write, node);

		etcd_call_cancel(&w->call);
		doubt(w);
	}
	s->w.running_count = 0;
}

static void pump(struct etcd *s)
{
	if (!s->w.fence_rev || s->w.fencing)
		return;
	while (!list_empty(&s->w.queued) && s->w.running_count < RUNNING_MAX) {
		struct write *w = first(&s->w.queued);

		/* This program was held, and its writer's reasons may be past. */
		if (env_now_ms() >= w->due_ms + BUSY_MS) {
			loop_timer_set(&s->w.due, 0);
			return;
		}
		/* Not now: when a member is ready, or memory is there, an answer pumps again. */
		if (ask(w) < 0)
			return;
		w->out = true;
		w->sent_ms = loop_now_ms(s->base.loop);
		list_del(&w->node);
		list_add_tail(&s->w.running, &w->node);
		s->w.running_count++;
		if (!loop_timer_is_set(&s->w.slow))
			loop_timer_set(&s->w.slow, SLOW_MS);
	}
}

static void retry(void *arg) { pump(arg); }

int etcd_write(struct store *base, struct store_write *sw)
{
	struct etcd *s = etcd_of(base);
	size_t bytes = sw->value ? sw->value->len : 0;
	struct write *w;

	if (s->closing)
		return -ERR_UNAVAILABLE;
	if (s->w.pending >= STORE_QUEUE_MAX || s->w.bytes + bytes > QUEUE_BYTES_MAX)
		return -ERR_FULL;
	if (etcd_is_internal(sw->key))
		return -ERR_BAD_REQUEST;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ERR_NOMEM;
	w->s = s;
	w->w = sw;
	/* Nothing is there that a deletion which expects nothing could remove. */
	if (sw->del && !sw->expect_rev)
		sw->expect_rev = -1;
	w->tag = s->w.next_tag++;
	w->due_ms = env_now_ms() + WRITE_MS;
	list_add_tail(&s->w.all, &w->all);
	list_add_tail(&s->w.queued, &w->node);
	s->w.bytes += bytes;
	if (++s->w.pending > s->w.pending_max)
		s->w.pending_max = s->w.pending;
	if (!loop_timer_is_set(&s->w.due))
		loop_timer_set(&s->w.due, WRITE_MS);
	if (s->w.fence_rev)
		pump(s);
	else
		fence(s);
	return 0;
}

/* ---- the fence ---- */

static void fence_failed(struct etcd *s, int rc, const char *message)
{
	bool away = rc == -ERR_UNAVAILABLE || rc == -ERR_DEADLINE;
	struct list told;

	s->w.fencing = false;
	s->w.lease = 0;
	complain(s, rc, message);
	/* Only those: who is told may write again at once. */
	list_init(&told);
	while (!list_empty(&s->w.queued)) {
		struct list *n = s->w.queued.next;

		list_del(n);
		list_add_tail(&told, n);
	}
	while (!list_empty(&told)) {
		struct write *w = first(&told);

		tell(w, w->blind ? -ERR_DEADLINE : away ? -ERR_UNAVAILABLE : -ERR_IO, 0);
	}
}

static void fenced(struct etcd_call *call, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(call, struct etcd, w.fence);
	struct etcd_done d;
	int rc;

	if (a->rc == -ERR_NOT_FOUND) {         /* the lease ended meanwhile */
		s->w.fencing = false;
		s->w.lease = 0;
		fence(s);
		return;
	}
	rc = a->rc < 0 ? a->rc : etcd_read(s, &etcd_done_msg, a->p, a->n, &d);
	if (rc < 0 || !d.header) {
		fence_failed(s, rc, a->message);
		return;
	}
	s->w.fencing = false;
	s->w.fence_rev = d.header->revision;
	overtake(s);
	sort_unsure(s);
	pump(s);
}

static void put_session(struct etcd *s)
{
	struct etcd_put put = { pb_str(s->w.session_key, strlen(s->w.session_key)), pb_str("\n", 1), s->w.lease };

	s->w.fence.done = fenced;
	if (etcd_call(s->client, &s->w.fence, "/etcdserverpb.KV/Put", &etcd_put_msg, &put, WRITE_MS) < 0)
		fence_failed(s, -ERR_NOMEM, "out of memory");
}

static void granted(struct etcd_call *call, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(call, struct etcd, w.fence);
	struct etcd_lease_granted g;

	int rc = a->rc < 0 ? a->rc : etcd_read(s, &etcd_lease_granted_msg, a->p, a->n, &g);

	if (rc < 0) {
		fence_failed(s, rc, a->message);
		return;
	}
	s->w.lease = g.id;
	put_session(s);
}

static void fence(struct etcd *s)
{
	const struct etcd_lease_grant grant = { SESSION_S };

	if (s->w.fence_rev || s->w.fencing)
		return;
	s->w.fencing = true;
	s->w.fence.ask_again = true;
	s->w.fence.attempt_ms = SLOW_MS;
	s->w.fence.done = granted;
	if (s->w.lease)
		put_session(s);
	else if (etcd_call(s->client, &s->w.fence, "/etcdserverpb.Lease/LeaseGrant", &etcd_lease_grant_msg, &grant, WRITE_MS) < 0)
		fence_failed(s, -ERR_NOMEM, "out of memory");
}

/* ---- beginning and end ---- */

void etcd_writes_ready(struct etcd *s)
{
	/* Also when nothing waits: what was told to be unknown is out of effect then. */
	if (s->w.next_tag != s->w.first_tag)
		fence(s);
	pump(s);
}

void etcd_writes_init(struct etcd *s)
{
	uint64_t id;
	char name[32];

	env_random(&id, sizeof(id));
	env_random(&s->w.first_tag, sizeof(s->w.first_tag));
	s->w.next_tag = s->w.first_tag;
	list_init(&s->w.all);
	list_init(&s->w.queued);
	list_init(&s->w.running);
	list_init(&s->w.unsure);
	list_init(&s->w.unseen);
	loop_timer_init(&s->w.due, s->base.loop, expired, s);
	loop_timer_init(&s->w.slow, s->base.loop, slow, s);
	loop_timer_init(&s->w.retry, s->base.loop, retry, s);
	snprintf(s->w.session, sizeof(s->w.session), "%016llx", (unsigned long long)id);
	snprintf(name, sizeof(name), "!s/%s", s->w.session);
	etcd_key(s, s->w.session_key, name);
	snprintf(name, sizeof(name), "!d/%s", s->w.session);
	etcd_key(s, s->w.deleted_key, name);
}

void etcd_writes_finish(struct etcd *s)
{
	while (!list_empty(&s->w.all))
		tell(list_entry(s->w.all.next, struct write, all), -ERR_DEADLINE, 0);
	etcd_call_cancel(&s->w.fence);
	loop_timer_stop(&s->w.due);
	loop_timer_stop(&s->w.slow);
	loop_timer_stop(&s->w.retry);
}
