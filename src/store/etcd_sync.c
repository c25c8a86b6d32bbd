/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd_sync - has a revision come by? And which is the newest (store_sync)?
 *
 * A revision comes by when an event with it does, or a later one; when only foreign keys were
 * written, nothing of ours would. So who waits for such a revision has !m written, a moment
 * later. (WatchProgressRequest would do it without a write, but until etcd 3.4.25 and 3.5.8
 * its answer may overtake events; Debian 12 has 3.4.23.)
 *
 * Who asks which is the newest is in `fresh` until the question goes out, in `asked` until it is answered, and in
 * `known` until that revision has come by. When for SIGHT_MS no member was there, or none answered, sight of the cluster
 * is lost: who waits is told so, and whoever comes is at once, until a question is answered.
 *
 * Source: etcd rpc.proto, WatchRequest, RangeRequest (linearizable); etcd issue 15220.
 */
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "store/etcd_priv.h"

enum {
	MARK_MS = 20,                  /* events that are on their way are given so long */
	MARK_AGAIN_MS = 1000,          /* nothing could be written */
	SIGHT_MS = 1500,
	SYNCS_MAX = 8192,
	ATTEMPT_MS = 1000,
};

/* ---- a revision has come by ---- */

struct sync {
	struct list node;
	store_sync_fn *done;
	void *arg;
	int64_t rev, since_ms;         /* rev 0: not known yet */
};

static struct sync *first_sync(const struct list *l) { return list_entry(l->next, struct sync, node); }

static void synced(struct etcd *s, struct sync *y, int rc)
{
	list_del(&y->node);
	s->y.count--;
	y->done(y->arg, rc);
	free(y);
}

void etcd_sync_reach(struct etcd *s, int64_t rev)
{
	if (rev <= s->f.reached)
		return;
	s->f.reached = rev;
	etcd_client_saw(s->client, rev);
	store_progress(&s->base, rev);
	if (s->f.reached >= s->y.wanted)
		loop_timer_stop(&s->y.mark_timer);
	etcd_writes_shown(s);
	while (!list_empty(&s->y.known) && first_sync(&s->y.known)->rev <= s->f.reached)
		synced(s, first_sync(&s->y.known), 0);
}

static void marked_at(struct etcd *s, int64_t rev)
{
	if (rev)
		s->y.marked = rev;
	if (s->y.wanted > s->f.reached && s->y.wanted > s->y.marked)
		loop_timer_set(&s->y.mark_timer, rev ? MARK_MS : MARK_AGAIN_MS);
}

static void removed(struct etcd_call *call, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(call, struct etcd, y.mark);
	struct etcd_deleted d;
	bool done = a->rc == 0 && etcd_read(s, &etcd_deleted_msg, a->p, a->n, &d) == 0 && d.header && d.deleted;

	marked_at(s, done ? d.header->revision : 0);
}

/* Without space a mark can be removed, if there is one. */
static void remove_mark(struct etcd *s)
{
	char key[ETCD_KEY_MAX];

	etcd_key(s, key, "!m");
	s->y.mark.done = removed;
	if (etcd_call(s->client, &s->y.mark, "/etcdserverpb.KV/DeleteRange", &etcd_delete_msg,
			&(struct etcd_delete){ pb_str(key, strlen(key)) }, ETCD_CALL_MS) < 0)
		loop_timer_set(&s->y.mark_timer, MARK_AGAIN_MS);
}

static void marked(struct etcd_call *call, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(call, struct etcd, y.mark);
	struct etcd_done d;

	if (a->rc == -ERR_FULL)
		remove_mark(s);
	else
		marked_at(s, a->rc == 0 && etcd_read(s, &etcd_done_msg, a->p, a->n, &d) == 0 && d.header ? d.header->revision : 0);
}

static void mark(void *arg)
{
	struct etcd *s = arg;
	char key[ETCD_KEY_MAX];

	if (s->y.mark.client || s->y.marked >= s->y.wanted)
		return;
	etcd_key(s, key, "!m");
	s->y.mark.ask_again = true;
	s->y.mark.attempt_ms = ATTEMPT_MS;
	s->y.mark.done = marked;
	if (etcd_call(s->client, &s->y.mark, "/etcdserverpb.KV/Put", &etcd_put_msg,
			&(struct etcd_put){ .key = pb_str(key, strlen(key)), .value = pb_str("\n", 1) }, ETCD_CALL_MS) < 0)
		loop_timer_set(&s->y.mark_timer, MARK_AGAIN_MS);
}

void etcd_sync_want(struct etcd *s, int64_t rev)
{
	if (rev > s->y.wanted)
		s->y.wanted = rev;
	if (rev > s->f.reached && !loop_timer_is_set(&s->y.mark_timer))
		loop_timer_set(&s->y.mark_timer, MARK_MS);
}

