/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd_write - writes on their way, each a transaction of its own (etcd_txn.c), that is bound to this program's session
 * (etcd_fence.c).
 *
 *   queued --sent--> running --applied, refused--> unseen --came by--> told
 *      ^                |
 *      |                +--no answer--> unsure
 *      +--it did not come by until the fence--+  |
 *                                             +--+--it came by--> told
 *
 * When a member dies with a write, nobody knows whether that was or will yet be applied. So the fence is made anew:
 * what is still under way can then not be applied any more, and what was applied lies below that revision in the log.
 * So it is, too, when a member lives but has not answered for a while: its leader may have died with the write. When the
 * follower has got there, every write of ours either came by, known by its tag, or was not and may be sent again.
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
	COMPLAIN_MS = 5000,
	RETRY_MS = 100,                /* what a member has no room for now */
	FULL_MS = 1000,                /* is there space again? */
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
		etcd_sync_want(s, shown_rev);
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

	if (!s->fence.rev || s->fence.busy || (s->f.on && s->f.reached < s->fence.at_rev))
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
		if (w->out && !w->shown_rev && (!s->fence.rev || w->fence_rev == s->fence.rev)) {
			s->fence.rev = 0;
			etcd_fence(s);
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

/* The key was not as expected, or the session's was not. */
static void refused(struct write *w, const struct etcd_txn_done *t)
{
	struct etcd *s = w->s;
	struct etcd_found now;

	etcd_txn_found(w->w, t, &now);
	if (w->blind && took_effect(w, now.kv)) {
		wait_until_shown(w, 0, now.kv->mod_revision, now.kv->mod_revision);
	} else if (now.session_rev != etcd_fence_compare(w->fence_rev)) {
		queue_again(w, &s->w.queued);
		if (w->fence_rev == s->fence.rev)
			s->fence.rev = 0;
		etcd_fence(s);
	} else if (w->blind) {
		cannot_tell(w);
	} else if (now.over) {
		wait_until_shown(w, -ERR_EXPIRED, 0, t->header->revision);
	} else {
		wait_until_shown(w, -ERR_CONFLICT, now.kv ? now.kv->mod_revision : 0,
			now.kv ? now.kv->mod_revision : t->header->revision);
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
	} else if (rc == -ERR_NOT_FOUND && w->w->keep_s && !a->maybe) {      /* its lease ended on the way */
		etcd_lease_drop(s, w->w->keep_s);
		queue_again(w, &s->w.queued);
	} else if (a->maybe) {
		doubt(w);
		s->fence.rev = 0;
		etcd_fence(s);
	} else {
		complain(s, rc, a->message);
		tell(w, rc == -ERR_SIZE || rc == -ERR_NOMEM || rc == -ERR_FULL ? rc : -ERR_IO, 0);
	}
	pump(s);
}

static int ask(struct write *w, int64_t lease)
{
	struct etcd *s = w->s;
	const struct etcd_question q = { w->w, w->tag, s->fence.rev, lease, w->plain, w->blind };

	w->fence_rev = s->fence.rev;
	w->gaps = s->f.gaps;
	w->call.done = answered;
	return etcd_txn_ask(s, &w->call, &q);
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
		s->fence.rev = 0;
		etcd_fence(s);
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

/* May w be sent now? What it takes for that is on its way, or comes with time. */
static bool may_send(struct write *w, int64_t *ret_lease)
{
	struct etcd *s = w->s;

	*ret_lease = 0;
	if (s->fence.rev == ETCD_FENCE_NONE && !w->w->del) {
		if (!loop_timer_is_set(&s->w.retry))
			loop_timer_set(&s->w.retry, FULL_MS);
		return false;
	}
	/* Its tag would be a put. */
	w->plain |= s->fence.rev == ETCD_FENCE_NONE;
	return !w->w->keep_s || w->w->del || (*ret_lease = etcd_lease_take(s, w->w->keep_s)) != 0;
}

static void pump(struct etcd *s)
{
	if (!s->fence.rev || s->fence.busy)
		return;
	list_each(&s->w.queued, n) {
		struct write *w = list_entry(n, struct write, node);
		int64_t lease;

		if (s->w.running_count >= RUNNING_MAX)
			return;
		/* This program was held, and its writer's reasons may be past. */
		if (env_now_ms() >= w->due_ms + BUSY_MS) {
			loop_timer_set(&s->w.due, 0);
			return;
		}
		if (!may_send(w, &lease))
			continue;
		/* Not now: when a member is ready, or memory is there, an answer pumps again. */
		if (ask(w, lease) < 0)
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

/* A member had no room, for a moment; or there was no space, and it is tried whether there is some now: not while
 * deletions are out, whose outcome that would leave unknown. */
static void retry(void *arg)
{
	struct etcd *s = arg;

	if (s->fence.rev == ETCD_FENCE_NONE && s->w.running_count) {
		loop_timer_set(&s->w.retry, RETRY_MS);
		return;
	}
	if (s->fence.rev == ETCD_FENCE_NONE) {
		s->fence.rev = 0;
		etcd_fence(s);
	}
	pump(s);
}

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
	if (s->fence.rev)
		pump(s);
	else
		etcd_fence(s);
	return 0;
}

/* ---- what fence and leases tell ---- */

/* Only those that wait now: who is told may write again at once. keep_s: of that; puts: those only. */
static void refuse_queued(struct etcd *s, int rc, bool puts, int64_t keep_s)
{
	struct list told;

	list_init(&told);
	list_each(&s->w.queued, n) {
		const struct write *w = list_entry(n, struct write, node);

		if ((puts && w->w->del) || (keep_s >= 0 && w->w->keep_s != keep_s))
			continue;
		list_del(n);
		list_add_tail(&told, n);
	}
	while (!list_empty(&told)) {
		struct write *w = first(&told);

		tell(w, w->blind ? -ERR_DEADLINE : rc, 0);
	}
}

static int as_told(int rc)
{
	return rc == -ERR_UNAVAILABLE || rc == -ERR_DEADLINE ? -ERR_UNAVAILABLE : rc == -ERR_FULL ? rc : -ERR_IO;
}

void etcd_writes_refuse(struct etcd *s, int rc, const char *message)
{
	complain(s, rc, message);
	refuse_queued(s, as_told(rc), false, -1);
}

void etcd_writes_fenced(struct etcd *s)
{
	overtake(s);
	sort_unsure(s);
	if (s->fence.rev == ETCD_FENCE_NONE) {
		complain(s, -ERR_FULL, "no space for a session");
		refuse_queued(s, -ERR_FULL, true, -1);
	}
	pump(s);
}

void etcd_writes_leased(struct etcd *s, unsigned keep_s, int rc, const char *message)
{
	if (rc) {
		complain(s, rc, message);
		refuse_queued(s, as_told(rc), false, keep_s);
	}
	pump(s);
}

/* ---- beginning and end ---- */

void etcd_writes_ready(struct etcd *s)
{
	/* Also when nothing waits: what was told to be unknown is out of effect then. */
	if (s->w.next_tag != s->w.first_tag)
		etcd_fence(s);
	pump(s);
}

void etcd_writes_init(struct etcd *s)
{
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
}

void etcd_writes_finish(struct etcd *s)
{
	while (!list_empty(&s->w.all))
		tell(list_entry(s->w.all.next, struct write, all), -ERR_DEADLINE, 0);
	loop_timer_stop(&s->w.due);
	loop_timer_stop(&s->w.slow);
	loop_timer_stop(&s->w.retry);
}