/* ---- sync ---- */

static void ask(struct etcd *s);

static int64_t due_ms(const struct sync *y) { return y->since_ms + (y->rev ? STORE_SYNC_MS : SIGHT_MS); }

static void sync_due(void *arg)
{
	struct etcd *s = arg;
	struct list *in[] = { &s->y.known, &s->y.asked, &s->y.fresh };   /* each the oldest first */
	int64_t now = loop_now_ms(s->base.loop), next = 0;

	for (size_t i = 0; i < 3; i++)
		while (!list_empty(in[i])) {
			struct sync *y = first_sync(in[i]);

			if (due_ms(y) > now) {
				next = next && next < due_ms(y) ? next : due_ms(y);
				break;
			}
			s->y.dark |= !y->rev;
			synced(s, y, y->rev ? -ERR_DEADLINE : -ERR_UNAVAILABLE);
		}
	if (next)
		loop_timer_set(&s->y.due, next - now);
}

static void told_rev(struct etcd_call *call, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(call, struct etcd, y.ask);
	struct etcd_ranged r;
	int rc = a->rc < 0 ? a->rc : etcd_read(s, &etcd_ranged_msg, a->p, a->n, &r);
	int64_t rev;

	if (rc == 0 && !r.header)
		rc = -ERR_CORRUPT;
	rev = rc == 0 ? r.header->revision : 0;
	s->y.dark &= rc != 0;
	while (!list_empty(&s->y.asked)) {
		struct sync *y = first_sync(&s->y.asked);

		y->rev = rev;
		if (rc < 0 || rev <= s->f.reached) {
			synced(s, y, rc == 0 ? 0 : -ERR_UNAVAILABLE);
			continue;
		}
		list_del(&y->node);
		list_add_tail(&s->y.known, &y->node);
		etcd_sync_want(s, rev);
	}
	if (!list_empty(&s->y.fresh))
		ask(s);
}

/* One question for all who came since the last one was asked. */
static void ask(struct etcd *s)
{
	struct etcd_range m = { .key = pb_str(s->fence.session_key, strlen(s->fence.session_key)), .count_only = 1 };

	s->y.ask.ask_again = true;
	s->y.ask.attempt_ms = ATTEMPT_MS;
	s->y.ask.done = told_rev;
	while (!list_empty(&s->y.fresh)) {
		struct list *n = s->y.fresh.next;

		list_del(n);
		list_add_tail(&s->y.asked, n);
	}
	if (etcd_call(s->client, &s->y.ask, "/etcdserverpb.KV/Range", &etcd_range_msg, &m, STORE_SYNC_MS) < 0)
		while (!list_empty(&s->y.asked))
			synced(s, first_sync(&s->y.asked), -ERR_UNAVAILABLE);
}

static void ask_now(void *arg)
{
	struct etcd *s = arg;

	if (!s->y.ask.client)
		ask(s);
}

int etcd_sync(struct store *base, store_sync_fn *done, void *arg)
{
	struct etcd *s = etcd_of(base);
	struct sync *y;

	if (!s->f.on)
		return 0;
	if (s->closing)
		return -ERR_UNAVAILABLE;
	if (s->y.count >= SYNCS_MAX)
		return -ERR_FULL;
	loop_defer(base->loop, &s->y.ask_task, ask_now, s);
	if (s->y.dark)
		return -ERR_UNAVAILABLE;
	y = malloc(sizeof(*y));
	if (!y)
		return -ERR_NOMEM;
	*y = (struct sync){ .done = done, .arg = arg, .since_ms = env_now_ms() };
	list_add_tail(&s->y.fresh, &y->node);
	s->y.count++;
	if (!loop_timer_is_set(&s->y.due))
		loop_timer_set(&s->y.due, SIGHT_MS);
	return 1;
}

/* ---- beginning and end ---- */

void etcd_sync_ready(struct etcd *s) { s->y.dark = false; }

void etcd_sync_init(struct etcd *s)
{
	list_init(&s->y.fresh);
	list_init(&s->y.asked);
	list_init(&s->y.known);
	loop_timer_init(&s->y.mark_timer, s->base.loop, mark, s);
	loop_timer_init(&s->y.due, s->base.loop, sync_due, s);
}

void etcd_sync_finish(struct etcd *s)
{
	struct list *in[] = { &s->y.known, &s->y.asked, &s->y.fresh };

	etcd_call_cancel(&s->y.mark);
	etcd_call_cancel(&s->y.ask);
	loop_timer_stop(&s->y.mark_timer);
	loop_timer_stop(&s->y.due);
	loop_defer_cancel(s->base.loop, &s->y.ask_task);
	for (size_t i = 0; i < 3; i++)
		while (!list_empty(in[i]))
			synced(s, first_sync(in[i]), -ERR_UNAVAILABLE);
}
